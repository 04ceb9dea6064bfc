//! Networks that users describe layer by layer.

mod layer;
mod network;
mod plan;

pub use layer::Layer;

use dst_core::plugin::{ModelFile, ModelPlugin};
use dst_core::{Architecture, Builder, Error, InputShape, Model, PictureModel, Result, Task};
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::check;
use network::Network;
use plan::{OUTPUT, Shape, Steps, Totals};

/// The longest title, which is part of tables of reports.
const LONGEST_TITLE: usize = 60;

/// A network of your own, described layer by layer in a file: `--models file:net.toml`, with no code.
///
/// ```toml
/// # net.toml
/// layers = [
///     { kind = "conv", outputs = 16 },
///     { kind = "norm" },
///     { kind = "relu" },
///     { kind = "pool" },
///     { kind = "residual", layers = [
///         { kind = "conv", outputs = 32, stride = 2 },
///         { kind = "norm" },
///     ] },
///     { kind = "relu" },
///     { kind = "global-pool" },
///     { kind = "linear", outputs = 64 },
///     { kind = "relu" },
///     { kind = "dropout", rate = 0.1 },
/// ]
/// ```
///
/// The linear layer `output` is added to the end by itself, with an output for each class of the data
/// set, so that one file works on all data sets of images and tables. What a layer takes follows from what
/// comes before it. No activation function is added: `relu` is a layer.
///
/// Linear layers, convolutions and blocks are called by kind and number, such as `conv1`, `linear1`
/// and `residual1.conv1`, unless `name = "…"` gives another name. A convolution that a norm follows has no
/// bias and starts by He's fan-out rule; all others have one and start like those of PyTorch.
///
/// A residual block adds its input to what its layers give. If the shapes differ, a 1 × 1 convolution with
/// a norm is the shortcut, with the stride of the whole body; an activation after the sum is a layer behind
/// the block.
///
/// The network is called by the name of its file, or by `title`. Trials, workers and reports need the file
/// no longer: the layers themselves are part of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Layers {
    /// What people call the network: up to 60 characters. A file that says nothing is called by its name.
    pub title: String,
    /// Its layers, from the input on, at least one; the output layer is added by itself.
    pub layers: Vec<Layer>,
}

impl Default for Layers {
    fn default() -> Self {
        Self { title: "layers".to_owned(), layers: Vec::new() }
    }
}

inventory::submit! {
    ModelPlugin {
        name: "layers",
        title: "Layers of your own",
        paper: "",
        summary: "A network that you describe layer by layer in a file, net.toml: --models file:net.toml.",
        default: || Box::new(Layers::default()),
        schema: || schemars::schema_for!(Layers),
    }
}

inventory::submit! {
    ModelFile { model: "layers" }
}

impl<'de> Deserialize<'de> for Layers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// As it is written. Layers are read by hand, because serde would not say which of them is wrong.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            title: Option<String>,
            layers: Vec<Value>,
        }

        let Written { title, layers } = Written::deserialize(deserializer)?;
        let read = || -> Result<Self> {
            let title = title.unwrap_or_else(|| Self::default().title);
            let read = Self { title, layers: layer::read(layers)? };
            read.validate()?;
            Ok(read)
        };
        read().map_err(D::Error::custom)
    }
}

impl Layers {
    /// What is wrong with it whatever the data set.
    fn validate(&self) -> Result<()> {
        check_title(&self.title)?;
        if self.layers.is_empty() {
            return Err(Error::usage("layers = [] has no layer").hint(
                "write them into a file, such as net.toml, and pass --models file:net.toml; \
                 `harness describe layers` shows one",
            ));
        }
        layer::validate(&self.layers, 0)
    }

    /// The picture that it takes, its layers, and the inputs and outputs of the last one.
    fn plan(&self, input: InputShape, task: Task) -> Result<([i64; 3], Steps, [i64; 2])> {
        self.validate()?;
        let picture = check::picture(input)?;
        let outputs = check::outputs(task)?;
        let mut totals = Totals::new();
        let mut steps = Steps::plan(&self.layers, Shape::Maps(picture), OUTPUT, &mut totals)?;
        let inputs = steps.shape.numbers();
        totals.add(OUTPUT, inputs, outputs)?;
        check::total("the network", totals.weights)?;
        steps.feed(OUTPUT);
        Ok((picture, steps, [inputs, outputs]))
    }
}

#[typetag::serde(name = "layers")]
impl Architecture for Layers {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let (picture, steps, [inputs, outputs]) = self.plan(input, task)?;
        let modules = network::build(&steps, builder);
        let output = builder.linear(OUTPUT, inputs, outputs);
        network::declare_chains(&steps, builder);
        Ok(Box::new(PictureModel(Network { picture, modules, output })))
    }
}

/// Titles stand in tables, in lists that are separated by commas, and in files of TOML.
fn check_title(title: &str) -> Result<()> {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\'' | '\\' | '`');
    let length = title.chars().count();
    let fits = (1..=LONGEST_TITLE).contains(&length) && title.trim() == title;
    if fits && title.chars().all(is_plain) {
        return Ok(());
    }
    Err(Error::usage(format!("title = {title:?} is no title")).hint(format!(
        "a title has 1 to {LONGEST_TITLE} characters, no quotes, and no space at its ends; write for \
         example title = \"my net\""
    )))
}

#[cfg(test)]
mod tests;
