//! `cargo xtask ci`: every check that a change must pass, cheapest first where that is possible.
//!
//! All steps use the release profile, because each profile compiles torch-sys anew.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Instant, SystemTime};

use crate::scratch::Scratch;
use crate::{Result, cannot, cargo, disk, libtorch, minilm, note, onnxruntime, tidy, torture};

type Step = (&'static str, fn(&Path) -> Result);

const STEPS: [Step; 8] = [
    ("set-up", set_up),
    ("format", format),
    ("tidy", tidy::run),
    ("clippy", clippy),
    ("test", test),
    ("documentation", documentation),
    ("main job", main_job),
    ("torture", torture),
];

/// What is left of a disk that is full for linkers, in bytes.
const FULL: u64 = 1 << 30;

/// Runs the steps in order, up to the first that fails.
///
/// # Errors
/// When a step fails: which, and why.
pub(crate) fn run(workspace: &Path) -> Result {
    let start = Instant::now();
    if let Ok(free) = disk::free_bytes(workspace) {
        note!("{:.1} GB are free on the disk", free as f64 / 1e9);
    }
    for (index, (title, step)) in STEPS.iter().enumerate() {
        note!("\n== {title} ({} of {})", index + 1, STEPS.len());
        let start = Instant::now();
        let outcome = step(workspace);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => note!("== {title}: passed in {seconds:.1} s"),
            Err(reason) => {
                let reason = format!("{title} failed after {seconds:.1} s: {reason}");
                // Linkers die of it in many ways, and seldom say so.
                return Err(match disk::free_bytes(workspace) {
                    Ok(free) if free < FULL => {
                        format!("{reason}; only {:.1} GB are left on the disk", free as f64 / 1e9)
                    }
                    _ => reason,
                });
            }
        }
    }
    note!("\n== all {} steps passed in {:.0} s", STEPS.len(), start.elapsed().as_secs_f64());
    Ok(())
}

fn set_up(workspace: &Path) -> Result {
    libtorch::ensure(workspace, &libtorch::Args::default())
}

fn format(workspace: &Path) -> Result {
    cargo::run(cargo::command(workspace).args(["fmt", "--all", "--check"]))
}

fn clippy(workspace: &Path) -> Result {
    cargo::run(
        cargo::command(workspace)
            .args(["clippy", "--release", "--workspace", "--all-targets"])
            .args(["--", "-D", "warnings"]),
    )
}

fn test(workspace: &Path) -> Result {
    // Without a network the test that reads them says that it was skipped.
    if let Err(reason) = minilm::ensure(workspace) {
        note!("no real weights: {reason}");
    }
    if let Err(reason) = onnxruntime::ensure(workspace) {
        note!("exported networks are computed by nobody else: {reason}");
    }
    match std::env::var("HARNESS_DATA") {
        Ok(folder) => note!("tests on real data read {folder}"),
        Err(_) => note!("HARNESS_DATA is not set: tests on real data are skipped"),
    }
    cargo::test(workspace, &[])
}

fn documentation(workspace: &Path) -> Result {
    cargo::run(
        cargo::command(workspace)
            .args(["doc", "--release", "--no-deps", "--workspace"])
            // RUSTDOCFLAGS would replace the flags of .cargo/config.toml; this is added to them.
            .args(["--config", "build.rustdocflags=[\"-Dwarnings\"]"]),
    )
}

/// The main job at a small size, twice: the second run must train nothing.
fn main_job(workspace: &Path) -> Result {
    let harness = cargo::build_harness(workspace)?;
    let scratch = Scratch::new()?;
    let store = scratch.join("runs");
    grid(workspace, &harness, &store)?;
    let first = results(&store)?;
    // Three strategies with two seeds.
    if first.len() != 6 {
        return Err(format!("the first run left {} results in its store, not 6", first.len()));
    }
    note!("\nagain, with everything done");
    grid(workspace, &harness, &store)?;
    if results(&store)? == first {
        Ok(())
    } else {
        Err("the second run changed results of the first: finished trials must not be trained again".to_owned())
    }
}

/// Grids under faults.
fn torture(workspace: &Path) -> Result {
    torture::run(workspace, &torture::Args::in_ci())
}

/// Starts the binary itself, which must find libtorch without help.
fn grid(workspace: &Path, harness: &Path, store: &Path) -> Result {
    let small = [
        "grid",
        "--strategies",
        "rigl,set,dense",
        "--sparsity",
        "0.9",
        "--epochs",
        "1",
        "--seeds",
        "0..2",
    ];
    let mut command = Command::new(harness);
    command.args(small).arg("--store").arg(store).current_dir(workspace);
    if harness.starts_with(workspace) {
        command.env_remove("LD_LIBRARY_PATH");
    }
    let status = command.status().map_err(|e| cannot("start", harness, &e))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`harness {}` ended with {status}", small.join(" ")))
    }
}

/// Every `result.json` of a store with the time it was written.
fn results(store: &Path) -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![store.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|e| cannot("read", &folder, &e))?;
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name() == Some(OsStr::new("result.json")) {
                let written = entry.metadata().and_then(|meta| meta.modified());
                found.insert(path.clone(), written.map_err(|e| cannot("read", &path, &e))?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_found_at_any_depth() {
        let scratch = Scratch::new().unwrap();
        for trial in ["a1", "b2/attempt-2"] {
            fs::create_dir_all(scratch.join(trial)).unwrap();
            fs::write(scratch.join(trial).join("result.json"), "{}").unwrap();
        }
        fs::write(scratch.join("a1/result.json.tmp"), "{}").unwrap();
        let found = results(scratch.path()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(results(scratch.path()).unwrap(), found);
        assert!(results(&scratch.join("missing")).is_err());
    }
}
