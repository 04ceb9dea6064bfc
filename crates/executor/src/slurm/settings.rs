//! What users say about the jobs of a grid: options of `sbatch`, and a few of ours.

use std::collections::BTreeMap;

use dst_record::{Error, Result};

/// How long before its time limit a task is told to save and requeue itself, in seconds.
const NOTICE: u32 = 120;

/// What the harness decides itself, and how it does.
const RESERVED: [(&str, &str); 16] = [
    ("array", "tasks are counted by the harness; tasks-at-once limits how many run"),
    ("output", "logs go into the store"),
    ("error", "logs go into the store"),
    ("input", "trials read nothing"),
    ("open-mode", "logs are continued when a task is requeued"),
    ("parsable", "the harness reads the number of the job"),
    ("quiet", "the harness reads the number of the job"),
    ("wait", "`harness status --watch` waits"),
    ("test-only", "`harness grid --dry-run` shows what would be trained"),
    ("wrap", "the harness is the program of the job"),
    ("chdir", "paths are made absolute"),
    ("signal", "notice=SECONDS says how long before its time limit a task saves"),
    ("requeue", "tasks are always requeued"),
    ("no-requeue", "tasks are always requeued, which costs nothing that was trained"),
    ("nodes", "each task runs on one node; --jobs says how many trials at once"),
    ("ntasks", "each task runs on one node; --jobs says how many trials at once"),
];

/// The jobs of a grid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlurmSettings {
    /// Long options of `sbatch` without their dashes; `None` is a switch without a value.
    options: BTreeMap<String, Option<String>>,
    /// Trials that one task of an array brings to their end.
    pub trials_per_task: Option<usize>,
    /// Tasks that may run at the same time.
    pub tasks_at_once: Option<usize>,
    /// How long before its time limit a task is told to save and requeue itself, in seconds.
    pub notice: u32,
    /// Lines of shell before the harness starts, such as `module load cuda`.
    pub setup: Vec<String>,
}

impl Default for SlurmSettings {
    fn default() -> Self {
        Self {
            options: BTreeMap::new(),
            trials_per_task: None,
            tasks_at_once: None,
            notice: NOTICE,
            setup: Vec::new(),
        }
    }
}

impl SlurmSettings {
    /// Reads `partition=gpu,time=4:00:00,mem=16G`. What has no `=` continues the value before it, so
    /// that lists of nodes can be written.
    ///
    /// # Errors
    /// If a key or a value is not usable.
    pub fn add(&mut self, text: &str) -> Result<()> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            match (part.split_once('='), pairs.last_mut()) {
                (Some((key, value)), _) => pairs.push((key.trim().to_owned(), value.to_owned())),
                (None, Some((_, value))) => {
                    value.push(',');
                    value.push_str(part);
                }
                (None, None) => {
                    return Err(Error::usage(format!("'{part}' is no option of a job")).hint(
                        "write partition=NAME,time=4:00:00, or exclusive=true for a switch",
                    ));
                }
            }
        }
        pairs.iter().try_for_each(|(key, value)| self.set(key, value))
    }

    /// Sets one option: one of ours (`trials-per-task`, `tasks-at-once`, `notice`, `setup`), or a long one
    /// of `sbatch`. `true` is a switch, and `false` takes it back.
    ///
    /// # Errors
    /// If the key is one that the harness decides, or the value is not usable.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let key = key.trim_start_matches('-').replace('_', "-");
        let value = value.trim();
        let at = |error: Error| error.at(format!("slurm.{key}"));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if key.len() < 2 || !key.chars().all(is_name) {
            return Err(Error::usage(format!("'{key}' is no long option of sbatch"))
                .hint("such as partition, time, mem, gpus, account or constraint"));
        }
        if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == key) {
            return Err(at(Error::usage(format!("this cannot be chosen: {reason}"))));
        }
        if value.is_empty() {
            return Err(at(Error::usage("it has no value").hint("a switch is written KEY=true")));
        }
        if value.chars().any(char::is_control) {
            return Err(at(Error::usage("a value is one line")));
        }
        match &*key {
            "setup" => self.setup.push(value.to_owned()),
            "trials-per-task" => self.trials_per_task = Some(count(value).map_err(at)?),
            "tasks-at-once" => self.tasks_at_once = Some(count(value).map_err(at)?),
            "notice" => {
                let seconds = count(value).map_err(at)?;
                self.notice = u32::try_from(seconds)
                    .ok()
                    // As many as Slurm stores.
                    .filter(|seconds| *seconds <= 65_535)
                    .ok_or_else(|| at(Error::usage("a notice is given up to 65535 s before")))?;
            }
            _ if value == "false" => {
                self.options.remove(&key);
            }
            _ if value == "true" => {
                self.options.insert(key, None);
            }
            _ => {
                self.options.insert(key, Some(value.to_owned()));
            }
        }
        Ok(())
    }

    /// The options of `sbatch` for tasks that need `cpus` processors, unless the user said how many.
    pub(super) fn for_tasks(&self, cpus: usize) -> Vec<String> {
        let mut arguments = self.arguments(|_| true);
        if !self.options.keys().any(|key| key.starts_with("cpus-per-")) {
            arguments.push(format!("--cpus-per-task={cpus}"));
        }
        if !self.options.contains_key("job-name") {
            arguments.push("--job-name=harness".to_owned());
        }
        arguments
    }

    /// The same for a job that writes the report, which needs no accelerator.
    pub(super) fn for_report(&self) -> Vec<String> {
        let needless = |key: &str| {
            key.starts_with("gpu")
                || key.starts_with("cpus-per-")
                || ["gres", "exclusive", "job-name", "dependency"].contains(&key)
        };
        let mut arguments = self.arguments(|key| !needless(key));
        arguments.push("--job-name=harness-report".to_owned());
        arguments
    }

    fn arguments(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let options = self.options.iter().filter(|(key, _)| wanted(key));
        let argument = |(key, value): (&String, &Option<String>)| match value {
            Some(value) => format!("--{key}={value}"),
            None => format!("--{key}"),
        };
        options.map(argument).collect()
    }
}

fn count(value: &str) -> Result<usize> {
    match value.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(Error::usage(format!("'{value}' is no count")).hint("write a number from 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SlurmSettings> {
        let mut settings = SlurmSettings::default();
        settings.add(text).map(|()| settings)
    }

    #[test]
    fn options_reach_sbatch_as_they_were_written() {
        let text = "partition=gpu,time=4:00:00,gpus_per_task=a100:1,exclusive=true,nodelist=n1,n2";
        let settings = read(text).unwrap();
        let expected = [
            "--exclusive",
            "--gpus-per-task=a100:1",
            "--nodelist=n1,n2",
            "--partition=gpu",
            "--time=4:00:00",
            "--cpus-per-task=3",
            "--job-name=harness",
        ];
        assert_eq!(settings.for_tasks(3), expected);
        let report = ["--nodelist=n1,n2", "--partition=gpu", "--time=4:00:00"];
        assert_eq!(settings.for_report()[..3], report);
        assert_eq!(settings.for_report().len(), 4);
    }

    #[test]
    fn a_later_value_wins() {
        let mut settings = read("time=1:00,exclusive=true,cpus-per-task=8").unwrap();
        settings.add("time=2:00,exclusive=false").unwrap();
        let expected = ["--cpus-per-task=8", "--time=2:00", "--job-name=harness"];
        assert_eq!(settings.for_tasks(1), expected);
    }

    #[test]
    fn ours_are_not_passed_on() {
        let settings =
            read("trials-per-task=4,tasks-at-once=2,notice=30,setup=module load a").unwrap();
        assert_eq!(settings.for_tasks(1), ["--cpus-per-task=1", "--job-name=harness"]);
        assert_eq!((settings.trials_per_task, settings.tasks_at_once), (Some(4), Some(2)));
        assert_eq!((settings.notice, settings.setup), (30, vec!["module load a".to_owned()]));
    }

    #[test]
    fn what_the_harness_decides_or_nobody_can_read_is_refused() {
        for (text, says) in [
            ("array=0-3", "slurm.array: this cannot be chosen: tasks are counted"),
            ("p=gpu", "'p' is no long option of sbatch"),
            ("partition", "'partition' is no option of a job"),
            ("time=", "slurm.time: it has no value"),
            ("comment=a\nb", "slurm.comment: a value is one line"),
            ("trials-per-task=0", "slurm.trials-per-task: '0' is no count"),
            ("notice=70000", "slurm.notice: a notice is given up to 65535 s"),
            ("pärt=gpu", "'pärt' is no long option"),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error.kind(), dst_record::ErrorKind::Usage);
            assert!(error.to_string().contains(says), "{text}: {error}");
        }
    }
}
