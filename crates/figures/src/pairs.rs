//! All pairs of methods at once.

use crate::{
    Figure, Heading,
    csv::{CsvTable, cell},
    distances::relative,
    frame::{Key, Sign, widest},
    grid::{Cell, Grid, MATRIX, ramp},
    sheet::{Format, Sheet, figure, sentence},
    style::Paint,
    text::{FONT, width},
};

/// What the numbers of a pair map are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PairKind {
    /// p-values, as the heading says how adjusted; those below `alpha` are bold.
    PValue {
        /// The level of the tests.
        alpha: f64,
    },
    /// The probability that the method of the row scores better than the method of the column.
    Improvement,
    /// The distance between the masks of both, relative to that of independent masks: 0 is the same
    /// connections, and 1, which chance may pass by a little, is none in common but by chance.
    MaskDistance,
}

impl PairKind {
    /// Is such a value one?
    fn admits(self, value: f64) -> bool {
        match self {
            Self::PValue { .. } | Self::Improvement => (0.0..=1.0).contains(&value),
            Self::MaskDistance => value >= 0.0 && value.is_finite(),
        }
    }

    /// What the ends of the scale of shades mean, in full and in short; none if shades are levels.
    fn ends(self) -> Option<[(&'static str, &'static str); 2]> {
        match self {
            Self::PValue { .. } => None,
            Self::Improvement => {
                Some([("0, column better", "0, column better"), ("1, row better", "1, row better")])
            }
            Self::MaskDistance => {
                Some([("0, the same connections", "0, same"), ("1, as by chance", "1, by chance")])
            }
        }
    }
}

/// A square of values, a row and a column for each method.
#[derive(Clone, Debug, PartialEq)]
pub struct PairMap {
    /// The methods.
    pub labels: Vec<String>,
    /// `[row][column]`, in [0, 1] unless the kind says otherwise; a pair that was not compared is
    /// `None`. The diagonal is not read.
    pub values: Vec<Vec<Option<f64>>>,
    /// What the values are.
    pub kind: PairKind,
}

/// Shades of p-values: the smaller, the darker.
const LEVELS: [(f64, u8, &str); 4] =
    [(0.001, 8, "< 0.001"), (0.01, 6, "< 0.01"), (0.05, 4, "< 0.05"), (0.1, 2, "< 0.1")];

/// A heat map with the number in each cell; pairs without one are crossed out. Columns are numbered
/// as the rows are. Where cells are too small for numbers, those below `alpha` have a dot.
#[must_use]
pub fn pair_map(heading: &Heading, data: &PairMap) -> Figure {
    let csv = table(data);
    let count = data.labels.len();
    let value = |row: usize, column: usize| {
        let value = data.values.get(row)?.get(column).copied().flatten();
        value.filter(|value| data.kind.admits(*value))
    };
    let pairs = || (0..count).flat_map(|row| (0..count).map(move |column| (row, column)));
    let pairs = || pairs().filter(|(row, column)| row != column);
    if pairs().all(|(row, column)| value(row, column).is_none()) {
        return sentence(heading, "No pair was compared.", csv);
    }
    let compared = pairs().filter(|(row, column)| value(*row, *column).is_some()).count();
    let text = describe(data, &value, compared, pairs().count() - compared);
    figure(heading, text, csv, |format| draw(data, &value, format))
}

fn draw(data: &PairMap, value: &impl Fn(usize, usize) -> Option<f64>, format: Format) -> Sheet {
    let count = data.labels.len();
    let numbered: Vec<String> = data
        .labels
        .iter()
        .enumerate()
        .map(|(i, label)| format!("{label}\u{2002}{}", i + 1))
        .collect();
    let numbers: Vec<String> = (1..=count).map(|number| number.to_string()).collect();
    let size = match count {
        _ if format.is_narrow() => 10.0,
        0..=10 => FONT,
        11..=20 => 11.0,
        _ => 10.0,
    };
    let names = widest(numbered.iter().map(String::as_str));
    let left = names.min(format.pick(if count > 20 { 180.0 } else { 250.0 }, 130.0)) + 14.0;
    // The numbers, where the widest layout has room for them all.
    let least = width("<.001", size) + 3.0;
    let most = format.pick(MATRIX, format.width()) - left - 8.0;
    let printed = least * count as f64 <= most;
    let fair = (format.width() - left - 8.0) / count as f64;
    let across =
        if printed { fair.clamp(least, least.max(72.0)) } else { (most / count as f64).min(27.0) };
    let down = if printed { 27.0 } else { across.max(15.0) };
    let grid = Grid { origin: (left, 30.0), cell: (across, down), rows: count, columns: count };
    let key = key(data.kind, printed);
    let total = format.width().max(grid.right() + 8.0);
    let below = if data.kind.ends().is_some() { 34.0 } else { 8.0 + key.height(total) };
    let sheet = Sheet::new(total, grid.bottom() + below);
    grid.row_names(&sheet, &numbered);
    grid.column_names(&sheet, &numbers);
    let bold = |value: f64| matches!(data.kind, PairKind::PValue { alpha } if value < alpha);
    grid.draw(&sheet, size, |row, column| match value(row, column) {
        _ if row == column => Cell::Blank,
        None => Cell::Missing,
        Some(value) => {
            let text = match (printed, bold(value)) {
                (true, _) => Some(short(data.kind, value)),
                (false, true) if across >= 5.0 => Some("\u{2022}".to_owned()),
                (false, _) => None,
            };
            let paint = shade(data.kind, value);
            Cell::Shade { paint, text: text.map(|text| (text, bold(value))) }
        }
    });
    match data.kind.ends() {
        Some(ends) => {
            let [low, high] =
                ends.map(|(long, short)| if format.is_narrow() { short } else { long });
            ramp(&sheet, (4.0, grid.bottom() + 18.0), low, high);
        }
        None => key.draw(&sheet, grid.bottom() + 6.0),
    }
    sheet
}

fn shade(kind: PairKind, value: f64) -> Paint {
    match kind {
        PairKind::PValue { .. } => {
            let level = LEVELS.iter().find(|(limit, ..)| value < *limit);
            Paint::Heat(level.map_or(0, |(_, shade, _)| *shade))
        }
        PairKind::Improvement | PairKind::MaskDistance => Paint::heat(value),
    }
}

/// Three decimals without the zero before the point, as statistics are printed; never 0 or 1 for
/// what is neither, and on the right side of the level.
fn short(kind: PairKind, value: f64) -> String {
    if kind == PairKind::MaskDistance {
        return relative(value);
    }
    if value == 0.0 || value == 1.0 {
        return format!("{value}");
    }
    let text = match kind {
        PairKind::PValue { .. } if value < 0.001 => "<.001".to_owned(),
        PairKind::PValue { alpha }
            if value < alpha && format!("{value:.3}") == format!("{alpha:.3}") =>
        {
            format!("<{alpha}")
        }
        PairKind::PValue { .. } if value > 0.9995 => ">.999".to_owned(),
        PairKind::PValue { .. } => format!("{value:.3}"),
        PairKind::Improvement if value < 0.005 => "<.01".to_owned(),
        PairKind::Improvement if value >= 0.995 => ">.99".to_owned(),
        PairKind::Improvement | PairKind::MaskDistance => format!("{value:.2}"),
    };
    text.replacen("0.", ".", 1)
}

fn key(kind: PairKind, printed: bool) -> Key {
    let levels = LEVELS.into_iter().map(|(_, shade, text)| (shade, text));
    let mut entries: Vec<(Sign, String)> = levels
        .chain([(0, "\u{2265} 0.1")])
        .map(|(shade, text)| (Sign::Zone(Paint::Heat(shade)), text.to_owned()))
        .collect();
    if let Some((_, text)) = entries.first_mut() {
        text.insert_str(0, "p ");
    }
    if let PairKind::PValue { alpha } = kind
        && !printed
    {
        entries.push((Sign::Dot, format!("below {alpha}")));
    }
    Key::new(entries)
}

fn table(data: &PairMap) -> Vec<u8> {
    let header = match data.kind {
        PairKind::PValue { .. } => "p",
        PairKind::Improvement => "probability that the row is better",
        PairKind::MaskDistance => "mask distance relative to chance",
    };
    let mut table = CsvTable::new(&["row", "column", header]);
    for (row, first) in data.labels.iter().enumerate() {
        for (column, second) in data.labels.iter().enumerate() {
            let value = data.values.get(row).and_then(|values| values.get(column)).copied();
            let text = value.flatten().map_or_else(String::new, cell);
            if row != column {
                table.row([first.clone(), second.clone(), text]);
            }
        }
    }
    table.finish()
}

fn describe(
    data: &PairMap,
    value: &impl Fn(usize, usize) -> Option<f64>,
    compared: usize,
    missing: usize,
) -> String {
    /// More pairs than these are for the CSV.
    const RECITED: usize = 20;
    let count = data.labels.len();
    let name = |(row, column): (usize, usize)| {
        let number = value(row, column).map_or_else(String::new, |v| short(data.kind, v));
        format!("{} and {} {number}", data.labels[row], data.labels[column])
    };
    let all: Vec<(usize, usize)> =
        (0..count).flat_map(|row| (0..count).map(move |column| (row, column))).collect();
    let known = all.into_iter().filter(|(row, column)| row != column);
    let (what, found): (String, Vec<(usize, usize)>) = match data.kind {
        PairKind::PValue { alpha } => (
            format!("p-values of {}, row and column", crate::count(count, "method")),
            // The map is symmetric: each pair is said once.
            known
                .filter(|(i, j)| value(*i, *j).is_some_and(|v| v < alpha))
                .filter(|(i, j)| i < j || value(*j, *i).is_none())
                .collect(),
        ),
        PairKind::Improvement => (
            format!("Probability that the row is better, {}", crate::count(count, "method")),
            known.filter(|(i, j)| value(*i, *j).is_some_and(|v| v >= 0.95)).collect(),
        ),
        PairKind::MaskDistance => {
            let close = |(i, j): &(usize, usize)| i < j && value(*i, *j).is_some_and(|v| v < 0.9);
            let mut close: Vec<(usize, usize)> = known.filter(close).collect();
            let at = |pair: &(usize, usize)| value(pair.0, pair.1).unwrap_or(f64::NAN);
            close.sort_by(|a, b| at(a).total_cmp(&at(b)));
            let methods = crate::count(count, "method");
            (format!("Mask distance relative to chance of {methods}"), close)
        }
    };
    let limit = match data.kind {
        PairKind::PValue { alpha } => format!("Below {alpha}"),
        PairKind::Improvement => "At least 0.95".to_owned(),
        PairKind::MaskDistance => "Nearer than 0.9".to_owned(),
    };
    let mut names: Vec<String> = found.iter().take(RECITED).map(|pair| name(*pair)).collect();
    if found.len() > RECITED {
        names.push(format!("{} more", found.len() - RECITED));
    }
    let names = if names.is_empty() { "none".to_owned() } else { names.join("; ") };
    let crossed = match missing {
        0 => String::new(),
        _ => format!(" Cells without a value are crossed out: {missing}."),
    };
    format!("{what}, {}. {limit}: {names}.{crossed}", crate::count(compared, "cell"))
}
