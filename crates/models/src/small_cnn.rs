//! A small convolutional network for quick runs.

use dst_core::plugin::ModelPlugin;
use dst_core::{
    Architecture, BatchNorm2d, Builder, Conv2d, Convolution, Error, InputShape, Linear, Model,
    Operations, PictureModel, PictureNetwork, Pooling, Result, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;

/// Three poolings halve a picture three times.
const SMALLEST: i64 = 8;

/// Three 3 × 3 convolutions `conv1` to `conv3`, each with norm, ReLU and 2 × 2 max pooling, and
/// a linear layer `fc`: 33,946 parameters on CIFAR-10, for runs of minutes on a CPU.
///
/// It is nobody's published network; its accuracies compare with nothing but each other.
/// Convolutions start by He's fan-out rule and have no bias. Pictures must be at least 8 × 8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SmallCnn {
    /// Channels of the three convolutions, each at least 1.
    pub channels: [i64; 3],
}

impl Default for SmallCnn {
    fn default() -> Self {
        Self { channels: [16, 32, 64] }
    }
}

inventory::submit! {
    ModelPlugin {
        name: "small-cnn",
        title: "Small CNN",
        paper: "",
        summary: "Three convolutions with norms and pooling for quick runs, 33,946 parameters on CIFAR-10.",
        default: || Box::new(SmallCnn::default()),
        schema: || schemars::schema_for!(SmallCnn),
    }
}

impl SmallCnn {
    /// The picture, the inputs of `fc` and its outputs.
    fn plan(&self, input: InputShape, task: Task) -> Result<([i64; 3], i64, i64)> {
        let picture = check::picture(input)?;
        let [planes, height, width] = picture;
        let classes = check::outputs(task)?;
        if height < SMALLEST || width < SMALLEST {
            return Err(Error::usage(format!(
                "pictures of {height} × {width} pixels are too small, at least \
                 {SMALLEST} × {SMALLEST} are needed"
            ))
            .hint("choose the model 'mlp', which takes any size"));
        }
        if let Some(channels) = self.channels.iter().find(|channels| **channels < 1) {
            return Err(Error::usage(format!(
                "channels = {:?}: {channels} must be at least 1",
                self.channels
            )));
        }
        let mut inputs = planes;
        for (index, outputs) in self.channels.into_iter().enumerate() {
            check::layer(&format!("conv{}", index + 1), inputs.saturating_mul(9), outputs)?;
            inputs = outputs;
        }
        let flat = inputs.saturating_mul((height / 8) * (width / 8));
        check::layer("fc", flat, classes)?;
        Ok((picture, flat, classes))
    }
}

#[typetag::serde(name = "small-cnn")]
impl Architecture for SmallCnn {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let (picture, flat, classes) = self.plan(input, task)?;
        let mut inputs = picture[0];
        let (mut convolutions, mut names) = (Vec::new(), Vec::new());
        for (index, outputs) in self.channels.into_iter().enumerate() {
            let (conv, bn) = (format!("conv{}", index + 1), format!("bn{}", index + 1));
            let options = Convolution::before_norm(3, 1);
            convolutions.push((
                builder.conv2d_with(&conv, inputs, outputs, options),
                builder.batch_norm(&bn, outputs),
            ));
            names.push(conv);
            inputs = outputs;
        }
        let fc = builder.linear("fc", flat, classes);
        names.push("fc".to_owned());
        builder.chain(&names.iter().map(String::as_str).collect::<Vec<_>>());
        Ok(Box::new(PictureModel(Network { picture, convolutions, fc })))
    }
}

#[derive(Debug)]
struct Network {
    picture: [i64; 3],
    convolutions: Vec<(Conv2d, BatchNorm2d)>,
    fc: Linear,
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let maps = self.convolutions.iter().fold(pictures, |maps, (conv, bn)| {
            let active = o.relu(o.batch_norm2d(bn, &o.conv2d(conv, &maps)));
            o.pool2d(Pooling::Max, 2, &active)
        });
        o.linear(&self.fc, &o.flatten(&maps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{CIFAR, MNIST, build, noise, tokens};
    use dst_core::{Pass, plugin};
    use serde_json::json;

    #[test]
    fn it_has_33_946_parameters_on_cifar() {
        let (model, parameters) = build(&SmallCnn::default(), CIFAR).unwrap();
        assert_eq!(parameters.count(), 33_946);
        let logits = model.forward(&noise([2, 3, 32, 32]), &Pass::TRAINING).unwrap();
        assert_eq!(logits.size(), [2, 10]);
        let positions: Vec<u64> =
            parameters.prunable().map(|(_, weight)| weight.positions()).collect();
        assert_eq!(positions, [32 * 32, 16 * 16, 8 * 8, 1]);
    }

    #[test]
    fn pictures_may_be_of_other_sizes() {
        let (model, parameters) = build(&SmallCnn::default(), MNIST).unwrap();
        assert_eq!(parameters.count(), 33_946 - 2 * 16 * 9 - 10 * 64 * (16 - 9));
        assert_eq!(
            model.forward(&noise([1, 1, 28, 28]), &Pass::EVALUATION).unwrap().size(),
            [1, 10]
        );
        let smallest = InputShape::Image { channels: 1, height: 8, width: 9 };
        let (model, _) = build(&SmallCnn::default(), smallest).unwrap();
        assert_eq!(model.forward(&noise([1, 1, 8, 9]), &Pass::EVALUATION).unwrap().size(), [1, 10]);
    }

    #[test]
    fn unusable_inputs_and_channels_are_refused() {
        let tiny = InputShape::Image { channels: 3, height: 7, width: 32 };
        let error = build(&SmallCnn::default(), tiny).unwrap_err().to_string();
        assert!(error.starts_with("pictures of 7 × 32 pixels are too small"), "{error}");
        let text = InputShape::Tokens { vocabulary: 10, length: 5 };
        assert!(build(&SmallCnn::default(), text).is_err());
        let (model, _) = build(&SmallCnn::default(), CIFAR).unwrap();
        assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
        let refusal = |channels| build(&SmallCnn { channels }, CIFAR).unwrap_err().to_string();
        assert_eq!(refusal([16, 0, 64]), "channels = [16, 0, 64]: 0 must be at least 1");
        assert!(refusal([16, i64::MAX, 64]).starts_with("conv2 would have"));
    }

    #[test]
    fn the_config_round_trips() {
        let parameters = json!({ "channels": [4, 8, 8] });
        let small = plugin::architecture("small-cnn", parameters.as_object().unwrap()).unwrap();
        assert_eq!(
            serde_json::to_value(&small).unwrap(),
            json!({ "name": "small-cnn", "channels": [4, 8, 8] })
        );
        let wrong = json!({ "channels": [4, 8] });
        assert!(plugin::architecture("small-cnn", wrong.as_object().unwrap()).is_err());
    }
}
