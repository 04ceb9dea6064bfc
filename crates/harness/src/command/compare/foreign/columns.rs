//! What the columns of a file mean, by the names that people give them.

use std::collections::BTreeMap;

use dst_core::{Error, Metric, Result};

use super::super::names::fold;

/// A column that every trial needs or may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Dataset,
    Strategy,
    Seed,
    Sparsity,
    Density,
    Model,
    ModelParameters,
    Parameters,
    Training,
    Status,
    Metric,
    DataDigest,
    WeightsDigest,
    ReachedSparsity,
    InferenceFlops,
    DenseFlops,
    TrainFlops,
    /// The official metric of the data set, whichever that is.
    Score,
    /// A metric by its name.
    Value(Metric),
}

/// Names of each role, in normal form; the first that is there counts.
const NAMES: &[(Role, &[&str])] = &[
    (Role::Dataset, &["dataset", "data_set", "dataset_name", "task", "task_name", "benchmark"]),
    (
        Role::Strategy,
        &["strategy", "method", "algorithm", "algo", "strategy_name", "method_name", "sparsifier"],
    ),
    (Role::Seed, &["seed", "random_seed", "rng_seed"]),
    (Role::Sparsity, &["sparsity", "target_sparsity", "sparsity_level"]),
    (Role::Density, &["density", "target_density"]),
    (Role::Model, &["model", "model_name", "architecture", "arch", "network"]),
    (Role::ModelParameters, &["model_params"]),
    (Role::Parameters, &["params", "parameters"]),
    (Role::Training, &["training"]),
    (Role::Status, &["status", "state"]),
    (Role::Metric, &["test_metric_name", "metric", "metric_name"]),
    (Role::DataDigest, &["data_digest"]),
    (Role::WeightsDigest, &["weights_digest"]),
    (Role::ReachedSparsity, &["sparsity_prunable"]),
    (Role::InferenceFlops, &["inference_flops"]),
    (Role::DenseFlops, &["dense_inference_flops"]),
    (Role::TrainFlops, &["train_flops"]),
    (Role::Score, &["test_metric", "test_score", "score"]),
];

/// Names of metrics in columns and cells. Scores of validation are none: `val_accuracy` has no
/// place here.
const METRICS: &[(Metric, &[&str])] = &[
    (Metric::Accuracy, &["accuracy", "acc"]),
    (Metric::F1Binary, &["f1_binary", "f1", "f1_score"]),
    (Metric::F1Macro, &["f1_macro", "macro_f1"]),
    (Metric::Matthews, &["matthews", "matthews_correlation", "mcc"]),
    (Metric::Pearson, &["pearson", "pearsonr", "pearson_correlation"]),
    (Metric::Spearman, &["spearman", "spearmanr", "spearman_correlation"]),
    (Metric::LogLikelihood, &["log_likelihood", "loglikelihood"]),
];

/// What trackers write before the names of settings and results: W&B, MLflow, TensorBoard.
const PREFIXES: [&str; 5] = ["config_", "summary_", "params_", "metrics_", "hparams_"];

/// A column and how its numbers are to be read.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// From 0.
    pub(super) place: usize,
    /// As the file spells it.
    pub(super) name: String,
    /// Does the header say that it holds percent?
    pub(super) percent: bool,
}

/// The columns of one file.
#[derive(Debug)]
pub(super) struct Columns {
    roles: Vec<(Role, Column)>,
    /// Those without a role, by their normal form.
    pub(super) others: BTreeMap<String, usize>,
    /// Cells in the header, empty ones at its end left out.
    pub(super) width: usize,
}

impl Columns {
    /// Understands a header.
    ///
    /// # Errors
    /// If a column is missing that every trial needs, or there are two of one meaning.
    pub(super) fn new(header: &[String]) -> Result<Self> {
        let width = header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        let header = &header[..width];
        let normal: Vec<NormalizedName> =
            header.iter().map(|name| NormalizedName::of(name)).collect();
        let mut roles: Vec<(Role, Column)> = Vec::new();
        for (role, names) in NAMES {
            if let Some(column) = find(header, &normal, names.iter().map(|&name| name.to_owned()))?
            {
                roles.push((*role, column));
            }
        }
        for (metric, names) in METRICS {
            let prefixes = ["test_", "", "eval_"];
            let names = prefixes
                .iter()
                .flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
            if let Some(column) = find(header, &normal, names)? {
                roles.push((Role::Value(*metric), column));
            }
        }
        let taken: Vec<usize> = roles.iter().map(|(_, column)| column.place).collect();
        let others = normal.iter().enumerate().filter(|(place, _)| !taken.contains(place));
        let others = others.map(|(place, normal)| (normal.stripped().to_owned(), place)).collect();
        let columns = Self { roles, others, width };
        columns.check(header, &normal)?;
        Ok(columns)
    }

    pub(super) fn get(&self, role: Role) -> Option<&Column> {
        self.roles.iter().find(|(known, _)| *known == role).map(|(_, column)| column)
    }

    /// How many of the needed columns are there? By this separators are told apart.
    pub(super) fn fit(header: &[String]) -> usize {
        let normal: Vec<NormalizedName> =
            header.iter().map(|name| NormalizedName::of(name)).collect();
        let named = NAMES
            .iter()
            .filter(|(_, names)| normal.iter().any(|normal| names.contains(&normal.stripped())));
        named.count()
    }

    fn check(&self, header: &[String], normal: &[NormalizedName]) -> Result<()> {
        let mut missing: Vec<String> = [Role::Dataset, Role::Strategy, Role::Seed]
            .into_iter()
            .filter(|role| self.get(*role).is_none())
            .filter_map(|role| NAMES.iter().find(|(known, _)| *known == role))
            .map(|(_, names)| names[0].to_owned())
            .collect();
        let is_score = |(role, _): &(Role, Column)| matches!(role, Role::Score | Role::Value(_));
        let scored = self.roles.iter().any(is_score);
        if !scored {
            missing.push("one of test_metric, test_accuracy, accuracy, score".to_owned());
        }
        if missing.is_empty() {
            return Ok(());
        }
        let have: Vec<&str> =
            header.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
        let mut error = Error::data(format!("columns are missing: {}", missing.join("; ")))
            .at("line 1")
            .hint(format!("it has {}", have.join(", ")));
        let validation = normal.iter().position(|normal| {
            ["val_", "valid_", "validation_", "dev_"]
                .iter()
                .any(|start| normal.stripped().starts_with(start))
        });
        if let Some(place) = validation.filter(|_| !scored) {
            error = error.also(&format!(
                "{} is taken for a score on validation, which chose the network: add the test score",
                header[place]
            ));
        }
        Err(error.also("`harness compare --help` says what columns may be called"))
    }
}

/// The metric that a cell names.
///
/// # Errors
/// If it is unknown.
pub(super) fn metric(cell: &str) -> Result<Metric> {
    let wanted = fold(cell);
    let named = METRICS.iter().find(|(_, names)| names.iter().any(|name| fold(name) == wanted));
    named.map(|(metric, _)| *metric).ok_or_else(|| {
        let known = Metric::ALL.map(|metric| metric.to_string()).join(", ");
        Error::data(format!("metric '{cell}' is unknown")).hint(format!("known: {known}"))
    })
}

/// The first of `names` that is a column; a name as it stands goes before one with a tracker's
/// prefix.
fn find(
    header: &[String],
    normal: &[NormalizedName],
    names: impl Iterator<Item = String>,
) -> Result<Option<Column>> {
    for name in names {
        for form in [NormalizedName::whole as fn(&NormalizedName) -> &str, NormalizedName::stripped]
        {
            let places: Vec<usize> =
                (0..normal.len()).filter(|place| form(&normal[*place]) == name).collect();
            match places[..] {
                [] => {}
                [place] => {
                    let percent = normal[place].percent;
                    return Ok(Some(Column { place, name: header[place].clone(), percent }));
                }
                [first, second, ..] => {
                    return Err(Error::data(format!(
                        "columns {} and {} are both called {name}: '{}' and '{}'",
                        first + 1,
                        second + 1,
                        header[first],
                        header[second]
                    ))
                    .at("line 1")
                    .hint("rename or delete one of them"));
                }
            }
        }
    }
    Ok(None)
}

/// A name of a column without what programs and people vary: `Test/Accuracy (%)` is
/// `test_accuracy`, in percent.
#[derive(Debug)]
struct NormalizedName {
    whole: String,
    percent: bool,
}

impl NormalizedName {
    fn of(name: &str) -> Self {
        let lower = name.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let told = matches!(words.last(), Some(&("percent" | "pct" | "percentage")));
        let words = if told && words.len() > 1 { &words[..words.len() - 1] } else { &words[..] };
        Self { whole: words.join("_"), percent: told || lower.contains('%') }
    }

    fn whole(&self) -> &str {
        &self.whole
    }

    fn stripped(&self) -> &str {
        let strip = |prefix: &&str| self.whole.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        PREFIXES.iter().find_map(strip).unwrap_or(&self.whole)
    }
}

/// The normal form of a key that somebody typed, to find it among [`Columns::others`].
pub(crate) fn normal(key: &str) -> String {
    NormalizedName::of(key).stripped().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(header: &str) -> Result<Columns> {
        Columns::new(&header.split(',').map(str::to_owned).collect::<Vec<_>>())
    }

    fn place(columns: &Columns, role: Role) -> usize {
        columns.get(role).unwrap().place
    }

    #[test]
    fn columns_are_known_by_many_names() {
        let found = columns(",Task,Method,config.seed,val_accuracy,Test/Accuracy (%),lr").unwrap();
        assert_eq!(place(&found, Role::Dataset), 1);
        assert_eq!(place(&found, Role::Strategy), 2);
        assert_eq!(place(&found, Role::Seed), 3);
        let score = found.get(Role::Value(Metric::Accuracy)).unwrap();
        assert_eq!((score.place, score.percent, &*score.name), (5, true, "Test/Accuracy (%)"));
        assert_eq!((found.others["lr"], found.others["val_accuracy"]), (6, 4));
        for score in ["acc", "test_acc", "test/accuracy", "eval/accuracy", "summary.test_accuracy"]
        {
            let header = format!("data set,algorithm,Seed,{score}");
            assert_eq!(place(&columns(&header).unwrap(), Role::Value(Metric::Accuracy)), 3);
        }
        // Nothing is taken for validation, and the name as it stands wins.
        let found = columns("dataset,strategy,config.seed,seed,eval_acc,acc,test_acc").unwrap();
        assert_eq!(place(&found, Role::Seed), 3);
        assert_eq!(place(&found, Role::Value(Metric::Accuracy)), 6);
    }

    #[test]
    fn what_is_missing_is_said_with_what_is_there() {
        let refused = |header: &str| columns(header).unwrap_err().to_string();
        let message = refused("dataset,method,seed,val/acc");
        assert!(message.contains("val/acc is taken for a score on validation"), "{message}");
        assert!(refused("dataset,strategy,seed,acc,Acc").contains("columns 4 and 5"));
        assert!(refused("dataset,seed,acc").contains("columns are missing: strategy"));
        assert_eq!(metric("F1 macro").unwrap(), Metric::F1Macro);
        assert!(metric("bleu").unwrap_err().to_string().contains("known: accuracy"));
    }
}
