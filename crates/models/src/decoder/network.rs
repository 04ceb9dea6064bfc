//! The layers of a decoder and how they are joined.

use dst_core::layers::{Embedding, LayerNorm};
use dst_core::tch::{Kind, Tensor};
use dst_core::{Builder, Error, Input, Linear, Model, Pass, Result};

use super::{DEVIATION, Decoder, EPSILON, PrunableLayers};
use crate::projection::{Projection, dropout};

/// Embeddings, blocks and the output layer.
#[derive(Debug)]
pub(super) struct Network {
    tokens: Embedding,
    positions: Embedding,
    blocks: Vec<Block>,
    norm: LayerNorm,
    output: Projection,
    dropout: f64,
}

impl Network {
    pub(super) fn build(
        config: &Decoder,
        vocabulary: i64,
        length: i64,
        builder: &mut Builder<'_>,
    ) -> Self {
        let width = config.width;
        let mut table = |name: &str, count: i64| match config.prunable {
            PrunableLayers::All => builder.prunable_embedding(name, count, width, DEVIATION),
            PrunableLayers::Blocks | PrunableLayers::Linear => {
                builder.embedding(name, count, width, DEVIATION)
            }
        };
        let tokens = table("tokens", vocabulary);
        let positions = table("positions", length);
        let blocks = (0..config.layers)
            .map(|index| Block::build(config, &mut builder.at(&format!("blocks.{index}"))))
            .collect();
        let norm = builder.layer_norm("norm", width, EPSILON);
        let output = match config.prunable {
            PrunableLayers::Blocks => {
                Projection::Dense(builder.dense_linear("output", width, vocabulary, DEVIATION))
            }
            PrunableLayers::Linear | PrunableLayers::All => {
                Projection::Prunable(builder.linear_normal("output", width, vocabulary, DEVIATION))
            }
        };
        Self { tokens, positions, blocks, norm, output, dropout: config.dropout }
    }
}

impl Model for Network {
    /// Logits `[batch, length, vocabulary]`. Padding on the right needs no mask: what comes later
    /// reaches no earlier output.
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let Input::Tokens { ids, .. } = input else {
            return Err(Error::contract("a model for text was given pictures"));
        };
        let longest = self.positions.weight.size()[0];
        let [_, length] = ids.size()[..] else {
            return Err(Error::contract(format!(
                "token ids [batch, length] have size {:?}",
                ids.size()
            )));
        };
        if !(1..=longest).contains(&length) {
            return Err(Error::contract(format!(
                "texts of {length} tokens were given, and 1 to {longest} are taken"
            )));
        }
        let places = Tensor::arange(length, (Kind::Int64, ids.device()));
        let sum = self.tokens.forward(ids) + self.positions.forward(&places);
        let mut signal = dropout(sum, self.dropout, pass);
        for block in &self.blocks {
            signal = block.forward(&signal, pass)?;
        }
        Ok(self.output.forward(&self.norm.forward(&signal), pass))
    }
}

/// Attention and feed-forward network, each behind a norm and added to what came in.
#[derive(Debug)]
struct Block {
    attention_norm: LayerNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    mlp_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    heads: i64,
    dropout: f64,
}

impl Block {
    fn build(config: &Decoder, builder: &mut Builder<'_>) -> Self {
        let (width, inside) = (config.width, config.width * config.expansion);
        // So that the sum of all blocks varies as much as the embeddings do, however many there are.
        let residual = DEVIATION / (2.0 * config.layers as f64).sqrt();
        let mut linear = |name: &str, inputs: i64, outputs: i64, deviation: f64| {
            builder.linear_normal(name, inputs, outputs, deviation)
        };
        let query = linear("attention.query", width, width, DEVIATION);
        let key = linear("attention.key", width, width, DEVIATION);
        let value = linear("attention.value", width, width, DEVIATION);
        let attended = linear("attention.output", width, width, residual);
        let widen = linear("mlp.widen", width, inside, DEVIATION);
        let narrow = linear("mlp.narrow", inside, width, residual);
        // Attention mixes positions and keeps the channels of values apart.
        builder.chain(&["attention.value", "attention.output"]);
        builder.chain(&["mlp.widen", "mlp.narrow"]);
        Self {
            attention_norm: builder.layer_norm("attention.norm", width, EPSILON),
            query,
            key,
            value,
            attended,
            mlp_norm: builder.layer_norm("mlp.norm", width, EPSILON),
            widen,
            narrow,
            heads: config.heads,
            dropout: config.dropout,
        }
    }

    fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let [batch, length, width] = input.size3()?.into();
        let heads = |signal: Tensor| {
            signal.view([batch, length, self.heads, width / self.heads]).transpose(1, 2)
        };
        let normalised = self.attention_norm.forward(input);
        let attention = Tensor::f_scaled_dot_product_attention::<Tensor>(
            &heads(self.query.forward(&normalised, pass)),
            &heads(self.key.forward(&normalised, pass)),
            &heads(self.value.forward(&normalised, pass)),
            None,
            if pass.training { self.dropout } else { 0.0 },
            true,
            None,
            false,
        )?;
        let joined = attention.transpose(1, 2).reshape([batch, length, width]);
        let signal = input + dropout(self.attended.forward(&joined, pass), self.dropout, pass);
        let normalised = self.mlp_norm.forward(&signal);
        let wide = self.widen.forward(&normalised, pass).gelu("none");
        Ok(&signal + dropout(self.narrow.forward(&wide, pass), self.dropout, pass))
    }
}
