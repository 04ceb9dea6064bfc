//! Grids at equal cost: which sparsity, or how many epochs, need the FLOPs that a trial was given.

use std::collections::{BTreeMap, BTreeSet};

use dst_analysis::format::percent;
use dst_analysis::{Budget, Budgets};
use dst_core::record::TrialSpec;
use dst_core::{Result, Training};
use dst_settings::GridConfig;
use dst_train::{Estimate, Estimator};

use super::{Inputs, Kind, Lengthened, Network, is_refusal, strategy};
use crate::command::label::Labels;

/// Sparsities are chosen in these parts of 1.
const STEPS: u64 = 10_000;

/// A choice this near to its share is near enough, as a part of it.
const PRECISION: f64 = 5e-4;

/// A method that comes no nearer to its share than this part of it has another cost.
const TOLERANCE: f64 = 0.05;

/// More epochs than this, as a multiple of those configured, are taken for a mistake.
const MOST_EPOCHS: u64 = 10_000;

/// What was chosen for the trials of a grid.
#[derive(Debug, Default)]
pub(in crate::command) struct Choices {
    /// In words, seeds together, in the order of the grid.
    pub(in crate::command) notes: Vec<String>,
    /// Trials that cannot have their cost, by id, and why in words.
    pub(in crate::command) refused: BTreeMap<String, String>,
}

/// A sparsity and a number of epochs, and the shares that they reach by the estimate.
#[derive(Debug, Clone, Copy)]
struct Choice {
    sparsity: f64,
    epochs: u32,
    inference: f64,
    training: f64,
}

/// Chooses sparsity and epochs of all trials that have a budget, by the estimates of FLOPs for the
/// weights of the grid's first seed, so that all seeds of a method get the same.
///
/// A trial that its method refuses stays as it is, to be refused with the others that are.
///
/// # Errors
/// If a network cannot be built.
pub(in crate::command) fn choose(grid: &mut GridConfig, inputs: &Inputs) -> Result<Choices> {
    let mut by_network: BTreeMap<Network, Vec<usize>> = BTreeMap::new();
    for (index, budget) in grid.budgets.iter().enumerate() {
        if budget.is_some() {
            by_network.entry(Network::of(&grid.trials[index])).or_default().push(index);
        }
    }
    let mut chosen: BTreeMap<usize, std::result::Result<Choice, String>> = BTreeMap::new();
    for (network, indices) in by_network {
        let Some(loaded) = inputs.networks.get(&network) else { continue };
        let seed = grid.trials[indices[0]].seed;
        let estimator =
            super::estimator(loaded, seed).map_err(|error| error.at(network.to_string()))?;
        let mut known: BTreeMap<(Kind<'_>, Budget), _> = BTreeMap::new();
        for index in indices {
            let (spec, budget) = (&grid.trials[index], grid.budgets[index]);
            let key = (Kind::of(spec), budget);
            let choice = match known.get(&key) {
                Some(choice) => Option::clone(choice),
                None => match fit(spec, budget, &estimator) {
                    Err(error) if is_refusal(&error) => None,
                    choice => choice?,
                },
            };
            known.insert(key, choice.clone());
            chosen.extend(choice.map(|choice| (index, choice)));
        }
    }
    let mut trainings = Lengthened::default();
    for (index, choice) in &chosen {
        if let Ok(Choice { sparsity, epochs, .. }) = choice {
            let spec = &mut grid.trials[*index];
            spec.sparsity = *sparsity;
            spec.training = trainings.get(&spec.training, *epochs);
        }
    }
    let choices = in_words(grid, &chosen);
    // Two shares may be nearest to one choice.
    let mut seen = BTreeSet::new();
    let (trials, budgets) = std::mem::take(&mut grid.trials)
        .into_iter()
        .zip(std::mem::take(&mut grid.budgets))
        .filter(|(spec, _)| seen.insert(spec.id()))
        .unzip();
    (grid.trials, grid.budgets) = (trials, budgets);
    Ok(choices)
}

/// The budgets of trials that have one, by their ids.
pub(in crate::command) fn budgets(grid: &GridConfig) -> Budgets {
    let pairs = grid.trials.iter().zip(&grid.budgets).filter(|(_, budget)| budget.is_some());
    pairs.map(|(spec, budget)| (spec.id(), *budget)).collect()
}

/// What was chosen, once for all seeds, and what was not.
fn in_words(
    grid: &GridConfig,
    chosen: &BTreeMap<usize, std::result::Result<Choice, String>>,
) -> Choices {
    let labels = Labels::of(grid.trials.iter());
    let mut choices = Choices::default();
    for (index, choice) in chosen {
        let (spec, budget) = (&grid.trials[*index], &grid.budgets[*index]);
        match choice {
            Ok(choice) => {
                let place = format!("{}, {}", spec.dataset_label(), labels.model(spec));
                let words =
                    format!("{} on {place}: {}", labels.strategy(spec), choice.words(budget));
                if !choices.notes.contains(&words) {
                    choices.notes.push(words);
                }
            }
            Err(words) => drop(choices.refused.insert(spec.id(), words.clone())),
        }
    }
    choices
}

impl Choice {
    /// Such as `sparsity 0.934 for 10 % of the dense network's inference FLOPs`.
    fn words(&self, budget: &Budget) -> String {
        let mut parts = Vec::new();
        let mut part = |share: Option<f64>, reached: f64, what: String, kind: &str| {
            let Some(share) = share else { return };
            let exact = percent(reached) == percent(share);
            let reached = if exact { String::new() } else { format!(" ({})", percent(reached)) };
            parts.push(format!(
                "{what} for {} of the dense network's {kind} FLOPs{reached}",
                percent(share)
            ));
        };
        part(budget.inference, self.inference, format!("sparsity {}", self.sparsity), "inference");
        let epochs = match budget.inference {
            Some(_) => format!("{} epochs", self.epochs),
            None => format!("{} epochs at sparsity {}", self.epochs, self.sparsity),
        };
        part(budget.training, self.training, epochs, "training");
        parts.join("; ")
    }
}

/// The sparsity and the epochs with which a trial is nearest to its budget; in words why that is not
/// near enough. None if its method refuses the trial as it is.
fn fit(
    spec: &TrialSpec,
    budget: Budget,
    estimator: &Estimator<'_>,
) -> Result<Option<std::result::Result<Choice, String>>> {
    let strategy = strategy(spec)?;
    let configured = spec.training.epochs;
    let estimate = |sparsity: f64, epochs: u32| -> Result<Estimate> {
        let mut training = Training::clone(&spec.training);
        training.epochs = epochs;
        estimator.estimate(&*strategy, &training, sparsity)
    };
    let inference = |own: &Estimate| own.inference_flops / own.dense_inference_flops;
    let training = |own: &Estimate, epochs: u32| {
        own.train_flops / own.dense_train_flops * f64::from(epochs) / f64::from(configured)
    };
    let place =
        format!("{} on {}, {}", spec.strategy_name(), spec.dataset_label(), spec.model_label());
    let (mut sparsity, mut epochs) = (spec.sparsity, configured);
    if let Some(share) = budget.inference {
        let ends = [Point { at: 0, value: 1.0 }, Point { at: STEPS, value: 0.0 }];
        let guess = (spec.sparsity * STEPS as f64).round() as u64;
        let as_sparsity = |at: u64| at as f64 / STEPS as f64;
        let mut refusal = String::new();
        let found =
            nearest(ends, guess, share, &mut |at| match estimate(as_sparsity(at), configured) {
                Ok(own) => Ok(Some(inference(&own))),
                Err(error) if is_refusal(&error) => {
                    refusal = format!(" (at {}: {})", as_sparsity(at), error.one_line());
                    Ok(None)
                }
                Err(error) => Err(error),
            })?;
        let Some(found) = found else { return Ok(None) };
        sparsity = as_sparsity(found.at);
        if (found.value - share).abs() > TOLERANCE * share {
            return Ok(Some(Err(format!(
                "{place}: no sparsity leaves {} of the dense network's inference FLOPs; the nearest, \
                 {sparsity}, leaves {}{refusal}",
                percent(share),
                percent(found.value)
            ))));
        }
    }
    if let Some(share) = budget.training {
        let cost = |at: u64| {
            let epochs = u32::try_from(at).unwrap_or(u32::MAX);
            Ok(training(&estimate(sparsity, epochs)?, epochs))
        };
        let guess = f64::from(configured) * share / cost(u64::from(configured))?;
        let guess = (guess.round() as u64).max(1);
        let most = MOST_EPOCHS * u64::from(configured);
        let mut high = Point { at: guess + 1, value: cost(guess + 1)? };
        while high.value < share && high.at < most {
            let at = (2 * high.at).min(most);
            high = Point { at, value: cost(at)? };
        }
        let ends = [Point { at: 0, value: 0.0 }, high];
        let found = nearest(ends, guess, share, &mut |at| cost(at).map(Some))?;
        let Some(mut found) = found else { return Ok(None) };
        // The upper end was looked at, too.
        if (high.value - share).abs() < (found.value - share).abs() {
            found = high;
        }
        epochs = u32::try_from(found.at).unwrap_or(u32::MAX);
        // Half an epoch is what whole ones cannot avoid.
        let of_epoch = found.value / found.at as f64;
        if (found.value - share).abs() > (TOLERANCE * share).max(0.55 * of_epoch) {
            return Ok(Some(Err(format!(
                "{place}: no number of epochs takes {} of the dense network's training FLOPs; the \
                 nearest, {epochs}, takes {}",
                percent(share),
                percent(found.value)
            ))));
        }
    }
    let own = estimate(sparsity, epochs)?;
    let (inference, training) = (inference(&own), training(&own, epochs));
    Ok(Some(Ok(Choice { sparsity, epochs, inference, training })))
}

/// A whole number and what it leads to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Point {
    at: u64,
    value: f64,
}

/// Of the whole numbers between two ends, whose values are known, the one whose value is nearest to
/// `wanted`, beginning with `guess`. Values rise or fall from end to end; the ends are not returned. A
/// number may have no value: then those beyond it are not looked at. None if `guess` has none.
///
/// A straight line between what is known is nearly right for FLOPs, so it is tried before the middle,
/// which makes sure that there is an end.
fn nearest(
    [mut low, mut high]: [Point; 2],
    guess: u64,
    wanted: f64,
    value: &mut dyn FnMut(u64) -> Result<Option<f64>>,
) -> Result<Option<Point>> {
    let rises = high.value > low.value;
    let missed = |point: Point| (point.value - wanted).abs();
    let mut at = guess.clamp(low.at + 1, (high.at - 1).max(low.at + 1));
    let Some(first) = value(at)? else { return Ok(None) };
    let mut found = Point { at, value: first };
    let mut best = found;
    for tries in 1.. {
        if missed(best) <= PRECISION * wanted {
            break;
        }
        if (found.value > wanted) == rises {
            high = found
        } else {
            low = found
        }
        // Ends without a value give way to the middle, and then to what lies behind it.
        while high.at > low.at + 1 {
            let share = (wanted - low.value) / (high.value - low.value);
            at = match share.is_finite() && tries % 3 != 0 {
                true => low.at + (share.clamp(0.0, 1.0) * (high.at - low.at) as f64).round() as u64,
                false => low.at.midpoint(high.at),
            };
            at = at.clamp(low.at + 1, high.at - 1);
            match value(at)? {
                Some(value) => {
                    found = Point { at, value };
                    break;
                }
                None if at > best.at => high = Point { at, value: f64::NAN },
                None => low = Point { at, value: f64::NAN },
            }
        }
        if found.at != at || high.at <= low.at + 1 {
            break;
        }
        if missed(found) < missed(best) {
            best = found;
        }
    }
    Ok(Some(best))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(
        ends: [(u64, f64); 2],
        guess: u64,
        wanted: f64,
        value: fn(u64) -> f64,
    ) -> (u64, usize) {
        let ends = ends.map(|(at, value)| Point { at, value });
        let mut looks = 0;
        let point = nearest(ends, guess, wanted, &mut |at| {
            looks += 1;
            Ok(Some(value(at)).filter(|value| value.is_finite()))
        });
        (point.unwrap().unwrap().at, looks)
    }

    #[test]
    fn the_nearest_whole_number_is_found_in_few_looks() {
        let falling = |at: u64| 1.0 - at as f64 / 1e4;
        assert_eq!(found([(0, 1.0), (10_000, 0.0)], 9000, 0.1, falling), (9000, 1));
        // Denser than equally sparse layers would be.
        let bent = |at: u64| (1.0 - at as f64 / 1e4).sqrt();
        let (at, looks) = found([(0, 1.0), (10_000, 0.0)], 9000, 0.1, bent);
        assert_eq!(at, 9900);
        assert!(looks < 12, "{looks}");
        let epochs = |at: u64| 0.35 * at as f64 / 10.0;
        assert_eq!(found([(0, 0.0), (40, 1.4)], 20, 1.0, epochs).0, 29);
        assert_eq!(found([(0, 0.0), (2, 1.3)], 1, 0.6, |at| 0.65 * at as f64), (1, 1));
    }

    #[test]
    fn a_value_that_jumps_gives_the_nearer_side() {
        let steps = |at: u64| if at < 5000 { 1.0 } else { 0.3 };
        let (at, looks) = found([(0, 1.0), (10_000, 0.0)], 9000, 0.5, steps);
        assert_eq!(steps(at), 0.3);
        assert!(looks < 60, "{looks}");
        assert_eq!(steps(found([(0, 1.0), (10_000, 0.0)], 9000, 0.8, steps).0), 1.0);
    }
    /// A method that keeps tenths, and one that loses a layer beyond 0.97.
    #[test]
    fn numbers_that_are_refused_are_gone_around() {
        let tenths =
            |at: u64| if at.is_multiple_of(1000) { 1.004 - at as f64 / 1e4 } else { f64::NAN };
        assert_eq!(found([(0, 1.0), (10_000, 0.0)], 9000, 0.1, tenths).0, 9000);
        let collapses = |at: u64| if at > 9700 { f64::NAN } else { 5.0 * (1.0 - at as f64 / 1e4) };
        assert_eq!(found([(0, 1.0), (10_000, 0.0)], 9000, 0.1, collapses).0, 9700);
        assert_eq!(found([(0, 1.0), (10_000, 0.0)], 9000, 0.2, collapses).0, 9600);
        let ends = [Point { at: 0, value: 1.0 }, Point { at: 10_000, value: 0.0 }];
        assert_eq!(nearest(ends, 9000, 0.1, &mut |_| Ok(None)).unwrap(), None);
    }
}
