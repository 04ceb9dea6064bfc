//! Which trials are done: a result counts if the code, the data and the weights that made it are
//! those of now.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::Analysis;
use dst_analysis::format::count;
use dst_core::Result;
use dst_core::record::{Provenance, Status, TrialSpec};
use dst_data::shards;

use super::preflight::Inputs;
use crate::cli::Rerun;
use crate::code;
use dst_executor::Outdated;
use dst_store::{Depth, Store, TrialStanding, TrialState};

/// What users may decide about results that are there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReusePolicy {
    /// What is trained again.
    pub(super) rerun: Rerun,
    /// Results of other code count.
    pub(super) accept_code: bool,
}

/// Where one trial stands.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    state: TrialState,
    /// Of its result, if it has one. In a box, because most of a large grid have none.
    provenance: Option<Box<Provenance>>,
    /// Why that is of other code, in words.
    other_code: BTreeSet<String>,
    other_data: bool,
    other_weights: bool,
    /// Did it finish, or collapse in a way that the analysis accepts?
    is_trained: bool,
    policy: ReusePolicy,
}

impl Standing {
    /// Will it be trained?
    pub(super) fn trains(&self) -> bool {
        match self.state {
            // Its method is asked again each time, which costs little.
            TrialState::Ended { status: Status::Refused, .. } => true,
            TrialState::Ended { .. } => {
                let again = match self.policy.rerun {
                    Rerun::Missing => false,
                    Rerun::Failed => !self.is_trained,
                    Rerun::All => true,
                };
                self.is_outdated() || again
            }
            _ => true,
        }
    }

    fn is_outdated(&self) -> bool {
        let by_code = !self.other_code.is_empty() && !self.policy.accept_code;
        by_code || self.other_data || self.other_weights
    }

    /// What its result is of that is another now.
    fn others(&self) -> Vec<&'static str> {
        let code = !self.other_code.is_empty() && !self.policy.accept_code;
        let all = [(code, "code"), (self.other_data, "data"), (self.other_weights, "weights")];
        all.iter().filter(|(differs, _)| *differs).map(|(_, name)| *name).collect()
    }

    /// For a table, such as `finished`, `to do` or `other code, other data`.
    pub(super) fn word(&self) -> String {
        match &self.state {
            TrialState::Ended { .. } if self.is_outdated() => {
                let others = self.others().into_iter().map(|name| format!("other {name}"));
                others.collect::<Vec<_>>().join(", ")
            }
            TrialState::Ended { .. } if self.is_trained => Status::Finished.to_string(),
            TrialState::Ended { status, .. } if self.trains() => format!("{status}, again"),
            TrialState::Ended { status, .. } => status.to_string(),
            TrialState::Running(_) => "running".to_owned(),
            TrialState::Interrupted => "to continue".to_owned(),
            TrialState::Pending | TrialState::Damaged(_) => "to do".to_owned(),
        }
    }
}

/// Where the trials of a grid stand, in its order.
#[derive(Debug)]
pub(super) struct Standings<'a> {
    trials: &'a [TrialSpec],
    list: Vec<Standing>,
}

impl<'a> Standings<'a> {
    /// Reads the store, if there is one, and compares the code of results with the present one.
    pub(super) fn read(
        store: Option<&Store>,
        trials: &'a [TrialSpec],
        policy: ReusePolicy,
        analysis: &Analysis,
    ) -> Result<Self> {
        let states: Box<dyn Iterator<Item = TrialStanding>> = match store {
            Some(store) => {
                let ids: Vec<String> = trials.iter().map(TrialSpec::id).collect();
                Box::new(store.states(&ids, Depth::Files)?.into_iter())
            }
            None => Box::new(std::iter::repeat_with(|| (TrialState::Pending, None))),
        };
        let read = |(spec, (state, result)): (&TrialSpec, TrialStanding)| {
            let provenance = result.map(|result| Box::new(result.provenance));
            let is_trained = match &state {
                TrialState::Ended { status, collapse, .. } => {
                    analysis.counts_as_trained(&spec.dataset, *status, *collapse)
                }
                _ => false,
            };
            let other_code = provenance.as_deref().map(code::changes).transpose()?;
            Ok(Standing {
                state,
                provenance,
                other_code: other_code.unwrap_or_default(),
                other_data: false,
                other_weights: false,
                is_trained,
                policy,
            })
        };
        Ok(Self { trials, list: trials.iter().zip(states).map(read).collect::<Result<_>>()? })
    }

    /// Each trial with where it stands.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a TrialSpec, &Standing)> {
        self.trials.iter().zip(&self.list)
    }

    /// Compares the data and the weights of results with those that were found.
    pub(super) fn compare(&mut self, inputs: &Inputs) -> Result<()> {
        let mut known: BTreeMap<_, String> = BTreeMap::new();
        for (spec, standing) in self.trials.iter().zip(&mut self.list) {
            let (Some(result), Some(input)) = (&standing.provenance, inputs.of(spec)) else {
                continue;
            };
            // A process that died could not say what it had read.
            if result.data_digest.is_empty() {
                continue;
            }
            standing.other_data = result.data_digest != input.dataset.digest();
            let weights = match &input.weights {
                None => "",
                Some(path) => {
                    if !known.contains_key(path) {
                        known.insert(path.clone(), shards::digest(path)?);
                    }
                    &known[path]
                }
            };
            standing.other_weights = result.weights_digest != weights;
        }
        Ok(())
    }

    /// The trials that will be trained.
    pub(super) fn pending(&self) -> Vec<TrialSpec> {
        self.iter()
            .filter(|(_, standing)| standing.trains())
            .map(|(spec, _)| spec.clone())
            .collect()
    }

    /// The trials whose results stay, each with how it ended; an accepted collapse has finished.
    pub(super) fn done(&self) -> Vec<(TrialSpec, Status)> {
        let done = self.iter().filter_map(|(spec, standing)| match standing.state {
            TrialState::Ended { status, .. } if !standing.trains() => {
                let status = if standing.is_trained { Status::Finished } else { status };
                Some((spec.clone(), status))
            }
            _ => None,
        });
        done.collect()
    }

    /// Results that are there and do not count, by trial.
    pub(super) fn outdated(&self) -> BTreeMap<String, Outdated> {
        let outdated = self.iter().filter_map(|(spec, standing)| {
            let why = match standing.others().first() {
                Some(&"code") => "other-code",
                Some(&"data") => "other-data",
                Some(_) => "other-weights",
                None if standing.policy.rerun == Rerun::All => "again",
                None => return None,
            };
            let provenance = (**standing.provenance.as_ref()?).clone();
            Some((spec.id(), Outdated { provenance, why: why.to_owned() }))
        });
        outdated.collect()
    }

    /// What is to be said of results that are not of the present code, data and weights.
    pub(super) fn notes(&self) -> Vec<String> {
        let all = self.list.iter().filter(|standing| standing.provenance.is_some()).count();
        let mut notes = Vec::new();
        let mut note = |results: Vec<(&TrialSpec, &Standing)>,
                        what: &str,
                        which: BTreeSet<String>,
                        then: &str| {
            if !results.is_empty() {
                let which = Vec::from_iter(which).join(", ");
                let count = results.len();
                notes.push(format!("{count} of {all} results {what} ({which}): {then}"));
            }
        };
        let of = |belongs: fn(&Standing) -> bool| -> Vec<_> {
            self.iter().filter(|(_, standing)| belongs(standing)).collect()
        };
        let by_code = of(|standing| !standing.other_code.is_empty());
        let reasons = by_code.iter().flat_map(|(_, standing)| standing.other_code.clone());
        let then = match by_code.first() {
            Some((_, standing)) if standing.policy.accept_code => "kept, with --accept-code",
            _ => "trained again; --accept-code keeps them",
        };
        note(by_code.clone(), "were made by other code", reasons.collect(), then);
        let by_data = of(|standing| standing.other_data);
        let names = by_data.iter().map(|(spec, _)| spec.dataset_label()).collect();
        note(by_data, "were made from other data", names, "trained again");
        let by_weights = of(|standing| standing.other_weights);
        let names = by_weights.iter().map(|(spec, _)| spec.model_label().to_owned()).collect();
        note(by_weights, "started from other weights", names, "trained again");
        let damaged: Vec<&str> = self
            .list
            .iter()
            .filter_map(|standing| match &standing.state {
                TrialState::Damaged(why) => Some(why.as_str()),
                _ => None,
            })
            .collect();
        if let Some(first) = damaged.first() {
            let more = match damaged.len() {
                1 => String::new(),
                all => format!(", and {} more", all - 1),
            };
            notes.push(format!(
                "{} damaged, set aside and trained again: {first}{more}",
                count(damaged.len(), "result")
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_store::testing::{end, spec, success};
    use dst_train::NUMERICS;

    /// A store with one result, which `change` makes of other things than the present ones.
    fn with_result(change: impl FnOnce(&mut Provenance)) -> (tempfile::TempDir, Store, TrialSpec) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        let trial = spec("set", 0);
        store.add(&trial).unwrap();
        let mut result = success(&trial);
        let linked = inventory::iter::<code::Sources>()
            .find(|sources| sources.package == "strategy-set")
            .unwrap();
        let digests = BTreeMap::from([(linked.package.to_owned(), linked.digest.to_owned())]);
        result.provenance = code::present(digests);
        change(&mut result.provenance);
        end(&store, &result).unwrap();
        (folder, store, trial)
    }

    fn word(store: &Store, trial: &TrialSpec, accept_code: bool) -> (String, Vec<String>) {
        let policy = ReusePolicy { accept_code, ..ReusePolicy::default() };
        let trials = [trial.clone()];
        let standings =
            Standings::read(Some(store), &trials, policy, &Analysis::default()).unwrap();
        assert_eq!(standings.pending().len(), standings.outdated().len());
        (standings.list[0].word(), standings.notes())
    }

    #[test]
    fn a_result_of_this_code_is_done() {
        let (_folder, store, trial) = with_result(|_| {});
        assert_eq!(word(&store, &trial, false), ("finished".to_owned(), Vec::new()));
    }

    #[test]
    fn a_result_of_other_code_is_not_done_unless_it_is_accepted() {
        let (_folder, store, trial) = with_result(|result| {
            result.code.insert("strategy-set".into(), "0".repeat(64));
        });
        let said = "1 of 1 results were made by other code (strategy-set changed): ";
        let again = format!("{said}trained again; --accept-code keeps them");
        assert_eq!(word(&store, &trial, false), ("other code".to_owned(), vec![again]));
        let kept = format!("{said}kept, with --accept-code");
        assert_eq!(word(&store, &trial, true), ("finished".to_owned(), vec![kept]));
    }

    #[test]
    fn a_result_of_unknown_code_or_other_numerics_is_not_done() {
        let (_folder, store, trial) = with_result(|result| result.code.clear());
        let (state, notes) = word(&store, &trial, false);
        assert_eq!(state, "other code");
        assert!(notes[0].contains("(unknown: it was not recorded)"), "{notes:?}");
        let (_folder, store, trial) = with_result(|result| result.numerics = NUMERICS + 1);
        let (state, notes) = word(&store, &trial, false);
        assert_eq!(state, "other code");
        assert!(notes[0].contains("the numbers of training: version"), "{notes:?}");
    }
}
