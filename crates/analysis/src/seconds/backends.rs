//! One method on several backends: does it learn the same, and how much sooner?
//!
//! Backends add products in another order, so that trainings of one seed drift apart by rounding, as if
//! they had other seeds. That they score alike is a claim, and it is tested: two one-sided tests
//! (Schuirmann 1987) of the differences, paired by seed, against a margin.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use dst_record::{BackendKind, Error, Result};
use dst_stats::verdict::Run;
use dst_stats::{AdjustedFamily, Interval};

use super::conditions::Loads;
use super::fronts::Clock;
use super::ratio::TimeRatio;
use crate::pairs::{Pair, pairs, scores};
use crate::trial_table::sparsity_key;
use crate::{Analysis, Group, Judgement};

/// A method on one backend against the same method on another, paired by seed.
#[derive(Debug, Clone)]
pub struct BackendComparison<'t> {
    /// The method on a backend.
    pub candidate: Arc<Group<'t>>,
    /// The same on the plainest backend that it was trained on: dense arithmetic, if it was.
    pub reference: Arc<Group<'t>>,
    /// Seeds that finished on both, among those that are judged.
    pub pairs: Vec<Pair>,
    /// Mean difference of test scores, candidate minus reference.
    pub difference: Option<f64>,
    /// Its interval, from which the conclusion can be read: at the level at which the correction decided
    /// it. None without a test.
    pub interval: Option<Interval>,
    /// p of "they differ by the margin or more", as it is and adjusted for all such comparisons of the
    /// table; none without a test.
    pub p_value: Option<(f64, f64)>,
    /// Do they score alike?
    pub sameness: Sameness,
    /// Why it is open, in a sentence without a full stop.
    pub reason: Option<String>,
    /// Seconds of training, candidate divided by reference.
    pub training: TimeRatio,
    /// Time of inference, candidate divided by reference.
    pub inference: TimeRatio,
    /// Mean peaks of memory, candidate divided by reference; none if they count different memories.
    pub memory: Option<f64>,
}

/// Do two backends score alike?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sameness {
    /// Every pair has exactly one score: nothing was left to test.
    Identical,
    /// A difference of the margin or more, either way, is ruled out.
    Equivalent,
    /// A difference smaller than the margin is ruled out.
    Different,
    /// Neither is.
    Open,
}

impl Sameness {
    /// As files name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::Equivalent => "equivalent",
            Self::Different => "different",
            Self::Open => "inconclusive",
        }
    }
}

impl fmt::Display for Sameness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Every method of a table on every backend against itself on the plainest one that it was trained on.
pub(super) fn comparisons<'t>(
    judgement: &Judgement<'t>,
    margin: Option<f64>,
    loads: &Loads<'_>,
    analysis: &Analysis,
) -> Result<Vec<BackendComparison<'t>>> {
    let mut methods: BTreeMap<_, Vec<&Arc<Group<'t>>>> = BTreeMap::new();
    for group in &judgement.table.groups {
        let key = (
            !judgement.is_control(group),
            group.strategy,
            &group.parameters,
            sparsity_key(group.sparsity),
            without_backend(&group.training),
        );
        methods.entry(key).or_default().push(group);
    }
    let mut found = Vec::new();
    for mut groups in methods.into_values() {
        groups.sort_by_key(|group| group.backend);
        if let [reference, candidates @ ..] = &groups[..] {
            found.extend(candidates.iter().map(|candidate| [*candidate, *reference]));
        }
    }
    let tests: Vec<Test> =
        found.iter().map(|[a, b]| Test::new(judgement, a, b, margin, analysis)).collect();
    let raw: Vec<f64> = tests.iter().map(|test| test.p_value.unwrap_or(1.0)).collect();
    let wrong =
        |error: dst_stats::Error| Error::contract(error.to_string()).at(judgement.table.heading());
    let family = dst_stats::adjust(&raw, analysis.correction.procedure()).map_err(wrong)?;
    let compared = found.into_iter().zip(tests).enumerate();
    compared
        .map(|(place, ([candidate, reference], test))| {
            let ratio = |clock: Clock| {
                let (seeds, level) = (&judgement.judged_seeds, 1.0 - analysis.alpha);
                TimeRatio::new(candidate, reference, seeds, clock.time(), loads, level)
            };
            let [training, inference] = [Clock::Training, Clock::Inference].map(ratio);
            let decided = test.decided(&family, place, margin, analysis.alpha).map_err(wrong)?;
            Ok(BackendComparison {
                difference: test.difference(),
                pairs: test.pairs,
                interval: decided.interval,
                p_value: test.p_value.map(|raw| (raw, family.adjusted[place])),
                sameness: decided.sameness,
                reason: decided.reason,
                training,
                inference,
                memory: memory(candidate, reference),
                candidate: Arc::clone(candidate),
                reference: Arc::clone(reference),
            })
        })
        .collect()
}

/// A training but for its backend, compact JSON with sorted keys.
fn without_backend(training: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(training).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.remove("backend");
    }
    value.to_string()
}

/// What is tested of two groups, before the correction.
struct Test {
    pairs: Vec<Pair>,
    /// The larger p-value of the two one-sided tests.
    p_value: Option<f64>,
    /// Why there is none, in a sentence without a full stop; none of identical scores.
    reason: Option<String>,
    identical: bool,
}

/// What a test came to after the correction.
struct Decided {
    sameness: Sameness,
    interval: Option<Interval>,
    reason: Option<String>,
}

impl Test {
    fn new(
        judgement: &Judgement<'_>,
        candidate: &Group<'_>,
        reference: &Group<'_>,
        margin: Option<f64>,
        analysis: &Analysis,
    ) -> Self {
        let seeds = &judgement.judged_seeds;
        let pairs = pairs(candidate, reference, seeds);
        let identical =
            !pairs.is_empty() && pairs.iter().all(|pair| pair.candidate == pair.control);
        let mut test = Self { pairs, p_value: None, reason: None, identical: false };
        let Some(margin) = margin else {
            test.reason = Some("the margin could not be worked out".to_owned());
            return test;
        };
        // Both failing alike is no difference, one failing beside one that works is the largest there is.
        let one_sided = seeds.iter().filter(|seed| {
            matches!(
                (candidate.run(**seed), reference.run(**seed)),
                (Run::Failed, Run::Finished(_)) | (Run::Finished(_), Run::Failed)
            )
        });
        let one_sided = one_sided.count();
        let enough = test.pairs.len() >= analysis.minimum_pairs;
        test.reason = if one_sided > 0 {
            let runs = crate::format::count(one_sided, "seed");
            Some(format!("one of the two failed at {runs}"))
        } else if judgement.look.is_none() {
            Some("the first look has not come".to_owned())
        } else if !enough {
            let pairs = crate::format::count(test.pairs.len(), "pair");
            Some(format!("{pairs}, and a test needs {}", analysis.minimum_pairs))
        } else {
            None
        };
        if test.reason.is_some() {
            return test;
        }
        test.identical = identical;
        if !identical {
            let [a, b] = scores(&test.pairs);
            let answer = dst_stats::tost_paired(&a, &b, -margin, margin, analysis.alpha).ok();
            test.p_value = answer.and_then(|answer| answer.p_value);
            if test.p_value.is_none() {
                test.reason = Some("the differences do not vary".to_owned());
            }
        }
        test
    }

    /// Mean over the pairs.
    fn difference(&self) -> Option<f64> {
        let differences: Vec<f64> = self.pairs.iter().map(Pair::difference).collect();
        dst_stats::summary(&differences).ok().map(|summary| summary.mean)
    }

    /// The conclusion at the level that the correction leaves it.
    fn decided(
        &self,
        family: &AdjustedFamily,
        place: usize,
        margin: Option<f64>,
        alpha: f64,
    ) -> dst_stats::Result<Decided> {
        if self.identical {
            return Ok(Decided { sameness: Sameness::Identical, interval: None, reason: None });
        }
        let open = |reason| Decided { sameness: Sameness::Open, interval: None, reason };
        let (Some(raw), Some(margin)) = (self.p_value, margin) else {
            return Ok(open(self.reason.clone()));
        };
        // An adjusted p is at most alpha where the raw one is at most this, so that the interval of
        // two one-sided tests at this level lies within the margin exactly if the claim is made.
        let own = alpha * (raw / family.adjusted[place]).min(1.0);
        let [a, b] = scores(&self.pairs);
        let answer = dst_stats::tost_paired(&a, &b, -margin, margin, own)?;
        let interval = answer.interval;
        let beyond = interval.is_some_and(|ends| ends.lower >= margin || ends.upper <= -margin);
        let sameness = match (family.rejected(alpha)[place], beyond) {
            (true, _) => Sameness::Equivalent,
            (false, true) => Sameness::Different,
            (false, false) => Sameness::Open,
        };
        let reason = (sameness == Sameness::Open)
            .then(|| "the interval reaches beyond the margin".to_owned());
        Ok(Decided { sameness, interval, reason })
    }
}

/// Mean peak of memory, candidate divided by reference.
fn memory(candidate: &Group<'_>, reference: &Group<'_>) -> Option<f64> {
    let kinds = |group: &Group<'_>| -> Option<(dst_record::record::MemoryKind, f64)> {
        let outcomes = group.outcomes();
        let first = outcomes.first()?.peak_memory_kind;
        let same = outcomes.iter().all(|outcome| outcome.peak_memory_kind == first);
        Some((first, group.measured("peak_memory_bytes")?)).filter(|_| same)
    };
    let ((own, a), (other, b)) = (kinds(candidate)?, kinds(reference)?);
    (own == other && b > 0.0).then(|| a / b)
}

impl BackendComparison<'_> {
    /// The two backends, such as `auto` and `masked`.
    pub fn backends(&self) -> (BackendKind, BackendKind) {
        (self.candidate.backend, self.reference.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, failed, group, spec};
    use crate::{Experiment, Study};
    use dst_record::record::{Status, TrialRecord};
    use serde_json::{Value, json};

    /// Five seeds of a method on masks in 10 s each, and on `auto` in 2.5 s with other scores by so much.
    fn both(strategy: &Value, sparsity: f64, shifts: [f64; 5]) -> Vec<TrialRecord> {
        let masked = [0.970, 0.971, 0.969, 0.972, 0.968];
        let mut trials = group(strategy, sparsity, &masked);
        let scores: Vec<f64> = masked.iter().zip(shifts).map(|(score, by)| score + by).collect();
        let mut auto = group(strategy, sparsity, &scores);
        for trial in &mut auto {
            trial.spec.training.backend = BackendKind::Auto;
            trial.id.push_str("-auto");
            trial.outcome.as_mut().unwrap().train_seconds = 2.5;
        }
        for trial in &mut trials {
            trial.outcome.as_mut().unwrap().train_seconds = 10.0;
        }
        trials.extend(auto);
        trials
    }

    fn with<T>(trials: &[TrialRecord], look: impl Fn(&[BackendComparison<'_>]) -> T) -> T {
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let study = Study::new(&Experiment::new(trials, &analysis)).unwrap();
        look(&study.judgements[0].seconds.backends)
    }

    #[test]
    fn a_method_is_compared_with_itself_on_the_plainer_backend() {
        let rigl = json!({"name": "rigl"});
        let mut trials = both(&baseline(), 0.0, [0.0; 5]);
        trials.extend(both(&rigl, 0.9, [0.0005, -0.0004, 0.0003, -0.0006, 0.0002]));
        trials.extend(both(&rigl, 0.98, [0.01, 0.012, 0.011, 0.009, 0.010]));
        // On one backend only.
        trials.extend(group(&json!({"name": "set"}), 0.9, &[0.97; 5]));
        with(&trials, |found| {
            let [dense, same, other] = found else { panic!("three comparisons: {found:?}") };
            assert_eq!(dense.candidate.label, "baseline, auto");
            assert_eq!((dense.sameness, dense.difference), (Sameness::Identical, Some(0.0)));
            assert_eq!(same.candidate.label, "rigl at 90 %, auto");
            assert_eq!(same.reference.label, "rigl at 90 %, masked");
            assert_eq!(same.sameness, Sameness::Equivalent);
            let interval = same.interval.unwrap();
            assert!(interval.lower > -0.003 && interval.upper < 0.003, "{interval:?}");
            let (raw, adjusted) = same.p_value.unwrap();
            assert!(adjusted > raw && adjusted <= 0.05, "{raw} {adjusted}");
            assert_eq!(other.sameness, Sameness::Different);
            assert!(other.interval.unwrap().lower > 0.003);
            let ratio = same.training.ratio.as_ref().unwrap();
            assert!((ratio.geometric_mean - 0.25).abs() < 1e-12 && ratio.n == 5);
            assert_eq!(same.memory, Some(1.0));
        });
    }

    /// Whatever the correction, the conclusion can be read from the interval.
    #[test]
    fn the_interval_and_the_conclusion_agree() {
        let mut trials = group(&baseline(), 0.0, &[0.98; 5]);
        for step in 0..12 {
            let name = format!("method-{step:02}");
            let spread = 0.0004 * f64::from(step);
            let shifts = [spread, -spread, 0.5 * spread, 0.0001, -0.4 * spread];
            trials.extend(both(&json!({ "name": name }), 0.9, shifts));
        }
        with(&trials, |found| {
            let within: Vec<bool> = found
                .iter()
                .map(|one| one.interval.is_some_and(|ci| ci.lower > -0.003 && ci.upper < 0.003))
                .collect();
            let claimed: Vec<bool> =
                found.iter().map(|one| one.sameness == Sameness::Equivalent).collect();
            assert_eq!(within, claimed);
            assert!(claimed.contains(&true) && claimed.contains(&false), "{claimed:?}");
        });
    }

    #[test]
    fn a_failure_on_one_side_is_no_equivalence() {
        let rigl = json!({"name": "rigl"});
        let mut trials = group(&baseline(), 0.0, &[0.98; 5]);
        trials.extend(both(&rigl, 0.9, [0.0001, -0.0001, 0.0002, 0.0, 0.0001]));
        let mut lost = failed(spec(rigl, 0.9, 3), Status::Diverged, "loss is NaN");
        lost.spec.training.backend = BackendKind::Auto;
        trials[13] = lost;
        with(&trials, |found| {
            assert_eq!(found[0].sameness, Sameness::Open);
            assert_eq!(found[0].reason.as_deref(), Some("one of the two failed at 1 seed"));
            assert_eq!(found[0].pairs.len(), 4);
        });
    }

    #[test]
    fn few_seeds_have_no_test() {
        let mut trials = group(&baseline(), 0.0, &[0.98; 5]);
        trials.extend(both(&json!({"name": "rigl"}), 0.9, [0.0001; 5]));
        trials.retain(|trial| trial.spec.seed < 3);
        with(&trials, |found| {
            assert_eq!(found[0].reason.as_deref(), Some("3 pairs, and a test needs 5"));
            assert!(found[0].p_value.is_none() && found[0].interval.is_none());
        });
    }
}
