//! Tables of users: `csv:FILE`, one row a sample, with a column that names the class.
//!
//! | path | splits |
//! |---|---|
//! | a file | all three are drawn from it, class by class |
//! | a folder with `train.csv` | validation and test are drawn from it |
//! | besides, `validation.csv` (or `val`, `valid`) | given |
//! | besides, `test.csv` | given |
//!
//! The first line names the columns. Commas, semicolons or tabs separate cells: whichever the first line
//! has most of. Files may be compressed by gzip or zstd.
//!
//! A column of numbers is an input, normalised by its mean and standard deviation; missing cells become
//! the mean. A column of texts becomes an input for each text (1 where it stands, else 0). Both are taken
//! from the rows that are trained on. The samples are `Float [batch, 1, 1, inputs]`: images of one row, so
//! that models on images of any size, such as `mlp`, take them.

mod columns;

use std::path::Path;

use dst_core::options::{DatasetOptions, OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::strategy::check::at_least_one;
use dst_core::tch::{Device, Tensor};
use dst_core::{
    Batch, DataSources, Dataset, Input, InputShape, Metric, OwnData, RawInputs, Result, Split,
    SplitOptions, Task, UserSamples, device,
};
use dst_tables::{self as table, Classes, Drawn, Table, Tables};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use columns::Columns;

inventory::submit! {
    DatasetPlugin {
        name: "csv",
        title: "Table",
        paper: "",
        summary: "Your table, one row a sample, with a column that names the class: csv:FILE.",
        split: "",
        model: "mlp",
        metric: Metric::Accuracy,
        second_metric: None,
        options: OptionsType::of::<Options>(),
        find: |sources| Ok(sources.place()?.display().to_string()),
        own: Some(OwnData {
            argument: "FILE",
            endings: &["csv", "tsv"],
            published: &["iris", "wine", "adult", "covertype", "higgs"],
            digest: |path| table::files(path)?.digest(),
        }),
        hub: &[],
        load: |sources, options| load(sources, &read(options)?),
    }
}

/// What can be set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Options {
    /// The column of the classes. If none is given, the one called label, class, target or y, in capitals or
    /// not; if there is none, the last.
    target: Option<String>,
    /// Columns that are no inputs, such as numbers of customers.
    ignore: Vec<String>,
    /// How splits are drawn that no files give.
    #[serde(flatten)]
    split: SplitOptions,
    /// Train on so many rows only, the same for every seed; all if none is given.
    train_samples: Option<u32>,
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.split.validate()?;
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

/// Inputs `Float [count, 1, 1, inputs]` and classes `Int64 [count]`.
#[derive(Debug)]
struct Samples {
    inputs: Tensor,
    labels: Tensor,
}

impl Samples {
    fn new(table: &Table, rows: &[i64], columns: &Columns, labels: &[i64]) -> Result<Self> {
        let own: Vec<i64> = rows.iter().map(|row| labels[*row as usize]).collect();
        let inputs = columns.encode(table, rows)?;
        let shape = [rows.len() as i64, 1, 1, columns.inputs() as i64];
        Ok(Self {
            inputs: Tensor::f_from_slice(&inputs)?.f_view(shape)?,
            labels: Tensor::f_from_slice(&own)?,
        })
    }

    fn share(&self) -> Self {
        Self { inputs: self.inputs.shallow_clone(), labels: self.labels.shallow_clone() }
    }
}

/// The data set.
#[derive(Debug)]
struct Rows {
    train: Samples,
    validation: Samples,
    test: Samples,
    columns: Columns,
    /// The name of the column of the classes.
    target: String,
    classes: Classes,
    digest: String,
    origin: String,
    warnings: Vec<String>,
}

fn load(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let place = sources.place()?;
    let tables = Tables::read(place)?;
    let table = &tables.train;
    let target = table::target(table, options.target.as_deref())?;
    let classes = Classes::of(table, target)?;
    let labels = classes.numbers(table, target)?;
    let classified = (&classes, &labels[..]);
    let drawn = Drawn::new(&tables, classified, &options.split, options.train_samples)?;
    let (columns, mut warnings) = Columns::of(table, target, &options.ignore, &drawn.train)?;
    let given = options.target.is_some();
    let is_input = |name: &str| columns.has(name);
    warnings.extend(dst_tables::suspicions(&tables, (target, &classes), is_input, given, "csv"));
    let held_out = |drawn: &Option<Vec<i64>>, own: &Option<Table>| {
        let Some(own) = own else {
            let rows = drawn.as_deref().unwrap_or_default();
            return Samples::new(table, rows, &columns, &labels);
        };
        let labels = classes.numbers(own, target)?;
        let all: Vec<i64> = (0..labels.len() as i64).collect();
        Samples::new(own, &all, &columns, &labels)
    };
    Ok(Box::new(Rows {
        train: Samples::new(table, &drawn.train, &columns, &labels)?,
        validation: held_out(&drawn.validation, &tables.validation)?,
        test: held_out(&drawn.test, &tables.test)?,
        columns,
        target: table.header[target].clone(),
        classes,
        digest: tables.digest,
        origin: place.display().to_string(),
        warnings,
    }))
}

impl Rows {
    fn samples(&self, split: Split) -> &Samples {
        split.of([&self.train, &self.validation, &self.test])
    }
}

impl Dataset for Rows {
    fn input(&self) -> InputShape {
        InputShape::Image { channels: 1, height: 1, width: self.columns.inputs() as i64 }
    }

    fn task(&self) -> Task {
        Task::Classification { classes: self.classes.names().len() as i64 }
    }

    fn len(&self, split: Split) -> usize {
        self.samples(split).labels.numel()
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let samples = self.samples(split);
        let rows = Tensor::f_from_slice(rows)?;
        let inputs = samples.inputs.f_index_select(0, &rows)?;
        let labels = samples.labels.f_index_select(0, &rows)?;
        Ok(Batch {
            input: Input::Image(device::upload(&inputs, device)?),
            target: device::upload(&labels, device)?,
        })
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        Some(Box::new(Self {
            train: self.train.share(),
            validation: self.validation.share(),
            test: self.test.share(),
            columns: self.columns.clone(),
            target: self.target.clone(),
            classes: self.classes.clone(),
            digest: self.digest.clone(),
            origin: self.origin.clone(),
            warnings: self.warnings.clone(),
        }))
    }

    fn class_name(&self, class: usize) -> Option<&str> {
        self.classes.names().get(class).map(String::as_str)
    }

    fn raw_inputs(&self) -> Result<Option<RawInputs>> {
        let (names, scales): (Vec<String>, Vec<[f32; 2]>) =
            self.columns.normalisation().into_iter().unzip();
        let row = |which: usize| -> Result<Tensor> {
            let values: Vec<f32> = scales.iter().map(|scale| scale[which]).collect();
            Ok(Tensor::f_from_slice(&values)?.f_view([1, 1, 1, -1])?)
        };
        Ok(Some(RawInputs {
            meaning: "columns of numbers, and 1 for the text that stands in a column, 0 for others"
                .to_owned(),
            mean: row(0)?,
            deviation: row(1)?,
            names,
        }))
    }

    /// Rows of a table with the columns that are inputs, in any order; others may be there.
    fn read_samples(&self, file: &Path, device: Device) -> Result<UserSamples> {
        let table = Table::read(file)?;
        let columns = self.columns.found_in(&table)?;
        let all: Vec<i64> = (0..table.len() as i64).collect();
        let inputs = columns.encode(&table, &all)?;
        let shape = [all.len() as i64, 1, 1, columns.inputs() as i64];
        let inputs = Tensor::f_from_slice(&inputs)?.f_view(shape)?;
        let positions = (0..table.len()).map(|row| table.line(row)).collect();
        let batches = vec![Input::Image(device::upload(&inputs, device)?)];
        Ok(UserSamples { batches, positions, warnings: columns.unknown(&table) })
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn understood(&self) -> Vec<String> {
        let target = format!("column of the classes: {}", self.target);
        std::iter::once(target).chain(self.columns.described()).collect()
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests;
