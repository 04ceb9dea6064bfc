//! What came out, in words, for who reads nothing else.

use std::collections::BTreeSet;

use dst_record::BackendKind;
use dst_record::record::Status;
use dst_stats::verdict::Verdict;

use crate::format::{count, margin, points, quotient};
use crate::seconds::{BackendComparison, Sameness, TimeToTarget};
use crate::sentence::{sentence, verdict};
use crate::{Judgement, Study};

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
        [] => vec![format!("Nothing is compared with {} yet.", study.control)],
        [only] if only.family == 1 => only
            .comparisons
            .iter()
            .map(|one| sentence(only, one, study.analysis(), study.experiment.post_hoc))
            .collect(),
        _ if compared.len() <= NAMED => {
            compared.iter().map(|judgement| of_family(judgement)).collect()
        }
        _ => vec![of_all(&compared, &study.control)],
    };
    if compared.len() <= NAMED {
        lines.extend(study.judgements.iter().flat_map(|judgement| of_time(judgement)));
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
             than {} itself, in the median over seeds; soonest is {}, in {} of its time ({} of {} get there).",
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
        ));
    }
    lines
}

fn of_family(judgement: &Judgement<'_>) -> String {
    let parts: Vec<String> = Verdict::ALL
        .into_iter()
        .filter_map(|kind| {
            let labels: Vec<&str> = judgement
                .comparisons
                .iter()
                .filter(|comparison| comparison.verdict == kind)
                .map(|comparison| comparison.candidate.label.as_str())
                .collect();
            let name = verdict(kind);
            match labels.len() {
                0 => None,
                some if some <= METHODS => {
                    let is = if some == 1 { "is" } else { "are" };
                    Some(format!("{} {is} {name}", listed(&labels)))
                }
                many => Some(format!("{many} are {name}")),
            }
        })
        .collect();
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

fn of_all(judgements: &[&Judgement<'_>], control: &str) -> String {
    let all: usize = judgements.iter().map(|judgement| judgement.family).sum();
    let parts: Vec<String> = Verdict::ALL
        .into_iter()
        .map(|kind| (kind, judgements.iter().map(|judgement| judgement.count(kind)).sum::<usize>()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", verdict(kind)))
        .collect();
    format!(
        "Of {} with {control} in {} families, each corrected on its own: {}.",
        count(all, "comparison"),
        judgements.len(),
        parts.join(", ")
    )
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
