//! Optimisers and schedules are found by name, also those of another crate, such as this test.

mod common;

use common::{StaysDense, one_at_a_time, setup, training};
use dst_core::plugin::Plugin;
use dst_core::training::Component;
use dst_core::{Result, Step, Training};
use dst_train::toy::{Blobs, TinyMlp};
use dst_train::{
    Entries, OptimizerPlugin, Rule, Schedule, SchedulePlugin, Trainer, Update, complete, flushed,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tch::Tensor;

/// signSGD (Bernstein et al. 2018) with momentum: the sign of a running mean.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Sign {
    /// Decay of the mean, in [0, 1).
    beta: f64,
}

impl Default for Sign {
    fn default() -> Self {
        Self { beta: 0.5 }
    }
}

impl Rule for Sign {
    fn validate(&self) -> Result<()> {
        dst_train::check::below_one("beta", self.beta)
    }

    fn moments(&self) -> usize {
        1
    }

    fn step(&self, entries: Entries<'_>, learning_rate: f64, _: u64) -> Result<()> {
        entries.move_by(SignStep { rate: learning_rate, beta: self.beta })
    }
}

struct SignStep {
    rate: f64,
    beta: f64,
}

impl Update for SignStep {
    #[inline(always)]
    fn entry(&self, weight: f32, gradient: f32, [mean, _]: [&mut f32; 2]) -> f32 {
        *mean = flushed(*mean * self.beta as f32 + gradient * (1.0 - self.beta) as f32);
        weight - self.rate as f32 * f32::from(i8::from(*mean > 0.0) - i8::from(*mean < 0.0))
    }

    fn tensor(&self, _: &Tensor, gradient: Tensor, moments: &mut [Tensor]) -> Result<Tensor> {
        let mean = &mut moments[0];
        *mean *= self.beta;
        *mean += gradient * (1.0 - self.beta);
        Ok(mean.sign() * -self.rate)
    }
}

dst_train::optimizer_plugin! {
    Sign,
    name: "sign-sgd",
    title: "signSGD",
    paper: "Bernstein, Wang, Azizzadenesheli & Anandkumar (2018), signSGD",
    summary: "The sign of a running mean of gradients.",
}

/// Half the rate in every second epoch.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Alternating {}

impl Schedule for Alternating {
    fn factor(&self, step: &Step, _: u64) -> f64 {
        if step.epoch.is_multiple_of(2) { 1.0 } else { 0.5 }
    }
}

dst_train::schedule_plugin! {
    Alternating,
    name: "alternating",
    title: "Alternating",
    paper: "",
    summary: "Half the rate in every second epoch.",
}

/// The largest distance that a weight moves in one step from where it was, epoch by epoch.
#[test]
fn an_optimiser_and_a_schedule_of_another_crate_train() {
    let _turn = one_at_a_time();
    let (blobs, network) = (Blobs::default(), TinyMlp::default());
    let training = Training {
        optimizer: Component::optimizer("sign-sgd"),
        schedule: Component::schedule("alternating"),
        learning_rate: 0.25,
        epochs: 2,
        ..training()
    };
    let mut trainer = Trainer::new(setup(&StaysDense, &network, &blobs, &training)).unwrap();
    let copies = |trainer: &Trainer<'_>| -> Vec<Tensor> {
        trainer.parameters().iter().map(|(_, p)| p.tensor().detach().copy()).collect()
    };
    let mut largest = Vec::new();
    for _ in 0..2 {
        let before = copies(&trainer);
        let mut ends = trainer.step().unwrap().ends_epoch;
        let moved = copies(&trainer)
            .iter()
            .zip(&before)
            .map(|(now, was)| (now - was).abs().max().double_value(&[]))
            .fold(0.0, f64::max);
        largest.push(moved);
        while !ends {
            ends = trainer.step().unwrap().ends_epoch;
        }
    }
    assert!((largest[0] - 0.25).abs() < 1e-6, "{largest:?}");
    assert!((largest[1] - 0.125).abs() < 1e-6, "{largest:?}");
}

/// What the flat form of files takes for granted is what the code does.
#[test]
fn defaults_are_those_of_the_flat_form() {
    for name in ["sgd", "adam", "adamw"] {
        let plugin = OptimizerPlugin::find(name).unwrap();
        let flat = Component::optimizer(name).parameters;
        assert_eq!(plugin.parameters.defaults().unwrap(), flat, "{name}");
    }
    for name in ["constant", "step", "cosine", "exponential"] {
        let plugin = SchedulePlugin::find(name).unwrap();
        let flat = Component::schedule(name).parameters;
        assert_eq!(plugin.parameters.defaults().unwrap(), flat, "{name}");
    }
}

#[test]
fn a_training_is_completed_and_written_in_one_way() {
    let part = Component::optimizer("rmsprop").with("alpha", 0);
    let whole = complete(Training { optimizer: part, ..Training::default() }).unwrap();
    let expected = json!({
        "name": "rmsprop", "alpha": 0.0, "epsilon": 1e-8, "momentum": 0.0, "weight_decay": 0.0
    });
    assert_eq!(
        serde_json::to_value(&whole).unwrap()["optimizer"].to_string(),
        expected.to_string()
    );
    assert_eq!(complete(Training::default()).unwrap(), Training::default());
}

#[test]
fn mistakes_are_named_with_what_is_near() {
    let error = |optimizer: Component| {
        complete(Training { optimizer, ..Training::default() }).unwrap_err().to_string()
    };
    assert_eq!(
        error(Component::optimizer("rmsporp")),
        "unknown optimizer 'rmsporp'\n  did you mean 'rmsprop'? known: adam, adamw, rmsprop, sgd, \
         sign-sgd"
    );
    assert_eq!(
        error(Component::optimizer("adamw").with("beta3", 0.9)),
        "adamw: unknown parameter 'beta3'\n  did you mean 'beta1'? known: beta1, beta2, epsilon, \
         weight_decay"
    );
    assert_eq!(
        error(Component::optimizer("rmsprop").with("alpha", 1)),
        "rmsprop: alpha = 1 is not in [0, 1)"
    );
    assert_eq!(
        error(Component::optimizer("rmsprop").with("alpha", "high")),
        "rmsprop: alpha: expected a number, not 'high'"
    );
    assert_eq!(
        error(Component::optimizer("sgd").with("nesterov", true).with("momentum", 0)),
        "sgd: nesterov needs a momentum above 0"
    );
}
