//! Colours, dashes and markers: what tells one series from the next.

use crate::Conclusion;
use plotters::style::RGBAColor;

/// Rules for a page that shows figures inline: colours on light and on dark, and a width.
///
/// Without it a figure is right on white: every element has its light colour as an attribute, and
/// the rules here override it through custom properties, which a page may set to its own colours.
/// Put [`crate::Figure::inline`] into a block of class `figure-frame`: its width decides which of
/// the two layouts of a figure is seen.
pub const STYLE_SHEET: &str = include_str!("style.css");

/// Eight colours near those of Okabe and Ito (2008), moved apart until the nearest two are told
/// apart by normal eyes and with each kind of dichromacy, at a contrast of 3 on white. The style
/// sheet has those for dark.
pub(crate) const SERIES: [&str; 8] =
    ["#0A5DA2", "#C33817", "#0D8F77", "#9B1A6B", "#B78B06", "#3996FF", "#633306", "#823CE5"];

/// Dash patterns in units of the figure; empty is solid.
pub(crate) const DASHES: [&str; 6] = ["", "7 3", "2 2.5", "10 3 2 3", "5 2 1.5 2 1.5 2", "1.5 5"];

/// The dash pattern of lines that are no data, as a margin or a front.
pub(crate) const DASHED: usize = 1;

/// The dash pattern of lines that lead to a label.
pub(crate) const DOTTED: usize = 2;

/// How many outlines markers have.
pub(crate) const MARKERS: usize = 6;

/// Shades of a heat map from nothing to all: lightness falls evenly, so greyscale keeps the order.
pub(crate) const HEAT: [&str; 10] = [
    "#F3F7FB", "#DEEAF5", "#C7DBEE", "#ABCAE4", "#8AB4D8", "#669AC8", "#3B75AB", "#2C659C",
    "#184B80", "#0A3160",
];

/// The first shade on which text has the colour of the paper.
const HEAT_DARK: u8 = 6;

/// More lines than these are not told apart by anyone; the rest is only in the CSV.
pub(crate) const SERIES_LIMIT: usize = 24;

/// What an element is painted with, by its meaning. The style sheet knows the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Paper,
    Ink,
    Muted,
    Grid,
    /// Losses within the margin.
    Band,
    /// Where the candidate is better.
    Gain,
    /// Losses beyond the margin.
    Loss,
    Series(u8),
    Heat(u8),
    Verdict(Conclusion),
}

impl Paint {
    /// The paint of the strategy of this index: eight colours in turn.
    pub(crate) fn series(index: usize) -> Self {
        Self::Series((index % SERIES.len()) as u8)
    }

    /// The shade of a share in [0, 1].
    pub(crate) fn heat(share: f64) -> Self {
        Self::Heat((share.clamp(0.0, 1.0) * HEAT.len() as f64).min(9.0) as u8)
    }

    /// The paint of text on this one.
    pub(crate) fn text_on(self) -> Self {
        match self {
            Self::Heat(step) if step >= HEAT_DARK => Self::Paper,
            _ => Self::Ink,
        }
    }

    /// The colour on white.
    pub(crate) fn light(self) -> &'static str {
        match self {
            Self::Paper => "#FFFFFF",
            Self::Ink => "#1F2328",
            Self::Muted => "#5B646E",
            Self::Grid => "#E3E6E9",
            Self::Band => "#F6EBD7",
            Self::Gain => "#E9F4EF",
            Self::Loss => "#FAE9E5",
            Self::Series(index) => SERIES[usize::from(index) % SERIES.len()],
            Self::Heat(step) => HEAT[usize::from(step) % HEAT.len()],
            Self::Verdict(Conclusion::Superior) => "#00664A",
            Self::Verdict(Conclusion::NonInferior) => "#0B5CAD",
            Self::Verdict(Conclusion::Worse) => "#8A5A00",
            Self::Verdict(Conclusion::Inferior) => "#A8321A",
            Self::Verdict(Conclusion::Inconclusive) => "#525B65",
            Self::Verdict(Conclusion::NotComparable) => "#75546E",
        }
    }

    /// The name in the style sheet: `--figure-NAME`, `.figure-fill-NAME`, `.figure-stroke-NAME`.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Paper => "paper".into(),
            Self::Ink => "ink".into(),
            Self::Muted => "muted".into(),
            Self::Grid => "grid".into(),
            Self::Band => "band".into(),
            Self::Gain => "gain".into(),
            Self::Loss => "loss".into(),
            Self::Series(index) => format!("series-{}", index + 1),
            Self::Heat(step) => format!("heat-{step}"),
            Self::Verdict(conclusion) => format!("verdict-{}", conclusion.class()),
        }
    }

    fn code(self) -> (u8, u8) {
        match self {
            Self::Paper => (0, 0),
            Self::Ink => (1, 0),
            Self::Muted => (2, 0),
            Self::Grid => (3, 0),
            Self::Band => (4, 0),
            Self::Series(index) => (5, index),
            Self::Heat(step) => (6, step),
            Self::Gain => (7, 0),
            Self::Loss => (8, 0),
            Self::Verdict(conclusion) => (9, conclusion as u8),
        }
    }
}

/// A paint with a dash pattern and an opacity.
///
/// Plotters hands a backend three bytes and an alpha. A figure for two themes has names instead of
/// colours, so the bytes carry paint, index and dash, and [`crate::backend::Ink`] reads them back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pen {
    pub(crate) paint: Paint,
    dash: u8,
    pub(crate) alpha: f64,
}

impl Pen {
    pub(crate) fn new(paint: Paint) -> Self {
        Self { paint, dash: 0, alpha: 1.0 }
    }

    pub(crate) fn dashed(self, dash: usize) -> Self {
        Self { dash: (dash % DASHES.len()) as u8, ..self }
    }

    pub(crate) fn alpha(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    pub(crate) fn dash(self) -> &'static str {
        DASHES[usize::from(self.dash) % DASHES.len()]
    }

    pub(crate) fn colour(self) -> RGBAColor {
        let (kind, index) = self.paint.code();
        RGBAColor(kind, index, self.dash, self.alpha)
    }

    /// The inverse of [`Pen::colour`].
    pub(crate) fn read((kind, index, dash): (u8, u8, u8), alpha: f64) -> Self {
        let paint = match kind {
            0 => Paint::Paper,
            2 => Paint::Muted,
            3 => Paint::Grid,
            4 => Paint::Band,
            5 => Paint::Series(index),
            6 => Paint::Heat(index),
            7 => Paint::Gain,
            8 => Paint::Loss,
            9 => Paint::Verdict(Conclusion::ALL[usize::from(index) % Conclusion::ALL.len()]),
            _ => Paint::Ink,
        };
        Self { paint, dash, alpha }
    }
}

/// Outlines of markers, in units of their radius; a circle has none.
pub(crate) fn marker_outline(index: usize) -> Option<&'static [(f64, f64)]> {
    const OUTLINES: [&[(f64, f64)]; 5] = [
        &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
        &[(0.0, -1.15), (1.05, 0.8), (-1.05, 0.8)],
        &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
        &[(0.0, 1.15), (1.05, -0.8), (-1.05, -0.8)],
        &[
            (-0.35, -1.15),
            (0.35, -1.15),
            (0.35, -0.35),
            (1.15, -0.35),
            (1.15, 0.35),
            (0.35, 0.35),
            (0.35, 1.15),
            (-0.35, 1.15),
            (-0.35, 0.35),
            (-1.15, 0.35),
            (-1.15, -0.35),
            (-0.35, -0.35),
        ],
    ];
    (index % MARKERS).checked_sub(1).map(|outline| OUTLINES[outline])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paints() -> Vec<Paint> {
        let named = [Paint::Paper, Paint::Ink, Paint::Muted, Paint::Grid];
        let zones = [Paint::Band, Paint::Gain, Paint::Loss];
        let series = (0..SERIES.len()).map(Paint::series);
        let heat = (0..HEAT.len()).map(|i| Paint::Heat(i as u8));
        let verdicts = Conclusion::ALL.map(Paint::Verdict);
        named.into_iter().chain(zones).chain(series).chain(heat).chain(verdicts).collect()
    }

    /// The values of a property: the light one first, then the dark one.
    fn values(paint: Paint) -> Vec<&'static str> {
        let property = format!("--figure-{}:", paint.name());
        let declarations = STYLE_SHEET.split(['{', ';', '}']).map(str::trim);
        declarations.filter_map(|line| line.strip_prefix(&property)).map(str::trim).collect()
    }

    /// Relative luminance of the Web Content Accessibility Guidelines.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_style_sheet_has_every_paint_on_light_and_on_dark() {
        for paint in paints() {
            let found = values(paint);
            assert_eq!(found.len(), 2, "{paint:?}: {found:?}");
            assert_eq!(found[0], paint.light(), "{paint:?}");
            for part in ["fill", "stroke"] {
                let name = paint.name();
                let rule = format!(".figure-{part}-{name} {{ {part}: var(--figure-{name}); }}");
                assert!(STYLE_SHEET.contains(&rule), "{rule}");
            }
        }
    }

    #[test]
    fn lines_and_text_stand_out_on_light_and_on_dark() {
        for theme in 0..2 {
            let paper = values(Paint::Paper)[theme];
            for index in 0..SERIES.len() {
                let colour = values(Paint::series(index))[theme];
                assert!(contrast(colour, paper) >= 3.0, "series {index} of theme {theme}");
            }
            for paint in [Paint::Ink, Paint::Muted] {
                for ground in [Paint::Paper, Paint::Band, Paint::Gain, Paint::Loss] {
                    let got = contrast(values(paint)[theme], values(ground)[theme]);
                    assert!(got >= 4.5, "{paint:?} on {ground:?} of theme {theme}: {got:.2}");
                }
            }
            for conclusion in Conclusion::ALL {
                let got = contrast(values(Paint::Verdict(conclusion))[theme], paper);
                assert!(got >= 4.5, "{conclusion:?} of theme {theme}: {got:.2}");
            }
            for step in 0..HEAT.len() as u8 {
                let shade = Paint::Heat(step);
                let text = values(shade.text_on())[theme];
                let got = contrast(text, values(shade)[theme]);
                assert!(got >= 4.5, "text on shade {step} of theme {theme}: {got:.2}");
            }
        }
    }

    #[test]
    fn shades_keep_their_order_in_greyscale() {
        for theme in 0..2 {
            let shades: Vec<f64> =
                (0..10).map(|step| luminance(values(Paint::Heat(step))[theme])).collect();
            let fall = shades.windows(2).all(|pair| pair[0] > pair[1]);
            let rise = shades.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(if theme == 0 { fall } else { rise }, "{shades:?}");
        }
    }

    #[test]
    fn pens_survive_the_way_through_plotters() {
        for paint in paints() {
            let pen = Pen::new(paint).dashed(3).alpha(0.25);
            let RGBAColor(r, g, b, alpha) = pen.colour();
            assert_eq!(Pen::read((r, g, b), alpha), pen);
        }
    }

    /// Colours as linear red, green and blue.
    fn linear(hex: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        })
    }

    fn times(matrix: &[[f64; 3]; 3], vector: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|row| (0..3).map(|column| matrix[row][column] * vector[column]).sum())
    }

    /// The distance of two colours in Oklab (Ottosson, 2020); about 0.02 is just seen.
    fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
        let lab = |colour| {
            let cones = times(
                &[
                    [0.412_221_470_8, 0.536_332_536_3, 0.051_445_992_9],
                    [0.211_903_498_2, 0.680_699_545_1, 0.107_396_956_6],
                    [0.088_302_461_9, 0.281_718_837_6, 0.629_978_700_5],
                ],
                colour,
            );
            times(
                &[
                    [0.210_454_255_3, 0.793_617_785_0, -0.004_072_046_8],
                    [1.977_998_495_1, -2.428_592_205_0, 0.450_593_709_9],
                    [0.025_904_037_1, 0.782_771_766_2, -0.808_675_766_0],
                ],
                cones.map(f64::cbrt),
            )
        };
        let (a, b) = (lab(a), lab(b));
        (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f64>().sqrt()
    }

    /// What is seen normally, and by protanopes, deuteranopes and tritanopes (Machado et al., 2009,
    /// "A Physiologically-based Model for Simulation of Color Vision Deficiency", severity 1).
    const EYES: [[[f64; 3]; 3]; 4] = [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ];

    #[test]
    fn strategies_are_told_apart_with_every_kind_of_colour_vision() {
        for theme in 0..2 {
            let mut colours: Vec<[f64; 3]> =
                (0..SERIES.len()).map(|i| linear(values(Paint::series(i))[theme])).collect();
            // The control.
            colours.push(linear(values(Paint::Ink)[theme]));
            for (eye, matrix) in EYES.iter().enumerate() {
                let seen: Vec<[f64; 3]> = colours
                    .iter()
                    .map(|colour| times(matrix, *colour).map(|channel| channel.clamp(0.0, 1.0)))
                    .collect();
                for i in 0..seen.len() {
                    for j in 0..i {
                        let got = distance(seen[i], seen[j]);
                        assert!(got > 0.08, "{i} and {j}, eye {eye}, theme {theme}: {got:.3}");
                    }
                }
            }
        }
    }
}
