//! Names of trials that give way where there is little room.

use std::collections::BTreeMap;

/// Between the parts of a name: `rigl at 90 %, mnist-10k, lenet5, seed 3`.
const BETWEEN: &str = ", ";

/// Characters of the beginning that stay before the seed does.
const HEAD: usize = 3;

/// Trials in words, by id.
#[derive(Debug, Default)]
pub(super) struct Names {
    whole: BTreeMap<String, String>,
    /// Without the parts that all trials share.
    distinct: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn new(whole: BTreeMap<String, String>) -> Self {
        let parts =
            |name: &String| -> Vec<String> { name.split(BETWEEN).map(str::to_owned).collect() };
        let mut shared: Option<Vec<String>> = None;
        for name in whole.values() {
            match &mut shared {
                None => shared = Some(parts(name)),
                Some(shared) => {
                    let parts = parts(name);
                    shared.retain(|part| parts.contains(part));
                }
            }
        }
        let shared = shared.unwrap_or_default();
        let distinct = whole.iter().map(|(id, name)| {
            let own: Vec<String> =
                parts(name).into_iter().filter(|part| !shared.contains(part)).collect();
            // The only trial of a grid shares everything with itself.
            let name = if own.is_empty() { name.clone() } else { own.join(BETWEEN) };
            (id.clone(), name)
        });
        Self { distinct: distinct.collect(), whole }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.whole.len()
    }

    /// The whole name, or the id of a trial that has none.
    pub(super) fn whole<'a>(&'a self, id: &'a str) -> &'a str {
        self.whole.get(id).map_or(id, String::as_str)
    }

    /// The name in at most `width` characters: without what all trials share if it is too long,
    /// then without its middle. The last part, which is the seed, stays as long as it can.
    pub(super) fn fitted(&self, id: &str, width: usize) -> String {
        let whole = self.whole(id);
        if whole.chars().count() <= width {
            return whole.to_owned();
        }
        let distinct = self.distinct.get(id).map_or(whole, String::as_str);
        without_middle(distinct, width)
    }
}

/// `rigl drop_frac…, seed 3`.
fn without_middle(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let last = name.rfind(BETWEEN).map_or("", |at| &name[at..]);
    let tails = [last, last.trim_start_matches(BETWEEN), ""];
    let room = |tail: &str| width.saturating_sub(tail.chars().count() + 1);
    let tail = tails.into_iter().find(|tail| room(tail) >= HEAD).unwrap_or_default();
    let head = room(tail);
    let mut text: String = name.chars().take(head).collect();
    if width > 0 {
        text.push('…');
    }
    text + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Names {
        let names = list.iter().enumerate().map(|(id, name)| (id.to_string(), (*name).to_owned()));
        Names::new(names.collect())
    }

    #[test]
    fn what_all_trials_share_goes_first() {
        let names = names(&[
            "rigl at 90 %, mnist-10k, lenet5, seed 0",
            "rigl at 95 %, mnist-10k, lenet5, seed 0",
            "dense, mnist-10k, lenet5, seed 1",
        ]);
        assert_eq!(names.fitted("0", 39), "rigl at 90 %, mnist-10k, lenet5, seed 0");
        assert_eq!(names.fitted("0", 38), "rigl at 90 %, seed 0");
        assert_eq!(names.fitted("2", 20), "dense, seed 1");
        assert_eq!(names.fitted("unknown", 3), "un…");
    }

    #[test]
    fn the_seed_stays_and_the_middle_goes() {
        let long = "prune-regrow drop_fraction=0.1 at 90 %, seed 3";
        assert_eq!(without_middle(long, 46), long);
        assert_eq!(without_middle(long, 30), "prune-regrow drop_fra…, seed 3");
        assert_eq!(without_middle(long, 17), "prune-re…, seed 3");
        assert_eq!(without_middle(long, 11), "prun…seed 3");
        assert_eq!(without_middle(long, 10), "pru…seed 3");
        assert_eq!(without_middle(long, 9), "prune-re…");
        assert_eq!(without_middle(long, 1), "…");
        assert_eq!(without_middle(long, 0), "");
    }

    #[test]
    fn the_only_trial_keeps_its_name() {
        let names = names(&["rigl at 90 %, mnist-10k, lenet5, seed 0"]);
        assert_eq!(names.fitted("0", 20), "rigl at 90 …, seed 0");
    }
}
