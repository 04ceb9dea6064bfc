//! Text in the alphabet of LaTeX.

/// The text with every sign that LaTeX would take for a command.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(sign);
            }
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            '<' => escaped.push_str("\\textless{}"),
            '>' => escaped.push_str("\\textgreater{}"),
            '"' => escaped.push_str("\\textquotedbl{}"),
            sign if sign.is_control() => escaped.push(' '),
            sign => escaped.push(sign),
        }
    }
    escaped
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
    }
}
