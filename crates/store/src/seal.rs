//! JSON that says whether it still is what was written: a digest of its contents stands in it.

use std::fmt::Write;

use dst_record::{Error, Result};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The key of the digest.
const DIGEST: &str = "digest";

/// The value as JSON with a digest of all its fields.
///
/// # Errors
/// If the value is no object, or has a key that JSON cannot hold.
pub fn sealed(value: &impl Serialize) -> Result<Vec<u8>> {
    let refused = |what: &dyn std::fmt::Display| {
        Error::contract(format!("a record cannot be written: {what}"))
    };
    let mut value = serde_json::to_value(value).map_err(|error| refused(&error))?;
    let digest = digest_of(&value);
    let fields = value.as_object_mut().ok_or_else(|| refused(&"it is no object"))?;
    fields.insert(DIGEST.to_owned(), Value::String(digest));
    crate::to_json(&value)
}

/// Whether a text is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seal {
    /// The digest is that of the contents.
    Whole,
    /// There is no digest: an earlier version wrote it.
    None,
}

/// Reads JSON, without its digest.
///
/// # Errors
/// If it is no JSON, or not what was written.
pub fn opened(text: &str) -> Result<(Value, Seal)> {
    let mut value: Value =
        serde_json::from_str(text).map_err(|error| Error::data(error.to_string()))?;
    let Some(stated) = value.as_object_mut().and_then(|fields| fields.remove(DIGEST)) else {
        return Ok((value, Seal::None));
    };
    match stated == Value::String(digest_of(&value)) {
        true => Ok((value, Seal::Whole)),
        false => Err(Error::data("it was changed after it was written: its digest is another")),
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

/// Of the fields in the order of their names, however they were written.
fn digest_of(value: &Value) -> String {
    sha256(value.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_change_of_a_value_or_a_name_shows() {
        let value = json!({ "accuracy": 0.1 + 0.2, "counts": [1, 2], "reason": "ä", "none": null });
        let text = String::from_utf8(sealed(&value).unwrap()).unwrap();
        assert_eq!(opened(&text).unwrap(), (value, Seal::Whole));
        let loose = text.replace('\n', " ");
        assert!(opened(&loose).is_ok(), "how it is laid out is no change");
        for (old, new) in [("0.30000000000000004", "0.3"), ("[", "[0,"), ("none", "nine")] {
            let edited = text.replacen(old, new, 1);
            assert_ne!(edited, text);
            assert!(opened(&edited).is_err(), "{edited}");
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_changes_nothing() {
        let value = json!({ "trial": "0123456789abcdef", "score": 0.25, "rows": [1, 20, 300] });
        let bytes = sealed(&value).unwrap();
        for place in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            let Ok(text) = String::from_utf8(flipped) else { continue };
            if let Ok((read, Seal::Whole)) = opened(&text) {
                assert_eq!(read, value, "bit {place}: {text}");
            }
        }
    }

    #[test]
    fn what_an_earlier_version_wrote_has_no_seal() {
        assert_eq!(opened("{\"a\": 1}").unwrap(), (json!({ "a": 1 }), Seal::None));
        assert_eq!(opened("[]").unwrap().1, Seal::None);
        assert!(opened("{").is_err());
        assert!(sealed(&[1]).is_err());
    }
}
