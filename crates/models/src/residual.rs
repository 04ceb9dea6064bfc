//! The block of residual networks.

use dst_core::{BatchNorm2d, Builder, Conv2d, Convolution, Operations};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the input of a block joins its output where size or channels change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shortcut {
    /// Every second pixel is taken and the new channels are 0: no parameters (option A of He et
    /// al. 2016). Half of the new channels come before the old ones and half behind.
    Pad,
    /// A 1 × 1 convolution and a norm (option B).
    Project,
}

/// Two 3 × 3 convolutions with norms and ReLU, and a way around them (He et al. 2016, figure 2):
/// `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`.
#[derive(Debug)]
pub(crate) struct BasicBlock {
    conv1: Conv2d,
    bn1: BatchNorm2d,
    conv2: Conv2d,
    bn2: BatchNorm2d,
    way: Way,
}

#[derive(Debug)]
enum Way {
    Identity,
    Pad { stride: i64, before: i64, behind: i64 },
    Project { conv: Conv2d, bn: BatchNorm2d },
}

impl BasicBlock {
    /// A block `inputs → outputs` whose first convolution has this stride.
    pub(crate) fn new(
        builder: &mut Builder<'_>,
        inputs: i64,
        outputs: i64,
        stride: i64,
        shortcut: Shortcut,
    ) -> Self {
        let way = match shortcut {
            _ if stride == 1 && inputs == outputs => Way::Identity,
            Shortcut::Pad => {
                let added = outputs - inputs;
                Way::Pad { stride, before: added / 2, behind: added - added / 2 }
            }
            Shortcut::Project => {
                let mut builder = builder.at("shortcut");
                let options = Convolution::before_norm(1, stride);
                Way::Project {
                    conv: builder.conv2d_with("conv", inputs, outputs, options),
                    bn: builder.batch_norm("bn", outputs),
                }
            }
        };
        let first = Convolution::before_norm(3, stride);
        let second = Convolution::before_norm(3, 1);
        let block = Self {
            conv1: builder.conv2d_with("conv1", inputs, outputs, first),
            bn1: builder.batch_norm("bn1", outputs),
            conv2: builder.conv2d_with("conv2", outputs, outputs, second),
            bn2: builder.batch_norm("bn2", outputs),
            way,
        };
        builder.chain(&["conv1", "conv2"]);
        block
    }

    /// `[batch, inputs, height, width] → [batch, outputs, ⌈height/stride⌉, ⌈width/stride⌉]`.
    pub(crate) fn apply<'m, O: Operations<'m>>(&'m self, o: &O, input: &O::Value) -> O::Value {
        // Norms keep their input for the backward pass, so their output may be overwritten.
        let maps = o.relu(o.batch_norm2d(&self.bn1, &o.conv2d(&self.conv1, input)));
        let maps = o.batch_norm2d(&self.bn2, &o.conv2d(&self.conv2, &maps));
        let sum = match &self.way {
            Way::Identity => o.add(maps, input),
            Way::Pad { stride, before, behind } => {
                o.add(maps, &o.pad_channels(*stride, *before, *behind, input))
            }
            Way::Project { conv, bn } => o.add(maps, &o.batch_norm2d(bn, &o.conv2d(conv, input))),
        };
        o.relu(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::graph::Eager;
    use dst_core::tch::{Device, Kind, Tensor};
    use dst_core::{Parameters, Pass, SeedStreams};

    fn build(
        inputs: i64,
        outputs: i64,
        stride: i64,
        shortcut: Shortcut,
    ) -> (BasicBlock, Parameters) {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let block = BasicBlock::new(&mut builder, inputs, outputs, stride, shortcut);
        (block, parameters)
    }

    /// With norms that give 0, only the shortcut is left.
    fn shortcut_only(parameters: &Parameters) {
        for (name, parameter) in parameters.iter() {
            if name.starts_with("bn2.") {
                let _ = parameter.tensor().detach().zero_();
            }
        }
    }

    #[test]
    fn a_padded_shortcut_takes_every_second_pixel() {
        let (block, parameters) = build(2, 5, 2, Shortcut::Pad);
        shortcut_only(&parameters);
        let input = Tensor::arange(1 + 2 * 3 * 3, (Kind::Float, Device::Cpu)).narrow(0, 1, 18);
        let output = block.apply(&Eager(&Pass::EVALUATION), &input.reshape([1, 2, 3, 3]));
        assert_eq!(output.size(), [1, 5, 2, 2]);
        let mut expected = vec![0.0f32; 20];
        expected[4..12].copy_from_slice(&[1.0, 3.0, 7.0, 9.0, 10.0, 12.0, 16.0, 18.0]);
        assert_eq!(Vec::<f32>::try_from(output.flatten(0, -1)).unwrap(), expected);
    }

    #[test]
    fn shortcuts_have_parameters_only_where_they_project() {
        let convolutions = |inputs: i64, outputs: i64| (inputs + outputs) * outputs * 9;
        for (outputs, stride, shortcut, more) in [
            (4, 1, Shortcut::Project, 0),
            (4, 1, Shortcut::Pad, 0),
            (8, 2, Shortcut::Pad, 0),
            (8, 2, Shortcut::Project, 4 * 8 + 2 * 8),
        ] {
            let (_, parameters) = build(4, outputs, stride, shortcut);
            let expected = convolutions(4, outputs) + 4 * outputs + more;
            assert_eq!(parameters.count() as i64, expected, "{outputs} {stride} {shortcut:?}");
        }
    }

    /// The parts written out with plain libtorch, gradient included.
    #[test]
    fn a_block_is_the_formula_of_its_documentation() {
        let (block, parameters) = build(3, 4, 2, Shortcut::Project);
        let input = Tensor::randn([5, 3, 8, 8], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let again = input.detach().set_requires_grad(true);
        let parameter = |name: &str| {
            let found = parameters.iter().find(|(known, _)| *known == name);
            found.unwrap().1.tensor().shallow_clone()
        };
        let convolve = |input: &Tensor, name: &str, stride: i64, padding: i64| {
            let weight = parameter(&format!("{name}.weight"));
            input.conv2d(&weight, None::<Tensor>, [stride; 2], [padding; 2], [1, 1], 1)
        };
        let normalise = |maps: Tensor| {
            let over = [0i64, 2, 3];
            let mean = maps.mean_dim(over.as_slice(), true, Kind::Float);
            let variance = maps.var_dim(over.as_slice(), false, true);
            (maps - mean) / (variance + 1e-5).sqrt()
        };
        let maps = normalise(convolve(&again, "conv1", 2, 1)).relu();
        let maps = normalise(convolve(&maps, "conv2", 1, 1));
        let expected = (maps + normalise(convolve(&again, "shortcut.conv", 2, 0))).relu();

        let output = block.apply(&Eager(&Pass::TRAINING), &input);
        assert!(output.allclose(&expected, 1e-4, 1e-5, false));
        output.square().sum(Kind::Float).backward();
        let gradient = input.grad().copy();
        expected.square().sum(Kind::Float).backward();
        assert!(gradient.allclose(&again.grad(), 1e-3, 1e-4, false));
    }
}
