//! Scores of one split.

use serde::{Deserialize, Serialize};

use crate::metric::Metric;

/// Scores on one split. Classes have the first four metrics, numbers the two correlations, tokens
/// accuracy and log-likelihood; what is not defined is missing. Higher is better for all but the loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Mean loss without label smoothing; lower is better.
    pub loss: f64,
    /// Share of correct predictions, in [0, 1].
    pub accuracy: Option<f64>,
    /// Mean over classes of the harmonic mean of precision and recall, in [0, 1]. A class that
    /// is neither present nor predicted counts as 0.
    pub f1_macro: Option<f64>,
    /// Harmonic mean of precision and recall of class 1, in [0, 1], of two classes; 0 if the
    /// class is neither present nor predicted.
    pub f1_binary: Option<f64>,
    /// Matthews's correlation of predicted and true classes, in [-1, 1], for more than two
    /// classes as R_K (Gorodkin 2004): (c n - Σ p_k t_k) / √((n² - Σ p_k²) (n² - Σ t_k²)) for c
    /// correct of n samples, with class k predicted p_k times and present t_k times. 0 if only
    /// one class is predicted, or present.
    pub matthews: Option<f64>,
    /// Covariance of predictions and targets by the product of their standard deviations, in
    /// [-1, 1]; missing if either is constant.
    pub pearson: Option<f64>,
    /// The same of ranks, where equal values share the mean of their ranks.
    pub spearman: Option<f64>,
    /// Mean natural logarithm of the probability of the true next token: the loss times -1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_likelihood: Option<f64>,
}

impl Scores {
    /// The value of a metric, if the task has it and the predictions define it.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::Accuracy => self.accuracy,
            Metric::F1Macro => self.f1_macro,
            Metric::F1Binary => self.f1_binary,
            Metric::Matthews => self.matthews,
            Metric::Pearson => self.pearson,
            Metric::Spearman => self.spearman,
            Metric::LogLikelihood => self.log_likelihood,
        }
    }

    /// Of tokens, e to the mean loss: among how many equally probable tokens a choice would be as
    /// uncertain. At least 1, and lower is better.
    pub fn perplexity(&self) -> Option<f64> {
        self.log_likelihood.map(|mean| (-mean).exp())
    }

    /// The accuracy as people are shown it during training: not that of tokens, which are spoken of by
    /// their perplexity.
    pub fn shown_accuracy(&self) -> Option<f64> {
        self.accuracy.filter(|_| self.log_likelihood.is_none())
    }
}
