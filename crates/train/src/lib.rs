//! The training of one trial: the one training loop, optimisers under masks, evaluation,
//! checkpoints and what it all cost.
//!
//! Start reading at [`Trainer::step`], one batch from its samples to the committed topology,
//! and [`train`], which calls it until the trial is over.

mod best_checkpoint;
mod checkpoint;
mod component;
mod connection_ages;
mod estimate;
mod evaluation;
mod inference;
mod learning_rate;
mod loader;
mod loss;
mod memory;
mod observer;
mod optimizer;
mod probe;
mod rewind;
mod running_loss;
mod setup;
mod snapshot;
mod speed;
pub mod telemetry;
pub mod toy;
mod trainer;
mod trial;

pub use checkpoint::damaged_checkpoints;
pub use component::ComponentType;
pub use dst_core::Confusion;
pub use estimate::{Estimate, Estimator, estimate_flops};
pub use evaluation::{Evaluation, evaluate};
pub use inference::{Prediction, RestoredNetwork, TestedNetwork};
pub use learning_rate::{LearningRate, Schedule, SchedulePlugin, schedule};
pub use loss::Loss;
pub use memory::peak_memory;
pub use observer::{Observer, Progress, Silent};
pub use optimizer::rule::{Entries, OptimizerPlugin, Rule, Update, check, flushed, rule};
pub use optimizer::{Arithmetic, Optimizer};
pub use setup::Setup;
pub use trainer::{Stepped, Trainer};
pub use trial::{Ended, Trained, train};

/// Version of the numbers of core, kernels and training: it rises whenever a training that stays the same
/// in words gives other numbers. Recorded with every result; results and checkpoints of another
/// version are not continued, nor taken for the present ones.
///
/// `tests/golden.rs` compares trainings with those of this version and says when it must rise.
pub const NUMERICS: u32 = 3;

/// What the macros of this crate expand to; not part of its interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
}

/// Refuses a training with a value out of its range, those of its optimiser and its schedule
/// included.
///
/// # Errors
/// With the first value that is not usable, or if no linked crate has such an optimiser or schedule.
pub fn validate(training: &dst_core::Training) -> dst_core::Result<()> {
    complete(training.clone()).map(drop)
}

/// The same training with every parameter of its optimiser and its schedule, written in one way.
///
/// # Errors
/// As [`validate`].
pub fn complete(mut training: dst_core::Training) -> dst_core::Result<dst_core::Training> {
    training.validate()?;
    training.optimizer.parameters = optimizer::rule::complete(&training.optimizer)?;
    training.schedule.parameters = learning_rate::complete(&training.schedule)?;
    Ok(training)
}
