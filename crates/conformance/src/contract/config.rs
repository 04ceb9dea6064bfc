//! A config as plain data, and the plug-in's record.

use std::panic::{AssertUnwindSafe, catch_unwind};

use dst_core::plugin::{self, StrategyPlugin};
use dst_core::{Result, Step, Strategy};
use serde_json::{Map, Value, json};

use super::{breach, panic_text};

/// Round trip and unknown fields; returns the config's name.
pub(super) fn check(strategy: &dyn Strategy) -> Result<String> {
    strategy.validate().map_err(|error| {
        breach(
            format!("the strategy under test is not valid: {error}"),
            "give the contract a config with legal parameters",
        )
    })?;
    let value = to_value(strategy)?;
    let name = value["name"].as_str().unwrap_or_default().to_owned();
    let again = to_value(&*from_value(&value)?)?;
    if again != value {
        return Err(breach(
            format!("a round trip through JSON changes the config from {value} to {again}"),
            "write and read every field in one way",
        ));
    }
    let mut extended = value;
    extended["no_such_field"] = Value::from(1);
    if serde_json::from_value::<Box<dyn Strategy>>(extended).is_ok() {
        return Err(breach(
            "an unknown field of the config is accepted, so that a typing mistake is no error",
            "add #[serde(deny_unknown_fields)]",
        ));
    }
    Ok(name)
}

/// The config as JSON.
pub(super) fn to_value(strategy: &dyn Strategy) -> Result<Value> {
    serde_json::to_value(strategy).map_err(|error| {
        breach(format!("the config cannot be written: {error}"), "keep plain data in it")
    })
}

/// The config from JSON: a method that has seen nothing yet.
pub(super) fn from_value(value: &Value) -> Result<Box<dyn Strategy>> {
    serde_json::from_value(value.clone()).map_err(|error| {
        breach(
            format!("a config does not read what it wrote, {value}: {error}"),
            "write and read every field in one way",
        )
    })
}

/// The registered record, its schema and its `grid.toml` fit the config.
pub(super) fn check_record(plugin: &StrategyPlugin) -> Result<()> {
    let name = plugin.name;
    let default = (plugin.default)();
    let defaults = to_value(&*default)?;
    if defaults["name"] != name {
        return Err(breach(
            format!("the plug-in {name} makes configs with the name {}", defaults["name"]),
            "give #[typetag::serde] and strategy_plugin! one name",
        ));
    }
    default.validate().map_err(|error| error.at("the defaults"))?;
    for (what, text) in
        [("title", plugin.title), ("paper", plugin.paper), ("summary", plugin.summary)]
    {
        if text.is_empty() {
            return Err(breach(format!("{name} has no {what}"), "fill in strategy_plugin!"));
        }
    }
    check_schema(plugin, &defaults)?;
    check_grid(plugin)?;
    check_ranges(plugin, &defaults)
}

/// The strategy with the parameters with which a short training shows what it does.
///
/// # Errors
/// If the record's `brief` is no TOML, or names or values in it are not legal.
pub(super) fn in_brief(plugin: &StrategyPlugin) -> Result<Box<dyn Strategy>> {
    let wrong = |what: String| {
        breach(format!("`brief` of {}: {what}", plugin.name), "write legal values by key, as TOML")
    };
    let mut parameters = Map::new();
    if (plugin.schema)().to_value()["properties"].get("interval").is_some() {
        parameters.insert("interval".to_owned(), json!("5 steps"));
    }
    let brief: toml::Table = plugin.brief.parse().map_err(|error| wrong(format!("{error}")))?;
    for (key, value) in brief {
        let value = serde_json::to_value(value).map_err(|error| wrong(error.to_string()))?;
        parameters.insert(key, value);
    }
    plugin::strategy(plugin.name, &parameters).map_err(|error| error.at("brief"))
}

fn check_schema(plugin: &StrategyPlugin, defaults: &Value) -> Result<()> {
    let name = plugin.name;
    let schema = (plugin.schema)().to_value();
    let documented = |key: &str| match schema["properties"][key]["description"].is_string() {
        true => Ok(()),
        false => Err(breach(
            format!("{name}.{key} has no documentation"),
            "write a sentence above the field",
        )),
    };
    let fields = defaults.as_object().into_iter().flatten().map(|(key, _)| key);
    fields.filter(|key| *key != "name").try_for_each(|key| documented(key))?;
    for (earlier, present) in plugin.earlier_names {
        let known = |key: &str| schema["properties"].get(key).is_some();
        if !known(present) || known(earlier) {
            return Err(breach(
                format!(
                    "{name}: `earlier_names` maps {earlier} to {present}, and not a former parameter to one that there is"
                ),
                "name what stored configs have first and what they have now second",
            ));
        }
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (key, property) in properties.filter(|(key, _)| defaults.get(key.as_str()).is_none()) {
        // Without its default nobody could learn it, and without its name nobody could set it.
        documented(key)?;
        let left_out = property.get("default").ok_or_else(|| {
            breach(
                format!("{name}.{key} is left out at its default, and the schema has no default"),
                "add #[schemars(extend(\"default\" = …))]",
            )
        })?;
        let parameters = Map::from_iter([(key.clone(), left_out.clone())]);
        let same = to_value(&*plugin::strategy(name, &parameters)?)?;
        if same != *defaults {
            return Err(breach(
                format!("{name}.{key} has another default than its schema says, {left_out}"),
                "state one default",
            ));
        }
    }
    Ok(())
}

fn check_grid(plugin: &StrategyPlugin) -> Result<()> {
    let wrong = |what: String| breach(format!("grid.toml: {what}"), "list legal values by key");
    let grid: toml::Table = plugin.grid.parse().map_err(|error| wrong(format!("{error}")))?;
    for (key, values) in grid {
        let values = values.as_array().ok_or_else(|| wrong(format!("{key} is no list")))?;
        for value in values {
            let value = serde_json::to_value(value).map_err(|error| wrong(error.to_string()))?;
            let parameters = Map::from_iter([(key.clone(), value)]);
            plugin::strategy(plugin.name, &parameters).map_err(|error| error.at("grid.toml"))?;
        }
    }
    Ok(())
}

/// No value of a parameter panics: users type what they like.
fn check_ranges(plugin: &StrategyPlugin, defaults: &Value) -> Result<()> {
    let schema = (plugin.schema)().to_value();
    let properties = schema["properties"].as_object().into_iter().flatten();
    for (key, property) in properties {
        let value = defaults.get(key).or_else(|| property.get("default"));
        for extreme in extremes(value.unwrap_or(&Value::Null)) {
            let parameters = Map::from_iter([(key.clone(), extreme.clone())]);
            let tried = catch_unwind(AssertUnwindSafe(|| {
                let Ok(strategy) = plugin::strategy(plugin.name, &parameters) else { return };
                let start = Step::first(15, 4);
                let _ = (strategy.updates(&start), strategy.gradient_scope(&start));
            }));
            if let Err(panic) = tried {
                return Err(breach(
                    format!("{}.{key} = {extreme} panics: {}", plugin.name, panic_text(&*panic)),
                    "refuse it in `validate` with an error that names the key; \
                     `dst_core::strategy::check` has the usual ranges",
                ));
            }
        }
    }
    Ok(())
}

/// Values at and beyond the ends of what a parameter like `value` may be.
fn extremes(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(_) => vec![json!(0), json!(-1), json!(0.5), json!(1), json!(1e300)],
        Value::String(_) => ["", "0 steps", "0 epochs", "-1 epochs", "1e300 epochs"]
            .into_iter()
            .map(Value::from)
            .collect(),
        _ => vec![Value::Null, json!(1), json!("1 steps")],
    }
}
