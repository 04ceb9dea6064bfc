//! Tables as the template takes them.

use serde::Serialize;

/// A table that sorts and filters.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Table {
    /// Unique on the page.
    pub(crate) id: String,
    pub(crate) caption: String,
    pub(crate) header: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What a reader of the table must know.
    pub(crate) notes: Vec<String>,
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
