//! Updates in one pass over weight, gradient, moments and mask, for f32 on the CPU.
//!
//! The loops are written so that the compiler vectorises them: equal lengths are established
//! before, and the mask selects values instead of branching. There is one loop for each number of
//! moments, because the compiler proves only of slices that are arguments that they do not overlap.

use tch::Tensor;

use super::Operands;
use super::rule::Update;

/// Moves one parameter, whose tensors are contiguous, of one shape and f32 (the mask `Bool`) on
/// the CPU. `scale` multiplies the gradient.
pub(super) fn apply<U: Update>(update: &U, operands: Operands<'_>, scale: f32) {
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
fn apply_avx2<U: Update>(update: &U, operands: Operands<'_>, scale: f32) {
    dispatch(update, operands, scale);
}

#[inline(always)]
fn dispatch<U: Update>(update: &U, operands: Operands<'_>, scale: f32) {
    match operands.mask {
        Some(mask) => moved::<U, true>(update, operands, bytes(mask), scale),
        None => moved::<U, false>(update, operands, &[], scale),
    }
}

#[inline(always)]
fn moved<U: Update, const MASKED: bool>(
    update: &U,
    operands: Operands<'_>,
    mask: &[u8],
    scale: f32,
) {
    let weight = floats_mut(operands.weight);
    let gradient = Gradient::<MASKED> {
        raw: floats(operands.gradient),
        mask,
        scale,
        penalty: update.penalty() as f32,
    };
    match (operands.first.map(floats_mut), operands.second.map(floats_mut)) {
        (None, _) => without_moments(update, weight, gradient),
        (Some(first), None) => with_one(update, weight, gradient, first),
        (Some(first), Some(second)) => with_two(update, weight, gradient, first, second),
    }
}

/// Gradients as an update sees them: scaled, with the penalty, and 0 outside the mask.
struct Gradient<'a, const MASKED: bool> {
    raw: &'a [f32],
    mask: &'a [u8],
    scale: f32,
    penalty: f32,
}

impl<const MASKED: bool> Gradient<'_, MASKED> {
    /// Those of `n` entries, so that no index is checked later.
    #[inline(always)]
    fn of(self, n: usize) -> Self {
        Self { raw: &self.raw[..n], mask: &self.mask[..if MASKED { n } else { 0 }], ..self }
    }

    #[inline(always)]
    fn at(&self, i: usize, weight: f32) -> f32 {
        let raw = self.raw[i] * self.scale + weight * self.penalty;
        if MASKED { chosen(self.mask[i], raw, 0.0) } else { raw }
    }

    /// The weight after the update, or before it if the entry may not move.
    #[inline(always)]
    fn chosen(&self, i: usize, moved: f32, weight: f32) -> f32 {
        if MASKED { chosen(self.mask[i], moved, weight) } else { moved }
    }
}

#[inline(always)]
fn without_moments<U: Update, const MASKED: bool>(
    update: &U,
    weight: &mut [f32],
    gradient: Gradient<'_, MASKED>,
) {
    let gradient = gradient.of(weight.len());
    for (i, weight) in weight.iter_mut().enumerate() {
        let moved = update.entry(*weight, gradient.at(i, *weight), [&mut 0.0, &mut 0.0]);
        *weight = gradient.chosen(i, moved, *weight);
    }
}

#[inline(always)]
fn with_one<U: Update, const MASKED: bool>(
    update: &U,
    weight: &mut [f32],
    gradient: Gradient<'_, MASKED>,
    first: &mut [f32],
) {
    let n = weight.len();
    let (gradient, first) = (gradient.of(n), &mut first[..n]);
    for i in 0..n {
        let mut m = first[i];
        let moved = update.entry(weight[i], gradient.at(i, weight[i]), [&mut m, &mut 0.0]);
        first[i] = m;
        weight[i] = gradient.chosen(i, moved, weight[i]);
    }
}

#[inline(always)]
fn with_two<U: Update, const MASKED: bool>(
    update: &U,
    weight: &mut [f32],
    gradient: Gradient<'_, MASKED>,
    first: &mut [f32],
    second: &mut [f32],
) {
    let n = weight.len();
    let (gradient, first, second) = (gradient.of(n), &mut first[..n], &mut second[..n]);
    for i in 0..n {
        let (mut m, mut v) = (first[i], second[i]);
        let moved = update.entry(weight[i], gradient.at(i, weight[i]), [&mut m, &mut v]);
        first[i] = m;
        second[i] = v;
        weight[i] = gradient.chosen(i, moved, weight[i]);
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
