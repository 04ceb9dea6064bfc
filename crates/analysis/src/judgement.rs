//! A table with its comparisons.

use std::sync::Arc;

use crate::Analysis;
use dst_record::record::Outcome;
use dst_record::{Metric, Result};

use crate::all_pairs::AllPairs;
use crate::comparison::{Comparison, adjust};
use crate::selection::{Selection, selections};
use crate::table::{Group, Table};
use crate::words::{count, percent};

/// What can be said about one table.
#[derive(Debug, Clone)]
pub struct Judgement<'t> {
    /// The trials.
    pub table: Table<'t>,
    /// Name of the strategy that is the control.
    pub control_strategy: String,
    /// By strategy, parameters and sparsity.
    pub comparisons: Vec<Comparison<'t>>,
    /// Comparisons with a test: the family of the correction.
    pub family: usize,
    /// Why groups are not compared, in sentences without a full stop.
    pub gaps: Vec<String>,
    /// Every group against every other.
    pub all_pairs: AllPairs,
    /// Of strategies with several sets of parameters, the best on validation.
    pub selections: Vec<Selection<'t>>,
    /// Of the hypothesis that scores vary alike in all groups (Brown & Forsythe 1974).
    pub p_equal_variance: Option<f64>,
}

impl<'t> Judgement<'t> {
    /// Compares the groups of a table with its control.
    ///
    /// # Errors
    /// If the analysis is out of range.
    pub fn new(table: Table<'t>, control: &str, analysis: &Analysis) -> Result<Self> {
        let all_pairs = AllPairs::new(&table.groups, analysis)?;
        let selections = selections(&table.groups);
        let p_equal_variance = equal_variance(&table.groups);
        let mut judgement = Self {
            table,
            control_strategy: control.to_owned(),
            comparisons: Vec::new(),
            family: 0,
            gaps: Vec::new(),
            all_pairs,
            selections,
            p_equal_variance,
        };
        let groups = judgement.table.groups.clone();
        let place = judgement.table.place.clone();
        let controls: Vec<&Arc<Group<'_>>> =
            groups.iter().filter(|group| group.strategy == control).collect();
        if controls.iter().all(|group| group.trials.is_empty()) {
            judgement.gaps.push(format!(
                "no trial of the control {control} has ended on {place}, so nothing is compared"
            ));
            return Ok(judgement);
        }
        if controls.iter().all(|group| group.outcomes().is_empty()) {
            let failed: usize = controls.iter().map(|group| group.trials.len()).sum();
            judgement.gaps.push(format!(
                "no trial of the control {control} finished on {place} ({} failed), so nothing \
                 is compared",
                count(failed, "trial")
            ));
            return Ok(judgement);
        }
        for candidate in groups.iter().filter(|group| group.strategy != control) {
            match partner(candidate, &controls) {
                Ok(partner) => {
                    judgement.comparisons.push(Comparison::new(candidate, partner, analysis)?);
                }
                Err(gap) => judgement.gaps.push(gap),
            }
        }
        judgement.family = adjust(&mut judgement.comparisons, analysis)?;
        Ok(judgement)
    }

    /// The metrics besides that of the table that every trial with a score has.
    pub fn other_metrics(&self) -> Vec<Metric> {
        let outcomes: Vec<&Outcome> = self.groups().flat_map(|group| group.outcomes()).collect();
        let everywhere = |metric: &Metric| {
            let mut scores = outcomes.iter().map(|outcome| outcome.test.get(*metric));
            !outcomes.is_empty() && scores.all(|score| score.is_some_and(f64::is_finite))
        };
        let others = Metric::ALL.into_iter().filter(|metric| *metric != self.table.metric);
        others.filter(everywhere).collect()
    }

    /// The groups, the control's first.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group<'t>>> {
        let (control, others): (Vec<_>, Vec<_>) =
            self.table.groups.iter().partition(|group| self.is_control(group));
        control.into_iter().chain(others)
    }

    /// Is it a group of the control?
    pub fn is_control(&self, group: &Group<'_>) -> bool {
        group.strategy == self.control_strategy
    }

    /// The comparison of a group, if it has one.
    pub fn comparison(&self, group: &Arc<Group<'t>>) -> Option<&Comparison<'t>> {
        self.comparisons.iter().find(|comparison| Arc::ptr_eq(&comparison.candidate, group))
    }

    /// The label that all comparisons share as control, or its name.
    pub fn control(&self) -> &str {
        let mut labels = self.comparisons.iter().map(|comparison| &comparison.control.label);
        match labels.next() {
            Some(first) if labels.all(|other| other == first) => first,
            _ => &self.control_strategy,
        }
    }
}

/// Levene's test with medians over the groups that have two scores or more.
fn equal_variance(groups: &[Arc<Group<'_>>]) -> Option<f64> {
    let scores: Vec<Vec<f64>> =
        groups.iter().map(|group| group.scores()).filter(|scores| scores.len() > 1).collect();
    if scores.len() < 2 {
        return None;
    }
    dst_stats::levene(&scores, dst_stats::LeveneCentre::Median).ok()?.p_value
}

/// The control of a candidate: the only one, or the one at its sparsity. Anything else would be
/// a guess.
fn partner<'c, 't>(
    candidate: &Group<'_>,
    controls: &[&'c Arc<Group<'t>>],
) -> Result<&'c Arc<Group<'t>>, String> {
    if let [only] = controls {
        return Ok(only);
    }
    let name = controls[0].strategy;
    let label = &candidate.label;
    let same: Vec<&'c Arc<Group<'t>>> =
        controls.iter().copied().filter(|c| c.sparsity == candidate.sparsity).collect();
    match same[..] {
        [one] => Ok(one),
        [] => Err(format!(
            "{label} is not compared: the control {name} has no trials at {}",
            percent(candidate.sparsity)
        )),
        _ => Err(format!(
            "{label} is not compared: the control {name} has {} sets of parameters at {}, and one \
             is needed",
            same.len(),
            percent(candidate.sparsity)
        )),
    }
}
