//! What the plug-in `hparams` shows: the parameters of a trial and how it ended.

use std::collections::BTreeMap;

use dst_record::record::{Status, TrialRecord, TrialSpec};
use prost::Message;
use serde_json::Value as Json;

use crate::message::{
    Dim, Event, HParam, HParams, PluginData, SessionEnd, SessionStart, Summary, SummaryMetadata,
    TensorProto, TensorShape, Value,
};

const NAME: &str = "hparams";

/// The event that opens a session. Sessions of one `group` differ only in their seed, and
/// TensorBoard takes the mean of their metrics.
pub(crate) fn opens(trial: &TrialRecord, group: &str, start: f64) -> Event {
    let session = SessionStart {
        hparams: parameters(&trial.spec),
        group_name: group.to_owned(),
        start_time_secs: start,
    };
    event(
        "session_start_info",
        HParams { session_start_info: Some(session), ..HParams::default() },
        start,
    )
}

/// The event that closes it.
pub(crate) fn closes(trial: &TrialRecord, end: f64) -> Event {
    let status = if trial.status == Status::Finished { 1 } else { 2 };
    let session = SessionEnd { status, end_time_secs: end };
    event(
        "session_end_info",
        HParams { session_end_info: Some(session), ..HParams::default() },
        end,
    )
}

/// The plug-in reads only the metadata, but a value without a tensor is none.
fn event(name: &str, content: HParams, wall_time: f64) -> Event {
    let shape = TensorShape { dim: vec![Dim { size: 0 }] };
    let data = PluginData { plugin_name: NAME.to_owned(), content: content.encode_to_vec() };
    let value = Value {
        tag: format!("_{NAME}_/{name}"),
        simple_value: None,
        tensor: Some(TensorProto { dtype: 1, tensor_shape: Some(shape) }),
        metadata: Some(SummaryMetadata { plugin_data: Some(data) }),
    };
    Event { wall_time, step: 0, file_version: None, summary: Some(Summary { value: vec![value] }) }
}

/// All that determines a trial but its seed, named as flags name it.
fn parameters(spec: &TrialSpec) -> BTreeMap<String, HParam> {
    let text = |text: &str| HParam { string_value: Some(text.to_owned()), ..HParam::default() };
    let mut all = BTreeMap::from([
        ("dataset".to_owned(), text(&spec.dataset_label())),
        ("model".to_owned(), text(spec.model_label())),
        ("strategy".to_owned(), text(spec.strategy_name())),
        ("sparsity".to_owned(), HParam { number_value: Some(spec.sparsity), ..HParam::default() }),
    ]);
    let training = serde_json::to_value(&spec.training).unwrap_or_default();
    for (owner, config) in [
        (spec.strategy_name(), &*spec.strategy),
        (spec.model_name(), &*spec.model),
        ("training", &training),
    ] {
        for (key, value) in config.as_object().into_iter().flatten() {
            if key != "name" {
                all.insert(format!("{owner}.{key}"), parameter(value));
            }
        }
    }
    all
}

fn parameter(value: &Json) -> HParam {
    match value {
        Json::Bool(value) => HParam { bool_value: Some(*value), ..HParam::default() },
        Json::Number(value) => HParam { number_value: value.as_f64(), ..HParam::default() },
        Json::String(value) => HParam { string_value: Some(value.clone()), ..HParam::default() },
        other => HParam { string_value: Some(other.to_string()), ..HParam::default() },
    }
}
