//! Differences from the control with their intervals, one below the other.

use crate::{
    Conclusion, Figure, Heading, Interval, Notation, Palette, Series, Spacing,
    csv::{CsvTable, METHOD, cell, ends, method},
    frame::{BELOW, Frame, Key, LINE, Sign, block, labels_width},
    rows::{self, ends_for_axis, legal, signed, with_interval},
    scale::{Axis, Scale, usable},
    sheet::{Format, Label, Point, Sheet, figure, sentence},
    style::{DASHED, Paint, Pen},
    text::{FONT, fit, width, wrap_label},
};

/// One comparison with the control.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestRow {
    /// What is compared.
    pub series: Series,
    /// The group that it stands in, as `90 % sparsity`: rows of one group follow one another, under
    /// its name. Empty for no name.
    pub group: String,
    /// Its mean minus that of the control, as larger is better; not finite where it is missing.
    pub difference: f64,
    /// The interval of the difference, from which the verdict can be read; ends may be infinite.
    pub interval: Option<Interval>,
    /// Whether an end of the interval was moved to zero or to the margin, because the correction
    /// does not allow more to be said.
    pub clipped: bool,
    /// The difference with its interval as the page writes them, as `−1.32 [−1.70, −0.95]`; empty if
    /// the figure is to write them.
    pub numbers: String,
    /// The verdict.
    pub conclusion: Conclusion,
    /// What else is to be said, as `small loss shown`; without an interval the reason, as `no
    /// test: identical`. May be empty.
    pub note: String,
}

/// Comparisons with one control.
#[derive(Clone, Debug, PartialEq)]
pub struct ForestPlot {
    /// The difference with its unit, as `accuracy minus dense`.
    pub difference: Axis,
    /// The largest loss that does not matter, not negative: a line is drawn at its negative. A
    /// margin of 0 has no line of its own.
    pub margin: Option<f64>,
    /// The comparisons, from top to bottom.
    pub rows: Vec<ForestRow>,
}

const WIDTH: f64 = 740.0;
/// The heading of the column of numbers.
const COLUMN: &str = "difference [interval]";
const TOP: f64 = 40.0;
const HEADER: f64 = 26.0;
const SMALL: f64 = 11.5;
/// From a badge to its word.
const BADGE: f64 = 21.0;
/// The height of the interval of a row in the narrow layout.
const STRIP: f64 = 20.0;

/// A point and an interval a row, with the numbers and the verdict beside it, and lines at no
/// difference and at the margin. An end that the test cannot give is an arrow, as is one far
/// outside; an end that was moved to a line is a bar.
#[must_use]
pub fn forest_plot(heading: &Heading, palette: &Palette, data: &ForestPlot) -> Figure {
    let csv = table(data);
    if data.rows.is_empty() {
        return sentence(heading, "No comparisons.", csv);
    }
    let margin = data.margin.filter(|margin| usable(*margin) && *margin != 0.0).map(f64::abs);
    let draw = |format: Format| Layout::new(palette, data, margin, format).draw();
    figure(heading, describe(data, margin), csv, draw)
}

/// Where everything lies, in one of the two formats.
struct Layout<'d> {
    palette: &'d Palette,
    format: Format,
    frame: Frame,
    width: f64,
    along: Scale,
    axis: Axis,
    margin: Option<f64>,
    items: Vec<Item<'d>>,
}

/// A row of the figure with its height.
enum Item<'d> {
    Header(&'d str),
    Row(&'d ForestRow, Vec<String>, f64),
}

impl Item<'_> {
    /// The interval that is drawn, and whether an end of it was moved.
    fn interval(&self) -> Option<(Interval, bool)> {
        match self {
            Self::Header(_) => None,
            Self::Row(row, ..) => Some((legal(row.interval)?, row.clipped)),
        }
    }

    fn height(&self) -> f64 {
        match self {
            Self::Header(_) => HEADER,
            Self::Row(.., height) => *height,
        }
    }
}

impl<'d> Layout<'d> {
    fn new(
        palette: &'d Palette,
        data: &'d ForestPlot,
        margin: Option<f64>,
        format: Format,
    ) -> Self {
        let labels = || data.rows.iter().map(|row| row.series.label.as_str());
        let axis = points(&data.difference);
        let numbers = data.rows.iter().map(|row| width(&numbers(&axis, row), FONT));
        let numbers = numbers.fold(width(COLUMN, FONT), f64::max).min(170.0) + 14.0;
        let verdict = width("not comparable", FONT) + BADGE + 4.0;
        let (from, to, room, total) = if format.is_narrow() {
            let room = format.width() - verdict - 16.0;
            (10.0, format.width() - 10.0, room, format.width())
        } else {
            let room = labels_width(labels(), 190.0);
            (room + 18.0, WIDTH - verdict - numbers - 12.0, room, WIDTH)
        };

        let mut items = Vec::new();
        let mut group = "";
        for row in &data.rows {
            if row.group != group && !row.group.is_empty() {
                items.push(Item::Header(row.group.as_str()));
            }
            group = row.group.as_str();
            let lines = wrap_label(&row.series.label, FONT, room);
            let tall = lines.len().max(1 + usize::from(has_side_note(row))) as f64 * LINE;
            let height = match format {
                // The label, the interval, and the numbers below it.
                Format::Narrow => tall + STRIP + LINE + 14.0,
                Format::Wide => (tall + 9.0).max(26.0),
            };
            items.push(Item::Row(row, lines, height));
        }
        let bottom = TOP + items.iter().map(Item::height).sum::<f64>() + 4.0;
        let frame = Frame { left: from, right: to, top: TOP, bottom };
        let along = along(data, &axis, margin, (from, to));
        Self { palette, format, frame, width: total, along, axis, margin, items }
    }

    fn draw(&self) -> Sheet {
        let key = self.key();
        let below = self.frame.bottom + BELOW;
        let sheet = Sheet::new(self.width, below + key.height(self.width));
        if self.format == Format::Wide {
            self.zones(&sheet, self.frame.top, self.frame.bottom);
            let x = self.frame.right + 14.0;
            sheet.text((x, TOP - 13.0), COLUMN, Label::left().muted());
            let x = self.verdict_left();
            sheet.text((x, TOP - 13.0), "verdict", Label::left().muted());
        }
        if self.format.is_narrow() {
            self.lines_through(&sheet);
        }
        let mut y = self.frame.top;
        for item in &self.items {
            match item {
                Item::Header(text) => {
                    let text = fit(text, FONT, self.width - 8.0);
                    let at = (4.0, y + HEADER / 2.0 + 2.0);
                    self.on_paper(&sheet, at, &text, FONT, Label::left().bold());
                    let rule = Pen::new(Paint::Muted).alpha(0.5);
                    let end = if self.format.is_narrow() { self.width } else { self.frame.left };
                    sheet.line(
                        &[(4.0, y + HEADER - 2.0), (end - 8.0, y + HEADER - 2.0)],
                        rule,
                        0.8,
                    );
                }
                Item::Row(row, lines, height) => match self.format {
                    Format::Wide => self.wide_row(&sheet, row, lines, y + height / 2.0),
                    Format::Narrow => self.narrow_row(&sheet, row, lines, y),
                },
            }
            y += item.height();
        }
        self.mark_labels(&sheet);
        self.frame.horizontal_axis(&sheet, &self.along, &self.axis.label);
        key.draw(&sheet, below);
        sheet
    }

    fn verdict_left(&self) -> f64 {
        self.width - width("not comparable", FONT) - BADGE - 4.0
    }

    fn wide_row(&self, sheet: &Sheet, row: &ForestRow, lines: &[String], middle: f64) {
        block(sheet, (4.0, middle), lines, Label::left());
        self.interval(sheet, row, middle);
        let numbers = fit(&numbers(&self.axis, row), FONT, self.verdict_left() - self.frame.right);
        sheet.text((self.frame.right + 14.0, middle), &numbers, Label::left());
        self.verdict(sheet, row, middle);
    }

    /// The label and the verdict, the interval below them, and the numbers below that.
    fn narrow_row(&self, sheet: &Sheet, row: &ForestRow, lines: &[String], top: f64) {
        let tall = lines.len().max(1 + usize::from(has_side_note(row))) as f64 * LINE;
        let middle = top + 4.0 + tall / 2.0;
        for (place, line) in lines.iter().enumerate() {
            let shift = (place as f64 - (lines.len() as f64 - 1.0) / 2.0) * LINE;
            self.on_paper(sheet, (4.0, middle + shift), line, FONT, Label::left());
        }
        self.verdict(sheet, row, middle);
        let strip = top + 4.0 + tall + 3.0;
        self.zones(sheet, strip, strip + STRIP);
        self.interval(sheet, row, strip + STRIP / 2.0);
        let numbers = fit(&numbers(&self.axis, row), SMALL, self.width - 16.0);
        let label = Label::left().muted().size(SMALL);
        self.on_paper(sheet, (10.0, strip + STRIP + LINE / 2.0), &numbers, SMALL, label);
    }

    fn verdict(&self, sheet: &Sheet, row: &ForestRow, middle: f64) {
        let x = self.verdict_left();
        let lines = if has_side_note(row) { LINE } else { 0.0 };
        let first = middle - lines / 2.0;
        let label = Label::left().paint(Paint::Verdict(row.conclusion));
        self.on_paper(sheet, (x + BADGE, first), row.conclusion.text(), FONT, label);
        sheet.badge((x + 8.0, first), row.conclusion);
        if has_side_note(row) {
            let note = fit(&row.note, SMALL, self.width - x - BADGE - 2.0);
            let at = (x + BADGE, first + LINE - 1.0);
            self.on_paper(sheet, at, &note, SMALL, Label::left().muted().size(SMALL));
        }
    }

    fn interval(&self, sheet: &Sheet, row: &ForestRow, y: f64) {
        let look = self.palette.look(&row.series);
        let point = self.along.at(row.difference);
        if let Some(interval) = legal(row.interval) {
            let at_line = |end: f64, line: f64| row.clipped && (end - line).abs() < 1e-12;
            let moved = [
                at_line(interval.lower, 0.0),
                at_line(interval.upper, -self.margin.unwrap_or(0.0)),
            ];
            let ends = (self.frame.left, self.frame.right);
            rows::interval(sheet, &self.along, ends, y, interval, look, moved);
        } else {
            let text = if row.note.is_empty() { "no interval" } else { &row.note };
            let text = fit(text, SMALL, self.frame.right - self.frame.left - 30.0);
            let length = width(&text, SMALL);
            let from = point.unwrap_or(self.frame.left - 8.0) + 12.0;
            let from = if from + length > self.frame.right {
                point.unwrap_or(self.frame.right) - 12.0 - length
            } else {
                from
            };
            let paper = Pen::new(Paint::Paper);
            sheet.rect((from - 3.0, y - 8.0), (from + length + 3.0, y + 8.0), paper);
            sheet.text((from, y), &text, Label::left().muted().size(SMALL));
        }
        if let Some(x) = point {
            sheet.marker((x, y), look, 5.0);
        }
    }

    /// Losses beyond the margin, losses within it, and gains; with a line between each.
    fn zones(&self, sheet: &Sheet, top: f64, bottom: f64) {
        let Some(zero) = self.along.at(0.0) else { return };
        let margin = self.margin.and_then(|margin| self.along.at(-margin));
        let Frame { left, right, .. } = self.frame;
        let zone = |from: f64, to: f64, paint: Paint| {
            if to > from {
                sheet.rect((from, top), (to, bottom), Pen::new(paint));
            }
        };
        zone(left, margin.unwrap_or(zero), Paint::Loss);
        zone(margin.unwrap_or(zero), zero, Paint::Band);
        zone(zero, right, Paint::Gain);
        if let Some(x) = margin {
            sheet.line(&[(x, top), (x, bottom)], Pen::new(Paint::Ink).dashed(DASHED), 1.2);
        }
        sheet.line(&[(zero, top), (zero, bottom)], Pen::new(Paint::Ink), 1.2);
    }

    /// The names of the two lines, above them.
    fn mark_labels(&self, sheet: &Sheet) {
        let Some(zero) = self.along.at(0.0) else { return };
        let Frame { left, right, top, .. } = self.frame;
        let (low, high) =
            if self.format.is_narrow() { (2.0, self.width - 2.0) } else { (left - 30.0, right) };
        let text = "no difference";
        let length = width(text, FONT);
        // The name of the margin stands left of its line, that of zero right of it, while there is
        // room; else zero has a line above.
        let x = zero.clamp(low, (high - length).max(low));
        let (lower, upper) = (top - 13.0, top - 29.0);
        let mut row = lower;
        if let Some((margin, at)) = self.margin.and_then(|m| Some((m, self.along.at(-m)?))) {
            let name = margin_text(&self.axis, margin);
            let end = at.max(low + width(&name, FONT)).min(high);
            // Of two rows, the upper name is the one whose line passes the lower name by.
            let own = match end + 6.0 > x {
                true if end + 3.0 > zero && at + 3.0 < x => upper,
                true => {
                    row = upper;
                    lower
                }
                false => lower,
            };
            sheet.text((end, own), &name, Label::right());
            sheet.line(&[(at, own + 8.0), (at, top)], Pen::new(Paint::Ink), 1.0);
        }
        sheet.text((x, row), text, Label::left());
        sheet.line(&[(zero, row + 8.0), (zero, top)], Pen::new(Paint::Ink), 1.0);
    }

    /// The two lines through all rows of the narrow layout, where intervals do not follow one another.
    fn lines_through(&self, sheet: &Sheet) {
        let Frame { top, bottom, .. } = self.frame;
        let pen = Pen::new(Paint::Ink).alpha(0.5);
        let lines = [(Some(0.0), pen), (self.margin.map(|margin| -margin), pen.dashed(DASHED))];
        for (value, pen) in lines {
            if let Some(x) = value.and_then(|value| self.along.at(value)) {
                sheet.line(&[(x, top), (x, bottom)], pen, 1.0);
            }
        }
    }

    /// Words over the lines of the narrow layout, on paper.
    fn on_paper(&self, sheet: &Sheet, at: Point, text: &str, size: f64, label: Label) {
        if self.format.is_narrow() {
            let (from, to) = (at.0 - 3.0, at.0 + width(text, size) + 3.0);
            let half = size / 2.0 + 1.0;
            sheet.rect((from, at.1 - half), (to, at.1 + half), Pen::new(Paint::Paper));
        }
        sheet.text(at, text, label);
    }

    fn key(&self) -> Key {
        let mut entries = vec![(Sign::Zone(Paint::Loss), "loss beyond the margin".to_owned())];
        match self.margin {
            Some(_) => entries.push((Sign::Zone(Paint::Band), "loss within the margin".into())),
            None => entries[0].1 = "loss".into(),
        }
        entries.push((Sign::Zone(Paint::Gain), "gain".into()));
        let drawn = || self.items.iter().filter_map(Item::interval);
        if drawn().any(|(_, clipped)| clipped) {
            entries.push((Sign::Bar, "held there by the correction".into()));
        }
        let outside = |end: f64| self.along.at(end).is_none() || !self.along.reaches(end);
        if drawn().any(|(i, _)| outside(i.lower) || outside(i.upper)) {
            entries.push((Sign::Arrow, "no limit, or outside".into()));
        }
        Key::new(entries)
    }
}

/// Whether the note stands below the verdict: without an interval it stands in its place.
fn has_side_note(row: &ForestRow) -> bool {
    !row.note.is_empty() && legal(row.interval).is_some()
}

/// The axis of differences: linear, and in points where shares differ.
fn points(difference: &Axis) -> Axis {
    let linear = difference.clone().spaced(Spacing::Linear);
    match linear.notation {
        Notation::Percent => {
            Axis { label: format!("{} (percentage points)", linear.label), ..linear }.points()
        }
        _ => linear,
    }
}

fn along(data: &ForestPlot, axis: &Axis, margin: Option<f64>, ends: (f64, f64)) -> Scale {
    let intervals: Vec<Interval> = data.rows.iter().filter_map(|row| legal(row.interval)).collect();
    let mut values = ends_for_axis(&intervals);
    values.extend(data.rows.iter().map(|row| row.difference).filter(|value| usable(*value)));
    values.extend([0.0, -margin.unwrap_or(0.0)]);
    // A little beyond both lines even where all differences lie on one side of them.
    let span = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    values.extend([span * 0.12, -margin.unwrap_or(0.0) - span * 0.12]);
    Scale::new(axis, &values, 0.05, ends).unwrap_or_else(|| Scale::between(axis, (-1.0, 1.0), ends))
}

fn numbers(axis: &Axis, row: &ForestRow) -> String {
    if !usable(row.difference) {
        return "\u{2013}".to_owned();
    }
    if !row.numbers.is_empty() {
        return row.numbers.clone();
    }
    with_interval(row.difference, row.interval, |value| signed(axis.notation, value))
}

fn margin_text(axis: &Axis, margin: f64) -> String {
    let number = match axis.notation {
        Notation::Points => crate::text::digits(-margin * 100.0, 3),
        notation => notation.text(-margin),
    };
    format!("margin {number}")
}

fn table(data: &ForestPlot) -> Vec<u8> {
    let own =
        ["group", &data.difference.label, "lower", "upper", "clipped", "margin", "verdict", "note"];
    let mut table = CsvTable::new(&[&METHOD[..], &own[..]].concat());
    for row in &data.rows {
        let [lower, upper] = ends(row.interval);
        let margin = data.margin.map_or_else(String::new, cell);
        let own = [
            row.group.clone(),
            cell(row.difference),
            lower,
            upper,
            row.clipped.to_string(),
            margin,
            row.conclusion.text().to_owned(),
            row.note.clone(),
        ];
        table.row(method(&row.series).into_iter().chain(own));
    }
    table.finish()
}

fn describe(data: &ForestPlot, margin: Option<f64>) -> String {
    let difference = |value: f64| data.difference.notation.difference(value);
    let end = |value: f64| if usable(value) { difference(value) } else { "no limit".to_owned() };
    let row = |row: &ForestRow| {
        let note = if row.note.is_empty() { String::new() } else { format!(" ({})", row.note) };
        let label = &row.series.label;
        if !usable(row.difference) {
            return format!("{label} missing, {}{note}", row.conclusion.text());
        }
        let interval = legal(row.interval)
            .map_or_else(String::new, |i| format!(" ({} to {})", end(i.lower), end(i.upper)));
        let value = difference(row.difference);
        format!("{label} {value}{interval}, {}{note}", row.conclusion.text())
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
