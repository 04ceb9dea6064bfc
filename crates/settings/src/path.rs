//! Where a parameter is among others.

use std::fmt;

use dst_core::{Error, Result};

/// The keys that lead to a parameter, from the outside in: `epochs`, `optimizer.beta2`,
/// `layer_densities."fc1.weight"`. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(Vec<String>);

impl Path {
    /// A path of these keys.
    ///
    /// # Panics
    /// If there is none: whoever calls it has looked.
    pub(crate) fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        let keys: Vec<String> = keys.into_iter().map(Into::into).collect();
        assert!(!keys.is_empty(), "a path has a key");
        Self(keys)
    }

    /// The outermost key.
    pub(crate) fn first(&self) -> &str {
        &self.0[0]
    }

    /// The innermost key.
    pub(crate) fn last(&self) -> &str {
        &self.0[self.0.len() - 1]
    }

    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }

    /// The path without its innermost key; none if it has no other.
    pub(crate) fn parent(&self) -> Option<Self> {
        (self.0.len() > 1).then(|| Self(self.0[..self.0.len() - 1].to_vec()))
    }

    /// A key below this one.
    pub(crate) fn child(&self, key: &str) -> Self {
        Self(self.0.iter().cloned().chain([key.to_owned()]).collect())
    }

    /// Is it below `other`, and not `other` itself?
    pub(crate) fn is_below(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }
}

impl From<&str> for Path {
    /// The path of one key.
    fn from(key: &str) -> Self {
        Self(vec![key.to_owned()])
    }
}

/// As in a grid file, with quotes where TOML wants them.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.0.iter().enumerate() {
            let dot = if index > 0 { "." } else { "" };
            write!(f, "{dot}{}", quoted(key))?;
        }
        Ok(())
    }
}

/// A key of TOML, in quotes unless it can do without.
pub(crate) fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        return key.to_owned();
    }
    if key.contains(['"', '\\']) { format!("'{key}'") } else { format!("\"{key}\"") }
}

/// Splits a typed path at the dots that are outside quotes, which go.
///
/// # Errors
/// If a key is empty, or a quote is not closed.
pub(crate) fn split(text: &str) -> Result<Vec<String>> {
    let text = text.trim();
    let mut keys = vec![String::new()];
    let mut quote = None;
    for character in text.chars() {
        match quote {
            Some(open) if character == open => quote = None,
            None if matches!(character, '"' | '\'') => quote = Some(character),
            None if character == '.' => keys.push(String::new()),
            _ => keys.last_mut().expect("there is one").push(character),
        }
    }
    if let Some(open) = quote {
        return Err(Error::usage(format!("the quote {open} in '{text}' is not closed")));
    }
    if let Some(at) = keys.iter().position(String::is_empty) {
        let before = keys[..at].join(".");
        let place = if before.is_empty() {
            "before its first dot".to_owned()
        } else {
            format!("after '{before}.'")
        };
        return Err(Error::usage(format!("the path '{text}' has no key {place}")));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split_outside_quotes_and_written_with_them() {
        let keys = split("rigl.layer_densities.\"fc1.weight\"").unwrap();
        assert_eq!(keys, ["rigl", "layer_densities", "fc1.weight"]);
        assert_eq!(Path::new(keys).to_string(), "rigl.layer_densities.\"fc1.weight\"");
        assert_eq!(split("glue/sst2.training.epochs").unwrap()[0], "glue/sst2");
        assert_eq!(split("'*'.interval").unwrap(), ["*", "interval"]);
        let error = |text| split(text).unwrap_err().to_string();
        assert_eq!(error("rigl..x"), "the path 'rigl..x' has no key after 'rigl.'");
        assert_eq!(error(".x"), "the path '.x' has no key before its first dot");
        assert_eq!(error("a.\"b.c"), "the quote \" in 'a.\"b.c' is not closed");
    }

    #[test]
    fn a_path_knows_what_is_below_it() {
        let (outer, inner) = (Path::from("optimizer"), Path::new(["optimizer", "beta2"]));
        assert!(inner.is_below(&outer) && !outer.is_below(&outer) && !outer.is_below(&inner));
        assert_eq!((inner.parent(), outer.parent()), (Some(outer.clone()), None));
        assert_eq!(outer.child("beta2"), inner);
    }
}
