use super::*;
use dst_conformance::{Bench, step};
use dst_core::tch::{Device, Tensor, no_grad};
use dst_core::{Builder, Parameters, SeedStreams};
use serde_json::json;

fn often() -> Exchange {
    Exchange { interval: Span::Steps(5), ..schedule() }
}

#[test]
fn keeps_the_contract() {
    let rule = Rule::default();
    for rule in [
        rule.clone(),
        Rule { score: Score::Node, removal: Removal::RelativeImportance, ..rule.clone() },
        Rule { removal: Removal::SampledMagnitude, remove_chains: false, early_stop: 0.3, ..rule },
    ] {
        let exchange = Exchange { distribution: Distribution::Erk, ..often() };
        dst_conformance::check(&Cht { exchange, rule });
    }
}

#[test]
fn the_soft_rule_keeps_the_contract() {
    let rule = Rule::default();
    for (rule, dense_last_layer) in [
        (rule.clone(), false),
        (Rule { removal: Removal::SampledRelativeImportance, early_stop: 1.0, ..rule }, true),
    ] {
        dst_conformance::check(&Chts { exchange: Exchange { dense_last_layer, ..often() }, rule });
    }
}

/// A quarter of the active weights goes at every tenth step.
fn quarter() -> Exchange {
    Exchange {
        drop_fraction: 0.25,
        decay: Curve::Constant,
        interval: Span::Steps(10),
        ..schedule()
    }
}

/// Two outputs and three inputs, of which four connections are active.
///
/// | weight |   |   |
/// |--------|---|---|
/// | 4      | 3 | 2 |
/// | 1      | · | · |
///
/// 1 goes, and with it all that led to the second output: no path leads there, so that the one
/// connection that grows is drawn from the three of the second output.
#[test]
fn without_any_path_connections_are_drawn() {
    let cht = Cht { exchange: quarter(), ..Cht::default() };
    let grown = |seed| {
        let mut bench = Bench::with_seed([4.0, 3.0, 2.0, 1.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0], seed);
        bench.after_step(&cht, &step(9));
        assert_eq!(bench.active(), [1, 1, 1, 1, 0, 0]);
        bench.after_step(&cht, &step(10));
        assert_eq!(bench.active()[..3], [1, 1, 1]);
        bench.active()[3..].iter().position(|bit| *bit == 1)
    };
    let places: std::collections::BTreeSet<_> = (0..20).map(grown).collect();
    assert_eq!(places, [Some(0), Some(1), Some(2)].into());
}

/// Four of five connections stay, so that only input 1 of the second output is free besides the one
/// that goes.
///
/// | weight |   |    | after removal |   |   |
/// |--------|---|----|---------------|---|---|
/// | 4      | 3 | 0.5| 1             | 1 | · |
/// | 2      | · | 2  | 1             | · | 1 |
///
/// Both free places, (0, 2) and (1, 1), have one path of length 3 and no external links: a tie, which
/// goes to the lower index. The connection returns with its value.
#[test]
fn connections_grow_where_paths_lead() {
    let cht = Cht { exchange: quarter(), ..Cht::default() };
    let mut bench = Bench::new([4.0, 3.0, 0.5, 2.0, 0.0, 2.0], [1, 1, 1, 1, 0, 1]);
    bench.after_step(&cht, &step(10));
    assert_eq!(bench.active(), [1, 1, 1, 1, 0, 1]);
    assert_eq!(bench.weights(), [4.0, 3.0, 0.5, 2.0, 0.0, 2.0]);
}

/// In the table above all that was removed returns, which fixes the layer: the next update passes it
/// by, and one of a layer that is not fixed does not.
#[test]
fn a_layer_whose_connections_return_is_fixed() {
    let cht = Cht { exchange: quarter(), ..Cht::default() };
    let mut bench = Bench::new([4.0, 3.0, 0.5, 2.0, 0.0, 2.0], [1, 1, 1, 1, 0, 1]);
    rule::start(bench.topology());
    assert_eq!(bench.topology().value("fixed/fc.weight"), Some(0.0));
    bench.after_step(&cht, &step(10));
    assert_eq!(bench.topology().value("fixed/fc.weight"), Some(1.0));
    let mut is_touched = |index| {
        no_grad(|| cht.after_step(&step(index), bench.topology())).unwrap();
        bench.topology().layers()[0].is_pending()
    };
    assert!(!is_touched(20));
    rule::start(bench.topology());
    no_grad(|| cht.after_step(&step(30), bench.topology())).unwrap();
    assert!(bench.topology().layers()[0].is_pending());
}

/// | weight |   |   | relative importance |      |      |
/// |--------|---|---|---------------------|------|------|
/// | 5      | 4 | 3 | 1.13                | 1.33 | 1.25 |
/// | 2      | · | · | 1.29                |      |      |
///
/// The smallest weight is all that its output has; the largest has company in its row and its column.
#[test]
fn relative_importance_spares_the_only_link_of_a_neuron() {
    let active = |removal, seed| {
        let cht = Cht { exchange: quarter(), rule: Rule { removal, ..Rule::default() } };
        let mut bench = Bench::with_seed([5.0, 4.0, 3.0, 2.0, 0.0, 0.0], [1, 1, 1, 1, 0, 0], seed);
        bench.after_step(&cht, &step(10));
        bench.active()
    };
    // What goes may be drawn again, since no path leads anywhere.
    let always = |removal| {
        let mut active = (0..20).map(|seed| active(removal, seed));
        let first = active.next().unwrap();
        active.fold(first, |all, active| std::array::from_fn(|entry| all[entry] & active[entry]))
    };
    assert_eq!(always(Removal::RelativeImportance), [0, 1, 1, 1, 0, 0]);
    assert_eq!(always(Removal::Magnitude), [1, 1, 1, 0, 0, 0]);
}

/// The soft rule draws from both places of the tie; the other takes the first.
#[test]
fn the_soft_rule_draws_by_score() {
    let grown = |seed| {
        let chts = Chts { exchange: quarter(), ..Chts::default() };
        let weights = [4.0, 3.0, 0.5, 2.0, 0.0, 2.0];
        let mut bench = Bench::with_seed(weights, [1, 1, 1, 1, 0, 1], seed);
        bench.after_step(&chts, &step(10));
        bench.active()
    };
    let first = (0..40).filter(|seed| grown(*seed)[2] == 1).count();
    assert!((10..=30).contains(&first), "{first} of 40");
}

/// `a` leads to three neurons, which one output of `b` reads. A third of the connections goes:
///
/// | `a`      |   |   |   |   | `b`, after |   |
/// |----------|---|---|---|---|------------|---|
/// | neuron 0 | 9 | 9 | · | · | 9          | 9 |
/// | neuron 1 | · | 8 | 1 | · | 8          | 8 |
/// | neuron 2 | · | · | 9 | 2 | 0.1        | · |
///
/// From `a` go 1 and 2. Nothing reads neuron 2 any more, so that its link of weight 9 leads nowhere.
#[test]
fn chains_are_removed_over_layers() {
    let active_weights = |values: &[f32], layer: &mut dst_core::Layer| {
        let values = Tensor::from_slice(values).reshape(layer.shape());
        let mask = values.gt(0.0);
        layer.values().copy_(&values);
        layer.set_target(dst_core::selection::count(&mask)).unwrap();
        layer.activate(&mask).unwrap();
    };
    let keeps_the_link = |remove_chains, seed| {
        let mut parameters = Parameters::default();
        let streams = SeedStreams::new(seed);
        let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
        let _layers = [builder.linear("a", 4, 3), builder.linear("b", 3, 2)];
        builder.chain(&["a", "b"]);
        let mut topology = Topology::new(&parameters, 0.5, &streams).unwrap();
        let a = [9.0, 9.0, 0.0, 0.0, 0.0, 8.0, 1.0, 0.0, 0.0, 0.0, 9.0, 2.0];
        active_weights(&a, &mut topology.layers_mut()[0]);
        active_weights(&[9.0, 8.0, 0.1, 0.0, 0.0, 0.0], &mut topology.layers_mut()[1]);
        topology.start().unwrap();
        let exchange = Exchange { drop_fraction: 0.34, ..quarter() };
        let rule = Rule { remove_chains, ..Rule::default() };
        no_grad(|| Cht { exchange, rule }.after_step(&step(10), &mut topology)).unwrap();
        topology.commit().unwrap();
        let counts: Vec<usize> =
            topology.layers().iter().map(dst_core::Layer::active_count).collect();
        assert_eq!(counts, [6, 3]);
        let active = topology.layers()[0].active();
        // A path over input 1 and neuron 0 predicts the first link of neuron 1 in any case.
        assert_eq!(active.int64_value(&[1, 0]), 1);
        active.int64_value(&[2, 2]) == 1
    };
    assert!((0..20).all(|seed| keeps_the_link(false, seed)));
    // It may be drawn again, as any other place without a path.
    let kept = (0..20).filter(|seed| keeps_the_link(true, *seed)).count();
    assert!((1..15).contains(&kept), "{kept} of 20");
}

#[test]
fn bad_values_are_refused_by_name() {
    let refused = |value: serde_json::Value| {
        let cht: Box<dyn Strategy> = serde_json::from_value(value).unwrap();
        cht.validate().unwrap_err().to_string()
    };
    let error = refused(json!({ "name": "cht", "early_stop": 1.5 }));
    assert_eq!(error, "early_stop = 1.5 is not in [0, 1]");
    let error = refused(json!({ "name": "chts", "early_stop": 0.0 }));
    assert!(error.starts_with("early_stop = 0 would fix every layer at once"), "{error}");
    let error = refused(json!({ "name": "cht", "drop_fraction": -0.1 }));
    assert_eq!(error, "drop_fraction = -0.1 is not in [0, 1]");
    let unknown = json!({ "name": "cht", "growth_batches": 2 });
    assert!(serde_json::from_value::<Box<dyn Strategy>>(unknown).is_err());
}

#[test]
fn updates_are_at_most_those_of_the_schedule() {
    let start = Step::first(10, 20);
    assert_eq!(Cht::default().updates(&start), Forecast::AtMost(14));
    assert_eq!(Chts::default().updates(&start), Forecast::AtMost(14));
}
