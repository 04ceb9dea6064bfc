//! Looking at something again and again, until it is over or somebody has seen enough.

use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use dst_core::Result;

use dst_executor::Exit;
use dst_executor::Interrupts;

/// How long an interrupt waits at most.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Calls `look`, waits for `pause`, and so on until it breaks or an interrupt comes.
///
/// # Errors
/// That of `look`, or if the system refuses to tell of interrupts.
pub(super) fn watch(
    pause: Duration,
    mut look: impl FnMut() -> Result<ControlFlow<()>>,
) -> Result<Exit> {
    let mut interrupts = Interrupts::listen()?;
    loop {
        if look()?.is_break() {
            return Ok(Exit::Success);
        }
        let looked = Instant::now();
        loop {
            if interrupts.count() > 0 {
                return Ok(Exit::Interrupted);
            }
            let rest = pause.saturating_sub(looked.elapsed());
            if rest.is_zero() {
                break;
            }
            thread::sleep(rest.min(POLL_INTERVAL));
        }
    }
}
