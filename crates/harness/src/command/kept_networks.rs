//! Which trained networks a store keeps: removes those that a better seed replaced, and says which are
//! missing.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::format::count;
use dst_core::record::TrialSpec;
use dst_core::{Keep, Result};

use crate::text::bytes;
use dst_store::Store;

/// How many trials a message names.
const LISTED: usize = 5;

/// The networks of the trials of one command.
pub(super) struct KeptNetworks<'a> {
    store: &'a Store,
    keep: Keep,
    /// Ids of the trials of the command.
    trials: BTreeSet<String>,
    /// Trials that differ only in their seed, those of earlier commands too; none unless the best of each
    /// are kept.
    groups: BTreeMap<String, Vec<TrialSpec>>,
    /// By trial of the command: the key of its group.
    group_of: BTreeMap<String, String>,
}

impl<'a> KeptNetworks<'a> {
    /// Those of `trials`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn of(store: &'a Store, keep: Keep, trials: &[TrialSpec]) -> Result<Self> {
        let mut kept = Self {
            store,
            keep,
            trials: trials.iter().map(TrialSpec::id).collect(),
            groups: BTreeMap::new(),
            group_of: BTreeMap::new(),
        };
        if keep != Keep::Best {
            return Ok(kept);
        }
        let key = TrialSpec::id_without_seed;
        for spec in trials {
            kept.group_of.insert(spec.id(), key(spec));
            kept.groups.entry(key(spec)).or_default().push(spec.clone());
        }
        for spec in super::readable::specs(store)? {
            let group = kept.groups.get_mut(&key(&spec));
            if let Some(group) = group.filter(|group| !group.contains(&spec)) {
                group.push(spec);
            }
        }
        Ok(kept)
    }

    /// Removes the network of each seed that is not the best of the group of a trial that ended.
    ///
    /// # Errors
    /// If the store cannot be read, or a file not be removed.
    pub(super) fn ended(&self, id: &str) -> Result<()> {
        match self.group_of.get(id).and_then(|key| self.groups.get(key)) {
            Some(group) => self.store.keep_best_weights(group),
            None => Ok(()),
        }
    }

    /// The same, where an error can wait: [`all_ended`](Self::all_ended) meets it again.
    pub(super) fn ended_while_others_run(&self, id: &str) {
        let _ = self.ended(id);
    }

    /// The same for all groups.
    ///
    /// # Errors
    /// As [`ended`](Self::ended).
    pub(super) fn all_ended(&self) -> Result<()> {
        self.groups.values().try_for_each(|group| self.store.keep_best_weights(group))
    }

    /// What to say of trials that are done, and whose networks are wanted now and were not kept.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub(super) fn missing(&self) -> Result<Option<String>> {
        self.missing_before(&[])
    }

    /// The same of trials that are not `pending`.
    ///
    /// # Errors
    /// As [`missing`](Self::missing).
    pub(super) fn missing_before(&self, pending: &[TrialSpec]) -> Result<Option<String>> {
        let pending: BTreeSet<String> = pending.iter().map(TrialSpec::id).collect();
        let wanted: Vec<String> = match self.keep {
            Keep::None => Vec::new(),
            Keep::All => self.trials.iter().cloned().collect(),
            Keep::Best => {
                let best = self.groups.values().map(|group| self.store.best_of(group));
                let best = best.collect::<Result<Vec<Option<&TrialSpec>>>>()?;
                best.into_iter().flatten().map(TrialSpec::id).collect()
            }
        };
        let mut missing = Vec::new();
        for id in wanted.into_iter().filter(|id| !pending.contains(id)) {
            let is_trained = self.store.result(&id)?.is_some_and(|it| it.outcome.is_some());
            if is_trained && !self.store.has_weights(&id) {
                missing.push(id);
            }
        }
        if missing.is_empty() {
            return Ok(None);
        }
        let which = match (self.keep, missing.len()) {
            (Keep::Best, 1) => "that is the best of its seeds is done and",
            (Keep::Best, _) => "that are the best of their seeds are done and",
            (_, 1) => "is done and",
            _ => "are done and",
        };
        let mut names: Vec<&str> = missing.iter().take(LISTED).map(String::as_str).collect();
        if missing.len() > LISTED {
            names.push("…");
        }
        Ok(Some(format!(
            "warning: {} {which} kept no weights: {}\n  nothing is trained again for that; to have the \
             weights, delete these folders in {} and start the same command, or pass another --store",
            count(missing.len(), "trial"),
            names.join(", "),
            self.store.root().display(),
        )))
    }

    /// What is kept of the trials of the command, if anything was to be.
    pub(super) fn summary(&self) -> Option<String> {
        if !self.keep.is_some() {
            return None;
        }
        let sizes = self.trials.iter().filter_map(|id| Some((id, self.store.weights_size(id)?)));
        let sizes: Vec<(&String, u64)> = sizes.collect();
        let (first, _) = sizes.first()?;
        Some(format!(
            "{} kept, {} in all; `harness export {}` writes one for other programs",
            count(sizes.len(), "network"),
            bytes(sizes.iter().map(|(_, size)| size).sum()),
            &first[..8],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::NetworkWeights;
    use dst_store::testing::{spec, success};
    use dst_store::{Claim, TrialResult};

    /// A store with a result for each seed, which kept its network if `kept` says so.
    fn store(keep: Keep, kept: &[bool]) -> (tempfile::TempDir, Store, Vec<TrialSpec>) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        let trials: Vec<_> = (0..kept.len() as u64).map(|seed| spec("set", seed)).collect();
        for (spec, kept) in trials.iter().zip(kept) {
            store.add(spec).unwrap();
            let Claim::Ours(held) = store.claim(&spec.id()).unwrap() else { panic!("it is free") };
            if *kept {
                let tensors = BTreeMap::new();
                let network = NetworkWeights { trial: spec.id(), epoch: 1, tensors };
                held.write_weights(&network).unwrap();
            }
            held.write_result(&TrialResult { keep, ..success(spec) }).unwrap();
            held.end("ended").unwrap();
        }
        (folder, store, trials)
    }

    #[test]
    fn trials_that_are_done_without_weights_are_named_and_never_trained_again_silently() {
        let (_folder, store, trials) = store(Keep::None, &[true, false, false]);
        let kept = |keep| KeptNetworks::of(&store, keep, &trials).unwrap();
        let words = kept(Keep::All).missing().unwrap().unwrap();
        assert!(words.starts_with("warning: 2 trials are done and kept no weights"), "{words}");
        assert!(words.contains(&trials[1].id()) && words.contains(&trials[2].id()), "{words}");
        assert!(words.contains("delete these folders in"), "{words}");
        let words = kept(Keep::All).missing_before(&trials[1..]).unwrap();
        assert_eq!(words, None, "what is trained now will keep them");
        // Of equal seeds the first is the best, and it has its weights.
        assert_eq!(kept(Keep::Best).missing().unwrap(), None);
        assert_eq!(kept(Keep::None).missing().unwrap(), None);
        assert_eq!(kept(Keep::None).summary(), None);
        let words = kept(Keep::All).summary().unwrap();
        assert!(words.starts_with("1 network kept, "), "{words}");
    }

    #[test]
    fn seeds_of_earlier_commands_belong_to_the_group() {
        let (_folder, store, trials) = store(Keep::Best, &[true, true, true]);
        // A command of the last seed alone: of equal seeds the first stays.
        let kept = KeptNetworks::of(&store, Keep::Best, &trials[2..]).unwrap();
        kept.ended(&trials[2].id()).unwrap();
        let left: Vec<bool> = trials.iter().map(|spec| store.has_weights(&spec.id())).collect();
        assert_eq!(left, [true, false, false]);
    }
}
