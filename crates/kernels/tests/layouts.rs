//! What lies between layers: conversions of layouts, pooling and normalisation.

mod common;

use common::fractions;
use dst_kernels::{
    BatchNorm, Instructions, Moments, Pool2d, Pooling, Workspace, from_samples_innermost,
    to_samples_innermost,
};
use proptest::prelude::*;

/// All instruction sets, one thread and two.
fn workspaces() -> Vec<Workspace> {
    let sets = Instructions::available().into_iter();
    sets.flat_map(|set| {
        [1, 2].map(|threads| Workspace::with_threads(threads).unwrap().instructed(set).unwrap())
    })
    .collect()
}

fn floats(len: usize, seed: u64) -> Vec<f32> {
    let mut next = fractions(seed);
    (0..len).map(|_| (next() - 0.5) as f32).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn conversions_transpose_and_return(batch in 1usize..90, features in 1usize..700) {
        let from = floats(batch * features, 1);
        let expected: Vec<f32> =
            (0..from.len()).map(|at| from[at % batch * features + at / batch]).collect();
        for mut workspace in workspaces() {
            let (mut inner, mut back) = (vec![0.0; from.len()], vec![0.0; from.len()]);
            to_samples_innermost(&mut workspace, &from, batch, &mut inner).unwrap();
            prop_assert_eq!(&inner, &expected);
            from_samples_innermost(&mut workspace, &inner, batch, &mut back).unwrap();
            prop_assert_eq!(&back, &from);
        }
    }

    #[test]
    fn pools_are_those_of_plain_loops(
        channels in 1usize..4,
        size in [1usize..9, 1..9],
        kernel in [1usize..4, 1..4],
        stride in [1usize..4, 1..4],
        padding in [0usize..2, 0..2],
        batch in prop_oneof![1usize..20, Just(64), Just(130)],
        is_max in any::<bool>(),
    ) {
        let pooling = if is_max { Pooling::Max } else { Pooling::Average };
        let [height, width] = size;
        let pool = Pool2d { pooling, channels, height, width, kernel, stride, padding };
        let Ok([rows, columns]) = pool.output_size() else { return Ok(()) };
        // Few different values, so that windows have equal ones.
        let x: Vec<f32> =
            floats(channels * height * width * batch, 2).iter().map(|v| (v * 4.0).round()).collect();
        let dy = floats(channels * rows * columns * batch, 3);
        let (mut y, mut dx) = (vec![0.0; dy.len()], vec![0.0; x.len()]);
        for (at, y) in y.iter_mut().enumerate() {
            let (sample, pixel) = (at % batch, at / batch);
            let (channel, row, column) =
                (pixel / columns / rows, pixel / columns % rows, pixel % columns);
            let mut inside = Vec::new();
            for ky in 0..kernel[0] {
                for kx in 0..kernel[1] {
                    let v = (row * stride[0] + ky).wrapping_sub(padding[0]);
                    let h = (column * stride[1] + kx).wrapping_sub(padding[1]);
                    if v < height && h < width {
                        inside.push(((channel * height + v) * width + h) * batch + sample);
                    }
                }
            }
            let share = 1.0 / (kernel[0] * kernel[1]) as f32;
            if is_max {
                *y = inside.iter().map(|at| x[*at]).fold(f32::NEG_INFINITY, f32::max);
                dx[*inside.iter().find(|from| x[**from] == *y).unwrap()] += dy[at];
            } else {
                *y = inside.iter().map(|at| x[*at]).sum::<f32>() * share;
                inside.iter().for_each(|from| dx[*from] += dy[at] * share);
            }
        }
        for mut workspace in workspaces() {
            let (mut found_y, mut found_dx) = (vec![f32::NAN; y.len()], vec![f32::NAN; x.len()]);
            pool.forward(&mut workspace, &x, batch, &mut found_y).unwrap();
            pool.input_gradient(&mut workspace, &x, &dy, batch, &mut found_dx).unwrap();
            prop_assert_eq!(&found_y, &y);
            prop_assert_eq!(&found_dx, &dx);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    /// Values around 10, so that what cancels would show.
    #[test]
    fn batches_are_normalised_as_by_plain_loops_in_f64(
        channels in 1usize..6,
        values in prop_oneof![1usize..40, 1000usize..1100, Just(8192)],
        constant in any::<bool>(),
    ) {
        let norm = BatchNorm { channels, epsilon: 1e-5 };
        let mut x: Vec<f32> =
            floats(channels * values, 4).iter().map(|value| 10.0 + value).collect();
        if constant {
            x[..values].fill(3.0);
        }
        let dy = floats(x.len(), 5);
        let (weight, bias) = (floats(channels, 6), floats(channels, 7));
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<f64>>();
        let mut expected = [vec![], vec![], vec![], vec![], vec![], vec![]];
        for channel in 0..channels {
            let of = channel * values..(channel + 1) * values;
            let (x, dy) = (wide(&x[of.clone()]), wide(&dy[of]));
            let count = values as f64;
            let mean = x.iter().sum::<f64>() / count;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            let inverse = 1.0 / (variance + norm.epsilon).sqrt();
            let (weight, bias) = (f64::from(weight[channel]), f64::from(bias[channel]));
            let normal: Vec<f64> = x.iter().map(|x| (x - mean) * inverse).collect();
            let dbias = dy.iter().sum::<f64>();
            let dweight = dy.iter().zip(&normal).map(|(dy, normal)| dy * normal).sum::<f64>();
            let dx = dy.iter().zip(&normal).map(|(dy, normal)| {
                weight * inverse * (dy - dbias / count - normal * dweight / count)
            });
            expected[3].extend(dx);
            expected[2].extend(normal.iter().map(|normal| normal * weight + bias));
            for (of, value) in [(0, mean), (1, variance), (4, dweight), (5, dbias)] {
                expected[of].push(value);
            }
        }
        let mut first = None;
        for mut workspace in workspaces() {
            let (mut y, mut dx) = (vec![f32::NAN; x.len()], vec![f32::NAN; x.len()]);
            let (mut dweight, mut dbias) = (vec![f32::NAN; channels], vec![f32::NAN; channels]);
            let moments = norm.forward(&mut workspace, &x, &weight, &bias, &mut y).unwrap();
            let into = (&mut dx, &mut dweight, &mut dbias);
            norm.gradients(&mut workspace, &x, &dy, &weight, &moments, into.0, into.1, into.2)
                .unwrap();
            let Moments { means, variances } = moments;
            let found = [means, variances, y, dx, dweight, dbias];
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                prop_assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(expected) {
                    // Deviations of few values may be tiny beside what f32 keeps of a 10.
                    let scale = if constant || values < 40 { 3e-2 } else { 1e-4 };
                    let error = (f64::from(*found) - expected).abs();
                    prop_assert!(error <= scale * expected.abs().max(1.0), "{at}: {found} {expected}");
                }
            }
            // The same bits everywhere.
            prop_assert_eq!(first.get_or_insert_with(|| found.clone()), &found);
        }
    }
}

#[test]
fn an_empty_batch_is_normalised_to_nothing() {
    let norm = BatchNorm { channels: 2, epsilon: 1e-5 };
    let mut workspace = Workspace::new();
    let moments = norm.forward(&mut workspace, &[], &[1.0; 2], &[0.0; 2], &mut []).unwrap();
    let (mut dweight, mut dbias) = ([f32::NAN; 2], [f32::NAN; 2]);
    let into = (&mut [][..], &mut dweight[..], &mut dbias[..]);
    norm.gradients(&mut workspace, &[], &[], &[1.0; 2], &moments, into.0, into.1, into.2).unwrap();
    assert_eq!((dweight, dbias), ([0.0; 2], [0.0; 2]));
}

#[test]
fn a_largest_pixel_that_is_no_number_is_the_largest() {
    let pool = Pool2d {
        pooling: Pooling::Max,
        channels: 1,
        height: 1,
        width: 3,
        kernel: [1, 3],
        stride: [1, 3],
        padding: [0, 0],
    };
    let mut workspace = Workspace::new();
    let (mut y, mut dx) = ([0.0; 2], [0.0; 6]);
    // Two samples: [1, NaN, 2] and three times minus infinity.
    let low = f32::NEG_INFINITY;
    let x = [1.0, low, f32::NAN, low, 2.0, low];
    pool.forward(&mut workspace, &x, 2, &mut y).unwrap();
    assert!(y[0].is_nan() && y[1] == low);
    pool.input_gradient(&mut workspace, &x, &[3.0, 4.0], 2, &mut dx).unwrap();
    assert_eq!(dx, [0.0, 4.0, 3.0, 0.0, 0.0, 0.0]);
}
