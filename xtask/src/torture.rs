//! `cargo xtask torture`: grids of short trials while processes are killed and stopped, files damaged and
//! clocks turned. At the end every trial must have exactly the result that an undisturbed grid gives.

mod fault;
mod harness;
mod verdict;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::scratch::Scratch;
use crate::{Result, cannot, cargo, libtorch, note};
use fault::{Fault, FaultKind};
use harness::{Harness, TRIALS};
use verdict::{Observed, Verdict};

/// What can be typed.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Faults in all.
    #[arg(long, default_value_t = 200)]
    faults: usize,
    /// Which faults, where and when.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Keep the stores of all rounds in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
}

impl Args {
    /// As many as every change must stand.
    pub(crate) fn in_ci() -> Self {
        Self { faults: 200, seed: 0, keep: None }
    }
}

/// Faults in one store, before it is brought to its end.
const FAULTS_A_ROUND: usize = 70;

/// Harnesses that work on one store, by round.
const HARNESSES: [usize; 3] = [2, 1, 5];

/// The longest that an undisturbed harness may take for what is left.
const END: Duration = Duration::from_secs(600);

/// Runs rounds until there were enough faults.
///
/// # Errors
/// When anything was lost, doubled, wrong, hung, panicked, or stopped without saying what to do.
pub(crate) fn run(workspace: &Path, args: &Args) -> Result {
    libtorch::ensure(workspace, &libtorch::Args::default())?;
    let program = cargo::build_harness(workspace)?;
    let scratch = Scratch::new()?;
    let folder = args.keep.clone().unwrap_or_else(|| scratch.path().to_owned());
    fs::create_dir_all(&folder).map_err(|e| cannot("create", &folder, &e))?;
    let start = Instant::now();
    let quiet = folder.join("undisturbed");
    let mut undisturbed = Harness::start(&program, &quiet, None)?;
    if undisturbed.wait(END)?.code != Some(0) {
        return Err("the undisturbed grid failed: see what it said".to_owned());
    }
    let expected = verdict::scores(&quiet.join("runs"))?;
    if expected.len() != TRIALS {
        return Err(format!("the undisturbed grid has {} results, not {TRIALS}", expected.len()));
    }
    note!("{TRIALS} trials undisturbed in {:.0} s", start.elapsed().as_secs_f64());

    let mut verdict = Verdict::default();
    let mut faults = 0;
    let mut by_kind: BTreeMap<&'static str, usize> = BTreeMap::new();
    for round in 0.. {
        if faults >= args.faults {
            break;
        }
        let wanted = FAULTS_A_ROUND.min(args.faults - faults);
        let began = Instant::now();
        let mut round = Round {
            program: &program,
            folder: folder.join(format!("round-{round}")),
            random: StdRng::seed_from_u64(args.seed.wrapping_mul(1_000).wrapping_add(round)),
            harnesses: HARNESSES[round as usize % HARNESSES.len()],
            observed: Observed::default(),
            by_kind: BTreeMap::new(),
        };
        let found = round.run(wanted, &expected)?;
        let done: usize = round.by_kind.values().sum();
        note!(
            "round of {} harnesses: {done} faults in {:.0} s: {found}",
            round.harnesses,
            began.elapsed().as_secs_f64()
        );
        faults += done;
        round.by_kind.iter().for_each(|(kind, count)| *by_kind.entry(kind).or_default() += count);
        verdict.add(found);
    }
    let kinds: Vec<String> =
        by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    note!("{faults} faults, seed {}: {}", args.seed, kinds.join(", "));
    note!("{verdict}, in {:.0} s", start.elapsed().as_secs_f64());
    verdict.into_result()
}

/// One store under faults.
struct Round<'a> {
    program: &'a Path,
    folder: PathBuf,
    random: StdRng,
    harnesses: usize,
    observed: Observed,
    by_kind: BTreeMap<&'static str, usize>,
}

impl Round<'_> {
    fn run(&mut self, faults: usize, expected: &BTreeMap<String, String>) -> Result<Verdict> {
        let store = self.folder.join("runs");
        let mut verdict = Verdict::default();
        let mut running: Vec<Harness> = Vec::new();
        let mut done = 0;
        for _ in 0..3 * faults {
            if done == faults {
                break;
            }
            self.observed.look(&store, &mut verdict);
            let mut over = Vec::new();
            for mut harness in std::mem::take(&mut running) {
                match harness.poll()? {
                    Some(ended) => over.push(ended),
                    None => running.push(harness),
                }
            }
            over.iter().for_each(|ended| verdict.judge(ended));
            while running.len() < self.harnesses {
                running.push(Harness::start(self.program, &self.folder, None)?);
            }
            // From the start of a process to the middle of a trial.
            let pause = self.random.random_range(50..700);
            std::thread::sleep(Duration::from_millis(pause));
            let kind = FaultKind::draw(&mut self.random);
            let fault = Fault { kind, store: &store, program: self.program, folder: &self.folder };
            if fault.strike(&mut running, &mut self.random, &mut self.observed)? {
                *self.by_kind.entry(kind.name()).or_default() += 1;
                done += 1;
            }
            // Otherwise there was nothing to strike, such as no file yet.
        }
        for mut harness in running {
            harness.resume();
            match harness.wait(END) {
                Ok(ended) => verdict.judge(&ended),
                Err(_) => verdict.hung += 1,
            }
        }
        // What is left is trained undisturbed, failures of the faults too.
        let mut last = Harness::start(self.program, &self.folder, Some("--rerun=failed"))?;
        match last.wait(END) {
            Ok(ended) if ended.code == Some(0) => verdict.judge(&ended),
            Ok(ended) => {
                note!("the last harness ended with {:?}: {}", ended.code, ended.stderr);
                verdict.stopped += 1;
            }
            Err(_) => verdict.hung += 1,
        }
        self.observed.look(&store, &mut verdict);
        verdict.compare(&store, expected)?;
        Ok(verdict)
    }
}
