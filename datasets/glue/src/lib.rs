//! GLUE, nine tasks of understanding English sentences (Wang et al. 2019), as data sets
//! `glue/<task>`.
//!
//! The labels of the official test sets are withheld, so the official dev set is the test set
//! here, and validation is held out of the training data: every k-th row of `train.tsv`, with k
//! the smallest of at least 10 that leaves at most 5,000 of them.
//!
//! Texts are cut into the word pieces of BERT, lowered, at most 128 a row ([`Options`] change
//! that), with the longer sentence of a pair cut first. Ids are kept in a cache folder, so a file
//! is tokenised once. Batches hold sentences of like length.
//!
//! Files are checked before training: every row's columns and label, and the number of rows. A
//! part of the training data, `train.subset.tsv`, loads under a name of its own, such as
//! `glue/sst2-subset`: its numbers are not comparable with published ones.

mod hub;
mod options;
mod task;
#[cfg(test)]
mod tests;
mod tsv;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dst_core::dataset::{read_file, train_part};
use dst_core::options::{OptionsType, read};
use dst_core::plugin::{DatasetGroup, DatasetPlugin};
use dst_core::{DataSources, Dataset, Error, Result};
use dst_data::Source;
use dst_data::cache::{Sum, sum};
use dst_data::file::hexadecimal;
use dst_texts::options::{find_vocabulary, open_vocabulary};
use dst_texts::{Encoded, TableFormat, TextDataset, TextPart, Vocabulary, cache_folder};

pub use options::Options;
use task::{File, Task};

/// At least every how many rows of the training data one is held out for validation.
const HOLD_OUT: usize = 10;

/// How many rows are held out at most.
const LARGEST_VALIDATION: usize = 5_000;

/// What a paper must say of every task.
const SPLIT: &str = "The labels of the official test set are withheld, so the official dev set is the test set here, read once, and validation is held out of the training data.";

macro_rules! plugins {
    ($($task:path, $title:literal, $paper:literal, $summary:literal;)*) => {$(
        inventory::submit! {
            DatasetPlugin {
                name: $task.name,
                title: $title,
                paper: concat!($paper, "; in Wang et al. 2019, GLUE: a multi-task benchmark and analysis platform for natural language understanding"),
                summary: $summary,
                split: SPLIT,
                model: "bert-base",
                metric: $task.metric,
                second_metric: $task.second_metric,
                find: |sources| Ok(Found::find(&$task, sources, None)?.to_string()),
                own: None,
                hub: $task.hub_files(),
                options: OptionsType::of::<Options>(),
                load: |sources, options| {
                    load(&$task, &read(options)?, sources, cache_folder().as_deref())
                },
            }
        }
    )*};
}

inventory::submit! {
    DatasetGroup {
        name: "glue",
        summary: "The nine tasks of GLUE, MNLI with both of its test sets.",
        members: &task::ALL,
    }
}

plugins! {
    task::COLA, "CoLA", "Warstadt, Singh, Bowman 2019, Neural network acceptability judgments",
        "Is a sentence grammatical? 8,551 of them for training and validation, 1,043 of the official dev set as test.";
    task::SST2, "SST-2", "Socher et al. 2013, Recursive deep models for semantic compositionality over a sentiment treebank",
        "Is a phrase of a film review positive? 67,349 of them for training and validation, 872 of the official dev set as test.";
    task::MRPC, "MRPC", "Dolan, Brockett 2005, Automatically constructing a corpus of sentential paraphrases",
        "Do two sentences mean the same? 3,668 pairs for training and validation, 408 of the official dev set as test.";
    task::STSB, "STS-B", "Cer, Diab, Agirre, Lopez-Gazpio, Specia 2017, SemEval-2017 task 1: semantic textual similarity",
        "How alike are two sentences, from 0 to 5? 5,749 pairs for training and validation, 1,500 of the official dev set as test.";
    task::QQP, "QQP", "Iyer, Dandekar, Csernai 2017, First Quora dataset release: question pairs",
        "Do two questions ask the same? 363,846 pairs for training and validation, 40,430 of the official dev set as test.";
    task::MNLI, "MNLI", "Williams, Nangia, Bowman 2018, A broad-coverage challenge corpus for sentence understanding through inference",
        "Does a premise entail a hypothesis? 392,702 pairs for training and validation, the 9,815 matched ones of the official dev set as test.";
    task::MNLI_MM, "MNLI mismatched", "Williams, Nangia, Bowman 2018, A broad-coverage challenge corpus for sentence understanding through inference",
        "MNLI tested on the 9,832 pairs of the official dev set from other kinds of text than those for training.";
    task::QNLI, "QNLI", "Rajpurkar, Zhang, Lopyrev, Liang 2016, SQuAD: 100,000+ questions for machine comprehension of text",
        "Does a sentence answer a question? 104,743 pairs for training and validation, 5,463 of the official dev set as test.";
    task::RTE, "RTE", "Dagan, Glickman, Magnini 2006, The PASCAL recognising textual entailment challenge, and its successors",
        "Does a text entail a sentence? 2,490 pairs for training and validation, 277 of the official dev set as test.";
    task::WNLI, "WNLI", "Levesque, Davis, Morgenstern 2012, The Winograd schema challenge",
        "What does a pronoun stand for? 635 pairs for training and validation, 71 of the official dev set as test.";
    task::SST2_SUBSET, "SST-2, part", "Socher et al. 2013, Recursive deep models for semantic compositionality over a sentiment treebank",
        "SST-2 with whatever part of the training data train.subset.tsv holds; not comparable with published numbers.";
    task::QQP_SUBSET, "QQP, part", "Iyer, Dandekar, Csernai 2017, First Quora dataset release: question pairs",
        "QQP with the parts that train.subset.tsv and dev.subset.tsv hold; not comparable with published numbers.";
    task::MNLI_SUBSET, "MNLI, part", "Williams, Nangia, Bowman 2018, A broad-coverage challenge corpus for sentence understanding through inference",
        "MNLI with whatever part of the training data train.subset.tsv holds; not comparable with published numbers.";
    task::MNLI_MM_SUBSET, "MNLI mismatched, part", "Williams, Nangia, Bowman 2018, A broad-coverage challenge corpus for sentence understanding through inference",
        "Mismatched MNLI with whatever part of the training data train.subset.tsv holds; not comparable with published numbers.";
    task::QNLI_SUBSET, "QNLI, part", "Rajpurkar, Zhang, Lopyrev, Liang 2016, SQuAD: 100,000+ questions for machine comprehension of text",
        "QNLI with whatever part of the training data train.subset.tsv holds; not comparable with published numbers.";
}

/// Where the files of a task are.
struct Found {
    /// Training, then test.
    texts: Source,
    vocabulary: PathBuf,
}

impl Found {
    /// All files are looked for before one is read: a missing one is known at once.
    fn find(task: &Task, sources: &DataSources, vocabulary: Option<&str>) -> Result<Self> {
        let found = || {
            let own = [task.train, task.test].map(|file| find(task, file, sources));
            let hub = task.hub.map(|hub| &hub.files[0]);
            let texts = Source::find(own.into_iter().collect(), sources, hub, task.name)?;
            let vocabulary = find_vocabulary(task.name, vocabulary, sources)?;
            Ok(Self { texts, vocabulary })
        };
        found().map_err(|error: Error| error.at(task.name))
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}", self.texts, self.vocabulary.display())
    }
}

/// Loads a task; token ids are kept in `cache` if it is given.
fn load(
    task: &Task,
    options: &Options,
    sources: &DataSources,
    cache: Option<&Path>,
) -> Result<Box<dyn Dataset>> {
    let named = options.vocabulary.as_deref();
    let found = Found::find(task, sources, named)?;
    let loaded = || -> Result<TextDataset> {
        let (vocabulary, mut warnings) =
            open_vocabulary(found.vocabulary.clone(), task.name, named, sources)?;
        let vocabulary = Arc::new(vocabulary);
        let origin = found.to_string();
        let (files, digest) = match &found.texts {
            Source::Files(paths) => {
                let [train, test] =
                    [(&paths[0], task.train), (&paths[1], task.test)].map(|(path, file)| {
                        rows(task, file, path, &vocabulary, options, cache, &mut warnings)
                            .map_err(|error| error.at(path.display().to_string()))
                    });
                let ((train, train_sum), (test, test_sum)) = (train?, test?);
                let sums = [(train_sum, task.train.name), (test_sum, task.test.name)]
                    .map(|(sum, name)| (hexadecimal(&sum), name.to_owned()));
                ([train, test], digest(&sums, &vocabulary))
            }
            Source::Hub(snapshot) => {
                let [train, test] = [(0, task.train), (1, task.test)].map(|(split, file)| {
                    hub::rows(task, file, &snapshot.files[split], &vocabulary, options, cache)
                });
                let ((train, train_sums), (test, test_sums)) = (train?, test?);
                ([train, test], digest(&[train_sums, test_sums].concat(), &vocabulary))
            }
        };
        let texts = split(task, options, files, &vocabulary, digest, origin)?;
        Ok(TextDataset { warnings, ..texts })
    };
    Ok(Box::new(loaded().map_err(|error| error.at(task.name))?))
}

/// Finds a file in `glue_data/<task>/` or `<task>/` of the data folder.
fn find(task: &Task, file: File, sources: &DataSources) -> Result<PathBuf> {
    let name = |file: &str| format!("{}/{file}", task.folder);
    sources.find("glue_data", &[&name(file.name)]).map_err(|error| {
        let Some(part) = task.part else { return error };
        match sources.find("glue_data", &[&name("train.subset.tsv")]) {
            Ok(found) => Error::data(format!("{} was not found", name(file.name)))
                .hint(format!("a part of it is there, {}: use {part}", found.display())),
            Err(_) => error,
        }
    })
}

/// The token ids of a file, from the cache if they are there, and the file's sum.
fn rows(
    task: &Task,
    file: File,
    path: &Path,
    vocabulary: &Vocabulary,
    options: &Options,
    cache: Option<&Path>,
    warnings: &mut Vec<String>,
) -> Result<(Encoded, Sum)> {
    let bytes = read_file(path)?;
    let file_sum = sum(&bytes);
    if tsv::is_official(&bytes, &file_sum, file) == Some(false) {
        // A text or a number that ends the file may have been cut and still be one.
        if !bytes.ends_with(b"\n") {
            return Err(Error::data("the file is cut off: no line feed ends its last row")
                .hint("fetch it again; if nothing is missing, add the line feed"));
        }
        warnings.push(format!(
            "{} is not the official {} of {}, so results are not comparable with published ones",
            path.display(),
            file.name,
            task.name
        ));
    }
    let encoded = kept(task, &file_sum, vocabulary, options, cache, || {
        vocabulary.encode(&tsv::parse(&bytes, task, file.rows)?, options.length())
    })?;
    Ok((encoded, file_sum))
}

/// The token ids of texts with this sum, from the cache or made and put there.
fn kept(
    task: &Task,
    texts: &Sum,
    vocabulary: &Vocabulary,
    options: &Options,
    cache: Option<&Path>,
    encode: impl FnOnce() -> Result<Encoded>,
) -> Result<Encoded> {
    // The name of a task decides about columns and labels.
    let length = options.cache_key();
    let key = sum(&[task.name.as_bytes(), b"\0", texts, &vocabulary.digest, &length].concat());
    dst_texts::kept(&key, cache, encode)
}

/// SHA-256 of what `sha256sum` prints for the files, given as sums with names, and the
/// vocabulary.
fn digest(files: &[(String, String)], vocabulary: &Vocabulary) -> String {
    let last = hexadecimal(&vocabulary.digest);
    let files = files.iter().map(|(sum, name)| (sum.as_str(), name.as_str()));
    dst_data::file::digest(files.chain([(last.as_str(), vocabulary.name)]))
}

/// The data set of a task's rows.
fn split(
    task: &Task,
    options: &Options,
    [train_file, test_file]: [Encoded; 2],
    vocabulary: &Arc<Vocabulary>,
    digest: String,
    origin: String,
) -> Result<TextDataset> {
    let all = 0..train_file.len();
    let every = HOLD_OUT.max(all.len().div_ceil(LARGEST_VALIDATION));
    let held_out = |row: &usize| row % every == every - 1;
    let mut train: Vec<usize> = all.clone().filter(|row| !held_out(row)).collect();
    if let Some(part) = train_part(train.len(), options.train_samples)? {
        train = part.into_iter().map(|row| train[row as usize]).collect();
    }
    let (train_file, test_file) = (Arc::new(train_file), Arc::new(test_file));
    Ok(TextDataset {
        task: task.kind(),
        metric: task.metric,
        second_metric: task.second_metric,
        train: TextPart::new(&train_file, train),
        validation: TextPart::new(&train_file, all.filter(held_out)),
        test: TextPart::new(&test_file, 0..test_file.len()),
        vocabulary: Arc::clone(vocabulary),
        length: options.length(),
        class_names: task.class_names().iter().map(|name| (*name).to_owned()).collect(),
        columns: task.text_columns().into_iter().map(str::to_owned).collect(),
        format: TableFormat::Official,
        digest,
        origin,
        warnings: Vec::new(),
        library: env!("CARGO_CRATE_NAME"),
    })
}
