//! Bytes of a file as text, and text as rows: encodings and separators as other programs write
//! them.

use dst_core::text::line_of_record;
use dst_core::{Error, Result};

/// What separates cells, the commonest first.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// A file as text.
#[derive(Debug)]
pub(super) struct Text {
    /// Without a mark of its encoding.
    pub(super) text: String,
    /// The encoding, if it is not UTF-8.
    pub(super) encoding: Option<&'static str>,
}

/// Decodes UTF-8 and UTF-16, with or without a byte order mark.
///
/// # Errors
/// If the bytes are something else; the error names what they look like and what to do.
pub(super) fn decode(bytes: &[u8]) -> Result<Text> {
    refuse_other_formats(bytes)?;
    let text = match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return utf8(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes)?,
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes)?,
        // Without a mark, but the header is plain letters: every other byte is 0.
        [first, 0, second, 0, ..] if *first != 0 && *second != 0 => {
            utf16(bytes, u16::from_le_bytes)?
        }
        [0, first, 0, second, ..] if *first != 0 && *second != 0 => {
            utf16(bytes, u16::from_be_bytes)?
        }
        _ => return utf8(bytes),
    };
    Ok(Text { text, encoding: Some("UTF-16") })
}

fn utf8(bytes: &[u8]) -> Result<Text> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Err(Error::data("this is a binary file, not CSV")
            .hint("export the results as CSV, in UTF-8")),
        Ok(text) => Ok(Text { text: text.to_owned(), encoding: None }),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
            let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
            Err(Error::data(format!("this is not UTF-8: byte 0x{byte:02X}"))
                .at(format!("line {line}"))
                .hint(
                    "it may be Windows-1252, as older Excel writes: save it as 'CSV UTF-8', or run \
                     iconv -f WINDOWS-1252 -t UTF-8 OLD.csv > NEW.csv",
                ))
        }
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (units, rest) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|pair| unit(*pair)).collect();
    match String::from_utf16(&units) {
        Ok(text) if rest.is_empty() && !text.contains('\0') => Ok(text),
        _ => Err(Error::data("this looks like UTF-16, but is damaged")
            .hint("export the file again, as CSV in UTF-8")),
    }
}

/// Names formats that people take for CSV because a spreadsheet opens them.
fn refuse_other_formats(bytes: &[u8]) -> Result<()> {
    let what = match bytes {
        [b'P', b'K', 3, 4, ..] => "an Excel workbook or another zip archive",
        [0xD0, 0xCF, 0x11, 0xE0, ..] => "an Excel workbook",
        [0x1F, 0x8B, ..] => "compressed by gzip",
        [b'P', b'A', b'R', b'1', ..] => "a parquet file",
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => "in UTF-32",
        _ => {
            let start = bytes.trim_ascii_start();
            if !matches!(start, [b'{', ..] | [b'[', ..]) {
                return Ok(());
            }
            "JSON"
        }
    };
    Err(Error::data(format!("this is no CSV file but {what}"))
        .hint("export the results as CSV, in UTF-8"))
}

/// One row: the line on which it begins, from 1, and its cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) cells: Vec<String>,
}

/// Rows that are not empty, cut at the separator that `fits` the first of them best. Cells are
/// trimmed, and control characters in them replaced: they end up on a terminal.
///
/// # Errors
/// If there is no row.
pub(super) fn rows(text: &str, fits: impl Fn(&[String]) -> usize) -> Result<Vec<Row>> {
    let (text, told, skipped) = told_separator(text);
    let best = |separator: &char| {
        let first = read(text, *separator, 1, 0);
        first.first().map_or((0, 0), |row| (fits(&row.cells), row.cells.len()))
    };
    // The first of equal ones, so backwards.
    let separator = told.or_else(|| SEPARATORS.into_iter().rev().max_by_key(best));
    let rows = read(text, separator.unwrap_or(','), usize::MAX, skipped);
    if rows.is_empty() {
        return Err(Error::data("the file is empty").hint("it needs a header and rows"));
    }
    Ok(rows)
}

/// The separator that Excel's line `sep=;` tells, the text after it, and the lines passed over.
fn told_separator(text: &str) -> (&str, Option<char>, u64) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut told = first.trim_end_matches('\r').trim_matches('"').chars();
    match (told.by_ref().take(4).collect::<String>().as_str(), told.next(), told.next()) {
        ("sep=", Some(separator), None) if separator.is_ascii() => (rest, Some(separator), 1),
        _ => (text, None, 0),
    }
}

fn read(text: &str, separator: char, most: usize, skipped: u64) -> Vec<Row> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(separator).unwrap_or(b','))
        .from_reader(text.as_bytes());
    let clean = |cell: &str| -> String {
        let kept = cell.trim().chars();
        kept.map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
    };
    // The text is UTF-8 and lengths may differ, so no record is an error.
    let records = reader.records().map_while(std::result::Result::ok);
    let rows = records.map(|record| Row {
        line: skipped + record.position().map_or(0, |p| line_of_record(text, p.byte(), p.line())),
        cells: record.iter().map(clean).collect(),
    });
    rows.filter(|row| row.cells.iter().any(|cell| !cell.is_empty())).take(most).collect()
}

/// Does the cell say that there is no value, in the words of pandas, R, Excel or W&B?
pub(super) fn is_missing(cell: &str) -> bool {
    let word = cell.to_ascii_lowercase();
    let missing = [
        "", "na", "n/a", "#n/a", "<na>", "nan", "-nan", "none", "null", "nil", "-", "--", "?",
        "missing", "#value!", "#div/0!",
    ];
    missing.contains(&word.as_str())
}

/// A number as people and spreadsheets write it: `0.98`, `0,98`, `="0.98"`, `98.4 %`. Percent, by
/// its sign or because the column is in percent, becomes a share.
pub(super) fn number(cell: &str, percent: bool) -> Option<f64> {
    let cell = cell.trim_start_matches(['=', '\'']).trim_matches('"').replace('\u{2212}', "-");
    let bare = cell.trim_end_matches('%').trim_end();
    let percent = percent || cell.contains('%');
    let decimal = match (bare.matches(',').count(), bare.contains('.')) {
        (0, _) => bare.to_owned(),
        (1, false) => bare.replace(',', "."),
        _ => return None,
    };
    let value: f64 = decimal.parse().ok()?;
    if !percent {
        return Some(value);
    }
    // 98.4 divided by 100 is not the number next to 0.984.
    format!("{decimal}e-2").parse().ok().or(Some(value / 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<Vec<String>> {
        let fits = |cells: &[String]| cells.iter().filter(|cell| *cell == "seed").count();
        rows(text, fits).unwrap().into_iter().map(|row| row.cells).collect()
    }

    #[test]
    fn encodings_are_decoded_or_named() {
        let plain = "a,b\nä,1\n";
        let units: Vec<u16> = plain.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = [&[0xFF, 0xFE], &little[..]].concat();
        for bytes in [&little, &big, &marked, &[&[0xFE, 0xFF], &big[..]].concat()] {
            let decoded = decode(bytes).unwrap();
            assert_eq!((&*decoded.text, decoded.encoding), (plain, Some("UTF-16")));
        }
        let decoded = decode(&[b"\xEF\xBB\xBF", plain.as_bytes()].concat()).unwrap();
        assert_eq!((&*decoded.text, decoded.encoding), (plain, None));
        let refused = |bytes: &[u8]| decode(bytes).unwrap_err().to_string();
        assert!(
            refused(b"a,b\nd\xE9j\xE0,1\n").starts_with("line 2: this is not UTF-8: byte 0xE9")
        );
        assert!(refused(b"PK\x03\x04rest").contains("Excel"));
        assert!(refused(b" {\"a\": 1}").contains("JSON"));
        assert!(refused(b"a,b\n\0\0\0,1\n").contains("binary"));
        assert!(refused(&marked[..marked.len() - 1]).contains("damaged"));
    }

    #[test]
    fn separators_are_recognised() {
        let expected = [["seed", "x, y"], ["1", "0,5"]];
        assert_eq!(cut("seed;x, y\n1;0,5\n;\n"), expected);
        assert_eq!(cut("seed\tx, y\r\n1\t0,5\r\n"), expected);
        assert_eq!(cut("seed,\"x, y\"\n1,\"0,5\"\n"), expected);
        assert_eq!(cut("sep=;\nseed;x, y\n1;0,5"), expected);
        let rows = rows("sep=|\r\nseed|x\r\n\r\n1|\u{1b}[2J\r\n", |_| 0).unwrap();
        assert_eq!((rows[1].line, &*rows[1].cells[1]), (4, "\u{fffd}[2J"));
    }

    #[test]
    fn numbers_are_read_as_spreadsheets_write_them() {
        for (cell, value) in [
            ("0.98", 0.98),
            ("0,98", 0.98),
            ("98.4 %", 0.984),
            ("98,4\u{a0}%", 0.984),
            ("9.84e1%", 0.984),
            ("=\"1\"", 1.0),
            ("\u{2212}0.5", -0.5),
            ("1e-3", 0.001),
        ] {
            let read = number(cell, false).unwrap();
            assert!((read - value).abs() < 1e-15, "{cell}: {read}");
        }
        assert_eq!((number("98.4", true), number("98.4 %", true)), (Some(0.984), Some(0.984)));
        let bad = ["high", "1,234.5", "1,2,3", "%", "0.9 or so"];
        assert!(bad.iter().all(|cell| number(cell, false).is_none()));
        assert!(["", "NA", "NaN", "None", "null", "<NA>", "#N/A"].iter().all(|c| is_missing(c)));
        assert!(!is_missing("0"));
    }
}
