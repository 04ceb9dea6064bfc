//! Every group of a table against every other.

use std::sync::Arc;

use crate::Analysis;
use dst_record::{Error, Result};
use dst_stats::Alternative;

use crate::pairs::{self, Pair, scores};
use crate::trial_table::Group;

/// Two-sided paired t tests of every two groups, paired by seed; cells that have no test are
/// none. Rows and columns follow [`AllPairs::labels`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AllPairs {
    /// Labels of the groups.
    pub labels: Vec<String>,
    /// Mean difference, row minus column.
    pub difference: Vec<Vec<Option<f64>>>,
    /// p-value, adjusted over all pairs of the table as the analysis says.
    pub p_adjusted: Vec<Vec<Option<f64>>>,
    /// Share of seeds that the row wins, ties counted half.
    pub improvement: Vec<Vec<Option<f64>>>,
    /// Tests in the family.
    pub family: usize,
}

impl AllPairs {
    pub(crate) fn new(
        groups: &[Arc<Group<'_>>],
        seeds: &[u64],
        analysis: &Analysis,
    ) -> Result<Self> {
        let empty = || vec![vec![None; groups.len()]; groups.len()];
        let (mut difference, mut p_adjusted, mut improvement) = (empty(), empty(), empty());
        let mut tests = Vec::new();
        for i in 0..groups.len() {
            for j in i + 1..groups.len() {
                let pairs = pairs::pairs(&groups[i], &groups[j], seeds);
                if pairs.is_empty() {
                    continue;
                }
                let mean = pairs.iter().map(Pair::difference).sum::<f64>() / pairs.len() as f64;
                difference[i][j] = Some(mean);
                difference[j][i] = Some(-mean);
                let [first, second] = scores(&pairs);
                let wrong = |error: dst_stats::Error| Error::contract(error.to_string());
                let won = dst_stats::paired_improvement(&first, &second).map_err(wrong)?;
                let won = won.probability;
                improvement[i][j] = Some(won);
                improvement[j][i] = Some(1.0 - won);
                if pairs.len() < analysis.minimum_pairs {
                    continue;
                }
                let level = 1.0 - analysis.alpha;
                let test = dst_stats::paired_t(&first, &second, Alternative::TwoSided, level)
                    .map_err(wrong)?;
                tests.extend(test.p_value.map(|p| ((i, j), p)));
            }
        }
        let raw: Vec<f64> = tests.iter().map(|(_, p)| *p).collect();
        let adjusted = dst_stats::adjust(&raw, analysis.correction.procedure())
            .map_err(|error| Error::contract(error.to_string()))?
            .adjusted;
        for (((i, j), _), p) in tests.iter().zip(adjusted) {
            p_adjusted[*i][*j] = Some(p);
            p_adjusted[*j][*i] = Some(p);
        }
        Ok(Self {
            labels: groups.iter().map(|group| group.label.clone()).collect(),
            difference,
            p_adjusted,
            improvement,
            family: tests.len(),
        })
    }
}
