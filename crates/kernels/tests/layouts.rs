//! Conversions of layouts, and pooling.

mod common;

use common::fractions;
use dst_kernels::{
    Instructions, Pool2d, Pooling, Workspace, from_samples_innermost, to_samples_innermost,
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
