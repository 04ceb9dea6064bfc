//! Do trials fit onto the disk and into memory?

use std::path::Path;

use dst_core::{Error, ErrorKind, Result, device};
use dst_train::Estimate;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::config::ExecutionConfig;

/// Bytes for one trial: its files, and a checkpoint while it runs.
const BYTES_PER_TRIAL: u64 = 200_000;

/// Bytes of a checkpoint for each parameter: weights, two moments, the best weights, masks;
/// twice, because the new one is whole before the old one goes.
const CHECKPOINT_BYTES_PER_PARAMETER: u64 = 2 * 20;

/// The share of the available memory that trials may take together.
const SHARE_OF_MEMORY: f64 = 0.9;

/// Can files be made in `folder`, which is created if it is absent?
///
/// # Errors
/// If not.
pub(in crate::command) fn writable(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
    tempfile::NamedTempFile::new_in(folder)
        .map(drop)
        .map_err(|error| Error::io("write to", folder, &error))
}

/// Is there room in the store for trials with these estimates, `jobs` of them at once?
///
/// # Errors
/// If the disk will be full before they have ended.
pub(in crate::command) fn space(store: &Path, estimates: &[Estimate], jobs: usize) -> Result<()> {
    let largest = estimates.iter().map(|estimate| estimate.total_parameters).max().unwrap_or(0);
    let needed = estimates.len() as u64 * BYTES_PER_TRIAL
        + largest * CHECKPOINT_BYTES_PER_PARAMETER * jobs as u64;
    // A file system that cannot tell is no reason to refuse.
    match fs4::available_space(store) {
        Ok(free) if free < needed => Err(Error::new(
            ErrorKind::Io,
            format!(
                "{} has {} MB left, and {} trials need about {} MB",
                store.display(),
                free / 1_000_000,
                estimates.len(),
                needed.div_ceil(1_000_000)
            ),
        )
        .hint("free some space, or put the store elsewhere with --store")),
        _ => Ok(()),
    }
}

/// Lowers the number of trials at once to what fits into memory, unless it was asked for; says
/// what was done, or what will not fit.
pub(in crate::command) fn fit_memory(
    execution: &mut ExecutionConfig,
    estimates: &[Estimate],
) -> Option<String> {
    // The memory of an accelerator is not known here, and one trial at once is the default there.
    if device::parse(&execution.device).is_ok_and(device::is_accelerator) {
        return None;
    }
    fit_memory_of(available_memory()?, execution, estimates)
}

fn fit_memory_of(
    available: u64,
    execution: &mut ExecutionConfig,
    estimates: &[Estimate],
) -> Option<String> {
    let mut needs: Vec<u64> = estimates.iter().map(|estimate| estimate.memory_bytes).collect();
    needs.sort_unstable_by_key(|bytes| std::cmp::Reverse(*bytes));
    needs.truncate(execution.jobs);
    let limit = (available as f64 * SHARE_OF_MEMORY) as u64;
    let mut sum = 0;
    let fitting = needs.iter().take_while(|bytes| {
        sum += **bytes;
        sum <= limit
    });
    let most = fitting.count();
    if most == needs.len() {
        return None;
    }
    let facts = format!(
        "a trial may need {} GB of memory, and {} GB are available",
        gigabytes(needs[0]),
        gigabytes(available)
    );
    let asked = execution.jobs;
    Some(match execution.limit_jobs(most.max(1)) {
        true => format!("{facts}: {} at once; --jobs asks for another number", execution.jobs),
        false if most == 0 => format!("warning: {facts}"),
        false => format!("warning: {facts}: --jobs {asked} may run out of it, --jobs {most} not"),
    })
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e9)
}

/// Bytes that new processes may take without swapping, in this control group too; none if the
/// system does not tell.
fn available_memory() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    let in_group = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Some(system.available_memory().min(in_group)).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Asked;

    fn estimate(memory_bytes: u64) -> Estimate {
        Estimate {
            inference_flops: 1.0,
            dense_inference_flops: 1.0,
            train_flops: 1.0,
            dense_train_flops: 1.0,
            final_density: 1.0,
            updates: None,
            active_parameters: 1,
            prunable_parameters: 1,
            total_parameters: 1,
            memory_bytes,
        }
    }

    fn fitted(available: u64, needs: &[u64], asked: Asked) -> (usize, usize, Option<String>) {
        let mut execution =
            ExecutionConfig { jobs: 8, threads: 2, asked, ..ExecutionConfig::default() };
        let estimates: Vec<Estimate> = needs.iter().copied().map(estimate).collect();
        let words = fit_memory_of(available, &mut execution, &estimates);
        (execution.jobs, execution.threads, words)
    }

    const GB: u64 = 1_000_000_000;
    const NOTHING: Asked = Asked { jobs: false, threads: false };

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fitted(10 * GB, &[GB; 8], NOTHING), (8, 2, None));
        // Only so many as there are run at once.
        assert_eq!(fitted(10 * GB, &[4 * GB; 2], NOTHING), (8, 2, None));
        assert_eq!(fitted(10 * GB, &[], NOTHING), (8, 2, None));
    }

    #[test]
    fn fewer_trials_get_the_cores_of_all() {
        let (jobs, threads, words) = fitted(10 * GB, &[4 * GB; 30], NOTHING);
        assert_eq!((jobs, threads), (2, 8));
        let words = words.unwrap();
        assert!(words.starts_with("a trial may need 4.0 GB of memory, and 10.0 GB are"), "{words}");
        let threads_asked = Asked { jobs: false, threads: true };
        assert_eq!(fitted(10 * GB, &[4 * GB; 30], threads_asked).1, 2);
        // One large trial and many small ones.
        let mut mixed = vec![GB / 2; 30];
        mixed[17] = 6 * GB;
        assert_eq!(fitted(10 * GB, &mixed, NOTHING).0, 7);
        // One at once is the least.
        assert_eq!(fitted(GB, &[4 * GB; 30], NOTHING).0, 1);
    }

    #[test]
    fn what_was_asked_for_stays_with_a_warning() {
        let asked = Asked { jobs: true, threads: false };
        let (jobs, threads, words) = fitted(10 * GB, &[4 * GB; 30], asked);
        assert_eq!((jobs, threads), (8, 2));
        let words = words.unwrap();
        assert!(words.ends_with("--jobs 8 may run out of it, --jobs 2 not"), "{words}");
        let words = fitted(GB, &[4 * GB; 30], asked).2.unwrap();
        assert!(words.starts_with("warning: ") && words.ends_with("are available"), "{words}");
    }

    #[test]
    fn the_system_tells_its_memory() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
