use schemars::schema_for;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use schemars::JsonSchema;

/// A method with a word of its own, one parameter that it lacks and one that it got later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Wild {
    #[serde(flatten, with = "Shared::<Wild>")]
    #[schemars(with = "Shared<Wild>")]
    exchange: Exchange,
    /// How wild.
    wildness: f64,
}

impl Default for Wild {
    fn default() -> Self {
        let exchange = Exchange { interval: Span::Epochs(2.0), ..Exchange::STEPS };
        Self { exchange, wildness: 1.0 }
    }
}

#[typetag::serde(name = "wild")]
impl Strategy for Wild {
    fn exchange(&self) -> Option<&Exchange> {
        Some(&self.exchange)
    }

    fn keys() -> Keys {
        Keys {
            absent: &["growth_batches"],
            later: &["replaces_step"],
            renamed: &[("drop_fraction", "zeta")],
        }
    }
}

fn read(value: Value) -> std::result::Result<Wild, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn what_is_not_given_is_at_the_default_of_the_method() {
    assert_eq!(read(json!({})).unwrap(), Wild::default());
    let some = read(json!({ "zeta": 0.5, "wildness": 2.0, "begin": "7 steps" })).unwrap();
    assert_eq!(some.exchange.drop_fraction, 0.5);
    assert_eq!(some.exchange.interval, Span::Epochs(2.0));
    assert_eq!(some.exchange.begin, Some(Span::Steps(7)));
    assert_eq!(some.wildness, 2.0);
    assert_eq!(read(json!({ "begin": null })).unwrap(), Wild::default());
}

#[test]
fn keys_are_flat_and_later_ones_are_left_out_at_their_default() {
    let written = serde_json::to_value(Wild::default()).unwrap();
    let keys: Vec<&String> = written.as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "begin",
            "decay",
            "distribution",
            "end",
            "interval",
            "moments",
            "regrowth",
            "wildness",
            "zeta"
        ]
    );
    let exchange = Exchange { replaces_step: true, ..Wild::default().exchange };
    let wild = Wild { exchange, ..Wild::default() };
    let written = serde_json::to_value(&wild).unwrap();
    assert_eq!(written["replaces_step"], true);
    assert_eq!(read(written).unwrap(), wild);
}

#[test]
fn what_the_method_lacks_and_what_nobody_knows_is_refused() {
    for key in ["growth_batches", "drop_fraction", "no_such_field"] {
        let error = read(json!({ key: 1 })).unwrap_err();
        assert!(error.contains(&format!("unknown field `{key}`")), "{error}");
    }
    let error = read(json!({ "zeta": "much" })).unwrap_err();
    assert!(error.contains("invalid type: string \"much\", expected f64"), "{error}");
    let error = serde_json::from_str::<Wild>(r#"{"zeta":0.1,"zeta":0.2}"#).unwrap_err();
    assert!(error.to_string().contains("duplicate field"), "{error}");
}

#[test]
fn the_schema_has_the_words_and_the_defaults_of_the_method() {
    let schema = schema_for!(Wild).to_value();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties["zeta"]["default"], 0.3);
    assert!(properties["zeta"]["description"].as_str().unwrap().starts_with("Fraction of"));
    assert_eq!(properties["interval"]["default"], "2 epochs");
    assert_eq!(properties["replaces_step"]["default"], false);
    assert!(properties.get("growth_batches").is_none());
    assert!(schema["description"].as_str().unwrap().starts_with("A method with a word"));
    assert!(schema.get("required").is_none());
}

#[test]
fn values_out_of_range_are_named_in_the_words_of_the_method() {
    let exchange = Exchange { drop_fraction: 1.5, ..Exchange::STEPS };
    let error = exchange.validate_as(Wild::keys()).unwrap_err();
    assert_eq!(error.to_string(), "zeta = 1.5 is not in [0, 1]");
    let exchange = Exchange { growth_batches: 0, ..Exchange::STEPS };
    assert!(exchange.validate().unwrap_err().to_string().contains("growth_batches = 0"));
}
