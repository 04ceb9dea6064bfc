//! Tables and groups: which trials belong together, and what they are called.

use std::collections::{BTreeMap, BTreeSet};

use dst_core::record::{Outcome, Status, TrialRecord};
use dst_core::{Error, Metric, Result};
use serde_json::Value;

use crate::words::percent;

/// Trials of one data set, model and training: what may be compared.
pub(crate) struct Table<'a> {
    /// The data set with its options that are not at their default: results on other data are
    /// not compared.
    pub(crate) dataset: String,
    pub(crate) model: &'a str,
    /// The architecture's parameters, compact JSON with sorted keys.
    pub(crate) model_parameters: String,
    /// The training, compact JSON with sorted keys.
    pub(crate) training: String,
    /// Data set, and in brackets what tells the table from others of that data set.
    pub(crate) place: String,
    /// What is compared.
    pub(crate) metric: Metric,
    /// By strategy, parameters and sparsity.
    pub(crate) groups: Vec<Group<'a>>,
}

impl Table<'_> {
    /// Data set and model, and what else tells the table from others.
    pub(crate) fn heading(&self) -> String {
        if self.place == self.dataset {
            return format!("{}, {}", self.dataset, self.model);
        }
        self.place.clone()
    }
}

/// Trials of one table that differ in their seed alone.
pub(crate) struct Group<'a> {
    pub(crate) strategy: &'a str,
    /// The strategy's parameters, compact JSON with sorted keys.
    pub(crate) parameters: String,
    pub(crate) sparsity: f64,
    /// The strategy, and what else tells the group from others of its table.
    pub(crate) label: String,
    /// That of the table.
    pub(crate) metric: Metric,
    /// By seed.
    pub(crate) trials: BTreeMap<u64, &'a TrialRecord>,
}

impl<'a> Group<'a> {
    /// What a trial measured, if it may enter a comparison: a collapsed one has numbers, but
    /// they are no sample of what the method does when it works.
    pub(crate) fn outcome(&self, seed: u64) -> Option<&'a Outcome> {
        let trial = self.trials.get(&seed)?;
        let outcome = trial.outcome.as_ref().filter(|_| trial.status == Status::Finished)?;
        outcome.test.get(self.metric).filter(|score| score.is_finite())?;
        Some(outcome)
    }

    /// Outcomes of finished trials, by seed.
    pub(crate) fn outcomes(&self) -> Vec<&'a Outcome> {
        self.trials.keys().filter_map(|seed| self.outcome(*seed)).collect()
    }

    /// Trials that did not finish, by seed.
    pub(crate) fn failures(&self) -> Vec<&'a TrialRecord> {
        let failed =
            |trial: &&TrialRecord| trial.status != Status::Finished || trial.outcome.is_none();
        self.trials.values().copied().filter(failed).collect()
    }

    /// The metric of every finished trial, by seed.
    pub(crate) fn scores(&self) -> Vec<f64> {
        self.scores_by(self.metric)
    }

    /// Another metric of every finished trial that has it, by seed.
    pub(crate) fn scores_by(&self, metric: Metric) -> Vec<f64> {
        self.outcomes().into_iter().filter_map(|outcome| outcome.test.get(metric)).collect()
    }

    /// A value of every finished trial, by seed.
    pub(crate) fn values(&self, value: fn(&Outcome) -> f64) -> Vec<f64> {
        self.outcomes().into_iter().map(value).collect()
    }

    /// Mean of a value over finished trials.
    pub(crate) fn mean(&self, value: fn(&Outcome) -> f64) -> Option<f64> {
        dst_stats::summary(&self.values(value)).ok().map(|summary| summary.mean)
    }
}

/// All tables, by data set, model, its parameters and training.
///
/// # Errors
/// If two records have one seed in one group: they cannot both be the trial.
pub(crate) fn tables(trials: &[TrialRecord]) -> Result<Vec<Table<'_>>> {
    let mut by_table: BTreeMap<_, Vec<&TrialRecord>> = BTreeMap::new();
    for trial in trials {
        let spec = &trial.spec;
        let key = [
            spec.dataset_label(),
            spec.model_name().to_owned(),
            without_name(&spec.model).to_string(),
            training(trial).to_string(),
        ];
        by_table.entry(key).or_default().push(trial);
    }
    let places = places(&by_table.values().map(|trials| trials[0]).collect::<Vec<_>>());
    by_table
        .into_iter()
        .zip(places)
        .map(|(([dataset, _, model_parameters, training], trials), place)| {
            let metric = metric(&trials);
            Ok(Table {
                dataset,
                model: trials[0].spec.model_name(),
                model_parameters,
                training,
                place,
                metric,
                groups: groups(&trials, metric)?,
            })
        })
        .collect()
}

/// The official metric of the data set; accuracy if the trials disagree, for results written
/// before there were other metrics have that in common with later ones.
fn metric(trials: &[&TrialRecord]) -> Metric {
    let mut metrics = trials.iter().filter_map(|trial| Some(trial.outcome.as_ref()?.metric));
    let first = metrics.next().unwrap_or_default();
    if metrics.all(|other| other == first) { first } else { Metric::Accuracy }
}

fn groups<'a>(trials: &[&'a TrialRecord], metric: Metric) -> Result<Vec<Group<'a>>> {
    let mut by_group: BTreeMap<_, BTreeMap<u64, &'a TrialRecord>> = BTreeMap::new();
    for trial in trials {
        let spec = &trial.spec;
        // Sparsity is not negative, so its bits sort like the number; adding 0 removes -0.
        let sparsity = (spec.sparsity + 0.0).to_bits();
        let key = (spec.strategy_name(), spec.strategy_parameters(), sparsity);
        if by_group.entry(key).or_default().insert(spec.seed, trial).is_some() {
            return Err(Error::contract(format!("two records of trial {}", trial.id)));
        }
    }
    let firsts: Vec<&TrialRecord> =
        by_group.values().filter_map(|trials| trials.values().next().copied()).collect();
    let labels: Vec<String> = firsts.iter().map(|trial| label(trial, &firsts)).collect();
    Ok(by_group
        .into_iter()
        .zip(labels)
        .map(|(((strategy, parameters, sparsity), trials), label)| Group {
            strategy,
            parameters,
            sparsity: f64::from_bits(sparsity),
            label,
            metric,
            trials,
        })
        .collect())
}

/// The strategy, the parameters in which its groups differ, and the sparsity unless the
/// strategy has none.
fn label(trial: &TrialRecord, firsts: &[&TrialRecord]) -> String {
    let name = trial.spec.strategy_name();
    let siblings = || firsts.iter().filter(|other| other.spec.strategy_name() == name);
    let configs: Vec<&Value> = siblings().map(|other| &other.spec.strategy).collect();
    let mut parts = vec![name.to_owned()];
    parts.extend(differing(&trial.spec.strategy, &configs));
    if siblings().any(|other| other.spec.sparsity > 0.0) {
        parts.push(format!("at {}", percent(trial.spec.sparsity)));
    }
    parts.join(" ")
}

/// For one trial of every table: the data set alone if it has one table, else with the model
/// and what differs in brackets.
fn places(firsts: &[&TrialRecord]) -> Vec<String> {
    firsts
        .iter()
        .map(|trial| {
            let spec = &trial.spec;
            let dataset = spec.dataset_label();
            let siblings: Vec<&TrialRecord> = firsts
                .iter()
                .filter(|other| other.spec.dataset_label() == dataset)
                .copied()
                .collect();
            if siblings.len() == 1 {
                return dataset;
            }
            let models: Vec<&Value> = siblings
                .iter()
                .filter(|other| other.spec.model_name() == spec.model_name())
                .map(|other| &other.spec.model)
                .collect();
            let trainings: Vec<Value> = siblings.iter().map(|other| training(other)).collect();
            let mut parts = vec![spec.model_name().to_owned()];
            parts.extend(differing(&spec.model, &models));
            parts.extend(differing(&training(trial), &trainings.iter().collect::<Vec<_>>()));
            format!("{dataset} ({})", parts.join(" "))
        })
        .collect()
}

/// `key=value` for every key of `of` that is not the same in all of `among`, by key.
fn differing(of: &Value, among: &[&Value]) -> Vec<String> {
    let keys: BTreeSet<&String> =
        among.iter().filter_map(|value| value.as_object()).flat_map(|map| map.keys()).collect();
    keys.into_iter()
        .filter(|key| among.iter().any(|value| value.get(key) != of.get(key)))
        .filter_map(|key| {
            Some(match of.get(key)? {
                Value::String(text) => format!("{key}={text}"),
                value => format!("{key}={value}"),
            })
        })
        .collect()
}

fn without_name(tagged: &Value) -> Value {
    let mut parameters = tagged.clone();
    if let Some(map) = parameters.as_object_mut() {
        map.remove("name");
    }
    parameters
}

fn training(trial: &TrialRecord) -> Value {
    serde_json::to_value(&trial.spec.training).expect("a training is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_named() {
        let one = json!({"every": "100 steps", "fraction": 0.1, "name": "rigl"});
        let other = json!({"every": "200 steps", "fraction": 0.1, "name": "rigl", "new": null});
        assert_eq!(differing(&one, &[&one, &other]), ["every=100 steps"]);
        assert_eq!(differing(&other, &[&one, &other]), ["every=200 steps", "new=null"]);
        assert!(differing(&one, &[&one]).is_empty());
    }
}
