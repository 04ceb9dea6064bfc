//! What stands in a table: a value and how people read it.

use dst_record::record::Status;
use dst_stats::verdict::Verdict;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// One cell. Its text is final: no form formats a value again.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Cell {
    /// There is no such value. Missing is empty, never zero.
    #[default]
    Empty,
    /// Words.
    Text(String),
    /// A number.
    Number {
        /// In the unit of files: shares are in [0, 1] even where their text is in percent.
        value: f64,
        /// As people read it.
        text: String,
    },
    /// A number with the interval that goes with it.
    Interval {
        /// The number.
        value: f64,
        /// Its lower end; minus infinity if there is no limit.
        lower: f64,
        /// Its upper end.
        upper: f64,
        /// As people read it, such as `−1.32 [−1.70, −0.95]`.
        text: String,
    },
    /// A verdict, which has a style of its own.
    Verdict(Verdict),
    /// How a trial ended, which has a style of its own.
    Status(Status),
}

impl Cell {
    /// Words; empty ones are no words.
    pub fn text_of(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// A count.
    pub fn count(count: usize) -> Self {
        Self::Number { value: count as f64, text: count.to_string() }
    }

    /// A number as `text` writes it; empty if there is none.
    pub fn number_of(value: Option<f64>, text: impl FnOnce(f64) -> String) -> Self {
        match value {
            Some(value) => Self::Number { value, text: text(value) },
            None => Self::Empty,
        }
    }

    /// As people read it.
    pub fn text(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Text(text) | Self::Number { text, .. } | Self::Interval { text, .. } => text,
            Self::Verdict(verdict) => crate::sentence::verdict(*verdict),
            Self::Status(status) => status.name(),
        }
    }

    /// What it sorts by, if that is a number.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number { value, .. } | Self::Interval { value, .. } => {
                Some(*value).filter(|value| value.is_finite())
            }
            _ => None,
        }
    }
}

/// `null`, a text, or an object with the value and its text; an end without a limit is `null`.
impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let finite = |value: &f64| Some(*value).filter(|value| value.is_finite());
        match self {
            Self::Empty => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number { value, text } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("value", &finite(value))?;
                map.serialize_entry("text", text)?;
                map.end()
            }
            Self::Interval { value, lower, upper, text } => {
                let mut map = serializer.serialize_map(Some(4))?;
                map.serialize_entry("value", &finite(value))?;
                map.serialize_entry("lower", &finite(lower))?;
                map.serialize_entry("upper", &finite(upper))?;
                map.serialize_entry("text", text)?;
                map.end()
            }
            Self::Verdict(verdict) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("verdict", verdict.name())?;
                map.end()
            }
            Self::Status(status) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("status", status)?;
                map.end()
            }
        }
    }
}
