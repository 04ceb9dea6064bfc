//! The messages of event files, as TensorFlow declares them in `core/util/event.proto` and
//! `core/framework/summary.proto`, and TensorBoard in `plugins/hparams/plugin_data.proto`. Fields
//! that are never written are left out, and alternatives (`oneof`) are optional fields: both are
//! the same bytes.
//!
//! Written by hand so that no build needs `protoc`.

use std::collections::BTreeMap;

use prost::Message;

/// One record of a file: values at one time.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub(crate) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(crate) step: i64,
    /// The first record of a file holds nothing else.
    #[prost(string, optional, tag = "3")]
    pub(crate) file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(crate) summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(crate) value: Vec<Value>,
}

/// A scalar, or a tensor for a plug-in.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Value {
    #[prost(string, tag = "1")]
    pub(crate) tag: String,
    #[prost(float, optional, tag = "2")]
    pub(crate) simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    pub(crate) tensor: Option<TensorProto>,
    #[prost(message, optional, tag = "9")]
    pub(crate) metadata: Option<SummaryMetadata>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SummaryMetadata {
    #[prost(message, optional, tag = "1")]
    pub(crate) plugin_data: Option<PluginData>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct PluginData {
    #[prost(string, tag = "1")]
    pub(crate) plugin_name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) content: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorProto {
    /// 1 is a 32-bit float.
    #[prost(int32, tag = "1")]
    pub(crate) dtype: i32,
    #[prost(message, optional, tag = "2")]
    pub(crate) tensor_shape: Option<TensorShape>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TensorShape {
    #[prost(message, repeated, tag = "2")]
    pub(crate) dim: Vec<Dim>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Dim {
    #[prost(int64, tag = "1")]
    pub(crate) size: i64,
}

/// What the plug-in `hparams` finds in its metadata.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HParams {
    #[prost(int32, tag = "1")]
    pub(crate) version: i32,
    #[prost(message, optional, tag = "3")]
    pub(crate) session_start_info: Option<SessionStart>,
    #[prost(message, optional, tag = "4")]
    pub(crate) session_end_info: Option<SessionEnd>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    pub(crate) hparams: BTreeMap<String, HParam>,
    /// Sessions of one group differ in nothing but chance.
    #[prost(string, tag = "4")]
    pub(crate) group_name: String,
    #[prost(double, tag = "5")]
    pub(crate) start_time_secs: f64,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HParam {
    #[prost(double, optional, tag = "2")]
    pub(crate) number_value: Option<f64>,
    #[prost(string, optional, tag = "3")]
    pub(crate) string_value: Option<String>,
    #[prost(bool, optional, tag = "4")]
    pub(crate) bool_value: Option<bool>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct SessionEnd {
    /// 1 is success, 2 is failure.
    #[prost(int32, tag = "1")]
    pub(crate) status: i32,
    #[prost(double, tag = "2")]
    pub(crate) end_time_secs: f64,
}
