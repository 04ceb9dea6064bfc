//! GLUE as the Hugging Face Hub has it: parquet with the rows of the official files, in their
//! order, and labels as class numbers.

use std::path::{Path, PathBuf};

use dst_core::{Error, Result};
use dst_data::cache::sum;
use dst_data::parquet::ParquetTable;
use dst_texts::{Encoded, TextRows, Vocabulary};

use crate::kept;
use crate::options::Options;
use crate::task::{File, Hub, Labels, Task};
use crate::tsv::check_count;

/// The token ids of a table, from the cache if they are there, and `(sum, name)` of its files.
///
/// # Errors
/// If a file is damaged or has another schema, a label is withheld or unknown, or the number of
/// rows is not the official one.
pub(crate) fn rows(
    task: &Task,
    file: File,
    paths: &[PathBuf],
    vocabulary: &Vocabulary,
    options: &Options,
    cache: Option<&Path>,
) -> Result<(Encoded, Vec<(String, String)>)> {
    let hub = task.hub.ok_or_else(|| Error::contract("this task is not at the Hub"))?;
    let table = ParquetTable::open(paths)?;
    let sums: Vec<(String, String)> =
        table.sums().map(|(sum, name)| (sum.to_owned(), name.to_owned())).collect();
    let all: String = sums.iter().map(|(sum, _)| sum.as_str()).collect();
    let encoded = kept(task, &sum(all.as_bytes()), vocabulary, options, cache, || {
        encode(&table, &hub, task, file, vocabulary, options)
    })?;
    Ok((encoded, sums))
}

fn encode(
    table: &ParquetTable,
    hub: &Hub,
    task: &Task,
    file: File,
    vocabulary: &Vocabulary,
    options: &Options,
) -> Result<Encoded> {
    let first = table.strings(hub.first)?;
    let second = hub.second.map(|column| table.strings(column)).transpose()?.unwrap_or_default();
    let rows = TextRows {
        first: first.iter().map(String::as_str).collect(),
        second: second.iter().map(String::as_str).collect(),
        labels: labels(table, task.labels)?,
    };
    check_count(&rows, task, file.rows, 0)
        .map_err(|error| if table.rows() > 0 { table.at(0, error) } else { error })?;
    vocabulary.encode(&rows, options.length())
}

fn labels(table: &ParquetTable, labels: Labels) -> Result<Vec<f32>> {
    match labels {
        Labels::Classes(names) => {
            let classes = table.classes("label", names.len())?;
            Ok(classes.into_iter().map(f32::from).collect())
        }
        Labels::Score(largest) => {
            let scores = table.floats("label")?;
            match scores.iter().position(|score| !(0.0..=largest).contains(score)) {
                None => Ok(scores),
                Some(row) => {
                    let what = format!("{} is not a score from 0 to {largest}", scores[row]);
                    Err(table.at(row, Error::data(what)))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
