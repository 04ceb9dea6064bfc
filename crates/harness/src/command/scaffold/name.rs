//! Names of new plug-ins.

use dst_analysis::ReportPlugin;
use dst_core::plugin::{DatasetGroup, DatasetPlugin, ModelPlugin, Plugin, StrategyPlugin};
use dst_core::{Error, Result};
use dst_settings::shipped::GRIDS;

use super::Kind;

/// Names that mean something else in a grid file or to `--set`.
const TAKEN: [&str; 5] = ["analysis", "dataset", "model", "strategy", "training"];

/// Names of folders and files have a limit, and tables of reports have a width.
const LONGEST: usize = 64;

/// A name that a new plug-in can have.
///
/// # Errors
/// If it cannot, and why.
pub(super) fn check(kind: &Kind, name: &str) -> Result<()> {
    let fits = name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && !name.contains("--")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !fits {
        return Err(Error::usage(format!("'{name}' is not a name for a {}", kind.word))
            .hint(format!("use lower-case letters, digits and dashes, such as {}", kind.example)));
    }
    if name.len() > LONGEST {
        return Err(Error::usage(format!("'{name}' has {} characters", name.len()))
            .hint(format!("choose a name of at most {LONGEST}")));
    }
    if TAKEN.contains(&name) {
        return Err(Error::usage(format!("'{name}' means something else in grid files"))
            .hint("choose another name"));
    }
    // Keys such as `name.parameter` do not say of what kind the name is.
    if let Some(other) = owner(name)? {
        return Err(Error::usage(format!("there is a {other} '{name}' already"))
            .hint(format!("`harness describe {name}` shows it")));
    }
    let type_name = type_name(name);
    if kind.files.iter().any(|(_, template)| says(template, &type_name)) {
        return Err(Error::usage(format!(
            "'{name}' would be the type `{type_name}`, a name that the code of a {} uses for \
             something else",
            kind.word
        ))
        .hint("choose another name"));
    }
    Ok(())
}

/// The kind of what has this name.
fn owner(name: &str) -> Result<Option<&'static str>> {
    fn has<P: Plugin>(name: &str) -> Result<bool> {
        Ok(P::all()?.iter().any(|plugin| plugin.name() == name))
    }
    Ok(if has::<StrategyPlugin>(name)? {
        Some(StrategyPlugin::KIND)
    } else if has::<ModelPlugin>(name)? {
        Some(ModelPlugin::KIND)
    } else if has::<DatasetPlugin>(name)? {
        Some(DatasetPlugin::KIND)
    } else if has::<DatasetGroup>(name)? {
        Some(DatasetGroup::KIND)
    } else if has::<ReportPlugin>(name)? {
        Some(ReportPlugin::KIND)
    } else {
        GRIDS.iter().any(|grid| grid.name == name).then_some("grid")
    })
}

/// Does code use this name? Comments do not count.
fn says(code: &str, name: &str) -> bool {
    let code = code.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut words = code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.any(|word| word == name)
}

/// `my-method` is `MyMethod`.
pub(super) fn type_name(name: &str) -> String {
    let capitalised = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    capitalised.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::scaffold::{DATASET, MODEL, STRATEGY};

    fn refusal(kind: &Kind, name: &str) -> String {
        check(kind, name).unwrap_err().to_string()
    }

    #[test]
    fn names_follow_the_rules_of_crates() {
        assert_eq!(type_name("my-method2"), "MyMethod2");
        for kind in [&STRATEGY, &DATASET, &MODEL] {
            for bad in ["", "My", "2x", "a b", "a-", "a--b", "../a", "a/b", "naïve", "a_b"] {
                let error = refusal(kind, bad);
                assert!(error.contains(&format!("is not a name for a {}", kind.word)), "{error}");
            }
            assert!(refusal(kind, &"x".repeat(65)).contains("has 65 characters"));
            // Words of Rust are no crates: the crate is `strategy-match`, and the type `Match`.
            for good in ["my-method", "match", "r2", "core"] {
                assert!(check(kind, good).is_ok(), "{good}");
            }
        }
    }

    /// Whatever the kind, because `--set name.key` does not say it.
    #[test]
    fn names_that_exist_are_refused() {
        for (name, what) in [
            ("set", "a strategy"),
            ("mlp", "a model"),
            ("mnist-10k", "a data set"),
            ("glue", "a group of data sets"),
            ("html", "a report"),
            ("quick", "a grid"),
        ] {
            for kind in [&STRATEGY, &DATASET, &MODEL] {
                let error = refusal(kind, name);
                assert!(error.starts_with(&format!("there is {what} '{name}' already")), "{error}");
            }
        }
        assert!(refusal(&STRATEGY, "training").contains("means something else in grid files"));
    }

    #[test]
    fn names_that_the_code_needs_are_refused() {
        for (kind, name, type_name) in [
            (&STRATEGY, "self", "Self"),
            (&STRATEGY, "option", "Option"),
            (&STRATEGY, "exchange", "Exchange"),
            (&DATASET, "samples", "Samples"),
            (&DATASET, "batch", "Batch"),
            (&MODEL, "json-schema", "JsonSchema"),
            (&MODEL, "batch-norm2d", "BatchNorm2d"),
        ] {
            let error = refusal(kind, name);
            assert!(error.contains(&format!("would be the type `{type_name}`")), "{error}");
        }
        assert!(check(&STRATEGY, "samples").is_ok());
        assert!(!says("let a = 1; // Exchange\n", "Exchange"));
    }
}
