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
    /// Mean logarithm of the probability that the model gives to the true next token, in nats.
    LogLikelihood,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Accuracy,
        Self::F1Binary,
        Self::F1Macro,
        Self::LogLikelihood,
        Self::Matthews,
        Self::Pearson,
        Self::Spearman,
    ];

    /// What a data set without an official metric is scored by: accuracy for classes, Pearson's
    /// correlation for numbers, log-likelihood for tokens.
    pub fn usual(task: Task) -> Self {
        match task {
            Task::Classification { .. } => Self::Accuracy,
            Task::Regression => Self::Pearson,
            Task::NextToken { .. } => Self::LogLikelihood,
        }
    }

    /// Do predictions of this task have it?
    pub fn fits(self, task: Task) -> bool {
        match (self, task) {
            (Self::F1Binary, Task::Classification { classes }) => classes == 2,
            (Self::Accuracy | Self::F1Macro | Self::Matthews, Task::Classification { .. })
            | (Self::Pearson | Self::Spearman, Task::Regression)
            | (Self::Accuracy | Self::LogLikelihood, Task::NextToken { .. }) => true,
            (Self::Pearson | Self::Spearman | Self::LogLikelihood, Task::Classification { .. })
            | (_, Task::Regression | Task::NextToken { .. }) => false,
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
            Self::LogLikelihood => "log-likelihood",
        }
    }

    /// Is it a share, in [0, 1]? People read shares in percent and their differences in points,
    /// other metrics in plain units.
    pub fn is_share(self) -> bool {
        match self {
            Self::Accuracy | Self::F1Macro | Self::F1Binary => true,
            Self::Matthews | Self::Pearson | Self::Spearman | Self::LogLikelihood => false,
        }
    }

    /// The interval of its values.
    pub fn range(self) -> &'static str {
        match self {
            Self::Accuracy | Self::F1Macro | Self::F1Binary => "[0, 1]",
            Self::Matthews | Self::Pearson | Self::Spearman => "[-1, 1]",
            Self::LogLikelihood => "(-∞, 0]",
        }
    }

    /// Can a score have this value? An infinite one or NaN is no score.
    pub fn can_be(self, score: f64) -> bool {
        let least = match self {
            Self::Accuracy | Self::F1Macro | Self::F1Binary => 0.0,
            Self::Matthews | Self::Pearson | Self::Spearman => -1.0,
            Self::LogLikelihood => f64::MIN,
        };
        (least..=self.perfect()).contains(&score)
    }

    /// The score of predictions that are all right: the upper end of the range.
    pub fn perfect(self) -> f64 {
        match self {
            Self::Accuracy
            | Self::F1Macro
            | Self::F1Binary
            | Self::Matthews
            | Self::Pearson
            | Self::Spearman => 1.0,
            Self::LogLikelihood => 0.0,
        }
    }

    /// Is the upper end of the range the good one? It is for every metric so far, and reports rely
    /// on that. So the loss is none, and neither is perplexity: models of text are judged by its
    /// logarithm with the other sign, the log-likelihood, and perplexity stands beside it.
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Accuracy
            | Self::F1Macro
            | Self::F1Binary
            | Self::Matthews
            | Self::Pearson
            | Self::Spearman
            | Self::LogLikelihood => true,
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
            Self::LogLikelihood => "log-likelihood",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_metrics_fit() {
        let tasks = [2, 10].map(|classes| Task::Classification { classes });
        let tokens = Task::NextToken { vocabulary: 256 };
        let mut all = tasks.into_iter().chain([Task::Regression, tokens]);
        assert!(all.all(|task| Metric::usual(task).fits(task)));
        assert!(Metric::Accuracy.fits(tokens) && !Metric::F1Macro.fits(tokens));
        assert!(!Metric::LogLikelihood.fits(tasks[0]));
        assert_eq!(tasks.map(|task| Metric::F1Binary.fits(task)), [true, false]);
        assert!(!Metric::Matthews.fits(Task::Regression) && !Metric::Pearson.fits(tasks[0]));
    }

    #[test]
    fn files_name_a_metric_as_it_is_displayed() {
        for metric in Metric::ALL {
            assert_eq!(serde_json::to_value(metric).unwrap(), metric.to_string());
        }
    }

    #[test]
    fn scores_lie_in_the_range() {
        for metric in Metric::ALL {
            assert!(metric.can_be(metric.perfect()) && !metric.can_be(metric.perfect() + 1e-6));
            assert!(!metric.can_be(f64::NAN) && !metric.can_be(f64::NEG_INFINITY), "{metric}");
        }
        let least = |metric: Metric| [-7.0, -1.0, 0.0].map(|score| metric.can_be(score));
        assert_eq!(least(Metric::Accuracy), [false, false, true]);
        assert_eq!(least(Metric::Pearson), [false, true, true]);
        assert_eq!(least(Metric::LogLikelihood), [true, true, true]);
    }
}
