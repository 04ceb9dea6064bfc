//! A method that keeps the contract. The wrong ones call its parts.

use dst_core::schedule::Timing;
use dst_core::tch::{Device, Tensor};
use dst_core::topology::Growth;
use dst_core::{
    BatchUse, DenseBackend, Distribution, Forecast, GradientScope, Layer, Probe, Regrowth, Result,
    Span, Step, Strategy, Topology, Training,
};
use dst_train::toy::{Blobs, TinyConvNet};
use dst_train::{Ended, Setup, Silent, train};

/// Every five steps.
pub(crate) const TIMING: Timing =
    Timing { interval: Span::Steps(5), begin: None, end: Span::Fraction(0.9) };

/// How many updates a training has that follow their steps.
pub(crate) fn updates(start: &Step) -> Forecast {
    Forecast::Exactly(TIMING.updates(start, BatchUse::Weights))
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

    fn updates(&self, start: &Step) -> Forecast {
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

/// The contract sees what a method does to a convolution only if one is sparse.
#[test]
fn the_network_with_convolutions_is_sparse_and_learns() {
    let training = Training { batch_size: 16, learning_rate: 0.01, ..Training::default() };
    let setup = Setup {
        strategy: &Right {},
        architecture: &TinyConvNet::default(),
        dataset: &Blobs::default(),
        training: &training,
        sparsity: 0.75,
        seed: 1,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    };
    let Ended::Complete(trained) = train(&setup, None, &mut Silent).unwrap() else {
        panic!("nobody stops it");
    };
    let start = trained.layers.iter().filter(|row| row.epoch == 0);
    let start: Vec<_> = start.map(|row| (&*row.layer, &*row.shape, row.active, row.size)).collect();
    assert_eq!(
        start,
        [
            ("conv1.weight", "8x1x3x3", 49, 72),
            ("conv2.weight", "8x8x3x3", 72, 576),
            ("fc2.weight", "24x34", 190, 816),
            ("fc3.weight", "3x24", 72, 72),
            ("tiny.weight", "2x1", 2, 2),
        ]
    );
    assert!(trained.outcome.validation.accuracy > Some(0.9), "{:?}", trained.outcome.validation);
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
