//! Which layers compute with kernels, and with which lists.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use dst_core::layers::is_samples_innermost;
use dst_core::{
    Backend, BatchNorm2d, Conv2d, DenseBackend, Error, ErrorKind, GradientScope, LayerBackend,
    Linear, Pass, Pooling, Precision, Result, Weight, selection,
};
use dst_kernels::{Geometry, Pattern, Workspace};
use tch::{Device, Kind, Tensor};

use crate::choice::pays;
use crate::layer::{Call, Shared, Values, apply};
use crate::openmp::OpenMp;
use crate::{norm, pooling};

/// Sparse kernels where they can compute a layer, dense arithmetic where not. In a network without an
/// inactive weight all arithmetic is dense; in others, a layer that has none is computed by kernels where
/// these are faster nevertheless.
///
/// It learns the active set of every layer by [`Backend::committed`] and makes its lists when the layer is
/// used next. From then on the weight is [compact](Weight::compact), and gradients arrive at its leaf of
/// active values. Where it may not be, or a step announces gradients of inactive weights, they arrive at
/// the dense leaf.
#[derive(Debug)]
pub struct SparseBackend {
    workspace: Shared,
    layers: RefCell<Vec<Prepared>>,
    /// By its share of active weights: whether kernels are to be used for a layer that they can compute.
    chooses: fn(&Geometry, f64) -> bool,
}

/// The active set of one layer, and its lists.
#[derive(Debug)]
struct Prepared {
    weight: Weight,
    revision: u64,
    /// `Bool`, shape of the weight.
    active: Tensor,
    active_count: usize,
    /// One for each size of the input that kernels were given; most layers see one.
    patterns: Vec<Arc<Pattern>>,
}

impl SparseBackend {
    /// A backend that computes with so many threads, the calling one included: those of libtorch, where
    /// they can be had.
    ///
    /// # Errors
    /// If the system gives no threads.
    pub fn new(threads: usize) -> Result<Self> {
        let workspace = match OpenMp::find() {
            Some(team) => Workspace::with_team(threads, team),
            None => Workspace::with_threads(threads)
                .map_err(|error| Error::new(ErrorKind::Io, error.to_string()))?,
        };
        Ok(Self {
            workspace: Arc::new(Mutex::new(workspace)),
            layers: RefCell::default(),
            chooses: |_, _| true,
        })
    }

    /// Uses kernels only in layers for which [`pays`] says that they are faster.
    #[must_use]
    pub fn where_it_pays(self) -> Self {
        Self { chooses: pays, ..self }
    }

    /// The lists of a layer for inputs of this geometry, and its values, if kernels can compute it in this
    /// pass.
    fn prepare(
        &self,
        weight: &Weight,
        input: &Tensor,
        pass: &Pass<'_>,
        geometry: impl FnOnce() -> Option<Geometry>,
    ) -> Option<(Arc<Pattern>, Values)> {
        let plain = (Kind::Float, Device::Cpu);
        let is_plain = (input.kind(), input.device()) == plain
            && weight.kind_and_device() == plain
            && pass.precision != Precision::Bf16;
        if !is_plain || input.numel() == 0 {
            return None;
        }
        let mut layers = self.layers.borrow_mut();
        let is_dense = layers.iter().all(|layer| layer.active_count == layer.weight.size());
        let prepared = layers.iter_mut().find(|prepared| prepared.weight.is_same(weight))?;
        // A change that was not told, such as that of an evaluation of earlier weights.
        if prepared.revision != weight.revision() {
            return None;
        }
        let geometry = geometry()?;
        let share = prepared.active_count as f64 / geometry.weight_count() as f64;
        let is_chosen = match share {
            // Nothing is sparse about it, but what comes before and behind it may be.
            1.0 => !is_dense && pays(&geometry, share),
            _ => (self.chooses)(&geometry, share),
        };
        if !is_chosen {
            return None;
        }
        let known = prepared.patterns.iter().find(|pattern| pattern.geometry() == geometry);
        let pattern = match known {
            Some(pattern) => Arc::clone(pattern),
            None => {
                let mask = Vec::<bool>::try_from(prepared.active.flatten(0, -1)).ok()?;
                let pattern = Arc::new(Pattern::new(geometry, &mask).ok()?);
                prepared.patterns.push(Arc::clone(&pattern));
                pattern
            }
        };
        let gives_all = pass.scope > GradientScope::Active && dst_autograd::is_recording();
        let values = match weight.compact(&prepared.active).filter(|_| !gives_all) {
            Some(leaf) => Values::Compact(leaf),
            None => Values::Dense { leaf: weight.dense(), gives_all },
        };
        Some((pattern, values))
    }

    fn apply(&self, call: &Call<'_>) -> Tensor {
        apply(call, &self.workspace).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Backend for SparseBackend {
    fn linear(&self, layer: &Linear, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let shape = layer.weight.shape();
        let geometry = || Geometry::linear(shape[1] as usize, shape[0] as usize).ok();
        let Some((pattern, values)) = self.prepare(&layer.weight, input, pass, geometry) else {
            return DenseBackend.linear(layer, input, pass);
        };
        let size = input.size();
        let rows =
            if size.len() == 2 { input.shallow_clone() } else { input.reshape([-1, shape[1]]) };
        let output = self.apply(&Call {
            pattern: &pattern,
            values: &values,
            bias: Some(&layer.bias),
            input: &rows,
            output_size: &[rows.size()[0], shape[0]],
            // Sequences go to norms and products of matrices, which want rows.
            keeps_layout: size.len() == 2,
        });
        if size.len() == 2 {
            return output;
        }
        let mut output_size = size;
        if let Some(last) = output_size.last_mut() {
            *last = shape[0];
        }
        output.view(output_size.as_slice())
    }

    fn conv2d(&self, layer: &Conv2d, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let (shape, size) = (layer.weight.shape(), input.size());
        let geometry = || {
            let [_, channels, height, width] = *size else { return None };
            (channels == shape[1]).then_some(())?;
            Geometry::conv2d(dst_kernels::Conv2d {
                in_channels: channels as usize,
                out_channels: shape[0] as usize,
                height: height as usize,
                width: width as usize,
                kernel: [shape[2] as usize, shape[3] as usize],
                stride: [layer.stride as usize; 2],
                padding: [layer.padding as usize; 2],
                dilation: [1; 2],
                groups: 1,
            })
            .ok()
        };
        let Some((pattern, values)) = self.prepare(&layer.weight, input, pass, geometry) else {
            return DenseBackend.conv2d(layer, input, pass);
        };
        let [out_height, out_width] = pattern.geometry().output_size();
        self.apply(&Call {
            pattern: &pattern,
            values: &values,
            bias: layer.bias.as_ref(),
            input,
            output_size: &[size[0], shape[0], out_height as i64, out_width as i64],
            keeps_layout: true,
        })
    }

    fn pool2d(&self, input: &Tensor, pooling: Pooling, size: i64, pass: &Pass<'_>) -> Tensor {
        let is_plain = input.kind() == Kind::Float && input.device() == Device::Cpu;
        if !is_plain || input.numel() == 0 || input.dim() != 4 || !is_samples_innermost(input) {
            return DenseBackend.pool2d(input, pooling, size, pass);
        }
        pooling::apply(input, pooling, size as usize, &self.workspace)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    fn batch_norm2d(&self, norm: &BatchNorm2d, input: &Tensor, pass: &Pass<'_>) -> Tensor {
        let is_plain = [input, &norm.weight, &norm.bias]
            .iter()
            .all(|tensor| (tensor.kind(), tensor.device()) == (Kind::Float, Device::Cpu));
        let is_innermost =
            input.dim() == 4 && !input.is_contiguous() && is_samples_innermost(input);
        if !is_plain || !is_innermost || !BatchNorm2d::uses_batch(input, pass) {
            return norm.by_libtorch(input, pass);
        }
        norm::apply(norm, input, &self.workspace).unwrap_or_else(|error| panic!("{error}"))
    }

    fn last_used(&self, weight: &Weight) -> LayerBackend {
        let layers = self.layers.borrow();
        let prepared = layers.iter().find(|prepared| prepared.weight.is_same(weight));
        match prepared.is_some_and(|prepared| !prepared.patterns.is_empty()) {
            true => LayerBackend::Sparse,
            false => LayerBackend::Masked,
        }
    }

    fn activate(&self, weight: &Weight, active: &Tensor) -> Result<()> {
        let mut layers = self.layers.borrow_mut();
        let revision = weight.revision();
        let known = layers.iter().position(|known| known.weight.is_same(weight));
        let is_known = |known: &Prepared| {
            // An active set is replaced by another tensor and never changed, and this one is alive.
            known.revision == revision && known.active.data_ptr() == active.data_ptr()
        };
        if known.is_some_and(|index| is_known(&layers[index])) {
            return Ok(());
        }
        let prepared = Prepared {
            weight: weight.shallow_clone(),
            revision,
            active: active.shallow_clone(),
            active_count: selection::count(active),
            patterns: Vec::new(),
        };
        match known {
            Some(index) => layers[index] = prepared,
            None => layers.push(prepared),
        }
        Ok(())
    }
}
