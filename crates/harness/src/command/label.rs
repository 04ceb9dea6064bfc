//! Short names for configs: only what differs between trials is spelled out.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::format::percent;
use dst_core::label::{brief, label_of};
use dst_core::record::{TrialSpec, name_of};
use dst_core::{CowArc, Training};
use serde_json::{Map, Value};

/// Knows which parameters differ among a set of trials.
#[derive(Debug)]
pub(super) struct Labels {
    /// By kind and label: keys with several values.
    varying: BTreeMap<(&'static str, String), BTreeSet<String>>,
    /// Do trials differ in how they train?
    training: BTreeSet<String>,
}

impl Labels {
    /// Labels for trials that are shown together.
    pub(super) fn of<'a>(specs: impl Iterator<Item = &'a TrialSpec> + Clone) -> Self {
        let mut configs: BTreeMap<(&'static str, &str), Vec<&Value>> = BTreeMap::new();
        for model in CowArc::stored(specs.clone().map(|spec| &spec.model)) {
            configs.entry(("model", label_of(model))).or_default().push(model);
        }
        for strategy in CowArc::stored(specs.clone().map(|spec| &spec.strategy)) {
            configs.entry(("strategy", name_of(strategy))).or_default().push(strategy);
        }
        let trainings = CowArc::stored(specs.map(|spec| &spec.training));
        let trainings: Vec<Value> = trainings.into_iter().map(|one| settings(one)).collect();
        Self {
            varying: configs
                .into_iter()
                .map(|((kind, name), list)| ((kind, name.to_owned()), varying(&list)))
                .collect(),
            training: varying(&trainings.iter().collect::<Vec<_>>()),
        }
    }

    /// Such as `rigl drop_fraction=0.1`.
    pub(super) fn strategy(&self, spec: &TrialSpec) -> String {
        self.config("strategy", spec.strategy_name(), &spec.strategy)
    }

    /// Such as `mlp hidden=[300,100]`, or the title of a network that has one.
    pub(super) fn model(&self, spec: &TrialSpec) -> String {
        self.config("model", spec.model_label(), &spec.model)
    }

    /// Such as `epochs=5`; empty if all trials train alike.
    pub(super) fn training(&self, spec: &TrialSpec) -> String {
        if self.training.is_empty() {
            return String::new();
        }
        spelled(&self.training, &settings(&spec.training))
    }

    /// Do trials differ in how they train?
    pub(super) fn has_training(&self) -> bool {
        !self.training.is_empty()
    }

    fn config(&self, kind: &'static str, name: &str, config: &Value) -> String {
        match self.varying.get(&(kind, name.to_owned())) {
            Some(keys) => format!("{name} {}", spelled(keys, config)).trim_end().to_owned(),
            None => name.to_owned(),
        }
    }
}

/// One trial in words: `rigl at 90 %, mnist-10k, lenet5, seed 3`.
pub(super) fn trial(labels: &Labels, spec: &TrialSpec) -> String {
    let mut strategy = labels.strategy(spec);
    if spec.sparsity > 0.0 {
        strategy.push_str(&format!(" at {}", percent(spec.sparsity)));
    }
    let mut words = vec![strategy, spec.dataset_label(), labels.model(spec)];
    words.extend(Some(labels.training(spec)).filter(|training| !training.is_empty()));
    words.push(format!("seed {}", spec.seed));
    words.join(", ")
}

fn settings(training: &Training) -> Value {
    Value::Object(training.settings())
}

/// Keys under which the configs do not all agree.
fn varying(configs: &[&Value]) -> BTreeSet<String> {
    let keys: BTreeSet<&String> =
        configs.iter().filter_map(|config| config.as_object()).flat_map(Map::keys).collect();
    keys.into_iter()
        .filter(|key| configs.iter().any(|config| config.get(*key) != configs[0].get(*key)))
        .cloned()
        .collect()
}

/// A key that a config leaves out is at its default and is left out here too.
fn spelled(keys: &BTreeSet<String>, config: &Value) -> String {
    let pairs = keys.iter().filter_map(|key| match config.get(key)? {
        Value::Null => Some(format!("{key}=none")),
        value => Some(format!("{key}={}", brief(value))),
    });
    pairs.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(strategy: Value, epochs: u32) -> TrialSpec {
        TrialSpec {
            dataset: "digits".to_owned(),
            dataset_options: Map::new().into(),
            model: json!({ "name": "mlp", "hidden": [10] }).into(),
            strategy: strategy.into(),
            sparsity: 0.5,
            training: Training { epochs, ..Training::default() }.into(),
            seed: 3,
        }
    }

    #[test]
    fn only_differences_are_spelled_out() {
        let specs = [
            spec(json!({ "name": "a", "rate": 0.1, "fixed": 1 }), 5),
            spec(json!({ "name": "a", "rate": 0.2, "fixed": 1 }), 5),
            spec(json!({ "name": "b", "rate": 0.3 }), 5),
        ];
        let labels = Labels::of(specs.iter());
        assert_eq!(labels.strategy(&specs[0]), "a rate=0.1");
        assert_eq!(labels.strategy(&specs[2]), "b");
        assert_eq!(trial(&labels, &specs[1]), "a rate=0.2 at 50 %, digits, mlp, seed 3");
        let started = [
            spec(json!({ "name": "a", "rate": 0.1 }), 5),
            spec(json!({ "name": "a", "rate": 0.1, "start": "snip" }), 5),
        ];
        let labels = Labels::of(started.iter());
        assert_eq!(started.each_ref().map(|s| labels.strategy(s)), ["a", "a start=snip"]);
        let titled = |title: &str, outputs: i64| {
            let mut spec = spec(json!({ "name": "b" }), 5);
            let layers = json!([{ "kind": "linear", "outputs": outputs, "name": "x".repeat(30) }]);
            spec.model = json!({ "name": "own", "title": title, "layers": layers }).into();
            spec
        };
        // A title is a name, and long values are cut short.
        let specs = [titled("net", 3), titled("other", 4)];
        let labels = Labels::of(specs.iter());
        assert_eq!(specs.each_ref().map(|s| labels.model(s)), ["net", "other"]);
        let specs = [titled("net", 3), titled("net", 4)];
        let labels = Labels::of(specs.iter());
        let [one, other] = specs.each_ref().map(|s| labels.model(s));
        assert!(
            one.starts_with("net layers=#") && one.len() == 18 && one != other,
            "{one} {other}"
        );
        let trained = [spec(json!({ "name": "b" }), 5), spec(json!({ "name": "b" }), 6)];
        let labels = Labels::of(trained.iter());
        assert_eq!(trial(&labels, &trained[1]), "b at 50 %, digits, mlp, epochs=6, seed 3");
    }
}
