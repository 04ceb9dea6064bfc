//! A BERT of any size, described by Hugging Face's `config.json`.

use std::path::{Path, PathBuf};

use dst_core::plugin::ModelPlugin;
use dst_core::{Architecture, Builder, Error, InputShape, Model, Result, Task};
use dst_data::hub;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Bert, BertActivation, PrunableWeights};
use crate::weights;

/// The file that describes a model in a folder of Hugging Face.
pub(super) const FILE: &str = "config.json";

/// A BERT whose sizes and settings are read from a `config.json` when it is built. Keys that the
/// file lacks are those of BERT-base, as in `transformers`; keys that say nothing about the
/// network are passed over.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfiguredBert {
    /// The `config.json`, a folder that holds it, or `hub:org/name@revision` for a model of the
    /// Hugging Face Hub (`@main` may be left out). If it is not given, the one beside `weights`.
    pub config: String,
    /// Trained weights to start from: a safetensors file, a folder with `model.safetensors`, or
    /// `hub:org/name@revision`. Without them the network starts at random.
    pub weights: Option<String>,
    /// Which weights can be pruned.
    #[serde(skip_serializing_if = "PrunableWeights::is_default")]
    #[schemars(extend("default" = "encoder"))]
    pub prunable: PrunableWeights,
}

impl ConfiguredBert {
    fn bert(&self) -> Result<Bert> {
        let path = self.config_file()?;
        let config = read(&path)?;
        let bert = check_kind(&config)
            .and_then(|()| sized(config))
            .map_err(|error| error.at(path.display().to_string()))?;
        Ok(Bert { weights: self.weights.clone(), prunable: self.prunable, ..bert })
    }

    fn config_file(&self) -> Result<PathBuf> {
        let beside = |given: &str| Ok(weights::find(given)?.with_file_name(FILE));
        let given = Path::new(&self.config);
        match &self.weights {
            Some(weights) if self.config.is_empty() => {
                let path = beside(weights)?;
                if path.is_file() {
                    return Ok(path);
                }
                Err(Error::usage(format!("there is no {FILE} beside the weights {weights}"))
                    .hint("pass --set bert.config=FILE"))
            }
            None if self.config.is_empty() => Err(Error::usage("no config.json is named")
                .hint("pass --set bert.config=FILE, or choose a model of a fixed size")),
            _ if self.config.starts_with(hub::PREFIX) => beside(&self.config),
            _ if given.is_dir() => Ok(given.join(FILE)),
            _ => Ok(given.to_path_buf()),
        }
    }
}

/// The object in a `config.json`.
///
/// # Errors
/// If the file cannot be read or holds something else, naming it.
pub(super) fn read(path: &Path) -> Result<Map<String, Value>> {
    let bytes = dst_core::dataset::read_file(path)?;
    let text = dst_core::text::decode(&bytes, path)
        .map_err(|error| error.at(path.display().to_string()))?;
    let error = match serde_json::from_str(&text) {
        Ok(Value::Object(config)) => return Ok(config),
        Ok(_) => Error::data("this is not a JSON object"),
        Err(error) => Error::data(format!("this is not JSON: {error}")),
    };
    Err(error.at(path.display().to_string()))
}

/// Refuses networks that differ from BERT in more than sizes.
///
/// # Errors
/// If the file describes another sort of network, or positions that are not learnt one by one.
pub(super) fn check_kind(config: &Map<String, Value>) -> Result<()> {
    for (key, ours) in [("model_type", "bert"), ("position_embedding_type", "absolute")] {
        match config.get(key).and_then(Value::as_str) {
            Some(theirs) if theirs != ours => {
                return Err(Error::usage(format!("{key} is '{theirs}', and only {ours} is known")));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The settings in a `config.json` over those of BERT-base.
fn sized(config: Map<String, Value>) -> Result<Bert> {
    let base = serde_json::to_value(Bert::of_size(12, 768, 12));
    let Ok(Value::Object(mut settings)) = base else {
        return Err(Error::contract("the settings of BERT are no JSON object"));
    };
    settings.remove("weights");
    // What the default leaves out.
    if let Some(activation) = config.get(BertActivation::KEY) {
        BertActivation::from_config(activation)?;
        settings.insert(BertActivation::KEY.to_owned(), Value::Null);
    }
    for (key, value) in config {
        if let Some(setting) = settings.get_mut(&key) {
            *setting = value;
        }
    }
    serde_json::from_value(Value::Object(settings))
        .map_err(|error| Error::data(format!("a setting is not usable: {error}")))
}

inventory::submit! {
    ModelPlugin {
        name: "bert",
        title: "BERT",
        paper: "Devlin, Chang, Lee, Toutanova 2019, BERT: pre-training of deep bidirectional transformers for language understanding",
        summary: "A BERT of any size, described by the config.json that bert.config names or that lies beside its weights.",
        default: || Box::new(ConfiguredBert::default()),
        schema: || schemars::schema_for!(ConfiguredBert),
    }
}

#[typetag::serde(name = "bert")]
impl Architecture for ConfiguredBert {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        self.bert()?.network(input, task, builder)
    }

    fn weights(&self) -> Result<Option<PathBuf>> {
        let file = self.weights.as_deref().map(weights::find).transpose();
        file.map_err(|error| error.at("bert"))
    }

    fn published_name(&self, name: &str) -> String {
        Bert::published_name(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn described(config: &str) -> Result<Bert> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), config).unwrap();
        let config = folder.path().to_str().unwrap().to_owned();
        ConfiguredBert { config, ..ConfiguredBert::default() }.bert()
    }

    /// The file of all-MiniLM-L6-v2, as far as it describes the network.
    #[test]
    fn sizes_are_those_of_the_file_and_the_rest_is_that_of_bert_base() {
        let minilm = json!({
            "architectures": ["BertModel"],
            "hidden_act": "gelu",
            "hidden_size": 384,
            "intermediate_size": 1536,
            "model_type": "bert",
            "num_attention_heads": 12,
            "num_hidden_layers": 6,
            "position_embedding_type": "absolute",
            "transformers_version": "4.8.2",
        });
        assert_eq!(described(&minilm.to_string()).unwrap(), Bert::of_size(6, 384, 12));
        assert_eq!(described("{}").unwrap(), Bert::of_size(12, 768, 12));
        for (name, expected) in [
            ("gelu", BertActivation::Gelu),
            ("gelu_new", BertActivation::GeluNew),
            ("gelu_pytorch_tanh", BertActivation::GeluNew),
            ("relu", BertActivation::Relu),
        ] {
            let bert = described(&json!({ "hidden_act": name }).to_string()).unwrap();
            assert_eq!(bert.hidden_act, expected);
        }
    }

    #[test]
    fn a_file_that_is_no_bert_is_refused() {
        let refusal = |config: &str| described(config).unwrap_err().to_string();
        for text in ["{", ""] {
            assert!(refusal(text).contains("config.json: this is not JSON"), "{text}");
        }
        // Some editors begin a file with a mark of its encoding.
        assert!(described("\u{feff}{}").is_ok());
        assert!(refusal(r#"{"hidden_size": NaN}"#).contains("this is not JSON"));
        assert!(described("{\r\n}\r\n").is_ok());
        assert!(refusal("[]").contains("not a JSON object"));
        assert!(refusal(r#"{"model_type": "roberta"}"#).contains("model_type is 'roberta'"));
        assert!(refusal(r#"{"hidden_act": "silu"}"#).contains("hidden_act is \"silu\""));
        assert!(refusal(r#"{"hidden_size": "wide"}"#).contains("a setting is not usable"));
        let config = "no/such/config.json".into();
        let missing = ConfiguredBert { config, ..ConfiguredBert::default() };
        assert!(missing.bert().unwrap_err().to_string().contains("no/such/config.json"));
        let error = ConfiguredBert::default().bert().unwrap_err().to_string();
        assert!(error.contains("--set bert.config=FILE"), "{error}");
    }

    #[test]
    fn the_config_beside_the_weights_is_taken_if_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let weights = folder.path().join(weights::FILE);
        std::fs::write(&weights, "").unwrap();
        let given = folder.path().to_str().unwrap().to_owned();
        let model = ConfiguredBert { weights: Some(given), ..ConfiguredBert::default() };
        let error = model.bert().unwrap_err().to_string();
        assert!(error.starts_with("there is no config.json beside the weights"), "{error}");
        std::fs::write(folder.path().join(FILE), r#"{"num_hidden_layers": 3}"#).unwrap();
        assert_eq!(model.bert().unwrap().num_hidden_layers, 3);
        // What the trial records the digest of.
        assert_eq!(model.weights().unwrap(), Some(weights));
    }
}
