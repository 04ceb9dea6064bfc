//! The verdicts that a forest plot shows, each with a word, a sign and a colour of its own.

/// What a comparison with the control shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conclusion {
    /// A gain is shown.
    Superior,
    /// A loss of the margin or more is ruled out.
    NonInferior,
    /// A loss is shown; whether it exceeds the margin is open.
    Worse,
    /// A loss beyond the margin is shown.
    Inferior,
    /// None of these is shown.
    Inconclusive,
    /// The network is not what was asked for, so nothing is said of it.
    NotComparable,
}

impl Conclusion {
    /// All of them, from the best to those that decide nothing.
    pub const ALL: [Self; 6] = [
        Self::Superior,
        Self::NonInferior,
        Self::Worse,
        Self::Inferior,
        Self::Inconclusive,
        Self::NotComparable,
    ];

    /// The verdict as text.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Superior => "superior",
            Self::NonInferior => "non-inferior",
            Self::Worse => "worse",
            Self::Inferior => "inferior",
            Self::Inconclusive => "inconclusive",
            Self::NotComparable => "not comparable",
        }
    }

    /// The sign between candidate and control that stands for the verdict, as `≥` for
    /// non-inferior: a reader who sees no colours has it beside the word.
    #[must_use]
    pub fn sign(self) -> &'static str {
        match self {
            Self::Superior => ">",
            Self::NonInferior => "\u{2265}",
            Self::Worse => "<",
            Self::Inferior => "\u{226A}",
            Self::Inconclusive => "?",
            Self::NotComparable => "\u{D7}",
        }
    }

    /// The last part of the names in the style sheet, such as `--figure-verdict-superior`.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Self::NotComparable => "not-comparable",
            other => other.text(),
        }
    }

    /// Whether something is shown of the method, so that its sign is drawn full.
    pub(crate) fn decides(self) -> bool {
        !matches!(self, Self::Inconclusive | Self::NotComparable)
    }
}
