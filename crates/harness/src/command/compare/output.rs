//! What is printed beside the study: what stands alone, and what was taken for one.

use serde_json::{Value, json};

use super::group::seeds;
use super::matching::Alone;
use crate::table::wrapped;

/// Lines are at most this long.
const WIDTH: usize = 100;

/// Rows of what stands alone that people read; JSON has all.
const MOST: usize = 12;

/// What keys of training begin with.
const TRAINING: &str = "training.";

/// What a reader of the comparison must know.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    /// What was taken for one, and how files were read, in sentences without a full stop.
    pub(super) notes: Vec<String>,
    /// Settings in which the two differ though nobody asked for it.
    pub(super) differing: Vec<String>,
    /// Trials that are compared with nothing.
    pub(super) alone: Vec<Alone>,
}

impl Remarks {
    /// For people. `sides` are as they were typed.
    pub(super) fn text(&self, sides: [&str; 2]) -> String {
        let mut text = String::new();
        let (training, others): (Vec<&str>, Vec<&str>) =
            self.differing.iter().map(String::as_str).partition(|text| text.starts_with(TRAINING));
        let training: Vec<&str> =
            training.iter().map(|text| text.trim_start_matches(TRAINING)).collect();
        for (what, list) in [("trained", training), ("are set up", others)] {
            if !list.is_empty() {
                let line = format!("The two {what} differently: {}.", list.join("; "));
                text.push_str(&wrapped(&line, "", WIDTH));
            }
        }
        for note in &self.notes {
            text.push_str(&wrapped(&format!("note: {note}"), "", WIDTH));
        }
        if !self.alone.is_empty() {
            let total: usize = self.alone.iter().map(|alone| alone.seeds.len()).sum();
            text.push_str(&format!("\nNot compared ({}):\n", trials(total)));
            for alone in self.alone.iter().take(MOST) {
                let line = format!(
                    "{}: {}, seeds {} ({}): {}",
                    sides[alone.side],
                    alone.what,
                    seeds(&alone.seeds),
                    trials(alone.seeds.len()),
                    alone.reason
                );
                text.push_str(&wrapped(&line, "  ", WIDTH));
            }
            if let Some(more) = self.alone.len().checked_sub(MOST).filter(|more| *more > 0) {
                text.push_str(&format!("  and {more} more; --json lists all\n"));
            }
        }
        text
    }

    /// Settings of training in which the two differ, without their prefix.
    pub(super) fn training_differs(&self) -> Vec<&str> {
        self.differing.iter().filter_map(|text| text.strip_prefix(TRAINING)).collect()
    }

    /// What stands alone, for programs.
    pub(super) fn alone_json(&self, sides: [&str; 2]) -> Value {
        let one = |alone: &Alone| {
            json!({
                "side": sides[alone.side],
                "what": alone.what,
                "seeds": alone.seeds,
                "trials": alone.seeds.len(),
                "not_comparable": alone.not_comparable,
                "reason": alone.reason,
            })
        };
        self.alone.iter().map(one).collect()
    }
}

fn trials(count: usize) -> String {
    if count == 1 { "1 trial".to_owned() } else { format!("{count} trials") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_alone_is_listed_with_counts_and_reasons() {
        let alone = |side, seeds: &[u64]| Alone {
            side,
            what: "rigl at 0.9 on mnist".to_owned(),
            seeds: seeds.iter().copied().collect(),
            reason: "no rigl there".to_owned(),
            not_comparable: false,
        };
        let mut remarks = Remarks {
            notes: vec!["taken for one strategy: SET against set".to_owned()],
            differing: ["drop_fraction: 0.3 against 0.1", "training.epochs: 2 against 1"]
                .map(str::to_owned)
                .to_vec(),
            alone: vec![alone(0, &[0, 1, 2]), alone(1, &[7])],
        };
        assert_eq!(
            remarks.text(["a.csv", "b.csv"]),
            "The two trained differently: epochs: 2 against 1.\n\
             The two are set up differently: drop_fraction: 0.3 against 0.1.\n\
             note: taken for one strategy: SET against set\n\
             \n\
             Not compared (4 trials):\n  \
             a.csv: rigl at 0.9 on mnist, seeds 0..=2 (3 trials): no rigl there\n  \
             b.csv: rigl at 0.9 on mnist, seeds 7 (1 trial): no rigl there\n"
        );
        let json = remarks.alone_json(["a.csv", "b.csv"]);
        assert_eq!((&json[1]["side"], &json[1]["seeds"]), (&json!("b.csv"), &json!([7])));
        remarks.alone = (0..20).map(|seed| alone(0, &[seed])).collect();
        assert!(remarks.text(["a", "b"]).ends_with("  and 8 more; --json lists all\n"));
        assert_eq!(Remarks::default().text(["a", "b"]), "");
    }
}
