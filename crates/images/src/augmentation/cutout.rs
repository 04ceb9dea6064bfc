//! Random squares without content.

use dst_core::Result;
use dst_core::tch::{Kind, Tensor};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::by_image;

/// Draws the row and the column of a pixel for every image.
pub(crate) fn draw(images: &Tensor, rng: &mut ChaCha8Rng) -> Vec<(i64, i64)> {
    let size = images.size();
    (0..size[0]).map(|_| (rng.random_range(0..size[2]), rng.random_range(0..size[3]))).collect()
}

/// Sets the square of `side` pixels around each centre to 0, the mean colour of normalised
/// images; of an even side, the centre is the first pixel of the second half. Parts outside
/// are lost, which DeVries and Taylor found to matter: some images stay nearly whole.
///
/// # Errors
/// If libtorch refuses.
pub(crate) fn apply(images: &Tensor, side: i64, centres: &[(i64, i64)]) -> Result<Tensor> {
    let device = images.device();
    let (_, _, height, width) = images.size4()?;
    let inside = |length: i64, of: fn(&(i64, i64)) -> i64| -> Result<Tensor> {
        let starts: Vec<i64> = centres.iter().map(|centre| of(centre) - side / 2).collect();
        let steps = Tensor::f_arange(length, (Kind::Int64, device))?.f_reshape([1, 1, length])?;
        let from_start = steps.f_sub(&by_image(&starts, device)?)?;
        Ok(from_start.f_ge(0)?.f_logical_and(&from_start.f_lt(side)?)?)
    };
    let rows = inside(height, |centre| centre.0)?.f_reshape([-1, 1, height, 1])?;
    let columns = inside(width, |centre| centre.1)?.f_reshape([-1, 1, 1, width])?;
    Ok(images.f_masked_fill(&rows.f_logical_and(&columns)?, 0.0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dst_core::SeedStreams;
    use dst_core::tch::Device;

    fn ones() -> Tensor {
        Tensor::ones([2, 2, 3, 5], (Kind::Float, Device::Cpu))
    }

    #[test]
    fn squares_are_cut_out_of_every_plane() {
        let cut = apply(&ones(), 2, &[(1, 3), (0, 0)]).unwrap();
        #[rustfmt::skip]
        let first = [
            1.0f32, 1.0, 0.0, 0.0, 1.0,
            1.0, 1.0, 0.0, 0.0, 1.0,
            1.0, 1.0, 1.0, 1.0, 1.0,
        ];
        for plane in 0..2 {
            let found = cut.get(0).get(plane).flatten(0, -1);
            assert_eq!(Vec::<f32>::try_from(found).unwrap(), first);
        }
        // One pixel of the second square lies inside.
        assert_eq!(cut.get(1).sum(Kind::Float).double_value(&[]), 28.0);
        let odd = apply(&ones(), 3, &[(1, 1), (2, 4)]).unwrap();
        assert_eq!(odd.get(0).sum(Kind::Float).double_value(&[]), 30.0 - 18.0);
        assert_eq!(odd.get(1).sum(Kind::Float).double_value(&[]), 30.0 - 8.0);
    }

    #[test]
    fn every_pixel_may_be_the_centre() {
        let images = Tensor::ones([3000, 1, 3, 5], (Kind::Float, Device::Cpu));
        let centres = draw(&images, &mut SeedStreams::new(0).stream("augment/0"));
        for centre in (0..3).flat_map(|row| (0..5).map(move |column| (row, column))) {
            let count = centres.iter().filter(|other| **other == centre).count();
            // Four standard errors around 200.
            assert!((145..255).contains(&count), "{centre:?}: {count}");
        }
    }
}
