//! The error rate of the whole analysis, from trials to verdicts.
//!
//! Seeds fix the random numbers, so the test passes or fails the same everywhere. The figures of many
//! more grids are printed by the example `verdicts` of `dst-stats`.

use dst_analysis::sample::{baseline, finished, spec};
use dst_analysis::{Analysis, Experiment, Margin, PrimaryTest, Study};
use dst_record::record::TrialRecord;
use dst_stats::verdict::Verdict;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};
use serde_json::json;

const METHODS: usize = 6;
const SEEDS: u64 = 8;
const ALPHA: f64 = 0.05;

/// A grid in which every strategy draws its scores alike, but for a true loss: noise that a seed
/// shares, and more of its own.
fn grid(number: u64, loss: f64) -> Vec<TrialRecord> {
    let mut rng = ChaCha8Rng::seed_from_u64(number);
    let noise = Normal::new(0.0, 0.004).unwrap();
    let shared: Vec<f64> = (0..SEEDS).map(|_| noise.sample(&mut rng)).collect();
    (0..=METHODS)
        .flat_map(|method| (0..SEEDS).map(move |seed| (method, seed)))
        .map(|(method, seed)| {
            let (strategy, sparsity, lost) = match method {
                0 => (baseline(), 0.0, 0.0),
                other => (json!({"name": format!("method-{other}")}), 0.9, loss),
            };
            let score = 0.9 + shared[seed as usize] + noise.sample(&mut rng) - lost;
            finished(spec(strategy, sparsity, seed), score)
        })
        .collect()
}

/// Share of grids in which any comparison has one of these verdicts.
fn claims(analysis: &Analysis, grids: u64, loss: f64, false_ones: &[Verdict]) -> f64 {
    let mut claimed = 0;
    for number in 0..grids {
        let trials = grid(number, loss);
        let study = Study::new(&Experiment::new(&trials, analysis)).unwrap();
        let comparisons = &study.judgements[0].comparisons;
        assert_eq!(comparisons.len(), METHODS);
        claimed += u64::from(comparisons.iter().any(|c| false_ones.contains(&c.verdict)));
    }
    claimed as f64 / grids as f64
}

/// Three standard errors above a level.
fn limit(level: f64, grids: u64) -> f64 {
    level + 3.0 * (level * (1.0 - level) / grids as f64).sqrt()
}

#[test]
fn identical_strategies_are_told_apart_no_more_often_than_alpha() {
    // With a margin of 0 every verdict but an inconclusive one is a false claim.
    let base = Analysis {
        control: "baseline".to_owned(),
        margin: Margin::Absolute(0.0),
        alpha: ALPHA,
        ..Analysis::default()
    };
    let false_ones = [Verdict::Superior, Verdict::Worse, Verdict::Inferior, Verdict::NonInferior];
    for (test, grids) in
        [(PrimaryTest::PairedT, 300), (PrimaryTest::Wilcoxon, 100), (PrimaryTest::SignFlips, 100)]
    {
        let analysis = Analysis { test, ..base.clone() };
        let share = claims(&analysis, grids, 0.0, &false_ones);
        println!("{}: some false claim in {share:.4} of {grids} grids", test.title());
        assert!(share <= limit(ALPHA, grids), "{}: {share}", test.title());
    }
}

#[test]
fn a_loss_of_the_margin_is_seldom_called_non_inferior() {
    let analysis = Analysis {
        control: "baseline".to_owned(),
        margin: Margin::Absolute(0.005),
        alpha: ALPHA,
        ..Analysis::default()
    };
    let grids = 300;
    let share = claims(&analysis, grids, 0.005, &[Verdict::NonInferior, Verdict::Superior]);
    println!("some non-inferior in {share:.4} of {grids} grids");
    assert!(share <= limit(ALPHA / 2.0, grids), "{share}");
}
