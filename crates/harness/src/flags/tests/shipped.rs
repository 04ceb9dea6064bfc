//! Grids that ship hold the numbers that they claim.

use dst_core::plugin::{Plugin, StrategyPlugin};
use serde_json::json;

use super::*;

/// What every trial of a grid has in common, as a few words.
fn recipe(trial: &TrialSpec) -> String {
    let training = &trial.training;
    let settings = training.settings();
    let plain = |key: &str| match &settings[key] {
        serde_json::Value::String(text) => text.clone(),
        other => other.as_f64().map_or_else(|| other.to_string(), |number| number.to_string()),
    };
    format!(
        "{} {} {} epochs of {}, {} {}, momentum {} nesterov {}, {} x{} every {}, decay {}",
        trial.dataset,
        trial.model_name(),
        training.epochs,
        training.batch_size,
        plain("optimizer"),
        training.learning_rate,
        plain("momentum"),
        plain("nesterov"),
        plain("learning_rate_shape"),
        plain("decay"),
        plain("decay_every"),
        plain("weight_decay"),
    )
}

#[test]
fn every_grid_takes_every_strategy() {
    let names: Vec<&str> = StrategyPlugin::all().unwrap().iter().map(|p| p.name).collect();
    for grid in dst_settings::shipped::GRIDS {
        let line = format!("--grid {} --seeds 0..2 --sparsity 0.5", grid.name);
        let trials = trials(&format!("{line} --strategies {}", names.join(",")));
        let mut taken: Vec<&str> = trials.iter().map(TrialSpec::strategy_name).collect();
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken, names, "{}", grid.name);
    }
}

#[test]
fn snfs_lenet5_is_the_recipe_of_the_papers_code() {
    let trials = trials("--grid snfs-lenet5");
    assert_eq!(trials.len(), 2 * 5, "SNFS and dense with five seeds");
    for trial in &trials {
        assert_eq!(
            recipe(trial),
            "mnist lenet5-caffe 100 epochs of 100, sgd 0.1, momentum 0.9 nesterov true, \
             step x0.1 every 25000 steps, decay 0.0005"
        );
        assert_eq!(trial.training.clip_norm, 1.0, "it diverges without");
    }
    let snfs: Vec<_> = trials.iter().filter(|t| t.strategy_name() == "snfs").collect();
    assert_eq!(snfs.iter().map(|trial| trial.seed).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(snfs.iter().all(|trial| trial.sparsity == 0.95));
    assert_eq!(
        snfs[0].strategy,
        json!({
            "name": "snfs", "distribution": "uniform", "drop_fraction": 0.5,
            "decay": "cosine", "interval": "1 epochs", "begin": null,
            "end": "100%", "momentum": 0.9, "redistribution": "momentum",
            "regrowth": "allowed", "moments": "zero-newborn",
        })
    );
}

#[test]
fn srigl_resnet18_is_the_recipe_behind_the_published_table() {
    let trials = trials("--grid srigl-resnet18");
    assert_eq!(trials.len(), 8 * (7 + 1), "RigL at seven sparsities and dense with eight seeds");
    for trial in &trials {
        assert_eq!(
            recipe(trial),
            "cifar10 resnet18 250 epochs of 128, sgd 0.1, momentum 0.9 nesterov true, \
             step x0.2 every 77 epochs, decay 0.0005"
        );
        assert_eq!(trial.training.label_smoothing, 0.0);
    }
    let rigl: Vec<_> = trials.iter().filter(|t| t.strategy_name() == "rigl").take(7).collect();
    let sparsities: Vec<f64> = rigl.iter().map(|trial| trial.sparsity).collect();
    assert_eq!(sparsities, [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99]);
    let strategy = &rigl[0].strategy;
    let found = ["distribution", "drop_fraction", "decay", "interval", "end", "replaces_step"]
        .map(|key| strategy[key].clone());
    let expected = [json!("erk"), json!(0.3), json!("cosine"), json!("100 steps"), json!("75%")];
    assert_eq!(found[..5], expected);
    assert_eq!(found[5], true);
}

#[test]
fn plan_has_the_plans_numbers_on_each_of_its_data_sets() {
    let trials = trials(
        "--grid plan --datasets mnist,cifar10,glue/sst2 --strategies prune-regrow,rigl,dense",
    );
    assert_eq!(trials.len(), 3 * 3 * 8, "eight seeds");
    let models = [("mnist", "lenet5"), ("cifar10", "resnet18"), ("glue/sst2", "bert-base")];
    for (dataset, model) in models {
        let own: Vec<_> = trials.iter().filter(|trial| trial.dataset == dataset).collect();
        assert_eq!(own.len(), 3 * 8, "{dataset}");
        for trial in own {
            assert_eq!(
                recipe(trial),
                format!(
                    "{dataset} {model} 50 epochs of 64, adam 0.001, momentum 0.9 nesterov false, \
                     constant x0.1 every 30 epochs, decay 0"
                )
            );
            let strategy = &trial.strategy;
            match trial.strategy_name() {
                "dense" => assert_eq!(trial.sparsity, 0.0),
                "rigl" => assert_eq!(strategy["drop_fraction"], 0.2),
                _ => {
                    assert_eq!(strategy["prune_rate"], 0.2);
                    assert_eq!(strategy["regrow_rate"], 0.2);
                }
            }
            if trial.strategy_name() != "dense" {
                assert_eq!((trial.sparsity, &strategy["interval"]), (0.5, &json!("10 epochs")));
            }
        }
    }
}

#[test]
fn plan_and_quick_need_no_files() {
    for grid in ["plan", "quick"] {
        let trials = trials(&format!("--grid {grid} --strategies dense"));
        assert_eq!(trials.len(), 8, "{grid}");
        assert!(trials.iter().all(|t| t.dataset == "mnist-10k" && t.model_name() == "lenet5"));
    }
}

#[test]
fn flags_win_over_the_strategies_of_a_grid() {
    let line = "--grid snfs-lenet5 --strategies set --sparsity 0.9,0.98 --epochs 2 --seeds 7";
    let trials = trials(line);
    let found: Vec<_> =
        trials.iter().map(|t| (t.strategy_name(), t.sparsity, t.training.epochs, t.seed)).collect();
    assert_eq!(found, [("set", 0.9, 2, 7), ("set", 0.98, 2, 7)]);
    let changed = self::trials("--grid snfs-lenet5 --set snfs.drop_fraction=0.2 --seeds 0");
    assert_eq!(changed[0].strategy["drop_fraction"], 0.2);
}

#[test]
fn a_sparsity_wins_over_the_costs_of_a_grid() {
    let sparsities = |line: &str| -> Vec<(f64, bool)> {
        let line = format!("--grid equal-inference-flops --strategies rigl --seeds 0 {line}");
        let grid = resolved(&line).unwrap().grid().unwrap();
        let chosen = grid.budgets.iter().map(|budget| budget.is_some());
        grid.trials.iter().map(|trial| trial.sparsity).zip(chosen).collect()
    };
    assert_eq!(sparsities(""), [(0.9, true)]);
    assert_eq!(sparsities("--sparsity 0.8"), [(0.8, false)]);
}
