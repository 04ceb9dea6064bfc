//! A picture while it is drawn, in units of its view box.

use crate::{
    Figure, Heading,
    backend::{Ink, escape},
    style::{Paint, Pen, marker_outline},
    text::FONT,
};
use plotters::{
    coord::Shift,
    drawing::{DrawingArea, IntoDrawingArea},
    element::{Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle},
    style::{Color, FontDesc, FontFamily, FontStyle, ShapeStyle, TextStyle},
};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use std::{cell::RefCell, convert::Infallible, rc::Rc};

/// The width of a picture. At 400 pixels its text is 9 pixels high, which is still read.
pub(crate) const WIDTH: f64 = 600.0;

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

/// A picture in the making. Drawing goes through the elements of plotters into [`Ink`].
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

    /// A marker of the shape of this index, full or hollow.
    pub(crate) fn marker(&self, at: Point, shape: usize, radius: f64, paint: Paint, full: bool) {
        self.markers(&[at], shape, radius, paint, full);
    }

    /// Equal markers: all insides first and all edges then, which makes two groups in the file.
    pub(crate) fn markers(
        &self,
        places: &[Point],
        shape: usize,
        radius: f64,
        paint: Paint,
        full: bool,
    ) {
        let (edge, inside) = (Pen::new(paint), Pen::new(if full { paint } else { Paint::Paper }));
        for at in places {
            match outline(*at, shape, radius) {
                Some(points) => self.polygon(&points, inside),
                None => self.circle(*at, radius, inside.colour().filled()),
            }
        }
        for at in places.iter().filter(|_| !full) {
            match outline(*at, shape, radius) {
                Some(mut points) => {
                    // Once more along the first edge, so that its corner is joined too.
                    points.extend_from_within(..2);
                    self.line(&points, edge, 1.5);
                }
                None => self.circle(*at, radius, stroke(edge, 1.5)),
            }
        }
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
    /// point leaves the picture.
    fn tenths(&self, (x, y): Point) -> (i32, i32) {
        let tenth = |value: f64, limit: f64| (value.clamp(0.0, limit) * 10.0).round() as i32;
        (tenth(x, self.width), tenth(y, self.height))
    }

    /// The figure, with its title and its text alternative inside.
    pub(crate) fn finish(self, heading: &Heading, description: String, csv: Vec<u8>) -> Figure {
        infallible(self.area.present());
        let Self { area, body, width, height } = self;
        drop(area);
        let name = heading.stem();
        let wide = width > WIDTH;
        let class = if wide { "figure figure-wide" } else { "figure" };
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"{class}\" \
             viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"{name}-title {name}-description\" \
             stroke-linejoin=\"round\" font-family=\"Helvetica, Arial, sans-serif\">\n\
             <title id=\"{name}-title\">{}</title>\n\
             <desc id=\"{name}-description\">{}</desc>\n{}</svg>\n",
            escape(&heading.title),
            escape(&description),
            body.borrow(),
        );
        Figure { name, title: heading.title.clone(), description, svg, wide, csv }
    }

    /// A figure of one sentence, where there is nothing to draw.
    pub(crate) fn sentence(heading: &Heading, reason: &str, csv: Vec<u8>) -> Figure {
        let sheet = Self::new(WIDTH, 64.0);
        sheet.text((WIDTH / 2.0, 32.0), reason, Label::centre().muted());
        sheet.finish(heading, reason.to_owned(), csv)
    }
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
