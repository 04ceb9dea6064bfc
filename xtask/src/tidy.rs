//! `cargo xtask tidy`: what the compiler does not check.
//!
//! Each check reads a [`Tree`] and returns its findings, so that tests need only a few small
//! files; the last two ask Cargo. A finding names the place, what is wrong and what to do.

use std::fmt;
use std::io::Write;
use std::path::Path;

use crate::{Result, note};

mod arrows;
mod features;
mod plugins;
mod prose;
mod rust_version;
mod source;
mod tree;

use tree::Tree;

/// Something to mend.
#[derive(Debug, PartialEq)]
struct Finding {
    /// From the workspace's root.
    path: String,
    /// From 1.
    line: usize,
    /// What is wrong, and what to do.
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

fn finding(path: &str, line: usize, what: impl Into<String>) -> Finding {
    Finding { path: path.to_owned(), line, what: what.into() }
}

const CHECKS: [fn(&Tree) -> Vec<Finding>; 9] = [
    arrows::dependencies,
    arrows::lints,
    plugins::linked,
    plugins::documented,
    source::strategy_names,
    source::devices,
    source::unfinished,
    source::sizes,
    prose::links,
];

/// Runs every check; findings go to standard output, one a line.
///
/// # Errors
/// When there are findings, or the tree cannot be read.
pub(crate) fn run(workspace: &Path) -> Result {
    let tree = Tree::of(workspace)?;
    let mut findings: Vec<Finding> = CHECKS.iter().flat_map(|check| check(&tree)).collect();
    findings.extend(features::united(workspace, &tree)?);
    findings.extend(rust_version::kept(workspace)?);
    findings.sort_by(|a, b| (&a.path, a.line, &a.what).cmp(&(&b.path, b.line, &b.what)));
    let lines: String = findings.iter().map(|finding| format!("{finding}\n")).collect();
    // A reader may have seen enough and closed the pipe.
    let _ = std::io::stdout().write_all(lines.as_bytes());
    match findings.len() {
        0 => {
            note!("tidy: {} files, nothing to mend", tree.files().count());
            Ok(())
        }
        1 => Err("tidy found one thing to mend".to_owned()),
        n => Err(format!("tidy found {n} things to mend")),
    }
}
