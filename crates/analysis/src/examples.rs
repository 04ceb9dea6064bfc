//! How far a difference may move with other test examples, not only with other seeds.

use dst_record::correlation::{pearson, spearman};
use dst_record::{Confusion, Metric, Predictions};
use dst_stats::{BootstrapOptions, Interval};

use crate::pairs::Pair;
use crate::trial_table::Group;

/// Resamples of seeds and examples.
const RESAMPLES: usize = 1_000;
/// More single predictions than this are not resampled: a report would wait for it.
const MOST_PREDICTIONS: usize = 200_000;

/// An interval of the mean difference over seeds *and* test examples, beside the one over seeds only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OverExamples {
    /// For another run on the same test set: Student's interval over seeds.
    pub seeds: Interval,
    /// For another run on other examples of this kind.
    pub seeds_and_examples: Interval,
    /// Is the latter from a bootstrap? Then it is too narrow where seeds matter.
    pub bootstrap: bool,
}

/// The interval from the stored predictions; none if a pair has none, or nothing varies.
///
/// For accuracy by the sum of both sources of noise, for other metrics by a bootstrap that draws seeds
/// and examples independently (Owen 2007).
pub(crate) fn over_examples(
    candidate: &Group<'_>,
    control: &Group<'_>,
    pairs: &[Pair],
    level: f64,
    seed: u64,
) -> dst_stats::Result<Option<OverExamples>> {
    if pairs.len() < 2 {
        return Ok(None);
    }
    let kept = |group: &Group<'_>| -> Option<Vec<Predictions>> {
        let of = |pair: &Pair| group.trials.get(&pair.seed)?.predictions.clone();
        pairs.iter().map(of).collect()
    };
    let Some((ours, theirs)) = kept(candidate).zip(kept(control)) else { return Ok(None) };
    let same = |other: &Predictions| other.has_targets_of(&ours[0]);
    if !ours.iter().chain(&theirs).all(same) || ours[0].len() < 2 {
        return Ok(None);
    }
    let differences: Vec<f64> = pairs.iter().map(Pair::difference).collect();
    let seeds = dst_stats::mean_interval(&differences, level)?.interval;
    let metric = candidate.metric;
    let both = match metric {
        Metric::Accuracy => accuracy(&ours, &theirs, level)?,
        _ if 2 * ours.len() * ours[0].len() > MOST_PREDICTIONS => None,
        _ => {
            let options = BootstrapOptions { level, draws: RESAMPLES, seed, threads: 1 };
            let statistic = |seeds: &[usize], examples: &[usize]| -> Option<f64> {
                let mut sum = 0.0;
                for &seed in seeds {
                    sum += score(metric, &ours[seed], examples)?;
                    sum -= score(metric, &theirs[seed], examples)?;
                }
                Some(sum / seeds.len() as f64)
            };
            let (count, examples) = (ours.len(), ours[0].len());
            dst_stats::two_way_bootstrap(count, examples, &options, statistic)?.percentile
        }
    };
    Ok(seeds.zip(both).map(|(seeds, seeds_and_examples)| OverExamples {
        seeds,
        seeds_and_examples,
        bootstrap: metric != Metric::Accuracy,
    }))
}

fn accuracy(
    ours: &[Predictions],
    theirs: &[Predictions],
    level: f64,
) -> dst_stats::Result<Option<Interval>> {
    let differences: Option<Vec<Vec<i8>>> = ours
        .iter()
        .zip(theirs)
        .map(|(ours, theirs)| {
            let right = ours.correct()?.into_iter().zip(theirs.correct()?);
            Some(right.map(|(own, other)| i8::from(own) - i8::from(other)).collect())
        })
        .collect();
    match differences {
        Some(differences) => Ok(dst_stats::two_way(&differences, level)?.interval),
        None => Ok(None),
    }
}

/// A metric on some examples, which may repeat.
fn score(metric: Metric, predictions: &Predictions, examples: &[usize]) -> Option<f64> {
    let (targets, predicted) = (predictions.targets(), predictions.predicted());
    if matches!(metric, Metric::Pearson | Metric::Spearman) {
        let numbers = |values: &dst_record::predictions::Values| -> Option<Vec<f64>> {
            examples.iter().map(|&place| values.number(place).map(f64::from)).collect()
        };
        let (a, b) = (numbers(targets)?, numbers(predicted)?);
        return if metric == Metric::Pearson { pearson(&a, &b) } else { spearman(&a, &b) };
    }
    let mut classes = 2;
    let mut counts: Vec<Vec<u64>> = vec![vec![0; classes]; classes];
    for &place in examples {
        let (true_class, taken_for) = (targets.class(place)?, predicted.class(place)?);
        let largest = usize::from(true_class.max(taken_for)) + 1;
        if largest > classes {
            classes = largest;
            counts.iter_mut().for_each(|row| row.resize(classes, 0));
            counts.resize(classes, vec![0; classes]);
        }
        counts[usize::from(true_class)][usize::from(taken_for)] += 1;
    }
    let confusion = Confusion { counts };
    match metric {
        Metric::Accuracy => Some(confusion.accuracy()),
        Metric::F1Macro => Some(confusion.f1_macro()),
        Metric::F1Binary => confusion.f1_binary(),
        Metric::Matthews => Some(confusion.matthews()),
        // Tokens of one text depend on each other, so that no trial keeps their predictions.
        Metric::Pearson | Metric::Spearman | Metric::LogLikelihood => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Size};
    use crate::{Analysis, Experiment, Study};

    #[test]
    fn there_is_an_interval_for_every_metric() {
        let size = Size { datasets: 1, strategies: 1, sparsities: 1, seeds: 8, epochs: 1 };
        let mut trials = sample::grid(size);
        sample::predict(&mut trials, 1_000);
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let of = |analysis: &Analysis| {
            let study = Study::new(&Experiment::new(&trials, analysis)).unwrap();
            let own = study.judgements[0].comparisons[0].diagnostics.clone().unwrap();
            own.over_examples.unwrap()
        };
        let accuracy = of(&analysis);
        assert!(!accuracy.bootstrap);
        let width = |interval: Interval| interval.upper - interval.lower;
        // The variance is at least that over seeds; only the degrees of freedom may be more.
        let (both, seeds) = (width(accuracy.seeds_and_examples), width(accuracy.seeds));
        assert!(both > 0.8 * seeds, "{accuracy:?}");
        // Macro F1 has no mean over examples.
        let metrics = [("data-0".to_owned(), Metric::F1Macro)].into();
        let f1 = of(&Analysis { metrics, ..analysis.clone() });
        assert!(f1.bootstrap && width(f1.seeds_and_examples) > 0.0, "{f1:?}");
    }
}
