//! Trials without a partner, and why they have none.

use std::collections::BTreeSet;

use dst_core::record::TrialRecord;
use dst_core::{Error, Metric, Result};

use super::foreign::MISSING;
use super::group::{Group, seeds};
use super::matching::Matched;
use super::rule::Rule;
use super::side::Side;

/// Trials that are compared with nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmatched {
    /// 0 for the first side, 1 for the second.
    pub(super) side: usize,
    /// What they are of, as `rigl at 0.9 on mnist, lenet5`.
    pub(super) what: String,
    /// Their seeds.
    pub(super) seeds: BTreeSet<u64>,
    /// Why, in words without a full stop.
    pub(super) reason: String,
    /// Could they be compared if the two had been made from the same data or weights?
    pub(super) not_comparable: bool,
}

impl Unmatched {
    pub(super) fn of(side: usize, group: &Group, reason: String) -> Self {
        let seeds = group.trials.keys().copied().collect();
        Self { side, what: group.what(), seeds, reason, not_comparable: false }
    }
}

/// Why two trials of one seed are no pair.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    /// What is said of the trial of each side.
    pub(super) reasons: [String; 2],
    /// As in [`Unmatched`].
    pub(super) not_comparable: bool,
}

impl Refusal {
    /// Why the trials of this seed are not compared by `metric`, if so.
    pub(super) fn of(groups: [&Group; 2], seed: u64, metric: Metric) -> Option<Self> {
        let lacking = groups.map(|group| match group.scored_otherwise(seed, metric) {
            _ if group.trials[&seed].reason == MISSING => Some(MISSING.to_owned()),
            Some(other) => Some(format!("the score is {}, not {}", other.title(), metric.title())),
            None => None,
        });
        let on_the_other = |reason: &String| format!("{reason} on the other side");
        let reasons = match lacking {
            [None, None] => {
                let reason = other_input(&groups[0].trials[&seed], &groups[1].trials[&seed])?;
                return Some(Self { reasons: [reason.clone(), reason], not_comparable: true });
            }
            [Some(ours), None] => [ours.clone(), on_the_other(&ours)],
            [None, Some(theirs)] => [on_the_other(&theirs), theirs],
            [Some(ours), Some(theirs)] => [ours, theirs],
        };
        Some(Self { reasons, not_comparable: false })
    }
}

/// Why no group of the other side fits this one, by the first thing that nobody there has.
pub(super) fn reason(group: &Group, others: &[Group], rule: &Rule) -> String {
    let mut left: Vec<&Group> = others.iter().collect();
    let spec = &group.spec;
    left.retain(|other| other.spec.dataset_label() == spec.dataset_label());
    if left.is_empty() {
        return format!("the other side was not trained on {}", spec.dataset_label());
    }
    if rule.same_strategy {
        left.retain(|other| other.spec.strategy_name() == spec.strategy_name());
        if left.is_empty() {
            return format!("the other side has no {}", spec.strategy_name());
        }
    }
    left.retain(|other| {
        !other.reported.model
            || !group.reported.model
            || other.spec.model_label() == spec.model_label()
    });
    if left.is_empty() {
        return format!("the other side has no model {}", spec.model_label());
    }
    let mut sparsities: Vec<f64> = left.iter().map(|other| other.spec.sparsity).collect();
    sparsities.sort_by(f64::total_cmp);
    sparsities.dedup();
    if sparsities.contains(&spec.sparsity) {
        return "the other side has the same trials".to_owned();
    }
    let texts: Vec<String> = sparsities.iter().map(f64::to_string).collect();
    format!("the other side has no sparsity {}, only {}", spec.sparsity, texts.join(", "))
}

/// That two trials saw different data or started from different weights, if both tell it.
fn other_input(a: &TrialRecord, b: &TrialRecord) -> Option<String> {
    let (ours, theirs) = (&a.provenance, &b.provenance);
    let short = |digest: &str| digest.chars().take(12).collect::<String>();
    [
        ("the data differ", &ours.data_digest, &theirs.data_digest),
        ("the starting weights differ", &ours.weights_digest, &theirs.weights_digest),
    ]
    .into_iter()
    .find(|(_, a, b)| !a.is_empty() && !b.is_empty() && a != b)
    .map(|(what, a, b)| {
        format!("not comparable: {what} (digest {} against {})", short(a), short(b))
    })
}

/// Says why nothing at all is compared.
///
/// # Errors
/// Always.
pub(super) fn nothing<T>(
    groups: [&[Group]; 2],
    matched: &Matched,
    rule: &Rule,
    sides: [&Side; 2],
) -> Result<T> {
    let [first, second] = groups;
    let differ = |what: &str, name: &dyn Fn(&Group) -> String| {
        let [ours, theirs] =
            [first, second].map(|groups| groups.iter().map(name).collect::<BTreeSet<String>>());
        let apart = ours.is_disjoint(&theirs);
        let list = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(", ");
        apart.then(|| format!("no {what} in common: {} against {}", list(ours), list(theirs)))
    };
    let told = first.iter().chain(second).all(|group| group.reported.model);
    let message = differ("data set", &|group| group.spec.dataset_label())
        .or_else(|| {
            let named = rule.same_strategy;
            named.then(|| differ("strategy", &|group| group.spec.strategy_name().to_owned()))?
        })
        .or_else(|| told.then(|| differ("model", &|group| group.spec.model_label().to_owned()))?)
        .or_else(|| {
            let fixed = !rule.any_sparsity;
            fixed.then(|| differ("sparsity", &|group| group.spec.sparsity.to_string()))?
        });
    let [one, other] = sides.map(|side| side.typed.as_str());
    // Groups that found each other lack nothing but seeds: a dense network has a sparsity of its own.
    if let Some(message) = message.filter(|_| !matched.has_partners) {
        return Err(Error::usage(message).at(format!("{one} and {other}")).hint(
            "pairs need the same data set, model, sparsity and seed, and of stores and files the \
             same strategy",
        ));
    }
    let [ours, theirs] = [first, second].map(|groups| {
        groups.iter().flat_map(|group| group.trials.keys().copied()).collect::<BTreeSet<u64>>()
    });
    if matched.has_partners && ours.is_disjoint(&theirs) {
        let message = format!("no seed in common: {} against {}", seeds(&ours), seeds(&theirs));
        return Err(Error::usage(message)
            .at(format!("{one} and {other}"))
            .hint("two trials of one seed are a pair: train one side with seeds of the other"));
    }
    let mut reasons: Vec<String> = Vec::new();
    for trials in &matched.unmatched {
        let line = format!("{}: {}", trials.what, trials.reason);
        if !reasons.contains(&line) {
            reasons.push(line);
        }
    }
    let more = reasons.len().saturating_sub(5);
    reasons.truncate(5);
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    Err(Error::usage(format!("{one} and {other} have nothing in common that can be compared"))
        .hint(reasons.join("\n  ")))
}
