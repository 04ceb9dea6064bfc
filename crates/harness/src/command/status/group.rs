//! Trials that differ only in their seed.

use std::collections::BTreeMap;

use dst_analysis::format::mean_and_sd;
use dst_core::Metric;
use dst_core::record::{Outcome, Status};
use serde_json::{Map, Value, json};

use super::Trial;
use crate::progress::eta::Eta;
use dst_store::TrialState;

/// How many trials are in which state.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) finished: usize,
    pub(super) running: usize,
    /// Begun and interrupted.
    pub(super) to_continue: usize,
    /// Not begun, or with a result that cannot be used.
    pub(super) to_do: usize,
    /// Ended otherwise, by how.
    pub(super) failed: BTreeMap<Status, usize>,
}

impl Counts {
    pub(super) fn of<'a>(trials: impl IntoIterator<Item = &'a Trial>) -> Self {
        let mut counts = Self::default();
        for trial in trials {
            match &trial.state {
                TrialState::Ended { status: Status::Finished, .. } => counts.finished += 1,
                TrialState::Ended { status, .. } => *counts.failed.entry(*status).or_default() += 1,
                TrialState::Running(_) => counts.running += 1,
                TrialState::Interrupted => counts.to_continue += 1,
                TrialState::Pending | TrialState::Damaged(_) => counts.to_do += 1,
            }
        }
        counts
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.values().sum()
    }

    /// Trials that have not ended.
    pub(super) fn open(&self) -> usize {
        self.running + self.to_continue + self.to_do
    }

    pub(super) fn all(&self) -> usize {
        self.finished + self.failed() + self.open()
    }

    /// Such as `2 diverged, 1 crashed`; empty if none failed.
    pub(super) fn failed_words(&self) -> String {
        let kinds = self.failed.iter().map(|(status, count)| format!("{count} {status}"));
        kinds.collect::<Vec<_>>().join(", ")
    }

    pub(super) fn json(&self) -> Value {
        let failed: Map<String, Value> = self
            .failed
            .iter()
            .map(|(status, count)| (status.to_string(), (*count).into()))
            .collect();
        json!({
            "finished": self.finished,
            "running": self.running,
            "to_continue": self.to_continue,
            "to_do": self.to_do,
            "failed": failed,
        })
    }
}

/// The metric of finished trials.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Score {
    pub(super) metric: Metric,
    pub(super) mean: f64,
    /// Standard deviation over seeds; none for a single one.
    pub(super) sd: Option<f64>,
    pub(super) seeds: usize,
}

impl Score {
    /// Over the outcomes that have a value; none if no outcome has.
    pub(super) fn of<'a>(outcomes: impl IntoIterator<Item = &'a Outcome>) -> Option<Self> {
        let mut metric = None;
        let mut values = Vec::new();
        for outcome in outcomes {
            let metric = *metric.get_or_insert(outcome.metric);
            values.extend(outcome.test.get(metric));
        }
        let seeds = values.len();
        let mean = (seeds > 0).then(|| values.iter().sum::<f64>() / seeds as f64)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let sd = (seeds > 1).then(|| (squares / (seeds - 1) as f64).sqrt());
        Some(Self { metric: metric?, mean, sd, seeds })
    }

    /// Such as `98.12 ± 0.10`, in percent if the metric is a share.
    pub(super) fn words(&self) -> String {
        mean_and_sd(self.metric, self.mean, self.sd)
    }
}

/// How long trials that have not ended still take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RemainingTime {
    /// Until they have ended, in seconds.
    pub(super) seconds: f64,
    /// Are there others of which nothing is known?
    pub(super) is_partial: bool,
}

impl RemainingTime {
    /// If `workers` trials run at once, or one if none runs now. None if nothing is left, or
    /// nothing is known.
    pub(super) fn of<'a>(
        trials: impl IntoIterator<Item = &'a Trial>,
        workers: usize,
    ) -> Option<Self> {
        let mut costs = BTreeMap::new();
        let mut begun = Vec::new();
        let (mut is_partial, mut longest) = (false, 0.0_f64);
        for trial in trials.into_iter().filter(|trial| trial.is_open()) {
            let Some(seconds) = trial.seconds else {
                is_partial = true;
                continue;
            };
            costs.insert(trial.id.clone(), seconds);
            if let Some(progress) = &trial.progress {
                begun.push((&trial.id, progress.fraction));
                if matches!(trial.state, TrialState::Running(_)) {
                    longest = longest.max(seconds * (1.0 - progress.fraction));
                }
            }
        }
        if costs.is_empty() {
            return None;
        }
        let mut eta = Eta::new(costs);
        for (id, fraction) in begun {
            eta.start(id);
            eta.reach(id, fraction);
        }
        // One trial does not become faster when others have ended.
        let seconds = (eta.rest() / workers.max(1) as f64).max(longest);
        Some(Self { seconds, is_partial })
    }
}

/// Characters of a bar.
const BAR: usize = 12;

/// Finished, running and failed trials as parts of a bar: `######>x...`. A part that is not empty
/// has a character, however small it is.
pub(super) fn bar(counts: &Counts) -> String {
    let all = counts.all();
    let width = |count: usize| match count {
        0 => 0,
        some => (some * BAR / all.max(1)).max(1),
    };
    let (running, failed) = (width(counts.running), width(counts.failed()));
    let open = width(counts.to_do + counts.to_continue);
    let done = if counts.finished == 0 { 0 } else { BAR.saturating_sub(running + failed + open) };
    let mut bar = "#".repeat(done) + &">".repeat(running) + &"x".repeat(failed);
    bar.push_str(&".".repeat(BAR.saturating_sub(bar.len())));
    bar
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use dst_store::TrialProgress;
    use dst_store::testing::{spec, success};

    fn counts(finished: usize, running: usize, failed: usize, to_do: usize) -> Counts {
        let failed = BTreeMap::from([(Status::Diverged, failed)]);
        Counts { finished, running, to_continue: 0, to_do, failed }
    }

    #[test]
    fn bars_have_one_width_and_hide_nothing() {
        let of = |finished, running, failed, to_do| bar(&counts(finished, running, failed, to_do));
        assert_eq!(of(6, 0, 0, 0), "############");
        assert_eq!(of(0, 0, 0, 6), "............");
        assert_eq!(of(97, 1, 1, 1), "#########>x.");
        assert_eq!(of(0, 0, 3, 0), "xxxxxxxxxxxx");
        assert_eq!(of(1, 1, 0, 4), "##>>........");
    }

    fn trial(seed: u64, state: TrialState, seconds: Option<f64>, fraction: Option<f64>) -> Trial {
        let spec = spec("set", seed);
        let progress = fraction.map(|fraction| TrialProgress {
            epoch: 1,
            epochs: 2,
            fraction,
            train_loss: None,
            accuracy: None,
        });
        let other_code = BTreeSet::new();
        Trial {
            id: spec.id(),
            spec,
            state,
            progress,
            outcome: None,
            queued: None,
            other_code,
            seconds,
        }
    }

    #[test]
    fn states_are_counted_and_failures_by_kind() {
        let ended = |status| TrialState::Ended { status, reason: String::new(), collapse: None };
        let states = [
            ended(Status::Finished),
            ended(Status::Crashed),
            ended(Status::Diverged),
            ended(Status::Crashed),
            TrialState::Interrupted,
            TrialState::Pending,
            TrialState::Damaged("torn".to_owned()),
        ];
        let trials: Vec<Trial> = states
            .into_iter()
            .enumerate()
            .map(|(seed, state)| trial(seed as u64, state, None, None))
            .collect();
        let counts = Counts::of(&trials);
        assert_eq!((counts.finished, counts.failed(), counts.open(), counts.all()), (1, 3, 3, 7));
        assert_eq!((counts.to_continue, counts.to_do), (1, 2));
        assert_eq!(counts.failed_words(), "1 diverged, 2 crashed");
        assert_eq!(counts.json()["failed"], json!({ "diverged": 1, "crashed": 2 }));
    }

    #[test]
    fn what_is_left_is_shared_by_those_that_run() {
        let pending = |seed| trial(seed, TrialState::Pending, Some(10.0), None);
        let begun = trial(0, TrialState::Interrupted, Some(10.0), Some(0.5));
        let rest = |trials: &[Trial], workers| RemainingTime::of(trials, workers);
        let some = |seconds, is_partial| Some(RemainingTime { seconds, is_partial });
        assert_eq!(rest(&[], 2), None);
        assert_eq!(rest(&[begun.clone(), pending(1)], 0), some(15.0, false));
        assert_eq!(rest(&[begun, pending(1), pending(2)], 2), some(12.5, false));
        let unknown = trial(3, TrialState::Pending, None, None);
        assert_eq!(rest(std::slice::from_ref(&unknown), 1), None);
        assert_eq!(rest(&[unknown, pending(1)], 1), some(10.0, true));
        let over =
            TrialState::Ended { status: Status::Finished, reason: String::new(), collapse: None };
        assert_eq!(rest(&[trial(4, over, Some(10.0), None)], 1), None);
    }

    #[test]
    fn scores_are_means_over_the_seeds_that_have_a_value() {
        let outcomes = [Some(0.75), None, Some(0.77)].map(|accuracy| {
            let mut outcome = success(&spec("set", 0)).outcome.unwrap();
            outcome.test.accuracy = accuracy;
            outcome
        });
        let score = Score::of(&outcomes).unwrap();
        assert_eq!((score.words().as_str(), score.seeds), ("76.00 ± 1.41", 2));
        assert_eq!(Score::of(&outcomes[..1]).unwrap().words(), "75.00");
        assert_eq!(Score::of(&outcomes[1..2]), None);
    }
}
