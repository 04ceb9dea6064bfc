//! The run store: one folder per trial, named by the trial's id.
//!
//! ```text
//! runs/
//!   store.json                 format of the store
//!   grids/<id>.json            what was planned, and how it was to be compared
//!   <trial>/spec.json          what is to be trained
//!   <trial>/attempts/<n>.json  who works on it; see `lease`
//!   <trial>/log.txt            what the processes of its attempts wrote to stderr
//!   <trial>/history.csv        epochs
//!   <trial>/layers.csv         layers by epoch
//!   <trial>/ages.csv           connections by layer and age
//!   <trial>/predictions.safetensors   predictions on the test set
//!   <trial>/masks.safetensors  connections after the last step, at a sample of places
//!   <trial>/weights.safetensors   the network that the test set was read with, if it is kept
//!   <trial>/progress.json      how far it is; removed when it has ended by itself
//!   <trial>/checkpoint/        where it stood; removed when it has ended by itself
//!   <trial>/result.json        how it ended: its presence means done
//! ```
//!
//! A result is written beside, brought to the disk and only then given its name, so it is whole
//! or absent; the first attempt that completes wins.

pub(crate) mod file;
mod grid;
mod looks;
mod lookup;
mod masks;
mod predictions;
mod progress;
mod table;
mod trial;
mod weights;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dst_analysis::Seen;
use dst_core::record::{Collapse, Provenance, Status, TrialRecord, TrialSpec};
use dst_core::{Error, Keep, Result};
use serde::{Deserialize, Serialize};

use crate::lease::{self, Attempts, Holder};
use file::Durability;
pub use grid::GridRecord;
pub(crate) use masks::write_masks;
use predictions::SharedTargets;
pub(crate) use predictions::write_predictions;
pub use progress::TrialProgress;
pub(crate) use progress::{remove_progress, write_progress};
pub use trial::{RowCounts, TrialResult};
pub(crate) use trial::{table_rows, write_result, write_tables};
pub(crate) use weights::{remove_weights, write_weights};

/// The format that this version writes and the newest that it reads.
const FORMAT: u32 = 1;

/// A folder of trials.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Where a trial stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialState {
    /// Nobody has begun it.
    Pending,
    /// Somebody works on it.
    Running(Holder),
    /// It was begun and goes on from its checkpoint, if it got to one.
    Interrupted,
    /// It has a result.
    Ended {
        /// How it ended.
        status: Status,
        /// Why it did not finish; empty if it did.
        reason: String,
        /// In which way it collapsed, if it did.
        collapse: Option<Collapse>,
    },
    /// Its result cannot be used, for this reason. It counts as not done.
    Damaged(String),
}

#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: u32,
}

impl Store {
    /// Opens a store that exists.
    ///
    /// # Errors
    /// If there is none, or it is of a newer format.
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join("store.json");
        let Some(text) = file::read_optional(&path)? else {
            let what = if root.is_dir() { "is no run store" } else { "does not exist" };
            return Err(Error::usage(format!("{} {what}", root.display()))
                .hint("pass --store with the folder of a grid, or start a grid to make one"));
        };
        // Only the format is looked at: what else a newer version keeps here is its own affair.
        let marker: Marker = serde_json::from_str(&text).map_err(|error| {
            Error::data(format!("this does not name a format: {error}"))
                .at(path.display().to_string())
                .hint("if the folder is a run store, write {\"format\": 1} into that file")
        })?;
        if marker.format > FORMAT {
            return Err(Error::usage(format!(
                "{} has format {}, and this version reads up to {FORMAT}",
                root.display(),
                marker.format
            ))
            .hint("use the newer harness that wrote it, or another --store"));
        }
        Ok(Self { root: root.to_owned() })
    }

    /// Opens a store, making it if the folder is absent or empty, and checks that it can be
    /// written.
    ///
    /// # Errors
    /// If the folder holds something else, is a file, or cannot be written.
    pub fn create(root: &Path) -> Result<Self> {
        fs::create_dir_all(root).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => not_a_folder(root),
            _ => Error::io("create", root, &error),
        })?;
        let path = root.join("store.json");
        if !path.exists() {
            refuse_foreign(root)?;
            let mut bytes = to_json(&Marker { format: FORMAT })?;
            bytes.push(b'\n');
            file::create(&path, &bytes, Durability::Synced)?;
        }
        let store = Self::open(root)?;
        tempfile::NamedTempFile::new_in(root)
            .map_err(|error| Error::io("write to", root, &error))?;
        Ok(store)
    }

    /// The store at `root`, if there is one yet; makes nothing.
    ///
    /// # Errors
    /// If [`Store::create`] would not take the folder.
    pub fn open_if_there(root: &Path) -> Result<Option<Self>> {
        if root.join("store.json").exists() {
            return Self::open(root).map(Some);
        }
        if root.is_dir() {
            refuse_foreign(root)?;
        } else if root.exists() {
            return Err(not_a_folder(root));
        }
        Ok(None)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a trial.
    pub fn folder(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// Ids of all trials that have a folder, sorted.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let mut ids: Vec<String> =
            names(&self.root)?.into_iter().filter(|name| is_id(name)).collect();
        ids.sort();
        Ok(ids)
    }

    /// What the trial of that id trains.
    ///
    /// # Errors
    /// If it is unknown, unreadable, or not the specification that has this id.
    pub fn spec(&self, id: &str) -> Result<TrialSpec> {
        trial::read_spec(&self.folder(id), id)?.ok_or_else(|| {
            Error::usage(format!("{} has no trial {id}", self.root.display()))
                .hint("`harness status` lists its trials")
        })
    }

    /// What all trials train, sorted as [`Store::records`].
    ///
    /// # Errors
    /// As [`Store::spec`].
    pub fn specs(&self) -> Result<Vec<TrialSpec>> {
        let mut specs = in_parallel(&self.ids()?, |id| trial::read_spec(&self.folder(id), id))?;
        specs.sort_by_cached_key(sort_key);
        Ok(specs)
    }

    /// Makes the folder of a trial with its specification, unless it is there.
    ///
    /// # Errors
    /// If the folder holds another specification, or cannot be written.
    pub fn add(&self, spec: &TrialSpec) -> Result<()> {
        trial::write_spec(&self.folder(&spec.id()), spec)
    }

    /// Keeps that a trial was refused before anything was trained, and why, unless it ended in another
    /// way before.
    ///
    /// # Errors
    /// If its folder holds another specification or cannot be written.
    pub fn refuse(&self, spec: &TrialSpec, reason: &str, provenance: Provenance) -> Result<()> {
        self.add(spec)?;
        let (id, folder) = (spec.id(), self.folder(&spec.id()));
        match self.state(&id)? {
            TrialState::Ended { status: Status::Refused, reason: earlier, .. } => {
                if earlier == reason {
                    return Ok(());
                }
                self.set_aside(&id, "refused")?;
            }
            TrialState::Ended { .. } => return Ok(()),
            _ => {}
        }
        let result = TrialResult {
            trial: id,
            status: Status::Refused,
            reason: reason.to_owned(),
            collapse: None,
            outcome: None,
            confusion: Vec::new(),
            rows: RowCounts::default(),
            keep: Keep::None,
            provenance,
        };
        write_result(&folder, &result).map(|_| ())
    }

    /// Makes the trial `earlier`, which ended, the trial `spec`: the same training, whose parameters have
    /// other names now. Says whether it did: not if there is no such trial, or one of the new id.
    ///
    /// The trial is copied under a hidden name, which then becomes the new one, so that nothing is
    /// lost wherever this is interrupted.
    ///
    /// # Errors
    /// If the store cannot be read or written.
    pub fn adopt(&self, earlier: &TrialSpec, spec: &TrialSpec) -> Result<bool> {
        let (from, to) = (self.folder(&earlier.id()), self.folder(&spec.id()));
        if to.exists() || !from.exists() {
            return Ok(false);
        }
        if !matches!(self.state(&earlier.id())?, TrialState::Ended { .. }) {
            return Ok(false);
        }
        trial::copy_as(&from, &to, earlier, spec)?;
        fs::remove_dir_all(&from).map_err(|error| Error::io("remove", &from, &error))?;
        Ok(true)
    }

    /// Keeps a trial that ended elsewhere. Says whether it was kept: if there is a result
    /// already, that one stays.
    ///
    /// # Errors
    /// If its id is not that of its specification, the folder holds another specification, or it
    /// cannot be written.
    pub fn put(&self, record: &TrialRecord) -> Result<bool> {
        if record.id != record.spec.id() {
            let expected = record.spec.id();
            return Err(Error::data(format!("this specification has the id {expected}"))
                .at(format!("trial {}", record.id)));
        }
        self.add(&record.spec)?;
        trial::write_record(&self.folder(&record.id), record)
    }

    /// Where the trial of that id stands.
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub fn state(&self, id: &str) -> Result<TrialState> {
        let folder = self.folder(id);
        match trial::read_result(&folder, id) {
            Ok(Some(result)) => {
                let TrialResult { status, reason, collapse, .. } = result;
                return Ok(TrialState::Ended { status, reason, collapse });
            }
            Err(error) if error.kind() == dst_core::ErrorKind::Data => {
                return Ok(TrialState::Damaged(error.one_line()));
            }
            Err(error) => return Err(error),
            Ok(None) => {}
        }
        Ok(match lease::attempts(&folder)? {
            Attempts::None => TrialState::Pending,
            Attempts::Held(holder) => TrialState::Running(holder),
            Attempts::Idle(_) => TrialState::Interrupted,
        })
    }

    /// How the trial of that id ended, without its tables; none if it has not, or if its result
    /// is damaged.
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub fn result(&self, id: &str) -> Result<Option<TrialResult>> {
        match trial::read_result(&self.folder(id), id) {
            Err(error) if error.kind() == dst_core::ErrorKind::Data => Ok(None),
            result => result,
        }
    }

    /// How far a trial is that has not ended, as far as its worker has said so.
    pub fn progress(&self, spec: &TrialSpec) -> Option<TrialProgress> {
        progress::read_progress(&self.folder(&spec.id()), spec.training.epochs)
    }

    /// The trial of that id, if it ended.
    ///
    /// # Errors
    /// If one of its files is damaged: a torn result is not taken for a whole one.
    pub fn record(&self, id: &str) -> Result<Option<TrialRecord>> {
        trial::read_record(&self.folder(id), id)
    }

    /// All trials that ended, sorted by data set, model, strategy, parameters, sparsity and
    /// seed.
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn records(&self) -> Result<Vec<TrialRecord>> {
        self.records_of(&self.ids()?)
    }

    /// Those of the given trials that ended, sorted as [`Store::records`].
    ///
    /// # Errors
    /// As [`Store::record`].
    pub fn records_of(&self, ids: &[String]) -> Result<Vec<TrialRecord>> {
        let targets = SharedTargets::default();
        let read = |id: &str| {
            let mut record = self.record(id)?;
            record.iter_mut().for_each(|record| targets.share(record));
            Ok(record)
        };
        let mut records = in_parallel(ids, read)?;
        records.sort_by_cached_key(|record| sort_key(&record.spec));
        Ok(records)
    }

    /// Records that a grid was planned. If it was before, the time of its first start stays.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn remember_grid(&self, grid: &GridRecord) -> Result<()> {
        let folder = self.root.join("grids");
        fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, &error))?;
        let path = folder.join(format!("{}.json", grid.id()));
        file::create(&path, &to_json(grid)?, Durability::Synced).map(|_| ())
    }

    /// After how many seeds verdicts were shown, by family.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn looks(&self) -> Result<Seen> {
        looks::read(&self.root)
    }

    /// Remembers that verdicts were shown.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn remember_looks(&self, looks: &Seen) -> Result<()> {
        looks::remember(&self.root, looks)
    }

    /// All grids that were planned, the oldest first.
    ///
    /// # Errors
    /// If a record of one is damaged.
    pub fn grids(&self) -> Result<Vec<GridRecord>> {
        let folder = self.root.join("grids");
        let mut grids = Vec::new();
        for name in names(&folder)? {
            if name.starts_with('.') || !name.ends_with(".json") {
                continue;
            }
            let path = folder.join(name);
            let text = file::read_optional(&path)?.unwrap_or_default();
            let grid: GridRecord = serde_json::from_str(&text).map_err(|error| {
                Error::data(format!("this is no record of a grid: {error}"))
                    .at(path.display().to_string())
                    .hint("delete the file and start that grid again: finished trials are kept")
            })?;
            grids.push(grid);
        }
        grids.sort_by(|a, b| (&a.started, &a.command).cmp(&(&b.started, &b.command)));
        Ok(grids)
    }

    /// Moves a result aside so that the trial is trained again; `why` becomes part of its name.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_aside(&self, id: &str, why: &str) -> Result<()> {
        trial::set_aside(&self.folder(id), why)
    }
}

fn not_a_folder(root: &Path) -> Error {
    Error::usage(format!("{} is not a folder", root.display()))
        .hint("pass another place with --store")
}

/// Refuses a folder that is in use for something else.
fn refuse_foreign(root: &Path) -> Result<()> {
    // Another grid may be making the store at this moment; its file has a hidden name.
    match names(root)?.into_iter().find(|name| !name.starts_with(".store.json.")) {
        None => Ok(()),
        // The other grid was faster.
        Some(_) if root.join("store.json").exists() => Ok(()),
        Some(name) => Err(Error::usage(format!(
            "{} is not a run store and not empty: it holds {name}",
            root.display()
        ))
        .hint("pass a new or empty folder with --store")),
    }
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let refused = |error: &std::io::Error| Error::io("read", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(refused(&error)),
    };
    entries
        .map(|entry| Ok(entry.map_err(|error| refused(&error))?.file_name()))
        .map(|name| name.map(|name| name.to_string_lossy().into_owned()))
        .collect()
}

fn is_id(name: &str) -> bool {
    name.len() == 16 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn to_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value)
        .map_err(|error| Error::contract(format!("a record cannot be written: {error}")))
}

/// Sparsities are not negative, so their bits sort as they do.
fn sort_key(spec: &TrialSpec) -> (String, String, String, String, u64, u64, String) {
    (
        spec.dataset_label(),
        spec.model.to_string(),
        spec.strategy_name().to_owned(),
        spec.strategy_parameters(),
        spec.sparsity.to_bits(),
        spec.seed,
        spec.id(),
    )
}

/// Applies `read` to every id, on all cores: opening ten thousand files is mostly waiting.
fn in_parallel<T: Send>(
    ids: &[String],
    read: impl Fn(&str) -> Result<Option<T>> + Sync,
) -> Result<Vec<T>> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let share = ids.len().div_ceil(threads).max(64);
    let read = &read;
    std::thread::scope(|scope| {
        let parts: Vec<_> = ids
            .chunks(share)
            .map(|ids| {
                scope.spawn(move || {
                    ids.iter().filter_map(|id| read(id).transpose()).collect::<Result<Vec<T>>>()
                })
            })
            .collect();
        let mut all = Vec::with_capacity(ids.len());
        for part in parts {
            all.extend(part.join().expect("reading does not panic")?);
        }
        Ok(all)
    })
}

#[cfg(test)]
pub(crate) mod tests;
