//! `harness compare`
//!
//! What was typed becomes two [`Side`]s, those become trials, [`matching`] says which belong
//! together, and [`relabel`] makes of them the two strategies that a study compares.

mod entry;
mod foreign;
mod group;
mod matching;
mod names;
mod output;
mod relabel;
mod rule;
mod side;
mod unmatched;

use std::path::Path;

use dst_analysis::document::Page;
use dst_analysis::{Analysis, Experiment, ReportPlugin, Study};
use dst_core::plugin::{DatasetPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Result};
use dst_settings::ResolvedSettings;
use serde_json::{Value, json};

use super::readable;
use crate::catalog;
use crate::cli::CompareArgs;
use crate::flags;
use crate::text::wrapped;
use dst_executor::Exit;
use dst_store::Store;
use entry::Entry;
use group::{DuplicateSeed, Group};
use matching::{Matched, Pairing};
use output::Remarks;
use rule::Rule;
use side::{Selector, Side, Source};

pub(super) fn run(args: &CompareArgs) -> Result<Exit> {
    let mut flags = flags::analysis(&args.analysis)?;
    flags::store(&mut flags, args.store.as_deref())?;
    let resolved = ResolvedSettings::of_process(None, flags)?;
    if args.analysis.control.is_some() {
        return Err(Error::usage("the second of the two is the control").at("--control"));
    }
    let [first, second] = sides(&args.first, &args.second, &resolved.execution()?.store)?;
    let sides = [&first, &second];
    let rule = Rule::of(sides);
    let Prepared { matched, recorded, notes } = prepare(sides, &rule, &resolved)?;

    let names = relabel::names(sides, &rule);
    let trials = relabel::trials(&matched.pairings, &names, &rule);
    let [_, control] = names;
    let mut analysis = resolved.analysis_over(Analysis { control, ..recorded })?;
    let present = |name: &String| trials.iter().any(|trial| trial.spec.dataset == *name);
    analysis.metrics.retain(|name, _| present(name));
    let differing = relabel::differing(&matched.pairings);
    let mut remarks = Remarks { notes, differing, unmatched: matched.unmatched };
    let catalog = catalog::catalog()?;
    let experiment =
        Experiment { post_hoc: true, catalog: &catalog, ..Experiment::new(&trials, &analysis) };
    let study = Study::new(&experiment)?;
    if study.judgements.len() > 1 {
        remarks.notes.push(format!(
            "each of the {} tables is corrected for its own comparisons, not for those of the others",
            study.judgements.len()
        ));
    }
    print(args, &study, &remarks, &matched.pairings)
}

/// Trials that belong together, and what else was found on the way to them.
struct Prepared {
    matched: Matched,
    /// The analysis of the newest grid of a store among the sources.
    recorded: Analysis,
    /// For people, in sentences without a full stop.
    notes: Vec<String>,
}

/// Reads both sides and finds what belongs together.
///
/// # Errors
/// If a source cannot be read, or nothing belongs together.
fn prepare(sides: [&Side; 2], rule: &Rule, resolved: &ResolvedSettings) -> Result<Prepared> {
    let [first, second] = sides;
    let one = LoadedSource::read(&first.source)?;
    let same = first.source.is(&second.source);
    let other = if same { None } else { Some(LoadedSource::read(&second.source)?) };
    let other = other.as_ref().unwrap_or(&one);
    let mut notes = one.notes.clone();
    notes.extend(other.notes.iter().filter(|note| !one.notes.contains(note)).cloned());
    let (mut ours, mut theirs) = (one.select(first, second)?, other.select(second, first)?);
    let known: Vec<&str> = StrategyPlugin::all()?
        .iter()
        .map(|plugin| plugin.name)
        .chain(DatasetPlugin::all()?.iter().map(|plugin| plugin.name))
        .collect();
    notes.extend(names::unify([&mut ours, &mut theirs], &known));
    let recorded = one.analysis.clone().or_else(|| other.analysis.clone()).unwrap_or_default();
    let analysis = resolved.analysis_over(recorded.clone())?;
    let groups = [group(ours, first)?, group(theirs, second)?];
    let groups = [&groups[0][..], &groups[1][..]];
    let matched = matching::matched(groups, rule, sides, &analysis);
    if matched.pairings.is_empty() {
        return unmatched::nothing(groups, &matched, rule, sides);
    }
    notes.extend(matching::several_sets(&matched.pairings, first));
    notes.extend(matched.notes.iter().cloned());
    Ok(Prepared { matched, recorded, notes })
}

/// The two sides that were typed. A part that is typed on only one of them means its strategy on
/// the other too.
///
/// # Errors
/// If one of them means nothing, or both mean the same.
fn sides(first: &str, second: &str, store: &Path) -> Result<[Side; 2]> {
    let sides = [Side::parse(first, store)?, Side::parse(second, store)?];
    let [one, other] = &sides;
    if one.source.is(&other.source) && one.selector == other.selector {
        return Err(Error::usage(format!("{first} is compared with itself"))
            .hint("two sets of parameters are named as 'rigl[drop_fraction=0.3]'"));
    }
    Ok(sides)
}

/// The trials of one source.
struct LoadedSource {
    entries: Vec<Entry>,
    analysis: Option<Analysis>,
    notes: Vec<String>,
}

impl LoadedSource {
    fn read(source: &Source) -> Result<Self> {
        let loaded = match source {
            Source::Store(path) => {
                let store = Store::open(path)?;
                let analysis = readable::grids(&store)?.pop().map(|grid| grid.analysis);
                let entries = readable::records(&store)?.into_iter().map(Entry::from).collect();
                Self { entries, analysis, notes: Vec::new() }
            }
            Source::File(path) => {
                let table = foreign::read(path)?;
                let notes = table.notes.iter().map(|note| format!("{source} {note}")).collect();
                Self { entries: table.entries, analysis: None, notes }
            }
        };
        if loaded.entries.is_empty() {
            let hint = match (source, loaded.notes.is_empty()) {
                (Source::Store(_), _) => "`harness status` shows what a store has".to_owned(),
                (Source::File(_), true) => "below its header, it has no row".to_owned(),
                (Source::File(_), false) => loaded.notes.join("\n  "),
            };
            return Err(Error::usage(format!("{source} has no trial that ended")).hint(hint));
        }
        Ok(loaded)
    }

    /// The trials that `side` means.
    fn select(&self, side: &Side, other: &Side) -> Result<Vec<Entry>> {
        match (&side.selector, &other.selector) {
            (Some(selector), _) => selector.select(&self.entries, &side.source),
            (None, Some(selector)) => {
                let strategy = selector.strategy.clone();
                let whole = Selector { strategy, ..Selector::default() };
                whole.select(&self.entries, &side.source)
            }
            (None, None) => Ok(self.entries.clone()),
        }
    }
}

/// The groups of one side.
///
/// # Errors
/// If one has a seed twice.
fn group(entries: Vec<Entry>, side: &Side) -> Result<Vec<Group>> {
    Group::of(entries).map_err(|DuplicateSeed { what, seed, lines, differing }| {
        let error = match lines {
            Some((first, second)) => {
                Error::data(format!("{what} has seed {seed} twice, first on line {first}"))
                    .at(format!("line {second}"))
            }
            None => Error::data(format!("{what} has seed {seed} twice")),
        };
        let error = error.at(side.source.to_string());
        let Some((column, value)) = differing.first_key_value() else {
            return error.hint("keep one of the two");
        };
        let part = side.part(&Selector {
            strategy: "NAME".to_owned(),
            settings: [(column.clone(), value.clone())].into(),
            sparsity: None,
        });
        let columns: Vec<&str> = differing.keys().map(String::as_str).collect();
        error.hint(format!(
            "the two rows differ in {}: name one strategy with one value, as {part}, or put what \
             tells them apart into a column model or params",
            columns.join(", ")
        ))
    })
}

/// Prints the study and what else is to be known.
///
/// # Errors
/// If no comparison has a pair, or stdout cannot be written.
fn print(
    args: &CompareArgs,
    study: &Study<'_>,
    remarks: &Remarks,
    pairings: &[Pairing],
) -> Result<Exit> {
    let typed = [args.first.as_str(), args.second.as_str()];
    let compared = || study.judgements.iter().flat_map(|judgement| &judgement.comparisons);
    if compared().all(|comparison| comparison.n() == 0) {
        return Err(Error::usage(format!(
            "{} and {} have no seed in common that finished on both sides",
            args.first, args.second
        ))
        .hint(format!(
            "{}{}",
            output::failures(pairings, typed),
            remarks.text(typed, usize::MAX).trim().replace('\n', "\n  ")
        )));
    }
    if args.json {
        let comparisons: Vec<Value> = study
            .judgements
            .iter()
            .flat_map(|judgement| {
                judgement.comparisons.iter().map(move |comparison| {
                    let mut one = dst_analysis::json::comparison(study, judgement, comparison);
                    one["place"] = judgement.table.heading().into();
                    one["metric"] = json!(comparison.metric);
                    one["margin"] = json!(judgement.margin);
                    one
                })
            })
            .collect();
        crate::output::print_json(&json!({
            "analysis": study.analysis(),
            "training_differs": remarks.training_differs(),
            "settings_differ": remarks.differing,
            "notes": remarks.notes,
            "comparisons": comparisons,
            "not_compared": remarks.unmatched_json(typed),
        }))?;
        return Ok(Exit::Success);
    }
    let page = Page::new(study);
    let terminal = ReportPlugin::find("significance")?.terminal;
    let text = terminal.map(|terminal| terminal(&page, crate::output::width())).unwrap_or_default();
    let width = crate::output::text_width();
    let post_hoc = "Post hoc: which two to compare was not recorded before their trials began.";
    crate::output::print_styled(&format!(
        "{text}\n{}{}",
        wrapped(post_hoc, "", width),
        remarks.text(typed, width)
    ))?;
    Ok(Exit::Success)
}

#[cfg(test)]
mod tests;
