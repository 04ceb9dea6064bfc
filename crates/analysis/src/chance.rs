//! What guessing scores: the best score of a constant answer on the test set.

use dst_record::Metric;
use dst_record::predictions::Values;
use dst_record::record::TrialRecord;

use crate::trial_table::TrialTable;

/// The best score that one answer for everything has on the test set of a table: accuracy, the
/// share of the largest class; F1 of a class, 2 q / (1 + q) for its share q; macro F1, the largest of
/// these divided by the number of classes; correlations 0. `None` if no trial tells the true classes,
/// and of tokens, whose frequencies no trial records.
pub(crate) fn chance(table: &TrialTable<'_>) -> Option<f64> {
    let counted = || table.trials().find_map(class_counts);
    match table.metric {
        Metric::Matthews | Metric::Pearson | Metric::Spearman => Some(0.0),
        Metric::LogLikelihood => None,
        metric => of_counts(metric, &counted()?),
    }
}

fn of_counts(metric: Metric, counts: &[u64]) -> Option<f64> {
    let samples: u64 = counts.iter().sum();
    if samples == 0 {
        return None;
    }
    let share = |count: u64| count as f64 / samples as f64;
    let f1 = |share: f64| 2.0 * share / (1.0 + share);
    let largest = share(counts.iter().copied().max()?);
    Some(match metric {
        Metric::Accuracy => largest,
        Metric::F1Binary => f1(share(*counts.get(1)?)),
        Metric::F1Macro => f1(largest) / counts.len() as f64,
        Metric::Matthews | Metric::Pearson | Metric::Spearman => 0.0,
        Metric::LogLikelihood => return None,
    })
}

/// How often each class is the true one.
fn class_counts(trial: &TrialRecord) -> Option<Vec<u64>> {
    if trial.confusion.len() > 1 {
        return Some(trial.confusion.iter().map(|row| row.iter().sum()).collect());
    }
    let targets = trial.predictions.as_ref()?.targets();
    if matches!(targets, Values::Number(_)) {
        return None;
    }
    let mut counts = Vec::new();
    for sample in 0..targets.len() {
        let class = usize::from(targets.class(sample)?);
        if class >= counts.len() {
            counts.resize(class + 1, 0);
        }
        counts[class] += 1;
    }
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_constant_answer() {
        // 60 of 100 are of class 1.
        let of = |metric| of_counts(metric, &[40, 60]).unwrap();
        assert_eq!(of(Metric::Accuracy), 0.6);
        assert!((of(Metric::F1Binary) - 0.75).abs() < 1e-12);
        assert!((of(Metric::F1Macro) - 0.375).abs() < 1e-12);
        assert_eq!(of(Metric::Matthews), 0.0);
        assert_eq!(of_counts(Metric::Accuracy, &[]), None);
    }
}
