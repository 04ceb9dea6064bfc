use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

// Linked, so that their plug-ins are known.
use dataset_cifar10 as _;
use dataset_glue as _;
use dataset_mnist as _;
use dst_analysis::Analysis;
use dst_core::record::TrialSpec;
use dst_core::{CowArc, Result};
use dst_models as _;
use strategy_dense as _;
use strategy_prune_regrow as _;
use strategy_rigl as _;
use strategy_set as _;
use strategy_snfs as _;

use crate::plain_key::plain;
use crate::setting::EVERY;
use crate::*;

mod budgets;
mod comparison;
mod components;
mod ids;
mod models;

/// What flags as those of `harness grid` set.
fn typed(line: &str) -> Result<CommandLine> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut typed = CommandLine::new();
    for pair in words.chunks(2) {
        let &[flag, text] = pair else { panic!("{flag} has no value", flag = pair[0]) };
        let key = flag.trim_start_matches('-').replace('-', "_");
        let is_short = |path: &&str| path.rsplit('.').next() == Some(&key);
        let analysis = ["test", "correction", "looks", "accept_collapse"];
        let paths = environment::SHORTCUTS.iter().map(|(path, _)| *path);
        match paths.into_iter().find(is_short) {
            _ if flag == "--set" => typed.set(text)?,
            Some(path) => typed.shortcut(flag, path, Some(text))?,
            None if analysis.contains(&&*key) => {
                typed.shortcut(flag, &format!("analysis.{key}"), Some(text))?;
            }
            None => typed.plain(flag, plain(&key).unwrap().name, Some(text))?,
        }
    }
    Ok(typed)
}

/// What a line of flags means, with an environment and a grid file.
fn resolved(line: &str, environment: &[(&str, &str)], file: &str) -> Result<ResolvedSettings> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grid.toml");
    std::fs::write(&path, file).unwrap();
    let environment = |name: &str| {
        environment.iter().find(|(key, _)| *key == name).map(|(_, text)| (*text).to_owned())
    };
    ResolvedSettings::new(Some(&path), environment, typed(line)?)
}

fn trials(line: &str) -> Vec<TrialSpec> {
    resolved(line, &[], "").unwrap().grid().unwrap().trials
}

fn error(line: &str) -> String {
    match resolved(line, &[], "").and_then(|resolved| resolved.grid()) {
        Ok(_) => panic!("'{line}' was accepted"),
        Err(error) => error.to_string(),
    }
}

fn ids(trials: &[TrialSpec]) -> BTreeSet<String> {
    trials.iter().map(TrialSpec::id).collect()
}

#[test]
fn axes_multiply_and_a_baseline_has_no_sparsity() {
    let trials = trials("--strategies rigl,dense --sparsity 0.5,0.9 --seeds 0..3");
    let names = |name| trials.iter().filter(move |trial| trial.strategy_name() == name);
    assert_eq!(names("rigl").count(), 6);
    assert_eq!(names("dense").count(), 3);
    assert!(names("dense").all(|trial| trial.sparsity == 0.0));
    let seeds: Vec<u64> = trials.iter().map(|trial| trial.seed).collect();
    assert_eq!(seeds, [0, 0, 0, 1, 1, 1, 2, 2, 2], "one seed is complete before the next");
}

/// 10,000 times 10,000 parameters are not made to be counted.
#[test]
fn a_grid_with_too_many_trials_is_refused_before_it_takes_memory() {
    let values: Vec<String> = (1..=10_000).map(|value| value.to_string()).collect();
    let values = values.join(",");
    let said = error(&format!(
        "--strategies rigl --seeds 0 --set rigl.interval={values} --set rigl.begin={values}"
    ));
    assert!(said.starts_with("the grid has more than 100000 trials"), "{said}");
    let said = error("--strategies rigl,set --seeds 0..50001");
    assert!(said.starts_with("the grid has more than 100000 trials"), "{said}");
}

/// What trials have in common is stored once, so that 100,000 of them fit into memory.
#[test]
fn trials_of_a_grid_share_what_they_have_in_common() {
    let trials = trials("--strategies rigl,set --seeds 0..50 --set rigl.drop_fraction=0.1,0.3");
    assert_eq!(trials.len(), 150);
    let stored = |part: fn(&TrialSpec) -> &CowArc<serde_json::Value>| {
        CowArc::stored(trials.iter().map(part)).len()
    };
    assert_eq!((stored(|spec| &spec.strategy), stored(|spec| &spec.model)), (3, 1));
    assert_eq!(CowArc::stored(trials.iter().map(|spec| &spec.training)).len(), 1);
}

#[test]
fn the_same_trial_typed_in_many_ways_is_one() {
    let one = trials("--strategies rigl --seeds 0");
    let same = trials(
        "--strategies rigl,rigl --seeds 0,0..1 --sparsity 0.9,.90 --set rigl.drop_fraction=0.3,3e-1",
    );
    assert_eq!(same.len(), 1);
    assert_eq!(ids(&one), ids(&same));
}

/// A parameter that came later is left out at its default: trials from before keep their ids.
#[test]
fn a_new_parameter_at_its_default_changes_no_trial() {
    let before = trials("--strategies rigl,set,snfs --seeds 0");
    assert!(before.iter().all(|trial| trial.strategy.get("start").is_none()));
    assert_eq!(
        ids(&before),
        ids(&trials("--strategies rigl,set,snfs --seeds 0 --set *.start=random"))
    );
    let started = trials("--strategies rigl --seeds 0 --set rigl.start=random,magnitude,snip");
    assert_eq!(started.len(), 3);
    assert_eq!(started[2].strategy["start"], "snip");
    let error = error("--strategies rigl --set rigl.start=magnitud");
    assert!(error.contains("did you mean 'magnitude'"), "{error}");
    let described = ParameterSet::strategy("rigl").unwrap().parameters();
    let start = described.iter().find(|parameter| parameter.name == "start").unwrap();
    assert_eq!(start.default, "random");
}

#[test]
fn parameters_of_strategies_models_and_training_are_axes() {
    let line = "--strategies rigl,set --models mlp --seeds 0 --set rigl.drop_fraction=0.1,0.5 \
                --set mlp.hidden=[300,100],[16] --set training.weight_decay=0,1e-4 --epochs 1";
    let trials = trials(line);
    assert_eq!(trials.len(), (2 + 1) * 2 * 2);
    let model = &trials.last().unwrap().model;
    assert_eq!(model["hidden"], serde_json::json!([16]));
    assert!(trials.iter().all(|trial| trial.training.epochs == 1));
}

#[test]
fn a_list_is_one_value_of_a_parameter_that_takes_lists() {
    let file = "strategies = 'dense'\nmodels = 'mlp'\nseeds = 0\n[model.mlp]\nhidden = [32, 16]";
    let grid = resolved("", &[], file).unwrap().grid().unwrap();
    assert_eq!(grid.trials.len(), 1);
    assert_eq!(grid.trials[0].model["hidden"], serde_json::json!([32, 16]));
    let axis = file.replace("[32, 16]", "[[32, 16], [8]]");
    assert_eq!(resolved("", &[], &axis).unwrap().grid().unwrap().trials.len(), 2);
}

#[test]
fn flags_win_over_the_environment_the_file_the_shipped_grid_and_defaults() {
    let file = "strategies = ['dense']\nseeds = [1]\n[training]\nepochs = 3\nbatch_size = 32";
    let environment = [("HARNESS_SEEDS", "2"), ("HARNESS_EPOCHS", "4")];
    let grid = resolved("--epochs 5", &environment, file).unwrap().grid().unwrap();
    let trial = &grid.trials[0];
    assert_eq!((trial.seed, trial.training.epochs, trial.training.batch_size), (2, 5, 32));
    assert_eq!(trial.dataset, "mnist-10k", "the shipped grid");
    assert_eq!(trial.training.settings()["momentum"], 0.9, "the default");
}

#[test]
fn a_shipped_grid_reaches_every_strategy_with_such_a_parameter() {
    let trials = trials("--strategies rigl,prune-regrow,dense --grid plan --seeds 0");
    let by_name = |name| trials.iter().find(|trial| trial.strategy_name() == name).unwrap();
    assert_eq!(by_name("rigl").strategy["interval"], "10 epochs");
    assert_eq!(by_name("rigl").strategy["drop_fraction"], 0.2);
    assert_eq!(by_name("prune-regrow").strategy["prune_rate"], 0.2);
    assert_eq!(by_name("prune-regrow").strategy["interval"], "10 epochs");
    assert_eq!(by_name("dense").training.epochs, 50);
    assert_eq!(by_name("rigl").sparsity, 0.5);
}

#[test]
fn one_setting_for_every_strategy_yields_to_one_by_name() {
    let file = "[strategy.'*']\ninterval = '7 steps'\n[strategy.rigl]\ninterval = '9 steps'";
    let line = "--strategies rigl,set --seeds 0";
    let grid = resolved(line, &[], file).unwrap().grid().unwrap();
    let intervals: Vec<_> =
        grid.trials.iter().map(|trial| trial.strategy["interval"].clone()).collect();
    assert_eq!(intervals, ["9 steps", "7 steps"]);
    let typed = resolved(&format!("{line} --set {EVERY}.interval=5"), &[], file).unwrap();
    let grid = typed.grid().unwrap();
    assert!(grid.trials.iter().all(|trial| trial.strategy["interval"] == "5 steps"));
}

#[test]
fn a_file_may_have_metrics_of_other_data_sets() {
    let file = "[analysis.metrics]\nmnist = 'f1-macro'\nmnist-10k = 'f1-macro'";
    let grid = resolved("--strategies dense --seeds 0", &[], file).unwrap().grid().unwrap();
    assert_eq!(grid.analysis.metrics.keys().collect::<Vec<_>>(), ["mnist-10k"]);
    let typo = resolved("--strategies dense", &[], &file.replace("mnist =", "mnits ="));
    let error = typo.unwrap().grid().unwrap_err().to_string();
    assert!(error.contains("analysis.metrics: unknown data set 'mnits'"), "{error}");
}

#[test]
fn a_data_set_may_train_in_its_own_way() {
    let file = "[training]\nepochs = 9\n[dataset.glue.training]\nlearning_rate = 0.1\n\
                [dataset.'glue/rte'.training]\nlearning_rate = [0.2, 0.3]";
    let line = "--strategies dense --seeds 0 --datasets mnist-10k,glue/rte,glue/mrpc";
    let rates = |line: &str| -> Vec<(String, f64, u32)> {
        let trials = resolved(line, &[], file).unwrap().grid().unwrap().trials;
        let rate =
            |trial: TrialSpec| (trial.dataset, trial.training.learning_rate, trial.training.epochs);
        trials.into_iter().map(rate).collect()
    };
    let expected = |list: &[(&str, f64, u32)]| -> Vec<(String, f64, u32)> {
        list.iter().map(|(name, rate, epochs)| ((*name).to_owned(), *rate, *epochs)).collect()
    };
    // The own epochs of GLUE yield to those of the file for all.
    let found = [("mnist-10k", 0.004, 9), ("glue/rte", 0.2, 9), ("glue/rte", 0.3, 9)];
    let found = [&found[..], &[("glue/mrpc", 0.1, 9)]].concat();
    assert_eq!(rates(line), expected(&found));
    // What is typed for all is stronger than what the file has for one, but not than what is typed
    // for one.
    let typed = format!("{line} --learning-rate 0.5 --set glue/rte.training.learning_rate=0.6");
    let found = [("mnist-10k", 0.5, 9), ("glue/rte", 0.6, 9), ("glue/mrpc", 0.5, 9)];
    assert_eq!(rates(&typed), expected(&found));
    let printed = resolved(line, &[], file).unwrap();
    let text = printed.to_toml().unwrap();
    let again = resolved("", &[], &text).unwrap();
    assert_eq!(printed.grid().unwrap(), again.grid().unwrap(), "{text}");
    // A group of which one member is in the grid, with a setting of its own.
    let both = "--strategies dense --seeds 0 --datasets glue/rte --set glue.training.epochs=5 \
                --set glue/rte.training.epochs=3";
    assert_eq!(trials(both)[0].training.epochs, 3);
    for (wrong, expected) in [
        ("glue/rte.training.learning_rat=1", "did you mean 'learning_rate'"),
        ("glue/rt.training.learning_rate=1", "did you mean 'glue/rte'"),
        ("glue/rte.training.epochs=0", "epochs = 0 must be at least 1"),
        ("glue/cola.training.epochs=1", "'glue/cola' is not part of this grid"),
    ] {
        let said = error(&format!("{line} --set {wrong}"));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn the_printed_settings_are_a_grid_file_for_the_same_trials() {
    let line = "--strategies rigl,set,dense --models mlp,lenet5 --sparsity 0.5,0.9 --seeds 0..2 \
                --set rigl.drop_fraction=0.1,0.3 --set mlp.hidden=[300,100],[16] --margin 0.01 \
                --set training.warmup=10 --store elsewhere";
    let first = resolved(line, &[], "").unwrap();
    let text = first.to_toml().unwrap();
    let again = resolved("", &[], &text).unwrap();
    assert_eq!(first.grid().unwrap(), again.grid().unwrap(), "{text}");
    let line = text.lines().find(|line| line.starts_with("drop_fraction")).unwrap();
    assert!(line.starts_with("drop_fraction = [0.1, 0.3] "), "{line}");
    assert!(line.ends_with("# --set rigl.drop_fraction=0.1,0.3"), "{line}");
}

#[test]
fn a_grid_that_ships_is_no_grid_file() {
    let typed = |name: &str| file::read(Path::new(name)).unwrap_err().to_string();
    let error = typed("quick");
    assert!(error.ends_with("did you mean --grid quick? it ships with the harness"), "{error}");
    assert!(!typed("mine.toml").contains("did you mean"), "{}", typed("mine.toml"));
}

#[test]
fn an_interval_that_somebody_chose_is_known() {
    let is_set = |line: &str, file: &str| resolved(line, &[], file).unwrap().sets_interval("set");
    assert!(
        !is_set("--strategies set", "") && !is_set("--strategies set --set rigl.interval=5", "")
    );
    assert!(is_set("--strategies set --set set.interval=5", ""));
    assert!(is_set("--strategies set,rigl --set *.interval=5%", ""));
    assert!(is_set("--strategies set", "[strategy.set]\ninterval = \"2 epochs\"\n"));
    // And stays so when it is printed and read back.
    for line in ["--strategies set", "--strategies set --set set.interval=5"] {
        let before = resolved(line, &[], "").unwrap();
        let text = before.to_toml().unwrap();
        let again = resolved("", &[], &text).unwrap();
        assert_eq!(again.sets_interval("set"), before.sets_interval("set"), "{text}");
        assert_eq!(again.grid().unwrap().trials, before.grid().unwrap().trials);
    }
}

#[test]
fn mistakes_are_named_with_their_place_and_the_nearest_name() {
    let cases = [
        ("--strategies rgil", "--strategies: unknown strategy 'rgil'\n  did you mean 'rigl'"),
        ("--strategies set --datasets minst", "--datasets: unknown data set 'minst'"),
        ("--strategies set --models lenet", "did you mean 'lenet5'"),
        ("--strategies set --grid quik", "--grid: unknown grid 'quik'"),
        ("--strategies set --grid ./my.toml", "did you mean --config ./my.toml?"),
        ("--strategies set --grid lab/my-grid", "did you mean --config lab/my-grid?"),
        ("--strategies set --device gpu", "--device: unknown device 'gpu'"),
        ("--strategies set --sparsity 1", "--sparsity: sparsity 1 is not in [0, 1)"),
        ("--strategies set --sparsity -0.1", "--sparsity: sparsity -0.1 is not in [0, 1)"),
        ("--strategies set --sparsity NaN", "--sparsity: sparsity NaN is not in [0, 1)"),
        ("--strategies set --seeds 0..0", "the range of seeds 0..0 is empty"),
        ("--strategies set --set set.drop_fracton=0.1", "did you mean 'drop_fraction'"),
        ("--strategies set --set set.drop=magnitud", "did you mean 'magnitude'"),
        ("--strategies set --set set.drop_fraction=1.5", "drop_fraction = 1.5 is not in [0, 1]"),
        ("--strategies set --set set.drop_fraction=x", "expected a number, not 'x'"),
        ("--strategies set --set sat.drop_fraction=0.1", "did you mean 'set'"),
        ("--strategies set --set rigl.drop_fraction=0.1", "'rigl' is not part of this grid"),
        ("--strategies set --set training.epoch=1", "did you mean 'epochs'"),
        ("--strategies set --epochs 0", "--epochs: epochs = 0 must be at least 1"),
        ("--strategies set --margin -1", "--margin: analysis.margin = -1 is not in [0, 1)"),
        ("--strategies set --control desne", "--control: unknown strategy 'desne'"),
        ("--strategies set --margin 0.1,0.2", "analysis.margin takes one value"),
        ("--seeds 0", "the grid is empty: no strategy is named"),
        ("--strategies set --timeout soon", "--timeout: 'soon' is not a duration"),
        ("--strategies set --jobs 0", "--jobs: '0' is not a whole number from 1 on"),
    ];
    for (line, expected) in cases {
        let error = error(line);
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn a_file_names_itself_in_its_mistakes() {
    for (file, expected) in [
        ("sparsty = 0.5", "did you mean 'sparsity'"),
        ("[strategy.sett]\ndrop_fraction = 0.1", "did you mean 'set'"),
        ("[strategy.set]\ndrop_fraction = 2", "strategy.set.drop_fraction: set: drop_fraction = 2"),
        ("[strategy.rigl]\nintervall = 2", "did you mean 'interval'"),
        ("[strategy.'*']\nintervall = 2", "did you mean 'interval'"),
        ("[model.mlp]\nhiden = [1]", "did you mean 'hidden'"),
        ("[training]\nepochs = []", "epochs has no value"),
        ("sparsity = 1.5", "sparsity 1.5 is not in [0, 1)"),
        ("jobs = 'many'", "'many' is not a whole number"),
        ("seeds = []", "no seed is named"),
        ("=", "line 1: "),
    ] {
        let error = resolved("--strategies set", &[], file)
            .and_then(|resolved| resolved.grid())
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{file}: {error}");
        let named = error.contains("grid.toml") || file == "seeds = []";
        assert!(named, "{file}: {error}");
    }
}

#[test]
fn cores_are_shared_between_jobs_and_threads() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let execution = |line| resolved(line, &[], "").unwrap().execution().unwrap();
    let both = |line| (execution(line).jobs, execution(line).threads);
    assert_eq!(both(""), (cores, 1));
    assert_eq!(both("--jobs 1"), (1, 1), "as many threads whatever else runs");
    assert_eq!(both("--threads 1000"), (1, 1000));
    assert_eq!(both("--jobs 3 --threads 2"), (3, 2));
    assert_eq!(execution("--timeout 2m").timeout, Some(Duration::from_secs(120)));
    assert_eq!(execution("").store, PathBuf::from(DEFAULT_STORE));
}

#[test]
fn a_precision_belongs_to_a_trial_and_its_default_leaves_the_id() {
    let line = "--strategies dense --seeds 0";
    let plain = trials(line);
    assert_eq!(ids(&plain), ids(&trials(&format!("{line} --precision f32"))));
    let both = trials(&format!("{line} --precision f32,bf16"));
    assert_eq!(both.len(), 2);
    assert!(ids(&both).is_superset(&ids(&plain)));
    let set = |environment: &[(&str, &str)], file: &str| {
        let resolved = resolved(line, environment, file).unwrap();
        resolved.grid().unwrap().trials[0].training.precision.to_string()
    };
    let file = "[training]\nprecision = \"bf16\"";
    assert_eq!(set(&[("HARNESS_PRECISION", "bf16")], ""), "bf16");
    assert_eq!(set(&[], file), "bf16");
    assert_eq!(set(&[("HARNESS_PRECISION", "f32")], file), "f32");
}

#[test]
fn a_precision_that_is_unknown_or_not_there_is_refused() {
    assert_eq!(
        error("--strategies dense --precision bf61"),
        "--precision: unknown precision 'bf61'\n  did you mean 'bf16'? known: f32, tf32, bf16"
    );
    assert_eq!(
        error("--strategies dense --precision tf32"),
        "--precision: precision tf32 needs an NVIDIA accelerator, and the device is cpu\n  \
         pass --device cuda, or --precision f32 or bf16"
    );
    let absent = error("--strategies dense --device cuda:999");
    assert!(absent.starts_with("--device: device cuda:999 is not there"), "{absent}");
}

#[test]
fn options_of_data_sets_are_axes_and_defaults_are_no_options() {
    let line = "--strategies dense --datasets mnist-10k,glue/rte --seeds 0";
    let plain = trials(line);
    let set = "--set mnist-10k.rotation=0,15 --set glue/rte.train_samples=100";
    let trials = trials(&format!("{line} {set}"));
    let labels: Vec<String> = trials.iter().map(TrialSpec::dataset_label).collect();
    assert_eq!(labels, ["mnist-10k", "mnist-10k [rotation=15]", "glue/rte [train_samples=100]"]);
    assert_eq!(trials[0].id(), plain[0].id(), "no rotation is the default");
    let typed = |value| self::trials(&format!("{line} --set mnist-10k.rotation={value}"));
    assert_eq!(ids(&typed("15")), ids(&typed("15.0")));
}

#[test]
fn a_group_stands_for_its_data_sets() {
    let line = "--strategies dense --models bert-tiny --seeds 0";
    let all = trials(&format!("{line} --datasets glue,glue/rte"));
    assert_eq!(all.len(), 10);
    let file = "[dataset.glue]\nmax_length = 64\n[dataset.'glue/rte']\nmax_length = 32";
    let set = resolved(&format!("{line} --datasets glue/rte,glue/cola"), &[], file).unwrap();
    let labels: Vec<String> =
        set.grid().unwrap().trials.iter().map(TrialSpec::dataset_label).collect();
    assert_eq!(labels, ["glue/rte [max_length=32]", "glue/cola [max_length=64]"]);
    // Of what was typed for a group, one member in the grid is enough.
    let typed = trials(&format!("{line} --datasets glue/rte --set glue.max_length=64"));
    assert_eq!(typed[0].dataset_options["max_length"], 64);
    let none = error("--strategies dense --datasets mnist-10k --set glue.max_length=64");
    assert!(none.contains("is not part of this grid"), "{none}");
}

#[test]
fn mistakes_in_options_of_data_sets_are_named() {
    let line = "--strategies dense --datasets mnist-10k";
    for (set, message) in [
        ("mnist-10k.rotaton=15", "did you mean 'rotation'"),
        ("mnist-10k.rotation=200", "rotation = 200 is not from 0 to 180 degrees"),
        ("mnist-10k.train_samples=many", "expected a whole number from 0 on, not 'many'"),
        ("dataset.mnist-10.rotation=15", "unknown data set 'mnist-10'"),
        ("mnist-1k.rotation=15", "did you mean 'mnist-10k'"),
        ("mnist.rotation=15", "'mnist' is not part of this grid"),
    ] {
        let error = error(&format!("{line} --set {set}"));
        assert!(error.starts_with(&format!("--set {set}: ")), "{error}");
        assert!(error.contains(message), "{error}");
    }
    assert!(error("--strategies dense --datasets gleu").contains("did you mean 'glue'"));
}

#[test]
fn printed_options_of_data_sets_are_read_back() {
    let line = "--strategies dense --datasets mnist-10k,glue/rte \
                --set mnist-10k.rotation=0,15 --set glue/rte.max_length=64 --models bert-tiny";
    let resolved = resolved(line, &[], "").unwrap();
    let text = resolved.to_toml().unwrap();
    let entry = format!("{:40}  # --set mnist-10k.rotation=0,15", "rotation = [0, 15]");
    for expected in ["[dataset.mnist-10k]", &entry, "[dataset.\"glue/rte\"]", "flip = false"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let again = super::tests::resolved("", &[], &text).unwrap();
    assert_eq!(resolved.grid().unwrap().trials, again.grid().unwrap().trials);
}

#[test]
fn whoever_describes_jobs_of_a_cluster_means_a_cluster() {
    let place = |line: &str, environment: &[(&str, &str)], file: &str| {
        resolved(line, environment, file).unwrap().execution().unwrap().place
    };
    assert_eq!(place("", &[], ""), Place::Local);
    let described = |text: &str| {
        let mut settings = dst_executor::slurm::SlurmSettings::default();
        settings.add(text).unwrap();
        Place::Slurm(settings)
    };
    let options = "partition=cpu,time=2:00:00,setup=module load a, b";
    let expected = described(options);
    let file = "slurm = [\"partition=cpu\", \"time=2:00:00\", \"setup=module load a, b\"]";
    assert_eq!(place("", &[], file), expected);
    assert_eq!(place("", &[("HARNESS_SLURM", options)], ""), expected);
    assert_eq!(place("--slurm time=1", &[("HARNESS_SLURM", options)], file), described("time=1"));
    assert_eq!(place("--executor local", &[], file), Place::Local);
    assert!(matches!(place("--executor slurm", &[], ""), Place::Slurm(_)));
}

#[test]
fn a_node_of_a_cluster_is_not_this_machine() {
    let execution = |line: &str| resolved(line, &[], "").unwrap().execution();
    let there = execution("--executor slurm --device cuda:3 --threads 4").unwrap();
    assert_eq!((there.jobs, there.threads), (1, 4));
    assert!(dst_core::device::is_accelerator(there.device().unwrap()));
    assert_eq!(execution("--executor slurm").unwrap().jobs, 1, "however many cores are here");
    let error = execution("--executor slurm --device auto").unwrap_err().to_string();
    assert!(error.contains("--device: which device a node has is not known here"), "{error}");
    let error = execution("--slurm array=3").unwrap_err().to_string();
    assert!(error.contains("--slurm: slurm.array: this cannot be chosen"), "{error}");
}
