//! Tables for a paper: `tables.tex`, `table` environments for each data set and model (scores with verdicts,
//! costs, and measured time), and the methods paragraph; `references.bib`, the methods that took part.
//!
//! It needs the package `booktabs`, and nothing else. What it says stands in
//! [`dst_analysis::document`].

use dst_analysis::document::{Block, Cell, Page, Section, Table, Topic};
use dst_analysis::{Document, Rendering, Report, ReportPlugin, Study};
use dst_record::Result;
use dst_stats::verdict::Verdict;

mod text;

use text::{escaped, number};

/// Ends of the ids of tables that a paper has in full if everybody should see them: times say little of a
/// method that masks simulate, and are folded away then.
const WHOLE: [&str; 4] = ["-results", "-backends", "-target", "-seconds"];

/// Columns of costs that a paper has room for.
const COST_COLUMNS: [&str; 5] =
    ["label", "sparsity_prunable", "nonzero_parameters", "inference_flops", "train_flops"];

/// The report of this crate.
struct Latex;

inventory::submit! {
    ReportPlugin {
        name: "latex",
        summary: "Tables of scores, verdicts and costs for LaTeX, with a methods paragraph.",
        order: 50,
        report: &Latex,
        terminal: None,
    }
}

impl Report for Latex {
    fn render(&self, study: &Study<'_>, page: &Page) -> Result<Rendering> {
        let text = document(study, page);
        let mut documents =
            vec![Document { name: "tables.tex".to_owned(), bytes: text.into_bytes() }];
        documents.extend(references(page).map(|entries| Document {
            name: "references.bib".to_owned(),
            bytes: format!("{entries}\n").into_bytes(),
        }));
        Ok(Rendering { documents })
    }
}

fn document(study: &Study<'_>, page: &Page) -> String {
    let mut text = String::from(
        "% Needs \\usepackage{booktabs}. Made from a store of trials; edit the store, not this.\n",
    );
    for warning in &page.warnings {
        text.push_str(&format!("% {}\n", one_line(&warning.text)));
    }
    if study.experiment.trials.is_empty() {
        text.push_str("% No trial has ended, so there is nothing to compare.\n");
        return text;
    }
    for section in &page.sections {
        match section.topic {
            Topic::Family => text.push_str(&family(section)),
            Topic::Methods => {
                text.push_str("\n% Methods\n");
                for block in &section.blocks {
                    if let Block::Paragraph { text: words } = block {
                        text.push_str(&format!("{}\n\n", escaped(words)));
                    }
                }
            }
            Topic::Across | Topic::Provenance => {}
        }
    }
    text
}

/// A comment ends with its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn references(page: &Page) -> Option<&str> {
    let methods = page.sections.iter().find(|section| section.topic == Topic::Methods)?;
    methods.blocks.iter().find_map(|block| match block {
        Block::Verbatim { language, text } if language == "bibtex" => Some(text.as_str()),
        _ => None,
    })
}

fn family(section: &Section) -> String {
    let folded = section.folds.iter().flat_map(|fold| &fold.blocks).map(|block| (false, block));
    let own = section.blocks.iter().map(|block| (true, block)).chain(folded);
    let tables = own.filter_map(|(is_open, block)| match block {
        Block::Table(table) => Some((is_open, table)),
        _ => None,
    });
    let mut text = String::new();
    for (is_open, table) in tables {
        if is_open && WHOLE.iter().any(|end| table.id.ends_with(end)) {
            let all: Vec<usize> = (0..table.columns.len()).collect();
            text.push_str(&self::table(table, &all, &section.title));
        } else if table.id.ends_with("-costs") {
            let kept: Vec<usize> = (0..table.columns.len())
                .filter(|&column| COST_COLUMNS.contains(&table.columns[column].key.as_str()))
                .collect();
            text.push_str(&self::table(table, &kept, &section.title));
        }
    }
    text
}

/// One environment. Only a row that is shown to be superior is bold: a higher mean by itself is no claim.
fn table(table: &Table, columns: &[usize], heading: &str) -> String {
    let alignment: String =
        columns.iter().map(|&column| if table.is_numeric(column) { 'r' } else { 'l' }).collect();
    let row = |cells: Vec<String>| {
        let line = cells.join(" & ");
        // The end of the row above would take these for its argument.
        let guard = if line.starts_with(['[', '*']) { "{}" } else { "" };
        format!("    {guard}{line} \\\\\n")
    };
    let heads = columns.iter().map(|&column| escaped(&table.columns[column].heading())).collect();
    let mut text = format!(
        "\n\\begin{{table}}\n  \\centering\n  \\begin{{tabular}}{{{alignment}}}\n    \\toprule\n{}    \
         \\midrule\n",
        row(heads)
    );
    for cells in &table.rows {
        let superior = cells.contains(&Cell::Verdict(Verdict::Superior));
        let cell = |&column: &usize| {
            let text = cells.get(column).map_or_else(String::new, cell);
            if superior && !text.is_empty() { format!("\\textbf{{{text}}}") } else { text }
        };
        text.push_str(&row(columns.iter().map(cell).collect()));
    }
    let mut caption = format!("{}: {}.", escaped(heading), escaped(&table.caption));
    // Notes of a whole table may speak of columns that are left out here.
    if columns.len() == table.columns.len() {
        caption.extend(table.all_notes().iter().map(|note| format!(" {}", escaped(note))));
    }
    text.push_str(&format!(
        "    \\bottomrule\n  \\end{{tabular}}\n  \\caption{{{caption}}}\n  \
         \\label{{tab:{}}}\n\\end{{table}}\n",
        table.id
    ));
    text
}

/// A cell; signs of numbers and the sign between a mean and its deviation are set as mathematics.
fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Number { text, .. } | Cell::Interval { text, .. } => number(text),
        _ => escaped(cell.text()),
    }
}
