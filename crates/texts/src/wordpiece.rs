//! From texts to token ids: WordPiece as BERT does it.

use std::collections::HashMap;
use std::ops::Range;
use std::thread;

use dst_core::{Error, Result};
use tokenizers::Tokenizer;

use crate::TextRows;
use crate::encoded::Encoded;
use crate::vocabulary::Vocabulary;

/// Rows that one thread is given at least; below that a thread costs more than it saves.
const ROWS_PER_THREAD: usize = 500;

impl Vocabulary {
    /// Token ids of all rows, `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, at most `length` each
    /// (3 or more): the longer sentence is cut first. Works in parallel; the result does not
    /// depend on the number of threads.
    ///
    /// # Errors
    /// If the vocabulary makes no tokenizer.
    pub fn encode(&self, rows: &TextRows<'_>, length: usize) -> Result<Encoded> {
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
    fn encode(&self, rows: &TextRows<'_>, part: Range<usize>) -> Result<Encoded> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::small;

    use tokenizers::TruncationParams;
    use tokenizers::processors::bert::BertProcessing;

    fn rows<'a>(first: &[&'a str], second: &[&'a str]) -> TextRows<'a> {
        TextRows { first: first.to_vec(), second: second.to_vec(), labels: vec![0.0; first.len()] }
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
}
