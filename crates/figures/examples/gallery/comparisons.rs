//! Differences from the control, and the seeds behind them.

use crate::{STRATEGIES, dense, noise, palette, series, tuned};
use dst_figures::{
    Axis, Better, Conclusion, Figure, ForestPlot, ForestRow, Heading, Interval, SeedPair, Series,
    SlopeCharts, SlopePanel, forest_plot, slope_charts,
};

pub(crate) fn figures() -> Vec<Figure> {
    [forests(), slopes()].concat()
}

fn row(
    series: Series,
    difference: f64,
    ends: Option<(f64, f64)>,
    conclusion: Conclusion,
    note: &str,
) -> ForestRow {
    ForestRow {
        group: format!("{} % sparsity", (series.sparsity * 1e3).round() / 10.0),
        series,
        difference,
        interval: ends.map(|(lower, upper)| Interval { lower, upper }),
        clipped: false,
        conclusion,
        note: note.into(),
    }
}

/// Each verdict, open ends, clipped ends, and rows without a test.
fn every_case() -> Vec<ForestRow> {
    use Conclusion::{Inconclusive, Inferior, NonInferior, NotComparable, Superior, Worse};
    let low = f64::NEG_INFINITY;
    let mut rows = vec![
        row(series("rigl", 0.9), 0.004, Some((0.0011, 0.0072)), Superior, ""),
        row(series("granet", 0.9), -0.0005, Some((-0.0042, 0.0031)), NonInferior, ""),
        row(series("set", 0.9), -0.0018, Some((-0.0037, -0.0004)), NonInferior, "small loss shown"),
        row(series("static", 0.9), -0.0047, Some((-0.0081, -0.0012)), Worse, ""),
        row(series("gmp", 0.9), 0.0, None, Inconclusive, "no test: identical"),
        row(series("snip", 0.9), f64::NAN, None, NotComparable, "sparsity 71 % instead of 90 %"),
        row(series("rigl", 0.98), 0.0022, Some((0.0, 0.0045)), NonInferior, ""),
        row(
            tuned("rigl", "drop_fraction=0.5,distribution=uniform", 0.98),
            -0.002,
            Some((-0.009, 0.0048)),
            Inconclusive,
            "",
        ),
        row(series("granet", 0.98), -0.001, Some((-0.0046, 0.0021)), NonInferior, ""),
        row(series("set", 0.98), -0.0083, Some((-0.012, -0.0054)), Inferior, ""),
        row(series("static", 0.98), -0.0075, Some((-0.011, -0.005)), Worse, ""),
        row(series("gmp", 0.98), -0.003, Some((low, f64::INFINITY)), Inconclusive, "needs 9 seeds"),
        row(series("snip", 0.98), -0.011, Some((low, -0.0061)), Inferior, "2 runs failed"),
        row(series("topkast", 0.98), -0.004, Some((-0.31, 0.29)), Inconclusive, "1 run failed"),
    ];
    rows[6].clipped = true;
    rows[10].clipped = true;
    rows
}

fn forests() -> Vec<Figure> {
    let forest = |rows, margin| ForestPlot {
        difference: Axis::new("accuracy minus dense").percent(),
        margin,
        rows,
    };
    let many: Vec<ForestRow> = [0.9, 0.95, 0.98]
        .into_iter()
        .flat_map(|sparsity| STRATEGIES[1..].iter().map(move |name| (name, sparsity)))
        .enumerate()
        .map(|(index, (name, sparsity))| {
            let difference = 0.001 - 0.006 * noise(index) - 0.1 * (sparsity - 0.9);
            let half = 0.002 + 0.002 * noise(index + 90);
            let (lower, upper) = (difference - half, difference + half);
            let conclusion = match (lower, upper) {
                (lower, _) if lower > 0.0 => Conclusion::Superior,
                (lower, _) if lower > -0.005 => Conclusion::NonInferior,
                (_, upper) if upper < -0.005 => Conclusion::Inferior,
                (_, upper) if upper < 0.0 => Conclusion::Worse,
                _ => Conclusion::Inconclusive,
            };
            row(series(name, sparsity), difference, Some((lower, upper)), conclusion, "")
        })
        .collect();
    let mut plain = vec![
        row(series("rigl", 0.98), -0.02, Some((-0.06, 0.02)), Conclusion::Inconclusive, ""),
        row(series("set", 0.98), -0.09, Some((-0.13, -0.05)), Conclusion::Inferior, ""),
    ];
    for row in &mut plain {
        row.group.clear();
    }
    let correlation = ForestPlot {
        difference: Axis::new("Matthews correlation minus dense"),
        margin: Some(0.0),
        rows: plain,
    };
    let draw = |name: &str, title: &str, data: &ForestPlot| {
        forest_plot(&Heading::new(name, title), &palette(), data)
    };
    vec![
        draw("forest", "Differences from dense, every case", &forest(every_case(), Some(0.005))),
        draw("forest-many", "Thirty differences from dense", &forest(many, Some(0.005))),
        draw("forest-plain", "Two differences, no margin", &correlation),
    ]
}

fn slopes() -> Vec<Figure> {
    let panel = |seeds: usize, candidate: Series, shift: f64| SlopePanel {
        control: dense(),
        candidate,
        pairs: (0..seeds)
            .map(|seed| SeedPair {
                seed: seed.to_string(),
                control: 0.981 + 0.004 * noise(seed),
                candidate: 0.981 + shift + 0.005 * noise(seed + 77),
            })
            .collect(),
    };
    let panels = |count: usize| -> Vec<SlopePanel> {
        let sparsities = [0.9, 0.98];
        (0..count)
            .map(|index| {
                let sparsity = sparsities[index % 2];
                let shift = 0.0005 - 0.004 * noise(index) * (1.0 + 2.0 * (index % 2) as f64);
                panel(8, series(STRATEGIES[1 + index / 2], sparsity), shift)
            })
            .collect()
    };
    let charts = |panels| SlopeCharts {
        metric: Axis::new("accuracy on test").percent(),
        better: Better::Higher,
        panels,
    };
    let one = vec![panel(10, tuned("rigl", "drop_fraction=0.3", 0.98), -0.0008)];
    let draw = |name: &str, title: &str, data: &SlopeCharts| {
        slope_charts(&Heading::new(name, title), &palette(), data)
    };
    vec![
        draw("slopes", "Ten candidates beside dense, seed by seed", &charts(panels(10))),
        draw("slopes-two", "Two candidates", &charts(panels(2))),
        draw("slope", "One candidate", &charts(one)),
    ]
}
