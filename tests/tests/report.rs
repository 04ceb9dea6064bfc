//! What is asked of trials that are there, or come.

use std::fs;

use end_to_end::{Sandbox, TINY, wait_until};
use serde_json::Value;

fn compared(sandbox: &Sandbox, what: &str) -> Vec<Value> {
    let said = sandbox.run(&format!("compare {what} --json")).well();
    let answer: Value = serde_json::from_str(&said.stdout).expect("JSON");
    answer["comparisons"].as_array().expect("a list").clone()
}

#[test]
fn strategies_stores_and_files_are_compared() {
    let sandbox = Sandbox::new();
    let line = "--models mlp --set mlp.hidden=[16] --set *.interval=5epochs --epochs 1 --seeds 0..3 --quiet";
    let _ = sandbox.run(&format!("grid --strategies rigl,set,dense {line}")).well();
    let again = format!("grid --strategies rigl,set,dense {line} --dry-run");
    let said = sandbox.run(&format!("{again} --config runs/report/analysis.toml")).well();
    assert!(said.stdout.contains("9 trials, 0 to train"), "{}", said.stdout);
    let trials = fs::read_to_string(sandbox.path("runs/report/trials.csv")).expect("a table");
    let mut reader = csv::Reader::from_reader(trials.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let column = |name: &str| header.iter().position(|other| other == name).expect(name);
    let (strategy, accuracy) = (column("strategy"), column("test_accuracy"));
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();

    let [answer] = &compared(&sandbox, "rigl set")[..] else { panic!("one sparsity") };
    assert_eq!(answer["control"], "set at 90 %");
    // Neither has an update in one epoch, so neither is what its name says.
    assert_eq!(answer["verdict"], "not-comparable");
    let reason = answer["not_comparable"].as_str().expect("a reason");
    assert!(reason.contains("no connection of rigl at 90 % ever changed"), "{reason}");
    let report = fs::read_to_string(sandbox.path("runs/report/report.md")).expect("a report");
    assert!(report.contains("MNIST-10k (mnist-10k): 10,000 digits"), "{report}");

    // A store against the table that was made from it: nothing differs, and nobody makes up a p.
    let same = compared(&sandbox, "runs runs/report/trials.csv");
    assert_eq!(same.len(), 3);
    let judged = |answers: &[Value]| -> Vec<Value> {
        answers.iter().filter(|answer| answer["verdict"] != "not-comparable").cloned().collect()
    };
    for answer in judged(&same) {
        assert_eq!(answer["reason"], "too-few-pairs", "{answer:#}");
        assert_eq!((&answer["estimate"], &answer["p_difference"]), (&0.0.into(), &Value::Null));
    }
    // Another tool's results, all five points lower.
    let mut other = String::from("dataset,model,strategy,sparsity,seed,accuracy\n");
    for row in &rows {
        let score: f64 = row[accuracy].parse().expect("a number");
        let sparsity = &row[column("sparsity")];
        let (name, seed) = (&row[strategy], &row[column("seed")]);
        other += &format!("mnist-10k,mlp,{name},{sparsity},{seed},{}\n", score - 0.05);
    }
    fs::write(sandbox.path("other.csv"), &other).expect("room");
    let answers = judged(&compared(&sandbox, "runs other.csv"));
    assert!(!answers.is_empty());
    for answer in answers {
        assert!((answer["estimate"].as_f64().expect("a number") - 0.05).abs() < 1e-9);
        assert_eq!(answer["reason"], "too-few-pairs", "{answer:#}");
    }

    // A file without sparsities has none in common with 90 %.
    fs::write(sandbox.path("dense.csv"), "dataset,strategy,seed,accuracy\nmnist-10k,rigl,0,0.5\n")
        .expect("room");
    let message = sandbox.run("compare runs dense.csv").refused(2);
    assert!(message.contains("the other side has no sparsity 0.9, only 0"), "{message}");
    let longer = line.replace("--epochs 1", "--epochs 2");
    let longer = format!("grid --strategies set {longer} --store longer --no-report");
    let _ = sandbox.run(&longer).well();
    let said = sandbox.run("compare longer runs").well().stdout;
    assert!(said.contains("The two trained differently: epochs: 2 against 1."), "{said}");

    let refused = |what: &str| sandbox.run(&format!("compare {what}")).refused(2);
    assert!(refused("rgil set").contains("did you mean 'rigl'?"));
    assert!(refused("rigl snfs").contains("snfs"));
    fs::write(sandbox.path("bad.csv"), "dataset,seed,accuracy\n").expect("room");
    let message = sandbox.run("compare runs bad.csv").stderr;
    assert!(message.contains("bad.csv: line 1: columns are missing: strategy"), "{message}");
}

#[test]
fn a_watched_report_follows_the_grid_to_its_end() {
    let sandbox = Sandbox::new();
    let grid = "grid --strategies set,dense --models mlp --set mlp.hidden=[32] --epochs 12 --seeds 0..2 \
                --jobs 1 --threads 1 --no-report";
    let trains = sandbox.start(grid);
    wait_until("a result", || !sandbox.results().is_empty());
    let watches = sandbox.start("report --watch");
    let _ = trains.end().well();
    // It ends by itself.
    let said = watches.end().well();
    let counts: Vec<&str> =
        said.stderr.lines().filter(|line| line.contains(" of 4 trials ended: ")).collect();
    assert!(counts.len() >= 2, "it looked only once: {}", said.stderr);
    assert!(counts.last().is_some_and(|line| line.contains("4 of 4")), "{}", said.stderr);
    let page = fs::read_to_string(sandbox.path("runs/report/report.html")).expect("a page");
    assert!(page.contains("set at 90 %"));
}

#[test]
fn a_watched_report_ends_on_ctrl_c() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&format!("grid --strategies dense {TINY} --no-report --quiet")).well();
    // A trial that was planned and that nobody trains.
    let id = sandbox.results().into_keys().next().expect("a result");
    fs::remove_file(sandbox.path(&format!("runs/{id}/result.json"))).expect("it is there");
    let watches = sandbox.start("report --watch");
    wait_until("a report", || sandbox.path("runs/report/report.html").exists());
    watches.signal(libc::SIGINT);
    let said = watches.end();
    assert_eq!(said.code, Some(130), "{said:#?}");
    assert!(said.stderr.contains("1 of 2 trials ended"), "{}", said.stderr);
}

/// Whoever tries a method with one seed has seen no verdict, and one of another training is of that.
#[test]
fn only_verdicts_that_were_given_count_as_seen() {
    let sandbox = Sandbox::new();
    let said = |rest: &str| {
        let line = "grid --strategies rigl,dense --models mlp --set mlp.hidden=[16]";
        sandbox
            .run(&format!("{line} --batch-size 16 --set mnist-10k.train_samples=2000 {rest}"))
            .well()
            .stdout
    };
    let seen = "Post hoc: verdicts were shown before";
    for line in ["--epochs 1 --seeds 0", "--epochs 1 --seeds 0..2", "--epochs 2 --seeds 0..5"] {
        assert!(!said(line).contains(seen), "{line}");
    }
    let text = said("--epochs 1 --seeds 0..6");
    assert!(!text.contains(seen), "{text}");
    let text = said("--epochs 2 --seeds 0..6");
    assert!(
        text.contains("Post hoc: verdicts were shown before at 1 other count of seeds"),
        "{text}"
    );
}
