use super::*;
use dst_conformance::{Bench, step};
use dst_core::{BatchUse, Curve, Span};

fn often() -> Srigl {
    let exchange = Exchange { interval: Span::Steps(5), ..Srigl::default().exchange };
    Srigl { exchange, ..Srigl::default() }
}

#[test]
fn keeps_the_contract() {
    let often = often();
    for variant in [
        often.clone(),
        Srigl { ablation: 0.0, ..often.clone() },
        Srigl { ablation: 0.9, ..often.clone() },
        Srigl {
            exchange: Exchange {
                replaces_step: false,
                growth_batches: 2,
                dense_last_layer: true,
                ..often.exchange.clone()
            },
            ..often
        },
    ] {
        dst_conformance::check(&variant);
    }
}

fn halving(ablation: f64) -> Srigl {
    let exchange = Exchange {
        drop_fraction: 0.5,
        decay: Curve::Constant,
        interval: Span::Steps(10),
        ..Srigl::default().exchange
    };
    Srigl { exchange, ablation }
}

/// Two neurons of three inputs, two connections each; half of the four go.
///
/// | neuron   | 0 |   |   | 1 |   |   |
/// |----------|---|---|---|---|---|---|
/// | weight   | 4 |-1 | · | 3 |-2 | · |
/// | gradient | 0 | 1 | 9 | 0 | 2 | 8 |
///
/// RigL keeps 4 and 3 and grows 9 and 8, one in each neuron.
#[test]
fn every_neuron_has_its_share() {
    let srigl = halving(0.3);
    let mut bench = Bench::new([4.0, -1.0, 0.0, 3.0, -2.0, 0.0], [1, 1, 0, 1, 1, 0]);
    bench.set_gradient([0.0, 1.0, 9.0, 0.0, 2.0, 8.0]);
    assert_eq!(bench.after_backward(&srigl, &step(10)), BatchUse::Topology);
    assert_eq!(bench.active(), [1, 0, 1, 1, 0, 1]);
}

/// The largest weights, 4 and 3, are of the first neuron, and so are the largest gradients, 9 and
/// then 2 of the second. RigL would give the first three connections; its share is two, so the second
/// grows two by its own gradients.
#[test]
fn a_neuron_that_would_have_more_keeps_its_largest_weights() {
    let srigl = halving(0.3);
    let mut bench = Bench::new([4.0, -3.0, 0.0, 1.0, -2.0, 0.0], [1, 1, 0, 1, 1, 0]);
    bench.set_gradient([0.0, 0.0, 9.0, 0.0, 2.0, 1.0]);
    bench.after_backward(&srigl, &step(10));
    assert_eq!(bench.active(), [1, 1, 0, 0, 1, 1]);
}

/// The only layer is the output layer, whose neurons are never ablated.
#[test]
fn the_output_layer_keeps_its_neurons() {
    let srigl = halving(1.0);
    let mut bench = Bench::new([4.0, -3.0, 0.0, 1.0, -2.0, 0.0], [1, 1, 0, 1, 1, 0]);
    bench.set_gradient([0.0, 8.0, 9.0, 0.0, 2.0, 1.0]);
    bench.after_backward(&srigl, &step(10));
    assert_eq!(selection::row_counts(bench.topology().layers()[0].active()).unwrap(), [2, 2]);
}

#[test]
fn starts_with_the_same_number_of_connections_for_every_neuron() {
    let mut bench = Bench::new([1.0; 6], [1; 6]);
    bench.init(&Srigl::default(), 2.0 / 6.0);
    let counts = selection::row_counts(bench.topology().layers()[0].active()).unwrap();
    assert_eq!(counts, [2, 2]);
}
