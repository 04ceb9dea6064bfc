//! Text in the alphabet of LaTeX.

/// The text with every sign that LaTeX would take for a command, a ligature, or for unknown: what is
/// beyond ASCII and common in reports is set by commands that every engine has.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut last = ' ';
    for sign in text.chars() {
        match sign {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(sign);
            }
            // Two are a dash, and no longer the name of a flag.
            '-' if last == '-' => escaped.push_str("{}-"),
            other => match command(other) {
                Some(command) => escaped.push_str(command),
                None if other.is_control() => escaped.push(' '),
                None => escaped.push(other),
            },
        }
        last = sign;
    }
    escaped
}

/// A number or an interval: as [`escaped`], its minus signs set as mathematics.
pub(crate) fn number(text: &str) -> String {
    let mut number = String::new();
    let mut rest = text;
    while let Some(place) = rest.find('-') {
        let (before, after) = (&rest[..place], &rest[place + 1..]);
        number.push_str(&escaped(before));
        // A hyphen in a word is no minus.
        number.push_str(if after.starts_with(|c: char| c.is_ascii_digit()) { "$-$" } else { "-" });
        rest = after;
    }
    number + &escaped(rest)
}

fn command(sign: char) -> Option<&'static str> {
    Some(match sign {
        '\\' => "\\textbackslash{}",
        '~' => "\\textasciitilde{}",
        '^' => "\\textasciicircum{}",
        '<' => "\\textless{}",
        '>' => "\\textgreater{}",
        '|' => "\\textbar{}",
        '`' => "\\textasciigrave{}",
        // Its own command is unknown in the encoding that documents have by default.
        '"' | '\u{201d}' => "''",
        '\u{201c}' => "``",
        '\u{2018}' => "`",
        '\u{2019}' => "'",
        '\u{2013}' => "--",
        '\u{2014}' => "---",
        '\u{2026}' => "\\dots{}",
        '\u{a0}' | '\u{202f}' => "~",
        '\u{2212}' => "$-$",
        '±' => "$\\pm$",
        '×' => "$\\times$",
        '·' => "$\\cdot$",
        '≤' => "$\\leq$",
        '≥' => "$\\geq$",
        '≈' => "$\\approx$",
        '→' => "$\\rightarrow$",
        '∞' => "$\\infty$",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_no_commands() {
        assert_eq!(escaped("a_b & 90 %"), "a\\_b \\& 90 \\%");
        assert_eq!(
            escaped("\\x{^~}\n<"),
            "\\textbackslash{}x\\{\\textasciicircum{}\\textasciitilde{}\\} \\textless{}"
        );
        assert_eq!(escaped("--set \"x\" ?`"), "-{}-set ''x'' ?\\textasciigrave{}");
    }

    #[test]
    fn what_reports_write_beyond_ascii_needs_no_package() {
        assert_eq!(
            escaped("1 ± 2 … 3–4 × 5 ≥ 6 ∞"),
            "1 $\\pm$ 2 \\dots{} 3--4 $\\times$ 5 $\\geq$ 6 $\\infty$"
        );
        assert_eq!(escaped("Müller"), "Müller");
    }

    #[test]
    fn numbers_have_a_minus_and_words_a_hyphen() {
        for minus in ["-", "\u{2212}"] {
            let text = format!("{minus}1.32 [{minus}1.70, …]");
            assert_eq!(number(&text), "$-$1.32 [$-$1.70, \\dots{}]");
        }
        assert_eq!(number("4.1 (resident-set)"), "4.1 (resident-set)");
        assert_eq!(number("96.27 ± 0.19"), "96.27 $\\pm$ 0.19");
    }
}
