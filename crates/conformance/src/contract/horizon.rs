//! Steps of a training much longer than those that the suite trains.

use dst_core::tch::{Kind, Tensor, no_grad};
use dst_core::{Layer, Result, Step, Strategy};
use dst_train::Trainer;

use super::breach;
use super::course::Course;

const PER_EPOCH: u64 = 100;
const EPOCHS: u32 = 30;

/// A method that foresees no updates makes none, however long the training is: hooks are called for
/// 3,000 steps, between which no weight moves.
pub(super) fn stays_static(course: &Course, method: &dyn Strategy) -> Result<()> {
    course.with_setup(method, |setup| {
        let mut trainer = Trainer::new(*setup)?;
        let topology = trainer.topology_mut();
        for layer in topology.layers() {
            let weight = layer.weight().dense();
            let count = weight.numel() as i64;
            let gradient = Tensor::linspace(-1.0, 1.0, count, (Kind::Float, weight.device()))
                .reshape(layer.shape());
            (weight * gradient).sum(Kind::Float).backward();
        }
        no_grad(|| {
            for index in 0..PER_EPOCH * u64::from(EPOCHS) {
                let step = Step::first(PER_EPOCH, EPOCHS).at(index);
                topology.announce(method.gradient_scope(&step))?;
                method.after_backward(&step, topology)?;
                method.after_step(&step, topology)?;
                if topology.layers().iter().any(Layer::is_pending) {
                    return Err(breach(
                        format!(
                            "connections changed, but `updates()` returned `Forecast::Never`: at step {index} \
                             of a training of {} steps",
                            step.total()
                        ),
                        "let `updates` count the steps at which hooks change connections, as \
                         `Timing::updates` does",
                    ));
                }
            }
            Ok(())
        })
    })
}
