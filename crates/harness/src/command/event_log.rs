//! `--events FILE`: what happens in a grid, one JSON object a line, for programs that watch.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use dst_core::{Error, Result};
use dst_store::clock;
use serde_json::Value;

use crate::output;
use dst_executor::Event;

/// A file of events, to which each start of a grid adds.
#[derive(Debug)]
pub(super) struct EventLog {
    path: PathBuf,
    /// None once it could not be written: training goes on without it.
    file: Option<File>,
}

impl EventLog {
    /// Opens the file, making it if there is none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|error| Error::io("write", path, &error).at("--events"))?;
        Ok(Self { path: path.to_owned(), file: Some(file) })
    }

    /// Adds an event with the time of day.
    pub(super) fn add(&mut self, event: &Event) {
        let Some(file) = &mut self.file else { return };
        let Ok(Value::Object(mut fields)) = serde_json::to_value(event) else { return };
        fields.insert("time".to_owned(), clock::now().into());
        // One write a line, so that readers never see half of one.
        let line = format!("{}\n", Value::Object(fields));
        if let Err(error) = file.write_all(line.as_bytes()) {
            let error = Error::io("write", &self.path, &error);
            output::note(&format!("warning: {error}; events are no longer written"));
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_adds_lines_of_json() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        for failed in [1, 2] {
            EventLog::open(&path).unwrap().add(&Event::GivenUp { failed });
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines[1]["event"], &lines[1]["failed"]), (&"given-up".into(), &2.into()));
        assert!(lines[0]["time"].as_str().unwrap().ends_with('Z'));
        let error = EventLog::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with("--events: cannot write"), "{error}");
    }
}
