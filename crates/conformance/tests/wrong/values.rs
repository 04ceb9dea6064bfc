//! Values of weights that no hook may change.

use dst_core::{Probe, Result, Step, Strategy, Topology};

use crate::{method, refused, right};

macro_rules! spoilt {
    ($type:ident, $name:literal $(, $field:ident: $value:expr)*; $($hook:tt)*) => {
        method!($type, $name $(, $field: $value)*);

        #[typetag::serde(name = $name)]
        impl Strategy for $type {
            fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
                right::init(topology)
            }

            $($hook)*
        }
    };
}

/// Multiplies all weights.
fn scale(topology: &Topology, factor: f64) {
    for layer in topology.layers() {
        let mut weight = layer.weight().dense().detach();
        weight *= factor;
    }
}

spoilt! { Shrinks, "shrinks";
    fn after_step(&self, _: &Step, topology: &mut Topology) -> Result<()> {
        scale(topology, 0.999);
        Ok(())
    }
}

#[test]
fn active_weights_shrunk_at_every_step() {
    refused(
        &Shrinks {},
        "`after_step` at step 0 changed 134 active weights of fc1.weight; entry 3",
    );
}

spoilt! { Zeroes, "zeroes";
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if step.index == 20 {
            scale(topology, 0.0);
        }
        Ok(())
    }
}

#[test]
fn active_weights_set_to_zero() {
    refused(
        &Zeroes {},
        "`after_step` at step 20 set 134 weights of fc1.weight to 0 and kept them active",
    );
}

method!(ScalesStart, "scales-start");

#[typetag::serde(name = "scales-start")]
impl Strategy for ScalesStart {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        scale(topology, 2.0);
        right::init(topology)
    }
}

#[test]
fn other_starting_weights_than_those_of_other_methods() {
    refused(&ScalesStart {}, "`init` changed");
}

spoilt! { ShrinksOpenly, "shrinks-openly", moves_weights: true;
    fn after_step(&self, _: &Step, topology: &mut Topology) -> Result<()> {
        scale(topology, 0.999);
        Ok(())
    }
}

#[test]
fn a_method_may_say_that_it_moves_weights() {
    dst_conformance::check(&ShrinksOpenly {});
}

spoilt! { WritesInactive, "writes-inactive", moves_weights: true;
    fn after_step(&self, _: &Step, topology: &mut Topology) -> Result<()> {
        for layer in topology.layers() {
            let mut weight = layer.weight().dense().detach();
            weight += 0.5;
        }
        Ok(())
    }
}

#[test]
fn inactive_weights_that_are_not_zero() {
    refused(&WritesInactive {}, "an inactive weight of fc1.weight is not 0 after step 0");
}
