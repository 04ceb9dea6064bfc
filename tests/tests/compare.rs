//! `harness compare` on stores and on files of other tools.

use std::fs;
use std::path::Path;

use end_to_end::Sandbox;
use serde_json::Value;

/// Inputs that were taken badly once; the harness's own tests read the same files.
const CASES: [(&str, &str); 5] = [
    ("ours", include_str!("../../crates/harness/src/command/compare/cases/ours.csv")),
    ("float32", include_str!("../../crates/harness/src/command/compare/cases/theirs_float32.csv")),
    ("names", include_str!("../../crates/harness/src/command/compare/cases/theirs_names.csv")),
    (
        "dataset",
        include_str!("../../crates/harness/src/command/compare/cases/theirs_dataset_name.csv"),
    ),
    ("na", include_str!("../../crates/harness/src/command/compare/cases/theirs_na.csv")),
];

fn answer(sandbox: &Sandbox, what: &str) -> Value {
    let said = sandbox.run(&format!("compare {what} --json")).well();
    serde_json::from_str(&said.stdout).expect("JSON")
}

fn list<'a>(answer: &'a Value, key: &str) -> &'a [Value] {
    answer[key].as_array().unwrap_or_else(|| panic!("a list {key}: {answer:#}"))
}

#[test]
fn files_of_other_tools_are_joined_in_any_spelling() {
    let sandbox = Sandbox::new();
    for (name, text) in CASES {
        fs::write(sandbox.path(&format!("{name}.csv")), text).expect("room");
    }
    for (theirs, pairs) in [("float32", 6), ("names", 6), ("dataset", 6), ("na", 5)] {
        let answer = answer(&sandbox, &format!("ours.csv {theirs}.csv"));
        let comparisons = list(&answer, "comparisons");
        assert_eq!(comparisons.len(), 3, "{theirs}: {answer:#}");
        assert!(comparisons.iter().all(|one| one["pairs"] == pairs), "{theirs}: {answer:#}");
        // Where a score is missing, both trials of that seed stand alone.
        assert_eq!(list(&answer, "not_compared").len(), 6 * (6 - pairs), "{theirs}: {answer:#}");
    }
    let said = sandbox.run("compare ours.csv dataset.csv").well().stdout;
    assert!(said.contains("note: taken for one data set: mnist against MNIST"), "{said}");

    // What stands alone is listed, for people and for programs.
    let text = CASES[0].1.replace("set,0.9", "set,0.8").replace("rigl,0.9,5", "rigl,0.9,7");
    fs::write(sandbox.path("other.csv"), text).expect("room");
    let said = sandbox.run("compare ours.csv other.csv").well().stdout;
    assert!(said.contains("Not compared (14 trials):"), "{said}");
    assert!(said.contains("the other side has no sparsity 0.9, only"), "{said}");
    let answer = answer(&sandbox, "ours.csv other.csv");
    let alone = list(&answer, "not_compared");
    let trials: u64 = alone.iter().filter_map(|one| one["trials"].as_u64()).sum();
    assert_eq!((alone.len(), trials), (4, 14), "{answer:#}");
}

#[test]
fn what_cannot_be_compared_ends_with_the_code_that_says_so() {
    let sandbox = Sandbox::new();
    let ours = CASES[0].1;
    let write = |name: &str, bytes: &[u8]| fs::write(sandbox.path(name), bytes).expect("room");
    write("ours.csv", ours.as_bytes());
    let wide: Vec<u8> = ours.encode_utf16().flat_map(u16::to_le_bytes).collect();
    write("wide.csv", &[&[0xFF, 0xFE], &wide[..]].concat());
    write("latin.csv", b"dataset,strategy,seed,accuracy\nmnist,m\xE9thode,0,0.5\n");
    write("cifar.csv", ours.replace("mnist", "cifar10").as_bytes());
    write("percent.csv", ours.replace("0.97", "97.").as_bytes());
    write("book.csv", b"PK\x03\x04 and so on");

    let refused = |what: &str, code| sandbox.run(&format!("compare ours.csv {what}")).refused(code);
    let message = refused("cifar.csv", 2);
    assert!(message.contains("no data set in common: mnist against cifar10"), "{message}");
    assert!(refused("latin.csv", 3).contains("latin.csv: line 2: this is not UTF-8"));
    assert!(refused("percent.csv", 3).contains("percent.csv: line 2: accuracy 97.45 is not in"));
    assert!(refused("book.csv", 3).contains("Excel"));
    assert!(refused("none.csv", 2).contains("there is no file or store none.csv"));
    assert!(refused("ours.csv", 2).contains("compared with itself"));
    assert!(refused("ours.csv:snip", 2).contains("it has dense, rigl, set"));
    assert!(refused("ours.csv:rigl[", 2).contains("bracket"));
    write("state.csv", b"dataset,strategy,seed,acc,status\nmnist,dense,0,0.5,True\n");
    let message = refused("state.csv", 3);
    assert!(message.contains("state.csv: line 2: status 'True' is unknown"), "{message}");
    assert!(message.contains("known: finished, "), "{message}");
    write("failed.csv", b"dataset,strategy,seed,acc,status\nmnist,dense,0,0.5,failed\n");
    let message = refused("failed.csv", 2);
    assert!(message.contains("dense on mnist, seeds 0: crashed: its status is 'failed'"));
    // A dense control has another sparsity, which keeps nobody from comparing.
    write("far.csv", b"dataset,strategy,sparsity,seed,acc\nmnist,dense,0,100,0.5\n");
    let message = sandbox.run("compare ours.csv:rigl far.csv:dense").refused(2);
    assert!(message.contains("no seed in common: 0..=5 against 100"), "{message}");
    // UTF-16 is read, and said.
    let said = sandbox.run("compare ours.csv:rigl@0.9 wide.csv:set@0.9").well().stdout;
    assert!(said.contains("wide.csv was read as UTF-16"), "{said}");
}

/// Rows of another metric were counted as runs that had failed.
#[test]
fn rows_of_another_metric_are_left_out_and_the_way_to_compare_them_is_said() {
    let sandbox = Sandbox::new();
    let mut text = String::from("dataset,strategy,sparsity,seed,score,metric\n");
    for (strategy, sparsity) in [("rigl", 0.9), ("dense", 0.0)] {
        for (seed, metric) in (0..6).zip(["f1", "accuracy"].into_iter().cycle()) {
            text += &format!("mnist,{strategy},{sparsity},{seed},0.97{seed},{metric}\n");
        }
    }
    fs::write(sandbox.path("two.csv"), text).expect("room");
    let all = answer(&sandbox, "two.csv:rigl two.csv:dense");
    let [one] = list(&all, "comparisons") else { panic!("{all:#}") };
    assert_eq!((&one["metric"], &one["pairs"]), (&"f1-binary".into(), &3.into()), "{all:#}");
    let left_out = list(&all, "not_compared");
    assert_eq!(left_out.len(), 2, "{all:#}");
    assert!(left_out.iter().all(|trials| trials["reason"] == "the score is accuracy, not F1"));
    let note = all["notes"].to_string();
    let way = "'two.csv:rigl[metric=accuracy]' 'two.csv:dense[metric=accuracy]'";
    assert!(note.contains(&format!("to compare accuracy, write {way}")), "{note}");
    let said = sandbox.run("compare two.csv:rigl two.csv:dense").well().stdout;
    assert!(!said.contains("failed") && !said.contains("did not finish"), "{said}");
    let other = answer(&sandbox, &way.replace('\'', ""));
    assert_eq!(list(&other, "comparisons")[0]["metric"], "accuracy");
    assert!(list(&other, "not_compared").is_empty(), "{other:#}");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("room");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("room")),
        }
    }
}

#[test]
fn parameters_and_trainings_are_compared_and_the_help_is_true() {
    let sandbox = Sandbox::new();
    let grid = "grid --strategies rigl,set --models mlp --set mlp.hidden=[16] --seeds 0..2 --quiet \
                --set rigl.drop_fraction=0.1,0.3 --set training.epochs=1,5";
    let _ = sandbox.run(grid).well();
    let count = |what: &str| list(&answer(&sandbox, what), "comparisons").len();
    // For each training one.
    assert_eq!(count("rigl[drop_fraction=0.1] rigl[drop_fraction=0.3]"), 2);
    assert_eq!(count("rigl[drop_fraction=0.1,training.epochs=5] rigl[drop_fraction=0.3]"), 1);
    // Both sets against one control, for each training.
    let several = answer(&sandbox, "RigL set");
    assert_eq!(list(&several, "comparisons").len(), 4, "{several:#}");
    assert!(several["notes"].to_string().contains("'rigl[drop_fraction=0.3]'"), "{several:#}");
    // Which control is meant has to be said.
    let message = sandbox.run("compare set rigl").refused(2);
    assert!(message.contains("name one of 'rigl[drop_fraction=0.1]'"), "{message}");
    // Trainings against each other.
    assert_eq!(count("set[training.epochs=1] set[training.epochs=5]"), 1);
    // A store against the table made of it: everything has its partner.
    let same = answer(&sandbox, "runs runs/report/trials.csv");
    assert_eq!(list(&same, "comparisons").len(), 6, "{same:#}");
    assert!(list(&same, "not_compared").is_empty(), "{same:#}");
    assert!(list(&same, "comparisons").iter().all(|one| one["p_difference"].is_null()));

    // Other data are no partner.
    let table = fs::read_to_string(sandbox.path("runs/report/trials.csv")).expect("a table");
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let place = |name: &str| header.iter().position(|other| other == name).expect(name);
    let first = reader.records().next().expect("a row").expect("a row");
    let digest = first[place("data_digest")].to_owned();
    assert!(!digest.is_empty());
    fs::write(sandbox.path("moved.csv"), table.replace(&digest, "another")).expect("room");
    let message = sandbox.run("compare runs moved.csv").refused(2);
    assert!(message.contains("not comparable: the data differ"), "{message}");

    // Every example of the help runs.
    for name in ["paper", "runs-new", "runs-old"] {
        copy(&sandbox.path("runs"), &sandbox.path(name));
    }
    let mut other = String::from("Task,Method,Sparsity,Seed,Test Acc (%),lr\n");
    for (seed, strategy) in [(0, "RigL"), (1, "RigL"), (0, "SET"), (1, "SET")] {
        other += &format!("mnist_10k,{strategy},90%,{seed}.0,9{seed}.5,0.1\n");
    }
    fs::write(sandbox.path("other-tool.csv"), other).expect("room");
    let help = sandbox.run("compare --help").well().stdout;
    let examples: Vec<&str> = help
        .lines()
        .filter_map(|line| line.trim().strip_prefix("harness "))
        .map(|line| line.split("   ").next().unwrap_or(line))
        .collect();
    assert_eq!(examples.len(), 7, "{help}");
    for example in examples {
        let said = sandbox.run(&example.replace('\'', ""));
        // The grid has two sets of parameters and two trainings, which another tool does not tell.
        let vague = said.stderr.contains("name one of '");
        assert!(
            said.code == Some(0) || example.contains("other-tool") && vague,
            "{example}: {said:#?}"
        );
    }
    let said =
        sandbox.run("compare runs:rigl[drop_fraction=0.3,training.epochs=1] other-tool.csv").well();
    assert!(
        said.stdout.contains("taken for one data set: mnist-10k against mnist_10k"),
        "{said:#?}"
    );
}
