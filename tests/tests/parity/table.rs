//! The table of `docs/parity.md`, made from the cases and the registry.

use std::collections::BTreeSet;
use std::fs;

use dst_core::plugin::{Plugin, StrategyPlugin};
use end_to_end::workspace;

use crate::case::{Case, Suite};

const BEGIN: &str = "<!-- begin of the table -->\n";
const END: &str = "<!-- end of the table -->";

/// `owner/repository` as a link, wherever the text names one.
fn linked(reference: &str) -> String {
    let word = |word: &str| {
        let bare = word.trim_end_matches([',', ';']);
        let is_name = |part: &str| {
            !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        };
        match bare.split_once('/') {
            // A file has a dot or a second slash; what is named before a comma is a repository.
            Some((owner, name)) if is_name(owner) && is_name(name) && bare.len() < word.len() => {
                let rest = &word[bare.len()..];
                format!("[{bare}](https://github.com/{bare}){rest}")
            }
            _ => word.to_owned(),
        }
    };
    reference.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

fn row(plugin: &StrategyPlugin, case: &Case) -> String {
    let Case { reference, compared, difference, .. } = case;
    let result = match difference.as_str() {
        "" => "equal".to_owned(),
        _ => format!("equal; {difference}"),
    };
    let reference = linked(reference);
    format!("| `{}` | {} | {reference} | {compared} | {result} |\n", plugin.name, plugin.paper)
}

/// All registered methods in order of names, each with its cases or the reason why it has none.
fn table(suite: &Suite) -> String {
    let mut table = String::from(
        "| method | paper | reference | what is compared | result, and where we differ by choice |\n\
         |---|---|---|---|---|\n",
    );
    for plugin in StrategyPlugin::all().expect("names are unique") {
        let cases = suite.cases.iter().filter(|case| case.method == plugin.name);
        table.extend(cases.map(|case| row(plugin, case)));
        if let Some(reason) = suite.without.get(plugin.name) {
            table +=
                &format!("| `{}` | {} | none | nothing | {reason} |\n", plugin.name, plugin.paper);
        }
    }
    table
}

#[test]
fn every_registered_method_has_a_case_or_a_reason() {
    let suite = Suite::read();
    let plugins = StrategyPlugin::all().unwrap();
    let registered: BTreeSet<&str> = plugins.iter().map(|plugin| plugin.name).collect();
    let compared: BTreeSet<&str> = suite.cases.iter().map(|case| case.method.as_str()).collect();
    let without: BTreeSet<&str> = suite.without.keys().map(String::as_str).collect();
    assert_eq!(compared.union(&without).copied().collect::<BTreeSet<_>>(), registered);
    assert_eq!(compared.intersection(&without).next(), None, "a method has a case or a reason");
}

#[test]
fn the_table_is_that_of_the_cases() {
    let path = workspace().join("docs/parity.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the table has a beginning");
    let (old, tail) = rest.split_once(END).expect("the table has an end");
    let new = format!("\n{}\n", table(&Suite::read()));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{new}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(old, new, "write the new table with UPDATE_GOLDEN=1");
}

#[test]
fn repositories_become_links() {
    let text = "google-research/rigl, rigl/sparse.py; blocks as in tensorflow/model, x.py";
    let expected = "[google-research/rigl](https://github.com/google-research/rigl), \
                    rigl/sparse.py; blocks as in [tensorflow/model](https://github.com/tensorflow/model), x.py";
    assert_eq!(linked(text), expected);
}
