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
        assert!(!confusion.is_constant());
    }

    #[test]
    fn a_constant_prediction_needs_two_classes_present() {
        assert!(Confusion::from_flat(&[5, 0, 5, 0], 2).is_constant());
        assert!(!Confusion::from_flat(&[5, 0, 0, 0], 2).is_constant());
        assert!(!Confusion::from_flat(&[5, 0, 4, 1], 2).is_constant());
    }
}
