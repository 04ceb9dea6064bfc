//! What is printed beside the study: trials without a partner, and what was taken for one.

use std::collections::{BTreeMap, BTreeSet};

use dst_core::record::Status;
use serde_json::{Value, json};

use super::group::seeds;
use super::matching::Pairing;
use super::unmatched::Unmatched;
use crate::text::{hanging, wrapped};

/// Rows of trials without a partner that people read; JSON has all.
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
    pub(super) unmatched: Vec<Unmatched>,
}

impl Remarks {
    /// For people, in lines of at most `width` characters. `sides` are as they were typed.
    pub(super) fn text(&self, sides: [&str; 2], width: usize) -> String {
        let mut text = String::new();
        let (training, others): (Vec<&str>, Vec<&str>) =
            self.differing.iter().map(String::as_str).partition(|text| text.starts_with(TRAINING));
        let training: Vec<&str> =
            training.iter().map(|text| text.trim_start_matches(TRAINING)).collect();
        for (what, list) in [("trained", training), ("are set up", others)] {
            if !list.is_empty() {
                let line = format!("The two {what} differently: {}.", list.join("; "));
                text.push_str(&wrapped(&line, "", width));
            }
        }
        for note in &self.notes {
            text.push_str(&wrapped(&format!("note: {note}"), "", width));
        }
        if !self.unmatched.is_empty() {
            let total: usize = self.unmatched.iter().map(|trials| trials.seeds.len()).sum();
            text.push_str(&format!("\nNot compared ({}):\n", count(total)));
            for trials in self.unmatched.iter().take(MOST) {
                let line = format!(
                    "{}: {}, seeds {} ({}): {}",
                    sides[trials.side],
                    trials.what,
                    seeds(&trials.seeds),
                    count(trials.seeds.len()),
                    trials.reason
                );
                text.push_str(&hanging(&line, "  ", "    ", width));
            }
            if let Some(more) = self.unmatched.len().checked_sub(MOST).filter(|more| *more > 0) {
                text.push_str(&format!("  and {more} more; --json lists all\n"));
            }
        }
        text
    }

    /// Settings of training in which the two differ, without their prefix.
    pub(super) fn training_differs(&self) -> Vec<&str> {
        self.differing.iter().filter_map(|text| text.strip_prefix(TRAINING)).collect()
    }

    /// Trials without a partner, for programs.
    pub(super) fn unmatched_json(&self, sides: [&str; 2]) -> Value {
        let one = |trials: &Unmatched| {
            json!({
                "side": sides[trials.side],
                "what": trials.what,
                "seeds": trials.seeds,
                "trials": trials.seeds.len(),
                "not_comparable": trials.not_comparable,
                "reason": trials.reason,
            })
        };
        self.unmatched.iter().map(one).collect()
    }
}

/// How the trials ended that were to be compared and did not finish, for a hint: a line for each
/// side of a pairing and each ending.
pub(super) fn failures(pairings: &[Pairing], sides: [&str; 2]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for pairing in pairings {
        for (group, side) in [&pairing.candidate, &pairing.control].into_iter().zip(sides) {
            let mut endings: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
            for (seed, trial) in &group.trials {
                let has_score = trial
                    .outcome
                    .as_ref()
                    .is_some_and(|outcome| outcome.test.get(pairing.metric).is_some());
                let ending = match (trial.status, trial.reason.as_str()) {
                    (Status::Finished, _) if has_score => continue,
                    (Status::Finished, _) => format!("without {}", pairing.metric.title()),
                    (status, "") => status.to_string(),
                    (status, reason) => format!("{status}: {reason}"),
                };
                endings.entry(ending).or_default().insert(*seed);
            }
            for (ending, at) in endings {
                let line = format!("{side}: {}, seeds {}: {ending}\n  ", group.what(), seeds(&at));
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
    }
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    if more > 0 {
        lines.push(format!("and {more} more\n  "));
    }
    lines.concat()
}

fn count(trials: usize) -> String {
    if trials == 1 { "1 trial".to_owned() } else { format!("{trials} trials") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::length;

    #[test]
    fn trials_without_a_partner_are_listed_with_counts_and_reasons() {
        let unmatched = |side, seeds: &[u64]| Unmatched {
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
            unmatched: vec![unmatched(0, &[0, 1, 2]), unmatched(1, &[7])],
        };
        assert_eq!(
            remarks.text(["a.csv", "b.csv"], 100),
            "The two trained differently: epochs: 2 against 1.\n\
             The two are set up differently: drop_fraction: 0.3 against 0.1.\n\
             note: taken for one strategy: SET against set\n\
             \n\
             Not compared (4 trials):\n  \
             a.csv: rigl at 0.9 on mnist, seeds 0..=2 (3 trials): no rigl there\n  \
             b.csv: rigl at 0.9 on mnist, seeds 7 (1 trial): no rigl there\n"
        );
        let json = remarks.unmatched_json(["a.csv", "b.csv"]);
        assert_eq!((&json[1]["side"], &json[1]["seeds"]), (&json!("b.csv"), &json!([7])));
        let narrow = remarks.text(["a.csv", "b.csv"], 60);
        assert!(narrow.lines().all(|line| length(line) <= 60), "{narrow}");
        remarks.unmatched = (0..20).map(|seed| unmatched(0, &[seed])).collect();
        assert!(remarks.text(["a", "b"], 100).ends_with("  and 8 more; --json lists all\n"));
        assert_eq!(Remarks::default().text(["a", "b"], 100), "");
    }
}
