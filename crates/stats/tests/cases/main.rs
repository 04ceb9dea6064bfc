//! Every case of `stats_cases.json`, which holds the answers of published libraries.

mod expectation;
mod pairs;

use std::collections::BTreeMap;

use expectation::Case;
use serde_json::Value;

fn check(family: &str, case: &Case) -> bool {
    match family {
        "paired_t" => pairs::paired_t_family(case),
        "wilcoxon" => pairs::wilcoxon_family(case),
        "multiple_testing" => pairs::multiple_testing_family(case),
        "effect_size_d" => pairs::effect_size_d_family(case),
        "effect_size_ordinal" => pairs::effect_size_ordinal_family(case),
        "tost" => pairs::tost_family(case),
        "permutation" => pairs::permutation_family(case),
        "mean_ci" => pairs::mean_ci_family(case),
        _ => return false,
    }
    true
}

#[test]
fn every_case_is_met() {
    let text = include_str!("../stats_cases.json");
    let file: Value = serde_json::from_str(text).unwrap();
    let mut done: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    for json in file["cases"].as_array().unwrap() {
        let family = json["family"].as_str().unwrap();
        let case = Case::new(json);
        if !check(family, &case) {
            continue;
        }
        let numbers = case.finish();
        let entry = done.entry(family).or_default();
        entry.0 += 1;
        entry.1 += numbers;
    }
    for (family, (cases, numbers)) in &done {
        println!("{family:20} {cases:4} cases {numbers:5} numbers");
        assert_eq!(file["counts"][*family].as_u64(), Some(*cases), "{family}");
    }
}
