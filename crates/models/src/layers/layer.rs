//! The layers of a file: what there is, how they are read, and what is wrong with them whatever the data.

use dst_core::{Error, Result};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::lenet::Pooling;

/// Blocks and repetitions inside one another. Nobody's network has as many.
const DEEPEST: usize = 8;

/// The longest name of a layer, which is part of a column of `layers.csv`.
const LONGEST_NAME: usize = 64;

/// One layer, told by its `kind`. `name` is the layer's part of the names of its parameters; without it, a
/// layer is called by its kind and number, such as `conv1`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Layer {
    /// Every input with every output: `outputs`. Maps are flattened first.
    Linear {
        /// At least 1.
        outputs: i64,
        /// Its name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A convolution: `outputs`, `kernel` (3), `stride` (1), `padding` (half the kernel).
    Conv {
        /// Maps that it gives, at least 1.
        outputs: i64,
        /// Rows and columns of its kernel, at least 1.
        kernel: i64,
        /// In both directions, at least 1.
        stride: i64,
        /// Zeros added on every side, fewer than the kernel has rows.
        padding: i64,
        /// Its name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Batch normalisation of every map, or of every number behind a linear layer.
    Norm {
        /// Its name.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// max(0, x).
    Relu,
    /// x · Φ(x), with the distribution function Φ of the standard normal distribution.
    Gelu,
    /// Windows of `size` (2) rows and columns become one pixel: `pooling` ("max") or "average".
    Pool {
        /// What becomes of the pixels of a window.
        pooling: Pooling,
        /// Rows and columns of a window, at least 1.
        size: i64,
    },
    /// The mean of every map.
    GlobalPool,
    /// Sets a share of all numbers to 0 in training, `rate` in [0, 1), and scales the others up.
    Dropout {
        /// In [0, 1).
        rate: f64,
    },
    /// Its `layers`, and a shortcut around them that is added to what they give.
    Residual {
        /// The layers of its body.
        layers: Vec<Layer>,
        /// Its name, before those of the layers in it.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Its `layers`, `times` in a row, each time with weights of their own.
    Repeat {
        /// At least 1.
        times: i64,
        /// What is repeated.
        layers: Vec<Layer>,
    },
}

/// All kinds.
pub(super) const KINDS: [&str; 10] = [
    "conv",
    "dropout",
    "gelu",
    "global-pool",
    "linear",
    "norm",
    "pool",
    "relu",
    "repeat",
    "residual",
];

impl Layer {
    /// As in a file.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Conv { .. } => "conv",
            Self::Norm { .. } => "norm",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Pool { .. } => "pool",
            Self::GlobalPool => "global-pool",
            Self::Dropout { .. } => "dropout",
            Self::Residual { .. } => "residual",
            Self::Repeat { .. } => "repeat",
        }
    }

    /// Where it is, such as `layers[3] (pool)`.
    pub(super) fn place(&self, index: usize) -> String {
        place(index, self.kind())
    }

    /// What is wrong with it whatever its input is.
    fn validate(&self, depth: usize) -> Result<()> {
        match self {
            Self::Linear { outputs, name } => {
                at_least_one("outputs", *outputs)?;
                check_name(name.as_deref())
            }
            Self::Conv { outputs, kernel, stride, padding, name } => {
                at_least_one("outputs", *outputs)?;
                at_least_one("kernel", *kernel)?;
                at_least_one("stride", *stride)?;
                if !(0..*kernel).contains(padding) {
                    return Err(Error::usage(format!(
                        "padding = {padding} is not in [0, {kernel}): windows of zeros only would say \
                         nothing"
                    ))
                    .hint("leave it out for half the kernel, which keeps the size at stride 1"));
                }
                check_name(name.as_deref())
            }
            Self::Norm { name } => check_name(name.as_deref()),
            Self::Relu | Self::Gelu | Self::GlobalPool => Ok(()),
            Self::Pool { size, .. } => at_least_one("size", *size),
            Self::Dropout { rate } if (0.0..1.0).contains(rate) => Ok(()),
            Self::Dropout { rate } => Err(Error::usage(format!("rate = {rate} is not in [0, 1)"))
                .hint("it is the share of numbers that are set to 0, such as rate = 0.1")),
            Self::Residual { layers, name } => {
                check_name(name.as_deref())?;
                validate(layers, depth + 1)
            }
            Self::Repeat { times, layers } => {
                at_least_one("times", *times)?;
                validate(layers, depth + 1)
            }
        }
    }
}

/// What is wrong with a list of layers whatever its input is.
///
/// # Errors
/// If it is empty or too deep, or a layer has an impossible size; the error says which one.
pub(super) fn validate(layers: &[Layer], depth: usize) -> Result<()> {
    if layers.is_empty() {
        return Err(Error::usage("layers = [] has no layer")
            .hint("give at least one, such as { kind = \"linear\", outputs = 100 }"));
    }
    if depth > DEEPEST {
        return Err(Error::usage(format!("blocks are nested more than {DEEPEST} deep"))
            .hint("write the layers one after the other"));
    }
    layers.iter().enumerate().try_for_each(|(index, layer)| {
        layer.validate(depth).map_err(|error| error.at(layer.place(index)))
    })
}

fn at_least_one(key: &str, value: i64) -> Result<()> {
    match value {
        1.. => Ok(()),
        _ => Err(Error::usage(format!("{key} = {value} must be at least 1"))),
    }
}

fn check_name(name: Option<&str>) -> Result<()> {
    let Some(name) = name else { return Ok(()) };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(is_plain) {
        return Err(Error::usage(format!("name = \"{name}\" is no name for a layer")).hint(
            format!(
                "use up to {LONGEST_NAME} letters, digits, dashes and underscores, such as \"stem\""
            ),
        ));
    }
    Ok(())
}

fn place(index: usize, kind: &str) -> String {
    format!("layers[{index}] ({kind})")
}

/// Reads layers one by one, so that an error says in which of them it is, what is known there, and what
/// is near.
///
/// # Errors
/// If a kind or a key is unknown, or missing, or a value is of another type.
pub(super) fn read(layers: Vec<Value>) -> Result<Vec<Layer>> {
    layers.into_iter().enumerate().map(|(index, value)| read_one(index, value)).collect()
}

fn read_one(index: usize, value: Value) -> Result<Layer> {
    let nowhere = || format!("layers[{index}]");
    let Value::Object(mut given) = value else {
        return Err(Error::usage(format!("{value} is no table"))
            .hint("write a layer as a table, such as { kind = \"relu\" }")
            .at(nowhere()));
    };
    let kind = match given.remove("kind") {
        Some(Value::String(kind)) => kind,
        Some(other) => {
            return Err(Error::usage(format!("kind = {other} is no text")).at(nowhere()));
        }
        None => {
            return Err(Error::usage("the layer has no kind")
                .hint(format!("known: {}", KINDS.join(", ")))
                .at(nowhere()));
        }
    };
    if !KINDS.contains(&&*kind) {
        return Err(Error::unknown("kind", &kind, KINDS).at(nowhere()));
    }
    Keys { given, asked: Vec::new(), error: None }
        .layer(&kind)
        .map_err(|error| error.at(place(index, &kind)))
}

/// The keys of one layer. Each is taken out, so that what is left is unknown.
struct Keys {
    given: Map<String, Value>,
    asked: Vec<&'static str>,
    /// The first thing that is wrong with a key that is known.
    error: Option<Error>,
}

impl Keys {
    fn layer(mut self, kind: &str) -> Result<Layer> {
        let layer = match kind {
            "linear" => Layer::Linear { outputs: self.whole("outputs", None), name: self.name() },
            "conv" => {
                let outputs = self.whole("outputs", None);
                let kernel = self.whole("kernel", Some(3));
                let stride = self.whole("stride", Some(1));
                let padding = self.whole("padding", Some(kernel / 2));
                Layer::Conv { outputs, kernel, stride, padding, name: self.name() }
            }
            "norm" => Layer::Norm { name: self.name() },
            "relu" => Layer::Relu,
            "gelu" => Layer::Gelu,
            "pool" => {
                let pooling = self.take("pooling", "\"max\" or \"average\"");
                let size = self.whole("size", Some(2));
                Layer::Pool { pooling: pooling.unwrap_or_default(), size }
            }
            "global-pool" => Layer::GlobalPool,
            "dropout" => {
                let rate = self.take("rate", "a number");
                Layer::Dropout { rate: self.needed("rate", rate, "rate = 0.1") }
            }
            "residual" => Layer::Residual { layers: self.layers(), name: self.name() },
            _ => Layer::Repeat { times: self.whole("times", None), layers: self.layers() },
        };
        // A key that is misspelled is missing too: its name says more.
        if let Some(key) = self.given.keys().next() {
            return Err(match self.asked.is_empty() {
                true => Error::usage(format!("unknown key '{key}'"))
                    .hint("a layer of this kind has no key beside its kind"),
                false => Error::unknown("key", key, self.asked),
            });
        }
        match self.error {
            Some(error) => Err(error),
            None => Ok(layer),
        }
    }

    fn take<T: DeserializeOwned>(&mut self, key: &'static str, what: &str) -> Option<T> {
        self.asked.push(key);
        let value = self.given.remove(key)?;
        let words = || Error::usage(format!("{key} = {value} is not {what}"));
        match T::deserialize(&value) {
            Ok(read) => Some(read),
            Err(_) => {
                self.error.get_or_insert_with(words);
                None
            }
        }
    }

    fn whole(&mut self, key: &'static str, default: Option<i64>) -> i64 {
        let value = self.take(key, "a whole number");
        match default {
            Some(default) => value.unwrap_or(default),
            None => self.needed(key, value, &format!("{key} = 16")),
        }
    }

    fn name(&mut self) -> Option<String> {
        self.take("name", "a text")
    }

    fn layers(&mut self) -> Vec<Layer> {
        let values = self.take("layers", "a list of layers");
        match read(self.needed("layers", values, "layers = [{ kind = \"relu\" }]")) {
            Ok(layers) => layers,
            Err(error) => {
                self.error.get_or_insert(error);
                Vec::new()
            }
        }
    }

    /// The value, or a word that it is missing.
    fn needed<T: Default>(&mut self, key: &str, value: Option<T>, such_as: &str) -> T {
        value.unwrap_or_else(|| {
            self.error.get_or_insert_with(|| {
                Error::usage(format!("{key} is missing"))
                    .hint(format!("write for example {such_as}"))
            });
            T::default()
        })
    }
}
