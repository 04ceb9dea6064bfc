//! Which classes are taken for which.

use crate::{
    Figure, Heading,
    frame::widest,
    grid::{Cell, Grid, numbered, ramp},
    sheet::{Label, Sheet, WIDTH},
    style::Paint,
    table::Table,
    text::{FONT, Notation, width},
};

/// Counts of examples by true and predicted class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// Examples, `[true class][predicted class]`; absent entries count as 0.
    pub counts: Vec<Vec<u64>>,
}

/// Counts are printed up to so many classes.
const PRINTED: usize = 20;

/// A row a true class, shaded by its share of the row. Up to 20 classes have their counts printed
/// and the recall beside the row.
#[must_use]
pub fn confusion_matrix(heading: &Heading, data: &ConfusionMatrix) -> Figure {
    let csv = table(data);
    let classes = data.classes.len();
    let count = |truth: usize, predicted: usize| {
        data.counts.get(truth).and_then(|row| row.get(predicted)).copied().unwrap_or(0)
    };
    // As floats: counts from outside may be too large to add as integers.
    let total = |truth: usize| (0..classes).map(|other| count(truth, other) as f64).sum::<f64>();
    let recall =
        |truth: usize| Some(count(truth, truth) as f64 / total(truth)).filter(|r| r.is_finite());
    if (0..classes).all(|truth| total(truth) == 0.0) {
        return Sheet::sentence(heading, "No classified examples.", csv);
    }
    let printed = classes <= PRINTED;
    let size = if classes > 10 { 11.0 } else { FONT };
    let pairs = || (0..classes).flat_map(|truth| (0..classes).map(move |other| (truth, other)));
    let digits = pairs().map(|(truth, other)| width(&count(truth, other).to_string(), size));
    let least = if printed { digits.fold(0.0, f64::max) + 8.0 } else { 1.0 };

    let names: Vec<&str> = data.classes.iter().map(String::as_str).collect();
    let right = if printed { width("100.0 %", FONT) + 16.0 } else { 10.0 };
    let room = widest(names.iter().copied()) + width("000", FONT);
    let left = room.clamp(width("true class", FONT), 170.0) + 14.0;
    let across = ((WIDTH - left - right) / classes as f64).clamp(least, least.max(64.0));
    let down = if printed { 27.0 } else { across.clamp(3.0, 18.0) };
    let (rows, columns) = if printed {
        numbered(&data.classes, across)
    } else {
        (data.classes.clone(), data.classes.clone())
    };
    let grid = Grid { origin: (left, 52.0), cell: (across, down), rows: classes, columns: classes };
    let sheet = Sheet::new(WIDTH.max(grid.right() + right), grid.bottom() + 34.0);
    sheet.text((4.0, 41.0), "true class", Label::left());
    let middle = f64::midpoint(grid.origin.0, grid.right());
    sheet.text((middle, 14.0), "predicted class", Label::centre());
    grid.row_names(&sheet, &rows);
    grid.column_names(&sheet, &columns);
    grid.draw(&sheet, size, |truth, other| {
        let share = count(truth, other) as f64 / total(truth).max(1.0);
        // The lightest shade is for nothing at all, so that rare mistakes are seen.
        let paint = match (Paint::heat(share), count(truth, other)) {
            (Paint::Heat(0), 1..) => Paint::Heat(1),
            (paint, _) => paint,
        };
        let text = Some(count(truth, other)).filter(|count| printed && *count > 0);
        Cell::Shade { paint, text: text.map(|count| (count.to_string(), truth == other)) }
    });
    if printed {
        sheet.text((grid.right() + 6.0, 41.0), "recall", Label::left().muted());
        for truth in 0..classes {
            let text = recall(truth).map_or("none".to_owned(), |r| format!("{:.1} %", r * 100.0));
            let at = (grid.right() + 6.0, grid.down(truth));
            sheet.text(at, &text, Label::left().muted());
        }
    }
    ramp(&sheet, (4.0, grid.bottom() + 18.0), "share of the true class: 0 %", "100 %");
    let correct: f64 = (0..classes).map(|class| count(class, class) as f64).sum();
    let examples: f64 = (0..classes).map(total).sum();
    let mut mistakes: Vec<(usize, usize)> =
        pairs().filter(|(truth, other)| truth != other && count(*truth, *other) > 0).collect();
    mistakes.sort_by_key(|(truth, other)| std::cmp::Reverse(count(*truth, *other)));
    let worst: Vec<String> = mistakes
        .iter()
        .take(3)
        .map(|(truth, other)| {
            let (truth_name, other_name) = (names[*truth], names[*other]);
            format!("{truth_name} taken for {other_name} {} times", count(*truth, *other))
        })
        .collect();
    let worst = if worst.is_empty() { "none".to_owned() } else { worst.join("; ") };
    let description = format!(
        "Confusion matrix of {}: {} of {} examples right, {}. Most frequent mistakes: {worst}.",
        crate::count(classes, "class"),
        correct,
        examples,
        Notation::Percent.text(correct / examples),
    );
    sheet.finish(heading, description, csv)
}

fn table(data: &ConfusionMatrix) -> Vec<u8> {
    let mut table = Table::new(&["true class", "predicted class", "count"]);
    for (truth, name) in data.classes.iter().enumerate() {
        for (predicted, other) in data.classes.iter().enumerate() {
            let count = data.counts.get(truth).and_then(|row| row.get(predicted)).unwrap_or(&0);
            table.row([name.clone(), other.clone(), count.to_string()]);
        }
    }
    table.finish()
}
