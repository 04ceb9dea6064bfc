//! What happened during training: means over the seeds of a group, by epoch.

use std::collections::BTreeMap;

use crate::Group;
use dst_figures::{AgeBin, AgeHistogram, Curve, CurvePoint, DensityMap, Interval, Series};
use dst_record::record::EpochRecord;
use dst_record::{BackendKind, Metric, NetworkRecord};

/// Seeds from which on an interval is drawn: that of two is 12.7 times as wide as their standard error, and
/// would be all that a figure shows.
pub(super) const FEWEST: usize = 3;

/// The least and the largest value that something can have.
pub(super) type Range = (f64, f64);

/// Of shares.
pub(super) const SHARE: Range = (0.0, 1.0);
/// Of losses, and of counts divided by others.
pub(super) const POSITIVE: Range = (0.0, f64::INFINITY);

/// The range of a metric.
pub(super) fn range(metric: Metric) -> Range {
    let least = [0.0, -1.0].into_iter().find(|least| !metric.can_be(least - 1e-9));
    (least.unwrap_or(f64::NEG_INFINITY), metric.perfect())
}

/// Student's interval of the mean of these seeds, cut to what values can be; none of fewer than
/// [`FEWEST`], or if all are equal.
pub(super) fn interval(values: &[f64], level: f64, (least, most): Range) -> Option<Interval> {
    let enough = Some(values).filter(|values| values.len() >= FEWEST)?;
    let found = dst_stats::mean_interval(enough, level).ok()?.interval?;
    Some(Interval { lower: found.lower.max(least), upper: found.upper.min(most) })
}

/// The mean over seeds at every epoch, with its [`interval`].
pub(super) fn curve(
    group: &Group<'_>,
    level: f64,
    range: Range,
    value: impl Fn(&EpochRecord) -> Option<f64>,
) -> Curve {
    let mut epochs: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for record in group.trials.values().flat_map(|trial| &trial.history) {
        if let Some(value) = value(record) {
            epochs.entry(record.epoch).or_default().push(value);
        }
    }
    line(group, epochs, level, range)
}

/// As [`curve`], over the mean seconds of training until the end of each epoch.
pub(super) fn curve_over_seconds(
    group: &Group<'_>,
    level: f64,
    range: Range,
    value: impl Fn(&EpochRecord) -> Option<f64>,
) -> Curve {
    let mut seconds: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for record in group.trials.values().flat_map(|trial| &trial.history) {
        if value(record).is_some() {
            seconds.entry(record.epoch).or_default().push(record.train_seconds);
        }
    }
    let mut curve = curve(group, level, range, value);
    for point in &mut curve.points {
        // Points are at epochs, which are whole.
        let own = seconds.get(&(point.x as u32)).map(|all| dst_stats::summary(all));
        point.x = own.and_then(|own| own.ok()).map_or(f64::NAN, |summary| summary.mean);
    }
    curve
}

/// As [`curve`], of a number that all layers of a trial have together.
pub(super) fn network_curve(
    group: &Group<'_>,
    level: f64,
    range: Range,
    value: impl Fn(&NetworkRecord) -> Option<f64>,
) -> Curve {
    let mut epochs: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for trial in group.trials.values() {
        for (epoch, network) in NetworkRecord::by_epoch(&trial.layers) {
            if let Some(value) = value(&network).filter(|_| epoch > 0) {
                epochs.entry(epoch).or_default().push(value);
            }
        }
    }
    line(group, epochs, level, range)
}

fn line(group: &Group<'_>, epochs: BTreeMap<u32, Vec<f64>>, level: f64, range: Range) -> Curve {
    let points = epochs.into_iter().map(|(epoch, values)| CurvePoint {
        x: f64::from(epoch),
        y: dst_stats::summary(&values).map_or(f64::NAN, |summary| summary.mean),
        interval: interval(&values, level, range),
    });
    Curve { series: named(group), points: points.collect() }
}

/// Density of every layer at every epoch, the mean over seeds; none if no trial recorded layers.
pub(super) fn density(group: &Group<'_>) -> Option<DensityMap> {
    let mut layers: Vec<&str> = Vec::new();
    let mut sums: BTreeMap<(usize, u32), (f64, f64)> = BTreeMap::new();
    for record in group.trials.values().flat_map(|trial| &trial.layers) {
        let place = layers.iter().position(|name| *name == record.layer).unwrap_or_else(|| {
            layers.push(&record.layer);
            layers.len() - 1
        });
        if record.size > 0 {
            let sum = sums.entry((place, record.epoch)).or_default();
            sum.0 += record.active as f64 / record.size as f64;
            sum.1 += 1.0;
        }
    }
    let mut epochs: Vec<u32> = sums.keys().map(|(_, epoch)| *epoch).collect();
    epochs.sort_unstable();
    epochs.dedup();
    let cell = |place: usize, epoch: u32| {
        sums.get(&(place, epoch)).map_or(f64::NAN, |(sum, count)| sum / count)
    };
    (!layers.is_empty()).then(|| DensityMap {
        density: (0..layers.len())
            .map(|place| epochs.iter().map(|epoch| cell(place, *epoch)).collect())
            .collect(),
        layers: layers.iter().map(|&name| name.to_owned()).collect(),
        epochs: epochs.into_iter().map(f64::from).collect(),
    })
}

/// Connections by their age when they were dropped, summed over layers and seeds; none if nothing
/// was dropped, or ages were not recorded.
pub(super) fn ages(group: &Group<'_>) -> Option<AgeHistogram> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for record in group.trials.values().flat_map(|trial| &trial.ages) {
        *counts.entry(record.age_epochs).or_default() += record.dropped;
    }
    let last = counts.iter().filter(|(_, count)| **count > 0).map(|(age, _)| *age).max()?;
    let bins = (0..=last).map(|age| AgeBin {
        lower: f64::from(age),
        upper: f64::from(age) + 1.0,
        count: counts.get(&age).copied().unwrap_or_default(),
    });
    Some(AgeHistogram { series: named(group), bins: bins.collect() })
}

/// Test samples by true and predicted class, summed over seeds; none for regression, or if trials
/// kept no such counts.
pub(super) fn confusion(group: &Group<'_>) -> Option<Vec<Vec<u64>>> {
    let mut sum: Option<Vec<Vec<u64>>> = None;
    for trial in group.finished().into_iter().filter(|trial| !trial.confusion.is_empty()) {
        match &mut sum {
            None => sum = Some(trial.confusion.clone()),
            Some(sum) => {
                for (row, other) in sum.iter_mut().zip(&trial.confusion) {
                    for (count, other) in row.iter_mut().zip(other) {
                        *count += other;
                    }
                }
            }
        }
    }
    sum
}

/// A group as figures name it: its strategy decides the colour, what it is compared at the line style, and
/// its backend, if labels say it, the markers.
pub(super) fn named(group: &Group<'_>) -> Series {
    Series::new(group.strategy, group.level().sparsity(), &group.label)
        .variant(variant(&group.label))
}

/// The place of the backend at the end of a label; 0 if there is none.
pub(super) fn variant(label: &str) -> usize {
    [BackendKind::Masked, BackendKind::Sparse, BackendKind::Auto]
        .into_iter()
        .position(|backend| label.ends_with(&format!(", {backend}")))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use dst_record::record::LayerRecord;

    /// Seeds that take 2 and 4 seconds an epoch: the mean score of an epoch stands at its mean end.
    #[test]
    fn epochs_stand_at_their_mean_ends() {
        let mut trials = sample::group(&serde_json::json!({ "name": "set" }), 0.9, &[0.9, 0.8]);
        for (trial, seconds) in trials.iter_mut().zip([2.0, 4.0]) {
            trial.history = [1, 2]
                .map(|epoch| EpochRecord {
                    epoch,
                    steps: 1,
                    learning_rate: 0.1,
                    train_loss: 0.1,
                    validation: dst_record::record::Scores {
                        accuracy: Some(0.25 * f64::from(epoch) + 0.01 * seconds),
                        ..Default::default()
                    },
                    sparsity_prunable: 0.9,
                    train_flops: 1.0,
                    train_seconds: seconds * f64::from(epoch),
                })
                .to_vec();
        }
        let analysis = crate::Analysis::default();
        let experiment = crate::Experiment::new(&trials, &analysis);
        let tables = crate::trial_table::tables(&experiment).unwrap();
        let score = |epoch: &EpochRecord| epoch.validation.accuracy;
        let curve = curve_over_seconds(&tables[0].groups[0], 0.95, SHARE, score);
        let points: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(points, [(3.0, 0.28), (6.0, 0.53)]);
    }

    /// Seeds of which some have no idle neuron: Student's interval reaches far below 0 and beyond 1.
    #[test]
    fn intervals_stay_in_their_range_and_need_three_seeds() {
        let rows = [0, 5, 1].map(|idle| LayerRecord {
            epoch: 1,
            layer: "fc1".to_owned(),
            shape: "8x5".to_owned(),
            size: 40,
            active: 10,
            neurons_without_input: Some(idle),
            ..LayerRecord::default()
        });
        let mut trials =
            sample::group(&serde_json::json!({ "name": "set" }), 0.9, &[0.9, 0.8, 0.7]);
        trials.iter_mut().zip(rows).for_each(|(trial, row)| trial.layers = vec![row]);
        let analysis = crate::Analysis::default();
        let experiment = crate::Experiment::new(&trials, &analysis);
        let tables = crate::trial_table::tables(&experiment).unwrap();
        let group = &tables[0].groups[0];
        let curve = network_curve(group, 0.95, SHARE, NetworkRecord::idle);
        let found = curve.points[0].interval.expect("three seeds have an interval");
        assert_eq!(curve.points[0].y, 0.25);
        assert_eq!((found.lower, found.upper), (0.0, 1.0));
        assert_eq!(interval(&[0.5, 0.9], 0.95, SHARE), None);
        let metrics = [Metric::Accuracy, Metric::Pearson, Metric::LogLikelihood].map(range);
        assert_eq!(metrics, [(0.0, 1.0), (-1.0, 1.0), (f64::NEG_INFINITY, 0.0)]);
    }
}
