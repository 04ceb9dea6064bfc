//! Grids in the queue of a real cluster.

use std::process::Command;

use end_to_end::slurm::SlurmCluster;
use end_to_end::{Sandbox, assert_same_reports, said, wait_until};
use serde_json::Value;

const GRID: &str = "grid --strategies set,dense --models mlp --set mlp.hidden=[16] --epochs 15 \
                    --threads 1 --seeds 0..12";

/// A cluster, or none, which is said.
fn cluster() -> Option<SlurmCluster> {
    SlurmCluster::start().inspect_err(|reason| eprintln!("skipped: no Slurm: {reason}")).ok()
}

/// A sandbox whose commands find the cluster.
struct LoginNode<'a> {
    cluster: &'a SlurmCluster,
    sandbox: Sandbox,
}

impl<'a> LoginNode<'a> {
    fn new(cluster: &'a SlurmCluster) -> Self {
        Self { cluster, sandbox: Sandbox::new() }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = self.sandbox.command(line);
        command.env("SLURM_CONF", self.cluster.conf());
        command
    }

    fn run(&self, line: &str) -> end_to_end::ProcessOutput {
        said(&mut self.command(line))
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.run("status --json").well().stdout).unwrap()
    }

    fn finished(&self) -> u64 {
        self.status()["counts"]["finished"].as_u64().unwrap()
    }

    /// What the tasks of the first submission wrote.
    fn logs(&self) -> String {
        let folder = self.sandbox.path("runs/slurm/1/log");
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries.map(|entry| std::fs::read_to_string(entry.path()).unwrap_or_default()).collect()
    }

    /// Waits longer than a test usually does: a cluster notices the loss of a node after half a minute.
    fn wait_until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for round in 0..4 {
            let mut tries = 0;
            wait_until(what, || {
                tries += 1;
                std::thread::sleep(std::time::Duration::from_secs(1));
                is_so() || (round < 3 && tries > 60)
            });
            if is_so() {
                return;
            }
        }
        panic!("{what} did not come:\n{}\n{}", self.cluster.log(), self.logs());
    }
}

/// 24 trials in two arrays, because this cluster takes 17 tasks in one; a node is lost in the middle.
#[test]
fn a_grid_on_a_cluster_that_loses_a_node_ends_as_it_does_here() {
    let Some(mut cluster) = cluster() else { return };
    let (sandbox, here) = {
        let login = LoginNode::new(&cluster);
        let said = login.run(&format!("{GRID} --slurm partition=ci,time=10")).well();
        assert!(said.stderr.contains("24 trials in the queue"), "{}", said.stderr);
        assert!(said.stderr.contains("harness status --store"), "{}", said.stderr);
        // The same command submits nothing twice.
        let said = login.run(&format!("{GRID} --executor slurm")).well();
        assert!(said.stderr.contains("in the queue"), "{}", said.stderr);
        assert!(!login.sandbox.path("runs/slurm/2").exists(), "{}", said.stderr);
        let text = login.run("status").well().stdout;
        assert!(text.contains("in the queue of the cluster: "), "{text}");
        login.wait_until("the first results", || login.finished() >= 4);
        (login.sandbox, Sandbox::new())
    };
    // One that has begun and does not end just now.
    wait_until("a training on the second node", || {
        let before = cluster.trainings_on("n2");
        std::thread::sleep(std::time::Duration::from_millis(300));
        cluster.trainings_on("n2").iter().any(|training| before.contains(training))
    });
    cluster.lose("n2");
    let login = LoginNode { cluster: &cluster, sandbox };
    // The same grid in processes of this machine, meanwhile.
    let _ = here.run(GRID).well();
    login.wait_until("the end of the grid", || login.finished() == 24);
    // The report is a job of its own, after all others.
    login.wait_until("the report", || login.sandbox.path("runs/report/report.html").exists());
    login.wait_until("an empty queue", || cluster.ask("squeue", &["--noheader"]).is_empty());
    assert_same_reports(&login.sandbox, &here);
    assert_eq!(login.sandbox.run("store verify").well().stdout, "24 trials: nothing is damaged\n");
    let logs = login.logs();
    assert!(logs.matches(": started").count() > 24, "nothing was begun again: {logs}");
}

#[test]
fn a_cluster_refuses_before_anything_is_trained() {
    let Some(cluster) = cluster() else { return };
    let login = LoginNode::new(&cluster);
    for (options, says) in [
        ("partition=nowhere", "Invalid partition"),
        ("partishun=ci", "unrecognized option"),
        ("array=0-3", "slurm.array: this cannot be chosen"),
        ("time=never", "the cluster refuses: "),
    ] {
        let words = login.run(&format!("{GRID} --slurm {options}")).refused(2);
        assert!(words.contains(says), "{options}: {words}");
        assert!(words.contains("--slurm"), "{options}: {words}");
    }
    assert!(!login.sandbox.path("runs").exists(), "nothing was begun");
}

/// Tasks that are shorter than their trials: each start trains a part.
#[test]
fn a_task_saves_before_its_time_limit_and_a_cancelled_one_goes_on_later() {
    let Some(cluster) = cluster() else { return };
    let login = LoginNode::new(&cluster);
    let long = "grid --strategies set --models mlp --set mlp.hidden=[300,100] --epochs 400 --threads 1 \
                --seeds 0..2 --no-report --slurm time=1,trials-per-task=2 --jobs 2";
    // Slurm looks at its clock every half minute, so this one comes 10 to 40 seconds after the start.
    let line = format!("{long} --slurm notice=50");
    let said = login.run(&line).well();
    assert!(said.stderr.contains("2 trials in the queue"), "{}", said.stderr);
    login.wait_until("a second start", || {
        login.logs().matches("stop with a checkpoint").count() >= 1
    });
    login.wait_until("the next start", || login.logs().matches(": started").count() >= 4);
    let cancelled = login.run("cancel").well();
    assert!(cancelled.stderr.contains("2 trials taken from the queue"), "{}", cancelled.stderr);
    login.wait_until("an empty queue", || cluster.ask("squeue", &["--noheader"]).is_empty());
    let states = login.status();
    let states: Vec<&str> = states["trials"]
        .as_array()
        .unwrap()
        .iter()
        .map(|trial| trial["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["to-continue", "to-continue"]);
    let said = login.run("cancel").well();
    assert!(said.stderr.contains("no trial of runs is in the queue"), "{}", said.stderr);
}

#[test]
fn without_a_cluster_the_user_is_told() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&format!("{GRID} --executor slurm"));
    let words = said(command.env("PATH", "/nonexistent")).refused(2);
    assert!(words.contains("sbatch is not here, so this machine submits no jobs"), "{words}");
    let words = sandbox.run(&format!("{GRID} --executor pbs")).refused(2);
    assert!(words.contains("unknown executor 'pbs'\n  known: local, slurm"), "{words}");
    let words = said(
        sandbox
            .command(&format!("{GRID} --executor slurm --device auto"))
            .env("PATH", "/nonexistent"),
    )
    .refused(2);
    assert!(words.contains("which device a node has is not known here"), "{words}");
}
