//! What is said of a family: verdicts and what they rest on.

use std::fmt;

use super::{Candidate, Ends};

/// What is shown of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The candidate scores higher than the control.
    Superior,
    /// A loss as large as the margin is excluded; a gain is not shown.
    NonInferior,
    /// The candidate scores lower; whether it loses more than the margin is open.
    Worse,
    /// The candidate loses more than the margin; with margin 0, it scores lower.
    Inferior,
    /// Nothing is shown, which does not show that the two are alike.
    Inconclusive,
    /// The comparison cannot be judged, whatever its scores are.
    NotComparable,
}

impl Verdict {
    /// All verdicts, in the order of the enum.
    pub const ALL: [Self; 6] = [
        Self::Superior,
        Self::NonInferior,
        Self::Worse,
        Self::Inferior,
        Self::Inconclusive,
        Self::NotComparable,
    ];

    /// Name for tables and JSON, such as `non-inferior`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Superior => "superior",
            Self::NonInferior => "non-inferior",
            Self::Worse => "worse",
            Self::Inferior => "inferior",
            Self::Inconclusive => "inconclusive",
            Self::NotComparable => "not-comparable",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Why nothing is decided, or what must be said beside a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The test was made and decides nothing.
    Open,
    /// No pair of finished runs.
    NoPairs,
    /// One pair: no spread to judge it by.
    OnePair,
    /// Fewer pairs than [`minimum_pairs`](super::Settings::minimum_pairs).
    TooFewPairs,
    /// All differences are 0, as when a method did nothing.
    Identical,
    /// All differences are equal, and the t test needs a variance.
    NoVariance,
    /// An exact test of so few pairs never decides in a family of this size; see
    /// [`fewest_pairs`](super::Settings::fewest_pairs).
    Floor,
    /// Failed runs changed the verdict ([`Comparison::without_failed`] is what it would be), or
    /// they left too few pairs for a test without them. The one reason that also stands beside
    /// decided verdicts.
    Failures,
    /// The first look is not reached.
    NotYet,
    /// See the reason that was given with the candidate.
    NotComparable,
}

impl Reason {
    /// Name for tables and JSON, such as `too-few-pairs`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::NoPairs => "no-pairs",
            Self::OnePair => "one-pair",
            Self::TooFewPairs => "too-few-pairs",
            Self::Identical => "identical",
            Self::NoVariance => "no-variance",
            Self::Floor => "floor",
            Self::Failures => "failures",
            Self::NotYet => "not-yet",
            Self::NotComparable => "not-comparable",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Verdicts of one family.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Which planned look the verdicts are of, counted from 1; `None` before the first.
    pub look: Option<usize>,
    /// Count of seeds, the first of the plan, that the verdicts rest on; 0 before the first look.
    pub seeds: usize,
    /// Level A of this look; `None` before the first.
    pub alpha: Option<f64>,
    /// Count of other seed counts at which verdicts were shown. Above 0 the verdicts are post hoc.
    pub post_hoc_looks: usize,
    /// What the chance of a false claim may reach over all looks, for a correction that bounds it;
    /// `None` before the first look.
    pub error_bound: Option<f64>,
    /// One for each candidate, in their order.
    pub comparisons: Vec<Comparison>,
}

/// Verdict of one comparison and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The verdict.
    pub verdict: Verdict,
    /// Whether a loss, of whatever size, is shown: always with worse and inferior, at times with
    /// non-inferior.
    pub loss_shown: bool,
    /// Always there with inconclusive and not comparable, otherwise [`Reason::Failures`] or `None`.
    pub reason: Option<Reason>,
    /// What became of the seeds; `None` before the first look and if not comparable.
    pub counts: Option<Counts>,
    /// Mean difference, or the median of the Walsh means (Hodges and Lehmann 1963) under
    /// [`Wilcoxon`](super::Test::Wilcoxon), over the pairs that both finished.
    pub estimate: Option<f64>,
    /// p-values and interval; `None` without a test.
    pub evidence: Option<Evidence>,
    /// The verdict without the failed runs, corrected on its own; `None` if none failed.
    pub without_failed: Option<Verdict>,
}

/// What became of the seeds of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Seeds at which both finished.
    pub pairs: usize,
    /// Seeds at which the candidate failed, whatever became of the control.
    pub candidate_failed: usize,
    /// Seeds at which the control failed, whatever became of the candidate.
    pub control_failed: usize,
    /// Seeds at which a run of either is missing; the pair is left out.
    pub missing: usize,
}

/// p-values and interval of one comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Against "no difference", two-sided.
    pub difference: PValue,
    /// Against "a loss of the margin or more".
    pub non_inferior: PValue,
    /// Against "a loss of the margin at most".
    pub inferior: PValue,
    /// The interval from which the verdict can be read.
    pub interval: Ends,
    /// One-sided levels (lower, upper) of the two ends.
    pub tails: (f64, f64),
    /// Level of the interval, 1 minus both tails.
    pub level: f64,
    /// Whether an end was moved: the lower one to 0 because a gain is not shown after the
    /// correction, or the upper one to -margin because so large a loss is not.
    pub clipped: bool,
    /// Interval of this comparison only, each end at one-sided level A / 2: without correction,
    /// and so no ground for a verdict.
    pub uncorrected: Ends,
}

/// A p-value before and after the correction for its family.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PValue {
    /// As tested.
    pub raw: f64,
    /// Adjusted for all planned comparisons.
    pub adjusted: f64,
}

impl Comparison {
    /// Before the first look.
    pub(super) fn not_yet(candidate: &Candidate<'_>) -> Self {
        match candidate.not_comparable {
            Some(_) => Self::undecided(Verdict::NotComparable, Reason::NotComparable),
            None => Self::undecided(Verdict::Inconclusive, Reason::NotYet),
        }
    }

    /// Without a test.
    pub(super) fn undecided(verdict: Verdict, reason: Reason) -> Self {
        Self {
            verdict,
            loss_shown: false,
            reason: Some(reason),
            counts: None,
            estimate: None,
            evidence: None,
            without_failed: None,
        }
    }
}
