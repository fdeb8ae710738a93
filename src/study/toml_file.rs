//! TOML files of a study: reading them with the line of a mistake, and digests of what they say.

use crate::fault::{Fault, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// The text of the file.
pub(super) fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|e| Fault::io(path, "read", &e))?;
    crate::folder::utf8(bytes, &path.display().to_string())
}

/// What the text says; `expected` is told of a mistake.
pub(super) fn parse<T: DeserializeOwned>(text: &str, place: &str, expected: &str) -> Result<T> {
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |s| 1 + text[..s.start.min(text.len())].matches('\n').count());
        Fault::new(format!("{place}:{line}"), e.message().trim())
            .expected(expected)
            .next("Correct that line.")
            .into()
    })
}

/// The values of a file, without the table `[frozen]`, as JSON with sorted keys: the same however the file is laid
/// out and commented.
pub(super) fn values(text: &str, place: &str) -> Result<Value> {
    let mut table: toml::Table = parse(text, place, "TOML")?;
    table.remove("frozen");
    let value = serde_json::to_value(table)
        .map_err(|e| Fault::new(place, e).expected("values that can be written as JSON"))?;
    Ok(sorted(value))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<(String, Value)> = map.into_iter().map(|(k, v)| (k, sorted(v))).collect();
            fields.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

/// BLAKE3 of [`values`], as hex.
pub(super) fn digest(values: &Value) -> String {
    blake3::hash(values.to_string().as_bytes()).to_hex().to_string()
}

/// The names of the values that differ, dotted, in the order of the first.
pub(super) fn changed(was: &Value, is: &Value) -> Vec<String> {
    let (Some(was), Some(is)) = (was.as_object(), is.as_object()) else { return Vec::new() };
    let mut names = Vec::new();
    for name in was.keys().chain(is.keys().filter(|k| !was.contains_key(*k))) {
        match (was.get(name), is.get(name)) {
            (Some(a @ Value::Object(_)), Some(b @ Value::Object(_))) => {
                names.extend(changed(a, b).into_iter().map(|below| format!("{name}.{below}")));
            }
            (a, b) if a != b => names.push(name.clone()),
            _ => {}
        }
    }
    names
}
