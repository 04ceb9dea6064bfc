//! Whole comparisons of files.

use std::fs;

use dst_settings::CommandLine;
use tempfile::TempDir;

use super::*;

/// The inputs that were taken badly once.
const OURS: &str = include_str!("cases/ours.csv");
const FLOAT32: &str = include_str!("cases/theirs_float32.csv");
const NAMES: &str = include_str!("cases/theirs_names.csv");
const DATASET: &str = include_str!("cases/theirs_dataset_name.csv");
const MISSING: &str = include_str!("cases/theirs_na.csv");

/// What comparing two files gives: the comparisons as `candidate place n`, and the remarks.
fn compare(ours: &[u8], theirs: &[u8], part: &str) -> Result<(Vec<String>, Remarks)> {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("ours.csv"), ours).unwrap();
    fs::write(path("theirs.csv"), theirs).unwrap();
    let typed = ["ours.csv", "theirs.csv"].map(|name| path(name) + part);
    let sides = sides(&typed[0], &typed[1], folder.path())?;
    let sides = [&sides[0], &sides[1]];
    let rule = Rule::of(sides);
    let resolved = ResolvedSettings::new(None, |_| None, CommandLine::new())?;
    let Prepared { matched, recorded, notes } = prepare(sides, &rule, &resolved)?;
    let names = relabel::names(sides, &rule);
    assert_eq!(names, ["ours", "theirs"]);
    let trials = relabel::trials(&matched.pairings, &names, &rule);
    let analysis = Analysis { control: names[1].clone(), ..recorded };
    let study = Study::new(&Experiment::new(&trials, &analysis))?;
    let comparisons = study.judgements.iter().flat_map(|judgement| {
        let heading = judgement.table.heading();
        let one = move |c: &dst_analysis::Comparison<'_>| {
            format!("{heading}: {} n={}", c.candidate.label, c.n())
        };
        judgement.comparisons.iter().map(one).collect::<Vec<_>>()
    });
    let comparisons = comparisons.collect();
    let differing = relabel::differing(&matched.pairings);
    Ok((comparisons, Remarks { notes, differing, unmatched: matched.unmatched }))
}

fn all(seeds: usize) -> Vec<String> {
    ["(dense): ours", "(rigl): ours at 90 %", "(set): ours at 90 %"]
        .map(|text| format!("mnist {text} n={seeds}"))
        .to_vec()
}

#[test]
fn a_sparsity_in_32_bits_is_the_same() {
    let (comparisons, remarks) = compare(OURS.as_bytes(), FLOAT32.as_bytes(), "").unwrap();
    assert_eq!(comparisons, all(6));
    assert!(remarks.unmatched.is_empty() && remarks.notes.is_empty(), "{remarks:?}");
}

#[test]
fn names_in_another_spelling_are_matched_and_said() {
    let (comparisons, remarks) = compare(OURS.as_bytes(), NAMES.as_bytes(), "").unwrap();
    assert_eq!(comparisons, all(6));
    assert_eq!(
        remarks.notes,
        ["taken for one strategy: rigl against RigL", "taken for one strategy: set against SET"]
    );
    let (comparisons, remarks) = compare(DATASET.as_bytes(), OURS.as_bytes(), "").unwrap();
    assert_eq!(comparisons, all(6));
    assert_eq!(remarks.notes, ["taken for one data set: MNIST against mnist"]);
}

#[test]
fn a_missing_score_leaves_its_pair_out() {
    let (comparisons, remarks) = compare(OURS.as_bytes(), MISSING.as_bytes(), "").unwrap();
    assert_eq!(comparisons, all(5));
    let text = remarks.text(["ours.csv", "theirs.csv"], 100);
    assert!(text.contains("Not compared (6 trials):"), "{text}");
    assert!(
        text.contains(
            "theirs.csv: rigl at 0.9 on mnist, seeds 2 (1 trial): the score is missing\n"
        ),
        "{text}"
    );
    assert!(text.contains("ours.csv: dense on mnist, seeds 2 (1 trial): the score is missing on"));
}

#[test]
fn what_has_no_partner_is_listed() {
    let rows = |text: &str, kept: fn(&str) -> bool| -> String {
        text.lines().filter(|line| kept(line)).map(|line| format!("{line}\n")).collect()
    };
    let theirs = rows(FLOAT32, |line| !line.contains(",set,") && !line.contains(",5,"));
    let (comparisons, remarks) = compare(OURS.as_bytes(), theirs.as_bytes(), "").unwrap();
    assert_eq!(comparisons, all(5)[..2]);
    let text = remarks.text(["ours.csv", "theirs.csv"], 100);
    assert!(text.contains("Not compared (8 trials):"), "{text}");
    assert!(
        text.contains(
            "ours.csv: set at 0.9 on mnist, seeds 0..=5 (6 trials): the other side has no set"
        ),
        "{text}"
    );
}

#[test]
fn nothing_in_common_is_said_by_what_differs() {
    let refused = |theirs: &str| {
        let error = compare(OURS.as_bytes(), theirs.as_bytes(), "").unwrap_err();
        assert_eq!(error.kind(), dst_core::ErrorKind::Usage);
        error.to_string()
    };
    let message = refused(&OURS.replace("mnist", "cifar10"));
    assert!(message.contains("no data set in common: mnist against cifar10"), "{message}");
    let message = refused("dataset,strategy,seed,acc\nmnist,snip,0,.5\n");
    assert!(message.contains("no strategy in common: dense, rigl, set against snip"), "{message}");
    let message = refused("dataset,strategy,sparsity,seed,acc\nmnist,rigl,0.8,0,.5\n");
    assert!(message.contains("no sparsity in common: 0, 0.9 against 0.8"), "{message}");
    let message = refused("dataset,strategy,sparsity,seed,acc\nmnist,rigl,0.9,7,.5\n");
    assert!(message.contains("no seed in common: 0..=5 against 7"), "{message}");
}

/// A dense network has a sparsity of its own, and is a partner at every other.
#[test]
fn seeds_that_do_not_meet_are_said_also_of_a_dense_control() {
    let folder = TempDir::new().unwrap();
    let rows = |strategy: &str, sparsity: &str, seeds: std::ops::Range<u64>| {
        let rows = seeds.map(|seed| format!("mnist,{strategy},{sparsity},{seed},0.97\n"));
        format!("dataset,strategy,sparsity,seed,acc\n{}", rows.collect::<String>())
    };
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let refused = |rigl: String, dense: String| {
        let typed = [file("a.csv", rigl) + ":rigl", file("b.csv", dense) + ":dense"];
        let sides = sides(&typed[0], &typed[1], folder.path()).unwrap();
        let sides = [&sides[0], &sides[1]];
        let resolved = ResolvedSettings::new(None, |_| None, CommandLine::new()).unwrap();
        prepare(sides, &Rule::of(sides), &resolved).map(drop).map_err(|error| error.to_string())
    };
    let message = refused(rows("rigl", "0.9", 0..6), rows("dense", "0", 100..106)).unwrap_err();
    assert!(
        message.contains(".csv:dense: no seed in common: 0..=5 against 100..=105\n  two trials"),
        "{message}"
    );
    assert_eq!(refused(rows("rigl", "0.9", 0..6), rows("dense", "0", 5..9)), Ok(()));
}

#[test]
fn encodings_and_parts_of_files() {
    let units = NAMES.encode_utf16().flat_map(u16::to_le_bytes);
    let wide: Vec<u8> = [0xFF, 0xFE].into_iter().chain(units).collect();
    let (comparisons, remarks) = compare(OURS.as_bytes(), &wide, ":rigl@90%").unwrap();
    assert_eq!(comparisons, ["mnist, rigl: ours at 90 % n=6"]);
    assert!(remarks.notes[0].ends_with("theirs.csv was read as UTF-16"), "{remarks:?}");
    assert!(remarks.unmatched.is_empty(), "{remarks:?}");
    let error = compare(OURS.as_bytes(), b"dataset,strategy\nd\xE9j\xE0", "").unwrap_err();
    assert_eq!(Exit::from(&error), Exit::Data);
}

#[test]
fn rows_that_cannot_be_told_apart_are_named() {
    let twice =
        "dataset,strategy,sparsity,seed,acc,lr\nmnist,rigl,.9,0,.5,0.1\nmnist,rigl,.9,0,.6,0.2\n";
    let error = compare(twice.as_bytes(), OURS.as_bytes(), "").unwrap_err();
    assert_eq!(Exit::from(&error), Exit::Data);
    let message = error.to_string();
    assert!(message.contains("line 3: rigl at 0.9 on mnist has seed 0 twice, first on line 2"));
    assert!(message.contains("differ in lr: ") && message.contains("NAME[lr=0.2]'"), "{message}");
    // As tables that have a row for each metric.
    let twice = "dataset,strategy,seed,score,metric\nmnist,a,0,.5,accuracy\nmnist,a,0,.6,f1\n";
    let message = compare(twice.as_bytes(), OURS.as_bytes(), "").unwrap_err().to_string();
    assert!(message.contains("differ in metric: ") && message.contains("NAME[metric=f1]'"));
}
