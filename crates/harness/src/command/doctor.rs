//! `harness doctor`: what this machine has, and what to do about what it lacks.

use std::path::Path;

use dst_analysis::format::count;
use dst_core::plugin::{DatasetPlugin, Plugin};
use dst_core::{DataSources, Result, device};
use dst_kernels::Instructions;
use dst_settings::{ExecutionConfig, ResolvedSettings};
use dst_store::{Store, lease};
use serde::Serialize;

use super::preflight;
use crate::cli::DoctorArgs;
use crate::code::commit_in_words;
use crate::run::libtorch_version;
use crate::text::{bytes, hanging};
use crate::{flags, output};
use dst_executor::Exit;

/// Less is called little: a store of some thousand trials, or a checkpoint of BERT.
const LITTLE_SPACE: u64 = 2_000_000_000;

/// Less is called little: two trials of ResNet-18 at once.
const LITTLE_MEMORY: u64 = 2_000_000_000;

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    found: String,
    /// What to do, if something should be done.
    advice: Option<String>,
}

impl Finding {
    fn new(what: &'static str, found: impl Into<String>) -> Self {
        Self { what, found: found.into(), advice: None }
    }

    fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }
}

pub(super) fn run(args: &DoctorArgs) -> Result<Exit> {
    let execution = ResolvedSettings::of_process(None, flags::place(&args.place)?)?.execution()?;
    let mut findings = vec![harness(), libtorch(), processor(), accelerator(), memory()];
    findings.push(store(&execution));
    findings.push(disk("disk of the store", &execution.store));
    findings.extend(dst_data::cache::folder("").map(|folder| disk("disk of the cache", &folder)));
    findings.push(data(&execution.sources())?);
    if args.json {
        output::print_json(&findings)?;
        return Ok(Exit::Success);
    }
    let width = output::width();
    let label = findings.iter().map(|finding| finding.what.chars().count()).max().unwrap_or(0);
    let indent = " ".repeat(label + 2);
    let mut text = String::new();
    for Finding { what, found, advice } in &findings {
        text.push_str(&hanging(found, &format!("{what:label$}  "), &indent, width));
        if let Some(advice) = advice {
            text.push_str(&hanging(advice, &format!("{indent}→ "), &format!("{indent}  "), width));
        }
    }
    output::print(&text)?;
    Ok(Exit::Success)
}

fn harness() -> Finding {
    Finding::new("harness", format!("{} ({})", env!("CARGO_PKG_VERSION"), commit_in_words()))
}

fn libtorch() -> Finding {
    // An operation makes sure that the library is loaded, and works.
    let works = tch::Tensor::f_from_slice(&[1.0_f32, 2.0])
        .and_then(|tensor| tensor.f_sum(tch::Kind::Float))
        .and_then(|sum| sum.f_double_value(&[]));
    match works {
        Ok(3.0) => Finding::new("libtorch", libtorch_version()),
        other => {
            Finding::new("libtorch", format!("{} computes 1 + 2 as {other:?}", libtorch_version()))
                .advise("fetch it anew: remove .libtorch and run `cargo xtask libtorch`")
        }
    }
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (kernels, advice) = match Instructions::available().first() {
        Some(Instructions::Avx512) => ("AVX-512", None),
        Some(Instructions::Avx2) => ("AVX2", None),
        _ => (
            "portable code",
            Some("without AVX2, sparse kernels are slow: leave --backend at masked"),
        ),
    };
    let processor = lease::processor();
    let found = format!("{processor}, {}; sparse kernels use {kernels}", count(cores, "core"));
    let finding = Finding::new("processor", found);
    match advice {
        Some(advice) => finding.advise(advice),
        None => finding,
    }
}

fn accelerator() -> Finding {
    match device::parse("auto") {
        Ok(found) if device::is_accelerator(found) => {
            Finding::new("accelerator", format!("{found:?}"))
                .advise("--device auto uses it; trials on it were tested by nobody yet")
        }
        _ => Finding::new("accelerator", "none that libtorch sees; trials run on the processor"),
    }
}

fn memory() -> Finding {
    let Some(free) = preflight::available_memory() else {
        return Finding::new("memory", "what is available is not known");
    };
    let finding = Finding::new("memory", format!("{} available", bytes(free)));
    match free < LITTLE_MEMORY {
        true => finding.advise("a large network may not fit; --jobs 1 needs least"),
        false => finding,
    }
}

fn store(execution: &ExecutionConfig) -> Finding {
    let folder = &execution.store;
    let place = folder.display();
    let opened = Store::open_if_there(folder).and_then(|store| {
        store.map(|store| Ok((store.ids()?.len(), preflight::writable(store.root())))).transpose()
    });
    match opened {
        Ok(None) => {
            Finding::new("store", format!("{place} is not there yet; the first grid makes it"))
        }
        Ok(Some((trials, Ok(())))) => {
            Finding::new("store", format!("{place}, {}", count(trials, "trial")))
        }
        Ok(Some((trials, Err(error)))) => {
            Finding::new("store", format!("{place}, {}", count(trials, "trial")))
                .advise(error.one_line())
        }
        Err(error) => {
            Finding::new("store", format!("{place} cannot be used")).advise(error.one_line())
        }
    }
}

/// The free space around a folder that may not be there yet.
fn disk(what: &'static str, folder: &Path) -> Finding {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let known = absolute.ancestors().find_map(|there| fs4::available_space(there).ok());
    let Some(free) = known else {
        return Finding::new(what, format!("{}: free space is not known", folder.display()));
    };
    let finding = Finding::new(what, format!("{} free at {}", bytes(free), folder.display()));
    match free < LITTLE_SPACE {
        true => {
            finding.advise("free some space, or name another folder with --store or HARNESS_CACHE")
        }
        false => finding,
    }
}

fn data(sources: &DataSources) -> Result<Finding> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for plugin in DatasetPlugin::all()?.iter().filter(|plugin| plugin.own.is_none()) {
        match (plugin.find)(sources) {
            Ok(_) => found.push(plugin.name),
            Err(_) => missing.push(plugin.name),
        }
    }
    let places = match &sources.data_dir {
        Some(folder) => format!("{} and the cache of the Hub", folder.display()),
        None => "the cache of the Hub".to_owned(),
    };
    let found = format!("{} (looked for in {places})", found.join(", "));
    let finding = Finding::new("data sets", found);
    Ok(match missing.is_empty() {
        true => finding,
        false => finding.advise(format!(
            "not found: {}. --data-dir DIR or HARNESS_DATA names a folder with files; what is at the \
             Hub is fetched by the first grid that needs it, or by `harness data fetch NAME`",
            missing.join(", ")
        )),
    })
}
