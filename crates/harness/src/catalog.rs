//! What reports quote of the linked plug-ins.

use dst_analysis::{Catalog, DatasetFacts, StrategyFacts};
use dst_core::Result;
use dst_core::plugin::{DatasetPlugin, Plugin, StrategyPlugin};

/// The facts of all linked strategies and data sets.
///
/// # Errors
/// If two plug-ins have one name.
pub(crate) fn catalog() -> Result<Catalog> {
    let strategies = StrategyPlugin::all()?.iter().map(|plugin| {
        let facts = StrategyFacts {
            title: plugin.title.to_owned(),
            paper: plugin.paper.to_owned(),
            bibtex: String::new(),
            baseline: plugin.baseline,
        };
        (plugin.name.to_owned(), facts)
    });
    let datasets = DatasetPlugin::all()?.iter().map(|plugin| {
        let facts = DatasetFacts {
            title: plugin.title.to_owned(),
            summary: plugin.summary.to_owned(),
            split: plugin.split.to_owned(),
            metric: plugin.metric,
        };
        (plugin.name.to_owned(), facts)
    });
    Ok(Catalog { strategies: strategies.collect(), datasets: datasets.collect() })
}
