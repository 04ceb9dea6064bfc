//! `harness describe`

use dst_analysis::Analysis;
use dst_analysis::ReportPlugin;
use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Metric, Result};
use dst_settings::{Parameter, ParameterSet, shipped};
use dst_train::{OptimizerPlugin, SchedulePlugin};
use serde::Serialize;
use serde_json::Value;

use crate::cli::DescribeArgs;
use crate::output;
use crate::text::{hanging, wrapped};
use dst_executor::Exit;

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
    /// What its documentation says of it, in paragraphs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    documentation: Vec<String>,
    /// Which sparsities and networks a strategy takes.
    #[serde(skip_serializing_if = "String::is_empty")]
    reaches: String,
    /// Names of the grids that ship and have the strategy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    shown_by: Vec<&'static str>,
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
        output::print(&texts(&args.name, &found, output::text_width()))?;
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
            documentation: documentation(&(self.schema)().to_value()),
            reaches: reaches(self),
            shown_by: shipped::with_strategy(self.name)?.iter().map(|grid| grid.name).collect(),
            parameters: ParameterSet::strategy(self.name)?.parameters(),
            grid: self.grid,
            ..plain(Self::KIND, self.name, self.summary)
        })
    }
}

/// The paragraphs of a schema's description as plain text. Those that are examples have several lines, each
/// as it is written; the others are one line.
fn documentation(schema: &Value) -> Vec<String> {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let mut paragraphs = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        if index % 2 == 1 {
            // Behind the language, which stands beside the fence.
            let (_, example) = part.split_once('\n').unwrap_or_default();
            paragraphs.push(example.trim_end().to_owned());
            continue;
        }
        paragraphs.extend(part.split("\n\n").map(|paragraph| {
            let words: Vec<&str> = paragraph.split_whitespace().collect();
            // Links of rustdoc lead nowhere in a terminal.
            words.join(" ").replace("[`", "`").replace("`]", "`")
        }));
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// Which sparsities a strategy reaches, and who shares the connections among the layers.
fn reaches(plugin: &StrategyPlugin) -> String {
    if plugin.baseline {
        return "The dense network: it ignores the sparsity.".to_owned();
    }
    let schema = (plugin.schema)().to_value();
    let has = |parameter: &str| schema["properties"].get(parameter).is_some();
    let mut text = match plugin.reaches {
        "" => "Every sparsity that leaves each layer a connection.".to_owned(),
        own => own.to_owned(),
    };
    if has("distribution") && !has("global") {
        text.push_str(" `distribution` shares the connections among the layers.");
    }
    if plugin.redistributes {
        text.push_str(" Layers may end with other shares of them than they began with.");
    }
    text
}

impl Describe for ModelPlugin {
    fn description(&self) -> Result<Description> {
        Ok(Description {
            title: self.title,
            paper: self.paper,
            documentation: documentation(&(self.schema)().to_value()),
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

    /// All plug-ins, grids and tables.
    fn everything(&mut self) -> Result<()> {
        self.plugins::<StrategyPlugin>()?;
        self.plugins::<ModelPlugin>()?;
        self.plugins::<DatasetPlugin>()?;
        self.plugins::<DatasetGroup>()?;
        self.plugins::<OptimizerPlugin>()?;
        self.plugins::<SchedulePlugin>()?;
        self.plugins::<ReportPlugin>()?;
        for grid in shipped::GRIDS {
            self.entry(grid.name, || {
                Ok(Description { grid: grid.text, ..plain("grid", grid.name, grid.summary) })
            })?;
        }
        self.entry("training", || {
            let summary = "How trials train: --set training.KEY=VALUE, or [training].";
            Ok(Description {
                documentation: vec![WHERE_OTHERS_ARE.to_owned()],
                parameters: ParameterSet::training()?.parameters(),
                ..plain("table", "training", summary)
            })
        })?;
        self.entry("analysis", || {
            let summary = "How trials are compared: --set analysis.KEY=VALUE, or [analysis].";
            Ok(Description {
                parameters: ParameterSet::analysis(&Analysis::default())?.parameters(),
                ..plain("table", "analysis", summary)
            })
        })?;
        Ok(())
    }
}

/// Who compares these defaults with what a grid trains with finds others.
const WHERE_OTHERS_ARE: &str = "These are the defaults of what nothing sets. A grid that ships sets some of them \
    otherwise: `quick`, which counts without --grid and --config, among others (`harness describe quick`). \
    `harness grid --print-config` prints what a grid would train with, and where each value comes from.";

/// All plug-ins and tables of that name; different kinds may share one.
fn descriptions(name: &str) -> Result<Vec<Description>> {
    let mut search = Search { name, found: Vec::new(), known: Vec::new() };
    search.everything()?;
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
        documentation: Vec::new(),
        reaches: String::new(),
        shown_by: Vec::new(),
        split: "",
        parameters: Vec::new(),
        grid: "",
        model: None,
        metrics: Vec::new(),
        members: &[],
    }
}

/// All that has one name, under a line that says so if it is several things.
fn texts(name: &str, found: &[Description], width: usize) -> String {
    let texts: Vec<String> = found.iter().map(text).collect();
    if found.len() < 2 {
        return texts.concat();
    }
    let article = |kind: &str| if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    let kinds: Vec<String> =
        found.iter().map(|one| format!("{} {}", article(one.kind), one.kind)).collect();
    let rule = format!("\n{}\n", "─".repeat(width.min(40)));
    let line = wrapped(&format!("{name} is the name of {}.", kinds.join(" and of ")), "", width);
    format!("{line}\n{}", texts.join(&rule))
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
    for paragraph in &description.documentation {
        text.push('\n');
        match paragraph.contains('\n') {
            true => text.extend(paragraph.lines().map(|line| format!("  {line}\n"))),
            false => text.push_str(&wrapped(paragraph, "", width)),
        }
    }
    if !description.reaches.is_empty() {
        text.push_str("\nreaches\n");
        text.push_str(&wrapped(&description.reaches, "  ", width));
    }
    if !description.shown_by.is_empty() {
        text.push_str("\nshown by\n");
    }
    for name in &description.shown_by {
        let summary = shipped::find(name).map_or("", |grid| grid.summary);
        let command = format!("  harness grid --grid {name}: ");
        text.push_str(&hanging(summary, &command, "      ", width));
    }
    if !description.parameters.is_empty() {
        text.push_str("\nparameters\n");
    }
    for parameter in &description.parameters {
        text.push_str(&parameter_text(parameter, width));
    }
    if !description.grid.trim().is_empty() {
        let is_grid = description.kind == "grid";
        let title = if is_grid { "settings" } else { "parameters worth searching" };
        text.push_str(&format!("\n{title}\n"));
        for line in description.grid.trim_end().lines() {
            match line.strip_prefix("# ").filter(|comment| !comment.starts_with(' ')) {
                Some(comment) => text.push_str(&hanging(comment, "  # ", "  # ", width)),
                None => {
                    text.push_str(format!("  {line}").trim_end());
                    text.push('\n');
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_described() {
        let mut search = Search { name: "", found: Vec::new(), known: Vec::new() };
        search.everything().unwrap();
        let known = search.known;
        assert!(known.len() > 70, "{known:?}");
        for name in known {
            for description in descriptions(name).unwrap() {
                let text = text(&description);
                assert!(text.starts_with(&format!("{name} (")), "{text}");
                let json = serde_json::to_value(&description).unwrap();
                assert_eq!(json["name"], *name);
                if description.kind == "strategy" {
                    assert!(text.contains("\nreaches\n  "), "{text}");
                    // Strategies of other tests are linked here, too.
                    let is_shown = text.contains("--grid family-mnist: every method");
                    assert!(is_shown || name.starts_with("test-"), "{text}");
                }
            }
        }
    }

    #[test]
    fn a_name_of_two_kinds_is_told_apart() {
        let found = descriptions("csv").unwrap();
        let text = texts("csv", &found, 80);
        assert!(
            text.starts_with("csv is the name of a data set and of a report.\n\ncsv (data set)\n"),
            "{text}"
        );
        assert!(text.contains("─\ncsv (report)\n"), "{text}");
        let one = descriptions("rigl").unwrap();
        assert!(texts("rigl", &one, 80).starts_with("rigl (strategy)\n"));
    }

    #[test]
    fn the_format_of_model_files_is_described_with_an_example() {
        let text = text(&descriptions("layers").unwrap().remove(0));
        for expected in [
            "\n  # net.toml\n  layers = [\n      { kind = \"conv\", outputs = 16 },\n",
            "--models file:net.toml",
            "list of tables, each one of conv, dropout, gelu",
            "\n        conv: A convolution: `outputs`, `kernel` (3)",
        ] {
            assert!(text.contains(expected), "{expected}: {text}");
        }
        assert!(!text.contains("```"), "{text}");
    }

    #[test]
    fn what_a_method_reaches_and_where_it_is_shown_is_told() {
        let nm = descriptions("nm").unwrap().remove(0);
        assert!(nm.reaches.starts_with("Densities n / `group`"), "{}", nm.reaches);
        assert!(nm.documentation[0].starts_with("N:M sparsity from scratch"));
        let rigl = descriptions("rigl").unwrap().remove(0);
        assert_eq!(
            rigl.reaches,
            "Every sparsity that leaves each layer a connection. `distribution` shares the \
             connections among the layers."
        );
        for grid in ["family-mnist", "interval", "equal-training-flops"] {
            assert!(rigl.shown_by.contains(&grid), "{:?}", rigl.shown_by);
        }
        assert!(!nm.shown_by.contains(&"interval"), "{:?}", nm.shown_by);
    }
}
