//! Cells: how a value is written in a file.

use dst_record::record::TrialSpec;

/// The cells of one row.
pub(crate) type Cells = Vec<String>;

/// A column: its name, and its cell of a row.
pub(crate) type Column<R> = (&'static str, fn(&R) -> String);

/// The shortest decimal that reads back as the same number; with an exponent where many zeros
/// would be needed.
pub(crate) fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_finite() && value != 0.0 && !(1e-5..1e16).contains(&magnitude) {
        return format!("{value:e}");
    }
    // Adding 0 takes the sign from a negative zero.
    (value + 0.0).to_string()
}

/// As [`number`], empty if there is none.
pub(crate) fn optional(value: Option<f64>) -> String {
    value.map(number).unwrap_or_default()
}

/// A key that sorts numbers that are not negative.
pub(crate) fn sortable(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// The architecture's parameters without its name, as compact JSON with sorted keys.
pub(crate) fn model_parameters(spec: &TrialSpec) -> String {
    let mut parameters = spec.model.clone();
    if let Some(map) = parameters.as_object_mut() {
        map.remove("name");
    }
    parameters.to_string()
}

/// The data set's options that are not at their default, as compact JSON with sorted keys; empty
/// if all are.
pub(crate) fn dataset_options(spec: &TrialSpec) -> String {
    match spec.dataset_options.is_empty() {
        true => String::new(),
        false => serde_json::Value::Object(spec.dataset_options.clone()).to_string(),
    }
}

/// The training as compact JSON with sorted keys.
pub(crate) fn training(spec: &TrialSpec) -> String {
    serde_json::to_value(&spec.training).expect("a training is plain data").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.1, -0.0, 1.0, 0.001, 1e-7, 2.5e-5, 1e15, 3.2e17, f64::NAN].map(number);
        assert_eq!(
            texts,
            ["0.1", "0", "1", "0.001", "1e-7", "0.000025", "1000000000000000", "3.2e17", "NaN"]
        );
    }

    proptest! {
        #[test]
        fn numbers_read_back(value in any::<f64>()) {
            prop_assert_eq!(number(value).parse::<f64>().unwrap(), value);
        }

        #[test]
        fn keys_sort_like_numbers(a in 0.0..1.0, b in 0.0..1.0) {
            prop_assert_eq!(sortable(a) < sortable(b), a < b);
        }
    }
}
