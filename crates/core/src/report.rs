//! What a report is: a pure function from trials to documents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::record::TrialRecord;

/// How trials are compared; fixed before the run and recorded with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Analysis {
    /// The strategy that others are compared with; empty for the registered baseline.
    pub control: String,
    /// The largest loss that still counts as no worse, in the unit of the data set's metric
    /// (0.005 is half a point of accuracy).
    pub margin: f64,
    /// Level of every test, in (0, 1).
    pub alpha: f64,
    /// Fewest pairs of seeds for which a p-value is given.
    pub minimum_pairs: usize,
}

impl Default for Analysis {
    fn default() -> Self {
        Self { control: String::new(), margin: 0.005, alpha: 0.05, minimum_pairs: 3 }
    }
}

impl Analysis {
    /// Refuses values outside their range.
    ///
    /// # Errors
    /// If `margin` or `alpha` is out of range.
    pub fn validate(&self) -> Result<()> {
        use crate::error::Error;
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
    /// File name without folders.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a report made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendering {
    /// Files to write.
    pub documents: Vec<Document>,
    /// Plain text for the terminal, if people should see it at the end of a grid.
    pub summary: String,
}

/// Turns trials into documents. Reports never train, read no files and write none, so they can
/// be rebuilt at any time.
pub trait Report: Sync {
    /// Renders the trials that ended, in the order given.
    ///
    /// # Errors
    /// If the analysis cannot be applied, such as an unknown control. Failed trials and missing
    /// pairs are no errors: they are reported.
    fn render(&self, trials: &[TrialRecord], analysis: &Analysis) -> Result<Rendering>;
}
