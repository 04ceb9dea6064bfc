use super::*;
use dst_conformance::{Bench, step};

#[test]
fn keeps_the_contract() {
    let dense = Nm { remainder: Remainder::Dense, ..Nm::default() };
    for variant in [Nm::default(), Nm { group: 8, decay: 0.0, ..Nm::default() }, dense] {
        dst_conformance::check(&variant);
    }
}

/// One of every three inputs of both neurons.
#[test]
fn every_group_keeps_its_largest_weight() {
    let nm = Nm { group: 3, decay: 0.5, ..Nm::default() };
    let mut bench = Bench::new([1.0, -4.0, 3.0, 0.5, 0.25, -0.125], [1; 6]);
    bench.init(&nm, 2.0 / 3.0);
    assert_eq!(bench.active(), [0, 1, 0, 1, 0, 0]);
    assert_eq!(bench.weights(), [0.0, -4.0, 0.0, 0.5, 0.0, 0.0]);
    assert_eq!(bench.values(), [1.0, -4.0, 3.0, 0.5, 0.25, -0.125]);
    assert_eq!(bench.trainable(), [1; 6]);

    // Inactive weights get the loss's gradient and half of themselves.
    bench.set_gradient([1.0; 6]);
    assert_eq!(bench.after_backward(&nm, &step(1)), BatchUse::Weights);
    assert_eq!(bench.gradient(), [1.5, 1.0, 2.5, 1.0, 1.125, 0.9375]);

    // One that outgrows the active one of its group takes its place.
    bench.set_values([1.0, -4.0, 5.0, 0.5, 0.25, -0.125]);
    bench.after_step(&nm, &step(1));
    assert_eq!(bench.active(), [0, 0, 1, 1, 0, 0]);
    assert_eq!(bench.weights(), [0.0, 0.0, 5.0, 0.5, 0.0, 0.0]);
}

#[test]
fn a_sparsity_that_splits_weights_is_refused_with_those_that_do_not() {
    let error = Nm::default().kept(0.1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "nm: sparsity 0.9000 leaves 0.40 of every 4 weights, which is no whole number above 0\n  \
         with groups of 4 there are 0, 0.25, 0.5, 0.75"
    );
    assert_eq!(Nm::default().kept(0.5).unwrap(), 2);
    assert_eq!(Nm { group: 16, ..Nm::default() }.kept(0.0625).unwrap(), 1);
}

/// Three inputs are a group of two and a shorter one of one, half of which is rounded up.
#[test]
fn the_last_group_of_a_neuron_may_be_shorter() {
    let nm = Nm { group: 2, ..Nm::default() };
    let mut bench = Bench::new([1.0, -4.0, 3.0, 0.5, 0.25, -0.125], [1; 6]);
    bench.init(&nm, 0.5);
    assert_eq!(bench.active(), [0, 1, 1, 1, 0, 1]);
    bench.set_values([5.0, -4.0, 3.0, 0.5, 0.75, -0.125]);
    bench.after_step(&nm, &step(1));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
}

/// With groups of four no neuron has a whole one: each keeps one connection of three.
#[test]
fn a_neuron_with_less_than_a_group_keeps_a_connection() {
    let mut bench = Bench::new([1.0, -4.0, 3.0, 0.5, 0.25, -0.125], [1; 6]);
    bench.init(&Nm::default(), 0.75);
    assert_eq!(bench.active(), [0, 1, 0, 1, 0, 0]);
}

#[test]
fn layers_that_do_not_divide_stay_dense_if_hardware_is_to_run_them() {
    let nm = Nm { group: 2, remainder: Remainder::Dense, ..Nm::default() };
    let mut bench = Bench::new([1.0, -4.0, 3.0, 0.5, 0.25, -0.125], [1; 6]);
    bench.init(&nm, 0.5);
    assert_eq!(bench.active(), [1; 6]);
    bench.after_step(&nm, &step(1));
    assert_eq!(bench.active(), [1; 6]);
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |nm: Nm| nm.validate().unwrap_err().to_string();
    assert_eq!(refused(Nm { group: 1, ..Nm::default() }), "group = 1 is less than 2");
    let error = refused(Nm { decay: -1.0, ..Nm::default() });
    assert_eq!(error, "decay = -1 is not a positive number or 0");
}
