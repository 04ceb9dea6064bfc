//! The Hugging Face Hub and its cache on this machine.
//!
//! A repository is named as in its address: `google-bert/bert-base-uncased` is a model,
//! `datasets/ylecun/mnist` a data set. The cache has the layout that all tools of Hugging Face
//! share, so what one of them fetched the others find:
//!
//! ```text
//! datasets--ylecun--mnist/refs/main                   the commit of a branch or tag
//! datasets--ylecun--mnist/snapshots/<commit>/<file>   a link into blobs/
//! datasets--ylecun--mnist/blobs/<SHA-256>             the bytes
//! ```
//!
//! [`cached`] reads it; [`fetch`] fills it.

mod fetch;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use dst_core::{DataSources, Error, ErrorKind, HubCache, HubFiles, Result};

use crate::file::damaged;

pub use fetch::{Progress, fetch, fetch_with};

/// The branch that is read unless another revision is asked for.
pub const MAIN: &str = "main";

const ENDPOINT: &str = "https://huggingface.co";

/// What `weights = "hub:org/name"` begins with.
pub const PREFIX: &str = "hub:";

/// The files that a model is made of.
pub const MODEL_FILES: [&str; 2] = ["model.safetensors", "config.json"];

/// What may lie beside them: the vocabulary of the model.
pub const VOCABULARY_FILES: [&str; 2] = ["tokenizer.json", "vocab.txt"];

/// What says beside a `vocab.txt` how texts are read, such as whether they are lowered.
pub const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// How the Hub is reached and where its files are kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Hub {
    /// The folder of the cache.
    pub cache: PathBuf,
    /// Address without a slash at its end.
    pub endpoint: String,
    /// For repositories that are not open to all.
    pub token: Option<String>,
    /// Is the network not to be used?
    pub offline: bool,
    /// How long a server may be silent.
    pub patience: Duration,
}

// A token is a password: it must not get into a log.
impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cache, token, offline, patience, .. } = self;
        f.debug_struct("Hub")
            .field("cache", cache)
            .field("endpoint", &self.shown_endpoint())
            .field("token", &token.as_ref().map(|_| "…"))
            .field("offline", offline)
            .field("patience", patience)
            .finish()
    }
}

impl Hub {
    /// As the variables of Hugging Face's tools say: `HF_HUB_CACHE` or `HF_HOME`, `HF_ENDPOINT`,
    /// `HF_TOKEN` or the file `HF_HOME/token`, `HF_HUB_OFFLINE`. There is none without a home
    /// folder.
    pub fn from_env() -> Option<Self> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(get: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| get(name).map(PathBuf::from);
        let home = folder("HF_HOME")
            .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("huggingface")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/huggingface")));
        let cache = folder("HF_HUB_CACHE")
            .or_else(|| folder("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| home.as_ref().map(|home| home.join("hub")))?;
        let file = folder("HF_TOKEN_PATH").or_else(|| home.map(|home| home.join("token")));
        let token = get("HF_TOKEN").or_else(|| fs::read_to_string(file?).ok());
        let yes = |value: String| {
            ["1", "on", "yes", "true"].contains(&value.trim().to_lowercase().as_str())
        };
        Some(Self {
            cache,
            endpoint: get("HF_ENDPOINT")
                .map_or(ENDPOINT.to_owned(), |address| address.trim_end_matches('/').to_owned()),
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()),
            offline: get("HF_HUB_OFFLINE").is_some_and(yes),
            patience: Duration::from_secs(30),
        })
    }

    /// The endpoint without a name and a password in it.
    pub fn shown_endpoint(&self) -> String {
        match self.endpoint.split_once("://") {
            Some((scheme, rest)) => {
                let end = rest.find(['/', '?']).unwrap_or(rest.len());
                let host = rest[..end].rsplit('@').next().unwrap_or_default();
                format!("{scheme}://{host}{}", &rest[end..])
            }
            None => self.endpoint.clone(),
        }
    }

    /// The cache, to be read at a revision.
    pub fn at(&self, revision: &str) -> HubCache {
        HubCache { folder: self.cache.clone(), revision: revision.to_owned() }
    }
}

/// Files of a repository at one commit, in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// As in its address at the Hub.
    pub repository: String,
    /// The full name of the commit.
    pub commit: String,
    /// The files of every pattern, in the order of the patterns, sorted by name.
    pub files: Vec<Vec<PathBuf>>,
}

/// `datasets/ylecun/mnist at 0123456789ab`, for people.
impl std::fmt::Display for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.repository, self.commit)
    }
}

/// Finds files in the cache, without the network. A pattern is a path in the repository; one `*`
/// in its last part stands for anything, such as the numbers of shards. A table must have all of
/// its shards.
///
/// # Errors
/// If the repository, the revision or a file is not there: the message says where it would be.
pub fn cached(cache: &HubCache, repository: &str, patterns: &[&str]) -> Result<Snapshot> {
    let folder = cache.folder.join(folder_name(repository)?);
    let lacks = |what: &str, place: &Path| {
        Error::data(what).hint(format!("looked for:\n    {}", place.display()))
    };
    let Some(commit) = commit(&folder, &cache.revision)? else {
        let what = format!("{repository} is not in the cache of the Hub");
        return Err(lacks(&what, &folder.join("refs").join(&cache.revision)));
    };
    let snapshot = folder.join("snapshots").join(&commit);
    let mut files = Vec::new();
    for pattern in patterns {
        let found = matching(&snapshot, pattern);
        if found.is_empty() || !whole(&found) {
            let part = if found.is_empty() { "" } else { "all of " };
            let what = format!("{repository} in the cache of the Hub lacks {part}{pattern}");
            return Err(lacks(&what, &snapshot.join(pattern)));
        }
        files.push(found);
    }
    Ok(Snapshot { repository: repository.to_owned(), commit, files })
}

/// What a data set does when its own files are missing, as `missing` says: it looks for `wanted`
/// in the cache. `name` is that of the data set.
///
/// # Errors
/// `missing`, with what the cache lacks and how to fetch it; or what is wrong with the revision.
pub fn cached_instead(
    missing: Error,
    sources: &DataSources,
    wanted: &HubFiles,
    name: &str,
) -> Result<Snapshot> {
    let Some(cache) = sources.hub.as_ref().filter(|_| missing.kind() == ErrorKind::Data) else {
        return Err(missing);
    };
    cached(cache, wanted.repository, wanted.files).map_err(|error| match error.kind() {
        ErrorKind::Data => missing
            .also(&error.to_string())
            .also(&format!("fetch it from the Hub with: harness data fetch {name}")),
        _ => error,
    })
}

/// What `hub:org/name` or `hub:org/name@revision` means: a repository and a revision; `None` if
/// the text does not begin so.
///
/// # Errors
/// If no repository is named.
pub fn reference(text: &str) -> Result<Option<(&str, &str)>> {
    let Some(rest) = text.strip_prefix(PREFIX) else { return Ok(None) };
    let (repository, revision) = rest.split_once('@').unwrap_or((rest, MAIN));
    folder_name(repository).map_err(|error| error.at(text))?;
    check_revision(revision).map_err(|error| error.at(text))?;
    Ok(Some((repository, revision)))
}

/// A file in the cache must have the SHA-256 that it is named by. `sha256` is asked for only if it
/// is named by one.
///
/// # Errors
/// If it has another, or none can be had.
pub fn compare_with_cache(path: &Path, sha256: impl FnOnce() -> Result<String>) -> Result<()> {
    let Ok(blob) = path.canonicalize() else { return Ok(()) };
    let in_blobs = blob.parent().is_some_and(|folder| folder.ends_with("blobs"));
    let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Small files are named by their git hash, which is shorter.
    let named_by_sum = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !(in_blobs && named_by_sum) {
        return Ok(());
    }
    let sha256 = sha256()?;
    if name == sha256 {
        return Ok(());
    }
    Err(damaged(format!("the file is damaged: its SHA-256 is {sha256}, not {name}"))
        .hint(format!("delete {} and fetch it again", blob.display())))
}

/// `models--org--name` or `datasets--org--name`.
pub(crate) fn folder_name(repository: &str) -> Result<String> {
    let (kind, name) = match repository.strip_prefix("datasets/") {
        Some(name) => ("datasets", name),
        None => ("models", repository),
    };
    let parts: Vec<&str> = name.split('/').collect();
    let legal = |part: &&str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        !part.is_empty() && part.bytes().all(known) && !part.starts_with('.')
    };
    if parts.len() > 2 || !parts.iter().all(legal) {
        return Err(Error::usage(format!("'{repository}' is not a repository of the Hub"))
            .hint("write org/name for a model, datasets/org/name for a data set"));
    }
    Ok(format!("{kind}--{}", parts.join("--")))
}

/// A revision becomes part of a path.
fn check_revision(revision: &str) -> Result<()> {
    let path = Path::new(revision);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if revision.is_empty() || !plain || revision.contains(['\\', '?', '#', ' ']) {
        return Err(Error::usage(format!("'{revision}' is not a revision"))
            .hint("write a branch, a tag or a commit; the usual one is main"));
    }
    Ok(())
}

/// The commit that a revision stands for in the cache.
fn commit(folder: &Path, revision: &str) -> Result<Option<String>> {
    check_revision(revision)?;
    if let Ok(text) = fs::read_to_string(folder.join("refs").join(revision)) {
        let commit = text.trim().to_owned();
        check_revision(&commit)?;
        return Ok(Some(commit));
    }
    // A commit needs no reference.
    let itself = folder.join("snapshots").join(revision).is_dir();
    Ok(itself.then(|| revision.to_owned()))
}

/// Files below `folder` that a pattern fits, sorted. Links must lead to files.
fn matching(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let (above, _) = pattern.split_at(pattern.rfind('/').map_or(0, |slash| slash + 1));
    let mut found: Vec<PathBuf> = fs::read_dir(folder.join(above))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name();
            name.to_str().is_some_and(|name| fits(&format!("{above}{name}"), pattern))
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found
}

/// Does a path in a repository fit a pattern?
fn fits(path: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => path == pattern,
        Some((start, end)) => {
            let rest = path.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
            rest.is_some_and(|rest| !rest.contains('/'))
        }
    }
}

/// Are all shards there, by the number that the name of each ends with, `-of-00003`?
fn whole(files: &[PathBuf]) -> bool {
    let shards = |path: &PathBuf| {
        let stem = path.file_stem()?.to_str()?;
        stem.rsplit_once("-of-")?.1.parse::<usize>().ok()
    };
    files.iter().all(|file| shards(file).is_none_or(|count| count == files.len()))
}
