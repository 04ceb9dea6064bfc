//! What training minimises.

use dst_core::{Result, Task};
use tch::{Kind, Reduction, Tensor};

/// Cross-entropy for classes and tokens, mean squared error for numbers; always the mean over the
/// batch, and over the tokens of its texts.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    task: Task,
    label_smoothing: f64,
}

/// libtorch's default, which no class number has.
const IGNORED_CLASS: i64 = -100;

impl Loss {
    /// The loss of a task. `label_smoothing` in [0, 1) moves that probability mass from the
    /// true class to all classes alike (Szegedy et al. 2016); regression ignores it.
    pub fn new(task: Task, label_smoothing: f64) -> Self {
        Self { task, label_smoothing }
    }

    /// The loss that is minimised, a tensor of no dimensions that gradients flow through.
    ///
    /// # Errors
    /// If outputs and targets do not fit together.
    pub fn training(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        self.mean(output, target, self.label_smoothing)
    }

    /// The loss that is reported on validation and test data: without label smoothing.
    ///
    /// # Errors
    /// As [`Loss::training`].
    pub fn evaluation(&self, output: &Tensor, target: &Tensor) -> Result<Tensor> {
        self.mean(output, target, 0.0)
    }

    fn mean(&self, output: &Tensor, target: &Tensor, smoothing: f64) -> Result<Tensor> {
        let loss = match self.task {
            Task::Classification { .. } => output.f_cross_entropy_loss::<Tensor>(
                target,
                None,
                Reduction::Mean,
                IGNORED_CLASS,
                smoothing,
            )?,
            // [batch, length, vocabulary] and [batch, length]: every token is a row of its own.
            Task::NextToken { .. } => output.f_flatten(0, -2)?.f_cross_entropy_loss::<Tensor>(
                &target.f_flatten(0, -1)?,
                None,
                Reduction::Mean,
                IGNORED_CLASS,
                smoothing,
            )?,
            // Without the squeeze [batch, 1] and [batch] would broadcast to a square.
            Task::Regression => {
                output.f_squeeze_dim(-1)?.f_mse_loss(target, Reduction::Mean)?.to_kind(Kind::Float)
            }
        };
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_moves_mass_to_all_classes_alike() {
        // Logits ln 1, ln 1, ln 2: probabilities 1/4, 1/4, 1/2.
        let logits = Tensor::from_slice(&[0.0f32, 0.0, 2f32.ln()]).reshape([1, 3]);
        let target = Tensor::from_slice(&[2i64]);
        let loss = Loss::new(Task::Classification { classes: 3 }, 0.3);
        let plain = loss.evaluation(&logits, &target).unwrap().double_value(&[]);
        assert!((plain - 2f64.ln()).abs() < 1e-6, "{plain}");
        // Targets 0.1, 0.1, 0.8: 0.2 · ln 4 + 0.8 · ln 2.
        let smoothed = loss.training(&logits, &target).unwrap().double_value(&[]);
        assert!((smoothed - (0.2 * 4f64.ln() + 0.8 * 2f64.ln())).abs() < 1e-6, "{smoothed}");
    }

    #[test]
    fn regression_is_the_mean_of_squares() {
        let output = Tensor::from_slice(&[1.0f32, 2.0, 5.0]).reshape([3, 1]);
        let target = Tensor::from_slice(&[1.0f32, 4.0, 4.0]);
        let loss = Loss::new(Task::Regression, 0.0).training(&output, &target).unwrap();
        assert!((loss.double_value(&[]) - 5.0 / 3.0).abs() < 1e-6);
    }

    #[test]
    fn the_loss_of_a_text_is_the_mean_over_its_tokens() {
        // One text of two tokens: probabilities 1/4, 1/4, 1/2 at both.
        let logits = Tensor::from_slice(&[0.0f32, 0.0, 2f32.ln()]).expand([1, 2, 3], false);
        let target = Tensor::from_slice(&[2i64, 0]).reshape([1, 2]);
        let loss = Loss::new(Task::NextToken { vocabulary: 3 }, 0.0);
        let mean = loss.training(&logits, &target).unwrap().double_value(&[]);
        assert!((mean - (2f64.ln() + 4f64.ln()) / 2.0).abs() < 1e-6, "{mean}");
        assert!(loss.training(&logits, &target.reshape([2, 1]).narrow(0, 0, 1)).is_err());
    }

    #[test]
    fn outputs_that_do_not_fit_are_an_error() {
        let loss = Loss::new(Task::Classification { classes: 2 }, 0.0);
        let output = Tensor::zeros([3, 2], tch::kind::FLOAT_CPU);
        assert!(loss.training(&output, &Tensor::from_slice(&[0i64])).is_err());
    }
}
