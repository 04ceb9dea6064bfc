//! `harness new-strategy`

use std::fs;
use std::path::Path;

use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::{Error, Result};

use crate::cli::NewStrategyArgs;
use crate::exit::Exit;
use crate::output;
use crate::store::file::{self, Durability};

/// The files of a new crate; `{name}` and `{type}` are replaced.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("new_strategy/manifest.template")),
    ("src/lib.rs", include_str!("new_strategy/lib.template")),
    ("grid.toml", include_str!("new_strategy/grid.template")),
    ("README.md", include_str!("new_strategy/readme.template")),
];

/// Where a plug-in is linked: being a dependency of the harness is enough.
const MANIFEST: &str = "crates/harness/Cargo.toml";

/// Names that mean something else in a grid file, or in the code of the new crate.
const TAKEN: [&str; 15] = [
    "training",
    "analysis",
    "strategy",
    "model",
    "self",
    "default",
    "exchange",
    "growth",
    "result",
    "shared",
    "tensor",
    "view",
    "json-schema",
    "serialize",
    "deserialize",
];

pub(super) fn run(args: &NewStrategyArgs) -> Result<Exit> {
    let name = args.name.as_str();
    check_name(name)?;
    let workspace = match &args.workspace {
        Some(folder) if is_workspace(folder) => folder.clone(),
        Some(folder) => return Err(no_workspace(folder)),
        None => {
            let here = std::env::current_dir()
                .map_err(|error| Error::io("find", Path::new("the current folder"), &error))?;
            let found = here.ancestors().find(|folder| is_workspace(folder));
            found.ok_or_else(|| no_workspace(&here))?.to_owned()
        }
    };
    let folder = workspace.join("strategies").join(name);
    if folder.exists() {
        return Err(Error::usage(format!("{} exists already", folder.display())));
    }
    // The edit is known before the first file is written.
    let manifest = workspace.join(MANIFEST);
    let text =
        fs::read_to_string(&manifest).map_err(|error| Error::io("read", &manifest, &error))?;
    let line = format!("strategy-{name} = {{ path = \"../../strategies/{name}\" }}");
    let edit = with_line(&text, "strategy-", &line);
    write_crate(&folder, name)?;
    let mut report = format!("{}\n", folder.display());
    match edit {
        Some(text) => {
            file::replace(&manifest, text.as_bytes(), Durability::Synced)?;
            report.push_str(&format!("{}: {line}\n", manifest.display()));
        }
        None => output::note(&format!(
            "add this line to the dependencies in {} yourself: {line}",
            manifest.display()
        )),
    }
    output::print(&report)?;
    output::note(&format!(
        "next: cargo test --release --package strategy-{name}, then fill in strategies/{name}/src/lib.rs"
    ));
    Ok(Exit::Success)
}

fn check_name(name: &str) -> Result<()> {
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fits {
        return Err(Error::usage(format!("'{name}' is not a name for a strategy"))
            .hint("use lower-case letters, digits and dashes, such as my-method"));
    }
    if TAKEN.contains(&name) {
        return Err(Error::usage(format!("'{name}' means something else already"))
            .hint("choose another name"));
    }
    if StrategyPlugin::find(name).is_ok() {
        return Err(Error::usage(format!("there is a strategy '{name}' already"))
            .hint(format!("`harness describe {name}` shows it")));
    }
    Ok(())
}

fn is_workspace(folder: &Path) -> bool {
    folder.join(MANIFEST).is_file() && folder.join("strategies").is_dir()
}

fn no_workspace(folder: &Path) -> Error {
    Error::usage(format!("{} is not in a clone of the harness", folder.display())).hint(
        "go to one or pass --workspace; a binary of your own needs only your crate, a line \
         `use my_strategy as _;` and a call of harness::main()",
    )
}

/// `text` with `line` among the lines that start with `prefix`, in their order. `None` if there
/// are no such lines, so that nobody knows where it belongs.
fn with_line(text: &str, prefix: &str, line: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let alike = || lines.iter().enumerate().filter(|(_, other)| other.starts_with(prefix));
    let (last, _) = alike().next_back()?;
    let place = alike().find(|(_, other)| **other > line).map_or(last + 1, |(place, _)| place);
    let (before, after) = lines.split_at(place);
    let all = before.iter().copied().chain([line]).chain(after.iter().copied());
    Some(all.map(|line| format!("{line}\n")).collect())
}

/// Writes the crate beside its place and renames it, so that it is whole or absent.
fn write_crate(folder: &Path, name: &str) -> Result<()> {
    let beside = folder.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = write_files(&beside, name).and_then(|()| {
        fs::rename(&beside, folder).map_err(|error| Error::io("create", folder, &error))
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&beside);
    }
    written
}

fn write_files(folder: &Path, name: &str) -> Result<()> {
    let src = folder.join("src");
    fs::create_dir_all(&src).map_err(|error| Error::io("create", &src, &error))?;
    for (file, template) in FILES {
        let path = folder.join(file);
        let text = template.replace("{name}", name).replace("{type}", &type_name(name));
        fs::write(&path, text).map_err(|error| Error::io("write", &path, &error))?;
    }
    Ok(())
}

/// `my-method` is `MyMethod`.
fn type_name(name: &str) -> String {
    let capitalised = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    capitalised.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_added_in_order() {
        let text = "[dependencies]\nstrategy-a.x\nstrategy-c.x\nother\n";
        let with = |line| with_line(text, "strategy-", line).unwrap();
        assert_eq!(
            with("strategy-b.x"),
            "[dependencies]\nstrategy-a.x\nstrategy-b.x\nstrategy-c.x\nother\n"
        );
        assert_eq!(
            with("strategy-d.x"),
            "[dependencies]\nstrategy-a.x\nstrategy-c.x\nstrategy-d.x\nother\n"
        );
        assert_eq!(with_line("other\n", "strategy-", "strategy-d.x"), None);
    }

    #[test]
    fn names_follow_the_rules_of_crates_and_types() {
        assert_eq!(type_name("my-method2"), "MyMethod2");
        for bad in ["", "My", "2x", "a b", "a-", "a--b", "../a", "self", "training"] {
            assert!(check_name(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(check_name("my-method").is_ok());
    }
}
