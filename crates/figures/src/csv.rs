//! The data behind a figure as CSV.

use ::csv::Writer;

/// Rows with a header; a number that is not finite is an empty cell.
pub(crate) struct CsvTable(Writer<Vec<u8>>);

impl CsvTable {
    pub(crate) fn new(header: &[&str]) -> Self {
        let mut table = Self(Writer::from_writer(Vec::new()));
        table.row(header.iter().map(|cell| (*cell).to_owned()));
        table
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.0.write_record(cells).expect("a figure writes rows of one length into memory");
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner().expect("memory takes every byte")
    }
}

/// A number for a cell.
pub(crate) fn cell(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { String::new() }
}

/// The two ends of an interval for two cells.
pub(crate) fn ends(interval: Option<crate::Interval>) -> [String; 2] {
    interval.map_or_else(Default::default, |interval| [cell(interval.lower), cell(interval.upper)])
}

/// The columns that every table of methods begins with.
pub(crate) const METHOD: [&str; 3] = ["strategy", "sparsity", "label"];

/// The cells of [`METHOD`].
pub(crate) fn method(series: &crate::Series) -> [String; 3] {
    [series.strategy.clone(), cell(series.sparsity), series.label.clone()]
}
