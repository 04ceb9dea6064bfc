//! How far a download has come, for the person at the terminal.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// On a terminal one line that changes; elsewhere (a log, CI) a line at every tenth of the way
/// and after every half minute without one.
pub(super) struct Progress {
    what: String,
    /// Bytes; unknown when the server does not say.
    total: Option<u64>,
    terminal: bool,
    tenth: u64,
    told: Instant,
}

const SILENCE: Duration = Duration::from_secs(30);

impl Progress {
    pub(super) fn new(what: &str, total: Option<u64>) -> Self {
        let terminal = stderr().is_terminal();
        let progress =
            Progress { what: what.to_owned(), total, terminal, tenth: 0, told: Instant::now() };
        if !terminal {
            progress.print(&progress.line(0), "\n");
        }
        progress
    }

    /// `done` bytes have arrived.
    pub(super) fn at(&mut self, done: u64) {
        if self.terminal {
            self.print(&self.line(done), "");
            return;
        }
        let tenth = self.total.map_or(0, |total| done * 10 / total.max(1)).min(10);
        if tenth > self.tenth || self.told.elapsed() > SILENCE {
            self.tenth = tenth;
            self.told = Instant::now();
            self.print(&self.line(done), "\n");
        }
    }

    /// All bytes have arrived.
    pub(super) fn done(mut self) {
        if let Some(total) = self.total {
            self.at(total);
        }
    }

    fn line(&self, done: u64) -> String {
        let megabytes = |bytes: u64| bytes / 1_000_000;
        match self.total {
            Some(total) => {
                let done = done.min(total);
                let percent = done * 100 / total.max(1);
                format!(
                    "{}: {} of {} MB ({percent} %)",
                    self.what,
                    megabytes(done),
                    megabytes(total)
                )
            }
            None => format!("{}: {} MB", self.what, megabytes(done)),
        }
    }

    fn print(&self, line: &str, end: &str) {
        let start = if self.terminal { "\r\x1b[K" } else { "" };
        let mut stderr = stderr().lock();
        let _ = write!(stderr, "{start}{line}{end}").and_then(|()| stderr.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.terminal {
            let _ = writeln!(stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far() {
        let mut progress = Progress::new("downloading torch", Some(539_534_190));
        assert_eq!(progress.line(53_953_419), "downloading torch: 53 of 539 MB (10 %)");
        // pip copies what it has downloaded: never more than all.
        assert_eq!(progress.line(600_000_000), "downloading torch: 539 of 539 MB (100 %)");
        progress.total = None;
        assert_eq!(progress.line(53_953_419), "downloading torch: 53 MB");
    }
}
