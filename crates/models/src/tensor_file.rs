//! A safetensors file, read tensor by tensor.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use dst_core::tch::{Kind, Tensor};
use dst_core::{Error, Result};
use dst_data::file::damaged;
use safetensors::Dtype;
use safetensors::tensor::Metadata;

/// As in the format's own reader: no header is larger.
const LONGEST_HEADER: u64 = 100_000_000;

/// Bytes of the header's length.
const LENGTH: u64 = 8;

/// A file whose header was read and fits its length. Tensors that nobody asks for are not read,
/// whatever type they have.
#[derive(Debug)]
pub(crate) struct TensorFile {
    path: PathBuf,
    file: File,
    /// Where the first tensor begins.
    start: u64,
    header: Metadata,
}

impl TensorFile {
    /// # Errors
    /// If the file cannot be read, or is not a whole safetensors file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = dst_core::file::open(path)?;
        let all = file.metadata().map_err(|error| Error::io("read", path, &error))?.len();
        let not_whole = |what: &str| {
            damaged(format!("this is not a whole safetensors file: {what}"))
                .at(path.display().to_string())
                .hint("a pointer of Git LFS is a text file of some 130 bytes")
        };
        let mut length = [0; LENGTH as usize];
        read(&mut file, path, &mut length).map_err(|_| not_whole("it is too short"))?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length > all - LENGTH {
            return Err(not_whole(&format!(
                "its header should take {length} bytes, and the file has {all}"
            )));
        }
        let mut text = vec![0; length as usize];
        read(&mut file, path, &mut text)?;
        let header: Metadata = serde_json::from_slice(&text)
            .map_err(|error| not_whole(&format!("its header says nothing: {error}")))?;
        let start = LENGTH + length;
        let wanted = start + header.data_len() as u64;
        if wanted != all {
            return Err(not_whole(&format!("it should have {wanted} bytes, and has {all}")));
        }
        Ok(Self { path: path.to_path_buf(), file, start, header })
    }

    /// In the order in which they lie there.
    pub(crate) fn names(&self) -> Vec<String> {
        self.header.offset_keys()
    }

    /// Type, as the format calls it, and shape.
    pub(crate) fn described(&self, name: &str) -> String {
        let info = self.header.info(name);
        info.map(|info| format!("{} {:?}", info.dtype, info.shape)).unwrap_or_default()
    }

    /// A tensor of this shape; none if it has another, or does not hold floats that libtorch knows.
    ///
    /// # Errors
    /// If the system refuses, or libtorch does.
    pub(crate) fn read(&mut self, name: &str, shape: &[i64]) -> Result<Option<Tensor>> {
        let Some(info) = self.header.info(name) else { return Ok(None) };
        let kind = match info.dtype {
            Dtype::F64 => Kind::Double,
            Dtype::F32 => Kind::Float,
            Dtype::F16 => Kind::Half,
            Dtype::BF16 => Kind::BFloat16,
            _ => return Ok(None),
        };
        if !info.shape.iter().map(|side| *side as i64).eq(shape.iter().copied()) {
            return Ok(None);
        }
        let (from, to) = info.data_offsets;
        let mut bytes = vec![0; to - from];
        let place = SeekFrom::Start(self.start + from as u64);
        self.file.seek(place).map_err(|error| Error::io("read", &self.path, &error))?;
        read(&mut self.file, &self.path, &mut bytes)?;
        Ok(Some(Tensor::f_from_data_size(&bytes, shape, kind)?))
    }
}

fn read(file: &mut File, path: &Path, into: &mut [u8]) -> Result<()> {
    file.read_exact(into).map_err(|error| Error::io("read", path, &error))
}
