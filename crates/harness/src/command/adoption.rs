//! Trials that were stored when parameters of their strategy had other names.

use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::record::TrialSpec;
use dst_core::{Error, Result};
use serde_json::Value;

use dst_store::Store;

/// Lets the store find such trials under the present names; says how many there were.
///
/// # Errors
/// If the store cannot be written.
pub(super) fn adopt(store: &Store, trials: &[TrialSpec]) -> Result<usize> {
    let mut adopted = 0;
    for spec in trials {
        if let Some(earlier) = under_earlier_names(spec)? {
            adopted += usize::from(store.adopt(&earlier, spec)?);
        }
    }
    Ok(adopted)
}

/// The trial as it was named earlier; none if its strategy always had the names of now.
fn under_earlier_names(spec: &TrialSpec) -> Result<Option<TrialSpec>> {
    let plugin = StrategyPlugin::find(spec.strategy_name())?;
    if plugin.earlier_names.is_empty() {
        return Ok(None);
    }
    let mut strategy = spec.strategy.clone();
    let config = strategy.as_object_mut();
    let config = config.ok_or_else(|| Error::contract("a config is a struct").at(plugin.name))?;
    let schema = (plugin.schema)().to_value();
    for (earlier, present) in plugin.earlier_names {
        // What is shared by all methods is left out at its default; the method's own names never were.
        let default = || schema["properties"][present].get("default").cloned();
        let value = config.remove(*present).or_else(default);
        config.insert((*earlier).to_owned(), value.unwrap_or(Value::Null));
    }
    Ok(Some(TrialSpec { strategy, ..spec.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::plugin;
    use dst_core::record::Status;
    use dst_store::testing::{end, spec, success};
    use serde_json::{Map, json};

    /// The config that SNFS wrote before it had the words of all methods.
    fn earlier() -> Value {
        json!({
            "name": "snfs", "distribution": "uniform", "prune_rate": 0.3, "final_prune_rate": 0.005,
            "decay": "cosine", "interval": "1 epochs", "begin": null, "end": "100%",
            "regrowth": "allowed", "moments": "zero-newborn", "momentum": 0.9,
            "redistribution": "momentum",
        })
    }

    #[test]
    fn a_result_is_found_under_the_present_names() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        let old = TrialSpec { strategy: earlier().into(), ..spec("snfs", 3) };
        store.add(&old).unwrap();
        end(&store, &success(&old)).unwrap();

        let parameters = Map::from_iter([("drop_fraction".to_owned(), json!(0.3))]);
        let strategy = plugin::strategy("snfs", &parameters).unwrap();
        let new =
            TrialSpec { strategy: serde_json::to_value(strategy).unwrap().into(), ..old.clone() };
        assert_ne!(old.id(), new.id());
        assert_eq!(under_earlier_names(&new).unwrap().unwrap().id(), old.id());
        assert_eq!(adopt(&store, std::slice::from_ref(&new)).unwrap(), 1);
        assert_eq!(store.ids().unwrap(), [new.id()]);
        assert_eq!(store.spec(&new.id()).unwrap(), new);
        let result = store.result(&new.id()).unwrap().unwrap();
        assert_eq!((result.trial, result.status), (new.id(), Status::Finished));
        assert_eq!(result.outcome, success(&old).outcome);
        // Once is enough, and others are left alone.
        assert_eq!(adopt(&store, &[new, spec("set", 0)]).unwrap(), 0);
    }
}
