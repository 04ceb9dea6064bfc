//! A decoder of text: which token follows each token.

mod network;
#[cfg(test)]
mod tests;

use dst_core::plugin::ModelPlugin;
use dst_core::{Architecture, Builder, Error, InputShape, Model, Result, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;

/// A causal transformer in the form of GPT-2 (Radford et al. 2019), of the size of the smaller
/// TinyStories models (Eldan, Li 2023) unless other sizes are given. It is trained from scratch.
///
/// Tokens and positions are embedded and added; norms come before attention and feed-forward network,
/// and one more before the output layer. Every attention has its query, key, value and output as
/// layers of their own, which can be pruned like both layers of the feed-forward network. Output layer
/// and embeddings are dense unless `prunable` says otherwise; norms and biases always are. The longest
/// text is that of the data set.
///
/// It differs from GPT-2 in that the output layer has weights of its own and a bias, and in that
/// the activation is GELU in its exact form. Weights start as there: normal with the standard
/// deviation 0.02, divided by √(2 layers) where a layer's output is added to the residual sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Decoder {
    /// Blocks of attention and feed-forward network.
    pub layers: i64,
    /// Width of a token's vector; a multiple of `heads`.
    pub width: i64,
    /// Heads of every attention.
    pub heads: i64,
    /// Width inside the feed-forward networks, in multiples of `width`.
    pub expansion: i64,
    /// Share of embeddings, attention weights and block outputs that is set to 0 in training, in [0, 1).
    pub dropout: f64,
    /// Which weights can be pruned.
    pub prunable: PrunableLayers,
}

/// The weights of a decoder that can be pruned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PrunableLayers {
    /// The linear layers of the blocks.
    #[default]
    Blocks,
    /// All linear layers: those of the blocks, and the output layer.
    Linear,
    /// All linear layers, and the embeddings of tokens and positions.
    All,
}

/// Standard deviation of the starting weights.
const DEVIATION: f64 = 0.02;

/// Added to the variance in layer norms.
const EPSILON: f64 = 1e-5;

impl Default for Decoder {
    fn default() -> Self {
        Self {
            layers: 4,
            width: 128,
            heads: 4,
            expansion: 4,
            dropout: 0.0,
            prunable: PrunableLayers::Blocks,
        }
    }
}

inventory::submit! {
    ModelPlugin {
        name: "decoder",
        title: "Decoder",
        paper: "Radford, Wu, Child, Luan, Amodei, Sutskever 2019, Language models are unsupervised multitask learners",
        summary: "A causal transformer for text in the form of GPT-2, trained from scratch: 4 layers of 128, 4 heads, 0.8 million prunable weights.",
        default: || Box::new(Decoder::default()),
        schema: || schemars::schema_for!(Decoder),
    }
}

impl Decoder {
    fn validate(&self) -> Result<()> {
        for (key, value) in [
            ("layers", self.layers),
            ("width", self.width),
            ("heads", self.heads),
            ("expansion", self.expansion),
        ] {
            if value < 1 {
                return Err(Error::usage(format!("{key} = {value} must be at least 1")));
            }
        }
        if self.width % self.heads != 0 {
            return Err(Error::usage(format!(
                "width = {} is not a multiple of heads = {}",
                self.width, self.heads
            )));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::usage(format!("dropout = {} is not in [0, 1)", self.dropout)));
        }
        let inside = self.width.checked_mul(self.expansion).unwrap_or(i64::MAX);
        check::layer("blocks.0.mlp.widen", self.width, inside)?;
        check::layer("blocks.0.attention.query", self.width, self.width)?;
        // No layer overflows, so a block does not.
        let block = self.width * (4 * self.width + 2 * inside);
        check::total("all blocks together", block.checked_mul(self.layers))
    }

    /// Distinct tokens, and tokens of the longest text.
    fn sizes(&self, input: InputShape, task: Task) -> Result<[i64; 2]> {
        let InputShape::Tokens { vocabulary, length } = input else {
            return Err(Error::usage("this model takes text, and the data set holds pictures")
                .hint("choose text:FILE as data set, or a model for pictures"));
        };
        if task != (Task::NextToken { vocabulary }) {
            return Err(Error::usage(
                "this model predicts the next token of a text, and the data set asks for something else",
            )
            .hint("choose text:FILE as data set, or a BERT for texts with classes"));
        }
        check::layer("tokens", vocabulary, self.width)?;
        check::layer("positions", length, self.width)?;
        Ok([vocabulary, length])
    }
}

#[typetag::serde(name = "decoder")]
impl Architecture for Decoder {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        self.validate()?;
        let [vocabulary, length] = self.sizes(input, task)?;
        Ok(Box::new(network::Network::build(self, vocabulary, length, builder)))
    }
}
