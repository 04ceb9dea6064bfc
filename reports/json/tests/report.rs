//! The document of made-up trials.

use std::collections::BTreeSet;

use dst_analysis::document::{Page, SCHEMA};
use dst_analysis::sample::{Size, failed, grid, group, spec};
use dst_analysis::{Analysis, Experiment, PrimaryTest, ReportPlugin, Study};
use dst_record::Plugin;
use dst_record::record::{Status, TrialRecord};
use report_json as _;
use serde_json::{Value, json};

fn report(trials: &[TrialRecord], analysis: &Analysis) -> Value {
    let study = Study::new(&Experiment::new(trials, analysis)).unwrap();
    let report = ReportPlugin::find("json").unwrap().report;
    let documents = report.render(&study, &Page::new(&study)).unwrap().documents;
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].name, "report.json");
    serde_json::from_slice(&documents[0].bytes).unwrap()
}

fn analysis() -> Analysis {
    Analysis { control: "baseline".to_owned(), ..Analysis::default() }
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_readme_names_every_field_and_no_other() {
    let size = Size { datasets: 2, strategies: 2, sparsities: 2, seeds: 6, epochs: 2 };
    let report = report(&grid(size), &analysis());
    assert_eq!(report["schema"], json!(1));
    assert_eq!(SCHEMA, 1);
    let family = &report["families"][0];
    let comparison = &family["comparisons"][0];
    let mut tables = include_str!("../README.md").split("|---|---|\n").skip(1).map(|table| {
        let rows = table.lines().take_while(|line| line.starts_with('|'));
        let fields = rows.filter_map(|row| row.split('|').nth(1));
        let names = fields.flat_map(|field| field.split('`').skip(1).step_by(2));
        names.map(|name| name.trim_end_matches("[]")).collect::<BTreeSet<&str>>()
    });
    for value in [&report, family, comparison] {
        assert_eq!(tables.next().unwrap(), keys(value));
    }
    assert_eq!(keys(&comparison["p_difference"]), ["adjusted", "raw"].into());
    assert_eq!(keys(&comparison["scores"][0]), ["candidate", "control", "seed"].into());
    assert_eq!(report["families"].as_array().unwrap().len(), 2);
    assert_eq!(report["trials"], json!(size.trials()));
    assert_eq!(family["comparisons_planned"], json!(4));
    assert_eq!(keys(&report["page"]), ["lead", "sections", "title", "warnings"].into());
}

#[test]
fn numbers_are_in_the_unit_of_files_and_cells_keep_their_text() {
    let control = [0.9, 0.91, 0.93, 0.92, 0.915, 0.905];
    let mut trials = group(&json!({"name": "baseline"}), 0.0, &control);
    trials.extend(group(&json!({"name": "x"}), 0.9, &control.map(|score| score - 0.01)));
    let report = report(&trials, &analysis());
    let comparison = &report["families"][0]["comparisons"][0];
    assert_eq!(report["families"][0]["margin"], json!(0.005));
    assert!((comparison["estimate"].as_f64().unwrap() + 0.01).abs() < 1e-9);
    // All differences are equal: there is no t test, and so no interval.
    assert_eq!(
        (&comparison["reason"], &comparison["interval"]),
        (&json!("no-variance"), &json!(null))
    );
    let rows = &report["page"]["sections"][0]["blocks"];
    let rows = rows.as_array().unwrap().iter().find(|block| block["kind"] == "table").unwrap();
    assert_eq!(rows["rows"][0][1]["text"], json!("91.33 ± 1.08"));
    assert!((rows["rows"][0][1]["value"].as_f64().unwrap() - 0.913_333).abs() < 1e-5);
    assert_eq!(rows["rows"][0][2], json!(null));
}

#[test]
fn what_is_infinite_is_null() {
    let analysis = Analysis { test: PrimaryTest::SignFlips, ..analysis() };
    let mut trials = grid(Size { datasets: 1, strategies: 4, sparsities: 3, seeds: 5, epochs: 1 });
    trials.push(failed(spec(json!({"name": "late"}), 0.9, 0), Status::Crashed, "killed"));
    let report = report(&trials, &analysis);
    let comparisons = report["families"][0]["comparisons"].as_array().unwrap();
    let floor: Vec<&Value> =
        comparisons.iter().filter(|comparison| comparison["reason"] == "floor").collect();
    assert!(!floor.is_empty());
    for comparison in floor {
        assert_eq!(comparison["interval"], json!([null, null]), "{comparison}");
    }
}
