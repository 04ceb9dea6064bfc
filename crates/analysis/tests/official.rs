//! The official metric of a data set: known before a trial has ended, and what reports say of it.

use dst_analysis::document::{Cell, Page};
use dst_analysis::sample::{baseline, failed, finished, spec};
use dst_analysis::{Analysis, Catalog, DatasetFacts, Experiment, Study, methods, tables};
use dst_record::Metric;
use dst_record::record::{Scores, Status, TrialRecord, TrialSpec};
use dst_stats::verdict::Verdict;
use serde_json::json;

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

/// A trial of a text, with that mean loss of a token.
fn of_text(strategy: serde_json::Value, sparsity: f64, seed: u64, loss: f64) -> TrialRecord {
    let mut trial = finished(spec(strategy, sparsity, seed), 0.5);
    let outcome = trial.outcome.as_mut().unwrap();
    outcome.metric = Metric::LogLikelihood;
    outcome.test = Scores { loss, log_likelihood: Some(-loss), ..Scores::default() };
    trial
}

#[test]
fn texts_are_judged_by_log_likelihood_and_read_by_perplexity() {
    let noise = [0.0, 0.002, -0.002, 0.001, -0.001, 0.0];
    let trials: Vec<TrialRecord> = (0..6)
        .flat_map(|seed| {
            let own = noise[seed as usize];
            [
                of_text(baseline(), 0.0, seed, 1.0),
                // A perplexity of e to the 1.05, and one of e to the 0.9.
                of_text(json!({ "name": "worse" }), 0.9, seed, 1.05 + own),
                of_text(json!({ "name": "better" }), 0.9, seed, 0.9 + own),
            ]
        })
        .collect();
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
    let judgement = &study.judgements[0];
    assert_eq!((judgement.table.metric, judgement.chance), (Metric::LogLikelihood, None));
    let verdicts: Vec<(&str, Verdict)> =
        judgement.comparisons.iter().map(|c| (c.candidate.strategy, c.verdict)).collect();
    // The higher perplexity is the worse one.
    assert_eq!(verdicts, [("better", Verdict::Superior), ("worse", Verdict::Inferior)]);

    let page = Page::new(&study);
    let results = page.tables().find(|table| table.id.ends_with("-results")).unwrap();
    assert_eq!(results.columns[2].heading(), "perplexity");
    let perplexities: Vec<String> = results
        .rows
        .iter()
        .map(|row| match &row[2] {
            Cell::Number { text, .. } => text.clone(),
            other => panic!("a perplexity is a number, and not {other:?}"),
        })
        .collect();
    assert_eq!(perplexities, ["2.72 ± 0.00", "2.46 ± 0.00", "2.86 ± 0.00"]);
    let sentences: Vec<String> = judgement
        .comparisons
        .iter()
        .map(|comparison| dst_analysis::sentence(judgement, comparison, &analysis, false))
        .collect();
    assert!(sentences[0].contains("(perplexity × 0.905)"), "{sentences:?}");
    assert!(sentences[1].contains("(perplexity × 1.051)"), "{sentences:?}");
}

/// What has another metric is shown as it was.
#[test]
fn other_metrics_have_no_perplexity() {
    let trials = [finished(spec(baseline(), 0.0, 0), 0.5)];
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
    let page = Page::new(&study);
    let mut columns = page.tables().flat_map(|table| &table.columns).peekable();
    assert!(columns.peek().is_some());
    assert!(columns.all(|column| column.heading() != "perplexity"));
}
