//! Which rows of a table are held out, where no file gives the split.

use dst_core::dataset::train_part;
use dst_core::{Result, SplitOptions};

use crate::{Classes, Tables};

/// Rows of the table for training, each list rising.
#[derive(Debug, PartialEq)]
pub struct Drawn {
    /// Rows that are trained on.
    pub train: Vec<i64>,
    /// Rows of validation; none if a file gives them.
    pub validation: Option<Vec<i64>>,
    /// Rows of the test; none if a file gives them.
    pub test: Option<Vec<i64>>,
}

impl Drawn {
    /// Draws what no table gives, and keeps `train_samples` of what is left. `labels` are the class numbers of
    /// all rows of the table for training.
    ///
    /// # Errors
    /// If a class has too few rows, or there are fewer than `train_samples`.
    pub fn new(
        tables: &Tables,
        (classes, labels): (&Classes, &[i64]),
        options: &SplitOptions,
        train_samples: Option<u32>,
    ) -> Result<Self> {
        let draw = || {
            let mut train: Vec<i64> = (0..labels.len() as i64).collect();
            let pick = |rows: &[i64], chosen: &[i64]| -> Vec<i64> {
                chosen.iter().map(|index| rows[*index as usize]).collect()
            };
            let mut test = None;
            if tables.test.is_none() {
                let [kept, held_out] = options.hold_out_test(labels, classes.names())?;
                test = Some(held_out);
                train = kept;
            }
            let mut validation = None;
            if tables.validation.is_none() {
                let own: Vec<i64> = pick(labels, &train);
                let [kept, held_out] = options.hold_out_validation(&own, classes.names())?;
                validation = Some(pick(&train, &held_out));
                train = pick(&train, &kept);
            }
            if let Some(part) = train_part(train.len(), train_samples)? {
                train = pick(&train, &part);
            }
            Ok(Self { train, validation, test })
        };
        draw().map_err(|error| tables.train.at(error))
    }
}
