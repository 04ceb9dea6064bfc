//! The methods paragraph: what a paper says of how its numbers were made.

use std::collections::{BTreeMap, BTreeSet};

use dst_record::BackendKind;
use dst_record::record::TrialSpec;
use serde_json::Value;

use crate::budget::Budget;
use crate::diagnostics::RESAMPLES;
use crate::format::{arithmetic, count, level, margin, percent, points};
use crate::settings::{Margin, Multiplicity, PrimaryTest};
use crate::{Judgement, Study};

/// Plain sentences with the numbers of this study, to be pasted into a paper and cut to taste: what was
/// trained and how, how it was compared, and what no procedure here cures.
pub fn methods(study: &Study<'_>) -> Vec<String> {
    let mut paragraphs = vec![trained(study)];
    paragraphs.extend(data(study));
    paragraphs.push(compared(study));
    paragraphs.push(costs(study));
    paragraphs
}

/// Entries of BibTeX of the strategies that took part; empty if none has one.
pub fn references(study: &Study<'_>) -> String {
    let catalog = &study.experiment.catalog.strategies;
    let entries: BTreeSet<&str> = specs(study)
        .filter_map(|spec| catalog.get(spec.strategy_name()))
        .map(|facts| facts.bibtex.trim())
        .filter(|entry| !entry.is_empty())
        .collect();
    entries.into_iter().collect::<Vec<_>>().join("\n\n")
}

fn specs<'a>(study: &Study<'a>) -> impl Iterator<Item = &'a TrialSpec> {
    let ended = study.experiment.trials.iter().map(|trial| &trial.spec);
    ended.chain(study.experiment.pending)
}

/// How many trials of what were trained, and with what.
fn trained(study: &Study<'_>) -> String {
    let trials = study.experiment.trials;
    let set = |of: &dyn Fn(usize) -> String| -> BTreeSet<String> {
        (0..trials.len()).map(of).filter(|text| !text.is_empty()).collect()
    };
    let places =
        set(&|i| format!("{} on {}", trials[i].spec.model_label(), trials[i].spec.dataset_label()));
    let seeds = set(&|i| trials[i].spec.seed.to_string());
    let versions = set(&|i| trials[i].provenance.version.clone());
    let libtorch = set(&|i| trials[i].provenance.libtorch.clone());
    let mut text = format!(
        "We trained {} ({}) over {}",
        count(trials.len(), "trial"),
        join(&places),
        count(seeds.len(), "seed"),
    );
    if !versions.is_empty() {
        text.push_str(&format!(", with version {} of the harness", join(&versions)));
        if !libtorch.is_empty() {
            text.push_str(&format!(" on libtorch {}", join(&libtorch)));
        }
    }
    text.push_str(". ");
    text.push_str(&training(study));
    text.push_str(&equal_costs(study));
    let strategies = strategies(study);
    if !strategies.is_empty() {
        text.push_str(&format!(" Strategies, with their parameters: {strategies}."));
    }
    text
}

/// What sparsities and epochs were chosen for.
fn equal_costs(study: &Study<'_>) -> String {
    let groups = study.judgements.iter().flat_map(|judgement| &judgement.table.groups);
    let budgets: Vec<_> = groups.map(|group| group.budget).collect();
    let shares = |share: fn(&Budget) -> Option<f64>| -> BTreeSet<String> {
        budgets.iter().filter_map(share).map(percent).collect()
    };
    let (inference, training) = (shares(|own| own.inference), shares(|own| own.training));
    let mut text = String::new();
    if !inference.is_empty() {
        text.push_str(&format!(
            " The sparsity of each strategy was chosen before training so that the network in the end \
             needs {} of the dense network's FLOPs for one sample.",
            join(&inference)
        ));
    }
    if !training.is_empty() {
        text.push_str(&format!(
            " The number of epochs of each strategy was chosen before training so that the whole \
             training needs {} of the dense training's FLOPs; schedules stretch with the epochs.",
            join(&training)
        ));
    }
    text
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}

/// Every setting of training, with all values that it had.
fn training(study: &Study<'_>) -> String {
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for spec in specs(study) {
        for (key, value) in spec.training.settings() {
            values.entry(key).or_default().insert(plain(&value));
        }
        // Settings leave it out at its default, beside which another may stand.
        let backend = spec.training.backend.to_string();
        values.entry("backend".to_owned()).or_default().insert(backend);
    }
    let of = |key: &str| values.get(key).map(join).unwrap_or_default();
    if values.is_empty() {
        return String::new();
    }
    let mut text = format!(
        "Trainings took {} epochs in batches of {}, with the optimiser {} at a learning rate of {} \
         ({})",
        of("epochs"),
        of("batch_size"),
        of("optimizer"),
        of("learning_rate"),
        of("learning_rate_shape"),
    );
    for (key, name, usual) in [
        ("weight_decay", "weight decay", "0.0"),
        ("warmup", "warm-up", "0 steps"),
        ("accumulate", "gradient accumulation", "1"),
        ("label_smoothing", "label smoothing", "0.0"),
        ("clip_norm", "gradients clipped to a norm of", "0.0"),
        ("precision", "precision", ""),
        ("backend", "backend", "masked"),
    ] {
        let value = of(key);
        if !value.is_empty() && value != usual && value != usual.trim_end_matches(".0") {
            text.push_str(&format!(", {name} {value}"));
        }
    }
    // Of components that are not known here, parameters are named as they are set.
    for key in values.keys().filter(|key| key.contains('.')) {
        text.push_str(&format!(", {key} {}", of(key)));
    }
    text.push('.');
    text
}

/// Strategies, each with its parameters and all values that they had.
fn strategies(study: &Study<'_>) -> String {
    let mut strategies: BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    let mut sparsities: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for spec in specs(study) {
        let known = strategies.entry(spec.strategy_name()).or_default();
        for (key, value) in spec.strategy.as_object().into_iter().flatten() {
            if key != "name" {
                let values = known.entry(key.clone()).or_default();
                // What is not set has no value to report.
                values.extend((!value.is_null()).then(|| plain(value)));
            }
        }
        if spec.sparsity > 0.0 {
            sparsities.entry(spec.strategy_name()).or_default().insert(percent(spec.sparsity));
        }
    }
    let each = strategies.into_iter().map(|(name, parameters)| {
        let mut parts: Vec<String> =
            sparsities.get(name).map(|all| format!("sparsity {}", join(all))).into_iter().collect();
        parts.extend(
            parameters
                .iter()
                .filter(|(_, values)| !values.is_empty())
                .map(|(key, values)| format!("{} {}", key.replace('_', " "), join(values))),
        );
        if parts.is_empty() { name.to_owned() } else { format!("{name} ({})", parts.join("; ")) }
    });
    each.collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What each data set is and how it was split, as its plug-in says, and which options changed that.
fn data(study: &Study<'_>) -> Vec<String> {
    let mut changed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for trial in study.experiment.trials {
        let labels = changed.entry(&trial.spec.dataset).or_default();
        if !trial.spec.dataset_options.is_empty() {
            labels.insert(trial.spec.dataset_label());
        }
    }
    // Of a data set that this binary does not know, nothing can be said.
    let known = changed.iter().filter_map(|(name, labels)| {
        let facts = study.experiment.catalog.datasets.get(*name)?;
        Some((name, facts, labels))
    });
    known
        .map(|(name, facts, labels)| {
            let mut text = format!("{} ({name}): {}", facts.title, facts.summary);
            if !facts.split.is_empty() {
                text.push_str(&format!(" {}", facts.split));
            }
            if !labels.is_empty() {
                text.push_str(&format!(" It was changed by options: {}.", join(labels)));
            }
            text
        })
        .collect()
}

/// How strategies were compared, and what the comparison does not show.
fn compared(study: &Study<'_>) -> String {
    let analysis = study.analysis();
    let alpha = analysis.alpha;
    let mut sentences = vec![
        format!(
            "The strategy {} was the control. Strategies were compared within one data set and model, \
             paired by seed: trials with one seed start from the same weights and see the same \
             batches. Weights of the epoch with the best validation score were tested once, after \
             training.",
            study.control
        ),
        format!(
            "Each family of comparisons with the control ({}) was tested by {}, {}: for a difference \
             at level {alpha}, and one-sided at {} for a loss smaller, and for a loss larger, than \
             the margin. {}",
            families(study),
            match analysis.test {
                PrimaryTest::PairedT => "the paired t test",
                PrimaryTest::Wilcoxon => "the exact Wilcoxon signed-rank test",
                PrimaryTest::SignFlips => "sign flips of the mean difference",
            },
            match analysis.correction {
                Multiplicity::None => "without correction".to_owned(),
                other => format!("corrected by {} for all planned comparisons", citation(other)),
            },
            alpha / 2.0,
            margins(study),
        ),
        "An interval is that of the test at the levels at which the correction decided the comparison, \
         so the verdict can be read from it: superior if it lies above 0, non-inferior if above minus \
         the margin, worse if below 0 but not below minus the margin, inferior if below minus the \
         margin, and otherwise inconclusive. Such intervals are not simultaneous unless the correction \
         is Bonferroni's."
            .to_owned(),
    ];
    if matches!(
        analysis.correction,
        Multiplicity::BenjaminiHochberg | Multiplicity::BenjaminiYekutieli | Multiplicity::None
    ) {
        sentences.push(
            "This correction does not bound the chance of a false claim in a family.".to_owned(),
        );
    }
    if !analysis.looks.is_empty() {
        let looks: Vec<String> = analysis.looks.iter().map(usize::to_string).collect();
        sentences.push(format!(
            "Verdicts were planned after {} seeds; each look spends a part of the level by the cube of \
             its share of seeds, and only the last one counts.",
            looks.join(", ")
        ));
    }
    let looks = study.judgements.iter().map(|judgement| judgement.post_hoc_looks).max();
    if let Some(looks @ 1..) = looks {
        sentences.push(format!(
            "Seeds were added after verdicts had been shown at {}: the chance of a false claim may \
             reach {}.",
            count(looks, "other count"),
            percent(((1 + looks) as f64 * alpha).min(1.0))
        ));
    }
    sentences.push(format!(
        "No test is made with fewer than {} pairs. Runs that diverged or collapsed are outcomes of a \
         method: they are scored against each claim, as guessing or left out, whichever weakens it. \
         Runs that crashed, timed out or ran out of memory are missing, and their pairs are left out. \
         Bootstrap intervals are bias-corrected and accelerated with {RESAMPLES} resamples; failure \
         rates have Wilson intervals at {}.",
        analysis.minimum_pairs,
        level(1.0 - alpha),
    ));
    if study.judgements.iter().any(|judgement| !judgement.selections.is_empty()) {
        sentences.push(
            "Where several sets of parameters were tried, validation scores over all seeds chose among \
             them; every set counts in the correction, and the estimate of a chosen one is somewhat too \
             good."
                .to_owned(),
        );
    }
    sentences.push(
        "The tests assume that differences between seeds are symmetric: with long tails of bad runs, \
         claims of non-inferiority are wrong more often than their level says. Failures that did not \
         show in these seeds are not counted. One test set was used: the intervals speak of other seeds \
         on it, not of other examples."
            .to_owned(),
    );
    if let Some(across) = study.across.as_ref().filter(|across| !across.exploratory()) {
        sentences.push(format!(
            "Over {} data sets, strategies were ranked by their mean scores and compared by Friedman's \
             test with Iman and Davenport's correction and Nemenyi's critical difference (Demsar 2006).",
            across.datasets.len()
        ));
    }
    sentences.join(" ")
}

/// The sizes of the families.
fn families(study: &Study<'_>) -> String {
    let sizes: BTreeSet<usize> =
        study.judgements.iter().map(|judgement| judgement.family).filter(|k| *k > 0).collect();
    match (sizes.first(), sizes.last()) {
        (Some(1), Some(1)) => "1 comparison".to_owned(),
        (Some(fewest), Some(most)) if fewest == most => format!("{most} comparisons"),
        (Some(fewest), Some(most)) => format!("{fewest} to {most} comparisons"),
        _ => "none yet".to_owned(),
    }
}

/// The margins, where they are from, and when they were chosen.
fn margins(study: &Study<'_>) -> String {
    let analysis = study.analysis();
    let when = if study.experiment.post_hoc {
        "chosen or changed after a trial had begun, so these comparisons are post hoc"
    } else {
        "fixed before the first trial began"
    };
    let one = |judgement: &Judgement<'_>| {
        let metric = judgement.table.metric;
        let table = &judgement.table;
        let asked = analysis.margin_on(table.dataset_name, &table.dataset, metric);
        let size = judgement.margin.map_or_else(
            || "unknown".to_owned(),
            |size| format!("{}{} of {}", margin(metric, size), points(metric), metric.title()),
        );
        match asked {
            Margin::Absolute(_) => size,
            Margin::Relative(_) => {
                format!("{size} ({asked} of what the control scored above chance)")
            }
        }
    };
    let all: BTreeSet<String> = study.judgements.iter().map(one).collect();
    match all.len() {
        0 => format!("The margin of {} was {when}.", analysis.margin),
        1 => format!("The margin of {} was {when}.", join(&all)),
        _ => format!("The margins ({}) were {when}.", join(&all)),
    }
}

/// What operations and times are.
fn costs(study: &Study<'_>) -> String {
    let groups = || study.judgements.iter().flat_map(|judgement| &judgement.table.groups);
    let is_measured = groups().any(|group| group.backend != BackendKind::Masked);
    let mut text = format!(
        "{}loating-point operations are those that the method needs in layers that can be pruned (others, \
         biases, norms, activations and the products of attention are not counted). {}",
        if is_measured { "F" } else { "Sparsity was simulated by masks: f" },
        arithmetic(groups().map(|group| group.backend)),
    );
    let analysis = study.analysis();
    let timed = |judgement: &Judgement<'_>| {
        judgement.seconds.target.times.iter().any(|time| time.control.is_some())
    };
    if study.judgements.iter().any(timed) {
        text.push_str(&format!(
            " Times of two trainings were divided only where both ran on one machine with as many threads \
             and about as many trials beside them. A training reached the target of its seed at the end of \
             the first epoch whose validation score was at least that of the control of that seed after its \
             last epoch minus {}; seeds that never did count as later than all others (Lachin 1999), and \
             medians have exact intervals from order statistics (Conover 1999).",
            match analysis.target_margin {
                Margin::Absolute(size) => format!("{size} in the unit of the metric"),
                Margin::Relative(_) => {
                    format!("{} of what the control scored above chance", analysis.target_margin)
                }
            }
        ));
    }
    if study.judgements.iter().any(|judgement| !judgement.seconds.backends.is_empty()) {
        text.push_str(
            " Backends of one method were compared by two one-sided tests of paired differences \
             (Schuirmann 1987), corrected for all such comparisons of a table.",
        );
    }
    text
}

fn citation(correction: Multiplicity) -> &'static str {
    match correction {
        Multiplicity::None => "nothing",
        Multiplicity::Bonferroni => "Bonferroni's method",
        Multiplicity::Holm => "Holm's method (1979)",
        Multiplicity::Hochberg => "Hochberg's method (1988)",
        Multiplicity::Hommel => "Hommel's method (1988)",
        Multiplicity::BenjaminiHochberg => "Benjamini and Hochberg's method (1995)",
        Multiplicity::BenjaminiYekutieli => "Benjamini and Yekutieli's method (2001)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Analysis, Experiment, sample};
    use serde_json::json;

    #[test]
    fn parameters_that_are_not_set_are_not_told() {
        let strategy = json!({"name": "set", "begin": null, "drop_fraction": 0.3});
        let trials = sample::group(&strategy, 0.5, &[0.9, 0.8]);
        let analysis = Analysis { control: "set".to_owned(), ..Analysis::default() };
        let study = Study::new(&Experiment::new(&trials, &analysis)).unwrap();
        let text = trained(&study);
        assert!(text.contains("set (sparsity 50 %; drop fraction 0.3)"), "{text}");
    }
}
