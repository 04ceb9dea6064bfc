//! What can be wrong with a layer or with the slices of a pass.

use std::fmt;

/// Why a layer cannot be built, or a pass not be run. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A size of the layer is 0, or its kernel is larger than the padded input.
    Shape(String),
    /// Dilated or grouped convolutions: there is no kernel for them.
    Unsupported(String),
    /// Weights, or positions of a padded input, that 32 bits do not count.
    TooLarge(String),
    /// A slice has another length than shape and batch ask for.
    Length {
        /// Which argument.
        what: &'static str,
        /// Elements that it should have.
        expected: usize,
        /// Elements that it has.
        found: usize,
    },
    /// An index beyond the last element.
    Index {
        /// Which argument.
        what: &'static str,
        /// The index found.
        index: usize,
        /// Elements that there are.
        len: usize,
    },
    /// This processor lacks the instruction set that was asked for.
    Instructions(&'static str),
    /// The operating system gives no threads.
    Threads(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape(why) | Self::Unsupported(why) | Self::TooLarge(why) => f.write_str(why),
            Self::Length { what, expected, found } => {
                write!(f, "{what} has {found} elements where the layer has {expected}")
            }
            Self::Index { what, index, len } => {
                write!(f, "{what} points to element {index} of {len}")
            }
            Self::Instructions(name) => write!(f, "this processor has no {name}"),
            Self::Threads(why) => write!(f, "threads do not start: {why}"),
        }
    }
}

impl std::error::Error for Error {}

/// A slice must have exactly `expected` elements.
pub(crate) fn length(what: &'static str, found: usize, expected: usize) -> Result<(), Error> {
    if found == expected { Ok(()) } else { Err(Error::Length { what, expected, found }) }
}
