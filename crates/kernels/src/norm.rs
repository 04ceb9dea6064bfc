//! Batch normalisation of activations whose samples are innermost.

use crate::channel::Channel;
use crate::error::length;
use crate::{Error, Workspace};

/// Normalisation of every channel by its own mean and variance over samples and pixels, and its
/// gradients (Ioffe & Szegedy 2015): `y = (x − mean) / √(variance + epsilon) · weight + bias`.
///
/// libtorch adds up the statistics one number after the other.
///
/// ```
/// use dst_kernels::{BatchNorm, Workspace};
/// let norm = BatchNorm { channels: 1, epsilon: 0.0 };
/// let mut y = [0.0; 4];
/// let moments =
///     norm.forward(&mut Workspace::new(), &[2.0, 4.0, 4.0, 6.0], &[1.0], &[0.5], &mut y)?;
/// assert_eq!((moments.means[0], moments.variances[0]), (4.0, 2.0));
/// assert_eq!(y, [0.5 - 2.0f32.sqrt(), 0.5, 0.5, 0.5 + 2.0f32.sqrt()]);
/// # Ok::<(), dst_kernels::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Channels of input and output.
    pub channels: usize,
    /// Added to the variance before its root is taken.
    pub epsilon: f64,
}

/// What a batch was normalised by, of each channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Means.
    pub means: Vec<f32>,
    /// Mean squares of the deviations from the mean: variances over n, not n − 1.
    pub variances: Vec<f32>,
}

impl BatchNorm {
    /// Normalises `x` `[channels, values]`, with any number of values, to `y`, which is overwritten.
    /// `weight` and `bias` have an element for each channel.
    ///
    /// Sums have one order for any instruction set and number of threads, and so have the bits.
    ///
    /// # Errors
    /// [`Error::Length`] if a slice has another length, or `x` no whole channels;
    /// [`Error::Shape`] if there are no channels.
    pub fn forward(
        &self,
        workspace: &mut Workspace,
        x: &[f32],
        weight: &[f32],
        bias: &[f32],
        y: &mut [f32],
    ) -> Result<Moments, Error> {
        let values = self.values(x, weight)?;
        length("the bias", bias.len(), self.channels)?;
        length("y", y.len(), x.len())?;
        let mut moments =
            Moments { means: vec![0.0; self.channels], variances: vec![0.0; self.channels] };
        if values == 0 {
            return Ok(moments);
        }
        let epsilon = self.epsilon;
        let Workspace { level, threads, .. } = workspace;
        let step = self.channels.div_ceil(threads.parts(WORK * x.len()));
        let (rows, parts) = (step * values, moments.means.chunks_mut(step));
        let parts = parts.zip(moments.variances.chunks_mut(step)).zip(
            x.chunks(rows).zip(y.chunks_mut(rows)).zip(weight.chunks(step).zip(bias.chunks(step))),
        );
        threads.run(parts, |((means, variances), ((x, y), (weight, bias)))| {
            let channels = x.chunks_exact(values).zip(y.chunks_exact_mut(values));
            for (i, (x, y)) in channels.enumerate() {
                let channel = Channel { level: *level, x };
                let mean = channel.mean();
                let variance = channel.variance(mean);
                let factor = f64::from(weight[i]) / (f64::from(variance) + epsilon).sqrt();
                channel.scale(mean, factor as f32, bias[i], y);
                (means[i], variances[i]) = (mean, variance);
            }
        });
        Ok(moments)
    }

    /// The gradients from that of the output, `dy`: of the input into `dx`, of weight and bias into
    /// `dweight` and `dbias`, all overwritten. `moments` are those of [`BatchNorm::forward`].
    ///
    /// # Errors
    /// As [`BatchNorm::forward`].
    #[expect(clippy::too_many_arguments, reason = "the operands of a pass")]
    pub fn gradients(
        &self,
        workspace: &mut Workspace,
        x: &[f32],
        dy: &[f32],
        weight: &[f32],
        moments: &Moments,
        dx: &mut [f32],
        dweight: &mut [f32],
        dbias: &mut [f32],
    ) -> Result<(), Error> {
        let values = self.values(x, weight)?;
        length("dy", dy.len(), x.len())?;
        length("dx", dx.len(), x.len())?;
        length("the means", moments.means.len(), self.channels)?;
        length("the variances", moments.variances.len(), self.channels)?;
        length("the gradient of the weight", dweight.len(), self.channels)?;
        length("the gradient of the bias", dbias.len(), self.channels)?;
        if values == 0 {
            dweight.fill(0.0);
            dbias.fill(0.0);
            return Ok(());
        }
        let Workspace { level, threads, .. } = workspace;
        let step = self.channels.div_ceil(threads.parts(WORK * x.len()));
        let rows = step * values;
        let inputs = x.chunks(rows).zip(dy.chunks(rows)).enumerate();
        let outputs = dx.chunks_mut(rows).zip(dweight.chunks_mut(step)).zip(dbias.chunks_mut(step));
        threads.run(inputs.zip(outputs), |((part, (x, dy)), ((dx, dweight), dbias))| {
            let channels = x.chunks_exact(values).zip(dy.chunks_exact(values));
            for (i, ((x, dy), dx)) in channels.zip(dx.chunks_exact_mut(values)).enumerate() {
                let number = part * step + i;
                let (mean, weight) = (moments.means[number], f64::from(weight[number]));
                let variance = f64::from(moments.variances[number]);
                let inverse = 1.0 / (variance + self.epsilon).sqrt();
                let sum = Channel { level: *level, x: dy }.sum();
                let product = Channel { level: *level, x }.products(mean, dy);
                // Ioffe & Szegedy, section 3: what moves mean and variance is taken out of `dy`.
                let factor = weight * inverse;
                let along = -factor * inverse * inverse * product / values as f64;
                let shift = -factor * sum / values as f64;
                Channel { level: *level, x }.combine(
                    mean,
                    along as f32,
                    (dy, factor as f32),
                    shift as f32,
                    dx,
                );
                (dweight[i], dbias[i]) = ((product * inverse) as f32, sum as f32);
            }
        });
        Ok(())
    }

    /// Values of each channel of `x`.
    fn values(&self, x: &[f32], weight: &[f32]) -> Result<usize, Error> {
        if self.channels == 0 {
            return Err(Error::Shape("batch normalisation of no channels".to_owned()));
        }
        length("the weight", weight.len(), self.channels)?;
        let values = x.len() / self.channels;
        length("x", x.len(), values * self.channels)?;
        Ok(values)
    }
}

/// Time that a value takes, in fused multiplications, where threads are worth their start.
const WORK: usize = 8;
