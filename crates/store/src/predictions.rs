//! `predictions.safetensors` of one trial: single predictions on the test set.
//!
//! Two tensors `[samples]`, `target` and `prediction`, in the order of the test set: `U8` or
//! `U16` for classes, by their number, and `F32` for regression. A table in text would take five
//! times the space, and a report of ten thousand trials reads them all.

use std::path::Path;
use std::sync::Mutex;

use dst_record::predictions::Values;
use dst_record::record::TrialRecord;
use dst_record::{Error, Predictions, Result};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::file::{self, Durability};

pub(crate) const PREDICTIONS: &str = "predictions.safetensors";
const TARGET: &str = "target";
const PREDICTION: &str = "prediction";

/// Writes the file, so that it outlives a power cut.
///
/// # Errors
/// If the folder cannot be written.
pub(crate) fn write_predictions(folder: &Path, predictions: &Predictions) -> Result<()> {
    let refused = |error| Error::contract(format!("predictions do not fit into a file: {error}"));
    let (target, prediction) =
        (TensorBytes::of(predictions.targets()), TensorBytes::of(predictions.predicted()));
    let tensors = [
        (TARGET, target.view().map_err(refused)?),
        (PREDICTION, prediction.view().map_err(refused)?),
    ];
    let bytes = safetensors::serialize(tensors, None).map_err(refused)?;
    file::replace(&folder.join(PREDICTIONS), &bytes, Durability::Synced)
}

/// Reads the bytes of the file; `samples` says how many the result counted, and `confusion` how many
/// of each true class were taken for each (empty for numbers).
///
/// # Errors
/// If they are damaged, or say something else than the result.
pub(crate) fn parse_predictions(
    bytes: &[u8],
    samples: usize,
    confusion: &[Vec<u64>],
) -> Result<Predictions> {
    let damaged = |what: String| Error::data(what);
    let archive = SafeTensors::deserialize(bytes)
        .map_err(|error| damaged(format!("these are no whole predictions: {error}")))?;
    let values = |name: &str| {
        let view = archive.tensor(name).map_err(|error| damaged(error.to_string()))?;
        values(&view).ok_or_else(|| damaged(format!("{name} cannot be {:?}", view.dtype())))
    };
    let predictions = Predictions::new(values(TARGET)?, values(PREDICTION)?)
        .map_err(|error| damaged(error.to_string()))?;
    if predictions.len() != samples {
        return Err(damaged(format!(
            "the result was written with {samples} samples here, and there are {}",
            predictions.len()
        )));
    }
    if !agree(&predictions, confusion) {
        return Err(damaged("these are not the predictions that the result counted".into()));
    }
    Ok(predictions)
}

/// Are these the predictions that were counted?
fn agree(predictions: &Predictions, confusion: &[Vec<u64>]) -> bool {
    let (targets, predicted) = (predictions.targets(), predictions.predicted());
    if let (Values::Number(targets), Values::Number(predicted)) = (targets, predicted) {
        return targets.iter().chain(predicted).all(|value| value.is_finite());
    }
    if confusion.is_empty() {
        return true;
    }
    let mut counted: Vec<Vec<u64>> = confusion.iter().map(|row| vec![0; row.len()]).collect();
    for sample in 0..predictions.len() {
        let place = targets.class(sample).zip(predicted.class(sample));
        let count = place.and_then(|(class, taken_for)| {
            counted.get_mut(usize::from(class))?.get_mut(usize::from(taken_for))
        });
        match count {
            Some(count) => *count += 1,
            None => return false,
        }
    }
    counted == confusion
}

/// The bytes of one tensor.
struct TensorBytes {
    kind: Dtype,
    bytes: Vec<u8>,
}

impl TensorBytes {
    fn of(values: &Values) -> Self {
        let (kind, bytes) = match values {
            Values::Byte(values) => (Dtype::U8, values.clone()),
            Values::Short(values) => {
                (Dtype::U16, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
            Values::Number(values) => {
                (Dtype::F32, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        };
        Self { kind, bytes }
    }

    fn view(&self) -> std::result::Result<TensorView<'_>, safetensors::SafeTensorError> {
        let samples = self.bytes.len() * 8 / self.kind.bitsize();
        TensorView::new(self.kind, vec![samples], &self.bytes)
    }
}

/// `None` if the tensor is of another kind.
fn values(view: &TensorView<'_>) -> Option<Values> {
    let data = view.data();
    match view.dtype() {
        Dtype::U8 => Some(Values::Byte(data.to_vec())),
        Dtype::U16 => {
            let values = data.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes));
            Some(Values::Short(values.collect()))
        }
        Dtype::F32 => {
            let values = data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
            Some(Values::Number(values.collect()))
        }
        _ => None,
    }
}

/// Targets that trials of one data set share, so that they are in memory once.
#[derive(Default)]
pub(crate) struct SharedTargets(Mutex<Vec<Predictions>>);

impl SharedTargets {
    /// Lets the record use the targets of an earlier one, if they are equal.
    pub(crate) fn share(&self, record: &mut TrialRecord) {
        let Some(predictions) = &mut record.predictions else { return };
        let mut known = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if !known.iter().any(|known| predictions.share_targets(known)) {
            known.push(predictions.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_predictions(
        folder: &Path,
        samples: usize,
        confusion: &[Vec<u64>],
    ) -> Result<Predictions> {
        let bytes = file::read_bytes(&folder.join(PREDICTIONS))?.unwrap();
        parse_predictions(&bytes, samples, confusion)
    }

    fn round_trip(values: fn() -> Values) {
        let folder = tempfile::tempdir().unwrap();
        let predictions = Predictions::new(values(), values()).unwrap();
        write_predictions(folder.path(), &predictions).unwrap();
        let samples = predictions.len();
        assert_eq!(read_predictions(folder.path(), samples, &[]).unwrap(), predictions);
        let error = read_predictions(folder.path(), samples + 1, &[]).unwrap_err().to_string();
        assert!(error.contains("the result was written with"), "{error}");

        let path = folder.path().join(PREDICTIONS);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = read_predictions(folder.path(), samples, &[]).unwrap_err().to_string();
        assert!(error.contains("these are no whole predictions"), "{error}");
    }

    #[test]
    fn classes_and_numbers_come_back_exactly() {
        round_trip(|| Values::Byte(vec![0, 9, 255]));
        round_trip(|| Values::Short(vec![0, 256, 65_535]));
        round_trip(|| Values::Number(vec![0.1, -0.0, f32::MIN_POSITIVE]));
        round_trip(|| Values::Byte(Vec::new()));
    }

    #[test]
    fn predictions_that_the_result_did_not_count_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let read = |targets: Values, predicted: Values, confusion: &[Vec<u64>]| {
            let predictions = Predictions::new(targets, predicted).unwrap();
            write_predictions(folder.path(), &predictions).unwrap();
            read_predictions(folder.path(), 3, confusion).map_err(|error| error.to_string())
        };
        let bytes = |values: [u8; 3]| Values::Byte(values.to_vec());
        let confusion = [vec![1, 1], vec![0, 1]];
        assert!(read(bytes([0, 1, 0]), bytes([1, 1, 0]), &confusion).is_ok());
        // A bit that flipped, and a class that there is not.
        for predicted in [[1, 0, 0], [1, 1, 2], [0, 1, 0]] {
            let error = read(bytes([0, 1, 0]), bytes(predicted), &confusion).unwrap_err();
            assert!(error.contains("not the predictions that the result counted"), "{error}");
        }
        let numbers = |last: f32| Values::Number(vec![0.0, 1.0, last]);
        assert!(read(numbers(2.0), numbers(3.0), &[]).is_ok());
        assert!(read(numbers(2.0), numbers(f32::NAN), &[]).is_err());
    }

    #[test]
    fn tensors_of_another_kind_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = [0; 8];
        let view = || TensorView::new(Dtype::F64, vec![1], &bytes).unwrap();
        let tensors = [(TARGET, view()), (PREDICTION, view())];
        let bytes = safetensors::serialize(tensors, None).unwrap();
        std::fs::write(folder.path().join(PREDICTIONS), bytes).unwrap();
        let error = read_predictions(folder.path(), 1, &[]).unwrap_err().to_string();
        assert!(error.contains("target cannot be F64"), "{error}");
    }
}
