//! What a model predicts for single samples.

use std::sync::Arc;

use crate::error::{Error, Result};

/// One value for every sample of a split, in the split's order and in as few bytes as hold it: a
/// report may look at ten thousand trials at once.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Classes below 256.
    Byte(Vec<u8>),
    /// Classes below 65,536.
    Short(Vec<u16>),
    /// Numbers of a regression.
    Number(Vec<f32>),
}

impl Values {
    /// Number of samples.
    pub fn len(&self) -> usize {
        match self {
            Self::Byte(values) => values.len(),
            Self::Short(values) => values.len(),
            Self::Number(values) => values.len(),
        }
    }

    /// Are there no samples?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The class of a sample; `None` for numbers, or past the end.
    pub fn class(&self, sample: usize) -> Option<u16> {
        match self {
            Self::Byte(values) => values.get(sample).copied().map(u16::from),
            Self::Short(values) => values.get(sample).copied(),
            Self::Number(_) => None,
        }
    }

    /// The number of a sample; `None` for classes, or past the end.
    pub fn number(&self, sample: usize) -> Option<f32> {
        match self {
            Self::Number(values) => values.get(sample).copied(),
            Self::Byte(_) | Self::Short(_) => None,
        }
    }

    fn are_classes(&self) -> bool {
        !matches!(self, Self::Number(_))
    }
}

/// Predictions on the test set beside what is true.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    targets: Arc<Values>,
    predicted: Values,
}

impl Predictions {
    /// Puts predictions beside targets, both in the order of the split.
    ///
    /// # Errors
    /// If their numbers differ, or one holds classes and the other numbers.
    pub fn new(targets: Values, predicted: Values) -> Result<Self> {
        if targets.len() != predicted.len() {
            return Err(Error::data(format!(
                "there are {} predictions of {} samples",
                predicted.len(),
                targets.len()
            )));
        }
        if targets.are_classes() != predicted.are_classes() {
            return Err(Error::data(
                "predictions are classes where targets are numbers, or inverse",
            ));
        }
        Ok(Self { targets: Arc::new(targets), predicted })
    }

    /// What is true.
    pub fn targets(&self) -> &Values {
        &self.targets
    }

    /// What the model predicts.
    pub fn predicted(&self) -> &Values {
        &self.predicted
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.predicted.len()
    }

    /// Are there no samples?
    pub fn is_empty(&self) -> bool {
        self.predicted.is_empty()
    }

    /// Is the class of each sample predicted correctly? `None` for numbers.
    pub fn correct(&self) -> Option<Vec<bool>> {
        let is_correct = |sample| self.predicted.class(sample) == self.targets.class(sample);
        self.predicted.are_classes().then(|| (0..self.len()).map(is_correct).collect())
    }

    /// Samples that only these predictions get right, and samples that only `other` does: what
    /// McNemar's test takes. `None` for numbers, or if the two have different targets and hence
    /// are of different samples.
    pub fn discordant(&self, other: &Self) -> Option<(u64, u64)> {
        if !self.has_targets_of(other) {
            return None;
        }
        let (mut only_self, mut only_other) = (0, 0);
        for (own, other) in self.correct()?.into_iter().zip(other.correct()?) {
            only_self += u64::from(own && !other);
            only_other += u64::from(other && !own);
        }
        Some((only_self, only_other))
    }

    /// Lets go of its own copy of the targets if `other` has equal ones, and shares those. Says
    /// whether they are equal.
    pub fn share_targets(&mut self, other: &Self) -> bool {
        let equal = self.has_targets_of(other);
        if equal {
            self.targets = Arc::clone(&other.targets);
        }
        equal
    }

    /// Are both of the same samples, as far as their true classes or numbers tell?
    pub fn has_targets_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.targets, &other.targets) || self.targets == other.targets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(targets: &[u8], predicted: &[u8]) -> Predictions {
        Predictions::new(Values::Byte(targets.to_vec()), Values::Byte(predicted.to_vec())).unwrap()
    }

    #[test]
    fn discordant_samples_are_counted_for_the_same_targets_only() {
        let targets = [0, 1, 2, 0, 1];
        let (first, second) =
            (bytes(&targets, &[0, 1, 2, 1, 2]), bytes(&targets, &[0, 2, 1, 0, 2]));
        assert_eq!(first.correct().unwrap(), [true, true, true, false, false]);
        assert_eq!(first.discordant(&second), Some((2, 1)));
        assert_eq!(second.discordant(&first), Some((1, 2)));
        assert_eq!(first.discordant(&bytes(&[0, 1, 2, 0, 0], &[0, 1, 2, 1, 2])), None);
    }

    #[test]
    fn classes_do_not_depend_on_their_width() {
        let short = Predictions::new(Values::Short(vec![1, 300]), Values::Byte(vec![1, 2]));
        assert_eq!(short.unwrap().correct().unwrap(), [true, false]);
        let values = Values::Short(vec![1, 300]);
        assert_eq!([0, 1, 2].map(|sample| values.class(sample)), [Some(1), Some(300), None]);
        assert_eq!(values.number(0), None);
    }

    #[test]
    fn numbers_are_neither_right_nor_wrong() {
        let numbers = || Values::Number(vec![0.5, -1.0]);
        let predictions = Predictions::new(numbers(), numbers()).unwrap();
        assert_eq!((predictions.len(), predictions.is_empty()), (2, false));
        assert_eq!((predictions.correct(), predictions.discordant(&predictions)), (None, None));
        assert_eq!(predictions.predicted().number(1), Some(-1.0));
        assert_eq!(predictions.predicted().class(1), None);
        assert!(Predictions::new(numbers(), Values::Byte(vec![0, 1])).is_err());
        assert!(Predictions::new(numbers(), Values::Number(vec![0.5])).is_err());
    }

    #[test]
    fn equal_targets_are_kept_once() {
        let first = bytes(&[0, 1], &[0, 0]);
        let (mut same, mut other) = (bytes(&[0, 1], &[1, 1]), bytes(&[1, 1], &[1, 1]));
        assert!(same.share_targets(&first) && Arc::ptr_eq(&same.targets, &first.targets));
        assert!(!other.share_targets(&first));
        assert_eq!(same, bytes(&[0, 1], &[1, 1]));
    }
}
