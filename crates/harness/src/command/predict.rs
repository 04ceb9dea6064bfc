//! `harness predict`

use std::path::PathBuf;

use dst_analysis::format::count;
use dst_core::predictions::Values;
use dst_core::record::TrialSpec;
use dst_core::{
    BackendKind, Dataset, Error, ErrorKind, Input, Pass, Precision, Predictions, Result, Split,
    device, plugin,
};
use dst_settings::ResolvedSettings;
use dst_train::{Prediction, RestoredNetwork};
use serde_json::{Value, json};
use tch::{Device, Tensor};

use super::{restart, trained_on};
use crate::cli::{PredictArgs, PredictedSplit};
use crate::flags;
use crate::output;
use crate::run::{keep_freed_memory, parameters};
use dst_executor::Exit;
use dst_store::Store;

/// Images of one forward pass.
const BATCH: i64 = 256;

/// How far two numbers of a regression may be apart, as a share of the larger of the stored one and 1:
/// kernels add in another order than dense arithmetic.
const TOLERANCE: f64 = 1e-4;

pub(super) fn run(args: &PredictArgs) -> Result<Exit> {
    let mut execution =
        ResolvedSettings::of_process(None, flags::place(&args.place)?)?.execution()?;
    let store = Store::open(&execution.store)?;
    execution.own_data = store.own_data()?;
    let id = store.find(&args.trial)?;
    if args.files.is_empty() && args.split.is_none() {
        return Err(Error::usage("nothing is named that could be predicted").hint(
            "name files, such as image.png or table.csv, or pass --split test for the test samples of \
             the data set",
        ));
    }
    let (spec, weights) = (store.spec(&id)?, store.weights(&id)?);
    let stored = match args.split {
        Some(PredictedSplit::Test) => store.record(&id)?.and_then(|record| record.predictions),
        _ => None,
    };

    let device = device::parse(&execution.device)?;
    let precision = precision_on(&spec, device);
    if precision == spec.training.precision {
        restart::with_environment(&spec, &execution.device)?;
    }
    let kind = BackendKind::from(args.backend);
    dst_sparse::check(kind, precision, device)?;
    keep_freed_memory();
    // Before the first operation: libtorch starts its threads then.
    tch::set_num_threads(execution.threads.max(1) as i32);
    let backend = dst_sparse::backend(kind, execution.threads.max(1))?;

    let architecture = plugin::architecture(spec.model_name(), parameters(&spec.model)?)?;
    let dataset =
        trained_on::load(&store, &id, &spec, &execution, architecture.weights()?.as_deref())?;
    let network = RestoredNetwork::build(&*architecture, &*dataset, &weights, &*backend, device)?;
    let pass = Pass { precision, backend: &*backend, ..Pass::EVALUATION };
    let named: Vec<(String, Prediction)> = match args.split {
        Some(split) => {
            let name = if split == PredictedSplit::Test { "test" } else { "validation" };
            let predictions = network.predict_split(&*dataset, Split::from(split), &pass)?;
            (0..).zip(predictions).map(|(row, it)| (format!("{name}:{row}"), it)).collect()
        }
        None => {
            let inputs = Inputs::read(&args.files, &*dataset, device)?;
            let predictions = inputs.batches.iter().map(|input| network.predict(input, &pass));
            let predictions = predictions.collect::<Result<Vec<_>>>()?.concat();
            inputs.names.into_iter().zip(predictions).collect()
        }
    };

    let broken = |(_, it): &&(String, Prediction)| !match it {
        Prediction::Class { probability, .. } => probability.is_finite(),
        Prediction::Number(number) => number.is_finite(),
    };
    if let Some((name, _)) = named.iter().find(broken) {
        return Err(Error::data("the network answers with no number")
            .at(name.as_str())
            .hint("inputs of this size were never trained on: check the units of this sample"));
    }

    let label = |class: u32| dataset.class_name(class as usize);
    let comparison = stored.map(|stored| Comparison::of(&named, &stored));
    if args.json {
        let predictions: Vec<Value> = named.iter().map(|it| object(it, label)).collect();
        output::print_json(&json!({
            "trial": id,
            "epoch": weights.epoch,
            "backend": kind,
            "predictions": predictions,
            "stored": comparison.as_ref().map(|it| json!({
                "samples": it.samples,
                "different": it.different,
            })),
        }))?;
    } else {
        let lines: String = named.iter().map(|it| line(it, label)).collect();
        output::print(&lines)?;
    }
    match comparison {
        None if args.split == Some(PredictedSplit::Test) => {
            output::note("the trial has no stored predictions to compare with");
            Ok(Exit::Success)
        }
        None => Ok(Exit::Success),
        Some(comparison) => {
            output::note(&comparison.to_string());
            Ok(if comparison.different.is_empty() { Exit::Success } else { Exit::TrialsFailed })
        }
    }
}

/// The precision of the trial, or 32-bit floats where the device lacks it.
fn precision_on(spec: &TrialSpec, device: Device) -> Precision {
    let own = spec.training.precision;
    match device::check(own, device) {
        Ok(()) => own,
        Err(_) => {
            output::note(&format!("this device has no {own}: the network computes in f32"));
            Precision::F32
        }
    }
}

/// What a user wants to have predicted.
struct Inputs {
    names: Vec<String>,
    batches: Vec<Input>,
}

impl Inputs {
    /// Reads all files before anything is predicted. Images are put together into batches.
    fn read(files: &[PathBuf], dataset: &dyn Dataset, device: Device) -> Result<Self> {
        let (mut names, mut batches, mut images) = (Vec::new(), Vec::new(), Vec::new());
        for file in files {
            let samples =
                dataset.read_samples(file, device).map_err(|error| match file.exists() {
                    true => error,
                    false => {
                        error.hint("relative paths begin in the folder where the command is typed")
                    }
                })?;
            let path = file.display();
            for words in &samples.warnings {
                output::note(&format!("warning: {path}: {words}"));
            }
            let positions = samples.positions.iter();
            match samples.positions.is_empty() {
                true => names.push(path.to_string()),
                false => names.extend(positions.map(|position| format!("{path}:{position}"))),
            }
            for batch in samples.batches {
                match batch {
                    Input::Image(image) => images.push(image),
                    tokens => batches.push(tokens),
                }
            }
        }
        if !images.is_empty() {
            let images = Tensor::f_cat(&images, 0)?;
            batches.extend(images.f_split(BATCH, 0)?.into_iter().map(Input::Image));
        }
        let count: i64 = batches.iter().map(Input::len).sum();
        if count as usize != names.len() {
            return Err(Error::new(
                ErrorKind::Contract,
                format!("the data set read {count} samples and named {}", names.len()),
            ));
        }
        Ok(Self { names, batches })
    }
}

/// How predictions differ from those that the trial stored.
#[derive(Debug, PartialEq)]
struct Comparison {
    samples: usize,
    /// Rows of the test set, from 0.
    different: Vec<usize>,
    /// Of a regression: the largest difference, in the unit of the target.
    largest: Option<f64>,
}

impl Comparison {
    fn of(named: &[(String, Prediction)], stored: &Predictions) -> Self {
        let stored = stored.predicted();
        let samples = stored.len().max(named.len());
        let equals = |row: &usize| match (named.get(*row).map(|(_, it)| *it), stored) {
            (Some(Prediction::Class { class, .. }), Values::Byte(_) | Values::Short(_)) => {
                stored.class(*row).map(u32::from) == Some(class)
            }
            (Some(Prediction::Number(number)), Values::Number(_)) => {
                stored.number(*row).is_some_and(|stored| {
                    let stored = f64::from(stored);
                    (number - stored).abs() <= TOLERANCE * stored.abs().max(1.0)
                })
            }
            _ => false,
        };
        let differences = named.iter().zip(0..).filter_map(|((_, prediction), row)| {
            let Prediction::Number(number) = prediction else { return None };
            Some((number - f64::from(stored.number(row)?)).abs())
        });
        let largest = differences.fold(None, |largest: Option<f64>, difference| {
            Some(largest.map_or(difference, |largest| largest.max(difference)))
        });
        Self { samples, different: (0..samples).filter(|row| !equals(row)).collect(), largest }
    }
}

/// In words, for people.
impl std::fmt::Display for Comparison {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = count(self.samples, "prediction");
        match &self.different[..] {
            [] => write!(f, "all {all} are those that are stored")?,
            [first, ..] => write!(
                f,
                "{} of {all} are not those that are stored, the first of them test:{first}",
                self.different.len()
            )?,
        }
        match self.largest {
            Some(largest) => write!(f, "; the largest difference is {largest:.2e}"),
            None => Ok(()),
        }
    }
}

fn line<'a>(
    (name, prediction): &(String, Prediction),
    label: impl Fn(u32) -> Option<&'a str>,
) -> String {
    match prediction {
        Prediction::Class { class, probability } => {
            let label = label(*class).map_or_else(|| class.to_string(), str::to_owned);
            format!("{name}\t{label}\t{probability:.4}\n")
        }
        Prediction::Number(number) => format!("{name}\t{number:.4}\n"),
    }
}

fn object<'a>(
    (name, prediction): &(String, Prediction),
    label: impl Fn(u32) -> Option<&'a str>,
) -> Value {
    match prediction {
        Prediction::Class { class, probability } => json!({
            "input": name,
            "class": class,
            "label": label(*class),
            "probability": probability,
        }),
        Prediction::Number(number) => json!({ "input": name, "number": number }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(class: u32) -> (String, Prediction) {
        (String::new(), Prediction::Class { class, probability: 0.5 })
    }

    #[test]
    fn a_class_that_differs_is_found() {
        let stored = |classes: &[u8]| {
            let values = Values::Byte(classes.to_vec());
            Predictions::new(values.clone(), values).unwrap()
        };
        let named = [class(0), class(2), class(1)];
        let same = Comparison::of(&named, &stored(&[0, 2, 1]));
        assert_eq!(same.to_string(), "all 3 predictions are those that are stored");
        let other = Comparison::of(&named, &stored(&[0, 1, 1]));
        assert_eq!(other.different, [1]);
        let words = "1 of 3 predictions are not those that are stored, the first of them test:1";
        assert_eq!(other.to_string(), words);
        // A sample too few or too many differs.
        assert_eq!(Comparison::of(&named, &stored(&[0, 2])).different, [2]);
        assert_eq!(Comparison::of(&named[..2], &stored(&[0, 2, 1])).different, [2]);
    }

    #[test]
    fn numbers_may_differ_by_rounding() {
        let values = Values::Number(vec![2.0, 3.0]);
        let stored = Predictions::new(values.clone(), values).unwrap();
        let number = |number| (String::new(), Prediction::Number(number));
        let near = Comparison::of(&[number(2.0001), number(3.0)], &stored);
        assert_eq!(near.different, Vec::<usize>::new());
        assert!(near.to_string().ends_with("the largest difference is 1.00e-4"), "{near}");
        assert_eq!(Comparison::of(&[number(2.0), number(3.001)], &stored).different, [1]);
        assert_eq!(Comparison::of(&[class(2), number(3.0)], &stored).different, [0]);
    }

    #[test]
    fn lines_and_objects_have_names_where_there_are_some() {
        let named = ("a.png".to_owned(), Prediction::Class { class: 1, probability: 0.25 });
        let dog = |class| (class == 1).then_some("dog");
        assert_eq!(line(&named, dog), "a.png\tdog\t0.2500\n");
        assert_eq!(line(&named, |_| None), "a.png\t1\t0.2500\n");
        assert_eq!(object(&named, dog)["label"], "dog");
        assert_eq!(object(&named, |_| None)["label"], Value::Null);
    }
}
