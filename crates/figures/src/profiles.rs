//! Which share of runs scores above a threshold, for every threshold.

use crate::{
    Curve, Figure, Heading, Palette,
    csv::{CsvTable, METHOD},
    curves::{draw_band, draw_line, place, write},
    frame::{
        ABOVE, BELOW, EndLabel, FIELD, Frame, LEAD, Side, axis_margin, end_labels, labels_height,
        labels_width,
    },
    palette::Look,
    scale::{Axis, Scale, Spacing, usable},
    sheet::{Format, Point, Sheet, figure, sentence},
    style::SERIES_LIMIT,
};

const SHARE: &str = "share of runs that score above";

/// Performance profiles (Agarwal et al., 2021, "Deep Reinforcement Learning at the Edge of the
/// Statistical Precipice"): of all runs on all tasks, the share in [0, 1] that scores above each
/// threshold, with the band of its interval. The points of a line are thresholds and shares. The
/// higher line is the better one; labels are in the order of the lines, from the best, and each is
/// led to a point of its own line. More than 24 lines are cut; the CSV has all.
#[must_use]
pub fn performance_profiles(
    heading: &Heading,
    palette: &Palette,
    score: &Axis,
    lines: &[Curve],
) -> Figure {
    let mut table =
        CsvTable::new(&[&METHOD[..], &[score.label.as_str(), SHARE, "lower", "upper"]].concat());
    for line in lines {
        write(&mut table, &[], line);
    }
    let csv = table.finish();
    let score = &score.clone().spaced(Spacing::Linear);
    let shown = &lines[..lines.len().min(SERIES_LIMIT)];
    let known = |line: &Curve| -> Vec<Point> {
        let legal = |point: &&crate::CurvePoint| usable(point.x) && (0.0..=1.0).contains(&point.y);
        let mut points: Vec<Point> =
            line.points.iter().filter(legal).map(|point| (point.x, point.y)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let curves: Vec<Vec<Point>> = shown.iter().map(known).collect();
    let xs: Vec<f64> = curves.iter().flatten().map(|point| point.0).collect();
    if xs.is_empty() {
        let reason = format!("No shares of runs by {}.", score.label);
        return sentence(heading, &reason, csv);
    }
    // From the best: by the area below the line.
    let mut order: Vec<usize> = (0..shown.len()).filter(|line| !curves[*line].is_empty()).collect();
    order.sort_by(|a, b| area(&curves[*b]).total_cmp(&area(&curves[*a])));

    let draw = |format: Format| {
        let labels = || shown.iter().map(|line| line.series.label.as_str());
        let room = labels_width(labels(), format.pick(170.0, 104.0));
        let field = format.pick(FIELD, 250.0).max(labels_height(labels(), room));
        let (top, bottom) = (ABOVE, ABOVE + field);
        let percent = Axis::new(SHARE).percent();
        let up = Scale::between(&percent, (0.0, 1.0), (bottom, top));
        let frame = Frame {
            left: axis_margin(&up),
            right: format.width() - room - LEAD - 4.0,
            top,
            bottom,
        };
        let sheet = Sheet::new(format.width(), bottom + BELOW);
        let Some(along) = Scale::new(score, &xs, 0.0, (frame.left, frame.right)) else {
            return sheet;
        };
        frame.vertical_axis(&sheet, &up, SHARE, Side::Left);
        frame.horizontal_axis(&sheet, &along, &score.label);
        let looks: Vec<Look> = shown.iter().map(|line| palette.look(&line.series)).collect();
        let legal: Vec<Curve> = shown.iter().map(in_range).collect();
        for (line, look) in legal.iter().zip(&looks).filter(|_| shown.len() <= 6) {
            draw_band(&sheet, *look, &place(line, &along, &up));
        }
        for (index, (line, look)) in legal.iter().zip(&looks).enumerate().rev() {
            draw_line(&sheet, index, *look, &place(line, &along, &up));
        }
        // All lines end at nothing, so each is labelled at a height of its own on its way down.
        let labels: Vec<EndLabel> = order
            .iter()
            .enumerate()
            .map(|(place, line)| {
                let share = 1.0 - (place as f64 + 0.75) / (order.len() as f64 + 0.5);
                let at = crossing(&curves[*line], share);
                let end = (along.at(at.0).unwrap_or(frame.right), up.at(at.1).unwrap_or(bottom));
                sheet.disc(end, 2.4, looks[*line].solid());
                EndLabel::new(end, looks[*line], &shown[*line].series.label, room)
            })
            .collect();
        end_labels(&sheet, &frame, Side::Right, &labels);
        sheet
    };
    let median = |line: &usize| {
        let at = crossing(&curves[*line], 0.5).0;
        format!("{} {}", shown[*line].series.label, score.notation.text(at))
    };
    let medians: Vec<String> = order.iter().map(median).collect();
    let total: usize = shown.iter().map(|line| line.points.len()).sum();
    let mut text = format!(
        "{SHARE} a threshold of {}, {}. Half of the runs score above, from the best: {}.{}",
        score.label,
        crate::count(shown.len(), "line"),
        medians.join("; "),
        crate::left_out(total - xs.len())
    );
    if lines.len() > shown.len() {
        let more = lines.len() - shown.len();
        text.push_str(&format!(" Lines that are only in the CSV: {more}."));
    }
    figure(heading, text, csv, draw)
}

/// The line with shares that are none taken out, and the ends of intervals held in [0, 1].
fn in_range(line: &Curve) -> Curve {
    let mut line = line.clone();
    for point in &mut line.points {
        if !(0.0..=1.0).contains(&point.y) {
            point.y = f64::NAN;
        }
        if let Some(interval) = &mut point.interval {
            interval.lower = interval.lower.clamp(0.0, 1.0);
            interval.upper = interval.upper.clamp(0.0, 1.0);
        }
    }
    line
}

/// The area below a line of points that ascend in x.
fn area(points: &[Point]) -> f64 {
    points
        .windows(2)
        .map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1))
        .sum()
}

/// Where a line first falls to a share; its last point where it never does.
fn crossing(points: &[Point], share: f64) -> Point {
    for pair in points.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        if from.1 >= share && to.1 < share {
            let part = (from.1 - share) / (from.1 - to.1);
            return (from.0 + part * (to.0 - from.0), share);
        }
    }
    match points {
        [first, ..] if first.1 < share => *first,
        [.., last] => *last,
        [] => (f64::NAN, f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_crossed_between_its_points() {
        let line = [(0.0, 1.0), (1.0, 0.75), (2.0, 0.25), (3.0, 0.0)];
        assert_eq!(crossing(&line, 0.5), (1.5, 0.5));
        assert_eq!(crossing(&line[..2], 0.5), (1.0, 0.75));
        assert_eq!(crossing(&line[2..], 0.5), (2.0, 0.25));
        assert_eq!(area(&line), 0.875 + 0.5 + 0.125);
    }
}
