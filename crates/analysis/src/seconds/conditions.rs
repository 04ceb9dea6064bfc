//! Under what conditions a time was measured, and whether two times may be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use dst_record::record::TrialRecord;
use dst_record::utc;

use crate::format::count;

/// Times are compared if the mean numbers of trials beside them differ by no more than this: the last
/// trial of a grid, which has nobody beside it for a while, is still like the others.
pub const SIMILAR_LOAD: f64 = 0.5;

/// How many other trials of the report trained beside each one on its machine, the mean over its
/// training, by id. Trials of other reports, and other programs, are not known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loads<'t>(BTreeMap<&'t str, f64>);

/// A training from its start to its last step, in seconds since 1970.
struct Span<'t> {
    id: &'t str,
    start: f64,
    end: f64,
}

impl<'t> Loads<'t> {
    /// From the starts and lengths of all trials of a report. A trial that was resumed has gaps that
    /// nobody recorded: its load is unknown, and it is not counted beside others.
    pub(crate) fn new(trials: &'t [TrialRecord]) -> Self {
        let mut machines: BTreeMap<&str, Vec<Span<'t>>> = BTreeMap::new();
        for trial in trials {
            if let Some(span) = span(trial) {
                machines.entry(&trial.provenance.host).or_default().push(span);
            }
        }
        Self(machines.values().flat_map(|spans| loads(spans)).collect())
    }
}

fn span(trial: &TrialRecord) -> Option<Span<'_>> {
    let provenance = &trial.provenance;
    if provenance.attempt != 1 {
        return None;
    }
    let start = utc::seconds(&provenance.started)? as f64;
    let last = || trial.history.last().map(|epoch| epoch.train_seconds);
    let seconds = trial.outcome.as_ref().map(|outcome| outcome.train_seconds).or_else(last)?;
    (seconds.is_finite() && seconds > 0.0).then(|| Span {
        id: &trial.id,
        start,
        end: start + seconds,
    })
}

/// The mean number of others beside each of these.
fn loads<'t>(spans: &[Span<'t>]) -> Vec<(&'t str, f64)> {
    let mut events: Vec<(f64, f64)> =
        spans.iter().flat_map(|span| [(span.start, 1.0), (span.end, -1.0)]).collect();
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Trial-seconds until each event: their difference between two events is what ran in between.
    let (mut running, mut until, mut sum) = (0.0, 0.0, 0.0);
    let mut sums: Vec<(f64, f64)> = Vec::with_capacity(events.len());
    for (time, change) in events {
        if let Some((before, _)) = sums.last() {
            sum += running * (time - before);
        }
        running += change;
        until = sum;
        sums.push((time, until));
    }
    let at = |time: f64| {
        let place = sums.partition_point(|(event, _)| *event < time);
        sums.get(place).map_or(until, |(_, sum)| *sum)
    };
    let mean = |span: &Span<'t>| {
        let seconds = span.end - span.start;
        ((at(span.end) - at(span.start) - seconds) / seconds).max(0.0)
    };
    spans.iter().map(|span| (span.id, mean(span))).collect()
}

/// Where a trial ran and what ran beside it. What is not recorded is empty or none.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions<'t> {
    /// Name of the machine.
    pub host: &'t str,
    /// Its processor.
    pub cpu: &'t str,
    /// Where tensors were.
    pub device: &'t str,
    /// Threads of one operation; 0 if it is not known.
    pub threads: u32,
    /// Was it resumed? Then its seconds are of several attempts, of which only the last is recorded.
    pub is_resumed: bool,
    /// Other trials of the report that trained at the same time on the machine, the mean over this one's
    /// training.
    pub load: Option<f64>,
}

impl<'t> Conditions<'t> {
    pub(crate) fn of(trial: &'t TrialRecord, loads: &Loads<'_>) -> Self {
        let provenance = &trial.provenance;
        Self {
            host: &provenance.host,
            cpu: &provenance.cpu,
            device: &provenance.device,
            threads: provenance.threads,
            is_resumed: provenance.attempt > 1,
            load: loads.0.get(trial.id.as_str()).copied(),
        }
    }

    /// Why times under these and those conditions are not compared, such as `on different machines`.
    /// What one of them does not tell is believed to be alike.
    pub fn unlike(&self, other: &Self) -> Option<&'static str> {
        let differ = |a: &str, b: &str| !a.is_empty() && !b.is_empty() && a != b;
        if differ(self.host, other.host) {
            return Some("on different machines");
        }
        if differ(self.cpu, other.cpu) {
            return Some("on different processors");
        }
        if differ(self.device, other.device) {
            return Some("on different devices");
        }
        if self.threads != other.threads && self.threads.min(other.threads) > 0 {
            return Some("with different numbers of threads");
        }
        if self.is_resumed || other.is_resumed {
            return Some("in several attempts");
        }
        let loads = self.load.zip(other.load);
        loads
            .filter(|(own, other)| (own - other).abs() > SIMILAR_LOAD)
            .map(|_| "with different numbers of other trials beside them")
    }
}

/// Where times were measured that are compared, all of them together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    hosts: BTreeSet<String>,
    cpus: BTreeSet<String>,
    devices: BTreeSet<String>,
    threads: BTreeSet<u32>,
    /// The least and the most trials beside one.
    loads: Option<[f64; 2]>,
    /// Times whose loads are not known.
    unknown_loads: usize,
}

impl Measured {
    /// Adds conditions under which a time was measured.
    pub(crate) fn add(&mut self, conditions: &Conditions<'_>) {
        let told = |set: &mut BTreeSet<String>, value: &str| {
            if !value.is_empty() {
                set.insert(value.to_owned());
            }
        };
        told(&mut self.hosts, conditions.host);
        told(&mut self.cpus, conditions.cpu);
        told(&mut self.devices, conditions.device);
        self.threads.insert(conditions.threads);
        match conditions.load {
            Some(load) => self.widen([load; 2]),
            None => self.unknown_loads += 1,
        }
    }

    /// Adds all of another one.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.hosts.extend(other.hosts.iter().cloned());
        self.cpus.extend(other.cpus.iter().cloned());
        self.devices.extend(other.devices.iter().cloned());
        self.threads.extend(&other.threads);
        if let Some(loads) = other.loads {
            self.widen(loads);
        }
        self.unknown_loads += other.unknown_loads;
    }

    fn widen(&mut self, [least, most]: [f64; 2]) {
        let [low, high] = self.loads.unwrap_or([least, most]);
        self.loads = Some([low.min(least), high.max(most)]);
    }

    /// Was nothing measured?
    pub fn is_empty(&self) -> bool {
        self.threads.is_empty()
    }

    /// How many trials of the report were beside each, in words.
    fn company(&self) -> String {
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        let Some([least, most]) = self.loads.map(|loads| loads.map(tenth)) else {
            return "and what ran beside them is not known".to_owned();
        };
        let mut text = match (least, most) {
            (_, 0.0) => "with no other trial of this report beside them".to_owned(),
            (1.0, 1.0) => "with 1 other trial of this report beside each".to_owned(),
            (least, most) if least == most => {
                format!("with {most} other trials of this report beside each on average")
            }
            (least, most) => {
                format!("with {least} to {most} other trials of this report beside each on average")
            }
        };
        if self.unknown_loads > 0 {
            text.push_str(&format!(" (not known of {})", count(self.unknown_loads, "time")));
        }
        text
    }
}

/// Such as `on AMD EPYC (machine desk), cpu, 1 thread, with 0.9 to 1 other trials of this report beside each
/// on average`; nothing if nothing was measured.
impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return Ok(());
        }
        let listed = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        let (cpu, host) = (listed(&self.cpus), listed(&self.hosts));
        match (cpu.is_empty(), host.is_empty()) {
            (false, false) => write!(f, "on {cpu} (machine {host})")?,
            (false, true) => write!(f, "on {cpu}")?,
            (true, false) => write!(f, "on machine {host}, whose processor was not recorded")?,
            (true, true) => f.write_str("on a machine that was not recorded")?,
        }
        let threads = self.threads.iter().filter(|threads| **threads > 0);
        let threads = threads.map(|threads| count(*threads as usize, "thread"));
        for part in self.devices.iter().cloned().chain(threads) {
            write!(f, ", {part}")?;
        }
        write!(f, ", {}", self.company())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{baseline, finished, spec};

    /// A trial that begins so many seconds after noon and trains for so many.
    fn trial(seed: u64, begins: u64, seconds: f64) -> TrialRecord {
        let mut trial = finished(spec(baseline(), 0.0, seed), 0.9);
        trial.provenance.host = "desk".to_owned();
        trial.provenance.attempt = 1;
        trial.provenance.started = format!("2026-01-31T12:{:02}:{:02}Z", begins / 60, begins % 60);
        trial.outcome.as_mut().unwrap().train_seconds = seconds;
        trial
    }

    #[test]
    fn loads_are_means_over_the_training() {
        // The second runs beside all of the first one's last half, the third alone.
        let mut trials = vec![trial(0, 0, 100.0), trial(1, 50, 50.0), trial(2, 200, 10.0)];
        let of = |trials: &[TrialRecord]| -> Vec<Option<f64>> {
            let loads = Loads::new(trials);
            trials.iter().map(|trial| Conditions::of(trial, &loads).load).collect()
        };
        assert_eq!(of(&trials), [Some(0.5), Some(1.0), Some(0.0)]);
        trials[1].provenance.host = "other".to_owned();
        assert_eq!(of(&trials)[0], Some(0.0), "another machine is not beside it");
        trials[0].provenance.attempt = 2;
        assert_eq!(of(&trials)[0], None, "a gap that nobody recorded");
    }

    #[test]
    fn trials_that_begin_together_are_beside_each_other() {
        let trials = [trial(0, 0, 10.0), trial(1, 0, 10.0), trial(2, 0, 20.0)];
        let loads = Loads::new(&trials);
        let all: Vec<f64> =
            trials.iter().filter_map(|trial| Conditions::of(trial, &loads).load).collect();
        assert_eq!(all, [2.0, 2.0, 1.0]);
    }

    #[test]
    fn what_differs_is_named_and_what_is_unknown_is_alike() {
        let own = Conditions {
            host: "a",
            cpu: "x",
            device: "cpu",
            threads: 1,
            is_resumed: false,
            load: Some(1.0),
        };
        let with = |change: fn(&mut Conditions<'_>)| {
            let mut other = own.clone();
            change(&mut other);
            own.unlike(&other)
        };
        assert_eq!(with(|other| other.host = "b"), Some("on different machines"));
        assert_eq!(with(|other| other.cpu = "y"), Some("on different processors"));
        assert_eq!(with(|other| other.device = "cuda:0"), Some("on different devices"));
        assert_eq!(with(|other| other.threads = 2), Some("with different numbers of threads"));
        assert_eq!(with(|other| other.is_resumed = true), Some("in several attempts"));
        assert_eq!(
            with(|other| other.load = Some(0.25)),
            Some("with different numbers of other trials beside them")
        );
        assert_eq!(with(|other| other.load = Some(0.75)), None);
        assert_eq!(with(|other| (other.host, other.threads, other.load) = ("", 0, None)), None);
    }

    #[test]
    fn conditions_are_told_in_words() {
        let words = |all: &[&Conditions<'_>]| {
            let mut measured = Measured::default();
            all.iter().for_each(|one| measured.add(one));
            measured.to_string()
        };
        assert_eq!(words(&[]), "");
        let one = Conditions {
            host: "desk",
            cpu: "",
            device: "cpu",
            threads: 1,
            is_resumed: false,
            load: Some(0.94),
        };
        let two = Conditions { load: Some(1.0), ..one.clone() };
        assert_eq!(
            words(&[&one, &two]),
            "on machine desk, whose processor was not recorded, cpu, 1 thread, with 0.9 to 1 other \
             trials of this report beside each on average"
        );
        let known = Conditions { cpu: "AMD EPYC", load: Some(0.0), ..one.clone() };
        assert_eq!(
            words(&[&known]),
            "on AMD EPYC (machine desk), cpu, 1 thread, with no other trial of this report beside them"
        );
        let resumed = Conditions { load: None, ..known.clone() };
        let (mut first, mut second) = (Measured::default(), Measured::default());
        first.add(&known);
        second.add(&resumed);
        first.merge(&second);
        assert!(first.to_string().ends_with("beside them (not known of 1 time)"), "{first}");
        assert!(second.to_string().ends_with("and what ran beside them is not known"), "{second}");
    }
}
