//! From values at paths to the tables in which a config has them.

use std::collections::BTreeSet;

use dst_core::{Error, Result};
use serde_json::{Map, Value, json};

use super::{Axes, Combination, ParameterSet};
use crate::path::Path;
use crate::schema::Node;

/// Puts the values of a combination into tables.
pub(super) struct Tables<'a> {
    pub(super) parameters: &'a ParameterSet,
    pub(super) combination: &'a Combination<'a>,
    pub(super) axes: &'a Axes<'a>,
}

impl Tables<'_> {
    /// The value at a path: what is set for it, or `default`, with what is set below it on top. What
    /// an old spelling sets and the component does not have goes into `beside`.
    pub(super) fn value(
        &self,
        path: &Path,
        default: Option<&Value>,
        beside: &mut Map<String, Value>,
    ) -> Result<Value> {
        let node = self.parameters.node(path);
        let variants = node.and_then(Node::variants);
        let set = self.combination.get(path).map(|value| match (value, &variants) {
            // A bare name means that variant.
            (Value::String(name), Some((tag, _))) => json!({ *tag: name }),
            (value, _) => (*value).clone(),
        });
        let depth = path.keys().len();
        let below: BTreeSet<&str> = self
            .combination
            .keys()
            .filter(|other| other.is_below(path))
            .map(|other| other.keys()[depth].as_str())
            .collect();
        if below.is_empty() {
            return Ok(set.or_else(|| default.cloned()).unwrap_or(Value::Null));
        }
        let tables = self.axes.get(path).map_or(0, |(_, setting)| setting.values.len());
        if tables > 1 {
            let inner = path.child(below.first().copied().unwrap_or_default());
            return Err(Error::usage(format!(
                "{path} has {tables} values, and {inner} is set beside them"
            ))
            .hint(format!("write it into each of the tables of {path}")));
        }
        let mut table = match set.as_ref().or(default) {
            Some(Value::Object(table)) => table.clone(),
            Some(Value::Null) | None => Map::new(),
            Some(other) if set.is_some() => {
                let key = below.first().copied().unwrap_or_default();
                return Err(Error::usage(format!(
                    "{path} = {other} is no table, so there is no '{key}' below it"
                )));
            }
            // The short form of a variant, or one value in place of a table.
            Some(Value::String(name)) if variants.is_some() => {
                let tag = variants.as_ref().map_or("", |(tag, _)| *tag);
                Map::from_iter([(tag.to_owned(), Value::from(name.as_str()))])
            }
            Some(_) => Map::new(),
        };
        let mut fields = None;
        if let Some((tag, variants)) = &variants {
            // Parameters of another variant than the named one are nothing to it.
            if let Some(name) = self.combination.get(&path.child(tag))
                && table.get(*tag) != Some(*name)
            {
                table = Map::from_iter([((*tag).to_owned(), (*name).clone())]);
            }
            let variant =
                table.get(*tag).and_then(Value::as_str).and_then(|name| variants.get(name));
            fields = variant.map(|variant| variant.fields());
        }
        for key in below {
            let place = path.child(key);
            if let Some(fields) = &fields
                && !fields.contains_key(key)
            {
                self.pass_by(path, &place, &table, fields.keys().copied(), beside)?;
                continue;
            }
            let value = self.value(&place, table.get(key), beside)?;
            table.insert(key.to_owned(), value);
        }
        Ok(Value::Object(table))
    }

    /// A parameter that the variant at `path` does not have: it is meant for another one, or it is a
    /// mistake.
    fn pass_by<'k>(
        &self,
        path: &Path,
        place: &Path,
        table: &Map<String, Value>,
        fields: impl Iterator<Item = &'k str>,
        beside: &mut Map<String, Value>,
    ) -> Result<()> {
        let Some((tag, variants)) = self.parameters.node(path).and_then(Node::variants) else {
            return Ok(());
        };
        let mut axes = self.axes.iter();
        let Some((_, (key, setting))) = axes.find(|(at, _)| *at == place || at.is_below(place))
        else {
            return Ok(());
        };
        if setting.is_old_spelling {
            // All components shared one set of keys, of which each read its own.
            if let Some(value) = self.combination.get(place) {
                beside.insert(place.last().to_owned(), (*value).clone());
            }
            return Ok(());
        }
        if let Some((tag_key, named)) = self.axes.get(&path.child(tag)) {
            let is_weaker = (key.specificity(), setting.rank) < (tag_key.specificity(), named.rank);
            let has = |name: &Value| {
                let variant = name.as_str().and_then(|name| variants.get(name));
                variant.is_some_and(|variant| variant.fields().contains_key(place.last()))
            };
            if is_weaker || named.values.iter().any(has) {
                return Ok(());
            }
        }
        let name = table.get(tag).and_then(Value::as_str).unwrap_or_default();
        let known = fields.filter(|key| *key != tag);
        Err(Error::unknown("parameter", place.last(), known).at(name).at(path.to_string()))
    }
}
