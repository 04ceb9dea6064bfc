//! The column that names the class.

use std::collections::BTreeMap;

use dst_core::{Error, Result};

use crate::Table;

/// What people call the column of the classes, in the order in which it is looked for.
pub(crate) const TARGETS: [&str; 4] = ["label", "class", "target", "y"];

/// More classes are taken for numbers that are to be predicted.
const MOST_CLASSES: usize = 1_000;

/// The column of the classes.
///
/// # Errors
/// If there is none of that name, or no other column.
pub fn target(table: &Table, given: Option<&str>) -> Result<usize> {
    if table.header.len() < 2 {
        return Err(table.at(Error::data("it has one column only").hint(
            "a column for the classes and at least one other are expected, with commas, semicolons or tabs \
             between them",
        )));
    }
    if let Some(name) = given {
        return table.column(name);
    }
    let usual = TARGETS
        .iter()
        .find_map(|usual| table.header.iter().position(|name| name.eq_ignore_ascii_case(usual)));
    Ok(usual.unwrap_or(table.header.len() - 1))
}

/// Names of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    names: Vec<String>,
}

impl Classes {
    /// Those of a table: whole numbers by their size, texts by the alphabet.
    ///
    /// # Errors
    /// If a row has none, there is one only, or they look like numbers to predict.
    pub fn of(table: &Table, target: usize) -> Result<Self> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in 0..table.len() {
            *counts.entry(class(table, row, target)?).or_default() += 1;
        }
        let column = &table.header[target];
        let mut names: Vec<String> = counts.keys().map(|name| (*name).to_owned()).collect();
        if names.len() < 2 {
            return Err(table.at(Error::data(format!(
                "every row has the class '{}' in the column '{column}'",
                names.first().map_or("", String::as_str)
            ))
            .hint(
                "two classes are needed at least: add rows of another, or name the column of the classes \
                 with the option target, as --set csv.target=NAME does for csv",
            )));
        }
        let is_whole = names.iter().all(|name| name.parse::<i64>().is_ok());
        let is_number = names.iter().all(|name| name.parse::<f64>().is_ok());
        if names.len() > MOST_CLASSES || is_number && !is_whole && names.len() > table.len() / 2 {
            return Err(table.at(Error::data(format!(
                "the column '{column}' has {} different values, which look like numbers to predict and \
                 not like classes",
                names.len()
            ))
            .hint(
                "name the column of the classes with the option target, as --set csv.target=NAME does for \
                 csv; regression needs a data set with code",
            )));
        }
        if is_whole {
            names.sort_by_key(|name| name.parse::<i64>().unwrap_or_default());
        }
        Ok(Self { names })
    }

    /// The names in the order of the class numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class number of every row.
    ///
    /// # Errors
    /// If one has none, or one that is unknown.
    pub fn numbers(&self, table: &Table, target: usize) -> Result<Vec<i64>> {
        let known: BTreeMap<&str, i64> = self.names.iter().map(String::as_str).zip(0..).collect();
        let number = |row| {
            let class = class(table, row, target)?;
            known.get(class).copied().ok_or_else(|| {
                let shown: Vec<&str> = known.keys().copied().take(10).collect();
                let error =
                    Error::data(format!("the class '{class}' is none of the training rows"));
                table.at_row(row, error.hint(format!("known: {}", shown.join(", "))))
            })
        };
        (0..table.len()).map(number).collect()
    }
}

fn class(table: &Table, row: usize, target: usize) -> Result<&str> {
    match table.cell(row, target) {
        "" => {
            let what = format!(
                "the cell of the class, in the column '{}', is empty",
                table.header[target]
            );
            let error = Error::data(what)
                .hint("fill it, delete the row, or name another column with the option target");
            Err(table.at_row(row, error))
        }
        class => Ok(class),
    }
}
