//! Named starting points for a grid.

use dst_core::{Error, Result};

/// A grid file that the harness carries.
pub(crate) struct Preset {
    /// Its name.
    pub(crate) name: &'static str,
    /// One sentence: what it is for.
    pub(crate) summary: &'static str,
    /// The file.
    pub(crate) text: &'static str,
}

/// All presets; the first is the default.
pub(crate) const PRESETS: &[Preset] = &[
    Preset {
        name: "quick",
        summary: "two minutes on two cores: 10,000 real digits, LeNet-5, sparsity 0.9, 8 seeds",
        text: include_str!("presets/quick.toml"),
    },
    Preset {
        name: "plan",
        summary: "the experiment plan: 50 epochs, updates every 10 epochs, sparsity 0.5, 8 seeds",
        text: include_str!("presets/plan.toml"),
    },
    Preset {
        name: "snfs-lenet5",
        summary: "SNFS's recipe for LeNet-5 on MNIST: 100 epochs, sparsity 0.95, 5 seeds",
        text: include_str!("presets/snfs-lenet5.toml"),
    },
    Preset {
        name: "srigl-resnet18",
        summary: "RigL on CIFAR-10 as SRigL's paper runs it: 250 epochs, seven sparsities, 8 seeds",
        text: include_str!("presets/srigl-resnet18.toml"),
    },
];

/// The preset of that name.
///
/// # Errors
/// If there is none; the nearest is suggested.
pub(crate) fn find(name: &str) -> Result<&'static Preset> {
    PRESETS
        .iter()
        .find(|preset| preset.name == name)
        .ok_or_else(|| Error::unknown("preset", name, PRESETS.iter().map(|preset| preset.name)))
}
