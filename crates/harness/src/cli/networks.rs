//! `harness export` and `harness predict`

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dst_core::{BackendKind, Split};

use super::{DataPlaceArgs, PlaceArgs};

/// What `harness export --help` ends with.
pub(super) const EXPORT_HELP: &str = "\
Examples:
  harness export 0123abcd
  harness export 0123abcd --format csr --out sparse.safetensors
  harness export 0123abcd --format onnx --data-dir DIR -o net.onnx

A trial is named by its id or the beginning of it. It has a network if it was trained with --keep.
All formats have 32-bit floats. safetensors has dense tensors under the names of the parameters
(those of Hugging Face for a BERT); csr, a safetensors file too, has every prunable weight as a
matrix by rows, [out, in] or [out, in·height·width], in NAME.crow_indices, NAME.col_indices and
NAME.values, as torch.sparse_csr_tensor takes them, and the shape of the dense weight in NAME.shape.

onnx has the network itself with dense tensors, for onnxruntime and others: it takes pixels from 0
to 1 (or columns of a table) and normalises them as the trial did, so the trial's data set must be
where a grid finds it. Networks for pictures and tables have this format, those for text do not.";

/// What `harness predict --help` ends with.
pub(super) const PREDICT_HELP: &str = "\
Examples:
  harness predict 0123abcd digit.png other.png
  harness predict 0123abcd reviews.csv --json
  harness predict 0123abcd --split test

One line for each input: its name, the class (or the number of a regression) and the probability.
Images are PNG files of the size of the data set, and for MNIST also IDX files, whose images are
called FILE:0, FILE:1 and so on. Texts are lines of a file, with a tab between the two of a pair,
or a .csv or .tsv with the columns of the data set's own files. Data are read and normalised as
the trial's were, so its data set must be where a grid finds it.

--split test predicts the test set and compares with what is stored; the exit code is 1 if a
prediction differs.";

/// `harness export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Id of a trial, or the beginning of one
    pub trial: String,
    /// Folder of the run store [default: runs]
    #[arg(long, value_name = "DIR")]
    pub store: Option<String>,
    /// How pruned weights are written
    #[arg(long, value_enum, default_value_t)]
    pub format: ExportFormat,
    /// The file to write [default: TRIAL.safetensors, TRIAL.csr.safetensors or TRIAL.onnx]
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub data: DataPlaceArgs,
}

/// How an exported file holds pruned weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ExportFormat {
    /// As dense tensors
    #[default]
    Safetensors,
    /// As matrices by rows: values, columns and where each row begins
    Csr,
    /// As dense tensors of a network that other programs compute
    Onnx,
}

/// `harness predict`
#[derive(Debug, Clone, Args)]
pub struct PredictArgs {
    /// Id of a trial, or the beginning of one
    pub trial: String,
    /// Images, or files with rows or texts, unless --split is given
    #[arg(conflicts_with = "split")]
    pub files: Vec<PathBuf>,
    /// Samples of the data set itself
    #[arg(long, value_enum)]
    pub split: Option<PredictedSplit>,
    /// With what pruned layers compute
    #[arg(long, value_enum, default_value_t)]
    pub backend: ComputeBackend,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub place: PlaceArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// The part of a data set that is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PredictedSplit {
    /// The samples that chose the checkpoint
    Validation,
    /// The samples of the stored predictions
    Test,
}

impl From<PredictedSplit> for Split {
    fn from(split: PredictedSplit) -> Self {
        match split {
            PredictedSplit::Validation => Self::Validation,
            PredictedSplit::Test => Self::Test,
        }
    }
}

/// With what pruned layers compute when a network is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ComputeBackend {
    /// Sparse kernels in the layers where they pay
    #[default]
    Auto,
    /// Dense arithmetic on weights that are 0
    Masked,
    /// Sparse kernels wherever they can compute
    Sparse,
}

impl From<ComputeBackend> for BackendKind {
    fn from(backend: ComputeBackend) -> Self {
        match backend {
            ComputeBackend::Auto => Self::Auto,
            ComputeBackend::Masked => Self::Masked,
            ComputeBackend::Sparse => Self::Sparse,
        }
    }
}
