//! Updates by libtorch's operations, for any device and kind.

use dst_core::Result;
use tch::Tensor;

use super::Operands;
use super::rule::Update;

/// Moves one parameter. `scale` multiplies the gradient.
///
/// # Errors
/// If libtorch refuses.
pub(super) fn apply(
    update: &impl Update,
    operands: Operands<'_>,
    scale: Option<&Tensor>,
) -> Result<()> {
    let mut weight = operands.weight.detach();
    let outside = operands.mask.map(Tensor::logical_not);
    // Selecting, not multiplying: 0 · ∞ is not a number.
    let masked = |tensor: Tensor| match &outside {
        Some(outside) => tensor.f_masked_fill(outside, 0.0),
        None => Ok(tensor),
    };
    let gradient = match scale {
        Some(scale) => operands.gradient * scale,
        None => operands.gradient.shallow_clone(),
    };
    let penalty = update.penalty();
    let gradient = masked(if penalty == 0.0 { gradient } else { gradient + &weight * penalty })?;
    let moments = operands.first.into_iter().chain(operands.second);
    let mut moments: Vec<Tensor> = moments.map(Tensor::shallow_clone).collect();
    let delta = update.tensor(&weight, gradient, &mut moments)?;
    let _ = weight.f_add_(&masked(delta)?)?;
    Ok(())
}
