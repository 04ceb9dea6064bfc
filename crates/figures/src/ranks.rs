//! The critical-difference diagram of Demšar (2006), "Statistical Comparisons of Classifiers over
//! Multiple Data Sets".

use crate::{
    Figure, Heading,
    csv::{CsvTable, cell},
    frame::{LINE, block, widest},
    sheet::{Format, Label, Sheet, figure, sentence},
    style::{Paint, Pen},
    text::{FONT, Notation, width, wrap},
};

/// A method and its mean rank over data sets.
#[derive(Clone, Debug, PartialEq)]
pub struct RankedMethod {
    /// The method.
    pub label: String,
    /// Its mean rank, from 1 for the best.
    pub mean_rank: f64,
}

/// Mean ranks of methods, and which of them cannot be told apart.
#[derive(Clone, Debug, PartialEq)]
pub struct CriticalDifferenceDiagram {
    /// The methods, in any order.
    pub methods: Vec<RankedMethod>,
    /// Groups of indices into [`Self::methods`] that the difference cannot tell apart, as
    /// `dst_stats::cliques` finds them. Indices that do not exist are ignored.
    pub cliques: Vec<Vec<usize>>,
    /// The length of the critical difference, in ranks.
    pub critical_difference: f64,
}

const AXIS: f64 = 62.0;
const BAR: f64 = 9.0;
const COLUMN: f64 = 185.0;
/// How far a bar goes past the ranks that it joins.
const OVERHANG: f64 = 4.0;

/// Methods on an axis of mean ranks, the best at the left; a bar joins those that the critical
/// difference cannot tell apart. On a narrow screen it is a list with the bars beside it.
#[must_use]
pub fn critical_difference_diagram(heading: &Heading, data: &CriticalDifferenceDiagram) -> Figure {
    let csv = table(data);
    let known = |rank: f64| (0.0..1e6).contains(&rank);
    let mut order: Vec<usize> =
        (0..data.methods.len()).filter(|index| known(data.methods[*index].mean_rank)).collect();
    order.sort_by(|a, b| data.methods[*a].mean_rank.total_cmp(&data.methods[*b].mean_rank));
    if order.len() < 2 {
        return sentence(heading, "Fewer than two methods with a mean rank.", csv);
    }
    let missing = data.methods.len() - order.len();
    figure(heading, describe(data, &order, missing), csv, |format| match format {
        Format::Wide => diagram(data, &order, format),
        Format::Narrow => list(data, &order, format),
    })
}

/// Methods from the best, each in a row with its rank; an upright bar joins those that cannot be
/// told apart.
fn list(data: &CriticalDifferenceDiagram, order: &[usize], format: Format) -> Sheet {
    const STEP: f64 = 12.0;
    let place = |index: &usize| order.iter().position(|other| other == index);
    let mut spans: Vec<(usize, usize)> = data
        .cliques
        .iter()
        .filter_map(|clique| {
            let places: Vec<usize> = clique.iter().filter_map(place).collect();
            let (first, last) = (*places.iter().min()?, *places.iter().max()?);
            (first < last).then_some((first, last))
        })
        .collect();
    spans.sort_unstable();
    spans.dedup();
    // Bars that share a row lie beside one another.
    let mut ends: Vec<usize> = Vec::new();
    let mut bars: Vec<(usize, usize, usize)> = Vec::new();
    for (first, last) in spans {
        let level = ends.iter().position(|end| *end < first).unwrap_or(ends.len());
        if level == ends.len() {
            ends.push(last);
        }
        ends[level] = last;
        bars.push((level, first, last));
    }
    let numbers = width("00.00", FONT) + 14.0;
    let right = format.width() - (ends.len() as f64 * STEP).min(140.0) - 10.0;
    let step = (format.width() - 8.0 - right) / ends.len().max(1) as f64;
    let names: Vec<Vec<String>> = order
        .iter()
        .map(|index| wrap(&data.methods[*index].label, FONT, right - numbers - 8.0))
        .collect();
    let mut tops = vec![40.0];
    for lines in &names {
        tops.push(tops[tops.len() - 1] + lines.len() as f64 * LINE + 8.0);
    }
    let sheet = Sheet::new(format.width(), tops[order.len()] + 6.0);
    sheet.text((4.0, 12.0), "mean rank, best first", Label::left().muted());
    if data.critical_difference > 0.0 && data.critical_difference < 1e6 {
        let text = format!("critical difference {:.2}", data.critical_difference);
        sheet.text((format.width() - 4.0, 12.0), &text, Label::right().muted());
    }
    for (row, index) in order.iter().enumerate() {
        let middle = f64::midpoint(tops[row], tops[row + 1]);
        let rank = format!("{:.2}", data.methods[*index].mean_rank);
        sheet.text((numbers - 12.0, middle), &rank, Label::right().bold());
        block(&sheet, (numbers, middle), &names[row], Label::left());
    }
    for (level, first, last) in bars {
        let x = right + (level as f64 + 0.5) * step;
        let bar = [(x, tops[first] + 3.0), (x, tops[last + 1] - 3.0)];
        sheet.line(&bar, Pen::new(Paint::Ink), 4.0);
    }
    sheet
}

fn diagram(data: &CriticalDifferenceDiagram, order: &[usize], format: Format) -> Sheet {
    let rank = |index: usize| data.methods[index].mean_rank;
    let last = order.iter().fold(order.len() as f64, |top, index| top.max(rank(*index).ceil()));
    let first = order.iter().fold(1.0_f64, |low, index| low.min(rank(*index).floor()));

    // Half of the methods are named at the left, the others at the right, the outermost on top.
    let (near, far) = order.split_at(order.len().div_ceil(2));
    let sides: [Vec<usize>; 2] = [near.to_vec(), far.iter().rev().copied().collect()];
    let name = |index: usize, left: bool| {
        let number = format!("{:.2}", rank(index));
        let mut lines = wrap(&data.methods[index].label, FONT, COLUMN - width("00.00 ", FONT));
        let at = if left { lines.len() - 1 } else { 0 };
        lines[at] = if left {
            format!("{}\u{2002}{number}", lines[at])
        } else {
            format!("{number}\u{2002}{}", lines[at])
        };
        lines
    };
    let names = [true, false].map(|left| {
        let side = &sides[usize::from(!left)];
        side.iter().map(|index| name(*index, left)).collect::<Vec<_>>()
    });
    let room = |side: usize| widest(names[side].iter().flatten().map(String::as_str)) + 18.0;
    let (from, to) = (room(0), format.width() - room(1));
    let at = |value: f64| from + (value - first) / (last - first) * (to - from);

    // Bars on one level are drawn a little longer than they are, and must not touch.
    let apart = 2.0 * (OVERHANG + 1.0) * (last - first) / (to - from);
    let bars = levels(data, order, apart);
    let deepest = bars.iter().map(|(level, ..)| level + 1).max().unwrap_or(0);
    let rows_top = AXIS + 26.0 + deepest as f64 * BAR;
    let row = |lines: &[String]| if lines.len() > 1 { 38.0 } else { 22.0 };
    let tallest = names.iter().map(|side| side.iter().map(|lines| row(lines)).sum::<f64>());
    let sheet = Sheet::new(format.width(), rows_top + tallest.fold(0.0, f64::max) + 6.0);

    let thin = Pen::new(Paint::Muted);
    for side in 0..2 {
        let mut y = rows_top;
        for (index, lines) in sides[side].iter().zip(&names[side]) {
            let middle = y + row(lines) / 2.0;
            y += row(lines);
            let x = at(rank(*index));
            let (end, text, label) = if side == 0 {
                (from - 10.0, from - 16.0, Label::right())
            } else {
                (to + 10.0, to + 16.0, Label::left())
            };
            sheet.line(&[(x, AXIS), (x, middle), (end, middle)], thin, 1.2);
            sheet.disc((x, AXIS), 3.2, Pen::new(Paint::Ink));
            for (line, content) in lines.iter().enumerate() {
                let shift = (line as f64 - (lines.len() as f64 - 1.0) / 2.0) * 16.0;
                sheet.text((text, middle + shift), content, label);
            }
        }
    }
    draw_axis(&sheet, data.critical_difference, (first, last), at);
    for (level, low, high) in &bars {
        let y = AXIS + 13.0 + *level as f64 * BAR;
        let ends = [(at(*low) - OVERHANG, y), (at(*high) + OVERHANG, y)];
        sheet.line(&ends, Pen::new(Paint::Ink), 4.0);
    }
    sheet
}

fn draw_axis(sheet: &Sheet, length: f64, (first, last): (f64, f64), at: impl Fn(f64) -> f64) {
    let pen = Pen::new(Paint::Ink);
    sheet.line(&[(at(first), AXIS), (at(last), AXIS)], pen, 1.2);
    let every = ((last - first) * 22.0 / (at(last) - at(first))).ceil().max(1.0);
    let mut tick = first;
    while tick <= last {
        sheet.line(&[(at(tick), AXIS - 5.0), (at(tick), AXIS)], pen, 1.2);
        sheet.text((at(tick), AXIS - 14.0), &format!("{tick}"), Label::centre().muted());
        tick += every;
    }
    if length > 0.0 && length <= last - first {
        let (from, to, y) = (at(first), at(first + length), 14.0);
        sheet.line(&[(from, y), (to, y)], pen, 2.0);
        for end in [from, to] {
            sheet.line(&[(end, y - 4.0), (end, y + 4.0)], pen, 1.2);
        }
        let text = format!("critical difference {length:.2}");
        let length = width(&text, FONT);
        if to + 8.0 + length <= sheet.width {
            sheet.text((to + 8.0, y), &text, Label::left());
        } else if from - 8.0 >= length {
            sheet.text((from - 8.0, y), &text, Label::right());
        } else {
            let half = length / 2.0;
            let middle = f64::midpoint(from, to).max(half).min(sheet.width - half);
            sheet.text((middle, y + 16.0), &text, Label::centre());
        }
    } else if length > 0.0 {
        let length = Notation::Plain.text(length);
        let text = format!("critical difference {length}, longer than the axis");
        sheet.text((sheet.width / 2.0, 14.0), &text, Label::centre());
    }
}

/// The bars with the ranks at their ends, on as few levels as keep them so many ranks apart.
fn levels(data: &CriticalDifferenceDiagram, known: &[usize], apart: f64) -> Vec<(usize, f64, f64)> {
    let mut spans: Vec<(f64, f64)> = Vec::new();
    for clique in &data.cliques {
        let members = clique.iter().filter(|index| known.contains(index));
        let ranks: Vec<f64> = members.map(|index| data.methods[*index].mean_rank).collect();
        if ranks.len() > 1 {
            let low = ranks.iter().copied().fold(f64::INFINITY, f64::min);
            spans.push((low, ranks.iter().copied().fold(f64::NEG_INFINITY, f64::max)));
        }
    }
    spans.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut ends: Vec<f64> = Vec::new();
    let mut placed = Vec::new();
    for (low, high) in spans {
        let level = ends.iter().position(|end| *end + apart < low).unwrap_or(ends.len());
        if level == ends.len() {
            ends.push(high);
        }
        ends[level] = high;
        placed.push((level, low, high));
    }
    placed
}

fn table(data: &CriticalDifferenceDiagram) -> Vec<u8> {
    let mut table = CsvTable::new(&["method", "mean rank", "cliques", "critical difference"]);
    for (index, method) in data.methods.iter().enumerate() {
        let member = data.cliques.iter().enumerate().filter(|(_, clique)| clique.contains(&index));
        let cliques: Vec<String> = member.map(|(number, _)| (number + 1).to_string()).collect();
        let numbers = (cell(method.mean_rank), cell(data.critical_difference));
        table.row([method.label.clone(), numbers.0, cliques.join(" "), numbers.1]);
    }
    table.finish()
}

fn describe(data: &CriticalDifferenceDiagram, order: &[usize], missing: usize) -> String {
    let method = |index: &usize| &data.methods[*index];
    let ranks: Vec<String> =
        order.iter().map(|i| format!("{} {:.2}", method(i).label, method(i).mean_rank)).collect();
    let groups: Vec<String> = data
        .cliques
        .iter()
        .map(|clique| {
            let names = clique.iter().filter_map(|index| data.methods.get(*index));
            names.map(|method| method.label.as_str()).collect::<Vec<_>>().join(", ")
        })
        .filter(|names| !names.is_empty())
        .collect();
    let apart = if groups.is_empty() {
        "All pairs are told apart.".to_owned()
    } else {
        format!("Not told apart: {}.", groups.join("; "))
    };
    format!(
        "Mean ranks, best first: {}. The critical difference is {}. {apart}{}",
        ranks.join("; "),
        Notation::Plain.text(data.critical_difference),
        crate::left_out(missing)
    )
}
