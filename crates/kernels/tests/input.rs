//! Bad input is an error, and nothing else happens.

mod common;

use common::Layer;
use dst_kernels::{
    BatchNorm, Conv2d, Error, Geometry, Pool2d, Pooling, Workspace, from_samples_innermost,
    to_samples_innermost,
};

#[test]
fn shapes_without_a_kernel_are_refused() {
    let conv = |change: &dyn Fn(&mut Conv2d)| {
        let mut conv = Conv2d::square(4, 4, 3, 8);
        change(&mut conv);
        Geometry::conv2d(conv)
    };
    assert!(conv(&|_| ()).is_ok());
    let unsupported: [&dyn Fn(&mut Conv2d); 2] = [&|c| c.dilation = [2, 1], &|c| c.groups = 2];
    for change in unsupported {
        assert!(matches!(conv(change), Err(Error::Unsupported(_))));
    }
    let shapes: [&dyn Fn(&mut Conv2d); 6] = [
        &|c| c.in_channels = 0,
        &|c| c.out_channels = 0,
        &|c| c.height = 0,
        &|c| c.kernel = [3, 0],
        &|c| c.stride = [0, 1],
        &|c| c.kernel = [9, 1],
    ];
    for change in shapes {
        assert!(matches!(conv(change), Err(Error::Shape(_))));
    }
    let large: [&dyn Fn(&mut Conv2d); 6] = [
        &|c| c.padding = [usize::MAX, 0],
        &|c| c.padding = [1 << 31, 0],
        &|c| c.stride = [usize::MAX, 1],
        &|c| (c.in_channels, c.out_channels) = (1 << 16, 1 << 16),
        &|c| (c.height, c.width) = (1 << 20, 1 << 20),
        &|c| c.in_channels = usize::MAX,
    ];
    for change in large {
        assert!(matches!(conv(change), Err(Error::TooLarge(_))));
    }
    assert!(matches!(Geometry::linear(1 << 20, 1 << 20), Err(Error::TooLarge(_))));
    assert!(matches!(Geometry::linear(0, 3), Err(Error::Shape(_))));
}

#[test]
fn slices_of_wrong_length_are_refused() {
    let conv = Conv2d { padding: [1, 1], ..Conv2d::square(2, 3, 3, 4) };
    let layer = Layer::new(Geometry::conv2d(conv).unwrap(), 5, 0.5, 1);
    let (pattern, mut workspace) = (layer.pattern(), Workspace::new());
    let Layer { values, bias, x, dy, batch, .. } = &layer;
    let (mut y, mut dx) = (dy.clone(), x.clone());
    let (mut dvalues, mut dweight, mut dbias) =
        (values.clone(), vec![0.0; layer.mask.len()], bias.clone());
    let refused = |result: Result<(), Error>, expected: &str| match result {
        Err(Error::Length { what, .. }) => assert_eq!(what, expected),
        other => panic!("{other:?} and not a wrong length of {expected}"),
    };
    let w = &mut workspace;
    refused(pattern.forward(w, &values[1..], Some(bias), x, *batch, &mut y), "values");
    refused(pattern.forward(w, values, Some(&bias[1..]), x, *batch, &mut y), "the bias");
    refused(pattern.forward(w, values, None, &x[1..], *batch, &mut y), "x");
    refused(pattern.forward(w, values, None, x, batch + 1, &mut y), "x");
    refused(pattern.forward(w, values, None, x, *batch, &mut y[1..]), "y");
    refused(pattern.input_gradient(w, &values[1..], dy, *batch, &mut dx), "values");
    refused(pattern.input_gradient(w, values, &dy[1..], *batch, &mut dx), "dy");
    refused(pattern.input_gradient(w, values, dy, *batch, &mut dx[1..]), "dx");
    refused(pattern.weight_gradient(w, &x[1..], dy, *batch, &mut dvalues), "x");
    refused(pattern.weight_gradient(w, x, &dy[1..], *batch, &mut dvalues), "dy");
    refused(pattern.weight_gradient(w, x, dy, *batch, &mut dvalues[1..]), "the gradient of values");
    refused(
        pattern.dense_weight_gradient(w, x, dy, *batch, &mut dweight[1..]),
        "the gradient of the weight",
    );
    refused(pattern.bias_gradient(&dy[1..], *batch, &mut dbias), "dy");
    refused(pattern.bias_gradient(dy, *batch, &mut dbias[1..]), "the gradient of the bias");
    let overflow = pattern.forward(w, values, None, x, usize::MAX / 4, &mut y);
    assert!(matches!(overflow, Err(Error::TooLarge(_))));
    // 64 bits count these, and the 32 bits of a place in a channel do not.
    let overflow = pattern.forward(w, values, None, x, 1 << 29, &mut y);
    assert!(matches!(overflow, Err(Error::TooLarge(_))), "{overflow:?}");
    let short = to_samples_innermost(w, &[0.0; 6], 4, &mut [0.0; 6]);
    refused(short, "the activations");
    let short = from_samples_innermost(w, &[0.0; 6], 0, &mut [0.0; 6]);
    refused(short, "the activations");
    let short = from_samples_innermost(w, &[0.0; 6], 3, &mut [0.0; 5]);
    refused(short, "the converted activations");
}

#[test]
fn an_empty_batch_has_no_output_and_no_gradient() {
    let layer = Layer::new(Geometry::linear(5, 3).unwrap(), 0, 1.0, 1);
    let results = layer.run(&mut Workspace::new()).unwrap();
    assert!(results.y.is_empty() && results.dx.is_empty());
    assert_eq!((results.dvalues, results.dbias), (vec![0.0; 15], vec![0.0; 3]));
    to_samples_innermost(&mut Workspace::new(), &[], 0, &mut []).unwrap();
}

#[test]
fn slices_that_are_no_whole_channels_are_not_normalised() {
    let norm = BatchNorm { channels: 2, epsilon: 1e-5 };
    let mut workspace = Workspace::new();
    let mut forward = |norm: BatchNorm, x: usize, weight: usize, bias: usize, y: usize| {
        let of = |len: usize| vec![1.0f32; len];
        norm.forward(&mut workspace, &of(x), &of(weight), &of(bias), &mut of(y))
    };
    assert!(forward(norm, 6, 2, 2, 6).is_ok());
    for (what, found) in [
        ("x", forward(norm, 5, 2, 2, 5)),
        ("the weight", forward(norm, 6, 3, 2, 6)),
        ("the bias", forward(norm, 6, 2, 1, 6)),
        ("y", forward(norm, 6, 2, 2, 4)),
    ] {
        assert!(
            matches!(&found, Err(Error::Length { what: said, .. }) if *said == what),
            "{found:?}"
        );
    }
    let none = forward(BatchNorm { channels: 0, ..norm }, 0, 0, 0, 0);
    assert!(matches!(none, Err(Error::Shape(_))));
    let moments = forward(norm, 6, 2, 2, 6).unwrap();
    let (six, mut dx, mut two) = ([1.0; 6], [0.0; 6], [0.0; 2]);
    let weight = [1.0; 2];
    let short = norm.gradients(
        &mut workspace,
        &six,
        &six[..4],
        &weight,
        &moments,
        &mut dx,
        &mut two,
        &mut [0.0; 2],
    );
    assert!(matches!(short, Err(Error::Length { what: "dy", .. })));
    let short = norm.gradients(
        &mut workspace,
        &six,
        &six,
        &weight,
        &moments,
        &mut dx,
        &mut two[..1],
        &mut [0.0; 2],
    );
    assert!(matches!(short, Err(Error::Length { what: "the gradient of the weight", .. })));
}

#[test]
fn pools_that_do_not_fit_are_refused() {
    let fine = Pool2d {
        pooling: Pooling::Max,
        channels: 1,
        height: 4,
        width: 4,
        kernel: [2, 2],
        stride: [2, 2],
        padding: [0, 0],
    };
    assert_eq!(fine.output_size(), Ok([2, 2]));
    for bad in [
        Pool2d { channels: 0, ..fine },
        Pool2d { kernel: [5, 1], ..fine },
        Pool2d { stride: [0, 1], ..fine },
        Pool2d { padding: [2, 0], ..fine },
        Pool2d { kernel: [usize::MAX; 2], padding: [usize::MAX / 2; 2], ..fine },
    ] {
        assert!(matches!(bad.output_size(), Err(Error::Shape(_))), "{bad:?}");
    }
    let large = Pool2d { height: 1 << 20, width: 1 << 20, ..fine };
    assert!(matches!(large.output_size(), Err(Error::TooLarge(_))));
    let short = fine.forward(&mut Workspace::new(), &[0.0; 15], 1, &mut [0.0; 4]);
    assert!(matches!(short, Err(Error::Length { what: "x", .. })));
}
