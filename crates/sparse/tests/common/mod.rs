//! A method and a training that every part of the backend takes part in.

use dst_core::tch::{self, Device};
use dst_core::{
    Backend, Distribution, GradientScope, Growth, Moments, Probe, Regrowth, Result, Step, Strategy,
    Topology, Training,
};
use dst_train::Setup;
use dst_train::toy::{Blobs, TinyConvNet};
use serde::{Deserialize, Serialize};

/// Drops by magnitude every so many steps, and grows by gradient and at random in turn.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rewires {
    pub(crate) interval: u64,
    pub(crate) moments: Moments,
}

impl Rewires {
    fn is_due(&self, step: &Step) -> bool {
        step.index > 0 && step.index.is_multiple_of(self.interval)
    }

    fn looks(&self, step: &Step) -> bool {
        self.is_due(step) && step.index.is_multiple_of(2 * self.interval)
    }
}

#[typetag::serde(name = "test-rewires-on-kernels")]
impl Strategy for Rewires {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.moments = self.moments;
        topology.allocate(Distribution::Uniform)?;
        topology.activate_random()
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(self.looks(step))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !self.is_due(step) {
            return Ok(());
        }
        for layer in topology.layers_mut() {
            let drop = layer.active_count() / 3;
            let growth = match self.looks(step) {
                true => Growth::Largest(layer.dense_gradient()?.abs()),
                false => Growth::Random,
            };
            layer.drop_and_grow(drop, &layer.magnitude(), &growth, Regrowth::Allowed)?;
        }
        Ok(())
    }
}

/// The set-up of three epochs of 15 steps, on one thread.
pub(crate) fn with_setup<T>(
    strategy: &Rewires,
    backend: &dyn Backend,
    action: impl FnOnce(&Setup<'_>) -> T,
) -> T {
    tch::set_num_threads(1);
    let training =
        Training { epochs: 3, batch_size: 16, learning_rate: 0.01, ..Training::default() };
    action(&Setup {
        strategy,
        architecture: &TinyConvNet::default(),
        dataset: &Blobs::default(),
        training: &training,
        sparsity: 0.8,
        seed: 1,
        backend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    })
}
