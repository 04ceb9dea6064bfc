//! The network that layers describe.

use dst_core::layers::{add, mean_of_maps, pool2d, relu};
use dst_core::tch::Tensor;
use dst_core::{
    BatchNorm2d, Builder, Conv2d, Convolution, Input, Linear, Model, Pass, Pooling, Result,
};

use super::plan::{SHORTCUT, Step, Steps};
use crate::check;

/// Layers one after the other, and the output layer.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) picture: [i64; 3],
    pub(super) modules: Vec<Module>,
    pub(super) output: Linear,
}

impl Model for Network {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let pictures = check::pictures(input, self.picture)?;
        let signal = forward(&self.modules, pictures, pass);
        Ok(self.output.forward(&signal.flatten(1, -1), pass))
    }
}

/// A layer with its parameters.
#[derive(Debug)]
pub(super) enum Module {
    Linear(Linear),
    Conv(Conv2d),
    Norm(BatchNorm2d),
    Relu { in_place: bool },
    Gelu,
    Pool { pooling: Pooling, size: i64 },
    GlobalPool,
    Dropout { rate: f64 },
    Residual(Block),
}

/// A body and the way around it.
#[derive(Debug)]
pub(super) struct Block {
    body: Vec<Module>,
    /// The input itself if there is none.
    shortcut: Option<(Conv2d, BatchNorm2d)>,
}

/// Builds the layers of a plan. Which feeds which is said by [`declare_chains`].
pub(super) fn build(steps: &Steps, builder: &mut Builder<'_>) -> Vec<Module> {
    let module = |step: &Step| match step {
        Step::Linear { name, inputs, outputs } => {
            Module::Linear(builder.linear(name, *inputs, *outputs))
        }
        Step::Conv { name, inputs, outputs, options } => {
            Module::Conv(builder.conv2d_with(name, *inputs, *outputs, *options))
        }
        Step::Norm { name, channels } => Module::Norm(builder.batch_norm(name, *channels)),
        Step::Relu { in_place } => Module::Relu { in_place: *in_place },
        Step::Gelu => Module::Gelu,
        Step::Pool { pooling, size } => Module::Pool { pooling: *pooling, size: *size },
        Step::GlobalPool => Module::GlobalPool,
        Step::Dropout { rate } => Module::Dropout { rate: *rate },
        Step::Residual { name, body, shortcut } => {
            let mut builder = builder.at(name);
            let shortcut = shortcut.as_ref().map(|way| {
                let mut builder = builder.at(SHORTCUT);
                let options = Convolution::before_norm(1, way.stride);
                let conv = builder.conv2d_with("conv", way.inputs, way.outputs, options);
                (conv, builder.batch_norm("norm", way.outputs))
            });
            let modules = build(body, &mut builder);
            declare_chains(body, &mut builder);
            Module::Residual(Block { body: modules, shortcut })
        }
    };
    steps.list.iter().map(module).collect()
}

/// Says which of the layers that are built feeds which.
pub(super) fn declare_chains(steps: &Steps, builder: &mut Builder<'_>) {
    for chain in &steps.chains {
        builder.chain(&chain.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

fn forward(modules: &[Module], input: &Tensor, pass: &Pass<'_>) -> Tensor {
    let first = input.shallow_clone();
    modules.iter().fold(first, |signal, module| module.forward(signal, pass))
}

impl Module {
    fn forward(&self, signal: Tensor, pass: &Pass<'_>) -> Tensor {
        match self {
            Self::Linear(linear) => linear.forward(&signal.flatten(1, -1), pass),
            Self::Conv(conv) => conv.forward(&signal, pass),
            Self::Norm(norm) => norm.forward(&signal, pass),
            Self::Relu { in_place: true } => relu(signal),
            Self::Relu { in_place: false } => signal.relu(),
            Self::Gelu => signal.gelu("none"),
            Self::Pool { pooling, size } => pool2d(&signal, *pooling, *size, pass),
            Self::GlobalPool => mean_of_maps(&signal),
            // Without dropout nothing is drawn, so libtorch's generator does not move.
            Self::Dropout { rate } if *rate > 0.0 && pass.training => signal.dropout(*rate, true),
            Self::Dropout { .. } => signal,
            Self::Residual(block) => block.forward(&signal, pass),
        }
    }
}

impl Block {
    fn forward(&self, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let sum = forward(&self.body, input, pass);
        let around = match &self.shortcut {
            Some((conv, norm)) => norm.forward(&conv.forward(input, pass), pass),
            None => input.shallow_clone(),
        };
        match self.body.last() {
            // Neither reads its output again.
            Some(Module::Conv(_) | Module::Norm(_)) => add(sum, &around),
            _ => sum + around,
        }
    }
}
