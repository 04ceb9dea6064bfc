//! A trial of one side, and what its source tells of it.

use std::collections::BTreeMap;

use dst_core::Training;
use dst_core::record::{TrialRecord, TrialSpec};
use serde_json::Value;

/// What a trial without a known architecture is said to have trained.
pub(super) const ANY_MODEL: &str = "any";

/// The key of the cell of a file that names the metric of its score.
pub(super) const METRIC: &str = "metric";

/// One trial. What its source does not tell stands at its default in the record, and is compared
/// with nothing.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The trial.
    pub(super) trial: TrialRecord,
    /// Of which parts of the record the source tells.
    pub(super) reported: Reported,
    /// Cells of a file that have no place in the record, by the normal form of their column.
    pub(super) cells: BTreeMap<String, String>,
    /// The line of a file, from 1.
    pub(super) line: Option<u64>,
}

/// What a source tells of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reported {
    pub(super) model: bool,
    pub(super) model_parameters: bool,
    pub(super) parameters: bool,
    pub(super) training: bool,
}

impl Reported {
    /// A store tells everything.
    pub(super) const ALL: Self =
        Self { model: true, model_parameters: true, parameters: true, training: true };
}

impl From<TrialRecord> for Entry {
    fn from(trial: TrialRecord) -> Self {
        Self { trial, reported: Reported::ALL, cells: BTreeMap::new(), line: None }
    }
}

impl Entry {
    pub(super) fn dataset(&self) -> &str {
        &self.trial.spec.dataset
    }

    pub(super) fn strategy(&self) -> &str {
        self.trial.spec.strategy_name()
    }

    pub(super) fn model(&self) -> &str {
        self.trial.spec.model_label()
    }
}

/// Everything by which trials of one source may differ beside data set, strategy, sparsity and
/// seed, by the key that names it in brackets: `drop_fraction`, `training.epochs`, `model`,
/// `model.hidden`. Only what is reported.
pub(super) fn settings(spec: &TrialSpec, reported: Reported) -> BTreeMap<String, Value> {
    let mut settings = BTreeMap::new();
    let mut add = |prefix: &str, value: &Value| {
        for (key, value) in value.as_object().into_iter().flatten() {
            // The tag of a configuration, which is no parameter.
            if key != "name" {
                settings.insert(format!("{prefix}{key}"), value.clone());
            }
        }
    };
    if reported.parameters {
        add("", &spec.strategy);
    }
    if reported.model_parameters {
        add("model.", &spec.model);
    }
    if reported.training {
        add("training.", &training(&spec.training));
    }
    if reported.model {
        settings.insert("model".to_owned(), spec.model_label().into());
    }
    settings
}

/// A training with every key, also those that files leave out at their default.
fn training(training: &Training) -> Value {
    let mut settings = training.settings();
    settings.entry("precision").or_insert_with(|| training.precision.to_string().into());
    settings.entry("backend").or_insert_with(|| training.backend.to_string().into());
    Value::Object(settings)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A trial of a store.
    pub(crate) fn entry(
        dataset: &str,
        strategy: &str,
        sparsity: f64,
        seed: u64,
        accuracy: f64,
    ) -> Entry {
        let mut spec = dst_store::testing::spec(strategy, seed);
        spec.dataset = dataset.to_owned();
        spec.sparsity = sparsity;
        let result = dst_store::testing::success(&spec);
        let mut outcome = result.outcome.unwrap();
        outcome.test.accuracy = Some(accuracy);
        Entry::from(TrialRecord {
            id: spec.id(),
            status: result.status,
            reason: String::new(),
            collapse: None,
            outcome: Some(outcome),
            history: Vec::new(),
            layers: Vec::new(),
            ages: Vec::new(),
            masks: Vec::new(),
            confusion: Vec::new(),
            predictions: None,
            network_bytes: None,
            provenance: result.provenance,
            spec,
        })
    }

    #[test]
    fn settings_are_called_as_in_brackets() {
        let mut entry = entry("toy", "rigl", 0.9, 0, 0.5);
        entry.trial.spec.strategy = json!({"name": "rigl", "drop_fraction": 0.3}).into();
        entry.trial.spec.model = json!({"name": "mlp", "hidden": [8]}).into();
        let all = settings(&entry.trial.spec, Reported::ALL);
        assert_eq!(all["drop_fraction"], 0.3);
        assert_eq!((&all["model"], &all["model.hidden"]), (&json!("mlp"), &json!([8])));
        assert_eq!(
            (&all["training.epochs"], &all["training.precision"]),
            (&json!(10), &json!("f32"))
        );
        assert!(!all.contains_key("name") && !all.contains_key("model.name"));
        let reported = Reported { training: false, parameters: false, ..Reported::ALL };
        let some = settings(&entry.trial.spec, reported);
        assert_eq!(some.keys().collect::<Vec<_>>(), ["model", "model.hidden"]);
    }
}
