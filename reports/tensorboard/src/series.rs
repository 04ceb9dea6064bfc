//! What a trial's run shows: scalars by epoch.

use std::collections::BTreeMap;

use dst_record::record::{EpochRecord, LayerRecord, TrialRecord};
use dst_record::{Metric, NetworkRecord, network};

use crate::message::{Event, Summary, Value};

/// One line of a chart: values by epoch.
struct Series {
    tag: String,
    points: Vec<(u32, f64)>,
}

/// The events of a trial that began at second `start`, one for each epoch.
///
/// Steps are epochs, so that strategies that use batches for their topology are compared after
/// the same data.
pub(crate) fn events(trial: &TrialRecord, metric: Metric, start: f64) -> Vec<Event> {
    let mut times: BTreeMap<u32, f64> = BTreeMap::new();
    let mut values: BTreeMap<u32, Vec<Value>> = BTreeMap::new();
    for epoch in &trial.history {
        times.insert(epoch.epoch, start + epoch.train_seconds);
    }
    for series in all(trial, metric) {
        for (epoch, value) in thinned(&series.points) {
            let simple_value = Some(value as f32);
            let value = Value { tag: series.tag.clone(), simple_value, ..Value::default() };
            values.entry(epoch).or_default().push(value);
        }
    }
    let event = |(epoch, value): (u32, Vec<Value>)| Event {
        wall_time: times.range(..=epoch).next_back().map_or(start, |(_, time)| *time),
        step: i64::from(epoch),
        file_version: None,
        summary: Some(Summary { value }),
    };
    values.into_iter().map(event).collect()
}

fn all(trial: &TrialRecord, metric: Metric) -> Vec<Series> {
    let by_epoch = |tag: &str, value: fn(&EpochRecord) -> f64| Series {
        tag: tag.to_owned(),
        points: trial.history.iter().map(|epoch| (epoch.epoch, value(epoch))).collect(),
    };
    let metrics = metrics(trial, metric);
    let mut all = vec![
        by_epoch("train/loss", |epoch| epoch.train_loss),
        by_epoch("validation/loss", |epoch| epoch.validation.loss),
        by_epoch("train/learning_rate", |epoch| epoch.learning_rate),
        by_epoch("train/flops", |epoch| epoch.train_flops),
        by_epoch("topology/sparsity", |epoch| epoch.sparsity_prunable),
    ];
    for metric in &metrics {
        let score = |epoch: &EpochRecord| Some((epoch.epoch, epoch.validation.get(*metric)?));
        let points = trial.history.iter().filter_map(score).collect();
        all.push(Series { tag: format!("validation/{metric}"), points });
    }
    all.extend(of_network(&trial.layers));
    all.extend(layers(&trial.layers));
    all.extend(at_the_end(trial, &metrics));
    all
}

/// What the trial is judged by: the chosen metric, and those of its data set.
fn metrics(trial: &TrialRecord, chosen: Metric) -> Vec<Metric> {
    let outcome = trial.outcome.as_ref();
    let official = outcome.map(|outcome| outcome.metric);
    let second = outcome.and_then(|outcome| outcome.second_metric);
    let mut metrics = vec![chosen];
    for metric in official.into_iter().chain(second) {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics
}

/// The first part of a tag, and a layer's value if it has one.
type OfLayer = (&'static str, fn(&LayerRecord) -> Option<f64>);

const OF_LAYERS: [OfLayer; 5] = [
    ("density", |row| Some(share(row.active, row.size))),
    ("ever_active_share", |row| Some(row.ever_active_share)),
    // Nothing can change before the first step.
    ("churn", |row| (row.epoch > 0).then(|| share(row.born, row.active))),
    ("neurons_without_input", |row| row.neurons_without_input.map(|count| count as f64)),
    ("neurons_without_output", |row| row.neurons_without_output.map(|count| count as f64)),
];

fn layers(rows: &[LayerRecord]) -> Vec<Series> {
    let mut by_layer: BTreeMap<&str, Vec<&LayerRecord>> = BTreeMap::new();
    for row in rows {
        by_layer.entry(&row.layer).or_default().push(row);
    }
    let mut series = Vec::new();
    for (measure, value) in OF_LAYERS {
        for (layer, rows) in &by_layer {
            let points = rows.iter().filter_map(|row| Some((row.epoch, value(row)?))).collect();
            series.push(Series { tag: format!("{measure}/{layer}"), points });
        }
    }
    series
}

/// All layers together, under the names that `history.csv` has for them.
fn of_network(rows: &[LayerRecord]) -> Vec<Series> {
    let epochs = NetworkRecord::by_epoch(rows);
    let series = network::COLUMNS.map(|column| Series {
        tag: format!("network/{}", column.name),
        points: epochs
            .iter()
            .filter_map(|(epoch, record)| Some((*epoch, (column.value)(record)?.number())))
            .collect(),
    });
    series.into_iter().filter(|series| !series.points.is_empty()).collect()
}

/// What was measured after training, at the last epoch.
fn at_the_end(trial: &TrialRecord, metrics: &[Metric]) -> Vec<Series> {
    let Some(outcome) = &trial.outcome else { return Vec::new() };
    let last = trial.history.last().map_or(0, |epoch| epoch.epoch);
    let one = |tag: String, value: f64| Series { tag, points: vec![(last, value)] };
    let mut series = vec![one("test/loss".into(), outcome.test.loss)];
    for metric in metrics {
        let score = outcome.test.get(*metric);
        series.extend(score.map(|score| one(format!("test/{metric}"), score)));
    }
    series.push(one("cost/nonzero_parameters".into(), outcome.nonzero_parameters as f64));
    series.push(one("cost/inference_flops".into(), outcome.inference_flops));
    series.push(one("cost/train_flops".into(), outcome.train_flops));
    series.push(one("cost/train_seconds".into(), outcome.train_seconds));
    series
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Without points between two equal ones: the line is the same, and most layers of most trials
/// keep their density.
fn thinned(points: &[(u32, f64)]) -> Vec<(u32, f64)> {
    let value = |index: usize| points.get(index).map(|point| point.1);
    let matters = |index: usize| {
        let ends = index == 0 || index + 1 == points.len();
        ends || value(index - 1) != value(index) || value(index + 1) != value(index)
    };
    (0..points.len()).filter(|index| matters(*index)).map(|index| points[index]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_corners() {
        let points = |values: &[f64]| -> Vec<(u32, f64)> { (0..).zip(values.to_vec()).collect() };
        let kept = |values: &[f64]| -> Vec<u32> {
            thinned(&points(values)).iter().map(|point| point.0).collect()
        };
        assert_eq!(kept(&[1.0, 1.0, 1.0, 1.0]), [0, 3]);
        assert_eq!(kept(&[1.0, 1.0, 2.0, 2.0, 2.0, 3.0]), [0, 1, 2, 4, 5]);
        assert_eq!(kept(&[1.0]), [0]);
        assert!(kept(&[]).is_empty());
    }
}
