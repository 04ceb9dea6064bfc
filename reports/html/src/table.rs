//! Tables as the template takes them.

use serde::{Serialize, Serializer};

/// A table that sorts and filters.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Unique on the page.
    pub(crate) id: String,
    pub(crate) caption: String,
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What a reader of the table must know.
    pub(crate) notes: Vec<String>,
}

/// A table as the template takes it.
#[derive(Serialize)]
struct View<'t> {
    id: &'t str,
    caption: &'t str,
    columns: Vec<Column>,
    rows: &'t [Vec<Cell>],
    notes: &'t [String],
}

/// The head of a column, which is set as its cells are.
#[derive(Serialize)]
struct Column {
    name: &'static str,
    numeric: bool,
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let numeric = |place: usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(place));
            cells.any(|cell| cell.number.is_some())
        };
        let columns = self.header.iter().enumerate();
        View {
            id: &self.id,
            caption: &self.caption,
            columns: columns
                .map(|(place, &name)| Column { name, numeric: numeric(place) })
                .collect(),
            rows: &self.rows,
            notes: &self.notes,
        }
        .serialize(serializer)
    }
}

/// A cell: what people read, and what it sorts by if that is a number.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Cell {
    pub(crate) text: String,
    pub(crate) number: Option<f64>,
    /// A verdict or a status, which has a style of its own.
    pub(crate) badge: Option<String>,
}

impl Table {
    pub(crate) fn new(
        id: impl Into<String>,
        caption: impl Into<String>,
        header: &[&'static str],
    ) -> Self {
        Self {
            id: id.into(),
            caption: caption.into(),
            header: header.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Words.
pub(crate) fn words(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), ..Cell::default() }
}

/// A number as people read it; empty if there is none.
pub(crate) fn number<T: Into<f64> + Copy>(
    value: Option<T>,
    text: impl FnOnce(T) -> String,
) -> Cell {
    match value {
        Some(value) => {
            let plain: f64 = value.into();
            // JSON and sorting know no infinities.
            let number = Some(plain).filter(|plain| plain.is_finite());
            Cell { text: text(value), number, badge: None }
        }
        None => Cell::default(),
    }
}

/// A count.
pub(crate) fn count(value: usize) -> Cell {
    Cell { text: value.to_string(), number: Some(value as f64), badge: None }
}

/// A verdict or a status.
pub(crate) fn badge(text: impl Into<String>) -> Cell {
    let text = text.into();
    Cell { badge: Some(text.clone()), text, number: None }
}
