//! Values and densities at the ends of what is possible.

use dst_core::topology::Growth;
use dst_core::{Error, Forecast, Probe, Result, Step, Strategy, Topology};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{method, refused, register, right};

/// Divides by what a user may set to 0.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Divides {
    /// How many parts there are.
    parts: u64,
}

register!(Divides, "divides");

impl Default for Divides {
    fn default() -> Self {
        Self { parts: 2 }
    }
}

#[typetag::serde(name = "divides")]
impl Strategy for Divides {
    fn validate(&self) -> Result<()> {
        if 12 % self.parts != 0 {
            return Err(Error::usage("parts does not divide 12"));
        }
        Ok(())
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }
}

#[test]
fn a_parameter_that_panics() {
    refused(&Divides::default(), "divides.parts = 0 panics: attempt to calculate the remainder");
}

macro_rules! fails_at {
    ($type:ident, $name:literal, $fails:expr) => {
        method!($type, $name);

        #[typetag::serde(name = $name)]
        impl Strategy for $type {
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
                topology.layers_mut().iter_mut().try_for_each(|layer| {
                    let fails: fn(usize, usize) -> bool = $fails;
                    if fails(layer.active_count(), layer.size()) {
                        return Err(Error::contract("there is nothing to choose from"));
                    }
                    right::exchange(layer, &Growth::Random)
                })
            }
        }
    };
}

fails_at! { NeedsRoom, "needs-room", |active, size| active == size && size > 96 }

#[test]
fn a_hook_that_fails_where_nothing_is_pruned() {
    refused(
        &NeedsRoom {},
        "`after_step` fails in a training at sparsity 0: there is nothing to choose from",
    );
}

fails_at! { NeedsMany, "needs-many", |active, size| active * 12 < size }

#[test]
fn a_hook_that_fails_where_nearly_everything_is_pruned() {
    refused(
        &NeedsMany {},
        "`after_step` fails in a training at sparsity 0.98: there is nothing to choose from",
    );
}

method!(Fixed, "fixed");

#[typetag::serde(name = "fixed")]
impl Strategy for Fixed {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        for layer in topology.layers_mut() {
            layer.set_target((layer.size() / 4).max(1))?;
        }
        topology.activate_random()
    }
}

#[test]
fn a_start_that_ignores_the_density() {
    refused(&Fixed {}, "is not dense: 408 of 1632 weights are active");
}

macro_rules! refuses {
    ($type:ident, $name:literal, $reaches:literal, $refused:expr) => {
        method!($type, $name, reaches: $reaches);

        #[typetag::serde(name = $name)]
        impl Strategy for $type {
            fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
                let refused: fn(f64) -> bool = $refused;
                match refused(topology.density()) {
                    true => Err(Error::usage("the density cannot be reached")),
                    false => right::init(topology),
                }
            }
        }
    };
}

refuses! { RefusesDense, "refuses-dense", "Every sparsity but 0.", |density| density == 1.0 }

#[test]
fn a_start_that_refuses_to_prune_nothing() {
    refused(&RefusesDense {}, "`init` fails in a training at sparsity 0: the density cannot be");
}

refuses! { RefusesFew, "refuses-few", "Sparsities up to 0.95.", |density| density < 0.05 }

#[test]
fn a_method_may_refuse_a_sparsity_that_it_cannot_reach() {
    dst_conformance::check(&RefusesFew {});
}

refuses! { RefusesUnsaid, "refuses-unsaid", "", |density| density < 0.05 }

#[test]
fn a_sparsity_that_is_refused_and_not_said_to_be() {
    refused(
        &RefusesUnsaid {},
        "`init` fails in a training at sparsity 0.98: the density cannot be reached",
    );
}
