//! Tokens: bytes, and what byte-pair encoding makes of them (Sennrich, Haddow, Birch 2016).
//!
//! A text falls into words, and the pair of neighbouring tokens that is most frequent within words becomes a
//! token of its own, again and again. A word is a run of letters, of digits or of other marks, with the one
//! space before it, or a run of white space; so no token reaches from one word into the next.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use dst_core::{Error, Result};

/// Tokens that are there without learning anything.
pub(crate) const BYTES: u32 = 256;

/// Two neighbouring tokens.
type Pair = (u16, u16);

/// The tokens of a text: every byte, then what was learnt, in the order in which it was.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// By a pair, the token that stands for it.
    merged: HashMap<Pair, u16>,
    /// The bytes of each token.
    tokens: Vec<Vec<u8>>,
    /// What people call each: the text in quotes, or bytes that are no text.
    names: Vec<String>,
}

impl Vocabulary {
    /// Learns a vocabulary of `size` tokens, from 256 to 65,536, on a text. Among pairs of one frequency the
    /// one with the smaller tokens is taken, so that the same text gives the same tokens.
    ///
    /// # Errors
    /// If no pair is left that occurs twice.
    pub(crate) fn learn(text: &str, size: usize) -> Result<Self> {
        let mut tokens: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
        let mut merged = HashMap::new();
        if size > tokens.len() {
            let mut counts = Counts::of(text);
            while tokens.len() < size {
                let Some(pair) = counts.most_frequent() else {
                    let found = tokens.len();
                    return Err(Error::data(format!(
                        "the training part gives {found} tokens and not {size}: then no two tokens stand \
                         side by side twice"
                    ))
                    .hint(format!("set vocabulary={found} or less, or bring a longer text")));
                };
                let token = tokens.len() as u16;
                tokens.push([&tokens[pair.0 as usize][..], &tokens[pair.1 as usize][..]].concat());
                merged.insert(pair, token);
                counts.merge(pair, token);
            }
        }
        let names = tokens.iter().map(|bytes| name(bytes)).collect();
        Ok(Self { merged, tokens, names })
    }

    /// Count of tokens.
    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// What people call a token.
    pub(crate) fn name(&self, token: usize) -> Option<&str> {
        self.names.get(token).map(String::as_str)
    }

    /// The tokens of a text. Together their bytes are those of the text.
    pub(crate) fn encode(&self, text: &str) -> Vec<u16> {
        if self.merged.is_empty() {
            return text.bytes().map(u16::from).collect();
        }
        let mut known: HashMap<&str, Vec<u16>> = HashMap::new();
        let mut all = Vec::new();
        for word in Words(text) {
            all.extend_from_slice(known.entry(word).or_insert_with(|| self.encode_word(word)));
        }
        all
    }

    /// Joins the pair that was learnt first, wherever it stands, until there is none.
    fn encode_word(&self, word: &str) -> Vec<u16> {
        let mut tokens: Vec<u16> = word.bytes().map(u16::from).collect();
        let first_learnt = |tokens: &[u16]| {
            let pairs = tokens.windows(2).map(|pair| (pair[0], pair[1]));
            pairs.filter_map(|pair| Some((*self.merged.get(&pair)?, pair))).min()
        };
        while let Some((token, pair)) = first_learnt(&tokens) {
            join(&mut tokens, pair, token);
        }
        tokens
    }
}

/// Puts `token` in the place of every `pair`, from left to right.
fn join(tokens: &mut Vec<u16>, pair: Pair, token: u16) {
    let (mut read, mut write) = (0, 0);
    while read < tokens.len() {
        let is_pair = tokens[read] == pair.0 && tokens.get(read + 1) == Some(&pair.1);
        tokens[write] = if is_pair { token } else { tokens[read] };
        read += if is_pair { 2 } else { 1 };
        write += 1;
    }
    tokens.truncate(write);
}

/// The words of a text, each once, and how often every pair of tokens stands in them.
struct Counts {
    /// Tokens of a word, and how often it occurs.
    words: Vec<(Vec<u16>, u64)>,
    pairs: HashMap<Pair, u64>,
    /// Words in which a pair stands or stood.
    places: HashMap<Pair, BTreeSet<usize>>,
}

impl Counts {
    fn of(text: &str) -> Self {
        let mut frequencies: HashMap<&str, u64> = HashMap::new();
        for word in Words(text) {
            *frequencies.entry(word).or_default() += 1;
        }
        let words = frequencies
            .into_iter()
            .map(|(word, count)| (word.bytes().map(u16::from).collect(), count))
            .collect();
        let mut counts = Self { words, pairs: HashMap::new(), places: HashMap::new() };
        for word in 0..counts.words.len() {
            counts.add(word);
        }
        counts
    }

    /// Of those that occur twice or more.
    fn most_frequent(&self) -> Option<Pair> {
        let (pair, count) =
            self.pairs.iter().max_by_key(|(pair, count)| (**count, Reverse(**pair)))?;
        (*count > 1).then_some(*pair)
    }

    /// Puts `token` in the place of a pair in all words.
    fn merge(&mut self, pair: Pair, token: u16) {
        for word in self.places.remove(&pair).unwrap_or_default() {
            self.remove(word);
            join(&mut self.words[word].0, pair, token);
            self.add(word);
        }
        self.pairs.remove(&pair);
    }

    fn add(&mut self, word: usize) {
        let (tokens, count) = &self.words[word];
        for pair in tokens.windows(2).map(|pair| (pair[0], pair[1])) {
            *self.pairs.entry(pair).or_default() += count;
            self.places.entry(pair).or_default().insert(word);
        }
    }

    fn remove(&mut self, word: usize) {
        let (tokens, count) = &self.words[word];
        for pair in tokens.windows(2).map(|pair| (pair[0], pair[1])) {
            if let Some(all) = self.pairs.get_mut(&pair) {
                *all -= count;
            }
        }
    }
}

/// The words of a text, which together are the text.
struct Words<'a>(&'a str);

/// What a run of characters has in common.
#[derive(PartialEq)]
enum Sort {
    Space,
    Letter,
    Digit,
    Other,
}

fn sort(character: char) -> Sort {
    match character {
        c if c.is_whitespace() => Sort::Space,
        c if c.is_alphabetic() => Sort::Letter,
        c if c.is_numeric() => Sort::Digit,
        _ => Sort::Other,
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        // Behind one space a word goes on.
        let skipped = match self.0.strip_prefix(' ').map(|rest| rest.chars().next().map(sort)) {
            Some(Some(next)) if next != Sort::Space => 1,
            _ => 0,
        };
        let rest = &self.0[skipped..];
        let kind = sort(rest.chars().next()?);
        let mut end = rest.find(|c| sort(c) != kind).unwrap_or(rest.len());
        // The last space before a word is that word's.
        if kind == Sort::Space && end < rest.len() && end > 1 && rest[..end].ends_with(' ') {
            end -= 1;
        }
        let (word, rest) = self.0.split_at(skipped + end);
        self.0 = rest;
        Some(word)
    }
}

/// `" the"`, or `0xE2 0x80` for a part of a character.
fn name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => {
            let bytes: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02X}")).collect();
            bytes.join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vocabulary: &Vocabulary, tokens: &[u16]) -> String {
        let bytes = tokens.iter().flat_map(|token| vocabulary.tokens[*token as usize].clone());
        String::from_utf8(bytes.collect()).unwrap()
    }

    #[test]
    fn words_are_the_text() {
        let words = |text| Words(text).collect::<Vec<_>>();
        assert_eq!(
            words("It's  so, 12\n\n ab "),
            ["It", "'", "s", " ", " so", ",", " 12", "\n\n", " ab", " "]
        );
        assert_eq!(words("  "), ["  "]);
        assert_eq!(words("é\u{a0}ü"), ["é", "\u{a0}", "ü"]);
        assert!(words("").is_empty());
        for sample in ["a  b", " \n a", "\t x  ", "… „so“ \u{2009} 3"] {
            assert_eq!(words(sample).concat(), sample);
        }
    }

    /// By hand: `lo` stands 5 times, then `low` 5 times; `es` would come next with 3.
    #[test]
    fn frequent_pairs_become_tokens_in_order() {
        let vocabulary = Vocabulary::learn("low low lower low low es es es", 259).unwrap();
        let names: Vec<&str> = (256..259).filter_map(|token| vocabulary.name(token)).collect();
        // Of ` l`, `lo` and `ow`, the spaces miss the first word; `lo` has the smaller tokens.
        assert_eq!(names, ["\"lo\"", "\"low\"", "\" low\""]);
        assert_eq!(vocabulary.encode("low low"), [257, 258]);
        assert_eq!(vocabulary.encode("lo"), [256]);
    }

    #[test]
    fn texts_come_back_whatever_was_learnt_on() {
        let learnt_on = "the cat sat on the mat, the rat sat on the cat. ".repeat(3);
        let vocabulary = Vocabulary::learn(&learnt_on, 268).unwrap();
        for sample in [&*learnt_on, "", "a hat", "Größe 漢字 🙂\r\n\tx", "the the  the"] {
            assert_eq!(text(&vocabulary, &vocabulary.encode(sample)), sample);
        }
        assert!(vocabulary.encode(&learnt_on).len() * 2 < learnt_on.len());
        let bytes = Vocabulary::learn(&learnt_on, 256).unwrap();
        assert_eq!(bytes.encode("ab"), [97, 98]);
        assert_eq!((bytes.len(), vocabulary.len()), (256, 268));
    }

    #[test]
    fn the_same_text_gives_the_same_tokens() {
        // Hash maps of one process are seeded apart, so that an order of theirs would show here.
        let text = "b a c a b c a b ab ba ca bc cb ac ".repeat(7);
        let tokens = || Vocabulary::learn(&text, 264).unwrap().tokens;
        let first = tokens();
        assert!((0..10).all(|_| tokens() == first));
    }

    #[test]
    fn a_text_without_pairs_says_how_many_tokens_it_has() {
        let error = Vocabulary::learn("ab ab", 300).unwrap_err().to_string();
        assert!(error.contains("gives 257 tokens and not 300"), "{error}");
        assert!(error.contains("set vocabulary=257 or less"), "{error}");
    }

    #[test]
    fn names_show_what_letters_hide() {
        assert_eq!(name(b" the"), "\" the\"");
        assert_eq!(name(b"\n"), "\"\\n\"");
        assert_eq!(name(&[0xE2, 0x80]), "0xE2 0x80");
    }
}
