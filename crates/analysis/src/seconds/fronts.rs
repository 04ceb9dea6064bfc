//! What scores cost in measured time, and which methods nothing beats.

use std::sync::Arc;

use dst_record::record::Outcome;

use super::conditions::{Conditions, Loads};
use super::ratio::TimeRatio;
use crate::{Analysis, Group, Judgement};

/// Which time is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The whole training, in seconds.
    Training,
    /// Inference of one sample, in milliseconds.
    Inference,
}

impl Clock {
    /// As files name it, such as `training`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Inference => "inference",
        }
    }

    /// What it counts in.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Training => "s",
            Self::Inference => "ms",
        }
    }

    /// The time of a finished trial; NaN if it was not measured.
    pub fn time(self) -> fn(&Outcome) -> f64 {
        match self {
            Self::Training => |outcome| outcome.train_seconds,
            Self::Inference => |outcome| outcome.inference_ms_per_sample,
        }
    }
}

/// The groups of a table by score and time.
#[derive(Debug, Clone)]
pub struct TimeFront<'t> {
    /// Which time.
    pub clock: Clock,
    /// Groups with a mean score and a mean time, the control's first.
    pub costs: Vec<TimeCost<'t>>,
    /// Why no group is said to be better than another in time, such as `on different machines`; then no
    /// group is on the front.
    pub withheld: Option<&'static str>,
}

/// A group with its mean score and mean time.
#[derive(Debug, Clone)]
pub struct TimeCost<'t> {
    /// The group.
    pub group: Arc<Group<'t>>,
    /// Mean test score over finished trials.
    pub score: f64,
    /// Mean time over finished trials, in the unit of the clock.
    pub time: f64,
    /// Against what the group is compared with, over the seeds that are judged; none for the control, and
    /// if the two are not comparable.
    pub ratio: Option<TimeRatio>,
    /// Does no group have as good a score in as little time, and one of both better? A statement about
    /// means, no test.
    pub on_front: bool,
    /// Labels of the groups that do.
    pub dominated_by: Vec<String>,
}

impl<'t> TimeFront<'t> {
    pub(super) fn empty(clock: Clock) -> Self {
        Self { clock, costs: Vec::new(), withheld: None }
    }

    pub(super) fn new(
        judgement: &Judgement<'t>,
        clock: Clock,
        loads: &Loads<'_>,
        analysis: &Analysis,
    ) -> Self {
        let level = 1.0 - analysis.alpha;
        let costs: Vec<TimeCost<'t>> = judgement
            .groups()
            .filter_map(|group| {
                let mean = |values: &[f64]| dst_stats::summary(values).ok().map(|s| s.mean);
                let time = mean(&group.values(clock.time())).filter(|time| *time > 0.0)?;
                let ratio = judgement.comparison(group).and_then(|comparison| {
                    let control = comparison.control.as_ref();
                    let control = control.filter(|_| comparison.not_comparable.is_none())?;
                    let seeds = &judgement.judged_seeds;
                    Some(TimeRatio::new(group, control, seeds, clock.time(), loads, level))
                });
                Some(TimeCost {
                    group: Arc::clone(group),
                    score: mean(&group.scores())?,
                    time,
                    ratio,
                    on_front: false,
                    dominated_by: Vec::new(),
                })
            })
            .collect();
        let withheld = unlike(costs.iter().map(|cost| &*cost.group), loads);
        let mut front = Self { clock, costs, withheld };
        if front.withheld.is_none() {
            front.compare();
        }
        front
    }

    /// Finds who dominates whom.
    fn compare(&mut self) {
        let points: Vec<(f64, f64)> =
            self.costs.iter().map(|cost| (cost.time, cost.score)).collect();
        let dominated_by: Vec<Vec<String>> = points
            .iter()
            .map(|(time, score)| {
                let better = self.costs.iter().filter(|other| {
                    let as_good = other.time <= *time && other.score >= *score;
                    as_good && (other.time < *time || other.score > *score)
                });
                better.map(|other| other.group.label.clone()).collect()
            })
            .collect();
        for (cost, dominated_by) in self.costs.iter_mut().zip(dominated_by) {
            cost.on_front = dominated_by.is_empty();
            cost.dominated_by = dominated_by;
        }
    }

    /// Those that dominate a group and are on the front: whoever dominates it is dominated by one of
    /// these, or is one.
    pub fn dominators<'c>(&'c self, cost: &'c TimeCost<'t>) -> impl Iterator<Item = &'c str> {
        let on_front = |label: &&String| {
            self.costs.iter().any(|other| other.on_front && other.group.label == **label)
        };
        cost.dominated_by.iter().filter(on_front).map(String::as_str)
    }
}

/// Why times of these groups are not compared; none if all were measured under like conditions. Loads
/// are those of groups, the means over their trials.
fn unlike<'g>(
    groups: impl Iterator<Item = &'g Group<'g>>,
    loads: &Loads<'_>,
) -> Option<&'static str> {
    let mut first: Option<Conditions<'g>> = None;
    let mut extremes: Option<[Conditions<'g>; 2]> = None;
    for group in groups {
        let all: Vec<Conditions<'g>> =
            group.finished().into_iter().map(|trial| Conditions::of(trial, loads)).collect();
        for one in &all {
            let place = Conditions { load: None, ..one.clone() };
            if let Some(reason) = place.unlike(first.get_or_insert(place.clone())) {
                return Some(reason);
            }
        }
        let own: Option<Vec<f64>> = all.iter().map(|one| one.load).collect();
        let Some((one, Ok(summary))) = all.first().zip(own.map(|own| dst_stats::summary(&own)))
        else {
            continue;
        };
        let mean = Conditions { load: Some(summary.mean), ..one.clone() };
        let [least, most] = extremes.get_or_insert_with(|| [mean.clone(), mean.clone()]);
        if mean.load < least.load {
            least.load = mean.load;
        }
        if mean.load > most.load {
            most.load = mean.load;
        }
    }
    let [least, most] = extremes?;
    least.unlike(&most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, group};
    use crate::{Experiment, Study};
    use dst_record::record::TrialRecord;
    use serde_json::json;

    /// Two seeds each of the control and of four methods with these scores and seconds.
    fn trials() -> Vec<TrialRecord> {
        let mut trials = group(&baseline(), 0.0, &[0.98, 0.98]);
        for (name, score, seconds) in
            [("a", 0.97, 4.0), ("b", 0.97, 5.0), ("c", 0.96, 2.0), ("d", 0.95, 5.0)]
        {
            let mut own = group(&json!({ "name": name }), 0.9, &[score; 2]);
            for trial in &mut own {
                trial.outcome.as_mut().unwrap().train_seconds = seconds;
            }
            trials.extend(own);
        }
        trials[..2].iter_mut().for_each(|trial| {
            trial.outcome.as_mut().unwrap().train_seconds = 10.0;
        });
        for trial in &mut trials {
            trial.provenance.host = "desk".to_owned();
        }
        trials
    }

    #[test]
    fn a_method_is_dominated_by_who_is_as_good_and_faster() {
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let trials = trials();
        let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
        let front = &study.judgements[0].seconds.training;
        let rows: Vec<(&str, bool, usize, Vec<&str>)> = front
            .costs
            .iter()
            .map(|cost| {
                let dominators = front.dominators(cost).collect();
                (cost.group.strategy, cost.on_front, cost.dominated_by.len(), dominators)
            })
            .collect();
        assert_eq!(
            rows,
            [
                ("baseline", true, 0, vec![]),
                ("a", true, 0, vec![]),
                ("b", false, 1, vec!["a at 90 %"]),
                ("c", true, 0, vec![]),
                ("d", false, 3, vec!["a at 90 %", "c at 90 %"]),
            ]
        );
        let ratio = front.costs[1].ratio.as_ref().unwrap().ratio.as_ref().unwrap();
        assert!((ratio.geometric_mean - 0.4).abs() < 1e-12 && ratio.n == 2, "{ratio:?}");
        assert!(front.costs[0].ratio.is_none());
    }

    #[test]
    fn no_front_over_several_machines() {
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let mut trials = trials();
        trials[9].provenance.host = "other".to_owned();
        let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
        let front = &study.judgements[0].seconds.training;
        assert_eq!(front.withheld, Some("on different machines"));
        assert!(front.costs.iter().all(|cost| !cost.on_front && cost.dominated_by.is_empty()));
    }
}
