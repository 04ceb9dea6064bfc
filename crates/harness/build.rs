//! Links every plug-in that `Cargo.toml` lists, with the digest of its sources, asks git for the
//! commit, and tells installed binaries where libtorch lies.

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// What names of plug-in crates begin with that take part in trainings.
const TRAINED: [&str; 4] = ["dst-models", "model-", "strategy-", "dataset-"];

/// And of those that only look at results.
const OTHERS: [&str; 1] = ["report-"];

/// Folders of crates, and files, of which the program is made, from the top of the repository.
const TREE: [&str; 7] =
    ["Cargo.lock", "Cargo.toml", "crates", "datasets", "models", "reports", "strategies"];

/// Versions 3.x of Python for which there is a torch of the version that tch needs.
const PYTHON_MINORS: std::ops::RangeInclusive<u8> = 10..=14;

fn main() -> io::Result<()> {
    dst_sources::write_plugins(&TRAINED, &OTHERS)?;
    println!("cargo::rustc-env=HARNESS_COMMIT={}", commit().unwrap_or_default());
    write_loader_paths();
    Ok(())
}

/// Where binaries that left the clone look for libtorch. The paths inside the clone are in `.cargo/config.toml`;
/// these are no flags of every crate, so that changing one compiles nothing again.
fn write_loader_paths() {
    let origin = match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => "$ORIGIN",
        Ok("macos") => "@executable_path",
        _ => return,
    };
    let write = |binary: &str, path: &str| {
        println!("cargo::rustc-link-arg-bin={binary}=-Wl,-rpath,{origin}/{path}");
    };
    // The folders of `cargo xtask install`.
    write("harness", "../lib");
    if env::var_os("CARGO_FEATURE_WHEEL").is_some() {
        // The program that Python installs starts this one with a loader path. These are for those who start it
        // without, such as the nodes of a cluster.
        for minor in PYTHON_MINORS {
            write("harness-native", &format!("../lib/python3.{minor}/site-packages/torch/lib"));
        }
    }
}

/// The commit, `-dirty` if the tree differs from it; none outside git.
fn commit() -> Option<String> {
    // A copy that lies in somebody else's repository is no commit of that.
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    watch_head();
    let tree = TREE.map(|path| format!(":/{path}"));
    let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(tree.iter().map(String::as_str));
    watch_sources();
    let differs = git(&status).is_none_or(|changes| !changes.is_empty());
    Some(if differs { format!("{head}-dirty") } else { head })
}

/// Asks anew when another commit is checked out or made.
fn watch_head() {
    let branch = git(&["symbolic-ref", "--quiet", "HEAD"]);
    let watch = |name: &str| {
        let file = git(&["rev-parse", "--git-path", name]).filter(|file| Path::new(file).exists());
        if let Some(file) = &file {
            println!("cargo::rerun-if-changed={file}");
        }
        file.is_some()
    };
    watch("HEAD");
    // A branch has a file of its own unless it was packed; then the log tells of the next commit.
    if branch.is_some_and(|branch| !watch(&branch)) {
        watch("packed-refs");
        watch("logs/HEAD");
    }
}

/// Asks anew when a source changes: the tree may differ from the commit now. Tests and documents
/// are left out, or each of their changes would build the harness again.
fn watch_sources() {
    let top = Path::new("../..");
    for path in TREE.map(|name| top.join(name)) {
        let crates = fs::read_dir(&path).into_iter().flatten().flatten();
        let sources = crates.map(|entry| entry.path().join("src"));
        let files = Some(path.clone()).filter(|path| path.is_file());
        for watched in sources.filter(|path| path.is_dir()).chain(files) {
            println!("cargo::rerun-if-changed={}", watched.display());
        }
    }
}

/// What git says, in the folder of this crate.
fn git(arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    git.args(arguments).env("GIT_OPTIONAL_LOCKS", "0");
    // A hook of git's that builds has these set, for another folder.
    for (name, _) in env::vars_os() {
        if ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"].iter().any(|n| name == *n) {
            git.env_remove(name);
        }
    }
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
