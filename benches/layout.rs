//! What channels-last convolutions and bfloat16 save on this machine: the time of a training step
//! (forward and backward) and of inference, by that of 32-bit arithmetic on images as data sets
//! give them.
//!
//! The variants take turns, on one thread, and the processor time of the thread counts, so other
//! work on the machine disturbs the ratios little: `cargo bench -p benches --profile release
//! --bench layout -- [MODEL]…`.

use dst_core::{
    Architecture, Backend, Builder, Conv2d, DenseBackend, Input, InputShape, Linear, Model,
    Parameters, Pass, Precision, SeedStreams, Task,
};
use dst_models::{ResNet18, ResNet20, SmallCnn};
use tch::{Device, Kind, Tensor};

/// Images in a batch, and how often each variant has its turn.
const BATCH: i64 = 32;
const TURNS: usize = 5;

/// Convolutions of images whose channels lie side by side in memory, a layout that later ones
/// keep. No training uses it: libtorch 2.13 corrupted memory in a block of few channels.
#[derive(Debug)]
struct ChannelsLast;

impl Backend for ChannelsLast {
    fn linear(&self, layer: &Linear, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        DenseBackend.linear(layer, input, pass)
    }

    fn conv2d(&self, layer: &Conv2d, input: &Tensor, _: &Pass<'_>) -> Tensor {
        let both = |value| [value, value];
        let input = match input.is_contiguous() {
            true => &input.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]),
            false => input,
        };
        let (stride, padding) = (both(layer.stride), both(layer.padding));
        input.conv2d(&layer.weight.dense(), layer.bias.as_ref(), stride, padding, [1, 1], 1)
    }
}

fn main() {
    tch::set_num_threads(1);
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let (resnet20, small, resnet18) =
        (ResNet20::default(), SmallCnn::default(), ResNet18::default());
    let models: [(&str, &dyn Architecture); 3] =
        [("small-cnn", &small), ("resnet20", &resnet20), ("resnet18", &resnet18)];
    for (name, architecture) in models {
        if wanted.is_empty() || wanted.iter().any(|model| model == name) {
            compare(name, architecture);
        }
    }
}

fn compare(name: &str, architecture: &dyn Architecture) {
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    let input = InputShape::Image { channels: 3, height: 32, width: 32 };
    let task = Task::Classification { classes: 10 };
    let model = architecture.build(input, task, &mut builder).expect("it takes such images");
    let images = Input::Image(Tensor::randn([BATCH, 3, 32, 32], (Kind::Float, Device::Cpu)));
    let labels = Tensor::randint(10, [BATCH], (Kind::Int64, Device::Cpu));
    let mixed = Pass { precision: Precision::Bf16, ..Pass::TRAINING };
    let variants = [
        ("as given", Pass::TRAINING),
        ("channels last", Pass { backend: &ChannelsLast, ..Pass::TRAINING }),
        ("bfloat16", mixed),
    ];
    let mut times = vec![[Vec::new(), Vec::new()]; variants.len()];
    // The first turn warms up.
    for turn in 0..=TURNS {
        for ((_, pass), times) in variants.iter().zip(&mut times) {
            let training = timed(|| step(&*model, &parameters, &images, &labels, pass));
            let pass = Pass { training: false, ..*pass };
            let inference = timed(|| {
                let _ = tch::no_grad(|| model.forward(&images, &pass)).expect("it runs");
            });
            if turn > 0 {
                times[0].push(training);
                times[1].push(inference);
            }
        }
    }
    let medians: Vec<[f64; 2]> = times.into_iter().map(|pair| pair.map(median)).collect();
    for ((variant, _), [training, inference]) in variants.iter().zip(&medians) {
        println!(
            "{name}, {variant}: step {:.1} ms ({:.2}), inference {:.1} ms ({:.2})",
            training * 1e3,
            training / medians[0][0],
            inference * 1e3,
            inference / medians[0][1],
        );
    }
}

fn step(
    model: &dyn Model,
    parameters: &Parameters,
    images: &Input,
    labels: &Tensor,
    pass: &Pass<'_>,
) {
    let logits = model.forward(images, pass).expect("it runs");
    logits.cross_entropy_for_logits(labels).backward();
    for (_, parameter) in parameters.iter() {
        parameter.tensor().shallow_clone().zero_grad();
    }
}

/// Seconds of processor time of this process.
fn timed(work: impl FnOnce()) -> f64 {
    let start = processor_seconds();
    work();
    processor_seconds() - start
}

fn processor_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live `timespec`, which the call fills in.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(code, 0, "the system has a clock for processes");
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
