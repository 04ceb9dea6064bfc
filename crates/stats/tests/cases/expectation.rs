//! One case of the fixture file, with a ledger of what has been compared.

use std::{cell::RefCell, collections::BTreeMap};

use serde_json::Value;

/// A number of the file, where NaN and the infinities are strings.
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => n.as_f64().unwrap(),
        Value::String(s) => match s.as_str() {
            "NaN" => f64::NAN,
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            other => panic!("`{other}` is not a number"),
        },
        other => panic!("{other} is not a number"),
    }
}

pub(crate) fn list(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

pub(crate) fn matrix(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().unwrap().iter().map(list).collect()
}

/// A case. Every leaf of `expected` must be compared before [`Case::finish`], so that no number of
/// the file is passed over by mistake.
pub(crate) struct Case<'a> {
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    json: &'a Value,
    open: RefCell<BTreeMap<String, Value>>,
    compared: RefCell<usize>,
}

impl<'a> Case<'a> {
    pub(crate) fn new(json: &'a Value) -> Self {
        let id = json["id"].as_str().unwrap();
        let mut open = BTreeMap::new();
        leaves(&json["expected"], String::new(), &mut open);
        Self {
            id,
            name: id.split_once('/').unwrap().1,
            kind: json["kind"].as_str().unwrap(),
            json,
            open: RefCell::new(open),
            compared: RefCell::new(0),
        }
    }

    /// A sample of the input.
    pub(crate) fn list(&self, key: &str) -> Vec<f64> {
        list(&self.json["input"][key])
    }

    pub(crate) fn matrix(&self, key: &str) -> Vec<Vec<f64>> {
        matrix(&self.json["input"][key])
    }

    pub(crate) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.json["input"][key].as_array().unwrap();
        items.iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn x_y(&self) -> (Vec<f64>, Vec<f64>) {
        (self.list("x"), self.list("y"))
    }

    pub(crate) fn has_input(&self, key: &str) -> bool {
        !self.json["input"][key].is_null()
    }

    pub(crate) fn param(&self, key: &str) -> f64 {
        number(&self.json["params"][key])
    }

    pub(crate) fn has_param(&self, key: &str) -> bool {
        !self.json["params"][key].is_null()
    }

    pub(crate) fn text_param(&self, key: &str) -> Option<&str> {
        self.json["params"][key].as_str()
    }

    pub(crate) fn bool_param(&self, key: &str) -> Option<bool> {
        self.json["params"][key].as_bool()
    }

    pub(crate) fn expects(&self, path: &str) -> bool {
        self.open.borrow().contains_key(path)
    }

    /// The expected number at `path`, without marking it as compared.
    pub(crate) fn peek(&self, path: &str) -> f64 {
        number(
            self.open
                .borrow()
                .get(path)
                .unwrap_or_else(|| panic!("{}: no `{path}` left in expected", self.id)),
        )
    }

    fn take(&self, path: &str) -> Value {
        *self.compared.borrow_mut() += 1;
        self.open
            .borrow_mut()
            .remove(path)
            .unwrap_or_else(|| panic!("{}: no `{path}` left in expected", self.id))
    }

    pub(crate) fn tolerance(&self) -> (f64, f64) {
        (number(&self.json["tol"]["rel"]), number(&self.json["tol"]["abs"]))
    }

    /// Compares within the tolerance of the case; NaN and infinities must be met exactly.
    pub(crate) fn number(&self, path: &str, got: f64) {
        let (rel, abs) = self.tolerance();
        self.number_within(path, got, rel, abs);
    }

    pub(crate) fn number_within(&self, path: &str, got: f64, rel: f64, abs: f64) {
        let want = number(&self.take(path));
        let same = if want.is_finite() {
            (got - want).abs() <= abs + rel * want.abs()
        } else {
            got == want || (got.is_nan() && want.is_nan())
        };
        assert!(same, "{} {path}: got {got:?}, want {want:?}", self.id);
    }

    /// Compares with an absolute tolerance of a share of `width`.
    pub(crate) fn number_of_width(&self, path: &str, got: f64, width: f64) {
        let (rel, abs) = self.tolerance();
        self.number_within(path, got, 0.0, abs + rel * width);
    }

    pub(crate) fn numbers(&self, path: &str, got: &[f64]) {
        for (i, g) in got.iter().enumerate() {
            self.number(&format!("{path}.{i}"), *g);
        }
    }

    pub(crate) fn number_matrix(&self, path: &str, got: &[Vec<f64>]) {
        for (i, row) in got.iter().enumerate() {
            self.numbers(&format!("{path}.{i}"), row);
        }
    }

    pub(crate) fn boolean(&self, path: &str, got: bool) {
        let want = self.take(path).as_bool().unwrap();
        assert_eq!(got, want, "{} {path}", self.id);
    }

    pub(crate) fn text(&self, path: &str, got: &str) {
        let want = self.take(path);
        assert_eq!(got, want.as_str().unwrap(), "{} {path}", self.id);
    }

    pub(crate) fn null(&self, path: &str) {
        assert!(self.take(path).is_null(), "{} {path} is not null", self.id);
    }

    /// The library raised an error here, and so must we; its text is not compared.
    pub(crate) fn error<T: std::fmt::Debug>(&self, path: &str, got: &dst_stats::Result<T>) {
        self.take(path);
        assert!(got.is_err(), "{} {path}: got {got:?}", self.id);
    }

    /// The expected list is empty, and so must ours be.
    pub(crate) fn empty<T: std::fmt::Debug>(&self, path: &str, got: &[T]) {
        let want = self.take(path);
        assert_eq!(want.as_array().map(Vec::len), Some(0), "{} {path}", self.id);
        assert!(got.is_empty(), "{} {path}: got {got:?}", self.id);
    }

    /// Marks a number that is known to be wrong in the source, with the reason it is not copied.
    pub(crate) fn not_copied(&self, path: &str, reason: &str) {
        assert!(!reason.is_empty());
        self.take(path);
    }

    /// Fails when a number of the case was not compared; returns how many were.
    pub(crate) fn finish(self) -> usize {
        let open = self.open.into_inner();
        assert!(open.is_empty(), "{}: never compared: {:?}", self.id, open.keys());
        self.compared.into_inner()
    }
}

/// Flattens to "outer.inner.0". Empty lists are a statement too and become a leaf.
fn leaves(value: &Value, path: String, into: &mut BTreeMap<String, Value>) {
    let join = |key: &str| {
        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
    };
    match value {
        Value::Object(map) => {
            // Warnings are informational.
            for (key, inner) in map.iter().filter(|(key, _)| *key != "warnings") {
                leaves(inner, join(key), into);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, inner) in items.iter().enumerate() {
                leaves(inner, join(&i.to_string()), into);
            }
        }
        leaf => {
            into.insert(path, leaf.clone());
        }
    }
}
