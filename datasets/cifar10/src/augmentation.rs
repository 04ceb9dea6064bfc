//! Random crops and flips of a whole batch at once.

use dst_core::Result;
use dst_core::tch::{Device, Kind, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Black pixels added on every side before a picture is cropped to its old size.
const PADDING: i64 = 4;

/// Pads every picture with black, cuts its old size out at a random place and mirrors it left
/// to right with probability ½ (He et al. 2016, section 4.2).
///
/// `pictures` are `Float [batch, channels, side, side]` and `black` is what 0 became when they
/// were normalised, `[1, channels, 1, 1]` on the same device: pictures are padded as if before.
///
/// # Errors
/// If libtorch refuses.
pub(crate) fn crop_and_flip(
    pictures: &Tensor,
    black: &Tensor,
    rng: &mut ChaCha8Rng,
) -> Result<Tensor> {
    let draws: Vec<Draw> = (0..pictures.size()[0]).map(|_| Draw::random(rng)).collect();
    apply(pictures, black, &draws)
}

/// What is drawn for one picture.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Draw {
    /// The first row and column of the cut in the padded picture, from 0 to twice the padding.
    top: i64,
    left: i64,
    mirrored: bool,
}

impl Draw {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        let mut place = || rng.random_range(0..=2 * PADDING);
        Self { top: place(), left: place(), mirrored: rng.random() }
    }
}

/// One gather for the whole batch: pixel (i, j) of the result is pixel (top + i, start ± j) of
/// the padded picture.
fn apply(pictures: &Tensor, black: &Tensor, draws: &[Draw]) -> Result<Tensor> {
    let device = pictures.device();
    let (batch, channels, side, _) = pictures.size4()?;
    let padded_side = side + 2 * PADDING;
    let padded =
        black.f_expand([batch, channels, padded_side, padded_side], false)?.f_contiguous()?;
    padded.f_narrow(2, PADDING, side)?.f_narrow(3, PADDING, side)?.f_copy_(pictures)?;

    let column = |of: fn(&Draw, i64) -> i64| -> Result<Tensor> {
        let values: Vec<i64> = draws.iter().map(|draw| of(draw, side)).collect();
        Ok(Tensor::f_from_slice(&values)?.f_reshape([batch, 1, 1])?.f_to_device(device)?)
    };
    let top = column(|draw, _| draw.top)?;
    let start = column(|draw, side| draw.left + if draw.mirrored { side - 1 } else { 0 })?;
    let direction = column(|draw, _| if draw.mirrored { -1 } else { 1 })?;
    let steps = Tensor::f_arange(side, (Kind::Int64, device))?;
    let rows = top.f_add(&steps.f_reshape([1, side, 1])?)?.f_mul_scalar(padded_side)?;
    let columns = direction.f_mul(&steps.f_reshape([1, 1, side])?)?.f_add(&start)?;
    let pixels = rows.f_add(&columns)?.f_reshape([batch, 1, side * side])?;
    let pixels = pixels.f_expand([batch, channels, side * side], false)?;
    let cut = padded.f_flatten(2, 3)?.f_gather(2, &pixels, false)?;
    Ok(cut.f_reshape([batch, channels, side, side])?)
}

/// `values` as a tensor that multiplies or moves channels, `[1, channels, 1, 1]`.
///
/// # Errors
/// If libtorch refuses.
pub(crate) fn by_channel(values: &[f32], device: Device) -> Result<Tensor> {
    let channels = values.len() as i64;
    Ok(Tensor::f_from_slice(values)?.f_reshape([1, channels, 1, 1])?.f_to_device(device)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::SeedStreams;

    /// One picture of 2 × 2 pixels in two planes: 1 2 / 3 4 and 5 6 / 7 8.
    fn cut(top: i64, left: i64, mirrored: bool) -> Vec<f32> {
        let picture = Tensor::from_slice(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let black = by_channel(&[-1.0, -2.0], Device::Cpu).unwrap();
        let draw = Draw { top, left, mirrored };
        let result = apply(&picture.reshape([1, 2, 2, 2]), &black, &[draw]).unwrap();
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
    fn every_picture_has_a_draw_of_its_own() {
        let pictures = Tensor::arange(2 * 3 * 16, (Kind::Float, Device::Cpu)).reshape([2, 3, 4, 4]);
        let black = by_channel(&[0.0; 3], Device::Cpu).unwrap();
        let stays = Draw { top: 4, left: 4, mirrored: false };
        let flips = Draw { mirrored: true, ..stays };
        let result = apply(&pictures, &black, &[stays, flips]).unwrap();
        assert_eq!(result.get(0), pictures.get(0));
        assert_eq!(result.get(1), pictures.get(1).flip([2]));
    }

    #[test]
    fn draws_are_uniform_over_places_and_sides() {
        let mut rng = SeedStreams::new(0).stream("augment/0");
        let draws: Vec<Draw> = (0..9000).map(|_| Draw::random(&mut rng)).collect();
        for place in 0..=8 {
            for of in [|draw: &Draw| draw.top, |draw: &Draw| draw.left] {
                let count = draws.iter().filter(|draw| of(draw) == place).count();
                // Four standard errors around 1000.
                assert!((875..1125).contains(&count), "{place}: {count}");
            }
        }
        let mirrored = draws.iter().filter(|draw| draw.mirrored).count();
        assert!((4310..4690).contains(&mirrored), "{mirrored}");
    }
}
