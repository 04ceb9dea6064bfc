//! Fetching into the cache.
//!
//! A revision is resolved to its commit first, so that all files are of one commit. An
//! interrupted file stays as `blobs/<name>.part`; the next attempt goes on where it ends. What
//! arrives is compared with the size and the SHA-256 that the Hub announces.
//!
//! What a server says is not believed where it names places: commits, paths and names of blobs become
//! parts of paths here, and must be such.

mod client;
mod place;

use std::fs;
use std::path::{Component, Path};

use dst_core::{Error, Result};
use serde_json::Value;

use super::{Hub, Snapshot, cached, check_revision, fits, folder_name};
use crate::file::sha256_of_file;
use client::Client;
use place::Place;

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
#[derive(Debug)]
struct Remote {
    path: String,
    size: Option<u64>,
    /// Of large files; small ones have none.
    sha256: Option<String>,
    /// Of small files, as git names them.
    git_hash: Option<String>,
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
    let at = |error: Error| error.at(format!("{}/{repository}", hub.shown_endpoint()));
    let client = Client::new(hub);
    let (commit, files) = describe(&client, repository, revision).map_err(at)?;
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
                download(&client, &folder, repository, &commit, file, progress)
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
    }
    cached(&hub.at(&commit), repository, patterns)
}

/// What describes a repository: a model is named without its kind, but here.
fn described_as(repository: &str) -> String {
    match repository.starts_with("datasets/") {
        true => repository.to_owned(),
        false => format!("models/{repository}"),
    }
}

/// The commit of a revision and its files.
fn describe(
    client: &Client<'_>,
    repository: &str,
    revision: &str,
) -> Result<(String, Vec<Remote>)> {
    let name = described_as(repository);
    let revision_in_address = client::encoded(revision, false);
    let text =
        client.text(&format!("api/{name}/revision/{revision_in_address}?blobs=true"), revision)?;
    let strange = || Error::data("the answer is not that of a Hub").hint("check HF_ENDPOINT");
    let answer: Value = serde_json::from_str(&text).map_err(|_| strange())?;
    let commit = answer["sha"].as_str().ok_or_else(strange)?.to_owned();
    if !is_name(&commit) {
        return Err(strange());
    }
    let files = answer["siblings"].as_array().ok_or_else(strange)?;
    let remote = |file: &Value| {
        let hexadecimal = |value: &Value, digits: usize| {
            let text = value.as_str()?.to_ascii_lowercase();
            let is_hash = text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit());
            is_hash.then_some(text)
        };
        let path = file["rfilename"].as_str()?;
        is_below(path).then(|| Remote {
            path: path.to_owned(),
            size: file["size"].as_u64(),
            sha256: hexadecimal(&file["lfs"]["sha256"], 64),
            git_hash: hexadecimal(&file["blobId"], 40),
        })
    };
    Ok((commit, files.iter().filter_map(remote).collect()))
}

/// May a commit of that name become a folder?
fn is_name(commit: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&commit.len()) && commit.bytes().all(known) && !commit.starts_with('.')
}

/// Does a path lead to a file below the folder that it is joined to?
fn is_below(path: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !path.is_empty() && !path.contains('\\') && Path::new(path).components().all(plain)
}

/// Downloads one file and compares it with what was announced.
fn download(
    client: &Client<'_>,
    folder: &Path,
    repository: &str,
    commit: &str,
    file: &Remote,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<()> {
    let place = Place::claim(folder, commit, file)?;
    let path = client::encoded(&file.path, true);
    let address = format!("{repository}/resolve/{}/{path}", client::encoded(commit, false));
    if !place.is_there(file.size) {
        let mut said = |done, size| progress(Progress { file: &file.path, done, size });
        client.download(&address, commit, place.part(), file.size, &mut said)?;
        compare(place.part(), file)?;
    }
    place.publish()
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
    let _ = fs::remove_file(path);
    Err(Error::data(format!("what arrived is damaged: {wrong}")).hint("fetch it again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_names_leads_out_of_the_cache() {
        for path in ["a.json", "data/train.parquet", "a/b/c", "..hidden", "a..b"] {
            assert!(is_below(path), "{path}");
        }
        for path in ["", "..", "../x", "a/../../x", "/etc/passwd", "a\\..\\x"] {
            assert!(!is_below(path), "{path}");
        }
        assert!(is_name("0123456789abcdef0123456789abcdef01234567") && is_name("v1.0"));
        for commit in ["", "..", ".git", "a/b", "../../x", &"a".repeat(65)] {
            assert!(!is_name(commit), "{commit}");
        }
    }
}
