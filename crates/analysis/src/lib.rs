//! What trials say: families of comparisons with the control, ranks over data sets, and the one
//! document that every form of the report draws.
//!
//! Within one data set and model (a [`TrialTable`]), every [`Group`] of trials (a strategy with its
//! parameters and its training at one sparsity) is compared with the control on the metric of the data
//! set. Seeds are the samples: two strategies with one seed start from the same weights and see the
//! same batches, so their scores form a [`Pair`].
//!
//! All comparisons of a table form one family. A verdict is corrected for the family *as planned*, and
//! the procedure ([`dst_stats::verdict`]) scores runs that failed against the claim. It is withheld
//! where networks are not what was asked for. Data sets are the samples of [`Across`], and never mixed
//! otherwise.
//!
//! Statistics live in `dst-stats`; this crate forms the pairs and says what came out.

use dst_record::{Error, Result};

mod across;
mod all_pairs;
mod budget;
mod chance;
mod comparable;
mod comparison;
mod criterion;
mod diagnostics;
pub mod document;
mod examples;
mod experiment;
pub mod format;
pub mod json;
mod judgement;
mod mask_distances;
mod methods;
mod pairs;
mod report;
pub mod sample;
pub mod seconds;
mod selection;
mod sentence;
mod settings;
pub mod spreadsheet;
mod trial_table;

pub use across::{Across, FEW_DATASETS};
pub use all_pairs::AllPairs;
pub use budget::{Budget, Budgets};
pub use comparable::is_another_sparsity;
pub use comparison::Comparison;
pub use diagnostics::{Diagnostics, POWER, RESAMPLES, SeedMcNemar};
pub use examples::OverExamples;
pub use experiment::{Catalog, DatasetFacts, Experiment, LOST_LOOKS, Seen, StrategyFacts};
pub use judgement::Judgement;
pub use mask_distances::{BetweenMethods, BetweenSeeds, MaskDistance, MaskDistances};
pub use methods::{methods, references};
pub use pairs::{Pair, pairs};
pub use report::{Document, Rendering, Report, ReportPlugin};
pub use selection::Selection;
pub use sentence::{sentence, verdict};
pub use settings::{Analysis, Margin, Multiplicity, PrimaryTest, format_of};
pub use trial_table::{Group, TrialTable, tables};

/// Everything that reports say about an experiment.
#[derive(Debug, Clone)]
pub struct Study<'a> {
    /// What it was made from.
    pub experiment: Experiment<'a>,
    /// Name of the strategy that the others are compared with.
    pub control: String,
    /// One for each data set and model.
    pub judgements: Vec<Judgement<'a>>,
    /// Ranks over data sets, if there are two or more with methods in common.
    pub across: Option<Across>,
}

impl<'a> Study<'a> {
    /// Compares all trials as their analysis says.
    ///
    /// # Errors
    /// If the analysis is out of range, its control or a data set of its metrics is unknown, or two
    /// records claim to be one trial. Failures and missing pairs are no errors: they are part of
    /// the answer.
    pub fn new(experiment: &Experiment<'a>) -> Result<Self> {
        let analysis = experiment.analysis;
        analysis.validate()?;
        check_metrics(experiment)?;
        let control = control(experiment)?;
        let loads = seconds::Loads::new(experiment.trials);
        let judgements: Vec<Judgement<'a>> = tables(experiment)?
            .into_iter()
            .map(|table| {
                let seen = experiment::seen_of(experiment.seen, &table, &control, analysis);
                Judgement::new(table, &control, analysis, seen, &loads)
            })
            .collect::<Result<_>>()?;
        let across = Across::new(&judgements, analysis)?;
        Ok(Self { experiment: *experiment, control, judgements, across })
    }

    /// How trials are compared.
    pub fn analysis(&self) -> &'a Analysis {
        self.experiment.analysis
    }
}

/// The name of the strategy that the others are compared with.
///
/// A known strategy without trials is no mistake: its trials may not have ended yet.
fn control(experiment: &Experiment<'_>) -> Result<String> {
    let name = &experiment.analysis.control;
    let known = &experiment.catalog.strategies;
    if name.is_empty() {
        let baselines: Vec<&String> =
            known.iter().filter(|(_, facts)| facts.baseline).map(|(name, _)| name).collect();
        return match baselines[..] {
            [baseline] => Ok(baseline.clone()),
            [] => Err(Error::contract("no known strategy is a baseline")),
            _ => Err(Error::contract("several strategies call themselves the baseline")),
        }
        .map_err(|error| error.hint("name the control in analysis.control"));
    }
    let ended = experiment.trials.iter().map(|trial| &trial.spec);
    let mut present: Vec<&str> =
        ended.chain(experiment.pending).map(|spec| spec.strategy_name()).collect();
    present.sort_unstable();
    present.dedup();
    if present.contains(&name.as_str()) || known.contains_key(name) {
        return Ok(name.clone());
    }
    Err(Error::unknown("control", name, present).at("analysis.control"))
}

/// A metric for a data set that no trial has is a mistake in typing.
fn check_metrics(experiment: &Experiment<'_>) -> Result<()> {
    let ended = experiment.trials.iter().map(|trial| &trial.spec);
    let mut present: Vec<&str> =
        ended.chain(experiment.pending).map(|spec| spec.dataset.as_str()).collect();
    present.extend(present.clone().into_iter().filter_map(format_of));
    present.sort_unstable();
    present.dedup();
    for (dataset, metric) in &experiment.analysis.metrics {
        if !present.contains(&dataset.as_str()) {
            return Err(Error::unknown("data set", dataset, present).at("analysis.metrics"));
        }
        let is_meant = |own: &str| own == dataset || format_of(own) == Some(dataset);
        let outcomes = experiment.trials.iter().filter(|trial| is_meant(&trial.spec.dataset));
        let mut outcomes = outcomes.filter_map(|trial| trial.outcome.as_ref()).peekable();
        if outcomes.peek().is_some() && outcomes.all(|outcome| outcome.test.get(*metric).is_none())
        {
            return Err(Error::usage(format!("no trial on {dataset} has a {}", metric.title()))
                .at("analysis.metrics"));
        }
    }
    Ok(())
}
