//! The time that this thread works, which other work on the machine disturbs little.

use std::time::Duration;

/// Time of the processor that this thread took: other work on the machine does not count.
#[derive(Debug)]
pub(crate) struct Stopwatch(Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Self::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Self::now() - self.0
    }

    fn now() -> Duration {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` is a place to write to.
        let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
        assert_eq!(failed, 0, "every Linux has this clock");
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}
