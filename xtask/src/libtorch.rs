//! `cargo xtask libtorch`: the libtorch that tch is built against and that binaries load.
//!
//! The workspace knows libtorch by one path, `.libtorch/current`, a link. `.cargo/config.toml`
//! gives it to the build (`LIBTORCH`) and to the loader (an rpath relative to the binary). A
//! `RUSTFLAGS` variable replaces the flags of that file, rpath included; `cargo xtask test`
//! and `cargo harness` then set `LD_LIBRARY_PATH`, other commands need it from the caller.
//!
//! The link leads to the first of
//! 1. the torch package of Python, with `LIBTORCH_USE_PYTORCH` set,
//! 2. the folder that `LIBTORCH` names,
//! 3. where it leads already,
//! 4. `.libtorch/2.13.0-cpu`, filled from PyPI's wheels ([`wheel`]) or, without pip, from
//!    PyTorch's own archive ([`archive`]).
//!
//! A fetch works in a scratch folder beside its goal and ends with a rename, under a lock, so
//! it can be interrupted anywhere and started twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::scratch::{Scratch, sweep};
use crate::{Result, cannot, cargo, disk, note};

mod archive;
mod child;
mod lock;
mod progress;
mod version;
mod wheel;

#[cfg(test)]
pub(crate) use wheel::tests::zip_of;
pub(crate) use wheel::{pip, unpack};

/// The version that tch 0.26 is written for.
const VERSION: &str = "2.13.0";

/// What somebody without a way to fetch libtorch can do.
const BY_HAND: &str = "set LIBTORCH to the folder of a libtorch 2.13.0 of your own, or \
                       LIBTORCH_USE_PYTORCH=1 to use that of Python's torch 2.13.0";

/// Which libtorch the workspace shall use.
#[derive(clap::Args, Default)]
pub(crate) struct Args {
    /// Install torch with NVIDIA's libraries through pip and use it (3.6 GB on disk).
    #[arg(long)]
    cuda: bool,
    /// Go back to the CPU build after --cuda or LIBTORCH.
    #[arg(long, conflicts_with = "cuda")]
    cpu: bool,
    /// Fetch anew what is there already.
    #[arg(long)]
    force: bool,
}

/// The builds that this task can fetch.
#[derive(Clone, Copy, PartialEq)]
enum Build {
    Cpu,
    Cuda,
}

impl Build {
    /// The folder under `.libtorch` that is filled and renamed as a whole.
    fn folder(self) -> &'static str {
        match self {
            Build::Cpu => "2.13.0-cpu",
            Build::Cuda => "2.13.0-cuda",
        }
    }

    /// Where `lib` and `include` lie, from `.libtorch`.
    fn libtorch(self) -> &'static str {
        match self {
            Build::Cpu => "2.13.0-cpu",
            Build::Cuda => "2.13.0-cuda/torch",
        }
    }

    /// Free bytes that a fetch needs at its peak: downloads, pip's copies and the result.
    fn bytes_needed(self) -> u64 {
        match self {
            Build::Cpu => 1_200_000_000,
            Build::Cuda => 6_500_000_000,
        }
    }
}

/// `.libtorch` of a workspace.
struct Home {
    workspace: PathBuf,
    root: PathBuf,
}

impl Home {
    fn new(workspace: &Path) -> Self {
        Home { workspace: workspace.to_path_buf(), root: workspace.join(".libtorch") }
    }

    fn current(&self) -> PathBuf {
        current(&self.workspace)
    }
}

/// The link by which the workspace knows libtorch.
pub(crate) fn current(workspace: &Path) -> PathBuf {
    workspace.join(".libtorch/current")
}

/// Sees to it that `.libtorch/current` is a usable libtorch; silent when it is one already.
///
/// # Errors
/// When the given libtorch is of another version or incomplete, or none can be fetched.
pub(crate) fn ensure(workspace: &Path, args: &Args) -> Result {
    let home = Home::new(workspace);
    if let Some(given) = given(&home.workspace)? {
        if args.cuda || args.cpu || args.force {
            return Err(format!(
                "LIBTORCH or LIBTORCH_USE_PYTORCH names {}: unset it to have another libtorch fetched",
                given.display()
            ));
        }
        if leads_to(&home.current(), &given) {
            return Ok(());
        }
        let _lock = lock::hold(&home.root)?;
        return link(&home, &given);
    }
    let wanted = match (args.cuda, args.cpu) {
        (true, _) => Some(Build::Cuda),
        (_, true) => Some(Build::Cpu),
        _ => None,
    };
    if !args.force && in_use(&home, wanted) {
        return Ok(());
    }
    let _lock = lock::hold(&home.root)?;
    sweep(&home.root);
    // Another run may have done the work while this one waited.
    if !args.force && in_use(&home, wanted) {
        return Ok(());
    }
    let build = wanted.unwrap_or(Build::Cpu);
    let libtorch = home.root.join(build.libtorch());
    if args.force || version::check(&libtorch).is_err() {
        fetch(&home, build)?;
    }
    link(&home, &libtorch)
}

/// Is it a link to that folder, or the same place by another way? Such a link must not be replaced: it
/// would lead to itself where `.libtorch` is a link of its own.
fn leads_to(link: &Path, folder: &Path) -> bool {
    let place = |path: &Path| fs::canonicalize(path).ok();
    fs::read_link(link).is_ok_and(|to| to == folder)
        || place(link).is_some_and(|to| place(folder) == Some(to))
}

/// Does the link lead to a good libtorch, and to the wanted build if one is wanted?
fn in_use(home: &Home, wanted: Option<Build>) -> bool {
    let current = home.current();
    let right = wanted.is_none_or(|build| {
        fs::read_link(&current).is_ok_and(|to| to == Path::new(build.libtorch()))
    });
    right && version::check(&current).is_ok()
}

/// The libtorch that the environment names, checked.
fn given(workspace: &Path) -> Result<Option<PathBuf>> {
    let (variable, folder) = if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        ("LIBTORCH_USE_PYTORCH", version::python_package()?)
    } else {
        match std::env::var_os("LIBTORCH") {
            // .cargo/config.toml sets it for this process too.
            Some(folder) if Path::new(&folder) != current(workspace) => {
                ("LIBTORCH", PathBuf::from(folder))
            }
            _ => return Ok(None),
        }
    };
    if !folder.is_absolute() {
        return Err(format!(
            "{variable} is {}: give the absolute path, because build scripts run in other folders",
            folder.display()
        ));
    }
    match version::check(&folder) {
        Ok(()) => Ok(Some(folder)),
        Err(reason) => Err(format!(
            "{variable} names {}, where {reason}: unset {variable} to have libtorch {VERSION} \
             fetched, or name one of that version",
            folder.display()
        )),
    }
}

/// Points `.libtorch/current` to `libtorch`.
fn link(home: &Home, libtorch: &Path) -> Result {
    // A relative link moves with the workspace.
    let goal = libtorch.strip_prefix(&home.root).unwrap_or(libtorch);
    let current = home.current();
    if fs::read_link(&current).is_ok_and(|to| to == goal) {
        return Ok(());
    }
    let cuda = |libtorch: &Path| libtorch.join("lib/libtorch_cuda.so").exists();
    let had_cuda = cuda(&current);
    let scratch = Scratch::within(&home.root)?;
    let new = scratch.join("current");
    symlink(goal, &new)
        .and_then(|()| fs::rename(&new, &current))
        .map_err(|e| format!("cannot make the link {}: {e}", current.display()))?;
    note!("libtorch {VERSION}: {}", libtorch.display());
    if had_cuda && !cuda(libtorch) {
        // torch-sys has told the linker of a library that is gone now, and cargo sees no change:
        // LIBTORCH is the same path. The other way round nothing needs to be compiled again.
        cargo::forget(&home.workspace, "torch-sys");
    }
    Ok(())
}

fn fetch(home: &Home, build: Build) -> Result {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(format!(
            "libtorch {VERSION} can be fetched for Linux on x86-64 only: {BY_HAND}"
        ));
    }
    enough_space(&home.root, build.bytes_needed())?;
    let scratch = Scratch::within(&home.root)?;
    let filled = scratch.join(build.folder());
    match build {
        Build::Cuda => wheel::cuda(&scratch, &filled)
            .map_err(|pip| format!("{pip}: mend that and repeat the command, or {BY_HAND}"))?,
        Build::Cpu => {
            if let Err(pip) = wheel::cpu(&scratch, &filled) {
                note!("no libtorch through pip; trying PyTorch's own archive");
                archive::cpu(&scratch, &filled).map_err(|archive| {
                    format!("{pip}; {archive}: mend either and repeat the command, or {BY_HAND}")
                })?;
            }
        }
    }
    let goal = home.root.join(build.folder());
    if goal.exists() {
        fs::rename(&goal, scratch.join("old")).map_err(|e| cannot("move away", &goal, &e))?;
    }
    fs::rename(&filled, &goal).map_err(|e| cannot("rename to", &goal, &e))
}

/// # Errors
/// When the file system of `folder` has less than `needed` bytes for this user.
fn enough_space(folder: &Path, needed: u64) -> Result {
    let free =
        disk::free_bytes(folder).map_err(|e| cannot("look at the free space of", folder, &e))?;
    if free >= needed {
        return Ok(());
    }
    Err(format!(
        "libtorch needs {:.1} GB while it is unpacked in {}, which has {:.1} GB: free some space, or {BY_HAND}",
        needed as f64 / 1e9,
        folder.display(),
        free as f64 / 1e9
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace_with(version: &str) -> Scratch {
        let scratch = Scratch::new().unwrap();
        let cpu = scratch.join(".libtorch/2.13.0-cpu");
        version::tests::fake(&cpu, version);
        scratch
    }

    #[test]
    fn a_cached_copy_is_linked_and_the_link_moves_with_the_workspace() {
        let scratch = workspace_with("2.13.0+cpu");
        let home = Home::new(scratch.path());
        assert!(!in_use(&home, None));
        link(&home, &home.root.join("2.13.0-cpu")).unwrap();
        assert!(in_use(&home, None));
        assert!(in_use(&home, Some(Build::Cpu)));
        assert!(!in_use(&home, Some(Build::Cuda)));
        assert_eq!(fs::read_link(home.current()).unwrap(), Path::new("2.13.0-cpu"));
        // Only the copy and the link: no scratch folder is left.
        assert_eq!(fs::read_dir(&home.root).unwrap().count(), 2);
    }

    #[test]
    fn a_link_to_nowhere_or_to_another_version_is_not_in_use() {
        let scratch = workspace_with("2.12.1+cpu");
        let home = Home::new(scratch.path());
        symlink("2.13.0-cpu", home.current()).unwrap();
        assert!(!in_use(&home, None));
        fs::remove_dir_all(home.root.join("2.13.0-cpu")).unwrap();
        assert!(!in_use(&home, None));
    }

    /// A clone whose `.libtorch` is a link to that of another clone, which `LIBTORCH` names.
    #[test]
    fn a_link_is_not_made_to_lead_to_itself() {
        let scratch = workspace_with("2.13.0+cpu");
        let home = Home::new(scratch.path());
        link(&home, &home.root.join("2.13.0-cpu")).unwrap();
        let clone = scratch.join("clone");
        fs::create_dir(&clone).unwrap();
        symlink(&home.root, clone.join(".libtorch")).unwrap();
        assert!(leads_to(&current(&clone), &home.current()));
        assert!(!leads_to(&home.current(), scratch.path()));
        assert!(!leads_to(&clone.join("nothing"), &home.current()));
    }

    #[test]
    fn too_little_space_is_told_with_numbers() {
        let scratch = Scratch::new().unwrap();
        assert!(enough_space(scratch.path(), 1).is_ok());
        let told = enough_space(scratch.path(), u64::MAX).unwrap_err();
        assert!(told.starts_with("libtorch needs 18446744073.7 GB"), "{told}");
        assert!(told.contains("LIBTORCH"), "{told}");
    }
}
