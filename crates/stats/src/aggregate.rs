//! Aggregates over runs and tasks after Agarwal et al. (2021).
//!
//! A task is a slice of the scores of its runs; tasks may have unequal counts of runs. Scores must
//! be on one scale first: accuracies of different data sets are not, unless normalised.

use crate::{
    bootstrap::{BootstrapOptions, resample},
    describe::{mean, median, quantile_of_sorted, sorted, variance},
    effect::ordinal_effect,
    error::{Error, Result, require_count, require_finite},
    interval::Interval,
    random::index,
    rounding::Precision,
};

/// Aggregate scores of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregate {
    /// Mean over tasks of task means.
    pub mean: f64,
    /// Median over tasks of task means.
    pub median: f64,
    /// Interquartile mean: mean of all run and task scores without the lowest and the highest
    /// quarter (counts rounded down).
    pub iqm: f64,
    /// Mean shortfall below the target, mean of max(target - score, 0) over all scores.
    pub optimality_gap: f64,
}

fn require_tasks<T: AsRef<[f64]>>(tasks: &[T]) -> Result<()> {
    require_count("tasks", 1, tasks.len())?;
    for task in tasks {
        require_count("runs of each task", 1, task.as_ref().len())?;
        require_finite(task.as_ref())?;
    }
    Ok(())
}

/// Mean, median, interquartile mean and optimality gap of scores by task; `target` is the score
/// that counts as solved, usually 1.
///
/// # Errors
///
/// No task, a task without runs, or a score or target that is not finite.
pub fn aggregate<T: AsRef<[f64]>>(tasks: &[T], target: f64) -> Result<Aggregate> {
    require_tasks(tasks)?;
    if !target.is_finite() {
        return Err(Error::Parameter {
            name: "target",
            found: target.to_string(),
            legal: "a finite number",
        });
    }
    let task_means: Vec<f64> = tasks.iter().map(|t| mean(t.as_ref())).collect();
    let all: Vec<f64> = tasks.iter().flat_map(|t| t.as_ref()).copied().collect();
    let gap = all.iter().map(|s| (target - s).max(0.0)).sum::<f64>() / all.len() as f64;
    Ok(Aggregate {
        mean: mean(&task_means),
        median: median(&task_means),
        iqm: interquartile_mean_of(&all),
        optimality_gap: gap,
    })
}

/// Interquartile mean of one list of scores.
///
/// # Errors
///
/// No score or one that is not finite.
pub fn interquartile_mean(scores: &[f64]) -> Result<f64> {
    require_count("scores", 1, scores.len())?;
    require_finite(scores)?;
    Ok(interquartile_mean_of(scores))
}

fn interquartile_mean_of(scores: &[f64]) -> f64 {
    let sorted = sorted(scores);
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

/// Share of run and task scores strictly above each threshold: the performance profile. A score
/// that agrees with the threshold to twelve digits is not above it.
///
/// # Errors
///
/// No task, a task without runs, or a score that is not finite.
pub fn performance_profile<T: AsRef<[f64]>>(tasks: &[T], thresholds: &[f64]) -> Result<Vec<f64>> {
    require_tasks(tasks)?;
    let all: Vec<f64> = tasks.iter().flat_map(|t| t.as_ref()).copied().collect();
    let precision = Precision::of(&all);
    let above = |score: f64, tau: f64| score - tau > precision.tie(score);
    Ok(thresholds
        .iter()
        .map(|tau| all.iter().filter(|s| above(**s, *tau)).count() as f64 / all.len() as f64)
        .collect())
}

/// Probability that a run of `a` beats a run of `b` on the same task, averaged over tasks; ties
/// count half. Runs are not matched; for matched seeds see
/// [`paired_improvement`](crate::paired_improvement).
///
/// # Errors
///
/// Unequal counts of tasks, no task, a task without runs, or a score that is not finite.
pub fn probability_of_improvement<T: AsRef<[f64]>>(a: &[T], b: &[T]) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::UnequalCounts { left: a.len(), right: b.len() });
    }
    require_tasks(a)?;
    require_tasks(b)?;
    let shares = a
        .iter()
        .zip(b)
        .map(|(x, y)| ordinal_effect(x.as_ref(), y.as_ref()).map(|e| e.a12))
        .collect::<Result<Vec<f64>>>()?;
    Ok(mean(&shares))
}

/// Bootstrap over runs within tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct StratifiedBootstrap {
    /// The statistic of the scores themselves.
    pub estimate: f64,
    /// Standard deviation of the statistic over resamples.
    pub standard_error: f64,
    /// Percentile interval.
    pub percentile: Interval,
    /// Count of resamples.
    pub draws: usize,
    /// Seed they came from.
    pub seed: u64,
}

/// Bootstraps a statistic of scores by task, resampling runs independently inside each task. The
/// tasks are kept: the interval speaks of these tasks, not of new ones.
///
/// ```
/// use dst_stats::{BootstrapOptions, aggregate, stratified_bootstrap};
///
/// let tasks = [vec![0.94, 0.96, 0.95], vec![0.71, 0.69, 0.70]];
/// let iqm = |tasks: &[Vec<f64>]| aggregate(tasks, 1.0).unwrap().iqm;
/// let ci = stratified_bootstrap(&tasks, iqm, &BootstrapOptions::default()).unwrap();
/// assert!(ci.percentile.contains(ci.estimate));
/// ```
///
/// # Errors
///
/// No task, a task without runs, a score or resampled statistic that is not finite, a level outside
/// (0, 1), or fewer than 2 draws.
pub fn stratified_bootstrap<T: AsRef<[f64]> + Sync>(
    tasks: &[T],
    statistic: impl Fn(&[Vec<f64>]) -> f64 + Sync,
    options: &BootstrapOptions,
) -> Result<StratifiedBootstrap> {
    require_tasks(tasks)?;
    options.require_legal()?;
    let own: Vec<Vec<f64>> = tasks.iter().map(|t| t.as_ref().to_vec()).collect();
    let estimate = statistic(&own);
    let resampled = resample(options, |rng, sample: &mut Vec<Vec<f64>>| {
        sample.resize(own.len(), Vec::new());
        for (to, from) in sample.iter_mut().zip(&own) {
            to.clear();
            to.extend((0..from.len()).map(|_| from[index(rng, from.len())]));
        }
        statistic(sample)
    });
    require_finite(&[estimate])?;
    require_finite(&resampled)?;
    let standard_error = variance(&resampled).sqrt();
    let ordered = sorted(&resampled);
    let tail = 0.5 * (1.0 - options.level);
    Ok(StratifiedBootstrap {
        estimate,
        standard_error,
        percentile: Interval {
            lower: quantile_of_sorted(&ordered, tail),
            upper: quantile_of_sorted(&ordered, 1.0 - tail),
            level: options.level,
        },
        draws: options.draws,
        seed: options.seed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iqm_drops_a_quarter_at_either_end() {
        let scores = [100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -100.0];
        assert_eq!(interquartile_mean(&scores).unwrap(), 3.5);
        // Three scores: a quarter is less than one, so nothing is dropped.
        assert_eq!(interquartile_mean(&[0.0, 0.0, 3.0]).unwrap(), 1.0);
    }

    #[test]
    fn tasks_may_have_unequal_runs() {
        let a = [vec![1.0, 2.0], vec![5.0]];
        let b = [vec![0.0], vec![5.0, 6.0]];
        assert_eq!(probability_of_improvement(&a, &b).unwrap(), 0.625);
        assert!(probability_of_improvement(&a, &b[..1]).is_err());
    }
}
