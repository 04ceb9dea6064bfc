//! The documents, as text.

use std::collections::BTreeMap;

use dst_analysis::document::Page;
use dst_analysis::{Analysis, Catalog, Experiment, ReportPlugin, StrategyFacts, Study};
use dst_record::Plugin;
use dst_record::record::{
    EpochRecord, LayerRecord, MemoryKind, Outcome, Provenance, Scores, Status, TrialRecord,
    TrialSpec,
};
use dst_record::{BackendKind, LayerBackend, LayerMask, Metric, Training};
use proptest::prelude::*;
use report_csv as _;
use serde_json::json;

fn scores(accuracy: f64) -> Scores {
    Scores {
        loss: 0.25,
        accuracy: Some(accuracy),
        f1_macro: Some(accuracy - 0.01),
        f1_binary: Some(0.5),
        matthews: Some(-0.25),
        ..Scores::default()
    }
}

fn spec(strategy: serde_json::Value, sparsity: f64, seed: u64) -> TrialSpec {
    TrialSpec {
        dataset: "toy".to_owned(),
        dataset_options: serde_json::Map::new().into(),
        model: json!({"name": "mlp", "hidden": [8]}).into(),
        strategy: strategy.into(),
        sparsity,
        training: Training { epochs: 2, ..Training::default() }.into(),
        seed,
    }
}

fn finished(spec: TrialSpec, accuracy: f64) -> TrialRecord {
    let kept = 1.0 - spec.sparsity;
    TrialRecord {
        id: format!("{}-{}", spec.strategy_name(), spec.seed),
        status: Status::Finished,
        reason: String::new(),
        collapse: None,
        outcome: Some(Outcome {
            metric: Metric::Accuracy,
            second_metric: None,
            test: scores(accuracy),
            test_last: scores(accuracy - 0.02),
            validation: scores(accuracy + 0.01),
            best_epoch: 1,
            nonzero_parameters: (1000.0 * kept) as u64 + 10,
            prunable_parameters: 1000,
            total_parameters: 1010,
            sparsity_prunable: spec.sparsity,
            sparsity_total: spec.sparsity / 1.25,
            inference_ms_per_sample: 0.5,
            inference_batch_size: 256,
            inference_samples_per_second: Some(2500.0),
            throughput_batch_size: Some(256),
            train_seconds: 3.25,
            peak_memory_bytes: 4096,
            peak_memory_kind: MemoryKind::ResidentSet,
            train_flops: 6e6 * kept,
            inference_flops: 2000.0 * kept,
            dense_inference_flops: 2000.0,
            steps: 20,
            skipped_batches: 1,
            is_static: false,
        }),
        history: vec![EpochRecord {
            epoch: 1,
            steps: 10,
            learning_rate: 1e-6,
            train_loss: 0.5,
            validation: scores(0.75),
            sparsity_prunable: spec.sparsity,
            train_flops: 3e6,
            train_seconds: 1.5,
        }],
        layers: vec![LayerRecord {
            epoch: 1,
            layer: "hidden.0".to_owned(),
            shape: "8x100".to_owned(),
            size: 800,
            active: 200,
            born: 3,
            dropped: 4,
            ever_active_share: 0.3,
            backend: Some(LayerBackend::Masked),
            ..LayerRecord::default()
        }],
        ages: Vec::new(),
        masks: Vec::new(),
        confusion: Vec::new(),
        predictions: None,
        network_bytes: Some(2048),
        provenance: Provenance {
            version: "0.1.0".to_owned(),
            libtorch: "2.13.0".to_owned(),
            host: "desk".to_owned(),
            device: "cpu".to_owned(),
            threads: 1,
            cpu: "abacus".to_owned(),
            data_digest: "c0ffee".to_owned(),
            data_origin: "here".to_owned(),
            weights_digest: "feed".to_owned(),
            started: "2026-01-31T12:00:00Z".to_owned(),
            attempt: 2,
            commit: "0a1b2c3d4e5f-dirty".to_owned(),
            code: BTreeMap::from([
                ("dst-models".to_owned(), "0123456789abcdef".repeat(4)),
                ("strategy-x".to_owned(), "fedcba9876543210".repeat(4)),
            ]),
            numerics: 1,
            earlier_code: Vec::new(),
        },
        spec,
    }
}

fn failed(spec: TrialSpec, status: Status, reason: &str) -> TrialRecord {
    TrialRecord {
        id: format!("{}-{}", spec.strategy_name(), spec.seed),
        spec,
        status,
        reason: reason.to_owned(),
        collapse: None,
        outcome: None,
        history: Vec::new(),
        layers: Vec::new(),
        ages: Vec::new(),
        masks: Vec::new(),
        confusion: Vec::new(),
        predictions: None,
        network_bytes: None,
        provenance: Provenance::default(),
    }
}

fn trials() -> Vec<TrialRecord> {
    let sparse = || json!({"name": "sparse", "fraction": 0.3});
    vec![
        finished(spec(json!({"name": "dense"}), 0.0, 0), 0.875),
        finished(spec(sparse(), 0.5, 0), 0.75),
        finished(spec(sparse(), 0.5, 10), 0.8125),
        failed(spec(sparse(), 0.5, 9), Status::Diverged, "epoch 1: loss is NaN, \"lr\" too large"),
        failed(spec(json!({"name": "broken"}), 0.5, 0), Status::Crashed, "killed by signal 9"),
    ]
}

fn documents(trials: &[TrialRecord], pending: &[TrialSpec]) -> BTreeMap<String, String> {
    let report = ReportPlugin::find("csv").unwrap().report;
    // Without a trial, only the catalogue knows the control.
    let facts = StrategyFacts { baseline: true, ..StrategyFacts::default() };
    let strategies = [("dense".to_owned(), facts)].into();
    let catalog = Catalog { strategies, ..Catalog::default() };
    let analysis = Analysis::default();
    let experiment =
        Experiment { pending, catalog: &catalog, ..Experiment::new(trials, &analysis) };
    let study = Study::new(&experiment).unwrap();
    let rendering = report.render(&study, &Page::new(&study)).unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    rendering.documents.into_iter().map(|document| (document.name, text(document.bytes))).collect()
}

fn document(trials: &[TrialRecord], name: &str) -> String {
    documents(trials, &[]).remove(name).unwrap()
}

const NAMES: [&str; 8] = [
    "trials.csv",
    "history.csv",
    "layers.csv",
    "summary.csv",
    "masks.csv",
    "backends.csv",
    "times.csv",
    "time_to_target.csv",
];

/// One column of a document by seed or row, for tables too wide to show whole.
fn columns(text: &str, names: &[&str]) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().unwrap().clone();
    let places: Vec<usize> = names
        .iter()
        .map(|name| header.iter().position(|column| column == *name).unwrap())
        .collect();
    reader
        .records()
        .map(|row| {
            let row = row.unwrap();
            places.iter().map(|place| &row[*place]).collect::<Vec<_>>().join(" ")
        })
        .collect()
}

#[test]
fn trials_have_a_row_each_and_missing_is_empty() {
    let training = "\"{\"\"accumulate\"\":1,\"\"batch_size\"\":64,\"\"beta1\"\":0.9,\"\"beta2\"\":0.999,\
        \"\"clip_norm\"\":0.0,\"\"decay\"\":0.1,\"\"decay_every\"\":\"\"30 epochs\"\",\"\"epochs\"\":2,\
        \"\"epsilon\"\":1e-8,\"\"label_smoothing\"\":0.0,\"\"learning_rate\"\":0.001,\
        \"\"learning_rate_shape\"\":\"\"constant\"\",\"\"momentum\"\":0.9,\"\"nesterov\"\":false,\
        \"\"optimizer\"\":\"\"adam\"\",\"\"warmup\"\":\"\"0 steps\"\",\"\"weight_decay\"\":0.0}\"";
    let flat_header = "training.accumulate,training.batch_size,training.beta1,training.beta2,\
        training.clip_norm,training.decay,training.decay_every,training.epochs,training.epsilon,\
        training.label_smoothing,training.learning_rate,training.learning_rate_shape,\
        training.momentum,training.nesterov,training.optimizer,training.warmup,\
        training.weight_decay";
    let flat = "1,64,0.9,0.999,0,0.1,30 epochs,2,1e-8,0,0.001,constant,0.9,false,adam,0 steps,0";
    let text = document(&trials(), "trials.csv")
        .replace(training, "TRAINING")
        .replace(flat_header, "FLAT TRAINING")
        .replace(flat, "FLAT");
    assert_eq!(
        text,
        r#"trial,dataset,model,strategy,params,sparsity,seed,status,reason,test_accuracy,validation_accuracy,test_f1_macro,nonzero_parameters,prunable_parameters,total_parameters,sparsity_prunable,sparsity_total,inference_ms_per_sample,train_seconds,peak_memory_bytes,peak_memory_kind,train_flops,inference_flops,dense_inference_flops,test_accuracy_last,test_loss,best_epoch,inference_batch_size,steps,skipped_batches,model_params,training,version,libtorch,host,device,threads,data_digest,started,attempt,test_metric_name,test_metric,validation_metric,test_f1_binary,test_matthews,test_pearson,test_spearman,inference_samples_per_second,throughput_batch_size,train_seconds_per_epoch,precision,dataset_options,data_origin,weights_digest,commit,code,numerics,earlier_code,label,backend,cpu,network_bytes,test_log_likelihood,test_perplexity,model.hidden,strategy.fraction,FLAT TRAINING
broken-0,toy,mlp,broken,{},0.5,0,crashed,killed by signal 9,,,,,,,,,,,,,,,,,,,,,,"{""hidden"":[8]}",TRAINING,,,,,,,,,,,,,,,,,,,f32,,,,,,,,broken at 50 %,masked,,,,,[8],,FLAT
dense-0,toy,mlp,dense,{},0,0,finished,,0.875,0.885,0.865,1010,1000,1010,0,0,0.5,3.25,4096,resident-set,6000000,2000,2000,0.855,0.25,1,256,20,1,"{""hidden"":[8]}",TRAINING,0.1.0,2.13.0,desk,cpu,1,c0ffee,2026-01-31T12:00:00Z,2,accuracy,0.875,0.885,0.5,-0.25,,,2500,256,3.25,f32,,here,feed,0a1b2c3d4e5f-dirty,dst-models=01234567 strategy-x=fedcba98,1,,dense,masked,abacus,2048,,,[8],,FLAT
sparse-0,toy,mlp,sparse,"{""fraction"":0.3}",0.5,0,finished,,0.75,0.76,0.74,510,1000,1010,0.5,0.4,0.5,3.25,4096,resident-set,3000000,1000,2000,0.73,0.25,1,256,20,1,"{""hidden"":[8]}",TRAINING,0.1.0,2.13.0,desk,cpu,1,c0ffee,2026-01-31T12:00:00Z,2,accuracy,0.75,0.76,0.5,-0.25,,,2500,256,3.25,f32,,here,feed,0a1b2c3d4e5f-dirty,dst-models=01234567 strategy-x=fedcba98,1,,sparse at 50 %,masked,abacus,2048,,,[8],0.3,FLAT
sparse-9,toy,mlp,sparse,"{""fraction"":0.3}",0.5,9,diverged,"epoch 1: loss is NaN, ""lr"" too large",,,,,,,,,,,,,,,,,,,,,,"{""hidden"":[8]}",TRAINING,,,,,,,,,,,,,,,,,,,f32,,,,,,,,sparse at 50 %,masked,,,,,[8],0.3,FLAT
sparse-10,toy,mlp,sparse,"{""fraction"":0.3}",0.5,10,finished,,0.8125,0.8225,0.8025,510,1000,1010,0.5,0.4,0.5,3.25,4096,resident-set,3000000,1000,2000,0.7925,0.25,1,256,20,1,"{""hidden"":[8]}",TRAINING,0.1.0,2.13.0,desk,cpu,1,c0ffee,2026-01-31T12:00:00Z,2,accuracy,0.8125,0.8225,0.5,-0.25,,,2500,256,3.25,f32,,here,feed,0a1b2c3d4e5f-dirty,dst-models=01234567 strategy-x=fedcba98,1,,sparse at 50 %,masked,abacus,2048,,,[8],0.3,FLAT
"#
    );
}

#[test]
fn epochs_and_layers_name_their_trial() {
    let trials = &trials()[..2];
    assert_eq!(
        document(trials, "history.csv"),
        r#"trial,dataset,model,strategy,params,sparsity,seed,epoch,steps,learning_rate,train_loss,validation_loss,validation_accuracy,validation_f1_macro,sparsity_prunable,train_flops,train_seconds,validation_f1_binary,validation_matthews,validation_pearson,validation_spearman,active,density,born,dropped,regrown,ever_active_share,neurons_without_input,neurons_without_output,label,validation_log_likelihood
dense-0,toy,mlp,dense,{},0,0,1,10,1e-6,0.5,0.25,0.75,0.74,0,3000000,1.5,0.5,-0.25,,,200,0.25,3,4,,0.3,,,dense,
sparse-0,toy,mlp,sparse,"{""fraction"":0.3}",0.5,0,1,10,1e-6,0.5,0.25,0.75,0.74,0.5,3000000,1.5,0.5,-0.25,,,200,0.25,3,4,,0.3,,,sparse at 50 %,
"#
    );
    assert_eq!(
        document(trials, "layers.csv"),
        r#"trial,dataset,model,strategy,params,sparsity,seed,epoch,layer,shape,size,active,density,born,dropped,ever_active_share,regrown,neurons_without_input,neurons_without_output,label,backend
dense-0,toy,mlp,dense,{},0,0,1,hidden.0,8x100,800,200,0.25,3,4,0.3,,,,dense,masked
sparse-0,toy,mlp,sparse,"{""fraction"":0.3}",0.5,0,1,hidden.0,8x100,800,200,0.25,3,4,0.3,,,,sparse at 50 %,masked
"#
    );
}

#[test]
fn groups_count_failures_and_average_what_finished() {
    let text = document(&trials(), "summary.csv");
    let rows = columns(
        &text,
        &["strategy", "sparsity", "planned", "finished", "failed", "diverged", "crashed"],
    );
    assert_eq!(rows, ["broken 0.5 1 0 1 0 1", "dense 0 1 1 0 0 0", "sparse 0.5 3 2 1 1 0"]);

    let accuracy = ["test_accuracy_mean", "test_accuracy_sd", "test_accuracy_ci95_low"];
    let rows = columns(&text, &accuracy);
    // Nothing, one value, and two: 0.78125, sd 0.0625/√2, and t(0.975, 1) = 12.7062 standard errors
    // of 0.03125 below the mean.
    assert_eq!(rows[..2], ["  ", "0.875  "]);
    let numbers: Vec<f64> = rows[2].split(' ').map(|cell| cell.parse().unwrap()).collect();
    for (number, expected) in numbers.iter().zip([0.78125, 0.0441942, 0.3841811]) {
        assert!((number - expected).abs() < 1e-6, "{numbers:?}");
    }

    let rows = columns(
        &text,
        &[
            "inference_flops_ratio_mean",
            "train_seconds_mean",
            "peak_memory_bytes_mean",
            "peak_memory_kind",
        ],
    );
    assert_eq!(rows, ["   ", "1 3.25 4096 resident-set", "0.5 3.25 4096 resident-set"]);
}

#[test]
fn peaks_of_different_memories_are_not_averaged() {
    let mut trials = trials();
    trials[2].outcome.as_mut().unwrap().peak_memory_kind = MemoryKind::Device;
    let text = document(&trials, "summary.csv");
    assert_eq!(columns(&text, &["peak_memory_bytes_mean", "peak_memory_kind"])[2], " ");
}

#[test]
fn the_same_data_with_other_options_is_another_group() {
    let mut trials = trials();
    trials[2].spec.dataset_options.insert("rotation".to_owned(), json!(15.0));
    trials[2].spec.dataset_options.insert("flip".to_owned(), json!(false));
    let names = ["dataset", "dataset_options", "strategy", "finished"];
    assert_eq!(
        columns(&document(&trials, "summary.csv"), &names),
        [
            "toy  broken 0",
            "toy  dense 1",
            "toy  sparse 1",
            r#"toy [flip=false rotation=15] {"flip":false,"rotation":15.0} sparse 1"#,
        ]
    );
    let rows = columns(&document(&trials, "trials.csv"), &names[..2]);
    assert_eq!(rows[4], r#"toy [flip=false rotation=15] {"flip":false,"rotation":15.0}"#);
}

#[test]
fn a_different_training_or_model_is_another_group() {
    let mut trials = trials();
    trials[2].spec.training.epochs = 3;
    let mut other = trials[1].clone();
    other.spec.model = json!({"name": "mlp", "hidden": [16]}).into();
    trials.push(other);
    let text = document(&trials, "summary.csv");
    let rows = columns(&text, &["strategy", "model_params", "planned", "finished"]);
    assert_eq!(
        rows,
        [
            r#"sparse {"hidden":[16]} 1 1"#,
            r#"broken {"hidden":[8]} 1 0"#,
            r#"dense {"hidden":[8]} 1 1"#,
            r#"sparse {"hidden":[8]} 2 1"#,
            r#"sparse {"hidden":[8]} 1 1"#,
        ]
    );
}

#[test]
fn a_collapsed_trial_keeps_its_numbers_but_enters_no_mean() {
    let mut trials = trials();
    trials[1].status = Status::Collapsed;
    trials[1].reason = "no better than chance".to_owned();
    let rows = columns(&document(&trials, "trials.csv"), &["status", "reason", "test_accuracy"]);
    assert_eq!(rows[2], "collapsed no better than chance 0.75");
    let rows = columns(
        &document(&trials, "summary.csv"),
        &["finished", "failed", "collapsed", "test_accuracy_mean", "test_accuracy_sd"],
    );
    assert_eq!(rows[2], "1 2 1 0.8125 ");
}

#[test]
fn numbers_have_a_metric_but_no_accuracy() {
    let mut trials = trials();
    for (trial, pearson) in trials.iter_mut().zip([0.5, 0.75, 0.25]) {
        let outcome = trial.outcome.as_mut().unwrap();
        outcome.metric = Metric::Pearson;
        outcome.test = Scores { loss: 0.25, pearson: Some(pearson), ..Scores::default() };
        outcome.validation = Scores { spearman: Some(0.125), ..Scores::default() };
    }
    let names = [
        "test_metric_name",
        "test_metric",
        "validation_metric",
        "test_accuracy",
        "test_f1_macro",
        "test_pearson",
        "test_spearman",
    ];
    let rows = columns(&document(&trials, "trials.csv"), &names);
    assert_eq!(rows[..2], ["      ", "pearson 0.5    0.5 "]);

    let names = ["test_metric_name", "test_metric_mean", "test_metric_sd", "test_accuracy_mean"];
    let rows = columns(&document(&trials, "summary.csv"), &names);
    assert_eq!(rows[1], "pearson 0.5  ");
    assert!(rows[2].starts_with("pearson 0.5 0.3535533905932"), "{}", rows[2]);

    // Predictions that never vary have no correlation: the trial counts as failed.
    trials[1].outcome.as_mut().unwrap().test.pearson = None;
    let names = ["finished", "failed", "test_metric_mean", "test_metric_sd"];
    let rows = columns(&document(&trials, "summary.csv"), &names);
    assert_eq!(rows[2], "1 2 0.25 ");
}

#[test]
fn no_trials_give_headers_alone() {
    let documents = documents(&[], &[]);
    assert_eq!(documents.len(), NAMES.len());
    for name in NAMES {
        assert_eq!(documents[name].lines().count(), 1, "{name}");
    }
}

#[test]
fn what_has_not_ended_is_planned_and_has_no_row_of_its_own() {
    let sparse = json!({"name": "sparse", "fraction": 0.3});
    let pending = [spec(sparse, 0.5, 11), spec(json!({"name": "late"}), 0.5, 0)];
    let documents = documents(&trials(), &pending);
    let rows = columns(&documents["summary.csv"], &["label", "planned", "finished", "failed"]);
    assert_eq!(rows, ["broken at 50 % 1 0 1", "dense 1 1 0", "sparse at 50 % 4 2 1"]);
    assert_eq!(documents["trials.csv"].lines().count(), 1 + trials().len());
}

#[test]
fn every_parameter_is_a_column_of_its_own() {
    let mut trials = trials();
    trials[1].spec.training.epochs = 7;
    let documents = documents(&trials, &[]);
    let names = ["label", "strategy.fraction", "model.hidden", "training.epochs"];
    let rows = columns(&documents["trials.csv"], &names);
    assert_eq!(rows[1], "dense epochs=2  [8] 2");
    assert_eq!(rows[2], "sparse epochs=7 at 50 % 0.3 [8] 7");
    let labels = |name| columns(&documents[name], &["label"]);
    assert!(labels("summary.csv").iter().any(|label| label == "sparse epochs=7 at 50 %"));
    assert_eq!(labels("history.csv")[1], "sparse epochs=7 at 50 %");
}

#[test]
fn the_readme_documents_every_column() {
    let readme = include_str!("../README.md");
    let (empty, full) = (documents(&[], &[]), documents(&trials(), &[]));
    for name in NAMES {
        let section = readme
            .split("\n## ")
            .find(|section| section.starts_with(&format!("`{name}`")))
            .unwrap_or_else(|| panic!("README.md has no section `{name}`"));
        let documented: Vec<&str> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        assert_eq!(documented, empty[name].trim_end().split(',').collect::<Vec<_>>(), "{name}");
        // What parameters there are depends on the trials; the README says how they are named.
        let header = full[name].lines().next().unwrap();
        let header: Vec<&str> = header.split(',').collect();
        let (fixed, parameters) = header.split_at(documented.len());
        assert_eq!(fixed, documented, "{name}");
        let prefixes = ["strategy.", "model.", "training."];
        assert!(parameters.iter().all(|name| prefixes.iter().any(|p| name.starts_with(p))));
        let has_parameters = matches!(name, "trials.csv" | "summary.csv");
        assert_eq!(!parameters.is_empty(), has_parameters, "{name}");
        assert_eq!(parameters.is_empty(), !section.contains("`training.*`"), "{name}");
    }
}

/// The unit and the good direction of a column are those that the measure declares.
#[test]
fn the_readme_says_of_every_measure_what_it_declares() {
    let readme = include_str!("../README.md");
    for measure in dst_record::measure::MEASURES {
        let dst_record::measure::Measure { name, unit, better, meaning, .. } = measure;
        let better = better.to_string();
        let line = ["", &format!("`{name}`"), &unit.to_string(), &better, meaning, ""].join(" | ");
        let line = line.trim().replace("|  |", "| |");
        assert!(readme.lines().any(|found| found == line), "README.md lacks the line\n{line}");
    }
}

/// The columns of the network are declared with their meanings.
#[test]
fn the_readme_says_of_the_network_what_is_declared() {
    let readme = include_str!("../README.md");
    for column in dst_record::network::COLUMNS {
        let line = format!("| `{}` | {} |", column.name, column.meaning);
        assert!(readme.lines().any(|found| found == line), "README.md lacks the line\n{line}");
    }
}

#[test]
fn masks_are_compared_between_seeds_and_methods() {
    let mut trials = trials();
    let mut other = finished(spec(json!({"name": "other"}), 0.5, 0), 0.75);
    other.id = "other-0".to_owned();
    trials.push(other);
    let mask = |bits: [bool; 4]| vec![LayerMask::new("hidden.0", 4, &bits).unwrap()];
    // `sparse` at seeds 0 and 10, and `other` at seed 0.
    trials[1].masks = mask([true, true, false, false]);
    trials[2].masks = mask([true, false, true, false]);
    trials[5].masks = mask([false, false, true, true]);
    let text = document(&trials, "masks.csv");
    let names = ["between", "first", "second", "layer", "pairs", "distance", "distance_relative"];
    let third = "0.6666666666666667";
    let same = "sparse at 50 %";
    assert_eq!(
        columns(&text, &names),
        [
            format!("seeds {same} {same}  1 {third} 1"),
            format!("seeds {same} {same} hidden.0 1 {third} 1"),
            // By chance 2 · 2 / 4 of 3, so that all are farther apart than that.
            format!("methods other at 50 % {same}  1 1 1.4999999999999998"),
        ]
    );
}

#[test]
fn times_are_compared_by_seed_with_the_control_and_with_other_backends() {
    let mut trials = trials();
    for trial in &mut trials {
        trial.provenance.attempt = 1;
    }
    let names = ["label", "control", "seed", "target", "reached", "epoch", "seconds", "ratio"];
    let expected = ["dense  0 0.745 true 1 1.5 ", "sparse at 50 % dense 0 0.745 true 1 1.5 1"];
    assert_eq!(columns(&document(&trials, "time_to_target.csv"), &names), expected);
    let names = [
        "label",
        "control",
        "train_seconds_mean",
        "train_seconds_ratio",
        "train_seconds_pairs",
        "train_on_front",
        "target_seeds",
        "target_reached",
    ];
    assert_eq!(
        columns(&document(&trials, "times.csv"), &names),
        ["dense  3.25   true 1 1", "sparse at 50 % dense 3.25 1 1 false 1 1"]
    );
    assert_eq!(document(&trials, "backends.csv").lines().count(), 1);

    let mut auto = trials[1].clone();
    auto.id = "auto-0".to_owned();
    auto.spec.training.backend = BackendKind::Auto;
    auto.outcome.as_mut().unwrap().train_seconds = 1.625;
    trials.push(auto);
    let text = document(&trials, "backends.csv");
    let names = ["label", "reference", "pairs", "sameness", "train_seconds_ratio", "withheld"];
    let row = "sparse at 50 %, auto sparse at 50 %, masked 1 inconclusive 0.5 ";
    assert_eq!(columns(&text, &names), [row]);
    assert_eq!(columns(&text, &["reason"]), ["1 pair, and a test needs 5"]);
    // All begin at once: beside the one of 1.6 s are three, beside that of 3.25 s two and a half.
    let measured = "on abacus (machine desk), cpu, 1 thread, with 2.5 to 3 other trials of this report \
                    beside each on average";
    assert_eq!(columns(&text, &["measured"]), [measured]);

    trials.last_mut().unwrap().provenance.host = "table".to_owned();
    let text = document(&trials, "backends.csv");
    let names = ["train_seconds_ratio", "measured", "withheld"];
    assert_eq!(columns(&text, &names), ["  ran on different machines (1 pair)"]);
}

#[test]
fn what_an_old_result_lacks_is_empty() {
    let mut trials = vec![finished(spec(json!({"name": "dense"}), 0.0, 0), 0.875)];
    let outcome = trials[0].outcome.as_mut().unwrap();
    outcome.inference_samples_per_second = None;
    outcome.throughput_batch_size = None;
    trials[0].history.clear();
    let names =
        ["inference_samples_per_second", "throughput_batch_size", "train_seconds_per_epoch"];
    assert_eq!(columns(&document(&trials, "trials.csv"), &names), ["  "]);
    let means = ["inference_samples_per_second_mean", "train_seconds_per_epoch_mean"];
    assert_eq!(columns(&document(&trials, "summary.csv"), &means), [" "]);
}

proptest! {
    // Each case renders a whole page.
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn the_order_of_trials_does_not_matter(shuffled in Just(trials()).prop_shuffle()) {
        prop_assert_eq!(documents(&shuffled, &[]), documents(&trials(), &[]));
    }
}
