//! Widths of text without a font, and numbers as text.

/// The font size of labels, in units of the figure.
pub(crate) const FONT: f64 = 13.0;

/// Advance widths of Helvetica in thousandths of the font size, from space to tilde.
#[rustfmt::skip]
const ADVANCES: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278,
    556, 556, 556, 556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556,
    1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778,
    667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556,
    333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556,
    556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// Machines without Helvetica or Arial fall back on wider faces.
const WIDER: f64 = 1.12;

/// The width of text at a font size. A reader's machine picks the font, so this errs on the wide
/// side; other scripts than Latin count as one em a character.
pub(crate) fn width(text: &str, size: f64) -> f64 {
    let advance = |character: char| match character {
        ' '..='~' => ADVANCES[character as usize - ' ' as usize],
        '\u{2026}' => 1000,
        '\u{A0}'..='\u{24F}' | '\u{2000}'..='\u{22FF}' => 600,
        _ => 1000,
    };
    text.chars().map(|character| f64::from(advance(character))).sum::<f64>() / 1000.0 * size * WIDER
}

/// The text, or its beginning and end around an ellipsis, within a width. Names of layers and
/// strategies differ at their ends, so the middle goes.
pub(crate) fn fit(text: &str, size: f64, limit: f64) -> String {
    if width(text, size) <= limit {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let shortened = |kept: usize| {
        let tail = kept / 2;
        let head: String = characters[..kept - tail].iter().collect();
        let end: String = characters[characters.len() - tail..].iter().collect();
        format!("{}\u{2026}{}", head.trim_end(), end.trim_start())
    };
    // Width grows with the number of characters kept.
    let (mut low, mut high) = (0, characters.len());
    while low + 1 < high {
        let middle = usize::midpoint(low, high);
        if width(&shortened(middle), size) <= limit { low = middle } else { high = middle }
    }
    shortened(low)
}

/// The text in at most two lines within a width, broken where the lines are most alike: at a space,
/// after a comma, or before the bracket of parameters.
pub(crate) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    if width(text, size) <= limit {
        return vec![text.to_owned()];
    }
    let parts = |at: usize| (text[..at].trim_end(), text[at..].trim_start());
    let longer = |at: &usize| width(parts(*at).0, size).max(width(parts(*at).1, size));
    let breaks = text.char_indices().filter_map(|(at, character)| match character {
        ' ' | '[' | '@' => Some(at),
        ',' => Some(at + 1),
        _ => None,
    });
    let fitting = breaks.filter(|at| {
        let (head, tail) = parts(*at);
        !head.is_empty() && !tail.is_empty() && width(head, size) <= limit
    });
    let Some(at) = fitting.min_by(|a, b| longer(a).total_cmp(&longer(b))) else {
        return vec![fit(text, size, limit)];
    };
    let (head, tail) = parts(at);
    vec![head.to_owned(), fit(tail, size, limit)]
}

/// As [`wrap`], in up to four lines where two would lose some of the text: methods often differ in
/// the middle of their labels.
pub(crate) fn wrap_label(text: &str, size: f64, limit: f64) -> Vec<String> {
    const MOST: usize = 4;
    let two = wrap(text, size, limit);
    if !two.iter().any(|line| line.contains('\u{2026}')) {
        return two;
    }
    let mut lines: Vec<String> = vec![String::new()];
    let mut part = String::new();
    let mut parts = Vec::new();
    for character in text.chars() {
        if matches!(character, ' ' | '[' | '@' | '=') && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
        }
        part.push(character);
        if matches!(character, ',' | '_') {
            parts.push(std::mem::take(&mut part));
        }
    }
    parts.push(part);
    for part in parts {
        let full = lines.len() == MOST;
        let last = lines.last_mut().expect("lines begin with one");
        let joined = format!("{last}{part}");
        if full || last.is_empty() || width(joined.trim(), size) <= limit {
            *last = joined;
        } else {
            lines.push(part);
        }
    }
    lines.iter().map(|line| fit(line.trim(), size, limit)).collect()
}

/// The text in as many lines as it needs within a width.
pub(crate) fn paragraph(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let joined = lines.last().map(|line| format!("{line} {word}"));
        match (joined, lines.last_mut()) {
            (Some(joined), Some(last)) if width(&joined, size) <= limit => *last = joined,
            _ => lines.push(fit(word, size, limit)),
        }
    }
    lines
}

/// How numbers of an axis are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notation {
    /// As they are: `0.25`, `1200`, and with an exponent where they are very large or small.
    #[default]
    Plain,
    /// Shares in [0, 1] as percent: `25 %`.
    Percent,
    /// Differences of shares in percentage points: `0.5` for 0.005.
    Points,
    /// With a prefix of the International System: `25 G`.
    Si,
}

impl Notation {
    /// A value with about four digits.
    pub(crate) fn text(self, value: f64) -> String {
        match self {
            Self::Percent => format!("{} %", digits(value * 100.0, 4)),
            Self::Points => format!("{} points", digits(value * 100.0, 4)),
            Self::Plain => digits(value, 4),
            Self::Si => si(value, 3),
        }
    }

    /// A difference of two values: shares differ by points.
    pub(crate) fn difference(self, value: f64) -> String {
        let sign = if value > 0.0 { "+" } else { "" };
        match self {
            Self::Percent | Self::Points => format!("{sign}{} points", digits(value * 100.0, 3)),
            Self::Plain => format!("{sign}{}", digits(value, 3)),
            Self::Si => format!("{sign}{}", si(value, 3)),
        }
    }

    /// The label of a tick among ticks that lie `step` apart.
    pub(crate) fn tick(self, value: f64, step: f64) -> String {
        // Less a little: steps are differences, so a step of one may be a little less.
        let decimals = |step: f64| (-step.abs().log10() - 1e-6).ceil().clamp(0.0, 9.0) as usize;
        match self {
            Self::Percent if step > 1e-10 && value.abs() < 1e5 => {
                minus(format!("{:.*} %", decimals(step * 100.0), value * 100.0))
            }
            Self::Points if step > 1e-10 && value.abs() < 1e5 => {
                minus(format!("{:.*}", decimals(step * 100.0), value * 100.0))
            }
            Self::Plain if value == 0.0 || (value.abs() < 1e6 && step > 1e-5) => {
                minus(format!("{value:.*}", decimals(step)))
            }
            Self::Si if step > 0.0 && value != 0.0 && value.is_finite() => {
                // As many digits as tell neighbours apart.
                let places = value.abs().log10().floor() - step.log10().floor();
                si(value, (places as usize + 1).clamp(3, 9))
            }
            _ => self.text(value),
        }
    }
}

/// A true minus sign, and none before a zero.
pub(crate) fn minus(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().any(|c| ('1'..='9').contains(&c) || c == '\u{221E}') => {
            format!("\u{2212}{rest}")
        }
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// A number to so many significant digits, without trailing zeros.
pub(crate) fn digits(value: f64, count: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { "missing".into() };
    }
    let size = value.abs().log10().floor();
    if !(-4.0..7.0).contains(&size) {
        let scientific = format!("{value:.*e}", count.min(3) - 1);
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        return minus(format!("{}e{exponent}", trim(mantissa)));
    }
    let decimals = (count as f64 - 1.0 - size).clamp(0.0, 9.0) as usize;
    minus(trim(&format!("{value:.decimals$}")).to_owned())
}

fn trim(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

fn si(value: f64, figures: usize) -> String {
    const PREFIXES: [&str; 12] = ["p", "n", "\u{B5}", "m", "", "k", "M", "G", "T", "P", "E", "Z"];
    if value == 0.0 || !value.is_finite() {
        return digits(value, figures);
    }
    let group = (value.abs().log10() / 3.0 + 1e-12).floor();
    match PREFIXES.get((group + 4.0) as usize) {
        Some(&"") => digits(value, figures),
        Some(prefix) if group >= -4.0 => {
            format!("{} {prefix}", digits(value / 1000_f64.powf(group), figures))
        }
        _ => digits(value, figures),
    }
}

/// Dotted names without the parts at their beginning and end that all share, as the names of the
/// layers of a large model do.
pub(crate) fn without_shared(names: &[String]) -> Vec<String> {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split('.').collect()).collect();
    let shortest = parts.iter().map(Vec::len).min().unwrap_or(0);
    if parts.len() < 2 || shortest < 2 {
        return names.to_vec();
    }
    let shared = |part: &dyn Fn(&[&str], usize) -> String, most: usize| {
        let same = |at: &usize| parts.iter().all(|name| part(name, *at) == part(&parts[0], *at));
        (0..most).take_while(same).count()
    };
    let head = shared(&|name, at| name[at].to_owned(), shortest - 1);
    let tail = shared(&|name, at| name[name.len() - 1 - at].to_owned(), shortest - 1 - head);
    parts.iter().map(|name| name[head..name.len() - tail].join(".")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        let plain = |value| Notation::Plain.text(value);
        assert_eq!(
            [0.0, 0.5, -1.25, 1234.6, 3.0e9].map(plain),
            ["0", "0.5", "\u{2212}1.25", "1235", "3e9"]
        );
        assert_eq!(Notation::Percent.text(0.98765), "98.77 %");
        assert_eq!(Notation::Si.text(2.5e9), "2.5 G");
        assert_eq!(Notation::Si.text(1000.0), "1 k");
        assert_eq!(Notation::Percent.tick(0.975, 0.005), "97.5 %");
        assert_eq!(Notation::Percent.tick(0.9, 0.1), "90 %");
        assert_eq!([1234.0, 1236.0].map(|s| Notation::Si.tick(s, 2.0)), ["1.234 k", "1.236 k"]);
        assert_eq!([1.001e12, 1e12].map(|f| Notation::Si.tick(f, 5e8)), ["1.001 T", "1 T"]);
        assert_eq!([312.5, 100.0].map(|s| Notation::Si.tick(s, 0.5)), ["312.5", "100"]);
        assert_eq!(Notation::Si.tick(2e9, 1e9), "2 G");
        assert_eq!(Notation::Plain.tick(-0.000_000_1, 0.1), "0.0");
        assert_eq!(Notation::Percent.difference(-0.0123), "\u{2212}1.23 points");
    }

    #[test]
    fn long_labels_keep_their_ends() {
        let label = "bert.encoder.layer.11.attention.output.dense";
        let short = fit(label, FONT, 150.0);
        assert!(width(&short, FONT) <= 150.0, "{short}");
        assert!(short.starts_with("bert.") && short.ends_with(".dense"), "{short}");
        assert_eq!(fit("dense", FONT, 150.0), "dense");
        assert_eq!(fit("a", FONT, 0.0), "\u{2026}");
    }

    #[test]
    fn names_of_layers_lose_what_they_share() {
        let names = ["bert.layer.0.query.dense", "bert.layer.11.output.dense"].map(String::from);
        assert_eq!(without_shared(&names), ["0.query", "11.output"]);
        let plain = ["linear1", "linear2"].map(String::from);
        assert_eq!(without_shared(&plain), plain);
        let same = ["a.b", "a.b"].map(String::from);
        assert_eq!(without_shared(&same), ["b", "b"]);
    }

    #[test]
    fn lines_break_at_spaces() {
        let lines = wrap("rigl drop_fraction=0.3 at 98 %", FONT, 170.0);
        assert_eq!(lines, ["rigl drop_fraction=0.3", "at 98 %"]);
        assert_eq!(wrap("unbreakable-and-long-name", FONT, 80.0).len(), 1);
        let lines = wrap("rigl[drop_fraction=0.3]", FONT, 140.0);
        assert_eq!(lines, ["rigl", "[drop_fraction=0.3]"]);
        let lines = wrap_label("rigl[drop_fraction=0.3] at 98 %", FONT, 104.0);
        assert_eq!(lines, ["rigl[drop_", "fraction=0.3] at", "98 %"]);
        let lines = paragraph("No finite values of accuracy.", FONT, 100.0);
        assert_eq!(lines, ["No finite values", "of accuracy."]);
    }
}
