//! Files that are plain or compressed, read from front to back.
//!
//! The caller adds the file's name to errors; offsets count unpacked bytes.

use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use dst_core::{Error, ErrorKind, Result, file};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// The first bytes of every gzip file, and of every zstd file.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Opens a file, compressed by gzip or zstd or not at all. Its first bytes decide, whatever its
/// name: browsers unpack downloads without renaming them. A format whose plain files may begin
/// with a mark of either cannot be read so.
///
/// # Errors
/// If the system refuses.
pub fn open(path: &Path) -> Result<Box<dyn Read>> {
    let refused = |error: io::Error| Error::io("read", path, &error);
    let mut file = file::open(path)?;
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

/// All that a file holds when it is unpacked, as [`open`] does: `most` bytes at most, because all of it
/// lies in main memory and a few compressed bytes may unpack to any number. `hint` is for who has more.
///
/// # Errors
/// If the system refuses, its compressed data are damaged, or it holds more; the path is named.
pub fn contents(path: &Path, most: u64, hint: &str) -> Result<Vec<u8>> {
    let at = |error: Error| error.at(path.display().to_string());
    let mut bytes = Vec::new();
    let read = open(path)?.take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| match error.raw_os_error() {
        Some(_) => Error::io("read", path, &error),
        None => at(damaged(format!("its compressed data are damaged: {error}"))),
    })?;
    if bytes.len() as u64 > most {
        let most = match most >> 30 {
            0 => format!("{most} bytes"),
            gigabytes => format!("{gigabytes} GB"),
        };
        return Err(at(Error::data(format!("it has more than {most}")).hint(hint)));
    }
    Ok(bytes)
}

/// The folders of files, each once, for people.
pub fn folders(paths: &[PathBuf]) -> String {
    let mut folders: Vec<String> = paths
        .iter()
        .filter_map(|path| path.parent())
        .map(|folder| folder.display().to_string())
        .collect();
    folders.dedup();
    folders.join(", ")
}

/// Lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of bytes in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

/// SHA-256 of a file as it lies on the disk, in hexadecimal.
///
/// # Errors
/// If the system refuses.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    let refused = |error: io::Error| Error::io("read", path, &error);
    let mut file = file::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(refused(error)),
        }
    }
}

/// SHA-256 of what a file holds when it is unpacked, as [`open`] does, in hexadecimal.
///
/// # Errors
/// If the system refuses, or its compressed data are damaged.
pub fn sha256_of_contents(path: &Path) -> Result<String> {
    let mut hash = Sha256::new();
    let copied = io::copy(&mut open(path)?, &mut Hashing(&mut hash));
    copied.map_err(|error| match error.raw_os_error() {
        Some(_) => Error::io("read", path, &error),
        None => damaged(format!("its compressed data are damaged: {error}"))
            .at(path.display().to_string()),
    })?;
    Ok(hexadecimal(&hash.finalize()))
}

/// A sum as something to write to.
struct Hashing<'a>(&'a mut Sha256);

impl io::Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of what `sha256sum` prints for files with these sums and names: one digest for a data
/// set of several files, `(sum, name)` in their order.
pub fn digest<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut hash = Sha256::new();
    for (sum, name) in files {
        hash.update(format!("{sum}  {name}\n"));
    }
    hexadecimal(&hash.finalize())
}

/// The error for a file that must be had again.
pub fn damaged(message: impl Into<String>) -> Error {
    Error::data(message).hint("fetch the file again")
}

/// Reads a file of known length, counts and hashes, and says where and how it is damaged.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    offset: u64,
    length: u64,
    hash: Sha256,
}

impl<R: Read> Reader<R> {
    /// For a file that has `length` unpacked bytes if it is whole.
    pub fn new(source: R, length: u64) -> Self {
        Self { source, offset: 0, length, hash: Sha256::new() }
    }

    /// Unpacked bytes read so far.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills the buffer.
    ///
    /// # Errors
    /// If the file ends before, its compressed data are damaged, or the system refuses.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<()> {
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
    ///
    /// # Errors
    /// If something follows, or as [`Reader::fill`].
    pub fn end(&mut self) -> Result<()> {
        match self.read(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged(format!("more bytes follow byte {}, its end", self.length))),
        }
    }

    /// The bytes that were read must have this sum; `format` names what other data would be in.
    ///
    /// # Errors
    /// If they have another.
    pub fn compare(self, sha256: &str, format: &str) -> Result<()> {
        let found = hexadecimal(&self.hash.finalize());
        if found == sha256 { Ok(()) } else { Err(not_canonical(&found, sha256, format)) }
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
}

/// The error for whole data with other contents than the published ones; `format` names the
/// format that both have.
pub fn not_canonical(found: &str, expected: &str, format: &str) -> Error {
    Error::data(format!(
        "the file is whole, but its contents are not the canonical ones: SHA-256 of the unpacked \
         file is {found}, not {expected}"
    ))
    .hint(format!("another data set in {format} needs a name, and so a crate, of its own"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(bytes: &[u8]) -> [Vec<u8>; 3] {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(bytes).unwrap();
        let mut zstd = zstd::Encoder::new(Vec::new(), 3).unwrap();
        zstd.include_checksum(true).unwrap();
        zstd.write_all(bytes).unwrap();
        [bytes.to_vec(), gzip.finish().unwrap(), zstd.finish().unwrap()]
    }

    fn read(file: &[u8], count: usize) -> Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, file).unwrap();
        let mut reader = Reader::new(open(&path)?, count as u64);
        let mut bytes = vec![0; count];
        reader.fill(&mut bytes)?;
        reader.end()?;
        assert_eq!(reader.offset(), count as u64);
        reader.compare(&sha256(&bytes), "this format")?;
        Ok(bytes)
    }

    #[test]
    fn first_bytes_decide_about_compression() {
        let bytes: Vec<u8> = (0..5000).map(|value| (value % 251) as u8).collect();
        for file in packed(&bytes) {
            assert_eq!(read(&file, 5000).unwrap(), bytes);
            assert_eq!(
                read(&file, 4999).unwrap_err().one_line(),
                "more bytes follow byte 4999, its end"
            );
            let longer = read(&file, 5001).unwrap_err().one_line();
            assert_eq!(longer, "it is truncated: it ends at byte 5000 of 5001");
        }
    }

    #[test]
    fn cut_compressed_data_are_called_truncated_and_damage_damage() {
        let bytes: Vec<u8> = (0..5000).map(|value| (value * value % 251) as u8).collect();
        for file in &packed(&bytes)[1..] {
            let cut = read(&file[..file.len() - 1], 5000).unwrap_err();
            assert_eq!(cut.kind(), ErrorKind::Data);
            assert!(cut.one_line().starts_with("it is truncated: its compressed data"), "{cut}");
            let mut flipped = file.clone();
            *flipped.last_mut().unwrap() ^= 1;
            let damage = read(&flipped, 5000).unwrap_err();
            assert_eq!(damage.kind(), ErrorKind::Data);
            assert!(damage.one_line().contains("compressed data"), "{damage}");
        }
    }

    #[test]
    fn contents_are_bounded_when_they_are_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes = vec![7; 5000];
        for file in packed(&bytes) {
            std::fs::write(&path, &file).unwrap();
            assert_eq!(contents(&path, 5000, "").unwrap(), bytes);
            let error = contents(&path, 4999, "take a part of it").unwrap_err().to_string();
            let start = format!("{}: it has more than 4999 bytes", path.display());
            assert!(error.starts_with(&start) && error.contains("take a part of it"), "{error}");
        }
        for file in &packed(&bytes)[1..] {
            std::fs::write(&path, &file[..file.len() / 2]).unwrap();
            let error = contents(&path, 5000, "").unwrap_err().to_string();
            let start = format!("{}: its compressed data are damaged", path.display());
            assert!(error.starts_with(&start), "{error}");
        }
    }

    /// A disk that fails is not a file that must be fetched again.
    #[test]
    fn what_the_system_reports_is_no_damage() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(5))
            }
        }
        let error = Reader::new(Broken, 10).fill(&mut [0; 10]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        let error = open(Path::new("no/such/file")).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Io);
    }

    #[test]
    fn sums_are_those_of_sha256sum() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty");
        std::fs::write(&path, b"").unwrap();
        assert_eq!(sha256_of_file(&path).unwrap(), empty);
        assert_eq!(digest([(empty, "a")]), sha256(format!("{empty}  a\n").as_bytes()));
        let error = Reader::new(&b""[..], 0).compare("00", "X's format").unwrap_err().to_string();
        assert!(
            error.contains("not the canonical ones") && error.contains("X's format"),
            "{error}"
        );
    }

    #[test]
    fn folders_are_named_once() {
        let paths = ["data/mnist/a", "data/mnist/b", "data/c"].map(PathBuf::from);
        assert_eq!(folders(&paths), "data/mnist, data");
    }
}
