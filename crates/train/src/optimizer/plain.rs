//! Updates by libtorch's operations, for any device and kind.

use dst_core::Result;
use tch::Tensor;

use super::{Operands, Update};

/// Moves one parameter. `scale` multiplies the gradient.
///
/// # Errors
/// If libtorch refuses.
pub(super) fn apply(update: &Update, operands: Operands<'_>, scale: Option<&Tensor>) -> Result<()> {
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
    let penalised = |decay: f64| {
        masked(if decay == 0.0 { gradient.shallow_clone() } else { &gradient + &weight * decay })
    };
    let delta = match *update {
        Update::Sgd { rate, momentum, nesterov, decay } => {
            let gradient = penalised(decay)?;
            let direction = match operands.first {
                None => gradient,
                Some(first) => {
                    let mut first = first.shallow_clone();
                    first *= momentum;
                    first += &gradient;
                    if nesterov { gradient + first * momentum } else { first }
                }
            };
            direction * -rate
        }
        Update::Adam { rate, root, beta1, beta2, epsilon, decay, shrink } => {
            let (Some(first), Some(second)) = (operands.first, operands.second) else {
                unreachable!("Adam keeps two moments");
            };
            let gradient = penalised(decay)?;
            let (mut first, mut second) = (first.shallow_clone(), second.shallow_clone());
            first += (&gradient - &first) * (1.0 - beta1);
            second *= beta2;
            second += gradient.square() * (1.0 - beta2);
            let denominator = second.sqrt() / root + epsilon;
            let delta = first / denominator * -rate;
            if shrink == 0.0 { delta } else { delta - &weight * shrink }
        }
    };
    let _ = weight.f_add_(&masked(delta)?)?;
    Ok(())
}
