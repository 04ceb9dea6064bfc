//! Ranks over data sets.

use dst_analysis::words::{fixed, p_value};
use dst_analysis::{Across, FEW_DATASETS, Study};

use crate::markdown::{cell, table};

/// The section; empty with one data set.
pub(crate) fn section(study: &Study<'_>) -> String {
    let Some(across) = &study.across else { return String::new() };
    let mut text = String::from("\n## Over data sets\n\n");
    if across.exploratory() {
        text.push_str(&format!(
            "**Exploratory**: {} data sets. Below {FEW_DATASETS} these tests have almost no power, and \
             nothing here supports a claim.\n\n",
            across.datasets.len()
        ));
    }
    text.push_str(&ranks(across));
    text.push_str(&tests(across, study.analysis().alpha));
    text
}

fn ranks(across: &Across) -> String {
    let rows = across.ranks.best_first().into_iter().map(|place| {
        let comparison = across.against_control.iter().find(|c| c.method == place);
        vec![
            across.methods[place].clone(),
            fixed(across.ranks.ranks[place]),
            cell(comparison, |comparison| p_value(comparison.p_raw)),
            cell(comparison, |comparison| p_value(comparison.p_holm)),
        ]
    });
    let against = match across.control {
        Some(place) => format!("p against {}", across.methods[place]),
        None => "p against the control".to_owned(),
    };
    table(&["strategy", "mean rank", &against, "p Holm"], rows)
}

fn tests(across: &Across, alpha: f64) -> String {
    let mut text = String::new();
    if let Some(friedman) = &across.friedman {
        let p = |value: Option<f64>| match value.map(p_value) {
            Some(p) if p.starts_with('<') => format!("p {p}"),
            Some(p) => format!("p = {p}"),
            None => "no test, all agree or all tie".to_owned(),
        };
        text.push_str(&format!(
            "\nFriedman: {}; Iman and Davenport: {}.\n",
            p(friedman.p_value),
            p(friedman.iman_davenport.p_value)
        ));
    }
    if let Some(critical) = &across.critical_difference {
        text.push_str(&format!(
            "\nNemenyi's critical difference at level {alpha}: {} ranks. Not told apart: {}.\n",
            fixed(critical.value),
            cliques(across)
        ));
    }
    if !across.left_out.is_empty() {
        text.push_str(&format!(
            "\nWithout a result on every data set, and so without a rank: {}.\n",
            across.left_out.join(", ")
        ));
    }
    text
}

fn cliques(across: &Across) -> String {
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
    if cliques.is_empty() { "none".to_owned() } else { cliques.join(", ") }
}
