//! Ranks over data sets.

use dst_figures::{
    Axis, CriticalDifferenceDiagram, Curve, CurvePoint, Estimate, Heading, IntervalPlot, Palette,
    RankedMethod, Series, critical_difference_diagram,
};
use dst_stats::BootstrapOptions;

use super::{Block, Cell, Column, Section, Table, Topic};
use crate::format::{fixed, p_value};
use crate::{Across, FEW_DATASETS, Study};

/// The section; none with one data set.
pub(super) fn section(study: &Study<'_>, palette: &Palette) -> Option<Section> {
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
    if !across.exploratory() {
        let figures = aggregates(across, study, palette);
        blocks.extend(figures.into_iter().flatten().map(|figure| Block::Figure(figure.into())));
    }
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

/// Thresholds of a performance profile.
const THRESHOLDS: usize = 101;

/// The interquartile mean of every method, and its performance profile (Agarwal et al. 2021), of runs as
/// a share of the way from guessing to perfect.
fn aggregates(
    across: &Across,
    study: &Study<'_>,
    palette: &Palette,
) -> Option<[dst_figures::Figure; 2]> {
    let runs = across.normalized.as_ref()?;
    let level = 1.0 - study.analysis().alpha;
    let series = |place: usize| {
        let label = &across.methods[place];
        let strategy = label.split(' ').next().unwrap_or_default();
        let sparsity = label.rsplit_once(" at ").and_then(|(_, text)| {
            // A budget or a backend may follow.
            let sparsity = text.split(',').next()?.strip_suffix(" %")?;
            sparsity.parse::<f64>().ok()
        });
        Series::new(strategy, sparsity.unwrap_or(0.0) / 100.0, label)
            .variant(super::series::variant(label))
    };
    let order = across.ranks.best_first();
    let rows = order.iter().map(|&place| {
        let options = BootstrapOptions {
            level,
            draws: 2_000,
            seed: dst_stats::stream_seed(0, &across.methods[place]),
            threads: 0,
        };
        let interquartile =
            |tasks: &[Vec<f64>]| dst_stats::interquartile_mean(&tasks.concat()).unwrap_or(f64::NAN);
        let answer = dst_stats::stratified_bootstrap(&runs[place], interquartile, &options).ok();
        Estimate {
            series: series(place),
            value: answer.as_ref().map_or(f64::NAN, |answer| answer.estimate),
            interval: answer.map(|answer| dst_figures::Interval {
                lower: answer.percentile.lower,
                upper: answer.percentile.upper,
            }),
        }
    });
    let axis = || Axis::new("share of the way from guessing to perfect").percent();
    let count = across.datasets.len();
    let title = format!(
        "Interquartile mean over {count} data sets; lines: {} bootstrap interval over seeds",
        crate::format::level(level)
    );
    let heading = Heading::new("ranks-iqm", title);
    let plot = IntervalPlot { quantity: axis(), rows: rows.collect() };
    let means = dst_figures::interval_plot(&heading, palette, &plot);
    let thresholds: Vec<f64> =
        (0..THRESHOLDS).map(|step| step as f64 / (THRESHOLDS - 1) as f64).collect();
    let lines: Vec<Curve> = order
        .iter()
        .map(|&place| {
            let shares = dst_stats::performance_profile(&runs[place], &thresholds);
            let points = thresholds.iter().zip(shares.unwrap_or_default());
            let point = |(x, y): (&f64, f64)| CurvePoint { x: *x, y, interval: None };
            Curve { series: series(place), points: points.map(point).collect() }
        })
        .collect();
    let heading =
        Heading::new("ranks-profiles", format!("Performance profiles over {count} data sets"));
    let profiles = dst_figures::performance_profiles(&heading, palette, &axis(), &lines);
    Some([means, profiles])
}
