//! `harness new-strategy`, `new-dataset` and `new-model`: crates to be filled in, in a clone of the
//! harness or in a project of its own.

use std::path::Path;

use dst_core::{Error, Result, text};

use crate::cli::ScaffoldArgs;
use crate::output;
use dst_executor::Exit;
use dst_store::file::{self, Durability};

mod name;
mod place;
mod project;
mod write;

use place::{Checkout, Place};

/// What can be begun.
#[derive(Debug)]
pub(super) struct Kind {
    /// For people.
    word: &'static str,
    /// Where such crates lie.
    folder: &'static str,
    /// What their packages' names begin with.
    prefix: &'static str,
    /// A name for one.
    example: &'static str,
    /// Arguments of a grid that uses it; `{name}` is replaced.
    grid: &'static str,
    /// The files of a new crate; `{name}` and `{type}` are replaced.
    files: &'static [(&'static str, &'static str)],
}

/// `harness new-strategy`
pub(super) const STRATEGY: Kind = Kind {
    word: "strategy",
    folder: "strategies",
    prefix: "strategy-",
    example: "my-method",
    grid: "--strategies {name},rigl,dense",
    files: &[
        ("Cargo.toml", include_str!("scaffold/strategy/manifest.template")),
        ("src/lib.rs", include_str!("scaffold/strategy/lib.template")),
        ("grid.toml", include_str!("scaffold/strategy/grid.template")),
        ("README.md", include_str!("scaffold/strategy/readme.template")),
    ],
};

/// `harness new-dataset`
pub(super) const DATASET: Kind = Kind {
    word: "data set",
    folder: "datasets",
    prefix: "dataset-",
    example: "my-data",
    grid: "--strategies rigl,dense --datasets {name}",
    files: &[
        ("Cargo.toml", include_str!("scaffold/dataset/manifest.template")),
        ("src/lib.rs", include_str!("scaffold/dataset/lib.template")),
        ("README.md", include_str!("scaffold/dataset/readme.template")),
    ],
};

/// `harness new-model`
pub(super) const MODEL: Kind = Kind {
    word: "model",
    folder: "models",
    prefix: "model-",
    example: "my-net",
    grid: "--strategies rigl,dense --models {name}",
    files: &[
        ("Cargo.toml", include_str!("scaffold/model/manifest.template")),
        ("src/lib.rs", include_str!("scaffold/model/lib.template")),
        ("README.md", include_str!("scaffold/model/readme.template")),
    ],
};

/// The line of a manifest that a project leaves out: its licence is its owner's to choose.
const LICENCE: &str = "license.workspace = true\n";

pub(super) fn run(kind: &Kind, args: &ScaffoldArgs) -> Result<Exit> {
    let name = args.name.as_str();
    name::check(kind, name)?;
    let (place, is_new) = place(args)?;
    let package = format!("{}{name}", kind.prefix);
    let within = format!("{}/{name}", kind.folder);
    let folder = place.root.join(&within);
    // `exists` would not see a link that leads nowhere.
    if folder.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("{} exists already", folder.display()))
            .hint("choose another name, or remove the folder"));
    }
    // The edit is known before the first file is written.
    let line = format!("{package} = {{ path = \"{}{within}\" }}", place.up);
    let edit = place::with_line(&text::read(&place.manifest)?, kind.prefix, &line);
    write::whole(&folder, |beside| {
        for (file, template) in kind.files {
            write::file(&beside.join(file), &filled(template, name, place.is_project))?;
        }
        Ok(())
    })?;
    let manifest = place.manifest.display();
    let mut report = String::new();
    if is_new {
        report.push_str(&format!("{}\n", place.root.display()));
    }
    report.push_str(&format!("{}\n", folder.display()));
    match edit {
        Some(text) => {
            file::replace(&place.manifest, text.as_bytes(), Durability::Synced)?;
            report.push_str(&format!("{manifest}: {line}\n"));
        }
        None => output::note(&format!(
            "add this line to the dependencies in {manifest} yourself: {line}"
        )),
    }
    output::print(&report)?;
    for line in next_steps(kind, name, &place, is_new) {
        output::note(&line);
    }
    Ok(Exit::Success)
}

/// Where the crate goes, and whether that is a new project.
fn place(args: &ScaffoldArgs) -> Result<(Place, bool)> {
    let Some(folder) = &args.project else {
        let place = match &args.workspace {
            Some(folder) => Place::from(&Checkout::named(folder)?),
            None => Place::around_here()?,
        };
        return Ok((place, false));
    };
    if let Some(place) = Place::at(&write::absolute(folder)?).filter(|place| place.is_project) {
        return Ok((place, false));
    }
    let clone = match &args.workspace {
        Some(folder) => Checkout::named(folder)?,
        None => Checkout::of_program()?,
    };
    must_be_empty(folder)?;
    Ok((project::create(folder, &clone)?, true))
}

/// A folder for a new project.
fn must_be_empty(folder: &Path) -> Result<()> {
    match std::fs::read_dir(folder).map(Iterator::count) {
        Ok(0) => Ok(()),
        Ok(_) => Err(Error::usage(format!(
            "{} is not empty, and no project of the harness",
            folder.display()
        ))
        .hint("name a new folder, or a project that --project made")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("read", folder, &error)),
    }
}

/// A file of a new crate.
fn filled(template: &str, name: &str, is_project: bool) -> String {
    let text = template.replace("{name}", name).replace("{type}", &name::type_name(name));
    if is_project { text.replace(LICENCE, "") } else { text }
}

/// What to type now.
fn next_steps(kind: &Kind, name: &str, place: &Place, is_new: bool) -> Vec<String> {
    let root = place.root.display();
    let is_here = std::env::current_dir().is_ok_and(|here| here.starts_with(&place.root));
    let mut lines = vec!["next:".to_owned()];
    if !is_here {
        lines.push(format!("  cd {root}"));
    }
    lines.push(format!("  cargo test --release --package {}{name}", kind.prefix));
    lines.push(format!("  cargo harness grid {}", kind.grid.replace("{name}", name)));
    if is_new {
        lines.push("The first build takes some minutes; later ones take seconds.".to_owned());
    }
    lines.push(format!(
        "Then fill in {}/{name}/src/lib.rs: its comments say what goes where.",
        kind.folder
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_holder_is_filled_in() {
        for kind in [&STRATEGY, &DATASET, &MODEL] {
            for (file, template) in kind.files {
                for is_project in [false, true] {
                    let text = filled(template, kind.example, is_project);
                    assert!(!text.contains("{name}") && !text.contains("{type}"), "{file}: {text}");
                    let licensed = text.contains("license");
                    assert_eq!(licensed, *file == "Cargo.toml" && !is_project, "{file}");
                }
            }
        }
    }
}
