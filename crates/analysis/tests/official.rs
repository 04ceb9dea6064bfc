//! The official metric of a data set is known before a trial has ended.

use dst_analysis::sample::{baseline, failed, finished, spec};
use dst_analysis::{Analysis, Catalog, DatasetFacts, Experiment, Study, methods, tables};
use dst_record::Metric;
use dst_record::record::{Status, TrialSpec};

fn catalog() -> Catalog {
    let facts = DatasetFacts {
        title: "Pairs".to_owned(),
        summary: "Pairs of nothing.".to_owned(),
        split: "Rows were shared out by hand.".to_owned(),
        metric: Metric::F1Binary,
    };
    Catalog { datasets: [("test-pairs".to_owned(), facts)].into(), ..Catalog::default() }
}

fn experiment<'a>(
    trials: &'a [dst_record::record::TrialRecord],
    analysis: &'a Analysis,
    catalog: &'a Catalog,
) -> Experiment<'a> {
    Experiment { catalog, ..Experiment::new(trials, analysis) }
}

#[test]
fn the_methods_paragraph_says_how_a_data_set_is_split() {
    let catalog = catalog();
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let spec = TrialSpec { dataset: "test-pairs".to_owned(), ..spec(baseline(), 0.0, 0) };
    let trials = [finished(spec, 0.5)];
    let study = Study::new(&experiment(&trials, &analysis, &catalog)).unwrap();
    let said = methods(&study).join(" ");
    let expected = "Pairs (test-pairs): Pairs of nothing. Rows were shared out by hand.";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn results_decide_and_before_them_the_data_set() {
    let catalog = catalog();
    let analysis = Analysis::default();
    let on = |dataset: &str| TrialSpec { dataset: dataset.to_owned(), ..spec(baseline(), 0.0, 0) };
    let pending = [on("test-pairs"), on("unknown")];
    let early = Experiment { pending: &pending, ..experiment(&[], &analysis, &catalog) };
    let metrics: Vec<Metric> = tables(&early).unwrap().iter().map(|table| table.metric).collect();
    assert_eq!(metrics, [Metric::F1Binary, Metric::Accuracy]);

    let trials = [failed(on("test-pairs"), Status::Diverged, "loss is NaN")];
    let table = tables(&experiment(&trials, &analysis, &catalog)).unwrap().remove(0);
    assert_eq!(table.metric, Metric::F1Binary);
    // Trials of an earlier version were scored by accuracy.
    let trials = [finished(on("test-pairs"), 0.5)];
    let table = tables(&experiment(&trials, &analysis, &catalog)).unwrap().remove(0);
    assert_eq!(table.metric, Metric::Accuracy);
}
