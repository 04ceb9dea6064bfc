//! All passes against plain loops in f64.

mod common;

use common::{Layer, Results, large_layers, layers};
use dst_kernels::{Instructions, Workspace};
use proptest::prelude::*;

/// Results are right up to roundings of products and sums.
fn compare(layer: &Layer) -> Result<(), TestCaseError> {
    let found = layer.run(&mut Workspace::new()).unwrap();
    let [sums, sizes] = layer.reference();
    let parts = |r: &Results<f64>| {
        [&r.y, &r.dx, &r.dvalues, &r.dweight, &r.dbias].map(|values| values.clone())
    };
    let found_parts = [&found.y, &found.dx, &found.dvalues, &found.dweight, &found.dbias];
    let names = ["y", "dx", "dvalues", "dweight", "dbias"];
    for (((name, found), sums), sizes) in
        names.iter().zip(found_parts).zip(parts(&sums)).zip(parts(&sizes))
    {
        prop_assert_eq!(found.len(), sums.len());
        for (at, ((found, sum), size)) in found.iter().zip(&sums).zip(&sizes).enumerate() {
            let error = (f64::from(*found) - sum).abs();
            // Not `error <= …` alone: NaN is what was not written.
            prop_assert!(
                error <= 3e-6 * size + 1e-30,
                "{} [{}] is {} and not {} (of {})",
                name,
                at,
                found,
                sum,
                size
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn passes_are_those_of_plain_loops(layer in layers()) {
        compare(&layer)?;
    }
}

#[test]
fn passes_of_large_layers_are_those_of_plain_loops() {
    for layer in large_layers() {
        compare(&layer).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn instructions_and_threads_do_not_change_a_bit(layer in layers(), threads in 2usize..4) {
        same_bits(&layer, threads)?;
    }
}

#[test]
fn instructions_and_threads_do_not_change_a_bit_of_large_layers() {
    for layer in large_layers() {
        same_bits(&layer, 3).unwrap();
    }
}

/// Every instruction set, one thread and several.
fn same_bits(layer: &Layer, threads: usize) -> Result<(), TestCaseError> {
    let expected = layer.run(&mut Workspace::new()).unwrap();
    for set in Instructions::available() {
        for threads in [1, threads] {
            let workspace = Workspace::with_threads(threads).unwrap();
            let found = layer.run(&mut workspace.instructed(set).unwrap()).unwrap();
            prop_assert!(bits(&found) == bits(&expected), "{:?}, {} threads", set, threads);
        }
    }
    Ok(())
}

fn bits(results: &Results<f32>) -> Vec<u32> {
    let Results { y, dx, dvalues, dweight, dbias } = results;
    let all = [y, dx, dvalues, dweight, dbias];
    all.into_iter().flatten().map(|value| value.to_bits()).collect()
}

/// Forward and the gradient of the input do not depend on the other samples.
#[test]
fn a_sample_has_the_same_bits_in_any_batch() {
    for layer in large_layers() {
        let whole = layer.run(&mut Workspace::new()).unwrap();
        let n = layer.batch;
        let (first, count) = (n / 3, (n / 2).max(1));
        let cut = |values: &[f32]| -> Vec<f32> {
            values.chunks(n).flat_map(|row| row[first..first + count].to_vec()).collect()
        };
        let part = Layer { batch: count, x: cut(&layer.x), dy: cut(&layer.dy), ..layer };
        let part = part.run(&mut Workspace::new()).unwrap();
        assert!(part.y == cut(&whole.y) && part.dx == cut(&whole.dx));
    }
}

/// Active positions of the dense gradient are the gradient of the values.
#[test]
fn the_dense_gradient_has_the_bits_of_the_sparse_one() {
    for layer in large_layers() {
        let results = layer.run(&mut Workspace::new()).unwrap();
        let active = results.dweight.iter().zip(&layer.mask).filter(|(_, active)| **active);
        let active: Vec<f32> = active.map(|(gradient, _)| *gradient).collect();
        assert_eq!(active, results.dvalues);
    }
}
