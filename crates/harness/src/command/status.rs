//! `harness status`

mod group;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anstream::adapter::strip_str;
use anstyle::Style;
use dst_analysis::Analysis;
use dst_analysis::format::{count, percent};
use dst_core::record::{Outcome, Status, TrialSpec};
use dst_core::{Metric, Result, utc};
use dst_settings::{CommandLine, ResolvedSettings};
use serde_json::{Value, json};

use super::epoch_times::{EpochTimes, seconds};
use super::label::{self, Labels};
use super::readable;
use super::watch;
use crate::cli::StatusArgs;
use crate::code;
use crate::flags;
use crate::output::{self, style_of};
use crate::progress::span;
use crate::screen::Screen;
use crate::table::{Cell, Column, TerminalTable};
use crate::text::{hanging, length};
use dst_executor::Exit;
use dst_executor::slurm::QueuedTask;
use dst_store::clock;
use dst_store::{Depth, Store, TrialProgress, TrialState};
use group::{Counts, RemainingTime, Score, bar};
use queue::Queue;

/// A trial as the store knows it.
#[derive(Debug, Clone)]
struct Trial {
    id: String,
    spec: TrialSpec,
    state: TrialState,
    /// How far it is, if it has begun and not ended.
    progress: Option<TrialProgress>,
    /// If it finished.
    outcome: Option<Outcome>,
    /// Its task in the queue of a cluster.
    queued: Option<QueuedTask>,
    /// Why its result is of other code than this program, in words.
    other_code: BTreeSet<String>,
    /// What the whole of it takes, as far as others tell.
    seconds: Option<f64>,
}

impl Trial {
    fn is_open(&self) -> bool {
        !matches!(self.state, TrialState::Ended { .. })
    }
}

pub(super) fn run(args: &StatusArgs) -> Result<Exit> {
    let mut flags = CommandLine::new();
    flags::store(&mut flags, args.store.as_deref())?;
    let root = ResolvedSettings::of_process(None, flags)?.execution()?.store;
    let store = Store::open(&root)?;
    if let Some(seconds) = args.watch {
        return follow(&store, Duration::from_secs(seconds));
    }
    let trials = trials(&store, &mut Queue::default())?;
    if args.json {
        output::print_json(&json(&store, &trials))?;
    } else {
        output::print_styled(&text(&store, &trials, output::width()))?;
    }
    Ok(Exit::Success)
}

/// Shows the store again and again: on a terminal in place, elsewhere one block after the other.
fn follow(store: &Store, pause: Duration) -> Result<Exit> {
    let mut screen = Screen::on_stdout();
    let mut last = String::new();
    let mut queue = Queue::default();
    let exit = watch::watch(pause, || {
        let trials = trials(store, &mut queue)?;
        let over = trials.iter().all(|trial| !trial.is_open());
        match &mut screen {
            Some(screen) => {
                last = text(store, &trials, screen.room().columns);
                let mut lines: Vec<String> = last.lines().map(str::to_owned).collect();
                let rows = screen.room().rows;
                if lines.len() > rows {
                    let hidden = lines.len() - rows + 1;
                    lines.truncate(rows - 1);
                    lines.push(format!("... and {}", count(hidden, "more line")));
                }
                screen.draw(&lines);
            }
            None => {
                let now = clock::now();
                let text = text(store, &trials, output::width());
                output::print_styled(&format!("{now}\n{text}\n"))?;
            }
        }
        Ok(if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    if let Some(mut screen) = screen {
        screen.clear();
        // What was seen last stays, all of it.
        output::print_styled(&last)?;
    }
    Ok(exit)
}

/// All trials of a store with what they still take.
fn trials(store: &Store, queue: &mut Queue) -> Result<Vec<Trial>> {
    let mut epoch_times = EpochTimes::default();
    let mut trials = Vec::new();
    let analysis = readable::grids(store)?.pop().map(|grid| grid.analysis).unwrap_or_default();
    let specs = readable::specs(store)?;
    let ids: Vec<String> = specs.iter().map(TrialSpec::id).collect();
    let states = store.states(&ids, Depth::Result)?;
    let queue = queue.tasks(store);
    for ((spec, id), (state, result)) in specs.into_iter().zip(ids).zip(states) {
        let state = accepted_is_finished(state, &spec, &analysis);
        let is_begun = matches!(state, TrialState::Running(_) | TrialState::Interrupted);
        let progress = if is_begun { store.progress(&spec) } else { None };
        let (mut outcome, mut other_code) = (None, BTreeSet::new());
        if let TrialState::Ended { status, .. } = state
            && let Some(result) = result
        {
            other_code = code::changes(&result.provenance)?;
            if status == Status::Finished {
                epoch_times.finished(&spec, seconds(store, &result));
                outcome = result.outcome;
            }
        }
        if let (TrialState::Running(holder), Some(progress)) = (&state, &progress)
            && let Some(since) = utc::seconds(&holder.since)
        {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            epoch_times.running(&spec, now.saturating_sub(since) as f64, progress.fraction);
        }
        let queued = queue.get(&id).cloned();
        trials.push(Trial {
            id,
            spec,
            state,
            progress,
            outcome,
            queued,
            other_code,
            seconds: None,
        });
    }
    for trial in trials.iter_mut().filter(|trial| trial.is_open()) {
        trial.seconds = epoch_times.of(&trial.spec);
    }
    Ok(trials)
}

/// Trials of one data set, model, strategy with its parameters, sparsity and training.
struct Group<'a> {
    dataset: String,
    model: String,
    strategy: String,
    training: String,
    sparsity: f64,
    trials: Vec<&'a Trial>,
}

impl Group<'_> {
    /// Is it of the same data set and model?
    fn is_at(&self, other: &Group<'_>) -> bool {
        self.dataset == other.dataset && self.model == other.model
    }

    fn counts(&self) -> Counts {
        Counts::of(self.trials.iter().copied())
    }

    fn score(&self) -> Option<Score> {
        Score::of(self.trials.iter().filter_map(|trial| trial.outcome.as_ref()))
    }

    fn remaining(&self, workers: usize) -> Option<RemainingTime> {
        RemainingTime::of(self.trials.iter().copied(), workers)
    }
}

fn groups<'a>(trials: &'a [Trial], labels: &Labels) -> Vec<Group<'a>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for trial in trials {
        let spec = &trial.spec;
        let place = *places.entry(without_seed(spec)).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group {
                dataset: spec.dataset_label(),
                model: labels.model(spec),
                strategy: labels.strategy(spec),
                training: labels.training(spec),
                sparsity: spec.sparsity,
                trials: Vec::new(),
            });
        }
        groups[place].trials.push(trial);
    }
    groups
}

/// The id that all seeds of a trial share.
fn without_seed(spec: &TrialSpec) -> String {
    TrialSpec { seed: 0, ..spec.clone() }.id()
}

/// Trials that run now, which share what is left.
fn workers(trials: &[Trial]) -> usize {
    trials.iter().filter(|trial| matches!(trial.state, TrialState::Running(_))).count()
}

fn text(store: &Store, trials: &[Trial], width: usize) -> String {
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

fn word(state: &TrialState) -> String {
    match state {
        TrialState::Pending => "to-do".to_owned(),
        TrialState::Running(_) => "running".to_owned(),
        TrialState::Interrupted => "to-continue".to_owned(),
        TrialState::Damaged(_) => "damaged".to_owned(),
        TrialState::Ended { status, .. } => status.to_string(),
    }
}

/// Why it failed, or how far it is.
fn detail(trial: &Trial) -> String {
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

/// Seconds until a trial has ended that has begun.
fn left(trial: &Trial) -> Option<f64> {
    Some(trial.seconds? * (1.0 - trial.progress.as_ref()?.fraction))
}

fn json(store: &Store, trials: &[Trial]) -> Value {
    let labels = Labels::of(trials.iter().map(|trial| &trial.spec));
    let workers = workers(trials);
    let score_json = |score: Option<Score>| {
        score.map(|score| {
            json!({
                "metric": score.metric,
                "mean": score.mean,
                "sd": score.sd,
                "seeds": score.seeds,
            })
        })
    };
    // A part of the time is no answer for programs.
    let seconds = |remaining: Option<RemainingTime>, open: usize| match remaining {
        _ if open == 0 => Some(0.0),
        Some(remaining) if !remaining.is_partial => Some(remaining.seconds),
        _ => None,
    };
    let groups: Vec<Value> = groups(trials, &labels)
        .iter()
        .map(|group| {
            let counts = group.counts();
            json!({
                "dataset": group.dataset,
                "model": group.model,
                "strategy": group.strategy,
                "training": group.training,
                "sparsity": group.sparsity,
                "trials": group.trials.iter().map(|trial| &trial.id).collect::<Vec<_>>(),
                "counts": counts.json(),
                "test": score_json(group.score()),
                "seconds_left": seconds(group.remaining(workers), counts.open()),
            })
        })
        .collect();
    let list: Vec<Value> = trials
        .iter()
        .map(|trial| {
            json!({
                "id": trial.id,
                "spec": trial.spec,
                "state": word(&trial.state),
                "detail": detail(trial),
                "progress": trial.progress,
                "queue": trial.queued.as_ref().map(|task| json!({
                    "task": task.name,
                    "state": task.state,
                    "reason": task.reason,
                })),
                "other_code": trial.other_code,
                "seconds_left": left(trial),
            })
        })
        .collect();
    let counts = Counts::of(trials);
    json!({
        "store": store.root(),
        "counts": counts.json(),
        "running_at_once": workers,
        "seconds_left": seconds(RemainingTime::of(trials, workers), counts.open()),
        "groups": groups,
        "trials": list,
    })
}

/// Does a trial of that state belong there?
type Belongs = fn(&TrialState) -> bool;

/// One of the counts of a group.
type Counted = fn(&Counts) -> usize;

/// The state with a collapse that the latest grid accepts as an end like any other.
fn accepted_is_finished(state: TrialState, spec: &TrialSpec, analysis: &Analysis) -> TrialState {
    match state {
        TrialState::Ended { status, collapse, .. }
            if analysis.counts_as_trained(&spec.dataset, status, collapse) =>
        {
            let (status, reason) = (Status::Finished, String::new());
            TrialState::Ended { status, reason, collapse }
        }
        state => state,
    }
}
