//! What the trials of a table cost, beside the columns of its means.

use dst_analysis::{Group, Judgement};
use dst_record::measure::{self, Better, Measure};

use crate::markdown::{cell, table};

/// The measures that are shown, by name.
const MEASURES: [&str; 4] = [
    "nonzero_parameters",
    "inference_samples_per_second",
    "train_seconds_per_epoch",
    "peak_memory_bytes",
];

/// Means over finished trials; empty where one of them has no such number.
pub(crate) fn text(judgement: &Judgement<'_>) -> String {
    let measures: Vec<&Measure> = MEASURES.iter().filter_map(|name| measure::find(name)).collect();
    let mut header = vec!["strategy".to_owned()];
    header.extend(measures.iter().map(|measure| heading(measure)));
    header.push("memory counted".to_owned());
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let rows = judgement.groups().map(|group| {
        let mut row = vec![group.label.clone()];
        row.extend(measures.iter().map(|measure| mean(group, measure)));
        row.push(memory_kind(group));
        row
    });
    table(&header, rows)
}

fn heading(measure: &Measure) -> String {
    let name = measure.name.replace('_', " ");
    match measure.better {
        Better::Neither => name,
        better => format!("{name}, {better} is better"),
    }
}

fn mean(group: &Group<'_>, measure: &Measure) -> String {
    cell(group.measured(measure.name), |mean| match mean {
        mean if mean >= 100.0 => format!("{mean:.0}"),
        mean => format!("{mean:.3}"),
    })
}

/// What the peaks of memory count, if all count the same.
fn memory_kind(group: &Group<'_>) -> String {
    let outcomes = group.outcomes();
    let kinds = outcomes.iter().map(|outcome| outcome.peak_memory_kind);
    match kinds.clone().next() {
        Some(kind) if kinds.clone().all(|other| other == kind) => kind.to_string(),
        Some(_) => "not the same for all".to_owned(),
        None => String::new(),
    }
}
