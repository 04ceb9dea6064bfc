//! Verdicts for programs: a family and its comparisons at full precision.
//!
//! The fields stand in the `README.md` of `report-json`.

mod seconds;

use dst_stats::verdict::{Ends, PValue};
use serde_json::{Value, json};

use crate::{Comparison, Judgement, Study, sentence};

/// A family with its comparisons.
pub fn family(study: &Study<'_>, judgement: &Judgement<'_>) -> Value {
    let table = &judgement.table;
    json!({
        "key": table.key(),
        "dataset": table.dataset,
        "model": table.model,
        "metric": table.metric,
        "margin": judgement.margin,
        "chance": judgement.chance,
        "comparisons_planned": judgement.family,
        "look": judgement.look,
        "seeds": judgement.judged_seeds,
        "seeds_planned": judgement.planned_seeds,
        "alpha": judgement.alpha,
        "post_hoc_looks": judgement.post_hoc_looks,
        "error_bound": judgement.error_bound,
        "comparisons": judgement
            .comparisons
            .iter()
            .map(|c| comparison(study, judgement, c))
            .collect::<Vec<_>>(),
        "seconds": seconds::seconds(judgement),
    })
}

/// One comparison. Infinite ends are `null`.
pub fn comparison(
    study: &Study<'_>,
    judgement: &Judgement<'_>,
    comparison: &Comparison<'_>,
) -> Value {
    let group = &comparison.candidate;
    let evidence = comparison.evidence.as_ref();
    json!({
        "label": group.label,
        "strategy": group.strategy,
        "parameters": parsed(&group.parameters),
        "training": parsed(&group.training),
        "sparsity": group.sparsity,
        "control": comparison.control.as_ref().map(|control| &control.label),
        "verdict": comparison.verdict.name(),
        "loss_shown": comparison.loss_shown,
        "reason": comparison.reason.map(|reason| reason.name()),
        "not_comparable": comparison.not_comparable,
        "sentence":
            sentence(judgement, comparison, study.analysis(), study.experiment.post_hoc),
        "pairs": comparison.counts.map(|counts| counts.pairs),
        "candidate_failed": comparison.counts.map(|counts| counts.candidate_failed),
        "control_failed": comparison.counts.map(|counts| counts.control_failed),
        "missing": comparison.counts.map(|counts| counts.missing),
        "estimate": comparison.estimate,
        "interval": evidence.map(|evidence| ends(&evidence.interval)),
        "tails": evidence.map(|evidence| [evidence.tails.0, evidence.tails.1]),
        "level": evidence.map(|evidence| evidence.level),
        "clipped": evidence.map(|evidence| evidence.clipped),
        "interval_uncorrected": evidence.map(|evidence| ends(&evidence.uncorrected)),
        "p_difference": evidence.map(|evidence| p_value(&evidence.difference)),
        "p_non_inferior": evidence.map(|evidence| p_value(&evidence.non_inferior)),
        "p_inferior": evidence.map(|evidence| p_value(&evidence.inferior)),
        "without_failed": comparison.without_failed.map(|verdict| verdict.name()),
        "scores": comparison
            .pairs
            .iter()
            .map(|pair| {
                json!({ "seed": pair.seed, "candidate": pair.candidate, "control": pair.control })
            })
            .collect::<Vec<_>>(),
        "notes": comparison.notes,
    })
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

/// Infinite ends are `null`.
fn ends(ends: &Ends) -> [Option<f64>; 2] {
    [ends.lower, ends.upper].map(|end| Some(end).filter(|end| end.is_finite()))
}

fn p_value(p: &PValue) -> Value {
    json!({ "raw": p.raw, "adjusted": p.adjusted })
}
