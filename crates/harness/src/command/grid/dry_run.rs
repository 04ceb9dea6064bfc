//! `harness grid --dry-run`: what would be trained, and what it would cost.

use dst_analysis::Budget;
use dst_analysis::format::{count, operations, percent};
use dst_core::Result;
use dst_core::record::{Status, TrialSpec};
use dst_settings::GridConfig;
use dst_store::Store;
use dst_train::Estimate;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{EqualCosts, advise, refuse_all, say, stand, warn};
use crate::cli::GridArgs;
use crate::command::label::Labels;
use crate::command::preflight::Checked;
use crate::command::standing::{Standing, Standings};
use crate::command::{expectation, preflight};
use crate::output;
use crate::table::{Column, TerminalTable};
use crate::text::wrapped;
use dst_executor::Exit;

pub(super) fn run(grid: &GridConfig, equal: EqualCosts, args: &GridArgs) -> Result<Exit> {
    let store = Store::open_if_there(&grid.execution.store)?;
    let (standings, inputs) = stand(store.as_ref(), grid, equal.inputs, args)?;
    let checked = preflight::check(&grid.trials, &inputs, &equal.refused, args.quiet)?;
    refuse_all(grid, &checked)?;
    let planned = Planned { grid, standings: &standings, checked: &checked };
    let (mut to_train, mut specs_to_train) = (Vec::new(), Vec::new());
    for trial in planned.trials() {
        if let Ok(estimate) = trial.estimate
            && trial.standing.trains()
        {
            to_train.push(*estimate);
            specs_to_train.push(trial.spec.clone());
        }
    }
    let labels = Labels::of(grid.trials.iter());
    standings.notes().iter().for_each(|words| output::note(words));
    say(preflight::fit_memory(&mut grid.execution.clone(), &to_train), args.quiet);
    advise(grid, args.quiet)?;
    warn(&checked, &labels);
    let expected = expectation::of_trials(store.as_ref(), &specs_to_train, grid.execution.jobs)?;
    let to_do = to_train.len();
    let total: f64 = to_train.iter().map(|estimate| estimate.train_flops).sum();
    if args.json {
        let document = Document { to_do, train_flops_to_do: total, trials: planned };
        output::print_json(&document)?;
    } else {
        let unknown = || {
            "how long it takes is not known before a trial of each network has finished in this store"
                .to_owned()
        };
        let time = match to_do {
            0 => String::new(),
            _ => format!("; {}", expected.unwrap_or_else(unknown)),
        };
        output::print(&planned.table(&labels).to_string())?;
        let words = format!(
            "{}, {to_do} to train, {} FLOPs{time}",
            count(grid.trials.len(), "trial"),
            operations(total)
        );
        output::print(&format!("\n{}", wrapped(&words, "", output::text_width())))?;
    }
    Ok(Exit::Success)
}

/// What is known of the trials of a grid.
struct Planned<'a> {
    grid: &'a GridConfig,
    standings: &'a Standings<'a>,
    checked: &'a Checked,
}

/// What is known of one of them.
struct PlannedTrial<'a> {
    spec: &'a TrialSpec,
    standing: &'a Standing,
    budget: &'a Budget,
    /// What it will cost, or why its method refuses it.
    estimate: std::result::Result<&'a Estimate, Option<&'a str>>,
}

impl<'a> Planned<'a> {
    /// In the order of the grid. Rows and JSON are made of one after another, because those of 100,000
    /// trials together would take gigabytes.
    fn trials(&self) -> impl Iterator<Item = PlannedTrial<'a>> + use<'a> {
        let Checked { trials, estimates, refused, .. } = self.checked;
        // Both are in the order of the grid.
        let mut accepted = trials.iter().zip(estimates).peekable();
        let mut refused = refused.iter().peekable();
        let trials = self.standings.iter().zip(&self.grid.budgets);
        trials.map(move |((spec, standing), budget)| {
            let estimate = match accepted.next_if(|(accepted, _)| *accepted == spec) {
                Some((_, estimate)) => Ok(estimate),
                None => {
                    let reason = refused.next_if(|(refused, _)| refused == spec);
                    Err(reason.map(|(_, words)| words.as_str()))
                }
            };
            PlannedTrial { spec, standing, budget, estimate }
        })
    }

    fn table(&self, labels: &Labels) -> TerminalTable {
        let mut columns = vec![Column::new("trial"), Column::detail("data set")];
        columns.extend([Column::detail("model"), Column::new("strategy"), Column::new("sparsity")]);
        if labels.has_training() {
            columns.push(Column::new("training"));
        }
        columns.extend([Column::new("seed"), Column::new("state"), Column::detail("train FLOPs")]);
        let mut table = TerminalTable::new(&columns);
        for PlannedTrial { spec, standing, estimate, .. } in self.trials() {
            let mut cells = vec![spec.id(), spec.dataset_label(), labels.model(spec)];
            cells.extend([labels.strategy(spec), percent(spec.sparsity)]);
            if labels.has_training() {
                cells.push(labels.training(spec));
            }
            cells.push(spec.seed.to_string());
            cells.extend(match estimate {
                Ok(estimate) => [standing.word(), operations(estimate.train_flops)],
                Err(_) => [Status::Refused.to_string(), "–".to_owned()],
            });
            table.row(cells);
        }
        table
    }
}

impl PlannedTrial<'_> {
    fn json(&self) -> Value {
        let Self { spec, standing, budget, estimate } = self;
        match estimate {
            Err(reason) => {
                let state = Status::Refused.to_string();
                json!({ "id": spec.id(), "spec": spec, "state": state, "reason": reason })
            }
            Ok(estimate) => json!({
                "id": spec.id(),
                "spec": spec,
                "budget": budget.is_some().then_some(budget),
                "state": standing.word(),
                "train_flops": estimate.train_flops,
                "inference_flops": estimate.inference_flops,
                "final_sparsity": 1.0 - estimate.final_density,
                "active_parameters": estimate.active_parameters,
                "prunable_parameters": estimate.prunable_parameters,
                "total_parameters": estimate.total_parameters,
                "memory_bytes": estimate.memory_bytes,
            }),
        }
    }
}

/// What programs read.
#[derive(Serialize)]
struct Document<'a> {
    to_do: usize,
    train_flops_to_do: f64,
    trials: Planned<'a>,
}

impl Serialize for Planned<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.trials().map(|trial| trial.json()))
    }
}
