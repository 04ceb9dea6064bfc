use super::*;
use dst_conformance::Net;
use dst_core::ErrorKind;
use dst_core::tch::{no_grad, with_grad};

#[test]
fn keeps_the_contract() {
    for variant in [Grasp::default(), Grasp { samples_per_class: 5, temperature: 1.0 }] {
        dst_conformance::check(&variant);
    }
}

/// Layers 2 → 3 and 3 → 2 with tanh between them, and four samples of two classes.
fn net() -> Net {
    let input = [0.5f64, -1.0, 1.5, 0.25, -0.75, 2.0, 1.0, 1.0];
    let target = Tensor::from_slice(&[0i64, 1, 1, 0]);
    let net = Net::new(&[[3, 2], [2, 3]], Tensor::tanh, 0)
        .with_samples(&Tensor::from_slice(&input).reshape([4, 2]), target);
    net.set_weights(&[[0.75, -1.25, 0.5, 1.0, -0.25, 2.0], [1.5, -0.5, 0.25, -1.0, 0.75, 1.25]]);
    net
}

/// The gradient of the loss at these weights, in 64 bits.
fn gradients(net: &Net, weights: &[Tensor], temperature: f64) -> Vec<Tensor> {
    let leaf = |weight: &Tensor| weight.detach().copy().set_requires_grad(true);
    let leaves: Vec<Tensor> = weights.iter().map(leaf).collect();
    with_grad(|| {
        let loss = net.loss(&leaves, temperature);
        Tensor::run_backward(&[loss], &leaves.iter().collect::<Vec<_>>(), false, false)
    })
}

fn numbers(tensors: &[Tensor]) -> Vec<f64> {
    let flat: Vec<Tensor> =
        tensors.iter().map(|tensor| tensor.to_kind(Kind::Double).flatten(0, -1)).collect();
    Vec::try_from(Tensor::cat(&flat, 0)).unwrap()
}

/// w · (Hg) without a second derivative: Hg is how the gradient changes along itself.
fn by_finite_difference(temperature: f64) -> Vec<f64> {
    const STEP: f64 = 1e-4;
    let net = net();
    let layers = net.topology(0.5);
    let weights: Vec<Tensor> =
        layers.layers().iter().map(|layer| layer.values().to_kind(Kind::Double)).collect();
    let own = gradients(&net, &weights, temperature);
    let moved = |step: f64| {
        let moved: Vec<Tensor> =
            weights.iter().zip(&own).map(|(weight, g)| weight + g * step).collect();
        gradients(&net, &moved, temperature)
    };
    let change = moved(STEP).into_iter().zip(moved(-STEP));
    let scores =
        change.zip(&weights).map(|((up, down), weight)| weight * (up - down) / (2.0 * STEP));
    numbers(&scores.collect::<Vec<_>>())
}

#[test]
fn the_second_derivative_is_that_of_a_finite_difference() {
    for temperature in [1.0, 200.0] {
        let grasp = Grasp { temperature, ..Grasp::default() };
        let mut net = net();
        let scores = no_grad(|| grasp.scores(&net.topology(0.5), &mut net)).unwrap();
        assert_eq!(net.looks(), [Inputs::PerClass(25)]);
        let (exact, near) = (numbers(&scores), by_finite_difference(temperature));
        let largest = near.iter().fold(0.0f64, |largest, score| largest.max(score.abs()));
        assert!(largest > 0.0);
        for (exact, near) in exact.iter().zip(&near) {
            assert!((exact - near).abs() < 1e-6 * largest, "{exact} and {near} at {temperature}");
        }
    }
}

/// The six largest of w · (Hg) stay, which are the six smallest of the paper's −w · (Hg).
#[test]
fn the_largest_scores_of_the_paper_are_removed() {
    let grasp = Grasp::default();
    let mut net = net();
    let mut topology = net.topology(0.5);
    no_grad(|| grasp.init(&mut topology, &mut net)).unwrap();
    topology.start().unwrap();
    let active: Vec<Tensor> =
        topology.layers().iter().map(|layer| layer.active().shallow_clone()).collect();
    let scores = by_finite_difference(200.0);
    let mut order: Vec<usize> = (0..12).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    let mut expected = [0.0; 12];
    order[..6].iter().for_each(|index| expected[*index] = 1.0);
    assert_eq!(numbers(&active), expected, "{scores:?}");
}

#[test]
fn a_choice_that_cuts_the_network_is_refused() {
    let mut net = net();
    let error = no_grad(|| Grasp::default().init(&mut net.topology(1.0 / 12.0), &mut net));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Collapsed);
}

#[test]
fn out_of_range_is_refused_by_name() {
    let refused = |grasp: Grasp| grasp.validate().unwrap_err().to_string();
    let error = refused(Grasp { samples_per_class: 0, ..Grasp::default() });
    assert_eq!(error, "samples_per_class = 0 must be at least 1");
    let error = refused(Grasp { temperature: 0.0, ..Grasp::default() });
    assert_eq!(error, "temperature = 0 is not a positive number");
}
