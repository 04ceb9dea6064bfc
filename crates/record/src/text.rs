//! Text files that people write.

use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::file;

/// Reads a text file that somebody wrote: a grid file, a configuration. It is UTF-8, with or without
/// a byte order mark.
///
/// # Errors
/// If it cannot be read (kind `Io`), or has another encoding (kind `Usage`): the error names it and
/// says how to convert the file.
pub fn read(path: &Path) -> Result<String> {
    let bytes = file::read(path)?;
    decoded(&bytes, path, ErrorKind::Usage).map_err(|error| error.at(path.display().to_string()))
}

/// The text in the bytes of the file `path`, as [`read`] takes it.
///
/// # Errors
/// If it has another encoding or is no text (kind `Data`).
pub fn decode(bytes: &[u8], path: &Path) -> Result<String> {
    decoded(bytes, path, ErrorKind::Data)
}

fn decoded(bytes: &[u8], path: &Path, kind: ErrorKind) -> Result<String> {
    let refused = |what: String, encoding: &str| {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let converted = path.with_file_name(format!("utf8-{name}"));
        Error::new(kind, what).hint(format!(
            "save it as UTF-8, or run iconv -f {encoding} -t UTF-8 '{}' > '{}'",
            path.display(),
            converted.display()
        ))
    };
    let wide = |encoding: &str| refused(format!("this is {encoding} text, not UTF-8"), encoding);
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf8(rest, kind, refused),
        // UTF-32 first: its little-endian mark begins with that of UTF-16.
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Err(wide("UTF-32")),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Err(wide("UTF-16")),
        // Without a mark, plain letters have a 0 in every other byte.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Err(wide("UTF-16LE")),
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => Err(wide("UTF-16BE")),
        _ => utf8(bytes, kind, refused),
    }
}

fn utf8(bytes: &[u8], kind: ErrorKind, refused: impl Fn(String, &str) -> Error) -> Result<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        // An image or an archive, say: no encoding of one byte a letter has them.
        if bytes.contains(&0) {
            return Error::new(kind, "this is not a text file: it contains zero bytes");
        }
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        let what = format!("this is not UTF-8: byte 0x{byte:02X}, perhaps of Windows-1252");
        refused(what, "WINDOWS-1252").at(format!("line {line}"))
    })
}

/// The line on which a record of a table begins, from 1, where a reader of CSV says that it begins at the byte
/// `start` of `text`, on the line `line`: it counts from the end of the record before, and the rest of
/// that line's end and empty lines may follow.
pub fn line_of_record(text: &str, start: u64, line: u64) -> u64 {
    let start = usize::try_from(start).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    line + ends.filter(|byte| **byte == b'\n').count() as u64
}

/// What serde says of a value of the wrong type, without the types of Rust: `expected a whole number
/// from 0 on, not 'abc'` for `invalid type: string "abc", expected u32`, and `expected one of 'a', 'b', not
/// 'x'` where names are to choose from. Other messages stay.
pub fn of_wrong_type(message: &str) -> String {
    if let Some((before, after)) = message.split_once("unknown variant `")
        && let Some((given, expected)) = after.split_once("`, expected ")
    {
        return format!("{before}expected {}, not '{given}'", expected.replace('`', "'"));
    }
    if let Some((before, after)) = message.split_once("missing field `")
        && let Some((name, place)) = after.split_once('`')
    {
        return format!("{before}'{name}' is missing{place}");
    }
    let parts = ["invalid type: ", "invalid value: "].into_iter().find_map(|kind| {
        let (before, after) = message.split_once(kind)?;
        let (given, expected) = after.rsplit_once(", expected ")?;
        Some((before, given, expected))
    });
    let Some((before, given, expected)) = parts else { return message.to_owned() };
    // What follows is the place in a text.
    let (expected, place) = match expected.find(" at line ") {
        Some(at) => expected.split_at(at),
        None => (expected, ""),
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other.strip_prefix("struct ").map_or(other, |_| "a table"),
    };
    let expected = match expected.strip_prefix("a nonzero ") {
        Some(kind) if kind.starts_with('u') => "a whole number from 1 on",
        _ => expected,
    };
    let given = match given.split_once(' ') {
        Some(("string", text)) => format!("'{}'", text.trim_matches('"')),
        Some(("integer" | "boolean", value)) => value.trim_matches('`').to_owned(),
        _ => match given.strip_prefix("floating point ") {
            Some(value) => value.trim_matches('`').to_owned(),
            None => match given {
                "null" | "unit value" => "nothing".to_owned(),
                "sequence" => "a list".to_owned(),
                "map" => "a table".to_owned(),
                other => other.to_owned(),
            },
        },
    };
    format!("{before}expected {expected}, not {given}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn records_begin_behind_the_end_of_the_line_before() {
        // With the ends of lines of Windows a reader stands between the two characters.
        let text = "a,b\r\n1,2\r\n\r\n3,4\r\n";
        assert_eq!(line_of_record(text, 4, 1), 2);
        assert_eq!(line_of_record(text, 9, 2), 4);
        assert_eq!(line_of_record("a\n1\n", 2, 2), 2);
        assert_eq!(line_of_record("a", 7, 2), 2);
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
            assert_eq!(error.kind(), ErrorKind::Data);
            assert_eq!(
                error.to_string(),
                format!(
                    "this is {encoding} text, not UTF-8\n  save it as UTF-8, or run iconv -f \
                     {encoding} -t UTF-8 'folder/grid.toml' > 'folder/utf8-grid.toml'"
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
    fn the_command_that_converts_a_file_has_its_folder() {
        let error = decode(b"caf\xE9", Path::new("/data/wine.csv")).unwrap_err().to_string();
        assert!(error.ends_with("'/data/wine.csv' > '/data/utf8-wine.csv'"), "{error}");
    }

    #[test]
    fn values_of_the_wrong_type_are_told_without_the_types_of_rust() {
        let said = [
            "invalid type: string \"abc\", expected u32",
            "invalid type: floating point `0.5`, expected usize",
            "invalid value: integer `-1`, expected u64",
            "alpha: invalid type: boolean `true`, expected f64",
            "invalid type: integer `3`, expected a string",
            "invalid type: string \"x, expected y\", expected a boolean",
            "invalid type: sequence, expected a map at line 2 column 1",
            "invalid type: null, expected a nonzero u32",
            "unknown variant `x`, expected one of `a`, `b`",
            "phase: unknown variant `x`, expected `a`",
            "missing field `kind` at line 2 column 1",
            "unknown field `y`, expected `a`",
        ]
        .map(of_wrong_type);
        let expected = [
            "expected a whole number from 0 on, not 'abc'",
            "expected a whole number from 0 on, not 0.5",
            "expected a whole number from 0 on, not -1",
            "alpha: expected a number, not true",
            "expected a text, not 3",
            "expected true or false, not 'x, expected y'",
            "expected a table, not a list at line 2 column 1",
            "expected a whole number from 1 on, not nothing",
            "expected one of 'a', 'b', not 'x'",
            "phase: expected 'a', not 'x'",
            "'kind' is missing at line 2 column 1",
            "unknown field `y`, expected `a`",
        ];
        assert_eq!(said, expected);
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
