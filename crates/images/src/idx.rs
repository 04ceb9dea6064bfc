//! IDX, the format of MNIST's files: a magic number, sizes as big-endian 32-bit numbers, then
//! one byte for each value.
//!
//! A file is read once, from front to back, so that loading never holds it twice. The caller adds
//! the file's name to errors; offsets count unpacked bytes.

use std::io::Read;

use dst_core::tch::{Device, Kind, Tensor};
use dst_core::{Error, Result};
use dst_data::file::{self, damaged};

/// The third byte of the magic number: values are unsigned bytes. The fourth is the number of
/// dimensions.
const UNSIGNED_BYTES: u32 = 0x0800;

/// Bytes that are moved into a tensor at once, or a little more: whole images.
const CHUNK: usize = 1 << 20;

/// A longer side is taken for a damaged file.
const LONGEST_SIDE: usize = 1 << 12;

/// What the format is called where other data have it.
const FORMAT: &str = "MNIST's format";

/// What a file of a published data set must hold.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Images or labels.
    pub count: usize,
    /// SHA-256 of the whole unpacked file, in hexadecimal.
    pub sha256: &'a str,
}

/// Images of `height` × `width` pixels, `Uint8 [count, 1, height, width]`.
///
/// # Errors
/// If the file is damaged, truncated, too long, of another kind, size or count, or not the canonical
/// one.
pub fn images(
    source: impl Read,
    [height, width]: [usize; 2],
    expected: Expected<'_>,
) -> Result<Tensor> {
    let sizes = [("images", expected.count), ("rows", height), ("columns", width)];
    let mut reader = start(source, &sizes)?;
    let shape = [expected.count, 1, height, width].map(|size| size as i64);
    let images = Tensor::f_empty(shape, (Kind::Uint8, Device::Cpu))?;
    let rows = (CHUNK / (height * width)).max(1);
    let mut chunk = vec![0; rows * height * width];
    for start in (0..expected.count).step_by(rows) {
        let count = rows.min(expected.count - start);
        let bytes = &mut chunk[..count * height * width];
        reader.fill(bytes)?;
        let mut target = images.f_narrow(0, start as i64, count as i64)?;
        target.f_copy_(&Tensor::f_from_slice(bytes)?.f_reshape(target.size())?)?;
    }
    reader.end()?;
    reader.compare(expected.sha256, FORMAT)?;
    Ok(images)
}

/// Labels, `Int64 [count]`, each below `classes`.
///
/// # Errors
/// As [`images`], and if a label is no class.
pub fn labels(source: impl Read, classes: u8, expected: Expected<'_>) -> Result<Tensor> {
    let mut reader = start(source, &[("labels", expected.count)])?;
    let first = reader.offset();
    let mut labels = vec![0; expected.count];
    reader.fill(&mut labels)?;
    reader.end()?;
    if let Some(row) = labels.iter().position(|label| *label >= classes) {
        return Err(damaged(format!(
            "the label {} at byte {} is none of the classes 0 to {}",
            labels[row],
            first + row as u64,
            classes - 1
        )));
    }
    reader.compare(expected.sha256, FORMAT)?;
    Ok(Tensor::f_from_slice(&labels)?.f_to_kind(Kind::Int64)?)
}

/// Is this the beginning of an unpacked IDX file of bytes, whatever their dimensions?
pub fn is_idx(start: &[u8]) -> bool {
    start.starts_with(&UNSIGNED_BYTES.to_be_bytes()[..3])
}

/// As many images as there are, of any size: `Uint8 [count, 1, height, width]`.
///
/// # Errors
/// If the file is damaged, truncated, too long, of another kind, or holds no image.
pub fn any_images(source: impl Read) -> Result<Tensor> {
    let (values, [count, height, width]) = any(source, ["images", "rows", "columns"])?;
    let shape = [count, 1, height, width].map(|size| size as i64);
    Ok(Tensor::f_from_slice(&values)?.f_view(shape)?)
}

/// As many labels as there are.
///
/// # Errors
/// As [`any_images`].
pub fn any_labels(source: impl Read) -> Result<Vec<u8>> {
    Ok(any(source, ["labels"])?.0)
}

/// All values of a file and its sizes, of which the first may be any number and others are sides.
fn any<const N: usize>(mut source: impl Read, names: [&str; N]) -> Result<(Vec<u8>, [usize; N])> {
    // Until the sizes are known, only the header is sure to be there.
    let mut reader = file::Reader::new(&mut source, 4 + 4 * N as u64);
    check_mark(&mut reader, &names)?;
    let mut named = names.map(|name| (name, 0));
    for (_, size) in &mut named {
        *size = number(&mut reader)? as usize;
    }
    let sizes = named.map(|(_, size)| size);
    let begin = header(&sizes);
    let mut reader = start((&begin[..]).chain(source), &named)?;
    if let Some((name, size)) =
        named[1..].iter().find(|(_, size)| !(1..=LONGEST_SIDE).contains(size))
    {
        return Err(damaged(format!("it announces {size} {name}, which is no image")));
    }
    let each: usize = sizes[1..].iter().product();
    if sizes[0] == 0 {
        return Err(Error::data(format!("it holds no {}", names[0].trim_end_matches('s'))));
    }
    // Grows with what is there, which may be less than is announced.
    let mut values = Vec::new();
    let rows = (CHUNK / each).max(1);
    for first in (0..sizes[0]).step_by(rows) {
        let filled = values.len();
        values.resize(filled + rows.min(sizes[0] - first) * each, 0);
        reader.fill(&mut values[filled..])?;
    }
    reader.end()?;
    Ok((values, sizes))
}

/// Reads the header and compares it with the names and sizes of the dimensions.
fn start<R: Read>(source: R, sizes: &[(&str, usize)]) -> Result<file::Reader<R>> {
    let header = 4 + 4 * sizes.len() as u64;
    let values = sizes.iter().fold(1_u64, |all, (_, size)| all.saturating_mul(*size as u64));
    let mut reader = file::Reader::new(source, header.saturating_add(values));
    let names: Vec<&str> = sizes.iter().map(|(name, _)| *name).collect();
    check_mark(&mut reader, &names)?;
    for (name, size) in sizes {
        let offset = reader.offset();
        let found = number(&mut reader)?;
        if found as usize != *size {
            return Err(damaged(format!(
                "it announces {found} {name} at byte {offset}, where {size} are expected"
            )));
        }
    }
    Ok(reader)
}

/// Refuses what does not begin as a file with these dimensions.
fn check_mark(reader: &mut file::Reader<impl Read>, names: &[&str]) -> Result<()> {
    let magic = UNSIGNED_BYTES | names.len() as u32;
    match number(reader)? {
        found if found == magic => Ok(()),
        found => Err(damaged(format!(
            "it begins with 0x{found:08x}, not with 0x{magic:08x}, the mark of IDX {} files",
            names[0].trim_end_matches('s')
        ))),
    }
}

fn number(reader: &mut file::Reader<impl Read>) -> Result<u32> {
    let mut bytes = [0; 4];
    reader.fill(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

/// What a file of images or labels begins with.
pub fn header(sizes: &[usize]) -> Vec<u8> {
    let magic = UNSIGNED_BYTES | sizes.len() as u32;
    let sizes = sizes.iter().map(|size| *size as u32);
    std::iter::once(magic).chain(sizes).flat_map(u32::to_be_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use dst_core::ErrorKind;
    use dst_data::file::{open, sha256 as sum};
    use flate2::Compression;
    use flate2::write::GzEncoder;

    /// Two images whose pixels count up.
    fn two_images() -> Vec<u8> {
        let mut file = vec![0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28];
        file.extend((0..2 * 784).map(|value| (value % 251) as u8));
        file
    }

    fn three_labels(labels: [u8; 3]) -> Vec<u8> {
        [[0, 0, 8, 1, 0, 0, 0, 3].as_slice(), &labels].concat()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Reads `bytes` as the two images, from a file.
    fn read_images(bytes: &[u8]) -> Result<Tensor> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images");
        std::fs::write(&path, bytes).unwrap();
        images(open(&path)?, [28, 28], Expected { count: 2, sha256: &sum(&two_images()) })
    }

    fn read_labels(bytes: &[u8]) -> Result<Tensor> {
        labels(bytes, 10, Expected { count: 3, sha256: &sum(&three_labels([7, 0, 9])) })
    }

    fn first_line(result: Result<Tensor>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.one_line()
    }

    #[test]
    fn whole_files_are_read_plain_or_compressed() {
        for bytes in [two_images(), gzip(&two_images())] {
            let images = read_images(&bytes).unwrap();
            assert_eq!((images.size(), images.kind()), (vec![2, 1, 28, 28], Kind::Uint8));
            assert_eq!(images.int64_value(&[0, 0, 1, 2]), 30);
            assert_eq!(images.int64_value(&[1, 0, 0, 0]), 784 % 251);
        }
        let labels = read_labels(&three_labels([7, 0, 9])).unwrap();
        assert_eq!(Vec::<i64>::try_from(labels).unwrap(), [7, 0, 9]);
    }

    #[test]
    fn chunks_join_without_a_gap() {
        let count = CHUNK / 784 + 7;
        let mut file = vec![0, 0, 8, 3];
        file.extend((count as u32).to_be_bytes());
        file.extend([0, 0, 0, 28, 0, 0, 0, 28]);
        file.extend((0..count * 784).map(|value| (value / 784 % 251) as u8));
        let expected = Expected { count, sha256: &sum(&file) };
        let images = images(&file[..], [28, 28], expected).unwrap();
        for row in [0, 1336, 1337, 1338, 1343] {
            assert_eq!(images.int64_value(&[row, 0, 27, 27]), row % 251);
        }
    }

    #[test]
    fn truncated_files_are_refused() {
        let file = two_images();
        for length in [0, 1, 3, 10, 16, 1000, 1583] {
            assert_eq!(
                first_line(read_images(&file[..length])),
                format!("it is truncated: it ends at byte {length} of 1584")
            );
        }
        let packed = gzip(&file);
        for length in [2, 12, 100, packed.len() - 8, packed.len() - 1] {
            let line = first_line(read_images(&packed[..length]));
            assert!(line.starts_with("it is truncated: its compressed data end after "), "{line}");
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let longer = [two_images(), vec![0]].concat();
        for bytes in [longer.clone(), gzip(&longer)] {
            assert_eq!(first_line(read_images(&bytes)), "more bytes follow byte 1584, its end");
        }
        let after_gzip = [gzip(&two_images()), b"junk".to_vec()].concat();
        assert!(read_images(&after_gzip).is_err());
    }

    #[test]
    fn damaged_gzip_data_are_refused() {
        let packed = gzip(&two_images());
        // A flipped bit in the data, in the checksum and in the length.
        for position in [packed.len() / 2, packed.len() - 8, packed.len() - 1] {
            let mut bytes = packed.clone();
            bytes[position] ^= 0x10;
            let line = first_line(read_images(&bytes));
            assert!(line.contains("compressed data"), "{position}: {line}");
        }
    }

    #[test]
    fn another_magic_number_is_refused() {
        assert_eq!(
            first_line(read_images(&three_labels([7, 0, 9]))),
            "it begins with 0x00000801, not with 0x00000803, the mark of IDX image files"
        );
        assert_eq!(
            first_line(read_labels(b"<html>404</html>")),
            "it begins with 0x3c68746d, not with 0x00000801, the mark of IDX label files"
        );
    }

    #[test]
    fn files_that_were_taken_for_text_are_refused() {
        let marked = [b"\xef\xbb\xbf", &two_images()[..]].concat();
        assert_eq!(
            first_line(read_images(&marked)),
            "it begins with 0xefbbbf00, not with 0x00000803, the mark of IDX image files"
        );
        // Every pixel that is a line feed has got a carriage return.
        let ends = two_images().split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        assert_eq!(first_line(read_images(&ends)), "more bytes follow byte 1584, its end");
    }

    #[test]
    fn other_sizes_are_refused() {
        let with = |position: usize, value: u8| {
            let mut file = two_images();
            file[position] = value;
            first_line(read_images(&file))
        };
        assert_eq!(with(7, 5), "it announces 5 images at byte 4, where 2 are expected");
        assert_eq!(with(11, 32), "it announces 32 rows at byte 8, where 28 are expected");
        assert_eq!(with(15, 32), "it announces 32 columns at byte 12, where 28 are expected");
        assert_eq!(with(4, 255), "it announces 4278190082 images at byte 4, where 2 are expected");
    }

    #[test]
    fn a_user_may_bring_any_number_of_images() {
        for bytes in [two_images(), gzip(&two_images())] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("images");
            std::fs::write(&path, bytes).unwrap();
            let images = any_images(open(&path).unwrap()).unwrap();
            assert_eq!((images.size(), images.kind()), (vec![2, 1, 28, 28], Kind::Uint8));
            assert_eq!(images.int64_value(&[1, 0, 0, 0]), 784 % 251);
        }
        let refused = |bytes: &[u8]| first_line(any_images(bytes));
        // What is announced is not believed: this would be 3.4 TB.
        let many = [&two_images()[..4], &[255; 4], &two_images()[8..]].concat();
        assert_eq!(refused(&many), "it is truncated: it ends at byte 1584 of 3367254359296");
        assert_eq!(refused(&two_images()[..6]), "it is truncated: it ends at byte 6 of 16");
        assert_eq!(
            refused(&[two_images(), vec![0]].concat()),
            "more bytes follow byte 1584, its end"
        );
        assert_eq!(refused(&header(&[0, 28, 28])), "it holds no image");
        let labels = three_labels([7, 0, 9]);
        assert!(
            is_idx(&labels) && is_idx(&two_images()) && !is_idx(b"\x89PNG") && !is_idx(&[0, 0])
        );
        assert!(refused(&labels).ends_with("the mark of IDX image files"));
    }

    #[test]
    fn labels_that_are_no_class_are_refused() {
        assert_eq!(
            first_line(read_labels(&three_labels([7, 10, 9]))),
            "the label 10 at byte 9 is none of the classes 0 to 9"
        );
    }

    #[test]
    fn whole_files_with_other_contents_are_refused() {
        let other = three_labels([7, 1, 9]);
        assert_eq!(
            first_line(read_labels(&other)),
            format!(
                "the file is whole, but its contents are not the canonical ones: SHA-256 of the \
                 unpacked file is {}, not {}",
                sum(&other),
                sum(&three_labels([7, 0, 9]))
            )
        );
    }
}
