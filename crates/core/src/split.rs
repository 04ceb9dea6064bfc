//! How data are split that bring no split of their own.

use std::collections::BTreeMap;

use rand::seq::SliceRandom;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::seed::SeedStreams;

/// Shares that are held out of data without a split of their own, drawn class by class. The split is
/// the same for every trial, whatever its seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SplitOptions {
    /// Share of the training samples that is held out for validation, above 0 and below 1, unless the data
    /// bring a validation split.
    pub validation: f64,
    /// Share of all samples that is held out for the test, above 0 and below 1, unless the data bring a
    /// test split. It is drawn first.
    pub test: f64,
    /// Another number draws other samples.
    pub split_seed: u64,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { validation: 0.1, test: 0.2, split_seed: 0 }
    }
}

impl SplitOptions {
    /// Are the shares in range?
    ///
    /// # Errors
    /// If one is not.
    pub fn validate(&self) -> Result<()> {
        for (name, share) in [("validation", self.validation), ("test", self.test)] {
            // False for what is not a number.
            if !(share > 0.0 && share < 1.0) {
                return Err(Error::usage(format!("{name} = {share} is not between 0 and 1")));
            }
        }
        Ok(())
    }

    /// Rows that stay and rows of the test, each rising, of samples with these labels: of each class the
    /// share, and at least one sample. `names` are those of the classes.
    ///
    /// # Errors
    /// If a class would have no sample left.
    pub fn hold_out_test(&self, labels: &[i64], names: &[String]) -> Result<[Vec<i64>; 2]> {
        self.hold_out(labels, names, self.test, "test")
    }

    /// Rows for training and rows of validation, as [`SplitOptions::hold_out_test`].
    ///
    /// # Errors
    /// If a class would have no sample left.
    pub fn hold_out_validation(&self, labels: &[i64], names: &[String]) -> Result<[Vec<i64>; 2]> {
        self.hold_out(labels, names, self.validation, "validation")
    }

    fn hold_out(
        &self,
        labels: &[i64],
        names: &[String],
        share: f64,
        split: &str,
    ) -> Result<[Vec<i64>; 2]> {
        let streams = SeedStreams::new(self.split_seed);
        let mut classes: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (row, label) in (0..).zip(labels) {
            classes.entry(*label).or_default().push(row);
        }
        let (mut kept, mut held_out) = (Vec::new(), Vec::new());
        for (class, mut rows) in classes {
            let name = names.get(class as usize).cloned().unwrap_or_else(|| class.to_string());
            let count = ((rows.len() as f64 * share).round() as usize).max(1);
            if count >= rows.len() {
                return Err(Error::data(format!(
                    "the class '{name}' has too few samples to hold out {share} of them for the {split} \
                     split: {}",
                    rows.len()
                ))
                .hint("add samples, leave the class out, or bring the splits in files of their own"));
            }
            // A stream of its own, so that more samples of one class do not move those of another.
            rows.shuffle(&mut streams.stream(&format!("split/{split}/{name}")));
            held_out.extend(rows.drain(..count));
            kept.extend(rows);
        }
        kept.sort_unstable();
        held_out.sort_unstable();
        Ok([kept, held_out])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Vec<i64> {
        (0..100).map(|row| i64::from(row % 10 == 0)).collect()
    }

    fn names() -> [String; 2] {
        ["usual", "rare"].map(str::to_owned)
    }

    #[test]
    fn each_class_gives_its_share() {
        let [kept, test] = SplitOptions::default().hold_out_test(&labels(), &names()).unwrap();
        assert_eq!((kept.len(), test.len()), (80, 20));
        assert_eq!(test.iter().filter(|row| *row % 10 == 0).count(), 2);
        assert!(kept.is_sorted() && test.is_sorted());
        let mut all = [kept, test].concat();
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<i64>>());
    }

    #[test]
    fn the_seed_of_the_split_and_nothing_else_decides() {
        let draw = |split_seed| {
            let options = SplitOptions { split_seed, ..SplitOptions::default() };
            options.hold_out_test(&labels(), &names()).unwrap()
        };
        assert_eq!(draw(0), draw(0));
        assert_ne!(draw(0), draw(1));
        // More samples of one class leave those of the other.
        let mut more = labels();
        more.extend([1; 50]);
        let [_, test] = SplitOptions::default().hold_out_test(&more, &names()).unwrap();
        let zeros = |test: &[i64]| -> Vec<i64> {
            test.iter().copied().filter(|row| *row < 100 && row % 10 != 0).collect()
        };
        assert_eq!(zeros(&test), zeros(&draw(0)[1]));
    }

    #[test]
    fn small_classes_and_shares_out_of_range_are_refused() {
        let error = SplitOptions::default().hold_out_validation(&[0, 0, 1], &names()).unwrap_err();
        let expected = "the class 'rare' has too few samples to hold out 0.1 of them for the validation split: 1";
        assert!(error.to_string().starts_with(expected), "{error}");
        // One is held out of two.
        let [kept, held_out] =
            SplitOptions::default().hold_out_validation(&[0, 0], &names()).unwrap();
        assert_eq!((kept.len(), held_out.len()), (1, 1));
        for share in [0.0, 1.0, -0.1, f64::NAN] {
            assert!(SplitOptions { test: share, ..SplitOptions::default() }.validate().is_err());
        }
    }
}
