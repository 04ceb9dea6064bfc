//! The optimisers against golden values, against libtorch's own, and one arithmetic against
//! the other.

use std::path::Path;

use dst_core::plugin::Plugin;
use dst_core::training::Component;
use dst_core::{Builder, Moments, Parameters, SeedStreams, Topology, Training};
use dst_train::{Arithmetic, Optimizer, OptimizerPlugin};
use rand::RngExt;
use serde::Deserialize;
use serde_json::Value;
use tch::nn::OptimizerConfig;
use tch::{Device, Kind, Tensor, nn};

/// A model of one linear layer with an optimiser for its weight.
struct Bench {
    weight: Tensor,
    topology: Topology,
    optimizer: Optimizer,
}

impl Bench {
    /// A weight `[rows, values / rows]` of the given values, of which those in `mask` may move.
    fn new(training: &Training, arithmetic: Arithmetic, values: &[f32], mask: &[u8]) -> Self {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(0);
        let inputs = values.len() as i64 / 2;
        let layer = Builder::new(&mut parameters, streams, Device::Cpu).linear("fc", inputs, 2);
        let weight = layer.weight.dense().shallow_clone();
        weight.detach().copy_(&Tensor::from_slice(values).reshape([2, inputs]));
        let mut topology = Topology::new(&parameters, 1.0, &streams).unwrap();
        if mask.contains(&0) {
            let mask = Tensor::from_slice(mask).to_kind(Kind::Bool).reshape([2, inputs]);
            topology.layers_mut()[0].set_trainable(Some(mask)).unwrap();
        }
        let optimizer = Optimizer::new(training, &parameters, &topology).unwrap();
        let optimizer = optimizer.with_arithmetic(arithmetic);
        Self { weight, topology, optimizer }
    }

    fn step(&mut self, learning_rate: f64, gradient: &[f32]) {
        let gradient = Tensor::from_slice(gradient).reshape(self.weight.size());
        (&self.weight * gradient).sum(Kind::Float).backward();
        self.optimizer.step(&self.topology, learning_rate).unwrap();
        self.optimizer.zero_gradients();
    }

    fn weights(&self) -> Vec<f32> {
        floats(&self.weight)
    }

    fn moment(&self, name: &str) -> Option<Vec<f32>> {
        let key = format!("{name}/fc.weight");
        self.optimizer.moments().find(|(name, _)| *name == key).map(|(_, moment)| floats(&moment))
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach().flatten(0, -1)).unwrap()
}

#[track_caller]
fn assert_close(got: &[f32], expected: &[f64], relative: f64, what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        let error = (f64::from(*got) - expected).abs();
        assert!(error <= relative * expected.abs().max(1.0), "{what}: {got} is not {expected}");
    }
}

const BOTH: [Arithmetic; 2] = [Arithmetic::Fused, Arithmetic::Plain];

#[derive(Deserialize)]
struct Golden {
    start: Vec<f32>,
    gradients: Vec<Vec<f32>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    training: Value,
    mask: Vec<u8>,
    weight: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

/// `golden/optimizers.py` makes the file.
#[test]
fn every_rule_meets_its_golden_values_with_and_without_a_mask() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/optimizers.json");
    let golden: Golden = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(golden.cases.len(), 26);
    for case in golden.cases {
        let training: Training = serde_json::from_value(case.training).unwrap();
        for arithmetic in BOTH {
            let name = format!("{} ({arithmetic:?})", case.name);
            let mut bench = Bench::new(&training, arithmetic, &golden.start, &case.mask);
            for gradient in &golden.gradients {
                bench.step(training.learning_rate, gradient);
            }
            assert_close(&bench.weights(), &case.weight, 1e-6, &name);
            for (moment, expected) in [("first", &case.first), ("second", &case.second)] {
                if let Some(got) = bench.moment(moment) {
                    assert_close(&got, expected, 1e-6, &name);
                }
            }
            for (index, moves) in case.mask.iter().enumerate() {
                if *moves == 0 {
                    let (now, before) = (bench.weights()[index], golden.start[index]);
                    assert_eq!(now.to_bits(), before.to_bits(), "{name}: entry {index} moved");
                }
            }
        }
    }
}

/// A long random course of each rule beside libtorch's optimiser of the same name.
#[test]
fn dense_updates_follow_libtorch() {
    let decayed = |name, decay: f64| Component::optimizer(name).with("weight_decay", decay);
    let sgd = decayed("sgd", 0.01);
    let rmsprop = decayed("rmsprop", 0.01).with("alpha", 0.9);
    for (optimizer, clip_norm) in [
        (sgd.clone(), 0.0),
        (sgd.clone().with("nesterov", true), 0.0),
        (decayed("adam", 0.01), 0.0),
        (decayed("adamw", 0.1), 0.0),
        (rmsprop.clone().with("momentum", 0.0), 0.0),
        (rmsprop.with("momentum", 0.5), 0.0),
        (sgd, 2.0),
    ] {
        let training =
            Training { optimizer, clip_norm, learning_rate: 0.01, ..Training::default() };
        for arithmetic in BOTH {
            follow_libtorch(&training, arithmetic);
        }
    }
}

fn follow_libtorch(training: &Training, arithmetic: Arithmetic) {
    let mut rng = SeedStreams::new(5).stream("test");
    let mut draw = || (0..34).map(|_| rng.random_range(-1.0f32..1.0)).collect::<Vec<f32>>();
    let start = draw();
    let mut ours = Bench::new(training, arithmetic, &start, &[1; 34]);
    let store = nn::VarStore::new(Device::Cpu);
    let weight = store.root().var("weight", &[2, 17], nn::Init::Const(0.0));
    weight.detach().copy_(&Tensor::from_slice(&start).reshape([2, 17]));
    let rate = training.learning_rate;
    let number = |key| training.optimizer.parameters[key].as_f64().unwrap();
    let decay = number("weight_decay");
    let mut theirs = match training.optimizer.name.as_str() {
        "sgd" => {
            let nesterov = training.optimizer.parameters["nesterov"] == true;
            nn::sgd(number("momentum"), 0.0, decay, nesterov).build(&store, rate)
        }
        "adam" => nn::adam(0.9, 0.999, decay).build(&store, rate),
        "adamw" => nn::adamw(0.9, 0.999, decay).build(&store, rate),
        "rmsprop" => nn::rms_prop(number("alpha"), 1e-8, decay, number("momentum"), false)
            .build(&store, rate),
        other => panic!("libtorch's {other} is not compared"),
    }
    .unwrap();
    for step in 0..200 {
        let gradient = draw();
        ours.step(rate, &gradient);
        theirs.zero_grad();
        let gradient = Tensor::from_slice(&gradient).reshape([2, 17]);
        (&weight * gradient).sum(Kind::Float).backward();
        if training.clip_norm > 0.0 {
            theirs.clip_grad_norm(training.clip_norm);
        }
        theirs.step();
        let expected: Vec<f64> = floats(&weight).into_iter().map(f64::from).collect();
        let what = format!("{:?}, {arithmetic:?}, step {step}", training.optimizer);
        assert_close(&ours.weights(), &expected, 3e-6, &what);
    }
}

/// Sizes that are no multiple of a vector register, half of the entries masked.
#[test]
fn both_arithmetics_agree_under_a_mask() {
    for plugin in OptimizerPlugin::all().unwrap() {
        for (momentum, clip_norm) in [(0.0, 0.0), (0.9, 0.0), (0.9, 1.0)] {
            let mut optimizer = Component::optimizer(plugin.name).with("weight_decay", 0.02);
            if plugin.parameters.defaults().unwrap().contains_key("momentum") {
                optimizer = optimizer.with("momentum", momentum);
            }
            let training = Training { optimizer, clip_norm, ..Training::default() };
            let mut rng = SeedStreams::new(6).stream("test");
            let mut draw = |n| (0..n).map(|_| rng.random_range(-1.0f32..1.0)).collect::<Vec<_>>();
            let start = draw(1_002);
            let mask: Vec<u8> = draw(1_002).iter().map(|x| u8::from(*x > 0.0)).collect();
            let [mut fused, mut plain] = BOTH.map(|a| Bench::new(&training, a, &start, &mask));
            for _ in 0..50 {
                let gradient = draw(1_002);
                fused.step(0.01, &gradient);
                plain.step(0.01, &gradient);
            }
            let expected: Vec<f64> = plain.weights().into_iter().map(f64::from).collect();
            assert_close(&fused.weights(), &expected, 3e-6, plugin.name);
            for ((before, after), moves) in start.iter().zip(fused.weights()).zip(mask) {
                assert_eq!(moves == 0, before.to_bits() == after.to_bits());
            }
        }
    }
}

#[test]
fn a_gradient_that_is_no_number_stays_outside_the_mask() {
    for plugin in OptimizerPlugin::all().unwrap() {
        for arithmetic in BOTH {
            let optimizer = Component::optimizer(plugin.name).with("weight_decay", 0.1);
            let training = Training { optimizer, clip_norm: 1.0, ..Training::default() };
            let mut bench = Bench::new(&training, arithmetic, &[1.0; 4], &[1, 0, 0, 1]);
            bench.step(0.1, &[1.0, f32::NAN, f32::INFINITY, 1.0]);
            assert!(bench.weights().iter().all(|weight| weight.is_finite()));
            assert!(bench.moment("first").unwrap().iter().all(|moment| moment.is_finite()));
        }
    }
}

#[test]
fn new_born_entries_start_clean_or_not_as_asked() {
    for (moments, expected) in [
        (Moments::ZeroNewborn, [0.0, 0.25]),
        (Moments::Keep, [0.25, 0.25]),
        (Moments::ResetAll, [0.0, 0.0]),
    ] {
        let training = Training::default();
        let mut bench = Bench::new(&training, Arithmetic::Fused, &[1.0; 2], &[1, 1]);
        bench.step(0.1, &[2.5, 2.5]);
        let layer = &mut bench.topology.layers_mut()[0];
        let mask = |bits: [u8; 2]| Tensor::from_slice(&bits).to_kind(Kind::Bool).reshape([2, 1]);
        layer.set_target(1).unwrap();
        layer.activate(&mask([0, 1])).unwrap();
        bench.topology.commit().unwrap();
        let layer = &mut bench.topology.layers_mut()[0];
        layer.set_target(2).unwrap();
        layer.activate(&mask([1, 1])).unwrap();
        let change = bench.topology.commit().unwrap().remove(0);
        bench.optimizer.reset(&change, moments);
        let got = bench.moment("first").unwrap();
        assert!((got[0] - expected[0]).abs() < 1e-6, "{moments:?}: {got:?}");
        assert!((got[1] - expected[1]).abs() < 1e-6, "{moments:?}: {got:?}");
    }
}

#[test]
fn moments_without_gradient_end_at_zero_and_not_in_denormals() {
    let optimizer = Component::optimizer("adam").with("beta2", 0.9);
    let training = Training { optimizer, ..Training::default() };
    let mut bench = Bench::new(&training, Arithmetic::Fused, &[1.0; 2], &[1, 1]);
    bench.step(0.1, &[1.0, 1.0]);
    for _ in 0..1_000 {
        bench.step(0.1, &[0.0, 0.0]);
    }
    assert_eq!(bench.moment("first").unwrap(), [0.0, 0.0]);
    assert_eq!(bench.moment("second").unwrap(), [0.0, 0.0]);
    assert!(bench.weights().iter().all(|weight| weight.is_finite()));
}
