use super::*;
use dst_conformance::{Bench, step};
use dst_core::tch::{Device, Kind, Tensor, no_grad};
use dst_core::{Builder, Forecast, Parameters, SeedStreams};

fn often(exchange: Exchange) -> Dsr {
    Dsr { exchange: Exchange { interval: Span::Steps(5), ..exchange }, threshold: 0.02 }
}

#[test]
fn keeps_the_contract() {
    let base = Dsr::default().exchange;
    for exchange in [
        base.clone(),
        Exchange { distribution: Distribution::Erk, drop_fraction: 0.3, ..base.clone() },
        Exchange { regrowth: Regrowth::Forbidden, dense_last_layer: true, ..base.clone() },
        Exchange { grow_new_first: true, decay: Curve::Cosine, ..base },
    ] {
        dst_conformance::check(&often(exchange));
    }
}

/// Updates every ten steps; a returning connection would hide what was dropped.
fn tenth(threshold: f64, drop_fraction: f64) -> Dsr {
    let exchange = Exchange {
        interval: Span::Steps(10),
        drop_fraction,
        regrowth: Regrowth::Forbidden,
        ..Dsr::default().exchange
    };
    Dsr { exchange, threshold }
}

/// Of 4, -0.5, 3 and -2 only one lies below 1. The free entries are 4 and 5.
#[test]
fn what_lies_below_the_threshold_goes() {
    let dsr = tenth(1.0, 0.25);
    let mut bench = Bench::new([4.0, -0.5, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
    bench.after_step(&dsr, &step(9));
    assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
    bench.after_step(&dsr, &step(10));
    let active = bench.active();
    assert_eq!(active[..4], [1, 0, 1, 1]);
    assert_eq!(active[4] + active[5], 1);
    assert_eq!(bench.weights(), [4.0, 0.0, 3.0, -2.0, 0.0, 0.0]);
}

/// One of four goes. An aim of one keeps H; an aim of 0.88 or less halves it, one of 1.2 doubles it.
#[test]
fn the_threshold_follows_what_an_update_dropped() {
    let after = |drop_fraction| {
        let dsr = tenth(1.0, drop_fraction);
        let mut bench = Bench::new([4.0, -0.5, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.after_step(&dsr, &step(10));
        bench.topology().value(THRESHOLD)
    };
    assert_eq!(after(0.25), None);
    assert_eq!(after(0.22), Some(0.5));
    assert_eq!(after(0.3), Some(2.0));
}

/// H is 1 at first, and a weight of 0.7 would go. The first update drops too much and halves it.
#[test]
fn the_next_update_has_the_new_threshold() {
    let stays = |drop_fraction| {
        let dsr = tenth(1.0, drop_fraction);
        let mut bench = Bench::new([4.0, -0.5, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
        bench.after_step(&dsr, &step(10));
        let active = bench.active();
        let mut values = active.map(|bit| f32::from(bit) * 4.0);
        values[0] = 0.7;
        bench.set_values(values);
        bench.after_step(&dsr, &step(20));
        bench.active() == active
    };
    assert!(stays(0.22));
    assert!(!stays(0.25));
}

/// A layer of six weights 1 … 6 and one of six weights from `low`, three times apart, of which the
/// first four are active.
fn two_layers(low: f64) -> Topology {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(1);
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    let _layers = [builder.linear("a", 6, 1), builder.linear("b", 6, 1)];
    let mut topology = Topology::new(&parameters, 4.0 / 6.0, &streams).unwrap();
    let rising = Tensor::arange_start(1, 7, (Kind::Float, Device::Cpu)).reshape([1, 6]);
    for (layer, scale) in topology.layers_mut().iter_mut().zip([1.0, low]) {
        layer.values().copy_(&(&rising * scale));
        layer.set_target(4).unwrap();
        layer.activate(&rising.le(4.0)).unwrap();
    }
    topology.start().unwrap();
    topology
}

fn updated(dsr: &Dsr, topology: &mut Topology) -> Vec<usize> {
    no_grad(|| dsr.after_step(&step(10), topology)).unwrap();
    topology.commit().unwrap();
    topology.layers().iter().map(Layer::active_count).collect()
}

/// Below 2.5 lie two of the four weights of `a` and none of 3, 6, 9 and 12: the survivors are 2 : 4, so
/// that of two connections 0.67 and 1.33 are due, and the larger remainder is that of `a`.
#[test]
fn connections_move_in_proportion_to_survivors() {
    let dsr = Dsr {
        exchange: Exchange { regrowth: Regrowth::Reinitialised, ..tenth(2.5, 0.25).exchange },
        ..tenth(2.5, 0.25)
    };
    assert_eq!(updated(&dsr, &mut two_layers(3.0)), [3, 5]);
    // Of `b` nothing survives; it keeps one connection, and `a` takes the other three.
    let dsr = Dsr { threshold: 0.9, ..dsr };
    let counts = updated(&dsr, &mut two_layers(0.1));
    assert_eq!(counts.iter().sum::<usize>(), 8);
    assert!(counts[1] >= 1, "{counts:?}");
    assert!(counts[0] > counts[1], "{counts:?}");
}

/// Equal magnitudes at the threshold stay: a strict comparison, so that 0 is no special case.
#[test]
fn a_weight_at_the_threshold_stays() {
    let dsr = tenth(2.0, 0.25);
    let mut bench = Bench::new([4.0, -2.0, 3.0, -2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0]);
    bench.after_step(&dsr, &step(10));
    assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
    assert_eq!(bench.topology().value(THRESHOLD), Some(4.0));
}

#[test]
fn updates_are_known_and_bad_values_are_refused() {
    let dsr = tenth(1.0, 0.25);
    assert_eq!(dsr.updates(&Step::first(1000, 1)), Forecast::Exactly(99));
    for threshold in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = Dsr { threshold, ..Dsr::default() }.validate().unwrap_err().to_string();
        assert_eq!(error, format!("threshold = {threshold} is not a number above 0"));
    }
    let error = tenth(1.0, 1.5).validate().unwrap_err().to_string();
    assert_eq!(error, "drop_fraction = 1.5 is not in [0, 1]");
}
