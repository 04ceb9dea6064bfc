//! Which classes are taken for which.

use crate::{
    Figure, Heading,
    csv::CsvTable,
    frame::widest,
    grid::{Cell, Grid, MATRIX, numbered, ramp},
    sheet::{Format, Label, Sheet, figure, sentence},
    style::Paint,
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

/// A row a true class, shaded by its share of the row. Up to 20 classes have their counts printed,
/// where these have room, and the recall beside the row.
#[must_use]
pub fn confusion_matrix(heading: &Heading, data: &ConfusionMatrix) -> Figure {
    let csv = table(data);
    let classes = data.classes.len();
    if (0..classes).all(|truth| data.total(truth) == 0.0) {
        return sentence(heading, "No classified examples.", csv);
    }
    figure(heading, describe(data), csv, |format| draw(data, format))
}

impl ConfusionMatrix {
    fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts.get(truth).and_then(|row| row.get(predicted)).copied().unwrap_or(0)
    }

    /// The examples of a class, as a float: counts from outside may be too large to add as integers.
    fn total(&self, truth: usize) -> f64 {
        (0..self.classes.len()).map(|other| self.count(truth, other) as f64).sum()
    }

    fn recall(&self, truth: usize) -> Option<f64> {
        Some(self.count(truth, truth) as f64 / self.total(truth)).filter(|r| r.is_finite())
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let classes = self.classes.len();
        (0..classes).flat_map(move |truth| (0..classes).map(move |other| (truth, other)))
    }
}

fn draw(data: &ConfusionMatrix, format: Format) -> Sheet {
    let classes = data.classes.len();
    let size = match classes {
        _ if format.is_narrow() => 10.0,
        0..=10 => FONT,
        _ => 11.0,
    };
    let right = if classes <= PRINTED { width("100.0 %", FONT) + 10.0 } else { 10.0 };
    let room = widest(data.classes.iter().map(String::as_str)) + width("000", FONT);
    let most = format.pick(170.0, 100.0);
    let left = room.clamp(width("true class", FONT).min(most), most) + 14.0;
    let digits = data.pairs().map(|(t, o)| width(&data.count(t, o).to_string(), size));
    let least = digits.fold(0.0, f64::max) + 5.0;
    // The counts, where the widest layout has room for them all.
    let limit = format.pick(MATRIX, format.width());
    let recalled = classes <= PRINTED;
    let printed = recalled && left + right + least * classes as f64 <= limit;
    let fair = (format.width() - left - right) / classes as f64;
    let across = if printed { fair.clamp(least, least.max(64.0)) } else { fair.clamp(1.0, 40.0) };
    let down = match (printed, recalled) {
        (true, _) => 27.0,
        (false, true) => across.max(16.0),
        (false, false) => across.clamp(3.0, 18.0),
    };
    let (rows, columns) = if recalled {
        numbered(&data.classes, across)
    } else {
        (data.classes.clone(), data.classes.clone())
    };
    let grid = Grid { origin: (left, 52.0), cell: (across, down), rows: classes, columns: classes };
    let sheet = Sheet::new(format.width().max(grid.right() + right), grid.bottom() + 34.0);
    sheet.text((4.0, 41.0), "true class", Label::left());
    let middle = f64::midpoint(grid.origin.0, grid.right());
    sheet.text((middle, 14.0), "predicted class", Label::centre());
    grid.row_names(&sheet, &rows);
    grid.column_names(&sheet, &columns);
    grid.draw(&sheet, size, |truth, other| {
        let share = data.count(truth, other) as f64 / data.total(truth).max(1.0);
        // The lightest shade is for nothing at all, so that rare mistakes are seen.
        let paint = match (Paint::heat(share), data.count(truth, other)) {
            (Paint::Heat(0), 1..) => Paint::Heat(1),
            (paint, _) => paint,
        };
        let text = Some(data.count(truth, other)).filter(|count| printed && *count > 0);
        Cell::Shade { paint, text: text.map(|count| (count.to_string(), truth == other)) }
    });
    if recalled {
        sheet.text((sheet.width.min(grid.right() + right), 41.0), "recall", Label::right().muted());
        for truth in 0..classes {
            let recall = data.recall(truth);
            let text = recall.map_or("none".to_owned(), |r| format!("{:.1} %", r * 100.0));
            let at = (grid.right() + 6.0, grid.down(truth));
            sheet.text(at, &text, Label::left().muted());
        }
    }
    let low = format.pick("share of the true class: 0 %", "share of class: 0 %");
    ramp(&sheet, (4.0, grid.bottom() + 18.0), low, "100 %");
    sheet
}

fn describe(data: &ConfusionMatrix) -> String {
    let classes = data.classes.len();
    let correct: f64 = (0..classes).map(|class| data.count(class, class) as f64).sum();
    let examples: f64 = (0..classes).map(|truth| data.total(truth)).sum();
    let wrong = |(truth, other): &(usize, usize)| truth != other && data.count(*truth, *other) > 0;
    let mut mistakes: Vec<(usize, usize)> = data.pairs().filter(wrong).collect();
    mistakes.sort_by_key(|(truth, other)| std::cmp::Reverse(data.count(*truth, *other)));
    let worst: Vec<String> = mistakes
        .iter()
        .take(3)
        .map(|(truth, other)| {
            let (truth_name, other_name) = (&data.classes[*truth], &data.classes[*other]);
            let times = match data.count(*truth, *other) {
                1 => "once".to_owned(),
                count => format!("{count} times"),
            };
            format!("{truth_name} taken for {other_name} ({times})")
        })
        .collect();
    let worst = if worst.is_empty() { "none".to_owned() } else { worst.join("; ") };
    format!(
        "Confusion matrix of {}: {} of {} examples right, {}. Most frequent mistakes: {worst}.",
        crate::count(classes, "class"),
        correct,
        examples,
        Notation::Percent.text(correct / examples),
    )
}

fn table(data: &ConfusionMatrix) -> Vec<u8> {
    let mut table = CsvTable::new(&["true class", "predicted class", "count"]);
    for (truth, name) in data.classes.iter().enumerate() {
        for (predicted, other) in data.classes.iter().enumerate() {
            let count = data.counts.get(truth).and_then(|row| row.get(predicted)).unwrap_or(&0);
            table.row([name.clone(), other.clone(), count.to_string()]);
        }
    }
    table.finish()
}
