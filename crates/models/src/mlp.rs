//! The multi-layer perceptron.

use dst_core::plugin::ModelPlugin;
use dst_core::{
    Activation, Architecture, Builder, Error, InputShape, Linear, Model, Operations, PictureModel,
    PictureNetwork, Result, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;

/// A multi-layer perceptron on flattened pictures: linear layers `fc1`, `fc2`, … with ReLU
/// between them.
///
/// The defaults are LeNet-300-100 (LeCun et al. 1998, section III.C.2), with ReLU in place of
/// the paper's tanh, as the literature on pruning has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mlp {
    /// Widths of the hidden layers, from the input on; at least one, each at least 1.
    pub hidden: Vec<i64>,
    /// Share of every hidden layer's outputs that is set to 0 in training, in [0, 1); the others
    /// are scaled up to match.
    pub dropout: f64,
}

impl Default for Mlp {
    fn default() -> Self {
        Self { hidden: vec![300, 100], dropout: 0.0 }
    }
}

inventory::submit! {
    ModelPlugin {
        name: "mlp",
        title: "Multi-layer perceptron",
        paper: "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition",
        summary: "Fully connected layers on flattened pictures; LeNet-300-100 unless sizes are given.",
        default: || Box::new(Mlp::default()),
        schema: || schemars::schema_for!(Mlp),
    }
}

impl Mlp {
    fn validate(&self) -> Result<()> {
        if self.hidden.is_empty() {
            return Err(Error::usage("hidden = [] has no layer")
                .hint("give at least one width, such as hidden = [100]"));
        }
        if let Some(width) = self.hidden.iter().find(|width| **width < 1) {
            return Err(Error::usage(format!(
                "hidden = {:?}: a width of {width} must be at least 1",
                self.hidden
            )));
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::usage(format!("dropout = {} is not in [0, 1)", self.dropout)));
        }
        Ok(())
    }

    /// Widths of all layers, input and output included.
    fn widths(&self, input: InputShape, task: Task) -> Result<Vec<i64>> {
        self.validate()?;
        let [channels, height, width] = check::picture(input)?;
        let mut widths = vec![channels * height * width];
        widths.extend(&self.hidden);
        widths.push(check::outputs(task)?);
        for (index, pair) in widths.windows(2).enumerate() {
            check::layer(&name(index), pair[0], pair[1])?;
        }
        Ok(widths)
    }
}

#[typetag::serde(name = "mlp")]
impl Architecture for Mlp {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let widths = self.widths(input, task)?;
        let layers = widths
            .windows(2)
            .enumerate()
            .map(|(index, pair)| builder.linear(&name(index), pair[0], pair[1]))
            .collect();
        let names: Vec<String> = (0..widths.len() - 1).map(name).collect();
        builder.chain(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let picture = check::picture(input)?;
        Ok(Box::new(PictureModel(Network { picture, layers, dropout: self.dropout })))
    }
}

/// LeNet-300-100, 266,610 parameters on MNIST: [`Mlp`] with its defaults, under the name that
/// papers use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LeNet300 {}

inventory::submit! {
    ModelPlugin {
        name: "lenet-300-100",
        title: "LeNet-300-100",
        paper: "LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition",
        summary: "Fully connected layers of 300 and 100 on flattened pictures, 266,610 parameters on MNIST.",
        default: || Box::new(LeNet300::default()),
        schema: || schemars::schema_for!(LeNet300),
    }
}

#[typetag::serde(name = "lenet-300-100")]
impl Architecture for LeNet300 {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        Mlp::default().build(input, task, builder)
    }
}

fn name(index: usize) -> String {
    format!("fc{}", index + 1)
}

#[derive(Debug)]
struct Network {
    picture: [i64; 3],
    layers: Vec<Linear>,
    dropout: f64,
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let mut signal = o.flatten(&pictures);
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                signal = o.dropout(self.dropout, o.activate(Activation::Relu, &signal));
            }
            signal = o.linear(layer, &signal);
        }
        signal
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{MNIST, build, noise, tokens};
    use dst_core::{Pass, plugin};
    use serde_json::json;

    fn refusal(mlp: &Mlp) -> String {
        build(mlp, MNIST).unwrap_err().to_string()
    }

    #[test]
    fn lenet_300_100_has_266_610_parameters() {
        let (model, parameters) = build(&Mlp::default(), MNIST).unwrap();
        assert_eq!(parameters.count(), 266_610);
        let shapes: Vec<(&str, Vec<i64>)> =
            parameters.iter().map(|(name, parameter)| (name, parameter.tensor().size())).collect();
        assert_eq!(
            shapes,
            [
                ("fc1.bias", vec![300]),
                ("fc1.weight", vec![300, 784]),
                ("fc2.bias", vec![100]),
                ("fc2.weight", vec![100, 300]),
                ("fc3.bias", vec![10]),
                ("fc3.weight", vec![10, 100]),
            ]
        );
        assert_eq!(parameters.prunable().count(), 3);
        let logits = model.forward(&noise([2, 1, 28, 28]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [2, 10]);
        assert!(parameters.prunable().all(|(_, weight)| weight.positions() == 1));
    }

    #[test]
    fn lenet_300_100_is_the_default_perceptron() {
        let named = plugin::architecture("lenet-300-100", &serde_json::Map::new()).unwrap();
        assert_eq!(serde_json::to_value(&named).unwrap(), json!({ "name": "lenet-300-100" }));
        let (_, named) = build(&*named, MNIST).unwrap();
        let (_, default) = build(&Mlp::default(), MNIST).unwrap();
        for ((name, weight), (other, same)) in named.iter().zip(default.iter()) {
            assert_eq!((name, weight.tensor()), (other, same.tensor()));
        }
    }

    #[test]
    fn every_plane_of_a_picture_is_an_input() {
        let input = InputShape::Image { channels: 3, height: 4, width: 5 };
        let (model, parameters) = build(&Mlp { hidden: vec![7], dropout: 0.0 }, input).unwrap();
        assert_eq!(parameters.count(), (60 * 7 + 7) + (7 * 10 + 10));
        let logits = model.forward(&noise([1, 3, 4, 5]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [1, 10]);
    }

    #[test]
    fn dropout_acts_in_training_only() {
        let (model, _) = build(&Mlp { dropout: 0.5, ..Mlp::default() }, MNIST).unwrap();
        let input = noise([4, 1, 28, 28]);
        let logits = |pass| model.forward(&input, &pass).unwrap();
        assert_eq!(logits(Pass::EVALUATION), logits(Pass::EVALUATION));
        assert_ne!(logits(Pass::TRAINING), logits(Pass::TRAINING));
        assert_ne!(logits(Pass::TRAINING), logits(Pass::EVALUATION));
    }

    #[test]
    fn unusable_sizes_are_refused() {
        let with = |hidden: &[i64]| Mlp { hidden: hidden.to_vec(), dropout: 0.0 };
        assert_eq!(
            refusal(&with(&[])),
            "hidden = [] has no layer\n  give at least one width, such as hidden = [100]"
        );
        for (hidden, width) in [([300, 0], "0"), ([-5, 10], "-5")] {
            let error = refusal(&with(&hidden));
            assert!(error.ends_with(&format!("a width of {width} must be at least 1")), "{error}");
        }
        let error = refusal(&with(&[i64::MAX]));
        assert!(error.starts_with("fc1 would have"), "{error}");
    }

    #[test]
    fn dropout_out_of_range_is_refused() {
        for dropout in [1.0, -0.1, f64::NAN] {
            let error = refusal(&Mlp { dropout, ..Mlp::default() });
            assert_eq!(error, format!("dropout = {dropout} is not in [0, 1)"));
        }
    }

    #[test]
    fn text_and_pictures_of_another_size_are_refused() {
        let text = InputShape::Tokens { vocabulary: 10, length: 5 };
        assert!(build(&Mlp::default(), text).is_err());
        let (model, _) = build(&Mlp::default(), MNIST).unwrap();
        assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
        let error = model.forward(&noise([2, 1, 32, 32]), &Pass::EVALUATION).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a model for pictures [batch, 1, 28, 28] was given [2, 1, 32, 32]"
        );
    }

    #[test]
    fn the_config_round_trips_and_refuses_unknown_keys() {
        let parameters = json!({ "hidden": [20], "dropout": 0.25 });
        let mlp = plugin::architecture("mlp", parameters.as_object().unwrap()).unwrap();
        assert_eq!(
            serde_json::to_value(&mlp).unwrap(),
            json!({ "name": "mlp", "hidden": [20], "dropout": 0.25 })
        );
        let unknown = json!({ "hiden": [20] });
        let error = plugin::architecture("mlp", unknown.as_object().unwrap()).unwrap_err();
        assert!(error.to_string().contains("did you mean 'hidden'?"), "{error}");
        let tagged = json!({ "name": "mlp", "width": 3 });
        assert!(serde_json::from_value::<Box<dyn Architecture>>(tagged).is_err());
    }
}
