//! CSV files: trials, history, layers, summary.
//!
//! Four tables for other programs, documented column by column in the crate's `README.md`:
//! `trials.csv` (a row per trial that ended, failed ones included), `history.csv` (per epoch),
//! `layers.csv` (per layer and epoch) and `summary.csv` (per group of trials that differ in
//! their seed alone). Rows come in one order whatever the order of the trials. Missing is
//! empty, never zero.

use dst_analysis::Rendering;
use dst_analysis::ReportPlugin;
use dst_analysis::Study;
use dst_analysis::{Document, Report};
use dst_record::Result;
use dst_record::record::TrialRecord;

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
    fn render(&self, study: &Study<'_>) -> Result<Rendering> {
        let experiment = &study.experiment;
        let trials = sorted(experiment.trials);
        let documents = vec![
            trials_table("trials.csv", &trials),
            course_table("history.csv", &trials, columns::EPOCH, |trial| &trial.history),
            course_table("layers.csv", &trials, columns::LAYER, |trial| &trial.layers),
            document("summary.csv", summary::header(), summary::rows(&trials)),
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

fn trials_table(name: &str, trials: &[&TrialRecord]) -> Document {
    let header = columns::RESULT.iter().map(|column| column.name());
    let rows = trials.iter().map(|trial| -> Cells {
        identity(trial).chain(columns::RESULT.iter().map(|column| column.cell(trial))).collect()
    });
    document(name, identity_names().chain(header).map(str::to_owned).collect(), rows)
}

/// A table with several rows for each trial, in the order recorded.
fn course_table<R>(
    name: &str,
    trials: &[&TrialRecord],
    columns: &[Column<R>],
    rows_of: fn(&TrialRecord) -> &[R],
) -> Document {
    let header = identity_names().chain(columns.iter().map(|(name, _)| *name));
    let rows = trials.iter().flat_map(|trial| {
        let identity: Cells = identity(trial).collect();
        let rows = rows_of(trial).iter();
        rows.map(move |row| {
            identity.iter().cloned().chain(columns.iter().map(|(_, cell)| cell(row))).collect()
        })
    });
    document(name, header.map(str::to_owned).collect(), rows)
}

fn identity_names() -> impl Iterator<Item = &'static str> {
    columns::IDENTITY.iter().map(|(name, _)| *name)
}

fn identity(trial: &TrialRecord) -> impl Iterator<Item = String> {
    columns::IDENTITY.iter().map(|(_, cell)| cell(trial))
}

/// Rows are written as they come: `layers.csv` of ten thousand trials has a million and a half.
fn document(name: &str, header: Cells, rows: impl Iterator<Item = Cells>) -> Document {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(header).chain(rows) {
        writer.write_record(row).expect("memory takes every row, and rows have one length");
    }
    let bytes = writer.into_inner().expect("memory takes every row");
    Document { name: name.to_owned(), bytes }
}
