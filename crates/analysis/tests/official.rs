//! The official metric of a data set is known before a trial has ended.

use dst_analysis::sample::{baseline, failed, finished, spec};
use dst_analysis::{Study, methods, tables};
use dst_core::options::{NoOptions, OptionsType};
use dst_core::plugin::DatasetPlugin;
use dst_core::record::{Status, TrialSpec};
use dst_core::{Analysis, Error, Experiment, Metric};

inventory::submit! {
    DatasetPlugin {
        name: "test-pairs",
        title: "Pairs",
        paper: "none",
        summary: "Pairs of nothing.",
        split: "Rows were shared out by hand.",
        model: "mlp",
        metric: Metric::F1Binary,
        second_metric: Some(Metric::Accuracy),
        find: |_| Ok("here".to_owned()),
        hub: &[],
        options: OptionsType::of::<NoOptions>(),
        load: |_, _| Err(Error::data("there is nothing to load")),
    }
}

#[test]
fn the_methods_paragraph_says_how_a_data_set_is_split() {
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let spec = TrialSpec { dataset: "test-pairs".to_owned(), ..spec(baseline(), 0.0, 0) };
    let trials = [finished(spec, 0.5)];
    let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
    let said = methods(&study);
    let expected = "Pairs (test-pairs): Pairs of nothing. Rows were shared out by hand.";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn results_decide_and_before_them_the_data_set() {
    let analysis = Analysis::default();
    let on = |dataset: &str| TrialSpec { dataset: dataset.to_owned(), ..spec(baseline(), 0.0, 0) };
    let pending = [on("test-pairs"), on("unknown")];
    let early = Experiment { pending: &pending, ..Experiment::new(&[], &analysis) };
    let metrics: Vec<Metric> = tables(&early).unwrap().iter().map(|table| table.metric).collect();
    assert_eq!(metrics, [Metric::F1Binary, Metric::Accuracy]);

    let trials = [failed(on("test-pairs"), Status::Diverged, "loss is NaN")];
    let table = tables(&Experiment::new(&trials, &analysis)).unwrap().remove(0);
    assert_eq!(table.metric, Metric::F1Binary);
    // Trials of an earlier version were scored by accuracy.
    let trials = [finished(on("test-pairs"), 0.5)];
    let table = tables(&Experiment::new(&trials, &analysis)).unwrap().remove(0);
    assert_eq!(table.metric, Metric::Accuracy);
}
