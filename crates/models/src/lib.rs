//! Models: a multi-layer perceptron, LeNets, residual networks, BERT, a decoder of text, and networks that
//! users describe layer by layer.
//!
//! Each architecture is a plain config that registers itself under its name. A config is
//! checked when the network is built, against the input and the task of the data set, before
//! any weight is drawn.

mod bert;
mod check;
mod decoder;
mod layers;
mod lenet;
mod lenet_caffe;
mod mlp;
mod projection;
mod residual;
mod resnet;
mod small_cnn;
mod tensor_file;
mod weights;
mod wide_resnet;

pub use bert::{
    Bert, BertActivation, BertBase, BertMini, BertTiny, ConfiguredBert, MiniLmL6, PrunableWeights,
};
pub use decoder::{Decoder, PrunableLayers};
pub use layers::{Layer, Layers};
pub use lenet::{Activation, LeNet5, Pooling};
pub use lenet_caffe::LeNet5Caffe;
pub use mlp::{LeNet300, Mlp};
pub use residual::Shortcut;
pub use resnet::{ResNet18, ResNet20};
pub use small_cnn::SmallCnn;
pub use weights::{LoadReport, load_safetensors};
pub use wide_resnet::WideResNet22;
