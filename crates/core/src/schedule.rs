//! When something happens ([`Timing`]) and how a value changes over training ([`Curve`]).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use dst_record::Span;
use dst_record::span::from_text_or_number;

use crate::error::{Error, Result};
use crate::strategy::{BatchUse, Step};

/// How a value moves from its start to its end while progress runs from 0 to 1.
///
/// RigL (Evci et al. 2020, App. G) compares the shapes for the drop fraction; `Cubic` is the
/// sparsity schedule of gradual magnitude pruning (Zhu & Gupta 2017).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Curve {
    /// Stays at the start.
    Constant,
    /// A straight line.
    Linear,
    /// Half a cosine wave: slow, fast, slow.
    Cosine,
    /// `(1 − progress)³`: fast at first.
    Cubic,
    /// `(1 − progress)^power`; power 1 is linear, 3 is cubic.
    InversePower(f64),
}

impl Curve {
    /// The value at `progress` in [0, 1] (clamped) on the way from `from` to `to`.
    pub fn at(self, from: f64, to: f64, progress: f64) -> f64 {
        let progress = progress.clamp(0.0, 1.0);
        let remaining = match self {
            Self::Constant => 1.0,
            Self::Linear => 1.0 - progress,
            Self::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            Self::Cubic => (1.0 - progress).powi(3),
            Self::InversePower(power) => (1.0 - progress).powf(power),
        };
        to + (from - to) * remaining
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Linear => f.write_str("linear"),
            Self::Cosine => f.write_str("cosine"),
            Self::Cubic => f.write_str("cubic"),
            Self::InversePower(power) => write!(f, "inverse-power:{power}"),
        }
    }
}

impl FromStr for Curve {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "constant" => Ok(Self::Constant),
            "linear" => Ok(Self::Linear),
            "cosine" => Ok(Self::Cosine),
            "cubic" => Ok(Self::Cubic),
            _ => match text.strip_prefix("inverse-power:").map(f64::from_str) {
                Some(Ok(power)) if power > 0.0 && power.is_finite() => {
                    Ok(Self::InversePower(power))
                }
                Some(_) => Err(Error::usage(format!("'{text}' has no positive power"))
                    .hint("write for example \"inverse-power:2\"")),
                None => Err(Error::unknown(
                    "curve",
                    text,
                    ["constant", "linear", "cosine", "cubic", "inverse-power:2"],
                )),
            },
        }
    }
}

impl Serialize for Curve {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Curve {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text_or_number(deserializer)
    }
}

impl JsonSchema for Curve {
    fn schema_name() -> Cow<'static, str> {
        "Curve".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "examples": ["constant", "linear", "cosine", "cubic", "inverse-power:2"]
        })
    }
}

/// When topology updates happen: every `interval` from `begin` until before `end`.
///
/// In steps, an update is due when `(step − begin)` is a multiple of the interval. In epochs,
/// it is due at the first batch of an epoch. By default the first update comes after one whole
/// interval, not at step 0; the reference code of RigL fires at 0, which `begin = Steps(0)`
/// reproduces. Nothing is due at or after `end`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// The distance between two updates.
    pub interval: Span,
    /// The first update; `None` is one interval after the start.
    pub begin: Option<Span>,
    /// The first moment without updates.
    pub end: Span,
}

/// Where the updates of a training lie, in batches.
#[derive(Debug, Clone, Copy)]
struct Course {
    first: u64,
    /// From one to the next.
    stride: u64,
    /// How many come before the end of the schedule; those of the training may be fewer.
    updates: u64,
}

impl Timing {
    /// Is an update due now? False for the batch after an update that consumed its own batch
    /// without advancing the step.
    pub fn is_due(&self, step: &Step) -> bool {
        step.updated_at != Some(step.index) && self.due_in(step) == Some(0)
    }

    /// Is an update due now or within the next `steps` optimiser steps?
    pub fn is_due_within(&self, step: &Step, steps: u64) -> bool {
        match self.due_in(step) {
            Some(0) => self.is_due(step) || self.next_after_now(step) <= steps,
            Some(wait) => wait <= steps,
            None => false,
        }
    }

    /// How many updates a whole training has, if each does this with its batch. `start` is the
    /// first step.
    pub fn updates(&self, start: &Step, batch_use: BatchUse) -> usize {
        self.passed(&start.last(), batch_use)
    }

    /// How many updates of a training are due in batches up to the one at `step`, this one included,
    /// if each does this with its batch.
    pub fn passed(&self, step: &Step, batch_use: BatchUse) -> usize {
        let Some(Course { first, stride, updates }) = self.course(step, batch_use) else {
            return 0;
        };
        let through = step.position().min(step.total().saturating_sub(1));
        let reached = through.checked_sub(first).map_or(0, |past| past / stride + 1);
        reached.min(updates) as usize
    }

    /// The steps of a training from `start` at which an update is due.
    pub(crate) fn due_at(&self, start: &Step, batch_use: BatchUse) -> Vec<Step> {
        let Some(Course { first, stride, .. }) = self.course(start, batch_use) else {
            return Vec::new();
        };
        let consumed = u64::from(batch_use == BatchUse::Topology);
        let step = |update: u64| {
            let position = first + update * stride;
            Step { index: position - update * consumed, ..start.at(position) }
        };
        (0..self.updates(start, batch_use) as u64).map(step).collect()
    }

    /// The batches of a training at which updates are due, which are equally far apart. None if no
    /// training of this kind has one.
    fn course(&self, step: &Step, batch_use: BatchUse) -> Option<Course> {
        // A batch that an update consumes is not counted as a step.
        let consumed = u64::from(batch_use == BatchUse::Topology);
        let end = step.steps_in(self.end);
        let until = |first: u64, distance: u64| {
            Some((end.checked_sub(first)?.checked_sub(1)?) / distance + 1)
        };
        match self.interval {
            Span::Epochs(epochs) if epochs.fract() == 0.0 && epochs >= 1.0 => {
                let begin = step.steps_in(self.begin.unwrap_or(self.interval));
                let first = begin.div_ceil(step.per_epoch.max(1)) * step.per_epoch;
                // In epochs of one batch, the one after an update trains.
                let stride = (epochs as u64).saturating_mul(step.per_epoch).max(1 + consumed);
                Some(Course { first, stride, updates: until(first, stride)? })
            }
            interval => {
                let distance = step.steps_in(interval).max(1);
                let first = step.steps_in(self.begin.unwrap_or(Span::Steps(distance)));
                let stride = distance.saturating_add(consumed);
                // Parts of epochs end by the data, other spans by the steps.
                let is_epochs = matches!(interval, Span::Epochs(_));
                let updates = until(first, if is_epochs { stride } else { distance })?;
                Some(Course { first, stride, updates })
            }
        }
    }

    /// Progress in [0, 1] from step 0 to `end`, the argument of a [`Curve`].
    ///
    /// Counted from step 0 even if updates begin later, as RigL does.
    pub fn progress(&self, step: &Step) -> f64 {
        let end = step.steps_in(self.end);
        if end == 0 { 1.0 } else { (step.index as f64 / end as f64).min(1.0) }
    }

    /// Which of all updates of a training the one at `step` is: (k, n) is the k-th of n. None where
    /// no update is due. Schedules that must arrive, such as those of a target density, run with
    /// k / n, which is 1 at the last update; [`Timing::progress`] never gets there.
    pub fn ordinal(&self, step: &Step, batch_use: BatchUse) -> Option<(usize, usize)> {
        if !self.is_due(step) {
            return None;
        }
        // The step may lie on a batch that the forecast does not take for an update's.
        let earlier = match step.position().checked_sub(1) {
            Some(before) => self.passed(&step.at(before), batch_use),
            None => 0,
        };
        Some((earlier + 1, self.updates(step, batch_use)))
    }

    /// Progress that counts updates: k / n from the k-th of n on, and so 1 from the last one on; also 1
    /// if there is none. For targets that must be reached, as [`Timing::ordinal`].
    pub fn arrival(&self, step: &Step, batch_use: BatchUse) -> f64 {
        let all = self.updates(step, batch_use);
        if all == 0 { 1.0 } else { self.passed(step, batch_use) as f64 / all as f64 }
    }

    fn next_after_now(&self, step: &Step) -> u64 {
        let interval = step.steps_in(self.interval).max(1);
        if step.index + interval < step.steps_in(self.end) { interval } else { u64::MAX }
    }

    /// Steps until the next update that is due, 0 for now, `None` for never.
    fn due_in(&self, step: &Step) -> Option<u64> {
        let wait = match self.interval {
            Span::Epochs(epochs) if epochs.fract() == 0.0 && epochs >= 1.0 => {
                let interval = epochs as u64;
                // The first whole epoch that does not begin before `begin`.
                let begin = step.steps_in(self.begin.unwrap_or(self.interval));
                let begin = begin.div_ceil(step.per_epoch.max(1));
                let epoch = u64::from(step.epoch);
                let next = next_multiple(begin, interval, epoch, step.offset == 0);
                if next == epoch { 0 } else { (next - epoch) * step.per_epoch - step.offset }
            }
            _ => {
                let interval = step.steps_in(self.interval).max(1);
                let begin = step.steps_in(self.begin.unwrap_or(Span::Steps(interval)));
                next_multiple(begin, interval, step.index, true) - step.index
            }
        };
        let due_at = match self.interval {
            // Epoch boundaries are positions in the data; skipped batches must not shift them.
            Span::Epochs(_) => step.position() + wait,
            _ => step.index + wait,
        };
        (due_at < step.steps_in(self.end)).then_some(wait)
    }
}

/// A training in consecutive phases, such as dense and sparse ones in turn.
///
/// A phase begins with a batch; what a method changes then it changes in
/// [`after_step`](crate::Strategy::after_step) of that batch, as with a [`Timing`] in epochs. For
/// methods that consume no batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phases {
    /// The batches with which the phases after the first begin, ascending.
    begins: Vec<u64>,
}

impl Phases {
    /// The phases of a whole training from its first step `start`, of which those after the first
    /// begin after the given spans, counted from the start of the training. A phase that would begin
    /// with another one or after the end is none.
    pub fn new(start: &Step, begins: impl IntoIterator<Item = Span>) -> Self {
        let begins = begins.into_iter().map(|span| start.steps_in(span));
        let mut begins: Vec<u64> = begins.filter(|begin| *begin < start.total()).collect();
        begins.sort_unstable();
        begins.dedup();
        Self { begins }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.begins.len() + 1
    }

    /// The phase of the batch at `step`, from 0.
    pub fn index(&self, step: &Step) -> usize {
        self.begins.iter().filter(|begin| **begin <= step.position()).count()
    }

    /// The phase that begins with the batch at `step`, if it is not the first one and one does.
    pub fn beginning(&self, step: &Step) -> Option<usize> {
        self.begins.contains(&step.position()).then(|| self.index(step))
    }
}

/// The first of `begin, begin + interval, …` at or (unless `inclusive`) after `now`.
fn next_multiple(begin: u64, interval: u64, now: u64, inclusive: bool) -> u64 {
    let earliest = if inclusive { now } else { now + 1 };
    match earliest.checked_sub(begin) {
        None => begin,
        Some(past) => begin + past.div_ceil(interval) * interval,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(index: u64) -> Step {
        Step { index, epoch: (index / 10) as u32, offset: index % 10, ..Step::first(10, 5) }
    }

    fn due(timing: Timing) -> Vec<u64> {
        (0..50).filter(|index| timing.is_due(&step(*index))).collect()
    }

    #[test]
    fn updates_of_a_whole_training_are_counted() {
        let start = Step::first(10, 5);
        let count = |interval, end, batch_use| {
            Timing { interval, begin: None, end }.updates(&start, batch_use)
        };
        let whole = Span::Fraction(1.0);
        // Of 50 steps 12, 24, 36 and 48 are due; consumed batches push the last past the end.
        assert_eq!(count(Span::Steps(12), whole, BatchUse::Weights), 4);
        assert_eq!(count(Span::Steps(12), whole, BatchUse::Topology), 3);
        // Epochs are counted in batches of any use.
        for batch_use in [BatchUse::Weights, BatchUse::Topology] {
            assert_eq!(count(Span::Epochs(1.0), whole, batch_use), 4);
            assert_eq!(count(Span::Epochs(1.0), Span::Epochs(3.0), batch_use), 2);
            assert_eq!(count(Span::Epochs(7.0), whole, batch_use), 0);
        }
    }

    /// Epochs of 10 steps: an update each epoch that may not come before step 15 comes at 20.
    #[test]
    fn no_update_comes_before_begin() {
        let timing = Timing {
            interval: Span::Epochs(1.0),
            begin: Some(Span::Steps(15)),
            end: Span::Fraction(1.0),
        };
        assert_eq!(due(timing), [20, 30, 40]);
        assert_eq!(due(Timing { begin: Some(Span::Steps(20)), ..timing }), [20, 30, 40]);
        assert_eq!(due(Timing { begin: Some(Span::Fraction(0.41)), ..timing }), [30, 40]);
    }

    #[test]
    fn the_last_update_knows_that_it_is_the_last() {
        let timing = Timing { interval: Span::Steps(12), begin: None, end: Span::Fraction(1.0) };
        let ordinal = |timing: Timing, index| timing.ordinal(&step(index), BatchUse::Weights);
        assert_eq!(ordinal(timing, 12), Some((1, 4)));
        assert_eq!(ordinal(timing, 48), Some((4, 4)));
        assert_eq!(ordinal(timing, 13), None);
        let epochs = Timing { interval: Span::Epochs(1.0), end: Span::Fraction(0.7), ..timing };
        assert_eq!(ordinal(epochs, 30), Some((3, 3)));
        // Two batches were consumed by earlier updates: the third of three, at index 36, is the
        // batch 38.
        let late = Step { epoch: 3, offset: 8, ..step(36) };
        assert_eq!(timing.ordinal(&late, BatchUse::Topology), Some((3, 3)));
    }

    #[test]
    fn a_schedule_arrives_with_the_last_update() {
        let timing = Timing { interval: Span::Steps(12), begin: None, end: Span::Steps(40) };
        let arrival = |index| timing.arrival(&step(index), BatchUse::Weights);
        assert_eq!(
            [11, 12, 23, 24, 36, 49].map(arrival),
            [0.0, 1.0, 1.0, 2.0, 3.0, 3.0].map(|k| k / 3.0)
        );
        let never = Timing { interval: Span::Steps(60), ..timing };
        assert_eq!(never.arrival(&step(49), BatchUse::Weights), 1.0);
    }

    /// Every schedule against a walk through the training, batch by batch.
    #[test]
    fn updates_are_counted_as_a_walk_through_the_training_counts_them() {
        use BatchUse::{Topology, Weights};
        let spans = [
            Span::Steps(0),
            Span::Steps(1),
            Span::Steps(7),
            Span::Epochs(0.3),
            Span::Epochs(1.0),
            Span::Epochs(2.0),
            Span::Fraction(0.1),
            Span::Fraction(0.75),
            Span::Fraction(1.0),
        ];
        let begins = spans.map(Some).into_iter().chain([None]);
        for (per_epoch, epochs) in [(1, 9), (2, 5), (10, 5), (13, 3)] {
            for (interval, begin) in spans.iter().flat_map(|i| begins.clone().map(move |b| (*i, b)))
            {
                for (end, batch_use) in spans.iter().flat_map(|e| [(*e, Weights), (*e, Topology)]) {
                    let timing = Timing { interval, begin, end };
                    let mut step = Step::first(per_epoch, epochs);
                    let mut due = Vec::new();
                    while step.epoch < epochs {
                        let is_due = timing.is_due(&step);
                        if is_due {
                            due.push(step.position());
                        }
                        let what = format!("{timing:?}, {batch_use:?}, {step:?}");
                        assert_eq!(timing.passed(&step, batch_use), due.len(), "{what}");
                        step = step.after(if is_due { batch_use } else { Weights });
                    }
                    let start = Step::first(per_epoch, epochs);
                    let foreseen = timing.due_at(&start, batch_use);
                    let foreseen: Vec<u64> = foreseen.iter().map(Step::position).collect();
                    assert_eq!(foreseen, due, "{timing:?}, {batch_use:?}");
                }
            }
        }
    }

    #[test]
    fn updates_fall_after_whole_intervals_and_before_the_end() {
        let timing = Timing { interval: Span::Steps(10), begin: None, end: Span::Fraction(0.8) };
        assert_eq!(due(timing), [10, 20, 30]);
        assert_eq!(due(Timing { begin: Some(Span::Steps(0)), ..timing }), [0, 10, 20, 30]);
        assert_eq!(due(Timing { begin: Some(Span::Steps(15)), ..timing }), [15, 25, 35]);
    }

    #[test]
    fn epochs_are_due_at_their_first_batch() {
        let timing = Timing { interval: Span::Epochs(2.0), begin: None, end: Span::Fraction(1.0) };
        assert_eq!(due(timing), [20, 40]);
        let early = Timing { begin: Some(Span::Epochs(1.0)), end: Span::Epochs(4.0), ..timing };
        assert_eq!(due(early), [10, 30]);
    }

    /// Phases from batch 10, 25 and 40 of 50.
    #[test]
    fn phases_begin_with_their_first_batch() {
        let begins = [Span::Steps(25), Span::Epochs(1.0), Span::Fraction(0.8), Span::Epochs(1.0)];
        let phases = Phases::new(&Step::first(10, 5), begins);
        assert_eq!(phases.count(), 4);
        let beginning: Vec<(u64, usize)> =
            (0..50).filter_map(|index| Some((index, phases.beginning(&step(index))?))).collect();
        assert_eq!(beginning, [(10, 1), (25, 2), (40, 3)]);
        assert_eq!(
            [0, 9, 10, 24, 25, 49].map(|index| phases.index(&step(index))),
            [0, 0, 1, 1, 2, 3]
        );
        let late = Phases::new(&Step::first(10, 5), [Span::Steps(50)]);
        assert_eq!(late.count(), 1);
    }

    #[test]
    fn a_consumed_batch_does_not_make_the_same_step_due_again() {
        let timing = Timing { interval: Span::Steps(10), begin: None, end: Span::Fraction(1.0) };
        assert!(!timing.is_due(&Step { updated_at: Some(10), ..step(10) }));
    }

    #[test]
    fn the_window_before_an_update_is_seen_coming() {
        let timing = Timing { interval: Span::Steps(10), begin: None, end: Span::Steps(25) };
        let seen: Vec<u64> = (0..50).filter(|i| timing.is_due_within(&step(*i), 2)).collect();
        assert_eq!(seen, [8, 9, 10, 18, 19, 20]);
    }

    #[test]
    fn curves_meet_their_ends_and_middles() {
        let middle = [
            (Curve::Constant, 0.3),
            (Curve::Linear, 0.15),
            (Curve::Cosine, 0.15),
            (Curve::Cubic, 0.0375),
            (Curve::InversePower(2.0), 0.075),
        ];
        for (curve, expected) in middle {
            assert!((curve.at(0.3, 0.0, 0.5) - expected).abs() < 1e-12, "{curve}");
            assert_eq!(curve.at(0.3, 0.0, 0.0), 0.3, "{curve}");
            let text = serde_json::to_string(&curve).unwrap();
            assert_eq!(serde_json::from_str::<Curve>(&text).unwrap(), curve);
        }
        assert!(Curve::Cosine.at(0.3, 0.0, 1.0).abs() < 1e-12);
    }
}
