//! Files as people and programs write them.

use serde_json::json;

use super::*;

/// Trials of a text that is read.
pub(crate) fn entries(text: &str) -> Vec<Entry> {
    parse(text.as_bytes()).unwrap().entries
}

fn accuracy(entry: &Entry) -> Option<f64> {
    entry.trial.outcome.as_ref()?.test.accuracy
}

fn refused(text: &str) -> String {
    let error = parse(text.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Data, "{error}");
    error.to_string()
}

#[test]
fn a_file_of_another_tool_is_read() {
    let text = "\u{feff}dataset,strategy,sparsity,seed,accuracy,note\n\
                mnist, rigl,0.9,0,0.98,x\nmnist,rigl,0.9,1,NaN,\nmnist,dense,,0,0.985,\n\
                mnist,dense,,1,inf,\n";
    let read = entries(text);
    assert_eq!(read.len(), 4);
    assert_eq!((accuracy(&read[0]), &*read[0].cells["note"]), (Some(0.98), "x"));
    // What is missing says nothing of the method; what is infinite does.
    assert_eq!((read[1].trial.status, accuracy(&read[1])), (Status::Crashed, None));
    assert_eq!(read[3].trial.status, Status::Diverged);
    assert_eq!((read[2].trial.spec.sparsity, read[2].model()), (0.0, "any"));
    let reported =
        Reported { model: false, model_parameters: false, parameters: false, training: false };
    assert_eq!((read[0].reported, read[0].line), (reported, Some(2)));
}

#[test]
fn pandas_writes_an_index_and_floats() {
    let text = ",dataset,method,sparsity,seed,test_acc\n0,mnist,RigL,0.9,0.0,0.96\n\
                1,mnist,RigL,0.9,1.0,\n2,mnist,RigL,0.9,2.0,<NA>\n";
    let read = entries(text);
    assert_eq!(read.iter().map(|entry| entry.trial.spec.seed).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(read.iter().map(accuracy).collect::<Vec<_>>(), [Some(0.96), None, None]);
    assert!(read[1].trial.reason.contains("missing"));
}

#[test]
fn spreadsheets_write_semicolons_commas_and_percent() {
    let text = "sep=;\r\nDataset;Strategy;Sparsity;Seed;Accuracy;;\r\n\
                mnist;rigl;90 %;0;98,4 %;;\r\nmnist;rigl;0,9;1;\"0,97\";;\r\n;;;;;;\r\n";
    let read = entries(text);
    assert_eq!(read.iter().map(accuracy).collect::<Vec<_>>(), [Some(0.984), Some(0.97)]);
    assert!(read.iter().all(|entry| entry.trial.spec.sparsity == 0.9));
    let text = "Task\tAlgorithm\tDensity\tSeed\tTest Accuracy (%)\nmnist\tset\t0,1\t3\t97,5\n";
    let read = entries(text);
    assert_eq!((accuracy(&read[0]), read[0].trial.spec.sparsity), (Some(0.975), 0.9));
}

#[test]
fn trackers_write_prefixes_and_states() {
    let text = "\"Name\",\"State\",\"Runtime\",\"config.dataset\",\"config.method\",\
                \"config.sparsity\",\"config.seed\",\"config.lr\",\"summary.test_accuracy\",\
                \"summary.val_accuracy\"\n\
                \"fast-sun-1\",\"finished\",\"12\",\"mnist\",\"rigl\",\"0.9\",\"0\",\"0.1\",\"0.96\",\"0.99\"\n\
                \"old-sky-2\",\"failed\",\"1\",\"mnist\",\"rigl\",\"0.9\",\"1\",\"0.1\",\"0.5\",\"\"\n\
                \"new-sea-3\",\"running\",\"1\",\"mnist\",\"rigl\",\"0.9\",\"2\",\"0.1\",\"0.4\",\"\"\n\
                \"odd-owl-4\",\"OUT_OF_MEMORY\",\"1\",\"mnist\",\"rigl\",\"0.9\",\"3\",\"0.1\",\"0.4\",\"\"\n";
    let table = parse(text.as_bytes()).unwrap();
    let read = &table.entries;
    let ends: Vec<_> = read.iter().map(|entry| (entry.trial.status, accuracy(entry))).collect();
    assert_eq!(
        ends,
        [(Status::Finished, Some(0.96)), (Status::Crashed, None), (Status::OutOfMemory, None)]
    );
    assert!(read[1].trial.reason.contains("'failed'"));
    assert_eq!(read[0].cells["lr"], "0.1");
    assert_eq!(table.notes, ["has 1 row of a run that has not ended; it is left out"]);
}

/// Such a row was a crash, so that a file of finished runs had no seed in common with anything.
#[test]
fn a_state_in_an_unknown_word_is_no_crash() {
    for word in ["True", "weird", "1"] {
        let text = format!(
            "dataset,strategy,seed,acc,Status\nm,rigl,0,0.5,\nm,rigl,1,0.5,{word}\nm,rigl,2,0.5,x\n"
        );
        let message = refused(&text);
        assert!(
            message.starts_with(&format!("line 3: Status '{word}' is unknown\n  known: finished,")),
            "{message}"
        );
        assert!(message.contains("killed") && message.contains("empty is finished"), "{message}");
    }
    for (word, _) in STATES {
        let text =
            format!("dataset,strategy,seed,acc,state\nm,rigl,0,0.5,{}\n", word.to_uppercase());
        assert!(parse(text.as_bytes()).is_ok(), "{word}");
    }
}

#[test]
fn other_metrics_are_known_by_their_columns() {
    let text = "dataset,strategy,seed,eval_matthews_correlation,eval_loss\ncola,set,0,-0.1,0.6\n";
    let outcome = entries(text)[0].trial.outcome.clone().unwrap();
    assert_eq!((outcome.metric, outcome.test.matthews), (Metric::Matthews, Some(-0.1)));
    let text = "dataset,strategy,seed,score,metric,acc\nmrpc,set,0,0.8,F1,0.7\n";
    let outcome = entries(text)[0].trial.outcome.clone().unwrap();
    assert_eq!((outcome.metric, outcome.test.f1_binary), (Metric::F1Binary, Some(0.8)));
    assert_eq!(outcome.test.accuracy, Some(0.7));
}

#[test]
fn our_own_table_tells_everything_that_can_be_compared() {
    let text = "label,trial,dataset,model,strategy,params,sparsity,seed,status,reason,test_accuracy,\
                validation_accuracy,sparsity_prunable,model_params,training,data_digest,\
                test_metric_name,test_metric,dataset_options,weights_digest,tomorrow\n\
                x,1f,cifar10 [flip=false],mlp,rigl,\"{\"\"drop_fraction\"\":0.3}\",0.9,0,finished,,0.5,\
                0.9,0.8,\"{\"\"hidden\"\":[8]}\",\"{\"\"epochs\"\":3}\",d1,accuracy,0.5,\
                \"{\"\"flip\"\":false}\",,\n\
                x,2f,cifar10,mlp,rigl,{},0.9,0,collapsed,chance,0.1,0.1,0.9,{},\"{\"\"new\"\":3}\",d1,\
                accuracy,0.1,,w1,\n\
                x,3f,cifar10,mlp,rigl,{},0.9,1,diverged,nan,,,,{},{},d1,,,,,\n";
    let read = entries(text);
    let spec = &read[0].trial.spec;
    assert_eq!((read[0].reported, &*spec.dataset), (Reported::ALL, "cifar10"));
    assert_eq!(spec.dataset_label(), "cifar10 [flip=false]");
    assert_eq!(spec.strategy, json!({"name": "rigl", "drop_fraction": 0.3}));
    assert_eq!((spec.training.epochs, &spec.model["hidden"]), (3, &json!([8])));
    assert_eq!(read[0].trial.outcome.as_ref().unwrap().sparsity_prunable, 0.8);
    assert_eq!(read[1].trial.provenance.weights_digest, "w1");
    // A setting may accept a collapse, so its score is kept.
    assert_eq!((read[1].trial.status, accuracy(&read[1])), (Status::Collapsed, Some(0.1)));
    // A training with keys of a newer version is not told.
    assert!(!read[1].reported.training && read[2].reported.training);
    assert_eq!(read[2].trial.status, Status::Diverged);
}

#[test]
fn what_cannot_be_read_is_said_with_its_line_and_a_next_step() {
    assert!(refused("dataset,seed\nmnist,0\n").starts_with(
        "line 1: columns are missing: strategy; one of test_metric, test_accuracy, accuracy, \
         score\n  it has dataset, seed"
    ));
    let rows = |row: &str| {
        refused(&format!("dataset,strategy,seed,sparsity,accuracy\nd,s,0,0,0.5\n{row}\n"))
    };
    assert!(rows("d,s,x,0,0.5").starts_with("line 3: seed is 'x', which is no seed\n  "));
    assert!(rows("d,s,1.5,0,0.5").contains("seed is '1.5'"));
    assert!(rows("d,s,-1,0,0.5").contains("seed is '-1'"));
    assert!(rows("d,s,NA,0,0.5").starts_with("line 3: seed is empty"));
    let message = rows("d,s,1,0,98");
    assert!(
        message.starts_with("line 3: accuracy 98 is not in [0, 1]\n  write shares"),
        "{message}"
    );
    assert!(rows("d,s,1,90,0.5").starts_with("line 3: sparsity 90 is not in [0, 1)\n  write 0.9"));
    assert!(rows("d,s,1,0,high").contains("accuracy is 'high', which is no number"));
    assert!(rows("d,s,1,0,True").contains("accuracy is 'True'"));
    assert!(rows("d,,1,0,0.5").contains("strategy is empty"));
    assert!(rows("d,s,1").starts_with("line 3: 3 cells, and the header has 5"));
    assert!(rows("7,d,s,1,0,0.5").contains("give that column a name"));
    assert!(refused("").starts_with("the file is empty"));
    assert!(refused("dataset,strategy,seed,score,metric\nd,s,1,0.5,bleu\n").contains("'bleu'"));
}

/// Nothing that a file may hold makes the harness panic: rows, separators, quotes and encodings
/// are cut, doubled, swapped and overwritten.
#[test]
fn no_file_makes_it_panic() {
    let seeds = [
        "dataset,strategy,sparsity,seed,accuracy\nmnist,rigl,0.9,0,0.5\nmnist,set,0.9,1,NA\n",
        "sep=;\r\nTask;Method;Density;Seed;\"Acc (%)\"\r\nm;\"a;b\";0,1;1,0;98,4 %\r\n",
        "\u{feff},data set,algo,params,seed,score,metric,status,training,model_params\n\
         0,é,r,\"{\"\"a\"\":[1]}\",1e3,-inf,f1,timed-out,\"{\"\"epochs\"\":3}\",{}\n",
    ];
    // Knuth's multiplier; the upper bits are the random ones.
    let mut state = 1_u64;
    let mut below = |bound: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound.max(1)
    };
    let bits: &[&[u8]] = &[
        b",",
        b";",
        b"\t",
        b"\"",
        b"\n",
        b"\r",
        b"\0",
        b"\xFF\xFE",
        b"\xEF\xBB\xBF",
        b"[",
        b"]",
        b"%",
        b"-",
        b"1e999",
        b"18446744073709551616",
        b"NaN",
        b"{\"name\":7}",
        b"=",
        b" ",
        b"\xE9",
    ];
    let mut read = 0;
    for round in 0..3000 {
        let mut bytes = seeds[round % seeds.len()].as_bytes().to_vec();
        if round % 5 == 0 {
            let units = seeds[round % seeds.len()].encode_utf16();
            bytes = units.flat_map(u16::to_le_bytes).collect();
        }
        for _ in 0..1 + below(4) {
            let at = below(bytes.len());
            match below(4) {
                0 => bytes.truncate(at),
                1 => {
                    let piece = bits[below(bits.len())];
                    bytes.splice(at..at, piece.iter().copied());
                }
                2 => {
                    let end = at + below(bytes.len() - at + 1);
                    let copy = bytes[at..end].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = below(256) as u8;
                    }
                }
            }
        }
        if let Ok(table) = parse(&bytes) {
            read += 1;
            let _ = super::super::group::Group::of(table.entries);
        }
    }
    assert!(read > 150, "only {read} of the mutated files could be read");
}
