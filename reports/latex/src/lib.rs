//! Tables for a paper: `tables.tex`, one `table` environment for each data set, model and training,
//! and the methods paragraph.
//!
//! It needs the package `booktabs`, and nothing else. What is compared and how stands in
//! [`dst_analysis`].

use dst_analysis::Rendering;
use dst_analysis::ReportPlugin;
use dst_analysis::words::{correction_name, difference, interval, p_value, percent, score};
use dst_analysis::{Analysis, Document, Report};
use dst_analysis::{Judgement, Study, methods};
use dst_record::Result;
use dst_stats::Verdict;

mod text;

use text::escaped;

/// The report of this crate.
struct Latex;

inventory::submit! {
    ReportPlugin {
        name: "latex",
        summary: "Tables of scores and comparisons for LaTeX, with a methods paragraph.",
        order: 50,
        report: &Latex,
    }
}

impl Report for Latex {
    fn render(&self, study: &Study<'_>) -> Result<Rendering> {
        let document =
            Document { name: "tables.tex".to_owned(), bytes: document(study).into_bytes() };
        Ok(Rendering { documents: vec![document], summary: String::new() })
    }
}

fn document(study: &Study<'_>) -> String {
    let mut text = String::from(
        "% Needs \\usepackage{booktabs}. Made from a store of trials; edit the store, not this.\n",
    );
    if study.experiment.post_hoc {
        text.push_str(
            "% The analysis is post hoc: it was chosen or changed after a trial had begun.\n",
        );
    }
    if study.experiment.trials.is_empty() {
        text.push_str("% No trial has ended, so there is nothing to compare.\n");
        return text;
    }
    for (place, judgement) in study.judgements.iter().enumerate() {
        text.push_str(&table(judgement, place + 1, study.analysis()));
    }
    text.push_str(&format!("\n% Methods\n{}\n", escaped(&methods(study))));
    text
}

fn table(judgement: &Judgement<'_>, place: usize, analysis: &Analysis) -> String {
    let metric = judgement.table.metric;
    let unit = if metric.is_share() { " (\\%)" } else { "" };
    let points = if metric.is_share() { " (points)" } else { "" };
    let level = escaped(&percent(1.0 - analysis.alpha));
    let mut text = format!(
        "\n\\begin{{table}}\n  \\centering\n  \\begin{{tabular}}{{lrrrlrl}}\n    \\toprule\n    \
         strategy & $n$ & {}{unit} & difference{points} & {level} CI & $p$ ({}) & verdict \\\\\n    \
         \\midrule\n",
        escaped(metric.title()),
        correction_name(analysis.correction),
    );
    for group in judgement.groups() {
        let scores = dst_stats::summary(&group.scores()).ok();
        let mean = scores.map_or_else(
            || "--".to_owned(),
            |summary| match summary.sd {
                Some(sd) => format!("${} \\pm {}$", score(metric, summary.mean), score(metric, sd)),
                None => format!("${}$", score(metric, summary.mean)),
            },
        );
        let comparison = judgement.comparison(group);
        let cell = |value: Option<String>| value.unwrap_or_default();
        let n = comparison.map_or(group.outcomes().len(), |comparison| comparison.n());
        let verdict = comparison.map(|comparison| match comparison.verdict {
            Verdict::Superior => format!("\\textbf{{{}}}", comparison.verdict),
            verdict => verdict.to_string(),
        });
        text.push_str(&format!(
            "    {} & {n} & {mean} & {} & {} & {} & {} \\\\\n",
            escaped(&group.label),
            cell(
                comparison
                    .and_then(|c| c.difference)
                    .map(|d| format!("${}$", difference(metric, d)))
            ),
            cell(
                comparison
                    .and_then(|c| c.interval.as_ref())
                    .map(|ci| format!("${}$", interval(metric, ci)))
            ),
            cell(comparison.and_then(|c| c.p_adjusted).map(|p| format!("${}$", p_value(p)))),
            cell(verdict),
        ));
    }
    let failed: usize = judgement.table.groups.iter().map(|group| group.failures().len()).sum();
    let failures = match failed {
        0 => String::new(),
        some => format!(" Trials that failed and enter no mean: {some}."),
    };
    text.push_str(&format!(
        "    \\bottomrule\n  \\end{{tabular}}\n  \\caption{{Test {} on {}: mean $\\pm$ standard \
         deviation over $n$ seeds, and the difference from {}, paired by seed, with margin {}.{}}}\n  \
         \\label{{tab:comparison-{place}}}\n\\end{{table}}\n",
        escaped(metric.title()),
        escaped(&judgement.table.heading()),
        escaped(judgement.control()),
        analysis.margin.size(),
        failures,
    ));
    text
}
