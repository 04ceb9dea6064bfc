//! The loops of pooling, over the windows of a plane.

use crate::instructions::Level;
use crate::pool::{Pool2d, Pooling};
use crate::vector::{LANES, Portable, Vector};

/// The windows of some planes.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub pool: &'a Pool2d,
    /// Rows and columns of a plane of the output.
    pub output: [usize; 2],
    pub batch: usize,
}

impl Windows<'_> {
    /// Pools the planes of `x` to those of `y`.
    ///
    /// # Panics
    /// If a slice does not have whole planes, or they have unlike numbers of them.
    pub(crate) fn pool(self, level: Level, x: &[f32], y: &mut [f32]) {
        self.check(x.len(), y.len());
        // SAFETY: a level exists only where its instructions do; lengths were checked.
        unsafe {
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512(_) => x86::pool_avx512(self, x, y),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2(_) => x86::pool_avx2(self, x, y),
                Level::Portable => self.pool_by::<Portable>(x, y),
            }
        }
    }

    /// The gradient `dx` of the input, from input and gradient of the output.
    ///
    /// # Panics
    /// As [`Windows::pool`].
    pub(crate) fn spread(self, level: Level, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        assert_eq!(x.len(), dx.len(), "a gradient for each input");
        self.check(x.len(), dy.len());
        dx.fill(0.0);
        // SAFETY: as in `pool`.
        unsafe {
            match level {
                #[cfg(target_arch = "x86_64")]
                Level::Avx512(_) => x86::spread_avx512(self, x, dy, dx),
                #[cfg(target_arch = "x86_64")]
                Level::Avx2(_) => x86::spread_avx2(self, x, dy, dx),
                Level::Portable => self.spread_by::<Portable>(x, dy, dx),
            }
        }
    }

    fn check(self, x: usize, y: usize) {
        let Self { pool, output, batch } = self;
        let planes = x / (pool.height * pool.width * batch);
        assert_eq!(x, planes * pool.height * pool.width * batch, "whole planes of the input");
        assert_eq!(y, planes * output[0] * output[1] * batch, "whole planes of the output");
    }

    /// # Safety
    /// `x` and `y` as [`Windows::check`] has them; needs the instructions of `V`.
    #[inline(always)]
    unsafe fn pool_by<V: Vector>(self, x: &[f32], y: &mut [f32]) {
        let Self { pool, output, batch } = self;
        let from = x.chunks_exact(pool.height * pool.width * batch);
        for (x, y) in from.zip(y.chunks_exact_mut(output[0] * output[1] * batch)) {
            // SAFETY: the caller's promise.
            unsafe {
                match pool.pooling {
                    Pooling::Max => self.pool_plane::<V, true>(x.as_ptr(), y.as_mut_ptr()),
                    Pooling::Average => self.pool_plane::<V, false>(x.as_ptr(), y.as_mut_ptr()),
                }
            }
        }
    }

    /// # Safety
    /// As [`Windows::pool_by`], for one plane.
    #[inline(always)]
    unsafe fn pool_plane<V: Vector, const MAX: bool>(self, x: *const f32, y: *mut f32) {
        let Self { pool, output, batch } = self;
        // SAFETY: windows end with their plane, and samples with the batch.
        unsafe {
            let share = V::splat(1.0 / (pool.kernel[0] * pool.kernel[1]) as f32);
            for at in 0..output[0] * output[1] {
                let [rows, columns] = pool.window(at / output[1], at % output[1]);
                for first in (0..batch).step_by(LANES) {
                    let lanes = LANES.min(batch - first);
                    let mut sum = V::splat(if MAX { f32::NEG_INFINITY } else { 0.0 });
                    for row in rows.clone() {
                        for column in columns.clone() {
                            let from = x.add((row * pool.width + column) * batch + first);
                            let value = V::load_first(from, lanes);
                            sum = match MAX {
                                true => V::select(value.larger(sum), value, sum),
                                false => sum.add(value),
                            };
                        }
                    }
                    if !MAX {
                        sum = sum.mul(share);
                    }
                    sum.store_first(y.add(at * batch + first), lanes);
                }
            }
        }
    }

    /// # Safety
    /// `x`, `dy` and `dx` as [`Windows::check`] has them; needs the instructions of `V`.
    #[inline(always)]
    unsafe fn spread_by<V: Vector>(self, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        let Self { pool, output, batch } = self;
        let len = pool.height * pool.width * batch;
        let planes = x.chunks_exact(len).zip(dy.chunks_exact(output[0] * output[1] * batch));
        for ((x, dy), dx) in planes.zip(dx.chunks_exact_mut(len)) {
            let (x, dy, dx) = (x.as_ptr(), dy.as_ptr(), dx.as_mut_ptr());
            // SAFETY: the caller's promise.
            unsafe {
                match pool.pooling {
                    Pooling::Max => self.spread_plane::<V, true>(x, dy, dx),
                    Pooling::Average => self.spread_plane::<V, false>(x, dy, dx),
                }
            }
        }
    }

    /// # Safety
    /// As [`Windows::spread_by`], for one plane.
    #[inline(always)]
    unsafe fn spread_plane<V: Vector, const MAX: bool>(
        self,
        x: *const f32,
        dy: *const f32,
        dx: *mut f32,
    ) {
        let Self { pool, output, batch } = self;
        // SAFETY: windows end with their plane, and samples with the batch.
        unsafe {
            let share = V::splat(1.0 / (pool.kernel[0] * pool.kernel[1]) as f32);
            for at in 0..output[0] * output[1] {
                let [rows, columns] = pool.window(at / output[1], at % output[1]);
                for first in (0..batch).step_by(LANES) {
                    let lanes = LANES.min(batch - first);
                    let gradient = V::load_first(dy.add(at * batch + first), lanes);
                    // The number within the window of the largest pixel; where all are minus infinity,
                    // the first.
                    let (mut largest, mut found) = (V::splat(f32::NEG_INFINITY), V::splat(0.0));
                    let mut number = 0.0;
                    if MAX {
                        for row in rows.clone() {
                            for column in columns.clone() {
                                let from = x.add((row * pool.width + column) * batch + first);
                                let value = V::load_first(from, lanes);
                                let better = value.larger(largest);
                                largest = V::select(better, value, largest);
                                found = V::select(better, V::splat(number), found);
                                number += 1.0;
                            }
                        }
                    }
                    number = 0.0;
                    for row in rows.clone() {
                        for column in columns.clone() {
                            let to = dx.add((row * pool.width + column) * batch + first);
                            let part = match MAX {
                                true => {
                                    let mine = found.equal(V::splat(number));
                                    V::select(mine, gradient, V::splat(0.0))
                                }
                                false => gradient.mul(share),
                            };
                            V::load_first(to, lanes).add(part).store_first(to, lanes);
                            number += 1.0;
                        }
                    }
                }
            }
        }
    }
}

/// The loops compiled for each instruction set.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Windows;
    use crate::vector::x86::{Avx2, Avx512};

    /// # Safety
    /// As [`Windows::pool_by`]; needs AVX-512.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn pool_avx512(windows: Windows, x: &[f32], y: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { windows.pool_by::<Avx512>(x, y) }
    }

    /// # Safety
    /// As [`Windows::pool_by`]; needs AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn pool_avx2(windows: Windows, x: &[f32], y: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { windows.pool_by::<Avx2>(x, y) }
    }

    /// # Safety
    /// As [`Windows::spread_by`]; needs AVX-512.
    #[target_feature(enable = "avx512f,avx2,fma")]
    pub(super) unsafe fn spread_avx512(windows: Windows, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { windows.spread_by::<Avx512>(x, dy, dx) }
    }

    /// # Safety
    /// As [`Windows::spread_by`]; needs AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn spread_avx2(windows: Windows, x: &[f32], dy: &[f32], dx: &mut [f32]) {
        // SAFETY: the caller's promise.
        unsafe { windows.spread_by::<Avx2>(x, dy, dx) }
    }
}
