//! What holds for every training: the invariants of the loop.

mod common;

use std::ops::ControlFlow;

use common::{Probes, Recording, Rewires, StaysDense, bits, one_at_a_time, setup, training};
use dst_core::plugin::Plugin;
use dst_core::record::{AgeRecord, Collapse, EpochRecord, LayerRecord};
use dst_core::training::Component;
use dst_core::{
    Architecture, BatchUse, Distribution, ErrorKind, Moments, Probe, Result, Step, Strategy,
    Topology, Training,
};
use dst_train::toy::{Blobs, TinyConvNet, TinyMlp};
use dst_train::{
    Ended, Estimator, Observer, OptimizerPlugin, Progress, Setup, Silent, Trained, Trainer,
    estimate_flops, train,
};
use tch::Tensor;

fn complete(setup: &Setup<'_>) -> Trained {
    match train(setup, None, &mut Silent).unwrap() {
        Ended::Complete(trained) => *trained,
        Ended::Stopped => panic!("nobody stopped it"),
    }
}

fn weights(trainer: &Trainer<'_>) -> Vec<Vec<u8>> {
    trainer.parameters().iter().map(|(_, parameter)| bits(&parameter.tensor())).collect()
}

#[test]
fn the_loss_falls_and_the_blobs_are_told_apart() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let trained = complete(&setup(&strategy, &network, &blobs, &training));
    let losses: Vec<f64> = trained.history.iter().map(|epoch| epoch.train_loss).collect();
    assert!(losses[2] < 0.5 * losses[0], "{losses:?}");
    assert!(trained.outcome.test.accuracy > Some(0.9), "{:?}", trained.outcome);
    assert_eq!(trained.confusion.iter().flatten().sum::<u64>(), 60);
    assert_eq!(trained.collapsed, None);
}

/// Counts are exact and inactive weights are 0 after every commit.
struct Invariants {
    commits: u64,
}

impl Observer for Invariants {
    fn committed(&mut self, step: &Step, topology: &Topology) -> Result<()> {
        self.commits += 1;
        for layer in topology.layers() {
            let active = dst_core::selection::count(layer.active());
            assert_eq!(active, layer.target(), "{} at {step:?}", layer.name());
            let inactive =
                layer.weight().dense().detach().masked_select(&layer.active().logical_not());
            let stray = inactive.count_nonzero(None).int64_value(&[]);
            assert_eq!(stray, 0, "{} at {step:?}", layer.name());
        }
        Ok(())
    }
}

/// Every optimiser that is linked.
fn names() -> impl Iterator<Item = &'static str> {
    OptimizerPlugin::all().unwrap().iter().map(|plugin| plugin.name)
}

#[test]
fn inactive_weights_stay_zero_under_every_optimiser() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    for name in names() {
        let optimizer = Component::optimizer(name).with("weight_decay", 0.1);
        for moments in [Moments::ZeroNewborn, Moments::Keep, Moments::ResetAll] {
            for consumes_batch in [true, false] {
                let training = Training { optimizer: optimizer.clone(), ..training() };
                let strategy = Rewires { moments, consumes_batch };
                let mut invariants = Invariants { commits: 0 };
                let setup = setup(&strategy, &network, &blobs, &training);
                train(&setup, None, &mut invariants).unwrap();
                assert_eq!(invariants.commits, 45);
            }
        }
    }
}

#[test]
fn a_batch_for_the_topology_moves_no_weight_and_no_step() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let mut trainer = Trainer::new(setup(&strategy, &network, &blobs, &training)).unwrap();
    for _ in 0..trainer.position().total() {
        let before: Vec<Tensor> = trainer
            .parameters()
            .iter()
            .map(|(_, weight)| weight.tensor().detach().copy())
            .collect();
        let (position, updates) = (trainer.position(), trainer.optimizer().updates());
        let stepped = trainer.step().unwrap();
        assert_eq!(trainer.position().position(), position.position() + 1);
        if stepped.batch_use == BatchUse::Weights {
            assert_eq!(trainer.position().index, position.index + 1);
            continue;
        }
        assert_eq!(trainer.position().index, position.index);
        assert_eq!(trainer.position().updated_at, Some(position.index));
        assert_eq!(trainer.optimizer().updates(), updates);
        for ((name, parameter), before) in trainer.parameters().iter().zip(before) {
            let layer = trainer.topology().layers().iter().find(|layer| layer.name() == name);
            let expected = match layer {
                Some(layer) => before.masked_fill(&layer.active().logical_not(), 0.0),
                None => before,
            };
            assert!(bits(&parameter.tensor()) == bits(&expected), "{name} moved");
        }
    }
    // Updates are due after 5, 10, … of 45 steps, before 90 % of them.
    assert!(trainer.skipped() > 4, "{}", trainer.skipped());
    assert_eq!(trainer.position().index + trainer.skipped(), 45);
    assert_eq!(trainer.topology().value("updates"), Some(trainer.skipped() as f64));
}

#[test]
fn strategies_with_one_seed_share_starting_weights_and_batches() {
    let _turn = one_at_a_time();
    let (network, training) = (TinyMlp::default(), training());
    let strategies: [&dyn Strategy; 3] = [&StaysDense, &Rewires::default(), &Probes];
    let (mut batches, mut shifts) = (Vec::new(), Vec::new());
    let mut starts = Vec::new();
    for strategy in strategies {
        let data = Recording::new(Blobs::default());
        let setup = setup(strategy, &network, &data, &training);
        let mut trainer = Trainer::new(setup).unwrap();
        // What was asked for before the first step was for measuring and probing.
        data.asked.lock().unwrap().clear();
        let start = trainer.topology().layers().iter();
        starts.push(
            start
                .map(|layer| (layer.weight().dense().detach().copy(), layer.active().copy()))
                .collect::<Vec<_>>(),
        );
        for _ in 0..45 {
            trainer.step().unwrap();
        }
        batches.push(std::mem::take(&mut *data.asked.lock().unwrap()));
        shifts.push(std::mem::take(&mut *data.shifts.lock().unwrap()));
    }
    assert_eq!(batches[0].len(), 45);
    assert_eq!(batches[0], batches[1]);
    assert_eq!(batches[0], batches[2]);
    // Only batches of the training are augmented, each in its own way.
    assert_eq!(shifts[0].len(), 45);
    assert_ne!(shifts[0][0], shifts[0][1]);
    assert_eq!(shifts[0], shifts[1]);
    assert_eq!(shifts[0], shifts[2]);
    let mut epoch: Vec<i64> = batches[0][..15].concat();
    epoch.sort_unstable();
    assert_eq!(epoch, (0..240).collect::<Vec<i64>>());
    assert_ne!(batches[0][..15], batches[0][15..30]);

    for ((dense, _), (sparse, active)) in starts[0].iter().zip(&starts[1]) {
        let expected = dense.masked_fill(&active.logical_not(), 0.0);
        assert!(bits(sparse) == bits(&expected));
    }
}

#[test]
fn probing_leaves_no_trace() {
    let _turn = one_at_a_time();
    let (blobs, training) = (Blobs::default(), training());
    let network = TinyMlp { dropout: 0.3, ..TinyMlp::default() };
    let run = |strategy: &dyn Strategy| {
        let mut trainer = Trainer::new(setup(strategy, &network, &blobs, &training)).unwrap();
        for _ in 0..20 {
            trainer.step().unwrap();
        }
        weights(&trainer)
    };
    assert!(run(&StaysDense) == run(&Probes));
}

#[test]
fn a_probe_of_more_batches_than_an_epoch_has_is_refused() {
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    let training = Training { batch_size: 240, ..training() };
    let error = Trainer::new(setup(&Probes, &network, &blobs, &training)).unwrap_err();
    assert!(error.to_string().starts_with("gradients of 2 batches were asked for"), "{error}");
}

#[test]
fn accumulated_micro_batches_equal_one_large_batch() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    let sgd = Training { optimizer: Component::optimizer("sgd"), learning_rate: 0.1, ..training() };
    // 240 samples: groups of 100 + 100 + 40 and one of 240.
    let micro = Training { batch_size: 100, accumulate: 3, ..sgd.clone() };
    let whole = Training { batch_size: 240, ..sgd };
    let trained = [&micro, &whole].map(|training| {
        let mut trainer = Trainer::new(setup(&StaysDense, &network, &blobs, training)).unwrap();
        assert_eq!(trainer.position().per_epoch, 1);
        for _ in 0..3 {
            assert!(trainer.step().unwrap().ends_epoch);
        }
        trainer
    });
    let [micro, whole] = trained.each_ref().map(|trainer| trainer.parameters().iter());
    for ((name, micro), (_, whole)) in micro.zip(whole) {
        assert!(micro.tensor().allclose(&whole.tensor(), 1e-4, 1e-6, false), "{name}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_divergence() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    let training =
        Training { optimizer: Component::optimizer("sgd"), learning_rate: 1e30, ..training() };
    let setup = setup(&StaysDense, &network, &blobs, &training);
    let error = train(&setup, None, &mut Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged);
    let text = error.to_string();
    assert!(
        text.starts_with("the training loss became infinite or not a number at step"),
        "{text}"
    );
    assert!(text.contains("in epoch 1"), "{text}");
}

#[test]
fn weights_that_are_no_numbers_are_found_at_the_end_of_their_epoch() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    // The only batch has a finite loss; its step is infinite.
    let training = Training {
        optimizer: Component::optimizer("sgd"),
        learning_rate: 1e300,
        batch_size: 240,
        epochs: 1,
        ..training()
    };
    let setup = setup(&StaysDense, &network, &blobs, &training);
    let error = train(&setup, None, &mut Silent).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged);
    assert!(error.to_string().starts_with("a weight became infinite"), "{error}");
}

#[test]
fn a_network_that_says_the_same_of_everything_has_collapsed() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    // Decay removes every weight at every step.
    let training = Training {
        optimizer: Component::optimizer("sgd").with("momentum", 0.0).with("weight_decay", 10.0),
        learning_rate: 0.1,
        ..training()
    };
    let trained = complete(&setup(&StaysDense, &network, &blobs, &training));
    let (collapse, reason) = trained.collapsed.unwrap();
    assert_eq!(collapse, Collapse::OneAnswer);
    assert!(reason.starts_with("one class is predicted for all validation samples"), "{reason}");
}

#[test]
fn operations_are_counted_over_the_real_course() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let dense_setup = setup(&StaysDense, &network, &blobs, &training);
    let dense = complete(&dense_setup).outcome;
    // 16 → 32 → 32 → 3, two operations for every weight.
    let all = 2.0 * f64::from(16 * 32 + 32 * 32 + 32 * 3);
    assert_eq!(dense.inference_flops, all);
    assert_eq!(dense.train_flops, 3.0 * 240.0 * 3.0 * all);
    assert_eq!((dense.steps, dense.skipped_batches), (45, 0));

    let strategy = Rewires::default();
    let sparse_setup = setup(&strategy, &network, &blobs, &training);
    let sparse = complete(&sparse_setup).outcome;
    let active = 2.0 * (0.2f64 * 1632.0).round();
    assert_eq!(sparse.inference_flops, active);
    assert_eq!(sparse.dense_inference_flops, all);
    let updates = sparse.skipped_batches as f64;
    let expected = 3.0 * 240.0 * 3.0 * active + updates * 16.0 * (all - active);
    assert!((sparse.train_flops - expected).abs() < 1e-6 * expected);
    assert_eq!(sparse.nonzero_parameters, 326 + 67);
    assert_eq!((sparse.prunable_parameters, sparse.total_parameters), (1632, 1699));

    let estimate = estimate_flops(&dense_setup).unwrap();
    assert_eq!(estimate.train_flops, dense.train_flops);
    assert_eq!(estimate.dense_train_flops, dense.train_flops);
    let estimate = estimate_flops(&sparse_setup).unwrap();
    assert_eq!(estimate.inference_flops, active);
    assert_eq!(estimate.active_parameters, 326);
    assert!((estimate.train_flops / sparse.train_flops - 1.0).abs() < 0.05, "{estimate:?}");
}

/// Starts dense and prunes by magnitude to the target with batch 15.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
struct PrunesOnce;

#[typetag::serde(name = "test-prunes-once")]
impl Strategy for PrunesOnce {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(Distribution::Uniform)?;
        topology.start_dense()
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        if step.index < 15 { 1.0 } else { topology.density() }
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if step.index != 15 {
            return Ok(());
        }
        topology.layers_mut().iter_mut().try_for_each(|layer| {
            layer.set_target(layer.final_target())?;
            layer.keep_largest(&layer.magnitude())
        })
    }
}

/// Of 45 batches 16 see the dense network.
#[test]
fn estimates_follow_the_density_in_the_course_of_training() {
    let _turn = one_at_a_time();
    let (blobs, training) = (Blobs::default(), training());
    let (linear, convolution) = (TinyMlp::default(), TinyConvNet::default());
    let networks: [&dyn Architecture; 2] = [&linear, &convolution];
    for network in networks {
        let setup = setup(&PrunesOnce, network, &blobs, &training);
        let (measured, estimate) = (complete(&setup).outcome, estimate_flops(&setup).unwrap());
        let near = |estimated: f64, measured: f64| (estimated / measured - 1.0).abs() < 0.005;
        assert!(near(estimate.train_flops, measured.train_flops), "{estimate:?} {measured:?}");
        assert!(near(estimate.inference_flops, measured.inference_flops), "{estimate:?}");
        let dense = estimate.dense_train_flops;
        let expected =
            (16.0 + 29.0 * estimate.inference_flops / estimate.dense_inference_flops) / 45.0;
        assert!(near(estimate.train_flops, dense * expected), "{estimate:?}");
    }
}

/// The longest training that can be typed has 6 · 10¹⁰ batches.
#[test]
fn estimates_of_endless_trainings_come_at_once() {
    let _turn = one_at_a_time();
    let (blobs, network, strategy) = (Blobs::default(), TinyMlp::default(), Rewires::default());
    let share = |epochs| {
        let training = Training { epochs, ..training() };
        let estimate = estimate_flops(&setup(&strategy, &network, &blobs, &training)).unwrap();
        estimate.train_flops / estimate.dense_train_flops
    };
    // Every batch of the first is looked at.
    let (counted, sampled) = (share(50_000), share(u32::MAX));
    assert!((sampled / counted - 1.0).abs() < 0.01, "{counted} {sampled}");
}

#[test]
fn one_network_serves_the_estimates_of_many_trainings() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let (dense, sparse) = (StaysDense, Rewires::default());
    let estimator = Estimator::new(&network, &blobs, 1).unwrap();
    let longer = Training { epochs: 2 * training.epochs, ..training.clone() };
    let strategies: [&dyn Strategy; 2] = [&sparse, &dense];
    for training in [&training, &longer] {
        for strategy in strategies {
            // What a topology did to the weights before is forgotten.
            let alone = estimate_flops(&setup(strategy, &network, &blobs, training)).unwrap();
            let shared = estimator.estimate(strategy, training, 0.8).unwrap();
            assert_eq!(shared, alone);
        }
    }
    let flops = |training| estimator.estimate(&dense, training, 0.8).unwrap().train_flops;
    assert_eq!(flops(&longer), 2.0 * flops(&training));
    assert!(estimator.estimate(&sparse, &training, 1.0).is_err());
}

#[test]
fn memory_grows_with_weights_and_batches() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let estimator = Estimator::new(&network, &blobs, 1).unwrap();
    let memory = |batch_size| {
        let training = Training { batch_size, ..training.clone() };
        estimator.estimate(&StaysDense, &training, 0.8).unwrap().memory_bytes
    };
    // 32 + 32 + 3 outputs of 16 bytes for every further sample.
    assert_eq!(memory(48) - memory(16), 32 * 67 * 16);
    assert!(memory(16) > 24 * 1699);
}

/// Remembers what an observer is told.
#[derive(Default)]
struct Diary {
    rows: Vec<(usize, usize)>,
    steps: Vec<Progress>,
}

impl Observer for Diary {
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.steps.push(progress.clone());
        ControlFlow::Continue(())
    }

    fn epoch(
        &mut self,
        history: &[EpochRecord],
        layers: &[LayerRecord],
        _: &[AgeRecord],
    ) -> Result<()> {
        self.rows.push((history.len(), layers.len()));
        Ok(())
    }
}

#[test]
fn an_observer_hears_of_every_batch_and_epoch() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let strategy = Rewires::default();
    let mut diary = Diary::default();
    let setup = setup(&strategy, &network, &blobs, &training);
    let Ended::Complete(trained) = train(&setup, None, &mut diary).unwrap() else {
        panic!("nobody stopped it");
    };
    // Three layers at the start and after each of three epochs.
    assert_eq!(diary.rows, [(0, 3), (1, 6), (2, 9), (3, 12)]);
    assert_eq!(diary.steps.len(), 45);
    let last = diary.steps.last().unwrap();
    assert_eq!((last.epoch, last.epochs, last.fraction), (3, 3, 1.0));
    assert_eq!(last.steps, trained.outcome.steps);
    assert_eq!(last.train_loss, trained.history[2].train_loss);
    assert_eq!(last.accuracy, trained.history[1].validation.accuracy);
    assert_eq!(diary.steps[0].accuracy, None);

    let row = |epoch: u32| &trained.layers[epoch as usize * 3];
    assert_eq!((row(0).layer.as_str(), row(0).shape.as_str()), ("fc1.weight", "32x16"));
    assert_eq!((row(0).epoch, row(0).born, row(0).dropped), (0, 0, 0));
    assert_eq!(row(0).ever_active_share, row(0).active as f64 / 512.0);
    assert!(row(1).born > 0 && row(1).born == row(1).dropped);
    assert!(row(3).ever_active_share > row(0).ever_active_share);

    for row in &trained.layers[9..] {
        let of_layer = |rows: &[LayerRecord]| -> u64 {
            rows.iter().filter(|other| other.layer == row.layer).map(|other| other.dropped).sum()
        };
        let ages = trained.ages.iter().filter(|age| age.layer == row.layer);
        let (dropped, active) =
            ages.fold((0, 0), |sum, age| (sum.0 + age.dropped, sum.1 + age.active));
        assert_eq!((dropped, active), (of_layer(&trained.layers), row.active), "{}", row.layer);
    }
    // The last update is in the third epoch, so no connection that was dropped lived for three.
    assert!(trained.ages.iter().all(|age| age.dropped == 0 || age.age_epochs < 3));
    assert!(trained.ages.iter().any(|age| age.active > 0 && age.age_epochs == 3));
}

#[test]
fn a_topology_that_stays_has_one_age() {
    let _turn = one_at_a_time();
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let trained = complete(&setup(&StaysDense, &network, &blobs, &training));
    let ages =
        trained.ages.iter().map(|row| (&*row.layer, row.age_epochs, row.dropped, row.active));
    let expected =
        [("fc1.weight", 3, 0, 512), ("fc2.weight", 3, 0, 1024), ("fc3.weight", 3, 0, 96)];
    assert!(ages.eq(expected));
}

#[test]
fn what_cannot_be_trained_is_refused_at_once() {
    let (blobs, network, training) = (Blobs::default(), TinyMlp::default(), training());
    let good = setup(&StaysDense, &network, &blobs, &training);
    for sparsity in [1.0, 1.5, -0.1, f64::NAN] {
        assert!(Trainer::new(Setup { sparsity, ..good }).is_err(), "{sparsity}");
    }
    let none = Training { epochs: 0, ..training.clone() };
    let error = Trainer::new(Setup { training: &none, ..good }).unwrap_err();
    assert_eq!(error.to_string(), "training: epochs = 0 must be at least 1");
    let unseen = Blobs::new(3, [240, 0, 60]);
    let error = Trainer::new(Setup { dataset: &unseen, ..good }).unwrap_err();
    assert!(error.to_string().contains("validation split has no samples"), "{error}");
}
