//! What a report is made from: trials, and what is known of how they came to be.

use std::collections::{BTreeMap, BTreeSet};

use dst_record::Metric;
use dst_record::record::{TrialRecord, TrialSpec};

use crate::budget::Budgets;
use crate::settings::Analysis;
use crate::trial_table::TrialTable;

/// Trials that ended, those that have not, and what is known of how they came to be.
#[derive(Debug, Clone, Copy)]
pub struct Experiment<'a> {
    /// Trials that ended, failed ones included.
    pub trials: &'a [TrialRecord],
    /// Trials that were planned and have not ended.
    pub pending: &'a [TrialSpec],
    /// How trials are compared.
    pub analysis: &'a Analysis,
    /// Was the analysis chosen, or changed, after a trial had begun?
    pub post_hoc: bool,
    /// What was typed to plan the trials, the oldest first.
    pub commands: &'a [String],
    /// What is quoted of the plug-ins that took part.
    pub catalog: &'a Catalog,
    /// Verdicts that were shown before, at other counts of seeds.
    pub seen: &'a Seen,
    /// What sparsities or epochs were chosen for, by the ids of trials.
    pub budgets: &'a Budgets,
}

/// Counts of seeds at which verdicts were shown, by
/// [`TrialTable::comparison_key`](crate::TrialTable::comparison_key).
pub type Seen = BTreeMap<String, BTreeSet<usize>>;

/// The key in [`Seen`] that says that earlier looks were remembered and are lost.
pub const LOST_LOOKS: &str = "lost";

/// After how many seeds verdicts on a table were shown before: of the same methods with the same settings.
/// Earlier versions remembered the table alone, and also counts at which nothing can be decided, which
/// are left out.
pub(crate) fn seen_of(
    seen: &Seen,
    table: &TrialTable<'_>,
    control: &str,
    analysis: &Analysis,
) -> BTreeSet<usize> {
    let of = |key: &str| seen.get(key).into_iter().flatten().copied();
    let candidates = table.groups.iter().filter(|group| group.strategy != control);
    let same = candidates.flat_map(|group| of(&table.comparison_key(group)));
    let earlier = of(&table.key()).filter(|count| *count >= analysis.minimum_pairs);
    same.chain(earlier).collect()
}

/// What reports quote of plug-ins, by name. A report may speak of trials whose plug-ins are not
/// linked, so everything may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Strategies.
    pub strategies: BTreeMap<String, StrategyFacts>,
    /// Data sets.
    pub datasets: BTreeMap<String, DatasetFacts>,
}

/// What is quoted of a strategy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StrategyFacts {
    /// Its name as papers write it.
    pub title: String,
    /// Authors, year and title of its paper.
    pub paper: String,
    /// An entry of BibTeX; empty if there is none.
    pub bibtex: String,
    /// Is it the dense network that others are compared with?
    pub baseline: bool,
}

/// What is quoted of a data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatasetFacts {
    /// Its name as papers write it.
    pub title: String,
    /// One sentence: what it holds and how it is split.
    pub summary: String,
    /// What a paper must say besides of the way it is split; may be empty.
    pub split: String,
    /// The official metric.
    pub metric: Metric,
}

static NO_CATALOG: Catalog = Catalog { strategies: BTreeMap::new(), datasets: BTreeMap::new() };
static NOT_SEEN: Seen = Seen::new();
static NO_BUDGETS: Budgets = Budgets::new();

impl<'a> Experiment<'a> {
    /// Trials without anything else, compared as planned.
    pub fn new(trials: &'a [TrialRecord], analysis: &'a Analysis) -> Self {
        Self {
            trials,
            pending: &[],
            analysis,
            post_hoc: false,
            commands: &[],
            catalog: &NO_CATALOG,
            seen: &NOT_SEEN,
            budgets: &NO_BUDGETS,
        }
    }
}
