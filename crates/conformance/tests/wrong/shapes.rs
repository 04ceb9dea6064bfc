//! Code that fits the weights of linear layers only.

use dst_core::tch::Kind;
use dst_core::topology::Growth;
use dst_core::{Error, Forecast, Probe, Result, Step, Strategy, Topology};

use crate::{method, refused, right};

macro_rules! spoilt {
    ($type:ident, $name:literal, $update:expr) => {
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
                let update: fn(&mut Topology) -> Result<()> = $update;
                update(topology)
            }
        }
    };
}

spoilt! { PanicsOnKernels, "panics-on-kernels", |topology| {
    right::update(topology, |layer| {
        // By the strength of inputs and outputs.
        let magnitude = layer.magnitude();
        let by_input = magnitude.sum_dim_intlist([0i64].as_slice(), false, Kind::Float);
        let by_output = magnitude.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        Ok(by_output.outer(&by_input))
    })
} }

#[test]
fn a_matrix_is_taken_for_granted() {
    refused(
        &PanicsOnKernels {},
        "`after_step` fits large linear weights only: in a training of a network with convolutions",
    );
    refused(&PanicsOnKernels {}, "`after_step` panicked at step 5");
}

spoilt! { PassesByKernels, "passes-by-kernels", |topology| {
    let matrices = topology.layers_mut().iter_mut().filter(|layer| layer.shape().len() == 2);
    matrices.into_iter().try_for_each(|layer| right::exchange(layer, &Growth::Random))
} }

#[test]
fn convolutions_are_passed_by() {
    refused(
        &PassesByKernels {},
        "no connection of the convolution conv1.weight (weights 8x1x3x3) ever changed in a training \
         of a network with convolutions, while fc2.weight exchanged",
    );
    refused(&PassesByKernels {}, "the method fits linear weights only");
}

method!(RefusesKernels, "refuses-kernels");

#[typetag::serde(name = "refuses-kernels")]
impl Strategy for RefusesKernels {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        match topology.layers().iter().all(|layer| layer.shape().len() == 2) {
            true => right::init(topology),
            false => Err(Error::usage("all weights must be matrices")),
        }
    }
}

#[test]
fn convolutions_are_refused() {
    refused(&RefusesKernels {}, "`init` fits large linear weights only");
    refused(&RefusesKernels {}, "all weights must be matrices");
}
