//! Residual networks for small pictures.

use dst_core::plugin::ModelPlugin;
use dst_core::{
    Architecture, BatchNorm2d, Builder, Conv2d, Convolution, Error, InputShape, Linear, Model,
    Operations, PictureModel, PictureNetwork, Result, Task,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check;
use crate::residual::{BasicBlock, Shortcut};

const PAPER: &str = "He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition";

/// ResNet-18 for small pictures, 11,173,962 parameters on CIFAR-10.
///
/// A 3 × 3 stem `conv1` of stride 1 without pooling in place of the 7 × 7 one for ImageNet, then
/// four stages `layer1` to `layer4` of two basic blocks with 64, 128, 256 and 512 channels, the
/// last three of which halve the picture, projecting shortcuts (option B of He et al. 2016), the
/// mean of every map, and `fc`. This is the network that papers on sparse training call
/// "ResNet-18 on CIFAR". Convolutions start by He's fan-out rule and have no bias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResNet18 {
    /// Channels of the first stage; each later stage has twice as many. At least 1.
    pub width: i64,
}

impl Default for ResNet18 {
    fn default() -> Self {
        Self { width: 64 }
    }
}

inventory::submit! {
    ModelPlugin {
        name: "resnet18",
        title: "ResNet-18",
        paper: PAPER,
        summary: "Residual network with a 3 × 3 stem and 17 convolutions, 11,173,962 parameters on CIFAR-10.",
        default: || Box::new(ResNet18::default()),
        schema: || schemars::schema_for!(ResNet18),
    }
}

#[typetag::serde(name = "resnet18")]
impl Architecture for ResNet18 {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let plan = Plan { width: self.width, stages: 4, blocks: 2, shortcut: Shortcut::Project };
        let network = plan.build(input, task, builder)?;
        Ok(Box::new(PictureModel(network)))
    }
}

/// ResNet-20 for CIFAR-10, 269,722 parameters (He et al. 2016, section 4.2).
///
/// A 3 × 3 stem `conv1`, then three stages `layer1` to `layer3` of three basic blocks with 16, 32
/// and 64 channels, the last two of which halve the picture, the mean of every map, and `fc`.
/// Shortcuts pad, as in the paper (option A). Convolutions start by He's fan-out rule and have no
/// bias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ResNet20 {
    /// Channels of the first stage; each later stage has twice as many. At least 1.
    pub width: i64,
    /// How the input of a block joins its output where the stage changes: `pad` (option A) or
    /// `project` (option B).
    pub shortcut: Shortcut,
}

impl Default for ResNet20 {
    fn default() -> Self {
        Self { width: 16, shortcut: Shortcut::Pad }
    }
}

inventory::submit! {
    ModelPlugin {
        name: "resnet20",
        title: "ResNet-20",
        paper: PAPER,
        summary: "The paper's small residual network with 19 convolutions, 269,722 parameters on CIFAR-10.",
        default: || Box::new(ResNet20::default()),
        schema: || schemars::schema_for!(ResNet20),
    }
}

#[typetag::serde(name = "resnet20")]
impl Architecture for ResNet20 {
    fn build(
        &self,
        input: InputShape,
        task: Task,
        builder: &mut Builder<'_>,
    ) -> Result<Box<dyn Model>> {
        let plan = Plan { width: self.width, stages: 3, blocks: 3, shortcut: self.shortcut };
        let network = plan.build(input, task, builder)?;
        Ok(Box::new(PictureModel(network)))
    }
}

/// The sizes of a residual network.
struct Plan {
    width: i64,
    stages: u32,
    blocks: usize,
    shortcut: Shortcut,
}

impl Plan {
    fn build(&self, input: InputShape, task: Task, builder: &mut Builder<'_>) -> Result<Network> {
        let picture = check::picture(input)?;
        let classes = check::outputs(task)?;
        if self.width < 1 {
            return Err(Error::usage(format!("width = {} must be at least 1", self.width)));
        }
        let last = self.width.saturating_mul(1 << (self.stages - 1));
        check::layer("conv1", picture[0].saturating_mul(9), self.width)?;
        check::layer(&format!("layer{}", self.stages), last.saturating_mul(9), last)?;
        check::layer("fc", last, classes)?;

        let conv1 =
            builder.conv2d_with("conv1", picture[0], self.width, Convolution::before_norm(3, 1));
        let bn1 = builder.batch_norm("bn1", self.width);
        let mut blocks = Vec::new();
        let mut inputs = self.width;
        for stage in 0..self.stages {
            let outputs = self.width << stage;
            let mut builder = builder.at(&format!("layer{}", stage + 1));
            for block in 0..self.blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let mut builder = builder.at(&block.to_string());
                blocks.push(BasicBlock::new(&mut builder, inputs, outputs, stride, self.shortcut));
                inputs = outputs;
            }
        }
        let fc = builder.linear("fc", last, classes);
        Ok(Network { picture, conv1, bn1, blocks, fc })
    }
}

#[derive(Debug)]
struct Network {
    picture: [i64; 3],
    conv1: Conv2d,
    bn1: BatchNorm2d,
    blocks: Vec<BasicBlock>,
    fc: Linear,
}

impl PictureNetwork for Network {
    fn picture(&self) -> [i64; 3] {
        self.picture
    }

    fn apply<'m, O: Operations<'m>>(&'m self, o: &O, pictures: O::Value) -> O::Value {
        let maps = o.relu(o.batch_norm2d(&self.bn1, &o.conv2d(&self.conv1, &pictures)));
        let maps = self.blocks.iter().fold(maps, |maps, block| block.apply(o, &maps));
        o.linear(&self.fc, &o.mean_of_maps(&maps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{CIFAR, build, noise, tokens};
    use dst_core::density::{Distribution, allocate};
    use dst_core::tch::{self, Kind};
    use dst_core::{Pass, SeedStreams, Topology, flops, plugin};
    use serde_json::{Map, json};

    #[test]
    fn they_have_the_published_numbers_of_parameters() {
        let count = |architecture: &dyn Architecture| {
            let (_, parameters) = build(architecture, CIFAR).unwrap();
            let prunable: usize = parameters.prunable().map(|(_, weight)| weight.size()).sum();
            (parameters.count(), prunable)
        };
        assert_eq!(count(&ResNet18::default()), (11_173_962, 11_164_352));
        assert_eq!(count(&ResNet20::default()), (269_722, 268_336));
        let projecting = ResNet20 { shortcut: Shortcut::Project, ..ResNet20::default() };
        // Two 1 × 1 convolutions and their norms more.
        let more = 16 * 32 + 32 * 64;
        assert_eq!(count(&projecting), (269_722 + more + 2 * (32 + 64), 268_336 + more));
    }

    #[test]
    fn layers_are_named_by_stage_and_block() {
        let (_, parameters) = build(&ResNet18 { width: 2 }, CIFAR).unwrap();
        let names: Vec<&str> = parameters.prunable().map(|(name, _)| name).collect();
        assert_eq!(names.len(), 21);
        assert_eq!(
            names[..8],
            [
                "conv1.weight",
                "fc.weight",
                "layer1.0.conv1.weight",
                "layer1.0.conv2.weight",
                "layer1.1.conv1.weight",
                "layer1.1.conv2.weight",
                "layer2.0.conv1.weight",
                "layer2.0.conv2.weight",
            ]
        );
        assert_eq!(names[8], "layer2.0.shortcut.conv.weight");
        assert_eq!(parameters.buffers().count(), 2 * 20);
        assert!(parameters.buffers().any(|(name, _)| name == "layer2.0.shortcut.bn.running_var"));
    }

    /// Multiplications of ResNet-18 on CIFAR-10, layer by layer, and the shares of them that are
    /// left at each distribution (golden values made from the reference implementation of RigL,
    /// whose uniform one keeps the stem dense; ours does not, so the stem is made dense here).
    #[test]
    fn sparse_resnet_18_needs_the_published_shares_of_operations() {
        tch::set_num_threads(1);
        let (model, parameters) = build(&ResNet18::default(), CIFAR).unwrap();
        let _guard = tch::no_grad_guard();
        let logits = model.forward(&noise([1, 3, 32, 32]), &Pass::EVALUATION).unwrap();
        assert_eq!(logits.size(), [1, 10]);
        let topology = Topology::new(&parameters, 1.0, &SeedStreams::new(0)).unwrap();
        let multiplications = 1_769_472 + 4 * 36_864 * 1024 + 3 * 134_217_728 + 5_120;
        let dense = flops::dense_inference(&topology);
        assert_eq!(dense, 2.0 * f64::from(multiplications));

        let layers = topology.layers();
        let shapes: Vec<Vec<i64>> = layers.iter().map(|layer| layer.shape()).collect();
        let share = |counts: &[usize]| {
            let operations = layers.iter().zip(counts);
            let operations = operations.map(|(layer, count)| layer.positions() * *count as u64);
            2.0 * operations.sum::<u64>() as f64 / dense
        };
        for (density, erk, uniform) in [(0.2, 0.508, 0.2025), (0.1, 0.248, 0.1029)] {
            let found = share(&allocate(Distribution::Erk, density, &shapes).unwrap());
            assert!((found - erk).abs() < 5e-4, "{density}: {found}");
            let mut counts = allocate(Distribution::Uniform, density, &shapes).unwrap();
            let stem = layers.iter().position(|layer| layer.name() == "conv1.weight").unwrap();
            counts[stem] = layers[stem].size();
            let found = share(&counts);
            assert!((found - uniform).abs() < 5e-5, "{density}: {found}");
        }
    }

    #[test]
    fn any_picture_with_a_pixel_is_taken() {
        tch::set_num_threads(1);
        for (channels, height, width) in [(1, 28, 28), (3, 1, 1), (2, 9, 5)] {
            let input = InputShape::Image { channels, height, width };
            for architecture in [&ResNet18 { width: 2 } as &dyn Architecture, &ResNet20::default()]
            {
                let (model, parameters) = build(architecture, input).unwrap();
                let pictures = noise([2, channels, height, width]);
                let logits = model.forward(&pictures, &Pass::TRAINING).unwrap();
                assert_eq!(logits.size(), [2, 10]);
                logits.square().sum(Kind::Float).backward();
                for (name, parameter) in parameters.iter() {
                    let finite = parameter.tensor().grad().isfinite().all();
                    assert_eq!(finite.int64_value(&[]), 1, "{name}");
                }
            }
        }
    }

    #[test]
    fn unusable_inputs_and_widths_are_refused() {
        let text = InputShape::Tokens { vocabulary: 10, length: 5 };
        assert!(build(&ResNet18::default(), text).is_err());
        let (model, _) = build(&ResNet20::default(), CIFAR).unwrap();
        assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
        assert!(model.forward(&noise([2, 1, 28, 28]), &Pass::EVALUATION).is_err());
        let refusal = |width| build(&ResNet18 { width }, CIFAR).unwrap_err().to_string();
        assert_eq!(refusal(0), "width = 0 must be at least 1");
        for width in [1 << 20, i64::MAX] {
            assert!(refusal(width).contains(" would have "), "{}", refusal(width));
        }
    }

    #[test]
    fn the_configs_round_trip() {
        let resnet18 = plugin::architecture("resnet18", &Map::new()).unwrap();
        assert_eq!(
            serde_json::to_value(&resnet18).unwrap(),
            json!({ "name": "resnet18", "width": 64 })
        );
        let parameters = json!({ "shortcut": "project" });
        let resnet20 = plugin::architecture("resnet20", parameters.as_object().unwrap()).unwrap();
        assert_eq!(
            serde_json::to_value(&resnet20).unwrap(),
            json!({ "name": "resnet20", "width": 16, "shortcut": "project" })
        );
        let unknown = json!({ "depth": 34 });
        assert!(plugin::architecture("resnet18", unknown.as_object().unwrap()).is_err());
    }
}
