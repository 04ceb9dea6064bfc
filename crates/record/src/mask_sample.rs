//! Which connections a network ended with, at a sample of its places, and how far two networks are apart
//! in that.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Places of a layer that are looked at; a smaller layer is looked at whole.
pub const SAMPLED: u64 = 4096;

/// The places of a layer that a [`LayerMask`] tells of, rising: positions in its weight, row by row.
///
/// They depend on the layer's name and shape only (such as `120x400`), so that the masks of any two
/// trials are of the same places. They are the first [`SAMPLED`] different values of ⌊size · x / 2⁶⁴⌋,
/// where x are the numbers of SplitMix64 (Steele et al. 2014) from the first eight bytes, little-endian,
/// of SHA-256 of `dst mask sample 1`, the name and the shape, with line feeds between them. Scattered
/// places, because those of a lattice would meet the patterns of structured methods.
pub fn places(layer: &str, shape: &str, size: u64) -> Vec<u64> {
    if size <= SAMPLED {
        return (0..size).collect();
    }
    let digest = Sha256::digest(format!("dst mask sample 1\n{layer}\n{shape}"));
    let mut state = digest[..8].iter().rev().fold(0, |state, byte| state << 8 | u64::from(*byte));
    let mut places = BTreeSet::new();
    while (places.len() as u64) < SAMPLED {
        let scaled = u128::from(size) * u128::from(split_mix(&mut state));
        places.insert((scaled >> 64) as u64);
    }
    places.into_iter().collect()
}

/// The next number of SplitMix64.
pub(crate) fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// Which of the sampled places of one layer were active after the last step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerMask {
    layer: String,
    size: u64,
    /// Eight places a byte, the first in the lowest bit; bits behind the last place are 0.
    bits: Vec<u8>,
}

impl LayerMask {
    /// The mask of a layer of `size` entries that is active as told at its [`places`], in their order.
    ///
    /// # Errors
    /// If there are more or fewer of them than places.
    pub fn new(layer: &str, size: u64, active: &[bool]) -> Result<Self> {
        if active.len() as u64 != size.min(SAMPLED) {
            return Err(of_another_size(layer, size, &format!("{} places", active.len())));
        }
        let byte =
            |eight: &[bool]| eight.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit));
        Ok(Self { layer: layer.to_owned(), size, bits: active.chunks(8).map(byte).collect() })
    }

    /// The same from packed bits, as [`LayerMask::bits`] gives them.
    ///
    /// # Errors
    /// If they are too many or too few, or one behind the last place is set.
    pub fn from_bits(layer: &str, size: u64, bits: Vec<u8>) -> Result<Self> {
        let mask = Self { layer: layer.to_owned(), size, bits };
        let last = mask.sampled() % 8;
        let stray = last > 0 && mask.bits.last().is_some_and(|byte| byte >> last != 0);
        if stray || mask.bits.len() as u64 != mask.sampled().div_ceil(8) {
            return Err(of_another_size(layer, size, &format!("{} bytes", mask.bits.len())));
        }
        Ok(mask)
    }

    /// Name of the weight.
    pub fn layer(&self) -> &str {
        &self.layer
    }

    /// Entries of the weight.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many places were looked at.
    pub fn sampled(&self) -> u64 {
        self.size.min(SAMPLED)
    }

    /// Eight places a byte, the first in the lowest bit (`numpy.unpackbits` with `bitorder="little"`).
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// How many of the places are active.
    pub fn active(&self) -> u64 {
        count(self.bits.iter().copied())
    }

    /// What two masks of one layer have in common, scaled up from the sample to the layer; none if
    /// they are of different layers.
    pub fn overlap(&self, other: &Self) -> Option<Overlap> {
        if self.layer != other.layer || self.size != other.size || self.size == 0 {
            return None;
        }
        let both = count(self.bits.iter().zip(&other.bits).map(|(a, b)| a & b));
        let (first, second) = (self.active(), other.active());
        let scale = self.size as f64 / self.sampled() as f64;
        Some(Overlap {
            first: scale * first as f64,
            second: scale * second as f64,
            both: scale * both as f64,
            both_by_chance: scale * first as f64 * second as f64 / self.sampled() as f64,
        })
    }
}

fn count(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.map(|byte| u64::from(byte.count_ones())).sum()
}

fn of_another_size(layer: &str, size: u64, told: &str) -> Error {
    Error::data(format!("{told} are no sample of {size} entries")).at(layer.to_owned())
}

/// What two active sets have in common, in one layer or, added up, in several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overlap {
    /// Active connections of the first.
    pub first: f64,
    /// Active connections of the second.
    pub second: f64,
    /// Those that both have.
    pub both: f64,
    /// As many both would have if they lay at random, independently, with the same count in each layer.
    pub both_by_chance: f64,
}

impl Overlap {
    /// Jaccard distance: the share of the connections of either that only one has, in [0, 1]. None if
    /// neither has any.
    pub fn distance(&self) -> Option<f64> {
        self.distance_with(self.both)
    }

    /// The same for random, independent sets of these counts: 1 − pq / (p + q − pq) for the
    /// densities p and q of one layer.
    pub fn distance_by_chance(&self) -> Option<f64> {
        self.distance_with(self.both_by_chance)
    }

    fn distance_with(&self, both: f64) -> Option<f64> {
        let either = self.first + self.second - both;
        (either > 0.0).then(|| 1.0 - both / either)
    }
}

impl AddAssign for Overlap {
    fn add_assign(&mut self, layer: Self) {
        self.first += layer.first;
        self.second += layer.second;
        self.both += layer.both;
        self.both_by_chance += layer.both_by_chance;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(bits: &[u8]) -> LayerMask {
        let active: Vec<bool> = bits.iter().map(|bit| *bit == 1).collect();
        LayerMask::new("fc", bits.len() as u64, &active).unwrap()
    }

    #[test]
    fn the_distance_is_the_share_that_only_one_has() {
        let first = mask(&[1, 1, 1, 0, 0, 0, 0, 0, 0, 1]);
        let second = mask(&[0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
        assert_eq!((first.active(), first.bits()), (4, &[0b111, 0b10][..]));
        let overlap = first.overlap(&second).unwrap();
        // Three of five; by chance 4 · 4 / 10 of 6.4.
        assert_eq!(overlap.distance(), Some(1.0 - 3.0 / 5.0));
        assert_eq!(overlap.distance_by_chance(), Some(1.0 - 1.6 / 6.4));
        assert_eq!(first.overlap(&first).unwrap().distance(), Some(0.0));
        let empty = mask(&[0; 10]);
        assert_eq!(empty.overlap(&empty).unwrap().distance(), None);
        assert_eq!(empty.overlap(&mask(&[0; 9])), None);
    }

    #[test]
    fn dense_masks_are_not_apart_by_chance_either() {
        let dense = mask(&[1; 12]);
        let overlap = dense.overlap(&dense).unwrap();
        assert_eq!((overlap.distance(), overlap.distance_by_chance()), (Some(0.0), Some(0.0)));
    }

    /// A layer of 8,192 entries counts twice as much as its sample of 4,096.
    #[test]
    fn layers_count_by_their_size() {
        let large = |first: usize| {
            let active: Vec<bool> =
                (0..4096).map(|place| place >= first && place < first + 2).collect();
            LayerMask::new("fc", 8192, &active).unwrap()
        };
        let mut network = large(0).overlap(&large(1)).unwrap();
        assert_eq!((network.first, network.both), (4.0, 2.0));
        network += mask(&[1, 1, 0]).overlap(&mask(&[1, 1, 0])).unwrap();
        // 2 + 2 of 6 + 2.
        assert_eq!(network.distance(), Some(0.5));
    }

    /// Masks of stored trials can be compared only while the sample stays what it is.
    #[test]
    fn the_sample_is_the_same_in_every_version() {
        let sample = places("fc1.weight", "300x784", 235_200);
        assert_eq!(sample.len(), 4096);
        assert!(sample.is_sorted_by(|a, b| a < b) && sample[4095] < 235_200);
        assert_eq!(sample[..4], [98, 169, 204, 205]);
        assert_ne!(sample, places("fc2.weight", "300x784", 235_200));
        assert_ne!(sample, places("fc1.weight", "784x300", 235_200));
        assert_eq!(places("fc", "2x2", 4), [0, 1, 2, 3]);
        assert_eq!(places("fc", "1x4097", 4097).len(), 4096);
    }

    #[test]
    fn bits_that_are_no_sample_are_refused() {
        let whole = mask(&[1, 0, 0, 0, 0, 0, 0, 0, 1]);
        let read = LayerMask::from_bits("fc", 9, whole.bits().to_vec()).unwrap();
        assert_eq!(read, whole);
        for bits in [vec![1], vec![1, 2], vec![1, 1, 0]] {
            let error = LayerMask::from_bits("fc", 9, bits).unwrap_err().to_string();
            assert!(error.starts_with("fc: ") && error.contains("no sample of 9"), "{error}");
        }
        assert!(LayerMask::new("fc", 9, &[true]).is_err());
    }
}
