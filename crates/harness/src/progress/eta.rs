//! How long the rest of a grid takes.

use std::collections::{BTreeMap, BTreeSet};

/// How much of the mean trial must be done before anything is said of the rest.
const LEAST_SHARE_DONE: f64 = 0.05;

/// What trials cost, and how much of it is done. The unit is whatever goes with time: operations
/// tell a trial of BERT from one of LeNet-5, where counts of trials do not.
#[derive(Debug, Default)]
pub(crate) struct Eta {
    /// Cost of every trial that was to be trained when the grid started.
    costs: BTreeMap<String, f64>,
    /// Those of them that are not over.
    open: BTreeSet<String>,
    running: BTreeMap<String, TrialShare>,
    /// Cost of what ended trials did here.
    spent: f64,
}

/// How much of a trial is done, in [0, 1].
#[derive(Debug, Clone, Copy, Default)]
struct TrialShare {
    done: f64,
    /// What an earlier attempt had left, which says nothing about the rest: where this one began.
    resumed: Option<f64>,
}

impl TrialShare {
    fn own(self) -> f64 {
        self.done - self.resumed.unwrap_or(self.done)
    }
}

impl Eta {
    /// For trials of these costs, by id.
    pub(crate) fn new(costs: BTreeMap<String, f64>) -> Self {
        Self { open: costs.keys().cloned().collect(), costs, ..Self::default() }
    }

    /// A trial starts here, perhaps again.
    pub(crate) fn start(&mut self, id: &str) {
        self.running.insert(id.to_owned(), TrialShare::default());
        self.open.insert(id.to_owned());
    }

    /// A share of a trial is done. The first that is heard of is where it began.
    pub(crate) fn reach(&mut self, id: &str, share: f64) {
        let trial = self.running.entry(id.to_owned()).or_default();
        trial.done = share.clamp(0.0, 1.0);
        trial.resumed.get_or_insert(trial.done);
    }

    /// A trial finished here: what was not heard of is done, too.
    pub(crate) fn finish(&mut self, id: &str) {
        let trial = self.running.entry(id.to_owned()).or_default();
        trial.done = 1.0;
        // One that is too short to be heard of began at the beginning.
        trial.resumed.get_or_insert(0.0);
        self.end(id);
    }

    /// A trial is over here, whether it ran or not.
    pub(crate) fn end(&mut self, id: &str) {
        let trial = self.running.remove(id).unwrap_or_default();
        self.spent += self.cost(id) * trial.own();
        self.open.remove(id);
    }

    /// A trial stops here and goes on later.
    pub(crate) fn postpone(&mut self, id: &str) {
        self.end(id);
        self.open.insert(id.to_owned());
    }

    /// Trials that run, in parts of trials.
    pub(crate) fn running(&self) -> f64 {
        self.running.values().map(|trial| trial.done).sum()
    }

    /// The time for the rest, if what was done here took `elapsed`; none while too little is done.
    pub(crate) fn left(&self, elapsed: f64) -> Option<f64> {
        let spent = self.spent + self.of_running(|trial| trial.own());
        let mean = self.costs.values().sum::<f64>() / self.costs.len().max(1) as f64;
        (spent > LEAST_SHARE_DONE * mean).then(|| self.rest() * elapsed / spent)
    }

    /// The cost of what is still to be done.
    pub(crate) fn rest(&self) -> f64 {
        let open: f64 = self.open.iter().map(|id| self.cost(id)).sum();
        open - self.of_running(|trial| trial.done)
    }

    fn of_running(&self, share: impl Fn(TrialShare) -> f64) -> f64 {
        self.running.iter().map(|(id, trial)| self.cost(id) * share(*trial)).sum()
    }

    fn cost(&self, id: &str) -> f64 {
        self.costs.get(id).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eta(costs: &[(&str, f64)]) -> Eta {
        Eta::new(costs.iter().map(|(id, cost)| ((*id).to_owned(), *cost)).collect())
    }

    #[test]
    fn dear_trials_take_longer() {
        let mut eta = eta(&[("small", 1.0), ("large", 9.0)]);
        eta.start("small");
        eta.reach("small", 0.0);
        assert_eq!(eta.left(1.0), None);
        eta.reach("small", 1.0);
        eta.end("small");
        assert_eq!(eta.left(10.0), Some(90.0));
        eta.start("large");
        eta.reach("large", 0.0);
        eta.reach("large", 0.5);
        assert_eq!((eta.running(), eta.left(55.0)), (0.5, Some(45.0)));
    }

    #[test]
    fn trials_too_short_to_be_heard_of_count_whole() {
        let mut eta = eta(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        eta.start("a");
        eta.finish("a");
        assert_eq!(eta.left(3.0), Some(6.0));
    }

    #[test]
    fn what_was_there_before_takes_no_time() {
        let mut eta = eta(&[("a", 2.0), ("b", 2.0)]);
        eta.start("a");
        eta.reach("a", 0.75);
        assert_eq!(eta.left(100.0), None);
        eta.finish("a");
        // A quarter of a trial took 5 s.
        assert_eq!(eta.left(5.0), Some(20.0));
    }

    #[test]
    fn a_postponed_trial_is_still_to_come() {
        let mut eta = eta(&[("a", 1.0), ("b", 1.0)]);
        eta.start("a");
        eta.reach("a", 0.0);
        eta.reach("a", 0.5);
        eta.postpone("a");
        assert_eq!((eta.running(), eta.left(10.0)), (0.0, Some(40.0)));
        // It goes on from its checkpoint.
        eta.start("a");
        eta.reach("a", 0.5);
        assert_eq!(eta.left(10.0), Some(30.0));
    }

    #[test]
    fn trials_of_others_and_early_ends_are_not_waited_for() {
        let mut eta = eta(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
        eta.end("b");
        eta.start("a");
        eta.reach("a", 0.0);
        eta.reach("a", 0.2);
        eta.end("a");
        assert!((eta.left(2.0).unwrap() - 10.0).abs() < 1e-12);
        // The other process died.
        eta.start("b");
        assert!((eta.left(2.0).unwrap() - 20.0).abs() < 1e-12);
    }
}
