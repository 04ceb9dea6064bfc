//! Differences with their intervals, one below the other.

use crate::{
    Figure, Heading, Interval, Notation, Spacing,
    frame::{BELOW, Frame, widest},
    scale::{Axis, Scale, usable},
    sheet::{Label, Sheet, WIDTH},
    style::{Paint, Pen},
    table::{Table, cell, ends},
    text::{FONT, fit, width, wrap},
};

/// One comparison with the control.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestRow {
    /// What is compared.
    pub label: String,
    /// Its mean minus that of the control, as larger is better.
    pub difference: f64,
    /// The interval of the difference.
    pub interval: Option<Interval>,
    /// The verdict, as `non-inferior`.
    pub verdict: String,
}

/// Comparisons with one control.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestPlot {
    /// The difference with its unit, as `accuracy minus dense`.
    pub difference: Axis,
    /// The largest loss that does not matter, not negative: a line is drawn at its negative.
    pub margin: Option<f64>,
    /// The comparisons, from top to bottom.
    pub rows: Vec<ForestRow>,
}

/// A point and an interval a row, with lines at zero and at the margin. A point is full where its
/// interval excludes zero.
#[must_use]
pub fn forest_plot(heading: &Heading, data: &ForestPlot) -> Figure {
    let csv = table(data);
    let margin = data.margin.filter(|margin| usable(*margin)).map(f64::abs);
    let values: Vec<f64> = data
        .rows
        .iter()
        .filter(|row| usable(row.difference))
        .flat_map(|row| {
            let interval = row.interval.map_or([f64::NAN; 2], |i| [i.lower, i.upper]);
            [[row.difference; 2], interval].concat()
        })
        .collect();
    if values.is_empty() {
        return Sheet::sentence(heading, "No finite differences.", csv);
    }
    let marks = [0.0, -margin.unwrap_or(0.0)];
    let values = [&values[..], &marks].concat();

    let names: Vec<Vec<String>> =
        data.rows.iter().map(|row| wrap(&row.label, FONT, 190.0)).collect();
    let label_room = widest(names.iter().flatten().map(String::as_str)) + 16.0;
    let verdict_room =
        widest(data.rows.iter().map(|row| row.verdict.as_str())).clamp(20.0, 130.0) + 14.0;
    let top = 30.0;
    let heights: Vec<f64> =
        names.iter().map(|lines| if lines.len() > 1 { 40.0 } else { 28.0 }).collect();
    let bottom = top + heights.iter().sum::<f64>() + 4.0;
    let frame = Frame { left: label_room, right: WIDTH - verdict_room, top, bottom };
    let axis = axis(&data.difference);
    let Some(along) = Scale::new(&axis, &values, 0.06, (frame.left, frame.right)) else {
        return Sheet::sentence(heading, "No finite differences.", csv);
    };
    let sheet = Sheet::new(WIDTH, bottom + BELOW);
    draw_marks(&sheet, &frame, &along, margin, data);
    frame.horizontal_axis(&sheet, &along, &axis.label);

    let mut y = top;
    for ((row, lines), height) in data.rows.iter().zip(&names).zip(heights) {
        let middle = y + height / 2.0;
        y += height;
        for (line, text) in lines.iter().enumerate() {
            let shift = (line as f64 - (lines.len() as f64 - 1.0) / 2.0) * 16.0;
            sheet.text((4.0, middle + shift), text, Label::left());
        }
        let verdict = fit(&row.verdict, FONT, verdict_room - 14.0);
        sheet.text((frame.right + 12.0, middle), &verdict, Label::left());
        let Some(x) = along.at(row.difference) else {
            sheet.text((frame.left + 4.0, middle), "missing", Label::left().muted());
            continue;
        };
        let mut clear = false;
        if let Some((i, from, to)) =
            row.interval.and_then(|i| Some((i, along.at(i.lower)?, along.at(i.upper)?)))
        {
            clear = i.lower > 0.0 || i.upper < 0.0;
            let pen = Pen::new(Paint::series(0));
            sheet.line(&[(from, middle), (to, middle)], pen, 2.5);
            for end in [from, to] {
                sheet.line(&[(end, middle - 4.0), (end, middle + 4.0)], pen, 1.5);
            }
        }
        sheet.marker((x, middle), 1, 4.6, Paint::series(0), clear);
    }
    sheet.finish(heading, describe(data, margin), csv)
}

/// The axis of differences: linear, and in points where shares differ.
fn axis(difference: &Axis) -> Axis {
    let linear = difference.clone().spaced(Spacing::Linear);
    match linear.notation {
        Notation::Percent => {
            Axis { label: format!("{} (percentage points)", linear.label), ..linear }.points()
        }
        _ => linear,
    }
}

/// The line at zero, and the band of losses that do not matter.
fn draw_marks(sheet: &Sheet, frame: &Frame, along: &Scale, margin: Option<f64>, data: &ForestPlot) {
    let Some(zero) = along.at(0.0) else { return };
    if let Some((margin, at)) = margin.and_then(|margin| Some((margin, along.at(-margin)?))) {
        sheet.rect((at, frame.top), (zero, frame.bottom), Pen::new(Paint::Band));
        let pen = Pen::new(Paint::Ink).dashed(1);
        sheet.line(&[(at, frame.top - 4.0), (at, frame.bottom)], pen, 1.2);
        let text = format!("margin {}", data.difference.notation.difference(-margin));
        let half = width(&text, FONT) / 2.0;
        let x = at.clamp(half, sheet.width - half);
        sheet.text((x, frame.top - 14.0), &text, Label::centre().muted());
    }
    sheet.line(&[(zero, frame.top - 4.0), (zero, frame.bottom)], Pen::new(Paint::Ink), 1.2);
}

fn table(data: &ForestPlot) -> Vec<u8> {
    let mut table =
        Table::new(&["label", &data.difference.label, "lower", "upper", "margin", "verdict"]);
    for row in &data.rows {
        let [lower, upper] = ends(row.interval);
        let margin = data.margin.map_or_else(String::new, cell);
        let difference = cell(row.difference);
        table.row([row.label.clone(), difference, lower, upper, margin, row.verdict.clone()]);
    }
    table.finish()
}

fn describe(data: &ForestPlot, margin: Option<f64>) -> String {
    let difference = |value: f64| data.difference.notation.difference(value);
    let row = |row: &ForestRow| {
        if !usable(row.difference) {
            return format!("{} missing", row.label);
        }
        let interval = row.interval.map_or_else(String::new, |i| {
            format!(" ({} to {})", difference(i.lower), difference(i.upper))
        });
        format!("{} {}{interval}, {}", row.label, difference(row.difference), row.verdict)
    };
    let rows: Vec<String> = data.rows.iter().map(row).collect();
    let margin = margin
        .map_or_else(String::new, |margin| format!(" The margin is {}.", difference(-margin)));
    let missing = data.rows.iter().filter(|row| !usable(row.difference)).count();
    format!(
        "{} with intervals: {}.{margin}{}",
        data.difference.label,
        rows.join("; "),
        crate::left_out(missing)
    )
}
