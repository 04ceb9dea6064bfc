//! Links in Markdown files.

use super::tree::Tree;
use super::{Finding, finding};

/// Relative links lead to files or folders.
pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree.ending(".md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, target) in targets(&tree.text(path)) {
            let file = target.split(['#', '?']).next().unwrap_or_default();
            let outside = file.is_empty() || file.contains(':');
            let place = match file.strip_prefix('/') {
                Some(from_root) => from_root.to_owned(),
                None => format!("{folder}/{file}").trim_start_matches('/').to_owned(),
            };
            if !outside && !tree.exists(&place) {
                let what = format!("the link to {target} leads nowhere: correct or remove it");
                findings.push(finding(path, line, what));
            }
        }
    }
    findings
}

/// (line from 1, target) of each `[text](target)` and `[name]: target` outside of code.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        if start.starts_with("```") || start.starts_with("~~~") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        let line = without_code(line);
        let definition = line.strip_prefix('[').and_then(|l| l.split_once("]: "));
        let inline = line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')').map(|(target, _)| target));
        for target in inline.chain(definition.map(|(_, target)| target)) {
            // A title may follow the target.
            if let Some(target) = target.split_whitespace().next() {
                let target = target.trim_matches(['<', '>']);
                found.push((index + 1, target.to_owned()));
            }
        }
    }
    found
}

/// The line without its `code spans`.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::tree::tests::tree;

    #[test]
    fn a_link_to_nowhere_is_found() {
        let text = "See [a](docs/a.md#part), [b](docs/b.md \"title\") and [web](https://example.org/x).\n\
                    `[code](no.md)` and [here](#there)\n\
                    ```\n[fenced](no.md)\n```\n\
                    ![picture](p.png)\n\
                    [ref]: docs/c.md\n";
        let (_scratch, tree) = tree(&[
            ("README.md", text),
            (
                "docs/a.md",
                "[up](../README.md) [root](/README.md) [folder](../docs) [no](README.md)\n",
            ),
        ]);
        let found: Vec<String> = links(&tree).iter().map(Finding::to_string).collect();
        assert_eq!(
            found,
            [
                "README.md:1: the link to docs/b.md leads nowhere: correct or remove it",
                "README.md:6: the link to p.png leads nowhere: correct or remove it",
                "README.md:7: the link to docs/c.md leads nowhere: correct or remove it",
                "docs/a.md:1: the link to README.md leads nowhere: correct or remove it",
            ]
        );
    }
}
