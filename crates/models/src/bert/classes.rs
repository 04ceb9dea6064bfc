//! The classes that a trained classifier was trained for, against those of the data set.

use serde_json::{Map, Value};

/// What is to become of the classifier in a file of weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Classifier {
    /// Its classes are those of the data set, as far as names tell.
    Fits,
    /// Class i of the data set is its class `order[i]`.
    Reordered {
        /// A permutation.
        order: Vec<i64>,
    },
    /// It was trained to tell these.
    Other {
        /// As its file calls them.
        names: Vec<String>,
    },
}

impl Classifier {
    /// From the `id2label` of a `config.json` and the classes of the data set, both empty if they have
    /// no names. Capitals, hyphens and blanks make no difference, and neither `LABEL_0` nor `0` is a name.
    pub(super) fn of(config: &Map<String, Value>, ours: &[String]) -> Self {
        let names = names(config);
        let theirs: Vec<String> = names.iter().map(|name| plain(name)).collect();
        let is_number = |name: &String| {
            plain(name).trim_start_matches("label_").bytes().all(|byte| byte.is_ascii_digit())
        };
        let are_numbers = |names: &[String]| names.iter().all(is_number);
        if theirs.is_empty() || ours.is_empty() || are_numbers(&theirs) || are_numbers(ours) {
            return Self::Fits;
        }
        let place = |name: &String| theirs.iter().position(|their| *their == plain(name));
        let order: Option<Vec<i64>> =
            ours.iter().map(|name| place(name).map(|index| index as i64)).collect();
        match order {
            Some(order) if ours.len() == theirs.len() => {
                match order.iter().copied().eq(0..order.len() as i64) {
                    true => Self::Fits,
                    false => Self::Reordered { order },
                }
            }
            _ => Self::Other { names },
        }
    }
}

fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace(['-', ' '], "_")
}

/// The names in the order of their numbers; none if a number is missing or a name is not a text.
fn names(config: &Map<String, Value>) -> Vec<String> {
    let Some(labels) = config.get("id2label").and_then(Value::as_object) else { return Vec::new() };
    let name = |index: usize| labels.get(&index.to_string()).and_then(Value::as_str);
    let names: Option<Vec<&str>> = (0..labels.len()).map(name).collect();
    names.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn classifier(labels: Value, ours: &[&str]) -> Classifier {
        let ours: Vec<String> = ours.iter().map(|&name| name.to_owned()).collect();
        Classifier::of(json!({ "id2label": labels }).as_object().unwrap(), &ours)
    }

    #[test]
    fn names_decide_the_order_of_classes() {
        let mnli = ["entailment", "neutral", "contradiction"];
        let other = json!({"0": "CONTRADICTION", "1": "Entailment", "2": "neutral"});
        assert_eq!(classifier(other, &mnli), Classifier::Reordered { order: vec![1, 2, 0] });
        let same = json!({"0": "entailment", "1": "neutral", "2": "contradiction"});
        assert_eq!(classifier(same, &mnli), Classifier::Fits);
        let spelling = json!({"1": "Not-Entailment", "0": "entailment"});
        assert_eq!(classifier(spelling, &["entailment", "not_entailment"]), Classifier::Fits);
    }

    #[test]
    fn what_has_no_names_is_taken_as_it_is() {
        for labels in
            [json!({"0": "LABEL_0", "1": "LABEL_1"}), json!({"0": "0", "1": "1"}), json!({})]
        {
            assert_eq!(classifier(labels, &["a", "b"]), Classifier::Fits);
        }
        // A number is missing, so that nobody knows which name is whose.
        assert_eq!(classifier(json!({"0": "b", "2": "a"}), &["a", "b"]), Classifier::Fits);
        assert_eq!(classifier(json!({"0": "b", "1": "a"}), &[]), Classifier::Fits);
        // A table whose column of classes has numbers in it.
        let sentiment = json!({"0": "NEGATIVE", "1": "POSITIVE"});
        assert_eq!(classifier(sentiment, &["0", "1"]), Classifier::Fits);
        assert_eq!(Classifier::of(&Map::new(), &["a".to_owned()]), Classifier::Fits);
    }

    #[test]
    fn another_task_is_told_by_its_names() {
        let sentiment = json!({"0": "negative", "1": "neutral", "2": "positive"});
        let other = classifier(sentiment, &["entailment", "neutral", "contradiction"]);
        assert_eq!(
            other,
            Classifier::Other {
                names: ["negative", "neutral", "positive"].map(String::from).into()
            }
        );
        let twice = json!({"0": "a", "1": "a"});
        assert!(matches!(classifier(twice, &["a", "b"]), Classifier::Other { .. }));
    }
}
