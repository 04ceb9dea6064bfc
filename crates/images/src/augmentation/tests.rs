use super::*;
use dst_core::SeedStreams;
use dst_core::tch::Kind;
use rand::RngExt;

const OFF: Augmentation = Augmentation {
    crop_padding: 0,
    flip: false,
    rotation: 0.0,
    shift: 0.0,
    shear: 0.0,
    zoom: 0.0,
    cutout: 0,
};

fn stream() -> ChaCha8Rng {
    SeedStreams::new(3).stream("augment/0")
}

fn images() -> Tensor {
    Tensor::arange(8 * 3 * 64, (Kind::Float, Device::Cpu)).reshape([8, 3, 8, 8]) / 100.0 + 1.0
}

fn apply(options: Augmentation) -> Option<Tensor> {
    let black = by_channel(&[-1.0, -2.0, -3.0], Device::Cpu).unwrap();
    options.apply(&images(), &black, &mut stream()).unwrap()
}

#[test]
fn off_is_the_default_and_draws_nothing() {
    assert_eq!(Augmentation::default(), OFF);
    let black = by_channel(&[0.0; 3], Device::Cpu).unwrap();
    let mut rng = stream();
    assert!(OFF.apply(&images(), &black, &mut rng).unwrap().is_none());
    assert_eq!(rng, stream());
}

/// One image after another: padded, cut, mirrored, with the draws in this order. Results on
/// CIFAR-10 rest on these images, bit for bit.
#[test]
fn crops_and_flips_are_those_of_one_picture_at_a_time() {
    let black = by_channel(&[-1.0, -2.0, -3.0], Device::Cpu).unwrap();
    let mut rng = stream();
    let one_by_one: Vec<Tensor> = (0..8)
        .map(|image| {
            let top = rng.random_range(0..=8_i64);
            let left = rng.random_range(0..=8_i64);
            let mirrored: bool = rng.random();
            let padded = black.get(0).expand([3, 16, 16], false).contiguous();
            padded.narrow(1, 4, 8).narrow(2, 4, 8).copy_(&images().get(image));
            let cut = padded.narrow(1, top, 8).narrow(2, left, 8);
            if mirrored { cut.flip([2]) } else { cut }
        })
        .collect();
    let cropped = apply(Augmentation { crop_padding: 4, flip: true, ..OFF }).unwrap();
    assert_eq!(cropped, Tensor::stack(&one_by_one, 0));
}

/// Whatever else is on, crops and flips are those of a trial without it.
#[test]
fn later_stages_leave_the_crops() {
    let crops = Augmentation { crop_padding: 2, flip: true, ..OFF };
    let cropped = apply(crops).unwrap();
    let cut = apply(Augmentation { cutout: 3, ..crops }).unwrap();
    let outside = cut.not_equal(0.0);
    assert_eq!(cut.masked_select(&outside), cropped.masked_select(&outside));
    assert!(outside.logical_not().any().int64_value(&[]) == 1);
    // A map so small that it moves nothing by more than rounding.
    let mapped = apply(Augmentation { rotation: 1e-6, ..crops }).unwrap();
    assert!(mapped.allclose(&cropped, 0.0, 1e-3, false));
}

#[test]
fn every_option_changes_pictures_and_the_stream_says_how() {
    for options in [
        Augmentation { crop_padding: 2, ..OFF },
        Augmentation { flip: true, ..OFF },
        Augmentation { rotation: 30.0, ..OFF },
        Augmentation { shift: 0.2, ..OFF },
        Augmentation { shear: 20.0, ..OFF },
        Augmentation { zoom: 0.3, ..OFF },
        Augmentation { cutout: 4, ..OFF },
    ] {
        let once = apply(options).unwrap();
        assert_eq!(once.size(), images().size());
        assert_ne!(once, images(), "{options:?}");
        assert_eq!(once, apply(options).unwrap(), "{options:?}");
        assert!(once.isfinite().all().int64_value(&[]) == 1);
    }
}

#[test]
fn values_out_of_range_are_named() {
    for (options, message) in [
        (Augmentation { crop_padding: 9, ..OFF }, "crop_padding = 9 is not from 0 to 8, the side"),
        (Augmentation { cutout: 9, ..OFF }, "cutout = 9 is not from 0 to 8, the side"),
        (Augmentation { rotation: 181.0, ..OFF }, "rotation = 181 is not from 0 to 180 degrees"),
        (Augmentation { shear: 90.0, ..OFF }, "shear = 90 is not from 0 to below 90 degrees"),
        (Augmentation { shift: -0.1, ..OFF }, "shift = -0.1 is not in [0, 1)"),
        (Augmentation { zoom: f64::NAN, ..OFF }, "zoom = NaN is not in [0, 1)"),
    ] {
        assert_eq!(options.validate(8).unwrap_err().to_string(), message);
    }
    let most = Augmentation {
        crop_padding: 8,
        flip: true,
        rotation: 180.0,
        shift: 0.99,
        shear: 89.0,
        zoom: 0.99,
        cutout: 8,
    };
    most.validate(8).unwrap();
    assert!(apply(most).unwrap().isfinite().all().int64_value(&[]) == 1);
}
