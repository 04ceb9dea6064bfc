//! Which points nothing beats.

use std::cmp::Ordering;

/// The good direction of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Larger values are better, as for accuracy.
    Higher,
    /// Smaller values are better, as for FLOPs, time or density.
    Lower,
}

impl Better {
    /// The order of two values, the better one first.
    pub(crate) fn order(self, a: f64, b: f64) -> Ordering {
        match self {
            Self::Higher => b.total_cmp(&a),
            Self::Lower => a.total_cmp(&b),
        }
    }
}

/// The Pareto front: indices of the points that no other point beats in one direction without
/// losing in the other, from the best x to the worst. Of equal points all are on the front. Points
/// that are not finite are on no front.
///
/// ```
/// use dst_figures::{Better, pareto_front};
///
/// // FLOPs against accuracy: the third costs more than the second and is worse.
/// let points = [(1.0, 0.96), (0.2, 0.95), (0.3, 0.94)];
/// assert_eq!(pareto_front(&points, Better::Lower, Better::Higher), [1, 0]);
/// ```
#[must_use]
pub fn pareto_front(points: &[(f64, f64)], x: Better, y: Better) -> Vec<usize> {
    // The sum with zero makes one zero of the two, so that order and equality agree.
    let point = |index: usize| (points[index].0 + 0.0, points[index].1 + 0.0);
    let finite = |index: &usize| point(*index).0.is_finite() && point(*index).1.is_finite();
    let mut order: Vec<usize> = (0..points.len()).filter(finite).collect();
    order.sort_by(|a, b| {
        let (a, b) = (point(*a), point(*b));
        x.order(a.0, b.0).then(y.order(a.1, b.1))
    });
    let mut front: Vec<usize> = Vec::new();
    for index in order {
        let joins = front.last().is_none_or(|last| {
            point(*last) == point(index) || y.order(point(index).1, point(*last).1).is_lt()
        });
        if joins {
            front.push(index);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::*;
    use Better::{Higher, Lower};

    #[test]
    fn four_directions() {
        let points = [(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (2.0, 2.0), (4.0, 4.0)];
        assert_eq!(pareto_front(&points, Lower, Higher), [0, 1, 4]);
        assert_eq!(pareto_front(&points, Higher, Higher), [4]);
        assert_eq!(pareto_front(&points, Lower, Lower), [0]);
        assert_eq!(pareto_front(&points, Higher, Lower), [4, 2, 0]);
    }

    #[test]
    fn ties_and_junk() {
        let points = [(1.0, 0.5), (1.0, 0.5), (1.0, 0.4), (f64::NAN, 9.0), (0.0, f64::INFINITY)];
        assert_eq!(pareto_front(&points, Lower, Higher), [0, 1]);
        assert_eq!(pareto_front(&[(0.0, 1.0), (-0.0, 0.5)], Lower, Higher), [0]);
        assert!(pareto_front(&[], Lower, Higher).is_empty());
    }
}
