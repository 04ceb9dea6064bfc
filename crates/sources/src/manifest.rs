//! What a `Cargo.toml` says of a crate and of what it is built from.

use std::path::{Path, PathBuf};
use std::{fs, io};

use toml::de::{DeTable, DeValue};

use crate::library_name;

/// One crate.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// The name that Cargo knows.
    pub(crate) package: String,
    /// The name that code knows.
    pub(crate) library: String,
    /// The file of its outermost module, there or not.
    pub(crate) root: PathBuf,
    dependencies: Vec<Dependency>,
}

/// What it is built from; not what its tests or its build script need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// As this crate calls it.
    pub(crate) name: String,
    /// As Cargo calls it.
    pub(crate) package: String,
    /// Where its sources lie, if a path says so.
    pub(crate) folder: Option<PathBuf>,
}

impl Manifest {
    /// Reads that of the crate in `folder`, and of the workspace around it what it refers to.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join("Cargo.toml");
        let text = read(&path)?;
        let manifest = parse(&path, &text)?;
        let package = table(&manifest, "package").and_then(|package| string(package, "name"));
        let package = package.ok_or_else(|| refused(&path, "it names no package"))?.to_owned();
        let lib = table(&manifest, "lib");
        let library = lib.and_then(|lib| string(lib, "name"));
        let root = lib.and_then(|lib| string(lib, "path")).unwrap_or("src/lib.rs");
        Ok(Self {
            library: library.map_or_else(|| library_name(&package), str::to_owned),
            root: folder.join(root),
            dependencies: dependencies(&manifest, folder)?,
            package,
        })
    }

    pub(crate) fn dependencies(&self) -> &[Dependency] {
        &self.dependencies
    }
}

/// Those of every platform, in the order of their names.
fn dependencies(manifest: &DeTable<'_>, folder: &Path) -> io::Result<Vec<Dependency>> {
    let platforms = table(manifest, "target").into_iter().flat_map(|target| target.values());
    let platforms = platforms.filter_map(|platform| platform.get_ref().as_table());
    let mut found = Vec::new();
    for tables in std::iter::once(manifest).chain(platforms) {
        for (name, value) in table(tables, "dependencies").into_iter().flatten() {
            let name = name.get_ref().as_ref();
            found.push(dependency(name, value.get_ref(), folder)?);
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup();
    Ok(found)
}

fn dependency(name: &str, value: &DeValue<'_>, folder: &Path) -> io::Result<Dependency> {
    let Some(entry) = value.as_table() else {
        return Ok(Dependency { name: name.into(), package: name.into(), folder: None });
    };
    let inherits = entry.get("workspace").and_then(|value| value.get_ref().as_bool());
    if inherits == Some(true) {
        let (root, text) = workspace(folder)?;
        let path = root.join("Cargo.toml");
        let manifest = parse(&path, &text)?;
        let shared = table(&manifest, "workspace")
            .and_then(|workspace| table(workspace, "dependencies"))
            .and_then(|dependencies| dependencies.get(name))
            .ok_or_else(|| refused(&path, &format!("it has no {name} for {}", folder.display())))?;
        return match shared.get_ref().as_table() {
            Some(entry) => Ok(plain(name, entry, &root)),
            None => Ok(Dependency { name: name.into(), package: name.into(), folder: None }),
        };
    }
    Ok(plain(name, entry, folder))
}

fn plain(name: &str, entry: &DeTable<'_>, relative_to: &Path) -> Dependency {
    Dependency {
        name: name.to_owned(),
        package: string(entry, "package").unwrap_or(name).to_owned(),
        folder: string(entry, "path").map(|path| relative_to.join(path)),
    }
}

/// The folder of the workspace that a crate belongs to, and its manifest.
fn workspace(folder: &Path) -> io::Result<(PathBuf, String)> {
    let folder = fs::canonicalize(folder).map_err(|error| at(folder, &error))?;
    for root in folder.ancestors() {
        let path = root.join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if table(&parse(&path, &text)?, "workspace").is_some() {
            return Ok((root.to_owned(), text));
        }
    }
    Err(refused(&folder.join("Cargo.toml"), "no folder above it is a workspace"))
}

fn parse<'a>(path: &Path, text: &'a str) -> io::Result<DeTable<'a>> {
    let table = DeTable::parse(text).map_err(|error| refused(path, error.message()))?;
    Ok(table.into_inner())
}

fn table<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Option<&'t DeTable<'a>> {
    table.get(key)?.get_ref().as_table()
}

fn string<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

/// Reads a text, naming the file if that fails.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    fs::read_to_string(path).map_err(|error| at(path, &error))
}

pub(crate) fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

pub(crate) fn refused(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}
