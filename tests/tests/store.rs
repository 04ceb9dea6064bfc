//! Stores whose files are damaged, merged, or made in another order.

use std::fs;
use std::path::{Path, PathBuf};

use end_to_end::{Sandbox, assert_same_reports, wait_until};
use serde_json::Value;

/// The exit code of damaged data.
const DATA: i32 = 3;

const GRID: &str = "grid --strategies set,dense --models mlp --set mlp.hidden=[16] --epochs 2 \
                    --threads 1";

fn grid(sandbox: &Sandbox, rest: &str) -> String {
    sandbox.run(&format!("{GRID} {rest}")).well().stderr
}

/// Folders of trials, sorted.
fn trials(sandbox: &Sandbox) -> Vec<PathBuf> {
    sandbox.results().keys().map(|id| sandbox.path("runs").join(id)).collect()
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = fs::read(path).unwrap();
    let bit = bit % (8 * bytes.len());
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_damaged_is_named_left_out_and_trained_again() {
    let (sandbox, whole) = (Sandbox::new(), Sandbox::new());
    let _ = grid(&whole, "--seeds 0..4");
    let _ = grid(&sandbox, "--seeds 0..4");
    let well = sandbox.run("store verify").well().stdout;
    assert_eq!(well, "8 trials: nothing is damaged\n");

    let folders = trials(&sandbox);
    flip(&folders[0].join("predictions.safetensors"), 3_001);
    fs::write(folders[1].join("history.csv"), b"epoch,\xff\n").unwrap();
    let result = fs::read_to_string(folders[2].join("result.json")).unwrap();
    fs::write(folders[2].join("result.json"), result.replace("\"steps\": ", "\"steps\": 1"))
        .unwrap();
    fs::write(folders[3].join("spec.json"), b"\xfe").unwrap();
    fs::write(folders[4].join("attempts/4294967295.json"), "{}").unwrap();
    fs::remove_file(sandbox.path("runs/store.json")).unwrap();
    fs::create_dir(sandbox.path("runs/00000000000000aa")).unwrap();
    let grids = fs::read_dir(sandbox.path("runs/grids")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(&grids).unwrap();
    fs::write(&grids, text.replacen("\"alpha\": 0.05", "\"alpha\": 0.5", 1)).unwrap();

    let said = sandbox.run("store verify");
    assert_eq!(said.code, Some(DATA), "{said:?}");
    for place in [
        "predictions.safetensors",
        "history.csv",
        "result.json",
        "spec.json",
        "4294967295",
        "store.json",
        "grids/",
    ] {
        assert!(said.stdout.contains(place), "{place}: {}", said.stdout);
    }
    // Whoever only reads says what is left out, and goes on.
    for line in ["status", "report --all", "compare set dense"] {
        let said = sandbox.run(line);
        assert_eq!(said.code, Some(0), "{line}: {said:?}");
        assert!(said.stderr.contains("left out: "), "{line}: {}", said.stderr);
    }
    let said = grid(&sandbox, "--seeds 0..4");
    assert!(said.contains("3 results damaged, set aside and trained again"), "{said}");
    assert!(said.contains("3 of 8 trials to train"), "{said}");
    assert_same_reports(&sandbox, &whole);
    assert!(folders[2].join("result.json.damaged-1").exists());
    assert!(folders[3].join("spec.json.damaged-1").exists());

    let said = sandbox.run("store verify");
    assert_eq!(said.stdout.lines().count(), 2, "{}", said.stdout);
    let said = sandbox.run("store repair").well().stdout;
    assert!(said.contains("set aside: ") && said.contains("4294967295.json"), "{said}");
    assert!(sandbox.run("store verify").well().stdout.contains("nothing is damaged"));
    let said = sandbox.run("store gc --set-aside --dry-run").well().stdout;
    assert!(said.contains("result.json.damaged-1: set aside"), "{said}");
    let _ = sandbox.run("store gc --set-aside").well();
    assert!(!folders[2].join("result.json.damaged-1").exists());
}

/// One thread each: however many run at once, and in whatever order, the numbers are the same.
#[test]
fn numbers_depend_neither_on_what_runs_beside_nor_on_the_order_nor_on_the_machine() {
    let [one, two, first, second] = [(); 4].map(|()| Sandbox::new());
    let line = "grid --models mlp --set mlp.hidden=[16] --epochs 2";
    let _ = one.run(&format!("{line} --strategies set,rigl,dense --seeds 0..4 --jobs 1")).well();
    let _ = two.run(&format!("{line} --strategies dense,rigl,set --seeds 3,1,2,0 --jobs 3")).well();
    let tables = |sandbox: &Sandbox| {
        let mut rows: Vec<String> =
            sandbox.report()["trials.csv"].lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    assert_eq!(tables(&one), tables(&two));

    let _ = first.run(&format!("{line} --strategies set,rigl,dense --seeds 0..2 --jobs 2")).well();
    let _ = second.run(&format!("{line} --strategies set,rigl,dense --seeds 1..4 --jobs 2")).well();
    let from = second.path("runs");
    let said = first.run(&format!("store merge {}", from.display())).well().stdout;
    assert!(said.contains(": 6 taken, 3 here before, 0 left out"), "{said}");
    // Nothing is left to train.
    let said =
        first.run(&format!("{line} --strategies set,rigl,dense --seeds 0..4 --jobs 2")).well();
    assert!(said.stderr.contains("all 12 trials are done"), "{}", said.stderr);
    // Verdicts remember that fewer seeds were looked at before.
    assert_eq!(tables(&one), tables(&first));
    let said = first.run(&format!("store merge {} --json", from.display())).well().stdout;
    let value: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(value["merged"][0]["present"], 9);
    assert_eq!(value["merged"][0]["differing"].as_array().unwrap().len(), 0);
}

/// Files of checkpoints, the newest last.
fn checkpoints(sandbox: &Sandbox) -> Vec<PathBuf> {
    let folders = fs::read_dir(sandbox.path("runs")).into_iter().flatten().flatten();
    let folders = folders.map(|folder| folder.path().join("checkpoint"));
    let files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    let mut files: Vec<PathBuf> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"))
        .collect();
    files.sort();
    files
}

#[test]
fn checkpoints_are_saved_on_demand_and_a_damaged_one_is_not_believed() {
    let line = "grid --strategies rigl --models lenet5 --epochs 3 --seeds 0 --no-report";
    let (sandbox, whole) = (Sandbox::new(), Sandbox::new());
    let running = sandbox.start(line);
    // The first epoch has begun, so that the next checkpoint is not that of its end.
    wait_until("the first batch", || {
        let progress = fs::read_dir(sandbox.path("runs")).into_iter().flatten().flatten();
        progress.map(|folder| folder.path().join("progress.json")).any(|path| path.exists())
    });
    running.signal(libc::SIGUSR1);
    wait_until("a checkpoint", || !checkpoints(&sandbox).is_empty());
    wait_until("a second checkpoint", || {
        running.signal(libc::SIGUSR1);
        checkpoints(&sandbox).len() > 1
    });
    running.signal(libc::SIGINT);
    let said = running.end();
    assert_eq!(said.code, Some(130), "{said:?}");
    assert!(said.stderr.contains("1 trial saves its state"), "{}", said.stderr);
    let newest = checkpoints(&sandbox).pop().unwrap();
    let folder = newest.parent().unwrap().parent().unwrap();
    let log = fs::read_to_string(folder.join("log.txt")).unwrap();
    assert!(log.contains("saves a checkpoint"), "{log}");
    flip(&newest, 1_234_567);
    let said = sandbox.run("store verify");
    assert_eq!(said.code, Some(DATA), "{said:?}");
    assert!(said.stdout.contains("the checkpoint is damaged"), "{}", said.stdout);

    let _ = sandbox.run(line).well();
    let log = fs::read_to_string(folder.join("log.txt")).unwrap();
    assert!(log.contains("the checkpoint before it is used"), "{log}");
    let _ = whole.run(line).well();
    let scores = |sandbox: &Sandbox| -> Value {
        let bytes = sandbox.results().into_values().next().unwrap();
        serde_json::from_slice::<Value>(&bytes).unwrap()["outcome"]["test"].clone()
    };
    assert_eq!(scores(&sandbox), scores(&whole));
}

#[test]
fn failures_stop_a_grid_when_asked_and_events_tell_it() {
    let sandbox = Sandbox::new();
    let line = format!("{GRID} --seeds 0..3 --jobs 1 --no-report --timeout 0.001s");
    let said = sandbox.run(&format!("{line} --fail-fast --retries 1 --events events.jsonl"));
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.stderr.contains("given up after 1 failure"), "{}", said.stderr);
    assert_eq!(sandbox.results().len(), 1);
    let text = fs::read_to_string(sandbox.path("events.jsonl")).unwrap();
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    assert_eq!(["started", "retried", "ended", "given-up"].map(count), [2, 1, 1, 1], "{text}");
    let message = sandbox.run(&format!("{line} --fail-fast --max-fails 2")).refused(2);
    assert!(message.contains("cannot be used with"), "{message}");
    // Those that failed, then all.
    let said = grid(&sandbox, "--seeds 0..3 --rerun failed");
    assert!(said.contains("6 of 6 trials to train"), "{said}");
    let before = sandbox.results();
    let said = grid(&sandbox, "--seeds 0..3 --rerun all");
    assert!(said.contains("6 of 6 trials to train"), "{said}");
    assert!(before.iter().all(|(id, bytes)| sandbox.results()[id] != *bytes));
}

#[test]
fn threads_belong_to_a_trial() {
    let sandbox = Sandbox::new();
    let ids = |rest: &str| -> Vec<String> {
        let said = sandbox.run(&format!("{GRID} --seeds 0 --dry-run --json {rest}")).well();
        let plan: Value = serde_json::from_str(&said.stdout).unwrap();
        let trials = plan["trials"].as_array().unwrap();
        trials.iter().map(|trial| trial["id"].as_str().unwrap().to_owned()).collect()
    };
    let one = ids("");
    assert_eq!(one, ids("--jobs 1"));
    let line = GRID.replace("--threads 1", "--threads 2");
    let said = sandbox.run(&format!("{line} --seeds 0 --dry-run --json")).well().stdout;
    assert!(one.iter().all(|id| !said.contains(id)), "{said}");
    let _ = grid(&sandbox, "--seeds 0");
    let id = sandbox.results().into_keys().next().unwrap();
    let message = sandbox.run(&format!("run --trial {id} --threads 2")).refused(2);
    assert!(message.contains("this trial is one of 1 thread"), "{message}");
}
