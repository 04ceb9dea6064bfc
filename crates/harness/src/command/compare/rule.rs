//! What two sides of a comparison must have in common.

use std::collections::BTreeSet;

use super::side::Side;

/// What the two sides must have in common.
#[derive(Debug, Clone, Default)]
pub(super) struct Rule {
    /// Is one strategy compared in two sources? Else one is compared with another.
    pub(super) same_strategy: bool,
    /// Was the sparsity of both sides typed?
    pub(super) any_sparsity: bool,
    /// Settings that were typed in brackets on both sides: in these they are meant to differ.
    pub(super) chosen: BTreeSet<String>,
}

impl Rule {
    /// The rule of two sides.
    pub(super) fn of(sides: [&Side; 2]) -> Self {
        let [Some(first), Some(second)] = sides.map(|side| side.selector.as_ref()) else {
            return Self { same_strategy: true, ..Self::default() };
        };
        let same_source = sides[0].source.is(&sides[1].source);
        let same_part = first.strategy == second.strategy
            && first.settings == second.settings
            && first.sparsity == second.sparsity;
        Self {
            same_strategy: same_part && !same_source,
            any_sparsity: first.sparsity.is_some() && second.sparsity.is_some(),
            chosen: {
                let both = first.settings.keys().filter(|key| second.settings.contains_key(*key));
                both.cloned().collect()
            },
        }
    }
}
