//! What helps before the first grid: the doctor, manual pages, hints at typing mistakes.

use end_to_end::Sandbox;
use serde_json::Value;

#[test]
fn the_doctor_says_what_is_there_and_what_to_do() {
    let sandbox = Sandbox::new();
    let said = sandbox.run("doctor").well();
    for part in
        ["libtorch", "sparse kernels use", "runs is not there yet", "mnist-10k", "--data-dir DIR"]
    {
        assert!(said.stdout.contains(part), "{part}: {}", said.stdout);
    }
    assert!(!sandbox.path("runs").exists());
    let list: Value = serde_json::from_str(&sandbox.run("doctor --json").well().stdout).unwrap();
    assert!(list.as_array().unwrap().iter().all(|it| it["found"].is_string()), "{list}");
}

#[test]
fn manual_pages_are_written() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run("man pages").well();
    for name in ["harness.1", "harness-grid.1", "harness-store-publish.1"] {
        assert!(sandbox.path(&format!("pages/{name}")).is_file(), "{name}");
    }
}

#[test]
fn one_seed_that_looks_like_a_count_is_told() {
    let sandbox = Sandbox::new();
    let line = "grid --strategies dense --dry-run --seeds";
    let said = sandbox.run(&format!("{line} 6")).well().stderr;
    assert!(said.contains("seed 6 is the only one; 6 seeds are --seeds 0..6"), "{said}");
    let said = sandbox.run(&format!("{line} 0..6")).well().stderr;
    assert!(!said.contains("is the only one"), "{said}");
}

#[test]
fn a_folder_called_like_a_date_is_a_path() {
    let line =
        "grid --strategies dense --models bert-tiny --set bert-tiny.weights=2024-01-01 --dry-run";
    let said = Sandbox::new().run(line);
    assert!(said.stderr.contains("there is no file 2024-01-01"), "{}", said.stderr);
}
