use super::*;
use dst_conformance::{Bench, step};
use dst_core::{BatchUse, Forecast, GradientScope, InitialMask};

fn often() -> GraNet {
    let exchange = Exchange { interval: Span::Steps(5), ..GraNet::default().exchange };
    GraNet { exchange, ..GraNet::default() }
}

#[test]
fn keeps_the_contract() {
    for initial_sparsity in [0.0, 0.5, 1.0] {
        dst_conformance::check(&GraNet { initial_sparsity, ..often() });
    }
}

#[test]
fn keeps_the_contract_in_every_variant() {
    let base = often().exchange;
    for exchange in [
        Exchange { regrowth: Regrowth::Allowed, ..base.clone() },
        Exchange { regrowth: Regrowth::Forbidden, dense_last_layer: true, ..base.clone() },
        Exchange { replaces_step: true, growth_batches: 2, ..base.clone() },
        Exchange { end: Span::Fraction(0.5), ..base.clone() },
    ] {
        dst_conformance::check(&GraNet { exchange, ..often() });
    }
}

/// A dense start that is pruned to a half by the only update at step 10.
fn once(regrowth: Regrowth) -> GraNet {
    GraNet {
        exchange: Exchange { interval: Span::Steps(10), regrowth, ..GraNet::default().exchange },
        initial_sparsity: 0.0,
        prune_end: Span::Steps(15),
    }
}

/// The pruning removes 1, 3 and 5, the exchange a half of the three that are left, rounded up: 2 and
/// 4. The largest gradients of what is free are those of 3 and 1.
///
/// | entry    | 0 | 1  | 2 | 3  | 4 | 5 |
/// |----------|---|----|---|----|---|---|
/// | weight   | 6 | -1 | 5 | -2 | 4 | 3 |
/// | gradient | 0 | -7 | 1 |  9 | 0 | 5 |
#[test]
fn prunes_and_then_exchanges() {
    let shown = |regrowth| {
        let granet = once(regrowth);
        let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
        bench.init(&granet, 0.5);
        assert_eq!(bench.active(), [1; 6]);
        bench.set_gradient([0.0, -7.0, 1.0, 9.0, 0.0, 5.0]);
        assert_eq!(bench.after_backward(&granet, &step(10)), BatchUse::Weights);
        assert_eq!(bench.active(), [1; 6], "an update follows the step");
        bench.after_step(&granet, &step(10));
        (bench.active(), bench.weights())
    };
    let (active, weights) = shown(Regrowth::Reinitialised);
    assert_eq!(active, [1, 1, 0, 1, 0, 0]);
    assert_eq!(weights, [6.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let (active, weights) = shown(Regrowth::Allowed);
    assert_eq!(active, [1, 1, 0, 1, 0, 0]);
    assert_eq!(weights, [6.0, -1.0, 0.0, -2.0, 0.0, 0.0]);
    // Nothing that was active may return, and every place was.
    assert_eq!(shown(Regrowth::Forbidden).0, [1, 0, 1, 0, 1, 0]);
}

/// Connections that have just grown are 0, and so is the threshold: what is strictly above it would be
/// two weights of the four that are to stay.
#[test]
fn counts_are_exact_where_weights_are_zero() {
    let granet = GraNet {
        exchange: Exchange {
            drop_fraction: 0.0,
            final_drop_fraction: 0.0,
            ..once(Regrowth::Allowed).exchange
        },
        ..once(Regrowth::Allowed)
    };
    let mut bench = Bench::new([4.0, 0.0, 0.0, 0.0, 3.0, 0.0], [1; 6]);
    bench.init(&granet, 1.0 / 3.0);
    bench.set_gradient([0.0; 6]);
    bench.after_backward(&granet, &step(10));
    bench.after_step(&granet, &step(10));
    assert_eq!(bench.active().iter().sum::<u8>(), 4);
    assert_eq!([bench.active()[0], bench.active()[4]], [1, 1]);
}

/// Two updates before the pruning ends and one after: of six weights 3 + 3 (1/2)³ = 3.4 and 3 stay.
#[test]
fn the_sparsity_is_reached_before_the_pruning_ends() {
    let granet = GraNet { prune_end: Span::Steps(25), ..once(Regrowth::Reinitialised) };
    let mut bench = Bench::new([6.0, -1.0, 5.0, -2.0, 4.0, 3.0], [1; 6]);
    bench.init(&granet, 0.5);
    for (index, count) in [(10, 3), (20, 3), (30, 3)] {
        bench.set_gradient([0.0, -7.0, 1.0, 9.0, 0.0, 5.0]);
        bench.after_backward(&granet, &step(index));
        bench.after_step(&granet, &step(index));
        assert_eq!(bench.active().iter().sum::<u8>(), count, "step {index}");
    }
}

#[test]
fn the_start_is_half_dense_unless_more_is_to_stay() {
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    for (sparsity, active) in [(0.5, 3), (2.0 / 3.0, 3), (1.0 / 6.0, 5), (0.0, 6)] {
        bench.init(&GraNet::default(), sparsity);
        assert_eq!(bench.active().iter().sum::<u8>(), active, "{sparsity}");
    }
}

#[test]
fn the_dense_gradient_is_announced_for_updates_only() {
    let granet = GraNet::default();
    let announced = |index| granet.gradient_scope(&step(index)) == GradientScope::All;
    assert_eq!([99, 100, 101, 900].map(announced), [false, true, false, true]);
}

#[test]
fn foresees_where_a_short_training_ends() {
    let ends = |interval| {
        let exchange = Exchange { interval: Span::Steps(interval), ..GraNet::default().exchange };
        let granet = GraNet { exchange, ..GraNet::default() };
        let mut bench = Bench::new([1.0; 6], [1; 6]);
        bench.init(&granet, 2.0 / 3.0);
        (granet.updates(&step(0)), granet.density_at(&step(0).last(), bench.topology()))
    };
    let third = 1.0 - 2.0 / 3.0;
    assert_eq!(ends(100), (Forecast::Exactly(9), third));
    // The only update comes after the pruning should have ended, and prunes all the same.
    assert_eq!(ends(900), (Forecast::Exactly(1), third));
    assert_eq!(ends(1000), (Forecast::Exactly(0), 0.5));
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |granet: GraNet| granet.validate().unwrap_err().to_string();
    let error = refused(GraNet { initial_sparsity: -0.1, ..GraNet::default() });
    assert_eq!(error, "initial_sparsity = -0.1 is not in [0, 1]");
    let exchange = Exchange { drop_fraction: 2.0, ..GraNet::default().exchange };
    let error = refused(GraNet { exchange, ..GraNet::default() });
    assert_eq!(error, "drop_fraction = 2 is not in [0, 1]");
    assert_eq!(GraNet::default().exchange.start, InitialMask::Random);
}
