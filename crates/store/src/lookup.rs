//! Trials as people name them: by an id or its beginning.

use dst_record::{Error, Result};

use crate::Store;

/// How many trials a message lists.
const LISTED: usize = 8;

impl Store {
    /// The id of the one trial whose id begins with `typed`.
    ///
    /// # Errors
    /// If there is none, or there are several. The message lists candidates: those, or else the
    /// trials that kept their weights.
    pub fn find(&self, typed: &str) -> Result<String> {
        let typed = typed.trim().to_ascii_lowercase();
        let ids = self.ids()?;
        let found: Vec<&String> =
            ids.iter().filter(|id| !typed.is_empty() && id.starts_with(&typed)).collect();
        match found[..] {
            [one] => Ok(one.clone()),
            [] => {
                let error = Error::usage(format!(
                    "no trial in {} begins with '{typed}'",
                    self.root.display()
                ));
                let kept: Vec<&String> = ids.iter().filter(|id| self.has_weights(id)).collect();
                Err(match kept.is_empty() {
                    true => error.hint("no trial kept its weights: `harness grid --keep all` does"),
                    false => error.hint(format!("these kept their weights:{}", self.listed(&kept))),
                })
            }
            _ => Err(Error::usage(format!("{} trials begin with '{typed}'", found.len()))
                .hint(format!("type more of one:{}", self.listed(&found)))),
        }
    }

    /// A few trials, each with what it trains.
    fn listed(&self, ids: &[&String]) -> String {
        let mut lines = String::new();
        for id in ids.iter().take(LISTED) {
            let what = self.spec(id).map_or_else(
                |_| "of an unreadable specification".to_owned(),
                |spec| {
                    let sparsity = match spec.sparsity {
                        0.0 => String::new(),
                        sparsity => format!(" at sparsity {sparsity}"),
                    };
                    format!(
                        "{}{sparsity}, {}, {}, seed {}",
                        spec.strategy_name(),
                        spec.dataset_label(),
                        spec.model_label(),
                        spec.seed
                    )
                },
            );
            lines.push_str(&format!("\n    {id}  {what}"));
        }
        if ids.len() > LISTED {
            lines.push_str(&format!("\n    and {} more", ids.len() - LISTED));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::spec;

    #[test]
    fn a_beginning_that_is_unique_suffices() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("runs")).unwrap();
        let trials: Vec<_> = (0..40).map(|seed| spec("rigl", seed)).collect();
        trials.iter().for_each(|spec| store.add(spec).unwrap());
        let ids = store.ids().unwrap();
        assert_eq!(store.find(&ids[3]).unwrap(), ids[3]);
        assert_eq!(store.find(&ids[3][..10].to_uppercase()).unwrap(), ids[3]);
        // 40 ids share 16 first digits.
        let first = |digit: char| ids.iter().filter(|id| id.starts_with(digit)).count();
        let digit = "0123456789abcdef".chars().find(|digit| first(*digit) > 1).unwrap();
        let error = store.find(&digit.to_string()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} trials begin with", first(digit))), "{error}");
        assert!(error.contains("rigl at sparsity 0.9, digits, mlp, seed"), "{error}");
        for typed in ["", "xyz"] {
            let error = store.find(typed).unwrap_err().to_string();
            assert!(error.contains("no trial kept its weights"), "{error}");
        }
    }
}
