//! What holds of verdicts whatever the scores are: ties, zeros, failures and junk included.

use dst_stats::{
    Correction,
    verdict::{
        Candidate, Comparison, Evidence, Judgement, Reason, Run, Settings, Test, Verdict, judge,
    },
};
use proptest::{collection::vec, prelude::*, sample::select, test_runner::RngSeed};

/// On the grid of the differences 0.004 and 0.013 round towards 0, 0.005 and 0.01 away from it.
const MARGINS: [f64; 6] = [0.0, 0.004, 0.005, 0.01, 0.013, 1.0 / 300.0];

/// A whole input, owned.
#[derive(Debug, Clone)]
struct Input {
    settings: Settings,
    control: Vec<Run>,
    candidates: Vec<Vec<Run>>,
}

impl Input {
    fn judge(&self) -> Judgement {
        judge(&self.settings, &self.control, &candidates(&self.candidates)).unwrap()
    }
}

fn candidates(runs: &[Vec<Run>]) -> Vec<Candidate<'_>> {
    runs.iter().map(|runs| Candidate::new(runs)).collect()
}

/// Scores in thousandths, where differences tie, are 0 and lie at margins all the time, or scores
/// that hardly ever tie.
fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        2 => (880_i32..920).prop_map(|i| f64::from(i) / 1e3),
        1 => (895_i32..905).prop_map(|i| f64::from(i) / 1e3),
        2 => (880_000_000_i32..920_000_000).prop_map(|i| f64::from(i) / 1e9),
    ]
}

fn run(failed: u32, missing: u32) -> impl Strategy<Value = Run> {
    prop_oneof![
        20 => score().prop_map(Run::Finished),
        failed => Just(Run::Failed),
        missing => Just(Run::Missing),
    ]
}

/// The runs of a method: its scores, moved by an effect that makes all verdicts occur.
fn runs(seeds: usize, failed: u32, missing: u32) -> impl Strategy<Value = Vec<Run>> {
    let effect = select(vec![0.0, 0.0, 0.005, 0.01, 0.04, -0.01, -0.03, -0.06]);
    (vec(run(failed, missing), seeds), effect).prop_map(|(runs, effect)| {
        let moved = |run| match run {
            Run::Finished(score) => Run::Finished(score + effect),
            other => other,
        };
        runs.into_iter().map(moved).collect()
    })
}

fn settings(seeds: usize, family: usize) -> impl Strategy<Value = Settings> {
    (
        select(MARGINS.to_vec()),
        select(vec![0.01, 0.03125, 0.05, 0.2, 0.7]),
        select(Test::ALL.to_vec()),
        select(Correction::ALL.to_vec()),
        0_usize..8,
        select(vec![0, 0, 1, 5, 20]),
        select(vec![None, Some(0.1), Some(0.5), Some(0.9)]),
    )
        .prop_map(move |(margin, alpha, test, correction, minimum_pairs, more, chance)| {
            Settings {
                margin,
                alpha,
                test,
                correction,
                minimum_pairs,
                family: family + more,
                seeds_planned: seeds,
                chance,
                ..Settings::default()
            }
        })
}

fn inputs(comparisons: std::ops::Range<usize>) -> impl Strategy<Value = Input> {
    let failed = select(vec![0, 0, 2, 10]);
    (2_usize..10, comparisons, failed, 0_u32..3).prop_flat_map(|(seeds, count, failed, missing)| {
        let candidates = vec(runs(seeds, failed, missing), count);
        (settings(seeds, count), runs(seeds, failed / 2, missing), candidates)
            .prop_map(|(settings, control, candidates)| Input { settings, control, candidates })
    })
}

/// What is claimed upwards: 2 superior, 1 non-inferior.
fn up(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Superior => 2,
        Verdict::NonInferior => 1,
        _ => 0,
    }
}

fn agrees(margin: f64, comparison: &Comparison, e: &Evidence) -> Result<(), TestCaseError> {
    let (lower, upper) = (e.interval.lower, e.interval.upper);
    let read = if lower > 0.0 {
        Verdict::Superior
    } else if upper < -margin {
        Verdict::Inferior
    } else if lower > -margin {
        Verdict::NonInferior
    } else if upper < 0.0 {
        Verdict::Worse
    } else {
        Verdict::Inconclusive
    };
    prop_assert_eq!(comparison.verdict, read, "{:?}", e);
    prop_assert_eq!(comparison.loss_shown, upper < 0.0);
    prop_assert!(lower <= upper);
    prop_assert!((e.level - (1.0 - e.tails.0 - e.tails.1)).abs() < 1e-15);
    prop_assert!(e.tails.0 > 0.0 && e.tails.1 > 0.0 && e.level > 0.0 && e.level < 1.0);
    prop_assert!(!e.clipped || lower == 0.0 || upper == -margin);
    for p in [e.difference, e.non_inferior, e.inferior] {
        prop_assert!(p.raw > 0.0 && p.raw <= p.adjusted && p.adjusted <= 1.0);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(13),
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_verdict_can_be_read_from_the_interval(input in inputs(1..6)) {
        let judgement = input.judge();
        for comparison in &judgement.comparisons {
            match &comparison.evidence {
                Some(evidence) => agrees(input.settings.margin, comparison, evidence)?,
                None => prop_assert_eq!(comparison.verdict, Verdict::Inconclusive),
            }
            let undecided = comparison.verdict == Verdict::Inconclusive;
            prop_assert_eq!(
                undecided || comparison.reason == Some(Reason::Failures),
                comparison.reason.is_some()
            );
        }
    }

    /// A claim that is made with the failures is also made without them; "always diverges" alone
    /// has a verdict only with them, and that is inferior or worse.
    #[test]
    fn a_failure_can_spoil_a_claim_and_never_help_one(input in inputs(1..2)) {
        let judgement = input.judge();
        let with = &judgement.comparisons[0];
        let without = with.without_failed.unwrap_or(with.verdict);
        prop_assert!(up(with.verdict) <= up(without), "{with:?}");
        if with.evidence.is_some_and(|e| e.non_inferior.raw < 1.0) {
            let losses = [Verdict::Inferior, Verdict::Worse];
            if with.verdict == Verdict::Inferior {
                prop_assert_eq!(without, Verdict::Inferior);
            }
            if with.verdict == Verdict::Worse {
                prop_assert!(losses.contains(&without) || without == Verdict::NonInferior);
            }
        }
    }

    /// Under Holm, Hochberg, Hommel and Bonferroni, further comparisons, real or only planned, can
    /// take a claim and widen an interval, and never the opposite.
    #[test]
    fn a_larger_family_never_makes_a_verdict_stronger(
        input in inputs(2..6),
        correction in select(vec![
            Correction::Holm, Correction::Hochberg, Correction::Hommel, Correction::Bonferroni,
        ]),
    ) {
        let settings = Settings { correction, ..input.settings.clone() };
        let fewer = settings.family - 1;
        let small = Input {
            settings: Settings { family: fewer, ..settings.clone() },
            candidates: input.candidates[1..].to_vec(),
            ..input.clone()
        };
        let small = small.judge();
        let real = Input { settings: settings.clone(), ..input.clone() }.judge();
        let planned = Input { settings, candidates: input.candidates[1..].to_vec(), ..input };
        for large in [&real.comparisons[1..], &planned.judge().comparisons] {
            for (large, small) in large.iter().zip(&small.comparisons) {
                prop_assert!(up(large.verdict) <= up(small.verdict));
                prop_assert!(small.loss_shown || !large.loss_shown);
                let inferior = |c: &Comparison| c.verdict == Verdict::Inferior;
                prop_assert!(inferior(small) || !inferior(large));
                if let (Some(large), Some(small)) = (large.evidence, small.evidence)
                    && correction != Correction::Hommel
                {
                    prop_assert!(large.interval.lower <= small.interval.lower);
                    prop_assert!(large.interval.upper >= small.interval.upper);
                }
            }
        }
    }

    #[test]
    fn the_order_of_the_comparisons_does_not_matter(input in inputs(2..7), turn in 1_usize..6) {
        let mut turned = input.clone();
        let turn = turn % input.candidates.len();
        turned.candidates.rotate_left(turn);
        let mut straight = input.judge().comparisons;
        straight.rotate_left(turn);
        prop_assert_eq!(turned.judge().comparisons, straight);
    }

    /// With margin 0 neither side is favoured.
    #[test]
    fn swapping_both_sides_mirrors_the_verdict(input in inputs(1..2)) {
        let input = Input { settings: Settings { margin: 0.0, ..input.settings }, ..input };
        let swapped = Input {
            control: input.candidates[0].clone(),
            candidates: vec![input.control.clone()],
            ..input.clone()
        };
        let (a, b) = (input.judge(), swapped.judge());
        let (a, b) = (&a.comparisons[0], &b.comparisons[0]);
        prop_assert_eq!(a.counts.map(|c| c.pairs), b.counts.map(|c| c.pairs));
        // Where only all pairs together have a test, claims go downwards alone.
        if a.evidence.is_some_and(|a| a.non_inferior.raw < 1.0 && a.inferior.raw < 1.0) {
            let (x, y) = (a.evidence.unwrap(), b.evidence.unwrap());
            prop_assert!((x.difference.raw - y.difference.raw).abs() <= 1e-12);
            prop_assert_eq!(a.verdict == Verdict::Superior, b.verdict == Verdict::Inferior);
            prop_assert_eq!(a.verdict == Verdict::Inferior, b.verdict == Verdict::Superior);
        }
    }

    /// Looks read the first seeds and nothing else.
    #[test]
    fn later_seeds_change_no_verdict_of_a_look(input in inputs(1..4), ended in 0_usize..10) {
        let seeds = input.settings.seeds_planned;
        let look = 1 + seeds / 2;
        if look == seeds {
            return Ok(());
        }
        let ended = look.max(ended.min(seeds - 1));
        let stop = |runs: &Vec<Run>, at: usize| -> Vec<Run> {
            let run = |(i, run): (usize, &Run)| if i < at { *run } else { Run::Pending };
            runs.iter().enumerate().map(run).collect()
        };
        let at = |at: usize| {
            Input {
                settings: Settings { looks: vec![look, seeds], ..input.settings.clone() },
                control: stop(&input.control, at),
                candidates: input.candidates.iter().map(|runs| stop(runs, at)).collect(),
            }
            .judge()
        };
        prop_assert_eq!(at(ended), at(look));
        prop_assert_eq!(at(look - 1).look, None);
    }

    #[test]
    fn junk_never_panics_and_never_gives_nan(
        input in inputs(1..3),
        junk in vec(prop_oneof![
            any::<f64>(),
            select(vec![0.0, -0.0, 5e-324, 1e-70, 1e69, -1e69, 1e70, 1e12, f64::NAN]),
        ], 9),
        margin in prop_oneof![Just(0.0), any::<f64>(), Just(1e70), Just(1e-300)],
        alpha in prop_oneof![Just(0.05), any::<f64>(), Just(1e-12), Just(0.999_999)],
        looks in vec(0_usize..10, 0..3),
        strange in 0_usize..4,
    ) {
        let Input { mut settings, control, mut candidates } = input;
        for (run, junk) in candidates[0].iter_mut().zip(&junk) {
            *run = Run::Finished(*junk);
        }
        match strange {
            0 => settings.margin = margin,
            1 => settings.alpha = alpha,
            2 => settings.looks = looks,
            _ => settings.chance = Some(junk[8]),
        }
        if let Ok(judgement) = judge(&settings, &control, &self::candidates(&candidates)) {
            prop_assert!(!format!("{judgement:?}").contains("NaN"), "{judgement:?}");
        }
    }
}

#[test]
fn what_cannot_be_judged_is_an_error() {
    let runs = [Run::Finished(0.5); 6];
    let good = Settings { seeds_planned: 6, ..Settings::default() };
    let error = |settings: Settings, control: &[Run]| {
        judge(&settings, control, &[Candidate::new(&runs)]).unwrap_err().to_string()
    };
    assert_eq!(
        error(Settings { family: 0, ..good.clone() }, &runs),
        "family is 0 for 1 comparisons, legal: the count of planned comparisons, at least those \
         that are here"
    );
    assert_eq!(
        error(good.clone(), &runs[..5]),
        "paired samples must have equal counts, found 6 and 5"
    );
    assert_eq!(
        error(Settings { looks: vec![3, 5], ..good.clone() }, &runs),
        "looks is [3, 5] of 6 planned seeds, legal: rising seed counts, the last of which is all \
         planned seeds"
    );
    let mut undefined = runs;
    undefined[4] = Run::Finished(f64::NAN);
    assert_eq!(
        error(good.clone(), &undefined),
        "value NaN at position 4 is not finite; drop the pair or the run first"
    );
    for settings in [
        Settings { margin: -0.1, ..good.clone() },
        Settings { alpha: 1.0, ..good.clone() },
        Settings { looks: vec![0, 6], ..good.clone() },
        Settings { looks: vec![4, 4, 6], ..good.clone() },
        Settings { chance: Some(f64::NAN), ..good.clone() },
    ] {
        assert!(judge(&settings, &runs, &[Candidate::new(&runs)]).is_err(), "{settings:?}");
    }
    let none = Settings { seeds_planned: 0, ..good };
    assert!(judge(&none, &[], &[]).is_err());
}

/// The worst pair loses just the margin, which counts against non-inferiority. On the grid of the
/// differences, 2^-33, that loss is a little smaller than the margin itself.
#[test]
fn a_loss_of_just_the_margin_lies_at_the_margin() {
    let control = [0.9, 0.91, 0.92, 0.93, 0.94, 0.95].map(Run::Finished);
    let candidate = [0.896, 0.911, 0.922, 0.929, 0.938, 0.953].map(Run::Finished);
    let mut settings =
        Settings { margin: 0.004, test: Test::Wilcoxon, seeds_planned: 6, ..Settings::default() };
    let judgement = judge(&settings, &control, &[Candidate::new(&candidate)]).unwrap();
    let comparison = &judgement.comparisons[0];
    assert_eq!(comparison.verdict, Verdict::Inconclusive);
    assert_eq!(comparison.evidence.unwrap().interval.lower, -0.004);
    settings.margin = 0.0041;
    let judgement = judge(&settings, &control, &[Candidate::new(&candidate)]).unwrap();
    let comparison = &judgement.comparisons[0];
    assert_eq!(comparison.verdict, Verdict::NonInferior);
    assert!((comparison.evidence.unwrap().interval.lower + 0.004).abs() < 1e-9);
}
