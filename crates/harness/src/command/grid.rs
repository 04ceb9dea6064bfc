//! `harness grid`

mod dry_run;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use dst_analysis::Budget;
use dst_analysis::format::{count, operations};
use dst_core::record::{Collapse, Provenance, Status, TrialRecord, TrialSpec};
use dst_core::{Error, Result};
use dst_settings::{ExecutionConfig, GridConfig, Place, ResolvedSettings, mistyped};
use serde_json::json;

use super::event_log::EventLog;
use super::fetch::Absent;
use super::kept_networks::KeptNetworks;
use super::label::{self, Labels};
use super::preflight::{self, Checked, Choices, Inputs, intervals};
use super::report::default_folder;
use super::standing::{ReusePolicy, Standings};
use super::{adoption, cluster, expectation, report, results};
use crate::cli::{GridArgs, Rerun};
use crate::code;
use crate::flags;
use crate::output;
use crate::progress::{Progress, span};
use dst_executor::{
    Event, Execution, Executor, ExecutorOptions, Exit, FailurePolicy, Local, Slurm,
};
use dst_store::{GridRecord, Store, TrialState};

pub(super) fn run(args: &GridArgs) -> Result<Exit> {
    for (name, meant) in
        mistyped(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
    {
        output::note(&match meant {
            Some(meant) => format!("warning: {name} is not a variable of the harness; {meant} is"),
            None => format!(
                "warning: {name} is not a variable of the harness; `harness grid --help` names them"
            ),
        });
    }
    let file = args.experiment.settings.config.as_deref();
    let resolved = ResolvedSettings::of_process(file, flags::grid(args)?)?;
    let mut grid = resolved.grid()?;
    resolved.check_looks(&grid)?;
    if args.print_config {
        output::print(&resolved.to_toml()?)?;
        return Ok(Exit::Success);
    }
    check_control(&grid)?;
    let inputs = fit_intervals(&mut grid, &resolved, args)?;
    let equal = EqualCosts::choose(&mut grid, inputs, args)?;
    if args.dry_run {
        return dry_run::run(&grid, equal, args);
    }
    train(&grid, equal, args)
}

/// What is known of a grid once sparsities and epochs were chosen for their cost.
#[derive(Default)]
struct EqualCosts {
    /// What networks are built from; none if nothing was to be chosen, here or of intervals.
    inputs: Option<Inputs>,
    /// Trials that cannot have their cost, by id, and why.
    refused: BTreeMap<String, String>,
}

impl EqualCosts {
    /// Chooses what is to be chosen, and says it. `inputs` are those that are loaded already.
    fn choose(grid: &mut GridConfig, inputs: Option<Inputs>, args: &GridArgs) -> Result<Self> {
        if !grid.budgets.iter().any(Budget::is_some) {
            return Ok(Self { inputs, refused: BTreeMap::new() });
        }
        let inputs = match inputs {
            Some(inputs) => inputs,
            None => load(grid, &|_| true, args)?,
        };
        let Choices { notes, refused } = preflight::choose(grid, &inputs)?;
        if !args.quiet {
            notes.iter().for_each(|words| output::note(words));
        }
        Ok(Self { inputs: Some(inputs), refused })
    }
}

/// Gives methods whose default interval never comes in their training one that does, and says it. What was
/// loaded for that is returned.
fn fit_intervals(
    grid: &mut GridConfig,
    resolved: &ResolvedSettings,
    args: &GridArgs,
) -> Result<Option<Inputs>> {
    let is_given = |strategy: &str| resolved.sets_interval(strategy);
    let may_change = |spec: &TrialSpec| intervals::has_one(spec) && !is_given(spec.strategy_name());
    if !grid.trials.iter().any(may_change) {
        return Ok(None);
    }
    let inputs = if grid.budgets.iter().any(Budget::is_some) {
        load(grid, &|_| true, args)?
    } else {
        let store = Store::open_if_there(&grid.execution.store)?;
        let standings = standings(store.as_ref(), grid, args)?;
        let trains: Vec<bool> = standings.iter().map(|(_, standing)| standing.trains()).collect();
        load(grid, &|index| args.dry_run || trains[index], args)?
    };
    let notes = intervals::fit(&mut grid.trials, &inputs, &is_given)?;
    if !args.quiet {
        notes.iter().for_each(|words| output::note(words));
    }
    Ok(Some(inputs))
}

/// What networks are built from; see [`preflight::load`].
fn load(grid: &GridConfig, trains: &dyn Fn(usize) -> bool, args: &GridArgs) -> Result<Inputs> {
    preflight::load(&grid.trials, trains, &grid.execution, &grid.analysis.metrics, absent(args))
}

/// Where the trials stand in the store.
fn standings<'a>(
    store: Option<&Store>,
    grid: &'a GridConfig,
    args: &GridArgs,
) -> Result<Standings<'a>> {
    let policy = ReusePolicy { rerun: args.rerun, accept_code: args.accept_code };
    Standings::read(store, &grid.trials, policy, &grid.analysis)
}

fn absent(args: &GridArgs) -> Absent {
    if args.dry_run { Absent::Refused } else { Absent::Fetched }
}

/// A control that is not part of the grid would leave every comparison empty.
fn check_control(grid: &GridConfig) -> Result<()> {
    let control = &grid.analysis.control;
    let names = || grid.trials.iter().map(TrialSpec::strategy_name);
    if control.is_empty() || names().any(|name| name == control) {
        return Ok(());
    }
    Err(Error::usage(format!("the control '{control}' is not among the strategies"))
        .hint("add it to --strategies, or name another with --control"))
}

fn train(grid: &GridConfig, equal: EqualCosts, args: &GridArgs) -> Result<Exit> {
    let mut execution = grid.execution.clone();
    if let Place::Slurm(settings) = &grid.execution.place {
        cluster::check(settings, &mut execution)?;
    }
    let store = Store::create(&execution.store)?;
    if !args.no_report {
        preflight::writable(&default_folder(store.root()))?;
    }
    let mut events = args.events.as_deref().map(EventLog::open).transpose()?;
    let adopted = adoption::adopt(&store, &grid.trials)?;
    if adopted > 0 {
        output::note(&format!(
            "{} stored under earlier names of parameters: found under the present ones now",
            count(adopted, "result")
        ));
    }
    let EqualCosts { inputs, refused: unequal } = equal;
    let (standings, inputs) = stand(Some(&store), grid, inputs, args)?;
    let pending = standings.pending();
    let checked = preflight::check(&pending, &inputs, &unequal, args.quiet)?;
    refuse_all(grid, &checked)?;
    let estimates = &checked.estimates;
    let about_memory = preflight::fit_memory(&mut execution, estimates);
    preflight::space(store.root(), &checked, &execution)?;
    let record = GridRecord::new(command_line(), &grid.trials, grid.analysis.clone())
        .with_budgets(&preflight::budgets(grid));
    store.remember_grid(&record)?;
    store.remember_own_data(&execution.own_data)?;

    let labels = Labels::of(grid.trials.iter());
    if !args.quiet {
        announce(&execution, grid.trials.len(), &checked);
        let expected = expectation::of_trials(Some(&store), &checked.trials, execution.jobs)?;
        expected.iter().for_each(|words| output::note(words));
    }
    standings.notes().iter().for_each(|words| output::note(words));
    let kept = KeptNetworks::of(&store, execution.keep, &grid.trials)?;
    kept.missing_before(&pending)?.iter().for_each(|words| output::note(words));
    say(about_memory, args.quiet);
    advise(grid, args.quiet)?;
    warn(&checked, &labels);
    let code = inputs.code(&pending)?;
    refuse(&store, &checked, &inputs, &code)?;
    let names: BTreeMap<String, String> =
        grid.trials.iter().map(|spec| (spec.id(), label::trial(&labels, spec))).collect();
    // Masked arithmetic takes the time of the dense network.
    let costs = checked.trials.iter().zip(estimates);
    let costs = costs.map(|(spec, estimate)| (spec.id(), estimate.dense_train_flops)).collect();
    let mut progress = Progress::new(names, costs, args.quiet);
    let started = Instant::now();
    let options = ExecutorOptions {
        outdated: standings.outdated(),
        failures: failure_policy(grid, args),
        provenance: code.into_iter().map(|(id, code)| (id, code::present(code))).collect(),
        ..executor_options(&execution, args)?
    };
    let (done, mut to_execute) = (standings.done(), pending);
    let refused: BTreeSet<String> = checked.refused.iter().map(|(spec, _)| spec.id()).collect();
    to_execute.retain(|spec| !refused.contains(&spec.id()));
    // What a trial trained must be known for the report, too.
    store.add_all(&done.iter().map(|(spec, _)| spec.clone()).collect::<Vec<_>>())?;
    for (spec, status) in &done {
        progress.event(&Event::Skipped { id: spec.id(), status: *status });
    }
    let executor: Box<dyn Executor> = match &execution.place {
        Place::Local => Box::new(Local),
        Place::Slurm(settings) => {
            let conclusion = cluster::conclusion(&store, &record, execution.keep, args.no_report);
            Box::new(Slurm::new(settings.clone()).with_conclusion(conclusion))
        }
    };
    let executed = executor.execute(&store, &to_execute, &options, &mut |event| {
        if let Event::Ended { id, .. } = &event {
            kept.ended_while_others_run(id);
        }
        if let Some(events) = &mut events {
            events.add(&event);
        }
        progress.event(&event);
    });
    progress.finish();
    let executed = executed?;

    if executed.queued > 0 {
        return cluster::say_queued(&store, &record, executed.queued, args);
    }
    if executed.interrupted {
        output::note(match args.rerun {
            Rerun::All => {
                "interrupted; what was not started keeps its earlier results, and --rerun all begins \
                 with all trials again"
            }
            _ => "interrupted; the same command continues where it stopped",
        });
        return Ok(Exit::Interrupted);
    }
    if executed.given_up {
        output::note(&format!(
            "given up after {}; the same command continues where it stopped",
            count(executed.failed, "failure")
        ));
    }
    if !args.quiet && executed.finished + executed.failed > 0 {
        output::note(&format!(
            "{} in {}, {} failed, {} done before",
            count(executed.finished + executed.failed, "trial"),
            span(started.elapsed().as_secs_f64()),
            executed.failed,
            executed.skipped + done.len(),
        ));
    }
    kept.all_ended()?;
    if let Some(words) = kept.summary().filter(|_| !args.quiet) {
        output::note(&words);
    }
    // JSON has the trials' results, reports or not.
    let Ending { ended, failed, untrained, reasons } = if args.no_report && !args.json {
        let others = to_execute.iter().chain(checked.refused.iter().map(|(spec, _)| spec));
        count_ended(&store, grid, &done, others, args.quiet)?
    } else {
        conclude(&store, grid, &record, &executed, args)?
    };
    let refused = checked.refused.len();
    if failed > refused {
        output::note(&format!(
            "{} of {} failed; {reasons}{}",
            failed - refused,
            count(ended, "trial"),
            next_step(failed - refused, untrained),
        ));
    }
    if refused > 0 {
        output::note(&format!(
            "{refused} of {} {} refused by their method; {reasons}",
            count(ended, "trial"),
            if refused == 1 { "was" } else { "were" },
        ));
    }
    if let Some(first) = executed.unfinished.first() {
        output::note(&format!(
            "{} without a result, the first because {}; the same command tries again",
            count(executed.unfinished.len(), "trial"),
            first.reason.lines().next().unwrap_or_default()
        ));
    }
    let complete = failed == 0 && executed.unfinished.is_empty();
    Ok(if complete { Exit::Success } else { Exit::TrialsFailed })
}

/// How the trials of a grid ended.
struct Ending {
    ended: usize,
    /// Those that do not count as trained.
    failed: usize,
    /// Those of them that diverged or collapsed, and would again.
    untrained: usize,
    /// Where to read why.
    reasons: &'static str,
}

/// Counts the trials that ended, by the results of those that were not `done` before: a report also needs tables
/// and predictions of all, which take many times as long to read.
fn count_ended<'a>(
    store: &Store,
    grid: &GridConfig,
    done: &[(TrialSpec, Status)],
    others: impl Iterator<Item = &'a TrialSpec>,
    quiet: bool,
) -> Result<Ending> {
    let mut ending = Ending {
        ended: done.len(),
        failed: done.iter().filter(|(_, status)| *status != Status::Finished).count(),
        untrained: done.iter().filter(|(_, status)| would_repeat(*status)).count(),
        reasons: "`harness report` shows why",
    };
    for spec in others {
        if let TrialState::Ended { status, collapse, .. } = store.state(&spec.id())? {
            ending.ended += 1;
            let is_trained = grid.analysis.counts_as_trained(&spec.dataset, status, collapse);
            ending.failed += usize::from(!is_trained);
            ending.untrained += usize::from(!is_trained && would_repeat(status));
        }
    }
    if !quiet && ending.ended > 0 {
        let ended = count(ending.ended, "trial");
        output::note(&format!("{ended} ended; `harness report` compares them"));
    }
    Ok(ending)
}

/// Builds the reports, and prints the comparison or the results.
fn conclude(
    store: &Store,
    grid: &GridConfig,
    record: &GridRecord,
    executed: &Execution,
    args: &GridArgs,
) -> Result<Ending> {
    let input = report::ReportInput::of_grid(store, record, grid.analysis.clone())?;
    let records = &input.records;
    let is_failed = |record: &&TrialRecord| {
        let TrialRecord { spec, status, collapse, .. } = record;
        !grid.analysis.counts_as_trained(&spec.dataset, *status, *collapse)
    };
    let failed = records.iter().filter(is_failed).count();
    let untrained = records.iter().filter(is_failed).filter(|it| would_repeat(it.status)).count();
    let mut files = Vec::new();
    if !records.is_empty() {
        let folder = default_folder(store.root());
        let built = report::build(store, &input, (!args.no_report).then_some(&*folder))?;
        if !args.json {
            output::print_styled(&built.text)?;
        }
        files = built.files;
    }
    if args.json {
        output::print_json(&json!({
            "store": store.root(),
            "grid": record.id(),
            "trials": results::json(records),
            "failed": failed,
            "unfinished": executed.unfinished.iter().map(|trial| json!({
                "id": trial.id,
                "reason": trial.reason,
            })).collect::<Vec<_>>(),
            "files": files,
        }))?;
    }
    let reasons = "the reasons stand in the report";
    Ok(Ending { ended: records.len(), failed, untrained, reasons })
}

/// Does it end so whenever it is trained? The same seed sees the same data.
fn would_repeat(status: Status) -> bool {
    matches!(status, Status::Diverged | Status::Collapsed)
}

/// What can be done about `failed` trials, of which `untrained` would fail again.
fn next_step(failed: usize, untrained: usize) -> String {
    let others = ", and --rerun failed trains the others again";
    let settings = "another --learning-rate, a smaller --batch-size or more --epochs may help what \
                    diverged or collapsed, which the same settings would repeat";
    match (untrained, failed > untrained) {
        (0, _) => ", and --rerun failed trains again what failed".to_owned(),
        (_, false) => format!("; {settings}"),
        (_, true) => format!("; {settings}{others}"),
    }
}

/// Where the trials stand, and what they are built from. A dry run shows all of them, so it needs
/// the data of all.
fn stand<'a>(
    store: Option<&Store>,
    grid: &'a GridConfig,
    inputs: Option<Inputs>,
    args: &GridArgs,
) -> Result<(Standings<'a>, Inputs)> {
    let mut standings = standings(store, grid, args)?;
    let trains: Vec<bool> = standings.iter().map(|(_, standing)| standing.trains()).collect();
    let needed = |index: usize| args.dry_run || trains[index];
    let inputs = match inputs {
        Some(inputs) => inputs,
        None => load(grid, &needed, args)?,
    };
    standings.compare(&inputs)?;
    Ok((standings, inputs))
}

/// What is done when trials of the grid fail.
fn failure_policy(grid: &GridConfig, args: &GridArgs) -> FailurePolicy {
    let all = [Collapse::OneAnswer, Collapse::LostLayer, Collapse::UndefinedMetric];
    let accepted = grid.trials.iter().flat_map(|spec| {
        let counts = |collapse: &Collapse| {
            grid.analysis.counts_as_trained(&spec.dataset, Status::Collapsed, Some(*collapse))
        };
        all.into_iter().filter(counts).map(|collapse| (spec.id(), collapse)).collect::<Vec<_>>()
    });
    FailurePolicy {
        most: if args.fail_fast { Some(1) } else { args.max_fails.map(|most| most as usize) },
        retries: args.retries,
        accepted: accepted.collect(),
    }
}

fn executor_options(execution: &ExecutionConfig, args: &GridArgs) -> Result<ExecutorOptions> {
    let program = std::env::current_exe()
        .map_err(|error| Error::io("find", Path::new("this program"), &error))?;
    Ok(ExecutorOptions {
        workers: execution.jobs,
        threads: execution.threads,
        data_dir: execution.data_dir.clone(),
        hub_revision: execution.hub_revision.clone(),
        timeout: execution.timeout,
        retry_failed: args.rerun != Rerun::Missing,
        failures: FailurePolicy::default(),
        program,
        device: execution.device.clone(),
        accept_code: args.accept_code,
        keep: execution.keep,
        outdated: BTreeMap::new(),
        provenance: BTreeMap::new(),
    })
}

/// A grid of which nothing can be trained is a mistake.
fn refuse_all(grid: &GridConfig, checked: &Checked) -> Result<()> {
    if checked.refused.is_empty() || checked.refused.len() < grid.trials.len() {
        return Ok(());
    }
    Err(Error::usage(Vec::from_iter(checked.refusals()).join("\n")))
}

/// Keeps in the store which trials are refused and why, so that reports can say it.
fn refuse(
    store: &Store,
    checked: &Checked,
    inputs: &Inputs,
    code: &BTreeMap<String, BTreeMap<String, String>>,
) -> Result<()> {
    for (spec, words) in &checked.refused {
        let data_digest =
            inputs.of(spec).map(|input| input.dataset.digest().to_owned()).unwrap_or_default();
        let digests = code.get(&spec.id()).cloned().unwrap_or_default();
        let provenance = Provenance { data_digest, ..code::present(digests) };
        store.refuse(spec, words, provenance)?;
    }
    Ok(())
}

fn announce(execution: &ExecutionConfig, all: usize, checked: &Checked) {
    let (new, estimates) = (checked.trials.len(), &checked.estimates);
    if new == 0 && !checked.refused.is_empty() {
        return;
    }
    if new == 0 {
        let done = match all {
            1 => "the trial is done".to_owned(),
            _ => format!("all {all} trials are done"),
        };
        output::note(&format!("{done}; nothing is trained"));
        return;
    }
    let flops: f64 = estimates.iter().map(|estimate| estimate.train_flops).sum();
    let ExecutionConfig { jobs, threads, device, store, .. } = execution;
    let at_once = match &execution.place {
        Place::Local => format!("{} at once", jobs.min(&new)),
        Place::Slurm(_) => format!("on the cluster, {} at once in a task", jobs.min(&new)),
    };
    let each = if *threads == 1 { "one thread".to_owned() } else { format!("{threads} threads") };
    output::note(&format!(
        "{new} of {} to train, {} FLOPs; {at_once}, {each} each on {device}; store: {}",
        count(all, "trial"),
        operations(flops),
        store.display(),
    ));
}

/// Says before anything is trained which trials will not be what their names say.
fn warn(checked: &Checked, labels: &Labels) {
    for words in checked.refusals() {
        output::note(&format!("refused, the others go on: {words}"));
    }
    for words in preflight::warnings(checked, labels) {
        output::note(&format!("warning: {words}"));
    }
}

/// Says before anything is trained what the plan can decide and what it cannot.
fn advise(grid: &GridConfig, quiet: bool) -> Result<()> {
    for words in preflight::without_kernels(grid)? {
        output::note(&format!("warning: {words}"));
    }
    let advice = preflight::advice(grid)?;
    advice.warnings.iter().for_each(|words| output::note(&format!("warning: {words}")));
    if !quiet {
        advice.notes.iter().for_each(|words| output::note(words));
        lone_seed(&grid.trials).iter().for_each(|words| output::note(words));
    }
    Ok(())
}

/// Who writes `--seeds 6` may mean six of them.
fn lone_seed(trials: &[TrialSpec]) -> Option<String> {
    let seed = trials.first()?.seed;
    let is_lone = seed > 1 && trials.iter().all(|spec| spec.seed == seed);
    is_lone.then(|| format!("seed {seed} is the only one; {seed} seeds are --seeds 0..{seed}"))
}

/// Says something about memory, if there is anything to say.
fn say(notice: Option<preflight::Notice>, quiet: bool) {
    if let Some(notice) = notice.filter(|notice| notice.is_warning || !quiet) {
        output::note(&notice.words);
    }
}

/// What was typed, for the record of the grid.
fn command_line() -> String {
    let words = std::env::args().skip(1).map(|word| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,=:/".contains(c);
        if !word.is_empty() && word.chars().all(plain) { word } else { format!("{word:?}") }
    });
    format!("harness {}", words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fail_again_is_not_to_be_trained_again() {
        assert_eq!(next_step(3, 0), ", and --rerun failed trains again what failed");
        let settings = next_step(3, 3);
        assert!(settings.starts_with("; another --learning-rate, "), "{settings}");
        assert!(!settings.contains("--rerun"), "{settings}");
        let both = next_step(3, 1);
        assert!(both.starts_with(&settings), "{both}");
        assert!(both.ends_with(", and --rerun failed trains the others again"), "{both}");
    }
}
