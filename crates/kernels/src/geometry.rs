//! Shapes of a layer.

use crate::Error;

/// Sizes of a 2-d convolution, as libtorch names them; pairs are (vertical, horizontal).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Rows of the input, in pixels.
    pub height: usize,
    /// Columns of the input, in pixels.
    pub width: usize,
    /// Pixels of the kernel.
    pub kernel: [usize; 2],
    /// Input pixels from one output pixel to the next.
    pub stride: [usize; 2],
    /// Zeros around the input, on each side.
    pub padding: [usize; 2],
    /// Only `[1, 1]` is supported.
    pub dilation: [usize; 2],
    /// Only 1 is supported.
    pub groups: usize,
}

impl Conv2d {
    /// A square kernel on a square input with stride 1 and without padding, to be changed with the
    /// syntax of a struct's update.
    ///
    /// ```
    /// use dst_kernels::Conv2d;
    /// let strided = Conv2d { stride: [2, 2], padding: [1, 1], ..Conv2d::square(64, 128, 3, 32) };
    /// assert_eq!(strided.kernel, [3, 3]);
    /// ```
    pub const fn square(
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        size: usize,
    ) -> Self {
        Self {
            in_channels,
            out_channels,
            height: size,
            width: size,
            kernel: [kernel; 2],
            stride: [1; 2],
            padding: [0; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }
}

/// The checked shape of a layer: a linear one, or a convolution at one size of its input.
///
/// A linear layer is a convolution of one pixel. Weights are counted in row-major order of
/// `[outputs, inputs]` or `[out_channels, in_channels, kernel, kernel]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Geometry {
    pub(crate) conv: Conv2d,
    pub(crate) out_height: usize,
    pub(crate) out_width: usize,
}

impl Geometry {
    /// `inputs` features to `outputs` features.
    ///
    /// # Errors
    /// [`Error::Shape`] if one is 0, [`Error::TooLarge`] if 32 bits do not count the weights.
    pub fn linear(inputs: usize, outputs: usize) -> Result<Self, Error> {
        Self::conv2d(Conv2d::square(inputs, outputs, 1, 1))
    }

    /// A convolution.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for dilation or groups; [`Error::Shape`] if a size is 0 or the kernel
    /// is larger than the padded input; [`Error::TooLarge`] if 32 bits do not count the weights or
    /// the pixels of a padded side.
    pub fn conv2d(conv: Conv2d) -> Result<Self, Error> {
        if conv.dilation != [1, 1] {
            return Err(Error::Unsupported(format!(
                "dilation {:?} is not supported",
                conv.dilation
            )));
        }
        if conv.groups != 1 {
            return Err(Error::Unsupported(format!("{} groups are not supported", conv.groups)));
        }
        let Conv2d { in_channels, out_channels, height, width, kernel, stride, padding, .. } = conv;
        let sizes =
            [in_channels, out_channels, height, width, kernel[0], kernel[1], stride[0], stride[1]];
        if sizes.contains(&0) {
            return Err(Error::Shape(format!("a size or stride of {conv:?} is 0")));
        }
        let large = || Error::TooLarge(format!("32 bits do not count the positions of {conv:?}"));
        let out = |d: usize, size: usize| {
            let padded =
                padding[d].checked_mul(2).and_then(|p| p.checked_add(size)).ok_or_else(large)?;
            let moves = padded.checked_sub(kernel[d]).ok_or_else(|| {
                Error::Shape(format!("a kernel of {} on {padded} padded pixels", kernel[d]))
            })?;
            Ok(moves / stride[d] + 1)
        };
        let (out_height, out_width) = (out(0, height)?, out(1, width)?);
        // A generous bound of what is packed on either side, so that no later sum or product of
        // positions can overflow: both planes with the border of the other.
        let side = |channels: usize, height: usize, width: usize| {
            let rows = height.checked_add(padding[0].checked_mul(2)?)?.checked_add(kernel[0])?;
            let columns = width.checked_add(padding[1].checked_mul(2)?)?.checked_add(kernel[1])?;
            let rows = rows.checked_add(stride[0])?;
            let columns = columns.checked_add(stride[1])?;
            channels.checked_mul(rows)?.checked_mul(columns)
        };
        let counts = [
            side(in_channels, height.max(out_height), width.max(out_width)),
            side(out_channels, height.max(out_height), width.max(out_width)),
            out_channels
                .checked_mul(in_channels)
                .and_then(|n| n.checked_mul(kernel[0]))
                .and_then(|n| n.checked_mul(kernel[1])),
        ];
        if counts.iter().any(|count| count.is_none_or(|count| u32::try_from(count).is_err())) {
            return Err(large());
        }
        Ok(Self { conv, out_height, out_width })
    }

    /// The sizes it was made of; a linear layer is a convolution of one pixel.
    pub fn sizes(&self) -> Conv2d {
        self.conv
    }

    /// Rows and columns of the output, in pixels.
    pub fn output_size(&self) -> [usize; 2] {
        [self.out_height, self.out_width]
    }

    /// Positions of the dense weight.
    pub fn weight_count(&self) -> usize {
        self.conv.out_channels * self.row_len()
    }

    /// Floats of one sample of the input, over channels and pixels.
    pub fn input_count(&self) -> usize {
        self.conv.in_channels * self.conv.height * self.conv.width
    }

    /// Floats of one sample of the output, over channels and pixels.
    pub fn output_count(&self) -> usize {
        self.conv.out_channels * self.out_height * self.out_width
    }

    /// Where each output pixel reads one input pixel, all pixels are samples of a linear layer: that
    /// layer and their number.
    pub(crate) fn folded(&self) -> (Self, usize) {
        let Conv2d { in_channels, out_channels, height, width, kernel, stride, padding, .. } =
            self.conv;
        if (kernel, stride, padding) != ([1, 1], [1, 1], [0, 0]) {
            return (*self, 1);
        }
        let conv = Conv2d::square(in_channels, out_channels, 1, 1);
        (Self { conv, out_height: 1, out_width: 1 }, height * width)
    }

    /// Positions of the weight for one output channel.
    pub(crate) fn row_len(&self) -> usize {
        self.conv.in_channels * self.taps()
    }

    pub(crate) fn taps(&self) -> usize {
        self.conv.kernel[0] * self.conv.kernel[1]
    }
}
