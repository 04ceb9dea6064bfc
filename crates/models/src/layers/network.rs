//! The network that layers describe.

use dst_core::{
    Activation, BatchNorm2d, Builder, Conv2d, Convolution, Linear, Operations, PictureNetwork,
    Pooling,
};

use super::plan::{SHORTCUT, Step, Steps};

/// Layers one after the other, and the output layer.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) picture: [i64; 3],
    pub(super) modules: Vec<Module>,
    pub(super) output: Linear,
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let signal = self.modules.iter().fold(pictures, |signal, module| module.apply(o, signal));
        o.linear(&self.output, &o.flatten(&signal))
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

impl Module {
    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, signal: O::Value) -> O::Value {
        match self {
            Self::Linear(linear) => o.linear(linear, &o.flatten(&signal)),
            Self::Conv(conv) => o.conv2d(conv, &signal),
            Self::Norm(norm) => o.batch_norm2d(norm, &signal),
            Self::Relu { in_place: true } => o.relu(signal),
            Self::Relu { in_place: false } => o.activate(Activation::Relu, &signal),
            Self::Gelu => o.activate(Activation::Gelu, &signal),
            Self::Pool { pooling, size } => o.pool2d(*pooling, *size, &signal),
            Self::GlobalPool => o.mean_of_maps(&signal),
            Self::Dropout { rate } => o.dropout(*rate, signal),
            Self::Residual(block) => block.apply(o, signal),
        }
    }
}

impl Block {
    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, input: O::Value) -> O::Value {
        let first = o.share(&input);
        let sum = self.body.iter().fold(first, |signal, module| module.apply(o, signal));
        let around = match &self.shortcut {
            Some((conv, norm)) => o.batch_norm2d(norm, &o.conv2d(conv, &input)),
            None => input,
        };
        match self.body.last() {
            // Neither reads its output again.
            Some(Module::Conv(_) | Module::Norm(_)) => o.add(sum, &around),
            _ => o.sum(&sum, &around),
        }
    }
}
