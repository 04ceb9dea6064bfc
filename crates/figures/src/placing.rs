//! Where a label beside a point covers neither lines nor other labels.

use crate::{
    frame::Frame,
    sheet::Point,
    text::{FONT, width},
};

/// A line that labels should not cover.
pub(crate) type Segment = (Point, Point);

/// A box by its centre and its half extents.
pub(crate) type Extent = (Point, Point);

/// The pieces of a line.
pub(crate) fn segments(line: &[Point]) -> impl Iterator<Item = Segment> {
    line.windows(2).map(|pair| (pair[0], pair[1]))
}

/// A place for a text beside one of these points, within the frame, that covers no line and no
/// other box; `None` where there is none.
pub(crate) fn find_place(
    frame: &Frame,
    text: &str,
    points: &[Point],
    lines: &[Segment],
    taken: &[Extent],
) -> Option<Extent> {
    let half = (width(text, FONT) / 2.0, 7.5);
    let (dx, dy) = (half.0 + 7.0, 13.0);
    let sides =
        [(dx, 0.0), (-dx, 0.0), (0.0, -dy), (0.0, dy), (dx, -dy), (-dx, -dy), (dx, dy), (-dx, dy)];
    let places =
        points.iter().flat_map(|(x, y)| sides.map(|(right, down)| ((x + right, y + down), half)));
    places.into_iter().find(|place| {
        let ((x, y), _) = place;
        let inside = x - half.0 >= frame.left
            && x + half.0 <= frame.right
            && y - half.1 >= frame.top
            && y + half.1 <= frame.bottom;
        inside
            && taken.iter().all(|other| apart(place, other))
            && !lines.iter().any(|line| crosses(place, line))
    })
}

fn apart(((ax, ay), (aw, ah)): &Extent, ((bx, by), (bw, bh)): &Extent) -> bool {
    (ax - bx).abs() >= aw + bw || (ay - by).abs() >= ah + bh
}

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

    #[test]
    fn a_label_goes_where_nothing_is() {
        let frame = Frame { left: 0.0, right: 100.0, top: 0.0, bottom: 100.0 };
        let place = find_place(&frame, "set", &[(50.0, 50.0)], &[], &[]).unwrap();
        assert!(place.0.0 > 50.0 && place.0.1 == 50.0);
        let wall = ((60.0, 0.0), (60.0, 100.0));
        let place = find_place(&frame, "set", &[(50.0, 50.0)], &[wall], &[]).unwrap();
        assert!(place.0.0 < 50.0);
        let whole = ((50.0, 50.0), (50.0, 50.0));
        assert!(find_place(&frame, "set", &[(50.0, 50.0)], &[], &[whole]).is_none());
    }
}
