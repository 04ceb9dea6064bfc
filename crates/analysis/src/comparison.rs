//! One group against its control: the verdict, the numbers that it rests on, and what stands beside.

use std::sync::Arc;

use dst_record::record::{Outcome, Status};
use dst_record::{Error, Metric, Result};
use dst_stats::verdict::{Counts, Evidence, Reason, Verdict};

use crate::criterion::Criterion;
use crate::diagnostics::Diagnostics;
use crate::pairs::{self, Pair};
use crate::trial_table::Group;

/// A group against its control, paired by seed on the metric of the data set.
#[derive(Debug, Clone)]
pub struct Comparison<'t> {
    /// The group that is judged.
    pub candidate: Arc<Group<'t>>,
    /// The group that it is compared with; none if there is none to compare with.
    pub control: Option<Arc<Group<'t>>>,
    /// What is compared.
    pub metric: Metric,
    /// What is shown, corrected for every comparison of the family.
    pub verdict: Verdict,
    /// Is a loss shown, of whatever size?
    pub loss_shown: bool,
    /// Why nothing is decided, or that failures changed the verdict.
    pub reason: Option<Reason>,
    /// Why the two are not comparable, in a sentence without a full stop.
    pub not_comparable: Option<String>,
    /// What became of the seeds; none before the first look and if not comparable.
    pub counts: Option<Counts>,
    /// The difference, candidate minus control, over the pairs that both finished: the mean, or for
    /// Wilcoxon's test the median of the means of all two differences (Hodges & Lehmann 1963).
    pub estimate: Option<f64>,
    /// p-values and the interval that go with the verdict; none without a test.
    pub evidence: Option<Evidence>,
    /// The verdict without the failed runs; none if none failed.
    pub without_failed: Option<Verdict>,
    /// Seeds that finished on both sides, among those that are judged; all so far before the first look.
    pub pairs: Vec<Pair>,
    /// Mean scores over the pairs, candidate and control.
    pub means: Option<(f64, f64)>,
    /// What no verdict rests on; none before the first look.
    pub diagnostics: Option<Diagnostics>,
    /// FLOPs of inference over the pairs, divided by the control's.
    pub inference_flops_ratio: Option<f64>,
    /// FLOPs of training over the pairs, divided by the control's.
    pub train_flops_ratio: Option<f64>,
    /// What a reader of the verdict must know: which seeds failed, are missing or were never planned.
    pub notes: Vec<String>,
}

impl<'t> Comparison<'t> {
    /// The verdict of one comparison of a family, with what stands beside it.
    ///
    /// # Errors
    /// If a score is no number.
    pub(crate) fn new(
        candidate: &Arc<Group<'t>>,
        partner: &Partner<'t>,
        judged: &dst_stats::verdict::Comparison,
        seeds: &[u64],
        criterion: &Criterion,
    ) -> Result<Self> {
        let control = partner.control.clone();
        let pairs = match &control {
            Some(control) => pairs::pairs(candidate, control, seeds),
            None => Vec::new(),
        };
        let outcomes: Vec<(&Outcome, &Outcome)> = control
            .iter()
            .flat_map(|control| {
                let both = |pair: &Pair| {
                    Some((candidate.outcome(pair.seed)?, control.outcome(pair.seed)?))
                };
                pairs.iter().filter_map(both).collect::<Vec<_>>()
            })
            .collect();
        let [a, b] = pairs::scores(&pairs);
        let mean = |values: &[f64]| dst_stats::summary(values).ok().map(|summary| summary.mean);
        let judged_at_all = judged.counts.is_some();
        let diagnostics = match &control {
            Some(control) if judged_at_all && !pairs.is_empty() => {
                Some(Diagnostics::new(candidate, control, &pairs, criterion).map_err(|error| {
                    Error::contract(error.to_string())
                        .at(format!("{} against {}", candidate.label, control.label))
                })?)
            }
            _ => None,
        };
        Ok(Self {
            metric: candidate.metric,
            verdict: judged.verdict,
            loss_shown: judged.loss_shown,
            reason: judged.reason,
            not_comparable: partner.not_comparable.clone(),
            counts: judged.counts,
            estimate: judged.estimate,
            evidence: judged.evidence,
            without_failed: judged.without_failed,
            means: mean(&a).zip(mean(&b)),
            inference_flops_ratio: ratio(&outcomes, |o| o.inference_flops),
            train_flops_ratio: ratio(&outcomes, |o| o.train_flops),
            notes: control.as_ref().map_or_else(Vec::new, |control| {
                notes(candidate, seeds).into_iter().chain(notes(control, seeds)).collect()
            }),
            candidate: Arc::clone(candidate),
            control,
            pairs,
            diagnostics,
        })
    }

    /// Count of pairs.
    pub fn n(&self) -> usize {
        self.pairs.len()
    }

    /// What the candidate is compared with, as tables call it.
    pub fn control_label(&self) -> &str {
        self.control.as_ref().map_or("the control", |control| &control.label)
    }

    /// Two-sided p of "no difference", adjusted for the family.
    pub fn p_adjusted(&self) -> Option<f64> {
        self.evidence.map(|evidence| evidence.difference.adjusted)
    }
}

/// What a candidate is compared with, or why with nothing.
#[derive(Debug, Clone)]
pub(crate) struct Partner<'t> {
    pub(crate) control: Option<Arc<Group<'t>>>,
    pub(crate) not_comparable: Option<String>,
}

/// Which of the judged seeds of a group did not finish, and why.
fn notes(group: &Group<'_>, seeds: &[u64]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut by_status: Vec<(Status, Vec<String>)> = Vec::new();
    for seed in seeds {
        if let Some(trial) = group.trials.get(seed)
            && group.outcome(*seed).is_none()
        {
            match by_status.iter_mut().find(|(status, _)| *status == trial.status) {
                Some((_, seeds)) => seeds.push(seed.to_string()),
                None => by_status.push((trial.status, vec![seed.to_string()])),
            }
        }
    }
    for (status, seeds) in by_status {
        let at = seeds_named(&seeds);
        notes.push(match status {
            Status::Finished => format!(
                "{} has no {} {at}: counted as collapsed, against the claim",
                group.label,
                group.metric.title()
            ),
            Status::Diverged | Status::Collapsed => {
                format!("{} {status} {at}: scored against the claim", group.label)
            }
            _ => format!("{} {status} {at}: missing, the pair is left out", group.label),
        });
    }
    let unplanned: Vec<String> = seeds
        .iter()
        .filter(|seed| !group.trials.contains_key(seed) && !group.pending.contains(seed))
        .map(u64::to_string)
        .collect();
    if !unplanned.is_empty() {
        notes.push(format!("{} was not planned {}", group.label, seeds_named(&unplanned)));
    }
    notes
}

fn seeds_named(seeds: &[String]) -> String {
    match seeds {
        [one] => format!("at seed {one}"),
        several => format!("at seeds {}", several.join(", ")),
    }
}

fn ratio(pairs: &[(&Outcome, &Outcome)], value: fn(&Outcome) -> f64) -> Option<f64> {
    let candidate: f64 = pairs.iter().map(|(candidate, _)| value(candidate)).sum();
    let control: f64 = pairs.iter().map(|(_, control)| value(control)).sum();
    (control > 0.0 && candidate.is_finite()).then(|| candidate / control)
}
