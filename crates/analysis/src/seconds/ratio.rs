//! Seconds of one group divided by those of another, paired by seed.

use std::collections::BTreeMap;

use dst_record::record::Outcome;
use dst_stats::PairedRatio;

use super::conditions::{Conditions, Loads, Measured};
use crate::Group;

/// A measured time of a group divided by that of another, paired by seed: below 1 is faster.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimeRatio {
    /// The geometric mean with its interval; none if no pair was measured under like conditions.
    pub ratio: Option<PairedRatio>,
    /// Pairs that both finished but whose times are not compared: their seeds by the reason, such as
    /// `on different machines`.
    pub left_out: BTreeMap<&'static str, Vec<u64>>,
    /// Where the compared times were measured.
    pub measured: Measured,
}

impl TimeRatio {
    /// Divides times of trials that finished at one of `seeds` on both sides. The interval is at
    /// `level`, for this ratio only.
    pub(crate) fn new(
        candidate: &Group<'_>,
        reference: &Group<'_>,
        seeds: &[u64],
        time: fn(&Outcome) -> f64,
        loads: &Loads<'_>,
        level: f64,
    ) -> Self {
        let mut answer = Self::default();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for seed in seeds {
            let finished = |group: &Group<'_>| {
                let seconds = time(group.outcome(*seed)?);
                (seconds.is_finite() && seconds > 0.0).then_some(seconds)
            };
            let Some((a, b)) = finished(candidate).zip(finished(reference)) else { continue };
            let [first, second] =
                [candidate, reference].map(|group| Conditions::of(group.trials[seed], loads));
            if let Some(reason) = first.unlike(&second) {
                answer.left_out.entry(reason).or_default().push(*seed);
                continue;
            }
            own.push(a);
            others.push(b);
            answer.measured.add(&first);
            answer.measured.add(&second);
        }
        if own.is_empty() {
            return answer;
        }
        // Times are positive and finite, so there is nothing to refuse.
        answer.ratio = dst_stats::paired_ratio(&own, &others, level).ok();
        answer
    }

    /// Why there is no ratio, or for which pairs there is none, such as `ran on different machines (5
    /// pairs)`; none if every pair is compared.
    pub fn withheld(&self) -> Option<String> {
        let reasons: Vec<String> = self
            .left_out
            .iter()
            .map(|(reason, seeds)| {
                format!("{reason} ({})", crate::format::count(seeds.len(), "pair"))
            })
            .collect();
        (!reasons.is_empty()).then(|| format!("ran {}", reasons.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, group};
    use crate::{Analysis, Experiment};
    use serde_json::json;

    #[test]
    fn times_are_divided_seed_by_seed_under_like_conditions() {
        let mut trials = group(&baseline(), 0.0, &[0.9, 0.9, 0.9]);
        trials.extend(group(&json!({"name": "set"}), 0.9, &[0.9, 0.9, 0.9]));
        for (place, trial) in trials.iter_mut().enumerate() {
            trial.provenance.host = "desk".to_owned();
            trial.outcome.as_mut().unwrap().train_seconds = [8.0, 10.0, 12.0, 2.0, 2.5, 3.0][place];
        }
        trials[2].provenance.host = "other".to_owned();
        let analysis = Analysis::default();
        let experiment = Experiment::new(&trials, &analysis);
        let tables = crate::tables(&experiment).unwrap();
        let groups = &tables[0].groups;
        let time = |outcome: &Outcome| outcome.train_seconds;
        let loads = Loads::new(&trials);
        let ratio = TimeRatio::new(&groups[1], &groups[0], &[0, 1, 2, 3], time, &loads, 0.95);
        let answer = ratio.ratio.clone().unwrap();
        assert!((answer.geometric_mean - 0.25).abs() < 1e-12 && answer.n == 2, "{answer:?}");
        assert_eq!(ratio.withheld().unwrap(), "ran on different machines (1 pair)");
        let measured = ratio.measured.to_string();
        assert!(measured.starts_with("on machine desk"), "{measured}");
    }
}
