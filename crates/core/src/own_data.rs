//! Data that users bring. On the command line they are `format:PATH`, such as `csv:iris.csv`; the
//! format is a registered data set that is read from any such path.
//!
//! Trials must not depend on where a file lies, so they name its content: `csv:iris@3fa94c1b` has the
//! stem of the file and the first digits of a digest. Where it lies stands in [`DataSources::own`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dst_record::registry::Plugin;

use crate::dataset::{DataSources, Dataset};
use crate::error::{Error, Result};
use crate::plugin::DatasetPlugin;

/// Digits of the digest that stand in a name: 32 bits, to tell a user's data apart. The whole digest is
/// in every result.
const DIGITS: usize = 8;

/// How a data set reads what a user names.
#[derive(Debug)]
pub struct OwnData {
    /// What is named, in capitals: `FOLDER` or `FILE`.
    pub argument: &'static str,
    /// How the names of such files end, without the dot: a path that is typed without its format is told
    /// which it may be. Empty for folders.
    pub endings: &'static [&'static str],
    /// Well-known data sets that come as such files, in small letters and without spaces or signs, such as
    /// `fashionmnist`: whoever types one by its name is told the format.
    pub published: &'static [&'static str],
    /// SHA-256 in hexadecimal of all that can be read from the path, whatever the options are. It
    /// depends neither on the path nor on files that nobody would read. A data set that is nothing else
    /// has it as its [`Dataset::digest`].
    pub digest: fn(&Path) -> Result<String>,
}

/// The format and the path of `format:PATH`; none if it does not begin with the name of a format.
///
/// # Errors
/// If a format is named without a path, or two plug-ins have one name.
pub fn address(text: &str) -> Result<Option<(&'static DatasetPlugin, &Path)>> {
    let (format, path) = text.split_once(':').unwrap_or((text, ""));
    let Some((plugin, own)) = format_of(format)? else { return Ok(None) };
    if path.is_empty() {
        let argument = own.argument;
        return Err(Error::usage(format!("{format} reads data of yours, and names none")).hint(
            format!("write {format}:{argument}, with the path of a {}", argument.to_lowercase()),
        ));
    }
    Ok(Some((plugin, Path::new(path))))
}

/// The plug-in of that name, if it is a format.
fn format_of(name: &str) -> Result<Option<(&'static DatasetPlugin, &'static OwnData)>> {
    let plugin = DatasetPlugin::all()?.iter().find(|plugin| plugin.name == name);
    Ok(plugin.and_then(|plugin| Some((*plugin, plugin.own.as_ref()?))))
}

/// The plug-in that reads the data set that a trial names: the format of `csv:iris@3fa94c1b`, or the
/// one of that very name.
///
/// # Errors
/// If there is none; the nearest name is suggested.
pub fn plugin_of(dataset: &str) -> Result<&'static DatasetPlugin> {
    match dataset.split_once(':').map(|(format, _)| format_of(format)).transpose()?.flatten() {
        Some((plugin, _)) => Ok(plugin),
        None => DatasetPlugin::find(dataset),
    }
}

/// What a text may mean that names no data set: `csv:iris.csv` if it is `iris.csv`, or a format that is
/// mistyped. A folder may be of each format that reads folders.
///
/// # Errors
/// If two plug-ins have one name.
pub fn meant(text: &str) -> Result<Vec<String>> {
    // What stands before a colon may be meant as a format.
    let path = match text.split_once(':') {
        Some((_, path)) if !Path::new(text).exists() => path,
        _ => text,
    };
    let place = Path::new(path);
    let ending = place.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let is_folder = place.is_dir() || path.ends_with(std::path::is_separator);
    let fits = |own: &&OwnData| match own.endings {
        [] => is_folder,
        endings => !is_folder && endings.iter().any(|known| known.eq_ignore_ascii_case(ending)),
    };
    let plugins = DatasetPlugin::all()?.iter();
    let formats = plugins.clone().filter(|plugin| plugin.own.as_ref().filter(fits).is_some());
    let mut meant: Vec<String> = formats.map(|plugin| format!("{}:{path}", plugin.name)).collect();
    let letters = |c: &char| c.is_ascii_alphanumeric();
    let word: String = text.to_ascii_lowercase().chars().filter(letters).collect();
    let own = plugins.filter_map(|plugin| Some((plugin.name, plugin.own.as_ref()?)));
    let published = own.filter(|(_, own)| own.published.contains(&&*word));
    meant.extend(published.map(|(name, own)| format!("{name}:{}", own.argument)));
    Ok(meant)
}

/// What trials call the data at a path, with the path from the root of the file system.
///
/// The data are read for their digest once a process, however often they are named.
///
/// # Errors
/// If the plug-in is no format, nothing is there, or it cannot be read.
pub fn named(plugin: &DatasetPlugin, path: &Path) -> Result<(String, PathBuf)> {
    static KNOWN: Mutex<BTreeMap<(&str, PathBuf), String>> = Mutex::new(BTreeMap::new());
    let own = plugin
        .own
        .as_ref()
        .ok_or_else(|| Error::contract(format!("{} reads no data of users", plugin.name)))?;
    let at = |error: Error| error.at(format!("{}:{}", plugin.name, path.display()));
    let real = path.canonicalize().map_err(|error| {
        let missing = error.kind() == std::io::ErrorKind::NotFound;
        let error = if missing {
            Error::data("there is no such file or folder")
        } else {
            Error::io("read", path, &error)
        };
        at(error.hint("relative paths begin in the folder where the command is typed"))
    })?;
    // A link has the name that the user knows. Only `..` and the like have none.
    let place = match path.file_name() {
        Some(_) => {
            std::path::absolute(path).map_err(|error| at(Error::io("find", path, &error)))?
        }
        None => real,
    };
    let key = (plugin.name, place.clone());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known().get(&key).cloned();
    let digest = match found {
        Some(digest) => digest,
        None => {
            let digest = (own.digest)(&place).map_err(at)?;
            known().insert(key, digest.clone());
            digest
        }
    };
    Ok((name(plugin.name, &place, &digest), place))
}

/// `format:stem@digits`.
fn name(format: &str, place: &Path, digest: &str) -> String {
    let stem = place.file_name().unwrap_or_default().to_string_lossy();
    // Endings say how a file is written and packed, and not what it holds.
    let stem = stem.split('.').find(|part| !part.is_empty()).unwrap_or_default();
    let plain = |c: char| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let stem: String = stem.chars().map(plain).collect();
    format!("{format}:{stem}@{}", digest.get(..DIGITS).unwrap_or(digest))
}

impl DataSources {
    /// The same places for the data set `name`: if a user brought it, with its path.
    ///
    /// # Errors
    /// If it is the user's, and its path is not known.
    pub fn for_dataset(&self, plugin: &DatasetPlugin, name: &str) -> Result<Self> {
        let Some(own) = &plugin.own else { return Ok(self.clone()) };
        let place = self.own.get(name).cloned().ok_or_else(|| {
            let argument = own.argument;
            Error::usage(format!("where {name} lies is not known"))
                .hint(format!("name it as {}:{argument} in --datasets of a grid", plugin.name))
        })?;
        if !place.exists() {
            return Err(Error::data(format!("{} is not there any more", place.display()))
                .at(name.to_owned())
                .hint(format!(
                    "name its present place as {}:{} in a grid",
                    plugin.name, own.argument
                )));
        }
        Ok(Self { place: Some(place), ..self.clone() })
    }

    /// The path that the user named; for plug-ins that have [`OwnData`].
    ///
    /// # Errors
    /// If there is none.
    pub fn place(&self) -> Result<&Path> {
        self.place.as_deref().ok_or_else(|| Error::data("it is read from a path that you name"))
    }
}

/// Is what was loaded what its name says?
///
/// # Errors
/// If the data at the path are others by now.
pub(crate) fn check(name: &str, own: &OwnData, place: &Path, dataset: &dyn Dataset) -> Result<()> {
    let Some((_, digits)) = name.rsplit_once('@') else { return Ok(()) };
    // Most data sets have that very digest; that of texts is of the vocabulary too.
    if dataset.digest().starts_with(digits) {
        return Ok(());
    }
    let digest = (own.digest)(place)?;
    if digest.starts_with(digits) {
        return Ok(());
    }
    Err(Error::data(format!(
        "{} has changed: its digest begins with {} now",
        place.display(),
        digest.get(..DIGITS).unwrap_or_default()
    ))
    .at(name.to_owned())
    .hint("changed data are another data set: name the path in a grid again, or put the old data back"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_stem_and_the_first_digits() {
        let digest = "3fa94c1b00";
        let name = |path: &str| name("csv", Path::new(path), digest);
        assert_eq!(name("/data/iris.csv"), "csv:iris@3fa94c1b");
        assert_eq!(name("/data/my flowers, new.tar.gz"), "csv:my-flowers--new@3fa94c1b");
        assert_eq!(name("/data/.hidden.csv"), "csv:hidden@3fa94c1b");
        assert_eq!(name("/"), "csv:@3fa94c1b");
    }

    #[test]
    fn what_is_no_format_is_found_by_its_name() {
        assert!(address("mnist").unwrap().is_none());
        assert!(address("glue/sst2").unwrap().is_none());
        assert!(address("nothing:here").unwrap().is_none());
        assert!(plugin_of("nothing:here").is_err());
    }
}
