//! What people see at the end of a grid.

use dst_analysis::document::{Block, Page};
use dst_analysis::sample::{Size, grid, group};
use dst_analysis::{Analysis, Experiment, ReportPlugin, Study};
use dst_record::Plugin;
use dst_record::record::TrialRecord;
use report_significance as _;
use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

fn page(trials: &[TrialRecord], control: &str) -> Page {
    let analysis = Analysis { control: control.to_owned(), ..Analysis::default() };
    Page::new(&Study::new(&Experiment::new(trials, &analysis)).unwrap())
}

fn made_up() -> Page {
    page(&grid(Size { datasets: 2, strategies: 3, sparsities: 2, seeds: 8, epochs: 2 }), "baseline")
}

fn terminal(page: &Page, width: usize) -> String {
    ReportPlugin::find("significance").unwrap().terminal.unwrap()(page, width)
}

/// Without its styles.
fn unstyled(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or("").to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

/// In one line, with single spaces.
fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sentences(page: &Page) -> Vec<&str> {
    let blocks = page.sections.iter().flat_map(|section| &section.blocks);
    let groups = blocks.filter_map(|block| match block {
        Block::Verdicts { groups } => Some(groups),
        _ => None,
    });
    groups.flatten().flat_map(|group| &group.verdicts).map(|line| line.sentence.as_str()).collect()
}

#[test]
fn every_width_has_every_verdict_and_no_line_is_longer() {
    let page = made_up();
    assert_eq!(sentences(&page).len(), 12);
    for width in [60, 80, 200, usize::MAX] {
        let text = unstyled(&terminal(&page, width));
        for line in text.lines() {
            assert!(line.width() <= width, "{width}: {line}");
            assert_eq!(line, line.trim_end(), "{width}");
        }
        let all = joined(&text);
        for said in sentences(&page).into_iter().chain(page.lead.iter().map(String::as_str)) {
            assert!(all.contains(said), "{width}: {said}");
        }
    }
}

#[test]
fn what_fits_nowhere_else_is_left_out_and_said_to_be() {
    let page = made_up();
    let said = |width| unstyled(&terminal(&page, width)).contains("Not shown at this width");
    assert_eq!([60, 80, 200].map(said), [true, true, false]);
    assert!(unstyled(&terminal(&page, 200)).contains("FLOPs, % of dense  seeds  verdict\n"));
    // The number that verdicts are about stays.
    assert!(unstyled(&terminal(&page, 60)).contains("difference, points  verdict\n"));
}

#[test]
fn a_column_that_is_left_out_takes_its_note_along() {
    let mut page = made_up();
    let mut blocks = page.sections.iter_mut().flat_map(|section| &mut section.blocks);
    let table = blocks.find_map(|block| match block {
        Block::Table(table) => Some(table),
        _ => None,
    });
    for column in &mut table.unwrap().columns {
        column.note = format!("What {} is.", column.key);
    }
    for (width, flops) in [(60, false), (200, true)] {
        let text = unstyled(&terminal(&page, width));
        assert_eq!(text.contains("What inference_flops_ratio is."), flops, "{width}");
        assert!(text.contains("What difference is."), "{width}");
    }
}

#[test]
fn verdicts_have_colours() {
    let text = terminal(&made_up(), 80);
    for coloured in [
        "\u{1b}[36mnon-inferior\u{1b}[0m",
        "\u{1b}[33mworse\u{1b}[0m",
        "\u{1b}[2minconclusive\u{1b}[0m",
    ] {
        assert!(text.contains(coloured), "{coloured}: {text}");
    }
    // Each style ends in its own line.
    for line in text.lines() {
        assert_eq!(line.matches('\u{1b}').count(), 2 * line.matches("\u{1b}[0m").count(), "{line}");
    }
}

#[test]
fn names_command_no_terminal() {
    let scores = [0.972, 0.9755, 0.974, 0.9735, 0.9765, 0.9725];
    let mut trials = group(&json!({"name": "dense"}), 0.0, &scores);
    let hostile = "a\u{1b}]0;title\u{7}\u{1b}[2Jb\r\u{9b}31m\u{202e}c";
    trials.extend(group(&json!({"name": hostile}), 0.9, &scores.map(|score| score - 0.02)));
    let long = "x".repeat(150);
    trials.extend(group(&json!({"name": long}), 0.9, &scores.map(|score| score - 0.01)));
    let text = terminal(&page(&trials, "dense"), 80);
    let plain = unstyled(&text);
    assert!(plain.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{plain:?}");
    assert!(joined(&plain).contains("a ]0;title [2Jb 31mc at 90 %"), "{plain}");
    // In sentences, a name that cannot be broken stays whole.
    let too_long: Vec<&str> = plain.lines().filter(|line| line.width() > 80).collect();
    assert!(!too_long.is_empty() && too_long.iter().all(|line| line.contains(&long)), "{plain}");
}

#[test]
fn without_trials_it_says_so() {
    let analysis = Analysis { control: "dense".to_owned(), ..Analysis::default() };
    let pending = [group(&json!({"name": "dense"}), 0.0, &[0.9]).remove(0).spec];
    let experiment = Experiment { pending: &pending, ..Experiment::new(&[], &analysis) };
    let page = Page::new(&Study::new(&experiment).unwrap());
    let text = unstyled(&terminal(&page, 80));
    assert!(text.ends_with("No trial has ended, so there is nothing to compare.\n"), "{text}");
}
