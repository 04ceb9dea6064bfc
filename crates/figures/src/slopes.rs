//! Control and candidate of the same seeds.

use crate::{
    Better, Figure, Heading, Palette, Series,
    csv::{CsvTable, METHOD, cell, method},
    frame::{Frame, Key, LINE, Side, Sign, axis_margin, block, labels_height},
    palette::{Fill, Look, sparsity_text},
    panels::PanelGrid,
    rows::signed,
    scale::{Axis, Scale, Spacing, usable},
    sheet::{Format, Label, Sheet, figure, sentence},
    style::{Paint, Pen},
    text::{FONT, fit, wrap_label},
};

/// The scores of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedPair {
    /// The seed, or what else pairs the two.
    pub seed: String,
    /// The score of the control.
    pub control: f64,
    /// The score of the candidate.
    pub candidate: f64,
}

/// One candidate beside the control, over the same seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopePanel {
    /// The method at the right.
    pub candidate: Series,
    /// The method at the left.
    pub control: Series,
    /// The seeds.
    pub pairs: Vec<SeedPair>,
}

/// Candidates beside their control, a panel each.
#[derive(Clone, Debug, PartialEq)]
pub struct SlopeCharts {
    /// The score.
    pub metric: Axis,
    /// The good direction of the score.
    pub better: Better,
    /// The candidates.
    pub panels: Vec<SlopePanel>,
}

const SMALL: f64 = 11.5;

/// One line a seed from control to candidate: in colour and with full ends where the candidate is
/// better, grey and hollow where it is worse, and a thick line for the means. Panels have axes of
/// one length, each about its own middle, so that slopes compare over panels.
#[must_use]
pub fn slope_charts(heading: &Heading, palette: &Palette, data: &SlopeCharts) -> Figure {
    let csv = table(data);
    let panels: Vec<Panel<'_>> =
        data.panels.iter().filter_map(|panel| Panel::new(panel, data.better)).collect();
    if panels.is_empty() {
        let reason = format!("No seed with a finite {} of both methods.", data.metric.label);
        return sentence(heading, &reason, csv);
    }
    let text = describe(data, &panels);
    figure(heading, text, csv, |format| draw(palette, data, &panels, format))
}

/// The seeds of a panel that have both scores.
struct Panel<'a> {
    data: &'a SlopePanel,
    pairs: Vec<&'a SeedPair>,
    /// The means of control and candidate.
    means: (f64, f64),
    wins: usize,
    equal: usize,
}

impl<'a> Panel<'a> {
    fn new(data: &'a SlopePanel, better: Better) -> Option<Self> {
        let usable = |pair: &&SeedPair| usable(pair.control) && usable(pair.candidate);
        let pairs: Vec<&SeedPair> = data.pairs.iter().filter(usable).collect();
        let count = pairs.len() as f64;
        let mean = |value: fn(&SeedPair) -> f64| pairs.iter().map(|p| value(p) / count).sum();
        let means = (mean(|pair| pair.control), mean(|pair| pair.candidate));
        let wins = pairs.iter().filter(|pair| is_better(better, pair)).count();
        let equal = pairs.iter().filter(|pair| pair.candidate == pair.control).count();
        (!pairs.is_empty()).then_some(Self { data, pairs, means, wins, equal })
    }

    fn range(&self) -> (f64, f64) {
        let all = self.pairs.iter().flat_map(|pair| [pair.control, pair.candidate]);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    }

    fn summary(&self, metric: &Axis) -> String {
        let equal = match self.equal {
            0 => String::new(),
            equal => format!(", {equal} equal"),
        };
        let difference = signed(metric.notation, self.means.1 - self.means.0);
        format!("better at {} of {} seeds{equal}, mean {difference}", self.wins, self.pairs.len())
    }
}

fn draw(palette: &Palette, data: &SlopeCharts, panels: &[Panel<'_>], format: Format) -> Sheet {
    let inner = format.pick(170.0, 150.0);
    let probe = PanelGrid::new(panels.len(), format, 0.0, 0.0);
    let room = probe.cell.0 - 12.0;
    let title = panels
        .iter()
        .map(|panel| labels_height([panel.data.candidate.label.as_str()], room))
        .fold(0.0, f64::max);
    let above = title + LINE + 12.0;
    let grid = PanelGrid::new(panels.len(), format, 26.0, above + inner + 34.0);
    let key = key();
    let sheet = Sheet::new(grid.width(), grid.bottom() + key.height(grid.width()));
    sheet.text((4.0, 12.0), &fit(&data.metric.label, FONT, sheet.width - 8.0), Label::left());

    let metric = data.metric.clone().spaced(Spacing::Linear);
    let widest = panels.iter().map(|panel| panel.range().1 - panel.range().0).fold(0.0, f64::max);
    let scale = |panel: &Panel<'_>, ends: (f64, f64)| {
        let (low, high) = panel.range();
        let middle = f64::midpoint(low, high);
        // Seeds that all score the same still need an axis.
        let equal = widest <= middle.abs() * 1e-9;
        let half = if equal { (middle.abs() * 0.01).max(1e-280) } else { widest * 0.55 };
        Scale::between(&metric, (middle - half, middle + half), ends)
    };
    for (index, panel) in panels.iter().enumerate() {
        let (left, top) = grid.corner(index);
        let look = palette.look(&panel.data.candidate);
        let name = wrap_label(&panel.data.candidate.label, FONT, room);
        let middle = top + title - name.len() as f64 * LINE / 2.0;
        block(&sheet, (left + 4.0, middle), &name, Label::left().bold());
        let summary = fit(&panel.summary(&metric), SMALL, room);
        let at = (left + 4.0, top + title + 8.0);
        sheet.text(at, &summary, Label::left().muted().size(SMALL));

        let (top, bottom) = (top + above, top + above + inner);
        let up = scale(panel, (bottom, top));
        let margin = axis_margin(&up);
        let frame = Frame { left: left + margin, right: left + grid.cell.0 - 14.0, top, bottom };
        frame.grid_lines(&sheet, &up, 5, Side::Left);
        seeds(&sheet, data.better, panel, &frame, &up, look);
        let (from, to) = ends(&frame);
        let half = (to - from) / 2.0 + 16.0;
        let names = [
            (from, Label::left(), &panel.data.control),
            (to, Label::right(), &panel.data.candidate),
        ];
        for (x, label, series) in names {
            let text = fit(&short(series), SMALL, half);
            let x = if x == from { frame.left } else { frame.right };
            sheet.text((x, bottom + 13.0), &text, label.muted().size(SMALL));
        }
    }
    key.draw(&sheet, grid.bottom() - 4.0);
    sheet
}

/// Where the lines of a panel begin and end.
fn ends(frame: &Frame) -> (f64, f64) {
    (frame.left + 18.0, frame.right - 18.0)
}

fn seeds(sheet: &Sheet, better: Better, panel: &Panel<'_>, frame: &Frame, up: &Scale, look: Look) {
    let (left, right) = ends(frame);
    let place = |value: f64| up.at(value).unwrap_or(frame.bottom);
    let line = |pair: &SeedPair| [(left, place(pair.control)), (right, place(pair.candidate))];
    let (wins, others): (Vec<&SeedPair>, Vec<&SeedPair>) =
        panel.pairs.iter().partition(|pair| is_better(better, pair));
    let round = Look { shape: 0, dash: 0, ..look };
    for (pairs, look) in [
        (others, Look { paint: Paint::Muted, fill: Fill::Hollow, ..round }),
        (wins, Look { fill: Fill::Full, ..round }),
    ] {
        let lines: Vec<[(f64, f64); 2]> = pairs.iter().map(|pair| line(pair)).collect();
        for line in &lines {
            sheet.line(line, look.solid().alpha(0.6), 1.3);
        }
        sheet.markers(&lines.concat(), look, 3.0);
    }
    let means = [(left, place(panel.means.0)), (right, place(panel.means.1))];
    sheet.line(&means, look.pen(), 3.5);
    sheet.markers(&means, look, 5.0);
}

/// A method below its end: the title has its whole label.
fn short(series: &Series) -> String {
    if series.strategy.is_empty() {
        series.label.clone()
    } else if series.sparsity > 0.0 {
        format!("{} {}", series.strategy, sparsity_text(series.sparsity))
    } else {
        series.strategy.clone()
    }
}

fn key() -> Key {
    let muted = Look { paint: Paint::Muted, dash: 0, shape: 0, fill: Fill::Full };
    Key::new(vec![
        (Sign::Marker(muted), "seed at which the candidate is better".to_owned()),
        (Sign::Marker(Look { fill: Fill::Hollow, ..muted }), "worse or equal".to_owned()),
        (Sign::Line(Pen::new(Paint::Ink)), "mean".to_owned()),
    ])
}

fn is_better(better: Better, pair: &SeedPair) -> bool {
    better.order(pair.candidate + 0.0, pair.control + 0.0).is_lt()
}

fn table(data: &SlopeCharts) -> Vec<u8> {
    let own = ["control", "seed", "control score", "candidate score", "difference"];
    let mut table = CsvTable::new(&[&METHOD[..], &own[..]].concat());
    for panel in &data.panels {
        for SeedPair { seed, control, candidate } in &panel.pairs {
            let numbers = [*control, *candidate, candidate - control].map(cell);
            let names = [panel.control.label.clone(), seed.clone()];
            table.row(method(&panel.candidate).into_iter().chain(names).chain(numbers));
        }
    }
    table.finish()
}

fn describe(data: &SlopeCharts, panels: &[Panel<'_>]) -> String {
    let notation = data.metric.notation;
    let one = |panel: &Panel<'_>| {
        format!(
            "{} {} against {} {}, {}",
            panel.data.candidate.label,
            notation.text(panel.means.1),
            panel.data.control.label,
            notation.text(panel.means.0),
            panel.summary(&data.metric)
        )
    };
    let all: Vec<String> = panels.iter().map(one).collect();
    let given: usize = data.panels.iter().map(|panel| panel.pairs.len()).sum();
    let drawn: usize = panels.iter().map(|panel| panel.pairs.len()).sum();
    format!(
        "{} of control and candidate joined by seed, {}. Means: {}.{}",
        data.metric.label,
        crate::count(panels.len(), "panel"),
        all.join(". "),
        crate::left_out(given - drawn)
    )
}
