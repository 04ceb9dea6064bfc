//! The published sizes, each a model of its own.

use dst_core::plugin::ModelPlugin;
use dst_core::{Architecture, Builder, InputShape, Model, Result, Task};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Bert;

/// One size under its name. The parameters are those of [`Bert`]; only the defaults differ.
macro_rules! variant {
    (
        $(#[$documentation:meta])*
        $type:ident, $name:literal, $title:literal, $paper:literal, $summary:literal,
        layers: $layers:literal, hidden: $hidden:literal, heads: $heads:literal
    ) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $type(
            /// Sizes and settings.
            pub Bert,
        );

        impl Default for $type {
            fn default() -> Self {
                Self(Bert::of_size($layers, $hidden, $heads))
            }
        }

        inventory::submit! {
            ModelPlugin {
                name: $name,
                title: $title,
                paper: $paper,
                summary: $summary,
                default: || Box::new($type::default()),
                schema: || schemars::schema_for!($type),
            }
        }

        #[typetag::serde(name = $name)]
        impl Architecture for $type {
            fn build(
                &self,
                input: InputShape,
                task: Task,
                builder: &mut Builder<'_>,
            ) -> Result<Box<dyn Model>> {
                self.0.network(input, task, builder)
            }

            fn weights(&self) -> Result<Option<std::path::PathBuf>> {
                self.0.weights_file().map_err(|error| error.at($name))
            }

            fn published_name(&self, name: &str) -> String {
                Bert::published_name(name)
            }
        }
    };
}

variant! {
    /// BERT-base: 12 layers of 768, 12 heads; 109,482,240 parameters with the pooler.
    BertBase, "bert-base", "BERT-base",
    "Devlin, Chang, Lee, Toutanova 2019, BERT: pre-training of deep bidirectional transformers for language understanding",
    "12 layers of 768, 109,482,240 parameters before the classifier; starts at random unless weights are given.",
    layers: 12, hidden: 768, heads: 12
}

variant! {
    /// BERT-mini: 4 layers of 256, 4 heads; 11,170,560 parameters with the pooler.
    BertMini, "bert-mini", "BERT-mini",
    "Turc, Chang, Lee, Toutanova 2019, Well-read students learn better: on the importance of pre-training compact models",
    "4 layers of 256, 11,170,560 parameters before the classifier; starts at random unless weights are given.",
    layers: 4, hidden: 256, heads: 4
}

variant! {
    /// BERT-tiny: 2 layers of 128, 2 heads; 4,385,920 parameters with the pooler.
    BertTiny, "bert-tiny", "BERT-tiny",
    "Turc, Chang, Lee, Toutanova 2019, Well-read students learn better: on the importance of pre-training compact models",
    "2 layers of 128, 4,385,920 parameters before the classifier; starts at random unless weights are given.",
    layers: 2, hidden: 128, heads: 2
}

variant! {
    /// MiniLM with 6 layers of 384 and 12 heads; 22,713,216 parameters with the pooler.
    MiniLmL6, "minilm-l6", "MiniLM-L6",
    "Wang, Wei, Dong, Bao, Yang, Zhou 2020, MiniLM: deep self-attention distillation for task-agnostic compression of pre-trained transformers",
    "6 layers of 384, 22,713,216 parameters before the classifier; starts at random unless weights are given.",
    layers: 6, hidden: 384, heads: 12
}
