//! The learning rate over training.

mod constant;
mod cosine;
mod exponential;
mod linear;
mod step;

use std::fmt::Debug;

use dst_core::training::Component;
use dst_core::{FromCrate, Result, Span, Step, Training};

use crate::component::plugin;

plugin! {
    /// A registered schedule of the learning rate.
    SchedulePlugin of Schedule, called "schedule"
}

/// Registers a schedule of the learning rate: a type that is a [`Schedule`](crate::Schedule) and its
/// config, as [`optimizer_plugin!`](crate::optimizer_plugin) does an optimiser.
#[macro_export]
macro_rules! schedule_plugin {
    ($type:ty, $($field:ident: $value:literal),+ $(,)?) => {
        $crate::__private::inventory::submit! {
            $crate::SchedulePlugin {
                $($field: $value,)+
                parameters: $crate::SchedulePlugin::parameters_of::<$type>(),
            }
        }
    };
}

/// How the learning rate changes over training: a plain serde struct, registered by
/// [`schedule_plugin!`](crate::schedule_plugin). Warm-up is not its business.
///
/// It follows the data consumed ([`Step::position`]), not the optimiser steps: batches that
/// went into the topology shorten no schedule, so strategies with one training config meet the
/// same rate at the same batch.
pub trait Schedule: FromCrate + Debug + Send + Sync {
    /// Refuses values outside their range, naming the key. Called before anything expensive.
    ///
    /// # Errors
    /// If a parameter is out of range; see [`check`](crate::check).
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// What the learning rate is multiplied by for the batch at `step`, of which `warmup` batches at
    /// the start of training are warm-up.
    fn factor(&self, step: &Step, warmup: u64) -> f64;
}

/// The learning rate of a training.
#[derive(Debug)]
pub struct LearningRate {
    rate: f64,
    warmup: Span,
    schedule: Box<dyn Schedule>,
}

impl LearningRate {
    /// As `training` says.
    ///
    /// # Errors
    /// If its schedule or a parameter of it is unknown, of the wrong type or out of range.
    pub fn new(training: &Training) -> Result<Self> {
        let schedule = schedule(&training.schedule)?;
        Ok(Self { rate: training.learning_rate, warmup: training.warmup, schedule })
    }

    /// The learning rate for the batch at `step`.
    ///
    /// During warm-up of length n, batch i (from 0) has `(i + 1) / n` of what the schedule gives.
    pub fn at(&self, step: &Step) -> f64 {
        let position = step.position();
        let warmup = step.steps_in(self.warmup);
        let warm = if position < warmup { (position + 1) as f64 / warmup as f64 } else { 1.0 };
        self.rate * warm * self.schedule.factor(step, warmup)
    }
}

/// The schedule that a training names, with its parameters.
///
/// # Errors
/// If the name or a parameter is unknown (the nearest is suggested), of the wrong type or out of range.
pub fn schedule(component: &Component) -> Result<Box<dyn Schedule>> {
    found(component).map(|(schedule, _)| schedule).map_err(|error| error.at("schedule"))
}

/// Batches since warm-up, and of how many.
fn since(warmup: u64, step: &Step) -> (f64, f64) {
    let done = step.position().saturating_sub(warmup) as f64;
    (done, step.total().saturating_sub(warmup).max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate at a batch of 4 epochs of 10 batches.
    fn rate(training: &Training, position: u64) -> f64 {
        let (epoch, offset) = ((position / 10) as u32, position % 10);
        let step = Step { epoch, offset, ..Step::first(10, 4) };
        LearningRate::new(training).unwrap().at(&step)
    }

    fn shaped(schedule: Component) -> Training {
        Training { learning_rate: 0.8, schedule, ..Training::default() }
    }

    fn named(name: &str) -> Training {
        shaped(Component::schedule(name))
    }

    fn assert_rates(training: &Training, expected: &[(u64, f64)]) {
        for (position, expected) in expected {
            let got = rate(training, *position);
            assert!((got - expected).abs() < 1e-12, "batch {position}: {got}, not {expected}");
        }
    }

    #[test]
    fn every_schedule_meets_values_worked_out_by_hand() {
        assert_rates(&named("constant"), &[(0, 0.8), (39, 0.8)]);
        let step = Component::schedule("step").with("decay", 0.5).with("decay_every", "2 epochs");
        assert_rates(&shaped(step), &[(0, 0.8), (19, 0.8), (20, 0.4)]);
        let root = 0.5f64.sqrt();
        assert_rates(
            &shaped(Component::schedule("exponential").with("decay", 0.5)),
            &[(0, 0.8), (5, 0.8 * root), (10, 0.4), (30, 0.1)],
        );
        // cos(π/4) = √½.
        assert_rates(
            &named("cosine"),
            &[(0, 0.8), (10, 0.4 * (1.0 + root)), (20, 0.4), (30, 0.4 * (1.0 - root))],
        );
        assert_rates(&named("linear"), &[(0, 0.8), (10, 0.6), (20, 0.4), (30, 0.2), (39, 0.02)]);
        let half = Component::schedule("linear").with("end_factor", 0.5);
        assert_rates(&shaped(half), &[(0, 0.8), (20, 0.6), (30, 0.5)]);
    }

    #[test]
    fn warm_up_is_linear_and_what_spans_the_rest_begins_after_it() {
        let training = Training { warmup: Span::Steps(4), ..named("constant") };
        assert_rates(&training, &[(0, 0.2), (1, 0.4), (2, 0.6), (3, 0.8), (4, 0.8)]);
        let training = Training { warmup: Span::Epochs(2.0), ..named("cosine") };
        assert_rates(&training, &[(0, 0.04), (19, 0.8), (20, 0.8), (30, 0.4)]);
        let training = Training { warmup: Span::Epochs(2.0), ..named("linear") };
        assert_rates(&training, &[(0, 0.04), (19, 0.8), (20, 0.8), (30, 0.4), (39, 0.04)]);
    }

    #[test]
    fn skipped_batches_do_not_delay_it() {
        let rate = LearningRate::new(&named("cosine")).unwrap();
        let step = Step { index: 3, epoch: 2, updated_at: Some(3), ..Step::first(10, 4) };
        assert!((rate.at(&step) - 0.4).abs() < 1e-12);
    }

    #[test]
    fn wrong_schedules_are_named_with_their_place() {
        let error = |schedule: Component| {
            LearningRate::new(&shaped(schedule)).map(|_| ()).unwrap_err().to_string()
        };
        let unknown = error(Component::schedule("cosin"));
        assert!(unknown.starts_with("schedule: unknown schedule 'cosin'\n  did you mean 'cosine'"));
        let range = error(Component::schedule("linear").with("end_factor", 2));
        assert_eq!(range, "schedule: linear: end_factor = 2 is not in [0, 1]");
        let length = error(Component::schedule("step").with("decay_every", 0));
        assert!(length.contains("schedule: step: decay_every = \"0 steps\" would"), "{length}");
    }
}
