//! Correction of p-values for the size of their family.

use std::{fmt, str::FromStr};

use crate::error::{Error, Result, rejects};

/// How p-values of one family are adjusted.
///
/// A family is all comparisons that answer one question in one table, such as every strategy
/// against dense on every data set. [`Correction::Holm`] is valid under any dependence and never
/// weaker than Bonferroni, hence the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Correction {
    /// No adjustment.
    None,
    /// m p (Bonferroni): any dependence; the only one here that also gives simultaneous intervals.
    Bonferroni,
    /// 1 - (1 - p)^m (Sidak 1967): independent or positively dependent tests.
    Sidak,
    /// Step-down (m - i + 1) p_(i), running maximum (Holm 1979): any dependence.
    #[default]
    Holm,
    /// Step-down 1 - (1 - p_(i))^(m - i + 1): as Sidak.
    HolmSidak,
    /// Step-up (m - i + 1) p_(i), running minimum from the largest (Hochberg 1988): independent or
    /// positively dependent tests.
    Hochberg,
    /// Closed testing with Simes' inequality (Hommel 1988): as Hochberg, and at least as strong.
    Hommel,
    /// False discovery rate, m p_(i) / i, running minimum (Benjamini and Hochberg 1995):
    /// independent or positively dependent tests; for exploratory screens.
    BenjaminiHochberg,
    /// False discovery rate under any dependence, times sum 1/i (Benjamini and Yekutieli 2001).
    BenjaminiYekutieli,
}

impl Correction {
    /// All corrections, in the order of the enum.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Bonferroni,
        Self::Sidak,
        Self::Holm,
        Self::HolmSidak,
        Self::Hochberg,
        Self::Hommel,
        Self::BenjaminiHochberg,
        Self::BenjaminiYekutieli,
    ];

    /// Name for configuration and tables, such as `holm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bonferroni => "bonferroni",
            Self::Sidak => "sidak",
            Self::Holm => "holm",
            Self::HolmSidak => "holm-sidak",
            Self::Hochberg => "hochberg",
            Self::Hommel => "hommel",
            Self::BenjaminiHochberg => "benjamini-hochberg",
            Self::BenjaminiYekutieli => "benjamini-yekutieli",
        }
    }
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Correction {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name).ok_or_else(|| Error::Parameter {
            name: "correction",
            found: format!("`{name}`"),
            legal: "none, bonferroni, sidak, holm, holm-sidak, hochberg, hommel, \
                        benjamini-hochberg, benjamini-yekutieli",
        })
    }
}

/// Raw and adjusted p-values of one family, in the order given.
#[derive(Debug, Clone, PartialEq)]
pub struct AdjustedFamily {
    /// How they were adjusted.
    pub correction: Correction,
    /// p-values as given.
    pub raw: Vec<f64>,
    /// Adjusted p-values, never below the raw ones and never above 1.
    pub adjusted: Vec<f64>,
}

impl AdjustedFamily {
    /// Count m of comparisons; print it beside the p-values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.raw.len()
    }

    /// Which hypotheses are rejected: adjusted p at or below `alpha`, where equality is judged
    /// within rounding (0.01 * 5 is 0.05).
    #[must_use]
    pub fn rejected(&self, alpha: f64) -> Vec<bool> {
        self.adjusted.iter().map(|p| rejects(*p, alpha)).collect()
    }
}

/// Adjusts the p-values of one family. An empty family stays empty.
///
/// ```
/// use dst_stats::{Correction, adjust};
///
/// let family = adjust(&[0.01, 0.04, 0.03], Correction::Holm).unwrap();
/// assert_eq!(family.adjusted, [0.03, 0.06, 0.06]);
/// assert_eq!(family.rejected(0.05), [true, false, false]);
/// ```
///
/// # Errors
///
/// A p-value outside [0, 1]. Comparisons without a test have no place in the list: leave them out,
/// and say so.
pub fn adjust(p_values: &[f64], correction: Correction) -> Result<AdjustedFamily> {
    for p in p_values {
        if !(0.0..=1.0).contains(p) {
            return Err(Error::Parameter {
                name: "p-value",
                found: p.to_string(),
                legal: "from 0 to 1; leave comparisons without a test out of the family",
            });
        }
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]));
    let sorted: Vec<f64> = order.iter().map(|&i| p_values[i]).collect();
    let mut adjusted = vec![0.0; p_values.len()];
    for (index, p) in order.into_iter().zip(adjust_sorted(&sorted, correction)) {
        // A factor rounded down must not leave the adjusted value below the raw one.
        adjusted[index] = p.max(p_values[index]).min(1.0);
    }
    Ok(AdjustedFamily { correction, raw: p_values.to_vec(), adjusted })
}

fn adjust_sorted(p: &[f64], correction: Correction) -> Vec<f64> {
    let m = p.len() as f64;
    let remaining = |i: usize| (p.len() - i) as f64;
    match correction {
        Correction::None => p.to_vec(),
        Correction::Bonferroni => p.iter().map(|p| m * p).collect(),
        Correction::Sidak => p.iter().map(|p| sidak(*p, m)).collect(),
        Correction::Holm => running_max(p.iter().enumerate().map(|(i, p)| remaining(i) * p)),
        Correction::HolmSidak => {
            running_max(p.iter().enumerate().map(|(i, p)| sidak(*p, remaining(i))))
        }
        Correction::Hochberg => {
            running_min_from_top(p.iter().enumerate().map(|(i, p)| remaining(i) * p))
        }
        Correction::Hommel => hommel(p),
        Correction::BenjaminiHochberg => {
            running_min_from_top(p.iter().enumerate().map(|(i, p)| m * p / (i + 1) as f64))
        }
        Correction::BenjaminiYekutieli => {
            let harmonic: f64 = (1..=p.len()).map(|i| 1.0 / i as f64).sum();
            running_min_from_top(
                p.iter().enumerate().map(|(i, p)| m * harmonic * p / (i + 1) as f64),
            )
        }
    }
}

/// 1 - (1 - p)^m without cancellation for small p.
fn sidak(p: f64, m: f64) -> f64 {
    if p >= 1.0 { 1.0 } else { -f64::exp_m1(m * f64::ln_1p(-p)) }
}

fn running_max(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut largest = 0.0_f64;
    values
        .map(|v| {
            largest = largest.max(v);
            largest
        })
        .collect()
}

fn running_min_from_top(values: impl DoubleEndedIterator<Item = f64>) -> Vec<f64> {
    let mut smallest = 1.0_f64;
    let mut from_top: Vec<f64> = values
        .rev()
        .map(|v| {
            smallest = smallest.min(v);
            smallest
        })
        .collect();
    from_top.reverse();
    from_top
}

/// Adjusted p-values of Hommel's procedure for sorted p: for hypothesis i the largest Simes p-value
/// over all intersections that contain it. For a given size the worst intersection holds i and the
/// largest other p-values, so one pass per size suffices (Wright 1992, appendix).
fn hommel(p: &[f64]) -> Vec<f64> {
    let count = p.len();
    let mut adjusted = p.to_vec();
    for size in 2..=count {
        // Intersection of p[i] with the size - 1 largest: Simes' p over the largest, whose own
        // places in the intersection are 2..=size.
        let top = &p[count - size + 1..];
        let simes_top = top
            .iter()
            .enumerate()
            .map(|(j, q)| size as f64 * q / (j + 2) as f64)
            .fold(f64::INFINITY, f64::min);
        for (i, a) in adjusted.iter_mut().enumerate() {
            let simes = if i + size <= count {
                simes_top.min(size as f64 * p[i])
            } else {
                // i is among the largest already, where the whole top of `size` is the intersection.
                simes_top.min(size as f64 * p[count - size])
            };
            *a = a.max(simes);
        }
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Closed testing by brute force: the largest Simes p-value over all subsets that contain i.
    fn hommel_by_closure(p: &[f64]) -> Vec<f64> {
        let m = p.len();
        let mut adjusted = vec![0.0_f64; m];
        for subset in 1_u32..1 << m {
            let mut members: Vec<f64> =
                (0..m).filter(|i| subset >> i & 1 == 1).map(|i| p[i]).collect();
            members.sort_by(f64::total_cmp);
            let size = members.len() as f64;
            let simes = members
                .iter()
                .enumerate()
                .map(|(j, q)| size * q / (j + 1) as f64)
                .fold(f64::INFINITY, f64::min);
            for (i, a) in adjusted.iter_mut().enumerate() {
                if subset >> i & 1 == 1 {
                    *a = a.max(simes);
                }
            }
        }
        adjusted
    }

    #[test]
    fn hommel_is_the_closure_of_simes() {
        for p in [
            vec![0.01, 0.02, 0.022, 0.09],
            vec![0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205],
            vec![0.04, 0.01, 0.04, 0.01, 0.2],
            vec![0.5, 0.5],
            vec![0.03],
        ] {
            let got = adjust(&p, Correction::Hommel).unwrap().adjusted;
            for (g, w) in got.iter().zip(hommel_by_closure(&p)) {
                assert!((g - w.min(1.0)).abs() < 1e-14, "{got:?} {w}");
            }
        }
    }

    #[test]
    fn names_round_trip() {
        for correction in Correction::ALL {
            assert_eq!(correction.name().parse(), Ok(correction));
        }
        let error = "tukey".parse::<Correction>().unwrap_err().to_string();
        assert!(error.starts_with("correction is `tukey`, legal: none, bonferroni"));
    }

    #[test]
    fn nan_is_refused() {
        assert!(adjust(&[0.1, f64::NAN], Correction::Holm).is_err());
    }
}
