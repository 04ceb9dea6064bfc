//! Running text in lines.

use std::borrow::Cow;

/// Characters of a text.
pub(crate) fn length(text: &str) -> usize {
    text.chars().count()
}

/// A number of bytes, such as `824 bytes`, `61.3 kB` or `4.2 MB`.
pub(crate) fn bytes(count: u64) -> String {
    let number = count as f64;
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", number / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", number / 1e6),
        _ => format!("{:.1} GB", number / 1e9),
    }
}

/// Breaks text into lines of at most `width` characters, each after `indent`.
pub(crate) fn wrapped(text: &str, indent: &str, width: usize) -> String {
    hanging(text, indent, indent, width)
}

/// As [`wrapped`], with another indent before the first line.
pub(crate) fn hanging(text: &str, first: &str, indent: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut line = String::from(first);
    let mut empty = true;
    for word in words(text) {
        if !empty && length(&line) + 1 + length(&word) > width {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from(indent);
        } else if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    if !empty {
        lines.push_str(&line);
        lines.push('\n');
    }
    lines
}

/// What no line breaks: words, and a number with its sign of percent.
fn words(text: &str) -> Vec<Cow<'_, str>> {
    let mut words: Vec<Cow<'_, str>> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(number) if word.starts_with('%') => {
                *number = format!("{number} {word}").into();
            }
            _ => words.push(word.into()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_the_unit_that_suits_them() {
        let shown = [824, 61_320, 4_200_000, 1_300_000_000].map(bytes);
        assert_eq!(shown, ["824 bytes", "61.3 kB", "4.2 MB", "1.3 GB"]);
    }

    #[test]
    fn long_text_is_wrapped_between_words() {
        assert_eq!(wrapped("a bb ccc dddd", "  ", 8), "  a bb\n  ccc\n  dddd\n");
        assert_eq!(wrapped("", "  ", 8), "");
        assert_eq!(wrapped("its 90 %, say", "", 7), "its\n90 %,\nsay\n");
        assert_eq!(hanging("a bb ccc dddd", "- ", "  ", 8), "- a bb\n  ccc\n  dddd\n");
    }
}
