//! `harness compare`

mod scores;

use std::path::{Path, PathBuf};

use dst_analysis::ReportPlugin;
use dst_analysis::{Analysis, Experiment};
use dst_analysis::{Comparison, Study};
use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::record::TrialRecord;
use dst_core::{Error, Result};
use serde_json::{Value, json};

use crate::catalog;
use crate::cli::CompareArgs;
use crate::config::{Effective, typed};
use crate::exit::Exit;
use crate::output;
use crate::store::Store;

/// What one of the two names means.
enum Side {
    Strategy(String),
    Store(PathBuf),
    File(PathBuf),
}

pub(super) fn run(args: &CompareArgs) -> Result<Exit> {
    let mut flags = typed::analysis(&args.analysis)?;
    typed::store(&mut flags, args.store.as_deref())?;
    let effective = Effective::of_process(None, flags)?;
    let root = effective.execution()?.store;
    let sides = [side(&args.first, &root)?, side(&args.second, &root)?];
    if args.first == args.second {
        return Err(Error::usage(format!("{} is compared with itself", args.first)));
    }
    if args.analysis.control.is_some() {
        return Err(Error::usage("the second of the two is the control").at("--control"));
    }
    let mut differing = Vec::new();
    let (trials, control, recorded) = match &sides {
        [Side::Strategy(first), Side::Strategy(second)] => {
            let (trials, analysis) = strategies(&Store::open(&root)?, [first, second])?;
            (trials, second.clone(), analysis)
        }
        [Side::Strategy(name), other] | [other, Side::Strategy(name)] => {
            let what = match other {
                Side::Store(path) => format!("the store {}", path.display()),
                Side::File(path) => format!("the file {}", path.display()),
                Side::Strategy(_) => unreachable!("both are strategies"),
            };
            return Err(Error::usage(format!("the strategy {name} is no partner of {what}"))
                .hint("compare two strategies, or two of stores and files"));
        }
        [first, second] => {
            let [first, second] = [first, second].map(read);
            let (first, second) = (first?, second?);
            let [candidate, control] = names(&args.first, &args.second);
            differing = scores::differing(&first.trials, &second.trials);
            let mut trials = scores::relabelled(&first.trials, &second.trials, &candidate);
            trials.extend(scores::relabelled(&second.trials, &first.trials, &control));
            (trials, control, first.analysis.or(second.analysis).unwrap_or_default())
        }
    };
    let analysis = effective.analysis_over(Analysis { control, ..recorded })?;
    let catalog = catalog::catalog()?;
    let experiment =
        Experiment { post_hoc: true, catalog: &catalog, ..Experiment::new(&trials, &analysis) };
    let study = Study::new(&experiment)?;
    let compared = || study.judgements.iter().flat_map(|judgement| &judgement.comparisons);
    if compared().all(|comparison| comparison.n() == 0) {
        return Err(Error::usage(format!(
            "{} and {} have no seed in common that finished on both sides",
            args.first, args.second
        ))
        .hint("pairs need the same data set, sparsity and seed, and of stores and files the same strategy"));
    }
    if args.json {
        let comparisons: Vec<Value> = study
            .judgements
            .iter()
            .flat_map(|j| j.comparisons.iter().map(|c| one(&j.table.heading(), c)))
            .collect();
        output::print_json(&json!({
            "analysis": analysis,
            "training_differs": differing,
            "comparisons": comparisons,
        }))?;
        return Ok(Exit::Success);
    }
    let rendering = ReportPlugin::find("significance")?.report.render(&study)?;
    let differing = match &differing[..] {
        [] => String::new(),
        list => format!("The two trained differently: {}.\n", list.join("; ")),
    };
    output::print(&format!(
        "{}\nPost hoc: which two to compare was not recorded before their trials began.\n{differing}",
        rendering.summary
    ))?;
    Ok(Exit::Success)
}

/// A folder is a store, another file that exists holds scores, and the rest are strategies.
fn side(typed: &str, store: &Path) -> Result<Side> {
    let path = Path::new(typed);
    if path.join("store.json").exists() {
        return Ok(Side::Store(path.to_owned()));
    }
    if path.is_dir() {
        return Err(Error::usage(format!("{typed} is a folder, but no run store")));
    }
    if path.is_file() {
        return Ok(Side::File(path.to_owned()));
    }
    if typed.ends_with(".csv") || typed.contains('/') {
        return Err(Error::usage(format!("there is no file or store {typed}")));
    }
    StrategyPlugin::find(typed).map(|plugin| Side::Strategy(plugin.name.to_owned())).map_err(
        |error| {
            error.also(&format!(
                "or give two strategies of the store {}, folders of stores, or CSV files",
                store.display()
            ))
        },
    )
}

/// The trials of two strategies, and the analysis that was recorded with the newest grid.
fn strategies(store: &Store, names: [&str; 2]) -> Result<(Vec<TrialRecord>, Analysis)> {
    let recorded = store.grids()?.pop().map(|grid| grid.analysis).unwrap_or_default();
    let mut trials = store.records()?;
    trials.retain(|trial| names.contains(&trial.spec.strategy_name()));
    for name in names {
        if trials.iter().all(|trial| trial.spec.strategy_name() != name) {
            return Err(Error::usage(format!(
                "{} has no trial of {name} that ended",
                store.root().display()
            ))
            .hint("`harness status` shows what it has"));
        }
    }
    Ok((trials, recorded))
}

/// One side that is not a strategy.
struct Source {
    trials: Vec<TrialRecord>,
    analysis: Option<Analysis>,
}

fn read(side: &Side) -> Result<Source> {
    let (trials, analysis, path) = match side {
        Side::Store(path) => {
            let store = Store::open(path)?;
            let analysis = store.grids()?.pop().map(|grid| grid.analysis);
            (store.records()?, analysis, path)
        }
        Side::File(path) => (scores::read(path)?, None, path),
        Side::Strategy(name) => {
            return Err(Error::contract(format!("the strategy {name} is no source of trials")));
        }
    };
    if trials.is_empty() {
        return Err(Error::usage(format!("{} has no trial that ended", path.display())));
    }
    Ok(Source { trials, analysis })
}

/// The last part of each path, or the whole paths if those are equal.
fn names(first: &str, second: &str) -> [String; 2] {
    let last = |text: &str| {
        let name = Path::new(text).file_stem();
        name.map_or_else(|| text.to_owned(), |name| name.to_string_lossy().into_owned())
    };
    match [last(first), last(second)] {
        [first, second] if first != second => [first, second],
        _ => [first.to_owned(), second.to_owned()],
    }
}

fn one(place: &str, comparison: &Comparison<'_>) -> Value {
    json!({
        "place": place,
        "candidate": comparison.candidate.label,
        "control": comparison.control.label,
        "metric": comparison.metric,
        "pairs": comparison.n(),
        "pairs_planned": comparison.planned,
        "difference": comparison.difference,
        "ci_low": comparison.interval.map(|interval| interval.lower),
        "ci_high": comparison.interval.map(|interval| interval.upper),
        "p": comparison.tests.map(|tests| tests.difference),
        "p_adjusted": comparison.p_adjusted,
        "verdict": comparison.verdict.to_string(),
        "untested": comparison.untested.map(|reason| reason.code()),
        "notes": comparison.notes().collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_called_by_the_last_part_of_their_path() {
        assert_eq!(names("a/new", "b/old.csv"), ["new", "old"]);
        assert_eq!(names("a/runs", "b/runs"), ["a/runs", "b/runs"]);
    }
}
