//! One broken model for each mistake that people and downloads make, and what is said about it.

use super::support::{copy, load, models, refused};
use juxta::generate::{Finish, Mode, Model, Registry, Sampling, Step};
use juxta::job::{Cancel, SILENT};
use juxta::prompt::{Message, Role};
use serde_json::json;

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const TEMPLATE: &str = "chat_template.jinja";

fn question() -> Vec<Message> {
    vec![
        Message { role: Role::System, content: "Be brief.".to_owned() },
        Message { role: Role::User, content: "Who?".to_owned() },
    ]
}

#[test]
fn missing_weights() {
    copy("grouped").remove(WEIGHTS).is_refused(&[WEIGHTS, "no such file", "tokenizer.json"]);
}

#[test]
fn weights_as_a_pickle() {
    copy("grouped").remove(WEIGHTS).write("pytorch_model.bin", "").is_refused(&[
        "pytorch_model.bin",
        "pickle",
        WEIGHTS,
    ]);
}

#[test]
fn truncated_weights() {
    copy("grouped").cut(WEIGHTS, 50_000).is_refused(&[
        WEIGHTS,
        "ends after 50000 bytes",
        "the tensor model.",
    ]);
}

#[test]
fn weights_cut_within_their_header() {
    copy("grouped").cut(WEIGHTS, 500).is_refused(&[WEIGHTS, "ends after 500 bytes", "header"]);
    copy("grouped").cut(WEIGHTS, 3).is_refused(&[WEIGHTS, "ends after 3 bytes"]);
}

#[test]
fn a_header_of_absurd_size() {
    let mut bytes = u64::MAX.to_le_bytes().to_vec();
    bytes.extend([b' '; 100]);
    copy("grouped").write(WEIGHTS, bytes).is_refused(&[WEIGHTS, "a header of 18446744073709551615 bytes"]);
}

#[test]
fn a_header_that_is_no_table() {
    let mut bytes = 4u64.to_le_bytes().to_vec();
    bytes.extend(b"<ht>");
    copy("grouped").write(WEIGHTS, bytes).is_refused(&[WEIGHTS, "no table"]);
}

#[test]
fn a_tensor_of_absurd_size() {
    let header = format!(
        "{{\"x\":{{\"dtype\":\"F32\",\"shape\":[{0},{0}],\"data_offsets\":[0,16]}}}}",
        u64::from(u32::MAX) * 4
    );
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend([0; 16]);
    copy("grouped").write(WEIGHTS, bytes).is_refused(&[WEIGHTS, "the tensor x", "17179869180"]);
}

#[test]
fn a_tensor_of_the_wrong_shape() {
    copy("grouped")
        .tensors(WEIGHTS, |all| {
            for (name, shape) in all {
                if name == "model.layers.1.self_attn.k_proj.weight" {
                    *shape = vec![32, 16];
                }
            }
        })
        .is_refused(&[WEIGHTS, "model.layers.1.self_attn.k_proj.weight", "[32, 16]", "[16, 32]"]);
}

#[test]
fn a_missing_tensor() {
    copy("grouped")
        .tensors(WEIGHTS, |all| all.retain(|(name, _)| name != "model.layers.0.mlp.up_proj.weight"))
        .is_refused(&[WEIGHTS, "no tensor model.layers.0.mlp.up_proj.weight", "[40, 32]"]);
}

#[test]
fn a_tensor_that_the_engine_would_ignore() {
    copy("grouped")
        .tensors(WEIGHTS, |all| all.push(("model.layers.0.self_attn.q_norm.weight".to_owned(), vec![8])))
        .is_refused(&[WEIGHTS, "model.layers.0.self_attn.q_norm.weight", "ignore"]);
}

#[test]
fn tables_that_old_files_carry_along_do_no_harm() {
    let with_table = copy("grouped").tensors(WEIGHTS, |all| {
        all.push(("model.layers.0.self_attn.rotary_emb.inv_freq".to_owned(), vec![4]));
    });
    assert!(with_table.load().is_ok());
}

#[test]
fn a_model_without_an_output_is_one_of_tied_embeddings() {
    let tied = copy("grouped").tensors(WEIGHTS, |all| all.retain(|(name, _)| name != "lm_head.weight"));
    assert!(tied.load().is_ok());
}

#[test]
fn weights_of_whole_numbers() {
    let bytes = std::fs::read(models().join("grouped").join(WEIGHTS)).expect("read");
    let text = String::from_utf8_lossy(&bytes[..4000]).replacen("\"dtype\":\"F32\"", "\"dtype\":\"I32\"", 1);
    let mut changed = bytes.clone();
    let at = text.find("\"I32\"").expect("in the header");
    changed[at..at + 5].copy_from_slice(b"\"I32\"");
    copy("grouped").write(WEIGHTS, changed).is_refused(&[WEIGHTS, "type I32", "BF16"]);
}

#[test]
fn an_index_that_leads_to_a_missing_file() {
    copy("llama3-old-sharded")
        .remove("model-00002-of-00002.safetensors")
        .is_refused(&["model-00002-of-00002.safetensors", "no such file"]);
}

#[test]
fn an_index_that_leads_out_of_its_folder() {
    copy("llama3-old-sharded")
        .set("model.safetensors.index.json", "weight_map", json!({"lm_head.weight": "../other.safetensors"}))
        .is_refused(&["model.safetensors.index.json", "../other.safetensors"]);
}

#[test]
fn settings_that_the_engine_does_not_do() {
    let refuse = |key: &str, value: serde_json::Value, part: &str| {
        copy("grouped").set(CONFIG, key, value).is_refused(&[CONFIG, key, part]);
    };
    refuse("model_type", json!("mixtral"), "qwen3");
    refuse("model_type", json!("gemma3"), "gemma3_text");
    refuse("architectures", json!(["LlamaForSequenceClassification"]), "LlamaForSequenceClassification");
    refuse("mlp_bias", json!(true), "biases");
    refuse("sliding_window", json!(4096), "llama models have none");
    refuse("logits_scaling", json!(8.0), "ignore");
    refuse("hidden_act", json!("gelu"), "gelu");
    refuse("quantization_config", json!({"bits": 4}), "bits");
    refuse("partial_rotary_factor", json!(0.5), "whole heads");
    refuse("rope_parameters", json!({"rope_type": "dynamic", "factor": 4.0}), "dynamic");
    refuse(
        "rope_parameters",
        json!({"rope_type": "yarn", "factor": 4.0, "beta_fast": 1.0, "beta_slow": 2.0}),
        "less than beta_fast = 1",
    );
    let old = |scaling: serde_json::Value| {
        copy("grouped").set(CONFIG, "rope_parameters", json!(null)).set(CONFIG, "rope_scaling", scaling)
    };
    old(json!({"type": "dynamic", "factor": 2.0})).is_refused(&[
        "rope_scaling",
        "dynamic",
        "linear",
        "llama3",
    ]);
    old(json!({"rope_type": "llama3", "factor": 2.0})).is_refused(&["rope_scaling", "no low_freq_factor"]);
}

#[test]
fn settings_of_other_families_that_the_engine_does_not_do() {
    let refuse = |model: &str, key: &str, value: serde_json::Value, parts: &[&str]| {
        let all: Vec<&str> = [CONFIG, key].into_iter().chain(parts.iter().copied()).collect();
        copy(model).set(CONFIG, key, value).is_refused(&all);
    };
    refuse("gemma2", "hidden_activation", json!("relu"), &["relu", "gelu_pytorch_tanh"]);
    refuse("gemma3", "use_bidirectional_attention", json!(true), &["true"]);
    refuse("gemma3", "layer_types", json!(["sliding_attention"]), &["for each layer"]);
    refuse(
        "qwen2",
        "rope_parameters",
        json!({"rope_type": "longrope", "factor": 4.0}),
        &["longrope", "yarn"],
    );
    refuse("mistral", "attention_bias", json!(true), &["biases"]);
    copy("phi3").set(CONFIG, "rope_parameters", json!({"partial_rotary_factor": 1.5})).is_refused(&[
        CONFIG,
        "partial_rotary_factor",
        "1.5",
    ]);
    refuse(
        "phi3-long",
        "rope_parameters",
        json!({"rope_type": "longrope", "short_factor": [1.0]}),
        &["short_factor"],
    );
    refuse("qwen3", "architectures", json!(["Qwen3ForSequenceClassification"]), &["Qwen3ForCausalLM"]);
}

#[test]
fn settings_that_cannot_be() {
    let refuse = |key: &str, value: serde_json::Value, part: &str| {
        copy("grouped").set(CONFIG, key, value).is_refused(&[CONFIG, key, part]);
    };
    refuse("num_attention_heads", json!(0), "whole number");
    refuse("num_attention_heads", json!(5), "divisor of hidden_size = 32");
    refuse("num_key_value_heads", json!(3), "divisor of num_attention_heads = 4");
    refuse("hidden_size", json!(-32), "-32");
    refuse("vocab_size", json!("many"), "many");
    refuse("max_position_embeddings", json!(null), "no max_position_embeddings");
    refuse("rms_norm_eps", json!(-1.0), "above 0");
    refuse("eos_token_id", json!("</s>"), "token id");
}

#[test]
fn settings_of_absurd_size_are_held_against_the_weights() {
    for (key, part) in [
        ("vocab_size", "embed_tokens"),
        ("intermediate_size", "gate_proj"),
        ("num_hidden_layers", "layers.2."),
    ] {
        copy("grouped").set(CONFIG, key, json!(2_147_483_648u64)).is_refused(&[WEIGHTS, part]);
    }
    // A window is not in the weights: its tables are only made as long as any prompt here can be.
    let long = copy("grouped").set(CONFIG, "max_position_embeddings", json!(2_147_483_648u64));
    assert_eq!(long.load().expect("loads").facts().context_tokens, 32_768);
}

#[test]
fn a_config_that_is_no_json() {
    copy("grouped").write(CONFIG, "{\n  \"model_type\": \n").is_refused(&["config.json:", "JSON"]);
    copy("grouped").write(CONFIG, b"\xff\xfe{}").is_refused(&["config.json:1", "0xff", "UTF-8"]);
}

#[test]
fn a_missing_or_broken_tokenizer() {
    copy("grouped").remove(TOKENIZER).is_refused(&[TOKENIZER, "no such file"]);
    copy("grouped")
        .write(TOKENIZER, "{\"version\": \"1.0\"")
        .is_refused(&[TOKENIZER, "Hugging Face tokenizers"]);
    copy("grouped").write(TOKENIZER, "{}").is_refused(&[TOKENIZER, "Hugging Face tokenizers"]);
    // JSON in its shape, with a byte that no text has: where the library looks, and where it does not.
    for of in ["decoder", "normalizer", "post_processor", "somebody's note"] {
        let json = [b"{\"", of.as_bytes(), b"\": {\"type\": \"\xff\"}, \"model\": {}}"].concat();
        copy("grouped").write(TOKENIZER, json).is_refused(&[TOKENIZER, "Hugging Face tokenizers"]);
    }
}

#[test]
fn a_tokenizer_of_another_model() {
    let reader = std::fs::read(models().join("../../../assets/models/reader").join(TOKENIZER)).expect("read");
    let mixed = copy("grouped").write(TOKENIZER, reader).load().expect("loads: each is fine by itself");
    let asked = mixed.generate("Where is Loch Ness?", &Sampling::default(), &Cancel::new(), &mut |_| {});
    refused(asked, &[TOKENIZER, "the token ", "vocabulary of 100"]);
}

#[test]
fn a_tokenizer_that_would_cut_prompts_off_does_not() {
    let cut = json!({"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0});
    let model = copy("grouped").set(TOKENIZER, "truncation", cut).load().expect("loads");
    assert_eq!(model.count_tokens("a longer text").expect("counts"), 13);
}

#[test]
fn a_model_without_a_template() {
    let model = copy("grouped").write("tokenizer_config.json", "{}").load().expect("loads");
    assert_eq!(model.facts().template_digest, None);
    refused(model.render(&question()), &["without a chat template", TEMPLATE]);
}

#[test]
fn a_template_that_is_no_jinja() {
    copy("grouped")
        .write(TEMPLATE, "{% for message in messages %}\n{{ message.content }}")
        .is_refused(&[TEMPLATE, "line 2", "Jinja"]);
}

#[test]
fn a_template_that_fails() {
    let fails = |template: &str, parts: &[&str]| {
        let model = copy("grouped").write(TEMPLATE, template).load().expect("parses");
        refused(model.render(&question()), &[&[TEMPLATE], parts].concat());
    };
    fails("\n{{ raise_exception('only tools') }}", &["line 2", "refuses: only tools"]);
    fails("{{ messages[0].content.no_such_method() }}", &["line 1"]);
    fails("{% for m in messages %}{% include 'passwd' %}{% endfor %}", &["passwd"]);
}

#[test]
fn a_template_that_does_not_end() {
    let nested =
        "{% for a in range(10000) %}{% for b in range(10000) %}{% set c = a %}{% endfor %}{% endfor %}";
    let model = copy("grouped").write(TEMPLATE, nested).load().expect("parses");
    refused(model.render(&question()), &[TEMPLATE, "not ended", "steps"]);
}

#[test]
fn the_template_file_comes_before_the_one_in_the_tokenizers_settings() {
    let model =
        copy("grouped").write(TEMPLATE, "{{ messages[1].content }}{{ eos_token }}").load().expect("loads");
    assert_eq!(model.render(&question()).expect("renders"), "Who?<|im_end|>");
}

#[test]
fn a_template_with_a_name_is_taken_if_it_is_the_default() {
    let named = json!([{"name": "tools", "template": "no"}, {"name": "default", "template": "{{ messages[1].content }}"}]);
    let model = copy("grouped").set("tokenizer_config.json", "chat_template", named).load().expect("loads");
    assert_eq!(model.render(&question()).expect("renders"), "Who?");
    copy("grouped")
        .set("tokenizer_config.json", "chat_template", json!([{"name": "tools", "template": "x"}]))
        .is_refused(&["tokenizer_config.json", "chat_template"]);
}

#[test]
fn a_card_with_a_mistake() {
    copy("grouped").write("model.toml", "title = \"x\"\nlicense = \"y\"\n").is_refused(&[
        "model.toml:2",
        "license",
        "licence",
    ]);
    copy("grouped").write("model.toml", "context_tokens = 0\n").is_refused(&["model.toml", "context_tokens"]);
}

#[test]
fn unknown_names_are_told_with_the_known_ones() {
    refused(load("no-such-model"), &["no-such-model", "reader", "grouped"]);
    refused(load(env!("CARGO_MANIFEST_DIR")), &["no config.json"]);
    refused(load(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), &["Cargo.toml", ".gguf"]);
}

#[test]
fn a_broken_model_is_a_fault_of_the_list_and_hides_no_other() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, file, text) in [
        ("a", CONFIG, "{"),
        ("b", "adapter_config.json", "{}"),
        ("c", "notes.txt", ""),
        ("reader", CONFIG, ""),
    ] {
        std::fs::create_dir(dir.path().join(name)).expect("made");
        std::fs::write(dir.path().join(name).join(file), text).expect("written");
    }
    std::fs::copy(models().join("grouped").join(CONFIG), dir.path().join("reader").join(CONFIG))
        .expect("copied");
    std::fs::write(dir.path().join("d.gguf"), "GGUL").expect("written");
    let registry = Registry::discover(Some(dir.path()));
    assert!(registry.find("reader").is_ok());
    let faults: Vec<String> = registry.faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 5, "{faults:#?}");
    for (fault, part) in faults.iter().zip([
        "a/config.json",
        "base_model_name_or_path",
        "no config.json",
        "d.gguf",
        "a second model called reader",
    ]) {
        assert!(fault.contains(part), "{part:?} is not in: {fault}");
    }
}

#[test]
fn cancelled_loading_stops() {
    let registry = Registry::discover(Some(&models()));
    let cancel = Cancel::new();
    cancel.cancel();
    for name in ["grouped", "lora"] {
        let loaded = Model::load(&registry.find(name).expect("known"), &registry, SILENT, &cancel);
        assert!(matches!(loaded, Err(juxta::fault::Error::Cancelled)));
    }
}

#[test]
fn loading_can_be_cancelled_between_two_tensors() {
    let registry = Registry::discover(Some(&models()));
    let cancel = Cancel::new();
    let seen = std::sync::atomic::AtomicU64::new(0);
    let report = |progress: juxta::job::Progress| {
        seen.store(progress.done, std::sync::atomic::Ordering::Relaxed);
        if progress.done == 3 {
            cancel.cancel();
        }
    };
    let loaded = Model::load(&registry.find("grouped").expect("known"), &registry, &report, &cancel);
    assert!(matches!(loaded, Err(juxta::fault::Error::Cancelled)));
    assert_eq!(seen.into_inner(), 3);
}

/// A tiny model that never says that it is done: 128 positions, random weights.
fn endless() -> (super::support::Copy, Model) {
    let files = copy("grouped")
        .set(CONFIG, "eos_token_id", json!(null))
        .set("generation_config.json", "eos_token_id", json!(null))
        .set("tokenizer_config.json", "eos_token", json!(null));
    let model = files.load().expect("loads");
    (files, model)
}

fn drawing(max_tokens: usize) -> Sampling {
    Sampling { mode: Mode::at(1.0, None, None).expect("valid"), max_tokens, ..Sampling::default() }
}

#[test]
fn a_prompt_longer_than_the_window_is_refused() {
    let (_files, model) = endless();
    let ask = |prompt: &str| model.generate(prompt, &drawing(10), &Cancel::new(), &mut |_| {});
    refused(ask(&"a".repeat(129)), &["129 tokens", "1 to 128", "fewer or shorter passages"]);
    refused(ask(""), &["0 tokens"]);
    refused(model.logits(&[]), &["0 tokens"]);
    refused(model.logits(&[100]), &["the token 100"]);
    let full = ask(&"a".repeat(128)).expect("one token fits: it need not be read again");
    assert_eq!((full.tokens, full.finish), (1, Finish::Length));
}

#[test]
fn an_answer_ends_with_the_window() {
    let (_files, model) = endless();
    let completion =
        model.generate(&"a".repeat(100), &drawing(1000), &Cancel::new(), &mut |_| {}).expect("answers");
    assert_eq!((completion.prompt_tokens, completion.tokens, completion.finish), (100, 29, Finish::Length));
}

#[test]
fn the_cards_window_comes_before_the_models() {
    let (files, _model) = endless();
    let model = files.write("model.toml", "context_tokens = 20\n").load().expect("loads");
    assert_eq!(model.facts().context_tokens, 20);
    let completion =
        model.generate("aaaaaaaaaa", &drawing(1000), &Cancel::new(), &mut |_| {}).expect("answers");
    assert_eq!((completion.tokens, completion.finish), (11, Finish::Length));
}

#[test]
fn an_answer_has_as_many_tokens_as_it_may() {
    let (_files, model) = endless();
    for n in [0, 1, 5] {
        let completion = model.generate("hello", &drawing(n), &Cancel::new(), &mut |_| {}).expect("answers");
        assert_eq!((completion.tokens, completion.finish), (n, Finish::Length));
        assert_eq!(completion.seconds_to_first_token.is_some(), n > 0);
        assert_eq!(completion.tokens_per_second.is_some(), n > 1);
    }
}

#[test]
fn a_cancelled_answer_keeps_its_text_and_stops_within_one_token() {
    let (_files, model) = endless();
    let cancel = Cancel::new();
    let mut pieces = Vec::new();
    let completion = model
        .generate("hello", &drawing(100), &cancel, &mut |step| {
            if let Step::Text { piece, count } = step {
                pieces.push(piece);
                if count.tokens >= 7 {
                    cancel.cancel();
                }
            }
        })
        .expect("a cancelled answer is an answer");
    assert_eq!(completion.finish, Finish::Cancelled);
    assert_eq!(completion.tokens, 7);
    assert_eq!(completion.text, pieces.concat());
    let before = model.generate("hello", &drawing(100), &cancel, &mut |_| {}).expect("an empty answer");
    assert_eq!((before.text.as_str(), before.tokens, before.finish), ("", 0, Finish::Cancelled));
}

#[test]
fn two_answers_at_once_do_not_disturb_each_other() {
    let (_files, model) = endless();
    let ask = |seed| {
        model
            .generate("hello", &Sampling { seed, ..drawing(40) }, &Cancel::new(), &mut |_| {})
            .expect("answers")
            .text
    };
    let alone = [ask(1), ask(2)];
    let together = std::thread::scope(|scope| {
        let threads = [1, 2].map(|seed| scope.spawn(move || ask(seed)));
        threads.map(|thread| thread.join().expect("no panic"))
    });
    assert_eq!(alone, together);
    assert_ne!(alone[0], alone[1]);
}
