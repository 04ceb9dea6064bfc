//! The data set.

use std::path::Path;
use std::sync::Arc;

use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{
    Batch, Dataset, Error, Input, InputShape, Metric, Result, Split, Task, UserSamples, device,
};
use rand_chacha::ChaCha8Rng;

use crate::encoded::Encoded;
use crate::user_texts::TableFormat;
use crate::vocabulary::Vocabulary;
use crate::{batches, user_texts};

/// Rows of a file that form a split. Clones share them.
#[derive(Debug, Clone)]
pub struct TextPart {
    file: Arc<Encoded>,
    /// Rows of the file.
    rows: Arc<Vec<u32>>,
    /// Tokens of each.
    lengths: Arc<Vec<u32>>,
}

impl TextPart {
    /// These rows of a file, which has them.
    pub fn new(file: &Arc<Encoded>, rows: impl IntoIterator<Item = usize>) -> Self {
        let rows: Vec<u32> = rows.into_iter().map(|row| row as u32).collect();
        let length = |row: &u32| file.row(*row as usize).map_or(0, |ids| ids.len() as u32);
        let lengths = rows.iter().map(length).collect();
        Self { file: Arc::clone(file), rows: Arc::new(rows), lengths: Arc::new(lengths) }
    }

    /// The token ids of a row of the split, how many of them are of the first text, and its label.
    fn row(&self, row: i64) -> Option<(&[u32], usize, f32)> {
        let place = *self.rows.get(usize::try_from(row).ok()?)? as usize;
        Some((self.file.row(place)?, self.file.firsts[place] as usize, self.file.labels[place]))
    }
}

/// Texts or pairs of texts with a class or a score each. Clones share the samples.
#[derive(Debug, Clone)]
pub struct TextDataset {
    /// What is to be predicted.
    pub task: Task,
    /// As [`Dataset::metric`].
    pub metric: Metric,
    /// As [`Dataset::second_metric`].
    pub second_metric: Option<Metric>,
    /// For gradients.
    pub train: TextPart,
    /// For choosing.
    pub validation: TextPart,
    /// Read once.
    pub test: TextPart,
    /// With what the texts were read.
    pub vocabulary: Arc<Vocabulary>,
    /// Tokens of the longest row that there may be.
    pub length: usize,
    /// Names of the classes; empty if they have only numbers.
    pub class_names: Vec<String>,
    /// The one or two columns that hold the texts in tables of users.
    pub columns: Vec<String>,
    /// How these are read.
    pub format: TableFormat,
    /// As [`Dataset::digest`].
    pub digest: String,
    /// As [`Dataset::origin`].
    pub origin: String,
    /// As [`Dataset::warnings`].
    pub warnings: Vec<String>,
    /// The crate that read the files, as code names it: `env!("CARGO_CRATE_NAME")` there.
    pub library: &'static str,
}

impl TextDataset {
    fn part(&self, split: Split) -> &TextPart {
        split.of([&self.train, &self.validation, &self.test])
    }
}

impl Dataset for TextDataset {
    fn input(&self) -> InputShape {
        InputShape::Tokens { vocabulary: self.vocabulary.size, length: self.length as i64 }
    }

    fn task(&self) -> Task {
        self.task
    }

    fn metric(&self) -> Metric {
        self.metric
    }

    fn second_metric(&self) -> Option<Metric> {
        self.second_metric
    }

    fn len(&self, split: Split) -> usize {
        self.part(split).rows.len()
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let part = self.part(split);
        let sample = |row: &i64| {
            part.row(*row).ok_or_else(|| {
                Error::contract(format!("row {row} was asked for, of {}", part.rows.len()))
            })
        };
        let samples = rows.iter().map(sample).collect::<Result<Vec<_>>>()?;
        let texts: Vec<_> = samples.iter().map(|(ids, first, _)| (*ids, *first)).collect();
        let input = padded(&texts, self.vocabulary.pad, device)?;
        let labels: Vec<f32> = samples.iter().map(|(.., label)| *label).collect();
        let kind = match self.task {
            Task::Classification { .. } | Task::NextToken { .. } => Kind::Int64,
            Task::Regression => Kind::Float,
        };
        let target = device::upload(&Tensor::f_from_slice(&labels)?.f_to_kind(kind)?, device)?;
        Ok(Batch { input, target })
    }

    fn class_name(&self, class: usize) -> Option<&str> {
        self.class_names.get(class).map(String::as_str)
    }

    fn read_samples(&self, file: &Path, device: Device) -> Result<UserSamples> {
        user_texts::read(file, &self.columns, self.format, &self.vocabulary, self.length, device)
            .map_err(|error| error.at(file.display().to_string()))
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        Some(Box::new(self.clone()))
    }

    fn batches(
        &self,
        split: Split,
        batch_size: usize,
        order: Option<&mut ChaCha8Rng>,
    ) -> Vec<Vec<i64>> {
        batches::by_length(&self.part(split).lengths, batch_size, order)
    }

    fn representative_row(&self) -> i64 {
        let lengths = &self.train.lengths;
        let sum: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        let mean = (sum as f64 / lengths.len().max(1) as f64).round() as u32;
        let nearest = lengths.iter().enumerate().min_by_key(|(_, length)| length.abs_diff(mean));
        nearest.map_or(0, |(row, _)| row as i64)
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn understood(&self) -> Vec<String> {
        let names = Some(self.columns.join(", ")).filter(|names| !names.is_empty());
        names.into_iter().map(|names| format!("columns of the texts: {names}")).collect()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn library(&self) -> &'static str {
        self.library
    }
}

/// Token ids of texts, each with how many of them are of the first segment, as a model takes them:
/// padded on the right to the longest.
pub(crate) fn padded(texts: &[(&[u32], usize)], pad: i64, device: Device) -> Result<Input> {
    let width = texts.iter().map(|(ids, _)| ids.len()).max().unwrap_or(0);
    let size = texts.len() * width;
    let mut ids = vec![pad; size];
    let mut segments = vec![0i64; size];
    let mut present = vec![false; size];
    for (index, (tokens, first)) in texts.iter().enumerate() {
        let at = index * width;
        for (id, token) in ids[at..].iter_mut().zip(*tokens) {
            *id = i64::from(*token);
        }
        segments[at + first..at + tokens.len()].fill(1);
        present[at..at + tokens.len()].fill(true);
    }
    let shape = [texts.len() as i64, width as i64];
    Ok(Input::Tokens {
        ids: device::upload(&Tensor::f_from_slice(&ids)?.f_view(shape)?, device)?,
        segments: device::upload(&Tensor::f_from_slice(&segments)?.f_view(shape)?, device)?,
        present: device::upload(&Tensor::f_from_slice(&present)?.f_view(shape)?, device)?,
    })
}
