//! Pairs of runs, and the ways to score those that failed.

use super::{Counts, Reason, Run, Settings, Test, one_sided::Sample};

/// All sets of pairs that one comparison is tested on.
///
/// | set | control | candidate |
/// | --- | --- | --- |
/// | left out | finished | finished |
/// | up | finished | finished, or failed and at chance |
/// | down | finished, or failed and at chance | finished |
/// | all | finished or at chance | finished or at chance |
///
/// A claim upwards must hold both with the candidate's failures at chance and without them, a claim
/// downwards with and without the control's.
pub(super) struct Pairs {
    pub(super) counts: Counts,
    /// Distinct sets; the first is that of the pairs that both finished.
    pub(super) samples: Vec<Sample>,
    /// Which samples a claim upwards must hold in. Empty: it cannot be made.
    pub(super) up: Vec<usize>,
    /// Which samples a claim downwards must hold in. Empty: it cannot be made.
    pub(super) down: Vec<usize>,
    /// Why the pairs that both finished have no test.
    pub(super) untested: Option<Reason>,
    /// Whether neither they nor all pairs together have one.
    no_test: bool,
}

impl Pairs {
    /// Position of the pairs that both finished.
    pub(super) const LEFT_OUT: usize = 0;

    pub(super) fn new(settings: &Settings, control: &[Run], candidate: &[Run]) -> Self {
        let paired = || candidate.iter().zip(control);
        let mut counts = Counts::default();
        for (a, b) in paired() {
            counts.candidate_failed += usize::from(matches!(a, Run::Failed));
            counts.control_failed += usize::from(matches!(b, Run::Failed));
            counts.missing += usize::from(matches!(a, Run::Missing) || matches!(b, Run::Missing));
        }
        // A failed run scores `at`, or leaves its pair out.
        let sample = |at_candidate: Option<f64>, at_control: Option<f64>| {
            let score = |run: &Run, at: Option<f64>| match run {
                Run::Finished(score) => Some(*score),
                Run::Failed => at,
                Run::Missing | Run::Pending => None,
            };
            let scores = paired()
                .filter_map(|(a, b)| Some((score(a, at_candidate)?, score(b, at_control)?)));
            Sample::new(scores, settings.margin)
        };
        let left_out = sample(None, None);
        counts.pairs = left_out.zero.len();
        let untested = untested(&left_out, settings);
        let mut pairs = Self {
            counts,
            samples: vec![left_out],
            up: Vec::new(),
            down: Vec::new(),
            untested,
            no_test: false,
        };
        let failed = (counts.candidate_failed > 0, counts.control_failed > 0);
        if untested.is_some() {
            let all = settings
                .chance
                .filter(|_| failed.0 || failed.1)
                .map(|chance| sample(Some(chance), Some(chance)))
                .filter(|all| self::untested(all, settings).is_none());
            match all {
                Some(all) => {
                    pairs.samples.push(all);
                    // Upwards there is nothing without the failures.
                    pairs.down.push(1);
                }
                None => pairs.no_test = true,
            }
            return pairs;
        }
        match (failed.0, settings.chance) {
            (false, _) => pairs.up.push(Self::LEFT_OUT),
            (true, None) => {}
            (true, Some(chance)) => {
                pairs.up.extend([Self::LEFT_OUT, pairs.samples.len()]);
                pairs.samples.push(sample(Some(chance), None));
            }
        }
        match (failed.1, settings.chance) {
            (false, _) => pairs.down.push(Self::LEFT_OUT),
            (true, None) => {}
            (true, Some(chance)) => {
                pairs.down.extend([Self::LEFT_OUT, pairs.samples.len()]);
                pairs.samples.push(sample(None, Some(chance)));
            }
        }
        pairs
    }

    /// Whether the comparison counts as p = 1.
    pub(super) fn nothing_to_test(&self) -> bool {
        self.no_test
    }
}

/// Why a set of pairs has no test.
fn untested(sample: &Sample, settings: &Settings) -> Option<Reason> {
    let d = &sample.zero;
    match d.len() {
        0 => Some(Reason::NoPairs),
        1 => Some(Reason::OnePair),
        n if n < settings.minimum_pairs => Some(Reason::TooFewPairs),
        _ if d.iter().all(|d| *d == 0.0) => Some(Reason::Identical),
        _ if settings.test == Test::PairedT && d.iter().all(|x| *x == d[0]) => {
            Some(Reason::NoVariance)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const F: Run = Run::Failed;

    fn finished(score: f64) -> Run {
        Run::Finished(score)
    }

    fn pairs(chance: Option<f64>, control: &[Run], candidate: &[Run]) -> Pairs {
        let settings = Settings { chance, minimum_pairs: 2, ..Settings::default() };
        Pairs::new(&settings, control, candidate)
    }

    #[test]
    fn failures_enter_only_the_claims_that_they_can_spoil() {
        let control = [finished(0.5), finished(0.25), F, finished(0.75), F, Run::Missing];
        let candidate = [finished(0.75), finished(0.75), finished(0.5), F, F, finished(1.0)];
        let pairs = pairs(Some(0.0), &control, &candidate);
        let d: Vec<Vec<f64>> = pairs.samples.iter().map(Sample::differences).collect();
        assert_eq!(d, [vec![0.25, 0.5], vec![0.25, 0.5, -0.75], vec![0.25, 0.5, 0.5]]);
        assert_eq!((&pairs.up[..], &pairs.down[..]), (&[0, 1][..], &[0, 2][..]));
        assert_eq!(
            pairs.counts,
            Counts { pairs: 2, candidate_failed: 2, control_failed: 2, missing: 1 }
        );
    }

    #[test]
    fn without_two_finished_pairs_only_a_loss_can_be_claimed() {
        let control = [finished(0.5), finished(0.75), finished(0.5)];
        let some = pairs(Some(0.25), &control, &[F, F, finished(0.5)]);
        assert_eq!(some.samples[1].differences(), [-0.25, -0.5, 0.0]);
        assert_eq!((&some.up[..], &some.down[..]), (&[][..], &[1][..]));
        assert!(!some.nothing_to_test());
        assert!(pairs(None, &control, &[F, F, F]).nothing_to_test());
    }

    #[test]
    fn an_unknown_chance_excludes_the_claim_of_the_side_that_failed() {
        let control = [finished(0.5), finished(0.75), finished(0.5)];
        let pairs = pairs(None, &control, &[F, finished(0.5), finished(0.75)]);
        assert_eq!((&pairs.up[..], &pairs.down[..]), (&[][..], &[0][..]));
    }
}
