use super::*;
use dst_conformance::{Bench, step};
use dst_core::tch::{Device, no_grad};
use dst_core::{
    BatchUse, Builder, Curve, GradientScope, InitialMask, Moments, Parameters, Regrowth,
    SeedStreams, Topology,
};

/// Updates every ten steps, drops half, always.
fn halving() -> Snfs {
    Snfs {
        exchange: Exchange {
            drop_fraction: 0.5,
            decay: Curve::Constant,
            interval: Span::Steps(10),
            ..Snfs::default().exchange
        },
        ..Snfs::default()
    }
}

#[test]
fn keeps_the_contract() {
    dst_conformance::check(&Snfs::default());
}

#[test]
fn keeps_the_contract_in_every_variant() {
    let often = Snfs {
        exchange: Exchange { interval: Span::Steps(5), ..Snfs::default().exchange },
        ..Snfs::default()
    };
    for variant in [
        often.clone(),
        Snfs {
            exchange: Exchange { start: InitialMask::Magnitude, ..often.exchange.clone() },
            ..often.clone()
        },
        Snfs {
            exchange: Exchange { start: InitialMask::SnipGlobal, ..often.exchange.clone() },
            ..often.clone()
        },
        Snfs { redistribution: Redistribution::None, momentum: 0.0, ..often.clone() },
        Snfs {
            exchange: Exchange { end: Span::Fraction(0.75), ..often.exchange.clone() },
            redistribution: Redistribution::Magnitude,
            ..often.clone()
        },
        Snfs {
            exchange: Exchange {
                regrowth: Regrowth::Forbidden,
                moments: Moments::Keep,
                ..often.exchange.clone()
            },
            ..often.clone()
        },
        Snfs {
            exchange: Exchange {
                dense_last_layer: true,
                distribution: Distribution::Erk,
                replaces_step: true,
                ..often.exchange.clone()
            },
            ..often.clone()
        },
        Snfs {
            exchange: Exchange {
                regrowth: Regrowth::Reinitialised,
                distribution: Distribution::Erk,
                ..often.exchange.clone()
            },
            ..often
        },
    ] {
        dst_conformance::check(&variant);
    }
}

#[test]
fn values_out_of_range_are_refused() {
    for (snfs, expected) in [
        (
            Snfs {
                exchange: Exchange { drop_fraction: 1.5, ..Snfs::default().exchange },
                ..Snfs::default()
            },
            "drop_fraction = 1.5 is not in [0, 1]",
        ),
        (
            Snfs {
                exchange: Exchange { final_drop_fraction: -0.1, ..Snfs::default().exchange },
                ..Snfs::default()
            },
            "final_drop_fraction = -0.1",
        ),
        (Snfs { momentum: 1.0, ..Snfs::default() }, "momentum = 1 is not in [0, 1)"),
        (
            Snfs {
                exchange: Exchange { interval: Span::Steps(0), ..Snfs::default().exchange },
                ..Snfs::default()
            },
            "would update without end",
        ),
    ] {
        let error = snfs.validate().unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// Six weights, four active, drop fraction 0.5, momentum decay 0.5.
///
/// | entry                  | 0 | 1  | 2 | 3   | 4   | 5  |
/// |------------------------|---|----|---|-----|-----|----|
/// | weight                 | 4 | -1 | 3 | -2  | ·   | ·  |
/// | gradient of step 9     | 0 | -6 | 0 | 1   | 2   | -8 |
/// | gradient of step 10    | 0 | 0  | 0 | 0   | 9   | 0  |
/// | |momentum|             | 0 | 1.5| 0 | 0.25| 5   | 2  |
///
/// Entries 1 and 3 have the smallest magnitudes and go; of the free entries 1, 3, 4 and 5, the
/// momentum is largest at 4 and 5, where the last gradient alone would let entry 1 return.
#[test]
fn drops_small_weights_and_grows_large_momentum() {
    let snfs = Snfs { momentum: 0.5, ..halving() };
    let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
    bench.set_gradient([0.0, -6.0, 0.0, 1.0, 2.0, -8.0]);
    assert_eq!(bench.after_backward(&snfs, &step(9)), BatchUse::Weights);
    bench.after_step(&snfs, &step(9));
    assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);

    bench.set_gradient([0.0, 0.0, 0.0, 0.0, 9.0, 0.0]);
    assert_eq!(bench.after_backward(&snfs, &step(10)), BatchUse::Weights);
    assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0], "the update follows the step");
    let mean = bench.topology().layers()[0].slot(MOMENTUM).unwrap().flatten(0, -1);
    assert_eq!(Vec::<f32>::try_from(mean).unwrap(), [0.0, -1.5, 0.0, 0.25, 5.0, -2.0]);
    bench.after_step(&snfs, &step(10));
    assert_eq!(bench.active(), [1, 0, 1, 0, 1, 1]);
    assert_eq!(bench.weights(), [4.0, 0.0, 3.0, 0.0, 0.0, 0.0]);
}

/// The drop fraction falls from 0.5 to 0.25 on the curve's way: of four weights, two go while it is
/// above 0.25 (the count is rounded up) and one once it is there.
#[test]
fn the_drop_fraction_decays_to_its_final_value() {
    let dropped = |curve, index| {
        let snfs = Snfs {
            exchange: Exchange {
                decay: curve,
                final_drop_fraction: 0.25,
                regrowth: Regrowth::Forbidden,
                ..halving().exchange
            },
            ..halving()
        };
        let mut bench = Bench::new([4.0, 3.0, 2.0, 1.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.set_gradient([0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
        bench.after_backward(&snfs, &step(index));
        bench.after_step(&snfs, &step(index));
        bench.active()
    };
    assert_eq!(dropped(Curve::Constant, 990), [1, 1, 0, 0, 1, 1]);
    assert_eq!(dropped(Curve::Linear, 10), [1, 1, 0, 0, 1, 1]);
    assert_eq!(dropped(Curve::InversePower(10.0), 990), [1, 1, 1, 0, 0, 1]);
}

#[test]
fn dense_gradients_are_needed_until_the_end() {
    let snfs =
        Snfs { exchange: Exchange { end: Span::Fraction(0.5), ..halving().exchange }, ..halving() };
    let wanted: Vec<u64> = [0, 1, 499, 500, 999]
        .into_iter()
        .filter(|index| snfs.gradient_scope(&step(*index)) == GradientScope::All)
        .collect();
    assert_eq!(wanted, [0, 1, 499]);
}

/// Two layers of six weights: 1, 2, … 6 and three times as much, of which the first `active` are
/// active. The gradient of every weight of a layer is that of `gradients`.
fn two_layers(active: [i64; 2], gradients: [f64; 2]) -> Topology {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(1);
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    let layers = [builder.linear("a", 6, 1), builder.linear("b", 6, 1)];
    let mut topology = Topology::new(&parameters, 0.5, &streams).unwrap();
    let rising = Tensor::arange_start(1, 7, (Kind::Float, Device::Cpu)).reshape([1, 6]);
    for index in 0..2 {
        let layer = &mut topology.layers_mut()[index];
        let scale = [1.0, 3.0][index];
        layer.values().copy_(&(&rising * scale));
        layer.set_target(active[index] as usize).unwrap();
        layer.activate(&rising.le(active[index])).unwrap();
        (layers[index].weight.dense() * gradients[index]).sum(Kind::Float).backward();
    }
    topology.start().unwrap();
    topology.announce(GradientScope::All).unwrap();
    topology
}

/// Active counts after one update.
fn updated(snfs: &Snfs, topology: &mut Topology) -> Vec<usize> {
    no_grad(|| {
        snfs.after_backward(&step(10), topology).unwrap();
        snfs.after_step(&step(10), topology).unwrap();
    });
    topology.commit().unwrap();
    topology.layers().iter().map(Layer::active_count).collect()
}

/// Both layers drop two of four. Mean |momentum| is 1 : 3, so one connection grows in the first
/// layer and three in the second.
#[test]
fn connections_move_to_the_layer_with_the_larger_momentum() {
    assert_eq!(updated(&halving(), &mut two_layers([4, 4], [-1.0, 3.0])), [3, 5]);
    let still = Snfs { redistribution: Redistribution::None, ..halving() };
    assert_eq!(updated(&still, &mut two_layers([4, 4], [-1.0, 3.0])), [4, 4]);
    // By the mean |weight|, which is 2.5 and 7.5, whatever the momentum.
    let magnitude = Snfs { redistribution: Redistribution::Magnitude, ..halving() };
    assert_eq!(updated(&magnitude, &mut two_layers([4, 4], [3.0, 1.0])), [3, 5]);
}

/// The second layer is dense and deserves more than the mean: it drops nothing and takes
/// nothing; the first gets back the two that it dropped.
#[test]
fn a_dense_layer_with_large_momentum_stays_dense() {
    assert_eq!(updated(&halving(), &mut two_layers([4, 6], [1.0, 9.0])), [4, 6]);
    // With little momentum it drops three like any other, and the first layer takes most of the
    // five: its share of 4.5 is cut to 0.99 · 4 positions, so 3 stay and 2 go back.
    assert_eq!(updated(&halving(), &mut two_layers([4, 6], [9.0, 1.0])), [5, 5]);
}

/// A layer of fixed density exchanges by itself, whatever the others deserve.
#[test]
fn a_layer_of_fixed_density_keeps_its_connections() {
    let exchange =
        Exchange { layer_densities: [("b.weight".into(), 0.5)].into(), ..halving().exchange };
    let fixed = Snfs { exchange, ..halving() };
    assert_eq!(updated(&fixed, &mut two_layers([4, 4], [-1.0, 3.0])), [4, 4]);
}
