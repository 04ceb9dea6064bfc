//! Every case of `stats_cases.json`, which holds the answers of published libraries, named with
//! their versions in the file. `cargo test
//! --test cases -- --nocapture` prints the counts.

mod expectation;
mod pairs;
mod samples;
mod tables;

use std::collections::BTreeMap;

use expectation::Case;
use serde_json::Value;

fn check(family: &str, case: &Case) {
    match family {
        "paired_t" => pairs::paired_t_family(case),
        "wilcoxon" => pairs::wilcoxon_family(case),
        "multiple_testing" => pairs::multiple_testing_family(case),
        "effect_size_d" => pairs::effect_size_d_family(case),
        "effect_size_ordinal" => pairs::effect_size_ordinal_family(case),
        "tost" => pairs::tost_family(case),
        "permutation" => pairs::permutation_family(case),
        "mean_ci" => pairs::mean_ci_family(case),
        "welch_t" => samples::welch_t_family(case),
        "mann_whitney" => samples::mann_whitney_family(case),
        "mcnemar" => samples::mcnemar_family(case),
        "sign_test" => samples::sign_test_family(case),
        "shapiro_wilk" => samples::shapiro_wilk_family(case),
        "bootstrap" => samples::bootstrap_family(case),
        "bayes_signed_rank" => samples::bayes_signed_rank_family(case),
        "bayes_correlated_t" => samples::bayes_correlated_t_family(case),
        "aso" => samples::aso_family(case),
        "power" => samples::power_family(case),
        "rliable" => samples::rliable_family(case),
        "resampled_t" => samples::resampled_t_family(case),
        "friedman" => tables::friedman_family(case),
        "friedman_vs_control" => tables::friedman_vs_control_family(case),
        "nemenyi" => tables::nemenyi_family(case),
        "studentized_range" => tables::studentized_range_family(case),
        "tukey_hsd" => tables::tukey_hsd_family(case),
        "variance_and_anova" => tables::variance_and_anova_family(case),
        "pipeline_autorank" => tables::pipeline_autorank_family(case),
        unknown => panic!("{}: no check for family `{unknown}`", case.id),
    }
}

#[test]
fn every_case_is_met() {
    let text = include_str!("../stats_cases.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let mut done: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for json in file["cases"].as_array().unwrap() {
        let family = json["family"].as_str().unwrap();
        let case = Case::new(json);
        check(family, &case);
        let numbers = case.finish();
        let entry = done.entry(family).or_default();
        entry.0 += 1;
        entry.1 += numbers;
    }
    for (family, (cases, numbers)) in &done {
        println!("{family:20} {cases:4} cases {numbers:5} numbers");
    }
    let total: u64 = done.values().map(|(cases, _)| cases).sum();
    println!("{:20} {total:4} cases", "all");
    let counts = file["counts"].as_object().unwrap();
    assert_eq!(done.len(), counts.len());
    for (family, count) in counts {
        assert_eq!(count.as_u64(), done.get(family.as_str()).map(|d| d.0), "{family}");
    }
    assert_eq!(total, 143);
}
