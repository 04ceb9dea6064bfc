//! What a page says, in its order.

use super::{Block, Page, Section, Topic, across, family, figures, lead, provenance, warnings};
use crate::methods::{methods, references};
use crate::{Judgement, Study};

/// Data sets that a title names.
const NAMED: usize = 3;

impl Page {
    /// The page of a study.
    pub fn new(study: &Study<'_>) -> Self {
        let mut datasets: Vec<&str> =
            study.judgements.iter().map(|judgement| judgement.table.dataset.as_str()).collect();
        datasets.dedup();
        let is_compared = study.judgements.iter().any(Judgement::has_control);
        let title = match datasets.len() {
            0 => "Report".to_owned(),
            few if few <= NAMED && !is_compared => datasets.join(", "),
            many if !is_compared => format!("{many} data sets"),
            few if few <= NAMED => format!("{} against {}", datasets.join(", "), study.control),
            many => format!("{many} data sets against {}", study.control),
        };
        let palette = figures::palette(study);
        let mut sections: Vec<Section> = study
            .judgements
            .iter()
            .enumerate()
            .map(|(place, judgement)| family::section(study, &palette, judgement, family_id(place)))
            .collect();
        sections.extend(across::section(study, &palette));
        if !study.experiment.trials.is_empty() {
            sections.push(methods_section(study));
        }
        sections.push(provenance::section(study));
        Self { title, lead: lead::lead(study), warnings: warnings::warnings(study), sections }
    }
}

/// The id of the section of the family at this place.
pub(super) fn family_id(place: usize) -> String {
    format!("family-{}", place + 1)
}

fn methods_section(study: &Study<'_>) -> Section {
    let mut blocks: Vec<Block> =
        methods(study).into_iter().map(|text| Block::Paragraph { text }).collect();
    let references = references(study);
    if !references.is_empty() {
        blocks.push(Block::Verbatim { language: "bibtex".to_owned(), text: references });
    }
    Section {
        id: "methods".to_owned(),
        topic: Topic::Methods,
        title: "Methods, for a paper".to_owned(),
        blocks,
        folds: Vec::new(),
    }
}
