//! Lines over epochs: metrics, losses, churn, exploration.

use crate::{
    Figure, Heading, Interval, Palette, Series,
    csv::{CsvTable, METHOD, cell, ends, method},
    frame::{
        ABOVE, BELOW, EndLabel, FIELD, Frame, LEAD, Side, axis_margin, end_labels, labels_height,
        labels_width,
    },
    palette::{Fill, Look},
    scale::{Axis, Scale, Spacing},
    sheet::{Point, Sheet, figure, sentence},
    style::{DASHED, Paint, SERIES_LIMIT},
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

/// A line of one method.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// The method.
    pub series: Series,
    /// Its values, in any order.
    pub points: Vec<CurvePoint>,
}

/// A value that lines are read against, such as a target: a dashed line across the field.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// What it is.
    pub label: String,
    /// Where it lies on the vertical axis.
    pub value: f64,
}

/// With more lines than this, bands would cover one another.
const BANDS: usize = 6;

/// Unlike any method: [`Palette`] gives muted paint only to strangers, whose lines have markers.
const REFERENCE: Look = Look { paint: Paint::Muted, dash: DASHED, shape: 0, fill: Fill::Full };

/// Lines are told apart by markers too, about so many on each.
const MARKERS: usize = 5;

/// A metric or a loss against the epoch; see [`curves`].
#[must_use]
pub fn learning_curves(
    heading: &Heading,
    palette: &Palette,
    metric: &Axis,
    lines: &[Curve],
) -> Figure {
    curves(heading, palette, &epochs(), metric, lines)
}

/// Connections born in an epoch, in all of its updates, per connection active at its end: more than 1
/// where several updates replace much; see [`curves`].
#[must_use]
pub fn churn_curves(heading: &Heading, palette: &Palette, lines: &[Curve]) -> Figure {
    let churn = Axis::new("connections replaced").percent();
    curves(heading, palette, &epochs(), &churn, lines)
}

/// In-time over-parameterisation `R_s`: the share of all prunable weights that were active at least
/// once so far (Liu et al., 2021, "Do We Actually Need Dense Over-Parameterization?"); see
/// [`curves`].
#[must_use]
pub fn exploration_curves(heading: &Heading, palette: &Palette, lines: &[Curve]) -> Figure {
    let explored = Axis::new("weights active at least once").percent();
    curves(heading, palette, &epochs(), &explored, lines)
}

/// The share of the connections born in an epoch that had been active before; see [`curves`].
#[must_use]
pub fn return_curves(heading: &Heading, palette: &Palette, lines: &[Curve]) -> Figure {
    let returned = Axis::new("born connections that return").percent();
    curves(heading, palette, &epochs(), &returned, lines)
}

/// The share of neurons that no connection leads to; see [`curves`].
#[must_use]
pub fn idle_neuron_curves(heading: &Heading, palette: &Palette, lines: &[Curve]) -> Figure {
    let idle = Axis::new("neurons without input").percent();
    curves(heading, palette, &epochs(), &idle, lines)
}

fn epochs() -> Axis {
    Axis::new("epoch").whole()
}

/// One line a method, labelled at its end, with a band where there are at most six. More than 24
/// lines are cut; the CSV has all.
#[must_use]
pub fn curves(heading: &Heading, palette: &Palette, x: &Axis, y: &Axis, lines: &[Curve]) -> Figure {
    curves_against(heading, palette, x, y, lines, &[])
}

/// As [`curves`], with values that the lines are read against. In the CSV they are rows without a place on
/// the horizontal axis.
#[must_use]
pub fn curves_against(
    heading: &Heading,
    palette: &Palette,
    x: &Axis,
    y: &Axis,
    lines: &[Curve],
    references: &[Reference],
) -> Figure {
    let mut table = CsvTable::new(&[&METHOD[..], &[&x.label, &y.label, "lower", "upper"]].concat());
    for line in lines {
        write(&mut table, &[], line);
    }
    for reference in references {
        let mut row = vec![String::new(); METHOD.len() + 4];
        row[METHOD.len() - 1].clone_from(&reference.label);
        row[METHOD.len() + 1] = cell(reference.value);
        table.row(row);
    }
    let csv = table.finish();
    let shown = &lines[..lines.len().min(SERIES_LIMIT)];
    let field = match Field::new(x, y, &[shown]) {
        Ok(field) => field.including(references),
        Err(reason) => return sentence(heading, &reason, csv),
    };
    let text = describe(&field, lines, shown, references);
    figure(heading, text, csv, |format| {
        let labels = || {
            let of_lines = shown.iter().map(|line| line.series.label.as_str());
            of_lines.chain(references.iter().map(|reference| reference.label.as_str()))
        };
        let room = labels_width(labels(), format.pick(170.0, 104.0));
        let least = format.pick(FIELD, 250.0);
        let (top, bottom) = (ABOVE, ABOVE + least.max(labels_height(labels(), room)));
        let left = axis_margin(&field.up((bottom, top)));
        let right = format.width() - room - LEAD - 4.0;
        let frame = Frame { left, right, top, bottom };
        let sheet = Sheet::new(format.width(), bottom + BELOW);
        let (along, up) = (field.along((left, right)), field.up((bottom, top)));
        frame.vertical_axis(&sheet, &up, &y.label, Side::Left);
        frame.horizontal_axis(&sheet, &along, &x.label);
        field.draw(&sheet, palette, &frame, shown, references, Some(room));
        sheet
    })
}

/// Writes a line into a table whose columns are `before`, [`METHOD`], the two axes and the interval.
pub(crate) fn write(table: &mut CsvTable, before: &[String], line: &Curve) {
    for point in &line.points {
        let own = [cell(point.x), cell(point.y)];
        let row = before.iter().cloned().chain(method(&line.series));
        table.row(row.chain(own).chain(ends(point.interval)));
    }
}

/// The axes of lines, of one field or of several alike.
pub(crate) struct Field {
    x: Axis,
    y: Axis,
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// Whether intervals are drawn.
    banded: bool,
}

impl Field {
    /// The axes that hold all of these groups of lines, or the reason why there are none.
    pub(crate) fn new(x: &Axis, y: &Axis, groups: &[&[Curve]]) -> Result<Self, String> {
        let banded = groups.iter().all(|lines| lines.len() <= BANDS);
        let points = || groups.iter().copied().flatten().flat_map(|line| &line.points);
        let xs: Vec<f64> =
            points().filter(|point| point.y.is_finite()).map(|point| point.x).collect();
        // The lines decide whether the axis is logarithmic: the lower end of an interval of few
        // seeds is near 0, or below, by chance.
        let placeable = || points().filter(|point| point.x.is_finite());
        let y = y.clone().settled(&placeable().map(|point| point.y).collect::<Vec<_>>());
        let ends = |point: &CurvePoint| {
            let interval = point.interval.filter(|_| banded)?;
            let lower = if y.spacing == Spacing::Log { point.y } else { interval.lower };
            Some([lower, interval.upper])
        };
        let ys: Vec<f64> = placeable()
            .flat_map(|point| [[point.y; 2], ends(point).unwrap_or([point.y; 2])].concat())
            .collect();
        let holds = |axis: &Axis, values: &[f64]| {
            let found = Scale::new(axis, values, 0.0, (0.0, 1.0)).is_some();
            if found { Ok(()) } else { Err(format!("No finite values of {}.", axis.label)) }
        };
        holds(&y, &ys)?;
        holds(x, &xs)?;
        Ok(Self { x: x.clone(), y, xs, ys, banded })
    }

    /// With room for these values too.
    fn including(mut self, references: &[Reference]) -> Self {
        self.ys.extend(references.iter().map(|reference| reference.value));
        self
    }

    pub(crate) fn along(&self, ends: (f64, f64)) -> Scale {
        self.scale(&self.x, &self.xs, 0.0, ends)
    }

    pub(crate) fn up(&self, ends: (f64, f64)) -> Scale {
        self.scale(&self.y, &self.ys, 0.04, ends)
    }

    fn scale(&self, axis: &Axis, values: &[f64], pad: f64, ends: (f64, f64)) -> Scale {
        Scale::new(axis, values, pad, ends).expect("a field is made of values that an axis holds")
    }

    /// Draws the lines with their bands, and their labels right of the field where there is room.
    pub(crate) fn draw(
        &self,
        sheet: &Sheet,
        palette: &Palette,
        frame: &Frame,
        lines: &[Curve],
        references: &[Reference],
        room: Option<f64>,
    ) {
        let along = self.along((frame.left, frame.right));
        let up = self.up((frame.bottom, frame.top));
        let placed: Vec<(Look, Vec<Placed>)> = lines
            .iter()
            .map(|line| (palette.look(&line.series), place(line, &along, &up)))
            .collect();
        if self.banded {
            for (look, line) in &placed {
                draw_band(sheet, *look, line);
            }
        }
        let crossed: Vec<(&Reference, f64)> = references
            .iter()
            .filter_map(|reference| Some((reference, up.at(reference.value)?)))
            .collect();
        for (_, y) in &crossed {
            sheet.line(&[(frame.left, *y), (frame.right, *y)], REFERENCE.pen(), 1.2);
        }
        // The first line is often the control and should lie on top.
        for (index, (look, line)) in placed.iter().enumerate().rev() {
            draw_line(sheet, index, *look, line);
        }
        let Some(room) = room else { return };
        let of_lines = placed.iter().zip(lines).filter_map(|((look, placed), line)| {
            let end = placed.iter().flatten().last()?.0;
            Some(EndLabel::new(end, *look, &line.series.label, room))
        });
        let of_references = crossed.iter().map(|(reference, y)| EndLabel {
            marked: false,
            ..EndLabel::new((frame.right, *y), REFERENCE, &reference.label, room)
        });
        let labels: Vec<EndLabel> = of_lines.chain(of_references).collect();
        end_labels(sheet, frame, Side::Right, &labels);
    }

    /// How many points lie on neither axis.
    pub(crate) fn missing(&self, lines: &[Curve]) -> usize {
        let (along, up) = (self.along((0.0, 1.0)), self.up((0.0, 1.0)));
        let points = lines.iter().flat_map(|line| &line.points);
        points.filter(|p| along.at(p.x).is_none() || up.at(p.y).is_none()).count()
    }

    /// The last value of a line with its interval.
    pub(crate) fn last(&self, line: &Curve) -> String {
        let known = line.points.iter().filter(|point| point.x.is_finite() && point.y.is_finite());
        let last = known.max_by(|a, b| a.x.total_cmp(&b.x));
        let text = |value: f64| self.y.notation.text(value);
        last.map_or("none".to_owned(), |point| match point.interval {
            Some(i) if i.lower.is_finite() && i.upper.is_finite() => {
                format!("{} ({} to {})", text(point.y), text(i.lower), text(i.upper))
            }
            _ => text(point.y),
        })
    }
}

/// A point in the figure, with the ends of its interval; `None` breaks the line.
pub(crate) type Placed = Option<(Point, Option<(f64, f64)>)>;

pub(crate) fn place(line: &Curve, along: &Scale, up: &Scale) -> Vec<Placed> {
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

pub(crate) fn draw_band(sheet: &Sheet, look: Look, line: &[Placed]) {
    for run in line.split(|point| point.is_none_or(|(_, ends)| ends.is_none())) {
        let sides = run.iter().flatten().filter_map(|((x, _), ends)| Some((*x, (*ends)?)));
        let sides: Vec<(f64, (f64, f64))> = sides.collect();
        if let [(x, (lower, upper))] = sides[..] {
            sheet.line(&[(x, lower), (x, upper)], look.solid().alpha(0.5), 2.0);
        } else if !sides.is_empty() {
            let there = sides.iter().map(|(x, (_, upper))| (*x, *upper));
            let back = sides.iter().rev().map(|(x, (lower, _))| (*x, *lower));
            sheet.polygon(&there.chain(back).collect::<Vec<_>>(), look.solid().alpha(0.15));
        }
    }
}

pub(crate) fn draw_line(sheet: &Sheet, index: usize, look: Look, line: &[Placed]) {
    for run in line.split(Option::is_none) {
        let points: Vec<Point> = run.iter().flatten().map(|(point, _)| *point).collect();
        if points.len() > 1 {
            sheet.line(&points, look.pen(), 2.0);
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
    sheet.markers(&places, look, 3.6);
}

fn describe(field: &Field, all: &[Curve], shown: &[Curve], references: &[Reference]) -> String {
    let count = crate::count(shown.len(), "line");
    let last: Vec<String> =
        shown.iter().map(|line| format!("{} {}", line.series.label, field.last(line))).collect();
    let mut text = format!(
        "{} against {}, {count}. Last values: {}.",
        field.y.label,
        field.x.label,
        last.join("; ")
    );
    let up = field.up((0.0, 1.0));
    for reference in references.iter().filter(|reference| up.at(reference.value).is_some()) {
        let value = field.y.notation.text(reference.value);
        text.push_str(&format!(" A dashed line is at {value}: {}.", reference.label));
    }
    if !field.banded && shown.iter().any(|line| line.points.iter().any(|p| p.interval.is_some())) {
        text.push_str(" Intervals are in the CSV, not in the figure.");
    }
    if all.len() > shown.len() {
        let more = all.len() - shown.len();
        text.push_str(&format!(" Lines that are only in the CSV: {more}."));
    }
    text.push_str(&crate::left_out(field.missing(shown)));
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
