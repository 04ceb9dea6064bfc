//! Which epoch's weights are kept.

use dst_core::record::Scores;
use dst_core::{Backend, Error, Layer, Metric, Result, Topology, flops};
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::evaluation::Evaluation;
use crate::snapshot::{self, Tensors};
use crate::trainer::Trainer;

/// The checkpoint that is best on validation, with its masks.
///
/// Only epochs whose prunable density is at most the density to reach are eligible: a method
/// that starts dense and becomes sparse later must not be scored with a denser network than it
/// promises. If no epoch is eligible, the last one is taken. Of equal epochs the earlier wins, and
/// any score is better than a missing one.
///
/// The score of an epoch that predicts one thing for every sample counts as missing: F1 can
/// rate it above a network that has begun to tell the classes apart.
#[derive(Debug)]
pub(crate) struct BestCheckpoint {
    pub(crate) facts: Facts,
    /// Copies of parameters, buffers and masks under `best/`.
    pub(crate) tensors: Tensors,
}

/// What is known about the best epoch besides its weights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// From 1.
    pub(crate) epoch: u32,
    pub(crate) validation: Scores,
    /// Was one thing predicted for every sample?
    pub(crate) constant: bool,
    /// Active prunable weights.
    pub(crate) active: u64,
    pub(crate) inference_flops: f64,
    eligible: bool,
}

/// Where the tensors of the best epoch lie in a checkpoint.
pub(crate) const PREFIX: &str = "best/";

impl BestCheckpoint {
    /// The present weights if they are better than `earlier`, else `earlier`.
    pub(crate) fn after_epoch(
        earlier: Option<Self>,
        trainer: &Trainer<'_>,
        metric: Metric,
        epoch: u32,
        evaluation: &Evaluation,
    ) -> Self {
        let topology = trainer.topology();
        let facts = Facts {
            epoch,
            validation: evaluation.scores,
            constant: evaluation.is_constant,
            active: topology.active_count() as u64,
            inference_flops: flops::inference(topology),
            eligible: reaches_target(topology),
        };
        match earlier {
            Some(earlier) if !facts.replaces(&earlier.facts, metric) => earlier,
            _ => Self { facts, tensors: copy(trainer) },
        }
    }

    /// Tells the backend the masks of the best epoch; the topology stays that of the last one.
    ///
    /// # Errors
    /// If the backend cannot compute with them, or one is missing.
    pub(crate) fn activate(&self, trainer: &Trainer<'_>, backend: &dyn Backend) -> Result<()> {
        trainer
            .topology()
            .layers()
            .iter()
            .try_for_each(|layer| backend.activate(layer.weight(), self.mask(layer)?))
    }

    /// The active entries of a layer in the best epoch, `Bool`.
    ///
    /// # Errors
    /// If they are missing.
    pub(crate) fn mask(&self, layer: &Layer) -> Result<&Tensor> {
        self.tensors.get(&mask_name(layer)).ok_or_else(|| {
            Error::data("the best epoch of the checkpoint has no mask").at(layer.name())
        })
    }
}

/// Where the mask of a layer lies among the tensors.
fn mask_name(layer: &Layer) -> String {
    format!("{PREFIX}active/{}", layer.name())
}

impl Facts {
    fn replaces(&self, earlier: &Self, metric: Metric) -> bool {
        if !earlier.eligible {
            return true;
        }
        let score = |facts: &Self| facts.validation.get(metric).filter(|_| !facts.constant);
        let better = match (score(self), score(earlier)) {
            (Some(own), Some(other)) if metric.higher_is_better() => own > other,
            (Some(own), Some(other)) => own < other,
            (own, other) => own.is_some() && other.is_none(),
        };
        self.eligible && better
    }
}

/// Is the topology no denser than it shall become? Counts per layer may be rounded up.
fn reaches_target(topology: &Topology) -> bool {
    let allowed = topology.density() * topology.size() as f64 + topology.layers().len() as f64;
    topology.active_count() as f64 <= allowed
}

fn copy(trainer: &Trainer<'_>) -> Tensors {
    let mut tensors = Tensors::new();
    snapshot::collect(trainer.parameters(), PREFIX, &mut tensors);
    let active = |layer: &Layer| layer.active().shallow_clone();
    for layer in trainer.topology().layers() {
        tensors.insert(mask_name(layer), active(layer));
    }
    snapshot::copies(&tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(epoch: u32, accuracy: f64, eligible: bool) -> Facts {
        let validation = Scores { accuracy: Some(accuracy), ..Scores::default() };
        Facts { epoch, validation, constant: false, active: 1, inference_flops: 1.0, eligible }
    }

    fn chosen(epochs: &[(f64, bool)]) -> u32 {
        let all =
            (1..).zip(epochs).map(|(epoch, (score, eligible))| facts(epoch, *score, *eligible));
        let better = |best, next: Facts| match next.replaces(&best, Metric::Accuracy) {
            true => next,
            false => best,
        };
        all.reduce(better).unwrap().epoch
    }

    #[test]
    fn the_first_of_the_best_is_kept() {
        assert_eq!(chosen(&[(0.5, true), (0.9, true), (0.9, true), (0.8, true)]), 2);
    }

    #[test]
    fn the_metric_decides_and_a_missing_score_is_the_worst() {
        let with = |pearson| {
            let validation = Scores { loss: 1.0, pearson, ..Scores::default() };
            Facts { validation, ..facts(1, 0.0, true) }
        };
        let replaces = |own, earlier| with(own).replaces(&with(earlier), Metric::Pearson);
        assert!(replaces(Some(0.2), Some(0.1)) && replaces(Some(-0.1), None));
        assert!(!replaces(None, Some(-0.1)) && !replaces(None, None));
        assert!(!with(Some(0.2)).replaces(&with(Some(0.1)), Metric::Accuracy));
    }

    #[test]
    fn one_prediction_for_everything_is_the_worst() {
        let trivial = Facts { constant: true, ..facts(1, 0.9, true) };
        assert!(facts(2, 0.6, true).replaces(&trivial, Metric::Accuracy));
        assert!(!trivial.replaces(&facts(2, 0.6, true), Metric::Accuracy));
        assert!(!trivial.replaces(&trivial, Metric::Accuracy));
    }

    #[test]
    fn a_denser_epoch_is_not_eligible() {
        assert_eq!(chosen(&[(0.99, false), (0.7, true), (0.8, true), (0.6, true)]), 3);
        assert_eq!(chosen(&[(0.8, true), (0.99, false)]), 1);
    }

    #[test]
    fn without_an_eligible_epoch_the_last_is_taken() {
        assert_eq!(chosen(&[(0.99, false), (0.7, false), (0.8, false)]), 3);
    }
}
