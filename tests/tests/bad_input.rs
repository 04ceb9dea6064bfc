//! What a user can get wrong: a sentence that says what to do, the documented exit code, and
//! nothing trained.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use end_to_end::{Sandbox, TINY, said};

const USAGE: i32 = 2;
const DATA: i32 = 3;
const IO: i32 = 4;

/// Checks that the command is refused with this code and a message that holds all of `expected`,
/// and that nothing was trained.
#[track_caller]
fn refused(line: &str, code: i32, expected: &[&str]) {
    let sandbox = Sandbox::new();
    let message = sandbox.run(line).refused(code);
    for part in expected {
        assert!(message.contains(part), "{line}: '{part}' is not in: {message}");
    }
    assert!(sandbox.results().is_empty(), "{line}: trained");
}

#[test]
fn unknown_names_are_met_with_the_nearest() {
    let near = |name: &'static str| format!("did you mean '{name}'");
    for (line, unknown, nearest) in [
        ("grid --strategies rgil,dense", "unknown strategy 'rgil'", near("rigl")),
        ("grid --strategies set --datasets mnist-1k", "unknown data set", near("mnist-10k")),
        ("grid --strategies set --models lenet", "unknown model 'lenet'", near("lenet5")),
        (
            "grid --strategies set --set set.dropfraction=1",
            "unknown parameter",
            near("drop_fraction"),
        ),
        ("grid --strategies set --set set.drop=magnitud", "unknown drop", near("magnitude")),
        ("grid --strategies set --set training.optimizer=adan", "unknown optimizer", near("adam")),
        ("grid --strategies set --set tarining.epochs=1", "unknown prefix", near("training")),
        ("grid --strategies set --grid quik", "unknown grid 'quik'", near("quick")),
        ("grid --strategies set --device cup", "unknown device 'cup'", near("cpu")),
        ("grid --strategies set --control dens", "unknown strategy 'dens'", near("dense")),
        ("describe rgil", "unknown name 'rgil'", near("rigl")),
        ("run --strategy rgil", "unknown strategy 'rgil'", near("rigl")),
    ] {
        refused(line, USAGE, &[unknown, &nearest]);
    }
    let file = "did you mean file:net.toml?";
    refused("grid --strategies set --models net.toml", USAGE, &["unknown model", file]);
    let whole = "expected a whole number from 0 on, not 'abc'";
    refused("grid --strategies set --set mnist-10k.train_samples=abc", USAGE, &[whole]);
    refused("grid --strategies set --seeds 5..2", USAGE, &["5..2 is empty", "such as 2..5"]);
    refused("grid --stratgies set", USAGE, &["--stratgies", "--strategies"]);
    refused("gird", USAGE, &["gird", "grid"]);
    refused("list strategie", USAGE, &["strategie", "strategies"]);
}

#[test]
fn a_metric_that_no_prediction_has_is_refused_before_training() {
    for (metrics, expected) in [
        ("{\"mnist-10k\"=\"pearson\"}", "mnist-10k has no Pearson correlation"),
        ("{\"mnist\"=\"accuracy\"}", "'mnist' is not part of this grid"),
        ("{\"mnits\"=\"accuracy\"}", "did you mean 'mnist'"),
    ] {
        let line = format!("grid --strategies set {TINY} --set analysis.metrics={metrics}");
        refused(&line, USAGE, &["analysis.metrics", expected]);
    }
}

#[test]
fn an_analysis_that_does_not_fit_the_grid_is_refused_before_training() {
    for (flags, expected) in [
        ("--alpha 1e-300", "--alpha: analysis.alpha = 1e-300 is not in [1e-9, 0.5)"),
        ("--looks 6,12", "--looks: the last of analysis.looks comes after 12 seeds"),
        ("--test t", "--test: unknown test 't'"),
        ("--correction hollm", "did you mean 'holm'"),
        ("--accept-collapse glue/wnli", "'glue/wnli' is not part of this grid"),
        ("--set analysis.margins.mnist-1k=0.1", "did you mean 'mnist-10k'"),
        ("--margin two%", "'two%' is no margin"),
    ] {
        refused(&format!("grid --strategies set,dense {TINY} {flags}"), USAGE, &[expected]);
    }
}

/// Editors of Windows write UTF-16, and older ones Windows-1252.
#[test]
fn a_grid_file_in_another_encoding_is_refused_with_the_way_out() {
    let text = "strategies = [\"rigl\", \"dense\"]\n# dr\u{f4}le";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let narrow: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
    for (bytes, expected) in [
        ([&[0xFF, 0xFE], &wide[..]].concat(), "grid.toml: this is UTF-16 text, not UTF-8"),
        (narrow, "grid.toml: line 2: this is not UTF-8: byte 0xF4"),
    ] {
        let sandbox = Sandbox::new();
        fs::write(sandbox.path("grid.toml"), bytes).unwrap();
        let message = sandbox.run("grid --config grid.toml").refused(USAGE);
        assert!(message.contains(expected), "{message}");
        assert!(message.contains("iconv -f "), "{message}");
    }
}

#[test]
fn a_dry_run_refuses_the_folder_that_a_grid_would() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("thesis")).unwrap();
    fs::write(sandbox.path("thesis/chapter.txt"), "").unwrap();
    let line = format!("grid --strategies set {TINY} --store thesis");
    for line in [format!("{line} --dry-run"), line] {
        let message = sandbox.run(&line).refused(USAGE);
        assert!(message.contains("is not a run store and not empty: it holds chapter.txt"));
    }
}

#[test]
fn unknown_keys_in_a_file_are_met_with_the_nearest() {
    let sandbox = Sandbox::new();
    for (text, expected) in [
        ("sparsty = 0.5", "did you mean 'sparsity'"),
        ("[training]\nepoch = 5", "did you mean 'epochs'"),
        ("[strategy.set]\ndrop_fracton = 0.1", "did you mean 'drop_fraction'"),
        ("[strategy.sett]\ndrop_fraction = 0.1", "did you mean 'set'"),
        ("epochs = = 5", "line 1"),
    ] {
        fs::write(sandbox.path("grid.toml"), text).unwrap();
        let message = sandbox.run("grid --strategies set --config grid.toml").refused(USAGE);
        assert!(message.contains("grid.toml") && message.contains(expected), "{message}");
    }
    let message = sandbox.run("grid --strategies set --config absent.toml").refused(IO);
    assert!(message.contains("absent.toml"), "{message}");
}

#[test]
fn a_sparsity_outside_its_range_is_refused_and_zero_is_dense() {
    for sparsity in ["1", "1.5", "-0.1", "NaN", "inf", "ninety"] {
        let line = format!("grid --strategies set {TINY} --sparsity {sparsity}");
        refused(&line, USAGE, &["--sparsity", sparsity]);
    }
    let sandbox = Sandbox::new();
    let line = format!("grid --strategies set {TINY} --sparsity 0 --json");
    let said = sandbox.run(&line).well();
    let result: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    let outcome = &result["trials"][0]["outcome"];
    assert_eq!(outcome["sparsity_prunable"], 0.0);
    assert_eq!(outcome["nonzero_parameters"], outcome["total_parameters"]);
}

#[test]
fn values_out_of_range_are_refused() {
    for (extra, expected) in [
        ("--set set.drop_fraction=1.5", "drop_fraction = 1.5 is not in [0, 1]"),
        ("--set training.learning_rate=-1", "learning_rate = -1 must be more than 0"),
        ("--batch-size 0", "batch_size = 0 must be at least 1"),
        ("--alpha 1", "alpha = 1.0 is not in"),
        ("--jobs 0", "not a whole number from 1 on"),
        ("--timeout soon", "not a duration"),
        ("--set mlp.hidden=[0]", "hidden"),
        ("--set mlp.hidden=wide", "hidden"),
    ] {
        let line = format!("grid --strategies set --models mlp --seeds 0 {extra}");
        refused(&line, USAGE, &[expected]);
    }
}

#[test]
fn an_impossible_budget_is_refused_before_training() {
    let line = format!("grid --strategies set {TINY} --sparsity 0.9999");
    refused(&line, USAGE, &["sparsity 0.9999", "fewer than one for each of 2 layers"]);
}

#[test]
fn an_empty_grid_is_refused() {
    refused("grid", USAGE, &["the grid is empty", "--strategies", "dense"]);
    refused("grid --strategies set --seeds 3..3", USAGE, &["3..3 is empty"]);
    refused("grid --strategies ,", USAGE, &["the grid is empty"]);
}

#[test]
fn missing_data_lists_every_place() {
    refused("grid --strategies set --datasets mnist", DATA, &["--data-dir", "HARNESS_DATA"]);
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("data")).unwrap();
    let message =
        sandbox.run("grid --strategies set --datasets mnist --data-dir data").refused(DATA);
    for place in
        ["data/mnist/train-images-idx3-ubyte", "data/train-images-idx3-ubyte.gz", "looked at"]
    {
        assert!(message.contains(place), "{message}");
    }
}

/// Four files by the names of MNIST's; only the first is read before it is refused.
fn idx(folder: &Path, images: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    for name in ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"] {
        fs::write(folder.join(name), b"").unwrap();
    }
}

fn header(magic: u32, count: u32) -> Vec<u8> {
    [magic, count, 28, 28].iter().flat_map(|number| number.to_be_bytes()).collect()
}

#[test]
fn damaged_data_is_refused() {
    let gzip = {
        // A whole gzip header, then a block type that does not exist.
        let mut bytes = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
        bytes.extend([0xff; 64]);
        bytes
    };
    let mut truncated = header(0x0803, 60_000);
    truncated.extend([7; 1000]);
    for (images, expected) in [
        (truncated, "1016"),
        (header(0x0801, 60_000), "0x00000801"),
        (header(0x0803, 59_999), "59999 images"),
        (gzip, "train-images-idx3-ubyte"),
        (Vec::new(), "train-images-idx3-ubyte"),
    ] {
        let sandbox = Sandbox::new();
        idx(&sandbox.path("data/mnist"), &images);
        let line = "grid --strategies set --datasets mnist --data-dir data";
        let message = sandbox.run(line).refused(DATA);
        assert!(message.contains("train-images-idx3-ubyte"), "{message}");
        assert!(message.contains(expected), "{expected} is not in: {message}");
        assert!(sandbox.results().is_empty());
    }
}

/// What a store keeps is not written over, and a link is followed.
#[test]
fn exports_and_reports_spare_what_a_store_needs() {
    let sandbox = Sandbox::new();
    let _ = sandbox.run(&format!("grid --strategies set {TINY} --keep all --no-report")).well();
    let id = sandbox.results().keys().next().unwrap().clone();
    let before = sandbox.results();
    for out in [format!("runs/{id}/result.json"), "runs/grids/new.json".to_owned()] {
        let said = sandbox.run(&format!("export {id} --out {out}")).refused(USAGE);
        assert!(said.contains("this is a place of the store"), "{said}");
    }
    for out in ["runs/grids".to_owned(), format!("runs/{id}/report"), "runs".to_owned()] {
        let said = sandbox.run(&format!("report --out {out}")).refused(USAGE);
        assert!(said.contains("--out: ") && said.contains("store"), "{said}");
    }
    assert_eq!(sandbox.results(), before);
    let _ = sandbox.run("store verify").well();
    std::os::unix::fs::symlink("target.safetensors", sandbox.path("link")).unwrap();
    let _ = sandbox.run(&format!("export {id} --out link")).well();
    assert!(sandbox.path("target.safetensors").is_file());
    assert!(sandbox.path("link").is_symlink());
}

/// A link to nothing in the place of a result is damage, which is said before anything is trained.
#[test]
fn what_stands_in_the_way_of_a_result_is_named() {
    let sandbox = Sandbox::new();
    let line = format!("grid --strategies set {TINY} --no-report");
    let _ = sandbox.run(&line).well();
    let id = sandbox.results().keys().next().unwrap().clone();
    let result = sandbox.path(&format!("runs/{id}/result.json"));
    fs::remove_file(&result).unwrap();
    std::os::unix::fs::symlink("/nowhere", &result).unwrap();
    let said = sandbox.run("store verify");
    assert_eq!(said.code, Some(3), "{said:?}");
    assert!(said.stdout.contains("a link to nothing"), "{said:?}");
    let _ = sandbox.run(&line).well();
    assert!(sandbox.results().contains_key(&id));

    fs::remove_dir_all(sandbox.path(&format!("runs/{id}"))).unwrap();
    fs::write(sandbox.path(&format!("runs/{id}")), "").unwrap();
    let said = sandbox.run(&line);
    assert!(said.stderr.contains("store repair"), "{said:?}");
    let _ = sandbox.run("store repair").well();
    let _ = sandbox.run(&line).well();
    assert!(sandbox.results().contains_key(&id));
}

#[test]
fn places_that_cannot_be_written_are_refused_before_training() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("file"), "mine").unwrap();
    let line = format!("grid --strategies set {TINY}");
    let message = sandbox.run(&format!("{line} --store file")).refused(USAGE);
    assert!(message.contains("file"), "{message}");
    assert_eq!(fs::read(sandbox.path("file")).unwrap(), b"mine");
    let message = sandbox.run(&format!("{line} --store /proc/runs")).refused(IO);
    assert!(message.contains("/proc/runs"), "{message}");
    fs::create_dir(sandbox.path("other")).unwrap();
    fs::write(sandbox.path("other/thesis.tex"), "").unwrap();
    let message = sandbox.run(&format!("{line} --store other")).refused(USAGE);
    assert!(message.contains("thesis.tex"), "{message}");
    // A file where the report should go.
    fs::create_dir(sandbox.path("runs")).unwrap();
    fs::write(sandbox.path("runs/store.json"), "{\"format\": 1}").unwrap();
    fs::write(sandbox.path("runs/report"), "").unwrap();
    let message = sandbox.run(&line).refused(IO);
    assert!(message.contains("runs/report"), "{message}");
    assert!(sandbox.results().is_empty());
}

#[test]
fn a_full_disk_leaves_no_partial_result() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&format!("grid --strategies set {TINY} --jobs 1"));
    // Files may grow to 4 kB: specifications fit, checkpoints do not.
    let limit = || {
        // SAFETY: both calls are async-signal-safe and only concern this process.
        unsafe {
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            let limit = libc::rlimit { rlim_cur: 4096, rlim_max: 4096 };
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit);
        }
        Ok(())
    };
    // SAFETY: the closure calls only async-signal-safe functions and allocates nothing.
    unsafe {
        command.pre_exec(limit);
    }
    let message = said(&mut command).refused(IO);
    assert!(message.contains("cannot write"), "{message}");
    assert!(sandbox.results().is_empty());
    let said = sandbox.run(&format!("grid --strategies set {TINY}")).well();
    assert_eq!(sandbox.results().len(), 2, "{}", said.stderr);
}

#[test]
fn output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_not() {
    let sandbox = Sandbox::new();
    for line in ["list", "describe rigl", "completions bash", "--help"] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = sandbox.command(line);
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(IO), "{line}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = sandbox.command(line).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(output.stderr.is_empty(), "{line}");
    }
}

#[test]
fn stores_that_are_none_are_named() {
    refused("status", USAGE, &["runs does not exist"]);
    refused("report --store elsewhere", USAGE, &["elsewhere does not exist"]);
    refused("run --trial 0123456789abcdef", USAGE, &["runs does not exist"]);
}

#[test]
fn seeds_are_planned_from_usable_numbers_alone() {
    for (line, expected) in [
        ("power", "--pilot <DIR>"),
        ("power --pilot runs", "--pilot: runs does not exist"),
        ("power --pilot runs --sd 0.01", "cannot be used with"),
        ("power --sd nan", "--sd: NaN is no standard deviation"),
        ("power --sd 0 --effect 0.01", "--sd: 0 is no standard deviation"),
        ("power --sd 0.01 --effect 0", "--effect: 0 is no difference to detect"),
        ("power --sd 0.01 --effect -1", "--effect: -1 is no difference to detect"),
        ("power --sd 0.01 --effect half", "--effect: 'half' is not a number"),
        ("power --sd 0.01 --power 1", "--power: 1 is no power"),
        ("power --sd 0.01 --alpha nan", "--alpha"),
        ("power --sd 0.01 --comparisons 0", "--comparisons: '0' is not a whole number from 1 on"),
        ("power --sd 0.01 --margin 2%", "--margin: a margin of 2 % is a share of what the control"),
        ("power --sd 0.01 --margin 0", "say with --effect which difference matters"),
    ] {
        refused(line, USAGE, &[expected]);
    }
}

#[test]
fn a_mistyped_variable_is_noticed() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command("grid --strategies dense --dry-run");
    command.env("HARNESS_SEED", "0..2");
    let said = said(&mut command).well();
    assert!(said.stderr.contains("HARNESS_SEEDS"), "{}", said.stderr);
}
