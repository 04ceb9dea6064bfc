use super::*;

use std::fmt::Write;
use std::fs;

use dst_core::{own_data, plugin};
use serde_json::{Value, json};

/// Forty rows of two classes, which `width` and `colour` tell.
fn flowers() -> String {
    let mut text = "width,colour,number,class\n".to_owned();
    for row in 0..40 {
        let (width, colour, class) =
            if row % 2 == 0 { (1, "red", "rose") } else { (3, "blue", "iris") };
        writeln!(text, "{width},{colour},{row},{class}").unwrap();
    }
    text
}

fn loaded(path: &Path, options: Value) -> Result<Box<dyn Dataset>> {
    let options = plugin::dataset_options("csv", options.as_object().unwrap())?;
    let (name, place) = own_data::named(own_data::plugin_of("csv")?, path)?;
    let own = [(name.clone(), place)].into();
    plugin::dataset(&name, &options, &DataSources { own, ..DataSources::default() })
}

/// The data set of this text.
fn of(text: &str, options: Value) -> Result<Box<dyn Dataset>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowers.csv");
    fs::write(&path, text).unwrap();
    loaded(&path, options)
}

fn inputs(data: &dyn Dataset, split: Split, rows: &[i64]) -> Vec<f32> {
    let Input::Image(inputs) = data.batch(split, rows, Device::Cpu).unwrap().input else {
        panic!("rows are images")
    };
    Vec::try_from(inputs.flatten(0, -1)).unwrap()
}

#[test]
fn numbers_are_normalised_and_texts_become_inputs() {
    let data = of(&flowers(), json!({ "ignore": ["number"] })).unwrap();
    assert_eq!(data.input(), InputShape::Image { channels: 1, height: 1, width: 3 });
    assert_eq!(data.task(), Task::Classification { classes: 2 });
    let sizes = [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split));
    assert_eq!(sizes, [28, 4, 8]);
    assert_eq!([data.class_name(0), data.class_name(1)], [Some("iris"), Some("rose")]);
    // Widths 1 and 3, as often; then blue and red.
    assert_eq!(inputs(&*data, Split::Train, &[0, 1]).len(), 6);
    let mut all = inputs(&*data, Split::Test, &[0, 1, 2, 3, 4, 5, 6, 7]);
    let classes = Vec::<i64>::try_from(
        data.batch(Split::Test, &[0, 1, 2, 3, 4, 5, 6, 7], Device::Cpu).unwrap().target,
    )
    .unwrap();
    for (row, class) in all.chunks_exact_mut(3).zip(classes) {
        assert_eq!(row, if class == 1 { [-1.0, 0.0, 1.0] } else { [1.0, 1.0, 0.0] });
    }
    // All three columns without the option.
    assert_eq!(
        of(&flowers(), json!({})).unwrap().input(),
        InputShape::Image { channels: 1, height: 1, width: 4 }
    );
}

#[test]
fn folders_give_splits_and_tables_are_read_as_people_have_them() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.csv"), flowers()).unwrap();
    let semicolons = format!("\u{feff}{}", flowers().replace(',', ";"));
    fs::write(folder.path().join("test.tsv"), flowers().replace(',', "\t")).unwrap();
    fs::write(folder.path().join("val.csv"), semicolons).unwrap();
    let data = loaded(folder.path(), json!({})).unwrap();
    let sizes = [Split::Train, Split::Validation, Split::Test].map(|split| data.len(split));
    assert_eq!(sizes, [40, 40, 40]);
    assert_eq!(data.digest(), table::files(folder.path()).unwrap().digest().unwrap());
    // Rows of users, whose columns stand in another order.
    let path = folder.path().join("new.csv");
    fs::write(&path, "colour,number,width\nred,3,1\ngreen,,2\n").unwrap();
    let samples = data.read_samples(&path, Device::Cpu).unwrap();
    assert_eq!(samples.positions, [2, 3]);
    let Input::Image(rows) = &samples.batches[0] else { panic!("rows are images") };
    let rows = Vec::<f32>::try_from(rows.flatten(0, -1)).unwrap();
    // What is missing is the mean, and an unknown text none of those that are known.
    assert_eq!(rows[4..7], [0.0, 0.0, 0.0]);
    let [warning] = &samples.warnings[..] else { panic!("{:?}", samples.warnings) };
    assert!(
        warning.starts_with("no training row has the 'colour' of line 3 ('green'): "),
        "{warning}"
    );
    // Lines are those of the file, whatever ends them.
    fs::write(&path, "colour,number,width\r\nred,3,1\r\nred,three,2\r\n").unwrap();
    let error = data.read_samples(&path, Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("new.csv: line 3: 'three' is no number"), "{error}");
    fs::write(&path, "colour,width\nred,1\n").unwrap();
    let error = data.read_samples(&path, Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("there is no column 'number', which is one of the inputs"), "{error}");
}

/// An exported network takes a row as it is: its numbers, and 1 for the text that stands there.
#[test]
fn raw_inputs_become_what_networks_take() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.csv"), flowers()).unwrap();
    let data = loaded(folder.path(), json!({})).unwrap();
    let raw = data.raw_inputs().unwrap().unwrap();
    let first = raw.names.iter().position(|name| name.starts_with("colour=")).unwrap();
    let value = |name: &str| match name {
        "width" => 1.5,
        "number" => 3.0,
        "colour=red" => 1.0,
        _ => 0.0,
    };
    let typed: Vec<f32> = raw.names.iter().map(|name| value(name)).collect();
    let normalised = (Tensor::from_slice(&typed).view([1, 1, 1, -1]) - raw.mean) / raw.deviation;
    let path = folder.path().join("new.csv");
    fs::write(&path, "colour,number,width\nred,3,1.5\n").unwrap();
    let samples = data.read_samples(&path, Device::Cpu).unwrap();
    let Input::Image(rows) = &samples.batches[0] else { panic!("rows are images") };
    assert!(normalised.allclose(rows, 1e-5, 1e-6, false), "{first}");
}

#[test]
fn missing_numbers_are_told() {
    let text = flowers().replace("1,red,0,", ",red,0,").replace("1,red,2,", "NA,red,2,");
    let data = of(&text, json!({ "validation": 0.01, "test": 0.01 })).unwrap();
    let warnings = data.warnings().join("\n");
    assert!(
        warnings.contains("training rows have no 'width': its mean stands for it"),
        "{warnings}"
    );
}

/// 200 numbers, some of them otherwise.
fn numbers(separator: char, cell: impl Fn(usize) -> String) -> String {
    let row = |row: usize| format!("{}{separator}{}\n", cell(row), ["x", "z"][row % 2]);
    format!("a{separator}y\n{}", (0..200).map(row).collect::<String>())
}

#[test]
fn words_for_missing_numbers_are_known_among_numbers() {
    for word in ["None", "-", "#N/A", "nil"] {
        let text = numbers(',', |row| match row % 10 {
            3 => word.to_owned(),
            _ => format!("{row}.25"),
        });
        let data = of(&text, json!({})).unwrap();
        assert_eq!(data.input(), InputShape::Image { channels: 1, height: 1, width: 1 }, "{word}");
        assert!(data.warnings()[0].contains("training rows have no 'a'"), "{:?}", data.warnings());
    }
    // Among texts they are texts.
    let texts = numbers(',', |row| ["none", "some"][row / 2 % 2].to_owned());
    let data = of(&texts, json!({})).unwrap();
    assert_eq!(data.input(), InputShape::Image { channels: 1, height: 1, width: 2 });
}

#[test]
fn one_cell_that_is_no_number_is_named() {
    for (odd, expected) in [
        ("5%", "line 9: '5%' is no number, and 'a' is a column of numbers"),
        ("inf", "line 9: 'inf' in the column 'a' is no finite"),
        ("1e400", "line 9: '1e400' in the column 'a' is no finite"),
    ] {
        let cell = |row: usize| if row == 7 { odd.to_owned() } else { format!("{row}.25") };
        let all_train = json!({ "validation": 0.01, "test": 0.01 });
        let error = of(&numbers(',', cell), all_train).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("csv.ignore"), "{error}");
    }
    // Rows of users, too.
    let data = of(&numbers(',', |row| format!("{row}.25")), json!({})).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new.csv");
    fs::write(&path, "a\n1\n1e39\n").unwrap();
    let error = data.read_samples(&path, Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("line 3: '1e39' in the column 'a' is no finite"), "{error}");
}

#[test]
fn decimal_commas_are_read_and_said() {
    let with_commas = numbers(';', |row| format!("{row},25"));
    let with_points = numbers(';', |row| format!("{row}.25"));
    let inputs = |text: &str| {
        let data = of(text, json!({})).unwrap();
        let batch = data.batch(Split::Test, &[0, 1, 2], Device::Cpu).unwrap();
        let Input::Image(rows) = batch.input else { panic!("rows are images") };
        (Vec::<f32>::try_from(rows.flatten(0, -1)).unwrap(), data.warnings().join("\n"))
    };
    let ((commas, words), (points, none)) = (inputs(&with_commas), inputs(&with_points));
    assert_eq!(commas, points);
    assert!(words.contains("have decimal commas: ") && none.is_empty(), "{words}; {none}");
    // 1,000 may be a thousand, and among points a comma is no decimal one.
    let all_train = || json!({ "validation": 0.01, "test": 0.01 });
    for (separator, odd) in [(',', "\"1,000\""), (',', "\"0,5\""), (';', "1,000"), (';', "0,5")] {
        let text = numbers(separator, |row| match row {
            7 => odd.to_owned(),
            _ => format!("{row}.25"),
        });
        let error = of(&text, all_train()).unwrap_err().to_string();
        let bare = odd.trim_matches('"');
        assert!(error.contains(&format!("line 9: '{bare}' is no number")), "{error}");
    }
    let thousands = numbers(';', |row| format!("{},{:03}", row % 9 + 1, row));
    assert!(of(&thousands, all_train()).is_err());
}

#[test]
fn columns_without_a_name_are_left_out() {
    let text = numbers(',', |row| format!("{row},{}.5", row % 7)).replacen("a,", ",a,", 1);
    let data = of(&text, json!({})).unwrap();
    assert_eq!(data.input(), InputShape::Image { channels: 1, height: 1, width: 1 });
    assert!(data.warnings()[0].contains("column 1 has no name"), "{:?}", data.warnings());
}

#[test]
fn the_target_is_found_or_named() {
    let moved = flowers().replace("class\n", "kind\n").replace("width,", "Label,");
    assert_eq!(of(&moved, json!({})).unwrap().class_name(0), Some("1"));
    assert_eq!(of(&moved, json!({ "target": "kind" })).unwrap().class_name(0), Some("iris"));
    let error = of(&moved, json!({ "target": "knd" })).unwrap_err().to_string();
    assert!(error.contains("did you mean 'kind'?"), "{error}");
    // Whole numbers by their size.
    let ten = flowers().replace("rose", "10").replace("iris", "9");
    assert_eq!(of(&ten, json!({})).unwrap().class_name(0), Some("9"));
}

#[test]
fn what_cannot_be_used_is_named_with_its_line() {
    let refusal = |text: &str, options| of(text, options).unwrap_err().to_string();
    for (text, expected) in [
        ("a\n1\n".to_owned(), "it has one column only"),
        ("a,b\n".to_owned(), "it has no rows"),
        ("a,a\n1,2\n".to_owned(), "two columns are called 'a'"),
        (" \n".to_owned(), "it is empty"),
        ("sep=;\na;b\n1;2\n".to_owned(), "is a note for Excel"),
        (flowers().replace("1,red,4,rose", "1,\"red,4,rose"), "line 6: a quote opens here"),
        (
            flowers().replace("1,red,4,rose", "1,red,4"),
            "line 6: it has 3 cells, and the first line has 4",
        ),
        (flowers().replace("1,red,4,rose", "1,red,4,"), "line 6: the cell of the class"),
        (flowers().replace("rose", "iris"), "every row has the class 'iris'"),
        (
            (0..200).fold("a,y\n".to_owned(), |all, row| format!("{all}1,{row}.5\n")),
            "look like numbers to predict",
        ),
        (
            (0..400).fold("a,y\n".to_owned(), |all, row| format!("{all}t{row},{}\n", row % 2)),
            "different texts, each of which would be an input",
        ),
        ("a,y\n1,x\n2,z\n".to_owned(), "the class 'x' has too few samples"),
    ] {
        let error = refusal(&text, json!({}));
        assert!(error.contains(expected) && error.contains("flowers.csv"), "{error}");
    }
    assert!(refusal(&flowers(), json!({ "ignore": ["nmber"] })).contains("did you mean 'number'?"));
    let all = json!({ "ignore": ["width", "colour", "number"] });
    assert!(refusal(&flowers(), all).contains("no column is left for inputs"));
    // UTF-16, as other programs write it.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wide.csv");
    let wide: Vec<u8> = "\u{feff}a,y\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(&path, wide).unwrap();
    assert!(loaded(&path, json!({})).unwrap_err().to_string().contains("UTF-16"));
    let error = loaded(&folder.path().join("none.csv"), json!({})).unwrap_err().to_string();
    assert!(error.contains("there is no such file or folder"), "{error}");
}
