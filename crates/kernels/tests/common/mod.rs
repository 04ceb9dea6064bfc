//! Random layers, and what their passes give in f64 with plain loops.
#![allow(dead_code, reason = "each test binary uses its part")]

use dst_kernels::{Conv2d, Error, Geometry, Pattern, Workspace};
use proptest::prelude::*;

/// A layer with operands of all passes.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) geometry: Geometry,
    pub(crate) batch: usize,
    pub(crate) mask: Vec<bool>,
    pub(crate) values: Vec<f32>,
    pub(crate) bias: Vec<f32>,
    /// `[in_channels, height, width, batch]`
    pub(crate) x: Vec<f32>,
    /// `[out_channels, out_height, out_width, batch]`
    pub(crate) dy: Vec<f32>,
}

/// Without its floats.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { geometry, batch, mask, values, .. } = self;
        write!(f, "{:?}, batch {batch}, {} of {} weights", geometry, values.len(), mask.len())
    }
}

/// Results of all passes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Results<T> {
    pub(crate) y: Vec<T>,
    pub(crate) dx: Vec<T>,
    pub(crate) dvalues: Vec<T>,
    pub(crate) dweight: Vec<T>,
    pub(crate) dbias: Vec<T>,
}

/// Fractions of 1 from a seed (splitmix64).
pub(crate) fn fractions(mut state: u64) -> impl FnMut() -> f64 {
    move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Layer {
    pub(crate) fn new(geometry: Geometry, batch: usize, density: f64, seed: u64) -> Self {
        let mut next = fractions(seed);
        let mask: Vec<bool> = (0..geometry.weight_count()).map(|_| next() < density).collect();
        let active = mask.iter().filter(|active| **active).count();
        let mut floats = |len: usize| (0..len).map(|_| (next() - 0.5) as f32).collect::<Vec<_>>();
        Self {
            geometry,
            batch,
            values: floats(active),
            bias: floats(geometry.sizes().out_channels),
            x: floats(geometry.input_count() * batch),
            dy: floats(geometry.output_count() * batch),
            mask,
        }
    }

    pub(crate) fn pattern(&self) -> Pattern {
        Pattern::new(self.geometry, &self.mask).unwrap()
    }

    /// All passes into memory full of NaN, so that what is not written shows.
    pub(crate) fn run(&self, workspace: &mut Workspace) -> Result<Results<f32>, Error> {
        let pattern = self.pattern();
        let nans = |len: usize| vec![f32::NAN; len];
        let mut results = Results {
            y: nans(self.dy.len()),
            dx: nans(self.x.len()),
            dvalues: nans(self.values.len()),
            dweight: nans(self.mask.len()),
            dbias: nans(self.bias.len()),
        };
        let Self { values, bias, x, dy, batch, .. } = self;
        pattern.forward(workspace, values, Some(bias), x, *batch, &mut results.y)?;
        pattern.input_gradient(workspace, values, dy, *batch, &mut results.dx)?;
        pattern.weight_gradient(workspace, x, dy, *batch, &mut results.dvalues)?;
        pattern.dense_weight_gradient(workspace, x, dy, *batch, &mut results.dweight)?;
        pattern.bias_gradient(dy, *batch, &mut results.dbias)?;
        Ok(results)
    }

    /// The passes in f64, tap by tap; and for each result the sum of what was added, without signs,
    /// which bounds the error of any order in f32.
    pub(crate) fn reference(&self) -> [Results<f64>; 2] {
        let g = self.geometry.sizes();
        let [out_height, out_width] = self.geometry.output_size();
        let n = self.batch;
        let mut weights = vec![0.0f64; self.mask.len()];
        let mut values = self.values.iter();
        for (weight, active) in weights.iter_mut().zip(&self.mask) {
            if *active {
                *weight = f64::from(*values.next().unwrap());
            }
        }
        let zeros = |len: usize| vec![0.0f64; len];
        let mut sums = Results {
            y: zeros(self.dy.len()),
            dx: zeros(self.x.len()),
            dvalues: Vec::new(),
            dweight: zeros(self.mask.len()),
            dbias: zeros(self.bias.len()),
        };
        let mut sizes = sums.clone();
        let plane = out_height * out_width;
        for (at, gradient) in self.dy.iter().enumerate() {
            let channel = at / n / plane;
            sums.y[at] = f64::from(self.bias[channel]);
            sizes.y[at] = sums.y[at].abs();
            sums.dbias[channel] += f64::from(*gradient);
            sizes.dbias[channel] += f64::from(gradient.abs());
        }
        let add = |into: &mut f64, size: &mut f64, a: f64, b: f64| {
            *into += a * b;
            *size += (a * b).abs();
        };
        for (w, weight) in weights.iter().enumerate() {
            let (kx, rest) = (w % g.kernel[1], w / g.kernel[1]);
            let (ky, rest) = (rest % g.kernel[0], rest / g.kernel[0]);
            let (i, o) = (rest % g.in_channels, rest / g.in_channels);
            for oy in 0..out_height {
                for ox in 0..out_width {
                    let y = (oy * g.stride[0] + ky).wrapping_sub(g.padding[0]);
                    let x = (ox * g.stride[1] + kx).wrapping_sub(g.padding[1]);
                    if y >= g.height || x >= g.width {
                        continue;
                    }
                    for s in 0..n {
                        let from = ((i * g.height + y) * g.width + x) * n + s;
                        let to = ((o * out_height + oy) * out_width + ox) * n + s;
                        let (x, dy) = (f64::from(self.x[from]), f64::from(self.dy[to]));
                        add(&mut sums.y[to], &mut sizes.y[to], *weight, x);
                        add(&mut sums.dx[from], &mut sizes.dx[from], *weight, dy);
                        add(&mut sums.dweight[w], &mut sizes.dweight[w], dy, x);
                    }
                }
            }
        }
        for results in [&mut sums, &mut sizes] {
            let active = results.dweight.iter().zip(&self.mask).filter(|(_, active)| **active);
            results.dvalues = active.map(|(gradient, _)| *gradient).collect();
        }
        [sums, sizes]
    }
}

/// Densities with the two ends.
pub(crate) fn densities() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(1.0), 0.01..0.99]
}

pub(crate) fn batches() -> impl Strategy<Value = usize> {
    prop_oneof![1usize..70, Just(16), Just(32), Just(48), Just(64), Just(128), Just(144)]
}

/// Linear layers and convolutions of all kinds.
pub(crate) fn layers() -> impl Strategy<Value = Layer> {
    let linear =
        (1usize..200, 1usize..60).prop_map(|(inputs, outputs)| Geometry::linear(inputs, outputs));
    let pair = |range: std::ops::Range<usize>| [range.clone(), range];
    let conv = (pair(1..6), pair(1..9), pair(1..6), pair(1..4), pair(0..4)).prop_map(
        |(channels, [height, width], kernel, stride, padding)| {
            Geometry::conv2d(Conv2d {
                in_channels: channels[0],
                out_channels: channels[1],
                height,
                width,
                kernel,
                stride,
                padding,
                dilation: [1, 1],
                groups: 1,
            })
        },
    );
    // Kernels that do not fit are refused; there are enough others.
    let geometry = prop_oneof![linear, conv].prop_filter_map("fits", Result::ok);
    (geometry, batches(), densities(), any::<u64>())
        .prop_map(|(geometry, batch, density, seed)| Layer::new(geometry, batch, density, seed))
}

/// Layers that are cut into several blocks of rows and columns.
pub(crate) fn large_layers() -> Vec<Layer> {
    let conv = |inputs, outputs, kernel, size, stride, padding| {
        Geometry::conv2d(Conv2d {
            stride: [stride; 2],
            padding: [padding; 2],
            ..Conv2d::square(inputs, outputs, kernel, size)
        })
        .unwrap()
    };
    let shapes = [
        (Geometry::linear(700, 300).unwrap(), 70, 0.1),
        (Geometry::linear(300, 150).unwrap(), 200, 0.3),
        (Geometry::linear(1000, 10).unwrap(), 64, 0.5),
        (conv(70, 140, 3, 5, 1, 1), 20, 0.1),
        (conv(70, 40, 3, 7, 2, 1), 33, 0.05),
        (conv(40, 70, 1, 6, 2, 0), 64, 0.2),
        (conv(130, 33, 1, 3, 1, 0), 40, 0.3),
        (conv(6, 16, 5, 14, 1, 0), 64, 0.2),
        (conv(1, 6, 5, 28, 1, 2), 64, 0.5),
    ];
    let layer = |(seed, (geometry, batch, density))| Layer::new(geometry, batch, density, seed);
    (1..).zip(shapes).map(layer).collect()
}
