//! An adapter on a GGUF file of its base is the adapter on that base: the halves beside the file's own numbers, or merged
//! where the engine cannot keep them apart.

use super::export::{CONFIG, exported, with_letters};
use super::support::{Copy, copy, furthest, load, refused, spread};
use juxta::generate::{Engine, Model, Numbers, Order, Registry, Ways, export, inspect};
use juxta::job::{Cancel, SILENT};
use serde_json::json;
use std::path::Path;

const ADAPTER: &str = "adapter_config.json";

fn on(adapter: &str, base: &Path) -> Copy {
    copy(adapter).set(ADAPTER, "base_model_name_or_path", json!(base.to_string_lossy()))
}

fn load_in(engine: Engine, model: &Copy) -> Model {
    let ways = Ways { engine, ..Ways::default() };
    super::support::load_in(ways, &model.path("").to_string_lossy()).unwrap_or_else(|e| panic!("{e}"))
}

fn logits(model: &Model) -> Vec<f32> {
    // As many as the window of the smallest has.
    let tokens: Vec<u32> = (0..8).map(|n| (n * 37 + 5) % 97 + 3).collect();
    model.logits(&tokens).expect("logits")
}

/// The adapter on a folder and on a file of the same base, in both engines.
fn same(adapter: &str, base: Copy) {
    let file = base.path("base.gguf");
    exported(&base.path(""), &file, Numbers::F16).unwrap_or_else(|e| panic!("{adapter}: {e}"));
    let (folder, plain) = (base.path(""), base.load().expect("loads"));
    let whole = logits(&load_in(Engine::Own, &on(adapter, &folder)));
    let from_file = load(&file.to_string_lossy()).expect("loads");
    // What the file's sixteen bits change of the base, they may change with the adapter too.
    let rounding = furthest(&logits(&plain), &logits(&from_file)) / spread(&whole);
    let moved = furthest(&whole, &logits(&plain)) / spread(&whole);
    for engine in [Engine::Own, Engine::Candle] {
        let model = load_in(engine, &on(adapter, &file));
        let off = furthest(&whole, &logits(&model)) / spread(&whole);
        let told = &model.facts().engine;
        assert!(off < 3.0 * rounding + 1e-4, "{adapter} in {told}: off by {off}, the base by {rounding}");
        assert!(moved > 5.0 * off, "{adapter} in {told}: off by {off}, where all it does is {moved}");
        assert_eq!(model.facts().base_digest.as_ref(), Some(&from_file.facts().digest), "{adapter}");
    }
}

#[test]
fn adapters_of_every_family_go_onto_their_files() {
    same("lora", with_letters("grouped"));
    same("lora-mistral", with_letters("mistral"));
    same("lora-qwen2", with_letters("qwen2"));
    same("lora-qwen3", with_letters("qwen3"));
    same("lora-gemma2", with_letters("gemma2").set(CONFIG, "query_pre_attn_scalar", json!(16)));
    // Windows that a file can name are the same in every layer.
    let sliding = json!(["sliding_attention", "sliding_attention", "sliding_attention"]);
    let gemma3 = with_letters("gemma3").set(CONFIG, "query_pre_attn_scalar", json!(16));
    same("lora-gemma3", gemma3.set(CONFIG, "layer_types", sliding));
    same("lora-phi3", with_letters("phi3"));
}

#[test]
fn so_do_those_that_change_head_or_embeddings() {
    for adapter in ["lora-head", "lora-saved-head"] {
        same(adapter, with_letters("grouped"));
    }
    for adapter in ["lora-tied-embeddings", "lora-tied-saved"] {
        same(adapter, with_letters("tied-bf16"));
    }
}

#[test]
fn a_quantised_base_is_in_memory_once_for_both() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("eight.gguf");
    let registry = Registry::discover(None);
    let reader = registry.find("reader").expect("bundled");
    let order = Order { file: &file, numbers: Numbers::Q8 };
    export(&reader, &registry, &order, SILENT, &Cancel::new()).unwrap_or_else(|e| panic!("{e}"));
    let adapter = registry.find("reader-biomedicine-500").expect("bundled");
    let moved = dir.path().join("tuned");
    std::fs::create_dir(&moved).expect("made");
    for name in adapter.folder.list().expect("listed") {
        std::fs::write(moved.join(&name), adapter.folder.read(&name).expect("read")).expect("written");
    }
    let settings = std::fs::read_to_string(moved.join(ADAPTER)).expect("read");
    let mut settings: serde_json::Value = serde_json::from_str(&settings).expect("settings");
    settings["base_model_name_or_path"] = json!("../eight.gguf");
    std::fs::write(moved.join(ADAPTER), settings.to_string()).expect("written");

    let (base, tuned) = (load(&file.to_string_lossy()), load(&moved.to_string_lossy()));
    let (base, tuned) = (base.expect("loads"), tuned.unwrap_or_else(|e| panic!("{e}")));
    assert!(base.facts().engine.contains("q8_0"), "{}", base.facts().engine);
    assert_eq!(base.facts().engine, tuned.facts().engine, "the adapter leaves the numbers as they are");
    let on_folder = load("reader-biomedicine-500").expect("loads");
    let tokens = base.codec().expect("a network").encode("Question: What is asthma?").expect("encodes");
    let [plain, tuned_, whole] = [&base, &tuned, &on_folder].map(|m| m.logits(&tokens).expect("logits"));
    let (off, apart) =
        (furthest(&tuned_, &whole) / spread(&whole), furthest(&plain, &whole) / spread(&whole));
    assert!(off < 0.1 && apart > 3.0 * off, "off by {off}, without the adapter by {apart}");
    // That the file is of the base it was trained on is remarked, not taken for granted.
    let found = registry.find(&moved.to_string_lossy()).expect("a model");
    let seen = inspect(&found, &registry);
    assert!(seen.faults.is_empty(), "{:?}", seen.faults);
    assert!(seen.remarks.iter().any(|r| r.found.contains("a GGUF file")), "{:?}", seen.remarks);
}

#[test]
fn what_does_not_fit_the_file_is_refused() {
    let base = with_letters("tied-bf16");
    let file = base.path("base.gguf");
    exported(&base.path(""), &file, Numbers::F16).expect("written");
    refused(
        on("lora-head", &file).set(ADAPTER, "r", json!(5)).load(),
        &["adapter_model.safetensors", "shape"],
    );
    let own = on("lora-tied-embeddings", &file)
        .write("tokenizer.json", super::export::byte_level().replace("\"Z\"", "\"ZZ\""));
    refused(own.load(), &["ZZ", "the tokens of its base"]);
    // A file's numbers are not written again with an adapter in them.
    let model = on("lora-tied-embeddings", &file);
    refused(exported(&model.path(""), &base.path("merged.gguf"), Numbers::F16), &["a GGUF file", "folder"]);
}

#[test]
fn a_card_that_lies_beside_a_file_is_not_taken_for_its_own() {
    let base = with_letters("tied-bf16");
    let file = base.path("base.gguf");
    exported(&base.path(""), &file, Numbers::F16).expect("written");
    std::fs::write(base.path("model.toml"), "context_tokens = 5\n").expect("written");
    let window = |model: Model| model.facts().context_tokens;
    assert_eq!(window(base.load().expect("loads")), 5);
    assert!(window(load(&file.to_string_lossy()).expect("loads")) > 5);
    assert!(window(on("lora-tied-embeddings", &file).load().expect("loads")) > 5);
}
