use serde_json::json;

use super::*;

fn read(value: Value) -> Result<Training, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

fn written(training: &Training) -> Value {
    serde_json::to_value(training).unwrap()
}

/// As version 0.1.0 wrote the defaults.
fn old_defaults() -> Value {
    json!({
        "accumulate": 1, "batch_size": 64, "beta1": 0.9, "beta2": 0.999, "clip_norm": 0.0,
        "decay": 0.1, "decay_every": "30 epochs", "epochs": 10, "epsilon": 1e-8,
        "label_smoothing": 0.0, "learning_rate": 0.001, "learning_rate_shape": "constant",
        "momentum": 0.9, "nesterov": false, "optimizer": "adam", "warmup": "0 steps",
        "weight_decay": 0.0
    })
}

#[test]
fn the_defaults_are_written_as_they_were() {
    assert_eq!(written(&Training::default()).to_string(), old_defaults().to_string());
    assert_eq!(read(old_defaults()).unwrap(), Training::default());
    assert_eq!(read(json!({})).unwrap(), Training::default());
}

/// What a component does not read is part of an id nevertheless.
#[test]
fn a_flat_training_is_written_back_to_the_letter() {
    for (key, value) in [
        ("optimizer", json!("sgd")),
        ("optimizer", json!("adamw")),
        ("momentum", json!(0.5)),
        ("nesterov", json!(true)),
        ("beta2", json!(0.95)),
        ("weight_decay", json!(1e-4)),
        ("learning_rate_shape", json!("exponential")),
        ("decay_every", json!("7%")),
        ("decay", json!(0.5)),
    ] {
        let mut old = old_defaults();
        old[key] = value;
        let training = read(old.clone()).unwrap();
        assert_eq!(written(&training).to_string(), old.to_string());
    }
}

#[test]
fn both_forms_of_an_old_component_are_one_training() {
    let flat =
        json!({ "optimizer": "sgd", "momentum": 0, "learning_rate_shape": "step", "decay": 0.5 });
    let tables = json!({
        "optimizer": { "name": "sgd", "momentum": 0 },
        "schedule": { "name": "step", "decay": 0.5 },
    });
    let training = read(flat).unwrap();
    assert_eq!(training, read(tables).unwrap());
    assert_eq!(training.optimizer, Component::optimizer("sgd").with("momentum", 0.0));
    assert_eq!(written(&training)["momentum"].to_string(), "0.0", "a number has one spelling");
    assert_eq!(written(&training).get("schedule"), None);
}

#[test]
fn a_new_component_is_a_table_without_the_keys_of_old_ones() {
    let training = Training {
        optimizer: Component::optimizer("rmsprop").with("alpha", 0.9).with("momentum", 0.5),
        ..Training::default()
    };
    let json = written(&training);
    assert_eq!(json["optimizer"], json!({ "name": "rmsprop", "alpha": 0.9, "momentum": 0.5 }));
    assert_eq!((json.get("momentum"), json.get("beta1")), (None, None));
    assert_eq!(json["decay"], 0.1, "the schedule is an old one");
    assert_eq!(read(json).unwrap(), training);
    let named = read(json!({ "optimizer": "rmsprop" })).unwrap();
    assert_eq!(named.optimizer, Component::new("rmsprop", Map::new()));
}

#[test]
fn settings_have_one_key_each() {
    let training = Training {
        optimizer: Component::optimizer("rmsprop").with("alpha", 0.9).with("momentum", 0.5),
        schedule: Component::schedule("linear").with("end_factor", 0.0),
        ..Training::default()
    };
    let settings = training.settings();
    assert_eq!((&settings["optimizer"], &settings["momentum"]), (&json!("rmsprop"), &json!(0.5)));
    assert_eq!((&settings["optimizer.alpha"], settings.get("beta1")), (&json!(0.9), None));
    assert_eq!(settings["learning_rate_shape"], "linear");
    assert_eq!(settings["schedule.end_factor"], 0.0);
    assert!(settings.values().all(|value| !value.is_object()));
    assert_eq!(Value::Object(Training::default().settings()), old_defaults());
}

#[test]
fn wrong_values_are_named_by_their_key() {
    let error = |value| read(value).unwrap_err();
    assert_eq!(error(json!({ "momentum": "high" })), "momentum: \"high\" is not a number");
    assert_eq!(error(json!({ "nesterov": 1 })), "nesterov: 1 is not true or false");
    assert!(
        error(json!({ "decay_every": "soon" })).starts_with("decay_every: 'soon' is not a length")
    );
    assert!(error(json!({ "optimizer": { "beta1": 1 } })).contains("the table has no name"));
    assert!(error(json!({ "schedule": "step", "learning_rate_shape": "step" })).contains("beside"));
    let twice = json!({ "optimizer": { "name": "sgd", "momentum": 0.5 }, "momentum": 0.5 });
    assert!(error(twice).contains("momentum stands in optimizer and beside it"));
    assert!(error(json!({ "epoch": 1 })).contains("unknown field `epoch`"));
}

#[test]
fn flat_keys_know_their_place() {
    assert_eq!(path_of("beta2"), Some(["optimizer", "beta2"]));
    assert_eq!(path_of("learning_rate_shape"), Some(["schedule", "name"]));
    assert_eq!(path_of("optimizer"), Some(["optimizer", "name"]));
    assert_eq!((path_of("epochs"), path_of("schedule")), (None, None));
    for key in ["beta2", "learning_rate_shape", "optimizer", "decay_every"] {
        let [table, own] = path_of(key).unwrap();
        assert_eq!(old_spelling_of(table, own), Some(key));
    }
    assert_eq!(old_spelling_of("optimizer", "alpha"), None);
}
