//! The page on made-up trials, as a parser sees it.

use std::collections::BTreeSet;

use dst_analysis::Rendering;
use dst_analysis::ReportPlugin;
use dst_analysis::sample::{Size, baseline, failed, finished, grid, group, spec};
use dst_analysis::{Analysis, Experiment, Study};
use dst_record::Metric;
use dst_record::Plugin;
use dst_record::predictions::{Predictions, Values};
use dst_record::record::{Status, TrialRecord, TrialSpec};
use report_html as _;
use scraper::{Html, Selector};
use serde_json::{Value, json};

fn analysis() -> Analysis {
    Analysis { control: "baseline".to_owned(), ..Analysis::default() }
}

fn render(experiment: &Experiment<'_>) -> Rendering {
    ReportPlugin::find("html").unwrap().report.render(&Study::new(experiment).unwrap()).unwrap()
}

fn page(rendering: &Rendering) -> String {
    assert_eq!(rendering.documents[0].name, "report.html");
    String::from_utf8(rendering.documents[0].bytes.clone()).unwrap()
}

/// The page of these trials, after the checks that every page must pass.
fn checked(trials: &[TrialRecord]) -> String {
    checked_with(trials, &[])
}

fn checked_with(trials: &[TrialRecord], pending: &[TrialSpec]) -> String {
    let analysis = analysis();
    let rendering = render(&Experiment { pending, ..Experiment::new(trials, &analysis) });
    let text = page(&rendering);
    let html = Html::parse_document(&text);
    let all = |selector: &str| -> Vec<scraper::ElementRef<'_>> {
        html.select(&Selector::parse(selector).unwrap()).collect()
    };
    let mut ids = BTreeSet::new();
    for element in all("[id]") {
        let id = element.attr("id").unwrap();
        assert!(ids.insert(id), "{id} is there twice");
    }
    let names: BTreeSet<&str> = rendering.documents.iter().map(|d| d.name.as_str()).collect();
    for link in all("a") {
        let target = link.attr("href").unwrap();
        match target.strip_prefix('#') {
            Some(id) => assert!(ids.contains(id), "nothing is called {id}"),
            None => assert!(names.contains(target), "there is no file {target}"),
        }
    }
    for labelled in all("[aria-labelledby]") {
        for id in labelled.attr("aria-labelledby").unwrap().split(' ') {
            assert!(ids.contains(id), "nothing is called {id}");
        }
    }
    // Self-contained: nothing is loaded.
    assert!(all("script[src], link, img, iframe, [style*=url]").is_empty());
    assert!(!text.contains("@import"), "a style is imported");
    let mut regions = BTreeSet::new();
    for region in all("[role=region]") {
        let label = region.attr("aria-label").unwrap();
        assert!(regions.insert(label), "two regions are called {label}");
    }
    for table in all("table") {
        let columns = table.select(&Selector::parse("thead th").unwrap()).count();
        for row in table.select(&Selector::parse("tbody tr").unwrap()) {
            assert_eq!(row.child_elements().count(), columns);
        }
    }
    text
}

fn method() -> Value {
    json!({"name": "method", "drop_fraction": 0.3})
}

#[test]
fn a_grid_has_every_picture_and_says_what_came_out() {
    let size = Size { datasets: 1, strategies: 2, sparsities: 2, seeds: 6, epochs: 6 };
    let text = checked(&grid(size));
    for name in [
        "differences",
        "density",
        "inference-flops",
        "training-flops",
        "training-time",
        "validation",
        "training-loss",
        "seeds-1",
        "all-pairs",
        "improvement",
        "churn",
        "explored",
        "ages",
        "density-1",
        "confusion-1",
    ] {
        assert!(text.contains(&format!("figures/table-1-{name}.csv")), "{name}");
    }
    for said in ["Of 4 comparisons with baseline: ", "fixed before the run", "simulated by masks"] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn pages_of_what_went_wrong() {
    let control = [spec(baseline(), 0.0, 0)];
    let none = checked_with(&[], &control);
    assert!(none.contains("No trial has ended"), "{none}");
    let failures: Vec<TrialRecord> =
        (0..2).map(|seed| failed(spec(method(), 0.9, seed), Status::Diverged, "NaN")).collect();
    let text = checked_with(&failures, &control);
    assert!(text.contains("no trial of the control baseline has ended on toy"), "{text}");
    // One seed, no history, no layers.
    let one = [finished(spec(baseline(), 0.0, 0), 0.9), finished(spec(method(), 0.9, 0), 0.8)];
    let text = checked(&one);
    assert!(text.contains("1 pair of seeds: a test needs 2"), "{text}");
    let same: Vec<TrialRecord> =
        [group(&baseline(), 0.0, &[0.9; 6]), group(&method(), 0.9, &[0.9; 6])].concat();
    assert!(checked(&same).contains("identical: all differences are 0"));
}

#[test]
fn the_headline_counts_verdicts_before_and_after_the_correction() {
    let size = Size { datasets: 1, strategies: 3, sparsities: 3, seeds: 6, epochs: 2 };
    let text = checked(&grid(size));
    for said in [
        "60 trials ended: 57 finished, 3 failed; 0 to do.",
        "Of 9 comparisons with baseline: 1 non-inferior (a loss of 0.005 is ruled out), 2 inferior",
        "Counted together within a table, after Holm&#x27;s correction: ",
        "accuracy minus baseline (percentage points)",
    ] {
        assert!(text.contains(said), "{said}");
    }
}

#[test]
fn a_table_that_is_cut_says_so() {
    let [targets, predicted] = [vec![0, 1, 0], vec![0, 1, 1]].map(Values::Byte);
    let predictions = Predictions::new(targets, predicted).unwrap();
    let mut trials = grid(Size { datasets: 1, strategies: 40, sparsities: 1, seeds: 6, epochs: 1 });
    for trial in &mut trials {
        trial.predictions = Some(predictions.clone());
    }
    let text = checked(&trials);
    assert!(text.contains("The first 200 rows are shown; "), "{text}");
    assert!(text.contains("The other 28 verdicts"), "{text}");
}

#[test]
fn labels_are_text_and_nothing_else() {
    let evil = json!({"name": "<script>alert('&')</script>", "quote": "\"'><b>"});
    let other = json!({"name": "<script>alert('&')</script>", "quote": "b"});
    let mut trials = group(&baseline(), 0.0, &[0.9, 0.91, 0.93, 0.92]);
    trials.extend(group(&evil, 0.9, &[0.89, 0.9, 0.92, 0.93]));
    trials.extend(group(&other, 0.9, &[0.88, 0.9, 0.92, 0.9]));
    trials.push(failed(spec(evil, 0.95, 0), Status::Crashed, "</td><img src=x>"));
    let text = checked(&trials);
    assert!(!text.contains("<script>alert") && !text.contains("<img"), "{text}");
}

#[test]
fn every_score_of_the_test_set_stands_beside_the_one_that_decides() {
    let mut trials = group(&baseline(), 0.0, &[0.9, 0.91, 0.93, 0.92]);
    for (outcome, f1) in
        trials.iter_mut().filter_map(|trial| trial.outcome.as_mut()).zip([0.5, 0.5, 0.5, 0.7])
    {
        outcome.test.f1_binary = Some(f1);
    }
    let text = checked(&trials);
    for said in [
        "Other scores on the test set",
        ">F1<",
        ">macro F1<",
        ">55.00<",
        ">10.00<",
        "batches of 256",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // Not all trials have it.
    trials[1].outcome.as_mut().unwrap().test.f1_binary = None;
    assert!(!checked(&trials).contains(">F1<"));
}

#[test]
fn a_correlation_is_no_percentage() {
    let mut trials = group(&baseline(), 0.0, &[0.9, 0.91, 0.93, 0.92]);
    trials.extend(group(&method(), 0.9, &[0.89, 0.9, 0.92, 0.93]));
    for outcome in trials.iter_mut().filter_map(|trial| trial.outcome.as_mut()) {
        outcome.metric = Metric::Pearson;
        outcome.test.pearson = outcome.test.accuracy.take();
    }
    let text = checked(&trials);
    assert!(text.contains("Metric: Pearson correlation, in [-1, 1]"), "{text}");
    assert!(!text.contains("differences in points"), "{text}");
}

#[test]
fn a_late_choice_is_a_banner() {
    let trials = group(&baseline(), 0.0, &[0.9, 0.91]);
    let analysis = analysis();
    let late = Experiment { post_hoc: true, ..Experiment::new(&trials, &analysis) };
    assert!(page(&render(&late)).contains("id=\"post-hoc\""));
    assert!(!page(&render(&Experiment::new(&trials, &analysis))).contains("id=\"post-hoc\""));
}

#[test]
fn five_hundred_trials_are_less_than_two_megabytes() {
    let size = Size { datasets: 3, strategies: 20, sparsities: 1, seeds: 8, epochs: 50 };
    let trials = grid(size);
    assert_eq!(trials.len(), 504);
    let text = checked(&trials);
    assert!(text.len() < 2_000_000, "{}", text.len());
    let analysis = analysis();
    let mut turned = trials.clone();
    turned.reverse();
    let of = |trials: &[TrialRecord]| render(&Experiment::new(trials, &analysis));
    assert_eq!(of(&turned), of(&trials));
}
