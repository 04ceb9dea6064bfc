//! Which control the others are compared with, and what is said if there is none.

use dst_analysis::Analysis;
use dst_record::ErrorKind;
use dst_record::record::{Status, TrialRecord};
use serde_json::json;

use crate::trials::*;

fn against(control: &str) -> Analysis {
    Analysis { control: control.to_owned(), ..Analysis::default() }
}

fn sparse() -> Vec<TrialRecord> {
    [
        group(&rigl(), 0.9, &[0.90, 0.91, 0.93]),
        group(&json!({"name": "set"}), 0.9, &[0.89, 0.90, 0.90]),
    ]
    .concat()
}

/// Sentences with this control, and how many comparisons there are.
fn said(trials: &[TrialRecord], control: &str) -> (Vec<String>, usize) {
    let summary = render(trials, &against(control)).unwrap().summary;
    (sentences_of(&summary), cells(trials, &against(control), &["strategy"]).len())
}

#[test]
fn an_unknown_control_is_refused_with_the_nearest_name() {
    let error = render(&sparse(), &against("sett")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert_eq!(
        error.to_string(),
        "analysis.control: unknown control 'sett'\n  did you mean 'set'? known: rigl, set"
    );
}

#[test]
fn any_strategy_can_be_the_control() {
    let (said, comparisons) = said(&sparse(), "set");
    assert_eq!(comparisons, 1);
    assert!(said[0].starts_with("rigl at 90 % is non-inferior to set at 90 % on toy: +1.67"));
}

#[test]
fn the_baseline_may_not_have_run() {
    for control in ["", "dense"] {
        let (said, comparisons) = said(&sparse(), control);
        assert_eq!(
            said,
            ["note: no trial of the control dense has ended on toy, so nothing is compared"]
        );
        assert_eq!(comparisons, 0);
    }
}

#[test]
fn the_control_may_have_failed_throughout() {
    let mut trials = sparse();
    for seed in 0..3 {
        trials.push(failed(spec(dense(), 0.0, seed), Status::Crashed, "out of memory"));
    }
    let (said, comparisons) = said(&trials, "");
    assert_eq!(
        said,
        ["note: no trial of the control dense finished on toy (3 trials failed), so nothing is \
             compared"]
    );
    assert_eq!(comparisons, 0);
}

#[test]
fn a_sparse_control_is_met_at_the_same_sparsity() {
    let mut trials = sparse();
    trials.extend(group(&json!({"name": "set"}), 0.5, &[0.99, 0.98, 0.97]));
    trials.extend(group(&rigl(), 0.8, &[0.96, 0.95, 0.95]));
    let (said, comparisons) = said(&trials, "set");
    assert_eq!(comparisons, 1);
    assert!(said[0].starts_with("rigl at 90 % is non-inferior to set at 90 % on toy"), "{said:?}");
    assert_eq!(
        said[1],
        "note: rigl at 80 % is not compared: the control set has no trials at 80 %"
    );
}

#[test]
fn two_settings_of_the_control_are_not_chosen_from() {
    let set = |rate: f64| json!({"name": "set", "rate": rate});
    let mut trials = group(&rigl(), 0.9, &[0.90, 0.91, 0.93]);
    trials.extend(group(&set(0.1), 0.9, &[0.90, 0.90, 0.90]));
    trials.extend(group(&set(0.3), 0.9, &[0.91, 0.90, 0.90]));
    let (said, comparisons) = said(&trials, "set");
    assert_eq!(
        said,
        ["note: rigl at 90 % is not compared: the control set has 2 sets of parameters at 90 %, \
             and one is needed"]
    );
    assert_eq!(comparisons, 0);
}

#[test]
fn an_analysis_out_of_range_is_refused() {
    let analysis = Analysis { margin: dst_analysis::Margin::Absolute(5.0), ..Analysis::default() };
    let error = render(&sparse(), &analysis).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(
        error.to_string().starts_with("analysis.margin.size() = 5 is not in [0, 1)"),
        "{error}"
    );
}

#[test]
fn two_records_of_one_trial_are_refused() {
    let mut trials = sparse();
    trials.push(trials[0].clone());
    let error = render(&trials, &against("set")).unwrap_err();
    assert_eq!(error.to_string(), "two records of trial rigl-0.9-0");
}

#[test]
fn no_trials_at_all() {
    let rendering = render(&[], &Analysis::default()).unwrap();
    assert_eq!(rendering.summary, "No trial has ended, so there is nothing to compare.\n");
    assert_eq!(document(&[], &Analysis::default(), "comparisons.csv").lines().count(), 1);
}
