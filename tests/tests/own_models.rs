//! Networks of a user's own, which a file describes.

use std::fs;

use end_to_end::{Sandbox, workspace};
use serde_json::Value;

const USAGE: i32 = 2;
const IO: i32 = 4;

const NET: &str = "layers = [
    { kind = \"conv\", outputs = 4, stride = 2 },
    { kind = \"norm\" },
    { kind = \"relu\" },
    { kind = \"residual\", layers = [{ kind = \"conv\", outputs = 6, stride = 2 }, { kind = \"norm\" }] },
    { kind = \"relu\" },
    { kind = \"pool\" },
]
";

/// A grid that trains for one epoch.
const GRID: &str = "grid --strategies rigl,dense --epochs 1 --seeds 0..2";

fn with_net(text: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("net.toml"), text).unwrap();
    sandbox
}

#[test]
fn a_network_in_a_file_is_trained_and_its_file_is_needed_only_once() {
    let sandbox = with_net(NET);
    let line = format!("{GRID} --models file:net.toml");
    let first = sandbox.run(&line).well();
    assert!(first.stderr.contains("4 of 4 trials to train"), "{}", first.stderr);
    let trials = fs::read_to_string(sandbox.path("runs/report/trials.csv")).unwrap();
    assert_eq!(trials.matches(",mnist-10k,net,rigl,").count(), 2, "{trials}");
    let layers = fs::read_to_string(sandbox.path("runs/report/layers.csv")).unwrap();
    for name in [
        "conv1.weight",
        "residual1.conv1.weight",
        "residual1.shortcut.conv.weight",
        "output.weight",
    ] {
        assert!(layers.contains(&format!(",{name},")), "{name}");
    }
    let results = sandbox.results();
    let result: Value = serde_json::from_slice(results.values().next().unwrap()).unwrap();
    // 28 × 28 pixels become 14 × 14, 7 × 7 and 3 × 3.
    let count = 4 * 9 + 8 + (6 * 4 * 9 + 12) + (6 * 4 + 12) + (6 * 9 * 10 + 10);
    assert_eq!(result["outcome"]["total_parameters"], count);
    let spec = sandbox.path("runs").join(results.keys().next().unwrap()).join("spec.json");
    let spec = fs::read_to_string(spec).unwrap();
    assert!(!spec.contains("net.toml"), "{spec}");

    // The same layers in another form, in another place.
    let again =
        format!("# Mine.\ntitle = 'net'\n{}", NET.replace("outputs = 4", "outputs=4, kernel=3"));
    fs::create_dir(sandbox.path("nets")).unwrap();
    fs::write(sandbox.path("nets/other.toml"), again).unwrap();
    fs::remove_file(sandbox.path("net.toml")).unwrap();
    let second = sandbox.run(&format!("{GRID} --models file:nets/other.toml")).well();
    assert!(second.stderr.contains("all 4 trials are done"), "{}", second.stderr);
    assert_eq!(results, sandbox.results());

    fs::remove_dir_all(sandbox.path("nets")).unwrap();
    let status = sandbox.run("status").well().stdout;
    assert!(status.contains("mnist-10k, net"), "{status}");
    assert_eq!(sandbox.run("report").well().stdout, second.stdout);
    let _ = sandbox.run(&line).refused(IO);
    assert_eq!(results, sandbox.results());
}

/// A trial that was stopped goes on without the file, too: what it trains is in the store.
#[test]
fn a_trial_that_is_known_is_trained_without_the_file() {
    let sandbox = with_net(NET);
    let line = "grid --strategies set --epochs 1 --seeds 0 --models file:net.toml --no-report";
    let _ = sandbox.run(line).well();
    let id = sandbox.results().into_keys().next().unwrap();
    fs::remove_file(sandbox.path("net.toml")).unwrap();
    fs::remove_file(sandbox.path("runs").join(&id).join("result.json")).unwrap();
    let _ = sandbox.run(&format!("run --trial {id}")).well();
    assert_eq!(sandbox.results().into_keys().collect::<Vec<_>>(), [id]);
}

#[test]
fn two_networks_stand_apart_in_reports_and_a_changed_one_too() {
    let sandbox = with_net("layers = [{ kind = 'linear', outputs = 8 }, { kind = 'relu' }]");
    let wide =
        "title = \"wide net\"\nlayers = [{ kind = 'linear', outputs = 9 }, { kind = 'relu' }]";
    fs::write(sandbox.path("other.toml"), wide).unwrap();
    let grid = "strategies = ['set', 'dense']\nseeds = '0..2'\n\
                models = ['file:net.toml', 'file:other.toml']\n[training]\nepochs = 1\n";
    fs::write(sandbox.path("grid.toml"), grid).unwrap();
    // The sparse kernels compute such networks as well.
    let said = sandbox.run("grid --config grid.toml --backend sparse").well();
    for heading in ["mnist-10k (net)", "mnist-10k (wide net)"] {
        assert!(said.stdout.contains(heading), "{heading}: {}", said.stdout);
    }
    let printed =
        sandbox.run("grid --config grid.toml --backend sparse --print-config").well().stdout;
    fs::remove_file(sandbox.path("other.toml")).unwrap();
    fs::write(sandbox.path("printed.toml"), printed).unwrap();
    let again = sandbox.run("grid --config printed.toml").well();
    assert!(again.stderr.contains("all 8 trials are done"), "{}", again.stderr);

    // Somebody changes the file: results of both networks are in the store, under one title.
    fs::write(sandbox.path("net.toml"), "layers = [{ kind = 'linear', outputs = 7 }]").unwrap();
    let line =
        "grid --strategies set,dense --seeds 0..2 --epochs 1 --models file:net.toml --no-report";
    let _ = sandbox.run(line).well();
    let report = sandbox.run("report --all").well().stdout;
    assert!(report.contains("mnist-10k (net layers="), "{report}");
}

#[test]
fn networks_that_cannot_be_are_refused_before_training() {
    for (text, expected) in [
        (
            "layers = [{ kind = 'pool', size = 30 }]",
            "net on mnist-10k: layers[0] (pool): maps of 28 × 28 pixels",
        ),
        ("layers = [{ kind = 'convo' }]", "did you mean 'conv'?"),
        ("layers = [{ kind = 'conv' }", "net.toml: line 1, column "),
        ("", "layers = [] has no layer"),
    ] {
        let sandbox = with_net(text);
        let said = sandbox.run(&format!("{GRID} --models file:net.toml")).refused(USAGE);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(sandbox.results().is_empty());
    }
}

#[test]
fn a_bench_times_a_network_in_a_file() {
    let sandbox = with_net("title = 'mine'\nlayers = [{ kind = 'linear', outputs = 8 }]");
    let line = "bench --models file:net.toml --sparsity 0.9 --seconds 0.1 --json";
    let json: Value = serde_json::from_str(&sandbox.run(line).well().stdout).unwrap();
    assert_eq!(json["rows"][0]["model"], "mine");
}

/// The page shows the files that ship, and these are trained elsewhere.
#[test]
fn the_page_quotes_the_examples() {
    let page = fs::read_to_string(workspace().join("docs/models.md")).unwrap();
    for name in ["small-cnn.toml", "residual.toml"] {
        let text = fs::read_to_string(workspace().join("examples/models").join(name)).unwrap();
        assert!(page.contains(&format!("```toml\n{text}```\n")), "{name}");
    }
}

#[test]
fn the_examples_are_trained() {
    let sandbox = Sandbox::new();
    let folder = workspace().join("examples/models");
    let models =
        ["small-cnn", "residual"].map(|name| format!("file:{}/{name}.toml", folder.display()));
    let line = "grid --strategies rigl --epochs 1 --seeds 0 --set mnist-10k.train_samples=500 --accept-collapse mnist-10k";
    let said = sandbox.run(&format!("{line} --models {} --no-report", models.join(","))).well();
    assert!(said.stderr.contains("2 of 2 trials to train"), "{}", said.stderr);
}
