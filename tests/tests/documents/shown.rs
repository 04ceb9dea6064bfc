//! Commands that documents show.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use end_to_end::workspace;

/// Where documents for users lie, with what is below; and those beside the folders.
const FOLDERS: [&str; 7] =
    ["docs", "examples", "grids", "results", "strategies", "datasets", "reports"];
const FILES: [&str; 2] = ["README.md", "CONTRIBUTING.md"];

/// Blocks of code that hold no commands.
const OTHER_CODE: [&str; 4] = ["rust", "python", "toml", "text"];

/// A command as a document shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shown {
    /// What follows the name of the program, without quotes and comments.
    pub(crate) words: Vec<String>,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "harness {}", self.words.join(" "))
    }
}

/// Every command with the places where it stands.
pub(crate) fn all() -> BTreeMap<Shown, Vec<String>> {
    let mut files: Vec<String> = FILES.map(str::to_owned).into();
    FOLDERS.iter().for_each(|folder| list(folder, &mut files));
    let mut all: BTreeMap<Shown, Vec<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(workspace().join(&file)).expect("text");
        for (shown, places) in of(&file, &text) {
            all.entry(shown).or_default().extend(places);
        }
    }
    all
}

/// Documents, grid files and examples in and below a folder, in order.
fn list(folder: &str, files: &mut Vec<String>) {
    let entries = fs::read_dir(workspace().join(folder)).expect("a folder");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into())
        .collect();
    names.sort();
    for name in names {
        let path = format!("{folder}/{name}");
        if workspace().join(&path).is_dir() {
            list(&path, files);
        } else if ["md", "toml", "sbatch", "py"].iter().any(|end| has_extension(&path, end)) {
            files.push(path);
        }
    }
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// The commands of one file, each with its place.
pub(crate) fn of(file: &str, text: &str) -> impl Iterator<Item = (Shown, Vec<String>)> {
    let lines = if has_extension(file, "md") { fenced(text) } else { commented(text) };
    let mut shown = Vec::new();
    let mut lines = lines.into_iter();
    while let Some((number, mut line)) = lines.next() {
        let Some(command) = command(&line) else { continue };
        line = command.to_owned();
        while let Some(begun) = line.strip_suffix('\\') {
            let rest = lines.next().map(|(_, rest)| rest).unwrap_or_default();
            line = format!("{begun} {}", rest.trim());
        }
        shown.push((Shown { words: words(&line) }, vec![format!("{file}:{number}")]));
    }
    shown.into_iter()
}

/// What follows the name of the program.
fn command(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("cargo ").unwrap_or(line);
    line.strip_prefix("harness ").map(str::trim_start)
}

/// Lines of fenced blocks, with their numbers from 1.
fn fenced(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut block: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language.trim()),
            (Some(_), Some(_)) => block = None,
            (None, Some(language)) if !OTHER_CODE.contains(&language) => {
                lines.push((index + 1, line.to_owned()));
            }
            _ => {}
        }
    }
    lines
}

/// Lines that are set in, behind the sign of a comment if there is one; and those of a script that name the program
/// by a variable.
fn commented(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.replace("\"$harness\" ", "  harness ");
        let line = line.trim_end_matches(['&', ' ']);
        let behind = line.strip_prefix('#').unwrap_or(line);
        if behind.starts_with("  ") {
            lines.push((index + 1, behind.to_owned()));
        }
    }
    lines
}

/// The words of a line of shell, up to a comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for sign in line.chars() {
        match quote {
            Some(open) if open == sign => quote = None,
            Some(_) => word.get_or_insert_default().push(sign),
            None if sign == '\'' || sign == '"' => {
                quote = Some(sign);
                word.get_or_insert_default();
            }
            None if sign == '#' && word.is_none() => break,
            None if sign.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(sign),
        }
    }
    words.extend(word);
    words
}

#[test]
fn commands_are_found_in_pages_scripts_and_comments() {
    let page = "```\ncargo harness compare 'a[x=1]' b   # two\n  harness grid --set \\\n      'k.\"a b\"=1'\n```\n\
                harness of prose\n```toml\nharness = 1\n```\n";
    let found: Vec<_> = of("a.md", page).collect();
    let shown = |words: &[&str]| Shown { words: words.iter().map(|&word| word.into()).collect() };
    assert_eq!(
        found,
        [
            (shown(&["compare", "a[x=1]", "b"]), vec!["a.md:2".to_owned()]),
            (shown(&["grid", "--set", "k.\"a b\"=1"]), vec!["a.md:3".to_owned()]),
        ]
    );
    let script = "# harness of prose\n#   harness grid --grid a \\\n#       --jobs 1\n\"$harness\" status --jobs \"$N\" &\n";
    let found: Vec<_> = of("a.sbatch", script).map(|(shown, _)| shown).collect();
    assert_eq!(
        found,
        [shown(&["grid", "--grid", "a", "--jobs", "1"]), shown(&["status", "--jobs", "$N"])]
    );
}
