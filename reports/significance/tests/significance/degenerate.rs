//! Comparisons without a test, each with its sentence.

use dst_analysis::Analysis;
use dst_record::record::{Status, TrialRecord};

use crate::trials::*;

/// The one sentence, and verdict, difference, paired t, Wilcoxon, sign flips and note of the one
/// comparison.
fn outcome(trials: &[TrialRecord]) -> (String, Vec<String>) {
    let names = ["verdict", "difference", "p_paired_t", "p_wilcoxon", "p_sign_flip", "note"];
    let mut rows = cells(trials, &Analysis::default(), &names);
    assert_eq!(rows.len(), 1);
    (sentences(trials).remove(0), rows.remove(0))
}

fn pair(candidate: &[f64], control: &[f64]) -> Vec<TrialRecord> {
    [group(&rigl(), 0.9, candidate), group(&dense(), 0.0, control)].concat()
}

#[test]
fn identical_accuracies() {
    let (sentence, cells) = outcome(&pair(&[0.9, 0.91, 0.92, 0.93], &[0.9, 0.91, 0.92, 0.93]));
    assert_eq!(
        sentence,
        "rigl at 90 % against dense on toy is inconclusive: identical at every seed, 4 seeds; \
         without variance there is no test"
    );
    assert_eq!(cells, ["inconclusive", "0", "", "", "", "identical: all differences are 0"]);
}

#[test]
fn a_constant_difference_has_signs_but_no_variance() {
    let (sentence, cells) = outcome(&pair(
        &[0.90, 0.91, 0.92, 0.93, 0.94, 0.95],
        &[0.89, 0.90, 0.91, 0.92, 0.93, 0.94],
    ));
    assert_eq!(
        sentence,
        "rigl at 90 % against dense on toy is inconclusive: +1.00 points at every seed, 6 \
         seeds; without variance there is no test"
    );
    assert_eq!(cells[0], "inconclusive");
    assert_eq!(cells[2..], ["", "0.03125", "0.03125", "no variance: all differences are equal"]);
}

#[test]
fn one_pair() {
    let (sentence, cells) = outcome(&pair(&[0.90], &[0.92]));
    assert_eq!(
        sentence,
        "rigl at 90 % against dense on toy is inconclusive: -2.00 points, 1 seed; a test needs 2 \
         pairs"
    );
    assert_eq!(cells[2..], ["", "", "", "1 pair of seeds: a test needs 2"]);
}

#[test]
fn fewer_pairs_than_the_analysis_asks_for() {
    let (sentence, cells) = outcome(&pair(&[0.90, 0.91], &[0.92, 0.925]));
    assert_eq!(
        sentence,
        "rigl at 90 % against dense on toy is inconclusive: -1.75 points, 95 % CI [-4.93, 1.43], \
         2 seeds; a p-value needs 3 pairs"
    );
    assert_eq!(cells[2..], ["", "", "", "too few pairs of seeds: a p-value needs 3"]);

    let analysis = Analysis { minimum_pairs: 2, ..Analysis::default() };
    let cells = self::cells(
        &pair(&[0.90, 0.91], &[0.92, 0.925]),
        &analysis,
        &["p_wilcoxon", "smallest_p_wilcoxon", "note"],
    );
    assert_eq!(
        cells[0],
        [
            "0.5",
            "0.5",
            "2 differences: the exact tests (Wilcoxon, sign flips) cannot go below p = 0.5; 6 \
             seeds or more are needed"
        ]
    );
}

#[test]
fn a_failure_takes_its_seed_from_both() {
    let mut trials = pair(&[0.90, 0.91, 0.93, 0.92, 0.95], &[0.91, 0.92, 0.92, 0.95]);
    trials[1] = failed(trials[1].spec.clone(), Status::TimedOut, "after 60 s");
    trials[5] = failed(trials[5].spec.clone(), Status::Crashed, "killed by signal 9");
    let (sentence, cells) = outcome(&trials);
    assert_eq!(
        sentence,
        "rigl at 90 % against dense on toy is inconclusive: -1.00 points, 95 % CI [-26.41, 24.41], \
         2 of 5 seeds; a p-value needs 3 pairs"
    );
    assert_eq!(
        cells[5],
        "too few pairs of seeds: a p-value needs 3; \
         rigl at 90 % timed-out at seed 1: dropped from both; \
         no trial of dense has ended for seed 4: dropped from both; \
         dense crashed at seed 0: dropped from both"
    );
    let counts = ["pairs", "pairs_planned", "failures", "control_failures"];
    assert_eq!(self::cells(&trials, &Analysis::default(), &counts)[0], ["2", "5", "1", "1"]);
}

#[test]
fn a_collapsed_trial_has_numbers_and_is_no_sample() {
    let mut trials = pair(&[0.9, 0.1], &[0.91, 0.92]);
    trials[1].status = Status::Collapsed;
    let (sentence, _) = outcome(&trials);
    assert!(sentence.contains("-1.00 points, 1 of 2 seeds"), "{sentence}");
}

#[test]
fn nothing_but_failures() {
    let mut trials = pair(&[0.9, 0.9], &[0.91, 0.92]);
    for trial in &mut trials[..2] {
        *trial = failed(trial.spec.clone(), Status::Diverged, "loss is NaN");
    }
    let (sentence, cells) = outcome(&trials);
    assert_eq!(
        sentence,
        "rigl at 90 % against dense on toy is inconclusive: no pair of 2 seeds finished"
    );
    assert_eq!(cells[..5], ["inconclusive", "", "", "", ""]);
}

#[test]
fn seeds_that_do_not_meet() {
    let mut trials = group(&dense(), 0.0, &[0.9, 0.91]);
    trials.push(finished(spec(rigl(), 0.9, 7), 0.92));
    let (sentence, _) = outcome(&trials);
    assert!(sentence.ends_with("no pair of 3 seeds finished"), "{sentence}");
}

#[test]
fn differences_of_zero_are_left_out_of_the_ranks_and_said() {
    let (_, cells) = outcome(&pair(&[0.90, 0.91, 0.93, 0.92], &[0.91, 0.91, 0.91, 0.95]));
    assert_eq!(
        cells[5],
        "3 differences: the exact tests (Wilcoxon, sign flips) cannot go below p = 0.25; 6 seeds \
         or more are needed; 1 pair without a difference left out of Wilcoxon's ranks"
    );
}

#[test]
fn many_seeds_are_flipped_at_random_and_that_is_said() {
    let control: Vec<f64> = (0..24).map(|i| 0.9 + 0.001 * f64::from(i * i % 7)).collect();
    let candidate: Vec<f64> = (0..24).map(|i| 0.9 + 0.001 * f64::from(i * 5 % 11)).collect();
    let (_, cells) = outcome(&pair(&candidate, &control));
    assert!(cells[5].contains("sign flips: 100000 random patterns, seed 0"), "{}", cells[5]);
}

#[test]
fn a_sparsity_that_was_not_reached_is_said() {
    let mut trials = pair(&[0.90, 0.91, 0.93], &[0.91, 0.92, 0.92]);
    for outcome in trials.iter_mut().filter_map(|trial| trial.outcome.as_mut()) {
        // As if no update had come before the last epoch.
        outcome.sparsity_prunable = 0.0;
    }
    let note = "rigl at 90 % ended at a sparsity of 0 %, not 90 %: its scores are no scores of that \
                sparsity";
    assert!(summary(&trials).contains(note), "{}", summary(&trials));
    let cells = cells(&trials, &Analysis::default(), &["note"]);
    assert!(cells[0][0].contains(note), "{cells:?}");
}
