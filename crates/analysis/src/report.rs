//! What a report is: a pure function from a study to documents.

use std::path::PathBuf;

use dst_record::{Error, Result};

use crate::Study;
use crate::document::Page;

/// A file that a report makes, in memory; the harness writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Where it goes below the folder of the report: a file name, or a relative path with forward
    /// slashes.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Document {
    /// Its name as a path that stays below the folder of the report.
    ///
    /// # Errors
    /// If the name is absolute, has an empty part, `.` or `..`, or a sign that is no part of file
    /// names everywhere.
    pub fn path(&self) -> Result<PathBuf> {
        let is_plain =
            |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
        if self.name.split('/').all(is_plain) {
            return Ok(self.name.split('/').collect());
        }
        Err(Error::contract(format!(
            "a document is called '{}', which is no path below the folder of the report",
            self.name.escape_debug()
        )))
    }
}

/// What a report made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendering {
    /// Files to write.
    pub documents: Vec<Document>,
}

/// Turns a study, and the page that was made of it, into documents. Files for programs are made from
/// the study, what people read from the page. Reports never train, read no files and write none, so they can be
/// rebuilt at any time.
pub trait Report: Sync {
    /// Renders a study. The order of its trials changes nothing.
    ///
    /// # Errors
    /// If the report itself is at fault. Failed trials and missing pairs are no errors: they are
    /// reported.
    fn render(&self, study: &Study<'_>, page: &Page) -> Result<Rendering>;
}

/// A registered report.
pub struct ReportPlugin {
    /// Its name, in lower case.
    pub name: &'static str,
    /// One sentence: what it makes.
    pub summary: &'static str,
    /// Where it stands among reports that print a summary; lower is earlier.
    pub order: u32,
    /// The report itself.
    pub report: &'static dyn Report,
    /// What people see on a terminal at the end of a grid, if it has something to say there: the page
    /// in lines of at most so many characters, with ANSI styles for who shows colours.
    pub terminal: Option<fn(&Page, usize) -> String>,
}

inventory::collect!(ReportPlugin);
dst_record::registry!(ReportPlugin, "report");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_stay_in_their_folder() {
        let path = |name: &str| Document { name: name.to_owned(), bytes: Vec::new() }.path();
        assert_eq!(path("trials.csv").unwrap(), PathBuf::from("trials.csv"));
        assert_eq!(path("figures/a b.svg").unwrap(), PathBuf::from("figures/a b.svg"));
        for name in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "./a", "C:x", "a\\b"] {
            let error = path(name).unwrap_err().to_string();
            assert!(error.contains("which is no path below the folder"), "{name}: {error}");
        }
    }
}
