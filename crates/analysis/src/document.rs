//! The one document: what a report says, laid out once.
//!
//! [`Page::new`](crate::document::Page::new) decides what is said, in which order and in which words
//! and digits; terminal, Markdown, HTML, LaTeX and JSON only draw it. A number therefore stands in a
//! [`Cell`] with its text: no form formats it again, so none can say something else.

mod across;
mod cell;
mod costs;
mod family;
mod figures;
mod lead;
mod masks;
mod page;
mod provenance;
mod seconds;
mod series;
mod tables;
mod warnings;

use serde::Serialize;

pub use cell::Cell;

/// Version of the JSON form; it rises when a field changes its meaning or goes.
pub const SCHEMA: u32 = 1;

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// What it is about, such as `mnist, cifar10`.
    pub title: String,
    /// What came out, in a few sentences: for who reads nothing else.
    pub lead: Vec<String>,
    /// What a reader must know before believing it, such as trials of different code.
    pub warnings: Vec<Warning>,
    /// One for each data set and model, then those of the whole: ranks, methods, provenance.
    pub sections: Vec<Section>,
}

/// What a reader must know before believing a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// One sentence or more.
    pub text: String,
    /// The [`Table::id`] of the table that has the details, if there is one.
    pub table: Option<String>,
}

impl From<String> for Warning {
    fn from(text: String) -> Self {
        Self { text, table: None }
    }
}

/// Its text.
impl Serialize for Warning {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// What a section is about; short forms choose by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// One data set and model.
    Family,
    /// Ranks over data sets.
    Across,
    /// The paragraph for a paper, with its references.
    Methods,
    /// Settings of the analysis, and where the trials ran.
    Provenance,
}

/// A part with a heading.
#[derive(Debug, Clone, Serialize)]
pub struct Section {
    /// Unique on the page, fit for file names and anchors, such as `family-1`.
    pub id: String,
    /// What it is about.
    pub topic: Topic,
    /// Its heading.
    pub title: String,
    /// What everybody should see, in order.
    pub blocks: Vec<Block>,
    /// What stands behind it, each under a heading of its own.
    pub folds: Vec<Fold>,
}

/// What is looked up, not read: a heading under which blocks are folded away.
#[derive(Debug, Clone, Serialize)]
pub struct Fold {
    /// Its heading, such as `Diagnostics`.
    pub title: String,
    /// What it holds, in one line.
    pub summary: String,
    /// In order.
    pub blocks: Vec<Block>,
}

/// One thing on a page.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Block {
    /// Plain text.
    Paragraph {
        /// One or more sentences.
        text: String,
    },
    /// What limits what was said, such as failures and missing seeds.
    Notes {
        /// Sentences.
        notes: Vec<String>,
    },
    /// Verdicts in words, grouped.
    Verdicts {
        /// One for each sparsity.
        groups: Vec<VerdictGroup>,
    },
    /// A table.
    Table(Table),
    /// A figure; its data lie beside the page.
    Figure(Figure),
    /// Text to be copied as it is, such as BibTeX.
    Verbatim {
        /// What it is, such as `bibtex`.
        language: String,
        /// The text.
        text: String,
    },
}

/// Verdicts under one heading.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictGroup {
    /// What they share, such as `Sparsity 90 %`; empty if there is one group.
    pub title: String,
    /// In the order of the table.
    pub verdicts: Vec<VerdictLine>,
}

/// One verdict in words.
#[derive(Debug, Clone, Serialize)]
pub struct VerdictLine {
    /// The method, as tables call it.
    pub label: String,
    /// As files name it, such as `non-inferior`.
    #[serde(serialize_with = "named")]
    pub verdict: dst_stats::verdict::Verdict,
    /// The sentence, with its full stop.
    pub sentence: String,
    /// What must be known beside it.
    pub notes: Vec<String>,
}

/// A table of one kind of thing.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// Unique on the page, such as `family-1-results`.
    pub id: String,
    /// What it shows.
    pub caption: String,
    /// Its columns; the first names the rows.
    pub columns: Vec<Column>,
    /// As many cells as columns.
    pub rows: Vec<Vec<Cell>>,
    /// What a reader of the table must know; what belongs to a column is there.
    pub notes: Vec<String>,
}

/// The head of a column.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// For people, such as `accuracy`.
    pub title: String,
    /// For programs, such as `test_metric_mean`.
    pub key: String,
    /// What its numbers count in, such as `%`; empty for plain numbers and words.
    pub unit: String,
    /// How much a narrow form would lose without it: 0 stays always, higher ones go first.
    pub rank: u8,
    /// What a reader of the column must know, in sentences; a form that leaves the column out says nothing of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Column {
    /// A column that always stays.
    pub fn new(title: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            key: key.into(),
            unit: String::new(),
            rank: 0,
            note: String::new(),
        }
    }

    /// What its numbers count in.
    #[must_use]
    pub fn in_unit(self, unit: impl Into<String>) -> Self {
        Self { unit: unit.into(), ..self }
    }

    /// Narrow forms leave it out; higher ranks go first.
    #[must_use]
    pub fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }

    /// What a reader of the column must know.
    #[must_use]
    pub fn explained(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// The title with its unit, such as `accuracy, %`.
    pub fn heading(&self) -> String {
        if self.unit.is_empty() {
            self.title.clone()
        } else {
            format!("{}, {}", self.title, self.unit)
        }
    }
}

impl Table {
    /// A table without rows.
    pub fn new(
        id: impl Into<String>,
        caption: impl Into<String>,
        columns: impl IntoIterator<Item = Column>,
    ) -> Self {
        Self {
            id: id.into(),
            caption: caption.into(),
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// What stands below a table of which these columns are shown.
    pub fn notes_beside(&self, shown: &[usize]) -> Vec<&str> {
        let own = shown.iter().map(|&column| self.columns[column].note.as_str());
        self.notes.iter().map(String::as_str).chain(own).filter(|note| !note.is_empty()).collect()
    }

    /// What stands below a table with all its columns.
    pub fn all_notes(&self) -> Vec<&str> {
        self.notes_beside(&Vec::from_iter(0..self.columns.len()))
    }

    /// The column for programs of this name.
    pub(crate) fn column(&mut self, key: &str) -> Option<&mut Column> {
        self.columns.iter_mut().find(|column| column.key == key)
    }

    /// Takes a column out.
    pub(crate) fn remove(&mut self, key: &str) {
        let Some(place) = self.columns.iter().position(|column| column.key == key) else { return };
        self.columns.remove(place);
        for row in &mut self.rows {
            row.remove(place);
        }
    }

    /// Does a column hold numbers? It is then set to the right.
    pub fn is_numeric(&self, column: usize) -> bool {
        self.rows.iter().filter_map(|row| row.get(column)).any(|cell| cell.number().is_some())
    }
}

/// A figure with the data that it was drawn from.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// File names without extension, such as `family-1-differences`.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// What there is to see, for who cannot.
    pub description: String,
    /// The drawing.
    #[serde(skip)]
    pub drawing: dst_figures::Figure,
}

impl From<dst_figures::Figure> for Figure {
    fn from(drawing: dst_figures::Figure) -> Self {
        Self {
            name: drawing.name.clone(),
            title: drawing.title.clone(),
            description: drawing.description.clone(),
            drawing,
        }
    }
}

impl Page {
    /// All figures, in the order of the page.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.blocks().filter_map(|block| match block {
            Block::Figure(figure) => Some(figure),
            _ => None,
        })
    }

    /// All tables, in the order of the page.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.blocks().filter_map(|block| match block {
            Block::Table(table) => Some(table),
            _ => None,
        })
    }

    fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.sections.iter().flat_map(|section| {
            section.blocks.iter().chain(section.folds.iter().flat_map(|fold| &fold.blocks))
        })
    }
}

fn named<S: serde::Serializer>(
    verdict: &dst_stats::verdict::Verdict,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(verdict.name())
}
