//! Ranks over data sets.

use dst_analysis::words::{fixed, p_value};
use dst_analysis::{Across, FEW_DATASETS, Study};
use dst_figures::{
    CriticalDifferenceDiagram, Figure, Heading, RankedMethod, critical_difference_diagram,
};
use serde::Serialize;

use crate::table::{Table, number, words};

/// The section as the template takes it.
#[derive(Debug, Serialize)]
pub(crate) struct Ranks {
    /// Set below five data sets.
    pub(crate) exploratory: Option<String>,
    pub(crate) table: Table,
    pub(crate) notes: Vec<String>,
    #[serde(skip)]
    pub(crate) figure: Option<Figure>,
}

impl Ranks {
    pub(crate) fn new(study: &Study<'_>) -> Option<Self> {
        let across = study.across.as_ref()?;
        let exploratory = across.exploratory().then(|| {
            format!(
                "Exploratory: {} data sets. Below {FEW_DATASETS} these tests have almost no power, \
                 and nothing here supports a claim.",
                across.datasets.len()
            )
        });
        let figure = exploratory.is_none().then(|| diagram(across)).flatten();
        Some(Self { exploratory, table: table(across), notes: notes(across, study), figure })
    }
}

fn table(across: &Across) -> Table {
    let mut table = Table::new(
        "ranks",
        format!("Mean ranks over {}", across.datasets.join(", ")),
        &["strategy", "mean rank", "p against the control", "p Holm"],
    );
    table.rows = across
        .ranks
        .best_first()
        .into_iter()
        .map(|place| {
            let comparison = across.against_control.iter().find(|c| c.method == place);
            vec![
                words(&across.methods[place]),
                number(Some(across.ranks.ranks[place]), fixed),
                number(comparison.map(|c| c.p_raw), p_value),
                number(comparison.map(|c| c.p_holm), p_value),
            ]
        })
        .collect();
    table
}

fn notes(across: &Across, study: &Study<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let p = |value: Option<f64>| match value.map(p_value) {
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
        notes.push(format!(
            "Nemenyi's critical difference at level {}: {} ranks.",
            study.analysis().alpha,
            fixed(critical.value)
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

fn diagram(across: &Across) -> Option<Figure> {
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
