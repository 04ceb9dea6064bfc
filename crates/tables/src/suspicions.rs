//! What is allowed in a table and seldom meant.

use std::collections::{BTreeMap, BTreeSet};

use crate::classes::TARGETS;
use crate::{Classes, Table, Tables};

/// A column that a program wrote in front of its rows, such as the index of a pandas table.
pub const UNNAMED: &str = "";

/// How a missing value is written, in small letters, where classes are texts.
const MISSING: [&str; 8] = ["na", "n/a", "nan", "null", "none", "nil", "#n/a", "<na>"];

/// Fewer rows may count by chance, or agree.
const FEWEST: usize = 10;

/// What a user should hear before a network is trained on the tables: each of it changes what scores
/// mean. `is_input` tells which columns a network is given, `is_given` whether the user named the column of
/// the classes, and `option` is the data set whose options choose columns.
pub fn suspicions(
    tables: &Tables,
    (target, classes): (usize, &Classes),
    is_input: impl Fn(&str) -> bool,
    is_given: bool,
    option: &str,
) -> Vec<String> {
    let table = &tables.train;
    let class = table.header[target].as_str();
    let mut all = Vec::new();
    let numbers = table.header.iter().filter(|name| name.parse::<f64>().is_ok()).count();
    if classes.names().iter().any(|name| name == class) || 2 * numbers > table.header.len() {
        all.push(format!(
            "the first line ({}) looks like a row and not like names of columns, and is not trained on: write \
             names above it",
            shortened(&table.header.join(", "))
        ));
    }
    let missing: Vec<&str> =
        classes.names().iter().map(String::as_str).filter(|name| is_missing(name)).collect();
    if !missing.is_empty() {
        all.push(format!(
            "a class of the column '{class}' is called {}: delete these rows if their class is unknown",
            missing.join(" and another ")
        ));
    }
    let others = (0..table.header.len()).filter(|place| *place != target);
    let usual: Vec<&str> = others
        .clone()
        .map(|place| table.header[place].as_str())
        .filter(|name| TARGETS.iter().any(|usual| name.eq_ignore_ascii_case(usual)))
        .collect();
    let last = table.header.len() - 1;
    let texts_last = class.eq_ignore_ascii_case("y")
        && last != target
        && (0..table.len()).all(|row| table.cell(row, last).parse::<f64>().is_err());
    let rival = usual.first().copied().or_else(|| texts_last.then(|| table.header[last].as_str()));
    if let Some(rival) = rival.filter(|_| !is_given) {
        all.push(format!(
            "the column '{class}' is taken for the classes, and '{rival}' is not: --set \
             {option}.target=NAME chooses"
        ));
    }
    for place in others.filter(|place| is_input(&table.header[*place])) {
        let name = table.header[place].as_str();
        if table.len() >= FEWEST && counts_rows(table, place) {
            all.push(format!(
                "the column '{name}' counts the rows, and their order may tell the class: it means \
                 nothing for other rows"
            ));
        } else if table.len() >= FEWEST && renames(table, place, target) {
            all.push(format!("the column '{name}' has one value for each class and tells it"));
        }
    }
    let known: BTreeSet<Vec<&str>> = match (&tables.validation, &tables.test) {
        (None, None) => BTreeSet::new(),
        _ => (0..table.len()).map(|row| table.cells(row)).collect(),
    };
    for (own, split) in [(&tables.validation, "validation"), (&tables.test, "test")] {
        let Some(own) = own else { continue };
        let same = (0..own.len()).filter(|row| known.contains(&own.cells(*row))).count();
        if same > 0 {
            all.push(format!(
                "{same} of {} rows for {split} are rows of the training, too, cell by cell",
                own.len()
            ));
        }
    }
    all
}

fn is_missing(name: &str) -> bool {
    MISSING.contains(&name.to_lowercase().as_str())
}

fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Does the column say which row it is, from 0 or 1 on?
fn counts_rows(table: &Table, place: usize) -> bool {
    let number = |row: usize| table.cell(row, place).parse::<usize>().ok();
    let first = number(0);
    matches!(first, Some(0 | 1))
        && (0..table.len()).all(|row| number(row) == first.map(|first| first + row))
}

/// Are the cells of one column those of the other under other names?
fn renames(table: &Table, place: usize, target: usize) -> bool {
    let mut forth: BTreeMap<&str, &str> = BTreeMap::new();
    let mut back: BTreeMap<&str, &str> = BTreeMap::new();
    (0..table.len()).all(|row| {
        let (one, other) = (table.cell(row, place), table.cell(row, target));
        *forth.entry(one).or_insert(other) == other && *back.entry(other).or_insert(one) == one
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(train: &str, test: Option<&str>) -> String {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("train.csv"), train).unwrap();
        if let Some(test) = test {
            fs::write(folder.path().join("test.csv"), test).unwrap();
        }
        let tables = Tables::read(folder.path()).unwrap();
        let target = crate::target(&tables.train, None).unwrap();
        let classes = Classes::of(&tables.train, target).unwrap();
        suspicions(&tables, (target, &classes), |name| name != "ignored", false, "csv").join("\n")
    }

    fn table(header: &str, row: impl Fn(usize) -> String) -> String {
        let rows: String = (0..12).map(|index| row(index) + "\n").collect();
        format!("{header}\n{rows}")
    }

    #[test]
    fn usual_tables_are_above_suspicion() {
        let usual = table("a,b,class", |i| format!("{},{},{}", i % 5, i % 3, i % 2));
        assert_eq!(said(&usual, None), "");
        assert_eq!(said(&usual, Some("a,b,class\n9,9,1\n")), "");
    }

    #[test]
    fn what_is_seldom_meant_is_said() {
        let headless = table("5.1,3.5,iris-a", |i| format!("{},{},iris-a", i % 5, i % 3));
        assert!(said(&(headless + "1,2,iris-b\n"), None).contains("looks like a row"));
        let labels = ["x", "NA", "y"];
        let missing = table("a,class", |i| format!("{},{}", i % 5, labels[i % 3]));
        assert!(said(&missing, None).contains("a class of the column 'class' is called NA"));
        let two = table("a,class,label", |i| format!("{},{},{}", i % 5, i % 2, i % 2));
        let words = said(&two, None);
        assert!(words.contains("'label' is taken for the classes, and 'class' is not"), "{words}");
        assert!(words.contains("the column 'class' has one value for each class"), "{words}");
        let species = ["setosa", "virginica"];
        let y = table("x,y,species", |i| format!("{},{},{}", i % 5, i % 4, species[i % 2]));
        assert!(said(&y, None).contains("and 'species' is not"));
        let counts = table("id,a,class", |i| format!("{i},{},{}", i % 5, i % 2));
        assert!(said(&counts, None).contains("the column 'id' counts the rows"));
        // What the network does not see tells it nothing.
        assert_eq!(said(&counts.replace("id,", "ignored,"), None), "");
        let usual = table("a,class", |i| format!("{i}5,{}", i % 2));
        let words = said(&usual, Some("a,class\n05,0\n777,1\n"));
        assert!(words.contains("1 of 2 rows for test are rows of the training"), "{words}");
    }
}
