use super::*;
use dst_conformance::{Bench, step};

#[test]
fn keeps_the_contract() {
    for variant in [
        OneShot::default(),
        OneShot { global: true, ..OneShot::default() },
        OneShot {
            prune_at: Span::Epochs(1.0),
            distribution: Distribution::Erk,
            ..OneShot::default()
        },
        OneShot { prune_at: Span::Steps(0), ..OneShot::default() },
    ] {
        dst_conformance::check(&variant);
    }
}

/// Half of 1,000 steps: nothing happens before, and nothing after.
#[test]
fn prunes_once_and_exactly() {
    for global in [false, true] {
        let once = OneShot { global, ..OneShot::default() };
        let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
        bench.init(&once, 0.5);
        for index in 0..500 {
            bench.after_step(&once, &step(index));
        }
        assert_eq!(bench.active(), [1; 6]);
        bench.after_step(&once, &step(500));
        assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
        assert_eq!(bench.weights(), [6.0, 0.0, 5.0, 0.0, 4.0, 0.0]);
        for index in 501..1000 {
            bench.after_step(&once, &step(index));
        }
        assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
    }
}

/// A threshold would keep all of them or none.
#[test]
fn counts_are_exact_among_equal_weights() {
    let once = OneShot::default();
    let mut bench = Bench::new([0.0; 6], [1; 6]);
    bench.init(&once, 0.5);
    bench.after_step(&once, &step(500));
    assert_eq!(bench.active(), [1, 1, 1, 0, 0, 0]);
}

#[test]
fn a_moment_after_the_end_is_foreseen_as_never() {
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    for (prune_at, updates, density) in [
        (Span::Fraction(0.5), 1, 0.5),
        (Span::Steps(999), 1, 0.5),
        (Span::Fraction(1.0), 0, 1.0),
        (Span::Epochs(2.0), 0, 1.0),
    ] {
        let once = OneShot { prune_at, ..OneShot::default() };
        bench.init(&once, 0.5);
        assert_eq!(once.updates(&step(0)), Forecast::Exactly(updates), "{prune_at}");
        assert_eq!(once.density_at(&step(0).last(), bench.topology()), density, "{prune_at}");
    }
}
