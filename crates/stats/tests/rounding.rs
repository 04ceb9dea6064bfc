//! Numbers that a review found wrong, one test each: what is equal in decimals is equal in every
//! test, one outlier takes nothing from the rest, and p = alpha rejects.

use dst_stats::{
    Alternative, BayesSignedRankOptions, Degenerate, NullDistribution, SignFlipOptions,
    SignedRankOptions, Verdict, akinshin_gamma, bayes_signed_rank, friedman, kruskal_wallis,
    levene, mean_ranks, ordinal_effect, paired_improvement, performance_profile, rank_sum,
    rounded_differences, sign_flip, sign_test, signed_rank_paired, tost_paired,
};

const TWO: Alternative = Alternative::TwoSided;

/// 0.3 and what adding makes of it, six times.
fn equal_pairs() -> ([f64; 6], [f64; 6]) {
    ([0.3; 6], [0.1 + 0.2; 6])
}

fn flips(d: &[f64]) -> f64 {
    sign_flip(d, &SignFlipOptions::default()).unwrap().p_value
}

#[test]
fn signed_ranks_beside_one_outlier() {
    let b = [20.0, 21.1, 19.5, 21.6, 20.2, 20.5, 19.5, 21.0];
    for outlier in [25.0, 1e3, 1e10, 1e11, 1e12, 1e15, 1e30] {
        let a = [20.1, 21.3, 19.8, 22.0, 20.7, 21.1, 20.2, outlier];
        let test = signed_rank_paired(&a, &b, &SignedRankOptions::default()).unwrap();
        assert_eq!(test.p_value, Some(0.0078125), "{outlier}");
        assert!(!test.ties && test.zero_count == 0);
        let options = BayesSignedRankOptions { rope: 0.05, draws: 1_000, ..Default::default() };
        let bayes = bayes_signed_rank(&a, &b, &options).unwrap();
        assert_eq!(bayes.p_first, Some(1.0), "{outlier}");
        let ranks = mean_ranks(&[[0.1, 0.2, outlier, 0.3]]).unwrap();
        assert_eq!(ranks.ranks, [4.0, 3.0, 1.0, 2.0]);
    }
}

#[test]
fn equal_decimals_are_ties_everywhere() {
    let (a, b) = equal_pairs();
    let sign = sign_test(&a, &b, TWO, 0.95).unwrap();
    assert_eq!((sign.ties, sign.p_value), (6, 1.0));
    assert_eq!(sign.degenerate, Some(Degenerate::Identical));
    assert_eq!(paired_improvement(&a, &b).unwrap().probability, 0.5);
    assert_eq!(ordinal_effect(&a, &b).unwrap().cliffs_delta, 0.0);
    let ranks = rank_sum(&a, &b, TWO, NullDistribution::Auto).unwrap();
    assert_eq!((ranks.p_value, ranks.degenerate), (Some(1.0), Some(Degenerate::AllTied)));
    assert_eq!(kruskal_wallis(&[a, b]).unwrap().degenerate, Some(Degenerate::AllTied));
    let rows = [[0.3, 0.1 + 0.2, 0.6 - 0.3]; 4];
    assert_eq!(friedman(&rows).unwrap().degenerate, Some(Degenerate::AllTied));
    let signed = signed_rank_paired(&a, &b, &SignedRankOptions::default()).unwrap();
    assert_eq!(signed.degenerate, Some(Degenerate::Identical));
    assert_eq!(rounded_differences(&a, &b).unwrap(), [0.0; 6]);
    // A score on the threshold is not above it.
    assert_eq!(performance_profile(&[b], &[0.3]).unwrap(), [0.0]);
    // Deviations of pairs are equal by construction.
    let test = levene(&[[0.91, 0.90], [0.57, 0.56]], Default::default()).unwrap();
    assert!(test.p_value.is_none(), "{test:?}");
}

#[test]
fn sums_of_flipped_signs_are_exact() {
    let mut d = vec![0.001; 9];
    d.insert(0, 1e10);
    assert_eq!(flips(&d), 2.0 / 1_024.0);
    let a = [0.803, 0.84, 0.849, 0.881, 0.812, 0.891, 0.842, 0.883];
    let b = [0.805, 0.841, 0.845, 0.883, 0.813, 0.887, 0.841, 0.885];
    assert_eq!(flips(&rounded_differences(&a, &b).unwrap()), 1.0);
    let raw: Vec<f64> = a.iter().zip(&b).map(|(x, y)| x - y).collect();
    assert_eq!(flips(&raw), 1.0);
    // Shares of 872 examples are no decimals, yet their sums tie.
    let share = |right: i32| f64::from(right) / 872.0;
    let d: Vec<f64> = [3, 5, -8, 2, -2, 7].map(|k| share(800 + k) - share(800)).to_vec();
    let whole = [3.0, 5.0, -8.0, 2.0, -2.0, 7.0];
    assert_eq!(flips(&d), flips(&whole));
    // A difference that is only rounding.
    let noisy = [0.1 + 0.2 - 0.3, 0.001, 0.002, 0.003];
    assert_eq!(flips(&noisy), flips(&[0.0, 0.001, 0.002, 0.003]));
}

#[test]
fn a_median_effect_does_not_see_an_outlier() {
    let a = |outlier| [0.91, 0.92, 0.93, 0.94, outlier];
    let gamma = |outlier| akinshin_gamma(&a(outlier), &[0.90, 0.91, 0.92, 0.93, 0.94]).unwrap();
    assert_eq!(gamma(1e15).gamma, gamma(1.0).gamma);
}

#[test]
fn a_p_value_of_alpha_rejects() {
    assert_eq!(dst_stats::fewest_exact_pairs(0.0625).unwrap(), 5);
    let p = 0.05_f64;
    let verdict = |mean, difference, non_inferior, inferior| {
        Verdict::from_p_values(mean, 0.01, difference, non_inferior, inferior, p)
    };
    assert_eq!(verdict(0.1, p, 1.0, 1.0), Verdict::Superior);
    assert_eq!(verdict(-0.1, 1.0, 1.0, p), Verdict::Inferior);
    // 0.01 * 5 is above 0.05 in binary.
    assert_eq!(verdict(-0.001, 1.0, 0.01 * 5.0 + 1e-17, 1.0), Verdict::NonInferior);
    // At the alpha that its own p-value is, equivalence is shown.
    let (a, b) = ([0.91, 0.92, 0.94], [0.92, 0.92, 0.93]);
    let p = tost_paired(&a, &b, -0.05, 0.05, 0.05).unwrap().p_value.unwrap();
    assert_eq!(tost_paired(&a, &b, -0.05, 0.05, p).unwrap().equivalent, Some(true));
    let below = tost_paired(&a, &b, -0.05, 0.05, 0.99 * p).unwrap();
    assert_eq!(below.equivalent, Some(false));
}
