//! What a strategy sees of the network before training.

mod common;

use common::{bits, one_at_a_time, setup, training};
use dst_core::{Inputs, Probe, Result, Strategy, Topology};
use dst_train::Trainer;
use dst_train::toy::{Blobs, TinyMlp};
use serde::{Deserialize, Serialize};

/// Compares its looks with each other, and changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Looks {}

#[typetag::serde(name = "test-looks")]
impl Strategy for Looks {
    fn init(&self, topology: &mut Topology, probe: &mut dyn Probe) -> Result<()> {
        let weights = |topology: &Topology| -> Vec<Vec<u8>> {
            topology.layers().iter().map(|layer| bits(&layer.weight().dense())).collect()
        };
        let before = weights(topology);
        let expected = probe.gradients(1)?;
        probe.repeat();
        let mut seen = Vec::new();
        probe.forward(topology, Inputs::Batches(1), &mut |pass| {
            let loss = pass.loss.as_ref().expect("a batch has a loss");
            seen = pass.gradients(loss, false)?;
            Ok(())
        })?;
        assert_eq!(seen.len(), topology.layers().len());
        let same = expected.iter().zip(&seen).all(|(a, b)| a.allclose(b, 1e-6, 1e-8, false));
        assert!(same, "the batch of the last look is seen again");

        let mut classes = Vec::new();
        probe.forward(topology, Inputs::PerClass(4), &mut |pass| {
            let target = pass.target.as_ref().expect("a batch has a target");
            classes = Vec::<i64>::try_from(target)?;
            Ok(())
        })?;
        classes.sort_unstable();
        assert_eq!(classes, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(weights(topology), before, "a look leaves no trace");
        Ok(())
    }
}

#[test]
fn a_strategy_runs_the_network_and_leaves_no_trace() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    Trainer::new(setup(&Looks {}, &network, &blobs, &training)).unwrap();
}
