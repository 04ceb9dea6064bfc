//! Fetching into the cache, through the `hf-hub` crate.
//!
//! A revision is resolved to its commit first, so that all files are of one commit. An
//! interrupted file stays as `blobs/<name>.part`; the next attempt goes on where it ends. What
//! arrives is compared with the size and the SHA-256 that the Hub announces.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use dst_core::{Error, ErrorKind, Result};
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, Repo, RepoType};
use serde_json::Value;

use super::{Hub, Snapshot, cached, check_revision, fits, folder_name};
use crate::file::sha256_of_file;

/// How often a file is begun or gone on with before its failure counts.
const ATTEMPTS: u32 = 3;

/// How far a file is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Its path in the repository.
    pub file: &'a str,
    /// Bytes that are here, those of an earlier attempt included.
    pub done: u64,
    /// Bytes of the whole file.
    pub size: u64,
}

/// A file of a repository as the Hub describes it.
struct Remote {
    path: String,
    size: Option<u64>,
    /// Of large files; small ones have none.
    sha256: Option<String>,
}

/// Fetches the files of `patterns` (see [`cached`]) at a revision, unless they are in the cache
/// already. The revision is asked for anew each time.
///
/// # Errors
/// If the network is not to be used or fails, the server is silent for longer than
/// [`Hub::patience`], there is no such repository, revision or file, or what arrives is not what
/// was announced. Nothing damaged is left in the cache.
pub fn fetch(
    hub: &Hub,
    repository: &str,
    revision: &str,
    patterns: &[&str],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Snapshot> {
    fetch_with(hub, repository, revision, patterns, &[], progress)
}

/// As [`fetch`], with the files of further patterns if the repository has them. They lie in the
/// folder of the others.
///
/// # Errors
/// As [`fetch`].
pub fn fetch_with(
    hub: &Hub,
    repository: &str,
    revision: &str,
    patterns: &[&str],
    further: &[&str],
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Snapshot> {
    let folder = hub.cache.join(folder_name(repository)?);
    check_revision(revision)?;
    if hub.offline {
        return Err(Error::data(format!("{repository} is not fetched: HF_HUB_OFFLINE is set"))
            .hint("unset it, or fetch on another machine and copy the cache"));
    }
    let at = |error: Error| error.at(format!("{}/{repository}", hub.endpoint));
    let api = api(hub).map_err(at)?;
    let (commit, files) = describe(hub, &api, repository, revision).map_err(at)?;
    let snapshot = folder.join("snapshots").join(&commit);
    let required = patterns.iter().map(|pattern| (pattern, true));
    for (pattern, is_required) in required.chain(further.iter().map(|pattern| (pattern, false))) {
        let mut wanted = files.iter().filter(|file| fits(&file.path, pattern)).peekable();
        if is_required && wanted.peek().is_none() {
            return Err(at(Error::data(format!("there is no {pattern} at {revision}"))
                .hint("another revision may have it: --revision")));
        }
        for file in wanted {
            if !snapshot.join(&file.path).is_file() {
                download(hub, &api, repository, &commit, file, progress)
                    .map_err(|error| at(error.at(file.path.clone())))?;
            }
        }
    }
    if revision != commit {
        let reference = folder.join("refs").join(revision);
        let write = || {
            fs::create_dir_all(reference.parent().unwrap_or(Path::new("")))?;
            fs::write(&reference, &commit)
        };
        write().map_err(|error| Error::io("write", &reference, &error))?;
        // hf-hub makes one for the commit too, which other tools do not.
        let _ = fs::remove_file(folder.join("refs").join(&commit));
    }
    cached(&hub.at(&commit), repository, patterns)
}

fn api(hub: &Hub) -> Result<Api> {
    ApiBuilder::from_cache(Cache::new(hub.cache.clone()))
        .with_endpoint(hub.endpoint.clone())
        .with_token(hub.token.clone())
        .with_progress(false)
        .with_user_agent("dst-harness", env!("CARGO_PKG_VERSION"))
        .build()
        .map_err(|error| unreachable_hub(&error.to_string()))
}

fn repo(repository: &str, revision: &str) -> Repo {
    let (kind, name) = match repository.strip_prefix("datasets/") {
        Some(name) => (RepoType::Dataset, name),
        None => (RepoType::Model, repository),
    };
    Repo::with_revision(name.to_owned(), kind, revision.to_owned())
}

/// The commit of a revision and its files.
fn describe(
    hub: &Hub,
    api: &Api,
    repository: &str,
    revision: &str,
) -> Result<(String, Vec<Remote>)> {
    let request = api.repo(repo(repository, revision)).info_request().query("blobs", "true");
    let mut response = request
        .config()
        .timeout_global(Some(hub.patience))
        .http_status_as_error(false)
        .build()
        .call()
        .map_err(|error| unreachable_hub(&error.to_string()))?;
    let status = response.status().as_u16();
    if status != 200 {
        return Err(refused(status, revision, hub.token.is_some()));
    }
    let text = response
        .body_mut()
        .read_to_string()
        .map_err(|error| unreachable_hub(&error.to_string()))?;
    let strange = || Error::data("the answer is not that of a Hub").hint("check HF_ENDPOINT");
    let answer: Value = serde_json::from_str(&text).map_err(|_| strange())?;
    let commit = answer["sha"].as_str().ok_or_else(strange)?.to_owned();
    check_revision(&commit).map_err(|_| strange())?;
    let files = answer["siblings"].as_array().ok_or_else(strange)?;
    let remote = |file: &Value| {
        Some(Remote {
            path: file["rfilename"].as_str()?.to_owned(),
            size: file["size"].as_u64(),
            sha256: file["lfs"]["sha256"].as_str().map(str::to_owned),
        })
    };
    Ok((commit, files.iter().filter_map(remote).collect()))
}

fn unreachable_hub(reason: &str) -> Error {
    Error::new(ErrorKind::Io, format!("the Hub cannot be reached: {reason}"))
        .hint("check the network, its proxy and HF_ENDPOINT; HF_HUB_OFFLINE=1 does without")
}

fn refused(status: u16, revision: &str, has_token: bool) -> Error {
    match status {
        404 => Error::data(format!("there is no such repository, or no revision '{revision}'")),
        401 | 403 => {
            let error = Error::data(format!("the Hub refuses access (HTTP {status})"));
            error.hint(if has_token {
                "check HF_TOKEN, and that it may read this repository"
            } else {
                "there is no such repository, or it is not open to all: set HF_TOKEN"
            })
        }
        _ => Error::new(ErrorKind::Io, format!("the Hub answers with HTTP {status}"))
            .hint("try again later"),
    }
}

/// What a thread that downloads says.
enum Message {
    Size(u64),
    Bytes(u64),
    Ended(Result<PathBuf, String>),
}

/// Passes on what hf-hub says of its progress.
struct Reporter(Sender<Message>);

impl hf_hub::api::Progress for Reporter {
    fn init(&mut self, size: usize, _: &str) {
        let _ = self.0.send(Message::Size(size as u64));
    }

    fn update(&mut self, size: usize) {
        let _ = self.0.send(Message::Bytes(size as u64));
    }

    fn finish(&mut self) {}
}

/// Downloads one file and compares it with what was announced.
fn download(
    hub: &Hub,
    api: &Api,
    repository: &str,
    commit: &str,
    file: &Remote,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<()> {
    if let (Some(sum), Some(size)) = (&file.sha256, file.size) {
        // A part that is whole already would be asked for its rest, which no server has.
        let part =
            hub.cache.join(folder_name(repository)?).join("blobs").join(format!("{sum}.part"));
        if fs::metadata(&part).is_ok_and(|part| part.len() >= size) {
            let _ = fs::remove_file(&part);
        }
    }
    let mut failure = String::new();
    for attempt in 0..ATTEMPTS {
        thread::sleep(Duration::from_millis(300) * attempt);
        match attempt_download(hub, api, repository, commit, &file.path, progress) {
            Ok(path) => return compare(&path, file),
            Err(Failure::Silent) => {
                return Err(unreachable_hub(&format!(
                    "it sent nothing for {} s",
                    hub.patience.as_secs_f64()
                )));
            }
            Err(Failure::Told(reason)) => failure = reason,
        }
    }
    Err(Error::new(ErrorKind::Io, format!("the download failed {ATTEMPTS} times: {failure}"))
        .hint("start again: it goes on where it ended"))
}

enum Failure {
    Silent,
    Told(String),
}

/// hf-hub sets no time limits, so it works in a thread of its own that is left behind if the
/// server falls silent; it ends with this process.
fn attempt_download(
    hub: &Hub,
    api: &Api,
    repository: &str,
    commit: &str,
    path: &str,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<PathBuf, Failure> {
    let (sender, receiver) = mpsc::channel();
    let repo = api.repo(repo(repository, commit));
    let name = path.to_owned();
    thread::spawn(move || {
        let reporter = Reporter(sender.clone());
        let ended = catch_unwind(AssertUnwindSafe(|| repo.download_with_progress(&name, reporter)));
        let ended = match ended {
            Ok(ended) => ended.map_err(|error| reason(&error)),
            Err(_) => Err("hf-hub stopped with a panic".to_owned()),
        };
        let _ = sender.send(Message::Ended(ended));
    });
    let (mut done, mut size) = (0, 0);
    loop {
        match receiver.recv_timeout(hub.patience) {
            Ok(Message::Size(whole)) => (done, size) = (0, whole),
            Ok(Message::Bytes(count)) => done += count,
            Ok(Message::Ended(ended)) => return ended.map_err(Failure::Told),
            Err(RecvTimeoutError::Timeout) => return Err(Failure::Silent),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Failure::Told("its thread has gone".to_owned()));
            }
        }
        progress(Progress { file: path, done, size });
    }
}

fn reason(error: &ApiError) -> String {
    match error {
        ApiError::LockAcquisition(path) => {
            format!("another process fetches it, which holds {}", path.display())
        }
        error => error.to_string(),
    }
}

/// A file that is not what was announced leaves the cache again.
fn compare(path: &Path, file: &Remote) -> Result<()> {
    let refused = |error: std::io::Error| Error::io("read", path, &error);
    let size = fs::metadata(path).map_err(refused)?.len();
    let wrong = match (&file.size, &file.sha256) {
        (Some(announced), _) if *announced != size => {
            Some(format!("it has {size} bytes, and the Hub announced {announced}"))
        }
        (_, Some(announced)) => {
            let sum = sha256_of_file(path)?;
            (sum != *announced)
                .then(|| format!("its SHA-256 is {sum}, and the Hub announced {announced}"))
        }
        _ => None,
    };
    let Some(wrong) = wrong else { return Ok(()) };
    if let Ok(blob) = path.canonicalize() {
        let _ = fs::remove_file(blob);
    }
    let _ = fs::remove_file(path);
    Err(Error::data(format!("what arrived is damaged: {wrong}")).hint("fetch it again"))
}
