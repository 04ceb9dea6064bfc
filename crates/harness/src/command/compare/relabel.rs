//! Pairings as trials of two strategies, which is what a study compares.

use std::collections::BTreeSet;

use dst_core::Training;
use dst_core::record::{TrialRecord, TrialSpec};
use serde_json::json;

use super::matching::Pairing;
use super::names::rename;
use super::rule::Rule;
use super::side::Side;
use crate::command::label::Labels;

/// What the two sides are called: by strategy where two are compared, else by source. Two
/// different names.
pub(super) fn names(sides: [&Side; 2], rule: &Rule) -> [String; 2] {
    let short = |side: &Side| match rule.same_strategy {
        true => {
            let source = side.source.to_string();
            Side { typed: source, selector: None, ..side.clone() }.short()
        }
        false => side.short(),
    };
    let [first, second] = sides.map(short);
    if first != second {
        return [first, second];
    }
    match sides.map(|side| side.typed.clone()) {
        [first, second] if first != second => [first, second],
        [first, second] => [first, format!("{second} (control)")],
    }
}

/// All trials of the pairings. Those of the first side are trials of the strategy `names[0]`, those
/// of the second of `names[1]`; everything else by which pairings differ is in the name of the
/// model, so that each stands in the table of its partner and in no other. Data sets keep their
/// names: margins and metrics are found by them.
pub(super) fn trials(pairings: &[Pairing], names: &[String; 2], rule: &Rule) -> Vec<TrialRecord> {
    let labels = Labels::of(pairings.iter().map(|pairing| &pairing.candidate.spec));
    let mut seen = BTreeSet::new();
    let mut trials = Vec::new();
    for pairing in pairings {
        let place = place(pairing, &labels, rule);
        for (group, name) in [&pairing.candidate, &pairing.control].into_iter().zip(names) {
            for trial in group.trials.values() {
                let mut trial = trial.clone();
                let spec = &mut trial.spec;
                spec.dataset.clone_from(&pairing.candidate.spec.dataset);
                spec.dataset_options.clone_from(&pairing.candidate.spec.dataset_options);
                spec.model = json!({ "name": place }).into();
                spec.training = Training::default().into();
                match rule.same_strategy {
                    true => spec.strategy = json!({ "name": name }).into(),
                    false => rename(&mut spec.strategy, name.clone()),
                }
                trial.id = spec.id();
                if let Some(outcome) = &mut trial.outcome {
                    outcome.metric = pairing.metric;
                }
                // A control may be the partner of several.
                if seen.insert(trial.id.clone()) {
                    trials.push(trial);
                }
            }
        }
    }
    trials
}

/// What tells a pairing from others on its data set, beside sparsity: in two sources the strategy,
/// then the model and the training as far as they are told and differ.
fn place(pairing: &Pairing, labels: &Labels, rule: &Rule) -> String {
    let (candidate, control) = (&pairing.candidate, &pairing.control);
    let mut parts = Vec::new();
    if rule.same_strategy {
        parts.push(labels.strategy(&candidate.spec));
    }
    let tells: Option<&TrialSpec> = match (candidate.reported.model, control.reported.model) {
        (true, _) => Some(&candidate.spec),
        (false, true) => Some(&control.spec),
        (false, false) => None,
    };
    parts.extend(tells.map(|spec| labels.model(spec)));
    if candidate.reported.training {
        parts.extend(Some(labels.training(&candidate.spec)).filter(|text| !text.is_empty()));
    }
    if parts.is_empty() {
        parts.push(candidate.spec.model_label().to_owned());
    }
    parts.join(", ")
}

/// Settings in which the sides of one pairing or more differ though nobody asked for it.
pub(super) fn differing<'p>(pairings: impl IntoIterator<Item = &'p Pairing>) -> Vec<String> {
    let all: BTreeSet<&String> = pairings.into_iter().flat_map(|p| &p.differing).collect();
    all.into_iter().cloned().collect()
}
