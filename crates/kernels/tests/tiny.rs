//! All unsafe code on layers so small that an interpreter can follow:
//!
//! ```sh
//! cargo +nightly miri test -p dst-kernels --test tiny
//! RUSTFLAGS=-Ctarget-feature=+avx512f,+avx2,+fma cargo +nightly miri test -p dst-kernels --test tiny
//! ```
//!
//! The second line also runs the intrinsics of AVX-512 where no processor has them. Without Miri,
//! AddressSanitizer notices accesses outside of what is allocated, in all tests of the crate and in no more
//! time than these take:
//!
//! ```sh
//! RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=target/asan \
//!     cargo test --release -p dst-kernels --target x86_64-unknown-linux-gnu --tests --no-fail-fast
//! ```
//!
//! There `dissolved` fails, because a sanitizer keeps apart what the compiler would have dissolved.
//!
//! It needs no nightly compiler, but the switch that lets a stable one take such flags, so that CI does
//! without it.

mod common;

use common::Layer;
use dst_kernels::{
    BatchNorm, Conv2d, Geometry, Instructions, Pool2d, Pooling, Workspace, from_samples_innermost,
    to_samples_innermost,
};

/// Linear and not, with and without border, stride and partial tiles, several blocks.
fn layers() -> Vec<Layer> {
    let conv = |conv| Geometry::conv2d(conv).unwrap();
    let padded = Conv2d { padding: [1, 1], ..Conv2d::square(2, 5, 2, 2) };
    let strided = Conv2d { stride: [2, 1], padding: [2, 0], ..Conv2d::square(2, 2, 3, 3) };
    let narrow = Conv2d { padding: [1, 1], ..Conv2d::square(1, 1, 2, 1) };
    let shapes = [
        (Geometry::linear(6, 5).unwrap(), 19, 0.5),
        (Geometry::linear(2, 1).unwrap(), 64, 0.6),
        (conv(padded), 3, 0.4),
        (conv(strided), 2, 0.7),
        (conv(Conv2d::square(3, 2, 1, 2)), 5, 1.0),
        // Two chunks of samples.
        (conv(narrow), 65, 0.8),
    ];
    let layer = |(seed, (geometry, batch, density))| Layer::new(geometry, batch, density, seed);
    (1..).zip(shapes).map(layer).collect()
}

#[test]
fn an_interpreter_that_knows_avx512_runs_it() {
    let expected = cfg!(all(miri, target_feature = "avx512f"));
    assert!(!expected || Instructions::available().contains(&Instructions::Avx512));
}

#[test]
fn every_instruction_set_has_the_same_right_bits() {
    for layer in layers() {
        let [sums, sizes] = layer.reference();
        let all = |r: &common::Results<f64>| {
            [&r.y, &r.dx, &r.dvalues, &r.dweight, &r.dbias].map(Vec::clone).concat()
        };
        let mut expected: Option<common::Results<f32>> = None;
        for set in Instructions::available() {
            let mut workspace = Workspace::new().instructed(set).unwrap();
            let found = layer.run(&mut workspace).unwrap();
            let flat = [&found.y, &found.dx, &found.dvalues, &found.dweight, &found.dbias];
            for ((found, sum), size) in flat.into_iter().flatten().zip(all(&sums)).zip(all(&sizes))
            {
                assert!((f64::from(*found) - sum).abs() <= 3e-6 * size, "{set:?}, {layer:?}");
            }
            assert!(expected.get_or_insert_with(|| found.clone()) == &found, "{set:?}, {layer:?}");
        }
    }
}

#[test]
fn layouts_and_norms_stay_inside() {
    for set in Instructions::available() {
        let mut workspace = Workspace::new().instructed(set).unwrap();
        let from: Vec<f32> = (0..9 * 17).map(|v| v as f32).collect();
        for batch in [17, 9] {
            let (mut inner, mut back) = (vec![0.0; from.len()], vec![0.0; from.len()]);
            to_samples_innermost(&mut workspace, &from, batch, &mut inner).unwrap();
            from_samples_innermost(&mut workspace, &inner, batch, &mut back).unwrap();
            assert_eq!(back, from);
        }
        let norm = BatchNorm { channels: 3, epsilon: 0.0 };
        let (weight, bias) = ([1.0, 2.0, 3.0], [0.5; 3]);
        let (mut y, mut dx) = (vec![0.0; from.len()], vec![0.0; from.len()]);
        let (mut dweight, mut dbias) = ([0.0; 3], [0.0; 3]);
        let moments = norm.forward(&mut workspace, &from, &weight, &bias, &mut y).unwrap();
        assert_eq!(moments.means, [25.0, 76.0, 127.0]);
        assert_eq!(y[3 * 17 + 25], 0.5);
        let into = (&mut dx[..], &mut dweight[..], &mut dbias[..]);
        norm.gradients(&mut workspace, &from, &y, &weight, &moments, into.0, into.1, into.2)
            .unwrap();
        // What moves all values of a channel alike, or along them, moves no output.
        assert!(dx.iter().all(|dx| dx.abs() < 1e-5));
    }
}

#[test]
fn pools_stay_inside() {
    if cfg!(all(miri, target_feature = "avx512f")) {
        eprintln!("skipped: Miri does not know comparisons of AVX-512");
        return;
    }
    for set in Instructions::available() {
        let mut workspace = Workspace::new().instructed(set).unwrap();
        let from: Vec<f32> = (0..9 * 17).map(|v| v as f32).collect();
        let pool = Pool2d {
            pooling: Pooling::Max,
            channels: 1,
            height: 3,
            width: 3,
            kernel: [2, 2],
            stride: [1, 1],
            padding: [0, 0],
        };
        let (mut y, mut dx) = (vec![0.0; 4 * 17], vec![0.0; 9 * 17]);
        pool.forward(&mut workspace, &from, 17, &mut y).unwrap();
        assert_eq!(y[0], from[4 * 17]);
        pool.input_gradient(&mut workspace, &from, &y, 17, &mut dx).unwrap();
        assert_eq!(dx[4 * 17], y[0]);
    }
}
