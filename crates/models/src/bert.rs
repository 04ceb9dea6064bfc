//! BERT and its small siblings.

mod activation;
mod classes;
mod configured;
mod network;
#[cfg(test)]
mod tests;
mod variants;

pub use activation::BertActivation;
pub use configured::ConfiguredBert;
pub use variants::{BertBase, BertMini, BertTiny, MiniLmL6};

use std::fmt::Display;
use std::path::Path;

use dst_core::tch::{Tensor, no_grad};
use dst_core::{Builder, Error, InputShape, Model, Parameters, Result, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::classes::Classifier;
use crate::weights::LoadReport;
use crate::{check, weights};

/// A BERT encoder (Devlin et al. 2019) with a classifier on its pooled first token.
///
/// Fields are named as in Hugging Face's `config.json`, and parameters as in its files of
/// weights. The linear layers of the encoder can be pruned: query, key, value and output of
/// every attention, and both of every feed-forward network. Pooler, classifier and embeddings are
/// dense unless `prunable` says otherwise; norms and biases always are.
///
/// Layer norms follow the residual sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// The schema of a size is this one, not a reference to it.
#[schemars(inline)]
pub struct Bert {
    /// Width of a token's vector; a multiple of `num_attention_heads`.
    pub hidden_size: i64,
    /// Blocks of attention and feed-forward network.
    pub num_hidden_layers: i64,
    /// Heads of every attention.
    pub num_attention_heads: i64,
    /// Width inside the feed-forward networks.
    pub intermediate_size: i64,
    /// Between the two layers of the feed-forward networks.
    #[serde(default, skip_serializing_if = "BertActivation::is_default")]
    #[schemars(extend("default" = "gelu"))]
    pub hidden_act: BertActivation,
    /// Share of embeddings, block outputs and pooled vectors that is set to 0 in training, in
    /// [0, 1).
    pub hidden_dropout_prob: f64,
    /// Share of attention weights that is set to 0 in training, in [0, 1).
    pub attention_probs_dropout_prob: f64,
    /// Standard deviation of the starting weights.
    pub initializer_range: f64,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// The longest sequence.
    pub max_position_embeddings: i64,
    /// Sorts of segments: 2 for a pair of sentences.
    pub type_vocab_size: i64,
    /// Distinct tokens; at least those of the data set.
    pub vocab_size: i64,
    /// Trained weights to start from: a safetensors file, a folder with `model.safetensors`, or
    /// `hub:org/name@revision` for a model of the Hugging Face Hub (`@main` may be left out).
    /// A pooler or classifier that the file lacks, or has in another shape, starts at random.
    pub weights: Option<String>,
    /// Which weights can be pruned.
    #[serde(default, skip_serializing_if = "PrunableWeights::is_default")]
    #[schemars(extend("default" = "encoder"))]
    pub prunable: PrunableWeights,
}

/// The weights of a BERT that can be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrunableWeights {
    /// The linear layers of the encoder.
    #[default]
    Encoder,
    /// All linear layers: those of the encoder, the pooler and the classifier.
    Linear,
    /// All linear layers, and the embeddings of words, positions and segments.
    All,
}

impl PrunableWeights {
    /// Is it the default? Files leave it out then, so that trials keep the ids they had before
    /// there was a choice.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a file of weights may lack, or have for a task of other classes.
const OPTIONAL: [&str; 2] = ["pooler.", CLASSIFIER];

/// What the names of the last layer's parameters begin with.
const CLASSIFIER: &str = "classifier.";

impl Bert {
    /// An uncased BERT of the given size with the published settings.
    pub(crate) fn of_size(layers: i64, hidden: i64, heads: i64) -> Self {
        Self {
            hidden_size: hidden,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            intermediate_size: 4 * hidden,
            hidden_act: BertActivation::Gelu,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            initializer_range: 0.02,
            layer_norm_eps: 1e-12,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            vocab_size: 30_522,
            weights: None,
            prunable: PrunableWeights::Encoder,
        }
    }

    fn validate(&self) -> Result<()> {
        for (key, value) in [
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
            ("vocab_size", self.vocab_size),
        ] {
            if value < 1 {
                return Err(Error::usage(format!("{key} = {value} must be at least 1")));
            }
        }
        if self.hidden_size % self.num_attention_heads != 0 {
            return Err(Error::usage(format!(
                "hidden_size = {} is not a multiple of num_attention_heads = {}",
                self.hidden_size, self.num_attention_heads
            )));
        }
        for (key, value) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::usage(format!("{key} = {value} is not in [0, 1)")));
            }
        }
        for (key, value) in
            [("initializer_range", self.initializer_range), ("layer_norm_eps", self.layer_norm_eps)]
        {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::usage(format!("{key} = {value} must be 0 or more")));
            }
        }
        check::layer("embeddings.word_embeddings", self.vocab_size, self.hidden_size)?;
        let positions = self.max_position_embeddings;
        check::layer("embeddings.position_embeddings", positions, self.hidden_size)?;
        check::layer("embeddings.token_type_embeddings", self.type_vocab_size, self.hidden_size)?;
        check::layer("attention.output.dense", self.hidden_size, self.hidden_size)?;
        check::layer("intermediate.dense", self.hidden_size, self.intermediate_size)?;
        // No layer overflows, so a block does not.
        let block = self.hidden_size * (4 * self.hidden_size + 2 * self.intermediate_size);
        check::total("the encoder", block.checked_mul(self.num_hidden_layers))
    }

    /// Can it read the texts of the data set?
    fn check_input(&self, input: InputShape) -> Result<()> {
        let InputShape::Tokens { vocabulary, length } = input else {
            return Err(Error::usage("this model takes text, and the data set holds pictures")
                .hint("choose a data set of text, or a model for pictures"));
        };
        if vocabulary > self.vocab_size {
            let error = Error::usage(format!(
                "the data set has {vocabulary} tokens, and vocab_size = {}",
                self.vocab_size
            ));
            return Err(match &self.weights {
                // Their table of words has so many rows.
                Some(weights) => error.hint(format!(
                    "{weights} was trained with another vocabulary: put its tokenizer.json or \
                     vocab.txt beside it, or name it as the option vocabulary of the data set; or \
                     set vocab_size, if that is not the size of the weights"
                )),
                None => error.hint(format!(
                    "set vocab_size = {vocabulary} (the model bert has it from its config.json)"
                )),
            });
        }
        if length > self.max_position_embeddings {
            return Err(Error::usage(format!(
                "the data set has texts of {length} tokens, and max_position_embeddings = {}",
                self.max_position_embeddings
            ))
            .hint(format!(
                "set max_position_embeddings = {length}, or a smaller max_length of the data set"
            )));
        }
        Ok(())
    }

    pub(crate) fn network(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        self.validate()?;
        self.check_input(input)?;
        let outputs = check::outputs(task)?;
        check::layer("classifier", self.hidden_size, outputs)?;
        // Looked for before gigabytes of starting weights are drawn.
        let file = self.weights_file()?;
        let config = file.as_ref().map(|file| self.compare_config(file)).transpose()?;
        let mut network = network::Network::build(self, outputs, builder);
        if let (Some(file), Some(config)) = (&file, &config) {
            let classifier = Classifier::of(config, builder.classes());
            let (report, caution) = load(builder.parameters(), file, &classifier)?;
            let of_file = |text: String| format!("{}: {text}", file.display());
            network.origin = Some(of_file(report.to_string()));
            network.caution = caution.map(of_file);
        }
        Ok(Box::new(network))
    }

    /// The name in Hugging Face's `BertForSequenceClassification`.
    pub(crate) fn published_name(name: &str) -> String {
        match name.starts_with("classifier.") {
            true => name.to_owned(),
            false => format!("bert.{name}"),
        }
    }

    /// The file of trained weights.
    pub(crate) fn weights_file(&self) -> Result<Option<std::path::PathBuf>> {
        self.weights.as_deref().map(weights::find).transpose()
    }

    /// The number of heads shows in no tensor's shape: if the weights lie beside their
    /// `config.json`, what shapes cannot tell is compared with it. Its content, if there is one.
    fn compare_config(&self, weights: &Path) -> Result<Map<String, Value>> {
        let path = weights.with_file_name(configured::FILE);
        if !path.is_file() {
            return Ok(Map::new());
        }
        let at = |error: Error| error.at(path.display().to_string());
        let config = configured::read(&path)?;
        configured::check_kind(&config).map_err(at)?;
        for (key, ours) in [
            ("num_attention_heads", self.num_attention_heads as f64),
            ("layer_norm_eps", self.layer_norm_eps),
        ] {
            match config.get(key).and_then(Value::as_f64) {
                Some(theirs) if theirs != ours => return Err(at(differs(key, &theirs, &ours))),
                _ => {}
            }
        }
        let theirs = config.get(BertActivation::KEY).map(BertActivation::from_config).transpose();
        match theirs.map_err(at)? {
            Some(theirs) if theirs != self.hidden_act => {
                Err(at(differs(BertActivation::KEY, &theirs, &self.hidden_act)))
            }
            _ => Ok(config),
        }
    }
}

fn differs(key: &str, theirs: &dyn Display, ours: &dyn Display) -> Error {
    Error::usage(format!("{key} is {theirs}, not {ours}"))
        .hint(format!("set {key} = {theirs}, or choose another model"))
}

/// Loads a file of weights, with its classifier as far as that is for these classes: what became of the
/// tensors, and what of the classifier if that is not what one expects.
fn load(
    parameters: &Parameters,
    file: &Path,
    classifier: &Classifier,
) -> Result<(LoadReport, Option<String>)> {
    let is_left_out =
        |name: &str| matches!(classifier, Classifier::Other { .. }) && name.starts_with(CLASSIFIER);
    let report = weights::load_if(parameters, file, |name| !is_left_out(name))?;
    report.require_all_but(&OPTIONAL).map_err(|error| error.at(file.display().to_string()))?;
    let loaded = |name: &str| report.loaded.iter().any(|known| known == name);
    let caution = match classifier {
        Classifier::Reordered { order } if loaded("classifier.weight") => {
            let order = Tensor::from_slice(order);
            for (_, parameter) in
                parameters.iter().filter(|(name, _)| name.starts_with(CLASSIFIER) && loaded(name))
            {
                let mut rows = parameter.tensor().shallow_clone();
                let order = order.to_device(rows.device());
                no_grad(|| rows.f_copy_(&rows.f_index_select(0, &order)?))?;
            }
            Some("the classes of its classifier were put into the order of the data set".to_owned())
        }
        Classifier::Other { names }
            if report.extra.iter().any(|name| name.contains(CLASSIFIER)) =>
        {
            Some(format!(
                "its classifier tells other classes ({}) than the data set has, so that the new one starts at \
                 random",
                names.join(", ")
            ))
        }
        _ => None,
    };
    Ok((report, caution))
}
