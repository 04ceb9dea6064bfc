//! Scores of a model on one split.

use dst_core::record::Scores;
use dst_core::{Dataset, Model, Pass, Result, Split, Task};
use tch::{Device, Kind, Tensor};

use crate::loss::Loss;
use crate::metrics::Confusion;

/// What a model scored on one split.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Loss, accuracy and F1. For regression only the loss has a meaning; the others are 0.
    pub scores: Scores,
    /// Predictions by class; no rows for regression.
    pub confusion: Confusion,
}

/// Samples of one forward pass; the result depends on it by rounding only.
const BATCH: usize = 256;

/// Scores `model` on all samples of `split`, without dropout or gradients.
///
/// Sums stay on the device, in f64 and whole counts, and are read once at the end.
///
/// # Errors
/// If the data set or libtorch refuses a batch.
pub fn evaluate(
    model: &dyn Model,
    dataset: &dyn Dataset,
    split: Split,
    device: Device,
) -> Result<Evaluation> {
    let _guard = tch::no_grad_guard();
    let task = dataset.task();
    let loss = Loss::new(task, 0.0);
    let classes = match task {
        Task::Classification { classes } => classes,
        Task::Regression => 0,
    };
    let mut loss_sum = Tensor::zeros([], (Kind::Double, device));
    let mut counts = Tensor::zeros([classes * classes], (Kind::Int64, device));
    for rows in dataset.batches(split, BATCH, None) {
        let batch = dataset.batch(split, &rows, device)?;
        let output = model.forward(&batch.input, &Pass::EVALUATION)?;
        let mean = loss.evaluation(&output, &batch.target)?;
        loss_sum += mean.to_kind(Kind::Double) * rows.len() as f64;
        if classes > 0 {
            let predicted = output.f_argmax(-1, false)?;
            let cell = &batch.target * classes + predicted;
            counts += cell.f_bincount::<Tensor>(None, classes * classes)?;
        }
    }
    let samples = dataset.len(split) as f64;
    let confusion = Confusion::from_flat(&Vec::<i64>::try_from(counts)?, classes as usize);
    Ok(Evaluation {
        scores: Scores {
            loss: loss_sum.double_value(&[]) / samples,
            accuracy: confusion.accuracy(),
            f1_macro: confusion.f1_macro(),
        },
        confusion,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Blobs;
    use dst_core::Input;

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
        let evaluation = evaluate(&Stubborn, &blobs, Split::Validation, Device::Cpu).unwrap();
        let counts = vec![vec![0, 100, 0]; 3];
        assert_eq!(evaluation.confusion, Confusion { counts });
        let Scores { loss, accuracy, f1_macro } = evaluation.scores;
        let expected = (2f64.ln() + 2.0 * 4f64.ln()) / 3.0;
        assert!((loss - expected).abs() < 1e-6, "{loss} is not {expected}");
        assert_eq!(accuracy, 100.0 / 300.0);
        assert!((f1_macro - 0.5 / 3.0).abs() < 1e-12, "{f1_macro}");
    }
}
