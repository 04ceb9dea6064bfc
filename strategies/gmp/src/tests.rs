use super::*;
use dst_conformance::{Bench, step};
use dst_core::{BatchUse, Forecast, Span};

fn every(steps: u64, end: u64) -> Gmp {
    let (interval, end) = (Span::Steps(steps), Span::Steps(end));
    Gmp { exchange: Exchange { interval, end, ..Gmp::default().exchange }, ..Gmp::default() }
}

#[test]
fn keeps_the_contract_in_every_variant() {
    let often = every(5, 40);
    let with = |exchange| Gmp { exchange, ..often.clone() };
    for variant in [
        often.clone(),
        Gmp { global: true, ..often.clone() },
        Gmp { initial_sparsity: 0.5, curve: Curve::Linear, ..often.clone() },
        Gmp { initial_sparsity: 0.5, global: true, ..often.clone() },
        with(Exchange {
            interval: Span::Epochs(1.0),
            end: Span::Fraction(1.0),
            ..often.exchange.clone()
        }),
        with(Exchange { dense_last_layer: true, ..often.exchange.clone() }),
        // Seven does not divide the 45 steps before the end.
        with(Exchange {
            interval: Span::Steps(7),
            end: Span::Fraction(0.75),
            ..often.exchange.clone()
        }),
    ] {
        dst_conformance::check(&variant);
    }
}

const WEIGHTS: [f32; 6] = [6.0, -1.0, 5.0, -2.0, 4.0, 3.0];

/// Three updates from six weights to three. The curve leaves 3 + 3 (1 − k/3)³ of them: 3.9, 3.1 and
/// 3.
#[test]
fn removes_fast_at_first_and_arrives_with_the_last_update() {
    let gmp = every(10, 35);
    let mut bench = Bench::new(WEIGHTS, [1; 6]);
    bench.init(&gmp, 0.5);
    let mut counts = Vec::new();
    for index in 0..100 {
        assert_eq!(bench.after_backward(&gmp, &step(index)), BatchUse::Weights);
        bench.after_step(&gmp, &step(index));
        counts.push(bench.active().iter().sum::<u8>());
    }
    assert_eq!([9, 10, 19, 20, 29, 30, 99].map(|index| counts[index]), [6, 4, 4, 3, 3, 3, 3]);
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
    assert_eq!(bench.weights(), [6.0, 0.0, 5.0, 0.0, 4.0, 0.0]);
}

/// A schedule that divides by the length of the training would be at 34 of 35 steps here.
#[test]
fn one_update_is_the_last_one() {
    let gmp = every(34, 35);
    let mut bench = Bench::new(WEIGHTS, [1; 6]);
    bench.init(&gmp, 0.5);
    bench.after_step(&gmp, &step(34));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
}

/// A weight that was removed stays away, whatever becomes of the others.
#[test]
fn what_was_removed_does_not_come_back() {
    let gmp = every(10, 25);
    let mut bench = Bench::new(WEIGHTS, [1; 6]);
    bench.init(&gmp, 0.5);
    bench.after_step(&gmp, &step(10));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
    bench.set_values([0.0; 6]);
    bench.after_step(&gmp, &step(20));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
}

/// All weights are equal: a threshold would remove all of them or none.
#[test]
fn counts_are_exact_among_equal_weights() {
    for global in [false, true] {
        let gmp = Gmp { global, ..every(10, 15) };
        let mut bench = Bench::new([2.0; 6], [1; 6]);
        bench.init(&gmp, 0.5);
        bench.after_step(&gmp, &step(10));
        assert_eq!(bench.active().iter().sum::<u8>(), 3, "global: {global}");
    }
}

/// A third is removed before the first step, and no more if less was asked for.
#[test]
fn a_sparse_start_takes_the_largest_weights() {
    let gmp = Gmp { initial_sparsity: 1.0 / 3.0, ..every(10, 15) };
    let mut bench = Bench::new(WEIGHTS, [1; 6]);
    bench.init(&gmp, 0.5);
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
    bench.after_step(&gmp, &step(10));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
    bench.init(&gmp, 1.0 / 6.0);
    assert_eq!(bench.active().iter().sum::<u8>(), 5);
}

#[test]
fn foresees_its_updates_and_a_training_that_is_too_short() {
    let mut bench = Bench::new(WEIGHTS, [1; 6]);
    for (interval, updates, density) in [(100, 7, 0.5), (800, 0, 1.0)] {
        let gmp = every(interval, 750);
        bench.init(&gmp, 0.5);
        assert_eq!(gmp.updates(&step(0)), Forecast::Exactly(updates));
        assert_eq!(gmp.density_at(&step(0).last(), bench.topology()), density);
    }
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |gmp: Gmp| gmp.validate().unwrap_err().to_string();
    let error = refused(Gmp { initial_sparsity: 1.5, ..Gmp::default() });
    assert_eq!(error, "initial_sparsity = 1.5 is not in [0, 1]");
    let error = refused(Gmp { curve: Curve::Constant, ..Gmp::default() });
    assert!(error.starts_with("curve = constant would never remove anything"), "{error}");
    assert!(refused(every(0, 100)).starts_with("interval = "));
}
