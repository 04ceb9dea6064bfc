//! What swapping, reordering, shifting and scaling the data may and may not change, for the
//! functions that `properties.rs` leaves out; and that seeds decide, not threads.

use dst_stats::{
    Alternative, BayesSignedRankOptions, BootstrapOptions, Correction, LeveneCentre,
    NullDistribution, SignFlipOptions, SignedRankOptions, Variances, Zeros, adjust, akinshin_gamma,
    alexander_govern, almost_stochastic_order, bartlett, bayes_correlated_t, bayes_signed_rank,
    bootstrap_mean, five_by_two, friedman, independent_t, interquartile_mean, kruskal_wallis,
    levene, mcnemar, mcnemar_from_predictions, mean_interval, nadeau_bengio,
    non_inferiority_paired, one_sample_t, one_way_anova, ordinal_effect, paired_improvement,
    paired_t, rank_sum, repeated_anova, shapiro_wilk, sign_flip, sign_test, signed_rank_paired,
    standardized_difference, stratified_bootstrap, summary, tost_independent, tost_paired,
    tukey_hsd,
};
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

const TWO: Alternative = Alternative::TwoSided;
const VARIANCES: [Variances; 2] = [Variances::Pooled, Variances::Separate];

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        // Fixed, so that a run today is a run tomorrow; unset both to search.
        rng_seed: RngSeed::Fixed(20_261_124),
        failure_persistence: None,
        ..Default::default()
    }
}

/// Scores of three decimals, so that ties and zeros turn up.
fn score() -> impl Strategy<Value = f64> {
    (880_i32..=920).prop_map(|i| f64::from(i) / 1_000.0)
}

fn pairs() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (2_usize..10).prop_flat_map(|n| (vec(score(), n), vec(score(), n)))
}

/// Three groups that are not constant, and an order for each.
fn groups() -> impl Strategy<Value = Vec<Vec<f64>>> {
    vec(vec(score(), 4..8), 3).prop_filter("constant groups have their own answer", |groups| {
        groups.iter().all(|g| g.iter().any(|v| (v - g[0]).abs() > 1e-6))
    })
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-8 * (1.0 + a.abs().max(b.abs()))
}

/// Both absent or both close.
fn alike(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => close(a, b),
        (None, None) => true,
        _ => false,
    }
}

fn is_p(p: f64) -> bool {
    p > 0.0 && p <= 1.0
}

fn reversed<T: Clone>(values: &[T]) -> Vec<T> {
    values.iter().rev().cloned().collect()
}

/// p-values of the tests of independent groups.
fn omnibus(groups: &[Vec<f64>]) -> [Option<f64>; 6] {
    [
        one_way_anova(groups).unwrap().p_value,
        alexander_govern(groups).unwrap().p_value,
        kruskal_wallis(groups).unwrap().p_value,
        bartlett(groups).unwrap().p_value,
        levene(groups, LeveneCentre::Mean).unwrap().p_value,
        levene(groups, LeveneCentre::Median).unwrap().p_value,
    ]
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn p_values_and_probabilities_lie_where_they_must(
        (a, b) in pairs(), flips in vec(any::<(bool, bool)>(), 1..40), d in vec(score(), 10),
    ) {
        let mut all = Vec::new();
        for side in [TWO, Alternative::Greater, Alternative::Less] {
            all.push(one_sample_t(&a, 0.9, side, 0.95).unwrap().p_value);
        }
        let tost = tost_paired(&a, &b, -0.01, 0.01, 0.05).unwrap();
        all.extend([tost.p_value, tost.lower.p_value, tost.upper.p_value]);
        for variances in VARIANCES {
            all.push(tost_independent(&a, &b, -0.01, 0.01, 0.05, variances).unwrap().p_value);
        }
        let claim = non_inferiority_paired(&a, &b, 0.01, 0.05).unwrap();
        all.extend([claim.p_difference, claim.p_non_inferior, claim.p_inferior]);
        all.push(nadeau_bengio(&a, 0.1).unwrap().p_value);
        let split = |i: usize| [d[2 * i] - 0.9, d[2 * i + 1] - 0.9];
        let test = five_by_two(&[split(0), split(1), split(2), split(3), split(4)]).unwrap();
        all.extend([test.p_value_t, test.p_value_f]);
        let (first, second): (Vec<bool>, Vec<bool>) = flips.into_iter().unzip();
        let test = mcnemar_from_predictions(&first, &second).unwrap();
        all.extend([Some(test.p_exact), test.p_mid]);
        all.extend([test.chi_square, test.chi_square_yates].map(|c| c.map(|c| c.p_value)));
        for p in all.into_iter().flatten() {
            prop_assert!(is_p(p), "{}", p);
        }
        let bayes = bayes_correlated_t(&a, &b, 0.005, 0.1).unwrap();
        if let (Some(first), Some(rope), Some(second)) = (bayes.p_first, bayes.p_rope, bayes.p_second) {
            prop_assert!([first, rope, second].iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(close(first + rope + second, 1.0));
        }
    }

    #[test]
    fn swapping_mirrors((a, b) in pairs(), x in 0_u64..60, y in 0_u64..60) {
        for variances in VARIANCES {
            let (s, t) = (
                independent_t(&a, &b, variances, TWO, 0.95).unwrap(),
                independent_t(&b, &a, variances, TWO, 0.95).unwrap(),
            );
            prop_assert_eq!(s.mean, -t.mean);
            prop_assert!(alike(s.p_value, t.p_value));
            prop_assert!(alike(s.interval.map(|i| i.lower), t.interval.map(|i| -i.upper)));
            let (s, t) = (
                tost_independent(&a, &b, -0.01, 0.02, 0.05, variances).unwrap(),
                tost_independent(&b, &a, -0.02, 0.01, 0.05, variances).unwrap(),
            );
            prop_assert!(alike(s.lower.p_value, t.upper.p_value) && alike(s.p_value, t.p_value));
        }
        let d = dst_stats::rounded_differences(&a, &b).unwrap();
        let minus: Vec<f64> = d.iter().map(|v| -v).collect();
        let options = SignFlipOptions::default();
        let (s, t) = (sign_flip(&d, &options).unwrap(), sign_flip(&minus, &options).unwrap());
        prop_assert_eq!((s.mean, s.p_value), (-t.mean, t.p_value));
        let (s, t) = (nadeau_bengio(&d, 0.1).unwrap(), nadeau_bengio(&minus, 0.1).unwrap());
        prop_assert_eq!((s.t, s.p_value), (t.t.map(|t| -t), t.p_value));
        let (s, t) = (standardized_difference(&a, &b).unwrap(), standardized_difference(&b, &a).unwrap());
        prop_assert_eq!((s.d, s.g), (t.d.map(|d| -d), t.g.map(|g| -g)));
        let (s, t) = (akinshin_gamma(&a, &b).unwrap(), akinshin_gamma(&b, &a).unwrap());
        prop_assert!(alike(s.gamma, t.gamma.map(|g| -g)));
        let (s, t) = (paired_improvement(&a, &b).unwrap(), paired_improvement(&b, &a).unwrap());
        prop_assert_eq!((s.wins, s.ties), (t.losses, t.ties));
        prop_assert!(close(s.probability + t.probability, 1.0));
        let (s, t) = (
            bayes_correlated_t(&a, &b, 0.005, 0.1).unwrap(),
            bayes_correlated_t(&b, &a, 0.005, 0.1).unwrap(),
        );
        prop_assert!(alike(s.p_first, t.p_second) && alike(s.p_rope, t.p_rope));
        let (s, t) = (mcnemar(x, y), mcnemar(y, x));
        prop_assert_eq!((s.p_exact, s.p_mid), (t.p_exact, t.p_mid));
        prop_assert_eq!(s.chi_square.map(|c| c.p_value), t.chi_square.map(|c| c.p_value));
    }

    #[test]
    fn the_order_of_values_and_of_groups_does_not_matter(
        (a, b) in pairs(), groups in groups(),
        rows in vec(vec(score(), 4), 3..7),
    ) {
        let (c, d) = (reversed(&a), reversed(&b));
        // Independent samples: each may be reordered alone.
        for variances in VARIANCES {
            let p = |a: &[f64], b: &[f64]| independent_t(a, b, variances, TWO, 0.95).unwrap().p_value;
            prop_assert!(alike(p(&a, &b), p(&c, &b)));
        }
        let p = |a: &[f64], b: &[f64]| rank_sum(a, b, TWO, NullDistribution::Auto).unwrap().p_value;
        prop_assert!(alike(p(&a, &b), p(&a, &d)));
        prop_assert_eq!(ordinal_effect(&a, &b).unwrap(), ordinal_effect(&c, &b).unwrap());
        // Pairs: together.
        prop_assert_eq!(sign_test(&a, &b, TWO, 0.95).unwrap(), sign_test(&c, &d, TWO, 0.95).unwrap());
        let differences = dst_stats::rounded_differences(&a, &b).unwrap();
        let p = |d: &[f64]| sign_flip(d, &SignFlipOptions::default()).unwrap().p_value;
        prop_assert!(close(p(&differences), p(&reversed(&differences))));
        // Groups, and the values of one.
        let mut moved = reversed(&groups);
        moved[0].reverse();
        for (p, q) in omnibus(&groups).into_iter().zip(omnibus(&moved)) {
            prop_assert!(alike(p, q), "{:?} {:?}", p, q);
        }
        prop_assert!(alike(
            shapiro_wilk(&groups[0]).unwrap().p_value,
            shapiro_wilk(&reversed(&groups[0])).unwrap().p_value
        ));
        prop_assert_eq!(interquartile_mean(&a).unwrap(), interquartile_mean(&c).unwrap());
        // Blocks, and methods alike in all blocks.
        let columns: Vec<Vec<f64>> = rows.iter().map(|row| reversed(row)).collect();
        for moved in [reversed(&rows), columns] {
            prop_assert!(alike(friedman(&rows).unwrap().p_value, friedman(&moved).unwrap().p_value));
            prop_assert!(alike(repeated_anova(&rows).unwrap().p_value, repeated_anova(&moved).unwrap().p_value));
        }
    }

    #[test]
    fn shift_and_scale_move_estimates_and_no_test(
        (a, b) in pairs(), groups in groups(), rows in vec(vec(score(), 4), 3..7),
        shift in -3_i32..=3, doublings in -8_i32..8,
    ) {
        let factor = f64::from(doublings).exp2();
        let shift = f64::from(shift);
        let moved = |s: &[f64]| s.iter().map(|v| (v + shift) * factor).collect::<Vec<f64>>();
        let (c, d) = (moved(&a), moved(&b));
        for variances in VARIANCES {
            let (s, t) = (
                independent_t(&a, &b, variances, TWO, 0.95).unwrap(),
                independent_t(&c, &d, variances, TWO, 0.95).unwrap(),
            );
            prop_assert_eq!(s.degenerate, t.degenerate);
            prop_assert!(alike(s.p_value, t.p_value) && alike(Some(s.mean * factor), Some(t.mean)));
        }
        let p = |a: &[f64], b: &[f64]| rank_sum(a, b, TWO, NullDistribution::Auto).unwrap().p_value;
        prop_assert!(alike(p(&a, &b), p(&c, &d)));
        let (s, t) = (
            tost_paired(&a, &b, -0.01, 0.02, 0.05).unwrap(),
            tost_paired(&c, &d, -0.01 * factor, 0.02 * factor, 0.05).unwrap(),
        );
        prop_assert!(alike(s.p_value, t.p_value) && s.equivalent == t.equivalent);
        let (s, t) = (standardized_difference(&a, &b).unwrap(), standardized_difference(&c, &d).unwrap());
        prop_assert!(alike(s.d, t.d));
        for (p, q) in omnibus(&groups).into_iter().zip(omnibus(&groups.iter().map(|g| moved(g)).collect::<Vec<_>>())) {
            prop_assert!(alike(p, q), "{:?} {:?}", p, q);
        }
        prop_assert!(alike(
            shapiro_wilk(&groups[0]).unwrap().w,
            shapiro_wilk(&moved(&groups[0])).unwrap().w
        ));
        // Ranks within blocks: a difficulty of the block's own moves nothing.
        let harder: Vec<Vec<f64>> = rows
            .iter()
            .enumerate()
            .map(|(i, row)| row.iter().map(|v| v + i as f64).collect())
            .collect();
        prop_assert!(alike(repeated_anova(&rows).unwrap().f, repeated_anova(&harder).unwrap().f));
        // Intervals move with the data.
        let (s, t) = (mean_interval(&groups[0], 0.95).unwrap(), mean_interval(&moved(&groups[0]), 0.95).unwrap());
        prop_assert!(alike(s.interval.map(|i| (i.lower + shift) * factor), t.interval.map(|i| i.lower)));
        let options = BootstrapOptions { draws: 100, threads: 1, ..Default::default() };
        let (s, t) = (bootstrap_mean(&groups[0], &options).unwrap(), bootstrap_mean(&moved(&groups[0]), &options).unwrap());
        for (s, t) in [(Some(s.percentile), Some(t.percentile)), (Some(s.basic), Some(t.basic)), (s.bca, t.bca)] {
            prop_assert!(alike(s.map(|i| (i.lower + shift) * factor), t.map(|i| i.lower)));
            prop_assert!(alike(s.map(|i| (i.upper + shift) * factor), t.map(|i| i.upper)));
        }
        let (s, t) = (summary(&a).unwrap(), summary(&c).unwrap());
        prop_assert!(alike(s.sd.map(|sd| sd * factor), t.sd) && close((s.median + shift) * factor, t.median));
    }

    #[test]
    fn ranks_see_order_alone((a, b) in pairs(), rows in vec(vec(score(), 4), 3..7)) {
        // exp is monotone: whatever a test of ranks says of scores, it says of their exponentials.
        let bent = |s: &[f64]| s.iter().map(|v| (20.0 * v).exp()).collect::<Vec<f64>>();
        let p = |a: &[f64], b: &[f64]| rank_sum(a, b, TWO, NullDistribution::Auto).unwrap().p_value;
        prop_assert_eq!(p(&a, &b), p(&bent(&a), &bent(&b)));
        let (s, t) = (sign_test(&a, &b, TWO, 0.95).unwrap(), sign_test(&bent(&a), &bent(&b), TWO, 0.95).unwrap());
        prop_assert_eq!(s, t);
        let bent_rows: Vec<Vec<f64>> = rows.iter().map(|row| bent(row)).collect();
        prop_assert_eq!(friedman(&rows).unwrap(), friedman(&bent_rows).unwrap());
        prop_assert_eq!(kruskal_wallis(&rows).unwrap(), kruskal_wallis(&bent_rows).unwrap());
        prop_assert_eq!(ordinal_effect(&a, &b).unwrap(), ordinal_effect(&bent(&a), &bent(&b)).unwrap());
    }

    #[test]
    fn corrections_are_monotone_in_every_p_value_and_in_the_family(
        p in vec(0.0_f64..=1.0, 1..15), at in any::<prop::sample::Index>(), rise in 0.0_f64..=1.0,
    ) {
        let by = |p: &[f64], c| adjust(p, c).unwrap().adjusted;
        let no_lower = |low: &[f64], high: &[f64]| {
            low.iter().zip(high).all(|(l, h)| *l <= h * (1.0 + 1e-12))
        };
        let mut raised = p.clone();
        let i = at.index(p.len());
        raised[i] += (1.0 - raised[i]) * rise;
        let mut longer = p.clone();
        longer.push(1.0);
        for correction in Correction::ALL {
            prop_assert!(no_lower(&by(&p, correction), &by(&raised, correction)), "{}", correction);
            prop_assert!(no_lower(&by(&p, correction), &by(&longer, correction)), "{}", correction);
        }
        for (stronger, weaker) in [
            (Correction::Sidak, Correction::Bonferroni),
            (Correction::HolmSidak, Correction::Holm),
            (Correction::HolmSidak, Correction::Sidak),
            (Correction::BenjaminiHochberg, Correction::BenjaminiYekutieli),
        ] {
            prop_assert!(no_lower(&by(&p, stronger), &by(&p, weaker)), "{} {}", stronger, weaker);
        }
    }
}

proptest! {
    #![proptest_config(config(40))]

    #[test]
    fn tukey_gives_p_values_that_order_alone_does_not_move(groups in groups()) {
        let p = |groups: &[Vec<f64>]| tukey_hsd(groups, 0.95).unwrap().p_values.unwrap();
        let (one, other) = (p(&groups), p(&reversed(&groups)));
        for i in 0..3 {
            for j in 0..3 {
                prop_assert!(is_p(one[i][j]), "{}", one[i][j]);
                prop_assert!(close(one[i][j], other[2 - i][2 - j]));
            }
        }
    }
}

/// Thousandths as decimals, by two ways of computing that differ in the last digits.
fn by_division(thousandths: &[i32]) -> Vec<f64> {
    thousandths.iter().map(|i| f64::from(*i) / 1_000.0).collect()
}

fn by_multiplication(thousandths: &[i32]) -> Vec<f64> {
    thousandths.iter().map(|i| f64::from(*i) * 0.001).collect()
}

fn whole(thousandths: &[i32]) -> Vec<f64> {
    thousandths.iter().map(|i| f64::from(*i)).collect()
}

/// Two matched samples in thousandths.
fn thousandths(largest: i32) -> impl Strategy<Value = (Vec<i32>, Vec<i32>)> {
    let value = move || 0..=largest;
    (3_usize..10).prop_flat_map(move |n| (vec(value(), n), vec(value(), n)))
}

/// One-sided and two-sided p of flipped signs, counted in integers.
fn flips_in_integers(d: &[i32]) -> [f64; 3] {
    let total: i32 = d.iter().sum();
    let (mut above, mut below) = (0, 0);
    for pattern in 0_u32..1 << d.len() {
        let sum: i32 =
            d.iter().enumerate().map(|(i, d)| if pattern >> i & 1 == 1 { -d } else { *d }).sum();
        above += i32::from(sum >= total);
        below += i32::from(sum <= total);
    }
    let share = |count: i32| f64::from(count) / f64::from(1 << d.len());
    [(2.0 * share(above.min(below))).min(1.0), share(above), share(below)]
}

fn flips(d: &[f64]) -> [f64; 3] {
    [TWO, Alternative::Greater, Alternative::Less].map(|alternative| {
        sign_flip(d, &SignFlipOptions { alternative, ..Default::default() }).unwrap().p_value
    })
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn one_growing_outlier_moves_no_test_of_ranks_or_signs(
        (a, b) in thousandths(60), rows in vec(vec(880_i32..=920, 4), 3..7),
        at in any::<prop::sample::Index>(), size in 3_i32..=12,
    ) {
        let (b, rows) = (by_multiplication(&b), rows.iter().map(|r| by_division(r)).collect::<Vec<_>>());
        let diverged = |outlier: f64| {
            let mut a = by_division(&a);
            let i = at.index(a.len());
            a[i] = outlier;
            let mut rows = rows.clone();
            let i = at.index(rows.len());
            rows[i][0] = outlier;
            (a, rows)
        };
        let ((a, rows), (c, more)) = (diverged(1e3), diverged(10_f64.powi(size)));
        let options = SignedRankOptions::default();
        prop_assert_eq!(
            signed_rank_paired(&a, &b, &options).unwrap(),
            signed_rank_paired(&c, &b, &options).unwrap()
        );
        prop_assert_eq!(sign_test(&a, &b, TWO, 0.95).unwrap(), sign_test(&c, &b, TWO, 0.95).unwrap());
        prop_assert_eq!(paired_improvement(&a, &b).unwrap(), paired_improvement(&c, &b).unwrap());
        prop_assert_eq!(ordinal_effect(&a, &b).unwrap(), ordinal_effect(&c, &b).unwrap());
        prop_assert_eq!(
            rank_sum(&a, &b, TWO, NullDistribution::Auto).unwrap(),
            rank_sum(&c, &b, TWO, NullDistribution::Auto).unwrap()
        );
        prop_assert_eq!(
            kruskal_wallis(&[&a, &b]).unwrap(),
            kruskal_wallis(&[&c, &b]).unwrap()
        );
        prop_assert_eq!(friedman(&rows).unwrap(), friedman(&more).unwrap());
        let p = |a: &[f64]| flips(&dst_stats::rounded_differences(a, &b).unwrap());
        prop_assert_eq!(p(&a), p(&c));
        let options = BayesSignedRankOptions { rope: 0.01, draws: 200, threads: 1, ..Default::default() };
        prop_assert_eq!(bayes_signed_rank(&a, &b, &options).unwrap(), bayes_signed_rank(&c, &b, &options).unwrap());
        // Nor does it hide that the others vary.
        prop_assert_eq!(
            paired_t(&a, &b, TWO, 0.95).unwrap().degenerate,
            paired_t(&c, &b, TWO, 0.95).unwrap().degenerate
        );
    }

    #[test]
    fn flipped_signs_of_three_decimals_are_counted_as_in_integers((a, b) in thousandths(40)) {
        let d: Vec<i32> = a.iter().zip(&b).map(|(x, y)| x - y).collect();
        let want = flips_in_integers(&d);
        let high = |s: &[i32]| s.iter().map(|i| i + 850).collect::<Vec<_>>();
        let (x, y) = (by_division(&high(&a)), by_multiplication(&high(&b)));
        prop_assert_eq!(flips(&dst_stats::rounded_differences(&x, &y).unwrap()), want);
        // Differences as they come out of a subtraction, and as they are typed.
        let raw: Vec<f64> = x.iter().zip(&y).map(|(x, y)| x - y).collect();
        prop_assert_eq!(flips(&raw), want);
        prop_assert_eq!(flips(&by_division(&d)), want);
        // In percent, and beside two opposite outliers, which fill three patterns of four.
        let percent = |s: &[f64]| s.iter().map(|v| v * 100.0).collect::<Vec<_>>();
        prop_assert_eq!(flips(&dst_stats::rounded_differences(&percent(&x), &percent(&y)).unwrap()), want);
        let mut wild = d.clone();
        wild.extend([1_000_000_000, -1_000_000_000]);
        prop_assert_eq!(flips(&by_division(&wild)), flips_in_integers(&wild));
    }

    #[test]
    fn decimals_are_tested_as_the_integers_they_stand_for(
        (a, b) in thousandths(30), rows in vec(vec(880_i32..=890, 4), 3..7), rope in 1_i32..10,
    ) {
        let (x, y, v, w) = (by_division(&a), by_multiplication(&b), whole(&a), whole(&b));
        for zeros in [Zeros::Drop, Zeros::Pratt, Zeros::Split] {
            let options = SignedRankOptions { zeros, ..Default::default() };
            prop_assert_eq!(
                signed_rank_paired(&x, &y, &options).unwrap(),
                signed_rank_paired(&v, &w, &options).unwrap()
            );
        }
        prop_assert_eq!(sign_test(&x, &y, TWO, 0.95).unwrap(), sign_test(&v, &w, TWO, 0.95).unwrap());
        prop_assert_eq!(paired_improvement(&x, &y).unwrap(), paired_improvement(&v, &w).unwrap());
        prop_assert_eq!(ordinal_effect(&x, &y).unwrap(), ordinal_effect(&v, &w).unwrap());
        for null in [NullDistribution::Exact, NullDistribution::Normal { continuity: true }] {
            prop_assert_eq!(rank_sum(&x, &y, TWO, null).unwrap(), rank_sum(&v, &w, TWO, null).unwrap());
        }
        prop_assert_eq!(kruskal_wallis(&[&x, &y]).unwrap(), kruskal_wallis(&[&v, &w]).unwrap());
        let table = |as_numbers: fn(&[i32]) -> Vec<f64>, other: fn(&[i32]) -> Vec<f64>| {
            rows.iter()
                .map(|row| [as_numbers(&row[..2]), other(&row[2..])].concat())
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(
            friedman(&table(by_division, by_multiplication)).unwrap(),
            friedman(&table(whole, whole)).unwrap()
        );
        let bayes = |x: &[f64], y: &[f64], rope: f64| {
            let options = BayesSignedRankOptions { rope, draws: 200, threads: 1, ..Default::default() };
            bayes_signed_rank(x, y, &options).unwrap()
        };
        let rope = f64::from(rope);
        prop_assert_eq!(bayes(&x, &y, rope / 1_000.0), bayes(&v, &w, rope));
        prop_assert_eq!(bayes(&x, &y, 0.0), bayes(&v, &w, 0.0));
        let p = |x: &[f64], y: &[f64]| paired_t(x, y, TWO, 0.95).unwrap();
        prop_assert_eq!(p(&x, &y).degenerate, p(&v, &w).degenerate);
        let levene = |x: &[f64], y: &[f64]| levene(&[x, y], LeveneCentre::Median).unwrap();
        prop_assert_eq!(levene(&x, &y).degenerate, levene(&v, &w).degenerate);
        prop_assert!(alike(levene(&x, &y).p_value, levene(&v, &w).p_value));
    }
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn threads_move_no_bit((a, b) in pairs(), seed in any::<u64>(), draws in 2_usize..1_500) {
        let options = |threads| BootstrapOptions { draws, seed, threads, ..Default::default() };
        let bayes = |threads| BayesSignedRankOptions { draws, seed, threads, ..Default::default() };
        let tasks = [a.clone(), b.clone()];
        let mean = |t: &[Vec<f64>]| t.iter().flatten().sum::<f64>();
        for threads in [2, 3] {
            let (one, many) = (options(1), options(threads));
            prop_assert_eq!(bootstrap_mean(&a, &one), bootstrap_mean(&a, &many));
            prop_assert_eq!(
                stratified_bootstrap(&tasks, mean, &one),
                stratified_bootstrap(&tasks, mean, &many)
            );
            prop_assert_eq!(
                almost_stochastic_order(&a, &b, &one),
                almost_stochastic_order(&a, &b, &many)
            );
            prop_assert_eq!(
                bayes_signed_rank(&a, &b, &bayes(1)),
                bayes_signed_rank(&a, &b, &bayes(threads))
            );
        }
    }
}
