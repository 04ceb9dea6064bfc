//! Crates that are begun by `new-strategy`, `new-dataset` and `new-model`, in a clone and outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use end_to_end::{Sandbox, said, workspace};
use serde_json::Value;
use toml::Table;

const KINDS: [(&str, &str, &str); 3] = [
    ("new-strategy my-method", "strategies/my-method", "strategy-my-method"),
    ("new-dataset my-data", "datasets/my-data", "dataset-my-data"),
    ("new-model my-net", "models/my-net", "model-my-net"),
];

/// What a clone has of all that is needed to add to it.
fn clone() -> Sandbox {
    let sandbox = Sandbox::new();
    write(
        &sandbox.path("crates/harness/Cargo.toml"),
        "[dependencies]\n\
         dst-models.workspace = true\n\
         dataset-mnist = { path = \"../../datasets/mnist\" }\n\
         strategy-a = { path = \"../../strategies/a\" }\n\
         serde = \"1\"\n",
    );
    write(&sandbox.path("strategies/a/README.md"), "");
    fs::copy(workspace().join("Cargo.toml"), sandbox.path("Cargo.toml")).unwrap();
    sandbox
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn toml(file: &Path) -> Table {
    read(file).parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every file of a crate is there, has no place holder left, and is what its name says.
#[track_caller]
fn assert_is_a_crate(folder: &Path, package: &str) {
    let mut files = vec!["Cargo.toml", "README.md", "src/lib.rs"];
    if package.starts_with("strategy-") {
        files.push("grid.toml");
    }
    for file in files {
        let path = folder.join(file);
        let text = read(&path);
        for left in ["{name}", "{type}", "{project}", "{clone}"] {
            assert!(!text.contains(left), "{}: {text}", path.display());
        }
        if file.ends_with(".toml") {
            toml(&path);
        }
    }
    assert_eq!(toml(&folder.join("Cargo.toml"))["package"]["name"].as_str(), Some(package));
    // It refuses what is no Rust.
    let sources = dst_sources::Sources::of(folder).unwrap();
    assert!(sources.files.contains(&folder.join("src/lib.rs")));
}

#[test]
fn a_new_plug_in_of_a_clone_is_a_crate_and_one_line() {
    let sandbox = clone();
    for (line, folder, package) in KINDS {
        let said = sandbox.run(line).well();
        assert!(said.stderr.contains(&format!("cargo test --release --package {package}")));
        assert_is_a_crate(&sandbox.path(folder), package);
        assert_eq!(
            toml(&sandbox.path(folder).join("Cargo.toml"))["package"]["license"]["workspace"]
                .as_bool(),
            Some(true)
        );
    }
    assert_eq!(
        read(&sandbox.path("crates/harness/Cargo.toml")),
        "[dependencies]\n\
         dst-models.workspace = true\n\
         dataset-mnist = { path = \"../../datasets/mnist\" }\n\
         dataset-my-data = { path = \"../../datasets/my-data\" }\n\
         strategy-a = { path = \"../../strategies/a\" }\n\
         strategy-my-method = { path = \"../../strategies/my-method\" }\n\
         model-my-net = { path = \"../../models/my-net\" }\n\
         serde = \"1\"\n"
    );
    let lib = read(&sandbox.path("strategies/my-method/src/lib.rs"));
    assert!(lib.contains("pub struct MyMethod {"));
}

/// The platform that Rust compiles for here: crates of others need not have been fetched.
fn host() -> String {
    let version = Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap().to_owned()
}

/// The packages that Cargo finds in a project, without the network.
fn packages(project: &Path) -> Vec<(String, PathBuf)> {
    let mut metadata = Command::new(env!("CARGO"));
    metadata
        .args(["metadata", "--offline", "--format-version", "1", "--filter-platform", &host()])
        .current_dir(project)
        .env_remove("CARGO_TARGET_DIR");
    let metadata = said(&mut metadata).well().stdout;
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let ours = packages.filter(|package| package["source"].is_null());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    ours.map(|package| (text(&package["name"]), text(&package["manifest_path"]).into())).collect()
}

#[test]
fn a_project_of_its_own_is_made_and_added_to() {
    let sandbox = Sandbox::new();
    let said = sandbox.run("new-strategy my-method --project My_Lab").well();
    let project = sandbox.path("My_Lab").canonicalize().unwrap();
    for step in [
        format!("cd {}", project.display()),
        "cargo test --release --package strategy-my-method".to_owned(),
        "cargo harness grid --strategies my-method,rigl,dense".to_owned(),
    ] {
        assert!(said.stderr.contains(&step), "{step}: {}", said.stderr);
    }
    // To a project that is there, crates are added from anywhere.
    let _ = sandbox.run("new-dataset my-data --project My_Lab").well();
    let mut inside = sandbox.command("new-model my-net");
    let _ = end_to_end::said(inside.current_dir(project.join("src"))).well();
    for (_, folder, package) in KINDS {
        assert_is_a_crate(&project.join(folder), package);
    }

    let packages = packages(&project);
    let manifest = |name: &str| {
        let found = packages.iter().find(|(package, _)| package == name);
        found.unwrap_or_else(|| panic!("no {name} in {packages:?}")).1.clone()
    };
    assert_eq!(manifest("my-lab-harness"), project.join("Cargo.toml"));
    for (_, folder, package) in KINDS {
        assert_eq!(manifest(package), project.join(folder).join("Cargo.toml"));
    }
    let clone = workspace().canonicalize().unwrap();
    assert_eq!(
        manifest("harness").canonicalize().unwrap(),
        clone.join("crates/harness/Cargo.toml")
    );

    // What the clone compiled is used: the same flags, profile and place.
    let config = toml(&project.join(".cargo/config.toml"));
    let theirs = toml(&workspace().join(".cargo/config.toml"));
    assert_eq!(config["target"], theirs["target"]);
    assert_eq!(config["build"]["rustdocflags"], theirs["build"]["rustdocflags"]);
    let target = Path::new(config["build"]["target-dir"].as_str().unwrap());
    assert_eq!(target.parent().unwrap().canonicalize().unwrap(), clone);
    let libtorch = Path::new(config["env"]["LIBTORCH"].as_str().unwrap());
    assert!(libtorch.join("lib").is_dir() && project.join(".libtorch/current/lib").is_dir());
    let root = toml(&project.join("Cargo.toml"));
    assert_eq!(root["profile"], toml(&workspace().join("Cargo.toml"))["profile"]);
    for file in ["build.rs", "src/main.rs", ".gitignore", "README.md"] {
        assert!(!read(&project.join(file)).contains(['{', '}']) || file.ends_with(".rs"), "{file}");
    }
}

/// The promise of the templates: no warning, and every test passes.
#[test]
#[ignore = "compiles the crates of the harness once more, which takes minutes: `-- --ignored`"]
fn what_was_begun_compiles_and_passes_its_tests() {
    let sandbox = Sandbox::new();
    for (line, _, _) in KINDS {
        let _ = sandbox.run(&format!("{line} --project lab")).well();
    }
    let mut test = Command::new(env!("CARGO"));
    test.args(["test", "--release", "--workspace", "--no-fail-fast"]);
    // Cargo hands down what belongs to the package of this test.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            test.env_remove(&name);
        }
    }
    let tested = said(test.current_dir(sandbox.path("lab"))).well();
    assert!(!tested.stderr.contains("warning"), "{}", tested.stderr);
    assert!(tested.stdout.contains("keeps_the_contract"), "{}", tested.stdout);
}

#[test]
fn places_where_nothing_can_be_made_are_refused() {
    let sandbox = clone();
    write(&sandbox.path("full/file"), "");
    write(&sandbox.path("datasets/file"), "");
    for (line, code, expected) in [
        ("new-strategy a", 2, "strategies/a exists already"),
        ("new-dataset file", 2, "datasets/file exists already"),
        ("new-strategy rigl", 2, "there is a strategy 'rigl' already"),
        ("new-model mnist", 2, "there is a data set 'mnist' already"),
        ("new-strategy My_Method", 2, "not a name for a strategy"),
        ("new-dataset training", 2, "means something else in grid files"),
        ("new-strategy option", 2, "would be the type `Option`"),
        ("new-strategy x --project full", 2, "full is not empty, and no project of the harness"),
        ("new-strategy x --project full/file", 4, "cannot read full/file"),
        ("new-strategy x --project /proc/lab", 4, "cannot create /proc/.lab"),
        ("new-strategy x --workspace full", 2, "full is not a clone of the harness"),
        ("new-strategy x --workspace nowhere", 4, "cannot find nowhere"),
        ("new-strategy x --project lab --workspace full", 2, "not a clone of the harness"),
        // This one has neither settings of Cargo nor libtorch.
        ("new-strategy x --project lab --workspace .", 2, "lies in the clone of the harness"),
        ("new-strategy x --project 2x/34", 2, "no name for a project can be made from"),
    ] {
        let message = sandbox.run(line).refused(code);
        assert!(message.contains(expected), "{line}: {message}");
    }
    // Refused, it leaves nothing behind.
    assert!(!sandbox.path("lab").exists() && !sandbox.path("2x").exists());
    assert!(!sandbox.path("strategies/x").exists());

    let outside = Sandbox::new();
    let message = outside.run("new-strategy other").refused(2);
    assert!(message.contains("is not in a clone of the harness"), "{message}");
    assert!(message.contains("--project DIR"), "{message}");
    let mut without = outside.command("new-strategy x --project lab");
    let message = said(without.env("LIBTORCH", "/nowhere")).refused(2);
    assert!(message.contains("there is no libtorch in /nowhere"), "{message}");
    assert!(message.contains("cargo xtask libtorch"), "{message}");
    assert!(!outside.path("lab").exists());
}
