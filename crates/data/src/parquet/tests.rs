use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::data_type::ByteArray;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;

/// Images as the Hub has them, labels, texts and scores. A missing text is null.
fn write(path: &Path, rows: &[(&[u8], i64, Option<&str>, f32)]) {
    let schema = "message table {
        optional group image { optional binary bytes; optional binary path (UTF8); }
        optional int64 label;
        optional binary text (UTF8);
        optional float score;
        required int32 small;
        required double wide;
        repeated int64 list;
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties =
        WriterProperties::builder().set_compression(parquet::basic::Compression::SNAPPY).build();
    let file = File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(properties)).unwrap();
    // Two groups of rows, where there are as many.
    for rows in rows.chunks(rows.len().div_ceil(2).max(1)) {
        let mut group = writer.next_row_group().unwrap();
        macro_rules! column {
            ($type:ty, $values:expr, $levels:expr, $repeats:expr) => {{
                let mut column = group.next_column().unwrap().unwrap();
                let values: Vec<_> = $values;
                column.typed::<$type>().write_batch(&values, $levels, $repeats).unwrap();
                column.close().unwrap();
            }};
        }
        let all = |level: i16| vec![level; rows.len()];
        let bytes = |bytes: &[u8]| ByteArray::from(bytes.to_vec());
        column!(ByteArrayType, rows.iter().map(|row| bytes(row.0)).collect(), Some(&all(2)), None);
        // The Hub's images have no path.
        column!(ByteArrayType, vec![], Some(&all(1)), None);
        column!(Int64Type, rows.iter().map(|row| row.1).collect(), Some(&all(1)), None);
        let texts = rows.iter().filter_map(|row| row.2);
        let present: Vec<i16> = rows.iter().map(|row| i16::from(row.2.is_some())).collect();
        let texts: Vec<ByteArray> = texts.map(|text| bytes(text.as_bytes())).collect();
        column!(ByteArrayType, texts, Some(&present), None);
        column!(FloatType, rows.iter().map(|row| row.3).collect(), Some(&all(1)), None);
        column!(Int32Type, rows.iter().map(|row| row.1 as i32).collect(), None, None);
        column!(DoubleType, rows.iter().map(|row| f64::from(row.3)).collect(), None, None);
        column!(Int64Type, vec![], Some(&all(0)), Some(&all(0)));
        group.close().unwrap();
    }
    writer.close().unwrap();
}

#[test]
fn a_table_without_rows_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.parquet");
    crate::testing::write_parquet(&path, &[("label", crate::testing::Column::Integers(vec![]))]);
    let table = ParquetTable::open(&[path]).unwrap();
    assert_eq!((table.rows(), table.integers("label").unwrap()), (0, vec![]));
}

const ROWS: [(&[u8], i64, Option<&str>, f32); 3] =
    [(b"one", 1, Some("eins"), 0.5), (b"", 0, Some(""), 5.0), (b"\xff", 2, Some("drei"), 3.8)];

fn table(rows: &[(&[u8], i64, Option<&str>, f32)]) -> (tempfile::TempDir, PathBuf, ParquetTable) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("train-00000-of-00001.parquet");
    write(&path, rows);
    let table = ParquetTable::open(std::slice::from_ref(&path)).unwrap();
    (folder, path, table)
}

fn shown<T: fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().one_line()
}

#[test]
fn columns_are_found_by_name_in_every_shard() {
    let (folder, path, one) = table(&ROWS);
    let second = folder.path().join("second.parquet");
    write(&second, &[(b"vier", 9, Some("vier"), 1.0)]);
    assert_eq!(one.rows(), 3);
    let table = ParquetTable::open(&[path, second]).unwrap();
    assert_eq!(table.rows(), 4);
    assert_eq!(table.integers("label").unwrap(), [1, 0, 2, 9]);
    assert_eq!(table.integers("small").unwrap(), [1, 0, 2, 9]);
    assert_eq!(table.floats("score").unwrap(), [0.5, 5.0, 3.8, 1.0]);
    assert_eq!(table.floats("wide").unwrap(), [0.5, 5.0, 3.8, 1.0]);
    assert_eq!(table.strings("text").unwrap(), ["eins", "", "drei", "vier"]);
    let mut images = Vec::new();
    table
        .bytes("image.bytes", |bytes| {
            images.push(bytes.to_vec());
            Ok(())
        })
        .unwrap();
    assert_eq!(images, [&b"one"[..], b"", b"\xff", b"vier"]);
    let names: Vec<&str> = table.sums().map(|(_, name)| name).collect();
    assert_eq!(names, ["train-00000-of-00001.parquet", "second.parquet"]);
}

#[test]
fn another_schema_is_refused_with_the_columns() {
    let (_folder, path, table) = table(&ROWS);
    let at = path.display();
    assert_eq!(
        table.strings("sentence").unwrap_err().to_string(),
        format!(
            "{at}: there is no column 'sentence'\n  \
             the file has: image.bytes, image.path, label, text, score, small, wide, list"
        )
    );
    assert_eq!(
        shown(table.strings("label")),
        format!("{at}: column 'label': it holds INT64, not bytes")
    );
    assert_eq!(
        shown(table.integers("text")),
        format!("{at}: column 'text': it holds BYTE_ARRAY, not whole numbers")
    );
    assert_eq!(
        shown(table.floats("label")),
        format!("{at}: column 'label': it holds INT64, not floating-point numbers")
    );
    assert_eq!(shown(table.integers("list")), format!("{at}: column 'list' holds lists"));
    // A struct is no column.
    assert!(shown(table.bytes("image", |_| Ok(()))).ends_with("there is no column 'image'"));
    assert_eq!(
        shown(table.strings("image.bytes")),
        format!("{at}: column 'image.bytes': row 2: this is not UTF-8")
    );
}

#[test]
fn missing_values_and_unknown_labels_are_named_by_their_row() {
    let mut rows = ROWS;
    rows[2].2 = None;
    let (_folder, path, table) = table(&rows);
    let at = path.display();
    assert_eq!(
        shown(table.strings("text")),
        format!("{at}: column 'text': row 2: the value is missing")
    );
    assert!(shown(table.strings("image.path")).ends_with("row 0: the value is missing"));
    assert_eq!(
        shown(table.classes("label", 2)),
        format!("{at}: row 2: the label 2 is none of the classes 0 to 1")
    );
    assert_eq!(table.classes("label", 3).unwrap(), [1, 0, 2]);
    rows[1].1 = -1;
    let (_folder, path, table) = super::tests::table(&rows);
    assert_eq!(
        shown(table.classes("label", 3)),
        format!("{}: row 1: the label is withheld (-1)", path.display())
    );
}

/// A file in the cache of the Hub is named by its sum.
#[test]
fn a_blob_that_was_damaged_is_refused_when_it_is_opened() {
    let (_folder, path, table) = table(&ROWS);
    let sum = table.sums().next().unwrap().0.to_owned();
    let blobs = path.with_file_name("blobs");
    std::fs::create_dir(&blobs).unwrap();
    let open = |name: &str| {
        std::fs::copy(&path, blobs.join(name)).unwrap();
        ParquetTable::open(&[blobs.join(name)])
    };
    assert!(open(&sum).is_ok());
    let error = open(&"0".repeat(64)).unwrap_err().to_string();
    assert!(
        error.contains("the file is damaged: its SHA-256 is") && error.contains(&sum),
        "{error}"
    );
}

/// Every truncation is refused, and no damaged byte makes the reader panic.
#[test]
fn damaged_files_are_refused() {
    let (_folder, path, _) = table(&ROWS);
    let whole = std::fs::read(&path).unwrap();
    let load = |bytes: &[u8]| -> Result<Vec<String>> {
        std::fs::write(&path, bytes).unwrap();
        let table = ParquetTable::open(std::slice::from_ref(&path))?;
        table.integers("label")?;
        table.strings("text")
    };
    for length in [1, 2].into_iter().chain((0..whole.len()).step_by(7)) {
        let error = load(&whole[..length]).unwrap_err();
        assert_eq!(error.kind(), dst_core::ErrorKind::Data, "{length}: {error}");
        let what =
            if length == 0 { "the file is empty" } else { "this is not a whole parquet file" };
        assert!(error.one_line().contains(what), "{length}: {error}");
    }
    for position in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[position] ^= 0x55;
        // Some bytes are statistics that nobody reads, and some are text.
        let _ = load(&damaged);
    }
    // What an editor leaves.
    let marked = [b"\xef\xbb\xbf", &whole[..]].concat();
    let lines: Vec<u8> = whole
        .iter()
        .flat_map(|byte| match byte {
            b'\n' => b"\r\n".to_vec(),
            other => vec![*other],
        })
        .collect();
    for edited in [marked, [&lines[..], b"\r\n"].concat()] {
        let error = load(&edited).unwrap_err();
        assert_eq!(error.kind(), dst_core::ErrorKind::Data, "{error}");
    }
    let page = load(b"<!doctype html><html>404</html>").unwrap_err().one_line();
    assert!(page.contains("this is not a whole parquet file"), "{page}");
}
