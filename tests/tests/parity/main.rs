//! Methods beside the rules of their reference implementations, on fixed weights and gradients.
//!
//! `generate.py` states each reference's rule in a few lines of its own and made `cases.json`. The table for
//! readers is `docs/parity.md`.

// Links every plug-in.
use harness as _;

mod case;
mod course;
mod table;

use std::panic::catch_unwind;

use case::{Case, Drawn, Masks, Round, Suite};
use course::Course;

/// With so many seeds each place of a random choice is drawn, if it can be.
const SEEDS: u64 = 400;

/// Standard deviations by which a place may be drawn more or less often than its odds say.
const SPREAD: f64 = 4.0;

#[test]
fn methods_choose_what_their_references_choose() {
    let suite = Suite::read();
    assert!(suite.cases.len() >= 24);
    // All of them, because a change of what they share shows in several.
    let failed = suite.cases.iter().filter(|case| catch_unwind(|| compare(case)).is_err());
    let failed: Vec<String> = failed.map(Case::title).collect();
    assert!(failed.is_empty(), "what is above is of {failed:#?}");
}

fn compare(case: &Case) {
    let is_random = case.rounds.iter().any(|round| round.drawn.is_some());
    let seeds = if is_random { SEEDS } else { 1 };
    let mut draws: Vec<Draws> = case.rounds.iter().map(|_| Draws::default()).collect();
    for seed in 0..seeds {
        let mut course = Course::start(case, seed);
        for (round, draws) in case.rounds.iter().zip(&mut draws) {
            let place = format!("{}, step {}, seed {seed}", case.title(), round.step);
            if !case.looks_at_start {
                course.run(round, &place);
            }
            let masks = course.masks();
            match &round.drawn {
                None => assert_eq!(masks, round.expected, "{place}"),
                Some(drawn) => draws.add(&masks, round, drawn, &place),
            }
            course.check_values(round, &place);
        }
    }
    for (round, draws) in case.rounds.iter().zip(&draws) {
        if let Some(drawn) = &round.drawn {
            draws.check(drawn, seeds, &format!("{}, step {}", case.title(), round.step));
        }
    }
}

/// How often the update of a round grew each place.
#[derive(Debug, Default)]
struct Draws(Vec<Vec<u64>>);

impl Draws {
    /// Checks what is certain for every seed and counts the rest.
    fn add(&mut self, masks: &Masks, round: &Round, drawn: &Drawn, place: &str) {
        self.0.resize_with(masks.len(), Vec::new);
        for (index, mask) in masks.iter().enumerate() {
            let place = format!("{place}, layer {index}");
            let (kept, from) = (&round.expected[index], &drawn.from[index]);
            let active = mask.iter().filter(|bit| **bit == 1).count();
            assert_eq!(active, drawn.counts[index], "{place}");
            self.0[index].resize(mask.len(), 0);
            for (entry, hits) in self.0[index].iter_mut().enumerate() {
                match kept[entry] {
                    1 => assert_eq!(mask[entry], 1, "{place}: entry {entry} is kept"),
                    _ => *hits += u64::from(mask[entry]),
                }
                assert!(*hits == 0 || from[entry] == 1, "{place}: entry {entry} cannot be drawn");
            }
        }
    }

    /// Was every place drawn that can be, and as often as its odds say?
    fn check(&self, drawn: &Drawn, seeds: u64, place: &str) {
        for (index, (hits, from)) in self.0.iter().zip(&drawn.from).enumerate() {
            let place = format!("{place}, layer {index}");
            let draws: u64 = hits.iter().sum();
            for (entry, (hits, can)) in hits.iter().zip(from).enumerate() {
                // A layer that loses nothing draws nothing.
                let is_drawn = *hits > 0 || *can == 0 || draws == 0;
                assert!(is_drawn, "{place}: entry {entry} is never drawn");
            }
            let Some(odds) = drawn.odds.get(index).filter(|odds| !odds.is_empty()) else {
                continue;
            };
            assert_eq!(draws, seeds, "{place}: odds are those of one draw");
            for (entry, (hits, odds)) in hits.iter().zip(odds).enumerate() {
                let expected = odds * seeds as f64;
                let deviation = (expected * (1.0 - odds)).sqrt();
                let is_near = (*hits as f64 - expected).abs() <= SPREAD * deviation;
                assert!(is_near, "{place}: entry {entry} is drawn {hits} times, not {expected:.0}");
            }
        }
    }
}
