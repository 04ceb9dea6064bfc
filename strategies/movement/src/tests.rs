use super::*;
use dst_conformance::{Bench, step};

#[test]
fn keeps_the_contract() {
    let base = Movement::default();
    for variant in [
        base.clone(),
        Movement { interval: Span::Steps(4), distribution: Distribution::Erk, ..base.clone() },
        Movement { warm_up: Span::Steps(0), cool_down: Span::Steps(0), ..base.clone() },
        Movement { warm_up: Span::Epochs(1.0), interval: Span::Epochs(1.0), ..base.clone() },
        // The cool-down begins in the warm-up: everything is pruned at once.
        Movement { warm_up: Span::Fraction(0.5), cool_down: Span::Fraction(0.75), ..base },
    ] {
        dst_conformance::check(&variant);
    }
}

/// The network is dense until step 10 of 1,000 and pruned by the one choice before the cool-down.
fn once() -> Movement {
    Movement {
        warm_up: Span::Steps(10),
        cool_down: Span::Steps(985),
        interval: Span::Steps(10),
        distribution: Distribution::Uniform,
    }
}

/// | entry        | 0 | 1  | 2  | 3 | 4 | 5  |
/// |--------------|---|----|----|---|---|----|
/// | weight       | 6 | -1 | -5 | 2 | 4 | 0.5|
/// | gradient     | 1 |  3 | -1 | -2| 0 | -8 |
/// | −w · gradient|-6 |  3 | -5 | 4 | 0 | 4  |
///
/// The largest weights, 0 and 2, shrink and go; 5 is small and grows.
fn bench(movement: &Movement) -> Bench {
    let mut bench = Bench::new([6.0, -1.0, -5.0, 2.0, 4.0, 0.5], [1; 6]);
    bench.init(movement, 0.5);
    bench.set_gradient([1.0, 3.0, -1.0, -2.0, 0.0, -8.0]);
    bench
}

#[test]
fn keeps_what_moves_away_from_zero() {
    let movement = once();
    let mut bench = bench(&movement);
    assert_eq!(bench.after_backward(&movement, &step(10)), BatchUse::Weights);
    bench.after_step(&movement, &step(10));
    assert_eq!(bench.active(), [0, 1, 0, 1, 0, 1]);
    assert_eq!(bench.weights(), [0.0, -1.0, 0.0, 2.0, 0.0, 0.5]);
    assert_eq!(bench.values(), [6.0, -1.0, -5.0, 2.0, 4.0, 0.5]);
    assert_eq!(bench.trainable(), bench.active(), "removed weights do not move");
}

/// Scores after a second step are -6 + 60, 3, -5, 4 - 8, 0 and 4: entry 0 comes back with its value, and
/// 3 goes.
#[test]
fn scores_are_sums_and_removed_weights_come_back() {
    let movement = once();
    let mut bench = bench(&movement);
    bench.after_backward(&movement, &step(10));
    bench.after_step(&movement, &step(10));
    bench.set_gradient([-10.0, 0.0, 0.0, 4.0, 0.0, 0.0]);
    bench.after_backward(&movement, &step(20));
    bench.after_step(&movement, &step(20));
    assert_eq!(bench.active(), [1, 1, 0, 0, 0, 1]);
    assert_eq!(bench.weights(), [6.0, -1.0, 0.0, 0.0, 0.0, 0.5]);
}

/// Two choices from six weights to three: 3 + 3 (1/2)³ = 3.4, and exactly three from then on.
#[test]
fn is_dense_in_the_warm_up_and_sparse_from_the_last_choice_before_the_cool_down() {
    let movement = Movement { cool_down: Span::Steps(975), ..once() };
    let mut bench = bench(&movement);
    let counts: Vec<u8> = (0..40)
        .map(|index| {
            bench.set_gradient([1.0, 3.0, -1.0, -2.0, 0.0, -8.0]);
            bench.after_backward(&movement, &step(index));
            bench.after_step(&movement, &step(index));
            bench.active().iter().sum()
        })
        .collect();
    assert_eq!([0, 9, 10, 19, 20, 30, 39].map(|index| counts[index]), [6, 6, 3, 3, 3, 3, 3]);
    let gradual = Movement { cool_down: Span::Steps(955), ..once() };
    let arrivals = [10, 20, 30, 40, 50, 999].map(|index| gradual.arrival(&step(index)));
    assert_eq!(arrivals, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]);
}

/// All scores are 0 before anything has moved.
#[test]
fn counts_are_exact_among_equal_scores() {
    let movement = once();
    let mut bench = bench(&movement);
    bench.after_step(&movement, &step(10));
    assert_eq!(bench.active(), [1, 1, 1, 0, 0, 0]);
}

#[test]
fn gradients_are_announced_as_long_as_a_choice_follows() {
    let movement = Movement { interval: Span::Steps(300), ..once() };
    let announced = |index| movement.gradient_scope(&step(index)) == GradientScope::All;
    // Choices at steps 10, 310, 610 and 910.
    assert_eq!([0, 10, 500, 910, 911, 999].map(announced), [true, true, true, true, false, false]);
}

#[test]
fn foresees_a_warm_up_that_never_ends() {
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    for (warm_up, updates, density) in [(10, 99, 0.5), (1000, 0, 1.0)] {
        let movement = Movement { warm_up: Span::Steps(warm_up), ..once() };
        bench.init(&movement, 0.5);
        assert_eq!(movement.updates(&step(0)), Forecast::Exactly(updates));
        assert_eq!(movement.density_at(&step(0).last(), bench.topology()), density);
    }
}

#[test]
fn an_interval_of_no_length_is_refused() {
    let error =
        Movement { interval: Span::Steps(0), ..Movement::default() }.validate().unwrap_err();
    assert!(error.to_string().starts_with("interval = \"0 steps\""), "{error}");
}
