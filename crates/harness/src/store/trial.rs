//! The folder of one trial.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dst_core::record::{
    AgeRecord, Collapse, EpochRecord, LayerRecord, Outcome, Provenance, Status, TrialRecord,
    TrialSpec,
};
use dst_core::{Error, Keep, Predictions, Result};
use serde::{Deserialize, Serialize};

use super::file::{self, Durability};
use super::masks::{read_masks, write_masks};
use super::predictions::{read_predictions, write_predictions};
use super::{table, to_json, weights};

const SPEC: &str = "spec.json";
const RESULT: &str = "result.json";
pub(super) const HISTORY: &str = "history.csv";
const LAYERS: &str = "layers.csv";
const AGES: &str = "ages.csv";

/// How a trial ended: what `result.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialResult {
    /// Id of the trial, so that a file that was copied into another folder is noticed.
    pub trial: String,
    /// How it ended.
    pub status: Status,
    /// Why it did not finish; empty if it did.
    pub reason: String,
    /// In which way it collapsed, if it did; none in results from before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collapse: Option<Collapse>,
    /// What it measured, if it trained to its end.
    pub outcome: Option<Outcome>,
    /// Test samples by true class (rows) and predicted class (columns); empty for failures.
    #[serde(default)]
    pub confusion: Vec<Vec<u64>>,
    /// RowCounts of the tables.
    #[serde(flatten)]
    pub rows: RowCounts,
    /// Whether its weights stay beside it. Under [`Keep::Best`] they go when a better seed has ended.
    #[serde(default, skip_serializing_if = "is_none")]
    pub keep: Keep,
    /// Where it ran.
    pub provenance: Provenance,
}

fn is_none(keep: &Keep) -> bool {
    !keep.is_some()
}

/// How many rows the other files of a trial have, so that a shortened one is noticed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// Of `history.csv`.
    #[serde(rename = "history_rows")]
    pub history: usize,
    /// Of `layers.csv`.
    #[serde(rename = "layer_rows")]
    pub layers: usize,
    /// Of `ages.csv`; 0 in results from before there was one.
    #[serde(default, rename = "age_rows")]
    pub ages: usize,
    /// Samples in `predictions.safetensors`; 0 for failures, and in results from before there
    /// was one.
    #[serde(default, rename = "prediction_rows")]
    pub predictions: usize,
    /// Layers in `masks.safetensors`; 0 for failures, and in results from before there was one.
    #[serde(default, rename = "mask_layers")]
    pub masks: usize,
}

/// The specification in a folder; `None` if there is none.
pub(super) fn read_spec(folder: &Path, id: &str) -> Result<Option<TrialSpec>> {
    let path = folder.join(SPEC);
    let Some(text) = file::read_optional(&path)? else {
        return Ok(None);
    };
    let spec: TrialSpec = serde_json::from_str(&text).map_err(|error| {
        Error::data(format!("this is no specification of a trial: {error}"))
            .at(path.display().to_string())
            .hint("start the grid again: it writes the file anew")
    })?;
    let actual = spec.id();
    if actual != id {
        return Err(Error::data(format!("this specification has the id {actual}, not {id}"))
            .at(path.display().to_string())
            .hint("it was edited or moved: restore it, or delete that trial's folder"));
    }
    Ok(Some(spec))
}

/// Writes the specification unless it is there. A file that cannot be read is written anew,
/// because the folder's name says what it must hold; one that holds another is an error.
pub(super) fn write_spec(folder: &Path, spec: &TrialSpec) -> Result<()> {
    let path = folder.join(SPEC);
    match file::read_optional(&path)?.map(|text| serde_json::from_str::<TrialSpec>(&text)) {
        Some(Ok(found)) if found == *spec => return Ok(()),
        Some(Ok(_)) => return read_spec(folder, &spec.id()).map(|_| ()),
        Some(Err(_)) | None => {}
    }
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    file::replace(&path, &to_json(spec)?, Durability::Cached)
}

/// Rewrites `history.csv`, `layers.csv` and `ages.csv`.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_tables(
    folder: &Path,
    history: &[EpochRecord],
    layers: &[LayerRecord],
    ages: &[AgeRecord],
    durability: Durability,
) -> Result<()> {
    file::replace(&folder.join(HISTORY), &table::write_history(history, layers)?, durability)?;
    file::replace(&folder.join(LAYERS), &table::write_layers(layers)?, durability)?;
    file::replace(&folder.join(AGES), &table::write_ages(ages)?, durability)
}

/// Writes all that is known of a trial, the result last; says whether it was the first.
pub(super) fn write_record(folder: &Path, record: &TrialRecord) -> Result<bool> {
    if read_result(folder, &record.id)?.is_some() {
        return Ok(false);
    }
    let TrialRecord { history, layers, ages, masks, predictions, .. } = record;
    write_tables(folder, history, layers, ages, Durability::Cached)?;
    if let Some(predictions) = predictions {
        write_predictions(folder, predictions)?;
    }
    if !masks.is_empty() {
        write_masks(folder, masks)?;
    }
    let result = TrialResult {
        trial: record.id.clone(),
        status: record.status,
        reason: record.reason.clone(),
        collapse: record.collapse,
        outcome: record.outcome.clone(),
        confusion: record.confusion.clone(),
        rows: RowCounts {
            history: history.len(),
            layers: layers.len(),
            ages: ages.len(),
            predictions: predictions.as_ref().map_or(0, Predictions::len),
            masks: masks.len(),
        },
        keep: Keep::None,
        provenance: record.provenance.clone(),
    };
    write_result(folder, &result)
}

/// Number of rows that the tables have now, for the result of a trial that failed.
pub(crate) fn table_rows(folder: &Path) -> RowCounts {
    let rows = |name: &str| {
        let text = fs::read_to_string(folder.join(name)).unwrap_or_default();
        text.lines().count().saturating_sub(1)
    };
    RowCounts {
        history: rows(HISTORY),
        layers: rows(LAYERS),
        ages: rows(AGES),
        ..RowCounts::default()
    }
}

/// Writes the result unless there is one: the first complete attempt wins. Says whether this
/// one did.
///
/// # Errors
/// If the folder cannot be written, or the result holds a number that is not finite.
pub(crate) fn write_result(folder: &Path, result: &TrialResult) -> Result<bool> {
    let bytes = to_json(result)?;
    // JSON has no infinities: they become null and the file could not be read again.
    if let Err(error) = serde_json::from_slice::<TrialResult>(&bytes) {
        return Err(Error::contract(format!(
            "an outcome holds a number that is not finite: {error}"
        )));
    }
    file::create(&folder.join(RESULT), &bytes, Durability::Synced)
}

/// The result in a folder; `None` if there is none.
pub(super) fn read_result(folder: &Path, id: &str) -> Result<Option<TrialResult>> {
    let path = folder.join(RESULT);
    let Some(text) = file::read_optional(&path)? else {
        return Ok(None);
    };
    let damaged = |what: String| {
        Error::data(what)
            .at(path.display().to_string())
            .hint("start the grid again: it moves the file aside and trains the trial anew")
    };
    let result: TrialResult = serde_json::from_str(&text)
        .map_err(|error| damaged(format!("this is no whole result: {error}")))?;
    if result.trial != id {
        return Err(damaged(format!("this is the result of trial {}", result.trial)));
    }
    if (result.status == Status::Finished) && result.outcome.is_none() {
        return Err(damaged("this trial finished without an outcome".into()));
    }
    Ok(Some(result))
}

pub(super) fn read_record(folder: &Path, id: &str) -> Result<Option<TrialRecord>> {
    let Some(result) = read_result(folder, id)? else {
        return Ok(None);
    };
    let spec = read_spec(folder, id)?.ok_or_else(|| {
        Error::data("the trial has a result and no specification")
            .at(folder.join(SPEC).display().to_string())
            .hint("start the grid again: it writes the file anew")
    })?;
    let rows = result.rows;
    let history = read_table(folder, HISTORY, rows.history, table::read_history)?;
    let layers = read_table(folder, LAYERS, rows.layers, table::read_layers)?;
    let ages = read_table(folder, AGES, rows.ages, table::read_ages)?;
    let predictions = match rows.predictions {
        0 => None,
        samples => Some(read_predictions(folder, samples, &result.confusion)?),
    };
    let masks = match rows.masks {
        0 => Vec::new(),
        count => read_masks(folder, count, &layers)?,
    };
    Ok(Some(TrialRecord {
        id: id.to_owned(),
        spec,
        status: result.status,
        reason: result.reason,
        collapse: result.collapse,
        outcome: result.outcome,
        history,
        layers,
        ages,
        masks,
        confusion: result.confusion,
        predictions,
        network_bytes: weights::size(folder),
        provenance: result.provenance,
    }))
}

fn read_table<T>(
    folder: &Path,
    name: &str,
    rows: usize,
    read: impl Fn(&str) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let path = folder.join(name);
    let place = || path.display().to_string();
    let hint = format!("delete {} to have the trial trained again", folder.display());
    let text = file::read_optional(&path)?.unwrap_or_default();
    let table = read(&text).map_err(|error| error.at(place()).hint(&*hint))?;
    if table.len() != rows {
        return Err(Error::data(format!(
            "the result was written with {rows} rows here, and there are {}",
            table.len()
        ))
        .at(place())
        .hint(hint));
    }
    Ok(table)
}

/// Copies the files of the trial `earlier`, which ended, to be the trial `spec`; checkpoints and the like
/// are of no more use.
pub(super) fn copy_as(from: &Path, to: &Path, earlier: &TrialSpec, spec: &TrialSpec) -> Result<()> {
    let id = spec.id();
    let result = read_result(from, &earlier.id())?
        .ok_or_else(|| Error::contract("a trial without a result is not copied"))?;
    let partial = to.with_file_name(format!(".{id}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(|error| Error::io("remove", &partial, &error))?;
    }
    write_spec(&partial, spec)?;
    let entries = fs::read_dir(from).map_err(|error| Error::io("read", from, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("read", from, &error))?;
        let name = entry.file_name();
        if name != SPEC && name != RESULT && entry.path().is_file() {
            let copied = fs::copy(entry.path(), partial.join(&name));
            copied.map_err(|error| Error::io("copy", &entry.path(), &error))?;
        }
    }
    weights::rename_trial(&partial, &id)?;
    write_result(&partial, &TrialResult { trial: id, ..result })?;
    fs::rename(&partial, to).map_err(|error| Error::io("move", &partial, &error))
}

/// Moves the result to `result.json.<why>-<n>` with the first free number.
pub(super) fn set_aside(folder: &Path, why: &str) -> Result<()> {
    let path = folder.join(RESULT);
    let free = (1_u32..)
        .map(|number| folder.join(format!("{RESULT}.{why}-{number}")))
        .find(|place| !place.exists())
        .expect("there are more numbers than files");
    match fs::rename(&path, &free) {
        // Another grid was faster.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("move", &path, &error)),
        Ok(()) => Ok(()),
    }
}
