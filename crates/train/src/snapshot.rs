//! Copies of a model's tensors.

use std::collections::BTreeMap;

use dst_core::{Error, Parameters, Result};
use tch::Tensor;

/// Named tensors, in name order.
pub(crate) type Tensors = BTreeMap<String, Tensor>;

/// Adds parameters and buffers under `<prefix>parameter/<name>` and `<prefix>buffer/<name>`.
///
/// The tensors are shared with the model, not copied.
pub(crate) fn collect(parameters: &Parameters, prefix: &str, tensors: &mut Tensors) {
    for (name, parameter) in parameters.iter() {
        tensors.insert(format!("{prefix}parameter/{name}"), parameter.tensor().detach());
    }
    for (name, buffer) in parameters.buffers() {
        tensors.insert(format!("{prefix}buffer/{name}"), buffer.shallow_clone());
    }
}

/// Copies such tensors back into the model.
///
/// # Errors
/// If one is missing or of another shape.
pub(crate) fn load(parameters: &Parameters, prefix: &str, tensors: &Tensors) -> Result<()> {
    for (name, parameter) in parameters.iter() {
        copy(tensors, &format!("{prefix}parameter/{name}"), &parameter.tensor().detach())?;
    }
    for (name, buffer) in parameters.buffers() {
        copy(tensors, &format!("{prefix}buffer/{name}"), buffer)?;
    }
    Ok(())
}

/// Copies the tensor `key` into `target`.
///
/// # Errors
/// If it is missing or of another shape.
pub(crate) fn copy(tensors: &Tensors, key: &str, target: &Tensor) -> Result<()> {
    let source =
        tensors.get(key).ok_or_else(|| Error::data(format!("there is no tensor {key}")))?;
    if source.size() != target.size() || source.kind() != target.kind() {
        return Err(Error::data(format!(
            "{:?} {:?} stands where {:?} {:?} must be",
            source.kind(),
            source.size(),
            target.kind(),
            target.size()
        ))
        .at(key.to_owned()));
    }
    let mut target = target.shallow_clone();
    target.f_copy_(source)?;
    Ok(())
}

/// Copies of all tensors, independent of the originals.
pub(crate) fn copies(tensors: &Tensors) -> Tensors {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.copy())).collect()
}
