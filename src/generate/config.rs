//! config.json of a Hugging Face folder: what a decoder needs of it, checked; anything that would change the numbers
//! and that the engine does not do is refused by its name.
//!
//! Knows the settings of each family and their defaults, as transformers has them; reads no weights.

use super::rope::{Rope, Scaling, yarn_amplitude};
use super::settings::Settings;
use super::shape::{Family, LARGEST_HEAD, Shape, Windows};
use crate::fault::Result;
use crate::folder::Folder;
use serde_json::Value;

const FILE: &str = "config.json";

/// Settings of relatives that multiply or leave out what the families here do not.
const UNKNOWN_TO_THE_ENGINE: [&str; 5] = [
    "quantization_config",
    "attention_multiplier",
    "embedding_multiplier",
    "residual_multiplier",
    "logits_scaling",
];

impl Shape {
    /// Reads config.json and generation_config.json.
    ///
    /// # Errors
    /// A [`crate::fault::Fault`] that names the setting that is missing, impossible or not supported.
    pub fn read(folder: &Folder) -> Result<Self> {
        let settings = Settings::read(folder, FILE)?;
        let mut shape = read(&settings)?;
        if folder.has("generation_config.json") {
            shape.eos.extend(Settings::read(folder, "generation_config.json")?.ids("eos_token_id")?);
        }
        shape.eos.sort_unstable();
        shape.eos.dedup();
        Ok(shape)
    }
}

fn family(s: &Settings) -> Result<Family> {
    let family = match s.text("model_type")? {
        Some("gemma3_text") => Family::Gemma3,
        Some("gemma3") => {
            return Err(s.refuse(
                "model_type",
                "\"gemma3\", which looks at pictures too",
                "\"gemma3_text\": the text model alone",
            ));
        }
        Some(name) => match Family::ALL.into_iter().find(|f| f.name() == name) {
            Some(family) => family,
            None => {
                let known = format!("one of {}, the architectures that juxta runs", Family::names());
                return Err(s.refuse("model_type", format!("{name:?}"), &known));
            }
        },
        None => return Err(s.wrong("model_type", &format!("model_type: one of {}", Family::names()))),
    };
    let class = match family {
        Family::Llama => "LlamaForCausalLM",
        Family::Mistral => "MistralForCausalLM",
        Family::Qwen2 => "Qwen2ForCausalLM",
        Family::Qwen3 => "Qwen3ForCausalLM",
        Family::Gemma => "GemmaForCausalLM",
        Family::Gemma2 => "Gemma2ForCausalLM",
        Family::Gemma3 => "Gemma3ForCausalLM",
        Family::Phi3 => "Phi3ForCausalLM",
    };
    match s.get("architectures") {
        Some(list) if !list.as_array().is_some_and(|a| a.iter().any(|v| v == class)) => {
            Err(s.refuse("architectures", list, &format!("{class:?}, a model that answers")))
        }
        _ => Ok(family),
    }
}

fn read(s: &Settings) -> Result<Shape> {
    let family = family(s)?;
    refuse_what_is_not_done(s, family)?;
    let hidden = s.count("hidden_size")?;
    let heads = s.count("num_attention_heads")?;
    if hidden % heads != 0 {
        return Err(s.wrong(
            "num_attention_heads",
            &format!("a divisor of hidden_size = {hidden} that leaves even heads"),
        ));
    }
    let head = match s.maybe_count("head_dim")? {
        Some(head) => head,
        None if family == Family::Qwen3 => 128,
        None if family.is_gemma() => 256,
        None => hidden / heads,
    };
    if head % 2 != 0 || head > LARGEST_HEAD {
        let expected = format!("even heads of at most {LARGEST_HEAD}; they are of {head}");
        return Err(s.wrong("num_attention_heads", &expected));
    }
    let key_heads = s.maybe_count("num_key_value_heads")?.unwrap_or(heads);
    if heads % key_heads != 0 {
        return Err(s.wrong("num_key_value_heads", &format!("a divisor of num_attention_heads = {heads}")));
    }
    let layers = s.count("num_hidden_layers")?;
    let mut positions = s.count("max_position_embeddings")?;
    let (rope, local_rope) = ropes(s, family, head, &mut positions)?;
    let biased = s.flag("attention_bias")? == Some(true);
    let scaled_by = match family {
        Family::Gemma2 | Family::Gemma3 => s.number("query_pre_attn_scalar")?.unwrap_or(256.0),
        _ => head as f64,
    };
    let cap = |key: &str, default: Option<f64>| match (s.number(key)?, s.is_null(key)) {
        (Some(cap), _) => Ok(Some(cap)),
        (None, true) => Ok(None),
        (None, false) => Ok::<_, crate::fault::Error>(default),
    };
    let (score_cap, logit_cap) = match family {
        Family::Gemma2 => {
            (cap("attn_logit_softcapping", Some(50.0))?, cap("final_logit_softcapping", Some(30.0))?)
        }
        Family::Gemma3 => (cap("attn_logit_softcapping", None)?, cap("final_logit_softcapping", None)?),
        _ => (None, None),
    };
    Ok(Shape {
        family,
        vocabulary: s.count("vocab_size")?,
        hidden,
        feed_forward: s.count("intermediate_size")?,
        layers,
        heads,
        key_heads,
        head,
        epsilon: s.number("rms_norm_eps")?.unwrap_or(if family == Family::Phi3 { 1e-5 } else { 1e-6 }),
        positions,
        tied: s.flag("tie_word_embeddings")?.unwrap_or(family.is_gemma()),
        biases: family == Family::Qwen2 || biased,
        output_bias: family != Family::Qwen2 && biased,
        scale: 1.0 / scaled_by.sqrt(),
        score_cap,
        logit_cap,
        rope,
        local_rope,
        windows: windows(s, family, layers, positions)?,
        eos: s.ids("eos_token_id")?,
    })
}

fn refuse_what_is_not_done(s: &Settings, family: Family) -> Result<()> {
    for key in UNKNOWN_TO_THE_ENGINE {
        if let Some(value) = s.get(key) {
            return Err(s.refuse(key, value, "no such setting: the engine would ignore it"));
        }
    }
    for key in ["mlp_bias", "use_bidirectional_attention"] {
        if s.flag(key)? == Some(true) {
            return Err(s.refuse(key, true, "false: the engine has no biases there, and looks back only"));
        }
    }
    if matches!(family, Family::Mistral | Family::Phi3) && s.flag("attention_bias")? == Some(true) {
        return Err(s.refuse("attention_bias", true, "false: these models have no biases"));
    }
    if family == Family::Llama
        && let Some(window) = s.get("sliding_window")
    {
        return Err(s.refuse("sliding_window", window, "no such setting: llama models have none"));
    }
    let (key, wanted) = match family.is_gemma() {
        true if s.get("hidden_activation").is_some() => ("hidden_activation", "gelu_pytorch_tanh"),
        true => ("hidden_act", "gelu_pytorch_tanh"),
        false => ("hidden_act", "silu"),
    };
    match s.text(key)? {
        None => Ok(()),
        Some(found) if found == wanted => Ok(()),
        // The first Gemma's files say `gelu` and mean its approximation.
        Some("gelu") if key == "hidden_act" && family == Family::Gemma => Ok(()),
        Some(other) => Err(s.refuse(key, format!("{other:?}"), &format!("{wanted:?}"))),
    }
}

/// Which layers look back over how many tokens.
fn windows(s: &Settings, family: Family, layers: usize, positions: usize) -> Result<Windows> {
    let window = match (s.maybe_count("sliding_window")?, family) {
        (_, Family::Llama | Family::Gemma) => None,
        (_, Family::Qwen2 | Family::Qwen3) if s.flag("use_sliding_window")? != Some(true) => None,
        (Some(window), _) => Some(window),
        (None, Family::Phi3) => None,
        (None, _) if s.is_null("sliding_window") => None,
        // What transformers takes where a file does not say.
        (None, _) => Some(4096),
    };
    let Some(window) = window.filter(|w| *w < positions) else { return Ok(Windows::None) };
    if let Some(list) = s.get("layer_types") {
        let kind = |v: &Value| match v.as_str() {
            Some("sliding_attention") => Some(true),
            Some("full_attention") => Some(false),
            _ => None,
        };
        let marked: Option<Vec<bool>> = list.as_array().and_then(|list| list.iter().map(kind).collect());
        return match marked {
            Some(marked) if marked.len() == layers => Ok(Windows::Marked { window, layers: marked }),
            _ => Err(s.wrong("layer_types", "\"sliding_attention\" or \"full_attention\" for each layer")),
        };
    }
    Ok(match family {
        Family::Qwen2 | Family::Qwen3 => {
            Windows::From { window, first: s.maybe_count("max_window_layers")?.unwrap_or(28) }
        }
        Family::Gemma2 => Windows::ButEvery { window, every: 2 },
        Family::Gemma3 => {
            Windows::ButEvery { window, every: s.maybe_count("sliding_window_pattern")?.unwrap_or(6) }
        }
        _ => Windows::All(window),
    })
}

/// The rotary embeddings of all layers, and of those with a window where theirs is another: `rope_theta` and
/// `rope_scaling`, or both within `rope_parameters` as transformers writes since version 5.
fn ropes(s: &Settings, family: Family, head: usize, positions: &mut usize) -> Result<(Rope, Option<Rope>)> {
    let parameters = s.inner("rope_parameters")?;
    let scaling = s.inner("rope_scaling")?;
    if family == Family::Gemma3 {
        let full = match &parameters {
            Some(parameters) => parameters.inner("full_attention")?.or(scaling),
            None => scaling,
        };
        let local = match &parameters {
            Some(parameters) => parameters.inner("sliding_attention")?,
            None => None,
        };
        let theta = s.number("rope_theta")?.unwrap_or(1_000_000.0);
        let local_theta = s.number("rope_local_base_freq")?.unwrap_or(10_000.0);
        return Ok((
            rope(s, full.as_ref(), family, theta, head, positions)?,
            Some(rope(s, local.as_ref(), family, local_theta, head, positions)?),
        ));
    }
    let theta = s.number("rope_theta")?.unwrap_or(10_000.0);
    Ok((rope(s, parameters.or(scaling).as_ref(), family, theta, head, positions)?, None))
}

fn rope(
    outer: &Settings,
    inner: Option<&Settings>,
    family: Family,
    theta: f64,
    head: usize,
    positions: &mut usize,
) -> Result<Rope> {
    let part = match inner.map(|s| s.number("partial_rotary_factor")).transpose()?.flatten() {
        Some(part) => part,
        None => outer.number("partial_rotary_factor")?.unwrap_or(1.0),
    };
    if part != 1.0 && (family != Family::Phi3 || part > 1.0) {
        return Err(outer.refuse(
            "partial_rotary_factor",
            part,
            "no such setting, or 1: rotary embeddings over whole heads",
        ));
    }
    // As transformers rounds it.
    let turned = (head as f64 * part) as usize;
    if turned == 0 || !turned.is_multiple_of(2) {
        return Err(outer.refuse("partial_rotary_factor", part, "an even part of a head"));
    }
    let Some(s) = inner else { return Ok(Rope { turned, ..Rope::plain(theta, head) }) };
    let theta = s.number("rope_theta")?.unwrap_or(theta);
    let kind = match s.text("rope_type")? {
        Some(kind) => kind,
        None => s.text("type")?.unwrap_or("default"),
    };
    let need = |key: &str| s.number(key)?.ok_or_else(|| s.wrong(key, "a number above 0"));
    let mut amplitude = 1.0;
    let scaling = match kind {
        "default" => Scaling::None,
        "linear" => Scaling::Linear(need("factor")?),
        "llama3" => {
            let (low, high) = (need("low_freq_factor")?, need("high_freq_factor")?);
            if high <= low {
                return Err(s.wrong("high_freq_factor", &format!("more than low_freq_factor = {low}")));
            }
            let original = s.count("original_max_position_embeddings")?;
            Scaling::Llama3 { factor: need("factor")?, low, high, original }
        }
        "yarn" => {
            let original = s.maybe_count("original_max_position_embeddings")?.unwrap_or(*positions);
            let factor = s.number("factor")?.unwrap_or(*positions as f64 / original as f64);
            let (fast, slow) =
                (s.number("beta_fast")?.unwrap_or(32.0), s.number("beta_slow")?.unwrap_or(1.0));
            if slow >= fast {
                return Err(s.wrong("beta_slow", &format!("less than beta_fast = {fast}")));
            }
            amplitude =
                match (s.number("attention_factor")?, s.number("mscale")?, s.number("mscale_all_dim")?) {
                    (Some(factor), ..) => factor,
                    (None, Some(one), Some(all)) => yarn_amplitude(factor, one) / yarn_amplitude(factor, all),
                    _ => yarn_amplitude(factor, 1.0),
                };
            Scaling::Yarn { factor, fast, slow, original, whole: s.flag("truncate")?.unwrap_or(true) }
        }
        "longrope" | "su" if family == Family::Phi3 => {
            let original = match s.maybe_count("original_max_position_embeddings")? {
                Some(original) => original,
                None => outer.maybe_count("original_max_position_embeddings")?.unwrap_or(4096),
            };
            let factor = s.number("factor")?.unwrap_or(*positions as f64 / original as f64);
            amplitude = match s.number("attention_factor")? {
                Some(factor) => factor,
                None if factor <= 1.0 => 1.0,
                None => (1.0 + factor.ln() / (original as f64).ln()).sqrt(),
            };
            let (near, far) =
                (factors(s, "short_factor", turned / 2)?, factors(s, "long_factor", turned / 2)?);
            Scaling::Long { near, far, original }
        }
        other => {
            return Err(s.refuse(
                "rope_type",
                format!("{other:?}"),
                "\"default\", \"linear\", \"llama3\" or \"yarn\"",
            ));
        }
    };
    Ok(Rope { theta, turned, scaling, amplitude })
}

fn factors(s: &Settings, key: &str, n: usize) -> Result<Vec<f64>> {
    let factors: Option<Vec<f64>> =
        s.get(key).and_then(|v| v.as_array()?.iter().map(|v| v.as_f64().filter(|f| *f > 0.0)).collect());
    factors
        .filter(|f| f.len() == n)
        .ok_or_else(|| s.wrong(key, &format!("{n} numbers above 0: one for each pair that is turned")))
}
