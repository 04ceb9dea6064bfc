//! Scores that are computed from counts of predictions.

/// How often each class was predicted for each class: `counts[true class][predicted class]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// One row for each true class.
    pub counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// From counts in row-major order, `classes²` of them.
    pub fn from_flat(flat: &[i64], classes: usize) -> Self {
        let counts = flat.chunks(classes.max(1)).map(|row| row.iter().map(|n| *n as u64).collect());
        Self { counts: counts.collect() }
    }

    /// Number of samples.
    pub fn total(&self) -> u64 {
        self.counts.iter().flatten().sum()
    }

    /// Share of correct predictions, in [0, 1]; 0 without samples.
    pub fn accuracy(&self) -> f64 {
        let correct: u64 = (0..self.counts.len()).map(|class| self.counts[class][class]).sum();
        ratio(correct, self.total())
    }

    /// Mean over classes of the harmonic mean of precision and recall, in [0, 1]. A class that
    /// is neither present nor predicted counts as 0.
    pub fn f1_macro(&self) -> f64 {
        let classes = self.counts.len();
        let scores = (0..classes).map(|class| {
            // 2 PR / (P + R) = 2 TP / (present + predicted).
            ratio(2 * self.counts[class][class], self.present(class) + self.predicted(class))
        });
        scores.sum::<f64>() / classes.max(1) as f64
    }

    /// F1 of class 1, in [0, 1], if there are two classes; 0 if it is neither present nor
    /// predicted.
    pub fn f1_binary(&self) -> Option<f64> {
        (self.counts.len() == 2)
            .then(|| ratio(2 * self.counts[1][1], self.present(1) + self.predicted(1)))
    }

    /// Matthews's correlation, in [-1, 1], for any number of classes (R_K of Gorodkin 2004,
    /// Comparing two K-category assignments by a K-category correlation coefficient). 0 if
    /// only one class is predicted or present: there the denominator vanishes.
    pub fn matthews(&self) -> f64 {
        let classes = 0..self.counts.len();
        let sum = |value: &dyn Fn(usize) -> u64| classes.clone().map(value).sum::<u64>() as f64;
        let square = |count: u64| count * count;
        let n = self.total() as f64;
        let correct = sum(&|class| self.counts[class][class]);
        let chance = sum(&|class| self.predicted(class) * self.present(class));
        let predicted = n * n - sum(&|class| square(self.predicted(class)));
        let present = n * n - sum(&|class| square(self.present(class)));
        if predicted == 0.0 || present == 0.0 {
            return 0.0;
        }
        (correct * n - chance) / (predicted.sqrt() * present.sqrt())
    }

    /// Is one class predicted for every sample although at least two are present?
    pub fn is_constant(&self) -> bool {
        let classes = 0..self.counts.len();
        let present = classes.clone().filter(|class| self.present(*class) > 0).count();
        let predicted = classes.filter(|class| self.predicted(*class) > 0).count();
        present > 1 && predicted == 1
    }

    fn present(&self, class: usize) -> u64 {
        self.counts[class].iter().sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        self.counts.iter().map(|row| row[class]).sum()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes, of which the last is neither present nor predicted.
    #[test]
    fn scores_meet_values_worked_out_by_hand() {
        let confusion = Confusion::from_flat(&[3, 1, 0, 2, 4, 0, 0, 0, 0], 3);
        assert_eq!(confusion.accuracy(), 0.7);
        // Class 0: P = 3/5, R = 3/4, F1 = 2/3. Class 1: P = 4/5, R = 4/6, F1 = 8/11.
        let expected = (2.0 / 3.0 + 8.0 / 11.0) / 3.0;
        assert!((confusion.f1_macro() - expected).abs() < 1e-15);
        assert_eq!(confusion.f1_binary(), None);
        assert!(!confusion.is_constant());
    }

    #[test]
    fn two_classes_meet_values_worked_out_by_hand() {
        // TN 5, FP 1, FN 2, TP 4.
        let confusion = Confusion::from_flat(&[5, 1, 2, 4], 2);
        // P = 4/5, R = 4/6, F1 = 8/11.
        assert_eq!(confusion.f1_binary(), Some(8.0 / 11.0));
        // (TP TN - FP FN) / √((TP + FP) (TP + FN) (TN + FP) (TN + FN)) = 18 / √(5 · 6 · 6 · 7).
        assert!((confusion.matthews() - 18.0 / 1260f64.sqrt()).abs() < 1e-15);
        let worst = Confusion::from_flat(&[0, 3, 2, 0], 2);
        assert!((worst.matthews() + 1.0).abs() < 1e-15);
        assert_eq!(worst.f1_binary(), Some(0.0));
    }

    #[test]
    fn three_classes_meet_a_value_worked_out_by_hand() {
        let confusion = Confusion::from_flat(&[2, 1, 0, 0, 2, 1, 1, 0, 3], 3);
        // n = 10, c = 7; predicted 3, 3, 4; present 3, 3, 4: (70 - 34) / √(66 · 66).
        assert!((confusion.matthews() - 36.0 / 66.0).abs() < 1e-15);
    }

    #[test]
    fn without_a_second_class_the_correlation_is_0() {
        assert_eq!(Confusion::from_flat(&[5, 0, 5, 0], 2).matthews(), 0.0);
        assert_eq!(Confusion::from_flat(&[5, 2, 0, 0], 2).matthews(), 0.0);
        assert_eq!(Confusion::from_flat(&[0, 0, 0, 0], 2).matthews(), 0.0);
        assert_eq!(Confusion::from_flat(&[5, 0, 0, 0], 2).f1_binary(), Some(0.0));
    }

    #[test]
    fn a_constant_prediction_needs_two_classes_present() {
        assert!(Confusion::from_flat(&[5, 0, 5, 0], 2).is_constant());
        assert!(!Confusion::from_flat(&[5, 0, 0, 0], 2).is_constant());
        assert!(!Confusion::from_flat(&[5, 0, 4, 1], 2).is_constant());
    }
}
