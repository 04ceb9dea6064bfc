//! What figures of common data say, and that one can read it.

use dst_figures::{
    AgeBin, AgeHistogram, Axis, Better, Conclusion, ConfusionMatrix, Curve, CurvePanel, CurvePoint,
    DensityMap, DistanceMap, Estimate, Figure, ForestPlot, ForestRow, Heading, Interval,
    IntervalPlot, PairKind, PairMap, Palette, SeedPair, Series, SlopeCharts, SlopePanel, Spacing,
    TradeOff, TradeOffPoint, age_histograms, churn_curves, confusion_matrix, curve_panels,
    density_map, distance_map, exploration_curves, forest_plot, interval_plot, learning_curves,
    pair_map, performance_profiles, slope_charts, trade_off,
};

use crate::svg::{self, check, check_apart};

const STRATEGIES: [&str; 5] = ["dense", "rigl", "set", "static", "gmp"];

pub(crate) fn heading(name: &str) -> Heading {
    Heading::new(name, format!("Title of {name} <&\"'>"))
}

pub(crate) fn palette() -> Palette {
    Palette::new("dense", STRATEGIES, [0.0, 0.9, 0.98])
}

pub(crate) fn interval(y: f64, half: f64) -> Option<Interval> {
    Some(Interval { lower: y - half, upper: y + half })
}

pub(crate) fn series(strategy: &str, sparsity: f64) -> Series {
    let label = if sparsity == 0.0 {
        strategy.to_owned()
    } else {
        format!("{strategy} <{} %>", (sparsity * 100.0).round())
    };
    Series::new(strategy, sparsity, label)
}

/// Dense, and the other strategies at both sparsities.
pub(crate) fn methods() -> Vec<Series> {
    let sparse = STRATEGIES[1..].iter().flat_map(|name| [series(name, 0.9), series(name, 0.98)]);
    std::iter::once(series("dense", 0.0)).chain(sparse).collect()
}

fn curve(series: Series, ys: &[f64]) -> Curve {
    let point = |(epoch, y): (usize, &f64)| CurvePoint {
        x: epoch as f64 + 1.0,
        y: *y,
        interval: interval(*y, 0.01),
    };
    Curve { series, points: ys.iter().enumerate().map(point).collect() }
}

fn texts(figure: &Figure) -> Vec<String> {
    svg::texts(&figure.svg).into_iter().map(|(text, _)| text).collect()
}

pub(crate) fn csv(figure: &Figure) -> String {
    String::from_utf8(figure.csv.clone()).unwrap()
}

#[test]
fn a_curve_is_named_at_its_end_and_described() {
    let lines = [
        curve(series("dense", 0.0), &[0.9, 0.95, 0.98]),
        curve(series("rigl", 0.98), &[0.8, f64::NAN, 0.97]),
    ];
    let accuracy = Axis::new("accuracy").percent();
    let figure = learning_curves(&heading("curves"), &palette(), &accuracy, &lines);
    let texts = texts(&figure);
    for expected in ["accuracy", "epoch", "dense", "rigl <98 %>", "90 %"] {
        assert!(texts.iter().any(|text| text == expected), "{expected} in {texts:?}");
    }
    assert_eq!(
        figure.description,
        "accuracy against epoch, 2 lines. Last values: dense 98 % (97 % to 99 %); rigl <98 %> 97 % \
         (96 % to 98 %). One value that is missing, not finite or off a logarithmic axis is left out."
    );
    let csv = csv(&figure);
    assert_eq!(csv.lines().next(), Some("strategy,sparsity,label,epoch,accuracy,lower,upper"));
    assert_eq!(csv.lines().nth(5), Some("rigl,0.98,rigl <98 %>,2,,,"));
}

#[test]
fn a_method_looks_alike_in_every_figure() {
    let palette = palette();
    let of = |series: &Series| -> Vec<Figure> {
        let lines = [curve(series.clone(), &[0.9, 0.8])];
        let point = |x: f64| TradeOffPoint {
            series: series.clone(),
            line: series.strategy.clone(),
            x,
            y: x,
            interval: None,
        };
        let data = TradeOff {
            x: Axis::new("cost"),
            y: Axis::new("accuracy"),
            x_better: Better::Lower,
            y_better: Better::Higher,
            connect: false,
            points: vec![point(1.0), point(2.0)],
        };
        let estimate =
            Estimate { series: series.clone(), value: 0.5, interval: interval(0.5, 0.1) };
        let bins = vec![AgeBin { lower: 0.0, upper: 1.0, count: 3 }];
        let pair = |seed: u32| SeedPair {
            seed: seed.to_string(),
            control: 0.5,
            candidate: 0.6 + f64::from(seed) / 10.0,
        };
        let panel = SlopePanel {
            candidate: series.clone(),
            control: Series::new("dense", 0.0, "dense"),
            pairs: vec![pair(1), pair(2)],
        };
        let slopes = SlopeCharts {
            metric: Axis::new("accuracy"),
            better: Better::Higher,
            panels: vec![panel],
        };
        vec![
            learning_curves(&heading("a"), &palette, &Axis::new("accuracy"), &lines),
            churn_curves(&heading("b"), &palette, &lines),
            exploration_curves(&heading("c"), &palette, &lines),
            performance_profiles(&heading("d"), &palette, &Axis::new("accuracy"), &lines),
            forest_plot(&heading("e"), &palette, &forest(vec![row(series.clone(), -0.002, 0.001)])),
            interval_plot(
                &heading("f"),
                &palette,
                &IntervalPlot { quantity: Axis::new("iqm"), rows: vec![estimate] },
            ),
            slope_charts(&heading("g"), &palette, &slopes),
            trade_off(&heading("h"), &palette, &data),
            age_histograms(
                &heading("i"),
                &palette,
                &Axis::new("age"),
                &[AgeHistogram { series: series.clone(), bins }],
            ),
        ]
    };
    for (method, colour, others) in [
        (series("rigl", 0.98), "series-1", "series-2"),
        (series("set", 0.9), "series-2", "series-1"),
    ] {
        for figure in of(&method) {
            for svg in [&figure.svg, &figure.narrow] {
                assert!(svg.contains(colour), "{} lacks {colour}", figure.name);
                assert!(!svg.contains(others), "{} has {others}", figure.name);
            }
        }
    }
    // The second sparsity is dashed wherever there are lines of one method.
    for figure in &of(&series("rigl", 0.98))[..7] {
        let line = "figure-stroke-series-1\" fill=\"none\" stroke=\"#0A5DA2\"";
        let dashed = figure.svg.split("<g ").filter(|group| group.contains(line));
        let dashed = dashed.filter(|group| group.contains("stroke-dasharray=\"7 3\"")).count();
        assert!(dashed > 0, "{}: {}", figure.name, figure.svg);
    }
}

#[test]
fn twenty_methods_of_fifty_epochs_are_small_and_all_are_named() {
    let strategies: Vec<String> = (0..20).map(|index| format!("strategy{index}")).collect();
    let palette = Palette::new("strategy0", strategies.clone(), [0.98]);
    let lines: Vec<Curve> = strategies
        .iter()
        .enumerate()
        .map(|(line, name)| {
            let ys: Vec<f64> = (0..50)
                .map(|epoch| 0.9 - 0.01 * line as f64 + 0.05 * f64::from(epoch * 7 % 11) / 11.0)
                .collect();
            curve(Series::new(name, 0.98, format!("{name} at 98 %")), &ys)
        })
        .collect();
    let accuracy = Axis::new("accuracy").percent();
    let figure = learning_curves(&heading("many"), &palette, &accuracy, &lines);
    assert!(figure.svg.len() < 40_000, "{} bytes", figure.svg.len());
    let texts = texts(&figure);
    assert!(lines.iter().all(|line| texts.contains(&line.series.label)), "{texts:?}");
    check_apart(&figure);
}

#[test]
fn nothing_to_draw_is_a_sentence() {
    let palette = palette();
    let empty = [
        learning_curves(&heading("a"), &palette, &Axis::new("accuracy"), &[]),
        churn_curves(&heading("b"), &palette, &[curve(series("set", 0.9), &[f64::NAN])]),
        exploration_curves(&heading("c"), &palette, &[]),
        age_histograms(&heading("d"), &palette, &Axis::new("age"), &[]),
        density_map(
            &heading("e"),
            &DensityMap { layers: vec!["fc".into()], epochs: vec![], density: vec![] },
        ),
        confusion_matrix(&heading("f"), &ConfusionMatrix { classes: vec![], counts: vec![] }),
        forest_plot(&heading("g"), &palette, &forest(vec![])),
        performance_profiles(&heading("h"), &palette, &Axis::new("accuracy"), &[]),
        curve_panels(&heading("i"), &palette, &Axis::new("epoch"), &Axis::new("churn"), &[]),
    ];
    for figure in empty {
        check(&figure, usize::from(figure.name == "b"));
        assert_eq!(texts(&figure), [figure.description.as_str()]);
    }
}

pub(crate) fn row(series: Series, difference: f64, half: f64) -> ForestRow {
    ForestRow {
        group: format!("{} % sparsity", (series.sparsity * 100.0).round()),
        series,
        difference,
        interval: interval(difference, half),
        clipped: false,

        numbers: String::new(),
        conclusion: Conclusion::NonInferior,
        note: String::new(),
    }
}

pub(crate) fn forest(rows: Vec<ForestRow>) -> ForestPlot {
    let difference = Axis::new("accuracy minus dense").percent();
    ForestPlot { difference, margin: Some(0.005), rows }
}

#[test]
fn labels_of_common_figures_do_not_overlap() {
    let palette = palette();
    let accuracy = Axis::new("accuracy on test").percent();
    let lines: Vec<Curve> = methods()
        .into_iter()
        .enumerate()
        .map(|(line, series)| curve(series, &[0.8, 0.9, 0.95 - 0.0003 * line as f64]))
        .collect();
    let profile: Vec<Curve> =
        methods().into_iter().map(|series| curve(series, &[1.0, 0.8, 0.3, 0.0])).collect();
    let mut points: Vec<TradeOffPoint> = Vec::new();
    for (place, series) in methods().into_iter().enumerate() {
        points.push(TradeOffPoint {
            line: series.strategy.clone(),
            x: 1.0 - series.sparsity,
            y: 0.98 - 0.001 * place as f64 - 0.01 * series.sparsity,
            interval: interval(0.97, 0.01),
            series,
        });
    }
    let trade = |connect: bool| TradeOff {
        x: Axis::new("density").percent().spaced(Spacing::Auto),
        y: accuracy.clone(),
        x_better: Better::Lower,
        y_better: Better::Higher,
        connect,
        points: points.clone(),
    };
    let panel = |series: &Series| SlopePanel {
        candidate: series.clone(),
        control: Series::new("dense", 0.0, "dense"),
        pairs: (0..8)
            .map(|seed| SeedPair {
                seed: seed.to_string(),
                control: 0.98 + 0.001 * f64::from(seed),
                candidate: 0.983 - 0.001 * f64::from(seed % 3),
            })
            .collect(),
    };
    let slopes = SlopeCharts {
        metric: accuracy.clone(),
        better: Better::Higher,
        panels: methods()[1..].iter().map(panel).collect(),
    };
    let panels: Vec<CurvePanel> = ["conv1", "conv2", "fc"]
        .map(|title| CurvePanel { title: title.into(), lines: lines[..4].to_vec() })
        .to_vec();
    let mut different = panels.clone();
    different[1].lines.pop();
    let rows = methods()
        .into_iter()
        .enumerate()
        .map(|(place, series)| Estimate {
            series,
            value: 0.9 - 0.01 * place as f64,
            interval: interval(0.9 - 0.01 * place as f64, 0.02),
        })
        .collect();
    let histogram = |series: Series| AgeHistogram {
        series,
        bins: vec![AgeBin { lower: 0.0, upper: 1.0, count: 3 }],
    };
    let epochs = Axis::new("epoch").whole();
    let churn = Axis::new("connections replaced").percent();
    let many = methods()[1..].iter().map(|series| row(series.clone(), -0.002, 0.001)).collect();
    let figures = [
        learning_curves(&heading("curves"), &palette, &accuracy, &lines),
        performance_profiles(&heading("profiles"), &palette, &accuracy, &profile),
        curve_panels(&heading("panels"), &palette, &epochs, &churn, &panels),
        curve_panels(&heading("panels-own"), &palette, &epochs, &churn, &different),
        trade_off(&heading("trade"), &palette, &trade(true)),
        trade_off(&heading("trade-points"), &palette, &trade(false)),
        slope_charts(&heading("slopes"), &palette, &slopes),
        interval_plot(
            &heading("iqm"),
            &palette,
            &IntervalPlot { quantity: accuracy.clone(), rows },
        ),
        age_histograms(
            &heading("ages"),
            &palette,
            &Axis::new("age (epochs)"),
            &methods().into_iter().map(histogram).collect::<Vec<_>>(),
        ),
        forest_plot(&heading("forest-many"), &palette, &forest(many)),
    ];
    for figure in figures {
        check_apart(&figure);
    }
}

#[test]
fn a_line_of_a_trade_off_is_labelled_once() {
    let point = |strategy: &str, sparsity: f64, y: f64| TradeOffPoint {
        series: series(strategy, sparsity),
        line: strategy.to_owned(),
        x: 1.0 - sparsity,
        y,
        interval: None,
    };
    let points = vec![
        point("dense", 0.0, 0.98),
        point("rigl", 0.9, 0.975),
        point("rigl", 0.98, 0.96),
        point("set", 0.9, 0.97),
        point("set", 0.98, 0.93),
    ];
    let data = TradeOff {
        x: Axis::new("density").percent().spaced(Spacing::Auto),
        y: Axis::new("accuracy").percent(),
        x_better: Better::Lower,
        y_better: Better::Higher,
        connect: true,
        points,
    };
    let figure = trade_off(&heading("trade-off"), &palette(), &data);
    check(&figure, 5);
    for svg in [&figure.svg, &figure.narrow] {
        let texts = svg::texts(svg);
        for name in ["rigl", "set"] {
            assert_eq!(texts.iter().filter(|(text, _)| text == name).count(), 1, "{name}");
        }
        // What the markers mean stands below the field.
        for level in ["90 % sparse", "98 % sparse", "Pareto front"] {
            assert!(texts.iter().any(|(text, _)| text == level), "{level}");
        }
    }
    assert_eq!(
        csv(&figure).lines().nth(2),
        Some("rigl,0.9,rigl <90 %>,rigl,0.09999999999999998,0.975,,,true")
    );
}

#[test]
fn points_of_a_trade_off_are_named_in_the_order_of_their_values() {
    let draw = |rigl: f64, set: f64, static_: f64| {
        let point = |strategy: &str, sparsity: f64, y: f64| TradeOffPoint {
            series: series(strategy, sparsity),
            line: strategy.to_owned(),
            x: 1.0 - sparsity,
            y,
            interval: None,
        };
        let points = vec![
            point("dense", 0.0, 0.98),
            point("rigl", 0.9, rigl),
            point("set", 0.9, set),
            point("static", 0.9, static_),
        ];
        let data = TradeOff {
            x: Axis::new("density").percent(),
            y: Axis::new("accuracy").percent(),
            x_better: Better::Lower,
            y_better: Better::Higher,
            connect: true,
            points,
        };
        trade_off(&heading("trade-off"), &palette(), &data)
    };
    let figure = draw(0.9700, 0.9704, 0.9702);
    for svg in [&figure.svg, &figure.narrow] {
        let texts = svg::texts(svg);
        let top = |name: &str| texts.iter().find(|(text, _)| text == name).map(|(_, at)| at[1]);
        assert!(top("set") < top("static") && top("static") < top("rigl"), "{texts:?}");
    }
    // Points at one place are all named, and all seen.
    let figure = draw(0.97, 0.97, 0.97);
    let expected = "At one place: rigl <90 %>, set <90 %>, static <90 %>.";
    assert!(figure.description.contains(expected), "{}", figure.description);
    let found = texts(&figure);
    assert!(["rigl", "set", "static"].iter().all(|name| found.iter().any(|text| text == name)));
    check_apart(&figure);
}

#[test]
fn seeds_are_counted_in_each_panel() {
    let pair = |seed: u32, control: f64, candidate: f64| SeedPair {
        seed: seed.to_string(),
        control,
        candidate,
    };
    let data = SlopeCharts {
        metric: Axis::new("accuracy").percent(),
        better: Better::Higher,
        panels: vec![SlopePanel {
            candidate: series("rigl", 0.9),
            control: series("dense", 0.0),
            pairs: vec![pair(1, 0.97, 0.98), pair(2, 0.97, 0.96), pair(3, 0.97, 0.97)],
        }],
    };
    let figure = slope_charts(&heading("slopes"), &palette(), &data);
    check(&figure, 3);
    let texts = texts(&figure);
    let summary = "better at 1 of 3 seeds, 1 equal, mean 0.00";
    assert!(texts.iter().any(|text| text == summary), "{texts:?}");
    assert_eq!(
        csv(&figure).lines().next(),
        Some("strategy,sparsity,label,control,seed,control score,candidate score,difference")
    );
}

#[test]
fn profiles_are_named_from_the_best() {
    let lines = [
        curve(series("set", 0.9), &[1.0, 0.6, 0.2, 0.0]),
        curve(series("rigl", 0.9), &[1.0, 0.9, 0.5, 0.0]),
    ];
    let figure =
        performance_profiles(&heading("profiles"), &palette(), &Axis::new("score"), &lines);
    check(&figure, 8);
    assert!(
        figure.description.contains("from the best: rigl <90 %> 3; set <90 %> 2.25."),
        "{}",
        figure.description
    );
    let texts = svg::texts(&figure.svg);
    let top = |label: &str| texts.iter().find(|(text, _)| text == label).map(|(_, at)| at[1]);
    assert!(top("rigl <90 %>") < top("set <90 %>"), "{texts:?}");
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
    assert!(
        figure.description.contains("rigl taken for set (5 times); dense taken for set (2 times)")
    );
    assert!(texts(&figure).contains(&"80.0 %".to_owned()));
}

#[test]
fn mask_distances_are_said_for_networks_and_their_most_alike_layers() {
    let methods = ["set at 90 %", "snip at 90 %"].map(String::from).to_vec();
    let data = DistanceMap {
        methods: methods.clone(),
        layers: ["fc1.weight", "fc2.weight"].map(String::from).to_vec(),
        network: vec![Some(1.004), Some(0.5)],
        distance: vec![vec![Some(1.01), None], vec![Some(0.25), Some(0.75)]],
    };
    let figure = distance_map(&heading("masks"), &data);
    check(&figure, 6);
    for text in ["all", "fc1", "fc2", "1.00", "0.25"] {
        assert!(texts(&figure).iter().any(|found| found == text), "{text}");
    }
    assert!(
        figure.description.contains(
            "set at 90 % 1.00, least in fc1.weight with 1.01; snip at 90 % 0.50, least in fc1.weight \
             with 0.25. Cells without a value are crossed out: 1."
        ),
        "{}",
        figure.description
    );

    let values = vec![vec![None, Some(0.4)], vec![Some(0.4), None]];
    let data = PairMap { labels: methods, values, kind: PairKind::MaskDistance };
    let figure = pair_map(&heading("methods"), &data);
    assert!(
        figure.description.ends_with("Nearer than 0.9: set at 90 % and snip at 90 % 0.40."),
        "{}",
        figure.description
    );
}

#[test]
fn a_map_of_many_pairs_fits_a_page_and_a_telephone() {
    let count = 30;
    let labels: Vec<String> =
        (0..count).map(|index| format!("rigl[drop_fraction=0.{index}] at 98 %")).collect();
    let values = (0..count)
        .map(|i: usize| (0..count).map(|j| Some(0.01 + 0.001 * (i + j) as f64)).collect())
        .collect();
    let kind = PairKind::PValue { alpha: 0.05 };
    let figure = pair_map(&heading("pairs"), &PairMap { labels, values, kind });
    check(&figure, count * (count - 1));
    assert!(texts(&figure).iter().any(|text| text == ".011"));
    let narrow = svg::texts(&figure.narrow);
    assert!(narrow.iter().any(|(text, _)| text == "\u{2022}"), "{narrow:?}");
}

#[test]
fn bytes_do_not_change() {
    let lines = [curve(series("dense", 0.0), &[0.9, 0.95]), curve(series("set", 0.9), &[0.8, 0.9])];
    let draw = || learning_curves(&heading("curves"), &palette(), &Axis::new("accuracy"), &lines);
    assert_eq!(draw(), draw());
}
