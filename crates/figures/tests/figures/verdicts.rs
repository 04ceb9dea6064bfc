//! What a forest plot says of each verdict.

use crate::{
    layout::{csv, forest, heading, methods, palette, row, series},
    svg::{self, check, check_apart},
};
use dst_figures::{Conclusion, ForestRow, Interval, forest_plot};

/// Each verdict, open and clipped ends, and rows without a test.
fn every_row() -> Vec<ForestRow> {
    let mut rows: Vec<ForestRow> = Conclusion::ALL
        .into_iter()
        .zip(&methods()[1..])
        .map(|(conclusion, series)| ForestRow { conclusion, ..row(series.clone(), -0.002, 0.0011) })
        .collect();
    rows[1].note = "small loss shown".into();
    rows[2].interval = Some(Interval { lower: f64::NEG_INFINITY, upper: -0.005 });
    rows[2].clipped = true;
    rows[3].interval = Some(Interval { lower: 0.0, upper: f64::INFINITY });
    rows[3].clipped = true;
    rows[4].interval = None;
    rows[4].note = "no test: identical".into();
    rows[5].interval = None;
    rows[5].difference = f64::NAN;
    rows[5].note = "sparsity 71 % instead of 90 %".into();
    rows
}

#[test]
fn a_forest_plot_says_difference_margin_and_verdict() {
    let data = forest(every_row());
    let figure = forest_plot(&heading("forest"), &palette(), &data);
    check(&figure, 6);
    check_apart(&figure);
    assert_eq!(
        figure.description,
        "accuracy minus dense with intervals: rigl <90 %> \u{2212}0.2 points (\u{2212}0.31 points \
         to \u{2212}0.09 points), superior; rigl <98 %> \u{2212}0.2 points (\u{2212}0.31 points to \
         \u{2212}0.09 points), non-inferior (small loss shown); set <90 %> \u{2212}0.2 points \
         (no limit to \u{2212}0.5 points), worse; set <98 %> \u{2212}0.2 points (0 points to no \
         limit), inferior; static <90 %> \u{2212}0.2 points, inconclusive (no test: identical); \
         static <98 %> missing, not comparable (sparsity 71 % instead of 90 %). The margin is \
         \u{2212}0.5 points. One value that is missing, not finite or off a logarithmic axis is \
         left out."
    );
    for svg in [&figure.svg, &figure.narrow] {
        let texts: Vec<String> = svg::texts(svg).into_iter().map(|(text, _)| text).collect();
        let mut expected = vec![
            "no difference",
            "margin \u{2212}0.5",
            "90 % sparsity",
            "98 % sparsity",
            "\u{2212}0.20 [\u{2212}\u{221E}, \u{2212}0.50]",
            "no test: identical",
            "small loss shown",
            "sparsity 71 % instead of 90 %",
            "loss beyond the margin",
            "held there by the correction",
            "no limit, or outside",
        ];
        for conclusion in Conclusion::ALL {
            expected.extend([conclusion.text(), conclusion.sign()]);
            let class = format!("figure-fill-verdict-{}\"", conclusion.class());
            assert!(svg.contains(&class), "{class}");
        }
        for expected in expected {
            assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
        }
    }
    assert_eq!(
        csv(&figure).lines().nth(3),
        Some("set,0.9,set <90 %>,90 % sparsity,-0.002,,-0.005,true,0.005,worse,")
    );
}

#[test]
fn ends_without_a_limit_are_arrows_and_moved_ends_are_bars() {
    let with_end = |interval: Interval, clipped: bool| {
        let mut row = row(series("rigl", 0.9), -0.002, 0.0);
        row.interval = Some(interval);
        row.clipped = clipped;
        forest_plot(&heading("forest"), &palette(), &forest(vec![row])).svg
    };
    let bar = "stroke=\"#0A5DA2\" stroke-width=\"3.5\"";
    let filled = "figure-fill-series-1";
    let count = |svg: &str, what: &str| {
        let groups = svg.split("<g ").filter(|group| group.contains(what));
        // Shapes of one style are one path of several beginnings.
        groups.map(|group| group.matches('M').count()).sum::<usize>()
    };
    let plain = with_end(Interval { lower: -0.003, upper: -0.001 }, false);
    // The marker is the only filled shape.
    assert_eq!((count(&plain, bar), count(&plain, filled)), (0, 1));
    let open = with_end(Interval { lower: f64::NEG_INFINITY, upper: -0.001 }, false);
    assert_eq!((count(&open, bar), count(&open, filled)), (0, 2));
    let both = with_end(Interval { lower: f64::NEG_INFINITY, upper: f64::INFINITY }, false);
    assert_eq!((count(&both, bar), count(&both, filled)), (0, 3));
    let clipped = with_end(Interval { lower: 0.0, upper: 0.004 }, true);
    assert_eq!((count(&clipped, bar), count(&clipped, filled)), (1, 1));
    let unclipped = with_end(Interval { lower: 0.0, upper: 0.004 }, false);
    assert_eq!((count(&unclipped, bar), count(&unclipped, filled)), (0, 1));
    let below = with_end(Interval { lower: -0.009, upper: -0.005 }, true);
    assert_eq!((count(&below, bar), count(&below, filled)), (1, 1));
}
