use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dst_core::plugin;
use dst_core::tch::{Device, Kind, Reduction, Tensor};
use dst_core::{
    Architecture, Builder, Distribution, InitialMask, Input, InputShape, Model, Parameters, Pass,
    Probe, SeedStreams, Task, Topology,
};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Map, json};

use super::network::Network;
use super::*;

const TEXT: InputShape = InputShape::Tokens { vocabulary: 40, length: 12 };
const CLASSES: Task = Task::Classification { classes: 3 };

/// The config of `bert-tiny-random.safetensors`.
fn tiny() -> Bert {
    Bert {
        intermediate_size: 16,
        max_position_embeddings: 12,
        vocab_size: 40,
        ..Bert::of_size(2, 8, 2)
    }
}

fn build(config: &Bert, task: Task) -> Result<(Box<dyn Model>, Parameters)> {
    tch_single();
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    let model = config.network(TEXT, task, &mut builder)?;
    Ok((model, parameters))
}

/// Tests run side by side; more threads each would only get in each other's way.
fn tch_single() {
    dst_core::tch::set_num_threads(1);
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Inputs and expected outputs that `tests/golden/bert.py` wrote.
struct Expected(Vec<(String, Tensor)>);

impl Expected {
    fn read(name: &str) -> Self {
        Self(Tensor::read_safetensors(golden(name)).unwrap())
    }

    fn get(&self, name: &str) -> Tensor {
        self.0.iter().find(|(known, _)| known == name).unwrap().1.shallow_clone()
    }

    fn input(&self) -> Input {
        Input::Tokens {
            ids: self.get("ids"),
            segments: self.get("segments"),
            present: self.get("present").to_kind(Kind::Bool),
        }
    }

    /// The largest difference over tokens that are there.
    fn difference(&self, name: &str, got: &Tensor) -> f64 {
        let mut difference = (got - self.get(name)).abs();
        if name == "hidden" {
            difference *= self.get("present").unsqueeze(-1);
        }
        difference.max().double_value(&[])
    }
}

/// The encoder of `config` with the weights of a file.
fn loaded(config: &Bert, file: &Path) -> (Network, Parameters) {
    tch_single();
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    let network = Network::build(config, 3, &mut builder);
    let report = crate::load_safetensors(&parameters, file).unwrap();
    report.require_all_but(&OPTIONAL).unwrap();
    (network, parameters)
}

#[test]
fn outputs_and_gradients_are_those_of_transformers() {
    let expected = Expected::read("bert-tiny-random-expected.safetensors");
    let (network, parameters) = loaded(&tiny(), &golden("bert-tiny-random.safetensors"));
    let input = expected.input();
    let hidden = network.hidden(&input, &Pass::EVALUATION).unwrap();
    assert!(expected.difference("hidden", &hidden) < 1e-5);
    assert!(expected.difference("pooled", &network.pooled(&hidden, &Pass::EVALUATION)) < 1e-5);
    let logits = network.forward(&input, &Pass::EVALUATION).unwrap();
    assert!(expected.difference("logits", &logits) < 1e-5);
    let target = Tensor::from_slice(&[2i64, 0]);
    logits.cross_entropy_loss::<Tensor>(&target, None, Reduction::Mean, -100, 0.0).backward();
    let name = "encoder.layer.0.attention.self.query.weight";
    let query = parameters.iter().find(|(known, _)| *known == name).unwrap().1;
    assert!(expected.difference("gradient", &query.tensor().grad()) < 1e-5);
}

/// The `model.safetensors` of all-MiniLM-L6-v2: what `HARNESS_TEST_MINILM` names, or what
/// `cargo xtask minilm` fetched.
fn minilm() -> Option<PathBuf> {
    let fetched = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let file = root.join("target/minilm").join(crate::weights::FILE);
        file.is_file().then_some(file)
    };
    std::env::var_os("HARNESS_TEST_MINILM").map(PathBuf::from).or_else(fetched)
}

#[test]
fn hidden_states_of_minilm_are_those_of_transformers() {
    let Some(file) = minilm() else {
        println!("skipped: no weights; `cargo xtask minilm` fetches them");
        return;
    };
    let expected = Expected::read("minilm-l6-expected.safetensors");
    let (network, parameters) = loaded(&MiniLmL6::default().0, &file);
    // 384 · 3 + 3 of the classifier.
    assert_eq!(parameters.count() - 1155, 22_713_216);
    let hidden = network.hidden(&expected.input(), &Pass::EVALUATION).unwrap();
    let difference = expected.difference("hidden", &hidden);
    println!("largest difference {difference:e}");
    assert!(difference < 1e-4, "{difference}");
    assert!(expected.difference("pooled", &network.pooled(&hidden, &Pass::EVALUATION)) < 1e-4);
}

/// Parameters before the classifier and weights that can be pruned, from the config alone.
fn counts(config: &Bert) -> (i64, i64) {
    let Bert { hidden_size: hidden, intermediate_size: inside, .. } = config;
    let rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size;
    let prunable = config.num_hidden_layers * (4 * hidden * hidden + 2 * hidden * inside);
    let biases_and_norms = config.num_hidden_layers * (4 * hidden + inside + hidden + 4 * hidden);
    let pooler = hidden * hidden + hidden;
    (rows * hidden + 2 * hidden + prunable + biases_and_norms + pooler, prunable)
}

#[test]
fn the_published_sizes_have_the_published_counts() {
    assert_eq!(counts(&BertBase::default().0), (109_482_240, 84_934_656));
    assert_eq!(counts(&MiniLmL6::default().0).0, 22_713_216);
    assert_eq!(counts(&BertMini::default().0).0, 11_170_560);
    let (tiny, prunable) = counts(&BertTiny::default().0);
    assert_eq!(tiny, 4_385_920);
    // The formula is that of the network.
    let input = InputShape::Tokens { vocabulary: 30_522, length: 128 };
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    BertTiny::default().build(input, Task::Regression, &mut builder).unwrap();
    assert_eq!(parameters.count() as i64, tiny + 128 + 1);
    let found: usize = parameters.prunable().map(|(_, weight)| weight.size()).sum();
    assert_eq!(found as i64, prunable);
}

#[test]
fn bert_base_is_built_as_published() {
    let input = InputShape::Tokens { vocabulary: 30_522, length: 128 };
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    BertBase::default().build(input, Task::Regression, &mut builder).unwrap();
    let shape = |name: &str| {
        let (_, found) = parameters.iter().find(|(known, _)| *known == name).unwrap();
        found.tensor().size()
    };
    assert_eq!(shape("embeddings.word_embeddings.weight"), [30_522, 768]);
    assert_eq!(shape("embeddings.position_embeddings.weight"), [512, 768]);
    assert_eq!(shape("embeddings.token_type_embeddings.weight"), [2, 768]);
    for block in 0..12 {
        let of = |layer: &str| shape(&format!("encoder.layer.{block}.{layer}.weight"));
        for layer in ["self.query", "self.key", "self.value", "output.dense"] {
            assert_eq!(of(&format!("attention.{layer}")), [768, 768]);
        }
        assert_eq!(
            (of("intermediate.dense"), of("output.dense")),
            (vec![3072, 768], vec![768, 3072])
        );
        assert_eq!(of("output.LayerNorm"), [768]);
    }
    assert_eq!(
        (shape("pooler.dense.weight"), shape("classifier.weight")),
        (vec![768, 768], vec![1, 768])
    );
    // 5 tensors of embeddings, 16 of each block, 2 of pooler and classifier each.
    assert_eq!(parameters.iter().count(), 5 + 12 * 16 + 4);
    assert_eq!(parameters.count() - 769, 109_482_240);
    let prunable: usize = parameters.prunable().map(|(_, weight)| weight.size()).sum();
    assert_eq!(prunable, 84_934_656);
}

/// Magnitudes need no gradient.
struct NoProbe;

impl Probe for NoProbe {
    fn gradients(&mut self, _: usize) -> Result<Vec<Tensor>> {
        Err(Error::contract("nobody asks"))
    }
}

/// What is pruned at the start is chosen by the weights of the file.
#[test]
fn a_loaded_network_is_pruned_by_its_own_weights() {
    let weights = Some(golden("bert-tiny-random.safetensors").to_str().unwrap().to_owned());
    let (_, parameters) = build(&Bert { weights, ..tiny() }, CLASSES).unwrap();
    let file = Tensor::read_safetensors(golden("bert-tiny-random.safetensors")).unwrap();
    let streams = SeedStreams::new(0);
    let mut topology = Topology::new(&parameters, 0.25, &streams).unwrap();
    topology.allocate(Distribution::Uniform).unwrap();
    topology.activate_by(InitialMask::Magnitude, &mut NoProbe).unwrap();
    topology.start().unwrap();
    for layer in topology.layers() {
        let known = |name: &str| name.strip_prefix("bert.").unwrap_or(name) == layer.name();
        let whole = &file.iter().find(|(name, _)| known(name)).unwrap().1;
        let kept = layer.active_count() as i64;
        assert_eq!(kept, layer.size() as i64 / 4);
        let (least, _) = whole.abs().flatten(0, -1).topk(kept, 0, true, true);
        let least = least.min().double_value(&[]);
        let expected = whole * whole.abs().ge(least).to_kind(Kind::Float);
        assert_eq!(layer.weight().dense().detach(), expected, "{}", layer.name());
    }
}

#[test]
fn only_linear_layers_of_the_encoder_can_be_pruned() {
    let (model, parameters) = build(&tiny(), CLASSES).unwrap();
    let names: Vec<&str> = parameters.prunable().map(|(name, _)| name).collect();
    let block = |index: usize| {
        [
            "attention.output.dense",
            "attention.self.key",
            "attention.self.query",
            "attention.self.value",
            "intermediate.dense",
            "output.dense",
        ]
        .map(|layer| format!("encoder.layer.{index}.{layer}.weight"))
    };
    assert_eq!(names, [block(0), block(1)].concat());
    let logits = model.forward(&text(4, 9), &Pass::EVALUATION).unwrap();
    assert_eq!(logits.size(), [4, 3]);
    // One use of a weight for every token.
    assert!(parameters.prunable().all(|(_, weight)| weight.positions() == 9));
}

#[test]
fn a_config_may_ask_for_more_to_be_pruned() {
    let prunable = |prunable: PrunableWeights| {
        let (model, parameters) = build(&Bert { prunable, ..tiny() }, CLASSES).unwrap();
        let _ = model.forward(&text(4, 9), &Pass::EVALUATION).unwrap();
        let layers = parameters.prunable();
        let layers = layers.map(|(name, weight)| (name.to_owned(), weight.positions()));
        layers.filter(|(name, _)| !name.starts_with("encoder.")).collect::<Vec<_>>()
    };
    // The pooler reads one token of a text; embeddings multiply nothing.
    let [classifier, pooler] =
        ["classifier.weight", "pooler.dense.weight"].map(|name| (name.to_owned(), 1));
    let tables = ["position_embeddings", "token_type_embeddings", "word_embeddings"]
        .map(|table| (format!("embeddings.{table}.weight"), 0));
    let all: Vec<(String, u64)> =
        [classifier.clone()].into_iter().chain(tables).chain([pooler.clone()]).collect();
    assert_eq!(prunable(PrunableWeights::Encoder), []);
    assert_eq!(prunable(PrunableWeights::Linear), [classifier, pooler]);
    assert_eq!(prunable(PrunableWeights::All), all);

    // The same network whatever may be pruned, and ids of trials as before there was a choice.
    let logits = [PrunableWeights::Encoder, PrunableWeights::All].map(|prunable| {
        let (model, _) = build(&Bert { prunable, ..tiny() }, CLASSES).unwrap();
        model.forward(&text(2, 5), &Pass::EVALUATION).unwrap()
    });
    assert_eq!(logits[0], logits[1]);
    for name in ["bert", "bert-tiny"] {
        let model = |parameters: serde_json::Value| {
            let model = plugin::architecture(name, parameters.as_object().unwrap()).unwrap();
            serde_json::to_value(model).unwrap()
        };
        assert_eq!(model(json!({ "prunable": "encoder" })).get("prunable"), None);
        assert_eq!(model(json!({ "prunable": "all" }))["prunable"], json!("all"));
    }
}

fn text(batch: i64, length: i64) -> Input {
    let ids = Tensor::arange(batch * length, (Kind::Int64, Device::Cpu)).remainder(40);
    let ids = ids.view([batch, length]);
    Input::Tokens { segments: ids.zeros_like(), present: ids.ones_like().to_kind(Kind::Bool), ids }
}

#[test]
fn padding_changes_nothing() {
    let (model, _) = build(&tiny(), CLASSES).unwrap();
    let Input::Tokens { ids, segments, present } = text(2, 6) else { unreachable!() };
    let padded = Input::Tokens {
        ids: ids.constant_pad_nd([0, 4]),
        segments: segments.constant_pad_nd([0, 4]),
        present: present.constant_pad_nd([0, 4]),
    };
    let plain = Input::Tokens { ids, segments, present };
    let [plain, padded] =
        [plain, padded].map(|input| model.forward(&input, &Pass::EVALUATION).unwrap());
    assert!(plain.allclose(&padded, 1e-5, 1e-6, false), "{plain} {padded}");
}

#[test]
fn dropout_acts_in_training_only_and_follows_the_seed() {
    let (model, _) = build(&tiny(), CLASSES).unwrap();
    let input = text(4, 12);
    let logits = |seed: i64, pass| {
        dst_core::tch::manual_seed(seed);
        model.forward(&input, &pass).unwrap()
    };
    assert_eq!(logits(1, Pass::EVALUATION), logits(2, Pass::EVALUATION));
    assert_ne!(logits(1, Pass::TRAINING), logits(1, Pass::EVALUATION));
    let still = Bert { hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0, ..tiny() };
    let (model, _) = build(&still, CLASSES).unwrap();
    let [training, evaluation] =
        [Pass::TRAINING, Pass::EVALUATION].map(|pass| model.forward(&input, &pass).unwrap());
    assert!(training.allclose(&evaluation, 1e-5, 1e-6, false));
}

#[test]
fn a_step_against_the_gradient_lowers_the_loss() {
    let (model, parameters) = build(&tiny(), Task::Regression).unwrap();
    let (input, target) = (text(4, 7), Tensor::from_slice(&[0.0f32, 1.0, 2.0, 3.0]));
    let loss = || {
        let output = model.forward(&input, &Pass::EVALUATION).unwrap().squeeze_dim(-1);
        output.mse_loss(&target, Reduction::Mean)
    };
    let before = loss();
    before.backward();
    for (name, parameter) in parameters.iter() {
        let mut weight = parameter.tensor().detach();
        let gradient = parameter.tensor().grad();
        assert!(gradient.defined(), "{name} has no gradient");
        let _ = weight.f_sub_(&(gradient * 0.01)).unwrap();
    }
    assert!(loss().double_value(&[]) < before.double_value(&[]));
}

#[test]
fn unusable_sizes_are_refused() {
    let refusal = |config: Bert| build(&config, CLASSES).unwrap_err().to_string();
    assert_eq!(
        refusal(Bert { num_attention_heads: 3, ..tiny() }),
        "hidden_size = 8 is not a multiple of num_attention_heads = 3"
    );
    assert_eq!(
        refusal(Bert { num_hidden_layers: 0, ..tiny() }),
        "num_hidden_layers = 0 must be at least 1"
    );
    let endless = refusal(Bert { num_hidden_layers: 1 << 40, ..tiny() });
    assert!(endless.starts_with("the encoder would have more weights than"), "{endless}");
    assert!(refusal(Bert { hidden_dropout_prob: 1.0, ..tiny() }).contains("not in [0, 1)"));
    assert!(refusal(Bert { layer_norm_eps: f64::NAN, ..tiny() }).contains("must be 0 or more"));
    assert!(refusal(Bert { intermediate_size: i64::MAX, ..tiny() }).contains("more than the"));
    assert_eq!(
        refusal(Bert { vocab_size: 39, ..tiny() }),
        "the data set has 40 tokens, and vocab_size = 39\n  \
         set vocab_size = 40 (the model bert has it from its config.json)"
    );
    assert_eq!(
        refusal(Bert { max_position_embeddings: 11, ..tiny() }),
        "the data set has texts of 12 tokens, and max_position_embeddings = 11\n  \
         set max_position_embeddings = 12, or a smaller max_length of the data set"
    );
}

#[test]
fn pictures_and_texts_too_long_are_refused() {
    let picture = InputShape::Image { channels: 1, height: 28, width: 28 };
    let mut parameters = Parameters::default();
    let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
    let error = BertTiny::default().build(picture, CLASSES, &mut builder).unwrap_err();
    assert!(error.to_string().starts_with("this model takes text"), "{error}");
    let (model, _) = build(&tiny(), CLASSES).unwrap();
    assert!(model.forward(&text(1, 13), &Pass::EVALUATION).is_err());
    let noise = Input::Image(Tensor::zeros([1, 1, 4, 4], (Kind::Float, Device::Cpu)));
    assert!(model.forward(&noise, &Pass::EVALUATION).is_err());
}

#[test]
fn fine_tuning_starts_from_a_file_or_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(crate::weights::FILE);
    std::fs::copy(golden("bert-tiny-random.safetensors"), &file).unwrap();
    let expected = Expected::read("bert-tiny-random-expected.safetensors");
    for path in [&file, folder.path()] {
        let weights = Some(path.to_str().unwrap().to_owned());
        let (model, _) = build(&Bert { weights, ..tiny() }, CLASSES).unwrap();
        let logits = model.forward(&expected.input(), &Pass::EVALUATION).unwrap();
        assert!(expected.difference("logits", &logits) < 1e-5);
    }
    let weights = Some(file.to_str().unwrap().to_owned());
    // A task with another number of classes has a classifier of its own.
    let two = Task::Classification { classes: 2 };
    let config = Bert { weights, ..tiny() };
    let (model, _) = build(&config, two).unwrap();
    let origin = model.origin().unwrap();
    assert!(origin.contains("39 tensors loaded; 2 start at random: classifier.bias"), "{origin}");
    let (model, _) = build(&tiny(), two).unwrap();
    assert_eq!(model.origin(), None);
    let error = build(&Bert { num_hidden_layers: 3, ..config.clone() }, CLASSES).unwrap_err();
    assert!(error.to_string().contains("missing (16): encoder.layer.2.attention"), "{error}");

    let beside = folder.path().join("config.json");
    std::fs::write(&beside, json!({ "num_attention_heads": 4 }).to_string()).unwrap();
    let error = build(&config, CLASSES).unwrap_err().to_string();
    assert!(error.contains("config.json: num_attention_heads is 4, not 2"), "{error}");
    std::fs::write(&beside, json!({ "hidden_act": "gelu_new" }).to_string()).unwrap();
    let error = build(&config, CLASSES).unwrap_err().to_string();
    assert!(error.contains("hidden_act is gelu_new, not gelu"), "{error}");
    build(&Bert { hidden_act: BertActivation::GeluNew, ..config.clone() }, CLASSES).unwrap();
    std::fs::write(&beside, json!({ "hidden_act": "silu" }).to_string()).unwrap();
    let error = build(&config, CLASSES).unwrap_err().to_string();
    assert!(error.contains("hidden_act is \"silu\", and only gelu, gelu_new and relu"), "{error}");
    std::fs::write(&beside, "{").unwrap();
    assert!(build(&config, CLASSES).unwrap_err().to_string().contains("not JSON"));
}

/// The weights of transformers' classifier as others write them: with the names that PyTorch's wrappers
/// give, in shards, among tensors of types that libtorch does not know.
#[test]
fn weights_are_read_as_people_have_them() {
    let expected = Expected::read("bert-tiny-random-expected.safetensors");
    let logits = |path: &Path| {
        let weights = Some(path.to_str().unwrap().to_owned());
        let (model, _) = build(&Bert { weights, ..tiny() }, CLASSES)?;
        let logits = model.forward(&expected.input(), &Pass::EVALUATION)?;
        Ok::<_, Error>(expected.difference("logits", &logits))
    };
    let bytes = std::fs::read(golden("bert-tiny-random.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap().tensors();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(crate::weights::FILE);
    for wrapper in ["module.", "_orig_mod.", "module._orig_mod."] {
        let mut named: BTreeMap<String, TensorView<'_>> =
            tensors.iter().map(|(name, view)| (format!("{wrapper}{name}"), view.clone())).collect();
        for (name, kind) in [("scale", Dtype::F8_E4M3), ("ids", Dtype::U32)] {
            named.insert(
                name.to_owned(),
                TensorView::new(kind, vec![2], &[0; 8][..2 * kind.bitsize() / 8]).unwrap(),
            );
        }
        safetensors::serialize_to_file(named, None, &file).unwrap();
        assert!(logits(&file).unwrap() < 1e-5, "{wrapper}");
    }
    std::fs::remove_file(&file).unwrap();
    let mut map = serde_json::Map::new();
    for (number, part) in tensors.chunks(20).enumerate() {
        let shard = format!("model-{number}.safetensors");
        map.extend(part.iter().map(|(name, _)| (name.clone(), json!(shard))));
        let part: Vec<_> = part.iter().map(|(name, view)| (name, view)).collect();
        safetensors::serialize_to_file(part, None, &folder.path().join(shard)).unwrap();
    }
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "weight_map": map }).to_string()).unwrap();
    for given in [folder.path(), &index] {
        assert!(logits(given).unwrap() < 1e-5);
    }
    std::fs::remove_file(folder.path().join("model-1.safetensors")).unwrap();
    let error = logits(folder.path()).unwrap_err().to_string();
    assert!(error.contains("model-1.safetensors is not here"), "{error}");
}

/// A classifier that learnt its classes in another order says the same of each class.
#[test]
fn the_classes_of_trained_weights_follow_the_data_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(crate::weights::FILE);
    std::fs::copy(golden("bert-tiny-random.safetensors"), &file).unwrap();
    let expected = Expected::read("bert-tiny-random-expected.safetensors");
    let config = Bert { weights: Some(file.to_str().unwrap().to_owned()), ..tiny() };
    let logits = |theirs: Value, ours: &[&str]| {
        let beside = folder.path().join("config.json");
        std::fs::write(&beside, json!({ "id2label": theirs }).to_string()).unwrap();
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(1), Device::Cpu)
            .with_classes(ours.iter().map(|&name| name.to_owned()).collect());
        let model = config.network(TEXT, CLASSES, &mut builder).unwrap();
        let logits = model.forward(&expected.input(), &Pass::EVALUATION).unwrap();
        assert!(model.origin().unwrap().contains(" tensors loaded"));
        (logits, model.caution().unwrap_or_default().to_owned())
    };
    let names = json!({"0": "a", "1": "b", "2": "c"});
    let (same, caution) = logits(names.clone(), &["a", "b", "c"]);
    assert_eq!(caution, "");
    let (turned, caution) = logits(names.clone(), &["c", "a", "b"]);
    assert!(caution.ends_with("were put into the order of the data set"), "{caution}");
    assert_eq!(turned, same.index_select(1, &Tensor::from_slice(&[2i64, 0, 1])));
    let (fresh, caution) = logits(names, &["x", "b", "c"]);
    assert!(caution.contains("other classes (a, b, c) than the data set has"), "{caution}");
    assert_ne!(fresh, same);
}

#[test]
fn every_size_keeps_its_name_and_its_defaults() {
    for (name, hidden) in
        [("bert-base", 768), ("bert-mini", 256), ("bert-tiny", 128), ("minilm-l6", 384)]
    {
        let model = plugin::architecture(name, &Map::new()).unwrap();
        let value = serde_json::to_value(&model).unwrap();
        assert_eq!(value["name"], json!(name));
        assert_eq!(value["hidden_size"], json!(hidden));
        let again: Box<dyn Architecture> = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), value);
        let wrong = json!({ "hidden_sise": 3 });
        let error = plugin::architecture(name, wrong.as_object().unwrap()).unwrap_err();
        assert!(error.to_string().contains("did you mean 'hidden_size'?"), "{error}");
        let given = json!({ "weights": "a", "num_hidden_layers": 1 });
        let model = plugin::architecture(name, given.as_object().unwrap()).unwrap();
        assert_eq!(serde_json::to_value(&model).unwrap()["weights"], json!("a"));
    }
}

/// Parameters have the names of Hugging Face's `BertModel`; with a classifier theirs begin with `bert.`.
#[test]
fn published_names_are_those_of_the_classifier_of_hugging_face() {
    let own =
        ["embeddings.LayerNorm.bias", "encoder.layer.0.output.dense.weight", "classifier.bias"];
    for model in [&BertTiny::default() as &dyn Architecture, &ConfiguredBert::default()] {
        assert_eq!(
            own.map(|name| model.published_name(name)),
            [
                "bert.embeddings.LayerNorm.bias",
                "bert.encoder.layer.0.output.dense.weight",
                "classifier.bias",
            ]
        );
    }
}

/// What `harness export` writes loads into that classifier with nothing missing and nothing left over.
#[test]
fn an_exported_network_has_the_tensors_of_the_classifier_of_hugging_face() {
    let (_, parameters) = build(&tiny(), CLASSES).unwrap();
    let own = parameters.iter();
    let own: BTreeMap<String, Vec<i64>> =
        own.map(|(name, own)| (Bert::published_name(name), own.values().size())).collect();
    let theirs = Tensor::read_safetensors(golden("bert-tiny-random.safetensors")).unwrap();
    let theirs = theirs.into_iter().map(|(name, tensor)| (name, tensor.size())).collect();
    assert_eq!(own, theirs);
}
