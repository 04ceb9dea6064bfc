use super::*;
use dst_conformance::Bench;
use dst_core::tch::{Device, Kind, no_grad};
use dst_core::{Builder, Error, ErrorKind, Forecast, Parameters, SeedStreams, Step};

#[test]
fn keeps_the_contract() {
    for variant in [
        Snip::default(),
        Snip { batches: 3, ..Snip::default() },
        Snip { global: false, ..Snip::default() },
    ] {
        dst_conformance::check(&variant);
    }
}

/// | entry    | 0 | 1  | 2 | 3  | 4   | 5  |
/// |----------|---|----|---|----|-----|----|
/// | weight   | 4 | -1 | 3 | -2 | 0.5 | 6  |
/// | gradient | 0 | -9 | 2 | -5 | 7   | 1  |
/// | product  | 0 |  9 | 6 | 10 | 3.5 | 6  |
///
/// By the gradient alone entry 4 would stay, by the weight alone entries 5 and 0.
#[test]
fn the_largest_products_stay() {
    for global in [true, false] {
        let snip = Snip { global, ..Snip::default() };
        let mut bench = Bench::new([4.0, -1.0, 3.0, -2.0, 0.5, 6.0], [1; 6]);
        bench.set_gradient([0.0, -9.0, 2.0, -5.0, 7.0, 1.0]);
        bench.init(&snip, 0.5);
        assert_eq!(bench.active(), [0, 1, 1, 1, 0, 0]);
        assert_eq!(bench.weights(), [0.0, -1.0, 3.0, -2.0, 0.0, 0.0]);
        assert_eq!(snip.updates(&Step::first(1000, 1)), Forecast::Never);
    }
}

/// Gives these gradients and notes how many batches were asked for.
struct Batches {
    asked: usize,
    gradients: [Vec<f32>; 2],
}

impl Probe for Batches {
    fn gradients(&mut self, batches: usize) -> Result<Vec<Tensor>> {
        self.asked = batches;
        Ok(self.gradients.iter().map(|row| Tensor::from_slice(row).reshape([1, -1])).collect())
    }
}

/// Layers with weights 4, 3, 2, 1 and 1, 1, half of which are to stay.
fn chosen(snip: &Snip, gradients: [Vec<f32>; 2]) -> Result<(usize, Vec<Vec<u8>>)> {
    let mut parameters = Parameters::default();
    let streams = SeedStreams::new(0);
    let mut builder = Builder::new(&mut parameters, streams, Device::Cpu);
    for (name, weights) in [("a", &[4.0f32, 3.0, 2.0, 1.0][..]), ("b", &[1.0, 1.0])] {
        let layer = builder.linear(name, weights.len() as i64, 1);
        layer.weight.values().copy_(&Tensor::from_slice(weights).reshape([1, -1]));
    }
    let mut topology = Topology::new(&parameters, 0.5, &streams)?;
    let mut probe = Batches { asked: 0, gradients };
    no_grad(|| snip.init(&mut topology, &mut probe))?;
    topology.start()?;
    let bits =
        |layer: &Layer| Vec::try_from(layer.active().to_kind(Kind::Uint8).flatten(0, -1)).unwrap();
    Ok((probe.asked, topology.layers().iter().map(bits).collect()))
}

/// Products 4, 3, 2, 1 and 5, 6: three of them are 6, 5 and 4; two and one by layer.
#[test]
fn one_threshold_serves_all_layers() {
    let gradients = || [vec![1.0; 4], vec![-5.0, 6.0]];
    let global = chosen(&Snip { batches: 7, ..Snip::default() }, gradients()).unwrap();
    assert_eq!(global, (7, vec![vec![1, 0, 0, 0], vec![1, 1]]));
    let by_layer = Snip { global: false, distribution: Distribution::Uniform, ..Snip::default() };
    assert_eq!(chosen(&by_layer, gradients()).unwrap(), (1, vec![vec![1, 1, 0, 0], vec![0, 1]]));
}

#[test]
fn a_choice_that_cuts_the_network_is_refused() {
    let error = chosen(&Snip::default(), [vec![1.0; 4], vec![0.0, 0.0]]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Collapsed);
    assert!(error.to_string().starts_with("b.weight: no connection would be left"), "{error}");
}

#[test]
fn no_batch_is_refused_by_name() {
    let error: Error = Snip { batches: 0, ..Snip::default() }.validate().unwrap_err();
    assert_eq!(error.to_string(), "batches = 0 must be at least 1");
}
