//! What can be typed after `harness bench`.

use clap::{Args, ValueEnum};
use dst_core::Distribution;

use super::{PlaceArgs, SettingArgs};

pub(super) const HELP: &str = "\
Examples:
  harness bench --models lenet5 --datasets mnist-10k
  harness bench --models lenet5,mlp --set mlp.hidden=[1000,1000] --sparsity 0.9,0.95 --threads 2
  harness bench --models resnet18 --datasets cifar10 --distribution uniform --seconds 60 --json

Nothing is trained to an end and nothing is stored. At each sparsity four trainings take turns, step by
step: the dense network, and the sparse one with --backend masked, sparse and auto. Its topology is random
and stays. A method that looks at the gradients of inactive weights computes densely in the steps in which
it does so; a method that starts dense is as slow as the dense network at its start.";

/// `harness bench`
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Architectures, such as lenet5, and files, file:net.toml [default: the one of each data set]
    #[arg(long, value_name = "NAMES", alias = "model")]
    pub models: Option<String>,
    /// Data sets, such as mnist-10k
    #[arg(long, value_name = "NAMES", alias = "dataset")]
    pub datasets: Option<String>,
    /// Shares of the prunable weights that are missing, in [0, 1)
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', value_parser = sparsity,
          default_value = "0.5,0.8,0.9,0.95,0.98")]
    pub sparsity: Vec<f64>,
    /// How connections are shared among layers
    #[arg(long, value_name = "NAME", default_value = "erk")]
    pub distribution: Shares,
    /// Time for each sparsity of a network; five steps are timed in any case
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub seconds: f64,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub settings: SettingArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: PlaceArgs,
    /// Print the times as JSON
    #[arg(long)]
    pub json: bool,
}

/// [`Distribution`], as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Shares {
    /// Every layer has the same density.
    Uniform,
    /// Erdős–Rényi, kernel sizes left out.
    Er,
    /// Erdős–Rényi-Kernel.
    Erk,
}

impl From<Shares> for Distribution {
    fn from(shares: Shares) -> Self {
        match shares {
            Shares::Uniform => Self::Uniform,
            Shares::Er => Self::Er,
            Shares::Erk => Self::Erk,
        }
    }
}

fn sparsity(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(sparsity) if (0.0..1.0).contains(&sparsity) => Ok(sparsity),
        _ => Err("a sparsity is a number in [0, 1), such as 0.9".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.trim().parse() {
        Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a time is a number of seconds, at most a day".to_owned()),
    }
}
