//! The methods paragraph: what a paper says of how its numbers were made.

use std::collections::{BTreeMap, BTreeSet};

use crate::{Multiplicity, PrimaryTest};

use crate::Study;
use crate::evidence::{POWER, RESAMPLES};
use crate::words::{count, percent};

/// Plain sentences with the numbers of this study, to be pasted into a paper and cut to taste.
pub fn methods(study: &Study<'_>) -> String {
    let analysis = study.analysis();
    let mut sentences = vec![trained(study)];
    sentences.extend(data(study));
    let level = percent(1.0 - analysis.alpha);
    sentences.push(format!(
        "The strategy {} was the control. Strategies were compared within one data set, model and \
         training, paired by seed: trials with one seed start from the same weights and see the \
         same batches. Weights of the epoch with the best validation score were tested once, after \
         training. Where several sets of parameters are reported for one strategy, validation \
         scores, not test scores, choose among them.",
        study.control
    ));
    sentences.push(format!(
        "We report the mean paired difference with its {level} confidence interval (Student) and \
         test it by {}, two-sided at level {}, {}.",
        match analysis.test {
            PrimaryTest::PairedT => "the paired t test",
            PrimaryTest::Wilcoxon => "the exact Wilcoxon signed-rank test",
            PrimaryTest::SignFlips => "a sign-flip permutation test of the mean",
        },
        analysis.alpha,
        match analysis.correction {
            Multiplicity::None => "without adjustment for the number of comparisons".to_owned(),
            other => format!("adjusted by {} over the comparisons of a table", citation(other)),
        }
    ));
    sentences.push(format!(
        "A strategy counts as non-inferior if the lower bound of the one-sided {level} interval lies \
         above -{margin}, as inferior if the two-sided {level} interval lies below -{margin}, and as \
         superior if it lies above 0; everything else is inconclusive. The margin of {margin} in \
         units of the metric {}.",
        if study.experiment.post_hoc {
            "was chosen or changed after a trial had begun, so these comparisons are post hoc"
        } else {
            "was fixed before the first trial began"
        },
        margin = analysis.margin.size(),
    ));
    sentences.push(format!(
        "No p-value is given for fewer than {} pairs. Bootstrap intervals are bias-corrected and \
         accelerated with {RESAMPLES} resamples; the smallest detectable difference is that of a \
         paired t test with power {POWER}. Trials that failed enter no mean, and their seed is \
         dropped from both members of its pair; failure rates are given with Wilson intervals.",
        analysis.minimum_pairs
    ));
    if let Some(across) = study.across.as_ref().filter(|across| !across.exploratory()) {
        sentences.push(format!(
            "Over {} data sets, strategies were ranked by their mean scores and compared by \
             Friedman's test with Iman and Davenport's correction and Nemenyi's critical difference \
             (Demsar 2006).",
            across.datasets.len()
        ));
    }
    sentences.push(
        "Sparsity was simulated by masks: floating-point operations are those that the method \
         needs in layers that can be pruned (others, biases, norms, activations and the products of \
         attention are not counted), times are those of masked dense arithmetic."
            .to_owned(),
    );
    sentences.join(" ")
}

/// How many trials of what were trained with what.
fn trained(study: &Study<'_>) -> String {
    let trials = study.experiment.trials;
    let set = |of: &dyn Fn(usize) -> String| -> BTreeSet<String> {
        (0..trials.len()).map(of).filter(|text| !text.is_empty()).collect()
    };
    let strategies = set(&|i| trials[i].spec.strategy_name().to_owned());
    let places =
        set(&|i| format!("{} on {}", trials[i].spec.model_name(), trials[i].spec.dataset_label()));
    let seeds = set(&|i| trials[i].spec.seed.to_string());
    let versions = set(&|i| trials[i].provenance.version.clone());
    let libtorch = set(&|i| trials[i].provenance.libtorch.clone());
    let join = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut text = format!(
        "We trained {} ({}) with {} ({}) over {}",
        count(trials.len(), "trial"),
        join(&places),
        match strategies.len() {
            1 => "1 strategy".to_owned(),
            several => format!("{several} strategies"),
        },
        join(&strategies),
        count(seeds.len(), "seed"),
    );
    if !versions.is_empty() {
        text.push_str(&format!(", with version {} of the harness", join(&versions)));
        if !libtorch.is_empty() {
            text.push_str(&format!(" on libtorch {}", join(&libtorch)));
        }
    }
    text.push('.');
    text
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
        .map(|(name, plugin, labels)| {
            let mut text = format!("{} ({}): {}", plugin.title, name, plugin.summary);
            if !plugin.split.is_empty() {
                text.push_str(&format!(" {}", plugin.split));
            }
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            match labels[..] {
                [] => text,
                _ => format!("{text} It was changed by options: {}.", labels.join(", ")),
            }
        })
        .collect()
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
