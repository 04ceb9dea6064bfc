//! Almost stochastic order: does one score distribution dominate another, up to a small violation?

use crate::{
    bootstrap::{BootstrapOptions, resample},
    describe::{sorted, variance},
    distribution::normal_quantile,
    error::{Degenerate, Result, require_count, require_finite},
    random::index,
    rounding::Precision,
};

/// Answer of the test of almost stochastic order.
#[derive(Debug, Clone, PartialEq)]
pub struct AlmostStochasticOrder {
    /// Share of the squared Wasserstein distance on which `a` is the worse one, in [0, 1]: 0 when
    /// `a` dominates everywhere. `None` when both samples have the same values.
    pub violation_ratio: Option<f64>,
    /// Upper confidence bound of the violation ratio, in [0, 1]. Call it dominance below 0.2, at
    /// most 0.5. `None` when the ratio is undefined.
    pub epsilon_min: Option<f64>,
    /// Confidence of the bound.
    pub level: f64,
    /// Count of resamples.
    pub draws: usize,
    /// Seed they came from.
    pub seed: u64,
    /// Why there is no ratio.
    pub degenerate: Option<Degenerate>,
}

impl AlmostStochasticOrder {
    /// Whether the bound lies below `threshold`.
    #[must_use]
    pub fn dominates(&self, threshold: f64) -> bool {
        self.epsilon_min.is_some_and(|e| e < threshold)
    }
}

/// Almost stochastic order of `a` over `b` (del Barrio et al. 2018; Dror et al. 2019): larger is
/// better. epsilon_min = ratio + z_level * standard error of the ratio over resamples.
///
/// One-sided: swap the arguments for the other question. It ignores pairing by seeds. The
/// integral over quantiles is exact here; packages take it over a grid of step 0.005 and differ by
/// a few thousandths. For m comparisons raise the level to 1 - (1 - level) / m.
///
/// # Errors
///
/// An empty sample, a value that is not finite, a level outside (0, 1), or fewer than 2 draws.
pub fn almost_stochastic_order(
    a: &[f64],
    b: &[f64],
    options: &BootstrapOptions,
) -> Result<AlmostStochasticOrder> {
    require_count("values in each sample", 1, a.len().min(b.len()))?;
    require_finite(a)?;
    require_finite(b)?;
    options.require_legal()?;
    let (a, b) = (sorted(a), sorted(b));
    let precision = Precision::of(&[&*a, &*b].concat());
    let ratio = violation_ratio(&a, &b, precision);
    let epsilon_min = ratio.map(|ratio| {
        let resampled = resample(options, |rng, (x, y): &mut (Vec<f64>, Vec<f64>)| {
            for (to, from) in [(&mut *x, &a), (&mut *y, &b)] {
                to.clear();
                to.extend((0..from.len()).map(|_| from[index(rng, from.len())]));
                to.sort_by(f64::total_cmp);
            }
            // Equal resamples speak for neither.
            violation_ratio(x, y, precision).unwrap_or(0.5)
        });
        let z = normal_quantile(options.level);
        (ratio + z * variance(&resampled).sqrt()).clamp(0.0, 1.0)
    });
    Ok(AlmostStochasticOrder {
        violation_ratio: ratio,
        epsilon_min,
        level: options.level,
        draws: options.draws,
        seed: options.seed,
        degenerate: ratio.is_none().then_some(Degenerate::Identical),
    })
}

/// Integral of (G^-1 - F^-1)^2 where it is positive over the whole integral, exact for step
/// quantile functions; `None` when both are the same function.
fn violation_ratio(a: &[f64], b: &[f64], precision: Precision) -> Option<f64> {
    let (na, nb) = (a.len(), b.len());
    let (mut i, mut j, mut at) = (0, 0, 0);
    let (mut violated, mut total) = (0.0, 0.0);
    let mut identical = true;
    // Breakpoints are multiples of 1 / (na nb), so integers hold them without rounding.
    while i < na && j < nb {
        let next = ((i + 1) * nb).min((j + 1) * na);
        let gap = b[j] - a[i];
        identical &= gap.abs() <= precision.rounding(a[i].abs().max(b[j].abs()));
        let area = gap * gap * (next - at) as f64;
        total += area;
        if gap > 0.0 {
            violated += area;
        }
        at = next;
        if next == (i + 1) * nb {
            i += 1;
        }
        if next == (j + 1) * na {
            j += 1;
        }
    }
    (!identical).then(|| violated / total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_by_hand() {
        // Quantile functions: a = 1 then 4, b = 2 then 3. a is worse by 1 on the lower half and
        // better by 1 on the upper half.
        let violation_ratio = |a: &[f64], b: &[f64]| violation_ratio(a, b, Precision::of(a));
        assert_eq!(violation_ratio(&[1.0, 4.0], &[2.0, 3.0]), Some(0.5));
        assert_eq!(violation_ratio(&[1.0, 2.0], &[3.0, 4.0, 5.0]), Some(1.0));
        assert_eq!(violation_ratio(&[3.0, 4.0], &[1.0]), Some(0.0));
        assert_eq!(violation_ratio(&[1.0, 1.0], &[1.0]), None);
    }

    #[test]
    fn threads_move_no_bit() {
        let (a, b) = ([0.9, 0.8, 0.7, 0.6], [0.85, 0.82, 0.66]);
        let run = |threads| {
            let options = BootstrapOptions { threads, draws: 1_000, ..Default::default() };
            almost_stochastic_order(&a, &b, &options).unwrap()
        };
        assert_eq!(run(1), run(4));
    }
}
