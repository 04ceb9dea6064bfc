//! From row-major activations to samples innermost, and back.

use crate::error::length;
use crate::instructions::Level;
use crate::{Error, Workspace};

/// Side of the square that registers transpose.
const SIDE: usize = 8;

/// `[batch, features…]`, row-major, to `[features…, batch]`, the layout of all passes.
///
/// `features` is the product of all sizes but the batch's: of `[batch, channels, height, width]`
/// it is `channels · height · width`.
///
/// ```
/// use dst_kernels::{Workspace, from_samples_innermost, to_samples_innermost};
/// let mut workspace = Workspace::new();
/// let (mut inner, mut back) = ([0.0; 6], [0.0; 6]);
/// to_samples_innermost(&mut workspace, &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0], 2, &mut inner)?;
/// assert_eq!(inner, [1.0, 10.0, 2.0, 20.0, 3.0, 30.0]);
/// from_samples_innermost(&mut workspace, &inner, 2, &mut back)?;
/// assert_eq!(back, [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
/// # Ok::<(), dst_kernels::Error>(())
/// ```
///
/// # Errors
/// [`Error::Length`] if `from` has no whole number of features, or `to` another length.
pub fn to_samples_innermost(
    workspace: &mut Workspace,
    from: &[f32],
    batch: usize,
    to: &mut [f32],
) -> Result<(), Error> {
    let features = features(from, batch, to)?;
    transpose(workspace, from, [batch, features], to);
    Ok(())
}

/// `[features…, batch]` to `[batch, features…]`, row-major; see [`to_samples_innermost`].
///
/// # Errors
/// As [`to_samples_innermost`].
pub fn from_samples_innermost(
    workspace: &mut Workspace,
    from: &[f32],
    batch: usize,
    to: &mut [f32],
) -> Result<(), Error> {
    let features = features(from, batch, to)?;
    transpose(workspace, from, [features, batch], to);
    Ok(())
}

fn features(from: &[f32], batch: usize, to: &[f32]) -> Result<usize, Error> {
    let features = from.len().checked_div(batch).unwrap_or(0);
    length("the activations", from.len(), features * batch)?;
    length("the converted activations", to.len(), from.len())?;
    Ok(features)
}

/// `to[column][row] = from[row][column]`.
fn transpose(workspace: &mut Workspace, from: &[f32], [rows, columns]: [usize; 2], to: &mut [f32]) {
    if to.is_empty() {
        return;
    }
    let Workspace { level, threads, .. } = workspace;
    // A float to move costs about as much as sixteen multiplications.
    let step = columns.div_ceil(threads.parts(16 * to.len())).next_multiple_of(2 * SIDE);
    let parts = to.chunks_mut(step * rows).zip((0..columns).step_by(step));
    threads.run(parts, |(to, first)| {
        let part = Part { from: &from[first..], pitch: columns, rows, columns: to.len() / rows };
        match *level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level exists only where its instructions do.
            Level::Avx512(_) | Level::Avx2(_) => unsafe { x86::transpose_part(part, to) },
            Level::Portable => part.transpose(to, |from, pitch, to, to_pitch| {
                let rows: [[f32; SIDE]; SIDE] = std::array::from_fn(|i| {
                    from[i * pitch..][..SIDE].try_into().expect("one row of a square")
                });
                for (i, to) in to.chunks_mut(to_pitch).take(SIDE).enumerate() {
                    for (to, row) in to.iter_mut().zip(&rows) {
                        *to = row[i];
                    }
                }
            }),
        }
    });
}

/// Some columns of a matrix.
struct Part<'a> {
    /// From the first of these columns on.
    from: &'a [f32],
    /// Columns of the whole matrix.
    pitch: usize,
    rows: usize,
    columns: usize,
}

impl Part<'_> {
    /// Square by square through `square(from, pitch, to, pitch)`, the rest one by one.
    ///
    /// Two squares side by side fill a line of the cache on the side whose rows lie farther apart
    /// before the next is begun: rows often lie apart by a power of two, so that few of their
    /// lines stay in the cache together.
    #[inline(always)]
    fn transpose(&self, to: &mut [f32], square: impl Fn(&[f32], usize, &mut [f32], usize)) {
        let Self { from, pitch, rows, columns } = *self;
        let (whole_rows, whole_columns) = (rows / SIDE * SIDE, columns / SIDE * SIDE);
        let mut square = |row: usize, column: usize| {
            square(&from[row * pitch + column..], pitch, &mut to[column * rows + row..], rows);
        };
        if pitch > rows {
            for pair in (0..whole_columns).step_by(2 * SIDE) {
                for row in (0..whole_rows).step_by(SIDE) {
                    for column in (pair..(pair + 2 * SIDE).min(whole_columns)).step_by(SIDE) {
                        square(row, column);
                    }
                }
            }
        } else {
            for pair in (0..whole_rows).step_by(2 * SIDE) {
                for column in (0..whole_columns).step_by(SIDE) {
                    for row in (pair..(pair + 2 * SIDE).min(whole_rows)).step_by(SIDE) {
                        square(row, column);
                    }
                }
            }
        }
        for column in 0..columns {
            let first = if column < whole_columns { whole_rows } else { 0 };
            for row in first..rows {
                to[column * rows + row] = from[row * pitch + column];
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Part, SIDE};

    #[target_feature(enable = "avx2")]
    pub(super) fn transpose_part(part: Part, to: &mut [f32]) {
        part.transpose(to, |from, pitch, to, to_pitch| {
            let needed = |pitch: usize| (SIDE - 1) * pitch + SIDE;
            assert!(from.len() >= needed(pitch) && to.len() >= needed(to_pitch), "a whole square");
            // SAFETY: rows 0 to 7 of both were just checked; AVX2 is there.
            unsafe { square(from.as_ptr(), pitch, to.as_mut_ptr(), to_pitch) }
        });
    }

    /// # Safety
    /// Both have eight rows of eight floats. Needs AVX2.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn square(from: *const f32, pitch: usize, to: *mut f32, to_pitch: usize) {
        // SAFETY: the caller's promise.
        let rows: [__m256; SIDE] =
            std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i * pitch)) });
        // Pairs of rows, then quadruples, in each half of the registers; then halves.
        let pairs: [__m256; SIDE] = std::array::from_fn(|i| {
            let (a, b) = (rows[i / 2 * 2], rows[i / 2 * 2 + 1]);
            if i % 2 == 0 { _mm256_unpacklo_ps(a, b) } else { _mm256_unpackhi_ps(a, b) }
        });
        let fours: [__m256; SIDE] = std::array::from_fn(|i| {
            let (a, b) = (pairs[i / 4 * 4 + i % 4 / 2], pairs[i / 4 * 4 + i % 4 / 2 + 2]);
            if i % 2 == 0 {
                _mm256_shuffle_ps::<0x44>(a, b)
            } else {
                _mm256_shuffle_ps::<0xEE>(a, b)
            }
        });
        for i in 0..SIDE / 2 {
            let (upper, lower) = (fours[i], fours[i + SIDE / 2]);
            // SAFETY: the caller's promise.
            unsafe {
                _mm256_storeu_ps(
                    to.add(i * to_pitch),
                    _mm256_permute2f128_ps::<0x20>(upper, lower),
                );
                _mm256_storeu_ps(
                    to.add((i + SIDE / 2) * to_pitch),
                    _mm256_permute2f128_ps::<0x31>(upper, lower),
                );
            }
        }
    }
}
