//! Scores of a model on one split.

use dst_core::record::Scores;
use dst_core::{Dataset, Model, Precision, Result, Split, Task};
use tch::{Device, Kind, Tensor};

use crate::correlation::{is_constant, pearson, spearman};
use crate::loss::Loss;
use crate::metrics::Confusion;
use crate::speed::Clock;

/// What a model scored on one split.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The loss and every metric of the task.
    pub scores: Scores,
    /// Predictions by class; no rows for regression.
    pub confusion: Confusion,
    /// Is one thing predicted for every sample although the targets differ?
    pub is_constant: bool,
}

/// Samples of one forward pass; the result depends on it by rounding only.
pub(crate) const BATCH: usize = 256;

/// Scores `model` on all samples of `split`, without dropout or gradients, at a precision.
///
/// Sums, counts and predicted numbers stay on the device and are read once at the end.
///
/// # Errors
/// If the data set or libtorch refuses a batch.
pub fn evaluate(
    model: &dyn Model,
    dataset: &dyn Dataset,
    split: Split,
    device: Device,
    precision: Precision,
) -> Result<Evaluation> {
    score(model, dataset, split, device, precision, None)
}

/// As [`evaluate`] on the test set, with the time that forward passes took.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn timed(
    model: &dyn Model,
    dataset: &dyn Dataset,
    device: Device,
    precision: Precision,
    clock: &mut Clock,
) -> Result<Evaluation> {
    score(model, dataset, Split::Test, device, precision, Some(clock))
}

fn score(
    model: &dyn Model,
    dataset: &dyn Dataset,
    split: Split,
    device: Device,
    precision: Precision,
    mut clock: Option<&mut Clock>,
) -> Result<Evaluation> {
    let pass = precision.evaluation();
    let _guard = tch::no_grad_guard();
    let task = dataset.task();
    let loss = Loss::new(task, 0.0);
    let classes = match task {
        Task::Classification { classes } => classes,
        Task::Regression => 0,
    };
    let mut loss_sum = Tensor::zeros([], (Kind::Double, device));
    let mut counts = Tensor::zeros([classes * classes], (Kind::Int64, device));
    let mut numbers = Vec::new();
    for rows in dataset.batches(split, BATCH, None) {
        let batch = dataset.batch(split, &rows, device)?;
        let forward = || model.forward(&batch.input, &pass);
        let output = match &mut clock {
            Some(clock) => clock.time(forward)?,
            None => forward()?,
        };
        let mean = loss.evaluation(&output, &batch.target)?;
        loss_sum += mean.to_kind(Kind::Double) * rows.len() as f64;
        if classes > 0 {
            let predicted = output.f_argmax(-1, false)?;
            let cell = &batch.target * classes + predicted;
            counts += cell.f_bincount::<Tensor>(None, classes * classes)?;
        } else {
            numbers.push(Tensor::f_stack(&[output.f_squeeze_dim(-1)?, batch.target], 0)?);
        }
    }
    let samples = dataset.len(split) as f64;
    let loss = loss_sum.double_value(&[]) / samples;
    let confusion = Confusion::from_flat(&Vec::<i64>::try_from(counts)?, classes as usize);
    if classes > 0 {
        let scores = Scores {
            loss,
            accuracy: Some(confusion.accuracy()),
            f1_macro: Some(confusion.f1_macro()),
            f1_binary: confusion.f1_binary(),
            matthews: Some(confusion.matthews()),
            ..Scores::default()
        };
        return Ok(Evaluation { scores, is_constant: confusion.is_constant(), confusion });
    }
    let [predicted, target] = columns(&numbers)?;
    let scores = Scores {
        loss,
        pearson: pearson(&predicted, &target),
        spearman: spearman(&predicted, &target),
        ..Scores::default()
    };
    let is_constant = is_constant(&predicted) && !is_constant(&target);
    Ok(Evaluation { scores, is_constant, confusion })
}

/// Predictions and targets from batches `[2, batch]`.
fn columns(batches: &[Tensor]) -> Result<[Vec<f64>; 2]> {
    if batches.is_empty() {
        return Ok([Vec::new(), Vec::new()]);
    }
    let all = Tensor::f_cat(batches, 1)?.f_to_kind(Kind::Double)?;
    Ok([Vec::try_from(all.f_get(0)?)?, Vec::try_from(all.f_get(1)?)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Blobs;
    use dst_core::{Batch, Input, InputShape, Pass};

    /// Says class 1 of three with probability 1/2, whatever it sees.
    #[derive(Debug)]
    struct Stubborn;

    impl Model for Stubborn {
        fn forward(&self, input: &Input, _: &Pass<'_>) -> Result<Tensor> {
            Ok(Tensor::from_slice(&[0.0f32, 2f32.ln(), 0.0]).expand([input.len(), 3], false))
        }
    }

    #[test]
    fn scores_are_over_all_samples_and_rows_are_true_classes() {
        // 300 samples fill one batch and part of a second one.
        let blobs = Blobs::new(3, [1, 300, 1]);
        let evaluation =
            evaluate(&Stubborn, &blobs, Split::Validation, Device::Cpu, Precision::F32);
        let evaluation = evaluation.unwrap();
        let counts = vec![vec![0, 100, 0]; 3];
        assert_eq!(evaluation.confusion, Confusion { counts });
        let Scores { loss, accuracy, f1_macro, matthews, .. } = evaluation.scores;
        let expected = (2f64.ln() + 2.0 * 4f64.ln()) / 3.0;
        assert!((loss - expected).abs() < 1e-6, "{loss} is not {expected}");
        assert_eq!((accuracy, matthews), (Some(100.0 / 300.0), Some(0.0)));
        assert!(f1_macro.is_some_and(|f1| (f1 - 0.5 / 3.0).abs() < 1e-12), "{f1_macro:?}");
        assert_eq!((evaluation.scores.f1_binary, evaluation.scores.pearson), (None, None));
        assert!(evaluation.is_constant);
    }

    /// Row r is a picture of r, and its target is r².
    #[derive(Debug)]
    struct Squares;

    impl Dataset for Squares {
        fn input(&self) -> InputShape {
            InputShape::Image { channels: 1, height: 1, width: 1 }
        }

        fn task(&self) -> Task {
            Task::Regression
        }

        fn len(&self, _: Split) -> usize {
            300
        }

        fn batch(&self, _: Split, rows: &[i64], _: Device) -> Result<Batch> {
            let rows = Tensor::from_slice(rows).to_kind(Kind::Float);
            Ok(Batch { input: Input::Image(rows.reshape([-1, 1, 1, 1])), target: rows.square() })
        }

        fn digest(&self) -> &str {
            "squares"
        }

        fn origin(&self) -> &str {
            "a test"
        }
    }

    /// Says `slope` times the pixel, plus 1.
    #[derive(Debug)]
    struct Line {
        slope: f64,
    }

    impl Model for Line {
        fn forward(&self, input: &Input, _: &Pass<'_>) -> Result<Tensor> {
            let Input::Image(pixels) = input else { panic!("these are pictures") };
            Ok(pixels.reshape([-1, 1]) * self.slope + 1.0)
        }
    }

    #[test]
    fn numbers_have_correlations_and_no_accuracy() {
        let scores = |slope| {
            let line = Line { slope };
            evaluate(&line, &Squares, Split::Test, Device::Cpu, Precision::F32).unwrap()
        };
        let line = scores(-2.0);
        assert_eq!((line.scores.accuracy, line.scores.matthews), (None, None));
        // r of 0, …, n - 1 and its squares is √15 (n - 1) / √((2n - 1) (8n - 11)), negated here.
        let expected = -(15f64.sqrt() * 299.0) / (599f64 * 2389.0).sqrt();
        let pearson = line.scores.pearson.unwrap();
        assert!((pearson - expected).abs() < 1e-9, "{pearson} is not {expected}");
        assert!(line.scores.spearman.is_some_and(|rank| (rank + 1.0).abs() < 1e-12));
        assert!(!line.is_constant);

        let flat = scores(0.0);
        assert_eq!((flat.scores.pearson, flat.scores.spearman), (None, None));
        assert!(flat.is_constant && flat.scores.loss.is_finite());
    }
}
