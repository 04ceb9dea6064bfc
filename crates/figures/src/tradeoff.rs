//! A score against what it costs.

use crate::{
    Better, Figure, Heading, Interval,
    frame::{ABOVE, BELOW, FIELD, Frame, Legend, left_margin},
    pareto_front,
    scale::{Axis, Scale},
    sheet::{Label, Point, Sheet, WIDTH},
    style::{Paint, Pen, SERIES_LIMIT},
    table::{Table, cell, ends},
    text::{FONT, width},
};

/// One configuration, as a strategy at a density.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeOffPoint {
    /// The strategy: colour, marker and line.
    pub series: String,
    /// What stands beside the point where there is room, as `98 %`; may be empty.
    pub label: String,
    /// What it costs.
    pub x: f64,
    /// The score.
    pub y: f64,
    /// The interval of the score, drawn as a vertical line.
    pub interval: Option<Interval>,
}

/// A score against density, FLOPs or time.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeOff {
    /// The horizontal axis.
    pub x: Axis,
    /// The vertical axis.
    pub y: Axis,
    /// The good direction of the horizontal axis.
    pub x_better: Better,
    /// The good direction of the vertical axis.
    pub y_better: Better,
    /// Whether a line joins the points of a strategy in order of x.
    pub connect: bool,
    /// The points, in any order; strategies are listed in order of appearance.
    pub points: Vec<TradeOffPoint>,
}

struct Placed<'a> {
    point: &'a TradeOffPoint,
    series: usize,
    at: Point,
    on_front: bool,
}

/// Points with intervals; those on the Pareto front are full and joined by a staircase: what is
/// below it costs more for less. More than 24 strategies are cut; the CSV has all.
#[must_use]
pub fn trade_off(heading: &Heading, data: &TradeOff) -> Figure {
    let mut names: Vec<&str> = Vec::new();
    for point in &data.points {
        if !names.contains(&point.series.as_str()) {
            names.push(&point.series);
        }
    }
    let series_count = names.len();
    names.truncate(SERIES_LIMIT);
    let all: Vec<Point> = data.points.iter().map(|point| (point.x, point.y)).collect();
    let front = pareto_front(&all, data.x_better, data.y_better);
    let csv = table(data, &front);

    let known = || data.points.iter().filter(|p| p.x.is_finite() && p.y.is_finite());
    let xs: Vec<f64> = known().map(|point| point.x).collect();
    let ys: Vec<f64> =
        known().flat_map(|p| p.interval.map_or([p.y; 3], |i| [i.lower, p.y, i.upper])).collect();
    let (top, bottom) = (ABOVE, ABOVE + FIELD);
    let empty = |axis: &Axis| {
        Sheet::sentence(heading, &format!("No finite values of {}.", axis.label), csv.clone())
    };
    let Some(up) = Scale::new(&data.y, &ys, 0.06, (bottom, top)) else { return empty(&data.y) };
    let frame = Frame { left: left_margin(&up), right: WIDTH - 14.0, top, bottom };
    let ends = (frame.left + 8.0, frame.right - 8.0);
    let Some(along) = Scale::new(&data.x, &xs, 0.03, ends) else { return empty(&data.x) };

    let placed: Vec<Placed<'_>> = data
        .points
        .iter()
        .enumerate()
        .filter_map(|(index, point)| {
            Some(Placed {
                point,
                series: names.iter().position(|name| *name == point.series)?,
                at: (along.at(point.x)?, up.at(point.y)?),
                on_front: front.contains(&index),
            })
        })
        .collect();
    let legend = Legend::new(&names);
    let sheet = Sheet::new(WIDTH, bottom + BELOW + legend.height());
    frame.vertical_axis(&sheet, &up, &data.y.label);
    frame.horizontal_axis(&sheet, &along, &data.x.label);
    let mut lines = draw_front(&sheet, data, &placed);
    for series in 0..names.len() {
        lines.extend(draw_series(&sheet, data, series, &placed, &up));
    }
    draw_labels(&sheet, &frame, &placed, &lines);
    legend.draw(&sheet, bottom + BELOW, names.iter().copied(), |sheet, index, from, to| {
        if data.connect {
            sheet.line(&[from, to], Pen::series(index), 1.5);
        }
        let middle = (f64::midpoint(from.0, to.0), from.1);
        sheet.marker(middle, index, 4.2, Paint::series(index), true);
    });
    let hidden = data.points.iter().filter(|p| !names.contains(&p.series.as_str())).count();
    let missing = data.points.len() - hidden - placed.len();
    let mut text = describe(data, &front, missing);
    if series_count > names.len() {
        let more = series_count - names.len();
        text.push_str(&format!(" Strategies that are in the CSV alone: {more}."));
    }
    sheet.finish(heading, text, csv)
}

/// A line that labels should not cover.
type Segment = (Point, Point);

fn segments(line: &[Point]) -> impl Iterator<Item = Segment> {
    line.windows(2).map(|pair| (pair[0], pair[1]))
}

/// A staircase through the front: between two points the worse x buys nothing until the next.
fn draw_front(sheet: &Sheet, data: &TradeOff, placed: &[Placed<'_>]) -> Vec<Segment> {
    let mut corners: Vec<&Placed<'_>> = placed.iter().filter(|point| point.on_front).collect();
    corners.sort_by(|a, b| data.x_better.order(a.point.x, b.point.x));
    let mut stairs: Vec<Point> = Vec::new();
    for corner in corners {
        if let Some(last) = stairs.last().copied() {
            stairs.push((corner.at.0, last.1));
        }
        stairs.push(corner.at);
    }
    if stairs.len() > 1 {
        sheet.line(&stairs, Pen::new(Paint::Muted).dashed(2), 1.5);
    }
    segments(&stairs).collect()
}

fn draw_series(
    sheet: &Sheet,
    data: &TradeOff,
    series: usize,
    all: &[Placed<'_>],
    up: &Scale,
) -> Vec<Segment> {
    let mut drawn = Vec::new();
    let mut points: Vec<&Placed<'_>> = all.iter().filter(|point| point.series == series).collect();
    points.sort_by(|a, b| a.point.x.total_cmp(&b.point.x));
    let paint = Paint::series(series);
    if data.connect && points.len() > 1 {
        let line: Vec<Point> = points.iter().map(|point| point.at).collect();
        sheet.line(&line, Pen::series(series).alpha(0.8), 1.5);
        drawn.extend(segments(&line));
    }
    for Placed { point, at, .. } in &points {
        if let Some((lower, upper)) =
            point.interval.and_then(|i| Some((up.at(i.lower)?, up.at(i.upper)?)))
        {
            let bar = [(at.0, lower), (at.0, upper)];
            sheet.line(&bar, Pen::new(paint), 1.5);
            drawn.extend(segments(&bar));
        }
    }
    for point in points {
        sheet.marker(point.at, series, 4.2, paint, point.on_front);
    }
    drawn
}

/// A box by its centre and its half extents.
type Extent = (Point, Point);

/// Whether a line passes through a box: clips it by one side after the other (Liang and Barsky).
fn crosses(((x, y), (half_width, half_height)): &Extent, ((ax, ay), (bx, by)): &Segment) -> bool {
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    for (start, step, half) in [(ax - x, bx - ax, half_width), (ay - y, by - ay, half_height)] {
        if step == 0.0 {
            if start.abs() >= *half {
                return false;
            }
            continue;
        }
        let ends = ((-half - start) / step, (half - start) / step);
        from = from.max(ends.0.min(ends.1));
        to = to.min(ends.0.max(ends.1));
    }
    from < to
}

/// Labels beside their points, the front first, where they cover nothing.
fn draw_labels(sheet: &Sheet, frame: &Frame, placed: &[Placed<'_>], lines: &[Segment]) {
    let apart = |((ax, ay), (aw, ah)): &Extent, ((bx, by), (bw, bh)): &Extent| {
        (ax - bx).abs() >= aw + bw || (ay - by).abs() >= ah + bh
    };
    let mut taken: Vec<Extent> = placed.iter().map(|point| (point.at, (5.0, 5.0))).collect();
    let mut order: Vec<&Placed<'_>> = placed.iter().collect();
    order.sort_by_key(|point| !point.on_front);
    for Placed { point, at, .. } in
        order.into_iter().filter(|placed| !placed.point.label.is_empty())
    {
        let half = (width(&point.label, FONT) / 2.0, 7.0);
        let (dx, dy) = (half.0 + 7.0, 13.0);
        let places = [
            (dx, 0.0),
            (-dx, 0.0),
            (0.0, -dy),
            (0.0, dy),
            (dx, -dy),
            (-dx, -dy),
            (dx, dy),
            (-dx, dy),
        ];
        let fits = places.into_iter().map(|(x, y)| ((at.0 + x, at.1 + y), half)).find(|place| {
            let ((x, y), _) = place;
            let inside = x - half.0 >= frame.left
                && x + half.0 <= sheet.width
                && y - half.1 >= frame.top
                && y + half.1 <= frame.bottom;
            inside
                && taken.iter().all(|other| apart(place, other))
                && !lines.iter().any(|line| crosses(place, line))
        });
        if let Some(place) = fits {
            sheet.text(place.0, &point.label, Label::centre().muted());
            taken.push(place);
        }
    }
}

fn table(data: &TradeOff, front: &[usize]) -> Vec<u8> {
    let header =
        ["series", "label", &data.x.label, &data.y.label, "lower", "upper", "on Pareto front"];
    let mut table = Table::new(&header);
    for (index, point) in data.points.iter().enumerate() {
        let [lower, upper] = ends(point.interval);
        let on_front = front.contains(&index).to_string();
        let (series, label) = (point.series.clone(), point.label.clone());
        table.row([series, label, cell(point.x), cell(point.y), lower, upper, on_front]);
    }
    table.finish()
}

fn describe(data: &TradeOff, front: &[usize], missing: usize) -> String {
    let name = |index: &usize| {
        let point = &data.points[*index];
        // A label often begins with the series; nobody wants to hear it twice.
        let label = match point.label.strip_prefix(&point.series) {
            Some(rest) => format!("{}{rest}", point.series),
            None => format!("{} {}", point.series, point.label),
        };
        let label = label.trim_end();
        let (x, y) = (data.x.notation.text(point.x), data.y.notation.text(point.y));
        format!("{label} ({x}, {y})")
    };
    // Whole fronts of large grids would be recited for minutes.
    const RECITED: usize = 30;
    let mut points: Vec<String> = front.iter().take(RECITED).map(name).collect();
    if front.len() > RECITED {
        points.push(format!("{} more", front.len() - RECITED));
    }
    format!(
        "{} against {}, {}. On the Pareto front, from the best {}: {}.{}",
        data.y.label,
        data.x.label,
        crate::count(data.points.len(), "point"),
        data.x.label,
        points.join("; "),
        crate::left_out(missing)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_a_box_is_seen() {
        let extent = ((10.0, 10.0), (5.0, 2.0));
        assert!(crosses(&extent, &((0.0, 10.0), (20.0, 10.0))));
        assert!(crosses(&extent, &((8.0, 0.0), (12.0, 20.0))));
        assert!(crosses(&extent, &((9.0, 9.0), (11.0, 11.0))));
        assert!(!crosses(&extent, &((0.0, 13.0), (20.0, 13.0))));
        assert!(!crosses(&extent, &((0.0, 0.0), (4.0, 4.0))));
        assert!(!crosses(&extent, &((0.0, 20.0), (8.0, 12.5))));
    }
}
