//! Lines over epochs: metrics, losses, churn, exploration.

use crate::{
    Figure, Heading, Interval,
    frame::{ABOVE, BELOW, FIELD, Frame, Legend, left_margin, spread, widest},
    scale::{Axis, Scale, Spacing},
    sheet::{Label, Point, Sheet, WIDTH},
    style::{Paint, Pen, SERIES_LIMIT},
    table::{Table, cell, ends},
};

/// One value of a curve, such as the mean over seeds after an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Where: an epoch or a step.
    pub x: f64,
    /// The value; not finite where it is missing, which breaks the line.
    pub y: f64,
    /// The interval of the value, drawn as a band.
    pub interval: Option<Interval>,
}

/// A line of one strategy.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The strategy, as `rigl at 98 %`.
    pub label: String,
    /// Its values, in any order.
    pub points: Vec<CurvePoint>,
}

/// With more lines than this, bands would cover one another.
const BANDS: usize = 6;

/// With more lines than this, labels at their ends have no room.
const DIRECT: usize = 10;

/// Lines are told apart by markers too, about so many on each.
const MARKERS: usize = 5;

/// A metric or a loss against the epoch; see [`curves`].
#[must_use]
pub fn learning_curves(heading: &Heading, metric: &Axis, lines: &[Curve]) -> Figure {
    curves(heading, &epochs(), metric, lines)
}

/// Connections born in an epoch, in all of its updates, per connection active at its end: more than 1
/// where several updates replace much; see [`curves`].
#[must_use]
pub fn churn_curves(heading: &Heading, lines: &[Curve]) -> Figure {
    let churn = Axis::new("connections replaced").percent();
    curves(heading, &epochs(), &churn, lines)
}

/// In-time over-parameterisation `R_s`: the share of all prunable weights that were active at least
/// once so far (Liu et al., 2021, "Do We Actually Need Dense Over-Parameterization?"); see
/// [`curves`].
#[must_use]
pub fn exploration_curves(heading: &Heading, lines: &[Curve]) -> Figure {
    let explored = Axis::new("weights explored so far, R_s").percent();
    curves(heading, &epochs(), &explored, lines)
}

fn epochs() -> Axis {
    Axis::new("epoch").whole()
}

/// One line a strategy, with a band where there are at most six. Lines end at their label, or have
/// a legend below where labels are many or long. More than 24 lines are cut; the CSV has all.
#[must_use]
pub fn curves(heading: &Heading, x: &Axis, y: &Axis, lines: &[Curve]) -> Figure {
    let csv = table(x, y, lines);
    let shown = &lines[..lines.len().min(SERIES_LIMIT)];
    let points = || shown.iter().flat_map(|line| &line.points);
    let banded = shown.len() <= BANDS;
    let xs: Vec<f64> = points().filter(|point| point.y.is_finite()).map(|point| point.x).collect();
    // The lines decide whether the axis is logarithmic: the lower end of an interval of few seeds is
    // near 0, or below, by chance.
    let placeable = || points().filter(|point| point.x.is_finite());
    let y = &y.clone().settled(&placeable().map(|point| point.y).collect::<Vec<_>>());
    let ends = |point: &CurvePoint| {
        let interval = point.interval.filter(|_| banded)?;
        let lower = if y.spacing == Spacing::Log { point.y } else { interval.lower };
        Some([lower, interval.upper])
    };
    let ys: Vec<f64> = placeable()
        .flat_map(|point| [[point.y; 2], ends(point).unwrap_or([point.y; 2])].concat())
        .collect();

    // Vertical positions do not depend on the width, so the margin can be known first.
    let (top, bottom) = (ABOVE, ABOVE + FIELD);
    let Some(up) = Scale::new(y, &ys, 0.04, (bottom, top)) else {
        return Sheet::sentence(heading, &format!("No finite values of {}.", y.label), csv);
    };
    let labels = || shown.iter().map(|line| line.label.as_str());
    let direct = shown.len() <= DIRECT && widest(labels()) <= 170.0;
    let right = if direct { WIDTH - widest(labels()) - 28.0 } else { WIDTH - 14.0 };
    let frame = Frame { left: left_margin(&up), right, top, bottom };
    let Some(along) = Scale::new(x, &xs, 0.0, (frame.left, frame.right)) else {
        return Sheet::sentence(heading, &format!("No finite values of {}.", x.label), csv);
    };

    let legend = Legend::new(&labels().collect::<Vec<_>>());
    let legend_height = if direct { 0.0 } else { legend.height() };
    let sheet = Sheet::new(WIDTH, bottom + BELOW + legend_height);
    frame.vertical_axis(&sheet, &up, &y.label);
    frame.horizontal_axis(&sheet, &along, &x.label);
    let placed: Vec<Vec<Placed>> = shown.iter().map(|line| place(line, &along, &up)).collect();
    if banded {
        for (index, line) in placed.iter().enumerate() {
            draw_band(&sheet, index, line);
        }
    }
    // The first line is often the control and should lie on top.
    for (index, line) in placed.iter().enumerate().rev() {
        draw_line(&sheet, index, line);
    }
    if direct {
        draw_labels(&sheet, &frame, shown, &placed);
    } else {
        legend.draw(&sheet, bottom + BELOW, labels(), |sheet, index, from, to| {
            sheet.line(&[from, to], Pen::series(index), 2.0);
            let middle = (f64::midpoint(from.0, to.0), from.1);
            sheet.marker(middle, index, 3.6, Paint::series(index), index.is_multiple_of(2));
        });
    }
    let missing = points().filter(|p| along.at(p.x).is_none() || up.at(p.y).is_none()).count();
    sheet.finish(heading, describe(x, y, lines, shown, missing), csv)
}

/// A point in the picture, with the ends of its interval; `None` breaks the line.
type Placed = Option<(Point, Option<(f64, f64)>)>;

fn place(line: &Curve, along: &Scale, up: &Scale) -> Vec<Placed> {
    let mut points: Vec<&CurvePoint> =
        line.points.iter().filter(|point| along.at(point.x).is_some()).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    let place = |point: &&CurvePoint| {
        // A lower end that a logarithmic axis does not reach lies on its frame.
        let lower = |value: f64| up.at(value).or_else(|| value.is_finite().then(|| up.bottom()));
        let ends = point.interval.and_then(|i| Some((lower(i.lower)?, up.at(i.upper)?)));
        Some(((along.at(point.x)?, up.at(point.y)?), ends))
    };
    points.iter().map(place).collect()
}

fn draw_band(sheet: &Sheet, index: usize, line: &[Placed]) {
    for run in line.split(|point| point.is_none_or(|(_, ends)| ends.is_none())) {
        let sides = run.iter().flatten().filter_map(|((x, _), ends)| Some((*x, (*ends)?)));
        let sides: Vec<(f64, (f64, f64))> = sides.collect();
        if let [(x, (lower, upper))] = sides[..] {
            sheet.line(&[(x, lower), (x, upper)], Pen::new(Paint::series(index)).alpha(0.5), 2.0);
        } else if !sides.is_empty() {
            let there = sides.iter().map(|(x, (_, upper))| (*x, *upper));
            let back = sides.iter().rev().map(|(x, (lower, _))| (*x, *lower));
            let pen = Pen::new(Paint::series(index)).alpha(0.2);
            sheet.polygon(&there.chain(back).collect::<Vec<_>>(), pen);
        }
    }
}

fn draw_line(sheet: &Sheet, index: usize, line: &[Placed]) {
    for run in line.split(Option::is_none) {
        let points: Vec<Point> = run.iter().flatten().map(|(point, _)| *point).collect();
        if points.len() > 1 {
            sheet.line(&points, Pen::series(index), 2.0);
        }
    }
    // Staggered, so that the markers of lines that run together do not hide one another.
    let every = line.len().div_ceil(MARKERS).max(1);
    let alone = |at: usize| {
        let known = |at: usize| line.get(at).is_some_and(Option::is_some);
        !known(at.wrapping_sub(1)) && !known(at + 1)
    };
    let marked = |at: usize| at % every == (index * 2) % every || alone(at);
    let places: Vec<Point> = line
        .iter()
        .enumerate()
        .filter_map(|(at, point)| point.filter(|_| marked(at)).map(|(point, _)| point))
        .collect();
    sheet.markers(&places, index, 3.6, Paint::series(index), index.is_multiple_of(2));
}

/// Labels right of the field, each led to the end of its line.
fn draw_labels(sheet: &Sheet, frame: &Frame, shown: &[Curve], placed: &[Vec<Placed>]) {
    let ends = placed.iter().map(|line| line.iter().flatten().last().map(|(point, _)| *point));
    let ends: Vec<(usize, Point)> =
        ends.enumerate().filter_map(|(index, end)| Some((index, end?))).collect();
    let wanted: Vec<f64> = ends.iter().map(|(_, (_, y))| *y).collect();
    let heights = spread(&wanted, 17.0, frame.top, frame.bottom - 4.0);
    for ((index, end), height) in ends.into_iter().zip(heights) {
        // A line that ends early must not seem to go on.
        let dash = if end.0 < frame.right - 1.0 { 2 } else { 0 };
        let pen = Pen::new(Paint::series(index)).dashed(dash).alpha(0.6);
        sheet.line(&[(end.0 + 3.0, end.1), (frame.right + 18.0, height)], pen, 1.0);
        sheet.text((frame.right + 22.0, height), &shown[index].label, Label::left());
    }
}

fn table(x: &Axis, y: &Axis, lines: &[Curve]) -> Vec<u8> {
    let mut table = Table::new(&["series", &x.label, &y.label, "lower", "upper"]);
    for line in lines {
        for point in &line.points {
            let [lower, upper] = ends(point.interval);
            table.row([line.label.clone(), cell(point.x), cell(point.y), lower, upper]);
        }
    }
    table.finish()
}

fn describe(x: &Axis, y: &Axis, all: &[Curve], shown: &[Curve], missing: usize) -> String {
    let count = crate::count(shown.len(), "line");
    let mut text = format!("{} against {}, {count}. Last values:", y.label, x.label);
    for (index, line) in shown.iter().enumerate() {
        let known = line.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite());
        let last = known.max_by(|a, b| a.x.total_cmp(&b.x));
        let value = last.map_or("none".to_owned(), |point| {
            let value = y.notation.text(point.y);
            match point.interval.filter(|i| i.lower.is_finite() && i.upper.is_finite()) {
                Some(i) => {
                    let [lower, upper] = [i.lower, i.upper].map(|end| y.notation.text(end));
                    format!("{value} ({lower} to {upper})")
                }
                None => value,
            }
        });
        let separator = if index == 0 { " " } else { "; " };
        text.push_str(&format!("{separator}{} {value}", line.label));
    }
    text.push('.');
    if shown.len() > BANDS
        && shown.iter().any(|line| line.points.iter().any(|p| p.interval.is_some()))
    {
        text.push_str(" Intervals are in the CSV, not in the picture.");
    }
    if all.len() > shown.len() {
        let more = all.len() - shown.len();
        text.push_str(&format!(" Lines that are in the CSV alone: {more}."));
    }
    text.push_str(&crate::left_out(missing));
    text
}

/// The spacing that suits losses: logarithmic where they fall over decades.
impl Axis {
    /// A loss, with a logarithmic axis where its values span much.
    #[must_use]
    pub fn loss(label: impl Into<String>) -> Self {
        Self::new(label).spaced(Spacing::Auto)
    }
}
