//! The run store: one folder per trial, named by the trial's id.
//!
//! ```text
//! runs/
//!   store.json                 format of the store
//!   own-data/<name>            where data of users lay on this machine
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

pub mod clock;
pub mod file;
pub mod lease;
pub mod seal;
pub mod testing;

mod check;
mod grid;
mod held;
mod looks;
mod lookup;
mod maintenance;
mod marker;
mod masks;
mod merge;
mod own_data;
mod predictions;
mod progress;
mod publish;
mod table;
mod trial;
mod weights;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dst_analysis::Seen;
use dst_record::record::{Collapse, Provenance, Status, TrialRecord, TrialSpec};
use dst_record::{Error, Keep, Result};
use serde::Serialize;

use file::Durability;
use lease::{Attempts, Holder};

pub use grid::GridRecord;
pub use held::{Claim, HeldTrial};
pub use maintenance::{Finding, FindingKind, Waste, WasteOptions};
pub use marker::store_that_needs;
pub use merge::Merged;
use predictions::SharedTargets;
pub use progress::TrialProgress;
pub use publish::Published;
pub use trial::{RowCounts, TrialResult};

/// Records of grids.
const GRIDS: &str = "grids";

/// A folder of trials.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// What could be read, and why the rest could not: a reader stops for no file that it can do without.
#[derive(Debug)]
pub struct Found<T> {
    /// What could be read.
    pub all: Vec<T>,
    /// What is damaged, each with its place and what to do.
    pub damaged: Vec<Error>,
}

impl<T> Found<T> {
    /// All of it, or the first damage.
    fn whole(self) -> Result<Vec<T>> {
        self.damaged.into_iter().next().map_or(Ok(self.all), Err)
    }
}

/// What is read to tell where a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its result.
    Result,
    /// Its result, and whether the files that it counts are those that it was written with.
    Files,
}

/// Where a trial stands, with its result if it ended.
pub type TrialStanding = (TrialState, Option<Box<TrialResult>>);

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

impl Store {
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
    /// If the system refuses to read.
    pub fn specs(&self) -> Result<Found<TrialSpec>> {
        let mut specs = in_parallel(&self.ids()?, |id| trial::read_spec(&self.folder(id), id))?;
        specs.all.sort_by_cached_key(sort_key);
        Ok(specs)
    }

    /// Makes the folder of a trial with its specification, unless it is there.
    ///
    /// # Errors
    /// If the folder holds another specification, or cannot be written.
    pub fn add(&self, spec: &TrialSpec) -> Result<()> {
        trial::write_spec(&self.folder(&spec.id()), spec)
    }

    /// The same for many trials.
    ///
    /// # Errors
    /// As [`Store::add`].
    pub fn add_all(&self, specs: &[TrialSpec]) -> Result<()> {
        let by_id: BTreeMap<String, &TrialSpec> =
            specs.iter().map(|spec| (spec.id(), spec)).collect();
        let ids: Vec<String> = by_id.keys().cloned().collect();
        in_parallel(&ids, |id| self.add(by_id[id]).map(Some))?.whole().map(|_| ())
    }

    /// Keeps that a trial was refused before anything was trained, and why, unless it ended in another
    /// way before.
    ///
    /// # Errors
    /// If its folder holds another specification or cannot be written.
    pub fn refuse(&self, spec: &TrialSpec, reason: &str, provenance: Provenance) -> Result<()> {
        self.add(spec)?;
        let id = spec.id();
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
            files: BTreeMap::new(),
            keep: Keep::None,
            provenance,
        };
        self.end(&result).map(|_| ())
    }

    /// Writes a result that no worker writes. Says whether it did: not if there is one already, or
    /// somebody works on the trial.
    pub(crate) fn end(&self, result: &TrialResult) -> Result<bool> {
        match self.claim(&result.trial)? {
            Claim::Held(_) => Ok(false),
            Claim::Ours(held) => {
                let is_first = held.write_result(result)?;
                held.end("ended").map(|()| is_first)
            }
        }
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
        match self.claim(&record.id)? {
            Claim::Held(_) => Ok(false),
            Claim::Ours(held) => {
                let is_first = trial::write_record(&self.folder(&record.id), record)?;
                held.end("ended").map(|()| is_first)
            }
        }
    }

    /// Where the trial of that id stands, by its result; see [`Store::checked_state`].
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub fn state(&self, id: &str) -> Result<TrialState> {
        Ok(self.look(id, Depth::Result)?.0)
    }

    /// The same, by the result and every file that it counts: before a grid believes it.
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub fn checked_state(&self, id: &str) -> Result<TrialState> {
        Ok(self.look(id, Depth::Files)?.0)
    }

    /// Where trials stand, in their order, each with its result if it ended.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn states(&self, ids: &[String], depth: Depth) -> Result<Vec<TrialStanding>> {
        in_parallel(ids, |id| self.look(id, depth).map(Some))?.whole()
    }

    fn look(&self, id: &str, depth: Depth) -> Result<TrialStanding> {
        let folder = self.folder(id);
        let read = trial::read_result(&folder, id).and_then(|result| match (result, depth) {
            (Some(result), Depth::Files) => {
                trial::check_files(&folder, id, &result).map(|()| Some(result))
            }
            (result, _) => Ok(result),
        });
        match read {
            Ok(Some(result)) => return Ok((ended(&result), Some(Box::new(result)))),
            Ok(None) => {}
            Err(error) if error.kind() == DATA => {
                return Ok((TrialState::Damaged(error.one_line()), None));
            }
            Err(error) => return Err(error),
        }
        let state = match lease::attempts(&folder)? {
            Attempts::None => TrialState::Pending,
            Attempts::Held(holder) => TrialState::Running(holder),
            Attempts::Idle { .. } => TrialState::Interrupted,
        };
        Ok((state, None))
    }

    /// Refuses a result that cannot be one of the trial of that id, as far as it is known.
    fn belongs(&self, id: &str, result: &TrialResult) -> Result<()> {
        match trial::read_spec(&self.folder(id), id) {
            Ok(Some(spec)) => check::belongs(result, &spec),
            _ => Ok(()),
        }
    }

    /// What is known of the attempts at a trial.
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub fn attempts(&self, id: &str) -> Result<Attempts> {
        lease::attempts(&self.folder(id))
    }

    /// Rows that the tables of a trial have now, for the result of one whose process died.
    pub fn table_rows(&self, id: &str) -> RowCounts {
        trial::table_rows(&self.folder(id))
    }

    /// How the trial of that id ended, without its tables; none if it has not, or if its result
    /// is damaged.
    ///
    /// # Errors
    /// If its folder cannot be read.
    pub fn result(&self, id: &str) -> Result<Option<TrialResult>> {
        match trial::read_result(&self.folder(id), id) {
            Err(error) if error.kind() == DATA => Ok(None),
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
    /// If the system refuses to read.
    pub fn records(&self) -> Result<Found<TrialRecord>> {
        self.records_of(&self.ids()?)
    }

    /// Those of the given trials that ended, sorted as [`Store::records`].
    ///
    /// # Errors
    /// If the system refuses to read.
    pub fn records_of(&self, ids: &[String]) -> Result<Found<TrialRecord>> {
        let targets = SharedTargets::default();
        let read = |id: &str| {
            let mut record = self.record(id)?;
            record.iter_mut().for_each(|record| targets.share(record));
            Ok(record)
        };
        let mut records = in_parallel(ids, read)?;
        records.all.sort_by_cached_key(|record| sort_key(&record.spec));
        Ok(records)
    }

    /// Records that a grid was planned. If it was before, the time of its first start stays.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn remember_grid(&self, grid: &GridRecord) -> Result<()> {
        let folder = self.root.join(GRIDS);
        fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, &error))?;
        let path = folder.join(format!("{}.json", grid.id()));
        match grid::read(&path) {
            Err(error) if error.kind() == DATA => trial::move_aside(&path, "damaged")?,
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        file::create(&path, &seal::sealed(grid)?, Durability::Synced).map(|_| ())
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
    /// If the system refuses to read.
    pub fn grids(&self) -> Result<Found<GridRecord>> {
        let folder = self.root.join(GRIDS);
        let mut grids = Found { all: Vec::new(), damaged: Vec::new() };
        let mut names = names(&folder)?;
        names.retain(|name| !name.starts_with('.') && name.ends_with(".json"));
        names.sort();
        for name in names {
            match grid::read(&folder.join(name)) {
                Ok(grid) => grids.all.extend(grid),
                Err(error) if error.kind() == DATA => grids.damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        grids.all.sort_by(|a, b| (&a.started, &a.command).cmp(&(&b.started, &b.command)));
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

fn names(folder: &Path) -> Result<Vec<String>> {
    let refused = |error: &std::io::Error| Error::io("read", folder, error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_no_folder(&error) => return Ok(Vec::new()),
        Err(error) => return Err(refused(&error)),
    };
    entries
        .map(|entry| Ok(entry.map_err(|error| refused(&error))?.file_name()))
        .map(|name| name.map(|name| name.to_string_lossy().into_owned()))
        .collect()
}

/// Is there nothing, or a file in the place of the folder, which [`Store::verify`] finds?
fn is_no_folder(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
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
) -> Result<Found<T>> {
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let share = ids.len().div_ceil(threads).max(64);
    let read = &read;
    let read_all = |ids: &[String]| {
        let mut found = Found { all: Vec::new(), damaged: Vec::new() };
        for id in ids {
            match read(id) {
                Ok(one) => found.all.extend(one),
                Err(error) if error.kind() == DATA => found.damaged.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    };
    std::thread::scope(|scope| {
        let parts: Vec<_> =
            ids.chunks(share).map(|ids| scope.spawn(move || read_all(ids))).collect();
        let mut all = Found { all: Vec::with_capacity(ids.len()), damaged: Vec::new() };
        for part in parts {
            let found = part.join().expect("reading does not panic")?;
            all.all.extend(found.all);
            all.damaged.extend(found.damaged);
        }
        Ok(all)
    })
}

fn ended(result: &TrialResult) -> TrialState {
    let TrialResult { status, reason, collapse, .. } = result;
    TrialState::Ended { status: *status, reason: reason.clone(), collapse: *collapse }
}

/// Damage, which concerns one file, unlike a system that refuses.
const DATA: dst_record::ErrorKind = dst_record::ErrorKind::Data;

#[cfg(test)]
mod tests;
