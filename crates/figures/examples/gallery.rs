//! Every picture from made-up data, as a page to look at:
//! `cargo run --release -p dst-figures --example gallery > gallery.html`

use dst_figures::{
    AgeBin, AgeHistogram, Axis, Better, ConfusionMatrix, CriticalDifferenceDiagram, Curve,
    CurvePoint, DensityMap, Figure, ForestPlot, ForestRow, Heading, Interval, PairKind, PairMap,
    RankedMethod, STYLE_SHEET, SeedPair, SlopeChart, Spacing, TradeOff, TradeOffPoint,
    age_histograms, churn_curves, confusion_matrix, critical_difference_diagram, density_map,
    exploration_curves, forest_plot, learning_curves, pair_map, slope_chart, trade_off,
};

const METHODS: [&str; 20] = [
    "dense",
    "rigl at 98 %",
    "set at 98 %",
    "static at 98 %",
    "rigl drop_fraction=0.3 at 98 %",
    "rigl drop_fraction=0.5 at 98 %",
    "set drop_fraction=0.5 at 98 %",
    "snfs at 98 %",
    "gmp at 98 %",
    "granet at 98 %",
    "snip at 98 %",
    "topkast at 98 %",
    "rigl at 90 %",
    "set at 90 %",
    "static at 90 %",
    "snfs at 90 %",
    "gmp at 90 %",
    "granet at 90 %",
    "snip at 90 %",
    "topkast at 90 %",
];

/// Numbers in [0, 1) that look random and are the same everywhere.
fn noise(seed: usize) -> f64 {
    let x = (seed as u64).wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    ((x ^ (x >> 32)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn around(value: f64, half: f64) -> Option<Interval> {
    Some(Interval { lower: value - half, upper: value + half })
}

fn lines(count: usize, epochs: usize, value: impl Fn(usize, f64) -> (f64, f64)) -> Vec<Curve> {
    let point = |line: usize, epoch: usize| {
        let (y, half) = value(line, epoch as f64);
        CurvePoint { x: epoch as f64, y, interval: around(y, half) }
    };
    (0..count)
        .map(|line| Curve {
            label: METHODS[line].into(),
            points: (1..=epochs).map(|epoch| point(line, epoch)).collect(),
        })
        .collect()
}

fn accuracy(line: usize, epoch: f64) -> (f64, f64) {
    let end = 0.985 - 0.004 * line as f64;
    let wobble = (noise(line * 997 + epoch as usize) - 0.5) * 0.006;
    (end - 0.12 * (-epoch / (4.0 + line as f64 * 0.5)).exp() + wobble, 0.004 + 0.02 / epoch)
}

fn curve_figures() -> Vec<Figure> {
    let metric = Axis::new("accuracy on validation").percent();
    let loss = Axis::loss("loss on training data");
    let mut gaps = lines(3, 12, accuracy);
    for epoch in [4, 5, 9] {
        gaps[1].points[epoch].y = f64::NAN;
    }
    gaps[2].points.truncate(1);
    let falling = |line: usize, epoch: f64| {
        let value = 2.3 * (-epoch / (3.0 + line as f64)).exp() + 0.004 * (line + 1) as f64;
        (value, value * 0.1)
    };
    let churn = |line: usize, epoch: f64| {
        let share = 0.15 * (1.0 + (epoch / 30.0 * 3.0).min(3.0).cos()) * (1.0 - 0.2 * line as f64);
        (share, 0.01)
    };
    let explored = |line: usize, epoch: f64| {
        (0.02 + 0.6 * (1.0 - (-epoch / (10.0 + 8.0 * line as f64)).exp()), 0.01)
    };
    let mut short = lines(8, 30, accuracy);
    for (line, label) in short.iter_mut().zip(["dense", "rigl", "set", "static", "snfs", "gmp"]) {
        line.label = label.into();
    }
    vec![
        learning_curves(
            &Heading::new("curves", "Accuracy, four strategies"),
            &metric,
            &lines(4, 30, accuracy),
        ),
        learning_curves(
            &Heading::new("curves-eight", "Accuracy, eight strategies"),
            &metric,
            &short,
        ),
        learning_curves(
            &Heading::new("curves-twenty", "Accuracy, twenty strategies"),
            &metric,
            &lines(20, 50, accuracy),
        ),
        learning_curves(
            &Heading::new("loss", "Training loss on a logarithmic axis"),
            &loss,
            &lines(5, 40, falling),
        ),
        learning_curves(
            &Heading::new("gaps", "Missing epochs, and one with a single epoch"),
            &metric,
            &gaps,
        ),
        learning_curves(
            &Heading::new("constant", "A constant metric"),
            &metric,
            &lines(2, 5, |_, _| (0.1, 0.0)),
        ),
        learning_curves(&Heading::new("nothing", "No data"), &metric, &[]),
        churn_curves(&Heading::new("churn", "Churn"), &lines(4, 30, churn)),
        exploration_curves(
            &Heading::new("exploration", "In-time over-parameterisation"),
            &lines(4, 30, explored),
        ),
    ]
}

fn trade_offs() -> Vec<Figure> {
    let strategies = ["dense", "rigl", "set", "static", "gmp", "snip <fixed>"];
    let densities = [0.01, 0.02, 0.05, 0.1, 0.2];
    let score = |strategy: usize, density: f64| {
        0.984 - 0.0009 * strategy as f64 / density.sqrt() - 0.0004 / density
    };
    let points = |x: &dyn Fn(usize, f64) -> f64| {
        let mut points = vec![TradeOffPoint {
            series: "dense".into(),
            label: String::new(),
            x: x(0, 1.0),
            y: 0.9845,
            interval: around(0.9845, 0.0015),
        }];
        for (index, strategy) in strategies.iter().enumerate().skip(1) {
            for density in densities {
                let y = score(index, density);
                points.push(TradeOffPoint {
                    series: (*strategy).into(),
                    label: format!("{} %", density * 100.0),
                    x: x(index, density),
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
    let mut many = points(&|strategy, density| 30.0 + density * 12.0 + strategy as f64);
    for (index, point) in many.iter_mut().enumerate() {
        point.series = METHODS[index % 20].into();
        point.label = String::new();
    }
    vec![
        trade_off(
            &Heading::new("density", "Accuracy against density"),
            &plot(density, true, points(&|_, d| d)),
        ),
        trade_off(
            &Heading::new("flops", "Accuracy against FLOPs"),
            &plot(flops, false, points(&|s, d| 1e15 * d * (1.0 + 0.4 * noise(s)))),
        ),
        trade_off(
            &Heading::new("time", "Accuracy against time, twenty strategies"),
            &plot(time, false, many),
        ),
    ]
}

fn comparisons() -> Vec<Figure> {
    let slope = |count: usize, candidate: &str, shift: f64| SlopeChart {
        control: "dense".into(),
        candidate: candidate.into(),
        metric: Axis::new("accuracy on test").percent(),
        better: Better::Higher,
        pairs: (0..count)
            .map(|seed| SeedPair {
                seed: seed.to_string(),
                control: 0.981 + 0.004 * noise(seed),
                candidate: 0.981 + shift + 0.005 * noise(seed + 77),
            })
            .collect(),
    };
    let verdicts = ["superior", "non-inferior", "inferior", "inconclusive"];
    let rows = |count: usize| {
        let row = |index: usize| {
            let difference = [0.004, -0.001, -0.012, -0.004][index % 4] + 0.002 * noise(index);
            ForestRow {
                label: METHODS[index + 1].into(),
                difference,
                interval: around(difference, [0.002, 0.003, 0.004, 0.006][index % 4]),
                verdict: verdicts[index % 4].into(),
            }
        };
        (0..count).map(row).collect::<Vec<_>>()
    };
    let forest = |rows| ForestPlot {
        difference: Axis::new("accuracy minus dense").percent(),
        margin: Some(0.005),
        rows,
    };
    let mut with_gap = rows(5);
    with_gap[2].difference = f64::NAN;
    with_gap[2].verdict = "too few seeds".into();
    vec![
        slope_chart(
            &Heading::new("slope", "Dense and RigL by seed"),
            &slope(10, METHODS[4], -0.0008),
        ),
        slope_chart(&Heading::new("slope-two", "Two seeds"), &slope(2, "set at 98 %", -0.004)),
        forest_plot(&Heading::new("forest", "Differences from dense"), &forest(with_gap)),
        forest_plot(
            &Heading::new("forest-many", "Nineteen differences from dense"),
            &forest(rows(19)),
        ),
    ]
}

fn ranks() -> Vec<Figure> {
    let diagram = |ranks: &[f64], cliques: Vec<Vec<usize>>, length: f64| {
        let method = |(index, rank): (usize, &f64)| RankedMethod {
            label: METHODS[index].into(),
            mean_rank: *rank,
        };
        CriticalDifferenceDiagram {
            methods: ranks.iter().enumerate().map(method).collect(),
            cliques,
            critical_difference: length,
        }
    };
    let six = [1.6, 2.1, 3.4, 4.2, 4.4, 5.3];
    let twenty: Vec<f64> = (0..20).map(|index| 1.5 + index as f64 * 0.93).collect();
    let chain = (0..5).map(|start| (start * 3..start * 3 + 8).collect()).collect();
    let labels = |count: usize| METHODS[..count].iter().map(|label| (*label).to_owned()).collect();
    let matrix = |count: usize, value: &dyn Fn(usize, usize) -> Option<f64>| {
        (0..count).map(|i| (0..count).map(|j| value(i, j)).collect()).collect()
    };
    let p = |i: usize, j: usize| {
        let (low, high) = (i.min(j), i.max(j));
        (high != 5 || low != 2).then(|| (noise(low * 31 + high).powi(4)).max(1e-5))
    };
    let better = |i: usize, j: usize| Some(1.0 / (1.0 + ((i as f64 - j as f64) * 0.7).exp()));
    let pairs = |count, kind, value: &dyn Fn(usize, usize) -> Option<f64>| PairMap {
        labels: labels(count),
        values: matrix(count, value),
        kind,
    };
    let p_value = PairKind::PValue { alpha: 0.05 };
    vec![
        critical_difference_diagram(
            &Heading::new("ranks", "Mean ranks over seven data sets"),
            &diagram(&six, vec![vec![0, 1], vec![1, 2, 3], vec![2, 3, 4, 5]], 1.9),
        ),
        critical_difference_diagram(
            &Heading::new("ranks-twenty", "Mean ranks of twenty methods"),
            &diagram(&twenty, chain, 6.6),
        ),
        pair_map(&Heading::new("pairs", "Adjusted p-values"), &pairs(7, p_value, &p)),
        pair_map(
            &Heading::new("pairs-twenty", "Adjusted p-values of twenty"),
            &pairs(20, p_value, &p),
        ),
        pair_map(
            &Heading::new("improvement", "Probability of improvement"),
            &pairs(6, PairKind::Improvement, &better),
        ),
    ]
}

fn diagnostics() -> Vec<Figure> {
    let density = |layers: Vec<String>, epochs: usize, first: f64| {
        let value = |layer: usize, epoch: usize| {
            let start = first / (1.0 + layer as f64).powf(1.3);
            let trend = 1.0 + 0.6 * noise(layer) * (epoch as f64 / epochs as f64) - 0.2;
            (start * trend).clamp(0.0, 1.0)
        };
        DensityMap {
            density: (0..layers.len())
                .map(|layer| (0..epochs).map(|epoch| value(layer, epoch)).collect())
                .collect(),
            layers,
            epochs: (1..=epochs).map(|epoch| epoch as f64).collect(),
        }
    };
    let mlp = ["linear1", "linear2", "linear3"].map(String::from).to_vec();
    let bert: Vec<String> = (0..12)
        .flat_map(|layer| {
            ["attention.query", "attention.output", "intermediate"]
                .map(|part| format!("bert.encoder.layer.{layer}.{part}.dense"))
        })
        .collect();
    let mut gaps = density(mlp.clone(), 12, 0.2);
    gaps.density[1][3] = f64::NAN;
    gaps.density[2].truncate(9);
    let ages = |count: usize| -> Vec<AgeHistogram> {
        let bin = |strategy: usize, bin: usize| AgeBin {
            lower: bin as f64,
            upper: bin as f64 + 1.0,
            count: (9000.0 * (-(bin as f64) / (3.0 + 2.0 * strategy as f64)).exp()) as u64,
        };
        let histogram = |strategy: usize| AgeHistogram {
            label: METHODS[strategy + 1].into(),
            bins: (0..30).map(|index| bin(strategy, index)).collect(),
        };
        (0..count).map(histogram).collect()
    };
    let powers: Vec<AgeHistogram> = (0..3)
        .map(|strategy| AgeHistogram {
            label: METHODS[strategy + 1].into(),
            bins: (5..14)
                .map(|power| AgeBin {
                    lower: f64::from(1 << power),
                    upper: f64::from(2 << power),
                    count: (1e5 * noise(strategy * 50 + power)) as u64,
                })
                .collect(),
        })
        .collect();
    let confusion = |classes: Vec<String>, total: f64| {
        let count = |truth: usize, other: usize| match truth == other {
            true => total as u64,
            false => (total * 0.05 * noise(truth * 131 + other).powi(8)) as u64,
        };
        ConfusionMatrix {
            counts: (0..classes.len())
                .map(|truth| (0..classes.len()).map(|other| count(truth, other)).collect())
                .collect(),
            classes,
        }
    };
    let numbers = |count: usize| (0..count).map(|class| class.to_string()).collect::<Vec<_>>();
    let cifar =
        ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
    let epochs = Axis::new("age at drop (epochs)");
    let steps = Axis::new("age at drop (steps)").spaced(Spacing::Log);
    vec![
        density_map(&Heading::new("layers", "Density of layers"), &density(mlp, 30, 0.1)),
        density_map(&Heading::new("layers-gaps", "Density of layers with gaps"), &gaps),
        density_map(
            &Heading::new("layers-bert", "Density of many layers"),
            &density(bert, 200, 0.9),
        ),
        age_histograms(&Heading::new("ages", "Age at drop"), &epochs, &ages(4)),
        age_histograms(&Heading::new("ages-log", "Age at drop in steps"), &steps, &powers),
        confusion_matrix(
            &Heading::new("digits", "Confusion of digits"),
            &confusion(numbers(10), 980.0),
        ),
        confusion_matrix(
            &Heading::new("cifar", "Confusion of CIFAR-10"),
            &confusion(cifar.map(String::from).to_vec(), 920.0),
        ),
        confusion_matrix(
            &Heading::new("twenty", "Confusion of twenty classes"),
            &confusion(numbers(20), 10_000.0),
        ),
        confusion_matrix(
            &Heading::new("hundred", "Confusion of a hundred classes"),
            &confusion(numbers(100), 100.0),
        ),
    ]
}

fn main() {
    let groups = [curve_figures(), trade_offs(), comparisons(), ranks(), diagnostics()];
    println!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>Gallery</title><style>\n\
         {STYLE_SHEET}\nbody {{ background: var(--figure-paper); color: var(--figure-ink); \
         font-family: Helvetica, Arial, sans-serif; margin: 1rem; }}\n\
         main {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); \
         gap: 2rem; align-items: start; }}\nfigure {{ margin: 0; min-width: 0; }}\n\
         figure:has(.figure-wide) {{ grid-column: 1 / -1; }}\n\
         figcaption {{ font-weight: bold; margin-bottom: .5rem; }}</style></head><body><main>"
    );
    for figure in groups.iter().flatten() {
        eprintln!("{:>7} bytes  {}", figure.svg.len(), figure.name);
        println!(
            "<figure class=\"figure-frame\"><figcaption>{}</figcaption>\n{}</figure>",
            figure.title, figure.svg
        );
    }
    println!("</main></body></html>");
}
