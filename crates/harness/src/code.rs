//! The code that results belong to: which took part in one, and whether it is the present one.
//!
//! Each plug-in is known by the digest of its crate's sources, which the build script of the
//! binary that links it registers; see [`dst_sources`](../../dst_sources/index.html). A plug-in
//! that no build script registers, such as one in a `main.rs`, stands for its whole program: its
//! digest is that of the executable. Core and training have the version [`NUMERICS`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use dst_core::record::Provenance;
use dst_core::{Architecture, Dataset, Error, Result, Strategy, Training};
use dst_data::file::sha256_of_file;
use dst_train::NUMERICS;

/// The sources of a crate with plug-ins, as they were when the binary was built. Build scripts
/// register them.
#[derive(Debug)]
pub struct Sources {
    /// The name that Cargo knows, such as `strategy-rigl`.
    pub package: &'static str,
    /// The name that code knows, such as `strategy_rigl`.
    pub library: &'static str,
    /// SHA-256, 64 hexadecimal digits.
    pub digest: &'static str,
}

inventory::collect!(Sources);

/// The git commit that this library was built from, with `-dirty` at its end if the sources
/// differed from it; empty outside git.
pub const COMMIT: &str = env!("HARNESS_COMMIT");

/// The commit for people: `commit 0123456789ab`, or `outside git`.
pub(crate) fn commit_in_words() -> String {
    if COMMIT.is_empty() { "outside git".to_owned() } else { format!("commit {COMMIT}") }
}

/// Digests of the crates that take part in a training, by name.
///
/// # Errors
/// If a plug-in stands for its program, and that cannot be read, or the optimiser or schedule of the
/// training is not usable.
pub fn of(
    strategy: &dyn Strategy,
    architecture: &dyn Architecture,
    dataset: &dyn Dataset,
    training: &Training,
) -> Result<BTreeMap<String, String>> {
    let rule = dst_train::rule(&training.optimizer)?;
    let schedule = dst_train::schedule(&training.schedule)?;
    // The version of the numbers stands for the optimisers and schedules of the training itself.
    let own = "dst_train";
    let components = [(*rule).crate_name(), (*schedule).crate_name()];
    let components = components.into_iter().filter(|library| *library != own);
    let plugins = [strategy.crate_name(), architecture.crate_name(), dataset.library()];
    let known =
        |library: &str| inventory::iter::<Sources>().find(|sources| sources.library == library);
    let digests = plugins.into_iter().chain(components).map(|library| match known(library) {
        Some(sources) => Ok((sources.package.to_owned(), sources.digest.to_owned())),
        None => Ok((library.to_owned(), of_program()?.to_owned())),
    });
    digests.collect()
}

/// Provenance of what would be trained now, as far as it is code.
pub(crate) fn present(code: BTreeMap<String, String>) -> Provenance {
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        commit: COMMIT.to_owned(),
        code,
        numerics: NUMERICS,
        ..Provenance::default()
    }
}

/// Code in one line, such as `dst-models=… strategy-rigl=…`.
pub(crate) fn in_words(code: &BTreeMap<String, String>) -> String {
    let pairs = code.iter().map(|(name, digest)| format!("{name}={digest}"));
    pairs.collect::<Vec<_>>().join(" ")
}

/// Why a result is of other code than this program, in words; nothing if it is not.
///
/// # Errors
/// As [`of`].
pub fn changes(provenance: &Provenance) -> Result<BTreeSet<String>> {
    let mut changes = BTreeSet::new();
    if provenance.code.is_empty() || provenance.numerics == 0 {
        return Ok(BTreeSet::from(["unknown: it was not recorded".to_owned()]));
    }
    for (package, digest) in &provenance.code {
        let known = inventory::iter::<Sources>().find(|sources| sources.package == package);
        let present = match known {
            Some(sources) => sources.digest,
            None => of_program()?,
        };
        if present != digest {
            changes.insert(format!("{package} changed"));
        }
    }
    if provenance.numerics != NUMERICS {
        let was = provenance.numerics;
        changes.insert(format!("the numbers of training: version {was}, now {NUMERICS}"));
    }
    if !provenance.earlier_code.is_empty() {
        changes.insert("begun by other code".to_owned());
    }
    Ok(changes)
}

/// The digest of the running program, worked out once.
fn of_program() -> Result<&'static str> {
    static DIGEST: OnceLock<String> = OnceLock::new();
    if let Some(digest) = DIGEST.get() {
        return Ok(digest);
    }
    // On Linux this is the program that runs, though another may lie in its place meanwhile.
    let running = Path::new("/proc/self/exe");
    let digest = if running.exists() {
        sha256_of_file(running)?
    } else {
        let path = std::env::current_exe()
            .map_err(|error| Error::io("find", Path::new("this program"), &error))?;
        sha256_of_file(&path)?
    };
    Ok(DIGEST.get_or_init(|| digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::plugin;
    use dst_train::toy::{Blobs, TinyMlp};
    use serde_json::Map;

    #[test]
    fn plug_ins_are_known_by_the_sources_of_their_crate() {
        let strategy = plugin::strategy("rigl", &Map::new()).unwrap();
        let model = plugin::architecture("mlp", &Map::new()).unwrap();
        let sources = dst_core::DataSources::default();
        let data = plugin::dataset("mnist-10k", &Map::new(), &sources).unwrap();
        let code = of(&*strategy, &*model, &*data, &Training::default()).unwrap();
        let names: Vec<&String> = code.keys().collect();
        assert_eq!(names, ["dataset-mnist", "dst-models", "strategy-rigl"]);
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../strategies/rigl");
        let digest = dst_sources::Sources::of(&folder).unwrap().digest;
        assert_eq!(code["strategy-rigl"], digest);
        assert_eq!(changes(&present(code)).unwrap(), BTreeSet::new());
    }

    #[test]
    fn plug_ins_without_sources_stand_for_their_program() {
        let strategy = plugin::strategy("set", &Map::new()).unwrap();
        let (model, data) = (TinyMlp::default(), Blobs::default());
        let code = of(&*strategy, &model, &data, &Training::default()).unwrap();
        let program = sha256_of_file(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(code["dst_train"], program);
        assert_eq!(code.len(), 2);
        assert_eq!(changes(&present(code)).unwrap(), BTreeSet::new());
    }

    #[test]
    fn what_changed_is_named() {
        let code = BTreeMap::from([
            ("strategy-rigl".to_owned(), "0".repeat(64)),
            ("my_program".to_owned(), "1".repeat(64)),
        ]);
        let mut result = present(code);
        let named = |result: &Provenance| Vec::from_iter(changes(result).unwrap());
        assert_eq!(named(&result), ["my_program changed", "strategy-rigl changed"]);
        result.code.clear();
        assert_eq!(named(&result), ["unknown: it was not recorded"]);
        assert_eq!(named(&Provenance::default()), ["unknown: it was not recorded"]);
        let digest = inventory::iter::<Sources>().next().unwrap();
        result.code.insert(digest.package.into(), digest.digest.into());
        assert_eq!(named(&result), [""; 0]);
        result.numerics = NUMERICS + 1;
        result.earlier_code.push("strategy-rigl=0 numerics=1".into());
        assert_eq!(
            named(&result),
            [
                "begun by other code".to_owned(),
                format!("the numbers of training: version {}, now {NUMERICS}", NUMERICS + 1)
            ]
        );
        assert!(COMMIT.is_empty() || COMMIT.len() >= 12, "{COMMIT}");
    }
}
