//! JSON of any size, one member at a time: the elements of an array or the members of an object, at the top or below one
//! key. No member may be larger than fits; nothing may be nested without end (serde_json's own limit of 128).

use super::source::{Meter, Source};
use crate::fault::{Error, Fault, Result};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};
use std::rc::Rc;

/// The largest member, in bytes of JSON.
const LARGEST: u64 = 256 << 20;

/// What is done with a member: its key, or its number from 0 in an array, and its value.
pub(super) type See<'a> = &'a mut dyn FnMut(&str, Value) -> Result<()>;

/// Hands every member to `see`: those below the key `below` if the text is an object with such a key, else those at
/// the top.
///
/// # Errors
/// Those of `see`; a [`Fault`] with line and column for what is no JSON: the file is then not to be trusted at all.
pub(super) fn members(source: &Source, meter: &Meter<'_>, below: Option<&str>, see: See<'_>) -> Result<()> {
    let since = Rc::new(Cell::new(0));
    let reader = Limited { inner: source.open(meter)?, since: Rc::clone(&since) };
    let mut failed = None;
    let result = {
        let mut counted = |key: &str, value: Value| {
            since.set(0);
            meter.tick(&source.name)?;
            see(key, value)
        };
        let top = Members { below, see: &mut counted, failed: &mut failed };
        let mut json = serde_json::Deserializer::from_reader(reader);
        top.deserialize(&mut json).and_then(|()| json.end())
    };
    match (failed, result) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(()),
        (None, Err(e)) if e.is_io() => Err(source.failed_in(&e.into(), meter)),
        (None, Err(e)) => Err(refused(&format!("{}:{}:{}", source.place(), e.line(), e.column()), &e).into()),
    }
}

/// What is said of text that is no JSON.
pub(super) fn refused(place: &str, error: &serde_json::Error) -> Fault {
    Fault::new(place, error.to_string().split(" at line").next().unwrap_or_default())
        .expected("JSON")
        .next("Correct it there, or fetch the file again.")
}

struct Limited {
    inner: Box<dyn io::BufRead>,
    since: Rc<Cell<u64>>,
}

impl Read for Limited {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.since.set(self.since.get() + read as u64);
        if self.since.get() > LARGEST {
            return Err(io::Error::other(format!("more than {} MiB in one record", LARGEST >> 20)));
        }
        Ok(read)
    }
}

struct Members<'a> {
    below: Option<&'a str>,
    see: See<'a>,
    failed: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl Members<'_> {
    fn hand<E: de::Error>(&mut self, key: &str, value: Value) -> Result<(), E> {
        (self.see)(key, value).map_err(|error| {
            *self.failed = Some(error);
            E::custom("stopped")
        })
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        let mut number = 0usize;
        while let Some(value) = elements.next_element::<Value>()? {
            self.hand(&number.to_string(), value)?;
            number += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            match self.below {
                None => {
                    let value = members.next_value::<Value>()?;
                    self.hand(&key, value)?;
                }
                Some(below) if below == key => {
                    members.next_value_seed(Members { below: None, see: self.see, failed: self.failed })?;
                }
                Some(_) => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// The text at a key.
pub(super) fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key).and_then(Value::as_str)
}

/// The array at a key; an empty one where there is none.
pub(super) fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts in a value: itself, or those of an array, at any depth that JSON may have. Numbers count as they are
/// written.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.trim().to_owned()],
        Value::Number(number) => vec![number.to_string()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// An id that is a text or a number.
pub(super) fn id(value: &Value, key: &str) -> Option<String> {
    match value.get(key)? {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
