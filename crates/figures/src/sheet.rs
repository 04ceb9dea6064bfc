//! A figure while it is drawn, in units of its view box.

use crate::{
    Conclusion, Figure, Heading,
    backend::{Ink, escape},
    palette::{Fill, Look},
    style::{Paint, Pen, marker_outline},
    text::{FONT, paragraph},
};
use plotters::{
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle},
    style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle},
};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use std::{cell::RefCell, convert::Infallible, rc::Rc};

/// The two layouts of each figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// For half of a screen and more.
    Wide,
    /// For a telephone, at about one pixel a unit.
    Narrow,
}

impl Format {
    pub(crate) const fn width(self) -> f64 {
        match self {
            Self::Wide => 600.0,
            Self::Narrow => 360.0,
        }
    }

    pub(crate) fn is_narrow(self) -> bool {
        self == Self::Narrow
    }

    /// One of two values.
    pub(crate) fn pick<T>(self, wide: T, narrow: T) -> T {
        if self.is_narrow() { narrow } else { wide }
    }
}

/// Figures that are wider than this change to their narrow layout earlier; see the style sheet.
const WIDE: f64 = 600.0;

/// As [`WIDE`], once more.
const WIDER: f64 = 780.0;

/// A position: to the right, and down.
pub(crate) type Point = (f64, f64);

/// How a text is set.
#[derive(Clone, Copy)]
pub(crate) struct Label {
    size: f64,
    paint: Paint,
    bold: bool,
    anchor: HPos,
}

impl Label {
    pub(crate) fn left() -> Self {
        Self { size: FONT, paint: Paint::Ink, bold: false, anchor: HPos::Left }
    }

    pub(crate) fn centre() -> Self {
        Self { anchor: HPos::Center, ..Self::left() }
    }

    pub(crate) fn right() -> Self {
        Self { anchor: HPos::Right, ..Self::left() }
    }

    pub(crate) fn muted(self) -> Self {
        self.paint(Paint::Muted)
    }

    pub(crate) fn paint(self, paint: Paint) -> Self {
        Self { paint, ..self }
    }

    pub(crate) fn size(self, size: f64) -> Self {
        Self { size, ..self }
    }

    pub(crate) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// A figure in the making. Drawing goes through the elements of plotters into [`Ink`].
pub(crate) struct Sheet {
    area: DrawingArea<Ink, Shift>,
    body: Rc<RefCell<String>>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Sheet {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let body = Rc::new(RefCell::new(String::new()));
        let (width, height) = (width.ceil(), height.ceil());
        let ink = Ink::new(body.clone(), ((width * 10.0) as u32, (height * 10.0) as u32));
        let sheet = Self { area: ink.into_drawing_area(), body, width, height };
        sheet.rect((0.0, 0.0), (width, height), Pen::new(Paint::Paper));
        sheet
    }

    fn draw<E>(&self, element: &E)
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: Drawable<Ink>,
    {
        infallible(self.area.draw(element));
    }

    pub(crate) fn line(&self, points: &[Point], pen: Pen, width: f64) {
        let points: Vec<_> = points.iter().map(|point| self.tenths(*point)).collect();
        self.draw(&PathElement::new(points, stroke(pen, width)));
    }

    pub(crate) fn polygon(&self, points: &[Point], pen: Pen) {
        let points: Vec<_> = points.iter().map(|point| self.tenths(*point)).collect();
        self.draw(&Polygon::new(points, pen.colour()));
    }

    pub(crate) fn rect(&self, from: Point, to: Point, pen: Pen) {
        let corners = [self.tenths(from), self.tenths(to)];
        self.draw(&Rectangle::new(corners, pen.colour().filled()));
    }

    /// The marker of a look.
    pub(crate) fn marker(&self, at: Point, look: Look, radius: f64) {
        self.markers(&[at], look, radius);
    }

    /// Equal markers: all insides first and all edges then, which makes two groups in the file.
    pub(crate) fn markers(&self, places: &[Point], look: Look, radius: f64) {
        let full = look.fill == Fill::Full;
        let (edge, inside) =
            (Pen::new(look.paint), Pen::new(if full { look.paint } else { Paint::Paper }));
        for at in places {
            match outline(*at, look.shape, radius) {
                Some(points) => self.polygon(&points, inside),
                None => self.disc(*at, radius, inside),
            }
        }
        for at in places.iter().filter(|_| !full) {
            match outline(*at, look.shape, radius) {
                Some(mut points) => {
                    // Once more along the first edge, so that its corner is joined too.
                    points.extend_from_within(..2);
                    self.line(&points, edge, 1.5);
                }
                None => self.circle(*at, radius, stroke(edge, 1.5)),
            }
        }
        for at in places.iter().filter(|_| look.fill == Fill::Dotted) {
            self.disc(*at, radius * 0.35, edge);
        }
    }

    /// The sign of a verdict: full where something is shown, else a ring.
    pub(crate) fn badge(&self, at: Point, conclusion: Conclusion) {
        let (paint, radius) = (Paint::Verdict(conclusion), 8.0);
        let sign = if conclusion.decides() {
            self.disc(at, radius, Pen::new(paint));
            Paint::Paper
        } else {
            self.disc(at, radius, Pen::new(Paint::Paper));
            self.circle(at, radius - 0.7, stroke(Pen::new(paint), 1.4));
            paint
        };
        self.text(at, conclusion.sign(), Label::centre().bold().paint(sign));
    }

    pub(crate) fn disc(&self, at: Point, radius: f64, pen: Pen) {
        self.circle(at, radius, pen.colour().filled());
    }

    fn circle(&self, at: Point, radius: f64, style: ShapeStyle) {
        self.draw(&Circle::new(self.tenths(at), (radius * 10.0).round() as i32, style));
    }

    /// Text with its middle at this height.
    pub(crate) fn text(&self, at: Point, text: &str, label: Label) {
        let style = if label.bold { FontStyle::Bold } else { FontStyle::Normal };
        let colour = Pen::new(label.paint).colour();
        let style = TextStyle {
            font: FontDesc::new(FontFamily::SansSerif, label.size * 10.0, style),
            color: colour.to_backend_color(),
            pos: Pos::new(label.anchor, VPos::Center),
        };
        infallible(self.area.draw_text(text, &style, self.tenths(at)));
    }

    /// Backends count in whole numbers, so a whole number is a tenth here. Whatever the data, no
    /// point leaves the figure.
    fn tenths(&self, (x, y): Point) -> (i32, i32) {
        let tenth = |value: f64, limit: f64| (value.clamp(0.0, limit) * 10.0).round() as i32;
        (tenth(x, self.width), tenth(y, self.height))
    }

    /// The figure as an element, with its title and its text alternative inside.
    fn finish(self, heading: &Heading, description: &str, format: Format) -> String {
        infallible(self.area.present());
        let Self { area, body, width, height } = self;
        drop(area);
        let (class, id) = match format {
            Format::Narrow => ("figure figure-narrow", format!("{}-narrow", heading.stem())),
            Format::Wide if width > WIDER => ("figure figure-layout figure-wider", heading.stem()),
            Format::Wide if width > WIDE => ("figure figure-layout figure-wide", heading.stem()),
            Format::Wide => ("figure figure-layout", heading.stem()),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" \
             style=\"--figure-units: {width}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-description\" \
             stroke-linejoin=\"round\" font-family=\"Helvetica, Arial, sans-serif\">\n\
             <title id=\"{id}-title\">{}</title>\n\
             <desc id=\"{id}-description\">{}</desc>\n{}</svg>\n",
            escape(&heading.title),
            escape(description),
            body.borrow(),
        )
    }
}

/// The figure of a figure in its two layouts.
pub(crate) fn figure(
    heading: &Heading,
    description: String,
    csv: Vec<u8>,
    draw: impl Fn(Format) -> Sheet,
) -> Figure {
    let [svg, narrow] = [Format::Wide, Format::Narrow]
        .map(|format| draw(format).finish(heading, &description, format));
    Figure { name: heading.stem(), title: heading.title.clone(), description, svg, narrow, csv }
}

/// A figure of one sentence, where there is nothing to draw.
pub(crate) fn sentence(heading: &Heading, reason: &str, csv: Vec<u8>) -> Figure {
    figure(heading, reason.to_owned(), csv, |format| {
        let lines = paragraph(reason, FONT, format.width() - 16.0);
        let sheet = Sheet::new(format.width(), 48.0 + lines.len() as f64 * 16.0);
        for (index, line) in lines.iter().enumerate() {
            let at = (format.width() / 2.0, 32.0 + index as f64 * 16.0);
            sheet.text(at, line, Label::centre().muted());
        }
        sheet
    })
}

/// The corners of a marker; a circle has none.
fn outline(at: Point, shape: usize, radius: f64) -> Option<Vec<Point>> {
    let corner = |(x, y): &Point| (at.0 + x * radius, at.1 + y * radius);
    Some(marker_outline(shape)?.iter().map(corner).collect())
}

fn stroke(pen: Pen, width: f64) -> ShapeStyle {
    pen.colour().stroke_width((width * 10.0).round() as u32)
}

/// [`Ink`] writes into memory, so drawing cannot fail; plotters has other errors for areas that are
/// borrowed while they are drawn on, which is a mistake in this crate.
fn infallible(outcome: Result<(), plotters::drawing::DrawingAreaErrorKind<Infallible>>) {
    outcome.expect("an area that no one else draws on takes every element");
}
