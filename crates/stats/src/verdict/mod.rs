//! Verdicts of a family of methods against one control: a pure function of scores.
//!
//! A *comparison* is one method against the control over the same seeds. Its differences are
//! candidate minus control, and larger is better. Four one-sided questions are asked of them, does
//! d lie above 0, below 0, above -margin, below -margin, all by one test ([`Test`]). The answers
//! form three families, each corrected on its own for *all planned* comparisons:
//!
//! | family | p | level |
//! | --- | --- | --- |
//! | difference | 2 min(up(0), down(0)) | A |
//! | non-inferior | up(margin) | A / 2 |
//! | inferior | down(margin) | A / 2 |
//!
//! One interval per comparison goes with them. It is computed by the same test at the level at
//! which each family decided this comparison, so the verdict can be read from it. This always
//! holds, for every test and correction:
//!
//! | verdict | interval `[L, U]` and margin m |
//! | --- | --- |
//! | superior | L > 0 |
//! | non-inferior | -m < L <= 0 |
//! | worse | L <= -m <= U < 0 |
//! | inferior | U < -m |
//! | inconclusive | L <= -m and U >= 0 |
//!
//! and a loss is shown iff U < 0. Such intervals are simultaneous under Bonferroni only.
//!
//! Seeds may be judged at planned looks, which share alpha between them, or at unplanned ones,
//! which make the verdict post hoc. A run that diverged or collapsed is scored *against the claim*:
//! at the score of a constant answer where that spoils the claim, and left out where leaving it out
//! does. A failure can therefore spoil a verdict and never help one.
//!
//! Where nothing can be tested the verdict is inconclusive with a [`Reason`]; the comparison counts
//! in its family as p = 1.

mod failures;
mod interval;
mod judgement;
mod looks;
mod one_sided;
mod plan;
mod step;

pub use interval::Ends;
pub use judgement::{Comparison, Counts, Evidence, Judgement, PValue, Reason, Verdict};
pub use plan::{Candidate, Run, Settings, Test};

use failures::Pairs;
use interval::level_ends;
use looks::Look;
use one_sided::{Calculator, Sample, Tails};
use step::{Families, fewest_pairs_at};

use crate::error::{Result, require_open_unit};

impl Settings {
    /// Fewest pairs with which an exact test can decide anything in the family at level `alpha` of
    /// the look: 2^-n must reach the first step of the correction, log2(2 K / alpha) under Holm.
    ///
    /// ```
    /// use dst_stats::verdict::Settings;
    ///
    /// let needed = [1, 6, 12, 30].map(|family| {
    ///     Settings { family, ..Settings::default() }.fewest_pairs(0.05).unwrap()
    /// });
    /// assert_eq!(needed, [6, 8, 9, 11]);
    /// ```
    ///
    /// # Errors
    ///
    /// An alpha outside (0, 1).
    pub fn fewest_pairs(&self, alpha: f64) -> Result<u32> {
        require_open_unit("alpha", alpha)?;
        Ok(fewest_pairs_at(self.correction, self.family, alpha))
    }
}

/// Judges all comparisons of one family.
///
/// ```
/// use dst_stats::verdict::{Candidate, Run, Settings, Verdict, judge};
///
/// let runs = |scores: [f64; 6]| scores.map(Run::Finished);
/// let control = runs([0.901, 0.904, 0.899, 0.902, 0.905, 0.900]);
/// let alike = runs([0.902, 0.903, 0.900, 0.901, 0.905, 0.901]);
/// let lower = runs([0.882, 0.885, 0.881, 0.882, 0.884, 0.880]);
/// let settings =
///     Settings { margin: 0.005, family: 2, seeds_planned: 6, ..Settings::default() };
/// let candidates = [Candidate::new(&alike), Candidate::new(&lower)];
/// let judgement = judge(&settings, &control, &candidates).unwrap();
/// let verdicts: Vec<_> = judgement.comparisons.iter().map(|c| c.verdict).collect();
/// assert_eq!(verdicts, [Verdict::NonInferior, Verdict::Inferior]);
/// ```
///
/// # Errors
///
/// Settings outside their range, more candidates than the family has, runs that are not one for
/// each planned seed, a score that is not finite or is beyond 1e70, or more than 1,000 pairs for
/// Wilcoxon's test.
pub fn judge(
    settings: &Settings,
    control: &[Run],
    candidates: &[Candidate<'_>],
) -> Result<Judgement> {
    plan::check(settings, control, candidates)?;
    let look = Look::reached(settings, control, candidates);
    let post_hoc_looks = looks::post_hoc(settings);
    let Some(look) = look else {
        return Ok(Judgement {
            look: None,
            seeds: 0,
            alpha: None,
            post_hoc_looks,
            error_bound: None,
            comparisons: candidates.iter().map(Comparison::not_yet).collect(),
        });
    };
    let mut calculator = Calculator::new(settings.test);
    let tested: Vec<Option<Tested>> = candidates
        .iter()
        .map(|candidate| {
            candidate.not_comparable.is_none().then(|| {
                let control = &candidate.control.unwrap_or(control)[..look.seeds];
                Tested::new(settings, control, &candidate.runs[..look.seeds], &mut calculator)
            })
        })
        .collect();
    let tails = |of: fn(&Tested) -> Option<ShiftTails>| -> Vec<Option<ShiftTails>> {
        tested.iter().map(|t| t.as_ref().and_then(of)).collect()
    };
    let with_failed = tails(|t| t.with_failed);
    let families = Families::new(settings, look.alpha, &with_failed)?;
    let left_out = if tested.iter().flatten().any(Tested::has_failures) {
        let left_out = tails(|t| t.left_out);
        let families = Families::new(settings, look.alpha, &left_out)?;
        (0..tested.len()).map(|i| Some(families.claim(i, left_out[i].as_ref()).verdict)).collect()
    } else {
        vec![None; tested.len()]
    };
    let comparisons = tested
        .iter()
        .enumerate()
        .map(|(i, tested)| match tested {
            None => Comparison::undecided(Verdict::NotComparable, Reason::NotComparable),
            Some(tested) => {
                let without_failed = left_out[i].filter(|_| tested.has_failures());
                tested.comparison(settings, &look, &families, i, without_failed, &mut calculator)
            }
        })
        .collect();
    Ok(Judgement {
        look: Some(look.number),
        seeds: look.seeds,
        alpha: Some(look.alpha),
        post_hoc_looks,
        error_bound: Some(look.error_bound),
        comparisons,
    })
}

/// Answers to the four one-sided questions.
#[derive(Debug, Clone, Copy)]
struct ShiftTails {
    /// Shift 0.
    zero: Tails,
    /// Shift by the margin.
    margin: Tails,
}

/// One comparison before the correction.
struct Tested {
    pairs: Pairs,
    estimate: Option<f64>,
    /// Tests of the pairs that both finished.
    left_out: Option<ShiftTails>,
    /// Tests with every failure against the claim.
    with_failed: Option<ShiftTails>,
}

impl Tested {
    fn new(
        settings: &Settings,
        control: &[Run],
        candidate: &[Run],
        calculator: &mut Calculator,
    ) -> Self {
        let pairs = Pairs::new(settings, control, candidate);
        let of = |sample: &Sample, calculator: &mut Calculator| {
            let zero = calculator.tails(&sample.zero);
            let margin =
                if settings.margin == 0.0 { zero } else { calculator.tails(&sample.margin) };
            ShiftTails { zero, margin }
        };
        let answers: Vec<ShiftTails> =
            pairs.samples.iter().map(|sample| of(sample, calculator)).collect();
        let left_out = pairs.untested.is_none().then(|| answers[Pairs::LEFT_OUT]);
        let with_failed = (!pairs.nothing_to_test()).then(|| {
            // The larger p of all the ways to score the failures; without any way, 1.
            let largest = |side: &[usize], p: fn(&ShiftTails) -> f64| {
                side.iter().map(|&i| p(&answers[i])).reduce(f64::max).unwrap_or(1.0)
            };
            ShiftTails {
                zero: Tails {
                    up: largest(&pairs.up, |a| a.zero.up),
                    down: largest(&pairs.down, |a| a.zero.down),
                },
                margin: Tails {
                    up: largest(&pairs.up, |a| a.margin.up),
                    down: largest(&pairs.down, |a| a.margin.down),
                },
            }
        });
        let estimate = calculator.estimate(&pairs.samples[Pairs::LEFT_OUT].zero);
        Self { pairs, estimate, left_out, with_failed }
    }

    fn has_failures(&self) -> bool {
        self.pairs.counts.candidate_failed + self.pairs.counts.control_failed > 0
    }

    fn comparison(
        &self,
        settings: &Settings,
        look: &Look,
        families: &Families,
        index: usize,
        without_failed: Option<Verdict>,
        calculator: &mut Calculator,
    ) -> Comparison {
        let claim = families.claim(index, self.with_failed.as_ref());
        let evidence = self.with_failed.map(|_| {
            let (interval, tails, clipped) =
                interval::of_claim(settings.margin, families, index, &claim, |tails| {
                    level_ends(&self.pairs, tails, calculator)
                });
            let alone = (0.5 * look.alpha, 0.5 * look.alpha);
            Evidence {
                difference: families.difference.p_value(index),
                non_inferior: families.non_inferior.p_value(index),
                inferior: families.inferior.p_value(index),
                interval,
                tails,
                level: 1.0 - tails.0 - tails.1,
                clipped,
                uncorrected: level_ends(&self.pairs, alone, calculator),
            }
        });
        let undecided = || match (self.pairs.untested, &evidence) {
            (Some(untested), None) => untested,
            (_, Some(evidence)) if self.below_floor(settings.test, evidence) => Reason::Floor,
            _ => Reason::Open,
        };
        let failures_matter = without_failed
            .is_some_and(|without| without != claim.verdict || self.pairs.untested.is_some());
        let reason = if failures_matter {
            Some(Reason::Failures)
        } else {
            (claim.verdict == Verdict::Inconclusive).then(undecided)
        };
        Comparison {
            verdict: claim.verdict,
            loss_shown: claim.loss_shown,
            reason,
            counts: Some(self.pairs.counts),
            estimate: self.estimate,
            evidence,
            without_failed,
        }
    }

    /// Whether no outcome of so few pairs reaches the levels that were in use.
    fn below_floor(&self, test: Test, evidence: &Evidence) -> bool {
        let smallest = (-(self.pairs.counts.pairs as f64)).exp2();
        test.is_exact() && !step::at_most(smallest, evidence.tails.0.max(evidence.tails.1))
    }
}
