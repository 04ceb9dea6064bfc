//! How a caller watches and stops a training.

use std::ops::ControlFlow;

use dst_core::record::{AgeRecord, EpochRecord, LayerRecord};
use dst_core::{Result, Step, Topology};

use crate::inference::TestedNetwork;

/// Where a training stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The current epoch, from 1.
    pub epoch: u32,
    /// Planned epochs.
    pub epochs: u32,
    /// Optimiser steps taken.
    pub steps: u64,
    /// Share of the planned batches consumed, in [0, 1].
    pub fraction: f64,
    /// Mean training loss of the current epoch so far, as last read from the device.
    pub train_loss: f64,
    /// Accuracy on validation after the last finished epoch.
    pub accuracy: Option<f64>,
}

/// Watches a training; every method may be left out.
pub trait Observer {
    /// Called after every batch, whether it went into the weights or the topology. `Break`
    /// saves a checkpoint, if there is a folder for one, and stops.
    fn step(&mut self, progress: &Progress) -> ControlFlow<()> {
        let _ = progress;
        ControlFlow::Continue(())
    }

    /// Called after every batch of an evaluation. `Break` saves a checkpoint and stops as above;
    /// a resumed training begins that evaluation anew.
    fn evaluating(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Asked after every batch of training: shall a checkpoint be saved here, besides those at the
    /// end of epochs? An epoch may take hours.
    fn checkpoint_is_due(&mut self) -> bool {
        false
    }

    /// Asked while a checkpoint is written: is the folder still this training's? Another process may
    /// have taken the work over, and then this one ends with an error of kind `Superseded`.
    fn may_save(&mut self) -> bool {
        true
    }

    /// Called once before everything else if the model has trained weights, with what they were,
    /// in one line.
    fn starts_from(&mut self, origin: &str) {
        let _ = origin;
    }

    /// Called once at the start, with the rows of a resumed training or none, and after every
    /// epoch, with all rows so far.
    ///
    /// # Errors
    /// An error ends the training.
    fn epoch(
        &mut self,
        history: &[EpochRecord],
        layers: &[LayerRecord],
        ages: &[AgeRecord],
    ) -> Result<()> {
        let _ = (history, layers, ages);
        Ok(())
    }

    /// Called after every commit and before the next batch, with the step as the strategy saw
    /// it.
    ///
    /// # Errors
    /// An error ends the training.
    fn committed(&mut self, step: &Step, topology: &Topology) -> Result<()> {
        let _ = (step, topology);
        Ok(())
    }

    /// Called once at the end, when the test set was read, with the network that its scores and
    /// predictions are of.
    ///
    /// # Errors
    /// An error ends the training; a checkpoint stays.
    fn tested(&mut self, network: &TestedNetwork<'_>) -> Result<()> {
        let _ = network;
        Ok(())
    }
}

/// An observer that lets everything pass.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
