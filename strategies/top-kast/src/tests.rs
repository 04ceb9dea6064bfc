use super::*;
use dst_conformance::{Bench, step};

#[test]
fn keeps_the_contract() {
    for variant in [
        TopKast::default(),
        TopKast { interval: Span::Steps(5), ..TopKast::default() },
        TopKast { extra_density: 1.0, distribution: Distribution::Uniform, ..TopKast::default() },
        TopKast { extra_density: 0.0, penalty: 0.0, ..TopKast::default() },
    ] {
        dst_conformance::check(&variant);
    }
}

/// Of six weights two compute and two more are trained.
///
/// | entry  | 0 | 1  | 2 | 3  | 4   | 5 |
/// |--------|---|----|---|----|-----|---|
/// | weight | 4 | -1 | 3 | -2 | 0.5 | 0 |
/// | set    | A |  B | A |  B |     |   |
fn bench(kast: &TopKast) -> Bench {
    let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.5, 0.0], [1; 6]);
    bench.init(kast, 1.0 - 2.0 / 6.0);
    bench
}

fn third_more() -> TopKast {
    TopKast { extra_density: 0.34, penalty: 0.25, ..TopKast::default() }
}

#[test]
fn the_largest_compute_and_the_next_are_trained() {
    let bench = bench(&third_more());
    assert_eq!(bench.active(), [1, 0, 1, 0, 0, 0]);
    assert_eq!(bench.weights(), [4.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
    assert_eq!(bench.trainable(), [1, 1, 1, 1, 0, 0]);
    assert_eq!(bench.values(), [4.0, -1.0, 3.0, -2.0, 0.5, 0.0]);
}

/// A quarter of the weight where it computes, and three times as much elsewhere, because a third of
/// the weights compute.
#[test]
fn the_penalty_is_harder_on_what_is_only_trained() {
    let kast = third_more();
    let mut bench = bench(&kast);
    bench.set_gradient([0.0; 6]);
    assert_eq!(bench.after_backward(&kast, &step(1)), BatchUse::Weights);
    assert_eq!(bench.gradient(), [1.0, -0.75, 0.75, -1.5, 0.375, 0.0]);
}

#[test]
fn a_trained_weight_that_outgrows_another_takes_its_place() {
    let kast = third_more();
    let mut bench = bench(&kast);
    bench.set_values([4.0, -3.5, 3.0, -2.0, 0.5, 0.0]);
    bench.after_step(&kast, &step(1));
    assert_eq!(bench.active(), [1, 1, 0, 0, 0, 0]);
    assert_eq!(bench.weights(), [4.0, -3.5, 0.0, 0.0, 0.0, 0.0]);
    // The one that made room is still there, and trained.
    assert_eq!(bench.values(), [4.0, -3.5, 3.0, -2.0, 0.5, 0.0]);
    assert_eq!(bench.trainable(), [1, 1, 1, 1, 0, 0]);
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |kast: TopKast| kast.validate().unwrap_err().to_string();
    let error = refused(TopKast { extra_density: 1.5, ..TopKast::default() });
    assert_eq!(error, "extra_density = 1.5 is not in [0, 1]");
    let error = refused(TopKast { penalty: f64::NAN, ..TopKast::default() });
    assert_eq!(error, "penalty = NaN is not a positive number or 0");
}
