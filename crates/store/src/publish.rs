//! A copy of a store for others: trials that ended, without what is about one machine.
//!
//! Ids and scores, curves, predictions and masks stay as they are, so that the copy gives the same report.
//! Names of hosts, folders of data, logs and who worked on what stay at home.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dst_record::{Error, Result};
use serde_json::Value;

use crate::file::{self, Durability};
use crate::trial::{self, LOG};
use crate::{DATA, GridRecord, Store, TrialResult};

/// What a copy came to.
#[derive(Debug, Default)]
pub struct Published {
    /// Trials that are in the copy.
    pub trials: usize,
    /// Trials that have not ended.
    pub open: usize,
    /// What was left out, and why.
    pub damaged: Vec<Error>,
    /// Paths that trials themselves name, such as those of weights: without them they were other trials.
    pub named_paths: BTreeSet<String>,
}

impl Store {
    /// Copies what ended to a new store in the folder `to`.
    ///
    /// # Errors
    /// If `to` is a store already or holds something else, or the system refuses.
    pub fn publish(&self, to: &Path) -> Result<Published> {
        if Self::open_if_there(to)?.is_some() {
            return Err(Error::usage(format!("{} is a run store already", to.display()))
                .hint("name a new folder for the copy"));
        }
        let copy = Self::create(to)?;
        let mut published = Published::default();
        for id in self.ids()? {
            match self.publish_trial(&copy, &id, &mut published) {
                Err(error) if error.kind() == DATA => published.damaged.push(error),
                done => done?,
            }
        }
        let grids = self.grids()?;
        for grid in grids.all {
            let command = without_folders(&grid.command);
            copy.remember_grid(&GridRecord { command, ..grid })?;
        }
        published.damaged.extend(grids.damaged);
        copy.remember_looks(&self.looks()?)?;
        Ok(published)
    }

    fn publish_trial(&self, copy: &Self, id: &str, published: &mut Published) -> Result<()> {
        let from = self.folder(id);
        let Some(result) = trial::read_result(&from, id)? else {
            published.open += 1;
            return Ok(());
        };
        trial::check_files(&from, id, &result)?;
        let spec = self.spec(id)?;
        paths_in(&spec.model, &mut published.named_paths);
        for value in spec.dataset_options.values() {
            paths_in(value, &mut published.named_paths);
        }
        copy.add(&spec)?;
        let to = copy.folder(id);
        for entry in fs::read_dir(&from).map_err(|error| Error::io("read", &from, &error))? {
            let name = entry.map_err(|error| Error::io("read", &from, &error))?.file_name();
            let text = name.to_string_lossy();
            let is_public = trial::belongs_to_a_trial(&text) && text != LOG;
            if let Some(bytes) =
                is_public.then(|| file::read_bytes(&from.join(&name))).transpose()?.flatten()
            {
                file::replace(&to.join(&name), &bytes, Durability::Cached)?;
            }
        }
        if trial::write_result(&to, &at_home(result))? {
            published.trials += 1;
        }
        Ok(())
    }
}

/// The result without what is about a machine. Its processor and device stay: times mean nothing without.
fn at_home(mut result: TrialResult) -> TrialResult {
    result.reason = without_folders(&result.reason);
    result.provenance.host = String::new();
    // Paths may have spaces, so that no part of this is sure to be no folder. The digest says which data.
    result.provenance.data_origin = String::new();
    result
}

/// Every path from the root as its last name: `--store=/home/me/runs` becomes `--store=runs`.
fn without_folders(text: &str) -> String {
    let is_in_path = |c: char| c.is_alphanumeric() || "/._-~+@%".contains(c);
    let mut plain = String::new();
    let mut rest = text;
    while let Some(slash) = rest.find('/') {
        let (before, path) = rest.split_at(slash);
        let length = path.find(|c| !is_in_path(c)).unwrap_or(path.len());
        let (path, after) = path.split_at(length);
        plain.push_str(before);
        // What follows a letter is `glue/sst2` or `3/4`, and an address is `https://…`.
        let is_address = before.ends_with(':') && path.starts_with("//");
        let is_path = !before.ends_with(is_in_path) && !is_address;
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        plain.push_str(if is_path { name } else { path });
        rest = after;
    }
    plain + rest
}

/// Adds the paths from the root that a value holds.
fn paths_in(value: &Value, paths: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.starts_with('/') => drop(paths.insert(text.clone())),
        Value::Array(list) => list.iter().for_each(|value| paths_in(value, paths)),
        Value::Object(map) => map.values().for_each(|value| paths_in(value, paths)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use dst_analysis::Analysis;

    use super::*;
    use crate::testing::{end, spec, success};

    #[test]
    fn words_lose_their_folders_and_nothing_else() {
        for (word, expected) in [
            ("/home/me/data", "data"),
            ("--store=/home/me/runs/", "--store=runs"),
            ("csv:/a/iris.csv,idx:/b/fashion", "csv:iris.csv,idx:fashion"),
            ("glue/sst2", "glue/sst2"),
            ("https://example.org/a", "https://example.org/a"),
            ("rigl.drop_fraction=0.1,0.3", "rigl.drop_fraction=0.1,0.3"),
            ("no room (/home/me/x)\nin '/home/me/y'", "no room (x)\nin 'y'"),
            ("--data-dir \"/home/me/my data\"", "--data-dir \"my data\""),
            ("", ""),
        ] {
            assert_eq!(without_folders(word), expected);
        }
    }

    #[test]
    fn a_copy_has_the_results_and_no_machine() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::create(&root.path().join("runs")).unwrap();
        let trials = [spec("rigl", 0), spec("rigl", 1), spec("set", 0)];
        for trial in &trials {
            store.add(trial).unwrap();
        }
        for trial in &trials[..2] {
            let mut result = success(trial);
            result.provenance.host = "laptop".to_owned();
            result.provenance.data_origin = "/home/me/data/mnist, /home/me/vocab.txt".to_owned();
            end(&store, &result).unwrap();
            fs::write(store.folder(&trial.id()).join(LOG), "on laptop in /home/me").unwrap();
        }
        store.remember_own_data(&[("csv:a@1".to_owned(), "/home/me/a.csv".into())].into()).unwrap();
        let grid =
            GridRecord::new("harness grid --data-dir /home/me/data", &trials, Analysis::default());
        store.remember_grid(&grid).unwrap();

        let to = root.path().join("public");
        let published = store.publish(&to).unwrap();
        assert_eq!((published.trials, published.open), (2, 1));
        assert!(published.damaged.is_empty() && published.named_paths.is_empty(), "{published:?}");
        let copy = Store::open(&to).unwrap();
        assert_eq!(copy.verify().unwrap(), []);
        let scores = |store: &Store| -> Vec<_> {
            let records = store.records().unwrap().all;
            records.into_iter().map(|record| (record.id, record.outcome)).collect()
        };
        assert_eq!(scores(&copy), scores(&store));
        assert_eq!(copy.grids().unwrap().all[0].command, "harness grid --data-dir data");
        // Nothing in any file names the machine.
        let mut folders = vec![to.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
                assert!(!text.contains("/home/me") && !text.contains("laptop"), "{path:?}: {text}");
            }
        }
        let error = store.publish(&to).unwrap_err().to_string();
        assert!(error.contains("is a run store already"), "{error}");
    }
}
