//! What predictions on the test set score besides the metric that decides.

use dst_analysis::Judgement;
use dst_analysis::words::score;

use crate::table::{Table, number, words};

/// Mean and standard deviation of every other metric; none if there is no other.
pub(crate) fn others(judgement: &Judgement<'_>, id: &str) -> Option<Table> {
    let metrics = judgement.other_metrics();
    if metrics.is_empty() {
        return None;
    }
    let mut columns = vec!["strategy"];
    for metric in &metrics {
        columns.extend([metric.title(), "SD"]);
    }
    let mut table = Table::new(
        format!("{id}-others"),
        "Other scores on the test set, means over finished trials: shares in %, higher is better",
        &columns,
    );
    table.rows = judgement
        .groups()
        .map(|group| {
            let mut row = vec![words(&group.label)];
            for metric in &metrics {
                let summary = dst_stats::summary(&group.scores_by(*metric)).ok();
                row.push(number(summary.as_ref().map(|s| s.mean), |mean| score(*metric, mean)));
                row.push(number(summary.and_then(|s| s.sd), |sd| score(*metric, sd)));
            }
            row
        })
        .collect();
    Some(table)
}
