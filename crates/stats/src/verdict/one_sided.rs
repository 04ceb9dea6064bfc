//! Is d above -s, is it below, and how far: one-sided p-values and the ends that invert them.
//!
//! Differences are integers, in units of 2^-33, so that differences, their ties, Walsh sums and
//! subset sums that are equal in decimals are equal here, and all comparisons of them are exact.

use rand_chacha::rand_core::Rng;

use super::{Test, step::at_most};
use crate::{
    distribution::{student_t_isf, student_t_sf},
    error::p_value,
    random,
};

/// Units per 1: the grid of the differences.
const UNITS: f64 = 8_589_934_592.0;

/// Beyond this many pairs the table of the signed ranks grows too large.
pub(super) const MOST_RANKED_PAIRS: usize = 1_000;

/// Up to this many pairs all subsets are enumerated.
const MOST_ENUMERATED_PAIRS: usize = 20;

/// Count of random subsets above that.
const SUBSETS: usize = 100_000;

/// Seed of the random subsets: part of the definition of the test.
const SUBSET_SEED: u64 = 0;

/// Differences of one set of pairs, in units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// Candidate - control.
    pub(super) zero: Vec<f64>,
    /// Candidate + margin - control; empty with margin 0.
    pub(super) margin: Vec<f64>,
}

impl Sample {
    /// Differences of (candidate, control).
    pub(super) fn new(scores: impl Iterator<Item = (f64, f64)>, margin: f64) -> Self {
        let most = scores.size_hint().1.unwrap_or(0);
        let shifted = if margin > 0.0 { most } else { 0 };
        let mut sample =
            Self { zero: Vec::with_capacity(most), margin: Vec::with_capacity(shifted) };
        for (a, b) in scores {
            sample.zero.push(((a - b) * UNITS).round_ties_even());
            if margin > 0.0 {
                sample.margin.push(((a + margin - b) * UNITS).round_ties_even());
            }
        }
        sample
    }

    /// Candidate - control in units of the score.
    #[cfg(test)]
    pub(super) fn differences(&self) -> Vec<f64> {
        self.zero.iter().map(|e| e / UNITS).collect()
    }
}

/// Both one-sided p-values at one shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tails {
    /// p of "above".
    pub(super) up: f64,
    /// p of "below".
    pub(super) down: f64,
}

/// Computes with one test, and keeps the tables that comparisons share.
pub(super) struct Calculator {
    test: Test,
    /// (n, cumulative distribution of W+ for n untied ranks).
    rank_tables: Vec<(usize, Vec<f64>)>,
    /// (pairs, tail, quantile).
    t_quantiles: Vec<(usize, f64, f64)>,
    /// Ends of the last sample, sorted as far as they were needed.
    last_means: Option<(Vec<f64>, Vec<f64>)>,
}

impl Calculator {
    pub(super) fn new(test: Test) -> Self {
        Self { test, rank_tables: Vec::new(), t_quantiles: Vec::new(), last_means: None }
    }

    /// p-values of `e`, which lies above or below 0.
    pub(super) fn tails(&mut self, e: &[f64]) -> Tails {
        let tails = match self.test {
            Test::PairedT => t_tails(e),
            Test::Wilcoxon => self.rank_tails(e),
            Test::SignFlips => flip_tails(e),
        };
        Tails { up: p_value(tails.up), down: p_value(tails.down) }
    }

    /// Where the differences `e` lie; `None` without any.
    pub(super) fn estimate(&mut self, e: &[f64]) -> Option<f64> {
        if e.is_empty() {
            return None;
        }
        Some(match self.test {
            Test::PairedT | Test::SignFlips => mean(e) / UNITS,
            Test::Wilcoxon => {
                let means = self.sorted_walsh_means(e);
                let middle = means.len() / 2;
                let median = if means.len() % 2 == 1 {
                    means[middle]
                } else {
                    0.5 * (means[middle - 1] + means[middle])
                };
                median / UNITS
            }
        })
    }

    /// Lower end at one-sided level 1 - `tail`; minus infinity if the test can give none.
    pub(super) fn lower_end(&mut self, e: &[f64], tail: f64) -> f64 {
        let end = match self.test {
            Test::PairedT => mean(e) - self.t_quantile(e.len(), tail) * standard_error(e),
            Test::Wilcoxon => match self.rank_count(e.len(), tail) {
                0 => f64::NEG_INFINITY,
                c => self.sorted_walsh_means(e)[c - 1],
            },
            Test::SignFlips => match flip_count(e.len(), tail) {
                0 => f64::NEG_INFINITY,
                c => *self.subset_means(e).select_nth_unstable_by(c - 1, f64::total_cmp).1,
            },
        };
        end / UNITS
    }

    /// Upper end at one-sided level 1 - `tail`: the lower end of -`e`, mirrored.
    pub(super) fn upper_end(&mut self, e: &[f64], tail: f64) -> f64 {
        let end = match self.test {
            Test::PairedT => mean(e) + self.t_quantile(e.len(), tail) * standard_error(e),
            Test::Wilcoxon => match self.rank_count(e.len(), tail) {
                0 => f64::INFINITY,
                c => {
                    let means = self.sorted_walsh_means(e);
                    means[means.len() - c]
                }
            },
            Test::SignFlips => match flip_count(e.len(), tail) {
                0 => f64::INFINITY,
                c => {
                    let means = self.subset_means(e);
                    let place = means.len() - c;
                    *means.select_nth_unstable_by(place, f64::total_cmp).1
                }
            },
        };
        end / UNITS
    }

    /// t with P(T > t) = `tail` for `pairs` - 1 degrees of freedom. Most comparisons of a family
    /// share it.
    fn t_quantile(&mut self, pairs: usize, tail: f64) -> f64 {
        let known = self.t_quantiles.iter().find(|(n, t, _)| *n == pairs && *t == tail);
        if let Some((.., quantile)) = known {
            return *quantile;
        }
        let quantile = student_t_isf(tail, pairs as f64 - 1.0);
        self.t_quantiles.push((pairs, tail, quantile));
        quantile
    }

    fn rank_tails(&mut self, e: &[f64]) -> Tails {
        // Ties and zeros count on both sides: against either claim.
        let (mut not_above, mut not_below) = (0, 0);
        for (i, x) in e.iter().enumerate() {
            for y in &e[..=i] {
                not_above += usize::from(x + y <= 0.0);
                not_below += usize::from(x + y >= 0.0);
            }
        }
        let cdf = self.rank_table(e.len());
        Tails { up: cdf[not_above], down: cdf[not_below] }
    }

    /// How many q have F(q) at or below `tail`.
    fn rank_count(&mut self, n: usize, tail: f64) -> usize {
        self.rank_table(n).partition_point(|f| at_most(*f, tail))
    }

    fn rank_table(&mut self, n: usize) -> &[f64] {
        let place = self.rank_tables.iter().position(|(pairs, _)| *pairs == n);
        let place = place.unwrap_or_else(|| {
            self.rank_tables.push((n, signed_rank_cdf(n)));
            self.rank_tables.len() - 1
        });
        &self.rank_tables[place].1
    }

    fn sorted_walsh_means(&mut self, e: &[f64]) -> &[f64] {
        self.means(e, |e| {
            let mut means = Vec::with_capacity(e.len() * (e.len() + 1) / 2);
            for (i, x) in e.iter().enumerate() {
                means.extend(e[..=i].iter().map(|y| 0.5 * (x + y)));
            }
            means.sort_unstable_by(f64::total_cmp);
            means
        })
    }

    /// Means of the subsets, in any order.
    fn subset_means(&mut self, e: &[f64]) -> &mut [f64] {
        self.means(e, |e| {
            let mut means = Vec::new();
            for_each_subset(e, |sum, size| means.push(sum / size));
            means
        })
    }

    /// The means of `e`, kept for the ends that are asked for next.
    fn means(&mut self, e: &[f64], compute: fn(&[f64]) -> Vec<f64>) -> &mut [f64] {
        if self.last_means.as_ref().is_none_or(|(last, _)| last != e) {
            self.last_means = Some((e.to_vec(), compute(e)));
        }
        self.last_means.as_mut().map_or(&mut [], |(_, means)| means)
    }
}

fn mean(e: &[f64]) -> f64 {
    e.iter().sum::<f64>() / e.len() as f64
}

fn standard_error(e: &[f64]) -> f64 {
    let mean = mean(e);
    let squares: f64 = e.iter().map(|x| (x - mean) * (x - mean)).sum();
    let n = e.len() as f64;
    (squares / (n - 1.0) / n).sqrt()
}

fn t_tails(e: &[f64]) -> Tails {
    let (mean, standard_error) = (mean(e), standard_error(e));
    if standard_error == 0.0 {
        // Differences that vary by less than the grid at one shift may be equal at another.
        let certain = |yes: bool| if yes { 0.0 } else { 1.0 };
        return Tails { up: certain(mean > 0.0), down: certain(mean < 0.0) };
    }
    let t = mean / standard_error;
    let beyond = student_t_sf(t.abs(), e.len() as f64 - 1.0);
    if t > 0.0 {
        Tails { up: beyond, down: 1.0 - beyond }
    } else {
        Tails { up: 1.0 - beyond, down: beyond }
    }
}

/// P(W+ <= q) for q = 0..=n(n+1)/2 and n untied ranks. Exact up to about 50 pairs, where the
/// counts of sign patterns have no more digits than a double.
fn signed_rank_cdf(n: usize) -> Vec<f64> {
    let mut table = vec![0.0; n * (n + 1) / 2 + 1];
    table[0] = 1.0;
    let mut largest = 0;
    for rank in 1..=n {
        largest += rank;
        for q in (0..=largest).rev() {
            let with = if q >= rank { table[q - rank] } else { 0.0 };
            table[q] = 0.5 * (table[q] + with);
        }
    }
    let mut sum = 0.0;
    for p in &mut table {
        sum += *p;
        *p = sum;
    }
    table
}

fn flip_tails(e: &[f64]) -> Tails {
    // A mean within one unit of 0 counts as 0, against either claim.
    let (mut not_above, mut not_below) = (1_u32, 1_u32);
    for_each_subset(e, |sum, size| {
        not_above += u32::from(sum <= size);
        not_below += u32::from(-sum <= size);
    });
    let patterns = flip_patterns(e.len());
    Tails { up: f64::from(not_above) / patterns, down: f64::from(not_below) / patterns }
}

/// How many subset means lie at or below the lower end at `tail`.
fn flip_count(n: usize, tail: f64) -> usize {
    (tail * flip_patterns(n) * (1.0 + 1e-12)).floor() as usize
}

/// Count of sign patterns, that of the data included.
fn flip_patterns(n: usize) -> f64 {
    if n <= MOST_ENUMERATED_PAIRS { (n as f64).exp2() } else { (SUBSETS + 1) as f64 }
}

/// Hands over sum and size of every non-empty subset, or of the random ones.
fn for_each_subset(e: &[f64], mut visit: impl FnMut(f64, f64)) {
    if e.len() <= MOST_ENUMERATED_PAIRS {
        // Bit i of a position says whether e[i] is in.
        let mut sums = Vec::with_capacity(1 << e.len());
        sums.push(0.0);
        for x in e {
            for i in 0..sums.len() {
                sums.push(sums[i] + x);
            }
        }
        for (i, sum) in sums.iter().enumerate().skip(1) {
            visit(*sum, f64::from(i.count_ones()));
        }
        return;
    }
    let mut rng = random::stream(SUBSET_SEED, e.len() as u64);
    let mut drawn = 0;
    while drawn < SUBSETS {
        let (mut sum, mut size) = (0.0, 0_u32);
        for block in e.chunks(64) {
            let mut members = rng.next_u64() & (u64::MAX >> (64 - block.len()));
            size += members.count_ones();
            while members != 0 {
                sum += block[members.trailing_zeros() as usize];
                members &= members - 1;
            }
        }
        // The empty subset has no mean: draw again.
        if size > 0 {
            visit(sum, f64::from(size));
            drawn += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

    use super::*;

    fn units(d: &[f64]) -> Vec<f64> {
        Sample::new(d.iter().map(|d| (*d, 0.0)), 0.0).zero
    }

    #[test]
    fn ranks_of_four_pairs_by_hand() {
        // 16 sign patterns of 1 2 3 4: sums 0, 1, 2 once each, 3 twice.
        let cdf = signed_rank_cdf(4);
        assert_eq!(cdf[..4], [1.0 / 16.0, 2.0 / 16.0, 3.0 / 16.0, 5.0 / 16.0]);
        assert_eq!(cdf[10], 1.0);
    }

    #[test]
    fn zeros_and_ties_count_against_both_claims() {
        let mut ranks = Calculator::new(Test::Wilcoxon);
        // Walsh means of -1 0 1: -1 -.5 0 0 .5 1.
        let tails = ranks.tails(&units(&[-1.0, 0.0, 1.0]));
        assert_eq!(tails, Tails { up: 6.0 / 8.0, down: 6.0 / 8.0 });
        let mut flips = Calculator::new(Test::SignFlips);
        // Subset means: -1, 0, 1, -.5, 0, .5, 0: five at most 0, five at least.
        assert_eq!(flips.tails(&units(&[-1.0, 0.0, 1.0])), Tails { up: 0.75, down: 0.75 });
    }

    #[test]
    fn all_wins_reach_the_floor() {
        let d = units(&[0.25, 0.5, 0.75, 1.0, 1.25, 1.5]);
        for test in [Test::Wilcoxon, Test::SignFlips] {
            let mut calculator = Calculator::new(test);
            assert_eq!(calculator.tails(&d), Tails { up: 1.0 / 64.0, down: 1.0 });
            assert_eq!(calculator.lower_end(&d, 1.0 / 64.0), 0.25);
            assert_eq!(calculator.upper_end(&d, 1.0 / 64.0), 1.5);
            assert_eq!(calculator.lower_end(&d, 0.015), f64::NEG_INFINITY);
            assert_eq!(calculator.upper_end(&d, 0.015), f64::INFINITY);
        }
    }

    #[test]
    fn random_subsets_are_near_all_of_them_and_repeat() {
        // 21 differences of which one is 0 double every subset of the other 20.
        let mut d: Vec<f64> = (0..20).map(|i| 0.25 + f64::from(i * 7 % 11) - 4.0).collect();
        let mut calculator = Calculator::new(Test::SignFlips);
        let exact = calculator.tails(&units(&d));
        d.push(0.0);
        let d = units(&d);
        let drawn = calculator.tails(&d);
        assert!((exact.up - drawn.up).abs() < 0.01, "{exact:?} {drawn:?}");
        assert_eq!(drawn, Calculator::new(Test::SignFlips).tails(&d));
        // The same subsets serve the end, so it agrees with p to the last one.
        assert!(calculator.lower_end(&d, drawn.up) > 0.0);
        assert!(calculator.lower_end(&d, drawn.up - 1e-5) <= 0.0);
    }

    #[test]
    fn equal_differences_at_one_shift_are_certain_for_t() {
        assert_eq!(t_tails(&[2.0; 5]), Tails { up: 0.0, down: 1.0 });
        assert_eq!(t_tails(&[0.0; 5]), Tails { up: 1.0, down: 1.0 });
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 3_000,
            failure_persistence: None,
            rng_seed: RngSeed::Fixed(13),
            ..ProptestConfig::default()
        })]

        /// up(s) <= t iff L(t) > -s, and down(s) <= t iff U(t) < -s, for every shift on the grid.
        #[test]
        fn p_values_and_ends_say_the_same(
            e in vec(prop_oneof![-6_i64..7, -1_000_000_i64..1_000_000], 2..10),
            shift in prop_oneof![-6_i64..7, -1_000_000_i64..1_000_000],
            tail in prop_oneof![
                0.0001..0.5_f64, (1_u32..60).prop_map(|i| f64::from(i) / 512.0),
            ],
            test in select(Test::ALL.to_vec()),
        ) {
            // Means within a unit of 0 count as 0, so only multiples of many units are exact.
            let exact = |e: i64| (e * 100_000) as f64;
            let d: Vec<f64> = e.iter().map(|e| exact(*e)).collect();
            prop_assume!(test != Test::PairedT || d.iter().any(|x| *x != d[0]));
            let shifted: Vec<f64> = d.iter().map(|d| d + exact(shift)).collect();
            let mut calculator = Calculator::new(test);
            let tails = calculator.tails(&shifted);
            let lower = calculator.lower_end(&d, tail) * UNITS;
            let upper = calculator.upper_end(&d, tail) * UNITS;
            prop_assert_eq!(at_most(tails.up, tail), lower > -exact(shift), "{:?} {}", tails, lower);
            prop_assert_eq!(at_most(tails.down, tail), upper < -exact(shift), "{:?}", tails);
        }
    }
}
