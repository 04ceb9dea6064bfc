use std::path::Path;

use dst_core::graph::Eager;
use dst_core::layers::mean_of_maps;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{Input, Parameters, Pass, SeedStreams, plugin};
use serde_json::{Map, json};

use super::layer::KINDS;
use super::*;
use crate::check::tests::{CIFAR, DIGITS, MNIST, build, noise, tokens};
use crate::residual::BasicBlock;
use crate::{Shortcut, SmallCnn};

/// Rows of a table with 13 columns.
const ROWS: InputShape = InputShape::Image { channels: 1, height: 1, width: 13 };

fn read(layers: Value) -> Result<Box<dyn Architecture>> {
    plugin::architecture("layers", &Map::from_iter([("layers".to_owned(), layers)]))
}

fn net(layers: Value) -> Box<dyn Architecture> {
    read(layers).unwrap()
}

/// Why a net cannot be, either when it is read or when it is built for images of CIFAR-10.
fn refusal(layers: Value) -> String {
    let built = read(layers).and_then(|net| build(&*net, CIFAR).map(drop));
    built.unwrap_err().to_string()
}

fn small() -> Value {
    json!([
        { "kind": "conv", "outputs": 4 },
        { "kind": "relu" },
        { "kind": "pool" },
        { "kind": "conv", "outputs": 8 },
        { "kind": "norm" },
        { "kind": "relu" },
        { "kind": "pool", "pooling": "average" },
        { "kind": "linear", "outputs": 10 },
        { "kind": "relu" },
    ])
}

fn parameter(parameters: &Parameters, name: &str) -> Tensor {
    let found = parameters.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.tensor()
}

/// With 28 × 28 pixels, 7 × 7 of them are left before `linear1`.
#[test]
fn a_net_has_the_parameters_that_one_counts_by_hand() {
    let (model, parameters) = build(&*net(small()), MNIST).unwrap();
    let shapes: Vec<(&str, Vec<i64>)> =
        parameters.iter().map(|(name, parameter)| (name, parameter.shape())).collect();
    assert_eq!(
        shapes,
        [
            ("conv1.bias", vec![4]),
            ("conv1.weight", vec![4, 1, 3, 3]),
            // A norm follows, so there is no bias.
            ("conv2.weight", vec![8, 4, 3, 3]),
            ("linear1.bias", vec![10]),
            ("linear1.weight", vec![10, 8 * 7 * 7]),
            ("norm1.bias", vec![8]),
            ("norm1.weight", vec![8]),
            ("output.bias", vec![10]),
            ("output.weight", vec![10, 10]),
        ]
    );
    assert_eq!(parameters.count(), (36 + 4) + 288 + 16 + (3_920 + 10) + (100 + 10));
    let prunable: Vec<&str> = parameters.prunable().map(|(name, _)| name).collect();
    assert_eq!(prunable, ["conv1.weight", "conv2.weight", "linear1.weight", "output.weight"]);
    assert_eq!(parameters.output(), Some("output.weight"));
    let fed = |name| parameters.feeder(name);
    assert_eq!(fed("conv1.weight"), None);
    assert_eq!(fed("conv2.weight"), Some("conv1.weight"));
    assert_eq!(fed("linear1.weight"), Some("conv2.weight"));
    assert_eq!(fed("output.weight"), Some("linear1.weight"));
    let logits = model.forward(&noise([2, 1, 28, 28]), &Pass::TRAINING).unwrap();
    assert_eq!(logits.size(), [2, 10]);
    let positions: Vec<u64> = parameters.prunable().map(|(_, weight)| weight.positions()).collect();
    assert_eq!(positions, [28 * 28, 14 * 14, 1, 1]);
}

/// The example is the network that `small-cnn` is: the same parameters, started alike, and the same logits.
#[test]
fn the_example_of_a_small_cnn_is_small_cnn() {
    let (own, ours) = build(&*example("small-cnn.toml"), CIFAR).unwrap();
    let (known, theirs) = build(&SmallCnn::default(), CIFAR).unwrap();
    assert_eq!((ours.count(), theirs.count()), (33_946, 33_946));
    for (name, _) in theirs.iter() {
        let mine = parameter(&ours, &name.replace("bn", "norm").replace("fc", "output"));
        if name.starts_with("conv") {
            assert_eq!(mine, parameter(&theirs, name), "{name}");
        }
        mine.detach().copy_(&parameter(&theirs, name).detach());
    }
    let images = noise([4, 3, 32, 32]);
    for pass in [Pass::TRAINING, Pass::EVALUATION] {
        let [mine, other] = [&own, &known].map(|model| model.forward(&images, &pass).unwrap());
        assert_eq!(mine, other);
    }
}

#[test]
fn a_residual_block_with_a_stride_is_the_block_of_residual_networks() {
    let body = json!([
        { "kind": "conv", "outputs": 8, "stride": 2 },
        { "kind": "norm" },
        { "kind": "relu" },
        { "kind": "conv", "outputs": 8 },
        { "kind": "norm" },
    ]);
    let own = net(json!([
        { "kind": "residual", "layers": body },
        { "kind": "relu" },
        { "kind": "global-pool" },
    ]));
    let image = InputShape::Image { channels: 3, height: 9, width: 8 };
    let (model, parameters) = build(&*own, image).unwrap();
    let names: Vec<&str> = parameters.prunable().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "output.weight",
            "residual1.conv1.weight",
            "residual1.conv2.weight",
            "residual1.shortcut.conv.weight"
        ]
    );
    let block_count = (3 + 8) * 8 * 9 + 3 * 8 + 3 * 16;
    assert_eq!(parameters.count(), block_count + 8 * 10 + 10);
    assert_eq!(parameters.feeder("residual1.conv2.weight"), Some("residual1.conv1.weight"));
    // Both ways feed it.
    assert_eq!(parameters.feeder("output.weight"), None);

    let mut others = Parameters::default();
    let mut builder = Builder::new(&mut others, SeedStreams::new(0), Device::Cpu);
    let block = BasicBlock::new(&mut builder.at("residual1"), 3, 8, 2, Shortcut::Project);
    let images = noise([5, 3, 9, 8]);
    let Input::Image(tensor) = &images else { panic!("noise is of images") };
    let features = mean_of_maps(&block.apply(&Eager(&Pass::TRAINING), tensor));
    let weight = parameter(&parameters, "output.weight");
    let expected = features.linear(&weight, Some(parameter(&parameters, "output.bias")));
    assert_eq!(model.forward(&images, &Pass::TRAINING).unwrap(), expected);
}

/// Activations that change tensors in place must not reach what a shortcut, another layer or the batch
/// itself still needs.
#[test]
fn layers_may_follow_one_another_in_any_order() {
    let conv = json!({ "kind": "conv", "outputs": 3, "name": "only" });
    let own = net(json!([
        { "kind": "residual", "layers": [{ "kind": "relu" }, conv] },
        { "kind": "global-pool" },
    ]));
    let (model, parameters) = build(&*own, CIFAR).unwrap();
    let images = noise([2, 3, 32, 32]);
    let Input::Image(tensor) = &images else { panic!("noise is of images") };
    let before = tensor.copy();
    let logits = model.forward(&images, &Pass::EVALUATION).unwrap();
    assert_eq!(*tensor, before);
    let named = |name: &str| parameter(&parameters, name);
    let convolved = tensor.relu().conv2d(
        &named("residual1.only.weight"),
        Some(named("residual1.only.bias")),
        [1, 1],
        [1, 1],
        [1, 1],
        1,
    );
    let features = mean_of_maps(&(convolved + tensor));
    let expected = features.linear(&named("output.weight"), Some(named("output.bias")));
    assert!(logits.allclose(&expected, 1e-5, 1e-5, false));

    let odd = net(json!([
        { "kind": "relu" },
        { "kind": "relu" },
        { "kind": "dropout", "rate": 0.5 },
        { "kind": "norm" },
        { "kind": "relu" },
        { "kind": "relu" },
        { "kind": "residual", "layers": [{ "kind": "dropout", "rate": 0 }] },
        { "kind": "relu" },
        { "kind": "conv", "outputs": 3, "kernel": 2, "padding": 0 },
        { "kind": "relu" },
        { "kind": "pool", "size": 3 },
        { "kind": "gelu" },
        { "kind": "residual", "layers": [{ "kind": "norm" }, { "kind": "relu" }] },
        { "kind": "linear", "outputs": 6 },
        { "kind": "norm" },
        { "kind": "relu" },
        { "kind": "residual", "layers": [{ "kind": "linear", "outputs": 6 }, { "kind": "gelu" }] },
    ]));
    let (model, parameters) = build(&*odd, CIFAR).unwrap();
    let logits = model.forward(&images, &Pass::TRAINING).unwrap();
    logits.square().sum(Kind::Float).backward();
    for (name, parameter) in parameters.iter() {
        let finite = parameter.tensor().grad().isfinite().all();
        assert_eq!(finite.int64_value(&[]), 1, "{name}");
    }
    assert_eq!(*tensor, before);
}

#[test]
fn dropout_acts_in_training_only() {
    let own = net(json!([{ "kind": "dropout", "rate": 0.5 }]));
    let (model, _) = build(&*own, MNIST).unwrap();
    let images = noise([2, 1, 28, 28]);
    let logits = |pass| model.forward(&images, &pass).unwrap();
    assert_eq!(logits(Pass::EVALUATION), logits(Pass::EVALUATION));
    assert_ne!(logits(Pass::TRAINING), logits(Pass::TRAINING));
}

#[test]
fn repeated_layers_have_weights_and_names_of_their_own() {
    let block = json!({ "kind": "residual", "layers": [{ "kind": "conv", "outputs": 2 }] });
    let own = net(json!([
        { "kind": "conv", "outputs": 2, "name": "stem" },
        { "kind": "repeat", "times": 2, "layers": [
            { "kind": "conv", "outputs": 2 }, { "kind": "norm" }, block
        ] },
    ]));
    let (_, parameters) = build(&*own, MNIST).unwrap();
    let names: Vec<&str> = parameters.prunable().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "conv2.weight",
            "conv3.weight",
            "output.weight",
            "residual1.conv1.weight",
            "residual2.conv1.weight",
            "stem.weight"
        ]
    );
    // A norm follows inside the repetition.
    assert!(parameters.iter().all(|(name, _)| name != "conv2.bias"));
    assert_eq!(parameters.feeder("conv2.weight"), Some("stem.weight"));
    assert_eq!(parameters.feeder("conv3.weight"), None);
}

/// Rows of a table arrive as images of one line.
#[test]
fn rows_of_a_table_pass_through_linear_layers() {
    let own = net(json!([
        { "kind": "linear", "outputs": 7 },
        { "kind": "norm" },
        { "kind": "relu" },
    ]));
    let (model, parameters) = build(&*own, ROWS).unwrap();
    assert_eq!(parameters.count(), (13 * 7 + 7) + 14 + (7 * 10 + 10));
    let logits = model.forward(&noise([3, 1, 1, 13]), &Pass::TRAINING).unwrap();
    assert_eq!(logits.size(), [3, 10]);
    let pooled = net(json!([{ "kind": "pool" }]));
    assert_eq!(
        build(&*pooled, ROWS).unwrap_err().to_string(),
        "layers[0] (pool): maps of 1 × 13 pixels are smaller than the window of 2 × 2\n  \
         leave this layer out, or pool and stride less before it"
    );
}

#[test]
fn text_and_other_shapes_are_refused() {
    let own = net(small());
    let text = InputShape::Tokens { vocabulary: 10, length: 5 };
    let said = build(&*own, text).unwrap_err().to_string();
    assert!(said.starts_with("this model takes pictures"), "{said}");
    let (model, _) = build(&*own, MNIST).unwrap();
    assert!(model.forward(&tokens(), &Pass::EVALUATION).is_err());
    assert!(model.forward(&noise([1, 3, 32, 32]), &Pass::EVALUATION).is_err());
}

#[test]
fn what_cannot_be_is_refused_with_its_place() {
    let conv = |extra: Value| {
        let mut layer = json!({ "kind": "conv", "outputs": 4 });
        layer.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        json!([{ "kind": "relu" }, layer])
    };
    let deep = (0..9).fold(
        json!([{ "kind": "relu" }]),
        |layers, _| json!([{ "kind": "residual", "layers": layers }]),
    );
    for (layers, expected) in [
        (json!([]), "layers: layers = [] has no layer\n  write them into a file"),
        (json!(3), "layers: expected a list, not 3"),
        (json!(["relu"]), "layers[0]: \"relu\" is no table\n  write a layer as a table"),
        (json!([{ "outputs": 3 }]), "layers[0]: the layer has no kind\n  known: conv, dropout"),
        (json!([{ "kind": 3 }]), "layers[0]: kind = 3 is no text"),
        (
            json!([{ "kind": "relu" }, { "kind": "convo", "outputs": 3 }]),
            "layers[1]: unknown kind 'convo'\n  did you mean 'conv'?",
        ),
        (
            conv(json!({ "kernal": 3 })),
            "layers[1] (conv): unknown key 'kernal'\n  did you mean 'kernel'?",
        ),
        (
            json!([{ "kind": "linear", "output": 3 }]),
            "layers[0] (linear): unknown key 'output'\n  did you mean 'outputs'?",
        ),
        (json!([{ "kind": "linear" }]), "layers[0] (linear): outputs is missing\n  write for"),
        (json!([{ "kind": "relu", "name": "a" }]), "layers[0] (relu): unknown key 'name'"),
        (conv(json!({ "kernel": 3.5 })), "layers[1] (conv): kernel = 3.5 is not a whole number"),
        (conv(json!({ "kernel": 0 })), "layers[1] (conv): kernel = 0 must be at least 1"),
        (conv(json!({ "outputs": 0 })), "layers[1] (conv): outputs = 0 must be at least 1"),
        (conv(json!({ "stride": -1 })), "layers[1] (conv): stride = -1 must be at least 1"),
        (conv(json!({ "padding": 3 })), "layers[1] (conv): padding = 3 is not in [0, 3)"),
        (conv(json!({ "padding": -1 })), "layers[1] (conv): padding = -1 is not in [0, 3)"),
        (conv(json!({ "name": "a.b" })), "layers[1] (conv): name = \"a.b\" is no name for a layer"),
        (conv(json!({ "name": 3 })), "layers[1] (conv): name = 3 is not a text"),
        (conv(json!({ "name": "output" })), "the name 'output' belongs to a layer that is added"),
        (
            conv(json!({ "kernel": 35, "padding": 0 })),
            "layers[1] (conv): maps of 32 × 32 pixels, with a padding of 0, are smaller than the kernel",
        ),
        (conv(json!({ "outputs": i64::MAX })), "layers[1] (conv): conv1 would have"),
        (conv(json!({ "kernel": i64::MAX })), "layers[1] (conv): conv1 would have"),
        (
            json!([{ "kind": "conv", "outputs": 1 << 16 }, { "kind": "linear", "outputs": 1 << 20 }]),
            "layers[1] (linear): linear1 would have",
        ),
        (json!([{ "kind": "pool", "size": 0 }]), "layers[0] (pool): size = 0 must be at least 1"),
        (json!([{ "kind": "pool", "size": 33 }]), "are smaller than the window of 33 × 33"),
        (
            json!([{ "kind": "pool", "pooling": "min" }]),
            "layers[0] (pool): pooling = \"min\" is not \"max\" or \"average\"",
        ),
        (json!([{ "kind": "dropout" }]), "layers[0] (dropout): rate is missing"),
        (
            json!([{ "kind": "dropout", "rate": 1 }]),
            "layers[0] (dropout): rate = 1 is not in [0, 1)",
        ),
        (json!([{ "kind": "dropout", "rate": -0.1 }]), "rate = -0.1 is not in [0, 1)"),
        (
            json!([{ "kind": "linear", "outputs": 5 }, { "kind": "conv", "outputs": 3 }]),
            "layers[1] (conv): a convolution takes maps, and what comes before it gives a row of 5 \
             numbers\n  put it before the first linear",
        ),
        (
            json!([{ "kind": "global-pool" }, { "kind": "pool" }]),
            "layers[1] (pool): a pooling of maps takes maps",
        ),
        (
            json!([{ "kind": "norm", "name": "a" }, { "kind": "conv", "outputs": 2, "name": "a" }]),
            "layers[1] (conv): two layers are called 'a'",
        ),
        (json!([{ "kind": "residual", "layers": [] }]), "layers[0] (residual): layers = [] has no"),
        (
            json!([{ "kind": "residual", "layers": [{ "kind": "relu" }, { "kind": "pol" }] }]),
            "layers[0] (residual): layers[1]: unknown kind 'pol'\n  did you mean 'pool'?",
        ),
        (
            json!([{ "kind": "residual", "layers": [{ "kind": "linear", "outputs": 5 }] }]),
            "layers[0] (residual): its body turns 3 maps of 32 × 32 pixels into a row of 5 numbers",
        ),
        (
            json!([{ "kind": "residual", "layers": [{ "kind": "pool", "size": 5 }] }]),
            "the body's stride, 5, gives 7 × 7 pixels",
        ),
        (
            json!([{ "kind": "residual", "layers": [
                { "kind": "conv", "outputs": 3, "name": "shortcut" }
            ] }]),
            "layers[0] (residual): layers[0] (conv): the name 'shortcut' belongs to a layer",
        ),
        (deep, "blocks are nested more than 8 deep"),
        (
            json!([{ "kind": "repeat", "times": 0, "layers": [{ "kind": "relu" }] }]),
            "layers[0] (repeat): times = 0 must be at least 1",
        ),
        (
            json!([{ "kind": "repeat", "times": i64::MAX, "layers": [{ "kind": "relu" }] }]),
            "the network has more than 1000 layers",
        ),
        (
            json!([{ "kind": "repeat", "times": 900, "layers": [
                { "kind": "residual", "layers": [{ "kind": "relu" }] }
            ] }]),
            "the network has more than 1000 layers",
        ),
        (
            json!([{ "kind": "repeat", "times": 2, "layers": [
                { "kind": "norm", "name": "a" }
            ] }]),
            "layers[0] (repeat): layers[0] (norm): two layers are called 'a'",
        ),
    ] {
        let words = layers.to_string();
        let said = refusal(layers);
        assert!(said.contains(expected), "{words}:\n{said}");
    }
}

#[test]
fn the_weights_of_all_layers_together_are_bounded() {
    // Five layers of 2^31 weights.
    let layers = json!([
        { "kind": "linear", "outputs": 1 << 16 },
        { "kind": "repeat", "times": 5, "layers": [
            { "kind": "linear", "outputs": 1 << 15 },
            { "kind": "linear", "outputs": 1 << 16 },
        ] },
    ]);
    let said = refusal(layers);
    assert!(said.starts_with("the network would have more weights than the"), "{said}");
}

#[test]
fn titles_fit_into_tables() {
    let titled = |title: Value| {
        let given = json!({ "title": title, "layers": small() });
        plugin::architecture("layers", given.as_object().unwrap())
    };
    for title in ["net", "my net, 3 × 3", "größer", &"x".repeat(60)] {
        assert!(titled(json!(title)).is_ok(), "{title}");
    }
    for title in ["", " net", "a\nb", "a\"b", "it's", &"x".repeat(61)] {
        let said = titled(json!(title)).unwrap_err().to_string();
        assert!(said.contains("is no title\n  a title has 1 to 60 characters"), "{said}");
    }
}

/// What stands in the identity of a trial: every default is written out, so that it does not matter what a
/// file leaves to them.
#[test]
fn the_config_round_trips_with_all_defaults() {
    let short = json!({ "title": "net", "layers": [
        { "kind": "conv", "outputs": 4, "kernel": 5 },
        { "kind": "pool" },
        { "kind": "dropout", "rate": 0 },
        { "kind": "residual", "layers": [{ "kind": "conv", "outputs": 4, "name": "a" }] },
    ] });
    let long = json!({ "name": "layers", "title": "net", "layers": [
        { "kind": "conv", "outputs": 4, "kernel": 5, "stride": 1, "padding": 2 },
        { "kind": "pool", "pooling": "max", "size": 2 },
        { "kind": "dropout", "rate": 0.0 },
        { "kind": "residual", "layers": [
            { "kind": "conv", "outputs": 4, "kernel": 3, "stride": 1, "padding": 1, "name": "a" }
        ] },
    ] });
    for given in [&short, &long] {
        let net = plugin::architecture("layers", given.as_object().unwrap()).unwrap();
        assert_eq!(serde_json::to_value(&net).unwrap(), long);
    }
    let unknown = json!({ "depth": 34 });
    assert!(plugin::architecture("layers", unknown.as_object().unwrap()).is_err());
    assert_eq!(plugin::model_of_files().unwrap().name, "layers");
}

/// The kinds that are read are those that are declared.
#[test]
fn every_kind_is_known() {
    let schema = schemars::schema_for!(Layers).to_value();
    let variants = schema["$defs"]["Layer"]["oneOf"].as_array().unwrap();
    let mut kinds: Vec<&str> = variants
        .iter()
        .map(|variant| variant["properties"]["kind"]["const"].as_str().unwrap())
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, KINDS);
}

/// A file of the folder of examples.
fn example(name: &str) -> Box<dyn Architecture> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/models");
    let text = std::fs::read_to_string(folder.join(name)).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let given = serde_json::to_value(table).unwrap();
    plugin::architecture("layers", given.as_object().unwrap()).unwrap()
}

#[test]
fn the_examples_take_images_of_all_data_sets() {
    for (name, weights) in [("small-cnn.toml", 4), ("residual.toml", 1 + 2 * 2 + 2 * 3 + 1)] {
        for (input, size) in [(MNIST, [2, 1, 28, 28]), (CIFAR, [2, 3, 32, 32])] {
            let mut parameters = Parameters::default();
            let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
            let model = example(name).build(input, DIGITS, &mut builder).unwrap();
            assert_eq!(model.forward(&noise(size), &Pass::TRAINING).unwrap().size(), [2, 10]);
            assert_eq!(parameters.prunable().count(), weights, "{name}");
        }
    }
}
