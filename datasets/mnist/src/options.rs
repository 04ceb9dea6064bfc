//! What can be set.

use dst_core::Result;
use dst_core::options::DatasetOptions;
use dst_core::strategy::check::at_least_one;
use dst_images::Augmentation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SIDE;

/// Options of both data sets. By default all training images are used as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Options {
    /// How training images are changed.
    #[serde(flatten)]
    pub augmentation: Augmentation,
    /// Train on so many images only, the same for every seed; all if none is given. Numbers
    /// of a part are not comparable with published ones.
    pub train_samples: Option<u32>,
}

impl DatasetOptions for Options {
    fn validate(&self) -> Result<()> {
        self.augmentation.validate(SIDE as u32)?;
        self.train_samples.map_or(Ok(()), |count| at_least_one("train_samples", count.into()))
    }
}

#[cfg(test)]
mod tests {
    use dst_core::tch::{Device, Kind, Tensor};
    use dst_core::{DataSources, Dataset, Input, Result, SeedStreams, Split, plugin};
    use serde_json::{Value, json};

    fn load(options: Value) -> Result<Box<dyn Dataset>> {
        plugin::dataset("mnist-10k", options.as_object().unwrap(), &DataSources::default())
    }

    /// The first 64 training images, after augmentation.
    fn augmented(dataset: &dyn Dataset) -> Tensor {
        let rows: Vec<i64> = (0..64).collect();
        let mut batch = dataset.batch(Split::Train, &rows, Device::Cpu).unwrap();
        let mut rng = SeedStreams::new(1).stream("augment/0");
        dataset.augment(&mut batch, &mut rng).unwrap();
        let Input::Image(images) = batch.input else { panic!("MNIST holds images") };
        images
    }

    #[test]
    fn images_stay_as_they_are_unless_it_is_asked_for() {
        let plain = load(json!({})).unwrap();
        let rows: Vec<i64> = (0..64).collect();
        let Input::Image(images) = plain.batch(Split::Train, &rows, Device::Cpu).unwrap().input
        else {
            panic!("MNIST holds images")
        };
        assert_eq!(augmented(&*plain), images);

        let turned = augmented(&*load(json!({ "rotation": 15, "shift": 0.1 })).unwrap());
        assert_ne!(turned, images);
        // Digits lie on black, and what a turn uncovers is black too.
        let black = images.min().double_value(&[]);
        assert!((turned.min().double_value(&[]) - black).abs() < 1e-5);
        let corner = turned.select(2, 0).select(2, 0) - black;
        assert!(corner.abs().max().double_value(&[]) < 1e-5);
        // A turn and a shift keep the ink but for what leaves the image.
        let ink = |images: &Tensor| (images - black).sum(Kind::Double).double_value(&[]);
        let kept = ink(&turned) / ink(&images);
        assert!((0.97..1.01).contains(&kept), "{kept}");
    }

    #[test]
    fn a_part_is_drawn_from_the_training_images_only() {
        let whole = load(json!({})).unwrap();
        let part = load(json!({ "train_samples": 500 })).unwrap();
        assert_eq!((part.len(Split::Train), part.len(Split::Test)), (500, 2_000));
        let rows = dst_core::dataset::train_part(7_000, Some(500)).unwrap().unwrap();
        let own: Vec<i64> = (0..500).collect();
        let labels = |dataset: &dyn Dataset, rows: &[i64]| {
            let target = dataset.batch(Split::Train, rows, Device::Cpu).unwrap().target;
            Vec::<i64>::try_from(target).unwrap()
        };
        assert_eq!(labels(&*part, &own), labels(&*whole, &rows));
        // Every digit is there.
        assert!((0..10).all(|digit| labels(&*part, &own).contains(&digit)));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let error = |options| load(options).unwrap_err().to_string();
        assert_eq!(
            error(json!({ "train_samples": 0 })),
            "mnist-10k: train_samples = 0 must be at least 1"
        );
        let many = error(json!({ "train_samples": 7_001 }));
        assert!(many.contains("the training split has 7000 samples"), "{many}");
        assert_eq!(error(json!({ "zoom": 1 })), "mnist-10k: zoom = 1 is not in [0, 1)");
        assert!(error(json!({ "rotaion": 1 })).contains("did you mean 'rotation'"));
        assert!(error(json!({ "flip": "often" })).contains("expected true or false, not 'often'"));
    }
}
