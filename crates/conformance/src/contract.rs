//! What every strategy must keep, whatever it does.

use std::ops::ControlFlow;
use std::path::Path;

use dst_core::plugin::{self, Plugin, StrategyPlugin};
use dst_core::record::LayerRecord;
use dst_core::tch::{self, Device, Kind, Tensor};
use dst_core::{DenseBackend, Result, Step, Strategy, Topology, Training, selection};
use dst_train::toy::{Blobs, TinyMlp};
use dst_train::{Ended, Observer, Progress, Setup, Trained, estimate_flops, train};
use serde_json::{Map, Value};

/// Sparsity of the contract trainings.
const SPARSITY: f64 = 0.75;

/// Checks the whole contract on a toy task; panics with the first breach.
///
/// - exact counts and exactly zero inactive weights after every commit;
/// - the target density at the end, if the strategy sparsifies;
/// - the number of updates that `updates` foresees is above 0 exactly if connections change;
/// - all connections active at sparsity 0;
/// - the same seed gives the same topology and the same losses, another seed others;
/// - training that was stopped and resumed gives what the uninterrupted one gives, bit for bit;
/// - the loss falls;
/// - gradients of inactive weights are read only when announced (the topology refuses otherwise),
///   and the announcement depends on the step alone;
/// - the config survives a round trip through JSON, and an unknown field is refused;
/// - the registered record, its schema and its `grid.toml` fit the config.
pub fn check(strategy: &dyn Strategy) {
    // The toy network is too small for more, and tests run side by side.
    tch::set_num_threads(1);
    let name = check_config(strategy);
    let plugin = StrategyPlugin::find(&name).unwrap_or_else(|error| panic!("{error}"));
    check_record(plugin);
    check_training(strategy, plugin.baseline);
    check_resume(strategy);
}

/// Round trip and unknown fields; returns the config's name.
fn check_config(strategy: &dyn Strategy) -> String {
    strategy.validate().expect("a strategy under test has legal parameters");
    let value = to_value(strategy);
    let name = value["name"].as_str().expect("typetag writes the name").to_owned();
    let again: Box<dyn Strategy> =
        serde_json::from_value(value.clone()).expect("a config reads what it wrote");
    assert_eq!(to_value(&*again), value, "a round trip through JSON changes the config");

    let mut extended = value;
    extended["no_such_field"] = Value::from(1);
    let refused = serde_json::from_value::<Box<dyn Strategy>>(extended);
    assert!(refused.is_err(), "an unknown field is accepted; add #[serde(deny_unknown_fields)]");
    name
}

fn check_record(plugin: &StrategyPlugin) {
    let name = plugin.name;
    let default = (plugin.default)();
    let defaults = to_value(&*default);
    assert_eq!(defaults["name"], name, "the typetag name differs from the registered one");
    default.validate().expect("the defaults are legal");
    for (what, text) in
        [("title", plugin.title), ("paper", plugin.paper), ("summary", plugin.summary)]
    {
        assert!(!text.is_empty(), "{name} has no {what}");
    }

    let schema = (plugin.schema)().to_value();
    let documented = |key: &str| schema["properties"][key]["description"].is_string();
    let fields = defaults.as_object().expect("a config is a struct").keys();
    for key in fields.filter(|key| *key != "name") {
        assert!(documented(key), "{name}.{key} has no documentation");
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (key, property) in properties.filter(|(key, _)| defaults.get(key.as_str()).is_none()) {
        // Without its default nobody could learn it, and without its name nobody could set it.
        assert!(documented(key), "{name}.{key} has no documentation");
        let left_out = property.get("default").unwrap_or_else(|| {
            panic!("{name}.{key} is left out at its default: #[schemars(extend(\"default\" = …))]")
        });
        let parameters = Map::from_iter([(key.clone(), left_out.clone())]);
        let same = plugin::strategy(name, &parameters).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(to_value(&*same), defaults, "{name}.{key} has another default");
    }

    let grid: toml::Table = plugin.grid.parse().expect("grid.toml is TOML");
    for (key, values) in grid {
        let values = values.as_array().unwrap_or_else(|| panic!("grid.toml: {key} is no list"));
        for value in values {
            let value = serde_json::to_value(value).expect("TOML values are JSON values");
            let parameters = Map::from_iter([(key.clone(), value)]);
            plugin::strategy(name, &parameters)
                .unwrap_or_else(|error| panic!("grid.toml: {error}"));
        }
    }
}

fn check_training(strategy: &dyn Strategy, baseline: bool) {
    let sparsity = if baseline { 0.0 } else { SPARSITY };
    let (trained, first) = run(strategy, sparsity, 1);
    let wanted = ((1.0 - sparsity) * first.size as f64).round() as usize;
    assert_eq!(first.active, wanted, "the trained network misses its sparsity");
    let foreseen = with_setup(strategy, sparsity, 1, estimate_flops).expect("the setup is valid");
    let share = first.active as f64 / first.size as f64;
    assert!(
        (foreseen.final_density - share).abs() < 1.0 / first.size as f64,
        "`final_density` foresees {}, and training ends at {share}",
        foreseen.final_density
    );
    let changes = |layer: &LayerRecord| layer.born > 0 || layer.dropped > 0;
    assert_eq!(
        trained.layers.iter().any(changes),
        foreseen.updates.is_some_and(|updates| updates > 0),
        "`updates` foresees {:?}",
        foreseen.updates
    );
    let losses = losses(&trained);
    assert!(
        losses.last() < losses.first() && trained.outcome.validation.accuracy > Some(0.6),
        "the toy task is not learnt: losses {losses:?}, validation {:?}",
        trained.outcome.validation
    );

    let (again, same) = run(strategy, sparsity, 1);
    assert_eq!(self::losses(&again), losses, "the same seed gives other losses");
    assert!(same.is_equal(&first), "the same seed gives another network");
    let (_, other) = run(strategy, sparsity, 2);
    assert!(!other.is_equal(&first), "another seed gives the same network");

    let (_, dense) = run(strategy, 0.0, 1);
    assert_eq!(dense.active, dense.size, "sparsity 0 is not dense");
}

fn check_resume(strategy: &dyn Strategy) {
    let sparsity = SPARSITY;
    let straight = run(strategy, sparsity, 3);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut stopping = Watch { stop_at: Some(17), ..Watch::new(strategy) };
    let stopped = run_with(strategy, sparsity, 3, Some(folder.path()), &mut stopping);
    assert!(stopped.is_none(), "the observer's stop was ignored");
    let mut watch = Watch::new(strategy);
    let resumed = run_with(strategy, sparsity, 3, Some(folder.path()), &mut watch)
        .expect("a resumed training ends");
    assert_eq!(losses(&resumed), losses(&straight.0), "resuming changes the losses");
    assert!(watch.network.is_equal(&straight.1), "resuming changes the network");
    let rows = |trained: &Trained| trained.layers.clone();
    assert_eq!(rows(&resumed), rows(&straight.0), "resuming changes the topology's history");
}

fn run(strategy: &dyn Strategy, sparsity: f64, seed: u64) -> (Trained, Network) {
    let mut watch = Watch::new(strategy);
    let trained =
        run_with(strategy, sparsity, seed, None, &mut watch).expect("nothing stops the training");
    (trained, watch.network)
}

fn run_with(
    strategy: &dyn Strategy,
    sparsity: f64,
    seed: u64,
    checkpoint: Option<&Path>,
    watch: &mut Watch<'_>,
) -> Option<Trained> {
    let ended = with_setup(strategy, sparsity, seed, |setup| train(setup, checkpoint, watch));
    match ended.unwrap_or_else(|error| panic!("training: {error}")) {
        Ended::Complete(trained) => Some(*trained),
        Ended::Stopped => None,
    }
}

/// Hands over the toy task.
fn with_setup<T>(
    strategy: &dyn Strategy,
    sparsity: f64,
    seed: u64,
    action: impl FnOnce(&Setup<'_>) -> T,
) -> T {
    let training = Training {
        epochs: 4,
        batch_size: 16,
        learning_rate: 0.01,
        weight_decay: 0.001,
        ..Training::default()
    };
    action(&Setup {
        strategy,
        architecture: &TinyMlp::default(),
        dataset: &Blobs::default(),
        training: &training,
        sparsity,
        seed,
        backend: &DenseBackend,
        device: Device::Cpu,
        weights_digest: "",
        code: "",
        accept_code: false,
    })
}

fn losses(trained: &Trained) -> Vec<f64> {
    trained.history.iter().map(|epoch| epoch.train_loss).collect()
}

fn to_value(strategy: &dyn Strategy) -> Value {
    serde_json::to_value(strategy).expect("a config is plain data")
}

/// The weights and active sets after the last commit.
#[derive(Debug, Default)]
struct Network {
    tensors: Vec<Tensor>,
    active: usize,
    size: usize,
}

impl Network {
    fn of(topology: &Topology) -> Self {
        let copies = topology
            .layers()
            .iter()
            .flat_map(|layer| [layer.weight().dense().detach().copy(), layer.active().copy()]);
        Self { tensors: copies.collect(), active: topology.active_count(), size: topology.size() }
    }

    fn is_equal(&self, other: &Self) -> bool {
        self.tensors.len() == other.tensors.len()
            && self.tensors.iter().zip(&other.tensors).all(|(a, b)| a.equal(b))
    }
}

/// Checks the invariants after every commit and remembers the last network.
struct Watch<'a> {
    strategy: &'a dyn Strategy,
    network: Network,
    stop_at: Option<u64>,
    steps: u64,
}

impl<'a> Watch<'a> {
    fn new(strategy: &'a dyn Strategy) -> Self {
        Self { strategy, network: Network::default(), stop_at: None, steps: 0 }
    }
}

impl Observer for Watch<'_> {
    fn step(&mut self, _: &Progress) -> ControlFlow<()> {
        self.steps += 1;
        match self.stop_at {
            Some(stop) if self.steps >= stop => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    fn committed(&mut self, step: &Step, topology: &Topology) -> Result<()> {
        for layer in topology.layers() {
            let (name, at) = (layer.name(), step.index);
            let counted = selection::count(layer.active());
            assert_eq!(counted, layer.active_count(), "{name}: miscounted at step {at}");
            assert_eq!(counted, layer.target(), "{name}: target missed at step {at}");
            let stray = layer.weight().dense().detach().abs() * layer.active().logical_not();
            let stray = stray.sum(Kind::Double).double_value(&[]);
            assert_eq!(stray, 0.0, "{name}: an inactive weight is not 0 after step {at}");
        }
        let announced = self.strategy.gradient_scope(step);
        assert_eq!(announced, self.strategy.gradient_scope(step), "not pure at {step:?}");
        self.network = Network::of(topology);
        Ok(())
    }
}
