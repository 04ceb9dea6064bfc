//! The document on made-up trials.

use dst_analysis::ReportPlugin;
use dst_analysis::sample::{failed, group, spec};
use dst_analysis::{Analysis, Experiment, Margin, PrimaryTest, Study};
use dst_record::Metric;
use dst_record::Plugin;
use dst_record::record::{Status, TrialRecord};
use report_markdown as _;
use serde_json::{Value, json};

fn dense() -> Value {
    json!({"name": "dense"})
}

fn rigl() -> Value {
    json!({"name": "rigl", "drop_fraction": 0.3, "grow": "gradient"})
}

const DENSE: [f64; 6] = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725];
const CLOSE: [f64; 6] = [0.971, 0.9745, 0.975, 0.9705, 0.9755, 0.9715];
const WORSE: [f64; 6] = [0.941, 0.9445, 0.945, 0.9405, 0.9425, 0.9415];

/// Reports link no strategy, so the control is named.
fn analysis() -> Analysis {
    Analysis { control: "dense".to_owned(), ..Analysis::default() }
}

fn text(trials: &[TrialRecord], analysis: &Analysis) -> String {
    text_of(&Experiment::new(trials, analysis))
}

fn text_of(experiment: &Experiment<'_>) -> String {
    let rendering = ReportPlugin::find("markdown")
        .unwrap()
        .report
        .render(&Study::new(experiment).unwrap())
        .unwrap();
    assert_eq!(rendering.documents[0].name, "report.md");
    String::from_utf8(rendering.documents[0].bytes.clone()).unwrap()
}

fn trials() -> Vec<TrialRecord> {
    let mut trials = group(&dense(), 0.0, &DENSE);
    trials.extend(group(&rigl(), 0.9, &CLOSE));
    trials.extend(group(&rigl(), 0.98, &WORSE[..5]));
    let reason = "epoch 2: loss is NaN | all of it";
    trials.push(failed(spec(rigl(), 0.98, 5), Status::Diverged, reason));
    trials
}

fn shifted(points: [f64; 6]) -> Vec<f64> {
    DENSE.iter().zip(points).map(|(accuracy, shift)| accuracy + shift / 100.0).collect()
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
fn the_markdown_says_what_how_and_what_came_out() {
    let text = text(&trials(), &analysis());
    let training = serde_json::to_value(&trials()[0].spec.training).unwrap().to_string();
    assert_eq!(text.replace(&training, "TRAINING"), include_str!("expected.md"));
}

#[test]
fn trials_that_did_not_run_alike_are_said() {
    let mut trials = trials();
    trials[0].provenance.data_digest = "bad".to_owned();
    trials[1].provenance.device = "cuda:0".to_owned();
    trials[2].provenance.device = "cpu".to_owned();
    let text = text(&trials, &analysis());
    let notes = text.split("### Notes\n\n").nth(1).unwrap().split("\n\n").next().unwrap();
    assert_eq!(
        notes,
        "- Trials have 2 data digests (bad, c0ffee): they did not see the same data.\n\
         - Trials have 2 devices (cpu, cuda:0): times are not comparable."
    );
}

#[test]
fn another_level_and_no_margin() {
    let analysis = Analysis { alpha: 0.1, margin: Margin::Absolute(0.0), ..analysis() };
    let better = [0.3, 0.5, -0.1, 0.4, 0.6, 0.0];
    let candidates = [better, better.map(|points| -points), [0.2, -0.1, 0.1, 0.0, -0.3, 0.2]];
    let mut trials = group(&dense(), 0.0, &DENSE);
    for (sparsity, points) in [0.5, 0.8, 0.9].into_iter().zip(candidates) {
        trials.extend(group(&rigl(), sparsity, &shifted(points)));
    }
    let text = text(&trials, &analysis);
    let verdicts: Vec<&str> = text.lines().filter(|line| line.starts_with("- **")).collect();
    assert_eq!(
        verdicts,
        [
            "- **rigl at 50 % is superior to dense on toy: +0.28 points, 90 % CI [0.05, 0.51], \
             margin 0, 6 seeds (non-inferior after Holm's correction for 3 comparisons).** The whole \
             interval lies above 0: it is better. Counted together with the other comparisons of \
             the table this does not hold; it is then non-inferior.",
            "- **rigl at 80 % is inferior to dense on toy: -0.28 points, 90 % CI [-0.51, -0.05], \
             margin 0, 6 seeds (inconclusive after Holm's correction for 3 comparisons).** It is \
             worse. Counted together with the other comparisons of the table this does not hold; it \
             is then inconclusive.",
            "- **rigl at 90 % against dense on toy is inconclusive: +0.02 points, 90 % CI [-0.14, \
             0.18], margin 0, 6 seeds.** A loss is neither shown nor ruled out. This does not show \
             that the two are the same; more seeds would narrow the interval.",
        ]
    );
}

#[test]
fn a_correlation_stands_in_plain_units() {
    let trials = by(Metric::Matthews, None);
    let text = text(&trials, &analysis());
    for expected in [
        "Metric: Matthews correlation, in [-1, 1], higher is better.",
        "| Matthews correlation | sd | 95 % CI | macro F1 % |",
        "| 0.9740 | 0.0017 | [0.9722, 0.9758] | 97.40 |",
        "A loss of 0.005 or more is ruled out; a gain is not shown.",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn the_second_metric_stands_beside_the_first() {
    let trials = by(Metric::F1Binary, Some(Metric::Accuracy));
    let text = text(&trials, &analysis());
    assert!(text.contains("| F1 % | sd | 95 % CI | accuracy % |"), "{text}");
    assert!(text.contains("| 97.40 | 0.17 | [97.22, 97.58] | 50.00 |"), "{text}");
    // What else all trials have.
    let other = "### Other scores\n\n| strategy | macro F1 % |\n| --- | --- |\n| dense | 97.40 |";
    assert!(text.contains(other), "{text}");
}

#[test]
fn without_the_control_there_are_means_and_no_verdicts() {
    let sparse: Vec<TrialRecord> = group(&rigl(), 0.9, &[0.90, 0.91, 0.93])
        .into_iter()
        .chain([failed(spec(dense(), 0.0, 0), Status::Crashed, "out of memory")])
        .collect();
    let text = text(&sparse, &analysis());
    assert!(text.contains("| rigl at 90 % | 3/3 | 0 % [0, 56] | 91.33 | 1.53 |"), "{text}");
    assert!(text.contains("### Against dense\n\nNote: no trial of the control dense"), "{text}");
    assert!(!text.contains("### Verdicts"), "{text}");
}

#[test]
fn nothing_but_failures() {
    let mut trials = group(&dense(), 0.0, &[0.91, 0.92]);
    for seed in 0..2 {
        trials.push(failed(spec(rigl(), 0.9, seed), Status::Diverged, "loss is NaN"));
    }
    let text = text(&trials, &analysis());
    let row = "| rigl at 90 % | 0/2 | 100 % [34, 100] |  |  |  |  |  |  |  |  |  |  |\n";
    assert!(text.contains(row), "{text}");
}

#[test]
fn trials_that_have_not_ended_are_counted() {
    let (trials, analysis) = (trials(), analysis());
    let pending = [spec(dense(), 0.0, 6), spec(json!({"name": "set"}), 0.9, 0)];
    let text = text_of(&Experiment { pending: &pending, ..Experiment::new(&trials, &analysis) });
    assert!(text.contains("| dense | 6/7 |"), "{text}");
    assert!(text.contains("| set at 90 % | 0/1 |  |  |"), "{text}");
    assert!(text.contains("- no trial of dense has ended for seed 6: dropped from both"), "{text}");
}

#[test]
fn another_test_and_a_late_choice_are_said() {
    let analysis = Analysis { test: PrimaryTest::Wilcoxon, ..analysis() };
    let trials = trials();
    let text = text_of(&Experiment { post_hoc: true, ..Experiment::new(&trials, &analysis) });
    for expected in [
        "## Settings, post hoc",
        "| primary test | Wilcoxon's signed ranks, exact, two-sided, over seeds |",
        "| beside it | paired t, sign flips of the mean, two-sided |",
        "test it by the exact Wilcoxon signed-rank test",
        "so these comparisons are post hoc",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn several_sets_of_parameters_are_chosen_from_on_validation() {
    let variant = |fraction: f64| json!({"name": "rigl", "drop_fraction": fraction});
    let mut trials = group(&dense(), 0.0, &DENSE);
    let mut better = group(&variant(0.1), 0.9, &CLOSE);
    for outcome in better.iter_mut().filter_map(|trial| trial.outcome.as_mut()) {
        // Better on the test set, worse on validation: it must not be chosen.
        outcome.validation.accuracy = Some(0.9);
    }
    trials.extend(better);
    trials.extend(group(&variant(0.3), 0.9, &WORSE));
    let text = text(&trials, &analysis());
    assert!(
        text.contains(
            "| rigl | 90 % | 2 | rigl drop_fraction=0.3 at 90 % | 94.25 | 94.25 | inferior |"
        ),
        "{text}"
    );
    assert!(text.contains("every strategy but the control had the same number of tries"), "{text}");
}

#[test]
fn two_data_sets_are_ranked_as_exploratory() {
    let mut trials = trials();
    trials.extend(group(&json!({"name": "set"}), 0.9, &WORSE));
    let other = trials.clone().into_iter().map(|mut trial| {
        trial.spec.dataset = "other".to_owned();
        trial.id.push_str("-other");
        trial
    });
    let both: Vec<TrialRecord> = trials.iter().cloned().chain(other).collect();
    let text = text(&both, &analysis());
    assert!(text.contains("## Over data sets\n\n**Exploratory**: 2 data sets."), "{text}");
    assert!(text.contains("| dense | 1.00 |"), "{text}");
    let alone = self::text(&trials, &analysis());
    assert!(!alone.contains("## Over data sets"), "{alone}");
}
