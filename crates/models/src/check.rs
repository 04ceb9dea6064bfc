//! What a network checks before it is built and before it runs.

use dst_core::{Error, InputShape, Result, Task};

/// The most weights that one layer may have: 8 GiB of them.
const LARGEST_LAYER: i64 = 1 << 31;

/// The most weights of a network: 32 GiB of them.
const LARGEST_NETWORK: i64 = 1 << 33;

/// `[channels, height, width]` of a picture.
///
/// # Errors
/// If the data set has no pictures, or empty ones.
pub(crate) fn picture(input: InputShape) -> Result<[i64; 3]> {
    let InputShape::Image { channels, height, width } = input else {
        return Err(Error::usage("this model takes pictures, and the data set holds text")
            .hint("choose a data set of pictures, or a model for text"));
    };
    if channels < 1 || height < 1 || width < 1 {
        return Err(Error::contract(format!(
            "the data set's pictures are {channels} × {height} × {width}, without a single pixel"
        )));
    }
    Ok([channels, height, width])
}

/// The width of the last layer of a model that gives one answer for each sample.
///
/// # Errors
/// If the task has no class, or asks for an answer at every token.
pub(crate) fn outputs(task: Task) -> Result<i64> {
    if let Task::NextToken { .. } = task {
        return Err(Error::usage(
            "this model gives one answer for each text, and the data set asks for the next token at \
             every place of it",
        )
        .hint("choose the model decoder, or a data set with classes"));
    }
    match task.outputs() {
        outputs if outputs > 0 => Ok(outputs),
        outputs => Err(Error::contract(format!("the data set has {outputs} classes"))),
    }
}

/// A layer that fits into memory: its weights are allocated at once, and a machine that cannot
/// do it ends the process without a word.
///
/// # Errors
/// If it has more than 2^31 weights.
pub(crate) fn layer(name: &str, inputs: i64, outputs: i64) -> Result<()> {
    match inputs.checked_mul(outputs) {
        Some(weights) if weights <= LARGEST_LAYER => Ok(()),
        _ => Err(Error::usage(format!(
            "{name} would have {outputs} × {inputs} weights, more than the {LARGEST_LAYER} allowed"
        ))
        .hint("choose smaller layers")),
    }
}

/// A network that fits into memory, by the weights of its layers.
///
/// # Errors
/// If it has more than 2^33 of them, or more than can be counted.
pub(crate) fn total(name: &str, weights: Option<i64>) -> Result<()> {
    match weights {
        Some(weights) if weights <= LARGEST_NETWORK => Ok(()),
        _ => Err(Error::usage(format!(
            "{name} would have more weights than the {LARGEST_NETWORK} allowed"
        ))
        .hint("choose fewer or smaller layers")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use dst_core::tch::{Device, Kind, Tensor};
    use dst_core::{Architecture, Builder, Input, Model, Parameters, SeedStreams};

    pub(crate) const MNIST: InputShape = InputShape::Image { channels: 1, height: 28, width: 28 };
    pub(crate) const CIFAR: InputShape = InputShape::Image { channels: 3, height: 32, width: 32 };
    pub(crate) const DIGITS: Task = Task::Classification { classes: 10 };

    /// The network for `input` with ten classes, from seed 0.
    pub(crate) fn build(
        architecture: &dyn Architecture,
        input: InputShape,
    ) -> Result<(Box<dyn Model>, Parameters)> {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        let model = architecture.build(input, DIGITS, &mut builder)?;
        Ok((model, parameters))
    }

    pub(crate) fn noise(size: [i64; 4]) -> Input {
        Input::Image(Tensor::randn(size, (Kind::Float, Device::Cpu)))
    }

    pub(crate) fn tokens() -> Input {
        let ids = Tensor::zeros([2, 5], (Kind::Int64, Device::Cpu));
        Input::Tokens { segments: ids.shallow_clone(), present: ids.to_kind(Kind::Bool), ids }
    }

    #[test]
    fn only_pictures_with_pixels_are_taken() {
        assert_eq!(picture(MNIST).unwrap(), [1, 28, 28]);
        let text = picture(InputShape::Tokens { vocabulary: 100, length: 16 }).unwrap_err();
        assert!(text.to_string().starts_with("this model takes pictures"), "{text}");
        let empty = InputShape::Image { channels: 1, height: 0, width: 28 };
        assert!(picture(empty).unwrap_err().to_string().contains("1 × 0 × 28"));
        assert!(outputs(Task::Classification { classes: 0 }).is_err());
        assert_eq!(outputs(Task::Regression).unwrap(), 1);
        let tokens = outputs(Task::NextToken { vocabulary: 256 }).unwrap_err().to_string();
        assert!(tokens.contains("choose the model decoder"), "{tokens}");
    }

    #[test]
    fn layers_beyond_all_memory_are_refused() {
        assert!(layer("fc1", 784, 1_000_000).is_ok());
        for outputs in [1 << 40, i64::MAX] {
            let error = layer("fc1", 784, outputs).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("fc1 would have {outputs} × 784 weights")),
                "{error}"
            );
        }
    }
}
