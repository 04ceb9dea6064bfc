//! Tables as the template takes them.

use dst_analysis::document::{Cell as Value, Table as Data};
use dst_stats::verdict::Verdict;
use serde::Serialize;

use crate::verdict::{class, sign};

/// Rows beyond which a table gets a filter.
const FILTER: usize = 15;
/// Rows beyond which a table scrolls within a frame of its own.
const TALL: usize = 40;
/// Columns beyond which a table is set tighter.
const DENSE: usize = 9;
/// Characters of a word that stays on one line.
const LINE: usize = 26;
/// Those of the name of a row, which stays in sight on a narrow screen too.
const NAME: usize = 18;

#[derive(Serialize)]
pub(crate) struct TableView<'p> {
    id: &'p str,
    caption: &'p str,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell<'p>>>,
    notes: Vec<&'p str>,
    filter: bool,
    /// The column of verdicts: narrow screens show them with the names of rows instead.
    verdict: Option<usize>,
    class: &'static str,
}

#[derive(Serialize)]
struct Column {
    heading: String,
    numeric: bool,
}

/// A cell, and what tells it apart.
#[derive(Serialize)]
struct Cell<'p> {
    text: &'p str,
    /// What it sorts by, if not by its text.
    value: Option<f64>,
    /// The class of its badge, if it has one.
    badge: Option<&'static str>,
    sign: &'static str,
    /// Is it so long that it takes several lines?
    long: bool,
}

impl<'p> Cell<'p> {
    fn new((place, cell): (usize, &'p Value)) -> Self {
        let text = cell.text();
        let line = if place == 0 { NAME } else { LINE };
        let plain = Self {
            text,
            value: cell.number(),
            badge: None,
            sign: "",
            long: matches!(cell, Value::Text(_)) && text.chars().count() > line,
        };
        match cell {
            Value::Verdict(verdict) => Self {
                // From the best to what decides nothing.
                value: Verdict::ALL.iter().position(|of| of == verdict).map(|at| at as f64),
                badge: Some(class(*verdict)),
                sign: sign(*verdict),
                ..plain
            },
            Value::Status(status) => Self { badge: Some(status.name()), ..plain },
            _ => plain,
        }
    }
}

impl<'p> TableView<'p> {
    pub(crate) fn new(table: &'p Data) -> Self {
        let column = |(place, column): (usize, &dst_analysis::document::Column)| Column {
            heading: column.heading(),
            numeric: table.is_numeric(place),
        };
        Self {
            id: &table.id,
            caption: &table.caption,
            columns: table.columns.iter().enumerate().map(column).collect(),
            rows: table
                .rows
                .iter()
                .map(|row| row.iter().enumerate().map(Cell::new).collect())
                .collect(),
            notes: table.all_notes(),
            filter: table.rows.len() > FILTER,
            verdict: table.columns.iter().position(|column| column.key == "verdict"),
            class: match (table.columns.len() > DENSE, table.rows.len() > TALL) {
                (true, true) => "tight tall",
                (true, false) => "tight",
                (false, true) => "tall",
                (false, false) => "",
            },
        }
    }
}
