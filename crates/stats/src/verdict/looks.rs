//! When verdicts are given, and how looks share alpha.

use super::{Candidate, Run, Settings};

/// The look whose verdicts hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Look {
    /// Counted from 1.
    pub(super) number: usize,
    /// Its first seeds of the plan, and only these, are judged.
    pub(super) seeds: usize,
    /// Level A of this look.
    pub(super) alpha: f64,
    /// What the chance of a false claim may reach over all looks.
    pub(super) error_bound: f64,
}

impl Look {
    /// The last look at which all runs of the family have ended; `None` before the first.
    pub(super) fn reached(
        settings: &Settings,
        control: &[Run],
        candidates: &[Candidate<'_>],
    ) -> Option<Self> {
        let ended = std::iter::once(control)
            .chain(candidates.iter().flat_map(|c| std::iter::once(c.runs).chain(c.control)))
            .map(|runs| runs.iter().take_while(|run| !matches!(run, Run::Pending)).count())
            .min()?;
        let planned = planned(settings);
        let number = planned.iter().take_while(|seeds| **seeds <= ended).count();
        let seeds = *planned.get(number.checked_sub(1)?)?;
        let post_hoc = post_hoc(settings);
        let alpha = if post_hoc > 0 {
            settings.alpha
        } else {
            let share = |seeds: usize| (seeds as f64 / settings.seeds_planned as f64).powi(3);
            let before = if number > 1 { share(planned[number - 2]) } else { 0.0 };
            settings.alpha * (share(seeds) - before)
        };
        let error_bound = (settings.alpha * (1 + post_hoc) as f64).min(1.0);
        Some(Self { number, seeds, alpha, error_bound })
    }
}

/// Seed counts of the planned looks.
fn planned(settings: &Settings) -> &[usize] {
    if settings.looks.is_empty() {
        std::slice::from_ref(&settings.seeds_planned)
    } else {
        &settings.looks
    }
}

/// Count of seed counts at which verdicts were shown and that are no planned look.
pub(super) fn post_hoc(settings: &Settings) -> usize {
    let mut seen: Vec<usize> =
        settings.seen.iter().copied().filter(|n| !planned(settings).contains(n)).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(settings: &Settings, ended: [usize; 2]) -> Option<Look> {
        let runs = ended.map(|ended| {
            let run = |i| if i < ended { Run::Finished(0.0) } else { Run::Pending };
            (0..settings.seeds_planned).map(run).collect::<Vec<_>>()
        });
        Look::reached(settings, &runs[0], &[Candidate::new(&runs[1])])
    }

    #[test]
    fn looks_spend_alpha_by_the_cube_of_their_share_of_seeds() {
        let settings = Settings { seeds_planned: 12, looks: vec![6, 12], ..Settings::default() };
        assert_eq!(reached(&settings, [12, 5]), None);
        let first = reached(&settings, [12, 11]).unwrap();
        assert_eq!((first.number, first.seeds, first.alpha), (1, 6, 0.00625));
        let second = reached(&settings, [12, 12]).unwrap();
        assert_eq!((second.number, second.seeds), (2, 12));
        assert!((second.alpha - 0.04375).abs() < 1e-15);
        assert_eq!(second.error_bound, 0.05);
    }

    #[test]
    fn an_unplanned_look_gives_up_the_spending_and_raises_the_bound() {
        let settings = Settings {
            seeds_planned: 12,
            looks: vec![6, 12],
            seen: vec![6, 8, 8, 20],
            ..Settings::default()
        };
        assert_eq!(post_hoc(&settings), 2);
        let look = reached(&settings, [7, 7]).unwrap();
        assert_eq!((look.number, look.alpha), (1, 0.05));
        assert!((look.error_bound - 0.15).abs() < 1e-15);
    }

    #[test]
    fn a_gap_in_the_seeds_holds_a_look_up() {
        let settings = Settings { seeds_planned: 3, ..Settings::default() };
        let done = [Run::Finished(0.1); 3];
        let gap = [Run::Failed, Run::Pending, Run::Missing];
        assert_eq!(Look::reached(&settings, &done, &[Candidate::new(&gap)]), None);
        assert!(Look::reached(&settings, &done, &[Candidate::new(&done)]).is_some());
    }
}
