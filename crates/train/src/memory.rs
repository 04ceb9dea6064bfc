//! Peak memory of this process.

use dst_core::device;
use dst_core::record::MemoryKind;
use nvml_wrapper::Nvml;
use nvml_wrapper::enums::device::UsedGpuMemory;
use tch::Device;

/// The largest resident set so far in bytes, 0 where the system does not tell.
///
/// The memory of an accelerator is not in it, which the kind says.
pub fn peak_memory() -> (u64, MemoryKind) {
    let bytes = from_proc().unwrap_or_else(from_usage);
    (bytes, MemoryKind::ResidentSet)
}

/// Follows the memory that the training needs where its tensors lie.
///
/// NVIDIA's driver tells through its management library (NVML) what a process holds, and keeps
/// no maximum. libtorch does not give back what it once took, so looking from time to time finds
/// the peak of what it reserved. The library is loaded at run time. Where it is absent, or does
/// not know this process (as in some containers), the resident set counts.
#[derive(Debug)]
pub(crate) struct PeakMemory {
    nvml: Option<Nvml>,
    /// The most seen so far.
    on_device: Option<u64>,
    /// The peak of earlier processes with the same training.
    earlier: Option<(u64, MemoryKind)>,
}

impl PeakMemory {
    pub(crate) fn new(device: Device, earlier: Option<(u64, MemoryKind)>) -> Self {
        let nvml = if device::is_accelerator(device) { Nvml::init().ok() } else { None };
        Self { nvml, on_device: None, earlier }
    }

    /// Notes what the process holds now.
    pub(crate) fn look(&mut self) {
        self.on_device = self.on_device.max(self.held());
    }

    fn held(&self) -> Option<u64> {
        self.nvml.as_ref().and_then(held_on_devices)
    }

    /// The peak in bytes, and what it counts.
    pub(crate) fn read(&self) -> (u64, MemoryKind) {
        let on_device = self.on_device.max(self.held());
        let (bytes, kind) = on_device.map_or_else(peak_memory, |bytes| (bytes, MemoryKind::Device));
        match self.earlier {
            // One that ran elsewhere may have counted something else.
            Some((earlier, counted)) if counted == kind => (bytes.max(earlier), kind),
            _ => (bytes, kind),
        }
    }
}

/// Bytes that this process holds on all accelerators; none if the driver does not tell.
fn held_on_devices(nvml: &Nvml) -> Option<u64> {
    let own = std::process::id();
    let devices = (0..nvml.device_count().ok()?).filter_map(|index| {
        let processes = nvml.device_by_index(index).ok()?.running_compute_processes().ok()?;
        let used = processes.iter().filter(|process| process.pid == own);
        used.filter_map(|process| known(&process.used_gpu_memory)).reduce(|a, b| a + b)
    });
    devices.reduce(|a, b| a + b)
}

/// Some drivers say the largest number there is where they do not know.
fn known(used: &UsedGpuMemory) -> Option<u64> {
    match used {
        UsedGpuMemory::Used(bytes) if *bytes < u64::MAX / 2 => Some(*bytes),
        _ => None,
    }
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

    #[test]
    fn the_resident_set_counts_where_no_accelerator_does() {
        let mut on_cpu = PeakMemory::new(Device::Cpu, None);
        on_cpu.look();
        let (bytes, kind) = on_cpu.read();
        assert!(bytes > 0 && kind == MemoryKind::ResidentSet);
        // This process holds nothing on an accelerator, whether there is one or not.
        let absent = PeakMemory::new(Device::Cuda(0), None);
        assert_eq!(absent.read().1, MemoryKind::ResidentSet);
    }

    #[test]
    fn the_most_that_was_seen_on_a_device_wins() {
        let mut peak = PeakMemory { nvml: None, on_device: Some(7), earlier: None };
        peak.look();
        assert_eq!(peak.read(), (7, MemoryKind::Device));
    }

    #[test]
    fn a_peak_of_the_same_kind_survives_a_restart() {
        let peak = |bytes, kind| PeakMemory::new(Device::Cpu, Some((bytes, kind))).read();
        let (most, resident) = (u64::MAX, MemoryKind::ResidentSet);
        assert_eq!(peak(most, resident), (most, resident));
        assert!(peak(1, resident).0 > 1);
        assert!(peak(most, MemoryKind::Device).0 < most);
    }

    #[test]
    fn an_unknown_use_is_none() {
        assert_eq!(known(&UsedGpuMemory::Used(5)), Some(5));
        assert_eq!(known(&UsedGpuMemory::Used(u64::MAX)), None);
        assert_eq!(known(&UsedGpuMemory::Unavailable), None);
    }
}
