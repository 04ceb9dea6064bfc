//! The section of one data set and model.

use std::collections::BTreeMap;

use dst_figures::Palette;
use dst_record::Metric;
use serde_json::Value;

use super::figures::Figures;
use super::{
    Block, Fold, Section, Topic, VerdictGroup, VerdictLine, costs, lead, masks, seconds, tables,
};
use crate::budget::{Budget, Level};
use crate::format::percent;
use crate::sentence::sentence_of_family;
use crate::{Comparison, Judgement, Study};

/// The section of a family: verdicts first, then what they rest on.
pub(super) fn section(
    study: &Study<'_>,
    palette: &Palette,
    judgement: &Judgement<'_>,
    id: String,
) -> Section {
    let alpha = judgement.alpha.unwrap_or(study.analysis().alpha);
    let figures = Figures::new(study, palette, judgement, &id);
    let mut blocks: Vec<Block> =
        figures.forest.map(|figure| Block::Figure(figure.into())).into_iter().collect();
    blocks.push(Block::Table(tables::results(judgement, study.analysis(), &id)));
    let groups = verdicts(study, judgement);
    if !groups.is_empty() {
        blocks.push(Block::Verdicts { groups });
    }
    let notes = notes(study, judgement, figures.notes);
    if !notes.is_empty() {
        blocks.push(Block::Notes { notes });
    }
    let mut time = seconds::tables(judgement, study.analysis(), &id);
    let mut over_time: Vec<Block> =
        figures.seconds.into_iter().map(|figure| Block::Figure(figure.into())).collect();
    if seconds::is_measured(judgement) {
        // What was trained for its time is read for its time.
        blocks.append(&mut time);
        blocks.append(&mut over_time);
    }
    blocks.extend(figures.open.into_iter().map(|figure| Block::Figure(figure.into())));

    let table = &judgement.table;
    let mut folds = Vec::new();
    let mut fold = |title: &str, summary: &str, blocks: Vec<Option<Block>>| {
        let blocks: Vec<Block> = blocks.into_iter().flatten().collect();
        if !blocks.is_empty() {
            folds.push(Fold { title: title.to_owned(), summary: summary.to_owned(), blocks });
        }
    };
    let drawn = |figures: Vec<dst_figures::Figure>| -> Vec<Option<Block>> {
        figures.into_iter().map(|figure| Some(Block::Figure(figure.into()))).collect()
    };
    let of = |table: Option<super::Table>| table.map(Block::Table);

    let mut costs = vec![of(Some(costs::costs(judgement, &id)))];
    costs.extend(drawn(figures.costs));
    fold("Costs", "parameters, FLOPs, times and memory", costs);
    fold(
        "Time",
        "scores against seconds, and how soon methods are as good as the control",
        time.into_iter().chain(over_time).map(Some).collect(),
    );
    let mut scores = vec![of(Some(tables::scores(judgement, &id, alpha)))];
    scores.extend(drawn(figures.seeds));
    fold("Scores and seeds", "every score, and every seed of every comparison", scores);
    fold("Training", "loss and validation by epoch", drawn(figures.training));
    fold("Topology", "which connections changed, when and where", drawn(figures.topology));
    let mut apart = vec![of(masks::table(judgement, &id))];
    apart.extend(drawn(figures.masks));
    fold("Masks", "whether seeds and methods end with the same connections", apart);
    fold(
        "Parameters",
        "sets that were tried, and what validation chose",
        vec![of(tables::selections(judgement, &id))],
    );
    fold(
        "Failures",
        "trials that were planned, and how they ended",
        vec![
            of(Some(tables::completeness(judgement, &id, alpha))),
            of(tables::failures(judgement, &id)),
        ],
    );
    let mut diagnostics =
        vec![of(tables::tests(judgement, &id, study)), of(tables::diagnostics(judgement, &id))];
    diagnostics.extend(drawn(figures.pairs));
    diagnostics.push(of(tables::mcnemar(judgement, &id)));
    fold("Diagnostics", "tests, p-values, effect sizes, all pairs, single models", diagnostics);
    fold(
        "Model",
        "architecture and metric",
        vec![Some(Block::Paragraph {
            text: format!(
                "Model: {}{}. Metric: {}, in {}, higher is better.{}",
                table.model,
                parameters(&table.model_parameters, table.model),
                table.metric.title(),
                table.metric.range(),
                match table.metric {
                    Metric::LogLikelihood => {
                        " It is the mean over tokens in nats; perplexity = exp(\u{2212}log-likelihood)."
                    }
                    _ => "",
                }
            ),
        })],
    );
    Section { id, topic: Topic::Family, title: table.heading(), blocks, folds }
}

/// Parameters of a model as people read them, such as `, activation relu, pooling max`.
fn parameters(json: &str, model: &str) -> String {
    match serde_json::from_str(json) {
        // Its title is its name, which stands before.
        Ok(Value::Object(mut all)) => {
            all.retain(|name, value| name != "title" || value.as_str() != Some(model));
            let words = fields(&all);
            if words.is_empty() { words } else { format!(", {words}") }
        }
        _ => format!(" {json}"),
    }
}

fn fields(all: &serde_json::Map<String, Value>) -> String {
    let words: Vec<String> = all
        .iter()
        .map(|(name, value)| format!("{} {}", name.replace('_', " "), words(value)))
        .collect();
    words.join(", ")
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(all) => format!("({})", fields(all)),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(words).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

/// Verdicts in words, grouped by what strategies are compared at.
fn verdicts(study: &Study<'_>, judgement: &Judgement<'_>) -> Vec<VerdictGroup> {
    if !judgement.has_control() {
        return Vec::new();
    }
    let mut by_level: BTreeMap<Level, Vec<&Comparison<'_>>> = BTreeMap::new();
    for comparison in &judgement.comparisons {
        by_level.entry(comparison.candidate.level()).or_default().push(comparison);
    }
    let several = by_level.len() > 1;
    by_level
        .into_iter()
        .map(|(level, comparisons)| VerdictGroup {
            title: if several { level.heading() } else { String::new() },
            verdicts: comparisons
                .into_iter()
                .map(|comparison| line(study, judgement, comparison))
                .collect(),
        })
        .collect()
}

fn line(study: &Study<'_>, judgement: &Judgement<'_>, comparison: &Comparison<'_>) -> VerdictLine {
    let clipped = comparison.evidence.filter(|evidence| evidence.clipped).map(|evidence| {
        if evidence.interval.lower == 0.0 {
            "The interval ends at 0: after the correction a gain is not shown.".to_owned()
        } else {
            "The interval ends at the margin: after the correction a loss beyond it is not shown."
                .to_owned()
        }
    });
    VerdictLine {
        label: comparison.candidate.label.clone(),
        verdict: comparison.verdict,
        sentence: sentence_of_family(
            judgement,
            comparison,
            study.analysis(),
            study.experiment.post_hoc,
        ),
        notes: clipped
            .into_iter()
            .chain(comparison.notes.iter().map(|note| format!("{note}.")))
            .collect(),
    }
}

/// What was equal where sparsities or epochs were chosen for it, and what the trials measured.
fn equal_costs(judgement: &Judgement<'_>) -> Vec<String> {
    let mut by_budget: BTreeMap<Budget, Vec<&Comparison<'_>>> = BTreeMap::new();
    for comparison in &judgement.comparisons {
        by_budget.entry(comparison.candidate.budget).or_default().push(comparison);
    }
    let mut notes = Vec::new();
    for (budget, comparisons) in by_budget.into_iter().filter(|(budget, _)| budget.is_some()) {
        let inference = comparisons.iter().map(|comparison| {
            comparison.candidate.mean(|o| o.inference_flops / o.dense_inference_flops)
        });
        let training = comparisons.iter().map(|comparison| comparison.train_flops_ratio);
        let (inference, training): (Vec<_>, Vec<_>) = (inference.collect(), training.collect());
        let nearly = ", as nearly as whole epochs allow";
        for (share, chosen, what, limit, shares) in [
            (budget.inference, "sparsity", "inference FLOPs", "", inference),
            (budget.training, "number of epochs", "training FLOPs", nearly, training),
        ] {
            let Some(share) = share else { continue };
            let mut text = format!(
                "Equal {what}: the {chosen} of every strategy was chosen before training so that \
                 it needs {} of the dense network's {what}{limit}",
                percent(share)
            );
            let mut reached: Vec<(f64, &str)> = comparisons
                .iter()
                .zip(shares)
                .filter_map(|(comparison, share)| Some((share?, comparison.candidate.strategy)))
                .collect();
            reached.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let (Some(least), Some(most)) = (reached.first(), reached.last()) {
                text.push_str(&format!(
                    "; trials measured {} ({}) to {} ({})",
                    percent(least.0),
                    least.1,
                    percent(most.0),
                    most.1
                ));
            }
            notes.push(text + ".");
        }
    }
    notes
}

/// What limits all verdicts of a family.
fn notes(study: &Study<'_>, judgement: &Judgement<'_>, drawn: Vec<String>) -> Vec<String> {
    let mut notes = equal_costs(judgement);
    if !judgement.has_control() && !judgement.comparisons.is_empty() {
        notes.push(format!("Nothing {}.", lead::without_control(judgement.control())));
    }
    notes.extend(tables::protection(judgement, study));
    if judgement.post_hoc_looks > 0 {
        notes.push(format!(
            "Post hoc: verdicts were shown before at {} that {} not planned, so the chance of a false \
             claim may reach {}.",
            match judgement.post_hoc_looks {
                1 => "1 other count of seeds".to_owned(),
                several => format!("{several} other counts of seeds"),
            },
            if judgement.post_hoc_looks == 1 { "was" } else { "were" },
            percent(judgement.error_bound.unwrap_or(1.0))
        ));
    }
    if let Some(look) = judgement.look.filter(|_| !study.analysis().looks.is_empty()) {
        notes.push(format!(
            "This is look {look} of {}, after {} of {} planned seeds.",
            study.analysis().looks.len(),
            judgement.judged_seeds.len(),
            judgement.planned_seeds
        ));
    }
    notes.extend(judgement.tuning_bias().map(|bias| format!("A bias: {bias}.")));
    notes.extend(drawn);
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_described_in_words() {
        let said = |json: &str| parameters(json, "lenet5");
        assert_eq!(
            said(r#"{"activation":"relu","layer_norm_eps":1e-12,"weights":null}"#),
            ", activation relu, layer norm eps 1e-12, weights none"
        );
        assert_eq!(
            said(r#"{"hidden":[300,100],"layers":[{"kind":"norm"}],"title":"lenet5"}"#),
            ", hidden [300, 100], layers [(kind norm)]"
        );
        assert_eq!(said("{}"), "");
    }
}
