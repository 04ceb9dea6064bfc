//! Description of one sample: mean, spread, quantiles; and the forming of pairs.

use crate::error::{Result, require_count, require_equal, require_finite};

/// Location and spread of one sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Count of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (denominator n - 1); `None` for one value.
    pub sd: Option<f64>,
    /// Standard error of the mean, sd / sqrt n; `None` for one value.
    pub standard_error: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// First quartile (type 7, linear).
    pub lower_quartile: f64,
    /// Median.
    pub median: f64,
    /// Third quartile (type 7, linear).
    pub upper_quartile: f64,
    /// Largest value.
    pub max: f64,
    /// Median absolute deviation from the median, not scaled; times 1.4826 it estimates the
    /// standard deviation of normal data.
    pub mad: f64,
}

/// Describes one sample.
///
/// ```
/// let s = dst_stats::summary(&[1.0, 2.0, 3.0, 10.0]).unwrap();
/// assert_eq!((s.mean, s.median, s.mad), (4.0, 2.5, 1.0));
/// ```
///
/// # Errors
///
/// No value, or a value that is not finite.
pub fn summary(values: &[f64]) -> Result<Summary> {
    require_count("values", 1, values.len())?;
    require_finite(values)?;
    let n = values.len();
    let sorted = sorted(values);
    let sd = (n > 1).then(|| variance(values).sqrt());
    Ok(Summary {
        n,
        mean: mean(values),
        sd,
        standard_error: sd.map(|sd| sd / (n as f64).sqrt()),
        min: sorted[0],
        lower_quartile: quantile_of_sorted(&sorted, 0.25),
        median: quantile_of_sorted(&sorted, 0.5),
        upper_quartile: quantile_of_sorted(&sorted, 0.75),
        max: sorted[n - 1],
        mad: mad(values),
    })
}

/// Quantile of a sample by linear interpolation between order statistics at position
/// `p` * (n - 1), Hyndman and Fan's type 7.
///
/// # Errors
///
/// No value, a value that is not finite, or `p` outside [0, 1].
pub fn quantile(values: &[f64], p: f64) -> Result<f64> {
    require_count("values", 1, values.len())?;
    require_finite(values)?;
    if !(0.0..=1.0).contains(&p) {
        return Err(crate::Error::Parameter {
            name: "p",
            found: p.to_string(),
            legal: "from 0 to 1",
        });
    }
    Ok(quantile_of_sorted(&sorted(values), p))
}

/// Pairs of which both members are finite, with the positions of the others.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletePairs {
    /// First members.
    pub a: Vec<f64>,
    /// Second members.
    pub b: Vec<f64>,
    /// Positions of the dropped pairs; report them as "n used / n planned".
    pub dropped: Vec<usize>,
}

/// Drops every PAIR of which one side is NaN or infinite. Dropping one side only would compare
/// different seeds.
///
/// # Errors
///
/// The samples have unequal counts.
pub fn complete_pairs(a: &[f64], b: &[f64]) -> Result<CompletePairs> {
    require_equal(a, b)?;
    let mut pairs = CompletePairs { a: Vec::new(), b: Vec::new(), dropped: Vec::new() };
    for (index, (&x, &y)) in a.iter().zip(b).enumerate() {
        if x.is_finite() && y.is_finite() {
            pairs.a.push(x);
            pairs.b.push(y);
        } else {
            pairs.dropped.push(index);
        }
    }
    Ok(pairs)
}

pub(crate) fn largest_magnitude(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |m, v| v.abs().max(m))
}

/// Mean, computed around the first value: exact for constant data.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let first = values[0];
    first + values.iter().map(|v| v - first).sum::<f64>() / values.len() as f64
}

/// Sample variance (denominator n - 1) by two passes with the correction for the rounding of the
/// mean; 0 for constant data.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    sum_of_squares(values) / (n - 1.0)
}

/// Sum of squared deviations from the mean.
pub(crate) fn sum_of_squares(values: &[f64]) -> f64 {
    let centre = mean(values);
    let (mut squares, mut rest) = (0.0, 0.0);
    for v in values {
        let d = v - centre;
        squares += d * d;
        rest += d;
    }
    (squares - rest * rest / values.len() as f64).max(0.0)
}

pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

pub(crate) fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let position = p * (sorted.len() - 1) as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = position - below as f64;
    sorted[below] + share * (sorted[above] - sorted[below])
}

pub(crate) fn median(values: &[f64]) -> f64 {
    quantile_of_sorted(&sorted(values), 0.5)
}

/// Median absolute deviation from the median, not scaled.
pub(crate) fn mad(values: &[f64]) -> f64 {
    let centre = median(values);
    median(&values.iter().map(|v| (v - centre).abs()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_data_have_exactly_no_variance() {
        let values = [0.1; 7];
        assert_eq!(mean(&values), 0.1);
        assert_eq!(variance(&values), 0.0);
    }

    #[test]
    fn a_pair_is_dropped_whole() {
        let pairs = complete_pairs(&[1.0, f64::NAN, 3.0], &[4.0, 5.0, f64::INFINITY]).unwrap();
        assert_eq!((pairs.a, pairs.b), (vec![1.0], vec![4.0]));
        assert_eq!(pairs.dropped, [1, 2]);
    }
}
