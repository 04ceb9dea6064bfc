//! Pages of the book that could come apart from what they tell of.

use std::fs;

use end_to_end::workspace;

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A page that the summary does not list is not in the book.
#[test]
fn every_page_is_in_the_summary() {
    let summary = read("docs/SUMMARY.md");
    for entry in fs::read_dir(workspace().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_page = name.ends_with(".md") && name != "SUMMARY.md";
        assert!(!is_page || summary.contains(&format!("]({name})")), "{name} is not listed");
    }
}

/// The code of the page on a method of one's own is that of a crate that compiles and keeps the contract.
#[test]
fn the_code_of_my_method_is_that_of_the_example() {
    let (page, source) = (read("docs/my-method.md"), read("examples/my-method/src/lib.rs"));
    let blocks: Vec<&str> = page
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split_once("```").expect("a block ends").0)
        .collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    for block in blocks {
        assert!(source.contains(block), "examples/my-method/src/lib.rs lacks\n{block}");
    }
}

/// What stands in two files because two programs read it.
#[test]
fn versions_agree() {
    let value = |path: &str, key: &[&str]| {
        let table: toml::Table = read(path).parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let last = key.iter().fold(toml::Value::Table(table), |value, key| value[*key].clone());
        last.as_str().unwrap_or_else(|| panic!("{path}: {key:?} is no text")).to_owned()
    };
    let version = value("Cargo.toml", &["workspace", "package", "version"]);
    let citation = read("CITATION.cff");
    assert!(citation.lines().any(|line| line == format!("version: {version}")), "{version}");

    let torch = read("xtask/src/libtorch.rs");
    let torch = torch.split_once("const VERSION: &str = \"").expect("the version").1;
    let torch = torch.split_once('"').expect("its end").0;
    let wheel = read("pyproject.toml");
    assert!(wheel.contains(&format!("dependencies = [\"torch=={torch}\"]")), "not {torch}");

    let rust = value("Cargo.toml", &["workspace", "package", "rust-version"]);
    for page in ["docs/start.md", "RELEASING.md"] {
        let text = read(page);
        let says = text.contains(&format!("Rust {rust} or later"))
            || text.contains(&format!("cargo +{rust} "));
        assert!(says, "{page} names another Rust than {rust}");
    }
}
