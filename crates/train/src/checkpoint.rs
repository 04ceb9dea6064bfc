//! Files that a training continues from.
//!
//! A folder holds the newest two, `<number>-<digest>.safetensors`. The digest is of the contents, so a
//! file that was damaged on its disk is noticed, and then the one before it serves: training is the same
//! from whichever it goes on.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dst_core::dataset::read_file;
use dst_core::{Error, ErrorKind, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::snapshot::Tensors;

/// The end of a name.
const ENDING: &str = ".safetensors";

/// The name of a file until it is whole.
const PARTIAL: &str = "partial";

/// What is added to the name of a file that is damaged. It goes with the next checkpoint.
const DAMAGED: &str = ".damaged";

/// The key of the header under which all that is not tensors lies, as JSON. One file holds
/// both, because two files cannot be replaced at once.
const STATE: &str = "state";

/// Half of a SHA-256: enough for damage.
type ContentDigest = [u8; 16];

/// Writes tensors and state to the folder and keeps the file before. `may_save` is asked at the last
/// moment whether the folder still is this training's.
///
/// The file is written beside, flushed to the disk and renamed, so that a reader, a crash or a
/// full disk never meets half a checkpoint.
///
/// # Errors
/// If the system refuses, a tensor is of a kind that files do not hold, or it may not (kind
/// `Superseded`).
pub(crate) fn write(
    folder: &Path,
    tensors: &Tensors,
    state: &impl Serialize,
    may_save: &mut dyn FnMut() -> bool,
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    let state = serde_json::to_string(state)
        .map_err(|error| Error::contract(format!("a checkpoint cannot be written: {error}")))?;
    let blobs = tensors.iter().map(|(name, tensor)| Ok((name, Blob::of(name, tensor)?)));
    let blobs = blobs.collect::<Result<Vec<_>>>()?;
    let superseded = || {
        Error::new(ErrorKind::Superseded, "another process has taken this training over")
            .at(shown(folder))
    };
    if !may_save() {
        return Err(superseded());
    }
    let earlier = Numbered::all(folder);
    let number = earlier.first().map_or(1, |newest| newest.number.saturating_add(1));
    remove_all_but(folder, earlier.first());

    let partial = folder.join(PARTIAL);
    let header = HashMap::from([(STATE.to_owned(), state.clone())]);
    let named = blobs.iter().map(|(name, blob)| (name, blob));
    let written = safetensors::serialize_to_file(named, Some(header), &partial);
    written.map_err(|error| match error {
        safetensors::SafeTensorError::IoError(error) => Error::io("write", &partial, &error),
        error => damaged(&partial, error),
    })?;
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    sync(&partial).map_err(|error| Error::io("write", &partial, &error))?;
    let digest = content_digest(
        &state,
        blobs.iter().map(|(name, blob)| (name.as_str(), blob.kind, &*blob.shape, blob.digest())),
    );
    let file = folder.join(Numbered { number, digest }.name());
    if !may_save() {
        let _ = fs::remove_file(&partial);
        return Err(superseded());
    }
    fs::rename(&partial, &file).map_err(|error| Error::io("replace", &file, &error))?;
    // Without this the rename itself may be lost. Some file systems refuse it on a folder.
    let _ = sync(folder);
    Ok(())
}

/// What its name says of a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbered {
    /// From 1; the largest is the newest.
    number: u64,
    digest: ContentDigest,
}

impl Numbered {
    fn name(&self) -> String {
        let digest: String = self.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:06}-{digest}{ENDING}", self.number)
    }

    fn of(name: &str) -> Option<Self> {
        let (number, digits) = name.strip_suffix(ENDING)?.split_once('-')?;
        let mut digest = ContentDigest::default();
        for (byte, place) in digest.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(place..place + 2)?, 16).ok()?;
        }
        let numbered = Self { number: number.parse().ok()?, digest };
        (numbered.name() == name).then_some(numbered)
    }

    /// Those of a folder, the newest first.
    fn all(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut all: Vec<Self> =
            entries.filter_map(|entry| Self::of(entry.file_name().to_str()?)).collect();
        all.sort_by_key(|numbered| std::cmp::Reverse(numbered.number));
        all
    }
}

/// Removes all files but one: earlier checkpoints, damaged ones, and what a process left that was
/// killed while it wrote, files of the full size, one under a name that `safetensors` made up. One
/// process at a time writes to a folder, and nothing else belongs there.
fn remove_all_but(folder: &Path, kept: Option<&Numbered>) {
    let kept = kept.map(Numbered::name);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_ours = name.starts_with(PARTIAL)
            || name.starts_with(".tmp")
            || name.ends_with(ENDING)
            || name.ends_with(DAMAGED);
        if is_ours && Some(&*name) != kept.as_deref() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A checkpoint that was read.
#[derive(Debug)]
pub(crate) struct Checkpoint<S> {
    /// Its file.
    pub(crate) file: PathBuf,
    pub(crate) tensors: Tensors,
    pub(crate) state: S,
}

/// Reads the newest checkpoint of a folder that is whole, `None` if there is none. Those that are
/// damaged are told to `report` and put aside.
///
/// # Errors
/// If the system refuses to read.
pub(crate) fn read<S: DeserializeOwned>(
    folder: &Path,
    report: &mut dyn FnMut(&Error),
) -> Result<Option<Checkpoint<S>>> {
    for numbered in Numbered::all(folder) {
        let file = folder.join(numbered.name());
        match read_one(&file, &numbered.digest) {
            Ok((tensors, state)) => return Ok(Some(Checkpoint { file, tensors, state })),
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            Err(error) => {
                report(&error);
                let aside = folder.join(numbered.name() + DAMAGED);
                let _ = fs::rename(&file, aside);
            }
        }
    }
    Ok(None)
}

/// Why checkpoints of a folder cannot be continued, of those that are damaged; changes nothing.
///
/// # Errors
/// If the system refuses to read.
pub fn damaged_checkpoints(folder: &Path) -> Result<Vec<Error>> {
    let mut damaged = Vec::new();
    for numbered in Numbered::all(folder) {
        match read_one::<serde_json::Value>(&folder.join(numbered.name()), &numbered.digest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Io => return Err(error),
            Err(error) => damaged.push(error),
        }
    }
    Ok(damaged)
}

fn read_one<S: DeserializeOwned>(file: &Path, digest: &ContentDigest) -> Result<(Tensors, S)> {
    let bytes = read_file(file)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(file, error))?;
    let state = header.metadata().as_ref().and_then(|metadata| metadata.get(STATE));
    let state = state.ok_or_else(|| damaged(file, "it has no state"))?;
    let archive = SafeTensors::deserialize(&bytes).map_err(|error| damaged(file, error))?;
    let mut views: Vec<_> = archive.iter().collect();
    views.sort_by_key(|(name, _)| *name);
    let parts = views.iter().map(|(name, view)| {
        (*name, view.dtype(), view.shape(), Sha256::digest(view.data()).into())
    });
    if content_digest(state, parts) != *digest {
        return Err(damaged(file, "its contents are not those that were written"));
    }
    let state = serde_json::from_str(state).map_err(|error| damaged(file, error))?;
    let tensors = views.iter().map(|(name, view)| {
        let tensor = tensor(view).map_err(|error| error.at(*name).at(shown(file)))?;
        Ok(((*name).to_owned(), tensor))
    });
    Ok((tensors.collect::<Result<_>>()?, state))
}

/// Of the state and of tensors in the order of their names, each with the SHA-256 of its bytes.
fn content_digest<'a>(
    state: &str,
    tensors: impl Iterator<Item = (&'a str, Dtype, &'a [usize], [u8; 32])>,
) -> ContentDigest {
    let mut digest = Sha256::new();
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    part(state.as_bytes());
    for (name, kind, shape, bytes) in tensors {
        part(name.as_bytes());
        part(format!("{kind:?} {shape:?}").as_bytes());
        part(&bytes);
    }
    let whole: [u8; 32] = digest.finalize().into();
    let mut half = ContentDigest::default();
    half.copy_from_slice(&whole[..16]);
    half
}

/// A tensor whose bytes are copied only while they are written: all at once would be the size of
/// the checkpoint again in memory.
struct Blob {
    tensor: Tensor,
    kind: Dtype,
    shape: Vec<usize>,
    /// SHA-256 of the bytes, from when they were written.
    digest: OnceCell<[u8; 32]>,
}

impl Blob {
    fn of(name: &str, tensor: &Tensor) -> Result<Self> {
        let tensor = tensor.detach();
        let kind = dtype(tensor.kind()).ok_or_else(|| {
            Error::contract(format!("{:?} cannot be saved", tensor.kind())).at(name.to_owned())
        })?;
        let shape = tensor.size().iter().map(|size| *size as usize).collect();
        Ok(Self { tensor, kind, shape, digest: OnceCell::new() })
    }

    fn digest(&self) -> [u8; 32] {
        if self.digest.get().is_none() {
            let _ = View::data(&self);
        }
        *self.digest.get().expect("reading the bytes takes their digest")
    }
}

impl View for &Blob {
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
        let _ = self.digest.set(Sha256::digest(&bytes).into());
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

    fn put(folder: &Path, tensors: &Tensors, state: f64) {
        write(folder, tensors, &state, &mut || true).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The newest that is whole, and how many were not.
    fn newest(folder: &Path) -> (Option<(Tensors, f64)>, usize) {
        let mut damaged = 0;
        let found = read::<f64>(folder, &mut |_| damaged += 1).unwrap();
        (found.map(|found| (found.tensors, found.state)), damaged)
    }

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
        for state in [0.1, 0.2, 0.3] {
            put(folder.path(), &tensors, state);
        }
        // The one before stays, and nothing else.
        let names = names(folder.path());
        assert_eq!(names.len(), 2);
        assert!(names[0].starts_with("000002-") && names[1].starts_with("000003-"), "{names:?}");

        let (found, damaged) = newest(folder.path());
        let (read, state) = found.unwrap();
        assert_eq!((state, damaged), (0.3, 0));
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
        for name in [PARTIAL, ".tmpAb3dEf", "checkpoint.safetensors", "notes"] {
            fs::write(folder.path().join(name), "half").unwrap();
        }
        put(folder.path(), &Tensors::new(), 1.0);
        let left = names(folder.path());
        assert_eq!(left.len(), 2);
        assert!(left[0].starts_with("000001-") && left[1] == "notes", "{left:?}");
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed_and_the_checkpoint_before_serves() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert!(newest(folder).0.is_none());
        let tensors = |value: f64| {
            let moments = Tensor::from_slice(&[value, 2.0, 3.0]);
            Tensors::from([("adam/first".to_owned(), moments)])
        };
        put(folder, &tensors(1.0), 1.0);
        put(folder, &tensors(2.0), 2.0);
        let name = names(folder).pop().unwrap();
        let (path, aside) = (folder.join(&name), folder.join(name.clone() + DAMAGED));
        let whole = fs::read(&path).unwrap();
        let mut unnoticed = 0;
        for bit in 0..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, flipped).unwrap();
            let (found, damaged) = newest(folder);
            let (read, state) = found.unwrap();
            match damaged {
                0 => {
                    unnoticed += 1;
                    assert!(state == 2.0 && read["adam/first"].equal(&tensors(2.0)["adam/first"]));
                }
                _ => {
                    assert!(state == 1.0 && read["adam/first"].equal(&tensors(1.0)["adam/first"]));
                    assert!(aside.exists(), "it is kept until the next is written");
                    fs::remove_file(&aside).unwrap();
                }
            }
        }
        // Spaces that fill the header up.
        assert!(unnoticed < 8 * 16, "{unnoticed}");
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            assert!(matches!(newest(folder), (Some((_, 1.0)), 1)), "{length}");
        }
        put(folder, &tensors(3.0), 3.0);
        assert_eq!(newest(folder).1, 0);
        assert_eq!(names(folder).len(), 2, "the damaged one is gone");
    }

    #[test]
    fn whoever_was_superseded_leaves_all_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), &Tensors::new(), 1.0);
        let before = names(folder.path());
        // Taken over before, or while the file was written.
        for granted in [0, 1] {
            let mut asked = 0;
            let mut may_save = || {
                asked += 1;
                asked <= granted
            };
            let error = write(folder.path(), &Tensors::new(), &2.0f64, &mut may_save).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Superseded);
            assert_eq!(names(folder.path()), before);
        }
    }
}
