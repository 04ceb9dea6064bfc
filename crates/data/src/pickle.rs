//! Byte arrays and lists of small numbers in files that Python pickled, such as CIFAR's.
//!
//! A pickle is a program, and this does not run it: it looks for the two shapes in which Python 2 wrote
//! strings of bytes and numbers below 256. Callers compare what they get with what they know of it.

use std::path::Path;

use dst_core::{Error, Result};
use memchr::memmem::find;

use crate::file;

/// Several times the largest of the files that this is for, CIFAR-100's training images.
const LARGEST: u64 = 1 << 30;

/// Pickle's codes of operations, as far as they are needed.
mod code {
    /// Its string has a length of four bytes, the lowest first.
    pub(super) const STRING: u8 = b'T';
    pub(super) const EMPTY_LIST: u8 = b']';
    pub(super) const MARK: u8 = b'(';
    pub(super) const APPENDS: u8 = b'e';
    /// A number of one byte.
    pub(super) const NUMBER: u8 = b'K';
    /// Remembers what was made, under a number of one byte or of four.
    pub(super) const REMEMBER: u8 = b'q';
    pub(super) const REMEMBER_LONG: u8 = b'r';
}

/// A pickle, plain or compressed.
///
/// # Errors
/// As [`file::contents`], and if it is larger than any that this is for.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let hint = "fetch the archive again: the files of data sets that Python pickled are smaller";
    file::contents(path, LARGEST, hint)
}

/// The first string of exactly so many bytes.
///
/// # Errors
/// If there is none.
pub fn bytes(pickle: &[u8], length: usize) -> Result<&[u8]> {
    let lengths = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let head = [&[code::STRING], &lengths[..]].concat();
    let start = find(pickle, &head).map(|start| start + head.len());
    start.and_then(|start| pickle.get(start..start + length)).ok_or_else(|| {
        no_such(&format!("an array of {length} bytes as Python 2 wrote it, or all of it"))
    })
}

/// The list of so many numbers below 256 that follows the name.
///
/// # Errors
/// If there is none, or it has another length or other entries.
pub fn numbers(pickle: &[u8], name: &str, count: usize) -> Result<Vec<u8>> {
    let missing = || no_such(&format!("a list of {count} numbers below 256 called {name}"));
    let length = u8::try_from(name.len()).map_err(|_| missing())?;
    // A name that ends another one, such as `labels`, has another length before it.
    let head = [&[b'U', length], name.as_bytes()].concat();
    let start = find(pickle, &head).map(|start| start + head.len()).ok_or_else(missing)?;
    let list = pickle[start..].iter().position(|code| *code == code::EMPTY_LIST);
    let mut rest = pickle[start + list.ok_or_else(missing)? + 1..].iter();
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        match rest.next() {
            Some(&code::NUMBER) => numbers.push(*rest.next().ok_or_else(missing)?),
            Some(&(code::MARK | code::APPENDS)) => {}
            Some(&code::REMEMBER) => drop(rest.next()),
            Some(&code::REMEMBER_LONG) => drop(rest.nth(3)),
            _ => return Err(missing()),
        }
    }
    match rest.next() {
        Some(&code::NUMBER) => Err(missing()),
        _ => Ok(numbers),
    }
}

fn no_such(what: &str) -> Error {
    Error::data(format!("this pickle lacks {what}"))
        .hint("fetch the archive again; a file that was pickled anew is not read")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pickled;

    #[test]
    fn arrays_and_lists_are_found() {
        let labels: Vec<u8> = (0..2_500).map(|i| (i % 256) as u8).collect();
        let data: Vec<u8> = (0..3_000).map(|i| (i % 251) as u8).collect();
        let pickle = pickled(&[("fine_labels", &labels), ("labels", &labels[1..])], &data);
        assert_eq!(bytes(&pickle, 3_000).unwrap(), data);
        assert_eq!(numbers(&pickle, "fine_labels", 2_500).unwrap(), labels);
        assert_eq!(numbers(&pickle, "labels", 2_499).unwrap(), labels[1..]);
    }

    #[test]
    fn what_is_not_there_is_named() {
        let pickle = pickled(&[("labels", &[1, 2, 3])], &[7; 300]);
        let refusal = |error: Error| error.one_line();
        let cut = &pickle[..pickle.len() - 60];
        assert!(refusal(bytes(cut, 300).unwrap_err()).contains("lacks an array of 300 bytes"));
        assert!(bytes(&pickle, 299).is_err() && bytes(b"", 0).is_err());
        for count in [2, 4] {
            let said = refusal(numbers(&pickle, "labels", count).unwrap_err());
            assert!(said.contains(&format!("a list of {count} numbers below 256 called labels")));
        }
        assert!(numbers(&pickle, "abels", 3).is_err());
        for end in 0..pickle.len() {
            let _ = (bytes(&pickle[..end], 300), numbers(&pickle[..end], "labels", 3));
        }
    }
}
