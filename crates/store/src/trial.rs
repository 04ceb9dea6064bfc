//! The folder of one trial.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dst_record::record::{
    AgeRecord, Collapse, EpochRecord, LayerRecord, Outcome, Provenance, Status, TrialRecord,
    TrialSpec,
};
use dst_record::{Error, Keep, Predictions, Result};
use serde::{Deserialize, Serialize};

use crate::file::{self, Durability};
use crate::masks::{MASKS, parse_masks, write_masks};
use crate::predictions::{PREDICTIONS, parse_predictions, write_predictions};
use crate::seal::{self, Seal, sha256};
use crate::weights::{self, WEIGHTS};
use crate::{DATA, check, table, to_json};

const SPEC: &str = "spec.json";
pub(crate) const RESULT: &str = "result.json";
pub(crate) const HISTORY: &str = "history.csv";
const LAYERS: &str = "layers.csv";
const AGES: &str = "ages.csv";
pub(crate) const LOG: &str = "log.txt";

/// Is that the name of a file of a trial that ended, beside its specification and its result?
pub(crate) fn belongs_to_a_trial(name: &str) -> bool {
    [HISTORY, LAYERS, AGES, PREDICTIONS, MASKS, WEIGHTS, LOG].contains(&name)
}

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
    /// SHA-256 of the other files that belong to it, by name; none in results from before it was
    /// recorded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
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
pub(crate) fn read_spec(folder: &Path, id: &str) -> Result<Option<TrialSpec>> {
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
            .hint("it was edited or moved: start the grid again, which writes the file anew"));
    }
    Ok(Some(spec))
}

/// Writes the specification unless it is there. One that cannot be read, or is of another trial, is
/// moved aside and written anew, because the folder's name says what it must hold.
pub(crate) fn write_spec(folder: &Path, spec: &TrialSpec) -> Result<()> {
    let path = folder.join(SPEC);
    match read_spec(folder, &spec.id()) {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => {}
        Err(error) if error.kind() == DATA && folder.is_dir() => move_aside(&path, "damaged")?,
        Err(error) => return Err(error),
    }
    if folder.is_symlink() && !folder.exists() {
        return Err(Error::data(
            "this is a link to nothing, and the folder of a trial belongs here",
        )
        .at(folder.display().to_string())
        .hint("`harness store repair` sets it aside"));
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
pub(crate) fn write_record(folder: &Path, record: &TrialRecord) -> Result<bool> {
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
        files: BTreeMap::new(),
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
/// one did. Digests of the files that belong to it, which must lie there, go into it.
///
/// # Errors
/// If the folder cannot be written, or the result holds a number that is not finite or cannot be.
pub(crate) fn write_result(folder: &Path, result: &TrialResult) -> Result<bool> {
    let result = TrialResult { files: digests(folder, result)?, ..result.clone() };
    let bytes = seal::sealed(&result)?;
    // JSON has no infinities: they become null and the file could not be read again.
    if let Err(error) = serde_json::from_slice::<TrialResult>(&bytes) {
        return Err(Error::contract(format!(
            "an outcome holds a number that is not finite: {error}"
        )));
    }
    check::result(&result).map_err(|error| Error::contract(error.one_line()))?;
    file::create(&folder.join(RESULT), &bytes, Durability::Synced)
}

/// Digests of the files that a result counts.
fn digests(folder: &Path, result: &TrialResult) -> Result<BTreeMap<String, String>> {
    let RowCounts { history, layers, ages, predictions, masks } = result.rows;
    let counted = [
        (HISTORY, history > 0),
        (LAYERS, layers > 0),
        (AGES, ages > 0),
        (PREDICTIONS, predictions > 0),
        (MASKS, masks > 0),
        (WEIGHTS, result.keep.is_some()),
    ];
    let mut digests = BTreeMap::new();
    for (name, _) in counted.into_iter().filter(|(_, is_counted)| *is_counted) {
        if let Some(bytes) = file::read_bytes(&folder.join(name))? {
            digests.insert(name.to_owned(), sha256(&bytes));
        }
    }
    Ok(digests)
}

/// The bytes of a file that belongs to a result, if they are those that it was written with; none
/// if there is no file.
///
/// # Errors
/// If it cannot be read, or is another.
pub(crate) fn read_counted(
    folder: &Path,
    name: &str,
    result: &TrialResult,
) -> Result<Option<Vec<u8>>> {
    let path = folder.join(name);
    let bytes = file::read_bytes(&path)?;
    match (&bytes, result.files.get(name)) {
        (Some(bytes), Some(digest)) if sha256(bytes) != *digest => {
            Err(Error::data("this is not the file that the result was written with")
                .at(path.display().to_string())
                .hint(AGAIN))
        }
        _ => Ok(bytes),
    }
}

/// What makes good a file of a trial that is damaged or gone.
pub(crate) const AGAIN: &str =
    "start the grid again: it moves the result aside and trains the trial anew";

/// Are the files that belong to a result those that it was written with? Kept weights may be gone: no
/// result depends on them.
///
/// # Errors
/// If one is missing or another, or cannot be read.
pub(crate) fn check_files(folder: &Path, id: &str, result: &TrialResult) -> Result<()> {
    if result.files.is_empty() && result.rows != RowCounts::default() {
        // From before there were digests: they are read as a report would.
        return read_record(folder, id).map(|_| ());
    }
    for name in result.files.keys().filter(|name| *name != WEIGHTS) {
        if read_counted(folder, name, result)?.is_none() {
            return Err(missing(folder, name));
        }
    }
    Ok(())
}

fn missing(folder: &Path, name: &str) -> Error {
    Error::data("this file of a trial that ended is missing")
        .at(folder.join(name).display().to_string())
        .hint(AGAIN)
}

/// Gives the result of an earlier version the digests that it lacks. Says whether it did: not if
/// it has them.
///
/// # Errors
/// If it, or a file that it counts, is damaged; if the folder cannot be written.
pub(crate) fn seal_result(folder: &Path, id: &str) -> Result<bool> {
    let Some((result, Seal::None)) = parse_result(folder, id)? else { return Ok(false) };
    read_record(folder, id)?;
    let result = TrialResult { files: digests(folder, &result)?, ..result };
    file::replace(&folder.join(RESULT), &seal::sealed(&result)?, Durability::Synced)?;
    Ok(true)
}

/// The result in a folder; `None` if there is none.
pub(crate) fn read_result(folder: &Path, id: &str) -> Result<Option<TrialResult>> {
    Ok(parse_result(folder, id)?.map(|(result, _)| result))
}

/// The result in a folder, and whether it has a digest; `None` if there is none.
pub(crate) fn parse_result(folder: &Path, id: &str) -> Result<Option<(TrialResult, Seal)>> {
    let path = folder.join(RESULT);
    let damaged = |what: String| Error::data(what).at(path.display().to_string()).hint(AGAIN);
    let no_result =
        |error: Error| damaged(format!("this is no whole result: {}", error.one_line()));
    let Some(bytes) = file::read_bytes(&path)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| no_result(Error::data("it is no text")))?;
    let (value, seal) = seal::opened(&text).map_err(no_result)?;
    let result: TrialResult =
        serde_json::from_value(value).map_err(|error| no_result(Error::data(error.to_string())))?;
    if result.trial != id {
        return Err(damaged(format!("this is the result of trial {}", result.trial)));
    }
    if (result.status == Status::Finished) && result.outcome.is_none() {
        return Err(damaged("this trial finished without an outcome".into()));
    }
    check::result(&result).map_err(|error| damaged(error.one_line()))?;
    Ok(Some((result, seal)))
}

pub(crate) fn read_record(folder: &Path, id: &str) -> Result<Option<TrialRecord>> {
    let Some(result) = read_result(folder, id)? else {
        return Ok(None);
    };
    let spec = read_spec(folder, id)?.ok_or_else(|| {
        Error::data("the trial has a result and no specification")
            .at(folder.join(SPEC).display().to_string())
            .hint("start the grid again: it writes the file anew")
    })?;
    check::belongs(&result, &spec)
        .map_err(|error| error.at(folder.join(RESULT).display().to_string()).hint(AGAIN))?;
    let rows = result.rows;
    let read = |name: &str| read_counted(folder, name, &result);
    let history = read_table(folder, HISTORY, read(HISTORY)?, rows.history, table::read_history)?;
    let layers = read_table(folder, LAYERS, read(LAYERS)?, rows.layers, table::read_layers)?;
    let ages = read_table(folder, AGES, read(AGES)?, rows.ages, table::read_ages)?;
    let bytes = |name: &str| read(name)?.ok_or_else(|| missing(folder, name));
    let at = |name: &'static str| {
        move |error: Error| error.at(folder.join(name).display().to_string()).hint(AGAIN)
    };
    let predictions = match rows.predictions {
        0 => None,
        samples => Some(
            parse_predictions(&bytes(PREDICTIONS)?, samples, &result.confusion)
                .map_err(at(PREDICTIONS))?,
        ),
    };
    let masks = match rows.masks {
        0 => Vec::new(),
        count => parse_masks(&bytes(MASKS)?, count, &layers).map_err(at(MASKS))?,
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
    bytes: Option<Vec<u8>>,
    rows: usize,
    parse: impl Fn(&str) -> Result<Vec<T>>,
) -> Result<Vec<T>> {
    let refused = |error: Error| error.at(folder.join(name).display().to_string()).hint(AGAIN);
    let text = String::from_utf8(bytes.unwrap_or_default())
        .map_err(|_| refused(Error::data("this is not a text file")))?;
    let table = parse(&text).map_err(refused)?;
    if table.len() != rows {
        return Err(refused(Error::data(format!(
            "the result was written with {rows} rows here, and there are {}",
            table.len()
        ))));
    }
    Ok(table)
}

/// Copies the files of the trial `earlier`, which ended, to be the trial `spec`; checkpoints and the like
/// are of no more use.
pub(crate) fn copy_as(from: &Path, to: &Path, earlier: &TrialSpec, spec: &TrialSpec) -> Result<()> {
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
pub(crate) fn set_aside(folder: &Path, why: &str) -> Result<()> {
    move_aside(&folder.join(RESULT), why)
}

/// Moves a file to `<its name>.<why>-<n>` with the first free number, if it is there.
pub(crate) fn move_aside(path: &Path, why: &str) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let free = (1_u32..)
        .map(|number| path.with_file_name(format!("{name}.{why}-{number}")))
        .find(|place| fs::symlink_metadata(place).is_err())
        .expect("there are more numbers than files");
    match fs::rename(path, &free) {
        // Another grid was faster.
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("move", path, &error)),
        Ok(()) => Ok(()),
    }
}
