//! The backend of plotters that writes figures for two themes.
//!
//! The SVG backend that comes with plotters writes fixed colours and whole pixels, repeats every
//! attribute on every element and has no dashes. This one takes coordinates in tenths of a unit,
//! writes lines relative to their start, puts neighbours of one style into one group, and names
//! colours by class, with the light colour as the attribute for a figure that stands alone.

use crate::style::Pen;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle,
    text_anchor::{HPos, VPos},
};
use std::{cell::RefCell, convert::Infallible, fmt::Write, rc::Rc};

type Outcome = Result<(), DrawingErrorKind<Infallible>>;

/// Writes elements into a shared string; see the module.
pub(crate) struct Ink {
    body: Rc<RefCell<String>>,
    size: (u32, u32),
    group: String,
    in_path: bool,
}

/// What is drawn. Neighbouring paths of one style become one path: a heat map has thousands.
enum Shape {
    Path(String),
    Other(String),
}

impl Ink {
    /// A backend of this size in tenths of a unit.
    pub(crate) fn new(body: Rc<RefCell<String>>, size: (u32, u32)) -> Self {
        Self { body, size, group: String::new(), in_path: false }
    }

    /// Writes one shape into the group of these attributes.
    fn write(&mut self, group: String, shape: &Shape) {
        if group != self.group {
            self.end_group();
            let _ = write!(self.body.borrow_mut(), "<g {group}>");
            self.group = group;
        }
        match shape {
            Shape::Path(commands) => {
                let mut body = self.body.borrow_mut();
                if !std::mem::replace(&mut self.in_path, true) {
                    body.push_str("<path d=\"");
                }
                body.push_str(commands);
            }
            Shape::Other(element) => {
                self.end_path();
                self.body.borrow_mut().push_str(element);
            }
        }
    }

    fn end_path(&mut self) {
        if std::mem::take(&mut self.in_path) {
            self.body.borrow_mut().push_str("\"/>");
        }
    }

    fn end_group(&mut self) {
        self.end_path();
        if !std::mem::take(&mut self.group).is_empty() {
            self.body.borrow_mut().push_str("</g>\n");
        }
    }

    fn stroke(&mut self, style: &impl BackendStyle, shape: &Shape) {
        let pen = read(style.color());
        let mut group = format!(
            "class=\"figure-stroke-{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"",
            pen.paint.name(),
            pen.paint.light(),
            Tenths(style.stroke_width() as i32),
        );
        if !pen.dash().is_empty() {
            let _ = write!(group, " stroke-dasharray=\"{}\"", pen.dash());
        }
        write_opacity(&mut group, pen);
        self.write(group, shape);
    }

    fn fill(&mut self, colour: BackendColor, shape: &Shape) {
        let pen = read(colour);
        let (name, light) = (pen.paint.name(), pen.paint.light());
        let mut group = format!("class=\"figure-fill-{name}\" fill=\"{light}\"");
        write_opacity(&mut group, pen);
        self.write(group, shape);
    }
}

/// A whole number of tenths, written as short as can be.
struct Tenths(i32);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        match (self.0.unsigned_abs() / 10, self.0.unsigned_abs() % 10) {
            (whole, 0) => write!(f, "{sign}{whole}"),
            (0, tenth) => write!(f, "{sign}.{tenth}"),
            (whole, tenth) => write!(f, "{sign}{whole}.{tenth}"),
        }
    }
}

fn read(colour: BackendColor) -> Pen {
    Pen::read(colour.rgb, colour.alpha)
}

fn write_opacity(group: &mut String, pen: Pen) {
    if pen.alpha < 1.0 {
        let _ = write!(group, " opacity=\"{}\"", Tenths((pen.alpha * 10.0).round() as i32));
    }
}

/// A path of lines, each relative to the one before; `None` without points.
fn path(points: impl IntoIterator<Item = BackendCoord>, close: bool) -> Option<Shape> {
    let mut points = points.into_iter();
    let (mut x, mut y) = points.next()?;
    let mut path = format!("M{} {}", Tenths(x), Tenths(y));
    let mut first = true;
    for (to_x, to_y) in points {
        // A minus sign separates as well as a space does.
        let (dx, dy) = (Tenths(to_x - x), Tenths(to_y - y));
        let before = match (first, dx.0 < 0) {
            (true, _) => "l",
            (false, true) => "",
            (false, false) => " ",
        };
        let _ = write!(path, "{before}{dx}{}{dy}", if dy.0 < 0 { "" } else { " " });
        (x, y, first) = (to_x, to_y, false);
    }
    if close {
        path.push('z');
    }
    Some(Shape::Path(path))
}

/// Text for element content and attributes. Characters that XML 1.0 does not allow are left out.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => {}
            other => out.push(other),
        }
    }
    out
}

impl DrawingBackend for Ink {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        self.end_group();
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Outcome {
        self.draw_rect((x, y), (x + 1, y + 1), &colour, true)
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Outcome {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Outcome {
        let [x, y, width, height] = [left, top, right - left, bottom - top].map(Tenths);
        let back = Tenths(left - right);
        let rect = Shape::Path(format!("M{x} {y}h{width}v{height}h{back}z"));
        if fill {
            self.fill(style.color(), &rect)
        } else {
            self.stroke(style, &rect)
        }
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Outcome {
        if let Some(path) = path(points, false) {
            self.stroke(style, &path);
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Outcome {
        let (x, y, radius) = (Tenths(x), Tenths(y), Tenths(radius as i32));
        let circle = Shape::Other(format!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>"));
        if fill {
            self.fill(style.color(), &circle)
        } else {
            self.stroke(style, &circle)
        }
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        points: I,
        style: &S,
    ) -> Outcome {
        if let Some(path) = path(points, true) {
            self.fill(style.color(), &path);
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Outcome {
        let pen = read(style.color());
        let size = style.size();
        // The baseline is reckoned here: attributes that move it differ between browsers.
        let down = match style.anchor().v_pos {
            VPos::Top => 0.76,
            VPos::Center => 0.35,
            VPos::Bottom => -0.24,
        };
        let mut group = format!(
            "class=\"figure-fill-{}\" fill=\"{}\" font-size=\"{}\"",
            pen.paint.name(),
            pen.paint.light(),
            Tenths(size.round() as i32),
        );
        match style.anchor().h_pos {
            HPos::Left => {}
            HPos::Center => group.push_str(" text-anchor=\"middle\""),
            HPos::Right => group.push_str(" text-anchor=\"end\""),
        }
        if matches!(style.style(), FontStyle::Bold) {
            group.push_str(" font-weight=\"bold\"");
        }
        let (x, y) = (Tenths(x), Tenths(y + (down * size).round() as i32));
        let text = format!("<text x=\"{x}\" y=\"{y}\">{}</text>", escape(text));
        self.write(group, &Shape::Other(text));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_can_be() {
        let text = |tenths| Tenths(tenths).to_string();
        assert_eq!([0, 5, -5, 10, -123, 6000].map(text), ["0", ".5", "-.5", "1", "-12.3", "600"]);
    }

    #[test]
    fn lines_are_relative() {
        let line = path([(100, 200), (105, 190), (95, 190), (95, 200)], false);
        assert!(matches!(line, Some(Shape::Path(d)) if d == "M10 20l.5-1-1 0 0 1"));
        assert!(path([], true).is_none());
    }

    #[test]
    fn markup_and_control_characters_stay_text() {
        assert_eq!(escape("a<b & \"c\" 'd'\u{0}\n"), "a&lt;b &amp; &quot;c&quot; &#39;d&#39; ");
    }
}
