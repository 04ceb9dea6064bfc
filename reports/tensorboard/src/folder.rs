//! Names of runs: TensorBoard names a run by its folder.

/// Longest part of a path; file systems take 255 bytes.
const LONGEST: usize = 120;

/// Makes text fit for one part of a path on any file system: letters, digits and signs that need
/// no quoting in TensorBoard's filter of runs, `-` for all others.
pub(crate) fn part(text: &str) -> String {
    let safe = |sign: char| match sign {
        // Brackets are patterns to programs that list files.
        '[' => '(',
        ']' => ')',
        sign if sign.is_ascii_alphanumeric() || " .,_-+=%()".contains(sign) => sign,
        _ => '-',
    };
    let part: String = text.chars().map(safe).take(LONGEST).collect();
    // Names that begin or end in a point or a space are hidden or cut off.
    let part = part.trim_matches(['.', ' ']);
    if part.is_empty() { "-".to_owned() } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_readable_and_safe() {
        assert_eq!(part("rigl at 90 %"), "rigl at 90 %");
        assert_eq!(part("glue/sst2 [train_samples=100]"), "glue-sst2 (train_samples=100)");
        assert_eq!(part("../..\\C:\u{0}é"), "-..-C---");
        assert_eq!(part(" .. "), "-");
        assert_eq!(part(&"x".repeat(400)).len(), LONGEST);
    }
}
