//! What a plan cannot tell, whatever its trials will measure.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::{Analysis, PrimaryTest};
use dst_core::Result;
use dst_core::plugin::{Plugin, StrategyPlugin};
use dst_core::record::TrialSpec;
use dst_settings::GridConfig;
use dst_stats::{Alternative, Design, detectable_effect, fewest_exact_pairs};

use super::Lengthened;

/// The probability with which the smallest difference that is told of would be shown.
const POWER: f64 = 0.8;

/// Comparisons with the control on one data set and model, as planned.
#[derive(Debug, PartialEq, Eq)]
struct Family {
    /// Strategies with their parameters, trainings and sparsities that are not the control's.
    comparisons: usize,
    /// Pairs of seeds that each will have.
    seeds: usize,
    /// The strategy with the most sets of parameters and training, and their number.
    most_tried: (String, usize),
    /// Sets of the control.
    control_tries: usize,
}

/// What should be heard of the plan before anything is trained.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::command) struct Advice {
    /// What it cannot decide, and what biases it.
    pub(in crate::command) warnings: Vec<String>,
    /// How small a difference it can show.
    pub(in crate::command) notes: Vec<String>,
}

/// Looks at the families of a grid.
///
/// # Errors
/// If two plug-ins have one name.
pub(in crate::command) fn advice(grid: &GridConfig) -> Result<Advice> {
    let GridConfig { trials, budgets, analysis, .. } = grid;
    // Epochs that were chosen for a cost are no choice between trainings.
    let mut trainings = Lengthened::default();
    let planned = trials.iter().zip(budgets).map(|(spec, budget)| {
        let mut spec = spec.clone();
        if budget.training.is_some() {
            spec.training = trainings.get(&spec.training, 0);
        }
        spec
    });
    let trials: Vec<TrialSpec> = planned.collect();
    let control = match analysis.control.as_str() {
        "" => StrategyPlugin::all()?.iter().find(|plugin| plugin.baseline).map(|p| p.name),
        named => Some(named),
    };
    let Some(control) = control else { return Ok(Advice::default()) };
    let mut warnings: Vec<(String, Vec<String>)> = Vec::new();
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    let say = |list: &mut Vec<(String, Vec<String>)>, words: String, place: &str| match list
        .iter_mut()
        .find(|(known, _)| *known == words)
    {
        Some((_, places)) => places.push(place.to_owned()),
        None => list.push((words, vec![place.to_owned()])),
    };
    for (place, family) in families(&trials, control) {
        if family.comparisons == 0 {
            continue;
        }
        if family.control_tries == 0 {
            say(&mut warnings, without_control(&trials, control), &place);
            continue;
        }
        if let Some(words) = undecidable(&family, analysis) {
            say(&mut warnings, words, &place);
        } else if let Some(words) = detectable(&family, analysis) {
            say(&mut notes, words, &place);
        }
        if let Some(words) = untuned(&family, control) {
            say(&mut warnings, words, &place);
        }
    }
    let spoken = |list: Vec<(String, Vec<String>)>| {
        list.into_iter().map(|(words, places)| format!("{}: {words}", listed(&places))).collect()
    };
    Ok(Advice { warnings: spoken(warnings), notes: spoken(notes) })
}

/// Without its control, nothing is compared.
fn without_control(trials: &[TrialSpec], control: &str) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in trials.iter().map(TrialSpec::strategy_name).chain([control]) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!(
        "nothing will be judged, because no trial of the control {control} is part of this grid: pass \
         --strategies {}, or name another control with --control",
        names.join(",")
    )
}

/// By data set and model, in their order.
fn families(trials: &[TrialSpec], control: &str) -> BTreeMap<String, Family> {
    let mut places: BTreeMap<(String, String), Vec<&TrialSpec>> = BTreeMap::new();
    for spec in trials {
        let place = (spec.dataset_label(), spec.model.json().to_owned());
        places.entry(place).or_default().push(spec);
    }
    let mut families = BTreeMap::new();
    for ((dataset, model), specs) in places {
        // Networks with other parameters are another place, and the name does not tell them apart.
        let name = format!("{dataset}, {}", specs[0].model_label());
        let place = if families.contains_key(&name) { format!("{dataset}, {model}") } else { name };
        families.insert(place, family(&specs, control));
    }
    families
}

fn family(specs: &[&TrialSpec], control: &str) -> Family {
    let (mut groups, mut seeds) = (BTreeSet::new(), BTreeSet::new());
    let mut sets: BTreeMap<&str, BTreeSet<[&str; 2]>> = BTreeMap::new();
    for spec in specs {
        // A set is what could have been chosen: everything but sparsity and seed.
        let set = [spec.strategy.json(), spec.training.json()];
        if spec.strategy_name() != control {
            groups.insert((set, spec.sparsity.to_bits()));
        }
        seeds.insert(spec.seed);
        sets.entry(spec.strategy_name()).or_default().insert(set);
    }
    let others = sets.iter().filter(|(name, _)| **name != control);
    // The first of equal ones.
    let most = others.rev().max_by_key(|(_, sets)| sets.len());
    Family {
        comparisons: groups.len(),
        seeds: seeds.len(),
        most_tried: most
            .map_or((String::new(), 0), |(name, sets)| ((*name).to_owned(), sets.len())),
        control_tries: sets.get(control).map_or(0, BTreeSet::len),
    }
}

/// Why no comparison can have a verdict, whatever the trials measure.
fn undecidable(family: &Family, analysis: &Analysis) -> Option<String> {
    let Family { comparisons, seeds, .. } = *family;
    let with = plural(seeds, "seed");
    let exact = fewest_exact_pairs(analysis.level_among(comparisons)).ok()? as usize;
    let needed = match analysis.test {
        PrimaryTest::PairedT => analysis.minimum_pairs,
        PrimaryTest::Wilcoxon | PrimaryTest::SignFlips => exact.max(analysis.minimum_pairs),
    };
    if seeds >= needed {
        return None;
    }
    if seeds < analysis.minimum_pairs {
        return Some(format!(
            "with {with} nothing is decided: verdicts need {needed} (analysis.minimum_pairs = {})",
            analysis.minimum_pairs
        ));
    }
    Some(format!(
        "with {with} this test ({}) can never decide among {}; it needs {needed}: pass --seeds \
         0..{needed}, or --test paired-t",
        analysis.test.title(),
        plural(comparisons, "comparison"),
    ))
}

/// How small a difference the seeds can show, in standard deviations.
fn detectable(family: &Family, analysis: &Analysis) -> Option<String> {
    let Family { comparisons, seeds, .. } = *family;
    let level = analysis.level_among(comparisons);
    let n = seeds as f64;
    let d = detectable_effect(Design::Paired, n, POWER, level, Alternative::TwoSided).ok()?;
    Some(format!(
        "{} with the control over {}: a difference of {d:.1} standard deviations (of the differences \
         between pairs) is shown with probability {POWER}; `harness power` tells how many seeds \
         another needs",
        plural(comparisons, "comparison"),
        plural(seeds, "seed"),
    ))
}

/// A control that had fewer tries than what it is compared with.
fn untuned(family: &Family, control: &str) -> Option<String> {
    let Family { most_tried: (strategy, most), control_tries, .. } = family;
    if most <= control_tries {
        return None;
    }
    Some(format!(
        "{strategy} is tried with {} and the control {control} with {control_tries}: the best of \
         several looks better than it is, and a control that is tuned less is a bias against it; tune \
         it as much, such as --set {control}.training.learning_rate=0.001,0.01",
        plural(*most, "choice") + " of parameters",
    ))
}

/// `1 seed`, `2 seeds`.
fn plural(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// The first places by name.
fn listed(places: &[String]) -> String {
    match places {
        [one] => one.clone(),
        [first, second] => format!("{first} and {second}"),
        [first, rest @ ..] => format!("{first} and {} others", rest.len()),
        [] => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::Training;
    use serde_json::{Map, json};

    fn spec(strategy: &str, parameter: f64, sparsity: f64, seed: u64) -> TrialSpec {
        TrialSpec {
            dataset: "digits".to_owned(),
            dataset_options: Map::new().into(),
            model: json!({ "name": "mlp" }).into(),
            strategy: json!({ "name": strategy, "rate": parameter }).into(),
            sparsity,
            training: Training::default().into(),
            seed,
        }
    }

    #[test]
    fn a_grid_without_its_control_is_told_what_to_type() {
        let trials =
            [spec("rigl", 0.1, 0.5, 0), spec("rigl", 0.1, 0.9, 0), spec("set", 0.1, 0.5, 0)];
        assert_eq!(
            without_control(&trials, "dense"),
            "nothing will be judged, because no trial of the control dense is part of this grid: \
             pass --strategies rigl,set,dense, or name another control with --control"
        );
    }

    /// Two strategies at some sparsities against a control.
    fn grid(sparsities: usize, seeds: u64) -> Vec<TrialSpec> {
        let mut trials = Vec::new();
        for seed in 0..seeds {
            trials.push(spec("dense", 0.0, 0.0, seed));
            for sparsity in (0..sparsities).map(|index| 0.5 + 0.01 * index as f64) {
                trials.push(spec("rigl", 0.1, sparsity, seed));
                trials.push(spec("set", 0.1, sparsity, seed));
            }
        }
        trials
    }

    fn only(trials: &[TrialSpec]) -> Family {
        let families = families(trials, "dense");
        assert_eq!(families.len(), 1);
        families.into_iter().next().expect("there is one").1
    }

    #[test]
    fn a_family_is_every_comparison_with_the_control() {
        let family = only(&grid(6, 8));
        assert_eq!((family.comparisons, family.seeds), (12, 8));
        // Sparsities are no tries.
        assert_eq!((family.most_tried.clone(), family.control_tries), (("rigl".to_owned(), 1), 1));
        assert_eq!(untuned(&family, "dense"), None);
    }

    #[test]
    fn a_test_that_can_never_decide_is_warned_of() {
        let wilcoxon = Analysis { test: PrimaryTest::Wilcoxon, ..Analysis::default() };
        let words = undecidable(&only(&grid(6, 6)), &wilcoxon).unwrap();
        assert_eq!(
            words,
            "with 6 seeds this test (Wilcoxon) can never decide among 12 comparisons; it needs 9: \
             pass --seeds 0..9, or --test paired-t"
        );
        assert_eq!(undecidable(&only(&grid(6, 9)), &wilcoxon), None);
        assert_eq!(undecidable(&only(&grid(6, 6)), &Analysis::default()), None);
        let few = undecidable(&only(&grid(1, 3)), &Analysis::default()).unwrap();
        assert_eq!(
            few,
            "with 3 seeds nothing is decided: verdicts need 5 (analysis.minimum_pairs = 5)"
        );
        // A plan with looks spends a part of the level before the last.
        let looks = Analysis { looks: vec![6, 8], ..wilcoxon };
        assert!(undecidable(&only(&grid(3, 8)), &looks).unwrap().contains("it needs 9"));
    }

    #[test]
    fn what_the_seeds_can_show_is_told() {
        let words = detectable(&only(&grid(6, 8)), &Analysis::default()).unwrap();
        let start = "12 comparisons with the control over 8 seeds: a difference of 1.9 standard";
        assert!(words.starts_with(start), "{words}");
    }

    #[test]
    fn a_control_with_fewer_tries_is_a_bias() {
        let mut trials = grid(1, 8);
        trials.push(spec("set", 0.3, 0.5, 0));
        let words = untuned(&only(&trials), "dense").unwrap();
        assert!(
            words.starts_with(
                "set is tried with 2 choices of parameters and the control dense with 1:"
            ),
            "{words}"
        );
        trials.push(spec("dense", 0.3, 0.0, 0));
        assert_eq!(untuned(&only(&trials), "dense"), None);
    }

    #[test]
    fn places_are_not_listed_without_end() {
        let places = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(
            [1, 2, 3].map(|count| listed(&places[..count])),
            ["a", "a and b", "a and 2 others"]
        );
    }
}
