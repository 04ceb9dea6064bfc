//! Texts that a user brings, without labels.
//!
//! | file | a sample |
//! |---|---|
//! | `.csv`, `.tsv` | a row; the first line names the columns, and those of the official files are read |
//! | any other | a line; the two texts of a pair have a tab between them |

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};
use dst_core::dataset::read_file;
use dst_core::tch::Device;
use dst_core::{Error, Result, UserSamples, text};
use dst_tables::Table;

use crate::TextRows;
use crate::dataset::padded;
use crate::vocabulary::Vocabulary;

/// Texts of one forward pass.
const BATCH: usize = 64;

/// Texts of a file in its order.
#[derive(Debug, Default, PartialEq)]
struct Texts {
    first: Vec<String>,
    /// As many as `first` for pairs, none otherwise.
    second: Vec<String>,
    /// Where each begins, from 1.
    lines: Vec<usize>,
}

/// Reads a file, and cuts texts to `length` tokens as those of the data set. `columns` are the one or two
/// that hold its texts in tables.
///
/// # Errors
/// If it cannot be read, is not UTF-8, has no samples, or lacks a text.
pub(crate) fn read(
    file: &Path,
    columns: &[String],
    format: TableFormat,
    vocabulary: &Vocabulary,
    length: usize,
    device: Device,
) -> Result<UserSamples> {
    let texts = match format {
        TableFormat::OfUsers if is_table(file) => of_table(&Table::read(file)?, columns)?,
        _ => parse(&text::decode(&read_file(file)?, file)?, file, columns)?,
    };
    if texts.lines.is_empty() {
        return Err(Error::usage("the file has no texts"));
    }
    let rows = TextRows {
        first: texts.first.iter().map(String::as_str).collect(),
        second: texts.second.iter().map(String::as_str).collect(),
        labels: vec![0.0; texts.first.len()],
    };
    let encoded = vocabulary.encode(&rows, length)?;
    let sample = |row: usize| Some((encoded.row(row)?, encoded.firsts[row] as usize));
    let samples: Vec<_> = (0..encoded.len()).filter_map(sample).collect();
    let batches = samples.chunks(BATCH).map(|texts| padded(texts, vocabulary.pad, device));
    let batches = batches.collect::<Result<_>>()?;
    Ok(UserSamples { batches, positions: texts.lines, warnings: Vec::new() })
}

/// How tables are read that a user brings without labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// As the official files of a benchmark: commas and quotes in `.csv`, tabs and no quotes in `.tsv`.
    Official,
    /// As the tables of users that were trained on; see [`dst_tables`].
    OfUsers,
}

/// Does a file end as tables do, packed or not?
fn is_table(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    name.ends_with(".csv") || name.ends_with(".tsv")
}

fn of_table(table: &Table, columns: &[String]) -> Result<Texts> {
    let places = columns.iter().map(|name| table.column(name)).collect::<Result<Vec<usize>>>()?;
    let cells = |place: &usize| -> Vec<String> {
        (0..table.len()).map(|row| table.cell(row, *place).to_owned()).collect()
    };
    Ok(Texts {
        first: places.first().map(cells).unwrap_or_default(),
        second: places.get(1).map(cells).unwrap_or_default(),
        lines: (0..table.len()).map(|row| table.line(row)).collect(),
    })
}

fn parse(content: &str, file: &Path, columns: &[String]) -> Result<Texts> {
    let extension = file.extension().map(|extension| extension.to_ascii_lowercase());
    match extension.as_deref().and_then(|extension| extension.to_str()) {
        Some("csv") => table(content, columns, b',', true),
        // As in the official files, quotes mean nothing.
        Some("tsv") => table(content, columns, b'\t', false),
        _ => lines(content, columns.len()),
    }
}

fn table(content: &str, columns: &[String], delimiter: u8, quoting: bool) -> Result<Texts> {
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter).quoting(quoting).from_reader(content.as_bytes());
    let refused = |error: csv::Error| dst_tables::refusal(content, &error);
    let header = reader.headers().map_err(refused)?.clone();
    let place = |wanted: &str| {
        header.iter().position(|name| name.trim() == wanted).ok_or_else(|| {
            let names: Vec<&str> = header.iter().collect();
            Error::usage(format!("there is no column '{wanted}'")).at("line 1").hint(format!(
                "the first line names: {}; a file with another ending is read line by line",
                names.join(", ")
            ))
        })
    };
    let places = columns.iter().map(|name| place(name)).collect::<Result<Vec<usize>>>()?;
    let mut texts = Texts::default();
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(refused)? {
        // Every record has as many cells as the header, which the reader has checked.
        let cell = |place: usize| record.get(places[place]).unwrap_or_default().to_owned();
        texts.first.push(cell(0));
        if places.len() == 2 {
            texts.second.push(cell(1));
        }
        texts.lines.push(dst_tables::line(content, &record));
    }
    Ok(texts)
}

fn lines(content: &str, count: usize) -> Result<Texts> {
    let mut texts = Texts::default();
    for (line, number) in content.lines().zip(1..) {
        let cells: Vec<&str> = line.split('\t').collect();
        if cells.len() != count {
            let sample = if count == 2 { "two texts with a tab between them" } else { "one text" };
            return Err(Error::usage(format!(
                "a sample is {sample}, and here are {}",
                cells.len()
            ))
            .at(format!("line {number}"))
            .hint("a table with names of columns ends with .csv or .tsv"));
        }
        texts.first.push(cells[0].to_owned());
        texts.second.extend(cells.get(1).map(|text| (*text).to_owned()));
        texts.lines.push(number);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::small;
    use dst_core::Input;

    const ONE: &[&str] = &["sentence"];
    const PAIR: &[&str] = &["sentence1", "sentence2"];

    fn columns(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn parsed(name: &str, content: &str, names: &[&str]) -> Result<Texts> {
        parse(content, Path::new(name), &columns(names))
    }

    fn texts(first: &[&str], second: &[&str], lines: &[usize]) -> Texts {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Texts { first: owned(first), second: owned(second), lines: lines.to_vec() }
    }

    #[test]
    fn lines_and_tables_hold_the_same_texts() {
        let one = texts(&["a, b", "c"], &[], &[1, 2]);
        assert_eq!(parsed("films.txt", "a, b\nc\n", ONE).unwrap(), one);
        let one = Texts { lines: vec![2, 3], ..one };
        assert_eq!(parsed("f.csv", "sentence,n\n\"a, b\",1\nc,2\n", ONE).unwrap(), one);
        assert_eq!(parsed("f.TSV", "n\tsentence\n1\ta, b\n2\tc\n", ONE).unwrap(), one);
        let two = texts(&["a", "\"c"], &["b", "d"], &[1, 2]);
        assert_eq!(parsed("pairs", "a\tb\n\"c\td", PAIR).unwrap(), two);
        let two = Texts { lines: vec![2, 3], ..two };
        let table = "sentence2\tsentence1\nb\ta\nd\t\"c\n";
        assert_eq!(parsed("pairs.tsv", table, PAIR).unwrap(), two);
    }

    #[test]
    fn what_lacks_a_text_is_refused_with_the_line() {
        let refusal = |name: &str, content: &str| {
            parsed(name, content, PAIR).unwrap_err().to_string().replace('\n', " ")
        };
        let error = refusal("pairs.txt", "a\tb\nc\n");
        assert!(error.starts_with("line 2: a sample is two texts with a tab"), "{error}");
        let error = refusal("pairs.csv", "sentence1,text\na,b\n");
        assert!(error.starts_with("line 1: there is no column 'sentence2'"), "{error}");
        assert!(error.contains("names: sentence1, text"), "{error}");
        let error = refusal("pairs.csv", "sentence1,sentence2\na,b\nc\n");
        assert!(error.starts_with("line 3: it has 1 cell, and the first line has 2"), "{error}");
    }

    #[test]
    fn texts_become_tokens_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let vocabulary = small(folder.path());
        let file = folder.path().join("texts.txt");
        std::fs::write(&file, "a b\n".repeat(BATCH) + "A abb.\n").unwrap();
        let read = |file: &Path| {
            read(file, &columns(ONE), TableFormat::Official, &vocabulary, 128, Device::Cpu)
        };
        let samples = read(&file).unwrap();
        assert_eq!(samples.positions, (1..=BATCH + 1).collect::<Vec<_>>());
        let [whole, rest] = &samples.batches[..] else { panic!("65 texts are two batches") };
        assert_eq!((whole.len(), rest.len()), (BATCH as i64, 1));
        let Input::Tokens { ids, .. } = rest else { panic!("texts become tokens") };
        assert_eq!(Vec::<i64>::try_from(ids.view(-1)).unwrap(), [2, 5, 5, 7, 7, 8, 3]);
        std::fs::write(&file, "").unwrap();
        assert_eq!(read(&file).unwrap_err().to_string(), "the file has no texts");
    }
}
