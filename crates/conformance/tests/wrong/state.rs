//! What a method remembers: too much, or where no checkpoint finds it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use dst_core::tch::{Device, Kind, Tensor};
use dst_core::topology::Growth;
use dst_core::{Forecast, GradientScope, Probe, Result, Step, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{method, refused, register, right};

method!(SlotsByStep, "slots-by-step");

#[typetag::serde(name = "slots-by-step")]
impl Strategy for SlotsByStep {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let layer = &mut topology.layers_mut()[0];
        let magnitude = layer.magnitude();
        layer.set_slot(&format!("magnitude/{}", step.index), magnitude);
        Ok(())
    }
}

#[test]
fn a_slot_more_at_every_step() {
    refused(&SlotsByStep {}, "what the method keeps grows all the time: 31 slots and numbers");
}

method!(LongerSlot, "longer-slot");

#[typetag::serde(name = "longer-slot")]
impl Strategy for LongerSlot {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        for layer in topology.layers_mut() {
            let one = Tensor::ones([1], (Kind::Float, Device::Cpu));
            let longer = match layer.take_slot("history") {
                Some(history) => Tensor::cat(&[history, one], 0),
                None => one,
            };
            layer.set_slot("history", longer);
            right::exchange(layer, &Growth::Random)?;
        }
        Ok(())
    }
}

#[test]
fn a_slot_that_is_longer_at_every_update() {
    refused(&LongerSlot {}, "what the method keeps grows all the time: 3 slots and numbers");
}

/// Counts its calls where no checkpoint looks.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Counting {
    #[serde(skip)]
    calls: AtomicU64,
}

register!(Counting, "counting");

impl Counting {
    const INTERVAL: u64 = 5;
}

#[typetag::serde(name = "counting")]
impl Strategy for Counting {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        self.calls.store(0, Ordering::Relaxed);
        right::init(topology)
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly((start.total() / Self::INTERVAL) as usize)
    }

    fn after_step(&self, _: &Step, topology: &mut Topology) -> Result<()> {
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if !calls.is_multiple_of(Self::INTERVAL) {
            return Ok(());
        }
        topology
            .layers_mut()
            .iter_mut()
            .try_for_each(|layer| right::exchange(layer, &Growth::Random))
    }
}

#[test]
fn state_in_a_field() {
    refused(
        &Counting::default(),
        "a training that is resumed in another process is not the same as the uninterrupted one: \
         the networks differ after batch 20",
    );
    refused(
        &Counting::default(),
        "The method keeps state outside of the topology, in a field or a static",
    );
}

/// Keeps the gradients of the step before an update in a field.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Window {
    #[serde(skip)]
    gradients: Mutex<Vec<Tensor>>,
}

register!(Window, "window");

#[typetag::serde(name = "window")]
impl Strategy for Window {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(right::TIMING.is_due_within(step, 1) && !right::TIMING.is_due(step))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let mut gradients = self.gradients.lock().expect("nobody panicked");
        if self.gradient_scope(step) == GradientScope::All {
            for layer in topology.layers() {
                gradients.push(layer.dense_gradient()?.copy());
            }
        }
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        let mut gradients = gradients.drain(..);
        right::update(topology, |layer| match gradients.next() {
            Some(gradient) => Ok(gradient.abs()),
            None => Ok(layer.magnitude()),
        })
    }
}

/// It is empty except between two batches.
#[test]
fn state_in_a_field_for_one_batch() {
    refused(
        &Window::default(),
        "a training that is resumed in another process is not the same as the uninterrupted one",
    );
}

method!(StaticState, "static-state");

static CALLS: AtomicU64 = AtomicU64::new(0);

#[typetag::serde(name = "static-state")]
impl Strategy for StaticState {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(start.total() as usize / 7)
    }

    fn after_step(&self, _: &Step, topology: &mut Topology) -> Result<()> {
        if !CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(7) {
            return Ok(());
        }
        topology
            .layers_mut()
            .iter_mut()
            .try_for_each(|layer| right::exchange(layer, &Growth::Random))
    }
}

#[test]
fn state_in_a_static() {
    refused(
        &StaticState {},
        "two trainings with the same seed in the same process are not the same",
    );
}

/// A switch that a stored config does not hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Skipped {
    #[serde(skip)]
    reverses: bool,
}

register!(Skipped, "skipped");

#[typetag::serde(name = "skipped")]
impl Strategy for Skipped {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        let sign = if self.reverses { -1.0 } else { 1.0 };
        right::update(topology, |layer| Ok(layer.active_gradient()? * sign))
    }
}

#[test]
fn a_field_that_is_not_written() {
    refused(
        &Skipped { reverses: true },
        "a copy of the config that is read from JSON does not train the same",
    );
}
