//! Seeded simulations of whole grids: K methods against one control that they share.
//!
//! Shared by the example that prints them and by `tests/verdict_simulation.rs`, which checks them.
//! All runs have the same standard deviation, so differences are correlated by 1/2 through the
//! control. Scores are in points; the difference has standard deviation 1 unless a row says
//! otherwise.

use dst_stats::{
    Alternative, Correction, Design, power, stream_seed,
    verdict::{Candidate, Comparison, Judgement, Run, Settings, Test, Verdict, judge},
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use rand_distr::{Distribution, Exp1, StandardNormal, StudentT};

use crate::table::{Claim, RateTable, Row};
use Claim::{AtLeast, AtMost, Equal, Near};

// The tests include this file, too, and would look for the module elsewhere.
#[path = "tuning.rs"]
mod tuning;

const ALPHA: f64 = 0.05;
const GRIDS: usize = 2_000;
const SEEDS: [usize; 4] = [5, 6, 8, 10];
/// Mean score of the control and score of a constant answer.
const CONTROL: f64 = 90.0;
const CHANCE: f64 = 10.0;

/// A group of simulations.
pub(crate) type Section = fn(usize) -> Vec<Row>;

/// All groups, by title. Each takes a factor for the count of its grids.
pub(crate) const SECTIONS: [(&str, Section); 8] = [
    ("Identical methods: some false claim", identical),
    ("True loss of the margin: some non-inferior", at_the_margin),
    ("Power of non-inferior", powers),
    ("Looks", looks),
    ("Failures", failures),
    ("Tuning", tuning::tuning),
    ("Limits: what no test cures", limits),
    ("Without the procedure", without),
];

/// The runs of one grid.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) control: Vec<Run>,
    pub(crate) candidates: Vec<Vec<Run>>,
}

impl Grid {
    /// Every run draws its score from its function.
    fn new(
        settings: &Settings,
        rng: &mut ChaCha8Rng,
        mut control: impl FnMut(&mut ChaCha8Rng) -> Run,
        mut candidate: impl FnMut(&mut ChaCha8Rng) -> Run,
    ) -> Self {
        let n = settings.seeds_planned;
        let control = (0..n).map(|_| control(rng)).collect();
        let candidates =
            (0..settings.family).map(|_| (0..n).map(|_| candidate(rng)).collect()).collect();
        Self { control, candidates }
    }

    /// Methods that all lie `effect` above the control.
    fn normal(settings: &Settings, effect: f64, rng: &mut ChaCha8Rng) -> Self {
        Self::new(settings, rng, |rng| run(0.0, normal(rng)), |rng| run(effect, normal(rng)))
    }

    /// A grid to take the time with.
    pub(crate) fn example(settings: &Settings) -> Self {
        Self::normal(settings, 0.0, &mut ChaCha8Rng::seed_from_u64(stream_seed(1, "example")))
    }

    fn judge(&self, settings: &Settings) -> Judgement {
        let candidates: Vec<Candidate<'_>> =
            self.candidates.iter().map(|runs| Candidate::new(runs)).collect();
        judge(settings, &self.control, &candidates).expect("a simulated grid can be judged")
    }

    /// The same grid after its first `seeds`.
    fn after(&self, seeds: usize) -> Self {
        let cut = |runs: &Vec<Run>| {
            let run = |(i, run): (usize, &Run)| if i < seeds { *run } else { Run::Pending };
            runs.iter().enumerate().map(run).collect()
        };
        Self { control: cut(&self.control), candidates: self.candidates.iter().map(cut).collect() }
    }
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Student's t with 3 degrees of freedom, scaled to variance 1.
fn heavy(rng: &mut ChaCha8Rng) -> f64 {
    let t: f64 = StudentT::new(3.0).expect("3 is positive").sample(rng);
    t / 3.0_f64.sqrt()
}

/// Mean 0 and variance 1 with a long tail of bad runs.
fn bad_tail(rng: &mut ChaCha8Rng) -> f64 {
    let waste: f64 = Exp1.sample(rng);
    1.0 - waste
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    f64::from(rng.next_u32()) / 4_294_967_296.0
}

/// A finished run with noise of variance 1/2, so that a difference has variance 1.
fn run(effect: f64, noise: f64) -> Run {
    Run::Finished(CONTROL + effect + noise * std::f64::consts::FRAC_1_SQRT_2)
}

fn plan(family: usize, seeds_planned: usize, margin: f64) -> Settings {
    Settings {
        margin,
        alpha: ALPHA,
        family,
        seeds_planned,
        chance: Some(CHANCE),
        ..Settings::default()
    }
}

/// Any claim of a difference, which is false if there is none.
fn differs(comparison: &Comparison) -> bool {
    comparison.verdict == Verdict::Superior || comparison.loss_shown
}

/// Any claim that the loss is below the margin.
fn excludes_the_margin(comparison: &Comparison) -> bool {
    matches!(comparison.verdict, Verdict::Superior | Verdict::NonInferior)
}

fn some(judgement: &Judgement, claim: fn(&Comparison) -> bool) -> bool {
    judgement.comparisons.iter().any(claim)
}

fn share(judgement: &Judgement, claim: fn(&Comparison) -> bool) -> f64 {
    let hits = judgement.comparisons.iter().filter(|c| claim(c)).count();
    hits as f64 / judgement.comparisons.len() as f64
}

fn identical(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let known = [
        (6, [0.046, 0.046, 0.046, 0.044]),
        (12, [0.047, 0.044, 0.043, 0.044]),
        (30, [0.044, 0.045, 0.043, 0.039]),
    ];
    for (family, rates) in known {
        for (n, rate) in SEEDS.into_iter().zip(rates) {
            for margin in [0.0, 0.5] {
                let settings = plan(family, n, margin);
                let name = format!("{family} methods, margin {margin}");
                table.add(&name, n, (ALPHA, Near(rate, 0.008)), GRIDS, |rng| {
                    some(&Grid::normal(&settings, 0.0, rng).judge(&settings), differs)
                });
            }
        }
    }
    for (family, rate) in [(6, 0.028), (12, 0.029), (30, 0.027)] {
        let settings = plan(family, 8, 0.5);
        let name = format!("{family} methods, margin 0.5, noise t with 3 df");
        table.add(&name, 8, (ALPHA, Near(rate, 0.008)), GRIDS, |rng| {
            let score = |rng: &mut ChaCha8Rng| run(0.0, heavy(rng));
            some(&Grid::new(&settings, rng, score, score).judge(&settings), differs)
        });
    }
    let settings = plan(1, 8, 0.0);
    table.add("1 method, margin 0", 8, (ALPHA, Equal(ALPHA)), GRIDS, |rng| {
        some(&Grid::normal(&settings, 0.0, rng).judge(&settings), differs)
    });
    table.rows()
}

fn at_the_margin(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let mut add = |settings: Settings, rate: f64| {
        let name = format!("{} methods, {}", settings.family, settings.test);
        let n = settings.seeds_planned;
        table.add(&name, n, (0.5 * ALPHA, Near(rate, 0.008)), GRIDS, |rng| {
            let grid = Grid::normal(&settings, -settings.margin, rng);
            some(&grid.judge(&settings), excludes_the_margin)
        });
    };
    let known = [
        (6, [0.024, 0.023, 0.025, 0.023]),
        (12, [0.024, 0.023, 0.021, 0.021]),
        (30, [0.022, 0.023, 0.022, 0.019]),
    ];
    for (family, rates) in known {
        for (n, rate) in SEEDS.into_iter().zip(rates) {
            add(plan(family, n, 1.0), rate);
        }
    }
    for (family, n, ranks, flips) in [(6, 8, 0.024, 0.020), (12, 9, 0.023, 0.021)] {
        add(Settings { test: Test::Wilcoxon, ..plan(family, n, 1.0) }, ranks);
        add(Settings { test: Test::SignFlips, ..plan(family, n, 1.0) }, flips);
    }
    table.rows()
}

fn powers(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let mut add = |settings: Settings, claim: Claim| {
        let name =
            format!("{} methods, {}, margin {}", settings.family, settings.test, settings.margin);
        let n = settings.seeds_planned;
        table.add_shares([(&name, 0.5 * ALPHA, claim)], n, GRIDS, |rng| {
            let grid = Grid::normal(&settings, 0.0, rng);
            [share(&grid.judge(&settings), excludes_the_margin)]
        });
    };
    let known = [
        (1, [0.72, 0.83, 0.95, 0.98]),
        (6, [0.38, 0.58, 0.86, 0.96]),
        (12, [0.24, 0.43, 0.76, 0.94]),
        (30, [0.10, 0.21, 0.57, 0.85]),
    ];
    for (family, rates) in known {
        for (n, rate) in SEEDS.into_iter().zip(rates) {
            add(plan(family, n, 1.5), Near(rate, 0.018));
        }
    }
    for (n, rate) in SEEDS.into_iter().zip([0.94, 1.0, 1.0, 1.0]) {
        add(plan(12, n, 3.0), Near(rate, 0.018));
    }
    for (test, rate) in [(Test::Wilcoxon, 0.87), (Test::SignFlips, 0.89)] {
        add(Settings { test, ..plan(12, 10, 1.5) }, Near(rate, 0.018));
    }
    // Of one comparison the power is known.
    let exact = power(Design::Paired, 1.0, 8.0, ALPHA, Alternative::TwoSided);
    let settings = plan(1, 8, 0.0);
    let claim = Equal(exact.expect("a legal design"));
    table.add(
        "1 method, one standard deviation better, superior",
        8,
        (ALPHA, claim),
        GRIDS,
        |rng| {
            let grid = Grid::normal(&settings, 1.0, rng);
            some(&grid.judge(&settings), differs)
        },
    );
    table.rows()
}

fn looks(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let few = |seeds, looks: &[usize]| Settings {
        minimum_pairs: 2,
        looks: looks.to_vec(),
        ..plan(1, seeds, 0.0)
    };
    // Looks at full level are those of plans that end there.
    let known: [(&str, &[usize], f64, f64); 2] = [
        ("looks at 6, 12", &[6, 12], 0.082, 0.048),
        ("looks at 3, 6, 9, 12", &[3, 6, 9, 12], 0.135, 0.040),
    ];
    for (name, looks, full, cubic) in known {
        let full_name = format!("{name}, each at full level: some false claim");
        let cubic_name = format!("{name}, cubic spending");
        let rows = [
            (full_name.as_str(), ALPHA, Near(full, 0.008)),
            (cubic_name.as_str(), ALPHA, Near(cubic, 0.008)),
        ];
        let planned = few(12, looks);
        let unplanned = Settings { seen: vec![4], ..planned.clone() };
        table.add_shares(rows, 12, GRIDS, |rng| {
            let grid = Grid::normal(&planned, 0.0, rng);
            [&unplanned, &planned].map(|settings| {
                let claims = |n: &usize| some(&grid.after(*n).judge(settings), differs);
                f64::from(u8::from(looks.iter().any(claims)))
            })
        });
    }
    let each: Vec<usize> = (3..=10).collect();
    let planned = few(10, &each);
    let unplanned = Settings { seen: vec![2], ..planned.clone() };
    let name = "looks after each seed from 3 to 10 at full level";
    table.add(name, 10, (ALPHA, Near(0.169, 0.008)), GRIDS, |rng| {
        let grid = Grid::normal(&planned, 0.0, rng);
        each.iter().any(|n| some(&grid.after(*n).judge(&unplanned), differs))
    });
    let one = plan(12, 12, 1.2);
    let halves = Settings { alpha: 0.5 * ALPHA, ..one.clone() };
    let cubic = Settings { looks: vec![6, 12], ..one.clone() };
    let rows = [
        ("12 methods, margin 1.2, power at one look", 0.5 * ALPHA, Near(0.86, 0.018)),
        ("the same, second look, alpha in halves", 0.5 * ALPHA, Near(0.74, 0.018)),
        ("the same, second look, cubic spending", 0.5 * ALPHA, Near(0.85, 0.018)),
    ];
    table.add_shares(rows, 12, GRIDS, |rng| {
        let grid = Grid::normal(&one, 0.0, rng);
        [&one, &halves, &cubic].map(|settings| share(&grid.judge(settings), excludes_the_margin))
    });
    table.rows()
}

/// A run whose score has standard deviation `sd`, or that fails with the given chance.
fn unstable(effect: f64, sd: f64, failing: f64, rng: &mut ChaCha8Rng) -> Run {
    let score = CONTROL + effect + sd * normal(rng);
    if uniform(rng) < failing { Run::Failed } else { Run::Finished(score) }
}

/// Methods 0.2 worse than the control whose worst 30 % of runs fail.
fn worst_fail(settings: &Settings, sd: f64, rng: &mut ChaCha8Rng) -> Grid {
    // The 30 % quantile of the standard normal distribution.
    let worst = -0.524_400_512_708_040_7;
    let candidate = |rng: &mut ChaCha8Rng| match normal(rng) {
        z if z < worst => Run::Failed,
        z => Run::Finished(CONTROL - 0.2 + sd * z),
    };
    Grid::new(settings, rng, |rng| unstable(0.0, sd, 0.0, rng), candidate)
}

fn failures(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let superior = |c: &Comparison| c.verdict == Verdict::Superior;
    let inferior = |c: &Comparison| c.verdict == Verdict::Inferior;
    let lower = |c: &Comparison| c.loss_shown;
    for sd in [0.5, 1.0, 2.0] {
        for family in [1, 12, 30] {
            let settings = plan(family, 8, 0.5);
            let name = format!("{family} methods 0.2 worse, worst 30 % fail, sd {sd}: superior");
            table.add(&name, 8, (0.5 * ALPHA, AtMost(0.009)), GRIDS, |rng| {
                some(&worst_fail(&settings, sd, rng).judge(&settings), superior)
            });
        }
    }
    let settings = plan(1, 8, 0.5);
    let name = "control fails in 15 %, candidate 1 better, sd 0.3: superior";
    table.add(name, 8, (ALPHA, AtLeast(0.98)), GRIDS, |rng| {
        let control = |rng: &mut ChaCha8Rng| unstable(0.0, 0.3, 0.15, rng);
        let candidate = |rng: &mut ChaCha8Rng| unstable(1.0, 0.3, 0.0, rng);
        some(&Grid::new(&settings, rng, control, candidate).judge(&settings), superior)
    });
    let name = "candidate fails in 15 %, 2 worse, sd 0.3: inferior";
    table.add(name, 8, (0.5 * ALPHA, AtLeast(0.99)), GRIDS, |rng| {
        let control = |rng: &mut ChaCha8Rng| unstable(0.0, 0.3, 0.0, rng);
        let candidate = |rng: &mut ChaCha8Rng| unstable(-2.0, 0.3, 0.15, rng);
        some(&Grid::new(&settings, rng, control, candidate).judge(&settings), inferior)
    });
    let rows = [
        ("both alike, both fail in 15 %: superior", 0.5 * ALPHA, AtMost(0.012)),
        ("the same: worse or inferior", 0.5 * ALPHA, AtMost(0.028)),
    ];
    table.add_shares(rows, 8, GRIDS, |rng| {
        let score = |rng: &mut ChaCha8Rng| unstable(0.0, 1.0, 0.15, rng);
        let judgement = Grid::new(&settings, rng, score, score).judge(&settings);
        [some(&judgement, superior), some(&judgement, lower)].map(|yes| f64::from(u8::from(yes)))
    });
    table.rows()
}

/// What many tables do: no correction, failed runs left out with their partners, and *non-inferior*
/// one-sided at the whole level.
fn without(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let plain =
        |family, n, margin| Settings { correction: Correction::None, ..plan(family, n, margin) };
    let known = [
        (6, [0.230, 0.220, 0.222, 0.216]),
        (12, [0.364, 0.357, 0.342, 0.346]),
        (30, [0.583, 0.576, 0.554, 0.536]),
    ];
    for (family, rates) in known {
        for (n, rate) in SEEDS.into_iter().zip(rates) {
            let settings = plain(family, n, 0.0);
            let name = format!("{family} identical methods: some difference");
            table.add(&name, n, (ALPHA, Near(rate, 0.012)), GRIDS, |rng| {
                some(&Grid::normal(&settings, 0.0, rng).judge(&settings), differs)
            });
        }
    }
    for (family, rate) in [(6, 0.192), (12, 0.302), (30, 0.496)] {
        let settings = plain(family, 8, 0.0);
        let name = format!("{family} identical methods, noise t with 3 df");
        table.add(&name, 8, (ALPHA, Near(rate, 0.012)), GRIDS, |rng| {
            let score = |rng: &mut ChaCha8Rng| run(0.0, heavy(rng));
            some(&Grid::new(&settings, rng, score, score).judge(&settings), differs)
        });
    }
    // Non-inferior is decided at half of alpha.
    let whole = |family, n, margin| Settings { alpha: 2.0 * ALPHA, ..plain(family, n, margin) };
    for (family, rate) in [(6, 0.20), (12, 0.29), (30, 0.43)] {
        let settings = whole(family, 8, 1.0);
        let name = format!("{family} methods at a loss of the margin: some non-inferior");
        table.add(&name, 8, (ALPHA, Near(rate, 0.012)), GRIDS, |rng| {
            let grid = Grid::normal(&settings, -settings.margin, rng);
            some(&grid.judge(&settings), excludes_the_margin)
        });
    }
    for (n, rate) in SEEDS.into_iter().zip([0.87, 0.93, 0.99, 1.0]) {
        let settings = whole(1, n, 1.5);
        table.add(
            "1 method, margin 1.5: power of non-inferior",
            n,
            (ALPHA, Near(rate, 0.018)),
            GRIDS,
            |rng| some(&Grid::normal(&settings, 0.0, rng).judge(&settings), excludes_the_margin),
        );
    }
    let superior = |c: &Comparison| c.verdict == Verdict::Superior;
    for (family, rate) in [(1, 0.07), (12, 0.39), (30, 0.58)] {
        let settings = plain(family, 8, 0.0);
        let name = format!("{family} methods 0.2 worse, worst 30 % left out, sd 2: superior");
        table.add(&name, 8, (0.5 * ALPHA, Near(rate, 0.02)), GRIDS, |rng| {
            let mut grid = worst_fail(&settings, 2.0, rng);
            for run in grid.candidates.iter_mut().flatten() {
                if *run == Run::Failed {
                    *run = Run::Missing;
                }
            }
            some(&grid.judge(&settings), superior)
        });
    }
    table.rows()
}

fn limits(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    for (family, rate) in [(1, 0.06), (6, 0.09), (12, 0.10)] {
        let settings = plan(family, 8, 1.0);
        let name = format!("{family} methods, differences with exponential tails: non-inferior");
        table.add(&name, 8, (0.5 * ALPHA, AtLeast(rate)), GRIDS, |rng| {
            // The whole difference has the tail, also its shared half, so the control has it
            // upwards. Milder asymmetry does less harm.
            let control = |rng: &mut ChaCha8Rng| run(0.0, -bad_tail(rng));
            let candidate = |rng: &mut ChaCha8Rng| run(-1.0, bad_tail(rng));
            let grid = Grid::new(&settings, rng, control, candidate);
            some(&grid.judge(&settings), excludes_the_margin)
        });
    }
    table.rows()
}
