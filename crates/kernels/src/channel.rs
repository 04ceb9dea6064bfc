//! The loops of batch normalisation, over the values of one channel.

use crate::instructions::Level;
use crate::vector::{LANES, Portable, Vector};

/// Values of one channel.
#[derive(Clone, Copy)]
pub(crate) struct Channel<'a> {
    pub level: Level,
    pub x: &'a [f32],
}

/// Vectors that are added in f32 before their sum is widened to f64.
const BLOCK: usize = 64;
/// Sums side by side, so that one addition does not wait for the one before.
const CHAINS: usize = 4;

impl Channel<'_> {
    pub(crate) fn sum(self) -> f64 {
        self.total(Sum::Values)
    }

    /// The mean, of at least one value.
    pub(crate) fn mean(self) -> f32 {
        (self.sum() / self.x.len() as f64) as f32
    }

    /// The mean square of the deviations from the mean.
    pub(crate) fn variance(self, mean: f32) -> f32 {
        let squares = self.total(Sum::Squares(mean));
        (squares / self.x.len() as f64) as f32
    }

    /// The sum of deviations from the mean, each times its `dy`.
    ///
    /// # Panics
    /// If there is not a `dy` for each value.
    pub(crate) fn products(self, mean: f32, dy: &[f32]) -> f64 {
        self.total(Sum::Products(mean, dy))
    }

    /// `to = (x − mean) · factor + shift`.
    ///
    /// # Panics
    /// If there is not a place for each value.
    pub(crate) fn scale(self, mean: f32, factor: f32, shift: f32, to: &mut [f32]) {
        self.write(Map { mean, factor, shift, dy: None }, to);
    }

    /// `to = (x − mean) · factor + dy · its factor + shift`.
    ///
    /// # Panics
    /// If there is not a `dy` and a place for each value.
    pub(crate) fn combine(
        self,
        mean: f32,
        factor: f32,
        dy: (&[f32], f32),
        shift: f32,
        to: &mut [f32],
    ) {
        self.write(Map { mean, factor, shift, dy: Some(dy) }, to);
    }

    fn total(self, sum: Sum) -> f64 {
        if let Sum::Products(_, dy) = sum {
            assert_eq!(dy.len(), self.x.len(), "a factor for each value");
        }
        // SAFETY: a level exists only where its instructions do; the length was checked.
        unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512(_) => x86::total_avx512(self.x, sum),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2(_) => x86::total_avx2(self.x, sum),
                Level::Portable => total_by::<Portable>(self.x, sum),
            }
        }
    }

    fn write(self, map: Map, to: &mut [f32]) {
        let dy_len = map.dy.map_or(to.len(), |(dy, _)| dy.len());
        assert_eq!([self.x.len(), dy_len], [to.len(); 2], "a place for each value");
        // SAFETY: a level exists only where its instructions do; lengths were checked.
        unsafe {
            match self.level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512(_) => x86::write_avx512(self.x, map, to),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2(_) => x86::write_avx2(self.x, map, to),
                Level::Portable => write_by::<Portable>(self.x, map, to),
            }
        }
    }
}

/// What is added up.
#[derive(Clone, Copy)]
enum Sum<'a> {
    Values,
    /// Squares of the deviations from this mean.
    Squares(f32),
    /// Deviations from this mean, each times one of these.
    Products(f32, &'a [f32]),
}

const VALUES: u8 = 0;
const SQUARES: u8 = 1;
const PRODUCTS: u8 = 2;

/// # Safety
/// Products must have a factor for each value, and the instructions of `V` must exist.
#[inline(always)]
unsafe fn total_by<V: Vector>(x: &[f32], sum: Sum) -> f64 {
    // SAFETY: the caller's promise.
    unsafe {
        match sum {
            Sum::Values => total_of::<V, VALUES>(x, 0.0, x),
            Sum::Squares(mean) => total_of::<V, SQUARES>(x, mean, x),
            Sum::Products(mean, dy) => total_of::<V, PRODUCTS>(x, mean, dy),
        }
    }
}

/// # Safety
/// As [`total_by`].
#[inline(always)]
unsafe fn total_of<V: Vector, const OF: u8>(x: &[f32], mean: f32, dy: &[f32]) -> f64 {
    let vectors = x.len() / LANES;
    let mut total = 0.0;
    // SAFETY: all vectors lie inside of both slices.
    unsafe {
        let below = V::splat(-mean);
        for first in (0..vectors).step_by(BLOCK) {
            let end = vectors.min(first + BLOCK);
            let mut sums = [V::splat(0.0); CHAINS];
            let mut at = first;
            while at + CHAINS <= end {
                for (chain, sum) in sums.iter_mut().enumerate() {
                    *sum = add::<V, OF>(*sum, x, dy, at + chain, below);
                }
                at += CHAINS;
            }
            while at < end {
                sums[0] = add::<V, OF>(sums[0], x, dy, at, below);
                at += 1;
            }
            for sum in V::sums(sums) {
                total += f64::from(sum);
            }
        }
    }
    for at in vectors * LANES..x.len() {
        let (value, deviation) = (f64::from(x[at]), f64::from(x[at] - mean));
        total += match OF {
            VALUES => value,
            SQUARES => deviation * deviation,
            _ => deviation * f64::from(dy[at]),
        };
    }
    total
}

/// One vector more of a sum.
///
/// # Safety
/// As [`total_by`]; the vector must lie inside.
#[inline(always)]
unsafe fn add<V: Vector, const OF: u8>(
    sum: V,
    x: &[f32],
    dy: &[f32],
    vector: usize,
    below: V,
) -> V {
    // SAFETY: the caller's promise.
    unsafe {
        let value = V::load(x.as_ptr().add(vector * LANES));
        match OF {
            VALUES => sum.add(value),
            SQUARES => {
                let deviation = value.add(below);
                sum.fma(deviation, deviation)
            }
            _ => sum.fma(value.add(below), V::load(dy.as_ptr().add(vector * LANES))),
        }
    }
}

/// What becomes of a value.
#[derive(Clone, Copy)]
struct Map<'a> {
    mean: f32,
    factor: f32,
    shift: f32,
    /// And what factor it has.
    dy: Option<(&'a [f32], f32)>,
}

/// # Safety
/// `x`, `to` and `dy` must have one length, and the instructions of `V` must exist.
#[inline(always)]
unsafe fn write_by<V: Vector>(x: &[f32], map: Map, to: &mut [f32]) {
    // SAFETY: the caller's promise.
    unsafe {
        match map.dy {
            Some((dy, factor)) => write_of::<V, true>(x, map, dy, factor, to),
            None => write_of::<V, false>(x, map, x, 0.0, to),
        }
    }
}

/// # Safety
/// As [`write_by`].
#[inline(always)]
unsafe fn write_of<V: Vector, const BOTH: bool>(
    x: &[f32],
    map: Map,
    dy: &[f32],
    dy_factor: f32,
    to: &mut [f32],
) {
    // SAFETY: a vector ends with the slices.
    unsafe {
        let (below, factor, shift) =
            (V::splat(-map.mean), V::splat(map.factor), V::splat(map.shift));
        let dy_factor = V::splat(dy_factor);
        for at in (0..x.len()).step_by(LANES) {
            let lanes = LANES.min(x.len() - at);
            let value = V::load_first(x.as_ptr().add(at), lanes);
            let mut result = shift.fma(value.add(below), factor);
            if BOTH {
                result = result.fma(V::load_first(dy.as_ptr().add(at), lanes), dy_factor);
            }
            result.store_first(to.as_mut_ptr().add(at), lanes);
        }
    }
}

/// The loops compiled for each instruction set.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Map, Sum, total_by, write_by};
    use crate::vector::x86::{Avx2, Avx512};

    /// # Safety
    /// As [`total_by`]; needs AVX-512.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn total_avx512(x: &[f32], sum: Sum) -> f64 {
        // SAFETY: the caller's promise.
        unsafe { total_by::<Avx512>(x, sum) }
    }

    /// # Safety
    /// As [`total_by`]; needs AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn total_avx2(x: &[f32], sum: Sum) -> f64 {
        // SAFETY: the caller's promise.
        unsafe { total_by::<Avx2>(x, sum) }
    }

    /// # Safety
    /// As [`write_by`]; needs AVX-512.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn write_avx512(x: &[f32], map: Map, to: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { write_by::<Avx512>(x, map, to) }
    }

    /// # Safety
    /// As [`write_by`]; needs AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn write_avx2(x: &[f32], map: Map, to: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { write_by::<Avx2>(x, map, to) }
    }
}
