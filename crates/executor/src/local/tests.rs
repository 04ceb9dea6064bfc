//! Tests of the executor with a shell script in place of trials.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::FailurePolicy;
use crate::options::testing;
use dst_store::Claim;
use dst_store::testing::{end, failure, spec, success};

const STORE_VARIABLE: &str = "HARNESS_TEST_EXECUTOR_STORE";

/// Two trials at once.
fn options() -> ExecutorOptions {
    ExecutorOptions { workers: 2, ..testing::options() }
}

struct Scene {
    _folder: tempfile::TempDir,
    store: Store,
    events: Vec<Event>,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        Self { _folder: folder, store, events: Vec::new() }
    }

    /// A trial whose process does what `name` says.
    fn trial(&self, name: &str, seed: u64) -> TrialSpec {
        let spec = spec(&format!("fake-{name}"), seed);
        self.store.add(&spec).unwrap();
        let whole = serde_json::to_string(&success(&spec)).unwrap();
        fs::write(self.store.folder(&spec.id()).join("whole.json"), whole).unwrap();
        spec
    }

    fn execute(&mut self, specs: &[TrialSpec], options: &ExecutorOptions) -> Result<Execution> {
        self.execute_until(specs, options, &mut |_| 0)
    }

    /// `interrupts` is told where the store lies.
    fn execute_until(
        &mut self,
        specs: &[TrialSpec],
        options: &ExecutorOptions,
        interrupts: &mut dyn FnMut(&Path) -> usize,
    ) -> Result<Execution> {
        let events = &mut self.events;
        let root = self.store.root().to_owned();
        execute_until(&self.store, specs, options, &mut |event| events.push(event), &mut || Asked {
            stops: interrupts(&root),
            ..Asked::default()
        })
    }

    fn starts(&self, spec: &TrialSpec) -> usize {
        fs::read_to_string(self.store.folder(&spec.id()).join("started"))
            .map_or(0, |text| text.lines().count())
    }

    fn state(&self, spec: &TrialSpec) -> TrialState {
        self.store.state(&spec.id()).unwrap()
    }

    fn reason(&self, spec: &TrialSpec) -> (Status, String) {
        match self.state(spec) {
            TrialState::Ended { status, reason, .. } => (status, reason),
            state => panic!("the trial has no result: {state:?}"),
        }
    }
}

#[test]
fn a_failure_is_a_result_and_disturbs_no_other_trial() {
    let mut scene = Scene::new();
    let names = ["panic", "finish", "killed", "segfault", "silent", "starved"];
    let specs = names.map(|name| scene.trial(name, 0));
    let execution = scene.execute(&specs, &options()).unwrap();
    assert_eq!(execution, Execution { finished: 1, failed: 5, ..Execution::default() });

    let reasons = specs.each_ref().map(|spec| scene.reason(spec));
    let expected = [
        (
            Status::Crashed,
            "ended with exit code 101 and no result: epoch 1; thread 'main' panicked",
        ),
        (Status::Finished, ""),
        (Status::Crashed, "killed by signal 9 (out of memory?): epoch 1"),
        (Status::Crashed, "killed by signal 11 (segmentation fault)"),
        (Status::Crashed, "ended with exit code 0 and no result"),
        (
            Status::OutOfMemory,
            "killed by signal 6 (aborted): memory allocation of 17179869184 bytes failed",
        ),
    ];
    assert_eq!(reasons, expected.map(|(status, reason)| (status, reason.to_owned())));
    for record in scene.store.records().unwrap().all {
        assert_eq!(record.provenance.attempt, 0, "the script claims nothing");
    }
}

#[test]
fn a_trial_that_is_killed_beside_others_goes_on_when_fewer_run() {
    let mut scene = Scene::new();
    let specs = [scene.trial("once", 0), scene.trial("killed", 0), scene.trial("slow", 0)];
    let three = ExecutorOptions { workers: 3, ..options() };
    let execution = scene.execute(&specs, &three).unwrap();
    assert_eq!(execution, Execution { finished: 2, failed: 1, ..Execution::default() });
    assert_eq!(scene.starts(&specs[0]), 2);
    // Alone, it has itself to blame.
    assert_eq!(scene.reason(&specs[1]).0, Status::Crashed);
    let postponed = scene.events.iter().filter_map(|event| match event {
        Event::Postponed { id, workers } => Some((id.clone(), *workers)),
        _ => None,
    });
    let postponed: Vec<_> = postponed.collect();
    assert!(postponed.iter().any(|(id, _)| *id == specs[0].id()), "{postponed:?}");
    assert!(postponed.iter().all(|(_, workers)| *workers < 3), "{postponed:?}");
    assert!(scene.starts(&specs[1]) <= 4, "{postponed:?}");
}

#[test]
fn progress_of_the_trial_itself_arrives_before_its_end() {
    let mut scene = Scene::new();
    let spec = scene.trial("finish", 0);
    let id = spec.id();
    scene.execute(std::slice::from_ref(&spec), &options()).unwrap();
    let [Event::Started { id: started }, progress, ended] = &scene.events[..] else {
        panic!("{:?}", scene.events);
    };
    assert_eq!(*started, id);
    let Event::Progress { epoch: 1, fraction, train_loss, accuracy: Some(accuracy), .. } = progress
    else {
        panic!("{progress:?}");
    };
    assert!(*fraction == 0.5 && train_loss.is_nan() && *accuracy == 0.9);
    assert!(
        matches!(ended, Event::Ended { status: Status::Finished, seconds, .. } if *seconds > 0.0)
    );
}

#[test]
fn what_ended_before_starts_no_process_unless_it_failed_and_is_to_be_retried() {
    let mut scene = Scene::new();
    let (good, bad) = (scene.trial("finish", 0), scene.trial("finish", 1));
    for result in [success(&good), failure(&bad, Status::Diverged, "loss")] {
        assert!(end(&scene.store, &result).unwrap());
    }
    let specs = [good.clone(), bad.clone(), good.clone()];
    let execution = scene.execute(&specs, &options()).unwrap();
    assert_eq!(execution, Execution { skipped: 2, ..Execution::default() });
    assert_eq!((scene.starts(&good), scene.starts(&bad)), (0, 0));

    let retry = ExecutorOptions { retry_failed: true, ..options() };
    let execution = scene.execute(&specs, &retry).unwrap();
    assert_eq!(execution, Execution { finished: 1, skipped: 1, ..Execution::default() });
    assert_eq!((scene.starts(&good), scene.starts(&bad)), (0, 1));
    assert_eq!(scene.reason(&bad).0, Status::Finished);
    let aside = scene.store.folder(&bad.id()).join("result.json.failed-1");
    assert!(fs::read_to_string(aside).unwrap().contains("diverged"));
}

#[test]
fn a_damaged_result_is_moved_aside_and_the_trial_run() {
    let mut scene = Scene::new();
    let spec = scene.trial("finish", 0);
    let folder = scene.store.folder(&spec.id());
    fs::write(folder.join("result.json"), "{\"trial\":").unwrap();
    let execution = scene.execute(std::slice::from_ref(&spec), &options()).unwrap();
    assert_eq!(execution.finished, 1);
    assert_eq!(fs::read_to_string(folder.join("result.json.damaged-1")).unwrap(), "{\"trial\":");
}

#[test]
fn seeds_are_outermost() {
    let mut scene = Scene::new();
    let (a, b) = (spec("fake-finish", 0), spec("fake-silent", 0));
    let specs: Vec<TrialSpec> = [&a, &b]
        .iter()
        .flat_map(|spec| (0..2).map(|seed| TrialSpec { seed, ..(*spec).clone() }))
        .collect();
    for spec in &specs {
        let name = spec.strategy_name().trim_start_matches("fake-").to_owned();
        scene.trial(&name, spec.seed);
    }
    scene.execute(&specs, &ExecutorOptions { workers: 1, ..options() }).unwrap();
    let started: Vec<&String> = scene
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Started { id } => Some(id),
            _ => None,
        })
        .collect();
    let expected = [&specs[0], &specs[2], &specs[1], &specs[3]].map(TrialSpec::id);
    assert_eq!(started, expected.iter().collect::<Vec<_>>());
}

#[test]
fn a_trial_that_takes_too_long_may_save_and_times_out() {
    let mut scene = Scene::new();
    let specs = [scene.trial("hang", 0), scene.trial("finish", 0)];
    let short = ExecutorOptions { timeout: Some(Duration::from_millis(700)), ..options() };
    let execution = scene.execute(&specs, &short).unwrap();
    assert_eq!(execution, Execution { finished: 1, failed: 1, ..Execution::default() });
    let reason = "took longer than the time limit of 0.7 s".to_owned();
    assert_eq!(scene.reason(&specs[0]), (Status::TimedOut, reason));
    assert!(scene.store.folder(&specs[0].id()).join("saved").exists());
}

#[test]
fn what_the_user_can_mend_is_no_result() {
    let mut scene = Scene::new();
    let specs = [scene.trial("usage", 0), scene.trial("outside", 0), scene.trial("finish", 0)];
    let execution = scene.execute(&specs, &options()).unwrap();
    assert_eq!((execution.finished, execution.failed), (1, 0));
    let mut unfinished = execution.unfinished;
    unfinished.sort_by(|a, b| a.reason.cmp(&b.reason));
    let reasons: Vec<&str> = unfinished.iter().map(|trial| &*trial.reason).collect();
    assert_eq!(
        reasons,
        ["stopped by a signal from outside", "unknown data set 'digits'; known: mnist"]
    );
    assert_eq!(scene.state(&specs[0]), TrialState::Pending);
}

#[test]
fn a_full_disk_stops_the_grid_and_is_no_result() {
    let mut scene = Scene::new();
    let specs = [scene.trial("full", 0), scene.trial("finish", 1), scene.trial("finish", 2)];
    let one = ExecutorOptions { workers: 1, ..options() };
    let error = scene.execute(&specs, &one).unwrap_err();
    assert_eq!(error.kind(), dst_record::ErrorKind::Io);
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert_eq!(specs.each_ref().map(|spec| scene.starts(spec)), [1, 0, 0]);
    assert_eq!(scene.state(&specs[0]), TrialState::Pending);
}

#[test]
fn a_log_that_cannot_be_written_stops_the_grid() {
    let mut scene = Scene::new();
    let spec = scene.trial("finish", 0);
    fs::create_dir(scene.store.folder(&spec.id()).join("log.txt")).unwrap();
    let error = scene.execute(std::slice::from_ref(&spec), &options()).unwrap_err().to_string();
    assert!(error.contains("log.txt"), "{error}");
    assert!(matches!(&scene.events[..], [Event::Unfinished { .. }]), "{:?}", scene.events);
}

#[test]
fn a_missing_program_is_named() {
    let mut scene = Scene::new();
    let spec = scene.trial("finish", 0);
    let absent = ExecutorOptions { program: "/no/such/harness".into(), ..options() };
    let error = scene.execute(std::slice::from_ref(&spec), &absent).unwrap_err().to_string();
    assert!(error.contains("/no/such/harness"), "{error}");
    let idle = ExecutorOptions { workers: 0, ..options() };
    assert!(scene.execute(std::slice::from_ref(&spec), &idle).is_err());
}

#[test]
fn the_first_interrupt_stops_with_checkpoints_and_starts_nothing_further() {
    let mut scene = Scene::new();
    let specs = [scene.trial("hang", 0), scene.trial("hang", 1), scene.trial("hang", 2)];
    let ids = specs.each_ref().map(TrialSpec::id);
    let mut both_started = move |root: &Path| {
        usize::from(ids[..2].iter().all(|id| root.join(id).join("started").exists()))
    };
    let execution = scene.execute_until(&specs, &options(), &mut both_started).unwrap();
    assert_eq!(execution, Execution { interrupted: true, ..Execution::default() });
    let stopping = scene.events.iter().filter(|event| matches!(event, Event::Stopping { .. }));
    assert_eq!(stopping.collect::<Vec<_>>(), [&Event::Stopping { trials: 2 }], "said once");
    for spec in &specs[..2] {
        assert!(scene.store.folder(&spec.id()).join("saved").exists());
        assert_eq!(scene.state(spec), TrialState::Pending);
    }
    assert_eq!(scene.starts(&specs[2]), 0);
}

#[test]
fn the_second_interrupt_kills() {
    let mut scene = Scene::new();
    let spec = scene.trial("deaf", 0);
    let mut count = 0;
    let mut impatient = |root: &Path| {
        count += usize::from(root.join(spec.id()).join("started").exists());
        count / 5
    };
    let specs = std::slice::from_ref(&spec);
    let execution = scene.execute_until(specs, &options(), &mut impatient).unwrap();
    assert_eq!(execution, Execution { interrupted: true, ..Execution::default() });
    assert_eq!(scene.state(&spec), TrialState::Pending, "a killed trial is no crash then");
}

#[test]
fn a_trial_whose_process_died_is_tried_again_as_often_as_asked() {
    let mut scene = Scene::new();
    let bad = scene.trial("panic", 0);
    let failures = FailurePolicy { retries: 2, ..FailurePolicy::default() };
    let options = ExecutorOptions { failures, ..options() };
    let execution = scene.execute(std::slice::from_ref(&bad), &options).unwrap();
    assert_eq!((execution.failed, scene.starts(&bad)), (1, 3));
    let remaining: Vec<u32> = scene
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Retried { status: Status::Crashed, remaining, .. } => Some(*remaining),
            _ => None,
        })
        .collect();
    assert_eq!(remaining, [1, 0]);
    // What training itself ended would end in the same way.
    let good = scene.trial("finish", 1);
    assert_eq!(scene.execute(&[good], &options).unwrap().finished, 1);
}

#[test]
fn a_grid_is_given_up_when_so_many_have_failed_as_may() {
    let mut scene = Scene::new();
    let first: Vec<TrialSpec> = (0..2).map(|seed| scene.trial("panic", seed)).collect();
    let later: Vec<TrialSpec> = (2..6).map(|seed| scene.trial("finish", seed)).collect();
    let all = [&first[..], &later].concat();
    let failures = FailurePolicy { most: Some(2), ..FailurePolicy::default() };
    let one_by_one = ExecutorOptions { failures, workers: 1, ..options() };
    let execution = scene.execute(&all, &one_by_one).unwrap();
    assert!(execution.given_up && !execution.interrupted);
    assert_eq!((execution.failed, execution.finished), (2, 0));
    assert!(scene.events.contains(&Event::GivenUp { failed: 2 }));
    // The same call goes on: what failed before is no new failure.
    let execution = scene.execute(&all, &one_by_one).unwrap();
    assert_eq!((execution.failed, execution.finished, execution.given_up), (0, 4, false));
}

/// The executor slept while another machine took the trial over and left it.
#[test]
fn a_failure_is_not_written_over_the_work_of_another() {
    let mut scene = Scene::new();
    let spec = scene.trial("panic-after-another", 0);
    let execution = scene.execute(std::slice::from_ref(&spec), &options()).unwrap();
    assert_eq!((execution.failed, execution.finished), (0, 1), "{:?}", scene.events);
    assert_eq!(scene.starts(&spec), 2);
}

#[test]
fn a_trial_of_somebody_else_is_waited_for() {
    let mut scene = Scene::new();
    let (left, ended) = (scene.trial("finish", 0), scene.trial("finish", 1));
    let specs = [left.clone(), ended.clone()];
    let claims = specs.each_ref().map(|spec| scene.store.claim(&spec.id()).unwrap());
    let [Claim::Ours(first), Claim::Ours(second)] = claims else {
        panic!("somebody holds trials of a new store");
    };
    let mut leases = Some((first, second));
    let result = success(&ended);
    let mut calls = 0;
    // The other worker leaves one trial and completes the other one.
    let mut meanwhile = |_: &Path| {
        calls += 1;
        if calls == 5 {
            let (first, second) = leases.take().unwrap();
            first.end("interrupted").unwrap();
            second.write_result(&result).unwrap();
            second.end("ended").unwrap();
        }
        0
    };
    let execution = scene.execute_until(&specs, &options(), &mut meanwhile).unwrap();
    assert_eq!(execution, Execution { finished: 1, skipped: 1, ..Execution::default() });
    assert_eq!((scene.starts(&left), scene.starts(&ended)), (1, 0));
    let held: Vec<&String> = scene
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Held { holder, .. } => Some(holder),
            _ => None,
        })
        .collect();
    assert_eq!(held.len(), 2);
    assert!(held[0].starts_with(&format!("process {} on ", std::process::id())), "{held:?}");
}

/// Not a test by itself: the process that the next test kills.
#[test]
fn be_an_executor() {
    let Some(root) = std::env::var_os(STORE_VARIABLE) else {
        return;
    };
    let store = Store::open(Path::new(&root)).unwrap();
    let specs = store.specs().unwrap().all;
    Local.execute(&store, &specs, &options(), &mut |_| {}).unwrap();
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn executor_process(store: &Store) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "local::tests::be_an_executor", "--nocapture"])
        .env(STORE_VARIABLE, store.root())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_executor_leaves_no_process_behind() {
    let scene = Scene::new();
    let spec = scene.trial("hang", 0);
    let folder = scene.store.folder(&spec.id());
    let mut executor = executor_process(&scene.store);
    wait_until("the start", || scene.starts(&spec) == 1);
    executor.kill().unwrap();
    executor.wait().unwrap();
    wait_until("the checkpoint", || folder.join("saved").exists());
    let started = fs::read_to_string(folder.join("started")).unwrap();
    let (pid, threads) = started.trim().split_once(' ').unwrap();
    assert_eq!(threads, "1");
    wait_until("the end", || match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // A zombie whose new parent does not collect it has ended too.
        Ok(stat) => stat.contains(") Z "),
        Err(_) => true,
    });
    assert_eq!(scene.state(&spec), TrialState::Pending);
}

#[test]
fn a_request_to_terminate_stops_the_trials_with_checkpoints() {
    let scene = Scene::new();
    let spec = scene.trial("hang", 0);
    let mut executor = executor_process(&scene.store);
    wait_until("the start", || scene.starts(&spec) == 1);
    // SAFETY: no memory is involved, and the process is our child and not yet collected.
    unsafe {
        libc::kill(executor.id() as libc::pid_t, libc::SIGTERM);
    }
    assert!(executor.wait().unwrap().success(), "it returns in good order");
    assert!(scene.store.folder(&spec.id()).join("saved").exists());
}
