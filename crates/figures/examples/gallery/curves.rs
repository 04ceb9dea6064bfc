//! Curves, trade-offs, profiles and ages.

use crate::{around, dense, many, noise, palette, series, tuned};
use dst_figures::{
    AgeBin, AgeHistogram, Axis, Better, Curve, CurvePanel, CurvePoint, Estimate, Figure, Heading,
    Interval, IntervalPlot, Reference, Series, Spacing, TradeOff, TradeOffPoint, age_histograms,
    churn_curves, curve_panels, curves_against, exploration_curves, interval_plot, learning_curves,
    performance_profiles, trade_off,
};

pub(crate) fn figures() -> Vec<Figure> {
    [curves(), panels(), trade_offs(), across(), ages()].concat()
}

fn lines(
    methods: &[Series],
    epochs: usize,
    value: impl Fn(usize, f64) -> (f64, f64),
) -> Vec<Curve> {
    let point = |line: usize, epoch: usize| {
        let (y, half) = value(line, epoch as f64);
        CurvePoint { x: epoch as f64, y, interval: around(y, half) }
    };
    methods
        .iter()
        .enumerate()
        .map(|(line, series)| Curve {
            series: series.clone(),
            points: (1..=epochs).map(|epoch| point(line, epoch)).collect(),
        })
        .collect()
}

fn accuracy(line: usize, epoch: f64) -> (f64, f64) {
    let end = 0.985 - 0.004 * line as f64;
    let wobble = (noise(line * 997 + epoch as usize) - 0.5) * 0.006;
    (end - 0.12 * (-epoch / (4.0 + line as f64 * 0.5)).exp() + wobble, 0.004 + 0.02 / epoch)
}

fn churn(line: usize, epoch: f64) -> (f64, f64) {
    let share = 0.15 * (1.0 + (epoch / 30.0 * 3.0).min(3.0).cos()) * (1.0 - 0.2 * line as f64);
    (share, 0.01)
}

fn few() -> Vec<Series> {
    vec![dense(), series("rigl", 0.9), series("rigl", 0.98), series("set", 0.98)]
}

fn moving() -> Vec<Series> {
    vec![series("rigl", 0.9), series("rigl", 0.98), series("set", 0.9), series("set", 0.98)]
}

fn curves() -> Vec<Figure> {
    let palette = palette();
    let metric = Axis::new("accuracy on validation").percent();
    let loss = Axis::loss("loss on training data");
    let mut gaps = lines(&few()[..3], 12, accuracy);
    for epoch in [4, 5, 9] {
        gaps[1].points[epoch].y = f64::NAN;
    }
    gaps[2].points.truncate(1);
    let falling = |line: usize, epoch: f64| {
        let value = 2.3 * (-epoch / (3.0 + line as f64)).exp() + 0.004 * (line + 1) as f64;
        (value, value * 0.1)
    };
    let explored = |line: usize, epoch: f64| {
        (0.02 + 0.6 * (1.0 - (-epoch / (10.0 + 8.0 * line as f64)).exp()), 0.01)
    };
    let long = vec![
        dense(),
        tuned("rigl", "drop_fraction=0.3", 0.98),
        tuned("rigl", "drop_fraction=0.5,distribution=uniform", 0.98),
        series("static", 0.98),
    ];
    let learning = |name: &str, title: &str, axis: &Axis, lines: &[Curve]| {
        learning_curves(&Heading::new(name, title), &palette, axis, lines)
    };
    vec![
        learning("curves", "Accuracy, four methods", &metric, &lines(&few(), 30, accuracy)),
        learning("curves-eight", "Accuracy, eight", &metric, &lines(&many(8), 30, accuracy)),
        learning("curves-long", "Long labels", &metric, &lines(&long, 30, accuracy)),
        learning("curves-twenty", "Accuracy, twenty", &metric, &lines(&many(20), 50, accuracy)),
        learning("loss", "Training loss, logarithmic", &loss, &lines(&many(5), 40, falling)),
        learning("gaps", "Missing epochs, and one with a single epoch", &metric, &gaps),
        learning(
            "constant",
            "A constant metric",
            &metric,
            &lines(&few()[..2], 5, |_, _| (0.1, 0.0)),
        ),
        learning("nothing", "No data", &metric, &[]),
        curves_against(
            &Heading::new("target", "A target"),
            &palette,
            &Axis::new("epoch").whole(),
            &metric,
            &lines(&few(), 30, accuracy),
            &[Reference { label: "dense minus 0.5 points".to_owned(), value: 0.98 }],
        ),
        churn_curves(&Heading::new("churn", "Churn"), &palette, &lines(&moving(), 30, churn)),
        exploration_curves(
            &Heading::new("exploration", "In-time over-parameterisation"),
            &palette,
            &lines(&moving(), 30, explored),
        ),
    ]
}

fn panels() -> Vec<Figure> {
    let panel = |index: usize| CurvePanel {
        title: format!("layer{}.conv", index + 1),
        lines: lines(&moving(), 30, |line, epoch| {
            let (share, half) = churn(line, epoch);
            (share * (0.6 + 0.8 * noise(index)), half)
        }),
    };
    let panels: Vec<CurvePanel> = (0..6).map(panel).collect();
    vec![curve_panels(
        &Heading::new("churn-layers", "Churn of six layers"),
        &palette(),
        &Axis::new("epoch").whole(),
        &Axis::new("connections replaced").percent(),
        &panels,
    )]
}

fn trade_offs() -> Vec<Figure> {
    let strategies = ["rigl", "set", "static", "gmp", "snip"];
    let sparsities = [0.9, 0.95, 0.98];
    let score = |strategy: usize, density: f64| {
        0.984 - 0.0009 * strategy as f64 / density.sqrt() - 0.0004 / density
    };
    let points = |x: &dyn Fn(usize, f64) -> f64, sparsities: &[f64]| {
        let mut points = vec![TradeOffPoint {
            series: dense(),
            line: "dense".into(),
            x: x(0, 1.0),
            y: 0.9845,
            interval: around(0.9845, 0.0015),
        }];
        for (index, strategy) in strategies.iter().enumerate() {
            for sparsity in sparsities {
                let density = 1.0 - sparsity;
                let y = score(index + 1, density);
                points.push(TradeOffPoint {
                    series: series(strategy, *sparsity),
                    line: (*strategy).into(),
                    x: x(index + 1, density),
                    y,
                    interval: around(y, 0.0015 + 0.00002 / density),
                });
            }
        }
        points
    };
    let plot = |x: Axis, connect: bool, points: Vec<TradeOffPoint>| TradeOff {
        x,
        y: Axis::new("accuracy on test").percent(),
        x_better: Better::Lower,
        y_better: Better::Higher,
        connect,
        points,
    };
    let density = Axis::new("density of prunable weights").percent().spaced(Spacing::Auto);
    let flops = Axis::new("training FLOPs").si().spaced(Spacing::Auto);
    let time = Axis::new("training time measured (s)");
    let spent = |s: usize, d: f64| 1e15 * d * (1.0 + 0.8 * noise(s));
    let seconds = |s: usize, d: f64| 30.0 + d * 12.0 + s as f64;
    let many: Vec<TradeOffPoint> = many(20)
        .into_iter()
        .enumerate()
        .map(|(index, series)| TradeOffPoint {
            line: series.label.clone(),
            series,
            x: 30.0 + 20.0 * noise(index),
            y: 0.95 + 0.03 * noise(index + 50),
            interval: around(0.95 + 0.03 * noise(index + 50), 0.002),
        })
        .collect();
    let draw = |name: &str, title: &str, data: &TradeOff| {
        trade_off(&Heading::new(name, title), &palette(), data)
    };
    vec![
        draw(
            "density",
            "Accuracy against density",
            &plot(density.clone(), true, points(&|_, d| d, &sparsities)),
        ),
        draw("flops", "Accuracy against FLOPs", &plot(flops, true, points(&spent, &sparsities))),
        draw(
            "one-level",
            "One sparsity",
            &plot(density, true, points(&|_, d| d, &sparsities[..1])),
        ),
        draw(
            "time",
            "Accuracy against time",
            &plot(time.clone(), false, points(&seconds, &sparsities)),
        ),
        draw("time-twenty", "Accuracy against time, twenty methods", &plot(time, false, many)),
    ]
}

fn across() -> Vec<Figure> {
    let profile = |methods: &[Series]| -> Vec<Curve> {
        let share = |line: usize, score: f64| {
            1.0 / (1.0 + ((score - 0.86 + 0.012 * line as f64) * 45.0).exp())
        };
        let point = |line: usize, step: usize| {
            let score = 0.7 + 0.005 * step as f64;
            let y = share(line, score);
            CurvePoint { x: score, y, interval: around(y, 0.15 * (y * (1.0 - y)).sqrt()) }
        };
        methods
            .iter()
            .enumerate()
            .map(|(line, series)| Curve {
                series: series.clone(),
                points: (0..=56).map(|step| point(line, step)).collect(),
            })
            .collect()
    };
    let score = Axis::new("accuracy on test").percent();
    let rows = |count: usize| -> Vec<Estimate> {
        let estimate = |(index, series): (usize, Series)| {
            let value = 0.95 - 0.004 * index as f64 + 0.003 * noise(index);
            let half = 0.004 + 0.004 * noise(index + 5);
            let interval = Some(Interval { lower: value - half, upper: value + 0.7 * half });
            Estimate { series, value, interval }
        };
        many(count).into_iter().enumerate().map(estimate).collect()
    };
    vec![
        performance_profiles(
            &Heading::new("profiles", "Performance profiles over 7 data sets"),
            &palette(),
            &score,
            &profile(&few()),
        ),
        performance_profiles(
            &Heading::new("profiles-ten", "Performance profiles of ten methods"),
            &palette(),
            &score,
            &profile(&many(10)),
        ),
        interval_plot(
            &Heading::new("iqm", "Interquartile means over 7 data sets"),
            &palette(),
            &IntervalPlot {
                quantity: Axis::new("interquartile mean of accuracy").percent(),
                rows: rows(8),
            },
        ),
    ]
}

fn ages() -> Vec<Figure> {
    let bin = |strategy: usize, bin: usize| AgeBin {
        lower: bin as f64,
        upper: bin as f64 + 1.0,
        count: (9000.0 * (-(bin as f64) / (3.0 + 2.0 * strategy as f64)).exp()) as u64,
    };
    let plain: Vec<AgeHistogram> = moving()
        .into_iter()
        .enumerate()
        .map(|(index, series)| AgeHistogram {
            series,
            bins: (0..30).map(|place| bin(index, place)).collect(),
        })
        .collect();
    let powers: Vec<AgeHistogram> = moving()
        .into_iter()
        .take(3)
        .enumerate()
        .map(|(index, series)| AgeHistogram {
            series,
            bins: (5..14)
                .map(|power| AgeBin {
                    lower: f64::from(1 << power),
                    upper: f64::from(2 << power),
                    count: (1e5 * noise(index * 50 + power)) as u64,
                })
                .collect(),
        })
        .collect();
    let epochs = Axis::new("age at drop (epochs)");
    let steps = Axis::new("age at drop (steps)").spaced(Spacing::Log);
    vec![
        age_histograms(&Heading::new("ages", "Age at drop"), &palette(), &epochs, &plain),
        age_histograms(
            &Heading::new("ages-log", "Age at drop in steps"),
            &palette(),
            &steps,
            &powers,
        ),
    ]
}
