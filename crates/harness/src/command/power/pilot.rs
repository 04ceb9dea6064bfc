//! The pairs of a pilot: from trials that ended to differences.

use std::collections::BTreeMap;

use dst_core::plugin;
use dst_core::record::{Outcome, Status, TrialRecord, TrialSpec};
use dst_core::{Analysis, Metric, Result};

use super::super::label::Labels;

/// A candidate and its control, which differ in seeds of nothing but the strategy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pilot {
    /// Data set, model, and how they were trained if trials differ in that.
    pub(super) place: String,
    /// The official metric of the data set.
    pub(super) metric: Metric,
    /// Name of the candidate's strategy.
    pub(super) strategy: String,
    /// The strategy in words, with parameters that differ and the sparsity.
    pub(super) candidate: String,
    /// The control in words.
    pub(super) control: String,
    /// Candidate minus control, by seed that finished on both sides.
    pub(super) differences: Vec<f64>,
    /// Mean training time of one trial, candidate and control.
    pub(super) seconds: [Option<f64>; 2],
}

/// Trials of one group by seed.
type Seeds<'a> = BTreeMap<u64, &'a TrialRecord>;

/// Groups by strategy, parameters and the bits of the sparsity, which sort like the number.
type Groups<'a> = BTreeMap<(&'a str, String, u64), Seeds<'a>>;

/// Pairs of every candidate with the control at its place, by place and candidate. A candidate
/// without a control that is clearly its own has none.
///
/// # Errors
/// If no control is named and there is no baseline.
pub(super) fn differences(records: &[TrialRecord], analysis: &Analysis) -> Result<Vec<Pilot>> {
    let control = match analysis.control.as_str() {
        "" => plugin::baseline()?.name,
        named => named,
    };
    let labels = Labels::of(records.iter().map(|record| &record.spec));
    let mut places: BTreeMap<[String; 3], Groups<'_>> = BTreeMap::new();
    for record in records {
        let spec = &record.spec;
        let sparsity = (spec.sparsity + 0.0).to_bits();
        let group = (spec.strategy_name(), spec.strategy_parameters(), sparsity);
        let training = serde_json::json!(spec.training).to_string();
        let place = [spec.dataset_label(), spec.model.to_string(), training];
        let seeds = places.entry(place).or_default().entry(group).or_default();
        seeds.insert(spec.seed, record);
    }
    let mut pilots = Vec::new();
    for groups in places.values() {
        let (controls, candidates): (Vec<&Seeds<'_>>, Vec<&Seeds<'_>>) =
            groups.values().partition(|seeds| spec(seeds).strategy_name() == control);
        let metric = metric(groups.values().flat_map(BTreeMap::values));
        for candidate in candidates {
            // The control is dense and alone, or there is one at each sparsity.
            let own: Vec<&&Seeds<'_>> = controls
                .iter()
                .filter(|c| controls.len() == 1 || spec(c).sparsity == spec(candidate).sparsity)
                .collect();
            let [control] = own[..] else { continue };
            let score = |seeds: &Seeds<'_>, seed| outcome(seeds.get(seed)?)?.test.get(metric);
            pilots.push(Pilot {
                place: place(&labels, spec(candidate)),
                metric,
                strategy: spec(candidate).strategy_name().to_owned(),
                candidate: group(&labels, spec(candidate)),
                control: group(&labels, spec(control)),
                differences: candidate
                    .keys()
                    .filter_map(|seed| Some(score(candidate, seed)? - score(control, seed)?))
                    .filter(|difference| difference.is_finite())
                    .collect(),
                seconds: [seconds(candidate), seconds(control)],
            });
        }
    }
    Ok(pilots)
}

/// What a finished trial measured; others are no sample of what the method does when it works.
fn outcome(record: &TrialRecord) -> Option<&Outcome> {
    record.outcome.as_ref().filter(|_| record.status == Status::Finished)
}

/// The official metric; accuracy, which all have, if older results disagree with later ones.
fn metric<'a>(records: impl Iterator<Item = &'a &'a TrialRecord>) -> Metric {
    let mut metrics = records.filter_map(|record| Some(outcome(record)?.metric));
    let first = metrics.next().unwrap_or_default();
    if metrics.all(|other| other == first) { first } else { Metric::Accuracy }
}

/// Mean training time of the trials that finished.
fn seconds(seeds: &Seeds<'_>) -> Option<f64> {
    let times: Vec<f64> =
        seeds.values().filter_map(|record| Some(outcome(record)?.train_seconds)).collect();
    dst_stats::summary(&times).ok().map(|summary| summary.mean)
}

/// What all trials of a group share, but for the seed. Groups are not empty.
fn spec<'a>(seeds: &Seeds<'a>) -> &'a TrialSpec {
    let first = seeds.values().next().expect("a group is made with its first trial");
    &first.spec
}

fn place(labels: &Labels, spec: &TrialSpec) -> String {
    let mut words = vec![spec.dataset_label(), labels.model(spec)];
    words.extend(Some(labels.training(spec)).filter(|training| !training.is_empty()));
    words.join(", ")
}

fn group(labels: &Labels, spec: &TrialSpec) -> String {
    let strategy = labels.strategy(spec);
    if spec.sparsity > 0.0 { format!("{strategy} at {}", spec.sparsity) } else { strategy }
}
