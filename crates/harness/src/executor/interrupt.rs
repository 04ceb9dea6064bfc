//! Ctrl-C, requests to terminate, and requests for checkpoints.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dst_core::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

/// What signals asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    /// How often it was asked to stop, so far.
    pub(crate) stops: usize,
    /// Was it asked for checkpoints since it was looked at last?
    pub(crate) saves: bool,
}

/// Counts interrupts while it lives. Afterwards the signals end the process again.
pub(crate) struct Interrupts {
    signals: Signals,
    count: usize,
    over: Arc<AtomicBool>,
}

impl Interrupts {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) fn listen() -> Result<Self> {
        let refused = |error: std::io::Error| {
            Error::io("listen to signals on", Path::new("this process"), &error)
        };
        let signals = [SIGINT, SIGTERM, SIGUSR1];
        let over = Arc::new(AtomicBool::new(false));
        for signal in signals {
            // A handler that is removed leaves the signal ignored; this one stays and puts the
            // usual behaviour back.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&over))
                .map_err(refused)?;
        }
        Ok(Self { signals: Signals::new(signals).map_err(refused)?, count: 0, over })
    }

    /// How many interrupts arrived so far.
    pub(crate) fn count(&mut self) -> usize {
        self.asked().stops
    }

    /// What was asked for so far.
    pub(crate) fn asked(&mut self) -> Asked {
        let mut saves = false;
        for signal in self.signals.pending() {
            match signal {
                SIGUSR1 => saves = true,
                _ => self.count += 1,
            }
        }
        Asked { stops: self.count, saves }
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}
