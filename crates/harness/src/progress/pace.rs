//! How long the rest of a grid takes.

use std::collections::{BTreeMap, BTreeSet};

/// How much of the mean trial must be done before anything is said of the rest.
const EVIDENCE: f64 = 0.05;

/// What trials cost, and how much of it is done. The unit is whatever goes with time: operations
/// tell a trial of BERT from one of LeNet-5, where counts of trials do not.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Cost of every trial that was to be trained when the grid started.
    costs: BTreeMap<String, f64>,
    /// Those of them that are not over.
    open: BTreeSet<String>,
    running: BTreeMap<String, Part>,
    /// Cost of what ended trials did here.
    spent: f64,
}

/// How much of a trial is done, in [0, 1].
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    share: f64,
    /// What an earlier attempt had left, which says nothing about the rest: where this one began.
    resumed: Option<f64>,
}

impl Part {
    fn own(self) -> f64 {
        self.share - self.resumed.unwrap_or(self.share)
    }
}

impl Pace {
    /// For trials of these costs, by id.
    pub(crate) fn new(costs: BTreeMap<String, f64>) -> Self {
        Self { open: costs.keys().cloned().collect(), costs, ..Self::default() }
    }

    /// A trial starts here, perhaps again.
    pub(crate) fn start(&mut self, id: &str) {
        self.running.insert(id.to_owned(), Part::default());
        self.open.insert(id.to_owned());
    }

    /// A share of a trial is done. The first that is heard of is where it began.
    pub(crate) fn reach(&mut self, id: &str, share: f64) {
        let part = self.running.entry(id.to_owned()).or_default();
        part.share = share.clamp(0.0, 1.0);
        part.resumed.get_or_insert(part.share);
    }

    /// A trial finished here: what was not heard of is done, too.
    pub(crate) fn finish(&mut self, id: &str) {
        let part = self.running.entry(id.to_owned()).or_default();
        part.share = 1.0;
        // One that is too short to be heard of began at the beginning.
        part.resumed.get_or_insert(0.0);
        self.end(id);
    }

    /// A trial is over here, whether it ran or not.
    pub(crate) fn end(&mut self, id: &str) {
        let part = self.running.remove(id).unwrap_or_default();
        self.spent += self.cost(id) * part.own();
        self.open.remove(id);
    }

    /// A trial stops here and goes on later.
    pub(crate) fn postpone(&mut self, id: &str) {
        self.end(id);
        self.open.insert(id.to_owned());
    }

    /// Trials that run, in parts of trials.
    pub(crate) fn running(&self) -> f64 {
        self.running.values().map(|part| part.share).sum()
    }

    /// The time for the rest, if what was done here took `elapsed`; none while too little is done.
    pub(crate) fn left(&self, elapsed: f64) -> Option<f64> {
        let spent = self.spent + self.of_running(|part| part.own());
        let mean = self.costs.values().sum::<f64>() / self.costs.len().max(1) as f64;
        (spent > EVIDENCE * mean).then(|| self.rest() * elapsed / spent)
    }

    /// The cost of what is still to be done.
    pub(crate) fn rest(&self) -> f64 {
        let open: f64 = self.open.iter().map(|id| self.cost(id)).sum();
        open - self.of_running(|part| part.share)
    }

    fn of_running(&self, share: impl Fn(Part) -> f64) -> f64 {
        self.running.iter().map(|(id, part)| self.cost(id) * share(*part)).sum()
    }

    fn cost(&self, id: &str) -> f64 {
        self.costs.get(id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(costs: &[(&str, f64)]) -> Pace {
        Pace::new(costs.iter().map(|(id, cost)| ((*id).to_owned(), *cost)).collect())
    }

    #[test]
    fn dear_trials_take_longer() {
        let mut pace = pace(&[("small", 1.0), ("large", 9.0)]);
        pace.start("small");
        pace.reach("small", 0.0);
        assert_eq!(pace.left(1.0), None);
        pace.reach("small", 1.0);
        pace.end("small");
        assert_eq!(pace.left(10.0), Some(90.0));
        pace.start("large");
        pace.reach("large", 0.0);
        pace.reach("large", 0.5);
        assert_eq!((pace.running(), pace.left(55.0)), (0.5, Some(45.0)));
    }

    #[test]
    fn trials_too_short_to_be_heard_of_count_whole() {
        let mut pace = pace(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        pace.start("a");
        pace.finish("a");
        assert_eq!(pace.left(3.0), Some(6.0));
    }

    #[test]
    fn what_was_there_before_takes_no_time() {
        let mut pace = pace(&[("a", 2.0), ("b", 2.0)]);
        pace.start("a");
        pace.reach("a", 0.75);
        assert_eq!(pace.left(100.0), None);
        pace.finish("a");
        // A quarter of a trial took 5 s.
        assert_eq!(pace.left(5.0), Some(20.0));
    }

    #[test]
    fn a_postponed_trial_is_still_to_come() {
        let mut pace = pace(&[("a", 1.0), ("b", 1.0)]);
        pace.start("a");
        pace.reach("a", 0.0);
        pace.reach("a", 0.5);
        pace.postpone("a");
        assert_eq!((pace.running(), pace.left(10.0)), (0.0, Some(40.0)));
        // It goes on from its checkpoint.
        pace.start("a");
        pace.reach("a", 0.5);
        assert_eq!(pace.left(10.0), Some(30.0));
    }

    #[test]
    fn trials_of_others_and_early_ends_are_not_waited_for() {
        let mut pace = pace(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        pace.end("b");
        pace.start("a");
        pace.reach("a", 0.0);
        pace.reach("a", 0.2);
        pace.end("a");
        assert!((pace.left(2.0).unwrap() - 10.0).abs() < 1e-12);
        // The other process died.
        pace.start("b");
        assert!((pace.left(2.0).unwrap() - 20.0).abs() < 1e-12);
    }
}
