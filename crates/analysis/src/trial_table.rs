//! Tables and groups: which trials belong together, and what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dst_record::label::brief;
use dst_record::record::{Collapse, Outcome, Status, TrialRecord, TrialSpec};
use dst_record::{BackendKind, Error, Metric, Result, measure};
use dst_stats::verdict::Run;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::budget::{Budget, Budgets, Level};
use crate::format::percent;
use crate::{Catalog, Experiment};

/// Trials of one data set and model: what may be compared.
#[derive(Debug, Clone)]
pub struct TrialTable<'a> {
    /// The data set with its options that are not at their default: results on other data are
    /// not compared.
    pub dataset: String,
    /// The data set's name without its options.
    pub dataset_name: &'a str,
    /// What the network is called: the architecture, or the title that its user gave it.
    pub model: &'a str,
    /// The architecture's parameters, compact JSON with sorted keys.
    pub model_parameters: String,
    /// Data set, and in brackets what tells the table from others of that data set.
    pub place: String,
    /// What is compared.
    pub metric: Metric,
    /// All planned seeds, rising: the order in which looks count them.
    pub seeds: Vec<u64>,
    /// By strategy, parameters, training and sparsity.
    pub groups: Vec<Arc<Group<'a>>>,
}

impl TrialTable<'_> {
    /// Data set and model, and what else tells the table from others.
    pub fn heading(&self) -> String {
        if self.place == self.dataset {
            return format!("{}, {}", self.dataset, self.model);
        }
        self.place.clone()
    }

    /// A name for programs, the same whatever else a store holds: 16 hexadecimal digits.
    pub fn key(&self) -> String {
        digest(&[&self.dataset, self.model, &self.model_parameters])
    }

    /// The same for what is compared with the control in one of its groups, whatever other groups there are.
    pub fn comparison_key(&self, group: &Group<'_>) -> String {
        digest(&[
            &self.dataset,
            self.model,
            &self.model_parameters,
            group.strategy,
            &group.parameters,
            &group.training,
            &group.sparsity.to_string(),
            &group.metric.to_string(),
        ])
    }

    /// Trials that ended, by group and seed.
    pub fn trials(&self) -> impl Iterator<Item = &TrialRecord> {
        self.groups.iter().flat_map(|group| group.trials.values().copied())
    }
}

fn digest(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Trials of one table that differ only in their seed.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// Name of the strategy.
    pub strategy: &'a str,
    /// The strategy's parameters, compact JSON with sorted keys.
    pub parameters: String,
    /// How it trained, compact JSON with sorted keys.
    pub training: String,
    /// The sparsity to reach, of the prunable weights, in [0, 1).
    pub sparsity: f64,
    /// With what its layers computed: part of `training`.
    pub backend: BackendKind,
    /// What its sparsity or its epochs were chosen for.
    pub budget: Budget,
    /// The strategy, and what else tells the group from others of its table.
    pub label: String,
    /// That of the table.
    pub metric: Metric,
    /// Does a network that gives one answer to everything count as trained?
    pub accepts_collapse: bool,
    /// Trials that ended, by seed.
    pub trials: BTreeMap<u64, &'a TrialRecord>,
    /// Seeds that were planned and have not ended.
    pub pending: BTreeSet<u64>,
}

impl<'a> Group<'a> {
    /// What became of the trial at a seed. One that finished without the metric that is compared has
    /// collapsed: its predictions do not define it.
    pub fn run(&self, seed: u64) -> Run {
        match self.trials.get(&seed) {
            Some(_) if self.score(seed).is_some() => {
                self.score(seed).map_or(Run::Failed, Run::Finished)
            }
            Some(trial) if trial.status.is_outcome() => Run::Failed,
            Some(_) => Run::Missing,
            None if self.pending.contains(&seed) => Run::Pending,
            None => Run::Missing,
        }
    }

    /// Did a trial end as a trained network?
    fn is_finished(&self, trial: &TrialRecord) -> bool {
        trial.outcome.is_some()
            && (trial.status == Status::Finished
                || self.accepts_collapse && trial.collapse == Some(Collapse::OneAnswer))
    }

    /// What a trial measured, if it may enter a mean: a collapsed one has numbers, but they are no
    /// sample of what the method does when it works, unless the analysis accepts them.
    pub fn outcome(&self, seed: u64) -> Option<&'a Outcome> {
        let trial = self.trials.get(&seed).filter(|trial| self.is_finished(trial))?;
        let outcome = trial.outcome.as_ref()?;
        outcome.test.get(self.metric).filter(|score| score.is_finite())?;
        Some(outcome)
    }

    /// What it is compared at.
    pub(crate) fn level(&self) -> Level {
        Level::new(self.budget, self.sparsity)
    }

    /// The test score of a trial, if it may enter a mean.
    pub fn score(&self, seed: u64) -> Option<f64> {
        self.outcome(seed)?.test.get(self.metric)
    }

    /// Outcomes of finished trials, by seed.
    pub fn outcomes(&self) -> Vec<&'a Outcome> {
        self.trials.keys().filter_map(|seed| self.outcome(*seed)).collect()
    }

    /// Trials whose outcome may enter a mean, by seed.
    pub fn finished(&self) -> Vec<&'a TrialRecord> {
        let finished = self.trials.iter().filter(|(seed, _)| self.outcome(**seed).is_some());
        finished.map(|(_, trial)| *trial).collect()
    }

    /// Trials that did not finish, by seed.
    pub fn failures(&self) -> Vec<&'a TrialRecord> {
        let failed = self.trials.iter().filter(|(seed, _)| self.outcome(**seed).is_none());
        failed.map(|(_, trial)| *trial).collect()
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

    /// A measure of every finished trial; none if one of them has no such number.
    pub fn measures(&self, name: &str) -> Option<Vec<f64>> {
        let measure = measure::find(name)?;
        self.finished().into_iter().map(measure.value).collect()
    }

    /// Mean of a measure over finished trials; none if one of them has no such number.
    pub fn measured(&self, name: &str) -> Option<f64> {
        dst_stats::summary(&self.measures(name)?).ok().map(|summary| summary.mean)
    }
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

    /// What its sparsity or its epochs were chosen for.
    fn budget(self, budgets: &Budgets) -> Budget {
        // Nothing is hashed where nothing was chosen.
        let known = |id: &str| budgets.get(id).copied().unwrap_or_default();
        match self {
            _ if budgets.is_empty() => Budget::default(),
            Self::Ended(trial) => known(&trial.id),
            Self::Pending(spec) => known(&spec.id()),
        }
    }

    fn ended(self) -> Option<&'a TrialRecord> {
        match self {
            Self::Ended(trial) => Some(trial),
            Self::Pending(_) => None,
        }
    }
}

/// All tables, by data set, model and its parameters.
///
/// # Errors
/// If two records have one seed in one group: they cannot both be the trial.
pub fn tables<'a>(experiment: &Experiment<'a>) -> Result<Vec<TrialTable<'a>>> {
    let mut by_table: BTreeMap<_, Vec<Planned<'a>>> = BTreeMap::new();
    let ended = experiment.trials.iter().map(Planned::Ended);
    for trial in ended.chain(experiment.pending.iter().map(Planned::Pending)) {
        let spec = trial.spec();
        let key = [
            spec.dataset_label(),
            spec.model_label().to_owned(),
            without_name(&spec.model).to_string(),
        ];
        by_table.entry(key).or_default().push(trial);
    }
    let places = places(&by_table.values().map(|trials| trials[0].spec()).collect::<Vec<_>>());
    by_table
        .into_iter()
        .zip(places)
        .map(|(([dataset, _, model_parameters], trials), place)| {
            let spec = trials[0].spec();
            let chosen = experiment.analysis.metric_of(&spec.dataset);
            let metric = chosen.unwrap_or_else(|| official(&trials, experiment.catalog));
            let seeds: BTreeSet<u64> = trials.iter().map(|trial| trial.spec().seed).collect();
            let accepts_collapse = experiment.analysis.accepts_collapse(&spec.dataset);
            Ok(TrialTable {
                dataset,
                dataset_name: &spec.dataset,
                model: spec.model_label(),
                model_parameters,
                place,
                metric,
                seeds: seeds.into_iter().collect(),
                groups: groups(&trials, metric, accepts_collapse, experiment.budgets)?,
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

/// A sparsity as a key: what floating-point arithmetic made of one number is one sparsity.
pub(crate) fn sparsity_key(sparsity: f64) -> u64 {
    // Sparsities lie in [0, 1), so a grid of 1e-12 fits.
    (sparsity * 1e12).round() as u64
}

fn groups<'a>(
    trials: &[Planned<'a>],
    metric: Metric,
    accepts_collapse: bool,
    budgets: &Budgets,
) -> Result<Vec<Arc<Group<'a>>>> {
    let mut by_group: BTreeMap<_, Vec<Planned<'a>>> = BTreeMap::new();
    for trial in trials {
        let spec = trial.spec();
        let key = (
            spec.strategy_name(),
            spec.strategy_parameters(),
            training(spec).to_string(),
            sparsity_key(spec.sparsity),
        );
        by_group.entry(key).or_default().push(*trial);
    }
    let firsts: Vec<&TrialSpec> = by_group.values().map(|trials| trials[0].spec()).collect();
    let labels: Vec<String> = firsts.iter().map(|spec| label(spec, &firsts)).collect();
    by_group
        .into_iter()
        .zip(labels)
        .map(|(((strategy, parameters, training, _), members), label)| {
            let sparsity = members[0].spec().sparsity + 0.0;
            let backend = members[0].spec().training.backend;
            let budget = members[0].budget(budgets);
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
            Ok(Arc::new(Group {
                strategy,
                parameters,
                training,
                sparsity,
                backend,
                budget,
                label,
                metric,
                accepts_collapse,
                trials,
                pending,
            }))
        })
        .collect()
}

/// The strategy, the parameters and settings of training in which groups differ, the sparsity unless the
/// strategy has none, and the backend if there are several, such as `rigl at 90 %, auto`.
fn label(spec: &TrialSpec, firsts: &[&TrialSpec]) -> String {
    let name = spec.strategy_name();
    let siblings = || firsts.iter().filter(|other| other.strategy_name() == name);
    let configs: Vec<&Value> = siblings().map(|other| &*other.strategy).collect();
    // A backend is named even where it is the default, which settings leave out.
    let settings = |spec: &TrialSpec| {
        let mut settings = spec.training.settings();
        settings.remove("backend");
        Value::Object(settings)
    };
    let trainings: Vec<Value> = firsts.iter().map(|other| settings(other)).collect();
    let mut parts = vec![name.to_owned()];
    parts.extend(differing(&spec.strategy, &configs));
    parts.extend(differing(&settings(spec), &trainings.iter().collect::<Vec<_>>()));
    if siblings().any(|other| other.sparsity > 0.0) {
        parts.push(format!("at {}", percent(spec.sparsity)));
    }
    let backend = spec.training.backend;
    if firsts.iter().any(|other| other.training.backend != backend) {
        return format!("{}, {backend}", parts.join(" "));
    }
    parts.join(" ")
}

/// For one trial of every table: only the data set if it has one table, else with the model
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
                .filter(|other| other.model_label() == spec.model_label())
                .map(|other| &*other.model)
                .collect();
            let mut parts = vec![spec.model_label().to_owned()];
            parts.extend(differing(&spec.model, &models));
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
        .filter_map(|key| Some(format!("{key}={}", brief(of.get(key)?))))
        .collect()
}

fn without_name(tagged: &Value) -> Value {
    let mut parameters = tagged.clone();
    if let Some(map) = parameters.as_object_mut() {
        map.remove("name");
    }
    parameters
}

pub(crate) fn training(spec: &TrialSpec) -> Value {
    serde_json::to_value(&spec.training).expect("a training is plain data")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Analysis;
    use crate::sample::{baseline, failed, finished, spec};
    use serde_json::json;

    #[test]
    fn only_what_differs_is_named() {
        let one = json!({"every": "100 steps", "fraction": 0.1, "name": "rigl"});
        let other = json!({"every": "200 steps", "fraction": 0.1, "name": "rigl", "new": null});
        assert_eq!(differing(&one, &[&one, &other]), ["every=100 steps"]);
        assert_eq!(differing(&other, &[&one, &other]), ["every=200 steps", "new=null"]);
        assert!(differing(&one, &[&one]).is_empty());
    }

    #[test]
    fn networks_are_called_by_their_titles() {
        let titled = |title: &str, outputs: i64| {
            let mut trial = finished(spec(baseline(), 0.0, 0), 0.9);
            let layers = json!([{"kind": "linear", "outputs": outputs, "name": "x".repeat(30)}]);
            trial.spec.model = json!({"name": "own", "title": title, "layers": layers}).into();
            trial.id = trial.spec.id();
            trial
        };
        let analysis = Analysis::default();
        let places = |trials: &[TrialRecord]| -> Vec<String> {
            let tables = tables(&Experiment::new(trials, &analysis)).unwrap();
            tables.iter().map(TrialTable::heading).collect()
        };
        let dataset = spec(baseline(), 0.0, 0).dataset;
        let two = places(&[titled("net", 3), titled("other", 3)]);
        assert_eq!(two, [format!("{dataset} (net)"), format!("{dataset} (other)")]);
        assert_eq!(places(&[titled("net", 3)]), [format!("{dataset}, net")]);
        // Somebody changed the layers and kept the title.
        let changed = places(&[titled("net", 3), titled("net", 4)]);
        let start = format!("{dataset} (net layers=#");
        assert!(changed.iter().all(|place| place.starts_with(&start)), "{changed:?}");
        assert_ne!(changed[0], changed[1]);
    }

    #[test]
    fn what_rounding_made_of_one_sparsity_is_one_group() {
        let rigl = || json!({"name": "rigl"});
        let trials =
            [finished(spec(rigl(), 0.3, 0), 0.9), finished(spec(rigl(), 0.1 + 0.2, 1), 0.9)];
        let analysis = Analysis::default();
        let tables = tables(&Experiment::new(&trials, &analysis)).unwrap();
        assert_eq!(tables[0].groups.len(), 1);
        assert_eq!(tables[0].groups[0].label, "rigl at 30 %");
    }

    #[test]
    fn trainings_are_groups_of_one_table() {
        let mut longer = finished(spec(baseline(), 0.0, 0), 0.9);
        longer.spec.training.epochs = 5;
        let trials = [finished(spec(baseline(), 0.0, 0), 0.9), longer];
        let analysis = Analysis::default();
        let tables = tables(&Experiment::new(&trials, &analysis)).unwrap();
        let labels: Vec<&str> = tables[0].groups.iter().map(|g| g.label.as_str()).collect();
        assert_eq!(labels, ["baseline epochs=2", "baseline epochs=5"]);
    }

    #[test]
    fn backends_are_groups_and_are_named_where_there_are_several() {
        let of = |backend, sparsity, seed| {
            let name = if sparsity > 0.0 { "rigl" } else { "baseline" };
            let mut trial = finished(spec(json!({ "name": name }), sparsity, seed), 0.9);
            trial.spec.training.backend = backend;
            trial
        };
        let (masked, auto) = (BackendKind::Masked, BackendKind::Auto);
        let mut trials = vec![of(masked, 0.9, 0), of(auto, 0.9, 0), of(masked, 0.0, 0)];
        let analysis = Analysis::default();
        let labels = |trials: &[TrialRecord]| -> Vec<String> {
            let tables = tables(&Experiment::new(trials, &analysis)).unwrap();
            tables[0].groups.iter().map(|group| group.label.clone()).collect()
        };
        assert_eq!(
            labels(&trials),
            ["baseline, masked", "rigl at 90 %, auto", "rigl at 90 %, masked"]
        );
        trials.remove(1);
        assert_eq!(labels(&trials), ["baseline", "rigl at 90 %"]);
    }

    #[test]
    fn runs_tell_outcomes_of_a_method_from_accidents() {
        let analysis = Analysis::default();
        let at = |seed| spec(baseline(), 0.0, seed);
        let mut undefined = finished(at(1), 0.5);
        if let Some(outcome) = &mut undefined.outcome {
            outcome.test.accuracy = None;
        }
        let trials = [
            finished(at(0), 0.9),
            undefined,
            failed(at(2), Status::Diverged, "loss is NaN"),
            failed(at(3), Status::Crashed, "out of luck"),
        ];
        let pending = [at(4)];
        let experiment = Experiment { pending: &pending, ..Experiment::new(&trials, &analysis) };
        let tables = tables(&experiment).unwrap();
        let group = &tables[0].groups[0];
        let runs: Vec<Run> = (0..6).map(|seed| group.run(seed)).collect();
        let (failed, missing) = (Run::Failed, Run::Missing);
        assert_eq!(runs, [Run::Finished(0.9), failed, failed, missing, Run::Pending, missing]);
    }
}
