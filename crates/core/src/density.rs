//! How a budget of connections is shared among layers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The rule that shares a budget of connections among layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Every layer has the same density.
    Uniform,
    /// Erdős–Rényi (Mocanu et al. 2018): density grows with `(in + out) / (in · out)`, kernel
    /// sizes left out.
    Er,
    /// Erdős–Rényi-Kernel (Evci et al. 2020): `Σ dims / Π dims` with the kernel's dimensions.
    #[default]
    Erk,
}

/// Shares `density · Σ sizes` connections among layers of the given shapes and returns how many
/// each keeps.
///
/// The counts add up to `round(density · Σ sizes)` exactly: fractions are rounded by largest
/// remainder, earlier layers first on ties. Every layer keeps at least one connection. For ER
/// and ERK one factor ε is solved for all layers; a layer that would exceed density 1 becomes
/// dense and the rest is solved again (RigL, reference implementation).
///
/// # Errors
/// If `density` is not in (0, 1], there are no layers, or the budget is smaller than one
/// connection a layer.
///
/// ```
/// use dst_core::density::{Distribution, allocate};
///
/// // LeNet-300-100 at 90 % sparsity.
/// let shapes = [vec![300, 784], vec![100, 300], vec![10, 100]];
/// assert_eq!(allocate(Distribution::Erk, 0.1, &shapes)?, [18_714, 6_906, 1_000]);
/// # Ok::<(), dst_core::Error>(())
/// ```
pub fn allocate(
    distribution: Distribution,
    density: f64,
    shapes: &[Vec<i64>],
) -> Result<Vec<usize>> {
    if !(density > 0.0 && density <= 1.0) {
        return Err(Error::usage(format!(
            "density {density} (sparsity {}) is not in (0, 1]",
            1.0 - density
        )));
    }
    let sizes: Vec<usize> = shapes.iter().map(|shape| size(shape)).collect();
    let total: usize = sizes.iter().sum();
    let budget = (density * total as f64).round() as usize;
    if budget < shapes.len() || shapes.is_empty() {
        return Err(Error::usage(format!(
            "sparsity {} leaves {budget} of {total} connections, fewer than one for each of {} layers",
            1.0 - density,
            shapes.len()
        ))
        .hint("choose a lower sparsity or a wider model"));
    }
    let densities = match distribution {
        Distribution::Uniform => vec![density; shapes.len()],
        Distribution::Er => solve(&sizes, shapes, density, channel_ratio),
        Distribution::Erk => solve(&sizes, shapes, density, kernel_ratio),
    };
    Ok(round_to_total(&densities, &sizes, budget))
}

/// As [`allocate`], where layers with an entry in `fixed`, by index, have that density in (0, 1].
/// The others share the rest of the budget by `distribution`.
///
/// # Errors
/// As [`allocate`], and if the fixed layers take so much that others would have no connection, or
/// so little that the others cannot hold the rest.
pub fn allocate_around(
    distribution: Distribution,
    density: f64,
    shapes: &[Vec<i64>],
    fixed: &BTreeMap<usize, f64>,
) -> Result<Vec<usize>> {
    if fixed.is_empty() {
        return allocate(distribution, density, shapes);
    }
    let taken = |layer: usize| {
        let size = size(&shapes[layer]);
        fixed.get(&layer).map(|density| ((density * size as f64).round() as usize).clamp(1, size))
    };
    let open: Vec<usize> = (0..shapes.len()).filter(|layer| taken(*layer).is_none()).collect();
    let total: usize = shapes.iter().map(|shape| size(shape)).sum();
    let budget = (density * total as f64).round() as usize;
    let fixed_count: usize = (0..shapes.len()).filter_map(taken).sum();
    let room: usize = open.iter().map(|layer| size(&shapes[*layer])).sum();
    let rest = budget.checked_sub(fixed_count).filter(|rest| (open.len()..=room).contains(rest));
    let Some(rest) = rest else {
        return Err(Error::usage(format!(
            "sparsity {} leaves {budget} of {total} connections, and layers of fixed density take \
             {fixed_count} of them: the other {} layers need between {} and {room}",
            1.0 - density,
            open.len(),
            open.len()
        ))
        .hint("choose another sparsity, or fix the density of fewer layers"));
    };
    let mut shared = Vec::new();
    if !open.is_empty() {
        let shapes: Vec<Vec<i64>> = open.iter().map(|layer| shapes[*layer].clone()).collect();
        shared = allocate(distribution, rest as f64 / room as f64, &shapes)?;
    }
    let mut shared = shared.into_iter();
    Ok((0..shapes.len()).filter_map(|layer| taken(layer).or_else(|| shared.next())).collect())
}

fn size(shape: &[i64]) -> usize {
    shape.iter().product::<i64>() as usize
}

/// `(in + out) / (in · out)`.
fn channel_ratio(shape: &[i64]) -> f64 {
    let (rows, columns) = (shape[0] as f64, shape.get(1).copied().unwrap_or(1) as f64);
    (rows + columns) / (rows * columns)
}

/// `Σ dims / Π dims`.
fn kernel_ratio(shape: &[i64]) -> f64 {
    shape.iter().sum::<i64>() as f64 / shape.iter().product::<i64>() as f64
}

/// Densities proportional to `ratio`, clamped to 1.
///
/// All layers that share the largest ratio are clamped together, as the reference does. Every
/// round clamps at least one layer or ends, and clamped layers together never exceed the
/// budget: ε · max(ratio) > 1 implies that the open budget is larger than the clamped layer.
fn solve(sizes: &[usize], shapes: &[Vec<i64>], density: f64, ratio: fn(&[i64]) -> f64) -> Vec<f64> {
    let ratios: Vec<f64> = shapes.iter().map(|shape| ratio(shape)).collect();
    let mut dense = vec![false; sizes.len()];
    loop {
        let open = || (0..sizes.len()).filter(|&layer| !dense[layer]);
        let clamped: usize = (0..sizes.len()).filter(|&l| dense[l]).map(|l| sizes[l]).sum();
        let total: usize = sizes.iter().sum();
        let budget = density * total as f64 - clamped as f64;
        let weighted: f64 = open().map(|layer| ratios[layer] * sizes[layer] as f64).sum();
        let epsilon = if weighted > 0.0 { budget / weighted } else { 0.0 };
        let largest = open().map(|layer| ratios[layer]).fold(0.0, f64::max);
        if epsilon * largest <= 1.0 {
            return (0..sizes.len())
                .map(|layer| if dense[layer] { 1.0 } else { epsilon * ratios[layer] })
                .collect();
        }
        for layer in 0..sizes.len() {
            dense[layer] |= ratios[layer] == largest;
        }
    }
}

/// Whole counts that add up to `budget`, each between 1 and its layer's size.
fn round_to_total(densities: &[f64], sizes: &[usize], budget: usize) -> Vec<usize> {
    let exact: Vec<f64> =
        densities.iter().zip(sizes).map(|(density, size)| density * *size as f64).collect();
    let mut counts: Vec<usize> = exact
        .iter()
        .zip(sizes)
        .map(|(exact, size)| (exact.floor() as usize).clamp(1, *size))
        .collect();
    while counts.iter().sum::<usize>() < budget {
        let layer = (0..sizes.len())
            .filter(|&layer| counts[layer] < sizes[layer])
            .max_by(|&a, &b| {
                let remainder = |layer: usize| exact[layer] - counts[layer] as f64;
                // `max_by` keeps the last of equals; the reversed index keeps the first layer.
                remainder(a).total_cmp(&remainder(b)).then(b.cmp(&a))
            })
            .expect("the budget is at most the sum of the sizes");
        counts[layer] += 1;
    }
    while counts.iter().sum::<usize>() > budget {
        // Only the floor of one connection a layer can overshoot; the largest layer pays.
        let layer = (0..sizes.len()).max_by_key(|&layer| counts[layer]).expect("there are layers");
        counts[layer] -= 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resnet18() -> Vec<Vec<i64>> {
        let mut shapes = vec![vec![64, 3, 3, 3]];
        let mut inputs = 64;
        for (stage, width) in [64, 128, 256, 512].into_iter().enumerate() {
            for block in 0..2 {
                shapes.push(vec![width, inputs, 3, 3]);
                shapes.push(vec![width, width, 3, 3]);
                if stage > 0 && block == 0 {
                    shapes.push(vec![width, inputs, 1, 1]);
                }
                inputs = width;
            }
        }
        shapes.push(vec![10, 512]);
        shapes
    }

    /// Values of the reference implementation of RigL.
    /// LeNet-300-100 with a dense first layer does not fit at 90 %; with a dense last one, which ERK
    /// makes dense anyway, the counts are the known ones.
    #[test]
    fn fixed_layers_take_their_part_of_the_budget() {
        let shapes = [vec![300, 784], vec![100, 300], vec![10, 100]];
        let around = |fixed: &[(usize, f64)], density| {
            let fixed = fixed.iter().copied().collect();
            allocate_around(Distribution::Erk, density, &shapes, &fixed)
        };
        assert_eq!(around(&[(2, 1.0)], 0.1).unwrap(), [18_714, 6_906, 1_000]);
        let halved = around(&[(1, 0.5)], 0.1).unwrap();
        assert_eq!((halved[1], halved.iter().sum::<usize>()), (15_000, 26_620));
        let error = around(&[(0, 1.0)], 0.1).unwrap_err().to_string();
        assert!(error.contains("take 235200 of them"), "{error}");
        assert!(
            around(&[(0, 0.01), (1, 0.01)], 0.1).is_err(),
            "the last layer cannot hold the rest"
        );
    }

    #[test]
    fn erk_matches_golden_values_of_lenet_300_100() {
        let shapes = [vec![300, 784], vec![100, 300], vec![10, 100]];
        let sizes: Vec<usize> = shapes.iter().map(|shape| size(shape)).collect();
        let densities = solve(&sizes, &shapes, 0.1, kernel_ratio);
        for (got, want) in densities.iter().zip([0.07957, 0.23019, 1.0]) {
            assert!((got - want).abs() < 5e-6, "{densities:?}");
        }
        let epsilon = densities[0] / kernel_ratio(&shapes[0]);
        assert!((epsilon - 17.2642).abs() < 5e-5, "{epsilon}");
        let counts = allocate(Distribution::Erk, 0.1, &shapes).unwrap();
        assert_eq!(counts.iter().sum::<usize>(), 26_620);
    }

    #[test]
    fn erk_matches_golden_values_of_resnet_18() {
        let shapes = resnet18();
        let sizes: Vec<usize> = shapes.iter().map(|shape| size(shape)).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 11_164_352);
        for (sparsity, dense_layers, epsilon) in [(0.8, 9, 280.704), (0.9, 4, 131.963)] {
            let densities = solve(&sizes, &shapes, 1.0 - sparsity, kernel_ratio);
            let open = densities.iter().position(|density| *density < 1.0).unwrap();
            let got = densities[open] / kernel_ratio(&shapes[open]);
            // The reference rounds each layer's zeros down before it solves, which moves ε by
            // up to one connection a layer.
            assert!((got - epsilon).abs() < 2e-3, "{sparsity}: ε = {got}");
            let dense = densities.iter().filter(|density| **density == 1.0).count();
            assert_eq!(dense, dense_layers, "{sparsity}: {densities:?}");
        }
    }

    #[test]
    fn er_leaves_kernel_sizes_out() {
        let shapes = [vec![8, 8, 5, 5], vec![8, 8, 1, 1]];
        let counts = allocate(Distribution::Er, 0.5, &shapes).unwrap();
        assert_eq!(counts, [800, 32]);
    }

    #[test]
    fn impossible_budgets_are_refused() {
        let shapes = [vec![4, 4], vec![2, 4], vec![1, 2]];
        for density in [0.0, -0.1, 1.5, f64::NAN, 0.05] {
            assert!(allocate(Distribution::Erk, density, &shapes).is_err(), "{density}");
        }
    }

    proptest! {
        #[test]
        fn totals_match_and_counts_fit(
            dims in prop::collection::vec((1i64..40, 1i64..40, 1i64..4), 1..8),
            density in 0.01f64..=1.0,
            which in 0usize..3,
        ) {
            let shapes: Vec<Vec<i64>> = dims.iter().map(|(o, i, k)| vec![*o, *i, *k, *k]).collect();
            let distribution = [Distribution::Uniform, Distribution::Er, Distribution::Erk][which];
            let total: usize = shapes.iter().map(|shape| size(shape)).sum();
            let budget = (density * total as f64).round() as usize;
            match allocate(distribution, density, &shapes) {
                Ok(counts) => {
                    prop_assert_eq!(counts.iter().sum::<usize>(), budget);
                    for (count, shape) in counts.iter().zip(&shapes) {
                        prop_assert!((1..=size(shape)).contains(count));
                    }
                }
                Err(_) => prop_assert!(budget < shapes.len()),
            }
        }
    }
}
