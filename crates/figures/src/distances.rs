//! How far apart the masks of networks are, layer by layer.

use crate::{
    Figure, Heading,
    csv::{CsvTable, cell},
    frame::{Key, Sign, widest},
    grid::{Cell, Grid, MATRIX, ramp},
    sheet::{Format, Sheet, figure, sentence},
    style::Paint,
    text::{FONT, width, without_shared},
};

/// Distances between masks, relative to what is expected by chance: 0 is the same connections, 1 is
/// independent ones.
#[derive(Clone, Debug, PartialEq)]
pub struct DistanceMap {
    /// The methods.
    pub methods: Vec<String>,
    /// The layers, from the input to the output.
    pub layers: Vec<String>,
    /// Of whole networks, by method; `None` where there is no distance.
    pub network: Vec<Option<f64>>,
    /// `[method][layer]`.
    pub distance: Vec<Vec<Option<f64>>>,
}

/// Numbers are explained below the figure for up to so many layers.
const EXPLAINED: usize = 30;

/// The name of the column of whole networks.
const NETWORK: &str = "all";

/// A heat map of methods against layers, whole networks first, with the number in each cell where there is
/// room. Layers whose names are wider than a column are numbered.
#[must_use]
pub fn distance_map(heading: &Heading, data: &DistanceMap) -> Figure {
    let csv = table(data);
    let (rows, columns) = (data.methods.len(), data.layers.len() + 1);
    let all = || (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let missing = all().filter(|(row, column)| data.value(*row, *column).is_none()).count();
    if missing == rows * columns {
        return sentence(heading, "No masks to compare.", csv);
    }
    figure(heading, describe(data, missing), csv, |format| draw(data, format))
}

impl DistanceMap {
    /// Column 0 is the whole network.
    fn value(&self, method: usize, column: usize) -> Option<f64> {
        let value = match column.checked_sub(1) {
            None => self.network.get(method).copied().flatten(),
            Some(layer) => self.distance.get(method)?.get(layer).copied().flatten(),
        };
        value.filter(|value| value.is_finite() && *value >= 0.0)
    }
}

fn draw(data: &DistanceMap, format: Format) -> Sheet {
    let names = without_shared(&data.layers);
    let columns = names.len() + 1;
    let size = if format.is_narrow() { 10.0 } else { FONT };
    let left =
        widest(data.methods.iter().map(String::as_str)).min(format.pick(250.0, 130.0)) + 14.0;
    let least = width("1.00", size) + 3.0;
    let room = format.pick(MATRIX, format.width()) - left - 8.0;
    let printed = least * columns as f64 <= room;
    let fair = (format.width() - left - 8.0) / columns as f64;
    let across = if printed { fair.clamp(least, 72.0) } else { (room / columns as f64).min(27.0) };
    let grid =
        Grid { origin: (left, 30.0), cell: (across, 27.0), rows: data.methods.len(), columns };
    let fitting = names.iter().all(|name| width(name, FONT) <= across - 4.0);
    let heads: Vec<String> = match fitting {
        true => names.clone(),
        false => (1..columns).map(|number| number.to_string()).collect(),
    };
    let entries = names
        .iter()
        .enumerate()
        .map(|(place, name)| (Sign::None, format!("{}\u{2002}{name}", place + 1)));
    let is_explained = !fitting && names.len() <= EXPLAINED;
    let key = Key::new(if is_explained { entries.collect() } else { Vec::new() });
    let total = format.width().max(grid.right() + 8.0);
    let sheet = Sheet::new(total, grid.bottom() + 36.0 + key.height(total));
    grid.row_names(&sheet, &data.methods);
    grid.column_names(&sheet, &[vec![NETWORK.to_owned()], heads].concat());
    grid.draw(&sheet, size, |row, column| match data.value(row, column) {
        Some(value) => {
            let text = printed.then(|| (relative(value), column == 0));
            Cell::Shade { paint: Paint::heat(value), text }
        }
        None => Cell::Missing,
    });
    let ends = match format.is_narrow() {
        false => ("0, the same connections", "1, as by chance"),
        true => ("0, same", "1, by chance"),
    };
    ramp(&sheet, (4.0, grid.bottom() + 18.0), ends.0, ends.1);
    key.draw(&sheet, grid.bottom() + 34.0);
    sheet
}

/// A distance relative to chance in two decimals, as short for one that no masks have.
pub(crate) fn relative(value: f64) -> String {
    if value < 9.995 { format!("{value:.2}") } else { ">9.99".to_owned() }
}

fn table(data: &DistanceMap) -> Vec<u8> {
    let mut table = CsvTable::new(&["method", "layer", "distance_relative_to_chance"]);
    for (row, method) in data.methods.iter().enumerate() {
        for column in 0..=data.layers.len() {
            let layer = column.checked_sub(1).map_or("", |layer| &data.layers[layer]);
            let text = data.value(row, column).map_or_else(String::new, cell);
            table.row([method.clone(), layer.to_owned(), text]);
        }
    }
    table.finish()
}

fn describe(data: &DistanceMap, missing: usize) -> String {
    /// More methods than these are for the CSV.
    const RECITED: usize = 20;
    let said = |row: usize| {
        let layers = (1..=data.layers.len()).filter_map(|column| {
            data.value(row, column).map(|value| (value, &data.layers[column - 1]))
        });
        let nearest = layers.min_by(|a, b| a.0.total_cmp(&b.0));
        let network = match data.value(row, 0) {
            Some(value) => format!("{} {}", data.methods[row], relative(value)),
            None => format!("{} missing", data.methods[row]),
        };
        match nearest {
            Some((value, layer)) => {
                format!("{network}, least in {layer} with {}", relative(value))
            }
            None => network,
        }
    };
    let rows = data.methods.len();
    let mut methods: Vec<String> = (0..rows.min(RECITED)).map(said).collect();
    if rows > RECITED {
        methods.push(format!("{} more", rows - RECITED));
    }
    let crossed = match missing {
        0 => String::new(),
        _ => format!(" Cells without a value are crossed out: {missing}."),
    };
    format!(
        "Distance between masks relative to chance, {} and {}. Whole networks: {}.{crossed}",
        crate::count(rows, "method"),
        crate::count(data.layers.len(), "layer"),
        methods.join("; ")
    )
}
