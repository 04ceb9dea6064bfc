//! Verdicts as the template takes them: with a sign and a colour each, the same as in figures.

use dst_analysis::document::{VerdictGroup, VerdictLine};
use dst_analysis::verdict as named;
use dst_stats::verdict::Verdict;
use serde::Serialize;

/// Verdicts of a section that are read at once; the others are folded away, counted.
const OPEN: usize = 12;

/// The class of its badge.
pub(crate) fn class(verdict: Verdict) -> &'static str {
    verdict.name()
}

/// What stands for it between candidate and control, for who sees no colours.
pub(crate) fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Superior => ">",
        Verdict::NonInferior => "\u{2265}",
        Verdict::Worse => "<",
        Verdict::Inferior => "\u{226A}",
        Verdict::Inconclusive => "?",
        Verdict::NotComparable => "\u{D7}",
    }
}

/// How often a verdict was given.
#[derive(Serialize)]
pub(crate) struct Tally {
    count: usize,
    text: &'static str,
    class: &'static str,
    sign: &'static str,
}

/// Verdicts under one heading.
#[derive(Serialize)]
pub(crate) struct Group<'p> {
    title: &'p str,
    shown: Vec<Line<'p>>,
    folded: Vec<Line<'p>>,
    /// What the folded ones are.
    tally: Vec<Tally>,
}

#[derive(Serialize)]
struct Line<'p> {
    label: &'p str,
    text: &'static str,
    class: &'static str,
    sign: &'static str,
    sentence: &'p str,
    notes: &'p [String],
}

impl<'p> Line<'p> {
    fn new(line: &'p VerdictLine) -> Self {
        Self {
            label: &line.label,
            text: named(line.verdict),
            class: class(line.verdict),
            sign: sign(line.verdict),
            sentence: &line.sentence,
            notes: &line.notes,
        }
    }
}

/// Counts verdicts; those that were not given are left out.
pub(crate) fn tally<'p>(lines: impl IntoIterator<Item = &'p VerdictLine>) -> Vec<Tally> {
    let given: Vec<Verdict> = lines.into_iter().map(|line| line.verdict).collect();
    let tally = Verdict::ALL.into_iter().map(|verdict| Tally {
        count: given.iter().filter(|of| **of == verdict).count(),
        text: named(verdict),
        class: class(verdict),
        sign: sign(verdict),
    });
    tally.filter(|tally| tally.count > 0).collect()
}

/// The first twelve are shown, whatever their group; the others are folded within theirs.
pub(crate) fn groups(groups: &[VerdictGroup]) -> Vec<Group<'_>> {
    let mut room = OPEN;
    let mut laid = Vec::new();
    for VerdictGroup { title, verdicts } in groups {
        // To fold a single one away saves nothing.
        let shown = if verdicts.len() <= room + 1 { verdicts.len() } else { room };
        room = room.saturating_sub(shown);
        let (shown, folded) = verdicts.split_at(shown);
        laid.push(Group {
            title,
            shown: shown.iter().map(Line::new).collect(),
            folded: folded.iter().map(Line::new).collect(),
            tally: tally(folded),
        });
    }
    laid
}
