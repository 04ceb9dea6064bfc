//! How long trials still take, from those that took their time already.

use std::collections::BTreeMap;
use std::fs;
use std::time::UNIX_EPOCH;

use dst_core::record::TrialSpec;
use dst_core::{BackendKind, utc};

use dst_store::{Store, TrialResult};

/// How much of a running trial must be done before its pace says anything of others.
const LEAST_SHARE_DONE: f64 = 0.05;

/// Seconds of one epoch, as observed. Masked arithmetic takes the time of the dense network, so
/// the network decides before the strategy does.
#[derive(Debug, Default)]
pub(super) struct EpochTimes {
    finished: ObservedTimes,
    /// So far; for networks of which no trial has finished.
    running: ObservedTimes,
}

/// Seconds of one epoch by network, and by network and strategy.
#[derive(Debug, Default)]
struct ObservedTimes {
    by_network: BTreeMap<String, Vec<f64>>,
    by_strategy: BTreeMap<(String, String), Vec<f64>>,
}

impl EpochTimes {
    /// A trial finished after so many seconds.
    pub(super) fn finished(&mut self, spec: &TrialSpec, seconds: f64) {
        self.finished.add(spec, seconds / epochs(spec));
    }

    /// A trial has run for so many seconds and is so far.
    pub(super) fn running(&mut self, spec: &TrialSpec, seconds: f64, fraction: f64) {
        if fraction >= LEAST_SHARE_DONE {
            self.running.add(spec, seconds / fraction / epochs(spec));
        }
    }

    /// Seconds of a whole trial; none if none like it is known.
    pub(super) fn of(&self, spec: &TrialSpec) -> Option<f64> {
        let epoch = self.finished.epoch(spec).or_else(|| self.running.epoch(spec))?;
        Some(epoch * epochs(spec))
    }
}

impl ObservedTimes {
    fn add(&mut self, spec: &TrialSpec, epoch: f64) {
        if !epoch.is_finite() || epoch < 0.0 {
            return;
        }
        let network = network(spec);
        let strategy = (network.clone(), spec.strategy_name().to_owned());
        self.by_network.entry(network).or_default().push(epoch);
        self.by_strategy.entry(strategy).or_default().push(epoch);
    }

    /// The middle one of those that are most like this trial.
    fn epoch(&self, spec: &TrialSpec) -> Option<f64> {
        let network = network(spec);
        let same = self.by_strategy.get(&(network.clone(), spec.strategy_name().to_owned()));
        let mut epochs = same.or_else(|| self.by_network.get(&network))?.clone();
        epochs.sort_by(f64::total_cmp);
        Some(epochs[epochs.len() / 2])
    }
}

fn epochs(spec: &TrialSpec) -> f64 {
    f64::from(spec.training.epochs.max(1))
}

/// How long a finished trial took: from its beginning to its result if one attempt did it all,
/// which counts evaluation and loading. A store that was copied has other times of files, and
/// then what was measured of the training must do.
pub(super) fn seconds(store: &Store, result: &TrialResult) -> f64 {
    let trained = result.outcome.as_ref().map_or(0.0, |outcome| outcome.train_seconds);
    let path = store.folder(&result.trial).join("result.json");
    let whole = || {
        let written = fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
        let since = utc::seconds(&result.provenance.started)?;
        let written = written.duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
        Some(written - since as f64)
    };
    let plausible = trained..10.0 * trained + 60.0;
    match result.provenance.attempt {
        1 => whole().filter(|whole| plausible.contains(whole)).unwrap_or(trained),
        _ => trained,
    }
}

/// What decides how long an epoch takes.
fn network(spec: &TrialSpec) -> String {
    let training = &spec.training;
    // Masked arithmetic takes the same time at every sparsity.
    let sparsity = if training.backend == BackendKind::Masked { 0.0 } else { spec.sparsity };
    format!(
        "{} {} {} {} {:?} {} {sparsity}",
        spec.dataset_label(),
        spec.model,
        training.batch_size,
        training.accumulate,
        training.precision,
        training.backend
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_store::testing::spec;

    fn trained(name: &str, epochs: u32) -> TrialSpec {
        let mut spec = spec(name, 0);
        spec.training.epochs = epochs;
        spec
    }

    #[test]
    fn the_most_similar_trials_count() {
        let mut epoch_times = EpochTimes::default();
        assert_eq!(epoch_times.of(&trained("rigl", 10)), None);
        // A tenth of 10 epochs took 3 s.
        epoch_times.running(&trained("rigl", 10), 3.0, 0.1);
        epoch_times.running(&trained("rigl", 10), 1000.0, 0.01);
        assert_eq!(epoch_times.of(&trained("rigl", 10)), Some(30.0));
        epoch_times.finished(&trained("dense", 10), 20.0);
        assert_eq!(epoch_times.of(&trained("rigl", 5)), Some(10.0));
        for seconds in [50.0, 40.0, 5000.0] {
            epoch_times.finished(&trained("rigl", 10), seconds);
        }
        assert_eq!(epoch_times.of(&trained("rigl", 5)), Some(25.0));
        let mut other = trained("rigl", 5);
        other.model = serde_json::json!({ "name": "lenet5" }).into();
        assert_eq!(epoch_times.of(&other), None);
    }
}
