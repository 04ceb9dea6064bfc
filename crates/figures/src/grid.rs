//! What heat maps share: cells, names at the left, and a scale of shades.

use crate::{
    sheet::{Label, Point, Sheet},
    style::{HEAT, Paint, Pen},
    text::{FONT, fit, width},
};

/// What a cell shows.
pub(crate) enum Cell {
    /// A shade, with a text where the figure has room for it.
    Shade { paint: Paint, text: Option<(String, bool)> },
    /// No value: crossed out.
    Missing,
    /// Not a cell, as on the diagonal of pairs.
    Blank,
}

/// No matrix is wider than this, so that a page of 1280 pixels shows it whole.
pub(crate) const MATRIX: f64 = 1160.0;

/// A rectangle of equal cells.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) origin: Point,
    pub(crate) cell: Point,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Grid {
    pub(crate) fn right(&self) -> f64 {
        self.origin.0 + self.cell.0 * self.columns as f64
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.origin.1 + self.cell.1 * self.rows as f64
    }

    /// The middle of a column.
    pub(crate) fn across(&self, column: usize) -> f64 {
        self.origin.0 + self.cell.0 * (column as f64 + 0.5)
    }

    /// The middle of a row.
    pub(crate) fn down(&self, row: usize) -> f64 {
        self.origin.1 + self.cell.1 * (row as f64 + 0.5)
    }

    /// Draws all cells. Neighbours of one shade become one rectangle where cells are small.
    pub(crate) fn draw(&self, sheet: &Sheet, size: f64, cell: impl Fn(usize, usize) -> Cell) {
        let gap = if self.cell.0.min(self.cell.1) >= 14.0 { 1.0 } else { 0.0 };
        let mut shades: Vec<(u8, Point, Point)> = Vec::new();
        let mut texts: Vec<(Paint, bool, Point, String)> = Vec::new();
        for row in 0..self.rows {
            let (top, bottom) =
                (self.down(row) - self.cell.1 / 2.0, self.down(row) + self.cell.1 / 2.0 - gap);
            for column in 0..self.columns {
                let left = self.across(column) - self.cell.0 / 2.0;
                let right = left + self.cell.0 - gap;
                match cell(row, column) {
                    Cell::Shade { paint, text } => {
                        if let Some((text, bold)) = text {
                            let at = (self.across(column) - gap / 2.0, self.down(row) - gap / 2.0);
                            texts.push((paint.text_on(), bold, at, text));
                        }
                        let Paint::Heat(step) = paint else { continue };
                        match shades.last_mut() {
                            Some((last, from, to))
                                if gap == 0.0
                                    && *last == step
                                    && from.1 == top
                                    && (to.0 - left).abs() < 0.01 =>
                            {
                                to.0 = right;
                            }
                            _ => shades.push((step, (left, top), (right, bottom))),
                        }
                    }
                    Cell::Missing => {
                        // Drawn at once: there are few, and they need no order.
                        let pen = Pen::new(Paint::Muted).alpha(0.6);
                        sheet.line(
                            &[(left + 1.0, bottom - 1.0), (right - 1.0, top + 1.0)],
                            pen,
                            0.8,
                        );
                    }
                    Cell::Blank => {}
                }
            }
        }
        // One shade after the other, so that each is one group of the file.
        shades.sort_by_key(|(step, ..)| *step);
        for (step, from, to) in shades {
            sheet.rect(from, to, Pen::new(Paint::Heat(step)));
        }
        texts.sort_by_key(|(paint, bold, ..)| (*paint == Paint::Paper, *bold));
        for (paint, bold, at, text) in texts {
            let label = Label::centre().paint(paint).size(size);
            sheet.text(at, &text, if bold { label.bold() } else { label });
        }
    }

    /// Names left of the rows; of many rows every second, third and so on.
    pub(crate) fn row_names(&self, sheet: &Sheet, names: &[String]) {
        let every = (15.0 / self.cell.1).ceil().max(1.0) as usize;
        for (row, name) in names.iter().enumerate().take(self.rows).step_by(every) {
            let name = fit(name, FONT, self.origin.0 - 12.0);
            sheet.text((self.origin.0 - 7.0, self.down(row)), &name, Label::right());
        }
    }

    /// Names above the columns; of many columns every second, third and so on.
    pub(crate) fn column_names(&self, sheet: &Sheet, names: &[String]) {
        let wide = names.iter().map(|name| width(name, FONT)).fold(0.0, f64::max).min(110.0);
        let every = ((wide + 4.0) / self.cell.0).ceil().max(1.0) as usize;
        for (column, name) in names.iter().enumerate().take(self.columns).step_by(every) {
            let name = fit(name, FONT, 110.0);
            let x = self.across(column).min(sheet.width - width(&name, FONT) / 2.0);
            sheet.text((x, self.origin.1 - 11.0), &name, Label::centre().muted());
        }
    }
}

/// Names for columns: the names themselves where they fit or are numbers, else numbers that the rows carry too.
pub(crate) fn numbered(names: &[String], cell: f64) -> (Vec<String>, Vec<String>) {
    let short = |name: &String| name.chars().count() <= 3 || width(name, FONT) <= cell - 6.0;
    if names.iter().all(short) {
        return (names.to_vec(), names.to_vec());
    }
    let rows = names.iter().enumerate().map(|(index, name)| format!("{name}\u{2002}{}", index + 1));
    (rows.collect(), (1..=names.len()).map(|number| number.to_string()).collect())
}

/// The scale of shades with the values at its ends.
pub(crate) fn ramp(sheet: &Sheet, at: Point, low: &str, high: &str) {
    let (x, y) = at;
    sheet.text((x, y), low, Label::left().muted());
    let from = x + width(low, FONT) + 6.0;
    for step in 0..HEAT.len() {
        let left = from + step as f64 * 16.0;
        sheet.rect((left, y - 7.0), (left + 16.0, y + 7.0), Pen::new(Paint::Heat(step as u8)));
    }
    sheet.text((from + 166.0, y), high, Label::left().muted());
}
