//! What the Hugging Face Hub has and this machine lacks is fetched here, before any trial.

use std::io::IsTerminal;

use dst_core::plugin::DatasetPlugin;
use dst_core::{DataSources, Error, ErrorKind, Result};
use dst_data::hub::{self, Hub, Progress, Snapshot};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::output;

/// Fetches a data set that is nowhere, unless the network is not to be used.
///
/// # Errors
/// If it is not at the Hub either, or cannot be fetched.
pub(super) fn dataset_if_missing(plugin: &DatasetPlugin, sources: &DataSources) -> Result<()> {
    let Err(missing) = (plugin.find)(sources) else { return Ok(()) };
    let (Some(cache), Some(hub)) = (&sources.hub, Hub::from_env()) else { return Err(missing) };
    if plugin.hub.is_empty() || missing.kind() != ErrorKind::Data {
        return Err(missing);
    }
    if hub.offline {
        return Err(missing.also("it is not fetched now: HF_HUB_OFFLINE is set"));
    }
    // What was looked for where stays part of the message: a file that is misnamed is a more
    // likely reason than a network that is down.
    dataset(&hub, plugin, &cache.revision, false)
        .map(drop)
        .map_err(|error| missing.also(&format!("fetching it failed: {error}")))
}

/// What a model's parameters name as `hub:org/name`.
///
/// # Errors
/// If no repository is named so.
pub(super) fn references(parameters: &Value) -> Result<Vec<&str>> {
    let texts =
        parameters.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
    let mut found = Vec::new();
    for text in texts {
        if hub::reference(text)?.is_some() {
            found.push(text);
        }
    }
    Ok(found)
}

/// Fetches the weights that `hub:org/name` means, if they are not in the cache, with their
/// vocabulary.
///
/// # Errors
/// If they cannot be fetched.
pub(super) fn weights_if_missing(reference: &str) -> Result<()> {
    let Some((repository, revision)) = hub::reference(reference)? else { return Ok(()) };
    let Some(hub) = Hub::from_env() else { return Ok(()) };
    match hub::cached(&hub.at(revision), repository, &hub::MODEL_FILES) {
        Ok(snapshot) => {
            vocabulary_if_missing(&hub, &snapshot);
            Ok(())
        }
        Err(missing) if hub.offline => {
            Err(missing.also("it is not fetched now: HF_HUB_OFFLINE is set"))
        }
        Err(_) => model(&hub, repository, revision, false).map(drop),
    }
}

/// Other tools leave weights in the cache without their vocabulary, so the Hub is asked for it, at
/// the commit that is here. That it cannot be asked stops nothing: data sets of text say with what
/// they are read then.
fn vocabulary_if_missing(hub: &Hub, snapshot: &Snapshot) {
    let beside = |name: &str| snapshot.files[0][0].with_file_name(name).is_file();
    if hub.offline || hub::VOCABULARY_FILES.into_iter().any(beside) {
        return;
    }
    let Snapshot { repository, commit, .. } = snapshot;
    if let Err(error) = model(hub, repository, commit, false) {
        output::note(&format!(
            "warning: whether {repository} has a vocabulary is not known: {}",
            error.one_line()
        ));
    }
}

/// Fetches all that a data set reads from the Hub.
///
/// # Errors
/// If the network or the Hub refuses, or what arrives is damaged.
pub(super) fn dataset(
    hub: &Hub,
    plugin: &DatasetPlugin,
    revision: &str,
    quiet: bool,
) -> Result<Vec<Snapshot>> {
    let fetched = plugin.hub.iter().enumerate().map(|(index, files)| {
        // The first holds the data; a vocabulary beside it has revisions of its own.
        let revision = if index == 0 { revision } else { hub::MAIN };
        fetch(hub, files.repository, revision, files.files, &[], quiet)
    });
    fetched.collect::<Result<_>>().map_err(|error| error.at(plugin.name))
}

/// Fetches the files of a model, with its vocabulary if it has one.
///
/// # Errors
/// As [`dataset`].
pub(super) fn model(hub: &Hub, repository: &str, revision: &str, quiet: bool) -> Result<Snapshot> {
    let [tokenizer, tokens] = hub::VOCABULARY_FILES;
    let further = [tokenizer, tokens, hub::TOKENIZER_CONFIG];
    fetch(hub, repository, revision, &hub::MODEL_FILES, &further, quiet)
}

fn fetch(
    hub: &Hub,
    repository: &str,
    revision: &str,
    files: &[&str],
    further: &[&str],
    quiet: bool,
) -> Result<Snapshot> {
    if !quiet {
        output::note(&format!("fetching {repository} at {revision} from {}", hub.endpoint));
    }
    let mut display = Display::new(quiet);
    let fetched = hub::fetch_with(hub, repository, revision, files, further, &mut |progress| {
        display.show(progress);
    });
    display.finish();
    fetched.map_err(|error| match error.kind() {
        // Nothing is trained for want of data, whatever kept them away.
        ErrorKind::Io => Error::data(error.to_string()),
        _ => error,
    })
}

/// A bar on a terminal, else a line for every file.
struct Display {
    quiet: bool,
    bar: Option<ProgressBar>,
    file: String,
}

impl Display {
    fn new(quiet: bool) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(0);
            let template = "{bar:30} {bytes:>10} of {total_bytes:10} {bytes_per_sec:12} {wide_msg}";
            // A fixed template that is tested by every use on a terminal.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Self { quiet, bar, file: String::new() }
    }

    fn show(&mut self, progress: Progress<'_>) {
        if let Some(bar) = &self.bar {
            bar.set_length(progress.size);
            bar.set_position(progress.done);
            bar.set_message(progress.file.to_owned());
        } else if !self.quiet && self.file != progress.file && progress.size > 0 {
            self.file = progress.file.to_owned();
            let (file, size) = (progress.file, progress.size as f64 / 1e6);
            output::note(&format!("  {file}, {size:.1} MB"));
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
