//! Trials of one side that differ only in their seed.

use std::collections::{BTreeMap, BTreeSet};

use dst_core::Metric;
use dst_core::record::{TrialRecord, TrialSpec};
use serde_json::Value;

use super::entry::{self, Entry, METRIC, Reported};
use super::names::fold;

/// Trials of one side that differ only in their seed.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// What they have in common; its seed means nothing.
    pub(super) spec: TrialSpec,
    /// What the source tells of that.
    pub(super) reported: Reported,
    /// By seed.
    pub(super) trials: BTreeMap<u64, TrialRecord>,
    /// Everything else that a file says of each, by seed.
    cells: BTreeMap<u64, (BTreeMap<String, String>, Option<u64>)>,
}

/// Two trials of one group with one seed: they cannot both be its score.
#[derive(Debug)]
pub(super) struct DuplicateSeed {
    /// What the trials are of.
    pub(super) what: String,
    /// The seed.
    pub(super) seed: u64,
    /// The lines of a file on which they stand.
    pub(super) lines: Option<(u64, u64)>,
    /// Columns in which the two rows differ, with the value of the second.
    pub(super) differing: BTreeMap<String, String>,
}

impl Group {
    /// All groups, in the order of their first trials; and the first seed that is there twice.
    pub(super) fn of(entries: Vec<Entry>) -> Result<Vec<Self>, DuplicateSeed> {
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut groups: Vec<Self> = Vec::new();
        for entry in entries {
            let key = key(&entry);
            let seed = entry.trial.spec.seed;
            let place = *places.entry(key).or_insert(groups.len());
            if place == groups.len() {
                groups.push(Self {
                    spec: entry.trial.spec.clone(),
                    reported: entry.reported,
                    trials: BTreeMap::new(),
                    cells: BTreeMap::new(),
                });
            }
            let group = &mut groups[place];
            if let Some((cells, line)) = group.cells.get(&seed) {
                let differs = |(name, cell): &(String, String)| {
                    !name.is_empty() && cells.get(name) != Some(cell)
                };
                return Err(DuplicateSeed {
                    what: group.what(),
                    seed,
                    lines: line.zip(entry.line),
                    differing: entry.cells.into_iter().filter(differs).collect(),
                });
            }
            group.cells.insert(seed, (entry.cells, entry.line));
            group.trials.insert(seed, entry.trial);
        }
        Ok(groups)
    }

    /// Such as `rigl at 0.9 on mnist, lenet5`.
    pub(super) fn what(&self) -> String {
        let mut what = self.spec.strategy_name().to_owned();
        if self.spec.sparsity > 0.0 {
            what.push_str(&format!(" at {}", self.spec.sparsity));
        }
        what.push_str(&format!(" on {}", self.spec.dataset_label()));
        if self.reported.model {
            what.push_str(&format!(", {}", self.spec.model_label()));
        }
        what
    }

    /// Its settings by the keys of brackets, as far as they are reported.
    pub(super) fn settings(&self) -> BTreeMap<String, Value> {
        entry::settings(&self.spec, self.reported)
    }

    /// Does any of its trials have a score by this metric?
    pub(super) fn has(&self, metric: Metric) -> bool {
        let mut outcomes = self.trials.values().filter_map(|trial| trial.outcome.as_ref());
        outcomes.any(|outcome| outcome.test.get(metric).is_some())
    }

    /// The metric of a row of a file that has a score, though none by `metric`. It says nothing of
    /// the method; in a store, predictions that do not define a metric are a failure.
    pub(super) fn scored_otherwise(&self, seed: u64, metric: Metric) -> Option<Metric> {
        let outcome = self.trials[&seed].outcome.as_ref()?;
        let (_, line) = self.cells.get(&seed)?;
        (line.is_some() && outcome.test.get(metric).is_none()).then_some(outcome.metric)
    }

    /// Titles of the metrics that cells of a file name, and how they spell them.
    pub(super) fn metrics(&self) -> BTreeMap<&'static str, String> {
        let named = self.trials.iter().filter_map(|(seed, trial)| {
            let cell = self.cells.get(seed)?.0.get(METRIC)?;
            Some((trial.outcome.as_ref()?.metric.title(), cell.clone()))
        });
        named.collect()
    }

    /// The official metric, as the first of its outcomes tells it.
    pub(super) fn metric(&self) -> Option<Metric> {
        self.trials.values().find_map(|trial| Some(trial.outcome.as_ref()?.metric))
    }
}

/// Seeds for people: `0..=5` for the first six, as a grid takes them, or `0, 2, 7`.
pub(super) fn seeds(seeds: &BTreeSet<u64>) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &seed in seeds {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seed) => *last = seed,
            _ => runs.push((seed, seed)),
        }
    }
    let texts = runs.into_iter().map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}..={last}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

/// Everything but the seed, as far as it is told; names without what people vary.
fn key(entry: &Entry) -> String {
    let spec = &entry.trial.spec;
    let mut settings = entry::settings(spec, entry.reported);
    settings.remove("model");
    let names = [spec.dataset_label().as_str(), spec.strategy_name(), spec.model_label()].map(fold);
    let reported = entry.reported;
    let reported =
        [reported.model, reported.model_parameters, reported.parameters, reported.training];
    format!("{names:?} {} {reported:?} {settings:?}", spec.sparsity)
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::entry;
    use super::*;

    #[test]
    fn groups_differ_in_more_than_the_seed() {
        let mut entries = vec![entry("m", "a", 0.9, 0, 0.5), entry("m", "b", 0.9, 0, 0.5)];
        entries.push(entry("m", "a", 0.9, 1, 0.5));
        entries.push(entry("m", "a", 0.5, 1, 0.5));
        let groups = Group::of(entries.clone()).unwrap();
        assert_eq!(groups.iter().map(|group| group.trials.len()).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(groups[0].what(), "a at 0.9 on m, mlp");
        entries.push(entry("m", "a", 0.5, 1, 0.7));
        entries[4].cells.insert("lr".to_owned(), "0.1".to_owned());
        let twice = Group::of(entries).unwrap_err();
        assert_eq!((twice.seed, twice.differing["lr"].as_str()), (1, "0.1"));
    }

    #[test]
    fn seeds_are_short() {
        assert_eq!(seeds(&[0, 1, 2, 5, 7, 8].into()), "0..=2, 5, 7, 8");
        assert_eq!(
            seeds(&[u64::MAX - 1, u64::MAX].into()),
            format!("{}, {}", u64::MAX - 1, u64::MAX)
        );
        assert_eq!(seeds(&BTreeSet::new()), "");
    }
}
