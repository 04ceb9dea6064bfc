//! Tests on crates made for them.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

const MANIFEST: &str = "[package]\nname = \"strategy-a\"\n[dependencies]\nserde = \"1\"\n";

const CODE: &str = r#"
//! A method.
mod scores;

/// How much.
pub const FRACTION: f64 = 0.3;

impl A {
    pub fn keep(&self, first: u64, second: u64) -> u64 { first + second }
}

inventory::submit! {
    Record { title: "A", load: |s| load("files", s) }
}

#[cfg(test)]
mod tests {
    fn half() -> f64 { 0.5 }
}
"#;

/// A crate with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The digest of a crate with this code.
fn of(code: &str) -> String {
    let files = [
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", code),
        ("src/scores.rs", "pub fn score() -> f64 { 1.0 }"),
    ];
    Sources::of(folder(&files).path()).unwrap().digest
}

/// A change that is there, in place of one that only looks so.
fn changed(from: &str, to: &str) -> String {
    assert!(CODE.contains(from), "{from}");
    of(&CODE.replace(from, to))
}

#[test]
fn what_changes_no_number_changes_no_digest() {
    let before = of(CODE);
    assert_eq!(before.len(), 64);
    assert_eq!(before, of(CODE), "it depends on nothing else");
    for (from, to) in [
        ("//! A method.", "//! A method that is documented at length."),
        ("/// How much.\n", "// How much.\n#[allow(dead_code)]\n"),
        ("{ first + second }", "{\n        // Both.\n        first + second\n    }"),
        ("first: u64, second: u64", "\n        first: u64,\n        second: u64,\n    "),
        ("0.5", "0.7"),
        ("title: \"A\"", "title: \"The method A\""),
        ("mod scores;", "mod scores;\n\n#[cfg(all(test, unix))]\nfn only_in_tests() {}"),
        ("impl A {", "impl A {\n    #[cfg(test)]\n    fn only_in_tests() {}\n"),
    ] {
        assert_eq!(before, changed(from, to), "{to}");
    }
}

#[test]
fn what_may_change_a_number_changes_the_digest() {
    let mut known = vec![of(CODE)];
    for (from, to) in [
        ("0.3", "0.30001"),
        ("first + second", "first - second"),
        ("first + second", "second + first"),
        ("load(\"files\", s)", "load(\"other\", s)"),
        ("#[cfg(test)]", "#[cfg(unix)]"),
        ("mod scores;", ""),
    ] {
        let new = changed(from, to);
        assert!(!known.contains(&new), "{to}");
        known.push(new);
    }
}

#[test]
fn modules_are_followed_wherever_they_lie() {
    let files = [
        ("Cargo.toml", MANIFEST),
        ("src/lib.rs", "mod a; mod b { mod inner; } #[path = \"odd.rs\"] mod c; mod gone;"),
        ("src/a/mod.rs", "mod below;"),
        ("src/a/below.rs", "const A: u8 = 1;"),
        ("src/b/inner.rs", "const B: u8 = 1;"),
        ("src/odd.rs", "const C: u8 = 1; mod beside;"),
        ("src/beside.rs", "const D: u8 = 1;"),
        ("src/nowhere.rs", "const E: u8 = 1;"),
        ("build.rs", "const F: u8 = 1;"),
    ];
    let folder = folder(&files);
    let of = || Sources::of(folder.path()).unwrap();
    let before = of();
    assert_eq!(before.files.len(), 8, "{:#?}", before.files);
    for (name, text) in files.iter().filter(|(_, text)| text.contains("= 1")) {
        write(folder.path(), name, &text.replace("= 1", "= 2"));
        let differs = of().digest != before.digest;
        assert_eq!(differs, *name != "src/nowhere.rs", "{name}");
        write(folder.path(), name, text);
    }
}

#[test]
fn included_files_count_as_bytes() {
    let files = [
        ("Cargo.toml", MANIFEST),
        (
            "src/lib.rs",
            "static A: &[u8] = include_bytes!(\"../table.bin\");\n\
             inventory::submit! { Record { grid: include_str!(\"../grid.toml\") } }\n\
             #[cfg(test)] mod tests { static B: &str = include_str!(\"../README.md\"); }",
        ),
        ("table.bin", "1"),
        ("grid.toml", "1"),
    ];
    let folder = folder(&files);
    let digest = || Sources::of(folder.path()).unwrap().digest;
    let before = digest();
    write(folder.path(), "grid.toml", "2");
    assert_eq!(before, digest(), "values worth searching are for people");
    write(folder.path(), "table.bin", "2");
    assert_ne!(before, digest());
}

/// A workspace of a binary, a strategy and what both use.
fn workspace() -> TempDir {
    folder(&[
        (
            "Cargo.toml",
            "[workspace]\n[workspace.dependencies]\nhelp = { path = \"help\" }\n\
             dst-core = { path = \"core\" }\nserde = \"1\"\n",
        ),
        ("help/Cargo.toml", "[package]\nname = \"help\"\n"),
        ("help/src/lib.rs", "pub const H: u8 = 1;"),
        ("core/Cargo.toml", "[package]\nname = \"dst-core\"\n"),
        ("core/src/lib.rs", "pub const C: u8 = 1;"),
        (
            "a/Cargo.toml",
            "[package]\nname = \"strategy-a\"\n[lib]\nname = \"method\"\n[dependencies]\n\
             serde.workspace = true\ndst-core.workspace = true\n\
             [target.'cfg(unix)'.dependencies]\nhelp.workspace = true\n\
             [dev-dependencies]\nnothing = { path = \"../nothing\" }\n",
        ),
        ("a/src/lib.rs", "use help::H;"),
        (
            "bin/Cargo.toml",
            "[package]\nname = \"bin\"\n[dependencies]\nreport-r = \"1\"\nserde = \"1\"\n\
             strategy-x = \"1\"\nmine = { path = \"../a\", package = \"strategy-a\" }\n",
        ),
        ("bin/src/main.rs", "fn main() {}"),
    ])
}

#[test]
fn what_a_plug_in_is_built_from_counts_too() {
    let folder = workspace();
    let digest = || Sources::of(&folder.path().join("a")).unwrap().digest;
    let before = digest();
    write(folder.path(), "core/src/lib.rs", "pub const C: u8 = 2;");
    assert_eq!(before, digest(), "core has a version of its own");
    write(folder.path(), "help/src/lib.rs", "pub const H: u8 = 2;");
    assert_ne!(before, digest());
}

#[test]
fn plug_ins_are_linked_and_registered() {
    let folder = workspace();
    let bin = folder.path().join("bin");
    let (code, files) = plugins(&bin, &["strategy-"], &["report-"]).unwrap();
    let digest = Sources::of(&folder.path().join("a")).unwrap().digest;
    assert_eq!(
        code,
        format!(
            "use mine as _;\n\
             harness::inventory::submit! {{ harness::code::Sources {{ package: \"strategy-a\", \
             library: \"method\", digest: \"{digest}\" }} }}\n\
             use report_r as _;\n\
             use strategy_x as _;\n"
        )
    );
    for file in ["bin/Cargo.toml", "bin/../a/src/lib.rs"] {
        assert!(files.contains(&folder.path().join(file)), "{file}: {files:#?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let broken = folder(&[("Cargo.toml", MANIFEST), ("src/lib.rs", "fn {")]);
    let message = Sources::of(broken.path()).unwrap_err().to_string();
    assert!(message.contains("src/lib.rs: this is no Rust: "), "{message}");
    let nameless = folder(&[("Cargo.toml", "[dependencies]\n")]);
    let message = Sources::of(nameless.path()).unwrap_err().to_string();
    assert!(message.ends_with("Cargo.toml: it names no package"), "{message}");
    let alone =
        folder(&[("Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n")]);
    let message = Sources::of(alone.path()).unwrap_err().to_string();
    assert!(message.ends_with("no folder above it is a workspace"), "{message}");
}
