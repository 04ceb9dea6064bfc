//! McNemar's test of two stored models on the same test examples.

use crate::{
    distribution::{chi_square_sf, fair_binomial_cdf, fair_binomial_pmf},
    error::{Degenerate, Error, Result, p_value, require_count},
};

/// From this many discordant examples on the chi-square forms are usable.
pub const CHI_SQUARE_MINIMUM: u64 = 25;

/// A chi-square statistic with one degree of freedom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic.
    pub statistic: f64,
    /// Its upper tail.
    pub p_value: f64,
}

/// Answer of McNemar's test.
#[derive(Debug, Clone, PartialEq)]
pub struct McNemar {
    /// Examples that only the first model gets right, b.
    pub only_first: u64,
    /// Examples that only the second model gets right, c.
    pub only_second: u64,
    /// Exact two-sided p-value, twice P(Bin(b + c, 1/2) <= min(b, c)), at most 1.
    pub p_exact: f64,
    /// Mid-p: the exact one less P(X = min) once; less conservative (Fagerland et al. 2013).
    /// `None` without discordant examples.
    pub p_mid: Option<f64>,
    /// (b - c)^2 / (b + c); only from [`CHI_SQUARE_MINIMUM`] discordant examples on is its
    /// p-value to be trusted. `None` without discordant examples.
    pub chi_square: Option<ChiSquare>,
    /// The same with Edwards' continuity correction, (|b - c| - 1)^2 / (b + c).
    pub chi_square_yates: Option<ChiSquare>,
    /// Why there is nothing to test.
    pub degenerate: Option<Degenerate>,
}

/// McNemar's test from the two discordant counts (McNemar 1947; Dietterich 1998, section 3).
///
/// It answers "do these two trained models differ on this population?", not "do the two methods
/// differ?": one seed each is no sample of seeds.
///
/// ```
/// let test = dst_stats::mcnemar(6, 0);
/// assert_eq!(test.p_exact, 0.03125);
/// assert_eq!(dst_stats::mcnemar(0, 0).p_mid, None);
/// ```
#[must_use]
pub fn mcnemar(only_first: u64, only_second: u64) -> McNemar {
    let (b, c) = (only_first, only_second);
    let n = b.saturating_add(c);
    let smaller = b.min(c);
    let lower = fair_binomial_cdf(smaller, n);
    let discordant = n > 0;
    let distance = b.abs_diff(c) as f64;
    let form = |root: f64| {
        discordant.then(|| {
            let statistic = root * root / n as f64;
            ChiSquare { statistic, p_value: p_value(chi_square_sf(statistic, 1.0)) }
        })
    };
    McNemar {
        only_first,
        only_second,
        p_exact: p_value(2.0 * lower),
        p_mid: discordant.then(|| {
            if b == c { 1.0 } else { p_value(2.0 * lower - fair_binomial_pmf(smaller, n)) }
        }),
        chi_square: form(distance),
        chi_square_yates: form(distance - 1.0),
        degenerate: (!discordant).then_some(Degenerate::NoDiscordantPairs),
    }
}

/// As [`mcnemar`], from stored per-example correctness of both models in the same order.
///
/// # Errors
///
/// Unequal counts or no example.
pub fn mcnemar_from_predictions(first_right: &[bool], second_right: &[bool]) -> Result<McNemar> {
    if first_right.len() != second_right.len() {
        return Err(Error::UnequalCounts { left: first_right.len(), right: second_right.len() });
    }
    require_count("examples", 1, first_right.len())?;
    let count = |want: (bool, bool)| {
        first_right.iter().zip(second_right).filter(|(a, b)| (**a, **b) == want).count() as u64
    };
    Ok(mcnemar(count((true, false)), count((false, true))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_from_predictions() {
        let first = [true, true, false, true];
        let second = [true, false, true, false];
        let test = mcnemar_from_predictions(&first, &second).unwrap();
        assert_eq!((test.only_first, test.only_second), (2, 1));
        assert_eq!(test.p_exact, 1.0);
        assert!(mcnemar_from_predictions(&first, &[true]).is_err());
    }
}
