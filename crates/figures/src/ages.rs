//! How long connections lived before they were dropped.

use crate::{
    Figure, Heading, Palette, Series,
    csv::{CsvTable, METHOD, cell, method},
    frame::{Frame, LINE, block, widest},
    scale::{Axis, Scale},
    sheet::{Format, Label, Sheet, figure, sentence},
    style::{Paint, Pen, SERIES_LIMIT},
    text::{FONT, Notation, fit, wrap},
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

/// The ages of the connections that one method dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct AgeHistogram {
    /// The method.
    pub series: Series,
    /// The bins: of equal width, or of equal ratio with a logarithmic axis, for heights are shares.
    pub bins: Vec<AgeBin>,
}

/// A histogram a method, one below the other on the same axes, with a mark and a number at the bin
/// of the median. More than 24 methods are cut; the CSV has all.
#[must_use]
pub fn age_histograms(
    heading: &Heading,
    palette: &Palette,
    age: &Axis,
    methods: &[AgeHistogram],
) -> Figure {
    let csv = table(age, methods);
    let shown = &methods[..methods.len().min(SERIES_LIMIT)];
    let legal = |bin: &&AgeBin| bin.lower.is_finite() && bin.upper > bin.lower && bin.upper < 1e100;
    let values: Vec<f64> = shown
        .iter()
        .flat_map(|method| method.bins.iter().filter(legal))
        .filter(|bin| bin.count > 0)
        .flat_map(|bin| [bin.lower, bin.upper])
        .collect();
    if Scale::new(age, &values, 0.0, (0.0, 1.0)).is_none() {
        return sentence(heading, "No dropped connections with an age.", csv);
    }
    let below: Vec<String> = shown
        .iter()
        .map(|method| match median(method) {
            Some(bin) => format!("median {}", range(age.notation, bin)),
            None => "none dropped".into(),
        })
        .collect();
    let missing = shown.iter().flat_map(|s| &s.bins).filter(|bin| !legal(bin)).count();
    let text = describe(age, shown, methods.len(), &below, missing);
    figure(heading, text, csv, |format| draw(palette, age, shown, &values, &below, format))
}

const BARS: f64 = 36.0;

fn draw(
    palette: &Palette,
    age: &Axis,
    shown: &[AgeHistogram],
    values: &[f64],
    below: &[String],
    format: Format,
) -> Sheet {
    // Names stand left of the bars, or above them on a narrow screen.
    let room = format.pick(170.0, format.width() - 24.0);
    let names: Vec<Vec<String>> =
        shown.iter().map(|method| wrap(&method.series.label, FONT, room)).collect();
    let texts = || names.iter().flatten().chain(below).map(String::as_str);
    let left = format.pick(widest(texts()) + 32.0, 6.0);
    let lines = names.iter().map(Vec::len).max().unwrap_or(1) as f64;
    let panel = format
        .pick(((lines + 1.0) * LINE + 14.0).max(BARS + 8.0), (lines + 1.0) * LINE + BARS + 12.0);
    let bottom = 30.0 + shown.len() as f64 * panel;
    let frame = Frame { left, right: format.width() - 14.0, top: 30.0, bottom };
    let along = Scale::new(age, values, 0.0, (frame.left, frame.right)).expect("usable values");
    let placed: Vec<Vec<(f64, f64, f64)>> = shown.iter().map(|s| bars(s, &along)).collect();
    let tallest = placed
        .iter()
        .flatten()
        .map(|(.., share)| *share)
        .fold(0.0, f64::max)
        .max(f64::MIN_POSITIVE);
    let most = format.pick(panel - 8.0, BARS);

    let sheet = Sheet::new(format.width(), bottom + 48.0);
    let title = format!("share of dropped connections, highest bar {}", percent(tallest));
    sheet.text((4.0, 14.0), &fit(&title, FONT, sheet.width - 8.0), Label::left().muted());
    for (index, bars) in placed.iter().enumerate() {
        let look = palette.look(&shown[index].series);
        let base = frame.top + (index + 1) as f64 * panel;
        for (from, to, share) in bars {
            let height = share / tallest * most;
            // A hair between bars shows where bins end.
            let gap = if to - from > 4.0 { 0.8 } else { 0.0 };
            sheet.rect((*from, base - height), (to - gap, base), look.solid().alpha(0.7));
        }
        sheet.line(&[(frame.left, base), (frame.right, base)], Pen::new(Paint::Muted), 0.8);
        let (name, middle) = format.pick(
            (base - 9.0 - LINE / 2.0 - names[index].len() as f64 * LINE / 2.0, base - 9.0),
            (
                base - BARS - 6.0 - LINE - names[index].len() as f64 * LINE / 2.0,
                base - BARS - 6.0 - LINE / 2.0,
            ),
        );
        sheet.marker((9.0, name), look, 4.0);
        let name = (20.0, name);
        block(&sheet, name, &names[index], Label::left());
        sheet.text((20.0, middle), &below[index], Label::left().muted());
        let ends =
            median(&shown[index]).and_then(|bin| along.at(bin.lower).zip(along.at(bin.upper)));
        if let Some((from, to)) = ends {
            let middle = f64::midpoint(from, to);
            sheet.line(&[(middle, base), (middle, base - most)], Pen::new(Paint::Ink), 1.4);
        }
    }
    frame.horizontal_axis(&sheet, &along, &age.label);
    sheet
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
    let own = [from.as_str(), "below", "dropped connections"];
    let mut table = CsvTable::new(&[&METHOD[..], &own[..]].concat());
    for strategy in strategies {
        for bin in &strategy.bins {
            let ends = [bin.lower, bin.upper].map(cell);
            let row = method(&strategy.series).into_iter().chain(ends);
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
        .map(|(strategy, median)| format!("{} {median}", strategy.series.label))
        .collect();
    let mut text = format!(
        "{} of dropped connections, {}. The bin of the median: {}.",
        age.label,
        crate::count(shown.len(), "histogram"),
        medians.join("; ")
    );
    if all > shown.len() {
        text.push_str(&format!(" Methods that are only in the CSV: {}.", all - shown.len()));
    }
    text.push_str(&crate::left_out(missing));
    text
}
