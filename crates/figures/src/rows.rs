//! Rows of a point and an interval on one axis: what a forest plot and a plot of estimates share.

use crate::{
    Interval, Notation,
    palette::Look,
    scale::{Scale, usable},
    sheet::{Point, Sheet},
    style::Pen,
    text::{digits, minus},
};

/// How an interval ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At a value.
    Tick,
    /// At a value that it was moved to.
    Bar,
    /// Beyond the axis, or nowhere.
    Arrow,
}

/// An interval with a lower end that is not above the upper one; both may be infinite.
pub(crate) fn legal(interval: Option<Interval>) -> Option<Interval> {
    interval.filter(|interval| interval.lower <= interval.upper)
}

/// Draws an interval at a height, between the ends of the axis.
pub(crate) fn interval(
    sheet: &Sheet,
    along: &Scale,
    (left, right): (f64, f64),
    y: f64,
    interval: Interval,
    look: Look,
    moved: [bool; 2],
) {
    let end = |value: f64, limit: f64, moved: bool| match along.at(value) {
        Some(x) if along.reaches(value) => (x, if moved { End::Bar } else { End::Tick }),
        _ => (limit, End::Arrow),
    };
    // An interval that lies beyond the axis altogether is an arrow at the near end.
    let (mut from, mut to) =
        (end(interval.lower, left, moved[0]), end(interval.upper, right, moved[1]));
    if from.1 == End::Arrow && usable(interval.lower) && interval.lower > 0.0 {
        from = (along.at(interval.lower).unwrap_or(right) - 14.0, End::Tick);
    }
    if to.1 == End::Arrow && usable(interval.upper) && interval.upper < 0.0 {
        to = (along.at(interval.upper).unwrap_or(left) + 14.0, End::Tick);
    }
    sheet.line(&[(from.0, y), (to.0, y)], look.pen(), 2.4);
    draw_end(sheet, (from.0, y), from.1, -1.0, look.solid());
    draw_end(sheet, (to.0, y), to.1, 1.0, look.solid());
}

fn draw_end(sheet: &Sheet, (x, y): Point, end: End, outwards: f64, pen: Pen) {
    match end {
        End::Tick => sheet.line(&[(x, y - 4.0), (x, y + 4.0)], pen, 1.5),
        End::Bar => sheet.line(&[(x, y - 7.0), (x, y + 7.0)], pen, 3.5),
        End::Arrow => {
            let back = x - outwards * 9.0;
            sheet.polygon(&[(x, y), (back, y - 5.0), (back, y + 5.0)], pen);
        }
    }
}

/// A number of a column: shares in percent, differences of them in points, both to 0.01.
pub(crate) fn number(notation: Notation, value: f64) -> String {
    match notation {
        _ if value.is_infinite() => {
            minus(format!("{}\u{221E}", if value < 0.0 { "-" } else { "" }))
        }
        _ if value.is_nan() => "missing".to_owned(),
        Notation::Percent | Notation::Points if value.abs() < 1e4 => {
            minus(format!("{:.2}", value * 100.0))
        }
        Notation::Percent | Notation::Points => digits(value * 100.0, 3),
        Notation::Plain => digits(value, 3),
        Notation::Si => notation.text(value),
    }
}

/// A number with a sign, as a difference has one.
pub(crate) fn signed(notation: Notation, value: f64) -> String {
    let text = number(notation, value);
    let is_zero = !text.contains(|c: char| ('1'..='9').contains(&c) || c == '\u{221E}');
    if value > 0.0 && !is_zero { format!("+{text}") } else { text }
}

/// A number and its interval, as `−0.20 [−0.31, −0.09]`.
pub(crate) fn with_interval(
    value: f64,
    interval: Option<Interval>,
    text: impl Fn(f64) -> String,
) -> String {
    match legal(interval) {
        Some(i) => format!("{} [{}, {}]", text(value), text(i.lower), text(i.upper)),
        None => text(value),
    }
}

/// The ends of intervals by which an axis is made: all but those of intervals much wider than most,
/// which would make the others points. They end in an arrow.
pub(crate) fn ends_for_axis(intervals: &[Interval]) -> Vec<f64> {
    /// An interval is much wider than most from so many times the median on.
    const MUCH: f64 = 8.0;
    let width = |interval: &Interval| interval.upper - interval.lower;
    let mut widths: Vec<f64> = intervals.iter().map(width).filter(|w| usable(*w)).collect();
    widths.sort_by(f64::total_cmp);
    let median = widths.get(widths.len() / 2).copied().unwrap_or(0.0);
    let near = |interval: &&Interval| {
        let width = width(interval);
        !usable(width) || median <= 0.0 || width <= median * MUCH
    };
    intervals.iter().filter(near).flat_map(|i| [i.lower, i.upper]).filter(|e| usable(*e)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_column_have_signs_and_no_false_zero() {
        let text = |value| signed(Notation::Percent, value);
        let values = [0.0031, -0.002, 0.0, 0.000_01, f64::NEG_INFINITY, f64::INFINITY];
        assert_eq!(
            values.map(text),
            ["+0.31", "\u{2212}0.20", "0.00", "0.00", "\u{2212}\u{221E}", "+\u{221E}"]
        );
        let interval = Some(Interval { lower: f64::NEG_INFINITY, upper: 0.01 });
        assert_eq!(with_interval(0.0, interval, text), "0.00 [\u{2212}\u{221E}, +1.00]");
    }

    #[test]
    fn one_interval_much_wider_than_the_others_does_not_make_the_axis() {
        let near = Interval { lower: -0.01, upper: 0.01 };
        let wide = Interval { lower: -0.5, upper: 0.4 };
        assert_eq!(ends_for_axis(&[near, wide, near]), [-0.01, 0.01, -0.01, 0.01]);
        assert_eq!(ends_for_axis(&[wide]), [-0.5, 0.4]);
        let open = Interval { lower: f64::NEG_INFINITY, upper: 0.02 };
        assert_eq!(ends_for_axis(&[near, open]), [-0.01, 0.01, 0.02]);
    }
}
