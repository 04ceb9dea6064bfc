//! Who works on a trial: numbered attempts that keep two workers off it, in other processes and
//! on other machines that share the folder.
//!
//! Every attempt has a file, `attempts/1.json`, `attempts/2.json` and so on, which is created by
//! the one worker that succeeds in creating it and is never deleted. The newest attempt holds
//! the trial until it says that it ended or its holder is found dead; only then may the next
//! number be claimed. Numbers only grow, so a takeover cannot be undone by a late comer.

mod host;

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use dst_record::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::file::{self, Durability};
pub use host::{host, processor};

/// How often a holder touches its file.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// Attempts at one trial. A file with a larger number is not one of ours.
const MOST_ATTEMPTS: u32 = 999_999;

/// A holder on another machine that was silent for so long is taken for dead. On the same
/// machine the process itself is asked instead.
const SILENCE: Duration = Duration::from_secs(60);

/// The worker of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Name of its machine.
    pub host: String,
    /// Its process.
    pub pid: u32,
    /// When it began, UTC.
    pub since: String,
    /// Start of the process in clock ticks since boot, because numbers of processes return.
    process_start: Option<u64>,
    /// Boot and process namespace in which the number of the process has a meaning.
    namespace: String,
    /// How the attempt ended, if it did in good order.
    ended: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} on {} since {}", self.pid, self.host, self.since)
    }
}

impl Holder {
    fn this_process() -> Self {
        let pid = std::process::id();
        Self {
            host: host(),
            pid,
            since: crate::clock::now(),
            process_start: host::process_start(pid),
            namespace: host::namespace(),
            ended: None,
        }
    }

    /// Is it this process of this machine?
    pub fn is_process(&self, pid: u32) -> bool {
        self.pid == pid && self.namespace == host::namespace()
    }

    /// Does it still work, when its file was last touched `silence` ago?
    fn is_alive(&self, silence: Duration) -> bool {
        if self.ended.is_some() {
            return false;
        }
        if self.namespace == host::namespace() {
            return host::process_start(self.pid)
                .is_some_and(|start| Some(start) == self.process_start);
        }
        silence < SILENCE
    }
}

/// The newest attempt at a trial.
#[derive(Debug, Clone)]
struct NewestAttempt {
    number: u32,
    /// `None` if its file is not readable as one.
    holder: Option<Holder>,
    touched: SystemTime,
}

impl NewestAttempt {
    fn is_alive(&self, now: SystemTime) -> bool {
        // Clocks of two machines differ: a touch in the future is one just now.
        let silence = now.duration_since(self.touched).unwrap_or_default();
        match &self.holder {
            Some(holder) => holder.is_alive(silence),
            // Half a file: being written by a file system that cannot create it whole, or the
            // remainder of a power cut. One that is dated far ahead is not being written now, and nobody
            // would wait for that time.
            None => {
                let ahead = self.touched.duration_since(now).unwrap_or_default();
                silence.max(ahead) < SILENCE
            }
        }
    }
}

/// What is known of the attempts at a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempts {
    /// There was none.
    None,
    /// Somebody works on it.
    Held(Holder),
    /// This many were made and none goes on.
    Idle {
        /// How many.
        attempts: u32,
        /// Who made the last; none if its file cannot be read.
        last: Option<Holder>,
    },
}

/// Looks at the attempts in the folder of a trial, changing nothing.
///
/// # Errors
/// If the folder cannot be read.
pub fn attempts(trial: &Path) -> Result<Attempts> {
    Ok(match newest(&folder(trial))? {
        None => Attempts::None,
        Some(newest) if newest.is_alive(SystemTime::now()) => Attempts::Held(newest.shown()),
        Some(newest) => Attempts::Idle { attempts: newest.number, last: newest.holder },
    })
}

impl NewestAttempt {
    fn shown(self) -> Holder {
        self.holder.unwrap_or_else(|| Holder {
            host: "an unknown machine".into(),
            pid: 0,
            since: "a moment ago".into(),
            process_start: None,
            namespace: String::new(),
            ended: None,
        })
    }
}

/// What came of the wish to work on a trial, as a lease.
#[derive(Debug)]
pub(crate) enum Claimed {
    Ours(Lease),
    Held(Holder),
}

/// Claims the next attempt at the trial in this folder.
///
/// # Errors
/// If the folder cannot be written, or was claimed too often.
pub(crate) fn claim(trial: &Path) -> Result<Claimed> {
    let folder = folder(trial);
    fs::create_dir_all(&folder).map_err(|error| Error::io("create", &folder, &error))?;
    let holder = Holder::this_process();
    let bytes = to_bytes(&holder);
    loop {
        let newest = newest(&folder)?;
        let number = match newest {
            None => 1,
            Some(newest) if newest.is_alive(time_of(&folder)?) => {
                return Ok(Claimed::Held(newest.shown()));
            }
            Some(newest) if newest.number == MOST_ATTEMPTS => {
                return Err(Error::data(format!("this trial was begun {MOST_ATTEMPTS} times"))
                    .at(folder.display().to_string())
                    .hint("delete that folder to begin at 1 again"));
            }
            Some(newest) => newest.number + 1,
        };
        let path = attempt_path(&folder, number);
        if file::create(&path, &bytes, Durability::Cached)? {
            return Ok(Claimed::Ours(Lease::start(folder, number, holder)));
        }
        // Another worker was faster; now look at that one.
    }
}

/// The right to work on a trial. It beats while it lives.
#[derive(Debug)]
pub(crate) struct Lease {
    folder: PathBuf,
    number: u32,
    holder: Holder,
    lost: Arc<AtomicBool>,
    heart: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Lease {
    fn start(folder: PathBuf, number: u32, holder: Holder) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = channel();
        let beat = {
            let (folder, bytes, lost) = (folder.clone(), to_bytes(&holder), Arc::clone(&lost));
            move || {
                while stopped.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                    if attempt_path(&folder, number + 1).exists() {
                        lost.store(true, Ordering::Relaxed);
                        break;
                    }
                    // A beat that fails, such as on a network in trouble, may succeed next time.
                    let _ = touch(&attempt_path(&folder, number), &bytes);
                }
            }
        };
        let heart = std::thread::Builder::new().name("heartbeat".into()).spawn(beat).ok();
        Self { folder, number, holder, lost, heart: heart.map(|thread| (stop, thread)) }
    }

    /// The number of this attempt, from 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.number
    }

    /// Since when it is held, UTC.
    pub(crate) fn since(&self) -> &str {
        &self.holder.since
    }

    /// Was another worker seen that has taken this one for dead? It may happen after a machine
    /// slept. Asks nothing of the file system; see [`Lease::is_ours`].
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Is this the newest attempt at this moment?
    pub(crate) fn is_ours(&self) -> bool {
        let ours = !attempt_path(&self.folder, self.number + 1).exists();
        if !ours {
            self.lost.store(true, Ordering::Relaxed);
        }
        ours
    }

    /// Ends the attempt and says how, so that the next may begin at once.
    ///
    /// # Errors
    /// If its file cannot be written.
    pub(crate) fn end(mut self, how: &str) -> Result<()> {
        self.note_end(how)
    }

    fn note_end(&mut self, how: &str) -> Result<()> {
        self.holder.ended = Some(how.to_owned());
        if let Some((stop, heart)) = self.heart.take() {
            drop(stop);
            let _ = heart.join();
        }
        let path = attempt_path(&self.folder, self.number);
        file::replace(&path, &to_bytes(&self.holder), Durability::Cached)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.holder.ended.is_none() {
            // The attempt fails for another reason already.
            let _ = self.note_end("abandoned");
        }
    }
}

/// Where the attempts at a trial lie.
pub(crate) fn folder(trial: &Path) -> PathBuf {
    trial.join("attempts")
}

fn attempt_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number}.json"))
}

fn to_bytes(holder: &Holder) -> Vec<u8> {
    serde_json::to_vec_pretty(holder).expect("a holder is plain data")
}

/// Writes the bytes that are there already: the file server dates the file by its own clock.
fn touch(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    OpenOptions::new().write(true).open(path)?.write_all(bytes)
}

/// The present by the clock of the file server.
fn time_of(folder: &Path) -> Result<SystemTime> {
    let probe = tempfile::NamedTempFile::new_in(folder)
        .map_err(|error| Error::io("write to", folder, &error))?;
    probe
        .as_file()
        .metadata()
        .and_then(|metadata| metadata.modified())
        .map_err(|error| Error::io("read", probe.path(), &error))
}

/// The number of an attempt by the name of its file; none if it is no attempt.
fn number(name: &str) -> Option<u32> {
    let number = name.strip_suffix(".json")?.parse::<u32>().ok()?;
    let is_ours = (1..=MOST_ATTEMPTS).contains(&number) && name == format!("{number}.json");
    is_ours.then_some(number)
}

/// Names among the attempts at a trial that are none, but for hidden ones.
///
/// # Errors
/// If the folder cannot be read.
pub(crate) fn strangers(trial: &Path) -> Result<Vec<String>> {
    let mut names = crate::names(&folder(trial))?;
    names
        .retain(|name| !name.starts_with('.') && number(name).is_none() && name.ends_with(".json"));
    Ok(names)
}

fn newest(folder: &Path) -> Result<Option<NewestAttempt>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if crate::is_no_folder(&error) => return Ok(None),
        Err(error) => return Err(Error::io("read", folder, &error)),
    };
    let newest = entries.filter_map(|entry| number(entry.ok()?.file_name().to_str()?)).max();
    let Some(number) = newest else {
        return Ok(None);
    };
    let path = attempt_path(folder, number);
    let touched = fs::metadata(&path)
        .and_then(|metadata| metadata.modified())
        .map_err(|error| Error::io("read", &path, &error))?;
    // Whatever cannot be read as one is half a file.
    let bytes = match file::read_bytes(&path) {
        Err(error) if error.kind() == dst_record::ErrorKind::Io => return Err(error),
        read => read.ok().flatten().unwrap_or_default(),
    };
    Ok(Some(NewestAttempt { number, holder: serde_json::from_slice(&bytes).ok(), touched }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held_by(claim: Claimed) -> Holder {
        match claim {
            Claimed::Held(holder) => holder,
            Claimed::Ours(lease) => panic!("the trial was free for attempt {}", lease.attempt()),
        }
    }

    fn ours(claim: Claimed) -> Lease {
        match claim {
            Claimed::Ours(lease) => lease,
            Claimed::Held(holder) => panic!("the trial is held by {holder}"),
        }
    }

    fn assert_idle(trial: &Path, expected: u32) {
        match attempts(trial).unwrap() {
            Attempts::Idle { attempts, .. } => assert_eq!(attempts, expected),
            other => panic!("{other:?}"),
        }
    }

    /// Writes attempt 1 of somebody else and dates it back.
    fn foreign(trial: &Path, change: impl FnOnce(&mut Holder), silence: Duration) {
        let mut holder = Holder::this_process();
        change(&mut holder);
        fs::create_dir_all(folder(trial)).unwrap();
        let path = attempt_path(&folder(trial), 1);
        fs::write(&path, to_bytes(&holder)).unwrap();
        let touched = SystemTime::now() - silence;
        OpenOptions::new().write(true).open(&path).unwrap().set_modified(touched).unwrap();
    }

    #[test]
    fn nobody_waits_for_a_damaged_attempt_of_the_future() {
        let trial = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder(trial.path())).unwrap();
        let path = attempt_path(&folder(trial.path()), 1);
        for (ahead, is_held) in [(0, true), (1, true), (3_600, false)] {
            fs::write(&path, "{").unwrap();
            let touched = SystemTime::now() + Duration::from_secs(ahead);
            OpenOptions::new().write(true).open(&path).unwrap().set_modified(touched).unwrap();
            let held = matches!(attempts(trial.path()).unwrap(), Attempts::Held(_));
            assert_eq!(held, is_held, "{ahead}");
        }
        assert_eq!(ours(claim(trial.path()).unwrap()).attempt(), 2);
    }

    #[test]
    fn one_of_many_gets_the_trial() {
        let trial = tempfile::tempdir().unwrap();
        let claims: Vec<Claimed> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| claim(trial.path()))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });
        let winners = claims.iter().filter(|claim| matches!(claim, Claimed::Ours(_))).count();
        assert_eq!(winners, 1);
    }

    #[test]
    fn one_of_many_takes_over_from_the_dead() {
        for _ in 0..20 {
            let trial = tempfile::tempdir().unwrap();
            foreign(trial.path(), |holder| holder.process_start = Some(1), Duration::ZERO);
            let claims: Vec<Claimed> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| claim(trial.path()))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
            });
            let winners: Vec<u32> = claims
                .iter()
                .filter_map(|claim| match claim {
                    Claimed::Ours(lease) => Some(lease.attempt()),
                    Claimed::Held(_) => None,
                })
                .collect();
            assert_eq!(winners, [2]);
        }
    }

    #[test]
    fn a_held_trial_names_its_holder_and_is_free_after_the_end() {
        let trial = tempfile::tempdir().unwrap();
        let lease = ours(claim(trial.path()).unwrap());
        let holder = held_by(claim(trial.path()).unwrap());
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.to_string().starts_with(&format!("process {} on ", holder.pid)));
        lease.end("finished").unwrap();
        assert_idle(trial.path(), 1);
        assert_eq!(ours(claim(trial.path()).unwrap()).attempt(), 2);
    }

    #[test]
    fn a_dropped_lease_is_abandoned() {
        let trial = tempfile::tempdir().unwrap();
        drop(ours(claim(trial.path()).unwrap()));
        let text = fs::read_to_string(trial.path().join("attempts/1.json")).unwrap();
        assert!(text.contains("\"ended\": \"abandoned\""), "{text}");
    }

    #[test]
    fn a_number_of_a_process_that_came_round_again_is_no_holder() {
        let trial = tempfile::tempdir().unwrap();
        foreign(trial.path(), |holder| holder.process_start = Some(1), Duration::ZERO);
        assert_idle(trial.path(), 1);
        assert_eq!(ours(claim(trial.path()).unwrap()).attempt(), 2);
    }

    #[test]
    fn a_dead_process_of_this_machine_is_no_holder() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let trial = tempfile::tempdir().unwrap();
        foreign(trial.path(), |holder| holder.pid = pid, Duration::ZERO);
        assert_idle(trial.path(), 1);
    }

    #[test]
    fn a_silent_holder_elsewhere_is_taken_over_after_a_minute() {
        let elsewhere = |holder: &mut Holder| {
            holder.namespace = "another boot".into();
            holder.host = "moon".into();
        };
        let trial = tempfile::tempdir().unwrap();
        foreign(trial.path(), elsewhere, Duration::from_secs(30));
        assert_eq!(held_by(claim(trial.path()).unwrap()).host, "moon");
        foreign(trial.path(), elsewhere, SILENCE + Duration::from_secs(10));
        assert_eq!(ours(claim(trial.path()).unwrap()).attempt(), 2);
    }

    #[test]
    fn half_a_file_is_a_holder_for_a_minute() {
        let trial = tempfile::tempdir().unwrap();
        foreign(trial.path(), |_| {}, Duration::ZERO);
        let path = attempt_path(&folder(trial.path()), 1);
        fs::write(&path, "{\"host\": \"mo").unwrap();
        held_by(claim(trial.path()).unwrap());
        let touched = SystemTime::now() - SILENCE - Duration::from_secs(10);
        OpenOptions::new().write(true).open(&path).unwrap().set_modified(touched).unwrap();
        assert_eq!(ours(claim(trial.path()).unwrap()).attempt(), 2);
    }

    #[test]
    fn what_lies_among_the_attempts_and_is_none_does_not_count() {
        let trial = tempfile::tempdir().unwrap();
        foreign(trial.path(), |holder| holder.process_start = Some(1), Duration::ZERO);
        let folder = folder(trial.path());
        for name in ["4294967295.json", "1000000.json", "0.json", "007.json", "+9.json", "8.json~"]
        {
            fs::write(folder.join(name), "{}").unwrap();
        }
        assert_idle(trial.path(), 1);
        assert_eq!(ours(claim(trial.path()).unwrap()).attempt(), 2);
        // The last number is the last.
        fs::write(attempt_path(&folder, MOST_ATTEMPTS), to_bytes(&Holder::this_process())).unwrap();
        let held = held_by(claim(trial.path()).unwrap());
        let ended = Holder { ended: Some("finished".into()), ..held };
        fs::write(attempt_path(&folder, MOST_ATTEMPTS), to_bytes(&ended)).unwrap();
        let error = claim(trial.path()).unwrap_err().to_string();
        assert!(error.contains("this trial was begun 999999 times"), "{error}");
    }

    #[test]
    fn bytes_that_are_no_text_are_half_a_file() {
        let trial = tempfile::tempdir().unwrap();
        foreign(trial.path(), |_| {}, Duration::ZERO);
        fs::write(attempt_path(&folder(trial.path()), 1), b"\xff\xfe{}").unwrap();
        held_by(claim(trial.path()).unwrap());
    }
}
