//! All prunable layers of a network together: what `layers.csv` has for each of them, added up.

use std::collections::BTreeMap;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::record::LayerRecord;

/// The prunable layers of a network together at the end of one epoch. What a layer does not tell,
/// such as in results from before it was counted, does not enter a sum; a sum of nothing is missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NetworkRecord {
    /// Entries of all weights.
    pub size: u64,
    /// Active entries.
    pub active: u64,
    /// Connections born during the epoch.
    pub born: u64,
    /// Connections dropped during the epoch.
    pub dropped: u64,
    /// Of the born ones, those that had been active before.
    pub regrown: Option<u64>,
    /// Entries that were ever active.
    pub ever_active: u64,
    /// Neurons: rows of matrices, filters of convolutions.
    pub neurons: u64,
    /// Neurons that no connection leads to.
    pub neurons_without_input: Option<u64>,
    /// Neurons that no connection leads away from, in the layers of which the model says what they feed.
    pub neurons_without_output: Option<u64>,
}

impl NetworkRecord {
    /// The network at every epoch that these rows are of.
    pub fn by_epoch(layers: &[LayerRecord]) -> BTreeMap<u32, Self> {
        let mut epochs: BTreeMap<u32, Self> = BTreeMap::new();
        for layer in layers {
            epochs.entry(layer.epoch).or_default().add(layer);
        }
        epochs
    }

    fn add(&mut self, layer: &LayerRecord) {
        self.size += layer.size;
        self.active += layer.active;
        self.born += layer.born;
        self.dropped += layer.dropped;
        self.ever_active += (layer.ever_active_share * layer.size as f64).round() as u64;
        let rows = layer.shape.split('x').next().and_then(|rows| rows.parse::<u64>().ok());
        self.neurons += rows.unwrap_or_default();
        for (sum, part) in [
            (&mut self.regrown, layer.regrown),
            (&mut self.neurons_without_input, layer.neurons_without_input),
            (&mut self.neurons_without_output, layer.neurons_without_output),
        ] {
            *sum = part.map_or(*sum, |part| Some(sum.unwrap_or_default() + part));
        }
    }

    /// The share of active entries, in [0, 1].
    pub fn density(&self) -> Option<f64> {
        share(self.active, self.size)
    }

    /// In-time over-parameterisation R_s: the share of entries ever active (Liu et al. 2021).
    pub fn ever_active_share(&self) -> Option<f64> {
        share(self.ever_active, self.size)
    }

    /// Connections born during the epoch per active one: above 1 where several updates replace much.
    pub fn churn(&self) -> Option<f64> {
        share(self.born, self.active)
    }

    /// Of the connections born during the epoch, the share that had been active before.
    pub fn returned(&self) -> Option<f64> {
        share(self.regrown?, self.born)
    }

    /// The share of neurons that no connection leads to.
    pub fn idle(&self) -> Option<f64> {
        share(self.neurons_without_input?, self.neurons)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What a column of the network holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NetworkValue {
    /// A count.
    Count(u64),
    /// A share, in [0, 1].
    Share(f64),
}

impl NetworkValue {
    /// As a number.
    pub fn number(self) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Share(share) => share,
        }
    }
}

/// A column of `history.csv` that tells of the network. Those of one layer in `layers.csv` have the same
/// names.
#[derive(Debug, Clone, Copy)]
pub struct NetworkColumn {
    /// Its name.
    pub name: &'static str,
    /// What it is, for people.
    pub meaning: &'static str,
    /// Its value; none if no layer tells it.
    pub value: fn(&NetworkRecord) -> Option<NetworkValue>,
}

use NetworkValue::{Count, Share};

/// All of them: what the files of a store, those of reports and TensorBoard draw from. The order is
/// stable; new ones go to the end.
pub const COLUMNS: [NetworkColumn; 8] = [
    NetworkColumn {
        name: "active",
        meaning: "active prunable weights",
        value: |network| Some(Count(network.active)),
    },
    NetworkColumn {
        name: "density",
        meaning: "their share of the prunable weights, in [0, 1]",
        value: |network| network.density().map(Share),
    },
    NetworkColumn {
        name: "born",
        meaning: "connections born during the epoch",
        value: |network| Some(Count(network.born)),
    },
    NetworkColumn {
        name: "dropped",
        meaning: "connections dropped during the epoch",
        value: |network| Some(Count(network.dropped)),
    },
    NetworkColumn {
        name: "regrown",
        meaning: "of the connections born during the epoch, those that had been active before",
        value: |network| network.regrown.map(Count),
    },
    NetworkColumn {
        name: "ever_active_share",
        meaning: "share of the prunable weights that were ever active (R_s), in [0, 1]",
        value: |network| network.ever_active_share().map(Share),
    },
    NetworkColumn {
        name: "neurons_without_input",
        meaning: "neurons that no connection leads to",
        value: |network| network.neurons_without_input.map(Count),
    },
    NetworkColumn {
        name: "neurons_without_output",
        meaning: "neurons that no connection leads away from, in the layers of which the model says \
                  what they feed",
        value: |network| network.neurons_without_output.map(Count),
    },
];

/// The cells of [`COLUMNS`] under their names, empty ones if there is no record of the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkCells(pub Option<NetworkRecord>);

impl Serialize for NetworkCells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut cells = serializer.serialize_struct("NetworkCells", COLUMNS.len())?;
        for column in COLUMNS {
            match self.0.as_ref().and_then(column.value) {
                Some(Count(count)) => cells.serialize_field(column.name, &count)?,
                Some(Share(share)) => cells.serialize_field(column.name, &share)?,
                None => cells.serialize_field(column.name, &None::<u64>)?,
            }
        }
        cells.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(layer: &str, shape: &str, regrown: Option<u64>, idle: Option<u64>) -> LayerRecord {
        LayerRecord {
            epoch: 1,
            layer: layer.to_owned(),
            shape: shape.to_owned(),
            size: 40,
            active: 10,
            born: 4,
            dropped: 3,
            ever_active_share: 0.35,
            regrown,
            neurons_without_input: idle,
            neurons_without_output: None,
            backend: None,
        }
    }

    #[test]
    fn layers_are_added_up_and_what_is_not_told_is_missing() {
        let told = [row("conv1", "4x2x5x1", Some(3), Some(1)), row("fc1", "8x5", Some(1), Some(2))];
        let network = NetworkRecord::by_epoch(&told)[&1];
        assert_eq!((network.active, network.born, network.dropped), (20, 8, 6));
        assert_eq!((network.ever_active, network.neurons), (28, 12));
        assert_eq!((network.density(), network.churn()), (Some(0.25), Some(0.4)));
        assert_eq!((network.returned(), network.idle()), (Some(0.5), Some(0.25)));
        assert_eq!(
            (network.ever_active_share(), network.neurons_without_output),
            (Some(0.35), None)
        );
        let untold = NetworkRecord::by_epoch(&[row("fc1", "8x5", None, None)])[&1];
        assert_eq!((untold.returned(), untold.idle()), (None, None));
        let mut still = row("fc1", "8x5", Some(0), Some(0));
        still.born = 0;
        let still = NetworkRecord::by_epoch(&[still])[&1];
        assert_eq!((still.returned(), still.idle()), (None, Some(0.0)));
    }

    #[test]
    fn cells_stand_under_their_names_and_missing_is_empty() {
        let network = NetworkRecord::by_epoch(&[row("fc1", "8x5", Some(2), None)])[&1];
        let json = serde_json::to_string(&NetworkCells(Some(network))).unwrap();
        assert_eq!(
            json,
            r#"{"active":10,"density":0.25,"born":4,"dropped":3,"regrown":2,"ever_active_share":0.35,"neurons_without_input":null,"neurons_without_output":null}"#
        );
        let json = serde_json::to_value(NetworkCells(None)).unwrap();
        assert_eq!(json["active"], serde_json::Value::Null);
    }
}
