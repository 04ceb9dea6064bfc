//! libtorch from the wheels of PyPI, fetched through pip and unpacked here.
//!
//! The wheel of torch 2.13.0 for Linux on x86-64 is the CUDA 13 build; its `torch/lib` and
//! `torch/include` are a complete libtorch. pip only downloads: wheels of one Python version
//! are named explicitly, so that the user's own does not matter and every digest is known.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use zip::ZipArchive;

use super::progress::Progress;
use super::{VERSION, child};
use crate::scratch::Scratch;
use crate::{Result, cannot, digest, note};

/// A wheel of the package index.
struct Wheel {
    name: &'static str,
    version: &'static str,
    bytes: u64,
    sha256: &'static str,
}

const fn wheel(
    name: &'static str,
    version: &'static str,
    bytes: u64,
    sha256: &'static str,
) -> Wheel {
    Wheel { name, version, bytes, sha256 }
}

/// What the CPU libraries need. `libtorch_cpu.so` of this build loads `libcupti.so.13` and
/// `libcudart.so.13`, without a GPU or driver.
#[rustfmt::skip]
const CPU: [Wheel; 3] = [
    wheel("torch", VERSION, 526_574_961, "60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7"),
    wheel("nvidia-cuda-cupti", "13.0.85", 10_715_597, "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8"),
    wheel("nvidia-cuda-runtime", "13.0.96", 2_243_632, "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548"),
];

/// What the CUDA libraries need besides.
#[rustfmt::skip]
const CUDA: [Wheel; 13] = [
    wheel("nvidia-cublas", "13.1.1.3", 423_138_758, "37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436"),
    wheel("nvidia-cuda-nvrtc", "13.0.88", 90_215_200, "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575"),
    wheel("nvidia-cudnn-cu13", "9.20.0.48", 366_173_588, "0c45dd8eeb50b603f07995b1b300c62ffe6a1980482b82b3bcf94a4ca9d49304"),
    wheel("nvidia-cufft", "12.0.0.61", 214_085_489, "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3"),
    wheel("nvidia-cufile", "1.15.1.6", 1_223_672, "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44"),
    wheel("nvidia-curand", "10.4.0.35", 59_544_258, "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc"),
    wheel("nvidia-cusolver", "12.0.4.66", 200_941_980, "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112"),
    wheel("nvidia-cusparse", "12.6.3.3", 145_942_937, "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b"),
    wheel("nvidia-cusparselt-cu13", "0.8.1", 170_148_586, "786ce87568c303fadb5afcc7102d454cd3040d75f6f8626f5db460d1871f4dd0"),
    wheel("nvidia-nccl-cu13", "2.29.7", 205_976_000, "edd81538446786ec3b73972543e53bb43bcaf0bfc8ef76cb679fcc390ffe136d"),
    wheel("nvidia-nvjitlink", "13.5.37", 46_642_491, "280d7cb9649704145f074b8dbde500de04ce02d0872e066e20a83c17bcaa93eb"),
    wheel("nvidia-nvshmem-cu13", "3.4.5", 60_412_546, "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80"),
    wheel("nvidia-nvtx", "13.0.85", 148_047, "4936d1d6780fbe68db454f5e72a42ff64d1fd6397df9f363ae786930fd5c1cd4"),
];

/// The Python whose wheel of torch is in the table.
const PYTHON: &str = "3.11";

/// Platforms of the wheels in the tables. pip takes those it is told, and none that they imply.
const PLATFORMS: [&str; 10] = [
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_25_x86_64",
    "manylinux_2_18_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux_2_12_x86_64",
    "manylinux_2_5_x86_64",
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
];

/// The libraries of torch's wheel that run without a GPU.
const CPU_LIBRARIES: [&str; 3] = ["libtorch_cpu.so", "libc10.so", "libgomp.so.1"];

/// Fills `libtorch` with the CPU part of the wheels: 490 MB instead of some 4 GB.
///
/// # Errors
/// A clause: no pip, or what pip said, or a wheel with another digest.
pub(super) fn cpu(scratch: &Scratch, libtorch: &Path) -> Result {
    for wheel in download(scratch, CPU.iter())? {
        unpack(&wheel, libtorch, |member| {
            let (folder, name) = member.rsplit_once('/')?;
            if member.starts_with("torch/include/") {
                Some(member.strip_prefix("torch/")?.to_owned())
            } else if folder == "torch/lib" && CPU_LIBRARIES.contains(&name)
                || ["libcupti.so.13", "libcudart.so.13"].contains(&name)
            {
                Some(format!("lib/{name}"))
            } else {
                None
            }
        })?;
    }
    // torch-sys links libtorch.so, which in the wheel would pull in the CUDA libraries.
    let script = libtorch.join("lib/libtorch.so");
    fs::write(&script, "INPUT(-ltorch_cpu)\n").map_err(|e| cannot("write", &script, &e))?;
    let version = libtorch.join("build-version");
    fs::write(&version, format!("{VERSION}+cpu\n")).map_err(|e| cannot("write", &version, &e))
}

/// Fills `folder` with `torch` and `nvidia` as pip would install them, without the Python code:
/// torch's libraries find NVIDIA's by that layout.
///
/// # Errors
/// As for [`cpu`].
pub(super) fn cuda(scratch: &Scratch, folder: &Path) -> Result {
    for wheel in download(scratch, CPU.iter().chain(&CUDA))? {
        unpack(&wheel, folder, |member| {
            let name = member.rsplit('/').next()?;
            let library = member.contains("/lib/")
                && name.contains(".so")
                && !["libtorch_python.so", "libshm.so"].contains(&name);
            let wanted =
                library || member.starts_with("torch/include/") || member == "torch/version.py";
            wanted.then(|| member.to_owned())
        })?;
    }
    Ok(())
}

/// Downloads with pip and checks the digests.
fn download<'a>(
    scratch: &Scratch,
    wheels: impl Iterator<Item = &'a Wheel> + Clone,
) -> Result<Vec<PathBuf>> {
    let pip = pip()?;
    let folder = scratch.join("wheels");
    let partial = scratch.join("pip");
    for folder in [&folder, &partial] {
        fs::create_dir_all(folder).map_err(|e| cannot("create", folder, &e))?;
    }
    let mut command = Command::new(pip[0]);
    command
        .args(&pip[1..])
        .args(["download", "--quiet", "--no-input", "--no-deps"])
        .args(["--disable-pip-version-check", "--progress-bar", "off"])
        .args(["--only-binary", ":all:", "--implementation", "cp"])
        .args(["--python-version", PYTHON])
        .args(PLATFORMS.iter().flat_map(|p| ["--platform", p]))
        .arg("--dest")
        .arg(&folder)
        .args(wheels.clone().map(|w| format!("{}=={}", w.name, w.version)))
        // pip downloads into its folder for temporary files: there the progress shows.
        .env("TMPDIR", &partial);
    let total = wheels.clone().map(|w| w.bytes).sum();
    let progress = Progress::new(&format!("downloading libtorch {VERSION}"), Some(total));
    child::watch("pip", &mut command, &partial, progress)?;
    note!("checking and unpacking libtorch {VERSION}");
    wheels.map(|wheel| checked(wheel, &folder)).collect()
}

/// The command by which pip starts here.
///
/// # Errors
/// When there is none.
pub(crate) fn pip() -> Result<&'static [&'static str]> {
    const CANDIDATES: [&[&str]; 4] =
        [&["python3", "-m", "pip"], &["pip3"], &["pip"], &["python", "-m", "pip"]];
    let starts = |pip: &&[&str]| {
        let output = Command::new(pip[0]).args(&pip[1..]).arg("--version").output();
        output.is_ok_and(|o| o.status.success())
    };
    CANDIDATES.into_iter().find(starts).ok_or_else(|| {
        "there is no pip (the system's package for it is often python3-pip)".to_owned()
    })
}

/// The file of `wheel` in `folder`, if it has the known digest.
fn checked(wheel: &Wheel, folder: &Path) -> Result<PathBuf> {
    // Names in wheel files have underscores; the rest of the name tells platforms.
    let start = format!("{}-{}-", wheel.name.replace('-', "_"), wheel.version);
    let entries = fs::read_dir(folder).map_err(|e| cannot("read", folder, &e))?;
    let file = entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(&start)))
        .ok_or_else(|| format!("pip left no wheel of {} {}", wheel.name, wheel.version))?;
    let sum = digest::of_file(&file)?;
    if sum == wheel.sha256 {
        Ok(file)
    } else {
        Err(format!(
            "the wheel of {} {} has the SHA-256 {sum}, not {}",
            wheel.name, wheel.version, wheel.sha256
        ))
    }
}

/// Unpacks those members of a zip file that `place` gives a path inside `folder`.
///
/// # Errors
/// When the archive is damaged (members have checksums) or the disk is full.
pub(crate) fn unpack(
    archive: &Path,
    folder: &Path,
    place: impl Fn(&str) -> Option<String>,
) -> Result {
    let broken = |e: &dyn std::fmt::Display| format!("cannot unpack {}: {e}", archive.display());
    let file = File::open(archive).map_err(|e| cannot("read", archive, &e))?;
    let mut zip = ZipArchive::new(io::BufReader::new(file)).map_err(|e| broken(&e))?;
    for index in 0..zip.len() {
        let mut member = zip.by_index(index).map_err(|e| broken(&e))?;
        // None for names that would leave the folder.
        let inside = member.enclosed_name().is_some();
        let Some(place) = place(member.name()).filter(|_| inside && member.is_file()) else {
            continue;
        };
        let path = folder.join(place);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| cannot("create", parent, &e))?;
        }
        let mut out = File::create(&path).map_err(|e| cannot("create", &path, &e))?;
        io::copy(&mut member, &mut out).map_err(|e| broken(&e))?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::Write;

    /// A zip file with stored members.
    pub(crate) fn zip_of(path: &Path, members: &[(&str, &str)]) {
        let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
        for (name, content) in members {
            let options = zip::write::FileOptions::default()
                .compression_method(zip::CompressionMethod::Stored);
            zip.start_file(*name, options).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn only_the_wanted_members_are_unpacked_and_none_outside() {
        let scratch = Scratch::new().unwrap();
        let archive = scratch.join("a.whl");
        zip_of(
            &archive,
            &[("torch/lib/a.so", "A"), ("torch/b.py", "B"), ("../torch/lib/c.so", "C")],
        );
        let out = scratch.join("out");
        unpack(&archive, &out, |member| {
            let name = member.strip_suffix(".so")?.rsplit('/').next()?;
            Some(format!("lib/{name}"))
        })
        .unwrap();
        assert_eq!(fs::read_to_string(out.join("lib/a")).unwrap(), "A");
        assert_eq!(fs::read_dir(out.join("lib")).unwrap().count(), 1);
    }

    #[test]
    fn a_damaged_wheel_is_refused() {
        let scratch = Scratch::new().unwrap();
        let archive = scratch.join("a.whl");
        zip_of(&archive, &[("lib/a.so", "content")]);
        let mut bytes = fs::read(&archive).unwrap();
        let at = bytes.windows(7).position(|w| w == b"content").unwrap();
        bytes[at] ^= 1;
        fs::write(&archive, &bytes).unwrap();
        let all = |member: &str| Some(member.to_owned());
        let told = unpack(&archive, &scratch.join("out"), all).unwrap_err();
        assert!(told.starts_with("cannot unpack"), "{told}");
        fs::write(&archive, &bytes[..20]).unwrap();
        assert!(unpack(&archive, &scratch.join("out"), all).is_err());
    }

    #[test]
    fn a_wheel_with_another_digest_is_refused() {
        let scratch = Scratch::new().unwrap();
        let name = "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl";
        fs::write(scratch.join(name), "").unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let told = checked(&CPU[1], scratch.path()).unwrap_err();
        assert!(told.contains(empty) && told.contains(CPU[1].sha256), "{told}");
        let good = wheel("nvidia-cuda-cupti", "13.0.85", 0, empty);
        assert_eq!(checked(&good, scratch.path()).unwrap(), scratch.join(name));
        let told = checked(&CPU[0], scratch.path()).unwrap_err();
        assert_eq!(told, "pip left no wheel of torch 2.13.0");
    }
}
