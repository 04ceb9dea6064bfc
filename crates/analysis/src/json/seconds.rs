//! Measured time for programs.

use serde_json::{Value, json};

use crate::seconds::{BackendComparison, SeedTarget, TimeFront, TimeRatio, TimeToTarget};
use crate::{Judgement, seconds::Seconds};

/// What the trials of a family say about measured time. Infinite numbers are `null`.
pub(super) fn seconds(judgement: &Judgement<'_>) -> Value {
    let Seconds { backends, equivalence_margin, training, inference, target } = &judgement.seconds;
    json!({
        "equivalence_margin": equivalence_margin,
        "backends": backends.iter().map(backend).collect::<Vec<_>>(),
        "training": front(training),
        "inference": front(inference),
        "target": {
            "margin": target.margin,
            "withheld": target.withheld,
            "times": target.times.iter().map(time_to_target).collect::<Vec<_>>(),
        },
    })
}

fn backend(one: &BackendComparison<'_>) -> Value {
    json!({
        "label": one.candidate.label,
        "reference": one.reference.label,
        "backend": one.candidate.backend,
        "reference_backend": one.reference.backend,
        "pairs": one.pairs.len(),
        "difference": one.difference,
        "interval": one.interval.as_ref().map(ends),
        "level": one.interval.map(|interval| interval.level),
        "p_value": one.p_value.map(|(raw, adjusted)| json!({ "raw": raw, "adjusted": adjusted })),
        "sameness": one.sameness.name(),
        "reason": one.reason,
        "train_seconds_ratio": ratio(&one.training),
        "inference_ms_ratio": ratio(&one.inference),
        "peak_memory_ratio": one.memory,
    })
}

fn front(front: &TimeFront<'_>) -> Value {
    json!({
        "unit": front.clock.unit(),
        "withheld": front.withheld,
        "costs": front
            .costs
            .iter()
            .map(|cost| {
                json!({
                    "label": cost.group.label,
                    "score": cost.score,
                    "time": cost.time,
                    "ratio": cost.ratio.as_ref().map(ratio),
                    "on_front": cost.on_front,
                    "dominated_by": cost.dominated_by,
                })
            })
            .collect::<Vec<_>>(),
    })
}

fn time_to_target(time: &TimeToTarget<'_>) -> Value {
    let median = time.median_ratio.as_ref();
    let mean = time.mean_ratio.as_ref();
    json!({
        "label": time.group.label,
        "control": time.control.as_ref().map(|control| &control.label),
        "reached": time.reached(),
        "seeds": time.seeds.iter().map(seed).collect::<Vec<_>>(),
        "left_out": time.left_out,
        "epoch_median": finite(time.epoch),
        "seconds_median": finite(time.seconds),
        "seconds_per_epoch": finite(time.resolution),
        "ratio_median": median.and_then(|median| finite(median.median)),
        "ratio_median_interval": median.and_then(|median| median.interval.as_ref()).map(ends),
        "ratio_median_level": median.and_then(|median| Some(median.interval?.level)),
        "ratio_mean": mean.map(|mean| mean.geometric_mean),
        "ratio_mean_interval": mean.and_then(|mean| mean.interval.as_ref()).map(ends),
        "measured": time.measured.to_string(),
    })
}

fn seed(own: &SeedTarget) -> Value {
    json!({
        "seed": own.seed,
        "target": own.target,
        "epoch": own.reached.map(|reached| reached.epoch),
        "seconds": own.reached.map(|reached| reached.seconds),
        "control_epoch": own.control.epoch,
        "control_seconds": own.control.seconds,
        "trained_seconds": own.trained,
        "ratio": own.ratio.and_then(finite),
        "unlike": own.unlike,
    })
}

fn ratio(ratio: &TimeRatio) -> Value {
    let answer = ratio.ratio.as_ref();
    json!({
        "geometric_mean": answer.map(|answer| answer.geometric_mean),
        "interval": answer.and_then(|answer| answer.interval.as_ref()).map(ends),
        "pairs": answer.map_or(0, |answer| answer.n),
        "left_out": ratio.left_out,
        "measured": ratio.measured.to_string(),
    })
}

fn ends(interval: &dst_stats::Interval) -> [Option<f64>; 2] {
    [interval.lower, interval.upper].map(finite)
}

fn finite(value: f64) -> Option<f64> {
    Some(value).filter(|value| value.is_finite())
}
