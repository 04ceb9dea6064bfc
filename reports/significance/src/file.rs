//! How tables are written.

use serde::Serialize;

/// A CSV file in memory.
pub(crate) fn csv(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(rows) {
        writer.write_record(row).expect("memory takes every row, and rows have one length");
    }
    writer.into_inner().expect("memory takes every row")
}

/// The shortest decimal that reads back as the same number; with an exponent where many zeros
/// would be needed.
pub(crate) fn number(value: f64) -> String {
    if value.is_finite() && value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
        return format!("{value:e}");
    }
    // Adding 0 takes the sign from a negative zero.
    (value + 0.0).to_string()
}

pub(crate) fn optional(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

/// A choice of the analysis as grid files name it.
pub(crate) fn named(choice: &impl Serialize) -> String {
    let value = serde_json::to_value(choice).expect("a choice is plain data");
    value.as_str().unwrap_or_default().to_owned()
}
