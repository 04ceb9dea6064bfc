//! Numbers in, seeds out: what an experiment needs at a given spread of its differences.

use dst_analysis::Analysis;
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

/// What is asked of an experiment. Differences are in units of the metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Question {
    /// The difference that a two-sided paired t test is to detect.
    pub(super) effect: f64,
    /// The largest loss that still counts as no worse.
    pub(super) margin: f64,
    /// The probability with which it is to be detected.
    pub(super) power: f64,
    /// Level of the tests.
    pub(super) alpha: f64,
    /// Fewest pairs for which reports give a p-value.
    pub(super) minimum_pairs: usize,
    /// Fewest pairs with which exact tests (Wilcoxon, sign flips) can reach the level.
    pub(super) exact_tests_from: u32,
}

impl Question {
    /// The question for an analysis; without an effect, it is to detect its margin.
    ///
    /// # Errors
    /// If the effect is not above 0, or the power not between alpha and 1.
    pub(super) fn new(effect: Option<f64>, power: f64, analysis: &Analysis) -> Result<Self> {
        analysis.validate()?;
        let alpha = analysis.alpha;
        let effect = match effect {
            Some(effect) if effect > 0.0 && effect.is_finite() => effect,
            Some(effect) => {
                return Err(Error::usage(format!("{effect} is no difference to detect"))
                    .at("--effect")
                    .hint("give a number above 0 in units of the metric: 0.005 is half a point"));
            }
            None if analysis.margin.size() > 0.0 => analysis.margin.size(),
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
        Ok(Self {
            effect,
            margin: analysis.margin.size(),
            power,
            alpha,
            minimum_pairs: analysis.minimum_pairs,
            exact_tests_from: fewest_exact_pairs(alpha).map_err(refused)?,
        })
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
        let Question { effect, margin, power, alpha, .. } = *question;
        let seeds = |difference: f64, side| {
            // Beyond this the least count does, and a ratio may not overflow.
            let effect = (difference / sd).min(1e6);
            let plan = sample_size(Design::Paired, effect, power, alpha, side).ok()?;
            Some(plan.count.max(question.minimum_pairs))
        };
        let detectable = SEEDS
            .map(|seeds| {
                let n = f64::from(seeds);
                let d = detectable_effect(Design::Paired, n, power, alpha, Alternative::TwoSided);
                d.map(|d| Detectable { seeds, difference: d * sd }).map_err(refused)
            })
            .into_iter()
            .collect::<Result<_>>()?;
        Ok(Self {
            sd,
            seeds: seeds(effect, Alternative::TwoSided),
            seeds_no_worse: seeds(margin, Alternative::Greater),
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
    use dst_analysis::Margin;

    use super::*;

    fn question() -> Question {
        Question::new(
            None,
            0.8,
            &Analysis { margin: Margin::Absolute(0.004), ..Analysis::default() },
        )
        .unwrap()
    }

    #[test]
    fn seeds_for_an_effect_of_one_sd() {
        let plan = Plan::new(0.004, &question()).unwrap();
        // Ten pairs for d_z = 1, and eight one-sided: the tables of every textbook.
        assert_eq!((plan.seeds, plan.seeds_no_worse), (Some(10), Some(8)));
        let ten = plan.detectable[1];
        assert_eq!(ten.seeds, 10);
        assert!((ten.difference - 0.00399).abs() < 1e-5, "{}", ten.difference);
        assert_eq!(question().exact_tests_from, 6);
    }

    #[test]
    fn counts_stay_within_reason() {
        let plan = Plan::new(1e-300, &question()).unwrap();
        assert_eq!(plan.seeds, Some(3), "reports give no p-value below");
        let plan = Plan::new(1e6, &question()).unwrap();
        assert_eq!(plan.seeds, None);
        let margin = Analysis { margin: Margin::Absolute(0.0), ..Analysis::default() };
        let question = Question::new(Some(0.01), 0.8, &margin).unwrap();
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
        let analysis = Analysis::default();
        for effect in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(Question::new(Some(effect), 0.8, &analysis).is_err(), "{effect}");
        }
        for power in [0.0, 0.05, 1.0, f64::NAN] {
            assert!(Question::new(None, power, &analysis).is_err(), "{power}");
        }
        let no_margin = Analysis { margin: Margin::Absolute(0.0), ..Analysis::default() };
        let error = Question::new(None, 0.8, &no_margin).unwrap_err().to_string();
        assert!(error.contains("--effect"), "{error}");
        for sd in [0.0, -1.0, f64::NAN] {
            assert!(Plan::new(sd, &question()).is_err(), "{sd}");
        }
    }
}
