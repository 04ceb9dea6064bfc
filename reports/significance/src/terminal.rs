//! The summary on the terminal: a table and a sentence for every comparison.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use dst_analysis::Analysis;
use dst_analysis::words::{
    correction_name, difference, interval, p_value, percent, score, sentence,
};
use dst_analysis::{Judgement, Study};

/// Columns of a terminal that lines are wrapped to fit.
const WIDTH: u16 = 100;

/// All tables with their verdicts.
pub(crate) fn text(study: &Study<'_>) -> String {
    if study.experiment.trials.is_empty() {
        return "No trial has ended, so there is nothing to compare.\n".to_owned();
    }
    let mut text = String::new();
    for judgement in &study.judgements {
        text.push_str(&section(judgement, study.analysis()));
        text.push('\n');
    }
    text.push_str(
        "Sparsity is simulated by masks: FLOPs are what the method needs for one sample, as a share\n\
         of the dense model's; times in the files are those of masked dense arithmetic.\n",
    );
    text
}

fn section(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let metric = judgement.table.metric;
    let (unit, points) = if metric.is_share() { (" in %", " in points") } else { ("", "") };
    let mut text = format!(
        "{}: test {}{unit}, difference{points} against {}, paired by seed\n\n",
        judgement.table.heading(),
        metric.title(),
        judgement.control()
    );
    text.push_str(&table(judgement, analysis));
    text.push_str("\n\n");
    for comparison in &judgement.comparisons {
        let sentence = sentence(comparison, &judgement.table.place, judgement.family, analysis);
        text.push_str(&format!("  {sentence}\n"));
    }
    let mut notes: Vec<&String> = judgement.gaps.iter().collect();
    for comparison in &judgement.comparisons {
        let kept = comparison.unreached.iter().chain(&comparison.unchanged);
        let own = comparison.dropped.iter().chain(kept);
        notes.extend(own.chain(&comparison.floor));
    }
    // What concerns the control alone is said by every comparison.
    let mut said = Vec::new();
    for note in notes {
        if !said.contains(&note) {
            text.push_str(&format!("  note: {note}\n"));
            said.push(note);
        }
    }
    text
}

fn table(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    let metric = judgement.table.metric;
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header([
            "strategy".to_owned(),
            // The heading says the rest, and lines are short.
            metric.title().trim_end_matches(" correlation").to_owned(),
            "difference".to_owned(),
            format!("{} CI", percent(1.0 - analysis.alpha)),
            format!("p ({})", correction_name(analysis.correction)),
            "FLOPs".to_owned(),
            "seeds".to_owned(),
            "verdict".to_owned(),
        ]);
    for group in judgement.groups() {
        let scores = dst_stats::summary(&group.scores()).ok();
        let comparison = judgement.comparison(group);
        let of = |cell: Option<String>| cell.unwrap_or_default();
        table.add_row([
            group.label.clone(),
            of(scores.map(|summary| match summary.sd {
                Some(sd) => format!("{} ± {}", score(metric, summary.mean), score(metric, sd)),
                None => score(metric, summary.mean),
            })),
            of(comparison.and_then(|c| c.difference).map(|d| difference(metric, d))),
            of(comparison.and_then(|c| c.interval.as_ref()).map(|ci| interval(metric, ci))),
            of(comparison.and_then(|c| c.p_adjusted).map(p_value)),
            of(group.mean(|o| o.inference_flops / o.dense_inference_flops).map(percent)),
            format!("{}/{}", group.outcomes().len(), group.planned()),
            of(comparison.map(|c| c.verdict.to_string())),
        ]);
    }
    for column in table.column_iter_mut().skip(1).take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.trim_fmt()
}
