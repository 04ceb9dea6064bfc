use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::file::resealed;
use super::*;
use crate::error::ErrorKind;
use crate::mask_sample::split_mix;

/// One tensor of every storage, with an empty and a full mask.
fn network() -> NetworkWeights {
    let list = |count: u64| (0..count).map(|at| at as f32 - 1.5).collect::<Vec<f32>>();
    let dense = |role, shape: &[u64]| {
        WeightTensor::dense(role, shape.to_vec(), list(shape.iter().product())).unwrap()
    };
    let sparse = |shape: &[u64], positions: &[u32]| {
        let values = list(positions.len() as u64);
        WeightTensor::sparse(shape.to_vec(), values, positions.to_vec()).unwrap()
    };
    let tensors = [
        ("conv.weight", sparse(&[4, 2, 3, 3], &[0, 7, 8, 17, 18, 71])),
        ("fc.bias", dense(Role::Parameter, &[3])),
        ("fc.weight", sparse(&[3, 200], &[0, 199, 400, 599])),
        ("full.weight", dense(Role::Prunable, &[2, 3])),
        ("lost.weight", sparse(&[2, 9], &[])),
        ("norm.running_mean", dense(Role::Buffer, &[5])),
        ("scale", dense(Role::Parameter, &[])),
    ];
    NetworkWeights {
        trial: "0123456789abcdef".into(),
        epoch: 3,
        tensors: tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
    }
}

fn refusal(bytes: &[u8]) -> String {
    let error = NetworkWeights::from_bytes(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    error.one_line()
}

#[test]
fn a_network_comes_back_bit_for_bit() {
    let network = network();
    let bytes = network.to_bytes().unwrap();
    assert_eq!(NetworkWeights::from_bytes(&bytes).unwrap(), network);
    assert_eq!(network.to_bytes().unwrap(), bytes, "the file depends on the network only");
    assert_eq!((network.parameter_count(), network.active_count()), (700, 20));
}

/// 72 entries take 9 bytes as bits and 24 as indices; 600 entries 75 as bits and 16 as indices.
#[test]
fn positions_take_the_smaller_of_two_forms() {
    let bytes = network().to_bytes().unwrap();
    let archive = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names = archive.names();
    names.sort();
    assert_eq!(
        names,
        [
            "bitmap/conv.weight",
            "indices/fc.weight",
            "indices/lost.weight",
            "values/conv.weight",
            "values/fc.bias",
            "values/fc.weight",
            "values/full.weight",
            "values/lost.weight",
            "values/norm.running_mean",
            "values/scale",
        ]
    );
    // Entries 0 and 7 are in the first byte, the lowest bit first.
    assert_eq!(archive.tensor("bitmap/conv.weight").unwrap().data()[..3], [0x81, 0x01, 0x06]);
}

#[test]
fn tensors_that_cannot_be_are_refused() {
    let sparse = |values: usize, positions: &[u32]| {
        let values = vec![1.0; values];
        WeightTensor::sparse(vec![2, 3], values, positions.to_vec()).unwrap_err().to_string()
    };
    assert_eq!(sparse(2, &[1]), "there are 2 values for 1 positions");
    assert_eq!(sparse(2, &[4, 4]), "position 4 stands twice: positions must rise");
    assert_eq!(sparse(2, &[4, 1]), "position 1 stands out of order: positions must rise");
    assert_eq!(
        sparse(2, &[0, 6]),
        "position 6 is outside of the shape [2, 3], which has 6 entries"
    );
    let dense = |shape: &[u64]| {
        WeightTensor::dense(Role::Buffer, shape.to_vec(), vec![0.0; 6]).unwrap_err().to_string()
    };
    assert_eq!(dense(&[7]), "6 values do not fill the shape [7], which has 7 entries");
    assert!(dense(&[1 << 32]).contains("has more than 4294967295 entries"));
    assert!(dense(&[1 << 40, 1 << 40]).contains("has more than 4294967295 entries"));
    assert!(WeightTensor::masked(vec![2], &[1.0, 2.0], &[true]).is_err());
}

#[test]
fn masks_and_dense_values_are_those_that_were_given() {
    let dense = [1.0, 0.0, 3.0, 0.0];
    // An active entry may be 0.
    let active = [true, true, true, false];
    let tensor = WeightTensor::masked(vec![2, 2], &dense, &active).unwrap();
    assert_eq!(tensor.values(), [1.0, 0.0, 3.0]);
    assert_eq!((tensor.to_dense(), tensor.mask()), (dense.to_vec(), active.to_vec()));
    let full = WeightTensor::masked(vec![2], &[1.0, 0.0], &[true; 2]).unwrap();
    assert_eq!((full.positions(), full.mask()), (None, vec![true; 2]));
}

#[test]
fn rows_are_compressed_as_libraries_take_them() {
    let tensors = network().tensors;
    let rows = tensors["conv.weight"].to_compressed_rows().unwrap();
    // Rows of 18: entries 0, 7, 8 and 17 are in the first, 18 in the second and 71 in the last.
    assert_eq!(rows.size, [4, 18]);
    assert_eq!(rows.row_pointers, [0, 4, 5, 5, 6]);
    assert_eq!(rows.columns, [0, 7, 8, 17, 0, 17]);
    assert_eq!(rows.values, tensors["conv.weight"].values());
    let full = tensors["full.weight"].to_compressed_rows().unwrap();
    assert_eq!((full.row_pointers, full.columns), (vec![0, 3, 6], vec![0, 1, 2, 0, 1, 2]));
    assert_eq!(tensors["fc.bias"].to_compressed_rows(), None);
    let lost = tensors["lost.weight"].to_compressed_rows().unwrap();
    assert_eq!((lost.row_pointers, lost.columns), (vec![0; 3], vec![]));
}

/// Bytes behind the header of a safetensors file.
fn data_size(file: &[u8]) -> u64 {
    let (header, _) = safetensors::SafeTensors::read_metadata(file).unwrap();
    (file.len() - 8 - header) as u64
}

#[test]
fn exported_files_have_the_shapes_and_names_of_the_network() {
    let network = network();
    let file = network.to_safetensors(|name| format!("net.{name}")).unwrap();
    let archive = safetensors::SafeTensors::deserialize(&file).unwrap();
    let weight = archive.tensor("net.conv.weight").unwrap();
    assert_eq!(weight.shape(), [4, 2, 3, 3]);
    let dense = network.tensors["conv.weight"].to_dense();
    assert_eq!(weight.data(), super::file::floats(&dense));
    assert_eq!(archive.tensor("net.scale").unwrap().shape(), [0usize; 0]);
    assert_eq!(data_size(&file), network.dense_size());
    assert_eq!(network.dense_size(), 4 * (700 + 5));

    let file = network.to_compressed(str::to_owned).unwrap();
    assert_eq!(data_size(&file), network.compressed_size());
    let archive = safetensors::SafeTensors::deserialize(&file).unwrap();
    let shape = archive.tensor("fc.weight.shape").unwrap();
    assert_eq!(
        (shape.dtype(), shape.data()),
        (safetensors::Dtype::I64, &[3u64.to_le_bytes(), 200u64.to_le_bytes()].concat()[..])
    );
    let pointers = archive.tensor("fc.weight.crow_indices").unwrap();
    assert_eq!((pointers.dtype(), pointers.shape()), (safetensors::Dtype::I32, &[4usize][..]));
    assert_eq!(archive.tensor("fc.bias").unwrap().shape(), [3]);
    assert_eq!(archive.tensor("full.weight.values").unwrap().shape(), [6]);
    let error = network.to_safetensors(|_| "one".to_owned()).unwrap_err().to_string();
    assert_eq!(error, "two tensors of the network are called one");
}

#[test]
fn files_of_another_kind_or_time_are_refused() {
    let bytes = network().to_bytes().unwrap();
    let other = network().to_safetensors(str::to_owned).unwrap();
    assert!(refusal(&other).contains("does not hold a network that a store kept"));
    for cut in [0, 7, 8, 9, 100, bytes.len() - 1] {
        assert!(refusal(&bytes[..cut]).starts_with("these are no whole weights"), "{cut}");
    }
    let newer = resealed(&bytes, |description| description["format"] = json!(2)).unwrap();
    assert_eq!(refusal(&newer), "the weights have format 2, and this version reads up to 1");
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(refusal(&flipped).contains("the contents have the SHA-256"));
}

/// The description says something that the tensors do not, under a sum that is right.
#[test]
fn a_description_that_does_not_fit_is_refused_with_the_name() {
    let bytes = network().to_bytes().unwrap();
    let changed = |tensor: &str, key: &str, value: Value| {
        let change = |description: &mut Value| description["tensors"][tensor][key] = value;
        refusal(&resealed(&bytes, change).unwrap())
    };
    let error = changed("fc.weight", "shape", json!([3, 100]));
    assert!(error.starts_with("fc.weight: position 599 is outside of the shape"), "{error}");
    let error = changed("conv.weight", "shape", json!([4, 2, 3, 2]));
    assert!(error.starts_with("conv.weight: these are no whole weights: bitmap/conv"), "{error}");
    let error = changed("conv.weight", "shape", json!([65, 1]));
    assert!(error.contains("the bitmap names entry 71 of a weight with 65"), "{error}");
    let error = changed("conv.weight", "shape", json!([u64::MAX, 2]));
    assert!(error.contains("is no shape"), "{error}");
    let error = changed("fc.weight", "active", json!(5));
    assert!(error.contains("values/fc.weight is F32 [4], and F32 [5] must stand there"), "{error}");
    let error = changed("fc.weight", "storage", json!("dense"));
    assert!(error.contains("4 values do not fill the shape [3, 200]"), "{error}");
    let error = changed("fc.weight", "role", json!("buffer"));
    assert!(error.contains("a Buffer is always dense"), "{error}");
    let gone = |description: &mut Value| {
        description["tensors"].as_object_mut().unwrap().remove("scale");
    };
    let error = refusal(&resealed(&bytes, gone).unwrap());
    assert!(error.contains("the file has 10 tensors, and its description needs 9"), "{error}");
}

/// Changes of a file by a seed: bits, bytes, words, cuts, copies and additions.
struct Mutator(u64);

impl Mutator {
    fn below(&mut self, bound: usize) -> usize {
        (split_mix(&mut self.0) % bound.max(1) as u64) as usize
    }

    fn network(&mut self) -> NetworkWeights {
        let mut network = NetworkWeights { tensors: BTreeMap::new(), ..network() };
        for index in 0..1 + self.below(4) {
            let shape = vec![1 + self.below(6) as u64, 1 + self.below(40) as u64];
            let size = shape[0] * shape[1];
            let values: Vec<f32> = (0..size).map(|_| self.below(100) as f32 - 50.0).collect();
            let sparsity = self.below(50);
            let tensor = match self.below(3) {
                0 => WeightTensor::dense(Role::Parameter, shape, values),
                _ => {
                    let active: Vec<bool> = (0..size).map(|_| self.below(50) >= sparsity).collect();
                    WeightTensor::masked(shape, &values, &active)
                }
            };
            network.tensors.insert(format!("layer{index}"), tensor.unwrap());
        }
        network
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(3) {
            let length = bytes.len();
            if length == 0 {
                return;
            }
            // Half of all changes are in the header, which is where the meaning is.
            let end = if self.below(2) == 0 { length } else { length.min(700) };
            let at = self.below(end);
            match self.below(7) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => bytes[at] = self.below(256) as u8,
                2 => bytes.truncate(at),
                3 => bytes.insert(at, self.below(256) as u8),
                4 => drop(bytes.remove(at)),
                5 => {
                    let word = [0u32, 1, u32::MAX, 1 << 31, at as u32][self.below(5)].to_le_bytes();
                    let end = (at + 4).min(length);
                    bytes[at..end].copy_from_slice(&word[..end - at]);
                }
                _ => {
                    let from = self.below(length);
                    let count = self.below(9).min(length - from);
                    let part = bytes[from..from + count].to_vec();
                    let end = (at + count).min(length);
                    bytes[at..end].copy_from_slice(&part[..end - at]);
                }
            }
        }
    }

    /// Reads a changed file: it is refused, or it is the file from before.
    fn round(&mut self) {
        let network = self.network();
        let mut bytes = network.to_bytes().unwrap();
        // With a sum that is right for what was changed, other checks have to find it.
        let seals = self.below(2) == 0;
        self.mutate(&mut bytes);
        if seals && let Some(sealed) = resealed(&bytes, |_| {}) {
            if let Ok(read) = NetworkWeights::from_bytes(&sealed) {
                check(&read);
            }
            return;
        }
        match NetworkWeights::from_bytes(&bytes) {
            Ok(read) => assert_eq!(read, network),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Data),
        }
    }
}

/// What is read can be used: every form of it has the size that the shape says, and it can be written
/// and read again.
fn check(network: &NetworkWeights) {
    for tensor in network.tensors.values() {
        // A file of a few bytes may name four thousand million entries that are all 0.
        if tensor.size() > 1 << 20 {
            continue;
        }
        let (dense, mask) = (tensor.to_dense(), tensor.mask());
        assert_eq!(dense.len() as u64, tensor.size());
        assert_eq!(mask.iter().filter(|active| **active).count() as u64, tensor.active());
        if let Some(rows) = tensor.to_compressed_rows() {
            assert_eq!(rows.row_pointers.len() as u64, rows.size[0] + 1);
            assert_eq!(rows.row_pointers.last(), Some(&tensor.active()));
            assert!(rows.columns.iter().all(|column| *column < rows.size[1]));
        }
    }
    let bytes = network.to_bytes().unwrap();
    let again = NetworkWeights::from_bytes(&bytes).unwrap();
    // Values are compared by their bits: a changed file may hold what is no number.
    assert_eq!(again.to_bytes().unwrap(), bytes);
}

#[test]
fn changed_files_are_refused_before_use() {
    for seed in 0..20_000 {
        Mutator(seed).round();
    }
}

/// `cargo test --release -p dst-record -- --ignored ten_minutes`
#[test]
#[ignore = "takes ten minutes"]
fn ten_minutes_of_changed_files_are_refused_before_use() {
    let (start, mut seed) = (Instant::now(), 20_000);
    while start.elapsed() < Duration::from_secs(600) {
        Mutator(seed).round();
        seed += 1;
    }
    println!("{} files", seed - 20_000);
}
