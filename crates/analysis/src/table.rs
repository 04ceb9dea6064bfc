//! Tables and groups: which trials belong together, and what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Catalog, Experiment};
use dst_record::record::{Outcome, Status, TrialRecord, TrialSpec};
use dst_record::{Error, Metric, Result, measure};
use serde_json::Value;

use crate::words::percent;

/// Trials of one data set, model and training: what may be compared.
#[derive(Debug, Clone)]
pub struct Table<'a> {
    /// The data set with its options that are not at their default: results on other data are
    /// not compared.
    pub dataset: String,
    /// Name of the architecture.
    pub model: &'a str,
    /// The architecture's parameters, compact JSON with sorted keys.
    pub model_parameters: String,
    /// The training, compact JSON with sorted keys.
    pub training: String,
    /// Data set, and in brackets what tells the table from others of that data set.
    pub place: String,
    /// What is compared.
    pub metric: Metric,
    /// By strategy, parameters and sparsity.
    pub groups: Vec<Arc<Group<'a>>>,
}

impl Table<'_> {
    /// Data set and model, and what else tells the table from others.
    pub fn heading(&self) -> String {
        if self.place == self.dataset {
            return format!("{}, {}", self.dataset, self.model);
        }
        self.place.clone()
    }
}

/// Trials of one table that differ in their seed alone.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// Name of the strategy.
    pub strategy: &'a str,
    /// The strategy's parameters, compact JSON with sorted keys.
    pub parameters: String,
    /// The sparsity to reach, of the prunable weights, in [0, 1).
    pub sparsity: f64,
    /// The strategy, and what else tells the group from others of its table.
    pub label: String,
    /// That of the table.
    pub metric: Metric,
    /// Trials that ended, by seed.
    pub trials: BTreeMap<u64, &'a TrialRecord>,
    /// Seeds that were planned and have not ended.
    pub pending: BTreeSet<u64>,
}

impl<'a> Group<'a> {
    /// What a trial measured, if it may enter a comparison: a collapsed one has numbers, but
    /// they are no sample of what the method does when it works.
    pub fn outcome(&self, seed: u64) -> Option<&'a Outcome> {
        let trial = self.trials.get(&seed)?;
        let outcome = trial.outcome.as_ref().filter(|_| trial.status == Status::Finished)?;
        outcome.test.get(self.metric).filter(|score| score.is_finite())?;
        Some(outcome)
    }

    /// The test score of a trial, if it may enter a comparison.
    pub fn score(&self, seed: u64) -> Option<f64> {
        self.outcome(seed)?.test.get(self.metric)
    }

    /// Outcomes of finished trials, by seed.
    pub fn outcomes(&self) -> Vec<&'a Outcome> {
        self.trials.keys().filter_map(|seed| self.outcome(*seed)).collect()
    }

    /// Trials whose outcome may enter a comparison, by seed.
    pub fn finished(&self) -> Vec<&'a TrialRecord> {
        let finished = self.trials.iter().filter(|(seed, _)| self.outcome(**seed).is_some());
        finished.map(|(_, trial)| *trial).collect()
    }

    /// Trials that did not finish, by seed.
    pub fn failures(&self) -> Vec<&'a TrialRecord> {
        let failed =
            |trial: &&TrialRecord| trial.status != Status::Finished || trial.outcome.is_none();
        self.trials.values().copied().filter(failed).collect()
    }

    /// Trials that were planned: those that ended and those that did not.
    pub fn planned(&self) -> usize {
        self.trials.len() + self.pending.len()
    }

    /// The metric of every finished trial, by seed.
    pub fn scores(&self) -> Vec<f64> {
        self.scores_by(self.metric)
    }

    /// Another metric of every finished trial that has it, by seed.
    pub fn scores_by(&self, metric: Metric) -> Vec<f64> {
        self.outcomes().into_iter().filter_map(|outcome| outcome.test.get(metric)).collect()
    }

    /// A value of every finished trial, by seed.
    pub fn values(&self, value: fn(&Outcome) -> f64) -> Vec<f64> {
        self.outcomes().into_iter().map(value).collect()
    }

    /// Mean of a value over finished trials.
    pub fn mean(&self, value: fn(&Outcome) -> f64) -> Option<f64> {
        dst_stats::summary(&self.values(value)).ok().map(|summary| summary.mean)
    }

    /// Mean of a measure over trials that finished; none if one of them has no such number.
    pub fn measured(&self, name: &str) -> Option<f64> {
        let measure = measure::find(name)?;
        let finished = self.trials.values().filter(|trial| trial.status == Status::Finished);
        let values: Option<Vec<f64>> = finished.map(|trial| (measure.value)(trial)).collect();
        dst_stats::summary(&values?).ok().map(|summary| summary.mean)
    }
}

/// Seeds that every group finished; groups that finished none do not count.
pub(crate) fn common_seeds<'g, 'a: 'g>(
    groups: impl Iterator<Item = &'g Group<'a>>,
) -> BTreeSet<u64> {
    let finished = groups.map(|group| -> BTreeSet<u64> {
        group.trials.keys().copied().filter(|seed| group.outcome(*seed).is_some()).collect()
    });
    finished
        .filter(|seeds| !seeds.is_empty())
        .reduce(|common, seeds| &common & &seeds)
        .unwrap_or_default()
}

/// One trial as far as tables are concerned.
#[derive(Clone, Copy)]
enum Planned<'a> {
    Ended(&'a TrialRecord),
    Pending(&'a TrialSpec),
}

impl<'a> Planned<'a> {
    fn spec(self) -> &'a TrialSpec {
        match self {
            Self::Ended(trial) => &trial.spec,
            Self::Pending(spec) => spec,
        }
    }

    fn ended(self) -> Option<&'a TrialRecord> {
        match self {
            Self::Ended(trial) => Some(trial),
            Self::Pending(_) => None,
        }
    }
}

/// All tables, by data set, model, its parameters and training.
///
/// # Errors
/// If two records have one seed in one group: they cannot both be the trial.
pub fn tables<'a>(experiment: &Experiment<'a>) -> Result<Vec<Table<'a>>> {
    let mut by_table: BTreeMap<_, Vec<Planned<'a>>> = BTreeMap::new();
    let ended = experiment.trials.iter().map(Planned::Ended);
    for trial in ended.chain(experiment.pending.iter().map(Planned::Pending)) {
        let spec = trial.spec();
        let key = [
            spec.dataset_label(),
            spec.model_name().to_owned(),
            without_name(&spec.model).to_string(),
            training(spec).to_string(),
        ];
        by_table.entry(key).or_default().push(trial);
    }
    let places = places(&by_table.values().map(|trials| trials[0].spec()).collect::<Vec<_>>());
    by_table
        .into_iter()
        .zip(places)
        .map(|(([dataset, _, model_parameters, training], trials), place)| {
            let spec = trials[0].spec();
            let chosen = experiment.analysis.metrics.get(&spec.dataset).copied();
            let metric = chosen.unwrap_or_else(|| official(&trials, experiment.catalog));
            Ok(Table {
                dataset,
                model: spec.model_name(),
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
fn official(trials: &[Planned<'_>], catalog: &Catalog) -> Metric {
    let outcomes = trials.iter().filter_map(|trial| trial.ended()?.outcome.as_ref());
    let mut metrics = outcomes.map(|outcome| outcome.metric);
    let Some(first) = metrics.next() else {
        let facts = catalog.datasets.get(&trials[0].spec().dataset);
        return facts.map_or(Metric::Accuracy, |facts| facts.metric);
    };
    if metrics.all(|other| other == first) { first } else { Metric::Accuracy }
}

fn groups<'a>(trials: &[Planned<'a>], metric: Metric) -> Result<Vec<Arc<Group<'a>>>> {
    let mut by_group: BTreeMap<_, Vec<Planned<'a>>> = BTreeMap::new();
    for trial in trials {
        let spec = trial.spec();
        // Sparsity is not negative, so its bits sort like the number; adding 0 removes -0.
        let sparsity = (spec.sparsity + 0.0).to_bits();
        let key = (spec.strategy_name(), spec.strategy_parameters(), sparsity);
        by_group.entry(key).or_default().push(*trial);
    }
    let firsts: Vec<&TrialSpec> = by_group.values().map(|trials| trials[0].spec()).collect();
    let labels: Vec<String> = firsts.iter().map(|spec| label(spec, &firsts)).collect();
    by_group
        .into_iter()
        .zip(labels)
        .map(|(((strategy, parameters, sparsity), members), label)| {
            let mut trials = BTreeMap::new();
            let mut pending = BTreeSet::new();
            for member in members {
                match member {
                    Planned::Pending(spec) => {
                        pending.insert(spec.seed);
                    }
                    Planned::Ended(trial) => {
                        if trials.insert(trial.spec.seed, trial).is_some() {
                            return Err(Error::contract(format!(
                                "two records of trial {}",
                                trial.id
                            )));
                        }
                    }
                }
            }
            pending.retain(|seed| !trials.contains_key(seed));
            let sparsity = f64::from_bits(sparsity);
            Ok(Arc::new(Group { strategy, parameters, sparsity, label, metric, trials, pending }))
        })
        .collect()
}

/// The strategy, the parameters in which its groups differ, and the sparsity unless the
/// strategy has none.
fn label(spec: &TrialSpec, firsts: &[&TrialSpec]) -> String {
    let name = spec.strategy_name();
    let siblings = || firsts.iter().filter(|other| other.strategy_name() == name);
    let configs: Vec<&Value> = siblings().map(|other| &other.strategy).collect();
    let mut parts = vec![name.to_owned()];
    parts.extend(differing(&spec.strategy, &configs));
    if siblings().any(|other| other.sparsity > 0.0) {
        parts.push(format!("at {}", percent(spec.sparsity)));
    }
    parts.join(" ")
}

/// For one trial of every table: the data set alone if it has one table, else with the model
/// and what differs in brackets.
fn places(firsts: &[&TrialSpec]) -> Vec<String> {
    firsts
        .iter()
        .map(|spec| {
            let dataset = spec.dataset_label();
            let siblings: Vec<&TrialSpec> =
                firsts.iter().filter(|other| other.dataset_label() == dataset).copied().collect();
            if siblings.len() == 1 {
                return dataset;
            }
            let models: Vec<&Value> = siblings
                .iter()
                .filter(|other| other.model_name() == spec.model_name())
                .map(|other| &other.model)
                .collect();
            let trainings: Vec<Value> = siblings.iter().map(|other| training(other)).collect();
            let mut parts = vec![spec.model_name().to_owned()];
            parts.extend(differing(&spec.model, &models));
            parts.extend(differing(&training(spec), &trainings.iter().collect::<Vec<_>>()));
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

fn training(spec: &TrialSpec) -> Value {
    serde_json::to_value(&spec.training).expect("a training is plain data")
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
