//! Where the connections lie, over time.

use crate::{
    Figure, Heading,
    csv::{CsvTable, cell},
    frame::widest,
    grid::{Cell, Grid, ramp},
    sheet::{Format, Label, Sheet, figure, sentence},
    style::{Paint, Pen},
    text::{FONT, Notation, digits, width, without_shared},
};

/// The density of each layer after each epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct DensityMap {
    /// The layers, from the input to the output.
    pub layers: Vec<String>,
    /// The epochs, ascending; 0 is before training.
    pub epochs: Vec<f64>,
    /// Densities in [0, 1], `[layer][epoch]`; not finite where missing.
    pub density: Vec<Vec<f64>>,
}

/// More columns than these would be finer than a screen; epochs are then left out evenly.
const COLUMNS: usize = 120;

/// Up to so many layers each have their name in the figure.
const NAMED: usize = 48;

/// Densities that span more than this ratio are shaded by their logarithm.
const WIDE: f64 = 20.0;

/// A heat map of layers against epochs, with the last density of each layer at the right. Shades go
/// from the smallest density to the largest; over a wide range they follow the logarithm.
#[must_use]
pub fn density_map(heading: &Heading, data: &DensityMap) -> Figure {
    let csv = table(data);
    let value = |layer: usize, epoch: usize| {
        let value = data.density.get(layer).and_then(|row| row.get(epoch)).copied();
        value.filter(|value| (0.0..=1.0).contains(value))
    };
    let (layers, epochs) = (data.layers.len(), data.epochs.len());
    let all = || (0..layers).flat_map(|layer| (0..epochs).map(move |epoch| (layer, epoch)));
    let Some(shades) = Shades::of(all().filter_map(|(layer, epoch)| value(layer, epoch))) else {
        return sentence(heading, "No densities of layers.", csv);
    };
    let missing = all().filter(|(layer, epoch)| value(*layer, *epoch).is_none()).count();
    let text = describe(data, &value, missing);
    figure(heading, text, csv, |format| draw(data, &value, &shades, format))
}

/// From densities to shades.
struct Shades {
    low: f64,
    high: f64,
    /// The smallest density above 0. Layers of density 0 are dead; they take the lightest shade.
    positive: f64,
    log: bool,
}

impl Shades {
    fn of(known: impl Iterator<Item = f64>) -> Option<Self> {
        let known: Vec<f64> = known.collect();
        let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
        let low = least(&mut known.iter().copied());
        let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let positive = least(&mut known.iter().copied().filter(|value| *value > 0.0));
        (low <= high).then_some(Self { low, high, positive, log: high / positive > WIDE })
    }

    fn share(&self, value: f64) -> f64 {
        match (self.log, self.high > self.low) {
            (true, _) if value > 0.0 => {
                (value / self.positive).ln() / (self.high / self.positive).ln()
            }
            (true, _) => 0.0,
            (false, true) => (value - self.low) / (self.high - self.low),
            (false, false) => 0.5,
        }
    }
}

fn draw(
    data: &DensityMap,
    value: &impl Fn(usize, usize) -> Option<f64>,
    shades: &Shades,
    format: Format,
) -> Sheet {
    let (layers, epochs) = (data.layers.len(), data.epochs.len());
    let shown: Vec<usize> = (0..epochs.min(COLUMNS))
        .map(|column| column * (epochs - 1) / epochs.min(COLUMNS).saturating_sub(1).max(1))
        .collect();
    let names = without_shared(&data.layers);
    let left = widest(names.iter().map(String::as_str)).min(format.pick(200.0, 110.0)) + 14.0;
    let least = if layers <= NAMED { 15.0 } else { 6.0 };
    let height = (300.0 / layers as f64).clamp(least, 28.0);
    let right = width("100 %", FONT) + 14.0;
    let across = (format.width() - left - right) / shown.len() as f64;
    let grid =
        Grid { origin: (left, 30.0), cell: (across, height), rows: layers, columns: shown.len() };
    let sheet = Sheet::new(format.width(), grid.bottom() + 76.0);
    grid.row_names(&sheet, &names);
    grid.draw(&sheet, FONT, |layer, column| match value(layer, shown[column]) {
        Some(value) => Cell::Shade { paint: Paint::heat(shades.share(value)), text: None },
        None => Cell::Missing,
    });
    let percent = |value: f64| format!("{} %", digits(value * 100.0, 2));
    let every = (15.0 / height).ceil().max(1.0) as usize;
    for layer in (0..layers).step_by(every) {
        if let Some(last) = value(layer, epochs - 1) {
            let at = (grid.right() + 6.0, grid.down(layer));
            sheet.text(at, &percent(last), Label::left().muted());
        }
    }
    sheet.text((format.width() - 4.0, 15.0), "density at the end", Label::right().muted());
    draw_epochs(&sheet, &grid, data, &shown);
    let scale = match (shades.log, format.is_narrow()) {
        (true, false) => "density, log scale: ",
        (true, true) => "log scale: ",
        (false, _) => "density: ",
    };
    let least = if shades.log { shades.positive } else { shades.low };
    ramp(
        &sheet,
        (4.0, grid.bottom() + 60.0),
        &format!("{scale}{}", percent(least)),
        &percent(shades.high),
    );
    sheet
}

fn draw_epochs(sheet: &Sheet, grid: &Grid, data: &DensityMap, shown: &[usize]) {
    let label = |column: usize| Notation::Plain.text(data.epochs[shown[column]]);
    let wide = (0..shown.len()).map(|column| width(&label(column), FONT)).fold(0.0, f64::max);
    let most = ((grid.right() - grid.origin.0) / (wide + 16.0)).floor().clamp(1.0, 8.0) as usize;
    let every = shown.len().div_ceil(most).max(1);
    for column in (0..shown.len()).step_by(every) {
        let (x, y) = (grid.across(column), grid.bottom());
        sheet.line(&[(x, y + 1.0), (x, y + 5.0)], Pen::new(Paint::Muted), 1.0);
        sheet.text((x, y + 14.0), &label(column), Label::centre().muted());
    }
    let middle = f64::midpoint(grid.origin.0, grid.right());
    sheet.text((middle, grid.bottom() + 33.0), "epoch", Label::centre());
}

fn table(data: &DensityMap) -> Vec<u8> {
    let mut table = CsvTable::new(&["layer", "epoch", "density"]);
    for (layer, name) in data.layers.iter().enumerate() {
        for (column, epoch) in data.epochs.iter().enumerate() {
            let density = data.density.get(layer).and_then(|row| row.get(column)).copied();
            table.row([name.clone(), cell(*epoch), density.map_or_else(String::new, cell)]);
        }
    }
    table.finish()
}

fn describe(
    data: &DensityMap,
    value: &impl Fn(usize, usize) -> Option<f64>,
    missing: usize,
) -> String {
    let ends = |layer: usize| {
        let mut known = (0..data.epochs.len()).filter_map(|epoch| value(layer, epoch));
        let first = known.next()?;
        Some((first, known.last().unwrap_or(first)))
    };
    let percent = |value: f64| Notation::Percent.text(value);
    let layers: Vec<String> = data
        .layers
        .iter()
        .enumerate()
        .map(|(layer, name)| match ends(layer) {
            Some((first, last)) => format!("{name} {} to {}", percent(first), percent(last)),
            None => format!("{name} missing"),
        })
        .collect();
    // Epoch 0 is the network before training, so that columns are not epochs.
    let epoch = |epoch: Option<&f64>| epoch.map_or_else(String::new, |e| Notation::Plain.text(*e));
    format!(
        "Density of {} from epoch {} to epoch {}: {}.{}",
        crate::count(data.layers.len(), "layer"),
        epoch(data.epochs.first()),
        epoch(data.epochs.last()),
        layers.join("; "),
        crate::left_out(missing)
    )
}
