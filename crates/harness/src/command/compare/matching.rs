//! Which trials of the two sides belong together, and which have no partner.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::Analysis;
use dst_core::Metric;
use serde_json::Value;

use super::entry::METRIC;
use super::group::{Group, seeds};
use super::rule::Rule;
use super::side::{Selector, Side, spelled};
use super::unmatched::{self, Refusal, Unmatched};

/// Two groups that are compared.
#[derive(Debug, Clone)]
pub(super) struct Pairing {
    /// What is judged.
    pub(super) candidate: Group,
    /// What it is compared with, over the same seeds.
    pub(super) control: Group,
    /// What is compared.
    pub(super) metric: Metric,
    /// Settings in which the two differ though nobody asked for it, as `training.epochs: 2
    /// against 1`.
    pub(super) differing: Vec<String>,
}

/// What is compared, and what is not.
#[derive(Debug, Clone, Default)]
pub(super) struct Matched {
    pub(super) pairings: Vec<Pairing>,
    pub(super) unmatched: Vec<Unmatched>,
    /// Has a group of one side a partner on the other, whatever became of their seeds?
    pub(super) has_partners: bool,
    /// How to compare what was left out, in sentences without a full stop.
    pub(super) notes: BTreeSet<String>,
}

impl Matched {
    /// Tells of trials without a partner, once: a control may lack one for several candidates.
    fn add_unmatched(&mut self, trials: Unmatched) {
        if !trials.seeds.is_empty() && !self.unmatched.contains(&trials) {
            self.unmatched.push(trials);
        }
    }
}

/// The groups of one side that fit each group of the other.
struct Partners {
    /// By group of the first side: those at its place that are set up alike, as far as it is told.
    alike: Vec<Vec<usize>>,
    /// By group of the first side: those at its place.
    near: Vec<Vec<usize>>,
}

/// Finds for every group of the first side its partner on the second: at the same data set, model,
/// strategy and sparsity the one that is set up alike, or the only one left, of which is then said
/// in what it differs. Several groups of the first side may have one partner, such as a control
/// without sparsity; of several partners none is taken, because that would be a guess.
pub(super) fn matched(
    [first, second]: [&[Group]; 2],
    rule: &Rule,
    sides: [&Side; 2],
    analysis: &Analysis,
) -> Matched {
    let fits = Partners::new(first, second, rule);
    let has_partners = fits.near.iter().any(|near| !near.is_empty());
    let mut matched = Matched { has_partners, ..Matched::default() };
    let mut partner: Vec<Option<usize>> = fits.alike.iter().map(|alike| only(alike)).collect();
    let taken: BTreeSet<usize> = partner.iter().flatten().copied().collect();
    let free = |b: &usize| !taken.contains(b);
    let open: Vec<usize> = (0..first.len()).filter(|a| fits.alike[*a].is_empty()).collect();
    for &a in &open {
        let left: Vec<usize> = fits.near[a].iter().copied().filter(free).collect();
        if let Some(b) = only(&left) {
            let rivals = open.iter().filter(|rival| fits.near[**rival].contains(&b)).count();
            partner[a] = Some(b).filter(|_| rivals == 1);
        }
    }
    let vague = vague(first, &partner, rule);
    for a in vague.iter().flatten() {
        partner[*a] = None;
    }
    for (a, group) in first.iter().enumerate() {
        if let Some(rivals) = vague.iter().find(|rivals| rivals.contains(&a)) {
            let rivals: Vec<&Group> = rivals.iter().map(|a| &first[*a]).collect();
            let reason = format!(
                "{} does not tell which of {} of {} it has there: name one of {}",
                sides[1].typed,
                rivals.len(),
                sides[0].typed,
                ways(&rivals, sides[0]).join(", ")
            );
            matched.unmatched.push(Unmatched::of(0, group, reason));
            continue;
        }
        let Some(b) = partner[a] else {
            let several = if fits.alike[a].is_empty() { &fits.near[a] } else { &fits.alike[a] };
            let partners: Vec<&Group> = several.iter().map(|b| &second[*b]).collect();
            let reason = match partners.is_empty() {
                true => unmatched::reason(group, second, rule),
                false => ambiguous(group, &partners, sides[1]),
            };
            matched.unmatched.push(Unmatched::of(0, group, reason));
            continue;
        };
        join([group, &second[b]], sides, rule, analysis, &mut matched);
    }
    let used: BTreeSet<usize> = partner.into_iter().flatten().collect();
    for (b, group) in second.iter().enumerate().filter(|(b, _)| !used.contains(b)) {
        // The reason of the first side's says it already.
        let partners: Vec<&Group> =
            (0..first.len()).filter(|a| fits.near[*a].contains(&b)).map(|a| &first[a]).collect();
        let reason = match partners.is_empty() {
            true => unmatched::reason(group, first, rule),
            false => "its partner is not clear".to_owned(),
        };
        matched.unmatched.push(Unmatched::of(1, group, reason));
    }
    matched
}

/// Groups of the first side that have one partner though it can be that of one only: they differ
/// in something that the partner does not tell. A control without sparsity is that of several, and
/// so is one strategy for several sets of parameters of another.
fn vague(first: &[Group], partner: &[Option<usize>], rule: &Rule) -> Vec<Vec<usize>> {
    let mut rivals: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    for (a, b) in partner.iter().enumerate() {
        if let Some(b) = b {
            rivals.entry((*b, first[a].spec.sparsity.to_bits())).or_default().push(a);
        }
    }
    let common = |a: usize| -> BTreeMap<String, Value> {
        let mut settings = first[a].settings();
        settings.retain(|key, _| {
            let own = key != "model" && !key.contains('.');
            !rule.chosen.contains(key) && (rule.same_strategy || !own)
        });
        settings
    };
    let alike = |rivals: &Vec<usize>| rivals.iter().all(|a| common(*a) == common(rivals[0]));
    rivals.into_values().filter(|rivals| !alike(rivals)).collect()
}

fn only(list: &[usize]) -> Option<usize> {
    if let [one] = list { Some(*one) } else { None }
}

impl Partners {
    fn new(first: &[Group], second: &[Group], rule: &Rule) -> Self {
        let near: Vec<Vec<usize>> = first
            .iter()
            .map(|a| {
                let at_place = |sparsity: &dyn Fn(&Group) -> bool| -> Vec<usize> {
                    let fits = |b: &&Group| is_near(a, b, rule) && sparsity(b);
                    (0..second.len()).filter(|b| fits(&&second[*b])).collect()
                };
                if rule.any_sparsity {
                    return at_place(&|_| true);
                }
                let equal = at_place(&|b| b.spec.sparsity == a.spec.sparsity);
                if !equal.is_empty() || rule.same_strategy {
                    return equal;
                }
                // A dense network is a partner at every sparsity, if it is the only thing there.
                let all = at_place(&|_| true);
                let is_dense = |group: &Group| group.spec.sparsity == 0.0;
                let dense = is_dense(a) || all.iter().all(|b| is_dense(&second[*b]));
                if dense { all } else { Vec::new() }
            })
            .collect();
        let alike = first.iter().zip(&near).map(|(a, near)| {
            near.iter().copied().filter(|b| differing(a, &second[*b], rule).is_empty()).collect()
        });
        Self { alike: alike.collect(), near }
    }
}

/// Is it the same data set and, where both tell it, the same model; in two sources also the same
/// strategy? Trials are no partners of themselves.
fn is_near(a: &Group, b: &Group, rule: &Rule) -> bool {
    let itself = a.trials.values().any(|trial| {
        b.trials.get(&trial.spec.seed).is_some_and(|other| {
            !rule.same_strategy && other.spec == trial.spec && other.provenance == trial.provenance
        })
    });
    !itself
        && a.spec.dataset_label() == b.spec.dataset_label()
        && (!a.reported.model || !b.reported.model || a.spec.model_label() == b.spec.model_label())
        && (!rule.same_strategy || a.spec.strategy_name() == b.spec.strategy_name())
}

/// Settings in which two groups differ though both tell them and nobody asked for it. Parameters
/// of different strategies are nothing that could agree.
fn differing(a: &Group, b: &Group, rule: &Rule) -> Vec<String> {
    let one_strategy = a.spec.strategy_name() == b.spec.strategy_name();
    let (ours, theirs) = (a.settings(), b.settings());
    let keys: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let told_by_both = |key: &str| match key.split_once('.') {
        Some(("training", _)) => a.reported.training && b.reported.training,
        Some(("model", _)) => a.reported.model_parameters && b.reported.model_parameters,
        _ if key == "model" => a.reported.model && b.reported.model,
        _ => one_strategy && a.reported.parameters && b.reported.parameters,
    };
    keys.into_iter()
        .filter(|key| told_by_both(key) && !rule.chosen.contains(*key))
        .filter(|key| ours.get(*key) != theirs.get(*key))
        .map(|key| {
            let spelled = |value: Option<&Value>| value.map_or("none".to_owned(), spelled);
            format!("{key}: {} against {}", spelled(ours.get(key)), spelled(theirs.get(key)))
        })
        .collect()
}

/// That there are several partners, and how to name each.
fn ambiguous(group: &Group, partners: &[&Group], side: &Side) -> String {
    if let [one] = partners {
        return match one.what() == group.what() {
            true => format!("{} there is set up otherwise, and compared with another", one.what()),
            false => format!("{} there is compared with another", one.what()),
        };
    }
    let names: Vec<String> = ways(partners, side);
    format!(
        "{side_name} has {} that differ in more than the seed, and one is needed: name one of {}",
        partners.len(),
        names.join(", "),
        side_name = side.typed
    )
}

/// How to name each of several groups of one side: by what tells them apart.
pub(super) fn ways(groups: &[&Group], side: &Side) -> Vec<String> {
    let all: Vec<BTreeMap<String, Value>> = groups.iter().map(|group| group.settings()).collect();
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let varying: Vec<&String> = keys
        .into_iter()
        .filter(|key| all.iter().any(|settings| settings.get(*key) != all[0].get(*key)))
        .collect();
    let sparsities: BTreeSet<u64> =
        groups.iter().map(|group| group.spec.sparsity.to_bits()).collect();
    let typed = side.selector.as_ref();
    let mut names: Vec<String> = groups
        .iter()
        .zip(&all)
        .map(|(group, settings)| {
            let mut chosen = typed.map(|typed| typed.settings.clone()).unwrap_or_default();
            chosen.extend(varying.iter().map(|key| {
                let value = settings.get(*key).map_or("none".to_owned(), spelled);
                ((*key).clone(), value)
            }));
            let several = sparsities.len() > 1;
            side.part(&Selector {
                strategy: group.spec.strategy_name().to_owned(),
                settings: chosen,
                sparsity: typed
                    .and_then(|typed| typed.sparsity)
                    .or(several.then_some(group.spec.sparsity)),
            })
        })
        .collect();
    names.dedup();
    names
}

/// That several sets of parameters of the first side are compared with one partner, and how to
/// name one of them.
pub(super) fn several_sets(pairings: &[Pairing], side: &Side) -> Vec<String> {
    let mut sets: BTreeMap<String, Vec<&Group>> = BTreeMap::new();
    for pairing in pairings {
        let seen = sets.entry(format!("{:?}", pairing.control.spec)).or_default();
        if seen.iter().all(|group| group.spec.sparsity == pairing.candidate.spec.sparsity) {
            seen.push(&pairing.candidate);
        }
    }
    let notes = sets.into_values().filter(|groups| groups.len() > 1).map(|groups| {
        let name = groups[0].spec.strategy_name();
        let ways = ways(&groups, side).join(", ");
        format!("{name} has {} sets of parameters; to compare one, write {ways}", groups.len())
    });
    notes.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Compares two groups over the seeds that both have and that were made from the same data.
fn join(
    [a, b]: [&Group; 2],
    sides: [&Side; 2],
    rule: &Rule,
    analysis: &Analysis,
    matched: &mut Matched,
) {
    let Some(metric) = metric(a, b, analysis) else {
        let name = |group: &Group| group.metric().map_or("no score", Metric::title);
        let reason = format!("no metric in common: {} against {}", name(a), name(b));
        matched
            .unmatched
            .extend([Unmatched::of(0, a, reason.clone()), Unmatched::of(1, b, reason)]);
        return;
    };
    let mut pairing = Pairing {
        candidate: a.clone(),
        control: b.clone(),
        metric,
        differing: differing(a, b, rule),
    };
    let of = |group: &Group| -> BTreeSet<u64> { group.trials.keys().copied().collect() };
    let (ours, theirs) = (of(a), of(b));
    let common = &ours & &theirs;
    for (side, group, own) in [(0, a, &ours), (1, b, &theirs)] {
        let reason = match common.is_empty() {
            true => format!("no seed in common: {} against {}", seeds(&ours), seeds(&theirs)),
            false => "the other side has no such seed".to_owned(),
        };
        matched.add_unmatched(Unmatched {
            seeds: own - &common,
            ..Unmatched::of(side, group, reason)
        });
    }
    let mut refused: BTreeMap<Refusal, BTreeSet<u64>> = BTreeMap::new();
    for &seed in &common {
        if let Some(refusal) = Refusal::of([a, b], seed, metric) {
            refused.entry(refusal).or_default().insert(seed);
        }
    }
    let kept: BTreeSet<u64> = &common - &refused.values().flatten().copied().collect();
    for (Refusal { reasons, not_comparable }, seeds) in refused {
        for ((side, group), reason) in [(0, a), (1, b)].into_iter().zip(reasons) {
            let trials = Unmatched::of(side, group, reason);
            matched.add_unmatched(Unmatched { seeds: seeds.clone(), not_comparable, ..trials });
        }
    }
    matched.notes.extend(other_metrics([a, b], sides, metric));
    if kept.is_empty() {
        return;
    }
    for group in [&mut pairing.candidate, &mut pairing.control] {
        group.trials.retain(|seed, _| kept.contains(seed));
    }
    matched.pairings.push(pairing);
}

/// That rows of a file have scores by another metric than the one that is compared, and how to
/// compare those.
fn other_metrics(groups: [&Group; 2], sides: [&Side; 2], compared: Metric) -> Vec<String> {
    let [ours, theirs] = groups.map(Group::metrics);
    let both = ours.iter().filter(|(metric, _)| **metric != compared.title());
    let both = both.filter_map(|(metric, cell)| Some((metric, [cell, theirs.get(metric)?])));
    both.map(|(metric, cells)| {
        let [first, second] = [0, 1].map(|place| {
            let typed = sides[place].selector.clone().unwrap_or_default();
            let mut settings = typed.settings;
            settings.insert(METRIC.to_owned(), cells[place].clone());
            let strategy = groups[place].spec.strategy_name().to_owned();
            sides[place].part(&Selector { strategy, settings, sparsity: typed.sparsity })
        });
        format!("{} is compared; to compare {metric}, write {first} {second}", compared.title())
    })
    .collect()
}

/// The metric that was asked for, or the official one of a side if the other has it too. Where a
/// side has no score at all, failures are to be counted, and any metric does.
fn metric(a: &Group, b: &Group, analysis: &Analysis) -> Option<Metric> {
    if let Some(asked) = &analysis.metric_of(&a.spec.dataset) {
        return Some(*asked);
    }
    let (ours, theirs) = match (a.metric(), b.metric()) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (one, other) => return Some(one.or(other).unwrap_or_default()),
    };
    let wanted = [ours, theirs].into_iter().chain(Metric::ALL);
    wanted.into_iter().find(|metric| a.has(*metric) && b.has(*metric))
}

#[cfg(test)]
pub(super) mod tests;
