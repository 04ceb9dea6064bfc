//! `weights.safetensors` of one trial: the network that its test set was read with, if the trial was to
//! keep it. [`NetworkWeights`] documents the file.
//!
//! Nothing but `harness export` and `harness predict` reads it, so that one that is damaged or gone costs
//! no result.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use dst_record::record::{Outcome, Status, TrialSpec};
use dst_record::{Error, Keep, NetworkWeights, Result};

use crate::file::{self, Durability};
use crate::trial::read_counted;
use crate::{Store, TrialResult};

pub(crate) const WEIGHTS: &str = "weights.safetensors";

/// Writes the file, so that it outlives a power cut.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_weights(folder: &Path, weights: &NetworkWeights) -> Result<()> {
    file::replace(&folder.join(WEIGHTS), &weights.to_bytes()?, Durability::Synced)
}

/// Bytes of the file, if there is one.
pub(crate) fn size(folder: &Path) -> Option<u64> {
    fs::metadata(folder.join(WEIGHTS)).ok().map(|file| file.len())
}

/// Removes the file, if there is one.
///
/// # Errors
/// If the system refuses.
pub(crate) fn remove_weights(folder: &Path) -> Result<()> {
    let path = folder.join(WEIGHTS);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io("remove", &path, &error))
        }
        _ => Ok(()),
    }
}

/// Lets weights that were copied from another trial be those of `id`. What cannot be read stays as it is:
/// it is refused when somebody wants it.
pub(crate) fn rename_trial(folder: &Path, id: &str) -> Result<()> {
    let Ok(bytes) = fs::read(folder.join(WEIGHTS)) else { return Ok(()) };
    match NetworkWeights::from_bytes(&bytes) {
        Ok(weights) => write_weights(folder, &NetworkWeights { trial: id.to_owned(), ..weights }),
        Err(_) => Ok(()),
    }
}

impl Store {
    /// The network that a trial kept.
    ///
    /// # Errors
    /// If the trial is unknown, has not ended, did not train to its end, or kept no weights: the error
    /// says how to get them. If the file is damaged or of another trial.
    pub fn weights(&self, id: &str) -> Result<NetworkWeights> {
        let spec = self.spec(id)?;
        let folder = self.folder(id);
        let Some(result) = self.result(id)? else {
            return Err(Error::usage(format!("trial {id} has no result yet"))
                .hint("train it to its end, with --keep all"));
        };
        let Some(outcome) = &result.outcome else {
            return Err(Error::usage(format!(
                "trial {id} has no trained network: it ended as {}",
                result.status
            )));
        };
        let path = folder.join(WEIGHTS);
        let unaffected = |error: Error| {
            error.hint(format!(
                "the result is not affected; to have the weights again, {}",
                again(&folder)
            ))
        };
        let damaged = |error: Error| unaffected(error.at(path.display().to_string()));
        let Some(bytes) = read_counted(&folder, WEIGHTS, &result).map_err(unaffected)? else {
            return Err(self.without_weights(&spec, &result));
        };
        let weights = NetworkWeights::from_bytes(&bytes).map_err(damaged)?;
        if weights.trial != id {
            let what = format!("these are the weights of trial {}", weights.trial);
            return Err(damaged(Error::data(what)));
        }
        if weights.epoch != outcome.best_epoch {
            let (found, best) = (weights.epoch, outcome.best_epoch);
            return Err(damaged(Error::data(format!(
                "these are the weights of epoch {found}, and the result is of epoch {best}"
            ))));
        }
        Ok(weights)
    }

    /// Is there a file of kept weights?
    pub fn has_weights(&self, id: &str) -> bool {
        self.weights_size(id).is_some()
    }

    /// Bytes of the file of kept weights, if there is one.
    pub fn weights_size(&self, id: &str) -> Option<u64> {
        size(&self.folder(id))
    }

    /// Of these trials, which differ only in their seed: removes the weights that were kept until a
    /// better seed ended ([`Keep::Best`]). Those that a trial keeps in any case stay.
    ///
    /// # Errors
    /// If the store cannot be read, or a file not be removed.
    pub fn keep_best_weights(&self, group: &[TrialSpec]) -> Result<()> {
        let Some(best) = self.best_of(group)? else { return Ok(()) };
        for spec in group.iter().filter(|spec| spec.seed != best.seed) {
            let id = spec.id();
            let is_kept_for_now = self.result(&id)?.is_some_and(|result| result.keep == Keep::Best);
            if is_kept_for_now {
                remove_weights(&self.folder(&id))?;
            }
        }
        Ok(())
    }

    /// Of these trials, which differ only in their seed, the one that is best on validation: one that
    /// finished before one that collapsed, and of equal ones the smaller seed.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn best_of<'a>(&self, group: &'a [TrialSpec]) -> Result<Option<&'a TrialSpec>> {
        let mut best: Option<(&TrialSpec, Status, Outcome)> = None;
        let mut by_seed: Vec<&TrialSpec> = group.iter().collect();
        by_seed.sort_by_key(|spec| spec.seed);
        for spec in by_seed {
            let result = self.result(&spec.id())?;
            let Some((status, outcome)) = result.and_then(|it| Some((it.status, it.outcome?)))
            else {
                continue;
            };
            let is_better = best
                .as_ref()
                .is_none_or(|(_, other, earlier)| rank(status, &outcome) > rank(*other, earlier));
            if is_better {
                best = Some((spec, status, outcome));
            }
        }
        Ok(best.map(|(spec, ..)| spec))
    }

    /// Why an ended trial has no weights, and what to do.
    fn without_weights(&self, spec: &TrialSpec, result: &TrialResult) -> Error {
        let id = spec.id();
        let again = again(&self.folder(&id));
        match result.keep {
            Keep::None => {
                Error::usage(format!("trial {id} was trained without keeping its weights"))
                    .hint(format!("to have them, {again}"))
            }
            Keep::Best => {
                let seeds = self.specs().map(|specs| specs.all).unwrap_or_default();
                let group: Vec<_> =
                    seeds.into_iter().filter(|it| it.is_same_but_seed(spec)).collect();
                let best = self.best_of(&group).ok().flatten().map(TrialSpec::id);
                let hint = match best.filter(|best| *best != id) {
                    Some(best) => {
                        format!("{best} is that trial; to have these weights too, {again}")
                    }
                    None => format!("to have them again, {again}"),
                };
                Error::usage(format!(
                    "trial {id} kept no weights: another seed is better on validation, and only the \
                     best was to be kept"
                ))
                .hint(hint)
            }
            Keep::All => Error::data(format!("the weights of trial {id} are gone"))
                .hint(format!("to have them again, {again}")),
        }
    }
}

/// What to do for weights that a trial lacks. Nothing is ever trained again without being asked for.
fn again(folder: &Path) -> String {
    format!("delete {} and start the same command with --keep all", folder.display())
}

/// The larger, the better: finished or not, and the score on validation, of which a missing one is the
/// worst.
fn rank(status: Status, outcome: &Outcome) -> (bool, f64) {
    let sign = if outcome.metric.higher_is_better() { 1.0 } else { -1.0 };
    let score = outcome.validation.get(outcome.metric).filter(|score| score.is_finite());
    (status == Status::Finished, score.map_or(f64::NEG_INFINITY, |score| sign * score))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use dst_record::network_weights::{Role, WeightTensor};

    use super::*;
    use crate::testing::{failure, spec, success};
    use crate::trial::write_result;

    fn network(spec: &TrialSpec) -> NetworkWeights {
        let bias = WeightTensor::dense(Role::Parameter, vec![2], vec![0.5, 1.0]).unwrap();
        let tensors = BTreeMap::from([("fc.bias".to_owned(), bias)]);
        NetworkWeights { trial: spec.id(), epoch: 1, tensors }
    }

    /// A store with trials that scored this on validation, each with its weights.
    fn with_trials(keep: Keep, accuracies: &[f64]) -> (tempfile::TempDir, Store, Vec<TrialSpec>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        let trials = (0..).zip(accuracies).map(|(seed, accuracy)| {
            let spec = spec("set", seed);
            store.add(&spec).unwrap();
            let mut result = TrialResult { keep, ..success(&spec) };
            if let Some(outcome) = &mut result.outcome {
                outcome.validation.accuracy = Some(*accuracy);
            }
            write_weights(&store.folder(&spec.id()), &network(&spec)).unwrap();
            write_result(&store.folder(&spec.id()), &result).unwrap();
            spec
        });
        let trials = trials.collect();
        (folder, store, trials)
    }

    fn kept(store: &Store, trials: &[TrialSpec]) -> Vec<u64> {
        let kept = trials.iter().filter(|spec| store.has_weights(&spec.id()));
        kept.map(|spec| spec.seed).collect()
    }

    #[test]
    fn only_the_best_seed_stays_and_the_first_of_equals() {
        let (_folder, store, trials) = with_trials(Keep::Best, &[0.9, 0.95, 0.95, 0.5]);
        store.keep_best_weights(&trials).unwrap();
        assert_eq!(kept(&store, &trials), [1]);
        let weights = store.weights(&trials[1].id()).unwrap();
        assert_eq!(weights, network(&trials[1]));
        let error = store.weights(&trials[0].id()).unwrap_err().to_string();
        assert!(error.contains("another seed is better on validation"), "{error}");
        assert!(error.contains(&format!("{} is that trial", trials[1].id())), "{error}");
        // A result that says nothing of its network is as good as none.
        assert_eq!(store.records().unwrap().all.len(), 4);
    }

    #[test]
    fn what_is_kept_in_any_case_stays() {
        let (_folder, store, trials) = with_trials(Keep::All, &[0.9, 0.95]);
        store.keep_best_weights(&trials).unwrap();
        assert_eq!(kept(&store, &trials), [0, 1]);
        let id = trials[0].id();
        let size = store.record(&id).unwrap().unwrap().network_bytes;
        assert!(size.is_some() && size == store.weights_size(&id), "reports have the size too");
    }

    #[test]
    fn a_network_of_no_use_is_not_the_best_while_another_is() {
        let (_folder, store, mut trials) = with_trials(Keep::Best, &[0.5]);
        let collapsed = spec("set", 1);
        store.add(&collapsed).unwrap();
        let result = TrialResult { status: Status::Collapsed, ..success(&collapsed) };
        write_result(&store.folder(&collapsed.id()), &result).unwrap();
        trials.push(collapsed);
        assert_eq!(store.best_of(&trials).unwrap().map(|spec| spec.seed), Some(0));
        assert_eq!(store.best_of(&trials[1..]).unwrap().map(|spec| spec.seed), Some(1));
        assert_eq!(store.best_of(&[]).unwrap(), None);
    }

    #[test]
    fn a_damaged_file_is_refused_and_the_result_stays() {
        let (_folder, store, trials) = with_trials(Keep::All, &[0.9, 0.8]);
        let id = trials[0].id();
        let path = store.folder(&id).join(WEIGHTS);
        let refusal = || store.weights(&id).unwrap_err().to_string();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = refusal();
        assert!(
            error.contains(
                "weights.safetensors: this is not the file that the result was written with"
            ),
            "{error}"
        );
        assert!(error.contains("the result is not affected"), "{error}");
        // Without digests, as earlier versions wrote results.
        let result = store.folder(&id).join("result.json");
        let mut value: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(&result).unwrap()).unwrap();
        for key in ["digest", "files"] {
            value.as_object_mut().unwrap().remove(key).unwrap();
        }
        fs::write(&result, value.to_string()).unwrap();
        assert!(refusal().contains("these are no whole weights"));
        fs::copy(store.folder(&trials[1].id()).join(WEIGHTS), &path).unwrap();
        assert!(refusal().contains(&format!("the weights of trial {}", trials[1].id())));
        let other = NetworkWeights { epoch: 2, ..network(&trials[0]) };
        write_weights(&store.folder(&id), &other).unwrap();
        assert!(refusal().contains("of epoch 2, and the result is of epoch 1"));
        fs::remove_file(&path).unwrap();
        assert!(refusal().contains(&format!("the weights of trial {id} are gone")));
        assert_eq!(store.records().unwrap().all.len(), 2);
    }

    #[test]
    fn trials_without_weights_say_what_to_do() {
        let (_folder, store, _) = with_trials(Keep::None, &[]);
        let trial = spec("set", 7);
        let refusal = || store.weights(&trial.id()).unwrap_err().to_string();
        assert!(refusal().contains("has no trial"));
        store.add(&trial).unwrap();
        assert!(refusal().contains("has no result yet"));
        write_result(&store.folder(&trial.id()), &success(&trial)).unwrap();
        let error = refusal();
        assert!(error.contains("was trained without keeping its weights"), "{error}");
        assert!(error.contains("and start the same command with --keep all"), "{error}");
        let failed = spec("set", 8);
        store.add(&failed).unwrap();
        let result = failure(&failed, Status::Diverged, "the loss");
        write_result(&store.folder(&failed.id()), &result).unwrap();
        let error = store.weights(&failed.id()).unwrap_err().to_string();
        assert!(error.contains("has no trained network: it ended as diverged"), "{error}");
    }

    #[test]
    fn weights_go_with_a_trial_that_gets_another_name() {
        let (_folder, store, trials) = with_trials(Keep::All, &[0.9]);
        let renamed = spec("set", 5);
        assert!(store.adopt(&trials[0], &renamed).unwrap());
        assert_eq!(store.weights(&renamed.id()).unwrap(), network(&renamed));
    }
}
