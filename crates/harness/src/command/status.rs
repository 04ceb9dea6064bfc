//! `harness status`

mod group;
mod queue;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dst_analysis::Analysis;
use dst_analysis::format::count;
use dst_core::record::{Outcome, Status, TrialSpec};
use dst_core::{Result, utc};
use dst_settings::{CommandLine, ResolvedSettings};
use serde_json::{Value, json};

use super::epoch_times::{EpochTimes, seconds};
use super::label::Labels;
use super::readable;
use super::watch;
use crate::cli::StatusArgs;
use crate::code;
use crate::flags;
use crate::output;
use crate::screen::Screen;
use dst_executor::Exit;
use dst_executor::slurm::QueuedTask;
use dst_store::clock;
use dst_store::{Depth, Store, TrialProgress, TrialState};
use group::{Counts, RemainingTime, Score};
use queue::Queue;
use view::{detail, text};

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
        let place = *places.entry(spec.id_without_seed()).or_insert(groups.len());
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

/// Trials that run now, which share what is left.
fn workers(trials: &[Trial]) -> usize {
    trials.iter().filter(|trial| matches!(trial.state, TrialState::Running(_))).count()
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
