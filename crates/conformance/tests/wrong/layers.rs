//! Connections that move from one layer to another.

use dst_core::topology::Growth;
use dst_core::{
    Exchange, Forecast, Probe, Regrowth, Result, Shared, Span, Step, Strategy, Topology,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{method, refused, register, right};

/// Moves connections from one layer to another. The layers are in name order.
fn change(topology: &mut Topology, layer: usize, by: isize) -> Result<()> {
    let layer = &mut topology.layers_mut()[layer];
    layer.set_target(layer.target().saturating_add_signed(by))?;
    let drop = usize::try_from(-by).unwrap_or(0);
    layer.drop_and_grow(drop, &layer.magnitude(), &Growth::Random, Regrowth::Allowed)
}

macro_rules! moving {
    ($type:ident, $name:literal $(, $field:ident: $value:expr)*; $updates:expr, $steps:expr) => {
        method!($type, $name $(, $field: $value)*);

        #[typetag::serde(name = $name)]
        impl Strategy for $type {
            fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
                right::init(topology)
            }

            fn updates(&self, _: &Step) -> Forecast {
                Forecast::Exactly($updates)
            }

            fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
                // Where nothing is pruned, or nearly everything, nothing can move.
                let can_move = (0.1..0.9).contains(&topology.density());
                let steps: &[(u64, usize, isize)] = &$steps;
                let now = steps.iter().filter(|(at, ..)| can_move && *at == step.index);
                now.into_iter().try_for_each(|(_, layer, by)| change(topology, *layer, *by))
            }
        }
    };
}

moving! { Moves, "moves"; 1, [(10, 0, -3), (10, 1, 3)] }

#[test]
fn connections_moved_between_layers() {
    refused(
        &Moves {},
        "connections moved between layers in batch 11 of a training at sparsity 0.75",
    );
    refused(&Moves {}, "while fc1.weight lost some");
}

moving! { MovesSlowly, "moves-slowly"; 2, [(10, 0, -3), (12, 1, 3)] }

#[test]
fn connections_moved_between_layers_in_two_steps() {
    refused(&MovesSlowly {}, "connections moved between layers in batch 13");
}

/// Shares connections without a look at what users fixed.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct IgnoresFixed {
    #[serde(flatten, with = "Shared::<IgnoresFixed>")]
    #[schemars(with = "Shared<IgnoresFixed>")]
    exchange: Exchange,
}

register!(IgnoresFixed, "ignores-fixed");

impl Default for IgnoresFixed {
    fn default() -> Self {
        Self { exchange: Exchange { interval: Span::Steps(5), ..Exchange::STEPS } }
    }
}

#[typetag::serde(name = "ignores-fixed")]
impl Strategy for IgnoresFixed {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }
}

#[test]
fn a_layer_without_the_density_that_is_fixed_for_it() {
    let mut strategy = IgnoresFixed::default();
    dst_conformance::check(&strategy);
    strategy.exchange.layer_densities.insert("fc3.weight".to_owned(), 0.5);
    refused(&strategy, "connections in fc3.weight, where `layer_densities` asks for 48");
}
