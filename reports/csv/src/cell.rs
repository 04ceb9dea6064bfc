//! Cells: how a value is written in a file.

pub(crate) use dst_analysis::spreadsheet::{number, optional};
use dst_record::record::TrialSpec;

/// The cells of one row.
pub(crate) type Cells = Vec<String>;

/// A column: its name, and its cell of a row.
pub(crate) type Column<R> = (&'static str, fn(&R) -> String);

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
        false => spec.dataset_options.json().to_owned(),
    }
}

/// The training as compact JSON with sorted keys.
pub(crate) fn training(spec: &TrialSpec) -> String {
    spec.training.json().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_sort_like_numbers(a in 0.0..1.0, b in 0.0..1.0) {
            prop_assert_eq!(sortable(a) < sortable(b), a < b);
        }
    }
}
