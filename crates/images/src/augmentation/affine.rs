//! Random rotations, shears, zooms and shifts, composed into one map an image.

use dst_core::tch::Tensor;
use dst_core::{Result, device};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Augmentation;

/// Pixels between others, by the weights of the four around them.
const BILINEAR: i64 = 0;

/// Places outside an image are 0.
const ZEROS: i64 = 0;

/// What is drawn for one image: a point of it, counted in pixels from the middle, x to the
/// right and y down, goes to zoom · R(rotation) · S(shear) · point + shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Map {
    /// Radians, clockwise.
    pub(crate) rotation: f64,
    /// Radians: a row y below the middle moves to the right by y tan(shear).
    pub(crate) shear: f64,
    /// Factor, above 0.
    pub(crate) zoom: f64,
    /// Shares of the width and of the height.
    pub(crate) right: f64,
    pub(crate) down: f64,
}

/// Draws five numbers for every image, whatever is on: turning one option up leaves the
/// directions of the others.
pub(crate) fn draw(options: &Augmentation, batch: i64, rng: &mut ChaCha8Rng) -> Vec<Map> {
    (0..batch)
        .map(|_| {
            // From minus to plus the amount.
            let mut draw = |amount: f64| amount * (2.0 * rng.random::<f64>() - 1.0);
            Map {
                rotation: draw(options.rotation.to_radians()),
                shear: draw(options.shear.to_radians()),
                zoom: 1.0 + draw(options.zoom),
                right: draw(options.shift),
                down: draw(options.shift),
            }
        })
        .collect()
}

impl Map {
    /// From a place in the result to one in the image, as `affine_grid` wants it: two rows of
    /// three, in coordinates that go from -1 to 1 over the width and over the height.
    fn inverse(&self, height: f64, width: f64) -> [f32; 6] {
        let (sin, cos) = self.rotation.sin_cos();
        let tan = self.shear.tan();
        // S(-shear) · R(-rotation) / zoom, in pixels.
        let [a, b] = [cos + tan * sin, sin - tan * cos].map(|entry| entry / self.zoom);
        let [c, d] = [-sin, cos].map(|entry| entry / self.zoom);
        // A side is 2 long there, so a share of it counts twice; and a step to the right is
        // height / width of one down.
        let aspect = height / width;
        let (b, c) = (b * aspect, c / aspect);
        let (x, y) = (2.0 * self.right, 2.0 * self.down);
        [a, b, -(a * x + b * y), c, d, -(c * x + d * y)].map(|entry| entry as f32)
    }
}

/// Maps every image; what comes from outside is black.
///
/// # Errors
/// If libtorch refuses.
pub(crate) fn apply(images: &Tensor, black: &Tensor, maps: &[Map]) -> Result<Tensor> {
    let (batch, _, height, width) = images.size4()?;
    let entries: Vec<f32> =
        maps.iter().flat_map(|map| map.inverse(height as f64, width as f64)).collect();
    let maps = Tensor::f_from_slice(&entries)?.f_reshape([batch, 2, 3])?;
    let maps = device::upload(&maps, images.device())?.f_to_kind(images.kind())?;
    let grid = Tensor::f_affine_grid_generator(&maps, images.size(), false)?;
    // Outside is 0 for libtorch, so black is made 0 meanwhile.
    let lifted = images.f_sub(black)?;
    Ok(lifted.f_grid_sampler(&grid, BILINEAR, ZEROS, false)?.f_add_(black)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::augmentation::by_channel;
    use dst_core::SeedStreams;
    use dst_core::tch::{Device, Kind};
    use std::f64::consts::{FRAC_PI_2, FRAC_PI_4};

    const STAYS: Map = Map { rotation: 0.0, shear: 0.0, zoom: 1.0, right: 0.0, down: 0.0 };

    /// 4 × 4 pixels that count from 1, after a map; black is -1.
    fn mapped(map: Map) -> Vec<f32> {
        let image = Tensor::arange(16, (Kind::Float, Device::Cpu)) + 1;
        let black = by_channel(&[-1.0], Device::Cpu).unwrap();
        let result = apply(&image.reshape([1, 1, 4, 4]), &black, &[map]).unwrap();
        let rounded = (result * 1e3).round() / 1e3;
        Vec::try_from(rounded.flatten(0, -1)).unwrap()
    }

    #[test]
    #[rustfmt::skip]
    fn a_quarter_turn_goes_clockwise() {
        assert_eq!(mapped(STAYS), (1..=16).map(|value| value as f32).collect::<Vec<_>>());
        assert_eq!(mapped(Map { rotation: FRAC_PI_2, ..STAYS }), [
            13.0, 9.0, 5.0, 1.0,
            14.0, 10.0, 6.0, 2.0,
            15.0, 11.0, 7.0, 3.0,
            16.0, 12.0, 8.0, 4.0,
        ]);
    }

    #[test]
    #[rustfmt::skip]
    fn shifts_uncover_black() {
        assert_eq!(mapped(Map { right: 0.25, down: -0.5, ..STAYS }), [
            -1.0, 9.0, 10.0, 11.0,
            -1.0, 13.0, 14.0, 15.0,
            -1.0, -1.0, -1.0, -1.0,
            -1.0, -1.0, -1.0, -1.0,
        ]);
    }

    /// Rows stand 1.5 and 0.5 pixels above and below the middle and move by as much.
    #[test]
    #[rustfmt::skip]
    fn a_shear_moves_lower_rows_to_the_right() {
        assert_eq!(mapped(Map { shear: FRAC_PI_4, ..STAYS }), [
            2.5, 3.5, 1.5, -1.0,
            5.5, 6.5, 7.5, 3.5,
            4.0, 9.5, 10.5, 11.5,
            -1.0, 6.0, 13.5, 14.5,
        ]);
    }

    #[test]
    fn a_zoom_of_two_shows_the_middle() {
        let found = mapped(Map { zoom: 2.0, ..STAYS });
        // The centre of the first pixel, 1.5 left of and above the middle, shows what was 0.75.
        assert_eq!((found[0], found[3], found[15]), (4.75, 6.25, 12.25));
    }

    #[test]
    fn the_map_turns_then_shifts_in_pixels_of_any_shape() {
        let map = Map { rotation: 0.3, shear: -0.2, zoom: 1.1, right: 0.1, down: -0.05 };
        let (height, width) = (20.0, 50.0);
        let [a, b, e, c, d, f] = map.inverse(height, width).map(f64::from);
        for (x, y) in [(3.0, -7.0), (-20.0, 4.0)] {
            let (sheared, (sin, cos)) = (x + y * map.shear.tan(), map.rotation.sin_cos());
            let to_x = map.zoom * (cos * sheared - sin * y) + map.right * width;
            let to_y = map.zoom * (sin * sheared + cos * y) + map.down * height;
            let (u, v) = (to_x / (width / 2.0), to_y / (height / 2.0));
            let back = ((a * u + b * v + e) * width / 2.0, (c * u + d * v + f) * height / 2.0);
            assert!((back.0 - x).abs() < 1e-5 && (back.1 - y).abs() < 1e-5, "{back:?}");
        }
    }

    #[test]
    fn draws_fill_their_ranges() {
        let options = Augmentation { rotation: 30.0, zoom: 0.2, shift: 0.1, ..Default::default() };
        let maps = draw(&options, 2000, &mut SeedStreams::new(0).stream("augment/0"));
        let range = |of: fn(&Map) -> f64| {
            let values = || maps.iter().map(of);
            (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max))
        };
        let near = |(low, high): (f64, f64), (first, last): (f64, f64)| {
            let slack = 0.01 * (last - first);
            first <= low && low < first + slack && last - slack < high && high <= last
        };
        assert!(near(range(|map| map.rotation.to_degrees()), (-30.0, 30.0)));
        assert!(near(range(|map| map.zoom), (0.8, 1.2)));
        assert!(near(range(|map| map.right), (-0.1, 0.1)));
        assert!(near(range(|map| map.down), (-0.1, 0.1)));
        assert_eq!(range(|map| map.shear), (0.0, 0.0));
    }
}
