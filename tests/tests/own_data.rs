//! Data of users: folders of images, IDX files and tables, without code.

use std::fs;

use end_to_end::own_data::{book, idx, images, table};
use end_to_end::{Sandbox, said};
use serde_json::Value;

const USAGE: i32 = 2;
const DATA: i32 = 3;

/// Trainings of well under a second, which may end with one answer to everything.
const SHORT: &str = "--strategies rigl,dense --epochs 2 --batch-size 8 --seeds 0..2 --jobs 2 --no-report \
                     --accept-collapse csv";

#[test]
fn every_format_trains_first_try_and_nothing_twice() {
    let sandbox = Sandbox::new();
    table(&sandbox.path("iris.csv"), 60);
    images(&sandbox.path("lines"));
    idx(&sandbox.path("stripes"));
    let line = format!(
        "grid {SHORT},image-folder,idx --datasets csv:iris.csv,image-folder:lines,idx:stripes"
    );
    let _ = sandbox.run(&line).well();
    let results = sandbox.results();
    // Two strategies, two seeds, three data sets.
    assert_eq!(results.len(), 12);
    let names: Vec<String> = results
        .keys()
        .map(|id| {
            let spec = fs::read(sandbox.path(&format!("runs/{id}/spec.json"))).unwrap();
            let spec: Value = serde_json::from_slice(&spec).unwrap();
            spec["dataset"].as_str().unwrap().to_owned()
        })
        .collect();
    for start in ["csv:iris@", "image-folder:lines@", "idx:stripes@"] {
        assert_eq!(names.iter().filter(|name| name.starts_with(start)).count(), 4, "{names:?}");
    }
    // Where the data lie does not matter.
    fs::create_dir(sandbox.path("elsewhere")).unwrap();
    for name in ["iris.csv", "lines", "stripes"] {
        fs::rename(sandbox.path(name), sandbox.path(&format!("elsewhere/{name}"))).unwrap();
    }
    let moved = line.replace("csv:", "csv:elsewhere/").replace("folder:", "folder:elsewhere/");
    let _ = sandbox.run(&moved.replace("idx:", "idx:elsewhere/")).well();
    assert_eq!(sandbox.results(), results);
    // Reports need no data.
    fs::remove_dir_all(sandbox.path("elsewhere")).unwrap();
    let _ = sandbox.run("report").well();
    let report = sandbox.report();
    let trials = report.iter().find(|(name, _)| name.ends_with("trials.csv")).unwrap().1;
    assert!(trials.contains("csv:iris@"), "{trials}");
}

/// The network is far too small for a language and large enough for letters that follow letters.
#[test]
fn a_decoder_learns_a_text_and_reports_say_its_perplexity() {
    let sandbox = Sandbox::new();
    book(&sandbox.path("book.txt"));
    let line = "grid --strategies rigl,set,dense --datasets text:book.txt --sparsity 0.5 --epochs 2 \
                --batch-size 16 --seeds 0..2 --set text.context=16 --set decoder.layers=1 \
                --set decoder.width=16 --set decoder.heads=2 --set *.interval=5% --keep all \
                --backend auto";
    let _ = sandbox.run(line).well();
    let results = sandbox.results();
    assert_eq!(results.len(), 6);
    let report = sandbox.report();
    let file = |end: &str| report.iter().find(|(name, _)| name.ends_with(end)).unwrap().1;
    let trials = file("trials.csv");
    let mut rows = trials.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let header = rows.next().unwrap();
    // Places from the end, because cells before them hold commas; parameters follow.
    let place = header.len() - header.iter().position(|name| *name == "test_perplexity").unwrap();
    for row in rows {
        let perplexity: f64 = row[row.len() - place].parse().unwrap();
        // Guessing among all bytes has 256.
        assert!((1.0..20.0).contains(&perplexity), "{perplexity}: {row:?}");
    }
    let words = fs::read_to_string(sandbox.path("runs/report/report.md")).unwrap();
    for expected in ["perplexity", "log-likelihood", "lower is better"] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
    // Tokens of a text are no independent samples.
    assert!(!words.contains("McNemar"), "{words}");

    fs::write(sandbox.path("start.txt"), "A fox sees a hare in the gras").unwrap();
    let id = results.keys().next().unwrap();
    let said = sandbox.run(&format!("predict {id} start.txt")).well();
    let cells: Vec<&str> = said.stdout.trim().split('\t').collect();
    assert_eq!((cells.len(), cells[0]), (3, "start.txt"), "{}", said.stdout);
    assert!(cells[1].starts_with('"') && cells[1].ends_with('"'), "{}", said.stdout);
    let said = sandbox.run(&format!("predict {id} --split test")).well();
    assert!(said.stderr.contains("has no stored predictions"), "{}", said.stderr);
}

#[test]
fn changed_data_are_other_data() {
    let sandbox = Sandbox::new();
    table(&sandbox.path("iris.csv"), 60);
    let line = format!("grid {SHORT} --datasets csv:iris.csv");
    let _ = sandbox.run(&line).well();
    table(&sandbox.path("iris.csv"), 70);
    let _ = sandbox.run(&line).well();
    assert_eq!(sandbox.results().len(), 8);
    // What is left of the first cannot be predicted with the second.
    let _ = sandbox.run(&format!("{line} --set csv.test=0.3 --keep all")).well();
    let kept = fs::read_dir(sandbox.path("runs")).unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        entry.path().join("weights.safetensors").exists().then(|| entry.file_name())
    });
    let id = kept.map(|name| name.into_string().unwrap()).next().unwrap();
    fs::write(sandbox.path("new.csv"), "colour,width\nred,1\nblue,3\n").unwrap();
    let said = sandbox.run(&format!("predict {id} new.csv")).well();
    assert_eq!(said.stdout.lines().count(), 2, "{}", said.stdout);
    assert!(said.stdout.starts_with("new.csv:2\t"), "{}", said.stdout);
    table(&sandbox.path("iris.csv"), 80);
    let refusal = sandbox.run(&format!("predict {id} new.csv")).refused(DATA);
    assert!(refusal.contains("has changed: its digest begins with"), "{refusal}");
}

#[test]
fn what_was_understood_is_shown_before_training() {
    let sandbox = Sandbox::new();
    images(&sandbox.path("a, b"));
    let said = sandbox.run_with("data verify --json", &["image-folder:a, b"]).well();
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    let found = &object["datasets"][0];
    assert_eq!([&found["train"], &found["validation"], &found["test"]], [28, 4, 8]);
    assert!(found["name"].as_str().unwrap().starts_with("image-folder:a--b@"), "{found}");
    let said = sandbox
        .run_with("data verify --json --set image-folder.size=4,16", &["image-folder:a, b"])
        .well();
    let object: Value = serde_json::from_str(&said.stdout).unwrap();
    let found = object["datasets"].as_array().unwrap();
    let sizes: Vec<&Value> = found.iter().map(|found| &found["options"]["size"]).collect();
    assert_eq!(sizes, [4, 16]);
    for (line, expected) in [
        (
            "data verify mnist-10k --set image-folder.size=4",
            "'image-folder' is not among the data sets that are named",
        ),
        ("data verify mnist-10k --set mnist-10k.size=4", "size"),
        ("data verify mnist-10k --set training.epochs=3", "this is no option of a data set"),
        ("data verify --set mnist-10k.train_samples=4", "--set is for data sets that are named"),
    ] {
        let refusal = sandbox.run(line).refused(USAGE);
        assert!(refusal.contains(expected), "{refusal}");
    }
    table(&sandbox.path("iris.csv"), 60);
    let shown = sandbox.run("data verify csv:iris.csv").well().stdout;
    for expected in [
        "column of the classes: ",
        "columns of numbers: width",
        "classes; training samples of each: ",
    ] {
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
    // A comma in a path, in quotes.
    let command = "grid --strategies rigl,dense --dry-run --datasets";
    let _ = sandbox.run_with(command, &["\"image-folder:a, b\""]).well();
}

/// Whether data are named or all are meant, they are loaded as the grid would that the environment names.
#[test]
fn all_data_are_verified_with_the_options_that_are_in_force() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("data/SST-2");
    fs::create_dir_all(&folder).unwrap();
    fs::write(sandbox.path("data/vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n").unwrap();
    for (name, rows) in [("train.tsv", 67_349), ("dev.tsv", 872)] {
        let text = format!("sentence\tlabel\n{}", "a\t1\na\t0\n".repeat(rows / 2 + 1));
        let text: Vec<&str> = text.lines().take(1 + rows).collect();
        fs::write(folder.join(name), text.join("\n") + "\n").unwrap();
    }
    let verified = |names: &str| {
        let mut command = sandbox.command(&format!("data verify --json --data-dir data{names}"));
        let said = said(command.env("HARNESS_GRID", "minilm-sst2")).well();
        let object: Value = serde_json::from_str(&said.stdout).unwrap();
        object["datasets"].clone()
    };
    let named = verified(" glue/sst2 mnist-10k");
    assert_eq!(named[0]["options"], serde_json::json!({ "train_samples": 6_000 }));
    assert_eq!(named, verified(""));
}

#[test]
fn mistakes_are_named_before_anything_is_stored() {
    let sandbox = Sandbox::new();
    table(&sandbox.path("iris.csv"), 60);
    fs::write(sandbox.path("bad.csv"), "a,class\n1,x\n2\n").unwrap();
    fs::write(sandbox.path("latin.csv"), b"a,class\n1,caf\xE9\n").unwrap();
    fs::write(sandbox.path("one.csv"), "a,class\n1,x\n2,x\n").unwrap();
    fs::write(sandbox.path("tiny.txt"), "0123456789").unwrap();
    fs::create_dir(sandbox.path("empty")).unwrap();
    for (datasets, code, expected) in [
        ("csv", USAGE, "csv reads data of yours, and names none"),
        ("csv:", USAGE, "write csv:FILE"),
        ("csv:none.csv", DATA, "csv:none.csv: there is no such file or folder"),
        ("csv:bad.csv", DATA, "line 3: it has 1 cell, and the first line has 2"),
        ("csv:empty", DATA, "empty has no train.csv"),
        ("image-folder:empty", DATA, "0 folders of images were found"),
        ("image-folder:iris.csv", DATA, "iris.csv: this is a file"),
        ("idx:iris.csv", DATA, "iris.csv: this is a file"),
        ("idx:empty", DATA, "has no file *train-images-idx3-ubyte"),
        ("text:empty", DATA, "empty has no train.txt"),
        ("text:none.txt", DATA, "text:none.txt: there is no such file or folder"),
        ("text:bad.csv", DATA, "the validation part has 1 token, and a window of 128"),
        ("cvs:iris.csv", USAGE, "did you mean csv:iris.csv or text-csv:iris.csv?"),
        ("iris.csv", USAGE, "did you mean csv:iris.csv or text-csv:iris.csv?"),
        ("./book.txt", USAGE, "did you mean text:./book.txt?"),
        ("empty", USAGE, "did you mean idx:empty or image-folder:empty?"),
        ("csv:latin.csv", DATA, "/latin.csv' > '"),
        ("csv:one.csv", DATA, "--set csv.target=NAME"),
        ("text:tiny.txt", DATA, "the validation part has 1 token, and a window of 128"),
    ] {
        let line = format!("grid --strategies rigl,dense --epochs 1 --datasets {datasets}");
        let said = sandbox.run(&line).refused(code);
        assert!(said.contains(expected), "{datasets}: {said}");
        assert!(sandbox.results().is_empty(), "{datasets}");
    }
}
