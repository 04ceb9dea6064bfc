use super::*;
use dst_core::tch::{Device, no_grad, with_grad};
use dst_core::{Builder, ErrorKind, Forward, Layer, Parameters, SeedStreams};

#[test]
fn keeps_the_contract() {
    for variant in [Grasp::default(), Grasp { samples_per_class: 5, temperature: 1.0 }] {
        dst_conformance::check(&variant);
    }
}

/// Layers 2 → 3 and 3 → 2 with tanh between them, and four samples of two classes.
struct Net {
    input: Tensor,
    target: Tensor,
}

impl Net {
    fn new() -> Self {
        let input = [0.5f64, -1.0, 1.5, 0.25, -0.75, 2.0, 1.0, 1.0];
        Self {
            input: Tensor::from_slice(&input).reshape([4, 2]),
            target: Tensor::from_slice(&[0i64, 1, 1, 0]),
        }
    }

    fn output(&self, weights: &[Tensor]) -> Tensor {
        self.input.matmul(&weights[0].tr()).tanh().matmul(&weights[1].tr())
    }

    /// The gradient of the loss at these weights, in 64 bits.
    fn gradients(&self, weights: &[Tensor], temperature: f64) -> Vec<Tensor> {
        let leaf = |weight: &Tensor| weight.detach().copy().set_requires_grad(true);
        let leaves: Vec<Tensor> = weights.iter().map(leaf).collect();
        with_grad(|| {
            // Not `cross_entropy_for_logits`, which rounds to 32 bits.
            let logits = self.output(&leaves) / temperature;
            let weights = None::<Tensor>;
            let loss = logits.cross_entropy_loss(&self.target, weights, Reduction::Mean, -100, 0.0);
            Tensor::run_backward(&[loss], &leaves.iter().collect::<Vec<_>>(), false, false)
        })
    }
}

impl Probe for Net {
    fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
        Err(Error::contract("GraSP looks at samples by class"))
    }

    fn forward(
        &mut self,
        topology: &Topology,
        inputs: Inputs,
        visit: &mut dyn FnMut(&Forward) -> Result<()>,
    ) -> Result<()> {
        assert_eq!(inputs, Inputs::PerClass(25));
        let weights: Vec<Tensor> = weights(topology)
            .iter()
            .map(|weight| weight.to_kind(Kind::Double).set_requires_grad(true))
            .collect();
        with_grad(|| {
            let (output, target) = (self.output(&weights), Some(self.target.shallow_clone()));
            visit(&Forward { output, target, loss: None, weights })
        })
    }
}

const FIRST: [f32; 6] = [0.75, -1.25, 0.5, 1.0, -0.25, 2.0];
const SECOND: [f32; 6] = [1.5, -0.5, 0.25, -1.0, 0.75, 1.25];

fn topology(density: f64) -> Topology {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(0);
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    let layers = [builder.linear("a", 2, 3), builder.linear("b", 3, 2)];
    for (layer, weights) in layers.iter().zip([FIRST, SECOND]) {
        let mut values = layer.weight.values();
        let shape = values.size();
        values.copy_(&Tensor::from_slice(&weights).reshape(shape));
    }
    Topology::new(&parameters, density, &streams).unwrap()
}

fn weights(topology: &Topology) -> Vec<Tensor> {
    topology.layers().iter().map(Layer::values).collect()
}

fn numbers(tensors: &[Tensor]) -> Vec<f64> {
    let flat: Vec<Tensor> =
        tensors.iter().map(|tensor| tensor.to_kind(Kind::Double).flatten(0, -1)).collect();
    Vec::try_from(Tensor::cat(&flat, 0)).unwrap()
}

/// w · (Hg) without a second derivative: Hg is how the gradient changes along itself.
fn by_finite_difference(temperature: f64) -> Vec<f64> {
    const STEP: f64 = 1e-4;
    let net = Net::new();
    let weights: Vec<Tensor> =
        weights(&topology(0.5)).iter().map(|weight| weight.to_kind(Kind::Double)).collect();
    let gradients = net.gradients(&weights, temperature);
    let moved = |step: f64| {
        let moved: Vec<Tensor> =
            weights.iter().zip(&gradients).map(|(weight, g)| weight + g * step).collect();
        net.gradients(&moved, temperature)
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
        let scores = no_grad(|| grasp.scores(&topology(0.5), &mut Net::new())).unwrap();
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
    let mut topology = topology(0.5);
    no_grad(|| grasp.init(&mut topology, &mut Net::new())).unwrap();
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
    let error = no_grad(|| Grasp::default().init(&mut topology(1.0 / 12.0), &mut Net::new()));
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
