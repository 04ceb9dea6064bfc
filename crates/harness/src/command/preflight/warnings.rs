//! Trials that will not be what their names say.

use std::collections::BTreeSet;

use dst_analysis::format::percent;
use dst_analysis::is_another_sparsity;
use dst_core::record::TrialSpec;
use dst_core::{BackendKind, Forecast, Result};
use dst_settings::GridConfig;
use dst_train::Estimate;

use super::Checked;
use crate::command::label::Labels;

/// What users should hear before anything is trained, in words, seeds together.
pub(in crate::command) fn warnings(checked: &Checked, labels: &Labels) -> BTreeSet<String> {
    let Checked { trials, estimates, warnings: of_data, .. } = checked;
    let mut warnings = unreached(trials, estimates, labels);
    warnings.extend(unchanged(trials, estimates, labels));
    warnings.extend(of_data.iter().cloned());
    warnings.extend(trials.iter().filter_map(untrained));
    warnings
}

/// What is to be said of trials that choose kernels where they pay, on a device or in a precision that has
/// none.
///
/// # Errors
/// If the device is not there.
pub(in crate::command) fn without_kernels(grid: &GridConfig) -> Result<BTreeSet<String>> {
    let device = grid.execution.device()?;
    let chosen = grid.trials.iter().filter(|spec| spec.training.backend == BackendKind::Auto);
    let lacking = chosen.filter_map(|spec| dst_sparse::lacking(spec.training.precision, device));
    let words = lacking.map(|(what, instead)| {
        format!(
            "--backend auto computes as masked does here, because sparse kernels compute {what}: pass \
             {instead} to use them"
        )
    });
    Ok(words.collect())
}

/// A model that could start from trained weights and does not: for BERT, that is seldom meant.
fn untrained(spec: &TrialSpec) -> Option<String> {
    spec.model.get("weights").filter(|weights| weights.is_null())?;
    let model = spec.model_name();
    Some(format!(
        "{model} on {} starts from random weights: to fine-tune trained ones, pass --set \
         {model}.weights=FILE, or hub:org/name for those of the Hugging Face Hub",
        spec.dataset
    ))
}

/// Trials whose schedule has no update, so that their network is a static one.
fn unchanged(trials: &[TrialSpec], estimates: &[Estimate], labels: &Labels) -> BTreeSet<String> {
    let still = trials.iter().zip(estimates).filter(|(spec, estimate)| {
        // The others are warned of already.
        let reached = !is_another_sparsity(spec.sparsity, 1.0 - estimate.final_density);
        matches!(estimate.updates, Forecast::Exactly(0) | Forecast::AtMost(0))
            && spec.sparsity > 0.0
            && reached
    });
    let words = still.map(|(spec, _)| {
        let name = spec.strategy_name();
        let how = match spec.strategy.get("interval") {
            Some(_) => format!(
                "pass --set '*.interval=5%', an update in every twentieth of the training, or see \
                 {name}.begin and {name}.end"
            ),
            None => format!("`harness describe {name}` has its parameters"),
        };
        format!(
            "{} on {}, {} will never change a connection, because none of its updates falls into \
             the training: {how}",
            labels.strategy(spec),
            spec.dataset_label(),
            labels.model(spec),
        )
    });
    words.collect()
}

/// Trials whose schedule ends at another sparsity than they were asked for, in words, seeds
/// together.
fn unreached(trials: &[TrialSpec], estimates: &[Estimate], labels: &Labels) -> BTreeSet<String> {
    let pairs = trials.iter().zip(estimates).filter(|(spec, estimate)| {
        is_another_sparsity(spec.sparsity, 1.0 - estimate.final_density)
    });
    let words = pairs.map(|(spec, estimate)| {
        let why = match spec.strategy.get("interval") {
            Some(_) => format!(
                "because its updates are too few: shorten it with --set {}.interval=5%, or train longer",
                spec.strategy_name()
            ),
            None if matches!(estimate.updates, Forecast::Exactly(0))
                && estimate.final_density == 1.0 =>
            {
                "because the training is too short for what it does: train longer".to_owned()
            }
            // Without a schedule it is the method that reaches no other, as N:M where layers do not
            // divide into groups.
            None => "which is as near as the method comes in this network".to_owned(),
        };
        format!(
            "{} at {} on {}, {} will end at a sparsity of {}, {why}",
            labels.strategy(spec),
            percent(spec.sparsity),
            spec.dataset_label(),
            labels.model(spec),
            percent(1.0 - estimate.final_density),
        )
    });
    words.collect()
}
