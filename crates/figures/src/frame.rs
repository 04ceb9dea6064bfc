//! What figures with two axes share: the frame, labels at the ends of lines, and keys.

use crate::{
    palette::Look,
    scale::Scale,
    sheet::{Label, Point, Sheet},
    style::{DOTTED, Paint, Pen},
    text::{FONT, fit, width, wrap_label},
};

/// The height of the field of a figure with axes.
pub(crate) const FIELD: f64 = 300.0;

/// Room above the field for the label of the vertical axis.
pub(crate) const ABOVE: f64 = 34.0;

/// Room below the field for ticks and the label of the horizontal axis.
pub(crate) const BELOW: f64 = 46.0;

/// At most so many numbers on a vertical axis.
const ROUND: usize = 8;

/// Where the numbers of a vertical axis stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Left,
    Right,
}

/// The rectangle in which data is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Frame {
    /// Few horizontal lines with numbers at a side, and the name of the quantity above them.
    pub(crate) fn vertical_axis(&self, sheet: &Sheet, scale: &Scale, label: &str, side: Side) {
        self.grid_lines(sheet, scale, ROUND, side);
        let label = fit(label, FONT, sheet.width - 8.0);
        let (x, align) = match side {
            Side::Left => (4.0, Label::left()),
            Side::Right => (sheet.width - 4.0, Label::right()),
        };
        sheet.text((x, 12.0), &label, align);
    }

    /// At most so many horizontal lines with numbers.
    pub(crate) fn grid_lines(&self, sheet: &Sheet, scale: &Scale, count: usize, side: Side) {
        for (y, text) in scale.ticks(count) {
            sheet.line(&[(self.left, y), (self.right, y)], Pen::new(Paint::Grid), 1.0);
            let (x, align) = match side {
                Side::Left => (self.left - 7.0, Label::right()),
                Side::Right => (self.right + 7.0, Label::left()),
            };
            sheet.text((x, y), &text, align.muted());
        }
    }

    /// A line with ticks and numbers below.
    pub(crate) fn ticks_below(&self, sheet: &Sheet, scale: &Scale) {
        let pen = Pen::new(Paint::Muted);
        sheet.line(&[(self.left, self.bottom), (self.right, self.bottom)], pen, 1.0);
        for (x, text) in scale.ticks_beside(|text| width(text, FONT)) {
            sheet.line(&[(x, self.bottom), (x, self.bottom + 4.0)], pen, 1.0);
            let half = width(&text, FONT) / 2.0;
            let x = x.clamp(half, sheet.width - half);
            sheet.text((x, self.bottom + 14.0), &text, Label::centre().muted());
        }
    }

    /// As [`Self::ticks_below`], and the name of the quantity below those.
    pub(crate) fn horizontal_axis(&self, sheet: &Sheet, scale: &Scale, label: &str) {
        self.ticks_below(sheet, scale);
        let label = fit(label, FONT, sheet.width - 8.0);
        let half = width(&label, FONT) / 2.0;
        let middle = f64::midpoint(self.left, self.right).clamp(half, sheet.width - half);
        sheet.text((middle, self.bottom + 33.0), &label, Label::centre());
    }
}

/// The room that the numbers of a vertical axis need beside it.
pub(crate) fn axis_margin(scale: &Scale) -> f64 {
    let widest = scale.ticks(ROUND).iter().map(|(_, text)| width(text, FONT)).fold(0.0, f64::max);
    widest.min(120.0) + 12.0
}

/// The widest of some labels.
pub(crate) fn widest<'a>(labels: impl IntoIterator<Item = &'a str>) -> f64 {
    labels.into_iter().map(|label| width(label, FONT)).fold(0.0, f64::max)
}

/// Below this distance two lines of text touch.
pub(crate) const LINE: f64 = 15.0;

/// From the field to the text of a label at the end of a line: the way that leads to it, and a
/// sample of the line.
pub(crate) const LEAD: f64 = 42.0;

const SAMPLE: f64 = 22.0;

/// The label of a line beside the field.
pub(crate) struct EndLabel {
    /// Where the line ends.
    pub(crate) end: Point,
    pub(crate) look: Look,
    /// One line of text or two.
    pub(crate) lines: Vec<String>,
    /// Whether a marker lies on the sample.
    pub(crate) marked: bool,
}

impl EndLabel {
    pub(crate) fn new(end: Point, look: Look, text: &str, room: f64) -> Self {
        Self { end, look, lines: wrap_label(text, FONT, room), marked: true }
    }

    fn height(&self) -> f64 {
        self.lines.len() as f64 * LINE + 2.0
    }
}

/// The height that labels need beside a field.
pub(crate) fn labels_height<'a>(labels: impl IntoIterator<Item = &'a str>, room: f64) -> f64 {
    let lines = labels.into_iter().map(|label| wrap_label(label, FONT, room).len() as f64);
    lines.map(|lines| lines * LINE + 2.0).sum()
}

/// The widest line of labels that are wrapped at this width.
pub(crate) fn labels_width<'a>(labels: impl IntoIterator<Item = &'a str>, most: f64) -> f64 {
    let lines: Vec<String> =
        labels.into_iter().flat_map(|label| wrap_label(label, FONT, most)).collect();
    widest(lines.iter().map(String::as_str))
}

/// Labels beside the field, apart from one another, each led to the end of its line.
pub(crate) fn end_labels(sheet: &Sheet, frame: &Frame, side: Side, labels: &[EndLabel]) {
    let wanted: Vec<(f64, f64)> = labels.iter().map(|l| (l.end.1, l.height())).collect();
    let heights = spread(&wanted, frame.top - LINE / 2.0, frame.bottom + LINE / 2.0);
    let (edge, sign) = match side {
        Side::Left => (frame.left, -1.0),
        Side::Right => (frame.right, 1.0),
    };
    for (label, y) in labels.iter().zip(&heights) {
        let away = (edge - label.end.0).abs();
        // A line that ends early must not seem to go on.
        let pen = Pen::new(label.look.paint).alpha(0.6);
        let pen = if away > 1.0 { pen.dashed(DOTTED) } else { pen };
        let turn = edge + sign * (LEAD - SAMPLE - 4.0);
        sheet.line(&[(label.end.0 + sign * 3.0, label.end.1), (turn, *y)], pen, 1.0);
    }
    for (label, y) in labels.iter().zip(heights) {
        let (near, far) = (edge + sign * (LEAD - SAMPLE - 4.0), edge + sign * (LEAD - 4.0));
        // Dashes begin at the left of each sample, so that samples of one style look alike.
        let (from, to) = (f64::min(near, far), f64::max(near, far));
        sheet.line(&[(from, y), (to, y)], label.look.pen(), 2.0);
        if label.marked {
            sheet.marker((f64::midpoint(from, to), y), label.look, 3.8);
        }
        let align = if side == Side::Left { Label::right() } else { Label::left() };
        block(sheet, (edge + sign * LEAD, y), &label.lines, align);
    }
}

/// Lines of text with their middle at this height.
pub(crate) fn block(sheet: &Sheet, (x, y): Point, lines: &[String], label: Label) {
    for (index, line) in lines.iter().enumerate() {
        let shift = (index as f64 - (lines.len() as f64 - 1.0) / 2.0) * LINE;
        sheet.text((x, y + shift), line, label);
    }
}

/// What an entry of a key shows before its text.
pub(crate) enum Sign {
    Line(Pen),
    /// A line with its marker.
    Sample(Look),
    Marker(Look),
    Zone(Paint),
    /// An end of an interval that was moved.
    Bar,
    /// An end of an interval that lies outside.
    Arrow,
    /// The dot of a cell that is too small for a number.
    Dot,
    /// The text says it itself.
    None,
}

/// Entries that explain markers and shades, in rows below a field.
pub(crate) struct Key(Vec<(Sign, String)>);

impl Key {
    pub(crate) fn new(entries: Vec<(Sign, String)>) -> Self {
        Self(entries)
    }

    fn places(&self, room: f64) -> Vec<Point> {
        let (mut x, mut y) = (4.0, 11.0);
        let mut places = Vec::new();
        for (sign, text) in &self.0 {
            let length = sign_width(sign) + 6.0 + width(text, FONT);
            if x > 4.0 && x + length > room - 4.0 {
                (x, y) = (4.0, y + 20.0);
            }
            places.push((x, y));
            x += length + 18.0;
        }
        places
    }

    pub(crate) fn height(&self, room: f64) -> f64 {
        self.places(room).last().map_or(0.0, |(_, y)| y + 13.0)
    }

    pub(crate) fn draw(&self, sheet: &Sheet, top: f64) {
        for ((sign, text), (x, y)) in self.0.iter().zip(self.places(sheet.width)) {
            let (y, room) = (top + y, sign_width(sign));
            match sign {
                Sign::Line(pen) => sheet.line(&[(x, y), (x + room, y)], *pen, 2.0),
                Sign::Sample(look) => {
                    sheet.line(&[(x, y), (x + room, y)], look.pen(), 2.0);
                    sheet.marker((x + room / 2.0, y), *look, 3.8);
                }
                Sign::Marker(look) => sheet.marker((x + room / 2.0, y), *look, 4.2),
                Sign::Bar => {
                    let pen = Pen::new(Paint::Muted);
                    sheet.line(&[(x + 2.0, y - 6.0), (x + 2.0, y + 6.0)], pen, 3.5);
                    sheet.line(&[(x + 2.0, y), (x + room, y)], pen, 2.4);
                }
                Sign::Arrow => {
                    let pen = Pen::new(Paint::Muted);
                    let tip = [(x + room, y), (x + room - 9.0, y - 5.0), (x + room - 9.0, y + 5.0)];
                    sheet.line(&[(x, y), (x + room - 5.0, y)], pen, 2.4);
                    sheet.polygon(&tip, pen);
                }
                Sign::None => {}
                Sign::Dot => sheet.disc((x + room / 2.0, y), 2.0, Pen::new(Paint::Ink)),
                Sign::Zone(paint) => {
                    // Shades are faint: an edge shows where the swatch ends.
                    sheet.rect((x, y - 7.0), (x + room, y + 7.0), Pen::new(Paint::Muted));
                    sheet.rect((x + 1.0, y - 6.0), (x + room - 1.0, y + 6.0), Pen::new(*paint));
                }
            }
            let text = fit(text, FONT, sheet.width - x - room - 8.0);
            sheet.text((x + room + 6.0, y), &text, Label::left().muted());
        }
    }
}

fn sign_width(sign: &Sign) -> f64 {
    match sign {
        Sign::Line(_) | Sign::Sample(_) => 26.0,
        Sign::Marker(_) | Sign::Dot => 11.0,
        Sign::Zone(_) | Sign::Bar | Sign::Arrow => 18.0,
        Sign::None => 0.0,
    }
}

/// Middles for blocks, given by the middle that each wants and its height, in the same order, so
/// that none overlap and all lie within the limits where these have room for all. Blocks that
/// would overlap move apart about the mean of where they want to be (pool adjacent violators).
pub(crate) fn spread(wanted: &[(f64, f64)], top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].0.total_cmp(&wanted[*b].0));
    // Less the heights before it, a block may lie anywhere not above the one before.
    let mut before = 0.0;
    let mut offsets = vec![0.0; wanted.len()];
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for index in &order {
        let (middle, height) = wanted[*index];
        offsets[*index] = before + height / 2.0;
        before += height;
        let mut pool = (middle - offsets[*index], 1);
        while let Some((mean, count)) = pools.last().copied().filter(|last| last.0 > pool.0) {
            let total = mean * count as f64 + pool.0 * pool.1 as f64;
            pool = (total / (count + pool.1) as f64, count + pool.1);
            pools.pop();
        }
        pools.push(pool);
    }
    let mut placed = vec![0.0; wanted.len()];
    let means = pools.iter().flat_map(|(mean, count)| std::iter::repeat_n(*mean, *count));
    for (index, mean) in order.into_iter().zip(means) {
        placed[index] = mean.min(bottom - before).max(top) + offsets[index];
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_apart_and_stay_inside() {
        let of = |middles: &[f64]| -> Vec<f64> {
            let wanted: Vec<(f64, f64)> = middles.iter().map(|middle| (*middle, 10.0)).collect();
            spread(&wanted, 0.0, 100.0)
        };
        assert_eq!(of(&[50.0, 10.0]), [50.0, 10.0]);
        assert_eq!(of(&[50.0, 50.0, 50.0]), [40.0, 50.0, 60.0]);
        assert_eq!(of(&[99.0, 98.0]), [95.0, 85.0]);
        assert_eq!(of(&[-3.0, 60.0, 64.0]), [5.0, 57.0, 67.0]);
        assert!(of(&[]).is_empty());
        assert_eq!(spread(&[(50.0, 10.0), (50.0, 30.0)], 0.0, 100.0), [40.0, 60.0]);
    }
}
