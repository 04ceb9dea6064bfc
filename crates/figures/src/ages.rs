//! How long connections lived before they were dropped.

use crate::{
    Figure, Heading,
    frame::{Frame, widest},
    scale::{Axis, Scale},
    sheet::{Label, Sheet, WIDTH},
    style::{Paint, Pen, SERIES_LIMIT},
    table::{Table, cell},
    text::{FONT, Notation, wrap},
};

/// Dropped connections whose age lies in a range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgeBin {
    /// The smallest age.
    pub lower: f64,
    /// The age from which the next bin counts.
    pub upper: f64,
    /// How many connections.
    pub count: u64,
}

/// The ages of the connections that one strategy dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct AgeHistogram {
    /// The strategy.
    pub label: String,
    /// The bins: of equal width, or of equal ratio with a logarithmic axis, for heights are shares.
    pub bins: Vec<AgeBin>,
}

/// A histogram a strategy, one below the other on the same axes, with a mark and a number at the
/// bin of the median. More than 24 strategies are cut; the CSV has all.
#[must_use]
pub fn age_histograms(heading: &Heading, age: &Axis, strategies: &[AgeHistogram]) -> Figure {
    let csv = table(age, strategies);
    let shown = &strategies[..strategies.len().min(SERIES_LIMIT)];
    let legal = |bin: &&AgeBin| bin.lower.is_finite() && bin.upper > bin.lower && bin.upper < 1e100;
    let values: Vec<f64> = shown
        .iter()
        .flat_map(|strategy| strategy.bins.iter().filter(legal))
        .filter(|bin| bin.count > 0)
        .flat_map(|bin| [bin.lower, bin.upper])
        .collect();
    let names: Vec<Vec<String>> =
        shown.iter().map(|strategy| wrap(&strategy.label, FONT, 170.0)).collect();
    let medians: Vec<Option<AgeBin>> = shown.iter().map(median).collect();
    let below: Vec<String> = medians
        .iter()
        .map(|bin| {
            bin.map_or("none dropped".into(), |bin| format!("median {}", range(age.notation, bin)))
        })
        .collect();
    let left = widest(names.iter().flatten().chain(&below).map(String::as_str)) + 16.0;
    // The name in one line or two, and the median below it.
    let panel = if names.iter().any(|lines| lines.len() > 1) { 60.0 } else { 44.0 };
    let bottom = 30.0 + shown.len() as f64 * panel;
    let frame = Frame { left, right: WIDTH - 14.0, top: 30.0, bottom };
    let Some(along) = Scale::new(age, &values, 0.0, (frame.left, frame.right)) else {
        return Sheet::sentence(heading, "No dropped connections with an age.", csv);
    };
    let placed: Vec<Vec<(f64, f64, f64)>> = shown.iter().map(|s| bars(s, &along)).collect();
    let tallest = placed
        .iter()
        .flatten()
        .map(|(.., share)| *share)
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);

    let sheet = Sheet::new(WIDTH, bottom + 48.0);
    let title = format!("share of dropped connections, highest bar {}", percent(tallest));
    sheet.text((4.0, 14.0), &title, Label::left().muted());
    for (index, bars) in placed.iter().enumerate() {
        let base = frame.top + (index + 1) as f64 * panel;
        for (from, to, share) in bars {
            let height = share / tallest * (panel - 8.0);
            let pen = Pen::new(Paint::series(index)).alpha(0.7);
            // A hair between bars shows where bins end.
            let gap = if to - from > 4.0 { 0.8 } else { 0.0 };
            sheet.rect((*from, base - height), (to - gap, base), pen);
        }
        sheet.line(&[(frame.left, base), (frame.right, base)], Pen::new(Paint::Muted), 0.8);
        for (line, text) in names[index].iter().enumerate() {
            let shift = (line as f64 - (names[index].len() as f64 - 1.0)) * 16.0;
            sheet.text((4.0, base - 25.0 + shift), text, Label::left());
        }
        sheet.text((4.0, base - 9.0), &below[index], Label::left().muted());
        let ends = medians[index].and_then(|bin| along.at(bin.lower).zip(along.at(bin.upper)));
        if let Some((from, to)) = ends {
            let middle = f64::midpoint(from, to);
            let mark = [(middle, base), (middle, base - panel + 8.0)];
            sheet.line(&mark, Pen::new(Paint::Ink), 1.4);
        }
    }
    frame.horizontal_axis(&sheet, &along, &age.label);
    let missing = shown.iter().flat_map(|s| &s.bins).filter(|bin| !legal(bin)).count();
    sheet.finish(heading, describe(age, shown, strategies.len(), &below, missing), csv)
}

fn percent(share: f64) -> String {
    format!("{} %", crate::text::digits(share * 100.0, 2))
}

fn range(notation: Notation, bin: AgeBin) -> String {
    format!("{} to {}", notation.text(bin.lower), notation.text(bin.upper))
}

/// The ends of the bars with their share of all connections.
fn bars(strategy: &AgeHistogram, along: &Scale) -> Vec<(f64, f64, f64)> {
    let total: f64 = strategy.bins.iter().map(|bin| bin.count as f64).sum();
    let bar = |bin: &AgeBin| {
        let share = bin.count as f64 / total;
        (bin.upper > bin.lower && share > 0.0)
            .then(|| Some((along.at(bin.lower)?, along.at(bin.upper)?, share)))
            .flatten()
    };
    strategy.bins.iter().filter_map(bar).collect()
}

/// The bin in which half of the connections have been counted.
fn median(strategy: &AgeHistogram) -> Option<AgeBin> {
    let mut bins: Vec<AgeBin> = strategy.bins.iter().filter(|bin| bin.count > 0).copied().collect();
    bins.sort_by(|a, b| a.lower.total_cmp(&b.lower));
    let total: f64 = bins.iter().map(|bin| bin.count as f64).sum();
    let mut counted = 0.0;
    bins.into_iter().find(|bin| {
        counted += bin.count as f64;
        counted * 2.0 >= total
    })
}

fn table(age: &Axis, strategies: &[AgeHistogram]) -> Vec<u8> {
    let from = format!("{} from", age.label);
    let mut table = Table::new(&["strategy", &from, "below", "dropped connections"]);
    for strategy in strategies {
        for bin in &strategy.bins {
            let ends = [bin.lower, bin.upper].map(cell);
            let row = [strategy.label.clone()].into_iter().chain(ends);
            table.row(row.chain([bin.count.to_string()]));
        }
    }
    table.finish()
}

fn describe(
    age: &Axis,
    shown: &[AgeHistogram],
    all: usize,
    medians: &[String],
    missing: usize,
) -> String {
    let medians: Vec<String> = shown
        .iter()
        .zip(medians)
        .map(|(strategy, median)| format!("{} {median}", strategy.label))
        .collect();
    let mut text = format!(
        "{} of dropped connections, {}. The bin of the median: {}.",
        age.label,
        crate::count(shown.len(), "histogram"),
        medians.join("; ")
    );
    if all > shown.len() {
        text.push_str(&format!(" Strategies that are in the CSV alone: {}.", all - shown.len()));
    }
    text.push_str(&crate::left_out(missing));
    text
}
