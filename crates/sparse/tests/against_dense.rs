//! Sparse layers beside masked dense ones: the same outputs and gradients up to rounding.

use dst_core::layers::{Builder, Parameters, Pooling, pool2d};
use dst_core::tch::{self, Device, Kind, Tensor};
use dst_core::{
    Architecture, Backend, Conv2d, Convolution, DenseBackend, GradientScope, Input, InputShape,
    LayerBackend, Linear, Model, Pass, SeedStreams, Start, Task, Topology,
};
use dst_models::{Decoder, LeNet5, Mlp, PrunableLayers, ResNet20, SmallCnn};
use dst_sparse::SparseBackend;

/// What a training step gives: output, gradient of the input, gradients of parameters by name.
type Outcome = (Tensor, Tensor, Vec<(String, Tensor)>);

struct Case {
    parameters: Parameters,
    topology: Topology,
}

impl Case {
    /// A network whose layers keep a random part of their weights.
    fn new<T>(density: f64, build: impl FnOnce(&mut Builder<'_>) -> T) -> (Self, T) {
        let streams = SeedStreams::new(5);
        let mut parameters = Parameters::default();
        let network = build(&mut Builder::new(&mut parameters, streams, Device::Cpu));
        let mut topology = Topology::new(&parameters, density, &streams).unwrap();
        tch::no_grad(|| {
            for layer in topology.layers_mut() {
                let count = (density * layer.size() as f64).ceil() as usize;
                layer.set_target(count.max(1)).unwrap();
                layer.activate_random().unwrap();
            }
            topology.start().unwrap();
        });
        (Self { parameters, topology }, network)
    }

    fn step(
        &mut self,
        backend: &dyn Backend,
        input: &Tensor,
        scope: GradientScope,
        forward: impl Fn(&Tensor, &Pass<'_>) -> Tensor,
    ) -> Outcome {
        backend.committed(&self.topology).unwrap();
        self.parameters.iter().for_each(|(_, parameter)| parameter.zero_gradient());
        let input = input.detach().copy().set_requires_grad(true);
        let pass = Pass { scope, backend, ..Pass::TRAINING };
        let output = forward(&input, &pass);
        // Not a sum, whose gradient is the same everywhere.
        (&output * output.detach().sin()).sum(Kind::Float).backward();
        let gradients = self.parameters.iter().map(|(name, parameter)| {
            let mut gradient = parameter.gradient().expect("the loss reaches it").copy();
            // Masked arithmetic gives gradients of inactive weights too, which nobody announced.
            if let Some(layer) = self.topology.layers().iter().find(|layer| layer.name() == name)
                && scope == GradientScope::Active
            {
                gradient = gradient.masked_fill(&layer.active().logical_not(), 0.0);
            }
            (name.to_owned(), gradient)
        });
        (output.detach(), input.grad(), gradients.collect())
    }
}

fn close(what: &str, sparse: &Tensor, dense: &Tensor) {
    assert_eq!(sparse.size(), dense.size(), "{what}");
    if dense.numel() == 0 {
        return;
    }
    let scale = dense.abs().max().double_value(&[]).max(1e-6);
    let error = (sparse - dense).abs().max().double_value(&[]);
    assert!(error <= 2e-5 * scale, "{what}: {error} of {scale}");
}

fn compare(case: &mut Case, input: &Tensor, forward: impl Fn(&Tensor, &Pass<'_>) -> Tensor + Copy) {
    let sparse = SparseBackend::new(1).unwrap();
    let ours = case.step(&sparse, input, GradientScope::Active, forward);
    let theirs = case.step(&DenseBackend, input, GradientScope::Active, forward);
    close("output", &ours.0, &theirs.0);
    close("gradient of the input", &ours.1, &theirs.1);
    for ((name, ours), (_, theirs)) in ours.2.iter().zip(&theirs.2) {
        close(name, ours, theirs);
    }
    // What is announced besides changes no bit of what is not.
    let all = case.step(&sparse, input, GradientScope::All, forward);
    let theirs = case.step(&DenseBackend, input, GradientScope::All, forward);
    assert_eq!((&all.0, &all.1), (&ours.0, &ours.1));
    for ((name, all), (_, theirs)) in all.2.iter().zip(&theirs.2) {
        close(name, all, theirs);
    }
    for ((name, all), (_, ours)) in all.2.iter().zip(&ours.2) {
        let active = case.topology.layers().iter().find(|layer| layer.name() == name);
        match active.map(|layer| layer.active()) {
            Some(active) => assert_eq!(all * active, ours * active, "{name}"),
            None => assert_eq!(all, ours, "{name}"),
        }
    }
    // Without a graph the output is the same bits as with one.
    let pass = Pass { backend: &sparse, ..Pass::EVALUATION };
    let unrecorded = tch::no_grad(|| forward(input, &pass));
    let recorded = case.step(&sparse, input, GradientScope::Active, forward).0;
    assert_eq!(unrecorded, recorded);
}

fn noise(size: &[i64]) -> Tensor {
    tch::manual_seed(size.iter().product::<i64>());
    Tensor::randn(size, (Kind::Float, Device::Cpu))
}

const DENSITIES: [f64; 4] = [0.02, 0.1, 0.5, 1.0];

#[test]
fn linear_layers_on_vectors_and_sequences() {
    for density in DENSITIES {
        let (mut case, layers): (Case, [Linear; 2]) =
            Case::new(density, |builder| [builder.linear("a", 37, 20), builder.linear("b", 20, 5)]);
        for size in [&[1, 37][..], &[7, 37], &[64, 37], &[3, 11, 37]] {
            compare(&mut case, &noise(size), |input, pass| {
                let hidden = layers[0].forward(input, pass).relu();
                layers[1].forward(&hidden, pass)
            });
        }
    }
}

#[test]
fn convolutions_of_any_kind() {
    for density in DENSITIES {
        let (mut case, layers): (Case, [Conv2d; 3]) = Case::new(density, |builder| {
            let start = Start::default();
            let strided = Convolution { kernel: 3, stride: 2, padding: 1, bias: true, start };
            [
                builder.conv2d("biased", 3, 6, 5, 2),
                builder.conv2d_with("strided", 6, 9, strided),
                builder.conv2d_with("pointwise", 9, 4, Convolution::before_norm(1, 2)),
            ]
        });
        for size in [[1, 3, 9, 9], [10, 3, 12, 8], [32, 3, 7, 11]] {
            compare(&mut case, &noise(&size), |input, pass| {
                layers
                    .iter()
                    .fold(input.shallow_clone(), |maps, layer| layer.forward(&maps, pass).tanh())
            });
        }
    }
}

#[test]
fn whole_networks() {
    let picture = InputShape::Image { channels: 1, height: 28, width: 28 };
    let architectures: [Box<dyn Architecture>; 2] =
        [Box::new(LeNet5::default()), Box::new(Mlp::default())];
    for architecture in architectures {
        for density in [0.05, 0.3] {
            let (mut case, model): (Case, Box<dyn Model>) = Case::new(density, |builder| {
                architecture.build(picture, Task::Classification { classes: 10 }, builder).unwrap()
            });
            for batch in [1, 10, 64] {
                compare(&mut case, &noise(&[batch, 1, 28, 28]), |input, pass| {
                    model.forward(&Input::Image(input.shallow_clone()), pass).unwrap()
                });
            }
        }
    }
}

/// Norms, residual sums and means of maps with the samples innermost.
#[test]
fn networks_with_norms() {
    let picture = InputShape::Image { channels: 1, height: 28, width: 28 };
    let architectures: [Box<dyn Architecture>; 2] =
        [Box::new(SmallCnn::default()), Box::new(ResNet20::default())];
    for architecture in architectures {
        let (mut case, model): (Case, Box<dyn Model>) = Case::new(0.2, |builder| {
            architecture.build(picture, Task::Classification { classes: 10 }, builder).unwrap()
        });
        let input = noise(&[6, 1, 28, 28]);
        let forward = |input: &Tensor, pass: &Pass<'_>| {
            model.forward(&Input::Image(input.shallow_clone()), pass).unwrap()
        };
        let sparse = SparseBackend::new(1).unwrap();
        let ours = case.step(&sparse, &input, GradientScope::Active, forward);
        let theirs = case.step(&DenseBackend, &input, GradientScope::Active, forward);
        close("output", &ours.0, &theirs.0);
        for ((name, ours), (_, theirs)) in ours.2.iter().zip(&theirs.2) {
            assert!(angle(ours, theirs) > 1.0 - 1e-4, "{name}: {}", angle(ours, theirs));
        }
    }
}

/// The cosine between two gradients. Norms divide differences of nearly equal numbers, so that single
/// entries of gradients before them may differ by more than rounding.
fn angle(one: &Tensor, other: &Tensor) -> f64 {
    let product = (one * other).sum(Kind::Double).double_value(&[]);
    product / (one.norm().double_value(&[]) * other.norm().double_value(&[]))
}

/// Attention, norms and an output for every token.
#[test]
fn a_decoder_of_text() {
    let text = InputShape::Tokens { vocabulary: 17, length: 12 };
    let task = Task::NextToken { vocabulary: 17 };
    let decoder = Decoder {
        layers: 2,
        width: 32,
        heads: 4,
        prunable: PrunableLayers::Linear,
        ..Decoder::default()
    };
    let (mut case, model) = Case::new(0.2, |builder| decoder.build(text, task, builder).unwrap());
    let ids = (Tensor::arange(36, (Kind::Int64, Device::Cpu)) * 5).remainder(17).reshape([3, 12]);
    let tokens = Input::Tokens {
        segments: ids.zeros_like(),
        present: ids.ones_like().to_kind(Kind::Bool),
        ids,
    };
    // Tokens have no gradient, what is added to the logits does.
    let forward = |added: &Tensor, pass: &Pass<'_>| model.forward(&tokens, pass).unwrap() + added;
    let (added, sparse) = (noise(&[3, 12, 17]), SparseBackend::new(1).unwrap());
    for scope in [GradientScope::Active, GradientScope::All] {
        let ours = case.step(&sparse, &added, scope, forward);
        let theirs = case.step(&DenseBackend, &added, scope, forward);
        close("output", &ours.0, &theirs.0);
        for ((name, ours), (_, theirs)) in ours.2.iter().zip(&theirs.2) {
            // A constant in all keys changes nothing: what its gradient is, is rounding.
            if !name.ends_with("key.bias") {
                assert!(angle(ours, theirs) > 1.0 - 1e-4, "{name}: {}", angle(ours, theirs));
            }
        }
    }
    for (name, weight) in case.parameters.prunable() {
        assert_eq!(sparse.last_used(weight), LayerBackend::Sparse, "{name}");
    }
}

#[test]
fn pooling_keeps_the_layout() {
    let sparse = SparseBackend::new(1).unwrap();
    let rows = noise(&[16, 3, 6, 7]);
    let inner = rows.permute([1, 2, 3, 0]).contiguous().permute([3, 0, 1, 2]);
    for pooling in [Pooling::Max, Pooling::Average] {
        let pooled = |input: &Tensor, backend: &dyn Backend| {
            let input = input.detach().set_requires_grad(true);
            let pass = Pass { backend, ..Pass::TRAINING };
            let output = pool2d(&input, pooling, 2, &pass);
            (&output * output.detach().sin()).sum(Kind::Float).backward();
            (output.detach(), input.grad())
        };
        let (ours, theirs) = (pooled(&inner, &sparse), pooled(&rows, &DenseBackend));
        close("output", &ours.0, &theirs.0);
        close("gradient", &ours.1, &theirs.1);
        assert_eq!(ours.0.stride()[0], 1);
    }
}

/// In training, where kernels normalise, and in evaluation, where libtorch does; and a batch of one value,
/// which has no variance.
#[test]
fn batch_normalisation_keeps_the_layout_and_moves_the_running_statistics() {
    let sparse = SparseBackend::new(1).unwrap();
    for size in [[16, 3, 6, 7], [5, 3, 2, 1], [1, 3, 1, 1]] {
        let rows = noise(&size) * 2.0 + 3.0;
        let inner = rows.permute([1, 2, 3, 0]).contiguous().permute([3, 0, 1, 2]);
        let normalised = |input: &Tensor, backend: &dyn Backend| {
            let mut parameters = Parameters::default();
            let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
            let norm = builder.batch_norm("norm", 3);
            tch::no_grad(|| {
                norm.weight.shallow_clone().copy_(&Tensor::from_slice(&[0.5f32, -2.0, 0.0]));
                norm.bias.shallow_clone().copy_(&Tensor::from_slice(&[1.0f32, 0.0, -1.0]));
            });
            let input = input.detach().set_requires_grad(true);
            let output = norm.forward(&input, &Pass { backend, ..Pass::TRAINING });
            (&output * output.detach().sin()).sum(Kind::Float).backward();
            let evaluated = norm.forward(&input, &Pass { backend, ..Pass::EVALUATION });
            let (weight, bias) = (norm.weight.grad(), norm.bias.grad());
            assert_eq!(output.stride(), input.stride());
            let results = [output.detach(), input.grad(), weight, bias, evaluated.detach()];
            (results, [norm.running_mean, norm.running_var])
        };
        let (ours, theirs) = (normalised(&inner, &sparse), normalised(&rows, &DenseBackend));
        for (what, ours, theirs) in [
            ("output", &ours.0[0], &theirs.0[0]),
            ("gradient of the input", &ours.0[1], &theirs.0[1]),
            ("gradient of the weight", &ours.0[2], &theirs.0[2]),
            ("gradient of the bias", &ours.0[3], &theirs.0[3]),
            ("evaluation", &ours.0[4], &theirs.0[4]),
            ("running mean", &ours.1[0], &theirs.1[0]),
            ("running variance", &ours.1[1], &theirs.1[1]),
        ] {
            close(&format!("{what} of {size:?}"), ours, theirs);
        }
    }
}

/// In a network that is not sparse at all, nothing is computed by kernels.
#[test]
fn a_layer_without_an_inactive_weight_uses_kernels_where_others_have_some_and_it_is_faster() {
    let (mut case, (few, _)): (Case, (Conv2d, Linear)) = Case::new(1.0, |builder| {
        (builder.conv2d("few", 1, 6, 5, 2), builder.linear("rest", 64, 100))
    });
    let input = noise(&[16, 1, 12, 12]);
    let is_inner = |case: &mut Case, backend: &dyn Backend| {
        backend.committed(&case.topology).unwrap();
        let output = few.forward(&input, &Pass { backend, ..Pass::EVALUATION });
        output.stride()[0] == 1
    };
    let backend = || SparseBackend::new(1).unwrap().where_it_pays();
    assert!(!is_inner(&mut case, &backend()));
    tch::no_grad(|| {
        let rest = &mut case.topology.layers_mut()[1];
        rest.set_target(640).unwrap();
        rest.activate_random().unwrap();
        case.topology.commit().unwrap();
    });
    assert!(is_inner(&mut case, &backend()));
}

/// A record says what was chosen, and again after every change.
#[test]
fn a_backend_tells_with_what_it_computed_each_layer() {
    let (mut case, [wide, small]): (Case, [Linear; 2]) =
        Case::new(0.6, |builder| [builder.linear("wide", 100, 90), builder.linear("small", 90, 4)]);
    let input = noise(&[5, 100]);
    let used = |case: &Case, backend: &dyn Backend| {
        backend.committed(&case.topology).unwrap();
        let pass = Pass { backend, ..Pass::EVALUATION };
        let _ = tch::no_grad(|| small.forward(&wide.forward(&input, &pass), &pass));
        [&wide, &small].map(|layer| backend.last_used(&layer.weight))
    };
    let [sparse, auto] = [(); 2].map(|()| SparseBackend::new(1).unwrap());
    let auto = auto.where_it_pays();
    assert_eq!(used(&case, &DenseBackend), [LayerBackend::Masked; 2]);
    assert_eq!(used(&case, &sparse), [LayerBackend::Sparse; 2]);
    assert_eq!(used(&case, &auto), [LayerBackend::Masked, LayerBackend::Sparse]);
    tch::no_grad(|| {
        // Layers are sorted by name.
        let wide = &mut case.topology.layers_mut()[1];
        wide.set_target(900).unwrap();
        wide.activate_random().unwrap();
        case.topology.commit().unwrap();
    });
    assert_eq!(used(&case, &auto), [LayerBackend::Sparse; 2]);
}

/// The lists follow the active set, and one that is out of date is not used.
#[test]
fn other_active_sets_are_followed() {
    let (mut case, layer): (Case, Linear) = Case::new(0.3, |builder| builder.linear("a", 12, 8));
    let sparse = SparseBackend::new(1).unwrap();
    let input = noise(&[5, 12]);
    let forward = |input: &Tensor, pass: &Pass<'_>| layer.forward(input, pass);
    let _ = case.step(&sparse, &input, GradientScope::Active, forward);
    for _ in 0..3 {
        tch::no_grad(|| {
            let layers = case.topology.layers_mut();
            layers[0].activate_random().unwrap();
            let _ = layers[0].values().fill_(0.5);
            case.topology.commit().unwrap();
            // Invariant 2, because `fill_` went behind the mask.
            let active = case.topology.layers()[0].active();
            let _ = case.topology.layers()[0].values().masked_fill_(&active.logical_not(), 0.0);
        });
        // Not told yet: dense arithmetic, which needs no lists.
        let pass = Pass { backend: &sparse, ..Pass::EVALUATION };
        let untold = tch::no_grad(|| forward(&input, &pass));
        let dense = tch::no_grad(|| forward(&input, &Pass::EVALUATION));
        assert_eq!(untold, dense);
        let told = case.step(&sparse, &input, GradientScope::Active, forward).0;
        close("output", &told, &dense);
    }
}

#[test]
fn two_threads_give_the_bits_of_one() {
    let (mut case, [wide, deep]): (Case, [Linear; 2]) =
        Case::new(0.2, |builder| [builder.linear("a", 300, 400), builder.linear("b", 400, 200)]);
    let input = noise(&[64, 300]);
    let forward =
        |input: &Tensor, pass: &Pass<'_>| deep.forward(&wide.forward(input, pass).relu(), pass);
    for scope in [GradientScope::Active, GradientScope::All] {
        let mut step =
            |threads| case.step(&SparseBackend::new(threads).unwrap(), &input, scope, forward);
        assert_eq!(step(1), step(2), "{scope:?}");
    }
}
