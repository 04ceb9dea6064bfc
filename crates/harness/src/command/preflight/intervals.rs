//! Default intervals that never come in a training, such as 100 steps in one of 90.

use std::collections::BTreeMap;

use dst_core::record::TrialSpec;
use dst_core::{CowArc, Dataset, Forecast, Result, Span, Split, Step, Training};
use dst_settings::INTERVAL;
use serde_json::Value;

use super::{Inputs, strategy};

/// What takes the place of a default that never comes, as a share of the training.
const SHARE: Span = Span::Fraction(0.05);

/// Has the method an interval, and connections to change?
pub(in crate::command) fn has_one(spec: &TrialSpec) -> bool {
    spec.sparsity > 0.0 && spec.strategy.get(INTERVAL).is_some_and(Value::is_string)
}

/// Gives trials whose default interval never comes in their training one that does, and says so once for
/// each data set and length. Of strategies of which `is_given` says that somebody chose the interval, and
/// of those that never change a connection with any, nothing is changed.
///
/// # Errors
/// If this binary does not know a strategy.
pub(in crate::command) fn fit(
    trials: &mut [TrialSpec],
    inputs: &Inputs,
    is_given: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>> {
    // Seeds and sparsities have the same schedule.
    type Schedule = (String, String, String);
    let mut known: BTreeMap<Schedule, Option<CowArc<Value>>> = BTreeMap::new();
    let mut changed: BTreeMap<(String, u64), BTreeMap<String, String>> = BTreeMap::new();
    for spec in trials {
        if !has_one(spec) || is_given(spec.strategy_name()) {
            continue;
        }
        let Some(loaded) = inputs.of(spec) else { continue };
        let label = spec.dataset_label();
        let key = (label.clone(), spec.strategy.json().to_owned(), spec.training.json().to_owned());
        if !known.contains_key(&key) {
            let start = first_step(&*loaded.dataset, &spec.training);
            let fitting = fitting(spec, &start)?;
            if fitting.is_some() {
                let default = spec.strategy.get(INTERVAL).and_then(Value::as_str);
                changed.entry((label, start.total())).or_default().insert(
                    spec.strategy_name().to_owned(),
                    default.unwrap_or_default().to_owned(),
                );
            }
            known.insert(key.clone(), fitting);
        }
        if let Some(Some(config)) = known.get(&key) {
            spec.strategy = config.clone();
        }
    }
    let words =
        changed.into_iter().map(|((dataset, steps), methods)| words(&dataset, steps, &methods));
    Ok(words.collect())
}

/// The first step of a training.
fn first_step(dataset: &dyn Dataset, training: &Training) -> Step {
    let batches = dataset.batches(Split::Train, training.batch_size as usize, None).len();
    Step::first(batches.div_ceil(training.accumulate.max(1) as usize) as u64, training.epochs)
}

/// The strategy of a trial with an interval that comes, if its own never does.
fn fitting(spec: &TrialSpec, start: &Step) -> Result<Option<CowArc<Value>>> {
    if updates(spec, start)? > 0 {
        return Ok(None);
    }
    let mut other = spec.clone();
    other.strategy[INTERVAL] = SHARE.to_string().into();
    Ok((updates(&other, start)? > 0).then_some(other.strategy))
}

/// How often a training changes connections, at most. A method that is static by design is taken for one
/// whose schedule is as it should be.
fn updates(spec: &TrialSpec, start: &Step) -> Result<usize> {
    Ok(match strategy(spec)?.updates(start) {
        Forecast::Never => usize::MAX,
        Forecast::Exactly(count) | Forecast::AtMost(count) => count,
    })
}

/// What was changed on a data set, by method with the default interval.
fn words(dataset: &str, steps: u64, methods: &BTreeMap<String, String>) -> String {
    let listed: Vec<String> =
        methods.iter().map(|(name, default)| format!("{name} ({default})")).collect();
    let (interval, comes) = match methods.len() {
        1 => ("the default interval of", "never comes"),
        _ => ("the default intervals of", "never come"),
    };
    let set = match methods.len() {
        1 => methods.keys().next().map_or("*", String::as_str),
        _ => "*",
    };
    format!(
        "a training on {dataset} has {steps} steps, so {interval} {} {comes}: connections change every \
         {SHARE} of it instead; --set '{set}.{INTERVAL}=…' chooses another",
        listed.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(strategy: &str, parameters: Value) -> TrialSpec {
        let parameters = parameters.as_object().cloned().unwrap_or_default();
        let config = dst_core::plugin::strategy(strategy, &parameters).unwrap();
        TrialSpec {
            dataset: "digits".to_owned(),
            dataset_options: serde_json::Map::new().into(),
            model: json!({ "name": "mlp" }).into(),
            strategy: serde_json::to_value(&config).unwrap().into(),
            sparsity: 0.9,
            training: Training::default().into(),
            seed: 0,
        }
    }

    fn fitted(spec: &TrialSpec, steps: u64) -> Option<String> {
        let strategy = fitting(spec, &Step::first(steps, 1)).unwrap()?;
        Some(strategy[INTERVAL].as_str().unwrap().to_owned())
    }

    #[test]
    fn an_interval_that_never_comes_becomes_a_share_of_the_training() {
        let rigl = spec("rigl", json!({}));
        assert!(has_one(&rigl));
        // Updates end after three quarters of the training.
        assert_eq!(fitted(&rigl, 36).as_deref(), Some("5%"));
        assert_eq!(fitted(&rigl, 1000), None);
        // An update each epoch never comes in one epoch.
        assert_eq!(fitted(&spec("snfs", json!({})), 40).as_deref(), Some("5%"));
        // Nothing comes in a training of one step, and the grid warns as before.
        assert_eq!(fitted(&rigl, 1), None);
        let dense = TrialSpec { sparsity: 0.0, ..spec("dense", json!({})) };
        assert!(!has_one(&dense) && !has_one(&spec("static", json!({}))));
    }

    #[test]
    fn what_is_changed_is_said_once_for_all_methods() {
        let methods = |names: &[&str]| -> BTreeMap<String, String> {
            names.iter().map(|name| ((*name).to_owned(), "100 steps".to_owned())).collect()
        };
        assert_eq!(
            words("csv:iris", 24, &methods(&["rigl", "set"])),
            "a training on csv:iris has 24 steps, so the default intervals of rigl (100 steps), set \
             (100 steps) never come: connections change every 5% of it instead; --set \
             '*.interval=…' chooses another"
        );
        assert!(
            words("csv:iris", 24, &methods(&["set"]))
                .contains("interval of set (100 steps) never comes")
        );
    }
}
