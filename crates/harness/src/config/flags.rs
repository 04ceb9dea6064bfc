//! Settings from the flags of the command line.

use dst_core::{Error, Result};

use super::axis;
use super::parameters::as_one_list;
use super::plain_key::plain;
use super::setting::{Key, Setting, SettingLayer, Source};
use crate::cli::{
    AnalysisArgs, BenchArgs, ExperimentArgs, GridArgs, PlaceArgs, RunArgs, SettingArgs,
};

/// The settings that `harness grid` was given.
///
/// # Errors
/// If a key is unknown or a value cannot be read.
pub(crate) fn grid(args: &GridArgs) -> Result<SettingLayer> {
    let ExperimentArgs {
        strategies,
        datasets,
        models,
        sparsity,
        inference_flops,
        training_flops,
        seeds,
        settings,
    } = &args.experiment;
    let mut given = FlagSettings::default();
    given.plain("--strategies", "strategies", strategies)?;
    given.plain("--datasets", "datasets", datasets)?;
    given.plain("--models", "models", models)?;
    given.plain("--sparsity", "sparsity", sparsity)?;
    given.plain("--inference-flops", "inference_flops", inference_flops)?;
    given.plain("--training-flops", "training_flops", training_flops)?;
    given.plain("--seeds", "seeds", seeds)?;
    given.plain("--jobs", "jobs", &args.jobs)?;
    given.plain("--timeout", "timeout", &args.timeout)?;
    given.plain("--keep", "keep", &args.keep)?;
    given.plain("--executor", "executor", &args.executor)?;
    let slurm = (!args.slurm.is_empty()).then(|| args.slurm.join(","));
    given.plain("--slurm", "slurm", &slurm)?;
    given.place(&args.place)?;
    given.analysis(&args.analysis)?;
    given.settings(settings)?;
    Ok(given.layer)
}

/// The settings that `harness run` was given: a grid of one trial.
///
/// # Errors
/// As [`grid`].
pub(crate) fn trial(args: &RunArgs) -> Result<SettingLayer> {
    let mut given = FlagSettings::default();
    given.plain("--strategy", "strategies", &args.strategy)?;
    given.plain("--dataset", "datasets", &args.dataset)?;
    given.plain("--model", "models", &args.model)?;
    given.plain("--sparsity", "sparsity", &args.sparsity)?;
    let seed = args.seed.clone().unwrap_or_else(|| "0".to_owned());
    given.plain("--seed", "seeds", &Some(seed))?;
    given.plain("--keep", "keep", &args.keep)?;
    given.place(&args.place)?;
    given.settings(&args.settings)?;
    Ok(given.layer)
}

/// The settings that `harness bench` was given: a grid of one trial a network, whose strategy is `name`.
///
/// # Errors
/// As [`grid`].
pub(crate) fn bench(args: &BenchArgs, name: &str) -> Result<SettingLayer> {
    let mut given = FlagSettings::default();
    given.plain("harness bench", "strategies", &Some(name.to_owned()))?;
    given.plain("harness bench", "seeds", &Some("0".to_owned()))?;
    given.plain("--datasets", "datasets", &args.datasets)?;
    given.plain("--models", "models", &args.models)?;
    given.place(&args.place)?;
    given.settings(&args.settings)?;
    Ok(given.layer)
}

/// How trials are compared.
///
/// # Errors
/// As [`grid`].
pub(crate) fn analysis(args: &AnalysisArgs) -> Result<SettingLayer> {
    let mut given = FlagSettings::default();
    given.analysis(args)?;
    Ok(given.layer)
}

/// Where data and devices are.
///
/// # Errors
/// As [`grid`].
pub(crate) fn place(args: &PlaceArgs) -> Result<SettingLayer> {
    let mut given = FlagSettings::default();
    given.place(args)?;
    Ok(given.layer)
}

/// The folder of the store.
///
/// # Errors
/// As [`grid`].
pub(crate) fn store(layer: &mut SettingLayer, text: Option<&str>) -> Result<()> {
    if let Some(text) = text {
        layer.push(plain("store")?.setting(text, Source::Flag("--store".to_owned()))?);
    }
    Ok(())
}

/// What the flags of one command set.
#[derive(Default)]
struct FlagSettings {
    layer: SettingLayer,
}

impl FlagSettings {
    fn plain(&mut self, flag: &str, key: &str, text: &Option<String>) -> Result<()> {
        if let Some(text) = text {
            self.layer.push(plain(key)?.setting(text, Source::Flag(flag.to_owned()))?);
        }
        Ok(())
    }

    fn shortcut(&mut self, flag: &str, key: Key, text: &Option<String>) -> Result<()> {
        match text {
            Some(text) => self.assign(flag.to_owned(), key, text),
            None => Ok(()),
        }
    }

    fn assign(&mut self, typed: String, key: Key, text: &str) -> Result<()> {
        if let Some((_, earlier)) = self.layer.iter().find(|(earlier, _)| *earlier == key) {
            return Err(Error::usage(format!("{key} is set twice"))
                .at(format!("{} and {typed}", earlier.source))
                .hint("several values are written as a list: --set rigl.drop_fraction=0.1,0.3"));
        }
        let source = Source::Flag(typed);
        let values = axis::values(text).map_err(|error| error.at(source.to_string()))?;
        let values = as_one_list(&key, values);
        self.layer.push((key, Setting::new(values, source)));
        Ok(())
    }

    fn place(&mut self, args: &PlaceArgs) -> Result<()> {
        self.plain("--store", "store", &args.store)?;
        self.plain("--data-dir", "data_dir", &args.data_dir)?;
        self.plain("--hub-revision", "hub_revision", &args.hub_revision)?;
        self.plain("--device", "device", &args.device)?;
        self.plain("--threads", "threads", &args.threads)
    }

    fn analysis(&mut self, args: &AnalysisArgs) -> Result<()> {
        let key = |name: &str| Key::Analysis(name.to_owned());
        self.shortcut("--margin", key("margin"), &args.margin)?;
        self.shortcut("--alpha", key("alpha"), &args.alpha)?;
        self.shortcut("--control", key("control"), &args.control)?;
        self.shortcut("--test", key("test"), &args.test)?;
        self.shortcut("--correction", key("correction"), &args.correction)?;
        self.shortcut("--looks", key("looks"), &args.looks)?;
        self.shortcut("--accept-collapse", key("accept_collapse"), &args.accept_collapse)
    }

    fn settings(&mut self, args: &SettingArgs) -> Result<()> {
        let key = |name: &str| Key::Training(name.into());
        self.plain("--grid", "grid", &args.grid)?;
        self.shortcut("--epochs", key("epochs"), &args.epochs)?;
        self.shortcut("--batch-size", key("batch_size"), &args.batch_size)?;
        self.shortcut("--learning-rate", key("learning_rate"), &args.learning_rate)?;
        self.shortcut("--precision", key("precision"), &args.precision)?;
        self.shortcut("--backend", key("backend"), &args.backend)?;
        self.shortcut("--optimizer", key("optimizer"), &args.optimizer)?;
        self.shortcut("--schedule", key("schedule"), &args.schedule)?;
        for text in &args.set {
            let typed = format!("--set {text}");
            let Some((path, values)) = text.split_once('=') else {
                return Err(Error::usage("there is no '='")
                    .at(typed)
                    .hint("write for example --set rigl.drop_fraction=0.1,0.3"));
            };
            let key = Key::typed(path).map_err(|error| error.at(typed.clone()))?;
            self.assign(typed, key, values)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> Result<SettingLayer> {
        let settings = SettingArgs {
            set: texts.iter().map(|text| (*text).to_owned()).collect(),
            epochs: Some("2".to_owned()),
            ..SettingArgs::default()
        };
        let experiment = ExperimentArgs { settings, ..ExperimentArgs::default() };
        grid(&GridArgs { experiment, ..GridArgs::default() })
    }

    #[test]
    fn settings_know_what_was_typed() {
        let layer = set(&["training.momentum=0.1,0.2"]).unwrap();
        assert_eq!(layer[0].1.source.to_string(), "--epochs");
        assert_eq!(layer[1].0, Key::Training("momentum".into()));
        assert_eq!(layer[1].1.values, [0.1, 0.2]);
        assert_eq!(layer[1].1.source.to_string(), "--set training.momentum=0.1,0.2");
    }

    #[test]
    fn contradictions_and_half_settings_are_refused() {
        let error = |text: &str| set(&[text]).unwrap_err().to_string();
        assert!(error("training.epochs=3").contains("is set twice"));
        assert!(error("training.epochs").contains("there is no '='"));
        assert!(error("epochs=3").contains("does not say what it belongs to"));
        assert!(error("trainin.epochs=3").contains("did you mean 'training'"));
    }
}
