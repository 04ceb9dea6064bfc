//! Grids that are killed or interrupted go on where they stopped.

use end_to_end::{Running, Sandbox, assert_same_reports, set_hang_up, wait_until};

/// Trials of a few seconds each, so that there is a middle.
const GRID: &str = "grid --strategies set,dense --models mlp --set mlp.hidden=[32] --epochs 12 \
                    --seeds 0..2 --jobs 2 --threads 1";

/// Starts the grid and waits until one trial is done and another is not.
fn started(sandbox: &Sandbox) -> Running {
    let grid = sandbox.start(GRID);
    wait_until("a result", || !sandbox.results().is_empty());
    grid
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
    wait_until("the end of the trials", || {
        !sandbox.run("status").well().stdout.contains("Running")
    });
}

#[test]
fn a_killed_grid_goes_on_where_it_stopped() {
    let sandbox = Sandbox::new();
    let grid = started(&sandbox);
    grid.signal(libc::SIGKILL);
    assert_eq!(grid.end().code, None);
    settled(&sandbox);
    continues(&sandbox);
}

#[test]
fn ctrl_c_saves_says_so_and_the_same_command_continues() {
    stops_and_continues(libc::SIGINT);
}

#[test]
fn a_closed_terminal_stops_a_grid_as_ctrl_c_does() {
    stops_and_continues(libc::SIGHUP);
}

#[test]
fn under_nohup_a_grid_outlives_its_terminal() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(GRID);
    set_hang_up(&mut command, libc::SIG_IGN);
    let grid = Running::of(&mut command);
    wait_until("a result", || !sandbox.results().is_empty());
    grid.signal(libc::SIGHUP);
    assert_eq!(grid.end().code, Some(0));
    assert_eq!(sandbox.results().len(), 4);
}

fn stops_and_continues(signal: libc::c_int) {
    let sandbox = Sandbox::new();
    let grid = started(&sandbox);
    grid.signal(signal);
    let said = grid.end();
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert!(said.stderr.contains("the same command continues"), "{}", said.stderr);
    let status = sandbox.run("status").well().stdout;
    assert!(!status.contains("Running"), "{status}");
    continues(&sandbox);
}
