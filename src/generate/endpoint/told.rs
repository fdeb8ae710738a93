//! What a server says of its models: `GET …/models`, as far as it says anything that stays the same.

use super::asking::{NOT_THERE, refused, shown};
use crate::fault::{Error, Fault, Result};
use crate::job::Cancel;
use crate::net::{Address, Key, Patience, Request, Stop, send};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A list of models is short; what is longer is something else.
const LONGEST: usize = 8 << 20;
/// A server that is there answers this at once.
const PATIENCE: Patience = Patience { connect: Duration::from_secs(10), first: Duration::from_secs(30) };

/// Where servers say how long prompt and answer may be together: vLLM, OpenRouter, Groq, Mistral, llama.cpp.
const WINDOWS: [&str; 5] =
    ["max_model_len", "context_length", "context_window", "max_context_length", "meta.n_ctx"];
/// What tells a model from another, and stays the same while the server runs on: vLLM and llama.cpp.
const LASTING: [&str; 8] = [
    "root",
    "parent",
    "owned_by",
    "quantization",
    "meta.n_params",
    "meta.size",
    "meta.n_vocab",
    "meta.n_embd",
];

/// What a server says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Whether it has the model that was asked for.
    pub listed: Listed,
    /// What tells the model from another.
    pub said: BTreeMap<String, String>,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: Option<usize>,
}

/// Whether a server has a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Listed {
    /// It gives no list.
    #[default]
    Unknown,
    /// It has it.
    Yes,
    /// It names these instead; many servers answer nevertheless.
    Others(Vec<String>),
}

/// Asks. `None` where there is no list: not every server has one.
pub(super) fn ask(
    at: &Address,
    model: &str,
    key: Option<&Key>,
    place: &str,
    cancel: &Cancel,
) -> Result<Option<Told>> {
    let to = at.below("models").map_err(|e| Fault::new(place, e))?;
    let request = Request { method: "GET", to: &to, headers: Vec::new(), key, body: None };
    let stopped = |stop| match stop {
        Stop::Cancelled => Error::Cancelled,
        Stop::Trouble(trouble) => {
            Error::from(Fault::new(place, trouble).expected("a server that answers").next(NOT_THERE))
        }
    };
    let mut reply = send(&request, &PATIENCE, cancel).map_err(stopped)?;
    let until = Instant::now() + PATIENCE.first;
    let body = reply.body(LONGEST, until, cancel).map_err(stopped)?;
    match reply.status {
        200..=299 => {}
        // No list, and perhaps no API here: the first question will tell.
        404 | 405 | 501 => return Ok(None),
        _ => return Err(refused(&reply, &body, key, place).into()),
    }
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return Err(Fault::new(place, format!("no JSON at {to}: {}", shown(&body, key)))
            .expected("the API of a server of models")
            .next("Check the URL: most servers' API is at a path that ends in /v1.")
            .into());
    };
    Ok(value["data"].as_array().map(|models| of(models, model, key)))
}

fn of(models: &[Value], model: &str, key: Option<&Key>) -> Told {
    let id = |m: &Value| m["id"].as_str().map(str::to_owned);
    // Ollama's list has a tag that need not be given.
    let is_it = |m: &&Value| id(m).is_some_and(|id| id == model || id.strip_suffix(":latest") == Some(model));
    let Some(entry) = models.iter().find(is_it) else {
        let names = models.iter().filter_map(id).map(|id| shown(id.as_bytes(), key));
        return Told { listed: Listed::Others(names.collect()), ..Told::default() };
    };
    let at = |name: &str| name.split('.').try_fold(entry, |value, part| value.get(part));
    let said = LASTING.iter().filter_map(|name| {
        let value = match at(name)? {
            Value::String(text) => shown(text.as_bytes(), key),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(((*name).to_owned(), value))
    });
    let windows = WINDOWS.iter().filter_map(|name| at(name)?.as_u64());
    let context_tokens = windows.filter_map(|n| usize::try_from(n).ok()).find(|n| *n > 0);
    Told { listed: Listed::Yes, said: said.collect(), context_tokens }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_stays_the_same_is_taken_and_what_changes_is_not() {
        let list = json!([
            {"id": "other"},
            {"id": "m", "created": 17, "root": "/models/m", "max_model_len": 4096, "permission": [{"id": "x"}]},
        ]);
        let told = of(list.as_array().expect("a list"), "m", None);
        assert_eq!(told.listed, Listed::Yes);
        assert_eq!(told.context_tokens, Some(4096));
        assert_eq!(told.said, BTreeMap::from([("root".to_owned(), "/models/m".to_owned())]));
    }

    #[test]
    fn llama_cpp_says_of_what_size_it_is_and_ollama_adds_a_tag() {
        let list =
            json!([{"id": "a.gguf", "owned_by": "llamacpp", "meta": {"n_params": 5, "n_ctx_train": 9}}]);
        let told = of(list.as_array().expect("a list"), "a.gguf", None);
        assert_eq!(told.said["meta.n_params"], "5");
        assert_eq!(told.context_tokens, None, "what it was trained with is not what it was started with");
        let list = json!([{"id": "llama3:latest"}]);
        assert_eq!(of(list.as_array().expect("a list"), "llama3", None).listed, Listed::Yes);
    }

    #[test]
    fn a_model_that_is_not_there_has_the_others_named() {
        let list = json!([{"id": "a"}, {"id": 7}, {"id": "b"}]);
        let told = of(list.as_array().expect("a list"), "m", None);
        assert_eq!(told.listed, Listed::Others(vec!["a".into(), "b".into()]));
    }
}
