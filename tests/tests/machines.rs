//! Several machines that share a folder: other names, other numbers of processes, another path.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use end_to_end::{Running, Sandbox, assert_same_reports, wait_until};

const GRID: &str = "grid --models mlp --set mlp.hidden=[32] --threads 1 --jobs 1";

/// Marks the processes of the other machine.
const MARK: &str = "MACHINE_OF_A_TEST";

/// A machine called moon, which sees the store elsewhere and no process of this one.
struct Moon {
    mark: String,
    harness: Running,
}

impl Moon {
    /// Starts a grid there, or says why that cannot be done here.
    fn start(sandbox: &Sandbox, rest: &str) -> Option<Self> {
        const NAMESPACES: [&str; 7] = [
            "--mount",
            "--uts",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "--propagation=private",
        ];
        let probe =
            Command::new("unshare").args(NAMESPACES).arg("true").stderr(Stdio::null()).status();
        if !probe.is_ok_and(|status| status.success()) {
            eprintln!("skipped: no namespaces here");
            return None;
        }
        let (here, there) = (sandbox.path("runs"), sandbox.path("mnt/store"));
        fs::create_dir_all(&here).unwrap();
        fs::create_dir_all(&there).unwrap();
        let inner = sandbox.command(&format!("{GRID} {rest} --store {}", there.display()));
        let script = "hostname moon && mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"";
        let mark = sandbox.path("moon").display().to_string();
        let mut command = Command::new("unshare");
        command.args(NAMESPACES).args(["sh", "-c", script, "sh"]).args([here, there]);
        command.arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(sandbox.path("")).env(MARK, &mark);
        Some(Self { mark, harness: Running::of(&mut command) })
    }

    /// Sends a signal to everything that runs there.
    fn signal_all(&self, signal: i32) {
        let mark = format!("{MARK}={}", self.mark);
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Some(process) =
                entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok())
            else {
                continue;
            };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|word| word == mark.as_bytes()) {
                // SAFETY: no memory is involved.
                unsafe {
                    libc::kill(process, signal);
                }
            }
        }
    }
}

/// The hosts of all attempts at each trial.
fn attempts(sandbox: &Sandbox) -> Vec<Vec<String>> {
    let folders: Vec<PathBuf> =
        sandbox.results().keys().map(|id| sandbox.path("runs").join(id)).collect();
    let host = |path: PathBuf| {
        let attempt: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        attempt["host"].as_str().unwrap().to_owned()
    };
    let of = |folder: &PathBuf| {
        let entries = fs::read_dir(folder.join("attempts")).unwrap().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.into_iter().map(host).collect()
    };
    folders.iter().map(of).collect()
}

#[test]
fn machines_that_share_a_folder_train_every_trial_once() {
    let (sandbox, alone) = (Sandbox::new(), Sandbox::new());
    let rest = "--strategies set,dense --epochs 3 --seeds 0..6";
    let Some(moon) = Moon::start(&sandbox, &format!("{rest} --no-report")) else { return };
    wait_until("the other machine", || fs::read_dir(sandbox.path("runs")).unwrap().count() > 1);
    let _ = sandbox.run(&format!("{GRID} {rest}")).well();
    let _ = moon.harness.end().well();
    let attempts = attempts(&sandbox);
    assert_eq!(attempts.len(), 12);
    assert!(attempts.iter().all(|hosts| hosts.len() == 1), "{attempts:?}");
    assert!(attempts.iter().flatten().any(|host| host == "moon"), "{attempts:?}");
    assert!(attempts.iter().flatten().any(|host| host != "moon"), "{attempts:?}");
    let _ = alone.run(&format!("{GRID} {rest}")).well();
    // The last of the two writes the report of both.
    let _ = sandbox.run("report").well();
    assert_same_reports(&sandbox, &alone);
}

/// It is taken for dead after a minute, wakes up after its trial was ended by another, and changes nothing.
#[test]
fn a_machine_that_sleeps_and_wakes_changes_nothing_of_what_others_did() {
    let sandbox = Sandbox::new();
    let rest = "--epochs 150 --seeds 0..1 --strategies dense --no-report";
    let Some(moon) = Moon::start(&sandbox, rest) else { return };
    let running = || {
        let status = sandbox.run("status --json").stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_default();
        status["trials"][0]["progress"]["epoch"].as_u64().is_some_and(|epoch| epoch >= 2)
    };
    wait_until("an epoch on the other machine", running);
    moon.signal_all(libc::SIGSTOP);
    let said = sandbox.run(&format!("{GRID} {rest}")).well();
    assert!(said.stderr.contains("on moon since"), "{}", said.stderr);
    let results = sandbox.results();
    assert_eq!(results.len(), 1);
    moon.signal_all(libc::SIGCONT);
    let slept = moon.harness.end();
    assert_eq!(slept.code, Some(0), "{slept:?}");
    assert_eq!(sandbox.results(), results);
    let hosts = &attempts(&sandbox)[0];
    assert_eq!((hosts.len(), &*hosts[0]), (2, "moon"));
    assert_eq!(sandbox.run("store verify").well().stdout, "1 trial: nothing is damaged\n");
}
