//! Gradients: of another time, unannounced, announced and not used.

use dst_core::tch::Tensor;
use dst_core::{BatchUse, Forecast, GradientScope, Layer, Probe, Result, Step, Strategy, Topology};

use crate::{method, refused, right};

/// Hooks of the right method, but for `gradient_scope` and what follows it.
macro_rules! spoilt {
    ($type:ident, $name:literal, $($hook:tt)*) => {
        method!($type, $name);

        #[typetag::serde(name = $name)]
        impl Strategy for $type {
            fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
                right::init(topology)
            }

            fn updates(&self, start: &Step) -> Forecast {
                right::updates(start)
            }

            $($hook)*
        }
    };
}

/// The gradient under a name, and in its place that of now.
fn swapped(layer: &mut Layer, gradient: Tensor) -> Tensor {
    let old = layer.take_slot("gradient");
    layer.set_slot("gradient", gradient.copy());
    old.unwrap_or(gradient).abs()
}

spoilt! { Previous, "previous",
    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(right::TIMING.is_due(step))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| {
            let gradient = layer.dense_gradient()?;
            Ok(swapped(layer, gradient))
        })
    }
}

#[test]
fn the_gradient_of_the_previous_update() {
    refused(
        &Previous {},
        "the update at step 10 does not depend on the gradients since the one at step 5, but the \
         next update does: it uses the gradient of the previous update",
    );
}

// Starts dense and prunes by |w · g| down to the target.
method!(PreviousPruning, "previous-pruning");

impl PreviousPruning {
    /// Twelve updates, of which the last arrives.
    fn count(layer: &Layer, update: usize) -> usize {
        let (from, to) = (layer.size(), layer.final_target());
        from - (from - to) * update.min(6) / 6
    }
}

#[typetag::serde(name = "previous-pruning")]
impl Strategy for PreviousPruning {
    fn init(&self, topology: &mut Topology, _: &mut dyn Probe) -> Result<()> {
        topology.allocate(dst_core::Distribution::Uniform)?;
        topology.start_dense()
    }

    fn updates(&self, start: &Step) -> Forecast {
        right::updates(start)
    }

    fn density_at(&self, step: &Step, topology: &Topology) -> f64 {
        let update = right::TIMING.passed(step, BatchUse::Weights);
        let counts = topology.layers().iter().map(|layer| Self::count(layer, update));
        counts.sum::<usize>() as f64 / topology.size() as f64
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let Some((update, _)) = right::TIMING.ordinal(step, BatchUse::Weights) else {
            return Ok(());
        };
        for layer in topology.layers_mut() {
            layer.set_target(Self::count(layer, update))?;
            let gradient = layer.active_gradient()?;
            let scores = swapped(layer, gradient) * layer.magnitude();
            layer.keep_largest(&scores)?;
        }
        Ok(())
    }
}

#[test]
fn the_gradient_of_the_previous_update_in_a_method_that_only_prunes() {
    refused(&PreviousPruning {}, "it uses the gradient of the previous update");
}

spoilt! { Around, "around",
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| Ok(layer.weight().dense().grad().abs()))
    }
}

#[test]
fn a_gradient_read_around_the_announcement() {
    refused(&Around {}, "gradients of inactive weights were read around the announcement");
}

spoilt! { AroundInSilence, "around-in-silence",
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| Ok(layer.weight().dense().grad().nan_to_num(0.0, 0.0, 0.0).abs()))
    }
}

#[test]
fn a_gradient_read_around_the_announcement_by_what_takes_nan_for_a_number() {
    refused(
        &AroundInSilence {},
        "were read around the announcement. With NaN in the place of those that were not announced: the \
         networks differ after batch 6",
    );
}

spoilt! { EarlierBatch, "earlier-batch",
    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(right::TIMING.is_due(step))
    }

    // The update comes a step later. The slot is a handle, not a copy: the next batch writes there.
    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let kept = topology.layers()[0].slot("gradient").is_some();
        if kept {
            right::update(topology, |layer| Ok(layer.take_slot("gradient").expect("kept").abs()))?;
        }
        if right::TIMING.is_due(step) {
            for layer in topology.layers_mut() {
                let gradient = layer.dense_gradient()?;
                layer.set_slot("gradient", gradient);
            }
        }
        Ok(())
    }
}

#[test]
fn a_gradient_kept_as_a_handle_of_what_the_next_batch_overwrites() {
    refused(&EarlierBatch {}, "were read around the announcement");
}

spoilt! { Always, "always",
    fn gradient_scope(&self, _: &Step) -> GradientScope {
        GradientScope::All
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| Ok(layer.dense_gradient()?.abs()))
    }
}

#[test]
fn announcing_always() {
    refused(
        &Always {},
        "announced the dense gradient in 60 of 60 steps and read it in 10 of them, not in step 0",
    );
}

spoilt! { ReadsAlways, "reads-always",
    fn gradient_scope(&self, _: &Step) -> GradientScope {
        GradientScope::All
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        let gradients: Vec<Tensor> =
            topology.layers().iter().map(Layer::dense_gradient).collect::<Result<_>>()?;
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        let mut gradients = gradients.into_iter();
        right::update(topology, |_| Ok(gradients.next().expect("one a layer").abs()))
    }
}

#[test]
fn announcing_and_reading_always_but_using_it_seldom() {
    refused(
        &ReadsAlways {},
        "dense gradients are announced and read in 50 steps without an update, but nothing depends \
         on those",
    );
}

spoilt! { Never, "never",
    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(right::TIMING.is_due(step))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| Ok(layer.active_gradient()?.abs()))
    }
}

#[test]
fn announcing_and_never_reading() {
    refused(&Never {}, "announced the dense gradient in 10 steps and never read it");
}

spoilt! { Unused, "unused",
    fn gradient_scope(&self, step: &Step) -> GradientScope {
        GradientScope::all_if(right::TIMING.is_due(step))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| {
            // All equal: the first free places.
            Ok(layer.dense_gradient()?.ones_like())
        })
    }
}

#[test]
fn reading_without_use() {
    refused(&Unused {}, "dense gradients are announced and read, but nothing depends on them");
}

spoilt! { Moody, "moody",
    fn gradient_scope(&self, _: &Step) -> GradientScope {
        static CALLS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let calls = CALLS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        GradientScope::all_if(calls.is_multiple_of(7))
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        for layer in topology.layers() {
            let _ = layer.dense_gradient();
        }
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| Ok(layer.active_gradient()?.abs()))
    }
}

#[test]
fn announcing_by_something_else_than_the_step() {
    refused(&Moody {}, "`gradient_scope` gave two answers for step");
}

spoilt! { Trainable, "trainable",
    fn gradient_scope(&self, _: &Step) -> GradientScope {
        GradientScope::Trainable
    }

    fn after_step(&self, step: &Step, topology: &mut Topology) -> Result<()> {
        if !right::TIMING.is_due(step) {
            return Ok(());
        }
        right::update(topology, |layer| Ok(layer.active_gradient()?.abs()))
    }
}

#[test]
fn announcing_trained_weights_where_only_active_ones_are_trained() {
    refused(
        &Trainable {},
        "announced gradients of inactive weights that are trained, in 60 steps, and there are none",
    );
}
