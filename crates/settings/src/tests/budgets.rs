//! Grids at equal cost, before sparsities and epochs are chosen.

use dst_analysis::Budget;

use super::*;

const LINE: &str = "--strategies rigl,dense --seeds 0..2";

fn budgeted(line: &str, file: &str) -> Vec<(&'static str, f64, Budget)> {
    let grid = resolved(&format!("{LINE} {line}"), &[], file).unwrap().grid().unwrap();
    assert_eq!(grid.trials.len(), grid.budgets.len());
    let first = grid.trials.iter().zip(&grid.budgets).filter(|(spec, _)| spec.seed == 0);
    let name = |spec: &TrialSpec| if spec.strategy_name() == "rigl" { "rigl" } else { "dense" };
    first.map(|(spec, budget)| (name(spec), spec.sparsity, *budget)).collect()
}

#[test]
fn shares_are_an_axis_of_all_but_the_baseline() {
    let inference = |share| Budget { inference: Some(share), training: None };
    let dense = ("dense", 0.0, Budget::default());
    assert_eq!(
        budgeted("--inference-flops 10%,0.05", ""),
        [("rigl", 0.9, inference(0.1)), ("rigl", 0.95, inference(0.05)), dense]
    );
    let training = |share| Budget { inference: None, training: Some(share) };
    assert_eq!(
        budgeted("--sparsity 0.9 --training-flops 50%,200%", ""),
        [("rigl", 0.9, training(0.5)), ("rigl", 0.9, training(2.0)), dense]
    );
    assert_eq!(budgeted("--sparsity 0.9", ""), [("rigl", 0.9, Budget::default()), dense]);
}

#[test]
fn the_strongest_source_says_how_sparse_networks_are() {
    let sparsities = |line: &str, file: &str| -> Vec<(f64, bool)> {
        let all = budgeted(line, file).into_iter().filter(|(name, ..)| *name == "rigl");
        all.map(|(_, sparsity, budget)| (sparsity, budget.is_some())).collect()
    };
    let file = "inference_flops = 0.1";
    assert_eq!(sparsities("", file), [(0.9, true)]);
    assert_eq!(sparsities("--sparsity 0.8", file), [(0.8, false)]);
    assert_eq!(sparsities("--grid plan --inference-flops 20%", ""), [(0.8, true)]);
    let both = error(&format!("{LINE} --sparsity 0.9 --inference-flops 10%"));
    assert!(both.contains("inference_flops and sparsity are both set"), "{both}");
    assert!(both.contains("inference_flops chooses the sparsity"), "{both}");
    for (text, said) in
        [("0", "is not in (0, 1)"), ("100%", "is not in (0, 1)"), ("much", "not a number")]
    {
        let error = error(&format!("{LINE} --inference-flops {text}"));
        assert!(error.starts_with("--inference-flops") && error.contains(said), "{error}");
    }
}

#[test]
fn budgets_are_printed_as_they_are_read() {
    let file = "inference_flops = [0.1, \"5%\"]\ntraining_flops = \"100%\"";
    let resolved = resolved(LINE, &[], file).unwrap();
    let printed = resolved.to_toml().unwrap();
    assert!(printed.contains("inference_flops = [0.1, 0.05]"), "{printed}");
    assert!(printed.contains("# sparsity = chosen for inference_flops"), "{printed}");
    let again = super::resolved("", &[], &printed).unwrap().grid().unwrap();
    let grid = resolved.grid().unwrap();
    assert_eq!((again.trials, again.budgets), (grid.trials, grid.budgets));
}
