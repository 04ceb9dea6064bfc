//! What was planned, and which analysis was fixed before it ran.

use std::collections::BTreeMap;
use std::path::Path;

use dst_analysis::{Analysis, Budget, Budgets};
use dst_record::record::TrialSpec;
use dst_record::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::file;
use crate::seal::{self, Seal};

/// A grid that was started on a store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GridRecord {
    /// What was typed, for people.
    pub command: String,
    /// When it was first started, UTC, such as `2026-01-31T12:00:00Z`.
    pub started: String,
    /// How its trials are compared.
    pub analysis: Analysis,
    /// Ids of its trials, in the order of the grid.
    pub trials: Vec<String>,
    /// What sparsities or epochs of trials were chosen for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetedTrials>,
}

/// Trials whose sparsity or epochs were chosen for one cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetedTrials {
    /// The cost.
    pub budget: Budget,
    /// Their ids.
    pub trials: Vec<String>,
}

/// Reads a record; none if there is no file.
///
/// # Errors
/// If it is damaged, or not what its name says.
pub(crate) fn read(path: &Path) -> Result<Option<GridRecord>> {
    Ok(parse(path)?.map(|(grid, _)| grid))
}

/// Gives a record of an earlier version its digest.
///
/// # Errors
/// If it is damaged, or cannot be written.
pub(crate) fn seal(path: &Path) -> Result<()> {
    if read(path)?.is_none() {
        return Ok(());
    }
    // As it was written: its name is a hash of that.
    let (value, _) = seal::opened(&file::read_optional(path)?.unwrap_or_default())?;
    file::replace(path, &seal::sealed(&value)?, file::Durability::Synced)
}

/// As [`read`], with whether it has a digest.
pub(crate) fn parse(path: &Path) -> Result<Option<(GridRecord, Seal)>> {
    let Some(text) = file::read_optional(path)? else { return Ok(None) };
    let damaged = |what: String| {
        Error::data(format!("this is no record of a grid: {what}"))
            .at(path.display().to_string())
            .hint("start that grid again: the record is written anew, and finished trials are kept")
    };
    let (value, seal) = seal::opened(&text).map_err(|error| damaged(error.one_line()))?;
    // As it was written: a later version may know settings that were not there.
    let id = id_of(&value["analysis"], &value["trials"], &value["budgets"]);
    let grid: GridRecord =
        serde_json::from_value(value).map_err(|error| damaged(error.to_string()))?;
    if path.file_stem().is_some_and(|name| name == id.as_str()) {
        return Ok(Some((grid, seal)));
    }
    Err(damaged(format!(
        "its trials and its analysis are those of {id}, so it was changed or moved"
    )))
}

impl GridRecord {
    /// The record of a grid that starts now.
    pub fn new(command: impl Into<String>, specs: &[TrialSpec], analysis: Analysis) -> Self {
        Self {
            command: command.into(),
            started: crate::clock::now(),
            analysis,
            trials: specs.iter().map(TrialSpec::id).collect(),
            budgets: Vec::new(),
        }
    }

    /// Says what sparsities or epochs were chosen for, by the ids of trials.
    #[must_use]
    pub fn with_budgets(mut self, budgets: &Budgets) -> Self {
        let mut by_budget: BTreeMap<Budget, Vec<String>> = BTreeMap::new();
        for (id, budget) in budgets {
            by_budget.entry(*budget).or_default().push(id.clone());
        }
        let budgeted =
            by_budget.into_iter().map(|(budget, trials)| BudgetedTrials { budget, trials });
        self.budgets = budgeted.collect();
        self
    }

    /// What sparsities or epochs were chosen for, by the ids of trials.
    pub fn budgets(&self) -> Budgets {
        let of = |own: &BudgetedTrials| {
            let budget = own.budget;
            own.trials.iter().map(move |id| (id.clone(), budget)).collect::<Vec<_>>()
        };
        self.budgets.iter().flat_map(of).collect()
    }

    /// A hash of the trials and the analysis, 16 hexadecimal digits. The same grid typed in
    /// another way, or started again, has the same id.
    pub fn id(&self) -> String {
        let budgets = match self.budgets[..] {
            [] => Value::Null,
            _ => json!(self.budgets),
        };
        id_of(&json!(self.analysis), &json!(self.trials), &budgets)
    }
}

/// A hash of a record's parts, whatever the order of the trials; there may be no budgets.
pub(crate) fn id_of(analysis: &Value, trials: &Value, budgets: &Value) -> String {
    let mut trials: Vec<&str> =
        trials.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    trials.sort_unstable();
    let mut canonical = json!({ "analysis": analysis, "trials": trials });
    if !budgets.is_null() {
        canonical["budgets"] = budgets.clone();
    }
    let digest = Sha256::digest(canonical.to_string().as_bytes());
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
