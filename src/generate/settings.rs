//! A JSON file of settings, asked for with faults that name the file and the key.

use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use serde_json::Value;

/// A JSON file of settings.
pub(super) struct Settings {
    pub(super) place: String,
    value: serde_json::Map<String, Value>,
}

impl Settings {
    pub(super) fn read(folder: &Folder, file: &str) -> Result<Self> {
        let place = folder.place(file);
        let text = folder.read_text(file)?;
        let value = serde_json::from_str(&text).map_err(|e| {
            Fault::new(format!("{place}:{}", e.line()), e)
                .expected("an object in JSON")
                .next("Correct the file, or copy it again from where the model came from.")
        })?;
        Ok(Self { place, value })
    }

    /// The object within a setting, as settings of their own.
    pub(super) fn inner(&self, key: &str) -> Result<Option<Self>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_object() {
            Some(map) => Ok(Some(Self { place: format!("{} {key}", self.place), value: map.clone() })),
            None => Err(self.wrong(key, "an object")),
        }
    }

    /// Whether the setting is there and null.
    pub(super) fn is_null(&self, key: &str) -> bool {
        self.value.get(key).is_some_and(Value::is_null)
    }

    /// The setting, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|v| !v.is_null())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.value.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The fault of a setting that juxta does not do.
    pub(super) fn refuse(&self, key: &str, found: impl std::fmt::Display, expected: &str) -> Error {
        Fault::new(&self.place, format!("{key} = {found}"))
            .expected(expected)
            .next("Choose a model without it; see the README for the models that juxta runs.")
            .into()
    }

    pub(super) fn wrong(&self, key: &str, expected: &str) -> Error {
        let found = self.get(key).map_or_else(|| format!("no {key}"), |v| format!("{key} = {v}"));
        Fault::new(&self.place, found)
            .expected(expected)
            .next("Correct the file, or copy it again from where the model came from.")
            .into()
    }

    /// A whole number from 1 to 2^31.
    pub(super) fn count(&self, key: &str) -> Result<usize> {
        self.maybe_count(key)?.ok_or_else(|| self.wrong(key, "a whole number"))
    }

    pub(super) fn maybe_count(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(n) if (1..=1 << 31).contains(&n) => Ok(usize::try_from(n).ok()),
            _ => Err(self.wrong(key, "a whole number from 1 to 2147483648")),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64() {
            Some(n) if n > 0.0 && n.is_finite() => Ok(Some(n)),
            _ => Err(self.wrong(key, "a number above 0")),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key).map(|v| v.as_bool().ok_or_else(|| self.wrong(key, "true or false"))).transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.get(key).map(|v| v.as_str().ok_or_else(|| self.wrong(key, "a text"))).transpose()
    }

    /// One token id or a list of them.
    pub(super) fn ids(&self, key: &str) -> Result<Vec<u32>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let ids: Option<Vec<u32>> = match value {
            Value::Array(values) => values.iter().map(id).collect(),
            one => id(one).map(|id| vec![id]),
        };
        ids.ok_or_else(|| self.wrong(key, "a token id, or a list of them"))
    }
}
