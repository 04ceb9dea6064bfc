//! Numbers as people read them: accuracies and F1 in percent and their differences in points,
//! correlations in plain units, and a true minus sign, as figures have it. Files for programs write
//! their numbers themselves.

use std::collections::BTreeSet;

use dst_record::{BackendKind, Metric};
use dst_stats::verdict::Ends;

use crate::settings::Multiplicity;

/// Up to two decimals of a share, such as `98.5 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", (share * 1e4).round() / 1e2)
}

/// Decimals of a score of this metric.
fn digits(metric: Metric) -> usize {
    if metric.is_share() { 2 } else { 4 }
}

fn scale(metric: Metric) -> f64 {
    if metric.is_share() { 100.0 } else { 1.0 }
}

/// A value of a metric, or a spread of them: two decimals of a percentage, or four of what is no
/// share.
pub fn score(metric: Metric, value: f64) -> String {
    minus(decimals(scale(metric) * value, digits(metric)))
}

/// A mean with its standard deviation, such as `97.59 ± 0.27`.
pub fn mean_and_sd(metric: Metric, mean: f64, sd: Option<f64>) -> String {
    match sd {
        Some(sd) => format!("{} ± {}", score(metric, mean), score(metric, sd)),
        None => score(metric, mean),
    }
}

/// A difference as [`score`], with a sign.
pub fn difference(metric: Metric, difference: f64) -> String {
    signed(decimals(scale(metric) * difference, digits(metric)))
}

/// Of a number as programs write it.
fn signed(text: String) -> String {
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if text.starts_with('-') || is_zero { minus(text) } else { format!("+{text}") }
}

/// A number as programs write it, with the sign that people read.
fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(size) => format!("\u{2212}{size}"),
        None => text,
    }
}

/// What follows a difference: ` points` of a share.
pub fn points(metric: Metric) -> &'static str {
    if metric.is_share() { " points" } else { "" }
}

/// What scores of a metric count in: `%` of a share.
pub fn unit(metric: Metric) -> &'static str {
    if metric.is_share() { "%" } else { "" }
}

/// The margin in the unit of differences, without trailing zeros.
pub fn margin(metric: Metric, margin: f64) -> String {
    let unit = if metric.is_share() { 1e10 } else { 1e12 };
    // Rounded, because 0.007 * 100 prints as 0.7000000000000001; a relative margin may have many digits.
    let rounded = (margin * 1e12).round() / unit;
    let short = (rounded * 1e4).round() / 1e4;
    if short == 0.0 { rounded.to_string() } else { short.to_string() }
}

/// An end of an interval of differences. What lies on one side of 0 or of the margin is not printed as
/// lying on it: more digits are shown until it does not.
pub fn end(metric: Metric, value: f64, allowed_loss: f64) -> String {
    if value.is_infinite() {
        return "no limit".to_owned();
    }
    let scaled = scale(metric) * value;
    let landmarks = [0.0, -scale(metric) * allowed_loss];
    for digits in digits(metric)..digits(metric) + 6 {
        let text = decimals(scaled, digits);
        let shown: f64 = text.parse().unwrap_or(scaled);
        let side = |at: f64, landmark: f64| {
            // What is within rounding of a landmark lies on it.
            if (at - landmark).abs() < 1e-9 { 0 } else { (at - landmark).signum() as i8 }
        };
        if landmarks.iter().all(|landmark| side(shown, *landmark) == side(scaled, *landmark)) {
            return signed(text);
        }
    }
    signed(scaled.to_string())
}

/// An interval of differences, such as `[−1.70, +0.95]`; `…` where there is no limit.
pub fn ends(metric: Metric, ends: &Ends, allowed_loss: f64) -> String {
    let text = |value: f64| {
        if value.is_finite() { end(metric, value, allowed_loss) } else { "…".to_owned() }
    };
    format!("[{}, {}]", text(ends.lower), text(ends.upper))
}

/// An interval of scores.
pub fn interval(metric: Metric, interval: &dst_stats::Interval) -> String {
    format!("[{}, {}]", score(metric, interval.lower), score(metric, interval.upper))
}

/// A p-value with three decimals, or as many as it takes to see on which side of `level` it lies; a small
/// one is never shown as 0.
pub fn p_value(p: f64, level: f64) -> String {
    if p < 0.001 && p <= level {
        return if level >= 0.001 { "< 0.001".to_owned() } else { format!("{p:.1e}") };
    }
    for digits in 3..9 {
        let text = format!("{p:.digits$}");
        let shown: f64 = text.parse().unwrap_or(p);
        if (shown <= level) == (p <= level) && shown != level || p == level {
            return text;
        }
    }
    p.to_string()
}

/// A level of confidence, such as `95 %` or `99.58 %`.
pub fn level(level: f64) -> String {
    // Rounded down, so that no level is shown that was not reached.
    format!("{} %", ((level * 1e4 + 1e-6).floor()) / 1e2)
}

/// Two decimals, and no negative zero.
pub fn fixed(value: f64) -> String {
    minus(decimals(value, 2))
}

/// A quotient of two times or sizes: two decimals, three below a tenth.
pub fn quotient(value: f64) -> String {
    match value {
        large if !large.is_finite() => "…".to_owned(),
        small if small < 0.0995 => decimals(small, 3),
        other => fixed(other),
    }
}

/// A quotient with its interval, such as `0.25 [0.22, 0.28]`; `…` where there is no limit.
pub fn quotient_between(value: f64, interval: Option<&dst_stats::Interval>) -> String {
    match interval {
        Some(ends) => {
            format!("{} [{}, {}]", quotient(value), quotient(ends.lower), quotient(ends.upper))
        }
        None => quotient(value),
    }
}

/// What times are times of, in a sentence.
pub fn arithmetic(backends: impl Iterator<Item = BackendKind>) -> String {
    let backends: BTreeSet<BackendKind> = backends.collect();
    let kernels = |backend: &BackendKind| match backend {
        BackendKind::Masked => "dense arithmetic on weights that are 0 where nothing is active",
        BackendKind::Sparse => "kernels that multiply by active weights only",
        BackendKind::Auto => {
            "kernels that multiply by active weights only in the layers where they pay, dense arithmetic \
             elsewhere"
        }
    };
    match backends.iter().collect::<Vec<_>>()[..] {
        [] | [BackendKind::Masked] => {
            "Every time is that of masked dense arithmetic, which is no faster than a dense network."
                .to_owned()
        }
        [only] => format!("Every time is that of the backend {only}: {}.", kernels(only)),
        [first, ref others @ ..] => {
            let mut text = format!("Times are those of each backend. {first}: {}", kernels(first));
            for backend in others {
                text.push_str(&format!("; {backend}: {}", kernels(backend)));
            }
            text + "."
        }
    }
}

/// Operations, such as `2.62e11`.
pub fn operations(count: f64) -> String {
    format!("{count:.2e}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([0.9, 0.985, 0.07, 0.0].map(percent), ["90 %", "98.5 %", "7 %", "0 %"]);
        let differences = |metric| [0.0012, -0.0012, -1e-9, 0.0].map(|d| difference(metric, d));
        assert_eq!(differences(Metric::Accuracy), ["+0.12", "\u{2212}0.12", "0.00", "0.00"]);
        assert_eq!(
            differences(Metric::Matthews),
            ["+0.0012", "\u{2212}0.0012", "0.0000", "0.0000"]
        );
        let margins = |metric| [0.005, 0.007, 0.0, 0.005 / 3.0].map(|size| margin(metric, size));
        assert_eq!(margins(Metric::F1Binary), ["0.5", "0.7", "0", "0.1667"]);
        assert_eq!(margins(Metric::Pearson), ["0.005", "0.007", "0", "0.0017"]);
        assert_eq!([0.95, 0.9875, 0.995_833].map(level), ["95 %", "98.75 %", "99.58 %"]);
    }

    #[test]
    fn quotients_are_short() {
        assert_eq!([0.25, 1.0, 0.0414, 12.34].map(quotient), ["0.25", "1.00", "0.041", "12.34"]);
        let ends = dst_stats::Interval { lower: 0.2, upper: f64::INFINITY, level: 0.95 };
        assert_eq!(quotient_between(0.25, Some(&ends)), "0.25 [0.20, …]");
        assert_eq!(quotient_between(0.25, None), "0.25");
    }

    #[test]
    fn times_say_which_arithmetic_took_them() {
        let (masked, sparse, auto) = (BackendKind::Masked, BackendKind::Sparse, BackendKind::Auto);
        assert!(arithmetic([masked, masked].into_iter()).contains("masked dense arithmetic"));
        assert!(
            arithmetic([auto].into_iter()).starts_with("Every time is that of the backend auto")
        );
        let all = arithmetic([auto, masked, sparse].into_iter());
        assert!(all.starts_with("Times are those of each backend. masked: dense"), "{all}");
        assert!(all.ends_with("dense arithmetic elsewhere."), "{all}");
    }

    #[test]
    fn rounding_takes_no_number_across_a_limit() {
        // p = 0.0496 is below 0.05, and -0.4999 points are above a margin of 0.5.
        assert_eq!(p_value(0.0496, 0.05), "0.0496");
        assert_eq!(p_value(0.0504, 0.05), "0.0504");
        assert_eq!(p_value(0.05, 0.05), "0.050");
        assert_eq!(p_value(0.25, 0.05), "0.250");
        assert_eq!(p_value(1e-300, 0.05), "< 0.001");
        let points = |value: f64| end(Metric::Accuracy, value, 0.005);
        assert_eq!(points(-0.004_999), "\u{2212}0.4999");
        assert_eq!(points(-0.005_001), "\u{2212}0.5001");
        assert_eq!(points(-0.005), "\u{2212}0.50");
        assert_eq!(points(0.000_04), "+0.004");
        assert_eq!(points(0.0), "0.00");
        assert_eq!(points(0.0123), "+1.23");
        assert_eq!(points(f64::NEG_INFINITY), "no limit");
    }
}
