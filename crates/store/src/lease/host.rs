//! Which machine this is, and which processes live on it.

use std::fs;
use std::sync::OnceLock;

use sysinfo::{CpuRefreshKind, RefreshKind, System};

/// Name of this machine.
pub fn host() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| {
        let mut name = [0_u8; 256];
        // SAFETY: the buffer is writable for its whole length, and one byte is left for the 0
        // that ends the name.
        let failed = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(0);
        let text = String::from_utf8_lossy(&name[..end]);
        if failed != 0 || text.is_empty() { "localhost".into() } else { text.replace('/', "_") }
    })
    .clone()
}

/// The processor of this machine as its operating system calls it, such as `AMD EPYC 7763`; empty if it
/// does not say.
pub fn processor() -> String {
    static PROCESSOR: OnceLock<String> = OnceLock::new();
    PROCESSOR
        .get_or_init(|| {
            let wanted = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
            let system = System::new_with_specifics(wanted);
            system.cpus().first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default()
        })
        .clone()
}

/// Where numbers of processes have one meaning: this boot of the kernel and this container.
/// Two containers may share a host name, and a machine keeps its name when it boots.
pub(super) fn namespace() -> String {
    static NAMESPACE: OnceLock<String> = OnceLock::new();
    NAMESPACE
        .get_or_init(|| {
            let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
            let processes = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
            format!("{} {} {}", host(), boot.trim(), processes.display())
        })
        .clone()
}

/// When a living process of this machine started, in clock ticks since boot; `None` if there is
/// no such process, or it only waits to be collected by its parent.
#[cfg(target_os = "linux")]
pub(super) fn process_start(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets and may hold anything, brackets too.
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // proc(5): the state is field 3, the start is field 22.
    fields.nth(18)?.parse().ok()
}

/// Elsewhere only the existence of the process is known.
#[cfg(not(target_os = "linux"))]
pub(super) fn process_start(pid: u32) -> Option<u64> {
    // SAFETY: signal 0 is not sent; the call only checks.
    let failed = unsafe { libc::kill(pid as libc::pid_t, 0) };
    (failed == 0).then_some(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_started_and_an_impossible_one_has_not() {
        assert!(process_start(std::process::id()).is_some());
        assert_eq!(process_start(u32::MAX), None);
        assert!(!host().is_empty() && namespace().contains(&host()));
    }

    /// `/proc/cpuinfo` names the processor of most machines, though not of all.
    #[test]
    fn the_processor_is_the_one_that_the_system_names() {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let named = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
        if let Some((_, name)) = named {
            assert_eq!(processor(), name.trim());
        }
    }
}
