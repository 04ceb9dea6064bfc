//! All forms of the report say the same: every cell of the results and every verdict of the page, in
//! the same digits and words.

use dst_analysis::document::{Block, Page, Table, Topic};
use dst_analysis::sample::{Size, grid, group, on_backend, predict};
use dst_analysis::{Analysis, Experiment, PrimaryTest, ReportPlugin, Study};
use dst_record::record::TrialRecord;
use dst_record::{BackendKind, Plugin};
use serde_json::{Value, json};
use {
    report_html as _, report_json as _, report_latex as _, report_markdown as _,
    report_significance as _,
};

/// A page, and each form of it as text, without what escapes signs in that form.
struct Forms {
    page: Page,
    terminal: String,
    markdown: String,
    latex: String,
    html: String,
    json: Value,
}

impl Forms {
    fn new(analysis: &Analysis) -> Self {
        Self::of(&Self::trials(), analysis)
    }

    fn trials() -> Vec<TrialRecord> {
        let mut trials =
            grid(Size { datasets: 2, strategies: 3, sparsities: 2, seeds: 8, epochs: 2 });
        let better = [0.991, 0.993, 0.992, 0.9905, 0.992, 0.9915, 0.9935, 0.991];
        let mut extra =
            group(&json!({"name": "better_<&>_[1]", "drop_fraction": 0.3}), 0.8, &better);
        for trial in &mut extra {
            trial.spec.dataset = "data-0".to_owned();
            trial.spec.training.epochs = 2;
        }
        trials.extend(extra);
        predict(&mut trials, 1000);
        trials
    }

    fn of(trials: &[TrialRecord], analysis: &Analysis) -> Self {
        let study = Study::new(&Experiment::new(trials, analysis)).unwrap();
        let page = Page::new(&study);
        let text = |report: &str, name: &str| {
            let report = ReportPlugin::find(report).unwrap().report;
            let documents = report.render(&study, &page).unwrap().documents;
            let document = documents.into_iter().find(|document| document.name == name).unwrap();
            String::from_utf8(document.bytes).unwrap()
        };
        let terminal = ReportPlugin::find("significance").unwrap().terminal.unwrap();
        Self {
            terminal: unstyled(&terminal(&page, 400)),
            markdown: replaced(
                &text("markdown", "report.md").replace('\\', ""),
                &[("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")],
            ),
            latex: replaced(
                &text("latex", "tables.tex"),
                &[
                    ("\\textless{}", "<"),
                    ("\\textgreater{}", ">"),
                    ("\\dots{}", "…"),
                    ("\\&", "\u{1}"),
                    ("\\textbf{", ""),
                    ("} &", " &"),
                    ("} \\\\", " \\\\"),
                    ("$-$", "\u{2212}"),
                    ("$\\pm$", "±"),
                    ("\\%", "%"),
                    ("\\_", "_"),
                ],
            ),
            html: text("html", "report.html"),
            json: serde_json::from_str(&text("json", "report.json")).unwrap(),
            page,
        }
    }

    fn families(&self) -> impl Iterator<Item = (usize, &Block)> {
        let sections = self.page.sections.iter().enumerate();
        let families = sections.filter(|(_, section)| section.topic == Topic::Family);
        families.flat_map(|(place, section)| section.blocks.iter().map(move |block| (place, block)))
    }

    fn tables(&self, end: &str) -> impl Iterator<Item = (usize, &Table)> {
        self.families().filter_map(move |(place, block)| match block {
            Block::Table(table) if table.id.ends_with(end) => Some((place, table)),
            _ => None,
        })
    }

    /// Does every form have every cell of these tables? How many rows there are.
    fn agree_on(&self, end: &str) -> usize {
        let rows: Vec<String> =
            self.html.split("<tr").map(|row| read(&format!("<tr{row}"))).collect();
        let mut seen = 0;
        for (place, table) in self.tables(end) {
            let blocks = self.json["page"]["sections"][place]["blocks"].as_array().unwrap();
            let data = blocks.iter().find(|block| block["id"] == table.id.as_str()).unwrap();
            for (row, values) in table.rows.iter().zip(data["rows"].as_array().unwrap()) {
                let cells: Vec<&str> = row.iter().map(|cell| cell.text()).collect();
                let shown: Vec<&str> =
                    cells.iter().copied().filter(|cell| !cell.is_empty()).collect();
                assert!(shown.len() >= 4, "{shown:?}");
                assert!(holds(self.terminal.lines(), &shown), "{shown:?}\n{}", self.terminal);
                let line = format!("\n| {} |\n", cells.join(" | "));
                assert!(self.markdown.contains(&line), "{line}");
                let line = format!("{} \\\\\n", cells.join(" & ").replace("<&>", "<\u{1}>"));
                assert!(self.latex.contains(&line), "{line}\n{}", self.latex);
                assert!(holds(rows.iter().map(String::as_str), &shown), "{shown:?}");
                for (cell, value) in cells.iter().zip(values.as_array().unwrap()) {
                    let text = value.get("text").or(value.get("verdict")).unwrap_or(value).as_str();
                    assert_eq!(text.unwrap_or(""), *cell);
                }
                seen += 1;
            }
        }
        seen
    }

    fn sentences(&self) -> Vec<&str> {
        let groups = self.families().filter_map(|(_, block)| match block {
            Block::Verdicts { groups } => Some(groups),
            _ => None,
        });
        let lines = groups.flatten().flat_map(|group| &group.verdicts);
        lines.map(|line| line.sentence.as_str()).collect()
    }
}

fn unstyled(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Without tags, and with the signs that were escaped.
fn read(html: &str) -> String {
    let mut parts = html.split('<');
    let first = parts.next().unwrap_or("").to_owned();
    let text =
        parts.fold(first, |text, part| text + " " + part.split_once('>').map_or("", |p| p.1));
    let signs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&#x27;", "'"),
        ("&quot;", "\""),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ];
    replaced(&text, &signs)
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Does one of the parts hold all cells, one after the other?
fn holds<'t>(mut parts: impl Iterator<Item = &'t str>, cells: &[&str]) -> bool {
    parts.any(|part| {
        let mut rest = part;
        cells.iter().all(|cell| match rest.split_once(cell) {
            Some((_, after)) => {
                rest = after;
                true
            }
            None => false,
        })
    })
}

/// Alone, a sentence says what it is corrected for; a page says it once for all of them.
fn said_once(sentence: &str) -> String {
    match sentence.split_once("(corrected for ") {
        Some((before, after)) => format!("{before}({}", after.split_once(", ").unwrap().1),
        None => sentence.to_owned(),
    }
}

#[test]
fn every_form_has_every_result_and_every_verdict() {
    for test in [PrimaryTest::PairedT, PrimaryTest::SignFlips] {
        let analysis = Analysis { control: "baseline".to_owned(), test, ..Analysis::default() };
        let forms = Forms::new(&analysis);
        assert_eq!(forms.agree_on("-results"), 7 + 1 + 7);

        let sentences = forms.sentences();
        assert_eq!(sentences.len(), 6 + 1 + 6);
        let (terminal, html) = (joined(&forms.terminal), joined(&read(&forms.html)));
        for text in [&terminal, &html, &joined(&forms.markdown)] {
            assert_eq!(text.matches("corrected for 6 comparisons").count(), 1, "{text}");
            assert_eq!(text.matches("corrected for 7 comparisons").count(), 1, "{text}");
        }
        for sentence in sentences {
            assert!(terminal.contains(sentence), "{sentence}\n{terminal}");
            assert!(forms.markdown.contains(&format!("\n- {sentence}\n")), "{sentence}");
            assert!(html.contains(&joined(sentence)), "{sentence}");
            let in_family = |family: &Value| {
                let all = family["comparisons"].as_array().unwrap();
                all.iter().any(|one| said_once(one["sentence"].as_str().unwrap()) == sentence)
            };
            assert!(forms.json["families"].as_array().unwrap().iter().any(in_family), "{sentence}");
        }
    }
}

/// Where a backend is faster than dense arithmetic, its times are part of what everybody sees.
#[test]
fn every_form_has_the_times_of_backends() {
    let size = Size { datasets: 1, strategies: 2, sparsities: 2, seeds: 8, epochs: 3 };
    let mut trials = grid(size);
    trials.extend(on_backend(&trials, BackendKind::Auto, 0.3));
    let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
    let forms = Forms::of(&trials, &analysis);
    assert_eq!(forms.agree_on("-backends"), 5);
    assert_eq!(forms.agree_on("-target"), 10);
    assert_eq!(forms.agree_on("-seconds"), 10);
    let (_, backends) = forms.tables("-backends").next().unwrap();
    let row: Vec<&str> = backends.rows[1].iter().map(|cell| cell.text()).collect();
    assert_eq!([row[0], row[1]], ["method-0 at 50 %, auto", "masked"]);
    assert_eq!([row[3], row[5], row[8]], ["equivalent", "0.30", "7"]);
    let notes = backends.notes.join(" ");
    assert!(notes.contains("a difference of 0.3 points or more"), "{notes}");
    assert!(notes.contains("on machine sample, whose processor was not recorded"), "{notes}");
    assert!(notes.contains("with no other trial of this report beside them"), "{notes}");
}
