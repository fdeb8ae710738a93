//! `juxta model`: adding, checking, removing and exporting models on this disk, by the real binary.

mod command;

use command::Data;
use std::fs;
use std::path::Path;

/// A copy of one tiny model in a folder of its own, away from the models folder.
fn elsewhere(data: &Data, model: &str) -> String {
    let path = data.copy(&format!("tests/data/models/{model}"), &format!("../elsewhere/{model}"));
    path.canonicalize().expect("made").to_string_lossy().into_owned()
}

fn ok(data: &Data, args: &[&str]) -> String {
    data.juxta(args).ok().to_owned()
}

#[track_caller]
fn fails(data: &Data, args: &[&str], parts: &[&str]) {
    data.juxta(args).failed(parts);
}

fn names(data: &Data) -> Vec<String> {
    let listed = data.juxta(&["model", "list", "--json"]).json();
    let all = listed.as_array().expect("a list").iter();
    let mut names: Vec<String> = all.map(|m| m["name"].as_str().expect("a name").to_owned()).collect();
    names.retain(|name| !name.starts_with("reader"));
    names
}

/// What lies in the models folder, hidden things too.
fn below_models(data: &Data) -> Vec<String> {
    let Ok(entries) = fs::read_dir(data.path().join("models")) else { return Vec::new() };
    entries.map(|e| e.expect("listed").file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_folder_is_added_by_its_path_checked_and_forgotten() {
    let data = Data::new();
    let source = elsewhere(&data, "qwen3");
    let told = ok(&data, &["model", "add", "mine", &source]);
    for part in ["base · qwen3 · ", "BF16", "window     128 tokens", "of weights", "added as mine"] {
        assert!(told.contains(part), "{part:?} is not in:\n{told}");
    }
    assert_eq!(names(&data), ["mine"]);
    let checked = data.juxta(&["model", "check", "mine", "--json"]).json();
    assert_eq!(checked["architecture"], "qwen3");
    assert_eq!(checked["faults"].as_array().map(Vec::len), Some(0));
    assert_eq!(checked["digest"].as_str().map(str::len), Some(64));
    // The same model, wherever it is looked at from.
    let by_path = data.juxta(&["model", "check", &source, "--json"]).json();
    assert_eq!(by_path["digest"], checked["digest"]);
    fails(&data, &["model", "add", "mine", &source], &["a model called mine"]);
    ok(&data, &["model", "remove", "mine"]);
    assert_eq!(names(&data), [""; 0]);
    assert!(Path::new(&source).join("config.json").is_file(), "the source was touched");
    fails(&data, &["model", "remove", "mine"], &["no such model of your own"]);
    fails(&data, &["model", "remove", "reader"], &["a bundled model"]);
    fails(&data, &["model", "remove", "../elsewhere"], &["no such model"]);
    assert_eq!(below_models(&data), [""; 0]);
}

#[test]
fn what_was_copied_outlives_its_source_and_what_was_not_is_missed_by_name() {
    let data = Data::new();
    let source = elsewhere(&data, "gemma3");
    data.juxta(&["model", "add", "copied", &source, "--copy"]).ok();
    data.juxta(&["model", "add", "linked", &source]).ok();
    let digest = |name: &str| data.juxta(&["model", "check", name, "--json"]).json()["digest"].clone();
    assert_eq!(digest("copied"), digest("linked"));
    fs::remove_dir_all(&source).expect("removed");
    assert_eq!(names(&data), ["copied"]);
    let listed = data.juxta(&["model", "list"]);
    assert!(
        listed.err.contains("which is not there") && listed.err.contains("model remove linked"),
        "{}",
        listed.err
    );
    data.juxta(&["model", "check", "copied"]);
    data.juxta(&["model", "remove", "linked"]).ok();
    assert_eq!(below_models(&data), ["copied"]);
}

#[test]
fn an_adapter_is_added_onto_the_base_that_is_named() {
    let data = Data::new();
    let (base, adapter) = (elsewhere(&data, "mistral"), elsewhere(&data, "lora-mistral"));
    // Its settings name a model that is not known here.
    let settings = Path::new(&adapter).join("adapter_config.json");
    let text = fs::read_to_string(&settings).expect("read");
    fs::write(&settings, text.replace("\"mistral\"", "\"mistralai/Mistral-9B\"")).expect("written");
    data.juxta(&["model", "add", "tuned", &adapter]).says(&["mistralai/Mistral-9B"]);
    assert_eq!(below_models(&data), [""; 0]);
    ok(&data, &["model", "add", "base", &base]);
    let told = ok(&data, &["model", "add", "tuned", &adapter, "--base", "base", "--copy"]);
    assert!(told.contains("adapter of base · mistral"), "{told}");
    let pair = ok(&data, &["model", "check", "tuned", "--with", "base"]);
    assert!(pair.contains("base: can be a pair\n"), "{pair}");
    let pair = ok(&data, &["model", "check", "tuned", "--with", "reader"]);
    for part in ["can be a pair, with", "fine-tuned from base and not from reader", "two tokenizers"] {
        assert!(pair.contains(part), "{part:?} is not in:\n{pair}");
    }
    // Of another base it is refused, with every shape that does not fit.
    let other = elsewhere(&data, "qwen3");
    fails(
        &data,
        &["model", "add", "wrong", &adapter, "--base", &other],
        &["adapter_model.safetensors", "shape"],
    );
    fails(
        &data,
        &["model", "add", "wrong", &other, "--base", "base"],
        &["--base: found a model that is base"],
    );
}

#[test]
fn everything_that_is_wrong_with_a_model_is_said_at_once_and_nothing_is_added() {
    let data = Data::new();
    let source = elsewhere(&data, "qwen2");
    let file = |name: &str| Path::new(&source).join(name);
    fs::write(file("tokenizer.json"), "{}").expect("written");
    let config = fs::read_to_string(file("config.json")).expect("read");
    fs::write(file("config.json"), config.replace("\"intermediate_size\": 40", "\"intermediate_size\": 44"))
        .expect("written");
    let added = data.juxta(&["model", "add", "broken", &source]);
    for part in ["tokenizer.json", "gate_proj", "[40, 32]", "[44, 32]", "tensors more that do not fit"] {
        assert!(added.out.contains(part), "{part:?} is not in:\n{}", added.out);
    }
    added.failed(&["wrong, as listed"]);
    assert_eq!(below_models(&data), [""; 0]);
    let checked = data.juxta(&["model", "check", &source, "--json"]);
    assert_eq!(checked.code, Some(1));
    let seen: serde_json::Value = serde_json::from_str(&checked.out).expect("JSON alone");
    assert!(seen["faults"].as_array().is_some_and(|f| f.len() > 3), "{seen}");
}

#[test]
fn names_and_sources_that_will_not_do() {
    let data = Data::new();
    let source = elsewhere(&data, "qwen3");
    for name in ["", ".hidden", "a/b", "x.part"] {
        fails(&data, &["model", "add", name, &source], &["letters, digits, hyphens"]);
    }
    fails(&data, &["model", "add", "reader", &source], &["a model called reader"]);
    fails(&data, &["model", "add", "x", "/no/such/place"], &["/no/such/place"]);
    let nothing = data.juxta(&["model", "add", "x"]);
    assert_eq!(nothing.code, Some(2), "{}", nothing.err);
    let folder = data.path().join("../elsewhere/empty");
    fs::create_dir_all(&folder).expect("made");
    fails(
        &data,
        &["model", "add", "x", &folder.to_string_lossy()],
        &["no config.json, no adapter_config.json and no GGUF file"],
    );
}

#[test]
fn a_model_is_exported_added_as_a_file_and_answers() {
    let data = Data::new();
    let file = data.path().join("reader.gguf");
    let file = file.to_str().expect("UTF-8");
    let told = ok(&data, &["model", "export", "reader", "--gguf", file, "--type", "q8_0"]);
    assert!(told.starts_with("reader as ") && told.contains(" MB"), "{told}");
    fails(&data, &["model", "export", "reader", "--gguf", file], &["a new one"]);
    data.juxta(&["model", "add", "quantised", file, "--copy"]).ok();
    fs::remove_file(file).expect("removed");
    let pair = ok(&data, &["model", "check", "quantised", "--with", "reader"]);
    assert!(pair.contains("GGUF · llama") && pair.contains("weights in F16 and Q8_0"), "{pair}");
    let ask = ["ask", "What is asthma?", "--pair", "reader,quantised", "--max-tokens", "8", "--json"];
    let trial = data.juxta(&ask).json();
    assert_eq!(trial["answers"][1]["contender"], "quantised");
    let engine = trial["answers"][1]["model"]["engine"].as_str().unwrap_or_default();
    assert!(engine.starts_with("juxta-engine llama q8_0"), "{engine}");
    assert!(trial["answers"][1]["tokens"].as_u64().is_some_and(|n| n > 0), "{trial}");
}

#[test]
fn a_template_that_refuses_a_system_message_is_told_in_the_trial() {
    let data = Data::new();
    let source = data.copy("assets/models/reader", "../elsewhere/strict");
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/templates/refuses-a-system-message.jinja"),
        source.join("chat_template.jinja"),
    )
    .expect("copied");
    let told = ok(&data, &["model", "add", "strict", &source.to_string_lossy()]);
    assert!(told.contains("refuses a system message, which goes above the question"), "{told}");
    let args = ["ask", "What is asthma?", "--pair", "reader,strict", "--max-tokens", "4"];
    let trial = data.juxta(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(trial["answers"][1]["system_folded"], true);
    assert!(trial["answers"][0].get("system_folded").is_none());
    let asked = data.juxta(&args);
    assert!(asked.ok().contains("its template refuses a system message"));
    assert!(asked.err.contains("reader and strict have two chat templates"), "{}", asked.err);
    let asked =
        data.juxta(&["ask", "What is asthma?", "--pair", "strict,reader-everyday-200", "--max-tokens", "2"]);
    assert!(asked.err.contains("two chat templates") && !asked.err.contains("another base"), "{}", asked.err);
}

#[test]
fn a_whole_model_that_was_fine_tuned_is_a_pair_with_its_base() {
    let data = Data::new();
    let source = data.copy("assets/models/reader", "../elsewhere/whole");
    let card = fs::read_to_string(source.join("model.toml")).expect("read");
    fs::write(source.join("model.toml"), format!("base = \"reader\"\n{card}")).expect("written");
    let told = ok(&data, &["model", "add", "whole", &source.to_string_lossy()]);
    assert!(told.contains("fine-tuned from reader · llama"), "{told}");
    let pair = ok(&data, &["model", "check", "whole", "--with", "reader"]);
    assert!(pair.contains("reader: can be a pair\n"), "{pair}");
    let pair = ok(&data, &["model", "check", "whole", "--with", "reader-everyday-200"]);
    assert!(pair.contains("fine-tuned from reader and not from reader-everyday-200"), "{pair}");
}
