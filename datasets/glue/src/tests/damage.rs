//! Every task against every sort of damaged file.

use super::*;
use crate::task::{COLA, Columns, Labels, MNLI_MM};

const TASKS: [Task; 10] = [COLA, SST2, MRPC, STSB, QQP, MNLI, MNLI_MM, QNLI, RTE, WNLI];

const ROWS: usize = 12;

/// Rows of a task in its own columns, the label of the row `marked` written as `label`.
fn rows(task: &Task, marked: usize, label: Option<&str>) -> String {
    let names: Vec<&str> = match task.columns {
        Columns::Placed { .. } => vec!["source", "label", "mark", "text"],
        Columns::Named { first, second, label } => {
            // The files of MRPC end with a text, the others with the label.
            let mut names =
                [Some("index"), Some(first), second, Some(label)].map(Option::unwrap_or_default);
            if task.name == MRPC.name {
                names.rotate_right(1);
            }
            names.into_iter().filter(|name| !name.is_empty()).collect()
        }
    };
    let mut text = match task.columns {
        Columns::Placed { .. } => String::new(),
        Columns::Named { .. } => names.join("\t") + "\n",
    };
    for row in 0..ROWS {
        let known = match task.labels {
            Labels::Classes(names) => names[row % names.len()].to_owned(),
            Labels::Score(_) => format!("{}.250", row % 5),
        };
        let own = label.filter(|_| row == marked).unwrap_or(&known);
        let cells = names.iter().map(|name| match *name {
            "index" => row.to_string(),
            "source" => "gj04".to_owned(),
            "mark" => String::new(),
            "label" | "Quality" | "score" | "is_duplicate" | "gold_label" => own.to_owned(),
            _ => format!("c{} ab", " a".repeat(row % 4)),
        });
        text.push_str(&(cells.collect::<Vec<_>>().join("\t") + "\n"));
    }
    text
}

/// The task with the official training file being this one.
fn official(task: &Task, text: &str) -> Task {
    let known = hexadecimal(&sum(text.as_bytes())).leak();
    let of = |file: File| File { rows: Some(ROWS), sha256: Some(known), ..file };
    Task { train: of(task.train), test: of(task.test), broken_rows: 0, ..*task }
}

/// What a training file of these bytes leads to: an error, or what is read and said.
fn loaded(task: &Task, whole: &str, train: &[u8]) -> Result<(Vec<Vec<i64>>, String)> {
    let (folder, sources) = folder(task, "", whole);
    let file = folder.path().join("glue_data").join(task.folder).join(task.train.name);
    fs::write(file, train).unwrap();
    let dataset = load(task, &Options::default(), &sources, None)?;
    let read = [Split::Train, Split::Validation].into_iter().flat_map(|split| {
        let rows: Vec<i64> = (0..dataset.len(split) as i64).collect();
        let batch = dataset.batch(split, &rows, Device::Cpu).unwrap();
        let Input::Tokens { ids, .. } = batch.input else { panic!("text") };
        [values(&ids), values(&(batch.target * 1000))]
    });
    // All were read with a vocabulary of ten tokens.
    Ok((read.collect(), dataset.warnings()[1..].concat()))
}

#[test]
fn damaged_files_of_every_task_are_refused_or_said_to_be_others() {
    for task in &TASKS {
        let whole = rows(task, 0, None);
        let task = &official(task, &whole);
        let load = |bytes: &[u8]| loaded(task, &whole, bytes);
        let (clean, nothing) = load(whole.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(nothing, "", "{}", task.name);

        let refused = |what: &str, bytes: &[u8]| {
            let error = load(bytes).expect_err(&format!("{}: {what}", task.name));
            assert_eq!(error.kind(), dst_core::ErrorKind::Data, "{what}: {error}");
            let line = error.one_line();
            assert!(
                line.starts_with(task.name) && line.contains(task.train.name),
                "{what}: {line}"
            );
        };
        for cut in 1..=20 {
            refused(&format!("{cut} bytes are missing"), &whole.as_bytes()[..whole.len() - cut]);
        }
        let shorter = whole[..whole.len() - 1].rfind('\n').unwrap();
        refused("a row is missing", &whole.as_bytes()[..=shorter]);
        refused("nothing", b"");
        refused("one byte", b"x");
        refused("a mark alone", "\u{feff}".as_bytes());
        for label in ["maybe", "NaN", "nan", "-1", "", "7"] {
            refused(label, rows(task, 5, Some(label)).as_bytes());
        }
        refused("other columns", whole.replace('\t', ",").as_bytes());
        refused("another encoding", &[whole.as_bytes(), b"\xff\n"].concat());

        // What an editor leaves says the same.
        for same in [format!("\u{feff}{whole}"), whole.replace('\n', "\r\n")] {
            assert_eq!(load(same.as_bytes()).unwrap(), (clean.clone(), String::new()));
        }
        // Columns may stand in any order, where they have names.
        let turned: String = whole
            .lines()
            .map(|line| line.split('\t').rev().collect::<Vec<_>>().join("\t") + "\n")
            .collect();
        match task.columns {
            Columns::Placed { .. } => refused("turned columns", turned.as_bytes()),
            Columns::Named { .. } => {
                let (read, said) = load(turned.as_bytes()).unwrap();
                assert_eq!(read, clean);
                assert!(said.contains("is not the official"), "{said}");
            }
        }
        // A text that was changed is one, so it is read and said.
        let (_, said) = load(whole.replacen("c ab", "c b", 1).as_bytes()).unwrap();
        let expected = format!("is not the official {} of {}", task.train.name, task.name);
        assert!(said.contains(&expected), "{said}");
    }
}

/// The sum of their training files is not known, but not even the last byte can be missed there:
/// they end with a label.
#[test]
fn files_without_a_known_sum_end_with_a_label() {
    for task in [&QQP, &MNLI, &MNLI_MM, &QNLI] {
        assert_eq!(task.train.sha256, None);
        let whole = rows(task, 0, None);
        let known = official(task, &whole);
        let task = &Task { train: File { sha256: None, ..known.train }, ..known };
        let clean = loaded(task, &whole, whole.as_bytes()).unwrap();
        let cut = |bytes: usize| loaded(task, &whole, &whole.as_bytes()[..whole.len() - bytes]);
        assert_eq!(cut(1).unwrap(), clean);
        for bytes in 2..=20 {
            assert!(cut(bytes).is_err(), "{}: {bytes}", task.name);
        }
    }
}
