//! The records of the binary version of CIFAR-10: one label byte, then 1,024 red, 1,024 green
//! and 1,024 blue bytes, row by row. There is no header.
//!
//! A file is read once, from front to back, straight into its place among the images. The
//! caller adds the file's name to errors; offsets count unpacked bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use dst_core::tch::Tensor;
use dst_core::{Error, ErrorKind, Result};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// Red, green and blue.
pub(crate) const CHANNELS: i64 = 3;

/// Rows and columns of an image.
pub(crate) const SIDE: i64 = 32;

/// Classes, from 0.
pub(crate) const CLASSES: u8 = 10;

const PIXELS: usize = (CHANNELS * SIDE * SIDE) as usize;
const RECORD: usize = 1 + PIXELS;

/// Records that are moved into the tensor at once: so few that libtorch copies them without
/// waking its other threads, whose waiting costs more than all the copies.
const CHUNK: usize = 10;

/// The first bytes of every gzip file, and of every zstd file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file, compressed by gzip or zstd or not at all. Its first bytes decide, whatever its
/// name: a plain file begins with a label, which is less than any of the marks.
///
/// # Errors
/// If the system refuses.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read>> {
    let refused = |error: io::Error| Error::io("read", path, &error);
    let mut file = File::open(path).map_err(refused)?;
    let mut start = Vec::new();
    file.by_ref().take(4).read_to_end(&mut start).map_err(refused)?;
    file.rewind().map_err(refused)?;
    let file = BufReader::with_capacity(1 << 17, file);
    Ok(if start.starts_with(&GZIP) {
        Box::new(MultiGzDecoder::new(file))
    } else if start == ZSTD {
        Box::new(zstd::Decoder::with_buffer(file).map_err(refused)?)
    } else {
        Box::new(file)
    })
}

/// Reads as many records as `images` (`Uint8 [count, 3, 32, 32]`) has places for, fills them and
/// returns the labels, each below [`CLASSES`].
///
/// # Errors
/// If the file is truncated, too long, damaged, holds a label that is no class, or is not the
/// canonical one with this SHA-256 of the unpacked bytes.
pub(crate) fn read(source: impl Read, images: &Tensor, sha256: &str) -> Result<Vec<u8>> {
    let count = images.size()[0] as usize;
    let length = (count * RECORD) as u64;
    let mut reader = Reader { source, offset: 0, length, hash: Sha256::new() };
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
    reader.compare(sha256)?;
    Ok(labels)
}

/// Reads, counts and hashes.
struct Reader<R> {
    source: R,
    /// Unpacked bytes read so far.
    offset: u64,
    /// Unpacked bytes of an undamaged file.
    length: u64,
    hash: Sha256,
}

impl<R: Read> Reader<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..])? {
                0 => {
                    return Err(damaged(format!(
                        "it is truncated: it ends at byte {} of {}",
                        self.offset, self.length
                    )));
                }
                count => filled += count,
            }
        }
        self.hash.update(buffer);
        Ok(())
    }

    /// Nothing may follow. The checksums of compressed files are compared here.
    fn end(&mut self) -> Result<()> {
        match self.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged(format!("more bytes follow byte {}, its end", self.length))),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.source.read(buffer) {
                Ok(count) => {
                    self.offset += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(&error)),
            }
        }
    }

    fn failure(&self, error: &io::Error) -> Error {
        let Self { offset, length, .. } = self;
        // What the system reports has a number; the rest comes from unpacking.
        if error.raw_os_error().is_some() {
            let message = format!("cannot be read after byte {offset}: {error}");
            return Error::new(ErrorKind::Io, message);
        }
        damaged(match error.kind() {
            io::ErrorKind::UnexpectedEof => format!(
                "it is truncated: its compressed data end after {offset} of {length} unpacked bytes"
            ),
            _ => format!(
                "its compressed data are damaged after {offset} of {length} unpacked bytes: {error}"
            ),
        })
    }

    fn compare(self, sha256: &str) -> Result<()> {
        let found = hexadecimal(&self.hash.finalize());
        if found == sha256 {
            return Ok(());
        }
        Err(Error::data(format!(
            "the file is whole, but its contents are not the canonical ones: SHA-256 of the \
             unpacked file is {found}, not {sha256}"
        ))
        .hint("another data set in CIFAR-10's format needs a name, and so a crate, of its own"))
    }
}

fn damaged(message: String) -> Error {
    Error::data(message).hint("fetch the file again")
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    use dst_core::tch::{Device, Kind};
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

    fn sum(file: &[u8]) -> String {
        hexadecimal(&Sha256::digest(file))
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
