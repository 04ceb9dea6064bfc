//! What columns of inputs mean: numbers, texts.

use dst_core::{Error, Result};
use dst_tables::{Table, UNNAMED};

/// What stands where a value is missing, in small letters.
const MISSING: [&str; 6] = ["", "na", "n/a", "nan", "null", "?"];

/// A column of more texts would be an input for each of them.
const MOST_TEXTS: usize = 100;

/// Numbers that vary less than this share of the largest are one number with rounding errors.
const LEAST_DEVIATION: f64 = 1e-12;

/// What stands there too, in columns whose other cells are numbers.
const MISSING_NUMBERS: [&str; 7] = ["none", "nil", "-", "--", "#n/a", "<na>", "missing"];

fn is_missing(cell: &str) -> bool {
    MISSING.contains(&cell.to_lowercase().as_str())
}

/// How the numbers of a column are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decimal {
    /// 1.5
    Point,
    /// 1,5
    Comma,
}

/// What a cell of a column of numbers holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cell {
    Missing,
    Number(f64),
    Other,
}

impl Decimal {
    fn read(self, cell: &str) -> Cell {
        if is_missing(cell) || MISSING_NUMBERS.contains(&cell.to_lowercase().as_str()) {
            return Cell::Missing;
        }
        let number = match self {
            Self::Point => cell.parse(),
            Self::Comma => cell.replacen(',', ".", 1).parse(),
        };
        number.map_or(Cell::Other, Cell::Number)
    }

    /// That by which most cells are numbers, with how many are none. A comma is a decimal one only in a
    /// table whose cells something else separates, if no cell has a point, and if they are not all as in 1,000.
    fn of<'a>(delimiter: char, cells: impl Iterator<Item = &'a str> + Clone) -> (Self, usize) {
        let mut with_comma = cells.clone().filter(|cell| cell.contains(',')).peekable();
        let may_be = delimiter != ','
            && with_comma.peek().is_some()
            && !with_comma.all(counts_thousands)
            && !cells.clone().any(|cell| cell.contains('.'));
        let others =
            |decimal: Self| cells.clone().filter(|cell| decimal.read(cell) == Cell::Other).count();
        match others(Self::Point) {
            by_point if by_point == 0 || !may_be => (Self::Point, by_point),
            by_point => match others(Self::Comma) {
                by_comma if by_comma < by_point => (Self::Comma, by_comma),
                _ => (Self::Point, by_point),
            },
        }
    }
}

/// Is it written as thousands are, in groups of three digits?
fn counts_thousands(cell: &str) -> bool {
    let mut groups = cell.trim_start_matches(['+', '-']).split(',');
    let is = |group: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&group.len()) && group.bytes().all(|byte| byte.is_ascii_digit())
    };
    let first = groups.next().is_some_and(|first| is(first, 1..=3) && !first.starts_with('0'));
    first && groups.all(|group| is(group, 3..=3))
}

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq)]
enum Meaning {
    Number {
        mean: f64,
        deviation: f64,
        decimal: Decimal,
    },
    /// One input for each of these texts.
    Texts(Vec<String>),
}

/// Columns that are inputs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Columns {
    all: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq)]
struct Column {
    name: String,
    /// Its place in the table.
    place: usize,
    meaning: Meaning,
}

impl Columns {
    /// Those of a table but for the target and the ignored ones, as the training rows have them, with what a
    /// user should hear.
    ///
    /// # Errors
    /// If an ignored column is not there, none is left, or one has too many texts.
    pub(crate) fn of(
        table: &Table,
        target: usize,
        ignored: &[String],
        rows: &[i64],
    ) -> Result<(Self, Vec<String>)> {
        let ignored = ignored.iter().map(|name| table.column(name)).collect::<Result<Vec<_>>>()?;
        let (mut all, mut warnings) = (Vec::new(), Vec::new());
        for place in (0..table.header.len()).filter(|place| *place != target) {
            if ignored.contains(&place) {
                continue;
            }
            let name = table.header[place].clone();
            if name == UNNAMED {
                warnings.push(format!(
                    "column {} has no name and is left out: name it if it is an input",
                    place + 1
                ));
                continue;
            }
            let cells = || rows.iter().map(|row| table.cell(*row as usize, place));
            let present = || cells().filter(|cell| !is_missing(cell));
            let missing = rows.len() - present().count();
            if missing == rows.len() {
                warnings.push(format!("the column '{name}' is empty and left out"));
                continue;
            }
            let (decimal, others) = Decimal::of(table.delimiter, present());
            let read = |cell| decimal.read(cell);
            // Words such as "none" are missing numbers among numbers, and texts among texts.
            let count = present().filter(|cell| matches!(read(cell), Cell::Number(_))).count();
            let numbers = (others == 0 && 2 * count > present().count()).then(|| {
                let number = |cell| match read(cell) {
                    Cell::Number(number) => Some(number),
                    _ => None,
                };
                present().filter_map(number).collect::<Vec<f64>>()
            });
            let first = |is: &dyn Fn(Cell) -> bool| {
                rows.iter().map(|row| *row as usize).find(|row| {
                    let cell = table.cell(*row, place);
                    !is_missing(cell) && is(read(cell))
                })
            };
            let meaning = match numbers {
                Some(numbers) => {
                    let missing = rows.len() - numbers.len();
                    let is_infinite = |cell: Cell| matches!(cell, Cell::Number(number) if !(number as f32).is_finite());
                    if let Some(row) = first(&is_infinite) {
                        return Err(no_number(table, row, place));
                    }
                    if decimal == Decimal::Comma {
                        let is_comma = |cell: &&str| cell.contains(',');
                        let example = present().find(is_comma).unwrap_or_default();
                        warnings.push(format!(
                            "numbers in the column '{name}' have decimal commas: {example} is read as {}",
                            example.replacen(',', ".", 1)
                        ));
                    }
                    if missing > 0 {
                        warnings.push(format!(
                            "{missing} of {} training rows have no '{name}': its mean stands for it",
                            rows.len()
                        ));
                    }
                    number(&numbers, decimal).ok_or_else(|| {
                        let what = format!(
                            "numbers in the column '{name}' are too large to be normalised"
                        );
                        table.at(Error::data(what)
                            .hint("scale them, or leave the column out with `ignore`"))
                    })?
                }
                None => {
                    let other = first(&|cell| cell == Cell::Other);
                    let other = other.filter(|_| 2 * count > present().count());
                    let meaning = texts(table, &name, present());
                    match other {
                        Some(row) if meaning.is_err() => return Err(no_number(table, row, place)),
                        Some(row) => warnings.push(format!(
                            "the column '{name}' is taken for texts, because '{}' in line {} is no number",
                            table.cell(row, place),
                            table.line(row)
                        )),
                        None => {}
                    }
                    meaning?
                }
            };
            all.push(Column { name, place, meaning });
        }
        if all.is_empty() {
            return Err(table.at(Error::data("no column is left for inputs")));
        }
        Ok((Self { all }, warnings))
    }

    /// Which columns are numbers, and which are texts with how many of them, a line for each kind.
    pub(crate) fn described(&self) -> Vec<String> {
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        for column in &self.all {
            match &column.meaning {
                Meaning::Number { .. } => numbers.push(column.name.clone()),
                Meaning::Texts(known) => texts.push(format!("{} ({})", column.name, known.len())),
            }
        }
        let kinds = [
            ("columns of numbers", numbers),
            ("columns of texts (how many different ones)", texts),
        ];
        let kinds = kinds.into_iter().filter(|(_, names)| !names.is_empty());
        kinds.map(|(kind, names)| format!("{kind}: {}", names.join(", "))).collect()
    }

    /// Is the column of that name an input?
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.iter().any(|column| column.name == name)
    }

    /// How many inputs a sample has.
    pub(crate) fn inputs(&self) -> usize {
        let inputs = self.all.iter().map(|column| match &column.meaning {
            Meaning::Number { .. } => 1,
            Meaning::Texts(texts) => texts.len(),
        });
        inputs.sum()
    }

    /// By input, in their order: its name, and the mean and the standard deviation that normalise it.
    pub(crate) fn normalisation(&self) -> Vec<(String, [f32; 2])> {
        let inputs = self.all.iter().flat_map(|Column { name, meaning, .. }| match meaning {
            Meaning::Number { mean, deviation, .. } => {
                vec![(name.clone(), [*mean as f32, *deviation as f32])]
            }
            Meaning::Texts(texts) => {
                texts.iter().map(|text| (format!("{name}={text}"), [0.0, 1.0])).collect()
            }
        });
        inputs.collect()
    }

    /// The same columns, where another table has them.
    ///
    /// # Errors
    /// If it lacks one.
    pub(crate) fn found_in(&self, table: &Table) -> Result<Self> {
        let place = |name: &str| {
            let found = table.header.iter().position(|own| own == name);
            found.ok_or_else(|| {
                let what = format!("there is no column '{name}', which is one of the inputs");
                let known = format!("its columns: {}", table.header.join(", "));
                table.at(Error::data(what).hint(known))
            })
        };
        let all = self.all.iter();
        let all = all.map(|column| Ok(Column { place: place(&column.name)?, ..column.clone() }));
        Ok(Self { all: all.collect::<Result<_>>()? })
    }

    /// Which texts of a table the training rows do not have, a sentence for each column that has some.
    pub(crate) fn unknown(&self, table: &Table) -> Vec<String> {
        let of_column = |Column { name, place, meaning }: &Column| {
            let Meaning::Texts(known) = meaning else { return None };
            let cells = (0..table.len()).map(|row| (row, table.cell(row, *place)));
            let mut unknown = cells.filter(|(_, cell)| !known.iter().any(|text| text == cell));
            let (row, cell) = unknown.next()?;
            let others = match unknown.count() {
                0 => String::new(),
                1 => ", and 1 more row".to_owned(),
                more => format!(", and {more} more rows"),
            };
            Some(format!(
                "no training row has the '{name}' of line {} ('{cell}'){others}: it counts as none of {}",
                table.line(row),
                known.join(", ")
            ))
        };
        self.all.iter().filter_map(of_column).collect()
    }

    /// Inputs of these rows, one row after another.
    ///
    /// # Errors
    /// If there is something else than a number where the training rows have numbers.
    pub(crate) fn encode(&self, table: &Table, rows: &[i64]) -> Result<Vec<f32>> {
        let mut inputs = Vec::with_capacity(rows.len() * self.inputs());
        for row in rows.iter().map(|row| *row as usize) {
            for Column { place, meaning, .. } in &self.all {
                let cell = table.cell(row, *place);
                match meaning {
                    Meaning::Texts(texts) => {
                        inputs.extend(texts.iter().map(|text| f32::from(u8::from(text == cell))));
                    }
                    Meaning::Number { mean, deviation, decimal } => match decimal.read(cell) {
                        Cell::Missing => inputs.push(0.0),
                        Cell::Number(number) => {
                            let normalised = ((number - mean) / deviation) as f32;
                            if !normalised.is_finite() || (number as f32).is_infinite() {
                                return Err(no_number(table, row, *place));
                            }
                            inputs.push(normalised);
                        }
                        Cell::Other => return Err(no_number(table, row, *place)),
                    },
                }
            }
        }
        Ok(inputs)
    }
}

/// The cell is none of the numbers of its column.
fn no_number(table: &Table, row: usize, place: usize) -> Error {
    let (cell, name) = (table.cell(row, place), &table.header[place]);
    let what = match cell.parse::<f64>() {
        Ok(_) => format!("'{cell}' in the column '{name}' is no finite number of 32 bits"),
        Err(_) => format!("'{cell}' is no number, and '{name}' is a column of numbers"),
    };
    table.at_row(row, Error::data(what).hint(format!(
        "write numbers as 1234.5 and what is missing as an empty cell, or leave the column out: --set \
         'csv.ignore=[\"{name}\"]'"
    )))
}

/// By mean and standard deviation; none if they are not finite.
fn number(numbers: &[f64], decimal: Decimal) -> Option<Meaning> {
    let count = numbers.len() as f64;
    let mean = numbers.iter().sum::<f64>() / count;
    let squares = numbers.iter().map(|number| (number - mean).powi(2));
    let deviation = (squares.sum::<f64>() / count).sqrt();
    let largest = numbers.iter().fold(0.0, |largest: f64, number| largest.max(number.abs()));
    let deviation = if deviation <= LEAST_DEVIATION * largest { 1.0 } else { deviation };
    (mean.is_finite() && deviation.is_finite() && deviation > 0.0).then_some(Meaning::Number {
        mean,
        deviation,
        decimal,
    })
}

/// An input for each text, by the alphabet. A text that no training row has becomes none of them.
fn texts<'a>(table: &Table, name: &str, cells: impl Iterator<Item = &'a str>) -> Result<Meaning> {
    let mut texts: Vec<String> = cells.map(str::to_owned).collect();
    texts.sort_unstable();
    texts.dedup();
    if texts.len() > MOST_TEXTS {
        return Err(table.at(Error::data(format!(
            "the column '{name}' has {} different texts, each of which would be an input",
            texts.len()
        ))
        .hint(format!("leave it out: --set 'csv.ignore=[\"{name}\"]'"))));
    }
    Ok(Meaning::Texts(texts))
}
