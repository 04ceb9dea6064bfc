//! Weights in one file, or in several with an index, as Hugging Face's tools write large ones.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use dst_core::{Error, Result};
use serde_json::Value;

use crate::file::{self, damaged, sha256_of_file};

/// What the name of an index ends with.
const INDEX: &str = ".index.json";

/// The files that `path` stands for: itself, or the shards that an index names, sorted by name.
///
/// # Errors
/// If the index cannot be read, names no files or files elsewhere, or a shard is not there.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !is_index(path) {
        return Ok(vec![path.to_path_buf()]);
    }
    shards(path).map_err(|error| error.at(path.display().to_string()))
}

/// A digest of all bytes that `path` stands for: of a single file its SHA-256.
///
/// # Errors
/// As [`files`], and if one cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    if !is_index(path) {
        return sha256_of_file(path);
    }
    let mut sums = Vec::new();
    for shard in files(path)? {
        let name = shard.file_name().unwrap_or_default().to_string_lossy().into_owned();
        sums.push((sha256_of_file(&shard)?, name));
    }
    Ok(file::digest(sums.iter().map(|(sum, name)| (sum.as_str(), name.as_str()))))
}

fn is_index(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(INDEX))
}

fn shards(index: &Path) -> Result<Vec<PathBuf>> {
    let bytes = dst_core::dataset::read_file(index)?;
    let content: Value = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(format!("this is no index of weights: {error}")))?;
    let map = content.get("weight_map").and_then(Value::as_object).filter(|map| !map.is_empty());
    let map = map.ok_or_else(|| damaged("this is no index of weights: it has no weight_map"))?;
    let mut found = BTreeSet::new();
    for (tensor, shard) in map {
        let shard = Path::new(shard.as_str().unwrap_or_default());
        let mut parts = shard.components();
        // Whoever wrote the index does not choose which files of this machine are read.
        let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
            return Err(Error::data(format!(
                "the tensor {tensor} is not in a file of this folder"
            ))
            .hint("an index names its shards by their file names alone"));
        };
        found.insert(index.with_file_name(name));
    }
    if let Some(missing) = found.iter().find(|shard| !shard.is_file()) {
        return Err(damaged(format!(
            "it has {} shards, and {} is not here",
            found.len(),
            missing.file_name().unwrap_or_default().to_string_lossy()
        )));
    }
    Ok(found.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_index_stands_for_its_shards_and_a_file_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(files(&at("model.safetensors")).unwrap(), [at("model.safetensors")]);
        fs::write(at("b"), "2").unwrap();
        fs::write(at("a"), "1").unwrap();
        let index = at("model.safetensors.index.json");
        fs::write(&index, r#"{"weight_map": {"x": "b", "y": "a", "z": "b"}}"#).unwrap();
        assert_eq!(files(&index).unwrap(), [at("a"), at("b")]);
        let before = digest(&index).unwrap();
        fs::write(at("a"), "3").unwrap();
        assert_ne!(digest(&index).unwrap(), before);
        assert_eq!(digest(&at("b")).unwrap(), file::sha256(b"2"));
    }

    #[test]
    fn an_index_that_is_damaged_or_leads_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("model.safetensors.index.json");
        for (text, expected) in [
            ("{", "this is no index of weights"),
            ("[]", "it has no weight_map"),
            (r#"{"weight_map": {}}"#, "it has no weight_map"),
            (r#"{"weight_map": {"x": 1}}"#, "the tensor x is not in a file of this folder"),
            (r#"{"weight_map": {"x": "../y"}}"#, "the tensor x is not in a file of this folder"),
            (r#"{"weight_map": {"x": "/etc/passwd"}}"#, "is not in a file of this folder"),
            (r#"{"weight_map": {"x": "y"}}"#, "it has 1 shards, and y is not here"),
        ] {
            fs::write(&index, text).unwrap();
            let error = files(&index).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("index.json"), "{error}");
        }
    }
}
