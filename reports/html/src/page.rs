//! The page: what the template takes.

use dst_analysis::words::{correction, count};
use dst_analysis::{Comparison, Study, methods};
use dst_figures::{Figure, STYLE_SHEET};
use dst_record::record::Status;
use dst_record::{Error, Result};
use dst_stats::Verdict;
use minijinja::{AutoEscape, Environment, Value, context};
use serde::Serialize;

use crate::across::Ranks;
use crate::provenance::{self, Line};
use crate::section::Section;

const TEMPLATES: [(&str, &str); 3] = [
    ("page.html", include_str!("templates/page.html")),
    ("section.html", include_str!("templates/section.html")),
    ("macros.html", include_str!("templates/macros.html")),
];
const STYLE: &str = include_str!("templates/style.css");
const SCRIPT: &str = include_str!("templates/page.js");

/// Tables of one store that get a section; more are no page.
const SECTIONS: usize = 60;

/// A picture as the template takes it.
#[derive(Serialize)]
struct Picture<'f> {
    name: &'f str,
    title: &'f str,
    description: &'f str,
    /// Wider than a narrow screen: its frame scrolls.
    wide: bool,
    svg: Value,
}

impl<'f> Picture<'f> {
    fn new(figure: &'f Figure) -> Self {
        Self {
            name: &figure.name,
            title: &figure.title,
            description: &figure.description,
            wide: figure.wide,
            // Pictures escape their own labels.
            svg: Value::from_safe_string(figure.svg.clone()),
        }
    }
}

/// Everything on the page.
pub(crate) struct Page {
    title: String,
    summary: Vec<String>,
    post_hoc: bool,
    provenance: Vec<Line>,
    warnings: Vec<String>,
    settings: Vec<Line>,
    sections: Vec<Section>,
    left_out: usize,
    ranks: Option<Ranks>,
    methods: String,
}

impl Page {
    pub(crate) fn new(study: &Study<'_>) -> Self {
        let analysis = study.analysis();
        let shown = study.judgements.iter().take(SECTIONS).enumerate();
        let mut datasets: Vec<&str> =
            study.judgements.iter().map(|judgement| judgement.table.dataset.as_str()).collect();
        datasets.dedup();
        let title = match datasets.len() {
            0 => "Report".to_owned(),
            1..=3 => format!("Report: {}", datasets.join(", ")),
            many => format!("Report: {many} data sets"),
        };
        Self {
            title,
            summary: summary(study),
            post_hoc: study.experiment.post_hoc,
            provenance: provenance::lines(study),
            warnings: provenance::warnings(study),
            settings: provenance::settings(study),
            sections: shown.map(|(place, j)| Section::new(j, place, analysis)).collect(),
            left_out: study.judgements.len().saturating_sub(SECTIONS),
            ranks: Ranks::new(study),
            methods: methods(study),
        }
    }

    /// All pictures, in the order of the page.
    pub(crate) fn figures(&self) -> impl Iterator<Item = &Figure> {
        let sections = self.sections.iter().flat_map(|s| s.open.iter().chain(&s.folded));
        sections.chain(self.ranks.iter().filter_map(|ranks| ranks.figure.as_ref()))
    }

    /// The document.
    ///
    /// # Errors
    /// If a template is at fault.
    pub(crate) fn html(&self) -> Result<String> {
        let wrong = |error: minijinja::Error| {
            Error::contract(format!("the page cannot be made: {error:#}"))
        };
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).map_err(wrong)?;
        }
        let pictures: Vec<Value> = self
            .sections
            .iter()
            .map(|section| {
                let of = |figures: &[Figure]| -> Vec<Value> {
                    figures.iter().map(|f| Value::from_serialize(Picture::new(f))).collect()
                };
                context! { open => of(&section.open), folded => of(&section.folded) }
            })
            .collect();
        let diagram = self.ranks.as_ref().and_then(|ranks| ranks.figure.as_ref());
        let page = environment.get_template("page.html").map_err(wrong)?;
        page.render(context! {
            title => self.title,
            summary => self.summary,
            post_hoc => self.post_hoc,
            provenance => self.provenance,
            warnings => self.warnings,
            settings => self.settings,
            sections => self.sections,
            pictures => pictures,
            left_out => self.left_out,
            ranks => self.ranks,
            diagram => diagram.map(|figure| Value::from_serialize(Picture::new(figure))),
            methods => self.methods,
            style => Value::from_safe_string(format!("{STYLE_SHEET}{STYLE}")),
            script => Value::from_safe_string(SCRIPT.to_owned()),
        })
        .map_err(wrong)
    }
}

/// What came out, in words, for who reads nothing else.
fn summary(study: &Study<'_>) -> Vec<String> {
    let trials = study.experiment.trials;
    if trials.is_empty() {
        return vec!["No trial has ended, so there is nothing to compare.".to_owned()];
    }
    let finished = trials.iter().filter(|trial| trial.status == Status::Finished).count();
    let mut lines = vec![format!(
        "{} ended: {finished} finished, {} failed; {} to do.",
        count(trials.len(), "trial"),
        trials.len() - finished,
        study.experiment.pending.len()
    )];
    let all: Vec<&Comparison<'_>> =
        study.judgements.iter().flat_map(|judgement| &judgement.comparisons).collect();
    if all.is_empty() {
        lines.push(format!("Nothing is compared with {} yet.", study.control));
        return lines;
    }
    let analysis = study.analysis();
    lines.push(format!(
        "Of {} with {}: {}.",
        count(all.len(), "comparison"),
        study.control,
        tally(
            &all,
            |comparison| comparison.verdict,
            |verdict| match verdict {
                Verdict::Superior => " (a gain is shown)".to_owned(),
                Verdict::NonInferior if analysis.margin.size() == 0.0 =>
                    " (a loss is ruled out)".to_owned(),
                Verdict::NonInferior =>
                    format!(" (a loss of {} is ruled out)", analysis.margin.size()),
                Verdict::Inferior if analysis.margin.size() == 0.0 =>
                    " (a loss is shown)".to_owned(),
                Verdict::Inferior =>
                    format!(" (a loss of more than {} is shown)", analysis.margin.size()),
                Verdict::Inconclusive => " (neither is shown)".to_owned(),
            }
        )
    ));
    if all.iter().any(|comparison| comparison.verdict_adjusted != comparison.verdict) {
        lines.push(format!(
            "Counted together within a table, after {}: {}.",
            correction(analysis.correction),
            tally(&all, |comparison| comparison.verdict_adjusted, |_| String::new())
        ));
    }
    lines
}

/// How many comparisons have which verdict, with what it means.
fn tally(
    all: &[&Comparison<'_>],
    verdict: impl Fn(&Comparison<'_>) -> Verdict,
    meaning: impl Fn(Verdict) -> String,
) -> String {
    let kinds = [Verdict::Superior, Verdict::NonInferior, Verdict::Inferior, Verdict::Inconclusive];
    let parts: Vec<String> = kinds
        .into_iter()
        .map(|kind| (kind, all.iter().filter(|comparison| verdict(comparison) == kind).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {kind}{}", meaning(kind)))
        .collect();
    parts.join(", ")
}
