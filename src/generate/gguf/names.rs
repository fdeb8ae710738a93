//! What GGUF files call the tensors that Hugging Face transformers has other names for. One table, read from both sides:
//! by the loader, and by what writes such files.

use super::super::shape::Family;

/// Factors of frequencies: Llama 3.1's, and Phi 3's within its first window and beyond.
pub(super) const LLAMA_FACTORS: &str = "rope_freqs.weight";
pub(super) const SHORT_FACTORS: &str = "rope_factors_short.weight";
pub(super) const LONG_FACTORS: &str = "rope_factors_long.weight";

/// Those that a family's files may have, none without the one before.
pub(super) fn factors_of(family: Family) -> &'static [&'static str] {
    match family {
        Family::Llama => &[LLAMA_FACTORS],
        Family::Phi3 => &[SHORT_FACTORS, LONG_FACTORS],
        _ => &[],
    }
}

const OUTER: [(&str, &str); 3] =
    [("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"), ("lm_head", "output")];

const PARTS: [(&str, &str); 13] = [
    ("input_layernorm", "attn_norm"),
    ("pre_feedforward_layernorm", "ffn_norm"),
    ("post_feedforward_layernorm", "post_ffw_norm"),
    ("self_attn.q_norm", "attn_q_norm"),
    ("self_attn.k_norm", "attn_k_norm"),
    ("self_attn.q_proj", "attn_q"),
    ("self_attn.k_proj", "attn_k"),
    ("self_attn.v_proj", "attn_v"),
    ("self_attn.qkv_proj", "attn_qkv"),
    ("self_attn.o_proj", "attn_output"),
    ("mlp.gate_proj", "ffn_gate"),
    ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
];

/// The name in a GGUF file of the tensor that transformers calls `hub`; `hub` itself if it is none that
/// [`super::super::shape::Shape::tensors`] names.
pub(super) fn of_tensor(hub: &str, family: Family) -> String {
    let Some((module, kind)) = hub.rsplit_once('.') else { return hub.to_owned() };
    if let Some((_, name)) = OUTER.iter().find(|(from, _)| *from == module) {
        return format!("{name}.{kind}");
    }
    let inner = module.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.'));
    let Some((layer, part)) = inner else { return hub.to_owned() };
    let name = match part {
        // What stands behind the attention in Gemma 2 and 3, and before the feed-forward in all others.
        "post_attention_layernorm" if family.has_post_norms() => "post_attention_norm",
        "post_attention_layernorm" => "ffn_norm",
        "mlp.gate_up_proj" => "ffn_up",
        part => match PARTS.iter().find(|(from, _)| *from == part) {
            Some((_, name)) => name,
            None => return hub.to_owned(),
        },
    };
    format!("blk.{layer}.{name}.{kind}")
}
