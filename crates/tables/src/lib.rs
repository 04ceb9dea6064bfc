//! Tables of users: a row a sample, with a column that names the class.
//!
//! | path | splits |
//! |---|---|
//! | a file | none: they are to be drawn |
//! | a folder with `train.csv` | it and, if they are there, `validation.csv` (or `val`, `valid`) and `test.csv` |

use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};
use dst_core::{Error, Result, text};
use dst_data::file;
use dst_data::split_files::{self, SplitFiles};

mod classes;
mod quotes;
mod splits;
mod suspicions;

pub use classes::{Classes, target};
pub use splits::Drawn;
pub use suspicions::{UNNAMED, suspicions};

/// Endings of tables, in the order in which they are looked for.
const ENDINGS: [&str; 6] = ["csv", "tsv", "csv.gz", "tsv.gz", "csv.zst", "tsv.zst"];

/// A table larger than this, unpacked, is taken for a mistake: all of it lies in main memory.
const LARGEST: u64 = 4 << 30;

/// The file, or those of the folder.
///
/// # Errors
/// If the folder has no table for training.
pub fn files(place: &Path) -> Result<SplitFiles> {
    SplitFiles::find(place, &ENDINGS)
}

/// The tables of a data set. All have the same columns.
#[derive(Debug)]
pub struct Tables {
    /// All rows, or those for training.
    pub train: Table,
    /// Those for validation, if there is such a file.
    pub validation: Option<Table>,
    /// Those for the test, if there is such a file.
    pub test: Option<Table>,
    /// That of [`files`], made of what was read: a file that is written to meanwhile is never taken for what
    /// it was before.
    pub digest: String,
}

impl Tables {
    /// Reads all files at a place.
    ///
    /// # Errors
    /// As [`files`] and [`Table::read`], and if columns differ.
    pub fn read(place: &Path) -> Result<Self> {
        let files = files(place)?;
        let train = Table::read(&files.train)?;
        let held_out = |path: Option<PathBuf>| -> Result<Option<Table>> {
            let table = path.map(|path| Table::read(&path)).transpose()?;
            table.iter().try_for_each(|table| table.check_columns(&train))?;
            Ok(table)
        };
        let (validation, test) = (held_out(files.validation)?, held_out(files.test)?);
        let [of_validation, of_test] =
            [&validation, &test].map(|table| table.as_ref().map(|table| table.sha256.as_str()));
        let digest = split_files::digest(&train.sha256, of_validation, of_test);
        Ok(Self { train, validation, test, digest })
    }
}

/// The line of a file on which a row of it begins, from 1.
pub fn line(content: &str, row: &StringRecord) -> usize {
    row.position().map_or(0, |at| text::line_of_record(content, at.byte(), at.line()) as usize)
}

/// What is wrong with a file, in words and with the line.
pub fn refusal(content: &str, error: &csv::Error) -> Error {
    const HINT: &str = "every line needs as many cells as the first, which names the columns";
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos: Some(at), expected_len, len } => {
            let line = text::line_of_record(content, at.byte(), at.line());
            let cells = if *len == 1 { "1 cell".to_owned() } else { format!("{len} cells") };
            Error::data(format!("it has {cells}, and the first line has {expected_len}"))
                .at(format!("line {line}"))
                .hint(HINT)
        }
        _ => Error::data(error.to_string()).hint(HINT),
    }
}

/// The cells of a file.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    /// Names of the columns.
    pub header: Vec<String>,
    rows: Vec<StringRecord>,
    /// Where they begin.
    lines: Vec<usize>,
    /// Of the unpacked file.
    sha256: String,
    /// What separates its cells.
    pub delimiter: char,
}

impl Table {
    /// Reads a whole file.
    ///
    /// # Errors
    /// If it cannot be read, is not UTF-8, a row has another number of cells than the first line, two columns
    /// have one name, or there is no row.
    pub fn read(path: &Path) -> Result<Self> {
        let at = |error: Error| error.at(path.display().to_string());
        let hint = "a part of the rows may be enough; larger data need a data set of their own";
        let bytes = file::contents(path, LARGEST, hint)?;
        let content = text::decode(&bytes, path).map_err(at)?;
        if content.trim().is_empty() {
            return Err(at(Error::data("it is empty")));
        }
        let first = content.lines().next().unwrap_or_default();
        if first.to_lowercase().starts_with("sep=") {
            return Err(at(Error::data(format!("the first line, {first}, is a note for Excel"))
                .hint("delete it: what separates the cells is found")));
        }
        // What stands in quotes separates nothing.
        let count = |c: char| -> usize {
            first.split('"').step_by(2).map(|part| part.matches(c).count()).sum()
        };
        let delimiter = [',', ';', '\t'].into_iter().rev().max_by_key(|c| count(*c)).unwrap_or(',');
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter as u8)
            .trim(Trim::All)
            .from_reader(content.as_bytes());
        let refused = |error: csv::Error| at(refusal(&content, &error));
        let header: Vec<String> =
            reader.headers().map_err(refused)?.iter().map(str::to_owned).collect();
        quotes::check(&content, delimiter, header.len()).map_err(at)?;
        for (index, name) in header.iter().enumerate() {
            if header[..index].contains(name) {
                return Err(at(Error::data(format!("two columns are called '{name}'"))
                    .hint("the first line must name the columns, each by another name")));
            }
        }
        let rows = reader.records().collect::<std::result::Result<Vec<_>, _>>().map_err(refused)?;
        if rows.is_empty() {
            return Err(at(Error::data("it has no rows below the names of the columns")));
        }
        let lines = rows.iter().map(|row| line(&content, row)).collect();
        let sha256 = file::sha256(&bytes);
        Ok(Self { path: path.to_owned(), header, rows, lines, sha256, delimiter })
    }

    /// Rows below the names of the columns.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Never: a table without rows is refused.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A cell.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.rows[row].get(column).unwrap_or_default()
    }

    /// All cells of a row.
    fn cells(&self, row: usize) -> Vec<&str> {
        self.rows[row].iter().collect()
    }

    /// The line of a row, from 1.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row]
    }

    /// The place of a column.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let found = self.header.iter().position(|own| own == name);
        found.ok_or_else(|| {
            self.at(Error::unknown("column", name, self.header.iter().map(String::as_str)))
        })
    }

    /// Has it the columns of `other`, in the same order?
    ///
    /// # Errors
    /// If not.
    fn check_columns(&self, other: &Self) -> Result<()> {
        if self.header == other.header {
            return Ok(());
        }
        Err(self.at(Error::data(format!(
            "its columns are not those of {}: {} and {}",
            other.path.display(),
            self.header.join(", "),
            other.header.join(", ")
        ))))
    }

    /// The error, in this file.
    pub fn at(&self, error: Error) -> Error {
        error.at(self.path.display().to_string())
    }

    /// The error, in a line of this file.
    pub fn at_row(&self, row: usize, error: Error) -> Error {
        self.at(error.at(format!("line {}", self.line(row))))
    }
}
