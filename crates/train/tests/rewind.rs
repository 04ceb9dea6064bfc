//! A training that is set back to an early state.

mod common;

use common::{bits, one_at_a_time, setup};
use dst_core::training::Component;
use dst_core::{
    Distribution, Forecast, Layer, Probe, Result, Rewinds, Step, Strategy, Topology, Training,
};
use dst_train::Trainer;
use dst_train::toy::{Blobs, TinyMlp};
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Prunes by magnitude at the first batch of epochs 2 and 4, and is set back to the end of epoch `to`.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Tickets {
    to: u32,
}

#[typetag::serde(name = "test-tickets")]
impl Strategy for Tickets {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(Distribution::Uniform)?;
        topology.start_dense()
    }

    fn rewinds(&self, _: &Step) -> Option<Rewinds> {
        Some(Rewinds { to: self.to, at: vec![2, 4] })
    }

    fn updates(&self, _: &Step) -> Forecast {
        Forecast::Exactly(2)
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if step.offset > 0 || ![2, 4].contains(&step.epoch) {
            return Ok(());
        }
        for layer in topology.layers_mut() {
            layer.set_target((layer.active_count() / 2).max(layer.final_target()))?;
            let scores = layer.magnitude();
            layer.keep_largest(&scores)?;
        }
        Ok(())
    }
}

/// Adam with a schedule that falls all the time, so that a moment of it can be told.
fn training() -> Training {
    Training {
        epochs: 6,
        batch_size: 16,
        learning_rate: 0.01,
        schedule: Component::schedule("cosine"),
        ..Training::default()
    }
}

/// All that the optimiser moves, by name.
fn values(trainer: &Trainer<'_>) -> Vec<(String, Tensor)> {
    let all = trainer.parameters().iter();
    all.map(|(name, parameter)| (name.to_owned(), parameter.values().copy())).collect()
}

fn moments(trainer: &Trainer<'_>) -> Vec<(String, Tensor)> {
    trainer.optimizer().moments().map(|(name, moment)| (name, moment.copy())).collect()
}

/// `early`, with 0 where nothing is active now.
fn masked(trainer: &Trainer<'_>, early: &[(String, Tensor)]) -> Vec<Vec<u8>> {
    let find = |name: &str| -> Option<&Layer> {
        let ends =
            |layer: &&Layer| name == layer.name() || name.ends_with(&format!("/{}", layer.name()));
        trainer.topology().layers().iter().find(ends)
    };
    early
        .iter()
        .map(|(name, tensor)| match find(name) {
            Some(layer) => bits(&tensor.masked_fill(&layer.active().logical_not(), 0.0)),
            None => bits(tensor),
        })
        .collect()
}

fn all_bits(tensors: &[(String, Tensor)]) -> Vec<Vec<u8>> {
    tensors.iter().map(|(_, tensor)| bits(tensor)).collect()
}

#[test]
fn weights_moments_and_learning_rate_come_back_and_connections_do_not() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    for to in [0, 1] {
        let strategy = Tickets { to };
        let mut trainer = Trainer::new(setup(&strategy, &network, &blobs, &training)).unwrap();
        let mut early = None;
        let mut rates = Vec::new();
        loop {
            let step = trainer.position();
            if step.epoch == training.epochs {
                break;
            }
            if (step.epoch, step.offset) == (to, 0) {
                let updates = trainer.optimizer().updates();
                early = Some((values(&trainer), moments(&trainer), updates));
            }
            if step.offset == 0 {
                rates.push(step.learning_rate);
            }
            trainer.step().unwrap();
            let (weights, moment, updates) = early
                .as_ref()
                .map_or((&[][..], &[][..], 0), |early| (&early.0[..], &early.1[..], early.2));
            if step.offset == 0 && [2, 4].contains(&step.epoch) {
                assert!(trainer.topology().active_count() < trainer.topology().size());
                assert_eq!(all_bits(&values(&trainer)), masked(&trainer, weights));
                assert_eq!(all_bits(&moments(&trainer)), masked(&trainer, moment));
                assert_eq!(trainer.optimizer().updates(), updates);
            }
        }
        // Rounds of 2 epochs; of 2, 3 and 3 epochs if they share the first.
        let expected = match to {
            0 => [0, 1, 0, 1, 0, 1],
            _ => [0, 1, 1, 2, 1, 2],
        };
        let lengths = if to == 0 { [2.0, 2.0, 2.0] } else { [2.0, 3.0, 3.0] };
        for (epoch, (rate, done)) in rates.iter().zip(expected).enumerate() {
            let progress = f64::from(done) / lengths[epoch / 2];
            let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
            assert!((rate - 0.01 * cosine).abs() < 1e-12, "epoch {epoch}: {rate}");
        }
    }
}
