//! Small tables, images and caches, for the tests of data sets.
//!
//! Everything here panics if it cannot write: a test has nothing better to do.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use dst_core::HubCache;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, FloatType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::hub::MAIN;

/// The commit of [`cache`].
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The values of a column.
#[derive(Debug, Clone)]
pub enum Column {
    /// Images as the Hub has them: a group of `bytes` and `path`.
    Images(Vec<Vec<u8>>),
    /// Texts.
    Texts(Vec<String>),
    /// Class numbers, or any whole numbers.
    Integers(Vec<i64>),
    /// Scores.
    Floats(Vec<f32>),
}

/// Writes a parquet file as the Hub's are: every value may be missing, compressed by Snappy.
///
/// # Panics
/// If it cannot be written, or columns differ in length.
pub fn write_parquet(path: &Path, columns: &[(&str, Column)]) {
    let fields: String = columns
        .iter()
        .map(|(name, column)| match column {
            Column::Images(_) => format!(
                "optional group {name} {{ optional binary bytes; optional binary path (UTF8); }} "
            ),
            Column::Texts(_) => format!("optional binary {name} (UTF8); "),
            Column::Integers(_) => format!("optional int64 {name}; "),
            Column::Floats(_) => format!("optional float {name}; "),
        })
        .collect();
    let schema = parse_message_type(&format!("message table {{ {fields} }}")).expect("a schema");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let file = File::create(path).expect("a file");
    let mut writer =
        SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    macro_rules! write {
        ($type:ty, $values:expr, $level:expr, $rows:expr) => {{
            let mut column = group.next_column().expect("columns").expect("a column");
            let levels = vec![$level; $rows];
            column.typed::<$type>().write_batch($values, Some(&levels), None).expect("values");
            column.close().expect("a whole column");
        }};
    }
    let bytes = |values: &mut dyn Iterator<Item = &[u8]>| -> Vec<ByteArray> {
        values.map(|value| ByteArray::from(value.to_vec())).collect()
    };
    for (_, column) in columns {
        match column {
            Column::Images(images) => {
                let values = bytes(&mut images.iter().map(Vec::as_slice));
                write!(ByteArrayType, &values, 2, values.len());
                // A image in a table has no path.
                write!(ByteArrayType, &[], 1, values.len());
            }
            Column::Texts(texts) => {
                let values = bytes(&mut texts.iter().map(String::as_bytes));
                write!(ByteArrayType, &values, 1, values.len());
            }
            Column::Integers(values) => write!(Int64Type, values, 1, values.len()),
            Column::Floats(values) => write!(FloatType, values, 1, values.len()),
        }
    }
    group.close().expect("a whole group");
    writer.close().expect("a whole file");
}

/// A PNG file of planes as [`png`](crate::image::png) gives them.
///
/// # Panics
/// If there are more or fewer pixels than the shape has.
pub fn png([channels, height, width]: [usize; 3], planes: &[u8]) -> Vec<u8> {
    let size = height * width;
    assert_eq!(planes.len(), channels * size, "a value for every pixel");
    let pixels: Vec<u8> = (0..size)
        .flat_map(|pixel| (0..channels).map(move |channel| planes[channel * size + pixel]))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&pixels).expect("pixels");
    drop(writer);
    bytes
}

/// A cache in `folder` whose branch `main` of a repository is at [`COMMIT`]; files are put where
/// [`snapshot`] says.
///
/// # Panics
/// If it cannot be written.
pub fn cache(folder: &Path, repository: &str) -> HubCache {
    let refs = root(folder, repository).join("refs");
    fs::create_dir_all(&refs).expect("a folder");
    fs::write(refs.join(MAIN), COMMIT).expect("a reference");
    HubCache { folder: folder.to_path_buf(), revision: MAIN.to_owned() }
}

/// Where a file of a repository lies in a cache; its folder is made.
///
/// # Panics
/// If it cannot be made.
pub fn snapshot(folder: &Path, repository: &str, file: &str) -> std::path::PathBuf {
    let path = root(folder, repository).join("snapshots").join(COMMIT).join(file);
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
    path
}

fn root(folder: &Path, repository: &str) -> std::path::PathBuf {
    folder.join(crate::hub::folder_name(repository).expect("a repository"))
}

/// A dictionary of lists and of the array `data` of bytes, pickled as Python 2 and its numpy do.
///
/// # Panics
/// If a name is longer than 255 bytes.
pub fn pickled(lists: &[(&str, &[u8])], data: &[u8]) -> Vec<u8> {
    let name = |name: &str| {
        let length = u8::try_from(name.len()).expect("names are short");
        [&[b'U', length], name.as_bytes(), b"q\x01"].concat()
    };
    let mut pickle = b"\x80\x02}q\x00(".to_vec();
    for (list, numbers) in lists {
        pickle.extend(name(list));
        pickle.extend(b"]q\x02");
        for (batch, numbers) in numbers.chunks(1_000).enumerate() {
            // From the 256th object on they are remembered by longer numbers.
            pickle.extend(if batch == 0 { &b"("[..] } else { &b"r\x00\x01\x00\x00("[..] });
            pickle.extend(numbers.iter().flat_map(|number| [b'K', *number]));
            pickle.push(b'e');
        }
    }
    pickle.extend(name("data"));
    pickle.extend(
        b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87R(",
    );
    pickle.push(b'T');
    pickle.extend((data.len() as u32).to_le_bytes());
    pickle.extend(data);
    pickle.extend(b"tbu.");
    pickle
}
