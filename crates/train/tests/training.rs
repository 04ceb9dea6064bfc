//! What holds for every training: the invariants of the loop.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use common::{Recording, Rewires, StaysDense, bits, one_at_a_time, setup, training};
use dst_core::training::OptimizerKind;
use dst_core::{ErrorKind, Moments, Result, Step, Topology, Training, Verdict};
use dst_train::toy::{Blobs, TinyMlp};
use dst_train::{Ended, Observer, Progress, Silent, Trained, Trainer, train};
use tch::Kind;

fn complete(ended: Ended) -> Trained {
    match ended {
        Ended::Complete(trained) => *trained,
        Ended::Stopped => panic!("nobody stopped it"),
    }
}

#[test]
fn the_loss_falls_and_the_blobs_are_told_apart() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let setup = setup(&strategy, &network, &blobs, &training);
    let trained = complete(train(&setup, None, &mut Silent).unwrap());
    let losses: Vec<f64> = trained.history.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses[2] < 0.5 * losses[0], "{losses:?}");
    assert!(trained.outcome.test.accuracy > 0.9, "{:?}", trained.outcome);
    assert_eq!(trained.collapsed, None);
}
