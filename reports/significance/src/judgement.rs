//! A table with its comparisons.

use dst_core::{Analysis, Result};

use crate::comparison::{Comparison, adjust};
use crate::table::{Group, Table};
use crate::words::{count, percent};

/// What can be said about one table.
pub(crate) struct Judgement<'t> {
    pub(crate) table: &'t Table<'t>,
    /// Name of the strategy that is the control.
    control: &'t str,
    /// By strategy, parameters and sparsity.
    pub(crate) comparisons: Vec<Comparison<'t>>,
    /// Comparisons with a paired t test: the family of Holm's correction.
    pub(crate) family: usize,
    /// Why groups are not compared, in sentences without a full stop.
    pub(crate) gaps: Vec<String>,
}

impl<'t> Judgement<'t> {
    pub(crate) fn new(table: &'t Table<'t>, control: &'t str, analysis: &Analysis) -> Result<Self> {
        let mut judgement =
            Self { table, control, comparisons: Vec::new(), family: 0, gaps: Vec::new() };
        let place = &table.place;
        let controls: Vec<&Group<'_>> =
            table.groups.iter().filter(|group| group.strategy == control).collect();
        if controls.is_empty() {
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
        for candidate in table.groups.iter().filter(|group| group.strategy != control) {
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

    /// The groups, the control's first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = &'t Group<'t>> {
        let (control, others): (Vec<&Group<'_>>, Vec<&Group<'_>>) =
            self.table.groups.iter().partition(|group| group.strategy == self.control);
        control.into_iter().chain(others)
    }

    /// The comparison of a group, if it has one.
    pub(crate) fn comparison(&self, group: &Group<'_>) -> Option<&Comparison<'t>> {
        self.comparisons.iter().find(|comparison| std::ptr::eq(comparison.candidate, group))
    }

    /// The label that all comparisons share as control, or its name.
    pub(crate) fn control(&self) -> &'t str {
        let mut labels = self.comparisons.iter().map(|comparison| comparison.control);
        match labels.next() {
            Some(first) if labels.all(|other| other.label == first.label) => &first.label,
            _ => self.control,
        }
    }
}

/// The control of a candidate: the only one, or the one at its sparsity. Anything else would be
/// a guess.
fn partner<'t>(candidate: &Group<'_>, controls: &[&'t Group<'t>]) -> Result<&'t Group<'t>, String> {
    if let [only] = controls {
        return Ok(only);
    }
    let name = controls[0].strategy;
    let label = &candidate.label;
    let same: Vec<&&Group<'_>> =
        controls.iter().filter(|control| control.sparsity == candidate.sparsity).collect();
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
