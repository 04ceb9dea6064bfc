//! A file's rows as token ids.

/// Token ids and labels of the rows of one file, in its order.
#[derive(Debug, Default, PartialEq)]
pub struct Encoded {
    /// All rows one after another: `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`.
    pub ids: Vec<u32>,
    /// Where each row ends in `ids`.
    pub ends: Vec<u32>,
    /// How many tokens of each row are of the first segment.
    pub firsts: Vec<u32>,
    /// Class number or score of each row.
    pub labels: Vec<f32>,
}

impl Encoded {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Is there no row?
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The token ids of a row, if there is such a row.
    pub fn row(&self, row: usize) -> Option<&[u32]> {
        let end = *self.ends.get(row)? as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] as usize };
        self.ids.get(start..end)
    }

    /// Adds a row without its label.
    pub fn push(&mut self, ids: &[u32], first: u32) {
        self.ids.extend_from_slice(ids);
        self.ends.push(self.ids.len() as u32);
        self.firsts.push(first);
    }

    /// Adds the rows of another, without labels.
    pub(crate) fn append(&mut self, other: &Self) {
        let shift = self.ids.len() as u32;
        self.ids.extend_from_slice(&other.ids);
        self.ends.extend(other.ends.iter().map(|end| end + shift));
        self.firsts.extend_from_slice(&other.firsts);
    }

    /// Little-endian: the counts of rows and ids as `u64`, then the four lists.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + 4 * (self.ids.len() + 3 * self.len()));
        bytes.extend((self.len() as u64).to_le_bytes());
        bytes.extend((self.ids.len() as u64).to_le_bytes());
        for list in [&self.ids, &self.ends, &self.firsts] {
            bytes.extend(list.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes.extend(self.labels.iter().flat_map(|value| value.to_le_bytes()));
        bytes
    }

    /// What [`Encoded::to_bytes`] wrote; nothing if the bytes are of anything else.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (rows, rest) = bytes.split_first_chunk()?;
        let (ids, rest) = rest.split_first_chunk()?;
        let rows = usize::try_from(u64::from_le_bytes(*rows)).ok()?;
        let ids = usize::try_from(u64::from_le_bytes(*ids)).ok()?;
        let values = rows.checked_mul(3)?.checked_add(ids)?;
        if rest.len() != values.checked_mul(4)? {
            return None;
        }
        let (words, _) = rest.as_chunks::<4>();
        let list = |start: usize, count: usize| {
            words[start..start + count].iter().map(|word| u32::from_le_bytes(*word)).collect()
        };
        let encoded = Self {
            ids: list(0, ids),
            ends: list(ids, rows),
            firsts: list(ids + rows, rows),
            labels: words[ids + 2 * rows..].iter().map(|word| f32::from_le_bytes(*word)).collect(),
        };
        let rising = encoded.ends.is_sorted();
        let whole = encoded.ends.last().is_none_or(|end| *end as usize == ids);
        (rising && whole).then_some(encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_bytes() {
        let mut encoded = Encoded::default();
        encoded.push(&[101, 7, 102], 3);
        let mut other = Encoded::default();
        other.push(&[101, 8, 102, 9, 102], 3);
        encoded.append(&other);
        encoded.labels = vec![1.0, 0.0];
        assert_eq!(encoded.row(0), Some(&[101, 7, 102][..]));
        assert_eq!(encoded.row(1), Some(&[101, 8, 102, 9, 102][..]));
        assert_eq!(encoded.row(2), None);
        let bytes = encoded.to_bytes();
        assert_eq!(Encoded::from_bytes(&bytes), Some(encoded));
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..7], &[0xff; 16]] {
            assert_eq!(Encoded::from_bytes(damaged), None);
        }
    }
}
