//! One file that a training continues from.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dst_core::dataset::read_file;
use dst_core::{Error, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::{Device, Kind, Tensor};

use crate::snapshot::Tensors;

/// Name of the file in its folder.
const FILE: &str = "checkpoint.safetensors";

/// Its name until it is whole.
const PARTIAL: &str = "checkpoint.safetensors.partial";

/// The key of the header under which all that is not tensors lies, as JSON. One file holds
/// both, because two files cannot be replaced at once.
const STATE: &str = "state";

/// Writes tensors and state to the folder, in place of what is there.
///
/// The file is written beside, flushed to the disk and renamed, so that a reader, a crash or a
/// full disk never meets half a checkpoint.
///
/// # Errors
/// If the system refuses, or a tensor is of a kind that files do not hold.
pub(crate) fn write(folder: &Path, tensors: &Tensors, state: &impl Serialize) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    let state = serde_json::to_string(state)
        .map_err(|error| Error::contract(format!("a checkpoint cannot be written: {error}")))?;
    let header = HashMap::from([(STATE.to_owned(), state)]);
    let blobs = tensors.iter().map(|(name, tensor)| Ok((name, Blob::of(name, tensor)?)));
    let blobs = blobs.collect::<Result<Vec<_>>>()?;

    let partial = folder.join(PARTIAL);
    remove_remains(folder);
    let written = safetensors::serialize_to_file(blobs, Some(header), &partial);
    written.map_err(|error| match error {
        safetensors::SafeTensorError::IoError(error) => Error::io("write", &partial, &error),
        error => damaged(&partial, error),
    })?;
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    sync(&partial).map_err(|error| Error::io("write", &partial, &error))?;
    let file = path(folder);
    fs::rename(&partial, &file).map_err(|error| Error::io("replace", &file, &error))?;
    // Without this the rename itself may be lost. Some file systems refuse it on a folder.
    let _ = sync(folder);
    Ok(())
}

/// Removes what a process left that was killed while it wrote: files of the full size, one under a
/// name that `safetensors` made up. One process at a time writes to a folder.
fn remove_remains(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name == PARTIAL || name.to_string_lossy().starts_with(".tmp") {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Reads the folder's checkpoint, `None` if there is none.
///
/// # Errors
/// If it cannot be read or is damaged.
pub(crate) fn read<S: DeserializeOwned>(folder: &Path) -> Result<Option<(Tensors, S)>> {
    let file = path(folder);
    if !file.exists() {
        return Ok(None);
    }
    let bytes = read_file(&file)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(&file, error))?;
    let state = header.metadata().as_ref().and_then(|metadata| metadata.get(STATE));
    let state = state.ok_or_else(|| damaged(&file, "it has no state"))?;
    let state = serde_json::from_str(state).map_err(|error| damaged(&file, error))?;
    let archive = SafeTensors::deserialize(&bytes).map_err(|error| damaged(&file, error))?;
    let tensors = archive.iter().map(|(name, view)| {
        let tensor = tensor(&view).map_err(|error| error.at(name).at(shown(&file)))?;
        Ok((name.to_owned(), tensor))
    });
    Ok(Some((tensors.collect::<Result<_>>()?, state)))
}

/// Where the checkpoint of a folder lies.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// A tensor whose bytes are copied only while they are written: all at once would be the size of
/// the checkpoint again in memory.
struct Blob {
    tensor: Tensor,
    kind: Dtype,
    shape: Vec<usize>,
}

impl Blob {
    fn of(name: &str, tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.detach();
        let kind = dtype(tensor.kind()).ok_or_else(|| {
            Error::contract(format!("{:?} cannot be saved", tensor.kind())).at(name.to_owned())
        })?;
        let shape = tensor.size().iter().map(|size| *size as usize).collect();
        Ok(Self { tensor, kind, shape })
    }
}

impl View for Blob {
    fn dtype(&self) -> Dtype {
        self.kind
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// # Panics
    /// If the device refuses, which `View` has no other way to say.
    fn data(&self) -> Cow<'_, [u8]> {
        let host = self.tensor.to_device(Device::Cpu).contiguous();
        let mut bytes = vec![0; self.data_len()];
        host.copy_data_u8(&mut bytes, host.numel());
        bytes.into()
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.kind().elt_size_in_bytes()
    }
}

const KINDS: [(Kind, Dtype); 10] = [
    (Kind::Bool, Dtype::BOOL),
    (Kind::Uint8, Dtype::U8),
    (Kind::Int8, Dtype::I8),
    (Kind::Int16, Dtype::I16),
    (Kind::Int, Dtype::I32),
    (Kind::Int64, Dtype::I64),
    (Kind::Half, Dtype::F16),
    (Kind::BFloat16, Dtype::BF16),
    (Kind::Float, Dtype::F32),
    (Kind::Double, Dtype::F64),
];

fn dtype(kind: Kind) -> Option<Dtype> {
    KINDS.iter().find(|pair| pair.0 == kind).map(|pair| pair.1)
}

fn tensor(view: &TensorView<'_>) -> Result<Tensor> {
    let kind = KINDS.iter().find(|pair| pair.1 == view.dtype()).map(|pair| pair.0);
    let kind = kind.ok_or_else(|| Error::data(format!("unknown kind {:?}", view.dtype())))?;
    let shape: Vec<i64> = view.shape().iter().map(|size| *size as i64).collect();
    Ok(Tensor::f_from_data_size(view.data(), &shape, kind)?)
}

fn damaged(file: &Path, why: impl std::fmt::Display) -> Error {
    Error::data(format!("the checkpoint is damaged: {why}")).at(shown(file))
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_of_every_kind_and_shape_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let values = Tensor::from_slice(&[0.0f64, 1.0, -2.0, 100.0, 0.1, -0.0]);
        let mut tensors = Tensors::new();
        for (kind, _) in KINDS {
            tensors.insert(format!("{kind:?}"), values.reshape([2, 3]).to_kind(kind));
        }
        tensors.insert("scalar".into(), Tensor::from(7i64));
        tensors.insert("empty".into(), Tensor::zeros([0, 4], tch::kind::FLOAT_CPU));
        tensors.insert("transposed".into(), values.reshape([2, 3]).transpose(0, 1));
        write(folder.path(), &tensors, &0.1f64).unwrap();
        // A second write replaces the first and leaves nothing beside it.
        write(folder.path(), &tensors, &0.3f64).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let (read, state) = read::<f64>(folder.path()).unwrap().unwrap();
        assert_eq!(state, 0.3);
        assert_eq!(read.keys().collect::<Vec<_>>(), tensors.keys().collect::<Vec<_>>());
        for (name, tensor) in &tensors {
            assert_eq!(read[name].size(), tensor.size(), "{name}");
            assert_eq!(read[name].kind(), tensor.kind(), "{name}");
            assert!(read[name].equal(tensor), "{name}");
        }
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [PARTIAL, ".tmpAb3dEf", "notes"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        write(folder.path(), &Tensors::new(), &1.0f64).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [FILE, "notes"]);
    }

    #[test]
    fn no_checkpoint_is_none_and_half_a_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read::<f64>(folder.path()).unwrap().is_none());
        write(folder.path(), &Tensors::new(), &1.0f64).unwrap();
        let bytes = fs::read(path(folder.path())).unwrap();
        fs::write(path(folder.path()), &bytes[..bytes.len() - 1]).unwrap();
        let error = read::<f64>(folder.path()).unwrap_err().to_string();
        assert!(error.contains("the checkpoint is damaged"), "{error}");
    }
}
