//! Trials keep their ids: grids as they were typed before optimisers and learning-rate schedules were
//! components of their own, with the ids that their trials had then.

use std::collections::BTreeMap;

use super::*;

/// What was typed, and the ids that version 0.1.0 gave. A line that is added is written with
/// `UPDATE_GOLDEN=1`; the ids of the others must stay.
const IDS: &str = include_str!("ids.json");

const LINES: [&str; 22] = [
    "--grid quick",
    "--grid plan",
    "--grid snfs-lenet5",
    "--grid srigl-resnet18 --sparsity 0.9",
    "--grid quick --datasets glue/rte",
    "--grid quick --learning-rate 0.1,0.2 --epochs 3 --batch-size 16",
    "--grid plan --precision f32,bf16",
    "--grid snfs-lenet5 --set training.optimizer=adam,adamw",
    "--grid srigl-resnet18 --sparsity 0.5 --set training.optimizer=adamw --set training.beta2=0.95,0.99",
    "--set training.momentum=0,0.8,0.9",
    "--set training.optimizer=sgd,adam --set training.momentum=0.8 --set training.nesterov=true",
    "--set training.optimizer=sgd --set training.beta1=0.5 --set training.epsilon=1e-6",
    "--set training.optimizer=adamw --set training.weight_decay=0,1e-4,1 --set training.epsilon=0.001",
    "--set training.beta1=0.8 --set training.beta2=0.9,0.999",
    "--set training.learning_rate_shape=constant,step,cosine,exponential",
    "--set training.learning_rate_shape=step --set training.decay=0.5 --set training.decay_every=100,10%",
    "--set training.decay=0.5,1 --set training.decay_every=2epochs",
    "--set training.warmup=10,10% --set training.clip_norm=1 --set training.label_smoothing=0.1",
    "--set training.accumulate=2 --set training.learning_rate_shape=exponential --set training.decay=0.7",
    "--set rigl.training.optimizer=sgd --set dense.training.momentum=0.5",
    "--set mnist-10k.training.optimizer=sgd --set mnist-10k.training.weight_decay=5e-4",
    "--models mlp,lenet5 --sparsity 0.5,0.9 --set training.optimizer=sgd --set rigl.drop_fraction=0.1,0.5",
];

#[test]
fn trials_keep_the_ids_that_they_had() {
    let was: BTreeMap<String, Vec<String>> = serde_json::from_str(IDS).unwrap();
    let mut is = BTreeMap::new();
    for line in LINES {
        let line = format!("--strategies rigl,dense --seeds 0 {line}");
        let found: Vec<String> = trials(&line).iter().map(TrialSpec::id).collect();
        is.insert(line, found);
    }
    for (line, was) in &was {
        assert_eq!(is.get(line), Some(was), "{line}");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/ids.json");
        std::fs::write(path, serde_json::to_string_pretty(&is).unwrap() + "\n").unwrap();
        return;
    }
    assert_eq!(was.len(), LINES.len(), "write the new lines with UPDATE_GOLDEN=1");
}
