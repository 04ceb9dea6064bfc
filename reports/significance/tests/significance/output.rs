//! What people read, as text.

use crate::trials::*;
use dst_analysis::Analysis;
use dst_record::Metric;
use dst_record::record::{Status, TrialRecord};
use proptest::prelude::*;
use serde_json::json;

const DENSE: [f64; 6] = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725];
const CLOSE: [f64; 6] = [0.971, 0.9745, 0.975, 0.9705, 0.9755, 0.9715];
const WORSE: [f64; 6] = [0.941, 0.9445, 0.945, 0.9405, 0.9425, 0.9415];

fn trials() -> Vec<TrialRecord> {
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&rigl(), 0.9, &CLOSE));
    trials.extend(group(&rigl(), 0.98, &WORSE[..5]));
    let reason = "epoch 2: loss is NaN | all of it";
    trials.push(failed(spec(rigl(), 0.98, 5), Status::Diverged, reason));
    trials
}

#[test]
fn the_terminal_shows_a_table_and_a_sentence_for_every_comparison() {
    assert_eq!(
        summary(&trials()),
        "\
toy, mlp: test accuracy in %, difference in points against dense, paired by seed

 strategy          accuracy  difference         95 % CI  p (Holm)  FLOPs  seeds  verdict
 dense         97.40 ± 0.17                                        100 %    6/6
 rigl at 90 %  97.30 ± 0.22       -0.10   [-0.23, 0.03]     0.111   20 %    6/6  non-inferior
 rigl at 98 %  94.27 ± 0.20       -3.16  [-3.40, -2.92]   < 0.001    4 %    5/6  inferior

  rigl at 90 % is non-inferior to dense on toy: -0.10 points, 95 % CI [-0.23, 0.03], margin 0.5, 6 seeds
  rigl at 98 % is inferior to dense on toy: -3.16 points, 95 % CI [-3.40, -2.92], margin 0.5, 5 of 6 seeds
  note: rigl at 98 % diverged at seed 5: dropped from both
  note: 5 differences: the exact tests (Wilcoxon, sign flips) cannot go below p = 0.0625; 6 seeds or more are needed

Sparsity is simulated by masks: FLOPs are what the method needs for one sample, as a share
of the dense model's; times in the files are those of masked dense arithmetic.
"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_order_of_trials_does_not_matter(shuffled in Just(trials()).prop_shuffle()) {
        let analysis = Analysis::default();
        prop_assert_eq!(render(&shuffled, &analysis).unwrap(), render(&trials(), &analysis).unwrap());
    }
}

/// The sentence about one candidate.
fn said(candidate: &[f64]) -> String {
    let trials = [group(&rigl(), 0.9, candidate), group(&dense(), 0.0, &DENSE)].concat();
    sentences(&trials).remove(0)
}

fn shifted(points: [f64; 6]) -> Vec<f64> {
    DENSE.iter().zip(points).map(|(accuracy, shift)| accuracy + shift / 100.0).collect()
}

#[test]
fn every_verdict_has_its_sentence() {
    assert_eq!(
        [
            said(&shifted([0.3, 0.5, 0.2, 0.4, 0.6, 0.1])),
            said(&shifted([0.1, -0.2, 0.0, -0.1, -0.3, 0.2])),
            // Only the one-sided bound clears the margin.
            said(&shifted([-0.65, -0.4, -0.2, -0.2, 0.0, 0.25])),
            // Worse for certain, yet within the margin.
            said(&shifted([-0.2, -0.3, -0.2, -0.1, -0.3, -0.2])),
            said(&shifted([-1.0, -2.0, -1.5, -1.8, -1.2, -1.4])),
            said(&shifted([-1.0, 1.0, -0.5, 0.2, -0.6, 0.1])),
        ],
        [
            "rigl at 90 % is superior to dense on toy: +0.35 points, 95 % CI [0.15, 0.55], margin \
             0.5, 6 seeds",
            "rigl at 90 % is non-inferior to dense on toy: -0.05 points, 95 % CI [-0.25, 0.15], \
             margin 0.5, 6 seeds",
            "rigl at 90 % is non-inferior to dense on toy: -0.20 points, 95 % CI [-0.53, 0.13], \
             one-sided bound -0.46, margin 0.5, 6 seeds",
            "rigl at 90 % is non-inferior to dense on toy: -0.22 points, 95 % CI [-0.30, -0.14], \
             margin 0.5, 6 seeds",
            "rigl at 90 % is inferior to dense on toy: -1.48 points, 95 % CI [-1.87, -1.09], \
             margin 0.5, 6 seeds",
            "rigl at 90 % against dense on toy is inconclusive: -0.13 points, 95 % CI [-0.88, \
             0.62], margin 0.5, 6 seeds",
        ]
    );
}

#[test]
fn a_verdict_that_holm_takes_back_says_so() {
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&rigl(), 0.9, &shifted([0.3, 0.5, -0.05, 0.4, 0.6, 0.05])));
    trials.extend(group(&rigl(), 0.95, &shifted([-1.0, 1.0, -0.5, 0.2, -0.6, 0.1])));
    assert_eq!(
        sentences(&trials)[0],
        "rigl at 90 % is superior to dense on toy: +0.30 points, 95 % CI [0.03, 0.57], margin 0.5, \
         6 seeds (non-inferior after Holm's correction for 2 comparisons)"
    );
}

#[test]
fn labels_name_what_differs() {
    let variant = |fraction: f64| json!({"name": "rigl", "drop_fraction": fraction, "grow": "x"});
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&variant(0.1), 0.9, &CLOSE));
    trials.extend(group(&variant(0.3), 0.9, &CLOSE));
    let starts = |trials: &[TrialRecord]| -> Vec<String> {
        let head = |line: String| line.split(" is ").next().unwrap().to_owned();
        sentences(trials).into_iter().map(head).collect()
    };
    assert_eq!(
        starts(&trials),
        ["rigl drop_fraction=0.1 at 90 %", "rigl drop_fraction=0.3 at 90 %"]
    );

    let longer = trials.iter().cloned().map(|mut trial| {
        trial.spec.training.epochs = 5;
        trial.id.push_str("-long");
        trial
    });
    let both: Vec<TrialRecord> = trials.iter().cloned().chain(longer).collect();
    let text = summary(&both);
    let headings: Vec<&str> = text.lines().filter(|line| line.contains("test accuracy")).collect();
    assert_eq!(
        headings,
        ["toy (mlp epochs=2)", "toy (mlp epochs=5)"].map(|place| format!(
            "{place}: test accuracy in %, difference in points against dense, paired by seed"
        ))
    );
    assert!(text.contains("to dense on toy (mlp epochs=5): -0.10 points"), "{text}");
}

#[test]
fn a_narrow_terminal_wraps_long_parameters() {
    let variant = |interval: &str| json!({"name": "rigl", "drop_fraction": 0.3, "grow": interval, "update_interval": interval});
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&variant("every 100 steps"), 0.9, &CLOSE));
    trials.extend(group(&variant("every 10000 steps"), 0.9, &CLOSE));
    let text = summary(&trials);
    let table: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with(" strategy"))
        .take_while(|line| !line.is_empty())
        .collect();
    assert!(table.len() > 4, "{text}");
    assert!(table.iter().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("non-inferior"), "{text}");
}

/// The trials with their accuracies as values of another metric.
fn by(metric: Metric, second_metric: Option<Metric>) -> Vec<TrialRecord> {
    let mut trials = trials();
    for outcome in trials.iter_mut().filter_map(|trial| trial.outcome.as_mut()) {
        outcome.metric = metric;
        outcome.second_metric = second_metric;
        let value = outcome.test.accuracy.take();
        match metric {
            Metric::Matthews => outcome.test.matthews = value,
            Metric::F1Binary => outcome.test.f1_binary = value,
            other => panic!("{other} is not asked for"),
        }
        outcome.test.accuracy = Some(0.5);
    }
    trials
}

#[test]
fn a_correlation_is_compared_in_plain_units() {
    let trials = by(Metric::Matthews, None);
    assert_eq!(
        summary(&trials).split("\n\n").take(3).collect::<Vec<_>>().join("\n\n"),
        "\
toy, mlp: test Matthews correlation, difference against dense, paired by seed

 strategy             Matthews  difference            95 % CI  p (Holm)  FLOPs  seeds  verdict
 dense         0.9740 ± 0.0017                                           100 %    6/6
 rigl at 90 %  0.9730 ± 0.0022     -0.0010  [-0.0023, 0.0003]     0.111   20 %    6/6  non-inferior
 rigl at 98 %  0.9427 ± 0.0020     -0.0316          [-0.0340,   < 0.001    4 %    5/6  inferior
                                                     -0.0292]

  rigl at 90 % is non-inferior to dense on toy: Matthews correlation -0.0010, 95 % CI [-0.0023, 0.0003], margin 0.005, 6 seeds
  rigl at 98 % is inferior to dense on toy: Matthews correlation -0.0316, 95 % CI [-0.0340, -0.0292], margin 0.005, 5 of 6 seeds
  note: rigl at 98 % diverged at seed 5: dropped from both
  note: 5 differences: the exact tests (Wilcoxon, sign flips) cannot go below p = 0.0625; 6 seeds or more are needed"
    );
    let columns = ["metric", "test_metric_mean", "test_accuracy_mean", "difference"];
    let plain = cells(&trials, &Analysis::default(), &columns);
    let accuracy = cells(&self::trials(), &Analysis::default(), &columns);
    assert_eq!(plain[0][0], "matthews");
    assert_eq!(plain[0][2], "");
    assert_eq!([&plain[0][1], &plain[0][3]], [&accuracy[0][1], &accuracy[0][3]]);
}

#[test]
fn another_share_is_named_and_the_second_metric_stands_beside_it() {
    let trials = by(Metric::F1Binary, Some(Metric::Accuracy));
    assert_eq!(
        sentences(&trials)[0],
        "rigl at 90 % is non-inferior to dense on toy: F1 -0.10 points, 95 % CI [-0.23, 0.03], \
         margin 0.5, 6 seeds"
    );
    assert!(summary(&trials).starts_with("toy, mlp: test F1 in %, difference in points against"));
}

#[test]
fn a_missing_value_drops_its_seed_and_is_no_failure() {
    let mut trials = by(Metric::Matthews, None);
    trials[6].outcome.as_mut().unwrap().test.matthews = None;
    let text = summary(&trials);
    let note = "note: rigl at 90 % finished without a Matthews correlation at seed 0: dropped";
    assert!(text.contains(note), "{text}");
    let rows = cells(&trials, &Analysis::default(), &["pairs", "failures"]);
    assert_eq!(rows[0], ["5", "0"]);
}

#[test]
fn trials_recorded_with_different_metrics_are_compared_on_accuracy() {
    let mut trials = by(Metric::Matthews, None);
    trials[0].outcome.as_mut().unwrap().metric = Metric::Accuracy;
    assert!(summary(&trials).starts_with("toy, mlp: test accuracy in %"));
}
