//! What a study says of trials, from records to sentences.

use std::collections::BTreeMap;

use dst_analysis::document::{Block, Page};
use dst_analysis::sample::{baseline, group};
use dst_analysis::{
    Analysis, Budget, Budgets, Experiment, Group, Margin, Multiplicity, PrimaryTest, Study,
    sentence,
};
use dst_record::record::{LayerRecord, TrialRecord, TrialSpec};
use dst_stats::verdict::{Reason, Verdict};
use serde_json::{Value, json};

const CONTROL: [f64; 8] = [0.901, 0.904, 0.899, 0.902, 0.905, 0.900, 0.903, 0.901];

fn analysis() -> Analysis {
    Analysis { control: "baseline".to_owned(), ..Analysis::default() }
}

fn method(name: &str) -> Value {
    json!({"name": name})
}

fn shifted(differences: [f64; 8]) -> Vec<f64> {
    CONTROL.iter().zip(differences).map(|(score, difference)| score + difference).collect()
}

fn trials(candidates: &[(&str, Vec<f64>)]) -> Vec<TrialRecord> {
    let mut all = group(&baseline(), 0.0, &CONTROL);
    for (name, scores) in candidates {
        all.extend(group(&method(name), 0.9, scores));
    }
    all
}

/// The sentence of the first comparison.
fn said(trials: &[TrialRecord], analysis: &Analysis) -> String {
    let study = Study::new(&Experiment::new(trials, analysis)).unwrap();
    let judgement = &study.judgements[0];
    sentence(judgement, &judgement.comparisons[0], analysis, false)
}

#[test]
fn five_verdicts_in_words() {
    let around = |centre: f64| {
        shifted([-0.001, 0.001, 0.0, 0.0005, -0.0005, 0.001, -0.001, 0.0].map(|d| centre + d))
    };
    let say = |centre| said(&trials(&[("method", around(centre))]), &analysis());
    assert_eq!(
        say(0.01),
        "On toy, method at 90 % scores higher than baseline: +1.00 points on average over 8 seeds, \
         between +0.93 and +1.07 allowing for chance (corrected for 1 comparison, level 95 %)."
    );
    assert_eq!(
        say(0.0),
        "On toy, method at 90 % stays within the 0.5 points of loss allowed beforehand against \
         baseline: 0.00 points on average over 8 seeds, \u{2212}0.07 at worst allowing for chance (corrected \
         for 1 comparison, level 95 %). Whether it is better or slightly worse is open."
    );
    assert!(say(-0.002).ends_with("A small loss is shown."), "{}", say(-0.002));
    assert!(
        say(-0.0048)
            .contains("whether it loses more than the 0.5 points allowed beforehand is open")
    );
    let inferior = say(-0.01);
    assert!(
        inferior.contains(
            "loses more than the 0.5 points allowed beforehand against baseline: \u{2212}1.00"
        ) && inferior.contains("at least 0.93 allowing for chance"),
        "{inferior}"
    );
    let open = said(
        &trials(&[("method", shifted([-0.02, 0.02, -0.01, 0.01, -0.02, 0.02, -0.01, 0.01]))]),
        &analysis(),
    );
    assert!(open.starts_with("8 seeds do not decide between method at 90 % and baseline on toy"));
    assert!(open.ends_with("This does not show that they are alike."), "{open}");
}

/// Nobody allowed a loss beforehand who chose the margin after the runs.
#[test]
fn a_margin_that_was_chosen_later_is_not_called_allowed_beforehand() {
    let analysis = analysis();
    let all = trials(&[("method", shifted([0.0, 0.001, -0.001, 0.0, 0.001, -0.001, 0.0, 0.0]))]);
    let experiment = Experiment { post_hoc: true, ..Experiment::new(&all, &analysis) };
    let study = Study::new(&experiment).unwrap();
    let page = serde_json::to_string(&Page::new(&study)).unwrap();
    assert!(page.contains("0.5 points of loss allowed afterwards against baseline"), "{page}");
    assert!(!page.contains("allowed beforehand"), "{page}");
}

#[test]
fn what_is_not_corrected_is_not_called_corrected() {
    let all = trials(&[("method", shifted([0.0, 0.001, -0.001, 0.0, 0.001, -0.001, 0.0, 0.0]))]);
    let note = |correction| {
        let analysis = Analysis { correction, ..analysis() };
        let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
        serde_json::to_string(&Page::new(&study)).unwrap()
    };
    assert!(note(Multiplicity::Holm).contains("(95 %), corrected for 1 comparison."));
    assert!(note(Multiplicity::None).contains("(95 %), not corrected for 1 comparison."));
}

/// Differences with one outlier, which a t interval does not fit: the interval is that of the test.
#[test]
fn intervals_belong_to_the_test() {
    let skewed = shifted([0.001, 0.002, 0.0015, 0.003, 0.0025, 0.0012, 0.0018, 0.05]);
    let all = trials(&[("method", skewed)]);
    for test in [PrimaryTest::PairedT, PrimaryTest::Wilcoxon, PrimaryTest::SignFlips] {
        let analysis = Analysis { test, ..analysis() };
        let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
        let comparison = &study.judgements[0].comparisons[0];
        let interval = comparison.evidence.unwrap().interval;
        assert_eq!(comparison.verdict == Verdict::Superior, interval.lower > 0.0, "{test:?}");
    }
    let ranks = Analysis { test: PrimaryTest::Wilcoxon, ..analysis() };
    let study = Study::new(&Experiment::new(&all, &ranks)).unwrap();
    assert_eq!(study.judgements[0].comparisons[0].verdict, Verdict::Superior);
}

#[test]
fn a_family_is_what_was_planned() {
    // p of no difference is 0.02: enough for one comparison, not for the first of twelve.
    let near = shifted([0.003, -0.001, 0.004, 0.001, -0.0005, 0.003, 0.002, 0.001]);
    let alone = trials(&[("method", near.clone())]);
    let analysis = analysis();
    let study = Study::new(&Experiment::new(&alone, &analysis)).unwrap();
    assert_eq!(study.judgements[0].comparisons[0].verdict, Verdict::Superior);
    // Eleven more that ended as no sparse networks: they are not judged, and count all the same.
    let mut all = alone;
    for other in 0..11 {
        let mut others = group(&method(&format!("other-{other:02}")), 0.9, &CONTROL);
        for trial in &mut others {
            trial.outcome.as_mut().unwrap().sparsity_prunable = 0.0;
        }
        all.extend(others);
    }
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let judgement = &study.judgements[0];
    assert_eq!(judgement.family, 12);
    assert_eq!(judgement.count(Verdict::NotComparable), 11);
    assert_ne!(judgement.comparisons[0].verdict, Verdict::Superior);
}

#[test]
fn nothing_is_decided_before_every_run_has_ended() {
    let mut all = trials(&[("method", shifted([0.01; 8].map(|d| d + 1e-4)))]);
    let pending: Vec<TrialSpec> = vec![all.pop().unwrap().spec];
    let analysis = analysis();
    let experiment = Experiment { pending: &pending, ..Experiment::new(&all, &analysis) };
    let study = Study::new(&experiment).unwrap();
    let judgement = &study.judgements[0];
    let comparison = &judgement.comparisons[0];
    assert_eq!(comparison.reason, Some(Reason::NotYet));
    assert!(comparison.evidence.is_none() && comparison.diagnostics.is_none());
    assert_eq!(
        sentence(judgement, comparison, &analysis, false),
        "Nothing is decided yet between method at 90 % and baseline on toy: 7 of 8 seeds have run; the \
         first verdict comes at 8."
    );
}

#[test]
fn planned_looks_share_the_level_and_others_are_told() {
    let scores = shifted([0.01, 0.011, 0.009, 0.01, 0.012, 0.008, 0.01, 0.011]);
    let all = trials(&[("method", scores)]);
    // Four of eight seeds were to be looked at; all eight have run.
    let planned = Analysis { looks: vec![4, 8], minimum_pairs: 4, ..analysis() };
    let study = Study::new(&Experiment::new(&all, &planned)).unwrap();
    assert_eq!(study.judgements[0].look, Some(2));
    assert!((study.judgements[0].alpha.unwrap() - 0.04375).abs() < 1e-12);
    // Twelve are planned, and eight have run: the verdict is that of the look at six.
    let longer = Analysis { looks: vec![6, 12], ..analysis() };
    let study = Study::new(&Experiment::new(&all, &longer)).unwrap();
    let judgement = &study.judgements[0];
    assert_eq!((judgement.look, judgement.judged_seeds.len()), (Some(1), 6));
    assert!((judgement.alpha.unwrap() - 0.00625).abs() < 1e-12);
    assert_eq!(judgement.comparisons[0].n(), 6);
    // A verdict was shown at five seeds, before three were added.
    let analysis = analysis();
    let bound = |key: String, counts: [usize; 2]| {
        let seen = BTreeMap::from([(key, counts.into())]);
        let experiment = Experiment { seen: &seen, ..Experiment::new(&all, &analysis) };
        let study = Study::new(&experiment).unwrap();
        (study.judgements[0].post_hoc_looks, study.judgements[0].error_bound)
    };
    let table = &judgement.table;
    let method = &judgement.comparisons[0].candidate;
    assert_eq!(bound(table.comparison_key(method), [5, 8]), (1, Some(0.1)));
    // Of another training of the same method on the same data, nothing was seen here.
    let other = Group { training: "{\"epochs\":1}".to_owned(), ..Group::clone(method) };
    assert_eq!(bound(table.comparison_key(&other), [5, 8]), (0, Some(0.05)));
    // What earlier versions remembered: nothing can be decided with three seeds.
    assert_eq!(bound(table.key(), [5, 8]), (1, Some(0.1)));
    assert_eq!(bound(table.key(), [3, 8]), (0, Some(0.05)));
}

#[test]
fn networks_that_are_not_what_was_asked_for_are_not_judged() {
    let analysis = analysis();
    let reason = |change: fn(&mut TrialRecord)| {
        let mut all = trials(&[("method", CONTROL.to_vec())]);
        all.iter_mut().filter(|trial| trial.spec.sparsity > 0.0).for_each(change);
        let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
        let comparison = &study.judgements[0].comparisons[0];
        assert_eq!(comparison.verdict, Verdict::NotComparable);
        comparison.not_comparable.clone().unwrap()
    };
    let missed = reason(|trial| trial.outcome.as_mut().unwrap().sparsity_prunable = 0.5);
    assert_eq!(
        missed,
        "method at 90 % was to end at a sparsity of 90 %, and its networks ended at 50 %"
    );
    let fixed = reason(|trial| {
        trial.layers = vec![LayerRecord {
            epoch: 1,
            layer: "fc1.weight".to_owned(),
            shape: "8x8".to_owned(),
            size: 64,
            active: 6,
            born: 0,
            dropped: 0,
            ever_active_share: 0.1,
            ..LayerRecord::default()
        }];
    });
    assert_eq!(fixed, "no connection of method at 90 % ever changed, so it is a static network");
    // SNIP and the like never change a connection, by design.
    let mut all = trials(&[("method", CONTROL.to_vec())]);
    for trial in all.iter_mut().filter(|trial| trial.spec.sparsity > 0.0) {
        trial.outcome.as_mut().unwrap().is_static = true;
        let (layer, shape) = ("fc1.weight".to_owned(), "8x8".to_owned());
        let row =
            LayerRecord { epoch: 1, layer, shape, size: 64, active: 6, ..LayerRecord::default() };
        trial.layers = vec![row];
    }
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    assert_ne!(study.judgements[0].comparisons[0].verdict, Verdict::NotComparable);
    let other_data = reason(|trial| trial.provenance.data_digest = "bad".to_owned());
    assert_eq!(other_data, "its trials and those of baseline saw 2 versions of the data");
    let weights = reason(|trial| {
        trial.provenance.weights_digest = format!("{}", trial.spec.seed % 2);
    });
    assert!(weights.ends_with("saw 2 versions of the weights to start from"), "{weights}");
}

#[test]
fn tuned_methods_are_compared_with_the_best_control() {
    let rate = |spec: &mut TrialSpec, rate: f64| spec.training.learning_rate = rate;
    let mut all = Vec::new();
    for (strategy, sparsity, learning_rate, shift) in [
        (baseline(), 0.0, 0.001, 0.0),
        (baseline(), 0.0, 0.01, 0.01),
        (method("method"), 0.9, 0.001, 0.009),
        (method("method"), 0.9, 0.01, 0.001),
    ] {
        let scores = CONTROL.map(|score| score + shift + (score - 0.902) * shift);
        let mut here = group(&strategy, sparsity, &scores);
        here.iter_mut().for_each(|trial| rate(&mut trial.spec, learning_rate));
        all.extend(here);
    }
    let partners = |tuned: bool| -> Vec<String> {
        let analysis = Analysis { tuned, ..analysis() };
        let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
        assert_eq!(study.judgements.len(), 1);
        assert_eq!(study.judgements[0].family, 2);
        assert!(study.judgements[0].tuning_bias().is_none());
        let comparisons = study.judgements[0].comparisons.iter();
        comparisons.map(|comparison| comparison.control_label().to_owned()).collect()
    };
    let (slow, fast) = ("baseline learning_rate=0.001", "baseline learning_rate=0.01");
    assert_eq!(partners(false), [slow, fast]);
    assert_eq!(partners(true), [fast, fast]);
}

#[test]
fn a_relative_margin_is_a_share_of_what_the_control_scores_above_chance() {
    let mut all = trials(&[("method", CONTROL.to_vec())]);
    let analysis = Analysis { margin: Margin::Relative(0.1), ..analysis() };
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let comparison = &study.judgements[0].comparisons[0];
    assert!(
        comparison.not_comparable.as_ref().unwrap().ends_with("what guessing scores is unknown")
    );
    all[0].confusion = vec![vec![50, 0], vec![0, 50]];
    let study = Study::new(&Experiment::new(&all, &analysis)).unwrap();
    let mean = CONTROL.iter().sum::<f64>() / 8.0;
    assert!((study.judgements[0].margin.unwrap() - 0.1 * (mean - 0.5)).abs() < 1e-12);
}

#[test]
fn a_control_without_trials_leaves_nothing_to_compare() {
    let all = group(&method("method"), 0.9, &CONTROL);
    let catalog = dst_analysis::Catalog {
        strategies: [("baseline".to_owned(), dst_analysis::StrategyFacts::default())].into(),
        ..dst_analysis::Catalog::default()
    };
    let analysis = analysis();
    let experiment = Experiment { catalog: &catalog, ..Experiment::new(&all, &analysis) };
    let study = Study::new(&experiment).unwrap();
    let comparison = &study.judgements[0].comparisons[0];
    assert_eq!(comparison.verdict, Verdict::NotComparable);
    let reason = comparison.not_comparable.as_ref().unwrap();
    assert_eq!(reason, "there are no trials of the control baseline");
    // Said once, not for every method; nothing has the space of what there is not.
    let page = Page::new(&study);
    let says = "Nothing is compared with baseline: there are no trials of baseline.";
    assert_eq!(page.lead[0], says);
    let section = &page.sections[0];
    let json = serde_json::to_string(section).unwrap();
    assert_eq!(json.matches("no trials of baseline").count(), 1, "{json}");
    let Some(Block::Table(results)) = section.blocks.first() else { panic!("results first") };
    let keys: Vec<&str> = results.columns.iter().map(|column| column.key.as_str()).collect();
    assert_eq!(keys, ["label", "test_metric_mean", "inference_flops_ratio", "seeds"]);
    assert!(results.rows.iter().all(|row| row.len() == keys.len()));
    assert!(!section.blocks.iter().any(|block| matches!(block, Block::Verdicts { .. })));
    let wrong = Analysis { control: "bseline".to_owned(), ..analysis.clone() };
    let error = Study::new(&Experiment { analysis: &wrong, ..experiment }).unwrap_err().to_string();
    assert!(error.contains("unknown control 'bseline'"), "{error}");
}

/// Sparsities that were chosen for one cost are one level, and the page says for which.
#[test]
fn what_was_equal_is_told_and_grouped_by() {
    let lower = |by: f64| CONTROL.map(|score| score - by).to_vec();
    let mut all = group(&baseline(), 0.0, &CONTROL);
    all.extend(group(&method("erk"), 0.95, &lower(0.01)));
    all.extend(group(&method("uniform"), 0.9, &lower(0.02)));
    let budget = Budget { inference: Some(0.1), training: None };
    let sparse = all.iter().filter(|trial| trial.spec.sparsity > 0.0);
    let budgets: Budgets = sparse.map(|trial| (trial.id.clone(), budget)).collect();
    let analysis = analysis();
    let page = |budgets: &Budgets| {
        let experiment = Experiment { budgets, ..Experiment::new(&all, &analysis) };
        serde_json::to_string(&Page::new(&Study::new(&experiment).unwrap())).unwrap()
    };
    let told = page(&budgets);
    for expected in [
        "against baseline at 10 % of the dense network's inference FLOPs:",
        "Equal inference FLOPs: the sparsity of every strategy was chosen before training so that it \
         needs 10 % of the dense network's inference FLOPs; trials measured 10 % (erk) to 20 % (uniform).",
        "The sparsity of each strategy was chosen before training",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    assert!(!told.contains("Sparsity 95 %"), "they are one group of verdicts");
    let untold = page(&Budgets::new());
    assert!(untold.contains("Sparsity 95 %") && !untold.contains("Equal inference"), "{untold}");
}
