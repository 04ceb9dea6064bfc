//! A method is never better for the runs at which it failed.

use dst_analysis::sample::{baseline, failed, group, spec};
use dst_analysis::{Analysis, Experiment, Study, sentence};
use dst_record::record::{Collapse, Status, TrialRecord};
use dst_stats::verdict::{Reason, Verdict};
use serde_json::{Value, json};

fn analysis() -> Analysis {
    Analysis { control: "baseline".to_owned(), ..Analysis::default() }
}

/// Trials that score `scores` with seeds from 0, where `None` ended otherwise. Ten classes are equally
/// frequent, so guessing scores 0.1.
fn trials(
    strategy: &Value,
    sparsity: f64,
    scores: &[Option<f64>],
    status: Status,
) -> Vec<TrialRecord> {
    let accuracies: Vec<f64> = scores.iter().map(|score| score.unwrap_or_default()).collect();
    let mut trials = group(strategy, sparsity, &accuracies);
    for (seed, trial) in trials.iter_mut().enumerate() {
        match scores[seed] {
            Some(_) => trial.confusion = vec![vec![10; 10]; 10],
            None => {
                *trial = TrialRecord {
                    id: trial.id.clone(),
                    ..failed(spec(strategy.clone(), sparsity, seed as u64), status, "NaN")
                };
            }
        }
    }
    trials
}

const CONTROL: [f64; 8] = [0.901, 0.904, 0.899, 0.902, 0.905, 0.900, 0.903, 0.901];

fn control() -> Vec<TrialRecord> {
    trials(&baseline(), 0.0, &CONTROL.map(Some), Status::Finished)
}

fn method() -> Value {
    json!({"name": "method"})
}

#[test]
fn ranks_count_a_failed_run_as_guessing() {
    let mut all = Vec::new();
    for dataset in ["a", "b"] {
        let scores = [Some(0.90), Some(0.92), Some(0.94)];
        let mut here = trials(&baseline(), 0.0, &scores, Status::Finished);
        let scores = [None, None, Some(0.95)];
        here.extend(trials(&method(), 0.9, &scores, Status::Diverged));
        // One method with one seed does not take the others' seeds.
        here.extend(trials(&json!({"name": "once"}), 0.9, &[Some(0.91)], Status::Finished));
        for trial in &mut here {
            trial.spec.dataset = dataset.to_owned();
            trial.id = format!("{dataset}-{}", trial.id);
        }
        all.extend(here);
    }
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let across = study.across.unwrap();
    let place = |name: &str| across.methods.iter().position(|m| m.starts_with(name)).unwrap();
    let score = |name: &str| across.scores[0][place(name)];
    assert!((score("baseline") - 0.92).abs() < 1e-12);
    assert!((score("method") - (0.1 + 0.1 + 0.95) / 3.0).abs() < 1e-12);
    assert_eq!(score("once"), 0.91);
}

#[test]
fn variants_of_one_data_set_are_one_block() {
    let mut all = Vec::new();
    for rotation in [15, 30] {
        let mut here = control();
        here.extend(trials(&method(), 0.9, &CONTROL.map(Some), Status::Finished));
        for trial in &mut here {
            trial.spec.dataset_options.insert("rotation".to_owned(), rotation.into());
            trial.id = format!("{rotation}-{}", trial.id);
        }
        all.extend(here);
    }
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    assert_eq!(study.judgements.len(), 2);
    assert!(study.across.is_none(), "one real data set has no ranks over data sets");
}

#[test]
fn a_set_of_parameters_that_fails_does_not_win_on_the_rest() {
    let drop = |fraction: f64| json!({"name": "method", "drop_fraction": fraction});
    let mut all = control();
    all.extend(trials(&drop(0.1), 0.9, &CONTROL.map(Some), Status::Finished));
    let mut scores = CONTROL.map(|score| Some(score + 0.01));
    scores[3] = None;
    all.extend(trials(&drop(0.3), 0.9, &scores, Status::Diverged));
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let selections = &study.judgements[0].selections;
    let selection = selections.iter().find(|s| s.strategy == "method").unwrap();
    assert!(selection.chosen.as_ref().unwrap().parameters.contains("0.1"), "{selection:?}");
    assert_eq!((selection.tried, selection.runs), (2, 16));
    // The control was tried with one set only.
    let bias = study.judgements[0].tuning_bias().unwrap();
    assert!(bias.contains("which favours method"), "{bias}");

    // A run that crashed is made good first.
    let mut all = control();
    all.extend(trials(&drop(0.1), 0.9, &CONTROL.map(Some), Status::Finished));
    all.extend(trials(&drop(0.3), 0.9, &scores, Status::Crashed));
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let selections = &study.judgements[0].selections;
    let selection = selections.iter().find(|s| s.strategy == "method").unwrap();
    assert!(selection.chosen.is_none());
    let reason = selection.undecided.as_ref().unwrap();
    assert!(reason.ends_with("at seed 3 is missing"), "{reason}");
}

#[test]
fn failures_spoil_a_verdict_and_never_help_one() {
    let analysis = analysis();
    let verdict = |scores: &[Option<f64>], status| {
        let mut all = control();
        all.extend(trials(&method(), 0.9, scores, status));
        let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
        let judgement = &study.judgements[0];
        let comparison = judgement.comparisons[0].clone();
        let said = sentence(judgement, &comparison, &analysis, false);
        (comparison.verdict, comparison.reason, said, comparison.notes)
    };
    let better = CONTROL.map(|score| Some(score + 0.004 + (score - 0.902) * 0.1));
    assert_eq!(verdict(&better, Status::Finished).0, Verdict::Superior);
    // Without its worst two runs it is still better, and so it would be said today.
    let mut unstable = better;
    unstable[1] = None;
    unstable[6] = None;
    let (spoiled, reason, said, notes) = verdict(&unstable, Status::Diverged);
    assert_eq!((spoiled, reason), (Verdict::Inconclusive, Some(Reason::Failures)));
    assert!(
        said.contains("method at 90 % failed in 2 of 8 runs; without those it would be superior."),
        "{said}"
    );
    assert_eq!(notes, ["method at 90 % diverged at seeds 1, 6: scored against the claim"]);
    // Where too few pairs are left for a test, that is why.
    let mut rare = better;
    rare[..6].fill(None);
    let (_, reason, said, _) = verdict(&rare, Status::Collapsed);
    assert_eq!(reason, Some(Reason::Failures));
    let expected = "failed in 6 of 8 runs; 2 pairs of seeds are left, and a test needs 5.";
    assert!(said.contains(expected), "{said}");
    // A crash is no outcome of the method: its pair is left out, and it is named.
    let (kept, reason, _, notes) = verdict(&unstable, Status::Crashed);
    assert_eq!((kept, reason), (Verdict::Superior, None));
    assert_eq!(notes, ["method at 90 % crashed at seeds 1, 6: missing, the pair is left out"]);
    // What always diverges loses.
    assert_eq!(verdict(&[None; 8], Status::Diverged).0, Verdict::Inferior);
}

#[test]
fn one_answer_is_a_result_where_the_analysis_accepts_it() {
    let mut collapsed = trials(&method(), 0.9, &CONTROL.map(Some), Status::Finished);
    for trial in &mut collapsed {
        trial.status = Status::Collapsed;
        trial.collapse = Some(Collapse::OneAnswer);
        trial.reason = "it predicts class 0 for everything".to_owned();
    }
    let mut all = control();
    all.extend(collapsed);
    let verdict = |accept_collapse: Vec<String>, collapse| {
        let analysis = Analysis { accept_collapse, ..analysis() };
        let mut all = all.clone();
        all.iter_mut().filter_map(|trial| trial.collapse.as_mut()).for_each(|own| *own = collapse);
        let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
        let comparison = &study.judgements[0].comparisons[0];
        (comparison.verdict, comparison.n())
    };
    let toy = || vec!["toy".to_owned()];
    assert_eq!(verdict(Vec::new(), Collapse::OneAnswer), (Verdict::Inferior, 0));
    assert_eq!(verdict(toy(), Collapse::OneAnswer), (Verdict::Inconclusive, 8));
    // What lost a layer is no result anywhere.
    assert_eq!(verdict(toy(), Collapse::LostLayer), (Verdict::Inferior, 0));
}
