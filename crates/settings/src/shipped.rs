//! Grids that ship with the harness: the files of `grids/` at the top of the repository.

use dst_core::{Error, Result};

use crate::file;
use crate::setting::Key;

/// A grid file that the harness carries.
pub struct ShippedGrid {
    /// Its name.
    pub name: &'static str,
    /// One sentence: what it is for.
    pub summary: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($name:literal: $summary:literal,)+) => {
        &[$(ShippedGrid {
            name: $name,
            summary: $summary,
            text: include_str!(concat!("../../../grids/", $name, ".toml")),
        }),+]
    };
}

/// All of them; the first is the default.
pub const GRIDS: &[ShippedGrid] = shipped! {
    "quick": "four minutes on two busy cores: 10,000 real digits, LeNet-5, sparsity 0.9, 8 seeds",
    "plan": "the experiment plan: 50 epochs, updates every 10 epochs, sparsity 0.5, 8 seeds",
    "family-mnist": "every method at equal sparsity on MNIST: LeNet-300-100 and LeNet-5 at 0.9 and 0.95, 5 seeds",
    "densities-mnist": "nine methods at five sparsities from 0.8 to 0.99, all by ERK, on MNIST: LeNet-300-100 and LeNet-5, 6 seeds",
    "equal-inference-flops": "nine methods on LeNet-5 with a tenth of the dense network's inference FLOPs each, 5 seeds",
    "equal-training-flops": "nine methods at 90 % sparsity, each trained for as many FLOPs as the dense network, 5 seeds",
    "real-sparsity": "masked arithmetic beside sparse kernels on MNIST: the same accuracy, and how much less time? 5 seeds",
    "time-to-accuracy": "how long sparse networks take to the accuracy of the dense one less half a point, 8 seeds",
    "update-order": "does an update take the place of the optimiser step, or follow it?",
    "moments": "what becomes of the optimiser's moments when connections change",
    "interval": "how often connections change (in-time over-parameterisation)",
    "distribution": "how connections are shared among layers: uniform, ER and ERK",
    "drop-fraction": "how many connections an update exchanges",
    "start": "from which topology training starts: random, by magnitude, by SNIP",
    "snfs-lenet5": "SNFS's recipe for LeNet-5 on MNIST: 100 epochs, sparsity 0.95, 5 seeds",
    "srigl-resnet18": "RigL on CIFAR-10 as SRigL's paper runs it: 250 epochs, seven sparsities, 8 seeds",
    "resnet20-cifar10": "RigL and dense on CIFAR-10 with ResNet-20: 10 epochs, sparsity 0.9",
    "minilm-sst2": "MiniLM fine-tuned on SST-2 by four methods from the dense network, 50 and 80 % sparsity",
    "minilm-glue": "MiniLM fine-tuned on MRPC, CoLA and RTE, dense and at 50 % sparsity",
};

/// The grid of that name.
///
/// # Errors
/// If there is none; the nearest is suggested.
pub fn find(name: &str) -> Result<&'static ShippedGrid> {
    GRIDS.iter().find(|grid| grid.name == name).ok_or_else(|| {
        match name.ends_with(".toml") || name.contains(std::path::is_separator) {
            true => Error::usage(format!("'{name}' is not the name of a grid that ships")).hint(
                format!("did you mean --config {name}? grid files of your own are named there"),
            ),
            false => Error::unknown("grid", name, GRIDS.iter().map(|grid| grid.name)),
        }
    })
}

/// The grids whose strategies contain that one.
///
/// # Errors
/// If a grid that ships cannot be read.
pub fn with_strategy(name: &str) -> Result<Vec<&'static ShippedGrid>> {
    let mut grids = Vec::new();
    for grid in GRIDS {
        let settings = file::shipped(grid.name)?;
        let mut strategies = settings.iter().filter(|(key, _)| *key == Key::Plain("strategies"));
        if strategies.any(|(_, setting)| setting.values.iter().any(|value| value == name)) {
            grids.push(grid);
        }
    }
    Ok(grids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_folder_ships() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../grids");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let files: BTreeSet<String> =
            files.map(|name| name.to_string_lossy().trim_end_matches(".toml").to_owned()).collect();
        assert_eq!(files, GRIDS.iter().map(|grid| grid.name.to_owned()).collect());
    }
}
