//! Tasks as a node runs them, with a shell script in place of trials.

use std::fs;

use dst_store::testing::{spec, success};

use super::super::submission::{Array, Jobs};
use super::super::tests::Cluster;
use super::*;
use crate::ExecutorOptions;
use crate::options::testing::options;

struct Scene {
    cluster: Cluster,
    submission: Submission,
    trials: Vec<TrialSpec>,
}

impl Scene {
    /// A submission of one task with trials whose processes do what `names` say.
    fn new(names: &[&str], most_failures: Option<usize>) -> Self {
        let cluster = Cluster::new("runs");
        let store = &cluster.store;
        let submission = Submission::create(store).unwrap();
        let trials: Vec<TrialSpec> =
            (0..).zip(names).map(|(seed, name)| spec(&format!("fake-{name}"), seed)).collect();
        for trial in &trials {
            store.add(trial).unwrap();
            let whole = serde_json::to_string(&success(trial)).unwrap();
            fs::write(store.folder(&trial.id()).join("whole.json"), whole).unwrap();
        }
        let task = Task {
            store: store.root().to_owned(),
            trials: trials.iter().map(TrialSpec::id).collect(),
            options: ExecutorOptions { retry_failed: true, ..options() },
            most_failures,
        };
        submission.write_task(0, &task).unwrap();
        let arrays = vec![Array { job: 17, first: 0, tasks: 1 }];
        submission.write_jobs(&Jobs { arrays, ..Jobs::default() }).unwrap();
        Self { cluster, submission, trials }
    }

    fn job(&self) -> Job {
        let name = Some("18".to_owned());
        Job { name, starts_before: 0, commands: self.cluster.commands() }
    }

    /// The notice comes when so many trials have begun.
    fn work(&self, job: &Job, notice_after: Option<usize>) -> Result<Execution> {
        let path = self.submission.folder().join("task-0.json");
        let begun = || {
            let folder = |trial: &&TrialSpec| self.cluster.store.folder(&trial.id());
            self.trials.iter().filter(|trial| folder(trial).join("started").exists()).count()
        };
        let mut asked = || Asked {
            is_time_over: notice_after.is_some_and(|count| begun() >= count),
            ..Asked::default()
        };
        job.work(&path, &mut |_| {}, &mut asked)
    }
}

#[test]
fn a_task_brings_its_trials_to_their_end() {
    let scene = Scene::new(&["finish", "panic", "finish"], None);
    let execution = scene.work(&scene.job(), None).unwrap();
    assert_eq!((execution.finished, execution.failed), (2, 1));
    // Requeued after its end, it has nothing to do, and what failed has failed.
    let again = Job { starts_before: 1, ..scene.job() };
    let execution = scene.work(&again, None).unwrap();
    assert_eq!(execution, Execution { skipped: 3, ..Execution::default() });
    assert_eq!(scene.cluster.calls("scontrol"), [""; 0]);
}

#[test]
fn a_task_whose_time_is_nearly_over_saves_and_comes_back() {
    let scene = Scene::new(&["finish", "hang"], None);
    let execution = scene.work(&scene.job(), Some(2)).unwrap();
    assert_eq!((execution.finished, execution.interrupted), (1, true));
    assert!(scene.cluster.store.folder(&scene.trials[1].id()).join("saved").exists());
    assert_eq!(scene.cluster.calls("scontrol"), ["requeue 18"]);
}

#[test]
fn a_task_that_gets_nowhere_does_not_come_back_for_ever() {
    let scene = Scene::new(&["hang"], None);
    let error = scene.work(&scene.job(), Some(1)).unwrap_err();
    assert!(error.to_string().contains("over before a trial got on"), "{error}");
    assert!(error.to_string().contains("--slurm time="), "{error}");
    assert_eq!(scene.cluster.calls("scontrol"), [""; 0]);
}

#[test]
fn the_tasks_of_a_submission_count_their_failures_together() {
    let scene = Scene::new(&["panic", "hang"], Some(2));
    // Another task has seen one.
    assert_eq!(scene.submission.count_failure("0123456789abcdef").unwrap(), 1);
    let execution = scene.work(&scene.job(), None).unwrap();
    assert!(execution.given_up, "{execution:?}");
    assert_eq!(scene.cluster.calls("scancel"), ["17"]);
    // A task that starts later does nothing.
    let later = scene.work(&scene.job(), None).unwrap();
    assert_eq!(later, Execution { given_up: true, ..Execution::default() });
}
