//! What can go wrong: unusable input is an [`Error`], a comparison without information is a
//! [`Degenerate`] result.
//!
//! The convention of the whole crate:
//!
//! - Data that cannot be a sample at all (too few values, unequal counts, NaN, an impossible
//!   parameter) give `Err(Error)`.
//! - Usable data on which a quantity is undefined (0/0, no variance, all ties) give `Ok` with that
//!   quantity `None` and a `degenerate` field that says why. What is still defined, such as the
//!   mean difference, is filled in.
//! - A conditional exact test (sign flips, signed ranks, binomial) whose null distribution has a
//!   single point answers p = 1, which is its true value, and says why in `degenerate`.
//! - No p-value is ever 0: what underflows is reported as the smallest normal number.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Input on which nothing can be computed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// Fewer observations than the method needs.
    TooFew {
        /// What is counted, in the plural: "pairs", "values", "groups".
        what: &'static str,
        /// The smallest count that works.
        needed: usize,
        /// The count that was given.
        found: usize,
    },
    /// Two samples that must be matched by position have different lengths.
    UnequalCounts {
        /// Count of the first sample.
        left: usize,
        /// Count of the second sample.
        right: usize,
    },
    /// A value is NaN or infinite.
    NotFinite {
        /// Position in the (flattened) sample.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// A value whose square or fourth power would overflow.
    TooLarge {
        /// Position in the (flattened) sample.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// A parameter outside its legal range.
    Parameter {
        /// Name of the parameter.
        name: &'static str,
        /// What was given.
        found: String,
        /// What is legal.
        legal: &'static str,
    },
}

impl Error {
    /// Short stable name of the kind, for tables and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "too-few",
            Self::UnequalCounts { .. } => "unequal-counts",
            Self::NotFinite { .. } => "not-finite",
            Self::TooLarge { .. } => "too-large",
            Self::Parameter { .. } => "parameter",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { what, needed, found } => {
                write!(f, "needs at least {needed} {what}, found {found}")
            }
            Self::UnequalCounts { left, right } => {
                write!(f, "paired samples must have equal counts, found {left} and {right}")
            }
            Self::NotFinite { index, value } => write!(
                f,
                "value {value} at position {index} is not finite; drop the pair or the run first"
            ),
            Self::TooLarge { index, value } => write!(
                f,
                "value {value:e} at position {index} is beyond {LARGEST:e}, where squares overflow; \
                 treat the run as diverged"
            ),
            Self::Parameter { name, found, legal } => {
                write!(f, "{name} is {found}, legal: {legal}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// Why a quantity of an otherwise valid result is undefined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Degenerate {
    /// All differences are 0.
    Identical,
    /// The values (or the differences) are constant, but not 0.
    NoVariance,
    /// One group is constant, so a method that divides by each group's variance is undefined.
    ConstantGroup(
        /// Position of the first such group.
        usize,
    ),
    /// Every value is tied with every other: ranks carry no information.
    AllTied,
    /// All blocks rank the methods in the same order, so the denominator of F is 0.
    PerfectAgreement,
    /// No pair on which the two disagree.
    NoDiscordantPairs,
    /// Every resample gives the same statistic, or one side of the estimate is empty.
    NoSpreadInResamples,
}

impl Degenerate {
    /// Short stable name, for tables and tests.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Identical => "identical",
            Self::NoVariance => "no-variance",
            Self::ConstantGroup(_) => "constant-group",
            Self::AllTied => "all-tied",
            Self::PerfectAgreement => "perfect-agreement",
            Self::NoDiscordantPairs => "no-discordant-pairs",
            Self::NoSpreadInResamples => "no-spread-in-resamples",
        }
    }
}

impl fmt::Display for Degenerate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identical => write!(f, "identical: all differences are 0"),
            Self::NoVariance => write!(
                f,
                "no variance: the values are constant, so there is no standard error to test with"
            ),
            Self::ConstantGroup(group) => {
                write!(f, "no variance in group {group}: its values are constant")
            }
            Self::AllTied => write!(f, "all tied: the ranks carry no information"),
            Self::PerfectAgreement => write!(
                f,
                "perfect agreement: all blocks rank the methods alike, so F has denominator 0"
            ),
            Self::NoDiscordantPairs => {
                write!(f, "no discordant pairs: the two never disagree")
            }
            Self::NoSpreadInResamples => {
                write!(f, "no spread: the resamples do not vary around the estimate")
            }
        }
    }
}

/// Beyond this the squared covariances of a sample overflow. A metric of that size is a diverged
/// run.
pub(crate) const LARGEST: f64 = 1e70;

pub(crate) fn require_finite(values: &[f64]) -> Result<()> {
    for (index, &value) in values.iter().enumerate() {
        if !value.is_finite() {
            return Err(Error::NotFinite { index, value });
        }
        if value.abs() > LARGEST {
            return Err(Error::TooLarge { index, value });
        }
    }
    Ok(())
}

pub(crate) fn require_count(what: &'static str, needed: usize, found: usize) -> Result<()> {
    if found < needed {
        return Err(Error::TooFew { what, needed, found });
    }
    Ok(())
}

pub(crate) fn require_equal(left: &[f64], right: &[f64]) -> Result<()> {
    if left.len() == right.len() {
        Ok(())
    } else {
        Err(Error::UnequalCounts { left: left.len(), right: right.len() })
    }
}

/// Checks a probability strictly between 0 and 1, such as a level or alpha.
pub(crate) fn require_open_unit(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(Error::Parameter { name, found: value.to_string(), legal: "strictly between 0 and 1" })
    }
}

/// Checks a number in units of the metric that is at least 0, such as a margin.
pub(crate) fn require_non_negative(name: &'static str, value: f64) -> Result<()> {
    if (0.0..=LARGEST).contains(&value) {
        Ok(())
    } else {
        Err(Error::Parameter { name, found: value.to_string(), legal: "a number from 0 to 1e70" })
    }
}

/// Whether `p` rejects at `alpha`: at or below it, as in every exact test, where equality is judged
/// within rounding (0.01 * 5 is 0.05).
pub(crate) fn rejects(p: f64, alpha: f64) -> bool {
    p <= alpha * (1.0 + 1e-12)
}

/// Brings a computed probability into (0, 1]: rounding may leave it an ulp above 1, and underflow
/// must not become a claim of certainty.
pub(crate) fn p_value(p: f64) -> f64 {
    p.clamp(f64::MIN_POSITIVE, 1.0)
}
