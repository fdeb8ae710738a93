//! A Hugging Face tokenizer spelt out as GGUF metadata: tokens, kinds, merges or scores, the way to split words, the
//! special tokens and the chat template.
//!
//! tokenizer.json can say far more than these files. So what was spelt is read back (`words`) and must give the same
//! tokens for texts of many kinds; a tokenizer for which no spelling does is refused.

use super::super::codec::Codec;
use super::super::shape::{Family, Shape};
use super::keys::Metadata;
use super::words;
use crate::fault::{Fault, Result};
use candle_core::quantized::gguf_file::{Content, Value, VersionedMagic};
use std::collections::HashMap;

/// Ways to split words, the commonest first: the first that gives the same tokens is written.
const WAYS: [&str; 12] = [
    "smollm",
    "gpt-2",
    "llama-bpe",
    "qwen2",
    "qwen35",
    "dbrx",
    "tekken",
    "gpt-4o",
    "deepseek-v3",
    "deepseek-coder",
    "falcon",
    "bloom",
];

const UNKNOWN: i32 = 2;
const NORMAL: i32 = 1;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const UNUSED: i32 = 5;
const BYTE: i32 = 6;

/// Texts on which tokenizers differ, if they do.
const PROBES: [&str; 24] = [
    "The passages do not say.",
    "In 2024, 1,345 metres or 3.14159; 007 and 12345678901.",
    "don't DON'T can't I'll we've they'RE it's o'clock",
    "  two  spaces,   three, and trailing   ",
    "tabs\tand\t\tmore\nlines\n\nand\r\nreturns\n   indented\n\t\n",
    "HTMLParser camelCase snake_case kebab-case UPPER lower MiXeD",
    "é è ü ñ å ß ø Ł ő, Ünïcödé; e\u{301} a\u{30a} composed",
    "中文字符，和标点。日本語のテキスト、カタカナ",
    "Русский текст и українська мова",
    "العربية עברית हिन्दी ภาษาไทย 한국어",
    "🦙🚀 👩‍👩‍👧 ✨ \u{1f1e9}\u{1f1ea}",
    "a=b+c*(d-e)/f^g|h&~i<j>k!=l%m",
    "https://example.org/a/b?c=d&e=f#g, a@b.org",
    "[1] [2][3] (see 4) {x} <y> \"quoted\" 'single' `code`",
    "!!! ??? ... --- ___ ===== ##### $$$",
    "",
    " ",
    "\n",
    "x",
    " x",
    "Question: What is the highest mountain in Scotland?",
    "½ ² ① Ⅳ ٣ ४",
    "zero\u{200b}width no\u{a0}break \u{feff}mark",
    "def f(x):\n    return x ** 2  # comment\n",
];

/// The metadata of `codec`, for a vocabulary of the shape's size.
pub(super) fn tokenizer(codec: &Codec, shape: &Shape) -> Result<Vec<(String, Value)>> {
    let json: serde_json::Value = codec.to_json()?;
    let model = &json["model"];
    let added: HashMap<u64, (String, bool)> = json["added_tokens"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|t| {
            let (id, content) = (t["id"].as_u64()?, t["content"].as_str()?);
            Some((id, (content.to_owned(), t["special"].as_bool().unwrap_or(false))))
        })
        .collect();
    let Some(vocabulary) = model["vocab"].as_object().filter(|_| model["type"] == "BPE") else {
        return Err(refused(codec, &format!("of type {}", model["type"])));
    };
    let byte_fallback = model["byte_fallback"] == true;
    let mut tokens: Vec<String> = (0..shape.vocabulary).map(|n| format!("[PAD{n}]")).collect();
    let mut kinds = vec![UNUSED; shape.vocabulary];
    let unknown = model["unk_token"].as_str();
    let plain = vocabulary.iter().filter_map(|(token, id)| Some((id.as_u64()?, token.clone(), None)));
    let extra = added.iter().map(|(id, (token, special))| (*id, token.clone(), Some(*special)));
    for (id, token, special) in plain.chain(extra) {
        let Some(slot) = usize::try_from(id).ok().filter(|n| *n < shape.vocabulary) else {
            return Err(refused(codec, &format!("with the token {id}, beyond {}", shape.vocabulary)));
        };
        kinds[slot] = match special {
            _ if Some(token.as_str()) == unknown && byte_fallback => UNKNOWN,
            Some(true) => CONTROL,
            Some(false) => USER_DEFINED,
            None if byte_fallback && is_byte(&token) => BYTE,
            None => NORMAL,
        };
        tokens[slot] = token;
    }
    let merges: Option<Vec<(String, String)>> = model["merges"].as_array().and_then(|merges| {
        let merge = |m: &serde_json::Value| match (m.as_str(), m.as_array().map(Vec::as_slice)) {
            (Some(text), _) => text.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())),
            (_, Some([a, b])) => Some((a.as_str()?.to_owned(), b.as_str()?.to_owned())),
            _ => None,
        };
        merges.iter().map(merge).collect()
    });
    let Some(merges) = merges else { return Err(refused(codec, "whose merges are no pairs")) };
    let mut entries = vec![
        text("tokenizer.ggml.token_type", Value::Array(kinds.into_iter().map(Value::I32).collect())),
        text("tokenizer.ggml.add_bos_token", Value::Bool(codec.begins_with().is_some())),
    ];
    for (key, id) in [
        ("tokenizer.ggml.bos_token_id", codec.named("bos_token")),
        ("tokenizer.ggml.eos_token_id", codec.named("eos_token").or_else(|| codec.stop_tokens().next())),
        ("tokenizer.ggml.padding_token_id", codec.named("pad_token")),
        ("tokenizer.ggml.unknown_token_id", unknown.and_then(|name| codec.id_of(name))),
    ] {
        entries.extend(id.map(|id| text(key, Value::U32(id))));
    }
    if let Some(template) = codec.template_source() {
        entries.push(text("tokenizer.chat_template", Value::String(template.to_owned())));
    }
    let spelt = if byte_fallback {
        sentence_piece(codec, &tokens, &merges, &entries)
    } else {
        byte_level(codec, &tokens, &merges, &entries)
    };
    entries.push(text("tokenizer.ggml.tokens", strings(&tokens)));
    entries.extend(spelt?);
    Ok(entries)
}

fn byte_level(
    codec: &Codec,
    tokens: &[String],
    merges: &[(String, String)],
    common: &[(String, Value)],
) -> Result<Vec<(String, Value)>> {
    let merges: Vec<String> = merges.iter().map(|(a, b)| format!("{a} {b}")).collect();
    let mut spelling = Spelling::new(tokens, common);
    spelling.set("tokenizer.ggml.model", Value::String("gpt2".to_owned()));
    spelling.set("tokenizer.ggml.merges", strings(&merges));
    for way in WAYS {
        spelling.set("tokenizer.ggml.pre", Value::String(way.to_owned()));
        if spelling.says_the_same(codec, |_| true) {
            return Ok(spelling.take(&[
                "tokenizer.ggml.model",
                "tokenizer.ggml.merges",
                "tokenizer.ggml.pre",
            ]));
        }
    }
    Err(refused(codec, "that splits words in a way without a name"))
}

fn sentence_piece(
    codec: &Codec,
    tokens: &[String],
    merges: &[(String, String)],
    common: &[(String, Value)],
) -> Result<Vec<(String, Value)>> {
    // A piece's score is the place of the first merge that makes it: what merges first has the best one.
    let mut scores: HashMap<String, f32> = HashMap::new();
    for (n, (a, b)) in merges.iter().enumerate() {
        scores.entry(format!("{a}{b}")).or_insert(-(n as f32));
    }
    let scores = tokens.iter().map(|t| Value::F32(scores.get(t).copied().unwrap_or(0.0)));
    let mut spelling = Spelling::new(tokens, common);
    spelling.set("tokenizer.ggml.model", Value::String("llama".to_owned()));
    spelling.set("tokenizer.ggml.pre", Value::String("default".to_owned()));
    spelling.set("tokenizer.ggml.scores", Value::Array(scores.collect()));
    for space_first in [false, true] {
        spelling.set("tokenizer.ggml.add_space_prefix", Value::Bool(space_first));
        // Newer ones put a space before a text that has none yet; llama.cpp knows only those that always do.
        if spelling.says_the_same(codec, |probe| !probe.starts_with(' ')) {
            return Ok(spelling.take(&[
                "tokenizer.ggml.model",
                "tokenizer.ggml.pre",
                "tokenizer.ggml.scores",
                "tokenizer.ggml.add_space_prefix",
            ]));
        }
    }
    Err(refused(codec, "whose pieces cannot be put in order by scores"))
}

/// Metadata that is tried.
struct Spelling(Content);

impl Spelling {
    fn new(tokens: &[String], common: &[(String, Value)]) -> Self {
        let mut metadata: HashMap<String, Value> = common.iter().cloned().collect();
        metadata.insert("tokenizer.ggml.tokens".to_owned(), strings(tokens));
        Self(Content {
            magic: VersionedMagic::GgufV3,
            metadata,
            tensor_infos: HashMap::new(),
            tensor_data_offset: 0,
        })
    }

    fn set(&mut self, key: &str, value: Value) {
        self.0.metadata.insert(key.to_owned(), value);
    }

    fn take(mut self, keys: &[&str]) -> Vec<(String, Value)> {
        keys.iter().filter_map(|key| self.0.metadata.remove_entry(*key)).collect()
    }

    /// Whether it gives the tokens that `codec` does, for the texts that `count`.
    fn says_the_same(&self, codec: &Codec, count: fn(&str) -> bool) -> bool {
        let m = Metadata { content: &self.0, place: "", family: Family::Llama };
        let Ok(read) = words::own(&m) else { return false };
        PROBES.iter().filter(|probe| count(probe)).all(|probe| {
            match (codec.encode(probe), read.encode_fast(*probe, false)) {
                (Ok(wanted), Ok(got)) => wanted == got.get_ids(),
                _ => false,
            }
        })
    }
}

fn is_byte(token: &str) -> bool {
    token.len() == 6
        && token
            .strip_prefix("<0x")
            .and_then(|t| t.strip_suffix('>'))
            .is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn text(key: &str, value: Value) -> (String, Value) {
    (key.to_owned(), value)
}

fn strings(texts: &[String]) -> Value {
    Value::Array(texts.iter().cloned().map(Value::String).collect())
}

fn refused(codec: &Codec, what: &str) -> crate::fault::Error {
    Fault::new(codec.place(), format!("a tokenizer {what}"))
        .expected("byte-level BPE split in a way that llama.cpp knows, or SentencePiece BPE")
        .next("Share the Hugging Face folder instead.")
        .into()
}
