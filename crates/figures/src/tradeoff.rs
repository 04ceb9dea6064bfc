//! A score against what it costs.

use crate::{
    Better, Figure, Heading, Interval, Palette, Series,
    csv::{CsvTable, METHOD, cell, ends, method},
    frame::{
        ABOVE, BELOW, EndLabel, FIELD, Frame, Key, LEAD, Side, Sign, axis_margin, end_labels,
        labels_height, labels_width,
    },
    palette::{Look, same, sparsity_text},
    pareto_front,
    scale::{Axis, Scale, Spacing},
    sheet::{Format, Point, Sheet, figure, sentence},
    style::{DOTTED, Paint, Pen, SERIES_LIMIT},
};

/// One configuration, as a strategy at a density.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeOffPoint {
    /// The method: its colour and its marker. Its label is in the description and in the CSV.
    pub series: Series,
    /// The line that it belongs to, by the label of that line: the strategy with its parameters,
    /// without a sparsity.
    pub line: String,
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
    /// Whether the points of a line are joined in order of x.
    pub connect: bool,
    /// The points, in any order.
    pub points: Vec<TradeOffPoint>,
}

/// The points of one line, by their place in [`TradeOff::points`], in order of x.
struct Line<'a> {
    name: &'a str,
    points: Vec<usize>,
    control: bool,
}

/// What does not depend on the layout.
struct Plan<'a> {
    data: &'a TradeOff,
    palette: &'a Palette,
    lines: Vec<Line<'a>>,
    front: Vec<usize>,
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// Where lines have their labels: where they are more apart.
    side: Side,
}

/// A line for the points of each strategy, labelled once beside the field, with intervals, and a staircase
/// along the Pareto front: what is below it costs more for less. A control with one point has a line across.
/// Labels follow the order of values and are led to their points in their colour; points at one place are
/// drawn within one another.
/// More than 24 lines are cut; the CSV has all.
#[must_use]
pub fn trade_off(heading: &Heading, palette: &Palette, data: &TradeOff) -> Figure {
    let all: Vec<Point> = data.points.iter().map(|point| (point.x, point.y)).collect();
    let front = pareto_front(&all, data.x_better, data.y_better);
    let csv = table(data, &front);
    let empty = |axis: &Axis| {
        sentence(heading, &format!("No finite values of {}.", axis.label), csv.clone())
    };
    let known = || data.points.iter().filter(|p| p.x.is_finite() && p.y.is_finite());
    let xs: Vec<f64> = known().map(|point| point.x).collect();
    let ys: Vec<f64> =
        known().flat_map(|p| p.interval.map_or([p.y; 3], |i| [i.lower, p.y, i.upper])).collect();
    let data = &TradeOff { x: cost_axis(&data.x, &xs), ..data.clone() };
    let scales =
        (Scale::new(&data.x, &xs, 0.03, (0.0, 100.0)), Scale::new(&data.y, &ys, 0.06, (0.0, 1.0)));
    let (Some(along), Some(up)) = scales else {
        return empty(if scales.1.is_none() { &data.y } else { &data.x });
    };

    let placeable = |index: &usize| {
        let point = &data.points[*index];
        along.at(point.x).is_some() && up.at(point.y).is_some()
    };
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (index, point) in data.points.iter().enumerate() {
        let key = |line: &Line<'_>| {
            let first = &data.points[line.points[0]];
            line.name == point.line && first.series.strategy == point.series.strategy
        };
        match lines.iter_mut().find(|line| key(line)) {
            Some(line) => line.points.push(index),
            None => {
                let control = palette.is_control(&point.series);
                lines.push(Line { name: &point.line, points: vec![index], control });
            }
        }
    }
    let all = lines.len();
    lines.truncate(SERIES_LIMIT);
    let hidden = data.points.len() - lines.iter().map(|line| line.points.len()).sum::<usize>();
    for line in &mut lines {
        line.points.retain(placeable);
        line.points.sort_by(|a, b| data.points[*a].x.total_cmp(&data.points[*b].x));
    }
    let drawn: usize = lines.iter().map(|line| line.points.len()).sum();
    lines.retain(|line| !line.points.is_empty());
    let mut text = describe(data, &front, data.points.len() - hidden - drawn);
    if all > SERIES_LIMIT {
        text.push_str(&format!(" Lines that are only in the CSV: {}.", all - SERIES_LIMIT));
    }
    let side = side(data, &lines, &along);
    let plan = Plan { data, palette, lines, front, xs, ys, side };
    figure(heading, text, csv, |format| plan.draw(format))
}

/// The axis of costs. Those of sparse networks and of a dense one are read by their ratios long
/// before they span as much as other quantities that are logarithmic.
fn cost_axis(axis: &Axis, values: &[f64]) -> Axis {
    const RATIO: f64 = 8.0;
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    match axis.spacing {
        Spacing::Auto if low > 0.0 && high / low >= RATIO => axis.clone().spaced(Spacing::Log),
        _ => axis.clone(),
    }
}

/// The side at which the ends of lines are more apart; without lines, the one that points are nearer to.
fn side(data: &TradeOff, lines: &[Line<'_>], along: &Scale) -> Side {
    let joined = || lines.iter().filter(|line| data.connect && line.points.len() > 1);
    let spread = |end: fn(&[usize]) -> Option<&usize>| {
        let ends: Vec<f64> =
            joined().filter_map(|line| Some(data.points[*end(&line.points)?].y)).collect();
        let mean = ends.iter().sum::<f64>() / ends.len().max(1) as f64;
        ends.iter().map(|end| (end - mean).abs()).sum::<f64>()
    };
    let is_left = if joined().next().is_some() {
        spread(|points| points.first()) > 1.3 * spread(|points| points.last())
    } else {
        // A control has a line across, which ends on both sides.
        let single = lines.iter().filter(|line| !(data.connect && line.control));
        let places = single.flat_map(|line| &line.points);
        let places: Vec<f64> = places.filter_map(|index| along.at(data.points[*index].x)).collect();
        places.iter().sum::<f64>() < 50.0 * places.len() as f64
    };
    if is_left { Side::Left } else { Side::Right }
}

impl Plan<'_> {
    fn look(&self, index: usize) -> Look {
        self.palette.look(&self.data.points[index].series)
    }

    fn draw(&self, format: Format) -> Sheet {
        let data = self.data;
        let names = || self.lines.iter().map(|line| line.name);
        let room = labels_width(names(), format.pick(170.0, 100.0));
        let beside = room + LEAD + 4.0;
        let least = format.pick(FIELD, 260.0);
        let (top, bottom) = (ABOVE, ABOVE + least.max(labels_height(names(), room)));
        // These hold the values that the caller has tried.
        let up = |ends| Scale::new(&data.y, &self.ys, 0.06, ends).expect("usable values");
        let along = |ends| Scale::new(&data.x, &self.xs, 0.03, ends).expect("usable values");
        let up: Scale = up((bottom, top));
        let numbers = axis_margin(&up);
        let (left, right) = match self.side {
            Side::Left => (beside, format.width() - numbers),
            Side::Right => (numbers, format.width() - beside),
        };
        let frame = Frame { left, right, top, bottom };
        let along: Scale = along((left + 8.0, right - 8.0));
        let at = |index: usize| -> Point {
            let point = &data.points[index];
            (along.at(point.x).unwrap_or(left), up.at(point.y).unwrap_or(bottom))
        };
        let places: Vec<Vec<Point>> = self
            .lines
            .iter()
            .map(|line| line.points.iter().map(|index| at(*index)).collect())
            .collect();
        let bars: Vec<(usize, [Point; 2])> = self
            .lines
            .iter()
            .flat_map(|line| &line.points)
            .filter_map(|index| {
                let interval = data.points[*index].interval?;
                let (x, _) = at(*index);
                Some((*index, [(x, up.at(interval.lower)?), (x, up.at(interval.upper)?)]))
            })
            .collect();
        let stairs = self.stairs(&at);

        let key = self.key(stairs.len() > 1);
        let sheet = Sheet::new(format.width(), bottom + BELOW + key.height(format.width()));
        let numbered = match self.side {
            Side::Left => Side::Right,
            Side::Right => Side::Left,
        };
        frame.vertical_axis(&sheet, &up, &data.y.label, numbered);
        frame.horizontal_axis(&sheet, &along, &data.x.label);
        if stairs.len() > 1 {
            sheet.line(&stairs, front_pen(), 1.5);
        }
        let mut ends = Vec::new();
        for (line, points) in self.lines.iter().zip(&places) {
            let last = match self.side {
                Side::Left => 0,
                Side::Right => points.len() - 1,
            };
            let look = Look { dash: 0, ..self.look(line.points[last]) };
            if data.connect && points.len() > 1 {
                sheet.line(points, look.pen().alpha(0.8), 1.8);
            }
            let mut end = points[last];
            if self.is_across(line) {
                sheet.line(&[(left, end.1), (right, end.1)], look.pen().alpha(0.5), 1.0);
                end.0 = if self.side == Side::Left { left } else { right };
            }
            ends.push(EndLabel::new(end, look, line.name, room));
        }
        for (index, bar) in &bars {
            sheet.line(bar, self.look(*index).solid().alpha(0.8), 1.4);
        }
        let indices = self.lines.iter().flat_map(|line| &line.points);
        let markers: Vec<(usize, Point)> =
            indices.copied().zip(places.iter().flatten().copied()).collect();
        for (index, at, radius) in nested(&markers) {
            sheet.marker(at, self.look(index), radius);
        }
        end_labels(&sheet, &frame, self.side, &ends);
        key.draw(&sheet, bottom + BELOW);
        sheet
    }

    /// Whether the line is a level to compare with: a control with one point.
    fn is_across(&self, line: &Line<'_>) -> bool {
        self.data.connect && line.control && line.points.len() == 1
    }

    /// A staircase through the front: between two points the worse x buys nothing until the next.
    fn stairs(&self, at: &impl Fn(usize) -> Point) -> Vec<Point> {
        let drawn = |index: &&usize| self.lines.iter().any(|line| line.points.contains(index));
        let mut stairs: Vec<Point> = Vec::new();
        for corner in self.front.iter().filter(drawn).map(|index| at(*index)) {
            if let Some(last) = stairs.last().copied() {
                stairs.push((corner.0, last.1));
            }
            stairs.push(corner);
        }
        stairs
    }

    /// The markers of sparsities, and the front.
    fn key(&self, front: bool) -> Key {
        let mut levels: Vec<f64> = Vec::new();
        for index in self.lines.iter().flat_map(|line| &line.points) {
            let sparsity = self.data.points[*index].series.sparsity;
            if !levels.iter().any(|level| same(*level, sparsity)) {
                levels.push(sparsity);
            }
        }
        levels.retain(|level| level.is_finite());
        levels.sort_by(f64::total_cmp);
        let mut entries = Vec::new();
        if levels.iter().filter(|level| **level > 0.0).count() > 1 {
            entries.extend(levels.iter().map(|level| {
                let text = match *level > 0.0 {
                    true => format!("{} sparse", sparsity_text(*level)),
                    false => sparsity_text(*level),
                };
                (Sign::Marker(self.palette.level_look(*level)), text)
            }));
        }
        if front {
            entries.push((Sign::Line(front_pen()), "Pareto front".to_owned()));
        }
        Key::new(entries)
    }
}

/// Markers with their radius, the largest first. Of those that lie on one another each is smaller than
/// the one below it, so that all are seen.
fn nested(markers: &[(usize, Point)]) -> Vec<(usize, Point, f64)> {
    const RADIUS: f64 = 4.4;
    const STEP: f64 = 2.4;
    let near = |(a, b): (Point, Point)| (a.0 - b.0).hypot(a.1 - b.1) < 2.0;
    let mut sized: Vec<(usize, Point, f64)> = markers
        .iter()
        .enumerate()
        .map(|(place, (index, at))| {
            let above = markers[place + 1..].iter().filter(|(_, other)| near((*at, *other)));
            (*index, *at, RADIUS + STEP * above.count().min(3) as f64)
        })
        .collect();
    sized.sort_by(|a, b| b.2.total_cmp(&a.2));
    sized
}

fn front_pen() -> Pen {
    Pen::new(Paint::Muted).dashed(DOTTED)
}

fn table(data: &TradeOff, front: &[usize]) -> Vec<u8> {
    let own =
        ["line", data.x.label.as_str(), data.y.label.as_str(), "lower", "upper", "on Pareto front"];
    let mut table = CsvTable::new(&[&METHOD[..], &own[..]].concat());
    for (index, point) in data.points.iter().enumerate() {
        let [lower, upper] = ends(point.interval);
        let on_front = front.contains(&index).to_string();
        let own = [point.line.clone(), cell(point.x), cell(point.y), lower, upper, on_front];
        table.row(method(&point.series).into_iter().chain(own));
    }
    table.finish()
}

fn describe(data: &TradeOff, front: &[usize], missing: usize) -> String {
    let name = |index: &usize| {
        let point = &data.points[*index];
        let (x, y) = (data.x.notation.text(point.x), data.y.notation.text(point.y));
        format!("{} ({x}, {y})", point.series.label)
    };
    // Whole fronts of large grids would be recited for minutes.
    const RECITED: usize = 30;
    let mut points: Vec<String> = front.iter().take(RECITED).map(name).collect();
    if front.len() > RECITED {
        points.push(format!("{} more", front.len() - RECITED));
    }
    let mut text = format!(
        "{} against {}, {}. On the Pareto front, from the best {}: {}.",
        data.y.label,
        data.x.label,
        crate::count(data.points.len(), "point"),
        data.x.label,
        points.join("; ")
    );
    for labels in together(data).iter().take(RECITED) {
        text.push_str(&format!(" At one place: {}.", labels.join(", ")));
    }
    text.push_str(&crate::left_out(missing));
    text
}

/// The labels of points that are equal.
fn together(data: &TradeOff) -> Vec<Vec<&str>> {
    let mut places: Vec<((f64, f64), Vec<&str>)> = Vec::new();
    for point in data.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite()) {
        let at = (point.x, point.y);
        match places.iter_mut().find(|(other, _)| *other == at) {
            Some((_, labels)) => labels.push(&point.series.label),
            None => places.push((at, vec![&point.series.label])),
        }
    }
    places.into_iter().map(|(_, labels)| labels).filter(|labels| labels.len() > 1).collect()
}
