//! What an optimiser is to the trainer.

use std::fmt::Debug;

use dst_core::training::Component;
use dst_core::{Error, FromCrate, Result};
use tch::Tensor;

use super::{Operands, fused, plain};
use crate::component::plugin;

plugin! {
    /// A registered optimiser.
    OptimizerPlugin of Rule, called "optimizer"
}

/// Registers an optimiser: a type that is a [`Rule`](crate::Rule) and the config of that rule.
///
/// ```text
/// dst_train::optimizer_plugin! {
///     Adam,
///     name: "adam",
///     title: "Adam",
///     paper: "Kingma & Ba (2015), Adam: A Method for Stochastic Optimization",
///     summary: "Steps along the mean of gradients, divided by the root of their mean square.",
/// }
/// ```
#[macro_export]
macro_rules! optimizer_plugin {
    ($type:ty, $($field:ident: $value:literal),+ $(,)?) => {
        $crate::__private::inventory::submit! {
            $crate::OptimizerPlugin {
                $($field: $value,)+
                parameters: $crate::OptimizerPlugin::parameters_of::<$type>(),
            }
        }
    };
}

/// An update rule with its parameters: a plain serde struct, registered by
/// [`optimizer_plugin!`](crate::optimizer_plugin).
///
/// Implementors need not keep moments, mask, clip or select entries: they say how many moments an
/// entry has and what an [`Update`] does to one entry. Conventions are those of PyTorch, except that an
/// entry outside the mask does not move at all, and its gradient counts as 0.
///
/// What is written of a rule belongs to the id of trials: a parameter that comes later must be left out
/// at its default (`skip_serializing_if`) and documented with it.
pub trait Rule: FromCrate + Debug + Send + Sync {
    /// Refuses values outside their range, naming the key. Called before anything expensive.
    ///
    /// # Errors
    /// If a parameter is out of range; see [`check`].
    fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// How many moments an entry has: 0, 1 or 2. They start at 0, and the strategy says what happens to
    /// them when an entry is born again.
    fn moments(&self) -> usize;

    /// Moves one parameter: works out what depends on the step and calls [`Entries::move_by`]. Called
    /// for every parameter in every step; `updates` counts steps from 1.
    ///
    /// # Errors
    /// If libtorch refuses.
    fn step(&self, entries: Entries<'_>, learning_rate: f64, updates: u64) -> Result<()>;
}

/// What one step does to one entry, with all that depends on the step worked out.
///
/// It is written twice: for one entry in f32, which becomes a loop over a CPU's memory, and by
/// libtorch's operations for any device and kind. Both must give the same numbers up to rounding.
pub trait Update {
    /// The L2 penalty, which is added to the gradient before it reaches the update.
    fn penalty(&self) -> f64 {
        0.0
    }

    /// The new weight of an entry, and its new moments: a moment that the rule does not have is a
    /// number that nobody reads. Moments go through [`flushed`].
    ///
    /// It must be `#[inline(always)]` and free of branches on data, so that the loop around it is
    /// vectorised.
    fn entry(&self, weight: f32, gradient: f32, moments: [&mut f32; 2]) -> f32;

    /// What is added to the weights. `moments` are as many as the rule has, to be changed in place.
    ///
    /// # Errors
    /// If libtorch refuses.
    fn tensor(&self, weight: &Tensor, gradient: Tensor, moments: &mut [Tensor]) -> Result<Tensor>;
}

/// 0 instead of a denormal number: moments that see no gradient (of border pixels, of inactive
/// entries) would else spend hundreds of steps in denormal arithmetic, which is many times slower.
#[inline(always)]
pub fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

/// The entries of one parameter in one step.
#[derive(Debug, Clone, Copy)]
pub struct Entries<'a> {
    pub(super) operands: Operands<'a>,
    /// Multiplies the gradient.
    pub(super) scale: Option<&'a Tensor>,
    pub(super) is_fused: bool,
}

impl Entries<'_> {
    /// Moves those that the mask lets move, and all moments.
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn move_by(self, update: impl Update) -> Result<()> {
        if self.is_fused {
            // On the CPU reading the factor waits for nothing.
            let scale = self.scale.map_or(1.0, |scale| scale.double_value(&[]) as f32);
            fused::apply(&update, self.operands, scale);
            return Ok(());
        }
        plain::apply(&update, self.operands, self.scale)
    }
}

/// The rule that a training names, with its parameters.
///
/// # Errors
/// If the name or a parameter is unknown (the nearest is suggested), of the wrong type or out of range.
pub fn rule(component: &Component) -> Result<Box<dyn Rule>> {
    let (rule, _) = found(component).map_err(|error| error.at("optimizer"))?;
    match rule.moments() {
        0..=2 => Ok(rule),
        moments => Err(Error::contract(format!(
            "{} asks for {moments} moments of an entry, and there are at most 2",
            component.name
        ))),
    }
}

/// Range checks for [`Rule::validate`] and [`Schedule::validate`](crate::Schedule::validate).
pub mod check {
    use dst_core::{Error, Result};

    /// `value` lies in [0, 1).
    ///
    /// # Errors
    /// If it does not, naming `key`.
    pub fn below_one(key: &str, value: f64) -> Result<()> {
        if (0.0..1.0).contains(&value) {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = {value} is not in [0, 1)")))
    }

    /// `value` is finite and 0 or more.
    ///
    /// # Errors
    /// If it is not, naming `key`.
    pub fn not_negative(key: &str, value: f64) -> Result<()> {
        if value >= 0.0 && value.is_finite() {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = {value} must be 0 or more")))
    }

    /// `value` is finite and more than 0.
    ///
    /// # Errors
    /// If it is not, naming `key`.
    pub fn positive(key: &str, value: f64) -> Result<()> {
        if value > 0.0 && value.is_finite() {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = {value} must be more than 0")))
    }

    /// `value` lies in (0, 1].
    ///
    /// # Errors
    /// If it does not, naming `key`.
    pub fn factor(key: &str, value: f64) -> Result<()> {
        if value > 0.0 && value <= 1.0 {
            return Ok(());
        }
        Err(Error::usage(format!("{key} = {value} is not in (0, 1]")))
    }
}
