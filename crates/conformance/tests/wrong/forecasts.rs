//! What a method says beforehand, and is not so.

use dst_core::schedule::Timing;
use dst_core::topology::Growth;
use dst_core::{
    Exchange, Forecast, Growth as Grow, Layer, Probe, Result, Shared, Span, Step, Strategy,
    Topology, View,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{method, refused, register, right};

macro_rules! spoilt {
    ($type:ident, $name:literal, $timing:expr, $($hook:tt)*) => {
        method!($type, $name);

        #[typetag::serde(name = $name)]
        impl Strategy for $type {
            fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
                right::init(topology)
            }

            fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
                if !$timing.is_due(step) {
                    return Ok(());
                }
                topology
                    .layers_mut()
                    .iter_mut()
                    .try_for_each(|layer| right::exchange(layer, &Growth::Random))
            }

            $($hook)*
        }
    };
}

/// Longer than the trainings of the contract.
const SELDOM: Timing = Timing { interval: Span::Steps(100), begin: None, end: Span::Fraction(1.0) };

spoilt! { Silent, "silent", right::TIMING, }

#[test]
fn changes_that_nobody_foresaw() {
    refused(
        &Silent {},
        "connections changed, but `updates()` returned `Forecast::Never`: a training at sparsity 0.75 had 10 \
         updates, the first at step 5",
    );
}

spoilt! { SilentAndSeldom, "silent-and-seldom", SELDOM, }

#[test]
fn changes_that_nobody_foresaw_and_only_long_trainings_have() {
    refused(
        &SilentAndSeldom {},
        "connections changed, but `updates()` returned `Forecast::Never`: at step 100 of a training of 3000 \
         steps",
    );
}

spoilt! { TooMany, "too-many", right::TIMING,
    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(start.total() as usize)
    }
}

#[test]
fn more_updates_foreseen_than_come() {
    refused(&TooMany {}, "had 10 updates in 60 batches, but `updates()` foresaw 60");
}

spoilt! { TooFew, "too-few", right::TIMING,
    fn updates(&self, _: &Step) -> Forecast {
        Forecast::Exactly(1)
    }
}

#[test]
fn fewer_updates_foreseen_than_come() {
    refused(&TooFew {}, "had 10 updates in 60 batches, but `updates()` foresaw 1");
}

spoilt! { Denser, "denser", right::TIMING,
    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    fn density_at(&self, _: &Step, topology: &Topology) -> f64 {
        topology.density() / 2.0
    }
}

#[test]
fn a_false_final_density() {
    refused(
        &Denser {},
        "ends at density 0.2500 (408 of 1632 weights), but `density_at` foresaw 0.1250",
    );
}

spoilt! { Denies, "denies", right::TIMING,
    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        if step.index < 30 { 1.0 } else { topology.density() }
    }
}

#[test]
fn a_dense_phase_that_is_none() {
    refused(&Denies {}, "has density 0.2500 after batch 1, but `density_at` foresaw 1.0000");
}

/// Forgets that an update takes the place of a step.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Miscounts {
    #[serde(flatten, with = "Shared::<Miscounts>")]
    #[schemars(with = "Shared<Miscounts>")]
    exchange: Exchange,
}

register!(Miscounts, "miscounts");

impl Default for Miscounts {
    fn default() -> Self {
        let exchange = Exchange {
            interval: Span::Steps(5),
            end: Span::Fraction(1.0),
            replaces_step: true,
            ..Exchange::STEPS
        };
        Self { exchange }
    }
}

#[typetag::serde(name = "miscounts")]
impl Strategy for Miscounts {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn growth(&self, _: &View<'_>) -> Result<Grow> {
        Ok(Grow::Random)
    }

    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(self.exchange.timing().updates(start, dst_core::BatchUse::Weights))
    }
}

#[test]
fn a_forecast_that_is_nearly_right() {
    refused(&Miscounts::default(), "updates in 60 batches, but `updates()` foresaw 11");
}

spoilt! { Idle, "idle", SELDOM,
    fn updates(&self, start: &Step) -> Forecast {
        Forecast::Exactly(SELDOM.updates(start, dst_core::BatchUse::Weights))
    }
}

#[test]
fn hooks_that_never_change_anything() {
    refused(
        &Idle {},
        "the hooks never changed anything: `updates()` foresees no update in a training of 60 steps",
    );
}

method!(Treads, "treads");

#[typetag::serde(name = "treads")]
impl Strategy for Treads {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    // Grows by the weight what it dropped by the weight.
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer: &mut Layer| Ok(layer.magnitude()))
    }
}

#[test]
fn updates_that_put_back_what_they_took() {
    refused(
        &Treads {},
        "the hooks never changed anything: of 10 updates none dropped or grew a connection",
    );
}

method!(Wastes, "wastes");

#[typetag::serde(name = "wastes")]
impl Strategy for Wastes {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        right::init(topology)
    }

    fn after_backward(&self, step: &Step, _: &mut Topology) -> Result<dst_core::BatchUse> {
        Ok(match right::TIMING.is_due(step) {
            true => dst_core::BatchUse::Topology,
            false => dst_core::BatchUse::Weights,
        })
    }
}

#[test]
fn batches_that_train_nothing() {
    refused(&Wastes {}, "returned `BatchUse::Topology` at step 5 and changed no connection");
}
