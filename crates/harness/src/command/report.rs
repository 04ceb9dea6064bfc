//! `harness report`, and the reports at the end of a grid.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use dst_core::plugin::{Plugin, ReportPlugin};
use dst_core::record::TrialRecord;
use dst_core::{Analysis, Error, Result};
use serde_json::json;

use super::{preflight, results};
use crate::cli::ReportArgs;
use crate::config::{Effective, typed};
use crate::exit::Exit;
use crate::output;
use crate::store::file::{self, Durability};
use crate::store::{GridRecord, Store};

/// Where reports go unless another place is named.
pub(super) fn default_folder(store: &Path) -> PathBuf {
    store.join("report")
}

/// When the analysis was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chosen {
    /// Before the trials began, recorded with their grid.
    Before,
    /// Later, or for other trials.
    PostHoc,
}

/// Reports as they were made.
pub(super) struct Built {
    /// What people read.
    pub(super) text: String,
    /// The files, in the order of the reports.
    pub(super) files: Vec<PathBuf>,
}

pub(super) fn run(args: &ReportArgs) -> Result<Exit> {
    let mut flags = typed::analysis(&args.analysis)?;
    typed::store(&mut flags, args.store.as_deref())?;
    let effective = Effective::of_process(None, flags)?;
    let store = Store::open(&effective.execution()?.store)?;
    let grids = store.grids()?;
    let latest = grids.last().filter(|_| !args.all);
    let recorded = latest.or(grids.last()).map(|grid| grid.analysis.clone());
    let analysis = effective.analysis_over(recorded.unwrap_or_default())?;
    let records = match latest {
        Some(grid) => store.records_of(&grid.trials)?,
        None => store.records()?,
    };
    if records.is_empty() {
        return Err(Error::usage(format!("{} has no trial that ended", store.root().display()))
            .hint("`harness status` shows what it has"));
    }
    let chosen = chosen(&grids, &records, &analysis);
    let folder = args.out.clone().unwrap_or_else(|| default_folder(store.root()));
    preflight::writable(&folder)?;
    let built = build(&records, &analysis, chosen, &folder)?;
    if args.json {
        output::print_json(&json!({
            "trials": results::json(&records),
            "analysis": analysis,
            "post_hoc": chosen == Chosen::PostHoc,
            "files": built.files,
        }))?;
    } else {
        output::print(&built.text)?;
    }
    Ok(Exit::Success)
}

/// Was every trial part of a grid that had recorded this analysis when the trial began?
pub(super) fn chosen(grids: &[GridRecord], records: &[TrialRecord], analysis: &Analysis) -> Chosen {
    let mut planned: BTreeMap<&str, &str> = BTreeMap::new();
    // From the newest to the oldest, so that the earliest plan of each trial remains.
    for grid in grids.iter().rev().filter(|grid| grid.analysis == *analysis) {
        planned.extend(grid.trials.iter().map(|id| (id.as_str(), grid.started.as_str())));
    }
    let before = |record: &TrialRecord| {
        let began = record.provenance.started.as_str();
        planned
            .get(record.id.as_str())
            // A process that died before it could say when it began had no result to look at.
            .is_some_and(|fixed| began.is_empty() || *fixed <= began)
    };
    if records.iter().all(before) { Chosen::Before } else { Chosen::PostHoc }
}

/// Renders all registered reports and writes their files to `folder`.
///
/// # Errors
/// If a report refuses, or a file cannot be written.
pub(super) fn build(
    records: &[TrialRecord],
    analysis: &Analysis,
    chosen: Chosen,
    folder: &Path,
) -> Result<Built> {
    let mut plugins = ReportPlugin::all()?.to_vec();
    plugins.sort_by_key(|plugin| plugin.order);
    let mut text = results::text(records);
    let mut files = Vec::new();
    if chosen == Chosen::PostHoc {
        text.push_str(
            "\nThis analysis is post hoc: margin, level and control were not recorded before all of \
             these\ntrials began.\n",
        );
    }
    for plugin in plugins {
        let located = |error: Error| error.at(format!("report {}", plugin.name));
        let rendering = plugin.report.render(records, analysis).map_err(located)?;
        for document in rendering.documents {
            let path = folder.join(&document.name);
            file::replace(&path, &document.bytes, Durability::Cached)?;
            files.push(path);
        }
        if !rendering.summary.is_empty() {
            let _ = write!(text, "\n{}\n", rendering.summary.trim_end());
        }
    }
    let path = folder.join("analysis.toml");
    file::replace(&path, analysis_file(analysis, chosen)?.as_bytes(), Durability::Cached)?;
    files.push(path);
    let _ = writeln!(text, "\nFiles:");
    for path in &files {
        let _ = writeln!(text, "  {}", path.display());
    }
    Ok(Built { text, files })
}

fn analysis_file(analysis: &Analysis, chosen: Chosen) -> Result<String> {
    let table = toml::to_string(analysis)
        .map_err(|error| Error::contract(format!("the analysis cannot be written: {error}")))?;
    let chosen = match chosen {
        Chosen::Before => "recorded before these trials began",
        Chosen::PostHoc => "post hoc: not recorded before all of these trials began",
    };
    Ok(format!("# How the trials of this report are compared; {chosen}.\n[analysis]\n{table}"))
}
