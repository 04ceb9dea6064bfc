//! `harness report`, and the reports at the end of a grid.

mod files;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dst_analysis::document::Page;
use dst_analysis::format::count;
use dst_analysis::{Analysis, Budgets, Catalog, Document, Experiment, ReportPlugin, Seen, Study};
use dst_core::plugin::Plugin;
use dst_core::record::{TrialRecord, TrialSpec};
use dst_core::{Error, Result};
use dst_settings::ResolvedSettings;
use dst_stats::verdict::Verdict;
use serde::Serialize;
use serde_json::json;

use super::readable;
use super::{preflight, results};
use crate::catalog;
use crate::cli::ReportArgs;
use crate::flags;
use crate::output;
use dst_executor::Exit;
use dst_store::{GridRecord, Store, TrialState};

/// Where reports go unless another place is named.
pub(super) fn default_folder(store: &Path) -> PathBuf {
    store.join("report")
}

/// When the analysis was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnalysisTiming {
    /// Before the trials began, recorded with their grid.
    Before,
    /// Later, or for other trials.
    PostHoc,
}

/// Reports as they were made.
pub(super) struct BuiltReports {
    /// What people read.
    pub(super) text: String,
    /// The files, in the order of the reports.
    pub(super) files: Vec<PathBuf>,
}

pub(super) fn run(args: &ReportArgs) -> Result<Exit> {
    let mut flags = flags::analysis(&args.analysis)?;
    flags::store(&mut flags, args.store.as_deref())?;
    let resolved = ResolvedSettings::of_process(None, flags)?;
    let store = Store::open(&resolved.execution()?.store)?;
    if args.watch {
        return watch(args, &resolved, &store);
    }
    let input = input(args, &resolved, &store)?;
    if input.records.is_empty() {
        return Err(Error::usage(format!("{} has no trial that ended", store.root().display()))
            .hint("`harness status` shows what it has"));
    }
    let folder = folder(args, &store)?;
    let built = build(&store, &input, Some(&folder))?;
    if args.json {
        output::print_json(&json!({
            "trials": results::json(&input.records),
            "analysis": input.analysis,
            "post_hoc": input.chosen == AnalysisTiming::PostHoc,
            "files": built.files,
        }))?;
    } else {
        output::print_styled(&built.text)?;
    }
    Ok(Exit::Success)
}

/// Where the reports go.
///
/// # Errors
/// If a store needs that folder for itself, or it cannot be written.
fn folder(args: &ReportArgs, store: &Store) -> Result<PathBuf> {
    let Some(folder) = &args.out else {
        let folder = default_folder(store.root());
        return preflight::writable(&folder).map(|()| folder);
    };
    if let Some(owner) = dst_store::store_that_needs(&folder.join("report.html")) {
        return Err(Error::usage(format!("this is a place of the store {}", owner.display()))
            .at("--out")
            .hint("name a folder outside of it"));
    }
    if Store::is_at(folder) {
        return Err(Error::usage(format!("{} is a store", folder.display()))
            .at("--out")
            .hint("name a folder in it, such as report, or elsewhere"));
    }
    preflight::writable(folder).map(|()| folder.clone())
}

/// The trials that the flags name, with the analysis that was recorded or typed.
fn input(args: &ReportArgs, resolved: &ResolvedSettings, store: &Store) -> Result<ReportInput> {
    let grids = readable::grids(store)?;
    let latest = grids.last().filter(|_| !args.all);
    let recorded = latest.or(grids.last()).map(|grid| grid.analysis.clone());
    let analysis = resolved.analysis_over(recorded.unwrap_or_default())?;
    match latest {
        Some(grid) => ReportInput::of_grid(store, grid, analysis),
        None => ReportInput::of_store(store, analysis),
    }
}

/// How often a store is looked at.
const POLL_INTERVAL: Duration = Duration::from_secs(2);

/// Builds the reports whenever a trial has ended, until none is left or an interrupt comes.
fn watch(args: &ReportArgs, resolved: &ResolvedSettings, store: &Store) -> Result<Exit> {
    let folder = folder(args, store)?;
    let mut seen = None;
    super::watch::watch(POLL_INTERVAL, || {
        let (ended, planned) = progress(args, store)?;
        if seen != Some(ended) {
            seen = Some(ended);
            if ended == 0 {
                output::note("no trial has ended yet");
            } else {
                build(store, &input(args, resolved, store)?, Some(&folder))?;
                let page = folder.join("report.html");
                output::note(&format!(
                    "{ended} of {} ended: {}",
                    count(planned, "trial"),
                    page.display()
                ));
            }
        }
        Ok(if ended > 0 && ended == planned {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    })
}

/// How many trials ended, of how many. Their tables and predictions are read only when that
/// changes.
fn progress(args: &ReportArgs, store: &Store) -> Result<(usize, usize)> {
    let latest = readable::grids(store)?.pop().filter(|_| !args.all);
    let planned = match latest {
        Some(grid) => grid.trials,
        None => store.ids()?,
    };
    let mut ended = 0;
    for id in &planned {
        ended += usize::from(matches!(store.state(id)?, TrialState::Ended { .. }));
    }
    Ok((ended, planned.len()))
}

/// What reports are made from.
pub(super) struct ReportInput {
    /// Trials that ended.
    pub(super) records: Vec<TrialRecord>,
    /// Trials that were planned and have not ended.
    pending: Vec<TrialSpec>,
    /// How they are compared.
    pub(super) analysis: Analysis,
    /// When that was chosen.
    pub(super) chosen: AnalysisTiming,
    /// What was typed to plan them.
    commands: Vec<String>,
    /// What is quoted of plug-ins.
    catalog: Catalog,
    /// Verdicts that were shown before, at other counts of seeds.
    seen: Seen,
    /// What sparsities or epochs were chosen for.
    budgets: Budgets,
}

impl ReportInput {
    /// The trials of one grid.
    ///
    /// # Errors
    /// If the store cannot be read or one of its files is damaged.
    pub(super) fn of_grid(store: &Store, grid: &GridRecord, analysis: Analysis) -> Result<Self> {
        let commands = vec![grid.command.clone()];
        Ok(Self { budgets: grid.budgets(), ..Self::new(store, &grid.trials, analysis, commands)? })
    }

    /// All trials of a store, whatever they were planned for.
    ///
    /// # Errors
    /// As [`ReportInput::of_grid`].
    pub(super) fn of_store(store: &Store, analysis: Analysis) -> Result<Self> {
        let commands = readable::grids(store)?.into_iter().map(|grid| grid.command).collect();
        Self::new(store, &store.ids()?, analysis, commands)
    }

    fn new(
        store: &Store,
        trials: &[String],
        analysis: Analysis,
        commands: Vec<String>,
    ) -> Result<Self> {
        let records = readable::records_of(store, trials)?;
        let ended: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        let missing: BTreeSet<&String> =
            trials.iter().filter(|id| !ended.contains(id.as_str())).collect();
        // A folder that was deleted is no longer planned.
        let missing = missing.into_iter().filter(|id| store.folder(id).exists());
        // One whose specification is damaged was named before.
        let pending = missing.filter_map(|id| store.spec(id).ok()).collect();
        let chosen = chosen(&readable::grids(store)?, &records, &analysis);
        let (catalog, seen) = (catalog::catalog()?, store.looks()?);
        let budgets = Budgets::new();
        Ok(Self { pending, analysis, chosen, commands, catalog, seen, budgets, records })
    }

    fn experiment(&self) -> Experiment<'_> {
        Experiment {
            trials: &self.records,
            pending: &self.pending,
            analysis: &self.analysis,
            post_hoc: self.chosen == AnalysisTiming::PostHoc,
            commands: &self.commands,
            catalog: &self.catalog,
            seen: &self.seen,
            budgets: &self.budgets,
        }
    }
}

/// Was every trial part of a grid that had recorded this analysis when the trial began?
pub(super) fn chosen(
    grids: &[GridRecord],
    records: &[TrialRecord],
    analysis: &Analysis,
) -> AnalysisTiming {
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
    if records.iter().all(before) { AnalysisTiming::Before } else { AnalysisTiming::PostHoc }
}

/// Renders all registered reports and writes their files to `folder`, if one is given. What people read
/// fits the terminal, and has styles.
///
/// # Errors
/// If a report refuses, or a file cannot be written.
pub(super) fn build(
    store: &Store,
    input: &ReportInput,
    folder: Option<&Path>,
) -> Result<BuiltReports> {
    let study = Study::new(&input.experiment())?;
    let page = Page::new(&study);
    let mut plugins = ReportPlugin::all()?.to_vec();
    plugins.sort_by_key(|plugin| plugin.order);
    let mut text = String::new();
    let mut documents = Vec::new();
    for plugin in plugins {
        let located = |error: Error| error.at(format!("report {}", plugin.name));
        if folder.is_some() {
            let rendering = plugin.report.render(&study, &page).map_err(located)?;
            documents.extend(rendering.documents);
        }
        if let Some(terminal) = plugin.terminal {
            text.push_str(&terminal(&page, output::width()));
        }
    }
    let mut written = Vec::new();
    if let Some(folder) = folder {
        let analysis = analysis_file(&input.analysis, input.chosen)?;
        documents.push(Document { name: "analysis.toml".to_owned(), bytes: analysis.into_bytes() });
        written = files::write(folder, &documents)?;
        text.push_str(&listed(&written, folder));
    }
    store.remember_looks(&looks(&study))?;
    Ok(BuiltReports { text, files: written })
}

/// After how many seeds this study shows verdicts, by what is compared. Where nothing was tested and nothing
/// decided, because seeds are few, there was nothing to see.
fn looks(study: &Study<'_>) -> Seen {
    let shown = study.judgements.iter().filter(|judgement| judgement.look.is_some());
    let told = shown.flat_map(|judgement| {
        let seeds = judgement.judged_seeds.len();
        let undecided = [Verdict::Inconclusive, Verdict::NotComparable];
        let told = judgement.comparisons.iter();
        let told = told.filter(move |it| it.evidence.is_some() || !undecided.contains(&it.verdict));
        told.map(move |it| (judgement.table.comparison_key(&it.candidate), [seeds].into()))
    });
    told.collect()
}

/// The pages that people open first, and how many files are beside them.
fn listed(files: &[PathBuf], folder: &Path) -> String {
    let is_page = |path: &&PathBuf| {
        path.parent() == Some(folder) && path.extension().is_some_and(|ending| ending == "html")
    };
    let mut pages: Vec<&PathBuf> = files.iter().filter(is_page).collect();
    if pages.is_empty() {
        pages.extend(files.first());
    }
    let mut text = String::from("\nFiles:\n");
    for page in &pages {
        let _ = writeln!(text, "  {}", page.display());
    }
    if let Some(more @ 1..) = files.len().checked_sub(pages.len()) {
        let _ = writeln!(text, "  and {} in {}", count(more, "more file"), folder.display());
    }
    text
}

fn analysis_file(analysis: &Analysis, chosen: AnalysisTiming) -> Result<String> {
    #[derive(Serialize)]
    struct File<'a> {
        analysis: &'a Analysis,
    }
    let table = toml::to_string(&File { analysis })
        .map_err(|error| Error::contract(format!("the analysis cannot be written: {error}")))?;
    let chosen = match chosen {
        AnalysisTiming::Before => "recorded before these trials began",
        AnalysisTiming::PostHoc => "post hoc: not recorded before all of these trials began",
    };
    Ok(format!("# How the trials of this report are compared; {chosen}.\n{table}"))
}
