use super::*;
use dst_conformance::{Bench, step};
use dst_core::{BatchUse, Distribution, GradientScope, InitialMask};

#[test]
fn keeps_the_contract() {
    let base = Static::default().exchange;
    for exchange in [
        base.clone(),
        Exchange { distribution: Distribution::Uniform, ..base.clone() },
        Exchange { start: InitialMask::Magnitude, dense_last_layer: true, ..base },
    ] {
        dst_conformance::check(&Static { exchange });
    }
}

#[test]
fn connections_are_drawn_once_and_stay() {
    let fixed = Static::default();
    let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
    bench.init(&fixed, 0.5);
    let drawn = bench.active();
    assert_eq!(drawn.iter().sum::<u8>(), 3);
    bench.set_gradient([9.0; 6]);
    for index in [0, 100, 999] {
        assert_eq!(fixed.gradient_scope(&step(index)), GradientScope::Active);
        assert_eq!(bench.after_backward(&fixed, &step(index)), BatchUse::Weights);
        bench.after_step(&fixed, &step(index));
        assert_eq!(bench.active(), drawn);
    }
}

/// A coin for each weight would give three of six in one draw of three only.
#[test]
fn the_count_is_exact_for_every_seed() {
    let drawn = |seed| {
        let mut bench = Bench::with_seed([1.0; 6], [1; 6], seed);
        bench.init(&Static::default(), 0.5);
        bench.active()
    };
    let masks: std::collections::BTreeSet<[u8; 6]> = (0..20).map(drawn).collect();
    assert!(masks.iter().all(|mask| mask.iter().sum::<u8>() == 3), "{masks:?}");
    assert!(masks.len() > 5, "seeds draw different connections: {masks:?}");
}
