//! Images with their labels.

use dst_core::Result;
use dst_core::dataset::train_part;
use dst_core::tch::Tensor;

/// Images `Uint8 [count, channels, height, width]` and labels `Int64 [count]`, in main memory.
#[derive(Debug)]
pub struct Samples {
    /// Bytes of the pixels.
    pub images: Tensor,
    /// Class numbers.
    pub labels: Tensor,
}

impl Samples {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.labels.numel()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part that shares this one's storage.
    ///
    /// # Panics
    /// If there are fewer samples.
    #[must_use]
    pub fn part(&self, start: i64, count: i64) -> Self {
        Self {
            images: self.images.narrow(0, start, count),
            labels: self.labels.narrow(0, start, count),
        }
    }

    /// The same samples again, with the same storage.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { images: self.images.shallow_clone(), labels: self.labels.shallow_clone() }
    }

    /// A copy of these rows.
    ///
    /// # Errors
    /// If there is no such row.
    pub fn select(&self, rows: &[i64]) -> Result<Self> {
        let rows = Tensor::f_from_slice(rows)?;
        Ok(Self {
            images: self.images.f_index_select(0, &rows)?,
            labels: self.labels.f_index_select(0, &rows)?,
        })
    }

    /// Those that the option `train_samples` keeps; all without it.
    ///
    /// # Errors
    /// If there are fewer than asked for.
    pub fn kept(self, train_samples: Option<u32>) -> Result<Self> {
        match train_part(self.len(), train_samples)? {
            None => Ok(self),
            Some(rows) => self.select(&rows),
        }
    }
}
