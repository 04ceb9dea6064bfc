//! How soon a training is as good as the control's in the end.
//!
//! The target of a seed is the control's validation score after its last epoch minus a margin: its own,
//! because a seed's data order and starting weights make some seeds harder for every method. A training
//! reaches it at the end of the first epoch whose validation score is at least the target and whose network
//! is as sparse as was asked for: a method that starts dense would else be as soon as a dense network, with
//! one. So does the control, which arrives before its end as well: both are asked for the same network.
//!
//! A seed that never reaches it has no time, and counts as later than all others: leaving it out would
//! flatter who fails, and estimators for censored data would take its end for a place at which somebody
//! happened to stop looking, though its schedule ends there. The median and its exact interval need
//! nothing else (`dst_stats::median_interval` names the sources); a geometric mean is given only where
//! every seed arrives.

use std::collections::BTreeMap;
use std::sync::Arc;

use dst_record::record::{EpochRecord, TrialRecord};
use dst_stats::verdict::Run;
use dst_stats::{MedianInterval, PairedRatio};

use super::conditions::{Conditions, Loads, Measured};
use crate::{Analysis, Group, Judgement, is_another_sparsity};

/// How soon the trainings of a table are as good as the control's.
#[derive(Debug, Clone)]
pub struct Target<'t> {
    /// How far below the control's last validation score the target lies, in the unit of the metric; none
    /// if a relative margin could not be worked out.
    pub margin: Option<f64>,
    /// Why nothing is said, in a sentence without a full stop.
    pub withheld: Option<String>,
    /// Groups that are comparable with a control whose epochs are known, the control's own first.
    pub times: Vec<TimeToTarget<'t>>,
}

/// How soon the trainings of a group reach the targets of their seeds.
#[derive(Debug, Clone)]
pub struct TimeToTarget<'t> {
    /// The group.
    pub group: Arc<Group<'t>>,
    /// What it is compared with; none if it is a control itself.
    pub control: Option<Arc<Group<'t>>>,
    /// Seeds whose training ended and that have a target, rising.
    pub seeds: Vec<SeedTarget>,
    /// Other seeds by the reason why they say nothing, such as `the control has no result`.
    pub left_out: BTreeMap<String, Vec<u64>>,
    /// Median over these seeds of the epoch that reaches the target; infinite if half of them never do.
    pub epoch: f64,
    /// The same of the seconds of training until then.
    pub seconds: f64,
    /// Seconds of one epoch, the mean: so much earlier may the target have been reached unseen.
    pub resolution: f64,
    /// Median of seconds divided by the control's at the same seed, a seed that never arrives being
    /// later than all; none for a control and if no seed is comparable.
    pub median_ratio: Option<MedianInterval>,
    /// Geometric mean of the same; none unless every seed arrives and is comparable.
    pub mean_ratio: Option<PairedRatio>,
    /// Where the compared times were measured.
    pub measured: Measured,
}

/// One seed of a group.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedTarget {
    /// The seed.
    pub seed: u64,
    /// The validation score to reach.
    pub target: f64,
    /// When the training reached it; none if it never did.
    pub reached: Option<Reached>,
    /// When the control did.
    pub control: Reached,
    /// Seconds of the whole training.
    pub trained: f64,
    /// Seconds divided by the control's: infinite if the target was never reached; none if the two were
    /// not measured under like conditions.
    pub ratio: Option<f64>,
    /// Why there is no ratio, such as `on different machines`.
    pub unlike: Option<&'static str>,
}

/// The first epoch whose validation score is at least the target, with a network that is as sparse as was
/// asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// From 1.
    pub epoch: u32,
    /// Seconds of training until its end.
    pub seconds: f64,
}

impl<'t> Target<'t> {
    pub(super) fn empty() -> Self {
        Self { margin: None, withheld: None, times: Vec::new() }
    }

    pub(super) fn new(
        judgement: &Judgement<'t>,
        margin: Result<f64, String>,
        loads: &Loads<'t>,
        analysis: &Analysis,
    ) -> Self {
        let margin = match margin {
            Ok(margin) => margin,
            Err(reason) => return Self { withheld: Some(reason), ..Self::empty() },
        };
        let level = 1.0 - analysis.alpha;
        let times = judgement.groups().filter_map(|group| {
            let control = match judgement.comparison(group) {
                // Its networks are not what was asked for, or saw other data.
                Some(comparison) if comparison.not_comparable.is_some() => return None,
                Some(comparison) => Some(comparison.control.as_ref()?),
                None => None,
            };
            TimeToTarget::new(group, control, margin, loads, level)
        });
        Self { margin: Some(margin), withheld: None, times: times.collect() }
    }
}

impl<'t> TimeToTarget<'t> {
    /// None if no seed has a target.
    fn new(
        group: &Arc<Group<'t>>,
        control: Option<&Arc<Group<'t>>>,
        margin: f64,
        loads: &Loads<'t>,
        level: f64,
    ) -> Option<Self> {
        let of_target = control.unwrap_or(group);
        let (mut seeds, mut measured) = (Vec::new(), Measured::default());
        let mut left_out: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for seed in group.trials.keys().chain(&group.pending) {
            match seed_target(group, of_target, *seed, margin) {
                Ok((mut own, [trial, other])) => {
                    if control.is_some() {
                        let [first, second] = [trial, other].map(|one| Conditions::of(one, loads));
                        own.compare(first.unlike(&second));
                        if own.ratio.is_some_and(f64::is_finite) {
                            measured.add(&first);
                            measured.add(&second);
                        }
                    }
                    seeds.push(own);
                }
                Err(reason) => left_out.entry(reason).or_default().push(*seed),
            }
        }
        seeds.sort_by_key(|own: &SeedTarget| own.seed);
        if seeds.is_empty() {
            return None;
        }
        let median = |of: &dyn Fn(&Reached) -> f64| {
            let values: Vec<f64> =
                seeds.iter().map(|own| own.reached.as_ref().map_or(f64::INFINITY, of)).collect();
            dst_stats::median_interval(&values, level).map_or(f64::NAN, |answer| answer.median)
        };
        let ratios: Vec<f64> = seeds.iter().filter_map(|own| own.ratio).collect();
        let arrived: Option<Vec<(f64, f64)>> = seeds
            .iter()
            .map(|own| {
                own.ratio.filter(|ratio| ratio.is_finite())?;
                Some((own.reached?.seconds, own.control.seconds))
            })
            .collect();
        Some(Self {
            epoch: median(&|reached| f64::from(reached.epoch)),
            seconds: median(&|reached| reached.seconds),
            resolution: resolution(group),
            median_ratio: dst_stats::median_interval(&ratios, level).ok(),
            mean_ratio: arrived.and_then(|times| {
                let (own, other): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
                dst_stats::paired_ratio(&own, &other, level).ok()
            }),
            measured,
            group: Arc::clone(group),
            control: control.cloned(),
            seeds,
            left_out,
        })
    }

    /// How many seeds reach the target.
    pub fn reached(&self) -> usize {
        self.seeds.iter().filter(|own| own.reached.is_some()).count()
    }
}

impl SeedTarget {
    /// Sets the ratio, unless the two are not comparable. A training that never arrives is later than the
    /// control whatever it ran on.
    fn compare(&mut self, unlike: Option<&'static str>) {
        match (self.reached, unlike) {
            (None, _) => self.ratio = Some(f64::INFINITY),
            (Some(_), Some(reason)) => self.unlike = Some(reason),
            (Some(reached), None) => self.ratio = Some(reached.seconds / self.control.seconds),
        }
    }
}

/// A seed without its ratio, and the two trials; or why it says nothing.
fn seed_target<'t>(
    group: &Group<'t>,
    control: &Group<'t>,
    seed: u64,
    margin: f64,
) -> Result<(SeedTarget, [&'t TrialRecord; 2]), String> {
    let metric = group.metric;
    let other = control.trials.get(&seed).filter(|_| control.outcome(seed).is_some());
    let other = *other.ok_or("the control has no result")?;
    let score =
        |epoch: &EpochRecord| epoch.validation.get(metric).filter(|score| score.is_finite());
    let last = other.history.last().and_then(score);
    let target = last.ok_or("the control's epochs are not known")? - margin;
    let first = |trial: &TrialRecord| {
        let mut epochs = trial.history.iter().filter(|epoch| is_sparse_enough(trial, epoch));
        let epoch = epochs.find(|epoch| score(epoch).is_some_and(|score| score >= target))?;
        Some(Reached { epoch: epoch.epoch, seconds: epoch.train_seconds })
    };
    let positive = |reached: &Reached| reached.seconds > 0.0;
    let reference = first(other).filter(positive);
    let reference = reference.ok_or("the control's seconds are not known")?;
    let trial = *group.trials.get(&seed).ok_or("has not ended")?;
    let finished = match group.run(seed) {
        Run::Finished(_) => true,
        // It failed as a method: it has no network as good as the control's, whatever it had once.
        Run::Failed => false,
        Run::Missing | Run::Pending => return Err(trial.status.to_string()),
    };
    let Some(end) = trial.history.last() else {
        return Err("its epochs are not known".to_owned());
    };
    let own = SeedTarget {
        seed,
        target,
        reached: first(trial).filter(|reached| finished && positive(reached)),
        control: reference,
        trained: end.train_seconds,
        ratio: None,
        unlike: None,
    };
    Ok((own, [trial, other]))
}

/// Is the network at the end of the epoch no denser than the trial asks for?
fn is_sparse_enough(trial: &TrialRecord, epoch: &EpochRecord) -> bool {
    let (asked, has) = (trial.spec.sparsity, epoch.sparsity_prunable);
    has >= asked || !is_another_sparsity(asked, has)
}

/// Seconds of one epoch, the mean over all of a group.
fn resolution(group: &Group<'_>) -> f64 {
    let ends = group.finished().into_iter().filter_map(|trial| trial.history.last());
    let (seconds, epochs) =
        ends.fold((0.0, 0.0), |sum, end| (sum.0 + end.train_seconds, sum.1 + f64::from(end.epoch)));
    seconds / epochs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, failed, group, spec};
    use crate::{Experiment, Study};
    use dst_record::record::{Scores, Status};
    use serde_json::json;

    /// Gives a trial these validation scores, an epoch each of so many seconds.
    fn course(trial: &mut TrialRecord, seconds: f64, scores: &[f64]) {
        trial.provenance.host = "desk".to_owned();
        trial.history = (1..)
            .zip(scores)
            .map(|(epoch, score)| EpochRecord {
                epoch,
                steps: 10 * u64::from(epoch),
                learning_rate: 0.1,
                train_loss: 0.5,
                validation: Scores { accuracy: Some(*score), ..Scores::default() },
                sparsity_prunable: trial.spec.sparsity,
                train_flops: 1e6,
                train_seconds: seconds * f64::from(epoch),
            })
            .collect();
    }

    /// The control ends at 0.98 in four epochs of 10 s and is within half a point of that in the third;
    /// `fast` arrives in its second epoch of 3 s, but for those seeds.
    fn trials(seeds: usize, slow: &[usize]) -> Vec<TrialRecord> {
        let mut trials = group(&baseline(), 0.0, &vec![0.98; seeds]);
        for trial in &mut trials {
            course(trial, 10.0, &[0.9, 0.95, 0.976, 0.98]);
        }
        let mut fast = group(&json!({"name": "fast"}), 0.9, &vec![0.97; seeds]);
        for (seed, trial) in fast.iter_mut().enumerate() {
            let scores =
                if slow.contains(&seed) { [0.9, 0.974, 0.974] } else { [0.9, 0.975, 0.97] };
            course(trial, 3.0, &scores);
        }
        trials.extend(fast);
        trials
    }

    fn with<T>(trials: &[TrialRecord], look: impl Fn(&Target<'_>) -> T) -> T {
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let study = Study::new(&Experiment::new(trials, &analysis)).unwrap();
        look(&study.judgements[0].seconds.target)
    }

    #[test]
    fn the_control_arrives_before_its_end_and_others_by_its_target() {
        with(&trials(3, &[]), |target| {
            assert_eq!(target.margin, Some(0.005));
            let [control, fast] = &target.times[..] else { panic!("two groups") };
            assert_eq!((control.epoch, control.seconds, control.resolution), (3.0, 30.0, 10.0));
            assert!(control.control.is_none() && control.median_ratio.is_none());
            assert_eq!((fast.reached(), fast.epoch, fast.seconds), (3, 2.0, 6.0));
            // 0.98 - 0.005 is 0.975 but for rounding.
            assert!((fast.seeds[0].target - 0.975).abs() < 1e-12);
            assert_eq!(fast.seeds[0].control, Reached { epoch: 3, seconds: 30.0 });
            let median = fast.median_ratio.as_ref().unwrap();
            assert_eq!((median.n, median.median), (3, 0.2));
            let mean = fast.mean_ratio.as_ref().unwrap();
            assert!((mean.geometric_mean - 0.2).abs() < 1e-12);
        });
    }

    #[test]
    fn a_network_that_is_still_dense_does_not_arrive() {
        let mut trials = trials(3, &[]);
        for trial in &mut trials[3..] {
            course(trial, 3.0, &[0.98, 0.98, 0.97, 0.976]);
            // Sparse from its third epoch on, by as much as counts round.
            for (epoch, sparsity) in trial.history.iter_mut().zip([0.0, 0.6, 0.899, 0.9]) {
                epoch.sparsity_prunable = sparsity;
            }
        }
        with(&trials, |target| {
            let fast = &target.times[1];
            assert_eq!((fast.epoch, fast.seconds), (4.0, 12.0));
        });
    }

    #[test]
    fn a_seed_that_never_arrives_is_later_than_all_and_stays() {
        with(&trials(6, &[1, 4]), |target| {
            let fast = &target.times[1];
            assert_eq!((fast.reached(), fast.seeds.len()), (4, 6));
            let median = fast.median_ratio.as_ref().unwrap();
            assert_eq!((median.n, median.median), (6, 0.2));
            let interval = median.interval.unwrap();
            assert_eq!((interval.lower, interval.upper), (0.2, f64::INFINITY));
            assert!(fast.mean_ratio.is_none(), "a mean over those that arrive flatters");
        });
        with(&trials(3, &[0, 1]), |target| {
            assert_eq!(target.times[1].seconds, f64::INFINITY);
            assert_eq!(target.times[1].median_ratio.as_ref().unwrap().median, f64::INFINITY);
        });
    }

    #[test]
    fn failed_runs_never_arrive_and_missing_ones_are_named() {
        let mut trials = trials(5, &[]);
        let fast = || json!({"name": "fast"});
        let history = trials[5].history.clone();
        trials[5] = failed(spec(fast(), 0.9, 0), Status::Diverged, "loss is NaN");
        trials[5].history = history;
        trials[6] = failed(spec(fast(), 0.9, 1), Status::Crashed, "killed");
        trials[2] = failed(spec(baseline(), 0.0, 2), Status::Diverged, "loss is NaN");
        trials[8].provenance.host = "other".to_owned();
        with(&trials, |target| {
            let fast = target.times.iter().find(|time| time.group.strategy == "fast").unwrap();
            let seeds: Vec<u64> = fast.seeds.iter().map(|own| own.seed).collect();
            assert_eq!((seeds, fast.reached()), (vec![0, 3, 4], 2));
            assert_eq!(fast.left_out["crashed"], [1]);
            assert_eq!(fast.left_out["the control has no result"], [2]);
            assert_eq!(fast.seeds[0].ratio, Some(f64::INFINITY));
            assert_eq!(fast.seeds[1].unlike, Some("on different machines"));
            assert_eq!(fast.median_ratio.as_ref().unwrap().n, 2);
            assert!(fast.mean_ratio.is_none());
        });
    }
}
