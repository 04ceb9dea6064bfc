//! What predictions are scored by.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::task::Task;

/// A score of predictions against targets. None has a dimension; [`Metric::range`] says in
/// which interval it lies and [`Metric::higher_is_better`] which end is good. The formulas
/// stand at [`Scores`](crate::record::Scores), which has a value for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// Share of correct predictions.
    #[default]
    Accuracy,
    /// Mean of the F1 of all classes.
    F1Macro,
    /// F1 of class 1 of two.
    F1Binary,
    /// Matthews's correlation of predicted and true classes.
    Matthews,
    /// Linear correlation of predicted and true numbers.
    Pearson,
    /// Correlation of their ranks.
    Spearman,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Accuracy,
        Self::F1Binary,
        Self::F1Macro,
        Self::Matthews,
        Self::Pearson,
        Self::Spearman,
    ];

    /// What a data set without an official metric is scored by: accuracy for classes, Pearson's
    /// correlation for numbers.
    pub fn usual(task: Task) -> Self {
        match task {
            Task::Classification { .. } => Self::Accuracy,
            Task::Regression => Self::Pearson,
        }
    }

    /// Do predictions of this task have it?
    pub fn fits(self, task: Task) -> bool {
        match (self, task) {
            (Self::F1Binary, Task::Classification { classes }) => classes == 2,
            (Self::Accuracy | Self::F1Macro | Self::Matthews, Task::Classification { .. })
            | (Self::Pearson | Self::Spearman, Task::Regression) => true,
            (Self::Pearson | Self::Spearman, Task::Classification { .. })
            | (_, Task::Regression) => false,
        }
    }

    /// What people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::F1Macro => "macro F1",
            Self::F1Binary => "F1",
            Self::Matthews => "Matthews correlation",
            Self::Pearson => "Pearson correlation",
            Self::Spearman => "Spearman correlation",
        }
    }

    /// Is it a share, in [0, 1]? People read shares in percent and their differences in points,
    /// other metrics in plain units.
    pub fn is_share(self) -> bool {
        match self {
            Self::Accuracy | Self::F1Macro | Self::F1Binary => true,
            Self::Matthews | Self::Pearson | Self::Spearman => false,
        }
    }

    /// The interval of its values.
    pub fn range(self) -> &'static str {
        if self.is_share() { "[0, 1]" } else { "[-1, 1]" }
    }

    /// Is the upper end of the range the good one? It is for every metric so far; reports rely
    /// on that, so the loss is none.
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Accuracy
            | Self::F1Macro
            | Self::F1Binary
            | Self::Matthews
            | Self::Pearson
            | Self::Spearman => true,
        }
    }
}

/// As in files, such as `f1-binary`.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accuracy => "accuracy",
            Self::F1Macro => "f1-macro",
            Self::F1Binary => "f1-binary",
            Self::Matthews => "matthews",
            Self::Pearson => "pearson",
            Self::Spearman => "spearman",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_metrics_fit() {
        let tasks = [2, 10].map(|classes| Task::Classification { classes });
        assert!(
            tasks.into_iter().chain([Task::Regression]).all(|task| Metric::usual(task).fits(task))
        );
        assert_eq!(tasks.map(|task| Metric::F1Binary.fits(task)), [true, false]);
        assert!(!Metric::Matthews.fits(Task::Regression) && !Metric::Pearson.fits(tasks[0]));
    }

    #[test]
    fn files_name_a_metric_as_it_is_displayed() {
        use Metric::*;
        for metric in [Accuracy, F1Macro, F1Binary, Matthews, Pearson, Spearman] {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.to_string());
        }
    }
}
