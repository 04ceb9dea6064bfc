//! Which colour, dashes and marker a method has: the same in every figure of a page.

use crate::style::{DASHES, DOTTED, MARKERS, Paint, Pen, SERIES};

/// A method at a sparsity: what a line, a row or a panel shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// The strategy, which decides the colour.
    pub strategy: String,
    /// The sparsity in [0, 1], which decides dashes and marker; 0 for a dense network.
    pub sparsity: f64,
    /// What is written beside it, as `rigl at 98 %`.
    pub label: String,
    /// Which of several ways to run the same method, counted from 0, as its backend: it decides how
    /// markers are filled.
    pub variant: usize,
}

impl Series {
    /// A strategy at a sparsity, with its label.
    #[must_use]
    pub fn new(strategy: impl Into<String>, sparsity: f64, label: impl Into<String>) -> Self {
        Self { strategy: strategy.into(), sparsity, label: label.into(), variant: 0 }
    }

    /// As another way to run the method.
    #[must_use]
    pub fn variant(self, variant: usize) -> Self {
        Self { variant, ..self }
    }
}

/// The looks of all methods of a page. A page makes one and hands it to every figure, so that a
/// strategy has one colour and a sparsity one line style wherever they appear.
///
/// The control is drawn in the colour of the text. The other strategies have eight colours; from
/// the ninth on the colours come again with hollow markers, and from the seventeenth on with
/// hollow markers that have a dot. A strategy that the palette does not know is grey. Another variant of a
/// method has its colour and the next kind of marker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Palette {
    control: String,
    strategies: Vec<String>,
    /// Sparsities above 0, ascending.
    levels: Vec<f64>,
}

/// How the inside of a marker is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    Full,
    Hollow,
    /// Hollow, with a dot.
    Dotted,
}

/// What one series is drawn with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub(crate) paint: Paint,
    pub(crate) dash: usize,
    pub(crate) shape: usize,
    pub(crate) fill: Fill,
}

impl Look {
    /// The pen of its lines.
    pub(crate) fn pen(self) -> Pen {
        Pen::new(self.paint).dashed(self.dash)
    }

    /// The pen of what has no dashes, such as a band.
    pub(crate) fn solid(self) -> Pen {
        Pen::new(self.paint)
    }
}

impl Palette {
    /// A palette of these strategies and sparsities. The order of strategies decides their colours;
    /// the control may be among them. Sparsities may be in any order.
    #[must_use]
    pub fn new<S: Into<String>>(
        control: impl Into<String>,
        strategies: impl IntoIterator<Item = S>,
        sparsities: impl IntoIterator<Item = f64>,
    ) -> Self {
        let control = control.into();
        let mut known: Vec<String> = Vec::new();
        for strategy in strategies.into_iter().map(Into::into) {
            if strategy != control && !known.contains(&strategy) {
                known.push(strategy);
            }
        }
        let mut levels: Vec<f64> =
            sparsities.into_iter().filter(|level| *level > 0.0 && level.is_finite()).collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup_by(|a, b| same(*a, *b));
        Self { control, strategies: known, levels }
    }

    pub(crate) fn look(&self, series: &Series) -> Look {
        let place = self.strategies.iter().position(|name| *name == series.strategy);
        let fill = |turn: usize| match (turn + series.variant) % 3 {
            0 => Fill::Full,
            1 => Fill::Hollow,
            _ => Fill::Dotted,
        };
        let (paint, fill) = match place {
            _ if series.strategy == self.control => (Paint::Ink, fill(0)),
            Some(place) => (Paint::series(place), fill(place / SERIES.len())),
            None => (Paint::Muted, fill(1)),
        };
        let (dash, shape) = match self.level(series.sparsity) {
            Some(level) => (level % DASHES.len(), (level + 1) % MARKERS),
            None if series.sparsity > 0.0 => (DOTTED, MARKERS - 1),
            None => (0, 0),
        };
        Look { paint, dash, shape, fill }
    }

    /// The look of a sparsity where no strategy is meant, as in a key of markers.
    pub(crate) fn level_look(&self, sparsity: f64) -> Look {
        let series = Series::new(String::new(), sparsity, String::new());
        Look { paint: Paint::Muted, fill: Fill::Full, ..self.look(&series) }
    }

    pub(crate) fn is_control(&self, series: &Series) -> bool {
        series.strategy == self.control
    }

    fn level(&self, sparsity: f64) -> Option<usize> {
        self.levels.iter().position(|level| same(*level, sparsity))
    }
}

/// Sparsities are written by people: what differs by less was meant to be one.
pub(crate) fn same(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

/// A sparsity as a label, as `98 %`.
pub(crate) fn sparsity_text(sparsity: f64) -> String {
    if sparsity > 0.0 { crate::Notation::Percent.text(sparsity) } else { "unpruned".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn palette(count: usize) -> Palette {
        let strategies: Vec<String> = (0..count).map(|index| format!("s{index}")).collect();
        Palette::new("s0", strategies, [0.98, 0.0, 0.9, 0.9])
    }

    fn look(palette: &Palette, strategy: &str, sparsity: f64) -> Look {
        palette.look(&Series::new(strategy, sparsity, "label"))
    }

    #[test]
    fn colour_is_the_strategy_and_line_style_the_sparsity() {
        let palette = palette(4);
        let [sparse, sparser, other] = [("s1", 0.9), ("s1", 0.98), ("s2", 0.98)]
            .map(|(strategy, sparsity)| look(&palette, strategy, sparsity));
        assert_eq!(sparse.paint, sparser.paint);
        assert!(sparse.dash != sparser.dash && sparse.shape != sparser.shape);
        assert_eq!((other.dash, other.shape), (sparser.dash, sparser.shape));
        assert!(other.paint != sparser.paint);
        assert_eq!(look(&palette, "s0", 0.0).paint, Paint::Ink);
        assert_eq!(look(&palette, "unknown", 0.5).paint, Paint::Muted);
    }

    #[test]
    fn variants_of_a_method_differ_in_their_markers() {
        let palette = palette(4);
        for strategy in ["s0", "s1", "unknown"] {
            let series = Series::new(strategy, 0.9, "label");
            let looks = [0, 1, 2].map(|variant| palette.look(&series.clone().variant(variant)));
            assert!(looks.iter().all(|look| look.paint == looks[0].paint));
            assert!(looks[0].fill != looks[1].fill && looks[1].fill != looks[2].fill);
        }
    }

    #[test]
    fn twenty_four_strategies_look_different() {
        let palette = palette(25);
        let looks: Vec<(Paint, Fill)> = (0..25)
            .map(|index| look(&palette, &format!("s{index}"), 0.9))
            .map(|look| (look.paint, look.fill))
            .collect();
        let distinct = looks.iter().enumerate().all(|(i, look)| !looks[..i].contains(look));
        assert!(distinct, "{looks:?}");
    }
}
