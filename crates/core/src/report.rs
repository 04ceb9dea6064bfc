//! What a report is: a pure function from trials to documents.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::record::{TrialRecord, TrialSpec};

/// How trials are compared; fixed before the run and recorded with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Analysis {
    /// The strategy that others are compared with; empty for the registered baseline.
    pub control: String,
    /// The largest loss that still counts as no worse, in the unit of the data set's metric
    /// (0.005 is half a point of accuracy).
    pub margin: f64,
    /// Level of every test, in (0, 0.5).
    pub alpha: f64,
    /// Fewest pairs of seeds for which a p-value is given.
    pub minimum_pairs: usize,
    /// The test that p-values and verdicts rest on; the others stand beside it.
    pub test: PrimaryTest,
    /// How p-values are adjusted over the comparisons of one table.
    pub correction: Multiplicity,
    /// The metric that is compared on a data set, by its name, where it is not the official one:
    /// `{"glue/mrpc" = "accuracy"}`. Checkpoints are chosen by the official one all the same.
    pub metrics: BTreeMap<String, Metric>,
}

/// The test of paired differences that decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrimaryTest {
    /// Student's t of the mean difference.
    #[default]
    PairedT,
    /// Wilcoxon's signed ranks, exact: of symmetric differences, whatever their distribution.
    Wilcoxon,
    /// Sign flips of the mean difference, exact up to 20 pairs.
    SignFlips,
}

impl PrimaryTest {
    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::PairedT => "paired t",
            Self::Wilcoxon => "Wilcoxon",
            Self::SignFlips => "sign flips",
        }
    }
}

/// How p-values of one family are adjusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Multiplicity {
    /// Not at all.
    None,
    /// Times the size of the family.
    Bonferroni,
    /// Step-down, under any dependence (Holm 1979).
    #[default]
    Holm,
    /// Step-up, of independent or positively dependent tests (Hochberg 1988).
    Hochberg,
    /// By closed testing with Simes' inequality, as Hochberg (Hommel 1988).
    Hommel,
    /// False discovery rate (Benjamini & Hochberg 1995), for exploratory screens.
    BenjaminiHochberg,
    /// False discovery rate under any dependence (Benjamini & Yekutieli 2001).
    BenjaminiYekutieli,
}

impl Default for Analysis {
    fn default() -> Self {
        Self {
            control: String::new(),
            margin: 0.005,
            alpha: 0.05,
            minimum_pairs: 3,
            test: PrimaryTest::default(),
            correction: Multiplicity::default(),
            metrics: BTreeMap::new(),
        }
    }
}

impl Analysis {
    /// Refuses values outside their range.
    ///
    /// # Errors
    /// If `margin` or `alpha` is out of range.
    pub fn validate(&self) -> Result<()> {
        if !(self.margin >= 0.0 && self.margin < 1.0) {
            return Err(Error::usage(format!(
                "analysis.margin = {} is not in [0, 1); it is in accuracy, so half a point is 0.005",
                self.margin
            )));
        }
        if !(self.alpha > 0.0 && self.alpha < 0.5) {
            return Err(Error::usage(format!(
                "analysis.alpha = {} is not in (0, 0.5)",
                self.alpha
            )));
        }
        if self.minimum_pairs < 2 {
            return Err(Error::usage("analysis.minimum_pairs must be at least 2"));
        }
        Ok(())
    }
}

/// A file that a report makes, in memory; the harness writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it goes below the folder of the report: a file name, or a relative path with forward
    /// slashes.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Document {
    /// Its name as a path that stays below the folder of the report.
    ///
    /// # Errors
    /// If the name is absolute, has an empty part, `.` or `..`, or a sign that is no part of file
    /// names everywhere.
    pub fn path(&self) -> Result<PathBuf> {
        let is_plain =
            |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
        if self.name.split('/').all(is_plain) {
            return Ok(self.name.split('/').collect());
        }
        Err(Error::contract(format!(
            "a document is called '{}', which is no path below the folder of the report",
            self.name.escape_debug()
        )))
    }
}

/// What a report made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendering {
    /// Files to write.
    pub documents: Vec<Document>,
    /// Plain text for the terminal, if people should see it at the end of a grid.
    pub summary: String,
}

/// What a report is made from: trials that ended, and what is known of how they came to be.
#[derive(Debug, Clone, Copy)]
pub struct Experiment<'a> {
    /// Trials that ended, failed ones included.
    pub trials: &'a [TrialRecord],
    /// Trials that were planned and have not ended.
    pub pending: &'a [TrialSpec],
    /// How trials are compared.
    pub analysis: &'a Analysis,
    /// Was the analysis chosen, or changed, after a trial had begun?
    pub post_hoc: bool,
    /// What was typed to plan the trials, the oldest first.
    pub commands: &'a [String],
}

impl<'a> Experiment<'a> {
    /// Trials alone, compared as planned.
    pub fn new(trials: &'a [TrialRecord], analysis: &'a Analysis) -> Self {
        Self { trials, pending: &[], analysis, post_hoc: false, commands: &[] }
    }
}

/// Turns trials into documents. Reports never train, read no files and write none, so they can
/// be rebuilt at any time.
pub trait Report: Sync {
    /// Renders an experiment. The order of its trials changes nothing.
    ///
    /// # Errors
    /// If the analysis cannot be applied, such as an unknown control. Failed trials and missing
    /// pairs are no errors: they are reported.
    fn render(&self, experiment: &Experiment<'_>) -> Result<Rendering>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stay_in_their_folder() {
        let path = |name: &str| Document { name: name.to_owned(), bytes: Vec::new() }.path();
        assert_eq!(path("trials.csv").unwrap(), PathBuf::from("trials.csv"));
        assert_eq!(path("figures/a b.svg").unwrap(), PathBuf::from("figures/a b.svg"));
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "C:x", "a\\b"] {
            let error = path(name).unwrap_err().to_string();
            assert!(error.contains("which is no path below the folder"), "{name}: {error}");
        }
    }
}
