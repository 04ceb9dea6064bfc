//! The layers of BERT and how they are joined.

use dst_core::layers::{Embedding, LayerNorm};
use dst_core::tch::{Kind, Tensor};
use dst_core::{Builder, Error, Input, Linear, Model, Pass, Result};

use super::{Bert, BertActivation, PrunableWeights};
use crate::projection::{Projection, dropout};

/// An encoder and the classifier on its pooled first token.
#[derive(Debug)]
pub(super) struct Network {
    words: Embedding,
    positions: Embedding,
    segments: Embedding,
    norm: LayerNorm,
    blocks: Vec<Block>,
    pooler: Projection,
    classifier: Projection,
    dropout: f64,
    /// What trained weights it was built from, in words.
    pub(super) origin: Option<String>,
    /// What is unlike what one expects of them.
    pub(super) caution: Option<String>,
}

impl Network {
    pub(super) fn build(config: &Bert, outputs: i64, builder: &mut Builder<'_>) -> Self {
        let Bert { hidden_size: hidden, initializer_range: deviation, .. } = *config;
        let mut at = builder.at("embeddings");
        let mut table = |name: &str, count: i64| match config.prunable {
            PrunableWeights::All => at.prunable_embedding(name, count, hidden, deviation),
            PrunableWeights::Encoder | PrunableWeights::Linear => {
                at.embedding(name, count, hidden, deviation)
            }
        };
        let words = table("word_embeddings", config.vocab_size);
        let positions = table("position_embeddings", config.max_position_embeddings);
        let segments = table("token_type_embeddings", config.type_vocab_size);
        let norm = at.layer_norm("LayerNorm", hidden, config.layer_norm_eps);
        let blocks = (0..config.num_hidden_layers)
            .map(|index| Block::build(config, &mut builder.at(&format!("encoder.layer.{index}"))))
            .collect();
        let mut projection = |name: &str, outputs: i64| match config.prunable {
            PrunableWeights::Encoder => {
                Projection::Dense(builder.dense_linear(name, hidden, outputs, deviation))
            }
            PrunableWeights::Linear | PrunableWeights::All => {
                Projection::Prunable(builder.linear_normal(name, hidden, outputs, deviation))
            }
        };
        Self {
            words,
            positions,
            segments,
            norm,
            blocks,
            pooler: projection("pooler.dense", hidden),
            classifier: projection("classifier", outputs),
            dropout: config.hidden_dropout_prob,
            origin: None,
            caution: None,
        }
    }

    /// The encoder's output, `[batch, length, hidden]`. Vectors of absent tokens mean nothing.
    pub(super) fn hidden(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let Input::Tokens { ids, segments, present } = input else {
            return Err(Error::contract("a model for text was given pictures"));
        };
        let size = ids.size();
        let longest = self.positions.weight.size()[0];
        let [batch, length] = size[..] else {
            return Err(Error::contract(format!("token ids [batch, length] have size {size:?}")));
        };
        if length > longest || segments.size() != size || present.size() != size {
            return Err(Error::contract(format!(
                "ids {size:?}, segments {:?} and padding mask {:?} are not all \
                 [batch, length ≤ {longest}]",
                segments.size(),
                present.size()
            )));
        }
        let places = Tensor::arange(length, (Kind::Int64, ids.device()));
        let sum = self.words.forward(ids)
            + self.segments.forward(segments)
            + self.positions.forward(&places);
        let mut signal = dropout(self.norm.forward(&sum), self.dropout, pass);
        // One mask of 0 and −∞ for all blocks; libtorch would make it of a Bool mask in each.
        let mask = Tensor::zeros([batch, 1, 1, length], (Kind::Float, ids.device()))
            .f_masked_fill(&present.logical_not().view([batch, 1, 1, length]), f64::NEG_INFINITY)?;
        for block in &self.blocks {
            signal = block.forward(&signal, &mask, pass)?;
        }
        Ok(signal)
    }

    /// The pooled first token, `[batch, hidden]`.
    pub(super) fn pooled(&self, hidden: &Tensor, pass: &Pass<'_>) -> Tensor {
        self.pooler.forward(&hidden.select(1, 0), pass).tanh()
    }
}

impl Model for Network {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let pooled = self.pooled(&self.hidden(input, pass)?, pass);
        Ok(self.classifier.forward(&dropout(pooled, self.dropout, pass), pass))
    }

    fn origin(&self) -> Option<&str> {
        self.origin.as_deref()
    }

    fn caution(&self) -> Option<&str> {
        self.caution.as_deref()
    }
}

/// Attention and feed-forward network, each with its residual sum and norm.
#[derive(Debug)]
struct Block {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attended_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    output_norm: LayerNorm,
    heads: i64,
    activation: BertActivation,
    dropout: f64,
    attention_dropout: f64,
}

impl Block {
    fn build(config: &Bert, builder: &mut Builder<'_>) -> Self {
        let (hidden, inside) = (config.hidden_size, config.intermediate_size);
        let mut linear = |name: &str, inputs: i64, outputs: i64| {
            builder.linear_normal(name, inputs, outputs, config.initializer_range)
        };
        let query = linear("attention.self.query", hidden, hidden);
        let key = linear("attention.self.key", hidden, hidden);
        let value = linear("attention.self.value", hidden, hidden);
        let attended = linear("attention.output.dense", hidden, hidden);
        let widen = linear("intermediate.dense", hidden, inside);
        let narrow = linear("output.dense", inside, hidden);
        // Attention mixes positions and keeps the channels of values apart.
        builder.chain(&["attention.self.value", "attention.output.dense"]);
        builder.chain(&["intermediate.dense", "output.dense"]);
        let epsilon = config.layer_norm_eps;
        Self {
            query,
            key,
            value,
            attended,
            attended_norm: builder.layer_norm("attention.output.LayerNorm", hidden, epsilon),
            widen,
            narrow,
            output_norm: builder.layer_norm("output.LayerNorm", hidden, epsilon),
            heads: config.num_attention_heads,
            activation: config.hidden_act,
            dropout: config.hidden_dropout_prob,
            attention_dropout: config.attention_probs_dropout_prob,
        }
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, pass: &Pass<'_>) -> Result<Tensor> {
        let [batch, length, hidden] = input.size3()?.into();
        let heads = |signal: Tensor| {
            signal.view([batch, length, self.heads, hidden / self.heads]).transpose(1, 2)
        };
        let attention = Tensor::f_scaled_dot_product_attention(
            &heads(self.query.forward(input, pass)),
            &heads(self.key.forward(input, pass)),
            &heads(self.value.forward(input, pass)),
            Some(mask),
            if pass.training { self.attention_dropout } else { 0.0 },
            false,
            None,
            false,
        )?;
        let joined = attention.transpose(1, 2).reshape([batch, length, hidden]);
        let attended = dropout(self.attended.forward(&joined, pass), self.dropout, pass);
        let signal = self.attended_norm.forward(&(attended + input));
        let wide = self.activation.forward(&self.widen.forward(&signal, pass));
        let output = dropout(self.narrow.forward(&wide, pass), self.dropout, pass);
        Ok(self.output_norm.forward(&(output + signal)))
    }
}
