use dst_core::tch::{Device, Kind, Reduction, Tensor};
use dst_core::{Input, Parameters, Pass, SeedStreams, Topology, flops};

use super::*;

const VOCABULARY: i64 = 17;
const TEXT: InputShape = InputShape::Tokens { vocabulary: VOCABULARY, length: 12 };
const TOKENS: Task = Task::NextToken { vocabulary: VOCABULARY };

fn small() -> Decoder {
    Decoder { layers: 2, width: 16, heads: 2, ..Decoder::default() }
}

fn build(config: &Decoder, input: InputShape, task: Task) -> Result<(Box<dyn Model>, Parameters)> {
    // Tests run side by side; more threads each would only get in each other's way.
    dst_core::tch::set_num_threads(1);
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    let model = config.build(input, task, &mut builder)?;
    Ok((model, parameters))
}

fn text(ids: &Tensor) -> Input {
    Input::Tokens {
        ids: ids.shallow_clone(),
        segments: ids.zeros_like(),
        present: ids.ones_like().to_kind(Kind::Bool),
    }
}

/// `[2, 12]`, all tokens of the vocabulary among them.
fn ids() -> Tensor {
    (Tensor::arange(24, (Kind::Int64, Device::Cpu)) * 7).remainder(VOCABULARY).reshape([2, 12])
}

fn loss(model: &dyn Model, ids: &Tensor, pass: &Pass<'_>) -> Tensor {
    let length = ids.size()[1] - 1;
    let logits = model.forward(&text(&ids.narrow(1, 0, length)), pass).unwrap();
    let target = ids.narrow(1, 1, length).flatten(0, -1);
    let rows = logits.flatten(0, -2);
    rows.cross_entropy_loss::<Tensor>(&target, None, Reduction::Mean, -100, 0.0)
}

#[test]
fn later_tokens_change_no_earlier_output() {
    let (model, _) = build(&small(), TEXT, TOKENS).unwrap();
    let logits = |ids: &Tensor| model.forward(&text(ids), &Pass::EVALUATION).unwrap();
    let whole = logits(&ids());
    assert_eq!(whole.size(), [2, 12, VOCABULARY]);
    for place in 1..12 {
        let changed = ids();
        let mut later = changed.narrow(1, place, 12 - place);
        later.copy_(&(&later + 1).remainder(VOCABULARY));
        let difference = (logits(&changed) - &whole).abs().amax([0, 2], false);
        let before = difference.narrow(0, 0, place).max().double_value(&[]);
        assert!(before < 1e-6, "token {place} moves earlier outputs by {before}");
        // What is changed has an effect where it may.
        assert!(difference.double_value(&[place]) > 1e-4);
        // Nor does it matter whether there is anything later.
        let start = logits(&ids().narrow(1, 0, place));
        let difference = (start - whole.narrow(1, 0, place)).abs().max().double_value(&[]);
        assert!(difference < 1e-5, "{difference}");
    }
}

#[test]
fn earlier_tokens_reach_every_later_output() {
    let (model, _) = build(&small(), TEXT, TOKENS).unwrap();
    let logits = |ids: &Tensor| model.forward(&text(ids), &Pass::EVALUATION).unwrap();
    let changed = ids();
    let mut first = changed.narrow(1, 0, 1);
    first.copy_(&(&first + 1).remainder(VOCABULARY));
    let difference = (logits(&changed) - logits(&ids())).abs().amax([0, 2], false);
    assert!(difference.min().double_value(&[]) > 1e-7, "{difference:?}");
}

#[test]
fn the_loss_begins_at_that_of_guessing() {
    let input = InputShape::Tokens { vocabulary: 256, length: 128 };
    let task = Task::NextToken { vocabulary: 256 };
    let (model, _) = build(&Decoder::default(), input, task).unwrap();
    let ids = (Tensor::arange(4 * 128, (Kind::Int64, Device::Cpu)) * 37).remainder(256);
    let loss = loss(&*model, &ids.reshape([4, 128]), &Pass::EVALUATION).double_value(&[]);
    assert!((loss - 256f64.ln()).abs() < 0.1, "{loss}");
}

#[test]
fn a_short_text_is_learnt_by_heart() {
    let (model, parameters) = build(&small(), TEXT, TOKENS).unwrap();
    let before = loss(&*model, &ids(), &Pass::EVALUATION).double_value(&[]);
    // Adam in its plainest form, so that the test needs no other crate.
    let mut moments: Vec<(Tensor, Tensor, Tensor)> = parameters
        .iter()
        .map(|(_, parameter)| {
            let tensor = parameter.tensor();
            let zeros = tensor.detach().zeros_like();
            (tensor, zeros.copy(), zeros)
        })
        .collect();
    for step in 1..=200 {
        loss(&*model, &ids(), &Pass::TRAINING).backward();
        dst_core::tch::no_grad(|| {
            for (tensor, mean, square) in &mut moments {
                let gradient = tensor.grad();
                *mean = &*mean * 0.9 + &gradient * 0.1;
                *square = &*square * 0.999 + gradient.square() * 0.001;
                let (a, b) = (1.0 - 0.9f64.powi(step), 1.0 - 0.999f64.powi(step));
                let delta = (&*mean / a) / ((&*square / b).sqrt() + 1e-8) * 0.01;
                *tensor -= delta;
                tensor.zero_grad();
            }
        });
    }
    let after = loss(&*model, &ids(), &Pass::EVALUATION).double_value(&[]);
    assert!(before > 2.5 && after < 0.05, "{before} {after}");
}

#[test]
fn parameters_and_operations_are_counted() {
    let config = small();
    let (model, parameters) = build(&config, TEXT, TOKENS).unwrap();
    let (width, blocks) = (16, 2);
    let block = 4 * width * width + 2 * width * 4 * width;
    let prunable: i64 =
        parameters.prunable().map(|(_, weight)| weight.shape().iter().product::<i64>()).sum();
    assert_eq!(prunable, blocks * block);
    // Biases of four layers of 16, one of 64 and one of 16; two norms.
    let rest = blocks * (4 * width + 4 * width + width + 4 * width);
    let outside = (VOCABULARY + 12) * width + 2 * width + width * VOCABULARY + VOCABULARY;
    assert_eq!(parameters.count() as i64, prunable + rest + outside);
    assert_eq!(parameters.output(), Some("output.weight"));
    let feeder = |name: &str| parameters.feeder(name).map(str::to_owned);
    assert_eq!(
        feeder("blocks.1.attention.output.weight").as_deref(),
        Some("blocks.1.attention.value.weight")
    );
    assert_eq!(feeder("blocks.0.mlp.narrow.weight").as_deref(), Some("blocks.0.mlp.widen.weight"));

    // Every layer is used once for each of the twelve tokens.
    let _ = model.forward(&text(&ids()), &Pass::EVALUATION).unwrap();
    let topology = Topology::new(&parameters, 1.0, &SeedStreams::new(0)).unwrap();
    assert_eq!(flops::dense_inference(&topology), (2 * 12 * prunable) as f64);
}

#[test]
fn more_can_be_prunable() {
    let names = |prunable| -> Vec<String> {
        let (_, parameters) = build(&Decoder { prunable, ..small() }, TEXT, TOKENS).unwrap();
        let names = parameters.prunable().map(|(name, _)| name.to_owned());
        names.filter(|name| !name.starts_with("blocks.")).collect()
    };
    assert!(names(PrunableLayers::Blocks).is_empty());
    assert_eq!(names(PrunableLayers::Linear), ["output.weight"]);
    assert_eq!(names(PrunableLayers::All), ["output.weight", "positions.weight", "tokens.weight"]);
}

#[test]
fn every_parameter_has_a_gradient_and_dropout_follows_the_seed() {
    let (model, parameters) = build(&Decoder { dropout: 0.2, ..small() }, TEXT, TOKENS).unwrap();
    let run = |seed, pass: &Pass<'_>| {
        dst_core::tch::manual_seed(seed);
        model.forward(&text(&ids()), pass).unwrap()
    };
    assert_eq!(run(1, &Pass::TRAINING), run(1, &Pass::TRAINING));
    assert_ne!(run(1, &Pass::TRAINING), run(2, &Pass::TRAINING));
    assert_eq!(run(1, &Pass::EVALUATION), run(2, &Pass::EVALUATION));
    loss(&*model, &ids(), &Pass::TRAINING).backward();
    for (name, parameter) in parameters.iter() {
        let gradient = parameter.tensor().grad();
        assert!(gradient.defined(), "{name}");
        // A constant added to all keys changes no attention.
        let is_zero = gradient.abs().max().double_value(&[]) < 1e-7;
        assert_eq!(is_zero, name.ends_with("key.bias"), "{name}");
    }
}

#[test]
fn what_cannot_be_built_or_run_is_refused() {
    let refusal = |config: Decoder, input, task| {
        build(&config, input, task).map(|_| ()).unwrap_err().to_string()
    };
    let of = |config| refusal(config, TEXT, TOKENS);
    assert!(of(Decoder { layers: 0, ..small() }).contains("layers = 0 must be at least 1"));
    assert!(
        of(Decoder { heads: 3, ..small() }).contains("width = 16 is not a multiple of heads = 3")
    );
    assert!(of(Decoder { dropout: 1.0, ..small() }).contains("dropout = 1 is not in [0, 1)"));
    let huge = Decoder { width: 1 << 40, heads: 1, ..small() };
    assert!(of(huge).contains("more than the"));
    let many = Decoder { expansion: i64::MAX, ..small() };
    assert!(of(many).contains("more than the"));
    let classes = refusal(small(), TEXT, Task::Classification { classes: 2 });
    assert!(classes.contains("a BERT for texts with classes"), "{classes}");
    let other = refusal(small(), TEXT, Task::NextToken { vocabulary: 5 });
    assert!(other.contains("asks for something else"), "{other}");
    let image = InputShape::Image { channels: 1, height: 28, width: 28 };
    assert!(refusal(small(), image, TOKENS).contains("the data set holds pictures"));

    let (model, _) = build(&small(), TEXT, TOKENS).unwrap();
    let long = Tensor::zeros([1, 13], (Kind::Int64, Device::Cpu));
    let error = model.forward(&text(&long), &Pass::EVALUATION).unwrap_err().to_string();
    assert!(error.contains("texts of 13 tokens were given, and 1 to 12 are taken"), "{error}");
}
