//! The table of what networks and trainings cost.

use std::collections::BTreeSet;

use dst_record::record::Outcome;

use super::{Cell, Column, Table};
use crate::format::{arithmetic, fixed, operations, percent};
use crate::{Group, Judgement};

/// Times of a measure that vary by more than this share of their mean say little.
const NOISY: f64 = 0.2;

/// What trials cost.
pub(super) fn costs(judgement: &Judgement<'_>, id: &str) -> Table {
    let kept = judgement.groups().any(|group| on_disk(group).is_some());
    let mut columns = vec![
        Column::new("strategy", "label"),
        Column::new("sparsity, prunable", "sparsity_prunable").in_unit("%").rank(1),
        Column::new("sparsity, all", "sparsity_total").in_unit("%").rank(4),
        Column::new("non-zero parameters", "nonzero_parameters").rank(1),
        Column::new("inference FLOPs", "inference_flops").rank(2),
        Column::new("training FLOPs", "train_flops").rank(2),
        Column::new("training", "train_seconds").in_unit("s").rank(3),
        Column::new("epoch", "train_seconds_per_epoch").in_unit("s").rank(5),
        Column::new("sample", "inference_ms_per_sample").in_unit("ms").rank(5),
        Column::new("throughput", "inference_samples_per_second").in_unit("samples/s").rank(4),
        Column::new("peak memory", "peak_memory_bytes").in_unit("MB").rank(3),
    ];
    if kept {
        columns.push(Column::new("on disk", "network_bytes").in_unit("MB").rank(3));
    }
    let mut table = Table::new(
        format!("{id}-costs"),
        "What networks and trainings cost, means over finished trials",
        columns,
    );
    let hundred = |share: f64| fixed(100.0 * share);
    let mut noisy = false;
    table.rows = judgement
        .groups()
        .map(|group| {
            let measured = |name: &str| group.measured(name);
            let mut timed = |name: &str, digits: usize| {
                let cell = timed(group, name, digits);
                noisy |= matches!(cell, Cell::Text(_));
                cell
            };
            let mut row = vec![
                Cell::text_of(&group.label),
                Cell::number_of(measured("sparsity_prunable"), hundred),
                Cell::number_of(measured("sparsity_total"), hundred),
                Cell::number_of(measured("nonzero_parameters"), |n| format!("{n:.0}")),
                Cell::number_of(measured("inference_flops"), operations),
                Cell::number_of(measured("train_flops"), operations),
                timed("train_seconds", 1),
                timed("train_seconds_per_epoch", 3),
                timed("inference_ms_per_sample", 4),
                timed("inference_samples_per_second", 0),
                memory(group),
            ];
            if kept {
                let megabytes = |bytes: f64| format!("{:.3}", bytes / 1e6);
                row.push(Cell::number_of(on_disk(group), megabytes));
            }
            row
        })
        .collect();
    table.notes.push(format!(
        "{} Times are means ± standard deviations over seeds, those of an epoch without its evaluation. \
         Times of a sample are the median of single batches of {}, throughput that of whole passes over \
         the test set in batches of {}, both warmed up.",
        arithmetic(judgement.groups().map(|group| group.backend)),
        sizes(judgement, |outcome| Some(outcome.inference_batch_size)),
        sizes(judgement, |outcome| outcome.throughput_batch_size),
    ));
    table.notes.push(match kept {
        true => "Sizes on disk are those of the trials that kept their weights.".to_owned(),
        false => "Sizes of networks on disk are not known: no trial kept its weights.".to_owned(),
    });
    if noisy {
        table.notes.push(format!(
            "Times that varied by more than {} from seed to seed are left out as noisy; trials.csv has \
             them.",
            percent(NOISY)
        ));
    }
    table
}

/// The mean size of the files of those that kept their weights, which may be the best seed only.
fn on_disk(group: &Group<'_>) -> Option<f64> {
    let sizes = group.finished().into_iter().filter_map(|trial| trial.network_bytes);
    let sizes: Vec<f64> = sizes.map(|bytes| bytes as f64).collect();
    dst_stats::summary(&sizes).ok().map(|summary| summary.mean)
}

/// A time with its spread; `noisy` where the spread says that the mean means little.
fn timed(group: &Group<'_>, name: &str, digits: usize) -> Cell {
    let Some(Ok(summary)) = group.measures(name).map(|values| dst_stats::summary(&values)) else {
        return Cell::Empty;
    };
    if !summary.mean.is_finite() {
        return Cell::Empty;
    }
    match summary.sd {
        Some(sd) if sd > NOISY * summary.mean => Cell::Text("noisy".to_owned()),
        Some(sd) => Cell::Number {
            value: summary.mean,
            text: format!("{:.digits$} ± {sd:.digits$}", summary.mean),
        },
        None => Cell::Number { value: summary.mean, text: format!("{:.digits$}", summary.mean) },
    }
}

/// The peak of memory, if all count the same.
fn memory(group: &Group<'_>) -> Cell {
    let outcomes = group.outcomes();
    let mut kinds = outcomes.iter().map(|outcome| outcome.peak_memory_kind);
    let Some(first) = kinds.next() else { return Cell::Empty };
    if kinds.any(|other| other != first) {
        return Cell::Text("of several kinds".to_owned());
    }
    Cell::number_of(group.measured("peak_memory_bytes"), |bytes| {
        format!("{:.1} ({first})", bytes / 1e6)
    })
}

/// The sizes of batches that finished trials were timed with, such as `64`.
fn sizes(judgement: &Judgement<'_>, size: fn(&Outcome) -> Option<u32>) -> String {
    let outcomes = judgement.groups().flat_map(|group| group.outcomes());
    let sizes: BTreeSet<u32> = outcomes.filter_map(size).collect();
    let sizes: Vec<String> = sizes.iter().map(u32::to_string).collect();
    if sizes.is_empty() { "unknown size".to_owned() } else { sizes.join(" or ") }
}
