//! Trained weights from safetensors files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use dst_core::tch::no_grad;
use dst_core::{Error, Parameters, Result};
use dst_data::file::sha256_of_file;
use dst_data::hub::{self, Hub};
use dst_data::shards;

use crate::tensor_file::TensorFile;

/// The file that a folder with a model holds.
pub(crate) const FILE: &str = "model.safetensors";

/// The file that lists the shards of large ones instead.
const INDEX: &str = "model.safetensors.index.json";

/// How many names a message lists of each sort.
const LISTED: usize = 8;

/// What a file of weights had for a model, each list in name order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Parameters of the model that were loaded.
    pub loaded: Vec<String>,
    /// Parameters of the model that the file lacks; they keep their values.
    pub missing: Vec<String>,
    /// Tensors of the file, by their names there, that the model has no place for.
    pub extra: Vec<String>,
    /// Parameters whose tensor in the file has another shape or is not of floats, with both
    /// shapes; they keep their values.
    pub misshaped: Vec<String>,
}

impl LoadReport {
    /// Refuses a file that is not of this model. Extra tensors are no reason.
    ///
    /// # Errors
    /// If a parameter is missing, or its tensor has another shape, whose name begins with none of
    /// `optional`. The message lists what is missing, misshaped and extra.
    pub fn require_all_but(&self, optional: &[&str]) -> Result<()> {
        let required = |names: &'_ [String]| -> Vec<String> {
            let is_optional = |name: &String| optional.iter().any(|start| name.starts_with(start));
            names.iter().filter(|name| !is_optional(name)).cloned().collect()
        };
        let (missing, misshaped) = (required(&self.missing), required(&self.misshaped));
        if missing.is_empty() && misshaped.is_empty() {
            return Ok(());
        }
        let mut lines = Vec::new();
        for (what, names) in
            [("missing", &missing), ("of another shape", &misshaped), ("extra", &self.extra)]
        {
            if !names.is_empty() {
                lines.push(format!("{what} ({}): {}", names.len(), listed(names)));
            }
        }
        let fit = self.loaded.len();
        let all = fit + self.missing.len() + self.misshaped.len();
        Err(Error::data(format!("these weights are of another model: {fit} of {all} tensors fit"))
            .hint(lines.join("\n  ")))
    }
}

/// What was loaded, what starts at random and what was passed over, in one line.
impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tensors loaded", self.loaded.len())?;
        let random: Vec<String> = [&self.missing[..], &self.misshaped].concat();
        for (what, names) in [("start at random", &random), ("are passed over", &self.extra)] {
            if !names.is_empty() {
                write!(f, "; {} {what}: {}", names.len(), listed(names))?;
            }
        }
        Ok(())
    }
}

fn listed(names: &[String]) -> String {
    let mut list: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    if names.len() > LISTED {
        list.push("…");
    }
    list.join(", ")
}

/// Copies the tensors of a safetensors file, or of the shards that an index names, into the
/// parameters of the same names.
///
/// Names are those of Hugging Face's BERT, with or without the prefix `bert.`, and with `gamma`
/// and `beta` for a norm's scale and offset as files converted from TensorFlow have them; before
/// them may stand what PyTorch's wrappers add, `module.` and `_orig_mod.`. Half precision becomes
/// single precision. Tensors that the model has no place for are not read, whatever their type.
///
/// # Errors
/// If a file cannot be read, is not a safetensors file or not the one that the cache of the Hub
/// names, holds a tensor twice, or a value that is infinite or no number. What does not fit is no
/// error here; see [`LoadReport::require_all_but`].
pub fn load_safetensors(parameters: &Parameters, path: &Path) -> Result<LoadReport> {
    load_if(parameters, path, |_| true)
}

/// Does the same for the parameters that are `wanted`, by name; the others keep their values and are
/// missing in the report.
pub(crate) fn load_if(
    parameters: &Parameters,
    path: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<LoadReport> {
    let mut files = Vec::new();
    for path in shards::files(path)? {
        let at = path.display().to_string();
        let file = TensorFile::open(&path)?;
        hub::compare_with_cache(&path, || sha256_of_file(&path)).map_err(|error| error.at(&at))?;
        files.push((at, file));
    }
    let mut report = LoadReport::default();
    let mut found = BTreeMap::new();
    for (index, (at, file)) in files.iter().enumerate() {
        for name in file.names() {
            let own = own_name(&name);
            if !wanted(&own) || !parameters.iter().any(|(known, _)| known == own) {
                report.extra.push(name);
            } else if found.insert(own.clone(), (index, name)).is_some() {
                return Err(Error::data(format!("two tensors stand for {own}")).at(at));
            }
        }
    }
    report.extra.sort();
    for (name, parameter) in parameters.iter() {
        let Some((index, theirs)) = found.get(name) else {
            report.missing.push(name.to_owned());
            continue;
        };
        let (at, file) = &mut files[*index];
        let mut target = parameter.tensor().shallow_clone();
        let Some(source) = file.read(theirs, &target.size())? else {
            let (is, wanted) = (file.described(theirs), target.size());
            report.misshaped.push(format!("{name} {is} for F32 {wanted:?}"));
            continue;
        };
        if source.isfinite().all().int64_value(&[]) == 0 {
            return Err(Error::data(format!("the tensor {name} holds values that are no numbers"))
                .at(at.as_str())
                .hint("fetch the file again, or start from other weights"));
        }
        no_grad(|| target.f_copy_(&source))?;
        report.loaded.push(name.to_owned());
    }
    Ok(report)
}

/// What PyTorch puts before the names of a network that it wraps: to compile it, to train it on
/// several devices.
const WRAPPERS: [&str; 2] = ["_orig_mod.", "module."];

/// The name that a tensor of a file has in our models.
fn own_name(name: &str) -> String {
    let mut name = name;
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
        name = inner;
    }
    let name = name.strip_prefix("bert.").unwrap_or(name);
    match name.rsplit_once(".LayerNorm.") {
        Some((start, "gamma")) => format!("{start}.LayerNorm.weight"),
        Some((start, "beta")) => format!("{start}.LayerNorm.bias"),
        _ => name.to_owned(),
    }
}

/// The file of weights that `given` names: a file, a folder that holds `model.safetensors` or the
/// index of its shards, or `hub:org/name` or `hub:org/name@revision`, which is looked for in the
/// cache of the Hub. Of an index, [`shards::files`] knows what it stands for.
///
/// # Errors
/// If there is none.
pub(crate) fn find(given: &str) -> Result<PathBuf> {
    if let Some((repository, revision)) = hub::reference(given)? {
        let hub = Hub::from_env().ok_or_else(|| {
            Error::data("there is no home folder, and so no cache of the Hub").hint("set HF_HOME")
        })?;
        let found = hub::cached(&hub.at(revision), repository, &hub::MODEL_FILES)
            .map_err(|error| error.also(&format!("fetch it with: harness data fetch {given}")))?;
        // Beside it lies its config.json.
        return Ok(found.files[0][0].clone());
    }
    let path = Path::new(given);
    let file = if path.is_dir() { path.join(FILE) } else { path.to_path_buf() };
    let index = file.with_file_name(INDEX);
    if file.is_file() {
        return Ok(file);
    } else if path.is_dir() && index.is_file() {
        return Ok(index);
    }
    let error = Error::data(format!("there is no file {}", file.display()));
    Err(if file.with_file_name("pytorch_model.bin").is_file() {
        error.hint("pytorch_model.bin is not read: convert it to safetensors")
    } else {
        error.hint(format!("give a .safetensors file, a folder that holds {FILE}, or hub:org/name"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::tch::{Device, Kind, Tensor};
    use dst_core::{Builder, SeedStreams};

    /// `layer.weight [2, 3]`, `layer.bias [2]` and `layer.LayerNorm.{weight, bias} [2]`.
    fn model() -> Parameters {
        let mut parameters = Parameters::default();
        let mut builder = Builder::new(&mut parameters, SeedStreams::new(0), Device::Cpu);
        builder.linear("layer", 3, 2);
        builder.at("layer").layer_norm("LayerNorm", 2, 1e-12);
        parameters
    }

    fn saved(tensors: &[(&str, Tensor)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        Tensor::write_safetensors(tensors, &path).unwrap();
        (folder, path)
    }

    fn ones(size: &[i64]) -> Tensor {
        Tensor::ones(size, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn names_of_every_age_fit_and_half_precision_is_widened() {
        let (_folder, path) = saved(&[
            ("bert.layer.weight", ones(&[2, 3]).to_kind(Kind::BFloat16)),
            ("layer.bias", ones(&[2])),
            ("bert.layer.LayerNorm.gamma", ones(&[2]) * 7.0),
            ("bert.layer.LayerNorm.beta", ones(&[2]) * 5.0),
            ("cls.predictions.bias", ones(&[4])),
        ]);
        let parameters = model();
        let report = load_safetensors(&parameters, &path).unwrap();
        assert_eq!(report.extra, ["cls.predictions.bias"]);
        assert_eq!(report.loaded.len(), 4);
        report.require_all_but(&[]).unwrap();
        let value = |name: &str| {
            let (_, parameter) = parameters.iter().find(|(known, _)| *known == name).unwrap();
            parameter.tensor().get(0).max().double_value(&[])
        };
        let names =
            ["layer.weight", "layer.bias", "layer.LayerNorm.weight", "layer.LayerNorm.bias"];
        assert_eq!(names.map(value), [1.0, 1.0, 7.0, 5.0]);
        assert!(parameters.iter().all(|(_, parameter)| parameter.tensor().requires_grad()));
    }

    #[test]
    fn what_does_not_fit_is_listed() {
        let (_folder, path) = saved(&[
            ("layer.weight", ones(&[3, 2])),
            ("layer.bias", ones(&[2]).to_kind(Kind::Int64)),
            ("layer.LayerNorm.weight", ones(&[2])),
            ("other", ones(&[1])),
        ]);
        let parameters = model();
        let before = parameters.iter().next().unwrap().1.tensor().copy();
        let report = load_safetensors(&parameters, &path).unwrap();
        assert_eq!(
            report.require_all_but(&[]).unwrap_err().to_string(),
            "these weights are of another model: 1 of 4 tensors fit\n  \
             missing (1): layer.LayerNorm.bias\n  \
             of another shape (2): layer.bias I64 [2] for F32 [2], \
             layer.weight F32 [3, 2] for F32 [2, 3]\n  \
             extra (1): other"
        );
        assert_eq!(parameters.iter().next().unwrap().1.tensor(), before);
        // What may start at random may be missing or of another shape.
        assert!(report.require_all_but(&["layer.weight", "layer.bias"]).is_err());
        report.require_all_but(&["layer."]).unwrap();
        assert_eq!(
            report.to_string(),
            "1 tensors loaded; 3 start at random: layer.LayerNorm.bias, layer.bias I64 [2] for \
             F32 [2], layer.weight F32 [3, 2] for F32 [2, 3]; 1 are passed over: other"
        );
    }

    #[test]
    fn a_tensor_under_both_its_names_is_refused() {
        let (_folder, path) =
            saved(&[("bert.layer.bias", ones(&[2])), ("layer.bias", ones(&[2]) * 2.0)]);
        let error = load_safetensors(&model(), &path).unwrap_err().to_string();
        assert!(error.ends_with("two tensors stand for layer.bias"), "{error}");
    }

    #[test]
    fn values_that_are_no_numbers_are_refused() {
        for value in [f64::NAN, f64::INFINITY] {
            let bias = ones(&[2]) * Tensor::from_slice(&[1.0, value]).to_kind(Kind::Float);
            let (_folder, path) = saved(&[("layer.bias", bias)]);
            let error = load_safetensors(&model(), &path).unwrap_err();
            assert_eq!(error.kind(), dst_core::ErrorKind::Data);
            let what = "the tensor layer.bias holds values that are no numbers";
            assert!(error.to_string().contains(what), "{error}");
        }
    }

    #[test]
    fn weights_that_the_cache_damaged_are_refused() {
        let (folder, path) = saved(&[("layer.bias", ones(&[2]))]);
        let blobs = folder.path().join("blobs");
        std::fs::create_dir(&blobs).unwrap();
        let load = |name: String| {
            std::fs::copy(&path, blobs.join(&name)).unwrap();
            load_safetensors(&model(), &blobs.join(name))
        };
        assert!(load(sha256_of_file(&path).unwrap()).is_ok());
        let error = load("0".repeat(64)).unwrap_err().to_string();
        assert!(error.contains("the file is damaged: its SHA-256 is"), "{error}");
    }

    #[test]
    fn damaged_and_absent_files_are_named() {
        let (folder, path) = saved(&[("layer.bias", ones(&[2]))]);
        let whole = std::fs::read(&path).unwrap();
        let marked = [b"\xef\xbb\xbf", &whole[..]].concat();
        let cut = &whole[..whole.len() - 1];
        for bytes in [cut, b"version https://git-lfs", b"", b"{", b"\r\n", &marked] {
            std::fs::write(&path, bytes).unwrap();
            let error = load_safetensors(&model(), &path).unwrap_err();
            assert_eq!(error.kind(), dst_core::ErrorKind::Data);
            let start = format!("{}: this is not a whole safetensors file", path.display());
            assert!(error.to_string().starts_with(&start), "{error}");
        }
        let absent = load_safetensors(&model(), &folder.path().join("absent")).unwrap_err();
        assert_eq!(absent.kind(), dst_core::ErrorKind::Io);
        assert_eq!(find(folder.path().to_str().unwrap()).unwrap(), path);
        std::fs::rename(&path, folder.path().join("pytorch_model.bin")).unwrap();
        let error = find(folder.path().to_str().unwrap()).unwrap_err().to_string();
        assert!(error.ends_with("pytorch_model.bin is not read: convert it to safetensors"));
        let error = find("no/such/place").unwrap_err().to_string();
        assert!(error.starts_with("there is no file no/such/place"), "{error}");
    }
}
