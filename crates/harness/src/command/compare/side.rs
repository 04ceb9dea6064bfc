//! What one of the two names means: `rigl`, `rigl[drop_fraction=0.3]@0.9`, `runs`,
//! `theirs.csv:rigl@0.9`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::{Error, Result};
use dst_settings::axis;
use serde_json::Value;

use super::entry::Entry;
use super::foreign::normal;
use super::names::{fold, is_one_sparsity};
use dst_store::Store;

/// How a part of a source is named, for hints.
const GRAMMAR: &str = "write for example 'rigl[drop_fraction=0.3]@0.9' or 'runs:rigl@0.9'";

/// Where trials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Store(PathBuf),
    File(PathBuf),
}

impl Source {
    fn path(&self) -> &Path {
        let (Self::Store(path) | Self::File(path)) = self;
        path
    }

    /// Are these one folder or file, however they were typed?
    pub(super) fn is(&self, other: &Self) -> bool {
        let real = |source: &Self| std::fs::canonicalize(source.path()).ok();
        self == other || real(self).is_some_and(|path| real(other) == Some(path))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path().display())
    }
}

/// One of the two sides.
#[derive(Debug, Clone)]
pub(super) struct Side {
    /// As it was typed.
    pub(super) typed: String,
    /// Where its trials come from.
    pub(super) source: Source,
    /// Was the source typed, or is it the store of strategies?
    pub(super) has_source: bool,
    /// Which of them; all if there is none.
    pub(super) selector: Option<Selector>,
}

/// Some trials of a source.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Selector {
    /// Name of the strategy.
    pub(super) strategy: String,
    /// Values of its parameters and other settings, as they were typed.
    pub(super) settings: BTreeMap<String, String>,
    /// The sparsity, in [0, 1).
    pub(super) sparsity: Option<f64>,
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.strategy)?;
        if !self.settings.is_empty() {
            let pairs = self.settings.iter().map(|(key, value)| format!("{key}={value}"));
            write!(f, "[{}]", pairs.collect::<Vec<_>>().join(","))?;
        }
        self.sparsity.map_or(Ok(()), |sparsity| write!(f, "@{sparsity}"))
    }
}

impl Selector {
    /// Reads `NAME[KEY=VALUE,…]@SPARSITY`, of which all but the name may be missing.
    ///
    /// # Errors
    /// If it is something else.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let bad = |what: &str| Error::usage(format!("{what} in '{text}'")).hint(GRAMMAR);
        let (name, brackets, rest) = match (text.find('['), text.rfind(']')) {
            (None, None) => match text.split_once('@') {
                Some((name, _)) => (name, "", &text[name.len()..]),
                None => (text, "", ""),
            },
            (Some(open), Some(close)) if open < close => {
                (&text[..open], &text[open + 1..close], &text[close + 1..])
            }
            _ => return Err(bad("a bracket without its partner")),
        };
        let name = name.trim();
        if name.is_empty() || name.contains('@') {
            return Err(bad("no name of a strategy"));
        }
        let mut settings = BTreeMap::new();
        for piece in axis::pieces(brackets) {
            let Some((key, value)) = piece.split_once('=') else {
                return Err(bad(&format!("'{piece}' is no KEY=VALUE")));
            };
            let (key, value) = (key.trim().to_owned(), unquoted(value.trim()).to_owned());
            if settings.insert(key.clone(), value).is_some() {
                return Err(bad(&format!("{key} stands twice")));
            }
        }
        let sparsity = match rest.trim() {
            "" => None,
            rest => Some(
                rest.strip_prefix('@')
                    .and_then(sparsity)
                    .ok_or_else(|| bad(&format!("'{rest}' is no @SPARSITY in [0, 1)")))?,
            ),
        };
        Ok(Self { strategy: name.to_owned(), settings, sparsity })
    }

    /// Those of `entries` that are meant.
    ///
    /// # Errors
    /// If there are none; the error says what there is.
    pub(super) fn select(&self, entries: &[Entry], source: &Source) -> Result<Vec<Entry>> {
        let wanted = fold(&self.strategy);
        let mut left: Vec<&Entry> =
            entries.iter().filter(|entry| fold(entry.strategy()) == wanted).collect();
        if left.is_empty() {
            let mut known: Vec<&str> = entries.iter().map(Entry::strategy).collect();
            known.sort_unstable();
            known.dedup();
            return Err(Error::usage(format!(
                "{source} has no trial of {} that ended",
                self.strategy
            ))
            .hint(format!("it has {}", known.join(", "))));
        }
        for (key, typed) in &self.settings {
            let values: Vec<Option<Value>> = left.iter().map(|entry| value(entry, key)).collect();
            if values.iter().all(Option::is_none) {
                return Err(self.unknown(key, &left));
            }
            let kept: Vec<&Entry> = left
                .iter()
                .zip(&values)
                .filter(|(_, value)| is_meant(value.as_ref(), typed))
                .map(|(entry, _)| *entry)
                .collect();
            if kept.is_empty() {
                let mut there: Vec<String> = values
                    .iter()
                    .map(|value| value.as_ref().map_or("none".into(), spelled))
                    .collect();
                there.sort();
                there.dedup();
                return Err(Error::usage(format!(
                    "{source} has no trial of {} with {key}={typed}",
                    self.strategy
                ))
                .hint(format!("{key} is {} there", there.join(", "))));
            }
            left = kept;
        }
        if let Some(sparsity) = self.sparsity {
            let mut there: Vec<f64> = left.iter().map(|entry| entry.trial.spec.sparsity).collect();
            left.retain(|entry| is_one_sparsity(entry.trial.spec.sparsity, sparsity));
            if left.is_empty() {
                there.sort_by(f64::total_cmp);
                there.dedup();
                let there: Vec<String> = there.iter().map(f64::to_string).collect();
                return Err(Error::usage(format!(
                    "{source} has no trial of {} at {sparsity}",
                    self.strategy
                ))
                .hint(format!("it has some at {}", there.join(", "))));
            }
        }
        Ok(left.into_iter().cloned().collect())
    }

    fn unknown(&self, key: &str, entries: &[&Entry]) -> Error {
        let mut known: Vec<String> = Vec::new();
        for entry in entries {
            known.extend(super::entry::settings(&entry.trial.spec, entry.reported).into_keys());
            known.extend(entry.cells.keys().filter(|name| !name.is_empty()).cloned());
        }
        known.sort();
        known.dedup();
        let what = format!("key of {} in brackets", self.strategy);
        Error::unknown(&what, key, known.iter().map(String::as_str))
    }
}

/// The value of a setting by its key; in a file also a cell by its column.
fn value(entry: &Entry, key: &str) -> Option<Value> {
    let spec = &entry.trial.spec;
    if key == "dataset" {
        return Some(spec.dataset_label().into());
    }
    let own = super::entry::settings(spec, entry.reported).remove(key);
    own.or_else(|| entry.cells.get(&normal(key)).map(|cell| cell.as_str().into()))
}

/// Is this value the one that was typed? A key that a configuration leaves out is `none`.
fn is_meant(value: Option<&Value>, typed: &str) -> bool {
    let is_number = |number: f64| {
        typed
            .parse::<f64>()
            .is_ok_and(|typed| (typed - number).abs() <= 1e-9 * typed.abs().max(number.abs()))
    };
    match value {
        None | Some(Value::Null) => typed.eq_ignore_ascii_case("none"),
        Some(Value::Number(number)) => number.as_f64().is_some_and(is_number),
        Some(Value::String(text)) => fold(text) == fold(typed) || text.parse().is_ok_and(is_number),
        Some(value) => {
            let bare = |text: &str| text.to_lowercase().replace([' ', '"'], "");
            bare(&value.to_string()) == bare(typed)
        }
    }
}

/// A value as it is typed in brackets.
pub(super) fn spelled(value: &Value) -> String {
    match value {
        Value::String(text) if text.contains([',', '[', ']', '{', '}', '\'']) => {
            format!("\"{text}\"")
        }
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

fn unquoted(text: &str) -> &str {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// `0.9` or `90%`.
fn sparsity(text: &str) -> Option<f64> {
    let text = text.trim();
    let value = match text.strip_suffix('%') {
        Some(percent) => percent.trim_end().parse::<f64>().ok()? / 100.0,
        None => text.parse().ok()?,
    };
    (0.0..1.0).contains(&value).then_some(value + 0.0)
}

impl Side {
    /// Understands what was typed: the folder of a store or a file, with or without a part of it
    /// behind a colon, or a part of the store of strategies.
    ///
    /// # Errors
    /// If there is no such thing.
    pub(super) fn parse(typed: &str, store: &Path) -> Result<Self> {
        let side = |source, has_source, selector| {
            Ok(Self { typed: typed.to_owned(), source, has_source, selector })
        };
        if let Some(source) = source(typed) {
            return side(source, true, None);
        }
        // The name of a file may have a colon itself, so the last that leaves one counts.
        let outside = typed.find('[').unwrap_or(typed.len());
        let colons = typed[..outside].rmatch_indices(':');
        for (colon, _) in colons {
            if let Some(source) = source(&typed[..colon]) {
                let selector = Selector::parse(&typed[colon + 1..])?;
                return side(source, true, Some(selector));
            }
        }
        let head = &typed[..outside];
        let file = head.rsplit_once(':').map_or(head, |(file, _)| file);
        if head.contains(['/', ':']) || file.to_lowercase().ends_with(".csv") {
            return Err(match Path::new(file).is_dir() {
                true => Error::usage(format!("{file} is a folder, but no run store")),
                false => Error::usage(format!("there is no file or store {file}")),
            }
            .hint("a run store is the folder of a grid; `harness compare --help` has examples"));
        }
        let mut selector = Selector::parse(typed)?;
        selector.strategy =
            strategy(&selector.strategy, store).map_err(|error| {
                match Path::new(typed).is_dir() {
                    true => Error::usage(format!("{typed} is a folder, but no run store")),
                    false => error,
                }
            })?;
        side(Source::Store(store.to_owned()), false, Some(selector))
    }

    /// What the trials of this side are called: the strategy if one was typed, else the last part
    /// of the path.
    pub(super) fn short(&self) -> String {
        match &self.selector {
            Some(selector) => Selector { sparsity: None, ..selector.clone() }.to_string(),
            None => {
                let name = Path::new(&self.typed).file_stem();
                name.map_or_else(|| self.typed.clone(), |name| name.to_string_lossy().into_owned())
            }
        }
    }

    /// How to name a part of this side: `'theirs.csv:rigl[lr=0.1]@0.9'`, in quotes for a shell.
    pub(super) fn part(&self, selector: &Selector) -> String {
        match self.has_source {
            true => format!("'{}:{selector}'", self.source),
            false => format!("'{selector}'"),
        }
    }
}

/// A store or a file, if there is one at that path.
fn source(text: &str) -> Option<Source> {
    let path = Path::new(text);
    if path.join("store.json").exists() {
        return Some(Source::Store(path.to_owned()));
    }
    path.is_file().then(|| Source::File(path.to_owned()))
}

/// The strategy of that name, in whatever spelling: a plug-in, or one of which the store has
/// trials.
fn strategy(typed: &str, store: &Path) -> Result<String> {
    let wanted = fold(typed);
    if let Some(plugin) = StrategyPlugin::all()?.iter().find(|plugin| fold(plugin.name) == wanted) {
        return Ok(plugin.name.to_owned());
    }
    if let Ok(specs) = Store::open(store).and_then(|store| store.specs())
        && let Some(spec) = specs.all.iter().find(|spec| fold(spec.strategy_name()) == wanted)
    {
        return Ok(spec.strategy_name().to_owned());
    }
    StrategyPlugin::find(typed).map(|plugin| plugin.name.to_owned()).map_err(|error| {
        error.also(&format!(
            "or give two strategies of the store {}, folders of stores, or CSV files",
            store.display()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::entry;
    use super::*;
    use serde_json::json;

    fn selector(text: &str) -> Selector {
        Selector::parse(text).unwrap()
    }

    #[test]
    fn parts_of_sources_are_read_and_written_alike() {
        for text in
            ["rigl", "rigl@0.9", "rigl[drop_fraction=0.3]@0.9", "a[b=[1,2],training.epochs=5]"]
        {
            assert_eq!(selector(text).to_string(), text);
        }
        assert_eq!(selector("rigl @ 90%"), selector("rigl@0.9"));
        assert_eq!(selector("rigl[a=\"1, 2\"]").settings["a"], "1, 2");
        let bad = |text: &str| Selector::parse(text).unwrap_err().to_string();
        assert!(bad("rigl[a=1").starts_with("a bracket without its partner"));
        assert!(bad("rigl[a]").starts_with("'a' is no KEY=VALUE"));
        assert!(bad("rigl[a=1,a=2]").starts_with("a stands twice"));
        assert!(bad("rigl@1.5").contains("no @SPARSITY in [0, 1)"));
        assert!(bad("rigl[a=1]0.9").contains("no @SPARSITY"));
        assert!(bad("@0.9").starts_with("no name of a strategy"));
        assert!(bad("]rigl[").starts_with("a bracket"));
    }

    #[test]
    fn a_part_is_selected_and_what_is_not_there_is_said() {
        let mut entries: Vec<Entry> =
            (0..2).map(|seed| entry("m", "RigL", 0.9, seed, 0.5)).collect();
        for (entry, fraction) in entries.iter_mut().zip([0.1, 0.3]) {
            entry.trial.spec.strategy =
                json!({"name": "RigL", "drop_fraction": fraction, "every": "100 steps"}).into();
            entry.cells.insert("lr".to_owned(), "1e-3".to_owned());
        }
        let source = Source::File("their runs.csv".into());
        let selected = |text: &str| selector(text).select(&entries, &source);
        let seeds = |text: &str| -> Vec<u64> {
            selected(text).unwrap().iter().map(|entry| entry.trial.spec.seed).collect()
        };
        assert_eq!(seeds("rigl"), [0, 1]);
        assert_eq!(seeds("rigl[drop_fraction=.30]@0.9"), [1]);
        assert_eq!(seeds("rigl[training.epochs=10,model=MLP,LR=0.001,every=100 Steps]"), [0, 1]);
        let refused = |text: &str| selected(text).unwrap_err().to_string();
        assert_eq!(
            refused("rigl[drop_fraction=0.2]"),
            "their runs.csv has no trial of rigl with drop_fraction=0.2\n  \
             drop_fraction is 0.1, 0.3 there"
        );
        assert!(refused("rigl[drop_fracton=0.2]").contains("did you mean 'drop_fraction'?"));
        assert!(refused("rigl@0.5").contains("it has some at 0.9"));
        assert!(refused("set").contains("no trial of set that ended\n  it has RigL"));
    }

    #[test]
    fn sides_are_sources_or_parts_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("their:runs.csv");
        std::fs::write(&file, "a").unwrap();
        let (file, store) = (file.to_str().unwrap(), folder.path().join("runs"));
        let parse = |text: &str| Side::parse(text, &store);
        let whole = parse(file).unwrap();
        assert_eq!((&whole.source, &whole.selector), (&Source::File(file.into()), &None));
        assert_eq!(whole.short(), "their:runs");
        let part = parse(&format!("{file}:RigL[a=x:y]@0.9")).unwrap();
        assert!(part.source.is(&whole.source));
        assert_eq!(part.selector, Some(selector("RigL[a=x:y]@0.9")));
        assert_eq!(part.part(&selector("set@0.9")), format!("'{file}:set@0.9'"));
        let side = parse("RigL[drop_fraction=0.3]").unwrap();
        assert_eq!(
            (&side.source, side.short()),
            (&Source::Store(store.clone()), "rigl[drop_fraction=0.3]".into())
        );
        assert_eq!(side.part(&selector("rigl@0.9")), "'rigl@0.9'");
        let refused = |text: &str| parse(text).unwrap_err().to_string();
        assert!(refused("rgil").contains("did you mean 'rigl'?"));
        assert!(refused("no.csv:rigl").starts_with("there is no file or store no.csv"));
        assert!(refused("a/b").starts_with("there is no file or store a/b"));
        assert!(refused(folder.path().to_str().unwrap()).contains("is a folder, but no run store"));
    }
}
