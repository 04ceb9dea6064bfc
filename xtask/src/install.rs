//! `cargo xtask install`: a harness that no longer needs the clone.
//!
//! All of one installation lies in one folder, `DIR/lib/dst-harness/<number>`: `bin/harness`, and libtorch in `lib`,
//! which the binary finds by an rpath from its own folder (see `crates/harness/build.rs`). `DIR/bin/harness` is a
//! relative link to that binary. So a new installation is written and tried beside the present one, one rename
//! puts it in its place, and DIR can be moved. The installation before stays, because a grid may be running from it.
//!
//! Completions and manual pages are copied to where shells and `man` look below DIR.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::scratch::{Scratch, sweep};
use crate::{Result, cargo, disk, libtorch, licences, note};

mod extras;
mod program;

use program::Program;

/// Where the harness is installed, and how it gets its libtorch.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The folder that has or gets bin, lib and share [default: ~/.local]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Whether libtorch is copied, so that the clone can be deleted, or found where it is now
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    libtorch: Libraries,
}

/// How an installation has its libtorch.
#[derive(Clone, Copy, Default, PartialEq, clap::ValueEnum)]
enum Libraries {
    /// A copy of its own (450 MB; no more room on the file system of the clone)
    #[default]
    Copy,
    /// A link to the present folder, which has to stay
    Link,
}

/// Builds the harness and installs it.
///
/// # Errors
/// When it cannot be built, the folder cannot be written or is too full, what is called `harness` there is not
/// ours, or the installed program does not start. What was installed before is then as it was.
pub(crate) fn run(workspace: &Path, args: &Args) -> Result {
    let to = match &args.to {
        Some(to) => to.clone(),
        None => home().ok_or("HOME is not set: say where with --to DIR")?.join(".local"),
    };
    let to = std::path::absolute(&to).map_err(|e| failed("find", &to, &e))?;
    // Before minutes of building.
    let place = Place::new(&to)?;
    libtorch::ensure(workspace, &libtorch::Args::default())?;
    let binary = cargo::build_harness(workspace)?;
    let libraries = libtorch::current(workspace).join("lib");
    let libraries = libraries.canonicalize().map_err(|e| failed("find", &libraries, &e))?;
    let licences = licences::text(workspace)?;
    let program = place.install(&binary, &libraries, args.libtorch, &licences)?;
    note!("installed {}\n  as {}", program.first_line, place.link().display());
    if args.libtorch == Libraries::Link {
        note!("  It uses the libtorch in {}, which has to stay.", libraries.display());
    }
    extras::advise(&to);
    Ok(())
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// What went wrong, with what to do about it.
fn failed(action: &str, path: &Path, error: &io::Error) -> String {
    let what = crate::cannot(action, path, error);
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            format!("{what}: choose a folder that you may write with --to DIR")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            format!("{what}: free some space, or choose a folder elsewhere with --to DIR")
        }
        _ => what,
    }
}

/// DIR, which nobody else installs to.
struct Place {
    to: PathBuf,
    _lock: File,
}

impl Place {
    fn new(to: &Path) -> Result<Self> {
        let versions = to.join("lib/dst-harness");
        for folder in [&versions, &to.join("bin")] {
            fs::create_dir_all(folder).map_err(|e| failed("create", folder, &e))?;
        }
        let path = versions.join("lock");
        let lock = File::create(&path).map_err(|e| failed("write", &path, &e))?;
        if matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(format!("somebody else is installing to {}: wait for that", to.display()));
        }
        let place = Place { to: to.to_owned(), _lock: lock };
        place.refuse_others()?;
        sweep(&versions);
        sweep(&to.join("bin"));
        Ok(place)
    }

    fn versions(&self) -> PathBuf {
        self.to.join("lib/dst-harness")
    }

    /// What is put on PATH.
    fn link(&self) -> PathBuf {
        self.to.join("bin/harness")
    }

    /// # Errors
    /// When `bin/harness` is something else than the link of an installation.
    fn refuse_others(&self) -> Result {
        let link = self.link();
        let is_ours = match fs::symlink_metadata(&link) {
            Ok(_) => fs::read_link(&link).is_ok_and(|to| to.starts_with("../lib/dst-harness")),
            Err(_) => true,
        };
        match is_ours {
            true => Ok(()),
            false => Err(format!(
                "{} is there and was not installed by this command: remove it, or choose another \
                 folder with --to DIR",
                link.display()
            )),
        }
    }

    /// Numbers of the installations that are there, in order.
    fn numbers(&self) -> Vec<u32> {
        let entries = fs::read_dir(self.versions()).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Writes an installation, tries it, and puts it in the place of the present one.
    fn install(
        &self,
        binary: &Path,
        libraries: &Path,
        how: Libraries,
        licences: &str,
    ) -> Result<Program> {
        let versions = self.versions();
        enough_space(&versions, binary, libraries, how)?;
        let scratch = Scratch::within(&versions)?;
        let new = scratch.join("bin/harness");
        for folder in ["bin", "share"] {
            let folder = scratch.join(folder);
            fs::create_dir(&folder).map_err(|e| failed("create", &folder, &e))?;
        }
        fs::copy(binary, &new).map_err(|e| failed("write", &new, &e))?;
        match how {
            Libraries::Copy => copy_libraries(libraries, scratch.path())?,
            Libraries::Link => symlink(libraries, scratch.join("lib"))
                .map_err(|e| failed("make a link in", scratch.path(), &e))?,
        }
        // If it starts here, it will start where it goes: all its paths are relative.
        let program = Program::try_out(&new)?;
        let written = extras::write(&program, licences, &scratch.join("share"))?;

        let numbers = self.numbers();
        let number = numbers.last().map_or(1, |last| last + 1);
        let goal = versions.join(number.to_string());
        fs::rename(scratch.path(), &goal).map_err(|e| failed("rename to", &goal, &e))?;
        self.point_to(number)?;
        let former = numbers.iter().map(|n| versions.join(n.to_string()).join("share"));
        // The program is in its place, and works without them.
        if let Err(reason) =
            extras::publish(&goal.join("share"), &self.to.join("share"), &written, former)
        {
            note!("completions, manual pages or licences are not all installed: {reason}");
        }
        // Whoever installs twice a day has no grid from the day before yesterday.
        for old in numbers.iter().rev().skip(1) {
            let _ = fs::remove_dir_all(versions.join(old.to_string()));
        }
        Ok(program)
    }

    /// Makes `bin/harness` the binary of an installation.
    fn point_to(&self, number: u32) -> Result {
        let scratch = Scratch::within(&self.to.join("bin"))?;
        let new = scratch.join("harness");
        let link = self.link();
        symlink(format!("../lib/dst-harness/{number}/bin/harness"), &new)
            .and_then(|()| fs::rename(&new, &link))
            .map_err(|e| failed("make the link", &link, &e))
    }
}

/// Files of a folder that a program loads, without those that need Python.
fn loadable(libraries: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(libraries).map_err(|e| failed("read", libraries, &e))?;
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_library = name.contains(".so") || name.ends_with(".dylib");
        if is_library && !["libtorch_python", "libshm"].iter().any(|p| name.starts_with(p)) {
            found.push(path);
        }
    }
    Ok(found)
}

/// # Errors
/// When the file system has less room than the files need that must be copied.
fn enough_space(folder: &Path, binary: &Path, libraries: &Path, how: Libraries) -> Result {
    let facts = |path: &Path| fs::metadata(path).map_err(|e| failed("read", path, &e));
    // Pages and completions are small; links of the same file system need nothing.
    let mut needed = facts(binary)?.len() + 2_000_000;
    if how == Libraries::Copy {
        let all = loadable(libraries)?;
        // The system may refuse links within one file system, too, such as of files of other owners.
        let probe = folder.join(".link");
        let are_linked =
            all.first().and_then(|first| first.canonicalize().ok()).is_some_and(|first| {
                let linked = fs::hard_link(first, &probe).is_ok();
                let _ = fs::remove_file(&probe);
                linked
            });
        for library in all.iter().filter(|_| !are_linked) {
            needed += facts(library)?.len();
        }
    }
    match disk::free_bytes(folder) {
        Ok(free) if free < needed => Err(format!(
            "the installation needs {:.0} MB in {}, which has {:.0} MB: free some space, or choose a folder \
             elsewhere with --to DIR",
            needed as f64 / 1e6,
            folder.display(),
            free as f64 / 1e6
        )),
        _ => Ok(()),
    }
}

/// Fills `lib` in a folder with the libraries: by hard links, which need no room, and where those are not to be had by
/// copies. What fetches libtorch never writes into a file that is there, so a link is as good.
fn copy_libraries(libraries: &Path, folder: &Path) -> Result {
    if libraries.join("libtorch_cuda.so").exists() {
        return Err(format!(
            "the libtorch in {} is the one for NVIDIA's accelerators, whose libraries find one another by where they \
             are: install with --libtorch link, or go back with `cargo xtask libtorch --cpu`",
            libraries.display()
        ));
    }
    // Results name the version that one of these tells.
    for name in ["build-version", "version.py"] {
        let file = libraries.with_file_name(name);
        if file.exists() {
            fs::copy(&file, folder.join(name)).map_err(|e| failed("write to", folder, &e))?;
        }
    }
    let goal = folder.join("lib");
    fs::create_dir(&goal).map_err(|e| failed("create", &goal, &e))?;
    for library in loadable(libraries)? {
        let file = library.canonicalize().map_err(|e| failed("find", &library, &e))?;
        let copy = goal.join(library.file_name().unwrap_or_default());
        if fs::hard_link(&file, &copy).is_err() {
            fs::copy(&file, &copy).map_err(|e| failed("write", &copy, &e))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
