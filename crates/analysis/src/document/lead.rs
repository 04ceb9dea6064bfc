//! What came out, in words, for who reads nothing else.

use std::collections::{BTreeMap, BTreeSet};

use dst_record::BackendKind;
use dst_record::record::Status;
use dst_stats::verdict::Verdict;

use crate::format::{count, margin, points, quotient};
use crate::seconds::{BackendComparison, Sameness, TimeToTarget};
use crate::sentence::{sentence, verdict, why_open};
use crate::{Analysis, Judgement, Study};

/// Families that are named one by one; more are counted together.
const NAMED: usize = 6;
/// Methods that are named with their verdict; more are only counted.
const METHODS: usize = 4;

/// The verdicts in a few sentences, and how complete the trials are.
pub(super) fn lead(study: &Study<'_>) -> Vec<String> {
    let trials = study.experiment.trials;
    if trials.is_empty() {
        return vec!["No trial has ended, so there is nothing to compare.".to_owned()];
    }
    let compared: Vec<&Judgement<'_>> =
        study.judgements.iter().filter(|judgement| judgement.family > 0).collect();
    let mut lines = match compared[..] {
        // Whoever trains no control asks something else, which is answered first.
        [_, ..] if compared.iter().all(|judgement| !judgement.has_control()) => Vec::new(),
        [] => vec![format!("Nothing is compared with {} yet.", study.control)],
        [only] if only.family == 1 => only
            .comparisons
            .iter()
            .map(|one| sentence(only, one, study.analysis(), study.experiment.post_hoc))
            .collect(),
        _ if compared.len() <= NAMED => {
            compared.iter().map(|judgement| of_family(judgement, study.analysis())).collect()
        }
        _ => vec![of_all(&compared, study)],
    };
    if compared.len() <= NAMED {
        lines.extend(study.judgements.iter().flat_map(|judgement| of_time(judgement)));
    }
    if lines.is_empty() {
        lines.push(format!("Nothing {}.", without_control(&study.control)));
    }
    lines.push(completeness(study));
    lines
}

/// What trials of other backends than dense arithmetic took in time; nothing if there are none.
fn of_time(judgement: &Judgement<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let (seconds, metric) = (&judgement.seconds, judgement.table.metric);
    let place = &judgement.table.place;
    let size = |size: f64| format!("{}{}", margin(metric, size), points(metric));
    let pairs: BTreeSet<(BackendKind, BackendKind)> =
        seconds.backends.iter().map(|one| one.backends()).collect();
    for (backend, reference) in pairs {
        let found: Vec<_> =
            seconds.backends.iter().filter(|one| one.backends() == (backend, reference)).collect();
        let alike = |one: &&&BackendComparison<'_>| {
            matches!(one.sameness, Sameness::Identical | Sameness::Equivalent)
        };
        let mut text = format!(
            "On {place}, {} of {} on {backend} {} shown to score as on {reference}, within {}",
            found.iter().filter(alike).count(),
            count(found.len(), "method"),
            if found.iter().filter(alike).count() == 1 { "is" } else { "are" },
            seconds.equivalence_margin.map_or_else(|| "an unknown margin".to_owned(), size),
        );
        let ratios: Vec<f64> = found
            .iter()
            .filter_map(|one| Some(one.training.ratio.as_ref()?.geometric_mean))
            .collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        match ratios.len() {
            0 => {}
            1 => text.push_str(&format!("; its training takes {} of the time", quotient(least))),
            _ => text.push_str(&format!(
                "; trainings take {} to {} of the time",
                quotient(least),
                quotient(most)
            )),
        }
        lines.push(text + ".");
    }
    let measured = seconds
        .target
        .times
        .iter()
        .filter(|time| time.control.is_some() && time.group.backend != BackendKind::Masked);
    let mut ratios: Vec<(f64, &TimeToTarget<'_>)> =
        measured.filter_map(|time| Some((time.median_ratio.as_ref()?.median, time))).collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let ([(least, soonest), ..], Some(below)) = (&ratios[..], seconds.target.margin)
        && least.is_finite()
    {
        let sooner = ratios.iter().filter(|(ratio, _)| *ratio < 1.0).count();
        lines.push(format!(
            "On {place}, {sooner} of {} on sparse kernels {} the last validation {} of {} minus {} sooner \
             than {} itself, in the median over seeds; soonest is {}, in {} of its time ({} of {} {} there).",
            count(ratios.len(), "method"),
            if sooner == 1 { "has" } else { "have" },
            metric.title(),
            judgement.control_strategy,
            size(below),
            judgement.control_strategy,
            soonest.group.label,
            quotient(*least),
            soonest.reached(),
            count(soonest.seeds.len(), "seed"),
            if soonest.seeds.len() == 1 { "gets" } else { "get" },
        ));
    }
    lines
}

fn of_family(judgement: &Judgement<'_>, analysis: &Analysis) -> String {
    if !judgement.has_control() {
        return format!(
            "On {}, nothing {}.",
            judgement.table.place,
            without_control(judgement.control())
        );
    }
    let mut parts: Vec<String> = Vec::new();
    for kind in Verdict::ALL {
        // What is open for different reasons is told apart.
        let mut by_reason: BTreeMap<Option<String>, Vec<&str>> = BTreeMap::new();
        let all = judgement.comparisons.iter().filter(|comparison| comparison.verdict == kind);
        for comparison in all {
            let reason = why_open(judgement, comparison, analysis);
            let reason = reason.filter(|_| kind == Verdict::Inconclusive);
            by_reason.entry(reason).or_default().push(&comparison.candidate.label);
        }
        let name = verdict(kind);
        parts.extend(by_reason.into_iter().map(|(reason, labels)| {
            let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
            let is = if labels.len() == 1 { "is" } else { "are" };
            match labels.len() {
                some if some <= METHODS => format!("{} {is} {name}{reason}", listed(&labels)),
                many => format!("{many} are {name}{reason}"),
            }
        }));
    }
    let mut budgets = judgement.comparisons.iter().map(|comparison| comparison.candidate.budget);
    let first = budgets.next().filter(|first| first.is_some() && budgets.all(|own| own == *first));
    let at = first.map_or_else(String::new, |budget| format!(" at {}", budget.words()));
    format!(
        "On {}, against {}{at}: {}.",
        judgement.table.place,
        judgement.control(),
        parts.join("; ")
    )
}

/// What goes with "nothing" where the control was not trained, without a full stop.
pub(super) fn without_control(control: &str) -> String {
    format!("is compared with {control}: there are no trials of {control}")
}

fn of_all(judgements: &[&Judgement<'_>], study: &Study<'_>) -> String {
    let control = &study.control;
    let all: usize = judgements.iter().map(|judgement| judgement.family).sum();
    let parts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|kind| (kind, judgements.iter().map(|judgement| judgement.count(kind)).sum::<usize>()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| {
            let reason =
                (kind == Verdict::Inconclusive).then(|| commonest_reason(judgements, study));
            let reason = reason.flatten().map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("{count} {}{reason}", verdict(kind))
        })
        .collect();
    format!(
        "Of {} with {control} in {} families, each corrected on its own: {}.",
        count(all, "comparison"),
        judgements.len(),
        parts.join(", ")
    )
}

/// The commonest reason why something is open, with a count if it is not that of all.
fn commonest_reason(judgements: &[&Judgement<'_>], study: &Study<'_>) -> Option<String> {
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for judgement in judgements {
        let all = judgement.comparisons.iter();
        for comparison in all.filter(|one| one.verdict == Verdict::Inconclusive) {
            *counts.entry(why_open(judgement, comparison, study.analysis())).or_default() += 1;
        }
    }
    let all: usize = counts.values().sum();
    let (reason, most) = counts.into_iter().rev().max_by_key(|(_, count)| *count)?;
    let reason = reason?;
    Some(if most == all { reason } else { format!("{most} of these: {reason}") })
}

fn completeness(study: &Study<'_>) -> String {
    let trials = study.experiment.trials;
    let groups = study.judgements.iter().flat_map(|judgement| &judgement.table.groups);
    let finished: usize = groups.map(|group| group.finished().len()).sum();
    let of = |status| trials.iter().filter(|trial| trial.status == status).count();
    let mut text = format!("{} ended", count(trials.len(), "trial"));
    let failed = trials.len() - finished;
    if failed > 0 {
        let kinds: Vec<String> = Status::ALL
            .into_iter()
            .filter(|status| *status != Status::Finished && of(*status) > 0)
            .map(|status| format!("{} {status}", of(status)))
            .collect();
        text.push_str(&format!(": {finished} finished, {failed} did not"));
        if !kinds.is_empty() {
            text.push_str(&format!(" ({})", kinds.join(", ")));
        }
    }
    match study.experiment.pending.len() {
        0 => text.push('.'),
        left => text.push_str(&format!("; {left} to do.")),
    }
    text
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Experiment;
    use crate::sample::{baseline, group};
    use serde_json::json;

    #[test]
    fn several_open_verdicts_say_why_as_one_does() {
        let mut trials = group(&baseline(), 0.0, &[0.9, 0.91]);
        trials.extend(group(&json!({"name": "rigl"}), 0.9, &[0.89, 0.9]));
        let analysis = Analysis { control: "baseline".to_owned(), ..Analysis::default() };
        let said = |trials: &[_]| lead(&Study::new(&Experiment::new(trials, &analysis)).unwrap());
        let why = "2 pairs of seeds finished, and a test needs 5";
        assert!(said(&trials)[0].contains(why), "{:?}", said(&trials));
        trials.extend(group(&json!({"name": "set"}), 0.9, &[0.88, 0.9]));
        let both = format!("rigl at 90 % and set at 90 % are inconclusive ({why}).");
        assert!(said(&trials)[0].ends_with(&both), "{:?}", said(&trials));
    }
}
