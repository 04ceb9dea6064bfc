//! What goes wrong.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::harness::{self, Harness};
use super::verdict::Observed;
use crate::{Result, cannot};

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    KillTrial,
    KillHarness,
    TerminateHarness,
    Interrupt,
    SaveNow,
    StopTrial,
    StopHarness,
    Flip,
    Truncate,
    Delete,
    Overwrite,
    ClockBack,
    ClockAhead,
    FullDisk,
    StrangeFolder,
}

impl FaultKind {
    const ALL: [Self; 15] = [
        Self::KillTrial,
        Self::KillHarness,
        Self::TerminateHarness,
        Self::Interrupt,
        Self::SaveNow,
        Self::StopTrial,
        Self::StopHarness,
        Self::Flip,
        Self::Truncate,
        Self::Delete,
        Self::Overwrite,
        Self::ClockBack,
        Self::ClockAhead,
        Self::FullDisk,
        Self::StrangeFolder,
    ];

    pub(super) fn draw(random: &mut StdRng) -> Self {
        Self::ALL[random.random_range(0..Self::ALL.len())]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KillTrial => "kill-trial",
            Self::KillHarness => "kill-harness",
            Self::TerminateHarness => "terminate",
            Self::Interrupt => "interrupt",
            Self::SaveNow => "save-now",
            Self::StopTrial => "stop-trial",
            Self::StopHarness => "stop-harness",
            Self::Flip => "flip",
            Self::Truncate => "truncate",
            Self::Delete => "delete",
            Self::Overwrite => "overwrite",
            Self::ClockBack => "clock-back",
            Self::ClockAhead => "clock-ahead",
            Self::FullDisk => "full-disk",
            Self::StrangeFolder => "strange-folder",
        }
    }
}

/// A fault at one moment.
pub(super) struct Fault<'a> {
    pub(super) kind: FaultKind,
    pub(super) store: &'a Path,
    pub(super) program: &'a Path,
    pub(super) folder: &'a Path,
}

impl Fault<'_> {
    /// Does it; says whether there was something to strike.
    pub(super) fn strike(
        &self,
        running: &mut Vec<Harness>,
        random: &mut StdRng,
        observed: &mut Observed,
    ) -> Result<bool> {
        match self.kind {
            FaultKind::KillTrial => return Ok(self.to_trial(random, libc::SIGKILL)),
            FaultKind::KillHarness => self.to_harness(running, random, libc::SIGKILL),
            FaultKind::TerminateHarness => self.to_harness(running, random, libc::SIGTERM),
            FaultKind::Interrupt => self.to_harness(running, random, libc::SIGINT),
            FaultKind::SaveNow => {
                // One that has not begun to listen ends.
                self.to_harness(running, random, libc::SIGUSR1);
            }
            FaultKind::StopTrial => {
                let Some(process) = pick(&harness::trials(self.store), random) else {
                    return Ok(false);
                };
                harness::send(process, libc::SIGSTOP);
                std::thread::sleep(Duration::from_millis(random.random_range(100..2_000)));
                harness::send(process, libc::SIGCONT);
            }
            FaultKind::StopHarness => {
                let chosen = random.random_range(0..running.len());
                running[chosen].signal(libc::SIGSTOP);
                std::thread::sleep(Duration::from_millis(random.random_range(100..2_000)));
                running[chosen].resume();
            }
            FaultKind::FullDisk => {
                let bytes = random.random_range(100..60_000);
                running.push(Harness::start_on_full_disk(self.program, self.folder, bytes)?);
            }
            FaultKind::StrangeFolder => {
                let name = format!("{:016x}", random.next_u64());
                let path = self.store.join(name);
                fs::create_dir_all(&path).map_err(|e| cannot("create", &path, &e))?;
                let path = self.store.join("grids/notes.json");
                let _ = fs::write(path, "{}");
            }
            FaultKind::ClockBack | FaultKind::ClockAhead => {
                let attempts = files(self.store);
                let attempts: Vec<_> = attempts
                    .into_iter()
                    .filter(|path| path.to_string_lossy().contains("/attempts/"))
                    .collect();
                let Some(path) = pick(&attempts, random) else { return Ok(false) };
                let hour = Duration::from_secs(3_600);
                let now = SystemTime::now();
                let time = if self.kind == FaultKind::ClockBack { now - hour } else { now + hour };
                let _ = OpenOptions::new().write(true).open(&path).map(|f| f.set_modified(time));
            }
            FaultKind::Flip | FaultKind::Truncate | FaultKind::Delete | FaultKind::Overwrite => {
                let Some(path) = pick(&files(self.store), random) else { return Ok(false) };
                observed.damaged(&path);
                return Ok(self.damage(&path, random).is_some());
            }
        }
        Ok(true)
    }

    fn to_trial(&self, random: &mut StdRng, signal: i32) -> bool {
        let process = pick(&harness::trials(self.store), random);
        process.iter().for_each(|process| harness::send(*process, signal));
        process.is_some()
    }

    fn to_harness(&self, running: &mut [Harness], random: &mut StdRng, signal: i32) {
        let chosen = random.random_range(0..running.len());
        running[chosen].signal(signal);
        running[chosen].struck = true;
    }

    /// None if the file went away meanwhile.
    fn damage(&self, path: &Path, random: &mut StdRng) -> Option<()> {
        match self.kind {
            FaultKind::Delete => fs::remove_file(path).ok(),
            FaultKind::Truncate => {
                let length = fs::metadata(path).ok()?.len();
                let file = File::options().write(true).open(path).ok()?;
                file.set_len(random.random_range(0..=length)).ok()
            }
            FaultKind::Overwrite => fs::write(path, [0xff, 0xfe, 0x00, b'{']).ok(),
            _ => {
                let mut bytes = fs::read(path).ok()?;
                let length = bytes.len();
                let byte = bytes.get_mut(random.random_range(0..length.max(1)))?;
                *byte ^= 1 << random.random_range(0..8);
                fs::write(path, bytes).ok()
            }
        }
    }
}

/// All files of a store, but logs, which nobody reads.
fn files(store: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.ends_with("log.txt") => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn pick<T: Clone>(of: &[T], random: &mut StdRng) -> Option<T> {
    (!of.is_empty()).then(|| of[random.random_range(0..of.len())].clone())
}
