//! A trained network that is kept, written, read and used again.

mod common;

use common::{Rewires, StaysDense, bits, one_at_a_time, setup, training};
use dst_core::network_weights::Role;
use dst_core::{
    Architecture, Dataset, DenseBackend, NetworkWeights, Pass, Result, Split, Strategy,
};
use dst_train::toy::{Blobs, TinyConvNet, TinyMlp};
use dst_train::{Ended, Observer, Prediction, RestoredNetwork, TestedNetwork, Trained, train};
use tch::Device;

/// Keeps the network that the test set was read with.
#[derive(Default)]
struct Keeper(Option<NetworkWeights>);

impl Observer for Keeper {
    fn tested(&mut self, network: &TestedNetwork<'_>) -> Result<()> {
        self.0 = Some(network.weights("a trial")?);
        Ok(())
    }
}

fn trained(
    strategy: &dyn Strategy,
    architecture: &dyn Architecture,
    dataset: &dyn Dataset,
) -> (Box<Trained>, NetworkWeights) {
    let (training, mut keeper) = (training(), Keeper::default());
    let setup = setup(strategy, architecture, dataset, &training);
    let Ended::Complete(trained) = train(&setup, None, &mut keeper).unwrap() else {
        panic!("nobody stops it")
    };
    (trained, keeper.0.expect("the test set was read"))
}

/// The classes that were predicted while training, and those of the network that was read again.
fn classes(
    architecture: &dyn Architecture,
    dataset: &dyn Dataset,
    trained: &Trained,
    kept: &NetworkWeights,
) -> [Vec<u32>; 2] {
    let read = NetworkWeights::from_bytes(&kept.to_bytes().unwrap()).unwrap();
    assert_eq!(read, *kept);
    let network =
        RestoredNetwork::build(architecture, dataset, &read, &DenseBackend, Device::Cpu).unwrap();
    let again = network.predict_split(dataset, Split::Test, &Pass::EVALUATION).unwrap();
    let again = again.into_iter().map(|prediction| match prediction {
        Prediction::Class { class, probability } => {
            assert!((1.0 / 3.0..=1.0).contains(&probability), "{probability} is the largest of 3");
            class
        }
        Prediction::Number(number) => panic!("{number} is no class"),
    });
    let stored = trained.predictions.as_ref().unwrap().predicted();
    let stored = (0..stored.len()).map(|sample| u32::from(stored.class(sample).unwrap()));
    [stored.collect(), again.collect()]
}

#[test]
fn a_network_that_was_kept_predicts_what_it_predicted() {
    let _turn = one_at_a_time();
    // Harder than the default, so that predictions differ from targets.
    let blobs = Blobs::new(3, [48, 30, 300]);
    let (mlp, conv) = (TinyMlp { hidden: 8, dropout: 0.0 }, TinyConvNet::default());
    for architecture in [&mlp as &dyn Architecture, &conv] {
        for strategy in [&Rewires::default() as &dyn Strategy, &StaysDense] {
            let (trained, kept) = trained(strategy, architecture, &blobs);
            let [stored, again] = classes(architecture, &blobs, &trained, &kept);
            assert_eq!(stored, again, "{architecture:?} {strategy:?}");
            assert_eq!(kept.epoch, trained.outcome.best_epoch);
            assert_eq!(kept.active_count(), trained.outcome.nonzero_parameters);
            assert_eq!(kept.parameter_count(), trained.outcome.total_parameters);
        }
    }
}

/// The weights are those of the best epoch, not of the last one.
#[test]
fn masks_and_values_are_those_of_one_epoch() {
    let _turn = one_at_a_time();
    let blobs = Blobs::default();
    let (_, kept) = trained(&Rewires::default(), &TinyMlp::default(), &blobs);
    let weight = &kept.tensors["fc2.weight"];
    assert_eq!((weight.role(), weight.shape()), (Role::Prunable, &[32u64, 32][..]));
    let dense = tch::Tensor::from_slice(&weight.to_dense());
    let mask = weight.mask();
    for (value, active) in Vec::<f32>::try_from(&dense).unwrap().iter().zip(&mask) {
        assert!(*active || value.to_bits() == 0, "an inactive entry is {value}");
    }
    assert_eq!(bits(&dense).len(), 4 * mask.len());
    assert_eq!(kept.tensors["fc2.bias"].role(), Role::Parameter);
}

#[test]
fn weights_of_another_network_are_refused_with_the_tensor() {
    let _turn = one_at_a_time();
    let blobs = Blobs::default();
    let (_, kept) = trained(&StaysDense, &TinyMlp::default(), &blobs);
    let refusal = |architecture: &dyn Architecture, weights: &NetworkWeights| {
        RestoredNetwork::build(architecture, &blobs, weights, &DenseBackend, Device::Cpu)
            .unwrap_err()
            .one_line()
    };
    let error = refusal(&TinyMlp { hidden: 31, dropout: 0.0 }, &kept);
    assert!(
        error.starts_with("fc1.bias: the weights are of another network: Parameter [32] where"),
        "{error}"
    );
    let error = refusal(&TinyConvNet::default(), &kept);
    assert!(error.starts_with("conv1.bias: ") && error.contains("they lack"), "{error}");
    let mut extra = kept.clone();
    extra.tensors.insert("fc9.bias".into(), kept.tensors["fc1.bias"].clone());
    let error = refusal(&TinyMlp::default(), &extra);
    assert!(error.starts_with("fc9.bias: ") && error.contains("has no such tensor"), "{error}");
}
