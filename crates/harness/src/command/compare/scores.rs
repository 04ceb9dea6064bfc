//! Trials of other tools, and trials by where they came from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dst_core::record::{MemoryKind, Outcome, Provenance, Scores, Status, TrialRecord, TrialSpec};
use dst_core::{Error, Metric, Result, Training};
use serde_json::{Map, Value, json};

/// Columns that a file must have.
const NEEDED: [&str; 3] = ["dataset", "strategy", "seed"];

/// Columns that may hold the score, the first that is there counts.
const SCORES: [&str; 4] = ["test_metric", "test_accuracy", "accuracy", "score"];

/// Trials as a file of another tool tells them: who scored what at which seed. What it does not
/// tell is not a number.
///
/// # Errors
/// If the file cannot be read, lacks a column, or a cell cannot be read; the error says which.
pub(super) fn read(path: &Path) -> Result<Vec<TrialRecord>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))?;
    parse(&text).map_err(|error| error.at(path.display().to_string()))
}

fn parse(text: &str) -> Result<Vec<TrialRecord>> {
    // Spreadsheets begin files with a mark of their encoding.
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| Error::data(format!("this is no CSV file: {error}"));
    let header = reader.headers().map_err(wrong)?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let missing: Vec<&str> = NEEDED.into_iter().filter(|name| place(name).is_none()).collect();
    let score = SCORES.into_iter().find(|name| place(name).is_some());
    let Some(score) = score.filter(|_| missing.is_empty()) else {
        let mut missing: Vec<String> = missing.into_iter().map(str::to_owned).collect();
        if score.is_none() {
            missing.push(format!("one of {}", SCORES.join(", ")));
        }
        let have: Vec<&str> = header.iter().collect();
        return Err(Error::data(format!("columns are missing: {}", missing.join("; ")))
            .hint(format!("it has {}", have.join(", "))));
    };
    let mut trials = Vec::new();
    let mut seen = BTreeSet::new();
    for row in reader.records() {
        let row = row.map_err(wrong)?;
        let line = row.position().map_or(0, csv::Position::line);
        let cell = |name: &str| place(name).and_then(|at| row.get(at)).unwrap_or_default();
        let trial = trial(&cell, score).map_err(|error| error.at(format!("line {line}")))?;
        if !seen.insert(trial.id.clone()) {
            return Err(Error::data(format!(
                "{} has seed {} twice",
                trial.spec.strategy_name(),
                trial.spec.seed
            ))
            .at(format!("line {line}"))
            .hint("rows that differ in the model or in parameters need columns model or params"));
        }
        trials.push(trial);
    }
    Ok(trials)
}

fn trial<'r>(cell: &impl Fn(&str) -> &'r str, score: &str) -> Result<TrialRecord> {
    let number = |name: &str| -> Result<f64> {
        cell(name)
            .parse()
            .map_err(|_| Error::data(format!("{name} is '{}', which is no number", cell(name))))
    };
    for name in ["dataset", "strategy"] {
        if cell(name).is_empty() {
            return Err(Error::data(format!("{name} is empty")));
        }
    }
    let seed = cell("seed")
        .parse()
        .map_err(|_| Error::data(format!("seed is '{}', which is no seed", cell("seed"))))?;
    let sparsity = if cell("sparsity").is_empty() { 0.0 } else { number("sparsity")? };
    if !(0.0..1.0).contains(&sparsity) {
        return Err(Error::data(format!("sparsity {sparsity} is not in [0, 1)")));
    }
    let named = ["metric", "test_metric_name"].map(cell).into_iter().find(|name| !name.is_empty());
    let metric: Metric = match named {
        Some(name) if score != "test_accuracy" => serde_json::from_value(json!(name))
            .map_err(|_| Error::data(format!("metric '{name}' is unknown")))?,
        _ => Metric::Accuracy,
    };
    let failed = !matches!(cell("status"), "" | "finished") || cell(score).is_empty();
    let value = if failed { f64::NAN } else { number(score)? };
    let range = if metric.is_share() { 0.0..=1.0 } else { -1.0..=1.0 };
    if value.is_finite() && !range.contains(&value) {
        return Err(Error::data(format!("{score} {value} is not in {}", metric.range()))
            .hint("write shares as shares: 0.98, not 98"));
    }
    let model = match cell("model") {
        "" => "any",
        name => name,
    };
    let spec = TrialSpec {
        dataset: cell("dataset").to_owned(),
        dataset_options: Map::new(),
        model: json!({"name": model}),
        strategy: json!({"name": cell("strategy"), "params": cell("params")}),
        sparsity: sparsity + 0.0,
        training: Training::default(),
        seed,
    };
    let status = match (failed, value.is_finite()) {
        (false, true) => Status::Finished,
        (false, false) => Status::Diverged,
        (true, _) => Status::Crashed,
    };
    let reason = match status {
        Status::Finished => String::new(),
        Status::Diverged => format!("its {score} is {value}"),
        _ => format!("its status is '{}'", cell("status")),
    };
    Ok(TrialRecord {
        id: spec.id(),
        status,
        reason,
        outcome: (status == Status::Finished).then(|| outcome(metric, value)),
        history: Vec::new(),
        layers: Vec::new(),
        ages: Vec::new(),
        confusion: Vec::new(),
        predictions: None,
        provenance: Provenance::default(),
        spec,
    })
}

/// An outcome of which the score alone is known.
fn outcome(metric: Metric, value: f64) -> Outcome {
    let mut test = Scores { loss: f64::NAN, ..Scores::default() };
    match metric {
        Metric::Accuracy => test.accuracy = Some(value),
        Metric::F1Macro => test.f1_macro = Some(value),
        Metric::F1Binary => test.f1_binary = Some(value),
        Metric::Matthews => test.matthews = Some(value),
        Metric::Pearson => test.pearson = Some(value),
        Metric::Spearman => test.spearman = Some(value),
    }
    let unknown = Scores { loss: f64::NAN, ..Scores::default() };
    Outcome {
        metric,
        second_metric: None,
        test,
        test_last: unknown,
        validation: unknown,
        best_epoch: 0,
        nonzero_parameters: 0,
        prunable_parameters: 0,
        total_parameters: 0,
        sparsity_prunable: f64::NAN,
        sparsity_total: f64::NAN,
        inference_ms_per_sample: f64::NAN,
        inference_batch_size: 0,
        inference_samples_per_second: None,
        throughput_batch_size: None,
        train_seconds: f64::NAN,
        peak_memory_bytes: 0,
        peak_memory_kind: MemoryKind::ResidentSet,
        train_flops: f64::NAN,
        inference_flops: f64::NAN,
        dense_inference_flops: f64::NAN,
        steps: 0,
        skipped_batches: 0,
    }
}

/// What must be equal for two trials to be compared, beside the seed: data set, strategy and the
/// bits of the sparsity.
type Place = (String, String, u64);

fn place(trial: &TrialRecord) -> Place {
    let spec = &trial.spec;
    (spec.dataset_label(), spec.strategy_name().to_owned(), spec.sparsity.to_bits())
}

/// Settings of training in which the two sides differ at one place, such as
/// `epochs: 1 against 3`; none where a side does not tell how it trained.
pub(super) fn differing(first: &[TrialRecord], second: &[TrialRecord]) -> Vec<String> {
    if first.iter().chain(second).any(is_anonymous) {
        return Vec::new();
    }
    let [ours, theirs] = [first, second].map(settings);
    let mut differing = BTreeSet::new();
    for (key, values) in &ours {
        if let Some(others) = theirs.get(key).filter(|others| *others != values) {
            let [a, b] = [values, others].map(|set| {
                let values: Vec<&str> = set.iter().map(String::as_str).collect();
                values.join(", ")
            });
            differing.insert(format!("{}: {a} against {b}", key.1));
        }
    }
    differing.into_iter().collect()
}

/// The values of every setting of training at every place.
fn settings(trials: &[TrialRecord]) -> BTreeMap<(Place, String), BTreeSet<String>> {
    let mut settings: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for trial in trials {
        if let Ok(Value::Object(map)) = serde_json::to_value(&trial.spec.training) {
            for (name, value) in map {
                settings.entry((place(trial), name)).or_default().insert(value.to_string());
            }
        }
    }
    settings
}

/// Is it from a file, which does not tell its model and its training?
fn is_anonymous(trial: &TrialRecord) -> bool {
    trial.provenance == Provenance::default()
}

/// The trials as those of one strategy called `source`, on data sets that carry the real strategy:
/// so what is compared is one strategy in two sources, at the sparsities that both have. The model
/// counts where both sides tell it.
pub(super) fn relabelled(
    trials: &[TrialRecord],
    others: &[TrialRecord],
    source: &str,
) -> Vec<TrialRecord> {
    let mut parameters: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for trial in trials.iter().chain(others) {
        let known = parameters.entry(trial.spec.strategy_name()).or_default();
        known.insert(told(&trial.spec));
    }
    let anonymous = |trial: &TrialRecord| trial.spec.model_name() == "any";
    let any_model = trials.iter().chain(others).any(anonymous);
    let shared: BTreeSet<_> = others.iter().map(place).collect();
    trials
        .iter()
        .filter(|trial| shared.contains(&place(trial)))
        .map(|trial| {
            let mut trial = trial.clone();
            let strategy = trial.spec.strategy_name();
            let mut what = format!("{}: {strategy}", trial.spec.dataset_label());
            // A side that does not tell its parameters means those of the other.
            let several = parameters[strategy].iter().filter(|told| !told.is_empty()).count() > 1;
            if several {
                what.push_str(&format!(" {}", told(&trial.spec)));
            }
            trial.spec.dataset = what;
            trial.spec.dataset_options = Map::new();
            trial.spec.strategy = json!({"name": source});
            if any_model {
                trial.spec.model = json!({"name": "any"});
            } else {
                trial.spec.model = json!({"name": trial.spec.model_name()});
            }
            trial.spec.training = Training::default();
            trial.id = trial.spec.id();
            trial
        })
        .collect()
}

/// The strategy's parameters as the source tells them; empty if it does not.
fn told(spec: &TrialSpec) -> String {
    match spec.strategy.get("params").and_then(serde_json::Value::as_str) {
        Some(text) => text.to_owned(),
        None => spec.strategy_parameters(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_another_tool_is_read() {
        let text = "\u{feff}dataset,strategy,sparsity,seed,accuracy,note\n\
                    mnist, rigl,0.9,0,0.98,x\nmnist,rigl,0.9,1,NaN,\nmnist,dense,,0,0.985,\n";
        let trials = parse(text).unwrap();
        assert_eq!(trials.len(), 3);
        assert_eq!(trials[0].outcome.as_ref().unwrap().test.accuracy, Some(0.98));
        assert_eq!((trials[1].status, trials[1].outcome.is_none()), (Status::Diverged, true));
        assert_eq!((trials[2].spec.sparsity, trials[2].spec.model_name()), (0.0, "any"));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_line() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(
            error("dataset,seed\nmnist,0\n"),
            "columns are missing: strategy; one of test_metric, test_accuracy, accuracy, score\n  \
             it has dataset, seed"
        );
        let rows =
            |row: &str| error(&format!("dataset,strategy,seed,accuracy\nd,s,0,0.5\n{row}\n"));
        assert_eq!(rows("d,s,x,0.5"), "line 3: seed is 'x', which is no seed");
        assert!(rows("d,s,1,98").starts_with("line 3: accuracy 98 is not in [0, 1]"));
        assert!(rows("d,s,1,high").contains("accuracy is 'high', which is no number"));
        assert!(rows("d,,1,0.5").contains("strategy is empty"));
        assert!(rows("d,s,0,0.6").starts_with("line 3: s has seed 0 twice"));
        assert!(rows("d,s,1").contains("this is no CSV file"));
        assert!(error("").contains("columns are missing"));
    }

    #[test]
    fn sources_meet_strategy_by_strategy() {
        let file = |score: &str| {
            parse(&format!("dataset,strategy,sparsity,seed,accuracy\nm,rigl,0.9,0,{score}\n"))
                .unwrap()
        };
        let (ours, theirs) = (file("0.9"), file("0.8"));
        let [a] = &relabelled(&ours, &theirs, "ours")[..] else { panic!() };
        let [b] = &relabelled(&theirs, &ours, "theirs")[..] else { panic!() };
        assert_eq!((&*a.spec.dataset, a.spec.strategy_name()), ("m: rigl", "ours"));
        assert_eq!((a.spec.sparsity, &a.spec.dataset), (b.spec.sparsity, &b.spec.dataset));
        // Another sparsity is no partner.
        let dense = parse("dataset,strategy,seed,accuracy\nm,rigl,0,0.7\n").unwrap();
        assert!(relabelled(&ours, &dense, "ours").is_empty());
    }

    #[test]
    fn sources_say_how_they_trained_differently() {
        let trained = |epochs| {
            let text = "dataset,strategy,seed,accuracy\nm,rigl,0,0.7\n";
            let mut trials = parse(text).unwrap();
            trials[0].provenance.version = "0.1.0".to_owned();
            trials[0].spec.training.epochs = epochs;
            trials
        };
        assert!(differing(&trained(1), &trained(1)).is_empty());
        assert_eq!(differing(&trained(1), &trained(3)), ["epochs: 1 against 3"]);
        // What one side alone has is compared with nothing.
        let mut more = trained(3);
        more[0].spec.dataset = "other".to_owned();
        more.extend(trained(1));
        assert!(differing(&trained(1), &more).is_empty());
        let told_nothing = parse("dataset,strategy,seed,accuracy\nm,rigl,0,0.7\n").unwrap();
        assert!(differing(&told_nothing, &trained(3)).is_empty());
    }
}
