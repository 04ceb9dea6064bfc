//! Which trained networks a store keeps.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Of which trials the weights stay in the store.
///
/// It changes nothing of a trial's course or result, so it is no part of its specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Of none: a grid of a thousand trials takes no more room than their results.
    #[default]
    None,
    /// Of each group of trials that differ only in their seed, the one that is best on validation.
    Best,
    /// Of every trial that trained to its end.
    All,
}

impl Keep {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::None, Self::Best, Self::All];

    /// Does a trial that ends keep its weights, at least until a better one of its group has ended?
    pub fn is_some(self) -> bool {
        self != Self::None
    }

    /// The choice of that name.
    ///
    /// # Errors
    /// If there is none; the nearest is suggested.
    pub fn parse(name: &str) -> Result<Self> {
        let names = Self::ALL.map(|keep| keep.to_string());
        Self::ALL.into_iter().find(|keep| keep.to_string() == name).ok_or_else(|| {
            Error::unknown("choice of weights to keep", name, names.iter().map(String::as_str))
        })
    }
}

/// As in files, such as `best`.
impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Best => "best",
            Self::All => "all",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_name_a_choice_as_it_is_displayed_and_read() {
        for keep in Keep::ALL {
            assert_eq!(serde_json::to_value(keep).unwrap(), keep.to_string());
            assert_eq!(Keep::parse(&keep.to_string()).unwrap(), keep);
        }
        let error = Keep::parse("bset").unwrap_err().to_string();
        assert!(error.contains("did you mean 'best'"), "{error}");
    }
}
