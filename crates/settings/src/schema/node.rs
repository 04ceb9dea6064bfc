//! One place in a JSON schema: what lies below it, whether it has variants, what it takes.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// What a schema says of the value at one place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    form: &'a Value,
    root: &'a Value,
}

impl<'a> Node<'a> {
    /// The outermost place.
    pub(crate) fn of(root: &'a Value) -> Self {
        Self { form: root, root }
    }

    /// A place inside a schema.
    pub(crate) fn within(form: &'a Value, root: &'a Value) -> Self {
        Self { form, root }
    }

    fn at(self, form: &'a Value) -> Self {
        Self { form, ..self }
    }

    /// The place below a key: that of a field, of a field of any variant, or of an entry of a map.
    pub(crate) fn child(self, key: &str) -> Option<Self> {
        if let Some(found) = self.fields().get(key) {
            return Some(*found);
        }
        self.forms().into_iter().find_map(|form| {
            let entries = form.form.get("additionalProperties")?;
            let is_map = entries.is_object() || *entries == Value::Bool(true);
            is_map.then(|| form.at(entries))
        })
    }

    /// The place at the end of a path of keys.
    pub(crate) fn descend(self, keys: &[String]) -> Option<Self> {
        keys.iter().try_fold(self, |node, key| node.child(key))
    }

    /// The fields of a struct, or of all variants together.
    pub(crate) fn fields(self) -> BTreeMap<&'a str, Self> {
        let mut fields = BTreeMap::new();
        for form in self.forms() {
            for (key, field) in
                form.form.get("properties").and_then(Value::as_object).into_iter().flatten()
            {
                fields.entry(key.as_str()).or_insert(form.at(field));
            }
        }
        fields
    }

    /// The key whose value says which variant it is, with the variants by that value; none if there
    /// are no such variants.
    pub(crate) fn variants(self) -> Option<(&'a str, BTreeMap<&'a str, Self>)> {
        let forms = self.forms();
        forms.iter().find_map(|form| {
            let alternatives = form.alternatives();
            let tables: Vec<(Self, BTreeMap<&'a str, Self>)> = alternatives
                .map(|variant| (variant, variant.fields()))
                .filter(|(_, fields)| !fields.is_empty())
                .collect();
            // One alternative alone is a reference or an option, and no choice.
            let [(_, first), _, ..] = &tables[..] else { return None };
            let tag = first.iter().find(|(_, field)| field.constant().is_some())?.0;
            let variants = tables
                .iter()
                .map(|(variant, fields)| Some((fields.get(tag)?.constant()?, *variant)));
            Some((*tag, variants.collect::<Option<BTreeMap<_, _>>>()?))
        })
    }

    /// Has it fields of its own, as a struct has and a map has not?
    pub(crate) fn is_table(self) -> bool {
        !self.fields().is_empty()
    }

    /// Is the value a list?
    pub(crate) fn is_list(self) -> bool {
        self.forms().iter().any(|form| match form.form.get("type") {
            Some(Value::String(name)) => name == "array",
            Some(Value::Array(names)) => names.iter().any(|name| name == "array"),
            _ => false,
        })
    }

    /// The schema of the place by itself.
    pub(crate) fn form(self) -> &'a Value {
        self.form
    }

    /// The whole schema, to which references in [`Node::form`] refer.
    pub(crate) fn root(self) -> &'a Value {
        self.root
    }

    fn constant(self) -> Option<&'a str> {
        self.form.get("const").and_then(Value::as_str)
    }

    /// Forms among which the value has one.
    fn alternatives(self) -> impl Iterator<Item = Self> {
        ["oneOf", "anyOf"]
            .into_iter()
            .filter_map(move |key| self.form.get(key).and_then(Value::as_array))
            .flatten()
            .map(move |form| self.at(form))
    }

    /// The form itself and all that it refers to, consists of or chooses among.
    fn forms(self) -> Vec<Self> {
        let mut forms = vec![self];
        let mut next = 0;
        // A type may hold itself; no schema of a config is as deep as that.
        while next < forms.len() && forms.len() < 1_000 {
            let form = forms[next];
            next += 1;
            let target = form.form.get("$ref").and_then(Value::as_str);
            let target = target.and_then(|path| path.strip_prefix('#'));
            forms.extend(target.and_then(|path| self.root.pointer(path)).map(|form| self.at(form)));
            let parts = form.form.get("allOf").and_then(Value::as_array);
            forms.extend(parts.into_iter().flatten().map(|form| self.at(form)));
            forms.extend(form.alternatives());
        }
        forms
    }
}

/// A schema without references, so that it can be put into another. Types do not hold themselves.
pub(crate) fn inlined(form: &Value, root: &Value) -> Value {
    match form {
        Value::Object(map) => {
            let target = map.get("$ref").and_then(Value::as_str);
            let target = target.and_then(|path| root.pointer(path.strip_prefix('#')?));
            let mut whole: Map<String, Value> = match target.map(|target| inlined(target, root)) {
                Some(Value::Object(target)) => target,
                _ => Map::new(),
            };
            let own = map.iter().filter(|(key, _)| !matches!(key.as_str(), "$ref" | "$defs"));
            for (key, value) in own {
                let value = inlined(value, root);
                match (whole.get_mut(key), value) {
                    // Fields beside a reference come on top of those of its target.
                    (Some(Value::Object(fields)), Value::Object(own)) if key == "properties" => {
                        fields.extend(own);
                    }
                    // Anything else is more special than what the target has.
                    (_, value) => {
                        whole.insert(key.clone(), value);
                    }
                }
            }
            Value::Object(whole)
        }
        Value::Array(list) => list.iter().map(|form| inlined(form, root)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, schema_for};

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Method {
        fraction: f64,
        decay: Option<Decay>,
        densities: BTreeMap<String, f64>,
        widths: Vec<u32>,
    }

    #[derive(JsonSchema)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its schema is read")]
    enum Decay {
        Constant,
        Cosine { floor: f64 },
        Stepwise(Steps),
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Steps {
        every: dst_core::Span,
    }

    fn keys(path: &str) -> Vec<String> {
        path.split('.').map(str::to_owned).collect()
    }

    #[test]
    fn paths_lead_through_structs_variants_and_maps() {
        let schema = schema_for!(Method);
        for root in [schema.as_value().clone(), inlined(schema.as_value(), schema.as_value())] {
            let node = Node::of(&root);
            let found = |path: &str| node.descend(&keys(path));
            for path in ["fraction", "decay.kind", "decay.floor", "decay.every", "densities.fc1"] {
                assert!(found(path).is_some(), "{path}");
            }
            for path in ["decays", "decay.flor", "fraction.x", "densities.fc1.x", "widths.0"] {
                assert!(found(path).is_none(), "{path}");
            }
            let fields: Vec<&str> = found("decay").unwrap().fields().into_keys().collect();
            assert_eq!(fields, ["every", "floor", "kind"]);
            assert!(found("widths").unwrap().is_list() && !found("decay").unwrap().is_list());
            assert!(found("decay").unwrap().is_table() && !found("densities").unwrap().is_table());
        }
    }

    #[test]
    fn variants_are_told_by_their_tag() {
        let schema = schema_for!(Method);
        let decay = Node::of(schema.as_value()).child("decay").unwrap();
        let (tag, variants) = decay.variants().unwrap();
        assert_eq!(tag, "kind");
        let fields = |name: &str| variants[name].fields().into_keys().collect::<Vec<_>>();
        assert_eq!(fields("constant"), ["kind"]);
        assert_eq!(fields("cosine"), ["floor", "kind"]);
        assert_eq!(fields("stepwise"), ["every", "kind"]);
        assert!(Node::of(schema.as_value()).variants().is_none());
    }

    #[test]
    fn an_inlined_schema_refers_to_nothing() {
        let schema = schema_for!(Method);
        let text = inlined(schema.as_value(), schema.as_value()).to_string();
        assert!(!text.contains("$ref") && !text.contains("$defs"), "{text}");
        assert!(text.contains("75%"), "{text}");
    }
}
