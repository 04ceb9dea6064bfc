//! From layers to steps with names and sizes: everything that can be wrong is found here, before a weight
//! is drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dst_core::{Convolution, Error, Pooling, Result, Start};

use super::layer::Layer;
use crate::check;
use crate::lenet;

/// The most layers of a network, those in blocks and repetitions included.
const MOST_LAYERS: usize = 1000;

/// The name of the last layer, which every network has.
pub(super) const OUTPUT: &str = "output";

/// The name of what goes around a block.
pub(super) const SHORTCUT: &str = "shortcut";

/// One sample between two layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// `[channels, height, width]`.
    Maps([i64; 3]),
    /// So many numbers.
    Row(i64),
}

impl Shape {
    /// How many numbers it has.
    pub(super) fn numbers(self) -> i64 {
        match self {
            Self::Maps(sides) => sides.into_iter().fold(1, i64::saturating_mul),
            Self::Row(numbers) => numbers,
        }
    }

    /// What a norm normalises one by one.
    fn channels(self) -> i64 {
        match self {
            Self::Maps([channels, ..]) => channels,
            Self::Row(numbers) => numbers,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maps([channels, height, width]) => {
                write!(f, "{channels} maps of {height} × {width} pixels")
            }
            Self::Row(numbers) => write!(f, "a row of {numbers} numbers"),
        }
    }
}

/// A layer with its name and its sizes.
#[derive(Debug)]
pub(super) enum Step {
    Linear {
        name: String,
        inputs: i64,
        outputs: i64,
    },
    Conv {
        name: String,
        inputs: i64,
        outputs: i64,
        options: Convolution,
    },
    Norm {
        name: String,
        channels: i64,
    },
    /// In place where nothing else reads what comes before it.
    Relu {
        in_place: bool,
    },
    Gelu,
    Pool {
        pooling: Pooling,
        size: i64,
    },
    GlobalPool,
    Dropout {
        rate: f64,
    },
    Residual {
        name: String,
        body: Steps,
        shortcut: Option<Projection>,
    },
}

/// The 1 × 1 convolution of a shortcut.
#[derive(Debug)]
pub(super) struct Projection {
    pub(super) inputs: i64,
    pub(super) outputs: i64,
    pub(super) stride: i64,
}

/// What has been counted of the whole network.
#[derive(Debug)]
pub(super) struct Totals {
    layers: usize,
    /// None if they are more than can be counted.
    pub(super) weights: Option<i64>,
}

impl Totals {
    pub(super) fn new() -> Self {
        Self { layers: 0, weights: Some(0) }
    }

    /// Counts the weights of a layer, which must fit into memory.
    pub(super) fn add(&mut self, name: &str, inputs: i64, outputs: i64) -> Result<()> {
        check::layer(name, inputs, outputs)?;
        self.weights = self.weights.and_then(|sum| sum.checked_add(inputs * outputs));
        Ok(())
    }
}

/// Layers one after the other, those of a network or of a block.
#[derive(Debug)]
pub(super) struct Steps {
    pub(super) list: Vec<Step>,
    /// Names of layers of which each feeds the next one and nothing else.
    pub(super) chains: Vec<Vec<String>>,
    /// What the last one gives.
    pub(super) shape: Shape,
    /// How many pixels of the input lie between two neighbours of the output.
    stride: i64,
    /// How many layers of each kind had a name to get.
    counts: BTreeMap<&'static str, usize>,
    taken: BTreeSet<String>,
    /// The name of what is added by itself.
    reserved: &'static str,
}

impl Steps {
    /// Plans layers for an input of this shape. The name `reserved` is taken.
    ///
    /// # Errors
    /// If a layer cannot take what comes before it, two have one name, or there are too many.
    pub(super) fn plan(
        layers: &[Layer],
        shape: Shape,
        reserved: &'static str,
        totals: &mut Totals,
    ) -> Result<Self> {
        let mut steps = Self {
            list: Vec::new(),
            chains: vec![Vec::new()],
            shape,
            stride: 1,
            counts: BTreeMap::new(),
            taken: BTreeSet::from([reserved.to_owned()]),
            reserved,
        };
        let mut flat = Vec::new();
        flatten(layers, "", &mut flat)?;
        for (index, (place, layer)) in flat.iter().enumerate() {
            let next = flat.get(index + 1).map(|(_, layer)| *layer);
            steps.add(layer, next, totals).map_err(|error| error.at(place.as_str()))?;
        }
        Ok(steps)
    }

    fn add(&mut self, layer: &Layer, next: Option<&Layer>, totals: &mut Totals) -> Result<()> {
        totals.layers += 1;
        if totals.layers > MOST_LAYERS {
            return Err(too_many());
        }
        let step = match layer {
            Layer::Linear { outputs, name } => {
                let name = self.name(layer, name.as_deref())?;
                let (inputs, outputs) = (self.shape.numbers(), *outputs);
                totals.add(&name, inputs, outputs)?;
                self.feed(&name);
                self.shape = Shape::Row(outputs);
                Step::Linear { name, inputs, outputs }
            }
            Layer::Conv { outputs, kernel, stride, padding, name } => {
                let name = self.name(layer, name.as_deref())?;
                let before_norm = matches!(next, Some(Layer::Norm { .. }));
                let (kernel, stride, padding) = (*kernel, *stride, *padding);
                let options = match before_norm {
                    true => Convolution { padding, ..Convolution::before_norm(kernel, stride) },
                    false => {
                        let start = Start::UniformFanIn;
                        Convolution { kernel, stride, padding, bias: true, start }
                    }
                };
                let inputs = self.maps("a convolution")?[0];
                let weights = inputs.saturating_mul(kernel).saturating_mul(kernel);
                totals.add(&name, weights, *outputs)?;
                self.convolve(options, *outputs)?;
                self.feed(&name);
                Step::Conv { name, inputs, outputs: *outputs, options }
            }
            Layer::Norm { name } => {
                let name = self.name(layer, name.as_deref())?;
                Step::Norm { name, channels: self.shape.channels() }
            }
            // A norm does not read its output again, nor does anybody else read the sum of a block.
            Layer::Relu => Step::Relu {
                in_place: matches!(
                    self.list.last(),
                    Some(Step::Norm { .. } | Step::Residual { .. })
                ),
            },
            Layer::Gelu => Step::Gelu,
            Layer::Pool { pooling, size } => {
                self.pool(*size)?;
                let pooling = match pooling {
                    lenet::Pooling::Max => Pooling::Max,
                    lenet::Pooling::Average => Pooling::Average,
                };
                Step::Pool { pooling, size: *size }
            }
            Layer::GlobalPool => {
                let [channels, ..] = self.maps("a pooling of maps")?;
                self.shape = Shape::Row(channels);
                Step::GlobalPool
            }
            Layer::Dropout { rate } => Step::Dropout { rate: *rate },
            Layer::Residual { layers, name } => {
                let name = self.name(layer, name.as_deref())?;
                let body = Self::plan(layers, self.shape, SHORTCUT, totals)?;
                let shortcut = self.shortcut(&body, totals)?;
                self.shape = body.shape;
                self.stride = self.stride.saturating_mul(body.stride);
                // What comes before a block feeds its shortcut too, and what follows is fed by both.
                self.chains.push(Vec::new());
                Step::Residual { name, body, shortcut }
            }
            Layer::Repeat { .. } => unreachable!("repetitions are written out before"),
        };
        self.list.push(step);
        Ok(())
    }

    /// The name of a layer: its own, or its kind and number. Layers count whether they have a name of their
    /// own or not, so that to name one changes no other.
    fn name(&mut self, layer: &Layer, own: Option<&str>) -> Result<String> {
        let count = self.counts.entry(layer.kind()).or_default();
        *count += 1;
        let numbered = match layer {
            Layer::Residual { .. } => format!("block{count}"),
            other => format!("{}{count}", other.kind()),
        };
        let name = own.map_or(numbered, str::to_owned);
        if !self.taken.insert(name.clone()) {
            return Err(Error::usage(match name == self.reserved {
                true => format!("the name '{name}' belongs to a layer that is added by itself"),
                false => format!("two layers are called '{name}'"),
            })
            .hint("choose another name, or leave it out; in a repetition, layers have no names"));
        }
        Ok(name)
    }

    /// The layer of that name is fed by the one before it.
    pub(super) fn feed(&mut self, name: &str) {
        self.chains.last_mut().expect("there is always one").push(name.to_owned());
    }

    fn maps(&self, what: &str) -> Result<[i64; 3]> {
        match self.shape {
            Shape::Maps(maps) => Ok(maps),
            row @ Shape::Row(_) => Err(Error::usage(format!(
                "{what} takes maps, and what comes before it gives {row}"
            ))
            .hint("put it before the first linear or global-pool layer")),
        }
    }

    fn convolve(&mut self, options: Convolution, outputs: i64) -> Result<()> {
        let Convolution { kernel, stride, padding, .. } = options;
        let [_, height, width] = self.maps("a convolution")?;
        let sides = [height, width].map(|side| side.saturating_add(2 * padding));
        if sides.iter().any(|side| *side < kernel) {
            return Err(Error::usage(format!(
                "maps of {height} × {width} pixels, with a padding of {padding}, are smaller than the \
                 kernel of {kernel} × {kernel}"
            ))
            .hint("choose a smaller kernel, more padding, or less pooling and stride before it"));
        }
        let [height, width] = sides.map(|side| (side - kernel) / stride + 1);
        self.shape = Shape::Maps([outputs, height, width]);
        self.stride = self.stride.saturating_mul(stride);
        Ok(())
    }

    fn pool(&mut self, size: i64) -> Result<()> {
        let [channels, height, width] = self.maps("a pooling of maps")?;
        if size > height || size > width {
            return Err(Error::usage(format!(
                "maps of {height} × {width} pixels are smaller than the window of {size} × {size}"
            ))
            .hint("leave this layer out, or pool and stride less before it"));
        }
        self.shape = Shape::Maps([channels, height / size, width / size]);
        self.stride = self.stride.saturating_mul(size);
        Ok(())
    }

    /// What goes around a body from here on: nothing if shapes agree, else a convolution.
    fn shortcut(&self, body: &Self, totals: &mut Totals) -> Result<Option<Projection>> {
        let (from, to, stride) = (self.shape, body.shape, body.stride);
        if from == to {
            return Ok(None);
        }
        let apart = || {
            Error::usage(format!("its body turns {from} into {to}, which cannot be added to them"))
        };
        let (Shape::Maps([inputs, height, width]), Shape::Maps([outputs, ..])) = (from, to) else {
            return Err(apart().hint(match from {
                Shape::Maps(_) => "put linear and global-pool layers behind the block".to_owned(),
                Shape::Row(numbers) => format!("let its last linear layer have {numbers} outputs"),
            }));
        };
        let [rows, columns] = [height, width].map(|side| (side - 1) / stride + 1);
        if to != Shape::Maps([outputs, rows, columns]) {
            return Err(apart().hint(format!(
                "a shortcut of the body's stride, {stride}, gives {rows} × {columns} pixels: use odd \
                 kernels with the padding that is the default, and pool sides that can be divided"
            )));
        }
        totals.add(SHORTCUT, inputs, outputs)?;
        Ok(Some(Projection { inputs, outputs, stride }))
    }
}

/// Writes repetitions out, each layer with its place.
fn flatten<'a>(
    layers: &'a [Layer],
    above: &str,
    flat: &mut Vec<(String, &'a Layer)>,
) -> Result<()> {
    for (index, layer) in layers.iter().enumerate() {
        let place = format!("{above}{}", layer.place(index));
        if flat.len() >= MOST_LAYERS {
            return Err(too_many().at(place));
        }
        match layer {
            Layer::Repeat { times, layers } => {
                for _ in 0..*times {
                    flatten(layers, &format!("{place}: "), flat)?;
                }
            }
            _ => flat.push((place, layer)),
        }
    }
    Ok(())
}

fn too_many() -> Error {
    Error::usage(format!("the network has more than {MOST_LAYERS} layers"))
        .hint("repeat fewer layers, or fewer times")
}
