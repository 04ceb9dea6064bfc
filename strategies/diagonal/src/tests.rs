use super::*;
use dst_conformance::{Bench, step};
use dst_core::{BatchUse, Curve, Distribution, Forecast, Span, Step};

/// At 75 % sparsity every layer of the toy network keeps a whole number of diagonals.
fn often() -> Exchange {
    Exchange {
        interval: Span::Steps(5),
        distribution: Distribution::Uniform,
        // Of the convolutions two diagonals are active: a smaller share would be none.
        drop_fraction: 0.5,
        decay: Curve::Constant,
        ..Diagonal::default().exchange
    }
}

#[test]
fn keeps_the_contract() {
    for exchange in [often(), Exchange { replaces_step: false, growth_batches: 2, ..often() }] {
        dst_conformance::check(&Diagonal { exchange });
    }
}

fn halving() -> Diagonal {
    let exchange = Exchange {
        drop_fraction: 0.5,
        decay: Curve::Constant,
        interval: Span::Steps(10),
        ..Diagonal::default().exchange
    };
    Diagonal { exchange }
}

/// Three diagonals of two rows: (0, 4), (1, 5) and (2, 3). The first two are active.
///
/// | weight |   |   | gradient |   |   |
/// |--------|---|---|----------|---|---|
/// | 4      |-5 | · | 0        | 7 | 4 |
/// | ·      | 3 | 1 | 4        | 0 | 0 |
///
/// Their magnitudes add up to 7 and 6, so the second goes, although it holds the largest weight.
/// Gradients add up to 7 and 8: the third comes.
#[test]
fn diagonals_are_exchanged_as_a_whole() {
    let mut bench = Bench::new([4.0, -5.0, 0.0, 0.0, 3.0, 1.0], [1, 1, 0, 0, 1, 1]);
    bench.set_gradient([0.0, 7.0, 4.0, 4.0, 0.0, 0.0]);
    assert_eq!(bench.after_backward(&halving(), &step(9)), BatchUse::Weights);
    assert_eq!(bench.after_backward(&halving(), &step(10)), BatchUse::Topology);
    assert_eq!(bench.active(), [1, 0, 1, 1, 1, 0]);
    assert_eq!(bench.weights(), [4.0, 0.0, 0.0, 0.0, 3.0, 0.0]);
}

/// Four of six weights are two of three diagonals; one of six is nearest to none or one, and a layer
/// keeps one.
#[test]
fn starts_with_whole_diagonals() {
    let started = |sparsity| {
        let mut bench = Bench::new([1.0; 6], [1; 6]);
        bench.init(&halving(), sparsity);
        let density = halving().density_at(&Step::first(1000, 1).last(), bench.topology());
        (bench.active(), (density * 6.0).round() as u8)
    };
    let diagonals = [[1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 1], [0, 0, 1, 1, 0, 0]];
    let (active, count) = started(2.0 / 6.0);
    assert_eq!(count, 4);
    let missing = active.map(|bit| 1 - bit);
    assert!(diagonals.contains(&missing), "{active:?}");
    let (active, count) = started(5.0 / 6.0);
    assert_eq!(count, 2);
    assert!(diagonals.contains(&active), "{active:?}");
}

#[test]
fn updates_are_known_and_bad_values_are_refused() {
    assert_eq!(halving().updates(&Step::first(1000, 1)), Forecast::Exactly(74));
    let exchange = Exchange { drop_fraction: 1.5, ..Diagonal::default().exchange };
    let error = Diagonal { exchange }.validate().unwrap_err().to_string();
    assert_eq!(error, "drop_fraction = 1.5 is not in [0, 1]");
}
