//! The records of the binary version of CIFAR-10: one label byte, then 1,024 red, 1,024 green
//! and 1,024 blue bytes, row by row. There is no header.
//!
//! A file is read once, from front to back, straight into its place among the images. The
//! caller adds the file's name to errors; offsets count unpacked bytes.

use std::io::Read;

use dst_core::Result;
use dst_core::tch::Tensor;
use dst_data::file::{self, damaged};
use dst_data::pickle;

/// Red, green and blue.
pub(crate) const CHANNELS: i64 = 3;

/// Rows and columns of an image.
pub(crate) const SIDE: i64 = 32;

/// Classes, from 0.
pub(crate) const CLASSES: u8 = 10;

pub(crate) const PIXELS: usize = (CHANNELS * SIDE * SIDE) as usize;
pub(crate) const RECORD: usize = 1 + PIXELS;

/// Images in each file.
pub(crate) const PER_FILE: usize = 10_000;

/// Records that are moved into the tensor at once: so few that libtorch copies them without
/// waking its other threads, whose waiting costs more than all the copies.
const CHUNK: usize = 10;

/// What the format is called where other data have it.
pub(crate) const FORMAT: &str = "CIFAR-10's format";

/// Reads as many records as `images` (`Uint8 [count, 3, 32, 32]`) has places for, fills them and
/// returns the labels, each below [`CLASSES`].
///
/// # Errors
/// If the file is truncated, too long, damaged, holds a label that is no class, or is not the
/// canonical one with this SHA-256 of the unpacked bytes.
pub(crate) fn read(source: impl Read, images: &Tensor, sha256: &str) -> Result<Vec<u8>> {
    let count = images.size()[0] as usize;
    let length = (count * RECORD) as u64;
    let mut reader = file::Reader::new(source, length);
    let mut labels = Vec::with_capacity(count);
    let mut records = vec![0; CHUNK.min(count) * RECORD];
    let mut pixels = Vec::with_capacity(CHUNK.min(count) * PIXELS);
    for start in (0..count).step_by(CHUNK) {
        let chunk = CHUNK.min(count - start);
        let records = &mut records[..chunk * RECORD];
        reader.fill(records)?;
        pixels.clear();
        for record in records.chunks_exact(RECORD) {
            labels.push(record[0]);
            pixels.extend_from_slice(&record[1..]);
        }
        let mut target = images.f_narrow(0, start as i64, chunk as i64)?;
        target.f_copy_(&Tensor::f_from_slice(&pixels)?.f_reshape(target.size())?)?;
    }
    reader.end()?;
    if let Some(record) = labels.iter().position(|label| *label >= CLASSES) {
        return Err(damaged(format!(
            "the label {} at byte {} is none of the classes 0 to {}",
            labels[record],
            record * RECORD,
            CLASSES - 1
        )));
    }
    reader.compare(sha256, FORMAT)?;
    Ok(labels)
}

/// The records of a file of the Python version, which holds the same images in the same order.
///
/// # Errors
/// If it has no images and labels.
pub(crate) fn of_pickle(file: &[u8]) -> Result<Vec<u8>> {
    let pixels = pickle::bytes(file, PER_FILE * PIXELS)?;
    let labels = pickle::numbers(file, "labels", PER_FILE)?;
    let records = labels.iter().zip(pixels.chunks_exact(PIXELS));
    Ok(records.flat_map(|(label, pixels)| [&[*label], pixels].concat()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use dst_core::ErrorKind;
    use dst_core::tch::{Device, Kind};
    use dst_data::file::{open, sha256 as sum};
    use flate2::Compression;
    use flate2::write::GzEncoder;

    const COUNT: usize = 3;

    /// Three records with labels 6, 9, 0 whose pixels count up.
    fn three_records() -> Vec<u8> {
        let mut file = Vec::new();
        for (record, label) in [6, 9, 0].into_iter().enumerate() {
            file.push(label);
            file.extend((0..PIXELS).map(|pixel| ((record + 1) * pixel % 251) as u8));
        }
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// With a checksum, as the command-line tool writes it.
    fn zstd(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn places(count: usize) -> Tensor {
        Tensor::zeros([count as i64, CHANNELS, SIDE, SIDE], (Kind::Uint8, Device::Cpu))
    }

    /// Reads `bytes` as the three records, from a file.
    fn read_three(bytes: &[u8]) -> Result<(Tensor, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("batch");
        std::fs::write(&path, bytes).unwrap();
        let images = places(COUNT);
        let labels = read(open(&path)?, &images, &sum(&three_records()))?;
        Ok((images, labels))
    }

    #[track_caller]
    fn refusal(bytes: &[u8]) -> String {
        let error = read_three(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        error.one_line()
    }

    #[test]
    fn whole_files_are_read_plain_or_compressed() {
        let file = three_records();
        for bytes in [file.clone(), gzip(&file), zstd(&file)] {
            let (images, labels) = read_three(&bytes).unwrap();
            assert_eq!(labels, [6, 9, 0]);
            // Row 2, column 3 of the green plane of the second image.
            let pixel = 2 * (1024 + 2 * 32 + 3) % 251;
            assert_eq!(images.int64_value(&[1, 1, 2, 3]), pixel);
            assert_eq!(images.int64_value(&[2, 2, 31, 31]), 3 * 3071 % 251);
        }
    }

    #[test]
    fn chunks_join_without_a_gap() {
        let count = CHUNK + 7;
        let mut file = Vec::new();
        for record in 0..count {
            file.push((record % 10) as u8);
            file.extend([(record % 251) as u8; PIXELS]);
        }
        let images = places(count);
        let labels = read(&file[..], &images, &sum(&file)).unwrap();
        for row in [0, 9, 10, 16] {
            assert_eq!(i64::from(labels[row]), row as i64 % 10);
            assert_eq!(images.int64_value(&[row as i64, 2, 31, 31]), row as i64 % 251);
        }
    }

    #[test]
    fn truncated_files_are_refused() {
        let file = three_records();
        for length in [0, 1, 3072, 3073, 9218] {
            assert_eq!(
                refusal(&file[..length]),
                format!("it is truncated: it ends at byte {length} of 9219")
            );
        }
        for packed in [gzip(&file), zstd(&file)] {
            for length in [6, 12, 100, packed.len() - 4, packed.len() - 1] {
                let line = refusal(&packed[..length]);
                assert!(line.starts_with("it is truncated: its compressed data end"), "{line}");
            }
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let longer = [three_records(), vec![0]].concat();
        for bytes in [longer.clone(), gzip(&longer), zstd(&longer)] {
            assert_eq!(refusal(&bytes), "more bytes follow byte 9219, its end");
        }
        for packed in [gzip(&three_records()), zstd(&three_records())] {
            refusal(&[packed, b"more junk".to_vec()].concat());
        }
    }

    #[test]
    fn files_that_were_taken_for_text_are_refused() {
        let file = three_records();
        let marked = [b"\xef\xbb\xbf", &file[..]].concat();
        assert_eq!(refusal(&marked), "more bytes follow byte 9219, its end");
        // Every pixel that is a line feed has got a carriage return.
        let ends = file.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        assert_eq!(refusal(&ends), "more bytes follow byte 9219, its end");
    }

    #[test]
    fn damaged_compressed_data_are_refused() {
        for packed in [gzip(&three_records()), zstd(&three_records())] {
            // A flipped bit in the data and in what checks them.
            for position in [packed.len() / 2, packed.len() - 1] {
                let mut bytes = packed.clone();
                bytes[position] ^= 0x10;
                let line = refusal(&bytes);
                assert!(line.contains("compressed data") || line.contains("SHA-256"), "{line}");
            }
        }
    }

    #[test]
    fn labels_that_are_no_class_are_refused() {
        let mut file = three_records();
        file[2 * RECORD] = 10;
        assert_eq!(refusal(&file), "the label 10 at byte 6146 is none of the classes 0 to 9");
        // CIFAR-100 has two label bytes in each record, so it is longer.
        let hundred = vec![5; COUNT * (RECORD + 1)];
        assert_eq!(refusal(&hundred), "more bytes follow byte 9219, its end");
    }

    #[test]
    fn whole_files_with_other_contents_are_refused() {
        let mut other = three_records();
        other[100] ^= 1;
        assert_eq!(
            refusal(&other),
            format!(
                "the file is whole, but its contents are not the canonical ones: SHA-256 of the \
                 unpacked file is {}, not {}",
                sum(&other),
                sum(&three_records())
            )
        );
        // What a server sends instead of a missing file.
        assert!(refusal(b"<html>404</html>").starts_with("it is truncated"));
    }
}
