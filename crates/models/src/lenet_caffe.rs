//! The LeNet-5 of Caffe.

use dst_core::plugin::ModelPlugin;
use dst_core::{
    Activation, Architecture, Builder, Conv2d, Error, InputShape, Linear, Model, Operations,
    PictureModel, PictureNetwork, Pooling, Result, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;

/// The smallest height and width that leave a pixel after both convolutions and poolings.
const SMALLEST: i64 = 16;

/// The LeNet-5 that papers on pruning mean, 431,080 parameters: the form that Caffe's MNIST
/// example gave to the network of LeCun et al. 1998.
///
/// `conv1` 1 → 20 and `conv2` 20 → 50 with 5 × 5 kernels and no padding, each with 2 × 2 max
/// pooling, `fc1` 800 → 500, `fc2` 500 → 10. ReLU follows both poolings and `fc1`, as in sparse
/// networks from scratch (Dettmers & Zettlemoyer 2019); Caffe's example has it after `fc1` only.
/// Inputs of `conv1` and `fc1` and outputs of `fc2` follow the data set; pictures must be at
/// least 16 × 16.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeNet5Caffe {}

inventory::submit! {
    ModelPlugin {
        name: "lenet5-caffe",
        title: "LeNet-5 (Caffe)",
        paper: "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition",
        summary: "The LeNet-5 of papers on pruning, 20-50-500-10, 431,080 parameters on MNIST.",
        default: || Box::new(LeNet5Caffe::default()),
        schema: || schemars::schema_for!(LeNet5Caffe),
    }
}

/// The picture, the inputs of `fc1` and the outputs of `fc2`.
fn plan(input: InputShape, task: Task) -> Result<([i64; 3], i64, i64)> {
    let picture = check::picture(input)?;
    let [channels, height, width] = picture;
    if height < SMALLEST || width < SMALLEST {
        return Err(Error::usage(format!(
            "pictures of {height} × {width} pixels are too small, at least \
             {SMALLEST} × {SMALLEST} are needed"
        ))
        .hint("choose the model 'mlp', which takes any size"));
    }
    let pixels = |side: i64| ((side - 4) / 2 - 4) / 2;
    let flat = 50 * pixels(height) * pixels(width);
    let outputs = check::outputs(task)?;
    check::layer("conv1", channels.saturating_mul(25), 20)?;
    check::layer("fc1", flat, 500)?;
    check::layer("fc2", 500, outputs)?;
    Ok((picture, flat, outputs))
}

#[typetag::serde(name = "lenet5-caffe")]
impl Architecture for LeNet5Caffe {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let (picture, flat, outputs) = plan(input, task)?;
        let network = Network {
            picture,
            conv1: builder.conv2d("conv1", picture[0], 20, 5, 0),
            conv2: builder.conv2d("conv2", 20, 50, 5, 0),
            fc1: builder.linear("fc1", flat, 500),
            fc2: builder.linear("fc2", 500, outputs),
        };
        builder.chain(&["conv1", "conv2", "fc1", "fc2"]);
        Ok(Box::new(PictureModel(network)))
    }
}

#[derive(Debug)]
struct Network {
    picture: [i64; 3],
    conv1: Conv2d,
    conv2: Conv2d,
    fc1: Linear,
    fc2: Linear,
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let relu = |signal| o.activate(Activation::Relu, &signal);
        let maps = relu(o.pool2d(Pooling::Max, 2, &o.conv2d(&self.conv1, &pictures)));
        let maps = relu(o.pool2d(Pooling::Max, 2, &o.conv2d(&self.conv2, &maps)));
        let features = relu(o.linear(&self.fc1, &o.flatten(&maps)));
        o.linear(&self.fc2, &features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{CIFAR, MNIST, build, noise, tokens};
    use dst_core::{Pass, SeedStreams, Topology, flops, plugin};
    use serde_json::{Map, json};

    /// 2 · (500 · 576 + 25,000 · 64 + 400,000 + 5,000) operations.
    #[test]
    fn it_has_431_080_parameters() {
        let (model, parameters) = build(&LeNet5Caffe {}, MNIST).unwrap();
        assert_eq!(parameters.count(), 431_080);
        let logits = model.forward(&noise([2, 1, 28, 28]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [2, 10]);
        let topology = Topology::new(&parameters, 1.0, &SeedStreams::new(0)).unwrap();
        assert_eq!(flops::inference(&topology), 2.0 * 2_293_000.0);
        assert_eq!(topology.size(), 430_500);
    }

    #[test]
    fn pictures_may_be_of_other_sizes() {
        let smallest = InputShape::Image { channels: 2, height: 16, width: 17 };
        for (input, size) in [(CIFAR, [1, 3, 32, 32]), (smallest, [1, 2, 16, 17])] {
            let (model, _) = build(&LeNet5Caffe {}, input).unwrap();
            let logits = model.forward(&noise(size), &Pass::EVALUATION).unwrap();
            assert_eq!(logits.size(), [1, 10]);
        }
        let tiny = InputShape::Image { channels: 1, height: 28, width: 15 };
        let error = build(&LeNet5Caffe {}, tiny).unwrap_err().to_string();
        assert!(error.starts_with("pictures of 28 × 15 pixels are too"), "{error}");
    }

    #[test]
    fn text_is_refused() {
        let text = InputShape::Tokens { vocabulary: 10, length: 5 };
        assert!(build(&LeNet5Caffe {}, text).is_err());
        let (model, _) = build(&LeNet5Caffe {}, MNIST).unwrap();
        assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
    }

    #[test]
    fn the_config_has_no_keys() {
        let default = plugin::architecture("lenet5-caffe", &Map::new()).unwrap();
        assert_eq!(serde_json::to_value(&default).unwrap(), json!({ "name": "lenet5-caffe" }));
        let unknown = json!({ "pooling": "max" });
        assert!(plugin::architecture("lenet5-caffe", unknown.as_object().unwrap()).is_err());
    }
}
