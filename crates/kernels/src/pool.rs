//! Pooling of activations whose samples are innermost.

use std::ops::Range;

use crate::error::length;
use crate::instructions::Level;
use crate::{Error, Workspace};

/// What is taken of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pooling {
    /// The largest pixel. As in libtorch, a NaN counts as largest, and of equal pixels the first
    /// gets the gradient.
    Max,
    /// The mean over the window, in which padding counts as zeros: libtorch's default.
    Average,
}

/// Sizes of 2-d pooling, as libtorch names them; pairs are (vertical, horizontal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// What is taken of a window.
    pub pooling: Pooling,
    /// Channels of input and output.
    pub channels: usize,
    /// Rows of the input, in pixels.
    pub height: usize,
    /// Columns of the input, in pixels.
    pub width: usize,
    /// Pixels of the window.
    pub kernel: [usize; 2],
    /// Input pixels from one window to the next.
    pub stride: [usize; 2],
    /// Pixels around the input, on each side; at most half a window.
    pub padding: [usize; 2],
}

impl Pool2d {
    /// Rows and columns of the output, in pixels. Windows that do not fit are left out, as in
    /// libtorch without `ceil_mode`.
    ///
    /// # Errors
    /// [`Error::Shape`] if a size or stride is 0, a window larger than the padded input, or padding
    /// more than half a window; [`Error::TooLarge`] if 32 bits do not count the pixels.
    pub fn output_size(&self) -> Result<[usize; 2], Error> {
        let bad = |why: &str| Error::Shape(format!("{why}: {self:?}"));
        let sizes = [self.channels, self.height, self.width];
        if sizes.iter().chain(&self.kernel).chain(&self.stride).any(|size| *size == 0) {
            return Err(bad("a size or stride is 0"));
        }
        let mut output = [0; 2];
        for (d, size) in [self.height, self.width].into_iter().enumerate() {
            if self.padding[d] > self.kernel[d] / 2 {
                return Err(bad("padding is more than half a window"));
            }
            let padded = size.checked_add(2 * self.padding[d]);
            let moves = padded.and_then(|padded| padded.checked_sub(self.kernel[d]));
            output[d] = moves.ok_or_else(|| bad("the window does not fit"))? / self.stride[d] + 1;
        }
        // The largest pixel is remembered as 32 bits, of which one value means none.
        match self.height.checked_mul(self.width) {
            Some(pixels) if pixels < u32::MAX as usize => Ok(output),
            _ => Err(Error::TooLarge(format!("32 bits do not count the pixels of {self:?}"))),
        }
    }

    /// Pools `x` `[channels, height, width, batch]` to `y` `[channels, out_height, out_width, batch]`,
    /// which is overwritten.
    ///
    /// # Errors
    /// As [`Pool2d::output_size`]; [`Error::Length`] if a slice has another length.
    pub fn forward(
        &self,
        workspace: &mut Workspace,
        x: &[f32],
        batch: usize,
        y: &mut [f32],
    ) -> Result<(), Error> {
        let [from, to] = self.lengths(batch)?;
        length("x", x.len(), from)?;
        length("y", y.len(), to)?;
        self.by_channels(workspace, batch, x, None, y)
    }

    /// The gradient of the input, from input `x` and gradient `dy` of the output; `dx` is
    /// overwritten.
    ///
    /// # Errors
    /// As [`Pool2d::forward`].
    pub fn input_gradient(
        &self,
        workspace: &mut Workspace,
        x: &[f32],
        dy: &[f32],
        batch: usize,
        dx: &mut [f32],
    ) -> Result<(), Error> {
        let [from, to] = self.lengths(batch)?;
        length("x", x.len(), from)?;
        length("dy", dy.len(), to)?;
        length("dx", dx.len(), from)?;
        self.by_channels(workspace, batch, x, Some(dy), dx)
    }

    /// Floats of input and output.
    fn lengths(&self, batch: usize) -> Result<[usize; 2], Error> {
        let count = |[height, width]: [usize; 2]| {
            let pixels = height.checked_mul(width)?.checked_mul(self.channels)?;
            pixels.checked_mul(batch)
        };
        let lengths = [[self.height, self.width], self.output_size()?].map(count);
        match lengths {
            [Some(from), Some(to)] => Ok([from, to]),
            _ => Err(Error::TooLarge(format!("{batch} samples of {self:?}"))),
        }
    }

    /// Forward into `to`, or with gradients backward into `to`; threads share the channels.
    fn by_channels(
        &self,
        workspace: &mut Workspace,
        batch: usize,
        x: &[f32],
        dy: Option<&[f32]>,
        to: &mut [f32],
    ) -> Result<(), Error> {
        if to.is_empty() {
            return Ok(());
        }
        let output = self.output_size()?;
        let Workspace { level, threads, .. } = workspace;
        let step = self.channels.div_ceil(threads.parts(16 * x.len()));
        let plane = |floats: usize| floats / self.channels * step;
        let gradients = dy.map(|dy| dy.chunks(plane(dy.len())));
        let jobs: Vec<Job> = match gradients {
            Some(gradients) => x
                .chunks(plane(x.len()))
                .zip(gradients)
                .zip(to.chunks_mut(plane(x.len())))
                .map(|((x, dy), to)| Job { x, dy: Some(dy), to })
                .collect(),
            None => {
                let len = plane(to.len());
                let parts = x.chunks(plane(x.len())).zip(to.chunks_mut(len));
                parts.map(|(x, to)| Job { x, dy: None, to }).collect()
            }
        };
        threads.run(jobs, |job| match *level {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a level exists only where its instructions do.
            Level::Avx512(_) | Level::Avx2(_) => unsafe { run_avx2(self, output, batch, job) },
            Level::Portable => self.run(output, batch, job),
        });
        Ok(())
    }

    /// All planes of a job.
    #[inline(always)]
    fn run(&self, output: [usize; 2], batch: usize, job: Job) {
        let Job { x, dy, to } = job;
        let (from_len, to_len) = (self.height * self.width * batch, output[0] * output[1] * batch);
        match (dy, self.pooling) {
            (None, _) => {
                for (x, y) in x.chunks_exact(from_len).zip(to.chunks_exact_mut(to_len)) {
                    self.pool(output, batch, x, y);
                }
            }
            (Some(dy), pooling) => {
                let planes = x.chunks_exact(from_len).zip(dy.chunks_exact(to_len));
                for ((x, dy), dx) in planes.zip(to.chunks_exact_mut(from_len)) {
                    dx.fill(0.0);
                    match pooling {
                        Pooling::Max => self.spread_max(output, batch, x, dy, dx),
                        Pooling::Average => self.spread_mean(output, batch, dy, dx),
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn pool(&self, [_, columns]: [usize; 2], batch: usize, x: &[f32], y: &mut [f32]) {
        let share = 1.0 / (self.kernel[0] * self.kernel[1]) as f32;
        for (at, y) in y.chunks_exact_mut(batch).enumerate() {
            match self.pooling {
                Pooling::Max => {
                    y.fill(f32::NEG_INFINITY);
                    for pixel in self.window(at / columns, at % columns) {
                        for (y, x) in y.iter_mut().zip(&x[pixel * batch..][..batch]) {
                            *y = if larger(*x, *y) { *x } else { *y };
                        }
                    }
                }
                Pooling::Average => {
                    y.fill(0.0);
                    for pixel in self.window(at / columns, at % columns) {
                        for (y, x) in y.iter_mut().zip(&x[pixel * batch..][..batch]) {
                            *y += x;
                        }
                    }
                    y.iter_mut().for_each(|y| *y *= share);
                }
            }
        }
    }

    #[inline(always)]
    fn spread_max(
        &self,
        [_, columns]: [usize; 2],
        batch: usize,
        x: &[f32],
        dy: &[f32],
        dx: &mut [f32],
    ) {
        /// Samples whose largest pixels are known at a time.
        const SAMPLES: usize = 64;
        for (at, dy) in dy.chunks_exact(batch).enumerate() {
            for (first, dy) in (0..batch).step_by(SAMPLES).zip(dy.chunks(SAMPLES)) {
                let (mut best, mut found) = ([f32::NEG_INFINITY; SAMPLES], [u32::MAX; SAMPLES]);
                for pixel in self.window(at / columns, at % columns) {
                    let x = &x[pixel * batch + first..][..dy.len()];
                    for ((best, found), x) in best.iter_mut().zip(&mut found).zip(x) {
                        let better = larger(*x, *best);
                        *best = if better { *x } else { *best };
                        *found = if better { pixel as u32 } else { *found };
                    }
                }
                for (i, pixel) in self.window(at / columns, at % columns).enumerate() {
                    let dx = &mut dx[pixel * batch + first..][..dy.len()];
                    for ((dx, dy), found) in dx.iter_mut().zip(dy).zip(&found) {
                        // Where all are minus infinity, the first.
                        let mine = *found == pixel as u32 || i == 0 && *found == u32::MAX;
                        *dx += if mine { *dy } else { 0.0 };
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn spread_mean(&self, [_, columns]: [usize; 2], batch: usize, dy: &[f32], dx: &mut [f32]) {
        let share = 1.0 / (self.kernel[0] * self.kernel[1]) as f32;
        for (at, dy) in dy.chunks_exact(batch).enumerate() {
            for pixel in self.window(at / columns, at % columns) {
                for (dx, dy) in dx[pixel * batch..][..batch].iter_mut().zip(dy) {
                    *dx += dy * share;
                }
            }
        }
    }

    /// The pixels of a window that are not padding, row by row.
    #[inline(always)]
    fn window(&self, row: usize, column: usize) -> impl Iterator<Item = usize> + use<> {
        let inside = |d: usize, at: usize, size: usize| -> Range<usize> {
            let first = at * self.stride[d];
            let end = (first + self.kernel[d]).saturating_sub(self.padding[d]).min(size);
            first.saturating_sub(self.padding[d])..end
        };
        let columns = inside(1, column, self.width);
        let width = self.width;
        inside(0, row, self.height).flat_map(move |y| columns.clone().map(move |x| y * width + x))
    }
}

/// Some planes: `x` to `to`, or `dy` at the places that `x` says to `to`.
struct Job<'a> {
    x: &'a [f32],
    dy: Option<&'a [f32]>,
    to: &'a mut [f32],
}

#[inline(always)]
fn larger(x: f32, best: f32) -> bool {
    x > best || x.is_nan()
}

/// The same loops with wider registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2(pool: &Pool2d, output: [usize; 2], batch: usize, job: Job) {
    pool.run(output, batch, job);
}
