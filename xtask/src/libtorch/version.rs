//! Which version a folder's libtorch has, and whether it is complete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::VERSION;
use crate::Result;

/// Is `folder` a libtorch of the wanted version, with its library and headers?
///
/// # Errors
/// A clause that says what is wrong there, such as «libtorch 2.12.0 lies, not 2.13.0».
pub(super) fn check(folder: &Path) -> Result {
    for part in ["lib/libtorch_cpu.so", "lib/libc10.so", "include/torch"] {
        if !folder.join(part).exists() {
            return Err(format!("{part} is missing"));
        }
    }
    // The same escape hatch as that of torch-sys.
    if std::env::var_os("LIBTORCH_BYPASS_VERSION_CHECK").is_some() {
        return Ok(());
    }
    match of(folder) {
        Some(found) if found == VERSION => Ok(()),
        Some(found) => Err(format!("libtorch {found} lies, not {VERSION}")),
        None => Err("no file tells the version".to_owned()),
    }
}

/// The version without its build suffix: `2.13.0`, not `2.13.0+cpu`.
fn of(folder: &Path) -> Option<String> {
    let line = |name: &str, start: &str| {
        let text = fs::read_to_string(folder.join(name)).ok()?;
        let found = text.lines().find_map(|line| line.trim().strip_prefix(start))?;
        Some(found.trim().to_owned())
    };
    // In archives; in Python's package; in the headers of both.
    let text = line("build-version", "")
        .or_else(|| line("version.py", "__version__ ="))
        .or_else(|| line("include/torch/headeronly/version.h", "\""))?;
    let text = text.trim_matches(|c: char| " '\"".contains(c));
    Some(text.split('+').next().unwrap_or(text).to_owned())
}

/// The folder of Python's torch package. It is found, not imported, which would take seconds.
///
/// # Errors
/// When Python does not start or has no torch.
pub(super) fn python_package() -> Result<PathBuf> {
    // The interpreter that torch-sys asks, too.
    let python = match std::env::var_os("VIRTUAL_ENV") {
        Some(_) => "python",
        None => "python3",
    };
    let find = "import importlib.util as u; s = u.find_spec('torch'); \
                print(s.submodule_search_locations[0] if s else '')";
    let output = Command::new(python).args(["-c", find]).output();
    let folder = output.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned());
    match folder {
        Ok(folder) if !folder.is_empty() => Ok(PathBuf::from(folder)),
        Ok(_) => Err(format!(
            "LIBTORCH_USE_PYTORCH is set but {python} has no package torch: \
             `{python} -m pip install torch=={VERSION}`, or unset the variable"
        )),
        Err(e) => Err(format!(
            "LIBTORCH_USE_PYTORCH is set but {python} does not start ({e}): install it, or unset the variable"
        )),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// A folder that looks like libtorch.
    pub(crate) fn fake(folder: &Path, version: &str) {
        fs::create_dir_all(folder.join("lib")).unwrap();
        fs::create_dir_all(folder.join("include/torch/headeronly")).unwrap();
        for library in ["libtorch_cpu.so", "libc10.so"] {
            fs::write(folder.join("lib").join(library), "").unwrap();
        }
        fs::write(folder.join("build-version"), format!("{version}\n")).unwrap();
    }

    #[test]
    fn the_version_is_read_from_any_of_three_files() {
        let scratch = Scratch::new().unwrap();
        fake(scratch.path(), "2.13.0+cpu");
        assert_eq!(check(scratch.path()), Ok(()));

        fs::remove_file(scratch.join("build-version")).unwrap();
        let told = check(scratch.path()).unwrap_err();
        assert_eq!(told, "no file tells the version");

        let header = "#define TORCH_VERSION \\\n  \"2.13.0\"\n";
        fs::write(scratch.join("include/torch/headeronly/version.h"), header).unwrap();
        assert_eq!(check(scratch.path()), Ok(()));

        let python = "from typing import Optional\n__version__ = '2.12.0+cu130'\ndebug = False\n";
        fs::write(scratch.join("version.py"), python).unwrap();
        let told = check(scratch.path()).unwrap_err();
        assert_eq!(told, "libtorch 2.12.0 lies, not 2.13.0");
    }

    #[test]
    fn a_missing_library_is_named() {
        let scratch = Scratch::new().unwrap();
        fake(scratch.path(), "2.13.0");
        fs::remove_file(scratch.join("lib/libc10.so")).unwrap();
        assert_eq!(check(scratch.path()).unwrap_err(), "lib/libc10.so is missing");
    }
}
