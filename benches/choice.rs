//! At which density a layer's sparse kernels are faster than dense arithmetic: the measurements behind
//! `dst_sparse::pays`, forward and backward, on one thread.
//!
//! `cargo bench -p benches --profile release --bench choice` prints one line for each layer: the time of
//! dense arithmetic over that of kernels by density, and the largest of these densities up to which kernels
//! are faster at every one.
//!
//! Each way gets its input in the layout in which it would come from a layer of its own kind.

use std::time::Instant;

use dst_core::layers::{Builder, Convolution};
use dst_core::{
    Backend, Conv2d, DenseBackend, GradientScope, Linear, Parameters, Pass, SeedStreams, Topology,
};
use dst_sparse::SparseBackend;
use tch::{Device, Kind, Tensor};

const DENSITIES: [f64; 9] = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95];
const BATCH: i64 = 64;
/// Rounds in which both ways take turns.
const ROUNDS: usize = 15;

#[derive(Clone, Copy)]
enum Shape {
    /// Rows, inputs, outputs.
    Linear(i64, i64, i64),
    /// Inputs, outputs, kernel, stride, padding, side of the picture.
    Convolution(i64, i64, i64, i64, i64, i64),
}

use Shape::{Convolution as Conv, Linear as Lin};

const SHAPES: [Shape; 22] = [
    Lin(64, 84, 10),
    Lin(64, 400, 120),
    Lin(64, 784, 300),
    Lin(64, 1000, 1000),
    Lin(64, 3072, 768),
    Lin(512, 768, 768),
    Lin(2048, 384, 384),
    Lin(2048, 384, 1536),
    Conv(1, 6, 5, 1, 2, 28),
    Conv(3, 32, 3, 1, 1, 32),
    Conv(3, 64, 3, 1, 1, 32),
    Conv(6, 16, 5, 1, 0, 14),
    Conv(16, 16, 3, 1, 1, 32),
    Conv(20, 50, 5, 1, 0, 12),
    Conv(32, 32, 3, 1, 1, 32),
    Conv(32, 64, 3, 1, 1, 16),
    Conv(64, 64, 3, 1, 1, 16),
    Conv(64, 128, 3, 2, 1, 32),
    Conv(64, 128, 1, 2, 0, 32),
    Conv(128, 128, 3, 1, 1, 16),
    Conv(256, 256, 3, 1, 1, 8),
    Conv(512, 512, 3, 1, 1, 4),
];

enum Layer {
    Linear(Linear),
    Convolution(Conv2d),
}

fn main() {
    tch::set_num_threads(1);
    println!("dense time / kernel time at density {DENSITIES:?}, and up to where kernels win");
    for shape in SHAPES {
        let ratios = DENSITIES.map(|density| ratio(shape, density));
        let won = ratios.iter().position(|ratio| *ratio < 1.0).unwrap_or(ratios.len());
        let limit = if won == 0 { 0.0 } else { DENSITIES[won - 1] };
        let name = match shape {
            Lin(rows, inputs, outputs) => format!("linear {inputs}->{outputs}, {rows} rows"),
            Conv(inputs, outputs, kernel, stride, _, side) => {
                format!("conv {inputs}->{outputs}, {kernel}x{kernel}/{stride}, side {side}")
            }
        };
        let ratios: Vec<String> = ratios.iter().map(|ratio| format!("{ratio:5.2}")).collect();
        println!("{name:34} {}  {limit}", ratios.join(" "));
    }
}

/// The median over rounds of the time of dense arithmetic over that of kernels.
fn ratio(shape: Shape, density: f64) -> f64 {
    let streams = SeedStreams::new(1);
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    let (layer, size) = match shape {
        Lin(rows, inputs, outputs) => {
            (Layer::Linear(builder.linear("layer", inputs, outputs)), vec![rows, inputs])
        }
        Conv(inputs, outputs, kernel, stride, padding, side) => {
            let options =
                Convolution { padding, bias: true, ..Convolution::before_norm(kernel, stride) };
            let layer = builder.conv2d_with("layer", inputs, outputs, options);
            (Layer::Convolution(layer), vec![BATCH, inputs, side, side])
        }
    };
    let mut topology = Topology::new(&parameters, density, &streams).expect("a density");
    tch::no_grad(|| {
        let layer = &mut topology.layers_mut()[0];
        let count = (density * layer.size() as f64).ceil() as usize;
        layer.set_target(count).expect("some weight is active");
        layer.activate_random().expect("the target fits");
        topology.start().expect("the target is met");
    });
    let kernels = SparseBackend::new(1).expect("one thread");
    kernels.committed(&topology).expect("any set will do");
    let rows = Tensor::randn(&size[..], (Kind::Float, Device::Cpu));
    let inner = innermost(&rows);
    let mut ratios: Vec<f64> = (0..ROUNDS + 2)
        .map(|_| {
            let dense = time(&layer, &parameters, &DenseBackend, &rows);
            dense / time(&layer, &parameters, &kernels, &inner)
        })
        .skip(2)
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ROUNDS / 2]
}

/// Seconds of a forward and a backward pass.
fn time(layer: &Layer, parameters: &Parameters, backend: &dyn Backend, input: &Tensor) -> f64 {
    let input = input.detach().set_requires_grad(true);
    let pass = Pass { scope: GradientScope::Active, backend, ..Pass::TRAINING };
    let start = Instant::now();
    let output = match layer {
        Layer::Linear(layer) => layer.forward(&input, &pass),
        Layer::Convolution(layer) => layer.forward(&input, &pass),
    };
    // A gradient in the layout of the output, as the next layer would give.
    let gradient = output.detach();
    (output * gradient).sum(Kind::Float).backward();
    let seconds = start.elapsed().as_secs_f64();
    parameters.iter().for_each(|(_, parameter)| parameter.zero_gradient());
    seconds
}

/// The same values with the samples innermost.
fn innermost(rows: &Tensor) -> Tensor {
    let last = rows.dim() as i64;
    let order: Vec<i64> = (1..last).chain([0]).collect();
    let back: Vec<i64> = [last - 1].into_iter().chain(0..last - 1).collect();
    rows.permute(&order[..]).contiguous().permute(&back[..])
}
