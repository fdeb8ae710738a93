//! What is written as GGUF is read back as the same model. That llama.cpp reads it too is `tests/reference/llama_cpp.py`'s.

use super::support::{Copy, copy, furthest, load, models, refused, shared, spread};
use juxta::fault::Result;
use juxta::generate::{Model, Numbers, Order, Registry, export};
use juxta::job::{Cancel, SILENT};
use juxta::prompt::{Message, Role};
use serde_json::json;
use std::path::Path;

pub const CONFIG: &str = "config.json";

/// A byte-level tokenizer of the letters on a keyboard, as the vocabulary of a hundred has room for.
pub fn byte_level() -> String {
    let letters = (33u8..127).map(char::from).chain(['Ġ', 'Ċ']);
    let names = ["<unk>", "<|im_start|>", "<|im_end|>"].map(str::to_owned).into_iter();
    let tokens: Vec<String> = names.chain(letters.map(String::from)).collect();
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        tokens.iter().enumerate().map(|(id, token)| (token.clone(), json!(id))).collect();
    let special = |id: usize| {
        json!({"id": id, "content": tokens[id], "special": true, "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false})
    };
    let bytes =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    json!({
        "version": "1.0",
        "added_tokens": [special(1), special(2)],
        "pre_tokenizer": {"type": "Sequence",
                          "pretokenizers": [{"type": "Digits", "individual_digits": true}, bytes]},
        "decoder": bytes,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    })
    .to_string()
}

pub fn with_letters(name: &str) -> Copy {
    copy(name).write("tokenizer.json", byte_level())
}

pub fn exported(path: &Path, file: &Path, numbers: Numbers) -> Result<()> {
    let registry = Registry::discover(Some(&models()));
    let found = registry.find(&path.to_string_lossy())?;
    export(&found, &registry, &Order { file, numbers }, SILENT, &Cancel::new())
}

/// How far the logits of what was exported are from those of the model, relative to their spread, at the worst of some
/// lengths up to `longest`.
fn difference(model: &Copy, numbers: Numbers, longest: usize) -> f32 {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("out.gguf");
    exported(&model.path(""), &file, numbers).unwrap_or_else(|e| panic!("{e}"));
    let (before, after) = (model.load().expect("loads"), load(&file.to_string_lossy()).expect("loads"));
    same_words(&before, &after);
    let tokens: Vec<u32> = (0..65).map(|n| (n * 37 + 5) % 97 + 3).collect();
    [1, 2, longest].into_iter().fold(0.0, |worst: f32, n| {
        let (a, b) =
            (before.logits(&tokens[..n]).expect("logits"), after.logits(&tokens[..n]).expect("logits"));
        worst.max(furthest(&a, &b) / spread(&a))
    })
}

fn same_words(before: &Model, after: &Model) {
    let messages = [Message { role: Role::User, content: "Who wrote 'Faust' in 1808?  \n[1]".to_owned() }];
    let prompt = before.render(&messages).expect("renders");
    assert_eq!(after.render(&messages).expect("renders"), prompt);
    let (a, b) = (before.codec().expect("a network"), after.codec().expect("a network"));
    let ids = a.encode_prompt(&prompt).expect("encodes");
    assert_eq!(b.encode_prompt(&prompt).expect("encodes"), ids);
    assert_eq!(b.decode(&ids).expect("decodes"), a.decode(&ids).expect("decodes"));
    assert!(a.stops(2) && b.stops(2));
}

#[test]
fn every_architecture_comes_back_as_it_was() {
    // f32 is rounded to f16; the others hold what f16 holds.
    assert!(difference(&with_letters("grouped"), Numbers::F16, 30) < 0.01);
    assert!(difference(&with_letters("phi3"), Numbers::F16, 8) < 0.01);
    let exact = |model: &Copy, longest: usize| {
        let off = difference(model, Numbers::F16, longest);
        assert!(off < 1e-4, "off by {off} of the spread");
    };
    exact(&with_letters("tied-bf16"), 30);
    exact(&with_letters("llama3-f16"), 30);
    // Windows that a file cannot name end its context.
    exact(&with_letters("mistral"), 8);
    exact(&with_letters("qwen2-sliding"), 8);
    exact(&with_letters("qwen2"), 30);
    exact(&with_letters("qwen3"), 30);
    exact(&with_letters("qwen3-yarn"), 30);
    // Within its first window of 64 and beyond it.
    exact(&with_letters("phi3-long"), 64);
    exact(&with_letters("phi3-long"), 65);
    exact(&with_letters("gemma"), 30);
    exact(&with_letters("gemma2").set(CONFIG, "query_pre_attn_scalar", json!(16)), 30);
    let sliding = json!(["sliding_attention", "sliding_attention", "sliding_attention"]);
    let gemma3 = with_letters("gemma3").set(CONFIG, "query_pre_attn_scalar", json!(16));
    exact(&gemma3.set(CONFIG, "layer_types", sliding), 30);
}

#[test]
fn eight_bits_are_near() {
    let off = difference(&with_letters("qwen3"), Numbers::Q8, 30);
    assert!((1e-4..0.2).contains(&off), "off by {off} of the spread");
}

#[test]
fn an_adapter_is_exported_merged() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("out.gguf");
    let registry = Registry::discover(Some(&models()));
    let found = registry.find("reader-biomedicine-500").expect("bundled");
    let order = Order { file: &file, numbers: Numbers::F16 };
    export(&found, &registry, &order, SILENT, &Cancel::new()).unwrap_or_else(|e| panic!("{e}"));
    let (before, after) =
        (load("reader-biomedicine-500").expect("loads"), load(&file.to_string_lossy()).expect("loads"));
    same_words(&before, &after);
    let tokens = before.codec().expect("a network").encode("Question: What is asthma?").expect("encodes");
    let (a, b) = (before.logits(&tokens).expect("logits"), after.logits(&tokens).expect("logits"));
    let (off, base) = (furthest(&a, &b), load("reader").expect("loads").logits(&tokens).expect("logits"));
    assert!(off < 0.05 && furthest(&base, &b) > 10.0 * off, "off by {off}");
}

#[test]
fn what_such_a_file_cannot_say_is_refused() {
    let refuse = |model: Copy, parts: &[&str]| {
        let file = model.path("out.gguf");
        refused(exported(&model.path(""), &file, Numbers::F16), parts);
        assert!(!file.exists());
    };
    refuse(with_letters("gemma2"), &["scores multiplied by", "Hugging Face folder"]);
    let gemma3 = with_letters("gemma3").set(CONFIG, "query_pre_attn_scalar", json!(16));
    refuse(gemma3, &["windows of attention"]);
    refuse(copy("grouped"), &["tokenizer.json", "splits words"]);
    let there = with_letters("grouped").write("out.gguf", "mine");
    refused(exported(&there.path(""), &there.path("out.gguf"), Numbers::F16), &["out.gguf", "a new one"]);
    assert_eq!(std::fs::read(there.path("out.gguf")).expect("read"), b"mine");
    refused(exported(&models().join("nothing"), Path::new("x.gguf"), Numbers::F16), &["unknown"]);
}

#[test]
fn sentence_piece_tokenizers_of_real_models_come_back_as_they_were() {
    let Some(folder) = shared("hf-tokenizers") else { return };
    for path in ["mistral/tokenizer.json", "tinyllama/lora_adapter/tokenizer.json"] {
        // A model of 32,000 tokens and next to nothing else.
        let tokenizer = std::fs::read(folder.join(path)).expect("read");
        let vocabulary = 32_000;
        let model = copy("grouped")
            .set(CONFIG, "vocab_size", json!(vocabulary))
            .write("tokenizer.json", tokenizer)
            .tensors("model.safetensors", |all| {
                for (name, shape) in all.iter_mut() {
                    if name.contains("embed_tokens") || name.contains("lm_head") {
                        shape[0] = vocabulary;
                    }
                }
            });
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("out.gguf");
        exported(&model.path(""), &file, Numbers::F16).unwrap_or_else(|e| panic!("{path}: {e}"));
        let (before, after) = (model.load().expect("loads"), load(&file.to_string_lossy()).expect("loads"));
        let (a, b) = (before.codec().expect("a network"), after.codec().expect("a network"));
        for text in [
            "Zürich in 1808:\n\n\t🦙 naïve — ‘quoted’ 中文",
            "[1] Faust\nGoethe wrote it.",
            "x = y**2  # 10,000",
        ] {
            let ids = a.encode(text).expect("encodes");
            assert_eq!(b.encode(text).expect("encodes"), ids, "{path}: {text}");
            assert_eq!(b.decode(&ids).expect("decodes"), a.decode(&ids).expect("decodes"), "{path}");
        }
    }
}
