//! The document on made-up trials.

use dst_analysis::document::{Block, Page};
use dst_analysis::sample::{failed, group, spec};
use dst_analysis::{Analysis, Experiment, ReportPlugin, Study};
use dst_record::Plugin;
use dst_record::record::{Status, TrialRecord};
use report_markdown as _;
use serde_json::{Value, json};

const DENSE: [f64; 6] = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725];
const CLOSE: [f64; 6] = [0.971, 0.9745, 0.975, 0.9705, 0.9755, 0.9715];
const LOWER: [f64; 6] = [0.941, 0.9445, 0.945, 0.9405, 0.9425, 0.9415];

fn named(name: &str) -> Value {
    json!({ "name": name })
}

fn trials(name: &str) -> Vec<TrialRecord> {
    let mut trials = group(&named("dense"), 0.0, &DENSE);
    trials.extend(group(&named(name), 0.9, &CLOSE));
    trials.extend(group(&named(name), 0.98, &LOWER[..5]));
    let reason = "epoch 2: loss is NaN | all of it\n# a heading";
    trials.push(failed(spec(named(name), 0.98, 5), Status::Diverged, reason));
    trials
}

fn with_page(trials: &[TrialRecord], look: impl FnOnce(&Page, String)) {
    let analysis = Analysis { control: "dense".to_owned(), ..Analysis::default() };
    let study = Study::new(&Experiment::new(trials, &analysis)).unwrap();
    let page = Page::new(&study);
    let report = ReportPlugin::find("markdown").unwrap().report;
    let mut documents = report.render(&study, &page).unwrap().documents;
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].name, "report.md");
    look(&page, String::from_utf8(documents.remove(0).bytes).unwrap());
}

#[test]
fn it_begins_with_what_came_out() {
    with_page(&trials("rigl"), |_, text| {
        let begins = "# toy against dense\n\n**On toy, against dense: ";
        assert!(text.starts_with(begins), "{text}");
        let results = text.split("\n\n## toy, mlp\n\n").nth(1).unwrap();
        let table = results.split("\n\n").find(|part| part.starts_with("| ")).unwrap();
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "| strategy | accuracy, % | difference, points | FLOPs, % of dense | seeds | verdict |",
                "| --- | ---: | ---: | ---: | ---: | --- |",
                "| dense | 97.40 ± 0.17 |  | 100.00 | 6/6 |  |",
            ]
        );
        assert!(
            lines[3].starts_with("| rigl at 90 % | 97.30 ± 0.22 | \u{2212}0.10 \\["),
            "{}",
            lines[3]
        );
        assert!(text.contains("\n\n* Verdicts are by paired t"), "{text}");
        assert!(text.contains("Sparsity 98 %:\n\n- On toy, rigl at 98 % "), "{text}");
        assert!(
            text.contains("\n  - rigl at 98 % diverged at seed 5: scored against the claim.\n")
        );
        assert!(text.contains("| epoch 2: loss is NaN \\| all of it \\# a heading |"));
    });
}

#[test]
fn every_heading_and_table_of_the_page_is_there() {
    with_page(&trials("rigl"), |page, text| {
        let headings: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let titles: Vec<&str> =
            page.sections.iter().map(|section| section.title.as_str()).collect();
        assert_eq!(headings, titles);
        let folds: usize = page.sections.iter().map(|section| section.folds.len()).sum();
        assert_eq!(text.lines().filter(|line| line.starts_with("### ")).count(), folds);
        let rules = text.lines().filter(|line| line.starts_with("| --")).count();
        assert_eq!(rules, page.tables().count());
        let figures = text.lines().filter(|line| line.starts_with("![")).count();
        assert_eq!(figures, page.figures().count());
        // One line for each row, with as many cells as its head.
        let rows: usize = page.tables().map(|table| table.rows.len() + 2).sum();
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), rows);
    });
}

#[test]
fn names_are_text_and_nothing_else() {
    let hostile = "<img src=x> [a](http://b) *c* `d` | e\n\n# f ![g](h) ~~i~~ &amp;";
    with_page(&trials(hostile), |page, text| {
        // Without what is escaped, nothing is left of it.
        let mut bare = String::new();
        let mut signs = text.chars();
        while let Some(sign) = signs.next() {
            if sign == '\\' {
                signs.next();
            } else {
                bare.push(sign);
            }
        }
        for markup in ["<img", "[a]", "](http", "*c*", "`d`", "\n# f", "![g", "~~"] {
            assert!(!bare.contains(markup), "{markup}: {text}");
        }
        assert!(
            text.contains("&lt;img src=x&gt; \\[a\\](http://b) \\*c\\* \\`d\\` \\| e"),
            "{text}"
        );
        assert!(text.contains("&amp;amp;"), "{text}");
        let headings = text.lines().filter(|line| line.starts_with("# ")).count();
        assert_eq!(headings, 1);
        let fences = page.sections.iter().flat_map(|section| &section.blocks);
        let fences = fences.filter(|block| matches!(block, Block::Verbatim { .. })).count();
        assert_eq!(text.lines().filter(|line| line.starts_with("```")).count(), 2 * fences);
    });
}

#[test]
fn without_trials_it_says_so() {
    let pending = [spec(named("dense"), 0.0, 0)];
    let analysis = Analysis { control: "dense".to_owned(), ..Analysis::default() };
    let experiment = Experiment { pending: &pending, ..Experiment::new(&[], &analysis) };
    let study = Study::new(&experiment).unwrap();
    let report = ReportPlugin::find("markdown").unwrap().report;
    let documents = report.render(&study, &Page::new(&study)).unwrap().documents;
    let text = String::from_utf8(documents[0].bytes.clone()).unwrap();
    assert!(text.contains("**No trial has ended, so there is nothing to compare.**"), "{text}");
}
