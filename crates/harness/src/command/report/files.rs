//! The folder of a report: what was written there, and what is no longer part of it.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dst_analysis::Document;
use dst_core::{Error, Result};

use dst_store::file::{self, Durability};

/// Lists the files that a report wrote, one a line.
const LIST: &str = ".report-files";

/// A report has always written this file, and begun it with these words.
const ANALYSIS: &str = "analysis.toml";
const ANALYSIS_BEGINS: &str = "# How the trials of this report are compared";

/// Writes the documents to `folder`, and deletes what an earlier report wrote there and this one does
/// not. Files of others are neither overwritten nor deleted.
///
/// # Errors
/// If a document would overwrite a file that no report wrote (nothing is written then), or the system
/// refuses.
pub(super) fn write(folder: &Path, documents: &[Document]) -> Result<Vec<PathBuf>> {
    let earlier = written(folder)?;
    let mut names = BTreeSet::new();
    let mut paths = Vec::new();
    for document in documents {
        let path = folder.join(document.path()?);
        if !earlier.contains(&document.name) && is_of_others(&path, &document.bytes)? {
            return Err(Error::usage(format!(
                "{} is there already, and no report wrote it",
                path.display()
            ))
            .hint("move it, or name another folder with --out"));
        }
        names.insert(document.name.clone());
        paths.push(path);
    }
    // What is about to be written is ours even if this process dies before the end.
    remember(folder, earlier.union(&names))?;
    for (document, path) in documents.iter().zip(&paths) {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| Error::io("create", parent, &error))?;
        }
        file::replace(path, &document.bytes, Durability::Cached)?;
    }
    for name in earlier.difference(&names) {
        delete(folder, name)?;
    }
    remember(folder, names.iter())?;
    Ok(paths)
}

/// Names of the files that an earlier report wrote. A folder of a version that kept no list is known by
/// its `analysis.toml`: everything in it that a report could have written is a report's.
fn written(folder: &Path) -> Result<BTreeSet<String>> {
    let list = folder.join(LIST);
    match fs::read(&list) {
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            // A damaged line names nothing outside the folder.
            let safe = |name: &&str| {
                Document { name: (*name).to_owned(), bytes: Vec::new() }.path().is_ok()
            };
            return Ok(text.lines().filter(safe).map(str::to_owned).collect());
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("read", &list, &error)),
    }
    let known = fs::read(folder.join(ANALYSIS))
        .is_ok_and(|bytes| bytes.starts_with(ANALYSIS_BEGINS.as_bytes()));
    if !known {
        return Ok(BTreeSet::new());
    }
    let mut names = BTreeSet::new();
    collect(folder, "", &mut names);
    Ok(names)
}

/// Names of plain files of the kinds that reports write, below a folder.
fn collect(folder: &Path, prefix: &str, names: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let full = format!("{prefix}{name}");
        let is_ours = !prefix.is_empty() || matches!(&*full, "figures" | "tensorboard");
        if kind.is_dir() && is_ours {
            collect(&entry.path(), &format!("{full}/"), names);
            continue;
        }
        let ours = ["csv", "svg", "html", "md", "tex", "toml", "json", "bib"];
        let extension = Path::new(&name).extension().and_then(|extension| extension.to_str());
        let is_ours = extension.is_some_and(|extension| ours.contains(&extension))
            || name.starts_with("events.out.tfevents");
        if kind.is_file() && is_ours {
            names.insert(full);
        }
    }
}

/// Does a file exist there with other bytes?
fn is_of_others(path: &Path, bytes: &[u8]) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(about) if about.is_file() => {
            let same = about.len() == bytes.len() as u64
                && fs::read(path).is_ok_and(|there| there == bytes);
            Ok(!same)
        }
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(Error::io("look at", path, &error)),
    }
}

fn remember<'n>(folder: &Path, names: impl Iterator<Item = &'n String>) -> Result<()> {
    let text: String = names.map(|name| format!("{name}\n")).collect();
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    file::replace(&folder.join(LIST), text.as_bytes(), Durability::Cached)
}

/// Deletes a file of an earlier report, and folders that are empty without it.
fn delete(folder: &Path, name: &str) -> Result<()> {
    let path = folder.join(Document { name: name.to_owned(), bytes: Vec::new() }.path()?);
    match fs::remove_file(&path) {
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(Error::io("delete", &path, &error));
        }
        _ => {}
    }
    for parent in path.ancestors().skip(1).take_while(|parent| *parent != folder) {
        // It fails where something is left, and should.
        if fs::remove_dir(parent).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(name: &str, text: &str) -> Document {
        Document { name: name.to_owned(), bytes: text.as_bytes().to_vec() }
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut all = BTreeSet::new();
        collect(folder, "", &mut all);
        all.into_iter().collect()
    }

    #[test]
    fn what_is_no_longer_written_goes_and_files_of_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, &[document("a.csv", "1"), document("figures/b.svg", "2")]).unwrap();
        fs::write(folder.join("notes.md"), "mine").unwrap();
        write(folder, &[document("a.csv", "3"), document("c.csv", "4")]).unwrap();
        assert_eq!(names(folder), ["a.csv", "c.csv", "notes.md"]);
        assert_eq!(fs::read_to_string(folder.join("a.csv")).unwrap(), "3");
        assert!(!folder.join("figures").exists());
    }

    #[test]
    fn a_file_of_somebody_else_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("trials.csv"), "mine").unwrap();
        let documents = [document("a.csv", "1"), document("trials.csv", "2")];
        let error = write(folder, &documents).unwrap_err().to_string();
        assert!(error.contains("is there already, and no report wrote it"), "{error}");
        assert_eq!(names(folder), ["trials.csv"]);
        assert_eq!(fs::read_to_string(folder.join("trials.csv")).unwrap(), "mine");
    }

    #[test]
    fn a_folder_of_an_earlier_version_is_known_by_its_analysis() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join(ANALYSIS), format!("{ANALYSIS_BEGINS}; x\n")).unwrap();
        fs::create_dir(folder.join("figures")).unwrap();
        fs::write(folder.join("figures/old.svg"), "old").unwrap();
        fs::write(folder.join("trials.csv"), "old").unwrap();
        write(folder, &[document("trials.csv", "new")]).unwrap();
        assert_eq!(names(folder), ["trials.csv"]);
    }

    #[test]
    fn a_damaged_list_reaches_nothing_outside() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("report");
        fs::create_dir(&folder).unwrap();
        fs::write(outer.path().join("precious.csv"), "x").unwrap();
        fs::write(folder.join(LIST), b"../precious.csv\n\xff\n/etc/x\n").unwrap();
        write(&folder, &[document("a.csv", "1")]).unwrap();
        assert!(outer.path().join("precious.csv").exists());
    }
}
