//! Values that many records have in common.

use std::collections::HashSet;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value that is stored once, however many records have it, with its canonical JSON.
///
/// The 100,000 trials of a wide grid have a few strategies, models and trainings: sharing them takes a
/// hundredth of the memory, and each is written as JSON once rather than for the id of every trial. It
/// reads, compares and is stored like the value itself. To change it makes a copy first, unless nobody
/// else has it.
#[derive(Clone, Default)]
pub struct CowArc<T>(Arc<Stored<T>>);

#[derive(Clone, Default)]
struct Stored<T> {
    value: T,
    /// Empty until somebody asks for it.
    json: OnceLock<String>,
}

impl<T> CowArc<T> {
    /// Is it the very value that `other` has, stored once? Equal ones may be stored apart.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Of many, those that are stored apart, in their order.
    pub fn stored<'a>(all: impl IntoIterator<Item = &'a Self>) -> Vec<&'a Self> {
        let mut seen = HashSet::new();
        let mut stored: Vec<&Self> = Vec::new();
        for one in all {
            // In a grid, neighbours mostly have the same.
            let is_known = stored.last().is_some_and(|last| last.is_same(one));
            if !is_known && seen.insert(Arc::as_ptr(&one.0)) {
                stored.push(one);
            }
        }
        stored
    }
}

impl<T: Serialize> CowArc<T> {
    /// The value as compact JSON with sorted keys.
    pub fn json(&self) -> &str {
        self.0.json.get_or_init(|| {
            // `serde_json::Value` keeps maps sorted by key.
            let value = serde_json::to_value(&self.0.value).expect("a record is plain data");
            value.to_string()
        })
    }
}

impl<T> From<T> for CowArc<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(Stored { value, json: OnceLock::new() }))
    }
}

impl<T> Deref for CowArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

impl<T: Clone> DerefMut for CowArc<T> {
    fn deref_mut(&mut self) -> &mut T {
        let stored = Arc::make_mut(&mut self.0);
        stored.json.take();
        &mut stored.value
    }
}

impl<T: PartialEq> PartialEq for CowArc<T> {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || **self == **other
    }
}

impl<T: PartialEq> PartialEq<T> for CowArc<T> {
    fn eq(&self, other: &T) -> bool {
        **self == *other
    }
}

impl<T: fmt::Debug> fmt::Debug for CowArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for CowArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: Serialize> Serialize for CowArc<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for CowArc<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_change_is_not_seen_by_others_and_has_json_of_its_own() {
        let first: CowArc<Value> = json!({"name": "rigl", "drop_fraction": 0.3}).into();
        let mut second = first.clone();
        assert!(first.is_same(&second));
        assert_eq!(second.json(), r#"{"drop_fraction":0.3,"name":"rigl"}"#);
        second["drop_fraction"] = 0.5.into();
        assert_eq!(first["drop_fraction"], 0.3);
        assert_eq!(first.json(), r#"{"drop_fraction":0.3,"name":"rigl"}"#);
        assert_eq!(second.json(), r#"{"drop_fraction":0.5,"name":"rigl"}"#);
        assert_ne!(first, second);
    }

    #[test]
    fn equal_values_are_equal_wherever_they_are_stored() {
        let values: [CowArc<i32>; 3] = [1.into(), 1.into(), 2.into()];
        assert_eq!(values[0], values[1]);
        assert_eq!(values[0], 1);
        let again = values[0].clone();
        let stored = CowArc::stored([&values[0], &values[1], &again, &values[1], &values[2]]);
        assert_eq!(stored.iter().map(|value| ***value).collect::<Vec<_>>(), [1, 1, 2]);
    }

    #[test]
    fn it_is_written_and_read_as_the_value_itself() {
        let list: CowArc<Vec<u32>> = vec![1, 2].into();
        assert_eq!(serde_json::to_string(&list).unwrap(), "[1,2]");
        assert_eq!(serde_json::from_str::<CowArc<Vec<u32>>>("[1,2]").unwrap(), list);
        assert_eq!(format!("{list:?}"), "[1, 2]");
    }
}
