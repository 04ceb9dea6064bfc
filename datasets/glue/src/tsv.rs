//! The files: rows end at line feeds, columns at tabs, and nothing is quoted.

use dst_core::{Error, Result};
use dst_data::cache::{Sum, sum};
use dst_data::file::hexadecimal;
use dst_texts::TextRows;

use crate::task::{Columns, File, Labels, Task};

/// Where the columns stand in every row.
struct Places {
    count: usize,
    first: usize,
    second: Option<usize>,
    label: usize,
}

/// Is this the official file? A byte order mark and carriage returns at line ends do not matter:
/// a file without them is known by `file_sum`, the sum of all its bytes. `None` if that of the official
/// one is not known.
pub(crate) fn is_official(bytes: &[u8], file_sum: &Sum, file: File) -> Option<bool> {
    let known = file.sha256?;
    if hexadecimal(file_sum) == known {
        return Some(true);
    }
    let mut text = Vec::with_capacity(bytes.len());
    let plain = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for line in plain.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => text.extend(line.iter().chain(b"\n")),
            None => text.extend(line),
        }
    }
    Some(hexadecimal(&sum(&text)) == known)
}

/// Reads a file of `task`; `expected` is how many rows it must have.
///
/// A byte order mark before the first line is passed over, and so is a carriage return at the
/// end of a line.
///
/// # Errors
/// With the line, if the file is not UTF-8, lacks a column, or a row has another number of
/// columns or an unknown label; and if it is empty or has another number of rows.
pub(crate) fn parse<'a>(
    bytes: &'a [u8],
    task: &Task,
    expected: Option<usize>,
) -> Result<TextRows<'a>> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Error::data("this is not UTF-8").at(at(line))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.is_empty() {
        return Err(Error::data("the file is empty").hint("fetch it again"));
    }
    // `str::lines` would do the same; this says that no other line separator counts.
    let text = text.strip_suffix('\n').unwrap_or(text);
    let mut lines = text
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .zip(1usize..)
        .peekable();
    let places = match task.columns {
        Columns::Placed { count, first, label } => Places { count, first, second: None, label },
        Columns::Named { first, second, label } => {
            let (header, _) = lines.next().expect("a text that is not empty has a line");
            named(header, first, second, label).map_err(|error| error.at(at(1)))?
        }
    };
    let mut rows = TextRows { first: Vec::new(), second: Vec::new(), labels: Vec::new() };
    let mut broken = 0;
    let mut cells = Vec::new();
    for (line, number) in lines {
        cells.clear();
        cells.extend(line.split('\t'));
        if cells.len() != places.count {
            broken += 1;
            if broken > task.broken_rows {
                return Err(wrong_columns(line, cells.len(), places.count).at(at(number)));
            }
            continue;
        }
        rows.labels
            .push(label(cells[places.label], task.labels).map_err(|error| error.at(at(number)))?);
        rows.first.push(cells[places.first]);
        rows.second.extend(places.second.map(|place| cells[place]));
    }
    check_count(&rows, task, expected, task.broken_rows)?;
    Ok(rows)
}

fn at(line: usize) -> String {
    format!("line {line}")
}

/// Finds the columns by the names in the first line.
fn named(header: &str, first: &str, second: Option<&str>, label: &str) -> Result<Places> {
    let names: Vec<&str> = header.split('\t').collect();
    let place = |wanted: &str| {
        let mut found = names.iter().enumerate().filter(|(_, name)| **name == wanted);
        match (found.next(), found.next()) {
            (Some((place, _)), None) => Ok(place),
            (Some(_), Some(_)) => Err(Error::data(format!("two columns are called '{wanted}'"))),
            (None, _) => {
                let shown: String = names.join(", ").chars().take(200).collect();
                Err(Error::data(format!("there is no column '{wanted}'"))
                    .hint(format!("the first line names: {shown}")))
            }
        }
    };
    Ok(Places {
        count: names.len(),
        first: place(first)?,
        second: second.map(place).transpose()?,
        label: place(label)?,
    })
}

fn wrong_columns(line: &str, found: usize, expected: usize) -> Error {
    let error = if line.is_empty() {
        Error::data("the line is empty")
    } else {
        Error::data(format!("{found} columns stand where {expected} must be"))
    };
    error.hint("the file is truncated, or a program that divides at more than tabs rewrote it")
}

fn label(cell: &str, labels: Labels) -> Result<f32> {
    match labels {
        Labels::Classes(names) => {
            names.iter().position(|name| *name == cell).map(|class| class as f32).ok_or_else(|| {
                Error::data(format!("'{cell}' is not a label"))
                    .hint(format!("known: {}", names.join(", ")))
            })
        }
        Labels::Score(largest) => match cell.parse::<f32>() {
            Ok(score) if (0.0..=largest).contains(&score) => Ok(score),
            _ => Err(Error::data(format!("'{cell}' is not a score from 0 to {largest}"))),
        },
    }
}

/// Does a file of `task` have as many rows as it must, up to `slack` more or less?
///
/// # Errors
/// If it has none, or another number than `expected`.
pub(crate) fn check_count(
    rows: &TextRows<'_>,
    task: &Task,
    expected: Option<usize>,
    slack: usize,
) -> Result<()> {
    let count = rows.labels.len();
    if count == 0 {
        return Err(Error::data("the file has no rows").hint("fetch it again"));
    }
    match expected {
        Some(expected) if expected.abs_diff(count) > slack => {
            let error =
                Error::data(format!("it has {count} rows, and the official file has {expected}"));
            Err(match task.part {
                Some(part) if count < expected => error.hint(format!(
                    "fetch it again; if a part is meant, call it train.subset.tsv and use {part}"
                )),
                _ => error.hint("fetch it again"),
            })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{COLA, MRPC, QQP, RTE, SST2, STSB};

    fn refusal(text: &[u8], task: &Task) -> String {
        parse(text, task, None).unwrap_err().to_string()
    }

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let rows = parse(
            b"label\tnotes\tsentence2\tindex\tsentence1\nentailment\t\"\tB\t0\tA\"\n\
              not_entailment\tx\tD\t1\tC",
            &RTE,
            Some(2),
        )
        .unwrap();
        assert_eq!((rows.first, rows.second), (vec!["A\"", "C"], vec!["B", "D"]));
        assert_eq!(rows.labels, [0.0, 1.0]);
    }

    #[test]
    fn cola_has_places_instead_of_names() {
        let rows = parse(b"gj04\t1\t\tIt works.\nks08\t0\t*\tWorks it.\n", &COLA, None).unwrap();
        assert_eq!(rows.first, ["It works.", "Works it."]);
        assert!(rows.second.is_empty());
        assert_eq!(rows.labels, [1.0, 0.0]);
    }

    #[test]
    fn a_mark_before_and_carriage_returns_after_are_passed_over() {
        let rows = parse(
            "\u{feff}Quality\t#1 ID\t#2 ID\t#1 String\t#2 String\r\n1\t1\t2\tA\tB\r\n".as_bytes(),
            &MRPC,
            None,
        )
        .unwrap();
        assert_eq!((rows.first, rows.second), (vec!["A"], vec!["B"]));
    }

    #[test]
    fn only_tabs_and_line_feeds_divide() {
        let rows = parse("sentence\tlabel\na\u{2028}b\u{85}c \"d\t1\n".as_bytes(), &SST2, None);
        assert_eq!(rows.unwrap().first, ["a\u{2028}b\u{85}c \"d"]);
    }

    #[test]
    fn bad_files_are_refused_with_the_line() {
        assert_eq!(refusal(b"", &SST2), "the file is empty\n  fetch it again");
        assert!(refusal(b"sentence\tlabel\n", &SST2).starts_with("the file has no rows"));
        assert_eq!(
            refusal(b"text\tlabel\na\t1\n", &SST2),
            "line 1: there is no column 'sentence'\n  the first line names: text, label"
        );
        let twice = refusal(b"sentence\tlabel\tlabel\na\t1\t1\n", &SST2);
        assert_eq!(twice, "line 1: two columns are called 'label'");
        // Cut inside a row, inside a label, and by a line feed in a text.
        let cut = refusal(b"sentence\tlabel\na\t1\nb", &SST2);
        assert!(cut.starts_with("line 3: 1 columns stand where 2 must be"), "{cut}");
        assert_eq!(
            refusal(b"index\tsentence1\tsentence2\tlabel\n0\ta\tb\tentail", &RTE),
            "line 2: 'entail' is not a label\n  known: entailment, not_entailment"
        );
        let empty = refusal(b"sentence\tlabel\na\t1\n\nb\t0\n", &SST2);
        assert!(empty.starts_with("line 3: the line is empty"), "{empty}");
        assert_eq!(
            refusal(b"sentence\tlabel\na\t1\nb\xff\t0\n", &SST2),
            "line 3: this is not UTF-8"
        );
        // A header where CoLA has none.
        let header = refusal(b"source\tlabel\tstar\tsentence\n", &COLA);
        assert!(header.starts_with("line 1: 'label' is not a label"), "{header}");
    }

    #[test]
    fn columns_that_are_not_where_the_header_says_are_refused() {
        let text = b"index\tsentence1\tsentence2\tlabel\n0\tentailment\ta\tb\n";
        assert!(refusal(text, &RTE).starts_with("line 2: 'b' is not a label"));
        assert!(refusal(b"ks08\t*\t0\tWorks it.\n", &COLA).starts_with("line 1: '*' is not"));
        let text = b"score\tsentence1\tsentence2\na\tb\t3.8\n";
        assert!(refusal(text, &STSB).starts_with("line 2: 'a' is not a score"));
    }

    #[test]
    fn what_an_editor_leaves_is_passed_over_or_refused() {
        let rows = parse(b"sentence\tlabel\r\na\t1\r\nb\t0\r\n", &SST2, Some(2)).unwrap();
        assert_eq!((rows.first, rows.labels), (vec!["a", "b"], vec![1.0, 0.0]));
        let rows = parse("\u{feff}gj04\t1\t\tIt works.\r\n".as_bytes(), &COLA, None).unwrap();
        assert_eq!(rows.first, ["It works."]);
        // Nothing but a mark, a single byte, and UTF-16 with its mark.
        assert!(refusal("\u{feff}".as_bytes(), &SST2).starts_with("the file is empty"));
        assert!(refusal(b"s", &SST2).starts_with("line 1: there is no column 'sentence'"));
        assert!(refusal(b"g", &COLA).starts_with("line 1: 1 columns stand where 4 must be"));
        assert_eq!(refusal(b"\xff\xfes\0e\0", &SST2), "line 1: this is not UTF-8");
    }

    #[test]
    fn scores_are_numbers_from_0_to_5() {
        let file = |score: &str| format!("sentence1\tsentence2\tscore\na\tb\t{score}\n");
        let rows = |score: &str| parse(file(score).as_bytes(), &STSB, None).map(|rows| rows.labels);
        assert_eq!(rows("3.800").unwrap(), [3.8]);
        for score in ["NaN", "inf", "-0.1", "5.001", "", "n/a"] {
            let error = refusal(file(score).as_bytes(), &STSB);
            assert_eq!(error, format!("line 2: '{score}' is not a score from 0 to 5"));
        }
    }

    #[test]
    fn counts_of_official_files_are_checked() {
        let error =
            |task| parse(b"sentence\tlabel\na\t1\n", task, Some(67_349)).unwrap_err().to_string();
        assert_eq!(
            error(&SST2),
            "it has 1 rows, and the official file has 67349\n  fetch it again; if a part is \
             meant, call it train.subset.tsv and use glue/sst2-subset"
        );
    }

    #[test]
    fn a_few_broken_rows_of_qqp_are_left_out() {
        let header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n";
        let good = "0\t1\t2\tA?\tB?\t1\n";
        let text = format!("{header}{good}1\t1\t2\tcut here\nand there\t0\n{good}");
        assert_eq!(parse(text.as_bytes(), &QQP, None).unwrap().labels, [1.0, 1.0]);
        let many = format!("{header}{}", "cut\n".repeat(17));
        let error = refusal(many.as_bytes(), &QQP);
        assert!(error.starts_with("line 18: 1 columns stand where 6 must be"), "{error}");
    }
}
