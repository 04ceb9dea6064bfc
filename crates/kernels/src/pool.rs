//! Pooling of activations whose samples are innermost.

use std::ops::Range;

use crate::error::length;
use crate::windows::Windows;
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
        let windows = Windows { pool: self, output, batch };
        threads.run(jobs, |Job { x, dy, to }| match dy {
            Some(dy) => windows.spread(*level, x, dy, to),
            None => windows.pool(*level, x, to),
        });
        Ok(())
    }

    /// Rows and columns of the window of one output pixel that are not padding.
    #[inline(always)]
    pub(crate) fn window(&self, row: usize, column: usize) -> [Range<usize>; 2] {
        let inside = |d: usize, at: usize, size: usize| {
            let first = at * self.stride[d];
            let end = (first + self.kernel[d]).saturating_sub(self.padding[d]).min(size);
            first.saturating_sub(self.padding[d])..end
        };
        [inside(0, row, self.height), inside(1, column, self.width)]
    }
}

/// Some planes: `x` to `to`, or `dy` at the places that `x` says to `to`.
struct Job<'a> {
    x: &'a [f32],
    dy: Option<&'a [f32]>,
    to: &'a mut [f32],
}
