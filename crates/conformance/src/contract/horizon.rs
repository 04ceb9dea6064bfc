//! Steps of a training much longer than those that the suite trains.

use dst_core::tch::{Device, Kind, Tensor, no_grad};
use dst_core::{Builder, Layer, Parameters, Probe, Result, SeedStreams, Step, Strategy, Topology};

use super::{SPARSITY, breach};

const PER_EPOCH: u64 = 100;
const EPOCHS: u32 = 30;

/// A method that foresees no updates makes none, however long the training is: hooks are called for
/// 3,000 steps, between which no weight moves.
pub(super) fn stays_static(method: &dyn Strategy) -> Result<()> {
    let streams = SeedStreams::new(1);
    let mut parameters = Parameters::default();
    let layer = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", 16, 8);
    let gradient = Tensor::linspace(-1.0, 1.0, 128, (Kind::Float, Device::Cpu)).reshape([8, 16]);
    (&layer.weight.tensor * &gradient).sum(Kind::Float).backward();
    let mut topology = Topology::new(&parameters, 1.0 - SPARSITY, &streams)?;
    no_grad(|| {
        method.init(&mut topology, &mut OneBatch(gradient))?;
        topology.start()?;
        for index in 0..PER_EPOCH * u64::from(EPOCHS) {
            let step = Step {
                index,
                epoch: (index / PER_EPOCH) as u32,
                offset: index % PER_EPOCH,
                per_epoch: PER_EPOCH,
                epochs: EPOCHS,
                updated_at: None,
            };
            topology.announce_dense_gradient(method.wants_dense_gradient(&step));
            method.after_backward(&step, &mut topology)?;
            method.after_step(&step, &mut topology)?;
            if topology.layers().iter().any(Layer::is_pending) {
                return Err(breach(
                    format!(
                        "connections changed, but `updates()` returned None: at step {index} of a \
                         training of {} steps",
                        step.total()
                    ),
                    "let `updates` count the steps at which hooks change connections, as \
                     `Timing::updates` does",
                ));
            }
        }
        Ok(())
    })
}

/// One gradient, whatever the number of batches.
struct OneBatch(Tensor);

impl Probe for OneBatch {
    fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
        Ok(vec![self.0.copy()])
    }
}
