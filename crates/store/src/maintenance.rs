//! What is wrong with a store, how it is mended, and what only takes space.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dst_analysis::Seen;
use dst_record::{Error, Result};
use serde::Serialize;

use crate::lease::{self, Attempts};
use crate::marker::{MARKER, read_marker};
use crate::seal::Seal;
use crate::{DATA, GRIDS, Store, grid, looks, names, trial, weights};

/// How long a file must lie that looks half written before it counts as left by a process that died.
const SETTLED: Duration = Duration::from_secs(600);

/// Something that is wrong at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What is concerned.
    pub kind: FindingKind,
    /// The file or the folder, below that of the store.
    pub place: PathBuf,
    /// What is wrong.
    pub what: String,
}

/// What a finding concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// `store.json`. It is written anew.
    Marker,
    /// What a trial trains. Only its grid can write that anew.
    Specification,
    /// What stands where the folder of a trial belongs and is none. It is set aside.
    Folder,
    /// A result, or a file that it counts. It is set aside, and its grid trains the trial again.
    Result,
    /// A result or a record of a grid without digests, from an earlier version. It gets them.
    Unsealed,
    /// The record of a grid. It is set aside, and the grid writes it anew.
    Grid,
    /// After how many seeds verdicts were shown. It is set aside and begins anew, with a word that
    /// earlier looks are lost.
    Looks,
    /// A network that was kept. It is set aside, and no result depends on it.
    Weights,
    /// Something among the attempts at a trial that is none. It is set aside.
    Attempt,
}

impl FindingKind {
    /// Is something lost, or would be believed wrongly?
    pub fn is_damage(self) -> bool {
        self != Self::Unsealed
    }

    /// Can [`Store::repair`] mend it?
    pub fn is_mendable(self) -> bool {
        self != Self::Specification
    }
}

/// Something that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waste {
    /// The file or the folder, below that of the store.
    pub place: PathBuf,
    /// What it is.
    pub what: &'static str,
    /// Its size.
    pub bytes: u64,
}

/// What counts as waste.
#[derive(Debug, Clone, Copy, Default)]
pub struct WasteOptions {
    /// Results and other files that were set aside too.
    pub set_aside: bool,
}

impl Store {
    /// Reads everything in the store and says what is wrong, in the order of places.
    ///
    /// # Errors
    /// If the system refuses to read.
    pub fn verify(&self) -> Result<Vec<Finding>> {
        let mut findings = Vec::new();
        let mut find = |kind, place: &Path, what: String| {
            let place = place.strip_prefix(&self.root).unwrap_or(place).to_owned();
            findings.push(Finding { kind, place, what });
        };
        if read_marker(&self.root)?.is_none() {
            find(FindingKind::Marker, &self.root.join(MARKER), "it is missing or damaged".into());
        }
        let folder = self.root.join(GRIDS);
        for name in names(&folder)?.iter().filter(|name| is_record(name)) {
            let path = folder.join(name);
            match grid::parse(&path).map_err(damage) {
                Ok(Some((_, Seal::None))) => find(FindingKind::Unsealed, &path, unsealed()),
                Ok(_) => {}
                Err(error) => find(FindingKind::Grid, &path, error?),
            }
        }
        if let Err(error) = looks::parse(&self.root) {
            find(FindingKind::Looks, &looks::path(&self.root), damage(error)?);
        }
        for id in self.ids()? {
            let folder = self.folder(&id);
            if !folder.is_dir() {
                let what = "this is no folder, and that of a trial belongs here".to_owned();
                find(FindingKind::Folder, &folder, what);
                continue;
            }
            if names(&folder)?.is_empty() {
                // Nobody has begun it.
                continue;
            }
            match trial::read_spec(&folder, &id).map_err(damage) {
                Ok(Some(_)) => {}
                Ok(None) => find(FindingKind::Specification, &folder, "it has none".into()),
                Err(error) => find(FindingKind::Specification, &folder, error?),
            }
            for name in lease::strangers(&folder)? {
                let what = "it is no attempt of this store".to_owned();
                find(FindingKind::Attempt, &lease::folder(&folder).join(name), what);
            }
            match trial::parse_result(&folder, &id).map_err(damage) {
                Ok(None) => {}
                Err(error) => find(FindingKind::Result, &folder, error?),
                Ok(Some((result, seal))) => {
                    let checked = trial::check_files(&folder, &id, &result);
                    let checked = checked.and_then(|()| self.belongs(&id, &result));
                    match checked.map_err(damage) {
                        Err(error) => find(FindingKind::Result, &folder, error?),
                        Ok(()) if seal == Seal::None => {
                            find(FindingKind::Unsealed, &folder.join(trial::RESULT), unsealed());
                        }
                        Ok(()) => {}
                    }
                    if let Err(error) =
                        trial::read_counted(&folder, weights::WEIGHTS, &result).map_err(damage)
                    {
                        find(FindingKind::Weights, &folder.join(weights::WEIGHTS), error?);
                    }
                }
            }
        }
        findings.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(findings)
    }

    /// Mends what [`Store::verify`] found; says whether it could. Nothing is deleted: what is damaged
    /// gets another name.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn repair(&self, finding: &Finding) -> Result<bool> {
        let path = self.root.join(&finding.place);
        match finding.kind {
            FindingKind::Specification => return Ok(false),
            FindingKind::Marker => Self::create(&self.root).map(|_| ())?,
            FindingKind::Result => trial::set_aside(&path, "damaged")?,
            FindingKind::Looks => looks::begin_anew(&self.root, &Seen::new())?,
            FindingKind::Grid
            | FindingKind::Folder
            | FindingKind::Weights
            | FindingKind::Attempt => trial::move_aside(&path, "damaged")?,
            FindingKind::Unsealed if path.parent() == Some(&self.root.join(GRIDS)) => {
                grid::seal(&path)?;
            }
            FindingKind::Unsealed => {
                let folder = path.parent().unwrap_or(&self.root);
                let id = folder.file_name().unwrap_or_default().to_string_lossy();
                trial::seal_result(folder, &id)?;
            }
        }
        Ok(true)
    }

    /// What nobody needs: what processes left that were killed while they wrote, and checkpoints of
    /// trials that finished. Trials at work are passed over.
    ///
    /// # Errors
    /// If the system refuses to read.
    pub fn waste(&self, options: WasteOptions) -> Result<Vec<Waste>> {
        let mut waste = Vec::new();
        let mut add = |path: PathBuf, what| {
            let place = path.strip_prefix(&self.root).unwrap_or(&path).to_owned();
            waste.push(Waste { place, what, bytes: bytes_of(&path) });
        };
        let mut folders = vec![self.root.clone(), self.root.join(GRIDS)];
        for id in self.ids()? {
            let folder = self.folder(&id);
            let attempts = lease::attempts(&folder)?;
            if matches!(attempts, Attempts::Held(_)) {
                continue;
            }
            let checkpoint = folder.join("checkpoint");
            let result = trial::read_result(&folder, &id).ok().flatten();
            let is_over = result.is_some_and(|result| result.outcome.is_some());
            if is_over && checkpoint.is_dir() {
                add(checkpoint, "checkpoint of a trial that ended");
            }
            folders.push(lease::folder(&folder));
            folders.push(folder);
        }
        for folder in folders {
            for name in names(&folder)? {
                if is_half_written(&name) && is_settled(&folder.join(&name)) {
                    add(folder.join(name), "left by a process that was killed");
                } else if options.set_aside && is_set_aside(&name) {
                    add(folder.join(name), "set aside");
                }
            }
        }
        waste.sort_by(|a, b| a.place.cmp(&b.place));
        Ok(waste)
    }

    /// Removes such waste.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn remove(&self, waste: &Waste) -> Result<()> {
        let path = self.root.join(&waste.place);
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        };
        match removed {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", &path, &error))
            }
            _ => Ok(()),
        }
    }
}

/// The words of damage; an error that is none stays one.
fn damage(error: Error) -> Result<String> {
    if error.kind() == DATA { Ok(error.one_line()) } else { Err(error) }
}

fn unsealed() -> String {
    "an earlier version wrote it, without digests".into()
}

fn is_record(name: &str) -> bool {
    !name.starts_with('.') && name.ends_with(".json")
}

/// Hidden names of files that are not whole yet end in the process and a count; trials that get another
/// name end in `.partial`.
fn is_half_written(name: &str) -> bool {
    let Some(name) = name.strip_prefix('.') else { return false };
    let mut parts = name.rsplit('.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.parse::<u64>().is_ok());
    name.ends_with(".partial")
        || name.starts_with("tmp")
        || (is_number(parts.next()) && is_number(parts.next()))
}

/// Has nobody written to it for a while? A file that is not whole may be of a process that writes it.
fn is_settled(path: &Path) -> bool {
    let written = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|passed| passed >= SETTLED))
}

/// Names such as `result.json.failed-1`.
fn is_set_aside(name: &str) -> bool {
    let Some((name, number)) = name.rsplit_once('-') else { return false };
    let why = name.rsplit('.').next().unwrap_or_default();
    number.parse::<u32>().is_ok()
        && name.contains('.')
        && why.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn bytes_of(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| bytes_of(&entry.path())).sum()
}

#[cfg(test)]
mod tests {
    use dst_analysis::Analysis;
    use serde_json::Value;

    use super::*;
    use crate::testing::{end, spec, success};
    use crate::{GridRecord, TrialState};

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        for seed in 0..4 {
            let trial = spec("set", seed);
            store.add(&trial).unwrap();
            end(&store, &success(&trial)).unwrap();
        }
        let grid = GridRecord::new("grid", &[spec("set", 0)], Analysis::default());
        store.remember_grid(&grid).unwrap();
        (folder, store)
    }

    fn without_seals(path: &Path) {
        let mut value: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let fields = value.as_object_mut().unwrap();
        fields.retain(|key, _| key != "digest" && key != "files");
        fs::write(path, value.to_string()).unwrap();
    }

    #[test]
    fn what_stands_in_the_place_of_folders_and_files_is_set_aside() {
        let (_folder, store) = store();
        let folder = |seed| store.folder(&spec("set", seed).id());
        let link = |place: &Path| std::os::unix::fs::symlink("nowhere", place).unwrap();
        fs::remove_dir_all(folder(0)).unwrap();
        fs::write(folder(0), "no folder").unwrap();
        fs::remove_dir_all(folder(1)).unwrap();
        link(&folder(1));
        fs::remove_file(folder(2).join("result.json")).unwrap();
        link(&folder(2).join("result.json"));
        fs::remove_file(folder(3).join("result.json")).unwrap();
        fs::create_dir(folder(3).join("result.json")).unwrap();

        // What can be read is read, and nothing is begun where it could not end.
        assert_eq!(store.records().unwrap().all.len(), 0);
        assert!(store.records().unwrap().damaged.len() >= 3);
        for seed in [0, 1] {
            assert_eq!(store.add(&spec("set", seed)).unwrap_err().kind(), DATA, "{seed}");
        }
        assert!(matches!(store.state(&spec("set", 2).id()).unwrap(), TrialState::Damaged(_)));
        store.waste(WasteOptions::default()).unwrap();

        let findings = store.verify().unwrap();
        let mut kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
        kinds.sort();
        use FindingKind::{Folder, Result};
        assert_eq!(kinds, [Folder, Folder, Result, Result]);
        assert!(findings.iter().all(|finding| store.repair(finding).unwrap()));
        assert_eq!(store.verify().unwrap(), []);
        for seed in 0..4 {
            let trial = spec("set", seed);
            store.add(&trial).unwrap();
            assert!(!matches!(store.state(&trial.id()).unwrap(), TrialState::Ended { .. }));
        }
    }

    #[test]
    fn what_is_wrong_is_found_named_and_mended() {
        let (_folder, store) = store();
        assert_eq!(store.verify().unwrap(), []);
        let place = |seed: u64, name: &str| store.folder(&spec("set", seed).id()).join(name);
        let grid =
            store.root().join("grids").join(names(&store.root().join("grids")).unwrap()[0].clone());
        fs::remove_file(store.root().join("store.json")).unwrap();
        fs::write(store.root().join("looks.json"), b"\xff").unwrap();
        fs::write(&grid, "{").unwrap();
        fs::write(place(0, "spec.json"), "{").unwrap();
        fs::write(place(1, "result.json"), b"\xff").unwrap();
        without_seals(&place(2, "result.json"));
        fs::write(place(3, "attempts/4294967295.json"), "{}").unwrap();
        let findings = store.verify().unwrap();
        let mut kinds: Vec<_> = findings.iter().map(|finding| finding.kind).collect();
        kinds.sort();
        assert_eq!(
            kinds,
            [
                FindingKind::Marker,
                FindingKind::Specification,
                FindingKind::Result,
                FindingKind::Unsealed,
                FindingKind::Grid,
                FindingKind::Looks,
                FindingKind::Attempt,
            ]
        );
        for finding in &findings {
            assert_eq!(store.repair(finding).unwrap(), finding.kind.is_mendable(), "{finding:?}");
        }
        let left = store.verify().unwrap();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(left[0].kind, FindingKind::Specification);
        assert!(left[0].what.contains("no specification of a trial"), "{}", left[0].what);
        // Its grid mends that; a result that was set aside is to be trained again.
        store.add(&spec("set", 0)).unwrap();
        assert_eq!(store.verify().unwrap(), []);
        let states = [0, 1].map(|seed| store.checked_state(&spec("set", seed).id()).unwrap());
        assert!(matches!(states[0], TrialState::Ended { .. }));
        assert_eq!(states[1], TrialState::Interrupted);
    }

    #[test]
    fn records_of_earlier_versions_get_their_digests() {
        let (_folder, store) = store();
        let folder = store.root().join("grids");
        let grid = folder.join(&names(&folder).unwrap()[0]);
        without_seals(&grid);
        let findings = store.verify().unwrap();
        assert_eq!(findings.len(), 1);
        assert!(!findings[0].kind.is_damage());
        assert!(store.repair(&findings[0]).unwrap());
        assert_eq!(store.verify().unwrap(), []);
        assert!(fs::read_to_string(&grid).unwrap().contains("digest"));
    }

    #[test]
    fn only_what_nobody_needs_is_waste() {
        let (_folder, store) = store();
        assert_eq!(store.waste(WasteOptions { set_aside: true }).unwrap(), []);
        let ended = store.folder(&spec("set", 0).id());
        let open = spec("set", 9);
        store.add(&open).unwrap();
        let open = store.folder(&open.id());
        for folder in [&ended, &open] {
            fs::create_dir(folder.join("checkpoint")).unwrap();
            fs::write(folder.join("checkpoint/000001-0.safetensors"), [0; 100]).unwrap();
        }
        fs::write(ended.join(".history.csv.my.host.4711.3"), [0; 10]).unwrap();
        fs::write(store.root().join(".store.json.host.1.0"), [0; 5]).unwrap();
        fs::write(ended.join("result.json.failed-1"), [0; 7]).unwrap();
        fs::write(ended.join("result.json.other-code-12"), [0; 7]).unwrap();
        let half_written = |folder: &Path| {
            let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
            let hidden =
                entries.filter(|path| path.file_name().unwrap().as_encoded_bytes()[0] == b'.');
            hidden.collect::<Vec<_>>()
        };
        let now = store.waste(WasteOptions::default()).unwrap();
        assert_eq!(now.iter().map(|waste| waste.bytes).collect::<Vec<_>>(), [100], "{now:?}");
        for path in half_written(&ended).into_iter().chain(half_written(store.root())) {
            let before = std::time::SystemTime::now() - SETTLED;
            fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
        }
        let sizes = |options| -> Vec<u64> {
            let mut sizes: Vec<u64> =
                store.waste(options).unwrap().iter().map(|waste| waste.bytes).collect();
            sizes.sort();
            sizes
        };
        assert_eq!(sizes(WasteOptions::default()), [5, 10, 100]);
        assert_eq!(sizes(WasteOptions { set_aside: true }), [5, 7, 7, 10, 100]);
        for waste in store.waste(WasteOptions { set_aside: true }).unwrap() {
            store.remove(&waste).unwrap();
        }
        assert_eq!(sizes(WasteOptions { set_aside: true }), [0; 0]);
        assert!(open.join("checkpoint").exists(), "a trial that goes on needs it");
        assert_eq!(store.records().unwrap().all.len(), 4);
    }
}
