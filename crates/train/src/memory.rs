//! Peak memory of this process.

use dst_core::record::MemoryKind;

/// The largest resident set so far in bytes, 0 where the system does not tell.
///
/// The memory of an accelerator is not in it, which the kind says.
pub fn peak_memory() -> (u64, MemoryKind) {
    let bytes = from_proc().unwrap_or_else(from_usage);
    (bytes, MemoryKind::ResidentSet)
}

/// Linux tells the peak in a text file.
fn from_proc() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(unix)]
fn from_usage() -> u64 {
    // SAFETY: an all-zero `rusage` is a valid value of that plain C struct.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live `rusage`, which the call fills in.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    // macOS counts bytes, other systems kibibytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    if code == 0 { usage.ru_maxrss as u64 * unit } else { 0 }
}

#[cfg(not(unix))]
fn from_usage() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn both_sources_agree_and_the_peak_grows() {
        let (before, kind) = peak_memory();
        assert_eq!(kind, MemoryKind::ResidentSet);
        let block = vec![1u8; 64 << 20];
        let (after, _) = peak_memory();
        assert!(block.iter().all(|byte| *byte == 1));
        assert!(after >= before && after > 64 << 20, "{before} then {after}");
        // The kernel batches its counts, so the sources differ by some pages.
        let difference = from_usage().abs_diff(peak_memory().0);
        assert!(difference < 8 << 20, "{difference}");
    }
}
