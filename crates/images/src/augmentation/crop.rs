//! Random crops and flips.

use dst_core::Result;
use dst_core::tch::{Kind, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Augmentation, by_image};

/// What is drawn for one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Crop {
    /// The first row and column of the cut in the padded image, from 0 to twice the padding.
    pub(crate) top: i64,
    pub(crate) left: i64,
    pub(crate) mirrored: bool,
}

/// Draws for every image a place, then a side, whether or not both are on: flips are the same
/// with crops or without.
pub(crate) fn draw(options: &Augmentation, batch: i64, rng: &mut ChaCha8Rng) -> Vec<Crop> {
    let last = 2 * i64::from(options.crop_padding);
    (0..batch)
        .map(|_| {
            let mut place = || rng.random_range(0..=last);
            let (top, left) = (place(), place());
            Crop { top, left, mirrored: rng.random::<bool>() && options.flip }
        })
        .collect()
}

/// Pads every image with black and cuts its old size out.
///
/// One gather for the whole batch: pixel (i, j) of the result is pixel (top + i, start ± j) of
/// the padded image.
///
/// # Errors
/// If libtorch refuses.
pub(crate) fn apply(
    images: &Tensor,
    black: &Tensor,
    padding: i64,
    crops: &[Crop],
) -> Result<Tensor> {
    let device = images.device();
    let (batch, channels, height, width) = images.size4()?;
    let (padded_height, padded_width) = (height + 2 * padding, width + 2 * padding);
    let padded =
        black.f_expand([batch, channels, padded_height, padded_width], false)?.f_contiguous()?;
    padded.f_narrow(2, padding, height)?.f_narrow(3, padding, width)?.f_copy_(images)?;

    let column =
        |of: &dyn Fn(&Crop) -> i64| by_image(&crops.iter().map(of).collect::<Vec<i64>>(), device);
    let top = column(&|crop| crop.top)?;
    let start = column(&|crop| crop.left + if crop.mirrored { width - 1 } else { 0 })?;
    let direction = column(&|crop| if crop.mirrored { -1 } else { 1 })?;
    let steps = |count| Tensor::f_arange(count, (Kind::Int64, device));
    let rows = top.f_add(&steps(height)?.f_reshape([1, height, 1])?)?;
    let rows = rows.f_mul_scalar(padded_width)?;
    let columns = direction.f_mul(&steps(width)?.f_reshape([1, 1, width])?)?.f_add(&start)?;
    let pixels = rows.f_add(&columns)?.f_reshape([batch, 1, height * width])?;
    let pixels = pixels.f_expand([batch, channels, height * width], false)?;
    let cut = padded.f_flatten(2, 3)?.f_gather(2, &pixels, false)?;
    Ok(cut.f_reshape([batch, channels, height, width])?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augmentation::by_channel;
    use dst_core::SeedStreams;
    use dst_core::tch::Device;

    const CIFAR: Augmentation = Augmentation {
        crop_padding: 4,
        flip: true,
        rotation: 0.0,
        shift: 0.0,
        shear: 0.0,
        zoom: 0.0,
        cutout: 0,
    };

    /// One image of 2 × 2 pixels in two planes: 1 2 / 3 4 and 5 6 / 7 8.
    fn cut(top: i64, left: i64, mirrored: bool) -> Vec<f32> {
        let image = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let black = by_channel(&[-1.0, -2.0], Device::Cpu).unwrap();
        let crop = Crop { top, left, mirrored };
        let result = apply(&image.reshape([1, 2, 2, 2]), &black, 4, &[crop]).unwrap();
        Vec::try_from(result.flatten(0, -1)).unwrap()
    }

    #[test]
    fn the_middle_of_the_padded_picture_is_the_picture() {
        assert_eq!(cut(4, 4, false), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        assert_eq!(cut(4, 4, true), [2.0, 1.0, 4.0, 3.0, 6.0, 5.0, 8.0, 7.0]);
    }

    #[test]
    fn cuts_beyond_the_edge_are_black() {
        // One row down: the lower row comes up, and black follows.
        assert_eq!(cut(5, 4, false), [3.0, 4.0, -1.0, -1.0, 7.0, 8.0, -2.0, -2.0]);
        // One column to the left: black comes first; mirrored after the cut.
        assert_eq!(cut(4, 3, false), [-1.0, 1.0, -1.0, 3.0, -2.0, 5.0, -2.0, 7.0]);
        assert_eq!(cut(4, 3, true), [1.0, -1.0, 3.0, -1.0, 5.0, -2.0, 7.0, -2.0]);
        assert_eq!(cut(0, 8, true), [-1.0, -1.0, -1.0, -1.0, -2.0, -2.0, -2.0, -2.0]);
    }

    #[test]
    fn sides_may_differ() {
        let image = Tensor::arange(6, (Kind::Float, Device::Cpu)).reshape([1, 1, 2, 3]);
        let black = by_channel(&[-1.0], Device::Cpu).unwrap();
        let crop = Crop { top: 0, left: 1, mirrored: true };
        let result = apply(&image, &black, 1, &[crop]).unwrap();
        let expected = [-1.0f32, -1.0, -1.0, 2.0, 1.0, 0.0];
        assert_eq!(Vec::<f32>::try_from(result.flatten(0, -1)).unwrap(), expected);
    }

    #[test]
    fn every_picture_has_a_draw_of_its_own() {
        let images = Tensor::arange(2 * 3 * 16, (Kind::Float, Device::Cpu)).reshape([2, 3, 4, 4]);
        let black = by_channel(&[0.0; 3], Device::Cpu).unwrap();
        let stays = Crop { top: 4, left: 4, mirrored: false };
        let flips = Crop { mirrored: true, ..stays };
        let result = apply(&images, &black, 4, &[stays, flips]).unwrap();
        assert_eq!(result.get(0), images.get(0));
        assert_eq!(result.get(1), images.get(1).flip([2]));
    }

    #[test]
    fn draws_are_uniform_over_places_and_sides() {
        let mut rng = SeedStreams::new(0).stream("augment/0");
        let crops = draw(&CIFAR, 9000, &mut rng);
        for place in 0..=8 {
            for of in [|crop: &Crop| crop.top, |crop: &Crop| crop.left] {
                let count = crops.iter().filter(|crop| of(crop) == place).count();
                // Four standard errors around 1000.
                assert!((875..1125).contains(&count), "{place}: {count}");
            }
        }
        let mirrored = crops.iter().filter(|crop| crop.mirrored).count();
        assert!((4310..4690).contains(&mirrored), "{mirrored}");
    }

    /// What every result on CIFAR-10 with crops and flips has drawn, since the first of them.
    #[test]
    fn draws_stay_what_they_are() {
        let mut rng = SeedStreams::new(0).stream("augment/0");
        let crops = draw(&CIFAR, 3, &mut rng);
        let found: Vec<_> = crops.iter().map(|c| (c.top, c.left, c.mirrored)).collect();
        assert_eq!(found, [(7, 3, false), (5, 1, true), (6, 4, true)]);
    }

    #[test]
    fn what_is_off_does_nothing() {
        let mut rng = SeedStreams::new(0).stream("augment/0");
        let crops = draw(&Augmentation { flip: false, ..CIFAR }, 50, &mut rng);
        assert!(crops.iter().all(|crop| !crop.mirrored));
        assert!(crops.iter().any(|crop| crop.top != 4));
        let flips = draw(&Augmentation { crop_padding: 0, ..CIFAR }, 50, &mut rng);
        assert!(flips.iter().all(|crop| (crop.top, crop.left) == (0, 0)));
        assert!(flips.iter().any(|crop| crop.mirrored));
    }
}
