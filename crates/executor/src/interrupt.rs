//! Ctrl-C, requests to terminate, and requests for checkpoints.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dst_record::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

/// What signals asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// How often it was asked to stop, so far.
    pub stops: usize,
    /// Was it asked for checkpoints since it was looked at last?
    pub saves: bool,
    /// Did the notice come that time is nearly over? [`Interrupts::listen_for_notice`] hears it.
    pub is_time_over: bool,
}

/// Counts interrupts while it lives. Afterwards the signals end the process again.
pub struct Interrupts {
    signals: Signals,
    count: usize,
    is_time_over: bool,
    over: Arc<AtomicBool>,
}

impl std::fmt::Debug for Interrupts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Interrupts").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Interrupts {
    /// Starts to listen to SIGINT, SIGTERM, SIGUSR1 and [the end of a terminal](hang_up).
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen() -> Result<Self> {
        Self::listen_to(&[SIGINT, SIGTERM, SIGUSR1])
    }

    /// Listens to SIGUSR2, too, by which a cluster announces that the time of a job is nearly over.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn listen_for_notice() -> Result<Self> {
        Self::listen_to(&[SIGINT, SIGTERM, SIGUSR1, SIGUSR2])
    }

    fn listen_to(signals: &[libc::c_int]) -> Result<Self> {
        let refused = |error: std::io::Error| {
            Error::io("listen to signals on", Path::new("this process"), &error)
        };
        let over = Arc::new(AtomicBool::new(false));
        let signals: Vec<libc::c_int> = signals.iter().copied().chain(hang_up()).collect();
        for &signal in &signals {
            // A handler that is removed leaves the signal ignored; this one stays and puts the
            // usual behaviour back.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&over))
                .map_err(refused)?;
        }
        let signals = Signals::new(signals).map_err(refused)?;
        Ok(Self { signals, count: 0, is_time_over: false, over })
    }

    /// How many interrupts arrived so far.
    pub fn count(&mut self) -> usize {
        self.asked().stops
    }

    /// What was asked for so far.
    pub fn asked(&mut self) -> Asked {
        let mut saves = false;
        for signal in self.signals.pending() {
            match signal {
                SIGUSR1 => saves = true,
                SIGUSR2 => self.is_time_over = true,
                _ => self.count += 1,
            }
        }
        Asked { stops: self.count, saves, is_time_over: self.is_time_over }
    }
}

/// The signal that comes when a terminal is closed or a connection lost, unless it is ignored, as by
/// `nohup`: then it is to stay so.
pub fn hang_up() -> Option<libc::c_int> {
    // SAFETY: all zeros are a valid structure, which the system fills; nothing is changed.
    let is_ignored = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGHUP, std::ptr::null(), &raw mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    };
    (!is_ignored).then_some(libc::SIGHUP)
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}
