//! Scores of a model on one split.

use dst_core::predictions::Values;
use dst_core::record::Scores;
use dst_core::{Dataset, InputShape, Model, Pass, Predictions, Result, Split, Task};
use tch::{Device, Kind, Tensor};

use crate::loss::Loss;
use crate::observer::{Observer, Silent};
use crate::speed::Clock;
use dst_core::Confusion;
use dst_core::correlation::{is_constant, pearson, spearman};

/// What a model scored on one split.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// The loss and every metric of the task.
    pub scores: Scores,
    /// Predictions by class; no rows for numbers and tokens.
    pub confusion: Confusion,
    /// Is one thing predicted for every sample although the targets differ?
    pub is_constant: bool,
}

/// Samples of one forward pass; the result depends on it by rounding only.
const BATCH: usize = 256;

/// The most logits of one forward pass over texts: 64 MiB of them.
const LOGITS: i64 = 1 << 24;

/// Samples of one forward pass over a data set: 256, or fewer where every token of a text has as
/// many outputs as there are tokens.
pub(crate) fn batch_size(dataset: &dyn Dataset) -> usize {
    match (dataset.task(), dataset.input()) {
        (Task::NextToken { vocabulary }, InputShape::Tokens { length, .. }) => {
            let texts = LOGITS / vocabulary.saturating_mul(length).max(1);
            texts.clamp(1, BATCH as i64) as usize
        }
        _ => BATCH,
    }
}

/// Scores `model` on all samples of `split`, without gradients, in passes such as
/// [`Pass::EVALUATION`].
///
/// Sums and predictions stay on the device and are read once at the end.
///
/// # Errors
/// If the data set or libtorch refuses a batch.
pub fn evaluate(
    model: &dyn Model,
    dataset: &dyn Dataset,
    split: Split,
    device: Device,
    pass: &Pass<'_>,
) -> Result<Evaluation> {
    let evaluation = watched(model, dataset, split, device, pass, &mut Silent)?;
    Ok(evaluation.expect("nobody stops it"))
}

/// As [`evaluate`], none if the observer stops.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn watched(
    model: &dyn Model,
    dataset: &dyn Dataset,
    split: Split,
    device: Device,
    pass: &Pass<'_>,
    observer: &mut dyn Observer,
) -> Result<Option<Evaluation>> {
    let scored = score(model, dataset, split, device, pass, None, observer)?;
    Ok(scored.map(|(evaluation, _)| evaluation))
}

/// As [`watched`] on the test set, with the time that forward passes took and the single
/// predictions, which are none for more than 65,536 classes. There are none of tokens either: those
/// of one text depend on each other, and tests of single predictions would take them for
/// independent samples.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn timed(
    model: &dyn Model,
    dataset: &dyn Dataset,
    device: Device,
    pass: &Pass<'_>,
    clock: &mut Clock,
    observer: &mut dyn Observer,
) -> Result<Option<(Evaluation, Option<Predictions>)>> {
    let scored = score(model, dataset, Split::Test, device, pass, Some(clock), observer)?;
    let Some((evaluation, pairs)) = scored else { return Ok(None) };
    Ok(Some((evaluation, pairs.predictions(dataset.task())?)))
}

fn score(
    model: &dyn Model,
    dataset: &dyn Dataset,
    split: Split,
    device: Device,
    pass: &Pass<'_>,
    mut clock: Option<&mut Clock>,
    observer: &mut dyn Observer,
) -> Result<Option<(Evaluation, Pairs)>> {
    let _guard = tch::no_grad_guard();
    let task = dataset.task();
    let loss = Loss::new(task, 0.0);
    let mut loss_sum = Tensor::zeros([], (Kind::Double, device));
    let (mut order, mut values) = (Vec::new(), Vec::new());
    let mut tokens = Tokens::default();
    for rows in dataset.batches(split, batch_size(dataset), None) {
        let batch = dataset.batch(split, &rows, device)?;
        let forward = || model.forward(&batch.input, pass);
        let output = match &mut clock {
            Some(clock) => clock.time(forward)?,
            None => forward()?,
        };
        let mean = loss.evaluation(&output, &batch.target)?;
        loss_sum += mean.to_kind(Kind::Double) * rows.len() as f64;
        let predicted = match task {
            Task::Classification { .. } | Task::NextToken { .. } => output.f_argmax(-1, false)?,
            Task::Regression => output.f_squeeze_dim(-1)?,
        };
        match task {
            Task::NextToken { .. } => tokens.add(&batch.target, &predicted)?,
            Task::Classification { .. } | Task::Regression => {
                values.push(Tensor::f_stack(&[batch.target, predicted], 0)?);
                order.extend(rows);
            }
        }
        if observer.evaluating().is_break() {
            return Ok(None);
        }
    }
    let pairs = Pairs { order, values };
    let loss = loss_sum.double_value(&[]) / dataset.len(split) as f64;
    let evaluation = match task {
        Task::Classification { classes } => of_classes(loss, pairs.confusion(classes)?),
        Task::Regression => of_numbers(loss, &pairs.columns()?),
        Task::NextToken { .. } => tokens.evaluation(loss)?,
    };
    Ok(Some((evaluation, pairs)))
}

fn of_classes(loss: f64, confusion: Confusion) -> Evaluation {
    let scores = Scores {
        loss,
        accuracy: Some(confusion.accuracy()),
        f1_macro: Some(confusion.f1_macro()),
        f1_binary: confusion.f1_binary(),
        matthews: Some(confusion.matthews()),
        ..Scores::default()
    };
    Evaluation { scores, is_constant: confusion.is_constant(), confusion }
}

fn of_numbers(loss: f64, [target, predicted]: &[Vec<f64>; 2]) -> Evaluation {
    let scores = Scores {
        loss,
        pearson: pearson(predicted, target),
        spearman: spearman(predicted, target),
        ..Scores::default()
    };
    let is_constant = is_constant(predicted) && !is_constant(target);
    Evaluation { scores, is_constant, confusion: Confusion { counts: Vec::new() } }
}

/// What is counted of predicted tokens.
#[derive(Debug, Default)]
struct Tokens {
    count: usize,
    /// Correct predictions of each batch, where they were computed.
    correct: Vec<Tensor>,
}

impl Tokens {
    /// Targets and predictions of one batch, `Int64 [batch, length]`.
    fn add(&mut self, target: &Tensor, predicted: &Tensor) -> Result<()> {
        self.count += target.numel();
        self.correct.push(predicted.f_eq_tensor(target)?.f_sum(Kind::Int64)?);
        Ok(())
    }

    fn evaluation(&self, loss: f64) -> Result<Evaluation> {
        let correct: i64 = match self.correct.is_empty() {
            true => 0,
            false => Tensor::f_stack(&self.correct, 0)?.f_sum(Kind::Int64)?.int64_value(&[]),
        };
        let scores = Scores {
            loss,
            accuracy: Some(correct as f64 / self.count.max(1) as f64),
            // Rounding of a loss that is all but 0 may leave it below.
            log_likelihood: Some((-loss).min(0.0)),
            ..Scores::default()
        };
        // The token that is the likeliest everywhere, such as the blank, says nothing of the
        // probabilities of all, by which such networks are judged.
        Ok(Evaluation { scores, is_constant: false, confusion: Confusion { counts: Vec::new() } })
    }
}

/// Targets and predictions of single samples, batch by batch.
struct Pairs {
    /// Rows of the split, in the order in which batches took them.
    order: Vec<i64>,
    /// `[2, batch]` for each batch, where it was computed: targets, then predictions.
    values: Vec<Tensor>,
}

impl Pairs {
    /// `[2, samples]`, in the order of batches.
    fn all(&self) -> Result<Tensor> {
        match self.values.is_empty() {
            true => Ok(Tensor::zeros([2, 0], tch::kind::INT64_CPU)),
            false => Ok(Tensor::f_cat(&self.values, 1)?),
        }
    }

    fn confusion(&self, classes: i64) -> Result<Confusion> {
        let all = self.all()?;
        let cell = all.f_get(0)? * classes + all.f_get(1)?;
        let counts = cell.f_bincount::<Tensor>(None, classes * classes)?;
        Ok(Confusion::from_flat(&Vec::<i64>::try_from(counts)?, classes as usize))
    }

    /// Targets and predictions, in the order of batches.
    fn columns(&self) -> Result<[Vec<f64>; 2]> {
        let all = self.all()?.f_to_kind(Kind::Double)?;
        Ok([Vec::try_from(all.f_get(0)?)?, Vec::try_from(all.f_get(1)?)?])
    }

    /// In the order of the split.
    fn predictions(&self, task: Task) -> Result<Option<Predictions>> {
        if let Task::NextToken { .. } = task {
            return Ok(None);
        }
        let [targets, predicted] = self.columns()?;
        let pairs = targets.into_iter().zip(predicted);
        let mut sorted: Vec<_> = self.order.iter().zip(pairs).collect();
        sorted.sort_unstable_by_key(|(row, _)| **row);
        let (targets, predicted) = sorted.into_iter().map(|(_, pair)| pair).unzip();
        let narrow = |values: Vec<f64>| match task {
            Task::Classification { classes: ..=0x100 } => {
                Values::Byte(values.into_iter().map(|class| class as u8).collect())
            }
            Task::Classification { .. } => {
                Values::Short(values.into_iter().map(|class| class as u16).collect())
            }
            Task::Regression | Task::NextToken { .. } => {
                Values::Number(values.into_iter().map(|number| number as f32).collect())
            }
        };
        if matches!(task, Task::Classification { classes } if classes > 0x1_0000) {
            return Ok(None);
        }
        Predictions::new(narrow(targets), narrow(predicted)).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Blobs;
    use dst_core::{Batch, Input, InputShape, Pass};
    use rand_chacha::ChaCha8Rng;

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
            evaluate(&Stubborn, &blobs, Split::Validation, Device::Cpu, &Pass::EVALUATION);
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
            evaluate(&line, &Squares, Split::Test, Device::Cpu, &Pass::EVALUATION).unwrap()
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

    /// Texts of two of three tokens: 0 and 1 in turn, from the row's own parity.
    #[derive(Debug)]
    struct Texts;

    impl Dataset for Texts {
        fn input(&self) -> InputShape {
            InputShape::Tokens { vocabulary: 3, length: 2 }
        }

        fn task(&self) -> Task {
            Task::NextToken { vocabulary: 3 }
        }

        fn len(&self, _: Split) -> usize {
            300
        }

        fn batch(&self, _: Split, rows: &[i64], _: Device) -> Result<Batch> {
            let tokens: Vec<i64> = rows.iter().flat_map(|row| [row % 2, (row + 1) % 2]).collect();
            let target = Tensor::from_slice(&tokens).reshape([-1, 2]);
            let ids = target.shallow_clone();
            let (segments, present) = (ids.zeros_like(), ids.ones_like().to_kind(Kind::Bool));
            Ok(Batch { input: Input::Tokens { ids, segments, present }, target })
        }

        fn digest(&self) -> &str {
            "texts"
        }

        fn origin(&self) -> &str {
            "a test"
        }
    }

    /// Says of every token that 1 follows with probability 1/2.
    #[derive(Debug)]
    struct StubbornWriter;

    impl Model for StubbornWriter {
        fn forward(&self, input: &Input, _: &Pass<'_>) -> Result<Tensor> {
            let logits = Tensor::from_slice(&[0.0f32, 2f32.ln(), 0.0]);
            Ok(logits.expand([input.len(), 2, 3], false))
        }
    }

    /// Gives all probability to the token that it reads.
    #[derive(Debug)]
    struct Echo;

    impl Model for Echo {
        fn forward(&self, input: &Input, _: &Pass<'_>) -> Result<Tensor> {
            let Input::Tokens { ids, .. } = input else { panic!("these are texts") };
            Ok(ids.one_hot(3).to_kind(Kind::Float) * 1000.0)
        }
    }

    #[test]
    fn tokens_are_scored_one_by_one_and_their_predictions_not_kept() {
        let mut clock = Clock::new(Device::Cpu);
        let mut scored = |model: &dyn Model| {
            timed(model, &Texts, Device::Cpu, &Pass::EVALUATION, &mut clock, &mut Silent)
                .unwrap()
                .unwrap()
        };
        let (evaluation, predictions) = scored(&StubbornWriter);
        assert!(predictions.is_none() && evaluation.confusion.counts.is_empty());
        let Scores { loss, accuracy, log_likelihood, f1_macro, .. } = evaluation.scores;
        // Of each text one token is 1, of probability 1/2, and one is 0, of 1/4.
        let expected = (2f64.ln() + 4f64.ln()) / 2.0;
        assert!((loss - expected).abs() < 1e-6, "{loss}");
        assert_eq!((accuracy, log_likelihood, f1_macro), (Some(0.5), Some(-loss), None));
        let perplexity = evaluation.scores.perplexity().unwrap();
        assert!((perplexity - 8f64.sqrt()).abs() < 1e-5, "{perplexity}");
        assert!(!evaluation.is_constant, "its probabilities can be judged all the same");

        let (perfect, _) = scored(&Echo);
        assert_eq!((perfect.scores.accuracy, perfect.scores.perplexity()), (Some(1.0), Some(1.0)));
        assert!(!perfect.is_constant);
    }

    #[test]
    fn batches_of_texts_have_logits_that_fit_into_memory() {
        #[derive(Debug)]
        struct Long(i64);
        impl Dataset for Long {
            fn input(&self) -> InputShape {
                InputShape::Tokens { vocabulary: self.0, length: 128 }
            }
            fn task(&self) -> Task {
                Task::NextToken { vocabulary: self.0 }
            }
            fn len(&self, _: Split) -> usize {
                0
            }
            fn batch(&self, _: Split, _: &[i64], _: Device) -> Result<Batch> {
                unreachable!("nothing is read")
            }
            fn digest(&self) -> &str {
                ""
            }
            fn origin(&self) -> &str {
                ""
            }
        }
        let sizes = [256, 4096, i64::MAX].map(|tokens| batch_size(&Long(tokens)));
        assert_eq!(sizes, [256, 32, 1]);
        assert_eq!(batch_size(&Squares), 256);
    }

    /// Blobs whose batches take the rows from the last to the first, as those of texts take them
    /// by length.
    #[derive(Debug)]
    struct Backwards(Blobs);

    impl Dataset for Backwards {
        fn input(&self) -> InputShape {
            self.0.input()
        }

        fn task(&self) -> Task {
            self.0.task()
        }

        fn len(&self, split: Split) -> usize {
            self.0.len(split)
        }

        fn batches(&self, split: Split, size: usize, _: Option<&mut ChaCha8Rng>) -> Vec<Vec<i64>> {
            let rows: Vec<i64> = (0..self.len(split) as i64).rev().collect();
            rows.chunks(size).map(<[i64]>::to_vec).collect()
        }

        fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
            self.0.batch(split, rows, device)
        }

        fn digest(&self) -> &str {
            self.0.digest()
        }

        fn origin(&self) -> &str {
            self.0.origin()
        }
    }

    #[test]
    fn predictions_are_in_the_order_of_the_split() {
        let mut clock = Clock::new(Device::Cpu);
        let backwards = Backwards(Blobs::new(3, [1, 1, 300]));
        let (evaluation, predictions) =
            timed(&Stubborn, &backwards, Device::Cpu, &Pass::EVALUATION, &mut clock, &mut Silent)
                .unwrap()
                .unwrap();
        let predictions = predictions.unwrap();
        // Blobs take their classes in turn.
        assert!((0..300).all(|row| predictions.targets().class(row) == Some(row as u16 % 3)));
        assert_eq!(*predictions.predicted(), Values::Byte(vec![1; 300]));
        assert_eq!(evaluation.confusion.counts, vec![vec![0, 100, 0]; 3]);

        let line = Line { slope: 2.0 };
        let (_, predictions) =
            timed(&line, &Squares, Device::Cpu, &Pass::EVALUATION, &mut clock, &mut Silent)
                .unwrap()
                .unwrap();
        let predictions = predictions.unwrap();
        assert_eq!(predictions.len(), 300);
        assert_eq!(predictions.targets().number(17), Some(289.0));
        assert_eq!(predictions.predicted().number(17), Some(35.0));
    }
}
