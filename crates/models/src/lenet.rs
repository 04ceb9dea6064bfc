//! LeNet-5.

use dst_core::plugin::ModelPlugin;
use dst_core::{
    Architecture, Builder, Conv2d, Error, InputShape, Linear, Model, Operations, PictureModel,
    PictureNetwork, Result, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;

/// The smallest height and width that leave a pixel after both convolutions and poolings.
const SMALLEST: i64 = 12;

/// The function between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// max(0, x).
    #[default]
    Relu,
    /// The hyperbolic tangent, which the paper uses in a scaled form.
    Tanh,
}

/// How 2 × 2 pixels become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The largest of the four.
    #[default]
    Max,
    /// Their mean, close to the paper's subsampling but without its trainable scale and bias.
    Average,
}

/// LeNet-5 (LeCun et al. 1998, section II.B) in the form with 61,706 parameters.
///
/// `conv1` 1 → 6 and `conv2` 6 → 16 with 5 × 5 kernels, `fc1` 400 → 120, `fc2` 120 → 84, `fc3`
/// 84 → 10. Unlike the paper's, it pads 28 × 28 pictures by 2 inside `conv1` instead of being
/// given 32 × 32, connects every map of `conv1` with every map of `conv2`, ends in plain logits,
/// and has ReLU and max pooling unless told otherwise. Inputs of `conv1` and `fc1` and outputs of
/// `fc3` follow the data set; pictures must be at least 12 × 12.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeNet5 {
    /// The function after every layer but the last: `relu` or `tanh`.
    pub activation: Activation,
    /// How 2 × 2 pixels become one after each convolution: `max` or `average`.
    pub pooling: Pooling,
}

inventory::submit! {
    ModelPlugin {
        name: "lenet5",
        title: "LeNet-5",
        paper: "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition",
        summary: "Two 5 × 5 convolutions and three fully connected layers, 61,706 parameters on MNIST.",
        default: || Box::new(LeNet5::default()),
        schema: || schemars::schema_for!(LeNet5),
    }
}

#[typetag::serde(name = "lenet5")]
impl Architecture for LeNet5 {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let picture = check::picture(input)?;
        let [channels, height, width] = picture;
        if height < SMALLEST || width < SMALLEST {
            return Err(Error::usage(format!(
                "pictures of {height} × {width} pixels are too small, at least \
                 {SMALLEST} × {SMALLEST} are needed"
            ))
            .hint("choose the model 'mlp', which takes any size"));
        }
        let pixels = |side: i64| (side / 2 - 4) / 2;
        let flat = 16 * pixels(height) * pixels(width);
        let outputs = check::outputs(task)?;
        check::layer("conv1", channels.saturating_mul(25), 6)?;
        check::layer("fc1", flat, 120)?;
        check::layer("fc3", 84, outputs)?;
        let network = Network {
            picture,
            conv1: builder.conv2d("conv1", picture[0], 6, 5, 2),
            conv2: builder.conv2d("conv2", 6, 16, 5, 0),
            fc1: builder.linear("fc1", flat, 120),
            fc2: builder.linear("fc2", 120, 84),
            fc3: builder.linear("fc3", 84, outputs),
            config: self.clone(),
        };
        builder.chain(&["conv1", "conv2", "fc1", "fc2", "fc3"]);
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
    fc3: Linear,
    config: LeNet5,
}

impl Network {
    fn activate<'m, O: Operations<'m>>(&self, operations: &O, signal: &O::Value) -> O::Value {
        let activation = match self.config.activation {
            Activation::Relu => dst_core::Activation::Relu,
            Activation::Tanh => dst_core::Activation::Tanh,
        };
        operations.activate(activation, signal)
    }

    fn activate_and_pool<'m, O: Operations<'m>>(&self, o: &O, signal: &O::Value) -> O::Value {
        match self.config.pooling {
            // Both activations grow with their argument, so the largest value may be found
            // first: the same numbers with a quarter of the activations, and without libtorch's
            // pooling having to tell apart the many zeros that ReLU leaves in a sparse network.
            Pooling::Max => self.activate(o, &o.pool2d(dst_core::Pooling::Max, 2, signal)),
            Pooling::Average => o.pool2d(dst_core::Pooling::Average, 2, &self.activate(o, signal)),
        }
    }
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let maps = self.activate_and_pool(o, &o.conv2d(&self.conv1, &pictures));
        let maps = self.activate_and_pool(o, &o.conv2d(&self.conv2, &maps));
        let features = self.activate(o, &o.linear(&self.fc1, &o.flatten(&maps)));
        let features = self.activate(o, &o.linear(&self.fc2, &features));
        o.linear(&self.fc3, &features)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{MNIST, build, noise, tokens};
    use dst_core::tch::{Device, Kind, Tensor};
    use dst_core::{Distribution, Input, Pass, SeedStreams, Topology, flops, plugin};
    use serde_json::{Map, json};

    #[test]
    fn it_has_61_706_parameters() {
        let (_, parameters) = build(&LeNet5::default(), MNIST).unwrap();
        assert_eq!(parameters.count(), 61_706);
        let weights: Vec<(&str, Vec<i64>)> =
            parameters.prunable().map(|(name, weight)| (name, weight.shape())).collect();
        assert_eq!(
            weights,
            [
                ("conv1.weight", vec![6, 1, 5, 5]),
                ("conv2.weight", vec![16, 6, 5, 5]),
                ("fc1.weight", vec![120, 400]),
                ("fc2.weight", vec![84, 120]),
                ("fc3.weight", vec![10, 84]),
            ]
        );
        assert!(parameters.iter().any(|(name, _)| name == "conv1.bias"));
    }

    /// 2 · (150 · 784 + 2400 · 100 + 48,000 + 10,080 + 840) = 2 · 416,520.
    #[test]
    fn one_forward_pass_measures_833_040_operations() {
        let (model, parameters) = build(&LeNet5::default(), MNIST).unwrap();
        let logits = model.forward(&noise([2, 1, 28, 28]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [2, 10]);
        let positions: Vec<u64> =
            parameters.prunable().map(|(_, weight)| weight.positions()).collect();
        assert_eq!(positions, [784, 100, 1, 1, 1]);
        let topology = Topology::new(&parameters, 1.0, &SeedStreams::new(0)).unwrap();
        assert_eq!(flops::inference(&topology), 833_040.0);
    }

    /// What is left of each layer by Erdős–Rényi-Kernel, solved by hand: at 80 % ε is 14.9524 and
    /// both ends are dense, at 90 % it is 7.0900 and none is. Uniformly it is the density itself.
    #[test]
    fn sparse_lenet_5_needs_known_shares_of_operations() {
        let (model, parameters) = build(&LeNet5::default(), MNIST).unwrap();
        let _ = model.forward(&noise([1, 1, 28, 28]), &Pass::EVALUATION).unwrap();
        let share = |density: f64, distribution| {
            let streams = SeedStreams::new(0);
            let mut topology = Topology::new(&parameters, density, &streams).unwrap();
            topology.allocate(distribution).unwrap();
            topology.activate_random().unwrap();
            let counts: Vec<usize> =
                topology.layers().iter().map(|layer| layer.active_count()).collect();
            (counts, flops::inference(&topology) / 833_040.0)
        };
        for (density, expected, operations) in [
            (0.2, [150, 479, 7775, 3050, 840], 177_165.0),
            (0.1, [121, 227, 3687, 1446, 666], 123_363.0),
        ] {
            let (counts, found) = share(density, Distribution::Erk);
            assert_eq!(counts, expected);
            assert!((found - operations / 416_520.0).abs() < 1e-12, "{found}");
            let (_, uniform) = share(density, Distribution::Uniform);
            assert!((uniform - density).abs() < 1e-3, "{uniform}");
        }
    }

    #[test]
    fn other_pictures_change_the_ends_only() {
        let cifar = InputShape::Image { channels: 3, height: 32, width: 32 };
        let (model, parameters) = build(&LeNet5::default(), cifar).unwrap();
        assert_eq!(parameters.count(), 61_706 + 6 * 2 * 25 + 120 * (16 * 36 - 400));
        let logits = model.forward(&noise([1, 3, 32, 32]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [1, 10]);
    }

    #[test]
    fn the_smallest_picture_is_12_by_12() {
        let picture = |height, width| InputShape::Image { channels: 1, height, width };
        let (model, _) = build(&LeNet5::default(), picture(12, 13)).unwrap();
        let logits = model.forward(&noise([1, 1, 12, 13]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [1, 10]);
        for (height, width) in [(11, 28), (28, 11), (1, 1)] {
            let error = build(&LeNet5::default(), picture(height, width)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "pictures of {height} × {width} pixels are too small, at least 12 × 12 \
                     are needed\n  choose the model 'mlp', which takes any size"
                )
            );
        }
    }

    #[test]
    fn text_and_pictures_of_another_size_are_refused() {
        let text = InputShape::Tokens { vocabulary: 10, length: 5 };
        assert!(build(&LeNet5::default(), text).is_err());
        let (model, _) = build(&LeNet5::default(), MNIST).unwrap();
        assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
        assert!(model.forward(&noise([2, 3, 28, 28]), &Pass::EVALUATION).is_err());
    }

    /// The network as the paper writes it, activation before pooling; gradients must agree too,
    /// though the model takes the largest value before it activates.
    #[test]
    fn every_activation_and_pooling_gives_the_network_of_the_paper() {
        type Function = fn(&Tensor) -> Tensor;
        let activations: [(Activation, Function); 2] =
            [(Activation::Relu, |signal| signal.relu()), (Activation::Tanh, |s| s.tanh())];
        let poolings: [(Pooling, Function); 2] = [
            (Pooling::Max, |signal| signal.max_pool2d_default(2)),
            (Pooling::Average, |signal| {
                let [batch, maps, height, width] = signal.size()[..] else { unreachable!() };
                let windows = signal.reshape([batch, maps, height / 2, 2, width / 2, 2]);
                windows.mean_dim([3i64, 5].as_slice(), false, Kind::Float)
            }),
        ];
        let pictures = Tensor::randn([2, 1, 28, 28], (Kind::Float, Device::Cpu));
        for (activation, activate) in activations {
            for (pooling, pool) in poolings {
                let (model, parameters) = build(&LeNet5 { activation, pooling }, MNIST).unwrap();
                let parameter = |name: &str| {
                    let found = parameters.iter().find(|(known, _)| *known == name);
                    found.unwrap().1.tensor().shallow_clone()
                };
                let convolve = |input: &Tensor, name: &str, padding: i64| {
                    let (weight, bias) =
                        (parameter(&format!("{name}.weight")), parameter(&format!("{name}.bias")));
                    input.conv2d(&weight, Some(&bias), [1, 1], [padding; 2], [1, 1], 1)
                };
                let connect = |input: &Tensor, name: &str| {
                    input.matmul(&parameter(&format!("{name}.weight")).tr())
                        + parameter(&format!("{name}.bias"))
                };
                let maps = pool(&activate(&convolve(&pictures, "conv1", 2)));
                let maps = pool(&activate(&convolve(&maps, "conv2", 0)));
                let features = activate(&connect(&maps.reshape([2, 400]), "fc1"));
                let expected = connect(&activate(&connect(&features, "fc2")), "fc3");
                let input = Input::Image(pictures.shallow_clone());
                let logits = model.forward(&input, &Pass::TRAINING).unwrap();
                assert!(logits.allclose(&expected, 1e-5, 1e-6, false), "{logits} {expected}");

                let gradient = |output: &Tensor| {
                    let weight = [parameter("conv1.weight")];
                    Tensor::run_backward(&[output.square().sum(Kind::Float)], &weight, true, false)
                };
                let (got, want) = (gradient(&logits).remove(0), gradient(&expected).remove(0));
                assert!(got.allclose(&want, 1e-4, 1e-5, false), "{activation:?} {pooling:?}");
            }
        }
    }

    #[test]
    fn the_config_round_trips_and_refuses_unknown_keys() {
        let default = plugin::architecture("lenet5", &Map::new()).unwrap();
        assert_eq!(
            serde_json::to_value(&default).unwrap(),
            json!({ "name": "lenet5", "activation": "relu", "pooling": "max" })
        );
        let parameters = json!({ "pooling": "average" });
        let average = plugin::architecture("lenet5", parameters.as_object().unwrap()).unwrap();
        let text = serde_json::to_string(&average).unwrap();
        let again: Box<dyn Architecture> = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), text);
        let wrong = json!({ "pooling": "median" });
        assert!(plugin::architecture("lenet5", wrong.as_object().unwrap()).is_err());
        let unknown = json!({ "name": "lenet5", "depth": 3 });
        assert!(serde_json::from_value::<Box<dyn Architecture>>(unknown).is_err());
        let name = plugin::architecture("lenet", &Map::new()).unwrap_err().to_string();
        assert!(name.contains("did you mean 'lenet5'? known: "), "{name}");
    }
}
