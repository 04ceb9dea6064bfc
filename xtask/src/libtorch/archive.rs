//! libtorch from PyTorch's own archive, for machines without pip.

use std::path::Path;
use std::process::Command;

use super::progress::Progress;
use super::{VERSION, child, version, wheel};
use crate::scratch::Scratch;
use crate::{Result, note};

/// PyTorch publishes neither a digest nor a signature beside it: what guards the archive are
/// TLS, the checksum of each member and the version inside.
const ADDRESS: &str =
    "https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip";

/// Fills `libtorch` with the shared libraries and headers of the archive.
///
/// # Errors
/// A clause: no download tool, what it said, or a damaged archive.
pub(super) fn cpu(scratch: &Scratch, libtorch: &Path) -> Result {
    let folder = scratch.join("archive");
    std::fs::create_dir_all(&folder).map_err(|e| crate::cannot("create", &folder, &e))?;
    let file = folder.join("libtorch.zip");
    let (tool, mut command) = download(&file)?;
    let progress = Progress::new(&format!("downloading libtorch {VERSION}"), length());
    child::watch(tool, &mut command, &folder, progress)?;
    note!("unpacking libtorch {VERSION}");
    unpack(&file, libtorch)
}

/// The command that fetches the archive into `file`.
fn download(file: &Path) -> Result<(&'static str, Command)> {
    let starts = |tool: &str| Command::new(tool).arg("--version").output().is_ok();
    if starts("curl") {
        let mut command = Command::new("curl");
        command.args(["--fail", "--location", "--silent", "--show-error"]);
        command.args(["--retry", "3", "--output"]).arg(file).arg(ADDRESS);
        Ok(("curl", command))
    } else if starts("wget") {
        let mut command = Command::new("wget");
        command.args(["--no-verbose", "--tries=3", "-O"]).arg(file).arg(ADDRESS);
        Ok(("wget", command))
    } else {
        Err("there is neither curl nor wget".to_owned())
    }
}

/// How long the archive is, where curl can ask.
fn length() -> Option<u64> {
    let head = ["--fail", "--location", "--silent", "--head", ADDRESS];
    let output = Command::new("curl").args(head).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    // A redirection has a header of its own: the last one counts.
    let value = text.lines().rev().find_map(|line| line.strip_prefix("content-length:"))?;
    value.trim().parse().ok()
}

fn unpack(file: &Path, libtorch: &Path) -> Result {
    wheel::unpack(file, libtorch, |member| {
        let member = member.strip_prefix("libtorch/")?;
        let wanted = member.starts_with("lib/") && member.contains(".so")
            || member.starts_with("include/")
            || member == "build-version";
        wanted.then(|| member.to_owned())
    })?;
    version::check(libtorch).map_err(|reason| format!("in PyTorch's archive {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBERS: [(&str, &str); 6] = [
        ("libtorch/build-version", "2.13.0+cpu\n"),
        ("libtorch/lib/libtorch_cpu.so", ""),
        ("libtorch/lib/libc10.so", ""),
        ("libtorch/lib/libprotobuf.a", ""),
        ("libtorch/include/torch/script.h", ""),
        ("libtorch/share/cmake/Torch/TorchConfig.cmake", ""),
    ];

    #[test]
    fn the_archive_is_trimmed_and_checked() {
        let scratch = Scratch::new().unwrap();
        let file = scratch.join("libtorch.zip");
        wheel::tests::zip_of(&file, &MEMBERS);
        let out = scratch.join("out");
        unpack(&file, &out).unwrap();
        assert!(out.join("include/torch/script.h").exists());
        assert!(!out.join("lib/libprotobuf.a").exists());
        assert!(!out.join("share").exists());

        wheel::tests::zip_of(&file, &MEMBERS[1..]);
        let told = unpack(&file, &scratch.join("other")).unwrap_err();
        assert_eq!(told, "in PyTorch's archive no file tells the version");
    }
}
