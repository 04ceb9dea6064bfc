//! A result belongs to the code, the data and the weights that made it.

use std::fs;
use std::path::PathBuf;

use dst_data::file::sha256_of_file;
use end_to_end::{Sandbox, TINY};
use serde_json::{Value, json};

fn grid(extra: &str) -> String {
    format!("grid --strategies rigl,set,dense {TINY} {extra}")
}

fn read(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Ids of the trials of a strategy.
fn trials(sandbox: &Sandbox, strategy: &str) -> Vec<String> {
    let ids = sandbox.results().into_keys();
    let strategy_of =
        |id: &String| read(sandbox.path("runs").join(id).join("spec.json"))["strategy"].clone();
    ids.filter(|id| strategy_of(id)["name"] == strategy).collect()
}

fn result(sandbox: &Sandbox, id: &str) -> Value {
    read(sandbox.path("runs").join(id).join("result.json"))
}

/// Makes the results of a strategy those of something else.
fn forge(sandbox: &Sandbox, strategy: &str, change: impl Fn(&mut Value)) {
    for id in trials(sandbox, strategy) {
        let mut forged = result(sandbox, &id);
        change(&mut forged["provenance"]);
        // With its digest, the change itself would be found.
        forged.as_object_mut().unwrap().remove("digest");
        let path = sandbox.path("runs").join(&id).join("result.json");
        fs::write(path, forged.to_string()).unwrap();
    }
}

fn of_other_code(provenance: &mut Value) {
    let known = provenance["code"]["strategy-rigl"].as_str().unwrap();
    assert_eq!(known.len(), 64);
    provenance["code"]["strategy-rigl"] = "0".repeat(64).into();
}

#[test]
fn results_of_other_code_are_trained_again_unless_that_is_accepted() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&grid("--quiet")).well();
    let ids = trials(&sandbox, "rigl");
    let first = result(&sandbox, &ids[0]);
    let code = first["provenance"]["code"].as_object().unwrap();
    let crates: Vec<&String> = code.keys().collect();
    assert_eq!(crates, ["dataset-mnist", "dst-models", "strategy-rigl"]);
    assert!(first["provenance"]["numerics"].as_u64() >= Some(1));
    forge(&sandbox, "rigl", of_other_code);
    let forged = sandbox.results();

    let changed = "2 of 6 results were made by other code (strategy-rigl changed): ";
    let again = format!("{changed}trained again; --accept-code keeps them");
    let said = sandbox.run(&grid("--dry-run --json")).well();
    assert!(said.stderr.contains(&again), "{}", said.stderr);
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(list["to_do"], 2);
    let listed = list["trials"].as_array().unwrap();
    let states = listed.iter().map(|trial| (&trial["spec"]["strategy"]["name"], &trial["state"]));
    for (strategy, state) in states {
        assert_eq!(state, if strategy == "rigl" { "other code" } else { "finished" }, "{strategy}");
    }
    let status = sandbox.run("status").well().stdout;
    let words = status.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("2 results are of other code (strategy-rigl changed)"), "{status}");

    let said = sandbox.run(&grid("--accept-code")).well();
    for part in [&format!("{changed}kept, with --accept-code"), "all 6 trials are done"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    let table = fs::read_to_string(sandbox.path("runs/report/trials.csv")).unwrap();
    assert_eq!(table.matches("strategy-rigl=00000000").count(), 2, "{table}");
    assert_eq!(sandbox.results(), forged, "nothing was touched so far");

    let said = sandbox.run(&grid("")).well();
    for part in [&again, "2 of 6 trials to train"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    let after = sandbox.results();
    for (id, bytes) in &forged {
        let aside = sandbox.path("runs").join(id).join("result.json.other-code-1");
        if ids.contains(id) {
            assert_eq!(fs::read(aside).unwrap(), *bytes, "the old result is kept beside");
        } else {
            assert!(!aside.exists() && after[id] == *bytes, "{id} was touched");
        }
    }
    let second = result(&sandbox, &ids[0]);
    assert_eq!(second["provenance"]["code"], first["provenance"]["code"]);
    assert_eq!(second["outcome"]["test"], first["outcome"]["test"]);
    let said = sandbox.run(&grid("")).well();
    assert!(said.stderr.contains("all 6 trials are done"), "{}", said.stderr);
    assert!(!said.stderr.contains("other code"), "{}", said.stderr);
}

#[test]
fn a_trial_of_other_code_runs_again_alone_too() {
    let sandbox = Sandbox::new();
    let line = "--strategy rigl --model mlp --set mlp.hidden=[16] --epochs 1 --seed 1";
    let _ = sandbox.run(&format!("run {line}")).well();
    forge(&sandbox, "rigl", of_other_code);
    let id = &trials(&sandbox, "rigl")[0];
    for line in [format!("run {line} --accept-code"), format!("run --trial {id} --accept-code")] {
        let said = sandbox.run(&line).well();
        assert!(said.stderr.contains("nothing is trained"), "{}", said.stderr);
    }
    let said = sandbox.run(&format!("run --trial {id}")).well();
    assert!(said.stderr.contains("1 of 1 results were made by other code"), "{}", said.stderr);
    assert!(!said.stderr.contains("nothing is trained"), "{}", said.stderr);
    let said = sandbox.run(&format!("run {line}")).well();
    assert!(said.stderr.contains("nothing is trained"), "{}", said.stderr);
}

#[test]
fn results_from_before_code_was_recorded_are_of_unknown_code() {
    let sandbox = Sandbox::new();
    let line = format!("grid --strategies dense {TINY} --no-report");
    let _ = sandbox.run(&line).well();
    forge(&sandbox, "dense", |provenance| {
        for key in ["code", "commit", "numerics"] {
            provenance.as_object_mut().unwrap().remove(key);
        }
    });
    let said = sandbox.run(&format!("{line} --accept-code")).well();
    assert!(said.stderr.contains("all 2 trials are done"), "{}", said.stderr);
    let said = sandbox.run(&line).well();
    let expected = "2 of 2 results were made by other code (unknown: it was not recorded): trained";
    assert!(said.stderr.contains(expected), "{}", said.stderr);
    assert!(said.stderr.contains("2 of 2 trials to train"), "{}", said.stderr);
}

/// Whoever accepts other code does not accept other data.
#[test]
fn results_of_other_data_or_weights_are_trained_again() {
    let sandbox = Sandbox::new();
    let line = grid("--no-report --accept-code");
    let _ = sandbox.run(&line).well();
    forge(&sandbox, "set", |provenance| provenance["data_digest"] = json!("feed"));
    forge(&sandbox, "dense", |provenance| provenance["weights_digest"] = json!("feed"));
    let said = sandbox.run(&format!("{line} --dry-run")).well();
    for part in ["other data", "other weights", "6 trials, 4 to train"] {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    let said = sandbox.run(&line).well();
    for part in [
        "2 of 6 results were made from other data (mnist-10k): trained again\n",
        "2 of 6 results started from other weights (mlp): trained again\n",
        "4 of 6 trials to train",
    ] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    for (strategy, aside) in [("set", "other-data-1"), ("dense", "other-weights-1")] {
        let id = &trials(&sandbox, strategy)[0];
        let aside = sandbox.path("runs").join(id).join(format!("result.json.{aside}"));
        assert!(aside.is_file(), "{strategy}");
    }
    let said = sandbox.run(&line).well();
    assert!(said.stderr.contains("all 6 trials are done"), "{}", said.stderr);
}

/// Nobody registers the sources of what lies in a `main.rs`.
#[test]
fn plug_ins_of_somebody_elses_binary_stand_for_all_of_it() {
    let program = env!("CARGO_BIN_EXE_harness-with-faults");
    let sandbox = Sandbox::of(program);
    let line = "grid --strategies test-aborts,test-fails --models mlp --set mlp.hidden=[16] \
                --epochs 1 --seeds 0 --no-report";
    assert_eq!(sandbox.run(line).code, Some(1));
    let digest = sha256_of_file(program.as_ref()).unwrap();
    // One of them took its process with it, and the other wrote its own result.
    for strategy in ["test-aborts", "test-fails"] {
        let result = result(&sandbox, &trials(&sandbox, strategy)[0]);
        let code = &result["provenance"]["code"];
        assert_eq!(code["harness_with_faults"], *digest, "{strategy}: {result:#}");
        assert_eq!(code["dst-models"].as_str().map(str::len), Some(64));
    }
    let again = sandbox.run(line);
    assert!(again.stderr.contains("all 2 trials are done"), "{}", again.stderr);
}
