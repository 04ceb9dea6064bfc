//! The one interval of a comparison, from which its verdict can be read.

use super::{
    Verdict,
    failures::Pairs,
    one_sided::Calculator,
    step::{Claim, Families},
};

/// Ends of an interval for the difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ends {
    /// Lower end; minus infinity where the test can give none.
    pub lower: f64,
    /// Upper end; infinity where the test can give none.
    pub upper: f64,
}

/// Ends at one-sided levels `tails`: the outermost over all ways to score the failures.
pub(super) fn level_ends(pairs: &Pairs, tails: (f64, f64), calculator: &mut Calculator) -> Ends {
    let lower = pairs.up.iter().map(|&i| calculator.lower_end(&pairs.samples[i].zero, tails.0));
    let lower = lower.reduce(f64::min).unwrap_or(f64::NEG_INFINITY);
    let upper = pairs.down.iter().map(|&i| calculator.upper_end(&pairs.samples[i].zero, tails.1));
    let upper = upper.reduce(f64::max).unwrap_or(f64::INFINITY);
    Ends { lower, upper }
}

/// Interval of the comparison at `index`, its tails, and whether an end was moved to a bound that
/// is not shown to be passed.
pub(super) fn of_claim(
    margin: f64,
    families: &Families,
    index: usize,
    claim: &Claim,
    mut ends: impl FnMut((f64, f64)) -> Ends,
) -> (Ends, (f64, f64), bool) {
    let half_step = 0.5 * families.difference.step(index);
    let superior = claim.verdict == Verdict::Superior;
    let inferior = claim.verdict == Verdict::Inferior;
    if margin == 0.0 {
        let tails = (half_step, half_step);
        return (agreeing(ends(tails), margin, claim), tails, false);
    }
    let tails = (
        if superior { half_step } else { families.non_inferior.step(index) },
        if inferior { families.inferior.step(index) } else { half_step },
    );
    let mut ends = ends(tails);
    let mut clipped = false;
    if !superior && ends.lower > 0.0 {
        (ends.lower, clipped) = (0.0, true);
    }
    if !inferior && ends.upper < -margin {
        (ends.upper, clipped) = (-margin, true);
    }
    (agreeing(ends, margin, claim), tails, clipped)
}

/// Puts an end that lies within rounding of a bound on the side that the claim says.
///
/// The ends come from differences that were rounded at shift 0, the p-values at the margin from
/// differences that were rounded after the shift: at a bound they may disagree by the grid, 2^-33.
/// Beyond that they never do, so nothing else is moved here.
fn agreeing(ends: Ends, margin: f64, claim: &Claim) -> Ends {
    let Ends { mut lower, mut upper } = ends;
    match claim.verdict {
        Verdict::Superior => lower = lower.max(f64::MIN_POSITIVE),
        Verdict::NonInferior => lower = lower.clamp((-margin).next_up(), 0.0),
        _ => lower = lower.min(-margin),
    }
    if claim.verdict == Verdict::Inferior {
        upper = upper.min((-margin).next_down());
    } else if claim.loss_shown {
        upper = upper.min(-f64::MIN_POSITIVE);
    } else {
        upper = upper.max(0.0);
    }
    Ends { lower, upper }
}
