//! What documents show: every command is one that the harness takes, and most of them are run.
//!
//! A command that cannot be run here stands in [`NOT_RUN`] with the reason; all others are run in a folder where a
//! small grid was trained, so that what they name is there. Grids are run with `--dry-run`.

mod methods;
mod pages;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use end_to_end::{ProcessOutput, Sandbox, TINY, own_data, said, workspace};

use shown::Shown;

/// What commands contain that are parsed and not run, and why.
const NOT_RUN: &[(&str, &str)] = &[
    (" bench ", "it times steps for most of a minute"),
    (" data fetch ", "it uses the network; hub.rs fetches from a server of its own"),
    (" cancel ", "it needs a cluster; slurm.rs has one"),
    (" new-", "it writes into the clone; scaffold.rs runs it in another folder"),
    ("my-method", "there is no such strategy until the reader has made it"),
    (" grid --grid minilm-", "it wants weights that only `cargo xtask minilm` fetches"),
];

/// What commands may end with, by what they contain, where it is not 0: data of others are not here, and no
/// accelerator either.
const REFUSED: &[(&str, i32, &str)] = &[
    ("--device cuda ", 2, "device cuda is not there"),
    (" DIR ", 3, ""),
    ("--grid ", 3, ""),
    ("--datasets text-csv:", 3, "vocab.txt"),
    // The trial that stands for all is one of MNIST.
    (" predict 0123abcd new.jpg ", 3, "28 × 28"),
    (" predict TRIAL new.jpg ", 3, "28 × 28"),
];

const USAGE: i32 = 2;

#[test]
fn every_command_is_taken() {
    let commands = shown::all();
    let places: usize = commands.values().map(Vec::len).sum();
    assert!(commands.len() >= 60 && places >= 80, "{} in {places} places", commands.len());
    let refused: Vec<String> = commands
        .iter()
        .filter(|(command, _)| !is_taken(command))
        .map(|(command, places)| format!("{}: {command}", places.join(", ")))
        .collect();
    assert!(refused.is_empty(), "what is wrong stands above: {refused:#?}");
}

/// Does the command line parse it? What is wrong with it goes to standard error.
fn is_taken(command: &Shown) -> bool {
    let words = std::iter::once("harness").chain(command.words.iter().map(String::as_str));
    match harness::cli::parse(words.map(Into::into)) {
        Ok(_) => true,
        // Help was printed.
        Err(exit) => exit as u8 == 0,
    }
}

#[test]
fn commands_that_can_be_run_are() {
    let commands = shown::all();
    let desk = Desk::new();
    let mut reasons = BTreeSet::new();
    let mut failed = Vec::new();
    for (command, places) in &commands {
        let line = format!(" {} ", command.words.join(" "));
        let not_run: Vec<_> = NOT_RUN.iter().filter(|(what, _)| line.contains(what)).collect();
        reasons.extend(not_run.iter().map(|(what, _)| *what));
        if not_run.is_empty()
            && let Err(words) = desk.run(command, &line)
        {
            failed.push(format!("{}: {command}\n{words}", places.join(", ")));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} failed\n{}",
        failed.len(),
        commands.len(),
        failed.join("\n")
    );
    let stale: Vec<_> = NOT_RUN.iter().filter(|(what, _)| !reasons.contains(what)).collect();
    assert!(stale.is_empty(), "no command needs {stale:?} any more");
}

/// Where a reader types: a folder with a store, copies of it under the names that documents use, the
/// examples, and images.
struct Desk {
    plain: Sandbox,
    /// The same with two values of a parameter.
    tuned: Sandbox,
    /// Beginning of the id of a trial that kept its network.
    trial: String,
}

impl Desk {
    fn new() -> Self {
        let plain = Sandbox::new();
        let grid = format!("grid --strategies rigl,set,dense {TINY} --keep all --quiet");
        let _ = plain.run(&grid).well();
        let stores = [
            "family",
            "other/runs",
            "other-machine/runs",
            "third-machine/runs",
            "runs-gpu",
            "runs-cpu",
        ];
        for name in stores {
            copy(&plain.path("runs"), &plain.path(name));
        }
        copy(&workspace().join("examples"), &plain.path("examples"));
        fs::create_dir(plain.path("DIR")).expect("room");
        for name in ["digit.png", "other.png", "new.jpg", "other.jpg"] {
            write_digit(&plain.path(name));
        }
        for (name, example) in [("net.toml", "small-cnn.toml"), ("other.toml", "residual.toml")] {
            let example = workspace().join("examples/models").join(example);
            fs::copy(example, plain.path(name)).expect("room");
        }
        own_data::table(&plain.path("iris.csv"), 60);
        let adult = "id,age,income\n1,30,low\n".to_owned() + &"2,40,high\n3,31,low\n".repeat(30);
        fs::write(plain.path("adult.csv"), adult).expect("room");
        own_data::images(&plain.path("flowers"));
        own_data::images(&plain.path("photos"));
        own_data::idx(&plain.path("data/FashionMNIST/raw"));
        own_data::texts(&plain.path("reviews.csv"), &["text"]);
        own_data::book(&plain.path("book.txt"));
        fs::create_dir(plain.path("pairs")).expect("room");
        own_data::texts(&plain.path("pairs/train.csv"), &["question", "answer"]);
        let trial = plain.results().into_keys().next().expect("a result")[..8].to_owned();
        let tuned = Sandbox::new();
        let grid =
            format!("grid --strategies rigl,dense --set rigl.drop_fraction=0.1,0.3 {TINY} --quiet");
        let _ = tuned.run(&grid).well();
        Self { plain, tuned, trial }
    }

    /// Runs a command as it was shown, a grid without training; `line` is the same as a text.
    ///
    /// # Errors
    /// What it said, if it ended otherwise than it should.
    fn run(&self, command: &Shown, line: &str) -> Result<(), String> {
        let is_tuned = line.contains("compare rigl[");
        let sandbox = if is_tuned { &self.tuned } else { &self.plain };
        let mut process = sandbox.command("");
        process.args(command.words.iter().map(|word| match word.as_str() {
            "0123abcd" | "TRIAL" => self.trial.as_str(),
            // A variable that a script is given.
            other if other.starts_with('$') => "1",
            other => other,
        }));
        let trains = line.starts_with(" grid ")
            && !["--dry-run", "--print-config"].iter().any(|flag| line.contains(flag));
        if trains {
            process.arg("--dry-run");
        }
        let ProcessOutput { code, stdout, stderr } = said(&mut process);
        let is_fine = code == Some(0)
            || REFUSED.iter().any(|(what, refused, words)| {
                line.contains(what) && code == Some(*refused) && stderr.contains(words)
            });
        if is_fine && !stderr.contains("panicked") {
            return Ok(());
        }
        Err(format!("ended with {code:?}\n{stdout}{stderr}"))
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("room");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("room")),
        }
    }
}

/// A bar, white on black, of the size of MNIST's digits.
fn write_digit(path: &Path) {
    let pixels: Vec<u8> =
        (0..28 * 28).map(|at| if (12..16).contains(&(at % 28)) { 255 } else { 0 }).collect();
    let mut encoder = png::Encoder::new(fs::File::create(path).expect("room"), 28, 28);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().expect("room").write_image_data(&pixels).expect("room");
}

/// A flag that is not there, in a grid file or on a page, is what these tests are for.
#[test]
fn a_command_that_is_wrong_is_found() {
    let page = "Text.\n\n```sh\ncargo harness grid --grid quick --out results   # a comment\n```\n";
    let found: BTreeMap<Shown, Vec<String>> = shown::of("page.md", page).collect();
    let (command, places) = found.first_key_value().expect("a command");
    assert_eq!(command.words, ["grid", "--grid", "quick", "--out", "results"]);
    assert_eq!(places, &["page.md:4"]);
    assert!(!is_taken(command));
    let said = Sandbox::new().run("grid --grid quick --out results").refused(USAGE);
    assert!(said.contains("--out"), "{said}");
}
