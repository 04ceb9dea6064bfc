//! One number for each method with its interval, as interquartile means over tasks and seeds.

use crate::{
    Figure, Heading, Interval, Notation, Palette, Series,
    csv::{CsvTable, METHOD, cell, ends, method},
    frame::{BELOW, Frame, LINE, block, labels_width},
    rows::{self, ends_for_axis, legal, number, with_interval},
    scale::{Axis, Scale, usable},
    sheet::{Format, Label, Sheet, figure, sentence},
    style::{Paint, Pen},
    text::{FONT, width, wrap},
};

/// The number of one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// The method.
    pub series: Series,
    /// The number; not finite where it is missing.
    pub value: f64,
    /// Its interval, as by a bootstrap stratified by task.
    pub interval: Option<Interval>,
}

/// Numbers of methods on one axis.
#[derive(Clone, Debug, PartialEq)]
pub struct IntervalPlot {
    /// The quantity, as `interquartile mean of accuracy over 8 data sets`.
    pub quantity: Axis,
    /// The methods, from top to bottom.
    pub rows: Vec<Estimate>,
}

const ROW: f64 = 26.0;
const STRIP: f64 = 18.0;

/// A point and an interval a row with its number beside it (Agarwal et al., 2021, "Deep
/// Reinforcement Learning at the Edge of the Statistical Precipice").
#[must_use]
pub fn interval_plot(heading: &Heading, palette: &Palette, data: &IntervalPlot) -> Figure {
    let csv = table(data);
    if !data.rows.iter().any(|row| usable(row.value)) {
        let reason = format!("No finite values of {}.", data.quantity.label);
        return sentence(heading, &reason, csv);
    }
    figure(heading, describe(data), csv, |format| draw(palette, data, format))
}

fn draw(palette: &Palette, data: &IntervalPlot, format: Format) -> Sheet {
    let total = format.width();
    let notation = data.quantity.notation;
    let text = |row: &Estimate| with_interval(row.value, row.interval, |v| number(notation, v));
    let numbers = data.rows.iter().map(|row| width(&text(row), FONT)).fold(0.0, f64::max);
    let labels = || data.rows.iter().map(|row| row.series.label.as_str());
    let (left, right, room) = if format.is_narrow() {
        (10.0, total - 10.0, total - 8.0)
    } else {
        let room = labels_width(labels(), 170.0);
        (room + 18.0, total - numbers.min(170.0) - 16.0, room)
    };
    let rows: Vec<(Vec<String>, f64)> = labels()
        .map(|label| {
            let lines = wrap(label, FONT, room);
            let tall = lines.len() as f64 * LINE;
            let height = format.pick((tall + 9.0).max(ROW), tall + STRIP + 9.0);
            (lines, height)
        })
        .collect();
    let top = 8.0;
    let bottom = top + rows.iter().map(|(_, height)| height).sum::<f64>() + 4.0;
    let frame = Frame { left, right, top, bottom };
    let intervals: Vec<Interval> = data.rows.iter().filter_map(|row| legal(row.interval)).collect();
    let mut values = ends_for_axis(&intervals);
    values.extend(data.rows.iter().map(|row| row.value));
    let sheet = Sheet::new(total, bottom + BELOW);
    // Some value is usable, and the spacing of a logarithm has no place here.
    let axis = Axis { spacing: crate::Spacing::Linear, ..data.quantity.clone() };
    let Some(along) = Scale::new(&axis, &values, 0.05, (left, right)) else { return sheet };
    for (x, _) in along.ticks_beside(|text| width(text, FONT)) {
        sheet.line(&[(x, top), (x, bottom)], Pen::new(Paint::Grid), 1.0);
    }
    let mut y = top;
    for (row, (lines, height)) in data.rows.iter().zip(&rows) {
        let tall = lines.len() as f64 * LINE;
        let (name, middle) = format
            .pick((y + height / 2.0, y + height / 2.0), (y + tall / 2.0 + 2.0, y + tall + 12.0));
        y += height;
        block(&sheet, (4.0, name), lines, Label::left());
        let numbers = text(row);
        if format.is_narrow() {
            // Beside the label where it leaves room: the number is in the CSV too.
            let taken = lines.iter().map(|line| width(line, FONT)).fold(0.0, f64::max);
            if taken + width(&numbers, FONT) + 20.0 <= total {
                sheet.text((total - 4.0, name), &numbers, Label::right().muted());
            }
        } else {
            let numbers = crate::text::fit(&numbers, FONT, total - right - 12.0);
            sheet.text((right + 12.0, middle), &numbers, Label::left());
        }
        let look = palette.look(&row.series);
        if let Some(interval) = legal(row.interval) {
            rows::interval(&sheet, &along, (left, right), middle, interval, look, [false; 2]);
        }
        if let Some(x) = along.at(row.value) {
            sheet.marker((x, middle), look, 5.0);
        }
    }
    let unit = if notation == Notation::Percent { " (%)" } else { "" };
    frame.horizontal_axis(&sheet, &along, &format!("{}{unit}", data.quantity.label));
    sheet
}

fn table(data: &IntervalPlot) -> Vec<u8> {
    let own = [data.quantity.label.as_str(), "lower", "upper"];
    let mut table = CsvTable::new(&[&METHOD[..], &own[..]].concat());
    for row in &data.rows {
        let [lower, upper] = ends(row.interval);
        table.row(method(&row.series).into_iter().chain([cell(row.value), lower, upper]));
    }
    table.finish()
}

fn describe(data: &IntervalPlot) -> String {
    let text = |value: f64| data.quantity.notation.text(value);
    let row = |row: &Estimate| match (usable(row.value), legal(row.interval)) {
        (false, _) => format!("{} missing", row.series.label),
        (true, Some(i)) if i.lower.is_finite() && i.upper.is_finite() => format!(
            "{} {} ({} to {})",
            row.series.label,
            text(row.value),
            text(i.lower),
            text(i.upper)
        ),
        _ => format!("{} {}", row.series.label, text(row.value)),
    };
    let rows: Vec<String> = data.rows.iter().map(row).collect();
    let missing = data.rows.iter().filter(|row| !usable(row.value)).count();
    format!("{}: {}.{}", data.quantity.label, rows.join("; "), crate::left_out(missing))
}
