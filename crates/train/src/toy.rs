//! A tiny data set and tiny networks for tests: deterministic, instant, needing no files.
//!
//! None is registered as a plug-in, so they appear in no list.

use std::fmt::Debug;

use dst_core::{
    Architecture, Batch, Builder, Conv2d, Dataset, Error, Input, InputShape, Linear, Model, Pass,
    Result, SeedStreams, Split, Task,
};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

/// Clouds of points around corners of a cube, one for each class, as pictures of 1 × 4 × 4.
///
/// Coordinate i of class c lies around +1 if `i mod classes = c` and around −1 otherwise, with
/// uniform noise of less than 1 on either side, so the classes are linearly separable.
#[derive(Debug)]
pub struct Blobs {
    classes: i64,
    splits: [(Tensor, Tensor); 3],
    digest: String,
}

const FEATURES: usize = 16;

impl Default for Blobs {
    /// Three classes and 240, 60 and 60 samples.
    fn default() -> Self {
        Self::new(3, [240, 60, 60])
    }
}

impl Blobs {
    /// At most 16 `classes`, with samples for training, validation and test. Samples take their
    /// classes in turn.
    pub fn new(classes: i64, samples: [usize; 3]) -> Self {
        let streams = SeedStreams::new(0);
        let split = |name: &str, count: usize| {
            let mut rng = streams.stream(&format!("blobs/{name}"));
            let mut points = Vec::with_capacity(count * FEATURES);
            let labels: Vec<i64> = (0..count as i64).map(|row| row % classes).collect();
            for label in &labels {
                for feature in 0..FEATURES as i64 {
                    let centre = if feature % classes == *label { 1.0 } else { -1.0 };
                    points.push(centre + rng.random_range(-0.9f32..0.9));
                }
            }
            let points = Tensor::from_slice(&points).reshape([count as i64, 1, 4, 4]);
            (points, Tensor::from_slice(&labels))
        };
        Self {
            classes,
            splits: [
                split("train", samples[0]),
                split("validation", samples[1]),
                split("test", samples[2]),
            ],
            digest: format!("blobs of {classes} classes, {samples:?} samples"),
        }
    }

    fn split(&self, split: Split) -> &(Tensor, Tensor) {
        split.of(self.splits.each_ref())
    }
}

impl Dataset for Blobs {
    fn input(&self) -> InputShape {
        InputShape::Image { channels: 1, height: 4, width: 4 }
    }

    fn task(&self) -> Task {
        Task::Classification { classes: self.classes }
    }

    fn len(&self, split: Split) -> usize {
        self.split(split).1.numel()
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let (points, labels) = self.split(split);
        let rows = Tensor::from_slice(rows);
        Ok(Batch {
            input: Input::Image(points.f_index_select(0, &rows)?.to_device(device)),
            target: labels.f_index_select(0, &rows)?.to_device(device),
        })
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        let clone =
            |(points, labels): &(Tensor, Tensor)| (points.shallow_clone(), labels.shallow_clone());
        let splits = self.splits.each_ref().map(clone);
        Some(Box::new(Self { classes: self.classes, splits, digest: self.digest.clone() }))
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn origin(&self) -> &str {
        "made up by dst_train::toy"
    }
}

/// Two hidden layers with ReLU and dropout over flattened pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TinyMlp {
    /// Width of both hidden layers.
    pub hidden: i64,
    /// Probability in [0, 1) that a hidden value is dropped in training.
    pub dropout: f64,
}

impl Default for TinyMlp {
    fn default() -> Self {
        Self { hidden: 32, dropout: 0.0 }
    }
}

#[typetag::serde(name = "toy-mlp")]
impl Architecture for TinyMlp {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let InputShape::Image { channels, height, width } = input else {
            return Err(Error::usage("the model toy-mlp takes pictures, not tokens"));
        };
        let network = TinyNetwork {
            fc1: builder.linear("fc1", channels * height * width, self.hidden),
            fc2: builder.linear("fc2", self.hidden, self.hidden),
            fc3: builder.linear("fc3", self.hidden, task.outputs()),
            dropout: self.dropout,
        };
        builder.chain(&["fc1", "fc2", "fc3"]);
        Ok(Box::new(network))
    }
}

#[derive(Debug)]
struct TinyNetwork {
    fc1: Linear,
    fc2: Linear,
    fc3: Linear,
    dropout: f64,
}

impl Model for TinyNetwork {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let Input::Image(pictures) = input else {
            return Err(Error::usage("the model toy-mlp takes pictures, not tokens"));
        };
        let mut hidden = pictures.f_flatten(1, -1)?;
        for layer in [&self.fc1, &self.fc2] {
            hidden = layer.forward(&hidden, pass).relu().dropout(self.dropout, pass.training);
        }
        Ok(self.fc3.forward(&hidden, pass))
    }
}

/// Two convolutions, whose weights `[out, in, height, width]` are no matrices, and a layer of two
/// weights, of which most shares round to nothing; two linear layers take what they give.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TinyConvNet {
    /// Filters of 3 × 3 of both convolutions.
    pub channels: i64,
    /// Width of the hidden layer.
    pub hidden: i64,
}

impl Default for TinyConvNet {
    /// Under ERK at 75 % sparsity, both convolutions and the hidden layer are sparse.
    fn default() -> Self {
        Self { channels: 8, hidden: 24 }
    }
}

#[typetag::serde(name = "toy-conv")]
impl Architecture for TinyConvNet {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let InputShape::Image { channels, height, width } = input else {
            return Err(Error::usage("the model toy-conv takes images, not tokens"));
        };
        let features = self.channels * (height / 2) * (width / 2) + 2;
        let network = TinyConvolutions {
            conv1: builder.conv2d("conv1", channels, self.channels, 3, 1),
            conv2: builder.conv2d("conv2", self.channels, self.channels, 3, 1),
            tiny: builder.linear("tiny", 1, 2),
            // Called as in `TinyMlp`, so that a config that names these layers fits both networks.
            fc2: builder.linear("fc2", features, self.hidden),
            fc3: builder.linear("fc3", self.hidden, task.outputs()),
        };
        builder.chain(&["conv1", "conv2"]);
        builder.chain(&["fc2", "fc3"]);
        Ok(Box::new(network))
    }
}

#[derive(Debug)]
struct TinyConvolutions {
    conv1: Conv2d,
    conv2: Conv2d,
    tiny: Linear,
    fc2: Linear,
    fc3: Linear,
}

impl Model for TinyConvolutions {
    fn forward(&self, input: &Input, pass: &Pass<'_>) -> Result<Tensor> {
        let Input::Image(images) = input else {
            return Err(Error::usage("the model toy-conv takes images, not tokens"));
        };
        let mut filtered = images.shallow_clone();
        for layer in [&self.conv1, &self.conv2] {
            filtered = layer.forward(&filtered, pass).relu();
        }
        let pooled = filtered.f_max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)?;
        let mean = images.f_mean_dim([1i64, 2, 3].as_slice(), false, images.kind())?;
        let tiny = self.tiny.forward(&mean.f_unsqueeze(1)?, pass);
        let features = Tensor::f_cat(&[pooled.f_flatten(1, -1)?, tiny], 1)?;
        Ok(self.fc3.forward(&self.fc2.forward(&features, pass).relu(), pass))
    }
}
