//! Optimisers and schedules as components, and parameters at paths of any depth.

use dst_core::plugin::StrategyPlugin;
use dst_core::training::Component;
use dst_core::{Error, Span, Strategy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

const LINE: &str = "--strategies dense --seeds 0";

/// What every trial of a grid has of one setting of training, as reports show it.
fn settings(line: &str, file: &str, key: &str) -> Vec<Value> {
    let grid = resolved(line, &[], file).unwrap().grid().unwrap();
    let setting =
        |trial: &TrialSpec| trial.training.settings().get(key).cloned().unwrap_or(Value::Null);
    grid.trials.iter().map(setting).collect()
}

#[test]
fn every_spelling_of_an_optimiser_is_the_same_trial() {
    let one = trials(&format!("{LINE} --set training.optimizer=adamw --set training.beta2=0.95"));
    for line in [
        "--optimizer adamw --set optimizer.beta2=0.95",
        "--set training.optimizer.name=adamw --set training.optimizer.beta2=0.95",
        "--set training.optimizer={name='adamw',beta2=0.95}",
        "--optimizer {name='adamw'} --set optimizer.beta2=0.95",
        "--optimizer adamw --set dense.training.optimizer.beta2=0.95",
        "--optimizer adamw --set *.training.beta2=0.95",
        "--optimizer adamw --set mnist-10k.training.optimizer={beta2=0.95}",
    ] {
        assert_eq!(ids(&trials(&format!("{LINE} {line}"))), ids(&one), "{line}");
    }
    for file in [
        "[training]\noptimizer = { name = 'adamw', beta2 = 0.95 }",
        "[training.optimizer]\nname = 'adamw'\nbeta2 = 0.95",
        "[training]\noptimizer.name = 'adamw'\noptimizer.beta2 = 0.95",
        "[training]\noptimizer = 'adamw'\nbeta2 = 0.95",
        "[training]\noptimizer = 'adamw'\n[dataset.mnist-10k.training.optimizer]\nbeta2 = 0.95",
    ] {
        let grid = resolved(LINE, &[], file).unwrap().grid().unwrap();
        assert_eq!(ids(&grid.trials), ids(&one), "{file}");
    }
    let environment = [("HARNESS_OPTIMIZER", "{name='adamw',beta2=0.95}")];
    let grid = resolved(LINE, &environment, "").unwrap().grid().unwrap();
    assert_eq!(ids(&grid.trials), ids(&one));
}

#[test]
fn parameters_of_components_are_axes() {
    let betas = |line: &str, file: &str| settings(&format!("{LINE} {line}"), file, "beta2");
    assert_eq!(betas("--optimizer adamw --set optimizer.beta2=0.9,0.99", ""), [0.9, 0.99]);
    let file = "[training.optimizer]\nname = ['adam', 'adamw']\nbeta2 = [0.9, 0.99]";
    assert_eq!(betas("", file), [0.9, 0.9, 0.99, 0.99]);
    let file = "[training]\noptimizer = [{ name = 'sgd', momentum = 0.5 }, { name = 'adam' }]";
    assert_eq!(settings(LINE, file, "optimizer"), ["sgd", "adam"]);
    assert_eq!(settings(LINE, file, "momentum"), [0.5, 0.9]);
}

/// A parameter that some of the named optimisers have is theirs, and makes no two trials of the others.
#[test]
fn a_parameter_goes_to_the_components_that_have_it() {
    let line = format!("{LINE} --optimizer sgd,adam --set optimizer.momentum=0.5,0.8");
    assert_eq!(settings(&line, "", "optimizer"), ["sgd", "adam", "sgd"]);
    let wrong = error(&format!("{LINE} --optimizer adam --set optimizer.momentum=0.5"));
    assert_eq!(
        wrong,
        "--set optimizer.momentum=0.5: optimizer: adam: unknown parameter 'momentum'\n  known: \
         beta1, beta2, epsilon, weight_decay"
    );
    // What a weaker source has for another optimiser is not meant for this one.
    let file = "[training.optimizer]\nname = 'sgd'\nmomentum = 0.5\nweight_decay = 0.1";
    let line = format!("{LINE} --optimizer adam");
    assert_eq!(settings(&line, file, "weight_decay"), [0.1], "adam has one too");
    assert_eq!(settings(&line, file, "momentum"), [0.9], "which is nothing to adam");
    // A table is whole.
    let line = format!("{LINE} --optimizer {{name='adam'}}");
    assert_eq!(settings(&line, file, "weight_decay"), [0.0]);
}

#[test]
fn a_new_component_has_a_place_in_specifications_of_its_own() {
    let line = format!("{LINE} --optimizer rmsprop --set optimizer.alpha=0.9 --schedule linear");
    let trials = trials(&line);
    assert_eq!(trials[0].training.schedule, Component::schedule("linear").with("end_factor", 0.0));
    let written = serde_json::to_value(&trials[0]).unwrap();
    assert_eq!(
        written["training"]["optimizer"],
        json!({ "name": "rmsprop", "alpha": 0.9, "epsilon": 1e-8, "momentum": 0.0, "weight_decay": 0.0 })
    );
    assert_eq!(written["training"].get("beta1"), None);
    let read: TrialSpec = serde_json::from_value(written).unwrap();
    assert_eq!((read.id(), &read), (trials[0].id(), &trials[0]));
    // The old spelling of what it shares with others reaches it, and other old keys do nothing.
    let old = "--optimizer rmsprop --set training.weight_decay=0.1 --set training.beta2=0.5";
    let new = "--optimizer rmsprop --set optimizer.weight_decay=0.1";
    let ids = |line: &str| super::ids(&super::trials(&format!("{LINE} {line}")));
    assert_eq!(ids(old), ids(new));
}

#[test]
fn the_grid_schedule_yields_to_another() {
    // The grid quick has a cosine.
    assert_eq!(settings(LINE, "", "learning_rate_shape"), ["cosine"]);
    let line = format!("{LINE} --schedule step --set schedule.decay=0.5,0.2");
    assert_eq!(settings(&line, "", "decay"), [0.5, 0.2]);
    let file = "[training.schedule]\nname = 'step'\ndecay_every = '10%'";
    assert_eq!(settings(LINE, file, "decay_every"), ["10%"]);
    let trials = trials(&format!("{LINE} --schedule linear --set training.warmup=10%"));
    assert_eq!(trials[0].training.warmup, Span::Fraction(0.1));
}

#[test]
fn mistakes_in_components_are_named_with_path_and_level() {
    for (set, expected) in [
        ("optimizer=adaam", "unknown optimizer 'adaam'\n  did you mean 'adam'"),
        ("optimizer.name=adaam", "unknown optimizer 'adaam'\n  did you mean 'adam'"),
        (
            "training.optimizer={beta1=0.5,beat2=1}",
            "optimizer: unknown parameter 'beat2'\n  did you mean 'beta2'",
        ),
        ("optimizer.beta3=0.5", "optimizer: unknown parameter 'beta3'\n  did you mean 'beta1'"),
        ("optimizer.beta2=1.5", "adam: beta2 = 1.5 is not in [0, 1)"),
        ("training.beta2=1.5", "adam: beta2 = 1.5 is not in [0, 1)"),
        ("training.momentum=1.5", "momentum = 1.5 is out of its range\n  adam does not read it"),
        ("optimizer.beta2=x", "beta2: \"x\" is not a number"),
        (
            "optimizer.beta2.x=1",
            "there is no 'x' below optimizer.beta2\n  optimizer.beta2 is one value (number)",
        ),
        ("training.epochs.x=1", "there is no 'x' below epochs"),
        ("schedul.decay=1", "did you mean 'schedule'"),
        ("training.shedule=cosine", "did you mean 'schedule'"),
        ("schedule=cosin", "unknown schedule 'cosin'\n  did you mean 'cosine'"),
        ("training.learning_rate_shape=cosin", "did you mean 'cosine'"),
        ("optimizer={beta1=0.5}", ""),
    ] {
        let line = format!("{LINE} --set {set}");
        if expected.is_empty() {
            trials(&line);
            continue;
        }
        let error = error(&line);
        assert!(error.starts_with(&format!("--set {set}: ")), "{error}");
        assert!(error.contains(expected), "{set}: {error}");
    }
    let file = "[training.optimizer]\nname = 'adam'\nbeta2 = 1.5";
    let error = resolved(LINE, &[], file).unwrap().grid().unwrap_err().to_string();
    assert!(error.contains("grid.toml: training.optimizer.beta2: adam: beta2 = 1.5"), "{error}");
    let twice = format!("{LINE} --set training.beta2=0.5 --set optimizer.beta2=0.6");
    let error = super::error(&twice);
    assert!(error.contains("training.optimizer.beta2 is set twice"), "{error}");
    let beside = "[training]\noptimizer = [{ name = 'sgd' }, { name = 'adam' }]";
    let line = format!("{LINE} --set optimizer.weight_decay=0.1");
    let error = resolved(&line, &[], beside).unwrap().grid().unwrap_err().to_string();
    assert!(error.contains("optimizer has 2 values, and optimizer.weight_decay is set"), "{error}");
}

#[test]
fn printed_components_are_read_back() {
    for line in [
        "",
        "--optimizer sgd",
        "--optimizer sgd,adamw --set optimizer.momentum=0.5",
        "--optimizer {name='rmsprop',alpha=0.9} --schedule linear",
        "--set training.optimizer=adam --set training.momentum=0.5,0.8 --set training.beta2=0.9",
        "--set training.learning_rate_shape=step,cosine --set training.decay=0.5",
        "--set dense.training.optimizer=sgd --set dense.training.momentum=0.5",
        "--set dense.training.optimizer={name='sgd',momentum=0.5}",
        "--grid snfs-lenet5 --optimizer adam",
    ] {
        let first = resolved(&format!("{LINE} {line}"), &[], "").unwrap();
        let text = first.to_toml().unwrap();
        let again = resolved("", &[], &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(first.grid().unwrap(), again.grid().unwrap(), "{line}\n{text}");
    }
    let text = resolved(&format!("{LINE} --optimizer sgd"), &[], "").unwrap().to_toml().unwrap();
    // The grid has the old spelling.
    for expected in
        ["optimizer.name = \"sgd\" ", "# --optimizer", "learning_rate_shape = \"cosine\" "]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

/// A strategy whose parameters are deeper than those of the linked ones.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Deep {
    /// How it drops.
    drop: Drop,
    /// How the fraction decays.
    decay: Decay,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Drop {
    /// The share, in [0, 1].
    fraction: f64,
    /// Within what.
    scope: Scope,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Scope {
    layers: Vec<String>,
    rows: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Decay {
    /// Stays.
    Constant,
    /// A power of what is left.
    Power {
        /// The exponent.
        exponent: f64,
    },
}

impl Default for Drop {
    fn default() -> Self {
        Self { fraction: 0.3, scope: Scope::default() }
    }
}

impl Default for Deep {
    fn default() -> Self {
        Self { drop: Drop::default(), decay: Decay::Power { exponent: 3.0 } }
    }
}

#[typetag::serde(name = "test-deep")]
impl Strategy for Deep {
    fn validate(&self) -> Result<(), Error> {
        dst_core::strategy::check::fraction("drop.fraction", self.drop.fraction)
    }
}

inventory::submit! {
    StrategyPlugin { name: "test-deep", ..StrategyPlugin::of::<Deep>("") }
}

#[test]
fn parameters_of_strategies_are_paths_of_any_depth() {
    let line = "--strategies test-deep --seeds 0 --sparsity 0.5";
    let configs = |set: &str, file: &str| -> Vec<Value> {
        let grid = resolved(&format!("{line} {set}"), &[], file).unwrap().grid().unwrap();
        grid.trials.iter().map(|trial| Value::clone(&trial.strategy)).collect()
    };
    let found =
        configs("--set test-deep.drop.scope.rows=true,false --set test-deep.drop.fraction=0.1", "");
    assert_eq!(found.len(), 2);
    assert_eq!(
        found[0]["drop"],
        json!({ "fraction": 0.1, "scope": { "layers": [], "rows": true } })
    );
    assert_eq!(found[0]["decay"], json!({ "kind": "power", "exponent": 3.0 }));
    let kinds = configs("--set test-deep.decay.kind=constant,power --set *.decay.exponent=2", "");
    assert_eq!(kinds[0]["decay"], json!({ "kind": "constant" }));
    assert_eq!(kinds[1]["decay"], json!({ "kind": "power", "exponent": 2.0 }));
    assert_eq!(configs("--set test-deep.decay=constant", "")[0]["decay"]["kind"], "constant");
    let file = "[strategy.test-deep.drop.scope]\nlayers = ['fc1', 'fc2']\n[strategy.'*'.drop]\nfraction = [0.1, 0.2]";
    let found = configs("", file);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1]["drop"]["scope"]["layers"], json!(["fc1", "fc2"]));
    assert_eq!(found[1]["drop"]["fraction"], 0.2);
    for (set, expected) in [
        (
            "test-deep.drop.scope.row=true",
            "drop.scope: unknown parameter 'row'\n  did you mean 'rows'",
        ),
        ("test-deep.dorp.fraction=1", "unknown parameter 'dorp'\n  did you mean 'drop'"),
        ("*.drop.scope.row=true", "drop.scope: unknown parameter 'row'"),
        ("test-deep.decay.kind=powr", "unknown decay 'powr'\n  did you mean 'power'"),
        ("test-deep.drop.fraction=2", "drop.fraction = 2 is not in [0, 1]"),
        ("test-deep.drop.fraction.x=2", "there is no 'x' below drop.fraction"),
    ] {
        let error = error(&format!("{line} --set {set}"));
        assert!(error.contains(expected), "{set}: {error}");
    }
    let constant = "--set test-deep.decay.kind=constant --set test-deep.decay.exponent=2";
    let wrong = error(&format!("{line} {constant}"));
    assert!(wrong.contains("decay: constant: unknown parameter 'exponent'"), "{wrong}");
    let set = "--set test-deep.drop.scope.rows=true,false --set test-deep.decay.kind=constant";
    let first = resolved(&format!("{line} {set}"), &[], "").unwrap();
    let text = first.to_toml().unwrap();
    let again = resolved("", &[], &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(first.grid().unwrap(), again.grid().unwrap(), "{text}");
}

/// Densities of layers have names with dots.
#[test]
fn entries_of_a_map_are_paths_too() {
    let line = "--strategies rigl --seeds 0 --set rigl.layer_densities.\"fc1.weight\"=0.25,0.5";
    let found = trials(line);
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].strategy["layer_densities"], json!({ "fc1.weight": 0.5 }));
}
