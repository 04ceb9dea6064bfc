//! What `harness status` shows on a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anstream::adapter::strip_str;
use anstyle::Style;
use dst_analysis::format::{count, percent};
use dst_core::Metric;
use dst_core::record::Status;
use dst_store::{Store, TrialState};

use super::group::{Counts, RemainingTime, Score, bar};
use super::{Group, Trial, groups, left, workers};
use crate::command::label::{self, Labels};
use crate::output::style_of;
use crate::progress::span;
use crate::table::{Cell, Column, TerminalTable};
use crate::text::{hanging, length};

/// Does a trial of that state belong there?
type Belongs = fn(&TrialState) -> bool;

/// One of the counts of a group.
type Counted = fn(&Counts) -> usize;

/// The store as text for a terminal of this many columns.
pub(super) fn text(store: &Store, trials: &[Trial], width: usize) -> String {
    if trials.is_empty() {
        return format!("{} has no trials\n", store.root().display());
    }
    let labels = Labels::of(trials.iter().map(|trial| &trial.spec));
    let mut text = table(trials, &labels, width);
    text.push('\n');
    text.push_str(&hanging(&summary(trials), "", "  ", width));
    if let Some(words) = about_queue(trials) {
        text.push_str(&hanging(&words, "", "  ", width));
    }
    if let Some(words) = about_code(trials) {
        text.push_str(&hanging(&words, "", "  ", width));
    }
    let sections: [(&str, &str, Belongs); 4] = [
        ("Running", "running", |state| matches!(state, TrialState::Running(_))),
        ("To continue", "", |state| matches!(state, TrialState::Interrupted)),
        (
            "Failed",
            "failed",
            |state| matches!(state, TrialState::Ended { status, .. } if *status != Status::Finished),
        ),
        ("Damaged", "damaged", |state| matches!(state, TrialState::Damaged(_))),
    ];
    for (title, word, belongs) in sections {
        let mut lines = String::new();
        for trial in trials.iter().filter(|trial| belongs(&trial.state)) {
            let name = label::trial(&labels, &trial.spec);
            let line = format!("{name}: {}", detail(trial));
            lines.push_str(&hanging(&line, &format!("  {}  ", trial.id), "      ", width));
        }
        if !lines.is_empty() {
            let style = style_of(word);
            let _ = write!(text, "\n{style}{title}:{style:#}\n{lines}");
        }
    }
    text
}

/// One row for each group; columns that would be empty are left out. Where one table is too wide, each
/// data set and model has its own.
fn table(trials: &[Trial], labels: &Labels, width: usize) -> String {
    let groups = groups(trials, labels);
    let workers = workers(trials);
    let whole = table_of(&groups.iter().collect::<Vec<_>>(), labels, workers, width);
    let fits = |text: &str| text.lines().all(|line| length(&strip_str(line).to_string()) <= width);
    if fits(&whole) {
        return whole;
    }
    let mut places: Vec<Vec<&Group<'_>>> = Vec::new();
    for group in &groups {
        match places.iter_mut().find(|place| place[0].is_at(group)) {
            Some(place) => place.push(group),
            None => places.push(vec![group]),
        }
    }
    let tables = places.iter().map(|groups| table_of(groups, labels, workers, width));
    tables.collect::<Vec<_>>().join("\n")
}

fn table_of(groups: &[&Group<'_>], labels: &Labels, workers: usize, width: usize) -> String {
    let counts: Vec<Counts> = groups.iter().map(|group| group.counts()).collect();
    let scores: Vec<Option<Score>> = groups.iter().map(|group| group.score()).collect();
    let remaining_times: Vec<Option<RemainingTime>> =
        groups.iter().map(|group| group.remaining(workers)).collect();
    let has = |number: fn(&Counts) -> usize| counts.iter().any(|counts| number(counts) > 0);
    // One column for all data sets: if one has another metric, every cell names its own.
    let all_accuracy = scores.iter().flatten().all(|score| score.metric == Metric::Accuracy);

    // What all rows share stands above them once.
    let first = groups[0];
    let one_place = groups.iter().all(|group| group.is_at(first));
    let mut text = String::new();
    let mut columns = Vec::new();
    if one_place {
        let place = format!("{}, {}", first.dataset, first.model);
        let _ = writeln!(text, "{}", hanging(&place, "", "  ", width));
    } else {
        columns.extend([Column::new("data set"), Column::new("model")]);
    }
    columns.extend([Column::new("strategy"), Column::new("sparsity")]);
    if labels.has_training() {
        columns.push(Column::detail("training"));
    }
    columns.extend([Column::ornament(""), Column::new("finished")]);
    let counted: Vec<(&str, Counted)> = [
        ("running", (|counts| counts.running) as fn(&Counts) -> usize),
        ("to continue", |counts| counts.to_continue),
        ("to do", |counts| counts.to_do),
    ]
    .into_iter()
    .filter(|(_, number)| has(*number))
    .collect();
    let has_failed = has(Counts::failed);
    if has_failed {
        columns.push(Column::new("failed"));
    }
    if scores.iter().any(Option::is_some) {
        columns.push(Column::detail(if all_accuracy { "test accuracy %" } else { "test metric" }));
    }
    // After the score, because details go from the right, and these follow from what is finished.
    columns.extend(counted.iter().map(|(title, _)| Column::detail(*title)));
    if remaining_times.iter().any(Option::is_some) {
        columns.push(Column::detail("left"));
    }

    let mut table = TerminalTable::new(&columns);
    for (((group, counts), score), remaining) in
        groups.iter().zip(&counts).zip(&scores).zip(&remaining_times)
    {
        let mut cells: Vec<Cell> = Vec::new();
        if !one_place {
            cells.extend([&group.dataset, &group.model].map(|name| name.clone().into()));
        }
        cells.push(group.strategy.clone().into());
        cells.push(percent(group.sparsity).into());
        if labels.has_training() {
            cells.push(group.training.clone().into());
        }
        cells.push(bar(counts).into());
        let all_finished = counts.finished == counts.all();
        let style = if all_finished { style_of("finished") } else { Style::new() };
        cells.push(Cell::styled(format!("{} of {}", counts.finished, counts.all()), style));
        if has_failed {
            cells.push(Cell::styled(counts.failed_words(), style_of("failed")));
        }
        if scores.iter().any(Option::is_some) {
            let words = score.map(|score| match all_accuracy {
                true => score.words(),
                false => format!("{} {}", score.metric.title(), score.words()),
            });
            cells.push(words.unwrap_or_default().into());
        }
        cells.extend(counted.iter().map(|(_, number)| Cell::from(number(counts).to_string())));
        if remaining_times.iter().any(Option::is_some) {
            cells.push(
                remaining.map_or_else(String::new, |remaining| span(remaining.seconds)).into(),
            );
        }
        table.row(cells);
    }
    text + &table.fitted(width)
}

/// Such as `5 of 12 trials finished, 2 running, 1 failed; about 3 min 20 s left, 2 at once`.
fn summary(trials: &[Trial]) -> String {
    let counts = Counts::of(trials);
    let mut parts =
        vec![format!("{} of {} finished", counts.finished, count(trials.len(), "trial"))];
    let states = [
        (counts.running, "running"),
        (counts.to_continue, "to continue"),
        (counts.to_do, "to do"),
        (counts.failed(), "failed"),
    ];
    parts.extend(states.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")));
    let mut text = parts.join(", ");
    let workers = workers(trials);
    if let Some(remaining) = RemainingTime::of(trials, workers) {
        let about = if remaining.is_partial { "at least" } else { "about" };
        let time = span(remaining.seconds);
        let _ = match workers {
            0 => write!(text, "; {about} {time} of training left, one trial after the other"),
            1 => write!(text, "; {about} {time} left, one trial at a time"),
            several => write!(text, "; {about} {time} left, {several} at once"),
        };
    }
    text
}

/// Such as `in the queue of the cluster: 12 trials queued (Resources), 3 trials running`.
fn about_queue(trials: &[Trial]) -> Option<String> {
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    for task in
        trials.iter().filter(|trial| trial.is_open()).filter_map(|trial| trial.queued.as_ref())
    {
        *states.entry(task.describe()).or_default() += 1;
    }
    if states.is_empty() {
        return None;
    }
    let parts = states.iter().map(|(state, trials)| format!("{} {state}", count(*trials, "trial")));
    Some(format!("in the queue of the cluster: {}", parts.collect::<Vec<_>>().join(", ")))
}

/// Such as `4 results are of other code (strategy-rigl changed): a grid trains them again`.
fn about_code(trials: &[Trial]) -> Option<String> {
    let others: Vec<_> = trials.iter().filter(|trial| !trial.other_code.is_empty()).collect();
    let which: BTreeSet<&str> =
        others.iter().flat_map(|trial| &trial.other_code).map(String::as_str).collect();
    let what = match others.len() {
        0 => return None,
        1 => "1 result is of other code".to_owned(),
        several => format!("{several} results are of other code"),
    };
    let which = Vec::from_iter(which).join(", ");
    Some(format!("{what} ({which}): a grid trains them again unless --accept-code keeps them"))
}

/// Why it failed, or how far it is.
pub(super) fn detail(trial: &Trial) -> String {
    match &trial.state {
        TrialState::Ended { status: Status::Finished, .. } | TrialState::Pending => String::new(),
        TrialState::Ended { status, reason, .. } => format!("{status}: {reason}"),
        TrialState::Damaged(reason) => reason.clone(),
        TrialState::Running(holder) => format!("{}, by {holder}", position(trial)),
        TrialState::Interrupted => position(trial),
    }
}

/// Such as `epoch 3/20, loss 0.1235, validation 97.12 %, about 40 s left`.
fn position(trial: &Trial) -> String {
    let Some(progress) = &trial.progress else { return "no batch trained yet".to_owned() };
    let mut parts = vec![format!("epoch {}/{}", progress.epoch, progress.epochs)];
    parts.extend(progress.train_loss.map(|loss| format!("loss {loss:.4}")));
    parts.extend(progress.accuracy.map(|share| format!("validation {:.2} %", 100.0 * share)));
    parts.extend(left(trial).map(|seconds| format!("about {} left", span(seconds))));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_store::TrialProgress;
    use dst_store::testing::{spec, success};

    fn trial(strategy: &str, seed: u64, state: TrialState) -> Trial {
        let spec = spec(strategy, seed);
        Trial {
            id: spec.id(),
            spec,
            state,
            progress: None,
            outcome: None,
            queued: None,
            other_code: BTreeSet::new(),
            seconds: None,
        }
    }

    fn ended(status: Status, reason: &str) -> TrialState {
        TrialState::Ended { status, reason: reason.to_owned(), collapse: None }
    }

    /// One finished, one begun, one that failed with a long reason, one damaged and one not begun.
    fn mixed() -> Vec<Trial> {
        let finished = trial("set", 0, ended(Status::Finished, ""));
        let begun = TrialProgress {
            epoch: 3,
            epochs: 20,
            fraction: 0.25,
            train_loss: Some(0.12345),
            accuracy: Some(0.9712),
        };
        let reason =
            "the loss was not a number in epoch 2, after the gradients had grown by six orders";
        vec![
            Trial { outcome: success(&finished.spec).outcome, ..finished },
            Trial {
                progress: Some(begun),
                seconds: Some(80.0),
                ..trial("set", 1, TrialState::Interrupted)
            },
            trial("rigl", 0, ended(Status::Diverged, reason)),
            trial("rigl", 1, TrialState::Damaged("its result is torn".to_owned())),
            trial("rigl", 2, TrialState::Pending),
        ]
    }

    fn shown(trials: &[Trial], width: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        strip_str(&text(&store, trials, width)).to_string()
    }

    #[test]
    fn a_store_without_trials_says_so() {
        let text = shown(&[], 80);
        assert!(text.ends_with("runs has no trials\n"), "{text}");
    }

    #[test]
    fn every_state_is_counted_and_what_needs_attention_is_named() {
        let trials = mixed();
        let text = shown(&trials, 200);
        let summary = "1 of 5 trials finished, 1 to continue, 2 to do, 1 failed; at least 1 min 0 s of \
                       training left";
        assert!(text.contains(summary), "{text}");
        let begun = "epoch 3/20, loss 0.1235, validation 97.12 %, about 1 min 0 s left";
        let sections =
            ["\nTo continue:\n", begun, "\nFailed:\n", "diverged: the loss", "\nDamaged:\n"];
        let places: Vec<usize> = sections
            .iter()
            .map(|part| text.find(part).unwrap_or_else(|| panic!("{part} in {text}")))
            .collect();
        assert!(places.is_sorted(), "{text}");
        assert!(
            text.contains(&format!("  {}  ", trials[2].id)) && text.contains("98.00"),
            "{text}"
        );
        assert!(!text.contains("Running:"), "{text}");
    }

    #[test]
    fn lines_fit_into_narrow_terminals() {
        for width in [60, 80, 200] {
            let text = shown(&mixed(), width);
            let widest = text.lines().map(length).max();
            assert!(widest <= Some(width), "{width}: {text}");
        }
    }

    #[test]
    fn results_of_other_code_are_told_with_what_changed() {
        let mut trials = mixed();
        trials[0].other_code = BTreeSet::from(["strategy-set changed".to_owned()]);
        let words = about_code(&trials).unwrap();
        let expected = "1 result is of other code (strategy-set changed): a grid trains them again";
        assert!(words.starts_with(expected), "{words}");
        assert_eq!(about_code(&mixed()), None);
    }
}
