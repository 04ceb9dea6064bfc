use super::*;
use dst_conformance::{Bench, step};

fn often() -> AcDc {
    AcDc {
        warmup: Span::Steps(6),
        sparse_phase: Span::Steps(9),
        dense_phase: Span::Steps(7),
        end: Span::Fraction(0.8),
    }
}

#[test]
fn keeps_the_contract() {
    for strategy in [AcDc::default(), often()] {
        dst_conformance::check(&strategy);
    }
}

/// Two hundred epochs of one batch: the CIFAR recipe of the authors has sparse phases from epoch 10
/// and every 40, dense ones from 30 and every 40, and is sparse for good from 170 on.
#[test]
fn phases_are_those_of_the_recipe() {
    let strategy = AcDc {
        warmup: Span::Epochs(10.0),
        sparse_phase: Span::Epochs(20.0),
        dense_phase: Span::Epochs(20.0),
        end: Span::Epochs(170.0),
    };
    let start = Step::first(1, 200);
    let phases = strategy.phases(&start);
    let begins: Vec<u32> = (0..200)
        .filter(|epoch| {
            let step = Step { epoch: *epoch, index: u64::from(*epoch), ..start };
            phases.beginning(&step).is_some()
        })
        .collect();
    assert_eq!(begins, [10, 30, 50, 70, 90, 110, 130, 150, 170]);
    assert_eq!(strategy.updates(&start), Forecast::Exactly(9));
}

/// | entry    | 0 | 1 | 2 | 3 | 4 | 5 |
/// |----------|---|---|---|---|---|---|
/// | weight   | 6 |-1 | 5 |-2 | 4 | 3 |
///
/// Half stays in the sparse phase from step 6; from step 15 all train, the pruned ones from 0.
#[test]
fn prunes_and_lets_everything_grow_back() {
    let strategy = often();
    let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
    bench.init(&strategy, 0.5);
    bench.after_step(&strategy, &step(5));
    assert_eq!(bench.active(), [1; 6]);
    bench.after_step(&strategy, &step(6));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 0]);
    bench.after_step(&strategy, &step(15));
    assert_eq!(bench.active(), [1; 6]);
    assert_eq!(bench.weights(), [6.0, 0.0, 5.0, 0.0, 4.0, 0.0]);
    assert_eq!(bench.topology().moments, Moments::ResetAll);
}

#[test]
fn the_last_phase_is_sparse_unless_the_training_ends_before_it() {
    let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
    bench.init(&often(), 0.5);
    let mut ends = |strategy: &AcDc, steps| {
        let start = Step::first(steps, 1);
        strategy.density_at(&start.last(), bench.topology())
    };
    assert_eq!(ends(&often(), 100), 0.5);
    let late = AcDc { warmup: Span::Steps(60), end: Span::Steps(60), ..often() };
    assert_eq!(ends(&late, 100), 0.5);
    // Dense again from step 15, and no end before the last step.
    assert_eq!(ends(&AcDc { end: Span::Steps(200), ..often() }, 20), 1.0);
}

#[test]
fn phases_without_length_are_refused() {
    for (key, strategy) in [
        ("sparse_phase", AcDc { sparse_phase: Span::Steps(0), ..often() }),
        ("dense_phase", AcDc { dense_phase: Span::Fraction(0.0), ..often() }),
    ] {
        let error = strategy.validate().unwrap_err().to_string();
        assert!(error.starts_with(key), "{error}");
    }
}
