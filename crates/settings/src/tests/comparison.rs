//! How strategies train each in their own way, and how they are compared.

use dst_analysis::{Margin, Multiplicity, PrimaryTest};

use super::*;

/// The learning rates of a grid, by data set and strategy, in the order of its trials.
fn rates(line: &str, file: &str) -> Vec<(String, String, f64)> {
    let grid = resolved(line, &[], file).unwrap().grid().unwrap();
    let rate = |trial: &TrialSpec| {
        let strategy = trial.strategy_name().to_owned();
        (trial.dataset.clone(), strategy, trial.training.learning_rate)
    };
    grid.trials.iter().map(rate).collect()
}

fn expected(list: &[(&str, &str, f64)]) -> Vec<(String, String, f64)> {
    list.iter().map(|(set, name, rate)| ((*set).to_owned(), (*name).to_owned(), *rate)).collect()
}

fn analysis(line: &str, file: &str) -> Analysis {
    resolved(line, &[], file).unwrap().grid().unwrap().analysis
}

const TWO: &str = "--strategies rigl,dense --seeds 0";

#[test]
fn a_strategy_may_train_in_its_own_way() {
    let line = format!("{TWO} --set rigl.training.learning_rate=0.01,0.1");
    let found = [("rigl", 0.01), ("dense", 0.004), ("rigl", 0.1)];
    let found = found.map(|(name, rate)| ("mnist-10k", name, rate));
    assert_eq!(rates(&line, ""), expected(&found));
    // The same in a file, and as a whole path.
    let file = "[strategy.rigl.training]\nlearning_rate = [0.01, 0.1]";
    assert_eq!(rates(TWO, file), expected(&found));
    let path = format!("{TWO} --set strategy.rigl.training.learning_rate=0.01,0.1");
    assert_eq!(rates(&path, ""), expected(&found));
    // Trials of strategies without own settings are the same trials as ever.
    let plain = trials(TWO);
    assert!(ids(&trials(&line)).contains(&plain[1].id()));
}

#[test]
fn the_special_wins_within_one_source_and_the_stronger_source_over_it() {
    let file = "[training]\nlearning_rate = 0.1\n\
                [dataset.'glue/rte'.training]\nlearning_rate = 0.2\n\
                [strategy.rigl.training]\nlearning_rate = 0.3";
    let line = "--strategies rigl,dense --seeds 0 --datasets mnist-10k,glue/rte";
    let found = [
        ("mnist-10k", "rigl", 0.3),
        ("mnist-10k", "dense", 0.1),
        ("glue/rte", "rigl", 0.3),
        ("glue/rte", "dense", 0.2),
    ];
    assert_eq!(rates(line, file), expected(&found));
    // What is typed for all wins over everything in the file.
    let all = rates(&format!("{line} --learning-rate 0.5"), file);
    assert!(all.iter().all(|(_, _, rate)| *rate == 0.5), "{all:?}");
    // What is typed for one data set would not reach RigL, and that is said.
    let typed = format!("{line} --set glue/rte.training.learning_rate=0.6");
    let error = resolved(&typed, &[], file).unwrap().grid().unwrap_err().to_string();
    assert!(
        error.starts_with(
            "--set glue/rte.training.learning_rate=0.6: dataset.\"glue/rte\".training.learning_rate \
             would not reach trials of rigl: "
        ),
        "{error}"
    );
    assert!(error.contains("set rigl.training.learning_rate here too"), "{error}");
    // Not of a strategy that is not there.
    let other = typed.replace("rigl,dense", "dense");
    assert_eq!(rates(&other, file)[1].2, 0.6);
    let both = format!("{typed} --set rigl.training.learning_rate=0.7");
    let found = [
        ("mnist-10k", "rigl", 0.7),
        ("mnist-10k", "dense", 0.1),
        ("glue/rte", "rigl", 0.7),
        ("glue/rte", "dense", 0.6),
    ];
    assert_eq!(rates(&both, file), expected(&found));
}

#[test]
fn a_star_is_every_strategy_that_is_not_named() {
    let file = "[strategy.'*'.training]\nlearning_rate = 0.1\n\
                [strategy.rigl.training]\nlearning_rate = 0.2";
    let line = "--strategies rigl,set,dense --seeds 0";
    let found = [("rigl", 0.2), ("set", 0.1), ("dense", 0.1)];
    assert_eq!(rates(line, file), expected(&found.map(|(name, rate)| ("mnist-10k", name, rate))));
    // A stronger star reaches what a weaker source named.
    let typed = rates(&format!("{line} --set *.training.learning_rate=0.4"), file);
    assert!(typed.iter().all(|(_, _, rate)| *rate == 0.4), "{typed:?}");
}

#[test]
fn mistakes_in_trainings_of_a_strategy_are_named() {
    for (set, message) in [
        ("rigl.training.learning_rat=1", "did you mean 'learning_rate'"),
        ("rigl.training.epochs=0", "epochs = 0 must be at least 1"),
        ("rgil.training.epochs=1", "did you mean 'rigl'"),
        ("set.training.epochs=1", "'set' is not part of this grid"),
        ("strategy.rgil.training.epochs=1", "did you mean 'rigl'"),
    ] {
        let error = error(&format!("{TWO} --set {set}"));
        assert!(error.starts_with(&format!("--set {set}: ")), "{error}");
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn choices_on_validation_are_known_from_the_settings() {
    for (line, file, tuned) in [
        (TWO, "", false),
        ("--strategies rigl,dense --seeds 0 --learning-rate 0.1,0.2", "", false),
        ("--strategies rigl,dense --seeds 0 --set rigl.drop_fraction=0.1,0.2", "", false),
        ("--strategies rigl,dense --seeds 0 --set rigl.training.learning_rate=0.1", "", false),
        ("--strategies rigl,dense --seeds 0 --set rigl.training.learning_rate=0.1,0.2", "", true),
        ("--strategies rigl,dense --seeds 0 --set dense.training.epochs=1,2", "", true),
        // The control has two sets of parameters.
        ("--strategies rigl,set --control set --set set.drop_fraction=0.1,0.2", "", true),
        // The control has two trainings, and RigL has neither of them.
        (
            "--strategies rigl,dense --learning-rate 0.1,0.2 --set rigl.training.learning_rate=0.3",
            "",
            true,
        ),
        // Somebody said so.
        (
            "--strategies rigl,dense --set rigl.training.learning_rate=0.1,0.2",
            "[analysis]\ntuned = false",
            false,
        ),
        (TWO, "[analysis]\ntuned = true", true),
    ] {
        assert_eq!(analysis(line, file).tuned, tuned, "{line} {file}");
    }
}

#[test]
fn printed_trainings_and_their_reason_are_read_back() {
    let line = format!("{TWO} --set rigl.training.learning_rate=0.01,0.1 --set analysis.looks=[1]");
    let first = resolved(&line, &[], "").unwrap();
    let text = first.to_toml().unwrap();
    for expected in [
        "[strategy.rigl.training]\nlearning_rate = [0.01, 0.1]",
        "# because strategy.rigl.training.learning_rate has several values",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let tuned = text.lines().find(|line| line.starts_with("tuned = ")).unwrap();
    assert!(tuned.starts_with("tuned = true "), "{tuned}");
    let again = resolved("", &[], &text).unwrap();
    assert_eq!(first.grid().unwrap(), again.grid().unwrap(), "{text}");
}

#[test]
fn the_analysis_has_flags() {
    let line = "--strategies rigl,dense --seeds 0..12 --margin 2% --test wilcoxon \
                --correction bonferroni --looks 6,12 --alpha 0.01";
    let resolved = resolved(line, &[], "").unwrap();
    let grid = resolved.grid().unwrap();
    resolved.check_looks(&grid).unwrap();
    assert_eq!(grid.analysis.margin, Margin::Relative(0.02));
    assert_eq!(grid.analysis.test, PrimaryTest::Wilcoxon);
    assert_eq!(grid.analysis.correction, Multiplicity::Bonferroni);
    assert_eq!(grid.analysis.looks, [6, 12]);
    assert_eq!(grid.analysis.alpha, 0.01);
    let environment = [("HARNESS_MARGIN", "2 %"), ("HARNESS_ALPHA", "0.1")];
    let set = super::resolved(TWO, &environment, "").unwrap().grid().unwrap().analysis;
    assert_eq!((set.margin, set.alpha), (Margin::Relative(0.02), 0.1));
    for (flags, message) in [
        ("--test wilcoxn", "--test: unknown test 'wilcoxn'\n  did you mean 'wilcoxon'"),
        ("--correction hlm", "--correction: unknown correction 'hlm'\n  did you mean 'holm'"),
        ("--looks 6,6", "--looks: analysis.looks = [6, 6] does not rise"),
        ("--looks six", "--looks: expected a whole number from 0 on, not 'six'"),
        ("--alpha 1e-300", "--alpha: analysis.alpha = 1e-300 is not in [1e-9, 0.5)"),
        ("--alpha 0.5", "--alpha: analysis.alpha = 0.5 is not in"),
        ("--margin half", "--margin: 'half' is no margin"),
        ("--margin 100%", "--margin: analysis.margin = 100 % is not in [0, 1)"),
    ] {
        let error = error(&format!("{TWO} {flags}"));
        assert!(error.starts_with(message), "{flags}: {error}");
    }
}

#[test]
fn the_last_look_is_at_all_seeds() {
    let refused = |line: &str, file: &str| {
        let resolved = resolved(line, &[], file).unwrap();
        resolved.check_looks(&resolved.grid().unwrap()).unwrap_err().to_string()
    };
    assert_eq!(
        refused("--strategies rigl,dense --seeds 0..8 --looks 6,12", ""),
        "--looks: the last of analysis.looks comes after 12 seeds, and the grid has 8\n  the last \
         look is that of all seeds: end the list with 8, or pass --seeds 0..12"
    );
    let error = refused("--strategies rigl,dense --seeds 0..8", "[analysis]\nlooks = [3, 6]");
    assert!(error.contains("grid.toml: the last of analysis.looks comes after 6 seeds"), "{error}");
}

#[test]
fn margins_and_accepted_collapses_are_of_data_sets_that_are_known() {
    let line = "--strategies dense --seeds 0 --datasets mnist-10k,glue/rte,glue/wnli";
    let set = format!(
        "{line} --set analysis.margins.glue/rte=0.02 --set analysis.margins.matthews=3% \
         --accept-collapse glue/wnli"
    );
    let file = "[analysis.margins]\n'glue/rte' = 0.5\nglue = 0.01\n'glue/cola' = 0.2";
    let found = analysis(&set, file);
    let margins: Vec<(&str, Margin)> =
        found.margins.iter().map(|(name, margin)| (name.as_str(), *margin)).collect();
    // Of the group only what is in the grid, and by name is stronger.
    assert_eq!(
        margins,
        [
            ("glue/rte", Margin::Absolute(0.02)),
            ("glue/wnli", Margin::Absolute(0.01)),
            ("matthews", Margin::Relative(0.03)),
        ]
    );
    assert_eq!(found.accept_collapse, ["glue/wnli"]);
    // A group stands for its members; several are one list.
    let group = analysis(&format!("{line} --accept-collapse glue,mnist-10k"), "");
    assert_eq!(group.accept_collapse, ["glue/rte", "glue/wnli", "mnist-10k"]);
    let set = analysis(&format!("{line} --set analysis.accept_collapse=glue/rte,glue/wnli"), "");
    assert_eq!(set.accept_collapse, ["glue/rte", "glue/wnli"]);
    // A table from a stronger source takes the place of entries of a weaker one.
    let whole = analysis(&format!("{line} --set analysis.margins={{\"glue/rte\"=0.1}}"), file);
    assert_eq!(whole.margins.len(), 1);
    for (flags, message) in [
        ("--set analysis.margins.glue/rt=0.1", "did you mean 'glue/rte'"),
        ("--set analysis.margins.mathews=0.1", "did you mean 'matthews'"),
        ("--set analysis.margins.glue/rte=-0.1", "analysis.margins.glue/rte = -0.1 is not in"),
        ("--set analysis.margins.mnist=0.1", "'mnist' is not part of this grid"),
        ("--set analysis.margin.mnist=0.1", "analysis.margin.mnist"),
        ("--set analysis.margns.mnist=0.1", "did you mean 'margins'"),
        ("--accept-collapse glue/wnl", "did you mean 'glue/wnli'"),
        ("--accept-collapse glue/cola", "'glue/cola' is not part of this grid"),
        ("--accept-collapse cifar10", "'cifar10' is not part of this grid"),
    ] {
        let error = error(&format!("{line} {flags}"));
        assert!(error.contains(message), "{flags}: {error}");
    }
    let text = resolved(&set_line(line), &[], file).unwrap().to_toml().unwrap();
    let again = resolved("", &[], &text).unwrap().grid().unwrap();
    assert_eq!(resolved(&set_line(line), &[], file).unwrap().grid().unwrap(), again, "{text}");
}

fn set_line(line: &str) -> String {
    format!("{line} --set analysis.margins.glue/rte=0.02 --accept-collapse glue/wnli --margin 2%")
}

/// Two spellings of one number are one condition, and the ids of numbers as people write them stay.
#[test]
fn a_sparsity_with_a_rounding_error_is_the_one_that_was_meant() {
    let file = "strategies = ['set', 'dense']\nsparsity = [0.3, 0.30000000000000004]\n\
                seeds = '0..3'\nmodels = ['mlp']";
    let grid = resolved("", &[], file).unwrap().grid().unwrap();
    assert_eq!(grid.trials.len(), 2 * 3);
    let typed = "--strategies set --models mlp --seeds 0 --epochs 1 --set training.learning_rate=";
    let (one, other) =
        (trials(&format!("{typed}0.3")), trials(&format!("{typed}0.30000000000000004")));
    assert_eq!(ids(&one), ids(&other));
    let golden = TrialSpec {
        dataset: "digits".to_owned(),
        dataset_options: serde_json::Map::new().into(),
        model: serde_json::json!({ "name": "mlp" }).into(),
        strategy: serde_json::json!({ "name": "set" }).into(),
        sparsity: axis::sparsities("0.30000000000000004").unwrap()[0].as_f64().unwrap(),
        training: dst_core::Training::default().into(),
        seed: 3,
    };
    assert_eq!(golden.id(), TrialSpec { sparsity: 0.3, ..golden.clone() }.id());
    assert_eq!(golden.id(), "f2e299ff3dd2f264");
}

#[test]
fn a_grid_file_in_another_encoding_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grid.toml");
    let wide: Vec<u8> = "strategies = ['rigl']".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, [&[0xFF, 0xFE], &wide[..]].concat()).unwrap();
    let error = ResolvedSettings::new(Some(&path), |_| None, CommandLine::new()).unwrap_err();
    assert_eq!(error.kind(), dst_core::ErrorKind::Usage);
    assert!(error.to_string().contains("grid.toml: this is UTF-16 text, not UTF-8"), "{error}");
    std::fs::write(&path, "\u{feff}strategies = ['rigl']").unwrap();
    assert!(ResolvedSettings::new(Some(&path), |_| None, CommandLine::new()).is_ok());
}
