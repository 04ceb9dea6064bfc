//! Updates in one pass over weight, gradient, moments and mask, for f32 on the CPU.
//!
//! The loops are written so that the compiler vectorises them: equal lengths are established
//! before, and the mask selects values instead of branching. Moments below the smallest normal
//! number are set to 0, because weights that see no gradient (border pixels, inactive entries)
//! would else spend hundreds of steps in denormal arithmetic, which is many times slower.

use tch::Tensor;

use super::{Operands, Update};

/// Moves one parameter, whose tensors are contiguous, of one shape and f32 (the mask `Bool`) on
/// the CPU. `scale` multiplies the gradient.
pub(super) fn apply(update: &Update, operands: Operands<'_>, scale: f32) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: this processor has AVX2.
        unsafe { apply_avx2(update, operands, scale) };
        return;
    }
    dispatch(update, operands, scale);
}

/// The same loops in wider registers. Every operation is rounded as in narrow ones (AVX2 alone
/// fuses no multiplication with an addition), so the processor does not show in the numbers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn apply_avx2(update: &Update, operands: Operands<'_>, scale: f32) {
    dispatch(update, operands, scale);
}

#[inline(always)]
fn dispatch(update: &Update, operands: Operands<'_>, scale: f32) {
    let weight = floats_mut(operands.weight);
    let gradient = floats(operands.gradient);
    let first = operands.first.map(floats_mut);
    let second = operands.second.map(floats_mut);
    match (*update, first, second, operands.mask) {
        (Update::Sgd { rate, decay, .. }, None, _, mask) => {
            let constants = Descent { rate: rate as f32, decay: decay as f32, scale };
            match mask {
                Some(mask) => constants.apply::<true>(weight, gradient, bytes(mask)),
                None => constants.apply::<false>(weight, gradient, &[]),
            }
        }
        (Update::Sgd { rate, momentum, nesterov, decay }, Some(first), _, mask) => {
            let constants = Momentum {
                rate: rate as f32,
                momentum: momentum as f32,
                // One formula for both forms: g · own + m · carried.
                own: if nesterov { 1.0 } else { 0.0 },
                carried: if nesterov { momentum as f32 } else { 1.0 },
                decay: decay as f32,
                scale,
            };
            match mask {
                Some(mask) => constants.apply::<true>(weight, gradient, first, bytes(mask)),
                None => constants.apply::<false>(weight, gradient, first, &[]),
            }
        }
        (
            Update::Adam { rate, root, beta1, beta2, epsilon, decay, shrink },
            Some(first),
            Some(second),
            mask,
        ) => {
            let constants = Adam {
                rate: rate as f32,
                root: root as f32,
                gain1: (1.0 - beta1) as f32,
                beta2: beta2 as f32,
                gain2: (1.0 - beta2) as f32,
                epsilon: epsilon as f32,
                decay: decay as f32,
                keep: (1.0 - shrink) as f32,
                scale,
            };
            match mask {
                Some(mask) => constants.apply::<true>(weight, gradient, first, second, bytes(mask)),
                None => constants.apply::<false>(weight, gradient, first, second, &[]),
            }
        }
        (Update::Adam { .. }, ..) => unreachable!("Adam keeps two moments"),
    }
}

/// SGD without momentum.
struct Descent {
    rate: f32,
    decay: f32,
    scale: f32,
}

impl Descent {
    #[inline(always)]
    fn apply<const MASKED: bool>(&self, weight: &mut [f32], gradient: &[f32], mask: &[u8]) {
        let n = weight.len();
        let (gradient, mask) = (&gradient[..n], &mask[..if MASKED { n } else { 0 }]);
        for i in 0..n {
            let g = gradient[i] * self.scale + weight[i] * self.decay;
            let moved = weight[i] - self.rate * g;
            weight[i] = if MASKED { chosen(mask[i], moved, weight[i]) } else { moved };
        }
    }
}

/// SGD with momentum.
struct Momentum {
    rate: f32,
    momentum: f32,
    own: f32,
    carried: f32,
    decay: f32,
    scale: f32,
}

impl Momentum {
    #[inline(always)]
    fn apply<const MASKED: bool>(
        &self,
        weight: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        mask: &[u8],
    ) {
        let n = weight.len();
        let (gradient, first) = (&gradient[..n], &mut first[..n]);
        let mask = &mask[..if MASKED { n } else { 0 }];
        for i in 0..n {
            let raw = gradient[i] * self.scale + weight[i] * self.decay;
            let g = if MASKED { chosen(mask[i], raw, 0.0) } else { raw };
            let m = flushed(self.momentum * first[i] + g);
            let moved = weight[i] - self.rate * (self.own * g + self.carried * m);
            first[i] = m;
            weight[i] = if MASKED { chosen(mask[i], moved, weight[i]) } else { moved };
        }
    }
}

/// Adam and AdamW.
struct Adam {
    rate: f32,
    root: f32,
    gain1: f32,
    beta2: f32,
    gain2: f32,
    epsilon: f32,
    decay: f32,
    /// What decoupled decay leaves of a weight; 1 for Adam.
    keep: f32,
    scale: f32,
}

impl Adam {
    #[inline(always)]
    fn apply<const MASKED: bool>(
        &self,
        weight: &mut [f32],
        gradient: &[f32],
        first: &mut [f32],
        second: &mut [f32],
        mask: &[u8],
    ) {
        let n = weight.len();
        let (gradient, first, second) = (&gradient[..n], &mut first[..n], &mut second[..n]);
        let mask = &mask[..if MASKED { n } else { 0 }];
        for i in 0..n {
            let raw = gradient[i] * self.scale + weight[i] * self.decay;
            let g = if MASKED { chosen(mask[i], raw, 0.0) } else { raw };
            let m = flushed(first[i] + (g - first[i]) * self.gain1);
            let v = flushed(second[i] * self.beta2 + g * g * self.gain2);
            let moved =
                weight[i] * self.keep - self.rate * m / (v.sqrt() / self.root + self.epsilon);
            first[i] = m;
            second[i] = v;
            weight[i] = if MASKED { chosen(mask[i], moved, weight[i]) } else { moved };
        }
    }
}

/// `inside` where the mask's byte is 1 and `outside` where it is 0.
///
/// Bits instead of an `if`, which the compiler turns into a branch around the store: that keeps
/// it from vectorising, and a branch on a random mask is mispredicted.
#[inline(always)]
fn chosen(mask: u8, inside: f32, outside: f32) -> f32 {
    let all = u32::from(mask).wrapping_neg();
    f32::from_bits(inside.to_bits() & all | outside.to_bits() & !all)
}

/// 0 instead of a denormal number.
#[inline(always)]
fn flushed(x: f32) -> f32 {
    if x.abs() < f32::MIN_POSITIVE { 0.0 } else { x }
}

fn floats(tensor: &Tensor) -> &[f32] {
    let length = tensor.numel();
    if length == 0 {
        // The pointer of an empty tensor may be null, which no slice may have.
        return &[];
    }
    // SAFETY: the caller checked that the tensor is contiguous f32 on the CPU, so `length`
    // floats lie at the pointer; the borrow keeps their storage alive.
    unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast(), length) }
}

#[expect(clippy::mut_from_ref, reason = "a tensor is a handle; its storage is elsewhere")]
fn floats_mut(tensor: &Tensor) -> &mut [f32] {
    let length = tensor.numel();
    if length == 0 {
        return &mut [];
    }
    // SAFETY: as in `floats`. The slices of one update are of different storages: the weight is
    // a leaf, its gradient and moments were allocated apart from it and from each other. Nothing
    // else touches them during the update.
    unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) }
}

fn bytes(mask: &Tensor) -> &[u8] {
    let length = mask.numel();
    if length == 0 {
        return &[];
    }
    // SAFETY: as in `floats`, checked for a `Bool`, which libtorch stores as one byte.
    unsafe { std::slice::from_raw_parts(mask.data_ptr().cast(), length) }
}
