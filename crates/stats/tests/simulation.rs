//! Error rates and coverage in seeded simulations. Bands are four standard errors wide, so a wrong
//! formula fails and a right one does not; with fixed seeds the outcome never changes.
//! `cargo test --test simulation -- --nocapture` prints the rates.

use dst_stats::{
    Alternative, BootstrapOptions, Correction, Design, SignFlipOptions, SignedRankOptions, Verdict,
    adjust, bootstrap_mean, independent_t, mean_interval, non_inferiority, paired_t, power,
    sign_flip, signed_rank, wilson_interval,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rand_distr::{Distribution, StandardNormal};

const TWO: Alternative = Alternative::TwoSided;

fn normals(rng: &mut ChaCha8Rng, count: usize, mean: f64) -> Vec<f64> {
    (0..count)
        .map(|_| {
            let z: f64 = StandardNormal.sample(rng);
            mean + z
        })
        .collect()
}

/// Share of `runs` simulations in which `event` happens.
fn rate(seed: u64, runs: usize, mut event: impl FnMut(&mut ChaCha8Rng) -> bool) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..runs).filter(|_| event(&mut rng)).count() as f64 / runs as f64
}

fn band(share: f64, runs: usize) -> f64 {
    4.0 * (share * (1.0 - share) / runs as f64).sqrt()
}

fn near(name: &str, got: f64, want: f64, runs: usize) {
    println!("{name}: {got:.4}, nominal {want:.4}");
    assert!((got - want).abs() <= band(want, runs), "{name}: {got} instead of {want}");
}

fn at_most(name: &str, got: f64, limit: f64, runs: usize) {
    println!("{name}: {got:.4}, at most {limit:.4}");
    assert!(got <= limit + band(limit, runs), "{name}: {got} above {limit}");
}

#[test]
fn t_intervals_cover_at_the_nominal_rate() {
    let runs = 20_000;
    for n in [3, 5, 10] {
        for level in [0.9, 0.95] {
            let covered = rate(1, runs, |rng| {
                let x = normals(rng, n, 7.0);
                mean_interval(&x, level).unwrap().interval.unwrap().contains(7.0)
            });
            near(&format!("t interval, n = {n}, level {level}"), covered, level, runs);
        }
    }
}

#[test]
fn bootstrap_intervals_of_five_seeds_are_too_narrow() {
    // The reason why reports prefer the t interval below ten seeds.
    let runs = 2_000;
    let options = BootstrapOptions { draws: 1_000, threads: 1, ..Default::default() };
    let (mut percentile, mut bca) = (0, 0);
    rate(2, runs, |rng| {
        let b = bootstrap_mean(&normals(rng, 5, 0.0), &options).unwrap();
        percentile += usize::from(b.percentile.contains(0.0));
        bca += usize::from(b.bca.is_some_and(|i| i.contains(0.0)));
        true
    });
    let share = |count: usize| count as f64 / runs as f64;
    println!(
        "n = 5: percentile covers {:.3}, BCa {:.3} of nominal 0.95",
        share(percentile),
        share(bca)
    );
    assert!((0.78..0.90).contains(&share(percentile)));
    assert!((0.75..0.90).contains(&share(bca)));
}

#[test]
fn wilson_intervals_cover_near_the_nominal_rate() {
    // Coverage of a discrete interval swings around its level; over shares it averages out.
    let runs = 20_000;
    let covered = rate(3, runs, |rng| {
        let share = 0.05 + 0.9 * (rng.next_u32() as f64 / u32::MAX as f64);
        let hits = (0..20).filter(|_| rng.next_u32() as f64 / (u32::MAX as f64) < share).count();
        wilson_interval(hits as u64, 20, 0.95).unwrap().contains(share)
    });
    println!("Wilson, 20 trials: {covered:.4}");
    assert!((0.94..0.965).contains(&covered));
}

#[test]
fn tests_of_identical_methods_keep_their_level() {
    let runs = 20_000;
    let t = rate(4, runs, |rng| {
        let (a, b) = (normals(rng, 6, 0.0), normals(rng, 6, 0.0));
        paired_t(&a, &b, TWO, 0.95).unwrap().p_value.unwrap() < 0.05
    });
    near("paired t, n = 6", t, 0.05, runs);
    let welch = rate(5, runs, |rng| {
        let a = normals(rng, 8, 0.0);
        let b: Vec<f64> = normals(rng, 4, 0.0).iter().map(|v| 3.0 * v).collect();
        let separate = dst_stats::Variances::Separate;
        independent_t(&a, &b, separate, TWO, 0.95).unwrap().p_value.unwrap() < 0.05
    });
    println!("Welch, unequal counts and variances: {welch:.4}");
    assert!((0.035..0.065).contains(&welch));
    let ranks = rate(6, runs, |rng| {
        let d = normals(rng, 9, 0.0);
        signed_rank(&d, &SignedRankOptions::default()).unwrap().p_value.unwrap() <= 0.05
    });
    at_most("signed rank, n = 9", ranks, 0.05, runs);
    let flips = rate(7, 4_000, |rng| {
        let d = normals(rng, 9, 0.0);
        sign_flip(&d, &SignFlipOptions::default()).unwrap().p_value <= 0.05
    });
    at_most("sign flip, n = 9", flips, 0.05, 4_000);
}

#[test]
fn verdicts_keep_their_promises() {
    let runs = 20_000;
    let share = |seed, truth: f64, margin: f64, claim: fn(Verdict) -> bool| {
        rate(seed, runs, |rng| {
            let d = normals(rng, 6, truth);
            claim(non_inferiority(&d, margin, 0.05).unwrap().verdict)
        })
    };
    // Identical methods: a claim of a difference, either way, at most at rate alpha.
    for margin in [0.0, 0.5] {
        let claimed = share(8, 0.0, margin, |v| matches!(v, Verdict::Superior | Verdict::Inferior));
        at_most(&format!("difference claimed, margin {margin}"), claimed, 0.05, runs);
    }
    // Exactly at the margin: "not worse by more" is wrong at most at rate alpha.
    let wrong = share(9, -1.0, 1.0, |v| matches!(v, Verdict::Superior | Verdict::NonInferior));
    near("non-inferior at the margin", wrong, 0.05, runs);
    let wrong = share(10, -1.0, 1.0, |v| v == Verdict::Inferior);
    near("inferior at the margin", wrong, 0.025, runs);
}

#[test]
fn a_whole_grid_of_identical_strategies_keeps_its_level() {
    // Eight strategies on three data sets against one control, six seeds, Holm over all 24: the
    // chance of any rejection. Comparisons share their control, so they are dependent.
    let runs = 2_000;
    let family_wise = |correction| {
        rate(11, runs, |rng| {
            let mut p = Vec::new();
            for _ in 0..3 {
                let dense = normals(rng, 6, 0.0);
                for _ in 0..8 {
                    let sparse = normals(rng, 6, 0.0);
                    p.push(paired_t(&sparse, &dense, TWO, 0.95).unwrap().p_value.unwrap());
                }
            }
            adjust(&p, correction).unwrap().rejected(0.05).contains(&true)
        })
    };
    at_most("any rejection, Holm", family_wise(Correction::Holm), 0.05, runs);
    at_most("any rejection, Hommel", family_wise(Correction::Hommel), 0.05, runs);
    let none = family_wise(Correction::None);
    println!("any rejection, no correction: {none:.4}");
    assert!(none > 0.4, "the simulation must show why a correction is needed: {none}");
}

#[test]
fn power_is_what_power_predicts() {
    let runs = 20_000;
    for (n, effect) in [(5, 1.0), (10, 1.0), (6, 1.5)] {
        let predicted = power(Design::Paired, effect, n as f64, 0.05, TWO).unwrap();
        let seen = rate(12, runs, |rng| {
            let d = normals(rng, n, effect);
            let zero = vec![0.0; n];
            paired_t(&d, &zero, TWO, 0.95).unwrap().p_value.unwrap() < 0.05
        });
        near(&format!("power, n = {n}, d_z = {effect}"), seen, predicted, runs);
    }
}
