//! Every case of `verdict_cases.json`: worked verdicts of families, with all their numbers.
//! `cargo test --test verdict_cases -- --nocapture` prints the counts.

use dst_stats::{
    Correction,
    verdict::{Candidate, Comparison, Ends, Judgement, Run, Settings, Test, judge},
};
use serde_json::{Map, Value, json};

fn count(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn counts(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(count).collect()
}

fn settings(input: &Value) -> Settings {
    Settings {
        margin: input["margin"].as_f64().unwrap(),
        alpha: input["alpha"].as_f64().unwrap(),
        test: input["test"].as_str().unwrap().parse::<Test>().unwrap(),
        correction: input["correction"].as_str().unwrap().parse::<Correction>().unwrap(),
        minimum_pairs: count(&input["minimum_pairs"]),
        family: count(&input["family"]),
        seeds_planned: count(&input["seeds_planned"]),
        looks: counts(&input["looks"]),
        seen: counts(&input["seen"]),
        chance: input["chance"].as_f64(),
    }
}

fn runs(side: &Value) -> Vec<Run> {
    let scores = side["scores"].as_array().unwrap();
    let status = side["status"].as_array().unwrap();
    let run = |(score, status): (&Value, &Value)| match status.as_str().unwrap() {
        "finished" => Run::Finished(score.as_f64().unwrap()),
        "diverged" | "collapsed" => Run::Failed,
        "crashed" | "timed-out" | "out-of-memory" => Run::Missing,
        "pending" => Run::Pending,
        unknown => panic!("status `{unknown}`"),
    };
    scores.iter().zip(status).map(run).collect()
}

/// Infinite ends are null.
fn ends(ends: Ends) -> Value {
    json!([ends.lower, ends.upper])
}

/// A comparison in the words of the file.
fn described(name: &str, comparison: &Comparison) -> Value {
    let mut described = json!({
        "name": name,
        "verdict": comparison.verdict.name(),
        "loss_shown": comparison.loss_shown,
        "reason": comparison.reason.map(|reason| reason.name()),
        "pairs": comparison.counts.map(|counts| counts.pairs),
        "candidate_failed": comparison.counts.map(|counts| counts.candidate_failed),
        "control_failed": comparison.counts.map(|counts| counts.control_failed),
        "missing": comparison.counts.map(|counts| counts.missing),
        "estimate": comparison.estimate,
        "interval": comparison.evidence.map(|evidence| ends(evidence.interval)),
        "tails": comparison.evidence.map(|evidence| json!([evidence.tails.0, evidence.tails.1])),
        "level": comparison.evidence.map(|evidence| evidence.level),
        "clipped": comparison.evidence.is_some_and(|evidence| evidence.clipped),
        "without_failed": comparison.without_failed.map(|verdict| verdict.name()),
    });
    let p_values = [
        ("p_difference", comparison.evidence.map(|evidence| evidence.difference)),
        ("p_non_inferior", comparison.evidence.map(|evidence| evidence.non_inferior)),
        ("p_inferior", comparison.evidence.map(|evidence| evidence.inferior)),
    ];
    for (name, p) in p_values {
        described[name] = json!(p.map(|p| p.raw));
        described[format!("{name}_adjusted")] = json!(p.map(|p| p.adjusted));
    }
    described
}

/// A judgement in the words of the file.
fn expected_form(judgement: &Judgement, names: &[&str]) -> Value {
    let comparisons: Vec<Value> =
        names.iter().zip(&judgement.comparisons).map(|(name, c)| described(name, c)).collect();
    json!({
        "look": judgement.look,
        "seeds": judgement.seeds,
        "alpha": judgement.alpha,
        "post_hoc_looks": judgement.post_hoc_looks,
        "error_bound": judgement.error_bound,
        "comparisons": comparisons,
    })
}

/// Compares two values field by field and returns how many leaves were compared.
fn same(got: &Value, want: &Value, path: &str) -> usize {
    match (got, want) {
        (Value::Number(got), Value::Number(want)) => {
            let (got, want) = (got.as_f64().unwrap(), want.as_f64().unwrap());
            assert!((got - want).abs() <= 1e-9 + 1e-6 * want.abs(), "{path}: {got}, want {want}");
            1
        }
        (Value::Array(got), Value::Array(want)) => {
            assert_eq!(got.len(), want.len(), "{path}");
            let pairs = got.iter().zip(want).enumerate();
            pairs.map(|(i, (got, want))| same(got, want, &format!("{path}.{i}"))).sum()
        }
        (Value::Object(got), Value::Object(want)) => {
            let keys = |map: &Map<String, Value>| {
                let mut keys: Vec<String> = map.keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(got), keys(want), "{path}");
            got.iter().map(|(key, got)| same(got, &want[key], &format!("{path}.{key}"))).sum()
        }
        (got, want) => {
            assert_eq!(got, want, "{path}");
            1
        }
    }
}

#[test]
fn every_case_is_met_in_every_field() {
    let file: Value = serde_json::from_str(include_str!("verdict_cases.json")).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let mut compared = 0;
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let input = &case["input"];
        let control = runs(&input["control"]);
        let comparisons = input["comparisons"].as_array().unwrap();
        let candidate_runs: Vec<Vec<Run>> = comparisons.iter().map(runs).collect();
        let candidates: Vec<Candidate> = candidate_runs
            .iter()
            .zip(comparisons)
            .map(|(runs, json)| Candidate {
                not_comparable: json["not_comparable"].as_str(),
                ..Candidate::new(runs)
            })
            .collect();
        let names: Vec<&str> =
            comparisons.iter().map(|json| json["name"].as_str().unwrap()).collect();
        let judgement = judge(&settings(input), &control, &candidates)
            .unwrap_or_else(|error| panic!("{id}: {error}"));
        compared += same(&expected_form(&judgement, &names), &case["expected"], id);
    }
    println!("{} cases, {compared} values", cases.len());
    assert_eq!(cases.len(), 51);
}
