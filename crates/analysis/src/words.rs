//! Numbers and verdicts as people read them: accuracies and F1 in percent and their differences in
//! points, correlations in plain units.

use crate::{Analysis, Multiplicity};
use dst_record::Metric;
use dst_stats::{Interval, Verdict};

use crate::comparison::{Comparison, Untested};

/// A verdict as people read it.
pub fn verdict(verdict: dst_stats::verdict::Verdict) -> &'static str {
    match verdict {
        dst_stats::verdict::Verdict::NotComparable => "not comparable",
        other => other.name(),
    }
}

/// Up to two decimals of a share, such as `98.5 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

/// A value of a metric, or a spread of them: two decimals of a percentage, or four of what is no
/// share.
pub fn score(metric: Metric, value: f64) -> String {
    if metric.is_share() { decimals(100.0 * value, 2) } else { decimals(value, 4) }
}

/// A difference as [`score`], with a sign.
pub fn difference(metric: Metric, difference: f64) -> String {
    let text = score(metric, difference);
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if text.starts_with('-') || is_zero { text } else { format!("+{text}") }
}

/// What follows a difference: ` points` of a share.
pub fn points(metric: Metric) -> &'static str {
    if metric.is_share() { " points" } else { "" }
}

/// The margin in the unit of differences, without trailing zeros.
pub fn margin(metric: Metric, margin: f64) -> String {
    let unit = if metric.is_share() { 1e10 } else { 1e12 };
    // Rounded, because 0.007 * 100 prints as 0.7000000000000001.
    ((margin * 1e12).round() / unit).to_string()
}

/// An interval of values or differences.
pub fn interval(metric: Metric, interval: &Interval) -> String {
    format!("[{}, {}]", score(metric, interval.lower), score(metric, interval.upper))
}

/// A p-value with three decimals; a small one is never shown as 0.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// Two decimals, and no negative zero.
pub fn fixed(value: f64) -> String {
    decimals(value, 2)
}

fn decimals(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.bytes().all(|byte| matches!(byte, b'0' | b'.')) => zero.to_owned(),
        _ => text,
    }
}

/// `1 seed`, `2 seeds`.
pub fn count(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// The adjustment, as part of a sentence: `Holm's correction`.
pub fn correction(multiplicity: Multiplicity) -> &'static str {
    match multiplicity {
        Multiplicity::None => "no correction",
        Multiplicity::Bonferroni => "Bonferroni's correction",
        Multiplicity::Holm => "Holm's correction",
        Multiplicity::Hochberg => "Hochberg's correction",
        Multiplicity::Hommel => "Hommel's correction",
        Multiplicity::BenjaminiHochberg => "Benjamini and Hochberg's correction",
        Multiplicity::BenjaminiYekutieli => "Benjamini and Yekutieli's correction",
    }
}

/// The adjustment in one word, for the head of a column: `Holm`.
pub fn correction_name(multiplicity: Multiplicity) -> &'static str {
    match multiplicity {
        Multiplicity::None => "unadjusted",
        Multiplicity::Bonferroni => "Bonferroni",
        Multiplicity::Holm => "Holm",
        Multiplicity::Hochberg => "Hochberg",
        Multiplicity::Hommel => "Hommel",
        Multiplicity::BenjaminiHochberg => "BH",
        Multiplicity::BenjaminiYekutieli => "BY",
    }
}

/// The verdict of one comparison with the numbers it rests on, in one sentence without a full
/// stop.
pub fn sentence(
    comparison: &Comparison<'_>,
    place: &str,
    comparisons: usize,
    analysis: &Analysis,
) -> String {
    let metric = comparison.metric;
    let candidate = &comparison.candidate.label;
    let control = &comparison.control.label;
    let seeds = if comparison.n() == comparison.planned {
        count(comparison.n(), "seed")
    } else {
        format!("{} of {}", comparison.n(), count(comparison.planned, "seed"))
    };
    let head = match comparison.verdict {
        Verdict::Inconclusive => {
            format!("{candidate} against {control} on {place} is inconclusive")
        }
        verdict => format!("{candidate} is {verdict} to {control} on {place}"),
    };
    // A metric that is not accuracy is named where its numbers stand.
    let name = match metric {
        Metric::Accuracy => String::new(),
        other => format!("{} ", other.title()),
    };
    let difference = comparison
        .difference
        .map(|value| format!("{name}{}{}", difference(metric, value), points(metric)));
    let confidence = comparison.interval.as_ref().map(|ci| {
        let level = percent(ci.level);
        format!("{level} CI {}", interval(metric, ci))
    });
    let numbers: Vec<String> = match comparison.untested {
        Some(Untested::NoPair) => {
            vec![format!("no pair of {} finished", count(comparison.planned, "seed"))]
        }
        Some(Untested::OnePair) => {
            difference.into_iter().chain([format!("{seeds}; a test needs 2 pairs")]).collect()
        }
        Some(Untested::BelowMinimum(needed)) => difference
            .into_iter()
            .chain(confidence)
            .chain([format!("{seeds}; a p-value needs {needed} pairs")])
            .collect(),
        Some(Untested::Identical) => {
            vec![
                "identical at every seed".to_owned(),
                format!("{seeds}; without variance there is no test"),
            ]
        }
        Some(Untested::NoVariance) => difference
            .map(|difference| format!("{difference} at every seed"))
            .into_iter()
            .chain([format!("{seeds}; without variance there is no test")])
            .collect(),
        None => {
            // The interval above has the level for claims of a difference. Where only the
            // one-sided bound clears the margin, the reader needs to see it.
            let bound = comparison.bound.filter(|_| {
                comparison.verdict == Verdict::NonInferior
                    && comparison.interval.is_some_and(|ci| ci.lower <= -analysis.margin.size())
            });
            difference
                .into_iter()
                .chain(confidence)
                .chain(bound.map(|bound| format!("one-sided bound {}", score(metric, bound))))
                .chain([format!("margin {}", margin(metric, analysis.margin.size())), seeds])
                .collect()
        }
    };
    let mut sentence = format!("{head}: {}", numbers.join(", "));
    if comparison.untested.is_none() && comparison.verdict_adjusted != comparison.verdict {
        sentence.push_str(&format!(
            " ({} after {} for {})",
            comparison.verdict_adjusted,
            correction(analysis.correction),
            count(comparisons, "comparison")
        ));
    }
    sentence
}

/// What a verdict means, for readers who do not live in statistics.
pub fn meaning(comparison: &Comparison<'_>, analysis: &Analysis) -> String {
    let metric = comparison.metric;
    let size = format!("{}{}", margin(metric, analysis.margin.size()), points(metric));
    let loss = match analysis.margin.size() {
        0.0 => " loss".to_owned(),
        _ => format!(" loss of {size} or more"),
    };
    let meaning = match comparison.verdict {
        Verdict::Superior => "The whole interval lies above 0: it is better.".to_owned(),
        Verdict::NonInferior if comparison.interval.is_some_and(|ci| ci.upper < 0.0) => {
            format!("It is worse, but a{loss} is ruled out.")
        }
        Verdict::NonInferior => format!("A{loss} is ruled out; a gain is not shown."),
        Verdict::Inferior if analysis.margin.size() == 0.0 => "It is worse.".to_owned(),
        Verdict::Inferior => format!("It loses more than {size}."),
        Verdict::Inconclusive if comparison.untested.is_some() => {
            "There is no test, so nothing is claimed either way.".to_owned()
        }
        Verdict::Inconclusive => format!(
            "A{loss} is neither shown nor ruled out. This does not show that the two are the \
             same; more seeds would narrow the interval."
        ),
    };
    if comparison.verdict_adjusted == comparison.verdict {
        return meaning;
    }
    format!(
        "{meaning} Counted together with the other comparisons of the table this does not hold; \
         it is then {}.",
        comparison.verdict_adjusted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.9, 0.985, 0.07, 0.0].map(percent), ["90 %", "98.5 %", "7 %", "0 %"]);
        let differences = |metric| [0.0012, -0.0012, -1e-9, 0.0].map(|d| difference(metric, d));
        assert_eq!(differences(Metric::Accuracy), ["+0.12", "-0.12", "0.00", "0.00"]);
        assert_eq!(differences(Metric::Matthews), ["+0.0012", "-0.0012", "0.0000", "0.0000"]);
        let margins = |metric| [0.005, 0.007, 0.0].map(|size| margin(metric, size));
        assert_eq!(margins(Metric::F1Binary), ["0.5", "0.7", "0"]);
        assert_eq!(margins(Metric::Pearson), ["0.005", "0.007", "0"]);
        assert_eq!(
            [1e-300, 0.000_999, 0.001, 0.25].map(p_value),
            ["< 0.001", "< 0.001", "0.001", "0.250"]
        );
    }
}
