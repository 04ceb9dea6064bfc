//! CSV files: trials, history, layers, summary, masks, backends, times.
//!
//! Eight tables for other programs, documented column by column in the crate's `README.md`:
//! `trials.csv` (a row per trial that ended, failed ones included), `history.csv` (per epoch),
//! `layers.csv` (per layer and epoch), `summary.csv` (per group of trials that differ only in
//! their seed), `masks.csv` (how far apart networks end in their connections), `backends.csv` (a method
//! on several backends), `times.csv` (measured time per group) and `time_to_target.csv` (how soon each seed
//! is as good as the control). Rows come in one order whatever the order of the trials. Missing is empty,
//! never zero.

use std::collections::BTreeMap;

use dst_analysis::document::Page;
use dst_analysis::spreadsheet::{self, Parameters};
use dst_analysis::{Document, Rendering, Report, ReportPlugin, Study};
use dst_record::record::{EpochRecord, LayerRecord, TrialRecord};
use dst_record::{NetworkRecord, Result, network};

mod cell;
mod columns;
mod masks;
mod summary;
mod times;

use cell::{Cells, model_parameters, training};

/// The report of this crate. Nothing is compared.
struct Csv;

inventory::submit! {
    ReportPlugin {
        name: "csv",
        summary: "CSV files of all trials, their epochs, their layers, means over seeds, distances of masks, and measured times.",
        order: 20,
        report: &Csv,
        terminal: None,
    }
}

impl Report for Csv {
    fn render(&self, study: &Study<'_>, _: &Page) -> Result<Rendering> {
        let trials = sorted(study.experiment.trials);
        let labels = labels(study);
        let parameters = Parameters::of(trials.iter().map(|trial| &trial.spec));
        let documents = vec![
            trials_table("trials.csv", &trials, &labels, &parameters),
            history_table("history.csv", &trials, &labels),
            layers_table("layers.csv", &trials, &labels),
            document(
                "summary.csv",
                summary::header(&parameters),
                summary::rows(study, &parameters),
            ),
            document("masks.csv", masks::header(), masks::rows(study)),
            document("backends.csv", times::backends_header(), times::backends(study)),
            document("times.csv", times::times_header(), times::times(study)),
            document("time_to_target.csv", times::targets_header(), times::targets(study)),
        ];
        Ok(Rendering { documents })
    }
}

/// What tables call the group of each trial, by id: the name that all files share.
fn labels<'s>(study: &'s Study<'_>) -> BTreeMap<&'s str, &'s str> {
    let groups = study.judgements.iter().flat_map(|judgement| &judgement.table.groups);
    groups
        .flat_map(|group| {
            group.trials.values().map(|trial| (trial.id.as_str(), group.label.as_str()))
        })
        .collect()
}

/// By data set, model, strategy, parameters, sparsity and seed; what remains equal differs in
/// training, in the model's parameters, or not at all.
fn sorted(trials: &[TrialRecord]) -> Vec<&TrialRecord> {
    let mut sorted: Vec<&TrialRecord> = trials.iter().collect();
    sorted.sort_by_cached_key(|trial| {
        let spec = &trial.spec;
        (
            [&*spec.dataset_label(), spec.model_label(), spec.strategy_name()].map(str::to_owned),
            spec.strategy_parameters(),
            cell::sortable(spec.sparsity),
            spec.seed,
            [training(spec), model_parameters(spec), trial.id.clone()],
        )
    });
    sorted
}

fn trials_table(
    name: &str,
    trials: &[&TrialRecord],
    labels: &BTreeMap<&str, &str>,
    parameters: &Parameters,
) -> Document {
    let later = || columns::LATER.iter();
    let header = columns::RESULT.iter().map(|column| column.name()).chain(["label"]);
    let header = header.chain(later().map(|column| column.name()));
    let header = identity_names().chain(header).map(str::to_owned).chain(parameters.header());
    let rows = trials.iter().map(|trial| -> Cells {
        identity(trial)
            .chain(columns::RESULT.iter().map(|column| column.cell(trial)))
            .chain([label(labels, trial)])
            .chain(later().map(|column| column.cell(trial)))
            .chain(parameters.cells(&trial.spec))
            .collect()
    });
    document(name, header.collect(), rows)
}

fn label(labels: &BTreeMap<&str, &str>, trial: &TrialRecord) -> String {
    labels.get(trial.id.as_str()).map_or_else(String::new, |label| (*label).to_owned())
}

/// A row per trial and epoch: the epoch, and what its layers have together.
fn history_table(name: &str, trials: &[&TrialRecord], labels: &BTreeMap<&str, &str>) -> Document {
    let networks = network::COLUMNS.iter().map(|column| column.name);
    let header = columns::EPOCH.iter().map(|(name, _)| *name).chain(networks).chain(["label"]);
    let header = header.chain(columns::LATER_EPOCH.iter().map(|(name, _)| *name));
    course_table(name, trials, header, |trial| {
        let by_epoch = NetworkRecord::by_epoch(&trial.layers);
        let cells = |row: &EpochRecord| {
            let network = by_epoch.get(&row.epoch);
            let own = columns::EPOCH.iter().map(|(_, cell)| cell(row));
            own.chain(network::COLUMNS.iter().map(|column| columns::network(*column, network)))
                .chain([label(labels, trial)])
                .chain(columns::LATER_EPOCH.iter().map(|(_, cell)| cell(row)))
                .collect()
        };
        trial.history.iter().map(cells).collect()
    })
}

/// A row per trial, epoch and layer.
fn layers_table(name: &str, trials: &[&TrialRecord], labels: &BTreeMap<&str, &str>) -> Document {
    let header = columns::LAYER.iter().map(|(name, _)| *name).chain(["label"]);
    let header = header.chain(columns::LATER_LAYER.iter().map(|(name, _)| *name));
    course_table(name, trials, header, |trial| {
        let cells = |row: &LayerRecord| {
            let own = columns::LAYER.iter().map(|(_, cell)| cell(row));
            let later = columns::LATER_LAYER.iter().map(|(_, cell)| cell(row));
            own.chain([label(labels, trial)]).chain(later).collect()
        };
        trial.layers.iter().map(cells).collect()
    })
}

/// A table with several rows for each trial, in the order recorded.
fn course_table(
    name: &str,
    trials: &[&TrialRecord],
    header: impl Iterator<Item = &'static str>,
    rows_of: impl Fn(&TrialRecord) -> Vec<Cells>,
) -> Document {
    let header = identity_names().chain(header);
    let rows = trials.iter().flat_map(|trial| {
        let identity: Cells = identity(trial).collect();
        let rows = rows_of(trial).into_iter();
        rows.map(move |cells| identity.iter().cloned().chain(cells).collect())
    });
    document(name, header.map(str::to_owned).collect(), rows)
}

fn identity_names() -> impl Iterator<Item = &'static str> {
    columns::IDENTITY.iter().map(|(name, _)| *name)
}

fn identity(trial: &TrialRecord) -> impl Iterator<Item = String> {
    columns::IDENTITY.iter().map(|(_, cell)| cell(trial))
}

fn document(name: &str, header: Cells, rows: impl Iterator<Item = Cells>) -> Document {
    Document { name: name.to_owned(), bytes: spreadsheet::csv(header, rows) }
}
