//! The file in which a store keeps a network.
//!
//! It is a safetensors file. Its metadata has one key, `network`: JSON with the format, the trial, the epoch,
//! and for every tensor its role, shape, storage and number of active entries. The tensors of the file are,
//! little-endian:
//!
//! | storage | tensors in the file | bytes for n entries, k of them active |
//! |---|---|---|
//! | `dense` | `values/<name>` `F32 [n]` | 4n |
//! | `bitmap` | `values/<name>` `F32 [k]`, `bitmap/<name>` `U8 [⌈n / 8⌉]` | 4k + n/8 |
//! | `indices` | `values/<name>` `F32 [k]`, `indices/<name>` `U32 [k]` | 8k |
//!
//! Values and indices are in row-major order of the entries. A bitmap has eight entries a byte, the first in
//! the lowest bit (`numpy.unpackbits` with `bitorder="little"`). A weight without an inactive entry is dense;
//! any other has a bitmap, or indices where those are smaller, which is so below a density of 1/32. The
//! mask is kept even where the dense weight would be a little smaller, because an active entry may be 0.
//!
//! `sha256` in the description is the SHA-256 of that JSON with an empty `sha256`, followed by the bytes of all
//! tensors by name, of each the values first: one bit that flips is noticed.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{NetworkWeights, Role, WeightTensor};
use crate::error::{Error, Result};

/// The format that this version writes and the newest that it reads.
const FORMAT: u32 = 1;

/// The key of the description in the metadata of the file.
const DESCRIPTION: &str = "network";

/// All that is not tensors.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    format: u32,
    trial: String,
    epoch: u32,
    tensors: BTreeMap<String, TensorDescription>,
    sha256: String,
}

/// What the file says of one tensor.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorDescription {
    role: Role,
    shape: Vec<u64>,
    storage: Storage,
    active: u64,
}

/// The part of a description that later formats keep.
#[derive(Debug, Deserialize)]
struct Format {
    format: u32,
}

/// How a tensor lies in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Storage {
    Dense,
    Bitmap,
    Indices,
}

impl Storage {
    fn of(tensor: &WeightTensor) -> Self {
        match tensor.positions() {
            None => Self::Dense,
            Some(positions) if 4 * positions.len() as u64 > tensor.size().div_ceil(8) => {
                Self::Bitmap
            }
            Some(_) => Self::Indices,
        }
    }

    /// The prefix of the tensor with positions, and its type.
    fn positions(self) -> Option<(&'static str, Dtype)> {
        match self {
            Self::Dense => None,
            Self::Bitmap => Some(("bitmap/", Dtype::U8)),
            Self::Indices => Some(("indices/", Dtype::U32)),
        }
    }
}

impl NetworkWeights {
    /// The bytes of the file.
    ///
    /// # Errors
    /// If a name stands for two tensors of the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let describe = |tensor: &WeightTensor| TensorDescription {
            role: tensor.role(),
            shape: tensor.shape().to_vec(),
            storage: Storage::of(tensor),
            active: tensor.active(),
        };
        let tensors = self.tensors.iter().map(|(name, tensor)| (name.clone(), describe(tensor)));
        let description = Description {
            format: FORMAT,
            trial: self.trial.clone(),
            epoch: self.epoch,
            tensors: tensors.collect(),
            sha256: String::new(),
        };
        let blobs = self.tensors.iter().flat_map(|(name, tensor)| blobs_of(name, tensor));
        sealed(description, blobs.collect())
    }

    /// The network in the bytes of a file.
    ///
    /// # Errors
    /// If they are not a whole file of that kind, of a newer format, or say anything that cannot be:
    /// another number of values than the shape has, positions outside of it, twice or out of order, a
    /// tensor too many, or a sum that is not that of the contents.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (description, archive) = open(bytes)?;
        let sum = digest(&description, &mut |name| Some(archive.tensor(name).ok()?.data()))?;
        if sum != description.sha256 {
            return Err(damaged(format!(
                "the contents have the SHA-256 {sum}, and the file says {}",
                description.sha256
            )));
        }
        let mut expected = 0;
        let mut tensors = BTreeMap::new();
        for (name, described) in &description.tensors {
            let tensor =
                read_tensor(&archive, name, described).map_err(|error| error.at(name.clone()))?;
            expected += 1 + usize::from(described.storage != Storage::Dense);
            tensors.insert(name.clone(), tensor);
        }
        if archive.len() != expected {
            return Err(damaged(format!(
                "the file has {} tensors, and its description needs {expected}",
                archive.len()
            )));
        }
        let Description { trial, epoch, .. } = description;
        Ok(Self { trial, epoch, tensors })
    }
}

/// The description and the tensors of a file whose frame is whole.
pub(super) fn open(bytes: &[u8]) -> Result<(Description, SafeTensors<'_>)> {
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    let text = header.metadata().as_ref().and_then(|metadata| metadata.get(DESCRIPTION));
    let text = text.ok_or_else(|| {
        Error::data(
            "this safetensors file does not hold a network that a store kept: its metadata \
                     has no description",
        )
    })?;
    let Format { format } = serde_json::from_str(text)
        .map_err(|error| damaged(format!("its description names no format: {error}")))?;
    if format > FORMAT {
        return Err(Error::data(format!(
            "the weights have format {format}, and this version reads up to {FORMAT}"
        ))
        .hint("use the newer harness that wrote them"));
    }
    let description = serde_json::from_str(text)
        .map_err(|error| damaged(format!("its description cannot be read: {error}")))?;
    let archive = SafeTensors::deserialize(bytes).map_err(damaged)?;
    Ok((description, archive))
}

fn damaged(why: impl fmt::Display) -> Error {
    Error::data(format!("these are no whole weights: {why}"))
}

fn read_tensor(
    archive: &SafeTensors<'_>,
    name: &str,
    described: &TensorDescription,
) -> Result<WeightTensor> {
    let TensorDescription { role, shape, storage, active } = described;
    let (active, shape) = (*active, shape.clone());
    let list = |prefix: &str, kind: Dtype, count: u64| {
        let key = format!("{prefix}{name}");
        let view = archive.tensor(&key).map_err(|_| damaged(format!("there is no {key}")))?;
        if view.dtype() != kind || view.shape() != [count as usize] {
            return Err(damaged(format!(
                "{key} is {:?} {:?}, and {kind:?} [{count}] must stand there",
                view.dtype(),
                view.shape()
            )));
        }
        Ok(view.data())
    };
    let words = |bytes: &[u8]| bytes.as_chunks::<4>().0.to_vec();
    let values = words(list("values/", Dtype::F32, active)?);
    let values: Vec<f32> = values.into_iter().map(f32::from_le_bytes).collect();
    let Some((prefix, kind)) = storage.positions() else {
        return WeightTensor::dense(*role, shape, values);
    };
    if *role != Role::Prunable {
        return Err(damaged(format!("a {role:?} is always dense, and this one has positions")));
    }
    let positions = match storage {
        Storage::Indices => {
            words(list(prefix, kind, active)?).into_iter().map(u32::from_le_bytes).collect()
        }
        _ => {
            // A size that no file can have is refused before it is divided.
            let size = shape.iter().try_fold(1u64, |size, side| size.checked_mul(*side));
            let size = size.ok_or_else(|| damaged(format!("{shape:?} is no shape")))?;
            positions_of(list(prefix, kind, size.div_ceil(8))?, size)?
        }
    };
    WeightTensor::sparse(shape, values, positions)
}

/// Entries whose bits are set, rising.
fn positions_of(bitmap: &[u8], size: u64) -> Result<Vec<u32>> {
    let mut positions = Vec::new();
    for (index, byte) in bitmap.iter().enumerate() {
        let mut rest = *byte;
        while rest != 0 {
            let position = 8 * index as u64 + u64::from(rest.trailing_zeros());
            if position >= size {
                return Err(damaged(format!(
                    "the bitmap names entry {position} of a weight with {size}"
                )));
            }
            positions.push(u32::try_from(position).map_err(damaged)?);
            rest &= rest - 1;
        }
    }
    Ok(positions)
}

fn bitmap_of(positions: &[u32], size: u64) -> Vec<u8> {
    let mut bitmap = vec![0; size.div_ceil(8) as usize];
    for position in positions {
        bitmap[*position as usize / 8] |= 1 << (position % 8);
    }
    bitmap
}

fn blobs_of(name: &str, tensor: &WeightTensor) -> Vec<(String, Blob)> {
    let mut blobs =
        vec![(format!("values/{name}"), Blob::list(Dtype::F32, floats(tensor.values())))];
    let storage = Storage::of(tensor);
    if let Some(((prefix, kind), positions)) = storage.positions().zip(tensor.positions()) {
        let bytes = match storage {
            Storage::Indices => positions.iter().flat_map(|at| at.to_le_bytes()).collect(),
            _ => bitmap_of(positions, tensor.size()),
        };
        blobs.push((format!("{prefix}{name}"), Blob::list(kind, bytes)));
    }
    blobs
}

/// The file of these tensors, with the sum of their bytes in the description.
fn sealed(mut description: Description, blobs: BTreeMap<String, Blob>) -> Result<Vec<u8>> {
    description.sha256 =
        digest(&description, &mut |name| blobs.get(name).map(|blob| &blob.bytes[..]))?;
    let text = json(&description)?;
    let metadata = HashMap::from([(DESCRIPTION.to_owned(), text)]);
    safetensors::serialize(blobs, Some(metadata))
        .map_err(|error| Error::contract(format!("weights do not fit into a file: {error}")))
}

/// SHA-256 of the description without its own sum, and of the tensors that it names, as far as they
/// are there.
fn digest<'a>(
    description: &Description,
    bytes_of: &mut dyn FnMut(&str) -> Option<&'a [u8]>,
) -> Result<String> {
    let unsealed = Description { sha256: String::new(), ..description.clone() };
    let mut sum = Sha256::new_with_prefix(json(&unsealed)?);
    for (name, described) in &description.tensors {
        let prefixes = ["values/"].into_iter().chain(described.storage.positions().map(|it| it.0));
        for prefix in prefixes {
            sum.update(bytes_of(&format!("{prefix}{name}")).unwrap_or_default());
        }
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn json(description: &Description) -> Result<String> {
    serde_json::to_string(description)
        .map_err(|error| Error::contract(format!("a description cannot be written: {error}")))
}

/// Little-endian bytes of floats.
pub(super) fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// One tensor of a safetensors file.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) kind: Dtype,
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

impl Blob {
    /// A list, of whatever length the bytes have.
    pub(super) fn list(kind: Dtype, bytes: Vec<u8>) -> Self {
        Self { kind, shape: vec![bytes.len() * 8 / kind.bitsize()], bytes }
    }
}

impl View for Blob {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The same file with the sum of its present contents, for tests of what the sum hides.
#[cfg(test)]
pub(super) fn resealed(
    bytes: &[u8],
    change: impl FnOnce(&mut serde_json::Value),
) -> Option<Vec<u8>> {
    let (description, archive) = open(bytes).ok()?;
    let mut value = serde_json::to_value(description).ok()?;
    change(&mut value);
    let description = serde_json::from_value(value).ok()?;
    let blob = |view: &safetensors::tensor::TensorView<'_>| Blob {
        kind: view.dtype(),
        shape: view.shape().to_vec(),
        bytes: view.data().to_vec(),
    };
    let blobs = archive.iter().map(|(name, view)| (name.to_owned(), blob(&view)));
    sealed(description, blobs.collect()).ok()
}
