//! A method that keeps the contract. The wrong ones call its parts.

use dst_core::schedule::Timing;
use dst_core::tch::Tensor;
use dst_core::topology::Growth;
use dst_core::{
    Distribution, GradientScope, Layer, Probe, Regrowth, Result, Span, Step, Strategy, Topology,
    Verdict,
};

/// Every five steps.
pub(crate) const TIMING: Timing =
    Timing { interval: Span::Steps(5), begin: None, end: Span::Fraction(0.9) };

/// How many updates a training has that follow their steps.
pub(crate) fn updates(start: &Step) -> Option<usize> {
    Some(TIMING.updates(start, Verdict::Apply))
}

/// A random topology.
pub(crate) fn init(topology: &mut Topology) -> Result<()> {
    topology.allocate(Distribution::Erk)?;
    topology.activate_random()
}

/// In every layer, drops the weakest 30 % and grows where `scores` are largest.
pub(crate) fn update(
    topology: &mut Topology,
    mut scores: impl FnMut(&mut Layer) -> Result<Tensor>,
) -> Result<()> {
    topology.layers_mut().iter_mut().try_for_each(|layer| {
        let growth = Growth::Largest(scores(layer)?);
        exchange(layer, &growth)
    })
}

/// Drops the weakest 30 % of a layer.
pub(crate) fn exchange(layer: &mut Layer, growth: &Growth) -> Result<()> {
    let count = layer.active_count() * 3 / 10;
    layer.drop_and_grow(count, &layer.magnitude(), growth, Regrowth::Allowed)
}

crate::method!(Right, "right");

#[typetag::serde(name = "right")]
impl Strategy for Right {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        init(topology)
    }

    fn updates(&self, start: &Step) -> Option<usize> {
        updates(start)
    }

    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(TIMING.is_due(step))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !TIMING.is_due(step) {
            return Ok(());
        }
        update(topology, |layer| Ok(layer.dense_gradient()?.abs()))
    }
}

/// Without this, what the others show is worth nothing.
#[test]
fn the_right_one_keeps_the_contract() {
    dst_conformance::check(&Right {});
}

crate::method!(Static, "static");

#[typetag::serde(name = "static")]
impl Strategy for Static {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        init(topology)
    }
}

/// A method that says that it never changes connections, and does not, is one.
#[test]
fn a_static_one_keeps_the_contract() {
    dst_conformance::check(&Static {});
}
