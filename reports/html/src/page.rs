//! The page as its template takes it.

use dst_analysis::document::{Block as Content, Page, Section as Part, Topic, Warning};
use dst_figures::STYLE_SHEET;
use dst_record::{Error, Result};
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

use crate::block::{Block, blocks};
use crate::verdict::{Tally, tally};

const TEMPLATES: [(&str, &str); 2] = [
    ("page.html", include_str!("templates/page.html")),
    ("blocks.html", include_str!("templates/blocks.html")),
];
const STYLE: &str = include_str!("templates/style.css");
const THEME: &str = include_str!("templates/theme.js");
const SCRIPT: &str = include_str!("templates/page.js");

/// Families that are open at first; the page of more would be too long to scroll through.
const OPEN_FAMILIES: usize = 6;
/// Sections whose links fit into one row; the links of more stand at the side.
const LINKS_IN_A_ROW: usize = 7;
/// Warnings that are seen at once; the first screen belongs to what came out.
const OPEN_WARNINGS: usize = 2;

#[derive(Serialize)]
struct Section<'p> {
    id: &'p str,
    title: &'p str,
    topic: Topic,
    /// Is it folded away at first?
    folded: bool,
    tally: Vec<Tally>,
    blocks: Vec<Block<'p>>,
    folds: Vec<Fold<'p>>,
}

#[derive(Serialize)]
struct Fold<'p> {
    id: String,
    title: &'p str,
    summary: &'p str,
    blocks: Vec<Block<'p>>,
}

impl<'p> Section<'p> {
    fn new(part: &'p Part, folded: bool) -> Self {
        let verdicts = part.blocks.iter().filter_map(|block| match block {
            Content::Verdicts { groups } => Some(groups),
            _ => None,
        });
        let fold = |(place, fold): (usize, &'p dst_analysis::document::Fold)| {
            let id = format!("{}-fold-{}", part.id, place + 1);
            Fold {
                blocks: blocks(&fold.blocks, &id, part.topic),
                title: &fold.title,
                summary: &fold.summary,
                id,
            }
        };
        Self {
            id: &part.id,
            title: &part.title,
            topic: part.topic,
            folded,
            tally: tally(verdicts.flatten().flat_map(|group| &group.verdicts)),
            blocks: blocks(&part.blocks, &part.id, part.topic),
            folds: part.folds.iter().enumerate().map(fold).collect(),
        }
    }
}

/// A warning as the template takes it.
#[derive(Serialize)]
struct WarningView<'p> {
    text: &'p str,
    table: Option<&'p str>,
}

fn views(warnings: &[Warning]) -> Vec<WarningView<'_>> {
    warnings
        .iter()
        .map(|warning| WarningView { text: &warning.text, table: warning.table.as_deref() })
        .collect()
}

/// The document.
///
/// # Errors
/// If a template is at fault.
pub(crate) fn html(page: &Page) -> Result<String> {
    let wrong =
        |error: minijinja::Error| Error::contract(format!("the page cannot be made: {error:#}"));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source).map_err(wrong)?;
    }
    let mut families = 0;
    let mut sections = Vec::new();
    for part in &page.sections {
        let is_family = part.topic == Topic::Family;
        families += usize::from(is_family);
        sections.push(Section::new(part, is_family && families > OPEN_FAMILIES));
    }
    let (warnings, more_warnings) = page.warnings.split_at(page.warnings.len().min(OPEN_WARNINGS));
    let template = environment.get_template("page.html").map_err(wrong)?;
    template
        .render(context! {
            title => page.title,
            lead => page.lead,
            warnings => views(warnings),
            more_warnings => views(more_warnings),
            at_side => sections.len() > LINKS_IN_A_ROW,
            sections => sections,
            style => Value::from_safe_string(format!("{STYLE_SHEET}{STYLE}")),
            theme => Value::from_safe_string(THEME.to_owned()),
            script => Value::from_safe_string(SCRIPT.to_owned()),
        })
        .map_err(wrong)
}
