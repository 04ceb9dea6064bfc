//! `harness list`

use dst_analysis::ReportPlugin;
use dst_core::Result;
use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_settings::shipped::GRIDS;
use dst_train::{OptimizerPlugin, SchedulePlugin};
use serde_json::{Map, Value, json};

use crate::cli::{Kind, ListArgs};
use crate::output;
use crate::text::hanging;
use dst_executor::Exit;

pub(super) fn run(args: &ListArgs) -> Result<Exit> {
    let all = [
        Kind::Strategies,
        Kind::Models,
        Kind::Datasets,
        Kind::Optimizers,
        Kind::Schedules,
        Kind::Reports,
        Kind::Grids,
    ];
    let kinds: Vec<Kind> =
        all.into_iter().filter(|kind| args.kind.is_none_or(|k| k == *kind)).collect();
    if args.json {
        let mut object = Map::new();
        for kind in kinds {
            let entries = entries(kind)?.into_iter();
            let list: Vec<Value> = entries
                .map(|(name, summary)| json!({ "name": name, "summary": summary }))
                .collect();
            object.insert(heading(kind).to_owned(), list.into());
        }
        output::print_json(&object)?;
        return Ok(Exit::Success);
    }
    let columns = output::width();
    let mut text = String::new();
    for kind in kinds {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(heading(kind));
        text.push('\n');
        let entries = entries(kind)?;
        let width = entries.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, summary) in entries {
            let indent = " ".repeat(width + 4);
            text.push_str(&hanging(summary, &format!("  {name:width$}  "), &indent, columns));
        }
    }
    output::print(&text)?;
    Ok(Exit::Success)
}

fn heading(kind: Kind) -> &'static str {
    match kind {
        Kind::Strategies => "strategies",
        Kind::Models => "models",
        Kind::Datasets => "datasets",
        Kind::Optimizers => "optimizers",
        Kind::Schedules => "schedules",
        Kind::Reports => "reports",
        Kind::Grids => "grids",
    }
}

/// Names with summaries, sorted by name.
fn entries(kind: Kind) -> Result<Vec<(&'static str, &'static str)>> {
    Ok(match kind {
        Kind::Strategies => StrategyPlugin::all()?.iter().map(|p| (p.name, p.summary)).collect(),
        Kind::Models => ModelPlugin::all()?.iter().map(|p| (p.name, p.summary)).collect(),
        Kind::Datasets => {
            let datasets = DatasetPlugin::all()?.iter().map(|p| (p.name, p.summary));
            let groups = DatasetGroup::all()?.iter().map(|g| (g.name, g.summary));
            let mut entries: Vec<_> = datasets.chain(groups).collect();
            entries.sort_unstable();
            entries
        }
        Kind::Optimizers => OptimizerPlugin::all()?.iter().map(|p| (p.name, p.summary)).collect(),
        Kind::Schedules => SchedulePlugin::all()?.iter().map(|p| (p.name, p.summary)).collect(),
        Kind::Reports => ReportPlugin::all()?.iter().map(|p| (p.name, p.summary)).collect(),
        Kind::Grids => GRIDS.iter().map(|grid| (grid.name, grid.summary)).collect(),
    })
}
