//! What a line about a grid says when there is not room for all of it.

use super::names::Names;

/// The whole grid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Overall {
    /// Trials that ended.
    pub(super) done: usize,
    pub(super) total: usize,
    pub(super) failed: usize,
    pub(super) running: usize,
    /// Share of the trials done, with parts of those that run, in [0, 1].
    pub(super) fraction: f64,
    /// Time that is left, in words.
    pub(super) left: Option<String>,
}

/// A trial that runs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Running {
    pub(super) id: String,
    /// What it last said, if it said anything.
    pub(super) at: Option<Position>,
}

/// How far a trial is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Position {
    /// From 1.
    pub(super) epoch: u32,
    pub(super) epochs: u32,
    /// Share of the training done, in [0, 1].
    pub(super) fraction: f64,
    /// Not a number before the first batch.
    pub(super) train_loss: f64,
    /// Validation accuracy, in [0, 1].
    pub(super) accuracy: Option<f64>,
}

impl Position {
    /// All of it, the epoch and the loss, or the epoch only.
    fn words(&self, detail: Detail) -> String {
        let Self { epoch, epochs, train_loss, accuracy, .. } = self;
        let mut words = format!("epoch {epoch}/{epochs}");
        if detail != Detail::Epoch && train_loss.is_finite() {
            words.push_str(&format!("  loss {train_loss:.4}"));
        }
        if let Some(accuracy) = accuracy.filter(|_| detail == Detail::All) {
            words.push_str(&format!("  validation {:.2} %", 100.0 * accuracy));
        }
        words
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words(Detail::All))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    All,
    Loss,
    Epoch,
}

/// The least and the largest bar, in characters.
const LEAST_BAR: usize = 10;
const LARGEST_BAR: usize = 30;

/// The name of a trial is not made shorter than this to say the validation accuracy, or the loss.
const NAME_BEFORE_ACCURACY: usize = 24;
const NAME_BEFORE_LOSS: usize = 10;

/// Before the line of a trial, and between its parts.
const INDENT: &str = "  ";

impl Overall {
    /// For a log.
    pub(super) fn words(&self) -> String {
        let Self { done, total, .. } = self;
        let noun = if *total == 1 { "trial" } else { "trials" };
        let left = self.left.as_ref().map(|left| format!("about {left} left"));
        listed([
            Some(format!("{done} of {total} {noun}")),
            self.failed_words(),
            Some(format!("{} running", self.running)),
            left,
        ])
    }

    /// In a line of at most `width` characters. The time that is left is the last to go.
    pub(super) fn fitted(&self, width: usize) -> String {
        let Self { done, total, fraction, .. } = self;
        let percent = format!("{:>3} %", (100.0 * fraction).floor());
        let words = self.words();
        let whole = format!("{percent}  {words}");
        let room = width.saturating_sub(length(&whole) + 1);
        if room >= LEAST_BAR {
            return format!("{} {whole}", bar(*fraction, room.min(LARGEST_BAR)));
        }
        let left = || self.left.as_ref().map(|left| format!("{left} left"));
        let counts = || Some(format!("{done} of {total}"));
        let running = Some(format!("{} running", self.running));
        let short = [
            whole,
            format!("{percent}  {}", listed([counts(), self.failed_words(), running, left()])),
            format!("{percent}  {}", listed([counts(), self.failed_words(), left()])),
            format!("{percent}  {}", listed([counts(), left()])),
            listed([Some(percent.trim().to_owned()), left()]),
        ];
        let last = self.left.clone().unwrap_or_else(|| percent.trim().to_owned());
        first_that_fits(short.into_iter().chain([last]), width)
    }

    fn failed_words(&self) -> Option<String> {
        (self.failed > 0).then(|| format!("{} failed", self.failed))
    }
}

/// A line of at most `width` characters for each trial, those of the fewest characters that a
/// terminal has excepted; parts stand below each other.
pub(super) fn trials(trials: &[&Running], names: &Names, width: usize) -> Vec<String> {
    let room = width.saturating_sub(INDENT.len());
    let longest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let whole_names = longest(&mut trials.iter().map(|trial| length(names.whole(&trial.id))));
    let widest = |detail: Detail| {
        let words =
            |trial: &&Running| trial.at.map_or(0, |at| INDENT.len() + at.words(detail).len());
        longest(&mut trials.iter().map(words))
    };
    let enough = |detail: Detail, least: usize| {
        room.saturating_sub(widest(detail)) >= least.min(whole_names)
    };
    let detail = if enough(Detail::All, NAME_BEFORE_ACCURACY) {
        Detail::All
    } else if enough(Detail::Loss, NAME_BEFORE_LOSS) {
        Detail::Loss
    } else {
        Detail::Epoch
    };
    let for_name = room.saturating_sub(widest(detail));
    let fitted: Vec<String> =
        trials.iter().map(|trial| names.fitted(&trial.id, for_name)).collect();
    let name_width = longest(&mut fitted.iter().map(|name| length(name)));
    let for_bar = room.saturating_sub(name_width + widest(detail) + 1);
    let line = |(trial, name): (&&Running, &String)| {
        let mut line = INDENT.to_owned();
        if for_bar >= LEAST_BAR {
            let fraction = trial.at.map_or(0.0, |at| at.fraction);
            line.push_str(&bar(fraction, for_bar.min(LARGEST_BAR - LEAST_BAR)));
            line.push(' ');
        }
        line.push_str(name);
        if let Some(at) = trial.at {
            line.push_str(&" ".repeat(name_width - length(name)));
            line.push_str(INDENT);
            line.push_str(&at.words(detail));
        }
        line
    };
    trials.iter().zip(&fitted).map(line).collect()
}

/// A bar of so many characters, such as `====>     `.
pub(crate) fn bar(fraction: f64, width: usize) -> String {
    let full = (fraction.clamp(0.0, 1.0) * width as f64).floor() as usize;
    let tip = if full < width { ">" } else { "" };
    format!("{:width$}", format!("{}{tip}", "=".repeat(full)))
}

/// The first of these texts that has at most `width` characters, else the last.
pub(crate) fn first_that_fits(texts: impl IntoIterator<Item = String>, width: usize) -> String {
    let mut last = String::new();
    for text in texts {
        if length(&text) <= width {
            return text;
        }
        last = text;
    }
    last
}

fn listed<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overall() -> Overall {
        Overall {
            done: 4,
            total: 120,
            failed: 1,
            running: 2,
            fraction: 0.0417,
            left: Some("3 min 20 s".to_owned()),
        }
    }

    #[test]
    fn the_time_that_is_left_is_the_last_to_go() {
        let at = |width: usize| overall().fitted(width);
        assert_eq!(
            at(199),
            "=>                               4 %  4 of 120 trials, 1 failed, 2 running, about 3 min \
             20 s left"
        );
        assert_eq!(
            at(79),
            ">              4 %  4 of 120 trials, 1 failed, 2 running, about 3 min 20 s left"
        );
        assert_eq!(at(59), "  4 %  4 of 120, 1 failed, 2 running, 3 min 20 s left");
        assert_eq!(at(45), "  4 %  4 of 120, 1 failed, 3 min 20 s left");
        assert_eq!(at(39), "  4 %  4 of 120, 3 min 20 s left");
        assert_eq!(at(25), "4 %, 3 min 20 s left");
        assert_eq!(at(5), "3 min 20 s");
        for width in 10..250 {
            let line = at(width);
            assert!(length(&line) <= width && line.contains("3 min 20 s"), "{width}: {line}");
        }
        let unknown = Overall { done: 0, left: None, failed: 0, total: 1, ..overall() };
        assert_eq!(unknown.words(), "0 of 1 trial, 2 running");
        assert_eq!(unknown.fitted(3), "4 %");
    }

    fn names() -> Names {
        let name = |seed: u32| {
            format!("rigl drop_fraction=0.1 interval=10% at 90 %, mnist-10k, lenet5, seed {seed}")
        };
        let trials = [("a", name(3)), ("b", "dense, mnist-10k, lenet5, seed 12".to_owned())];
        Names::new(trials.map(|(id, name)| (id.to_owned(), name)).into())
    }

    fn running(id: &str, epoch: u32) -> Running {
        let at = Position {
            epoch,
            epochs: 20,
            fraction: f64::from(epoch) / 20.0,
            train_loss: 0.123_45,
            accuracy: Some(0.9712),
        };
        Running { id: id.to_owned(), at: Some(at) }
    }

    fn lines(width: usize) -> String {
        let [a, b] = [running("a", 3), running("b", 12)];
        trials(&[&a, &b], &names(), width).join("\n")
    }

    #[test]
    fn epoch_and_loss_stay_and_names_give_way() {
        assert_eq!(
            lines(109),
            "  rigl drop_fraction=0.1 interval=10% at 90 %, seed 3  epoch 3/20  loss 0.1235  \
             validation 97.12 %\n  \
               dense, seed 12                                       epoch 12/20  loss 0.1235  \
             validation 97.12 %"
        );
        assert_eq!(
            lines(79),
            "  rigl drop_fraction=0.1…, seed 3  epoch 3/20  loss 0.1235  validation 97.12 %\n  \
               dense, seed 12                   epoch 12/20  loss 0.1235  validation 97.12 %"
        );
        assert_eq!(
            lines(59),
            "  rigl drop_fraction=0.1…, seed 3  epoch 3/20  loss 0.1235\n  \
               dense, seed 12                   epoch 12/20  loss 0.1235"
        );
        assert_eq!(
            lines(39),
            "  rigl…seed 3  epoch 3/20  loss 0.1235\n  \
               den…seed 12  epoch 12/20  loss 0.1235"
        );
    }

    #[test]
    fn wide_lines_have_bars_and_all_lines_fit() {
        let wide = lines(199);
        assert!(wide.starts_with("  ===>                 rigl drop_fraction=0.1"), "{wide}");
        assert!(wide.contains("at 90 %, mnist-10k, lenet5, seed 3  epoch 3/20"), "{wide}");
        for width in 16..220 {
            for line in lines(width).lines() {
                assert!(length(line) <= width && line.contains("epoch "), "{width}: {line}");
            }
        }
        // Narrower than any terminal: the screen cuts what is left.
        assert_eq!(lines(0).lines().count(), 2);
    }

    #[test]
    fn a_trial_that_said_nothing_has_a_name_only() {
        let silent = Running { id: "b".to_owned(), at: None };
        assert_eq!(trials(&[&silent], &names(), 20), ["  dense, seed 12"]);
    }

    #[test]
    fn bars_grow() {
        let bars = [0.0, 0.5, 1.0].map(|fraction| bar(fraction, 4));
        assert_eq!(bars, [">   ", "==> ", "===="]);
    }
}
