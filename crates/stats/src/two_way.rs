//! Two sources of noise at once: the seeds of the runs and the examples of the test set.
//!
//! An interval over seeds speaks of other runs on the same test set. One over seeds and examples
//! speaks of other runs on other examples of the same kind, and is wider where the test set is
//! small beside the spread of the seeds.

use crate::{
    bootstrap::{BootstrapOptions, resample},
    describe::{quantile_of_sorted, sorted, variance},
    distribution::Alternative,
    error::{Degenerate, Error, Result, require_count, require_finite, require_open_unit},
    interval::Interval,
    paired::t_interval,
    random::index,
};

/// Mean difference of two methods over seeds and test examples, with its error from both.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoWay {
    /// Count S of seeds.
    pub seeds: usize,
    /// Count I of examples.
    pub examples: usize,
    /// Mean difference g over all seeds and examples, in [-1, 1].
    pub mean_difference: f64,
    /// Squared standard error from only the means of the seeds, var(r) / S.
    pub variance_seeds: f64,
    /// Squared standard error from only the means of the examples, var(c) / I.
    pub variance_examples: f64,
    /// What both of these contain of the noise of single answers, so that their sum counts it
    /// twice: sum (y - r - c + g)^2 / ((S - 1)(I - 1) S I).
    pub variance_shared: f64,
    /// Squared standard error V of the mean difference: the sum of the first two less the third,
    /// and at least each of them.
    pub variance: f64,
    /// Degrees of freedom by Satterthwaite's rule, at least S - 1; `None` where nothing varies.
    pub df: Option<f64>,
    /// g ± t_df sqrt V; `None` where nothing varies.
    pub interval: Option<Interval>,
    /// Why there is no interval.
    pub degenerate: Option<Degenerate>,
}

impl TwoWay {
    /// Standard error of the mean difference, sqrt V.
    #[must_use]
    pub fn standard_error(&self) -> f64 {
        self.variance.sqrt()
    }
}

/// Interval of the mean difference in accuracy over seeds and test examples. `differences[s][i]` is
/// right(candidate) - right(control) at seed s and example i: -1, 0 or 1, with the same examples in
/// the same order at every seed. r, c and g are the means of seeds, of examples and of all.
///
/// The model is that of crossed random effects, y = mean + seed + example + rest (Searle, Casella
/// and McCulloch 1992, chapter 4), with the variance of the grand mean from its sums of squares.
/// All sums are of integers and exact.
///
/// ```
/// // Two seeds, three examples.
/// let two_way = dst_stats::two_way(&[[1, 0, 0], [1, 0, -1]], 0.95).unwrap();
/// assert!((two_way.mean_difference - 1.0 / 6.0).abs() < 1e-15);
/// ```
///
/// # Errors
///
/// Fewer than 2 seeds or 2 examples, seeds of unequal counts, a value other than -1, 0 and 1, or a
/// level outside (0, 1).
pub fn two_way<R: AsRef<[i8]>>(differences: &[R], level: f64) -> Result<TwoWay> {
    require_open_unit("level", level)?;
    require_count("seeds", 2, differences.len())?;
    let count = differences[0].as_ref().len();
    require_count("examples", 2, count)?;
    // i64 holds sums over 2^31 answers of either sign.
    let mut example_sums = vec![0_i32; count];
    let mut seed_sums = Vec::with_capacity(differences.len());
    let mut discordant = 0_u64;
    for row in differences {
        let row = row.as_ref();
        if row.len() != count {
            return Err(Error::UnequalCounts { left: count, right: row.len() });
        }
        if let Some(wrong) = row.iter().find(|y| !(-1..=1).contains(*y)) {
            return Err(Error::Parameter {
                name: "difference of right and wrong",
                found: wrong.to_string(),
                legal: "-1, 0 or 1",
            });
        }
        let (mut sum, mut unequal) = (0_i64, 0_u64);
        for (total, y) in example_sums.iter_mut().zip(row) {
            *total += i32::from(*y);
            sum += i64::from(*y);
            unequal += u64::from(*y != 0);
        }
        seed_sums.push(sum);
        discordant += unequal;
    }
    let (s, i) = (differences.len() as f64, count as f64);
    let total: i64 = seed_sums.iter().sum();
    // Each numerator is s i times a sum of squared deviations, in integers.
    let square = |sum: i64| i128::from(sum) * i128::from(sum);
    let rows: i128 = seed_sums.iter().map(|sum| square(*sum)).sum();
    let columns: i128 = example_sums.iter().map(|sum| square(i64::from(*sum))).sum();
    let (big_s, big_i) = (differences.len() as i128, count as i128);
    let between_seeds = big_s * rows - square(total);
    let between_examples = big_i * columns - square(total);
    let rest =
        big_s * big_i * i128::from(discordant) - big_s * rows - big_i * columns + square(total);
    let variance_seeds = between_seeds as f64 / (s * i * s * i * (s - 1.0));
    let variance_examples = between_examples as f64 / (s * i * s * i * (i - 1.0));
    let variance_shared = rest as f64 / (s * i * s * i * (s - 1.0) * (i - 1.0));
    let variance = (variance_seeds + variance_examples - variance_shared)
        .max(variance_seeds)
        .max(variance_examples);
    let mean_difference = total as f64 / (s * i);
    let degenerate = (variance == 0.0).then_some(if discordant == 0 {
        Degenerate::Identical
    } else {
        Degenerate::NoVariance
    });
    let df = degenerate.is_none().then(|| {
        // Shares of the variance, so that small ones do not underflow when squared.
        let share = |part: f64, df: f64| (part / variance).powi(2) / df;
        let df = share(variance_seeds, s - 1.0)
            + share(variance_examples, i - 1.0)
            + share(variance_shared, (s - 1.0) * (i - 1.0));
        (1.0 / df).max(s - 1.0)
    });
    Ok(TwoWay {
        seeds: differences.len(),
        examples: count,
        mean_difference,
        variance_seeds,
        variance_examples,
        variance_shared,
        variance,
        df,
        interval: df.map(|df| {
            t_interval(mean_difference, variance.sqrt(), df, Alternative::TwoSided, level)
        }),
        degenerate,
    })
}

/// Bootstrap of a statistic over seeds and examples.
#[derive(Debug, Clone, PartialEq)]
pub struct TwoWayBootstrap {
    /// The statistic of all seeds and examples; `None` where it is undefined.
    pub estimate: Option<f64>,
    /// Standard deviation over the resamples in which the statistic is defined.
    pub standard_error: Option<f64>,
    /// Percentile interval. Too narrow where seeds matter: with 5 of them about 84 % instead of
    /// 95 %. `None` where the statistic is undefined for the sample or for half of the resamples.
    pub percentile: Option<Interval>,
    /// Count of resamples.
    pub draws: usize,
    /// Resamples in which the statistic was undefined and that were left out; report them.
    pub undefined: usize,
    /// Seed they came from.
    pub seed: u64,
}

/// Bootstraps a statistic over seeds and test examples, drawn independently of each other (the
/// pigeonhole bootstrap, Owen 2007): for metrics that are no mean over examples, such as F1 or a
/// correlation. `statistic` gets positions of seeds and of examples, drawn with replacement, and
/// answers `None` where it is undefined (an F1 without positives).
///
/// ```
/// use dst_stats::{BootstrapOptions, two_way_bootstrap};
///
/// let scores = [[0.9, 0.7, 0.8], [0.8, 0.6, 0.9]];
/// let mean = |seeds: &[usize], examples: &[usize]| {
///     let sum: f64 = seeds.iter().flat_map(|s| examples.iter().map(|i| scores[*s][*i])).sum();
///     Some(sum / (seeds.len() * examples.len()) as f64)
/// };
/// let options = BootstrapOptions { draws: 1_000, ..Default::default() };
/// let bootstrap = two_way_bootstrap(2, 3, &options, mean).unwrap();
/// assert!(bootstrap.percentile.unwrap().contains(bootstrap.estimate.unwrap()));
/// ```
///
/// # Errors
///
/// Fewer than 2 seeds or 2 examples, a statistic that is not finite, a level outside (0, 1), or
/// fewer than 2 draws.
pub fn two_way_bootstrap(
    seeds: usize,
    examples: usize,
    options: &BootstrapOptions,
    statistic: impl Fn(&[usize], &[usize]) -> Option<f64> + Sync,
) -> Result<TwoWayBootstrap> {
    require_count("seeds", 2, seeds)?;
    require_count("examples", 2, examples)?;
    options.require_legal()?;
    let all = |count: usize| (0..count).collect::<Vec<usize>>();
    let estimate = statistic(&all(seeds), &all(examples));
    if let Some(estimate) = estimate {
        require_finite(&[estimate])?;
    }
    let drawn = resample(options, |rng, (s, i): &mut (Vec<usize>, Vec<usize>)| {
        for (positions, count) in [(&mut *s, seeds), (&mut *i, examples)] {
            positions.clear();
            positions.extend((0..count).map(|_| index(rng, count)));
        }
        statistic(s, i)
    });
    let defined: Vec<f64> = drawn.iter().copied().flatten().collect();
    require_finite(&defined)?;
    let usable = estimate.is_some() && 2 * defined.len() > options.draws;
    let tail = 0.5 * (1.0 - options.level);
    let ordered = sorted(&defined);
    Ok(TwoWayBootstrap {
        estimate,
        standard_error: usable.then(|| variance(&defined).sqrt()),
        percentile: usable.then(|| Interval {
            lower: quantile_of_sorted(&ordered, tail),
            upper: quantile_of_sorted(&ordered, 1.0 - tail),
            level: options.level,
        }),
        draws: options.draws,
        undefined: options.draws - defined.len(),
        seed: options.seed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::student_t_isf;

    #[test]
    fn two_seeds_and_three_examples_by_hand() {
        // Means of seeds 1/3 and 0, of examples 1, 0 and -1/2, of all 1/6.
        let test = two_way(&[[1, 0, 0], [1, 0, -1]], 0.95).unwrap();
        let close = |got: f64, want: f64| assert!((got - want).abs() < 1e-15, "{got} {want}");
        close(test.mean_difference, 1.0 / 6.0);
        // var(r) = 2 (1/6)^2 = 1/18, over 2 seeds.
        close(test.variance_seeds, 1.0 / 36.0);
        // Deviations 5/6, -1/6, -4/6: var(c) = 42/36/2 = 7/12, over 3 examples.
        close(test.variance_examples, 7.0 / 36.0);
        // Residuals ±1/6, ±1/6, ∓2/6: sum of squares 2 (1 + 1 + 4)/36 = 1/3, over 1 * 2 * 6.
        close(test.variance_shared, 1.0 / 36.0);
        close(test.variance, 7.0 / 36.0);
        // V^2 / (va^2 / 1 + vb^2 / 2 + ve^2 / 2) = 49 / (1 + 49/2 + 1/2).
        close(test.df.unwrap(), 49.0 / 26.0);
        let interval = test.interval.unwrap();
        let reach = student_t_isf(0.025, 49.0 / 26.0) * (7.0_f64 / 36.0).sqrt();
        assert!((interval.upper - (1.0 / 6.0 + reach)).abs() < 1e-12);
        assert_eq!(interval.level, 0.95);
    }

    #[test]
    fn the_variance_is_never_below_that_of_either_source() {
        // Seeds and examples cancel exactly: only the rest varies, and the sum is negative.
        let test = two_way(&[[1, -1], [-1, 1]], 0.95).unwrap();
        assert_eq!((test.variance_seeds, test.variance_examples), (0.0, 0.0));
        assert!(test.variance_shared > 0.0);
        assert_eq!((test.variance, test.degenerate), (0.0, Some(Degenerate::NoVariance)));
        // Seeds alone: all examples alike.
        let test = two_way(&[[1, 1, 1], [0, 0, 0], [1, 1, 1]], 0.95).unwrap();
        assert_eq!(test.variance, test.variance_seeds);
        assert_eq!(test.df, Some(2.0));
    }

    #[test]
    fn what_does_not_vary_has_a_reason_and_no_interval() {
        let same = two_way(&[[0_i8; 4]; 3], 0.95).unwrap();
        assert_eq!((same.degenerate, same.interval), (Some(Degenerate::Identical), None));
        let better = two_way(&[[1_i8; 4]; 3], 0.95).unwrap();
        assert_eq!((better.degenerate, better.df), (Some(Degenerate::NoVariance), None));
        assert_eq!(better.mean_difference, 1.0);
    }

    #[test]
    fn answers_that_are_none_are_errors() {
        assert!(two_way(&[[1_i8, 0]], 0.95).is_err());
        assert!(two_way(&[[1_i8], [0]], 0.95).is_err());
        assert!(two_way(&[vec![1, 0, 0], vec![1, 0]], 0.95).is_err());
        assert!(two_way(&[[2_i8, 0], [0, 0]], 0.95).is_err());
        assert!(two_way(&[[1_i8, 0], [0, 0]], 1.0).is_err());
        let none: [[i8; 2]; 0] = [];
        assert!(two_way(&none, 0.95).is_err());
    }

    #[test]
    fn ten_seeds_of_ten_thousand_examples_are_quick() {
        let rows: Vec<Vec<i8>> = (0..10_usize)
            .map(|s| (0..10_000).map(|i| ((s * 31 + i * 7 + i * i % 11) % 3) as i8 - 1).collect())
            .collect();
        let began = std::time::Instant::now();
        let test = two_way(&rows, 0.95).unwrap();
        // 0.1 ms on an idle core; the bound leaves room for a busy machine.
        assert!(began.elapsed().as_millis() < 50, "{:?}", began.elapsed());
        assert!(test.interval.is_some());
    }

    #[test]
    fn undefined_resamples_are_left_out_and_counted() {
        // Undefined unless the first example is drawn: in (1 - 1/3)^3 = 8/27 of the draws.
        let first = |_: &[usize], examples: &[usize]| {
            examples.contains(&0).then(|| examples.iter().sum::<usize>() as f64)
        };
        let options = BootstrapOptions { draws: 4_000, threads: 1, ..Default::default() };
        let test = two_way_bootstrap(3, 3, &options, first).unwrap();
        assert_eq!(test.estimate, Some(3.0));
        let share = test.undefined as f64 / 4_000.0;
        assert!((share - 8.0 / 27.0).abs() < 0.03, "{share}");
        assert!(test.percentile.unwrap().contains(2.0));
        let many = BootstrapOptions { threads: 3, ..options };
        assert_eq!(two_way_bootstrap(3, 3, &many, first).unwrap(), test);
        // Undefined in most: no interval.
        let rare = |_: &[usize], examples: &[usize]| {
            (examples == [0, 1, 2] || examples == [0, 0, 0]).then_some(1.0)
        };
        let test = two_way_bootstrap(3, 3, &options, rare).unwrap();
        assert_eq!((test.estimate, test.percentile, test.standard_error), (Some(1.0), None, None));
        assert!(two_way_bootstrap(2, 2, &options, |_, _| Some(f64::NAN)).is_err());
    }

    #[test]
    fn the_bootstrap_sees_both_sources() {
        // The mean of y over independent draws: its variance is near that of the sum of both.
        let rows: Vec<Vec<i8>> = (0..8_usize)
            .map(|s| (0..60).map(|i| i8::from((s * 5 + i * 3) % 7 < 2 + s % 3)).collect())
            .collect();
        let mean = |seeds: &[usize], examples: &[usize]| {
            let sum: i64 =
                seeds.iter().flat_map(|s| examples.iter().map(|i| i64::from(rows[*s][*i]))).sum();
            Some(sum as f64 / (seeds.len() * examples.len()) as f64)
        };
        let exact = two_way(&rows, 0.95).unwrap();
        let options = BootstrapOptions { draws: 4_000, ..Default::default() };
        let drawn = two_way_bootstrap(8, 60, &options, mean).unwrap();
        assert_eq!(drawn.estimate, Some(exact.mean_difference));
        let ratio = drawn.standard_error.unwrap() / exact.standard_error();
        assert!((0.8..1.3).contains(&ratio), "{ratio}");
    }
}
