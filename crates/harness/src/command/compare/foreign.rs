//! Results of other tools: a file of comma-separated values, as people and programs write it.

mod columns;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use dst_core::record::{MemoryKind, Outcome, Provenance, Scores, Status, TrialRecord, TrialSpec};
use dst_core::{Error, Metric, Result, Training};
use serde_json::{Map, Value};

use super::entry::{ANY_MODEL, Entry, METRIC, Reported};
use columns::{Column, Columns, Role};
use text::{Row, is_missing};

pub(super) use columns::normal;

/// Why a trial without a score did not finish, as far as a file tells.
pub(super) const MISSING: &str = "the score is missing";

/// What a file holds.
#[derive(Debug)]
pub(super) struct ForeignTable {
    /// Its trials, in the order of its rows.
    pub(super) entries: Vec<Entry>,
    /// What a reader should know of how it was read, in sentences without a full stop.
    pub(super) notes: Vec<String>,
}

/// Trials as a file of another tool tells them: who scored what at which seed. What it does not
/// tell is not a number.
///
/// # Errors
/// If the file cannot be read, lacks a column, or a cell cannot be read; the error says which.
pub(super) fn read(path: &Path) -> Result<ForeignTable> {
    let bytes = dst_core::file::read(path)?;
    parse(&bytes).map_err(|error| error.at(path.display().to_string()))
}

fn parse(bytes: &[u8]) -> Result<ForeignTable> {
    let decoded = text::decode(bytes)?;
    let mut notes = Vec::new();
    notes.extend(decoded.encoding.map(|encoding| format!("was read as {encoding}")));
    let rows = text::rows(&decoded.text, Columns::fit)?;
    let columns = Columns::new(&rows[0].cells)?;
    let mut entries = Vec::new();
    let mut unfinished = 0;
    for row in &rows[1..] {
        check_width(row, columns.width).map_err(|error| error.at(format!("line {}", row.line)))?;
        let cells = Cells { columns: &columns, row };
        match trial(&cells).map_err(|error| error.at(format!("line {}", row.line)))? {
            Some(entry) => entries.push(entry),
            None => unfinished += 1,
        }
    }
    match unfinished {
        0 => {}
        1 => notes.push("has 1 row of a run that has not ended; it is left out".to_owned()),
        _ => notes
            .push(format!("has {unfinished} rows of runs that have not ended; they are left out")),
    }
    Ok(ForeignTable { entries, notes })
}

/// Spreadsheets add empty cells at the end of rows; anything else is a row out of order.
fn check_width(row: &Row, width: usize) -> Result<()> {
    let filled = row.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
    if row.cells.len() < width || filled > width {
        let cells = filled.max(row.cells.len().min(width));
        let error = Error::data(format!("{cells} cells, and the header has {width}"));
        return Err(if filled == width + 1 {
            error.hint("if all rows begin with a number of the row, give that column a name")
        } else {
            error.hint("put cells that contain the separator into quotes")
        });
    }
    Ok(())
}

/// One row by what its cells mean.
struct Cells<'r> {
    columns: &'r Columns,
    row: &'r Row,
}

/// What a row says of the state of its run.
#[derive(Debug, Clone, Copy)]
enum State {
    /// It ended so.
    Ended(Status),
    /// It still runs, or waits.
    Unfinished,
}

/// Words of trackers and clusters for states, in normal form, beside those of [`Status`].
const STATES: &[(&str, State)] = &[
    ("completed", State::Ended(Status::Finished)),
    ("complete", State::Ended(Status::Finished)),
    ("success", State::Ended(Status::Finished)),
    ("succeeded", State::Ended(Status::Finished)),
    ("done", State::Ended(Status::Finished)),
    ("ok", State::Ended(Status::Finished)),
    ("failed", State::Ended(Status::Crashed)),
    ("fail", State::Ended(Status::Crashed)),
    ("failure", State::Ended(Status::Crashed)),
    ("error", State::Ended(Status::Crashed)),
    ("killed", State::Ended(Status::Crashed)),
    ("aborted", State::Ended(Status::Crashed)),
    ("stopped", State::Ended(Status::Crashed)),
    ("preempted", State::Ended(Status::Crashed)),
    ("cancelled", State::Ended(Status::Crashed)),
    ("canceled", State::Ended(Status::Crashed)),
    ("node-fail", State::Ended(Status::Crashed)),
    ("timeout", State::Ended(Status::TimedOut)),
    ("oom", State::Ended(Status::OutOfMemory)),
    ("running", State::Unfinished),
    ("in-progress", State::Unfinished),
    ("pending", State::Unfinished),
    ("preempting", State::Unfinished),
    ("queued", State::Unfinished),
    ("scheduled", State::Unfinished),
    ("starting", State::Unfinished),
    ("waiting", State::Unfinished),
    ("paused", State::Unfinished),
];

impl<'r> Cells<'r> {
    fn column(&self, role: Role) -> Option<(&'r Column, &'r str)> {
        let column = self.columns.get(role)?;
        let cell = self.row.cells.get(column.place)?;
        (!is_missing(cell)).then_some((column, cell.as_str()))
    }

    /// The cell, if there is the column and it is not missing.
    fn text(&self, role: Role) -> Option<&'r str> {
        self.column(role).map(|(_, cell)| cell)
    }

    fn needed(&self, role: Role, what: &str) -> Result<&'r str> {
        self.text(role).ok_or_else(|| {
            Error::data(format!("{what} is empty")).hint("fill the cell or delete the row")
        })
    }

    /// A number, percent as a share.
    fn number(&self, role: Role) -> Result<Option<f64>> {
        let Some((column, cell)) = self.column(role) else { return Ok(None) };
        match text::number(cell, column.percent) {
            Some(value) => Ok(Some(value)),
            None => Err(Error::data(format!("{} is '{cell}', which is no number", column.name))
                .hint("write 0.98, and leave the cell empty if there is no value")),
        }
    }

    /// # Errors
    /// If the word is unknown: to guess would make a failure of it, or none.
    fn state(&self) -> Result<State> {
        let Some((column, cell)) = self.column(Role::Status) else {
            return Ok(State::Ended(Status::Finished));
        };
        let word = cell.to_lowercase().replace([' ', '_'], "-");
        let own = Status::ALL.map(|status| (status.name(), State::Ended(status)));
        let mut known = own.iter().chain(STATES);
        if let Some((_, state)) = known.find(|(known, _)| *known == word) {
            return Ok(*state);
        }
        let known: Vec<&str> = own.iter().chain(STATES).map(|(known, _)| *known).collect();
        Err(Error::data(format!("{} '{cell}' is unknown", column.name)).hint(format!(
            "known: {}; empty is finished, and so is every row of a file without this column",
            known.join(", ")
        )))
    }

    fn seed(&self) -> Result<u64> {
        let cell = self.needed(Role::Seed, "seed")?;
        let whole = cell.parse().ok().or_else(|| {
            // pandas writes whole numbers as 1.0 in columns where one is missing.
            let value = text::number(cell, false).filter(|_| !cell.contains('%'))?;
            let whole = value.fract() == 0.0 && (0.0..9e15).contains(&value);
            whole.then_some(value as u64)
        });
        whole.ok_or_else(|| {
            Error::data(format!("seed is '{cell}', which is no seed"))
                .hint("a seed is a whole number from 0 on")
        })
    }

    fn sparsity(&self) -> Result<f64> {
        let density = self.number(Role::Density)?.map(|density| 1.0 - density);
        let sparsity = self.number(Role::Sparsity)?.or(density).unwrap_or(0.0);
        if (0.0..1.0).contains(&sparsity) {
            // Adding 0 takes the sign from a negative zero.
            return Ok(sparsity + 0.0);
        }
        Err(Error::data(format!("sparsity {sparsity} is not in [0, 1)"))
            .hint("write 0.9 or '90 %', or call the column 'sparsity %'"))
    }

    fn object(&self, role: Role) -> Option<Map<String, Value>> {
        serde_json::from_str(self.text(role)?).ok()
    }
}

/// The trial of a row; none if its run has not ended.
fn trial(cells: &Cells<'_>) -> Result<Option<Entry>> {
    let State::Ended(ended) = cells.state()? else { return Ok(None) };
    let dataset = cells.needed(Role::Dataset, "dataset")?;
    let (dataset, dataset_options) = with_options(dataset, cells);
    let (strategy, parameters) = strategy(cells)?;
    let mut model = cells.object(Role::ModelParameters).unwrap_or_default();
    let model_parameters = cells.text(Role::ModelParameters).is_some();
    let model_name = cells.text(Role::Model);
    model.insert("name".to_owned(), model_name.unwrap_or(ANY_MODEL).into());
    // What a newer version wrote, and this one cannot read, is not told.
    let training: Option<Training> =
        cells.object(Role::Training).and_then(|map| serde_json::from_value(map.into()).ok());
    let reported = Reported {
        model: model_name.is_some(),
        model_parameters: model_name.is_some() && model_parameters,
        parameters,
        training: training.is_some(),
    };
    let spec = TrialSpec {
        dataset,
        dataset_options: dataset_options.into(),
        model: Value::Object(model).into(),
        strategy: strategy.into(),
        sparsity: cells.sparsity()?,
        training: training.unwrap_or_default().into(),
        seed: cells.seed()?,
    };
    let scores = scores(cells)?;
    let (status, reason) = ending(ended, cells, scores.as_ref());
    // A collapsed network has scores too, and a setting may accept it.
    let kept = scores.filter(|_| matches!(status, Status::Finished | Status::Collapsed));
    let outcome = kept.map(|(metric, test)| outcome(metric, test, cells));
    let text = |role| cells.text(role).unwrap_or_default().to_owned();
    let provenance = Provenance {
        data_digest: text(Role::DataDigest),
        weights_digest: text(Role::WeightsDigest),
        ..Provenance::default()
    };
    let mut others: BTreeMap<String, String> = cells
        .columns
        .others
        .iter()
        .filter_map(|(name, place)| Some((name.clone(), cells.row.cells.get(*place)?.clone())))
        .collect();
    others.extend(cells.text(Role::Metric).map(|cell| (METRIC.to_owned(), cell.to_owned())));
    let trial = TrialRecord {
        id: spec.id(),
        status,
        reason,
        collapse: None,
        outcome,
        history: Vec::new(),
        layers: Vec::new(),
        ages: Vec::new(),
        masks: Vec::new(),
        confusion: Vec::new(),
        predictions: None,
        network_bytes: None,
        provenance,
        spec,
    };
    Ok(Some(Entry { trial, reported, cells: others, line: Some(cells.row.line) }))
}

/// The data set and its options, which our own tables write in brackets behind its name and as
/// JSON in a column of their own.
fn with_options(label: &str, cells: &Cells<'_>) -> (String, Map<String, Value>) {
    let place = cells.columns.others.get("dataset_options");
    let json = place.and_then(|place| cells.row.cells.get(*place));
    let options = json.and_then(|json| serde_json::from_str(json).ok());
    match (label.split_once(" ["), options) {
        (Some((name, _)), Some(Value::Object(options))) => (name.to_owned(), options),
        _ => (label.to_owned(), Map::new()),
    }
}

/// The strategy with its parameters as far as they are told, and whether they are.
fn strategy(cells: &Cells<'_>) -> Result<(Value, bool)> {
    let mut strategy = cells.object(Role::Parameters).unwrap_or_default();
    let told = cells.text(Role::Parameters);
    if strategy.is_empty()
        && let Some(text) = told.filter(|text| *text != "{}")
    {
        strategy.insert("params".to_owned(), text.into());
    }
    strategy.insert("name".to_owned(), cells.needed(Role::Strategy, "strategy")?.into());
    Ok((Value::Object(strategy), told.is_some()))
}

/// The metric that counts and all that are told; none where its cell is missing.
fn scores(cells: &Cells<'_>) -> Result<Option<(Metric, Scores)>> {
    let named = cells.text(Role::Metric).map(columns::metric).transpose()?;
    let mut scores = Scores { loss: f64::NAN, ..Scores::default() };
    let mut first = None;
    for metric in Metric::ALL {
        if cells.columns.get(Role::Value(metric)).is_some() {
            first = first.or(Some(metric));
            if let Some(value) = score(cells, Role::Value(metric), metric)? {
                *slot(&mut scores, metric) = Some(value);
            }
        }
    }
    // Whoever has it predicts tokens, of which accuracy tells little.
    if cells.columns.get(Role::Value(Metric::LogLikelihood)).is_some() {
        first = Some(Metric::LogLikelihood);
    }
    // A column that holds whatever metric is official goes before one of a metric.
    let metric = match cells.columns.get(Role::Score) {
        Some(_) => {
            let metric = named.unwrap_or(Metric::Accuracy);
            if let Some(value) = score(cells, Role::Score, metric)? {
                *slot(&mut scores, metric) = Some(value);
            }
            metric
        }
        None => named.or(first).unwrap_or_default(),
    };
    Ok(scores.get(metric).map(|_| (metric, scores)))
}

fn score(cells: &Cells<'_>, role: Role, metric: Metric) -> Result<Option<f64>> {
    let Some(value) = cells.number(role)? else { return Ok(None) };
    if value.is_finite() && !metric.can_be(value) {
        let name = cells.column(role).map_or("the score", |(column, _)| column.name.as_str());
        return Err(Error::data(format!("{name} {value} is not in {}", metric.range())).hint(
            match metric {
                Metric::LogLikelihood => "it is the mean loss of a token with the other sign",
                _ => "write shares as shares, 0.98 or '98 %', or call the column 'accuracy %'",
            },
        ));
    }
    Ok(Some(value))
}

fn slot(scores: &mut Scores, metric: Metric) -> &mut Option<f64> {
    match metric {
        Metric::Accuracy => &mut scores.accuracy,
        Metric::F1Macro => &mut scores.f1_macro,
        Metric::F1Binary => &mut scores.f1_binary,
        Metric::Matthews => &mut scores.matthews,
        Metric::Pearson => &mut scores.pearson,
        Metric::Spearman => &mut scores.spearman,
        Metric::LogLikelihood => &mut scores.log_likelihood,
    }
}

/// How the run ended and why it did not finish. A score that is missing says nothing of the method;
/// one that is infinite does.
fn ending(ended: Status, cells: &Cells<'_>, scores: Option<&(Metric, Scores)>) -> (Status, String) {
    match (ended, scores) {
        (Status::Finished, None) => (Status::Crashed, MISSING.to_owned()),
        (Status::Finished, Some((metric, scores))) => match scores.get(*metric) {
            Some(value) if value.is_finite() => (Status::Finished, String::new()),
            _ => (Status::Diverged, format!("its {} is infinite", metric.title())),
        },
        (status, _) => {
            (status, format!("its status is '{}'", cells.text(Role::Status).unwrap_or_default()))
        }
    }
}

/// An outcome of which little more than the scores is known.
fn outcome(metric: Metric, test: Scores, cells: &Cells<'_>) -> Outcome {
    let unknown = Scores { loss: f64::NAN, ..Scores::default() };
    // Nothing is decided by these, so a cell in other units is no reason to refuse the row.
    let number = |role| cells.number(role).ok().flatten().unwrap_or(f64::NAN);
    Outcome {
        metric,
        second_metric: None,
        test,
        test_last: unknown,
        validation: unknown,
        best_epoch: 0,
        nonzero_parameters: 0,
        prunable_parameters: 0,
        total_parameters: 0,
        sparsity_prunable: number(Role::ReachedSparsity),
        sparsity_total: f64::NAN,
        inference_ms_per_sample: f64::NAN,
        inference_batch_size: 0,
        inference_samples_per_second: None,
        throughput_batch_size: None,
        train_seconds: f64::NAN,
        peak_memory_bytes: 0,
        peak_memory_kind: MemoryKind::ResidentSet,
        train_flops: number(Role::TrainFlops),
        inference_flops: number(Role::InferenceFlops),
        dense_inference_flops: number(Role::DenseFlops),
        steps: 0,
        skipped_batches: 0,
        is_static: false,
    }
}

#[cfg(test)]
pub(super) mod tests;
