//! The documents of made-up trials.

use std::collections::BTreeMap;

use dst_analysis::document::Page;
use dst_analysis::sample::{Size, grid, group};
use dst_analysis::{
    Analysis, Catalog, Experiment, PrimaryTest, ReportPlugin, StrategyFacts, Study,
};
use dst_record::Plugin;
use dst_record::record::TrialRecord;
use report_latex as _;
use serde_json::{Value, json};

fn analysis() -> Analysis {
    Analysis { control: "dense".to_owned(), ..Analysis::default() }
}

fn documents(experiment: &Experiment<'_>) -> BTreeMap<String, String> {
    let study = Study::new(experiment).unwrap();
    let report = ReportPlugin::find("latex").unwrap().report;
    let rendering = report.render(&study, &Page::new(&study)).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    rendering.documents.into_iter().map(|document| (document.name, text(document.bytes))).collect()
}

fn tables(trials: &[TrialRecord], analysis: &Analysis) -> String {
    documents(&Experiment::new(trials, analysis)).remove("tables.tex").unwrap()
}

const DENSE: [f64; 6] = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725];

fn shifted(points: [f64; 6]) -> Vec<f64> {
    DENSE.iter().zip(points).map(|(accuracy, shift)| accuracy + shift / 100.0).collect()
}

fn named(name: &str) -> Value {
    json!({ "name": name })
}

fn trials() -> Vec<TrialRecord> {
    let mut trials = group(&named("dense"), 0.0, &DENSE);
    trials.extend(group(&named("better"), 0.9, &shifted([1.0, 1.1, 0.9, 1.0, 1.2, 0.95])));
    // Its mean is the highest, and nothing is shown.
    trials.extend(group(&named("luck"), 0.9, &shifted([9.0, -3.0, 7.0, -1.0, 8.0, -2.0])));
    trials.extend(group(&named("lower"), 0.9, &shifted([-1.0, -1.1, -0.9, -1.0, -1.2, -0.95])));
    trials
}

/// Environments and braces are balanced, and nothing but a comment holds a bare `%`.
fn assert_compiles(text: &str) {
    let mut open = Vec::new();
    let mut depth = 0;
    for line in text.lines().filter(|line| !line.starts_with('%')) {
        let mut last = ' ';
        for sign in line.chars() {
            match sign {
                '{' if last != '\\' => depth += 1,
                '}' if last != '\\' => depth -= 1,
                '%' | '#' | '_' => assert_eq!(last, '\\', "{line}"),
                _ => {}
            }
            assert!(depth >= 0, "{line}");
            last = sign;
        }
        if let Some(name) = line.trim_start().strip_prefix("\\begin{") {
            open.push(name.split('}').next().unwrap().to_owned());
        }
        if let Some(name) = line.trim_start().strip_prefix("\\end{") {
            assert_eq!(open.pop().as_deref(), name.split('}').next(), "{line}");
        }
    }
    assert_eq!((depth, open), (0, Vec::new()));
    assert!(text.is_ascii(), "{text}");
}

#[test]
fn only_what_is_shown_to_be_superior_is_bold() {
    let text = tables(&trials(), &analysis());
    assert_compiles(&text);
    let bold: Vec<&str> = text.lines().filter(|line| line.contains("\\textbf{")).collect();
    assert_eq!(bold.len(), 1, "{bold:?}");
    assert!(bold[0].starts_with("    \\textbf{better at 90 \\%} & \\textbf{98.4"), "{}", bold[0]);
    assert!(bold[0].ends_with("\\textbf{superior} \\\\"), "{}", bold[0]);
    assert!(text.contains("    luck at 90 \\% & 100.40 $\\pm$ "), "{text}");
}

#[test]
fn two_tables_and_the_methods() {
    let text = tables(&trials(), &analysis());
    assert_eq!(text.matches("\\begin{table}").count(), 2);
    assert_eq!(text.matches("\\toprule").count(), 2);
    for said in [
        "strategy & accuracy, \\% & difference, points & FLOPs, \\% of dense & seeds & verdict \\\\",
        "\\label{tab:family-1-results}",
        "\\label{tab:family-1-costs}",
        "sparsity, prunable, \\% & non-zero parameters & inference FLOPs & training FLOPs \\\\",
        "corrected for 3 comparisons.",
        "\n% Methods\n",
        "$-$1.03 [$-$",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // Times say little of a method that masks simulate.
    assert!(!text.contains("throughput"));
}

#[test]
fn an_end_without_a_limit_is_dots() {
    let analysis = Analysis { test: PrimaryTest::Wilcoxon, ..analysis() };
    let text = tables(&trials(), &analysis);
    assert!(text.contains("\\dots{}") && !text.contains("inf,"), "{text}");
    assert_compiles(&text);
}

#[test]
fn names_are_text_and_nothing_else() {
    let mut trials = group(&named("dense"), 0.0, &DENSE);
    for name in
        ["[2em]", "*", "\\input{/etc/passwd}", "a_b^c#d~e$f", "x % y & z\\\\", "1 ± 2 … \"q\""]
    {
        trials.extend(group(&named(name), 0.9, &shifted([0.1, -0.1, 0.2, 0.0, 0.1, -0.2])));
    }
    let text = tables(&trials, &analysis());
    assert_compiles(&text);
    assert!(!text.contains("\\input"), "{text}");
    assert!(text.contains("\n    {}[2em] at 90 \\% & ") && text.contains("\n    {}* at 90 \\% & "));
}

#[test]
fn a_grid_compiles() {
    let trials = grid(Size { datasets: 2, strategies: 3, sparsities: 2, seeds: 6, epochs: 2 });
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let text = tables(&trials, &analysis);
    assert_compiles(&text);
    assert_eq!(text.matches("\\begin{tabular}{lrrrrl}").count(), 2, "{text}");
}

#[test]
fn references_are_those_of_the_methods_that_took_part() {
    let (trials, analysis) = (trials(), analysis());
    let experiment = Experiment::new(&trials, &analysis);
    assert!(!documents(&experiment).contains_key("references.bib"));
    let entry = |key: &str| format!("@article{{{key},\n  title = {{T}},\n}}");
    let facts = |key: &str| StrategyFacts { bibtex: entry(key), ..StrategyFacts::default() };
    let strategies = ["better", "absent"].map(|name| (name.to_owned(), facts(name))).into();
    let catalog = Catalog { strategies, ..Catalog::default() };
    let documents = documents(&Experiment { catalog: &catalog, ..experiment });
    assert_eq!(documents["references.bib"], entry("better") + "\n");
}

#[test]
fn without_trials_there_is_a_comment() {
    let pending = [trials()[0].spec.clone()];
    let analysis = analysis();
    let experiment = Experiment { pending: &pending, ..Experiment::new(&[], &analysis) };
    let documents = documents(&experiment);
    assert!(documents["tables.tex"].lines().all(|line| line.starts_with('%')));
}
