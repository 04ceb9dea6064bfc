//! Three families, their correction for all planned comparisons, and the level at which it decided
//! each of them.

use super::{PValue, Settings, ShiftTails, Verdict};
use crate::{
    correction::{Correction, adjust},
    error::Result,
};

/// `p` <= `level`, judged within rounding: 0.01 * 5 is 0.05.
pub(super) fn at_most(p: f64, level: f64) -> bool {
    p <= level * (1.0 + 1e-12)
}

/// One family of p-values after its correction.
pub(super) struct Family {
    /// As tested, 1 without a test.
    raw: Vec<f64>,
    adjusted: Vec<f64>,
    level: f64,
    steps: Vec<f64>,
}

impl Family {
    /// Corrects `p` for `planned` comparisons. What is planned and not in `p` counts as 1.
    fn new(mut p: Vec<f64>, planned: usize, level: f64, correction: Correction) -> Result<Self> {
        let here = p.len();
        p.resize(planned.max(here), 1.0);
        let mut adjusted = adjust(&p, correction)?.adjusted;
        adjusted.truncate(here);
        p.truncate(here);
        let steps = steps(&p, &adjusted, planned, level, correction);
        Ok(Self { raw: p, adjusted, level, steps })
    }

    pub(super) fn rejected(&self, index: usize) -> bool {
        at_most(self.adjusted[index], self.level)
    }

    /// The level at which the correction decided this comparison: its p is at or below the step
    /// iff it is rejected.
    pub(super) fn step(&self, index: usize) -> f64 {
        self.steps[index]
    }

    pub(super) fn p_value(&self, index: usize) -> PValue {
        PValue { raw: self.raw[index], adjusted: self.adjusted[index] }
    }
}

/// Steps of all p-values that are here, in their order.
fn steps(
    p: &[f64],
    adjusted: &[f64],
    planned: usize,
    level: f64,
    correction: Correction,
) -> Vec<f64> {
    let rejections = adjusted.iter().filter(|a| at_most(**a, level)).count();
    let k = planned as f64;
    let open = (planned - rejections) as f64;
    let mut sorted = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let sidak = |count: f64| -f64::exp_m1(f64::ln_1p(-level) / count);
    p.iter()
        .zip(adjusted)
        .map(|(p, adjusted)| {
            let rejected = at_most(*adjusted, level);
            let left = if rejected { k - sorted.partition_point(|q| q < p) as f64 } else { open };
            match correction {
                Correction::None => level,
                Correction::Bonferroni => level / k,
                Correction::Sidak => sidak(k),
                Correction::Holm => level / left,
                Correction::HolmSidak => sidak(left),
                Correction::Hochberg if rejected => level / (open + 1.0),
                Correction::Hommel if rejected => level * p / adjusted,
                Correction::Hochberg | Correction::Hommel => level / open,
                Correction::BenjaminiHochberg => level * rejections.max(1) as f64 / k,
                Correction::BenjaminiYekutieli => {
                    level * rejections.max(1) as f64 / (k * harmonic(planned))
                }
            }
        })
        .collect()
}

fn harmonic(count: usize) -> f64 {
    (1..=count).map(|i| 1.0 / i as f64).sum()
}

/// Fewest pairs of an exact test with which the smallest p of the family can be rejected.
pub(super) fn fewest_pairs_at(correction: Correction, planned: usize, alpha: f64) -> u32 {
    let planned = planned.max(1);
    let first = steps(&[1.0], &[1.0], planned, alpha, correction)[0];
    let mut pairs = 1;
    let mut smallest = 0.5;
    while !at_most(smallest, 0.5 * first) {
        pairs += 1;
        smallest *= 0.5;
    }
    pairs
}

/// What is claimed of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) verdict: Verdict,
    pub(super) loss_shown: bool,
}

/// The three families.
pub(super) struct Families {
    pub(super) difference: Family,
    pub(super) non_inferior: Family,
    pub(super) inferior: Family,
    has_margin: bool,
}

impl Families {
    /// Corrects the answers of all comparisons; `None` has no test.
    pub(super) fn new(
        settings: &Settings,
        alpha: f64,
        tails: &[Option<ShiftTails>],
    ) -> Result<Self> {
        let family = |level: f64, p: fn(&ShiftTails) -> f64| {
            let p = tails.iter().map(|t| t.as_ref().map_or(1.0, p)).collect();
            Family::new(p, settings.family, level, settings.correction)
        };
        Ok(Self {
            difference: family(alpha, |t| (2.0 * t.zero.up.min(t.zero.down)).min(1.0))?,
            non_inferior: family(0.5 * alpha, |t| t.margin.up)?,
            inferior: family(0.5 * alpha, |t| t.margin.down)?,
            has_margin: settings.margin > 0.0,
        })
    }

    /// What the families say of the comparison at `index`, whose answers are `tails`.
    pub(super) fn claim(&self, index: usize, tails: Option<&ShiftTails>) -> Claim {
        let Some(tails) = tails else {
            return Claim { verdict: Verdict::Inconclusive, loss_shown: false };
        };
        let differs = self.difference.rejected(index);
        let gain = differs && tails.zero.up < tails.zero.down;
        let loss = differs && tails.zero.down < tails.zero.up;
        let (inferior, non_inferior) = if self.has_margin {
            (self.inferior.rejected(index), self.non_inferior.rejected(index))
        } else {
            (loss, false)
        };
        let verdict = if gain {
            Verdict::Superior
        } else if inferior {
            Verdict::Inferior
        } else if non_inferior {
            Verdict::NonInferior
        } else if loss {
            Verdict::Worse
        } else {
            Verdict::Inconclusive
        };
        Claim { verdict, loss_shown: verdict == Verdict::Inferior || loss }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With comparisons that are not here, every correction decides by its step.
    #[test]
    fn p_is_at_or_below_its_step_iff_it_is_rejected() {
        let p = [0.001, 0.008, 0.008, 0.012, 0.013, 0.02, 0.03, 0.049, 0.2, 1.0];
        for correction in Correction::ALL {
            for planned in [10, 11, 25] {
                for count in 1..=p.len() {
                    let family =
                        Family::new(p[..count].to_vec(), planned, 0.05, correction).unwrap();
                    for (i, p) in p[..count].iter().enumerate() {
                        assert_eq!(
                            at_most(*p, family.step(i)),
                            family.rejected(i),
                            "{correction} {planned} {count} {p}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn holms_steps_follow_the_smaller_p_values() {
        let family = Family::new(vec![0.02, 0.001, 0.4], 4, 0.05, Correction::Holm).unwrap();
        assert_eq!(family.p_value(0), PValue { raw: 0.02, adjusted: 0.06 });
        let steps: Vec<f64> = (0..3).map(|i| family.step(i)).collect();
        assert_eq!(steps, [0.05 / 3.0, 0.05 / 4.0, 0.05 / 3.0]);
    }
}
