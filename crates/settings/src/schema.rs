//! Reads the JSON schema of a plug-in: which parameters it has, of what type, and what they mean.

mod node;

use schemars::Schema;
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use node::{Node, inlined};

/// One parameter of a plug-in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// Its key.
    pub name: String,
    /// Its type in words.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value unless another is given.
    pub default: Value,
    /// What it means.
    pub documentation: String,
    /// The only values it takes, or the kinds of tables in its list, with their meaning; empty if there are
    /// too many to list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// One of few values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// The value.
    pub value: String,
    /// What it means; may be empty.
    pub documentation: String,
}

/// The parameters in a schema, with the values of `defaults`.
pub(crate) fn parameters(schema: &Schema, defaults: &Map<String, Value>) -> Vec<Parameter> {
    let root = schema.as_value();
    // A struct around another refers to it.
    let Some(properties) = resolved(root, root).get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        // The tag of a plug-in is no parameter.
        .filter(|(name, _)| *name != "name")
        .map(|(name, property)| Parameter {
            name: name.clone(),
            kind: kind(property, root),
            default: short(property, root, defaults.get(name)),
            documentation: documentation(property, root),
            choices: choices(property, root),
        })
        .collect()
}

/// A default: of a table with variants, the name of the variant.
fn short(property: &Value, root: &Value, default: Option<&Value>) -> Value {
    let named = Node::within(property, root).variants().and_then(|(tag, _)| default?.get(tag));
    named.or(default).cloned().unwrap_or(Value::Null)
}

/// The type of the value at a place, in words.
pub(crate) fn kind_of(node: Node<'_>) -> String {
    kind(node.form(), node.root())
}

/// The few texts that the value at a place takes; empty if there are more.
pub(crate) fn choices_of(node: Node<'_>) -> Vec<String> {
    choices(node.form(), node.root()).into_iter().map(|choice| choice.value).collect()
}

/// Follows `$ref`, and `anyOf` with null as an `Option` gives it.
fn resolved<'a>(property: &'a Value, root: &'a Value) -> &'a Value {
    if let Some(path) = property.get("$ref").and_then(Value::as_str) {
        let target = path.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(property, |target| resolved(target, root));
    }
    match property.get("anyOf").and_then(Value::as_array) {
        Some(forms) => match forms.iter().find(|form| !is_null(form)) {
            Some(form) => resolved(form, root),
            None => property,
        },
        None => property,
    }
}

fn is_null(form: &Value) -> bool {
    form.get("type").and_then(Value::as_str) == Some("null")
}

fn kind(property: &Value, root: &Value) -> String {
    let form = resolved(property, root);
    if items_with_variants(form, root).is_some() {
        return "list of tables, each one of".to_owned();
    }
    if !choices(property, root).is_empty() {
        return "one of".to_owned();
    }
    let types: Vec<&str> = match form.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let word = match types.iter().find(|name| **name != "null") {
        Some(&"number") => "number".to_owned(),
        Some(&"integer") => "whole number".to_owned(),
        Some(&"boolean") => "true or false".to_owned(),
        Some(&"array") => match form.get("items") {
            Some(items) => format!("list of {}", kind(items, root)),
            None => "list".to_owned(),
        },
        Some(&"string") => match form.get("examples").and_then(Value::as_array) {
            Some(examples) => {
                let examples: Vec<String> = examples.iter().map(Value::to_string).collect();
                format!("text such as {}", examples.join(", "))
            }
            None => "text".to_owned(),
        },
        Some(&"object") => "table".to_owned(),
        _ => "value".to_owned(),
    };
    let optional = types.contains(&"null")
        || property
            .get("anyOf")
            .and_then(Value::as_array)
            .is_some_and(|forms| forms.iter().any(is_null));
    if optional { format!("{word}, or none") } else { word }
}

fn documentation(property: &Value, root: &Value) -> String {
    let own = property.get("description");
    let text = own.or_else(|| resolved(property, root).get("description"));
    text.and_then(Value::as_str).unwrap_or_default().replace('\n', " ")
}

/// Of a list of tables that have variants, such as the layers of a network, the schema of one table.
fn items_with_variants<'a>(form: &'a Value, root: &Value) -> Option<&'a Value> {
    form.get("items").filter(|items| Node::within(items, root).variants().is_some())
}

fn choices(property: &Value, root: &Value) -> Vec<Choice> {
    if let Some((_, variants)) = Node::within(property, root).variants() {
        let variants = variants.into_iter();
        let choice = |(name, variant): (&str, Node<'_>)| Choice {
            value: name.to_owned(),
            documentation: documentation(variant.form(), root),
        };
        return variants.map(choice).collect();
    }
    let form = resolved(property, root);
    if let Some(items) = items_with_variants(form, root) {
        return choices(items, root);
    }
    let mut found = Vec::new();
    if let Some(values) = form.get("enum").and_then(Value::as_array) {
        found.extend(
            values
                .iter()
                .filter_map(Value::as_str)
                .map(|value| Choice { value: value.to_owned(), documentation: String::new() }),
        );
    }
    for variant in form.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
        match variant.get("const").and_then(Value::as_str) {
            Some(value) => found.push(Choice {
                value: value.to_owned(),
                documentation: documentation(variant, root),
            }),
            None => found.extend(choices(variant, root)),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use schemars::{JsonSchema, schema_for};

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is read")]
    struct Example {
        /// Widths of
        /// layers.
        hidden: Vec<i64>,
        /// Perhaps.
        begin: Option<dst_core::Span>,
        /// Its own words win.
        distribution: dst_core::Distribution,
        /// One after the other.
        layers: Vec<Layer>,
    }

    #[derive(JsonSchema)]
    #[serde(tag = "kind", rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its schema is read")]
    enum Layer {
        /// max(0, x).
        Relu,
        /// Layers, and a way around them.
        Residual { layers: Vec<Layer> },
    }

    #[test]
    fn lists_options_and_references_are_followed() {
        let found = parameters(&schema_for!(Example), &Map::new());
        let lines: Vec<String> =
            found.iter().map(|p| format!("{}: {}: {}", p.name, p.kind, p.documentation)).collect();
        assert_eq!(
            lines,
            [
                "begin: text such as \"100 steps\", \"10 epochs\", \"75%\", or none: Perhaps.",
                "distribution: one of: Its own words win.",
                "hidden: list of whole number: Widths of layers.",
                "layers: list of tables, each one of: One after the other.",
            ]
        );
        let kinds = found[3].choices.iter().map(|choice| &*choice.value).collect::<Vec<_>>();
        assert_eq!(kinds, ["relu", "residual"]);
        assert_eq!(found[3].choices[0].documentation, "max(0, x).");
        assert_eq!(found[1].choices[2].value, "erk");
        assert!(found[1].choices[2].documentation.starts_with("Erdős–Rényi-Kernel"));
    }

    #[test]
    fn parameters_have_a_type_in_words_and_their_documentation() {
        let found = crate::ParameterSet::training().unwrap().parameters();
        let by_name = |name: &str| found.iter().find(|p| p.name == name).unwrap();
        assert_eq!(by_name("epochs").kind, "whole number");
        assert_eq!(by_name("learning_rate").kind, "number");
        let sgd = crate::ParameterSet::optimizer("sgd").unwrap().parameters();
        let nesterov = sgd.iter().find(|parameter| parameter.name == "nesterov").unwrap();
        assert_eq!(nesterov.kind, "true or false");
        assert_eq!(by_name("warmup").kind, "text such as \"100 steps\", \"10 epochs\", \"75%\"");
        assert_eq!(by_name("optimizer").kind, "one of");
        let choices: Vec<_> =
            by_name("optimizer").choices.iter().map(|c| c.value.as_str()).collect();
        assert_eq!(choices, ["adam", "adamw", "rmsprop", "sgd"]);
        assert_eq!(by_name("optimizer").default, "adam");
        assert_eq!(by_name("epochs").documentation, "Passes over the training data.");
    }
}
