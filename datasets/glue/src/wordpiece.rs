//! From texts to token ids: the uncased WordPiece of BERT.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use dst_core::dataset::read_file;
use dst_core::{DataSources, Error, HubCache, HubFiles, Result};
use dst_data::hub::{MAIN, cached, cached_instead};
use serde_json::json;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::{AddedToken, ModelWrapper, PreTokenizerWrapper, Tokenizer};

use crate::cache::{Sum, sum};
use crate::encoded::Encoded;
use crate::task::VOCABULARY;
use crate::tsv::Rows;

/// Rows that one thread is given at least; below that a thread costs more than it saves.
const ROWS_PER_THREAD: usize = 500;

/// Where vocabularies are looked for under the data folder, beside the folder itself.
const FOLDER: &str = "bert-base-uncased";

/// A vocabulary that was found and checked. Its tokenizer is built only if a text must be read.
pub(crate) struct Vocabulary {
    pub(crate) path: PathBuf,
    pub(crate) digest: Sum,
    /// Distinct ids.
    pub(crate) size: i64,
    /// The id of `[PAD]`.
    pub(crate) pad: i64,
    source: Source,
}

enum Source {
    /// `vocab.txt`: every token with its id.
    Tokens(HashMap<String, u32>),
    /// `tokenizer.json`.
    Json(Box<Tokenizer>),
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens of {}", self.size, self.path.display())
    }
}

/// What a vocabulary may be called.
const NAMES: [&str; 2] = ["vocab.txt", "tokenizer.json"];

/// The vocabulary that a file, or a folder that holds it, is.
///
/// # Errors
/// If there is none.
pub(crate) fn given(text: &str) -> Result<PathBuf> {
    let path = PathBuf::from(text);
    if path.is_file() {
        return Ok(path);
    }
    in_folder(&path).ok_or_else(|| {
        Error::data(format!("there is no vocabulary {text}"))
            .hint(format!("give a {} or a {}, or a folder that holds one", NAMES[0], NAMES[1]))
    })
}

/// The vocabulary that a folder holds. A tokenizer says whether it lowers, a list of tokens does
/// not, so it comes first.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    NAMES.iter().rev().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Finds `tokenizer.json` or `vocab.txt` beside the weights that the model starts from; or else in
/// `bert-base-uncased/` of the data folder or in the folder itself; or else the vocabulary of that
/// model in the cache of the Hub.
///
/// # Errors
/// If there is none; `task` is what can be fetched.
pub(crate) fn find(task: &str, sources: &DataSources) -> Result<PathBuf> {
    if let Some(path) = sources.model_folder.as_deref().and_then(in_folder) {
        return Ok(path);
    }
    let missing = match sources.find(FOLDER, &NAMES) {
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
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        Self::read(path.clone()).map_err(|error| error.at(path.display().to_string()))
    }

    fn read(path: PathBuf) -> Result<Self> {
        let bytes = read_file(&path)?;
        let json = path.extension().is_some_and(|extension| extension == "json");
        let source = if json {
            let tokenizer = Tokenizer::from_bytes(&bytes)
                .map_err(|error| Error::data(format!("this is no tokenizer: {error}")))?;
            // Others may look across spaces, and then words cannot be read one by one.
            let pieces = matches!(tokenizer.get_model(), ModelWrapper::WordPiece(_));
            let words = matches!(
                tokenizer.get_pre_tokenizer(),
                Some(PreTokenizerWrapper::BertPreTokenizer(_))
            );
            if !(pieces && words) {
                return Err(Error::data("this is not a tokenizer of BERT")
                    .hint("word pieces after BERT's division into words are needed"));
            }
            Source::Json(Box::new(tokenizer))
        } else {
            Source::Tokens(tokens(&bytes)?)
        };
        let mut vocabulary = Self { path, digest: sum(&bytes), size: 0, pad: 0, source };
        vocabulary.size = match &vocabulary.source {
            Source::Tokens(tokens) => tokens.len() as i64,
            // Ids may have gaps; a model needs a row for the largest.
            Source::Json(tokenizer) => {
                tokenizer.get_vocab(true).into_values().max().map_or(0, |id| i64::from(id) + 1)
            }
        };
        for token in ["[UNK]", "[CLS]", "[SEP]"] {
            vocabulary.id(token)?;
        }
        vocabulary.pad = i64::from(vocabulary.id("[PAD]")?);
        Ok(vocabulary)
    }

    fn id(&self, token: &str) -> Result<u32> {
        let id = match &self.source {
            Source::Tokens(tokens) => tokens.get(token).copied(),
            Source::Json(tokenizer) => tokenizer.token_to_id(token),
        };
        id.ok_or_else(|| {
            Error::data(format!("there is no token {token}")).hint("a vocabulary of BERT is needed")
        })
    }

    /// A tokenizer that neither adds special tokens nor cuts.
    fn tokenizer(&self) -> Result<Tokenizer> {
        let broken =
            |error: tokenizers::Error| Error::data(format!("no tokenizer can be made: {error}"));
        let mut tokenizer = match &self.source {
            Source::Json(tokenizer) => (**tokenizer).clone(),
            Source::Tokens(tokens) => {
                let config = json!({
                    "type": "WordPiece",
                    "unk_token": "[UNK]",
                    "continuing_subword_prefix": "##",
                    "max_input_chars_per_word": 100,
                    "vocab": tokens,
                });
                // The crate reads its own JSON from text only, not from a value.
                let model: WordPiece = serde_json::from_str(&config.to_string())
                    .map_err(|error| broken(error.into()))?;
                let mut tokenizer = Tokenizer::new(model);
                tokenizer.with_normalizer(Some(BertNormalizer::default())).map_err(broken)?;
                tokenizer.with_pre_tokenizer(Some(BertPreTokenizer));
                let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
                    .into_iter()
                    .filter(|token| tokens.contains_key(*token))
                    .map(|token| AddedToken::from(token, true));
                tokenizer.add_special_tokens(special).map_err(broken)?;
                tokenizer
            }
        };
        tokenizer.with_truncation(None).map_err(broken)?;
        tokenizer.with_padding(None);
        Ok(tokenizer)
    }

    /// Token ids of all rows, `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, at most `length` each
    /// (3 or more): the longer sentence is cut first. Works in parallel; the result does not
    /// depend on the number of threads.
    ///
    /// # Errors
    /// If the vocabulary makes no tokenizer.
    pub(crate) fn encode(&self, rows: &Rows<'_>, length: usize) -> Result<Encoded> {
        let reader = Reader {
            tokenizer: self.tokenizer()?,
            start: self.id("[CLS]")?,
            end: self.id("[SEP]")?,
            length,
        };
        let count = rows.first.len();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let chunk = count.div_ceil(threads).max(ROWS_PER_THREAD);
        let parts: Vec<Result<Encoded>> = thread::scope(|scope| {
            let workers: Vec<_> = (0..count)
                .step_by(chunk)
                .map(|start| {
                    let reader = &reader;
                    let end = (start + chunk).min(count);
                    scope.spawn(move || reader.encode(rows, start..end))
                })
                .collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                worker.join().expect("tokenising does not panic")
            };
            workers.into_iter().map(join).collect()
        });
        let mut encoded = Encoded::default();
        for part in parts {
            encoded.append(&part?);
        }
        encoded.labels.clone_from(&rows.labels);
        Ok(encoded)
    }
}

/// Turns rows into ids.
struct Reader {
    tokenizer: Tokenizer,
    start: u32,
    end: u32,
    /// Of the longest row.
    length: usize,
}

impl Reader {
    fn encode(&self, rows: &Rows<'_>, part: Range<usize>) -> Result<Encoded> {
        let mut encoded = Encoded::default();
        let mut known = HashMap::new();
        let (mut first, mut second, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for row in part {
            self.pieces(rows.first[row], &mut known, &mut first)?;
            ids.clear();
            ids.push(self.start);
            match rows.second.get(row) {
                None => {
                    first.truncate(self.length - 2);
                    ids.extend(first.iter().chain([&self.end]));
                    encoded.push(&ids, ids.len() as u32);
                }
                Some(text) => {
                    self.pieces(text, &mut known, &mut second)?;
                    let (a, b) = longest_first(first.len(), second.len(), self.length - 3);
                    ids.extend(first[..a].iter().chain([&self.end]));
                    ids.extend(second[..b].iter().chain([&self.end]));
                    encoded.push(&ids, a as u32 + 2);
                }
            }
        }
        Ok(encoded)
    }

    /// The pieces of a text. BERT's rules never look across a space, so what stands between two
    /// is read once and remembered: texts repeat their words, and this is several times faster.
    fn pieces<'a>(
        &self,
        text: &'a str,
        known: &mut HashMap<&'a str, Vec<u32>>,
        pieces: &mut Vec<u32>,
    ) -> Result<()> {
        pieces.clear();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            if let Some(ids) = known.get(word) {
                pieces.extend(ids);
                continue;
            }
            let read = self
                .tokenizer
                .encode_fast(word, false)
                .map_err(|error| Error::data(format!("'{word}' cannot be tokenised: {error}")))?;
            pieces.extend(read.get_ids());
            known.insert(word, read.get_ids().to_vec());
        }
        Ok(())
    }
}

/// How many tokens of two sentences are kept so that `room` is enough: the longer is cut until
/// both are of one length, then both; an odd place is left to the longer one, and to the second
/// of two like ones, as in the `tokenizers` crate.
fn longest_first(first: usize, second: usize, room: usize) -> (usize, usize) {
    if first + second <= room {
        return (first, second);
    }
    let half = room / 2;
    match (first.min(second) <= half, first > second) {
        (true, true) => (room - second, second),
        (true, false) => (first, room - first),
        (false, true) => (room - half, half),
        (false, false) => (half, room - half),
    }
}

/// The tokens of `vocab.txt`, one a line; a token's id is its place.
fn tokens(bytes: &[u8]) -> Result<HashMap<String, u32>> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::data("this is not UTF-8"))?;
    let mut tokens = HashMap::new();
    for (token, id) in text.strip_suffix('\n').unwrap_or(text).split('\n').zip(0u32..) {
        let token = token.strip_suffix('\r').unwrap_or(token);
        if tokens.insert(token.to_owned(), id).is_some() {
            return Err(Error::data(format!("the token '{token}' occurs twice"))
                .at(format!("line {}", id + 1)));
        }
    }
    Ok(tokens)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::fs;

    use tokenizers::TruncationParams;
    use tokenizers::processors::bert::BertProcessing;

    /// The vocabulary that `glue/rte` finds.
    pub(crate) fn found(sources: &DataSources) -> Result<Vocabulary> {
        Vocabulary::open(find("glue/rte", sources)?)
    }

    /// A vocabulary of ten tokens in `folder/bert-base-uncased`.
    pub(crate) fn small(folder: &Path) -> Vocabulary {
        let at = folder.join(FOLDER);
        fs::create_dir_all(&at).unwrap();
        let tokens = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##b\n.\nc\n";
        fs::write(at.join("vocab.txt"), tokens).unwrap();
        found(&DataSources { data_dir: Some(folder.to_path_buf()), hub: None, model_folder: None })
            .unwrap()
    }

    fn rows<'a>(first: &[&'a str], second: &[&'a str]) -> Rows<'a> {
        Rows { first: first.to_vec(), second: second.to_vec(), labels: vec![0.0; first.len()] }
    }

    #[test]
    fn words_are_lowered_split_and_framed() {
        let folder = tempfile::tempdir().unwrap();
        let vocabulary = small(folder.path());
        assert_eq!((vocabulary.size, vocabulary.pad), (10, 0));
        let encoded = vocabulary.encode(&rows(&["A abb.", "", "Á zebra"], &[]), 128).unwrap();
        assert_eq!(encoded.row(0).unwrap(), [2, 5, 5, 7, 7, 8, 3]);
        assert_eq!(encoded.row(1).unwrap(), [2, 3]);
        assert_eq!(encoded.row(2).unwrap(), [2, 5, 1, 3]);
        assert_eq!(encoded.firsts, [7, 2, 4]);
        let pairs = vocabulary.encode(&rows(&["a b"], &["c"]), 128).unwrap();
        assert_eq!(pairs.row(0).unwrap(), [2, 5, 6, 3, 9, 3]);
        assert_eq!(pairs.firsts, [4]);
    }

    #[test]
    fn the_longer_sentence_is_cut_first() {
        let folder = tempfile::tempdir().unwrap();
        let vocabulary = small(folder.path());
        let (long, short) = ("a ".repeat(200), "b ".repeat(20));
        let both = |first: &str, second: &str| {
            let encoded = vocabulary.encode(&rows(&[first], &[second]), 128).unwrap();
            let ids = encoded.row(0).unwrap().to_vec();
            let count = |token: u32| ids.iter().filter(|id| **id == token).count();
            (ids.len(), count(5), count(6))
        };
        assert_eq!(both(&long, &short), (128, 105, 20));
        assert_eq!(both(&short, &long), (128, 105, 20));
        assert_eq!(both(&long, &"b ".repeat(200)), (128, 62, 63));
        let single = vocabulary.encode(&rows(&[&long], &[]), 128).unwrap();
        assert_eq!(single.row(0).unwrap().len(), 128);
        assert_eq!(single.row(0).unwrap()[127], 3);
    }

    /// Rows read at once by the crate, framed and cut by it.
    #[test]
    fn reading_word_by_word_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let vocabulary = small(folder.path());
        let mut whole = vocabulary.tokenizer().unwrap();
        let special = |token: &str| (token.to_owned(), vocabulary.id(token).unwrap());
        whole.with_post_processor(Some(BertProcessing::new(special("[SEP]"), special("[CLS]"))));
        let cut = TruncationParams { max_length: 128, ..TruncationParams::default() };
        whole.with_truncation(Some(cut)).unwrap();
        let texts = [
            "a  bb.c\u{85}a\u{a0}b \u{2028}c\u{200b}a [MASK] a[MASK]b \u{301}a \u{4e2d}a \0b",
            &"a ".repeat(62),
            &"b. ".repeat(31),
            &"c ".repeat(63),
            &"ab ".repeat(300),
            "",
        ];
        for first in texts {
            for second in texts {
                let encoded = vocabulary.encode(&rows(&[first], &[second]), 128).unwrap();
                let expected = whole.encode_fast((first, second), true).unwrap();
                assert_eq!(encoded.row(0).unwrap(), expected.get_ids());
                let segment = expected.get_type_ids().iter().filter(|id| **id == 0).count();
                assert_eq!(encoded.firsts, [segment as u32]);
            }
            let encoded = vocabulary.encode(&rows(&[first], &[]), 128).unwrap();
            let expected = whole.encode_fast(first, true).unwrap();
            assert_eq!(encoded.row(0).unwrap(), expected.get_ids());
        }
    }

    #[test]
    fn a_vocabulary_beside_the_weights_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let usual = small(folder.path());
        let weights = folder.path().join("model/model.safetensors");
        let sources = DataSources {
            data_dir: Some(folder.path().to_path_buf()),
            hub: None,
            model_folder: None,
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
    fn unusable_vocabularies_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let sources = DataSources {
            data_dir: Some(folder.path().to_path_buf()),
            hub: None,
            model_folder: None,
        };
        let refusal = || found(&sources).unwrap_err().to_string();
        assert!(refusal().starts_with("vocab.txt was not found in"), "{}", refusal());
        let file = folder.path().join("vocab.txt");
        for (text, expected) in [
            ("a\nb\n", "there is no token [UNK]"),
            ("[UNK]\n[CLS]\n[SEP]\n", "there is no token [PAD]"),
            ("a\nb\na\n", "line 3: the token 'a' occurs twice"),
        ] {
            fs::write(&file, text).unwrap();
            assert!(refusal().contains(expected), "{}", refusal());
        }
        fs::remove_file(&file).unwrap();
        fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
        assert!(refusal().contains("this is no tokenizer"), "{}", refusal());
    }
}
