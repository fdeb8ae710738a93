//! The tokenizer and the chat template inside a GGUF file.
//!
//! Three kinds: `gpt2`, byte-level BPE with its merges and the name of a way to split text into words (`ways`);
//! `llama`, SentencePiece BPE, which has scores instead of merges; and `bert`, word pieces. Each becomes a Hugging Face
//! tokenizer, held against llama.cpp's own test vectors below. candle's converter knows the first alone, takes any
//! unknown way for GPT-2's (also Llama 3's, which files call `llama-bpe`), and puts a space before the text: so there is
//! one here.

use super::super::codec::{Codec, for_whole_prompts, read_tokenizer};
use super::super::shape::Family;
use super::keys::{Metadata, whole};
use super::ways;
use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use crate::prompt::Template;
use candle_core::quantized::gguf_file::{Content, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tokenizers::decoders::DecoderWrapper;
use tokenizers::decoders::byte_fallback::ByteFallback;
use tokenizers::decoders::fuse::Fuse;
use tokenizers::decoders::strip::Strip;
use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::normalizers::{NormalizerWrapper, Prepend, Replace};
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::{AddedToken, Tokenizer};

const BESIDE: &str = "tokenizer.json";
/// SentencePiece writes spaces so.
const SPACE: &str = "\u{2581}";
/// Pieces longer than this (in bytes) never come of merging; no vocabulary has them.
const LONGEST_PIECE: usize = 192;
/// A vocabulary of a quarter of a million pieces has half a million.
const MOST_MERGES: usize = 1 << 21;

/// Tokens that end a turn in one family of models or another, whatever the file calls its end of text.
const ENDS: [&str; 6] =
    ["<|eot_id|>", "<|im_end|>", "<|end|>", "<|end_of_text|>", "<end_of_turn>", "<|endoftext|>"];

/// Kinds of tokens, as `tokenizer.ggml.token_type` numbers them.
const NORMAL: i64 = 1;
const CONTROL: i64 = 3;
const USER_DEFINED: i64 = 4;

/// The tokenizer, the special tokens and the template of a file.
pub(super) fn codec(content: &Content, folder: &Folder, place: &str) -> Result<Codec> {
    let m = Metadata { content, place, family: Family::Llama };
    let tokens = texts(&m, "tokenizer.ggml.tokens")?;
    let kinds = kinds(&m, tokens.len());
    let tokenizer = match tokenizer(&m, &tokens, &kinds) {
        Ok(tokenizer) => tokenizer,
        Err(_) if folder.has(BESIDE) => read_tokenizer(folder, BESIDE)?,
        Err(error) => return Err(error),
    };
    let id = |name: &str| {
        let id = m.content.metadata.get(&format!("tokenizer.ggml.{name}_token_id")).and_then(whole)?;
        u32::try_from(id).ok().filter(|id| (*id as usize) < tokens.len())
    };
    let mut stops: BTreeSet<u32> = ["eos", "eot", "eom"].iter().filter_map(|name| id(name)).collect();
    for (n, token) in tokens.iter().enumerate() {
        if kinds[n] != NORMAL && ENDS.contains(&token.as_str()) {
            stops.extend(u32::try_from(n));
        }
    }
    let mut specials = BTreeMap::new();
    for (name, key) in
        [("bos_token", "bos"), ("eos_token", "eos"), ("unk_token", "unknown"), ("pad_token", "padding")]
    {
        if let Some(id) = id(key) {
            specials.insert(name.to_owned(), tokens[id as usize].clone());
        }
    }
    let template = match m.text("tokenizer.chat_template") {
        Some(source) => Some(Template::new(source, specials, &format!("{place} tokenizer.chat_template"))?),
        None => super::super::codec::template(folder, None, specials)?,
    };
    let asks_first = match content.metadata.get("tokenizer.ggml.add_bos_token") {
        Some(Value::Bool(yes)) => *yes,
        // SentencePiece models begin with it unless the file says otherwise, and those of some ways.
        _ => {
            m.text("tokenizer.ggml.model") == Some("llama")
                || m.text("tokenizer.ggml.pre").and_then(ways::named).is_some_and(|way| way.asks_first)
        }
    };
    let first = if asks_first { id("bos") } else { None };
    let tokenizer = for_whole_prompts(tokenizer, place)?;
    let codec = Codec::new(tokenizer, first, stops, template, place.to_owned());
    let literal = match m.text("tokenizer.ggml.model") {
        Some("gpt2") => (0u32..).zip(&tokens).zip(&kinds).filter(|(_, kind)| **kind == USER_DEFINED),
        _ => return Ok(codec),
    };
    Ok(codec.with_literal(literal.map(|((id, token), _)| (id, token.clone())).collect()))
}

/// The file's own tokenizer.
pub(super) fn own(m: &Metadata) -> Result<Tokenizer> {
    let tokens = texts(m, "tokenizer.ggml.tokens")?;
    let kinds = kinds(m, tokens.len());
    tokenizer(m, &tokens, &kinds)
}

fn tokenizer(m: &Metadata, tokens: &[String], kinds: &[i64]) -> Result<Tokenizer> {
    let mut tokenizer = match m.text("tokenizer.ggml.model") {
        Some("gpt2") => byte_level(m, tokens)?,
        Some("llama") => sentence_piece(m, tokens, kinds)?,
        Some("bert") => word_piece(m, tokens, kinds)?,
        other => return Err(refuse(m, "tokenizer.ggml.model", other, "\"gpt2\", \"llama\" or \"bert\"")),
    };
    let added = |wanted: fn(i64) -> bool, special: bool| {
        let of_kind = tokens.iter().zip(kinds).filter(move |(_, kind)| wanted(**kind));
        of_kind
            .map(move |(token, _)| AddedToken::from(token.clone(), special).normalized(false))
            .collect::<Vec<_>>()
    };
    tokenizer
        .add_special_tokens(added(|kind| kind == CONTROL, true))
        .and_then(|_| tokenizer.add_tokens(added(|kind| kind == USER_DEFINED, false)))
        .map_err(|e| broken(m, &*e))?;
    Ok(tokenizer)
}

/// GPT-2's byte-level BPE, with one of the known ways to split text into words.
fn byte_level(m: &Metadata, tokens: &[String]) -> Result<Tokenizer> {
    let merges = texts(m, "tokenizer.ggml.merges")?;
    let merges: Option<Vec<(String, String)>> =
        merges.iter().map(|merge| merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()))).collect();
    let Some(merges) = merges else {
        return Err(refuse(m, "tokenizer.ggml.merges", None, "pairs of tokens with a space between"));
    };
    let name = m.text("tokenizer.ggml.pre");
    let Some(way) = name.and_then(ways::named) else {
        let known = "a known way to split words, as gpt-2, llama-bpe, qwen2 or smollm";
        return Err(refuse(m, "tokenizer.ggml.pre", name, known));
    };
    let model = BPE::builder().vocab_and_merges(vocabulary(tokens), merges).ignore_merges(way.ignore_merges);
    let mut tokenizer = Tokenizer::new(model.build().map_err(|e| broken(m, &*e))?);
    tokenizer.with_normalizer(way.normalizer()).map_err(|e| broken(m, &*e))?;
    let words = way.pre_tokenizer().map_err(|e| broken(m, &*e))?;
    tokenizer.with_pre_tokenizer(Some(words)).with_decoder(Some(ByteLevel::new(false, false, false)));
    Ok(tokenizer)
}

/// SentencePiece's BPE as Hugging Face converts it: pairs whose union is a token merge in the order of its score;
/// what is in no token falls back to bytes.
fn sentence_piece(m: &Metadata, tokens: &[String], kinds: &[i64]) -> Result<Tokenizer> {
    let scores: Option<Vec<f64>> = match m.content.metadata.get("tokenizer.ggml.scores") {
        Some(Value::Array(list)) if list.len() == tokens.len() => list
            .iter()
            .map(|v| match v {
                Value::F32(n) => Some(f64::from(*n)),
                Value::F64(n) => Some(*n),
                _ => None,
            })
            .collect(),
        _ => None,
    };
    let Some(scores) = scores else {
        return Err(refuse(m, "tokenizer.ggml.scores", None, "a number for each token"));
    };
    let unknown = m.content.metadata.get("tokenizer.ggml.unknown_token_id").and_then(whole);
    let unknown = unknown.and_then(|id| tokens.get(usize::try_from(id).ok()?));
    let Some(merges) = merges(tokens, kinds, &scores) else {
        let pieces = format!("at most {MOST_MERGES} ways to put its pieces together");
        return Err(refuse(m, "tokenizer.ggml.tokens", None, &pieces));
    };
    let mut builder =
        BPE::builder().vocab_and_merges(vocabulary(tokens), merges).fuse_unk(true).byte_fallback(true);
    if let Some(unknown) = unknown {
        builder = builder.unk_token(unknown.clone());
    }
    let mut tokenizer = Tokenizer::new(builder.build().map_err(|e| broken(m, &*e))?);
    let space_first =
        !matches!(m.content.metadata.get("tokenizer.ggml.add_space_prefix"), Some(Value::Bool(false)));
    let spaces = Replace::new(" ", SPACE).map_err(|e| broken(m, &*e))?;
    let back = Replace::new(SPACE, " ").map_err(|e| broken(m, &*e))?;
    let mut normalizers: Vec<NormalizerWrapper> = vec![spaces.into()];
    let mut decoders: Vec<DecoderWrapper> =
        vec![back.into(), ByteFallback::default().into(), Fuse::default().into()];
    if space_first {
        normalizers.insert(0, Prepend::new(SPACE.to_owned()).into());
        decoders.push(Strip::new(' ', 1, 0).into());
    }
    tokenizer
        .with_normalizer(Some(tokenizers::normalizers::Sequence::new(normalizers)))
        .map_err(|e| broken(m, &*e))?;
    tokenizer.with_decoder(Some(tokenizers::decoders::sequence::Sequence::new(decoders)));
    Ok(tokenizer)
}

/// BERT's word pieces: the longest token that a word begins with, and so on. Files write the beginning of a word as
/// SentencePiece does, where BERT writes what is none.
fn word_piece(m: &Metadata, tokens: &[String], kinds: &[i64]) -> Result<Tokenizer> {
    let flag = |name: &str| match m.content.metadata.get(&format!("tokenizer.ggml.normalizer.{name}")) {
        Some(Value::Bool(yes)) => Some(*yes),
        _ => None,
    };
    let pieces: Vec<String> = tokens
        .iter()
        .zip(kinds)
        .map(|(token, kind)| match token.strip_prefix(SPACE) {
            _ if *kind == CONTROL => token.clone(),
            Some(beginning) => beginning.to_owned(),
            None => format!("##{token}"),
        })
        .collect();
    let unknown = m.content.metadata.get("tokenizer.ggml.unknown_token_id").and_then(whole);
    let unknown = unknown.and_then(|id| tokens.get(usize::try_from(id).ok()?)).cloned();
    let model = WordPiece::builder()
        .vocab(pieces.into_iter().zip(0u32..).collect::<Vocab>())
        .unk_token(unknown.unwrap_or_else(|| "[UNK]".to_owned()))
        .build();
    let mut tokenizer = Tokenizer::new(model.map_err(|e| broken(m, &*e))?);
    let lowercase = flag("lowercase").unwrap_or(true);
    let normalizer = BertNormalizer::new(true, true, flag("strip_accents"), lowercase);
    tokenizer.with_normalizer(Some(normalizer)).map_err(|e| broken(m, &*e))?;
    tokenizer
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_decoder(Some(tokenizers::decoders::wordpiece::WordPiece::default()));
    Ok(tokenizer)
}

/// Every pair of pieces that is a piece, the best first; `None` if there are more than any vocabulary has.
fn merges(tokens: &[String], kinds: &[i64], scores: &[f64]) -> Option<Vec<(String, String)>> {
    // Bytes and control tokens are not made of their letters.
    let pieces: HashMap<&str, usize> = tokens
        .iter()
        .enumerate()
        .filter(|(n, token)| {
            (kinds[*n] == NORMAL || kinds[*n] == USER_DEFINED) && token.len() <= LONGEST_PIECE
        })
        .map(|(n, token)| (token.as_str(), n))
        .collect();
    let mut merges: Vec<(f64, usize, usize)> = Vec::new();
    for (piece, n) in &pieces {
        for (at, _) in piece.char_indices().skip(1) {
            if let (Some(left), Some(right)) = (pieces.get(&piece[..at]), pieces.get(&piece[at..])) {
                merges.push((scores[*n], *left, *right));
            }
        }
        if merges.len() > MOST_MERGES {
            return None;
        }
    }
    merges.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    Some(merges.into_iter().map(|(_, left, right)| (tokens[left].clone(), tokens[right].clone())).collect())
}

fn vocabulary(tokens: &[String]) -> Vocab {
    tokens.iter().zip(0u32..).map(|(token, id)| (token.clone(), id)).collect()
}

fn texts(m: &Metadata, key: &str) -> Result<Vec<String>> {
    let texts: Option<Vec<String>> = match m.content.metadata.get(key) {
        Some(Value::Array(list)) => list.iter().map(|v| v.to_string().ok().cloned()).collect(),
        _ => None,
    };
    texts.ok_or_else(|| refuse(m, key, None, "a list of texts"))
}

/// The kind of each token; all are normal where the file does not say.
fn kinds(m: &Metadata, n: usize) -> Vec<i64> {
    match m.content.metadata.get("tokenizer.ggml.token_type") {
        Some(Value::Array(list)) if list.len() == n => {
            list.iter().map(|v| whole(v).unwrap_or(NORMAL)).collect()
        }
        _ => vec![NORMAL; n],
    }
}

fn refuse(m: &Metadata, key: &str, found: Option<&str>, expected: &str) -> Error {
    let found = match (found, m.content.metadata.get(key)) {
        (Some(text), _) => format!("{key} = {text:?}"),
        (None, Some(_)) => format!("{key} that is something else"),
        (None, None) => format!("no {key}"),
    };
    Fault::new(m.place, found)
        .expected(expected)
        .next("Put the model's tokenizer.json beside the file, or choose another model.")
        .into()
}

fn broken(m: &Metadata, error: &dyn std::fmt::Display) -> Error {
    Fault::new(m.place, format!("a tokenizer that cannot be put together: {error}"))
        .expected("tokens and merges that fit each other")
        .next("Put the model's tokenizer.json beside the file, or download it again.")
        .into()
}

#[cfg(test)]
mod tests {
    use super::super::super::source::Source;
    use super::super::header;
    use super::*;
    use candle_core::quantized::gguf_file::VersionedMagic;
    use std::path::PathBuf;

    /// A folder of real data beside the repository; `None`, with a message, where there is none.
    #[allow(clippy::print_stdout)]
    fn shared(path: &str) -> Option<PathBuf> {
        let beside = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
        let found = std::env::var_os("JUXTA_TEST_DATA").map_or(beside, PathBuf::from).join(path);
        if !found.exists() {
            println!(
                "skipped: there is no {} (set JUXTA_TEST_DATA to a folder that has it)",
                found.display()
            );
            return None;
        }
        Some(found)
    }

    /// Compares with the tokens that llama.cpp gives for its own test texts.
    fn agrees(codec: &Codec, folder: &std::path::Path, name: &str) {
        let read = |end: &str| {
            std::fs::read_to_string(folder.join(format!("ggml-vocab-{name}.gguf{end}")))
                .expect("beside the vocabulary")
        };
        let (inputs, outputs) = (read(".inp"), read(".out"));
        let inputs: Vec<&str> = inputs.split("\n__ggml_vocab_test__\n").collect();
        assert!(inputs.len() > 40);
        for (text, line) in inputs.iter().zip(outputs.lines()) {
            let expected: Vec<u32> =
                line.split_whitespace().map(|id| id.parse().expect("a number")).collect();
            assert_eq!(codec.encode(text).expect("encodes"), expected, "{name}: {text:?}");
            if name.starts_with("bert") {
                // Case, accents and spaces are gone.
                continue;
            }
            assert_eq!(codec.decode(&expected).expect("decodes"), *text, "{name}");
            let mut stream = codec.stream();
            let mut told = String::new();
            for id in expected {
                told.extend(stream.push(id).expect("decodes"));
            }
            told.extend(stream.finish().expect("decodes"));
            assert_eq!(told, *text, "{name}, streamed");
        }
    }

    fn vocabulary_agrees(name: &str) {
        let Some(folder) = shared("gguf-vocabs") else { return };
        let disk = Folder::Disk(folder.clone());
        let mut source = Source::open(&disk, &format!("ggml-vocab-{name}.gguf")).expect("opens");
        let content = header::read(&mut source).expect("reads");
        agrees(&codec(&content, &disk, &source.place).expect("is a tokenizer"), &folder, name);
    }

    #[test]
    fn sentence_piece_agrees_with_llama_cpp() {
        vocabulary_agrees("llama-spm");
        vocabulary_agrees("phi-3");
    }

    #[test]
    fn byte_level_agrees_with_llama_cpp() {
        vocabulary_agrees("gpt-2");
        vocabulary_agrees("starcoder");
        vocabulary_agrees("mpt");
        vocabulary_agrees("falcon");
        vocabulary_agrees("deepseek-coder");
    }

    #[test]
    fn word_pieces_agree_with_llama_cpp() {
        vocabulary_agrees("bert-bge");
    }

    #[test]
    fn every_known_way_to_split_words_can_be_put_together() {
        let names = "gpt-2 smollm llama-bpe dbrx qwen2 qwen35 tekken gpt-4o deepseek-coder deepseek-v3 falcon bloom viking default";
        for name in names.split(' ') {
            let way = ways::named(name).unwrap_or_else(|| panic!("{name}"));
            assert!(way.pre_tokenizer().is_ok(), "{name}");
        }
    }

    #[test]
    fn the_words_of_qwen_agree_with_llama_cpp() {
        let (Some(vocabularies), Some(folder)) = (shared("gguf-vocabs"), shared("lora-qwen2.5-0.5b")) else {
            return;
        };
        let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect("reads");
        let ids: BTreeMap<String, usize> =
            serde_json::from_str(&read("vocab.json")).expect("from tokens to ids");
        let mut tokens = vec![Value::String(String::new()); ids.len()];
        for (token, id) in ids {
            tokens[id] = Value::String(token);
        }
        let merges = read("merges.txt");
        let merges =
            merges.lines().filter(|l| !l.starts_with("#version")).map(|l| Value::String(l.to_owned()));
        let content = Content {
            magic: VersionedMagic::GgufV3,
            metadata: HashMap::from([
                ("tokenizer.ggml.model".to_owned(), Value::String("gpt2".to_owned())),
                ("tokenizer.ggml.pre".to_owned(), Value::String("qwen2".to_owned())),
                ("tokenizer.ggml.tokens".to_owned(), Value::Array(tokens)),
                ("tokenizer.ggml.merges".to_owned(), Value::Array(merges.collect())),
            ]),
            tensor_infos: HashMap::new(),
            tensor_data_offset: 0,
        };
        let codec = codec(&content, &Folder::Disk(folder), "made").expect("is a tokenizer");
        agrees(&codec, &vocabularies, "qwen2");
    }
}
