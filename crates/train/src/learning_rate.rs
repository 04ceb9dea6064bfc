//! The learning rate over training.

use std::f64::consts::PI;

use dst_core::training::LearningRateShape;
use dst_core::{Step, Training};

/// The learning rate for the batch at `step`.
///
/// It follows the data consumed ([`Step::position`]), not the optimiser steps: batches that
/// went into the topology shorten no schedule, so strategies with one training config meet the
/// same rate at the same batch.
///
/// During warm-up of length n, batch i (from 0) has `(i + 1) / n` of what the shape gives. The
/// shapes `step` and `exponential` count from the start of training, as milestones in papers
/// do; `cosine` spans what warm-up leaves and would reach 0 at the batch after the last.
pub fn learning_rate(training: &Training, step: &Step) -> f64 {
    let position = step.position();
    let warmup = step.steps_in(training.warmup);
    let warm = if position < warmup { (position + 1) as f64 / warmup as f64 } else { 1.0 };
    let factor = match training.learning_rate_shape {
        LearningRateShape::Constant => 1.0,
        LearningRateShape::Step => {
            // A span shorter than one batch rounds to 0 steps.
            let every = step.steps_in(training.decay_every).max(1);
            training.decay.powf((position / every) as f64)
        }
        LearningRateShape::Cosine => {
            let rest = step.total().saturating_sub(warmup).max(1) as f64;
            0.5 * (1.0 + (PI * position.saturating_sub(warmup) as f64 / rest).cos())
        }
        LearningRateShape::Exponential => {
            training.decay.powf(position as f64 / step.per_epoch as f64)
        }
    };
    training.learning_rate * warm * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::Span;

    /// The rate at a batch of 4 epochs of 10 batches.
    fn rate(training: &Training, position: u64) -> f64 {
        let (epoch, offset) = ((position / 10) as u32, position % 10);
        let step = Step { epoch, offset, ..Step::first(10, 4) };
        learning_rate(training, &step)
    }

    fn shaped(shape: LearningRateShape) -> Training {
        Training {
            learning_rate: 0.8,
            learning_rate_shape: shape,
            decay: 0.5,
            decay_every: Span::Epochs(2.0),
            ..Training::default()
        }
    }

    fn assert_rates(training: &Training, expected: &[(u64, f64)]) {
        for (position, expected) in expected {
            let got = rate(training, *position);
            assert!((got - expected).abs() < 1e-12, "batch {position}: {got}, not {expected}");
        }
    }

    #[test]
    fn every_shape_meets_values_worked_out_by_hand() {
        assert_rates(&shaped(LearningRateShape::Constant), &[(0, 0.8), (39, 0.8)]);
        assert_rates(&shaped(LearningRateShape::Step), &[(0, 0.8), (19, 0.8), (20, 0.4)]);
        let root = 0.5f64.sqrt();
        assert_rates(
            &shaped(LearningRateShape::Exponential),
            &[(0, 0.8), (5, 0.8 * root), (10, 0.4), (30, 0.1)],
        );
        // cos(π/4) = √½.
        assert_rates(
            &shaped(LearningRateShape::Cosine),
            &[(0, 0.8), (10, 0.4 * (1.0 + root)), (20, 0.4), (30, 0.4 * (1.0 - root))],
        );
    }

    #[test]
    fn warm_up_is_linear_and_cosine_begins_after_it() {
        let training = Training { warmup: Span::Steps(4), ..shaped(LearningRateShape::Constant) };
        assert_rates(&training, &[(0, 0.2), (1, 0.4), (2, 0.6), (3, 0.8), (4, 0.8)]);
        let training = Training { warmup: Span::Epochs(2.0), ..shaped(LearningRateShape::Cosine) };
        assert_rates(&training, &[(0, 0.04), (19, 0.8), (20, 0.8), (30, 0.4)]);
    }

    #[test]
    fn skipped_batches_do_not_delay_it() {
        let training = shaped(LearningRateShape::Cosine);
        let step = Step { index: 3, epoch: 2, updated_at: Some(3), ..Step::first(10, 4) };
        assert!((learning_rate(&training, &step) - 0.4).abs() < 1e-12);
    }
}
