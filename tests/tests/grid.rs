//! The main job at a small size: trains, reports, and never trains twice.

use std::fs;

use end_to_end::{Sandbox, TINY, assert_same_reports};
use serde_json::Value;

fn grid(extra: &str) -> String {
    format!("grid --strategies rigl,set,dense {TINY} {extra}")
}

#[test]
fn a_grid_trains_reports_and_is_not_repeated() {
    let sandbox = Sandbox::new();
    let first = sandbox.run(&grid("")).well();
    assert!(first.stderr.contains("6 of 6 trials to train"), "{}", first.stderr);
    for expected in [
        "rigl",
        "set",
        "dense",
        "Files:",
        "runs/report/report.html",
        "more files in runs/report",
        "inconclusive",
    ] {
        assert!(first.stdout.contains(expected), "{expected}: {}", first.stdout);
    }
    let trials = fs::read_to_string(sandbox.path("runs/report/trials.csv")).unwrap();
    let columns = "trial,dataset,model,strategy,params,sparsity,seed,status,reason,test_accuracy,\
                   validation_accuracy,test_f1_macro,nonzero_parameters,prunable_parameters,\
                   total_parameters,sparsity_prunable,sparsity_total,inference_ms_per_sample,\
                   train_seconds,peak_memory_bytes,peak_memory_kind,train_flops,inference_flops";
    assert!(trials.starts_with(columns), "{trials}");
    assert_eq!(trials.lines().count(), 7);

    let results = sandbox.results();
    let second = sandbox.run(&grid("")).well();
    assert!(second.stderr.contains("all 6 trials are done"), "{}", second.stderr);
    assert_eq!(first.stdout, second.stdout);
    assert_eq!(results, sandbox.results(), "a finished trial was touched");

    let report = sandbox.report();
    let rebuilt = sandbox.run("report").well();
    assert_eq!(first.stdout, rebuilt.stdout);
    assert_eq!(report, sandbox.report());
    let post_hoc = sandbox.run("report --margin 0.2 --out other").well();
    assert!(post_hoc.stdout.contains("post hoc"), "{}", post_hoc.stdout);
    assert!(sandbox.path("other/trials.csv").is_file());
    // Starting the grid again with another margin does not make it one that was fixed before.
    for _ in 0..2 {
        let laundered = sandbox.run(&grid("--margin 0.2")).well();
        assert!(laundered.stdout.contains("post hoc"), "{}", laundered.stdout);
    }
}

#[test]
fn the_same_command_from_scratch_gives_the_same_files() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    // Connections change every 20 of 220 steps.
    let line = "--models mlp --set mlp.hidden=[16] --epochs 2 --seeds 0..2 --set *.interval=20";
    let _ = one.run(&format!("grid --strategies rigl,set,dense {line} --quiet")).well();
    // Another order and another number of trials at once change nothing.
    let line = format!("grid --strategies dense,set,rigl {line} --jobs 1 --threads 1");
    let _ = other.run(&line).well();
    assert_same_reports(&one, &other);
}

#[test]
fn more_seeds_extend_a_grid() {
    let sandbox = Sandbox::new();
    let line = "grid --strategies dense --models mlp --set mlp.hidden=[16] --epochs 1 --no-report";
    let _ = sandbox.run(&format!("{line} --seeds 0..2")).well();
    let before = sandbox.results();
    let said = sandbox.run(&format!("{line} --seeds 0..3")).well();
    assert!(said.stderr.contains("1 of 3 trials to train"), "{}", said.stderr);
    let after = sandbox.results();
    assert_eq!(after.len(), 3);
    assert!(before.iter().all(|(id, bytes)| after[id] == *bytes));
    assert!(!sandbox.path("runs/report/trials.csv").exists());
}

#[test]
fn other_options_make_another_data_set_that_is_not_compared() {
    let sandbox = Sandbox::new();
    let line = "grid --strategies set,dense --models mlp --set mlp.hidden=[16] --epochs 1 \
                --seeds 0..2 --set mnist-10k.train_samples=500 --set mnist-10k.rotation=0,15";
    let said = sandbox.run(line).well();
    let labels = ["mnist-10k [train_samples=500]", "mnist-10k [rotation=15 train_samples=500]"];
    let comparisons = fs::read_to_string(sandbox.path("runs/report/comparisons.csv")).unwrap();
    assert_eq!(comparisons.lines().count(), 3, "{comparisons}");
    for label in labels {
        assert!(said.stdout.contains(label), "{label}: {}", said.stdout);
        assert!(comparisons.contains(&format!("\n{label},mlp,")), "{label}: {comparisons}");
    }
    let again = sandbox.run(line).well();
    assert!(again.stderr.contains("all 8 trials are done"), "{}", again.stderr);
    // Half the samples, half the FLOPs.
    let dry = |count: u32| {
        let line = format!("grid --strategies dense --set mnist-10k.train_samples={count}");
        let text = sandbox.run(&format!("{line} --seeds 0 --dry-run --json")).well().stdout;
        serde_json::from_str::<Value>(&text).unwrap()["train_flops_to_do"].as_f64().unwrap()
    };
    assert_eq!(dry(2000), 2.0 * dry(1000));
}

#[test]
fn a_dry_run_lists_the_trials_and_makes_nothing() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&grid("--dry-run --json")).well();
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    let trials = list["trials"].as_array().unwrap();
    assert_eq!((trials.len(), &list["to_do"]), (6, &Value::from(6)));
    let flops = |strategy: &str| {
        let trial = trials.iter().find(|trial| trial["spec"]["strategy"]["name"] == strategy);
        trial.unwrap()["train_flops"].as_f64().unwrap()
    };
    // 3 passes of 2 operations for 784 · 16 + 16 · 10 weights and 7,000 digits.
    assert_eq!(flops("dense"), 3.0 * 2.0 * 12_704.0 * 7_000.0);
    assert!(flops("set") < 0.11 * flops("dense"));
    let text = sandbox.run(&grid("--dry-run")).well().stdout;
    let id = trials[0]["id"].as_str().unwrap();
    assert!(text.contains(id) && text.contains("6 trials, 6 to train"), "{text}");
    assert_eq!(fs::read_dir(sandbox.path(".")).unwrap().count(), 0, "something was made");

    let line = "grid --strategies dense --models mlp --set mlp.hidden=[16] --epochs 1 --seeds 0";
    let _ = sandbox.run(&format!("{line} --quiet")).well();
    let text = sandbox.run(&grid("--dry-run")).well().stdout;
    assert!(text.contains("6 trials, 5 to train"), "{text}");
}

#[test]
fn a_sparsity_that_will_not_be_reached_is_said_before_training() {
    let sandbox = Sandbox::new();
    let line = format!("grid --strategies prune-regrow,set,dense {TINY} --dry-run");
    // The first update would come after ten epochs, and that is what somebody typed.
    let said = sandbox.run(&format!("{line} --set *.interval=10epochs")).well();
    let of_sparsity = |line: &&str| line.contains("warning") && !line.contains("verdicts need");
    let warnings: Vec<&str> = said.stderr.lines().filter(of_sparsity).collect();
    let [ends, never] = warnings[..] else { panic!("{}", said.stderr) };
    assert!(ends.contains("prune-regrow at 90 % on mnist-10k, mlp will end at a sparsity of 0 %"));
    assert!(never.contains("set on mnist-10k, mlp will never change a connection"), "{never}");
    let enough = format!("{line} --set *.interval=4 --json");
    let said = sandbox.run(&enough).well();
    assert_eq!(said.stderr.lines().find(of_sparsity), None, "{}", said.stderr);
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    let ends = |trial: &Value| trial["final_sparsity"].as_f64().unwrap();
    let meant = |trial: &Value| trial["spec"]["sparsity"].as_f64().unwrap();
    let trials = list["trials"].as_array().unwrap();
    assert!(trials.iter().all(|trial| (ends(trial) - meant(trial)).abs() < 0.001), "{list:#}");
}

/// A newcomer's 140 images had RigL's default of 100 steps in a training of nine.
#[test]
fn a_default_interval_that_never_comes_is_a_share_of_the_training() {
    let sandbox = Sandbox::new();
    let line = format!(
        "grid --strategies set,rigl,snip,dense {TINY} --set mnist-10k.train_samples=300 --batch-size 30"
    );
    let said = sandbox.run(&format!("{line} --dry-run --json")).well();
    let notes: Vec<&str> = said.stderr.lines().filter(|line| line.contains("default")).collect();
    let [note] = notes[..] else { panic!("{}", said.stderr) };
    assert!(
        note.contains("has 10 steps, so the default intervals of rigl (100 steps), set"),
        "{note}"
    );
    assert!(!said.stderr.contains("never change a connection"), "{}", said.stderr);
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    let interval =
        |trial: &Value| trial["spec"]["strategy"]["interval"].as_str().map(str::to_owned);
    let trials = list["trials"].as_array().unwrap();
    let shares = trials.iter().filter(|trial| interval(trial).as_deref() == Some("5%"));
    assert_eq!(shares.count(), 4);

    // What was trained so is found again, and `run` trains the same.
    let _ = sandbox.run(&format!("{line} --quiet --no-report")).well();
    let again = sandbox.run(&format!("{line} --no-report")).well();
    assert!(again.stderr.contains("nothing is trained"), "{}", again.stderr);
    let line = line.replace("set,rigl,snip,dense", "set");
    let one = line.replace("grid --strategies", "run --strategy").replace("--models", "--model");
    let run = sandbox.run(&one.replace("--seeds 0..2", "--seed 0")).well();
    assert!(run.stderr.contains("is done; nothing is trained"), "{}", run.stderr);

    // What was typed holds, and what could never come is said.
    let typed = format!("{line} --set set.interval=100 --dry-run");
    let typed = sandbox.run(&typed).well();
    assert!(typed.stderr.contains("set on mnist-10k"), "{}", typed.stderr);
    assert!(typed.stderr.contains("never change a connection"), "{}", typed.stderr);
    assert!(!typed.stderr.contains("default"), "{}", typed.stderr);
}

#[test]
fn printed_settings_name_their_sources_and_work_as_a_file() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("grid.toml"), "seeds = [4]\n[training]\nbatch_size = 32\n").unwrap();
    let mut command = sandbox.command(
        "grid --config grid.toml --strategies rigl --set rigl.drop_fraction=0.1 --print-config",
    );
    command.env("HARNESS_EPOCHS", "3");
    let text = end_to_end::said(&mut command).well().stdout;
    for (start, source) in [
        ("seeds = [4]", "# grid.toml"),
        ("batch_size = 32", "# grid.toml"),
        ("epochs = 3", "# HARNESS_EPOCHS"),
        ("drop_fraction = 0.1", "# --set rigl.drop_fraction=0.1"),
        ("sparsity = [0.9]", "# grid quick"),
        ("optimizer.name = \"adam\"", "# default"),
    ] {
        let line = text.lines().find(|line| line.starts_with(start));
        assert!(line.is_some_and(|line| line.ends_with(source)), "{start}: {text}");
    }
    fs::write(sandbox.path("again.toml"), &text).unwrap();
    let ids = |line: &str| {
        let said = sandbox.run(line).well();
        serde_json::from_str::<Value>(&said.stdout).unwrap()["trials"][0]["id"].clone()
    };
    let typed = "--strategies rigl --set rigl.drop_fraction=0.1 --seeds 4 --epochs 3 \
                 --batch-size 32";
    assert_eq!(
        ids("grid --config again.toml --dry-run --json"),
        ids(&format!("grid {typed} --dry-run --json"))
    );
}

#[test]
fn a_pilot_tells_how_many_seeds_are_needed() {
    let sandbox = Sandbox::new();
    let line = "grid --strategies set,dense --models mlp --set mlp.hidden=[16] --epochs 1 --quiet";
    let _ = sandbox.run(&format!("{line} --seeds 0")).well();
    let message = sandbox.run("power --pilot runs").refused(2);
    assert!(message.contains("1 pair of seeds: a standard deviation needs 2"), "{message}");

    let _ = sandbox.run(&format!("{line} --seeds 0..3")).well();
    let said = sandbox.run("power --pilot runs --strategies set --effect 0.02 --json").well();
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    let [pilot] = answer["pilots"].as_array().unwrap().as_slice() else { panic!("{answer:#}") };
    assert_eq!(
        (&pilot["question"]["effect"], &pilot["question"]["comparisons"]),
        (&0.02.into(), &1.into())
    );
    assert_eq!((&pilot["strategy"], &pilot["control"]), (&"set".into(), &"dense".into()));
    // The pairs are those of the report.
    let trials = &sandbox.report()["trials.csv"];
    let accuracy = |strategy: &str, seed: usize| -> f64 {
        let (before, after) = (format!(",mlp,{strategy},"), format!(",{seed},finished,,"));
        let row = trials.lines().find(|row| row.contains(&before) && row.contains(&after)).unwrap();
        row.split(&after).nth(1).unwrap().split(',').next().unwrap().parse().unwrap()
    };
    let differences: Vec<f64> = (0..3).map(|s| accuracy("set", s) - accuracy("dense", s)).collect();
    assert_eq!(pilot["differences"], Value::from(differences));
    let people = sandbox.run("power --pilot runs").well().stdout;
    assert!(people.contains("set at 90 %  dense        3"), "{people}");
    let family = sandbox.run("power --pilot runs --comparisons 12").well().stdout;
    let family = family.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        family.contains("Each of 12 comparisons with the control is tested at a level"),
        "{family}"
    );
    // What a relative margin means is told by the control of the pilot.
    let relative = sandbox.run("power --pilot runs --margin 5% --json").well().stdout;
    let relative: Value = serde_json::from_str(&relative).unwrap();
    let margin = relative["pilots"][0]["question"]["margin"].as_f64().unwrap();
    assert!(margin > 0.001 && margin < 0.05, "{margin}");

    // Another experiment in the same store is not part of the family, unless it is asked for.
    let _ = sandbox.run(&format!("{} --seeds 0..2", line.replace("[16]", "[8]"))).well();
    let of_latest = sandbox.run("power --pilot runs").well();
    assert!(of_latest.stderr.contains("left out: 6 trials"), "{}", of_latest.stderr);
    let pairs_of = |said: &str| -> Vec<String> {
        let answer: Value = serde_json::from_str(said).unwrap();
        let pilots = answer["pilots"].as_array().unwrap().clone();
        pilots.iter().map(|pilot| pilot["plan"]["pairs"].to_string()).collect()
    };
    assert_eq!(pairs_of(&sandbox.run("power --pilot runs --json").well().stdout), ["2"]);
    let of_all = sandbox.run("power --pilot runs --all --json").well();
    assert_eq!(pairs_of(&of_all.stdout), ["3", "2"]);
    assert!(!of_all.stderr.contains("left out"), "{}", of_all.stderr);
    // Seeds of an earlier grid count where the latest goes on with its configurations.
    let _ = sandbox.run(&format!("{line} --seeds 3..5")).well();
    assert_eq!(pairs_of(&sandbox.run("power --pilot runs --json").well().stdout), ["5"]);
}

/// On a task on which networks often learn nothing but the largest class, that is a result.
#[test]
fn one_answer_to_everything_fails_a_grid_unless_it_is_accepted() {
    let sandbox = Sandbox::new();
    // Every step takes the weights away, so that the biases answer.
    let line = format!(
        "grid --strategies set,dense {TINY} --set training.optimizer=sgd --set training.momentum=0 \
         --learning-rate 0.001 --set training.weight_decay=1000"
    );
    let failed = sandbox.run(&line);
    assert_eq!(failed.code, Some(1), "{failed:#?}");
    assert!(failed.stderr.contains("4 of 4 trials failed"), "{}", failed.stderr);
    assert!(failed.stderr.contains("one class is predicted"), "{}", failed.stderr);
    for bytes in sandbox.results().values() {
        let result: Value = serde_json::from_slice(bytes).unwrap();
        assert_eq!(
            (&result["status"], &result["collapse"]),
            (&"collapsed".into(), &"one-answer".into())
        );
    }
    let finished = |sandbox: &Sandbox| -> Vec<(String, bool)> {
        let summary = fs::read_to_string(sandbox.path("runs/report/summary.csv")).unwrap();
        let mut reader = csv::Reader::from_reader(summary.as_bytes());
        let column = |name: &str, header: &csv::StringRecord| {
            header.iter().position(|own| own == name).unwrap()
        };
        let header = reader.headers().unwrap().clone();
        let columns = ["finished", "test_metric_mean"].map(|name| column(name, &header));
        let row = |row: csv::StringRecord| (row[columns[0]].to_owned(), row[columns[1]].is_empty());
        reader.records().map(|record| row(record.unwrap())).collect()
    };
    assert_eq!(finished(&sandbox), [("0".to_owned(), true), ("0".to_owned(), true)]);

    let accepted = format!("{line} --accept-collapse mnist-10k");
    let results = sandbox.results();
    for line in [&accepted, &format!("{accepted} --rerun failed")] {
        let said = sandbox.run(line).well();
        assert!(said.stderr.contains("all 4 trials are done"), "{}", said.stderr);
        assert!(!said.stderr.contains("failed"), "{}", said.stderr);
        assert!(!said.stdout.contains("one class is predicted"), "{}", said.stdout);
    }
    assert_eq!(results, sandbox.results(), "an accepted trial was trained again");
    assert_eq!(finished(&sandbox), [("2".to_owned(), false), ("2".to_owned(), false)]);
    let status = sandbox.run("status").well().stdout;
    assert!(!status.contains("Failed:"), "{status}");
    // Also when it is trained in this very grid.
    let fresh = Sandbox::new();
    let said = fresh.run(&accepted).well();
    assert!(said.stderr.contains("4 trials in ") && said.stderr.contains(", 0 failed"));
}

#[test]
fn a_strategy_trains_in_its_own_way_and_that_is_a_choice() {
    let sandbox = Sandbox::new();
    let line = format!(
        "grid --strategies set,dense {TINY} --set set.training.learning_rate=0.001,0.01 --dry-run"
    );
    let said = sandbox.run(&line).well();
    let rates = said.stdout.matches("learning_rate=").count();
    assert_eq!(rates, 2 * (2 + 1), "{}", said.stdout);
    let bias = "warning: mnist-10k, mlp: set is tried with 2 choices of parameters and the control \
                dense with 1";
    assert!(said.stderr.contains(bias), "{}", said.stderr);
    let printed = sandbox.run(&line.replace("--dry-run", "--print-config")).well().stdout;
    assert!(
        printed.contains("because strategy.set.training.learning_rate has several"),
        "{printed}"
    );
}

#[test]
fn a_test_that_can_never_decide_is_said_before_training() {
    let sandbox = Sandbox::new();
    let line = "grid --strategies rigl,set,snfs,dense --models mlp --set mlp.hidden=[16] --epochs 1 \
                --sparsity 0.5,0.7,0.8,0.9 --seeds 0..6 --test wilcoxon --dry-run";
    let said = sandbox.run(line).well();
    let warning = "warning: mnist-10k, mlp: with 6 seeds this test (Wilcoxon) can never decide among \
                   12 comparisons; it needs 9";
    assert!(said.stderr.contains(warning), "{}", said.stderr);
    let said = sandbox.run(&line.replace("0..6", "0..9")).well();
    assert!(!said.stderr.contains("never decide"), "{}", said.stderr);
}

#[test]
fn one_trial_runs_alone_and_counts_for_the_grid() {
    let sandbox = Sandbox::new();
    let said = sandbox
        .run("run --strategy rigl --model mlp --set mlp.hidden=[16] --epochs 1 --seed 1 --json")
        .well();
    let trial: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(trial["status"], "finished");
    assert_eq!(trial["spec"]["sparsity"], 0.9);
    let sparsity = trial["outcome"]["sparsity_prunable"].as_f64().unwrap();
    assert!((sparsity - 0.9).abs() < 1e-4, "{sparsity}");
    let id = trial["id"].as_str().unwrap();
    let again = sandbox.run(&format!("run --trial {id}")).well();
    assert!(again.stderr.contains("nothing is trained"), "{}", again.stderr);
    let grid = sandbox.run(&grid("")).well();
    assert!(grid.stderr.contains("5 of 6 trials to train"), "{}", grid.stderr);
    let status: Value = serde_json::from_str(&sandbox.run("status --json").well().stdout).unwrap();
    let trials = status["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 6);
    assert!(trials.iter().all(|trial| trial["state"] == "finished"));
}
