//! Do trials fit onto the disk and into memory?

use std::collections::BTreeMap;
use std::path::Path;

use dst_core::record::TrialSpec;
use dst_core::{Error, ErrorKind, Keep, Result, device};
use dst_settings::{ExecutionConfig, Place};
use dst_train::Estimate;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use super::Checked;

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

/// Is there room in the store for these trials, with the networks that they keep?
///
/// # Errors
/// If the disk will be full before they have ended.
pub(in crate::command) fn space(
    store: &Path,
    checked: &Checked,
    execution: &ExecutionConfig,
) -> Result<()> {
    let estimates = &checked.estimates;
    let largest = estimates.iter().map(|estimate| estimate.total_parameters).max().unwrap_or(0);
    let needed = estimates.len() as u64 * BYTES_PER_TRIAL
        + largest * CHECKPOINT_BYTES_PER_PARAMETER * execution.jobs as u64
        + bytes_of_kept(execution.keep, &checked.trials, estimates);
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

/// Bytes of the networks that stay: active values as floats, and a bit for each prunable weight.
fn bytes_of_kept(keep: Keep, trials: &[TrialSpec], estimates: &[Estimate]) -> u64 {
    let bytes = |estimate: &Estimate| {
        let prunable = estimate.prunable_parameters as f64;
        let inactive = prunable * (1.0 - estimate.final_density);
        (4.0 * (estimate.total_parameters as f64 - inactive) + prunable / 8.0) as u64
    };
    let sizes = trials.iter().zip(estimates.iter().map(bytes));
    match keep {
        Keep::None => 0,
        Keep::All => sizes.map(|(_, size)| size).sum(),
        // Those of one group are of about one size.
        Keep::Best => {
            let groups = sizes.map(|(spec, size)| (spec.id_without_seed(), size));
            groups.collect::<BTreeMap<String, u64>>().values().sum()
        }
    }
}

/// What is said about memory.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::command) struct Notice {
    pub(in crate::command) words: String,
    /// May something go wrong, or was it only arranged otherwise?
    pub(in crate::command) is_warning: bool,
}

/// Lowers the number of trials at once to what fits into memory, unless it was asked for; says
/// what was done, or what may not fit. Threads stay: with others, a trial that continues might not
/// end bit for bit as it would have.
pub(in crate::command) fn fit_memory(
    execution: &mut ExecutionConfig,
    estimates: &[Estimate],
) -> Option<Notice> {
    // The memory of an accelerator is not known here, and one trial at once is the default there; nor
    // is that of the nodes of a cluster.
    if matches!(execution.place, Place::Slurm(_))
        || execution.device().is_ok_and(device::is_accelerator)
    {
        return None;
    }
    fit_memory_of(available_memory()?, execution, estimates)
}

fn fit_memory_of(
    available: u64,
    execution: &mut ExecutionConfig,
    estimates: &[Estimate],
) -> Option<Notice> {
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
    if !execution.jobs_asked {
        execution.jobs = most.max(1);
    }
    let (words, is_warning) = match (most, execution.jobs_asked) {
        (0, _) => (format!("warning: {facts}"), true),
        (_, true) => (format!("warning: {facts}: {asked} at once may run out of it"), true),
        (_, false) => {
            let free = asked * execution.threads / most;
            (format!("{facts}: {most} at once; --threads {free} lets them use all cores"), false)
        }
    };
    Some(Notice { words, is_warning })
}

fn gigabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e9)
}

/// Bytes that new processes may take without swapping, nor beyond the limit of a container; none
/// if the system does not tell.
pub(in crate::command) fn available_memory() -> Option<u64> {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let system = System::new_with_specifics(RefreshKind::nothing().with_memory(memory));
    if system.total_memory() == 0 {
        return None;
    }
    // What the group is said to have free counts caches as taken.
    let in_group = system.cgroup_limits();
    let in_group =
        in_group.map_or(u64::MAX, |limits| limits.total_memory.saturating_sub(limits.rss));
    Some(system.available_memory().min(in_group))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::Forecast;
    use dst_store::testing::spec;

    fn estimate(memory_bytes: u64) -> Estimate {
        Estimate {
            inference_flops: 1.0,
            dense_inference_flops: 1.0,
            train_flops: 1.0,
            dense_train_flops: 1.0,
            final_density: 1.0,
            updates: Forecast::Never,
            steps_per_epoch: 1,
            active_parameters: 1,
            target_parameters: 1,
            prunable_parameters: 1,
            total_parameters: 1,
            memory_bytes,
        }
    }

    fn fitted(available: u64, needs: &[u64], jobs_asked: bool) -> (usize, Option<Notice>) {
        let mut execution = ExecutionConfig {
            place: Place::Local,
            store: "runs".into(),
            data_dir: None,
            own_data: BTreeMap::new(),
            hub_revision: None,
            keep: Keep::None,
            device: "cpu".to_owned(),
            jobs: 8,
            threads: 2,
            jobs_asked,
            timeout: None,
        };
        let estimates: Vec<Estimate> = needs.iter().copied().map(estimate).collect();
        let notice = fit_memory_of(available, &mut execution, &estimates);
        assert_eq!(execution.threads, 2);
        (execution.jobs, notice)
    }

    #[test]
    fn kept_networks_need_room_by_their_density() {
        let trials: Vec<TrialSpec> = (0..3).map(|seed| spec("set", seed)).collect();
        let large = Estimate {
            prunable_parameters: 8_000,
            total_parameters: 8_100,
            final_density: 0.1,
            ..estimate(1)
        };
        let needed = |keep| bytes_of_kept(keep, &trials, &[large; 3]);
        // 900 active values of four bytes, and 1,000 bytes of bits.
        assert_eq!([Keep::None, Keep::Best, Keep::All].map(needed), [0, 4_600, 13_800]);
    }

    const GB: u64 = 1_000_000_000;

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(fitted(10 * GB, &[GB; 8], false), (8, None));
        // Only so many as there are run at once.
        assert_eq!(fitted(10 * GB, &[4 * GB; 2], false), (8, None));
        assert_eq!(fitted(10 * GB, &[], false), (8, None));
    }

    #[test]
    fn fewer_trials_run_where_memory_is_short() {
        let (jobs, notice) = fitted(10 * GB, &[4 * GB; 30], false);
        let expected = "a trial may need 4.0 GB of memory, and 10.0 GB are available: 2 at once; \
                        --threads 8 lets them use all cores";
        assert_eq!(jobs, 2);
        assert_eq!(notice, Some(Notice { words: expected.to_owned(), is_warning: false }));
        // One large trial and many small ones.
        let mut mixed = vec![GB / 2; 30];
        mixed[17] = 6 * GB;
        assert_eq!(fitted(10 * GB, &mixed, false).0, 7);
    }

    #[test]
    fn what_may_not_fit_is_warned_of() {
        let asked = fitted(10 * GB, &[4 * GB; 30], true);
        assert_eq!(asked.0, 8);
        let notice = asked.1.unwrap();
        assert!(notice.words.ends_with("8 at once may run out of it") && notice.is_warning);
        for asked in [false, true] {
            let (jobs, notice) = fitted(GB, &[4 * GB; 30], asked);
            assert_eq!(jobs, if asked { 8 } else { 1 });
            let notice = notice.unwrap();
            assert!(notice.is_warning && notice.words.ends_with("are available"), "{notice:?}");
        }
    }

    #[test]
    fn the_system_tells_its_memory() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
