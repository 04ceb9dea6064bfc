//! What holds for every figure, whatever the data are.

use dst_figures::{
    AgeBin, AgeHistogram, Axis, Better, Conclusion, ConfusionMatrix, CriticalDifferenceDiagram,
    Curve, CurvePanel, CurvePoint, DensityMap, DistanceMap, Estimate, ForestPlot, ForestRow,
    Heading, Interval, IntervalPlot, Notation, PairKind, PairMap, Palette, RankedMethod, Reference,
    SeedPair, Series, SlopeCharts, SlopePanel, Spacing, TradeOff, TradeOffPoint, age_histograms,
    confusion_matrix, critical_difference_diagram, curve_panels, curves, curves_against,
    density_map, distance_map, forest_plot, interval_plot, pair_map, pareto_front,
    performance_profiles, slope_charts, trade_off,
};
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

use crate::svg::check;

fn heading(name: &str) -> Heading {
    Heading::new(name, format!("Title of {name} <&\"'>"))
}

fn palette() -> Palette {
    Palette::new("dense", ["dense", "rigl", "set"], [0.0, 0.9, 0.98])
}

/// Methods that the palette knows, and others.
fn series() -> BoxedStrategy<Series> {
    let strategy = prop_oneof![Just("dense".to_owned()), Just("rigl".to_owned()), label()];
    let sparsity = prop_oneof![Just(0.0), Just(0.9), Just(0.98), number()];
    (strategy, sparsity, label())
        .prop_map(|(strategy, sparsity, label)| Series::new(strategy, sparsity, label))
        .boxed()
}

fn lines(most: usize) -> BoxedStrategy<Vec<Curve>> {
    let points = vec((number(), number(), maybe_interval()), 0..30);
    let line = |(series, points): (Series, Vec<(f64, f64, Option<Interval>)>)| Curve {
        series,
        points: points.into_iter().map(|(x, y, interval)| CurvePoint { x, y, interval }).collect(),
    };
    vec((series(), points).prop_map(line), 0..most).boxed()
}

fn point_count(lines: &[Curve]) -> usize {
    lines.iter().map(|line| line.points.len()).sum()
}

/// Numbers that runs leave behind, and some that they should not.
fn number() -> BoxedStrategy<f64> {
    prop_oneof![
        8 => 0.0..1.0,
        4 => -1e3..1e3,
        1 => prop::num::f64::ANY,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(0.0),
        1 => Just(1e-300),
        1 => Just(9e99),
    ]
    .boxed()
}

fn label() -> BoxedStrategy<String> {
    prop_oneof![
        4 => "[a-z]{0,8}",
        2 => Just("rigl drop_fraction=0.3 at 98 %".to_owned()),
        1 => "\\PC{0,60}",
        1 => Just("<b>&\"'\u{0}\u{1b}\n".to_owned()),
    ]
    .boxed()
}

fn axis() -> BoxedStrategy<Axis> {
    let notation = prop_oneof![
        Just(Notation::Plain),
        Just(Notation::Percent),
        Just(Notation::Points),
        Just(Notation::Si)
    ];
    let spacing = prop_oneof![Just(Spacing::Linear), Just(Spacing::Log), Just(Spacing::Auto)];
    (label(), notation, spacing, any::<bool>())
        .prop_map(|(label, notation, spacing, whole)| Axis { label, notation, spacing, whole })
        .boxed()
}

fn maybe_interval() -> BoxedStrategy<Option<Interval>> {
    proptest::option::of((number(), number()))
        .prop_map(|ends| ends.map(|(lower, upper)| Interval { lower, upper }))
        .boxed()
}

fn settings() -> ProptestConfig {
    ProptestConfig {
        cases: 96,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(settings())]

    #[test]
    fn curves_stay_inside(
        x in axis(),
        y in axis(),
        lines in lines(30),
        references in vec((label(), number()), 0..3),
    ) {
        check(&curves(&heading("curves"), &palette(), &x, &y, &lines), point_count(&lines));
        let references: Vec<Reference> =
            references.into_iter().map(|(label, value)| Reference { label, value }).collect();
        let against =
            curves_against(&heading("targets"), &palette(), &x, &y, &lines, &references);
        check(&against, point_count(&lines) + references.len());
        let profiles = performance_profiles(&heading("profiles"), &palette(), &x, &lines);
        check(&profiles, point_count(&lines));
    }

    #[test]
    fn panels_stay_inside(
        x in axis(),
        y in axis(),
        panels in vec((label(), lines(5)), 0..9),
    ) {
        let panels: Vec<CurvePanel> =
            panels.into_iter().map(|(title, lines)| CurvePanel { title, lines }).collect();
        let rows = panels.iter().map(|panel| point_count(&panel.lines)).sum();
        check(&curve_panels(&heading("panels"), &palette(), &x, &y, &panels), rows);
    }

    #[test]
    fn trade_offs_stay_inside(
        x in axis(),
        y in axis(),
        points in vec((series(), label(), number(), number(), maybe_interval()), 0..60),
        connect: bool,
    ) {
        let points: Vec<TradeOffPoint> = points
            .into_iter()
            .map(|(series, line, x, y, interval)| TradeOffPoint { series, line, x, y, interval })
            .collect();
        let rows = points.len();
        let data = TradeOff { x, y, x_better: Better::Lower, y_better: Better::Higher, connect, points };
        check(&trade_off(&heading("trade-off"), &palette(), &data), rows);
    }

    #[test]
    fn no_point_beats_the_front(points in vec((number(), number()), 0..40)) {
        let front = pareto_front(&points, Better::Lower, Better::Higher);
        let beats = |a: (f64, f64), b: (f64, f64)| a.0 <= b.0 && a.1 >= b.1 && a != b;
        let finite = |p: &(f64, f64)| p.0.is_finite() && p.1.is_finite();
        for (index, point) in points.iter().enumerate().filter(|(_, point)| finite(point)) {
            let beaten = points.iter().filter(|p| finite(p)).any(|other| beats(*other, *point));
            prop_assert_eq!(front.contains(&index), !beaten, "point {}", index);
        }
        prop_assert!(front.windows(2).all(|pair| points[pair[0]].0 <= points[pair[1]].0));
    }

    #[test]
    fn seeds_stay_inside(
        metric in axis(),
        panels in vec((series(), series(), vec((label(), number(), number()), 0..12)), 0..14),
    ) {
        let panel = |(candidate, control, pairs): (Series, Series, Vec<(String, f64, f64)>)| {
            let pair = |(seed, control, candidate)| SeedPair { seed, control, candidate };
            SlopePanel { candidate, control, pairs: pairs.into_iter().map(pair).collect() }
        };
        let panels: Vec<SlopePanel> = panels.into_iter().map(panel).collect();
        let count = panels.iter().map(|panel| panel.pairs.len()).sum();
        let data = SlopeCharts { metric, better: Better::Higher, panels };
        check(&slope_charts(&heading("slope"), &palette(), &data), count);
    }

    #[test]
    fn comparisons_stay_inside(
        metric in axis(),
        rows in vec(
            (series(), label(), number(), maybe_interval(), any::<bool>(), 0..6_usize, label()),
            0..25,
        ),
        margin in proptest::option::of(number()),
    ) {
        let rows: Vec<ForestRow> = rows
            .into_iter()
            .map(|(series, group, difference, interval, clipped, conclusion, note)| ForestRow {
                series, group, difference, interval, numbers: String::new(),
                clipped,
                conclusion: Conclusion::ALL[conclusion], note,
            })
            .collect();
        let count = rows.len();
        let estimates: Vec<Estimate> = rows
            .iter()
            .map(|row| Estimate {
                series: row.series.clone(),
                value: row.difference,
                interval: row.interval,
            })
            .collect();
        let plot = IntervalPlot { quantity: metric.clone(), rows: estimates };
        check(&interval_plot(&heading("estimates"), &palette(), &plot), count);
        let data = ForestPlot { difference: metric, margin, rows };
        check(&forest_plot(&heading("forest"), &palette(), &data), count);
    }

    #[test]
    fn ranks_and_pairs_stay_inside(
        methods in vec((label(), prop_oneof![4 => 1.0..20.0, 1 => number()]), 0..24),
        cliques in vec(vec(0_usize..30, 0..6), 0..5),
        critical_difference in number(),
        values in vec(vec(proptest::option::of(number()), 0..24), 0..24),
        kind in prop_oneof![
            Just(PairKind::Improvement),
            Just(PairKind::PValue { alpha: 0.05 }),
            Just(PairKind::MaskDistance),
        ],
    ) {
        let labels: Vec<String> = methods.iter().map(|(label, _)| label.clone()).collect();
        let count = labels.len();
        let methods = methods
            .into_iter()
            .map(|(label, mean_rank)| RankedMethod { label, mean_rank })
            .collect();
        let data = CriticalDifferenceDiagram { methods, cliques, critical_difference };
        check(&critical_difference_diagram(&heading("ranks"), &data), count);
        let rows = count * count.saturating_sub(1);
        check(&pair_map(&heading("pairs"), &PairMap { labels, values, kind }), rows);
    }

    #[test]
    fn heat_maps_stay_inside(
        names in vec(label(), 0..60),
        epochs in vec(number(), 0..30),
        density in vec(vec(number(), 0..30), 0..60),
        counts in vec(vec(prop_oneof![4 => 0_u64..2000, 1 => any::<u64>()], 0..40), 0..40),
    ) {
        let (layers, columns) = (names.len(), epochs.len());
        let map = DensityMap { layers: names.clone(), epochs, density };
        check(&density_map(&heading("density"), &map), layers * columns);
        let matrix = ConfusionMatrix { classes: names, counts };
        check(&confusion_matrix(&heading("confusion"), &matrix), layers * layers);
    }

    #[test]
    fn mask_distances_stay_inside(
        methods in vec((label(), proptest::option::of(number())), 0..30),
        layers in vec(label(), 0..60),
        distance in vec(vec(proptest::option::of(number()), 0..60), 0..30),
    ) {
        let rows = methods.len() * (layers.len() + 1);
        let (methods, network) = methods.into_iter().unzip();
        check(&distance_map(&heading("masks"), &DistanceMap { methods, layers, network, distance }), rows);
    }

    #[test]
    fn ages_stay_inside(
        age in axis(),
        methods in vec((series(), vec((number(), number(), any::<u64>()), 0..20)), 0..26),
    ) {
        let histogram = |(series, bins): (Series, Vec<(f64, f64, u64)>)| AgeHistogram {
            series,
            bins: bins
                .into_iter()
                .map(|(lower, upper, count)| AgeBin { lower, upper, count })
                .collect(),
        };
        let methods: Vec<AgeHistogram> = methods.into_iter().map(histogram).collect();
        let rows = methods.iter().map(|method| method.bins.len()).sum();
        check(&age_histograms(&heading("ages"), &palette(), &age, &methods), rows);
    }
}
