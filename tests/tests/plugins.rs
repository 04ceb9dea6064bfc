//! What is linked, and what happens when a plug-in misbehaves.

use std::collections::BTreeSet;

use end_to_end::{Sandbox, TINY, said, workspace};
use serde_json::Value;

/// Names in a folder of the workspace.
fn folders(kind: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(workspace().join(kind)).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn listed(kind: &str) -> BTreeSet<String> {
    let said = Sandbox::new().run(&format!("list {kind} --json")).well();
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    let entries = list[kind].as_array().unwrap().iter();
    entries.map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_report_folder_is_listed() {
    assert_eq!(listed("reports"), folders("reports"));
}

/// A crate may hold several strategies or data sets, each named after it.
#[test]
fn every_strategy_and_data_set_folder_is_listed() {
    for kind in ["strategies", "datasets"] {
        let listed = listed(kind);
        for folder in folders(kind) {
            assert!(listed.iter().any(|name| name.starts_with(&folder)), "{folder}: {listed:?}");
        }
    }
}

/// That every name is described is a test of the command, which needs no process for each.
#[test]
fn plug_ins_are_described() {
    let sandbox = Sandbox::new();
    let json = sandbox.run("describe nm --json").well().stdout;
    let description: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(description["name"], "nm");
    assert!(description["reaches"].as_str().unwrap().contains("n / `group`"), "{json}");
    let text = sandbox.run("describe bert-tiny").well().stdout;
    for expected in ["weights = none", "num_hidden_layers = 2", "vocab_size = 30522"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = sandbox.run("describe rmsprop").well().stdout;
    for expected in ["rmsprop (optimizer)", "Tieleman", "alpha = 0.99  (number)", "in [0, 1)"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = sandbox.run("describe training").well().stdout;
    for expected in ["optimizer = \"adam\"", "one of adam, adamw, rmsprop, sgd", "linear: "] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = sandbox.run("describe rigl").well().stdout;
    for expected in ["Evci", "drop_fraction = 0.3", "in [0, 1]", "Erdős–Rényi-Kernel"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// A group stands beside the data sets that it holds.
#[test]
fn options_and_groups_of_data_sets_are_described() {
    let sandbox = Sandbox::new();
    let text = sandbox.run("describe cifar10").well().stdout;
    for expected in ["rotation = 0.0  (number)", "crop_padding = 4", "train_samples = none"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let text = sandbox.run("describe glue/mrpc").well().stdout;
    assert!(text.contains("metric: F1; also accuracy\n"), "{text}");
    let json = sandbox.run("describe glue/stsb --json").well().stdout;
    assert!(json.contains("\"pearson\"") && json.contains("\"spearman\""), "{json}");
    assert!(listed("datasets").contains("glue"));
    let text = sandbox.run("describe glue").well().stdout;
    assert!(text.starts_with("glue (group of data sets)"), "{text}");
    assert!(text.contains("glue/mnli, glue/mnli-mm"), "{text}");
}

#[test]
fn strategies_that_fail_in_the_middle_cost_only_their_own_trials() {
    let sandbox = Sandbox::of(env!("CARGO_BIN_EXE_harness-with-faults"));
    let line = format!("grid --strategies test-fails,test-panics,test-aborts,set,dense {TINY}");
    let first = sandbox.run(&line);
    assert_eq!(first.code, Some(1), "{first:#?}");
    assert!(first.stderr.contains("6 of 10 trials failed"), "{}", first.stderr);
    for reason in ["the scores have run out", "an invariant is broken", "signal 6"] {
        // Lines are wrapped between words.
        let words: Vec<&str> = first.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(reason), "{reason}: {}", first.stdout);
        assert!(first.stderr.contains(reason), "{reason}: {}", first.stderr);
    }
    let trials = std::fs::read_to_string(sandbox.path("runs/report/trials.csv")).unwrap();
    assert_eq!(trials.matches(",crashed,").count(), 6, "{trials}");
    assert_eq!(trials.matches(",finished,").count(), 4, "{trials}");

    // A failure is a result: it is not tried again unless asked for.
    let second = sandbox.run(&line);
    assert_eq!((second.code, &second.stdout), (Some(1), &first.stdout));
    assert!(second.stderr.contains("all 10 trials are done"), "{}", second.stderr);
    let status = sandbox.run("status").well().stdout;
    assert!(status.contains("the scores have run out"), "{status}");
    let retried = sandbox.run(&format!("{line} --rerun failed"));
    assert_eq!(retried.code, Some(1));
    assert!(retried.stderr.contains("6 of 10 trials to train"), "{}", retried.stderr);
}

#[test]
fn memory_that_runs_out_costs_no_epoch_that_was_trained() {
    let sandbox = Sandbox::of(env!("CARGO_BIN_EXE_harness-with-faults"));
    let line = "grid --strategies test-exhausts --models mlp --set mlp.hidden=[16] --epochs 3 \
                --seeds 0 --no-report";
    let first = sandbox.run(line);
    assert_eq!(first.code, Some(1), "{first:#?}");
    // Without a report, nothing is compared; what failed is said all the same.
    assert_eq!(first.stdout, "");
    let reasons = "1 of 1 trial failed; `harness report` shows why";
    for words in ["can't allocate memory", "1 trial ended; `harness report` compares", reasons] {
        assert!(first.stderr.contains(words), "{words}: {first:#?}");
    }
    let results = sandbox.results();
    let folder = sandbox.path("runs").join(results.keys().next().unwrap());
    assert!(folder.join("checkpoint").exists());
    let result: serde_json::Value =
        serde_json::from_slice(results.values().next().unwrap()).unwrap();
    assert_eq!(result["status"], "out-of-memory");

    let mut retry = sandbox.command(&format!("{line} --rerun failed"));
    let _ = said(retry.env("TEST_MEMORY", "1")).well();
    assert!(!folder.join("checkpoint").exists());
    let history = std::fs::read_to_string(folder.join("history.csv")).unwrap();
    assert_eq!(history.lines().count(), 4, "{history}");
}

#[test]
fn one_name_for_two_plug_ins_is_refused() {
    let sandbox = Sandbox::of(env!("CARGO_BIN_EXE_harness-with-twins"));
    let said = sandbox.run("list").refused(5);
    assert!(said.contains("two linked crates register the report 'csv'"), "{said}");
    let said = sandbox.run(&format!("grid --strategies dense {TINY}")).refused(5);
    assert!(said.contains("two linked crates register the report 'csv'"), "{said}");
    assert!(sandbox.results().is_empty(), "it trained first");
}
