//! What the Hugging Face Hub has and this machine lacks is fetched here, before any trial.

use std::time::{Duration, Instant};

use dst_core::plugin::DatasetPlugin;
use dst_core::{DataSources, Error, ErrorKind, Result};
use dst_data::hub::{self, Hub, Progress, Snapshot};
use serde_json::Value;

use crate::output;
use crate::progress::{bar, first_that_fits};
use crate::screen::Screen;

/// What is done about what is not on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It is fetched, unless the network is not to be used.
    Fetched,
    /// It is refused: somebody who only looks does not want to wait for gigabytes.
    Refused,
}

/// Fetches a data set that is nowhere.
///
/// # Errors
/// If it is not at the Hub either, cannot be fetched, or is not to be.
pub(super) fn dataset_if_missing(
    plugin: &DatasetPlugin,
    sources: &DataSources,
    absent: Absent,
) -> Result<()> {
    let Err(missing) = (plugin.find)(sources) else { return Ok(()) };
    let (Some(cache), Some(hub)) = (&sources.hub, Hub::from_env()) else { return Err(missing) };
    if plugin.hub.is_empty() || missing.kind() != ErrorKind::Data {
        return Err(missing);
    }
    if hub.offline {
        return Err(missing.also("it is not fetched now: HF_HUB_OFFLINE is set"));
    }
    if absent == Absent::Refused {
        return Err(missing.also(NOTHING_FETCHED));
    }
    // What was looked for where stays part of the message: a file that is misnamed is a more
    // likely reason than a network that is down.
    dataset(&hub, plugin, &cache.revision, false)
        .map(drop)
        .map_err(|error| missing.also(&format!("fetching it failed: {error}")))
}

/// Said of what a dry run lacks.
const NOTHING_FETCHED: &str = "a dry run fetches nothing; the same command without --dry-run does";

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
pub(super) fn weights_if_missing(reference: &str, absent: Absent) -> Result<()> {
    let Some((repository, revision)) = hub::reference(reference)? else { return Ok(()) };
    let Some(hub) = Hub::from_env() else { return Ok(()) };
    match hub::cached(&hub.at(revision), repository, &hub::MODEL_FILES) {
        Ok(_) if absent == Absent::Refused => Ok(()),
        Ok(snapshot) => {
            vocabulary_if_missing(&hub, &snapshot);
            Ok(())
        }
        Err(missing) if hub.offline => {
            Err(missing.also("it is not fetched now: HF_HUB_OFFLINE is set"))
        }
        Err(missing) if absent == Absent::Refused => Err(missing.also(NOTHING_FETCHED)),
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
        // Users bring the data of a format, so that there only the vocabulary is at the Hub.
        let is_data = index == 0 && plugin.own.is_none();
        let revision = if is_data { revision } else { hub::MAIN };
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
        output::note(&format!("fetching {repository} at {revision} from {}", hub.shown_endpoint()));
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

/// The time between two frames on the screen.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// A line that changes on a terminal, else a line for every file.
struct Display {
    quiet: bool,
    screen: Option<Screen>,
    shown: Option<Instant>,
    file: String,
    /// When the present file began, and how much of it was there then.
    began: (Instant, u64),
}

impl Display {
    fn new(quiet: bool) -> Self {
        let screen = if quiet { None } else { Screen::on_stderr() };
        Self { quiet, screen, shown: None, file: String::new(), began: (Instant::now(), 0) }
    }

    fn show(&mut self, progress: Progress<'_>) {
        let is_new = self.file != progress.file && progress.size > 0;
        if is_new {
            self.file = progress.file.to_owned();
            self.began = (Instant::now(), progress.done);
        }
        if let Some(screen) = &mut self.screen {
            if self.shown.is_none_or(|at| at.elapsed() >= FRAME_INTERVAL) {
                self.shown = Some(Instant::now());
                let (since, before) = self.began;
                let here = progress.done.saturating_sub(before) as f64;
                let speed = here / since.elapsed().as_secs_f64().max(0.1);
                screen.draw(&[line(&progress, speed, screen.room().columns)]);
            }
        } else if !self.quiet && is_new {
            let (file, size) = (progress.file, megabytes(progress.size as f64));
            output::note(&format!("  {file}, {size}"));
        }
    }

    fn finish(&mut self) {
        if let Some(screen) = &mut self.screen {
            screen.clear();
        }
    }
}

/// One file in a line of at most `width` characters; `speed` is in bytes per second.
fn line(progress: &Progress<'_>, speed: f64, width: usize) -> String {
    let Progress { file, done, size, .. } = progress;
    let fraction = if *size > 0 { *done as f64 / *size as f64 } else { 0.0 };
    let of = format!("{} of {}", megabytes(*done as f64), megabytes(*size as f64));
    let speed = format!("{}/s", megabytes(speed));
    let candidates = [
        format!("{} {of}  {speed}  {file}", bar(fraction, 30)),
        format!("{} {of}  {speed}  {file}", bar(fraction, 10)),
        format!("{of}  {speed}  {file}"),
        format!("{of}  {file}"),
        of,
    ];
    first_that_fits(candidates, width)
}

fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}
