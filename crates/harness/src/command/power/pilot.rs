//! The pairs of a pilot: from trials that ended to differences.

use std::collections::BTreeSet;

use dst_analysis::{Analysis, Experiment, Group, Pair, Study};
use dst_core::record::TrialRecord;
use dst_core::{Metric, Result};
use dst_store::{GridRecord, Store};

use crate::catalog;

/// A candidate and its control, which differ in seeds of nothing but the strategy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pilot {
    /// Data set, model, and how they were trained if trials differ in that.
    pub(super) place: String,
    /// What is compared there.
    pub(super) metric: Metric,
    /// The largest loss that still counts as no worse there, in units of the metric; none if it is
    /// relative and could not be worked out.
    pub(super) margin: Option<f64>,
    /// Comparisons with the control there.
    pub(super) family: usize,
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

/// Keeps the trials whose configuration a grid compares, at whatever seed: earlier grids may have had
/// other seeds of it. A store that holds several experiments would make one family of them all.
pub(super) fn keep_compared_by(grid: &GridRecord, store: &Store, records: &mut Vec<TrialRecord>) {
    // One whose specification is damaged was named before.
    let planned = grid.trials.iter().filter_map(|id| store.spec(id).ok());
    let compared: BTreeSet<String> = planned.map(|spec| spec.id_without_seed()).collect();
    records.retain(|record| compared.contains(&record.spec.id_without_seed()));
}

/// Pairs of every candidate with the control at its place, as reports form them. A candidate
/// without a control that is clearly its own has none.
///
/// # Errors
/// If the analysis is out of range, or no control is named and there is no baseline.
pub(super) fn differences(records: &[TrialRecord], analysis: &Analysis) -> Result<Vec<Pilot>> {
    let catalog = catalog::catalog()?;
    let experiment = Experiment { catalog: &catalog, ..Experiment::new(records, analysis) };
    let study = Study::new(&experiment)?;
    let seconds = |group: &Group<'_>| group.mean(|outcome| outcome.train_seconds);
    let pilots = study.judgements.iter().flat_map(|judgement| {
        let with_control = judgement
            .comparisons
            .iter()
            .filter_map(|comparison| Some((comparison, comparison.control.as_ref()?)));
        with_control.map(|(comparison, control)| Pilot {
            place: judgement.table.heading(),
            metric: comparison.metric,
            margin: judgement.margin,
            family: judgement.family,
            strategy: comparison.candidate.strategy.to_owned(),
            candidate: comparison.candidate.label.clone(),
            control: control.label.clone(),
            differences: comparison.pairs.iter().map(Pair::difference).collect(),
            seconds: [seconds(&comparison.candidate), seconds(control)],
        })
    });
    Ok(pilots.collect())
}
