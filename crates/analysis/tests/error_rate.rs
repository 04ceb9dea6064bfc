//! The error rate of the whole analysis on strategies that do not differ.
//!
//! Seeds fix the random numbers, so the test passes or fails the same everywhere.

use dst_analysis::Study;
use dst_analysis::sample::{baseline, finished, spec};
use dst_analysis::{Analysis, Experiment, Margin, Multiplicity, PrimaryTest};
use dst_record::record::TrialRecord;
use dst_stats::Verdict;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde_json::json;

const METHODS: usize = 6;
const SEEDS: u64 = 8;
const ALPHA: f64 = 0.05;

/// A grid in which every strategy draws its scores alike: noise that a seed shares, and more of
/// its own.
fn grid(number: u64) -> Vec<TrialRecord> {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let noise = Normal::new(0.0, 0.004).unwrap();
    let shared: Vec<f64> = (0..SEEDS).map(|_| noise.sample(&mut rng)).collect();
    (0..=METHODS)
        .flat_map(|method| (0..SEEDS).map(move |seed| (method, seed)))
        .map(|(method, seed)| {
            let (strategy, sparsity) = match method {
                0 => (baseline(), 0.0),
                other => (json!({"name": format!("method-{other}")}), 0.9),
            };
            let score = 0.9 + shared[seed as usize] + noise.sample(&mut rng);
            finished(spec(strategy, sparsity, seed), score)
        })
        .collect()
}

/// Shares of grids in which any comparison claims a difference: by itself, and adjusted.
fn claims(analysis: &Analysis, grids: u64) -> (f64, f64) {
    let (mut alone, mut adjusted) = (0, 0);
    for number in 0..grids {
        let trials = grid(number);
        let study = Study::new(&Experiment::new(&trials, analysis)).unwrap();
        let comparisons = &study.judgements[0].comparisons;
        assert_eq!(comparisons.len(), METHODS);
        let differs = |verdict| matches!(verdict, Verdict::Superior | Verdict::Inferior);
        alone += u64::from(comparisons.iter().any(|c| differs(c.verdict)));
        adjusted += u64::from(comparisons.iter().any(|c| differs(c.verdict_adjusted)));
    }
    (alone as f64 / grids as f64, adjusted as f64 / grids as f64)
}

#[test]
fn identical_strategies_are_told_apart_no_more_often_than_alpha() {
    // With a margin of 0 both sides of the verdict are claims of a difference.
    let base = Analysis {
        control: "baseline".to_owned(),
        margin: Margin::Absolute(0.0),
        alpha: ALPHA,
        ..Analysis::default()
    };
    let tests = [
        (PrimaryTest::PairedT, 2_000),
        (PrimaryTest::Wilcoxon, 500),
        (PrimaryTest::SignFlips, 500),
    ];
    for (test, grids) in tests {
        let analysis = Analysis { test, ..base.clone() };
        let (alone, adjusted) = claims(&analysis, grids);
        println!(
            "{}: {grids} grids, any claim {alone:.4} alone, {adjusted:.4} after Holm",
            test.title()
        );
        // Three standard errors.
        let slack = 3.0 * (ALPHA * (1.0 - ALPHA) / grids as f64).sqrt();
        assert!(adjusted <= ALPHA + slack, "{}: {adjusted}", test.title());
        // The simulation has power to see a lack of correction.
        assert!(alone > 0.1, "{}: {alone}", test.title());
    }
    let none = Analysis { correction: Multiplicity::None, ..base };
    let (alone, unadjusted) = claims(&none, 100);
    assert_eq!(alone, unadjusted);
}
