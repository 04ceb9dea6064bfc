//! Colours, dashes and markers: what tells one series from the next.

use plotters::style::RGBAColor;

/// Rules for a page that shows figures inline: colours on light and on dark, and a width.
///
/// Without it a figure is right on white: every element has its light colour as an attribute, and
/// the rules here override it through custom properties, which a page may set to its own colours.
/// Figures with many columns are of class `figure-wide`; give them a parent of class
/// `figure-frame`, which scrolls on a narrow screen.
pub const STYLE_SHEET: &str = include_str!("style.css");

/// Seven colours after Okabe and Ito (2008), darkened to a contrast of 3 on white; on dark the
/// style sheet has the originals, lightened.
pub(crate) const SERIES: [&str; 7] =
    ["#0072B2", "#C84B00", "#00805A", "#B0528A", "#9A6C00", "#3486B8", "#1F2328"];

/// Dash patterns in units of the picture; empty is solid.
const DASHES: [&str; 5] = ["", "7 3", "2 2.5", "10 3 2 3", "5 2 1.5 2 1.5 2"];

/// Shades of a heat map from nothing to all: lightness falls evenly, so greyscale keeps the order.
pub(crate) const HEAT: [&str; 10] = [
    "#F3F7FB", "#DEEAF5", "#C7DBEE", "#ABCAE4", "#8AB4D8", "#669AC8", "#3B75AB", "#2C659C",
    "#184B80", "#0A3160",
];

/// The first shade on which text has the colour of the paper.
const HEAT_DARK: u8 = 6;

/// More lines than these are not told apart by anyone; the rest is in the CSV alone.
pub(crate) const SERIES_LIMIT: usize = 24;

/// What an element is painted with, by its meaning. The style sheet knows the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Paper,
    Ink,
    Muted,
    Grid,
    Band,
    Series(u8),
    Heat(u8),
}

impl Paint {
    /// The paint of the series of this index: seven colours in turn.
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
            Self::Band => "#F3E7D3",
            Self::Series(index) => SERIES[usize::from(index) % SERIES.len()],
            Self::Heat(step) => HEAT[usize::from(step) % HEAT.len()],
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
            Self::Series(index) => format!("series-{}", index + 1),
            Self::Heat(step) => format!("heat-{step}"),
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

    /// Colour and dash of the series of this index: unique up to 35 of them.
    pub(crate) fn series(index: usize) -> Self {
        Self { paint: Paint::series(index), dash: (index % DASHES.len()) as u8, alpha: 1.0 }
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
    (index % 6).checked_sub(1).map(|outline| OUTLINES[outline])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paints() -> Vec<Paint> {
        let named = [Paint::Paper, Paint::Ink, Paint::Muted, Paint::Grid, Paint::Band];
        let series = (0..SERIES.len()).map(Paint::series);
        let heat = (0..HEAT.len()).map(|i| Paint::Heat(i as u8));
        named.into_iter().chain(series).chain(heat).collect()
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
                assert!(contrast(values(paint)[theme], paper) >= 4.5, "{paint:?} of theme {theme}");
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

    #[test]
    fn thirty_five_series_look_different() {
        let mut looks: Vec<_> = (0..35).map(|i| (Paint::series(i), Pen::series(i).dash)).collect();
        looks.dedup();
        let distinct = looks.iter().enumerate().all(|(i, look)| !looks[..i].contains(look));
        assert!(distinct && looks.len() == 35);
    }
}
