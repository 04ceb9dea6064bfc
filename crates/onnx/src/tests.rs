use std::collections::BTreeMap;

use dst_core::tch::{self, Device};
use dst_core::{Architecture, Builder, Input, InputShape, Parameters, Pass, SeedStreams, plugin};
use dst_models as _;
use serde_json::{Value, json};

use super::*;

const DIGITS: Task = Task::Classification { classes: 10 };

/// A network of ten classes whose norms have seen a batch, so that no statistic is 0 or 1.
fn build(name: &str, options: Value, picture: [i64; 3]) -> (Box<dyn dst_core::Model>, Parameters) {
    tch::set_num_threads(1);
    tch::manual_seed(0);
    let Value::Object(options) = options else { panic!("options are an object") };
    let architecture: Box<dyn Architecture> = plugin::architecture(name, &options).unwrap();
    let [channels, height, width] = picture;
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(1), Device::Cpu);
    let input = InputShape::Image { channels, height, width };
    let model = architecture.build(input, DIGITS, &mut builder).unwrap();
    let _ = model.forward(&Input::Image(pictures(6, picture)), &Pass::TRAINING).unwrap();
    (model, parameters)
}

fn pictures(count: i64, [channels, height, width]: [i64; 3]) -> Tensor {
    Tensor::randn([count, channels, height, width], (Kind::Float, Device::Cpu))
}

fn write(
    graph: &Graph<'_>,
    parameters: &Parameters,
    raw_inputs: Option<RawInputs>,
) -> message::Model {
    let model = OnnxModel {
        graph,
        parameters,
        task: DIGITS,
        raw_inputs,
        title: "a network".to_owned(),
        version: "1".to_owned(),
        metadata: BTreeMap::from([("trial".to_owned(), "0123".to_owned())]),
    };
    message::Model::decode(&model.encode().unwrap()[..]).unwrap()
}

/// Computes a file as the documentation of its operators says, with libtorch.
fn run(file: &message::Model, input: &Tensor) -> Tensor {
    let graph = file.graph.as_ref().unwrap();
    let mut values: BTreeMap<&str, Tensor> = BTreeMap::new();
    for constant in &graph.initializer {
        let tensor = match constant.data_type {
            message::Tensor::FLOAT => {
                Tensor::from_data_size(&constant.raw_data, &constant.dims, Kind::Float)
            }
            message::Tensor::INT64 => {
                Tensor::from_data_size(&constant.raw_data, &constant.dims, Kind::Int64)
            }
            other => panic!("no data type {other}"),
        };
        values.insert(&constant.name, tensor);
    }
    values.insert(&graph.input[0].name, input.shallow_clone());
    let results = graph.node.iter().flat_map(|node| &node.output);
    let names: Vec<&str> = results.map(String::as_str).chain(values.keys().copied()).collect();
    let distinct: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len(), "each value has a name of its own: {names:?}");
    for node in &graph.node {
        let operand = |place: usize| &values[node.input[place].as_str()];
        let integers = |place: usize| Vec::<i64>::try_from(operand(place)).unwrap();
        let attribute = |name: &str| node.attribute.iter().find(|it| it.name == name).unwrap();
        let ints = |name: &str| attribute(name).ints.clone();
        let result = match node.op_type.as_str() {
            "Identity" => operand(0).shallow_clone(),
            "Sub" => operand(0) - operand(1),
            "Div" => operand(0) / operand(1),
            "Mul" => operand(0) * operand(1),
            "Add" => operand(0) + operand(1),
            "Erf" => operand(0).erf(),
            "Relu" => operand(0).relu(),
            "Tanh" => operand(0).tanh(),
            "Gemm" => {
                assert_eq!(attribute("transB").int, Some(1));
                operand(0).matmul(&operand(1).tr()) + operand(2)
            }
            "Conv" => {
                assert_eq!(ints("kernel_shape"), operand(1).size()[2..]);
                let bias = (node.input.len() > 2).then(|| operand(2));
                let pads = ints("pads");
                assert!(pads.iter().all(|pad| *pad == pads[0]) && pads.len() == 4);
                operand(0).conv2d(operand(1), bias, ints("strides"), &pads[..2], [1, 1], 1)
            }
            "BatchNormalization" => {
                let channel = |place: usize| operand(place).view([1, -1, 1, 1]);
                let epsilon = f64::from(attribute("epsilon").float.unwrap());
                let centred = operand(0) - channel(3);
                centred / (channel(4) + epsilon).sqrt() * channel(1) + channel(2)
            }
            "MaxPool" => {
                operand(0).max_pool2d(ints("kernel_shape"), ints("strides"), [0, 0], [1, 1], false)
            }
            "AveragePool" => {
                let (kernel, strides) = (ints("kernel_shape"), ints("strides"));
                operand(0).avg_pool2d(kernel, strides, [0, 0], false, true, None)
            }
            "ReduceMean" => {
                let keep = attribute("keepdims").int == Some(1);
                operand(0).mean_dim(ints("axes"), keep, Kind::Float)
            }
            "Flatten" => {
                assert_eq!(attribute("axis").int, Some(1));
                operand(0).flatten(1, -1)
            }
            "Slice" => {
                let (axes, steps) = (integers(3), integers(4));
                let (starts, ends) = (integers(1), integers(2));
                (0..axes.len()).fold(operand(0).shallow_clone(), |taken, at| {
                    taken.slice(axes[at], starts[at], ends[at], steps[at])
                })
            }
            "Pad" => {
                let pads = integers(1);
                let sides = pads.len() / 2;
                // Here the last dimension comes first.
                let both = (0..sides).rev().flat_map(|side| [pads[side], pads[sides + side]]);
                operand(0).constant_pad_nd(both.collect::<Vec<_>>())
            }
            other => panic!("no operator {other}"),
        };
        values.insert(&node.output[0], result);
    }
    values[graph.output[0].name.as_str()].shallow_clone()
}

/// Every network of pictures, in every form that has other operations.
#[test]
fn files_compute_what_their_networks_do() {
    let layers = json!([
        { "kind": "conv", "outputs": 4, "name": "input" },
        { "kind": "gelu" },
        { "kind": "pool", "pooling": "average" },
        { "kind": "residual", "layers": [
            { "kind": "relu" },
            { "kind": "conv", "outputs": 6, "stride": 2 },
            { "kind": "norm" },
        ] },
        { "kind": "residual", "layers": [{ "kind": "conv", "outputs": 6 }, { "kind": "relu" }] },
        { "kind": "dropout", "rate": 0.5 },
        { "kind": "global-pool" },
        { "kind": "linear", "outputs": 5, "name": "logits" },
        { "kind": "gelu" },
    ]);
    for (name, options, picture) in [
        ("mlp", json!({}), [1, 12, 12]),
        ("mlp", json!({ "dropout": 0.5 }), [1, 1, 13]),
        ("lenet-300-100", json!({}), [1, 12, 12]),
        ("lenet5", json!({}), [1, 28, 28]),
        ("lenet5", json!({ "activation": "tanh", "pooling": "average" }), [3, 17, 16]),
        ("lenet5-caffe", json!({}), [1, 28, 28]),
        ("small-cnn", json!({}), [3, 9, 10]),
        ("resnet18", json!({ "width": 4 }), [3, 16, 16]),
        ("resnet20", json!({ "width": 4 }), [3, 15, 16]),
        ("resnet20", json!({ "width": 4, "shortcut": "project" }), [3, 16, 16]),
        ("wrn-22-2", json!({}), [3, 16, 16]),
        ("layers", json!({ "layers": layers }), [2, 13, 12]),
    ] {
        let (model, parameters) = build(name, options.clone(), picture);
        let file = write(&model.graph().unwrap(), &parameters, None);
        // Another number of samples than the network has seen.
        let input = pictures(3, picture);
        let expected = tch::no_grad(|| {
            model.forward(&Input::Image(input.shallow_clone()), &Pass::EVALUATION).unwrap()
        });
        let found = tch::no_grad(|| run(&file, &input));
        assert!(expected.std(true).double_value(&[]) > 1e-3, "{name} tells no inputs apart");
        assert!(found.allclose(&expected, 1e-4, 1e-5, false), "{name} {options}");
    }
}

#[test]
fn raw_inputs_are_normalised_in_the_file() {
    let (model, parameters) = build("lenet5", json!({}), [1, 28, 28]);
    let scalar = |value: f32| Tensor::from(value).view([1, 1, 1, 1]);
    let raw = RawInputs {
        meaning: "pixels from 0 to 1".to_owned(),
        mean: scalar(0.25),
        deviation: scalar(0.5),
        names: Vec::new(),
    };
    let file = write(&model.graph().unwrap(), &parameters, Some(raw));
    let pixels = Tensor::rand([2, 1, 28, 28], (Kind::Float, Device::Cpu));
    let normalised = Input::Image((&pixels - 0.25) / 0.5);
    let expected = tch::no_grad(|| model.forward(&normalised, &Pass::EVALUATION).unwrap());
    assert!(tch::no_grad(|| run(&file, &pixels)).allclose(&expected, 1e-4, 1e-5, false));
    assert_eq!(file.graph.unwrap().input[0].doc_string, "pixels from 0 to 1");
}

#[test]
fn names_are_those_of_layers_and_parameters() {
    let (model, parameters) = build("resnet20", json!({ "width": 4 }), [3, 16, 16]);
    let file = write(&model.graph().unwrap(), &parameters, None);
    let graph = file.graph.unwrap();
    let kinds: BTreeMap<&str, &str> =
        graph.node.iter().map(|node| (node.name.as_str(), node.op_type.as_str())).collect();
    assert_eq!(kinds.len(), graph.node.len(), "each name once");
    assert_eq!(
        (kinds["conv1"], kinds["layer1.0.bn2"], kinds["fc"]),
        ("Conv", "BatchNormalization", "Gemm")
    );
    let constants: Vec<&str> = graph.initializer.iter().map(|it| it.name.as_str()).collect();
    let own = parameters.iter().map(|(name, _)| name);
    for name in own.chain(parameters.buffers().map(|(name, _)| name)) {
        assert!(constants.contains(&name), "{name}");
    }
    let [batch, classes] = &graph.output[0]
        .kind
        .as_ref()
        .unwrap()
        .tensor
        .as_ref()
        .unwrap()
        .shape
        .as_ref()
        .unwrap()
        .dim[..]
    else {
        panic!("an output has two dimensions")
    };
    assert_eq!((batch.name.as_deref(), classes.value), (Some("batch"), Some(10)));
    assert_eq!(graph.output[0].name, "logits");
    assert_eq!((file.metadata[0].key.as_str(), file.metadata[0].value.as_str()), ("trial", "0123"));
}

/// A layer that is no part of the model cannot be named, and its values are nowhere.
#[test]
fn tensors_of_another_network_are_refused() {
    let (model, _parameters) = build("lenet5", json!({}), [1, 28, 28]);
    let (_, others) = build("lenet5", json!({}), [1, 28, 28]);
    let model = OnnxModel {
        graph: &model.graph().unwrap(),
        parameters: &others,
        task: DIGITS,
        raw_inputs: None,
        title: String::new(),
        version: String::new(),
        metadata: BTreeMap::new(),
    };
    let error = model.encode().unwrap_err().to_string();
    assert!(error.contains("none of its parameters"), "{error}");
}
