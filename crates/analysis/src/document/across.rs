//! Ranks over data sets.

use dst_figures::{CriticalDifferenceDiagram, Heading, RankedMethod, critical_difference_diagram};

use super::{Block, Cell, Column, Section, Table, Topic};
use crate::format::{fixed, p_value};
use crate::{Across, FEW_DATASETS, Study};

/// The section; none with one data set.
pub(super) fn section(study: &Study<'_>) -> Option<Section> {
    let across = study.across.as_ref()?;
    let mut blocks = Vec::new();
    if across.exploratory() {
        blocks.push(Block::Paragraph {
            text: format!(
                "Exploratory: {} data sets. Below {FEW_DATASETS} these tests have almost no power, and \
                 nothing here supports a claim.",
                across.datasets.len()
            ),
        });
    } else if let Some(figure) = diagram(across) {
        blocks.push(Block::Figure(figure.into()));
    }
    blocks.push(Block::Table(table(across, study.analysis().alpha)));
    blocks.push(Block::Notes { notes: notes(across, study) });
    Some(Section {
        id: "ranks".to_owned(),
        topic: Topic::Across,
        title: "Over data sets".to_owned(),
        blocks,
        folds: Vec::new(),
    })
}

fn table(across: &Across, alpha: f64) -> Table {
    let against = match across.control {
        Some(place) => format!("p against {}", across.methods[place]),
        None => "p against the control".to_owned(),
    };
    let mut table = Table::new(
        "ranks",
        format!("Mean ranks over {}", across.datasets.join(", ")),
        [
            Column::new("strategy", "label"),
            Column::new("mean rank", "mean_rank"),
            Column::new(against, "p_against_control").rank(1),
            Column::new("p, Holm", "p_holm").rank(1),
        ],
    );
    table.rows = across
        .ranks
        .best_first()
        .into_iter()
        .map(|place| {
            let comparison = across.against_control.iter().find(|c| c.method == place);
            let p = |value: Option<f64>| Cell::number_of(value, |p| p_value(p, alpha));
            vec![
                Cell::text_of(&across.methods[place]),
                Cell::number_of(Some(across.ranks.ranks[place]), fixed),
                p(comparison.map(|c| c.p_raw)),
                p(comparison.map(|c| c.p_holm)),
            ]
        })
        .collect();
    table
}

fn notes(across: &Across, study: &Study<'_>) -> Vec<String> {
    let alpha = study.analysis().alpha;
    let mut notes = vec![
        "Each data set counts once, whatever models and variants it has; a failed run counts as \
         guessing."
            .to_owned(),
    ];
    let p = |value: Option<f64>| match value.map(|p| p_value(p, alpha)) {
        Some(p) if p.starts_with('<') => format!("p {p}"),
        Some(p) => format!("p = {p}"),
        None => "no test, since all agree or all tie".to_owned(),
    };
    if let Some(friedman) = &across.friedman {
        notes.push(format!(
            "Friedman's test: {}; with Iman and Davenport's correction: {}.",
            p(friedman.p_value),
            p(friedman.iman_davenport.p_value)
        ));
    }
    if let Some(critical) = &across.critical_difference {
        let cliques: Vec<String> = across
            .cliques
            .iter()
            .filter(|clique| clique.len() > 1)
            .map(|clique| {
                let names: Vec<&str> =
                    clique.iter().map(|place| across.methods[*place].as_str()).collect();
                format!("{{{}}}", names.join(", "))
            })
            .collect();
        notes.push(format!(
            "Nemenyi's critical difference at level {alpha}: {} ranks. Not told apart: {}.",
            fixed(critical.value),
            if cliques.is_empty() { "none".to_owned() } else { cliques.join(", ") }
        ));
    }
    if !across.left_out.is_empty() {
        notes.push(format!(
            "Without a result on every data set, and so without a rank: {}.",
            across.left_out.join(", ")
        ));
    }
    notes
}

fn diagram(across: &Across) -> Option<dst_figures::Figure> {
    let critical = across.critical_difference.as_ref()?;
    let methods = across.methods.iter().zip(&across.ranks.ranks);
    let data = CriticalDifferenceDiagram {
        methods: methods
            .map(|(label, rank)| RankedMethod { label: label.clone(), mean_rank: *rank })
            .collect(),
        cliques: across.cliques.clone(),
        critical_difference: critical.value,
    };
    let heading = Heading::new("ranks-critical-difference", "Mean ranks and critical difference");
    Some(critical_difference_diagram(&heading, &data))
}
