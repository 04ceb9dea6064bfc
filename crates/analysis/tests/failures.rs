//! A method is not better for the seeds at which it failed.

use dst_analysis::Study;
use dst_analysis::sample::{baseline, failed, group, spec};
use dst_analysis::{Analysis, Experiment};
use dst_record::record::{Status, TrialRecord};
use serde_json::{Value, json};

fn analysis() -> Analysis {
    Analysis { control: "baseline".to_owned(), ..Analysis::default() }
}

/// Trials that score `scores` with seeds from 0, where `None` diverged.
fn trials(strategy: &Value, sparsity: f64, scores: &[Option<f64>]) -> Vec<TrialRecord> {
    let accuracies: Vec<f64> = scores.iter().map(|score| score.unwrap_or_default()).collect();
    let mut trials = group(strategy, sparsity, &accuracies);
    for (seed, trial) in trials.iter_mut().enumerate().filter(|(seed, _)| scores[*seed].is_none()) {
        *trial = TrialRecord {
            id: trial.id.clone(),
            ..failed(spec(strategy.clone(), sparsity, seed as u64), Status::Diverged, "NaN")
        };
    }
    trials
}

#[test]
fn ranks_compare_the_seeds_that_all_finished() {
    // With its one good seed alone the method would have 0.93 and the control 0.92.
    let mut all = Vec::new();
    for dataset in ["a", "b"] {
        let mut here = trials(&baseline(), 0.0, &[Some(0.90), Some(0.92), Some(0.94)]);
        here.extend(trials(&json!({"name": "method"}), 0.9, &[None, None, Some(0.93)]));
        for trial in &mut here {
            trial.spec.dataset = dataset.to_owned();
            trial.id = format!("{dataset}-{}", trial.id);
        }
        all.extend(here);
    }
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let across = study.across.unwrap();
    let place = |name: &str| across.methods.iter().position(|method| method.starts_with(name));
    let (control, method) = (place("baseline").unwrap(), place("method").unwrap());
    assert_eq!(across.scores, vec![across.scores[0].clone(); 2]);
    assert_eq!((across.scores[0][control], across.scores[0][method]), (0.94, 0.93));
}

#[test]
fn parameters_are_chosen_on_the_seeds_that_all_finished() {
    let drop = |fraction: f64| json!({"name": "method", "drop_fraction": fraction});
    let mut all = trials(&baseline(), 0.0, &[Some(0.98); 3]);
    all.extend(trials(&drop(0.1), 0.9, &[Some(0.96), Some(0.965), Some(0.97)]));
    // Better in the mean of what it finished, worse at the seed that both did.
    all.extend(trials(&drop(0.3), 0.9, &[None, None, Some(0.968)]));
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let selections = &study.judgements[0].selections;
    let [selection] = &selections
        .iter()
        .filter(|selection| selection.strategy == "method")
        .collect::<Vec<_>>()[..]
    else {
        panic!("{selections:?}")
    };
    assert_eq!((selection.tried, selection.validation), (2, Some(0.97)));
    assert!(selection.chosen.as_ref().unwrap().parameters.contains("0.1"), "{selection:?}");
}

#[test]
fn what_failures_would_have_scored_is_said_with_one_pair_too() {
    let mut all = trials(&baseline(), 0.0, &[Some(0.98), Some(0.97), Some(0.96)]);
    all.extend(trials(&json!({"name": "method"}), 0.9, &[None, None, Some(0.95)]));
    for trial in &mut all {
        // Of ten classes, at which a guess is right in one of ten.
        trial.confusion = vec![vec![10; 10]; 10];
    }
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let comparison = &study.judgements[0].comparisons[0];
    assert_eq!(comparison.n(), 1);
    let expected = ((0.1 - 0.98) + (0.1 - 0.97) + (0.95 - 0.96)) / 3.0;
    let difference = comparison.evidence.with_failures.unwrap();
    assert!((difference - expected).abs() < 1e-12, "{difference}");
}
