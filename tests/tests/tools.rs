//! What helps before the first grid: the doctor, manual pages, hints at typing mistakes.

use std::fs;
use std::process::Command;

use end_to_end::{Sandbox, said};
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
fn the_version_says_what_is_at_work() {
    let sandbox = Sandbox::new();
    let said = sandbox.run("--version").well().stdout;
    let lines: Vec<&str> = said.lines().collect();
    let [harness, libtorch, processor] = lines[..] else { panic!("{said}") };
    let (name, commit) = harness.split_once(" (").expect(harness);
    assert_eq!(name, concat!("harness ", env!("CARGO_PKG_VERSION")));
    assert!(commit.starts_with("commit ") || commit == "outside git)", "{commit}");
    assert!(libtorch.starts_with("libtorch 2.") && libtorch.contains(" of /"), "{libtorch}");
    assert!(processor.starts_with("processor with "), "{processor}");
    assert!(processor.contains("; sparse kernels use "), "{processor}");
    // The short one is for scripts.
    let short = sandbox.run("-V").well().stdout;
    assert_eq!(short, concat!("harness ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn bash_completes_both_spellings_and_leaves_cargo_to_itself() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("script"), sandbox.run("completions bash").well().stdout).unwrap();
    let complete = |function: &str, line: &str| {
        let words = line.split(' ').map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let last = line.split(' ').count() - 1;
        let (program, word) =
            (line.split(' ').next().unwrap(), line.split(' ').next_back().unwrap());
        let script = format!(
            "_of_cargo() {{ COMPREPLY=(\"cargo was asked for $2\"); }}\n\
             complete -F _of_cargo cargo\nsource ./script\nsource ./script\n\
             COMP_WORDS=({words}); COMP_CWORD={last}\n\
             {function} '{program}' '{word}' ''\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &script]).current_dir(sandbox.path("."));
        said(&mut bash).well().stdout
    };
    assert_eq!(complete("_harness", "harness new-s"), "new-strategy\n");
    assert_eq!(complete("_harness_of_cargo", "cargo harness new-s"), "new-strategy\n");
    assert_eq!(complete("_harness_of_cargo", "cargo harness store g"), "gc\n");
    assert_eq!(complete("_harness_of_cargo", "cargo bui"), "cargo was asked for bui\n");
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
