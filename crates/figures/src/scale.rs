//! Axes: which values lie where, and which get a tick.

use crate::text::Notation;
use plotters::coord::{
    combinators::{IntoLogRange, LogCoord},
    ranged1d::Ranged,
    types::RangedCoordf64,
};

/// How values lie along an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spacing {
    /// Equal distances for equal differences.
    #[default]
    Linear,
    /// Equal distances for equal ratios. Values that are not positive are left out.
    Log,
    /// As [`Spacing::Log`] where all values are positive and the largest is at least 50 times the
    /// smallest, else linear.
    Auto,
}

/// The ratio from which [`Spacing::Auto`] is logarithmic.
const WIDE: f64 = 50.0;

/// Larger magnitudes are treated as missing: a diverged loss would flatten everything else.
const LARGEST: f64 = 1e100;

/// A quantity that a figure shows along a direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Axis {
    /// The quantity with its unit, as `accuracy` or `training time (s)`.
    pub label: String,
    /// How its numbers are written.
    pub notation: Notation,
    /// How its values are spaced.
    pub spacing: Spacing,
    /// Whether only whole numbers have a meaning, and a tick.
    pub whole: bool,
}

impl Axis {
    /// A linear axis with plain numbers.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), ..Self::default() }
    }

    /// With shares in [0, 1] written as percent.
    #[must_use]
    pub fn percent(self) -> Self {
        Self { notation: Notation::Percent, ..self }
    }

    /// With differences of shares in percentage points.
    #[must_use]
    pub fn points(self) -> Self {
        Self { notation: Notation::Points, ..self }
    }

    /// With prefixes of the International System.
    #[must_use]
    pub fn si(self) -> Self {
        Self { notation: Notation::Si, ..self }
    }

    /// With ticks at whole numbers only: there is no epoch 1.5.
    #[must_use]
    pub fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// With this spacing.
    #[must_use]
    pub fn spaced(self, spacing: Spacing) -> Self {
        Self { spacing, ..self }
    }
}

impl Axis {
    /// With the spacing that suits these values, whatever others it will hold.
    pub(crate) fn settled(self, values: &[f64]) -> Self {
        let log = Scale::is_log(&self, values);
        self.spaced(if log { Spacing::Log } else { Spacing::Linear })
    }
}

/// Whether a value can lie on a linear axis.
pub(crate) fn usable(value: f64) -> bool {
    value.abs() < LARGEST
}

enum Map {
    Linear(RangedCoordf64),
    Log(LogCoord<f64>),
}

/// Values of one axis to positions in the figure.
pub(crate) struct Scale {
    map: Map,
    range: (f64, f64),
    ends: (i32, i32),
    notation: Notation,
    whole: bool,
}

impl Scale {
    /// Whether the axis is logarithmic for these values.
    fn is_log(axis: &Axis, values: &[f64]) -> bool {
        let mut known = values.iter().copied().filter(|value| usable(*value)).peekable();
        match axis.spacing {
            Spacing::Linear => false,
            Spacing::Log => known.any(|value| value > 1.0 / LARGEST),
            Spacing::Auto => {
                let (low, high) = extremes(known);
                low > 1.0 / LARGEST && high / low >= WIDE
            }
        }
    }

    /// A linear axis from one value to another, without air.
    pub(crate) fn between(axis: &Axis, range: (f64, f64), ends: (f64, f64)) -> Self {
        let tenths = |position: f64| (position * 10.0).round() as i32;
        Self {
            map: Map::Linear((range.0..range.1).into()),
            range,
            ends: (tenths(ends.0), tenths(ends.1)),
            notation: axis.notation,
            whole: axis.whole,
        }
    }

    /// An axis that holds all usable values, with a little air of `pad` of its length, from one
    /// position to the other. `None` where no value is usable.
    pub(crate) fn new(axis: &Axis, values: &[f64], pad: f64, ends: (f64, f64)) -> Option<Self> {
        let log = Self::is_log(axis, values);
        let known = values
            .iter()
            .copied()
            .filter(|value| usable(*value) && (!log || *value > 1.0 / LARGEST));
        let (low, high) = extremes(known);
        if low > high {
            return None;
        }
        let range = if log { log_range(low, high, pad) } else { linear_range(low, high, pad) };
        let map = if log {
            Map::Log((range.0..range.1).log_scale().into())
        } else {
            Map::Linear((range.0..range.1).into())
        };
        let tenths = |position: f64| (position * 10.0).round() as i32;
        let ends = (tenths(ends.0), tenths(ends.1));
        Some(Self { map, range, ends, notation: axis.notation, whole: axis.whole })
    }

    /// Where a value lies; `None` for one that cannot.
    pub(crate) fn at(&self, value: f64) -> Option<f64> {
        if !usable(value) {
            return None;
        }
        let tenths = match &self.map {
            Map::Linear(map) => map.map(&value, self.ends),
            Map::Log(_) if value <= 1.0 / LARGEST => return None,
            Map::Log(map) => map.map(&value, self.ends),
        };
        let (low, high) = (self.ends.0.min(self.ends.1), self.ends.0.max(self.ends.1));
        Some(f64::from(tenths.clamp(low, high)) / 10.0)
    }

    /// Whether the axis reaches to a value, so that it does not lie at an end for want of room.
    pub(crate) fn reaches(&self, value: f64) -> bool {
        let slack = (self.range.1 - self.range.0).abs() * 1e-9;
        (self.range.0 - slack..=self.range.1 + slack).contains(&value)
    }

    /// Where the least value lies.
    pub(crate) fn bottom(&self) -> f64 {
        f64::from(self.ends.0) / 10.0
    }

    /// At most so many round values with their labels.
    pub(crate) fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let mut values = match &self.map {
            Map::Log(_) => log_ticks(self.range, count),
            Map::Linear(_) => linear_ticks(self.range, count),
        };
        values.retain(|value| !self.whole || value.fract() == 0.0);
        let step = values.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
        let label = |value| match &self.map {
            Map::Linear(_) if step.is_finite() => self.notation.tick(value, step),
            _ => self.notation.text(value),
        };
        values.into_iter().filter_map(|value| Some((self.at(value)?, label(value)))).collect()
    }

    /// As many ticks as have room for labels of this width beside one another.
    pub(crate) fn ticks_beside(&self, text_width: impl Fn(&str) -> f64) -> Vec<(f64, String)> {
        let length = f64::from((self.ends.1 - self.ends.0).abs()) / 10.0;
        let fits = |ticks: &[(f64, String)]| {
            let widest = ticks.iter().map(|(_, label)| text_width(label)).fold(0.0, f64::max);
            ticks.windows(2).all(|pair| (pair[1].0 - pair[0].0).abs() >= widest + 14.0)
                && widest < length
        };
        (2..=8).rev().map(|count| self.ticks(count)).find(|ticks| fits(ticks)).unwrap_or_default()
    }
}

fn extremes(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

fn linear_range(low: f64, high: f64, pad: f64) -> (f64, f64) {
    let span = high - low;
    // Values that differ in their last digits only are one value.
    if span <= 1e-9 * low.abs().max(high.abs()) {
        // A share or a count that is 0 everywhere is not negative.
        let air = low.abs() * 0.05;
        return if low == 0.0 { (0.0, 1.0) } else { (low - air, high + air) };
    }
    let bottom = low - span * pad;
    // Air must not suggest that a share or a count could be negative.
    (if low >= 0.0 { bottom.max(0.0) } else { bottom }, high + span * pad)
}

fn log_range(low: f64, high: f64, pad: f64) -> (f64, f64) {
    let ratio = high / low;
    let air = if ratio < 1.0 + 1e-9 { 1.5 } else { ratio.powf(pad) };
    (low / air, high * air)
}

/// Round values by the rule of plotters, reckoned near one: it has absolute tolerances.
fn linear_ticks((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let unit = 10_f64.powf((high - low).log10().floor());
    let points = RangedCoordf64::from(low / unit..high / unit).key_points(count);
    let rounded = points.into_iter().map(|point| (point * 1e6).round() / 1e6 * unit);
    rounded.filter(|value| (low..=high).contains(value)).collect()
}

/// Powers of ten, with their twofold and fivefold where there is room.
fn log_ticks((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let pick = |factors: &[f64], every: i32| -> Vec<f64> {
        let powers = powers.clone().filter(|power| power.rem_euclid(every) == 0);
        let all = powers.flat_map(|power| factors.iter().map(move |f| f * 10_f64.powi(power)));
        all.filter(|value| (low..=high).contains(value)).collect()
    };
    let choices =
        [pick(&[1.0, 2.0, 5.0], 1), pick(&[1.0, 3.0], 1), pick(&[1.0], 1), pick(&[1.0], 3)];
    let fitting = choices.into_iter().find(|ticks| (2..=count).contains(&ticks.len()));
    fitting.unwrap_or_else(|| linear_ticks((low, high), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, values: &[f64]) -> Vec<String> {
        let scale = Scale::new(axis, values, 0.0, (0.0, 500.0)).unwrap();
        scale.ticks(6).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Axis::new("epoch"), &[1.0, 50.0]), ["10", "20", "30", "40", "50"]);
        let epochs = |last| labels(&Axis::new("epoch").whole(), &[1.0, last]);
        assert_eq!(epochs(2.0), ["1", "2"]);
        assert_eq!(epochs(3.0), ["1", "2", "3"]);
        assert_eq!(epochs(1.0), ["1"]);
        let accuracy = labels(&Axis::new("accuracy").percent(), &[0.951, 0.999]);
        assert_eq!(accuracy, ["96 %", "97 %", "98 %", "99 %"]);
        let flops = labels(&Axis::new("FLOPs").si().spaced(Spacing::Auto), &[1e9, 3e11]);
        assert_eq!(flops, ["1 G", "3 G", "10 G", "30 G", "100 G", "300 G"]);
    }

    #[test]
    fn an_axis_spans_what_is_usable() {
        let axis = Axis::new("loss");
        let junk = [f64::NAN, f64::INFINITY, 1e200];
        assert!(Scale::new(&axis, &junk, 0.1, (0.0, 100.0)).is_none());
        let scale = Scale::new(&axis, &[1.0, f64::NAN, 3.0], 0.0, (100.0, 0.0)).unwrap();
        assert_eq!([1.0, 2.0, 3.0].map(|v| scale.at(v)), [Some(100.0), Some(50.0), Some(0.0)]);
        assert_eq!(scale.at(f64::NAN), None);
    }

    #[test]
    fn places_rise_with_values() {
        let values: Vec<f64> = (1..=300).map(|step| 1.07_f64.powi(step)).collect();
        for spacing in [Spacing::Linear, Spacing::Log] {
            let axis = Axis::new("cost").spaced(spacing);
            for (from, to) in [(0.0, 500.0), (500.0, 0.0)] {
                let scale = Scale::new(&axis, &values, 0.04, (from, to)).unwrap();
                let places: Vec<f64> = values.iter().map(|v| scale.at(*v).unwrap()).collect();
                let onwards = |pair: &[f64]| (pair[1] - pair[0]) * (to - from) >= 0.0;
                assert!(places.windows(2).all(onwards), "{spacing:?}");
                assert!((places[299] - places[0]).abs() > 400.0, "{spacing:?}");
            }
        }
    }

    #[test]
    fn one_value_lies_in_the_middle() {
        for value in [0.97, -4.0, 1e-30, 1e30] {
            let scale = Scale::new(&Axis::new("x"), &[value; 3], 0.1, (0.0, 100.0)).unwrap();
            let at = scale.at(value).unwrap();
            assert!((at - 50.0).abs() < 0.3, "{value} lies at {at}");
            assert!(!scale.ticks(5).is_empty(), "{value}");
        }
    }

    #[test]
    fn lines_decide_the_spacing_and_not_their_intervals() {
        let settled = |values: &[f64]| Axis::loss("loss").settled(values).spacing;
        assert_eq!(settled(&[2.3, 0.011]), Spacing::Log);
        assert_eq!(settled(&[2.3, 0.5, 0.0]), Spacing::Linear);
        // The interval of the last point goes below 0, where there is no logarithm.
        let line = crate::Curve {
            series: crate::Series::new("a", 0.0, "a"),
            points: [(1.0, 2.3, 2.0, 2.6), (2.0, 0.011, -0.002, 0.02)]
                .map(|(x, y, lower, upper)| crate::CurvePoint {
                    x,
                    y,
                    interval: Some(crate::Interval { lower, upper }),
                })
                .to_vec(),
        };
        let figure = crate::learning_curves(
            &crate::Heading::new("loss", "Loss"),
            &crate::Palette::default(),
            &Axis::loss("loss"),
            &[line],
        );
        let ticks = [">0.01<", ">0.1<", ">1<"];
        assert!(ticks.iter().all(|tick| figure.svg.contains(tick)), "{}", figure.svg);
    }

    #[test]
    fn nothing_but_zeros_lies_at_the_bottom() {
        let scale = Scale::new(&Axis::new("x"), &[0.0; 3], 0.1, (0.0, 100.0)).unwrap();
        assert_eq!((scale.at(0.0), scale.at(1.0)), (Some(0.0), Some(100.0)));
    }

    #[test]
    fn a_log_axis_leaves_out_what_is_not_positive() {
        let axis = Axis::new("FLOPs").spaced(Spacing::Log);
        let scale = Scale::new(&axis, &[0.0, -1.0, 10.0, 1000.0], 0.0, (0.0, 100.0)).unwrap();
        assert_eq!((scale.at(0.0), scale.at(100.0)), (None, Some(50.0)));
    }
}
