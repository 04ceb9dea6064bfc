//! What source files shall not hold.

use super::tree::Tree;
use super::{Finding, finding};

/// Longer files usually have two nouns.
const LINES_MAX: usize = 600;
/// Bytes.
const SIZE_MAX: u64 = 3_000_000;

/// Code for all strategies knows none by name (tests and comments aside).
pub(super) fn strategy_names(tree: &Tree) -> Vec<Finding> {
    let literals: Vec<String> =
        tree.folders("strategies").into_iter().map(|name| format!("\"{name}\"")).collect();
    let shared = |path: &&str| {
        (path.starts_with("crates/") || path.starts_with("reports/"))
            && !path.contains("/tests/")
            && !path.contains("/benches/")
            && !path.contains("/examples/")
            && !path.ends_with("/tests.rs")
    };
    let mut findings = Vec::new();
    for path in tree.ending(".rs").filter(shared) {
        for (line, code) in code_lines(&tree.text(path)) {
            // Attributes hold names of flags and keys.
            if code.trim_start().starts_with("#[") {
                continue;
            }
            for literal in literals.iter().filter(|l| code.contains(l.as_str())) {
                let what = format!(
                    "{literal} is a strategy's name in shared code: let the strategy say what is special about it"
                );
                findings.push(finding(path, line, what));
            }
        }
    }
    findings
}

/// What knows of accelerators.
const DEVICE: &str = "crates/core/src/device.rs";

/// Code that asks for an accelerator by itself, tests and comments aside.
pub(super) fn devices(tree: &Tree) -> Vec<Finding> {
    let plugins = ["crates/", "strategies/", "datasets/", "reports/"];
    let shared = |path: &&str| {
        plugins.iter().any(|folder| path.starts_with(folder))
            && !path.contains("/tests/")
            && *path != DEVICE
    };
    let mut findings = Vec::new();
    for path in tree.ending(".rs").filter(shared) {
        for (line, code) in code_lines(&tree.text(path)) {
            if code.contains("Device::Cuda") || code.contains("Cuda::") {
                let what = format!("asks for an accelerator: all that knows of them is {DEVICE}");
                findings.push(finding(path, line, what));
            }
        }
    }
    findings
}

/// No half-written code and no debugging output.
pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let macros = ["todo", "unimplemented", "dbg"];
    let mut findings = Vec::new();
    for path in tree.ending(".rs") {
        let text = tree.text(path);
        for (index, line) in text.lines().enumerate() {
            for name in macros {
                if calls(without_comment(line), name) {
                    let what = format!("{name}! is left over: finish or remove it");
                    findings.push(finding(path, index + 1, what));
                }
            }
        }
    }
    findings
}

/// Files that a reader can take in, and that a clone need not wait for.
pub(super) fn sizes(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, bytes) in tree.files_with_sizes() {
        if bytes > SIZE_MAX {
            let megabytes = bytes as f64 / 1e6;
            let what = format!("has {megabytes:.1} MB: keep it out of the repository");
            findings.push(finding(path, 1, what));
        }
        if [".rs", ".py", ".cpp", ".h"].iter().any(|ending| path.ends_with(ending)) {
            let count = tree.text(path).lines().count();
            if count > LINES_MAX {
                let what = format!("has {count} lines: which are its two nouns? Split it");
                findings.push(finding(path, count, what));
            }
        }
    }
    findings
}

/// (line from 1, code) up to the unit tests at the end of a file, without comments.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .map(|(index, line)| (index + 1, without_comment(line)))
}

/// The line up to `//`, unless that stands inside a string.
fn without_comment(line: &str) -> &str {
    let mut inside = false;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '"' if before != '\\' && before != '\'' => inside = !inside,
            '/' if before == '/' && !inside => return &line[..at - 1],
            _ => {}
        }
        before = c;
    }
    line
}

/// Is the macro `name` called in `code`, as a word of its own?
fn calls(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
        !code[..at].ends_with(word) && code[at + name.len()..].starts_with("!(")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::tests::tree;

    #[test]
    fn a_strategy_name_in_shared_code_is_found() {
        let code = "// \"set\" is fine here\n#[arg(long = \"set\")]\nif name == \"set\" {}\n\
                    let x = \"subset\";\n#[cfg(test)]\nmod tests { const A: &str = \"set\"; }\n";
        let (_scratch, tree) = tree(&[
            ("strategies/set/src/lib.rs", "\"set\""),
            ("crates/train/src/lib.rs", code),
            ("crates/train/tests/a.rs", "\"set\""),
        ]);
        let found: Vec<String> = strategy_names(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            ["crates/train/src/lib.rs:3: \"set\" is a strategy's name in shared code: \
                 let the strategy say what is special about it"]
        );
    }

    #[test]
    fn accelerators_outside_their_module_are_found() {
        let code = "// Device::Cuda(0)\nif tch::Cuda::is_available() {}\nlet d = Device::Cuda(0);\n\
                    #[cfg(test)]\nmod tests { const D: Device = Device::Cuda(0); }\n";
        let (_scratch, tree) = tree(&[
            (DEVICE, code),
            ("crates/train/src/lib.rs", code),
            ("crates/train/tests/a.rs", code),
            ("xtask/src/main.rs", code),
        ]);
        let places: Vec<(String, usize)> =
            devices(&tree).into_iter().map(|found| (found.path, found.line)).collect();
        let at = |line| ("crates/train/src/lib.rs".to_owned(), line);
        assert_eq!(places, [at(2), at(3)]);
    }

    #[test]
    fn left_over_macros_are_found() {
        let call = |name: &str| format!("    let x = {name}!(1);\n// {name}!()\n");
        let text =
            format!("{}{}{}fn undbg() {{}}\n", call("todo"), call("dbg"), call("unimplemented"));
        let (_scratch, tree) = tree(&[("crates/a/src/lib.rs", &text)]);
        let lines: Vec<usize> = unfinished(&tree).into_iter().map(|f| f.line).collect();
        assert_eq!(lines, [1, 3, 5]);
    }

    #[test]
    fn long_and_large_files_are_found() {
        let (_scratch, tree) = tree(&[
            ("crates/a/src/long.rs", &"\n".repeat(601)),
            ("crates/a/src/fine.rs", &"\n".repeat(600)),
            ("docs/long.md", &"\n".repeat(601)),
            ("data/large.bin", &"x".repeat(3_000_001)),
        ]);
        let found: Vec<String> = sizes(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            [
                "crates/a/src/long.rs:601: has 601 lines: which are its two nouns? Split it",
                "data/large.bin:1: has 3.0 MB: keep it out of the repository"
            ]
        );
    }

    #[test]
    fn comments_end_code_but_not_inside_strings() {
        assert_eq!(without_comment("a // b"), "a ");
        assert_eq!(without_comment("\"http://x\" // y"), "\"http://x\" ");
        assert_eq!(without_comment("'\"' // y"), "'\"' ");
    }
}
