//! `harness export`

use std::collections::BTreeMap;
use std::path::PathBuf;

use dst_analysis::format::percent;
use dst_core::record::TrialSpec;
use dst_core::{
    Architecture, BackendKind, Dataset, Error, Graph, NetworkWeights, Result, Task, plugin,
};
use dst_onnx::OnnxModel;
use dst_settings::{CommandLine, ExecutionConfig, ResolvedSettings};
use dst_train::RestoredNetwork;
use serde_json::json;
use tch::Device;

use super::label::{self, Labels};
use super::trained_on;
use crate::cli::{ExportArgs, ExportFormat};
use crate::flags;
use crate::output;
use crate::run::parameters;
use crate::text::bytes;
use dst_executor::Exit;
use dst_store::Store;
use dst_store::file;

pub(super) fn run(args: &ExportArgs) -> Result<Exit> {
    let mut flags = CommandLine::new();
    flags::store(&mut flags, args.store.as_deref())?;
    flags::data(&mut flags, &args.data)?;
    let execution = ResolvedSettings::of_process(None, flags)?.execution()?;
    let store = Store::open(&execution.store)?;
    let id = store.find(&args.trial)?;
    let (spec, weights) = (store.spec(&id)?, store.weights(&id)?);
    let architecture = plugin::architecture(spec.model_name(), parameters(&spec.model)?)?;
    let title = label::trial(&Labels::of([&spec].into_iter()), &spec);
    let name = |own: &str| architecture.published_name(own);
    let mut interface = None;
    let (file, ending) = match args.format {
        ExportFormat::Safetensors => (weights.to_safetensors(name)?, "safetensors"),
        ExportFormat::Csr => (weights.to_compressed(name)?, "csr.safetensors"),
        ExportFormat::Onnx => {
            let network = Network::of(&store, &spec, &weights, &*architecture, execution)?;
            interface = Some(network.interface()?);
            (network.to_onnx(title.clone())?, "onnx")
        }
    };
    let path = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{id}.{ending}")));
    file::save(&path, &file)?;

    let (dense, compressed) = (weights.dense_size(), weights.compressed_size());
    output::note(&format!("{title}, after epoch {}", weights.epoch));
    output::note(&format!(
        "{} of {} parameters are active; dense tensors take {}, compressed ones {} ({} of dense)",
        weights.active_count(),
        weights.parameter_count(),
        bytes(dense),
        bytes(compressed),
        percent(compressed as f64 / dense.max(1) as f64),
    ));
    if let Some(interface) = interface {
        output::note(&interface);
    }
    if matches!(args.format, ExportFormat::Csr) && compressed >= dense {
        output::note("dense tensors are smaller here: leave --format csr out");
    }
    output::print(&format!("{}\n", path.display()))?;
    Ok(Exit::Success)
}

/// The network of a trial, and the data set that it was trained on.
struct Network<'a> {
    spec: &'a TrialSpec,
    weights: &'a NetworkWeights,
    dataset: Box<dyn Dataset>,
    restored: RestoredNetwork,
}

impl<'a> Network<'a> {
    /// Builds it again.
    ///
    /// # Errors
    /// If its data set is not there, or the network cannot be built.
    fn of(
        store: &Store,
        spec: &'a TrialSpec,
        weights: &'a NetworkWeights,
        architecture: &dyn Architecture,
        mut execution: ExecutionConfig,
    ) -> Result<Self> {
        execution.own_data = store.own_data()?;
        let start = architecture.weights()?;
        let dataset = trained_on::load(store, &spec.id(), spec, &execution, start.as_deref())?;
        let backend = dst_sparse::backend(BackendKind::Masked, 1)?;
        let restored =
            RestoredNetwork::build(architecture, &*dataset, weights, &*backend, Device::Cpu)?;
        Ok(Self { spec, weights, dataset, restored })
    }

    /// What it computes.
    ///
    /// # Errors
    /// If its model does not say so.
    fn graph(&self) -> Result<Graph<'_>> {
        self.restored.graph().ok_or_else(|| {
            let name = self.spec.model_name();
            Error::usage(format!(
                "the model '{name}' does not describe what it computes, so it cannot be written as ONNX"
            ))
            .hint(
                "export it without --format onnx: a BERT loads into transformers, which has an exporter of \
                 its own (see docs/networks.md); a model of your own describes itself if it implements \
                 dst_core::PictureNetwork",
            )
        })
    }

    /// What the file takes and gives, in a line.
    fn interface(&self) -> Result<String> {
        let [channels, height, width] = self.graph()?.picture;
        let raw = self.dataset.raw_inputs()?;
        let meaning = raw.as_ref().map_or("normalised inputs", |raw| raw.meaning.as_str());
        let task = self.dataset.task();
        Ok(format!(
            "takes {} [batch, {channels}, {height}, {width}], {meaning}; gives {} [batch, {}]",
            OnnxModel::INPUT,
            OnnxModel::output(task),
            task.outputs()
        ))
    }

    /// The bytes of an ONNX file.
    fn to_onnx(&self, title: String) -> Result<Vec<u8>> {
        let raw_inputs = self.dataset.raw_inputs()?;
        let mut metadata = BTreeMap::from(
            [
                ("trial", self.spec.id()),
                ("model", self.spec.model_label().to_owned()),
                ("strategy", self.spec.strategy_name().to_owned()),
                ("sparsity", self.spec.sparsity.to_string()),
                ("dataset", self.spec.dataset_label()),
                ("seed", self.spec.seed.to_string()),
                ("epoch", self.weights.epoch.to_string()),
            ]
            .map(|(key, value)| (key.to_owned(), value)),
        );
        if let Task::Classification { classes } = self.dataset.task() {
            let names = (0..classes as usize).map(|class| self.dataset.class_name(class));
            if let Some(names) = names.collect::<Option<Vec<&str>>>() {
                metadata.insert("classes".to_owned(), json!(names).to_string());
            }
        }
        if let Some(raw) = raw_inputs.as_ref().filter(|raw| !raw.names.is_empty()) {
            let means = Vec::<f32>::try_from(raw.mean.f_view(-1)?)?;
            metadata.insert("inputs".to_owned(), json!(raw.names).to_string());
            metadata.insert("means".to_owned(), json!(means).to_string());
        }
        let model = OnnxModel {
            graph: &self.graph()?,
            parameters: self.restored.parameters(),
            task: self.dataset.task(),
            raw_inputs,
            title,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metadata,
        };
        model.encode()
    }
}
