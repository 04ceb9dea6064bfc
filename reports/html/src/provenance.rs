//! Where the trials ran, and how they are compared.

use std::collections::BTreeSet;

use dst_analysis::Study;
use dst_analysis::words::{correction_name, margin};
use dst_record::Metric;
use dst_record::record::TrialRecord;

/// A name and its value.
pub(crate) type Line = (String, String);

/// What a trial says of where it ran.
type Source = fn(&TrialRecord) -> &str;

/// Sources that should be the same for all trials, and what follows if they are not.
const SOURCES: [(&str, Source, &str); 7] = [
    ("harness", |t| &t.provenance.version, "methods may differ between trials"),
    ("libtorch", |t| &t.provenance.libtorch, "rounding may differ between trials"),
    ("device", |t| &t.provenance.device, "times are not comparable"),
    ("host", |t| &t.provenance.host, "times are not comparable"),
    ("data from", |t| &t.provenance.data_origin, ""),
    ("data digest", |t| &t.provenance.data_digest, ""),
    ("weights digest", |t| &t.provenance.weights_digest, ""),
];

/// What was run, where, and when.
pub(crate) fn lines(study: &Study<'_>) -> Vec<Line> {
    let mut lines: Vec<Line> = study
        .experiment
        .commands
        .iter()
        .map(|command| ("planned by".to_owned(), command.clone()))
        .collect();
    let starts = study.experiment.trials.iter().map(|trial| trial.provenance.started.as_str());
    if let Some(first) = starts.filter(|started| !started.is_empty()).min() {
        lines.push(("first trial began".to_owned(), first.to_owned()));
    }
    for (name, source, _) in SOURCES {
        let values = values(study.experiment.trials, source);
        if !values.is_empty() {
            lines.push((name.to_owned(), values.into_iter().collect::<Vec<_>>().join(", ")));
        }
    }
    lines
}

/// Where trials did not run alike.
pub(crate) fn warnings(study: &Study<'_>) -> Vec<String> {
    let trials = study.experiment.trials;
    let mut warnings: Vec<String> = SOURCES
        .iter()
        .filter(|(_, _, consequence)| !consequence.is_empty())
        .filter(|(_, source, _)| values(trials, *source).len() > 1)
        .map(|(name, source, consequence)| {
            let values: Vec<&str> = values(trials, *source).into_iter().collect();
            format!("Trials have several values of {name} ({}): {consequence}.", values.join(", "))
        })
        .collect();
    for judgement in &study.judgements {
        let groups = judgement.table.groups.iter();
        let trials: Vec<&TrialRecord> =
            groups.flat_map(|group| group.trials.values().copied()).collect();
        let digests: BTreeSet<&str> = trials
            .iter()
            .map(|trial| trial.provenance.data_digest.as_str())
            .filter(|digest| !digest.is_empty())
            .collect();
        if digests.len() > 1 {
            warnings.push(format!(
                "Trials of {} saw {} different versions of the data.",
                judgement.table.heading(),
                digests.len()
            ));
        }
    }
    warnings
}

/// How trials are compared.
pub(crate) fn settings(study: &Study<'_>) -> Vec<Line> {
    let analysis = study.analysis();
    let line = |name: &str, value: String| (name.to_owned(), value);
    let mut lines = vec![
        line("control", study.control.clone()),
        line(
            "margin",
            format!(
                "{} of the metric ({} points)",
                margin(Metric::Matthews, analysis.margin.size()),
                margin(Metric::Accuracy, analysis.margin.size())
            ),
        ),
        line("alpha", analysis.alpha.to_string()),
        line("primary test", format!("{}, two-sided, over seeds", analysis.test.title())),
        line("correction", format!("{}, within a table", correction_name(analysis.correction))),
        line("fewest pairs for a p-value", analysis.minimum_pairs.to_string()),
    ];
    for (dataset, metric) in &analysis.metrics {
        lines.push(line(&format!("metric of {dataset}"), metric.title().to_owned()));
    }
    lines
}

fn values(trials: &[TrialRecord], source: Source) -> BTreeSet<&str> {
    trials.iter().map(source).filter(|value| !value.is_empty()).collect()
}
