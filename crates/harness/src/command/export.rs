//! `harness export`

use std::path::PathBuf;

use dst_analysis::format::percent;
use dst_core::{Result, plugin};
use dst_settings::{CommandLine, ResolvedSettings};

use super::label::{self, Labels};
use crate::cli::{ExportArgs, ExportFormat};
use crate::flags;
use crate::output;
use crate::run::parameters;
use crate::text::bytes;
use dst_executor::Exit;
use dst_store::Store;
use dst_store::file::{self, Durability};

pub(super) fn run(args: &ExportArgs) -> Result<Exit> {
    let mut flags = CommandLine::new();
    flags::store(&mut flags, args.store.as_deref())?;
    let store = Store::open(&ResolvedSettings::of_process(None, flags)?.execution()?.store)?;
    let id = store.find(&args.trial)?;
    let (spec, weights) = (store.spec(&id)?, store.weights(&id)?);
    let architecture = plugin::architecture(spec.model_name(), parameters(&spec.model)?)?;
    let name = |own: &str| architecture.published_name(own);
    let (file, ending) = match args.format {
        ExportFormat::Safetensors => (weights.to_safetensors(name)?, "safetensors"),
        ExportFormat::Csr => (weights.to_compressed(name)?, "csr.safetensors"),
    };
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{id}.{ending}")));
    file::replace(&path, &file, Durability::Synced)?;

    let labels = Labels::of([&spec].into_iter());
    let (dense, compressed) = (weights.dense_size(), weights.compressed_size());
    output::note(&format!("{}, after epoch {}", label::trial(&labels, &spec), weights.epoch));
    output::note(&format!(
        "{} of {} parameters are active; dense tensors take {}, compressed ones {} ({} of dense)",
        weights.active_count(),
        weights.parameter_count(),
        bytes(dense),
        bytes(compressed),
        percent(compressed as f64 / dense.max(1) as f64),
    ));
    if matches!(args.format, ExportFormat::Csr) && compressed >= dense {
        output::note("dense tensors are smaller here: leave --format csr out");
    }
    output::print(&format!("{}\n", path.display()))?;
    Ok(Exit::Success)
}
