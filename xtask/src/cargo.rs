//! Cargo as a child process, in the environment that a plain `cargo` would have.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write, stderr};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Result, libtorch, note};

/// Where a binary finds libtorch by its rpath (see `.cargo/config.toml`).
const RPATHS: [&str; 2] = ["../../.libtorch/current/lib", "../../../.libtorch/current/lib"];

/// `cargo`, run in the workspace's root.
pub(crate) fn command(workspace: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace);
    // `cargo xtask` hands down the value of .cargo/config.toml as if the user had set it. To a
    // build script that looks like a change, and torch-sys would be compiled again.
    if std::env::var_os("LIBTORCH").is_some_and(|l| Path::new(&l) == libtorch::current(workspace)) {
        command.env_remove("LIBTORCH");
    }
    // Nor may it learn the name and version of this package, which ring's build script watches.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    // A relative one is meant from the caller's folder.
    if let Some(target) = std::env::var_os("CARGO_TARGET_DIR") {
        command.env("CARGO_TARGET_DIR", std::path::absolute(&target).unwrap_or(target.into()));
    }
    command
}

/// Runs a cargo command to its end.
///
/// # Errors
/// When it fails: a sentence with the command and its exit code.
pub(crate) fn run(command: &mut Command) -> Result {
    let name = || {
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        format!("cargo {}", arguments.join(" "))
    };
    let name = name();
    let status = command.status().map_err(|e| format!("{name} does not start: {e}"))?;
    match status.code() {
        Some(0) => Ok(()),
        Some(code) => Err(format!("`{name}` failed with exit code {code}")),
        None => Err(format!("`{name}` was stopped ({status})")),
    }
}

/// What `cargo metadata` says of the packages of `Cargo.lock`.
///
/// # Errors
/// When cargo fails: what it said.
pub(crate) fn metadata(workspace: &Path, arguments: &[&str]) -> Result<serde_json::Value> {
    let mut command = command(workspace);
    command.args(["metadata", "--format-version", "1", "--locked"]).args(arguments);
    let output = command.output().map_err(|e| format!("cargo metadata does not start: {e}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed: {}", said.trim()));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("what cargo metadata says cannot be read: {e}"))
}

/// Lets the next build compile `package` again in every profile.
pub(crate) fn forget(workspace: &Path, package: &str) {
    for profile in ["release", "dev"] {
        // Where nothing was built there is nothing to forget, and cargo's complaint means no more.
        let _ = command(workspace)
            .args(["clean", "--quiet", "--profile", profile, "--package", package])
            .stderr(Stdio::null())
            .status();
    }
}

/// `cargo test --release --workspace` with `arguments` after it.
///
/// # Errors
/// When libtorch cannot be had or a test fails.
pub(crate) fn test(workspace: &Path, arguments: &[OsString]) -> Result {
    libtorch::ensure(workspace, &libtorch::Args::default())?;
    let mut command = command(workspace);
    command.args(["test", "--release", "--workspace"]);
    // Without it the first failing crate hides all later ones.
    command.arg("--no-fail-fast").args(arguments);
    let outside = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
        .iter()
        .any(|variable| std::env::var_os(variable).is_some());
    if outside || flags_replaced() {
        add_loader_path(&mut command, workspace);
    }
    run(&mut command)?;
    note!("cargo xtask test: every test passed");
    Ok(())
}

/// Builds the harness and becomes it, so that signals, the terminal and the exit code are its own.
///
/// # Errors
/// When libtorch cannot be had or the build fails; otherwise this does not return.
pub(crate) fn harness(workspace: &Path, arguments: &[OsString]) -> Result {
    libtorch::ensure(workspace, &libtorch::Args::default())?;
    let binary = build_harness(workspace)?;
    let mut command = Command::new(&binary);
    command.args(arguments);
    if flags_replaced() || !has_rpath_to(&binary, &libtorch::current(workspace).join("lib")) {
        add_loader_path(&mut command, workspace);
    }
    let error = command.exec();
    Err(format!("cannot start {}: {error}", binary.display()))
}

/// Builds the harness and tells where it lies; silent when there is nothing to do.
///
/// # Errors
/// When the build fails.
pub(crate) fn build_harness(workspace: &Path) -> Result<PathBuf> {
    let mut command = command(workspace);
    command
        .args(["build", "--release", "--package", "harness", "--bin", "harness"])
        // The only dependable way to learn the path: target folders can be set in many places.
        .args(["--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let terminal = stderr().is_terminal();
    if terminal {
        // Its stderr is a pipe only so that the closing line can be left out.
        command.env("CARGO_TERM_COLOR", "always");
        command.env("CARGO_TERM_PROGRESS_WHEN", "always");
        command.env("CARGO_TERM_PROGRESS_WIDTH", "80");
    }
    let mut child = command.spawn().map_err(|e| format!("cargo does not start: {e}"))?;
    let said = child.stderr.take().expect("stderr is piped");
    let forward = std::thread::spawn(move || forward(said, &mut stderr(), terminal));
    let mut messages = String::new();
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let read = stdout.read_to_string(&mut messages);
    let _ = forward.join();
    let status = child.wait().and_then(|status| read.map(|_| status));
    match status {
        Ok(status) if status.success() => executable(&messages, "harness").ok_or_else(|| {
            "cargo built no binary `harness`: does crates/harness have one?".to_owned()
        }),
        Ok(_) => Err("the harness could not be built; cargo's reason stands above".to_owned()),
        Err(e) => Err(format!("cargo is lost: {e}")),
    }
}

/// The path of a binary in cargo's JSON messages, one a line.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let found = message["reason"] == "compiler-artifact" && message["target"]["name"] == name;
        let path = message["executable"].as_str()?;
        found.then(|| PathBuf::from(path))
    })
}

/// Copies cargo's stderr except its closing line «Finished …».
fn forward(mut from: impl Read, to: &mut impl Write, terminal: bool) {
    let mut line = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(n @ 1..) = from.read(&mut buffer) {
        for &byte in &buffer[..n] {
            line.push(byte);
            // The progress bar ends with a carriage return.
            if byte == b'\n' || byte == b'\r' {
                let closing = String::from_utf8_lossy(&line).contains("Finished");
                if closing && terminal {
                    // What the line would have overwritten is the progress bar.
                    let _ = to.write_all(b"\r\x1b[K");
                } else if !closing {
                    let _ = to.write_all(&line);
                }
                line.clear();
            }
        }
        let _ = to.flush();
    }
    let _ = to.write_all(&line).and_then(|()| to.flush());
}

/// Does one of the binary's rpaths lead to `libraries`?
fn has_rpath_to(binary: &Path, libraries: &Path) -> bool {
    let folder = binary.parent().unwrap_or(Path::new("."));
    RPATHS.iter().any(|rpath| match (folder.join(rpath).canonicalize(), libraries.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    })
}

/// These variables replace the flags of `.cargo/config.toml`, the rpath among them.
fn flags_replaced() -> bool {
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"]
        .iter()
        .any(|variable| std::env::var_os(variable).is_some())
}

fn add_loader_path(command: &mut Command, workspace: &Path) {
    let mut path = libtorch::current(workspace).join("lib").into_os_string();
    if let Some(more) = std::env::var_os("LD_LIBRARY_PATH").filter(|p| !p.is_empty()) {
        path.push(":");
        path.push(more);
    }
    command.env("LD_LIBRARY_PATH", path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;
    use std::fs;

    #[test]
    fn the_binary_is_found_in_cargos_messages() {
        let messages = r#"
{"reason":"compiler-artifact","target":{"name":"harness","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"tch"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"harness","kind":["bin"]},"executable":"/t/release/harness"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages, "harness"), Some("/t/release/harness".into()));
        assert_eq!(executable(messages, "other"), None);
    }

    #[test]
    fn only_the_closing_line_is_left_out() {
        let said = "   Compiling a v1\nwarning: x\n    Finished `release` profile in 0.1s\n";
        let mut heard = Vec::new();
        forward(said.as_bytes(), &mut heard, false);
        assert_eq!(String::from_utf8(heard).unwrap(), "   Compiling a v1\nwarning: x\n");

        let said = "\r    Building [=> ] 1/2: a\r\x1b[K\x1b[1m    Finished\x1b[0m `release`\n";
        let mut heard = Vec::new();
        forward(said.as_bytes(), &mut heard, true);
        let heard = String::from_utf8(heard).unwrap();
        assert_eq!(heard, "\r    Building [=> ] 1/2: a\r\r\x1b[K");
    }

    #[test]
    fn an_rpath_counts_when_it_leads_to_the_libraries() {
        let scratch = Scratch::new().unwrap();
        let libraries = scratch.join(".libtorch/current/lib");
        let deps = scratch.join("target/release/deps");
        fs::create_dir_all(&libraries).unwrap();
        fs::create_dir_all(&deps).unwrap();
        assert!(has_rpath_to(&scratch.join("target/release/harness"), &libraries));
        assert!(has_rpath_to(&deps.join("harness-1"), &libraries));
        assert!(!has_rpath_to(&scratch.join("harness"), &libraries));
    }
}
