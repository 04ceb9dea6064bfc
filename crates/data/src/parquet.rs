//! Columns of parquet files, by their names.
//!
//! The Hub cuts a large table into shards, one file after another. Names of nested columns are
//! joined by dots: a image's bytes are `image.bytes`.

mod pages;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use bytes::Bytes;
use dst_core::dataset::read_file;
use dst_core::{Error, Result};
use parquet::basic::Type;
use parquet::column::reader::ColumnReaderImpl;
use parquet::data_type::{ByteArrayType, DataType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::file::{damaged, sha256};
use crate::hub;

/// Rows that are read at once.
const BATCH: usize = 1000;

/// Rows of one file. A few bytes can claim any number of equal values.
const MOST_ROWS: usize = 50_000_000;

/// A table in one or several files.
#[derive(Debug)]
pub struct ParquetTable {
    shards: Vec<Shard>,
}

struct Shard {
    path: PathBuf,
    sha256: String,
    rows: usize,
    reader: SerializedFileReader<Bytes>,
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {}", self.rows, self.path.display())
    }
}

impl ParquetTable {
    /// Opens the shards of a table, in their order. Files are read whole.
    ///
    /// # Errors
    /// With the path, if a file cannot be read, is not a whole parquet file, or lies in the Hub's
    /// cache under another SHA-256 than it has.
    pub fn open(paths: &[PathBuf]) -> Result<Self> {
        let shard = |path: &PathBuf| {
            Shard::open(path.clone()).map_err(|error| error.at(path.display().to_string()))
        };
        Ok(Self { shards: paths.iter().map(shard).collect::<Result<_>>()? })
    }

    /// Rows of all shards.
    pub fn rows(&self) -> usize {
        self.shards.iter().map(|shard| shard.rows).sum()
    }

    /// SHA-256 and name of every file.
    pub fn sums(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shards.iter().map(|shard| {
            let name = shard.path.file_name().and_then(|name| name.to_str());
            (shard.sha256.as_str(), name.unwrap_or("?"))
        })
    }

    /// A column of whole numbers.
    ///
    /// # Errors
    /// With the file and the row, if there is no such column, it is of another type, a value is
    /// missing, or the file is damaged.
    pub fn integers(&self, column: &str) -> Result<Vec<i64>> {
        let mut values = Vec::with_capacity(self.rows());
        self.each(column, "whole numbers", |shard, place, kind| match kind {
            Type::INT64 => Some(shard.read::<Int64Type>(place, |_, value| {
                values.push(*value);
                Ok(())
            })),
            Type::INT32 => Some(shard.read::<Int32Type>(place, |_, value| {
                values.push(i64::from(*value));
                Ok(())
            })),
            _ => None,
        })?;
        Ok(values)
    }

    /// A column of class numbers, each below `classes`.
    ///
    /// # Errors
    /// As [`ParquetTable::integers`], and if a number is no class.
    pub fn classes(&self, column: &str, classes: usize) -> Result<Vec<u8>> {
        let numbers = self.integers(column)?;
        numbers
            .iter()
            .enumerate()
            .map(|(row, number)| match usize::try_from(*number) {
                Ok(class) if class < classes && class < 256 => Ok(class as u8),
                // How the Hub marks what a test set withholds.
                _ if *number == -1 => Err(self.at(row, Error::data("the label is withheld (-1)"))),
                _ => Err(self.at(
                    row,
                    Error::data(format!(
                        "the label {number} is none of the classes 0 to {}",
                        classes - 1
                    )),
                )),
            })
            .collect()
    }

    /// A column of floating-point numbers.
    ///
    /// # Errors
    /// As [`ParquetTable::integers`].
    pub fn floats(&self, column: &str) -> Result<Vec<f32>> {
        let mut values = Vec::with_capacity(self.rows());
        self.each(column, "floating-point numbers", |shard, place, kind| match kind {
            Type::FLOAT => Some(shard.read::<FloatType>(place, |_, value| {
                values.push(*value);
                Ok(())
            })),
            Type::DOUBLE => Some(shard.read::<DoubleType>(place, |_, value| {
                values.push(*value as f32);
                Ok(())
            })),
            _ => None,
        })?;
        Ok(values)
    }

    /// A column of texts.
    ///
    /// # Errors
    /// As [`ParquetTable::integers`], and if a text is not UTF-8.
    pub fn strings(&self, column: &str) -> Result<Vec<String>> {
        let mut values = Vec::with_capacity(self.rows());
        self.bytes(column, |bytes| {
            let text = std::str::from_utf8(bytes).map_err(|_| Error::data("this is not UTF-8"))?;
            values.push(text.to_owned());
            Ok(())
        })?;
        Ok(values)
    }

    /// Hands every value of a column of bytes to `take`, row by row.
    ///
    /// # Errors
    /// As [`ParquetTable::integers`], and what `take` returns, with the row.
    pub fn bytes(&self, column: &str, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.each(column, "bytes", |shard, place, kind| match kind {
            Type::BYTE_ARRAY => Some(shard.read::<ByteArrayType>(place, |row, value| {
                take(value.data()).map_err(|error| error.at(format!("row {row}")))
            })),
            _ => None,
        })
    }

    /// Adds the file and its row to an error about a row of the table, both from 0.
    pub fn at(&self, row: usize, error: Error) -> Error {
        let mut first = 0;
        for shard in &self.shards {
            if row < first + shard.rows {
                let error = error.at(format!("row {}", row - first));
                return error.at(shard.path.display().to_string());
            }
            first += shard.rows;
        }
        error.at(format!("row {row}"))
    }

    /// Finds the column in every shard; `read` answers nothing to a type that it cannot read.
    fn each(
        &self,
        column: &str,
        wanted: &str,
        mut read: impl FnMut(&Shard, usize, Type) -> Option<Result<()>>,
    ) -> Result<()> {
        for shard in &self.shards {
            let found = shard.place(column).and_then(|(place, kind)| {
                // The parquet crate panics on some damaged metadata instead of refusing them.
                let read = AssertUnwindSafe(|| read(shard, place, kind));
                match catch_unwind(read) {
                    Ok(Some(read)) => read,
                    Ok(None) => Err(Error::data(format!("it holds {kind}, not {wanted}"))
                        .hint("another data set in parquet needs a name of its own")),
                    Err(_) => Err(damaged("the parquet data are damaged")),
                }
                .map_err(|error| error.at(format!("column '{column}'")))
            });
            found.map_err(|error| error.at(shard.path.display().to_string()))?;
        }
        Ok(())
    }
}

impl Shard {
    fn open(path: PathBuf) -> Result<Self> {
        let bytes = read_file(&path)?;
        if bytes.is_empty() {
            return Err(damaged("the file is empty"));
        }
        let sha256 = sha256(&bytes);
        hub::compare_with_cache(&path, || Ok(sha256.clone()))?;
        let bytes = Bytes::from(bytes);
        let opened = catch_unwind(|| SerializedFileReader::new(bytes.clone()));
        let reader = match opened {
            Ok(Ok(reader)) => reader,
            Ok(Err(error)) => return Err(broken(&error)),
            Err(_) => return Err(damaged("this is not a whole parquet file")),
        };
        let rows = reader.metadata().file_metadata().num_rows();
        let rows = usize::try_from(rows)
            .map_err(|_| damaged(format!("this is not a whole parquet file: {rows} rows")))?;
        if rows > MOST_ROWS {
            return Err(damaged(format!("it claims {rows} rows, and {MOST_ROWS} is the most")));
        }
        pages::check(&bytes, reader.metadata())?;
        Ok(Self { path, sha256, rows, reader })
    }

    /// The number and the type of a column.
    fn place(&self, column: &str) -> Result<(usize, Type)> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let columns = schema.columns();
        let place = columns.iter().position(|found| found.path().string() == column);
        let Some(place) = place else {
            let names: Vec<String> = columns.iter().map(|found| found.path().string()).collect();
            let shown: String = names.join(", ").chars().take(200).collect();
            return Err(Error::data(format!("there is no column '{column}'"))
                .hint(format!("the file has: {shown}")));
        };
        if columns[place].max_rep_level() > 0 {
            return Err(Error::data(format!("column '{column}' holds lists")));
        }
        Ok((place, columns[place].physical_type()))
    }

    /// Hands every value of a column to `take`, with its row from 0.
    fn read<T: DataType>(
        &self,
        place: usize,
        mut take: impl FnMut(usize, &T::T) -> Result<()>,
    ) -> Result<()> {
        let mut row = 0;
        for group in 0..self.reader.num_row_groups() {
            let group = self.reader.get_row_group(group).map_err(|error| broken(&error))?;
            let column = group.get_column_reader(place).map_err(|error| broken(&error))?;
            // Row groups of one file may not differ in type; a damaged file's do.
            let mut column: ColumnReaderImpl<T> = T::get_column_reader(column)
                .ok_or_else(|| damaged("the parquet data are damaged"))?;
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            loop {
                levels.clear();
                values.clear();
                let (rows, found, _) = column
                    .read_records(BATCH, Some(&mut levels), None, &mut values)
                    .map_err(|error| broken(&error))?;
                if rows == 0 {
                    break;
                }
                if found < rows {
                    let largest = levels.iter().max().copied().unwrap_or(0);
                    let null = levels.iter().position(|level| *level < largest).unwrap_or(0);
                    return Err(
                        Error::data("the value is missing").at(format!("row {}", row + null))
                    );
                }
                for value in &values {
                    take(row, value)?;
                    row += 1;
                }
            }
        }
        if row != self.rows {
            return Err(damaged(format!("it is truncated: {row} of {} rows", self.rows)));
        }
        Ok(())
    }
}

fn broken(error: &ParquetError) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    Error::data(format!("this is not a whole parquet file: {first}"))
        .hint("fetch the file again; a pointer of Git LFS is a text file of some 130 bytes")
}

#[cfg(test)]
mod tests;
