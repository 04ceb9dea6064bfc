//! The document: settings, a section for each table, ranks over data sets, methods.

use dst_analysis::PrimaryTest;
use dst_analysis::words::{correction_name, margin, percent};
use dst_analysis::{Study, methods};
use dst_record::Metric;

use crate::across;
use crate::section::section;

/// The document.
pub(crate) fn text(study: &Study<'_>) -> String {
    let mut text = format!(
        "# Report\n\n\
         Every strategy against **{}** on the test set, within one data set, model and training, \
         paired by seed: two strategies with one seed start from the same weights and see the same \
         batches. The weights are those of the epoch best on validation by the official metric of \
         the data set. Differences are strategy minus control: of accuracy and F1 in points (1 \
         point is 1 %), of correlations in plain units.\n\n",
        study.control
    );
    text.push_str(&settings(study));
    if study.experiment.trials.is_empty() {
        text.push_str("\nNo trial has ended, so there is nothing to compare.\n");
    }
    for judgement in &study.judgements {
        text.push_str(&section(judgement, study.analysis()));
    }
    text.push_str(&across::section(study));
    text.push_str(
        "\n## Reading the costs\n\n\
         - Samples per second are of forward passes over the whole test set in large batches, \
         milliseconds per sample of small ones; loading is not counted.\n\
         - Sparsity is simulated by masks: every time here is that of masked dense arithmetic and \
         says nothing about the speed of a sparse implementation.\n\
         - FLOPs are what the method needs (a multiplication and an addition are two), whatever \
         arithmetic was used.\n\
         - Equal sparsity is not equal compute: the same number of connections costs more in a \
         layer that is applied at many positions. Compare the FLOPs beside the accuracy.\n",
    );
    if !study.experiment.trials.is_empty() {
        text.push_str(&format!("\n## Methods\n\n{}\n", methods(study)));
    }
    text
}

/// How trials are compared, and when that was decided.
fn settings(study: &Study<'_>) -> String {
    let analysis = study.analysis();
    let fixed = match study.experiment.post_hoc {
        false => "## Settings, fixed before the run",
        true => {
            "## Settings, post hoc\n\nThey were chosen or changed after a trial had begun: read the \
             verdicts as exploratory."
        }
    };
    let beside = [PrimaryTest::PairedT, PrimaryTest::Wilcoxon, PrimaryTest::SignFlips]
        .into_iter()
        .filter(|test| *test != analysis.test)
        .map(describe);
    let mut rows = vec![
        ["control".to_owned(), study.control.clone()],
        [
            "margin".to_owned(),
            format!(
                "{} of the metric ({} points)",
                margin(Metric::Matthews, analysis.margin.size()),
                margin(Metric::Accuracy, analysis.margin.size())
            ),
        ],
        ["alpha".to_owned(), analysis.alpha.to_string()],
        ["fewest pairs for a p-value".to_owned(), analysis.minimum_pairs.to_string()],
        ["primary test".to_owned(), format!("{}, two-sided, over seeds", describe(analysis.test))],
        ["beside it".to_owned(), format!("{}, two-sided", beside.collect::<Vec<_>>().join(", "))],
        [
            "correction".to_owned(),
            format!(
                "{}, over the m comparisons of one table that have a test",
                correction_name(analysis.correction)
            ),
        ],
    ];
    for (dataset, metric) in &analysis.metrics {
        rows.push([format!("metric of {dataset}"), metric.title().to_owned()]);
    }
    let level = percent(1.0 - analysis.alpha);
    let (what, superior, inferior, non_inferior) = match analysis.test {
        PrimaryTest::PairedT => (
            "the interval of the mean difference",
            format!("the {level} interval lies above 0"),
            format!("the {level} interval lies below -{}", analysis.margin.size()),
            format!(
                "the {} interval lies above -{}, that is, the one-sided {level} bound does",
                percent(1.0 - 2.0 * analysis.alpha),
                analysis.margin.size()
            ),
        ),
        _ => (
            "the primary test",
            "differences are shown to lie above 0".to_owned(),
            format!("they are shown to lie below -{}", analysis.margin.size()),
            format!("the one-sided test shows that they lie above -{}", analysis.margin.size()),
        ),
    };
    format!(
        "{fixed}\n\n{}\nThe verdict follows from {what}; the first line that applies counts:\n\n\
         1. *superior*: {superior};\n\
         2. *inferior*: {inferior};\n\
         3. *non-inferior*: {non_inferior};\n\
         4. *inconclusive*: none of these. It never means that the two are the same.\n\n\
         Each verdict is that of its comparison alone; where p-values adjusted over the table \
         lead to another one, the sentence says so.\n",
        table(&["setting", "value"], rows.into_iter().map(Vec::from))
    )
}

fn describe(test: PrimaryTest) -> &'static str {
    match test {
        PrimaryTest::PairedT => "paired t",
        PrimaryTest::Wilcoxon => "Wilcoxon's signed ranks, exact",
        PrimaryTest::SignFlips => "sign flips of the mean",
    }
}

/// A cell of what may be missing.
pub(crate) fn cell<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map(text).unwrap_or_default()
}

/// A table of Markdown.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: Vec<String>| {
        let cells: Vec<String> =
            cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let mut text = line(header.iter().map(|&name| name.to_owned()).collect());
    text.push_str(&line(header.iter().map(|_| "---".to_owned()).collect()));
    text.extend(rows.into_iter().map(line));
    text
}
