//! Lists as people type them: `rigl,set`, `0..6`, `0.5,0.9`, `[300,100],[100]`.

use dst_core::{Error, Result};
use serde_json::Value;

/// Seeds beyond this many, of all ranges together, are taken for a typing mistake.
const MOST_SEEDS: u64 = 100_000;

/// Splits at commas that are outside brackets, braces and quotes. Empty pieces are left out.
pub fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut depth, mut quote, mut start) = (0_usize, None, 0);
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                pieces.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    pieces.push(text[start..].trim());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Names: `rigl,set,dense`. One with a comma, such as a path, stands in quotes.
pub(crate) fn names(text: &str) -> Result<Vec<Value>> {
    Ok(pieces(text).into_iter().map(|piece| Value::from(unquoted(piece))).collect())
}

/// What stands in the quotes around a piece, if there are some.
fn unquoted(piece: &str) -> &str {
    let inner = ['"', '\''].into_iter().find_map(|quote| {
        piece.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote))
    });
    inner.unwrap_or(piece)
}

/// Models: `lenet5,file:net.toml`, and tables that hold a whole one, `{ name = "mlp", hidden = [100] }`.
pub(crate) fn models(text: &str) -> Result<Vec<Value>> {
    let model = |piece: &str| {
        if !piece.starts_with('{') {
            return Ok(Value::from(unquoted(piece)));
        }
        match value(piece)? {
            table @ Value::Object(_) => Ok(table),
            _ => Err(Error::usage(format!("{piece} is no table of TOML"))
                .hint("write for example { name = \"mlp\", hidden = [100] }")),
        }
    };
    pieces(text).into_iter().map(model).collect()
}

/// Seeds: `7`, `1,2,3`, `0..6` (six of them), `0..=5` (the same), and mixtures.
pub(crate) fn seeds(text: &str) -> Result<Vec<Value>> {
    let bad = |piece: &str| {
        Error::usage(format!("'{piece}' is neither a seed nor a range of seeds"))
            .hint("write for example 0..6 (six seeds), 0..=5 (the same) or 1,2,3")
    };
    let number = |text: &str, piece: &str| text.trim().parse::<u64>().map_err(|_| bad(piece));
    let mut seeds = Vec::new();
    for piece in pieces(text) {
        let Some((first, last)) = piece.split_once("..") else {
            seeds.push(Value::from(number(piece, piece)?));
            continue;
        };
        let first = number(first, piece)?;
        let end = match last.strip_prefix('=') {
            Some(last) => number(last, piece)?.saturating_add(1),
            None => number(last, piece)?,
        };
        if end <= first {
            return Err(Error::usage(format!("the range of seeds {piece} is empty"))
                .hint("write the smaller one first, such as 2..5 (the seeds 2, 3 and 4)"));
        }
        if end - first > MOST_SEEDS {
            return Err(Error::usage(format!(
                "the range {piece} has {} seeds, more than {MOST_SEEDS}",
                end - first
            )));
        }
        if seeds.len() as u64 + (end - first) > MOST_SEEDS {
            return Err(Error::usage(format!("more than {MOST_SEEDS} seeds are listed"))
                .hint("split them into several grids"));
        }
        seeds.extend((first..end).map(Value::from));
    }
    Ok(seeds)
}

/// Sparsities in [0, 1): `0.5,0.9`. 0 is a dense network.
///
/// They are rounded to 12 significant digits, so that 0.3 and the 0.30000000000000004 that a program
/// computed are one sparsity. What people write has fewer digits and stays what it is.
pub(crate) fn sparsities(text: &str) -> Result<Vec<Value>> {
    pieces(text)
        .into_iter()
        .map(|piece| match piece.parse::<f64>().map(rounded) {
            // `+ 0.0` turns −0 into 0, which would be another trial id.
            Ok(sparsity) if (0.0..1.0).contains(&sparsity) => Ok(Value::from(sparsity + 0.0)),
            Ok(_) => Err(Error::usage(format!("sparsity {piece} is not in [0, 1)"))
                .hint("0.9 removes 90 % of the prunable weights; 0 is dense")),
            Err(_) => Err(Error::usage(format!("sparsity '{piece}' is not a number"))),
        })
        .collect()
}

/// Shares of the dense network's operations for one sample, in (0, 1): `0.1,5%`.
pub(crate) fn inference_shares(text: &str) -> Result<Vec<Value>> {
    shares(text, |share| share < 1.0, "is not in (0, 1)")
}

/// Shares of the dense training's operations, above 0: `0.5,200%`.
pub(crate) fn training_shares(text: &str) -> Result<Vec<Value>> {
    shares(text, f64::is_finite, "is not above 0")
}

fn shares(text: &str, fits: fn(f64) -> bool, why: &str) -> Result<Vec<Value>> {
    let share = |piece: &str| {
        let (number, unit) = match piece.strip_suffix('%') {
            Some(number) => (number.trim_end(), 100.0),
            None => (piece, 1.0),
        };
        match number.parse::<f64>().map(|number| rounded(number / unit)) {
            Ok(share) if share > 0.0 && fits(share) => Ok(Value::from(share)),
            Ok(_) => Err(Error::usage(format!("the share {piece} {why}"))
                .hint("0.1 and 10% are a tenth of what the dense network needs")),
            Err(_) => Err(Error::usage(format!("the share '{piece}' is not a number"))),
        }
    };
    pieces(text).into_iter().map(share).collect()
}

/// The number that 12 significant digits say.
pub(crate) fn rounded(number: f64) -> f64 {
    // The text of a number reads back as that number, so only longer ones change.
    format!("{number:.11e}").parse().unwrap_or(number)
}

/// A short decimal without the error of the arithmetic that led to it, such as 0.3 for 0.1 + 0.2.
/// Numbers that are no short decimals, such as 1/3, stay as they are.
fn without_rounding_error(number: f64) -> f64 {
    let short = rounded(number);
    let is_error = (number - short).abs() <= 4.0 * f64::EPSILON * number.abs();
    if is_error { short } else { number }
}

/// Parameter values: each piece as TOML reads it, or as a string if TOML does not.
pub(crate) fn values(text: &str) -> Result<Vec<Value>> {
    pieces(text).into_iter().map(value).collect()
}

/// One parameter value, as [`values`] reads it.
fn value(text: &str) -> Result<Value> {
    let parsed = toml::from_str::<toml::Table>(&format!("value = {text}"));
    match parsed {
        Ok(mut table) if table.len() == 1 => {
            match table.remove("value").expect("the only key is `value`") {
                // No parameter takes a date, so this is a folder that is called like one.
                toml::Value::Datetime(_) => Ok(Value::from(text)),
                value => json(&value),
            }
        }
        // TOML wants digits on both sides of the point; people write .5
        _ => Ok(match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Value::from(without_rounding_error(number)),
            _ => Value::from(text),
        }),
    }
}

/// A TOML value as JSON.
///
/// # Errors
/// If it is a date or a number that is not finite: no parameter takes those.
pub(crate) fn json(value: &toml::Value) -> Result<Value> {
    match value {
        toml::Value::String(text) => Ok(Value::from(text.as_str())),
        toml::Value::Integer(number) => Ok(Value::from(*number)),
        toml::Value::Float(number) if number.is_finite() => {
            Ok(Value::from(without_rounding_error(*number)))
        }
        toml::Value::Float(number) => Err(Error::usage(format!("{number} is not a finite number"))),
        toml::Value::Boolean(truth) => Ok(Value::from(*truth)),
        toml::Value::Datetime(date) => {
            Err(Error::usage(format!("{date} is a date; no parameter takes one"))
                .hint("a text, such as a path, stands in quotes"))
        }
        toml::Value::Array(list) => list.iter().map(json).collect(),
        toml::Value::Table(table) => {
            let entries = table.iter().map(|(key, value)| Ok((key.clone(), json(value)?)));
            entries.collect::<Result<serde_json::Map<_, _>>>().map(Value::Object)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn seeds_are_numbers_and_ranges() {
        assert_eq!(seeds("0..3").unwrap(), [0, 1, 2]);
        assert_eq!(seeds("0..=2").unwrap(), [0, 1, 2]);
        assert_eq!(seeds("7, 1..3").unwrap(), [7, 1, 2]);
        assert_eq!(seeds("").unwrap(), [] as [Value; 0]);
        assert_eq!(seeds("0..99999,7").unwrap().len(), 100_000);
        let error = seeds("0..100000,100000..200000").unwrap_err().to_string();
        assert!(error.starts_with("more than 100000 seeds are listed"), "{error}");
        for bad in ["x", "-1", "1..x", "3..3", "5..2", "0..1000000000000", "1.5", "0...3"] {
            assert!(seeds(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn a_name_with_a_comma_stands_in_quotes() {
        assert_eq!(names("rigl, set").unwrap(), ["rigl", "set"]);
        assert_eq!(
            names("'csv:a,b.csv',\"csv:it's.csv\"").unwrap(),
            ["csv:a,b.csv", "csv:it's.csv"]
        );
        assert_eq!(names("csv:\"odd").unwrap(), ["csv:\"odd"]);
    }

    #[test]
    fn models_are_names_files_and_tables() {
        let typed = "lenet5, file:a/net.toml,{ name = \"mlp\", hidden = [3, 2] },nan";
        let table = json!({ "name": "mlp", "hidden": [3, 2] });
        assert_eq!(
            models(typed).unwrap(),
            [json!("lenet5"), json!("file:a/net.toml"), table, json!("nan")]
        );
        let error = models("{ name = }").unwrap_err().to_string();
        assert!(error.starts_with("{ name = } is no table of TOML"), "{error}");
    }

    #[test]
    fn sparsities_lie_in_the_half_open_interval() {
        assert_eq!(sparsities("0,0.5,.9").unwrap(), [json!(0.0), json!(0.5), json!(0.9)]);
        assert_eq!(sparsities("-0").unwrap()[0].to_string(), "0.0");
        for bad in ["1", "1.5", "-0.1", "NaN", "inf", "ninety", "0.9999999999999"] {
            assert!(sparsities(bad).is_err(), "{bad} was accepted");
        }
    }

    /// What arithmetic made of a short decimal is that decimal; nothing else changes.
    #[test]
    fn numbers_with_rounding_errors_are_the_numbers_that_were_meant() {
        assert_eq!(sparsities("0.3,0.30000000000000004").unwrap(), [json!(0.3), json!(0.3)]);
        let typed = values("0.30000000000000004,0.7999999999999999,6.000000000000001e-5").unwrap();
        assert_eq!(typed, [json!(0.3), json!(0.8), json!(6e-5)]);
        // The next double after 0.3 is an error of arithmetic; a third is not.
        assert_eq!(values("0.3333333333333333").unwrap(), [json!(1.0 / 3.0)]);
        for percent in 0..1000_u32 {
            let sparsity = f64::from(percent) / 1000.0;
            assert_eq!(rounded(sparsity), sparsity);
            assert_eq!(without_rounding_error(sparsity), sparsity);
        }
        assert_eq!(without_rounding_error(0.0), 0.0);
    }

    #[test]
    fn values_are_split_outside_brackets_and_read_as_toml() {
        assert_eq!(values("0.1,0.3").unwrap(), [json!(0.1), json!(0.3)]);
        assert_eq!(values("[300,100],[100]").unwrap(), [json!([300, 100]), json!([100])]);
        assert_eq!(values("10 epochs,75%").unwrap(), [json!("10 epochs"), json!("75%")]);
        assert_eq!(
            values("true,erk,.5,1e-3").unwrap(),
            [json!(true), json!("erk"), json!(0.5), json!(0.001)]
        );
        assert_eq!(values("\"a,b\"").unwrap(), [json!("a,b")]);
        assert!(values("nan").is_err());
        assert_eq!(values("1\nother = 2").unwrap(), [json!("1\nother = 2")]);
    }
}
