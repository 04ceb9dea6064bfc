//! CSV files: trials, history, layers, summary.
//!
//! Four tables for other programs, documented column by column in the crate's `README.md`:
//! `trials.csv` (a row per trial that ended, failed ones included), `history.csv` (per epoch),
//! `layers.csv` (per layer and epoch) and `summary.csv` (per group of trials that differ in
//! their seed alone). Rows come in one order whatever the order of the trials. Missing is
//! empty, never zero.

use dst_core::plugin::ReportPlugin;
use dst_core::record::TrialRecord;
use dst_core::report::Rendering;
use dst_core::{Document, Experiment, Report, Result};

mod cell;
mod columns;
mod summary;

use cell::{Cells, Column, model_parameters, training};

/// The report of this crate. It needs no analysis: nothing is compared.
struct Csv;

inventory::submit! {
    ReportPlugin {
        name: "csv",
        summary: "CSV files of all trials, their epochs, their layers, and means over seeds.",
        order: 20,
        report: &Csv,
    }
}

impl Report for Csv {
    fn render(&self, experiment: &Experiment<'_>) -> Result<Rendering> {
        let trials = sorted(experiment.trials);
        let documents = vec![
            document("trials.csv", trials_table(&trials)),
            document("history.csv", course_table(&trials, columns::EPOCH, |t| &t.history)),
            document("layers.csv", course_table(&trials, columns::LAYER, |t| &t.layers)),
            document("summary.csv", summary::table(&trials)),
        ];
        Ok(Rendering { documents, summary: String::new() })
    }
}

/// By data set, model, strategy, parameters, sparsity and seed; what remains equal differs in
/// training, in the model's parameters, or not at all.
fn sorted(trials: &[TrialRecord]) -> Vec<&TrialRecord> {
    let mut sorted: Vec<&TrialRecord> = trials.iter().collect();
    sorted.sort_by_cached_key(|trial| {
        let spec = &trial.spec;
        (
            [&*spec.dataset_label(), spec.model_name(), spec.strategy_name()].map(str::to_owned),
            spec.strategy_parameters(),
            cell::sortable(spec.sparsity),
            spec.seed,
            [training(spec), model_parameters(spec), trial.id.clone()],
        )
    });
    sorted
}

fn trials_table(trials: &[&TrialRecord]) -> Vec<Cells> {
    let mut rows = vec![
        columns::IDENTITY
            .iter()
            .map(|(name, _)| *name)
            .chain(columns::RESULT.iter().map(|column| column.name()))
            .map(str::to_owned)
            .collect(),
    ];
    rows.extend(trials.iter().map(|trial| -> Cells {
        let identity = columns::IDENTITY.iter().map(|(_, cell)| cell(trial));
        identity.chain(columns::RESULT.iter().map(|column| column.cell(trial))).collect()
    }));
    rows
}

/// A table with several rows for each trial, in the order recorded.
fn course_table<R>(
    trials: &[&TrialRecord],
    columns: &[Column<R>],
    rows_of: fn(&TrialRecord) -> &[R],
) -> Vec<Cells> {
    let identity = columns::IDENTITY.iter().map(|(name, _)| (*name).to_owned());
    let mut rows: Vec<Cells> =
        vec![identity.chain(columns.iter().map(|(name, _)| (*name).to_owned())).collect()];
    for trial in trials {
        for row in rows_of(trial) {
            let identity = columns::IDENTITY.iter().map(|(_, cell)| cell(trial));
            rows.push(identity.chain(columns.iter().map(|(_, cell)| cell(row))).collect());
        }
    }
    rows
}

fn document(name: &str, rows: Vec<Cells>) -> Document {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row, and rows have one length");
    }
    let bytes = writer.into_inner().expect("memory takes every row");
    Document { name: name.to_owned(), bytes }
}
