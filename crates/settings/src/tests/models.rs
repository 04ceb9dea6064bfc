//! Networks in files and in tables.

use std::fs;
use std::path::Path;

use dst_core::ErrorKind;
use serde_json::json;

use super::*;

const NET: &str = "layers = [\n  { kind = \"linear\", outputs = 12 },\n  { kind = \"relu\" },\n]\n";

/// The models of a grid whose `--models` are these, with `DIR` for the folder.
fn models(folder: &Path, typed: &str) -> Result<Vec<CowArc<serde_json::Value>>> {
    let typed = typed.replace("DIR", &folder.display().to_string());
    let line = format!("--strategies dense --seeds 0 --models {typed}");
    let grid = resolved(&line, &[], "")?.grid()?;
    Ok(grid.trials.into_iter().map(|trial| trial.model).collect())
}

fn refusal(folder: &Path, typed: &str) -> String {
    models(folder, typed).unwrap_err().to_string().replace(&folder.display().to_string(), "DIR")
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_file_is_its_layers_and_no_path() {
    let folder = folder(&[("net.toml", NET), ("other.toml", &format!("title = \"mine\"\n{NET}"))]);
    let found = models(folder.path(), "file:DIR/net.toml,lenet5,file:DIR/other.toml").unwrap();
    let layers = json!([{ "kind": "linear", "outputs": 12 }, { "kind": "relu" }]);
    assert_eq!(
        found,
        [
            json!({ "name": "layers", "title": "net", "layers": layers }),
            json!({ "name": "lenet5", "activation": "relu", "pooling": "max" }),
            json!({ "name": "layers", "title": "mine", "layers": layers }),
        ]
    );
}

/// However layers are written, and whichever defaults are written out, a network is one.
#[test]
fn the_same_layers_are_the_same_trial() {
    let spread = "[[layers]]\nkind = 'conv'\noutputs = 4 # maps\n[[layers]]\nkind = 'pool'\n";
    let full = "title = 'net'\nlayers = [{kind = \"conv\", padding = 1, stride = 1, kernel = 3, \
                outputs = 4}, {size = 2, kind = \"pool\", pooling = \"max\"}]";
    let elsewhere = folder(&[("net.toml", full), ("again.toml", full)]);
    let here = folder(&[("net.toml", spread)]);
    let typed = |folder: &Path| {
        format!("--strategies dense --seeds 0 --models file:{}/net.toml", folder.display())
    };
    let one = ids(&trials(&typed(here.path())));
    assert_eq!(one, ids(&trials(&typed(elsewhere.path()))));
    // Named twice, and under another name with the same title, it is one as well.
    let path = elsewhere.path().display();
    let both = format!("{},file:{path}/net.toml,file:{path}/again.toml", typed(here.path()));
    assert_eq!(one, ids(&trials(&both)));
    fs::write(here.path().join("net.toml"), spread.replace('4', "5")).unwrap();
    assert_ne!(one, ids(&trials(&typed(here.path()))));
}

#[test]
fn the_printed_settings_hold_the_network_and_need_no_file() {
    let folder = folder(&[("net.toml", NET)]);
    let path = folder.path().join("net.toml");
    let file = format!(
        "strategies = 'dense'\nseeds = 0\nmodels = [\"file:{}\", \"mlp\"]\n[model.mlp]\nhidden = [3]",
        path.display()
    );
    let first = resolved("", &[], &file).unwrap();
    let (grid, text) = (first.grid().unwrap(), first.to_toml().unwrap());
    assert_eq!(grid.trials.len(), 2);
    assert!(text.contains("[model.mlp]") && !text.contains("[model.layers]"), "{text}");
    fs::remove_file(path).unwrap();
    assert!(first.grid().is_err());
    assert_eq!(grid, resolved("", &[], &text).unwrap().grid().unwrap(), "{text}");
    let table = "{ name = \"mlp\", hidden = [3] },{ name = \"mlp\", hidden = [4] }";
    let environment = [("HARNESS_MODELS", table)];
    let typed = resolved("--strategies dense --seeds 0", &environment, "").unwrap();
    assert_eq!(typed.grid().unwrap().trials.len(), 2);
}

/// Commands that train nothing look at no file, wherever it is named.
#[test]
fn a_file_is_read_only_for_trials() {
    let environment = [("HARNESS_MODELS", "file:gone.toml")];
    let resolved = resolved("--strategies dense", &environment, "").unwrap();
    assert!(resolved.execution().is_ok() && resolved.analysis().is_ok());
    let error = resolved.grid().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let said = error.to_string();
    assert!(said.starts_with("HARNESS_MODELS: cannot read gone.toml"), "{said}");
    assert!(said.ends_with("a relative path begins in the folder where the command is typed"));
}

#[test]
fn files_that_describe_no_network_are_refused_with_the_place() {
    let folder = folder(&[
        ("empty.toml", ""),
        ("bad.toml", "layers = [\n  { kind = = \"relu\" },\n]"),
        ("key.toml", "[[layer]]\nkind = 'relu'"),
        ("name.toml", &format!("name = 'net'\n{NET}")),
        ("kind.toml", "layers = [{ kind = 'relu' }, { kind = 'liner', outputs = 3 }]"),
        ("date.toml", "layers = [{ kind = 'dropout', rate = 2026-01-01 }]"),
        ("lenet5.toml", NET),
        ("it's.toml", NET),
    ]);
    fs::write(folder.path().join("latin.toml"), b"# dr\xF4le").unwrap();
    for (name, expected) in [
        ("empty.toml", "--models: DIR/empty.toml: layers: layers = [] has no layer"),
        ("bad.toml", "--models: DIR/bad.toml: line 2, column 12: "),
        ("key.toml", "key.toml: unknown key 'layer'\n  did you mean 'layers'?"),
        ("name.toml", "name.toml: unknown key 'name'\n  known: layers, title\n  `harness describe"),
        (
            "kind.toml",
            "kind.toml: layers: layers[1]: unknown kind 'liner'\n  did you mean 'linear'?",
        ),
        ("date.toml", "date.toml: layers: 2026-01-01 is a date"),
        ("lenet5.toml", "is called 'lenet5', which is the name of a model that the harness has"),
        ("it's.toml", "title = \"it's\" is no title"),
        ("latin.toml", "latin.toml: line 1: this is not UTF-8"),
        ("", "--models: DIR/: this is a folder, and no file"),
        ("gone.toml", "--models: cannot read DIR/gone.toml: No such file"),
    ] {
        let said = refusal(folder.path(), &format!("file:DIR/{name}"));
        assert!(said.contains(expected), "{name}: {said}");
    }
    let said = refusal(folder.path(), "file:");
    assert!(said.starts_with("--models: 'file:' names no file"), "{said}");
}

#[test]
fn two_networks_of_one_name_are_refused() {
    let folder = folder(&[
        ("net.toml", NET),
        ("other.toml", &format!("title = \"net\"\n{}", NET.replace("12", "13"))),
    ]);
    let said = refusal(folder.path(), "file:DIR/net.toml,file:DIR/other.toml");
    assert_eq!(
        said,
        "--models: file:DIR/net.toml and file:DIR/other.toml are both called 'net', and they are two \
         networks\n  reports tell networks apart by their titles: write another title = \"…\" into the \
         file"
    );
}

#[test]
fn parameters_of_networks_in_files_are_not_settings() {
    let folder = folder(&[("net.toml", NET)]);
    let line =
        format!("--strategies dense --seeds 0 --models file:{}/net.toml", folder.path().display());
    let said = error(&format!("{line} --set layers.title=x"));
    assert!(said.contains("'layers' is not part of this grid"), "{said}");
    let file = "[model.\"file:net.toml\"]\ntitle = 'x'";
    let said = resolved(&line, &[], file).unwrap().grid().unwrap_err().to_string();
    assert!(
        said.contains("'file:net.toml' has no settings\n  parameters of a network in"),
        "{said}"
    );
    // The architecture by its name has settings like any other.
    let layers = "[{kind=\"linear\",outputs=5}],[{kind=\"linear\",outputs=6}]";
    let line = format!("--strategies dense --seeds 0 --models layers --set layers.layers={layers}");
    assert_eq!(trials(&line).len(), 2);
    let said = error("--strategies dense --models layers");
    assert!(said.contains("pass --models file:net.toml"), "{said}");
    let said = error("--strategies dense --models {hidden=[3]}");
    assert!(said.starts_with("--models: the table of a model has no name"), "{said}");
}
