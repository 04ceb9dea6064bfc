//! What a data set is and where its files come from.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use dst_record::Task;

use crate::architecture::{Input, InputShape};
use crate::error::{Error, Result};
use crate::metric::Metric;
use crate::origin::FromCrate;
use crate::seed::SeedStreams;

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// For gradients.
    Train,
    /// Held out of the training data, for choosing checkpoints and hyper-parameters.
    Validation,
    /// Read once, after the last step.
    Test,
}

impl Split {
    /// Its own of what training, validation and test have each.
    pub fn of<T>(self, [train, validation, test]: [T; 3]) -> T {
        match self {
            Self::Train => train,
            Self::Validation => validation,
            Self::Test => test,
        }
    }
}

/// Samples of one batch on a device.
#[derive(Debug)]
pub struct Batch {
    /// What the model sees.
    pub input: Input,
    /// `Int64 [batch]` class numbers, or `Float [batch]` for regression.
    pub target: Tensor,
}

/// Samples that a user brings, as a model takes them.
#[derive(Debug)]
pub struct UserSamples {
    /// One batch or several, of any size, in the order of the file.
    pub batches: Vec<Input>,
    /// Where each sample stands, in the same order: its line, from 1, or its row, from 0 as in a split.
    /// Empty if the file is one sample.
    pub positions: Vec<usize>,
    /// What a user should hear of them, a sentence each.
    pub warnings: Vec<String>,
}

/// Inputs of images or tables before they are normalised: a network takes `(raw − mean) / deviation`.
#[derive(Debug)]
pub struct RawInputs {
    /// What the numbers are, in a few words.
    pub meaning: String,
    /// `Float`, of four dimensions, broadcast over `[batch, channels, height, width]`.
    pub mean: Tensor,
    /// In the same shape.
    pub deviation: Tensor,
    /// What the input at each place of the last dimension is called, if they have names.
    pub names: Vec<String>,
}

/// A loaded and verified data set.
///
/// Implementors need not shuffle or seed; they hand out rows, and may change training batches.
pub trait Dataset: FromCrate + Debug + Send {
    /// The shape of one input.
    fn input(&self) -> InputShape;

    /// What is to be predicted.
    fn task(&self) -> Task;

    /// The official metric: it chooses the checkpoint on validation, and reports compare by it.
    fn metric(&self) -> Metric {
        Metric::usual(self.task())
    }

    /// The other official metric of a data set that has two; reports show it beside the first.
    fn second_metric(&self) -> Option<Metric> {
        None
    }

    /// Number of samples in a split.
    fn len(&self, split: Split) -> usize;

    /// Does a split have no samples?
    fn is_empty(&self, split: Split) -> bool {
        self.len(split) == 0
    }

    /// The samples `rows` of a split, normalised, on `device`.
    ///
    /// # Errors
    /// If libtorch refuses. Rows in range are the caller's duty.
    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch>;

    /// Groups the rows of a split into batches: in order without `order`, shuffled with it. The
    /// last batch may be smaller. Text overrides this to batch sentences of like length.
    fn batches(
        &self,
        split: Split,
        batch_size: usize,
        order: Option<&mut ChaCha8Rng>,
    ) -> Vec<Vec<i64>> {
        let mut rows: Vec<i64> = (0..self.len(split) as i64).collect();
        if let Some(order) = order {
            rows.shuffle(order);
        }
        rows.chunks(batch_size.max(1)).map(<[i64]>::to_vec).collect()
    }

    /// Changes a training batch at random, where it lies: crops, flips. Nothing by default.
    ///
    /// Called by the training loop after [`Dataset::batch`], for training batches only: not for
    /// evaluation, nor for the gradients that a strategy probes before the first step. `rng` is
    /// the stream `augment/<batch>` (with gradient accumulation, a micro-batch), so what happens
    /// depends on the seed and the batch, and neither on the strategy nor on earlier batches.
    ///
    /// # Errors
    /// If libtorch refuses.
    fn augment(&self, batch: &mut Batch, rng: &mut ChaCha8Rng) -> Result<()> {
        let _ = (batch, rng);
        Ok(())
    }

    /// The same data set once more, for a thread that prepares batches while an accelerator works
    /// on earlier ones: it shares the samples and hands out the same batches. Without it, the
    /// default, every step prepares its own batch.
    ///
    /// An implementor's [`Dataset::batch`] and [`Dataset::augment`] draw from their arguments alone,
    /// never from libtorch's generator, and copy by [`device::upload`](crate::device::upload).
    fn fork(&self) -> Option<Box<dyn Dataset>> {
        None
    }

    /// The name of a class; none if classes have only numbers.
    fn class_name(&self, class: usize) -> Option<&str> {
        let _ = class;
        None
    }

    /// The crate whose code the samples depend on, as code names it: that of the type, unless a
    /// general type holds what another crate reads.
    fn library(&self) -> &'static str {
        self.crate_name()
    }

    /// Reads samples that a user brings, without targets, and normalises them as those of the data set:
    /// an image from a PNG file, images from a file of the data set's own format, texts from lines or tables.
    ///
    /// # Errors
    /// If the file cannot be read or holds no such samples, and by default.
    fn read_samples(&self, file: &Path, device: Device) -> Result<UserSamples> {
        let _ = device;
        Err(Error::usage("this data set reads no samples from files of users")
            .at(file.display().to_string())
            .hint("its crate has to implement Dataset::read_samples; --split test needs no file"))
    }

    /// How inputs as people have them become those of [`Dataset::batch`], for exported networks, which then
    /// take them as they are. By default they take normalised ones.
    ///
    /// # Errors
    /// If libtorch refuses.
    fn raw_inputs(&self) -> Result<Option<RawInputs>> {
        Ok(None)
    }

    /// A row of the training split whose cost stands for that of all. Operations are counted by
    /// it, and those of linear layers on sequences grow with the length: text names a row of
    /// mean length.
    fn representative_row(&self) -> i64 {
        0
    }

    /// A digest of the bytes that were loaded, recorded with every result.
    fn digest(&self) -> &str;

    /// Where the bytes were found, for people.
    fn origin(&self) -> &str;

    /// What was understood of data that a user brings and that neither [`Dataset::input`] nor names of
    /// classes tell, such as which columns are inputs: a line each, as `what: which`.
    fn understood(&self) -> Vec<String> {
        Vec::new()
    }

    /// What a user should hear before anything is trained on it, a sentence each.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

/// Which rows of a training split of `all` samples the option `train_samples` keeps, rising;
/// none without that option, which keeps all.
///
/// They are the first of a shuffle that depends on nothing but `all`: every seed trains on the
/// same part, and a smaller part lies within a larger one.
///
/// # Errors
/// If it is 0, or more than there are.
pub fn train_part(all: usize, train_samples: Option<u32>) -> Result<Option<Vec<i64>>> {
    let Some(count) = train_samples else { return Ok(None) };
    let kept = count as usize;
    if !(1..=all).contains(&kept) {
        return Err(Error::usage(format!("train_samples = {count} is not from 1 to {all}"))
            .hint(format!("the training split has {all} samples")));
    }
    let mut rows: Vec<i64> = (0..all as i64).collect();
    rows.shuffle(&mut SeedStreams::new(0).stream("train_samples"));
    rows.truncate(kept);
    rows.sort_unstable();
    Ok(Some(rows))
}

/// Where data sets look for their files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DataSources {
    /// `--data-dir` or `HARNESS_DATA`.
    pub data_dir: Option<PathBuf>,
    /// The cache of the Hugging Face Hub, looked at after `data_dir`.
    pub hub: Option<HubCache>,
    /// The folder of the trained weights that the model starts from, if it does. A vocabulary that
    /// lies there comes first: ids mean something only to the model that was trained with them.
    pub model_folder: Option<PathBuf>,
    /// Where data lie that users bring, by the names that trials have for them; see
    /// [`own_data`](crate::own_data).
    pub own: BTreeMap<String, PathBuf>,
    /// The path that a user named, while a plug-in that takes one looks for its data.
    pub place: Option<PathBuf>,
}

/// The cache on this machine that the tools of the Hugging Face Hub share. Reading it needs no
/// network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubCache {
    /// Its folder, with `datasets--…` and `models--…` in it.
    pub folder: PathBuf,
    /// The branch, tag or commit of data sets to read.
    pub revision: String,
}

/// Files of a data set at the Hugging Face Hub, for `harness data fetch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubFiles {
    /// As in its address: `datasets/org/name`, or `org/name` for files of a model.
    pub repository: &'static str,
    /// Paths in it; one `*` stands for the numbers of shards.
    pub files: &'static [&'static str],
}

impl DataSources {
    /// The same places, for a model that starts from this file of weights.
    #[must_use]
    pub fn for_weights(&self, weights: Option<&Path>) -> Self {
        let folder = weights.and_then(Path::parent).map(Path::to_path_buf);
        Self { model_folder: folder, ..self.clone() }
    }

    /// The first existing file among `names` in `<data_dir>/<folder>` and `<data_dir>`.
    ///
    /// # Errors
    /// If there is none: the message lists every place looked at and how to name another.
    pub fn find(&self, folder: &str, names: &[&str]) -> Result<PathBuf> {
        self.find_in(&[folder], names)
    }

    /// The first existing file among `names` in each of `<data_dir>/<folder>` and in
    /// `<data_dir>`, in this order. There is at least one folder and one name.
    ///
    /// # Errors
    /// As [`DataSources::find`].
    pub fn find_in(&self, folders: &[&str], names: &[&str]) -> Result<PathBuf> {
        let Some(root) = &self.data_dir else {
            return Err(Error::data(format!(
                "no data folder is set, so {} was not found",
                names[0]
            ))
            .hint(format!(
                "pass --data-dir DIR or set HARNESS_DATA; DIR/{}/{} is expected",
                folders[0], names[0]
            )));
        };
        let folders = folders.iter().map(|folder| root.join(folder)).chain([root.clone()]);
        let places: Vec<PathBuf> =
            folders.flat_map(|folder| names.iter().map(move |name| folder.join(name))).collect();
        if let Some(found) = places.iter().find(|place| place.is_file()) {
            return Ok(found.clone());
        }
        let looked: Vec<String> =
            places.iter().map(|place| format!("    {}", place.display())).collect();
        let missing = if root.is_dir() { "" } else { " (this folder does not exist)" };
        Err(Error::data(format!("{} was not found in {}{missing}", names[0], root.display()))
            .hint(format!("looked at:\n{}", looked.join("\n"))))
    }
}

/// Reads a whole file.
///
/// # Errors
/// As [`dst_record::file::open`].
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    dst_record::file::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_nested_and_the_same_for_every_seed() {
        let part = |count| train_part(100, Some(count)).unwrap().unwrap();
        // Stored results are of these rows: no later version may choose others.
        assert_eq!(part(5), [38, 48, 55, 56, 57]);
        let small = part(30);
        assert!(small.is_sorted() && small.iter().all(|row| part(60).contains(row)));
        assert_eq!(part(100), (0..100).collect::<Vec<i64>>());
        assert_eq!(train_part(100, None).unwrap(), None);
    }

    #[test]
    fn a_part_is_neither_empty_nor_more_than_all() {
        for count in [0, 101] {
            let error = train_part(100, Some(count)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("train_samples = {count} is not from 1 to 100")));
        }
    }
}
