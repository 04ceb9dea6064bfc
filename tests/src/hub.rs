//! A Hub on this machine: what the Hugging Face Hub is asked for, answered on loopback.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use dst_data::file::sha256;
use serde_json::json;

/// The commit that every repository is at.
pub const COMMIT: &str = "89abcdef0123456789abcdef0123456789abcdef";

/// Where files lie that are not sent at once.
const ELSEWHERE: &str = "/elsewhere";

/// A server with repositories. It answers until the process ends.
#[derive(Debug, Clone)]
pub struct Hub {
    address: String,
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Files by repository (as in its address) and path.
    files: HashMap<(String, String), Vec<u8>>,
    /// Without it, nothing is answered.
    token: Option<String>,
    /// So many downloads end in the middle.
    cuts: AtomicUsize,
    /// Files are announced with their sums, and sent with another last byte.
    damaged: bool,
    /// Connections are taken and never answered.
    silent: bool,
    /// Files lie elsewhere, as the large ones of the Hub do.
    redirects: bool,
    /// So many requests are answered by "too many requests".
    busy: AtomicUsize,
    /// What the commit is called, and what is before the paths of files.
    lies: Option<(String, String)>,
    /// First lines of requests, with the range that was asked for.
    requests: Mutex<Vec<String>>,
}

/// What goes wrong with a server.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// So many downloads end in the middle.
    pub cuts: usize,
    /// Files arrive with another last byte.
    pub damaged: bool,
    /// Connections are taken and never answered.
    pub silent: bool,
    /// Only who shows this token is answered.
    pub token: Option<String>,
    /// Files lie elsewhere, as the large ones of the Hub do.
    pub redirects: bool,
    /// So many requests are answered by "too many requests".
    pub busy: usize,
    /// What the commit is called, and what is before the paths of files.
    pub lies: Option<(String, String)>,
}

impl Hub {
    /// Serves files, given as (repository as in its address, path, bytes).
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn serve(files: &[(&str, &str, Vec<u8>)], faults: Faults) -> Self {
        let Faults { cuts, damaged, silent, token, redirects, busy, lies } = faults;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let files = files
            .iter()
            .map(|(repository, path, bytes)| {
                (((*repository).to_owned(), (*path).to_owned()), bytes.clone())
            })
            .collect();
        let cuts = AtomicUsize::new(cuts);
        let busy = AtomicUsize::new(busy);
        let inner = Inner {
            files,
            token,
            cuts,
            damaged,
            silent,
            redirects,
            busy,
            lies,
            ..Inner::default()
        };
        let hub = Self { address, inner: Arc::new(inner) };
        let server = hub.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                // A client that goes away is no concern of others.
                thread::spawn(move || server.answer(stream).unwrap_or_default());
            }
        });
        hub
    }

    /// For `HF_ENDPOINT`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What was asked for so far.
    ///
    /// # Panics
    /// If a thread of the server panicked.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.inner.requests.lock().expect("requests").clone()
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        let mut headers = HashMap::new();
        for line in lines {
            let line = line?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let range = headers.get("range").cloned().unwrap_or_default();
        let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
        self.inner
            .requests
            .lock()
            .map_err(|_| std::io::ErrorKind::Other)?
            .push(format!("{target} {range}").trim_end().to_owned());
        if self.inner.silent {
            thread::park();
        }
        let path = target.split('?').next().unwrap_or_default();
        let busy = &self.inner.busy;
        let is_busy = busy.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        if is_busy.is_ok() {
            let wait = ["Retry-After: 0".to_owned()];
            return head(&mut stream, "429 Too Many Requests", &wait, 0);
        }
        if let Some(elsewhere) = path.strip_prefix(ELSEWHERE) {
            // Signed addresses need no token, and another host must not see it.
            if headers.contains_key("authorization") {
                return head(&mut stream, "400 Bad Request", &[], 0);
            }
            return match self.find(elsewhere) {
                Some((_, bytes)) => self.send(&mut stream, bytes, &range),
                None => head(&mut stream, "404 Not Found", &[], 0),
            };
        }
        if let Some(token) = &self.inner.token
            && headers.get("authorization") != Some(&format!("Bearer {token}"))
        {
            return head(&mut stream, "401 Unauthorized", &[], 0);
        }
        if let Some(api) = path.strip_prefix("/api/") {
            return self.describe(&mut stream, api);
        }
        match self.find(path) {
            Some((_, bytes)) if self.inner.redirects => {
                // Another host to a client, and the same to the system.
                let host = self.address.replace("127.0.0.1", "localhost");
                let fields = [
                    format!("Location: {host}{ELSEWHERE}{path}?signed=1"),
                    "ETag: \"of-the-pointer\"".to_owned(),
                    format!("X-Linked-Etag: \"{}\"", sha256(bytes)),
                    format!("X-Linked-Size: {}", bytes.len()),
                    format!("X-Repo-Commit: {COMMIT}"),
                ];
                head(&mut stream, "302 Found", &fields, 0)
            }
            Some((_, bytes)) => self.send(&mut stream, bytes, &range),
            None => head(&mut stream, "404 Not Found", &[], 0),
        }
    }

    /// The file at `/org/name/resolve/main/path`.
    fn find(&self, path: &str) -> Option<(&(String, String), &Vec<u8>)> {
        let (repository, rest) = path.split_once("/resolve/")?;
        let (revision, file) = rest.split_once('/')?;
        let key = (repository.strip_prefix('/')?.to_owned(), file.to_owned());
        known(revision).then(|| self.inner.files.get_key_value(&key))?
    }

    /// `/api/datasets/org/name/revision/main`
    fn describe(&self, stream: &mut TcpStream, api: &str) -> std::io::Result<()> {
        let (repository, revision) = api.split_once("/revision/").unwrap_or((api, ""));
        let repository = repository.strip_prefix("models/").unwrap_or(repository);
        let siblings: Vec<_> = self
            .inner
            .files
            .iter()
            .filter(|((owner, _), _)| owner == repository)
            .map(|((_, path), bytes)| {
                let sum = json!({ "sha256": sha256(bytes), "size": bytes.len() });
                let before = self.inner.lies.as_ref().map_or("", |(_, before)| before);
                json!({ "rfilename": format!("{before}{path}"), "size": bytes.len(), "lfs": sum })
            })
            .collect();
        if siblings.is_empty() || !known(revision) {
            return head(stream, "404 Not Found", &[], 0);
        }
        let commit = self.inner.lies.as_ref().map_or(COMMIT, |(commit, _)| commit);
        let body = json!({ "sha": commit, "siblings": siblings }).to_string();
        head(stream, "200 OK", &[], body.len())?;
        stream.write_all(body.as_bytes())
    }

    fn send(&self, stream: &mut TcpStream, bytes: &[u8], range: &str) -> std::io::Result<()> {
        let size = bytes.len();
        let (start, end) = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .and_then(|(start, end)| {
                let end = end.parse().map_or(size, |end: usize| end + 1);
                Some((start.parse().ok()?, end.min(size)))
            })
            .unwrap_or((0, size));
        if start >= end {
            return head(stream, "416 Range Not Satisfiable", &[], 0);
        }
        let mut part = bytes[start..end].to_vec();
        if self.inner.damaged && end == size && end - start > 1 {
            *part.last_mut().expect("a part has bytes") ^= 1;
        }
        let fields = [
            format!("Content-Range: bytes {start}-{}/{size}", end - 1),
            format!("ETag: \"{}\"", sha256(bytes)),
            format!("X-Repo-Commit: {COMMIT}"),
        ];
        head(stream, "206 Partial Content", &fields, part.len())?;
        let cut = part.len() > 1
            && self
                .inner
                .cuts
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |cuts| cuts.checked_sub(1))
                .is_ok();
        if cut {
            part.truncate(part.len() / 2);
        }
        stream.write_all(&part)
    }
}

fn known(revision: &str) -> bool {
    ["main", "v1", COMMIT].contains(&revision)
}

fn head(
    stream: &mut TcpStream,
    status: &str,
    fields: &[String],
    length: usize,
) -> std::io::Result<()> {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    let head = format!(
        "HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())
}
