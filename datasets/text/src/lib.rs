//! A text of users: `text:FILE`, whose next token is predicted at every place.
//!
//! | path | parts |
//! |---|---|
//! | a file | its beginning is trained on, then comes validation, and its end is the test |
//! | a folder with `train.txt` | validation and test are cut off its end |
//! | besides, `validation.txt` (or `val`, `valid`) | given |
//! | besides, `test.txt` | given |
//!
//! Parts are contiguous. If windows were drawn from all over a text, those of the test would lie between
//! windows that are trained on: the same paragraph, the same names, and a perplexity that is too good.
//!
//! Files are UTF-8 and may be compressed by gzip or zstd. Tokens are bytes, or those of a byte-pair encoding
//! that is learnt on what is trained on. A sample is a window of `context` tokens and the token that follows
//! each; windows do not overlap, and what is left at the end of a part and fills no window is left out.

mod files;
mod pairs;

use std::path::Path;
use std::sync::Arc;

use dst_core::dataset::train_part;
use dst_core::options::{DatasetOptions, OptionsType, read};
use dst_core::plugin::DatasetPlugin;
use dst_core::strategy::check::at_least_one;
use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{
    Batch, DataSources, Dataset, Error, Input, InputShape, Metric, OwnData, Result, Split, Task,
    UserSamples, device,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pairs::{BYTES, Vocabulary};

const NAME: &str = "text";

/// Tokens of a window. One alone is predicted from nothing but itself.
const CONTEXTS: std::ops::RangeInclusive<u32> = 2..=8192;

/// Ids are kept in 16 bits; more tokens than this do not pay for models that are trained here.
const VOCABULARIES: std::ops::RangeInclusive<u32> = BYTES..=32_768;

/// A part with fewer windows than this gets a warning.
const FEW: usize = 20;

inventory::submit! {
    DatasetPlugin {
        name: NAME,
        title: "Text",
        paper: "",
        summary: "Your text, of which a model predicts the next token at every place: text:FILE.",
        split: "",
        model: "decoder",
        metric: Metric::LogLikelihood,
        second_metric: Some(Metric::Accuracy),
        options: OptionsType::of::<Options>(),
        find: |sources| Ok(sources.place()?.display().to_string()),
        own: Some(OwnData {
            argument: "FILE",
            endings: &["txt"],
            published: &["tinyshakespeare", "shakespeare", "tinystories", "wikitext2", "wikitext103", "enwik8", "text8"],
            digest: |path| files::find(path)?.digest(),
        }),
        hub: &[],
        load: |sources, options| load(sources, &read(options)?),
    }
}

/// What can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Options {
    /// Tokens of a window, which a model sees at once, from 2 to 8192.
    context: u32,
    /// Distinct tokens, from 256 to 32768. 256 are the bytes; more are learnt by byte-pair encoding on the
    /// training part.
    vocabulary: u32,
    /// Share of the text, above 0 and below 1, that is cut off for validation before the test, unless the
    /// data bring a file for it.
    validation: f64,
    /// Share of the text, above 0 and below 1, that is cut off its end for the test, unless the data bring a
    /// file for it.
    test: f64,
    /// Train on so many windows only, the same for every seed; all if none is given.
    train_samples: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self { context: 128, vocabulary: BYTES, validation: 0.1, test: 0.1, train_samples: None }
    }
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        for (name, value, range) in
            [("context", self.context, CONTEXTS), ("vocabulary", self.vocabulary, VOCABULARIES)]
        {
            if !range.contains(&value) {
                let (least, most) = (range.start(), range.end());
                return Err(Error::usage(format!(
                    "{name} = {value} is not from {least} to {most}"
                )));
            }
        }
        for (name, share) in [("validation", self.validation), ("test", self.test)] {
            // False for what is not a number.
            if !(share > 0.0 && share < 1.0) {
                return Err(Error::usage(format!("{name} = {share} is not between 0 and 1")));
            }
        }
        if self.validation + self.test >= 1.0 {
            return Err(Error::usage(format!(
                "validation = {} and test = {} leave nothing to train on",
                self.validation, self.test
            )));
        }
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

/// The tokens of a part, in windows that follow one another. Clones share them.
#[derive(Debug, Clone)]
struct Part {
    tokens: Arc<Vec<u16>>,
    /// Windows of it that form the split; all if none are given.
    rows: Option<Arc<Vec<i64>>>,
}

impl Part {
    /// Windows of so many tokens that have a token behind them.
    fn windows(&self, context: usize) -> usize {
        self.tokens.len().saturating_sub(1) / context
    }
}

/// The data set. Clones share the tokens.
#[derive(Debug, Clone)]
struct Text {
    train: Part,
    validation: Part,
    test: Part,
    context: usize,
    vocabulary: Arc<Vocabulary>,
    digest: String,
    origin: String,
    warnings: Vec<String>,
}

fn load(sources: &DataSources, options: &Options) -> Result<Box<dyn Dataset>> {
    let place = sources.place()?;
    let files = files::find(place)?;
    let at = |error: Error| error.at(place.display().to_string());
    let ([train, validation, test], digest) =
        files::parts(&files, options.validation, options.test)?;
    let vocabulary = Vocabulary::learn(&train, options.vocabulary as usize).map_err(at)?;
    let part = |text: &str| Part { tokens: Arc::new(vocabulary.encode(text)), rows: None };
    let [mut train, validation, test] = [train, validation, test].map(|text| part(&text));
    let context = options.context as usize;
    let mut warnings = Vec::new();
    let parts = [("training", &train), ("validation", &validation), ("test", &test)];
    check(&parts, context).map_err(at)?;
    for (name, part) in parts {
        let windows = part.windows(context);
        if windows < FEW {
            warnings.push(format!(
                "the {name} part has only {windows} windows of {context} tokens: what it says of a \
                 model is little"
            ));
        }
    }
    let first = train.tokens[0];
    if train.tokens.iter().all(|token| *token == first) {
        return Err(at(Error::data(format!(
            "the training part consists of {} only, so that there is nothing to learn",
            vocabulary.name(usize::from(first)).unwrap_or_default()
        ))
        .hint("name a text that somebody wrote")));
    }
    train.rows =
        train_part(train.windows(context), options.train_samples).map_err(at)?.map(Arc::new);
    Ok(Box::new(Text {
        train,
        validation,
        test,
        context,
        vocabulary: Arc::new(vocabulary),
        digest,
        origin: place.display().to_string(),
        warnings,
    }))
}

/// Has each part a window? The shortest one says which windows would do.
fn check(parts: &[(&str, &Part)], context: usize) -> Result<()> {
    let shortest = parts.iter().min_by_key(|(_, part)| part.tokens.len());
    let Some((name, part)) = shortest.filter(|(_, part)| part.windows(context) == 0) else {
        return Ok(());
    };
    let tokens = part.tokens.len();
    let needed = context + 1;
    let error = Error::data(format!(
        "the {name} part has {tokens} {}, and a window of {context} with the token behind it needs {needed}",
        if tokens == 1 { "token" } else { "tokens" }
    ));
    let all: usize = parts.iter().map(|(_, part)| part.tokens.len()).sum();
    let longer = match tokens {
        0 => "bring a longer text".to_owned(),
        // The parts keep their shares of a longer text.
        _ => format!("bring a text of about {} tokens", (all * needed).div_ceil(tokens)),
    };
    Err(match tokens.checked_sub(1).filter(|fits| CONTEXTS.contains(&(*fits as u32))) {
        Some(fits) => {
            error.hint(format!("{longer}, or shorter windows: --set {NAME}.context={fits} at most"))
        }
        None => error.hint(longer),
    })
}

impl Text {
    fn part(&self, split: Split) -> &Part {
        split.of([&self.train, &self.validation, &self.test])
    }
}

/// Texts of equal length as a model takes them, `Int64 [batch, length]`.
fn input(ids: Tensor) -> Result<Input> {
    Ok(Input::Tokens {
        segments: ids.f_zeros_like()?,
        present: ids.f_ones_like()?.f_to_kind(Kind::Bool)?,
        ids,
    })
}

impl Dataset for Text {
    fn input(&self) -> InputShape {
        let vocabulary = self.vocabulary.len() as i64;
        InputShape::Tokens { vocabulary, length: self.context as i64 }
    }

    fn task(&self) -> Task {
        Task::NextToken { vocabulary: self.vocabulary.len() as i64 }
    }

    fn metric(&self) -> Metric {
        Metric::LogLikelihood
    }

    fn second_metric(&self) -> Option<Metric> {
        Some(Metric::Accuracy)
    }

    fn len(&self, split: Split) -> usize {
        let part = self.part(split);
        part.rows.as_ref().map_or_else(|| part.windows(self.context), |rows| rows.len())
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let part = self.part(split);
        // A window, and the token behind it.
        let mut ids = Vec::with_capacity(rows.len() * (self.context + 1));
        for row in rows {
            let window = match &part.rows {
                Some(chosen) => chosen.get(*row as usize).copied(),
                None => Some(*row),
            };
            let tokens = window.and_then(|window| {
                let start = usize::try_from(window).ok()? * self.context;
                part.tokens.get(start..=start + self.context)
            });
            let tokens = tokens.ok_or_else(|| {
                Error::contract(format!("row {row} was asked for, of {}", self.len(split)))
            })?;
            ids.extend(tokens.iter().map(|token| i64::from(*token)));
        }
        let (count, length) = (rows.len() as i64, self.context as i64);
        let ids = Tensor::f_from_slice(&ids)?.f_view([count, length + 1])?;
        let ids = device::upload(&ids, device)?;
        Ok(Batch {
            input: input(ids.f_narrow(1, 0, length)?.f_contiguous()?)?,
            target: ids.f_narrow(1, 1, length)?.f_contiguous()?,
        })
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        Some(Box::new(self.clone()))
    }

    /// The token in quotes, or its bytes if they are no text.
    fn class_name(&self, class: usize) -> Option<&str> {
        self.vocabulary.name(class)
    }

    /// One text, of which the last window is read: what is predicted is the token that follows its end.
    fn read_samples(&self, file: &Path, device: Device) -> Result<UserSamples> {
        let tokens = self.vocabulary.encode(&files::read(file)?);
        let start = tokens.len().saturating_sub(self.context);
        let ids: Vec<i64> = tokens[start..].iter().map(|token| i64::from(*token)).collect();
        let ids = Tensor::f_from_slice(&ids)?.f_view([1, ids.len() as i64])?;
        let batches = vec![input(device::upload(&ids, device)?)?];
        Ok(UserSamples { batches, positions: Vec::new(), warnings: Vec::new() })
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

#[cfg(test)]
mod tests;
