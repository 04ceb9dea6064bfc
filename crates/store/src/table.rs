//! `history.csv`, `layers.csv` and `ages.csv` of one trial.

use dst_record::NetworkRecord;
use dst_record::network::NetworkCells;
use dst_record::record::{AgeRecord, EpochRecord, LayerRecord, Scores};
use dst_record::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One line of `history.csv`: an epoch without nesting.
#[derive(Debug, Serialize, Deserialize)]
struct EpochRow {
    epoch: u32,
    steps: u64,
    learning_rate: f64,
    train_loss: f64,
    validation_loss: f64,
    validation_accuracy: Option<f64>,
    validation_f1_macro: Option<f64>,
    sparsity_prunable: f64,
    train_flops: f64,
    train_seconds: f64,
    // Files written before there were these columns lack them.
    #[serde(default)]
    validation_f1_binary: Option<f64>,
    #[serde(default)]
    validation_matthews: Option<f64>,
    #[serde(default)]
    validation_pearson: Option<f64>,
    #[serde(default)]
    validation_spearman: Option<f64>,
    #[serde(default)]
    validation_log_likelihood: Option<f64>,
}

impl From<&EpochRecord> for EpochRow {
    fn from(record: &EpochRecord) -> Self {
        Self {
            epoch: record.epoch,
            steps: record.steps,
            learning_rate: record.learning_rate,
            train_loss: record.train_loss,
            validation_loss: record.validation.loss,
            validation_accuracy: record.validation.accuracy,
            validation_f1_macro: record.validation.f1_macro,
            sparsity_prunable: record.sparsity_prunable,
            train_flops: record.train_flops,
            train_seconds: record.train_seconds,
            validation_f1_binary: record.validation.f1_binary,
            validation_matthews: record.validation.matthews,
            validation_pearson: record.validation.pearson,
            validation_spearman: record.validation.spearman,
            validation_log_likelihood: record.validation.log_likelihood,
        }
    }
}

impl From<EpochRow> for EpochRecord {
    fn from(row: EpochRow) -> Self {
        Self {
            epoch: row.epoch,
            steps: row.steps,
            learning_rate: row.learning_rate,
            train_loss: row.train_loss,
            validation: Scores {
                loss: row.validation_loss,
                accuracy: row.validation_accuracy,
                f1_macro: row.validation_f1_macro,
                f1_binary: row.validation_f1_binary,
                matthews: row.validation_matthews,
                pearson: row.validation_pearson,
                spearman: row.validation_spearman,
                log_likelihood: row.validation_log_likelihood,
            },
            sparsity_prunable: row.sparsity_prunable,
            train_flops: row.train_flops,
            train_seconds: row.train_seconds,
        }
    }
}

/// `history.csv` as bytes: behind the epoch what its layers have together, so that nobody need add
/// them up. These columns are not read again; `layers.csv` has what they were made from.
pub(crate) fn write_history(history: &[EpochRecord], layers: &[LayerRecord]) -> Result<Vec<u8>> {
    let networks = NetworkRecord::by_epoch(layers);
    let network = |epoch| NetworkCells(networks.get(&epoch).copied());
    write(history.iter().map(|record| (EpochRow::from(record), network(record.epoch))))
}

/// The epochs in `history.csv`.
pub(crate) fn read_history(text: &str) -> Result<Vec<EpochRecord>> {
    Ok(read::<EpochRow>(text)?.into_iter().map(EpochRecord::from).collect())
}

/// `layers.csv` as bytes.
pub(crate) fn write_layers(layers: &[LayerRecord]) -> Result<Vec<u8>> {
    write(layers.iter())
}

/// The rows of `layers.csv`.
pub(crate) fn read_layers(text: &str) -> Result<Vec<LayerRecord>> {
    read(text)
}

/// `ages.csv` as bytes.
pub(crate) fn write_ages(ages: &[AgeRecord]) -> Result<Vec<u8>> {
    write(ages.iter())
}

/// The rows of `ages.csv`.
pub(crate) fn read_ages(text: &str) -> Result<Vec<AgeRecord>> {
    read(text)
}

fn write(rows: impl Iterator<Item = impl Serialize>) -> Result<Vec<u8>> {
    let refused = |error: &dyn std::fmt::Display| {
        Error::contract(format!("a record does not fit into a table: {error}"))
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).map_err(|error| refused(&error))?;
    }
    writer.into_inner().map_err(|error| refused(&error))
}

fn read<T: DeserializeOwned>(text: &str) -> Result<Vec<T>> {
    let rows: csv::Result<Vec<T>> =
        csv::Reader::from_reader(text.as_bytes()).deserialize().collect();
    let mut rows = rows.map_err(|error| Error::data(error.to_string()))?;
    // A report holds the tables of ten thousand trials, and growing leaves up to half a vector free.
    rows.shrink_to_fit();
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use dst_record::LayerBackend;

    use super::*;

    #[test]
    fn numbers_come_back_exactly() {
        let record = EpochRecord {
            epoch: 1,
            steps: 109,
            learning_rate: 0.1 + 0.2,
            train_loss: f64::MIN_POSITIVE,
            validation: Scores {
                loss: 1.0 / 3.0,
                accuracy: Some(0.981),
                f1_macro: Some(0.9),
                matthews: Some(-0.125),
                ..Scores::default()
            },
            sparsity_prunable: 0.9,
            train_flops: 1.234_567_890_123_456_7e18,
            train_seconds: 2.5,
        };
        let layer = LayerRecord {
            epoch: 1,
            layer: "fc1.weight".into(),
            shape: "120x400".into(),
            size: 48_000,
            active: 4_800,
            born: 480,
            dropped: 470,
            ever_active_share: 0.125,
            regrown: Some(7),
            neurons_without_input: Some(2),
            neurons_without_output: None,
            backend: Some(LayerBackend::Sparse),
        };
        let written = write_history(std::slice::from_ref(&record), &[layer]).unwrap();
        let text = String::from_utf8(written).unwrap();
        assert_eq!(
            text,
            "epoch,steps,learning_rate,train_loss,validation_loss,validation_accuracy,\
             validation_f1_macro,sparsity_prunable,train_flops,train_seconds,validation_f1_binary,\
             validation_matthews,validation_pearson,validation_spearman,validation_log_likelihood,\
             active,density,born,dropped,\
             regrown,ever_active_share,neurons_without_input,neurons_without_output\n\
             1,109,0.30000000000000004,2.2250738585072014e-308,0.3333333333333333,0.981,\
             0.9,0.9,1.2345678901234568e18,2.5,,-0.125,,,,4800,0.1,480,470,7,0.125,2,\n"
        );
        // Without layers, what they have together is missing.
        let written = write_history(std::slice::from_ref(&record), &[]).unwrap();
        assert!(String::from_utf8(written).unwrap().ends_with(",-0.125,,,,,,,,,,,\n"));
        assert_eq!(read_history(&text).unwrap(), [record]);
    }

    #[test]
    fn an_older_history_lacks_the_later_metrics() {
        let text = "epoch,steps,learning_rate,train_loss,validation_loss,validation_accuracy,\
                    validation_f1_macro,sparsity_prunable,train_flops,train_seconds\n\
                    1,109,0.1,0.5,0.25,0.75,0.7,0.9,1e9,2.5\n";
        let scores = read_history(text).unwrap()[0].validation;
        let expected =
            Scores { loss: 0.25, accuracy: Some(0.75), f1_macro: Some(0.7), ..Scores::default() };
        assert_eq!(scores, expected);
    }

    #[test]
    fn names_with_commas_come_back() {
        let row = LayerRecord {
            epoch: 0,
            layer: "a, \"b\"".into(),
            shape: "120x400".into(),
            size: 48_000,
            active: 4_800,
            born: 0,
            dropped: 0,
            ever_active_share: 0.1,
            ..LayerRecord::default()
        };
        let bytes = write_layers(std::slice::from_ref(&row)).unwrap();
        assert_eq!(read_layers(std::str::from_utf8(&bytes).unwrap()).unwrap(), [row]);
    }

    #[test]
    fn layers_say_with_what_they_were_computed_and_older_ones_do_not() {
        let row = |backend| LayerRecord {
            epoch: 1,
            layer: "fc".into(),
            shape: "4x5".into(),
            size: 20,
            active: 2,
            ever_active_share: 0.1,
            backend,
            ..LayerRecord::default()
        };
        let rows = [Some(LayerBackend::Masked), Some(LayerBackend::Sparse), None].map(row);
        let text = String::from_utf8(write_layers(&rows).unwrap()).unwrap();
        assert_eq!(
            text,
            "epoch,layer,shape,size,active,born,dropped,ever_active_share,regrown,\
             neurons_without_input,neurons_without_output,backend\n\
             1,fc,4x5,20,2,0,0,0.1,,,,masked\n\
             1,fc,4x5,20,2,0,0,0.1,,,,sparse\n\
             1,fc,4x5,20,2,0,0,0.1,,,,\n"
        );
        assert_eq!(read_layers(&text).unwrap(), rows);
        let older = "epoch,layer,shape,size,active,born,dropped,ever_active_share\n\
                     1,fc,4x5,20,2,0,0,0.1\n";
        assert_eq!(read_layers(older).unwrap(), [row(None)]);
        assert!(read_layers(&text.replace("masked", "auto")).is_err());
    }

    #[test]
    fn ages_are_plain_columns() {
        let row = AgeRecord { layer: "fc".into(), age_epochs: 3, dropped: 7, active: 0 };
        let bytes = write_ages(std::slice::from_ref(&row)).unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_eq!(text, "layer,age_epochs,dropped,active\nfc,3,7,0\n");
        assert_eq!(read_ages(text).unwrap(), [row]);
    }

    #[test]
    fn an_empty_table_is_an_empty_file() {
        assert!(write_history(&[], &[]).unwrap().is_empty());
        assert!(read_history("").unwrap().is_empty());
        assert!(read_layers("epoch,layer\n1\n").is_err());
    }
}
