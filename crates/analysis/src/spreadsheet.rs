//! CSV files for programs and spreadsheets: how values are written in all of them.

use std::collections::{BTreeMap, BTreeSet};

use dst_record::record::TrialSpec;
use serde_json::Value;

/// A CSV file in memory. Rows are written as they come: `layers.csv` of ten thousand trials has a
/// million and a half.
///
/// # Panics
/// If a row has another number of cells than the header.
pub fn csv(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(rows) {
        writer
            .write_record(row.iter().map(|cell| harmless(cell).into_owned()))
            .expect("memory takes every row, and rows have one length");
    }
    writer.into_inner().expect("memory takes every row")
}

/// A text that no spreadsheet takes for a formula: one that begins like a formula, and is no number,
/// gets an apostrophe before it.
fn harmless(cell: &str) -> std::borrow::Cow<'_, str> {
    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if begins && cell.parse::<f64>().is_err() {
        return format!("'{cell}").into();
    }
    cell.into()
}

/// The shortest decimal that reads back as the same number; with an exponent where many zeros
/// would be needed.
pub fn number(value: f64) -> String {
    if value.is_finite() && value != 0.0 && !(1e-5..1e16).contains(&value.abs()) {
        return format!("{value:e}");
    }
    // Adding 0 takes the sign from a negative zero.
    (value + 0.0).to_string()
}

/// As [`number`]; empty if there is none, or if it is infinite: an end without a limit.
pub fn optional(value: Option<f64>) -> String {
    value.filter(|value| !value.is_infinite()).map(number).unwrap_or_default()
}

/// Parameters as columns of their own: `strategy.drop_fraction`, `model.hidden`,
/// `training.learning_rate`, for every key that any of the trials has.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    columns: BTreeSet<String>,
}

impl Parameters {
    /// The columns that these trials need.
    pub fn of<'a>(specs: impl Iterator<Item = &'a TrialSpec>) -> Self {
        Self { columns: specs.flat_map(|spec| flat(spec).into_keys()).collect() }
    }

    /// Their names, in order.
    pub fn header(&self) -> impl Iterator<Item = String> {
        self.columns.iter().cloned()
    }

    /// The cells of a trial; empty where it has no such parameter.
    pub fn cells(&self, spec: &TrialSpec) -> impl Iterator<Item = String> {
        let mut own = flat(spec);
        self.columns.iter().map(move |name| own.remove(name).unwrap_or_default())
    }
}

fn flat(spec: &TrialSpec) -> BTreeMap<String, String> {
    let training = Value::Object(spec.training.settings());
    let parts = [("strategy", &*spec.strategy), ("model", &*spec.model), ("training", &training)];
    let mut cells = BTreeMap::new();
    for (prefix, part) in parts {
        for (key, value) in part.as_object().into_iter().flatten() {
            if key != "name" {
                let text = match value {
                    Value::String(text) => text.clone(),
                    Value::Null => String::new(),
                    Value::Number(value) if value.is_f64() => {
                        value.as_f64().map(number).unwrap_or_default()
                    }
                    other => other.to_string(),
                };
                cells.insert(format!("{prefix}.{key}"), text);
            }
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::spec;
    use serde_json::json;

    #[test]
    fn numbers_are_short_and_read_back() {
        let texts = [0.1, -0.0, 1.0, 0.001, 1e-7, 2.5e-5, 1e15, 3.2e17, f64::NAN].map(number);
        assert_eq!(
            texts,
            ["0.1", "0", "1", "0.001", "1e-7", "0.000025", "1000000000000000", "3.2e17", "NaN"]
        );
        for value in [0.1 + 0.2, f64::MIN_POSITIVE, 1.0 / 3.0, -2.5e-300, 1e22] {
            assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }
        assert_eq!(optional(Some(f64::NEG_INFINITY)), "");
    }

    #[test]
    fn no_text_is_a_formula() {
        let row = |cells: &[&str]| {
            let rows = [cells.iter().map(|cell| (*cell).to_owned()).collect()];
            let header = cells.iter().map(|_| "x".to_owned()).collect();
            let text = String::from_utf8(csv(header, rows.into_iter())).unwrap();
            text.lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(row(&["=1+1", "@x", "+a", "-b"]), "'=1+1,'@x,'+a,'-b");
        assert_eq!(row(&["-1.5", "+2", "-1e-7", "a=b"]), "-1.5,+2,-1e-7,a=b");
    }

    #[test]
    fn parameters_are_columns_of_their_own() {
        let specs = [
            spec(json!({"name": "rigl", "drop_fraction": 0.3}), 0.9, 0),
            spec(json!({"name": "dense"}), 0.0, 0),
        ];
        let parameters = Parameters::of(specs.iter());
        let header: Vec<String> = parameters.header().collect();
        assert!(header.contains(&"strategy.drop_fraction".to_owned()), "{header:?}");
        let place = header.iter().position(|name| name == "strategy.drop_fraction").unwrap();
        let cells = |spec| parameters.cells(spec).collect::<Vec<_>>();
        assert_eq!(cells(&specs[0])[place], "0.3");
        assert_eq!(cells(&specs[1])[place], "");
        let rate = header.iter().position(|name| name == "training.learning_rate").unwrap();
        assert_eq!(cells(&specs[1])[rate], "0.001");
    }
}
