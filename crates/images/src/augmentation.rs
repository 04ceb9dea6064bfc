//! Random changes of training images, a whole batch at once, on the device where it lies.
//!
//! A data set of images flattens [`Augmentation`] into its options. An image is first turned, sheared, zoomed and
//! shifted by one affine map, then cropped and mirrored, and at last a square is cut out.
//!
//! All numbers come from the stream that the caller gives. The stages draw one after another
//! for the whole batch, crops first, and one that is off draws nothing: crops and flips are the
//! same whatever else is on.

mod affine;
mod crop;
mod cutout;

use dst_core::tch::{Device, Tensor};
use dst_core::{Error, Result, device};
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How training images are changed. Everything is off by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Augmentation {
    /// Black pixels added on every side before a training image is cropped to its old size at
    /// a random place (He et al. 2016, section 4.2). 0 crops nothing.
    pub crop_padding: u32,
    /// Mirrors every second training image left to right, at random.
    pub flip: bool,
    /// Turns a training image by an angle drawn from minus to plus this many degrees.
    pub rotation: f64,
    /// Moves a training image in either direction by a share of its side drawn from minus to
    /// plus this, below 1.
    pub shift: f64,
    /// Shears a training image along its rows by an angle drawn from minus to plus this many
    /// degrees, below 90.
    pub shear: f64,
    /// Scales a training image by a factor drawn from 1 minus to 1 plus this, below 1.
    pub zoom: f64,
    /// Side in pixels of a square that is cut out of a training image around a random pixel,
    /// partly outside at times, and filled with the mean colour (DeVries and Taylor 2017). 0
    /// cuts nothing.
    pub cutout: u32,
}

impl Augmentation {
    /// Are all values in range, for images whose shorter side has `side` pixels?
    ///
    /// # Errors
    /// With the first option that is not.
    pub fn validate(&self, side: u32) -> Result<()> {
        let refused = |name: &str, value: f64, range: String| {
            Err(Error::usage(format!("{name} = {value} is not {range}")))
        };
        for (name, pixels) in [("crop_padding", self.crop_padding), ("cutout", self.cutout)] {
            if pixels > side {
                return refused(name, pixels.into(), format!("from 0 to {side}, the side"));
            }
        }
        // `contains` is false for what is not a number.
        if !(0.0..=180.0).contains(&self.rotation) {
            return refused("rotation", self.rotation, "from 0 to 180 degrees".to_owned());
        }
        if !(0.0..90.0).contains(&self.shear) {
            return refused("shear", self.shear, "from 0 to below 90 degrees".to_owned());
        }
        for (name, share) in [("shift", self.shift), ("zoom", self.zoom)] {
            if !(0.0..1.0).contains(&share) {
                return refused(name, share, "in [0, 1)".to_owned());
            }
        }
        Ok(())
    }

    /// `images`, changed at random; nothing if everything is off, and then nothing is drawn.
    ///
    /// `images` are normalised, `Float [batch, channels, height, width]`; `black` is what 0
    /// became when they were, `[1, channels, 1, 1]` on the same device, and fills what a map or
    /// a crop uncovers. See [`by_channel`].
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn apply(
        &self,
        images: &Tensor,
        black: &Tensor,
        rng: &mut ChaCha8Rng,
    ) -> Result<Option<Tensor>> {
        let batch = images.size()[0];
        let crops = self.crops().then(|| crop::draw(self, batch, rng));
        let cutouts = (self.cutout > 0).then(|| cutout::draw(images, rng));
        let maps = self.maps().then(|| affine::draw(self, batch, rng));

        let mut changed = None;
        if let Some(maps) = maps {
            changed = Some(affine::apply(images, black, &maps)?);
        }
        if let Some(crops) = crops {
            let padding = i64::from(self.crop_padding);
            let images = changed.as_ref().unwrap_or(images);
            changed = Some(crop::apply(images, black, padding, &crops)?);
        }
        if let Some(centres) = cutouts {
            let images = changed.as_ref().unwrap_or(images);
            changed = Some(cutout::apply(images, self.cutout.into(), &centres)?);
        }
        Ok(changed)
    }

    fn crops(&self) -> bool {
        self.crop_padding > 0 || self.flip
    }

    fn maps(&self) -> bool {
        [self.rotation, self.shift, self.shear, self.zoom].iter().any(|amount| *amount > 0.0)
    }
}

/// `values` as a tensor that multiplies or moves channels, `[1, channels, 1, 1]`.
///
/// # Errors
/// If libtorch refuses.
pub fn by_channel(values: &[f32], device: Device) -> Result<Tensor> {
    let channels = values.len() as i64;
    device::upload(&Tensor::f_from_slice(values)?.f_reshape([1, channels, 1, 1])?, device)
}

/// One value an image, `[batch, 1, 1]` on the device.
fn by_image(values: &[i64], device: Device) -> Result<Tensor> {
    device::upload(&Tensor::f_from_slice(values)?.f_reshape([-1, 1, 1])?, device)
}

#[cfg(test)]
mod tests;
