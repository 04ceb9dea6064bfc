//! How long trials will take, before the first of them.

use dst_core::Result;
use dst_core::record::{Status, TrialSpec};

use super::epoch_times::{EpochTimes, seconds};
use crate::progress::span;
use dst_store::{Depth, Store};

/// How long these trials will take, as many at once, by what finished ones of their networks took in
/// this store: in words, with what is not known. None if there are no trials, or nothing is known.
///
/// # Errors
/// If the store cannot be read.
pub(super) fn of_trials(
    store: Option<&Store>,
    trials: &[TrialSpec],
    jobs: usize,
) -> Result<Option<String>> {
    let mut times = EpochTimes::default();
    if let Some(store) = store {
        let specs = super::readable::specs(store)?;
        let ids: Vec<String> = specs.iter().map(TrialSpec::id).collect();
        let states = store.states(&ids, Depth::Result)?;
        for (spec, (_, result)) in specs.into_iter().zip(states) {
            if let Some(result) = result.filter(|result| result.status == Status::Finished) {
                times.finished(&spec, seconds(store, &result));
            }
        }
    }
    let known: Vec<f64> = trials.iter().filter_map(|spec| times.of(spec)).collect();
    Ok(words(&known, trials.len(), jobs))
}

fn words(known: &[f64], all: usize, jobs: usize) -> Option<String> {
    if known.is_empty() {
        return None;
    }
    let longest = known.iter().copied().fold(0.0, f64::max);
    let total = known.iter().sum::<f64>() / jobs.clamp(1, known.len()) as f64;
    let about = format!("about {}, by what earlier trials took here", span(total.max(longest)));
    Some(match all - known.len() {
        0 => about,
        unknown => format!(
            "{about}, for {} of {all} trials; no trial of the other {unknown} networks' kind has \
             finished in this store",
            known.len()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_told_and_what_is_not() {
        assert_eq!(words(&[], 8, 2), None);
        let all = words(&[60.0, 60.0, 60.0, 60.0], 4, 2);
        assert_eq!(all.unwrap(), "about 2 min 0 s, by what earlier trials took here");
        // One trial is not shared by two workers.
        assert!(words(&[7200.0], 1, 2).unwrap().starts_with("about 2 h 0 min,"));
        let some = words(&[60.0], 3, 1).unwrap();
        assert!(some.contains("for 1 of 3 trials; no trial of the other 2"), "{some}");
    }
}
