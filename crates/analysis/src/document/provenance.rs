//! Where the trials ran, with what, and how they are compared.

use std::collections::{BTreeMap, BTreeSet};

use dst_record::record::TrialRecord;

use super::{Block, Cell, Column, Section, Table, Topic};
use crate::format::{correction_name, margin, points};
use crate::{Margin, Study};

/// What a trial says of where it ran.
pub(super) type Source = fn(&TrialRecord) -> String;

/// Sources that should be the same for all trials, and what follows if they are not.
pub(super) const SOURCES: [(&str, Source, &str); 6] = [
    ("version of the harness", |t| t.provenance.version.clone(), "methods may differ between them"),
    ("version of libtorch", |t| t.provenance.libtorch.clone(), "rounding may differ between them"),
    ("device", |t| t.provenance.device.clone(), "times are not comparable"),
    ("machine", |t| t.provenance.host.clone(), "times are not comparable"),
    ("processor", |t| t.provenance.cpu.clone(), "times are not comparable"),
    (
        "the number of threads",
        |t| match t.provenance.threads {
            0 => String::new(),
            threads => threads.to_string(),
        },
        "times are not comparable",
    ),
];

/// Sources that are told and may differ.
const TOLD: [(&str, Source); 4] = [
    ("commit", |t| t.provenance.commit.clone()),
    ("data from", |t| t.provenance.data_origin.clone()),
    ("digest of the data", |t| t.provenance.data_digest.clone()),
    ("digest of the weights", |t| t.provenance.weights_digest.clone()),
];

/// Values of one source, empty ones left out.
pub(super) fn values(trials: &[TrialRecord], source: Source) -> BTreeSet<String> {
    trials.iter().map(source).filter(|value| !value.is_empty()).collect()
}

pub(super) fn listed(values: BTreeSet<String>) -> String {
    values.into_iter().collect::<Vec<_>>().join(", ")
}

/// How trials are compared, and where they ran.
pub(super) fn section(study: &Study<'_>) -> Section {
    Section {
        id: "provenance".to_owned(),
        topic: Topic::Provenance,
        title: "Analysis and provenance".to_owned(),
        blocks: vec![Block::Table(settings(study)), Block::Table(origins(study))],
        folds: Vec::new(),
    }
}

fn lines(id: &str, caption: &str, lines: Vec<(String, String)>) -> Table {
    let mut table =
        Table::new(id, caption, [Column::new("setting", "setting"), Column::new("value", "value")]);
    table.rows = lines
        .into_iter()
        .map(|(name, value)| vec![Cell::text_of(name), Cell::text_of(value)])
        .collect();
    table
}

fn settings(study: &Study<'_>) -> Table {
    let analysis = study.analysis();
    let line = |name: &str, value: String| (name.to_owned(), value);
    let mut rows = vec![line("control", study.control.clone())];
    rows.push(line("margin", described(analysis.margin)));
    for (name, size) in &analysis.margins {
        rows.push(line(&format!("margin of {name}"), described(*size)));
    }
    for judgement in &study.judgements {
        let metric = judgement.table.metric;
        if let Some(size) = judgement.margin {
            rows.push(line(
                &format!("margin on {}", judgement.table.place),
                format!("{}{} of {}", margin(metric, size), points(metric), metric.title()),
            ));
        }
    }
    rows.push(line("margin of the time to the control's score", described(analysis.target_margin)));
    if study.judgements.iter().any(|judgement| !judgement.seconds.backends.is_empty()) {
        rows.push(line("margin of equivalent backends", described(analysis.equivalence_margin)));
    }
    rows.push(line("alpha", analysis.alpha.to_string()));
    rows.push(line("test", format!("{}, over seeds", analysis.test.title())));
    rows.push(line(
        "correction",
        format!(
            "{}, over all planned comparisons of a family",
            correction_name(analysis.correction)
        ),
    ));
    rows.push(line("fewest pairs for a test", analysis.minimum_pairs.to_string()));
    if !analysis.looks.is_empty() {
        let looks: Vec<String> = analysis.looks.iter().map(usize::to_string).collect();
        rows.push(line("looks after seeds", looks.join(", ")));
    }
    if analysis.tuned {
        rows.push(line("compared with", "the control's best set of parameters".to_owned()));
    }
    for (dataset, metric) in &analysis.metrics {
        rows.push(line(&format!("metric of {dataset}"), metric.title().to_owned()));
    }
    if !analysis.accept_collapse.is_empty() {
        rows.push(line("one answer is accepted on", analysis.accept_collapse.join(", ")));
    }
    let caption = match study.experiment.post_hoc {
        false => "How trials are compared: fixed before they began",
        true => "How trials are compared: post hoc",
    };
    lines("settings", caption, rows)
}

fn described(margin: Margin) -> String {
    match margin {
        Margin::Absolute(size) => format!("{size} in the unit of the metric"),
        Margin::Relative(_) => format!("{margin} of what the control scores above chance"),
    }
}

/// The digests of code, each once with what has it; none if no trial has any.
fn code(trials: &[TrialRecord]) -> Option<String> {
    let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (name, digest) in trials.iter().flat_map(|trial| &trial.provenance.code) {
        names.entry(digest.chars().take(8).collect()).or_default().insert(name);
    }
    let lines = names.into_iter().map(|(digest, names)| {
        format!("{}={digest}", names.into_iter().collect::<Vec<_>>().join(", "))
    });
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    (!lines.is_empty()).then(|| lines.join("; "))
}

fn origins(study: &Study<'_>) -> Table {
    let trials = study.experiment.trials;
    let mut rows: Vec<(String, String)> = study
        .experiment
        .commands
        .iter()
        .map(|command| ("planned by".to_owned(), command.clone()))
        .collect();
    let starts = trials.iter().map(|trial| trial.provenance.started.as_str());
    if let Some(first) = starts.filter(|started| !started.is_empty()).min() {
        rows.push(("first trial began".to_owned(), first.to_owned()));
    }
    let sources = SOURCES.iter().map(|(name, source, _)| (*name, *source)).chain(TOLD);
    for (name, source) in sources {
        let values = values(trials, source);
        if !values.is_empty() {
            rows.push((name.to_owned(), listed(values)));
        }
        if name == "commit" {
            rows.extend(code(trials).map(|code| ("code".to_owned(), code)));
        }
    }
    lines("origins", "Where trials ran, and with what", rows)
}
