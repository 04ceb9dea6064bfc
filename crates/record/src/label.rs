//! What configs are called where people read them.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::record::{TrialSpec, name_of};

/// The longest list or table that stands in a label as it is, in characters.
const LONGEST: usize = 60;

impl TrialSpec {
    /// What the network is called: see [`label_of`].
    pub fn model_label(&self) -> &str {
        label_of(&self.model)
    }
}

/// What a config is called: the `title` that its user gave it, if it has one, else the name with which it
/// is tagged. So networks that are one architecture with other layers are told apart.
pub fn label_of(tagged: &Value) -> &str {
    let title = tagged.get("title").and_then(Value::as_str).filter(|title| !title.is_empty());
    title.unwrap_or_else(|| name_of(tagged))
}

/// A parameter's value in a label: texts as they are, others as JSON. A list or table that would fill
/// lines is `#` and the beginning of its digest, such as `#3fa21c`, which tells it from others.
pub fn brief(value: &Value) -> String {
    let text = match value {
        Value::String(text) => return text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    let digest = Sha256::digest(text.as_bytes());
    let start: String = digest[..3].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("#{start}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_title_goes_before_a_name() {
        assert_eq!(label_of(&json!({"name": "mlp", "hidden": [8]})), "mlp");
        assert_eq!(label_of(&json!({"name": "layers", "title": "my net"})), "my net");
        for title in [json!(""), json!(null), json!(3)] {
            assert_eq!(label_of(&json!({"name": "layers", "title": title})), "layers");
        }
        assert_eq!(label_of(&json!({})), "");
    }

    #[test]
    fn long_values_are_short_and_still_told_apart() {
        assert_eq!(brief(&json!("10 epochs")), "10 epochs");
        assert_eq!(brief(&json!([300, 100])), "[300,100]");
        assert_eq!(brief(&json!(null)), "null");
        let long = |last: i64| brief(&json!([vec![1; 30], vec![last]]));
        assert_eq!(long(1).len(), 7);
        assert!(long(1).starts_with('#') && long(1) != long(2));
        let text = "x".repeat(100);
        assert_eq!(brief(&json!(text)), text);
    }
}
