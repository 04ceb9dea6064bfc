//! Progress of a grid on stderr: lines that change in place on a terminal, a line every few seconds
//! otherwise.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dst_core::record::Status;

use crate::output;
use crate::screen::Screen;
use dst_executor::Event;

pub(crate) mod eta;
mod layout;
mod names;
use eta::Eta;
use layout::{Overall, Position, Running};
pub(crate) use layout::{bar, first_that_fits};
use names::Names;

/// The time between two lines about running trials, at first; it grows to the longest, so that
/// the log of a night can still be read.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_LINE_INTERVAL: Duration = Duration::from_secs(60);

/// Running trials that a line names.
const NAMED: usize = 2;

/// The time between two frames on the screen.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);

/// Shows people how a grid gets on.
pub(crate) struct Progress {
    names: Names,
    /// The trials that run, in the order in which they began.
    running: Vec<Running>,
    eta: Eta,
    started: Instant,
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
    Screen {
        screen: Screen,
        last: Option<Instant>,
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
        let display = if quiet {
            Display::Quiet
        } else {
            match Screen::on_stderr() {
                Some(screen) => Display::Screen { screen, last: None },
                None => Display::Lines { last: Instant::now() },
            }
        };
        Self {
            names: Names::new(names),
            running: Vec::new(),
            eta: Eta::new(costs),
            started: Instant::now(),
            skipped: 0,
            ended: 0,
            failed: 0,
            display,
        }
    }

    /// Takes in what happened.
    pub(crate) fn event(&mut self, event: &Event) {
        let mut is_small = false;
        match event {
            Event::Skipped { id, .. } => {
                is_small = true;
                self.skipped += 1;
                self.eta.end(id);
            }
            Event::Started { id } => {
                self.running.push(Running { id: id.clone(), at: None });
                self.eta.start(id);
            }
            Event::Progress { id, epoch, epochs, fraction, train_loss, accuracy } => {
                is_small = true;
                self.eta.reach(id, *fraction);
                if let Some(running) = self.running.iter_mut().find(|running| running.id == *id) {
                    running.at = Some(Position {
                        epoch: *epoch,
                        epochs: *epochs,
                        fraction: *fraction,
                        train_loss: *train_loss,
                        accuracy: *accuracy,
                    });
                }
            }
            Event::Ended { id, status, reason, seconds } => {
                if *status == Status::Finished {
                    self.eta.finish(id);
                }
                self.over(id);
                self.ended += 1;
                let name = self.names.whole(id);
                if *status == Status::Finished {
                    let (done, total) = (self.skipped + self.ended, self.names.count());
                    let line = format!("{done} of {total}: {name} in {}", span(*seconds));
                    if let Display::Lines { .. } = self.display {
                        output::note(&line);
                    }
                } else {
                    let line = format!("{status}: {name}: {reason}");
                    self.failed += 1;
                    self.say(&line);
                }
            }
            // Nothing of it is seen here from now on.
            Event::Queued { .. } => is_small = true,
            Event::Held { id, holder } => {
                self.over(id);
                if !matches!(self.display, Display::Quiet) {
                    let line = format!("{} is trained by {holder}", self.names.whole(id));
                    self.say(&line);
                }
            }
            Event::Postponed { id, workers } => {
                self.running.retain(|running| running.id != *id);
                self.eta.postpone(id);
                let from_now_on = match workers {
                    1 => "one trial runs at a time".to_owned(),
                    several => format!("{several} trials run at once"),
                };
                let name = self.names.whole(id);
                let line = format!(
                    "killed, perhaps because memory ran out: {name}; it goes on later, and from \
                     now on {from_now_on}"
                );
                self.say(&line);
            }
            Event::Retried { id, status, reason, remaining } => {
                self.over(id);
                let left = match remaining {
                    0 => "a last time".to_owned(),
                    more => format!("and up to {more} times more"),
                };
                let name = self.names.whole(id);
                self.say(&format!("{status}: {name}: {reason}; tried again, {left}"));
            }
            Event::GivenUp { failed } => {
                let failures = dst_analysis::format::count(*failed, "failure");
                self.say(&format!("given up after {failures}: what runs saves its state"));
            }
            Event::Saving { trials } => self.say(&saving(*trials)),
            Event::Stopping { trials } => {
                self.say(&format!("stopping: {}; Ctrl-C again to kill", saving(*trials)));
            }
            Event::Unfinished { id, reason } => {
                self.over(id);
                let line = format!("no result: {}: {reason}", self.names.whole(id));
                self.say(&line);
            }
        }
        self.show(is_small);
    }

    /// Removes what changes in place.
    pub(crate) fn finish(&mut self) {
        if let Display::Screen { screen, .. } = &mut self.display {
            screen.clear();
        }
    }

    /// A trial no longer runs.
    fn over(&mut self, id: &str) {
        self.running.retain(|running| running.id != id);
        self.eta.end(id);
    }

    /// A line that stays.
    fn say(&mut self, line: &str) {
        if let Display::Screen { screen, .. } = &mut self.display {
            screen.clear();
        }
        output::note(line);
    }

    /// Shows where the grid is; what is small may wait for the next event.
    fn show(&mut self, is_small: bool) {
        let overall = self.overall();
        match &mut self.display {
            Display::Quiet => {}
            Display::Lines { last } => {
                let pause =
                    (self.started.elapsed() / 60).clamp(LINE_INTERVAL, LONGEST_LINE_INTERVAL);
                if last.elapsed() >= pause {
                    *last = Instant::now();
                    let running = self.running.iter().map(|running| match running.at {
                        Some(at) => format!("{}  {}", self.names.whole(&running.id), at),
                        None => self.names.whole(&running.id).to_owned(),
                    });
                    output::note(&with_trials(overall.words(), &running.collect::<Vec<_>>()));
                }
            }
            Display::Screen { last, .. }
                if is_small && last.is_some_and(|at| at.elapsed() < FRAME_INTERVAL) => {}
            Display::Screen { screen, last } => {
                *last = Some(Instant::now());
                let room = screen.room();
                let mut lines = vec![overall.fitted(room.columns)];
                // The line of the grid, and one for those that have none.
                let most = room.rows.saturating_sub(2).max(1);
                let shown: Vec<&Running> = self.running.iter().take(most).collect();
                lines.extend(layout::trials(&shown, &self.names, room.columns));
                if self.running.len() > shown.len() {
                    lines.push(format!("  and {} more", self.running.len() - shown.len()));
                }
                screen.draw(&lines);
            }
        }
    }

    /// Trials done, with parts of those that run.
    fn done(&self) -> f64 {
        (self.skipped + self.ended) as f64 + self.eta.running()
    }

    fn overall(&self) -> Overall {
        let total = self.names.count();
        Overall {
            done: self.skipped + self.ended,
            total,
            failed: self.failed,
            running: self.running.len(),
            fraction: if total == 0 { 1.0 } else { self.done() / total as f64 },
            left: self.eta.left(self.started.elapsed().as_secs_f64()).map(span),
        }
    }
}

/// A line about a grid with the first of its running trials.
fn with_trials(mut line: String, running: &[String]) -> String {
    let named = &running[..running.len().min(NAMED)];
    if !named.is_empty() {
        line.push_str(": ");
        line.push_str(&named.join("; "));
    }
    if running.len() > named.len() {
        line.push_str(&format!("; and {} more", running.len() - named.len()));
    }
    line
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

fn saving(trials: usize) -> String {
    match trials {
        1 => "1 trial saves its state".to_owned(),
        several => format!("{several} trials save their state"),
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
        assert_eq!(progress.overall().words(), "1 of 3 trials, 1 running");
        progress.event(&at(0.5));
        assert_eq!(progress.done(), 1.5);
        assert!(progress.overall().words().starts_with("1 of 3 trials, 1 running, about "));
        progress.event(&Event::Ended {
            id: id("b"),
            status: Status::Diverged,
            reason: "the loss is not a number".to_owned(),
            seconds: 1.0,
        });
        assert!(progress.overall().words().starts_with("2 of 3 trials, 1 failed, 0 running"));
        assert_eq!(progress.done(), 2.0);
    }

    #[test]
    fn a_line_names_the_first_running_trials() {
        let line = |trials: &[&str]| {
            let running: Vec<String> = trials.iter().map(|name| format!("trial {name}")).collect();
            with_trials("0 of 9 trials".to_owned(), &running)
        };
        assert_eq!(line(&[]), "0 of 9 trials");
        assert_eq!(line(&["a"]), "0 of 9 trials: trial a");
        assert_eq!(line(&["a", "b", "c"]), "0 of 9 trials: trial a; trial b; and 1 more");
    }
}
