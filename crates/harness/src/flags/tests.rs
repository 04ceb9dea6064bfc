use dst_core::record::TrialSpec;
use dst_settings::ResolvedSettings;

use super::*;
use crate::cli::{Cli, Command};

mod shipped;

/// What `harness grid …` means, whatever the environment.
fn resolved(line: &str) -> Result<ResolvedSettings> {
    let words = ["harness", "grid"].into_iter().chain(line.split_whitespace());
    let typed = <Cli as clap::Parser>::try_parse_from(words).expect("clap accepts the line");
    let Command::Grid(args) = typed.command else { panic!("not a grid") };
    ResolvedSettings::new(None, |_| None, grid(&args)?)
}

fn trials(line: &str) -> Vec<TrialSpec> {
    resolved(line).unwrap().grid().unwrap().trials
}

/// Each flag reaches the key that it is called by, and says so.
#[test]
fn printed_settings_name_the_flags_they_came_from() {
    let flags = [
        ("--strategies", "set"),
        ("--datasets", "mnist-10k"),
        ("--models", "mlp"),
        ("--sparsity", "0.5"),
        ("--training-flops", "0.5"),
        ("--seeds", "0..8"),
        ("--jobs", "1"),
        ("--timeout", "2h"),
        ("--keep", "all"),
        ("--executor", "slurm"),
        ("--slurm", "partition=gpu,time=4:00:00"),
        ("--store", "elsewhere"),
        ("--data-dir", "data"),
        ("--hub-revision", "next"),
        ("--device", "cpu"),
        ("--threads", "1"),
        ("--margin", "0.02"),
        ("--alpha", "0.01"),
        ("--control", "set"),
        ("--test", "wilcoxon"),
        ("--correction", "holm"),
        ("--looks", "6,8"),
        ("--accept-collapse", "mnist-10k"),
        ("--grid", "quick"),
        ("--epochs", "2"),
        ("--batch-size", "32"),
        ("--learning-rate", "0.1"),
        ("--precision", "f32"),
        ("--backend", "masked"),
        ("--optimizer", "sgd"),
        ("--schedule", "constant"),
    ];
    let line: Vec<String> = flags.iter().map(|(flag, text)| format!("{flag} {text}")).collect();
    let printed = resolved(&line.join(" ")).unwrap().to_toml().unwrap();
    for (flag, _) in flags {
        // The name of a component is that of its table.
        let key = flag.trim_start_matches('-').replace('-', "_");
        let key = key.replace("optimizer", "optimizer.name").replace("schedule", "schedule.name");
        let says = |line: &str| {
            line.starts_with(&format!("{key} = ")) && line.ends_with(&format!("  # {flag}"))
        };
        assert!(printed.lines().any(says), "{flag}: {printed}");
    }
}

#[test]
fn a_flag_and_a_setting_of_its_key_contradict_each_other() {
    let error = resolved("--epochs 2 --set training.epochs=3").unwrap_err().to_string();
    assert!(error.starts_with("--epochs and --set training.epochs=3: "), "{error}");
    assert!(error.contains("training.epochs is set twice"), "{error}");
}
