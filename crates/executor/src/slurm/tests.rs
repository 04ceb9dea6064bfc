//! A grid in the queue of a cluster that shell scripts stand for.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use dst_store::testing::spec;

use super::*;
use crate::Outdated;
use crate::options::testing::options;

/// A cluster whose programs note their arguments, one call a line, and answer from files.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    pub(super) store: Store,
}

impl Cluster {
    /// `name` becomes part of the store's path.
    pub(super) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join(name)).unwrap();
        let cluster = Self { folder, store };
        cluster.program(
            "sbatch",
            r#"[ -e "$0.refuses" ] && { echo "sbatch: error: Invalid partition" >&2; exit 1; }
               echo x >>"$0.jobs"; echo "$((100 + $(wc -l <"$0.jobs")));cluster""#,
        );
        cluster.program("squeue", r#"cat "$0.answer""#);
        cluster.program("scancel", "");
        cluster
            .program("scontrol", r#"[ "$1" = show ] && echo "MaxArraySize            = 3"; true"#);
        fs::write(cluster.path("squeue.answer"), "").unwrap();
        cluster
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn program(&self, name: &str, body: &str) {
        let path = self.path(name);
        let note = r#"printf '%s ' "$@" >>"$0.calls"; echo >>"$0.calls""#;
        fs::write(&path, format!("#!/bin/sh\n{note}\n{body}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(super) fn calls(&self, program: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(&format!("{program}.calls"))).unwrap_or_default();
        text.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    pub(super) fn commands(&self) -> Commands {
        Commands { folder: Some(self.folder.path().to_owned()) }
    }

    fn slurm(&self, settings: &str) -> Slurm {
        let mut read = SlurmSettings::default();
        if !settings.is_empty() {
            read.add(settings).unwrap();
        }
        Slurm { commands: self.commands(), ..Slurm::new(read) }
    }
}

fn specs(count: u64) -> Vec<TrialSpec> {
    (0..count).map(|seed| spec("set", seed)).collect()
}

fn submit(
    cluster: &Cluster,
    slurm: &Slurm,
    specs: &[TrialSpec],
) -> Result<(Execution, Vec<String>)> {
    let mut tasks = Vec::new();
    let execution = slurm.execute(&cluster.store, specs, &options(), &mut |event| match event {
        Event::Queued { task, .. } => tasks.push(task),
        event => panic!("{event:?}"),
    });
    execution.map(|execution| (execution, tasks))
}

#[test]
fn a_grid_becomes_arrays_of_as_many_tasks_as_the_cluster_takes() {
    let cluster = Cluster::new("runs");
    let slurm = cluster.slurm("partition=gpu,tasks-at-once=2,notice=30");
    let slurm = slurm.with_conclusion(vec!["conclude".into(), "it's".into()]);
    let (execution, tasks) = submit(&cluster, &slurm, &specs(7)).unwrap();
    assert_eq!(execution, Execution { queued: 7, ..Execution::default() });
    let expected = ["101_0", "101_1", "101_2", "102_0", "102_1", "102_2", "103_0"];
    assert_eq!(tasks, expected);

    let calls = cluster.calls("sbatch");
    let store = cluster.store.root().display();
    let common = format!(
        "--partition=gpu --cpus-per-task=1 --job-name=harness --parsable --requeue --open-mode=append \
         --signal=B:USR2@30 --output={store}/slurm/1/log/%A_%a.txt"
    );
    let script = format!("{store}/slurm/1/task.sh");
    assert_eq!(calls[0], format!("{common} --array=0-2%2 {script} 0"));
    assert_eq!(calls[1], format!("{common} --array=0-2%2 {script} 3"));
    assert_eq!(calls[2], format!("{common} --array=0-0%2 {script} 6"));
    assert!(calls[3].contains("--dependency=afterany:101:102:103"), "{}", calls[3]);
    let report = fs::read_to_string(cluster.store.root().join("slurm/1/report.sh")).unwrap();
    assert!(
        report.ends_with(
            r"fake_trial.sh' 'conclude' 'it'\''s'
"
        ),
        "{report}"
    );
}

#[test]
fn a_task_is_given_one_file_with_all_that_it_needs() {
    let cluster = Cluster::new("runs");
    let specs = specs(4);
    let ids: Vec<String> = specs.iter().map(TrialSpec::id).collect();
    let outdated = Outdated { provenance: Default::default(), why: "other-code".to_owned() };
    let failures = FailurePolicy { most: Some(2), retries: 1, ..FailurePolicy::default() };
    let options = ExecutorOptions {
        failures,
        workers: 2,
        threads: 3,
        outdated: BTreeMap::from([(ids[0].clone(), outdated)]),
        ..options()
    };
    let slurm = cluster.slurm("");
    slurm.execute(&cluster.store, &specs, &options, &mut |_| {}).unwrap();
    assert!(
        cluster.calls("sbatch")[0].contains("--cpus-per-task=6 "),
        "two trials, three threads each"
    );
    let [submission] = &Submission::all(&cluster.store).unwrap()[..] else { panic!() };
    let tasks = [0, 1].map(|number| submission.task(number).unwrap());
    assert_eq!(tasks.each_ref().map(|task| task.trials.clone()), [&ids[..2], &ids[2..]]);
    assert_eq!(tasks.each_ref().map(|task| task.options.outdated.len()), [1, 0]);
    assert_eq!(tasks[0].most_failures, Some(2));
    assert_eq!((tasks[0].options.failures.most, tasks[0].options.failures.retries), (None, 1));
    assert!(submission.task(2).is_err());
}

#[test]
fn what_is_in_the_queue_is_not_submitted_again() {
    let cluster = Cluster::new("runs");
    let slurm = cluster.slurm("");
    let specs = specs(5);
    submit(&cluster, &slurm, &specs[..3]).unwrap();
    // One task has ended without a result, or was cancelled.
    let answer = "101_0|RUNNING|None\n101_2|PENDING|(Resources)\n999_0|PENDING|(Priority)\n";
    fs::write(cluster.path("squeue.answer"), answer).unwrap();
    let (execution, tasks) = submit(&cluster, &slurm, &specs).unwrap();
    assert_eq!(
        (execution.queued, tasks),
        (5, ["101_0", "101_2", "102_0", "102_1", "102_2"].map(str::to_owned).to_vec())
    );
    let queued = slurm.queued(&cluster.store).unwrap();
    assert_eq!(queued.len(), 2);
    assert_eq!(queued[&specs[2].id()].describe(), "queued (Resources)");

    assert_eq!(slurm.cancel(&cluster.store).unwrap(), 2);
    assert_eq!(cluster.calls("scancel"), ["101"], "what has ended is not cancelled");
}

/// Seeds are added while the first ones are in the queue.
#[test]
fn the_report_waits_for_trials_of_earlier_submissions_too() {
    let cluster = Cluster::new("runs");
    let slurm = cluster.slurm("").with_conclusion(vec!["conclude".into()]);
    let specs = specs(4);
    submit(&cluster, &slurm, &specs[..2]).unwrap();
    fs::write(cluster.path("squeue.answer"), "101_1|RUNNING|None\n102|PENDING|None\n").unwrap();
    submit(&cluster, &slurm, &specs).unwrap();
    let last = cluster.calls("sbatch").pop().unwrap();
    assert!(last.contains("--dependency=afterany:101:103"), "{last}");
}

#[test]
fn a_cluster_that_refuses_half_a_grid_keeps_the_other_half() {
    let cluster = Cluster::new("runs");
    // The second call fails.
    cluster.program("sbatch", r#"[ "$(wc -l <"$0.calls")" = 1 ] && echo 7 || { echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1; }"#);
    let slurm = cluster.slurm("");
    let error = submit(&cluster, &slurm, &specs(5)).unwrap_err().to_string();
    assert!(error.contains("QOSMaxSubmitJobPerUserLimit"), "{error}");
    assert!(error.contains("1 of 2 arrays are in the queue; the same command"), "{error}");
    fs::write(
        cluster.path("squeue.answer"),
        "7_0|PENDING|None\n7_1|PENDING|None\n7_2|PENDING|None\n",
    )
    .unwrap();
    assert_eq!(slurm.queued(&cluster.store).unwrap().len(), 3);
}

#[test]
fn the_script_starts_the_program_on_the_file_of_its_task() {
    let cluster = Cluster::new("it's a 100 % store");
    cluster.program("harness", "");
    let options = ExecutorOptions { program: cluster.path("harness"), ..options() };
    let slurm = cluster.slurm("setup=export GREETING='a b',trials-per-task=1");
    slurm.execute(&cluster.store, &specs(3), &options, &mut |_| {}).unwrap();
    let log = "/it's a 100 %% store/slurm/1/log/%A_%a.txt";
    assert!(cluster.calls("sbatch")[0].contains(log), "{:?}", cluster.calls("sbatch"));
    let folder = cluster.store.root().join("slurm/1");
    let script = Command::new("sh")
        .arg(folder.join("task.sh"))
        .arg("1")
        .env("SLURM_ARRAY_TASK_ID", "1")
        .status()
        .unwrap();
    assert!(script.success());
    let called = format!("work {}", folder.join("task-2.json").display());
    assert_eq!(cluster.calls("harness"), [called]);
}

#[test]
fn options_are_checked_by_the_cluster_and_its_absence_is_said() {
    let cluster = Cluster::new("runs");
    let slurm = cluster.slurm("partition=gpu");
    slurm.check(2).unwrap();
    assert!(
        cluster.calls("sbatch")[0]
            .ends_with("--cpus-per-task=2 --job-name=harness --test-only --wrap=true")
    );
    fs::write(cluster.path("sbatch.refuses"), "").unwrap();
    let error = slurm.check(2).unwrap_err().to_string();
    assert!(error.contains("the cluster refuses: sbatch: error: Invalid partition"), "{error}");
    fs::remove_file(cluster.path("sbatch")).unwrap();
    let error = slurm.check(2).unwrap_err();
    assert!(error.to_string().contains("sbatch is not here"), "{error}");
    assert_eq!(error.kind(), dst_record::ErrorKind::Usage);
    // A store of which nothing was submitted asks nobody.
    fs::remove_file(cluster.path("squeue")).unwrap();
    assert!(slurm.queued(&cluster.store).unwrap().is_empty());
}

#[test]
fn a_submission_that_was_changed_is_refused() {
    let cluster = Cluster::new("runs");
    let slurm = cluster.slurm("");
    submit(&cluster, &slurm, &specs(1)).unwrap();
    let [submission] = &Submission::all(&cluster.store).unwrap()[..] else { panic!() };
    let path = submission.folder().join("task-0.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"threads\": 1", "\"threads\": 2")).unwrap();
    let error = submission.task(0).unwrap_err().to_string();
    assert!(error.contains("task-0.json") && error.contains("changed after"), "{error}");
    assert!(error.contains("submit the grid again"), "{error}");
}

#[test]
fn the_number_of_a_job_is_read_or_nothing_is_believed() {
    assert_eq!(job_number("123\n").unwrap(), 123);
    assert_eq!(job_number("a greeting of the site\n123;alps\n").unwrap(), 123);
    assert!(job_number("Submitted batch job\n").is_err());
}
