//! What pictures with two axes share: the frame, the legend and labels at the ends of lines.

use crate::{
    scale::Scale,
    sheet::{Label, Point, Sheet, WIDTH},
    style::{Paint, Pen},
    text::{FONT, fit, width},
};

/// The height of the field of a picture with axes.
pub(crate) const FIELD: f64 = 300.0;

/// Room above the field for the label of the vertical axis.
pub(crate) const ABOVE: f64 = 34.0;

/// Room below the field for ticks and the label of the horizontal axis.
pub(crate) const BELOW: f64 = 46.0;

/// At most so many numbers on a vertical axis.
const ROUND: usize = 8;

const ROW: f64 = 20.0;
const KEY: f64 = 34.0;

/// The rectangle in which data is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
}

impl Frame {
    /// Few horizontal lines with numbers at the left, and the name of the quantity above them.
    pub(crate) fn vertical_axis(&self, sheet: &Sheet, scale: &Scale, label: &str) {
        for (y, text) in scale.ticks(ROUND) {
            sheet.line(&[(self.left, y), (self.right, y)], Pen::new(Paint::Grid), 1.0);
            sheet.text((self.left - 7.0, y), &text, Label::right().muted());
        }
        let label = fit(label, FONT, sheet.width - 8.0);
        sheet.text((4.0, 12.0), &label, Label::left());
    }

    /// A line with ticks and numbers below, and the name of the quantity below those.
    pub(crate) fn horizontal_axis(&self, sheet: &Sheet, scale: &Scale, label: &str) {
        let pen = Pen::new(Paint::Muted);
        sheet.line(&[(self.left, self.bottom), (self.right, self.bottom)], pen, 1.0);
        for (x, text) in scale.ticks_beside(|text| width(text, FONT)) {
            sheet.line(&[(x, self.bottom), (x, self.bottom + 4.0)], pen, 1.0);
            let half = width(&text, FONT) / 2.0;
            let x = x.clamp(half, sheet.width - half);
            sheet.text((x, self.bottom + 14.0), &text, Label::centre().muted());
        }
        let label = fit(label, FONT, sheet.width - 8.0);
        let half = width(&label, FONT) / 2.0;
        let middle = f64::midpoint(self.left, self.right).clamp(half, sheet.width - half);
        sheet.text((middle, self.bottom + 33.0), &label, Label::centre());
    }
}

/// The room that the numbers of a vertical axis need at the left.
pub(crate) fn left_margin(scale: &Scale) -> f64 {
    let widest = scale.ticks(ROUND).iter().map(|(_, text)| width(text, FONT)).fold(0.0, f64::max);
    widest.min(120.0) + 12.0
}

/// The widest of some labels.
pub(crate) fn widest<'a>(labels: impl IntoIterator<Item = &'a str>) -> f64 {
    labels.into_iter().map(|label| width(label, FONT)).fold(0.0, f64::max)
}

/// Keys below the field, in as many columns as the longest label allows.
pub(crate) struct Legend {
    columns: usize,
    rows: usize,
}

impl Legend {
    pub(crate) fn new(labels: &[&str]) -> Self {
        let count = labels.len();
        let entry = widest(labels.iter().copied()) + KEY + 14.0;
        let columns = ((WIDTH - 8.0) / entry).floor().clamp(1.0, 4.0) as usize;
        Self { columns, rows: count.div_ceil(columns) }
    }

    pub(crate) fn height(&self) -> f64 {
        self.rows as f64 * ROW + 6.0
    }

    /// Draws each label, and its key by a function that is given the left end and the right end.
    pub(crate) fn draw<'a>(
        &self,
        sheet: &Sheet,
        top: f64,
        labels: impl Iterator<Item = &'a str>,
        key: impl Fn(&Sheet, usize, Point, Point),
    ) {
        let column = (sheet.width - 8.0) / self.columns as f64;
        for (index, label) in labels.enumerate() {
            let x = 4.0 + (index / self.rows.max(1)) as f64 * column;
            let y = top + (index % self.rows.max(1)) as f64 * ROW + ROW / 2.0;
            key(sheet, index, (x, y), (x + KEY - 8.0, y));
            sheet.text((x + KEY, y), &fit(label, FONT, column - KEY - 6.0), Label::left());
        }
    }
}

/// Heights for labels at these heights, in the same order, so that they lie a gap apart and within
/// the limits where these have room for all.
pub(crate) fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut placed = wanted.to_vec();
    let mut free = top;
    for index in &order {
        placed[*index] = wanted[*index].max(free);
        free = placed[*index] + gap;
    }
    let mut limit = bottom;
    for index in order.iter().rev() {
        placed[*index] = placed[*index].min(limit);
        limit = placed[*index] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_move_apart_and_stay_inside() {
        assert_eq!(spread(&[50.0, 10.0], 15.0, 0.0, 100.0), [50.0, 10.0]);
        assert_eq!(spread(&[50.0, 50.0, 52.0], 15.0, 0.0, 100.0), [50.0, 65.0, 80.0]);
        assert_eq!(spread(&[99.0, 98.0], 15.0, 0.0, 100.0), [100.0, 85.0]);
        assert!(spread(&[], 15.0, 0.0, 100.0).is_empty());
    }
}
