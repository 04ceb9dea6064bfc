//! What stands in a section, and what stands beside what.

use dst_analysis::document::{Block as Content, Figure as Drawn, Table as Data, Topic};
use minijinja::Value;
use serde::Serialize;

use crate::table::TableView;
use crate::verdict::{Group, groups};

/// Columns of a table that fits beside a figure.
const BESIDE: usize = 6;

/// One thing on the page, as the template takes it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(crate) enum Block<'p> {
    Paragraph {
        text: &'p str,
    },
    /// Text to be copied that is read as text.
    Quotation {
        id: String,
        paragraphs: Vec<&'p str>,
    },
    Notes {
        notes: &'p [String],
    },
    Verdicts {
        groups: Vec<Group<'p>>,
    },
    Table {
        table: TableView<'p>,
    },
    Figures {
        figures: Vec<Figure<'p>>,
    },
    /// A figure and the table of the same numbers, side by side where there is room.
    Pair {
        figure: Figure<'p>,
        table: TableView<'p>,
    },
    Verbatim {
        id: String,
        language: &'p str,
        text: &'p str,
    },
}

/// A figure as the template takes it.
#[derive(Serialize)]
pub(crate) struct Figure<'p> {
    name: &'p str,
    title: &'p str,
    description: &'p str,
    layouts: Value,
}

impl<'p> Figure<'p> {
    fn new(figure: &'p Drawn) -> Self {
        Self {
            name: &figure.name,
            title: &figure.title,
            description: &figure.description,
            // Figures escape their own labels. Their style sheet shows one of the two layouts.
            layouts: Value::from_safe_string(figure.drawing.inline()),
        }
    }
}

/// Lays blocks out: figures that follow each other form a grid, a narrow table stands beside the
/// figure that it follows. `id` begins the ids of what is copied.
pub(crate) fn blocks<'p>(content: &'p [Content], id: &str, topic: Topic) -> Vec<Block<'p>> {
    let mut laid = Vec::new();
    let mut rest = content;
    while let Some((first, others)) = rest.split_first() {
        rest = others;
        laid.push(match first {
            Content::Paragraph { .. } if topic == Topic::Methods => {
                let paragraphs = run(first, &mut rest, |block| match block {
                    Content::Paragraph { text } => Some(text.as_str()),
                    _ => None,
                });
                Block::Quotation { id: copied(id, laid.len()), paragraphs }
            }
            Content::Paragraph { text } => Block::Paragraph { text },
            Content::Notes { notes } => Block::Notes { notes },
            Content::Verdicts { groups: verdicts } => Block::Verdicts { groups: groups(verdicts) },
            Content::Table(table) => Block::Table { table: TableView::new(table) },
            Content::Figure(figure) => match rest.split_first() {
                Some((Content::Table(table), others)) if fits_beside(table) => {
                    rest = others;
                    Block::Pair { figure: Figure::new(figure), table: TableView::new(table) }
                }
                _ => {
                    let figures = run(first, &mut rest, |block| match block {
                        Content::Figure(figure) => Some(Figure::new(figure)),
                        _ => None,
                    });
                    Block::Figures { figures }
                }
            },
            Content::Verbatim { language, text } => {
                Block::Verbatim { id: copied(id, laid.len()), language, text }
            }
        });
    }
    laid
}

/// A block and those of its kind that follow it at once.
fn run<'p, T>(
    first: &'p Content,
    rest: &mut &'p [Content],
    of: impl Fn(&'p Content) -> Option<T>,
) -> Vec<T> {
    let more = rest.iter().take_while(|block| of(block).is_some()).count();
    let (same, others) = rest.split_at(more);
    *rest = others;
    std::iter::once(first).chain(same).filter_map(of).collect()
}

fn fits_beside(table: &Data) -> bool {
    table.columns.len() <= BESIDE
}

fn copied(id: &str, place: usize) -> String {
    format!("{id}-text-{}", place + 1)
}
