//! What the queue of the cluster says.

use std::collections::BTreeMap;

use dst_record::Result;

use super::commands::Commands;

/// One task of an array in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTask {
    /// The job whose task it is.
    pub(super) job: u64,
    /// The job and the task in it, such as `17_3`.
    pub name: String,
    /// In Slurm's words, such as `PENDING`, `RUNNING` or `SUSPENDED`.
    pub state: String,
    /// Why it waits, such as `Resources`; `None` if it does not.
    pub reason: String,
}

impl QueuedTask {
    /// In words, such as `queued (Resources)`.
    pub fn describe(&self) -> String {
        let state = match &*self.state {
            "PENDING" => "queued".to_owned(),
            other => other.to_lowercase(),
        };
        match &*self.reason {
            "" | "None" => state,
            reason => format!("{state} ({reason})"),
        }
    }
}

/// The user's tasks that have not ended, by the number of their job and their own in it.
pub(super) fn tasks(commands: &Commands) -> Result<BTreeMap<(u64, usize), QueuedTask>> {
    let arguments = ["--me", "--noheader", "--array", "--format=%i|%T|%r"].map(str::to_owned);
    Ok(read(&commands.run("squeue", &arguments)?))
}

fn read(text: &str) -> BTreeMap<(u64, usize), QueuedTask> {
    let line = |line: &str| {
        let mut parts = line.trim().splitn(3, '|');
        let name = parts.next()?;
        let (job, task) = name.split_once('_').unwrap_or((name, "0"));
        let key = (job.parse().ok()?, task.parse().ok()?);
        let state = parts.next()?.to_owned();
        let reason = parts.next().unwrap_or_default().trim_matches(['(', ')']).to_owned();
        Some((key, QueuedTask { job: key.0, name: name.to_owned(), state, reason }))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn tasks_are_known_by_their_job_and_number() {
        let text = "17_0|RUNNING|None\n17_12|PENDING|(Resources)\n18|PENDING|(Dependency)\nnoise\n";
        let tasks = read(text);
        let described: Vec<_> = tasks.iter().map(|(key, task)| (*key, task.describe())).collect();
        let expected = [
            ((17, 0), "running".to_owned()),
            ((17, 12), "queued (Resources)".to_owned()),
            ((18, 0), "queued (Dependency)".to_owned()),
        ];
        assert_eq!(described, expected);
    }
}
