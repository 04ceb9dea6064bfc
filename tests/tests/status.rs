//! What a store says of its trials, beside a grid that runs and after it.

use std::fs;

use end_to_end::terminal::{Terminal, seen};
use end_to_end::{Sandbox, TINY, said, wait_until};
use serde_json::Value;

/// Trials of a few seconds each, so that there is a middle.
const SLOW: &str = "grid --strategies set,dense --models mlp --set mlp.hidden=[32] --epochs 12 \
                    --seeds 0..2 --jobs 2 --threads 1 --no-report";

fn json(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.run("status --json").well().stdout).expect("JSON")
}

/// A grid of two parameter sets and the dense baseline of which one trial is to be trained anew.
fn with_a_gap() -> Sandbox {
    let sandbox = Sandbox::new();
    let line = "grid --strategies set,dense --set set.drop_fraction=0.1,0.3 --no-report --quiet";
    let _ = sandbox.run(&format!("{line} {TINY}")).well();
    let status = json(&sandbox);
    let gone = status["groups"].as_array().unwrap().iter().find(|group| {
        group["strategy"].as_str().is_some_and(|name| name.contains("drop_fraction=0.3"))
    });
    let id = gone.unwrap()["trials"][0].as_str().unwrap().to_owned();
    fs::remove_dir_all(sandbox.path(&format!("runs/{id}/attempts"))).expect("it was begun");
    fs::remove_file(sandbox.path(&format!("runs/{id}/result.json"))).expect("it has ended");
    sandbox
}

#[test]
fn trials_are_counted_by_parameters_with_their_mean_and_what_is_left() {
    let sandbox = with_a_gap();
    let status = json(&sandbox);
    let groups = status["groups"].as_array().unwrap();
    let name = |group: &Value| group["strategy"].as_str().unwrap().to_owned();
    let names: Vec<String> = groups.iter().map(name).collect();
    assert_eq!(names, ["dense", "set drop_fraction=0.1", "set drop_fraction=0.3"]);
    let finished: Vec<&Value> = groups.iter().map(|group| &group["counts"]["finished"]).collect();
    assert_eq!(finished, [2, 2, 1]);
    assert_eq!(groups[2]["counts"]["to_do"], 1);
    assert_eq!(groups[2]["sparsity"], 0.9);
    assert_eq!(groups[0]["seconds_left"], 0.0);
    let left = status["seconds_left"].as_f64().expect("others like it have finished");
    assert!(left > 0.0 && left < 600.0, "{left}");
    assert_eq!(groups[2]["seconds_left"], left);

    // The mean is that of the results.
    let mut sum = 0.0;
    for id in groups[1]["trials"].as_array().unwrap() {
        let path = sandbox.path(&format!("runs/{}/result.json", id.as_str().unwrap()));
        let result: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        sum += result["outcome"]["test"]["accuracy"].as_f64().unwrap();
    }
    let mean = groups[1]["test"]["mean"].as_f64().unwrap();
    assert!((mean - sum / 2.0).abs() < 1e-12, "{mean}");

    let text = sandbox.run("status").well().stdout;
    assert!(text.starts_with("mnist-10k, mlp\n\nstrategy "), "{text}");
    let row = text.lines().find(|line| line.starts_with("set drop_fraction=0.1")).unwrap();
    let cell = format!("{:.2} ± ", 100.0 * mean);
    assert!(row.contains("  90 %  ") && row.contains("2 of 2") && row.contains(&cell), "{text}");
    assert!(text.contains("5 of 6 trials finished, 1 to do; about "), "{text}");
    assert!(text.contains(" of training left, one trial after the other\n"), "{text}");
    assert!(!text.contains('\u{1b}'), "a pipe has no colours: {text}");
}

#[test]
fn tables_fit_into_the_terminal_and_no_name_breaks() {
    let sandbox = with_a_gap();
    for columns in [60, 80, 200] {
        let (terminal, running) = Terminal::start(&mut sandbox.command("status"), columns, 40);
        assert_eq!(running.end().code, Some(0));
        let (lines, longest) = terminal.seen();
        let text = lines.join("\n");
        assert!(longest <= columns.into(), "{columns}: {longest}\n{text}");
        for whole in ["drop_fraction=0.1", "90 %", "2 of 2", " ± "] {
            assert!(text.contains(whole), "{columns}: {whole}\n{text}");
        }
    }
    let (terminal, running) = Terminal::start(&mut sandbox.command("status"), 80, 40);
    assert_eq!(running.end().code, Some(0));
    assert!(terminal.written().contains("\u{1b}[32m2 of 2\u{1b}[0m"), "finished is green");
    let piped = sandbox.run("status").well().stdout;
    let mut command = sandbox.command("status");
    let fitted = said(command.env("COLUMNS", "60")).well().stdout;
    assert!(fitted.lines().all(|line| line.chars().count() <= 60), "{fitted}");
    assert!(piped.lines().any(|line| line.chars().count() > 60), "{piped}");
}

#[test]
fn a_grid_of_another_process_is_seen_and_what_it_left_is_to_continue() {
    let sandbox = Sandbox::new();
    let grid = sandbox.start(SLOW);
    wait_until("a running trial that tells how far it is", || {
        if !sandbox.path("runs/store.json").exists() {
            return false;
        }
        let running = |trial: &Value| {
            trial["state"] == "running" && trial["progress"]["train_loss"].is_number()
        };
        json(&sandbox)["trials"].as_array().unwrap().iter().any(running)
    });
    // Between two looks a trial may end and another begin, which has no loss yet.
    let mut text = String::new();
    wait_until("a running trial in the table", || {
        text = sandbox.run("status").well().stdout;
        text.contains("\nRunning:\n") && text.contains("/12, loss ")
    });
    let line = text.lines().find(|line| line.contains("/12, loss ")).expect("an epoch and a loss");
    assert!(line.contains("mnist-10k, mlp, seed ") && line.contains(", by process "), "{line}");
    wait_until("an estimate", || json(&sandbox)["seconds_left"].as_f64().is_some_and(|s| s > 0.0));
    grid.signal(libc::SIGINT);
    assert_eq!(grid.end().code, Some(130));
    let status = json(&sandbox);
    assert_eq!(status["counts"]["running"], 0);
    let left = status["counts"]["to_continue"].as_u64().unwrap();
    let text = sandbox.run("status").well().stdout;
    assert!(left == 0 || text.contains(&format!("{left} to continue")), "{text}");
    assert_eq!(left > 0, text.contains("\nTo continue:\n"), "{text}");
}

#[test]
fn failures_are_counted_by_kind() {
    let sandbox = Sandbox::of(env!("CARGO_BIN_EXE_harness-with-faults"));
    let line = format!("grid --strategies test-fails,dense {TINY} --no-report --quiet");
    assert_eq!(sandbox.run(&line).code, Some(1));
    assert_eq!(json(&sandbox)["counts"]["failed"]["crashed"], 2);
    let text = sandbox.run("status").well().stdout;
    assert!(text.contains("2 crashed"), "{text}");
    assert!(text.contains("2 of 4 trials finished, 2 failed\n"), "{text}");
    assert!(text.contains("\nFailed:\n") && text.contains("the scores have run out"), "{text}");
}

#[test]
fn a_watched_status_ends_with_the_last_trial_or_on_ctrl_c() {
    let sandbox = with_a_gap();
    let watches = sandbox.start_into("watched.txt", "status --watch 1");
    let mut blocks = String::new();
    wait_until("a second block", || {
        blocks = fs::read_to_string(sandbox.path("watched.txt")).unwrap();
        blocks.matches("5 of 6 trials finished").count() >= 2
    });
    watches.signal(libc::SIGINT);
    let said = watches.end();
    assert_eq!((said.code, said.stderr.as_str()), (Some(130), ""));
    assert!(!blocks.contains('\u{1b}'), "{blocks}");

    let line = "grid --strategies set,dense --set set.drop_fraction=0.1,0.3 --no-report --quiet";
    let _ = sandbox.run(&format!("{line} {TINY}")).well();
    let said = sandbox.run("status --watch").well();
    assert_eq!(said.stdout.matches("6 of 6 trials finished\n").count(), 1, "{}", said.stdout);
    assert!(sandbox.run("status --watch 0").refused(2).contains("--watch"));
}

#[test]
fn a_watched_status_on_a_terminal_leaves_one_block() {
    let sandbox = with_a_gap();
    let (terminal, watches) = Terminal::start(&mut sandbox.command("status --watch 1"), 60, 20);
    terminal.wait_for("5 of 6 trials finished", 1);
    watches.signal(libc::SIGINT);
    assert_eq!(watches.end().code, Some(130));
    let (lines, longest) = terminal.seen();
    let text = lines.join("\n");
    assert!(longest <= 60, "{longest}\n{text}");
    assert_eq!(text.matches("mnist-10k, mlp").count(), 1, "{text}");
    assert_eq!(text.matches("5 of 6 trials finished").count(), 1, "{text}");
}

#[test]
fn an_interrupted_grid_leaves_no_debris_on_a_terminal() {
    for columns in [40, 60, 80] {
        let sandbox = Sandbox::new();
        let (terminal, grid) = Terminal::start(&mut sandbox.command(SLOW), columns, 20);
        terminal.wait_for("loss ", 4);
        terminal.wait_for(" left", 1);
        grid.signal(libc::SIGINT);
        assert_eq!(grid.end().code, Some(130));
        let written = terminal.written();
        assert!(written.contains("/12  loss "), "{columns}: {written}");
        let (lines, _) = seen(&written, columns.into());
        let text = lines.join("\n");
        assert!(!text.contains("epoch ") && !text.contains("running"), "{columns}: {text}");
        assert!(text.replace('\n', "").contains("the same command continues"), "{text}");
    }
}
