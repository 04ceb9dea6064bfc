use super::*;
use dst_conformance::Net;
use dst_core::Layer;
use dst_core::tch;

#[test]
fn keeps_the_contract() {
    for rounds in [1, 10] {
        dst_conformance::check(&Synflow { rounds });
    }
}

/// Layers 2 → 2 and 2 → 1 with these weights.
fn net(first: [f32; 4], second: [f32; 2], density: f64) -> (Net, Topology) {
    let net = Net::new(&[[2, 2], [1, 2]], Tensor::relu, 0);
    net.set_weights(&[&first[..], &second]);
    let topology = net.topology(density);
    (net, topology)
}

fn active(topology: &Topology) -> Vec<Vec<u8>> {
    let bits =
        |layer: &Layer| Vec::try_from(layer.active().to_kind(Kind::Uint8).flatten(0, -1)).unwrap();
    topology.layers().iter().map(bits).collect()
}

/// Weights of the first layer 1, -2 into the first neuron and 3, 0.5 into the second; those of the
/// second layer 2 and -1. Flow through `a`: 2, 4, 3, 0.5; through `b`: 6 and 3.5.
#[test]
fn one_round_keeps_the_largest_flow() {
    let (mut net, mut topology) = net([1.0, -2.0, 3.0, 0.5], [2.0, -1.0], 4.0 / 6.0);
    tch::no_grad(|| Synflow { rounds: 1 }.init(&mut topology, &mut net)).unwrap();
    assert_eq!(net.looks(), [Inputs::Ones]);
    topology.start().unwrap();
    assert_eq!(active(&topology), [vec![0, 1, 1, 0], vec![1, 1]]);
}

/// Flow through `a`: 5, 5, 4, 4, through `b`: 10 and 8. Half at once would keep 10, 8 and 5. In two
/// rounds the first keeps four (10, 8, 5, 5), so the second neuron has lost its inputs and its
/// output carries nothing: the last two are of the first neuron.
#[test]
fn rounds_see_what_earlier_rounds_pruned() {
    let density = 3.0 / 6.0;
    let chosen = |rounds| {
        let (mut net, mut topology) = net([5.0, 5.0, 4.0, 4.0], [1.0, 1.0], density);
        tch::no_grad(|| Synflow { rounds }.init(&mut topology, &mut net)).unwrap();
        topology.start().unwrap();
        active(&topology)
    };
    assert_eq!(chosen(1), [vec![1, 0, 0, 0], vec![1, 1]]);
    assert_eq!(chosen(2), [vec![1, 1, 0, 0], vec![1, 0]]);
}

#[test]
fn a_network_without_flow_is_an_error() {
    let (mut net, mut topology) = net([0.0; 4], [1.0, 1.0], 0.5);
    let error = tch::no_grad(|| Synflow::default().init(&mut topology, &mut net)).unwrap_err();
    assert!(error.one_line().starts_with("the largest synaptic flow is 0"), "{error}");
}
