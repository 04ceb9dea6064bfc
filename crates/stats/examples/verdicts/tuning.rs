//! Methods that choose among settings.

use dst_stats::verdict::{Comparison, Run, Verdict};
use rand_chacha::ChaCha8Rng;

use super::{ALPHA, GRIDS, Grid, normal, plan, run, some};
use crate::table::{
    Claim::{self, Equal, Near},
    RateTable, Row,
};

/// The share of the variance of a score that its run gives to validation and test alike; the rest is
/// noise of either set. At 1 the choice is most optimistic, at 0 it is blind; the rates of the design
/// do not say theirs, and this share was chosen because it gives them.
const SHARED: f64 = 0.8;

/// Settings of one method, all alike: the test runs of each, and which of them has the best mean on
/// validation.
struct Tuned {
    settings: Vec<Vec<Run>>,
    chosen: usize,
}

impl Tuned {
    fn new(settings: usize, seeds: usize, rng: &mut ChaCha8Rng) -> Self {
        let mut means = Vec::new();
        let mut all = Vec::new();
        for _ in 0..settings {
            let mut sum = 0.0;
            let runs = (0..seeds).map(|_| {
                let shared = SHARED.sqrt() * normal(rng);
                let mut score = || shared + (1.0 - SHARED).sqrt() * normal(rng);
                sum += score();
                run(0.0, score())
            });
            all.push(runs.collect());
            means.push(sum);
        }
        let chosen = (0..settings).max_by(|a, b| means[*a].total_cmp(&means[*b]));
        Self { settings: all, chosen: chosen.expect("there are settings") }
    }

    fn chosen(&self) -> &Vec<Run> {
        &self.settings[self.chosen]
    }
}

/// Equal methods of which one, or both, may choose among settings on validation.
pub(super) fn tuning(effort: usize) -> Vec<Row> {
    let mut table = RateTable::new(effort);
    let superior = |c: &Comparison| c.verdict == Verdict::Superior;
    let one = plan(1, 8, 0.5);
    table.add(
        "4 settings each, the chosen compared: superior",
        8,
        (0.5 * ALPHA, Near(0.015, 0.008)),
        GRIDS,
        |rng| {
            let [control, candidate] = [(); 2].map(|()| Tuned::new(4, one.seeds_planned, rng));
            let grid = Grid {
                control: control.chosen().clone(),
                candidates: vec![candidate.chosen().clone()],
            };
            some(&grid.judge(&one), superior)
        },
    );
    for (settings, chosen, all) in [(4, 0.063, 0.016), (10, 0.098, 0.013)] {
        let every = plan(settings, 8, 0.5);
        let names = [
            format!("{settings} settings, untuned control, one counted: superior"),
            format!("{settings} settings, untuned control, all counted: superior"),
            format!("{settings} settings, untuned control, fresh seeds: superior"),
        ];
        let claims = [Near(chosen, 0.008), Near(all, 0.008), Equal(0.5 * ALPHA)];
        let rows: [(&str, f64, Claim); 3] =
            std::array::from_fn(|i| (names[i].as_str(), 0.5 * ALPHA, claims[i]));
        table.add_shares(rows, 8, GRIDS, |rng| {
            let control = Tuned::new(1, one.seeds_planned, rng).settings;
            let tuned = Tuned::new(settings, one.seeds_planned, rng);
            let alone = |runs: &Vec<Run>| {
                let grid = Grid { control: control[0].clone(), candidates: vec![runs.clone()] };
                some(&grid.judge(&one), superior)
            };
            let fresh = Tuned::new(1, one.seeds_planned, rng).settings;
            let (of_chosen, of_fresh) = (alone(tuned.chosen()), alone(&fresh[0]));
            let grid = Grid { control: control[0].clone(), candidates: tuned.settings };
            let of_all = superior(&grid.judge(&every).comparisons[tuned.chosen]);
            [of_chosen, of_all, of_fresh].map(|yes| f64::from(u8::from(yes)))
        });
    }
    table.rows()
}
