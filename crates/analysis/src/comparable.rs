//! Whether a group may be judged at all: whether its networks are what was asked for, and whether
//! they saw what those of the control saw.

use std::collections::BTreeSet;

use dst_record::record::{Provenance, Status, TrialRecord};

use crate::format::{count, percent};
use crate::trial_table::Group;

/// Do two sparsities differ by more than what rounding to whole weights explains? Scores at one of
/// them then are no scores of the other.
pub fn is_another_sparsity(asked: f64, reached: f64) -> bool {
    (reached - asked).abs() > 0.005
}

/// Why a group cannot be judged against its control, in a sentence without a full stop.
pub(crate) fn obstacle(candidate: &Group<'_>, control: &Group<'_>) -> Option<String> {
    let own = |group| refused(group).or_else(|| unreached(group)).or_else(|| unchanged(group));
    own(candidate).or_else(|| own(control)).or_else(|| foreign(candidate, control))
}

/// That a method refused what it was to do, so that no network of the group could be trained.
fn refused(group: &Group<'_>) -> Option<String> {
    let mut trials = group.trials.values();
    let first = trials.next().filter(|first| first.status == Status::Refused)?;
    let all = trials.all(|trial| trial.status == Status::Refused);
    all.then(|| format!("{} was refused: {}", group.label, first.reason.trim_end_matches('.')))
}

/// That networks of a group ended at another sparsity than they were to reach, such as those of a
/// method whose first update comes after the last epoch.
fn unreached(group: &Group<'_>) -> Option<String> {
    let outcomes = group.outcomes();
    let missed: Vec<f64> = outcomes
        .iter()
        .map(|outcome| outcome.sparsity_prunable)
        .filter(|reached| is_another_sparsity(group.sparsity, *reached))
        .collect();
    let worst = missed
        .iter()
        .copied()
        .max_by(|a, b| (a - group.sparsity).abs().total_cmp(&(b - group.sparsity).abs()))?;
    let which = if missed.len() == outcomes.len() {
        "its networks".to_owned()
    } else {
        format!("{} of its {}", missed.len(), count(outcomes.len(), "network"))
    };
    Some(format!(
        "{} was to end at a sparsity of {}, and {which} ended at {}",
        group.label,
        percent(group.sparsity),
        percent(worst)
    ))
}

/// That no connection of a sparse group ever changed, as its layers tell: whatever it is called, it
/// is a static network then. A method that is static by design is what it should be.
fn unchanged(group: &Group<'_>) -> Option<String> {
    if group.outcomes().iter().all(|outcome| outcome.is_static) {
        return None;
    }
    let mut layers = group.finished().into_iter().flat_map(|trial| &trial.layers).peekable();
    layers.peek()?;
    let moved = layers.any(|layer| layer.born > 0 || layer.dropped > 0);
    (group.sparsity > 0.0 && !moved).then(|| {
        format!("no connection of {} ever changed, so it is a static network", group.label)
    })
}

/// What a trial says of what it was made from, and how that is called.
type Source = (&'static str, fn(&Provenance) -> &str);

/// What must be the same for two trials to be compared.
const SOURCES: [Source; 2] =
    [("the data", |p| &p.data_digest), ("the weights to start from", |p| &p.weights_digest)];

/// That trials saw different data, or started from different weights. Who does not tell is believed.
fn foreign(candidate: &Group<'_>, control: &Group<'_>) -> Option<String> {
    SOURCES.into_iter().find_map(|(what, source)| {
        let trials = || candidate.trials.values().chain(control.trials.values()).copied();
        let versions = versions(trials(), source);
        (versions.len() > 1).then(|| {
            format!(
                "its trials and those of {} saw {} versions of {what}",
                control.label,
                versions.len()
            )
        })
    })
}

fn versions<'a>(
    trials: impl Iterator<Item = &'a TrialRecord>,
    source: fn(&Provenance) -> &str,
) -> BTreeSet<&'a str> {
    trials.map(|trial| source(&trial.provenance)).filter(|digest| !digest.is_empty()).collect()
}
