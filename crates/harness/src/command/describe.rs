//! `harness describe`

use dst_analysis::Analysis;
use dst_analysis::ReportPlugin;
use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Metric, Result};
use dst_train::{OptimizerPlugin, SchedulePlugin};
use serde::Serialize;
use serde_json::Value;

use crate::cli::DescribeArgs;
use crate::config::{ParameterSet, shipped};
use crate::exit::Exit;
use crate::output;
use crate::schema::Parameter;
use crate::text::{hanging, wrapped};

/// What there is to say about a name.
#[derive(Debug, Serialize)]
struct Description {
    kind: &'static str,
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    paper: &'static str,
    summary: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    split: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parameters: Vec<Parameter>,
    /// A TOML text: parameters worth searching, or a grid.
    #[serde(skip_serializing_if = "str::is_empty")]
    grid: &'static str,
    /// Further facts, such as a data set's model.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'static str>,
    /// The official metrics of a data set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    metrics: Vec<Metric>,
    /// The data sets of a group.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    members: &'static [&'static str],
}

pub(super) fn run(args: &DescribeArgs) -> Result<Exit> {
    let found = descriptions(&args.name)?;
    if args.json {
        let list: Result<Vec<Value>> = found
            .iter()
            .map(|description| {
                serde_json::to_value(description)
                    .map_err(|error| Error::contract(format!("no JSON: {error}")))
            })
            .collect();
        // A name of two kinds is rare, so the usual answer is one object.
        let mut list = list?;
        let value = if list.len() == 1 { list.remove(0) } else { list.into() };
        output::print_json(&value)?;
    } else {
        let texts: Vec<String> = found.iter().map(text).collect();
        output::print(&texts.join("\n"))?;
    }
    Ok(Exit::Success)
}

/// A plug-in that can be described.
trait Describe: Plugin {
    /// What there is to say about it.
    fn description(&self) -> Result<Description>;
}

impl Describe for StrategyPlugin {
    fn description(&self) -> Result<Description> {
        Ok(Description {
            title: self.title,
            paper: self.paper,
            parameters: ParameterSet::strategy(self.name)?.parameters(),
            grid: self.grid,
            ..plain(Self::KIND, self.name, self.summary)
        })
    }
}

impl Describe for ModelPlugin {
    fn description(&self) -> Result<Description> {
        Ok(Description {
            title: self.title,
            paper: self.paper,
            parameters: ParameterSet::model(self.name)?.parameters(),
            ..plain(Self::KIND, self.name, self.summary)
        })
    }
}

impl Describe for DatasetPlugin {
    fn description(&self) -> Result<Description> {
        Ok(Description {
            title: self.title,
            paper: self.paper,
            model: Some(self.model),
            split: self.split,
            metrics: [Some(self.metric), self.second_metric].into_iter().flatten().collect(),
            parameters: ParameterSet::dataset(self.name)?.parameters(),
            ..plain(Self::KIND, self.name, self.summary)
        })
    }
}

impl Describe for DatasetGroup {
    fn description(&self) -> Result<Description> {
        Ok(Description { members: self.members, ..plain(Self::KIND, self.name, self.summary) })
    }
}

impl Describe for OptimizerPlugin {
    fn description(&self) -> Result<Description> {
        Ok(Description {
            title: self.title,
            paper: self.paper,
            parameters: ParameterSet::optimizer(self.name)?.parameters(),
            ..plain("optimizer", self.name, self.summary)
        })
    }
}

impl Describe for SchedulePlugin {
    fn description(&self) -> Result<Description> {
        Ok(Description {
            title: self.title,
            paper: self.paper,
            parameters: ParameterSet::schedule(self.name)?.parameters(),
            ..plain("schedule", self.name, self.summary)
        })
    }
}

impl Describe for ReportPlugin {
    fn description(&self) -> Result<Description> {
        Ok(plain(Self::KIND, self.name, self.summary))
    }
}

/// What was found of a name, and which names there are.
struct Search<'n> {
    name: &'n str,
    found: Vec<Description>,
    known: Vec<&'static str>,
}

impl Search<'_> {
    fn plugins<P: Describe>(&mut self) -> Result<()> {
        for plugin in P::all()? {
            self.entry(plugin.name(), || plugin.description())?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        name: &'static str,
        describe: impl FnOnce() -> Result<Description>,
    ) -> Result<()> {
        self.known.push(name);
        if name == self.name {
            self.found.push(describe()?);
        }
        Ok(())
    }
}

/// All plug-ins and tables of that name; different kinds may share one.
fn descriptions(name: &str) -> Result<Vec<Description>> {
    let mut search = Search { name, found: Vec::new(), known: Vec::new() };
    search.plugins::<StrategyPlugin>()?;
    search.plugins::<ModelPlugin>()?;
    search.plugins::<DatasetPlugin>()?;
    search.plugins::<DatasetGroup>()?;
    search.plugins::<OptimizerPlugin>()?;
    search.plugins::<SchedulePlugin>()?;
    search.plugins::<ReportPlugin>()?;
    for grid in shipped::GRIDS {
        search.entry(grid.name, || {
            Ok(Description { grid: grid.text, ..plain("grid", grid.name, grid.summary) })
        })?;
    }
    search.entry("training", || {
        let summary = "How trials train: --set training.KEY=VALUE, or [training].";
        Ok(Description {
            parameters: ParameterSet::training()?.parameters(),
            ..plain("table", "training", summary)
        })
    })?;
    search.entry("analysis", || {
        let summary = "How trials are compared: --set analysis.KEY=VALUE, or [analysis].";
        Ok(Description {
            parameters: ParameterSet::analysis(&Analysis::default())?.parameters(),
            ..plain("table", "analysis", summary)
        })
    })?;
    let Search { found, mut known, .. } = search;
    if found.is_empty() {
        known.sort_unstable();
        known.dedup();
        return Err(Error::unknown("name", name, known));
    }
    Ok(found)
}

fn plain(kind: &'static str, name: &str, summary: &'static str) -> Description {
    Description {
        kind,
        name: name.to_owned(),
        title: "",
        paper: "",
        summary,
        split: "",
        parameters: Vec::new(),
        grid: "",
        model: None,
        metrics: Vec::new(),
        members: &[],
    }
}

fn text(description: &Description) -> String {
    let width = output::text_width();
    let mut text = format!("{} ({})\n", description.name, description.kind);
    for (label, content) in [("title", description.title), ("paper", description.paper)] {
        if !content.is_empty() {
            text.push_str(&hanging(content, &format!("{label}: "), "  ", width));
        }
    }
    if let Some(model) = description.model {
        text.push_str(&format!("model: {model}, unless --models names another\n"));
    }
    if let [first, others @ ..] = &description.metrics[..] {
        let others = others.iter().map(|other| format!("; also {}", other.title()));
        text.push_str(&format!("metric: {}{}\n", first.title(), others.collect::<String>()));
    }
    text.push('\n');
    text.push_str(&wrapped(description.summary, "", width));
    text.push_str(&wrapped(description.split, "", width));
    if !description.members.is_empty() {
        text.push_str(&wrapped(&description.members.join(", "), "", width));
    }
    if !description.parameters.is_empty() {
        text.push_str("\nparameters\n");
    }
    for parameter in &description.parameters {
        text.push_str(&parameter_text(parameter, width));
    }
    if !description.grid.trim().is_empty() {
        let title = if description.kind == "grid" { "settings" } else { "grid" };
        text.push_str(&format!("\n{title}\n"));
        for line in description.grid.trim_end().lines() {
            text.push_str(format!("  {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

fn parameter_text(parameter: &Parameter, width: usize) -> String {
    let default = match &parameter.default {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    };
    let names: Vec<&str> = parameter.choices.iter().map(|choice| choice.value.as_str()).collect();
    let kind = if names.is_empty() {
        parameter.kind.clone()
    } else {
        format!("{} {}", parameter.kind, names.join(", "))
    };
    // Two spaces before the kind, unless it does not fit into the line.
    let assigned = format!("  {} = {default}", parameter.name);
    let line = format!("{assigned}  ({kind})");
    let mut text = if line.chars().count() <= width {
        format!("{line}\n")
    } else {
        hanging(&format!("({kind})"), &format!("{assigned}  "), "      ", width)
    };
    text.push_str(&wrapped(&parameter.documentation, "      ", width));
    for choice in parameter.choices.iter().filter(|choice| !choice.documentation.is_empty()) {
        let line = format!("{}: {}", choice.value, choice.documentation);
        text.push_str(&wrapped(&line, "        ", width));
    }
    text
}
