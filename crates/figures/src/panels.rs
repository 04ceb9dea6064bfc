//! Several small fields in one figure: small multiples.

use crate::{
    Curve, Figure, Heading, Palette,
    csv::{CsvTable, METHOD},
    curves::{Field, write},
    frame::{Frame, Key, LEAD, Side, Sign, axis_margin, labels_height, labels_width},
    scale::Axis,
    sheet::{Format, Label, Point, Sheet, figure, sentence},
    style::SERIES_LIMIT,
    text::{FONT, fit},
};

/// Lines that share a field, as those of one layer or one sparsity.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePanel {
    /// What the lines have in common, as `layer1.conv` or `98 % sparsity`.
    pub title: String,
    /// One line a method; labels may be short, since the title says the rest.
    pub lines: Vec<Curve>,
}

/// Where equal panels lie: in up to four columns, or below one another on a narrow screen.
pub(crate) struct PanelGrid {
    columns: usize,
    /// The width and the height of a panel with its titles.
    pub(crate) cell: Point,
    rows: usize,
    top: f64,
}

impl PanelGrid {
    /// Panels of this height, below `top`.
    pub(crate) fn new(count: usize, format: Format, top: f64, height: f64) -> Self {
        let columns = match count {
            _ if format.is_narrow() => 1,
            0 | 1 => 1,
            2 | 4 => 2,
            3 | 5 | 6 => 3,
            _ => 4,
        };
        let width = match columns {
            1 => format.pick(420.0, format.width()),
            2 => 310.0,
            3 => 250.0,
            _ => 242.0,
        };
        Self { columns, cell: (width, height), rows: count.div_ceil(columns), top }
    }

    pub(crate) fn width(&self) -> f64 {
        self.cell.0 * self.columns as f64
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.top + self.cell.1 * self.rows as f64
    }

    /// The upper left corner of a panel.
    pub(crate) fn corner(&self, index: usize) -> Point {
        let (row, column) = (index / self.columns, index % self.columns);
        (self.cell.0 * column as f64, self.top + self.cell.1 * row as f64)
    }
}

/// A small field a panel, all on the same axes, as the churn of each layer. More than 24 lines of a
/// panel are cut; the CSV has all.
#[must_use]
pub fn curve_panels(
    heading: &Heading,
    palette: &Palette,
    x: &Axis,
    y: &Axis,
    panels: &[CurvePanel],
) -> Figure {
    let own = [x.label.as_str(), y.label.as_str(), "lower", "upper"];
    let mut table = CsvTable::new(&[&["panel"], &METHOD[..], &own[..]].concat());
    for panel in panels {
        for line in &panel.lines {
            write(&mut table, std::slice::from_ref(&panel.title), line);
        }
    }
    let csv = table.finish();
    let shown: Vec<&[Curve]> =
        panels.iter().map(|panel| &panel.lines[..panel.lines.len().min(SERIES_LIMIT)]).collect();
    let field = match Field::new(x, y, &shown) {
        Ok(field) => field,
        Err(reason) => return sentence(heading, &reason, csv),
    };
    let text = describe(x, y, &field, panels, &shown);
    figure(heading, text, csv, |format| draw(palette, x, y, &field, panels, &shown, format))
}

fn draw(
    palette: &Palette,
    x: &Axis,
    y: &Axis,
    field: &Field,
    panels: &[CurvePanel],
    shown: &[&[Curve]],
    format: Format,
) -> Sheet {
    // Lines that all panels share are named once above them; others at their ends.
    let shared = shared(shown);
    let entry =
        |line: &Curve| (Sign::Sample(palette.look(&line.series)), line.series.label.clone());
    let key = Key::new(shared.iter().map(entry).collect());
    let room = shared.is_empty().then(|| {
        let most = format.pick(80.0, 110.0);
        labels_width(shown.iter().copied().flat_map(labels), most)
    });
    let tallest = shown
        .iter()
        .map(|lines| room.map_or(0.0, |room| labels_height(labels(lines), room)))
        .fold(0.0, f64::max);
    let inner = tallest.max(140.0);
    let (titles, ticks) = (26.0, 34.0);
    let width = PanelGrid::new(panels.len(), format, 0.0, 0.0).width();
    let above = 26.0 + key.height(width);
    let grid = PanelGrid::new(panels.len(), format, above, titles + inner + ticks);
    let sheet = Sheet::new(grid.width(), grid.bottom() + 18.0);
    sheet.text((4.0, 12.0), &fit(&y.label, FONT, sheet.width - 8.0), Label::left());
    key.draw(&sheet, 22.0);
    for (index, (panel, lines)) in panels.iter().zip(shown).enumerate() {
        let (left, top) = grid.corner(index);
        let (top, bottom) = (top + titles, top + titles + inner);
        let margin = axis_margin(&field.up((bottom, top)));
        let beside = room.map_or(16.0, |room| room + LEAD + 6.0);
        let right = left + grid.cell.0 - beside;
        let frame = Frame { left: left + margin, right, top, bottom };
        let title = fit(&panel.title, FONT, grid.cell.0 - 12.0);
        sheet.text((left + 4.0, top - 15.0), &title, Label::left().bold());
        frame.grid_lines(&sheet, &field.up((bottom, top)), 5, Side::Left);
        frame.ticks_below(&sheet, &field.along((frame.left, frame.right)));
        field.draw(&sheet, palette, &frame, lines, &[], room);
    }
    let label = fit(&x.label, FONT, sheet.width - 8.0);
    sheet.text((sheet.width / 2.0, grid.bottom() + 6.0), &label, Label::centre());
    sheet
}

/// The lines of each panel where all have the same and there is more than one; else none.
fn shared<'a>(shown: &[&'a [Curve]]) -> &'a [Curve] {
    let [first, rest @ ..] = shown else { return &[] };
    let same = |lines: &&[Curve]| {
        lines.len() == first.len() && lines.iter().zip(*first).all(|(a, b)| a.series == b.series)
    };
    if first.len() > 1 && !rest.is_empty() && rest.iter().all(same) { first } else { &[] }
}

fn labels(lines: &[Curve]) -> impl Iterator<Item = &str> {
    lines.iter().map(|line| line.series.label.as_str())
}

fn describe(
    x: &Axis,
    y: &Axis,
    field: &Field,
    panels: &[CurvePanel],
    shown: &[&[Curve]],
) -> String {
    let last = |(panel, lines): (&CurvePanel, &&[Curve])| {
        let lines: Vec<String> = lines
            .iter()
            .map(|line| format!("{} {}", line.series.label, field.last(line)))
            .collect();
        format!("{}: {}", panel.title, lines.join("; "))
    };
    let all: Vec<String> = panels.iter().zip(shown).map(last).collect();
    let more: usize =
        panels.iter().zip(shown).map(|(panel, shown)| panel.lines.len() - shown.len()).sum();
    let cut = match more {
        0 => String::new(),
        _ => format!(" Lines that are only in the CSV: {more}."),
    };
    let missing = shown.iter().map(|lines| field.missing(lines)).sum();
    format!(
        "{} against {}, {}. Last values, {}.{cut}{}",
        y.label,
        x.label,
        crate::count(panels.len(), "panel"),
        all.join(". "),
        crate::left_out(missing)
    )
}
