//! Numbers in, seeds out: what an experiment needs at a given spread of its differences.

use std::f64::consts::PI;

use dst_analysis::{Analysis, PrimaryTest};
use dst_core::{Error, Result};
use dst_stats::{
    Alternative, Design, detectable_effect, fewest_exact_pairs, sample_size, sd_interval,
};
use serde::Serialize;

/// Level of the interval of a standard deviation: one pilot in twenty has a true one above its
/// upper end.
pub(super) const SD_LEVEL: f64 = 0.9;

/// Counts of seeds for which the smallest detectable difference is told.
pub(super) const SEEDS: [u32; 4] = [5, 10, 20, 30];

/// What the command line asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct PowerFlags {
    /// The difference to detect, in units of the metric; none for the margin.
    pub(super) effect: Option<f64>,
    /// The probability with which it is to be detected.
    pub(super) power: f64,
    /// Comparisons in the family.
    pub(super) comparisons: Option<usize>,
}

/// What is asked of an experiment. Differences are in units of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Question {
    /// The difference that a two-sided paired t test is to detect.
    pub(super) effect: f64,
    /// The largest loss that still counts as no worse.
    pub(super) margin: f64,
    /// The probability with which it is to be detected.
    pub(super) power: f64,
    /// The allowed chance of a false claim in the family.
    pub(super) alpha: f64,
    /// Comparisons in the family.
    pub(super) comparisons: usize,
    /// The test that is planned for.
    pub(super) test: PrimaryTest,
    /// The level of one two-sided test of a difference, corrected for the family. One-sided tests of
    /// the margin have half of it.
    pub(super) level: f64,
    /// Fewest pairs with which the chosen test can decide.
    pub(super) fewest_pairs: usize,
    /// Fewest pairs with which exact tests (Wilcoxon, sign flips) can reach the level.
    pub(super) exact_tests_from: u32,
}

impl Question {
    /// The question for an analysis with a margin in units of the metric, in a family of so many
    /// comparisons unless another number is asked for. Without an effect, it is to detect the margin.
    ///
    /// # Errors
    /// If the effect is not above 0, or the power not between alpha and 1.
    pub(super) fn new(
        flags: &PowerFlags,
        margin: f64,
        family: usize,
        analysis: &Analysis,
    ) -> Result<Self> {
        analysis.validate()?;
        let (alpha, power) = (analysis.alpha, flags.power);
        let effect = match flags.effect {
            Some(effect) if effect > 0.0 && effect.is_finite() => effect,
            Some(effect) => {
                return Err(Error::usage(format!("{effect} is no difference to detect"))
                    .at("--effect")
                    .hint("give a number above 0 in units of the metric: 0.005 is half a point"));
            }
            None if margin > 0.0 => margin,
            None => {
                return Err(Error::usage("the margin is 0, so it is no difference to detect")
                    .hint("say with --effect which difference matters, such as 0.005"));
            }
        };
        if !(power > alpha && power < 1.0) {
            return Err(Error::usage(format!(
                "{power} is no power: it lies between alpha, which is {alpha}, and 1"
            ))
            .at("--power")
            .hint("0.8 is usual, 0.9 is careful"));
        }
        let comparisons = flags.comparisons.unwrap_or(family).max(1);
        let level = analysis.level_among(comparisons);
        let exact_tests_from = fewest_exact_pairs(level).map_err(refused)?;
        let floor = match analysis.test {
            PrimaryTest::PairedT => 2,
            PrimaryTest::Wilcoxon | PrimaryTest::SignFlips => exact_tests_from as usize,
        };
        Ok(Self {
            effect,
            margin,
            power,
            alpha,
            comparisons,
            test: analysis.test,
            level,
            fewest_pairs: analysis.minimum_pairs.max(floor),
            exact_tests_from,
        })
    }
}

/// How many pairs the t test needs for one that this test needs, in large samples of normal differences:
/// 3/π for signed ranks (Hodges & Lehmann 1956), and as many for signs flipped at random.
pub(super) fn efficiency(test: PrimaryTest) -> f64 {
    match test {
        PrimaryTest::Wilcoxon => 3.0 / PI,
        PrimaryTest::PairedT | PrimaryTest::SignFlips => 1.0,
    }
}

/// What one standard deviation of the differences leads to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Plan {
    /// The standard deviation of the differences between pairs of seeds.
    pub(super) sd: f64,
    /// Seeds with which the effect is detected; none if ten million are too few.
    pub(super) seeds: Option<usize>,
    /// Seeds with which a candidate that is as good as the control is shown to be no worse within
    /// the margin; none if ten million are too few, as for a margin of 0.
    pub(super) seeds_no_worse: Option<usize>,
    /// The smallest differences that numbers of seeds detect.
    pub(super) detectable: Vec<Detectable>,
}

/// What a number of seeds detects.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Detectable {
    /// Pairs of seeds.
    pub(super) seeds: u32,
    /// The smallest difference that they detect with the wanted power.
    pub(super) difference: f64,
}

impl Plan {
    /// Plans for differences with this standard deviation.
    ///
    /// # Errors
    /// If it is not a number above 0.
    pub(super) fn new(sd: f64, question: &Question) -> Result<Self> {
        if !(sd > 0.0 && sd.is_finite()) {
            return Err(Error::usage(format!("{sd} is no standard deviation to plan with"))
                .hint("it is above 0, in units of the metric, such as 0.004"));
        }
        let Question { effect, margin, power, level, test, .. } = *question;
        let efficiency = efficiency(test);
        let seeds = |difference: f64, level: f64, side| {
            // Beyond this the least count does, and a ratio may not overflow.
            let effect = (difference / sd).min(1e6);
            let plan = sample_size(Design::Paired, effect, power, level, side).ok()?;
            let count = (plan.count as f64 / efficiency).ceil() as usize;
            Some(count.max(question.fewest_pairs))
        };
        let detectable = SEEDS
            .map(|seeds| {
                let n = efficiency * f64::from(seeds);
                let d = detectable_effect(Design::Paired, n, power, level, Alternative::TwoSided);
                d.map(|d| Detectable { seeds, difference: d * sd }).map_err(refused)
            })
            .into_iter()
            .collect::<Result<_>>()?;
        Ok(Self {
            sd,
            seeds: seeds(effect, level, Alternative::TwoSided),
            seeds_no_worse: seeds(margin, 0.5 * level, Alternative::Greater),
            detectable,
        })
    }
}

/// Plans from a sample of differences.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct PilotPlan {
    /// Pairs of seeds of the pilot.
    pub(super) pairs: usize,
    /// Ends of the interval of the standard deviation, at [`SD_LEVEL`].
    pub(super) sd_interval: [f64; 2],
    /// With the standard deviation of the pilot.
    pub(super) estimate: Plan,
    /// With the upper end of its interval.
    pub(super) careful: Plan,
}

impl PilotPlan {
    /// Plans with the spread of these differences.
    ///
    /// # Errors
    /// Why they tell nothing of it, in words without a full stop.
    pub(super) fn new(differences: &[f64], question: &Question) -> Result<Self, String> {
        match differences {
            [] => return Err("no pair of seeds finished".to_owned()),
            [_] => return Err("1 pair of seeds: a standard deviation needs 2".to_owned()),
            _ => {}
        }
        let words = |error: dst_stats::Error| error.to_string();
        let interval = dst_stats::mean_interval(differences, SD_LEVEL).map_err(words)?;
        if interval.degenerate.is_some() {
            return Err(format!(
                "all {} differences are equal: a pilot without variance tells no spread",
                differences.len()
            ));
        }
        let spread = sd_interval(interval.sd, differences.len(), SD_LEVEL).map_err(words)?;
        let plan = |sd| Plan::new(sd, question).map_err(|error| error.one_line());
        Ok(Self {
            pairs: differences.len(),
            sd_interval: [spread.lower, spread.upper],
            estimate: plan(interval.sd)?,
            careful: plan(spread.upper)?,
        })
    }
}

fn refused(error: dst_stats::Error) -> Error {
    Error::usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: PowerFlags = PowerFlags { effect: None, power: 0.8, comparisons: None };

    fn among(comparisons: usize, test: PrimaryTest) -> Question {
        let analysis = Analysis { test, ..Analysis::default() };
        Question::new(&FLAGS, 0.004, comparisons, &analysis).unwrap()
    }

    fn question() -> Question {
        among(1, PrimaryTest::PairedT)
    }

    #[test]
    fn seeds_for_an_effect_of_one_sd() {
        let plan = Plan::new(0.004, &question()).unwrap();
        // Ten pairs for d_z = 1: the tables of every textbook. One-sided at half the level the same.
        assert_eq!((plan.seeds, plan.seeds_no_worse), (Some(10), Some(10)));
        let ten = plan.detectable[1];
        assert_eq!(ten.seeds, 10);
        assert!((ten.difference - 0.00399).abs() < 1e-5, "{}", ten.difference);
        assert_eq!(question().exact_tests_from, 6);
    }

    #[test]
    fn seeds_are_those_that_the_family_needs() {
        // Exact tests of signs decide from log2(2 K / alpha) seeds on.
        for (comparisons, floor) in [(1, 6), (6, 8), (12, 9), (30, 11)] {
            let question = among(comparisons, PrimaryTest::Wilcoxon);
            assert_eq!(question.exact_tests_from, floor, "{comparisons}");
            // An effect of 50 sd: only the floor counts.
            let plan = Plan::new(0.004 / 50.0, &question).unwrap();
            assert_eq!(plan.seeds, Some(floor as usize), "{comparisons}");
            let by_t = Plan::new(0.004 / 50.0, &among(comparisons, PrimaryTest::PairedT)).unwrap();
            assert_eq!(by_t.seeds, Some(5), "reports give no verdict below");
        }
        let twelve = among(12, PrimaryTest::PairedT);
        assert!((twelve.level - 0.05 / 12.0).abs() < 1e-15);
        let (one, many) = (Plan::new(0.004, &question()), Plan::new(0.004, &twelve));
        assert!(many.unwrap().seeds > one.unwrap().seeds);
        // What is asked for counts more than what the pilot had.
        let flags = PowerFlags { comparisons: Some(12), ..FLAGS };
        let question = Question::new(&flags, 0.004, 1, &Analysis::default()).unwrap();
        assert_eq!(question, twelve);
        let uncorrected =
            Analysis { correction: dst_analysis::Multiplicity::None, ..Analysis::default() };
        assert_eq!(Question::new(&FLAGS, 0.004, 12, &uncorrected).unwrap().level, 0.05);
    }

    #[test]
    fn signed_ranks_need_more_seeds_than_a_t_test() {
        // 10 pairs by t for d_z = 1, as above, and 27 for d_z = 0.57; over 3/π, 10.5 and 28.3.
        for (sd, by_t, by_ranks) in [(0.004, 10, 11), (0.007, 27, 29)] {
            let seeds = |test| Plan::new(sd, &among(1, test)).unwrap().seeds;
            assert_eq!(seeds(PrimaryTest::PairedT), Some(by_t));
            assert_eq!(seeds(PrimaryTest::SignFlips), Some(by_t));
            assert_eq!(seeds(PrimaryTest::Wilcoxon), Some(by_ranks));
        }
        let smallest = |test| Plan::new(0.004, &among(1, test)).unwrap().detectable[0].difference;
        assert!(smallest(PrimaryTest::Wilcoxon) > smallest(PrimaryTest::PairedT));
    }

    /// Identical methods but for a loss of 0, a margin of 1.5 sd: simulated power of non-inferiority
    /// with 8 seeds was .95, .86, .76 and .57 for families of 1, 6, 12 and 30 by Holm's steps. One
    /// single comparison, which is planned here, has less.
    #[test]
    fn power_of_non_inferiority_is_that_of_the_corrected_level() {
        let needed = |comparisons| {
            let plan = Plan::new(0.004 / 1.5, &among(comparisons, PrimaryTest::PairedT)).unwrap();
            plan.seeds_no_worse.unwrap()
        };
        // As scipy's noncentral t gives them.
        assert_eq!([1, 6, 12, 30].map(needed), [6, 9, 11, 12]);
    }

    #[test]
    fn counts_stay_within_reason() {
        let plan = Plan::new(1e-300, &question()).unwrap();
        assert_eq!(plan.seeds, Some(5), "reports give no verdict below");
        let plan = Plan::new(1e6, &question()).unwrap();
        assert_eq!(plan.seeds, None);
        let flags = PowerFlags { effect: Some(0.01), ..FLAGS };
        let question = Question::new(&flags, 0.0, 1, &Analysis::default()).unwrap();
        assert_eq!(Plan::new(0.01, &question).unwrap().seeds_no_worse, None);
    }

    #[test]
    fn a_pilot_of_few_seeds_is_uncertain() {
        let plan = PilotPlan::new(&[0.001, -0.003, 0.002, -0.004], &question()).unwrap();
        let [low, high] = plan.sd_interval;
        assert!(low < plan.estimate.sd && plan.estimate.sd < high);
        assert!(high / low > 4.0, "{low} {high}");
        assert_eq!(plan.careful.sd, high);
        assert!(plan.careful.seeds > plan.estimate.seeds);
    }

    #[test]
    fn what_tells_no_spread_is_said() {
        let why = |differences: &[f64]| PilotPlan::new(differences, &question()).unwrap_err();
        assert_eq!(why(&[]), "no pair of seeds finished");
        assert_eq!(why(&[0.1]), "1 pair of seeds: a standard deviation needs 2");
        assert!(why(&[0.1, 0.1]).contains("all 2 differences are equal"));
        assert!(why(&[0.1, f64::NAN]).contains("not finite"));
    }

    #[test]
    fn useless_questions_are_refused() {
        let refused = |flags: PowerFlags, margin| {
            Question::new(&flags, margin, 1, &Analysis::default()).unwrap_err().to_string()
        };
        for effect in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            let error = refused(PowerFlags { effect: Some(effect), ..FLAGS }, 0.005);
            assert!(error.contains("is no difference to detect"), "{error}");
        }
        for power in [0.0, 0.05, 1.0, f64::NAN] {
            let error = refused(PowerFlags { power, ..FLAGS }, 0.005);
            assert!(error.contains("is no power"), "{error}");
        }
        let error = refused(FLAGS, 0.0);
        assert!(error.contains("--effect"), "{error}");
        for sd in [0.0, -1.0, f64::NAN] {
            assert!(Plan::new(sd, &question()).is_err(), "{sd}");
        }
    }
}
