//! What a training will cost, without training.

use dst_core::{Result, Split, flops};

use crate::setup::Setup;
use crate::trainer::Trainer;

/// Operations by the conventions of [`dst_core::flops`], and sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// For one sample at the starting topology.
    pub inference_flops: f64,
    /// For one sample if every layer were dense.
    pub dense_inference_flops: f64,
    /// For the whole training, as if the starting topology kept its size. A method that starts
    /// dense and prunes needs less.
    pub train_flops: f64,
    /// For the whole training of the dense network.
    pub dense_train_flops: f64,
    /// Density of the prunable weights at the end, in (0, 1], as the strategy's schedule has it.
    pub final_density: f64,
    /// How often the strategy's schedule changes connections; none if it is of no such kind.
    pub updates: Option<usize>,
    /// Active prunable weights at the start.
    pub active_parameters: u64,
    /// Parameters that could be pruned.
    pub prunable_parameters: u64,
    /// All trainable parameters.
    pub total_parameters: u64,
}

/// Builds the network, lets the strategy choose its starting topology and asks it for every
/// step whether it wants the dense gradient; trains nothing.
///
/// # Errors
/// As [`Trainer::new`].
pub fn estimate_flops(setup: &Setup<'_>) -> Result<Estimate> {
    let trainer = Trainer::new(*setup)?;
    let topology = trainer.topology();
    let mut step = trainer.position();
    let final_density = setup.strategy.final_density(&step, topology);
    let updates = setup.strategy.updates(&step);
    let dense_steps = (0..step.total()).filter(|index| {
        step.index = *index;
        step.epoch = (index / step.per_epoch) as u32;
        step.offset = index % step.per_epoch;
        setup.strategy.wants_dense_gradient(&step)
    });
    let dense_share = dense_steps.count() as f64 / trainer.position().total() as f64;
    let samples = setup.dataset.len(Split::Train) as f64 * f64::from(setup.training.epochs);
    let sparse = flops::training(topology, false);
    let dense = flops::training(topology, true);
    Ok(Estimate {
        inference_flops: flops::inference(topology),
        dense_inference_flops: flops::dense_inference(topology),
        train_flops: samples * (sparse + dense_share * (dense - sparse)),
        dense_train_flops: samples * 3.0 * flops::dense_inference(topology),
        final_density,
        updates,
        active_parameters: topology.active_count() as u64,
        prunable_parameters: topology.size() as u64,
        total_parameters: trainer.parameters().count() as u64,
    })
}
