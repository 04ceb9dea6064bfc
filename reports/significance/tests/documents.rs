//! The files for programs, on made-up trials.

use std::collections::BTreeMap;

use dst_analysis::document::Page;
use dst_analysis::sample::{Size, failed, finished, grid, group, predict, spec};
use dst_analysis::{Analysis, Experiment, Margin, PrimaryTest, ReportPlugin, Study};
use dst_record::Plugin;
use dst_record::record::{Status, TrialRecord};
use dst_stats::verdict::{Candidate, Run, Settings, Test, judge};
use report_significance as _;
use serde_json::{Value, json};

type Row = BTreeMap<String, String>;

fn dense() -> Value {
    json!({"name": "dense"})
}

fn named(name: &str) -> Value {
    json!({"name": name, "drop_fraction": 0.3})
}

fn analysis() -> Analysis {
    Analysis { control: "dense".to_owned(), ..Analysis::default() }
}

fn documents(trials: &[TrialRecord], analysis: &Analysis) -> BTreeMap<String, Vec<u8>> {
    let study = Study::new(&Experiment::new(trials, analysis)).unwrap();
    let report = ReportPlugin::find("significance").unwrap().report;
    let rendering = report.render(&study, &Page::new(&study)).unwrap();
    rendering.documents.into_iter().map(|document| (document.name, document.bytes)).collect()
}

fn rows(bytes: &[u8]) -> Vec<Row> {
    csv::Reader::from_reader(bytes).deserialize().map(Result::unwrap).collect()
}

fn comparisons(trials: &[TrialRecord], analysis: &Analysis) -> Vec<Row> {
    rows(&documents(trials, analysis)["comparisons.csv"])
}

const DENSE: [f64; 8] = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725, 0.9741, 0.9733];

fn shifted(points: [f64; 8]) -> Vec<f64> {
    DENSE.iter().zip(points).map(|(accuracy, shift)| accuracy + shift / 100.0).collect()
}

const HIGHER: [f64; 8] = [1.0, 1.1, 0.9, 1.0, 1.2, 0.95, 1.05, 1.02];
const ALIKE: [f64; 8] = [0.1, -0.1, 0.05, 0.0, -0.12, 0.08, -0.04, 0.02];
const LOWER: [f64; 8] = [-1.0, -1.1, -0.9, -1.0, -1.2, -0.95, -1.05, -1.02];

fn trials() -> Vec<TrialRecord> {
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&named("alike"), 0.9, &shifted(ALIKE)));
    trials.extend(group(&named("higher"), 0.9, &shifted(HIGHER)));
    trials.extend(group(&named("lower"), 0.9, &shifted(LOWER)));
    trials.extend(group(&named("unstable"), 0.9, &shifted(HIGHER)[..6]));
    trials.push(failed(spec(named("unstable"), 0.9, 6), Status::Diverged, "loss is NaN"));
    trials.push(failed(spec(named("unstable"), 0.9, 7), Status::Crashed, "killed"));
    trials
}

#[test]
fn the_readme_documents_every_column() {
    let mut trials = grid(Size { datasets: 1, strategies: 2, sparsities: 1, seeds: 6, epochs: 1 });
    predict(&mut trials, 100);
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let documents = documents(&trials, &analysis);
    assert_eq!(documents.len(), 3);
    for (name, bytes) in &documents {
        let section = include_str!("../README.md")
            .split("\n## ")
            .find(|section| section.starts_with(&format!("`{name}`")))
            .unwrap_or_else(|| panic!("README.md has no section `{name}`"));
        let documented =
            section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        let header = csv::Reader::from_reader(bytes.as_slice()).headers().unwrap().clone();
        assert_eq!(documented.collect::<Vec<_>>(), header.iter().collect::<Vec<_>>(), "{name}");
        assert!(!rows(bytes).is_empty(), "{name}");
    }
}

/// Numbers are those of the procedure on the same runs.
#[test]
fn numbers_are_those_of_the_procedure() {
    for (test, asked) in [
        (Test::PairedT, PrimaryTest::PairedT),
        (Test::Wilcoxon, PrimaryTest::Wilcoxon),
        (Test::SignFlips, PrimaryTest::SignFlips),
    ] {
        let analysis = Analysis { test: asked, margin: Margin::Absolute(0.002), ..analysis() };
        let found = comparisons(&trials(), &analysis);
        let runs =
            |scores: &[f64]| -> Vec<Run> { scores.iter().copied().map(Run::Finished).collect() };
        let control = runs(&DENSE);
        let mut unstable = runs(&shifted(HIGHER)[..6]);
        unstable.extend([Run::Failed, Run::Missing]);
        let all = [runs(&shifted(ALIKE)), runs(&shifted(HIGHER)), runs(&shifted(LOWER)), unstable];
        let settings = Settings {
            margin: 0.002,
            test,
            family: 4,
            seeds_planned: 8,
            // These trials keep no confusion, so what guessing scores is unknown.
            chance: None,
            ..Settings::default()
        };
        let candidates: Vec<Candidate<'_>> = all.iter().map(|runs| Candidate::new(runs)).collect();
        let judgement = judge(&settings, &control, &candidates).unwrap();
        assert_eq!(found.len(), 4);
        for (row, expected) in found.iter().zip(&judgement.comparisons) {
            assert_eq!(row["verdict"], expected.verdict.name(), "{row:#?}");
            assert_eq!(row["loss_shown"], expected.loss_shown.to_string());
            assert_eq!(row["reason"], expected.reason.map_or("", |reason| reason.name()));
            let counts = expected.counts.unwrap();
            let counted =
                [counts.pairs, counts.candidate_failed, counts.control_failed, counts.missing];
            let names = ["pairs", "candidate_failed", "control_failed", "missing"];
            assert_eq!(names.map(|name| row[name].parse::<usize>().unwrap()), counted);
            let evidence = expected.evidence.unwrap();
            for (name, value) in [
                ("difference", expected.estimate.unwrap()),
                ("ci_low", evidence.interval.lower),
                ("ci_high", evidence.interval.upper),
                ("ci_level", evidence.level),
                ("ci_low_uncorrected", evidence.uncorrected.lower),
                ("ci_high_uncorrected", evidence.uncorrected.upper),
                ("p_difference", evidence.difference.raw),
                ("p_difference_adjusted", evidence.difference.adjusted),
                ("p_non_inferior", evidence.non_inferior.raw),
                ("p_non_inferior_adjusted", evidence.non_inferior.adjusted),
                ("p_inferior", evidence.inferior.raw),
                ("p_inferior_adjusted", evidence.inferior.adjusted),
            ] {
                match value.is_finite() {
                    true => assert_eq!(row[name].parse(), Ok(value), "{name}: {row:#?}"),
                    false => assert_eq!(row[name], "", "{name}: {row:#?}"),
                }
            }
            assert_eq!(row["comparisons"], "4");
            assert!(row["sentence"].contains(&row["label"]), "{row:#?}");
        }
    }
}

#[test]
fn every_kind_of_verdict_and_what_stands_beside() {
    let found = comparisons(&trials(), &analysis());
    let verdicts: Vec<&str> = found.iter().map(|row| row["verdict"].as_str()).collect();
    assert_eq!(verdicts[..3], ["non-inferior", "superior", "inferior"]);
    assert_eq!(found[3]["pairs"], "6");
    assert!(found[3]["note"].contains("diverged at seed 6"), "{}", found[3]["note"]);
    assert!(found[3]["note"].contains("crashed at seed 7"), "{}", found[3]["note"]);
    let beside =
        dst_stats::paired_t(&shifted(LOWER), &DENSE, dst_stats::Alternative::TwoSided, 0.95);
    assert_eq!(found[2]["p_paired_t"].parse().ok(), beside.unwrap().p_value);
    let effect = dst_stats::ordinal_effect(&shifted(ALIKE), &DENSE).unwrap();
    assert_eq!(found[0]["a12"].parse(), Ok(effect.a12));
    let ratio: f64 = found[0]["inference_flops_ratio"].parse().unwrap();
    assert!((ratio - 0.2).abs() < 1e-12);
}

/// With as few seeds, an exact test among many gives no end.
#[test]
fn an_end_without_a_limit_is_empty() {
    let analysis = Analysis { test: PrimaryTest::SignFlips, ..analysis() };
    let mut trials: Vec<TrialRecord> = trials().into_iter().filter(|t| t.spec.seed < 5).collect();
    trials.retain(|trial| trial.spec.strategy_name() != "unstable");
    let found = comparisons(&trials, &analysis);
    for row in found {
        assert_eq!((&*row["ci_low"], &*row["ci_high"]), ("", ""), "{row:#?}");
        assert_eq!(row["reason"], "floor");
    }
}

#[test]
fn pairs_are_every_group_against_every_other() {
    let documents = documents(&trials(), &analysis());
    let found = rows(&documents["pairs.csv"]);
    assert_eq!(found.len(), 10);
    let of = |first: &str, second: &str| {
        let row = found.iter().find(|row| row["first"] == first && row["second"] == second);
        row.unwrap_or_else(|| panic!("{first} and {second}: {found:#?}"))
    };
    // Two that differ by the same at every seed have no test.
    assert_eq!(of("higher at 90 %", "unstable at 90 %")["p_adjusted"], "");
    let row = of("higher at 90 %", "lower at 90 %");
    assert!((row["difference"].parse::<f64>().unwrap() - 0.020_55).abs() < 1e-9, "{row:#?}");
    assert_eq!((&*row["share_of_seeds_better"], &*row["comparisons"]), ("1", "9"));
    assert!(row["p_adjusted"].parse::<f64>().unwrap() < 1e-6);
    assert!(!documents.contains_key("mcnemar.csv"));
}

#[test]
fn single_models_are_compared_where_they_kept_predictions() {
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&named("alike"), 0.9, &shifted(ALIKE)));
    predict(&mut trials, 1000);
    trials[0].predictions = None;
    let found = rows(&documents(&trials, &analysis())["mcnemar.csv"]);
    assert_eq!(
        found.iter().map(|row| &*row["seed"]).collect::<Vec<_>>(),
        ["1", "2", "3", "4", "5", "6", "7"]
    );
    for row in found {
        let count = |name: &str| row[name].parse::<u64>().unwrap();
        let test = dst_stats::mcnemar(count("only_candidate_right"), count("only_control_right"));
        assert_eq!(row["p_exact"].parse(), Ok(test.p_exact));
        assert_eq!(row["p_mid"].parse().ok(), test.p_mid);
        assert_eq!((&*row["label"], &*row["control_label"]), ("alike at 90 %", "dense"));
    }
}

#[test]
fn the_order_of_trials_changes_nothing_and_names_are_no_formulas() {
    let mut trials = trials();
    for seed in 0..8 {
        trials.push(finished(spec(json!({"name": "=1+1"}), 0.9, seed), 0.97));
    }
    let straight = documents(&trials, &analysis());
    trials.reverse();
    assert_eq!(documents(&trials, &analysis()), straight);
    let found = rows(&straight["comparisons.csv"]);
    assert!(found.iter().any(|row| row["strategy"] == "'=1+1"), "{found:#?}");
}
