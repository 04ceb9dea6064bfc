//! `harness data`

use dst_core::plugin::{self, DatasetPlugin, Plugin};
use dst_core::record::dataset_label;
use dst_core::tch::Device;
use dst_core::{DataSources, Dataset, Error, InputShape, Result, Split, Task, own_data};
use dst_data::hub::{self, Hub};
use dst_settings::{DatasetConfig, ResolvedSettings};
use serde_json::{Map, json};

use super::fetch;
use crate::cli::{
    DataAction, DataFetchArgs, DataNamesArgs, DataPlaceArgs, DataVerifyArgs, PlaceArgs,
};
use crate::flags;
use crate::output;
use crate::table::{Column, TerminalTable};
use crate::text::hanging;
use dst_executor::Exit;

/// Digits of a digest that people read; JSON has all.
const DIGITS: usize = 12;

/// Classes that are named; a hundred would bury the rest.
const CLASSES: usize = 10;

/// Rows that are read at once to count classes.
const CHUNK: usize = 256;

pub(super) fn run(action: &DataAction) -> Result<Exit> {
    match action {
        DataAction::Fetch(args) => fetch_all(args),
        DataAction::Verify(args) => verify(args),
        DataAction::List(args) => list(args),
    }
}

/// What `harness data fetch` is to bring.
enum FetchTarget<'a> {
    Dataset(&'static DatasetPlugin),
    Model { repository: &'a str, revision: &'a str },
}

fn fetch_all(args: &DataFetchArgs) -> Result<Exit> {
    let hub = Hub::from_env().ok_or_else(|| {
        Error::usage("there is no home folder, and so no cache").hint("set HF_HOME")
    })?;
    let revision = args.revision.as_deref().unwrap_or(hub::MAIN);
    // All names are checked before anything is fetched.
    let mut wanted = Vec::new();
    for name in &args.names {
        if let Some((repository, own)) = hub::reference(name)? {
            // A revision that stands in the name is nearer than the flag.
            let revision = if name.contains('@') { own } else { revision };
            wanted.push(FetchTarget::Model { repository, revision });
            continue;
        }
        let format =
            DatasetPlugin::all()?.iter().find(|plugin| plugin.name == name && plugin.own.is_some());
        if let Some(plugin) = format.filter(|plugin| !plugin.hub.is_empty()) {
            wanted.push(FetchTarget::Dataset(plugin));
            continue;
        }
        if own_data::address(name)?.is_some() {
            return Err(Error::usage(format!("{name} is not fetched: it lies where you say")));
        }
        for plugin in plugin::datasets(name)? {
            if plugin.hub.is_empty() {
                let name = plugin.name;
                return Err(Error::usage(format!("{name} is not fetched from the Hub")).hint(
                    match (plugin.find)(&DataSources::default()) {
                        Ok(origin) => format!("it is {origin}"),
                        Err(error) => error.to_string(),
                    },
                ));
            }
            wanted.push(FetchTarget::Dataset(plugin));
        }
    }
    let mut lines = String::new();
    for wanted in wanted {
        let (name, snapshots) = match wanted {
            FetchTarget::Dataset(plugin) => {
                (plugin.name, fetch::dataset(&hub, plugin, revision, args.quiet)?)
            }
            FetchTarget::Model { repository, revision } => {
                (repository, vec![fetch::model(&hub, repository, revision, args.quiet)?])
            }
        };
        for snapshot in snapshots {
            lines.push_str(&format!("{name}: {snapshot}\n"));
        }
    }
    output::print(&lines)?;
    Ok(Exit::Success)
}

/// The flags that say where data are.
fn place(args: &DataNamesArgs) -> PlaceArgs {
    let (data_dir, hub_revision) = (args.data_dir.clone(), args.hub_revision.clone());
    PlaceArgs { data: DataPlaceArgs { data_dir, hub_revision }, ..PlaceArgs::default() }
}

/// Where to look for data.
fn sources(args: &DataNamesArgs) -> Result<DataSources> {
    let settings = ResolvedSettings::of_process(None, flags::place(&place(args))?)?;
    Ok(settings.execution()?.sources())
}

/// These data sets with the options that are in force, whoever set them, and where to look for them.
fn chosen(
    args: &DataNamesArgs,
    names: &[String],
    set: &[String],
) -> Result<(Vec<DatasetConfig>, DataSources)> {
    let mut sources = sources(args)?;
    let mut typed = flags::place(&place(args))?;
    typed.datasets("the data sets", names);
    set.iter().try_for_each(|text| typed.set_of_data(text))?;
    let (all, own) = ResolvedSettings::of_process(None, typed)?.datasets()?;
    sources.own.extend(own);
    Ok((all, sources))
}

/// Every registered data set, formats of users' data among them.
fn registered(args: &DataNamesArgs) -> Result<(Vec<DatasetConfig>, DataSources)> {
    let all = DatasetPlugin::all()?.iter().map(|plugin| DatasetConfig {
        name: plugin.name.to_owned(),
        plugin,
        options: Map::new().into(),
    });
    Ok((all.collect(), sources(args)?))
}

fn list(args: &DataNamesArgs) -> Result<Exit> {
    let (chosen, sources) = match &args.names[..] {
        [] => registered(args)?,
        names => chosen(args, names, &[])?,
    };
    let mut table = TerminalTable::new(&["data set", "found", "at the Hub"]);
    let mut list = Vec::new();
    for DatasetConfig { name, plugin, .. } in chosen {
        let found = plugin::find(&name, &sources);
        let remote = plugin.hub.first().map(|files| files.repository);
        list.push(json!({
            "name": name,
            "found": found.is_ok(),
            "origin": found.as_ref().ok(),
            "reason": found.as_ref().err().map(ToString::to_string),
            "hub": remote,
        }));
        let found = found.unwrap_or_else(|_| match &plugin.own {
            Some(own) => format!("in your {}", own.argument.to_lowercase()),
            None => "no".to_owned(),
        });
        let cells = [name, found, remote.unwrap_or("no").to_owned()];
        table.row(cells);
    }
    if args.json {
        output::print_json(&json!({ "datasets": list }))?;
    } else {
        output::print(&table.to_string())?;
    }
    Ok(Exit::Success)
}

/// Names of the data sets whose files are there.
fn found(args: &DataNamesArgs) -> Result<Vec<String>> {
    let sources = sources(args)?;
    let all = DatasetPlugin::all()?.iter().map(|plugin| plugin.name);
    Ok(all.filter(|name| plugin::find(name, &sources).is_ok()).map(str::to_owned).collect())
}

fn verify(args: &DataVerifyArgs) -> Result<Exit> {
    let DataVerifyArgs { names: args, set } = args;
    if args.names.is_empty() && !set.is_empty() {
        return Err(Error::usage("--set is for data sets that are named")
            .hint("name one, such as harness data verify glue/rte --set glue/rte.max_length=64"));
    }
    let names = match &args.names[..] {
        [] => found(args)?,
        names => names.to_vec(),
    };
    let (chosen, sources) = chosen(args, &names, set)?;
    let has_options = chosen.iter().any(|dataset| !dataset.options.is_empty());
    let mut columns = vec![Column::new("data set")];
    // In a column of their own they are left out whole where there is no room.
    columns.extend(has_options.then(|| Column::detail("options")));
    columns.extend(["train", "validation", "test"].map(Column::new));
    columns.extend(["digest", "from"].map(Column::detail));
    let mut table = TerminalTable::new(&columns);
    let mut list = Vec::new();
    let mut found = String::new();
    for DatasetConfig { name, options, plugin } in chosen {
        let dataset = plugin::dataset(&name, &options, &sources)?;
        let label = dataset_label(&name, &options);
        let counts = [Split::Train, Split::Validation, Split::Test].map(|split| dataset.len(split));
        // Whoever brings data wants to see that they are understood; of others, papers tell.
        let understood = match plugin.own {
            Some(_) => understood(&*dataset)?,
            None => Vec::new(),
        };
        list.push(json!({
            "name": name,
            "options": options,
            "understood": understood,
            "train": counts[0],
            "validation": counts[1],
            "test": counts[2],
            "digest": dataset.digest(),
            "origin": dataset.origin(),
            "warnings": dataset.warnings(),
        }));
        for warning in dataset.warnings() {
            output::note(&format!("warning: {warning}"));
        }
        if !understood.is_empty() {
            found.push_str(&block(&label, &understood, output::text_width()));
        }
        let own = label.strip_prefix(&*name).unwrap_or_default().trim();
        let own = own.trim_start_matches('[').trim_end_matches(']').to_owned();
        let mut cells = vec![name];
        cells.extend(has_options.then_some(own));
        cells.extend(counts.map(|count| count.to_string()));
        let short = dataset.digest().chars().take(DIGITS).collect();
        cells.extend([short, dataset.origin().to_owned()]);
        table.row(cells);
    }
    if args.json {
        output::print_json(&json!({ "datasets": list }))?;
    } else {
        output::print(&format!("{table}{found}"))?;
    }
    Ok(Exit::Success)
}

/// What a data set holds, a line each.
///
/// # Errors
/// If its rows cannot be read.
fn understood(dataset: &dyn Dataset) -> Result<Vec<String>> {
    let mut lines = dataset.understood();
    if let Task::Classification { classes } = dataset.task() {
        let mut counts = vec![0_usize; usize::try_from(classes).unwrap_or_default()];
        let rows: Vec<i64> = (0..dataset.len(Split::Train) as i64).collect();
        for rows in rows.chunks(CHUNK) {
            let target = dataset.batch(Split::Train, rows, Device::Cpu)?.target;
            for class in Vec::<i64>::try_from(&target)? {
                let class = usize::try_from(class).unwrap_or(usize::MAX);
                if let Some(count) = counts.get_mut(class) {
                    *count += 1;
                }
            }
        }
        let name =
            |class| dataset.class_name(class).map_or_else(|| class.to_string(), str::to_owned);
        lines.push(classes_line(&counts, name));
    }
    lines.push(match dataset.input() {
        InputShape::Image { channels: 1, height: 1, width } => format!("inputs: {width} numbers"),
        InputShape::Image { channels, height, width } => {
            let colours = if channels == 1 { "channel" } else { "channels" };
            format!("images: {height} × {width} pixels, {channels} {colours}")
        }
        InputShape::Tokens { vocabulary, length } => {
            format!("tokens: {length} of each sample, from a vocabulary of {vocabulary}")
        }
    });
    Ok(lines)
}

/// Such as `2 classes; training samples of each: cat 40, dog 38`.
fn classes_line(counts: &[usize], name: impl Fn(usize) -> String) -> String {
    let shown = counts.iter().enumerate().take(CLASSES);
    let mut shown: Vec<String> =
        shown.map(|(class, count)| format!("{} {count}", name(class))).collect();
    if let Some(more @ 1..) = counts.len().checked_sub(CLASSES) {
        shown.push(format!("and {more} more"));
    }
    let all =
        if counts.len() == 1 { "1 class".to_owned() } else { format!("{} classes", counts.len()) };
    format!("{all}; training samples of each: {}", shown.join(", "))
}

/// A data set with what was understood of it, in lines of at most `width` characters.
fn block(label: &str, lines: &[String], width: usize) -> String {
    let mut text = format!("\n{}", hanging(label, "", "  ", width));
    lines.iter().for_each(|line| text.push_str(&hanging(line, "  ", "    ", width)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_without_its_format_is_told_which_it_may_be() {
        let meant = |text: &str| own_data::meant(text).unwrap();
        assert_eq!(meant("missing.csv"), ["csv:missing.csv", "text-csv:missing.csv"]);
        // Endings are the same in capitals, and what stands before a colon may be a mistyped format.
        assert_eq!(meant("cvs:missing.CSV"), ["csv:missing.CSV", "text-csv:missing.CSV"]);
        assert!(meant("missing.txt").contains(&"text:missing.txt".to_owned()));
        let mut folders = meant("missing/");
        folders.sort();
        assert_eq!(folders, ["idx:missing/", "image-folder:missing/"]);
        assert!(meant("mnits").is_empty(), "a mistyped name is no path");
        assert_eq!(meant("Fashion-MNIST"), ["idx:FOLDER"]);
    }

    #[test]
    fn every_format_of_files_has_endings_without_dots() {
        for plugin in DatasetPlugin::all().unwrap() {
            let Some(own) = &plugin.own else { continue };
            assert_eq!(own.endings.is_empty(), own.argument == "FOLDER", "{}", plugin.name);
            assert!(own.endings.iter().all(|ending| !ending.starts_with('.')), "{}", plugin.name);
        }
    }

    #[test]
    fn what_was_understood_fits_the_width() {
        let counts: Vec<usize> = (1..=12).collect();
        let classes = classes_line(&counts, |class| format!("c{class}"));
        let lines = ["column of the classes: kind".to_owned(), classes];
        assert_eq!(
            block("csv:wine@e4c94526", &lines, 60),
            "\ncsv:wine@e4c94526\n  \
               column of the classes: kind\n  \
               12 classes; training samples of each: c0 1, c1 2, c2 3, c3\n    \
                 4, c4 5, c5 6, c6 7, c7 8, c8 9, c9 10, and 2 more\n"
        );
        assert!(classes_line(&[3], |_| "x".to_owned()).starts_with("1 class; "));
    }
}
