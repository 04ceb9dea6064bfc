//! A table with its comparisons: the family that verdicts are corrected for.

use std::sync::Arc;

use dst_record::record::Outcome;
use dst_record::{Error, Metric, Result};
use dst_stats::verdict::{self, Candidate, Run, Settings, Test, Verdict};

use crate::all_pairs::AllPairs;
use crate::chance::chance;
use crate::comparable::obstacle;
use crate::comparison::{Comparison, Partner};
use crate::criterion::Criterion;
use crate::format::percent;
use crate::mask_distances::MaskDistances;
use crate::seconds::{Loads, Seconds};
use crate::selection::{Selection, selections};
use crate::settings::{Analysis, Margin, PrimaryTest};
use crate::trial_table::{Group, TrialTable};

/// What can be said about one table.
#[derive(Debug, Clone)]
pub struct Judgement<'t> {
    /// The trials.
    pub table: TrialTable<'t>,
    /// Name of the strategy that is the control.
    pub control_strategy: String,
    /// The largest loss that still counts as no worse, in the unit of the metric; none if a relative
    /// margin could not be worked out.
    pub margin: Option<f64>,
    /// Best score of a constant answer on the test set; none if it is unknown.
    pub chance: Option<f64>,
    /// Comparisons with the control as planned, whether run, failed, or comparable or not: what
    /// every verdict is corrected for.
    pub family: usize,
    /// The planned look whose verdicts hold, from 1; none before the first.
    pub look: Option<usize>,
    /// Seeds that the verdicts rest on, the first of the plan; before the first look, all.
    pub judged_seeds: Vec<u64>,
    /// Count of seeds as planned.
    pub planned_seeds: usize,
    /// The allowed chance of a false claim at this look; none before the first.
    pub alpha: Option<f64>,
    /// Counts of seeds at which verdicts were shown that were no planned look.
    pub post_hoc_looks: usize,
    /// What the chance of a false claim may reach over all looks.
    pub error_bound: Option<f64>,
    /// One for each group that is not the control's, by strategy, parameters, training and sparsity.
    pub comparisons: Vec<Comparison<'t>>,
    /// Every group against every other.
    pub all_pairs: AllPairs,
    /// How far apart networks end in their connections.
    pub masks: MaskDistances,
    /// Of strategies with several sets of parameters, the best on validation.
    pub selections: Vec<Selection<'t>>,
    /// What the trials say about measured time.
    pub seconds: Seconds<'t>,
    /// Of the hypothesis that scores vary alike in all groups (Brown & Forsythe 1974).
    pub p_equal_variance: Option<f64>,
}

impl<'t> Judgement<'t> {
    /// Compares the groups of a table with its control.
    ///
    /// `seen` are counts of seeds at which verdicts were shown before.
    ///
    /// # Errors
    /// If the analysis is out of range, or a score is no number.
    pub(crate) fn new(
        table: TrialTable<'t>,
        control: &str,
        analysis: &Analysis,
        seen: impl IntoIterator<Item = usize>,
        loads: &Loads<'t>,
    ) -> Result<Self> {
        let chance = chance(&table);
        let selections = selections(&table, chance);
        let controls: Vec<&Arc<Group<'t>>> =
            table.groups.iter().filter(|group| group.strategy == control).collect();
        let candidates: Vec<&Arc<Group<'t>>> =
            table.groups.iter().filter(|group| group.strategy != control).collect();
        let asked = analysis.margin_on(table.dataset_name, &table.dataset, table.metric);
        let (margin, margin_missing) = match margin(asked, &controls, chance) {
            Ok(margin) => (Some(margin), None),
            Err(reason) => (None, Some(reason)),
        };
        let partners: Vec<Partner<'t>> = candidates
            .iter()
            .map(|candidate| {
                let partner = partner(candidate, &controls, control, &selections, analysis.tuned);
                let mut partner = match partner {
                    Ok(control) => Partner {
                        not_comparable: obstacle(candidate, control),
                        control: Some(Arc::clone(control)),
                    },
                    Err(reason) => Partner { control: None, not_comparable: Some(reason) },
                };
                partner.not_comparable = partner.not_comparable.or(margin_missing.clone());
                partner
            })
            .collect();

        let plan = Plan::new(&table.seeds, analysis, seen);
        let settings = Settings {
            margin: margin.unwrap_or(0.0),
            alpha: analysis.alpha,
            test: test(analysis.test),
            correction: analysis.correction.procedure(),
            minimum_pairs: analysis.minimum_pairs,
            family: candidates.len().max(1),
            seeds_planned: plan.planned,
            looks: plan.looks,
            seen: plan.seen,
            chance,
        };
        let runs = |group: &Group<'_>| -> Vec<Run> {
            let mut runs: Vec<Run> = table.seeds.iter().map(|seed| group.run(*seed)).collect();
            runs.resize(settings.seeds_planned, Run::Pending);
            runs
        };
        let nothing = vec![Run::Missing; settings.seeds_planned];
        let candidate_runs: Vec<Vec<Run>> = candidates.iter().map(|group| runs(group)).collect();
        let control_runs: Vec<Vec<Run>> = partners
            .iter()
            .map(|partner| partner.control.as_ref().map_or(nothing.clone(), |group| runs(group)))
            .collect();
        let judged: Vec<Candidate<'_>> = candidate_runs
            .iter()
            .zip(&control_runs)
            .zip(&partners)
            .map(|((runs, control), partner)| Candidate {
                runs,
                control: Some(control),
                not_comparable: partner.not_comparable.as_deref(),
            })
            .collect();
        // Every candidate has a control of its own; that of the family only says when a look is due.
        let judged = verdict::judge(&settings, &nothing, &judged)
            .map_err(|error| Error::contract(error.to_string()).at(table.heading()))?;
        let judged_seeds = match judged.look {
            Some(_) => table.seeds[..judged.seeds.min(table.seeds.len())].to_vec(),
            None => table.seeds.clone(),
        };
        let alpha = judged.alpha.unwrap_or(analysis.alpha);
        let criterion = Criterion { margin, alpha };
        let comparisons = candidates
            .iter()
            .zip(&partners)
            .zip(&judged.comparisons)
            .map(|((candidate, partner), judged)| {
                Comparison::new(candidate, partner, judged, &judged_seeds, &criterion)
            })
            .collect::<Result<_>>()?;
        let all_pairs = match judged.look {
            Some(_) => AllPairs::new(&table.groups, &judged_seeds, analysis)?,
            None => AllPairs::default(),
        };
        let mut judgement = Self {
            control_strategy: control.to_owned(),
            margin,
            chance,
            family: candidates.len(),
            look: judged.look,
            judged_seeds,
            planned_seeds: settings.seeds_planned,
            alpha: judged.alpha,
            post_hoc_looks: judged.post_hoc_looks,
            error_bound: judged.error_bound,
            comparisons,
            all_pairs,
            masks: MaskDistances::new(&table.groups),
            selections,
            p_equal_variance: equal_variance(&table.groups),
            seconds: Seconds::none(),
            table,
        };
        judgement.seconds = Seconds::new(&judgement, chance, loads, analysis)?;
        Ok(judgement)
    }

    /// The metrics besides that of the table that every trial with a score has.
    pub fn other_metrics(&self) -> Vec<Metric> {
        let outcomes: Vec<&Outcome> = self.groups().flat_map(|group| group.outcomes()).collect();
        let everywhere = |metric: &Metric| {
            let mut scores = outcomes.iter().map(|outcome| outcome.test.get(*metric));
            !outcomes.is_empty() && scores.all(|score| score.is_some_and(f64::is_finite))
        };
        let others = Metric::ALL.into_iter().filter(|metric| *metric != self.table.metric);
        others.filter(everywhere).collect()
    }

    /// The groups, the control's first.
    pub fn groups(&self) -> impl Iterator<Item = &Arc<Group<'t>>> {
        let (control, others): (Vec<_>, Vec<_>) =
            self.table.groups.iter().partition(|group| self.is_control(group));
        control.into_iter().chain(others)
    }

    /// Is it a group of the control?
    pub fn is_control(&self, group: &Group<'_>) -> bool {
        group.strategy == self.control_strategy
    }

    /// The comparison of a group, if it has one.
    pub fn comparison(&self, group: &Arc<Group<'t>>) -> Option<&Comparison<'t>> {
        self.comparisons.iter().find(|comparison| Arc::ptr_eq(&comparison.candidate, group))
    }

    /// Are there trials of the control, so that something is compared with it?
    pub fn has_control(&self) -> bool {
        self.table.groups.iter().any(|group| self.is_control(group))
    }

    /// The label that all comparisons share as control, or its name.
    pub fn control(&self) -> &str {
        let mut labels =
            self.comparisons.iter().filter_map(|c| c.control.as_ref()).map(|c| &c.label);
        match labels.next() {
            Some(first) if labels.all(|other| other == first) => first,
            _ => &self.control_strategy,
        }
    }

    /// How many comparisons have a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.comparisons.iter().filter(|comparison| comparison.verdict == verdict).count()
    }

    /// Did strategies have unequal numbers of tries, or the control fewer than others? Who had more
    /// is favoured then.
    pub fn tuning_bias(&self) -> Option<String> {
        let own = self.selections.iter().find(|s| s.strategy == self.control_strategy)?;
        let others: Vec<&Selection<'_>> =
            self.selections.iter().filter(|s| s.strategy != self.control_strategy).collect();
        let most = others.iter().max_by_key(|selection| selection.runs)?;
        if most.runs > own.runs {
            return Some(format!(
                "{} was tried in {} runs and the control {} in {}, which favours {}",
                most.strategy, most.runs, own.strategy, own.runs, most.strategy
            ));
        }
        let fewest = others.iter().min_by_key(|selection| selection.runs)?;
        (fewest.runs < own.runs.max(most.runs)).then(|| {
            format!(
                "tuning was unequal: {} runs for {}, {} for {}",
                fewest.runs,
                fewest.strategy,
                own.runs.max(most.runs),
                if own.runs >= most.runs { &own.strategy } else { &most.strategy }
            )
        })
    }
}

/// Seeds and looks as they were planned.
struct Plan {
    planned: usize,
    looks: Vec<usize>,
    seen: Vec<usize>,
}

impl Plan {
    fn new(seeds: &[u64], analysis: &Analysis, seen: impl IntoIterator<Item = usize>) -> Self {
        let mut seen: Vec<usize> = seen.into_iter().collect();
        let last = analysis.looks.last().copied().unwrap_or(seeds.len()).max(1);
        if seeds.len() > last {
            // More seeds than were planned: what was to be the last look is one of many.
            seen.extend(&analysis.looks);
            return Self { planned: seeds.len(), looks: Vec::new(), seen };
        }
        Self { planned: last, looks: analysis.looks.clone(), seen }
    }
}

/// The margin in the unit of the metric.
pub(crate) fn margin(
    asked: Margin,
    controls: &[&Arc<Group<'_>>],
    chance: Option<f64>,
) -> Result<f64, String> {
    let share = match asked {
        Margin::Absolute(size) => return Ok(size),
        Margin::Relative(share) => share,
    };
    let Some(chance) = chance else {
        return Err("the margin is relative to chance, and what guessing scores is unknown".into());
    };
    let scores: Vec<f64> = controls.iter().flat_map(|group| group.scores()).collect();
    let Ok(summary) = dst_stats::summary(&scores) else {
        return Err("the margin is relative to the control, none of whose trials finished".into());
    };
    let above = summary.mean - chance;
    if above > 0.0 {
        return Ok(share * above);
    }
    Err("the margin is relative to what the control scores above chance, which is nothing".into())
}

/// What a candidate is compared with: the only group of the control, or the one that trained as it
/// did and with its backend, or the one that validation chose. Anything else would be a guess.
fn partner<'c, 't>(
    candidate: &Group<'_>,
    controls: &[&'c Arc<Group<'t>>],
    name: &str,
    selections: &'c [Selection<'t>],
    tuned: bool,
) -> Result<&'c Arc<Group<'t>>, String> {
    match controls {
        [] => return Err(format!("there are no trials of the control {name}")),
        [only] => return Ok(only),
        _ => {}
    }
    let narrowed = |among: &[&'c Arc<Group<'t>>], fits: &dyn Fn(&Group<'_>) -> bool| {
        let fitting: Vec<&'c Arc<Group<'t>>> =
            among.iter().copied().filter(|control| fits(control)).collect();
        if fitting.is_empty() { among.to_vec() } else { fitting }
    };
    let left = narrowed(controls, &|control| same_sparsity(control, candidate));
    let mut left = narrowed(&left, &|control| control.backend == candidate.backend);
    if !tuned {
        left = narrowed(&left, &|control| control.training == candidate.training);
    }
    if let [one] = left[..] {
        return Ok(one);
    }
    if !tuned {
        return Err(format!(
            "the control {name} has {} sets of parameters at {}, and one is needed; \
             analysis.tuned = true takes the best on validation",
            left.len(),
            percent(left[0].sparsity)
        ));
    }
    let selection = selections.iter().find(|selection| {
        selection.strategy == name
            && selection.backend == left[0].backend
            && (selection.sparsity - left[0].sparsity).abs() < 1e-9
    });
    let undecided = || "it has no set of parameters that could be chosen".to_owned();
    let selection = selection.ok_or_else(undecided)?;
    selection.chosen.as_ref().ok_or_else(|| {
        format!(
            "the control's best set of parameters is not known: {}",
            selection.undecided.clone().unwrap_or_else(undecided)
        )
    })
}

fn same_sparsity(first: &Group<'_>, second: &Group<'_>) -> bool {
    (first.sparsity - second.sparsity).abs() < 1e-9
}

/// Levene's test with medians over the groups that have two scores or more.
fn equal_variance(groups: &[Arc<Group<'_>>]) -> Option<f64> {
    let scores: Vec<Vec<f64>> =
        groups.iter().map(|group| group.scores()).filter(|scores| scores.len() > 1).collect();
    if scores.len() < 2 {
        return None;
    }
    dst_stats::levene(&scores, dst_stats::LeveneCentre::Median).ok()?.p_value
}

/// The test in the words of `dst-stats`.
pub(crate) fn test(test: PrimaryTest) -> Test {
    match test {
        PrimaryTest::PairedT => Test::PairedT,
        PrimaryTest::Wilcoxon => Test::Wilcoxon,
        PrimaryTest::SignFlips => Test::SignFlips,
    }
}
