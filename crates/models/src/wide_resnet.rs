//! Wide residual networks.

use dst_core::plugin::ModelPlugin;
use dst_core::{
    Architecture, BatchNorm2d, Builder, Conv2d, Convolution, Error, InputShape, Linear, Model,
    Operations, PictureModel, PictureNetwork, Result, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;

/// Blocks of each group: a depth of 22 is 4 + 6 · 3.
const BLOCKS: usize = 3;

/// Channels of the three groups: 16, 32 and 64, widened by 2.
const GROUPS: [i64; 3] = [32, 64, 128];

/// WRN-22-2 (Zagoruyko & Komodakis 2016), 1,079,642 parameters on CIFAR-10.
///
/// A 3 × 3 stem `conv1` with 16 channels, then three groups `block1` to `block3` of three
/// pre-activated blocks with 32, 64 and 128 channels, the last two of which halve the picture,
/// then norm, ReLU, the mean of every map, and `fc`. A block is
/// `x + conv2(relu(bn2(conv1(relu(bn1(x))))))`; where channels or size change, a 1 × 1
/// convolution of `relu(bn1(x))` takes the place of `x`. Convolutions start by He's fan-out rule
/// and have no bias.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WideResNet22 {
    /// Share of the values between the convolutions of a block that is set to 0 in training, in
    /// [0, 1); the others are scaled up to match.
    pub dropout: f64,
}

inventory::submit! {
    ModelPlugin {
        name: "wrn-22-2",
        title: "WRN-22-2",
        paper: "Zagoruyko, Komodakis 2016, Wide residual networks",
        summary: "Wide residual network of depth 22 and twice the width, 1,079,642 parameters on CIFAR-10.",
        default: || Box::new(WideResNet22::default()),
        schema: || schemars::schema_for!(WideResNet22),
    }
}

impl WideResNet22 {
    fn check(&self, input: InputShape, task: Task) -> Result<([i64; 3], i64)> {
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(Error::usage(format!("dropout = {} is not in [0, 1)", self.dropout)));
        }
        let (picture, classes) = (check::picture(input)?, check::outputs(task)?);
        check::layer("conv1", picture[0].saturating_mul(9), 16)?;
        check::layer("fc", GROUPS[2], classes)?;
        Ok((picture, classes))
    }
}

#[typetag::serde(name = "wrn-22-2")]
impl Architecture for WideResNet22 {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let (picture, classes) = self.check(input, task)?;
        let conv1 = builder.conv2d_with("conv1", picture[0], 16, Convolution::before_norm(3, 1));
        let mut blocks = Vec::new();
        let mut inputs = 16;
        for (group, outputs) in GROUPS.into_iter().enumerate() {
            let mut builder = builder.at(&format!("block{}", group + 1));
            for block in 0..BLOCKS {
                let stride = if group > 0 && block == 0 { 2 } else { 1 };
                let mut builder = builder.at(&block.to_string());
                blocks.push(Block::new(&mut builder, inputs, outputs, stride, self.dropout));
                inputs = outputs;
            }
        }
        let bn = builder.batch_norm("bn", inputs);
        let fc = builder.linear("fc", inputs, classes);
        Ok(Box::new(PictureModel(Network { picture, conv1, blocks, bn, fc })))
    }
}

#[derive(Debug)]
struct Block {
    bn1: BatchNorm2d,
    conv1: Conv2d,
    bn2: BatchNorm2d,
    conv2: Conv2d,
    shortcut: Option<Conv2d>,
    dropout: f64,
}

impl Block {
    fn new(
        builder: &mut Builder<'_>,
        inputs: i64,
        outputs: i64,
        stride: i64,
        dropout: f64,
    ) -> Self {
        let convolution = Convolution::before_norm;
        let block = Self {
            bn1: builder.batch_norm("bn1", inputs),
            conv1: builder.conv2d_with("conv1", inputs, outputs, convolution(3, stride)),
            bn2: builder.batch_norm("bn2", outputs),
            conv2: builder.conv2d_with("conv2", outputs, outputs, convolution(3, 1)),
            shortcut: (inputs != outputs || stride > 1)
                .then(|| builder.conv2d_with("shortcut", inputs, outputs, convolution(1, stride))),
            dropout,
        };
        builder.chain(&["conv1", "conv2"]);
        block
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, input: &O::Value) -> O::Value {
        let active = o.relu(o.batch_norm2d(&self.bn1, input));
        let maps = o.relu(o.batch_norm2d(&self.bn2, &o.conv2d(&self.conv1, &active)));
        let maps = o.conv2d(&self.conv2, &o.dropout(self.dropout, maps));
        match &self.shortcut {
            Some(shortcut) => o.add(maps, &o.conv2d(shortcut, &active)),
            None => o.add(maps, input),
        }
    }
}

#[derive(Debug)]
struct Network {
    picture: [i64; 3],
    conv1: Conv2d,
    blocks: Vec<Block>,
    bn: BatchNorm2d,
    fc: Linear,
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let maps = o.conv2d(&self.conv1, &pictures);
        let maps = self.blocks.iter().fold(maps, |maps, block| block.apply(o, &maps));
        let maps = o.relu(o.batch_norm2d(&self.bn, &maps));
        o.linear(&self.fc, &o.mean_of_maps(&maps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{CIFAR, build, noise, tokens};
    use dst_core::graph::Eager;
    use dst_core::plugin;
    use dst_core::tch::{self, Device, Kind, Tensor};
    use dst_core::{Parameters, Pass, SeedStreams};
    use serde_json::{Map, json};

    #[test]
    fn it_has_1_079_642_parameters() {
        tch::set_num_threads(1);
        let (model, parameters) = build(&WideResNet22::default(), CIFAR).unwrap();
        assert_eq!(parameters.count(), 1_079_642);
        assert_eq!(parameters.prunable().count(), 1 + 9 * 2 + 3 + 1);
        let logits = model.forward(&noise([2, 3, 32, 32]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [2, 10]);
        // Output pixels of the first group, and of the groups that halve the picture.
        let positions = |name: &str| {
            parameters.prunable().find(|(known, _)| *known == name).unwrap().1.positions()
        };
        assert_eq!(positions("block1.0.shortcut.weight"), 32 * 32);
        assert_eq!(positions("block2.0.conv1.weight"), 16 * 16);
        assert_eq!(positions("block3.2.conv2.weight"), 8 * 8);
    }

    /// With convolutions that give 0, a block whose shape stays is the identity.
    #[test]
    fn an_unchanged_shape_passes_by() {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let block = Block::new(&mut builder, 4, 4, 1, 0.0);
        let _ = block.conv2.weight.dense().detach().zero_();
        let input = Tensor::randn([2, 4, 5, 5], (Kind::Float, Device::Cpu));
        assert_eq!(block.apply(&Eager(&Pass::TRAINING), &input), input);
    }

    #[test]
    fn dropout_acts_in_training_only() {
        let small = InputShape::Image { channels: 3, height: 8, width: 8 };
        let (model, _) = build(&WideResNet22 { dropout: 0.5 }, small).unwrap();
        let input = noise([2, 3, 8, 8]);
        let logits = |pass| model.forward(&input, &pass).unwrap();
        assert_eq!(logits(Pass::EVALUATION), logits(Pass::EVALUATION));
        assert_ne!(logits(Pass::TRAINING), logits(Pass::TRAINING));
    }

    #[test]
    fn unusable_inputs_and_rates_are_refused() {
        let text = InputShape::Tokens { vocabulary: 10, length: 5 };
        assert!(build(&WideResNet22::default(), text).is_err());
        let (model, _) = build(&WideResNet22::default(), CIFAR).unwrap();
        assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
        let error = build(&WideResNet22 { dropout: 1.0 }, CIFAR).unwrap_err().to_string();
        assert_eq!(error, "dropout = 1 is not in [0, 1)");
    }

    #[test]
    fn the_config_round_trips() {
        let default = plugin::architecture("wrn-22-2", &Map::new()).unwrap();
        let value = serde_json::to_value(&default).unwrap();
        assert_eq!(value, json!({ "name": "wrn-22-2", "dropout": 0.0 }));
        let again: Box<dyn Architecture> = serde_json::from_value(value).unwrap();
        assert_eq!(format!("{again:?}"), format!("{default:?}"));
    }
}
