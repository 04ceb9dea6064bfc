//! Which libtorch is at work.

use std::fs;
use std::path::{Path, PathBuf};

/// The version beside the library that this process has loaded, such as `2.13.0+cpu`; if it
/// cannot be found, the one that the bindings are made for.
pub(crate) fn version() -> String {
    loaded().unwrap_or_else(|| "2.13".into())
}

/// The folder with `lib` from which this process has loaded it, where the system tells.
pub(crate) fn folder() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let library = maps
        .lines()
        .filter_map(|line| line.find('/').map(|at| Path::new(&line[at..])))
        .find(|path| path.file_name().is_some_and(|name| name == "libtorch_cpu.so"))?;
    Some(library.parent()?.parent()?.to_owned())
}

fn loaded() -> Option<String> {
    // Archives have `build-version` beside `lib`, Python packages `version.py`.
    let root = folder()?;
    if let Ok(text) = fs::read_to_string(root.join("build-version")) {
        return Some(text.trim().to_owned());
    }
    let python = fs::read_to_string(root.join("version.py")).ok()?;
    let line = python.lines().find(|line| line.starts_with("__version__"))?;
    Some(line.split('\'').nth(1)?.to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_version_starts_with_a_number() {
        // Makes sure that the library is loaded.
        assert_eq!(tch::Tensor::from(3_i64).int64_value(&[]), 3);
        let version = super::version();
        assert!(version.starts_with("2."), "{version}");
    }
}
