//! One group against its control: the pairs and everything computed from them.

use std::fmt;
use std::sync::Arc;

use crate::{Analysis, Multiplicity, PrimaryTest};
use dst_record::record::Outcome;
use dst_record::{Error, Metric, Result};
use dst_stats::{Correction, Degenerate, Interval, Verdict};

use crate::evidence::{self, Evidence, PValues};
use crate::pairs::{self, Pair};
use crate::table::Group;
use crate::words::percent;

/// Do two sparsities differ by more than what rounding to whole weights explains? Scores at one of
/// them then are no scores of the other.
pub fn is_another_sparsity(asked: f64, reached: f64) -> bool {
    (reached - asked).abs() > 0.005
}

/// A group against its control, paired by seed on the metric of the data set.
#[derive(Debug, Clone)]
pub struct Comparison<'t> {
    /// The group that is judged.
    pub candidate: Arc<Group<'t>>,
    /// The group that it is compared with.
    pub control: Arc<Group<'t>>,
    /// What is compared.
    pub metric: Metric,
    /// Seeds that either side has or is to have.
    pub planned: usize,
    /// Seeds that finished on both sides: what every number rests on.
    pub pairs: Vec<Pair>,
    /// Mean scores over the pairs, candidate and control.
    pub means: Option<(f64, f64)>,
    /// Mean difference, candidate minus control.
    pub difference: Option<f64>,
    /// Student's two-sided interval of it, level 1 − alpha.
    pub interval: Option<Interval>,
    /// Lower one-sided bound of the difference, level 1 − alpha.
    pub bound: Option<f64>,
    /// Of the primary test; the verdict rests on them. None if there is no test.
    pub tests: Option<PValues>,
    /// Two-sided, of the primary test, adjusted over the comparisons of the table.
    pub p_adjusted: Option<f64>,
    /// Two-sided, of the paired t test.
    pub p_paired_t: Option<f64>,
    /// Two-sided, of Wilcoxon's signed ranks, exact.
    pub p_wilcoxon: Option<f64>,
    /// The smallest p-value that Wilcoxon's test can give for these pairs.
    pub smallest_p: Option<f64>,
    /// Two-sided, of sign flips of the mean.
    pub p_sign_flip: Option<f64>,
    /// Mean by standard deviation of the differences.
    pub d_z: Option<f64>,
    /// P(candidate > control) + P(equal) / 2, unpaired (Vargha & Delaney 2000).
    pub a12: Option<f64>,
    /// FLOPs of inference over the pairs, candidate by control.
    pub inference_flops_ratio: Option<f64>,
    /// FLOPs of training over the pairs, candidate by control.
    pub train_flops_ratio: Option<f64>,
    /// From this comparison alone.
    pub verdict: Verdict,
    /// From p-values adjusted over the comparisons of the table.
    pub verdict_adjusted: Verdict,
    /// What stands beside the tests.
    pub evidence: Evidence,
    /// Why there is no primary test.
    pub untested: Option<Untested>,
    /// Which seeds are not in the pairs, and why.
    pub dropped: Vec<String>,
    /// That the exact tests cannot reach alpha, if so.
    pub floor: Option<String>,
    /// That the candidate ended at another sparsity than it was to reach, if so.
    pub unreached: Option<String>,
    /// That no connection of the candidate ever changed, if so.
    pub unchanged: Option<String>,
    /// How the exact tests were computed, where that is not obvious.
    pub remarks: Vec<String>,
}

/// Why there is no primary test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untested {
    /// No seed finished on both sides.
    NoPair,
    /// One did.
    OnePair,
    /// Fewer pairs than the analysis asks for, which is this many.
    BelowMinimum(usize),
    /// All differences are 0.
    Identical,
    /// All differences are equal.
    NoVariance,
}

impl Untested {
    /// For programs: `no-pairs`, `one-pair`, `too-few-pairs`, `identical` or `no-variance`.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoPair => "no-pairs",
            Self::OnePair => "one-pair",
            Self::BelowMinimum(_) => "too-few-pairs",
            Self::Identical => "identical",
            Self::NoVariance => "no-variance",
        }
    }
}

impl fmt::Display for Untested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPair => f.write_str("no pair of seeds finished"),
            Self::OnePair => f.write_str("1 pair of seeds: a test needs 2"),
            Self::BelowMinimum(needed) => {
                write!(f, "too few pairs of seeds: a p-value needs {needed}")
            }
            Self::Identical => f.write_str("identical: all differences are 0"),
            Self::NoVariance => f.write_str("no variance: all differences are equal"),
        }
    }
}

impl<'t> Comparison<'t> {
    /// Forms the pairs and computes everything but what needs the other comparisons.
    ///
    /// # Errors
    /// If the analysis is out of range.
    pub fn new(
        candidate: &Arc<Group<'t>>,
        control: &Arc<Group<'t>>,
        analysis: &Analysis,
    ) -> Result<Self> {
        let pairs = pairs::pairs(candidate, control);
        let outcomes: Vec<(&Outcome, &Outcome)> = pairs
            .iter()
            .filter_map(|pair| Some((candidate.outcome(pair.seed)?, control.outcome(pair.seed)?)))
            .collect();
        let unreached = unreached(candidate);
        // One reason is enough: a network that was to be pruned and stayed dense is not sparse.
        let unchanged = if unreached.is_none() { unchanged(candidate) } else { None };
        let mut comparison = Self {
            candidate: Arc::clone(candidate),
            control: Arc::clone(control),
            metric: candidate.metric,
            planned: pairs::planned(candidate, control).len(),
            means: None,
            difference: None,
            interval: None,
            bound: None,
            tests: None,
            p_adjusted: None,
            p_paired_t: None,
            p_wilcoxon: None,
            smallest_p: None,
            p_sign_flip: None,
            d_z: None,
            a12: None,
            inference_flops_ratio: ratio(&outcomes, |o| o.inference_flops),
            train_flops_ratio: ratio(&outcomes, |o| o.train_flops),
            verdict: Verdict::Inconclusive,
            verdict_adjusted: Verdict::Inconclusive,
            evidence: Evidence::default(),
            untested: None,
            dropped: pairs::dropped(candidate, control),
            floor: None,
            unreached,
            unchanged,
            remarks: Vec::new(),
            pairs,
        };
        comparison.compare(analysis).map_err(|error| {
            Error::contract(error.to_string())
                .at(format!("{} against {}", candidate.label, control.label))
        })?;
        Ok(comparison)
    }

    /// Count of pairs.
    pub fn n(&self) -> usize {
        self.pairs.len()
    }

    /// What a reader of the numbers must know.
    pub fn notes(&self) -> impl Iterator<Item = &String> {
        let kept = self.unreached.iter().chain(&self.unchanged);
        self.dropped.iter().chain(kept).chain(&self.floor).chain(&self.remarks)
    }

    fn compare(&mut self, analysis: &Analysis) -> dst_stats::Result<()> {
        let [a, b] = pairs::scores(&self.pairs);
        let too_few = a.len() < analysis.minimum_pairs;
        self.untested = match a.len() {
            0 => Some(Untested::NoPair),
            1 => Some(Untested::OnePair),
            _ if too_few => Some(Untested::BelowMinimum(analysis.minimum_pairs)),
            _ => None,
        };
        self.evidence.with_failures = evidence::with_failures(self);
        // One pair of models is enough for it.
        self.evidence.mcnemar = evidence::mcnemar(self);
        if a.is_empty() {
            return Ok(());
        }
        self.means = Some((dst_stats::summary(&a)?.mean, dst_stats::summary(&b)?.mean));
        if a.len() == 1 {
            self.difference = Some(a[0] - b[0]);
            return Ok(());
        }
        let answer =
            dst_stats::non_inferiority_paired(&a, &b, analysis.margin.size(), analysis.alpha)?;
        self.difference = Some(answer.mean_difference);
        self.interval = answer.interval;
        self.bound = answer.interval_non_inferior.map(|interval| interval.lower);
        self.d_z = dst_stats::paired_effect(&a, &b)?.d_z;
        self.a12 = Some(dst_stats::ordinal_effect(&a, &b)?.a12);
        if answer.degenerate == Some(Degenerate::Identical) {
            self.difference = Some(0.0);
            self.untested = Some(Untested::Identical);
            return Ok(());
        }
        self.evidence = Evidence::new(self, analysis)?;
        let constant = answer.degenerate.is_some();
        if constant && analysis.test == PrimaryTest::PairedT {
            self.untested = self.untested.or(Some(Untested::NoVariance));
        }
        if too_few {
            return Ok(());
        }
        self.p_paired_t = answer.p_difference;
        self.test_signs(&a, &b, analysis)?;
        self.tests = match analysis.test {
            PrimaryTest::PairedT => PValues::of_t(&answer),
            PrimaryTest::Wilcoxon => evidence::wilcoxon(&a, &b, analysis.margin.size())?,
            PrimaryTest::SignFlips => evidence::sign_flips(&a, &b, analysis.margin.size())?,
        };
        self.verdict = self.decide(self.tests.as_ref(), analysis);
        Ok(())
    }

    /// The verdict that p-values lead to.
    fn decide(&self, tests: Option<&PValues>, analysis: &Analysis) -> Verdict {
        tests.map_or(Verdict::Inconclusive, |tests| {
            Verdict::from_p_values(
                tests.location,
                analysis.margin.size(),
                tests.difference,
                tests.non_inferior,
                tests.inferior,
                analysis.alpha,
            )
        })
    }

    /// The exact tests, which need no variance but symmetry.
    fn test_signs(&mut self, a: &[f64], b: &[f64], analysis: &Analysis) -> dst_stats::Result<()> {
        let ranks = dst_stats::signed_rank_paired(a, b, &evidence::EXACT)?;
        let differences = dst_stats::rounded_differences(a, b)?;
        let flips = dst_stats::sign_flip(&differences, &evidence::FLIPS)?;
        self.p_wilcoxon = ranks.p_value;
        self.smallest_p = Some(ranks.smallest_p);
        self.p_sign_flip = Some(flips.p_value);
        if ranks.zero_count > 0 {
            self.remarks.push(format!(
                "{} without a difference left out of Wilcoxon's ranks",
                crate::words::count(ranks.zero_count, "pair")
            ));
        }
        if ranks.smallest_p >= analysis.alpha {
            self.floor = Some(format!(
                "{}: the exact tests (Wilcoxon, sign flips) cannot go below p = {}; {} seeds or \
                 more are needed",
                crate::words::count(ranks.n - ranks.zero_count, "difference"),
                ranks.smallest_p,
                dst_stats::fewest_exact_pairs(analysis.alpha)?
            ));
        }
        if !flips.exact {
            self.remarks.push(format!(
                "sign flips: {} random patterns, seed {}",
                flips.patterns,
                evidence::FLIPS.seed
            ));
        }
        Ok(())
    }
}

/// That a group ended at another sparsity than it was to reach: its scores then are no scores of
/// that sparsity, such as those of a method whose first update comes after the last epoch.
fn unreached(group: &Group<'_>) -> Option<String> {
    let reached = group.mean(|outcome| outcome.sparsity_prunable)?;
    is_another_sparsity(group.sparsity, reached).then(|| {
        format!(
            "{} ended at a sparsity of {}, not {}: its scores are no scores of that sparsity",
            group.label,
            percent(reached),
            percent(group.sparsity)
        )
    })
}

/// That no connection of a sparse group ever changed, as its layers tell: whatever it is called, it
/// is a static network then.
fn unchanged(group: &Group<'_>) -> Option<String> {
    let mut layers = group.finished().into_iter().flat_map(|trial| &trial.layers).peekable();
    layers.peek()?;
    let moved = layers.any(|layer| layer.born > 0 || layer.dropped > 0);
    (group.sparsity > 0.0 && !moved).then(|| {
        format!("{} never changed a connection: it is a static sparse network", group.label)
    })
}

/// Adjusts the comparisons of one table; returns how many had a test.
pub(crate) fn adjust(comparisons: &mut [Comparison<'_>], analysis: &Analysis) -> Result<usize> {
    let mut family: Vec<&mut Comparison<'_>> =
        comparisons.iter_mut().filter(|comparison| comparison.tests.is_some()).collect();
    let adjusted = |value: fn(&PValues) -> f64| -> Result<Vec<f64>> {
        let raw: Vec<f64> = family.iter().filter_map(|c| c.tests.as_ref()).map(value).collect();
        adjusted(&raw, analysis)
    };
    let difference = adjusted(|tests| tests.difference)?;
    let non_inferior = adjusted(|tests| tests.non_inferior)?;
    let inferior = adjusted(|tests| tests.inferior)?;
    for (i, comparison) in family.iter_mut().enumerate() {
        comparison.p_adjusted = Some(difference[i]);
        let location = comparison.tests.as_ref().map_or(0.0, |tests| tests.location);
        let tests = PValues {
            location,
            difference: difference[i],
            non_inferior: non_inferior[i],
            inferior: inferior[i],
        };
        comparison.verdict_adjusted = comparison.decide(Some(&tests), analysis);
    }
    Ok(family.len())
}

/// The p-values of one family, adjusted as the analysis says.
pub(crate) fn adjusted(raw: &[f64], analysis: &Analysis) -> Result<Vec<f64>> {
    dst_stats::adjust(raw, correction(analysis.correction))
        .map(|family| family.adjusted)
        .map_err(|error| Error::contract(error.to_string()))
}

/// The correction in the words of `dst-stats`.
fn correction(multiplicity: Multiplicity) -> Correction {
    match multiplicity {
        Multiplicity::None => Correction::None,
        Multiplicity::Bonferroni => Correction::Bonferroni,
        Multiplicity::Holm => Correction::Holm,
        Multiplicity::Hochberg => Correction::Hochberg,
        Multiplicity::Hommel => Correction::Hommel,
        Multiplicity::BenjaminiHochberg => Correction::BenjaminiHochberg,
        Multiplicity::BenjaminiYekutieli => Correction::BenjaminiYekutieli,
    }
}

fn ratio(pairs: &[(&Outcome, &Outcome)], value: fn(&Outcome) -> f64) -> Option<f64> {
    let candidate: f64 = pairs.iter().map(|(candidate, _)| value(candidate)).sum();
    let control: f64 = pairs.iter().map(|(_, control)| value(control)).sum();
    (control > 0.0).then(|| candidate / control)
}
