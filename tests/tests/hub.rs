//! Data sets and weights from a Hub: fetched once by the parent, read from the cache by trials.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use dst_core::{ErrorKind, Result};
use dst_data::hub::{self, Hub, Snapshot, cached};
use dst_data::testing::{Column, write_parquet};
use end_to_end::hub::{COMMIT, Faults, Hub as Server};
use end_to_end::{ProcessOutput, Sandbox, said, workspace};

const USAGE: i32 = 2;
const DATA: i32 = 3;
const REPOSITORY: &str = "datasets/org/name";
const PATTERN: &str = "a/train-*.parquet";

/// Bytes that no two places have alike.
fn bytes(count: u32) -> Vec<u8> {
    (0..count).flat_map(u32::to_le_bytes).collect()
}

fn one_file(faults: Faults) -> Server {
    Server::serve(&[(REPOSITORY, "a/train-00000-of-00001.parquet", bytes(50_000))], faults)
}

fn client(server: &Server, cache: &Path) -> Hub {
    Hub {
        cache: cache.to_path_buf(),
        endpoint: server.address().to_owned(),
        token: None,
        offline: false,
        patience: Duration::from_secs(10),
    }
}

fn fetch(hub: &Hub) -> Result<Snapshot> {
    hub::fetch(hub, REPOSITORY, "main", &[PATTERN], &mut |_| {})
}

#[test]
fn a_fetched_file_is_found_in_the_standard_layout_and_not_fetched_again() {
    let server = one_file(Faults::default());
    let cache = tempfile::tempdir().unwrap();
    let hub = client(&server, cache.path());
    let (mut last, mut size) = (0, 0);
    let fetched = hub::fetch(&hub, REPOSITORY, "v1", &[PATTERN], &mut |progress| {
        assert_eq!(progress.file, "a/train-00000-of-00001.parquet");
        (last, size) = (progress.done, progress.size);
    })
    .unwrap();
    assert_eq!((last, size), (200_000, 200_000));
    assert_eq!(fetched.commit, COMMIT);
    let root = cache.path().join("datasets--org--name");
    assert_eq!(fs::read_to_string(root.join("refs/v1")).unwrap(), COMMIT);
    assert_eq!(fs::read_dir(root.join("refs")).unwrap().count(), 1);
    let file = root.join("snapshots").join(COMMIT).join("a/train-00000-of-00001.parquet");
    assert_eq!(fetched.files, [[file.clone()]]);
    assert_eq!(fs::read(&file).unwrap(), bytes(50_000));
    let blob = file.canonicalize().unwrap();
    assert_eq!(blob.parent().unwrap(), root.join("blobs").canonicalize().unwrap());
    assert_eq!(cached(&hub.at("v1"), REPOSITORY, &[PATTERN]).unwrap(), fetched);

    let before = server.requests().len();
    assert_eq!(hub::fetch(&hub, REPOSITORY, "v1", &[PATTERN], &mut |_| {}).unwrap(), fetched);
    // Only what the revision stands for was asked.
    assert_eq!(
        server.requests()[before..],
        ["/api/datasets/org/name/revision/v1?blobs=true"].map(str::to_owned)
    );
}

#[test]
fn an_interrupted_download_goes_on_where_it_ended() {
    // All attempts of the first command end in the middle of what is left.
    let server = one_file(Faults { cuts: 3, ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    let hub = client(&server, cache.path());
    let error = fetch(&hub).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(error.to_string().contains("the download failed 3 times"), "{error}");
    let missing = cached(&hub.at("main"), REPOSITORY, &[PATTERN]).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Data);
    let before = server.requests().len();
    let fetched = fetch(&hub).unwrap();
    assert_eq!(fs::read(&fetched.files[0][0]).unwrap(), bytes(50_000));
    // Half, then half of the rest, then half of that are there.
    let resumed = server.requests()[before..].iter().any(|line| line.ends_with("bytes=175000-"));
    assert!(resumed, "{:?}", server.requests());
}

#[test]
fn what_arrives_is_compared_with_what_was_announced() {
    let server = one_file(Faults { damaged: true, ..Faults::default() });
    let cache = tempfile::tempdir().unwrap();
    let hub = client(&server, cache.path());
    let error = fetch(&hub).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("what arrived is damaged: its SHA-256 is"), "{error}");
    // Nothing of it is left to be read by somebody else.
    assert!(cached(&hub.at(COMMIT), REPOSITORY, &[PATTERN]).is_err());
    let whole = cache.path().join("datasets--org--name/blobs").join(sum());
    assert!(!whole.exists());
    // A part that is longer than the file is begun anew.
    fs::write(whole.with_extension("part"), bytes(50_001)).unwrap();
    let other = one_file(Faults::default());
    let fetched = fetch(&client(&other, cache.path())).unwrap();
    assert_eq!(fs::read(&fetched.files[0][0]).unwrap(), bytes(50_000));
}

#[test]
fn a_busy_hub_is_asked_again_and_a_lying_one_writes_nowhere() {
    let cache = tempfile::tempdir().unwrap();
    let root = cache.path().join("hub");
    let busy = one_file(Faults { busy: 3, ..Faults::default() });
    let fetched = fetch(&client(&busy, &root)).unwrap();
    assert_eq!(fs::read(&fetched.files[0][0]).unwrap(), bytes(50_000));
    let closed = one_file(Faults { busy: 9, ..Faults::default() });
    let error = fetch(&client(&closed, &root)).unwrap_err();
    assert!(error.to_string().contains("HTTP 429"), "{error}");

    let lies = |commit: &str, before: &str| {
        let lies = Some((commit.to_owned(), before.to_owned()));
        let server = one_file(Faults { lies, ..Faults::default() });
        fetch(&client(&server, &cache.path().join("other"))).unwrap_err().to_string()
    };
    for commit in ["../../../outside", "..", "/tmp/outside", ""] {
        let error = lies(commit, "");
        assert!(error.contains("the answer is not that of a Hub"), "{commit}: {error}");
    }
    // Files with such names are none.
    let error = lies(COMMIT, "../../../../outside/");
    assert!(error.contains("there is no a/train"), "{error}");
    let left: Vec<_> = fs::read_dir(cache.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_password_in_the_endpoint_is_not_printed() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("data fetch hub:org/large");
    command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", "http://me:hunter2@127.0.0.1:9/hf");
    let output = said(&mut command);
    assert_eq!(output.code, Some(DATA), "{output:?}");
    assert!(output.stderr.contains("http://127.0.0.1:9/hf"), "{}", output.stderr);
    assert!(!format!("{output:?}").contains("hunter2"), "{output:?}");
}

fn sum() -> String {
    dst_data::file::sha256(&bytes(50_000))
}

#[test]
fn refusals_say_what_to_do_and_come_quickly() {
    let server = one_file(Faults::default());
    let cache = tempfile::tempdir().unwrap();
    let hub = client(&server, cache.path());
    let message = |hub: &Hub, repository: &str, revision: &str, pattern: &str| {
        let started = Instant::now();
        let error = hub::fetch(hub, repository, revision, &[pattern], &mut |_| {}).unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(8), "{error}");
        error.to_string()
    };
    let absent = message(&hub, "datasets/org/other", "main", PATTERN);
    assert!(absent.contains("no such repository"), "{absent}");
    let revision = message(&hub, REPOSITORY, "v9", PATTERN);
    assert!(revision.contains("no revision 'v9'"), "{revision}");
    let file = message(&hub, REPOSITORY, "main", "a/test-*.parquet");
    assert!(file.contains("there is no a/test-*.parquet at main"), "{file}");
    let offline = message(&Hub { offline: true, ..hub.clone() }, REPOSITORY, "main", PATTERN);
    assert!(offline.contains("HF_HUB_OFFLINE is set"), "{offline}");
    let closed = Hub { endpoint: "http://127.0.0.1:9".to_owned(), ..hub.clone() };
    let closed = message(&closed, REPOSITORY, "main", PATTERN);
    assert!(closed.contains("the Hub cannot be reached"), "{closed}");
    let silent = one_file(Faults { silent: true, ..Faults::default() });
    let silent = Hub { patience: Duration::from_secs(1), ..client(&silent, cache.path()) };
    let silent = message(&silent, REPOSITORY, "main", PATTERN);
    assert!(silent.contains("the Hub cannot be reached: it sent nothing for 1 s"), "{silent}");
    let secret = one_file(Faults { token: Some("hf_secret".to_owned()), ..Faults::default() });
    let secret = client(&secret, cache.path());
    let refused = message(&secret, REPOSITORY, "main", PATTERN);
    assert!(refused.contains("HTTP 401") && refused.contains("set HF_TOKEN"), "{refused}");
    let known = Hub { token: Some("hf_secret".to_owned()), ..secret };
    fetch(&known).unwrap();
}

/// Rows of STS-B as the Hub has them: real ones if `HARNESS_DATA` holds them, or else as many.
fn stsb(file: &str, rows: usize) -> Vec<u8> {
    let real = std::env::var_os("HARNESS_DATA").and_then(|folder| {
        let path = workspace().join(folder).join("glue_data/STS-B").join(file);
        fs::read_to_string(path).ok()
    });
    if real.is_none() {
        println!("no real rows: no data");
    }
    let made_up = || {
        let row = |row: usize| format!("c a{}\td b\t{}.5\n", " b".repeat(row % 5), row % 5);
        "sentence1\tsentence2\tscore\n".to_owned() + &(0..rows).map(row).collect::<String>()
    };
    let text = real.unwrap_or_else(made_up);
    let cells: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(cells.len(), rows + 1);
    let column = |name: &str| {
        let place = cells[0].iter().position(|known| *known == name).unwrap();
        cells[1..].iter().map(move |row| row[place])
    };
    let texts = |name: &str| Column::Texts(column(name).map(str::to_owned).collect());
    let scores = column("score").map(|score| score.parse().unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    write_parquet(
        &path,
        &[
            ("sentence1", texts("sentence1")),
            ("sentence2", texts("sentence2")),
            ("label", Column::Floats(scores)),
            ("idx", Column::Integers((0..rows as i64).collect())),
        ],
    );
    fs::read(path).unwrap()
}

/// A table of other columns than those of sentences.
fn questions(rows: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    let texts = vec!["c".to_owned(); rows];
    let labels = Column::Integers(vec![0; rows]);
    write_parquet(&path, &[("question", Column::Texts(texts)), ("label", labels)]);
    fs::read(path).unwrap()
}

/// Those of a BERT with [`SIZES`].
fn weights() -> Vec<u8> {
    let golden = workspace().join("crates/models/tests/golden/bert-tiny-random.safetensors");
    fs::read(golden).unwrap()
}

const SIZES: &str = "--models bert-tiny --set bert-tiny.hidden_size=8 \
                     --set bert-tiny.num_attention_heads=2 --set bert-tiny.intermediate_size=16 \
                     --set bert-tiny.vocab_size=40 --set bert-tiny.max_position_embeddings=12 \
                     --set glue/stsb.max_length=12 --epochs 1";

const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nd\n";

/// A Hub with STS-B, a vocabulary, MNIST cut short, and weights for a small BERT.
fn hub_with_data() -> Server {
    let glue = "datasets/nyu-mll/glue";
    Server::serve(
        &[
            (glue, "stsb/train-00000-of-00001.parquet", stsb("train.tsv", 5_749)),
            (glue, "stsb/validation-00000-of-00001.parquet", stsb("dev.tsv", 1_500)),
            ("google-bert/bert-base-uncased", "vocab.txt", VOCABULARY.into()),
            ("datasets/ylecun/mnist", "mnist/train-00000-of-00001.parquet", questions(71)),
            ("datasets/ylecun/mnist", "mnist/test-00000-of-00001.parquet", questions(71)),
            (glue, "rte/train-00000-of-00001.parquet", questions(2_490)),
            (glue, "rte/validation-00000-of-00001.parquet", questions(277)),
            ("org/small-bert", "model.safetensors", b"not weights".to_vec()),
            ("org/small-bert", "config.json", b"{}".to_vec()),
            ("org/small-bert", "vocab.txt", b"a\nb\n".to_vec()),
            ("org/true-bert", "model.safetensors", weights()),
            ("org/true-bert", "config.json", b"{}".to_vec()),
            ("org/true-bert", "vocab.txt", format!("{VOCABULARY}other\n").into()),
            ("org/true-bert", "tokenizer_config.json", br#"{"do_lower_case": true}"#.to_vec()),
        ],
        Faults::default(),
    )
}

fn online(sandbox: &Sandbox, server: &Server, line: &str) -> ProcessOutput {
    let mut command: Command = sandbox.command(line);
    command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", server.address());
    command.env("HARNESS_CACHE", sandbox.path("tokens"));
    said(&mut command)
}

const BERT: &str = "--models bert-tiny --set bert-tiny.num_hidden_layers=1 \
                    --set bert-tiny.hidden_size=8 --set bert-tiny.intermediate_size=8 \
                    --epochs 1 --seeds 0";

#[test]
fn a_data_set_is_fetched_listed_verified_and_trained_offline() {
    let (sandbox, server) = (Sandbox::new(), hub_with_data());
    let listed = |sandbox: &Sandbox| {
        let all = sandbox.run("data list glue --json").well().stdout;
        let all: serde_json::Value = serde_json::from_str(&all).unwrap();
        assert_eq!(all["datasets"].as_array().unwrap().len(), 10);
        let said = sandbox.run("data list glue/stsb mnist-10k --json").well();
        let list: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        [0, 1].map(|index| list["datasets"][index]["found"].as_bool().unwrap())
    };
    assert_eq!(listed(&sandbox), [false, true]);
    let said = online(&sandbox, &server, "data fetch glue/stsb").well();
    assert!(said.stdout.contains(&format!("datasets/nyu-mll/glue at {COMMIT}")), "{said:?}");
    assert!(said.stderr.contains("stsb/train-00000-of-00001.parquet"), "{said:?}");
    assert_eq!(listed(&sandbox), [true, true]);
    // From here on there is no network.
    let said = sandbox.run("data verify glue/stsb --json").well();
    let verified: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let stsb = &verified["datasets"][0];
    assert_eq!([&stsb["train"], &stsb["validation"], &stsb["test"]], [5_175, 574, 1_500]);
    assert!(stsb["origin"].as_str().unwrap().contains(COMMIT), "{stsb}");
    assert_eq!(stsb["digest"].as_str().unwrap().len(), 64);
    let line = format!("grid --strategies dense --datasets glue/stsb {BERT}");
    let _ = sandbox.run(&line).well();
    let results = sandbox.results();
    let result: serde_json::Value =
        serde_json::from_slice(results.values().next().unwrap()).unwrap();
    assert_eq!(result["provenance"]["data_digest"], stsb["digest"]);
    assert_eq!(result["provenance"]["data_origin"], stsb["origin"]);
}

#[test]
fn a_grid_fetches_what_is_nowhere_before_it_trains() {
    let (sandbox, server) = (Sandbox::new(), hub_with_data());
    let line = format!("grid --strategies dense --datasets glue/stsb {BERT}");
    let offline = sandbox.run(&line).refused(DATA);
    for part in ["glue/stsb", "HF_HUB_OFFLINE", "harness data fetch glue/stsb", "--data-dir"] {
        assert!(offline.contains(part), "{part}: {offline}");
    }
    // Whoever only looks does not wait for a download.
    let dry = online(&sandbox, &server, &format!("{line} --dry-run")).refused(DATA);
    assert!(dry.contains("a dry run fetches nothing"), "{dry}");
    assert_eq!(server.requests().len(), 0);
    let _ = online(&sandbox, &server, &line).well();
    let asked = server.requests().len();
    assert_eq!(sandbox.results().len(), 1);
    // Another seed finds it in the cache.
    let _ = online(&sandbox, &server, &line.replace("--seeds 0", "--seeds 1")).well();
    assert_eq!(server.requests().len(), asked);
    // A revision that the cache lacks is fetched under its own name.
    let pinned = format!("{line} --hub-revision v1").replace("--seeds 0", "--seeds 2");
    let _ = online(&sandbox, &server, &pinned).well();
    assert!(server.requests()[asked..].iter().any(|line| line.contains("/revision/v1")));
    assert_eq!(sandbox.results().len(), 3);
}

#[test]
fn data_of_another_schema_are_refused_after_the_download() {
    let (sandbox, server) = (Sandbox::new(), hub_with_data());
    let message =
        online(&sandbox, &server, "grid --strategies dense --datasets mnist").refused(DATA);
    assert!(message.contains("it has 71 rows, where 60000 are expected"), "{message}");
    let columns =
        online(&sandbox, &server, "grid --strategies dense --datasets glue/rte").refused(DATA);
    for part in ["glue/rte", "train-00000-of-00001.parquet", "no column 'sentence1'"] {
        assert!(columns.contains(part), "{part}: {columns}");
    }
    assert!(sandbox.results().is_empty());
    let cifar =
        online(&sandbox, &server, "grid --strategies dense --datasets cifar10").refused(DATA);
    for part in ["data_batch_1.bin", "fetching it failed", "no such repository"] {
        assert!(cifar.contains(part), "{part}: {cifar}");
    }
}

#[test]
fn weights_of_the_hub_are_fetched_by_name() {
    let (sandbox, server) = (Sandbox::new(), hub_with_data());
    let _ = online(&sandbox, &server, "data fetch glue/stsb --quiet").well();
    let grid = format!("grid --strategies dense --datasets glue/stsb {BERT}");
    let with = |weights: &str| format!("{grid} --set bert-tiny.weights={weights}");
    let absent = sandbox.run(&with("hub:org/small-bert")).refused(DATA);
    for part in ["org/small-bert is not in the cache", "HF_HUB_OFFLINE"] {
        assert!(absent.contains(part), "{part}: {absent}");
    }
    let said = online(&sandbox, &server, "data fetch hub:org/small-bert").well();
    assert!(said.stdout.contains(&format!("org/small-bert at {COMMIT}")), "{said:?}");
    // They are found without the network, the model's own vocabulary first. It is of no use.
    let broken = sandbox.run(&with("hub:org/small-bert")).refused(DATA);
    for part in ["models--org--small-bert", "vocab.txt: there is no token [UNK]"] {
        assert!(broken.contains(part), "{part}: {broken}");
    }
    // Another may be named. The weights are none.
    fs::write(sandbox.path("vocab.txt"), VOCABULARY).unwrap();
    let named = format!("{} --set glue/stsb.vocabulary=vocab.txt", with("hub:org/small-bert"));
    let broken = sandbox.run(&named).refused(DATA);
    assert!(broken.contains("this is not a whole safetensors file"), "{broken}");
    let unknown = online(&sandbox, &server, &with("hub:org/none@v1")).refused(DATA);
    assert!(unknown.contains("no such repository"), "{unknown}");
    let _ = sandbox.run(&with("hub:a/b/c")).refused(USAGE);
}

/// Seeds of old and new weights never stand in one mean: weights are known by what they say, not by
/// their path.
#[test]
fn seeds_of_old_and_new_weights_are_not_mixed() {
    let (sandbox, server) = (Sandbox::new(), hub_with_data());
    let _ = online(&sandbox, &server, "data fetch glue/stsb --quiet").well();
    fs::create_dir(sandbox.path("W")).unwrap();
    let mut bytes = weights();
    fs::write(sandbox.path("W/model.safetensors"), &bytes).unwrap();
    fs::write(sandbox.path("W/vocab.txt"), VOCABULARY).unwrap();
    let grid = |seeds: &str| {
        let grid = "grid --strategies dense --datasets glue/stsb --no-report";
        format!("{grid} {SIZES} --set bert-tiny.weights=W/model.safetensors --seeds {seeds}")
    };
    let _ = sandbox.run(&grid("0")).well();
    // The lowest bit of a number: another network, of the same shape.
    *bytes.iter_mut().rev().nth(3).unwrap() ^= 1;
    fs::write(sandbox.path("W/model.safetensors"), &bytes).unwrap();
    let said = sandbox.run(&grid("0..2")).well();
    let expected = "1 of 1 results started from other weights (bert-tiny): trained again";
    for part in [expected, "2 of 2 trials to train"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
    let digest = dst_data::file::sha256(&bytes);
    for (id, result) in sandbox.results() {
        let result = String::from_utf8(result).unwrap();
        assert!(result.contains(&digest), "{id}: {result}");
    }

    // Data that is gone says nothing against what is done.
    fs::remove_dir_all(sandbox.path("hub-home")).unwrap();
    let said = sandbox.run(&grid("0..2")).well();
    for part in ["all 2 trials are done", "weights is not known: ", "stsb"] {
        assert!(said.stderr.contains(part), "{part}: {}", said.stderr);
    }
}

/// The Hub sends large files from elsewhere.
#[test]
fn files_that_lie_elsewhere_are_fetched_by_who_shows_the_token() {
    let token = Some("hf_secret".to_owned());
    let faults = Faults { redirects: true, token, ..Faults::default() };
    let server = Server::serve(
        &[
            ("org/large", "model.safetensors", bytes(50_000)),
            ("org/large", "config.json", b"{}".to_vec()),
        ],
        faults,
    );
    let sandbox = Sandbox::new();
    let fetch = |token: Option<&str>| {
        let mut command = sandbox.command("data fetch hub:org/large");
        command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", server.address());
        command.envs(token.map(|token| ("HF_TOKEN", token)));
        said(&mut command)
    };
    let refused = fetch(None).refused(DATA);
    assert!(refused.contains("set HF_TOKEN"), "{refused}");
    let wrong = fetch(Some("hf_other")).refused(DATA);
    assert!(wrong.contains("check HF_TOKEN") && !wrong.contains("hf_other"), "{wrong}");
    let _ = fetch(Some("hf_secret")).well();
    let folder = sandbox.path("hub-home/hub/models--org--large");
    let file = folder.join("snapshots").join(COMMIT).join("model.safetensors");
    assert_eq!(fs::read(&file).unwrap(), bytes(50_000));
    // Under the sum of the file, not under what the pointer is called.
    assert_eq!(file.canonicalize().unwrap().file_name().unwrap(), sum().as_str());
    let elsewhere = server.requests().iter().filter(|line| line.starts_with("/elsewhere/")).count();
    assert!(elsewhere >= 1, "{:?}", server.requests());
}

/// Other tools leave weights in the cache without their vocabulary.
#[test]
fn trials_read_texts_with_the_vocabulary_of_their_weights_which_a_grid_fetches() {
    let (sandbox, server) = (Sandbox::new(), hub_with_data());
    let _ = online(&sandbox, &server, "data fetch glue/stsb --quiet").well();
    let hub = client(&server, &sandbox.path("hub-home/hub"));
    hub::fetch(&hub, "org/true-bert", "main", &hub::MODEL_FILES, &mut |_| {}).unwrap();
    let line = format!(
        "grid --strategies dense,rigl --datasets glue/stsb {SIZES} --no-report \
         --set bert-tiny.weights=hub:org/true-bert"
    );
    let origins = |said: &ProcessOutput| {
        let mut origins: Vec<String> = Vec::new();
        for result in sandbox.results().values() {
            let result: serde_json::Value = serde_json::from_slice(result).unwrap();
            assert_eq!(result["status"], "finished", "{result} {said:?}");
            let weights = result["provenance"]["weights_digest"].as_str().unwrap();
            assert_eq!(weights, dst_data::file::sha256(&self::weights()));
            let origin = result["provenance"]["data_origin"].as_str().unwrap();
            origins.push(origin.rsplit_once("models--").unwrap().1.to_owned());
        }
        origins.sort();
        origins
    };
    let [usual, own] = ["google-bert--bert-base-uncased", "org--true-bert"]
        .map(|model| format!("{model}/snapshots/{COMMIT}/vocab.txt"));

    // Without the network texts are read with the usual one, which is said.
    let said = sandbox.run(&format!("{line} --seeds 0")).well();
    let warning = "has weights and no vocabulary, so glue/stsb is read with";
    assert!(said.stderr.contains(warning), "{said:?}");
    assert_eq!(origins(&said), [usual.clone(), usual.clone()]);

    let said = online(&sandbox, &server, &format!("{line} --seeds 1")).well();
    assert!(!said.stderr.contains(warning), "{said:?}");
    assert_eq!(origins(&said), [usual.clone(), usual, own.clone(), own]);
    let beside = server.requests().iter().any(|line| line.contains("tokenizer_config.json"));
    assert!(beside, "{:?}", server.requests());
    // It is here now, so nobody is asked.
    let asked = server.requests().len();
    let _ = online(&sandbox, &server, &format!("{line} --seeds 2")).well();
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn names_that_cannot_be_fetched_are_explained() {
    let sandbox = Sandbox::new();
    let carried = sandbox.run("data fetch mnist-10k").refused(USAGE);
    assert!(carried.contains("carried by the crate"), "{carried}");
    let near = sandbox.run("data fetch mnits").refused(USAGE);
    assert!(near.contains("did you mean 'mnist'"), "{near}");
    let offline = sandbox.run("data fetch mnist").refused(DATA);
    assert!(offline.contains("HF_HUB_OFFLINE is set"), "{offline}");
    let digest = "f7379e67697d652a32a3ebe2f45bc1a04f8746bb1804e1e10f9affba7a89bc00";
    let said = sandbox.run("data verify mnist-10k").well();
    assert!(said.stdout.contains(&digest[..12]), "{}", said.stdout);
    let said = sandbox.run("data verify mnist-10k --json").well();
    assert!(said.stdout.contains(digest), "{}", said.stdout);
}
