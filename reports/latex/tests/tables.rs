//! The tables on made-up trials.

use dst_analysis::ReportPlugin;
use dst_analysis::sample::{baseline, failed, group, spec};
use dst_analysis::{Analysis, Experiment, Study};
use dst_record::Plugin;
use dst_record::record::{Status, TrialRecord};
use report_latex as _;
use serde_json::{Value, json};

fn tables(trials: &[TrialRecord], post_hoc: bool) -> String {
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let experiment = Experiment { post_hoc, ..Experiment::new(trials, &analysis) };
    let report = ReportPlugin::find("latex").unwrap().report;
    let rendering = report.render(&Study::new(&experiment).unwrap()).unwrap();
    assert_eq!(rendering.documents[0].name, "tables.tex");
    String::from_utf8(rendering.documents[0].bytes.clone()).unwrap()
}

fn method() -> Value {
    json!({"name": "drop_grow", "fraction": 0.3})
}

#[test]
fn a_table_has_scores_differences_and_verdicts() {
    let mut trials = group(&baseline(), 0.0, &[0.972, 0.9755, 0.974, 0.9735]);
    trials.extend(group(&method(), 0.9, &[0.941, 0.9445, 0.945, 0.9405]));
    trials.push(failed(spec(method(), 0.9, 4), Status::Diverged, "loss is NaN"));
    let text = tables(&trials, true);
    let row = "    drop\\_grow at 90 \\% & 4 & $94.27 \\pm 0.23$ & $-3.10$ & $[-3.36, -2.84]$ & $< 0.001$ & inferior \\\\\n";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("    baseline & 4 & $97.38 \\pm 0.14$ &  &  &  &  \\\\\n"), "{text}");
    assert!(text.contains("Trials that failed and enter no mean: 1."), "{text}");
    assert!(text.contains("% The analysis is post hoc"), "{text}");
    // Every environment that begins ends, and no percent sign hides the end of a line.
    assert_eq!(text.matches("\\begin{").count(), text.matches("\\end{").count());
    for line in text.lines().filter(|line| !line.starts_with('%')) {
        assert!(!line.replace("\\%", "").contains('%'), "{line}");
    }
}
