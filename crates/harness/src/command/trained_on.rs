//! The data set of a trial, for commands that use its network.

use std::path::Path;

use dst_core::record::TrialSpec;
use dst_core::{Dataset, Error, Result, plugin};
use dst_settings::ExecutionConfig;
use dst_store::Store;

/// The data set that the trial was trained on.
///
/// # Errors
/// If it cannot be loaded, or has other contents now: what is predicted for them would be compared with
/// what was predicted for others.
pub(super) fn load(
    store: &Store,
    id: &str,
    spec: &TrialSpec,
    execution: &ExecutionConfig,
    weights: Option<&Path>,
) -> Result<Box<dyn Dataset>> {
    let sources = execution.sources().for_weights(weights);
    let dataset = plugin::dataset(&spec.dataset, &spec.dataset_options, &sources)?;
    let trained_on = store.result(id)?.map(|result| result.provenance.data_digest);
    match trained_on.filter(|digest| !digest.is_empty() && digest != dataset.digest()) {
        None => Ok(dataset),
        Some(digest) => Err(Error::data(format!(
            "{} has the digest {} now, and trial {id} was trained on {digest}",
            spec.dataset_label(),
            dataset.digest()
        ))
        .at(dataset.origin().to_owned())
        .hint("pass --data-dir or --hub-revision with the data that it was trained on")),
    }
}
