//! A project of its own: a binary with the harness and further plug-ins, outside the clone.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use dst_core::{Error, Result, text};
use serde::Serialize;
use toml::{Table, Value};

use super::place::{Checkout, Place};
use super::write;

const MAIN: &str = include_str!("project/main.template");
const BUILD: &str = include_str!("project/build.template");
const IGNORED: &str = include_str!("project/gitignore.template");
const README: &str = include_str!("project/readme.template");
const CONFIG: &str = include_str!("project/config.template");

/// Crates of the clone that a plug-in may use, and their folders in it.
const OURS: [(&str, &str); 9] = [
    ("dst-conformance", "crates/conformance"),
    ("dst-core", "crates/core"),
    ("dst-data", "crates/data"),
    ("dst-images", "crates/images"),
    ("dst-sources", "crates/sources"),
    ("dst-tables", "crates/tables"),
    ("dst-texts", "crates/texts"),
    ("dst-train", "crates/train"),
    ("harness", "crates/harness"),
];

/// Crates of a registry that a plug-in may use, in the versions of the clone.
const THEIRS: [&str; 8] =
    ["inventory", "rand", "rand_chacha", "schemars", "serde", "serde_json", "tempfile", "typetag"];

/// Where the clone keeps libtorch, and where a binary looks for it, from its own folder.
const LIBTORCH: &str = ".libtorch/current";

/// Makes a project in `folder`, which must be empty or not there.
///
/// # Errors
/// If something lies there, libtorch is missing, or the system refuses.
pub(super) fn create(folder: &Path, clone: &Checkout) -> Result<Place> {
    let folder = write::absolute(folder)?;
    if folder.starts_with(clone.root()) {
        return Err(Error::usage(format!("{} lies in the clone of the harness", folder.display()))
            .hint(
                "choose a folder elsewhere, or leave out --project to add the crate to the clone",
            ));
    }
    let name = package_name(&folder)?;
    let libtorch = libtorch(clone)?;
    let manifest = clone.table("Cargo.toml")?;
    let files = [
        ("Cargo.toml", cargo_toml(&name, clone, &manifest)?),
        (".cargo/config.toml", config(&name, clone, &libtorch)?),
        (".gitignore", IGNORED.to_owned()),
        (
            "README.md",
            README.replace("{project}", &name).replace("{clone}", write::utf8(clone.root())?),
        ),
        ("build.rs", BUILD.to_owned()),
        ("src/main.rs", MAIN.to_owned()),
        // With other versions nothing that the clone compiled could be used.
        ("Cargo.lock", text::read(&clone.root().join("Cargo.lock"))?),
    ];
    write::whole(&folder, |beside| {
        for (file, text) in &files {
            write::file(&beside.join(file), text)?;
        }
        // A binary looks for libtorch beside its target folder, if it has one of its own.
        let link = beside.join(LIBTORCH);
        let parent = link.parent().unwrap_or(beside);
        fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, &error))?;
        symlink(&libtorch, &link).map_err(|error| Error::io("create", &link, &error))
    })?;
    Place::at(&folder).ok_or_else(|| Error::contract("a new project is no project"))
}

/// What Cargo calls the binary: no plug-in and no crate of the clone has such a name.
fn package_name(folder: &Path) -> Result<String> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let parts: Vec<&str> = name.split(|c| !fits(c)).filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    if name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Ok(format!("{name}-harness"));
    }
    Err(Error::usage(format!("no name for a project can be made from {}", folder.display()))
        .hint("name a folder that begins with a letter, such as my-lab"))
}

/// The folder of libtorch, spelled as the build of the clone had it.
fn libtorch(clone: &Checkout) -> Result<PathBuf> {
    let named = std::env::var_os("LIBTORCH").filter(|path| !path.is_empty());
    let folder = match named {
        Some(folder) => std::path::absolute(&folder)
            .map_err(|error| Error::io("find", Path::new(&folder), &error))?,
        None => clone.root().join(LIBTORCH),
    };
    if folder.join("lib").is_dir() {
        return Ok(folder);
    }
    Err(Error::usage(format!("there is no libtorch in {}", folder.display()))
        .hint(format!("run `cargo xtask libtorch` in {}", clone.root().display())))
}

fn cargo_toml(name: &str, clone: &Checkout, manifest: &Table) -> Result<String> {
    let workspace = part(manifest, "workspace", clone)?;
    let mut text = format!(
        "[package]\n\
         name = \"{name}\"\n\
         description = \"The harness with the plug-ins of this project\"\n\
         version.workspace = true\n\
         edition.workspace = true\n\
         rust-version.workspace = true\n\
         publish.workspace = true\n\n\
         [lints]\n\
         workspace = true\n\n\
         [dependencies]\n\
         harness.workspace = true\n\
         # Plug-ins. Being listed here is what links them: build.rs names each in src/main.rs.\n\n\
         [build-dependencies]\n\
         dst-sources.workspace = true\n\n\
         [workspace]\n\
         resolver = \"3\"\n\n\
         [workspace.package]\n\
         version = \"0.1.0\"\n"
    );
    let package = part(workspace, "package", clone)?;
    for key in ["edition", "rust-version"] {
        let value = package.get(key).ok_or_else(|| unlike(clone, key))?;
        text.push_str(&format!("{key} = {}\n", inline(value)?));
    }
    text.push_str(
        "publish = false\n\n\
         # The clone of the harness that this project is built against.\n\
         [workspace.dependencies]\n",
    );
    for (package, folder) in OURS {
        let path = clone.root().join(folder);
        let path = Value::String(write::utf8(&path)?.to_owned());
        text.push_str(&format!("{package} = {{ path = {} }}\n", inline(&path)?));
    }
    text.push_str("# Crates of the registry, in the versions of the clone.\n");
    let dependencies = part(workspace, "dependencies", clone)?;
    for package in THEIRS {
        let value = dependencies.get(package).ok_or_else(|| unlike(clone, package))?;
        text.push_str(&format!("{package} = {}\n", inline(value)?));
    }
    for (level, lints) in part(workspace, "lints", clone)? {
        text.push_str(&format!("\n[workspace.lints.{level}]\n{}", entries(lints)?));
    }
    text.push_str(
        "\n# As in the clone: with other settings nothing that it compiled could be used. Build with\n\
         # --release; each profile compiles the C++ of torch-sys anew, which takes minutes.\n",
    );
    for (profile, settings) in part(manifest, "profile", clone)? {
        text.push_str(&format!("[profile.{profile}]\n{}", entries(settings)?));
    }
    Ok(text)
}

/// `.cargo/config.toml`.
fn config(package: &str, clone: &Checkout, libtorch: &Path) -> Result<String> {
    let theirs = clone.table(".cargo/config.toml")?;
    let mut target = format!(
        "\n[build]\n{}",
        entries(theirs.get("build").ok_or_else(|| unlike(clone, "build"))?)?
    );
    // Its binaries find libtorch in the clone. One that is elsewhere is linked only in the project.
    if clone.root().join(LIBTORCH).exists() {
        let folder = clone.root().join("target");
        target.push_str(&format!(
            "# What the clone compiled is used. Without this line everything is compiled once more, into\n\
             # a folder `target` of this project.\n\
             target-dir = {}\n",
            inline(&Value::String(write::utf8(&folder)?.to_owned()))?
        ));
    }
    for (platform, settings) in part(&theirs, "target", clone)? {
        let platform = inline(&Value::String(platform.clone()))?;
        target.push_str(&format!("\n[target.{platform}]\n{}", entries(settings)?));
    }
    let libtorch = inline(&Value::String(write::utf8(libtorch)?.to_owned()))?;
    let text = CONFIG.replace("{package}", package).replace("{libtorch}", &libtorch);
    Ok(text.replace("{target}\n", &target))
}

fn part<'t>(table: &'t Table, key: &str, clone: &Checkout) -> Result<&'t Table> {
    table.get(key).and_then(Value::as_table).ok_or_else(|| unlike(clone, key))
}

fn unlike(clone: &Checkout, key: &str) -> Error {
    Error::usage(format!("the clone in {} has no '{key}' in its settings", clone.root().display()))
        .hint("use the clone that this harness was built from")
}

/// `key = value` lines.
fn entries(table: &Value) -> Result<String> {
    let mut text = String::new();
    for (key, value) in table.as_table().into_iter().flatten() {
        text.push_str(&format!("{key} = {}\n", inline(value)?));
    }
    Ok(text)
}

/// A value on one line.
fn inline(value: &Value) -> Result<String> {
    let mut text = String::new();
    value
        .serialize(toml::ser::ValueSerializer::new(&mut text))
        .map_err(|error| Error::contract(format!("a setting cannot be written: {error}")))?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_are_named_after_their_folder() {
        let name = |folder: &str| package_name(Path::new(folder));
        assert_eq!(name("/home/me/My Lab_2").unwrap(), "my-lab-2-harness");
        assert_eq!(name("/dst").unwrap(), "dst-harness");
        for folder in ["/", "/home/2x", "/home/--"] {
            assert!(name(folder).is_err(), "{folder}");
        }
    }

    #[test]
    fn values_are_written_on_one_line() {
        let table: Table =
            "a = { version = \"1\", features = [\"x\", \"y\"] }\nb = 'c:\\d\"'\n".parse().unwrap();
        assert_eq!(inline(&table["a"]).unwrap(), "{ features = [\"x\", \"y\"], version = \"1\" }");
        let again: Table = format!("b = {}", inline(&table["b"]).unwrap()).parse().unwrap();
        assert_eq!(again["b"], table["b"]);
    }
}
