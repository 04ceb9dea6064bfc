//! Trained networks that stay, are exported and predict.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{DataSources, Dataset, Input, Split, plugin};
use end_to_end::{ProcessOutput, Sandbox};
use harness as _;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

const USAGE: i32 = 2;
const DATA: i32 = 3;
const IO: i32 = 4;

/// Trainings of well under a second.
const GRID: &str =
    "grid --strategies rigl --models mlp --set mlp.hidden=[16] --epochs 1 --no-report";

/// A grid of RigL with these seeds, which `flags` tell what to keep.
fn grid(sandbox: &Sandbox, seeds: &str, flags: &str) -> ProcessOutput {
    sandbox.run(&format!("{GRID} --seeds {seeds} {flags}"))
}

/// Ids of all trials that have a result, and of those that kept a network.
fn trials(sandbox: &Sandbox) -> (Vec<String>, Vec<String>) {
    let all: Vec<String> = sandbox.results().into_keys().collect();
    let weights = |id: &&String| sandbox.path(&format!("runs/{id}/weights.safetensors")).is_file();
    let kept = all.iter().filter(weights).cloned().collect();
    (all, kept)
}

fn result(sandbox: &Sandbox, id: &str) -> Value {
    serde_json::from_slice(&sandbox.results()[id]).unwrap()
}

/// Samples of the test set by row: the class that is predicted.
fn classes(stdout: &str) -> BTreeMap<String, String> {
    let pair = |line: &str| {
        let cells: Vec<&str> = line.split('\t').collect();
        (cells[0].to_owned(), cells[1].to_owned())
    };
    stdout.lines().map(pair).collect()
}

#[test]
fn a_network_that_was_kept_predicts_its_test_set_as_it_did() {
    let sandbox = Sandbox::new();
    let said = grid(&sandbox, "0..2", "--keep all").well();
    assert!(said.stderr.contains("2 networks kept, "), "{}", said.stderr);
    let (all, kept) = trials(&sandbox);
    assert_eq!((all.len(), &kept), (2, &all));
    for id in &kept {
        for backend in ["auto", "masked", "sparse"] {
            let line = format!("predict {} --split test --backend {backend}", &id[..8]);
            let said = sandbox.run(&line).well();
            assert_eq!(said.stdout.lines().count(), 2_000);
            let expected = "all 2000 predictions are those that are stored";
            assert!(said.stderr.contains(expected), "{backend}: {}", said.stderr);
        }
    }
    let line = format!("predict {} --split test --json", kept[0]);
    let object: Value = serde_json::from_str(&sandbox.run(&line).well().stdout).unwrap();
    assert_eq!(object["stored"]["samples"], 2_000);
    assert_eq!(object["predictions"].as_array().map(Vec::len), Some(2_000));

    // A prediction that was stored otherwise is found.
    let path = sandbox.path(&format!("runs/{}/predictions.safetensors", kept[0]));
    let other = sandbox.path(&format!("runs/{}/predictions.safetensors", kept[1]));
    fs::copy(other, path).unwrap();
    let result_of_other = result(&sandbox, &kept[1]);
    let mut changed = result(&sandbox, &kept[0]);
    changed["confusion"] = result_of_other["confusion"].clone();
    changed["outcome"]["test"] = result_of_other["outcome"]["test"].clone();
    // As an earlier version wrote it: with digests, the change itself would be found.
    changed.as_object_mut().unwrap().retain(|key, _| key != "digest" && key != "files");
    let path = sandbox.path(&format!("runs/{}/result.json", kept[0]));
    fs::write(path, changed.to_string()).unwrap();
    let message = sandbox.run(&format!("predict {} --split test", kept[0])).refused(1);
    assert!(message.contains("of 2000 predictions are not those that are stored"), "{message}");
}

/// The digits of the test set as files: they are predicted as in the test set.
#[test]
fn images_of_a_user_are_predicted_like_those_of_the_data_set() {
    let sandbox = Sandbox::new();
    let _ = grid(&sandbox, "0", "--keep all").well();
    let (_, kept) = trials(&sandbox);
    let stored = sandbox.run(&format!("predict {} --split test", kept[0])).well();
    let stored = classes(&stored.stdout);
    let data =
        plugin::dataset("mnist-10k", &serde_json::Map::new(), &DataSources::default()).unwrap();
    let rows = [0, 7, 1999];
    for row in rows {
        write_png(&sandbox.path(&format!("{row}.png")), &pixels(&*data, row));
    }
    let said = sandbox.run(&format!("predict {} 0.png 7.png 1999.png", kept[0])).well();
    assert_eq!(said.stdout.lines().count(), 3);
    let predicted = classes(&said.stdout);
    for row in rows {
        let (file, sample) = (format!("{row}.png"), format!("test:{row}"));
        assert_eq!(predicted[&file], stored[&sample], "{file}");
    }
    let images = rows.map(|row| pixels(&*data, row)).concat();
    let header = [0x803, rows.len() as u32, 28, 28].map(u32::to_be_bytes).concat();
    fs::write(sandbox.path("digits-idx3-ubyte"), [header, images].concat()).unwrap();
    let said = sandbox.run(&format!("predict {} digits-idx3-ubyte 7.png", kept[0])).well();
    let predicted = classes(&said.stdout);
    for (position, row) in rows.iter().enumerate() {
        let (name, sample) = (format!("digits-idx3-ubyte:{position}"), format!("test:{row}"));
        assert_eq!(predicted[&name], stored[&sample], "{name}");
    }
    assert_eq!(predicted["7.png"], stored["test:7"]);
    fs::write(sandbox.path("photo.png"), "no image").unwrap();
    let message = sandbox.run(&format!("predict {} 0.png photo.png", kept[0])).refused(DATA);
    assert!(message.contains("photo.png: this is not a whole PNG image"), "{message}");
    assert!(message.contains("and from IDX files of images"), "{message}");
    let message = sandbox.run(&format!("predict {}", kept[0])).refused(USAGE);
    assert!(message.contains("name files") && message.contains("--split test"), "{message}");
}

/// Bytes of an image of the test set, from its normalised form.
fn pixels(data: &dyn Dataset, row: i64) -> Vec<u8> {
    let batch = data.batch(Split::Test, &[row], Device::Cpu).unwrap();
    let Input::Image(image) = batch.input else { panic!("MNIST is images") };
    let bytes: Tensor = ((image * 0.3081 + 0.1307) * 255.0).round().to_kind(Kind::Uint8);
    Vec::try_from(bytes.view(-1)).unwrap()
}

fn write_png(path: &Path, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 28, 28);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(pixels).unwrap();
}

#[test]
fn exported_files_hold_the_network_dense_and_compressed() {
    let sandbox = Sandbox::new();
    let _ = grid(&sandbox, "0", "--keep all").well();
    let (_, kept) = trials(&sandbox);
    let id = &kept[0];
    let said = sandbox.run(&format!("export {}", &id[..6])).well();
    assert_eq!(said.stdout, format!("{id}.safetensors\n"));
    assert!(said.stderr.contains("parameters are active; dense tensors take"), "{}", said.stderr);
    let dense = fs::read(sandbox.path(&format!("{id}.safetensors"))).unwrap();
    let dense = SafeTensors::deserialize(&dense).unwrap();
    let _ = sandbox.run(&format!("export {id} --format csr -o net.safetensors")).well();
    let rows = fs::read(sandbox.path("net.safetensors")).unwrap();
    let rows = SafeTensors::deserialize(&rows).unwrap();

    let weight = dense.tensor("fc1.weight").unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F32, &[16, 784][..]));
    let weight = floats(weight.data());
    let indices = |name: &str| -> Vec<usize> {
        let view = rows.tensor(&format!("fc1.weight.{name}")).unwrap();
        assert_eq!(view.dtype(), Dtype::I32);
        let words = view.data().as_chunks::<4>().0.iter();
        words.map(|word| i32::from_le_bytes(*word) as usize).collect()
    };
    let (pointers, columns) = (indices("crow_indices"), indices("col_indices"));
    let values = floats(rows.tensor("fc1.weight.values").unwrap().data());
    let mut from_rows = vec![0.0; weight.len()];
    for row in 0..16 {
        for at in pointers[row]..pointers[row + 1] {
            from_rows[row * 784 + columns[at]] = values[at];
        }
    }
    assert_eq!(from_rows, weight);
    let nonzero = result(&sandbox, id)["outcome"]["nonzero_parameters"].as_u64().unwrap();
    assert!(values.len() as u64 <= nonzero && !values.is_empty());
    assert_eq!(dense.tensor("fc1.bias").unwrap().data(), rows.tensor("fc1.bias").unwrap().data());
}

/// onnxruntime computes an exported network, normalisation included, as `predict` does.
#[test]
fn an_onnx_file_predicts_the_same_in_another_program() {
    let sandbox = Sandbox::new();
    let few = "--models small-cnn --set mnist-10k.train_samples=640 --epochs 1 --no-report";
    let _ = sandbox.run(&format!("grid --strategies rigl {few} --seeds 0 --keep all")).well();
    let (_, kept) = trials(&sandbox);
    let said = sandbox.run(&format!("export {} --format onnx", kept[0])).well();
    assert_eq!(said.stdout, format!("{}.onnx\n", kept[0]));
    let expected = "takes input [batch, 1, 28, 28], pixels from 0 to 1; gives logits [batch, 10]";
    assert!(said.stderr.contains(expected), "{}", said.stderr);

    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let packages = workspace.join("target/onnxruntime");
    if !packages.is_dir() {
        eprintln!("skipped: no onnxruntime in target/onnxruntime");
        return;
    }
    let data =
        plugin::dataset("mnist-10k", &serde_json::Map::new(), &DataSources::default()).unwrap();
    let files: Vec<String> = (0..20).map(|row| format!("{row}.png")).collect();
    for (row, file) in (0..).zip(&files) {
        write_png(&sandbox.path(file), &pixels(&*data, row));
    }
    let own = sandbox.run(&format!("predict {} {}", kept[0], files.join(" "))).well();
    let output = Command::new("python3")
        .arg(workspace.join("examples/onnx.py"))
        .arg(sandbox.path(said.stdout.trim()))
        .args(&files)
        .env("PYTHONPATH", packages)
        .current_dir(sandbox.path("."))
        .output()
        .unwrap();
    let other = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(other.lines().count(), 20);
    for (own, other) in own.stdout.lines().zip(other.lines()) {
        let cells = |line: &str| {
            let cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
            (cells[..2].to_vec(), cells[2].parse::<f64>().unwrap())
        };
        let ((own, probability), (other, same)) = (cells(own), cells(other));
        assert_eq!(own, other);
        assert!((probability - same).abs() < 2e-4, "{own:?}: {probability}, {same}");
    }
}

/// A network for text has no graph; the message says what to do instead.
#[test]
fn a_network_that_does_not_describe_itself_is_refused_as_onnx() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("novel.txt"), "it was the best of times, ".repeat(200)).unwrap();
    let small = "--models decoder --set decoder.layers=1 --set decoder.width=16 \
                 --set decoder.heads=2 --epochs 1 --no-report";
    let line = format!("grid --datasets text:novel.txt --strategies rigl {small} --seeds 0");
    let _ = sandbox.run(&format!("{line} --keep all")).well();
    let (_, kept) = trials(&sandbox);
    let message = sandbox.run(&format!("export {} --format onnx", kept[0])).refused(USAGE);
    assert!(message.contains("'decoder' does not describe what it computes"), "{message}");
    assert!(message.contains("export it without --format onnx"), "{message}");
    let _ = sandbox.run(&format!("export {}", kept[0])).well();
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word)).collect()
}

#[test]
fn the_best_seed_stays_and_more_seeds_replace_it_only_if_they_are_better() {
    let sandbox = Sandbox::new();
    let said = grid(&sandbox, "0..3", "--keep best").well();
    assert!(said.stderr.contains("1 network kept, "), "{}", said.stderr);
    let best = |sandbox: &Sandbox| {
        let (all, kept) = trials(sandbox);
        let score = |id: &String| {
            result(sandbox, id)["outcome"]["validation"]["accuracy"].as_f64().unwrap()
        };
        assert_eq!(kept.len(), 1);
        assert!(all.iter().all(|id| score(id) <= score(&kept[0])));
        kept[0].clone()
    };
    let first = best(&sandbox);
    let _ = grid(&sandbox, "3..5", "--keep best").well();
    let second = best(&sandbox);
    let (all, _) = trials(&sandbox);
    assert_eq!(all.len(), 5);
    let loser = all.iter().find(|id| **id != second).unwrap();
    let message = sandbox.run(&format!("export {loser}")).refused(USAGE);
    assert!(message.contains("another seed is better on validation"), "{message}");
    assert!(message.contains(&format!("{second} is that trial")), "{message}");
    assert!(all.contains(&first));
}

#[test]
fn a_finished_trial_is_not_trained_again_for_its_weights() {
    let sandbox = Sandbox::new();
    let _ = grid(&sandbox, "0..2", "").well();
    let before = sandbox.results();
    let mut command = sandbox.command(&format!("{GRID} --seeds 0..2"));
    let said = end_to_end::said(command.env("HARNESS_KEEP", "all")).well();
    assert!(said.stderr.contains("warning: 2 trials are done and kept no weights"), "{said:?}");
    assert!(said.stderr.contains("nothing is trained again for that"), "{}", said.stderr);
    assert_eq!(sandbox.results(), before);
    let id = before.keys().next().unwrap();
    for line in [format!("export {id}"), format!("predict {id} --split test")] {
        let message = sandbox.run(&line).refused(USAGE);
        assert!(message.contains("was trained without keeping its weights"), "{message}");
        assert!(message.contains("start the same command with --keep all"), "{message}");
    }
    let said = sandbox.run(&format!("run --trial {id} --keep all")).well();
    let expected = "warning: 1 trial is done and kept no weights";
    assert!(said.stderr.contains(expected), "{}", said.stderr);
    assert_eq!(sandbox.results(), before);
}

#[test]
fn damaged_or_missing_weights_cost_no_result() {
    let sandbox = Sandbox::new();
    let _ = grid(&sandbox, "0..2", "--keep all").well();
    let (_, kept) = trials(&sandbox);
    let path = |id: &str| sandbox.path(&format!("runs/{id}/weights.safetensors"));
    let mut bytes = fs::read(path(&kept[0])).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(path(&kept[0]), bytes).unwrap();
    fs::remove_file(path(&kept[1])).unwrap();
    let before = sandbox.results();
    for command in ["status", "report --all --json"] {
        let _ = sandbox.run(command).well();
    }
    let said = grid(&sandbox, "0..2", "--keep all").well();
    assert!(said.stderr.contains("kept no weights"), "{}", said.stderr);
    assert_eq!(sandbox.results(), before);
    let message = sandbox.run(&format!("export {}", kept[0])).refused(DATA);
    assert!(message.contains("this is not the file that the result was written with"), "{message}");
    assert!(message.contains("the result is not affected"), "{message}");
    let message = sandbox.run(&format!("export {}", kept[1])).refused(DATA);
    assert!(message.contains("are gone"), "{message}");
}

/// Where the file cannot be written, a checkpoint stays, and the same command ends the trial later.
#[test]
fn weights_that_cannot_be_written_lose_no_training() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&format!("{GRID} --seeds 0 --dry-run --json"));
    let plan: Value = serde_json::from_str(&said.well().stdout).unwrap();
    let id = plan["trials"][0]["id"].as_str().unwrap().to_owned();
    let obstacle = sandbox.path(&format!("runs/{id}/weights.safetensors/in-the-way"));
    fs::create_dir_all(&obstacle).unwrap();
    fs::write(sandbox.path("runs/store.json"), "{\"format\": 1}").unwrap();
    let said = grid(&sandbox, "0", "--keep all");
    assert_eq!(said.code, Some(IO), "{said:?}");
    assert!(said.stderr.contains("cannot write"), "{}", said.stderr);
    let checkpoints = sandbox.path(&format!("runs/{id}/checkpoint"));
    assert!(sandbox.results().is_empty() && fs::read_dir(checkpoints).unwrap().count() > 0);
    fs::remove_dir_all(obstacle.parent().unwrap()).unwrap();
    let _ = grid(&sandbox, "0", "--keep all").well();
    let (all, kept) = trials(&sandbox);
    assert_eq!((all, kept), (vec![id.clone()], vec![id.clone()]));
    let log = fs::read_to_string(sandbox.path(&format!("runs/{id}/log.txt"))).unwrap();
    // The second attempt says again what the first one trained, to the tenth of a second.
    let epochs: Vec<&str> = log.lines().filter(|line| line.starts_with("epoch 1: ")).collect();
    assert!(log.contains("attempt 2 of") && epochs.len() == 2 && epochs[0] == epochs[1], "{log}");
}

#[test]
fn mistakes_are_met_with_what_there_is() {
    let sandbox = Sandbox::new();
    let message = grid(&sandbox, "0..2", "--keep bset").refused(USAGE);
    assert!(message.contains("--keep") && message.contains("did you mean 'best'"), "{message}");
    let _ = grid(&sandbox, "0", "--keep all").well();
    let (_, kept) = trials(&sandbox);
    let message = sandbox.run("export zzzz").refused(USAGE);
    assert!(message.contains("no trial in runs begins with 'zzzz'"), "{message}");
    assert!(message.contains(&format!("{}  rigl at sparsity", kept[0])), "{message}");
    let message = sandbox.run(&format!("export {} --format tflite", kept[0])).refused(USAGE);
    assert!(message.contains("safetensors, csr, onnx"), "{message}");
}
