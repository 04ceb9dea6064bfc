//! Grids that are killed or interrupted go on where they stopped.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use end_to_end::{Said, Sandbox, assert_same_reports};

/// Trials of a few seconds each, so that there is a middle.
const GRID: &str = "grid --strategies set,dense --models mlp --set mlp.hidden=[32] --epochs 12 \
                    --seeds 0..2 --jobs 2 --threads 1";

/// Starts the grid and waits until one trial is done and another is not.
fn started(sandbox: &Sandbox) -> Child {
    let child = sandbox
        .command(GRID)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the harness starts");
    let deadline = Instant::now() + Duration::from_secs(120);
    while sandbox.results().is_empty() {
        assert!(Instant::now() < deadline, "no trial ends");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: no memory is involved; the child is ours and not yet collected.
    unsafe {
        libc::kill(child.id().cast_signed(), signal);
    }
}

fn ended(child: Child) -> Said {
    let output = child.wait_with_output().expect("the harness ends");
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Finishes the grid and checks that it gives what an uninterrupted one does, without having
/// touched what was done.
fn continues(sandbox: &Sandbox) {
    let done = sandbox.results();
    assert!((1..4).contains(&done.len()), "there was no middle: {} results", done.len());
    let said = sandbox.run(GRID).well();
    let to_train = format!("{} of 4 trials to train", 4 - done.len());
    assert!(said.stderr.contains(&to_train), "{}", said.stderr);
    let after = sandbox.results();
    assert_eq!(after.len(), 4);
    assert!(done.iter().all(|(id, bytes)| after[id] == *bytes), "a finished trial was repeated");

    let whole = Sandbox::new();
    let _ = whole.run(GRID).well();
    assert_same_reports(sandbox, &whole);
}

/// Waits for the trials of a killed grid: each saves where it stands, or ends if it was about to.
fn settled(sandbox: &Sandbox) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while sandbox.run("status").well().stdout.contains("Running") {
        assert!(Instant::now() < deadline, "trials outlive their grid");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_killed_grid_goes_on_where_it_stopped() {
    let sandbox = Sandbox::new();
    let mut child = started(&sandbox);
    child.kill().expect("SIGKILL is sent");
    assert_eq!(ended(child).code, None);
    settled(&sandbox);
    continues(&sandbox);
}

#[test]
fn ctrl_c_saves_says_so_and_the_same_command_continues() {
    let sandbox = Sandbox::new();
    let child = started(&sandbox);
    signal(&child, libc::SIGINT);
    let said = ended(child);
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert!(said.stderr.contains("the same command continues"), "{}", said.stderr);
    let status = sandbox.run("status").well().stdout;
    assert!(!status.contains("Running"), "{status}");
    continues(&sandbox);
}
