//! The figures of a report as SVG with their data; pure functions
//!
//! Plain structs in, a [`Figure`] out: no tensors, no files, no clock, no fonts, and the same bytes
//! on every machine. Statistics are done elsewhere (`dst-stats`); here they are only drawn.
//!
//! | question | function |
//! | --- | --- |
//! | by how much, and how surely? | [`forest_plot`] |
//! | how did it train? | [`learning_curves`], [`churn_curves`], [`exploration_curves`], [`return_curves`], [`idle_neuron_curves`], [`curves`], [`curve_panels`] |
//! | what does a score cost? | [`trade_off`], [`pareto_front`] |
//! | does every seed agree? | [`slope_charts`] |
//! | how do methods score over many tasks? | [`performance_profiles`], [`interval_plot`] |
//! | which methods differ over data sets? | [`critical_difference_diagram`], [`pair_map`] |
//! | where do connections lie, and how long do they live? | [`density_map`], [`age_histograms`] |
//! | do networks end with the same connections? | [`distance_map`], [`pair_map`] |
//! | which classes are confused? | [`confusion_matrix`] |
//!
//! Conventions that hold for all of them:
//!
//! - **Colour is the strategy, line style and marker shape are the sparsity**, as one [`Palette`]
//!   says for all figures of a page; variants of one method have hollow markers. Lines are labelled
//!   at their ends.
//! - **Two layouts**: [`Figure::svg`] for half of a screen and more, [`Figure::narrow`] for a
//!   telephone. Both have a view box and no fixed size. Text is 13 units high, and the style sheet
//!   draws a unit as at most one pixel.
//! - **Bad input** never fails. Values that are missing, not finite, or not positive on a
//!   logarithmic axis are left out and counted in the description. Where nothing is left, the
//!   figure is a sentence instead of axes. The CSV has every row that was given, with empty cells
//!   for what is not finite. CSV of methods begins with `strategy`, `sparsity` and `label`.
//! - **Labels** may hold anything. Long ones are wrapped or shortened in the middle in the figure;
//!   description and CSV have them in full.
//! - **Colours** come from [`STYLE_SHEET`] on a page, light and dark; a figure that stands alone is
//!   right on white.
//! - **Shares** are in [0, 1] and written as percent by [`Notation::Percent`].

mod ages;
mod backend;
mod conclusion;
mod confusion;
mod csv;
mod curves;
mod density;
mod distances;
mod estimates;
mod forest;
mod frame;
mod grid;
mod pairs;
mod palette;
mod panels;
mod pareto;
mod profiles;
mod ranks;
mod rows;
mod scale;
mod sheet;
mod slopes;
mod style;
mod text;
mod tradeoff;

pub use ages::{AgeBin, AgeHistogram, age_histograms};
pub use conclusion::Conclusion;
pub use confusion::{ConfusionMatrix, confusion_matrix};
pub use curves::{
    Curve, CurvePoint, Reference, churn_curves, curves, curves_against, exploration_curves,
    idle_neuron_curves, learning_curves, return_curves,
};
pub use density::{DensityMap, density_map};
pub use distances::{DistanceMap, distance_map};
pub use estimates::{Estimate, IntervalPlot, interval_plot};
pub use forest::{ForestPlot, ForestRow, forest_plot};
pub use pairs::{PairKind, PairMap, pair_map};
pub use palette::{Palette, Series};
pub use panels::{CurvePanel, curve_panels};
pub use pareto::{Better, pareto_front};
pub use profiles::performance_profiles;
pub use ranks::{CriticalDifferenceDiagram, RankedMethod, critical_difference_diagram};
pub use scale::{Axis, Spacing};
pub use slopes::{SeedPair, SlopeCharts, SlopePanel, slope_charts};
pub use style::STYLE_SHEET;
pub use text::Notation;
pub use tradeoff::{TradeOff, TradeOffPoint, trade_off};

/// A figure, its text alternative and the data behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    /// The stem of its file names, and the prefix of the ids in [`Figure::svg`].
    pub name: String,
    /// One line, as for a caption. It is not drawn.
    pub title: String,
    /// What is shown and the main numbers, for who does not see it.
    pub description: String,
    /// An `svg` element that can stand in HTML or alone in a file.
    pub svg: String,
    /// The same figure laid out for a narrow screen, as a second `svg` element.
    pub narrow: String,
    /// The data behind it, with a header.
    pub csv: Vec<u8>,
}

impl Figure {
    /// Both layouts, to be put into a block of class `figure-frame` on a page that has
    /// [`STYLE_SHEET`]: the width of that block decides which one is seen and read aloud.
    #[must_use]
    pub fn inline(&self) -> String {
        format!("{}{}", self.svg, self.narrow)
    }
}

/// What a figure is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// Unique on a page: file names and ids begin with it. Characters other than ASCII letters,
    /// digits, `-`, `_` and `.` become `-`.
    pub name: String,
    /// One line.
    pub title: String,
}

impl Heading {
    /// A heading from a name and a title.
    #[must_use]
    pub fn new(name: impl Into<String>, title: impl Into<String>) -> Self {
        Self { name: name.into(), title: title.into() }
    }

    /// The name as a file stem that is also an id: no space, and a letter first.
    pub(crate) fn stem(&self) -> String {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let stem: String = self.name.chars().map(|c| if legal(c) { c } else { '-' }).collect();
        if stem.starts_with(|c: char| c.is_ascii_alphabetic()) {
            stem
        } else {
            format!("figure-{stem}")
        }
    }
}

/// The ends of an interval, in the unit of what it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end; negative infinity where there is no limit.
    pub lower: f64,
    /// The upper end; infinity where there is no limit.
    pub upper: f64,
}

/// The sentence about values that are not in a figure; empty where there are none.
pub(crate) fn left_out(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " One value that is missing, not finite or off a logarithmic axis is left out.".into(),
        _ => format!(
            " {count} values that are missing, not finite or off a logarithmic axis are left out."
        ),
    }
}

/// A number of things, as `1 line`, `2 lines` or `2 classes`.
pub(crate) fn count(number: usize, thing: &str) -> String {
    let plural = if thing.ends_with('s') { "es" } else { "s" };
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}{plural}") }
}
