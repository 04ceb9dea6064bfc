//! What is judged: settings, runs, and whether they fit together.

use std::{fmt, str::FromStr};

use super::one_sided::MOST_RANKED_PAIRS;
use crate::{
    Correction,
    error::{Error, Result, require_finite, require_non_negative, require_open_unit},
};

/// The test that all four one-sided questions are asked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Test {
    /// Student's t of the differences.
    #[default]
    PairedT,
    /// Wilcoxon's signed ranks, exact, with the interval of the Walsh means (Hollander, Wolfe and
    /// Chicken 2014, section 3). Zeros and ties count against the claim (Noether 1967), so with
    /// them p may exceed the one from mid-ranks.
    Wilcoxon,
    /// Sign flips of the mean with the interval of the subset means (Hartigan 1969): all 2^n up to
    /// 20 pairs. Above that 100,000 random subsets, which a fixed stream draws anew for each count
    /// of pairs; the same ones serve all p-values and ends, so that these agree.
    SignFlips,
}

impl Test {
    /// All tests, in the order of the enum.
    pub const ALL: [Self; 3] = [Self::PairedT, Self::Wilcoxon, Self::SignFlips];

    /// Name for configuration and tables, such as `sign-flips`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PairedT => "paired-t",
            Self::Wilcoxon => "wilcoxon",
            Self::SignFlips => "sign-flips",
        }
    }

    /// Whether its one-sided p-value cannot fall below 2^-n.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self != Self::PairedT
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Test {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|test| test.name() == name).ok_or_else(|| Error::Parameter {
            name: "test",
            found: format!("`{name}`"),
            legal: "paired-t, wilcoxon, sign-flips",
        })
    }
}

/// How a family is judged. All of it is fixed before the first run.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Largest loss that is allowed, at least 0, in units of the score.
    pub margin: f64,
    /// Chance of a false claim, in (0, 1), that all looks share.
    pub alpha: f64,
    /// The test.
    pub test: Test,
    /// Correction for the size of the family.
    pub correction: Correction,
    /// Fewer pairs than this are not tested.
    pub minimum_pairs: usize,
    /// Count K of comparisons as planned: all against one control on one data set and model,
    /// whether run or not, failed or not, comparable or not.
    pub family: usize,
    /// Count of seeds as planned.
    pub seeds_planned: usize,
    /// Seed counts at which verdicts are planned, rising, the last being all seeds. Empty: one
    /// look, at all seeds.
    pub looks: Vec<usize>,
    /// Seed counts at which verdicts were shown so far; those that are no planned look make the
    /// verdicts post hoc.
    pub seen: Vec<usize>,
    /// Best score of a constant answer on the test set, which stands for a failed run; `None` if
    /// it is unknown.
    pub chance: Option<f64>,
}

impl Default for Settings {
    /// One comparison over 8 seeds, t test, Holm's correction, level 0.05, margin 0.
    fn default() -> Self {
        Self {
            margin: 0.0,
            alpha: 0.05,
            test: Test::PairedT,
            correction: Correction::Holm,
            minimum_pairs: 5,
            family: 1,
            seeds_planned: 8,
            looks: Vec::new(),
            seen: Vec::new(),
            chance: None,
        }
    }
}

/// What became of one run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Run {
    /// It ended with this score; larger is better.
    Finished(f64),
    /// It diverged or collapsed, or its score is undefined: an outcome of the method.
    Failed,
    /// It crashed, timed out or ran out of memory: no outcome of the method.
    Missing,
    /// It has not ended.
    Pending,
}

/// The runs of one method, to be compared with the control's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate<'a> {
    /// One for each planned seed, in the order of the plan.
    pub runs: &'a [Run],
    /// The runs that it is compared with, where these are not those of the family's control, such as
    /// the control that trained in the same way.
    pub control: Option<&'a [Run]>,
    /// Why it cannot be judged whatever its scores are, such as a sparsity that was missed.
    pub not_comparable: Option<&'a str>,
}

impl<'a> Candidate<'a> {
    /// A candidate that can be judged.
    #[must_use]
    pub fn new(runs: &'a [Run]) -> Self {
        Self { runs, control: None, not_comparable: None }
    }
}

/// Refuses what cannot be judged.
pub(super) fn check(
    settings: &Settings,
    control: &[Run],
    candidates: &[Candidate<'_>],
) -> Result<()> {
    require_non_negative("margin", settings.margin)?;
    require_open_unit("alpha", settings.alpha)?;
    if let Some(chance) = settings.chance.filter(|chance| require_finite(&[*chance]).is_err()) {
        return Err(Error::Parameter {
            name: "chance",
            found: chance.to_string(),
            legal: "a number from -1e70 to 1e70",
        });
    }
    if settings.seeds_planned == 0 {
        return Err(Error::Parameter {
            name: "seeds_planned",
            found: "0".to_owned(),
            legal: "1 or more",
        });
    }
    if settings.test == Test::Wilcoxon && settings.seeds_planned > MOST_RANKED_PAIRS {
        return Err(Error::Parameter {
            name: "test",
            found: format!("wilcoxon for {} seeds", settings.seeds_planned),
            legal: "wilcoxon up to 1000 seeds, paired-t above",
        });
    }
    let rising = settings.looks.first().is_none_or(|first| *first > 0)
        && settings.looks.windows(2).all(|pair| pair[0] < pair[1]);
    let ends_with_all = settings.looks.last().is_none_or(|last| *last == settings.seeds_planned);
    if !rising || !ends_with_all {
        return Err(Error::Parameter {
            name: "looks",
            found: format!("{:?} of {} planned seeds", settings.looks, settings.seeds_planned),
            legal: "rising seed counts, the last of which is all planned seeds",
        });
    }
    if candidates.len() > settings.family {
        return Err(Error::Parameter {
            name: "family",
            found: format!("{} for {} comparisons", settings.family, candidates.len()),
            legal: "the count of planned comparisons, at least those that are here",
        });
    }
    let own = candidates.iter().flat_map(|c| std::iter::once(c.runs).chain(c.control));
    for runs in std::iter::once(control).chain(own) {
        if runs.len() != settings.seeds_planned {
            return Err(Error::UnequalCounts { left: settings.seeds_planned, right: runs.len() });
        }
        for (index, run) in runs.iter().enumerate() {
            if let Run::Finished(score) = run {
                // The position is that of the seed in the plan.
                require_finite(&[*score]).map_err(|error| error.at(index))?;
            }
        }
    }
    Ok(())
}

impl Error {
    /// The same error of a value at `position`.
    fn at(self, position: usize) -> Self {
        match self {
            Self::NotFinite { value, .. } => Self::NotFinite { index: position, value },
            Self::TooLarge { value, .. } => Self::TooLarge { index: position, value },
            other => other,
        }
    }
}
