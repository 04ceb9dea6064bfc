//! Event files that TensorBoard reads.
//!
//! A run for each trial, in a folder of its own below `tensorboard/`: losses, scores, cost and
//! topology by epoch, test scores at the last epoch, and the trial's parameters for the tab
//! HPARAMS. The crate's `README.md` lists the tags. The same trials give the same bytes.
//!
//! Frames and messages are written here with `crc32c` and `prost`, because the crates that write
//! event files are no longer kept or bring an image library, and scalars need six small messages.

use dst_analysis::Rendering;
use dst_analysis::ReportPlugin;
use dst_analysis::Study;
use dst_analysis::document::Page;
use dst_analysis::format::percent;
use dst_analysis::{Document, Report};
use dst_analysis::{Group, tables};
use dst_record::record::TrialRecord;
use dst_record::{Metric, Result, utc};

mod folder;
mod frame;
mod hparams;
mod message;
mod series;

use folder::part;
use message::Event;

/// TensorBoard looks for `tfevents` in names of files. The place of a time is taken by 0: a trial
/// that is trained anew replaces its file and does not stand beside it.
const FILE: &str = "events.out.tfevents.0.harness";

/// The report of this crate.
struct TensorBoard;

inventory::submit! {
    ReportPlugin {
        name: "tensorboard",
        summary: "Event files that TensorBoard reads: a run for each trial.",
        order: 40,
        report: &TensorBoard,
        terminal: None,
    }
}

impl Report for TensorBoard {
    fn render(&self, study: &Study<'_>, _: &Page) -> Result<Rendering> {
        let experiment = &study.experiment;
        let mut documents = Vec::new();
        for table in tables(experiment)? {
            for group in &table.groups {
                // Other groups of the table are no part of it: a trial keeps its folder when a grid
                // grows, and does not show twice.
                let method = match group.sparsity {
                    0.0 => group.strategy.to_owned(),
                    sparsity => format!("{} at {}", group.strategy, percent(sparsity)),
                };
                let place = format!("{}, {}", table.dataset, table.model);
                let folder = format!("{}/{}", part(&place), part(&method));
                let name = format!("{}/{}", table.heading(), group.label);
                documents.extend(runs(group, &folder, &name));
            }
        }
        Ok(Rendering { documents })
    }
}

/// A file for each trial of a group that is called `name`, in `folder`.
fn runs(group: &Group<'_>, folder: &str, name: &str) -> Vec<Document> {
    let run = |(seed, trial): (&u64, &&TrialRecord)| Document {
        name: format!("tensorboard/{folder}/seed {seed} ({})/{FILE}", part(&trial.id)),
        bytes: file(trial, group.metric, name),
    };
    group.trials.iter().map(run).collect()
}

/// The event file of one trial.
fn file(trial: &TrialRecord, metric: Metric, group: &str) -> Vec<u8> {
    // Of a process that died before it could say when it began, nothing else is known.
    let start = utc::seconds(&trial.provenance.started).unwrap_or_default() as f64;
    let version = Event {
        wall_time: start,
        file_version: Some("brain.Event:2".to_owned()),
        ..Event::default()
    };
    let scalars = series::events(trial, metric, start);
    let end = scalars.last().map_or(start, |event| event.wall_time);
    let mut file = Vec::new();
    frame::append(&mut file, &version);
    frame::append(&mut file, &hparams::opens(trial, group, start));
    scalars.iter().for_each(|event| frame::append(&mut file, event));
    frame::append(&mut file, &hparams::closes(trial, end));
    file
}

#[cfg(test)]
mod tests;
