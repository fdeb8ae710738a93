//! Every loader, fed what is nearly right: it loads or it is refused with a fault, and never panics, whatever a byte of a
//! header or a value of a setting is. What a file claims is held against its size, so that memory stays in proportion.

use super::gguf::made;
use super::support::{Copy, copy, load};
use candle_core::quantized::{GgmlDType, gguf_file};
use juxta::fault::Error;
use juxta::generate::{Registry, inspect};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A model loads or is refused with all four parts, and what is told of it without loading agrees.
fn loads_or_is_refused(path: &str) -> Result<(), TestCaseError> {
    let loaded = match load(path) {
        Ok(_) => true,
        Err(Error::Fault(fault)) => {
            for part in [&fault.place, &fault.found, &fault.expected, &fault.next] {
                prop_assert!(!part.is_empty(), "{fault}");
            }
            false
        }
        Err(Error::Cancelled) => return Err(TestCaseError::fail("cancelled")),
    };
    let registry = Registry::discover(Some(&super::support::models()));
    if let Ok(found) = registry.find(path) {
        let seen = inspect(&found, &registry);
        if seen.faults.is_empty() {
            prop_assert!(loaded, "nothing is said to be wrong with it: {seen:?}");
        }
    }
    Ok(())
}

/// What is written over bytes: small numbers, huge ones, and anything.
fn junk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<u8>().prop_map(|b| vec![b]),
        any::<u32>().prop_map(|n| n.to_le_bytes().to_vec()),
        prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(1 << 40), Just(i64::MAX as u64), any::<u64>()]
            .prop_map(|n| n.to_le_bytes().to_vec()),
    ]
}

fn overwritten(bytes: &[u8], changes: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (at, junk) in changes {
        let at = at % bytes.len();
        let end = (at + junk.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&junk[..end - at]);
    }
    bytes
}

/// A value that a setting may have by mistake or in malice.
fn setting() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(0i64), Just(-1), Just(1), Just(3), Just(1 << 31), Just(i64::MAX), any::<i64>()]
            .prop_map(Value::from),
        any::<f64>().prop_map(|n| json!(n)),
        "[a-z_0-9{}%]{0,12}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
        Just(json!([1, "a", null])),
        Just(json!({"rope_type": "llama3", "factor": 0.0})),
    ]
}

fn keys(model: &str, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(super::support::models().join(model).join(file)).expect("read");
    let json: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("an object");
    json.keys().cloned().collect()
}

fn path(model: &Copy) -> String {
    model.path("").to_string_lossy().into_owned()
}

const FAMILIES: [&str; 7] = ["grouped", "mistral", "qwen2", "qwen3-yarn", "gemma2", "gemma3", "phi3-long"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn gguf_headers(changes in prop::collection::vec((0usize..14_000, junk()), 1..4)) {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("made.gguf");
        made(GgmlDType::Q4_0).write(&file);
        let bytes = overwritten(&std::fs::read(&file).expect("read"), &changes);
        std::fs::write(&file, bytes).expect("written");
        loads_or_is_refused(&file.to_string_lossy())?;
    }

    #[test]
    fn gguf_files_cut_anywhere(part in 0.0f64..1.0) {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("made.gguf");
        made(GgmlDType::Q4_0).write(&file);
        let bytes = std::fs::read(&file).expect("read");
        let kept = (bytes.len() as f64 * part) as usize;
        std::fs::write(&file, &bytes[..kept]).expect("written");
        prop_assert!(load(&file.to_string_lossy()).is_err());
    }

    #[test]
    fn safetensors_headers(changes in prop::collection::vec((0usize..2_600, junk()), 1..4)) {
        let model = copy("grouped");
        let bytes = std::fs::read(model.path("model.safetensors")).expect("read");
        let model = model.write("model.safetensors", overwritten(&bytes, &changes));
        loads_or_is_refused(&path(&model))?;
    }

    #[test]
    fn settings(model in prop::sample::select(&FAMILIES[..]), key in any::<prop::sample::Index>(), value in setting()) {
        let keys = keys(model, "config.json");
        let model = copy(model).set("config.json", &keys[key.index(keys.len())], value);
        loads_or_is_refused(&path(&model))?;
    }

    #[test]
    fn adapters_settings(key in any::<prop::sample::Index>(), value in setting()) {
        let keys = keys("lora-patterns", "adapter_config.json");
        let model = copy("lora-patterns").set("adapter_config.json", &keys[key.index(keys.len())], value);
        loads_or_is_refused(&path(&model))?;
    }

    #[test]
    fn tokenizers(changes in prop::collection::vec((0usize..3_000, junk()), 1..3)) {
        let model = copy("grouped");
        let bytes = std::fs::read(model.path("tokenizer.json")).expect("read");
        let model = model.write("tokenizer.json", overwritten(&bytes, &changes));
        loads_or_is_refused(&path(&model))?;
        if let Ok(loaded) = model.load() {
            let _ = loaded.count_tokens("Who wrote 'Faust' in 1808? é 🦙\n");
        }
    }

    #[test]
    fn templates(source in "(\\{\\{|\\}\\}|\\{%|%\\}| |messages|for m in|endfor|if|set|x|=|~|\\+|\\[0\\]|\\.content|'a'|-|\\|tojson|range\\(9\\)){0,14}") {
        let model = copy("grouped").write("chat_template.jinja", source);
        loads_or_is_refused(&path(&model))?;
    }
}

/// Found by the first of these: a scale beyond an eighth of f16's largest number.
#[test]
fn a_matrix_with_a_scale_that_no_model_has_loads_nevertheless() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("made.gguf");
    made(GgmlDType::Q4_0).write(&file);
    let mut bytes = std::fs::read(&file).expect("read");
    let content = gguf_file::Content::read(&mut std::io::Cursor::new(&bytes)).expect("a header");
    let at = (content.tensor_data_offset + content.tensor_infos["token_embd.weight"].offset) as usize;
    bytes[at..at + 2].copy_from_slice(&half::f16::from_f32(60_000.0).to_le_bytes());
    std::fs::write(&file, bytes).expect("written");
    let path = file.to_string_lossy();
    load(&path).unwrap_or_else(|e| panic!("{e}"));
}
