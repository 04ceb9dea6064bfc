//! Texts of users: `text-csv:FILE`, a table with a column of texts, or two for pairs, and one that names
//! the class. Files, splits and classes are those of [`dst_tables`].
//!
//! Texts are cut into the word pieces of BERT with the vocabulary beside the weights that a model starts
//! from, or else that of bert-base-uncased. Ids are kept in a cache folder, so that a text is tokenised once.

use std::path::Path;
use std::sync::Arc;

use dst_core::options::{DatasetOptions, OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::strategy::check::at_least_one;
use dst_core::{DataSources, Dataset, Error, Metric, OwnData, Result, SplitOptions, Task};
use dst_data::cache::sum;
use dst_data::file::{digest, hexadecimal};
use dst_tables::{self as table, Classes, Drawn, Table, Tables};
use dst_texts::options::{check_max_length, find_vocabulary, open_vocabulary};
use dst_texts::vocabulary::{self, VOCABULARY};
use dst_texts::{Encoded, TableFormat, TextDataset, TextPart, TextRows, cache_folder, kept};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const NAME: &str = "text-csv";

/// What people call the column of the texts, in the order in which it is looked for.
const TEXTS: [&str; 6] = ["text", "sentence", "sentence1", "review", "comment", "content"];

inventory::submit! {
    DatasetPlugin {
        name: NAME,
        title: "Table of texts",
        paper: "",
        summary: "Your texts or pairs of texts, in a table with a column that names the class: text-csv:FILE.",
        split: "",
        model: "bert-tiny",
        metric: Metric::Accuracy,
        second_metric: None,
        options: OptionsType::of::<Options>(),
        find: |sources| {
            let vocabulary = vocabulary::find(NAME, sources)?;
            Ok(format!("{}, {}", sources.place()?.display(), vocabulary.display()))
        },
        own: Some(OwnData {
            argument: "FILE",
            endings: &["csv", "tsv"],
            published: &[],
            digest: |path| table::files(path)?.digest(),
        }),
        hub: &[VOCABULARY],
        load: |sources, options| {
            // Tests leave nothing in the cache of whoever runs them.
            let cache = cache_folder().filter(|_| !cfg!(test));
            load(sources, &read(options)?, cache.as_deref())
        },
    }
}

/// What can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Options {
    /// The column of the texts. If none is given, the one called text, sentence, sentence1, review, comment or
    /// content, or the only one beside the class.
    text: Option<String>,
    /// The column of the second texts of pairs. If none is given, `sentence2` beside `sentence1`, or there are no
    /// pairs.
    second: Option<String>,
    /// The column of the classes. If none is given, the one called label, class, target or y, in capitals or
    /// not; if there is none, the last.
    target: Option<String>,
    /// How splits are drawn that no files give.
    #[serde(flatten)]
    split: SplitOptions,
    /// Train on so many rows only, the same for every seed; all if none is given.
    train_samples: Option<u32>,
    /// Tokens of the longest row, special ones included, from 8 to 512; longer rows are cut, in
    /// training and in the test.
    max_length: u32,
    /// A `tokenizer.json` or a `vocab.txt`, or a folder that holds one. If none is given, the one beside the
    /// model's weights, or else that of bert-base-uncased.
    vocabulary: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            text: None,
            second: None,
            target: None,
            split: SplitOptions::default(),
            train_samples: None,
            max_length: 128,
            vocabulary: None,
        }
    }
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.split.validate()?;
        check_max_length(self.max_length)?;
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

fn load(
    sources: &DataSources,
    options: &Options,
    cache: Option<&Path>,
) -> Result<Box<dyn Dataset>> {
    let place = sources.place()?;
    let named = options.vocabulary.as_deref();
    let vocabulary = find_vocabulary(NAME, named, sources)?;
    let (vocabulary, of_vocabulary) = open_vocabulary(vocabulary, NAME, named, sources)?;
    let vocabulary = Arc::new(vocabulary);
    let tables = Tables::read(place)?;
    let table = &tables.train;
    let target = table::target(table, options.target.as_deref())?;
    let columns = text_columns(table, options, target)?;
    let classes = Classes::of(table, target)?;
    let labels = classes.numbers(table, target)?;
    let classified = (&classes, &labels[..]);
    let drawn = Drawn::new(&tables, classified, &options.split, options.train_samples)?;

    let encode = |table: &Table, labels: &[i64], split: &str| -> Result<Arc<Encoded>> {
        let column = |index: usize| -> Vec<&str> {
            let place = columns.get(index).and_then(|name| table.column(name).ok());
            place.map_or_else(Vec::new, |place| {
                (0..table.len()).map(|row| table.cell(row, place)).collect()
            })
        };
        let rows = TextRows {
            first: column(0),
            second: column(1),
            labels: labels.iter().map(|label| *label as f32).collect(),
        };
        let key = [
            tables.digest.as_str(),
            split,
            &columns.join("\0"),
            &table.header[target],
            &hexadecimal(&vocabulary.digest),
            &options.max_length.to_string(),
        ];
        // What is kept has the labels too: another number when they are made otherwise.
        let key = sum(format!("{NAME} 1\0{}", key.join("\0")).as_bytes());
        let length = options.max_length as usize;
        kept(&key, cache, || vocabulary.encode(&rows, length)).map(Arc::new)
    };
    let encoded = encode(table, &labels, "train")?;
    let part = |rows: &[i64]| TextPart::new(&encoded, rows.iter().map(|row| *row as usize));
    let held_out = |drawn: &Option<Vec<i64>>, own: &Option<Table>, split: &str| {
        let Some(own) = own else { return Ok(part(drawn.as_deref().unwrap_or_default())) };
        let labels = classes.numbers(own, target)?;
        let encoded = encode(own, &labels, split)?;
        Ok::<_, Error>(TextPart::new(&encoded, 0..labels.len()))
    };
    let vocabulary_digest = hexadecimal(&vocabulary.digest);
    let mut warnings = empty_texts(table, &columns)?;
    warnings.extend(of_vocabulary);
    let given = options.target.is_some();
    let is_input = |name: &str| columns.iter().any(|column| column == name);
    warnings.extend(dst_tables::suspicions(&tables, (target, &classes), is_input, given, NAME));
    Ok(Box::new(TextDataset {
        task: Task::Classification { classes: classes.names().len() as i64 },
        metric: Metric::Accuracy,
        second_metric: None,
        train: part(&drawn.train),
        validation: held_out(&drawn.validation, &tables.validation, "validation")?,
        test: held_out(&drawn.test, &tables.test, "test")?,
        length: options.max_length as usize,
        class_names: classes.names().to_vec(),
        digest: digest([(tables.digest.as_str(), "texts"), (&vocabulary_digest, vocabulary.name)]),
        origin: format!("{}, {}", place.display(), vocabulary.path.display()),
        warnings,
        columns,
        format: TableFormat::OfUsers,
        vocabulary,
        library: env!("CARGO_CRATE_NAME"),
    }))
}

/// Names of the one or two columns with texts.
fn text_columns(table: &Table, options: &Options, target: usize) -> Result<Vec<String>> {
    let named = |name: &str| {
        table
            .header
            .iter()
            .position(|own| own.eq_ignore_ascii_case(name))
            .filter(|at| *at != target)
    };
    let first = match &options.text {
        Some(name) => table.column(name)?,
        None => match TEXTS.iter().find_map(|name| named(name)) {
            Some(place) => place,
            None if table.header.len() == 2 => 1 - target,
            None => {
                return Err(table.at(Error::data(format!(
                    "which column holds the texts is not known: {}",
                    table.header.join(", ")
                ))
                .hint(format!("name it: --set {NAME}.text=NAME"))));
            }
        },
    };
    let second = match &options.second {
        Some(name) => Some(table.column(name)?),
        None if table.header[first].eq_ignore_ascii_case("sentence1") => named("sentence2"),
        None => None,
    };
    for place in [Some(first), second].into_iter().flatten() {
        if place == target {
            return Err(table.at(Error::usage(format!(
                "the column '{}' would be both a text and the class",
                table.header[place]
            ))
            .hint(format!("name them: --set {NAME}.text=NAME --set {NAME}.target=NAME"))));
        }
    }
    Ok([Some(first), second].into_iter().flatten().map(|at| table.header[at].clone()).collect())
}

/// A warning for each column in which texts are missing.
fn empty_texts(table: &Table, columns: &[String]) -> Result<Vec<String>> {
    let mut warnings = Vec::new();
    for name in columns {
        let place = table.column(name)?;
        let empty = (0..table.len()).filter(|row| table.cell(*row, place).is_empty()).count();
        if empty > 0 {
            warnings.push(format!("{empty} of {} rows have no '{name}'", table.len()));
        }
    }
    Ok(warnings)
}

#[cfg(test)]
mod tests;
