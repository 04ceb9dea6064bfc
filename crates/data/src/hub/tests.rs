use std::collections::HashMap;

use super::*;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn hub(variables: &[(&str, &str)]) -> Option<Hub> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Hub::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
}

/// A cache as Python's `huggingface_hub` leaves it, with these files of one data set.
fn cache(files: &[&str]) -> (tempfile::TempDir, HubCache) {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("datasets--org--name");
    fs::create_dir_all(repository.join("refs")).unwrap();
    fs::write(repository.join("refs/main"), COMMIT).unwrap();
    for file in files {
        let path = repository.join("snapshots").join(COMMIT).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    let cache = HubCache { folder: folder.path().to_path_buf(), revision: MAIN.to_owned() };
    (folder, cache)
}

#[test]
fn variables_of_hugging_face_are_honoured() {
    let home = tempfile::tempdir().unwrap();
    let at = home.path().to_str().unwrap();
    let default = hub(&[("HOME", at)]).unwrap();
    assert_eq!(default.cache, home.path().join(".cache/huggingface/hub"));
    assert_eq!(default.endpoint, "https://huggingface.co");
    assert_eq!((default.token, default.offline), (None, false));

    fs::write(home.path().join("token"), "hf_file\n").unwrap();
    let set = hub(&[
        ("HOME", "/home"),
        ("HF_HOME", at),
        ("HF_ENDPOINT", "http://localhost:1/"),
        ("HF_HUB_OFFLINE", "True"),
    ])
    .unwrap();
    assert_eq!(set.cache, home.path().join("hub"));
    assert_eq!(set.endpoint, "http://localhost:1");
    assert_eq!((set.token.as_deref(), set.offline), (Some("hf_file"), true));
    assert!(!format!("{set:?}").contains("hf_file"));

    let other =
        [("HF_HOME", at), ("HF_HUB_CACHE", "/c"), ("HF_TOKEN", "hf_x"), ("HF_HUB_OFFLINE", "0")];
    let other = hub(&other).unwrap();
    assert_eq!((other.cache, other.token.as_deref()), (PathBuf::from("/c"), Some("hf_x")));
    assert!(!other.offline);
    let xdg = hub(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/home")]).unwrap();
    assert_eq!(xdg.cache, Path::new("/x/huggingface/hub"));
    assert_eq!(hub(&[]), None);
}

#[test]
fn files_of_other_tools_are_found_at_their_commit() {
    let (_folder, cache) = cache(&[
        "a/train-00000-of-00002.parquet",
        "a/train-00001-of-00002.parquet",
        "a/test-00000-of-00001.parquet",
        "a/train/deeper.parquet",
        "README.md",
    ]);
    let patterns = ["a/train-*.parquet", "a/test-*.parquet", "README.md"];
    let found = cached(&cache, "datasets/org/name", &patterns).unwrap();
    assert_eq!(found.to_string(), format!("datasets/org/name at {COMMIT}"));
    let names: Vec<Vec<&str>> = found
        .files
        .iter()
        .map(|files| files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect())
        .collect();
    assert_eq!(
        names,
        [
            vec!["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
            vec!["test-00000-of-00001.parquet"],
            vec!["README.md"],
        ]
    );
    // A commit may be named itself.
    let pinned = HubCache { revision: COMMIT.to_owned(), ..cache };
    assert_eq!(cached(&pinned, "datasets/org/name", &patterns).unwrap(), found);
}

#[test]
fn what_is_missing_is_said_with_its_place() {
    let (folder, cache) = cache(&["a/train-00000-of-00002.parquet"]);
    let message = |repository: &str, pattern: &str, revision: &str| {
        let cache = HubCache { revision: revision.to_owned(), ..cache.clone() };
        cached(&cache, repository, &[pattern]).unwrap_err().to_string()
    };
    let root = folder.path().display();
    assert_eq!(
        message("org/name", "x", MAIN),
        format!(
            "org/name is not in the cache of the Hub\n  looked for:\n    \
             {root}/models--org--name/refs/main"
        )
    );
    let other = message("datasets/org/name", "x", "v2");
    assert!(other.ends_with("datasets--org--name/refs/v2"), "{other}");
    let absent = message("datasets/org/name", "a/test-*.parquet", MAIN);
    assert!(absent.starts_with("datasets/org/name in the cache of the Hub lacks a/test-*.parquet"));
    assert!(absent.ends_with(&format!("snapshots/{COMMIT}/a/test-*.parquet")), "{absent}");
    // One shard of two.
    let part = message("datasets/org/name", "a/train-*.parquet", MAIN);
    assert!(part.contains("lacks all of a/train-*.parquet"), "{part}");
}

#[test]
fn names_that_would_leave_the_cache_are_refused() {
    for repository in ["", "a/b/c", "../x", "a/..", "datasets/", "a b", "datasets/a/b/c", "/a/b"] {
        assert!(folder_name(repository).is_err(), "{repository}");
    }
    assert_eq!(folder_name("bert-base-uncased").unwrap(), "models--bert-base-uncased");
    assert_eq!(folder_name("datasets/a/b.c").unwrap(), "datasets--a--b.c");
    for revision in ["", "../main", "/etc/passwd", "a?b"] {
        assert!(check_revision(revision).is_err(), "{revision}");
    }
    check_revision("refs/convert/parquet").unwrap();
    assert_eq!(reference("weights.safetensors").unwrap(), None);
    assert_eq!(reference("hub:org/name").unwrap(), Some(("org/name", MAIN)));
    assert_eq!(reference("hub:org/name@v1").unwrap(), Some(("org/name", "v1")));
    for wrong in ["hub:", "hub:a/b/c", "hub:org/name@", "hub:org/name@../x"] {
        assert_eq!(reference(wrong).unwrap_err().kind(), dst_core::ErrorKind::Usage, "{wrong}");
    }
}

#[test]
fn a_blob_must_have_the_sum_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = folder.path().join("blobs");
    fs::create_dir(&blobs).unwrap();
    let sum = crate::file::sha256(b"whole");
    let blob = blobs.join(&sum);
    fs::write(&blob, "whole").unwrap();
    compare_with_cache(&blob, || Ok(sum.clone())).unwrap();
    let cut = || Ok(crate::file::sha256(b"cut"));
    let error = compare_with_cache(&blob, cut).unwrap_err().to_string();
    assert!(error.contains("the file is damaged") && error.contains(&sum), "{error}");
    // Files elsewhere, and small ones, are not named by their sum.
    let other = folder.path().join(&sum);
    fs::write(&other, "x").unwrap();
    compare_with_cache(&other, || panic!("nobody needs its sum")).unwrap();
}
