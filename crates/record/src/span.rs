//! A length of training.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// A length of training: `"100 steps"`, `"10 epochs"` or `"75%"` of the whole.
///
/// A bare number means optimiser steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Span {
    /// Optimiser steps; batches that went into the topology are not counted.
    Steps(u64),
    /// Passes over the training data; fractions are allowed.
    Epochs(f64),
    /// A fraction in [0, 1] of the planned optimiser steps.
    Fraction(f64),
}

impl Span {
    /// Refuses an interval of no length.
    ///
    /// # Errors
    /// If it is zero, naming `key`.
    pub fn check_interval(self, key: &str) -> Result<()> {
        match self {
            Self::Steps(0) => {}
            Self::Epochs(length) | Self::Fraction(length) if length <= 0.0 => {}
            _ => return Ok(()),
        }
        Err(Error::usage(format!("{key} = \"{self}\" would update without end"))
            .hint("write \"100 steps\" or \"1 epochs\""))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps} steps"),
            Self::Epochs(epochs) => write!(f, "{epochs} epochs"),
            // Rounded, because 0.07 * 100 prints as 7.000000000000001.
            Self::Fraction(fraction) => write!(f, "{}%", (fraction * 1e12).round() / 1e10),
        }
    }
}

impl FromStr for Span {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::usage(format!("'{text}' is not a length of training"))
                .hint("write \"100 steps\", \"10 epochs\" or \"75%\"")
        };
        let trimmed = text.trim();
        let split = trimmed
            .find(|c: char| c.is_alphabetic() || c == '%' || c.is_whitespace())
            .unwrap_or(trimmed.len());
        let (number, unit) = (&trimmed[..split], trimmed[split..].trim());
        let value: f64 = number.parse().map_err(|_| bad())?;
        if !value.is_finite() || value < 0.0 {
            return Err(bad());
        }
        match unit {
            "" | "step" | "steps" if value.fract() == 0.0 => Ok(Self::Steps(value as u64)),
            "epoch" | "epochs" => Ok(Self::Epochs(value)),
            "%" if value <= 100.0 => Ok(Self::Fraction(value / 100.0)),
            _ => Err(bad()),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        from_text_or_number(deserializer)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["100 steps", "10 epochs", "75%"] })
    }
}

/// A number is read as its text, so that TOML's `interval = 100` works like `"100"`.
///
/// # Errors
/// If it is neither, or does not parse.
pub fn from_text_or_number<'de, D: Deserializer<'de>, T: FromStr<Err = Error>>(
    deserializer: D,
) -> std::result::Result<T, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum TextOrNumber {
        Text(String),
        Number(f64),
    }
    let text = match TextOrNumber::deserialize(deserializer)? {
        TextOrNumber::Text(text) => text,
        TextOrNumber::Number(number) => number.to_string(),
    };
    text.parse().map_err(|error: Error| serde::de::Error::custom(error.one_line()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_round_trip_through_text() {
        for text in ["100 steps", "10 epochs", "0.5 epochs", "75%", "7%"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
        assert_eq!("12".parse::<Span>().unwrap(), Span::Steps(12));
        for bad in ["", "ten", "-1 steps", "1.5 steps", "120%", "3 weeks", "NaN", "inf epochs"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?} was accepted");
        }
    }
}
