//! Ranks, pairs, layers and classes.

use crate::{STRATEGIES, many, noise};
use dst_figures::{
    ConfusionMatrix, CriticalDifferenceDiagram, DensityMap, DistanceMap, Figure, Heading, PairKind,
    PairMap, RankedMethod, confusion_matrix, critical_difference_diagram, density_map,
    distance_map, pair_map,
};

pub(crate) fn figures() -> Vec<Figure> {
    [ranks(), diagnostics()].concat()
}

fn ranks() -> Vec<Figure> {
    let methods: Vec<String> = many(21).into_iter().map(|series| series.label).collect();
    let methods = &methods;
    let diagram = |ranks: &[f64], cliques: Vec<Vec<usize>>, length: f64| {
        let method = |(index, rank): (usize, &f64)| RankedMethod {
            label: methods[index].clone(),
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
    let labels = |count: usize| methods[..count].to_vec();
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
    let apart = |i: usize, j: usize| Some(1.02 - noise(i.min(j) * 17 + i.max(j)).powi(3));
    let layers = |count: usize| DistanceMap {
        methods: labels(6),
        layers: (1..=count).map(|layer| format!("layer{layer}.weight")).collect(),
        network: (0..6).map(|method| Some(1.0 - 0.3 * noise(method))).collect(),
        distance: (0..6)
            .map(|method| {
                let value = |layer: usize| 1.0 - 0.6 * noise(7 * method + layer);
                (0..count).map(|layer| (layer > 0 || method > 0).then(|| value(layer))).collect()
            })
            .collect(),
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
            &Heading::new("pairs-thirty", "Adjusted p-values of thirty"),
            &PairMap {
                labels: (0..30).map(|i| format!("{} at 98 %", STRATEGIES[i % 11])).collect(),
                values: matrix(30, &p),
                kind: p_value,
            },
        ),
        pair_map(
            &Heading::new("improvement", "Probability of improvement"),
            &pairs(6, PairKind::Improvement, &better),
        ),
        pair_map(
            &Heading::new("masks-methods", "Mask distance between methods"),
            &pairs(6, PairKind::MaskDistance, &apart),
        ),
        distance_map(&Heading::new("masks", "Mask distance between seeds"), &layers(3)),
        distance_map(&Heading::new("masks-many", "The same in many layers"), &layers(21)),
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
    vec![
        density_map(&Heading::new("layers", "Density of layers"), &density(mlp, 30, 0.1)),
        density_map(&Heading::new("layers-gaps", "Density of layers with gaps"), &gaps),
        density_map(
            &Heading::new("layers-bert", "Density of many layers"),
            &density(bert, 200, 0.9),
        ),
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
