//! The table of `docs/methods.md`, made from the registry.

use std::fs;

use dst_core::plugin::{Plugin, StrategyPlugin};
use end_to_end::workspace;

const BEGIN: &str = "<!-- begin of the table -->\n";
const END: &str = "<!-- end of the table -->";

/// The folder of the crate that a strategy is from; one crate may hold several.
fn folder(plugin: &StrategyPlugin) -> String {
    let strategy = (plugin.default)();
    let name = (*strategy).crate_name().replace('_', "-");
    format!("strategies/{}", name.strip_prefix("strategy-").unwrap_or(&name))
}

fn row(plugin: &StrategyPlugin) -> String {
    let StrategyPlugin { name, paper, summary, .. } = plugin;
    let reaches = match plugin.reaches {
        _ if plugin.baseline => "it stays dense",
        "" => "any",
        reaches => reaches,
    };
    let cells = [
        format!("[`{name}`](../{})", folder(plugin)),
        (*summary).to_owned(),
        reaches.to_owned(),
        (*paper).to_owned(),
    ];
    format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn table() -> String {
    let mut table = String::from(
        "| method | what it does | which sparsities it reaches | paper |\n|---|---|---|---|\n",
    );
    table.extend(StrategyPlugin::all().expect("names are unique").iter().map(|one| row(one)));
    table
}

#[test]
fn the_page_of_methods_is_that_of_the_registry() {
    let path = workspace().join("docs/methods.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (old, tail) = rest.split_once(END).expect("the table has an end");
    let new = format!("\n{}\n", table());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{new}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(old, new, "write the new table with UPDATE_GOLDEN=1");
}

#[test]
fn every_method_has_a_page() {
    for plugin in StrategyPlugin::all().unwrap() {
        let readme = workspace().join(folder(plugin)).join("README.md");
        assert!(readme.is_file(), "{}: {} is missing", plugin.name, readme.display());
    }
}
