//! What a reader must know before believing a report.

use std::collections::{BTreeMap, BTreeSet};

use dst_record::record::{Status, TrialRecord};

use super::Warning;
use super::provenance::{SOURCES, listed, values};
use crate::format::count;
use crate::{Judgement, LOST_LOOKS, Study};

/// What a reader must know before believing anything.
pub(super) fn warnings(study: &Study<'_>) -> Vec<Warning> {
    let trials = study.experiment.trials;
    let mut warnings: Vec<Warning> = failures(study).into_iter().collect();
    let mut texts = Vec::new();
    if study.experiment.post_hoc {
        texts.push(
            "This analysis is post hoc: margin, level, control and the rest were not all recorded \
             before these trials began."
                .to_owned(),
        );
    }
    if study.experiment.seen.contains_key(LOST_LOOKS) {
        texts.push(
            "How often verdicts on these trials were shown before is unknown, because the store's record \
             of it (looks.json) was damaged: the chance of a false claim may be above what is stated."
                .to_owned(),
        );
    }
    texts.extend(SOURCES.iter().filter_map(|(name, source, consequence)| {
        let values = values(trials, *source);
        (values.len() > 1).then(|| {
            format!(
                "Trials have {} values of {name} ({}): {consequence}.",
                values.len(),
                listed(values)
            )
        })
    }));
    texts.extend(mixed_code(trials));
    warnings.extend(texts.into_iter().map(Warning::from));
    warnings
}

/// Trials that did not finish, what happened to most of them, and where the others stand.
fn failures(study: &Study<'_>) -> Option<Warning> {
    let failed = |judgement: &Judgement<'_>| -> Vec<(Status, String)> {
        let groups = judgement.groups().flat_map(|group| group.failures());
        groups.map(|trial| (trial.status, trial.reason.clone())).collect()
    };
    let families: Vec<(usize, Vec<(Status, String)>)> =
        study.judgements.iter().map(failed).enumerate().filter(|(_, of)| !of.is_empty()).collect();
    let all: Vec<&(Status, String)> = families.iter().flat_map(|(_, failed)| failed).collect();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (status, reason) in all.iter().copied() {
        *counts.entry((status.name(), reason)).or_default() += 1;
    }
    // Of equally frequent ones the first by name, so that a page is the same whenever it is made.
    let ((status, reason), most) = counts.iter().rev().max_by_key(|(_, count)| **count)?;
    let reason = match reason.trim().trim_end_matches('.') {
        "" => String::new(),
        reason => format!(" ({reason})"),
    };
    let trials = study.experiment.trials.len();
    let said = status.replace('-', " ");
    let mut text = format!("{} of {} did not finish: ", all.len(), count(trials, "trial"));
    text.push_str(&match all.len() {
        1 => format!("{said}{reason}."),
        failed if *most == failed => format!("all {said}{reason}."),
        _ => format!("most often {said}{reason}, {most} times."),
    });
    let place = families.iter().max_by_key(|(place, failed)| (failed.len(), usize::MAX - place))?.0;
    Some(Warning { text, table: Some(super::tables::failures_id(&super::page::family_id(place))) })
}

/// That trials of one plug-in, or of the core, were made by different code. Trials of different
/// strategies have different code anyway.
fn mixed_code(trials: &[TrialRecord]) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut numerics = BTreeSet::new();
    let (mut known, mut unknown, mut continued) = (0, 0, 0);
    for trial in trials {
        let provenance = &trial.provenance;
        // A process that died could not say what it was.
        if provenance.version.is_empty() {
            continue;
        }
        if provenance.code.is_empty() {
            unknown += 1;
            continue;
        }
        known += 1;
        continued += usize::from(!provenance.earlier_code.is_empty());
        numerics.insert(provenance.numerics);
        for (name, digest) in &provenance.code {
            versions.entry(name).or_default().insert(digest);
        }
    }
    let mut warnings: Vec<String> = versions
        .into_iter()
        .filter(|(_, digests)| digests.len() > 1)
        .map(|(name, digests)| {
            format!(
                "Trials were made by {} versions of {name}: their numbers may differ only because of that.",
                digests.len()
            )
        })
        .collect();
    if numerics.len() > 1 {
        warnings.push(format!(
            "Trials were made by {} versions of the core and the training, whose numbers differ.",
            numerics.len()
        ));
    }
    if continued > 0 {
        warnings.push(format!(
            "{} began with other code than it ended with.",
            count(continued, "trial")
        ));
    }
    if known > 0 && unknown > 0 {
        warnings.push(format!("Of {unknown} of the trials it is not known which code made them."));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, failed, group, spec};
    use crate::{Analysis, Experiment, Seen};
    use serde_json::json;

    #[test]
    fn a_mixture_of_code_is_said() {
        let mut trials = group(&baseline(), 0.0, &[0.9, 0.9, 0.9]);
        for trial in &mut trials {
            trial.provenance.version = "0.1.0".to_owned();
            trial.provenance.code.insert("strategy-x".to_owned(), "aa".to_owned());
            trial.provenance.numerics = 1;
        }
        assert!(mixed_code(&trials).is_empty());
        trials[1].provenance.code.insert("strategy-x".to_owned(), "bb".to_owned());
        trials[2].provenance.code.clear();
        let said = mixed_code(&trials);
        assert!(said[0].starts_with("Trials were made by 2 versions of strategy-x"), "{said:?}");
        assert!(said[1].starts_with("Of 1 of the trials it is not known"), "{said:?}");
    }

    #[test]
    fn lost_looks_are_said() {
        let trials = group(&baseline(), 0.0, &[0.9, 0.9, 0.9]);
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let said = |seen: &Seen| {
            let experiment = Experiment { seen, ..Experiment::new(&trials, &analysis) };
            format!("{:?}", warnings(&Study::new(&experiment).unwrap()))
        };
        let lost = Seen::from([(LOST_LOOKS.to_owned(), BTreeSet::new())]);
        assert!(said(&lost).contains("looks.json"), "{}", said(&lost));
        assert!(!said(&Seen::new()).contains("looks.json"));
    }

    #[test]
    fn failed_trials_are_counted_with_their_commonest_reason() {
        let mut trials = group(&baseline(), 0.0, &[0.9, 0.9, 0.9]);
        let warned = |trials: &[TrialRecord]| {
            let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
            warnings(&Study::new(&Experiment::new(trials, &analysis)).unwrap()).into_iter().next()
        };
        assert_eq!(warned(&trials), None);
        let method = || json!({"name": "method"});
        let ends = [
            (Status::Diverged, "loss is NaN"),
            (Status::Crashed, "killed"),
            (Status::Diverged, "loss is NaN"),
        ];
        for (seed, (status, reason)) in ends.into_iter().enumerate() {
            trials.push(failed(spec(method(), 0.9, seed as u64), status, reason));
        }
        let found = warned(&trials).unwrap();
        assert_eq!(
            found.text,
            "3 of 6 trials did not finish: most often diverged (loss is NaN), 2 times."
        );
        assert_eq!(found.table.as_deref(), Some("family-1-failures"));
        trials.truncate(4);
        assert_eq!(
            warned(&trials).unwrap().text,
            "1 of 4 trials did not finish: diverged (loss is NaN)."
        );
    }
}
