//! What was typed, as settings.

use dst_core::Result;
use dst_settings::CommandLine;

use crate::cli::{
    AnalysisArgs, BenchArgs, DataPlaceArgs, ExperimentArgs, GridArgs, PlaceArgs, RunArgs,
    SettingArgs,
};

/// The settings that `harness grid` was given.
///
/// # Errors
/// If a key is unknown or a value cannot be read.
pub(crate) fn grid(args: &GridArgs) -> Result<CommandLine> {
    let ExperimentArgs {
        strategies,
        datasets,
        models,
        sparsity,
        inference_flops,
        training_flops,
        seeds,
        settings: given,
    } = &args.experiment;
    let mut typed = CommandLine::new();
    typed.plain("--strategies", "strategies", strategies.as_deref())?;
    typed.plain("--datasets", "datasets", datasets.as_deref())?;
    typed.plain("--models", "models", models.as_deref())?;
    typed.plain("--sparsity", "sparsity", sparsity.as_deref())?;
    typed.plain("--inference-flops", "inference_flops", inference_flops.as_deref())?;
    typed.plain("--training-flops", "training_flops", training_flops.as_deref())?;
    typed.plain("--seeds", "seeds", seeds.as_deref())?;
    typed.plain("--jobs", "jobs", args.jobs.as_deref())?;
    typed.plain("--timeout", "timeout", args.timeout.as_deref())?;
    typed.plain("--keep", "keep", args.keep.as_deref())?;
    typed.plain("--executor", "executor", args.executor.as_deref())?;
    let slurm = (!args.slurm.is_empty()).then(|| args.slurm.join(","));
    typed.plain("--slurm", "slurm", slurm.as_deref())?;
    add_place(&mut typed, &args.place)?;
    add_analysis(&mut typed, &args.analysis)?;
    add_settings(&mut typed, given)?;
    Ok(typed)
}

/// The settings that `harness run` was given: a grid of one trial.
///
/// # Errors
/// As [`grid`].
pub(crate) fn trial(args: &RunArgs) -> Result<CommandLine> {
    let mut typed = CommandLine::new();
    typed.plain("--strategy", "strategies", args.strategy.as_deref())?;
    typed.plain("--dataset", "datasets", args.dataset.as_deref())?;
    typed.plain("--model", "models", args.model.as_deref())?;
    typed.plain("--sparsity", "sparsity", args.sparsity.as_deref())?;
    typed.plain("--seed", "seeds", Some(args.seed.as_deref().unwrap_or("0")))?;
    typed.plain("--keep", "keep", args.keep.as_deref())?;
    add_place(&mut typed, &args.place)?;
    add_settings(&mut typed, &args.settings)?;
    Ok(typed)
}

/// The settings that `harness bench` was given: a grid of one trial a network, whose strategy is `name`.
///
/// # Errors
/// As [`grid`].
pub(crate) fn bench(args: &BenchArgs, name: &str) -> Result<CommandLine> {
    let mut typed = CommandLine::new();
    typed.plain("harness bench", "strategies", Some(name))?;
    typed.plain("harness bench", "seeds", Some("0"))?;
    typed.plain("--datasets", "datasets", args.datasets.as_deref())?;
    typed.plain("--models", "models", args.models.as_deref())?;
    add_place(&mut typed, &args.place)?;
    add_settings(&mut typed, &args.settings)?;
    Ok(typed)
}

/// How trials are compared.
///
/// # Errors
/// As [`grid`].
pub(crate) fn analysis(args: &AnalysisArgs) -> Result<CommandLine> {
    let mut typed = CommandLine::new();
    add_analysis(&mut typed, args)?;
    Ok(typed)
}

/// Where data and devices are.
///
/// # Errors
/// As [`grid`].
pub(crate) fn place(args: &PlaceArgs) -> Result<CommandLine> {
    let mut typed = CommandLine::new();
    add_place(&mut typed, args)?;
    Ok(typed)
}

/// The folder of the store.
///
/// # Errors
/// As [`grid`].
pub(crate) fn store(typed: &mut CommandLine, text: Option<&str>) -> Result<()> {
    typed.plain("--store", "store", text)
}

/// Where data sets are.
///
/// # Errors
/// As [`grid`].
pub(crate) fn data(typed: &mut CommandLine, args: &DataPlaceArgs) -> Result<()> {
    typed.plain("--data-dir", "data_dir", args.data_dir.as_deref())?;
    typed.plain("--hub-revision", "hub_revision", args.hub_revision.as_deref())
}

fn add_place(typed: &mut CommandLine, args: &PlaceArgs) -> Result<()> {
    typed.plain("--store", "store", args.store.as_deref())?;
    data(typed, &args.data)?;
    typed.plain("--device", "device", args.device.as_deref())?;
    typed.plain("--threads", "threads", args.threads.as_deref())
}

fn add_analysis(typed: &mut CommandLine, args: &AnalysisArgs) -> Result<()> {
    typed.shortcut("--margin", "analysis.margin", args.margin.as_deref())?;
    typed.shortcut("--alpha", "analysis.alpha", args.alpha.as_deref())?;
    typed.shortcut("--control", "analysis.control", args.control.as_deref())?;
    typed.shortcut("--test", "analysis.test", args.test.as_deref())?;
    typed.shortcut("--correction", "analysis.correction", args.correction.as_deref())?;
    typed.shortcut("--looks", "analysis.looks", args.looks.as_deref())?;
    typed.shortcut("--accept-collapse", "analysis.accept_collapse", args.accept_collapse.as_deref())
}

fn add_settings(typed: &mut CommandLine, args: &SettingArgs) -> Result<()> {
    typed.plain("--grid", "grid", args.grid.as_deref())?;
    typed.shortcut("--epochs", "training.epochs", args.epochs.as_deref())?;
    typed.shortcut("--batch-size", "training.batch_size", args.batch_size.as_deref())?;
    typed.shortcut("--learning-rate", "training.learning_rate", args.learning_rate.as_deref())?;
    typed.shortcut("--precision", "training.precision", args.precision.as_deref())?;
    typed.shortcut("--backend", "training.backend", args.backend.as_deref())?;
    typed.shortcut("--optimizer", "training.optimizer", args.optimizer.as_deref())?;
    typed.shortcut("--schedule", "training.schedule", args.schedule.as_deref())?;
    args.set.iter().try_for_each(|text| typed.set(text))
}

#[cfg(test)]
mod tests;
