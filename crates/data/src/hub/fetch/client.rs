//! Requests to a Hub.
//!
//! The token goes to the endpoint's own host alone: large files lie on other hosts, whose addresses are
//! signed. `ureq` leaves it out when it follows a redirection. (The `hf-hub` crate, version 0.5, shows it
//! to every host.)

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use dst_core::{Error, ErrorKind, Result};
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::super::Hub;

/// How often a file is begun or gone on with before its failure counts.
const ATTEMPTS: u32 = 3;

/// How often a server is asked again that is busy.
const BUSY_ATTEMPTS: u32 = 4;

/// The longest that a busy server may ask for patience.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The largest description of a repository.
const LARGEST_TEXT: u64 = 64 << 20;

pub(super) struct Client<'a> {
    hub: &'a Hub,
    agent: Agent,
}

/// Why a request gave no answer.
enum Trouble {
    /// Worth another attempt.
    Broken(String),
    /// Nothing came for so long as a server may be silent.
    Silent,
    /// Not worth one.
    Refused(Error),
}

impl<'a> Client<'a> {
    pub(super) fn new(hub: &'a Hub) -> Self {
        let patience = Some(hub.patience);
        let agent = Agent::config_builder()
            .timeout_connect(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .http_status_as_error(false)
            .user_agent(concat!("dst-harness/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Self { hub, agent }
    }

    /// What is at an address below the endpoint. `revision` is named if there is none.
    ///
    /// # Errors
    /// If the server cannot be reached, or refuses.
    pub(super) fn text(&self, address: &str, revision: &str) -> Result<String> {
        let mut response =
            self.get(address, None, revision).map_err(|trouble| self.said(trouble))?;
        let body = response.body_mut().with_config().limit(LARGEST_TEXT);
        body.read_to_string().map_err(|error| self.said(self.trouble(error)))
    }

    /// Downloads what is at an address into the file `part`, going on where it ends.
    ///
    /// # Errors
    /// If the server cannot be reached, refuses, sends more than `size` bytes, or breaks off again and
    /// again; if the file cannot be written.
    pub(super) fn download(
        &self,
        address: &str,
        revision: &str,
        part: &Path,
        size: Option<u64>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let mut failure = String::new();
        for attempt in 0..ATTEMPTS {
            thread::sleep(Duration::from_millis(300) * attempt);
            match self.attempt(address, revision, part, size, progress) {
                Ok(()) => return Ok(()),
                Err(Trouble::Broken(reason)) => failure = reason,
                Err(trouble) => return Err(self.said(trouble)),
            }
        }
        Err(Error::new(ErrorKind::Io, format!("the download failed {ATTEMPTS} times: {failure}"))
            .hint("start again: it goes on where it ended"))
    }

    fn attempt(
        &self,
        address: &str,
        revision: &str,
        part: &Path,
        size: Option<u64>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), Trouble> {
        let io = |error: std::io::Error| Trouble::Refused(Error::io("write", part, &error));
        let mut done = fs::metadata(part).map_or(0, |part| part.len());
        // A part that is whole already would be asked for its rest, which no server has.
        if size.is_none_or(|size| done >= size) {
            done = 0;
        }
        let response = self.get(address, (done > 0).then_some(done), revision)?;
        if response.status() == 416 {
            fs::remove_file(part).map_err(io)?;
            return Err(Trouble::Broken("the server does not have the rest".into()));
        }
        // Whoever sends all of it again begins anew.
        let goes_on = done > 0 && response.status() == 206 && starts_at(&response, done);
        let mut file = match goes_on {
            true => OpenOptions::new().append(true).open(part).map_err(io)?,
            false => File::create(part).map_err(io)?,
        };
        done = if goes_on { done } else { 0 };
        let length = response.body().content_length();
        let all = size.or(length.map(|length| length + done)).unwrap_or(0);
        progress(done, all);
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == IoErrorKind::Interrupted => continue,
                Err(error) => return Err(self.trouble(error.into())),
            };
            done += read as u64;
            if size.is_some_and(|size| done > size) {
                return Err(Trouble::Refused(
                    Error::data("the server sends more than it announced")
                        .hint("check HF_ENDPOINT"),
                ));
            }
            file.write_all(&buffer[..read]).map_err(io)?;
            progress(done, all);
        }
        match size {
            Some(size) if done < size => {
                Err(Trouble::Broken(format!("it ended after {done} of {size} bytes")))
            }
            _ => file.sync_all().map_err(io),
        }
    }

    /// An answer to be read, or the one that there is no more (416); asks a busy server again.
    fn get(
        &self,
        address: &str,
        from: Option<u64>,
        revision: &str,
    ) -> Result<Response<Body>, Trouble> {
        let address = format!("{}/{address}", self.hub.endpoint);
        for attempt in 1.. {
            let mut request = self.agent.get(&address);
            if let Some(token) = &self.hub.token {
                request = request.header("Authorization", format!("Bearer {token}"));
            }
            if let Some(from) = from {
                request = request.header("Range", format!("bytes={from}-"));
            }
            let response = request.call().map_err(|error| self.trouble(error))?;
            match response.status().as_u16() {
                200 | 206 | 416 => return Ok(response),
                429 | 502..=504 if attempt < BUSY_ATTEMPTS => {
                    let asked = response.headers().get("retry-after");
                    let asked = asked.and_then(|value| value.to_str().ok()?.parse().ok());
                    let usual = Duration::from_secs(1 << (attempt - 1));
                    thread::sleep(asked.map_or(usual, Duration::from_secs).min(LONGEST_WAIT));
                }
                status => {
                    let has_token = self.hub.token.is_some();
                    return Err(Trouble::Refused(refused(status, revision, has_token)));
                }
            }
        }
        unreachable!("the last attempt returns")
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        let is_over_time = match &error {
            ureq::Error::Timeout(_) => true,
            ureq::Error::Io(error) => error.kind() == IoErrorKind::TimedOut,
            _ => false,
        };
        match is_over_time {
            true => Trouble::Silent,
            // An error may quote the address.
            false => Trouble::Broken(
                error.to_string().replace(&self.hub.endpoint, &self.hub.shown_endpoint()),
            ),
        }
    }

    fn said(&self, trouble: Trouble) -> Error {
        let reason = match trouble {
            Trouble::Refused(error) => return error,
            Trouble::Broken(reason) => reason,
            Trouble::Silent => {
                format!("it sent nothing for {} s", self.hub.patience.as_secs_f64())
            }
        };
        Error::new(ErrorKind::Io, format!("the Hub cannot be reached: {reason}"))
            .hint("check the network, its proxy and HF_ENDPOINT; HF_HUB_OFFLINE=1 does without")
    }
}

/// Does a part begin where the file on the disk ends?
fn starts_at(response: &Response<Body>, done: u64) -> bool {
    let range = response.headers().get("content-range").and_then(|value| value.to_str().ok());
    let start =
        range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse().ok());
    start == Some(done)
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

/// A part of an address; slashes separate its parts or are of them.
pub(super) fn encoded(text: &str, keeps_slashes: bool) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'/' if keeps_slashes => encoded.push('/'),
            byte if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                encoded.push(byte.into());
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
