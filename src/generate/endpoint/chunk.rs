//! What a piece of a completion says: the JSON of one event of a stream, or of a whole reply.

use serde_json::Value;
use std::collections::BTreeMap;

/// What was read.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    Chunk(Chunk),
    /// The server tells of an error, with the status it would have had.
    Error {
        said: String,
        code: Option<u64>,
    },
}

/// A piece of an answer, and what comes with it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chunk {
    pub(super) text: String,
    /// Bytes of thinking, which is no part of the answer.
    pub(super) thinking: usize,
    pub(super) finish_reason: Option<String>,
    pub(super) model: Option<String>,
    pub(super) system_fingerprint: Option<String>,
    pub(super) usage: BTreeMap<String, u64>,
    /// Whether there was a choice at all: a whole reply has one.
    pub(super) chosen: bool,
}

/// Reads a JSON object; `None` for what is none.
pub(super) fn read(data: &str) -> Option<Read> {
    let value: Value = serde_json::from_str(data).ok()?;
    let object = value.as_object()?;
    let error = object.get("error").filter(|e| !e.is_null());
    if error.is_some() || value["object"] == "error" {
        return Some(of_error(error.unwrap_or(&value), &value));
    }
    let text = |value: &Value| value.as_str().filter(|t| !t.is_empty()).map(str::to_owned);
    let mut chunk = Chunk {
        model: text(&value["model"]),
        system_fingerprint: text(&value["system_fingerprint"]),
        ..Chunk::default()
    };
    if let Some(usage) = value["usage"].as_object() {
        let counted = usage.iter().filter_map(|(name, n)| Some((name.clone(), n.as_u64()?)));
        // Some servers count more than anybody asked for; a table of it is no longer a count.
        chunk.usage = counted.take(32).collect();
    }
    // Others than the first were not asked for.
    let choices = value["choices"].as_array();
    let choice = choices.and_then(|c| c.iter().find(|c| c["index"].as_u64().unwrap_or(0) == 0));
    if let Some(choice) = choice {
        let said = choice.get("delta").filter(|d| d.is_object()).unwrap_or(&choice["message"]);
        chunk.chosen = true;
        chunk.finish_reason = text(&choice["finish_reason"]);
        for name in ["content", "refusal"] {
            chunk.text.push_str(said[name].as_str().unwrap_or_default());
        }
        let thought = ["reasoning_content", "reasoning"].iter().filter_map(|name| said[*name].as_str());
        chunk.thinking = thought.map(str::len).sum();
    }
    Some(Read::Chunk(chunk))
}

fn of_error(error: &Value, whole: &Value) -> Read {
    let code = [&error["code"], &error["status"], &whole["code"], &whole["status"]];
    let code = code.iter().find_map(|c| c.as_u64().or_else(|| c.as_str()?.parse().ok()));
    let kind = whole["error_type"].as_str().unwrap_or_default();
    let said = error["message"].as_str().or(error.as_str()).map_or_else(|| error.to_string(), str::to_owned);
    // Text Generation Inference has a word where others have a number.
    let code = code.or((kind == "overloaded").then_some(429));
    Read::Error { said, code }
}

/// What a server says in the body of a refusal, if it says it in JSON.
pub(super) fn message(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let error = value.get("error").filter(|e| !e.is_null()).unwrap_or(&value);
    let said = [&error["message"], error, &error["detail"], &value["detail"], &value["message"]];
    let said = said.iter().find_map(|v| v.as_str()).map(str::to_owned);
    // FastAPI's list of what is wrong with a request.
    said.or_else(|| value.get("detail").map(ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(data: &str) -> Chunk {
        match read(data) {
            Some(Read::Chunk(chunk)) => chunk,
            other => panic!("{data}: {other:?}"),
        }
    }

    #[test]
    fn a_piece_of_a_stream_and_a_whole_reply_are_read_alike() {
        let found = chunk(
            r#"{"model":"m","system_fingerprint":"f","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#,
        );
        assert_eq!(
            (found.text.as_str(), found.finish_reason, found.model.as_deref()),
            ("a", None, Some("m"))
        );
        let found = chunk(
            r#"{"choices":[{"message":{"role":"assistant","content":"all"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"cost":0.5}}"#,
        );
        assert_eq!((found.text.as_str(), found.finish_reason.as_deref()), ("all", Some("stop")));
        assert_eq!(
            found.usage,
            BTreeMap::from([("completion_tokens".into(), 2), ("prompt_tokens".into(), 3)])
        );
    }

    #[test]
    fn what_is_missing_null_or_of_another_kind_says_nothing() {
        for data in [
            "{}",
            r#"{"choices":[]}"#,
            r#"{"choices":null,"usage":null}"#,
            r#"{"choices":[{"delta":{"role":"assistant","content":null}}]}"#,
            r#"{"choices":[{"index":1,"delta":{"content":"another"}}]}"#,
            r#"{"choices":[7]}"#,
        ] {
            assert_eq!(chunk(data).text, "", "{data}");
        }
        for data in ["", "[]", "7", "{", r#"{"a":"\ud83d"}"#] {
            assert_eq!(read(data), None, "{data}");
        }
    }

    #[test]
    fn thinking_is_counted_and_a_refusal_is_an_answer() {
        let found = chunk(r#"{"choices":[{"delta":{"reasoning_content":"hmm"}}]}"#);
        assert_eq!((found.text.as_str(), found.thinking), ("", 3));
        assert_eq!(chunk(r#"{"choices":[{"delta":{"refusal":"No."}}]}"#).text, "No.");
    }

    #[test]
    fn errors_have_as_many_shapes_as_servers() {
        for (data, says, code) in [
            (r#"{"error":{"message":"too long","code":400}}"#, "too long", Some(400)),
            (r#"{"object":"error","message":"gone","code":"503"}"#, "gone", Some(503)),
            (r#"{"error":"full","error_type":"overloaded"}"#, "full", Some(429)),
            (r#"{"error":{"odd":1}}"#, r#"{"odd":1}"#, None),
        ] {
            assert_eq!(read(data), Some(Read::Error { said: says.into(), code }), "{data}");
        }
        assert_eq!(message(br#"{"detail":"Not Found"}"#).as_deref(), Some("Not Found"));
        assert_eq!(message(br#"{"error":{"message":"no"}}"#).as_deref(), Some("no"));
        assert_eq!(message(b"<html>"), None);
    }
}
