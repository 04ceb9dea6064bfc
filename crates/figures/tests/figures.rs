//! What holds for every picture, whatever the data are.

use dst_figures::{
    AgeBin, AgeHistogram, Axis, Better, ConfusionMatrix, CriticalDifferenceDiagram, Curve,
    CurvePoint, DensityMap, Figure, ForestPlot, ForestRow, Heading, Interval, Notation, PairKind,
    PairMap, RankedMethod, SeedPair, SlopeChart, Spacing, TradeOff, TradeOffPoint, age_histograms,
    churn_curves, confusion_matrix, critical_difference_diagram, curves, density_map,
    exploration_curves, forest_plot, learning_curves, pair_map, pareto_front, slope_chart,
    trade_off,
};
use proptest::{collection::vec, prelude::*, test_runner::RngSeed};

mod picture;

use picture::check;

fn heading(name: &str) -> Heading {
    Heading::new(name, format!("Title of {name} <&\"'>"))
}

fn interval(y: f64, half: f64) -> Option<Interval> {
    Some(Interval { lower: y - half, upper: y + half })
}

fn curve(label: &str, ys: &[f64]) -> Curve {
    let point = |(epoch, y): (usize, &f64)| CurvePoint {
        x: epoch as f64 + 1.0,
        y: *y,
        interval: interval(*y, 0.01),
    };
    Curve { label: label.into(), points: ys.iter().enumerate().map(point).collect() }
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
        lines in vec((label(), vec((number(), number(), maybe_interval()), 0..30)), 0..30),
    ) {
        let line = |(label, points): (String, Vec<(f64, f64, Option<Interval>)>)| Curve {
            label,
            points: points.into_iter().map(|(x, y, interval)| CurvePoint { x, y, interval }).collect(),
        };
        let lines: Vec<Curve> = lines.into_iter().map(line).collect();
        let rows = lines.iter().map(|line| line.points.len()).sum();
        check(&curves(&heading("curves"), &x, &y, &lines), rows);
    }

    #[test]
    fn trade_offs_stay_inside(
        x in axis(),
        y in axis(),
        points in vec((label(), label(), number(), number(), maybe_interval()), 0..60),
        connect: bool,
    ) {
        let points: Vec<TradeOffPoint> = points
            .into_iter()
            .map(|(series, label, x, y, interval)| TradeOffPoint { series, label, x, y, interval })
            .collect();
        let rows = points.len();
        let data = TradeOff { x, y, x_better: Better::Lower, y_better: Better::Higher, connect, points };
        check(&trade_off(&heading("trade-off"), &data), rows);
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
    fn comparisons_stay_inside(
        metric in axis(),
        pairs in vec((label(), number(), number()), 0..20),
        rows in vec((label(), number(), maybe_interval(), label()), 0..25),
        margin in proptest::option::of(number()),
        names in (label(), label()),
    ) {
        let pairs: Vec<SeedPair> = pairs
            .into_iter()
            .map(|(seed, control, candidate)| SeedPair { seed, control, candidate })
            .collect();
        let count = pairs.len();
        let (control, candidate) = names;
        let slope =
            SlopeChart { control, candidate, metric: metric.clone(), better: Better::Higher, pairs };
        check(&slope_chart(&heading("slope"), &slope), count);
        let rows: Vec<ForestRow> = rows
            .into_iter()
            .map(|(label, difference, interval, verdict)| ForestRow {
                label, difference, interval, verdict,
            })
            .collect();
        let count = rows.len();
        check(&forest_plot(&heading("forest"), &ForestPlot { difference: metric, margin, rows }), count);
    }

    #[test]
    fn ranks_and_pairs_stay_inside(
        methods in vec((label(), prop_oneof![4 => 1.0..20.0, 1 => number()]), 0..24),
        cliques in vec(vec(0_usize..30, 0..6), 0..5),
        critical_difference in number(),
        values in vec(vec(proptest::option::of(number()), 0..24), 0..24),
        improvement: bool,
    ) {
        let labels: Vec<String> = methods.iter().map(|(label, _)| label.clone()).collect();
        let count = labels.len();
        let methods = methods
            .into_iter()
            .map(|(label, mean_rank)| RankedMethod { label, mean_rank })
            .collect();
        let data = CriticalDifferenceDiagram { methods, cliques, critical_difference };
        check(&critical_difference_diagram(&heading("ranks"), &data), count);
        let kind = if improvement { PairKind::Improvement } else { PairKind::PValue { alpha: 0.05 } };
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
    fn ages_stay_inside(
        age in axis(),
        strategies in vec((label(), vec((number(), number(), any::<u64>()), 0..20)), 0..26),
    ) {
        let histogram = |(label, bins): (String, Vec<(f64, f64, u64)>)| AgeHistogram {
            label,
            bins: bins
                .into_iter()
                .map(|(lower, upper, count)| AgeBin { lower, upper, count })
                .collect(),
        };
        let strategies: Vec<AgeHistogram> = strategies.into_iter().map(histogram).collect();
        let rows = strategies.iter().map(|strategy| strategy.bins.len()).sum();
        check(&age_histograms(&heading("ages"), &age, &strategies), rows);
    }
}

fn texts(figure: &Figure) -> Vec<String> {
    let document = roxmltree::Document::parse(&figure.svg).expect("well-formed");
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.filter_map(|node| node.text().map(str::to_owned)).collect()
}

#[test]
fn a_curve_is_named_at_its_end_and_described() {
    let lines = [curve("dense", &[0.9, 0.95, 0.98]), curve("rigl <98 %>", &[0.8, f64::NAN, 0.97])];
    let accuracy = Axis::new("accuracy").percent();
    let figure = learning_curves(&heading("curves"), &accuracy, &lines);
    let texts = texts(&figure);
    for expected in ["accuracy", "epoch", "dense", "rigl <98 %>", "90 %"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
    assert_eq!(
        figure.description,
        "accuracy against epoch, 2 lines. Last values: dense 98 % (97 % to 99 %); rigl <98 %> 97 % \
         (96 % to 98 %). One value that is missing, not finite or off a logarithmic axis is left out."
    );
    let csv = String::from_utf8(figure.csv.clone()).unwrap();
    assert_eq!(csv.lines().next(), Some("series,epoch,accuracy,lower,upper"));
    assert_eq!(csv.lines().nth(5), Some("rigl <98 %>,2,,,"));
}

#[test]
fn twenty_strategies_of_fifty_epochs_are_small() {
    let lines: Vec<Curve> = (0..20)
        .map(|line| {
            let ys: Vec<f64> = (0..50)
                .map(|epoch| 0.9 - 0.01 * f64::from(line) + 0.05 * f64::from(epoch * 7 % 11) / 11.0)
                .collect();
            curve(&format!("rigl drop_fraction=0.{line} at 98 %"), &ys)
        })
        .collect();
    let figure = learning_curves(&heading("many"), &Axis::new("accuracy").percent(), &lines);
    assert!(figure.svg.len() < 40_000, "{} bytes", figure.svg.len());
    let texts = texts(&figure);
    assert!(lines.iter().all(|line| texts.contains(&line.label)), "{texts:?}");
}

#[test]
fn nothing_to_draw_is_a_sentence() {
    let empty = [
        learning_curves(&heading("a"), &Axis::new("accuracy"), &[]),
        churn_curves(&heading("b"), &[curve("set", &[f64::NAN])]),
        exploration_curves(&heading("c"), &[]),
        age_histograms(&heading("d"), &Axis::new("age"), &[]),
        density_map(
            &heading("e"),
            &DensityMap { layers: vec!["fc".into()], epochs: vec![], density: vec![] },
        ),
        confusion_matrix(&heading("f"), &ConfusionMatrix { classes: vec![], counts: vec![] }),
    ];
    for figure in empty {
        check(&figure, usize::from(figure.name == "b"));
        assert_eq!(texts(&figure), [figure.description.as_str()]);
    }
}

#[test]
fn a_forest_plot_says_difference_margin_and_verdict() {
    let row = ForestRow {
        label: "set".into(),
        difference: -0.002,
        interval: interval(-0.002, 0.001),
        verdict: "non-inferior".into(),
    };
    let difference = Axis::new("accuracy minus dense").percent();
    let data = ForestPlot { difference, margin: Some(0.005), rows: vec![row] };
    let figure = forest_plot(&heading("forest"), &data);
    assert_eq!(
        figure.description,
        "accuracy minus dense with intervals: set \u{2212}0.2 points (\u{2212}0.3 points to \
         \u{2212}0.1 points), non-inferior. The margin is \u{2212}0.5 points."
    );
    let texts = texts(&figure);
    for expected in ["margin \u{2212}0.5 points", "non-inferior", "0.0"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
}

#[test]
fn numbers_of_pairs_and_classes_are_printed() {
    let labels = ["dense", "set", "rigl"].map(String::from).to_vec();
    let p = Some(0.000_02);
    let values = vec![vec![None, p, Some(0.0496)], vec![p, None, None], vec![Some(0.0496)]];
    let kind = PairKind::PValue { alpha: 0.05 };
    let figure = pair_map(&heading("pairs"), &PairMap { labels: labels.clone(), values, kind });
    // 0.0496 is significant, and must not read as 0.050.
    assert_eq!(texts(&figure).iter().filter(|text| *text == "<.001").count(), 2);
    assert_eq!(texts(&figure).iter().filter(|text| *text == "<.05").count(), 2);
    assert!(figure.description.contains("Below 0.05: dense and set <.001; dense and rigl <.05."));
    assert!(figure.description.ends_with("Cells without a value are crossed out: 2."));

    let counts = vec![vec![8, 2, 0], vec![0, 10, 0], vec![0, 5, 5]];
    let figure =
        confusion_matrix(&heading("confusion"), &ConfusionMatrix { classes: labels, counts });
    assert!(
        figure.description.contains("23 of 30 examples right, 76.67 %"),
        "{}",
        figure.description
    );
    assert!(figure.description.contains("rigl taken for set 5 times; dense taken for set 2 times"));
    assert!(texts(&figure).contains(&"80.0 %".to_owned()));
}

#[test]
fn bytes_do_not_change() {
    let lines = [curve("dense", &[0.9, 0.95]), curve("set", &[0.8, 0.9])];
    let draw = || learning_curves(&heading("curves"), &Axis::new("accuracy"), &lines);
    assert_eq!(draw(), draw());
}
