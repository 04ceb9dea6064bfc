//! Control and candidate of the same seeds.

use crate::{
    Better, Figure, Heading,
    frame::{ABOVE, FIELD, Frame},
    scale::{Axis, Scale},
    sheet::{Label, Sheet, WIDTH},
    style::{Paint, Pen},
    table::{Table, cell},
    text::{FONT, fit},
};

/// The scores of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedPair {
    /// The seed, or what else pairs the two.
    pub seed: String,
    /// The score of the control.
    pub control: f64,
    /// The score of the candidate.
    pub candidate: f64,
}

/// Two strategies over the same seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeChart {
    /// The strategy at the left.
    pub control: String,
    /// The strategy at the right.
    pub candidate: String,
    /// The score.
    pub metric: Axis,
    /// The good direction of the score.
    pub better: Better,
    /// The seeds.
    pub pairs: Vec<SeedPair>,
}

/// One line a seed from control to candidate, solid where the candidate is better and dashed where
/// it is worse, and a thick line for the means.
#[must_use]
pub fn slope_chart(heading: &Heading, data: &SlopeChart) -> Figure {
    let csv = table(data);
    let pairs: Vec<&SeedPair> = data
        .pairs
        .iter()
        .filter(|pair| pair.control.is_finite() && pair.candidate.is_finite())
        .collect();
    let (top, bottom) = (ABOVE + 22.0, ABOVE + 22.0 + FIELD);
    let values: Vec<f64> = pairs.iter().flat_map(|p| [p.control, p.candidate]).collect();
    let Some(up) = Scale::new(&data.metric, &values, 0.05, (bottom, top)) else {
        let reason = format!("No seed with a finite {} of both strategies.", data.metric.label);
        return Sheet::sentence(heading, &reason, csv);
    };
    let sheet = Sheet::new(WIDTH, bottom + 34.0);
    let margin = crate::frame::left_margin(&up);
    let frame = Frame { left: margin, right: WIDTH - 14.0, top, bottom };
    frame.vertical_axis(&sheet, &up, &data.metric.label);
    let (left, right) = (margin + 85.0, WIDTH - 125.0);

    let mut placed = Vec::new();
    for pair in &pairs {
        if let (Some(from), Some(to)) = (up.at(pair.control), up.at(pair.candidate)) {
            placed.push((*pair, from, to));
        }
    }
    let wins = placed.iter().filter(|(pair, ..)| is_better(data, pair)).count();
    for (pair, from, to) in &placed {
        let (pen, full) = match (is_better(data, pair), pair.candidate == pair.control) {
            (true, _) => (Pen::new(Paint::series(0)), true),
            (_, true) => (Pen::new(Paint::Muted), true),
            _ => (Pen::new(Paint::series(1)).dashed(1), false),
        };
        sheet.line(&[(left, *from), (right, *to)], pen.alpha(0.8), 1.5);
        sheet.marker((left, *from), 0, 3.5, pen.paint, full);
        sheet.marker((right, *to), 0, 3.5, pen.paint, full);
    }
    let mean = |value: fn(&SeedPair) -> f64| {
        let sum: f64 = placed.iter().map(|(pair, ..)| value(pair) / placed.len() as f64).sum();
        (sum, up.at(sum))
    };
    let (control, candidate) = (mean(|pair| pair.control), mean(|pair| pair.candidate));
    for (x, name, (value, at), label, side) in [
        (left, &data.control, control, Label::right(), -10.0),
        (right, &data.candidate, candidate, Label::left(), 10.0),
    ] {
        let name = fit(name, FONT, 1.9 * x.min(WIDTH - x));
        sheet.text((x, top - 18.0), &name, Label::centre().bold());
        if let Some(at) = at {
            let text = data.metric.notation.text(value);
            sheet.text((x + side, at), &text, label.bold());
        }
    }
    if let (Some(from), Some(to)) = (control.1, candidate.1) {
        sheet.line(&[(left, from), (right, to)], Pen::new(Paint::Ink), 3.5);
        sheet.marker((left, from), 3, 5.0, Paint::Ink, true);
        sheet.marker((right, to), 3, 5.0, Paint::Ink, true);
    }
    let equal = placed.iter().filter(|(pair, ..)| pair.candidate == pair.control).count();
    let mut key = format!(
        "{} better (solid), {} worse (dashed)",
        crate::count(wins, "seed"),
        placed.len() - wins - equal
    );
    if equal > 0 {
        key.push_str(&format!(", {equal} equal (grey)"));
    }
    key.push_str("; thick: mean");
    sheet.text((f64::midpoint(left, right), bottom + 20.0), &key, Label::centre().muted());
    let notation = data.metric.notation;
    let description = format!(
        "{} of {}, {} and {} joined by seed. Mean of {} {}, of {} {}: a mean difference of {}. The \
         candidate is better for {wins} of {}.{}",
        data.metric.label,
        crate::count(placed.len(), "seed"),
        data.control,
        data.candidate,
        data.control,
        notation.text(control.0),
        data.candidate,
        notation.text(candidate.0),
        notation.difference(candidate.0 - control.0),
        crate::count(placed.len(), "seed"),
        crate::left_out(data.pairs.len() - placed.len()),
    );
    sheet.finish(heading, description, csv)
}

fn is_better(data: &SlopeChart, pair: &SeedPair) -> bool {
    data.better.order(pair.candidate + 0.0, pair.control + 0.0).is_lt()
}

fn table(data: &SlopeChart) -> Vec<u8> {
    let mut table = Table::new(&["seed", &data.control, &data.candidate, "difference"]);
    for SeedPair { seed, control, candidate } in &data.pairs {
        let numbers = [*control, *candidate, candidate - control].map(cell);
        table.row([seed.clone()].into_iter().chain(numbers));
    }
    table.finish()
}
