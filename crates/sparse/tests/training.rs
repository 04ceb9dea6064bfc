//! Trainings on sparse kernels: what they store, how they resume, and that they are those of masks.

mod common;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use common::{Rewires, with_setup};
use dst_core::tch::Tensor;
use dst_core::{Backend, DenseBackend, LayerBackend, Moments};
use dst_sparse::SparseBackend;
use dst_train::{Ended, Observer, Progress, Silent, Trainer, train};
use safetensors::SafeTensors;

/// Weights and moments after so many steps, and the bytes of moments as they are stored.
fn after(strategy: &Rewires, backend: &dyn Backend, steps: usize) -> (Vec<Tensor>, usize) {
    with_setup(strategy, backend, |setup| {
        let mut trainer = Trainer::new(*setup).unwrap();
        for _ in 0..steps {
            trainer.step().unwrap();
        }
        let bytes = trainer.optimizer().moment_bytes();
        let weights = trainer.parameters().iter().map(|(_, parameter)| parameter.values().copy());
        let moments = trainer.optimizer().moments().map(|(_, moment)| moment.copy());
        (weights.chain(moments).collect(), bytes)
    })
}

#[test]
fn moments_are_those_of_active_entries_only() {
    let backend = SparseBackend::new(1).unwrap();
    let expected = |moments: Moments, active_only: bool| {
        let strategy = Rewires { interval: 4, moments };
        with_setup(&strategy, &backend, |setup| {
            let mut trainer = Trainer::new(*setup).unwrap();
            for _ in 0..12 {
                trainer.step().unwrap();
            }
            let topology = trainer.topology();
            let pruned = if active_only { topology.size() - topology.active_count() } else { 0 };
            // Adam has two, in f32.
            let expected = (trainer.parameters().count() - pruned) * 2 * 4;
            assert_eq!(trainer.optimizer().moment_bytes(), expected);
        });
    };
    expected(Moments::ZeroNewborn, true);
    expected(Moments::ResetAll, true);
    // Those of inactive entries are to survive, so that they cannot be left out.
    expected(Moments::Keep, false);
}

#[test]
fn values_and_moments_are_those_of_masked_arithmetic() {
    // Until near ties part them: changes at random and resets are the same, and so are choices by score.
    for moments in [Moments::ZeroNewborn, Moments::ResetAll, Moments::Keep] {
        let strategy = Rewires { interval: 4, moments };
        let (sparse, _) = after(&strategy, &SparseBackend::new(1).unwrap(), 14);
        let (masked, _) = after(&strategy, &DenseBackend, 14);
        assert_eq!(sparse.len(), masked.len());
        for (number, (sparse, masked)) in sparse.iter().zip(&masked).enumerate() {
            // Moments of inactive entries decay under masks and are not stored here.
            let seen = if moments == Moments::Keep { masked.ones_like() } else { sparse.ne(0.0) };
            let masked = masked * seen;
            assert!(sparse.allclose(&masked, 1e-3, 1e-6, false), "{moments:?}, tensor {number}");
        }
    }
}

/// Stops after so many batches.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn step(&mut self, _: &Progress) -> ControlFlow<()> {
        self.0 -= 1;
        if self.0 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// The newest checkpoint of a folder.
fn newest(folder: &Path) -> std::path::PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "safetensors"))
        .max()
        .unwrap()
}

fn tensors(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = std::fs::read(newest(folder)).unwrap();
    let archive = SafeTensors::deserialize(&bytes).unwrap();
    archive.iter().map(|(name, view)| (name.to_owned(), view.data().to_vec())).collect()
}

#[test]
fn an_interrupted_training_ends_with_the_same_bits() {
    let strategy = Rewires { interval: 4, moments: Moments::ZeroNewborn };
    // A backend learns lists, so that every process has its own.
    let run = |folder: &Path, observer: &mut dyn Observer| {
        let backend = SparseBackend::new(1).unwrap();
        with_setup(&strategy, &backend, |setup| train(setup, Some(folder), observer).unwrap())
    };
    let straight = tempfile::tempdir().unwrap();
    assert!(matches!(run(straight.path(), &mut Silent), Ended::Complete(_)));
    let broken = tempfile::tempdir().unwrap();
    // Within an interval, before an update that looks at gradients, and right after one.
    for steps in [3, 5, 9] {
        assert!(matches!(run(broken.path(), &mut StopAfter(steps)), Ended::Stopped));
    }
    assert!(matches!(run(broken.path(), &mut Silent), Ended::Complete(_)));
    let (straight, broken) = (tensors(straight.path()), tensors(broken.path()));
    assert_eq!(straight.keys().collect::<Vec<_>>(), broken.keys().collect::<Vec<_>>());
    for (name, bytes) in &straight {
        assert!(broken[name] == *bytes, "{name} differs");
    }
}

#[test]
fn rows_of_layers_say_with_what_they_were_computed() {
    let strategy = Rewires { interval: 4, moments: Moments::ZeroNewborn };
    let recorded = |backend: &dyn Backend| -> Vec<Option<LayerBackend>> {
        let ended = with_setup(&strategy, backend, |setup| train(setup, None, &mut Silent));
        let Ended::Complete(trained) = ended.unwrap() else { panic!("nobody stopped it") };
        let first = trained.layers[0].layer.clone();
        let rows = trained.layers.iter().filter(|row| row.layer == first);
        rows.map(|row| row.backend).collect()
    };
    let (masked, sparse) = (Some(LayerBackend::Masked), Some(LayerBackend::Sparse));
    // Nothing is computed before the first of three epochs.
    assert_eq!(recorded(&DenseBackend), [None, masked, masked, masked]);
    assert_eq!(recorded(&SparseBackend::new(1).unwrap()), [None, sparse, sparse, sparse]);
}
