//! A harness with strategies that fail in the middle of a training.

use std::process::ExitCode;

use dst_core::plugin::StrategyPlugin;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{Distribution, Error, Probe, Result, Step, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The step at which they fail.
const FATAL: u64 = 40;

/// Reports an error.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Fails {}

#[typetag::serde(name = "test-fails")]
impl Strategy for Fails {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        start(topology)
    }

    fn after_step(&self, step: &Step, _: &mut Topology) -> Result<()> {
        if step.index == FATAL {
            return Err(Error::contract("the scores have run out"));
        }
        Ok(())
    }
}

/// Panics.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Panics {}

#[typetag::serde(name = "test-panics")]
impl Strategy for Panics {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        start(topology)
    }

    fn after_step(&self, step: &Step, _: &mut Topology) -> Result<()> {
        assert_ne!(step.index, FATAL, "an invariant is broken");
        Ok(())
    }
}

/// Takes its whole process with it, as a crash in C++ would.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Aborts {}

#[typetag::serde(name = "test-aborts")]
impl Strategy for Aborts {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        start(topology)
    }

    fn after_step(&self, step: &Step, _: &mut Topology) -> Result<()> {
        if step.index == FATAL {
            std::process::abort();
        }
        Ok(())
    }
}

/// Asks libtorch for more memory than there is, in the second epoch. If `TEST_MEMORY` is set it
/// does not, and refuses to train the first epoch once more.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Exhausts {}

#[typetag::serde(name = "test-exhausts")]
impl Strategy for Exhausts {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        start(topology)
    }

    fn after_step(&self, step: &Step, _: &mut Topology) -> Result<()> {
        match (step.epoch, std::env::var_os("TEST_MEMORY")) {
            (0, Some(_)) => return Err(Error::contract("it began anew")),
            (1, None) => drop(Tensor::f_zeros([1 << 50], (Kind::Float, Device::Cpu))?),
            _ => {}
        }
        Ok(())
    }
}

fn start(topology: &mut Topology) -> Result<()> {
    topology.allocate(Distribution::Erk)?;
    topology.activate_random()
}

macro_rules! register {
    ($name:literal, $strategy:ident) => {
        inventory::submit! {
            StrategyPlugin {
                name: $name,
                title: stringify!($strategy),
                paper: "none",
                summary: "Fails in the middle of a training.",
                ..StrategyPlugin::of::<$strategy>("")
            }
        }
    };
}

register!("test-fails", Fails);
register!("test-panics", Panics);
register!("test-aborts", Aborts);
register!("test-exhausts", Exhausts);

fn main() -> ExitCode {
    harness::main()
}
