//! Text files that people write.

use std::path::Path;

use crate::error::{Error, Result};
use crate::file;

/// Reads a text file that somebody wrote: a grid file, a configuration. It is UTF-8, with or without
/// a byte order mark.
///
/// # Errors
/// If it cannot be read (kind `Io`), or has another encoding (kind `Usage`): the error names it and
/// says how to convert the file.
pub fn read(path: &Path) -> Result<String> {
    let bytes = file::read(path)?;
    decode(&bytes, path).map_err(|error| error.at(path.display().to_string()))
}

/// The text in the bytes of the file `path`, as [`read`] takes it.
///
/// # Errors
/// If it has another encoding or is no text (kind `Usage`).
pub fn decode(bytes: &[u8], path: &Path) -> Result<String> {
    let refused = |what: String, encoding: &str| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Error::usage(what).hint(format!(
            "save it as UTF-8, or run iconv -f {encoding} -t UTF-8 '{name}' > 'utf8-{name}'"
        ))
    };
    let wide = |encoding: &str| refused(format!("this is {encoding} text, not UTF-8"), encoding);
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest, refused),
        // UTF-32 first: its little-endian mark begins with that of UTF-16.
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(wide("UTF-32")),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err(wide("UTF-16")),
        // Without a mark, plain letters have a 0 in every other byte.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Err(wide("UTF-16LE")),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Err(wide("UTF-16BE")),
        _ => utf8(bytes, refused),
    }
}

fn utf8(bytes: &[u8], refused: impl Fn(String, &str) -> Error) -> Result<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        // An image or an archive, say: no encoding of one byte a letter has them.
        if bytes.contains(&0) {
            return Error::usage("this is not a text file: it contains zero bytes");
        }
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let what = format!("this is not UTF-8: byte 0x{byte:02X}, perhaps of Windows-1252");
        refused(what, "WINDOWS-1252").at(format!("line {line}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn decoded(bytes: &[u8]) -> Result<String> {
        decode(bytes, Path::new("folder/grid.toml"))
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(decoded(b"\xEF\xBB\xBFseeds = 3").unwrap(), "seeds = 3");
        assert_eq!(decoded("drôle".as_bytes()).unwrap(), "drôle");
        assert_eq!(decoded(b"").unwrap(), "");
    }

    #[test]
    fn other_encodings_are_named_with_the_way_out() {
        let wide = |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            "seeds = 3".encode_utf16().flat_map(bytes).collect()
        };
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        for (bytes, encoding) in [
            ([&[0xFF, 0xFE], &little[..]].concat(), "UTF-16"),
            ([&[0xFE, 0xFF], &big[..]].concat(), "UTF-16"),
            (little, "UTF-16LE"),
            (big, "UTF-16BE"),
            (vec![0xFF, 0xFE, 0, 0, b's', 0, 0, 0], "UTF-32"),
        ] {
            let error = decoded(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert_eq!(
                error.to_string(),
                format!(
                    "this is {encoding} text, not UTF-8\n  save it as UTF-8, or run iconv -f \
                     {encoding} -t UTF-8 'grid.toml' > 'utf8-grid.toml'"
                )
            );
        }
        let latin = decoded(b"seeds = 3\n# dr\xF4le").unwrap_err().to_string();
        assert!(
            latin.starts_with("line 2: this is not UTF-8: byte 0xF4, perhaps of Windows-1252\n"),
            "{latin}"
        );
        assert!(latin.contains("iconv -f WINDOWS-1252"), "{latin}");
    }

    #[test]
    fn what_is_no_text_has_no_encoding() {
        let image = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\0\0\x1C";
        assert_eq!(
            decoded(image).unwrap_err().to_string(),
            "this is not a text file: it contains zero bytes"
        );
    }
}
