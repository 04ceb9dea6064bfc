//! The columns of `comparisons.csv`.

use dst_analysis::Analysis;

use crate::trials::*;

#[test]
fn a_comparison_is_a_row() {
    let mut trials = group(&dense(), 0.0, &[0.972, 0.9755, 0.974]);
    trials.extend(group(&rigl(), 0.9, &[0.971, 0.9745, 0.975]));
    let training = serde_json::to_value(&trials[0].spec.training).unwrap().to_string();
    let text = document(&trials, &Analysis::default(), "comparisons.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    let shown: Vec<String> = header
        .iter()
        .zip(&rows[0])
        .map(|(name, cell)| match cell.parse::<f64>() {
            // The last digits are the machine's.
            Ok(number) if cell.len() > 10 => format!("{name}: {number:.8}"),
            _ => format!("{name}: {}", cell.replace(&training, "TRAINING")),
        })
        .collect();
    // Behind it stands the evidence, which `dst-stats` tests number by number.
    let (row, evidence) = shown.split_at(42);
    let filled = |line: &&String| !line.ends_with(": ");
    assert_eq!(evidence.len(), 9);
    assert_eq!(evidence.iter().filter(filled).count(), 8, "{evidence:?}");
    assert_eq!(
        row.join("\n"),
        r#"dataset: toy
model: mlp
model_params: {"hidden":[8]}
training: TRAINING
strategy: rigl
params: {"drop_fraction":0.3,"grow":"gradient"}
sparsity: 0.9
control: dense
control_params: {}
control_sparsity: 0
verdict: non-inferior
verdict_adjusted: non-inferior
pairs_planned: 3
pairs: 3
failures: 0
control_failures: 0
test_accuracy_mean: 0.9735
control_test_accuracy_mean: 0.97383333
difference: -0.00033333
ci_low: -0.00320177
ci_high: 0.00253510
ci_level: 0.95
bound_low: -0.00227999
margin: 0.005
alpha: 0.05
p_paired_t: 0.66666667
p_adjusted: 0.66666667
comparisons: 1
p_wilcoxon: 1
smallest_p_wilcoxon: 0.25
p_sign_flip: 1
d_z: -0.28867513
a12: 0.44444444
inference_flops_ratio: 0.20000000
train_flops_ratio: 0.20000000
note: 3 differences: the exact tests (Wilcoxon, sign flips) cannot go below p = 0.25; 6 seeds or more are needed
metric: accuracy
test_metric_mean: 0.9735
control_test_metric_mean: 0.97383333
test: paired-t
correction: holm
untested: "#
    );
}

#[test]
fn the_readme_documents_every_column() {
    let readme = include_str!("../../README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("`comparisons.csv`"));
    let documented: Vec<&str> = section
        .expect("README.md has a section `comparisons.csv`")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let text = document(&[], &Analysis::default(), "comparisons.csv");
    assert_eq!(documented, text.trim_end().split(',').collect::<Vec<_>>());
}

#[test]
fn single_models_are_compared_where_their_predictions_were_kept() {
    let mut trials = group(&dense(), 0.0, &[0.97, 0.98]);
    trials.extend(group(&rigl(), 0.9, &[0.96, 0.96]));
    let rendering = render(&trials, &Analysis::default()).unwrap();
    assert!(rendering.documents.iter().all(|document| document.name != "mcnemar.csv"));

    dst_analysis::sample::predict(&mut trials, 100);
    let text = document(&trials, &Analysis::default(), "mcnemar.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    // What one is right in and the other is not differs by as many as their accuracies do.
    for (row, lost) in rows.iter().zip([1, 2]) {
        let count = |place: usize| row[place].parse::<i64>().unwrap();
        assert_eq!(count(8) - count(7), lost, "{row:?}");
        let p: f64 = row[9].parse().unwrap();
        assert!(p > 0.0 && p <= 1.0, "{row:?}");
    }
}
