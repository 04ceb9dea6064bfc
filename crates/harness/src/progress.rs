//! Progress of a grid on stderr: bars on a terminal, a line every few seconds otherwise.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use dst_core::record::Status;

use crate::executor::Event;
use crate::output;

mod pace;
use pace::Pace;

/// The time between two lines about running trials, at first; it grows to the longest, so that
/// the log of a night can still be read.
const PAUSE: Duration = Duration::from_secs(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Running trials that a line names.
const NAMED: usize = 2;

/// Steps of the bar for one trial.
const UNITS: f64 = 1000.0;

/// Shows people how a grid gets on.
pub(crate) struct Progress {
    /// Trials in words, by id.
    names: BTreeMap<String, String>,
    /// The trials that run and how far they are, in words, by id.
    running: BTreeMap<String, String>,
    pace: Pace,
    started: Instant,
    total: usize,
    skipped: usize,
    ended: usize,
    failed: usize,
    display: Display,
}

enum Display {
    /// Only what went wrong.
    Quiet,
    Lines {
        last: Instant,
    },
    Bars {
        all: MultiProgress,
        main: ProgressBar,
        trials: BTreeMap<String, ProgressBar>,
    },
}

impl Progress {
    /// For trials with these names, of which some are to be trained at these costs, all by id. A
    /// cost is in operations, or in any unit that goes with time.
    pub(crate) fn new(
        names: BTreeMap<String, String>,
        costs: BTreeMap<String, f64>,
        quiet: bool,
    ) -> Self {
        let total = names.len();
        let display = if quiet {
            Display::Quiet
        } else if std::io::stderr().is_terminal() {
            let all = MultiProgress::new();
            let main = all.add(ProgressBar::new((total as f64 * UNITS) as u64));
            main.set_style(style("{bar:30} {percent:>3} %  {wide_msg}"));
            Display::Bars { all, main, trials: BTreeMap::new() }
        } else {
            Display::Lines { last: Instant::now() }
        };
        Self {
            names,
            running: BTreeMap::new(),
            pace: Pace::new(costs),
            started: Instant::now(),
            total,
            skipped: 0,
            ended: 0,
            failed: 0,
            display,
        }
    }

    /// Takes in what happened.
    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Skipped { id, .. } => {
                self.skipped += 1;
                self.pace.end(id);
            }
            Event::Started { id } => {
                self.running.insert(id.clone(), self.name(id).to_owned());
                self.pace.start(id);
                self.begin(id);
            }
            Event::Progress { id, epoch, epochs, fraction, train_loss, accuracy } => {
                self.pace.reach(id, *fraction);
                let accuracy = accuracy.map_or(String::new(), |accuracy| {
                    format!("  validation {:.2} %", 100.0 * accuracy)
                });
                let loss = if train_loss.is_finite() {
                    format!("  loss {train_loss:.4}")
                } else {
                    String::new()
                };
                let words = format!("{}  epoch {epoch}/{epochs}{loss}{accuracy}", self.name(id));
                if let Display::Bars { trials, .. } = &self.display
                    && let Some(bar) = trials.get(id)
                {
                    bar.set_position((fraction * UNITS) as u64);
                    bar.set_message(words.clone());
                }
                self.running.insert(id.clone(), words);
            }
            Event::Ended { id, status, reason, seconds } => {
                if *status == Status::Finished {
                    self.pace.finish(id);
                }
                self.over(id);
                self.ended += 1;
                let name = self.name(id).to_owned();
                if *status == Status::Finished {
                    let done = self.skipped + self.ended;
                    let line = format!("{done} of {}: {name} in {}", self.total, span(*seconds));
                    self.leave(id, (!matches!(self.display, Display::Bars { .. })).then_some(line));
                } else {
                    self.failed += 1;
                    self.warn(id, &format!("{status}: {name}: {reason}"));
                }
            }
            Event::Held { id, holder } => {
                self.over(id);
                let line = format!("{} is trained by {holder}", self.name(id));
                self.leave(id, Some(line));
            }
            Event::Postponed { id, workers } => {
                self.running.remove(id);
                self.pace.postpone(id);
                let from_now_on = match workers {
                    1 => "one trial runs at a time".to_owned(),
                    several => format!("{several} trials run at once"),
                };
                let name = self.name(id);
                let line = format!(
                    "killed, perhaps because memory ran out: {name}; it goes on later, and from \
                     now on {from_now_on}"
                );
                self.warn(id, &line);
            }
            Event::Unfinished { id, reason } => {
                self.over(id);
                self.warn(id, &format!("no result: {}: {reason}", self.name(id)));
            }
        }
        self.show();
    }

    /// Clears the bars.
    pub(crate) fn finish(&mut self) {
        if let Display::Bars { all, .. } = &self.display {
            let _ = all.clear();
        }
    }

    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// A trial no longer runs.
    fn over(&mut self, id: &str) {
        self.running.remove(id);
        self.pace.end(id);
    }

    fn begin(&mut self, id: &str) {
        let name = self.name(id).to_owned();
        if let Display::Bars { all, trials, .. } = &mut self.display {
            let bar = all.add(ProgressBar::new(UNITS as u64));
            bar.set_style(style("  {bar:20} {wide_msg}"));
            bar.set_message(name);
            trials.insert(id.to_owned(), bar);
        }
    }

    /// Ends the line of a trial, perhaps with something to remember.
    fn leave(&mut self, id: &str, line: Option<String>) {
        match &mut self.display {
            Display::Quiet => {}
            Display::Lines { .. } => {
                if let Some(line) = line {
                    output::note(&line);
                }
            }
            Display::Bars { all, trials, .. } => {
                if let Some(bar) = trials.remove(id) {
                    bar.finish_and_clear();
                    all.remove(&bar);
                }
                if let Some(line) = line {
                    all.suspend(|| output::note(&line));
                }
            }
        }
    }

    fn warn(&mut self, id: &str, line: &str) {
        self.leave(id, None);
        match &self.display {
            Display::Bars { all, .. } => all.suspend(|| output::note(line)),
            _ => output::note(line),
        }
    }

    fn show(&mut self) {
        let message = self.message();
        let units = self.done() * UNITS;
        match &mut self.display {
            Display::Quiet => {}
            Display::Lines { last } => {
                let pause = (self.started.elapsed() / 60).clamp(PAUSE, LONGEST_PAUSE);
                if last.elapsed() >= pause {
                    *last = Instant::now();
                    output::note(&with_trials(message, &self.running));
                }
            }
            Display::Bars { main, .. } => {
                main.set_position(units as u64);
                main.set_message(message);
            }
        }
    }

    /// Trials done, with parts of those that run.
    fn done(&self) -> f64 {
        (self.skipped + self.ended) as f64 + self.pace.running()
    }

    fn message(&self) -> String {
        let mut parts = vec![format!("{} of {} trials", self.skipped + self.ended, self.total)];
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        parts.push(format!("{} running", self.running.len()));
        if let Some(left) = self.pace.left(self.started.elapsed().as_secs_f64()) {
            parts.push(format!("about {} left", span(left)));
        }
        parts.join(", ")
    }
}

/// A line about a grid with the first of its running trials.
fn with_trials(mut line: String, running: &BTreeMap<String, String>) -> String {
    let named: Vec<&str> = running.values().take(NAMED).map(String::as_str).collect();
    if !named.is_empty() {
        line.push_str(": ");
        line.push_str(&named.join("; "));
    }
    if running.len() > named.len() {
        line.push_str(&format!("; and {} more", running.len() - named.len()));
    }
    line
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are valid")
        .progress_chars("=> ")
}

/// A length of time for people: `42 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn span(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_at_a_glance() {
        assert_eq!(span(0.4), "0 s");
        assert_eq!(span(59.6), "1 min 0 s");
        assert_eq!(span(7500.0), "2 h 5 min");
    }

    #[test]
    fn counts_follow_the_events() {
        let names = ["a", "b", "c"].map(|id| (id.to_owned(), format!("trial {id}")));
        let costs = ["b", "c"].map(|id| (id.to_owned(), 1.0)).into();
        let mut progress = Progress::new(names.into(), costs, true);
        let id = |id: &str| id.to_owned();
        progress.event(&Event::Skipped { id: id("a"), status: Status::Finished });
        progress.event(&Event::Started { id: id("b") });
        let at = |fraction| Event::Progress {
            id: id("b"),
            epoch: 1,
            epochs: 2,
            fraction,
            train_loss: f64::NAN,
            accuracy: None,
        };
        // A quarter was there.
        progress.event(&at(0.25));
        assert_eq!(progress.done(), 1.25);
        assert_eq!(progress.message(), "1 of 3 trials, 1 running");
        progress.event(&at(0.5));
        assert_eq!(progress.done(), 1.5);
        assert!(progress.message().starts_with("1 of 3 trials, 1 running, about "));
        progress.event(&Event::Ended {
            id: id("b"),
            status: Status::Diverged,
            reason: "the loss is not a number".to_owned(),
            seconds: 1.0,
        });
        assert!(progress.message().starts_with("2 of 3 trials, 1 failed, 0 running"));
        assert_eq!(progress.done(), 2.0);
    }

    #[test]
    fn a_line_names_the_first_running_trials() {
        let line = |trials: &[&str]| {
            let running = trials.iter().map(|name| ((*name).to_owned(), format!("trial {name}")));
            with_trials("0 of 9 trials".to_owned(), &running.collect())
        };
        assert_eq!(line(&[]), "0 of 9 trials");
        assert_eq!(line(&["a"]), "0 of 9 trials: trial a");
        assert_eq!(line(&["a", "b", "c"]), "0 of 9 trials: trial a; trial b; and 1 more");
    }
}
