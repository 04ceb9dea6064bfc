//! The sizes that the pages of a parquet file claim, before anything is unpacked.
//!
//! The parquet crate (60) makes room for what a header says, so that a file of a few bytes can take all
//! memory, or end the process. Headers are structs of Thrift's compact protocol; of each only the first
//! three fields are looked at: the kind, the unpacked size and the packed size.

use parquet::file::metadata::ParquetMetaData;

use crate::file::damaged;
use dst_core::Result;

/// What a file may unpack to, beside a multiple of its own size: a table of equal values packs well.
const ALLOWANCE: u64 = 64 << 20;

/// How many times its size a file may unpack to.
const MOST_RATIO: u64 = 100;

/// Structs within structs of a header.
const DEEPEST: u32 = 16;

/// Refuses a file that claims to unpack to more than a file of its size may.
///
/// # Errors
/// If it does, or a page does not lie in the file.
pub(super) fn check(bytes: &[u8], metadata: &ParquetMetaData) -> Result<()> {
    let most = ALLOWANCE + MOST_RATIO * bytes.len() as u64;
    let broken = || damaged("the parquet data are damaged: a page does not lie in the file");
    let mut unpacked: u64 = 0;
    for group in metadata.row_groups() {
        for column in group.columns() {
            // Where the crate begins to read; a column without rows may say that its data are at 0.
            let dictionary = column.dictionary_page_offset();
            let start = dictionary.unwrap_or_else(|| column.data_page_offset());
            let length = usize::try_from(column.compressed_size()).map_err(|_| broken())?;
            let start = usize::try_from(start).map_err(|_| broken())?;
            let end = start.checked_add(length).ok_or_else(broken)?;
            let mut rest = bytes.get(start..end).ok_or_else(broken)?;
            while !rest.is_empty() {
                let page = Page::read(rest).ok_or_else(broken)?;
                unpacked = unpacked.saturating_add(page.unpacked);
                if unpacked > most {
                    return Err(damaged(format!(
                        "{} bytes that claim to unpack to more than {most} are no data of ours",
                        bytes.len()
                    )));
                }
                rest = rest.get(page.end..).ok_or_else(broken)?;
            }
        }
    }
    Ok(())
}

/// What the header of a page says.
#[derive(Debug, PartialEq, Eq)]
struct Page {
    unpacked: u64,
    /// Where the next page begins.
    end: usize,
}

impl Page {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Compact { bytes, place: 0 };
        let (mut field, mut sizes) = (0, [None; 3]);
        loop {
            let (kind, next) = header.field(field)?;
            if kind == 0 {
                break;
            }
            field = next;
            match (field, kind) {
                (1..=3, Compact::I32) => sizes[field as usize - 1] = Some(header.number()?),
                _ => header.skip(kind, 0)?,
            }
        }
        let [_, unpacked, packed] = sizes;
        let packed = usize::try_from(packed?).ok()?;
        let end = header.place.checked_add(packed).filter(|end| *end <= bytes.len())?;
        Some(Self { unpacked: u64::try_from(unpacked?).ok()?, end })
    }
}

/// A reader of Thrift's compact protocol.
struct Compact<'a> {
    bytes: &'a [u8],
    place: usize,
}

impl Compact<'_> {
    const I32: u8 = 5;

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.place)?;
        self.place += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A whole number, whose sign is in its lowest bit.
    fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// The kind of the next field and its number, after that of the field before; kind 0 ends a struct.
    fn field(&mut self, before: i64) -> Option<(u8, i64)> {
        let byte = self.byte()?;
        let (difference, kind) = (byte >> 4, byte & 0x0f);
        match (kind, difference) {
            (0, _) => Some((0, 0)),
            (_, 0) => Some((kind, self.number()?)),
            (_, difference) => Some((kind, before.checked_add(i64::from(difference))?)),
        }
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        let place = self.place.checked_add(usize::try_from(count).ok()?)?;
        (place <= self.bytes.len()).then(|| self.place = place)
    }

    fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        match kind {
            _ if depth > DEEPEST => None,
            // Truths are in the kind.
            1 | 2 => Some(()),
            3 => self.pass(1),
            4..=6 => self.varint().map(|_| ()),
            7 => self.pass(8),
            8 => {
                let length = self.varint()?;
                self.pass(length)
            }
            9 | 10 => {
                let byte = self.byte()?;
                let count = match byte >> 4 {
                    15 => self.varint()?,
                    count => u64::from(count),
                };
                // A truth in a list is a byte.
                let kind = if byte & 0x0f <= 2 { 3 } else { byte & 0x0f };
                (0..count).try_for_each(|_| self.skip(kind, depth + 1))
            }
            12 => {
                let mut field = 0;
                loop {
                    let (kind, next) = self.field(field)?;
                    if kind == 0 {
                        return Some(());
                    }
                    field = next;
                    self.skip(kind, depth + 1)?;
                }
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_a_page_are_read_and_the_rest_is_passed_over() {
        // 1: kind 0, 2: 300 unpacked, 3: 4 packed, 5: a struct of a number and statistics of bytes.
        let header =
            [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x08, 0x2c, 0x15, 0x02, 0x48, 0x01, b'x', 0, 0];
        let mut page = header.to_vec();
        page.extend([1, 2, 3, 4]);
        assert_eq!(Page::read(&page), Some(Page { unpacked: 300, end: page.len() }));
        for length in 0..page.len() {
            assert_eq!(Page::read(&page[..length]), None, "{length}");
        }
        // Negative sizes, structs without an end, numbers without one.
        assert_eq!(Page::read(&[0x15, 0x00, 0x15, 0x01, 0x15, 0x00, 0x00]), None);
        assert_eq!(Page::read(&[0x1c; 100]), None);
        assert_eq!(
            Page::read(&[0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
            None
        );
    }
}
