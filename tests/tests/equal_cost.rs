//! Grids in which sparsities or epochs are chosen for their cost.

use std::collections::BTreeMap;

use end_to_end::Sandbox;
use serde_json::Value;

const GRID: &str = "grid --strategies rigl,gmp,nm,dense --models small-cnn --datasets mnist-10k \
                    --seeds 0..2 --epochs 1 --set nm.group=5 --set *.interval=20";

/// Trials of a dry run, by strategy; all seeds have the same.
fn planned(sandbox: &Sandbox, line: &str) -> BTreeMap<String, Value> {
    let said = sandbox.run(&format!("{GRID} {line} --dry-run --json")).well();
    let plan: Value = serde_json::from_str(&said.stdout).unwrap();
    let mut trials: BTreeMap<String, Value> = BTreeMap::new();
    for trial in plan["trials"].as_array().unwrap() {
        let name = trial["spec"]["strategy"]["name"].as_str().unwrap().to_owned();
        let first = trials.entry(name).or_insert_with(|| trial.clone());
        for key in ["sparsity", "training"] {
            assert_eq!(first["spec"][key], trial["spec"][key], "another seed");
        }
    }
    trials
}

#[test]
fn every_network_gets_the_sparsity_that_needs_its_share() {
    let sandbox = Sandbox::new();
    let trials = planned(&sandbox, "--inference-flops 20%");
    let dense = trials["dense"]["inference_flops"].as_f64().unwrap();
    // Groups of five reach only fifths, and layers that they do not divide end near them.
    for (name, off) in [("rigl", 0.0005), ("gmp", 0.0005), ("nm", 0.005)] {
        let share = trials[name]["inference_flops"].as_f64().unwrap() / dense;
        assert!((share - 0.2).abs() < off, "{name}: {share}");
    }
    let sparsity = |name: &str| trials[name]["spec"]["sparsity"].as_f64().unwrap();
    // Equally sparse layers cost their density; ERK shares connections otherwise, so that another
    // sparsity costs as much.
    assert_eq!((sparsity("nm"), sparsity("dense")), (0.8, 0.0));
    assert!((sparsity("gmp") - 0.8).abs() < 0.0003, "{}", sparsity("gmp"));
    assert!((sparsity("rigl") - 0.8).abs() > 0.05, "{}", sparsity("rigl"));
}

#[test]
fn a_page_says_what_was_equal_and_what_was_measured() {
    let sandbox = Sandbox::new();
    let line = GRID.replace("small-cnn", "mlp --set mlp.hidden=[16]");
    let said = sandbox.run(&format!("{line} --sparsity 0.8 --training-flops 100%"));
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stderr.contains("rigl on mnist-10k, mlp: "), "{}", said.stderr);
    let words: Vec<&str> = said.stdout.split_whitespace().collect();
    let page = words.join(" ");
    for expected in [
        "against dense epochs=1 at 100 % of the dense network's training FLOPs:",
        "Equal training FLOPs: the number of epochs of every strategy was chosen before training so that \
         it needs 100 % of the dense network's training FLOPs, as nearly as whole epochs allow; trials \
         measured",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(page.contains("rigl epochs=5"), "{page}");
    let results: Vec<Value> =
        sandbox.results().values().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect();
    assert_eq!(results.len(), 4 * 2);
    // The same page from the store, and nothing is trained again.
    assert_eq!(sandbox.run("report").well().stdout, said.stdout);
    let again = sandbox.run(&format!("{line} --sparsity 0.8 --training-flops 100%")).well();
    assert!(again.stderr.contains("all 8 trials are done"), "{}", again.stderr);
    assert_eq!(again.stdout, said.stdout);
}

#[test]
fn a_cost_that_cannot_be_had_is_refused_alone() {
    let sandbox = Sandbox::new();
    // Groups of five reach no tenth.
    let trials = planned(&sandbox, "--inference-flops 10%");
    assert_eq!(
        (&trials["nm"]["state"], &trials["rigl"]["state"]),
        (&"refused".into(), &"to do".into())
    );
    // A twentieth of one epoch is none.
    let said = sandbox.run(&format!("{GRID} --sparsity 0.2 --training-flops 5% --dry-run")).well();
    let words =
        "refused, the others go on: rigl on mnist-10k, small-cnn: no number of epochs takes 5 %";
    assert!(said.stderr.contains(words), "{}", said.stderr);
    let run = sandbox.run("run --strategy rigl --grid equal-training-flops").refused(2);
    assert!(run.contains("chooses sparsity or epochs for their cost"), "{run}");
}
