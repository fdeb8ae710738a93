//! config.json of a Hugging Face folder: what the llama architecture needs, checked; anything that would change
//! the numbers and that the engine does not do is refused by its name.
//!
//! Knows the settings and the tensors they ask for; reads no weights.

use crate::fault::{Error, Fault, Result};
use crate::folder::Folder;
use candle_transformers::models::llama::{Config, Llama3RopeConfig, Llama3RopeType};
use serde_json::Value;

const FILE: &str = "config.json";

/// The largest window that position tables are made for: half a gigabyte at heads of 128 would be too much to
/// pay for positions that no prompt here reaches.
pub const LARGEST_WINDOW: usize = 32_768;

/// The shape of a llama model.
#[derive(Debug, Clone)]
pub struct Shape {
    /// As candle wants it. `max_position_embeddings` is the model's own.
    pub config: Config,
    /// Tokens that end an answer, as config.json and generation_config.json list them.
    pub eos: Vec<u32>,
}

impl Shape {
    /// Reads config.json and generation_config.json.
    ///
    /// # Errors
    /// A [`Fault`] that names the setting that is missing, impossible or not supported.
    pub fn read(folder: &Folder) -> Result<Self> {
        let settings = Settings::read(folder, FILE)?;
        let config = llama(&settings)?;
        let mut eos = settings.ids("eos_token_id")?;
        if folder.has("generation_config.json") {
            eos.extend(Settings::read(folder, "generation_config.json")?.ids("eos_token_id")?);
        }
        eos.sort_unstable();
        eos.dedup();
        Ok(Self { config, eos })
    }

    /// Numbers in one head.
    pub fn head_dim(&self) -> usize {
        self.config.hidden_size / self.config.num_attention_heads
    }

    /// The tensors that such a model has, and their shapes: weights are `[out, in]`, the embeddings
    /// `[vocabulary, hidden]`, the norms `[hidden]`. Lazy, since a broken config can ask for billions.
    pub fn tensors(&self) -> impl Iterator<Item = (String, Vec<usize>)> + use<> {
        let c = &self.config;
        let (hidden, inner, vocabulary) = (c.hidden_size, c.intermediate_size, c.vocab_size);
        let keys = self.head_dim() * c.num_key_value_heads;
        let outer = [
            ("model.embed_tokens.weight".to_owned(), vec![vocabulary, hidden]),
            ("model.norm.weight".to_owned(), vec![hidden]),
        ];
        let head = (!c.tie_word_embeddings).then(|| ("lm_head.weight".to_owned(), vec![vocabulary, hidden]));
        let layers = (0..c.num_hidden_layers).flat_map(move |n| {
            [
                ("input_layernorm", vec![hidden]),
                ("post_attention_layernorm", vec![hidden]),
                ("self_attn.q_proj", vec![hidden, hidden]),
                ("self_attn.k_proj", vec![keys, hidden]),
                ("self_attn.v_proj", vec![keys, hidden]),
                ("self_attn.o_proj", vec![hidden, hidden]),
                ("mlp.gate_proj", vec![inner, hidden]),
                ("mlp.up_proj", vec![inner, hidden]),
                ("mlp.down_proj", vec![hidden, inner]),
            ]
            .map(|(part, shape)| (format!("model.layers.{n}.{part}.weight"), shape))
        });
        outer.into_iter().chain(head).chain(layers)
    }

    /// How many numbers such a model holds; `None` if the settings ask for more than there can be.
    pub fn parameters(&self) -> Option<u64> {
        let c = &self.config;
        let (hidden, inner, vocabulary) =
            (c.hidden_size as u64, c.intermediate_size as u64, c.vocab_size as u64);
        let keys = (self.head_dim() * c.num_key_value_heads) as u64;
        let attention = hidden.checked_mul(hidden.checked_add(keys)?)?.checked_mul(2)?;
        let layer =
            hidden.checked_mul(inner)?.checked_mul(3)?.checked_add(attention)?.checked_add(2 * hidden)?;
        let embeddings =
            vocabulary.checked_mul(hidden)?.checked_mul(if c.tie_word_embeddings { 1 } else { 2 })?;
        layer.checked_mul(c.num_hidden_layers as u64)?.checked_add(embeddings)?.checked_add(hidden)
    }
}

/// A JSON file of settings.
pub(super) struct Settings {
    pub(super) place: String,
    value: serde_json::Map<String, Value>,
}

impl Settings {
    pub(super) fn read(folder: &Folder, file: &str) -> Result<Self> {
        let place = folder.place(file);
        let text = folder.read_text(file)?;
        let value = serde_json::from_str(&text).map_err(|e| {
            Fault::new(format!("{place}:{}", e.line()), e)
                .expected("an object in JSON")
                .next("Correct the file, or copy it again from where the model came from.")
        })?;
        Ok(Self { place, value })
    }

    /// The setting, unless it is absent or null.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.value.get(key).filter(|v| !v.is_null())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.value.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The fault of a setting that juxta does not do.
    pub(super) fn refuse(&self, key: &str, found: impl std::fmt::Display, expected: &str) -> Error {
        Fault::new(&self.place, format!("{key} = {found}"))
            .expected(expected)
            .next("Choose a model without it; see the README for the models that juxta runs.")
            .into()
    }

    fn wrong(&self, key: &str, expected: &str) -> Error {
        let found = self.get(key).map_or_else(|| format!("no {key}"), |v| format!("{key} = {v}"));
        Fault::new(&self.place, found)
            .expected(expected)
            .next("Correct the file, or copy it again from where the model came from.")
            .into()
    }

    /// A whole number from 1 to 2^31.
    pub(super) fn count(&self, key: &str) -> Result<usize> {
        self.maybe_count(key)?.ok_or_else(|| self.wrong(key, "a whole number"))
    }

    pub(super) fn maybe_count(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_u64() {
            Some(n) if (1..=1 << 31).contains(&n) => Ok(usize::try_from(n).ok()),
            _ => Err(self.wrong(key, "a whole number from 1 to 2147483648")),
        }
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_f64() {
            Some(n) if n > 0.0 && n.is_finite() => Ok(Some(n)),
            _ => Err(self.wrong(key, "a number above 0")),
        }
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>> {
        self.get(key).map(|v| v.as_bool().ok_or_else(|| self.wrong(key, "true or false"))).transpose()
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>> {
        self.get(key).map(|v| v.as_str().ok_or_else(|| self.wrong(key, "a text"))).transpose()
    }

    /// One token id or a list of them.
    fn ids(&self, key: &str) -> Result<Vec<u32>> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let ids: Option<Vec<u32>> = match value {
            Value::Array(values) => values.iter().map(id).collect(),
            one => id(one).map(|id| vec![id]),
        };
        ids.ok_or_else(|| self.wrong(key, "a token id, or a list of them"))
    }
}

fn llama(s: &Settings) -> Result<Config> {
    match s.text("model_type")? {
        Some("llama") => {}
        Some(other) => {
            return Err(s.refuse(
                "model_type",
                format!("{other:?}"),
                "\"llama\", the architecture that juxta runs",
            ));
        }
        None => return Err(s.wrong("model_type", "model_type = \"llama\"")),
    }
    if let Some(list) = s.get("architectures")
        && !list.as_array().is_some_and(|a| a.iter().any(|v| v == "LlamaForCausalLM"))
    {
        return Err(s.refuse("architectures", list, "\"LlamaForCausalLM\", a model that answers"));
    }
    for key in ["attention_bias", "mlp_bias"] {
        if s.flag(key)? == Some(true) {
            return Err(s.refuse(key, true, "false: the engine has no biases"));
        }
    }
    for key in ["quantization_config", "sliding_window", "attention_multiplier", "embedding_multiplier"] {
        if let Some(value) = s.get(key) {
            return Err(s.refuse(key, value, "no such setting: the engine would ignore it"));
        }
    }
    match s.text("hidden_act")? {
        None | Some("silu") => {}
        Some(other) => return Err(s.refuse("hidden_act", format!("{other:?}"), "\"silu\"")),
    }
    let hidden = s.count("hidden_size")?;
    let heads = s.count("num_attention_heads")?;
    let key_heads = s.maybe_count("num_key_value_heads")?.unwrap_or(heads);
    if hidden % heads != 0 || (hidden / heads) % 2 != 0 {
        return Err(s.wrong(
            "num_attention_heads",
            &format!("a divisor of hidden_size = {hidden} that leaves even heads"),
        ));
    }
    if heads % key_heads != 0 {
        return Err(s.wrong("num_key_value_heads", &format!("a divisor of num_attention_heads = {heads}")));
    }
    if let Some(head) = s.maybe_count("head_dim")?
        && head != hidden / heads
    {
        return Err(s.refuse(
            "head_dim",
            head,
            &format!("hidden_size / num_attention_heads = {}", hidden / heads),
        ));
    }
    let (theta, scaling) = rope(s)?;
    Ok(Config {
        hidden_size: hidden,
        intermediate_size: s.count("intermediate_size")?,
        vocab_size: s.count("vocab_size")?,
        num_hidden_layers: s.count("num_hidden_layers")?,
        num_attention_heads: heads,
        num_key_value_heads: key_heads,
        use_flash_attn: false,
        rms_norm_eps: s.number("rms_norm_eps")?.unwrap_or(1e-6),
        rope_theta: theta as f32,
        bos_token_id: None,
        eos_token_id: None,
        rope_scaling: scaling,
        max_position_embeddings: s.count("max_position_embeddings")?,
        tie_word_embeddings: s.flag("tie_word_embeddings")?.unwrap_or(false),
    })
}

/// Base and scaling of the rotary embedding: `rope_theta` and `rope_scaling`, or both within `rope_parameters`
/// as transformers writes since version 5.
fn rope(s: &Settings) -> Result<(f64, Option<Llama3RopeConfig>)> {
    if s.number("partial_rotary_factor")?.is_some_and(|f| f != 1.0) {
        return Err(s.refuse("partial_rotary_factor", "below 1", "rotary embeddings over whole heads"));
    }
    let outer = s.number("rope_theta")?;
    let (name, value) = match (s.get("rope_parameters"), s.get("rope_scaling")) {
        (Some(value), _) => ("rope_parameters", value),
        (None, Some(value)) => ("rope_scaling", value),
        (None, None) => return Ok((outer.unwrap_or(10_000.0), None)),
    };
    let Some(map) = value.as_object() else {
        return Err(s.refuse(name, value, "an object with rope_type"));
    };
    let inner = Settings { place: format!("{} {name}", s.place), value: map.clone() };
    if inner.number("partial_rotary_factor")?.is_some_and(|f| f != 1.0) {
        return Err(inner.refuse("partial_rotary_factor", "below 1", "rotary embeddings over whole heads"));
    }
    let theta = inner.number("rope_theta")?.or(outer).unwrap_or(10_000.0);
    let kind = match inner.text("rope_type")? {
        Some(kind) => kind,
        None => inner.text("type")?.unwrap_or("default"),
    };
    match kind {
        "default" => Ok((theta, None)),
        "llama3" => {
            let need = |key: &str| inner.number(key)?.ok_or_else(|| inner.wrong(key, "a number above 0"));
            let (low, high) = (need("low_freq_factor")?, need("high_freq_factor")?);
            if high <= low {
                return Err(inner.wrong("high_freq_factor", &format!("more than low_freq_factor = {low}")));
            }
            let scaling = Llama3RopeConfig {
                factor: need("factor")? as f32,
                low_freq_factor: low as f32,
                high_freq_factor: high as f32,
                original_max_position_embeddings: inner.count("original_max_position_embeddings")?,
                rope_type: Llama3RopeType::Llama3,
            };
            Ok((theta, Some(scaling)))
        }
        other => Err(inner.refuse("rope_type", format!("{other:?}"), "\"default\" or \"llama3\"")),
    }
}
