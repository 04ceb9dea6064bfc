//! Vocabularies of BERT: where they are found, and how texts are read with them.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use dst_core::dataset::read_file;
use dst_core::{DataSources, Error, HubCache, HubFiles, Result};
use dst_data::cache::{Sum, sum};
use dst_data::file::hexadecimal;
use dst_data::hub::{
    MAIN, TOKENIZER_CONFIG, VOCABULARY_FILES, cached, cached_instead, compare_with_cache,
};
use serde_json::{Map, Value, json};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, ModelWrapper, NormalizerWrapper, PreTokenizerWrapper, Tokenizer};

/// The vocabulary of the uncased BERTs.
pub const VOCABULARY: HubFiles =
    HubFiles { repository: "google-bert/bert-base-uncased", files: &["vocab.txt"] };

/// Where vocabularies are looked for under the data folder, beside the folder itself.
pub(crate) const FOLDER: &str = "bert-base-uncased";

/// SHA-256 of the `vocab.txt` of bert-base-uncased.
const UNCASED: &str = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3";

/// What a vocabulary may be called.
const JSON: &str = VOCABULARY_FILES[0];
const LIST: &str = VOCABULARY_FILES[1];

/// How word pieces are marked and what is no word, in every BERT.
const UNKNOWN: &str = "[UNK]";
const PREFIX: &str = "##";
const LONGEST_WORD: usize = 100;
const SPECIAL: [&str; 5] = ["[PAD]", UNKNOWN, "[CLS]", "[SEP]", "[MASK]"];

/// A vocabulary that was found and checked. Its tokenizer is built only if a text must be read.
pub struct Vocabulary {
    /// Its file.
    pub path: PathBuf,
    /// The same for two that read texts alike, whatever sort of file they are.
    pub digest: Sum,
    /// The file that the digest is of: that of `tokenizer.json` only if no `vocab.txt` says as
    /// much.
    pub name: &'static str,
    /// Distinct ids.
    pub size: i64,
    /// The id of `[PAD]`.
    pub pad: i64,
    source: Source,
}

enum Source {
    /// `vocab.txt`: every token with its id.
    Tokens { ids: HashMap<String, u32>, normalizer: BertNormalizer },
    /// `tokenizer.json`.
    Json(Box<Tokenizer>),
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens of {}", self.size, self.path.display())
    }
}

/// The vocabulary that a file, or a folder that holds it, is.
///
/// # Errors
/// If there is none.
pub fn given(text: &str) -> Result<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() {
        return Ok(path);
    }
    in_folder(&path).ok_or_else(|| {
        Error::data(format!("there is no vocabulary {text}"))
            .hint(format!("give a {LIST} or a {JSON}, or a folder that holds one"))
    })
}

/// The vocabulary that a folder holds. A tokenizer says all about itself, a list of tokens less, so
/// the former comes first.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    VOCABULARY_FILES.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Finds `tokenizer.json` or `vocab.txt` beside the weights that the model starts from; or else in
/// `bert-base-uncased/` of the data folder or in the folder itself; or else the vocabulary of that
/// model in the cache of the Hub.
///
/// # Errors
/// If there is none; `task` is what can be fetched.
pub fn find(task: &str, sources: &DataSources) -> Result<PathBuf> {
    if let Some(path) = sources.model_folder.as_deref().and_then(in_folder) {
        return Ok(path);
    }
    // There they say the same, and a list is read faster.
    let missing = match sources.find(FOLDER, &[LIST, JSON]) {
        Ok(path) => return Ok(path),
        Err(missing) => missing,
    };
    // The revision that may be asked for is one of the texts' repository.
    let hub = sources.hub.clone().map(|cache| HubCache { revision: MAIN.to_owned(), ..cache });
    // Its name before the Hub had organisations, which older tools still use.
    let old = HubFiles { repository: FOLDER, ..VOCABULARY };
    if let Some(found) = hub.as_ref().and_then(|hub| cached(hub, old.repository, old.files).ok()) {
        return Ok(found.files[0][0].clone());
    }
    let sources = DataSources { hub, ..sources.clone() };
    Ok(cached_instead(missing, &sources, &VOCABULARY, task)?.files[0][0].clone())
}

impl Vocabulary {
    /// Reads a vocabulary.
    ///
    /// # Errors
    /// If the special tokens are not in it.
    pub fn open(path: PathBuf) -> Result<Self> {
        Self::read(path.clone()).map_err(|error| error.at(path.display().to_string()))
    }

    fn read(path: PathBuf) -> Result<Self> {
        let bytes = read_file(&path)?;
        compare_with_cache(&path, || Ok(hexadecimal(&sum(&bytes))))?;
        let json = path.extension().is_some_and(|extension| extension == "json");
        let (source, size, plain) = if json {
            let tokenizer = tokenizer_of_bert(&bytes)?;
            let ids: HashMap<String, u32> = tokenizer.get_vocab(true).into_iter().collect();
            // Ids may have gaps; a model needs a row for the largest.
            let size = ids.values().max().map_or(0, |id| i64::from(*id) + 1);
            let plain = plain_normalizer(&tokenizer).and_then(|it| canonical(&ids, ids.len(), it));
            (Source::Json(Box::new(tokenizer)), size, plain)
        } else {
            let (ids, count) = tokens(&bytes)?;
            let normalizer = normalizer(&path, &ids)?;
            let plain = canonical(&ids, count, &normalizer);
            (Source::Tokens { ids, normalizer }, count as i64, plain)
        };
        let (digest, name) = plain.map_or_else(|| (sum(&bytes), JSON), |plain| (sum(&plain), LIST));
        let mut vocabulary = Self { path, digest, name, size, pad: 0, source };
        for token in [UNKNOWN, "[CLS]", "[SEP]"] {
            vocabulary.id(token)?;
        }
        vocabulary.pad = i64::from(vocabulary.id("[PAD]")?);
        Ok(vocabulary)
    }

    /// Is it that of the uncased BERTs?
    pub fn is_usual(&self) -> bool {
        hexadecimal(&self.digest) == UNCASED
    }

    pub(crate) fn id(&self, token: &str) -> Result<u32> {
        let id = match &self.source {
            Source::Tokens { ids, .. } => ids.get(token).copied(),
            Source::Json(tokenizer) => tokenizer.token_to_id(token),
        };
        id.ok_or_else(|| {
            Error::data(format!("there is no token {token}")).hint("a vocabulary of BERT is needed")
        })
    }

    /// A tokenizer that neither adds special tokens nor cuts.
    pub(crate) fn tokenizer(&self) -> Result<Tokenizer> {
        let broken =
            |error: tokenizers::Error| Error::data(format!("no tokenizer can be made: {error}"));
        let mut tokenizer = match &self.source {
            Source::Json(tokenizer) => (**tokenizer).clone(),
            Source::Tokens { ids, normalizer } => {
                let config = json!({
                    "type": "WordPiece",
                    "unk_token": UNKNOWN,
                    "continuing_subword_prefix": PREFIX,
                    "max_input_chars_per_word": LONGEST_WORD,
                    "vocab": ids,
                });
                // The crate reads its own JSON from text only, not from a value.
                let model: WordPiece = serde_json::from_str(&config.to_string())
                    .map_err(|error| broken(error.into()))?;
                let mut tokenizer = Tokenizer::new(model);
                tokenizer.with_normalizer(Some(*normalizer)).map_err(broken)?;
                tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
                let special = SPECIAL
                    .into_iter()
                    .filter(|token| ids.contains_key(*token))
                    .map(|token| AddedToken::from(token, true));
                tokenizer.add_special_tokens(special).map_err(broken)?;
                tokenizer
            }
        };
        tokenizer.with_truncation(None).map_err(broken)?;
        tokenizer.with_padding(None);
        Ok(tokenizer)
    }
}

/// The tokenizer in a `tokenizer.json`.
///
/// # Errors
/// If it is none of BERT: others may look across spaces, and then words cannot be read one by
/// one.
fn tokenizer_of_bert(bytes: &[u8]) -> Result<Tokenizer> {
    let tokenizer = Tokenizer::from_bytes(bytes)
        .map_err(|error| Error::data(format!("this is no tokenizer: {error}")))?;
    let pieces = matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_));
    let words =
        matches!(tokenizer.get_pre_tokenizer(), Some(PreTokenizerWrapper::BertPreTokenizer(_)));
    if pieces && words {
        return Ok(tokenizer);
    }
    Err(Error::data("this is not a tokenizer of BERT")
        .hint("word pieces after BERT's division into words are needed"))
}

/// How a tokenizer changes texts, if that and its tokens are all that there is to say of it, as of
/// a `vocab.txt`.
fn plain_normalizer(tokenizer: &Tokenizer) -> Option<&BertNormalizer> {
    let ModelWrapper::WordPiece(model) = tokenizer.get_model() else { return None };
    let usual = model.unk_token == UNKNOWN
        && model.continuing_subword_prefix == PREFIX
        && model.max_input_chars_per_word == LONGEST_WORD;
    let added = tokenizer.get_added_tokens_decoder();
    let all = SPECIAL.iter().filter(|token| tokenizer.token_to_id(token).is_some()).count();
    let traits = |token: &AddedToken| {
        [token.single_word, token.lstrip, token.rstrip, token.normalized, token.special]
    };
    let special = |token: &AddedToken| {
        let known = SPECIAL.iter().find(|known| **known == token.content);
        known.is_some_and(|known| traits(token) == traits(&AddedToken::from(*known, true)))
    };
    match tokenizer.get_normalizer() {
        Some(NormalizerWrapper::BertNormalizer(normalizer))
            if usual && added.len() == all && added.values().all(special) =>
        {
            Some(normalizer)
        }
        _ => None,
    }
}

/// All that decides how texts are read: the tokens in the order of their ids as a `vocab.txt` has
/// them, and nothing else where texts are changed as for the uncased BERTs. `None` if an id is not
/// below `count`. An id without a token is a place that no token has, not even an empty one.
fn canonical(
    ids: &HashMap<String, u32>,
    count: usize,
    normalizer: &BertNormalizer,
) -> Option<Vec<u8>> {
    let mut lines = vec!["\0"; count];
    for (token, id) in ids {
        *lines.get_mut(*id as usize)? = token.as_str();
    }
    let mut text = lines.join("\n") + "\n";
    let settings = |of: &BertNormalizer| {
        let accents = of.strip_accents.unwrap_or(of.lowercase);
        [of.clean_text, of.handle_chinese_chars, accents, of.lowercase]
    };
    if settings(normalizer) != settings(&BertNormalizer::default()) {
        text.push_str(&format!("\0{:?}", settings(normalizer)));
    }
    Some(text.into_bytes())
}

/// How texts are changed before they are read with a `vocab.txt`: as the `tokenizer_config.json`
/// beside it says. Where it does not say whether they are lowered, they are unless a token has
/// capital letters, which no lowered text would ever find.
fn normalizer(path: &Path, ids: &HashMap<String, u32>) -> Result<BertNormalizer> {
    let config = path.with_file_name(TOKENIZER_CONFIG);
    let settings: Map<String, Value> = if config.is_file() {
        serde_json::from_slice(&read_file(&config)?).map_err(|error| {
            let error = Error::data(format!("this is no JSON object: {error}"));
            error
                .at(TOKENIZER_CONFIG)
                .hint("it says how texts are read; without it, the tokens decide")
        })?
    } else {
        Map::new()
    };
    let flag = |key: &str| settings.get(key).and_then(Value::as_bool);
    let has_capitals = |token: &String| {
        !token.starts_with('[') && token.contains(|letter: char| letter.is_ascii_uppercase())
    };
    let lowercase = flag("do_lower_case").unwrap_or_else(|| !ids.keys().any(has_capitals));
    let chinese = flag("tokenize_chinese_chars").unwrap_or(true);
    Ok(BertNormalizer::new(true, chinese, flag("strip_accents"), lowercase))
}

/// The tokens of `vocab.txt`, one a line, and the number of lines. A token's id is its place; of one
/// that occurs twice the last, as for Hugging Face's tokenizers, and the other row of the table of
/// words is never used.
fn tokens(bytes: &[u8]) -> Result<(HashMap<String, u32>, usize)> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::data("this is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.is_empty() {
        return Err(Error::data("the file is empty").hint("fetch it again"));
    }
    let Some(text) = text.strip_suffix('\n') else {
        return Err(Error::data("the file is cut off: no line feed ends its last token")
            .hint("fetch it again; if nothing is missing, add the line feed"));
    };
    let mut tokens = HashMap::new();
    for (token, id) in text.split('\n').zip(0u32..) {
        tokens.insert(token.strip_suffix('\r').unwrap_or(token).to_owned(), id);
    }
    Ok((tokens, text.split('\n').count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{found, small};
    use std::fs;

    #[test]
    fn a_vocabulary_beside_the_weights_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let usual = small(folder.path());
        let weights = folder.path().join("model/model.safetensors");
        let sources = DataSources {
            data_dir: Some(folder.path().to_path_buf()),
            hub: None,
            ..DataSources::default()
        };
        let beside = sources.for_weights(Some(&weights));
        assert_eq!(found(&beside).unwrap().path, usual.path);
        fs::create_dir_all(folder.path().join("model")).unwrap();
        let own = weights.with_file_name("vocab.txt");
        fs::write(&own, "[PAD]\n[UNK]\n[CLS]\n[SEP]\nother\n").unwrap();
        let vocabulary = found(&beside).unwrap();
        assert_eq!((&vocabulary.path, vocabulary.size), (&own, 5));
        assert_eq!(found(&sources.for_weights(None)).unwrap().path, usual.path);
    }

    #[test]
    fn of_a_token_that_occurs_twice_the_last_place_counts() {
        let folder = tempfile::tempdir().unwrap();
        let open = |text: &str| {
            let path = folder.path().join("vocab.txt");
            fs::write(&path, text).unwrap();
            Vocabulary::open(path).unwrap()
        };
        let twice = open("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\na\n");
        assert_eq!(twice.size, 7);
        let encoding = twice.tokenizer().unwrap().encode("a b", false).unwrap();
        assert_eq!(encoding.get_ids(), [6, 5]);
        let once = open("[PAD]\n[UNK]\n[CLS]\n[SEP]\nc\nb\na\n");
        assert_ne!((twice.digest, twice.name), (once.digest, JSON));
    }

    #[test]
    fn unusable_vocabularies_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let sources = DataSources {
            data_dir: Some(folder.path().to_path_buf()),
            hub: None,
            ..DataSources::default()
        };
        let refusal = || found(&sources).unwrap_err().to_string();
        assert!(refusal().starts_with("vocab.txt was not found in"), "{}", refusal());
        let file = folder.path().join("vocab.txt");
        for (text, expected) in [
            ("a\nb\n", "there is no token [UNK]"),
            ("[UNK]\n[CLS]\n[SEP]\n", "there is no token [PAD]"),
            ("", "the file is empty"),
            ("\u{feff}", "the file is empty"),
            ("x", "the file is cut off"),
            ("[PAD]\n[UNK]\n[CLS]\n[SEP]\nwo", "the file is cut off"),
        ] {
            fs::write(&file, text).unwrap();
            assert!(refusal().contains(expected), "{}", refusal());
        }
        fs::write(&file, b"[PAD]\n\xff\n").unwrap();
        assert!(refusal().contains("this is not UTF-8"), "{}", refusal());
        fs::write(&file, "\u{feff}[PAD]\n[UNK]\n[CLS]\n[SEP]\n").unwrap();
        assert_eq!((found(&sources).unwrap().size, found(&sources).unwrap().pad), (4, 0));
        fs::remove_file(&file).unwrap();
        let json = folder.path().join("tokenizer.json");
        for text in ["", "{", "[]", "\u{feff}{}"] {
            fs::write(&json, text).unwrap();
            assert!(refusal().contains("this is no tokenizer"), "{}", refusal());
        }
        let pairs = r#"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}"#;
        fs::write(&json, pairs).unwrap();
        assert!(refusal().contains("this is not a tokenizer of BERT"), "{}", refusal());
        fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        assert!(refusal().contains("this is no tokenizer"), "{}", refusal());
        fs::write(&file, "[PAD]\n[UNK]\n[CLS]\n[SEP]\n").unwrap();
        fs::write(folder.path().join(TOKENIZER_CONFIG), "[]").unwrap();
        assert!(
            refusal().contains("tokenizer_config.json: this is no JSON object"),
            "{}",
            refusal()
        );
    }

    #[test]
    fn a_vocabulary_that_the_cache_damaged_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = folder.path().join("blobs");
        fs::create_dir(&blobs).unwrap();
        let open = |name: String| {
            fs::write(blobs.join(&name), SMALL).unwrap();
            Vocabulary::open(blobs.join(name))
        };
        assert!(open(hexadecimal(&sum(SMALL.as_bytes()))).is_ok());
        let error = open("0".repeat(64)).unwrap_err().to_string();
        assert!(error.contains("the file is damaged: its SHA-256 is"), "{error}");
    }

    /// A vocabulary of these tokens, read from `vocab.txt` or `tokenizer.json`.
    fn of(tokens: &str, config: Option<Value>) -> [Vocabulary; 2] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vocab.txt");
        fs::write(&file, tokens).unwrap();
        if let Some(config) = config {
            fs::write(folder.path().join(TOKENIZER_CONFIG), config.to_string()).unwrap();
        }
        let list = Vocabulary::open(file).unwrap();
        let json = folder.path().join("tokenizer.json");
        list.tokenizer().unwrap().save(&json, false).unwrap();
        [list, Vocabulary::open(json).unwrap()]
    }

    const SMALL: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n";

    #[test]
    fn both_sorts_of_file_have_one_digest_if_they_read_alike() {
        let [list, json] = of(SMALL, None);
        // That of `sha256sum vocab.txt`.
        assert_eq!((list.digest, list.name), (sum(SMALL.as_bytes()), "vocab.txt"));
        assert_eq!((json.digest, json.name), (list.digest, "vocab.txt"));
        let [windows, _] = of(&SMALL.replace('\n', "\r\n"), None);
        assert_eq!(windows.digest, list.digest);
        let [other, _] = of(&SMALL.replace("a\nb", "b\na"), None);
        assert_ne!(other.digest, list.digest);
        let [cased, json] = of(SMALL, Some(json!({ "do_lower_case": false })));
        assert_ne!(cased.digest, list.digest);
        assert_eq!(cased.digest, json.digest);
    }

    #[test]
    fn a_tokenizer_that_no_list_describes_has_a_digest_of_its_own() {
        let [list, _] = of(SMALL, None);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        let mut tokenizer = list.tokenizer().unwrap();
        tokenizer.add_tokens([AddedToken::from("a b", false)]).unwrap();
        tokenizer.save(&path, false).unwrap();
        let bytes = fs::read(&path).unwrap();
        let other = Vocabulary::open(path).unwrap();
        assert_eq!((other.digest, other.name, other.size), (sum(&bytes), "tokenizer.json", 8));
    }

    /// Does a vocabulary lower texts, and does it strip accents?
    fn habits(vocabulary: &Vocabulary) -> [bool; 2] {
        let tokenizer = vocabulary.tokenizer().unwrap();
        let pieces = |text: &str| tokenizer.encode_fast(text, false).unwrap().get_ids().to_vec();
        [pieces("A") == pieces("a"), pieces("\u{e1}") == pieces("a")]
    }

    #[test]
    fn texts_are_lowered_as_the_config_or_else_the_tokens_say() {
        let cased = SMALL.replace("b\n", "B\n");
        let lowered = |tokens: &str, config: Option<Value>| habits(&of(tokens, config)[0]);
        assert_eq!(lowered(SMALL, None), [true, true]);
        assert_eq!(lowered(&cased, None), [false, false]);
        assert_eq!(lowered(&cased, Some(json!({ "do_lower_case": true }))), [true, true]);
        assert_eq!(lowered(SMALL, Some(json!({ "do_lower_case": false }))), [false, false]);
        assert_eq!(lowered(SMALL, Some(json!({ "strip_accents": false }))), [true, false]);
        let other = json!({ "do_lower_case": false, "strip_accents": true });
        assert_eq!(lowered(SMALL, Some(other)), [false, true]);
    }
}
