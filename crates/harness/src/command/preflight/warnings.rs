//! Trials that will not be what their names say.

use std::collections::BTreeSet;

use dst_analysis::format::percent;
use dst_analysis::is_another_sparsity;
use dst_core::record::TrialSpec;
use dst_core::{BackendKind, Forecast, Result, Step};
use dst_settings::{GridConfig, INTERVAL};
use dst_train::Estimate;

use super::{Checked, strategy};
use crate::command::label::Labels;

/// What users should hear before anything is trained, in words, seeds together.
pub(in crate::command) fn warnings(checked: &Checked, labels: &Labels) -> BTreeSet<String> {
    let Checked { trials, estimates, warnings: of_data, .. } = checked;
    let mut warnings = unreached(trials, estimates, labels);
    warnings.extend(unchanged(trials, estimates, labels));
    warnings.extend(of_data.iter().cloned());
    warnings.extend(trials.iter().filter_map(untrained));
    warnings
}

/// What is to be said of trials that choose kernels where they pay, on a device or in a precision that has
/// none.
///
/// # Errors
/// If the device is not there.
pub(in crate::command) fn without_kernels(grid: &GridConfig) -> Result<BTreeSet<String>> {
    let device = grid.execution.device()?;
    let chosen = grid.trials.iter().filter(|spec| spec.training.backend == BackendKind::Auto);
    let lacking = chosen.filter_map(|spec| dst_sparse::lacking(spec.training.precision, device));
    let words = lacking.map(|(what, instead)| {
        format!(
            "--backend auto computes as masked does here, because sparse kernels compute {what}: pass \
             {instead} to use them"
        )
    });
    Ok(words.collect())
}

/// A model that could start from trained weights and does not: for BERT, that is seldom meant.
fn untrained(spec: &TrialSpec) -> Option<String> {
    spec.model.get("weights").filter(|weights| weights.is_null())?;
    let model = spec.model_name();
    Some(format!(
        "{model} on {} starts from random weights: to fine-tune trained ones, pass --set \
         {model}.weights=FILE, or hub:org/name for those of the Hugging Face Hub",
        spec.dataset
    ))
}

/// Trials whose schedule has no update, so that their network is a static one.
fn unchanged(trials: &[TrialSpec], estimates: &[Estimate], labels: &Labels) -> BTreeSet<String> {
    let still = trials.iter().zip(estimates).filter(|(spec, estimate)| {
        // The others are warned of already.
        let reached = !is_another_sparsity(spec.sparsity, 1.0 - estimate.final_density);
        matches!(estimate.updates, Forecast::Exactly(0) | Forecast::AtMost(0))
            && spec.sparsity > 0.0
            && reached
    });
    let words = still.map(|(spec, estimate)| {
        let how = more_updates(spec, estimate);
        format!(
            "{} on {}, {} will never change a connection, because none of its updates falls into \
             the training: {how}",
            labels.strategy(spec),
            spec.dataset_label(),
            labels.model(spec),
        )
    });
    words.collect()
}

/// Intervals that are proposed, from the longest to that of one step.
const INTERVALS: [&str; 3] = ["5%", "1%", "1"];

/// Epochs by which a training is looked at as a longer one.
const MORE_EPOCHS: u32 = 1_000;

/// What makes a schedule update more often than it does: a shorter interval if there is one, else a
/// longer training. Nothing is proposed that was not tried.
fn more_updates(spec: &TrialSpec, estimate: &Estimate) -> String {
    let name = spec.strategy_name();
    let epochs = spec.training.epochs;
    let updates = |spec: &TrialSpec, epochs: u32| {
        let start = Step::first(estimate.steps_per_epoch, epochs);
        strategy(spec).map_or(0, |strategy| match strategy.updates(&start) {
            Forecast::Never => 0,
            Forecast::Exactly(count) | Forecast::AtMost(count) => count,
        })
    };
    let now = updates(spec, epochs);
    let has_interval = spec.strategy.get(INTERVAL).is_some();
    let intervals = INTERVALS.iter().filter(|_| has_interval).map(|interval| {
        let mut shorter = spec.clone();
        shorter.strategy[INTERVAL] = (*interval).into();
        (format!("--set {name}.{INTERVAL}={interval}"), shorter)
    });
    let intervals: Vec<(String, TrialSpec)> = intervals.collect();
    for (flag, shorter) in &intervals {
        let count = updates(shorter, epochs);
        if count > now {
            return format!("pass {flag} for {} instead of {now}", updates_in_words(count));
        }
    }
    let steps = u64::from(epochs) * estimate.steps_per_epoch;
    let length = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
    for more in epochs.saturating_add(1)..=epochs.saturating_add(MORE_EPOCHS) {
        // With its own interval, or with the longest that may come earlier.
        let own = (String::new(), spec);
        let share = intervals.first().map(|(flag, shorter)| (format!(" {flag}"), shorter));
        for (flag, longer) in std::iter::once(own).chain(share) {
            let count = updates(longer, more);
            if count > now {
                return format!(
                    "train longer than {length}: --epochs {more}{flag} has {} instead of {now}",
                    updates_in_words(count)
                );
            }
        }
    }
    let limits =
        ["begin", "end"].map(|key| spec.strategy.get(key).map(|_| format!("{name}.{key}")));
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    match limits.is_empty() {
        true => format!("`harness describe {name}` has its parameters"),
        false => format!("{} leave no room for more in {length}", limits.join(" and ")),
    }
}

fn updates_in_words(count: usize) -> String {
    if count == 1 { "1 update".to_owned() } else { format!("{count} updates") }
}

/// Is a sparsity not reached only because weights are whole?
fn misses_less_than_a_weight(spec: &TrialSpec, estimate: &Estimate) -> bool {
    let apart = 1.0 - estimate.final_density - spec.sparsity;
    apart.abs() * (estimate.prunable_parameters as f64) < 1.0
}

fn whole_weights(estimate: &Estimate) -> String {
    let nearest = ((1.0 - estimate.final_density) * 1e4).round() / 1e4;
    format!(
        "which is as near as whole weights come, of which {} can be pruned: pass --sparsity {nearest} \
         to ask for it, or take a larger model",
        estimate.prunable_parameters
    )
}

/// Is a schedule on its way to the sparsity when it ends? With a sparsity that no update changes, it
/// is the method that comes no nearer.
fn has_too_few_updates(estimate: &Estimate) -> bool {
    let left = estimate.final_density * estimate.prunable_parameters as f64;
    let moves = (left - estimate.active_parameters as f64).abs() > 0.5;
    let never = matches!(estimate.updates, Forecast::Exactly(0) | Forecast::AtMost(0));
    let short = left > estimate.target_parameters as f64 + 0.5 || estimate.final_density == 1.0;
    short && (moves || never)
}

/// Trials whose schedule ends at another sparsity than they were asked for, in words, seeds
/// together.
fn unreached(trials: &[TrialSpec], estimates: &[Estimate], labels: &Labels) -> BTreeSet<String> {
    let pairs = trials.iter().zip(estimates).filter(|(spec, estimate)| {
        is_another_sparsity(spec.sparsity, 1.0 - estimate.final_density)
    });
    let words = pairs.map(|(spec, estimate)| {
        let why = match spec.strategy.get(INTERVAL) {
            _ if misses_less_than_a_weight(spec, estimate) => whole_weights(estimate),
            Some(_) if has_too_few_updates(estimate) => {
                format!("because its updates are too few: {}", more_updates(spec, estimate))
            }
            None if matches!(estimate.updates, Forecast::Exactly(0))
                && estimate.final_density == 1.0 =>
            {
                "because the training is too short for what it does: train longer".to_owned()
            }
            // Without a schedule it is the method that reaches no other, as N:M where layers do not
            // divide into groups.
            _ => "which is as near as the method comes in this network".to_owned(),
        };
        format!(
            "{} at {} on {}, {} will end at a sparsity of {}, {why}",
            labels.strategy(spec),
            percent(spec.sparsity),
            spec.dataset_label(),
            labels.model(spec),
            percent(1.0 - estimate.final_density),
        )
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(strategy: &str, parameters: Value, epochs: u32) -> TrialSpec {
        let parameters = parameters.as_object().cloned().unwrap_or_default();
        let config = dst_core::plugin::strategy(strategy, &parameters).unwrap();
        let mut spec = dst_store::testing::spec(strategy, 0);
        spec.sparsity = 0.9;
        spec.strategy = serde_json::to_value(&config).unwrap().into();
        spec.training.epochs = epochs;
        spec
    }

    /// Of a network with so many weights, of which so many are active at first and in the end.
    fn estimate(size: u64, [first, last]: [u64; 2], steps: u64, updates: usize) -> Estimate {
        Estimate {
            inference_flops: 1.0,
            dense_inference_flops: 1.0,
            train_flops: 1.0,
            dense_train_flops: 1.0,
            final_density: last as f64 / size as f64,
            updates: Forecast::Exactly(updates),
            steps_per_epoch: steps,
            active_parameters: first,
            target_parameters: (size as f64 * 0.1).round() as u64,
            prunable_parameters: size,
            total_parameters: size,
            memory_bytes: 1,
        }
    }

    type Warn = fn(&[TrialSpec], &[Estimate], &Labels) -> BTreeSet<String>;

    /// The end of the only warning, behind the name of the trial.
    fn warning(warn: Warn, spec: TrialSpec, estimate: Estimate) -> String {
        let labels = Labels::of(std::iter::once(&spec));
        let all = warn(&[spec], &[estimate], &labels);
        let [one] = &all.into_iter().collect::<Vec<_>>()[..] else { panic!("one warning") };
        one.split_once(" will ").unwrap().1.to_owned()
    }

    /// It was told to set what was set.
    #[test]
    fn a_schedule_without_updates_is_told_what_gives_it_some() {
        let advice = |interval: &str, steps, epochs| {
            let spec = spec("rigl", json!({ "interval": interval }), epochs);
            let words = warning(unchanged, spec, estimate(1000, [100, 100], steps, 0));
            words.split_once(": ").unwrap().1.to_owned()
        };
        assert_eq!(
            advice("100 steps", 36, 1),
            "pass --set rigl.interval=5% for 12 updates instead of 0"
        );
        assert_eq!(
            advice("1%", 1, 1),
            "train longer than 1 step: --epochs 2 has 1 update instead of 0"
        );
        assert_eq!(advice("5%", 1, 1), advice("1%", 1, 1));
        // What is no share of the training would need a hundred epochs.
        assert_eq!(
            advice("100 steps", 1, 1),
            "train longer than 1 step: --epochs 2 --set rigl.interval=5% has 1 update instead of 0"
        );
        let late = spec("rigl", json!({ "interval": "5%", "begin": "80%" }), 5);
        let words = warning(unchanged, late, estimate(1000, [100, 100], 20, 0));
        assert!(
            words.ends_with("rigl.begin and rigl.end leave no room for more in 100 steps"),
            "{words}"
        );
    }

    #[test]
    fn a_sparsity_that_is_not_reached_has_its_reason() {
        let prunes = |interval: &str, last, updates| {
            let spec = spec("prune-regrow", json!({ "interval": interval }), 2);
            let words = warning(unreached, spec, estimate(1000, [1000, last], 50, updates));
            words.split_once("%, ").unwrap().1.to_owned()
        };
        let few = "because its updates are too few: pass --set prune-regrow.interval=";
        assert!(prunes("1 epochs", 1000, 0).starts_with(&format!("{few}5% for ")));
        assert!(prunes("5%", 400, 15).starts_with(&format!("{few}1% for ")));
        assert!(
            prunes("1", 400, 75).contains("too few: train longer than 100 steps: --epochs 3 has ")
        );
        // 17 of 19 weights are no other sparsity than 90 %, whatever the interval.
        let rigl = || spec("rigl", json!({}), 1);
        assert_eq!(
            warning(unreached, rigl(), estimate(19, [2, 2], 110, 0)),
            "end at a sparsity of 89.47 %, which is as near as whole weights come, of which 19 can \
             be pruned: pass --sparsity 0.8947 to ask for it, or take a larger model"
        );
        // A sparsity that stays as it began is none of too few updates.
        let words = warning(unreached, rigl(), estimate(1000, [120, 120], 110, 15));
        assert!(words.ends_with("which is as near as the method comes in this network"), "{words}");
    }
}
