//! `harness status`

use std::collections::{BTreeMap, BTreeSet};

use dst_core::Result;
use dst_core::record::{Status, TrialSpec};
use serde_json::json;

use super::label::{self, Labels};
use crate::cli::StatusArgs;
use crate::code;
use crate::config::{Effective, Layer, typed};
use crate::exit::Exit;
use crate::output;
use crate::store::{Store, TrialState};
use crate::table::Table;

/// How many trials of one group are in which state.
#[derive(Default)]
struct Counts {
    done: usize,
    running: usize,
    failed: usize,
    open: usize,
}

/// Is a trial in this state part of a section?
type Belongs = fn(&TrialState) -> bool;

pub(super) fn run(args: &StatusArgs) -> Result<Exit> {
    let mut flags = Layer::new();
    typed::store(&mut flags, args.store.as_deref())?;
    let root = Effective::of_process(None, flags)?.execution()?.store;
    let store = Store::open(&root)?;
    let mut trials: Vec<(TrialSpec, TrialState)> = Vec::new();
    for spec in store.specs()? {
        let state = store.state(&spec.id())?;
        trials.push((spec, state));
    }
    let changes = changes(&store, &trials)?;
    if args.json {
        let list: Vec<_> = trials
            .iter()
            .zip(&changes)
            .map(|((spec, state), changes)| {
                json!({
                    "id": spec.id(),
                    "spec": spec,
                    "state": word(state),
                    "detail": detail(&store, spec, state),
                    "other_code": changes,
                })
            })
            .collect();
        output::print_json(&json!({ "store": store.root(), "trials": list }))?;
    } else {
        output::print(&(text(&store, &trials) + &about_code(&changes)))?;
    }
    Ok(Exit::Success)
}

/// By trial: why its result is of other code than this program, in words.
fn changes(store: &Store, trials: &[(TrialSpec, TrialState)]) -> Result<Vec<BTreeSet<String>>> {
    let of = |(spec, _): &(TrialSpec, TrialState)| match store.provenance(&spec.id())? {
        Some(provenance) => code::changes(&provenance),
        None => Ok(BTreeSet::new()),
    };
    trials.iter().map(of).collect()
}

fn about_code(changes: &[BTreeSet<String>]) -> String {
    let count = changes.iter().filter(|changes| !changes.is_empty()).count();
    if count == 0 {
        return String::new();
    }
    let which: BTreeSet<&str> = changes.iter().flatten().map(String::as_str).collect();
    format!(
        "\nResults of other code: {count} ({}). A grid trains them again; --accept-code keeps \
         them.\n",
        Vec::from_iter(which).join(", ")
    )
}

fn text(store: &Store, trials: &[(TrialSpec, TrialState)]) -> String {
    let labels = Labels::of(trials.iter().map(|(spec, _)| spec));
    let mut order: Vec<[String; 3]> = Vec::new();
    let mut groups: BTreeMap<[String; 3], Counts> = BTreeMap::new();
    for (spec, state) in trials {
        let group =
            [spec.dataset_label(), spec.model_name().to_owned(), spec.strategy_name().to_owned()];
        if !groups.contains_key(&group) {
            order.push(group.clone());
        }
        let counts = groups.entry(group).or_default();
        match state {
            TrialState::Ended { status: Status::Finished, .. } => counts.done += 1,
            TrialState::Ended { .. } => counts.failed += 1,
            TrialState::Running(_) => counts.running += 1,
            _ => counts.open += 1,
        }
    }
    let mut table =
        Table::new(&["data set", "model", "strategy", "", "done", "running", "failed", "to do"]);
    for group in order {
        let counts = &groups[&group];
        let numbers = [counts.done, counts.running, counts.failed, counts.open];
        let cells = numbers.map(|count| count.to_string());
        table.row(group.into_iter().chain([bar(counts)]).chain(cells));
    }
    let mut text = if table.is_empty() {
        format!("{} has no trials\n", store.root().display())
    } else {
        table.to_string()
    };
    let sections: [(&str, Belongs); 3] = [
        ("Running", |state| matches!(state, TrialState::Running(_))),
        (
            "Failed",
            |state| matches!(state, TrialState::Ended { status, .. } if *status != Status::Finished),
        ),
        ("Damaged", |state| matches!(state, TrialState::Damaged(_))),
    ];
    for (title, belongs) in sections {
        let mut lines = String::new();
        for (spec, state) in trials.iter().filter(|(_, state)| belongs(state)) {
            let name = label::trial(&labels, spec);
            let detail = detail(store, spec, state);
            lines.push_str(&format!("  {}  {name}: {detail}\n", spec.id()));
        }
        if !lines.is_empty() {
            text.push_str(&format!("\n{title}:\n{lines}"));
        }
    }
    text
}

/// Characters of a bar.
const BAR: usize = 12;

/// Done, running and failed trials as parts of a bar: `######>x...`. A part that is not empty has a
/// character, however small it is.
fn bar(counts: &Counts) -> String {
    let all = counts.done + counts.running + counts.failed + counts.open;
    let width = |count: usize| match count {
        0 => 0,
        some => (some * BAR / all.max(1)).max(1),
    };
    let (running, failed) = (width(counts.running), width(counts.failed));
    let open = width(counts.open);
    let done = if counts.done == 0 { 0 } else { BAR.saturating_sub(running + failed + open) };
    let mut bar = "#".repeat(done) + &">".repeat(running) + &"x".repeat(failed);
    bar.push_str(&".".repeat(BAR.saturating_sub(bar.len())));
    bar
}

fn word(state: &TrialState) -> String {
    match state {
        TrialState::Pending => "to-do".to_owned(),
        TrialState::Running(_) => "running".to_owned(),
        TrialState::Interrupted => "interrupted".to_owned(),
        TrialState::Damaged(_) => "damaged".to_owned(),
        TrialState::Ended { status, .. } => status.to_string(),
    }
}

/// Why it failed, or how far it is.
fn detail(store: &Store, spec: &TrialSpec, state: &TrialState) -> String {
    match state {
        TrialState::Ended { status: Status::Finished, .. } | TrialState::Pending => String::new(),
        TrialState::Ended { status, reason } => format!("{status}: {reason}"),
        TrialState::Damaged(reason) => reason.clone(),
        TrialState::Running(holder) => {
            format!("{} by {holder}", epochs(store, spec))
        }
        TrialState::Interrupted => epochs(store, spec),
    }
}

/// The history is written after every epoch, so its length tells how far a trial is.
fn epochs(store: &Store, spec: &TrialSpec) -> String {
    let path = store.folder(&spec.id()).join("history.csv");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let done = text.lines().count().saturating_sub(1);
    format!("{done} of {} epochs", spec.training.epochs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_other_code_are_counted_with_their_reasons() {
        let one = BTreeSet::from(["strategy-a changed".to_owned()]);
        let two = BTreeSet::from(["strategy-b changed".to_owned()]);
        assert_eq!(about_code(&[BTreeSet::new()]), "");
        assert_eq!(
            about_code(&[one.clone(), BTreeSet::new(), two, one]),
            "\nResults of other code: 3 (strategy-a changed, strategy-b changed). A grid trains \
             them again; --accept-code keeps them.\n"
        );
    }

    #[test]
    fn bars_have_one_width_and_hide_nothing() {
        let of = |done, running, failed, open| bar(&Counts { done, running, failed, open });
        assert_eq!(of(6, 0, 0, 0), "############");
        assert_eq!(of(0, 0, 0, 6), "............");
        assert_eq!(of(97, 1, 1, 1), "#########>x.");
        assert_eq!(of(0, 0, 3, 0), "xxxxxxxxxxxx");
        assert_eq!(of(1, 1, 0, 4), "##>>........");
    }
}
