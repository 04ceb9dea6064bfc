//! A method that cannot do what a grid asks of it costs the grid nothing else.

use std::fs;

use end_to_end::{Sandbox, TINY};
use serde_json::Value;

/// One of four connections can be kept, one of ten cannot: N:M refuses the second sparsity.
const GRID: &str = "grid --strategies nm,set,dense --sparsity 0.75,0.9";

#[test]
fn the_rest_of_the_grid_goes_on_and_the_report_says_what_was_refused() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&format!("{GRID} {TINY}"));
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let words = "refused, the others go on: nm at 0.9 on mnist-10k, mlp: nm: sparsity 0.9000 leaves \
                 0.40 of every 4 weights";
    assert_eq!(said.stderr.matches(words).count(), 1, "{}", said.stderr);
    assert!(said.stderr.contains("8 of 10 trials to train"), "{}", said.stderr);
    assert!(said.stderr.contains("2 of 10 trials were refused"), "{}", said.stderr);
    assert!(said.stdout.contains("8 finished, 2 did not (2 refused)"), "{}", said.stdout);
    let trials = fs::read_to_string(sandbox.path("runs/report/trials.csv")).unwrap();
    let refused: Vec<&str> = trials.lines().filter(|line| line.contains(",refused,")).collect();
    assert_eq!(refused.len(), 2, "{trials}");
    assert!(refused.iter().all(|line| line.contains("with groups of 4 there are")), "{trials}");

    // Nothing is trained again, and the refusal is said again.
    let results = sandbox.results();
    let again = sandbox.run(&format!("{GRID} {TINY}"));
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    assert_eq!(again.stderr.matches(words).count(), 1, "{}", again.stderr);
    assert_eq!(said.stdout, again.stdout);
    assert_eq!(results, sandbox.results());
}

#[test]
fn a_dry_run_shows_refusals_among_the_trials() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&format!("{GRID} {TINY} --dry-run --json")).well();
    let plan: Value = serde_json::from_str(&said.stdout).unwrap();
    let states = |state: &str| {
        let trials = plan["trials"].as_array().unwrap().iter();
        trials.filter(|trial| trial["state"] == state).count()
    };
    assert_eq!((states("refused"), states("to do")), (2, 8));
    let table = sandbox.run(&format!("{GRID} {TINY} --dry-run")).well();
    assert_eq!(table.stdout.matches("refused").count(), 2, "{}", table.stdout);
}

#[test]
fn a_grid_of_which_nothing_is_left_is_an_error() {
    let sandbox = Sandbox::new();
    let said =
        sandbox.run(&format!("grid --strategies nm --control nm --sparsity 0.9 {TINY}")).refused(2);
    assert!(said.contains("with groups of 4 there are 0, 0.25, 0.5, 0.75"), "{said}");
}
