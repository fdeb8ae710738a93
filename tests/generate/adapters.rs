//! Adapters, merged, agree with PEFT, which keeps them apart; and what PEFT can do beyond is refused by name.

use super::logits::agrees;
use super::support::{copy, load, models, refused};
use serde_json::json;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

#[test]
fn a_plain_adapter() {
    agrees("lora");
}

#[test]
fn rank_stabilised_scaling_on_all_linear_layers() {
    agrees("lora-rank-stabilised");
}

#[test]
fn ranks_and_alphas_by_pattern() {
    agrees("lora-patterns");
}

#[test]
fn one_layer_alone() {
    agrees("lora-one-layer");
}

#[test]
fn saved_modules_take_the_place_of_the_bases() {
    agrees("lora-saved-head");
}

#[test]
fn an_adapted_output() {
    agrees("lora-head");
}

#[test]
fn adapted_embeddings_leave_the_tied_output_as_it_was() {
    agrees("lora-tied-embeddings");
}

#[test]
fn saved_embeddings_leave_the_tied_output_as_it_was() {
    agrees("lora-tied-saved");
}

#[test]
fn adapters_of_every_architecture() {
    for name in ["lora-mistral", "lora-qwen2", "lora-qwen3", "lora-gemma2", "lora-gemma3", "lora-phi3"] {
        agrees(name);
    }
}

#[test]
fn an_adapter_for_the_parts_of_what_is_fused_is_refused() {
    copy("lora-phi3")
        .set(CONFIG, "target_modules", json!(["q_proj"]))
        .is_refused(&[CONFIG, "q_proj", "qkv_proj"]);
}

#[test]
fn an_adapter_with_another_models_tokenizer_is_refused() {
    let reader = models().join("../../../assets/models/reader/tokenizer.json");
    let tokenizer = std::fs::read(reader).expect("read");
    copy("lora").write("tokenizer.json", tokenizer).is_refused(&["tokenizer.json", "the token", "grouped"]);
    let own = std::fs::read(models().join("grouped/tokenizer.json")).expect("read");
    assert!(copy("lora").write("tokenizer.json", own).load().is_ok());
}

#[test]
fn an_adapter_knows_its_base() {
    let (base, adapter) = (load("grouped").expect("loads"), load("lora").expect("loads"));
    assert_eq!(adapter.facts().base_digest.as_deref(), Some(base.facts().digest.as_str()));
    assert_ne!(adapter.facts().digest, base.facts().digest);
    assert_eq!(adapter.facts().template_digest, base.facts().template_digest);
}

/// A copy of the plain adapter with one setting changed.
#[track_caller]
fn setting_is_refused(key: &str, value: serde_json::Value, parts: &[&str]) {
    let all: Vec<&str> = [CONFIG, key].into_iter().chain(parts.iter().copied()).collect();
    copy("lora").set(CONFIG, key, value).is_refused(&all);
}

#[test]
fn what_peft_can_do_beyond_is_refused_by_name() {
    setting_is_refused("peft_type", json!("IA3"), &["IA3", "LORA"]);
    setting_is_refused("task_type", json!("SEQ_CLS"), &["SEQ_CLS"]);
    setting_is_refused("bias", json!("lora_only"), &["lora_only", "none"]);
    setting_is_refused("use_dora", json!(true), &["true"]);
    setting_is_refused("fan_in_fan_out", json!(true), &["true"]);
    setting_is_refused("lora_bias", json!(true), &[]);
    setting_is_refused("init_lora_weights", json!("pissa_niter_4"), &["pissa_niter_4"]);
    setting_is_refused("layer_replication", json!([[0, 2], [1, 2]]), &[]);
    setting_is_refused("trainable_token_indices", json!([1, 2]), &[]);
    setting_is_refused("ensure_weight_tying", json!(true), &[]);
    setting_is_refused("target_modules", json!(".*attn.*"), &["list of module names", "all-linear"]);
    setting_is_refused("rank_pattern", json!({".*_proj": 4}), &["regular expressions"]);
    setting_is_refused("a_setting_of_the_future", json!(3), &[]);
}

#[test]
fn an_adapter_for_other_modules_is_refused() {
    copy("lora").set(CONFIG, "target_modules", json!(["c_attn"])).is_refused(&[CONFIG, "c_attn", "q_proj"]);
}

#[test]
fn an_adapter_of_another_rank_is_refused_with_both_shapes() {
    copy("lora").set(CONFIG, "r", json!(8)).is_refused(&[WEIGHTS, "lora_A", "[4, 32]", "[8, 32]"]);
}

#[test]
fn an_adapter_without_one_of_its_modules_is_refused() {
    copy("lora").set(CONFIG, "target_modules", json!(["q_proj", "v_proj", "o_proj"])).is_refused(&[
        WEIGHTS,
        "no tensor",
        "o_proj.lora_A",
        "[4, 32]",
    ]);
}

#[test]
fn an_adapter_with_tensors_that_its_settings_do_not_name_is_refused() {
    copy("lora").set(CONFIG, "target_modules", json!(["q_proj"])).is_refused(&[WEIGHTS, "v_proj.lora_A"]);
}

#[test]
fn an_adapter_for_a_base_of_another_shape_is_refused() {
    copy("lora")
        .set(CONFIG, "base_model_name_or_path", json!("llama3-f16"))
        .is_refused(&[WEIGHTS, "[8, 4]", "[16, 4]"]);
}

#[test]
fn an_adapter_whose_base_is_not_here_is_refused_with_the_known_names() {
    copy("lora").set(CONFIG, "base_model_name_or_path", json!("meta-llama/Llama-9")).is_refused(&[
        CONFIG,
        "meta-llama/Llama-9",
        "grouped",
        "reader",
    ]);
}

#[test]
fn a_base_is_found_by_the_last_part_of_its_name_on_a_hub() {
    let adapter = copy("lora").set(CONFIG, "base_model_name_or_path", json!("somebody/grouped"));
    assert!(adapter.load().is_ok());
}

#[test]
fn an_adapter_for_another_base_is_refused() {
    let digest = load("tied-bf16").expect("loads").facts().digest.clone();
    copy("lora").write("model.toml", format!("base_digest = \"{digest}\"\n")).is_refused(&[
        "model.toml",
        "another base",
        &digest[..12],
        "grouped",
    ]);
    let digest = load("grouped").expect("loads").facts().digest.clone();
    assert!(copy("lora").write("model.toml", format!("base_digest = \"{digest}\"\n")).load().is_ok());
}

#[test]
fn an_adapter_of_an_adapter_is_refused() {
    copy("lora")
        .set(CONFIG, "base_model_name_or_path", json!("lora-head"))
        .is_refused(&["lora-head", "itself an adapter"]);
}

#[test]
fn a_truncated_adapter_is_refused() {
    copy("lora").cut(WEIGHTS, 2000).is_refused(&[WEIGHTS, "ends after 2000 bytes"]);
    refused(copy("lora").remove(WEIGHTS).load(), &[WEIGHTS]);
}
