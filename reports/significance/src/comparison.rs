//! One group against its control: the pairs and everything computed from them.

use std::collections::BTreeSet;
use std::fmt;

use dst_core::record::{Outcome, Status};
use dst_core::{Analysis, Error, Metric, Result};
use dst_stats::{
    Correction, Degenerate, Interval, NullDistribution, SignFlipOptions, SignedRankOptions, Verdict,
};

use crate::table::Group;
use crate::words::count;

/// A group against its control, paired by seed on the metric of the data set.
pub(crate) struct Comparison<'t> {
    pub(crate) candidate: &'t Group<'t>,
    pub(crate) control: &'t Group<'t>,
    pub(crate) metric: Metric,
    /// Seeds that either side has.
    pub(crate) planned: usize,
    /// Pairs: seeds that finished on both sides.
    pub(crate) n: usize,
    /// Mean scores over the pairs, candidate and control.
    pub(crate) means: Option<(f64, f64)>,
    /// Mean difference, candidate minus control.
    pub(crate) difference: Option<f64>,
    /// Two-sided, level 1 − alpha.
    pub(crate) interval: Option<Interval>,
    /// Lower one-sided bound of the difference, level 1 − alpha.
    pub(crate) bound: Option<f64>,
    tests: Option<Tests>,
    /// Two-sided, of the paired t test, adjusted over the comparisons of the table.
    pub(crate) p_holm: Option<f64>,
    pub(crate) p_wilcoxon: Option<f64>,
    /// The smallest p-value that Wilcoxon's test can give for these pairs.
    pub(crate) smallest_p: Option<f64>,
    pub(crate) p_sign_flip: Option<f64>,
    pub(crate) d_z: Option<f64>,
    pub(crate) a12: Option<f64>,
    /// FLOPs over the pairs, candidate by control.
    pub(crate) inference_flops_ratio: Option<f64>,
    pub(crate) train_flops_ratio: Option<f64>,
    /// From the interval of this comparison alone.
    pub(crate) verdict: Verdict,
    /// From p-values adjusted over the comparisons of the table.
    pub(crate) verdict_holm: Verdict,
    /// Why there is no paired t test.
    pub(crate) untested: Option<Untested>,
    /// Which seeds are not in the pairs, and why.
    pub(crate) dropped: Vec<String>,
    /// That the exact tests cannot reach alpha, if so.
    pub(crate) floor: Option<String>,
    /// How the exact tests were computed, where that is not obvious.
    pub(crate) remarks: Vec<String>,
}

/// The p-values that the verdict rests on; see [`dst_stats::Verdict`].
struct Tests {
    difference: f64,
    non_inferior: f64,
    inferior: f64,
}

/// Why there is no paired t test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Untested {
    NoPair,
    OnePair,
    /// Fewer pairs than the analysis asks for, which is this many.
    BelowMinimum(usize),
    Identical,
    NoVariance,
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
    pub(crate) fn new(
        candidate: &'t Group<'t>,
        control: &'t Group<'t>,
        analysis: &Analysis,
    ) -> Result<Self> {
        let seeds: BTreeSet<u64> =
            candidate.trials.keys().chain(control.trials.keys()).copied().collect();
        let pairs: Vec<(&Outcome, &Outcome)> = seeds
            .iter()
            .filter_map(|seed| Some((candidate.outcome(*seed)?, control.outcome(*seed)?)))
            .collect();
        let mut comparison = Self {
            candidate,
            control,
            metric: candidate.metric,
            planned: seeds.len(),
            n: pairs.len(),
            means: None,
            difference: None,
            interval: None,
            bound: None,
            tests: None,
            p_holm: None,
            p_wilcoxon: None,
            smallest_p: None,
            p_sign_flip: None,
            d_z: None,
            a12: None,
            inference_flops_ratio: ratio(&pairs, |o| o.inference_flops),
            train_flops_ratio: ratio(&pairs, |o| o.train_flops),
            verdict: Verdict::Inconclusive,
            verdict_holm: Verdict::Inconclusive,
            untested: None,
            dropped: Vec::new(),
            floor: None,
            remarks: Vec::new(),
        };
        comparison.find_dropped(&seeds);
        let metric = candidate.metric;
        let a: Vec<f64> = pairs.iter().filter_map(|(a, _)| a.test.get(metric)).collect();
        let b: Vec<f64> = pairs.iter().filter_map(|(_, b)| b.test.get(metric)).collect();
        comparison.compare(&a, &b, analysis).map_err(|error| {
            Error::contract(error.to_string())
                .at(format!("{} against {}", candidate.label, control.label))
        })?;
        Ok(comparison)
    }

    /// Two-sided p-value of the paired t test.
    pub(crate) fn p_paired_t(&self) -> Option<f64> {
        self.tests.as_ref().map(|tests| tests.difference)
    }

    /// What a reader of the numbers must know.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &String> {
        self.dropped.iter().chain(&self.floor).chain(&self.remarks)
    }

    fn compare(&mut self, a: &[f64], b: &[f64], analysis: &Analysis) -> dst_stats::Result<()> {
        self.untested = match a.len() {
            0 => Some(Untested::NoPair),
            1 => Some(Untested::OnePair),
            n if n < analysis.minimum_pairs => Some(Untested::BelowMinimum(analysis.minimum_pairs)),
            _ => None,
        };
        if a.is_empty() {
            return Ok(());
        }
        self.means = Some((dst_stats::summary(a)?.mean, dst_stats::summary(b)?.mean));
        if a.len() == 1 {
            self.difference = Some(a[0] - b[0]);
            return Ok(());
        }
        let answer = dst_stats::non_inferiority_paired(a, b, analysis.margin, analysis.alpha)?;
        self.difference = Some(answer.mean_difference);
        self.interval = answer.interval;
        self.bound = answer.interval_non_inferior.map(|interval| interval.lower);
        self.d_z = dst_stats::paired_effect(a, b)?.d_z;
        self.a12 = Some(dst_stats::ordinal_effect(a, b)?.a12);
        match answer.degenerate {
            Some(Degenerate::Identical) => {
                self.difference = Some(0.0);
                self.untested = Some(Untested::Identical);
                return Ok(());
            }
            Some(_) => {
                self.untested = self.untested.or(Some(Untested::NoVariance));
            }
            None => {}
        }
        if a.len() < analysis.minimum_pairs {
            return Ok(());
        }
        self.verdict = answer.verdict;
        if let (Some(difference), Some(non_inferior), Some(inferior)) =
            (answer.p_difference, answer.p_non_inferior, answer.p_inferior)
        {
            self.tests = Some(Tests { difference, non_inferior, inferior });
        }
        self.test_signs(a, b, analysis)
    }

    /// The exact tests, which need no variance but symmetry.
    fn test_signs(&mut self, a: &[f64], b: &[f64], analysis: &Analysis) -> dst_stats::Result<()> {
        let options =
            SignedRankOptions { null: NullDistribution::Exact, ..SignedRankOptions::default() };
        let ranks = dst_stats::signed_rank_paired(a, b, &options)?;
        let options = SignFlipOptions::default();
        let flips = dst_stats::sign_flip(&dst_stats::rounded_differences(a, b)?, &options)?;
        self.p_wilcoxon = ranks.p_value;
        self.smallest_p = Some(ranks.smallest_p);
        self.p_sign_flip = Some(flips.p_value);
        if ranks.zero_count > 0 {
            self.remarks.push(format!(
                "{} without a difference left out of Wilcoxon's ranks",
                count(ranks.zero_count, "pair")
            ));
        }
        if ranks.smallest_p >= analysis.alpha {
            self.floor = Some(format!(
                "{}: the exact tests (Wilcoxon, sign flips) cannot go below p = {}; {} seeds or \
                 more are needed",
                count(ranks.n - ranks.zero_count, "difference"),
                ranks.smallest_p,
                seeds_needed(analysis.alpha)
            ));
        }
        if !flips.exact {
            self.remarks.push(format!(
                "sign flips: {} random patterns, seed {}",
                flips.patterns, options.seed
            ));
        }
        Ok(())
    }

    /// Says which seeds had no partner, and why.
    fn find_dropped(&mut self, seeds: &BTreeSet<u64>) {
        for group in [self.candidate, self.control] {
            let missing: Vec<String> = seeds
                .iter()
                .filter(|seed| !group.trials.contains_key(seed))
                .map(u64::to_string)
                .collect();
            if !missing.is_empty() {
                self.dropped.push(format!(
                    "no trial of {} has ended for seed {}: dropped from both",
                    group.label,
                    missing.join(", ")
                ));
            }
            for (seed, trial) in &group.trials {
                if group.outcome(*seed).is_none() {
                    let lack = match trial.status {
                        Status::Finished => format!(" without a {}", group.metric.title()),
                        _ => String::new(),
                    };
                    self.dropped.push(format!(
                        "{} {}{lack} at seed {seed}: dropped from both",
                        group.label, trial.status
                    ));
                }
            }
        }
    }
}

/// Adjusts the comparisons of one table by Holm's method; returns how many had a test.
pub(crate) fn adjust(comparisons: &mut [Comparison<'_>], analysis: &Analysis) -> Result<usize> {
    let mut family: Vec<&mut Comparison<'_>> =
        comparisons.iter_mut().filter(|comparison| comparison.tests.is_some()).collect();
    let adjusted = |value: fn(&Tests) -> f64| -> Result<Vec<f64>> {
        let raw: Vec<f64> = family.iter().filter_map(|c| c.tests.as_ref()).map(value).collect();
        dst_stats::adjust(&raw, Correction::Holm)
            .map(|family| family.adjusted)
            .map_err(|error| Error::contract(error.to_string()))
    };
    let difference = adjusted(|tests| tests.difference)?;
    let non_inferior = adjusted(|tests| tests.non_inferior)?;
    let inferior = adjusted(|tests| tests.inferior)?;
    for (i, comparison) in family.iter_mut().enumerate() {
        comparison.p_holm = Some(difference[i]);
        comparison.verdict_holm = Verdict::from_p_values(
            comparison.difference.unwrap_or_default(),
            analysis.margin,
            difference[i],
            non_inferior[i],
            inferior[i],
            analysis.alpha,
        );
    }
    Ok(family.len())
}

/// The fewest pairs with which an exact two-sided test of signs can go below `alpha`.
fn seeds_needed(alpha: f64) -> u32 {
    let mut n = 1;
    while 2.0 * 0.5_f64.powf(f64::from(n)) >= alpha {
        n += 1;
    }
    n
}

fn ratio(pairs: &[(&Outcome, &Outcome)], value: fn(&Outcome) -> f64) -> Option<f64> {
    let candidate: f64 = pairs.iter().map(|(candidate, _)| value(candidate)).sum();
    let control: f64 = pairs.iter().map(|(_, control)| value(control)).sum();
    (control > 0.0).then(|| candidate / control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_that_exact_tests_need() {
        assert_eq!([0.05, 0.01, 0.0625, 0.49].map(seeds_needed), [6, 8, 6, 3]);
    }
}
