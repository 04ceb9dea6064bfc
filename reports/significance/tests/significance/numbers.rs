//! Numbers against those that `dst-stats` gives for the same pairs.

use dst_analysis::Analysis;
use dst_record::record::TrialRecord;
use dst_stats::{Alternative, Correction, SignFlipOptions, SignedRankOptions};
use serde_json::json;

use crate::trials::*;

const CONTROL: [f64; 7] = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725, 0.9745];
const CANDIDATES: [(&str, [f64; 7]); 3] = [
    ("granet", [0.975, 0.9775, 0.974, 0.976, 0.977, 0.9765, 0.9755]),
    ("rigl", [0.971, 0.9745, 0.975, 0.9705, 0.9755, 0.9715, 0.974]),
    ("set", [0.96, 0.965, 0.962, 0.961, 0.966, 0.9625, 0.9645]),
];

fn trials() -> Vec<TrialRecord> {
    let mut trials = group(&dense(), 0.0, &CONTROL);
    for (name, accuracies) in CANDIDATES {
        trials.extend(group(&json!({"name": name}), 0.9, &accuracies));
    }
    trials
}

fn column(name: &str) -> Vec<f64> {
    let rows = cells(&trials(), &Analysis::default(), &[name]);
    rows.iter().map(|row| row[0].parse().unwrap()).collect()
}

fn each(value: impl Fn(&[f64], &[f64]) -> f64) -> Vec<f64> {
    CANDIDATES.iter().map(|(_, accuracies)| value(accuracies, &CONTROL)).collect()
}

#[test]
fn every_number_is_that_of_dst_stats() {
    let t = |a: &[f64], b: &[f64]| dst_stats::paired_t(a, b, Alternative::TwoSided, 0.95).unwrap();
    let verdict =
        |a: &[f64], b: &[f64]| dst_stats::non_inferiority_paired(a, b, 0.005, 0.05).unwrap();
    let raw = each(|a, b| t(a, b).p_value.unwrap());
    let same = |name: &str, expected: Vec<f64>| {
        let found = column(name);
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-12 * b.abs();
        assert!(found.iter().zip(&expected).all(close), "{name}: {found:?} {expected:?}");
    };
    same("difference", each(|a, b| t(a, b).mean));
    same("ci_low", each(|a, b| t(a, b).interval.unwrap().lower));
    same("ci_high", each(|a, b| t(a, b).interval.unwrap().upper));
    same("p_paired_t", raw.clone());
    same("p_adjusted", dst_stats::adjust(&raw, Correction::Holm).unwrap().adjusted);
    same(
        "bound_low",
        each(|a, b| {
            let one_sided = dst_stats::paired_t(a, b, Alternative::Greater, 0.95).unwrap();
            one_sided.interval.unwrap().lower
        }),
    );
    same(
        "p_wilcoxon",
        each(|a, b| {
            let options = SignedRankOptions::default();
            dst_stats::signed_rank_paired(a, b, &options).unwrap().p_value.unwrap()
        }),
    );
    same(
        "p_sign_flip",
        each(|a, b| {
            let differences = dst_stats::rounded_differences(a, b).unwrap();
            dst_stats::sign_flip(&differences, &SignFlipOptions::default()).unwrap().p_value
        }),
    );
    same("d_z", each(|a, b| dst_stats::paired_effect(a, b).unwrap().d_z.unwrap()));
    same("a12", each(|a, b| dst_stats::ordinal_effect(a, b).unwrap().a12));
    let verdicts: Vec<String> =
        CANDIDATES.iter().map(|(_, a)| verdict(a, &CONTROL).verdict.to_string()).collect();
    assert_eq!(verdicts, ["superior", "non-inferior", "inferior"]);
    let rows = cells(&trials(), &Analysis::default(), &["verdict"]);
    assert_eq!(rows.concat(), verdicts);
}

#[test]
fn the_family_is_the_table() {
    // Holm by hand: the smallest of three times 3, the next times 2, the largest as it is.
    let (raw, holm) = (column("p_paired_t"), column("p_adjusted"));
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| raw[*a].total_cmp(&raw[*b]));
    for (i, place) in order.into_iter().enumerate() {
        let expected = raw[place] * (3 - i) as f64;
        assert!((holm[place] - expected).abs() < 1e-15, "{raw:?} {holm:?}");
    }

    // Another data set is another table, and a comparison without a test is not in the family.
    let mut more = trials();
    for trial in &mut more {
        trial.spec.dataset = "other".to_owned();
    }
    more.extend(trials());
    more.extend(group(&json!({"name": "late"}), 0.9, &[0.97]));
    let rows =
        cells(&more, &Analysis::default(), &["dataset", "strategy", "comparisons", "p_adjusted"]);
    let toy: Vec<&Vec<String>> = rows.iter().filter(|row| row[0] == "toy").collect();
    assert_eq!(toy.len(), 4);
    assert!(toy.iter().all(|row| row[2] == "3"), "{toy:?}");
    assert_eq!(toy[1][1..], ["late", "3", ""]);
    let other: Vec<f64> =
        rows.iter().filter(|row| row[0] == "other").map(|row| row[3].parse().unwrap()).collect();
    assert_eq!(other, column("p_adjusted"));
}

#[test]
fn other_options_make_another_table() {
    let mut more = trials();
    for trial in &mut more {
        trial.spec.dataset_options.insert("rotation".to_owned(), json!(15.0));
    }
    more.extend(trials());
    let rows = cells(&more, &Analysis::default(), &["dataset", "comparisons", "pairs"]);
    let of = |name: &str| rows.iter().filter(|row| row[0] == name).count();
    assert_eq!((of("toy"), of("toy [rotation=15]"), rows.len()), (3, 3, 6));
    assert!(rows.iter().all(|row| row[1] == "3"), "{rows:?}");
}

#[test]
fn costs_are_set_against_the_control() {
    // The trials keep twice the share of operations that their sparsity would suggest.
    for ratio in column("inference_flops_ratio").into_iter().chain(column("train_flops_ratio")) {
        assert!((ratio - 0.2).abs() < 1e-12, "{ratio}");
    }
}
