//! Which files there are, of which class and split.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use dst_core::dataset::read_file;
use dst_core::{Error, Result, Split, SplitOptions};
use dst_data::file::{self, sha256_of_file};

/// Endings of files that are read.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "bmp", "gif", "webp"];

/// Folders inside that of a class deeper than this are taken for a loop of links.
const DEEPEST: usize = 16;

/// Names of the folder of a split.
const SPLITS: [(Split, &[&str]); 3] = [
    (Split::Train, &["train", "training"]),
    (Split::Validation, &["validation", "valid", "val", "dev"]),
    (Split::Test, &["test", "testing"]),
];

/// An image.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ImageFile {
    /// Where it lies.
    path: PathBuf,
    /// Its path from the folder, with `/` between names.
    name: String,
    /// The split that its folder gives; none if there is no folder for splits.
    split: Option<Split>,
    /// Its class.
    class: usize,
}

/// All images below a folder, by split, class and name.
#[derive(Debug)]
pub(crate) struct Folders {
    files: Vec<ImageFile>,
    /// Names of the classes, sorted.
    pub(crate) classes: Vec<String>,
    /// How many files are left out because of their endings, and one of them.
    left_out: Option<(usize, PathBuf)>,
    /// Images that lie beside the folders of classes and have none.
    loose: Vec<PathBuf>,
}

impl Folders {
    /// Looks through the folder. No image is opened.
    ///
    /// # Errors
    /// If the system refuses, there are not two classes, or a split has a class that is not trained on.
    pub(crate) fn find(root: &Path) -> Result<Self> {
        let at = |error: Error| error.at(root.display().to_string());
        if !root.is_dir() {
            return Err(at(Error::data("this is a file")
                .hint("name a folder, with a folder of images for each class in it")));
        }
        let all = subfolders(root).map_err(at)?;
        let split_folder = |names: &[&str]| {
            let is_it = |name: &str| names.contains(&name.to_lowercase().as_str());
            all.iter().find(|(name, _)| is_it(name)).map(|(_, folder)| folder.clone())
        };
        let has_splits = split_folder(SPLITS[0].1).is_some();
        for (_, names) in SPLITS.iter().filter(|_| has_splits) {
            let found: Vec<&str> = all
                .iter()
                .map(|(name, _)| name.as_str())
                .filter(|name| names.contains(&name.to_lowercase().as_str()))
                .collect();
            if let [one, other, ..] = found[..] {
                return Err(at(Error::data(format!(
                    "both {one} and {other} would be the {} images",
                    names[0]
                ))
                .hint("move one of them away, or put the images into one folder")));
            }
        }
        let mut roots: Vec<(Option<Split>, PathBuf)> = Vec::new();
        match split_folder(SPLITS[0].1) {
            None => {
                if let Some(split) = SPLITS.iter().find_map(|(_, names)| split_folder(names)) {
                    return Err(at(Error::data(format!(
                        "{} looks like the folder of a split, and there is none for training",
                        split.display()
                    ))
                    .hint("call the folder of the training images train, or this class something else")));
                }
                roots.push((None, root.to_owned()));
            }
            Some(_) => {
                let splits = SPLITS.iter();
                roots.extend(
                    splits.filter_map(|(split, names)| Some((Some(*split), split_folder(names)?))),
                );
            }
        }
        let (mut found, mut left_out) = (Vec::new(), Vec::new());
        let mut classes: BTreeMap<Option<Split>, BTreeSet<String>> = BTreeMap::new();
        let mut loose = Vec::new();
        for (split, folder) in &roots {
            let in_classes = subfolders(folder).map_err(at)?;
            let beside = entries(folder).map_err(at)?.into_iter().filter(|path| is_image(path));
            let before = loose.len();
            loose.extend(beside);
            if split.is_some() && in_classes.is_empty() {
                return Err(at(Error::data(format!(
                    "{} has no folder for each class, and {} images beside each other",
                    folder.display(),
                    loose.len() - before
                ))
                .hint("put them into folders of their classes, or move that folder away: then images are drawn")));
            }
            for (class, inside) in in_classes {
                let mut paths = Vec::new();
                collect(&inside, 0, &mut paths, &mut left_out)?;
                if paths.is_empty() {
                    return Err(at(Error::data(format!(
                        "the folder {} has no images",
                        inside.display()
                    ))
                    .hint(format!("files that end in {} are read", ENDINGS.join(", ")))));
                }
                classes.entry(*split).or_default().insert(class.clone());
                found.extend(paths.into_iter().map(|path| (path, *split, class.clone())));
            }
        }
        let trained = roots.first().map(|(split, _)| *split).unwrap_or_default();
        let known: Vec<String> = classes.get(&trained).into_iter().flatten().cloned().collect();
        if known.len() < 2 {
            return Err(at(Error::data(format!(
                "{} folders of images were found, and each class needs one",
                known.len()
            ))
            .hint("expected is FOLDER/CLASS/*.png or FOLDER/train/CLASS/*.png for two classes or more")));
        }
        let mut files = Vec::new();
        for (path, split, class) in found {
            let index = known.binary_search(&class).map_err(|_| {
                at(Error::data(format!(
                    "'{class}' is a class of {path:?} and not of the training images"
                ))
                .hint("classes are the names of folders, capitals included"))
            })?;
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            files.push(ImageFile { path, name, split, class: index });
        }
        files.sort_by(|a, b| a.name.cmp(&b.name));
        let count = left_out.len();
        let left_out = left_out.into_iter().next().map(|path| (count, path));
        let loose = loose.into_iter().filter(|path| !path.is_dir()).collect();
        Ok(Self { files, classes: known, left_out, loose })
    }

    /// The files in order, with the SHA-256 of each.
    ///
    /// # Errors
    /// If the system refuses, or a file is not there any more.
    pub(crate) fn summed(&self) -> Result<Vec<Summed<'_>>> {
        let summed = |file: &'_ ImageFile| -> Result<String> {
            sha256_of_file(&file.path).map_err(|error| unless_gone(&file.path, error))
        };
        let all = self
            .files
            .iter()
            .map(|file| Ok(Summed { path: &file.path, name: &file.name, sha256: summed(file)? }));
        all.collect()
    }

    /// Class numbers in the order of the files.
    pub(crate) fn labels(&self) -> Vec<i64> {
        self.files.iter().map(|file| file.class as i64).collect()
    }

    /// Rows of training, validation and test: those that folders give, and others drawn.
    ///
    /// # Errors
    /// If a class has too few images.
    pub(crate) fn split(&self, options: &SplitOptions) -> Result<[Vec<i64>; 3]> {
        let of = |wanted: Option<Split>| -> Vec<i64> {
            let rows = (0..).zip(&self.files);
            rows.filter(|(_, file)| file.split == wanted).map(|(row, _)| row).collect()
        };
        let labels = self.labels();
        let labels_of =
            |rows: &[i64]| -> Vec<i64> { rows.iter().map(|row| labels[*row as usize]).collect() };
        let pick = |rows: &[i64], chosen: Vec<i64>| -> Vec<i64> {
            chosen.into_iter().map(|index| rows[index as usize]).collect()
        };
        let mut train = of(None);
        train.extend(of(Some(Split::Train)));
        let mut test = of(Some(Split::Test));
        let mut validation = of(Some(Split::Validation));
        if test.is_empty() {
            let [kept, held_out] = options.hold_out_test(&labels_of(&train), &self.classes)?;
            test = pick(&train, held_out);
            train = pick(&train, kept);
        }
        if validation.is_empty() {
            let [kept, held_out] =
                options.hold_out_validation(&labels_of(&train), &self.classes)?;
            validation = pick(&train, held_out);
            train = pick(&train, kept);
        }
        Ok([train, validation, test])
    }

    /// What a user should hear.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let left_out = self.left_out.iter().map(|(count, first)| {
            let first = first.display();
            match count {
                1 => format!("1 file is left out, because it does not end as images do: {first}"),
                _ => format!(
                    "{count} files are left out, because they do not end as images do: {first} and others"
                ),
            }
        });
        let mut all: Vec<String> = left_out.collect();
        if let Some(first) = self.loose.first() {
            all.push(format!(
                "images without a class, because they lie beside the folders of classes, are left out: {}, \
                 the first of them {}",
                self.loose.len(),
                first.display()
            ));
        }
        all
    }
}

/// How many images of validation and test are images of the training, byte by byte; a sentence for each
/// set that has some.
pub(crate) fn overlaps(
    files: &[Summed<'_>],
    [train, validation, test]: &[Vec<i64>; 3],
) -> Vec<String> {
    let sums = |rows: &[i64]| -> Vec<&str> {
        rows.iter().map(|row| files[*row as usize].sha256.as_str()).collect()
    };
    let trained: BTreeSet<&str> = sums(train).into_iter().collect();
    let sentence = |rows: &[i64], split: &str| {
        let same = sums(rows).into_iter().filter(|sum| trained.contains(sum)).count();
        (same > 0).then(|| {
            format!("{same} of {} images for {split} are images of the training, too", rows.len())
        })
    };
    [sentence(validation, "validation"), sentence(test, "test")].into_iter().flatten().collect()
}

/// An image as it was when its folder was looked through.
#[derive(Debug)]
pub(crate) struct Summed<'a> {
    pub(crate) path: &'a Path,
    name: &'a str,
    /// Of its bytes, in hexadecimal.
    sha256: String,
}

impl Summed<'_> {
    /// Its bytes: those that the digest is of, and no others.
    ///
    /// # Errors
    /// If the system refuses, or the file has changed.
    pub(crate) fn read(&self) -> Result<Vec<u8>> {
        let bytes = read_file(self.path).map_err(|error| unless_gone(self.path, error))?;
        // What is decoded is kept under the digest, and must not be of anything else.
        match file::sha256(&bytes) == self.sha256 {
            true => Ok(bytes),
            false => Err(changed(self.path, "it was changed while the folder was being read")),
        }
    }
}

/// SHA-256 of all names and contents.
pub(crate) fn digest(files: &[Summed<'_>]) -> String {
    file::digest(files.iter().map(|file| (file.sha256.as_str(), file.name)))
}

/// The error, or what it means if the file was there when its folder was looked through.
pub(crate) fn unless_gone(path: &Path, error: Error) -> Error {
    // A link that leads nowhere is no file that went away.
    match path.symlink_metadata() {
        Err(reason) if reason.kind() == io::ErrorKind::NotFound => {
            changed(path, "it was taken away while the folder was being read")
        }
        _ => error,
    }
}

fn changed(path: &Path, what: &str) -> Error {
    Error::data(what)
        .at(path.display().to_string())
        .hint("start again when nothing writes to the folder any more")
}

/// Folders in a folder, with their names, sorted; hidden ones are not looked at.
fn subfolders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            all.push((name, path));
        }
    }
    Ok(all)
}

/// Everything in a folder that is not hidden, sorted.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let refused = |error: std::io::Error| Error::io("read", folder, &error);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ENDINGS.contains(&ending.as_str())
}

/// Adds the images below a folder, and files that are none.
fn collect(
    folder: &Path,
    depth: usize,
    images: &mut Vec<PathBuf>,
    others: &mut Vec<PathBuf>,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::data(format!("folders lie more than {DEEPEST} deep in each other"))
            .at(folder.display().to_string())
            .hint("is a link among them that leads back?"));
    }
    for path in entries(folder)? {
        if path.is_dir() {
            collect(&path, depth + 1, images, others)?;
        } else if is_image(&path) {
            images.push(path);
        } else {
            others.push(path);
        }
    }
    Ok(())
}
