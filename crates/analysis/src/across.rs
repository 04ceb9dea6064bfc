//! Ranks over data sets: which strategy is better in general?
//!
//! Data sets are the samples here, each with the mean over its seeds; seeds are never stacked. Below
//! [`FEW_DATASETS`] data sets the tests have almost no power, and what they say is exploratory.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Analysis;
use dst_record::{BackendKind, Error, Result};
use dst_stats::verdict::Run;
use dst_stats::{CriticalDifference, Friedman, MeanRanks, RankComparison};

use crate::budget::Level;
use crate::judgement::Judgement;
use crate::trial_table::Group;

/// Fewer data sets than this are exploratory (Demsar 2006 asks for more than 10, and none of his
/// tables goes below 5).
pub const FEW_DATASETS: usize = 5;

/// Strategies ranked over data sets.
#[derive(Debug, Clone)]
pub struct Across {
    /// Data sets, in order.
    pub datasets: Vec<String>,
    /// Strategies that have a mean on every data set.
    pub methods: Vec<String>,
    /// Mean score by data set (rows) and method (columns).
    pub scores: Vec<Vec<f64>>,
    /// Scores of single runs as a share of the way from guessing to perfect, by method and data set; none
    /// if what guessing scores is unknown for a data set.
    pub normalized: Option<Vec<Vec<Vec<f64>>>>,
    /// Mean rank of each method; 1 is best.
    pub ranks: MeanRanks,
    /// Friedman's test with Iman and Davenport's correction; none of two methods.
    pub friedman: Option<Friedman>,
    /// Nemenyi's critical difference at the level of the analysis.
    pub critical_difference: Option<CriticalDifference>,
    /// Methods that it does not tell apart, best first, as places in `methods`.
    pub cliques: Vec<Vec<usize>>,
    /// Every method against the control, adjusted by Holm's method.
    pub against_control: Vec<RankComparison>,
    /// Place of the control in `methods`.
    pub control: Option<usize>,
    /// Methods that lack a data set, and so a rank.
    pub left_out: Vec<String>,
}

/// A strategy with its parameters at one level, on one backend.
type Method<'a> = (&'a str, &'a str, Level, BackendKind);

/// The groups of one table, and what a failed run counts as.
struct Scored<'a> {
    groups: &'a [Arc<Group<'a>>],
    seeds: &'a [u64],
    chance: Option<f64>,
}

impl Across {
    /// Are there too few data sets for a claim?
    pub fn exploratory(&self) -> bool {
        self.datasets.len() < FEW_DATASETS
    }

    /// Ranks what all data sets have; none with fewer than two data sets or two methods.
    ///
    /// # Errors
    /// If the analysis is out of range.
    pub(crate) fn new(judgements: &[Judgement<'_>], analysis: &Analysis) -> Result<Option<Self>> {
        // A data set counts once, however many models it is trained with and in however many variants:
        // its variants are not independent.
        let mut datasets: BTreeMap<&str, Vec<Scored<'_>>> = BTreeMap::new();
        for judgement in judgements {
            let table = &judgement.table;
            let scored =
                Scored { groups: &table.groups, seeds: &table.seeds, chance: judgement.chance };
            datasets.entry(table.dataset_name).or_default().push(scored);
        }
        let mut found: BTreeMap<Method<'_>, Vec<Option<f64>>> = BTreeMap::new();
        for (place, tables) in datasets.values().enumerate() {
            for group in tables.iter().flat_map(|table| table.groups) {
                let entry =
                    found.entry(method(group)).or_insert_with(|| vec![None; datasets.len()]);
                entry[place] = mean(tables, method(group));
            }
        }
        let complete =
            |scores: &[Option<f64>]| scores.iter().copied().collect::<Option<Vec<f64>>>();
        let (ranked, lacking): (Vec<_>, Vec<_>) =
            found.iter().partition(|(_, scores)| complete(scores).is_some());
        if datasets.len() < 2 || ranked.len() < 2 {
            return Ok(None);
        }
        let keys: Vec<Method<'_>> = ranked.iter().map(|(key, _)| **key).collect();
        let columns: Vec<Vec<f64>> =
            ranked.iter().filter_map(|(_, scores)| complete(scores)).collect();
        let scores: Vec<Vec<f64>> = (0..datasets.len())
            .map(|place| columns.iter().map(|column| column[place]).collect())
            .collect();
        let wrong = |error: dst_stats::Error| Error::contract(error.to_string());
        let ranks = dst_stats::mean_ranks(&scores).map_err(wrong)?;
        let critical_difference =
            dst_stats::critical_difference(keys.len(), datasets.len(), analysis.alpha)
                .map_err(wrong)?;
        let control_name = judgements.first().map(|judgement| &judgement.control_strategy);
        let mut controls =
            (0..keys.len()).filter(|i| Some(keys[*i].0) == control_name.map(|s| &**s));
        // Several controls, at several sparsities, leave nothing to compare with.
        let control = controls.next().filter(|_| controls.next().is_none());
        let against_control = match control.filter(|_| keys.len() > 2) {
            Some(place) => dst_stats::friedman_against_control(&scores, place).map_err(wrong)?,
            None => Vec::new(),
        };
        let labels = labels(&found.keys().copied().collect::<Vec<_>>());
        let name = |key: &Method<'_>| labels[key].clone();
        let normalized = keys
            .iter()
            .map(|key| datasets.values().map(|tables| normalized(tables, *key)).collect())
            .collect();
        Ok(Some(Self {
            normalized,
            datasets: datasets.keys().map(|&name| name.to_owned()).collect(),
            methods: keys.iter().map(name).collect(),
            friedman: (keys.len() > 2)
                .then(|| dst_stats::friedman(&scores))
                .transpose()
                .map_err(wrong)?,
            cliques: dst_stats::cliques(&ranks, critical_difference.value),
            critical_difference: Some(critical_difference),
            scores,
            ranks,
            against_control,
            control,
            left_out: lacking.iter().map(|(key, _)| name(key)).collect(),
        }))
    }
}

fn method<'a>(group: &'a Arc<Group<'_>>) -> Method<'a> {
    (group.strategy, &group.parameters, group.level(), group.backend)
}

/// The mean of a method over the tables of one data set. None if a table lacks it.
fn mean(tables: &[Scored<'_>], wanted: Method<'_>) -> Option<f64> {
    let means: Option<Vec<f64>> = tables
        .iter()
        .map(|table| {
            // Several trainings of one method are one method here.
            let groups = table.groups.iter().filter(|group| method(group) == wanted);
            let scores: Option<Vec<Vec<f64>>> =
                groups.map(|group| own_scores(group, table)).collect();
            let scores: Vec<f64> = scores?.into_iter().flatten().collect();
            dst_stats::summary(&scores).ok().map(|summary| summary.mean)
        })
        .collect();
    dst_stats::summary(&means?).ok().map(|summary| summary.mean)
}

/// The scores of a group at its own seeds: one method with few seeds does not take seeds from the
/// others. A failed run counts as guessing, so no method is better for failing; none if what guessing
/// scores is unknown.
fn own_scores(group: &Group<'_>, table: &Scored<'_>) -> Option<Vec<f64>> {
    let ended = table.seeds.iter().map(|seed| group.run(*seed));
    ended
        .filter_map(|run| match run {
            Run::Finished(score) => Some(Some(score)),
            Run::Failed => Some(table.chance),
            Run::Missing | Run::Pending => None,
        })
        .collect()
}

/// Every run of a method on one data set, as a share of the way from guessing to perfect.
fn normalized(tables: &[Scored<'_>], wanted: Method<'_>) -> Option<Vec<f64>> {
    let mut runs = Vec::new();
    for table in tables {
        let chance = table.chance.filter(|chance| *chance < 1.0)?;
        for group in table.groups.iter().filter(|group| method(group) == wanted) {
            let scores = own_scores(group, table)?;
            runs.extend(scores.into_iter().map(|score| (score - chance) / (1.0 - chance)));
        }
    }
    Some(runs)
}

/// Names of methods: the strategy, its sparsity where it has several or is sparse, its parameters
/// and its backend where they differ.
fn labels<'a>(keys: &[Method<'a>]) -> BTreeMap<Method<'a>, String> {
    keys.iter()
        .map(|key| {
            let (strategy, parameters, level, backend) = *key;
            let siblings = || keys.iter().filter(|other| other.0 == strategy);
            let mut label = strategy.to_owned();
            if siblings().any(|other| other.1 != parameters) {
                label.push_str(&format!(" {parameters}"));
            }
            if siblings().any(|other| !other.2.is_dense()) {
                label.push_str(&format!(" {}", level.suffix()));
            }
            if keys.iter().any(|other| other.3 != backend) {
                label.push_str(&format!(", {backend}"));
            }
            (*key, label)
        })
        .collect()
}
