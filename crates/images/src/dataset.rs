//! The data set.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use dst_core::tch::{Device, Tensor};
use dst_core::{
    Batch, Dataset, Error, Input, InputShape, RawInputs, Result, Split, Task, UserSamples, device,
};
use dst_data::image::read_png;
use rand_chacha::ChaCha8Rng;

use crate::augmentation::Augmentation;
use crate::normalisation::Normalisation;
use crate::samples::Samples;

/// Images of one size with a class each.
///
/// They stay bytes in memory. A batch becomes `Float [batch, channels, height, width]` on the device.
#[derive(Debug)]
pub struct ImageDataset {
    /// For gradients.
    pub train: Samples,
    /// For choosing.
    pub validation: Samples,
    /// Read once.
    pub test: Samples,
    /// How many classes there are.
    pub classes: i64,
    /// Their names; empty if they have only numbers.
    pub class_names: Vec<String>,
    /// From bytes to floats.
    pub normalisation: Normalisation,
    /// How training images are changed.
    pub augmentation: Augmentation,
    /// How files of users are read.
    pub read: ReadImages,
    /// As [`Dataset::digest`].
    pub digest: String,
    /// As [`Dataset::origin`].
    pub origin: String,
    /// As [`Dataset::warnings`].
    pub warnings: Vec<String>,
    /// The crate that read the files, as code names it: `env!("CARGO_CRATE_NAME")` there.
    pub library: &'static str,
}

/// What a file of a user holds.
#[derive(Debug)]
pub struct UserImages {
    /// `Uint8 [count, channels, height, width]`, as those of the data set.
    pub images: Tensor,
    /// Their rows in the file; empty if the file is one image.
    pub rows: Vec<usize>,
}

impl UserImages {
    /// The image of a PNG file, which is `[channels, height, width]`.
    ///
    /// # Errors
    /// As [`read_png`].
    pub fn of_png(path: &Path, shape: [usize; 3]) -> Result<Self> {
        let pixels = read_png(path, shape)?;
        let [channels, height, width] = shape.map(|size| size as i64);
        let images = Tensor::f_from_slice(&pixels)?.f_view([1, channels, height, width])?;
        Ok(Self { images, rows: Vec::new() })
    }
}

/// Reads files of users: a function of a path.
#[derive(Clone)]
pub struct ReadImages(Arc<Read>);

type Read = dyn Fn(&Path) -> Result<UserImages> + Send + Sync;

impl ReadImages {
    /// By this function.
    pub fn new(read: impl Fn(&Path) -> Result<UserImages> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }
}

impl fmt::Debug for ReadImages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReadImages")
    }
}

impl ImageDataset {
    fn samples(&self, split: Split) -> &Samples {
        split.of([&self.train, &self.validation, &self.test])
    }
}

impl Dataset for ImageDataset {
    fn input(&self) -> InputShape {
        let size = self.train.images.size();
        InputShape::Image { channels: size[1], height: size[2], width: size[3] }
    }

    fn task(&self) -> Task {
        Task::Classification { classes: self.classes }
    }

    fn len(&self, split: Split) -> usize {
        self.samples(split).len()
    }

    fn batch(&self, split: Split, rows: &[i64], device: Device) -> Result<Batch> {
        let Samples { images, labels } = self.samples(split).select(rows)?;
        // Bytes travel to the device, a quarter of the floats that they become there.
        let images = self.normalisation.apply(&device::upload(&images, device)?)?;
        Ok(Batch { input: Input::Image(images), target: device::upload(&labels, device)? })
    }

    fn augment(&self, batch: &mut Batch, rng: &mut ChaCha8Rng) -> Result<()> {
        let Input::Image(images) = &batch.input else {
            return Err(Error::contract("a batch of images holds tokens"));
        };
        let black = self.normalisation.black(images.device())?;
        if let Some(changed) = self.augmentation.apply(images, &black, rng)? {
            batch.input = Input::Image(changed);
        }
        Ok(())
    }

    fn fork(&self) -> Option<Box<dyn Dataset>> {
        Some(Box::new(Self {
            train: self.train.share(),
            validation: self.validation.share(),
            test: self.test.share(),
            classes: self.classes,
            class_names: self.class_names.clone(),
            normalisation: self.normalisation.clone(),
            augmentation: self.augmentation,
            read: self.read.clone(),
            digest: self.digest.clone(),
            origin: self.origin.clone(),
            warnings: self.warnings.clone(),
            library: self.library,
        }))
    }

    fn class_name(&self, class: usize) -> Option<&str> {
        self.class_names.get(class).map(String::as_str)
    }

    fn raw_inputs(&self) -> Result<Option<RawInputs>> {
        self.normalisation.of_pixels().map(Some)
    }

    fn read_samples(&self, file: &Path, device: Device) -> Result<UserSamples> {
        let UserImages { images, rows } = (self.read.0)(file)?;
        let images = self.normalisation.apply(&device::upload(&images, device)?)?;
        Ok(UserSamples {
            batches: vec![Input::Image(images)],
            positions: rows,
            warnings: Vec::new(),
        })
    }

    fn digest(&self) -> &str {
        &self.digest
    }

    fn origin(&self) -> &str {
        &self.origin
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn library(&self) -> &'static str {
        self.library
    }
}
